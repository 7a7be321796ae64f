# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When RRAS may be restarted: how many VPN sessions that may end, and at which times. PRIVATE to the collection."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .changes import Change, Forgotten, Plan, SetServices
from .errors import SstpError
from .inputs import clean_number
from .names import RRAS_SERVICE
from .state import HostState
from .windows import explain

RESTART_SPEC: dict[str, Any] = {
    "max_sessions": {"type": "int"},
    "window": {"type": "list", "elements": "str"},
}

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAY, _WEEK = 24 * 60, 7 * 24 * 60
_NUMBERS = {name: number for number, day in enumerate(DAYS) for name in (day.lower(), day[:3].lower())}
_TIME = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])", re.ASCII)


@dataclass(frozen=True)
class Window:
    """Days (0 is Monday) and, in minutes, from when to when; end is above a day's minutes where it reaches into the next day."""

    days: frozenset[int]
    start: int
    end: int
    text: str

    def holds(self, moment: dt.datetime) -> bool:
        """By the clock of the moment; the end itself is outside."""
        minute = moment.weekday() * _DAY + moment.hour * 60 + moment.minute
        return any((minute - day * _DAY - self.start) % _WEEK < self.end - self.start for day in self.days)


@dataclass(frozen=True)
class Permission:
    """max_sessions None: however many; no windows: at any time."""

    max_sessions: int | None = None
    windows: tuple[Window, ...] = ()


def permission_of(args: Mapping[str, Any]) -> Permission:
    """From the options of RESTART_SPEC. Raises SstpError for what cannot be meant, before any host is asked."""
    allowed = args["max_sessions"]
    if allowed is not None:
        clean_number(allowed, "max_sessions", 0)
    return Permission(allowed, tuple(parse_window(text) for text in args["window"] or ()))


def parse_window(text: str) -> Window:
    """A window such as '22:00-05:00', 'sat,sun 00:00-24:00' or 'mon-fri 23:30-04:00'; one over midnight belongs to the day on which it begins."""
    words = " ".join(text.split())
    days, _, times = words.rpartition(" ")
    first, dash, last = times.partition("-")
    if not dash:
        raise SstpError(
            f"A window is written 22:00-05:00 or mon-fri 23:30-04:00, but {text!r} is not; "
            "where days are listed with commas (sat,sun 00:00-24:00), write window as a YAML list."
        )
    start, end = _minutes(first, text), _minutes(last, text)
    if start == end:
        raise SstpError(f"The window {text!r} begins when it ends; for whole days write 00:00-24:00.")
    if start == _DAY:
        raise SstpError(f"The window {text!r} begins at 24:00; write 00:00 of the day after.")
    return Window(_days(days, text) if days else frozenset(range(7)), start, end if end > start else end + _DAY, words)


def _minutes(time: str, text: str) -> int:
    found = _TIME.fullmatch(time)
    minutes = int(found[1]) * 60 + int(found[2]) if found else _DAY + 1
    if minutes > _DAY:
        raise SstpError(f"The times of a window lie between 00:00 and 24:00 and have two digits each, but {time!r} in {text!r} does not.")
    return minutes


def _days(words: str, text: str) -> frozenset[int]:
    days: set[int] = set()
    for item in words.split(","):
        first, dash, last = item.strip().partition("-")
        begin = _day(first, text)
        length = (_day(last, text) - begin) % 7 if dash else 0
        days |= {(begin + number) % 7 for number in range(length + 1)}
    return frozenset(days)


def _day(name: str, text: str) -> int:
    number = _NUMBERS.get(name.strip().lower())
    if number is None:
        raise SstpError(f"The days of a window are mon, tue, wed, thu, fri, sat and sun, but {name.strip()!r} in {text!r} is none.")
    return number


def ends_sessions(plan: Plan) -> bool:
    """Does it stop RRAS? One that does not run has no sessions, and is only started."""
    return any(_stops_rras(change) for change in plan.changes)


def _stops_rras(change: Change) -> bool:
    if isinstance(change, Forgotten):
        return _stops_rras(change.change)
    # A second restart comes after a first one, or after a start.
    return isinstance(change, SetServices) and change.state == "stopped" and change.when_changed is None and RRAS_SERVICE in change.names


def sessions_ended(state: HostState, plan: Plan) -> int | None:
    """How many VPN sessions that plan ends; None where nobody knows."""
    return state.sessions if ends_sessions(plan) else 0


def why_put_off(state: HostState, plan: Plan, permission: Permission) -> str | None:
    """Why that plan must wait, as a sentence; None where it may go on. Raises SstpError where that cannot be told."""
    if not ends_sessions(plan):
        return None
    reasons = [reason for reason in (_too_many(state, permission.max_sessions), _wrong_time(state, permission.windows)) if reason]
    return f"The restart of RRAS was put off, so nothing was changed: {', and '.join(reasons)}." if reasons else None


def _too_many(state: HostState, allowed: int | None) -> str | None:
    if allowed is None:
        return None
    if state.sessions is None:
        why = explain(state.sessions_error) if state.sessions_error else "no reason was given"
        raise SstpError(
            f"How many VPN sessions a restart would end cannot be told ({why}), and max_sessions is {allowed}, so nothing was changed; "
            "see that RRAS answers, or leave max_sessions out."
        )
    if state.sessions <= allowed:
        return None
    sessions = "1 VPN session is" if state.sessions == 1 else f"{state.sessions} VPN sessions are"
    return f"{sessions} connected, and max_sessions is {allowed}"


def _wrong_time(state: HostState, windows: tuple[Window, ...]) -> str | None:
    now = state.local_time
    if not windows or any(window.holds(now) for window in windows):
        return None
    outside = "; ".join(window.text for window in windows)
    return f"it is {DAYS[now.weekday()]} {now:%H:%M} on this server ({_zone(state.utc_offset)}), outside of the window ({outside})"


def _zone(offset: int) -> str:
    hours, minutes = divmod(abs(offset), 60)
    return f"UTC{'-' if offset < 0 else '+'}{hours:02}:{minutes:02}"
