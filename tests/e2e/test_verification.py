# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role looks at a server from the controller before and after the switch: what that proves, and what takes the switch back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from lab import judge
from lab.connection_faults import Moment, drop
from lab.fleet import Fleet, Member
from lab.inventory import new_login, write_inventory
from lab.pki import Authority, Issued
from lab.raw_state import as_found
from lab.scenario import load
from lab.sim.host import SimHost
from lab.sim.registry import SSTPSVC
from lab.sstp_server.binding import Hashes
from lab.sstp_server.listener import free_port
from lab.sstp_server.settings import CallRecord, Settings, User
from lab.winrm import WinRMServer
from running import Controller, Run

NAME = "vpn01.example.com"
PASSWORD = "Correct-Horse-7"
USER = {"sstp_certificate_probe_user": r"EXAMPLE\probe", "sstp_certificate_probe_password": PASSWORD}
ROLE = "rras.sstp.sstp_certificate"


@dataclass
class Server:
    """A simulated server that works, with a certificate of a root that the controller trusts, and new.pfx to rotate to."""

    host: SimHost
    controller: Controller
    authority: Authority
    winrm: WinRMServer

    def offer(self, issued: Issued) -> None:
        (self.controller.folder / "new.pfx").write_bytes(issued.pfx("443"))

    def rotate(self, *arguments: str, **variables: Any) -> Run:
        """The role, whose result is collected whatever comes of it."""
        role = {"name": "Rotate", "ansible.builtin.include_role": {"name": ROLE}}
        collect = {"name": "Collect", "ansible.builtin.debug": {"var": "sstp_certificate_result"}}
        again = {"name": "Fail", "ansible.builtin.fail": {"msg": "{{ ansible_failed_result.msg }}"}}
        play = {"hosts": "all", "gather_facts": False, "vars": self.variables(**variables)}
        tasks = [{"name": "Try", "block": [role, collect], "rescue": [collect, again]}]
        return self.controller.playbook([{**play, "tasks": tasks}], *arguments)

    def variables(self, **more: Any) -> dict[str, Any]:
        assert self.host.listener
        own = {"pfx": "new.pfx", "pfx_password": "443", "probe_port": self.host.listener.port, "probe_host": NAME, "probe_ca_path": "ca.pem"}
        return {**{f"sstp_certificate_{name}": value for name, value in own.items()}, **more}

    def calls(self, count: int) -> list[CallRecord]:
        assert self.host.listener
        return self.host.listener.await_calls(count)


def result(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = run.of("debug")[-1]["sstp_certificate_result"]
    return found


def seen(run: Run) -> dict[str, Any]:
    """What was seen from outside."""
    found: dict[str, Any] = result(run)["evidence"]["probe"]
    return found


@pytest.fixture
def server(controller: Controller) -> Iterator[Server]:
    authority = Authority()
    with SimHost("vpn01") as host, WinRMServer(controller.folder / "winrm.log") as winrm:
        host.install(authority.issue([NAME]))
        host.listen()
        login = new_login("vpn01")
        winrm.add(host, login.username, login.password)
        write_inventory(controller.inventory, winrm, [login])
        (controller.folder / "ca.pem").write_bytes(authority.root_pem)
        made = Server(host, controller, authority, winrm)
        made.offer(authority.issue([NAME]))
        yield made


def test_a_login_proves_the_rotation(server: Server) -> None:
    run = server.rotate("-vvv", **USER).succeeded()
    assert (seen(run)["proof"]["by"], seen(run)["crypto_binding"], seen(run)["worse"]) == ("login", "accepted", [])
    assert [call.accepted for call in server.calls(2)] == [True, True]
    assert PASSWORD not in run.output + repr(run.entries)
    assert judge.working(server.host.state()) == []
    again = server.rotate(**USER).succeeded()
    assert (again.changed, len(server.calls(2))) == ([], 2), "nobody is bothered where all is right already"


def test_without_a_login_the_hashes_and_the_log_prove_it(server: Server) -> None:
    found = seen(server.rotate().succeeded())
    assert (found["proof"]["by"], found["crypto_binding"]) == ("certificate", "not exercised")
    assert [call.user for call in server.calls(2)] == ["", ""]


def test_a_server_that_takes_eap_only(server: Server) -> None:
    server.host.listen(Settings(authentication=("eap",)))
    found = seen(server.rotate(**USER).succeeded())
    assert (found["proof"]["by"], found["crypto_binding"]) == ("certificate", "not exercised")
    assert "takes EAP only" in found["proof"]["sentence"]
    assert [item["code"] for item in (*found["before"], *found["after"])] == ["eap_only"] * 2


def test_where_the_controller_cannot_connect_that_is_said_and_nothing_else(server: Server) -> None:
    run = server.rotate(sstp_certificate_probe_port=free_port()).succeeded()
    assert seen(run)["proof"] == {"by": "nothing", "sentence": seen(run)["proof"]["sentence"]}
    assert seen(run)["proof"]["sentence"].startswith("Not reachable from the controller: ")
    assert judge.working(server.host.state()) == []


def test_a_wrong_password_is_no_reason_to_go_back_and_is_given_once(server: Server) -> None:
    run = server.rotate(**{**USER, "sstp_certificate_probe_password": "not the one"}).succeeded()
    assert (seen(run)["proof"]["by"], seen(run)["worse"]) == ("certificate", [])
    assert [call.user for call in server.calls(2)] == [r"EXAMPLE\probe", ""]
    assert judge.working(server.host.state()) == []


def test_a_wrong_password_is_refused_at_one_server_of_a_fleet(controller: Controller) -> None:
    """One server goes first, and those that come after it spare the account."""
    with Fleet([Member(f"vpn{number}", load("healthy")) for number in range(3)]) as fleet:
        controller.inventory.write_text(fleet.write(controller.folder).read_text())
        wrong = {"sstp_certificate_probe_user": "probe", "sstp_certificate_probe_password": "not the one"}
        run = controller.playbook("rras.sstp.rotate", variables=wrong).succeeded()
        assert [call.user for host in fleet.hosts.values() for call in host.listener.await_calls(2)].count("probe") == 1
        *said, _all = [result["msg"] for result in run.of("debug")]
        assert [sentence.partition(". ")[0] for sentence in said] == ["Proven without a login"] * 3


def test_no_free_port_is_no_reason_to_go_back(server: Server) -> None:
    server.host.listen(Settings(ports=0, ports_status=500))
    run = server.rotate().succeeded()
    assert [item["code"] for item in seen(run)["after"]] == ["no_ports"]
    assert seen(run)["worse"] == []


def keep(server: Server, monkeypatch: pytest.MonkeyPatch, hashes: Hashes) -> None:
    """SstpSvc holds these from now on, whatever the registry says: nothing but a login can see it."""
    monkeypatch.setattr(server.host.held, "look", lambda state: hashes)


def went_back(server: Server, run: Run, before: dict[str, Any]) -> list[str]:
    """The codes for which the switch was taken back; the server is whole again, and the caller was told so."""
    run.failed()
    found = result(run)
    assert (found["restored"], found["changed"]) == (True, False)
    assert "so the switch was taken back: the server is as it was." in run.failures[-1]
    after = as_found(server.host.state())
    assert {**after, "product": after["product"] or None} == {**before, "product": before["product"] or None}
    assert judge.working(server.host.state()) == []
    return [item["code"] for item in found["evidence"]["probe"]["worse"]]


def test_a_certificate_for_another_name_is_taken_back(server: Server) -> None:
    server.offer(server.authority.issue(["other.example.com"]))
    before = as_found(server.host.state())
    assert went_back(server, server.rotate(), before) == ["wrong_name"]


def test_a_way_back_that_is_cut_off_is_told(server: Server) -> None:
    other = server.authority.issue(["other.example.com"])
    server.offer(other)

    def cut() -> None:
        if server.host.agent.records()[0].hash == other.thumbprint:
            drop()

    server.winrm.fault("vpn01", Moment.COMMAND, cut, times=99)
    run = server.rotate().failed()
    assert "is not for vpn01.example.com" in run.failures[-1]
    assert "That was not so before, but the switch could not be taken back: " in run.failures[-1]
    assert (result(run)["restored"], result(run)["changed"]) == (False, True)


def test_a_root_that_clients_do_not_trust_is_taken_back(server: Server) -> None:
    server.offer(Authority("Other Lab").issue([NAME]))
    before = as_found(server.host.state())
    assert went_back(server, server.rotate(**USER), before) == ["untrusted_chain"]


def test_the_same_faults_before_are_no_reason_to_go_back(server: Server) -> None:
    """As where the controller does not have the root of a company's own authority, or knows the server by another name."""
    server.offer(Authority().issue(["other.example.com"]))
    run = server.rotate(sstp_certificate_probe_host="third.example.com", sstp_certificate_probe_ca_path="").succeeded()
    (address,) = seen(run)["after"]
    assert {fault["code"] for fault in address["faults"]} == {"wrong_name", "untrusted_chain"}
    assert (seen(run)["worse"], seen(run)["proof"]["by"]) == ([], "certificate")


def test_a_crypto_binding_that_is_refused_afterwards_is_taken_back(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(server, monkeypatch, server.host.held.look(server.host.state()))
    before = as_found(server.host.state())
    assert went_back(server, server.rotate(**USER), before) == ["crypto_binding_refused"]
    assert [call.accepted for call in server.calls(2)] == [True, False]


def test_a_crypto_binding_that_was_refused_before_fails_but_is_not_taken_back(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(server, monkeypatch, Hashes(b"x" * 32))
    run = server.rotate(**USER).failed()
    assert "refused the crypto binding" in run.failures[-1]
    assert run.failures[-1].endswith("The server keeps the new certificate.")
    assert "[WARNING]" not in run.output
    assert (result(run)["restored"], result(run)["changed"]) == (False, True)


def test_another_device_answers_for_clients(server: Server) -> None:
    """It did so before: that says nothing of the server, nobody else is given a login, and nothing is proven."""
    with SimHost("balancer") as balancer:
        balancer.install(server.authority.issue([NAME]))
        run = server.rotate(sstp_certificate_probe_port=balancer.listen().port, **USER).succeeded()
        assert (seen(run)["worse"], seen(run)["proof"]["by"]) == ([], "nothing")
        assert f"clients are shown {seen(run)['after'][0]['sha256']}, while SstpSvc holds" in seen(run)["proof"]["sentence"]
        assert balancer.listener
        assert [call.user for call in balancer.listener.await_calls(2)] == ["", ""]


def test_the_way_back_from_an_expired_certificate_is_not_gone(server: Server) -> None:
    """Clients refuse the old certificate as well: a new one of a root that the controller does not have is no worse."""
    serve_expired(server)
    server.offer(Authority("Other Lab").issue([NAME]))
    run = server.rotate(**USER).succeeded()
    assert ([fault["code"] for fault in seen(run)["after"][0]["faults"]], seen(run)["worse"]) == (["untrusted_chain"], [])


def test_a_user_without_a_password_is_refused_before_anything_is_sent(server: Server) -> None:
    digest = server.host.digest()
    run = server.rotate(sstp_certificate_probe_user="probe").failed()
    assert "A user and a password belong together" in run.failures[-1]
    assert server.host.digest() == digest
    assert server.host.listener is not None
    assert server.host.listener.calls == []


def test_the_role_twice_in_one_play(server: Server) -> None:
    """What the first has done is not told of the second, which fails at its switch."""
    other = server.authority.issue([NAME])
    (server.controller.folder / "other.pfx").write_bytes(other.pfx("443"))
    role = {"name": "Rotate", "ansible.builtin.include_role": {"name": ROLE}}
    broken = {**role, "vars": {"sstp_certificate_pfx": "other.pfx", "sstp_certificate_service_timeout": 0}}
    collect = {"name": "Collect", "ansible.builtin.debug": {"var": "sstp_certificate_result"}}
    tasks = [role, {"name": "Try", "block": [broken], "rescue": [collect]}]
    play = {"hosts": "all", "gather_facts": False, "vars": server.variables(), "tasks": tasks}
    found = result(server.controller.playbook([play]).succeeded())
    assert (found["thumbprint"], found["changed"], found["restarted"]) == (other.thumbprint.upper(), False, False)
    assert not found["evidence"]


def test_a_switch_as_an_extra_variable_is_a_text(server: Server) -> None:
    run = server.rotate("-e", "sstp_certificate_probe=false").succeeded()
    assert not seen(run)


def test_check_mode_looks_and_leaves_everything(server: Server) -> None:
    digest = server.host.digest()
    server.rotate("--check", **USER).succeeded()
    assert server.host.digest() == digest
    assert [call.user for call in server.calls(1)] == [""], "nobody logs in for a prediction"


def test_options_that_cannot_be_meant_are_refused_before_anything_is_changed(server: Server) -> None:
    digest = server.host.digest()
    run = server.rotate(sstp_certificate_probe_proxy="nowhere").failed()
    assert "A proxy is written" in run.failures[-1]
    assert server.host.digest() == digest


def test_it_can_be_left_out(server: Server) -> None:
    run = server.rotate(sstp_certificate_probe=False).succeeded()
    assert not seen(run)
    assert server.host.listener is not None
    assert server.host.listener.calls == []


def test_the_steps_one_by_one(server: Server) -> None:
    """The switch looks before by itself, the verification holds against what was seen then; alone it has the audit's evidence."""
    for steps in (["stage"], ["switch", "verify"], ["verify"]):
        tasks = [{"name": step, "ansible.builtin.include_role": {"name": ROLE, "tasks_from": step}} for step in steps]
        run = server.controller.tasks(*tasks, vars=server.variables(**USER)).succeeded()
        probes = run.of("probe")
        wanted = {"stage": [], "switch": ["not exercised", "accepted"], "verify": ["accepted"]}[steps[0]]
        assert [probe["crypto_binding"] for probe in probes] == wanted
    assert probes[-1]["proof"]["by"] == "login"


def test_verify_fails_on_a_stale_hash_by_the_login_alone(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.rotate(**USER).succeeded()
    keep(server, monkeypatch, Hashes(b"x" * 32))
    verify = {"name": "Verify", "ansible.builtin.include_role": {"name": ROLE, "tasks_from": "verify"}}
    run = server.controller.tasks(verify, vars=server.variables(**USER)).failed()
    assert "refused the crypto binding" in run.failures[-1]


def test_an_audit_from_the_controller_as_well(server: Server) -> None:
    variables = {"target": "all", "probe": True, "fail_on": "warning", **server.variables()}
    run = server.controller.playbook("rras.sstp.audit", variables=variables).succeeded()
    assert [(item["code"], item["reached"]) for item in run.one("audit")["wire"]] == [("ok", True)]
    assert server.controller.playbook("rras.sstp.audit", variables={"target": "all"}).succeeded().one("audit")["wire"] == []


def serve_expired(server: Server) -> None:
    """Everything agrees, on a certificate that expired yesterday."""
    now = dt.datetime.now(dt.timezone.utc).replace(microsecond=0)
    expired = server.authority.issue([NAME], not_before=now - dt.timedelta(days=90), not_after=now - dt.timedelta(days=1))
    server.host.keep(expired)
    for record in server.host.agent.records():
        server.host.agent.set_record(replace(record, hash=expired.thumbprint), update=True)
    for name, digest in (("SHA256CertificateHash", expired.sha256), ("SHA1CertificateHash", expired.thumbprint)):
        server.host.agent.set_value(SSTPSVC, name, bytes.fromhex(digest))
    server.host.restart()


def test_an_expired_certificate_on_the_way_out_is_no_obstacle(server: Server) -> None:
    serve_expired(server)
    found = seen(server.rotate(sstp_certificate_probe_user="probe", sstp_certificate_probe_password=PASSWORD).succeeded())
    assert [fault["code"] for fault in found["before"][0]["faults"]] == ["expired"]
    assert found["proof"]["by"] == "login"


def test_an_account_that_may_not_dial_in(server: Server) -> None:
    server.host.listen(Settings(users={"probe": User(PASSWORD, 649)}))
    found = seen(server.rotate(**USER).succeeded())
    assert found["proof"]["by"] == "certificate"
    assert "no permission to dial in" in found["proof"]["sentence"]
