# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Automatic, administrator and offload mode: what tells them apart, and the values that change with them. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Mapping

from .changes import Change, DeleteValue, SetValue
from .names import (
    ADMINISTRATOR,
    AUTOMATIC,
    BEFORE_OFFLOAD_KEY,
    BY_ADMIN_VALUE,
    CONFIG_STORE_KEY,
    LISTENER_PORT_VALUE,
    OFFLOAD,
    SHA1_VALUE,
    SSTP_KEY,
    USE_HTTPS_VALUE,
)
from .state import DEFAULT_HTTP_PORT, DEFAULT_PORT, HostState, RegistryValue

AS_FOUND = "as_found"
MODES = (AS_FOUND, AUTOMATIC, ADMINISTRATOR, OFFLOAD)
MODE_VALUES = (USE_HTTPS_VALUE, BY_ADMIN_VALUE, LISTENER_PORT_VALUE)
CONFIG_STORE_VALUES = (USE_HTTPS_VALUE, LISTENER_PORT_VALUE)
# What offload changes beside the hashes, and the names under which it is noted what was there before.
_NOTED = {name: (SSTP_KEY, name) for name in MODE_VALUES} | {f"ConfigStore.{name}": (CONFIG_STORE_KEY, name) for name in CONFIG_STORE_VALUES}
# Is there even where all of the others were absent.
_NOTE = "mode"

Values = Mapping[str, RegistryValue | None]


def dword(number: int) -> RegistryValue:
    return RegistryValue("dword", number)


def value_changes(state: HostState, path: str, wanted: Values) -> list[Change]:
    """The changes that make these values so (None: absent); none for one that is so already."""
    changes: list[Change] = []
    for name, value in wanted.items():
        found = state.value(path, name)
        if value is None and found is not None:
            changes.append(DeleteValue(path, name))
        elif value is not None and (found is None or (found.kind, found.data) != (value.kind, value.data)):
            changes.append(SetValue(path, name, value.kind, value.data))
    return changes


def target_mode(state: HostState, mode: str) -> str:
    """The mode that a rotation ends in; mode is one of MODES."""
    return state.mode if mode == AS_FOUND else mode


def port_after(state: HostState, target: str, listener_port: int | None) -> int:
    """The port that SSTP is to listen on after a rotation into that mode."""
    if listener_port is not None:
        return listener_port
    if state.mode != OFFLOAD or target == OFFLOAD:
        return state.listener_port
    if not _noted(state):
        return _unnoted_port(state)
    before = state.value(BEFORE_OFFLOAD_KEY, LISTENER_PORT_VALUE)
    return int(before.data) if before and isinstance(before.data, int) and before.data else DEFAULT_PORT


def mode_changes(state: HostState, target: str, listener_port: int | None) -> list[Change]:
    """The values of SstpSvc, but for the hashes, that differ from what the mode asks for.

    Into administrator mode isHashConfiguredByAdmin is not among them: that comes with the certificate.
    """
    if target == OFFLOAD:
        parameters, config = _offload_values(state)
        note = value_changes(state, BEFORE_OFFLOAD_KEY, _note(state)) if state.mode != OFFLOAD else []
    elif state.mode == OFFLOAD:
        parameters, config = _values_before(state, target)
        note = value_changes(state, BEFORE_OFFLOAD_KEY, dict.fromkeys(state.before_offload))
    else:
        parameters, config, note = _automatic_values(state) if target == AUTOMATIC else {}, {}, []
    if listener_port is not None:
        parameters, config = _with_port(state, parameters, config, listener_port, target)
    if state.config_store is None:
        # A subkey that the service has not made is not made here.
        config = {}
    return [*note, *value_changes(state, SSTP_KEY, parameters), *value_changes(state, CONFIG_STORE_KEY, config)]


def _with_port(state: HostState, parameters: Values, config: Values, port: int, target: str) -> tuple[Values, Values]:
    """The values with the port that is asked for in place of any other; nothing is written where the default of the mode will do."""
    others = {name: value for name, value in parameters.items() if name != LISTENER_PORT_VALUE}
    asked = {**others, **_port_value(state, port, target)}
    stays = state.port_in(target) == port and is_in_step(state, LISTENER_PORT_VALUE, dword(port))
    if stays and LISTENER_PORT_VALUE not in config:
        return asked, config
    return asked, {**config, LISTENER_PORT_VALUE: dword(port)}


def is_in_step(state: HostState, name: str, wanted: RegistryValue) -> bool:
    """Does ConfigStore say the same, or nothing? A port 0 is the default; where the service has that of plain HTTP, no port is compared."""
    value = state.value(CONFIG_STORE_KEY, name)
    if value is None or value.kind != "dword":
        return value is None
    port = name == LISTENER_PORT_VALUE
    default = port and ((value.data == 0 and wanted.data == DEFAULT_PORT) or (state.mode == OFFLOAD and wanted.data == DEFAULT_HTTP_PORT))
    return bool(default or value.data == wanted.data)


def in_force(state: HostState) -> dict[str, RegistryValue]:
    """What ConfigStore should say, if anything, of the configuration that SstpSvc has."""
    return {USE_HTTPS_VALUE: dword(0 if state.mode == OFFLOAD else 1), LISTENER_PORT_VALUE: dword(state.listener_port)}


def _offload_values(state: HostState) -> tuple[Values, Values]:
    wanted = {**in_force(state), USE_HTTPS_VALUE: dword(0)}
    config = {name: value for name, value in wanted.items() if not is_in_step(state, name, value)}
    parameters: dict[str, RegistryValue | None] = {USE_HTTPS_VALUE: dword(0), BY_ADMIN_VALUE: dword(1)}
    if state.mode == OFFLOAD:
        return parameters, config
    # Plain HTTP has another default: the port that it is must be written for SSTP to stay on it.
    return {**parameters, **_port_value(state, state.listener_port, OFFLOAD)}, {**config, USE_HTTPS_VALUE: dword(0)}


def _port_value(state: HostState, port: int, target: str) -> Values:
    """Nothing where the default of that mode will do."""
    return {} if state.port_in(target) == port else {LISTENER_PORT_VALUE: dword(port)}


def _automatic_values(state: HostState) -> Values:
    return {BY_ADMIN_VALUE: dword(0)} if state.mode == ADMINISTRATOR else {}


def _noted(state: HostState) -> bool:
    return state.value(BEFORE_OFFLOAD_KEY, _NOTE) is not None


def _unnoted_port(state: HostState) -> int:
    return DEFAULT_PORT if state.listener_port == DEFAULT_HTTP_PORT else state.listener_port


def _note(state: HostState) -> Values:
    noted: dict[str, RegistryValue | None] = {name: state.value(path, value) for name, (path, value) in _NOTED.items()}
    told = {name: value for name, value in {**noted, SHA1_VALUE: state.sha1}.items() if value is None or value.data is not None}
    return {**told, _NOTE: RegistryValue("string", state.mode)}


def _values_before(state: HostState, target: str) -> tuple[Values, Values]:
    """Each value as it was noted; where nobody has noted anything, HTTPS on the same port, or on 443 where that is the one of plain HTTP."""
    if not _noted(state):
        port = _unnoted_port(state)
        automatic = {BY_ADMIN_VALUE: dword(0)} if target == AUTOMATIC else {}
        parameters = {USE_HTTPS_VALUE: dword(1), **_port_value(state, port, target), **automatic}
        return parameters, {USE_HTTPS_VALUE: dword(1), LISTENER_PORT_VALUE: dword(port)}
    before = {name: state.value(BEFORE_OFFLOAD_KEY, name) for name in _NOTED}
    by_admin = before.pop(BY_ADMIN_VALUE)
    config = {value: before.pop(name) for name, (path, value) in _NOTED.items() if path == CONFIG_STORE_KEY}
    if target == AUTOMATIC:
        before[BY_ADMIN_VALUE] = dword(0) if by_admin is not None and by_admin.data == 1 else by_admin
    return before, config


def mode_evidence(state: HostState) -> list[str]:
    """What the mode was told from, and what RRAS itself says, a phrase each."""
    facts = [f"{name} {_shown(state.parameter(name))}" for name in (USE_HTTPS_VALUE, BY_ADMIN_VALUE)]
    view = state.remote_access
    if view is None:
        return facts
    if not view.available:
        return [*facts, "there is no Get-RemoteAccess on this host"]
    if view.error is not None:
        return [*facts, f"Get-RemoteAccess fails: {view.error.get('message')}"]
    certificate = f"names the certificate {view.certificate.thumbprint}" if view.certificate else "names no certificate"
    http = "" if view.use_http is None else f", and {'uses' if view.use_http else 'does not use'} HTTP"
    return [*facts, f"Get-RemoteAccess {certificate}{http}"]


def _shown(value: RegistryValue | None) -> str:
    if value is None:
        return "is absent"
    return f"is {value.data}" if value.kind == "dword" else f"is a value of type {value.kind}"
