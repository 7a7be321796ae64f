# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The conditions that await waits for, and that the facet remote_access may hang on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.sim.errors import WindowsError
from lab.sim.machine import Machine
from lab.sim.services import Service
from lab.sim.telling import held, state_name, told_value

NULL_METHOD = "You cannot call a method on a null-valued expression."


def find_value(machine: Machine, place: Mapping[str, Any]) -> dict[str, Any] | None:
    """The registry value at path and name, as the back-end tells it."""
    value = machine.registry.get(place["path"], place["name"])
    return told_value(value) if value else None


def find_service(machine: Machine, name: str) -> Service:
    """A service; WindowsError in PowerShell's words where it is not installed."""
    service = machine.services.find(name)
    if service is None:
        raise WindowsError(None, None, NULL_METHOD)
    return service


def holds(machine: Machine, condition: Mapping[str, Any]) -> bool:
    """Whether a condition holds now."""
    kind = condition.get("kind")
    if kind == "registry_value":
        value = find_value(machine, condition)
        if value is None or value["kind"] != str(condition.get("value_kind")).lower():
            return False
        data = value["data"]
        return held(data if isinstance(data, list) else [data], condition.get("data"))
    if kind == "service":
        return state_name(find_service(machine, condition["name"]).state) == str(condition["state"]).lower()
    if kind == "served":
        try:
            served = machine.served(condition["address"], int(condition["port"]))
        except WindowsError:
            return False
        return served.thumbprint == str(condition["thumbprint"]).lower()
    raise WindowsError(None, None, f"There is no condition of the kind '{kind or ''}'.")
