# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the back-end tells what the machine holds, and compares it as PowerShell does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lab.sim.registry import Value


def held(items: Iterable[object], wanted: object) -> bool:
    """PowerShell's -contains: without regard to case."""
    folded = str(wanted).casefold()
    return any(str(item).casefold() == folded for item in items)


# A longer value is told by its length alone.
VALUE_LIMIT = 4096


def length_of(data: object) -> int:
    """The characters of a value's texts, as Windows counts them."""
    return sum(len(item.encode("utf-16-le", "surrogatepass")) // 2 for item in (data if isinstance(data, list) else [data]) if isinstance(item, str))


def beginning(text: str | None) -> str | None:
    """A label, cut off where it is too long."""
    return None if text is None else text.encode("utf-16-le", "surrogatepass")[: 2 * VALUE_LIMIT].decode("utf-16-le", "surrogatepass")


def told_value(value: Value) -> dict[str, Any]:
    """A registry value: kind and data."""
    if value.kind == "unknown" or (value.kind in ("dword", "qword") and not isinstance(value.data, int)):
        return {"kind": value.kind, "data": None}
    data = value.data.hex().upper() if isinstance(value.data, bytes) else value.data
    return {"kind": value.kind, "data": list(data) if isinstance(data, list) else data}


def state_name(state: str) -> str:
    """A service's state as .NET names it, lower case."""
    return state.replace("_", "")


def joined(data: object) -> str:
    """A value's data as one text, as PowerShell joins it."""
    return "|".join("" if item is None else str(item) for item in (data if isinstance(data, list) else [data]))
