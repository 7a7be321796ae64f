#!/usr/bin/python
# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: audit
short_description: Judge whether an SSTP server and its certificate agree
version_added: 0.1.0
description:
  - Reads the server as M(rras.sstp.server_info) does and judges what it finds by rules. Each finding says what was expected, what is there,
    which event of RasSstp it leads to, and what to do about it.
  - With O(pfx), O(certificate) or O(thumbprint) the server is also judged against the certificate that it should have. Two or more of them
    must name the same certificate. With O(sha256) or O(balancer), where TLS is ended in front of the server, it is judged against that, and with
    O(mode) beside one of these against the mode as well. RV(candidate) then says what M(rras.sstp.rotate) would do to get there, and what stands
    against it.
  - A O(thumbprint) alone names a certificate that is in MY of LocalMachine on the target. Where it is not, RV(candidate.refusal) says so, and
    the server is judged as without it.
  - Each mode has rules of its own. In administrator mode the certificate of the hash must be there and be bound. In offload mode the hash must
    be that of the certificate which O(balancer) shows, and what is bound on the server does not matter.
  - RRAS itself (Get-RemoteAccess) is asked only where the registry says administrator or offload mode, or O(mode=administrator) is asked for
    with O(writer=remote_access), as it takes a second or more. A server without that cmdlet is judged by the rest.
  - With O(probe_address) the controller connects to the server as a client does, and what it is shown there is held against what the server
    says. Nobody logs in.
  - Recent events of RasSstp are read as well. Where a finding leads to one of them, RV(findings[].seen) says when it was last logged; what no finding
    accounts for is a finding of its own.
  - C(docs/rules.md) has all rules.
options:
  thumbprint:
    description:
      - The thumbprint of the certificate that the server should have, SHA-1 of its DER in 40 hexadecimal digits. Spaces, colons, dashes and
        invisible marks in it are dropped, and case does not matter.
    type: str
  take_over:
    description:
      - Whether the rotation that RV(candidate) tells about may change a record that belongs to another application. A record that it leaves as
        it is does not matter. The audit itself changes nothing.
    type: bool
    default: false
  expiry_days:
    description:
      - A bound certificate that expires within so many days is a finding. It must be V(0) or more.
    type: int
    default: 30
  events_hours:
    description:
      - The events of RasSstp of so many hours are read from the log System, by their ids and values, counted back from now by the controller's clock. V(0)
        reads none.
    type: int
    default: 24
  ignore_rules:
    description:
      - Rules that are switched off, each with the reason why. What they would find counts for nothing, and RV(ignored) tells of it.
    type: dict
  trust_root:
    description:
      - Whether the root that is given with the certificate is to be in the store Root of LocalMachine. It counts for RV(candidate.staged) alone.
    type: bool
    default: false
  probe_address:
    description:
      - Where clients reach the server, a name or an IP address. Each IPv4 and IPv6 address that it stands for is looked at from the controller,
        with TLS and SSTP's URL. Without it the server is not looked at from the controller.
      - Where the controller cannot connect, that is the finding V(wire_unreachable), a warning.
    type: str
  probe_host:
    description:
      - The name that clients dial, for SNI. By default O(probe_address).
    type: str
  probe_port:
    description:
      - The port at that address. By default O(port), else the one on which the server listens. For a server in offload mode the port that O(balancer)
        names, else V(443).
    type: int
  probe_timeout:
    description:
      - How many seconds to give each address. It must be V(1) or more.
    type: int
    default: 10
  public_addresses:
    description:
      - The IP addresses of the server at which clients arrive. Where addresses are translated on the way (NAT), it is those that the server itself
        has. HTTP.SYS must listen on them, which it does unless the server has an IP listen list that leaves them out. That is then the finding
        V(listen_list_leaves_out), an error.
      - Without it the addresses that O(probe_address) led to are taken, as far as they are the server's own. Where there are none of these either,
        an address of the server that the list leaves out is a warning.
    type: list
    elements: str
  fail_on:
    description:
      - Which findings fail the task. The results are returned all the same.
      - V(never) fails for none, V(error) for errors, V(warning) for errors and warnings.
    type: str
    choices: [never, error, warning]
    default: never
extends_documentation_fragment:
  - rras.sstp._attributes
  - rras.sstp._attributes.reads
  - rras.sstp._attributes.actiongroup_sstp
  - rras.sstp._mode
  - rras.sstp._options.port
  - rras.sstp._source
seealso:
  - module: rras.sstp.server_info
    description: The facts without the judgement.
  - module: rras.sstp.rotate
    description: Repairs what a rotation can repair.
author:
  - The rras.sstp authors (@rras-sstp)
"""

EXAMPLES = r"""
- name: Audit an SSTP server
  rras.sstp.audit:
  register: audit

- name: Show the findings, each with its remedy
  ansible.builtin.debug:
    msg: "{{ item.id }}: {{ item.remedy }}; {{ item.repair }}"
  loop: "{{ audit.findings }}"
  loop_control:
    label: "{{ item.subject }}"

- name: Audit without the rules that say nothing new
  rras.sstp.audit:
    ignore_rules:
      revocation_unreachable: the CA publishes over http from March on

- name: Fail when anything is wrong, or a certificate expires within six weeks
  rras.sstp.audit:
    expiry_days: 42
    fail_on: warning

- name: See whether the server has the certificate that it should have
  rras.sstp.audit:
    pfx: vpn.example.com.pfx
    pfx_password: "{{ vault_vpn_pfx_password }}"
    fail_on: error

- name: See whether a server behind a load balancer has the hash of the certificate that clients are shown
  rras.sstp.audit:
    balancer: vpn.example.com
    fail_on: error

- name: See what taking a server into administrator mode would do
  rras.sstp.audit:
    thumbprint: 5B3C0A6E1F9D48C2B7A0E4D1936F58A2C7E0B419
    mode: administrator
  register: audit

- name: See whether HTTP.SYS listens where clients arrive
  rras.sstp.audit:
    public_addresses: [192.0.2.10, '2001:db8::10']
    fail_on: error
"""

RETURN = r"""
compliant:
  description: Whether there is no finding that is an error.
  returned: success
  type: bool
  sample: false
findings:
  description: What is wrong, errors first.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description:
        - The rule that was broken.
        - "About the server as a whole: V(sstp_not_installed), V(sstp_parameters_missing), V(account_not_elevated),
          V(rotation_interrupted)."
        - "About the HTTP.SYS records: V(binding_missing), V(binding_mismatch), V(binding_foreign_app_id), V(binding_hidden),
          V(binding_not_wanted)."
        - "About the IP listen list of HTTP.SYS: V(listen_list_leaves_out)."
        - "About the bound certificates, those of a balancer too, as C(docs/certificates.md) explains: V(key_unsupported), V(key_weak), V(key_large),
          V(signature_weak), V(signature_pss), V(eku_absent), V(eku_unfit), V(key_usage_unfit), V(certificate_is_ca), V(critical_extension_unknown),
          V(name_absent), V(name_missing), V(certificate_expired), V(certificate_expiring), V(certificate_not_yet_valid), V(self_signed),
          V(revocation_absent), V(revocation_unreachable), V(certificate_unreadable). About the bound ones alone: V(chain_incomplete),
          V(root_absent), V(issuer_expired), V(issuer_unfit), V(certificate_missing), V(key_unusable)."
        - "About the stores and their private keys: V(issuer_misplaced), V(key_orphaned)."
        - "About the hashes of SstpSvc: V(registry_sha256_missing), V(registry_sha256_malformed), V(registry_sha256_different),
          V(registry_sha1_malformed), V(registry_sha1_different)."
        - "About administrator mode: V(configured_certificate_missing), V(configured_certificate_not_bound)."
        - "About what RRAS itself says: V(rras_silent), V(rras_mode_different), V(rras_certificate_different)."
        - "About offload mode: V(balancer_certificate_different), V(balancer_silent), V(balancer_unknown), V(registry_sha1_in_offload),
          V(offload_hash_not_kept)."
        - "About SstpSvc's subkey ConfigStore: V(config_store_different), V(config_store_malformed)."
        - "About what was asked for: V(mode_not_wanted), V(port_not_wanted), V(hash_not_wanted)."
        - "About what runs and is served: V(rras_not_installed), V(rras_disabled), V(rras_stopped), V(sstp_stopped),
          V(rras_dependency_stopped), V(served_nothing), V(served_different)."
        - "About what clients are shown: V(wire_unreachable), V(wire_different), V(wire_refused)."
        - "About the events of RasSstp: V(event_unaccounted)."
      returned: always
      type: str
      sample: registry_sha256_different
    severity:
      description: V(error), V(warning) or V(info). The rules about certificates can be given another one with O(severities).
      returned: always
      type: str
      sample: error
    subject:
      description: What the finding is about.
      returned: always
      type: str
      sample: SHA256CertificateHash
    expected:
      description: What should be there.
      returned: always
      type: str
      sample: 91D6E0C4A7F38B25D04E6C19F7A2385B6E0D94C1A8B7F2360D5E4C9B1A78F3E2
    actual:
      description: What is there.
      returned: always
      type: str
      sample: 2A0F9B7C4D1E8563F0A9C2B7D4E1865390FBCA7128E4D63B5F0A1C9E7D2B4860
    event:
      description: The id of the RasSstp event that it leads to, V(null) where none is known.
      returned: always
      type: int
      sample: null
    remedy:
      description: What to do about it.
      returned: always
      type: str
      sample: rotate the certificate (rras.sstp.rotate)
    repair:
      description: A command that does something about it, to be pasted into a shell of the controller. Words in capitals, such as V(NEW.pfx), are to be
        replaced. V(null) where none can be named.
      returned: always
      type: str
      sample: ansible-playbook rras.sstp.rotate -i inventory.yml -e target=vpn1 -e sstp_certificate_thumbprint=5B3C0A6E1F9D48C2B7A0E4D1936F58A2C7E0B419
    seen:
      description: When RV(findings[].event) was last logged, in ISO 8601, UTC. V(null) where it was not within O(events_hours).
      returned: always
      type: str
      sample: null
    repairable:
      description:
        - Whether a rotation heals it with the certificate at hand, which is imported first where the server lacks it or a private key of it
          that works.
        - V(false) for what first needs something else, such as a new certificate or the word of a record's owner.
      returned: always
      type: bool
      sample: true
sentences:
  description: Each finding as one sentence.
  returned: success
  type: list
  elements: str
  sample:
    - 'binding_missing: [::]:443: expected an HTTP.SYS record, found none (leads to RasSstp event 21); rotate the certificate (rras.sstp.rotate)'
ignored:
  description: The rules that O(ignore_rules) has switched off.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The rule.
      returned: always
      type: str
      sample: revocation_absent
    reason:
      description: Why, in the words of O(ignore_rules).
      returned: always
      type: str
      sample: the CA publishes a CRL from March on
    findings:
      description: How many findings that has hidden.
      returned: always
      type: int
      sample: 1
at_hand:
  description: The certificate in MY of LocalMachine with which a rotation would heal the server, the one that it means already where that is fit. V(null)
    where there is none, and in offload mode.
  returned: success
  type: dict
  contains:
    thumbprint:
      description: SHA-1 of the certificate's DER.
      returned: always
      type: str
      sample: 5B3C0A6E1F9D48C2B7A0E4D1936F58A2C7E0B419
    why:
      description: Why it is that one, as a phrase.
      returned: always
      type: str
      sample: it is bound to 0.0.0.0:443
repairable:
  description: Whether there is a finding with RV(findings[].repairable).
  returned: success
  type: bool
  sample: true
candidate:
  description: What O(pfx), O(certificate), O(thumbprint), O(dns_names), O(sha256), O(mode) or O(balancer) asks for. V(null) where none of them is given.
    O(mode=as_found) asks for nothing, nor does O(balancer) where the server is not in offload mode and is not to be.
  returned: success
  type: dict
  contains:
    thumbprint:
      description: SHA-1 of the certificate's DER. V(null) where it is not known.
      returned: always
      type: str
      sample: 5B3C0A6E1F9D48C2B7A0E4D1936F58A2C7E0B419
    sha256:
      description: SHA-256 of the certificate's DER. V(null) where it is not known.
      returned: always
      type: str
      sample: 91D6E0C4A7F38B25D04E6C19F7A2385B6E0D94C1A8B7F2360D5E4C9B1A78F3E2
    mode:
      description: The mode that the rotation ends in, V(automatic), V(administrator) or V(offload).
      returned: always
      type: str
      sample: automatic
    staged:
      description: Whether the certificate is in MY of LocalMachine on the target with a private key that works, and the issuers that were given with it
        are in their stores. Always V(true) in offload mode, where the server has no use for it.
      returned: always
      type: bool
      sample: true
    problems:
      description: What speaks against the certificate, by the rules in C(docs/certificates.md), errors first. Empty where nothing does, and where there
        is no certificate to judge.
      returned: always
      type: list
      elements: dict
      contains:
        id:
          description: The rule.
          returned: always
          type: str
          sample: eku_absent
        severity:
          description: V(error), V(warning) or V(info).
          returned: always
          type: str
          sample: warning
        actual:
          description: What was found.
          returned: always
          type: str
          sample: no extended key usage
        message:
          description: What is wrong and what to do, as one sentence.
          returned: always
          type: str
          sample: The certificate has no extended key usage; whether SSTP takes it is not documented, so have it issued with Server Authentication.
    passed_over:
      description: Where O(dns_names) has chosen the certificate, the others in MY of LocalMachine, the newest first. When a task fails because there is none
        to choose, all of them.
      returned: always
      type: list
      elements: dict
      contains:
        thumbprint:
          description: SHA-1 of the certificate's DER.
          returned: always
          type: str
          sample: 0C7B41E9A25D8F36B1E07A94C3D5826F9E1B3D70
        subject:
          description: The subject as RFC 4514 writes it.
          returned: always
          type: str
          sample: CN=vpn.example.com
        not_after:
          description: The end of validity, in ISO 8601, UTC.
          returned: always
          type: str
          sample: '2026-07-28T23:59:59Z'
        reasons:
          description: Why it was not chosen, each as a phrase that goes on after "it".
          returned: always
          type: list
          elements: str
          sample: [has expired on 2026-07-28; renew it]
        rules:
          description: The ids of the rules behind these reasons. V(key_absent) and V(key_unusable) are about its private key. Empty for one that is only older.
          returned: always
          type: list
          elements: str
          sample: [certificate_expired]
    certificate:
      description: The public facts of the certificate, V(null) where neither the controller nor the target has it, nor O(balancer) shows it.
      returned: always
      type: dict
      contains:
        thumbprint:
          description: SHA-1 of the certificate's DER.
          returned: always
          type: str
          sample: 5B3C0A6E1F9D48C2B7A0E4D1936F58A2C7E0B419
        sha256:
          description: SHA-256 of the certificate's DER.
          returned: always
          type: str
          sample: 91D6E0C4A7F38B25D04E6C19F7A2385B6E0D94C1A8B7F2360D5E4C9B1A78F3E2
        subject:
          description: The subject as RFC 4514 writes it.
          returned: always
          type: str
          sample: CN=vpn.example.com
        issuer:
          description: The issuer as RFC 4514 writes it.
          returned: always
          type: str
          sample: CN=Example Issuing CA
        serial_number:
          description: The serial number in hexadecimal digits.
          returned: always
          type: str
          sample: 4F2A
        not_before:
          description: The start of validity, in ISO 8601, UTC.
          returned: always
          type: str
          sample: '2026-01-10T00:00:00Z'
        not_after:
          description: The end of validity, in ISO 8601, UTC.
          returned: always
          type: str
          sample: '2026-07-28T23:59:59Z'
        extended_key_usage:
          description: The object identifiers of the extended key usage, V(null) where the certificate has no such extension.
          returned: always
          type: list
          elements: str
          sample: [1.3.6.1.5.5.7.3.1]
        names:
          description: The DNS names and then the IP addresses of the subject alternative name.
          returned: always
          type: list
          elements: str
          sample: [vpn.example.com]
    plan:
      description: What rotating to it would do, step by step, in words. Empty where nothing has to be done. An interrupted change is taken
        back first; the steps after that are those for the server as it is now.
      returned: always
      type: list
      elements: str
      sample:
        - stop RemoteAccess, RasMan, SstpSvc
        - bind 5B3C0A6E1F9D48C2B7A0E4D1936F58A2C7E0B419 to 0.0.0.0:443
    advice:
      description: What comes with the rotation and is no reason against it, as RV(rras.sstp.rotate#module:advice).
      returned: always
      type: list
      elements: str
      sample: []
    refusal:
      description: What stands against rotating to it, in one sentence, such as that it has expired. V(null) where nothing does. Whether its
        private key works is not part of this but of RV(candidate.staged). Where RV(candidate.plan) is empty, only the certificate itself is
        looked at.
      returned: always
      type: str
      sample: null
wire:
  description: What the controller was shown at each address of O(probe_address). Empty without it.
  returned: always
  type: list
  elements: dict
  contains:
    endpoint:
      description: The address and port that were connected to, or the name where it has no address.
      returned: always
      type: str
      sample: 203.0.113.5:443
    depth:
      description: How far it was to go, V(http).
      returned: always
      type: str
      sample: http
    reached:
      description: Whether anything answered there.
      returned: always
      type: bool
      sample: true
    code:
      description: The reason code, V(ok) where SSTP's URL is served.
      returned: always
      type: str
      sample: ok
    stage:
      description: How far it went, such as V(connect), V(tls) or V(http).
      returned: always
      type: str
      sample: http
    sentence:
      description: The same in words.
      returned: always
      type: str
      sample: SSTP's URL is served.
    thumbprint:
      description: The thumbprint of the certificate that was shown, V(null) where none was.
      returned: always
      type: str
      sample: 5B3C0A6E1F9D48C2B7A0E4D1936F58A2C7E0B419
    sha256:
      description: SHA-256 of the certificate that was shown, V(null) where none was.
      returned: always
      type: str
      sample: 91D6E0C4A7F38B25D04E6C19F7A2385B6E0D94C1A8B7F2360D5E4C9B1A78F3E2
    faults:
      description: What clients hold against that certificate, as RV(rras.sstp.probe#module:faults).
      returned: always
      type: list
      elements: dict
      sample: []
    crypto_binding:
      description: Always V(not exercised), as nobody logs in.
      returned: always
      type: str
      sample: not exercised
balancer:
  description: What the controller was shown at each address of O(balancer). Empty where it did not look, see there.
  returned: success
  type: list
  elements: dict
  contains:
    endpoint:
      description: The address and port that were connected to, or the name where it has no address.
      returned: always
      type: str
      sample: 203.0.113.5:443
    thumbprint:
      description: The thumbprint of the certificate that was shown, V(null) where none was.
      returned: always
      type: str
      sample: 5B3C0A6E1F9D48C2B7A0E4D1936F58A2C7E0B419
    sha256:
      description: SHA-256 of the certificate that was shown, V(null) where none was.
      returned: always
      type: str
      sample: 91D6E0C4A7F38B25D04E6C19F7A2385B6E0D94C1A8B7F2360D5E4C9B1A78F3E2
    error:
      description: Why none was shown, in words. V(null) where one was.
      returned: always
      type: str
      sample: null
server:
  description: The facts that were judged, the same as RV(rras.sstp.server_info#module:server).
  returned: success
  type: dict
events:
  description: The events of RasSstp of the last O(events_hours), the newest first.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The id, such as V(21).
      returned: always
      type: int
      sample: 21
    level:
      description: V(2) for an error, V(3) for a warning.
      returned: always
      type: int
      sample: 2
    time:
      description: When it was raised, by the clock of the server (ISO 8601, UTC, milliseconds).
      returned: always
      type: str
      sample: "2026-02-14T22:10:33.125Z"
    data:
      description: The values that the message is made with. The message itself is not read, as it is in the language of the server.
      returned: always
      type: list
      elements: str
      sample: ["0x80070002"]
    meaning:
      description: What the id says, V(null) for one that is none of a server's.
      returned: always
      type: str
      sample: the hash of the certificate that is bound in HTTP.SYS could not be had
    code:
      description: The first of RV(events[].data) that is an error code, as an HRESULT. V(null) where there is none.
      returned: always
      type: str
      sample: '0x80070002'
    explanation:
      description: What that code means, and its usual cause. V(null) where it is not known here.
      returned: always
      type: str
      sample: "there is no such file, record or value; usually: no record for that address, or what it names is gone"
events_error:
  description: Why the events could not be read, or not all of them. V(null) where they were, or were not asked for.
  returned: success
  type: str
  sample: null
record:
  description: All that a report says of the host, as M(rras.sstp.report) takes it. C(docs/report.md) has its schema.
  returned: success
  type: dict
  contains:
    schema:
      description: The version of these keys.
      returned: always
      type: int
      sample: 1
    host:
      description: The host as the inventory calls it.
      returned: always
      type: str
      sample: vpn1.example.com
    server:
      description: The computer's name.
      returned: always
      type: str
      sample: VPN01
    time:
      description: The time of the audit on the server's clock, in ISO 8601, UTC.
      returned: always
      type: str
      sample: '2026-03-01T02:00:00Z'
    port:
      description: The port that was judged.
      returned: always
      type: int
      sample: 443
    mode:
      description: V(automatic), V(administrator) or V(offload), V(null) where SSTP is not installed.
      returned: always
      type: str
      sample: automatic
    compliant:
      description: As RV(compliant).
      returned: always
      type: bool
      sample: false
    places:
      description: The places that must agree, side by side.
      returned: always
      type: list
      elements: dict
      contains:
        place:
          description: V(binding_ipv4), V(binding_ipv6), V(registry_sha256), V(registry_sha1), V(store), V(served_ipv4), V(served_ipv6), V(balancer) or
            V(wire).
          returned: always
          type: str
          sample: binding_ipv4
        subject:
          description: The endpoint, the value or the store.
          returned: always
          type: str
          sample: 0.0.0.0:443
        thumbprint:
          description: The thumbprint of the certificate that is named there, V(null) where it is not known.
          returned: always
          type: str
          sample: 5B3C0A6E1F9D48C2B7A0E4D1936F58A2C7E0B419
        sha256:
          description: Its SHA-256, V(null) where it is not known.
          returned: always
          type: str
          sample: 91D6E0C4A7F38B25D04E6C19F7A2385B6E0D94C1A8B7F2360D5E4C9B1A78F3E2
        shows:
          description: What is there, as a phrase.
          returned: always
          type: str
          sample: CN=vpn.example.com
        agrees:
          description: Whether it agrees with the certificate that the server means, V(null) where that cannot be said.
          returned: always
          type: bool
          sample: true
        not_after:
          description: How long that certificate is valid, in ISO 8601, UTC. V(null) where it is not known.
          returned: always
          type: str
          sample: '2026-07-28T23:59:59Z'
        days_left:
          description: For how many whole days more, below V(0) where it has expired.
          returned: always
          type: int
          sample: 149
    certificates:
      description: Each certificate that a place names, with the keys of RV(candidate.certificate) and C(days_left).
      returned: always
      type: list
      elements: dict
    findings:
      description: As RV(findings).
      returned: always
      type: list
      elements: dict
    ignored:
      description: As RV(ignored).
      returned: always
      type: list
      elements: dict
    events:
      description: As RV(events).
      returned: always
      type: list
      elements: dict
    events_error:
      description: As RV(events_error).
      returned: always
      type: str
      sample: null
"""
