# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an audit has found at one host, as rras.sstp.audit returns it in `record`. PRIVATE to the collection."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Literal

from .shapes import ShapeError, read_shape

RECORD_SCHEMA = 1

Severity = Literal["error", "warning", "info"]
PlaceName = Literal["binding_ipv4", "binding_ipv6", "registry_sha256", "registry_sha1", "store", "served_ipv4", "served_ipv6", "wire", "balancer"]
Mode = Literal["automatic", "administrator", "offload"]


@dataclass(frozen=True)
class Place:
    """One of the places that must agree about the certificate. agrees: None where there is nothing to compare, or where it does not count."""

    place: PlaceName
    subject: str
    thumbprint: str | None
    sha256: str | None
    shows: str
    agrees: bool | None
    not_after: dt.datetime | None
    days_left: int | None


@dataclass(frozen=True)
class RecordedCertificate:
    """A certificate that a place names. extended_key_usage: object identifiers, None without the extension."""

    thumbprint: str
    sha256: str
    subject: str
    issuer: str
    serial_number: str
    not_before: dt.datetime
    not_after: dt.datetime
    extended_key_usage: tuple[str, ...] | None
    names: tuple[str, ...]
    days_left: int


@dataclass(frozen=True)
class RecordedFinding:
    """event: of RasSstp, that it leads to; seen: when that one was last logged. repair: a command that can be pasted."""

    id: str
    severity: Severity
    subject: str
    expected: str
    actual: str
    event: int | None
    seen: dt.datetime | None
    remedy: str
    repair: str | None
    repairable: bool


@dataclass(frozen=True)
class Ignored:
    """A rule that was switched off; findings: how many it hid on this host."""

    id: str
    reason: str
    findings: int


@dataclass(frozen=True)
class RecordedEvent:
    """An event of RasSstp. meaning: what it says; explanation: what its code means, and the usual cause."""

    id: int
    level: int
    time: dt.datetime
    data: tuple[str, ...]
    code: str | None
    meaning: str | None
    explanation: str | None


@dataclass(frozen=True)
class Record:
    """One host at one time of its own clock."""

    schema: int
    host: str
    server: str | None
    time: dt.datetime
    port: int
    mode: Mode | None
    compliant: bool
    places: tuple[Place, ...]
    certificates: tuple[RecordedCertificate, ...]
    findings: tuple[RecordedFinding, ...]
    ignored: tuple[Ignored, ...]
    events: tuple[RecordedEvent, ...]
    events_error: str | None

    @property
    def gravest(self) -> RecordedFinding | None:
        return min(self.findings, key=lambda finding: SEVERITY_RANKS[finding.severity], default=None)


SEVERITY_RANKS: dict[str, int] = {"error": 0, "warning": 1, "info": 2}


def read_record(raw: Any, host: str) -> Record:
    """Raises ShapeError, which names host (as the inventory has it) and the key."""
    where = f"The record of {host}"
    found = raw.get("schema") if isinstance(raw, dict) else RECORD_SCHEMA
    if isinstance(raw, dict) and "schema" in raw and (found != RECORD_SCHEMA or isinstance(found, bool)):
        reads = f"this version of rras.sstp.report reads schema {RECORD_SCHEMA}"
        raise ShapeError(f"{where}: schema is {found!r}, but {reads}; audit and report must be of one version.")
    return read_shape(Record, raw, where)
