# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rule about events that nothing else here accounts for. PRIVATE to the collection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator

from .. import repairs
from ..event_table import SERVER_EVENTS, code_of, explain_code
from ..findings import Policy
from ..results import stamp
from ..state import HostState, LoggedEvent
from .rule import Breach, Rule


def unaccounted(state: HostState, led_to: Collection[int | None]) -> Iterator[Breach]:
    """Of each id that no finding leads to, the newest event. led_to: the ids that findings lead to."""
    newest: dict[int, LoggedEvent] = {}
    for event in state.events:
        if event.id in SERVER_EVENTS and event.id not in led_to:
            newest.setdefault(event.id, event)
    counts = Counter(event.id for event in state.events)
    for number, event in sorted(newest.items()):
        yield _breach(event, counts[number])


def _breach(event: LoggedEvent, count: int) -> Breach:
    meaning = SERVER_EVENTS[event.id]
    code = code_of(event.data)
    explained = None if code is None else explain_code(code)
    why = "" if code is None else f", with 0x{code:08X}" + (f" ({explained})" if explained else "")
    times = "" if count == 1 else f", the last of {count}"
    return Breach(
        f"RasSstp event {event.id}",
        f"one of {stamp(event.time)}{times}: {meaning.text}{why}",
        severity="info" if meaning.visible else "",
        event=event.id,
        remedy="nothing that leads to it is found now; see that it does not come back" if meaning.visible else meaning.remedy,
    )


def _nothing_by_itself(_state: HostState, _policy: Policy) -> Iterator[Breach]:
    """Which events are left over is known only when all other rules have been asked: see unaccounted."""
    return iter(())


RULE = Rule(
    id="event_unaccounted",
    severity="warning",
    expected="no event that nothing else here accounts for",
    why="RasSstp has logged something of late that no other finding leads to. Where its cause is something that the rules look at, it is over, and this is an "
    "info; others, such as a URL that could not be reserved, show nowhere else.",
    sees=_nothing_by_itself,
    remedy="see that it does not come back",
    repair=repairs.look_at_log,
    repairable=False,
)
