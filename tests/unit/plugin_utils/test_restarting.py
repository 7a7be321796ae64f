# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many sessions a restart may end, and when it may come."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.changes import Plan
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.plan import Limits, Wanted, plan_restart, plan_rotation
from ansible_collections.rras.sstp.plugins.plugin_utils.restarting import (
    DAYS,
    Permission,
    ends_sessions,
    parse_window,
    permission_of,
    sessions_ended,
    why_put_off,
)
from ansible_collections.rras.sstp.plugins.plugin_utils.state import HostState
from certificate_factory import new, old
from host_factory import healthy
from hypothesis import example, given
from hypothesis import strategies as st
from state_strategies import host_states_of_every_mode, wanteds

# A Sunday, 13:00 by its own clock.
HOST = healthy()
RESTART = plan_restart(HOST, Limits())


def at(day: str, time: str) -> dt.datetime:
    hour, minute = time.split(":")
    # 2026-03-02 is a Monday.
    return dt.datetime(2026, 3, 2 + DAYS.index(day), int(hour), int(minute), 59)


def with_services(state: str) -> HostState:
    return replace(HOST, services=tuple(replace(service, state=state) for service in HOST.services))


# --- windows ---


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("22:00-05:00", [("Monday", "22:00"), ("Tuesday", "04:59"), ("Sunday", "23:59")], [("Monday", "21:59"), ("Monday", "05:00")]),
        ("sat,sun 00:00-24:00", [("Saturday", "00:00"), ("Sunday", "23:59")], [("Friday", "23:59"), ("Monday", "00:00")]),
        ("mon-fri 23:30-04:00", [("Monday", "23:30"), ("Saturday", "03:59")], [("Monday", "03:59"), ("Saturday", "23:30"), ("Tuesday", "04:00")]),
        ("sun 23:00-01:00", [("Sunday", "23:00"), ("Monday", "00:59")], [("Sunday", "00:30"), ("Monday", "23:30")]),
        ("fri-mon 12:00-13:00", [("Friday", "12:00"), ("Monday", "12:59")], [("Tuesday", "12:30"), ("Thursday", "12:30")]),
        ("Wednesday, FRI  01:00-02:00", [("Wednesday", "01:00"), ("Friday", "01:59")], [("Thursday", "01:30")]),
        ("22:00-00:00", [("Monday", "23:59")], [("Tuesday", "00:00")]),
    ],
)
def test_a_window_holds_when_it_says(text: str, inside: list[tuple[str, str]], outside: list[tuple[str, str]]) -> None:
    window = parse_window(text)
    assert [moment for moment in inside if not window.holds(at(*moment))] == []
    assert [moment for moment in outside if window.holds(at(*moment))] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "A window is written 22:00-05:00"),
        ("sat", "where days are listed with commas"),
        ("22:00", "A window is written 22:00-05:00"),
        ("22-5", "two digits each, but '22' in '22-5' does not"),
        ("22:00-5:00", "but '5:00' in"),
        ("22:00-05:60", "but '05:60' in"),
        ("22:00-24:01", "but '24:01' in"),
        ("25:00-26:00", "but '25:00' in"),
        ("22:00-05:00-06:00", "but '05:00-06:00' in"),
        ("٢٢:00-05:00", "two digits each"),
        ("05:00-05:00", "begins when it ends; for whole days write 00:00-24:00"),
        ("24:00-05:00", "begins at 24:00; write 00:00 of the day after"),
        ("montag 22:00-05:00", "are mon, tue, wed, thu, fri, sat and sun, but 'montag' in"),
        ("mon- 22:00-05:00", "but '' in"),
        ("mon,,tue 22:00-05:00", "but '' in"),
        ("mon-tue-wed 22:00-05:00", "but 'tue-wed' in"),
    ],
)
def test_a_wrong_window_is_refused_in_a_sentence(text: str, words: str) -> None:
    with pytest.raises(SstpError) as caught:
        parse_window(text)
    assert words in str(caught.value)


minutes = st.integers(0, 24 * 60 - 1)


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


@given(st.sets(st.sampled_from(DAYS), min_size=1), minutes, minutes, st.integers(0, 7 * 24 * 60 - 1))
@example({"Sunday"}, 23 * 60, 60, 30)
def test_a_window_holds_in_each_minute_that_it_counts(days: set[str], start: int, length: int, minute: int) -> None:
    """Held against a count of minutes from each beginning."""
    length += 1 if length == 0 else 0
    window = parse_window(f"{','.join(sorted(days))} {clock(start)}-{clock((start + length) % (24 * 60))}")
    held = {(DAYS.index(day) * 24 * 60 + start + number) % (7 * 24 * 60) for day in days for number in range(length)}
    assert window.holds(dt.datetime(2026, 3, 2) + dt.timedelta(minutes=minute)) == (minute in held)


@given(st.text(max_size=30) | st.from_regex(r"[a-z,\- ]{0,8}[0-9:]{0,6}-?[0-9:]{0,6}", fullmatch=True))
def test_any_text_is_a_window_or_refused(text: str) -> None:
    try:
        window = parse_window(text)
    except SstpError:
        return
    assert 0 <= window.start < window.end <= window.start + 24 * 60
    assert window.days


def test_options_are_read_before_any_host_is_asked() -> None:
    assert permission_of({"max_sessions": None, "window": None}) == Permission()
    assert permission_of({"max_sessions": 0, "window": []}) == Permission(0)
    assert permission_of({"max_sessions": 3, "window": ["22:00-05:00", "sun 00:00-24:00"]}).windows == (
        parse_window("22:00-05:00"),
        parse_window("sun 00:00-24:00"),
    )
    with pytest.raises(SstpError, match="max_sessions must be 0 or more, but -1 is not"):
        permission_of({"max_sessions": -1, "window": None})


# --- putting off ---


def test_more_sessions_than_that_put_a_restart_off() -> None:
    assert why_put_off(HOST, RESTART, Permission(12)) is None
    assert why_put_off(HOST, RESTART, Permission()) is None
    assert why_put_off(HOST, RESTART, Permission(11)) == (
        "The restart of RRAS was put off, so nothing was changed: 12 VPN sessions are connected, and max_sessions is 11."
    )
    assert "1 VPN session is connected, and max_sessions is 0" in str(why_put_off(replace(HOST, sessions=1), RESTART, Permission(0)))


def test_another_time_puts_a_restart_off() -> None:
    night, sunday = parse_window("22:00-05:00"), parse_window("sun 13:00-14:00")
    assert why_put_off(HOST, RESTART, Permission(None, (night, sunday))) is None
    assert why_put_off(HOST, RESTART, Permission(None, (night, parse_window("sun 12:00-13:00")))) == (
        "The restart of RRAS was put off, so nothing was changed: it is Sunday 13:00 on this server (UTC+01:00), "
        "outside of the window (22:00-05:00; sun 12:00-13:00)."
    )


@pytest.mark.parametrize(("offset", "words"), [(-570, "Sunday 02:30 on this server (UTC-09:30)"), (840, "Monday 02:00 on this server (UTC+14:00)")])
def test_the_time_is_that_of_the_server(offset: int, words: str) -> None:
    host = replace(HOST, host={**HOST.host, "utc_offset": offset})
    assert words in str(why_put_off(host, RESTART, Permission(None, (parse_window("sun 12:00-13:00"),))))


def test_both_reasons_are_said() -> None:
    sentence = str(why_put_off(HOST, RESTART, Permission(0, (parse_window("22:00-05:00"),))))
    assert "12 VPN sessions" in sentence
    assert "Sunday 13:00" in sentence


def test_sessions_that_cannot_be_counted_are_a_refusal_only_where_they_matter() -> None:
    unknown = replace(HOST, sessions=None, sessions_error={"function": "MprAdminConnectionEnumEx", "code": 1460, "message": "x"})
    with pytest.raises(SstpError) as caught:
        why_put_off(unknown, RESTART, Permission(5))
    assert "cannot be told (there was no answer in time [MprAdminConnectionEnumEx gave 1460]), and max_sessions is 5" in str(caught.value)
    assert why_put_off(unknown, RESTART, Permission()) is None
    assert why_put_off(unknown, Plan(), Permission(5)) is None
    assert sessions_ended(unknown, RESTART) is None


@pytest.mark.parametrize("service_state", ["running", "as_found"])
def test_rras_that_does_not_run_is_never_put_off(service_state: str) -> None:
    stopped = replace(with_services("stopped"), sessions=0)
    never = Permission(0, (parse_window("mon 00:00-00:01"),))
    plan = plan_rotation(stopped, Wanted(new().certificate, service_state=service_state))
    assert plan
    assert [why_put_off(stopped, each, never) for each in (plan, plan_restart(stopped, Limits()))] == [None, None]
    assert sessions_ended(stopped, plan) == 0


def test_nothing_to_do_is_never_put_off() -> None:
    plan = plan_rotation(HOST, Wanted(old().certificate))
    assert not plan
    assert why_put_off(HOST, plan, Permission(0, (parse_window("mon 00:00-00:01"),))) is None
    assert sessions_ended(HOST, plan) == 0


@given(host_states_of_every_mode(), wanteds)
def test_a_rotation_ends_sessions_just_where_rras_is_stopped(state: HostState, wanted: Wanted) -> None:
    """Against the words of the plan: the first services that are stopped in any case."""
    plan = plan_rotation(state, wanted)
    stopped = [step for step in plan.describe() if step.startswith("stop ") and not step.endswith("in that case")]
    assert ends_sessions(plan) == any("RemoteAccess" in step for step in stopped)
