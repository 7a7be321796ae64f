# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the results of a play to a report: document, page and table. PRIVATE to the collection."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .cells import to_csv
from .comparison import compare, removed_hosts
from .document import SCHEMA, Document, as_data, to_json
from .page import to_html
from .results import HostResult
from .summary import summarise

FORMATS = ("html", "json", "csv")


@dataclass(frozen=True)
class Made:
    """A report and what it was made of."""

    document: Document
    results: tuple[HostResult, ...]

    @property
    def data(self) -> dict[str, Any]:
        """The document as JSON has it."""
        data: dict[str, Any] = as_data(self.document)
        return data

    def contents(self, formats: Iterable[str]) -> dict[str, bytes]:
        """format -> what its file is to hold. The JSON comes last: as long as it is the old one, the rest can be made again."""
        makers: dict[str, Callable[[], str]] = {
            "html": lambda: to_html(self.document, self.results),
            "csv": lambda: to_csv(self.results, self.document.hosts),
            "json": lambda: to_json(self.data),
        }
        return {name: maker().encode("utf-8") for name, maker in makers.items() if name in set(formats)}


def make(results: Sequence[HostResult], title: str, now: dt.datetime, previous: Document | None, there: Document | None) -> Made:
    """previous: to compare with. there: the report that lies where this one goes; when it is of the same audits, this one is the same again.

    The time of making is then that of the one which lies there, and where previous is that one, so is what was new in it.
    """
    same = there is not None and _are_same(results, there)
    if there is not None and same and previous is there:
        return Made(replace(there, title=title), tuple(results))
    document = _document(results, title, now.replace(microsecond=0), previous)
    if there is not None and same and replace(document, made=there.made) == there:
        document = there
    return Made(document, tuple(results))


def _document(results: Sequence[HostResult], title: str, made: dt.datetime, previous: Document | None) -> Document:
    entries, removed = compare(results, previous), removed_hosts(results, previous)
    return Document(SCHEMA, made, title, previous.made if previous else None, summarise(results, entries, removed), entries, removed)


def _are_same(results: Sequence[HostResult], document: Document) -> bool:
    """Of the same audits, which their times tell. Where no host was audited there are none, and each report is one of its own time."""
    now = [(result.host, result.state, result.message, result.raw) for result in results]
    then = [(entry.host, entry.state, entry.message, entry.record) for entry in document.hosts]
    return now == then and any(result.record for result in results)
