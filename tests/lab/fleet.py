# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fleets: many simulated hosts behind one WinRM server, each in the state of a scenario.

    with Fleet([Member("ber-vpn1", load("expired"), "berlin")]) as fleet:
        fleet.write(folder)  # inventory.yml, and a PFX for each host to rotate to
        fleet.hosts["ber-vpn1"].state()
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lab import scenario as scenarios
from lab.balancer import Balancer
from lab.inventory import Login, new_login, write_inventory
from lab.pki import Authority, Issued
from lab.scenario import Scenario
from lab.scenario_file import CertificateSpec
from lab.sim.host import SimHost
from lab.sstp_server.settings import USERS
from lab.winrm import WinRMServer

ROLE = "sstp_certificate_"
ROOT = "root.pem"


@dataclass(frozen=True)
class Member:
    """A host to be, in the state of a scenario; site: its group in the inventory."""

    name: str
    scenario: Scenario
    site: str | None = None


# A fresh host of that name, of the kind that the scenario wants.
Start = Callable[[str, Scenario], Any]


def simulated(name: str, scenario: Scenario) -> SimHost:
    """A simulated host that serves SSTP."""
    host = SimHost(name, **scenario.host_options("sim"))
    host.listen()
    return host


class Fleet:
    """Serves its hosts while it is entered."""

    def __init__(self, members: Sequence[Member], *, log: Path | None = None, start: Start = simulated) -> None:
        """No host is made before it is entered. log: a file that gets a line for each WinRM request; start: makes another kind of host."""
        self.members = members
        self.authority = Authority()
        self._start = start
        self.winrm = WinRMServer(log)
        self.hosts: dict[str, Any] = {}
        self.issued: dict[str, dict[str, Issued]] = {}
        self.balancers: dict[str, Balancer] = {}
        self._logins: dict[str, Login] = {}

    def __enter__(self) -> Fleet:
        """Make the hosts and serve them."""
        with contextlib.ExitStack() as stack:
            for member in self.members:
                wanted = with_own_names(member.scenario, member.name)
                host = self.hosts[member.name] = stack.enter_context(self._start(member.name, wanted))
                self.issued[member.name] = scenarios.apply(wanted, host, self.authority)
                self._logins[member.name] = new_login(member.name, member.site)
                if serves := wanted.rotation.balancer:
                    balancer = Balancer(self.issued[member.name][serves], ("127.0.0.1", host.listener.port))
                    self.balancers[member.name] = stack.enter_context(balancer)
            stack.enter_context(self.winrm)
            for name, login in self._logins.items():
                self.winrm.add(self.hosts[name], login.username, login.password)
            self._open = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """End it, and its hosts."""
        self._open.close()

    def _port(self, name: str) -> int:
        """Where clients of a host connect on this machine."""
        port: int = self.balancers[name].port if name in self.balancers else self.hosts[name].listener.port
        return port

    def write(self, folder: Path, *, heading: str = "") -> Path:
        """Write inventory.yml, which names for each host its scenario and what playbooks/rotate.yml shall bring it, those PFX files, and the root."""
        logins = []
        root = folder / ROOT
        save_root(root, self.authority)
        for member in self.members:
            login, scenario = self._logins[member.name], member.scenario
            own = rotation_variables(scenario, self.issued[member.name], folder / f"{member.name}.pfx")
            own |= probe_variables(with_own_names(scenario, member.name), self._port(member.name), root)
            if balancer := self.balancers.get(member.name):
                own[f"{ROLE}balancer"] = f"127.0.0.1:{balancer.port}"
            logins.append(replace(login, variables={**login.variables, "lab_scenario": scenario.name, **own}))
        path = folder / "inventory.yml"
        write_inventory(path, self.winrm, logins, heading=heading)
        return path


def save_root(path: Path, authority: Authority) -> None:
    """The root that clients are to trust, as PEM."""
    path.touch(mode=0o600)
    path.write_bytes(authority.root_pem)


def probe_variables(scenario: Scenario, port: int, root: Path) -> dict[str, Any]:
    """The role's variables for its look from outside: where the host is served on this machine, the name that clients dial, an account, and their root."""
    user, known = next(iter(USERS.items()))
    name = scenario.certificates[scenario.rotation.balancer or scenario.rotation.candidate].names[0]
    own = {"port": port, "host": name, "user": user, "password": known.password, "ca_path": str(root.resolve())}
    return {f"{ROLE}probe_{key}": value for key, value in own.items()}


def rotation_variables(scenario: Scenario, issued: Mapping[str, Issued], pfx: Path) -> dict[str, Any]:
    """The role's variables for the rotation of the scenario; where that brings a PFX, it is written to the path."""
    rotation = scenario.rotation
    variables = {ROLE + name: value for name, value in rotation.options.items()}
    if rotation.balancer:
        return variables
    candidate = issued[rotation.candidate]
    if rotation.by == "thumbprint":
        return {**variables, f"{ROLE}thumbprint": candidate.thumbprint}
    password = secrets.token_urlsafe(12)
    pfx.touch(mode=0o600)
    pfx.write_bytes(candidate.pfx(password))
    return {**variables, f"{ROLE}pfx": str(pfx.resolve()), f"{ROLE}pfx_password": password}


def with_own_names(scenario: Scenario, name: str) -> Scenario:
    """Where the scenario names no names of its own, the certificates are for the host."""
    plain, own = CertificateSpec().names, (f"{name}.example.com",)
    specs = {key: replace(spec, names=own) if spec.names == plain else spec for key, spec in scenario.certificates.items()}
    return replace(scenario, certificates=specs)
