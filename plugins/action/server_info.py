# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rras.sstp.server_info: one read of everything."""

from __future__ import annotations

from typing import Any

from ansible_collections.rras.sstp.plugins.plugin_utils.action import Result, SstpAction
from ansible_collections.rras.sstp.plugins.plugin_utils.inputs import clean_port
from ansible_collections.rras.sstp.plugins.plugin_utils.results import events_result, server_result
from ansible_collections.rras.sstp.plugins.plugin_utils.wanting import events_since
from ansible_collections.rras.sstp.plugins.plugin_utils.windows import Backend, Scope

ARGUMENT_SPEC: dict[str, Any] = {
    "port": {"type": "int"},
    "events_hours": {"type": "int", "default": 24},
    "remote_access": {"type": "str", "choices": ["never", "unless_automatic", "always"], "default": "unless_automatic"},
}


class ActionModule(SstpAction):
    ARGUMENT_SPEC = ARGUMENT_SPEC

    def perform(self, args: dict[str, Any], backend: Backend) -> Result:
        ports = (clean_port(args["port"]),) if args["port"] is not None else ()
        since = events_since(args["events_hours"])
        state = backend.observe(Scope(ports=ports, prove_bound=True, remote_access=args["remote_access"], users=True, events_since=since))
        return {"changed": False, "server": server_result(state), **events_result(state)}
