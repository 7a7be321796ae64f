# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rras.sstp.audit: do the five places agree, and if not, what does it lead to?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.rras.sstp.plugins.plugin_utils.action import Result, SstpAction
from ansible_collections.rras.sstp.plugins.plugin_utils.balancer import Balancer, parse_balancer
from ansible_collections.rras.sstp.plugins.plugin_utils.changes import Plan
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.findings import FAILING, Policy
from ansible_collections.rras.sstp.plugins.plugin_utils.importing import ImportOptions, import_changes, is_usable
from ansible_collections.rras.sstp.plugins.plugin_utils.inputs import clean_address, clean_number, clean_port
from ansible_collections.rras.sstp.plugins.plugin_utils.modes import AS_FOUND, target_mode
from ansible_collections.rras.sstp.plugins.plugin_utils.names import OFFLOAD
from ansible_collections.rras.sstp.plugins.plugin_utils.plan import Limits, Wanted, plan_rotation
from ansible_collections.rras.sstp.plugins.plugin_utils.record import record_of
from ansible_collections.rras.sstp.plugins.plugin_utils.results import certificate_result, events_result, server_result
from ansible_collections.rras.sstp.plugins.plugin_utils.rotation import advice, described, problems, refusal
from ansible_collections.rras.sstp.plugins.plugin_utils.rules import clean_ignored, judge
from ansible_collections.rras.sstp.plugins.plugin_utils.sources import SOURCE_SPEC, candidate_of
from ansible_collections.rras.sstp.plugins.plugin_utils.state import DEFAULT_PORT, HostState
from ansible_collections.rras.sstp.plugins.plugin_utils.wanting import (
    MODE_SPEC,
    Source,
    at_port_after,
    chosen,
    events_since,
    look_for,
    scope_for,
    source_of,
    wanted_of,
)
from ansible_collections.rras.sstp.plugins.plugin_utils.windows import Backend
from ansible_collections.rras.sstp.plugins.plugin_utils.wire import Sight, look

ARGUMENT_SPEC: dict[str, Any] = {
    **SOURCE_SPEC,
    **MODE_SPEC,
    "port": {"type": "int"},
    "take_over": {"type": "bool", "default": False},
    "expiry_days": {"type": "int", "default": 30},
    "events_hours": {"type": "int", "default": 24},
    "ignore_rules": {"type": "dict"},
    "trust_root": {"type": "bool", "default": False},
    "probe_address": {"type": "str"},
    "probe_host": {"type": "str"},
    "probe_port": {"type": "int"},
    "probe_timeout": {"type": "int", "default": 10},
    "public_addresses": {"type": "list", "elements": "str"},
    "fail_on": {"type": "str", "choices": list(FAILING), "default": "never"},
}


class ActionModule(SstpAction):
    ARGUMENT_SPEC = ARGUMENT_SPEC
    CONSTRAINTS = {"required_by": {"pfx_password": "pfx", "probe_host": "probe_address", "probe_port": "probe_address"}}

    def perform(self, args: dict[str, Any], backend: Backend) -> Result:
        source = source_of(args, candidate_of(args, self.read_source))
        expiry_days = clean_number(args["expiry_days"], "expiry_days", 0)
        clean_number(args["probe_timeout"], "probe_timeout", 1)
        if args["probe_port"] is not None:
            clean_port(args["probe_port"], "probe_port")
        public = tuple(clean_address(text, "public_addresses") for text in args["public_addresses"] or ())
        ignored = clean_ignored(args["ignore_rules"])
        scope = replace(scope_for(args, source), users=True, events_since=events_since(args["events_hours"]))
        state = backend.observe(scope)
        probe_port = _probe_port(args, state)
        state, scope = at_port_after(args, state, scope, backend)
        balancer = look_for(args, state)
        try:
            state, source, _scope, selection = chosen(state, source, scope, backend)
            wanted, reason = _wanted(args, state, source, balancer)
        except SstpError as none:
            selection, wanted, reason = None, None, none
        wire = _look(args, probe_port)
        policy = Policy(expiry_days, wanted, wire, balancer, public, source.names, source.severities, ignored, self.commands)
        candidate = _candidate_result(state, source, wanted, reason, args)
        if candidate is not None:
            candidate["passed_over"] = selection.to_result() if selection else reason.facts.get("passed_over", []) if reason else []
        return _result(state, policy, candidate, args["fail_on"])


def _wanted(args: dict[str, Any], state: HostState, source: Source, balancer: Balancer | None) -> tuple[Wanted | None, SstpError | None]:
    """What is asked for, None where nothing is; or why it cannot be had."""
    if source == Source(names=source.names, severities=source.severities) and balancer is None and args["mode"] == AS_FOUND and args["listener_port"] is None:
        return None, None
    try:
        return wanted_of(args, state, source, balancer, Limits()), None
    except SstpError as error:
        return None, error


def _look(args: dict[str, Any], port: int) -> tuple[Sight, ...]:
    address = args["probe_address"]
    if not address:
        return ()
    return look(args["probe_host"] or address, address, port, args["probe_timeout"])


def _probe_port(args: dict[str, Any], state: HostState) -> int:
    """Unless told, the one that clients dial now: that of the server, or of the device in front of it."""
    if args["probe_port"] is not None:
        return int(args["probe_port"])
    if state.mode == OFFLOAD:
        return parse_balancer(args["balancer"])[1] if args["balancer"] else DEFAULT_PORT
    return state.port


def _candidate_result(state: HostState, source: Source, wanted: Wanted | None, reason: SstpError | None, args: dict[str, Any]) -> dict[str, Any] | None:
    """What rotating to what is asked for would do, and what stands against it; reason: why it cannot be had."""
    if wanted is None and reason is None:
        return None
    thumbprint = wanted.thumbprint if wanted else source.thumbprint
    stored = state.certificate(thumbprint) if thumbprint else None
    plan = plan_rotation(state, wanted) if wanted else Plan()
    target = target_mode(state, args["mode"])
    return {
        "thumbprint": thumbprint,
        "sha256": wanted.hash if wanted else source.sha256,
        "mode": target,
        # In offload mode the server has no use for the certificate itself.
        "staged": target == OFFLOAD or (is_usable(stored) and not _missing(state, source, args)),
        "certificate": certificate_result(wanted.certificate) if wanted and wanted.certificate else None,
        "plan": described(plan, interrupted=state.interrupted),
        "advice": advice(state, wanted, plan) if wanted else [],
        "refusal": refusal(state, wanted, thumbprint, plan, take_over=args["take_over"], at_hand=source.at_hand) if wanted else str(reason),
        "problems": [problem.to_result() for problem in problems(state, wanted)] if wanted else [],
    }


def _missing(state: HostState, source: Source, args: dict[str, Any]) -> bool:
    """Is anything to be imported of what the controller has?"""
    return source.candidate is not None and bool(import_changes(state, source.candidate, ImportOptions(trust_root=args["trust_root"])))


def _result(state: HostState, policy: Policy, candidate: dict[str, Any] | None, fail_on: str) -> Result:
    judgement = judge(state, policy)
    failing = [finding for finding in judgement.findings if finding.severity in FAILING[fail_on]]
    result: Result = {
        "changed": False,
        "compliant": judgement.compliant,
        "findings": [finding.to_result() for finding in judgement.findings],
        "sentences": [str(finding) for finding in judgement.findings],
        "ignored": [ignored.to_result() for ignored in judgement.ignored],
        "repairable": any(finding.repairable for finding in judgement.findings),
        "at_hand": judgement.at_hand.to_result() if judgement.at_hand else None,
        "candidate": candidate,
        "wire": [sight.to_result() for sight in policy.wire],
        "balancer": policy.balancer.to_result() if policy.balancer else [],
        "server": server_result(state),
        **events_result(state),
        "record": record_of(state, policy, judgement),
    }
    if failing:
        result |= {"failed": True, "msg": f"{len(failing)} finding(s): " + " | ".join(str(finding) for finding in failing)}
    return result
