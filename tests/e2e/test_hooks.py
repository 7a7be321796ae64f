# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role runs a user's own tasks that drain a server before its switch, and those that put it back into service when it works again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from lab.connection_faults import Moment
from lab.fleet import Fleet, Member
from lab.raw_state import as_found
from lab.scenario import load
from lab.sim.host import SimHost
from lab.sstp_server.binding import Hashes
from lab.winrm import WinRMServer
from running import Controller, Run

ROLE = "rras.sstp.sstp_certificate"
UNDONE = "everything done before it was undone."
HOOK = {"name": "Say it", "ansible.builtin.debug": {"msg": "{{ sstp_certificate_hook }} {{ sstp_certificate_hook_outcome | default('') }}"}}
FAILING = {"name": "Ask the balancer", "ansible.builtin.fail": {"msg": "the balancer says no"}}
STEPS = {"certificate": "import", "rotate": "switch", "restore": "go back"}


@dataclass
class Server:
    """A simulated server that works, with tasks of the user's that say when they run."""

    host: SimHost
    winrm: WinRMServer
    controller: Controller

    def write(self, name: str, *tasks: dict[str, Any]) -> Path:
        path = self.controller.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(list(tasks)))
        return path

    def rotate(self, *arguments: str, **variables: Any) -> Run:
        """The playbook, whose own directory is far from the user's files."""
        own = {"sstp_certificate_drain_tasks": "drain.yml", "sstp_certificate_undrain_tasks": "undrain.yml"}
        return self.controller.playbook("rras.sstp.rotate", *arguments, variables={**own, **variables})

    def step(self, *steps: str, **variables: Any) -> Run:
        """Steps of the role in one play."""
        own = {"sstp_certificate_drain_tasks": "drain.yml", "sstp_certificate_undrain_tasks": "undrain.yml", **variables}
        return self.controller.tasks(*({"ansible.builtin.include_role": {"name": ROLE, "tasks_from": step}} for step in steps), vars=own)

    def hold_on(self, monkeypatch: pytest.MonkeyPatch, hashes: Hashes | None = None) -> None:
        """SstpSvc goes on with these hashes, or those that it has: a login sees it after the switch."""
        held: Hashes = hashes or self.host.held.look(self.host.state())
        monkeypatch.setattr(self.host.held, "look", lambda state: held)


@pytest.fixture
def server(controller: Controller) -> Iterator[Server]:
    with Fleet([Member("vpn1", load("healthy"))]) as fleet:
        controller.inventory.write_text(fleet.write(controller.folder).read_text())
        made = Server(fleet.hosts["vpn1"], fleet.winrm, controller)
        made.write("drain.yml", HOOK)
        made.write("undrain.yml", HOOK)
        yield made


def happened(run: Run) -> list[str]:
    """What the user's tasks said, between what was done to the server, in order."""
    found = []
    for entry in run.entries:
        name = entry.action.rpartition(".")[2]
        if entry.task.endswith("Say it"):
            found.append(entry.result["msg"].strip())
        elif name in STEPS and entry.result.get("changed"):
            found.append(STEPS[name])
    return found


def test_a_server_is_drained_right_before_the_switch_and_back_when_it_is_verified(server: Server) -> None:
    run = server.rotate().succeeded()
    assert happened(run) == ["import", "drain", "switch", "undrain switched"]
    order = [entry.action.rpartition(".")[2] for entry in run.entries if entry.status == "ok"]
    assert order.index("probe", order.index("rotate")) < len(order) - 1 - order[::-1].index("debug")
    assert happened(server.rotate().succeeded()) == [], "nobody is drained where all is right already"


def test_check_mode_only_says_so(server: Server) -> None:
    run = server.rotate("--check").succeeded()
    assert happened(run) == ["import", "switch"]
    said = "It would be drained before the switch (drain.yml), and put back into service after it (undrain.yml)."
    assert said in [result["msg"] for result in run.of("debug")]


def test_where_draining_fails_nothing_is_switched(server: Server) -> None:
    server.write("drain.yml", HOOK, FAILING)
    before = as_found(server.host.state())
    run = server.rotate().failed()
    assert happened(run) == ["import", "drain", "import", "undrain as_it_was"], "what was imported is taken away again"
    assert as_found(server.host.state()) == before
    assert run.failures[-1] == "the balancer says no"


def test_a_switch_that_was_undone_leaves_a_server_that_works(server: Server) -> None:
    server.host.agent.fault("HttpUpdateServiceConfiguration", 1312, endpoint="[::]:443")
    run = server.rotate().failed()
    assert happened(run)[:2] == ["import", "drain"]
    assert happened(run)[-1] == "undrain as_it_was"
    assert run.failures[-1].endswith(UNDONE)


def test_a_switch_that_was_taken_back_leaves_a_server_that_works(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.hold_on(monkeypatch)
    run = server.rotate().failed()
    assert [word for word in happened(run) if word != "import"] == ["drain", "switch", "go back", "undrain as_it_was"]
    assert run.failures[-1].endswith("the server is as it was.")


def test_a_server_that_is_not_known_to_work_stays_drained(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.hold_on(monkeypatch, Hashes(b"x" * 32))
    run = server.rotate().failed()
    assert happened(run) == ["import", "drain", "switch"]
    assert run.failures[-1].endswith("The server keeps the new certificate. It stays drained, as it is not known to work.")


def test_a_switch_that_could_not_be_undone_leaves_it_drained(server: Server) -> None:
    """HTTP.SYS does not take the old record back, as its certificate is gone."""
    server.host.agent.delete_certificate(server.host.agent.records()[0].hash)
    server.host.agent.switch("RemoteAccess.StartFails", 1)
    run = server.rotate(sstp_certificate_settle_timeout=2, sstp_certificate_service_timeout=10, sstp_certificate_probe=False).failed()
    assert "undrain as_it_was" not in happened(run)
    assert "what could not be undone: " in run.failures[-1]
    assert run.failures[-1].endswith(" It stays drained, as it is not known to work.")


def test_where_it_cannot_be_put_back_into_service_that_is_said(server: Server) -> None:
    server.write("undrain.yml", HOOK, FAILING)
    run = server.rotate().failed()
    assert happened(run) == ["import", "drain", "switch", "undrain switched"], "once"
    assert run.failures[-1] == (
        "The server works, but could not be put back into service. The server keeps the new certificate. "
        "It stays drained, as sstp_certificate_undrain_tasks failed: the balancer says no"
    )


def test_what_failed_first_is_said_where_putting_it_back_fails_as_well(server: Server) -> None:
    server.write("undrain.yml", HOOK, FAILING)
    server.host.agent.fault("HttpUpdateServiceConfiguration", 1312, endpoint="[::]:443")
    message = server.rotate().failed().failures[-1]
    assert message.startswith("Could not bind ")
    assert message.endswith(f"{UNDONE} It stays drained, as sstp_certificate_undrain_tasks failed: the balancer says no")


def test_the_switch_waits_until_the_sessions_have_ended(server: Server) -> None:
    """The clients leave at the second look; four calls come before the first."""
    server.host.connect_clients(5)
    server.winrm.fault("vpn1", Moment.COMMAND, lambda: server.host.connect_clients(0), skip=5)
    run = server.rotate(sstp_certificate_drain_timeout=1, sstp_certificate_max_sessions=0).succeeded()
    assert happened(run) == ["import", "drain", "switch", "undrain switched"]
    assert (run.one("server_info")["attempts"], run.one("server_info")["server"]["sessions"]) == (2, 0)


def test_where_they_do_not_end_in_time_the_switch_is_put_off(server: Server) -> None:
    server.host.connect_clients(5)
    run = server.rotate(sstp_certificate_drain_timeout=1, sstp_certificate_max_sessions=4).succeeded()
    assert happened(run) == ["import", "drain", "undrain as_it_was"]
    assert run.output.count("RETRYING") == 1, "two looks"
    assert run.of("debug")[-1]["msg"][0].startswith("vpn1: put off: ")
    assert server.host.sessions == 5


def test_it_is_not_drained_at_the_wrong_time(server: Server) -> None:
    later = [f"{server.host.machine.clock.date() + dt.timedelta(hours=hours):%H:%M}" for hours in (3, 4)]
    run = server.rotate(sstp_certificate_window=["-".join(later)]).succeeded()
    assert happened(run) == ["import"]
    assert run.of("debug")[-1]["msg"][0].startswith("vpn1: put off: ")


def test_a_file_that_is_not_there_is_refused_before_anything_is_changed(server: Server) -> None:
    digest = server.host.digest()
    run = server.rotate(sstp_certificate_undrain_tasks="away.yml").failed()
    assert server.host.digest() == digest
    assert happened(run) == []
    assert run.failures[-1].startswith("sstp_certificate_undrain_tasks away.yml: there is no such file on the controller; it was looked for in /")


def test_where_the_files_are_looked_for(server: Server) -> None:
    """An absolute path, and one beside the tasks of the user's own role."""
    server.write("roles/mine/tasks/out.yml", HOOK)
    server.write("roles/mine/tasks/main.yml", {"name": "Rotate", "ansible.builtin.include_role": {"name": ROLE}})
    files = {"sstp_certificate_drain_tasks": "out.yml", "sstp_certificate_undrain_tasks": str(server.controller.folder / "undrain.yml")}
    run = server.controller.playbook([{"hosts": "all", "gather_facts": False, "vars": files, "roles": ["mine"]}]).succeeded()
    assert happened(run) == ["import", "drain", "switch", "undrain switched"]


def test_step_by_step(server: Server) -> None:
    server.step("stage").succeeded()
    assert happened(server.step("verify").failed()) == [], "what nobody has drained is not put back"
    server.host.agent.fault("HttpUpdateServiceConfiguration", 1312, endpoint="[::]:443")
    run = server.step("switch").failed()
    assert (happened(run), run.failures[-1].endswith(UNDONE)) == (["drain", "undrain as_it_was"], True)
    server.host.faults.clear()
    assert happened(server.step("switch", "verify").succeeded()) == ["drain", "switch", "undrain switched"]
    assert happened(server.step("switch", "verify").succeeded()) == []
