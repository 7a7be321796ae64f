#!/usr/bin/python
# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: probe
short_description: Speak to an SSTP server as a client does, and say what breaks
version_added: 0.1.0
description:
  - Connects from the controller to an SSTP server as a VPN client does, over TLS and HTTP to SSTP, and if wanted on through a login. RV(verdict)
    says in a code and a sentence how that ended.
  - Only O(depth=login) proves the crypto binding, that is, that the certificate which TLS shows is the one whose hash SstpSvc holds. All
    before it can be right while no client gets in.
  - No connection to the managed host is opened. The module works with any connection, and while the host is down for Ansible.
  - A login is tried once and never again, so that no account is locked out by retries. Every call ends with a proper goodbye.
options:
  host:
    description:
      - The name that clients dial. It goes into TLS (SNI) and HTTP, and the server's certificate must be for it.
      - By default C(ansible_host) of the managed host, and C(inventory_hostname) where that is not set. Where C(ansible_host) is an IP address,
        the name is C(inventory_hostname), and O(address) is by default that IP address.
    type: str
  port:
    description:
      - The port that clients dial.
    type: int
    default: 443
  address:
    description:
      - A name or IP address to connect to in place of O(host), such as that of one node behind a load balancer.
      - To probe IPv4 and IPv6 each for itself, give the address of one and then that of the other.
    type: str
  depth:
    description:
      - How far to go.
      - V(tls) ends after the handshake and the look at the certificate.
      - V(http) asks for SSTP's URL with HEAD, as load balancers do. It begins no call and takes no SSTP port.
      - V(sstp) begins a call and ends it when the server has acknowledged it. It takes one SSTP port for that moment.
      - V(login) goes on through MS-CHAPv2 and the crypto binding to an IP address in the tunnel. The server's logs and accounting show it.
    type: str
    choices: [tls, http, sstp, login]
    default: sstp
  user:
    description:
      - The account of a login, as C(DOMAIN\name) or C(name@domain). It needs the right to dial in.
      - It needs O(password), and matters for O(depth=login) only.
    type: str
  password:
    description:
      - The password of O(user).
    type: str
  ca_path:
    description:
      - A PEM file on the controller with the roots to trust in place of the system's. A relative path is looked for in the C(files) directories
        of the role and the play, as M(ansible.builtin.copy) does, and then in the current directory.
    type: str
  validate_certs:
    description:
      - Whether to stop at a certificate that clients refuse. V(false) goes on, and RV(faults) tells about it.
      - With V(false) a login gives its MS-CHAPv2 exchange, at which a password can be guessed, to whoever answers.
    type: bool
    default: true
  sha256:
    description:
      - SHA-256 of the one certificate that the server is to show, as 64 hexadecimal digits. Where it shows another, the probe ends there with the
        code V(wrong_certificate), before any login.
      - With it O(validate_certs) does not matter. What else clients hold against the certificate is told in RV(faults).
    type: str
  every_address:
    description:
      - Whether to probe each IPv4 and IPv6 address that O(address), or O(host), stands for, one after the other. RV(addresses) has them all.
      - The other results are those of the first address that was reached and is not well, else of the first that was reached.
      - A login is tried at the first address that gets so far, and at no other.
    type: bool
    default: false
  proxy:
    description:
      - An HTTP proxy to go through, as V(proxy.example.com:3128) or V([::1]:3128). It must not want a login, which SSTP clients cannot give.
      - By default none. Environment variables are not looked at.
    type: str
  timeout:
    description:
      - How many seconds all stages up to the verdict may take together. It must be V(1) or more. The goodbye may take up to nine seconds more.
    type: int
    default: 60
  stage_timeout:
    description:
      - How many seconds each stage may take. It must be V(1) or more. SSTP itself waits no longer than 60 at a stage.
    type: int
    default: 20
  settle_timeout:
    description:
      - How many seconds to go on where the server answers as one that has just been started, such as with a refused connection or with HTTP
        status 404 or 503. It must be V(0) or more. What has begun a login is never repeated.
    type: int
    default: 0
  before:
    description:
      - What this module returned when it looked at the same server before a change. RV(worse) then says what the change has made worse.
      - Where that login was refused, none is tried now, so that no account is locked out. Where nothing was reached, O(settle_timeout) does not
        matter.
    type: dict
  evidence:
    description:
      - What the server says of itself, RV(rras.sstp.rotate#module:evidence) or RV(rras.sstp.audit#module:server). Without a login it is needed
        for RV(proof).
    type: dict
  fail_on:
    description:
      - V(error) fails the task where RV(ok) is V(false), with the sentence of RV(verdict) as its message.
      - V(wrong) fails it where RV(wrong) is not empty, thus not for a server that cannot be reached, a refused login or a lack of free ports.
      - V(never) fails it for neither. The results are returned in all cases.
      - Options that cannot be meant fail the task always.
    type: str
    choices: [never, wrong, error]
    default: error
attributes:
  action:
    description: Has an action plugin, so that it runs on the controller.
    support: full
    details:
      - All of it happens on the controller.
  async:
    description: Can be used with the C(async) keyword.
    support: none
    details:
      - Ansible cannot run an action plugin in the background. O(timeout) limits it.
  platform:
    description: The operating systems that can be targets.
    support: full
    platforms: all
    details:
      - Nothing is done on the target.
extends_documentation_fragment:
  - rras.sstp._attributes.reads
requirements:
  - "On the controller: the Python library cryptography, and for O(depth=login) pycryptodome."
notes:
  - The port is not an option that it shares with other modules, as clients may dial another port than the server listens on. So it is not in the
    action group C(group/rras.sstp.sstp).
  - The same from a shell, without Ansible, is C(python3 .../rras/sstp/plugins/plugin_utils/sstp vpn.example.com). Its C(--help) tells the exit codes.
seealso:
  - module: rras.sstp.audit
    description: Looks at the server from within, and needs no login to see that a hash is wrong.
author:
  - The rras.sstp authors (@rras-sstp)
"""

EXAMPLES = r"""
- name: Fail when clients cannot begin a call
  rras.sstp.probe:
    host: vpn.example.com

- name: Log in once, which proves the crypto binding as well
  rras.sstp.probe:
    host: vpn.example.com
    depth: login
    user: EXAMPLE\probe
    password: "{{ vault_probe_password }}"
    ca_path: corporate-root.pem
  register: vpn

- name: Show the certificate that was served
  ansible.builtin.debug:
    var: vpn.served.chain[0]

- name: Look at each node behind the name, and go on whatever comes of it
  rras.sstp.probe:
    host: vpn.example.com
    address: "{{ item }}"
    fail_on: never
  loop:
    - 192.0.2.10
    - 2001:db8::10
"""

RETURN = r"""
ok:
  description: Whether the server did all that O(depth) asks for.
  returned: always
  type: bool
  sample: false
verdict:
  description: How it ended.
  returned: always
  type: dict
  contains: &verdict
    code:
      description:
        - What it is.
        - "V(ok)."
        - "About the way there: V(unreachable), V(refused), V(timed_out), V(proxy_refused)."
        - "About TLS and the certificate: V(reset_in_tls), V(tls_failed), V(wrong_certificate), V(wrong_name), V(expired), V(not_yet_valid),
          V(wrong_usage), V(untrusted_chain), V(unjudged_chain)."
        - "About HTTP and SSTP: V(not_sstp), V(sstp_stopped), V(no_ports), V(hash_protocol_not_allowed), V(aborted), V(closed),
          V(protocol_error)."
        - "About a login: V(eap_only), V(authentication_failed), V(crypto_binding_refused)."
      returned: always
      type: str
      sample: crypto_binding_refused
    stage:
      description:
        - Where it is.
        - V(resolve), V(connect), V(proxy), V(tls), V(http), V(sstp), V(login) or V(network).
      returned: always
      type: str
      sample: network
    sentence:
      description: What it means and what to do.
      returned: always
      type: str
      sample: The server's certificate has expired on 2026-02-28; renew it and rotate.
    detail:
      description:
        - A number that belongs to the code, such as the HTTP status or the error of MS-CHAPv2 (691 and others). V(null) where there is none.
      returned: always
      type: int
      sample: 4
faults:
  description: All that clients hold against the certificate.
  returned: always
  type: list
  elements: dict
  contains: *verdict
served:
  description: What TLS showed, V(null) where it did not come about.
  returned: always
  type: dict
  contains:
    chain:
      description: The certificates that the server sent, its own first.
      returned: always
      type: list
      elements: dict
      contains:
        thumbprint:
          description: SHA-1 of the DER, upper-case hexadecimal.
          returned: always
          type: str
          sample: 4F8E21D0A6C95B7734E1F0A2B8C6D95E03417FA2
        sha256:
          description: SHA-256 of the DER, upper-case hexadecimal.
          returned: always
          type: str
          sample: 91D6E0C4A7F38B25D04E6C19F7A2385B6E0D94C1A8B7F2360D5E4C9B1A78F3E2
        subject:
          description: The subject.
          returned: always
          type: str
          sample: CN=vpn.example.com
        issuer:
          description: The issuer.
          returned: always
          type: str
          sample: CN=Example Issuing CA
        serial_number:
          description: The serial number in hexadecimal.
          returned: always
          type: str
          sample: 3A9F
        not_before:
          description: Valid from then on, UTC.
          returned: always
          type: str
          sample: "2026-01-01T00:00:00Z"
        not_after:
          description: Valid until then, UTC.
          returned: always
          type: str
          sample: "2026-12-31T00:00:00Z"
        extended_key_usage:
          description: The purposes as object identifiers, V(null) where the certificate has no such extension.
          returned: always
          type: list
          elements: str
          sample: [1.3.6.1.5.5.7.3.1]
        names:
          description: The DNS names and IP addresses that it is for.
          returned: always
          type: list
          elements: str
          sample: [vpn.example.com]
    tls_version:
      description: The version of TLS.
      returned: always
      type: str
      sample: TLSv1.3
    cipher:
      description: The cipher suite as OpenSSL names it.
      returned: always
      type: str
      sample: TLS_AES_256_GCM_SHA384
http:
  description: The answer in HTTP, V(null) where there was none.
  returned: always
  type: dict
  contains:
    status:
      description: The status.
      returned: always
      type: int
      sample: 200
    server:
      description: The header Server, V(null) where there was none.
      returned: always
      type: str
      sample: Microsoft-HTTPAPI/2.0
sstp:
  description: What the server offers for the crypto binding, V(null) where it acknowledged no call.
  returned: always
  type: dict
  contains:
    hash_protocols:
      description: V(sha1), V(sha256), and bits without a name in hexadecimal.
      returned: always
      type: list
      elements: str
      sample: [sha256]
    nonce:
      description: The server's nonce in hexadecimal, V(null) where none of RV(sstp.hash_protocols) could be used.
      returned: always
      type: str
      sample: 412B489AEBD7ECC7D08966F26BE7CD72B231A0E9210D7C91B308862B0344C435
crypto_binding:
  description:
    - Whether the server took the hash of the certificate that it serves, V(accepted) or V(refused).
    - V(not exercised) where it did not come to that.
  returned: always
  type: str
  sample: accepted
tunnel_address:
  description: The IP address that the server gave in the tunnel, V(null) where it gave none.
  returned: always
  type: str
  sample: 10.20.0.17
seconds:
  description: How long each stage took that was begun. Its keys are the stages, and C(goodbye) after them.
  returned: always
  type: dict
  sample: {resolve: 0.002, connect: 0.011, tls: 0.034, http: 0.013, sstp: 0.012, goodbye: 0.012}
target:
  description: What was probed.
  returned: always
  type: dict
  contains:
    host:
      description: The name that was dialled.
      returned: always
      type: str
      sample: vpn.example.com
    port:
      description: The port.
      returned: always
      type: int
      sample: 443
    address:
      description: What was connected to in its place, V(null) where nothing was.
      returned: always
      type: str
      sample: 192.0.2.10
    depth:
      description: As O(depth).
      returned: always
      type: str
      sample: login
addresses:
  description: Each address that was probed. There is one unless O(every_address) is set.
  returned: always
  type: list
  elements: dict
  contains:
    endpoint:
      description: The address and port, or the name where no address is known.
      returned: always
      type: str
      sample: 192.0.2.10:443
    depth:
      description: How far the probe of this address was to go.
      returned: always
      type: str
      sample: sstp
    reached:
      description: Whether anything answered there.
      returned: always
      type: bool
      sample: true
    code:
      description: As RV(verdict.code).
      returned: always
      type: str
      sample: ok
    stage:
      description: As RV(verdict.stage).
      returned: always
      type: str
      sample: sstp
    sentence:
      description: As RV(verdict.sentence).
      returned: always
      type: str
      sample: The server speaks SSTP.
    thumbprint:
      description: The thumbprint of the certificate that was shown, V(null) where none was.
      returned: always
      type: str
      sample: 4F8E21D0A6C95B7734E1F0A2B8C6D95E03417FA2
    sha256:
      description: SHA-256 of the certificate that was shown, V(null) where none was.
      returned: always
      type: str
      sample: 91D6E0C4A7F38B25D04E6C19F7A2385B6E0D94C1A8B7F2360D5E4C9B1A78F3E2
    faults:
      description: As RV(faults).
      returned: always
      type: list
      elements: dict
      contains: *verdict
    crypto_binding:
      description: As RV(crypto_binding).
      returned: always
      type: str
      sample: not exercised
wrong:
  description:
    - What the server or its certificate is to blame for, at any of the addresses.
    - A name that the certificate is not for, a chain or a TLS that the controller does not take, a port that refuses, a URL that is not there, and a
      call that ends after the crypto binding count only where O(before) shows that they were right. A refused login, no free port, and a way that
      is barred never do, nor do dates, which are judged by the server's clock before a rotation.
  returned: always
  type: list
  elements: dict
  contains: *verdict
worse:
  description: The part of RV(wrong) that was right in O(before), that is, what taking the change back would heal. Empty without O(before).
  returned: always
  type: list
  elements: dict
  contains: *verdict
proof:
  description: What the probe proves about the server as a whole.
  returned: always
  type: dict
  contains:
    by:
      description:
        - V(login) where a login went through with the crypto binding.
        - V(certificate) where that was not exercised, as on servers that take EAP only, but every address that was reached shows the certificate
          whose SHA-256 SstpSvc holds, and RasSstp has logged no error or warning since its start. It needs O(evidence).
        - V(nothing) in all other cases.
      returned: always
      type: str
      sample: login
    sentence:
      description: What was seen, or what is missing.
      returned: always
      type: str
      sample: A login went through, and the server took the crypto binding with the certificate that it serves.
"""
