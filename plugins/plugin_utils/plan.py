# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is and what is wanted to a list of changes: pure functions. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .changes import (
    Await,
    Change,
    DeleteRecord,
    DeleteValue,
    Forgotten,
    Hold,
    Plan,
    SetRecord,
    SetRemoteAccess,
    SetServices,
    SetValue,
    serves,
    service_is,
    value_is,
)
from .inputs import Endpoint, clean_number, pair
from .modes import AS_FOUND, CONFIG_STORE_VALUES, MODE_VALUES, dword, mode_changes, target_mode, value_changes
from .names import (
    ADMINISTRATOR,
    AUTOMATIC,
    BEFORE_OFFLOAD_KEY,
    BY_ADMIN_VALUE,
    CONFIG_STORE_KEY,
    OFFLOAD,
    PREDECESSORS_KEY,
    RRAS_SERVICE,
    SERVICE_DISABLED,
    SHA1_VALUE,
    SHA256_VALUE,
    SSTP_APP_ID,
    SSTP_KEY,
    SSTP_SERVICE,
    USE_HTTPS_VALUE,
)
from .state import HostState, RegistryValue, Service, SslRecord
from .x509 import Certificate

# WSAEAFNOSUPPORT, WSAEADDRNOTAVAIL, WSAENETUNREACH, WSAEHOSTUNREACH: the host has no such loopback address.
_NO_SUCH_ADDRESS = {10047, 10049, 10051, 10065}


@dataclass(frozen=True)
class Limits:
    """Seconds: for each service to stop or start, and for the hash and the listener to settle after a start."""

    service_timeout: int = 120
    settle_timeout: int = 30

    def __post_init__(self) -> None:
        clean_number(self.service_timeout, "service_timeout", 1)
        clean_number(self.settle_timeout, "settle_timeout", 0)


@dataclass(frozen=True)
class Wanted:
    """The end state of a rotation.

    certificate: the one to serve; in offload mode that of the device that ends TLS, where it is known. sha256: upper-case hex of its hash.
    mode: as in modes.MODES. writer: how administrator mode gets its certificate: remote_access (Set-RemoteAccess) or direct.
    shared_records: the records of the same port that have SSTP's certificate follow it. listener_port: None leaves it to the mode.
    service_state: 'running' or 'as_found'. names: those that clients dial. severities: of fitness rules, where they are not the rules' own.
    issuers: what the controller has above the certificate, None where it has not been given any of it.
    """

    certificate: Certificate | None
    sha256: str = ""
    mode: str = AS_FOUND
    writer: str = "remote_access"
    shared_records: bool = False
    listener_port: int | None = None
    service_state: str = "running"
    limits: Limits = Limits()
    names: tuple[str, ...] = ()
    severities: Mapping[str, str] = field(default_factory=dict)
    issuers: tuple[Certificate, ...] | None = None

    @property
    def hash(self) -> str:
        return self.sha256 or (self.certificate.sha256 if self.certificate else "")

    @property
    def thumbprint(self) -> str | None:
        return self.certificate.thumbprint if self.certificate else None


def start_order(services: tuple[Service, ...]) -> tuple[str, ...]:
    """Names so that each service comes after those it depends on; dependencies outside the tuple do not count."""
    by_name = {service.name.lower(): service for service in services}
    order: list[str] = []

    def visit(name: str, path: tuple[str, ...]) -> None:
        service = by_name.get(name)
        if service is None or service.name in order or name in path:
            return
        for dependency in service.depends_on:
            visit(dependency.lower(), (*path, name))
        order.append(service.name)

    for name in sorted(by_name):
        visit(name, ())
    return tuple(order)


def stop_order(services: tuple[Service, ...]) -> tuple[str, ...]:
    """The services that run, each before those it depends on."""
    running = {service.name for service in services if service.state != "stopped"}
    return tuple(name for name in reversed(start_order(services)) if name in running)


def should_run(state: HostState, service_state: str) -> bool:
    """Is RRAS to run afterwards? Never when it is disabled: somebody has decided so."""
    rras = state.service(RRAS_SERVICE)
    if rras is None or rras.start == SERVICE_DISABLED:
        return False
    return service_state == "running" or rras.state != "stopped"


def needed(state: HostState) -> tuple[str, ...]:
    """RRAS, SstpSvc and what is between them, each after those it depends on."""
    names = {RRAS_SERVICE.lower(), SSTP_SERVICE.lower()}
    for name in reversed(start_order(state.services)):
        service = state.service(name)
        if service is not None and name.lower() in names:
            names |= {dependency.lower() for dependency in service.depends_on}
    return tuple(name for name in start_order(state.services) if name.lower() in names)


def to_start(state: HostState) -> tuple[str, ...]:
    """RRAS, what it needs, and whatever else ran."""
    names = needed(state)
    return tuple(name for name in start_order(state.services) if name in names or not _rests(state, name))


def _rests(state: HostState, name: str) -> bool:
    service = state.service(name)
    return service is None or service.state == "stopped"


def wanted_records(state: HostState, wanted: Wanted) -> tuple[SslRecord, ...]:
    """The pair as it should be: what is there with the new hash, what is missing with SSTP's own settings; and those that share its certificate."""
    thumbprint = wanted.thumbprint or ""
    records = []
    for endpoint in state.wildcards:
        old = state.record(endpoint)
        records.append(old.bound_to(thumbprint) if old else SslRecord(endpoint, thumbprint, SSTP_APP_ID, "MY"))
    if wanted.shared_records:
        records += [record.bound_to(thumbprint) for record in sharing(state) if record.certificate_hash != thumbprint]
    return tuple(records)


def sharing(state: HostState) -> tuple[SslRecord, ...]:
    """The other records of the port with the certificate that SSTP has, or had before a rotation."""
    had = ({record.certificate_hash for record in state.pair if record} | set(state.predecessors)) - {""}
    endpoints = pair(state.port)
    return tuple(
        record
        for record in state.records
        if record.endpoint.port == state.port and record.endpoint not in endpoints and record.endpoint.family != "ccs" and record.certificate_hash in had
    )


def is_hash(value: RegistryValue | None, expected: str | None) -> bool:
    return value is not None and value.kind == "binary" and value.data == expected


def hashes_are_right(state: HostState, wanted: Wanted) -> bool:
    """SHA-256 must be that of the certificate; SHA-1 is optional, but must not contradict, and is none of offload's."""
    sha1 = None if target_mode(state, wanted.mode) == OFFLOAD else wanted.thumbprint
    return is_hash(state.sha256, wanted.hash) and (state.sha1 is None or is_hash(state.sha1, sha1))


def _rras_has_it(state: HostState, wanted: Wanted) -> bool:
    """Administrator mode: the value that says so, and RRAS itself where it was asked and is to be told."""
    by_admin = state.parameter(BY_ADMIN_VALUE)
    view = state.remote_access
    if by_admin is None or by_admin.data != 1:
        return False
    if wanted.writer != "remote_access" or view is None or not view.available or view.error is not None:
        return True
    return view.certificate is not None and view.certificate.thumbprint == wanted.thumbprint


def plan_rotation(state: HostState, wanted: Wanted) -> Plan:
    """The changes that make the places agree on what is wanted; none where they do. The state is of the port that SSTP is to have then."""
    target = target_mode(state, wanted.mode)
    values = mode_changes(state, target, wanted.listener_port)
    records = () if target == OFFLOAD else tuple(r for r in wanted_records(state, wanted) if r != state.record(r.endpoint))
    run_after = should_run(state, wanted.service_state)
    if values or records or not hashes_are_right(state, wanted) or (target == ADMINISTRATOR and not _rras_has_it(state, wanted)):
        if target == ADMINISTRATOR and wanted.writer == "remote_access" and wanted.thumbprint is not None:
            changes = [*set_remote_access(state, wanted.thumbprint, wanted.limits), *values, *_put_right(state, wanted)]
        else:
            by_admin = value_changes(state, SSTP_KEY, {BY_ADMIN_VALUE: dword(1)}) if target == ADMINISTRATOR else []
            cleared = _clear_hashes() if target == AUTOMATIC and run_after else []
            changes = [*stop_services(state, wanted.limits), *cleared, *values, *(SetRecord(record) for record in records), *by_admin]
        if target == AUTOMATIC and run_after:
            changes += _derive_hashes(state, wanted, len(changes))
        else:
            changes += [*_write_hashes(state, wanted, target), *_start(state, wanted, run_after)]
        changes += _remember(state, records, wanted.thumbprint)
        return Plan(tuple(changes), restarts=run_after)
    if run_after and not all(_runs(state, name) for name in needed(state)):
        return Plan(tuple(_start(state, wanted, run_after)), restarts=True)
    return Plan()


def plan_restart(state: HostState, limits: Limits) -> Plan:
    """Stop SstpSvc and what needs it, start RRAS and whatever else ran, wait until it runs."""
    names = to_start(state)
    changes = stop_services(state, limits)
    changes.append(SetServices(names, "running", limits.service_timeout))
    changes.append(Await(tuple(service_is(name, "running") for name in names), limits.settle_timeout, required=True))
    return Plan(tuple(changes), restarts=True)


def stop_services(state: HostState, limits: Limits) -> list[Change]:
    """Those that run; nothing where none does."""
    names = stop_order(state.services)
    return [SetServices(names, "stopped", limits.service_timeout)] if names else []


def _clear_hashes() -> list[Change]:
    """Before anything else that the service reads, and SHA-256 last: where that is absent a service that is started derives both.

    So a host that is started anew in the middle of a change has both in the journal. One that is absent is cleared as well: the journal then knows that
    it was, and an undo takes away what the service derives.
    """
    return [DeleteValue(SSTP_KEY, name) for name in (SHA1_VALUE, SHA256_VALUE)]


def _derive_hashes(state: HostState, wanted: Wanted, offset: int) -> list[Change]:
    """Start: the service derives the hashes, which have been cleared, from the record. If it does not, they are written for it.

    A second restart is needed then, as it reads them only when it starts. offset: the number of changes before these.
    """
    limits = wanted.limits
    names = to_start(state)
    running = tuple(service_is(name, "running") for name in needed(state))
    derived = value_is(SSTP_KEY, SHA256_VALUE, "binary", wanted.hash)
    changes: list[Change] = [SetServices(names, "running", limits.service_timeout)]
    changes.append(Await((*running, derived), limits.settle_timeout, required=False))
    written = (offset + len(changes),)
    changes.append(SetValue(SSTP_KEY, SHA256_VALUE, "binary", wanted.hash, only_if_absent=True))
    changes.append(SetValue(SSTP_KEY, SHA1_VALUE, "binary", wanted.thumbprint, only_if_absent=True, when_changed=written))
    changes.append(SetServices(tuple(reversed(names)), "stopped", limits.service_timeout, written))
    changes.append(SetServices(names, "running", limits.service_timeout, written))
    changes.append(Await(_settled(state, wanted), limits.settle_timeout, required=True))
    return changes


def _runs(state: HostState, name: str) -> bool:
    service = state.service(name)
    return service is not None and service.state == "running"


def set_remote_access(state: HostState, thumbprint: str, limits: Limits) -> list[Change]:
    """Let RRAS take the certificate while it runs, and stop it then: a refusal, for a node that has not got the certificate, costs nobody a session.

    What Set-RemoteAccess writes beside its own configuration is not documented to the letter: each thing has a hold before it. That of the services
    is the first: an undo starts them again when everything is as it was, and not before.
    """
    stop = stop_services(state, limits)
    held: list[Change] = [Hold(change) for change in stop]
    held += [Hold(DeleteRecord(endpoint)) for endpoint in pair(state.port)]
    held += [Hold(DeleteValue(SSTP_KEY, name)) for name in (SHA256_VALUE, SHA1_VALUE, *MODE_VALUES)]
    held += [Hold(DeleteValue(CONFIG_STORE_KEY, name)) for name in CONFIG_STORE_VALUES if state.config_store is not None]
    return [*held, SetRemoteAccess(thumbprint), *(Forgotten(change) for change in stop)]


def _put_right(state: HostState, wanted: Wanted) -> list[Change]:
    """What Set-RemoteAccess may have left or lost: every record of the pair whole, and the value that tells the mode."""
    records: list[Change] = [SetRecord(record) for record in wanted_records(state, wanted)]
    none = [DeleteRecord(endpoint) for endpoint in pair(state.port) if endpoint not in state.wildcards]
    # Out of offload it is among the values of the mode.
    https = state.mode != OFFLOAD and state.parameter(USE_HTTPS_VALUE) is not None
    values = [SetValue(SSTP_KEY, USE_HTTPS_VALUE, "dword", 1)] if https else []
    return [*records, *none, *values, SetValue(SSTP_KEY, BY_ADMIN_VALUE, "dword", 1)]


def _write_hashes(state: HostState, wanted: Wanted, target: str) -> list[Change]:
    """In the other modes, or where RRAS is not to run, nobody derives them."""
    changes: list[Change] = [SetValue(SSTP_KEY, SHA256_VALUE, "binary", wanted.hash)]
    if target == OFFLOAD:
        return value_changes(state, SSTP_KEY, {SHA256_VALUE: RegistryValue("binary", wanted.hash), SHA1_VALUE: None})
    if state.sha1 is not None or state.value(BEFORE_OFFLOAD_KEY, SHA1_VALUE) is not None:
        changes.append(SetValue(SSTP_KEY, SHA1_VALUE, "binary", wanted.thumbprint))
    return changes


def _start(state: HostState, wanted: Wanted, run_after: bool) -> list[Change]:
    """RRAS and what it needs, and the proof that it settled; where it is not to run, what ran all the same."""
    limits = wanted.limits
    if run_after:
        return [SetServices(to_start(state), "running", limits.service_timeout), Await(_settled(state, wanted), limits.settle_timeout, required=True)]
    ran = tuple(reversed(stop_order(state.services)))
    return [SetServices(ran, "running", limits.service_timeout)] if ran else []


def _remember(state: HostState, records: tuple[SslRecord, ...], thumbprint: str | None) -> list[Change]:
    """Note the certificates that were replaced, with the time: retirement waits for it. The new one is none of them any more."""
    replaced = []
    for record in records:
        old = state.record(record.endpoint)
        if old and old.certificate_hash != thumbprint and state.certificate(old.certificate_hash, old.store):
            replaced.append(old.certificate_hash)
    now = state.time.strftime("%Y-%m-%dT%H:%M:%SZ")
    changes: list[Change] = [SetValue(PREDECESSORS_KEY, old, "string", now) for old in dict.fromkeys(replaced)]
    if thumbprint is not None and thumbprint in state.predecessors:
        changes.append(DeleteValue(PREDECESSORS_KEY, thumbprint))
    return changes


def _settled(state: HostState, wanted: Wanted) -> tuple[dict[str, object], ...]:
    """What must hold at the end, whoever wrote it. In offload mode the service speaks plain HTTP, and there is no TLS to look at."""
    running = tuple(service_is(name, "running") for name in needed(state))
    hashed = value_is(SSTP_KEY, SHA256_VALUE, "binary", wanted.hash)
    if target_mode(state, wanted.mode) == OFFLOAD:
        return (*running, hashed)
    served = tuple(serves(e.address, e.port, wanted.thumbprint or "") for e in loopbacks(state))
    return (*running, hashed, *served)


def loopbacks(state: HostState) -> tuple[Endpoint, ...]:
    """The loopback addresses at which the port can be looked at from the host itself.

    Not one that the host does not have or whose family it does not serve, nor one that the IP listen list leaves out, nor one that a record of its own serves.
    """
    families = {endpoint.address for endpoint in state.wildcards}
    result = []
    for served in state.served:
        code = (served.error or {}).get("code")
        wildcard = wildcard_of(served.endpoint.address)
        if code not in _NO_SUCH_ADDRESS and wildcard in families and is_listed(state, served.endpoint.address) and state.record(served.endpoint) is None:
            result.append(served.endpoint)
    return tuple(result)


def wildcard_of(address: str) -> str:
    """The wildcard address of an address's family."""
    return "::" if ":" in address else "0.0.0.0"


def is_listed(state: HostState, address: str) -> bool:
    """Does HTTP.SYS listen there? An empty IP listen list means everywhere."""
    return not state.listen_only or bool({address, wildcard_of(address)} & set(state.listen_only))
