# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Administrator mode, offload, other ports and shared records by real playbooks: what takes more than one rotation, and the wrong moves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from lab import judge
from lab.agent import SSTPSVC, Record
from lab.fleet import Fleet, Member, simulated
from lab.pki import Issued
from lab.raw_state import as_found
from lab.scenario import load
from lab.sim.host import SimHost
from running import Controller, Run

State = dict[str, Any]
KINDS = ("sim", "wine")


@dataclass
class Server:
    """One host in the state of a scenario, behind a balancer where the scenario has one, and a controller with its inventory."""

    name: str
    fleet: Fleet
    controller: Controller

    @property
    def host(self) -> Any:
        return self.fleet.hosts[self.name]

    @property
    def issued(self) -> dict[str, Issued]:
        return self.fleet.issued[self.name]

    def rotate(self, *arguments: str, **variables: Any) -> Run:
        """Run playbooks/rotate.yml with the role's variables of the inventory and these in place of them."""
        return self.controller.playbook("rras.sstp.rotate", *arguments, variables={f"sstp_certificate_{name}": value for name, value in variables.items()})

    def findings(self) -> list[str]:
        # What the server has logged on its way into this state does not matter here.
        run = self.controller.playbook("rras.sstp.audit", "-e", "fail_on=never", "-e", "events_hours=0").succeeded()
        return [finding["id"] for finding in run.one("audit")["findings"]]

    def issue(self) -> Issued:
        return self.fleet.authority.issue([f"{self.name}.example.com"])


@contextmanager
def serving(request: pytest.FixtureRequest, controller: Controller, scenario: str, kind: str) -> Iterator[Server]:
    start = simulated
    if kind == "wine":
        lab = request.getfixturevalue("wine_lab")
        start = lambda name, wanted: lab.host(name, **wanted.host_options("wine"))  # noqa: E731
    with Fleet([Member("vpn01", load(scenario))], start=start) as fleet:
        controller.inventory.write_text(fleet.write(controller.folder).read_text())
        yield Server("vpn01", fleet, controller)


def values(state: State) -> dict[str, Any]:
    return dict(state["sstpsvc"])


def starts(state: State) -> int:
    return int(state["services"]["SstpSvc"]["starts"])


# --- offload ---


@pytest.mark.parametrize("kind", KINDS)
def test_a_balancer_that_renews_twice_is_followed_twice(request: pytest.FixtureRequest, controller: Controller, kind: str) -> None:
    """With one changed value and one restart each time, and a login through the balancer as the proof."""
    with serving(request, controller, "offload_already_right", kind) as server:
        assert server.findings() == []
        for _ in range(2):
            renewed = server.issue()
            server.fleet.balancers["vpn01"].renew(renewed)
            assert server.findings() == ["balancer_certificate_different"]
            before = server.host.state()
            run = server.rotate().succeeded()
            after = server.host.state()
            assert {name for name in values(after) if values(after)[name] != values(before).get(name)} == {"SHA256CertificateHash"}
            assert values(before).keys() == values(after).keys()
            assert starts(after) - starts(before) == 1
            assert after["http"] == before["http"]
            assert judge.working(after, balancer=renewed.sha256) == []
            _before, after_it, _in_the_end = run.of("probe")
            assert after_it["proof"]["by"] == "login"
            assert server.findings() == []
        assert server.rotate().succeeded().changed == []
        assert starts(server.host.state()) == starts(after)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("scenario", "mode"), [("automatic_to_offload", "automatic"), ("administrator_to_offload", "administrator")])
def test_offload_on_and_off_again_restores_every_value(
    request: pytest.FixtureRequest, controller: Controller, scenario: str, mode: str, kind: str
) -> None:
    with serving(request, controller, scenario, kind) as server:
        before = server.host.state()
        server.rotate().succeeded()
        assert values(server.host.state())["UseHttps"]["value"] == 0
        server.rotate(mode=mode, thumbprint=server.issued["old"].thumbprint, probe=False).succeeded()
        after = server.host.state()
        assert values(after) == values(before)
        assert after["http"] == before["http"]
        assert not any("BeforeOffload" in name for name in after["product"] or {})
        assert judge.working(after) == []


def test_a_balancer_that_cannot_be_reached_is_said(request: pytest.FixtureRequest, controller: Controller) -> None:
    with serving(request, controller, "offload_already_right", "sim") as server:
        server.fleet.balancers["vpn01"].close()
        before = server.host.state()
        run = server.rotate().failed()
        assert "shows the controller no certificate" in run.failures[0]
        assert server.host.state() == before
        assert server.findings() == ["balancer_silent"]


def test_a_wrong_hash_for_offload_is_noticed_before_anything_is_done(request: pytest.FixtureRequest, controller: Controller) -> None:
    with serving(request, controller, "offload_already_right", "sim") as server:
        run = server.rotate(sha256="AB" * 32).failed()
        assert "does not agree" in run.failures[0]


# --- another port ---


def test_sstp_moves_to_another_port_with_its_records(request: pytest.FixtureRequest, controller: Controller) -> None:
    with serving(request, controller, "healthy", "sim") as server:
        predicted = server.rotate("--check", listener_port=8443).succeeded()
        assert "set ListenerPort to 8443" in predicted.one("rotate")["plan"]
        server.rotate(listener_port=8443, probe=False).succeeded()
        state = {**server.host.state(), "port": 8443}
        assert values(state)["ListenerPort"]["value"] == 8443
        assert judge.working(state) == []
        assert server.rotate(listener_port=8443, probe=False).succeeded().changed == []


# --- a cluster ---


def test_a_node_that_another_one_has_given_the_certificate_is_restarted(controller: Controller) -> None:
    """Set-RemoteAccess on the first node writes the registry of the second, whose service goes on with what it read when it started."""
    with Fleet([Member(name, load("administrator_mode")) for name in ("vpn01", "vpn02")]) as fleet:
        controller.inventory.write_text(fleet.write(controller.folder).read_text())
        first, second = fleet.hosts["vpn01"], fleet.hosts["vpn02"]
        pfx = controller.folder / "vpn01.pfx"
        shared = {"pfx": str(pfx), "pfx_password": _password(controller, "vpn01"), "probe": False}
        variables = {f"sstp_certificate_{name}": value for name, value in shared.items()}
        stage = {"name": "Bring it to all nodes", "hosts": "all", "gather_facts": False, "tasks": [_role("stage")]}
        controller.playbook([stage], variables=variables).succeeded()
        for host in (first, second):
            # As newer servers have it: then nothing is left on the second one that a rotation would change.
            host.agent.delete_value(SSTPSVC, "SHA1CertificateHash")
        _join(first, second)
        before = starts(second.state())
        run = controller.playbook("rras.sstp.rotate", variables={**variables, "batch": 1}).succeeded()
        assert starts(second.state()) == before + 1
        assert [run.changed_on(host)[-1].rpartition(" : ")[2] for host in ("vpn01", "vpn02")] == [
            "Bind the certificate, put the hashes right, and restart RRAS",
            "Restart a node that another node of its cluster has given the certificate",
        ]
        assert judge.working(second.state()) == []


def _role(step: str) -> dict[str, Any]:
    return {"name": "Take the step", "ansible.builtin.import_role": {"name": "rras.sstp.sstp_certificate", "tasks_from": step}}


def _password(controller: Controller, host: str) -> str:
    lines = controller.inventory.read_text().split(f'"{host}":')[1].splitlines()
    return next(line.split('"')[1] for line in lines if "sstp_certificate_pfx_password" in line)


def _join(first: SimHost, second: SimHost) -> None:
    """Let the two be nodes of one cluster, as far as Set-RemoteAccess on the first goes."""
    for host in (first, second):
        for name in ("vpn01", "vpn02"):
            host.agent.set_value(r"SOFTWARE\lab\RemoteAccess\Nodes", f"{name}.example.com", "Converged")
    alone = first.machine.remote_access.set_certificate

    def on_both(thumbprint: str) -> None:
        alone(thumbprint)
        second.machine.remote_access.set_certificate(thumbprint)

    first.machine.remote_access.set_certificate = on_both  # type: ignore[method-assign]


@pytest.mark.parametrize("kind", KINDS)
def test_what_set_remoteaccess_refuses_ends_no_session(request: pytest.FixtureRequest, controller: Controller, kind: str) -> None:
    """RRAS is stopped only when it has taken the certificate."""
    with serving(request, controller, "administrator_cluster_node_without_certificate", kind) as server:
        before = server.host.state()
        assert "was not found on the node vpn02" in server.rotate().failed().failures[0]
        assert as_found(server.host.state()) == as_found(before)
        assert starts(server.host.state()) == starts(before)


@pytest.mark.parametrize("kind", KINDS)
def test_rras_gets_its_certificate_back_with_the_snapshot(request: pytest.FixtureRequest, controller: Controller, kind: str) -> None:
    with serving(request, controller, "administrator_mode", kind) as server:
        before = server.host.state()
        snapshot = server.rotate().succeeded().one("rotate")["snapshot"]
        assert server.controller.task("restore", snapshot=snapshot)["changed"]
        after = server.host.state()
        assert (after["http"], values(after)) == (before["http"], values(before))
        assert server.controller.task("server_info")["server"]["remote_access"]["certificate"]["thumbprint"].lower() == server.issued["old"].thumbprint
        assert server.findings() == []
        assert not server.controller.task("restore", snapshot=snapshot)["changed"]


# --- wrong moves ---


def refusal(server: Server, module: str, **options: Any) -> str:
    """The message of a task that must be refused, and must have changed nothing."""
    before = server.host.state()
    message = server.controller.refusal(module, **options)
    assert server.host.state() == before
    return message


def test_the_pair_is_not_rebound_directly_in_administrator_mode(request: pytest.FixtureRequest, controller: Controller) -> None:
    with serving(request, controller, "administrator_mode", "sim") as server:
        server.host.keep(server.issued["new"])
        message = refusal(server, "ssl_binding", certificate_hash=server.issued["new"].thumbprint, state="present")
        assert "would raise RasSstp event 32; rras.sstp.rotate tells RRAS as well" in message


def test_the_hash_is_not_cleared_in_offload_mode(request: pytest.FixtureRequest, controller: Controller) -> None:
    with serving(request, controller, "offload_already_right", "sim") as server:
        assert "no client would be let in (RasSstp event 18)" in refusal(server, "registry_hash", state="absent")


def test_the_hash_is_not_cleared_in_administrator_mode(request: pytest.FixtureRequest, controller: Controller) -> None:
    with serving(request, controller, "administrator_mode", "sim") as server:
        assert "the service would not derive the hash again" in refusal(server, "registry_hash", state="absent")


def test_a_certificate_is_not_bound_that_iis_does_not_have_on_the_endpoint(request: pytest.FixtureRequest, controller: Controller) -> None:
    with serving(request, controller, "administrator_other_certificate_bound", "sim") as server:
        server.host.keep(server.issued["new"])
        thumbprint = server.issued["new"].thumbprint
        assert "belongs to IIS" in refusal(server, "rotate", thumbprint=thumbprint)
        assert "belongs to IIS" in refusal(server, "ssl_binding", certificate_hash=thumbprint, state="present")


def test_the_last_record_of_another_program_is_not_removed(request: pytest.FixtureRequest, controller: Controller) -> None:
    with serving(request, controller, "iis_shares_the_certificate", "sim") as server:
        port = server.host.port
        names = [f"vpn01.example.com:{port}", f"vpn.example.com:{port}", f"www.example.com:{port}", f"203.0.113.5:{port}"]
        message = refusal(server, "ssl_binding", endpoints=names, state="absent", take_over=True)
        assert "is the last one of IIS" in message
        server.controller.task("ssl_binding", endpoints=names[1:2], state="absent", take_over=True)
        assert names[1] not in [record["endpoint"] for record in server.host.state()["http"]]


# --- records of a host name ---


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_of_a_host_name_is_set_and_removed(request: pytest.FixtureRequest, controller: Controller, kind: str) -> None:
    with serving(request, controller, "healthy", kind) as server:
        endpoint, thumbprint = f"vpn.example.com:{server.host.port}", server.issued["old"].thumbprint
        before = server.host.state()["http"]
        wanted = {"endpoints": [endpoint], "certificate_hash": thumbprint}
        assert server.controller.task("ssl_binding", "--check", state="present", **wanted)["changed"]
        assert server.host.state()["http"] == before
        assert server.controller.task("ssl_binding", state="present", **wanted)["changed"]
        (record,) = [item for item in server.host.state()["http"] if item["family"] == "sni"]
        assert (record["endpoint"], record["hash"], record["store"]) == (endpoint, thumbprint, "MY")
        assert not server.controller.task("ssl_binding", state="present", **wanted)["changed"]
        assert server.controller.task("ssl_binding", endpoints=[endpoint], state="absent")["changed"]
        assert server.host.state()["http"] == before


@pytest.mark.parametrize("kind", KINDS)
def test_the_record_of_the_central_certificate_store_is_removed(request: pytest.FixtureRequest, controller: Controller, kind: str) -> None:
    with serving(request, controller, "healthy", kind) as server:
        before, port = server.host.state()["http"], server.host.port
        server.host.agent.set_record(Record("ccs", str(port), "", app_id="{00000000-0000-0000-0000-000000000000}"))
        assert server.controller.task("ssl_binding", endpoints=[f"ccs:{port}"], state="absent", take_over=True)["changed"]
        assert server.host.state()["http"] == before


def test_no_record_is_made_for_a_family_that_is_not_bound(request: pytest.FixtureRequest, controller: Controller) -> None:
    with serving(request, controller, "ipv6_unbound", "sim") as server:
        server.controller.task("ssl_binding", endpoints=["0.0.0.0:443"], state="absent")
        thumbprint = server.issued["old"].thumbprint
        bindings = server.controller.task("ssl_binding", certificate_hash=thumbprint, state="present")["bindings"]
        assert [binding["endpoint"] for binding in bindings] == ["0.0.0.0:443"]
