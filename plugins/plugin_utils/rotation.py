# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rotation refuses, predicts and reports. PRIVATE to the collection."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from .changes import DeleteValue, Plan, SetRecord, SetServices, SetValue, record_to_wire
from .errors import SstpError
from .guards import require_automatic_mode, require_fitness, require_ownership, require_restartable, require_sstp, require_usable
from .inputs import pair
from .names import PREDECESSORS_KEY, SHA1_VALUE, SHA256_VALUE
from .plan import to_start
from .results import diff, event_result, predecessors_result, rotation_diff, server_result, stamp
from .state import HostState, RegistryValue
from .windows import Applied, Scope, explain
from .x509 import Certificate


def refuse(state: HostState, certificate: Certificate, plan: Plan, *, take_over: bool, staged: bool) -> None:
    """Raise SstpError for the first thing that stands against rotating to the certificate; staged: it is in the store."""
    require_sstp(state)
    require_automatic_mode(state)
    require_restartable(state, to_start(state) if plan.restarts else ())
    require_fitness(certificate, state.time)
    if staged:
        require_usable(state.certificate(certificate.thumbprint), certificate.thumbprint)
    require_ownership(state, [change.record.endpoint for change in plan.changes if isinstance(change, SetRecord)], take_over)


def refusal(state: HostState, certificate: Certificate | None, thumbprint: str, plan: Plan, *, take_over: bool, at_hand: bool) -> str | None:
    """What would stand against that rotation, as a sentence; None where nothing does or nothing has to be done.

    at_hand: the controller has the certificate with its key and can import it; else it must be in the store with a key that signs.
    """
    try:
        if certificate is None:
            require_usable(None, thumbprint)
        elif plan:
            refuse(state, certificate, plan, take_over=take_over, staged=not at_hand)
        else:
            require_fitness(certificate, state.time)
            if not at_hand:
                require_usable(state.certificate(thumbprint), thumbprint)
    except SstpError as error:
        return str(error)
    return None


def predict(state: HostState, plan: Plan, certificate: Certificate) -> HostState:
    """The state as the plan would leave it, the hashes as the service would derive them."""
    if not plan:
        return state
    records = {record.endpoint: record for record in state.records}
    services = {service.name: service for service in state.services}
    predecessors = dict(state.predecessors)
    for change in plan.changes:
        if isinstance(change, SetRecord):
            records[change.record.endpoint] = change.record
        elif isinstance(change, SetServices) and change.when_changed is None:
            services |= {name: replace(services[name], state=change.state) for name in change.names}
        elif isinstance(change, SetValue) and change.path == PREDECESSORS_KEY:
            predecessors[change.name] = str(change.data)
        elif isinstance(change, DeleteValue) and change.path == PREDECESSORS_KEY:
            predecessors.pop(change.name, None)
    return replace(
        state,
        records=tuple(records.values()),
        services=tuple(services.values()),
        predecessors=predecessors,
        parameters=_derived(state, certificate),
    )


def _derived(state: HostState, certificate: Certificate) -> dict[str, RegistryValue]:
    """SHA-1 is predicted only where it was there before: newer servers do not write it."""
    values = dict(state.parameters or {})
    for name, data in ((SHA256_VALUE, certificate.sha256), (SHA1_VALUE, certificate.thumbprint)):
        known = next((known for known in values if known.lower() == name.lower()), None)
        if known is not None or name == SHA256_VALUE:
            values[known or name] = RegistryValue("binary", data)
    return values


def rotation_result(
    before: HostState, after: HostState, plan: Plan, certificate: Certificate, applied: Applied | None, *, recovered: bool = False
) -> dict[str, Any]:
    """The result of rotate; the same keys whether it ran, was predicted, or had nothing to do.

    recovered: an interrupted change was taken back first, or would be; before is what came of that.
    """
    previous = sorted({r.certificate_hash for r in before.pair if r} - {certificate.thumbprint, ""})
    return {
        "changed": bool(plan) or recovered,
        "thumbprint": certificate.thumbprint,
        "sha256": certificate.sha256,
        "previous_certificate_hashes": previous,
        "restarted": plan.restarts,
        "plan": described(plan, interrupted=recovered),
        "predecessors": predecessors_result(after),
        "snapshot": snapshot(before),
        "evidence": evidence(after, applied),
        "diff": diff(rotation_diff(before), rotation_diff(after), "SSTP certificate"),
    }


def described(plan: Plan, *, interrupted: bool) -> list[str]:
    """The plan in words, with what comes before it on a host that carries the journal of an interrupted change."""
    return (["take back an interrupted change"] if interrupted else []) + plan.describe()


def snapshot(state: HostState) -> dict[str, Any]:
    """What a rotation changes, as it was: enough to put it back, and no secret."""
    return {
        "version": 1,
        "server": state.host.get("name"),
        "time": state.host.get("time"),
        "port": state.port,
        "records": [record_to_wire(record) for record in state.pair if record],
        "registry": {name: asdict(value) for name in (SHA256_VALUE, SHA1_VALUE) if (value := state.parameter(name))},
        "services": {service.name: service.state for service in state.services},
    }


def logged(scope: Scope, state: HostState) -> Scope:
    """The scope of a change made from that state: what is read after it has the events since then, for the evidence."""
    return replace(scope, events_since=stamp(state.time))


def evidence(after: HostState, applied: Applied | None) -> dict[str, Any] | None:
    """What was seen after the switch, and how each step went; None where nothing was done.

    Of the events those since the services were last started: what came before is not about how the server is now.
    """
    if applied is None:
        return None
    server = server_result(after)
    return {
        "time": server["time"],
        "bindings": [b for b in server["bindings"] if b["endpoint"] in {str(e) for e in pair(after.port)}],
        "registry": server["registry"],
        "served": server["served"],
        "services": server["services"],
        "steps": [{name: step[name] for name in ("kind", "time", "changed", "skipped", "milliseconds", "detail")} for step in applied.steps],
        "events": [event_result(event) for event in after.events if applied.started is not None and event.time >= applied.started],
        "events_error": None if after.events_error is None else f"The events could not be read: {explain(after.events_error)}.",
    }
