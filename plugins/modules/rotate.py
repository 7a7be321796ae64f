#!/usr/bin/python
# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rotate
short_description: Make an SSTP server use another certificate
version_added: 0.1.0
description:
  - Makes the pair of HTTP.SYS records, the hashes of SstpSvc and the services agree on one certificate, as one transaction on the target, and
    does nothing where they agree already. Where nothing but the services SstpSvc or RemoteAccess is stopped, they are only started.
  - In automatic mode SstpSvc is stopped with whatever depends on it, the records that differ are bound, the hashes are deleted, and RRAS is
    started so that SstpSvc derives the hashes anew. Where it has not done so after O(settle_timeout), they are written and RRAS is restarted
    once more. The task succeeds when the services run, the SHA-256 hash is right, and the target serves the certificate to itself on its
    loopback addresses.
  - A server in administrator mode gets its certificate through RRAS, see O(writer). One in offload mode gets the hash of the certificate that
    the device in front of it serves, see O(balancer). In offload nothing is bound, and the task succeeds when the services run and the hash is
    right. O(mode) takes a server from one mode to another.
  - When any step fails, those before it are undone, and the message says what failed and what could not be undone.
  - A record keeps all its fields but the certificate, unknown flag bits too. A missing record is created with SSTP's application id, unless
    the network adapters that are up have only the other protocol (IPv4 or IPv6) bound. A record that is right already may belong to any
    application.
  - The certificate must be in MY of LocalMachine already, with a private key that works (see M(rras.sstp.certificate)), and have no problem of the
    severity error, see C(docs/certificates.md) and O(severities). In offload mode it need not be there.
  - O(pfx), O(certificate) and O(private_key) only name the certificate, nothing of them is sent to the target. In check mode they also stand for one that is
    not on the target yet, so that a play that imports the certificate first can be predicted.
  - All VPN sessions of the server end when it is restarted. O(max_sessions) and O(window) put a rotation off that would end too many, or come at a
    wrong time. One that restarts nothing is never put off. What an interrupted change has left is taken back all the same.
  - A server on which SstpSvc, or a service that depends on it, runs although it is disabled is refused, for it could not be started again.
  - When the connection drops in the middle, the target keeps the journal of what was half done. The next run of this module takes that back
    before it plans anew. Until then other changes to the target are refused. In check mode nothing is taken back, and what is predicted starts
    from the half-done state.
options:
  thumbprint:
    description:
      - The thumbprint of the certificate, SHA-1 of its DER in 40 hexadecimal digits. Spaces, colons, dashes and invisible marks in it are
        dropped, and case does not matter.
      - One of this, O(certificate), O(private_key), O(pfx), O(dns_names), O(balancer) and O(sha256) is required, the last two for servers in offload
        mode. Those that are given, but for O(dns_names), must name the same certificate.
    type: str
  service_state:
    description:
      - V(running) starts RRAS even where it was found stopped.
      - V(as_found) leaves it stopped where it was. The hashes are written then, as it is not sure that a service derives them, and the services
        that ran without it are started again.
      - A service RemoteAccess that is disabled is not started in either case.
    type: str
    choices: [running, as_found]
    default: running
extends_documentation_fragment:
  - rras.sstp._attributes
  - rras.sstp._attributes.writes
  - rras.sstp._attributes.actiongroup_sstp
  - rras.sstp._options.change
  - rras.sstp._mode
  - rras.sstp._options.port
  - rras.sstp._options.take_over
  - rras.sstp._options.limits
  - rras.sstp._options.restart
  - rras.sstp._source
seealso:
  - module: rras.sstp.certificate
    description: Puts the certificate and its key on the target.
  - module: rras.sstp.audit
    description: Says what a rotation would repair.
  - module: rras.sstp.restore
    description: Puts the snapshot back.
author:
  - The rras.sstp authors (@rras-sstp)
"""

EXAMPLES = r"""
- name: Import the new certificate
  rras.sstp.certificate:
    pfx: vpn.example.com.pfx
    pfx_password: "{{ vault_vpn_pfx_password }}"
  register: imported

- name: See what the switch would change
  rras.sstp.rotate:
    thumbprint: "{{ imported.thumbprint }}"
  check_mode: true
  diff: true

- name: Switch to the new certificate
  rras.sstp.rotate:
    thumbprint: "{{ imported.thumbprint }}"
  register: rotation

- name: Keep what the switch replaced
  ansible.builtin.copy:
    content: "{{ rotation.snapshot | ansible.builtin.to_nice_json }}"
    dest: "/var/lib/rras/{{ inventory_hostname }}.json"
    mode: "0600"
  delegate_to: localhost
  when: rotation is changed

- name: Predict the switch to a certificate that is not on the server yet
  rras.sstp.rotate:
    certificate: vpn.example.com.pem
  check_mode: true

- name: Switch to the newest fit certificate of the store that covers a name
  rras.sstp.rotate:
    dns_names: [vpn.example.com]

- name: Choose the certificate as an administrator does, with Set-RemoteAccess
  rras.sstp.rotate:
    thumbprint: "{{ imported.thumbprint }}"
    mode: administrator
  register: rotation

- name: Show what comes with it, such as nodes of the cluster that need a restart
  ansible.builtin.debug:
    var: rotation.advice

- name: Let the service derive the hash again
  rras.sstp.rotate:
    thumbprint: "{{ imported.thumbprint }}"
    mode: automatic

- name: Let a load balancer end TLS, and take plain HTTP from it
  rras.sstp.rotate:
    balancer: vpn.example.com
    mode: offload

- name: Follow a load balancer whose certificate was renewed
  rras.sstp.rotate:
    balancer: vpn.example.com

- name: Follow a load balancer that the controller cannot connect to
  rras.sstp.rotate:
    sha256: 91D6E0C4A7F38B25D04E6C19F7A2385B6E0D94C1A8B7F2360D5E4C9B1A78F3E2

- name: End offload, so that the server serves TLS itself
  rras.sstp.rotate:
    thumbprint: "{{ imported.thumbprint }}"
    mode: automatic

- name: Switch a server whose port 443 IIS shares, with the sites that have the same certificate
  rras.sstp.rotate:
    thumbprint: "{{ imported.thumbprint }}"
    shared_records: true
    take_over: true

- name: Switch at night, and only where few are connected
  rras.sstp.rotate:
    thumbprint: "{{ imported.thumbprint }}"
    max_sessions: 5
    window: ["22:00-05:00"]
  register: rotation

- name: Say why the switch has to wait
  ansible.builtin.debug:
    msg: "{{ rotation.deferred }}"
  when: rotation.deferred is not none
"""

RETURN = r"""
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
  description: The certificates in MY of LocalMachine, the newest first, with what stands against each.
  returned: failure, when O(dns_names) finds none
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
mode:
  description: The mode of the server after the task, V(automatic), V(administrator) or V(offload).
  returned: success
  type: str
  sample: automatic
thumbprint:
  description: The thumbprint of the certificate. V(null) in offload mode where only its hash is known.
  returned: success
  type: str
  sample: 5B3C0A6E1F9D48C2B7A0E4D1936F58A2C7E0B419
sha256:
  description: SHA-256 of the certificate's DER, which SHA256CertificateHash is to be.
  returned: success
  type: str
  sample: 91D6E0C4A7F38B25D04E6C19F7A2385B6E0D94C1A8B7F2360D5E4C9B1A78F3E2
previous_certificate_hashes:
  description: The thumbprints that the pair of records had before, other than that of the certificate. A record that named none adds nothing.
  returned: success
  type: list
  elements: str
  sample: [0C7B41E9A25D8F36B1E07A94C3D5826F9E1B3D70]
restarted:
  description: Whether RRAS was started or restarted. In check mode, whether it would be.
  returned: success
  type: bool
  sample: true
deferred:
  description: Why the restart was put off and nothing was changed, as a sentence. V(null) where nothing was put off.
  returned: success
  type: str
  sample: null
sessions:
  description: How many VPN sessions the restart has ended. In check mode, and where it was put off, how many it would end. V(0) where RRAS does
    not run or is not stopped, V(null) where the sessions could not be counted.
  returned: success
  type: int
  sample: 12
plan:
  description: What is done, step by step, in words. Empty where nothing has to be done, or where it was put off. After an interruption it
    starts with V(take back an interrupted change), which counts as a change.
  returned: success
  type: list
  elements: str
  sample:
    - stop RemoteAccess, RasMan, SstpSvc
    - bind 5B3C0A6E1F9D48C2B7A0E4D1936F58A2C7E0B419 to 0.0.0.0:443
other_nodes:
  description: The other nodes of the cluster that Set-RemoteAccess changes with this server, and that need a restart of their own. Empty where
    it is not called.
  returned: success
  type: list
  elements: str
  sample: []
advice:
  description: What comes with the rotation and is no reason against it, a sentence each. In administrator mode these are the nodes of the cluster
    that Set-RemoteAccess does not reach or that need a restart of their own, and what O(writer=direct) leaves behind. Empty where nothing has
    to be done.
  returned: success
  type: list
  elements: str
  sample:
    - 'The node VPN02 is Stopped: Set-RemoteAccess does not reach it; rotate again when it is up.'
predecessors:
  description: The certificates that rotations have replaced on this server and that have not been removed since, as they are after the task.
    In check mode, as they would be.
  returned: success
  type: list
  elements: dict
  contains:
    thumbprint:
      description: The thumbprint of the replaced certificate.
      returned: always
      type: str
      sample: 0C7B41E9A25D8F36B1E07A94C3D5826F9E1B3D70
    replaced_at:
      description: When it was replaced, in ISO 8601, UTC. A time that cannot be read counts as now.
      returned: always
      type: str
      sample: '2026-03-01T02:00:00Z'
    age_days:
      description: How many full days ago that was, by the server's own clock.
      returned: always
      type: int
      sample: 0
snapshot:
  description: What the rotation changes, as it was before. It holds no secret. M(rras.sstp.restore) puts it back.
  returned: success
  type: dict
  contains:
    version:
      description: The version of this form.
      returned: always
      type: int
      sample: 1
    server:
      description: The computer's name.
      returned: always
      type: str
      sample: VPN01
    time:
      description: The time on the server's clock, in ISO 8601, UTC.
      returned: always
      type: str
      sample: '2026-03-01T02:00:00Z'
    port:
      description: The port of the pair, with O(listener_port) the new one.
      returned: always
      type: int
      sample: 443
    records:
      description: The records of the pair that existed, and with O(shared_records) those that share its certificate, with every field.
      returned: always
      type: list
      elements: dict
      contains:
        family:
          description: The kind of record, V(ip), or V(sni) for one by host name.
          returned: always
          type: str
          sample: ip
        address:
          description: The address of the record, V(0.0.0.0) for one by host name.
          returned: always
          type: str
          sample: 0.0.0.0
        port:
          description: The port of the record.
          returned: always
          type: int
          sample: 443
        host:
          description: The host name of the record, V(null) for one by address.
          returned: always
          type: str
          sample: null
        certificate_hash:
          description: The thumbprint of the certificate. It is empty where the record names none.
          returned: always
          type: str
          sample: 0C7B41E9A25D8F36B1E07A94C3D5826F9E1B3D70
        app_id:
          description: The application id of the owner.
          returned: always
          type: str
          sample: '{ba195980-cd49-458b-9e23-c84ee0adcd75}'
        certificate_store_name: &store
          description: The store of LocalMachine that holds the certificate. V(null) where the record names none, which means MY.
          returned: always
          type: str
          sample: MY
        check_mode: &check
          description: The bits of DefaultCertCheckMode, how client certificates are checked. It has nothing to do with Ansible's check mode.
          returned: always
          type: int
          sample: 0
        revocation_freshness_time: &freshness
          description: DefaultRevocationFreshnessTime, in seconds.
          returned: always
          type: int
          sample: 0
        url_retrieval_timeout: &retrieval
          description: DefaultRevocationUrlRetrievalTimeout, in milliseconds.
          returned: always
          type: int
          sample: 0
        ctl_identifier: &identifier
          description: The identifier of the list of trusted issuers, V(null) where there is none.
          returned: always
          type: str
          sample: null
        ctl_store_name: &issuers
          description: The store of the list of trusted issuers, V(null) where there is none.
          returned: always
          type: str
          sample: null
        flags: &flags
          description: The bits of DefaultFlags, unknown ones too.
          returned: always
          type: int
          sample: 0
    registry:
      description: The certificate hashes of SstpSvc and what tells its mode, as values of its registry key, by name. A value that was absent has
        no entry.
      returned: always
      type: dict
      contains:
        SHA256CertificateHash:
          description: The SHA-256 hash.
          returned: when there was such a value
          type: dict
          contains: &value
            kind:
              description: The type of the value. V(binary) for a hash and V(dword) for a number as SstpSvc writes them, else for example V(string).
              returned: always
              type: str
              sample: binary
            data:
              description: The data of the value. For V(binary) text in hexadecimal digits, for V(dword) a number. V(null) where it has more than
                4096 characters.
              returned: always
              type: raw
              sample: 2A0F9B7C4D1E8563F0A9C2B7D4E1865390FBCA7128E4D63B5F0A1C9E7D2B4860
            length:
              description: How many characters the data would have where there are too many, else V(null).
              returned: always
              type: int
              sample: null
        SHA1CertificateHash:
          description: The SHA-1 hash. Newer servers do not write it.
          returned: when there was such a value
          type: dict
          contains: *value
        UseHttps:
          description: V(0) where TLS is ended in front of the server.
          returned: when there was such a value
          type: dict
          contains: *value
        isHashConfiguredByAdmin:
          description: V(1) where the certificate was chosen by an administrator, and in offload mode.
          returned: when there was such a value
          type: dict
          contains: *value
        ListenerPort:
          description: The port on which SSTP listens. V(0) means 443, and 80 in offload mode.
          returned: when there was such a value
          type: dict
          contains: *value
    config_store:
      description: The values of the same names in SstpSvc's subkey ConfigStore. Empty where there is no such key.
      returned: always
      type: dict
      contains:
        UseHttps:
          description: UseHttps as it was last applied.
          returned: when there was such a value
          type: dict
          contains: *value
        ListenerPort:
          description: The port as it was last applied.
          returned: when there was such a value
          type: dict
          contains: *value
    before_offload:
      description: What was noted on the target of the time before offload, each value with its kind, data and length. Empty where nothing was.
      returned: always
      type: dict
      sample: {}
    remote_access:
      description: The thumbprint of the certificate that RRAS itself had (Get-RemoteAccess). V(null) where it had none or was not asked, which it
        is only in administrator and offload mode, or on the way into administrator mode with O(writer=remote_access).
      returned: always
      type: str
      sample: null
    services:
      description: The state of SstpSvc and of every service that depends on it, by name.
      returned: always
      type: dict
      sample:
        RasMan: running
        RemoteAccess: running
        SstpSvc: running
evidence:
  description: What was seen on the target after the switch. V(null) in check mode, and where nothing had to be done or it was put off.
  returned: success
  type: dict
  contains:
    time:
      description: The time on the server's clock, in ISO 8601, UTC.
      returned: always
      type: str
      sample: '2026-03-01T02:00:09Z'
    bindings:
      description: The pair of records.
      returned: always
      type: list
      elements: dict
      contains:
        endpoint:
          description: The key of the record, V(ip:port).
          returned: always
          type: str
          sample: 0.0.0.0:443
        family:
          description: The kind of record, always V(ip).
          returned: always
          type: str
          sample: ip
        certificate_hash:
          description: The thumbprint of the certificate.
          returned: always
          type: str
          sample: 5B3C0A6E1F9D48C2B7A0E4D1936F58A2C7E0B419
        certificate_store_name: *store
        app_id:
          description: The application id of the owner.
          returned: always
          type: str
          sample: '{ba195980-cd49-458b-9e23-c84ee0adcd75}'
        owner:
          description: The application behind RV(evidence.bindings[].app_id) as people call it, or a phrase with the id where it is not known.
          returned: always
          type: str
          sample: SSTP
        check_mode: *check
        revocation_freshness_time: *freshness
        url_retrieval_timeout: *retrieval
        ctl_identifier: *identifier
        ctl_store_name: *issuers
        flags: *flags
    registry:
      description: The certificate hashes of SstpSvc.
      returned: always
      type: dict
      contains:
        sha256:
          description: The value SHA256CertificateHash in hexadecimal digits, V(null) where it is absent. A value of another type than binary
            is shown with its type.
          returned: always
          type: str
          sample: 91D6E0C4A7F38B25D04E6C19F7A2385B6E0D94C1A8B7F2360D5E4C9B1A78F3E2
        sha1:
          description: The value SHA1CertificateHash in the same way. Newer servers do not write it.
          returned: always
          type: str
          sample: null
    served:
      description: What the target showed to a TLS client on itself, for each of its loopback addresses.
      returned: always
      type: list
      elements: dict
      contains:
        endpoint:
          description: The address and port that were connected to.
          returned: always
          type: str
          sample: 127.0.0.1:443
        thumbprint:
          description: The thumbprint of the certificate that was served, V(null) where none was.
          returned: always
          type: str
          sample: 5B3C0A6E1F9D48C2B7A0E4D1936F58A2C7E0B419
        sha256:
          description: SHA-256 of the certificate that was served, V(null) where none was.
          returned: always
          type: str
          sample: 91D6E0C4A7F38B25D04E6C19F7A2385B6E0D94C1A8B7F2360D5E4C9B1A78F3E2
        error:
          description: Why none was served, in the words of Windows, V(null) where one was.
          returned: always
          type: str
          sample: null
    services:
      description: SstpSvc and every service that depends on it, directly or not.
      returned: always
      type: list
      elements: dict
      contains:
        name:
          description: The service's name.
          returned: always
          type: str
          sample: RemoteAccess
        state:
          description: The state, such as V(running) or V(stopped).
          returned: always
          type: str
          sample: running
        start_mode:
          description: V(automatic), V(manual), V(disabled), V(boot) or V(system). V(null) where the registry does not say.
          returned: always
          type: str
          sample: automatic
        depends_on:
          description: The names of the services that this one needs.
          returned: always
          type: list
          elements: str
          sample: [RasMan]
    steps:
      description: The steps of RV(plan) as they went.
      returned: always
      type: list
      elements: dict
      contains:
        kind:
          description: The kind of the step, such as V(set_ssl_record) or V(services).
          returned: always
          type: str
          sample: set_ssl_record
        time:
          description: When it began, by the clock of the server (ISO 8601, UTC, milliseconds).
          returned: always
          type: str
          sample: "2026-02-14T22:10:31.250Z"
        changed:
          description: Whether it changed anything.
          returned: always
          type: bool
          sample: true
        skipped:
          description: Whether it was left out, as one that is meant for a case that did not come about.
          returned: always
          type: bool
          sample: false
        milliseconds:
          description: How long it took.
          returned: always
          type: int
          sample: 14
        detail:
          description: More about the step, V(null) for most. For a record whether it was replaced in one call (atomic), for a wait
            what did not hold at its end (unmet).
          returned: always
          type: dict
          sample:
            atomic: true
    events:
      description: Events of the provider Microsoft-Windows-RasSstp in the log System since services were last started, the newest first.
        The certificate that is bound is looked at then, so any of 18, 19, 21, 24, 25 and 32 is about the server as it is now.
      returned: always
      type: list
      elements: dict
      contains:
        id:
          description: The id, such as V(21).
          returned: always
          type: int
          sample: 24
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
          sample: []
        meaning:
          description: What the id says, V(null) for one that is none of a server's.
          returned: always
          type: str
          sample: IPv4 and IPv6 have different certificates
        code:
          description: The first of RV(evidence.events[].data) that is an error code, as an HRESULT. V(null) where there is none.
          returned: always
          type: str
          sample: null
        explanation:
          description: What that code means, and its usual cause. V(null) where it is not known here.
          returned: always
          type: str
          sample: null
    events_error:
      description: Why the events could not be read, or not all of them. V(null) where they were.
      returned: always
      type: str
      sample: "The events could not be read: access is denied."
diff:
  description: The records of the port, the hashes, the values that tell the mode and the port, those of ConfigStore, and the services, before and
    after.
  returned: success
  type: dict
rule:
  description: The id of the rule that the certificate breaks.
  returned: failure, when the certificate is not fit for SSTP
  type: str
  sample: certificate_expired
changed:
  description: Whether anything on the target was changed. After a failure it is so only where something could not be undone, or where the target
    could not be read any more.
  returned: failure of a change on the target
  type: bool
  sample: false
failure:
  description: Which step failed, and how. V(null) where all went through, but the target could not be read any more.
  returned: failure of a change on the target
  type: dict
undone:
  description: The steps that were undone after it.
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
  description: The steps that could not be undone, each with the error.
  returned: failure of a change on the target
  type: list
  elements: dict
changes:
  description: What became of each step, as far as they were begun.
  returned: failure, when the target could not be read any more after a change
  type: list
  elements: dict
"""
