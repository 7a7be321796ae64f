#!/usr/bin/python
# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: verdict
short_description: Let a host end a play as its audit has ended
version_added: 0.1.0
description:
  - Takes what M(rras.sstp.audit) has returned for the host earlier in the run, and fails where a finding weighs enough, or is unreachable where the host
    was. So the audits of all hosts can first be gathered, a report of them written, and only then the run ended with the exit code that says how it went.
  - No connection to the host is opened.
options:
  audit:
    description:
      - The registered result of M(rras.sstp.audit). The task that gave it must have ignored that the host was unreachable, or had failed.
    type: dict
    required: true
  fail_on:
    description:
      - Which findings fail the task.
      - V(never) fails for none, V(error) for errors, V(warning) for errors and warnings. A host that could not be audited fails anyhow.
    type: str
    choices: [never, error, warning]
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
      - Ansible cannot run an action plugin in the background. There is nothing to wait for.
  platform:
    description: The operating systems that can be targets.
    support: full
    platforms: all
    details:
      - Nothing is done on the target.
extends_documentation_fragment:
  - rras.sstp._attributes.reads
seealso:
  - module: rras.sstp.audit
    description: Looks at the host.
  - module: rras.sstp.report
    description: Writes the report between the two.
author:
  - The rras.sstp authors (@rras-sstp)
"""

EXAMPLES = r"""
- name: Audit
  rras.sstp.audit:
  register: audit
  ignore_errors: true
  ignore_unreachable: true

- name: End as the audit says
  rras.sstp.verdict:
    audit: "{{ audit }}"
    fail_on: warning
"""

RETURN = r"""
sentences:
  description: Each finding that weighs enough, as one sentence.
  returned: when the host was audited
  type: list
  elements: str
  sample:
    - 'binding_missing: [::]:443: expected an HTTP.SYS record, found none (leads to RasSstp event 21); rotate the certificate (rras.sstp.rotate)'
"""
