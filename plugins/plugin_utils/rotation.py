# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rotation refuses, predicts and reports. PRIVATE to the collection."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from .changes import DeleteRecord, DeleteValue, Plan, SetRecord, SetServices, SetValue, record_to_wire
from .circumstances import circumstances_of
from .errors import SstpError, one_line
from .fitness import Circumstances, Problem, fitness
from .guards import require_fitness, require_ownership, require_remote_access, require_restartable, require_sstp, require_usable, require_way_back
from .inputs import pair
from .modes import CONFIG_STORE_VALUES, MODE_VALUES, target_mode
from .names import (
    ADMINISTRATOR,
    BEFORE_OFFLOAD_KEY,
    CONFIG_STORE_KEY,
    NODE_IS_UP,
    OFFLOAD,
    PREDECESSORS_KEY,
    SHA1_VALUE,
    SHA256_VALUE,
    SSTP_KEY,
)
from .plan import Wanted, sharing, to_start
from .results import diff, events_result, predecessors_result, rotation_diff, server_result, stamp
from .state import HostState, Node, RegistryValue, SslRecord
from .windows import Applied, Scope
from .x509 import Certificate


def refuse(state: HostState, wanted: Wanted, plan: Plan, *, take_over: bool, staged: bool) -> None:
    """Raise SstpError for the first thing that stands against that rotation; staged: the certificate is in the store."""
    require_sstp(state)
    require_restartable(state, to_start(state) if plan.restarts else ())
    require_way_back(state, plan.changes)
    certificate = wanted.certificate
    if certificate is not None:
        require_fitness(certificate, circumstances(state, wanted))
    if target_mode(state, wanted.mode) == OFFLOAD or certificate is None:
        return
    if staged:
        require_usable(state.certificate(certificate.thumbprint), certificate.thumbprint)
    records = (change.record for change in plan.changes if isinstance(change, SetRecord))
    require_ownership(state, [record.endpoint for record in records if record != state.record(record.endpoint)], take_over)
    if plan.tells_rras:
        require_remote_access(state, certificate)


def refusal(state: HostState, wanted: Wanted, thumbprint: str | None, plan: Plan, *, take_over: bool, at_hand: bool) -> str | None:
    """What would stand against that rotation, as a sentence; None where nothing does or nothing has to be done.

    at_hand: the controller has the certificate with its key and can import it; else it must be in the store with a key that signs.
    """
    certificate = wanted.certificate
    offload = target_mode(state, wanted.mode) == OFFLOAD
    try:
        if certificate is None and not offload:
            require_usable(None, thumbprint or "")
        elif plan:
            refuse(state, wanted, plan, take_over=take_over, staged=not at_hand)
        elif certificate is not None:
            require_fitness(certificate, circumstances(state, wanted))
            if not at_hand and not offload:
                require_usable(state.certificate(certificate.thumbprint), certificate.thumbprint)
    except SstpError as error:
        return str(error)
    return None


def circumstances(state: HostState, wanted: Wanted) -> Circumstances:
    """What the certificate of that rotation is held against; that it follows another one matters only where it is not bound yet."""
    record = next((r for r in state.pair if r), None)
    old = state.certificate(record.certificate_hash, record.store) if record else None
    return circumstances_of(
        state,
        wanted.thumbprint,
        names=wanted.names,
        severities=wanted.severities,
        given=wanted.issuers,
        old=old.certificate if old and target_mode(state, wanted.mode) != OFFLOAD else None,
    )


def problems(state: HostState, wanted: Wanted) -> tuple[Problem, ...]:
    """What speaks against the certificate of that rotation, whether or not it stands in its way."""
    return fitness(wanted.certificate, circumstances(state, wanted)) if wanted.certificate else ()


def advice(state: HostState, wanted: Wanted, plan: Plan) -> list[str]:
    """What comes with that rotation and is no reason against it, a sentence each."""
    if not plan or target_mode(state, wanted.mode) != ADMINISTRATOR:
        return []
    view = state.remote_access
    if wanted.writer == "direct":
        if view and view.certificate and view.certificate == wanted.certificate:
            return []
        old = f" ({view.certificate.thumbprint})" if view and view.certificate else ""
        return [
            "writer: direct leaves RRAS's own configuration at the certificate that it has now"
            f"{old}: the next change in the RRAS console or with Set-RemoteAccess brings that back, and RasSstp event 32 with it."
        ]
    return node_advice(state, plan)


def node_advice(state: HostState, plan: Plan) -> list[str]:
    """What Set-RemoteAccess means for the other nodes of a cluster, a sentence each; nothing where the plan does not call it."""
    if not plan.tells_rras:
        return []
    down = [node for node in _other_nodes(state) if node.status not in NODE_IS_UP]
    sentences = [f"The node {node.name} is {node.status}: Set-RemoteAccess does not reach it; rotate again when it is up." for node in down]
    if up := reached_nodes(state, plan):
        names = ", ".join(up)
        sentences.append(f"Set-RemoteAccess changes the other nodes of the cluster as well ({names}): each needs a restart of its own to take the certificate.")
    return [one_line(sentence) for sentence in sentences]


def _other_nodes(state: HostState) -> tuple[Node, ...]:
    own = str(state.host.get("name") or "").lower()
    nodes = state.remote_access.nodes if state.remote_access else ()
    return tuple(node for node in nodes if node.name.lower().partition(".")[0] != own)


def reached_nodes(state: HostState, plan: Plan) -> list[str]:
    """The other nodes of the cluster that Set-RemoteAccess changes with this one."""
    if not plan.tells_rras:
        return []
    return [node.name for node in _other_nodes(state) if node.status in NODE_IS_UP]


def predict(state: HostState, plan: Plan, wanted: Wanted) -> HostState:
    """The state as the plan would leave it, the hashes as the service would derive them."""
    if not plan:
        return state
    records = {record.endpoint: record for record in state.records}
    services = {service.name: service for service in state.services}
    values: dict[str, dict[str, RegistryValue]] = {
        SSTP_KEY: dict(state.parameters or {}),
        CONFIG_STORE_KEY: dict(state.config_store or {}),
        BEFORE_OFFLOAD_KEY: dict(state.before_offload),
        PREDECESSORS_KEY: {name: RegistryValue("string", since) for name, since in state.predecessors.items()},
    }
    for change in plan.changes:
        if isinstance(change, SetRecord):
            records[change.record.endpoint] = change.record
        elif isinstance(change, DeleteRecord):
            records.pop(change.endpoint, None)
        elif isinstance(change, SetServices) and change.when_changed is None:
            services |= {name: replace(services[name], state=change.state) for name in change.names}
        elif isinstance(change, SetValue) and not change.only_if_absent:
            values[change.path] = _with(values[change.path], change.name, RegistryValue(change.kind, change.data))
        elif isinstance(change, DeleteValue):
            values[change.path] = _with(values[change.path], change.name, None)
    if wanted.certificate and any(isinstance(change, DeleteValue) and change.name == SHA256_VALUE for change in plan.changes):
        values[SSTP_KEY] = _derived(state, values[SSTP_KEY], wanted.certificate)
    view = state.remote_access
    if view is not None and plan.tells_rras:
        view = replace(view, certificate=wanted.certificate)
    return replace(
        state,
        records=tuple(records.values()),
        services=tuple(services.values()),
        predecessors={name: str(value.data) for name, value in values[PREDECESSORS_KEY].items()},
        parameters=values[SSTP_KEY],
        config_store=None if state.config_store is None else values[CONFIG_STORE_KEY],
        before_offload=values[BEFORE_OFFLOAD_KEY],
        remote_access=view,
    )


def _with(values: dict[str, RegistryValue], name: str, value: RegistryValue | None) -> dict[str, RegistryValue]:
    """One value set, or taken out; the spelling of a name that is there stays."""
    known = next((known for known in values if known.lower() == name.lower()), name)
    others = {other: found for other, found in values.items() if other != known}
    if value is None:
        return others
    return {**values, known: value}


def _derived(state: HostState, values: dict[str, RegistryValue], certificate: Certificate) -> dict[str, RegistryValue]:
    """SHA-1 is predicted only where it was there before: newer servers do not write it."""
    hashes = {SHA256_VALUE: certificate.sha256} | ({SHA1_VALUE: certificate.thumbprint} if state.sha1 is not None else {})
    for name, data in hashes.items():
        known = next((known for known in state.parameters or {} if known.lower() == name.lower()), name)
        values = {**values, known: RegistryValue("binary", data)}
    return values


def rotation_result(before: HostState, after: HostState, plan: Plan, wanted: Wanted, applied: Applied | None, *, recovered: bool = False) -> dict[str, Any]:
    """The result of rotate; the same keys whether it ran, was predicted, or had nothing to do.

    recovered: an interrupted change was taken back first, or would be; before is what came of that.
    """
    previous = sorted({r.certificate_hash for r in before.pair if r} - {wanted.thumbprint or "", ""})
    return {
        "changed": bool(plan) or recovered,
        "mode": target_mode(before, wanted.mode),
        "thumbprint": wanted.thumbprint,
        "sha256": wanted.hash,
        "previous_certificate_hashes": previous,
        "restarted": plan.restarts,
        "plan": described(plan, interrupted=recovered),
        "advice": advice(before, wanted, plan),
        "problems": [problem.to_result() for problem in problems(before, wanted)],
        "other_nodes": reached_nodes(before, plan),
        "predecessors": predecessors_result(after),
        "snapshot": snapshot(before, sharing(before) if wanted.shared_records else ()),
        "evidence": evidence(after, applied),
        "diff": diff(rotation_diff(before), rotation_diff(after), "SSTP certificate"),
    }


def described(plan: Plan, *, interrupted: bool) -> list[str]:
    """The plan in words, with what comes before it on a host that carries the journal of an interrupted change."""
    return (["take back an interrupted change"] if interrupted else []) + plan.describe()


def snapshot(state: HostState, shared: tuple[SslRecord, ...] = ()) -> dict[str, Any]:
    """What a rotation changes, as it was: enough to put it back, and no secret. shared: the records that follow those of the pair."""
    return {
        "version": 1,
        "server": state.host.get("name"),
        "time": state.host.get("time"),
        "port": state.port,
        "records": [record_to_wire(record) for record in (*state.pair, *shared) if record],
        "registry": _kept(state, SSTP_KEY, (SHA256_VALUE, SHA1_VALUE, *MODE_VALUES)),
        "config_store": _kept(state, CONFIG_STORE_KEY, CONFIG_STORE_VALUES),
        "before_offload": _kept(state, BEFORE_OFFLOAD_KEY, tuple(state.before_offload)),
        "remote_access": state.remote_access.certificate.thumbprint if state.remote_access and state.remote_access.certificate else None,
        "services": {service.name: service.state for service in state.services},
    }


def _kept(state: HostState, path: str, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: asdict(value) for name in names if (value := state.value(path, name))}


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
        **events_result(replace(after, events=tuple(event for event in after.events if applied.started is not None and event.time >= applied.started))),
    }
