# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the hashes and settings of SstpSvc in the registry, in the modes in which it ends TLS itself. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Iterator

from .. import repairs
from ..findings import Policy, show_value
from ..modes import in_force, is_in_step, target_mode
from ..names import ADMINISTRATOR, CONFIG_STORE_KEY, LISTENER_PORT_VALUE, OFFLOAD, SHA1_VALUE, SHA256_VALUE
from ..plan import is_hash
from ..state import HostState, RegistryValue, SslRecord, StoredCertificate
from .rule import FOLLOW_BALANCER, HTTPS_MODES, ROTATE, Breach, Rule


def is_sha256(value: RegistryValue | None) -> bool:
    return value is not None and value.kind == "binary" and isinstance(value.data, str) and len(value.data) == 64


def bound_pair(state: HostState) -> tuple[SslRecord | None, StoredCertificate | None]:
    """The record whose certificate SstpSvc takes the hash of, and that certificate."""
    record = state.pair[0] or state.pair[1]
    return record, state.certificate(record.certificate_hash, record.store) if record else None


def _sha256_missing(state: HostState, _policy: Policy) -> Iterator[Breach]:
    if state.sha256 is not None:
        return
    if state.mode == OFFLOAD:
        yield Breach(SHA256_VALUE, "no value", expected="the SHA-256 of the balancer's certificate", remedy=FOLLOW_BALANCER)
        return
    _record, stored = bound_pair(state)
    # In automatic mode the service takes the hash itself, and says so where it cannot.
    event = 18 if stored is not None or state.mode == ADMINISTRATOR else 21
    yield Breach(SHA256_VALUE, "no value", expected=stored.certificate.sha256 if stored else "", event=event)


def _sha256_malformed(state: HostState, _policy: Policy) -> Iterator[Breach]:
    if state.sha256 is not None and not is_sha256(state.sha256):
        yield Breach(SHA256_VALUE, show_value(state.sha256), remedy=FOLLOW_BALANCER if state.mode == OFFLOAD else "")


def _sha256_different(state: HostState, _policy: Policy) -> Iterator[Breach]:
    record, stored = bound_pair(state)
    value = state.sha256
    if value is not None and is_sha256(value) and record and stored and value.data != stored.certificate.sha256 and state.mode != ADMINISTRATOR:
        yield Breach(SHA256_VALUE, str(value.data), expected=stored.certificate.sha256)


def _is_sha1(value: RegistryValue) -> bool:
    return value.kind == "binary" and isinstance(value.data, str) and len(value.data) == 40


def _sha1_malformed(state: HostState, _policy: Policy) -> Iterator[Breach]:
    if state.sha1 is not None and not _is_sha1(state.sha1):
        yield Breach(SHA1_VALUE, show_value(state.sha1))


def _sha1_different(state: HostState, _policy: Policy) -> Iterator[Breach]:
    _record, stored = bound_pair(state)
    value = state.sha1
    if value is not None and _is_sha1(value) and stored and value.data != stored.thumbprint:
        yield Breach(SHA1_VALUE, str(value.data), expected=stored.thumbprint)


def _config_store(state: HostState, policy: Policy) -> Iterator[tuple[str, RegistryValue, RegistryValue, bool]]:
    """What the configuration that was last applied has otherwise than the one in force: name, value, the right one, whether a rotation heals it."""
    moves = policy.wanted is not None and policy.wanted.listener_port is not None
    for name, wanted in in_force(state).items():
        value = state.value(CONFIG_STORE_KEY, name)
        if value is not None and not is_in_step(state, name, wanted):
            yield name, value, wanted, state.mode == OFFLOAD or (moves and name == LISTENER_PORT_VALUE)


def _config_store_malformed(state: HostState, policy: Policy) -> Iterator[Breach]:
    for name, value, wanted, heals in _config_store(state, policy):
        if value.kind != "dword":
            yield _in_config_store(name, wanted, f"a value of type {value.kind}", ROTATE if heals else "", heals)


def _config_store_different(state: HostState, policy: Policy) -> Iterator[Breach]:
    for name, value, wanted, heals in _config_store(state, policy):
        if value.kind == "dword":
            remedy = f"one of them has been changed alone; {ROTATE if heals else 'set both alike, and restart RRAS'}"
            yield _in_config_store(name, wanted, str(value.data), remedy, heals)


def _in_config_store(name: str, wanted: RegistryValue, actual: str, remedy: str, heals: bool) -> Breach:
    details = {"name": name, "number": str(wanted.data), "heals": "yes" if heals else ""}
    return Breach(f"ConfigStore\\{name}", actual, expected=str(wanted.data), remedy=remedy, repairable=heals, details=details)


def _set_config_store(case: repairs.Case) -> str:
    return repairs.rotate(case) if case.details.get("heals") else repairs.set_config_store(case)


def _mode_not_wanted(state: HostState, policy: Policy) -> Iterator[Breach]:
    if policy.wanted is not None and (target := target_mode(state, policy.wanted.mode)) != state.mode:
        yield Breach("SstpSvc", f"{state.mode} mode", expected=f"{target} mode")


def _port_not_wanted(state: HostState, policy: Policy) -> Iterator[Breach]:
    if policy.wanted is not None and policy.wanted.listener_port not in (None, state.listener_port):
        yield Breach(LISTENER_PORT_VALUE, str(state.listener_port), expected=str(policy.wanted.listener_port))


def _hash_not_wanted(state: HostState, policy: Policy) -> Iterator[Breach]:
    wanted, value = policy.wanted, state.sha256
    if wanted is None or policy.balancer is not None or target_mode(state, wanted.mode) != OFFLOAD:
        return
    if value is not None and is_sha256(value) and not is_hash(value, wanted.hash):
        yield Breach(SHA256_VALUE, str(value.data), expected=wanted.hash)


HASHES = (
    Rule(
        id="registry_sha256_missing",
        severity="error",
        expected="the SHA-256 of the bound certificate",
        why="SstpSvc compares what clients say they saw with this value, and accepts no connection without it.",
        sees=_sha256_missing,
        remedy=ROTATE,
        repair=repairs.rotate,
        event=18,
    ),
    Rule(
        id="registry_sha256_malformed",
        severity="error",
        expected="32 bytes",
        why="It must be a REG_BINARY of 32 bytes; SstpSvc accepts no connection with another. (The remedy that Microsoft's page names gives the length "
        "for the content.)",
        sees=_sha256_malformed,
        remedy=ROTATE,
        repair=repairs.rotate,
        event=18,
    ),
    Rule(
        id="registry_sha256_different",
        severity="error",
        expected="the SHA-256 of the bound certificate",
        why="The worst of all, as every HTTPS check stays green: TLS is right, and each logon fails at the crypto binding.",
        sees=_sha256_different,
        remedy=f"TLS looks right, but every logon fails at the crypto binding (client event 6); {ROTATE}",
        repair=repairs.rotate,
        modes=HTTPS_MODES,
    ),
    Rule(
        id="registry_sha1_malformed",
        severity="error",
        expected="20 bytes, or no value",
        why="The value need not be there; where it is, it must be a REG_BINARY of 20 bytes.",
        sees=_sha1_malformed,
        remedy=ROTATE,
        repair=repairs.rotate,
        event=19,
        modes=HTTPS_MODES,
    ),
    Rule(
        id="registry_sha1_different",
        severity="error",
        expected="the thumbprint of the bound certificate, or no value",
        why="A client that binds with SHA-1 is refused. Windows' own take SHA-256.",
        sees=_sha1_different,
        remedy=ROTATE,
        repair=repairs.rotate,
        modes=HTTPS_MODES,
    ),
)

SETTINGS = (
    Rule(
        id="config_store_malformed",
        severity="warning",
        expected="a number of type REG_DWORD",
        why="SstpSvc reads the configuration that was last applied from its subkey ConfigStore when it starts.",
        sees=_config_store_malformed,
        remedy="delete it, or set it to a number of type REG_DWORD",
        repair=_set_config_store,
        event=7,
        repairable=False,
    ),
    Rule(
        id="config_store_different",
        severity="warning",
        expected="what is in force",
        why="SstpSvc keeps the port and who ends TLS in two places; one of them has been changed without the other.",
        sees=_config_store_different,
        remedy="set both alike, and restart RRAS",
        repair=_set_config_store,
        repairable=False,
    ),
    Rule(
        id="mode_not_wanted",
        severity="error",
        expected="the mode that is asked for",
        why="The audit was asked about another mode than the server is in.",
        sees=_mode_not_wanted,
        remedy=ROTATE,
        repair=None,
    ),
    Rule(
        id="port_not_wanted",
        severity="error",
        expected="the port that is asked for",
        why="The audit was asked about another port than the one on which SSTP listens.",
        sees=_port_not_wanted,
        remedy=ROTATE,
        repair=None,
    ),
    Rule(
        id="hash_not_wanted",
        severity="error",
        expected="the hash that is asked for",
        why="The audit was given the hash of the certificate of the device that ends TLS, and the server has another.",
        sees=_hash_not_wanted,
        remedy=ROTATE,
        repair=None,
    ),
)
