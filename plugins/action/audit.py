# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rras.sstp.audit: do the five places agree, and if not, what does it lead to?"""

from __future__ import annotations

from typing import Any

from ansible_collections.rras.sstp.plugins.plugin_utils.action import Result, SstpAction
from ansible_collections.rras.sstp.plugins.plugin_utils.changes import Plan
from ansible_collections.rras.sstp.plugins.plugin_utils.inputs import clean_number, clean_port
from ansible_collections.rras.sstp.plugins.plugin_utils.plan import Wanted, plan_rotation
from ansible_collections.rras.sstp.plugins.plugin_utils.results import certificate_result, server_result, stamp
from ansible_collections.rras.sstp.plugins.plugin_utils.rotation import described, refusal
from ansible_collections.rras.sstp.plugins.plugin_utils.rules import Finding, Policy, judge
from ansible_collections.rras.sstp.plugins.plugin_utils.sources import SOURCE_SPEC, named_certificate
from ansible_collections.rras.sstp.plugins.plugin_utils.state import HostState
from ansible_collections.rras.sstp.plugins.plugin_utils.windows import Backend, Scope
from ansible_collections.rras.sstp.plugins.plugin_utils.wire import Sight, look
from ansible_collections.rras.sstp.plugins.plugin_utils.x509 import Certificate

ARGUMENT_SPEC: dict[str, Any] = {
    **SOURCE_SPEC,
    "port": {"type": "int"},
    "take_over": {"type": "bool", "default": False},
    "expiry_days": {"type": "int", "default": 30},
    "probe_address": {"type": "str"},
    "probe_host": {"type": "str"},
    "probe_port": {"type": "int"},
    "probe_timeout": {"type": "int", "default": 10},
    "fail_on": {"type": "str", "choices": ["never", "error", "warning"], "default": "never"},
}

FAILING = {"never": (), "error": ("error",), "warning": ("error", "warning")}


class ActionModule(SstpAction):
    ARGUMENT_SPEC = ARGUMENT_SPEC
    CONSTRAINTS = {"required_by": {"pfx_password": "pfx", "probe_host": "probe_address", "probe_port": "probe_address"}}

    def perform(self, args: dict[str, Any], backend: Backend) -> Result:
        thumbprint, certificate = named_certificate(args, self.read_source)
        ports = (clean_port(args["port"]),) if args["port"] is not None else ()
        expiry_days = clean_number(args["expiry_days"], "expiry_days", 0)
        clean_number(args["probe_timeout"], "probe_timeout", 1)
        if args["probe_port"] is not None:
            clean_port(args["probe_port"], "probe_port")
        wanted = (thumbprint,) if thumbprint else ()
        state = backend.observe(Scope(ports=ports, thumbprints=wanted, prove=wanted, prove_bound=True))
        certificate = certificate or _stored(state, thumbprint)
        wire = _look(args, state.port)
        findings = judge(state, Policy(expiry_days, certificate, wire))
        candidate = _candidate_result(state, thumbprint, certificate, args["take_over"], at_hand=args["pfx"] is not None)
        return _result(state, findings, candidate, wire, args["fail_on"])


def _look(args: dict[str, Any], port: int) -> tuple[Sight, ...]:
    address = args["probe_address"]
    if not address:
        return ()
    return look(args["probe_host"] or address, address, args["probe_port"] or port, args["probe_timeout"])


def _stored(state: HostState, thumbprint: str | None) -> Certificate | None:
    stored = state.certificate(thumbprint) if thumbprint else None
    return stored.certificate if stored else None


def _candidate_result(state: HostState, thumbprint: str | None, certificate: Certificate | None, take_over: bool, *, at_hand: bool) -> dict[str, Any] | None:
    """What rotating to the candidate would do, and what stands against it."""
    if thumbprint is None:
        return None
    stored = state.certificate(thumbprint)
    plan = plan_rotation(state, Wanted(certificate)) if certificate else Plan()
    return {
        "thumbprint": thumbprint,
        "staged": stored is not None and stored.key is not None and stored.key.usable is True,
        "certificate": certificate_result(certificate) if certificate else None,
        "plan": described(plan, interrupted=state.interrupted),
        "refusal": refusal(state, certificate, thumbprint, plan, take_over=take_over, at_hand=at_hand),
    }


def _result(state: HostState, findings: tuple[Finding, ...], candidate: dict[str, Any] | None, wire: tuple[Sight, ...], fail_on: str) -> Result:
    failing = [finding for finding in findings if finding.severity in FAILING[fail_on]]
    server = server_result(state)
    result: Result = {
        "changed": False,
        "compliant": not any(finding.severity == "error" for finding in findings),
        "findings": [finding.to_result() for finding in findings],
        "repairable": any(finding.repairable for finding in findings),
        "candidate": candidate,
        "wire": [sight.to_result() for sight in wire],
        "server": server,
        "record": {"server": server["name"], "time": stamp(state.time), "findings": [str(finding) for finding in findings]},
    }
    if failing:
        result |= {"failed": True, "msg": f"{len(failing)} finding(s): " + " | ".join(str(finding) for finding in failing)}
    return result
