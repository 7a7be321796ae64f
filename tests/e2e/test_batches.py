# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/rotate.yml over several servers: who has a turn, where it stops, what is looked at in the end, and what a person is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from lab import judge
from lab.balancer import Balancer
from lab.connection_faults import Moment
from lab.fleet import Fleet, Member
from lab.scenario import load
from lab.sstp_server.binding import Hashes
from lab.sstp_server.listener import free_port
from running import Controller, Run

NAMES = ("vpn1", "vpn2", "vpn3")
SWITCHED = "switched and proven by a login"
FAILED, UNREACHABLE = 2, 4
FOR_EVER = 10**6


@dataclass
class Servers:
    """Three simulated servers that work, and a certificate for each."""

    fleet: Fleet
    controller: Controller

    def rotate(self, *arguments: str, **variables: Any) -> Run:
        """The playbook; the calls of each server are counted anew."""
        for name in NAMES:
            self.fleet.winrm.reset_calls(name)
        return self.controller.playbook("rras.sstp.rotate", *arguments, variables={"batch": 1, **variables})

    def cut_off(self, name: str, *, skip: int = 0) -> None:
        """No call reaches the server any more, after so many."""
        self.fleet.winrm.fault(name, Moment.CREATE, skip=skip, times=FOR_EVER)

    def refuse(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """SstpSvc goes on with the hashes that it has: a login sees it after the switch."""
        host = self.fleet.hosts[name]
        hashes: Hashes = host.held.look(host.state())
        monkeypatch.setattr(host.held, "look", lambda state: hashes)

    def digests(self) -> list[str]:
        return [self.fleet.hosts[name].digest() for name in NAMES]

    def calls(self) -> list[int]:
        return [self.fleet.winrm.calls(name) for name in NAMES]

    def rotated(self) -> list[bool]:
        """Whether each works, and serves what it was to be given."""
        return [self._rotated(name) for name in NAMES]

    def _rotated(self, name: str) -> bool:
        state, member = self.fleet.hosts[name].state(), next(item for item in self.fleet.members if item.name == name)
        wanted = self.fleet.issued[name][member.scenario.rotation.candidate].thumbprint.upper()
        return judge.working(state) == [] and {record["hash"].upper() for record in state["http"]} == {wanted}


@pytest.fixture
def servers(controller: Controller) -> Iterator[Servers]:
    with Fleet([Member(name, load("healthy")) for name in NAMES]) as fleet:
        controller.inventory.write_text(fleet.write(controller.folder).read_text())
        yield Servers(fleet, controller)


def told(run: Run) -> list[str]:
    """What the playbook says in the end."""
    lines: list[str] = run.of("debug")[-1]["msg"]
    return lines


def test_it_stops_at_the_first_server_whose_verification_fails(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    servers.refuse("vpn2", monkeypatch)
    before = servers.digests()
    run = servers.rotate()
    assert run.code == FAILED, run.output
    assert servers.rotated() == [True, False, False]
    assert (servers.digests()[2], servers.calls()[2]) == (before[2], 1), "the third was looked at, and no more"
    first, second, third, advice = told(run)
    assert (first, third) == (f"vpn1: {SWITCHED}", "vpn3: left alone, as vpn2 failed")
    assert second.startswith("vpn2: failed: ")
    assert second.endswith("so the switch was taken back: the server is as it was.")
    assert advice == "Find out why vpn2 failed, then run the same command again. It leaves alone what is right."
    assert run.failures[-1] == second.removeprefix("vpn2: failed: ")
    assert [line.split()[0] for line in run.output.splitlines() if "failed=1" in line] == ["vpn2"]


def test_as_many_may_fail_as_are_tolerated(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    servers.refuse("vpn1", monkeypatch)
    run = servers.rotate(tolerate=1, batch=[1, 2])
    assert run.code == FAILED
    assert servers.rotated() == [False, True, True]
    assert told(run)[1:3] == [f"vpn2: {SWITCHED}", f"vpn3: {SWITCHED}"]


def test_one_that_is_down_is_told_of_and_has_its_turn_next_time(servers: Servers) -> None:
    servers.cut_off("vpn2")
    run = servers.rotate()
    assert run.code == UNREACHABLE, run.output
    assert servers.rotated() == [True, False, True]
    assert told(run) == [
        f"vpn1: {SWITCHED}", "vpn2: down, not touched", f"vpn3: {SWITCHED}",
        "Run the same command again when vpn2 is up. It leaves alone what is right.",
    ]  # fmt: skip

    servers.fleet.winrm.clear_faults("vpn2")
    before = servers.digests()
    again = servers.rotate(target=[*NAMES]).succeeded()
    assert servers.rotated() == [True] * 3
    assert (servers.digests()[::2], servers.calls()[::2]) == (before[::2], [1, 1]), "the others were looked at, and no more"
    assert {entry.host for entry in again.entries if entry.result.get("changed")} == {"vpn2"}
    assert told(again) == ["vpn1: had it already", f"vpn2: {SWITCHED}", "vpn3: had it already", "Nothing is left to do."]


def test_where_one_failed_and_another_is_down_it_is_a_failure(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    servers.cut_off("vpn1")
    servers.refuse("vpn2", monkeypatch)
    run = servers.rotate()
    assert run.code == FAILED, run.output
    assert (told(run)[0], told(run)[2]) == ("vpn1: down, not touched", "vpn3: left alone, as vpn2 failed")


def test_where_all_are_down_ansible_itself_says_so(servers: Servers) -> None:
    for name in NAMES:
        servers.cut_off(name)
    assert servers.rotate().code == UNREACHABLE


def test_one_that_goes_down_before_its_turn_is_no_reason_to_stop(servers: Servers) -> None:
    servers.cut_off("vpn2", skip=1)
    before = servers.digests()
    run = servers.rotate()
    assert run.code == FAILED, run.output
    assert (servers.rotated(), servers.digests()[1]) == ([True, False, True], before[1])
    assert told(run)[1] == "vpn2: went down before its turn, not touched"
    assert run.failures[-1].startswith("The server could not be reached, so nothing was changed: ")


def test_one_that_is_lost_in_its_turn_is_a_reason_to_stop(servers: Servers) -> None:
    """Two looks and the import reach it: what was brought to it stays there, and nothing is switched."""
    servers.cut_off("vpn2", skip=3)
    run = servers.rotate()
    assert run.code == FAILED, run.output
    assert servers.rotated() == [True, False, False]
    assert judge.working(servers.fleet.hosts["vpn2"].state()) == []
    assert "The connection to the server was lost before the switch had begun, so nothing was switched: " in told(run)[1]
    assert told(run)[2] == "vpn3: left alone, as vpn2 failed"


def test_one_that_ansible_drops_is_a_reason_to_stop(servers: Servers) -> None:
    """A drain task of its own goes to something that cannot be reached."""
    away = {"name": "Ask", "rras.sstp.server_info": {}, "vars": {"ansible_port": free_port()}, "when": "inventory_hostname == 'vpn1'"}
    (servers.controller.folder / "drain.yml").write_text(yaml.safe_dump([away]))
    run = servers.rotate(batch=[2, 1], sstp_certificate_drain_tasks="drain.yml")
    assert run.code == FAILED, run.output
    assert servers.rotated() == [False, True, False]
    assert told(run) == [
        "vpn1: lost in its turn: it could not be reached, or what a task of yours was delegated to could not; see above",
        f"vpn2: {SWITCHED}",
        "vpn3: left alone, as vpn1 failed", "Find out why vpn1 failed, then run the same command again. It leaves alone what is right.",
    ]  # fmt: skip


def test_check_mode_says_what_would_be_done(servers: Servers) -> None:
    before = servers.digests()
    run = servers.rotate("--check", "--diff", "--limit", "vpn1,vpn3", fleet_address="127.0.0.1").succeeded()
    assert servers.digests() == before
    assert servers.calls()[1] == 0
    assert told(run) == ["vpn1: would be switched", "vpn3: would be switched", "127.0.0.1: nobody has looked at it", "Nothing is left to do."]


def test_nobody_looks_where_probing_is_switched_off(servers: Servers) -> None:
    run = servers.rotate("--limit", "vpn1", sstp_certificate_probe=False, fleet_address="127.0.0.1").succeeded()
    assert told(run)[:2] == ["vpn1: switched; nobody has looked at it from outside", "127.0.0.1: nobody has looked at it"]
    assert servers.fleet.hosts["vpn1"].listener.calls == []


def test_one_that_serves_something_else_in_the_end_is_found(servers: Servers) -> None:
    """While the last has its turn, somebody gives the first its old certificate back."""
    agent = servers.fleet.hosts["vpn1"].agent
    old = agent.records()

    def meddle() -> None:
        for record in old:
            agent.set_record(record, update=True)

    servers.fleet.winrm.fault("vpn3", Moment.COMMAND, meddle, skip=4)
    run = servers.rotate()
    assert run.code == FAILED, run.output
    assert told(run)[0].startswith("vpn1: failed: TLS shows another certificate")
    assert told(run)[1:3] == [f"vpn2: {SWITCHED}", f"vpn3: {SWITCHED}"]


def test_the_common_address_must_show_what_the_servers_have(servers: Servers) -> None:
    target = ("127.0.0.1", servers.fleet.hosts["vpn1"].listener.port)
    with Balancer(servers.fleet.authority.issue(["vpn.example.com"]), target) as balancer:
        address = f"127.0.0.1:{balancer.port}"
        run = servers.rotate(batch="100%", fleet_address=address)
        assert run.code == FAILED, run.output
        wrong = f"{address} shows clients a certificate that none of the servers has: {address}"
        assert told(run)[3:] == [wrong, f"Find out what answers at {address}."]
        assert run.failures == [wrong]
    right = f"127.0.0.1:{target[1]}"
    assert told(servers.rotate(fleet_address=right).succeeded())[3] == f"{right}: shows what the servers have"
    nowhere = f"127.0.0.1:{free_port()}"
    run = servers.rotate(fleet_address=nowhere)
    assert (run.code, told(run)[3][: len(nowhere)]) == (FAILED, nowhere)
