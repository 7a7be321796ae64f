# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting a snapshot of a rotation back. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .changes import Await, Change, DeleteRecord, DeleteValue, Plan, SetRecord, SetServices, SetValue, service_is
from .errors import SstpError
from .inputs import pair
from .names import PREDECESSORS_KEY, SHA1_VALUE, SHA256_VALUE, SSTP_KEY
from .plan import Limits, start_order, stop_order
from .state import HostState, RegistryValue, SslRecord, read_record

SNAPSHOT_VERSION = 1


@dataclass(frozen=True)
class Snapshot:
    """What a rotation changes, as it was: the pair's records, the two hashes (None: absent), and the services' states by name."""

    server: str
    port: int
    records: tuple[SslRecord, ...]
    hashes: Mapping[str, RegistryValue | None]
    services: Mapping[str, str]


def read_snapshot(given: Mapping[str, Any]) -> Snapshot:
    """The snapshot that rotate has returned. Raises SstpError for anything else."""
    if given.get("version") != SNAPSHOT_VERSION:
        raise SstpError("Option snapshot is not what rras.sstp.rotate returns as snapshot (version 1); give that result unchanged.")
    try:
        registry = {str(name).lower(): value for name, value in given["registry"].items()}
        return Snapshot(
            server=str(given["server"]),
            port=int(given["port"]),
            records=tuple(read_record(record) for record in given["records"]),
            hashes={name: _value(registry.get(name.lower())) for name in (SHA256_VALUE, SHA1_VALUE)},
            services={str(name): str(state) for name, state in given["services"].items()},
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SstpError(f"Option snapshot is damaged ({type(error).__name__}: {error}); give what rras.sstp.rotate returned, unchanged.") from None


def _value(given: Mapping[str, Any] | None) -> RegistryValue | None:
    return None if given is None else RegistryValue(str(given["kind"]), given["data"])


def require_origin(state: HostState, snapshot: Snapshot) -> None:
    """A snapshot fits the server that it is of, and certificates that are still there."""
    name = str(state.host.get("name") or "")
    if name.lower() != snapshot.server.lower():
        raise SstpError(f"The snapshot is of the server {snapshot.server}, and this host is {name}; restore it there.")
    for record in snapshot.records:
        # Of other stores only those are read that records name today.
        if record.store == "MY" and record != state.record(record.endpoint) and state.certificate(record.certificate_hash) is None:
            raise SstpError(
                f"The certificate {record.certificate_hash} to which {record.endpoint} was bound is not in LocalMachine\\MY any more; "
                "import it first, with rras.sstp.certificate."
            )


def plan_restoration(state: HostState, snapshot: Snapshot, limits: Limits) -> Plan:
    """The changes that put it back; none where all is as in the snapshot."""
    changes = [*_records(state, snapshot), *_hashes(state, snapshot)]
    if changes:
        changes += _forget(state, snapshot)
        running = stop_order(state.services)
        stop: list[Change] = [SetServices(running, "stopped", limits.service_timeout)] if running else []
        start = _to_start(state, snapshot, stopped=True)
        return Plan((*stop, *changes, *_start(start, limits)), restarts=bool(start))
    start = _to_start(state, snapshot, stopped=False)
    return Plan(_start(start, limits), restarts=bool(start))


def _records(state: HostState, snapshot: Snapshot) -> list[Change]:
    """A record that the rotation has made goes; the others get every bit back."""
    known = {record.endpoint for record in snapshot.records}
    gone: list[Change] = [DeleteRecord(endpoint) for endpoint in pair(snapshot.port) if endpoint not in known and state.record(endpoint)]
    return gone + [SetRecord(record) for record in snapshot.records if record != state.record(record.endpoint)]


def _hashes(state: HostState, snapshot: Snapshot) -> list[Change]:
    changes: list[Change] = []
    for name, wanted in snapshot.hashes.items():
        found = state.parameter(name)
        if wanted is None and found is not None:
            changes.append(DeleteValue(SSTP_KEY, name))
        elif wanted is not None and (found is None or (found.kind, found.data) != (wanted.kind, wanted.data)):
            changes.append(SetValue(SSTP_KEY, name, wanted.kind, wanted.data))
    return changes


def _forget(state: HostState, snapshot: Snapshot) -> list[Change]:
    """A certificate that is bound again is no predecessor any more, so that none retires it."""
    bound = dict.fromkeys(record.certificate_hash for record in snapshot.records)
    return [DeleteValue(PREDECESSORS_KEY, thumbprint) for thumbprint in bound if thumbprint in state.predecessors]


def _to_start(state: HostState, snapshot: Snapshot, *, stopped: bool) -> tuple[str, ...]:
    """What ran, and is to run again; stopped: all have been stopped before."""
    ran = {name.lower() for name, found in snapshot.services.items() if found != "stopped"}
    rests = [name for name in start_order(state.services) if stopped or (found := state.service(name)) is None or found.state == "stopped"]
    return tuple(name for name in rests if name.lower() in ran)


def _start(names: tuple[str, ...], limits: Limits) -> tuple[Change, ...]:
    if not names:
        return ()
    settled = Await(tuple(service_is(name, "running") for name in names), limits.settle_timeout, required=True)
    return SetServices(names, "running", limits.service_timeout), settled


def predict(state: HostState, snapshot: Snapshot, plan: Plan) -> HostState:
    """The state as the plan would leave it. Where a hash was absent, the service will derive it anew: that is not foreseen."""
    if not plan:
        return state
    others = tuple(record for record in state.records if record.endpoint not in pair(snapshot.port))
    names = {name.lower() for name in snapshot.hashes}
    values = {name: value for name, value in (state.parameters or {}).items() if name.lower() not in names}
    values |= {name: value for name, value in snapshot.hashes.items() if value is not None}
    services = {service.name: service for service in state.services}
    for change in plan.changes:
        if isinstance(change, SetServices):
            services |= {name: replace(services[name], state=change.state) for name in change.names}
    return replace(state, records=(*others, *snapshot.records), parameters=values, services=tuple(services.values()))
