# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rras.sstp.restore: put back what a rotation has changed, from the snapshot that it returned."""

from __future__ import annotations

from typing import Any

from ansible_collections.rras.sstp.plugins.plugin_utils.action import CHANGE_SPEC, Result, SstpAction
from ansible_collections.rras.sstp.plugins.plugin_utils.guards import require_restartable, require_sstp, require_way_back
from ansible_collections.rras.sstp.plugins.plugin_utils.plan import Limits, to_start
from ansible_collections.rras.sstp.plugins.plugin_utils.restoration import advice, plan_restoration, predict, read_snapshot, require_origin
from ansible_collections.rras.sstp.plugins.plugin_utils.results import diff, rotation_diff
from ansible_collections.rras.sstp.plugins.plugin_utils.rotation import described, evidence, logged
from ansible_collections.rras.sstp.plugins.plugin_utils.windows import Backend, Scope

ARGUMENT_SPEC: dict[str, Any] = {
    **CHANGE_SPEC,
    "snapshot": {"type": "dict", "required": True},
    "service_timeout": {"type": "int", "default": 120},
    "settle_timeout": {"type": "int", "default": 30},
}


class ActionModule(SstpAction):
    ARGUMENT_SPEC = ARGUMENT_SPEC

    def perform(self, args: dict[str, Any], backend: Backend) -> Result:
        snapshot = read_snapshot(args["snapshot"])
        limits = Limits(args["service_timeout"], args["settle_timeout"])
        thumbprints = tuple(dict.fromkeys(record.certificate_hash for record in snapshot.records))
        scope = Scope(ports=(snapshot.port,), thumbprints=thumbprints, remote_access="always" if snapshot.remote_access else "unless_automatic")
        state, interrupted = self.look(backend, scope)
        require_sstp(state)
        require_origin(state, snapshot)
        plan = plan_restoration(state, snapshot, limits)
        require_restartable(state, to_start(state) if plan.restarts else ())
        require_way_back(state, plan.changes)
        applied = backend.apply(logged(scope, state), state, plan.changes) if plan and not self.check_mode else None
        after = applied.state if applied else predict(state, snapshot, plan)
        return {
            "changed": bool(plan) or interrupted,
            "restarted": plan.restarts,
            "plan": described(plan, interrupted=interrupted),
            "advice": advice(state, snapshot, plan),
            "evidence": evidence(after, applied),
            "diff": diff(rotation_diff(state), rotation_diff(after), "SSTP certificate"),
        }
