# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rras.sstp.rotate: the switch itself, as one transaction on the host."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible.utils.display import Display
from ansible_collections.rras.sstp.plugins.plugin_utils.action import CHANGE_SPEC, Result, SstpAction
from ansible_collections.rras.sstp.plugins.plugin_utils.changes import Plan
from ansible_collections.rras.sstp.plugins.plugin_utils.modes import target_mode
from ansible_collections.rras.sstp.plugins.plugin_utils.names import OFFLOAD
from ansible_collections.rras.sstp.plugins.plugin_utils.plan import Limits, Wanted, plan_rotation
from ansible_collections.rras.sstp.plugins.plugin_utils.restarting import RESTART_SPEC, Permission, permission_of, sessions_ended, why_put_off
from ansible_collections.rras.sstp.plugins.plugin_utils.rotation import logged, predict, refuse, rotation_result
from ansible_collections.rras.sstp.plugins.plugin_utils.sources import SOURCE_SPEC, candidate_of
from ansible_collections.rras.sstp.plugins.plugin_utils.state import HostState
from ansible_collections.rras.sstp.plugins.plugin_utils.wanting import MODE_SPEC, Source, at_port_after, chosen, look_for, scope_for, source_of, wanted_of
from ansible_collections.rras.sstp.plugins.plugin_utils.windows import Applied, Backend, Scope

ARGUMENT_SPEC: dict[str, Any] = {
    **CHANGE_SPEC,
    **SOURCE_SPEC,
    **MODE_SPEC,
    **RESTART_SPEC,
    "port": {"type": "int"},
    "take_over": {"type": "bool", "default": False},
    "service_state": {"type": "str", "choices": ["running", "as_found"], "default": "running"},
    "service_timeout": {"type": "int", "default": 120},
    "settle_timeout": {"type": "int", "default": 30},
}


class ActionModule(SstpAction):
    ARGUMENT_SPEC = ARGUMENT_SPEC
    CONSTRAINTS = {
        "required_one_of": [("pfx", "certificate", "private_key", "thumbprint", "dns_names", "balancer", "sha256")],
        "required_by": {"pfx_password": "pfx"},
    }

    def perform(self, args: dict[str, Any], backend: Backend) -> Result:
        source = source_of(args, candidate_of(args, self.read_source))
        permission = permission_of(args)
        scope = scope_for(args, source)
        state, interrupted = self.look(backend, scope)
        state, scope = at_port_after(args, state, scope, backend)
        state, source, scope, _selection = chosen(state, source, scope, backend)
        return self._rotate(args, backend, scope, state, source, permission, recovered=interrupted)

    def _rotate(
        self, args: dict[str, Any], backend: Backend, scope: Scope, state: HostState, source: Source, permission: Permission, *, recovered: bool
    ) -> Result:
        # In check mode a certificate that the controller has counts as imported: that comes first in a real run.
        predicted = source.certificate is not None and self.check_mode
        wanted = self._wanted(args, state, source, predicted=predicted)
        plan = plan_rotation(state, wanted)
        if plan:
            staged = not predicted and wanted.thumbprint is not None and state.certificate(wanted.thumbprint) is not None
            refuse(state, wanted, plan, take_over=args["take_over"], staged=staged)
        deferred = why_put_off(state, plan, permission)
        told = {"deferred": deferred, "sessions": sessions_ended(state, plan)}
        if deferred:
            return rotation_result(state, state, Plan(), wanted, None, recovered=recovered) | {"mode": state.mode, **told}
        applied = self._apply(plan, backend, scope, state)
        after = applied.state if applied else predict(state, plan, wanted)
        result = rotation_result(state, after, plan, wanted, applied, recovered=recovered)
        for sentence in result["advice"]:
            Display().warning(sentence)
        return {**result, **told}

    def _wanted(self, args: dict[str, Any], state: HostState, source: Source, *, predicted: bool) -> Wanted:
        if not predicted and target_mode(state, args["mode"]) != OFFLOAD:
            source = replace(source, certificate=None)
        limits = Limits(args["service_timeout"], args["settle_timeout"])
        return wanted_of(args, state, source, look_for(args, state), limits, args["service_state"])

    def _apply(self, plan: Plan, backend: Backend, scope: Scope, state: HostState) -> Applied | None:
        return backend.apply(logged(scope, state), state, plan.changes) if plan and not self.check_mode else None
