#!/usr/bin/python
# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: restart
short_description: Restart the SSTP service and RRAS
version_added: 0.1.0
description:
  - Stops SstpSvc and whatever depends on it, starts RemoteAccess with what it needs and whatever else ran, and waits until they run. The
    dependencies are read on the target each time.
  - All VPN sessions of the server end. Sessions are not counted before the restart yet.
  - When a service does not stop or start in time, those that were changed are brought back into the state in which they were found as far
    as they can be.
  - A server whose service RemoteAccess is disabled, or that has none, is refused.
attributes:
  check_mode:
    description: Can run in check mode, predicting what a real run would do and changing nothing.
    support: full
    details:
      - RV(services) and RV(registry) are as they were found then.
  diff_mode:
    description: Returns what has changed, or would change, when run in diff mode.
    support: none
    details:
      - After a restart there is nothing to compare. RV(plan) says what is done.
  idempotent:
    description: Run again with the same options and an unchanged target, it changes nothing.
    support: none
    details:
      - It restarts each time, and always reports a change. Run it from a handler, or when another task has changed something.
extends_documentation_fragment:
  - rras.sstp._attributes
  - rras.sstp._options.change
  - rras.sstp._options.limits
seealso:
  - module: rras.sstp.rotate
    description: Restarts by itself when it has to.
author:
  - The rras.sstp authors (@rras-sstp)
"""

EXAMPLES = r"""
- name: Delete both hashes, so that the service derives them when it starts
  rras.sstp.registry_hash:
    state: absent
  register: hashes

- name: Restart RRAS when there was something to delete
  rras.sstp.restart:
  when: hashes is changed

- name: See which services a restart would stop and start
  rras.sstp.restart:
  check_mode: true

- name: Restart a server that is slow to stop
  rras.sstp.restart:
    service_timeout: 300
    settle_timeout: 60
"""

RETURN = r"""
plan:
  description: What is done, step by step, in words.
  returned: success
  type: list
  elements: str
  sample:
    - stop RemoteAccess, RasMan, SstpSvc
    - start SstpSvc, RasMan, RemoteAccess
    - wait until SstpSvc is running and RasMan is running and RemoteAccess is running
services:
  description: The state of SstpSvc and of every service that depends on it, by name, after the task. In check mode, before it.
  returned: success
  type: dict
  sample:
    RasMan: running
    RemoteAccess: running
    SstpSvc: running
registry:
  description: The certificate hashes of SstpSvc after the task. In check mode, before it.
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
