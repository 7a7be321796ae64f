# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rras.sstp.verdict: an earlier audit of a host, as the outcome of its part in the play."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible_collections.rras.sstp.plugins.plugin_utils.action import Result, SstpAction
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError, one_line
from ansible_collections.rras.sstp.plugins.plugin_utils.findings import FAILING, sentence_of
from ansible_collections.rras.sstp.plugins.plugin_utils.windows import Backend

ARGUMENT_SPEC: dict[str, Any] = {
    "audit": {"type": "dict", "required": True},
    "fail_on": {"type": "str", "choices": list(FAILING), "default": "error"},
}


class ActionModule(SstpAction):
    ARGUMENT_SPEC = ARGUMENT_SPEC
    TRANSFERS_FILES = False

    # The host may be down: that is one of the outcomes.
    _requires_connection = False

    def perform(self, args: dict[str, Any], backend: Backend) -> Result:
        audit = args["audit"]
        if audit.get("unreachable"):
            raise AnsibleConnectionFailure(str(audit.get("msg") or "The host could not be reached when it was audited."))
        if "record" not in audit:
            raise SstpError(str(audit.get("msg") or "The host was not audited."))
        failing = [finding for finding in _findings(audit) if finding["severity"] in FAILING[args["fail_on"]]]
        result: Result = {"changed": False, "sentences": [finding["sentence"] for finding in failing]}
        # Their sentences were told by the audit.
        named = one_line(", ".join(f"{finding['id']} ({finding['subject']})" for finding in failing))
        return {**result, "failed": True, "msg": f"{len(failing)} finding(s): {named}"} if failing else result


def _findings(audit: Mapping[str, Any]) -> list[dict[str, Any]]:
    keys = ("id", "severity", "subject")
    try:
        return [{**{key: finding[key] for key in keys}, "sentence": sentence_of(finding)} for finding in audit["record"]["findings"]]
    except (KeyError, TypeError, ValueError):
        raise SstpError("Option audit must be what rras.sstp.audit has returned, but it has not the keys of that; register it.") from None
