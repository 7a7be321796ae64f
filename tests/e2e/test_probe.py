# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module probe in real playbooks, against the lab's SSTP server; the managed host itself cannot be reached."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import yaml
from lab.pki import Authority
from lab.sim.host import SimHost
from lab.sstp_server.listener import free_port
from running import Controller

NAME = "vpn.example.com"
PASSWORD = "Correct-Horse-7"
AUTHORITY = Authority()


@pytest.fixture
def host(controller: Controller) -> Iterator[SimHost]:
    """An SSTP server that works, of a name that the inventory has, whose WinRM port is closed."""
    with SimHost("vpn01") as made:
        made.install(AUTHORITY.issue([NAME]))
        made.listen()
        # Variables, as ansible-core shows the lines of a play around a task that fails.
        connection = {
            "where": "127.0.0.1",
            "ansible_host": "{{ where }}",
            "ansible_connection": "winrm",
            "ansible_port": free_port(),
            "ansible_user": "x",
            "ansible_password": "y",
            "probe_password": PASSWORD,
        }
        controller.inventory.write_text(yaml.safe_dump({"all": {"hosts": {NAME: connection}}}))
        (controller.folder / "ca.pem").write_bytes(AUTHORITY.root_pem)
        yield made


def login(server: SimHost, **more: Any) -> dict[str, Any]:
    assert server.listener
    return {"port": server.listener.port, "ca_path": "ca.pem", "depth": "login", "user": "probe", "password": "{{ probe_password }}", **more}


def test_a_login_while_the_managed_host_is_unreachable(controller: Controller, host: SimHost) -> None:
    """The name is the inventory's, as no certificate is for an IP address; check mode makes no difference."""
    assert host.listener
    assert controller.tasks({"rras.sstp.server_info": {}}).failed().entries[0].status == "unreachable"
    run = controller.tasks({"rras.sstp.probe": login(host)}, arguments=["-vvv"]).succeeded()
    result = run.one("probe")
    assert (result["ok"], result["changed"], result["crypto_binding"]) == (True, False, "accepted")
    assert result["target"] == {"host": NAME, "port": host.listener.port, "address": "127.0.0.1", "depth": "login"}
    assert PASSWORD not in run.output + repr(run.entries)
    checked = controller.task("probe", "--check", **login(host))
    assert (checked.keys(), checked["ok"]) == (result.keys(), True)
    assert [call.left for call in host.listener.await_calls(2)] == ["CALL_DISCONNECT"] * 2


def test_a_vpn_that_does_not_work_fails_the_task(controller: Controller, host: SimHost) -> None:
    assert host.listener
    new = AUTHORITY.issue([NAME])
    host.agent.import_pfx(new.pfx("x"), "x")
    for record in host.agent.records():
        host.agent.set_record(replace(record, hash=new.thumbprint), update=True)
    told, failing = {"fail_on": "never"}, {"host": NAME, "address": "::1"}
    run = controller.tasks({"rras.sstp.probe": login(host, **told)}, {"rras.sstp.probe": login(host, **failing)}, arguments=["-vvv"]).failed()
    results = run.of("probe")
    assert [result["verdict"]["code"] for result in results] == ["crypto_binding_refused"] * 2
    assert [entry.status for entry in run.entries] == ["ok", "failed"]
    assert run.failures == [results[1]["verdict"]["sentence"]]
    assert results[0].keys() < results[1].keys()
    assert PASSWORD not in run.output + repr(run.entries)
    assert len(host.listener.await_calls(2)) == 2


def test_options_that_cannot_be_meant(controller: Controller, host: SimHost) -> None:
    assert "A user and a password belong together" in controller.refusal("probe", user="probe")
    assert "A login needs a user and a password" in controller.refusal("probe", depth="login", fail_on="never")
    assert "none.pem of ca_path is not there" in controller.refusal("probe", ca_path="none.pem")
