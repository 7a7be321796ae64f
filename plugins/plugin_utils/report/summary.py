# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet in numbers. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .document import Expiry, HostEntry, Summary
from .record import Record
from .results import HostResult


def summarise(results: Sequence[HostResult], entries: Sequence[HostEntry], removed: Sequence[str]) -> Summary:
    states = [result.state for result in results]
    return Summary(
        hosts=len(results),
        compliant=sum(result.record is not None and result.record.compliant for result in results),
        with_errors=states.count("error"),
        with_warnings=states.count("warning"),
        unreachable=states.count("unreachable"),
        failed=states.count("failed"),
        new_findings=sum(len(entry.new) for entry in entries),
        gone_findings=sum(len(entry.gone) for entry in entries),
        added_hosts=sum(entry.added for entry in entries),
        removed_hosts=len(removed),
        soonest_expiry=min(expiries(results), key=lambda expiry: (expiry.not_after, expiry.host), default=None),
    )


def expiries(results: Iterable[HostResult]) -> list[Expiry]:
    """The soonest of each host that has any."""
    found = (soonest_expiry(result.host, result.record) for result in results if result.record)
    return [expiry for expiry in found if expiry]


def soonest_expiry(host: str, record: Record) -> Expiry | None:
    """A place that shows another certificate counts as well: clients that come by it meet that one."""
    dated = [(place.not_after, place) for place in record.places if place.not_after is not None and place.days_left is not None]
    if not dated:
        return None
    when, place = min(dated, key=lambda pair: pair[0])
    subjects = {certificate.thumbprint: certificate.subject for certificate in record.certificates}
    return Expiry(host, subjects.get(place.thumbprint or "", place.shows), when, place.days_left or 0)
