# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events of RasSstp from end to end in one process: raised by a simulated host, read by the back-end, told by the actions."""

from __future__ import annotations

import datetime as dt
import time
from types import SimpleNamespace
from typing import Any

import in_place  # noqa: F401
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.state import LoggedEvent, read_events
from ansible_collections.rras.sstp.plugins.plugin_utils.windows import Backend
from lab import judge, pki
from lab.agent import SSTPSVC, Record
from lab.sim.host import SimHost
from scenario_driver import restore_action, rotate_action

AUTHORITY = pki.Authority()
OLD, NEW = (AUTHORITY.issue(["vpn.example.com"]) for _ in range(2))
# A whole second: the certificates are valid from yesterday on.
NOW = float(int(time.time()))


def still() -> float:
    """A clock that stands still: time goes on by leaps alone."""
    return NOW


def at(seconds: float) -> str:
    """So long after the clock was stopped."""
    return dt.datetime.fromtimestamp(NOW + seconds, dt.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.fixture
def host() -> SimHost:
    """A server that works, after a start without any record."""
    host = SimHost("vpn01", clock=still)
    host.agent.start("RemoteAccess")
    host.pass_time(0.5)
    host.install(OLD, start=False)
    host.restart()
    host.agent.import_pfx(NEW.pfx("x"), "x")
    return host


def observe(host: SimHost, **options: Any) -> dict[str, Any]:
    facets = {"facets": ["events"], **options}
    facts: dict[str, Any] = host.call({"operation": "observe", **facets})["facts"]
    return facts


def events(host: SimHost, **options: Any) -> tuple[LoggedEvent, ...]:
    found, error = read_events(observe(host, **options)["events"])
    assert error is None
    return found


class Recorder:
    """A back-end in front of one host that keeps its answers."""

    def __init__(self, host: SimHost) -> None:
        self.answers: list[dict[str, Any]] = []
        self.options: list[dict[str, Any]] = []
        self._host = host

    def __call__(self, options: dict[str, Any]) -> dict[str, Any]:
        self.options.append(options)
        self.answers.append(self._host.call(options))
        return self.answers[-1]


def perform(module: Any, backend: Recorder, **given: Any) -> dict[str, Any]:
    action = object.__new__(module.ActionModule)
    action._task = SimpleNamespace(check_mode=False)
    args = {name: given.get(name, spec.get("default")) for name, spec in module.ARGUMENT_SPEC.items()}
    result: dict[str, Any] = action.perform(args, Backend(backend))
    return result


# --- the facet --------------------------------------------------------------------------------------------------------


def test_events_are_read_only_when_asked_for(host: SimHost) -> None:
    assert "events" not in host.call({"operation": "observe"})["facts"]


def test_the_newest_event_comes_first_with_id_level_time_and_data(host: SimHost) -> None:
    host.agent.set_value(SSTPSVC, "SHA1CertificateHash", b"x" * 21)
    host.pass_time(1.5)
    host.restart()
    newest, oldest = events(host)
    assert (newest.id, newest.level, newest.data) == (19, 2, ("SHA-1 hash invalid",))
    assert (oldest.id, oldest.data) == (21, ("0x80070002",))
    assert newest.time == host.machine.sstp.events[-1].time
    assert newest.time - oldest.time >= dt.timedelta(seconds=2)


@pytest.mark.parametrize(
    ("since", "found"),
    [(None, [21]), (at(-1), [21]), (at(0), [21]), (at(0).replace(".000", ""), [21]), (at(0.001), []), (at(1), [])],
    ids=["whenever", "before", "right then", "in whole seconds", "just after", "after"],
)
def test_since_a_time(host: SimHost, since: str | None, found: list[int]) -> None:
    assert [event.id for event in events(host, events_since=since)] == found


def test_a_time_that_is_none_is_an_error_of_the_facet(host: SimHost) -> None:
    facet = observe(host, events_since="yesterday")["events"]
    assert facet["records"] == []
    assert (facet["error"]["code"], "yesterday" in facet["error"]["message"]) == (None, True)


def test_no_more_than_64_of_the_newest(host: SimHost) -> None:
    host.agent.set_value(SSTPSVC, "SHA1CertificateHash", b"x" * 21)
    for _ in range(65):
        host.restart()
    assert [event.id for event in events(host)] == [19] * 64


@pytest.mark.parametrize(("code", "told"), [(5, 5), (1722, None)])
def test_a_log_that_cannot_be_read_does_not_fail_the_observation(host: SimHost, code: int, told: int | None) -> None:
    host.agent.fault("EvtQuery", code, times=0)
    result = host.call({"operation": "observe", "facets": ["host", "events"]})
    assert "failed" not in result
    assert result["facts"]["host"]["name"] == "VPN01"
    assert result["facts"]["events"]["records"] == []
    error = result["facts"]["events"]["error"]
    assert (error["function"], error["code"]) == (None, told)


def test_events_are_no_part_of_the_state_id(host: SimHost) -> None:
    plain = host.call({"operation": "observe"})["state_id"]
    all_of_it = ["host", "http", "product", "served", "services", "sstp", "stores"]
    assert host.call({"operation": "observe", "facets": [*all_of_it, "events"]})["state_id"] == plain


# --- evidence ---------------------------------------------------------------------------------------------------------


def test_a_clean_rotation_has_no_events_of_before(host: SimHost) -> None:
    backend = Recorder(host)
    evidence = perform(rotate_action, backend, thumbprint=NEW.thumbprint)["evidence"]
    assert judge.working(host.state()) == []
    assert [options["operation"] for options in backend.options] == ["observe", "apply"], "no further call for the events"
    assert (evidence["events"], evidence["events_error"]) == ([], None)


def test_a_rotation_tells_the_events_of_the_last_start_alone(host: SimHost) -> None:
    # The service is so late that the transaction writes the hashes itself and starts once more: index 5, then index 10.
    host.agent.switch("HashDelay", 60_000)
    bound = Record("ip", "[::]:443", NEW.thumbprint)

    def before_the_first_start() -> None:
        host.agent.set_record(Record("ip", "[::]:443", OLD.thumbprint), update=True)

    def before_the_second_start() -> None:
        host.agent.set_record(bound, update=True)
        host.agent.set_value(SSTPSVC, "SHA1CertificateHash", b"x" * 21)

    host.faults.plan("before", before_the_first_start, index=5)
    host.faults.plan("before", before_the_second_start, index=10)
    backend = Recorder(host)
    evidence = perform(rotate_action, backend, thumbprint=NEW.thumbprint, settle_timeout=2)["evidence"]

    assert [text.split()[0] for text in host.state()["events"]] == ["21", "24", "19"]
    read, _ = read_events(backend.answers[-1]["facts"]["events"])
    assert [event.id for event in read] == [19, 24, 21], "all since the second of the observation"
    assert [(event["id"], event["level"], event["data"]) for event in evidence["events"]] == [(19, 2, ["SHA-1 hash invalid"])]
    starts = [step for step in evidence["steps"] if step["kind"] == "services" and step["changed"]]
    assert [step["time"] for step in starts] == sorted(step["time"] for step in starts)
    assert evidence["events"][0]["time"] >= starts[-1]["time"] > starts[1]["time"]


def test_what_was_raised_in_the_second_of_the_observation_but_before_the_start_is_not_told(host: SimHost) -> None:
    host.agent.set_value(SSTPSVC, "SHA1CertificateHash", b"x" * 21)
    host.restart()
    backend = Recorder(host)
    host.faults.plan("before", lambda: host.pass_time(0.25), index=0)
    evidence = perform(rotate_action, backend, thumbprint=NEW.thumbprint)["evidence"]
    assert [event.id for event in read_events(backend.answers[-1]["facts"]["events"])[0]][:1] == [19]
    assert evidence["events"] == []


def test_a_rotation_goes_on_without_the_log(host: SimHost) -> None:
    host.agent.fault("EvtQuery", 5, times=0)
    result = perform(rotate_action, Recorder(host), thumbprint=NEW.thumbprint)
    assert judge.working(host.state()) == []
    assert result["evidence"]["events"] == []
    assert result["evidence"]["events_error"].startswith("The events could not be read: access is denied")


def test_a_restoration_tells_events_as_well(host: SimHost) -> None:
    snapshot = perform(rotate_action, Recorder(host), thumbprint=NEW.thumbprint)["snapshot"]
    host.faults.plan("made", lambda: host.agent.set_value(SSTPSVC, "SHA1CertificateHash", b"x" * 21), index=4)
    evidence = perform(restore_action, Recorder(host), snapshot=snapshot)["evidence"]
    assert [event["id"] for event in evidence["events"]] == [19]
    assert all(at(0) <= step["time"] <= evidence["events"][0]["time"] for step in evidence["steps"][:5])
