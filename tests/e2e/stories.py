# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenarios from end to end: hosts in their states are audited, and rotated as far as --check, really, and once more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lab import judge
from lab.fleet import Fleet, Member, Start, simulated
from lab.raw_state import as_found, whole
from lab.scenario import Scenario, differences, hashes_of, judged_by, load, raised
from running import Controller, Run

State = dict[str, Any]


@dataclass(frozen=True)
class Story:
    """What happened to one host: its raw states, and the runs, which are those of the whole fleet."""

    scenario: Scenario
    hashes: dict[str, tuple[str, str]]
    found: State
    checked: State
    rotated: State
    again: State
    audit: Run
    check: Run
    rotation: Run
    repetition: Run


def tell(controller: Controller, names: Sequence[str], start: Start = simulated) -> dict[str, Story]:
    """Put hosts into the states of these scenarios, run the playbooks over all of them, and tell what happened to each."""
    with Fleet([Member(name, load(name)) for name in names], start=start) as fleet:
        controller.inventory.write_text(fleet.write(controller.folder).read_text())
        # What a scenario calls its findings are those of an audit that knows neither a candidate nor a balancer.
        found, audit = _states(fleet), _play(controller, "audit", "-e", "fail_on=never", "-e", "sstp_certificate_balancer=")
        check, checked = _play(controller, "rotate", "--check", "--diff"), _states(fleet)
        rotation, rotated = _play(controller, "rotate", "--diff"), _states(fleet)
        repetition, again = _play(controller, "rotate"), _states(fleet)
        return {
            member.name: Story(
                member.scenario, hashes_of(fleet.issued[member.name], fleet.authority),
                *(states[member.name] for states in (found, checked, rotated, again)), audit, check, rotation, repetition,
            )
            for member in fleet.members
        }  # fmt: skip


def _play(controller: Controller, playbook: str, *arguments: str) -> Run:
    return controller.playbook(f"rras.sstp.{playbook}", "--forks", "10", *arguments)


def _states(fleet: Fleet) -> dict[str, State]:
    return {name: host.state() for name, host in fleet.hosts.items()}


def check(story: Story) -> None:
    """The story went as its scenario says."""
    name, wanted = story.scenario.name, story.scenario
    told = judged_by(wanted, story.hashes)
    assert (judge.working(story.found, **told) == []) is wanted.works
    _check_audit(story, name)
    assert whole(story.checked) == whole(story.found), "--check has changed something"
    _check_rotation(story, name)
    if wanted.after is not None:
        assert differences(wanted.after, story.rotated, story.hashes) == []


def _check_audit(story: Story, name: str) -> None:
    if story.scenario.unreadable:
        assert any(story.scenario.unreadable in text for text in story.audit.failures_of(name))
    else:
        (audit,) = story.audit.of("audit", name)
        assert sorted(item["id"] for item in audit["findings"]) == sorted(story.scenario.findings)


def _stores(state: State) -> State:
    """What an import shows in."""
    return {name: state[name] for name in ("certificates", "containers")}


def _check_rotation(story: Story, name: str) -> None:
    wanted = story.scenario.rotate
    words = story.rotation.failures_of(name)
    before, after = whole(story.found), whole(story.rotated)
    if wanted.kind in ("refused", "failed"):
        assert any(wanted.words in text for text in words), words
        if wanted.kind == "refused":
            assert story.check.failures_of(name) == words
            assert after == before
        elif story.scenario.after is None:
            assert as_found(after) == as_found(before)
        return
    assert words == []
    assert raised(story.rotated, story.found) == []
    assert story.rotation.changed_on(name) == story.check.changed_on(name)
    if wanted.kind == "unchanged":
        assert after == before
        return
    if wanted.kind == "put off":
        (switch,) = story.rotation.of("rotate", name)
        assert wanted.words in switch["deferred"]
        assert {**as_found(after), **_stores(before)} == {**as_found(before), **_stores(before)}
        assert (story.repetition.failures_of(name), story.repetition.changed_on(name)) == ([], [])
        assert whole(story.again) == after
        return
    reasons = judge.working(story.rotated, **judged_by(story.scenario, story.hashes))
    assert any(wanted.words in reason for reason in reasons) if wanted.kind == "not working" else reasons == []
    assert story.rotation.changed_on(name) != []
    assert (story.repetition.failures_of(name), story.repetition.changed_on(name)) == ([], [])
    assert whole(story.again) == after
