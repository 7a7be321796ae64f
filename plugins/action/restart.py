# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rras.sstp.restart: stop SstpSvc with what needs it, start RRAS, wait until it runs."""

from __future__ import annotations

from typing import Any

from ansible_collections.rras.sstp.plugins.plugin_utils.action import CHANGE_SPEC, Result, SstpAction
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.guards import require_restartable, require_sstp
from ansible_collections.rras.sstp.plugins.plugin_utils.names import RRAS_SERVICE, SERVICE_DISABLED
from ansible_collections.rras.sstp.plugins.plugin_utils.plan import Limits, plan_restart, to_start
from ansible_collections.rras.sstp.plugins.plugin_utils.results import registry_result
from ansible_collections.rras.sstp.plugins.plugin_utils.state import HostState
from ansible_collections.rras.sstp.plugins.plugin_utils.windows import Backend, Scope

ARGUMENT_SPEC: dict[str, Any] = {
    **CHANGE_SPEC,
    "service_timeout": {"type": "int", "default": 120},
    "settle_timeout": {"type": "int", "default": 30},
}

FACETS = ("host", "product", "services", "sstp")


class ActionModule(SstpAction):
    ARGUMENT_SPEC = ARGUMENT_SPEC

    def perform(self, args: dict[str, Any], backend: Backend) -> Result:
        scope = Scope(facets=FACETS)
        state, _leftover = self.look(backend, scope)
        require_sstp(state)
        rras = state.service(RRAS_SERVICE)
        if rras is None or rras.start == SERVICE_DISABLED:
            raise SstpError("Routing and Remote Access (RemoteAccess) is disabled on this host or not installed; configure and enable it before a restart.")
        require_restartable(state, to_start(state))
        plan = plan_restart(state, Limits(args["service_timeout"], args["settle_timeout"]))
        after = state if self.check_mode else backend.apply(scope, state, plan.changes).state
        return {"changed": True, "plan": plan.describe(), "services": _states(after), "registry": registry_result(after)}


def _states(state: HostState) -> dict[str, str]:
    return {service.name: service.state for service in state.services}
