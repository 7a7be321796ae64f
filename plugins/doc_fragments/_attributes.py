# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes, requirements and notes that modules share. PRIVATE to the collection."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
attributes:
  action:
    description: Has an action plugin, so that it runs on the controller.
    support: full
    details:
      - All judgement happens on the controller. The target runs one PowerShell module, which reads facts and carries out changes.
  async:
    description: Can be used with the C(async) keyword.
    support: none
    details:
      - Ansible cannot run an action plugin in the background. To limit a task in time, use the keyword C(timeout).
  platform:
    description: The operating systems that can be targets.
    support: full
    platforms: windows
requirements:
  - "On the controller: the Python library cryptography, and what the connection needs (for example pywinrm)."
  - "On the target: PowerShell 5.1 or later. Nothing has to be installed there."
notes:
  - The connection must be one to Windows, V(winrm) or V(psrp), or V(ssh) with C(ansible_shell_type) set to V(powershell).
"""

    # For modules that only read.
    READS = r"""
attributes:
  check_mode:
    description: Can run in check mode, predicting what a real run would do and changing nothing.
    support: full
    details:
      - This module changes nothing, so check mode makes no difference.
  diff_mode:
    description: Returns what has changed, or would change, when run in diff mode.
    support: none
    details:
      - This module changes nothing, so there is nothing to compare.
  idempotent:
    description: Run again with the same options and an unchanged target, it changes nothing.
    support: full
    details:
      - This module changes nothing.
"""

    # For modules that write what differs.
    WRITES = r"""
attributes:
  check_mode:
    description: Can run in check mode, predicting what a real run would do and changing nothing.
    support: full
  diff_mode:
    description: Returns what has changed, or would change, when run in diff mode.
    support: full
  idempotent:
    description: Run again with the same options and an unchanged target, it changes nothing.
    support: full
"""

    ACTIONGROUP_SSTP = r"""
attributes:
  action_group:
    description: Takes its shared options from C(module_defaults) of the group C(group/rras.sstp.sstp).
    support: full
    membership:
      - rras.sstp.sstp
"""
