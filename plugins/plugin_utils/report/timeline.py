# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When certificates end, as a picture: one line to a host, or for a large fleet one column to a span of time. PRIVATE to the collection.

This is the geometry; the template draws it. Units are those of the picture's view box.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from .document import Expiry

# More lines than that are no longer read at a glance.
MOST_LINES = 24
SOON_DAYS = 30
WIDTH = 960

_LEFT, _RIGHT, _TOP, _LINE = 190, 170, 34, 28
_COLUMNS_TOP, _COLUMNS_HEIGHT, _COLUMNS_BELOW, _SIDE = 30, 180, 34, 20
_LABEL_WIDTH = 58
_MOST_COLUMNS = 26
_SHORTEST_AXIS, _LONGEST_AXIS = 60, 800
_LONGEST_NAME = 24
_NAMED = 8

Urgency = Literal["expired", "soon", "later"]


@dataclass(frozen=True)
class Tick:
    x: float
    text: str


@dataclass(frozen=True)
class Line:
    """left and right: of the bar between today and the end of validity. beyond: the end is further away than the axis goes."""

    expiry: Expiry
    name: str
    urgency: Urgency
    y: int
    left: float
    right: float
    beyond: bool
    words: str


@dataclass(frozen=True)
class Column:
    """hosts: whose certificate ends between since and until (exclusive); None where the span is open."""

    text: str
    urgency: Urgency
    since: dt.date | None
    until: dt.date | None
    hosts: tuple[str, ...]
    x: float
    width: float
    y: float
    height: float
    label: str

    @property
    def named(self) -> str:
        """Its first hosts."""
        more = len(self.hosts) - _NAMED
        return ", ".join(self.hosts[:_NAMED]) + (f" and {more} more" if more > 0 else "")


@dataclass(frozen=True)
class Timeline:
    """Either lines (then today is an x) or columns. words: the picture as a sentence."""

    words: str
    width: int
    height: int
    lines: tuple[Line, ...] = ()
    columns: tuple[Column, ...] = ()
    ticks: tuple[Tick, ...] = ()
    today: float = 0
    base: float = 0


def timeline(expiries: Iterable[Expiry], now: dt.datetime) -> Timeline | None:
    """None where no end is known. now: of the report, as host clocks may differ."""
    ordered = sorted(expiries, key=lambda expiry: (expiry.not_after, expiry.host))
    if not ordered:
        return None
    return _lines(ordered, now) if len(ordered) <= MOST_LINES else _columns(ordered, now)


def urgency(days_left: int) -> Urgency:
    return "expired" if days_left < 0 else "soon" if days_left <= SOON_DAYS else "later"


def days_in_words(days_left: int) -> str:
    """'37 days left', 'expired 3 days ago'."""
    days = f"{abs(days_left)} day{'' if abs(days_left) == 1 else 's'}"
    return f"expired {days} ago" if days_left < 0 else f"{days} left"


def _sentence(expiries: Sequence[Expiry]) -> str:
    kinds = [urgency(expiry.days_left) for expiry in expiries]
    first = expiries[0]
    counts = f"{kinds.count('expired')} expired, {kinds.count('soon')} within {SOON_DAYS} days, {kinds.count('later')} later"
    hosts = f"{len(expiries)} host{'' if len(expiries) == 1 else 's'}"
    return f"Certificates of {hosts} by the end of their validity: {counts}. The first is that of {first.host}, {first.not_after:%Y-%m-%d}."


def _lines(expiries: Sequence[Expiry], now: dt.datetime) -> Timeline:
    days = [(expiry.not_after - now).total_seconds() / 86400 for expiry in expiries]
    start = max(min(0, min(days)), -_LONGEST_AXIS / 4)
    end = min(max(_SHORTEST_AXIS, max(days)), _LONGEST_AXIS)
    scale = (WIDTH - _LEFT - _RIGHT) / (end - start)

    def at(day: float) -> float:
        return round(_LEFT + (min(max(day, start), end) - start) * scale, 1)

    lines = tuple(
        Line(
            expiry,
            expiry.host if len(expiry.host) <= _LONGEST_NAME else expiry.host[: _LONGEST_NAME - 1] + "\u2026",
            urgency(expiry.days_left),
            _TOP + _LINE * number,
            at(min(0, day)),
            at(max(0, day)),
            day > end,
            f"{expiry.not_after:%Y-%m-%d}, {_short(expiry.days_left)}",
        )
        for number, (expiry, day) in enumerate(zip(expiries, days, strict=True))
    )
    ticks = tuple(Tick(at(day), text) for day, text in _month_ticks(now, start, end))
    base = _TOP + _LINE * len(lines)
    return Timeline(_sentence(expiries), WIDTH, base + 30, lines=lines, ticks=ticks, today=at(0), base=base)


def _short(days_left: int) -> str:
    return "expired" if days_left < 0 else f"{days_left} d"


def _month_ticks(now: dt.datetime, start: float, end: float) -> Iterator[tuple[float, str]]:
    """The first of every month, or of every n-th, so that they stand apart; none on top of today."""
    step = max(1, round((end - start) / 30 / 8))
    month = _first_of_month((now + dt.timedelta(days=start)).date())
    while (day := (dt.datetime.combine(month, dt.time(), dt.timezone.utc) - now).total_seconds() / 86400) <= end:
        if day >= start and abs(day) > (end - start) / 20:
            yield day, f"{month:%b %Y}"
        month = _months_later(month, step)


def _first_of_month(day: dt.date) -> dt.date:
    return day.replace(day=1)


def _months_later(day: dt.date, months: int) -> dt.date:
    """The first of a later month. Certificates may be valid to the end of the calendar."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return dt.date(year, month + 1, 1) if year <= dt.MAXYEAR else dt.date.max


@dataclass(frozen=True)
class _Span:
    text: str
    since: dt.date | None
    until: dt.date | None


def _columns(expiries: Sequence[Expiry], now: dt.datetime) -> Timeline:
    spans = _spans(expiries, now.date())
    groups = [tuple(expiry for expiry in expiries if _is_within(expiry, span)) for span in spans]
    most = max(len(group) for group in groups)
    pitch = (WIDTH - 2 * _SIDE) / len(spans)
    columns = []
    for number, (span, group) in enumerate(zip(spans, groups, strict=True)):
        height = round(_COLUMNS_HEIGHT * len(group) / most, 1)
        kind: Urgency = "expired" if span.since is None else "soon" if span.since <= now.date() + dt.timedelta(days=SOON_DAYS) else "later"
        hosts = tuple(expiry.host for expiry in group)
        place = round(_SIDE + pitch * number + pitch * 0.1, 1), round(pitch * 0.8, 1), _COLUMNS_TOP + _COLUMNS_HEIGHT - height, height
        columns.append(Column(span.text, kind, span.since, span.until, hosts, *place, label=_label(number, span.text, len(spans), pitch)))
    base = _COLUMNS_TOP + _COLUMNS_HEIGHT
    return Timeline(_sentence(expiries), WIDTH, base + _COLUMNS_BELOW, columns=tuple(columns), base=base)


def _label(number: int, text: str, columns: int, pitch: float) -> str:
    """Every text where there is room, else every second; what is expired, and the last, always have theirs."""
    return text if pitch >= _LABEL_WIDTH or (number % 2 == 0 and number != columns - 2) or number == columns - 1 else ""


def _is_within(expiry: Expiry, span: _Span) -> bool:
    day = expiry.not_after.date()
    return (span.since is None or day >= span.since) and (span.until is None or day < span.until)


def _spans(expiries: Sequence[Expiry], today: dt.date) -> list[_Span]:
    """Weeks, months, quarters or years, whichever has room for nine tenths of the fleet; the rest is in the last column, which is open."""
    far = expiries[min(len(expiries) - 1, len(expiries) * 9 // 10)].not_after.date()
    divisions = [_weeks(today), *(_calendar(today, months) for months in (1, 3, 12))]
    edges, name = next((division for division in divisions if division[0][-1] > far), divisions[-1])
    last = expiries[-1].not_after.date()
    while len(edges) > 2 and edges[-2] > last:
        edges.pop()
    spans = [_Span("expired", None, today), *(_Span(name(one), one, other) for one, other in pairwise(edges))]
    return spans if last < edges[-1] else [*spans, _Span("later", edges[-1], None)]


_Division = tuple[list[dt.date], Callable[[dt.date], str]]


def _weeks(today: dt.date) -> _Division:
    return [today + dt.timedelta(days=7 * number) for number in range(_MOST_COLUMNS + 1)], lambda day: f"{day:%b} {day.day}"


def _calendar(today: dt.date, months: int) -> _Division:
    """From today to the end of the month, quarter or year, and then whole ones."""
    first = today.replace(day=1, month=(today.month - 1) // months * months + 1)
    names: dict[int, Callable[[dt.date], str]] = {
        1: lambda day: f"{day:%b %Y}",
        3: lambda day: f"Q{(day.month + 2) // 3} {day:%Y}",
        12: lambda day: f"{day:%Y}",
    }
    return [today, *(_months_later(first, months * number) for number in range(1, _MOST_COLUMNS + 1))], names[months]
