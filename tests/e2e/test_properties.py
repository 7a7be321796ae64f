# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The promises of tests/lab_tests/test_properties.py with real playbooks, on ten simulated hosts in generated states.

The states are the same in every run; a failing test prints its own as a scenario.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab.fleet import Fleet, Member
from running import Controller, Run

sys.path.append(str(Path(__file__).resolve().parents[1] / "lab_tests"))

from host_states import Example, fixed
from promises import Rotated, State, asks_to_rest, check_end, complaints
from scenario_driver import Result

HOSTS = [f"generated{number:02}" for number in range(10)]
# Retiring what earlier rotations have replaced is not the rotation.
NO_RETIREMENT = {"sstp_certificate_grace_days": 1_000_000}


@dataclass(frozen=True)
class Told:
    """One host: its raw states, and the runs, which are those of the whole fleet."""

    name: str
    example: Example
    states: dict[str, State]
    runs: dict[str, Run]

    def rotated(self, run: str, before: str) -> Rotated:
        return Rotated(self.example.scenario, self.states[before], result_of(self.runs[run], self.name), self.states[run])


def result_of(run: Run, host: str) -> Result:
    """What the playbook says of one host; it does not tell a refusal from a failure."""
    words = " | ".join(run.failures_of(host))
    brought = [result["changed"] for result in run.of("certificate", host) if not result.get("failed")]
    switch = (run.of("rotate", host) or [{}])[-1]
    # The second change of certificates is that of the rescue, which takes away what was brought.
    kept = brought[:1] == [True] and brought[1:] != [True]
    changed = kept or bool(switch.get("changed"))
    kind = "failed" if words else "working" if changed else "unchanged"
    return Result(kind, words, changed, kept, tuple(switch.get("plan", ())), facts=switch)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, collections: Path) -> dict[str, Told]:
    """The fleet is looked at, rotated as far as --check, really, and once more, and looked at again."""
    controller = Controller(tmp_path_factory.mktemp("generated"), collections)
    examples = dict(zip(HOSTS, fixed(len(HOSTS), 1), strict=True))
    with Fleet([Member(name, example.without_faults()) for name, example in examples.items()]) as fleet:
        for name, example in examples.items():
            example.go_on(fleet.hosts[name], fleet.issued[name])
        controller.inventory.write_text(fleet.write(controller.folder).read_text())
        states, runs = {"found": looked_at(fleet)}, {}
        for step, arguments in {"check": ["--check"], "rotation": [], "repetition": []}.items():
            runs[step] = controller.playbook("rras.sstp.rotate", "--forks", "10", *arguments, variables=NO_RETIREMENT)
            states[step] = looked_at(fleet)
        runs["audit"] = controller.playbook("rras.sstp.audit", "--forks", "10", "-e", "fail_on=never")
    return {name: Told(name, examples[name], {step: all_of[name] for step, all_of in states.items()}, runs) for name in HOSTS}


def looked_at(fleet: Fleet) -> dict[str, State]:
    return {name: host.state() for name, host in fleet.hosts.items()}


pytestmark = pytest.mark.xdist_group("generated")


@pytest.mark.parametrize("name", HOSTS)
def test_a_rotation_ends_well_or_leaves_all_as_it_was(told: dict[str, Told], name: str) -> None:
    print(told[name].example)
    check_end(told[name].rotated("rotation", "check"))


@pytest.mark.parametrize("name", HOSTS)
def test_a_second_rotation_changes_nothing(told: dict[str, Told], name: str) -> None:
    print(told[name].example)
    if told[name].rotated("rotation", "check").went_through:
        second = told[name].rotated("repetition", "rotation")
        assert second.result.kind == "unchanged"
        assert second.after == second.before


@pytest.mark.parametrize("name", HOSTS)
def test_findings_and_check_mode_agree(told: dict[str, Told], name: str) -> None:
    print(told[name].example)
    checked, runs = told[name].rotated("check", "found"), told[name].runs
    assert checked.after == checked.before
    if checked.went_through and not asks_to_rest(checked.scenario):
        assert checked.result.changed == runs["check"].of("audit", name)[0]["repairable"]
    if checked.went_through and told[name].rotated("rotation", "check").went_through:
        assert runs["check"].changed_on(name) == runs["rotation"].changed_on(name)


@pytest.mark.parametrize("name", HOSTS)
def test_nothing_is_left_to_repair(told: dict[str, Told], name: str) -> None:
    print(told[name].example)
    if told[name].rotated("rotation", "check").went_through and not complaints(told[name].states["repetition"]):
        (audit,) = told[name].runs["audit"].of("audit", name)
        assert audit["repairable"] is False, audit["findings"]
