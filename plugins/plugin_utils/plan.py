# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is and what is wanted to a list of changes: pure functions. PRIVATE to the collection."""

from __future__ import annotations

from dataclasses import dataclass

from .changes import Await, Change, DeleteValue, Plan, SetRecord, SetServices, SetValue, serves, service_is, value_is
from .inputs import Endpoint, clean_number, pair
from .names import PREDECESSORS_KEY, RRAS_SERVICE, SERVICE_DISABLED, SHA1_VALUE, SHA256_VALUE, SSTP_APP_ID, SSTP_KEY, SSTP_SERVICE
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
    """The end state of a rotation. service_state: 'running' or 'as_found'."""

    certificate: Certificate
    service_state: str = "running"
    limits: Limits = Limits()


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


def wanted_records(state: HostState, thumbprint: str) -> tuple[SslRecord, ...]:
    """The pair as it should be: what is there with the new hash, what is missing with SSTP's own settings."""
    records = []
    for endpoint in pair(state.port):
        old = state.record(endpoint)
        records.append(old.bound_to(thumbprint) if old else SslRecord(endpoint, thumbprint, SSTP_APP_ID, "MY"))
    return tuple(records)


def _is_hash(value: RegistryValue | None, expected: str) -> bool:
    return value is not None and value.kind == "binary" and value.data == expected


def hashes_are_right(state: HostState, certificate: Certificate) -> bool:
    """SHA-256 must be that of the certificate; SHA-1 is optional, but must not contradict."""
    return _is_hash(state.sha256, certificate.sha256) and (state.sha1 is None or _is_hash(state.sha1, certificate.thumbprint))


def plan_rotation(state: HostState, wanted: Wanted) -> Plan:
    """The changes that make the five places agree on the wanted certificate; none where they do."""
    thumbprint = wanted.certificate.thumbprint
    records = tuple(record for record in wanted_records(state, thumbprint) if record != state.record(record.endpoint))
    run_after = should_run(state, wanted.service_state)
    if records or not hashes_are_right(state, wanted.certificate):
        changes = _stop(state, wanted.limits)
        changes += [SetRecord(record) for record in records]
        changes += _derive_hashes(state, wanted, len(changes)) if run_after else _write_hashes(state, wanted)
        changes += _remember(state, records, thumbprint)
        return Plan(tuple(changes), restarts=run_after)
    if run_after and not all(_runs(state, name) for name in needed(state)):
        settle = Await(_settled(state, wanted.certificate), wanted.limits.settle_timeout, required=True)
        return Plan((SetServices(to_start(state), "running", wanted.limits.service_timeout), settle), restarts=True)
    return Plan()


def plan_restart(state: HostState, limits: Limits) -> Plan:
    """Stop SstpSvc and what needs it, start RRAS and whatever else ran, wait until it runs."""
    names = to_start(state)
    changes: list[Change] = _stop(state, limits)
    changes.append(SetServices(names, "running", limits.service_timeout))
    changes.append(Await(tuple(service_is(name, "running") for name in names), limits.settle_timeout, required=True))
    return Plan(tuple(changes), restarts=True)


def _stop(state: HostState, limits: Limits) -> list[Change]:
    names = stop_order(state.services)
    return [SetServices(names, "stopped", limits.service_timeout)] if names else []


def _derive_hashes(state: HostState, wanted: Wanted, offset: int) -> list[Change]:
    """Clear the hashes and start: the service derives them from the record. If it does not, they are written for it.

    A second restart is needed then, as it reads them only when it starts. offset: the number of changes before these.
    """
    certificate, limits = wanted.certificate, wanted.limits
    names = to_start(state)
    running = tuple(service_is(name, "running") for name in needed(state))
    derived = value_is(SSTP_KEY, SHA256_VALUE, "binary", certificate.sha256)
    # One that is absent as well: the journal then knows that it was, and an undo takes away what the service derives.
    changes: list[Change] = [DeleteValue(SSTP_KEY, name) for name in (SHA256_VALUE, SHA1_VALUE)]
    changes.append(SetServices(names, "running", limits.service_timeout))
    changes.append(Await((*running, derived), limits.settle_timeout, required=False))
    written = (offset + len(changes),)
    changes.append(SetValue(SSTP_KEY, SHA256_VALUE, "binary", certificate.sha256, only_if_absent=True))
    changes.append(SetValue(SSTP_KEY, SHA1_VALUE, "binary", certificate.thumbprint, only_if_absent=True, when_changed=written))
    changes.append(SetServices(tuple(reversed(names)), "stopped", limits.service_timeout, written))
    changes.append(SetServices(names, "running", limits.service_timeout, written))
    changes.append(Await(_settled(state, certificate), limits.settle_timeout, required=True))
    return changes


def _runs(state: HostState, name: str) -> bool:
    service = state.service(name)
    return service is not None and service.state == "running"


def _write_hashes(state: HostState, wanted: Wanted) -> list[Change]:
    """Where RRAS is not to run nobody is sure to derive them. What ran all the same is started again."""
    certificate = wanted.certificate
    changes: list[Change] = [SetValue(SSTP_KEY, SHA256_VALUE, "binary", certificate.sha256)]
    if state.sha1 is not None:
        changes.append(SetValue(SSTP_KEY, SHA1_VALUE, "binary", certificate.thumbprint))
    if ran := tuple(reversed(stop_order(state.services))):
        changes.append(SetServices(ran, "running", wanted.limits.service_timeout))
    return changes


def _remember(state: HostState, records: tuple[SslRecord, ...], thumbprint: str) -> list[Change]:
    """Note the certificates that were replaced, with the time: retirement waits for it. The new one is none of them any more."""
    replaced = []
    for record in records:
        old = state.record(record.endpoint)
        if old and old.certificate_hash != thumbprint and state.certificate(old.certificate_hash, old.store):
            replaced.append(old.certificate_hash)
    now = state.time.strftime("%Y-%m-%dT%H:%M:%SZ")
    changes: list[Change] = [SetValue(PREDECESSORS_KEY, old, "string", now) for old in dict.fromkeys(replaced)]
    if thumbprint in state.predecessors:
        changes.append(DeleteValue(PREDECESSORS_KEY, thumbprint))
    return changes


def _settled(state: HostState, certificate: Certificate) -> tuple[dict[str, object], ...]:
    running = tuple(service_is(name, "running") for name in needed(state))
    derived = value_is(SSTP_KEY, SHA256_VALUE, "binary", certificate.sha256)
    served = tuple(serves(e.address, e.port, certificate.thumbprint) for e in loopbacks(state))
    return (*running, derived, *served)


def loopbacks(state: HostState) -> tuple[Endpoint, ...]:
    """The loopback addresses at which the port can be looked at from the host itself.

    Not one that the host does not have, nor one that the IP listen list leaves out, nor one that a record of its own serves.
    """
    result = []
    wildcards = ("0.0.0.0", "::")
    for served in state.served:
        code = (served.error or {}).get("code")
        listed = not state.listen_only or bool({served.endpoint.address, wildcards[":" in served.endpoint.address]} & set(state.listen_only))
        if code not in _NO_SUCH_ADDRESS and listed and state.record(served.endpoint) is None:
            result.append(served.endpoint)
    return tuple(result)
