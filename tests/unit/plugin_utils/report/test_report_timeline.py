# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The geometry of the timeline: every host is in it once, at its place, however many there are."""

from __future__ import annotations

import datetime as dt

import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.report.document import Expiry
from ansible_collections.rras.sstp.plugins.plugin_utils.report.timeline import MOST_LINES, WIDTH, Timeline, days_in_words, timeline, urgency
from audited_fleet import NOW
from hypothesis import given
from hypothesis import strategies as st

DAYS = st.integers(min_value=-3000, max_value=2_900_000)


def expiry(number: int, days: int) -> Expiry:
    return Expiry(f"vpn{number:04}", "CN=x", NOW + dt.timedelta(days=days, hours=1), days)


def drawn(days: list[int]) -> Timeline:
    found = timeline([expiry(number, day) for number, day in enumerate(days)], NOW)
    assert found is not None
    return found


def test_nothing_to_draw() -> None:
    assert timeline([], NOW) is None


@given(st.lists(DAYS, min_size=1, max_size=MOST_LINES))
def test_a_line_to_each_host_of_a_small_fleet(days: list[int]) -> None:
    found = drawn(days)
    assert sorted(line.expiry.days_left for line in found.lines) == sorted(days)
    assert found.columns == ()
    for line in found.lines:
        assert 0 <= line.left <= line.right <= WIDTH
        assert (line.right <= found.today) if line.expiry.days_left < 0 else (line.left >= found.today)
        assert line.y + 28 <= found.base < found.height
    rights = [line.right for line in found.lines]
    assert rights == sorted(rights)
    assert all(0 <= tick.x <= WIDTH for tick in found.ticks)
    assert len(found.ticks) < 20


@given(st.lists(DAYS, min_size=MOST_LINES + 1, max_size=200))
def test_each_host_of_a_large_fleet_is_in_one_column(days: list[int]) -> None:
    found = drawn(days)
    assert found.lines == ()
    assert sorted(host for column in found.columns for host in column.hosts) == sorted(f"vpn{number:04}" for number in range(len(days)))
    assert 2 <= len(found.columns) <= 29
    assert found.columns[0].text == "expired"
    assert len(found.columns[0].hosts) == sum(day < 0 for day in days)
    for column in found.columns:
        assert 0 <= column.x < column.x + column.width <= WIDTH
        assert 0 <= column.y <= found.base
        assert round(column.y + column.height) == found.base
    for one, other in zip(found.columns, found.columns[1:], strict=False):
        assert one.until == other.since


@pytest.mark.parametrize(("last", "text"), [(100, "Nov 25"), (700, "Nov 2026"), (2000, "Q4 2026"), (9000, "2026")])
def test_spans_are_of_a_length_that_the_fleet_needs(last: int, text: str) -> None:
    assert drawn([last * number // 99 for number in range(100)]).columns[1].text == text


def test_one_far_end_does_not_squeeze_the_others() -> None:
    found = drawn([*range(1, 100), 27000])
    assert (found.columns[-1].text, found.columns[-1].hosts) == ("later", ("vpn0099",))
    assert len([column for column in found.columns if column.hosts]) > 10


def test_words() -> None:
    assert drawn([-3, 5, 90]).words == (
        "Certificates of 3 hosts by the end of their validity: 1 expired, 1 within 30 days, 1 later. The first is that of vpn0000, 2026-11-22."
    )
    assert [days_in_words(days) for days in (-1, 0, 1, 37)] == ["expired 1 day ago", "0 days left", "1 day left", "37 days left"]
    assert [urgency(days) for days in (-1, 0, 30, 31)] == ["expired", "soon", "soon", "later"]
    assert drawn(list(range(40))).columns[1].named.endswith(" more") is False
    assert drawn([5] * 40).columns[1].named.endswith("vpn0007 and 32 more")
