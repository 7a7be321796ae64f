# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the driver of the scenarios calls the product's actions: with what the scenario says, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import scenario_driver
from lab.pki import Authority
from lab.scenario import Scenario, issue, load
from lab.scenario_file import Rotation
from scenario_driver import Driver

AUTHORITY = Authority()
NEW_OPTIONS = {"mode": "administrator", "writer": "direct", "shared_records": True, "port": 4443, "listener_port": 443}
PREFLIGHT = {"thumbprint": "x", "refusal": None, "staged": True, "plan": ["x"]}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """The options that differ from the default of each action which is called; the actions are not the product's."""
    found: list[tuple[str, dict[str, Any]]] = []
    options = ("pfx", "pfx_password", "thumbprint", "take_over", "service_timeout", "sha256", *NEW_OPTIONS)

    def action(name: str, answer: dict[str, Any], without: tuple[str, ...] = ()) -> ModuleType:
        def attempt(_self: object, args: dict[str, Any], _backend: object) -> dict[str, Any]:
            found.append((name, {option: value for option, value in args.items() if value != "the default"}))
            return answer

        spec = {option: {"default": "the default"} for option in options if option not in without}
        module: Any = SimpleNamespace(__name__=f"action.{name}", ActionModule=type("ActionModule", (), {"attempt": attempt}), ARGUMENT_SPEC=spec)
        return module  # type: ignore[no-any-return]

    audit = {"candidate": PREFLIGHT, "server": {"certificates": []}}
    monkeypatch.setattr(scenario_driver, "audit_action", action("audit", audit, ("service_timeout",)))
    monkeypatch.setattr(scenario_driver, "rotate_action", action("rotate", {"plan": ["x"], "changed": True}, ("writer",)))
    return found


def rotated(**words: Any) -> Scenario:
    wanted = replace(load("healthy"), rotation=Rotation(**words))
    Driver(lambda _options: {}).rotate(wanted, issue(wanted, AUTHORITY))
    return wanted


def test_options_that_are_not_given_are_not_passed(calls: list[tuple[str, dict[str, Any]]]) -> None:
    rotated()
    assert [(name, set(options)) for name, options in calls] == [("audit", {"pfx", "pfx_password"}), ("rotate", {"pfx", "pfx_password"})]


def test_both_actions_are_told_of_the_mode_and_rotate_alone_of_its_times(calls: list[tuple[str, dict[str, Any]]]) -> None:
    options = {name: value for name, value in NEW_OPTIONS.items() if name != "writer"}
    rotated(by="thumbprint", options={**options, "service_timeout": 9})
    (_, audited), (_, switched) = calls
    assert audited == {"thumbprint": audited["thumbprint"], **options}
    assert switched == {**audited, "service_timeout": 9}


def test_the_hash_of_the_balancer_stands_for_a_candidate(calls: list[tuple[str, dict[str, Any]]]) -> None:
    wanted = replace(load("healthy"), rotation=Rotation(options={"mode": "offload"}, balancer="new"))
    issued = issue(wanted, AUTHORITY)
    result = Driver(lambda _options: {}).rotate(wanted, issued)
    options = {"mode": "offload", "sha256": issued["new"].sha256}
    assert (calls, result.kind, result.plan) == ([("audit", options), ("rotate", options)], "working", ("x",))


def test_an_option_that_an_action_does_not_know_is_not_lost_in_silence(calls: list[tuple[str, dict[str, Any]]]) -> None:
    with pytest.raises(TypeError, match="^rotate has no option writer$"):
        rotated(options={"writer": "direct"})
