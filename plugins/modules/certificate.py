#!/usr/bin/python
# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate
short_description: Import, show and remove certificates of the machine store
version_added: 0.1.0
description:
  - Works on certificates in the store MY of LocalMachine and their private keys, where HTTP.SYS and SSTP look for them.
  - A PFX is opened on the controller and re-encoded for the target with a random password that lives for one call, in a cipher that the
    target's build of Windows reads. No file is written on the target.
  - The private key is made to sign, and the signature is verified on the controller. A certificate whose key does not sign after the import is
    taken out again and the task fails, for binding it would end in error 1312. One that was there before the task stays.
  - A certificate is removed together with its private key, and only when nothing refers to it. HTTP.SYS records of all families and ports, the
    SHA-256 hash of SstpSvc, what RRAS says of SSTP and IKEv2, the settings of WinRM, Remote Desktop, IIS, NPS, SQL Server and of services with
    stores of their own are looked at, and the certificates of all stores of the machine that have the same key container. What of this cannot be
    read does not stand in the way, and is told (RV(advice)). RD Gateway and AD FS have their certificates in records of HTTP.SYS.
  - The certificate may come as PFX, PEM, DER or PKCS7. One with a problem of the severity error is refused before anything is sent, see
    C(docs/certificates.md) and O(severities).
  - Intermediate certificates that are given with it go into the store CA of LocalMachine, where Windows looks for what it sends to clients. A root goes
    into the store Root only with O(trust_root). Neither is removed again with the certificate, unless O(issuers) says so.
options:
  state:
    description:
      - V(present) imports the certificate of O(pfx), or that of O(certificate) with its O(private_key). With O(thumbprint) or O(dns_names) alone, or
        without a private key, it makes sure that the certificate is there with a private key
        that works, and fails otherwise.
      - V(absent) removes the certificate O(thumbprint) and its private key, and what M(rras.sstp.rotate) has noted about it as a predecessor.
      - V(query) returns the certificate that O(pfx), O(certificate), O(thumbprint) or O(dns_names) names, or all when there is none
        of them, and changes nothing.
    type: str
    choices: [present, absent, query]
    default: present
  thumbprint:
    description:
      - The thumbprint of the certificate, SHA-1 of its DER in 40 hexadecimal digits. Spaces, colons, dashes and invisible marks in it are
        dropped, and case does not matter.
      - O(state=present) requires this, O(pfx), O(certificate), O(private_key) or O(dns_names). Of several certificates in O(pfx) or O(certificate) it
        says which one is meant.
      - O(state=absent) requires this, O(key_container) or O(issuers).
    type: str
  exportable:
    description:
      - Whether the private key can be exported from the target later. It is used when the certificate is imported and does not change one that
        is there already with a key that works.
    type: bool
    default: false
  friendly_name:
    description:
      - The name that Windows shows beside the certificate. It is used when the certificate is imported and does not change one that is there
        already with a key that works.
    type: str
  key_provider:
    description:
      - Where the private key is kept when it is imported. V(default) leaves that to Windows, which goes by the PFX and the key's algorithm, V(cng) has
        it in the Microsoft Software Key Storage Provider.
      - It does not change a key that is there already and works.
    type: str
    choices: [default, cng]
    default: default
  trust_root:
    description:
      - Whether a root certificate that is given with the chain is imported into the store Root of LocalMachine, so that the server trusts all that it has
        issued. Clients get no trust from that.
    type: bool
    default: false
  key_container:
    description:
      - With O(state=absent), the name of a key container of the machine that no certificate names any more, as RV(ignore:server.orphaned_key_containers) of
        M(rras.sstp.server_info) lists them. It is removed with its key, and there is no way back.
      - One that a certificate of any store names is refused, and so are those in which Windows, IIS and .NET are known to have keys of their own. Other
        programs may have keys there, too, so be sure whose it is.
    type: str
  issuers:
    description:
      - With O(state=absent), thumbprints of certificates to remove from the stores CA and ROOT of LocalMachine, with or without O(thumbprint).
        It is for what an import has brought and that came to nothing, see RV(chain). Whether anything else needs them is not looked at.
    type: list
    elements: str
  successor:
    description:
      - The thumbprint of the certificate that a rotation earlier in the play puts in the place of O(thumbprint). In check mode, where that has
        not happened, O(state=absent) then does not count the pair of records and the hashes of SSTP as users.
      - It has no effect outside check mode.
    type: str
extends_documentation_fragment:
  - rras.sstp._attributes
  - rras.sstp._attributes.writes
  - rras.sstp._options.change
  - rras.sstp._source
seealso:
  - module: rras.sstp.rotate
    description: Makes the SSTP server use the certificate.
  - module: rras.sstp.server_info
    description: Shows the certificates of other stores that records name, too.
author:
  - The rras.sstp authors (@rras-sstp)
"""

EXAMPLES = r"""
- name: Import a certificate with its private key
  rras.sstp.certificate:
    pfx: vpn.example.com.pfx
    pfx_password: "{{ vault_vpn_pfx_password }}"
    friendly_name: VPN 2026
  register: imported

- name: Import what an ACME client has got on the controller
  rras.sstp.certificate:
    certificate: /etc/letsencrypt/live/vpn.example.com/fullchain.pem
    private_key: /etc/letsencrypt/live/vpn.example.com/privkey.pem
    dns_names: [vpn.example.com]

- name: Find the newest fit certificate that AD CS has enrolled for a name
  rras.sstp.certificate:
    state: query
    dns_names: [vpn.example.com]
  register: enrolled

- name: See whether the certificate would have to be imported
  rras.sstp.certificate:
    pfx: vpn.example.com.pfx
    pfx_password: "{{ vault_vpn_pfx_password }}"
  check_mode: true

- name: Make sure that a certificate is there with a private key that works
  rras.sstp.certificate:
    thumbprint: 5B3C0A6E1F9D48C2B7A0E4D1936F58A2C7E0B419

- name: List the certificates of the machine
  rras.sstp.certificate:
    state: query
  register: store

- name: Import a certificate of a CA of one's own, with its root, and keep the key in CNG
  rras.sstp.certificate:
    certificate: vpn.example.com.pem
    private_key: vpn.example.com-key.pem
    chain: [issuing-ca.pem, root-ca.pem]
    trust_root: true
    key_provider: cng

- name: Remove a private key that an earlier certificate has left behind
  rras.sstp.certificate:
    state: absent
    key_container: 3e1f5a0c-7d2b-4a64-9c0e-2b1f6d8a9e57

- name: Remove the old certificate and its private key
  rras.sstp.certificate:
    state: absent
    thumbprint: 0C7B41E9A25D8F36B1E07A94C3D5826F9E1B3D70
"""

RETURN = r"""
thumbprint:
  description: The thumbprint of the certificate that the task is about, V(null) where a query is about all.
  returned: success
  type: str
  sample: 5B3C0A6E1F9D48C2B7A0E4D1936F58A2C7E0B419
certificate:
  description:
    - The certificate that the task is about, as it is after the task. V(null) where it is not there, and where a query is about all.
    - In check mode, where one would be imported, as it would be. What is known only after the import is V(null) then, and
      RV(certificate.private_key.state) is V(untested).
  returned: success
  type: dict
  contains: &certificate
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
      description: The subject as RFC 4514 writes it. V((unreadable\)) where the certificate cannot be parsed.
      returned: always
      type: str
      sample: CN=vpn.example.com
    issuer:
      description: The issuer as RFC 4514 writes it. V((unreadable\)) where the certificate cannot be parsed.
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
    certificate_store_name:
      description: The store of LocalMachine that holds the certificate, in upper case.
      returned: always
      type: str
      sample: MY
    friendly_name:
      description: The friendly name that Windows shows, V(null) where there is none.
      returned: always
      type: str
      sample: VPN 2026
    private_key:
      description: The private key as the store says and as it proved to be.
      returned: always
      type: dict
      contains:
        state:
          description:
            - V(absent) when the certificate has no private key.
            - V(untested) when it was not tried, which is so for keys in hardware that the task does not name, and in check mode for one that
              would be imported.
            - V(opens) when it was opened, V(proven) when it also signed and the signature fitted the certificate.
            - V(unusable) when it did not open or the signature did not fit.
          returned: always
          type: str
          sample: proven
        provider:
          description: The name of the key provider. V(null) where there is no key, and in check mode for one that would be imported.
          returned: always
          type: str
          sample: Microsoft Enhanced Cryptographic Provider v1.0
        container:
          description: The name of the key container. V(null) where there is no key, and in check mode for one that would be imported.
          returned: always
          type: str
          sample: 3e1f5a0c-7d2b-4a64-9c0e-2b1f6d8a9e57
        machine:
          description: Whether it is a key of the machine, not of a user. V(null) where there is no key.
          returned: always
          type: bool
          sample: true
        exportable:
          description: Whether the private key can be exported. V(null) where that is not known.
          returned: always
          type: bool
          sample: false
        acl_problem:
          description: What the ACL of the private key keeps SYSTEM from, as which HTTP.SYS opens it. V(null) where it keeps it from nothing, or is not known.
          returned: always
          type: str
          sample: null
        code:
          description: What Windows answered to opening the key, V(0) when it opened, as a signed number of 32 bits. V(null) where it was not
            tried or there is no key.
          returned: always
          type: int
          sample: 0
    used_by:
      description: What still refers to the certificate, each as a phrase.
      returned: always
      type: list
      elements: str
      sample: ['the HTTP.SYS record of 0.0.0.0:443 (SSTP)']
certificates:
  description: The certificates in MY of LocalMachine that the task is about, as they are after it. For a query without O(thumbprint) and O(pfx)
    all of them.
  returned: success
  type: list
  elements: dict
  contains: *certificate
chain:
  description: Where the issuers are that were given with the certificate, its own first. Empty where none were given.
  returned: success
  type: list
  elements: dict
  contains:
    thumbprint:
      description: SHA-1 of the issuer's DER.
      returned: always
      type: str
      sample: 7A1E0C55D2B94F3886C1D0A7E9F4B3625D8C1E90
    subject:
      description: The subject as RFC 4514 writes it.
      returned: always
      type: str
      sample: CN=Example Issuing CA
    certificate_store_name:
      description: The store of LocalMachine that it belongs into, V(CA), or V(ROOT) for a root.
      returned: always
      type: str
      sample: CA
    state:
      description: V(present) where it was there, V(imported) where this task has put it there, or would, and V(absent) for a root without O(trust_root).
      returned: always
      type: str
      sample: imported
advice:
  description: What of the users of a certificate that was removed, or of a query, could not be read, a sentence each. With O(key_container), why there may
    be more key containers than were found.
  returned: success
  type: list
  elements: str
  sample: []
problems:
  description: What speaks against the certificate, by the rules in C(docs/certificates.md), errors first. Empty where nothing does, and where there
    is no certificate to judge.
  returned: success
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
  returned: success, and failure when O(dns_names) finds none
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
rule:
  description: The id of what is wrong with the certificate or its source, as in C(docs/certificates.md).
  returned: failure, when a certificate or its source is refused
  type: str
  sample: certificate_expired
diff:
  description: Whether the certificate is there with a private key that works, before and after. Empty on both sides for a query.
  returned: success
  type: dict
used_by:
  description: What still refers to the certificate, each as a phrase.
  returned: failure, when a certificate was not removed because it is used
  type: list
  elements: str
  sample: ['the HTTP.SYS record of 0.0.0.0:443 (SSTP)']
changed:
  description: Whether anything on the target was changed. After a failure it is so only where something could not be undone, or where the target
    could not be read any more.
  returned: failure of a change on the target
  type: bool
  sample: false
failure:
  description: Which change failed, and how. V(null) where all went through, but the target could not be read any more.
  returned: failure of a change on the target
  type: dict
undone:
  description: The changes that were undone after it.
  returned: failure of a change on the target
  type: list
  elements: dict
reboot_required:
  description:
    - Whether a service still hangs between two states. Nothing but a restart of the target may help then, which is left to you.
  returned: failure of a change on the target
  type: bool
  sample: false
not_undone:
  description: The changes that could not be undone, each with the error.
  returned: failure of a change on the target
  type: list
  elements: dict
changes:
  description: What became of each change, as far as they were begun.
  returned: failure, when the target could not be read any more after a change
  type: list
  elements: dict
"""
