# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as a document of its own schema, the JSON that stays beside the page and is read again next time. PRIVATE to the collection."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..results import stamp
from .record import Record, Severity, read_record
from .results import State
from .shapes import ShapeError, read_shape

SCHEMA = 1


@dataclass(frozen=True)
class Known:
    """As much of a finding as tells it from others; severity goes with it for people."""

    id: str
    severity: Severity
    subject: str


@dataclass(frozen=True)
class LastSeen:
    """What the last audit that reached a host has found there."""

    time: dt.datetime
    findings: tuple[Known, ...]


@dataclass(frozen=True)
class HostEntry:
    """added: not in the report of last time. new and gone: findings, against the last audit that reached the host.

    last_seen: that audit, where this one has no record.
    """

    host: str
    state: State
    message: str | None
    record: Mapping[str, Any] | None
    added: bool
    new: tuple[Known, ...]
    gone: tuple[Known, ...]
    last_seen: LastSeen | None


@dataclass(frozen=True)
class Expiry:
    """The certificate at one host that ends first, among those that its places show."""

    host: str
    subject: str
    not_after: dt.datetime
    days_left: int


@dataclass(frozen=True)
class Summary:
    """Numbers of hosts, but for the findings. with_warnings: whose gravest finding is a warning."""

    hosts: int
    compliant: int
    with_errors: int
    with_warnings: int
    unreachable: int
    failed: int
    new_findings: int
    gone_findings: int
    added_hosts: int
    removed_hosts: int
    soonest_expiry: Expiry | None


@dataclass(frozen=True)
class Document:
    """made: when this report was made. compared_with: when the one that it was compared with was made."""

    schema: int
    made: dt.datetime
    title: str
    compared_with: dt.datetime | None
    summary: Summary
    hosts: tuple[HostEntry, ...]
    removed_hosts: tuple[str, ...]

    def record_of(self, entry: HostEntry) -> Record | None:
        """The record of one of its hosts."""
        return None if entry.record is None else read_record(entry.record, entry.host)


def as_data(value: Any) -> Any:
    """A dataclass of this file, or anything in it, as JSON knows it."""
    if isinstance(value, dt.datetime):
        return stamp(value)
    if isinstance(value, Mapping):
        return {name: as_data(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [as_data(item) for item in value]
    if dataclasses.is_dataclass(value):
        return {field.name: as_data(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value


def to_json(document: Mapping[str, Any]) -> str:
    """ASCII, so that halves of characters in what hosts have sent do no harm; one line to a host, so that it stays small and can be compared."""
    head = {name: value for name, value in document.items() if name != "hosts"}
    hosts = ",\n  ".join(json.dumps(host) for host in document["hosts"])
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
    lines.append(f'"hosts": [\n  {hosts}\n ]' if hosts else '"hosts": []')
    return "{\n " + ",\n ".join(lines) + "\n}\n"


def read_json(text: str, where: str) -> Document:
    """The document of an earlier report. Raises ShapeError, in which where names it."""
    try:
        data = json.loads(text)
    except ValueError:
        raise ShapeError(f"{where} is no JSON.") from None
    if not isinstance(data, dict) or "schema" not in data or "hosts" not in data:
        raise ShapeError(f"{where} is no report of rras.sstp.report.")
    found = data["schema"]
    if found != SCHEMA or isinstance(found, bool):
        raise ShapeError(f"{where} has schema {json.dumps(found)[:60]}, but this version of rras.sstp.report reads schema {SCHEMA}.")
    document = read_shape(Document, data, where)
    for entry in document.hosts:
        document.record_of(entry)
    return document
