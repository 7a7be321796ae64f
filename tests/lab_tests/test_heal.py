# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module heal over the back-end of a simulated host: two looks, causes that are allowed, and the notes that keep a host quiet."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import in_place  # noqa: F401
import pytest
from ansible_collections.rras.sstp.plugins.action import heal as heal_action
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.rules import RULES
from lab import judge, pki
from lab.agent import SSTPSVC, Record
from lab.sim.errors import Killed
from lab.sim.host import SimHost
from scenario_driver import Driver, rotate_action

AUTHORITY = pki.Authority()
OLD, NEW = (AUTHORITY.issue(["vpn.example.com"]) for _ in range(2))
# A whole second: the certificates are valid from yesterday on.
NOW = float(int(time.time()))
NOTES = r"SOFTWARE\rras.sstp\Healed"
HOUR = 3600
MISSING, STALE = "binding_missing", "registry_sha256_different"
BOTH = [MISSING, STALE]

Json = dict[str, Any]


def still() -> float:
    """A clock that stands still: time goes on by leaps alone."""
    return NOW


@pytest.fixture
def host() -> SimHost:
    """A server that works, with another certificate in its store."""
    host = SimHost("vpn01", clock=still)
    host.install(OLD)
    host.agent.import_pfx(NEW.pfx("x"), "x")
    assert judge.working(host.state()) == []
    return host


class Pause:
    """What stands in for the time between the two looks."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.meanwhile()


@pytest.fixture(autouse=True)
def pause(monkeypatch: pytest.MonkeyPatch) -> Pause:
    made = Pause()
    monkeypatch.setattr(heal_action, "time", SimpleNamespace(sleep=made.sleep))
    return made


def heal(host: SimHost, *, check_mode: bool = False, **options: Any) -> Json:
    return Driver(host.call, check_mode=check_mode).perform(heal_action, **{"rules": BOTH, **options})


def lose_record(host: SimHost) -> None:
    host.agent.delete_record("ip", "[::]:443")


def bring_record(host: SimHost) -> None:
    host.agent.set_record(Record("ip", "[::]:443", OLD.thumbprint))


def set_hash(host: SimHost, issued: pki.Issued) -> None:
    host.agent.set_value(SSTPSVC, "SHA256CertificateHash", bytes.fromhex(issued.sha256))


def notes(host: SimHost) -> Json | None:
    """What Windows has in the key, by name."""
    facts = host.call({"operation": "observe", "facets": ["product"]})["facts"]
    found = facts["product"]["healed"]
    return found and {name: value["data"] for name, value in found.items()}


def ids(findings: list[Json]) -> list[str]:
    return [finding["id"] for finding in findings]


def interrupt(host: SimHost) -> None:
    """A change that was broken off when it had brought another hash."""
    change = {"kind": "set_registry_value", "path": SSTPSVC, "name": "SHA256CertificateHash", "value_kind": "binary", "data": NEW.sha256}
    host.faults.plan("made", index=0)
    with pytest.raises(Killed):
        host.call({"operation": "apply", "changes": [change]})


# --- nothing to heal ---


def test_a_server_that_works_is_looked_at_once(host: SimHost, pause: Pause) -> None:
    result = heal(host)
    assert (result["due"], result["changed"], result["causes"], result["passed"], result["quiet"]) == (False, False, [], [], [])
    assert (result["at_hand"], result["record"], result["healed"]) == (None, None, {})
    assert result["sentence"] == "Nothing that may be healed is wrong."
    assert pause.seconds == []
    assert notes(host) is None


def test_only_what_is_allowed_is_healed(host: SimHost, pause: Pause) -> None:
    lose_record(host)
    result = heal(host, rules=[STALE])
    assert (result["due"], result["sentence"], pause.seconds, notes(host)) == (False, "Nothing that may be healed is wrong.", [], None)


def test_of_several_causes_the_allowed_ones_are_told(host: SimHost) -> None:
    lose_record(host)
    set_hash(host, NEW)
    assert ids(heal(host, rules=[STALE])["causes"]) == [STALE]
    assert list(notes(host) or {}) == [STALE]


# --- something to heal ---


def test_what_is_still_wrong_on_a_second_look_is_to_be_healed(host: SimHost, pause: Pause) -> None:
    lose_record(host)
    result = heal(host)
    assert (result["due"], result["changed"], ids(result["causes"]), result["passed"]) == (True, True, [MISSING], [])
    assert result["causes"][0]["subject"] == "[::]:443"
    assert result["at_hand"] == {"thumbprint": OLD.thumbprint.upper(), "why": "it is bound to 0.0.0.0:443"}
    assert result["sentence"].startswith("To be healed: binding_missing: [::]:443: expected an HTTP.SYS record, found none")
    assert MISSING in ids(result["record"]["findings"])
    assert pause.seconds == [30]


def test_the_host_itself_keeps_in_mind_that_it_is_healed(host: SimHost) -> None:
    lose_record(host)
    set_hash(host, NEW)
    result = heal(host)
    stamp = result["record"]["time"]
    assert notes(host) == dict.fromkeys(BOTH, stamp) == result["healed"]
    assert [host.agent.value(NOTES, rule) for rule in BOTH] == [stamp, stamp]
    assert (result["diff"]["before"], result["diff"]["after"]) == (dict.fromkeys(BOTH), dict.fromkeys(BOTH, stamp))


def test_nothing_but_the_note_is_changed(host: SimHost) -> None:
    lose_record(host)
    before = host.state()
    heal(host)
    assert {**host.state(), "product": None} == {**before, "product": None}


@pytest.mark.parametrize(("given", "waited"), [(0, []), (1, [1]), (300, [300])])
def test_the_time_between_the_looks_is_the_users(host: SimHost, pause: Pause, given: int, waited: list[int]) -> None:
    lose_record(host)
    assert heal(host, second_look=given)["due"] is True
    assert pause.seconds == waited


def test_one_cause_at_two_places_is_noted_once(host: SimHost) -> None:
    lose_record(host)
    host.agent.delete_record("ip", "0.0.0.0:443")
    result = heal(host)
    assert [(cause["id"], cause["subject"]) for cause in result["causes"]] == [(MISSING, "0.0.0.0:443"), (MISSING, "[::]:443")]
    assert result["at_hand"] == {"thumbprint": OLD.thumbprint.upper(), "why": "SstpSvc has its hash"}
    assert list(notes(host) or {}) == [MISSING]


def test_the_rotation_that_follows_heals(host: SimHost) -> None:
    lose_record(host)
    thumbprint = heal(host)["at_hand"]["thumbprint"]
    Driver(host.call).perform(rotate_action, thumbprint=thumbprint)
    assert judge.working(host.state()) == []
    assert list(notes(host) or {}) == [MISSING]
    assert heal(host)["sentence"] == "Nothing that may be healed is wrong."


# --- what has changed between the looks ---


def test_what_is_over_on_a_second_look_is_not_healed(host: SimHost, pause: Pause) -> None:
    lose_record(host)
    pause.meanwhile = lambda: bring_record(host)
    result = heal(host)
    assert (result["due"], result["changed"], result["causes"], ids(result["passed"])) == (False, False, [], [MISSING])
    assert result["sentence"] == "What was wrong is over on a second look."
    assert (result["at_hand"], result["record"]) == (None, None)
    assert notes(host) is None


def test_what_is_over_of_several_is_told_apart(host: SimHost, pause: Pause) -> None:
    lose_record(host)
    set_hash(host, NEW)
    pause.meanwhile = lambda: bring_record(host)
    result = heal(host)
    assert (result["due"], ids(result["causes"]), ids(result["passed"])) == (True, [STALE], [MISSING])
    assert list(notes(host) or {}) == [STALE]


def test_what_has_just_broken_is_left_for_the_next_time(host: SimHost, pause: Pause) -> None:
    """Nobody has looked at it twice."""

    def another_fault() -> None:
        bring_record(host)
        set_hash(host, NEW)

    lose_record(host)
    pause.meanwhile = another_fault
    result = heal(host)
    assert (result["due"], result["causes"], ids(result["passed"])) == (False, [], [MISSING])
    pause.meanwhile = lambda: None
    assert ids(heal(host)["causes"]) == [STALE]


def test_the_same_rule_at_another_place_is_another_cause(host: SimHost, pause: Pause) -> None:
    def other_family() -> None:
        bring_record(host)
        host.agent.delete_record("ip", "0.0.0.0:443")

    lose_record(host)
    pause.meanwhile = other_family
    result = heal(host)
    assert (result["due"], [cause["subject"] for cause in result["passed"]]) == (False, ["[::]:443"])


def test_what_breaks_as_well_is_in_the_record_and_no_cause(host: SimHost, pause: Pause) -> None:
    lose_record(host)
    pause.meanwhile = lambda: set_hash(host, NEW)
    result = heal(host)
    assert ids(result["causes"]) == [MISSING]
    assert {MISSING, STALE} <= set(ids(result["record"]["findings"]))
    assert list(notes(host) or {}) == [MISSING]


# --- quiet ---


def test_a_host_that_was_healed_lately_is_left_alone(host: SimHost, pause: Pause) -> None:
    lose_record(host)
    heal(host)
    pause.seconds.clear()
    result = heal(host)
    (quiet,) = result["quiet"]
    assert (result["due"], result["changed"], result["causes"], quiet["rule"]) == (False, False, [], MISSING)
    assert result["sentence"] == f"Left alone: binding_missing was healed lately, so not before {quiet['until']}."
    assert pause.seconds == []


def test_the_quiet_time_ends(host: SimHost) -> None:
    lose_record(host)
    first = heal(host)["healed"][MISSING]
    host.pass_time(6 * HOUR - 60)
    assert heal(host)["due"] is False
    host.pass_time(120)
    second = heal(host)
    assert second["due"] is True
    assert second["healed"][MISSING] > first


def test_the_quiet_time_is_the_users(host: SimHost) -> None:
    lose_record(host)
    heal(host)
    host.pass_time(2 * HOUR)
    assert heal(host, quiet_hours=3)["due"] is False
    assert heal(host, quiet_hours=1)["due"] is True
    assert heal(host, quiet_hours=0)["due"] is True


def test_another_cause_is_not_quiet(host: SimHost) -> None:
    lose_record(host)
    heal(host)
    set_hash(host, NEW)
    result = heal(host)
    assert (result["due"], ids(result["causes"]), [item["rule"] for item in result["quiet"]]) == (True, [STALE], [MISSING])
    assert set(notes(host) or {}) == set(BOTH)


@pytest.mark.parametrize("text", ["yesterday", "", "9999-12-31T23:59:59Z"])
def test_a_note_that_makes_no_sense_is_replaced(host: SimHost, text: str) -> None:
    host.agent.set_value(NOTES, MISSING, text)
    lose_record(host)
    assert heal(host)["due"] is True
    assert heal(host)["due"] is False


def test_the_note_survives_a_restart_of_the_host(host: SimHost) -> None:
    lose_record(host)
    heal(host)
    host.reboot()
    host.pass_time(60)
    assert [item["rule"] for item in heal(host)["quiet"]] == [MISSING]


# --- forget ---


def test_a_note_can_be_taken_back(host: SimHost, pause: Pause) -> None:
    lose_record(host)
    heal(host)
    pause.seconds.clear()
    result = heal(host, rules=[MISSING], forget=True)
    assert (result["changed"], result["due"], result["healed"], result["sentence"]) == (True, False, {}, "Not healed after all.")
    assert (notes(host) or {}, pause.seconds) == ({}, [])
    assert heal(host)["due"] is True


def test_only_the_notes_that_are_named_are_taken_back(host: SimHost) -> None:
    lose_record(host)
    set_hash(host, NEW)
    heal(host)
    assert list(heal(host, rules=[STALE], forget=True)["healed"]) == [MISSING]
    assert list(notes(host) or {}) == [MISSING]


def test_where_nothing_is_noted_nothing_is_taken_back(host: SimHost) -> None:
    result = heal(host, forget=True)
    assert (result["changed"], result["healed"], notes(host)) == (False, {}, None)


# --- check mode ---


def test_check_mode_says_the_same_and_notes_nothing(host: SimHost) -> None:
    lose_record(host)
    before = host.state()
    predicted = heal(host, check_mode=True)
    assert host.state() == before
    assert notes(host) is None
    real = heal(host)
    assert (predicted["due"], predicted["changed"]) == (True, True)
    for name in ("due", "changed", "causes", "at_hand", "diff", "healed", "sentence"):
        assert predicted[name] == real[name], name


def test_check_mode_takes_nothing_back(host: SimHost) -> None:
    lose_record(host)
    heal(host)
    result = heal(host, forget=True, check_mode=True)
    assert (result["changed"], result["healed"]) == (True, {})
    assert list(notes(host) or {}) == [MISSING]


# --- refused ---


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({"rules": ["binding_mising"]}, "did you mean binding_missing?", id="no such rule"),
        pytest.param({"rules": [MISSING, "certificate_expired"]}, "Option rules names certificate_expired, which no rotation heals: ", id="not healed"),
        pytest.param({"quiet_hours": -1}, "quiet_hours", id="quiet hours below 0"),
        pytest.param({"second_look": -1}, "second_look", id="second look below 0"),
        pytest.param({"port": 0}, "port", id="no port"),
    ],
)
def test_options_that_cannot_be_meant_are_refused_before_the_host_is_asked(options: Json, words: str) -> None:
    def nobody(_options: Json) -> Json:
        raise AssertionError("the host was asked")

    with pytest.raises(SstpError) as caught:
        Driver(nobody).perform(heal_action, **{"rules": BOTH, **options})
    assert words in str(caught.value)


@pytest.mark.parametrize("rule", [rule.id for rule in RULES if rule.repairable])
def test_every_rule_that_a_rotation_heals_is_allowed(host: SimHost, rule: str) -> None:
    assert heal(host, rules=[rule])["sentence"] == "Nothing that may be healed is wrong."


# --- an interrupted change ---


def test_a_change_that_was_broken_off_is_to_be_healed(host: SimHost) -> None:
    """It is taken back first, as nothing, and so no note, is changed on top of it."""
    before = host.state()
    interrupt(host)
    result = heal(host, rules=["rotation_interrupted", STALE])
    assert (result["due"], sorted(ids(result["causes"]))) == (True, [STALE, "rotation_interrupted"])
    assert result["at_hand"]["thumbprint"] == OLD.thumbprint.upper()
    assert sorted(notes(host) or {}) == [STALE, "rotation_interrupted"]
    assert {**host.state(), "product": None} == {**before, "product": None}
    Driver(host.call).perform(rotate_action, thumbprint=OLD.thumbprint)
    assert judge.working(host.state()) == []


def test_in_check_mode_a_change_that_was_broken_off_stays(host: SimHost) -> None:
    interrupt(host)
    before = host.state()
    assert heal(host, rules=["rotation_interrupted"], check_mode=True)["due"] is True
    assert host.state() == before
