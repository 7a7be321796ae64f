#!/usr/bin/python
# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: restore
short_description: Put back what a rotation of an SSTP server has changed
version_added: 0.1.0
description:
  - Puts the HTTP.SYS records, the hashes of SstpSvc, the values that tell its mode and port, and the services back as they were before a rotation,
    from the snapshot that M(rras.sstp.rotate) returned, as one transaction on the target. Where they are so already, nothing is done.
  - A record that the rotation has created is deleted, the others get every field back, those too that shared the certificate. A hash that was
    absent is deleted. In automatic mode SstpSvc derives it anew when it starts.
  - A rotation into another mode or to another port is put back with UseHttps, isHashConfiguredByAdmin and ListenerPort, the same in the subkey
    ConfigStore, and the note of what was there before offload.
  - Where RRAS itself had a certificate, has another one now, and the old one is still in MY of LocalMachine, RRAS is told to take it again
    (C(Set-RemoteAccess -SslCertificate)). Where RRAS had none, or was not asked by the rotation, its own configuration is left as it is.
  - Services that ran are started again, those that were stopped stay stopped. All VPN sessions of the server end where a record or a hash
    has to be put back.
  - The certificate is not put back. It must still be in the store, else the task is refused; M(rras.sstp.rotate) and the role leave it there.
  - A snapshot of another server is refused.
options:
  snapshot:
    description:
      - What M(rras.sstp.rotate) returned as RV(rras.sstp.rotate#module:snapshot), unchanged. It holds no secret, so it can be kept in a file.
    type: dict
    required: true
extends_documentation_fragment:
  - rras.sstp._attributes
  - rras.sstp._attributes.writes
  - rras.sstp._options.change
  - rras.sstp._options.limits
seealso:
  - module: rras.sstp.rotate
    description: Returns the snapshot.
author:
  - The rras.sstp authors (@rras-sstp)
"""

EXAMPLES = r"""
- name: Put back what the rotation has changed
  rras.sstp.restore:
    snapshot: "{{ rotation.snapshot }}"

- name: Put back a rotation of the other day
  rras.sstp.restore:
    snapshot: "{{ lookup('ansible.builtin.file', '/var/lib/rras/' ~ inventory_hostname ~ '.json') | ansible.builtin.from_json }}"

- name: See what would be put back
  rras.sstp.restore:
    snapshot: "{{ rotation.snapshot }}"
  check_mode: true
  diff: true
"""

RETURN = r"""
restarted:
  description: Whether services were started. In check mode, whether they would be.
  returned: success
  type: bool
  sample: true
plan:
  description: What is done, step by step, in words. Empty where nothing has to be done. After an interruption it starts with V(take back an
    interrupted change), which counts as a change.
  returned: success
  type: list
  elements: str
  sample:
    - stop RemoteAccess, RasMan, SstpSvc
    - bind 0C7B41E9A25D8F36B1E07A94C3D5826F9E1B3D70 to 0.0.0.0:443
advice:
  description: What comes with putting it back, a sentence each, such as that RRAS itself could not be told. Empty where there is nothing to say.
  returned: success
  type: list
  elements: str
  sample: []
evidence:
  description: What was seen on the target afterwards. V(null) in check mode, and where nothing had to be done.
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
        certificate_store_name:
          description: The store of LocalMachine that holds the certificate. V(null) where the record names none, which means MY.
          returned: always
          type: str
          sample: MY
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
        check_mode:
          description: The bits of DefaultCertCheckMode, how client certificates are checked. It has nothing to do with Ansible's check mode.
          returned: always
          type: int
          sample: 0
        revocation_freshness_time:
          description: DefaultRevocationFreshnessTime, in seconds.
          returned: always
          type: int
          sample: 0
        url_retrieval_timeout:
          description: DefaultRevocationUrlRetrievalTimeout, in milliseconds.
          returned: always
          type: int
          sample: 0
        ctl_identifier:
          description: The identifier of the list of trusted issuers, V(null) where there is none.
          returned: always
          type: str
          sample: null
        ctl_store_name:
          description: The store of the list of trusted issuers, V(null) where there is none.
          returned: always
          type: str
          sample: null
        flags:
          description: The bits of DefaultFlags, unknown ones too.
          returned: always
          type: int
          sample: 0
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
