# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is new and what is gone since the report of last time. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .document import Document, HostEntry, Known, LastSeen
from .record import Record
from .results import HostResult, natural


def compare(results: Iterable[HostResult], previous: Document | None) -> tuple[HostEntry, ...]:
    """Each host against the last audit that reached it. Findings are the same by id and subject, hosts by name.

    Without a previous report nothing is new. A host that is new has new findings only; one that was not reached this time has neither new
    nor gone ones, but keeps what was last seen, so that an outage of one night is no news.
    """
    before = {entry.host: _last_seen(previous, entry) for entry in previous.hosts} if previous else None
    return tuple(_entry(result, before) for result in results)


def removed_hosts(results: Iterable[HostResult], previous: Document | None) -> tuple[str, ...]:
    """Those that only the report of last time has."""
    now = {result.host for result in results}
    return tuple(sorted((entry.host for entry in previous.hosts if entry.host not in now), key=natural)) if previous else ()


def _entry(result: HostResult, before: Mapping[str, LastSeen | None] | None) -> HostEntry:
    added = before is not None and result.host not in before
    last = None if before is None else before.get(result.host)
    new: tuple[Known, ...] = ()
    gone: tuple[Known, ...] = ()
    if result.record and (added or last):
        then = last.findings if last else ()
        now = known_findings(result.record)
        new, gone = _without(now, then), _without(then, now)
    return HostEntry(result.host, result.state, result.message, result.raw, added, new, gone, None if result.record else last)


def known_findings(record: Record) -> tuple[Known, ...]:
    """Each once."""
    return tuple({(finding.id, finding.subject): Known(finding.id, finding.severity, finding.subject) for finding in reversed(record.findings)}.values())[::-1]


def _without(some: Iterable[Known], others: Iterable[Known]) -> tuple[Known, ...]:
    taken = {(known.id, known.subject) for known in others}
    return tuple(known for known in some if (known.id, known.subject) not in taken)


def _last_seen(document: Document, entry: HostEntry) -> LastSeen | None:
    record = document.record_of(entry)
    return LastSeen(record.time, known_findings(record)) if record else entry.last_seen
