# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting a snapshot of a rotation back. PRIVATE to the collection."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .changes import Await, Change, DeleteRecord, DeleteValue, Plan, SetRecord, SetServices, SetValue, service_is
from .errors import SstpError, shortened
from .inputs import clean_app_id, pair
from .modes import CONFIG_STORE_VALUES, MODE_VALUES, value_changes
from .names import BEFORE_OFFLOAD_KEY, CONFIG_STORE_KEY, PREDECESSORS_KEY, SHA1_VALUE, SHA256_VALUE, SSTP_KEY
from .plan import Limits, set_remote_access, start_order, stop_services
from .rotation import node_advice
from .state import HostState, RegistryValue, SslRecord, read_record

SNAPSHOT_VERSION = 1
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})*")
_LARGEST = 0xFFFFFFFF


@dataclass(frozen=True)
class Snapshot:
    """What a rotation changes, as it was.

    values: by registry path and name, None for one that was absent. remote_access: the thumbprint that RRAS itself had, None where it had none
    or was not asked. services: their states by name.
    """

    server: str
    port: int
    records: tuple[SslRecord, ...]
    values: Mapping[str, Mapping[str, RegistryValue | None]]
    remote_access: str | None
    services: Mapping[str, str]


def read_snapshot(given: Mapping[str, Any]) -> Snapshot:
    """The snapshot that rotate has returned. Raises SstpError for anything else."""
    if given.get("version") != SNAPSHOT_VERSION:
        raise SstpError("Option snapshot is not what rras.sstp.rotate returns as snapshot (version 1); give that result unchanged.")
    try:
        registry = {SSTP_KEY: given["registry"], CONFIG_STORE_KEY: given["config_store"], BEFORE_OFFLOAD_KEY: given["before_offload"]}
        return Snapshot(
            server=str(given["server"]),
            port=int(given["port"]),
            records=tuple(_record(record) for record in given["records"]),
            values={path: _values(path, found) for path, found in registry.items()},
            remote_access=given["remote_access"],
            services={str(name): str(state) for name, state in given["services"].items()},
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        why = f"{type(error).__name__}: {shortened(str(error))}"
        raise SstpError(f"Option snapshot is damaged ({why}); give what rras.sstp.rotate returned, unchanged.") from None


def _values(path: str, given: Mapping[str, Any]) -> dict[str, RegistryValue | None]:
    """What is not in the snapshot was absent; what was noted before offload has no fixed names. One too long to be told is left as it is now."""
    names = {SSTP_KEY: (SHA256_VALUE, SHA1_VALUE, *MODE_VALUES), CONFIG_STORE_KEY: CONFIG_STORE_VALUES}.get(path, tuple(given))
    found = {str(name).lower(): _value(str(name), value) for name, value in given.items()}
    return {name: value for name in names if (value := found.get(name.lower())) is None or value.data is not None}


def _record(given: Mapping[str, Any]) -> SslRecord:
    """Each field of the form that HTTP.SYS has; what the texts say is theirs alone."""
    record = read_record(given)
    numbers = (record.check_mode, record.revocation_freshness_time, record.url_retrieval_timeout, record.flags)
    texts = (record.certificate_store_name, record.ctl_identifier, record.ctl_store_name, record.endpoint.host)
    if any(not 0 <= number <= _LARGEST for number in numbers):
        raise ValueError(f"the record of {record.endpoint} has a number that does not fit into 32 bits")
    if any(text is not None and (not isinstance(text, str) or "\0" in text) for text in texts):
        raise ValueError(f"the record of {record.endpoint} has a text that is none")
    if not _HEX.fullmatch(record.certificate_hash) or clean_app_id(record.app_id) != record.app_id:
        raise ValueError(f"the record of {record.endpoint} has a hash or an app_id that is none")
    return record


def _value(name: str, given: Mapping[str, Any]) -> RegistryValue:
    """A value whose data is of the form that its kind has."""
    kind, data = str(given["kind"]), given["data"]
    if data is not None and not _fits(kind, data):
        raise ValueError(f"the data of {name} is not of the kind {shortened(kind)}")
    return RegistryValue(kind, data)


def _fits(kind: str, data: Any) -> bool:
    if kind in ("binary", "none"):
        return isinstance(data, str) and _HEX.fullmatch(data) is not None
    if kind in ("dword", "qword"):
        return isinstance(data, int) and not isinstance(data, bool) and (kind == "qword" or 0 <= data <= _LARGEST)
    if kind == "multistring":
        return isinstance(data, list) and all(isinstance(item, str) for item in data)
    return kind in ("string", "expandstring") and isinstance(data, str)


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
    told = _tell(state, snapshot, limits)
    # The values first: a host that is started anew in between has them in the journal, and derives no hash of a record that is taken back.
    changes = [*_registry(state, snapshot, whole=bool(told)), *_records(state, snapshot, whole=bool(told))]
    if changes:
        start = _to_start(state, snapshot, stopped=True)
        changes = [*(told or stop_services(state, limits)), *changes, *_forget(state, snapshot)]
        return Plan((*changes, *_start(start, limits)), restarts=bool(start))
    start = _to_start(state, snapshot, stopped=False)
    return Plan(_start(start, limits), restarts=bool(start))


def _tell(state: HostState, snapshot: Snapshot, limits: Limits) -> list[Change]:
    """Let RRAS have the certificate again that it had; what it writes with that is put right by all that follows."""
    view = state.remote_access
    if snapshot.remote_access is None or view is None or not view.available or view.error is not None:
        return []
    if (view.certificate and view.certificate.thumbprint == snapshot.remote_access) or state.certificate(snapshot.remote_access) is None:
        return []
    return set_remote_access(state, snapshot.remote_access, limits)


def advice(state: HostState, snapshot: Snapshot, plan: Plan) -> list[str]:
    """What comes with putting it back, a sentence each."""
    view = state.remote_access
    if not plan or plan.tells_rras or snapshot.remote_access is None or (view and view.certificate and view.certificate.thumbprint == snapshot.remote_access):
        return node_advice(state, plan)
    return [
        f"RRAS had the certificate {snapshot.remote_access}, and could not be told so (it does not answer, or the certificate is not in LocalMachine\\MY): "
        "its next change brings back what it has now, and RasSstp event 32 with it."
    ]


def _records(state: HostState, snapshot: Snapshot, *, whole: bool) -> list[Change]:
    """A record that the rotation has made goes; the others get every bit back. whole: also where nothing is different yet."""
    known = {record.endpoint for record in snapshot.records}
    gone: list[Change] = [DeleteRecord(endpoint) for endpoint in pair(snapshot.port) if endpoint not in known and (whole or state.record(endpoint))]
    return gone + [SetRecord(record) for record in snapshot.records if whole or record != state.record(record.endpoint)]


def _registry(state: HostState, snapshot: Snapshot, *, whole: bool) -> list[Change]:
    changes: list[Change] = []
    for path, wanted in snapshot.values.items():
        if path == BEFORE_OFFLOAD_KEY:
            wanted = {**dict.fromkeys(state.before_offload), **wanted}
        changes += value_changes(state, path, wanted)
    if whole:
        # Set-RemoteAccess writes these first.
        touched = {(change.path, change.name) for change in changes if isinstance(change, SetValue | DeleteValue)}
        values = {name: value for name, value in snapshot.values[SSTP_KEY].items() if (SSTP_KEY, name) not in touched}
        changes += [SetValue(SSTP_KEY, n, v.kind, v.data) if v else DeleteValue(SSTP_KEY, n) for n, v in values.items()]
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
    touched = {*pair(snapshot.port), *(record.endpoint for record in snapshot.records)}
    others = tuple(record for record in state.records if record.endpoint not in touched)
    services = {service.name: service for service in state.services}
    for change in plan.changes:
        if isinstance(change, SetServices):
            services |= {name: replace(services[name], state=change.state) for name in change.names}
    return replace(
        state,
        records=(*others, *snapshot.records),
        parameters=_restored(state.parameters, snapshot.values[SSTP_KEY]),
        config_store=None if state.config_store is None else _restored(state.config_store, snapshot.values[CONFIG_STORE_KEY]),
        services=tuple(services.values()),
    )


def _restored(found: Mapping[str, RegistryValue] | None, wanted: Mapping[str, RegistryValue | None]) -> dict[str, RegistryValue]:
    names = {name.lower() for name in wanted}
    values = {name: value for name, value in (found or {}).items() if name.lower() not in names}
    return values | {name: value for name, value in wanted.items() if value is not None}
