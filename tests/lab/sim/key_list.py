# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facet keys: who says that its private key is where, and the key containers that are there. No key is opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.sim.errors import WindowsError
from lab.sim.machine import Machine
from lab.sim.store import CSP, CSP_TYPE, KSP, Store

# Of each kind, no more containers than these are told.
CONTAINER_LIMIT = 4096
# What is called for the containers of each kind.
ENUMERATIONS = {
    (CSP, CSP_TYPE): ("CryptAcquireContext", "CryptGetProvParam"),
    (KSP, 0): ("NCryptOpenStorageProvider", "NCryptEnumKeys"),
}


def keys_facet(machine: Machine) -> dict[str, Any]:
    """What could be read is told all the same."""
    errors: list[dict[str, object]] = []
    references = [item for store in machine.stores.all() for item in _tried(lambda store=store: _references(machine, store), errors)]  # type: ignore[misc]
    containers: list[dict[str, Any]] = []
    truncated = False
    for kind in ENUMERATIONS:
        found = _tried(lambda kind=kind: _containers(machine, *kind), errors)  # type: ignore[misc]
        containers += found[:CONTAINER_LIMIT]
        truncated |= len(found) > CONTAINER_LIMIT
    return {"references": references, "containers": containers, "truncated": truncated, "errors": errors}


def _tried(read: Callable[[], list[dict[str, Any]]], errors: list[dict[str, object]]) -> list[dict[str, Any]]:
    try:
        return read()
    except WindowsError as error:
        errors.append(error.fact())
        return []


def _references(machine: Machine, store: Store) -> list[dict[str, Any]]:
    machine.faults.check("CertOpenStore")
    return [
        {
            "store": store.name.upper(), "thumbprint": entry.certificate.thumbprint.upper(), "container": entry.link.container,
            "provider": entry.link.provider, "provider_type": entry.link.provider_type, "flags": entry.link.flags,
        }
        for entry in store.sorted() if entry.link
    ]  # fmt: skip


def _containers(machine: Machine, provider: str, provider_type: int) -> list[dict[str, Any]]:
    for function in ENUMERATIONS[provider, provider_type]:
        machine.faults.check(function)
    found = (container for container in machine.stores.containers.values() if container.enumerated == (provider, provider_type))
    return [{"provider": provider, "provider_type": provider_type, "container": container.name} for container in found]
