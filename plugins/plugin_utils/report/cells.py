# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as CSV for spreadsheets: RFC 4180, and safe to open. PRIVATE to the collection."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from ..errors import one_line
from ..results import stamp
from .document import HostEntry
from .record import Record, RecordedFinding
from .results import HostResult
from .summary import soonest_expiry

HEADINGS = (
    "host", "state", "message", "server", "audited", "mode", "soonest_expiry", "days_left",
    "severity", "finding", "subject", "expected", "actual", "event", "event_seen", "remedy", "repair", "repairable", "new",
)  # fmt: skip

# Excel takes a file without it for one in the code page of the machine.
_BYTE_ORDER_MARK = "\ufeff"

# https://owasp.org/www-community/attacks/CSV_Injection; the wide forms are the same to spreadsheets of East Asia.
_FORMULA_LEADS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

Cell = str | int | bool | None


def to_csv(results: Sequence[HostResult], entries: Sequence[HostEntry]) -> str:
    """One row to a finding, and one to a host that has none; entries are those of results, in their order."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(HEADINGS)
    for result, entry in zip(results, entries, strict=True):
        writer.writerows([_cell(cell) for cell in row] for row in _rows(result, entry))
    return _BYTE_ORDER_MARK + file.getvalue()


def defused(text: str) -> str:
    """Text that no spreadsheet takes for a formula. What cannot be seen is escaped, so that a row stays one line."""
    return one_line(f"'{text}" if text.startswith(_FORMULA_LEADS) or text.lstrip().startswith(_FORMULA_LEADS) else text)


def _cell(cell: Cell) -> str | int:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    # A negative number is a number.
    return cell if isinstance(cell, int) else defused(cell)


def _rows(result: HostResult, entry: HostEntry) -> Iterator[tuple[Cell, ...]]:
    record = result.record
    host: tuple[Cell, ...] = (result.host, result.state, result.message, *(_audit(result.host, record) if record else [None] * 5))
    new = {(known.id, known.subject) for known in entry.new}
    for finding in record.findings if record else ():
        yield (*host, *_finding(finding), (finding.id, finding.subject) in new)
    if not record or not record.findings:
        yield (*host, *([None] * (len(HEADINGS) - len(host))))


def _audit(host: str, record: Record) -> tuple[Cell, ...]:
    expiry = soonest_expiry(host, record)
    ends: tuple[Cell, Cell] = (stamp(expiry.not_after), expiry.days_left) if expiry else (None, None)
    return record.server, stamp(record.time), record.mode, *ends


def _finding(finding: RecordedFinding) -> tuple[Cell, ...]:
    return (
        finding.severity,
        finding.id,
        finding.subject,
        finding.expected,
        finding.actual,
        finding.event,
        stamp(finding.seen) if finding.seen else None,
        finding.remedy,
        finding.repair,
        finding.repairable,
    )
