# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's winrm connection against the lab's WinRM server: what it sends, and what it makes of lost connections."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from lab.connection_faults import Effect, Moment, drop, http_500
from lab.inventory import Login, new_login, write_inventory
from lab.winrm import WinRMServer
from winrm_support import ProcessHost

pytest_plugins = ("winrm_fixtures",)

MODULE = """#!powershell
#AnsibleRequires -CSharpUtil Ansible.Basic
"""
ANSWER = """import json, sys; print(json.dumps({"changed": False, "received": len(sys.stdin.buffer.read())}))"""


@dataclasses.dataclass
class Controller:
    """Runs ad-hoc tasks against one host of the server."""

    server: WinRMServer
    host: ProcessHost
    folder: Path

    def run(self, module: str, arguments: str = "", group: str = "sstp_servers") -> dict[str, Any]:
        """The result of the task on the only host."""
        results = self.folder / "results"
        command = [sys.executable, "-m", "ansible", "adhoc", group, "-i", str(self.folder / "hosts.yml")]
        command += ["-m", module, "-a", arguments, "--tree", str(results)]
        subprocess.run(command, env=self._environment(), stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
        result: dict[str, Any] = json.loads((results / self.host.name).read_text())
        return result

    def _environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        nowhere = "http://127.0.0.1:9"
        return own | {
            "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"),
            "ANSIBLE_HOME": str(self.folder / "home"),
            "ANSIBLE_LIBRARY": str(self.folder / "library"),
            "HTTPS_PROXY": nowhere,
            "https_proxy": nowhere,
        }


def controller(server: WinRMServer, folder: Path, login: Login) -> Controller:
    host = ProcessHost(login.name, ANSWER)
    server.add(host, login.username, login.password)
    write_inventory(folder / "hosts.yml", server, [login])
    (folder / "ansible.cfg").touch()
    (folder / "library").mkdir()
    (folder / "library" / "lab_probe.ps1").write_text(MODULE)
    return Controller(server, host, folder)


@pytest.fixture
def ansible(server: WinRMServer, tmp_path: Path) -> Controller:
    return controller(server, tmp_path, new_login("vpn1"))


def test_raw(ansible: Controller) -> None:
    ansible.host.source = "print('hello')"
    result = ansible.run("raw", "echo hello")
    assert (result["stdout"].strip(), result["rc"]) == ("hello", 0)
    assert ansible.host.lines[0].startswith("PowerShell -NoProfile -NonInteractive ")
    assert ansible.server.commands("vpn1")[0].stdin_bytes == 0


def test_a_module_is_one_command_that_receives_it_whole(ansible: Controller) -> None:
    result = ansible.run("lab_probe")
    (command,) = ansible.server.commands("vpn1")
    assert result["received"] == command.stdin_bytes > 100_000
    assert ansible.server.shells("vpn1") == 0


def test_awkward_credentials(server: WinRMServer, tmp_path: Path) -> None:
    login = Login("vpn 1", "DOMAIN\\user", "{{ '1' }}: \"q\" # 443")
    assert "received" in controller(server, tmp_path, login).run("lab_probe")


def test_the_inventory_is_private(ansible: Controller) -> None:
    assert (ansible.folder / "hosts.yml").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("moment", "effect", "commands", "outcome"),
    [
        (Moment.CREATE, drop, 0, "unreachable"),
        (Moment.COMMAND, drop, 0, "failed"),
        (Moment.STARTED, drop, 1, "failed"),
        (Moment.STDIN, drop, 1, "recovered"),
        (Moment.RECEIVE, drop, 1, "failed"),
        (Moment.ANSWER, drop, 1, "failed"),
        (Moment.CREATE, http_500, 0, "unreachable"),
        (Moment.COMMAND, http_500, 0, "failed"),
        (Moment.STDIN, http_500, 1, "recovered"),
        (Moment.ANSWER, http_500, 1, "failed"),
    ],
)
def test_lost_connections(ansible: Controller, moment: Moment, effect: Effect, commands: int, outcome: str) -> None:
    ansible.server.fault("vpn1", moment, effect)
    result = ansible.run("lab_probe")
    seen = "unreachable" if result.get("unreachable") else "recovered" if "received" in result else "failed"
    assert (seen, ansible.server.calls("vpn1")) == (outcome, commands)


def test_ansible_terminates_a_command_whose_output_it_lost(ansible: Controller) -> None:
    ansible.host.source = "import sys, time; sys.stdin.read(); time.sleep(60)"
    ansible.server.fault("vpn1", Moment.RECEIVE)
    assert "RemoteDisconnected" in ansible.run("lab_probe")["msg"]
    assert ansible.host.commands[0].terminated == 1
