#!/usr/bin/python
# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: heal
short_description: Say whether an SSTP server is to be healed now, and of what
version_added: 0.1.0
description:
  - Looks at the server as M(rras.sstp.audit) does, and looks once more after a while. What is wrong both times, may be healed by O(rules), and was not healed
    lately is what a rotation is to heal now.
  - When there is such a cause, that it is healed now is noted on the target, below C(HKLM\SOFTWARE\rras.sstp). So whoever looks next, from whichever
    controller, leaves the same cause alone for O(quiet_hours), also where healing it has failed.
  - What an interrupted change has left on the target is taken back before that, as a rotation would do.
  - The healing itself is a rotation, to RV(at_hand) or to a certificate of yours, as the playbook C(rras.sstp.heal) does it.
options:
  rules:
    description:
      - The ids of the rules whose findings may be healed, such as V(binding_missing), V(registry_sha256_different) or V(rras_stopped). C(docs/rules.md) says
        which ones a rotation heals.
    type: list
    elements: str
    required: true
  quiet_hours:
    description:
      - For how many hours a cause is left alone after it was healed, by the target's clock. V(0) heals it each time.
    type: int
    default: 6
  second_look:
    description:
      - After how many seconds to look once more. V(0) looks again at once.
    type: int
    default: 30
  forget:
    description:
      - Take the notes about O(rules) back, as the rotation was put off. Nothing else is done then.
    type: bool
    default: false
  balancer:
    description:
      - The device that ends TLS in front of a server in offload mode, a name or IP address, with the port where that is not 443. Without it what it serves is
        not known, and V(balancer_certificate_different) never found.
    type: str
  severities:
    description:
      - Rules about certificates with another severity than their own, as in M(rras.sstp.audit). Which certificate is fit, for RV(at_hand), hangs on it.
    type: dict
extends_documentation_fragment:
  - rras.sstp._attributes
  - rras.sstp._attributes.writes
  - rras.sstp._attributes.actiongroup_sstp
  - rras.sstp._options.port
  - rras.sstp._options.change
seealso:
  - module: rras.sstp.audit
    description: Says all that is wrong.
  - module: rras.sstp.rotate
    description: Heals it.
author:
  - The rras.sstp authors (@rras-sstp)
"""

EXAMPLES = r"""
- name: See whether there is something to heal
  rras.sstp.heal:
    rules: [binding_missing, binding_mismatch, registry_sha256_missing, registry_sha256_different]
  register: heal

- name: See whether there would be something to heal, and note nothing
  rras.sstp.heal:
    rules: [rras_stopped]
    second_look: 0
  check_mode: true

- name: Heal it
  rras.sstp.rotate:
    thumbprint: "{{ heal.at_hand.thumbprint }}"
  when: heal.due
"""

RETURN = r"""
due:
  description: Whether to heal now.
  returned: success
  type: bool
  sample: true
causes:
  description: What is to be healed, with the keys of RV(rras.sstp.audit#module:findings).
  returned: success
  type: list
  elements: dict
passed:
  description: What was wrong on the first look and not on the second, with the same keys.
  returned: success
  type: list
  elements: dict
quiet:
  description: The causes that were healed lately, and so are left alone.
  returned: success
  type: list
  elements: dict
  contains:
    rule:
      description: The id of the rule.
      returned: always
      type: str
      sample: registry_sha256_different
    until:
      description: Until when, by the target's clock (ISO 8601, UTC).
      returned: always
      type: str
      sample: '2026-03-01T08:00:00Z'
healed:
  description: Rule id -> when the target was last healed of it, or the healing begun, by its own clock.
  returned: success
  type: dict
  sample: {registry_sha256_different: '2026-03-01T02:00:00Z'}
at_hand:
  description: The certificate in the store of the target with which a rotation heals it, as RV(rras.sstp.audit#module:at_hand). V(null) where there is none,
    and where nothing is due.
  returned: success
  type: dict
record:
  description: The host as it was found, as RV(rras.sstp.audit#module:record). V(null) where nothing is due.
  returned: success
  type: dict
sentence:
  description: All of it in a sentence.
  returned: success
  type: str
  sample: Nothing that may be healed is wrong.
diff:
  description: The notes on the target, before and after.
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
