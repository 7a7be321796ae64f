# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rras.sstp.registry_hash: the certificate hashes in SstpSvc's registry key."""

from __future__ import annotations

from typing import Any

from ansible_collections.rras.sstp.plugins.plugin_utils.action import CHANGE_SPEC, Result, SstpAction
from ansible_collections.rras.sstp.plugins.plugin_utils.changes import Change, DeleteValue, SetValue
from ansible_collections.rras.sstp.plugins.plugin_utils.guards import require_derived_hash, require_sstp, require_way_back
from ansible_collections.rras.sstp.plugins.plugin_utils.inputs import clean_hex
from ansible_collections.rras.sstp.plugins.plugin_utils.names import SHA1_VALUE, SHA256_VALUE, SSTP_KEY
from ansible_collections.rras.sstp.plugins.plugin_utils.results import diff, hash_result
from ansible_collections.rras.sstp.plugins.plugin_utils.state import HostState, RegistryValue
from ansible_collections.rras.sstp.plugins.plugin_utils.windows import Backend, Scope

ARGUMENT_SPEC: dict[str, Any] = {
    **CHANGE_SPEC,
    "state": {"type": "str", "choices": ["present", "absent", "query"], "default": "query"},
    "hashes": {"type": "list", "elements": "str", "choices": ["sha256", "sha1"], "default": ["sha256", "sha1"]},
    "sha256": {"type": "str"},
    "sha1": {"type": "str"},
}

FACETS = ("host", "product", "services", "sstp")
VALUES = {"sha256": (SHA256_VALUE, 64), "sha1": (SHA1_VALUE, 40)}


class ActionModule(SstpAction):
    ARGUMENT_SPEC = ARGUMENT_SPEC
    CONSTRAINTS = {"required_if": [("state", "present", ("sha256", "sha1"), True)]}

    def perform(self, args: dict[str, Any], backend: Backend) -> Result:
        wanted = _wanted(args)
        scope = Scope(facets=FACETS)
        state = backend.observe(scope) if args["state"] == "query" else self.look(backend, scope)[0]
        before = _hashes(state)
        if args["state"] == "query":
            return _result(before, before)
        require_sstp(state)
        if args["state"] == "absent" and "sha256" in wanted and before["sha256"] is not None:
            require_derived_hash(state)
        # SHA-256 last: where that is absent a service that is started meanwhile derives both.
        changes = [change for name in ("sha1", "sha256") if name in wanted and (change := _change(state, name, wanted[name]))]
        require_way_back(state, changes)
        after = {**before, **wanted}
        if changes and not self.check_mode:
            after = _hashes(backend.apply(scope, state, changes).state)
        return _result(before, after, changed=bool(changes))


def _wanted(args: dict[str, Any]) -> dict[str, str | None]:
    """Name of a hash -> the hex it should have, None for absent; only those that the task is about."""
    if args["state"] == "absent":
        return dict.fromkeys(args["hashes"])
    return {name: clean_hex(args[name], f"Option {name}", digits) for name, (_value, digits) in VALUES.items() if args[name]}


def _change(state: HostState, name: str, wanted: str | None) -> Change | None:
    value_name = VALUES[name][0]
    current = state.parameter(value_name)
    if wanted is None:
        return DeleteValue(SSTP_KEY, value_name) if current is not None else None
    return None if current == RegistryValue("binary", wanted) else SetValue(SSTP_KEY, value_name, "binary", wanted)


def _hashes(state: HostState) -> dict[str, str | None]:
    return {name: hash_result(state.parameter(value_name)) for name, (value_name, _digits) in VALUES.items()}


def _result(before: dict[str, str | None], after: dict[str, str | None], *, changed: bool = False) -> Result:
    return {"changed": changed, "registry": after, "previous": before, "diff": diff(before, after, "Certificate hashes of SstpSvc")}
