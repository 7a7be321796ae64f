# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rras.sstp.ssl_binding: single HTTP.SYS records, or SSTP's pair of them."""

from __future__ import annotations

from typing import Any

from ansible_collections.rras.sstp.plugins.plugin_utils.action import CHANGE_SPEC, Result, SstpAction
from ansible_collections.rras.sstp.plugins.plugin_utils.bindings import BindingOptions, plan_bindings, predict
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.guards import (
    require_other_record,
    require_ownership,
    require_rebindable,
    require_rights,
    require_usable,
)
from ansible_collections.rras.sstp.plugins.plugin_utils.inputs import (
    Endpoint,
    clean_app_id,
    clean_port,
    clean_thumbprint,
    pair,
    parse_endpoint,
)
from ansible_collections.rras.sstp.plugins.plugin_utils.names import SSTP_APP_ID
from ansible_collections.rras.sstp.plugins.plugin_utils.results import bindings_diff, diff, record_diff, record_result
from ansible_collections.rras.sstp.plugins.plugin_utils.state import HostState
from ansible_collections.rras.sstp.plugins.plugin_utils.windows import Backend, Scope

ARGUMENT_SPEC: dict[str, Any] = {
    **CHANGE_SPEC,
    "state": {"type": "str", "choices": ["present", "absent", "query"], "default": "query"},
    "port": {"type": "int"},
    "endpoints": {"type": "list", "elements": "str"},
    "certificate_hash": {"type": "str"},
    "certificate_store_name": {"type": "str"},
    "app_id": {"type": "str", "default": SSTP_APP_ID},
    "take_over": {"type": "bool", "default": False},
}

FACETS = ("host", "http", "product", "sstp", "stores")


class ActionModule(SstpAction):
    ARGUMENT_SPEC = ARGUMENT_SPEC
    CONSTRAINTS = {"mutually_exclusive": [("port", "endpoints")], "required_if": [("state", "present", ("certificate_hash",))]}

    def perform(self, args: dict[str, Any], backend: Backend) -> Result:
        endpoints = tuple(parse_endpoint(text) for text in args["endpoints"] or ())
        options = _options(args)
        ports = (clean_port(args["port"]),) if args["port"] is not None else tuple(sorted({e.port for e in endpoints}))
        thumbprints = (options.certificate_hash,) if options.certificate_hash else ()
        scope = Scope(ports=ports, thumbprints=thumbprints, prove=thumbprints, facets=FACETS)
        state = backend.observe(scope) if args["state"] == "query" else self.look(backend, scope)[0]
        # A record is not made for a family that no adapter is bound to.
        endpoints = endpoints or (state.wildcards if args["state"] == "present" else pair(state.port))
        if args["state"] == "query":
            return _result(state, state, endpoints, changed=False)
        plan = plan_bindings(state, endpoints, args["state"], options)
        if plan:
            touched = tuple(e for e in endpoints if state.record(e) != predict(state, plan).record(e))
            _refuse(state, touched, args, options, check_mode=self.check_mode)
        after = predict(state, plan)
        if plan and not self.check_mode:
            after = backend.apply(scope, state, plan.changes).state
        return _result(state, after, endpoints, changed=bool(plan))


def _options(args: dict[str, Any]) -> BindingOptions:
    return BindingOptions(
        certificate_hash=clean_thumbprint(args["certificate_hash"], "Option certificate_hash") if args["certificate_hash"] else None,
        certificate_store_name=args["certificate_store_name"],
        app_id=clean_app_id(args["app_id"]),
        take_over=args["take_over"],
    )


def _refuse(state: HostState, endpoints: tuple[Endpoint, ...], args: dict[str, Any], options: BindingOptions, *, check_mode: bool) -> None:
    for endpoint in endpoints:
        if endpoint.family == "ccs" and args["state"] == "present":
            raise SstpError(f"The record of {endpoint} has no certificate of its own (IIS has a central store for them); it can only be removed here.")
    require_rights(state)
    require_ownership(state, endpoints, args["take_over"], options.app_id)
    if args["state"] == "absent":
        require_other_record(state, endpoints)
    if args["state"] == "present" and options.certificate_hash:
        store = (options.certificate_store_name or "MY").upper()
        stored = state.certificate(options.certificate_hash)
        require_rebindable(state, endpoints, stored.certificate if stored else None)
        # In check mode an earlier task may only have predicted the import.
        if store == "MY" and not (check_mode and stored is None):
            require_usable(stored, options.certificate_hash)


def _result(before: HostState, after: HostState, endpoints: tuple[Endpoint, ...], *, changed: bool) -> Result:
    bound = [record for record in map(after.record, endpoints) if record]
    previous = next((record.certificate_hash for record in map(before.record, endpoints) if record), None)
    return {
        "changed": changed,
        "bindings": [record_result(record) for record in bound],
        "previous_certificate_hash": previous,
        "diff": diff(
            bindings_diff(before, endpoints),
            {str(endpoint): record_diff(after.record(endpoint)) for endpoint in endpoints},
            "HTTP.SYS SSL records",
        ),
    }
