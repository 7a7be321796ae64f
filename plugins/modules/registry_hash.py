#!/usr/bin/python
# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_hash
short_description: Read and change the certificate hashes of SstpSvc
version_added: 0.1.0
description:
  - Shows, writes and deletes the values SHA256CertificateHash and SHA1CertificateHash in the registry key of SstpSvc. A client's logon
    succeeds only when they are the hashes of the certificate that it was shown.
  - On a server in automatic mode the usual way is to delete both and to restart, for the service then derives them from its HTTP.SYS record.
    Values are written where TLS is ended by a load balancer, whose certificate's hash is meant then; M(rras.sstp.rotate) reads it there itself.
  - In administrator and in offload mode the SHA-256 hash is not deleted. The service would not derive it anew there, and would let no client in
    (RasSstp event 18). The task is refused, and says what to do instead.
  - SstpSvc reads the values when it starts. To make a change felt, run M(rras.sstp.restart) after it.
options:
  state:
    description:
      - V(query) returns the values and changes nothing.
      - V(present) writes O(sha256) and O(sha1), those that are given.
      - V(absent) deletes those that O(hashes) names. On a server that is not in automatic mode it is refused where that would delete a SHA-256
        hash.
    type: str
    choices: [present, absent, query]
    default: query
  hashes:
    description:
      - Which values O(state=absent) deletes. With another O(state) it has no effect.
    type: list
    elements: str
    choices: [sha256, sha1]
    default: [sha256, sha1]
  sha256:
    description:
      - SHA-256 of the certificate's DER in 64 hexadecimal digits. Spaces, colons, dashes and invisible marks in it are dropped, and case does
        not matter.
      - O(state=present) requires this, O(sha1) or both. A value that is not given stays as it is.
    type: str
  sha1:
    description:
      - SHA-1 of the certificate's DER in 40 hexadecimal digits, cleaned in the same way.
    type: str
extends_documentation_fragment:
  - rras.sstp._attributes
  - rras.sstp._attributes.writes
  - rras.sstp._options.change
seealso:
  - module: rras.sstp.ssl_binding
    description: The HTTP.SYS records that the hashes must agree with.
  - module: rras.sstp.restart
    description: Makes SstpSvc read the values, or derive them.
  - module: rras.sstp.rotate
    description: Changes hashes, records and mode together.
author:
  - The rras.sstp authors (@rras-sstp)
"""

EXAMPLES = r"""
- name: Show the hashes
  rras.sstp.registry_hash:
  register: hashes

- name: See whether there is a hash to delete
  rras.sstp.registry_hash:
    state: absent
  check_mode: true

- name: Delete both hashes, so that the service derives them when it starts
  rras.sstp.registry_hash:
    state: absent

- name: Write the hash of the load balancer's certificate
  rras.sstp.registry_hash:
    state: present
    sha256: 91D6E0C4A7F38B25D04E6C19F7A2385B6E0D94C1A8B7F2360D5E4C9B1A78F3E2
"""

RETURN = r"""
registry:
  description: The values after the task. In check mode, as they would be.
  returned: success
  type: dict
  contains:
    sha256:
      description: The value SHA256CertificateHash in hexadecimal digits, V(null) where it is absent. A value of another type than binary is
        shown with its type.
      returned: always
      type: str
      sample: 91D6E0C4A7F38B25D04E6C19F7A2385B6E0D94C1A8B7F2360D5E4C9B1A78F3E2
    sha1:
      description: The value SHA1CertificateHash in the same way.
      returned: always
      type: str
      sample: null
previous:
  description: The values before the task.
  returned: success
  type: dict
  contains:
    sha256:
      description: As RV(registry.sha256).
      returned: always
      type: str
      sample: 2A0F9B7C4D1E8563F0A9C2B7D4E1865390FBCA7128E4D63B5F0A1C9E7D2B4860
    sha1:
      description: As RV(registry.sha1).
      returned: always
      type: str
      sample: null
diff:
  description: The values before and after.
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
