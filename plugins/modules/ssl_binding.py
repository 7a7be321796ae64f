#!/usr/bin/python
# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ssl_binding
short_description: Read and change SSL records of HTTP.SYS
version_added: 0.1.0
description:
  - Shows, sets and deletes the records that tell HTTP.SYS which certificate to serve on an address and port. By default it is about the pair
    of records that SSTP listens on, V(0.0.0.0) and V([::]). A record of the pair is not created where no network adapter is bound to its protocol.
  - A record that is changed keeps all its other fields, unknown flag bits too. What HTTP.SYS has taken is read back and compared.
  - A changed record alone leaves the SSTP server with the hash of the old certificate. M(rras.sstp.rotate) changes the pair and the hashes
    together.
  - Records by host name (SNI) can be set and deleted like those of an address. One of the central certificate store (CCS) names no certificate
    of its own, so it can be deleted, but not set.
  - On a server in administrator mode the records of V(0.0.0.0) and V([::]) are not bound to another certificate than the one that SstpSvc has the
    hash of, as that would raise RasSstp event 32. M(rras.sstp.rotate) tells RRAS as well.
  - The last record of another program that is known (IIS, IIS Express, WinRM, AD FS, Web Application Proxy, DirectAccess IP-HTTPS) is not deleted,
    not even with O(take_over=true). It would serve no TLS without it.
options:
  state:
    description:
      - V(query) returns the records and changes nothing.
      - V(present) makes each record name the certificate O(certificate_hash).
      - V(absent) deletes the records.
    type: str
    choices: [present, absent, query]
    default: query
  endpoints:
    description:
      - The records to work on instead of the pair, each written V(0.0.0.0:443), V([::]:443), V(vpn.example.com:443), or V(ccs:443) for the
        central certificate store. The last one is not for O(state=present).
      - Cannot be given together with O(port).
    type: list
    elements: str
  certificate_hash:
    description:
      - The thumbprint of the certificate, SHA-1 of its DER in 40 hexadecimal digits. Spaces, colons, dashes and invisible marks in it are
        dropped, and case does not matter.
      - Required when O(state=present).
      - Before a record is changed the certificate must be in its store with a private key that works. This is looked at only where
        O(certificate_store_name) is MY or not given. In check mode a certificate that is not there is let pass, as an earlier task may import it.
    type: str
  certificate_store_name:
    description:
      - The store of LocalMachine that holds the certificate.
      - Without it a record that names another store than MY is changed to MY, one without a store name, which means MY, stays so, and a new
        record gets V(MY).
    type: str
  app_id:
    description:
      - The application id for a record that does not exist yet. It is a GUID, with or without braces. The default is that of SSTP.
      - An existing record keeps the one that it has, unless O(take_over=true), which gives it this one.
      - A record that has this application id, or that of SSTP, counts as one's own. To change a record of IIS and leave it with IIS, give the
        application id of IIS, V({4dc3e181-e14b-4a21-b022-59fc669b0914}), rather than O(take_over).
    type: str
    default: '{ba195980-cd49-458b-9e23-c84ee0adcd75}'
extends_documentation_fragment:
  - rras.sstp._attributes
  - rras.sstp._attributes.writes
  - rras.sstp._attributes.actiongroup_sstp
  - rras.sstp._options.change
  - rras.sstp._options.port
  - rras.sstp._options.take_over
seealso:
  - module: rras.sstp.certificate
    description: Puts the certificate and its key on the target.
  - module: rras.sstp.registry_hash
    description: The hashes that must agree with the records.
  - module: rras.sstp.rotate
    description: Changes records and hashes together.
author:
  - The rras.sstp authors (@rras-sstp)
"""

EXAMPLES = r"""
- name: Show the pair of records that SSTP listens on
  rras.sstp.ssl_binding:
  register: pair

- name: See what binding another certificate would change
  rras.sstp.ssl_binding:
    state: present
    certificate_hash: 5B3C0A6E1F9D48C2B7A0E4D1936F58A2C7E0B419
  check_mode: true
  diff: true

- name: Bind the certificate to the IPv6 record alone
  rras.sstp.ssl_binding:
    state: present
    endpoints: ['[::]:443']
    certificate_hash: 5B3C0A6E1F9D48C2B7A0E4D1936F58A2C7E0B419

- name: Delete both records
  rras.sstp.ssl_binding:
    state: absent
    port: 443

- name: Delete a record of IIS by host name that goes before the pair
  rras.sstp.ssl_binding:
    state: absent
    endpoints: ['vpn.example.com:443']
    take_over: true

- name: Give a site of IIS the certificate of SSTP, and leave the record with IIS
  rras.sstp.ssl_binding:
    state: present
    endpoints: ['vpn.example.com:443']
    certificate_hash: 5B3C0A6E1F9D48C2B7A0E4D1936F58A2C7E0B419
    app_id: '{4dc3e181-e14b-4a21-b022-59fc669b0914}'
"""

RETURN = r"""
bindings:
  description: The records that the task is about and that exist, as they are after it. In check mode, as they would be.
  returned: success
  type: list
  elements: dict
  contains:
    endpoint:
      description: The key of the record, as in O(endpoints).
      returned: always
      type: str
      sample: 0.0.0.0:443
    family:
      description: The kind of record, V(ip), V(sni) or V(ccs).
      returned: always
      type: str
      sample: ip
    certificate_hash:
      description: The thumbprint of the certificate. It is empty where the record names none.
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
      description: The application behind RV(bindings[].app_id) as people call it, or a phrase with the id where it is not known.
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
previous_certificate_hash:
  description: The thumbprint that the first of the records had before the task, V(null) where none of them existed.
  returned: success
  type: str
  sample: 0C7B41E9A25D8F36B1E07A94C3D5826F9E1B3D70
diff:
  description: The records before and after, each endpoint with its fields, or with V(null) where there is no record.
  returned: success
  type: dict
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
