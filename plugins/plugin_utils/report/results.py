# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What came back from each host of a play: a record, or why there is none. PRIVATE to the collection."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..errors import shortened
from .record import Record, read_record
from .shapes import ShapeError

State = Literal["ok", "warning", "error", "unreachable", "failed"]

# The gravest first; what was not audited may hide anything.
STATES: tuple[State, ...] = ("error", "failed", "unreachable", "warning", "ok")


@dataclass(frozen=True)
class HostResult:
    """raw: the record as it came, which goes into the JSON as it is. message: why there is none."""

    host: str
    state: State
    message: str | None
    record: Record | None
    raw: dict[str, Any] | None


def read_results(results: Mapping[str, Any]) -> tuple[HostResult, ...]:
    """inventory name -> registered result of rras.sstp.audit; in the order of the names. Raises ShapeError."""
    return tuple(_read_result(str(host), results[host]) for host in sorted(results, key=natural))


def natural(name: str) -> tuple[tuple[int, str], ...]:
    """Sorts vpn2 before vpn10."""
    return tuple((int(number or 0), text.casefold()) for text, number in re.findall(r"(\D*)(\d{0,18})", str(name)))


def _read_result(host: str, result: Any) -> HostResult:
    if not isinstance(result, Mapping):
        raise ShapeError(f"The result of {host} is no dictionary; give what rras.sstp.audit returned there, or an empty dictionary.")
    raw = result.get("record")
    if raw is None:
        return _without_record(host, result)
    record = read_record(raw, host)
    gravest = record.gravest
    state: State = "ok" if gravest is None or gravest.severity == "info" else gravest.severity
    return HostResult(host, state, None, record, raw)


def _without_record(host: str, result: Mapping[str, Any]) -> HostResult:
    message = shortened(str(result.get("msg") or "").strip(), 2000)
    if result.get("unreachable"):
        return HostResult(host, "unreachable", message or "The host could not be reached.", None, None)
    if result.get("failed"):
        return HostResult(host, "failed", message or "The audit failed and gave no reason.", None, None)
    skipped = "The audit was skipped on this host." if result.get("skipped") else "No result came back from this host."
    return HostResult(host, "failed", message or skipped, None, None)
