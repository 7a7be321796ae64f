# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many targets at the same time, without a server: what each probe gives is scripted."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp import parallel
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.client import Depth
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.driver import Outcome, Target
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.events import Stage
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.mschapv2 import Credentials
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.parallel import MOST_WORKERS, WORKERS, probe_all
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.verdict import Code, Verdict

PATIENCE = 20.0


def targets(count: int) -> list[Target]:
    return [Target(f"vpn{number}.example.com") for number in range(count)]


def outcome(target: Target) -> Outcome:
    return Outcome(Verdict(Code.OK, Stage.SSTP, target.host))


@pytest.fixture
def script(monkeypatch):
    """Lets this function stand for a probe."""
    return lambda probe: monkeypatch.setattr(parallel, "probe", probe)


@pytest.mark.parametrize("workers", [1, 3, WORKERS])
def test_results_keep_the_order_of_the_targets(script, workers):
    script(outcome)
    told = []
    found = probe_all(targets(50), workers, lambda target, result: told.append((target, result)))
    assert [target for target, _ in found] == targets(50)
    assert [result.verdict.sentence for _, result in found] == [target.host for target in targets(50)]
    assert sorted(target.host for target, _ in told) == sorted(target.host for target in targets(50))


def test_each_is_told_when_it_ends_not_when_its_turn_comes(script):
    last_is_told = threading.Event()

    def probe(target: Target) -> Outcome:
        assert target != targets(3)[0] or last_is_told.wait(PATIENCE)
        return outcome(target)

    def ended(target: Target, result: object) -> None:
        told.append(target)
        if target == targets(3)[2]:
            last_is_told.set()

    told: list[Target] = []
    script(probe)
    found = probe_all(targets(3), 2, ended)
    assert told == [targets(3)[1], targets(3)[2], targets(3)[0]]
    assert [target for target, _ in found] == targets(3)


def test_as_many_as_there_are_workers_run_at_the_same_time(script):
    together, lock, at_work, most = threading.Barrier(4), threading.Lock(), [], []

    def probe(target: Target) -> Outcome:
        with lock:
            at_work.append(target)
            most.append(len(at_work))
        together.wait(PATIENCE)
        with lock:
            at_work.remove(target)
        return outcome(target)

    script(probe)
    probe_all(targets(12), 4)
    assert max(most) == 4


def test_a_target_that_cannot_be_meant_does_not_lose_the_others():
    """Here the real probe refuses, before anything is sent."""
    bad = Target("no such name")
    found = probe_all([bad, Target("vpn.invalid"), bad])
    assert [target.host for target, _ in found] == [bad.host, "vpn.invalid", bad.host]
    assert [isinstance(result, SstpError) for _, result in found] == [True, False, True]
    assert found[1][1].verdict.code is Code.UNREACHABLE


@pytest.mark.parametrize("workers", [0, -1, MOST_WORKERS + 1])
def test_the_number_of_workers_has_bounds(script, workers):
    script(outcome)
    with pytest.raises(SstpError, match="number of workers"):
        probe_all(targets(2), workers)


def test_no_targets():
    assert probe_all([]) == []


def test_an_interrupt_begins_nothing_more_and_waits_for_nothing(script):
    begun, never = [], threading.Event()

    def probe(target: Target) -> Outcome:
        begun.append(target)
        if len(begun) > 1:
            never.wait(PATIENCE)
        return outcome(target)

    def ended(target: Target, result: object) -> None:
        raise KeyboardInterrupt

    script(probe)
    with pytest.raises(KeyboardInterrupt):
        probe_all(targets(100), 2, ended)
    # The one that ended, and at most two that each of the workers had taken before the interrupt.
    assert len(begun) <= 5
    never.set()


def test_a_mistake_in_the_probe_itself_is_not_hidden(script):
    def probe(target: Target) -> Outcome:
        raise ZeroDivisionError

    script(probe)
    with pytest.raises(ZeroDivisionError):
        probe_all(targets(3))


LOGINS = [replace(target, depth=Depth.LOGIN, credentials=Credentials("probe", "secret")) for target in targets(5)]


class Servers:
    """What each server answers to a look without a login, and to a login; what they were asked for."""

    def __init__(self, looks: dict[int, Code], logins: dict[int, Code]) -> None:
        self.asked: list[tuple[int, Depth]] = []
        self._answers = {Depth.SSTP: (looks, Stage.SSTP), Depth.LOGIN: (logins, Stage.LOGIN)}
        self._lock = threading.Lock()

    def probe(self, target: Target) -> Outcome:
        number = int(target.host[3])
        with self._lock:
            self.asked.append((number, target.depth))
        codes, stage = self._answers[target.depth]
        return Outcome(Verdict(codes.get(number, Code.OK), stage, "A sentence."))

    def ask(self, script) -> dict[int, Code]:
        script(self.probe)
        told: list[Target] = []
        found = probe_all(LOGINS, ended=lambda target, result: told.append(target))
        assert sorted(target.host for target in told) == [target.host for target, _ in found] == [target.host for target in LOGINS]
        return {int(target.host[3]): result.verdict.code for target, result in found}

    @property
    def logins(self) -> list[int]:
        return [number for number, depth in self.asked if depth is Depth.LOGIN]


def test_a_login_that_is_refused_at_one_server_is_tried_at_no_other(script):
    servers = Servers({0: Code.REFUSED}, dict.fromkeys(range(5), Code.AUTHENTICATION_FAILED))
    found = servers.ask(script)
    assert servers.logins == [1]
    assert found == {0: Code.REFUSED, **dict.fromkeys(range(1, 5), Code.AUTHENTICATION_FAILED)}


def test_a_login_that_is_good_is_tried_once_at_each(script):
    servers = Servers({}, {3: Code.CRYPTO_BINDING_REFUSED})
    found = servers.ask(script)
    assert servers.logins[0] == 0
    assert sorted(servers.logins) == [0, 1, 2, 3, 4]
    assert found == {**dict.fromkeys(range(5), Code.OK), 3: Code.CRYPTO_BINDING_REFUSED}


def test_a_server_that_does_not_ask_for_the_password_says_nothing_of_it(script):
    servers = Servers({}, {0: Code.EAP_ONLY, 1: Code.TIMED_OUT, 2: Code.AUTHENTICATION_FAILED})
    found = servers.ask(script)
    assert servers.logins == [0, 1, 2]
    assert found == {0: Code.EAP_ONLY, 1: Code.TIMED_OUT, **dict.fromkeys((2, 3, 4), Code.AUTHENTICATION_FAILED)}


def test_a_single_login_is_made_at_once(script):
    servers = Servers({}, {})
    script(servers.probe)
    probe_all([LOGINS[0], *targets(2)])
    assert sorted(servers.asked) == [(0, Depth.LOGIN), (0, Depth.SSTP), (1, Depth.SSTP)]
