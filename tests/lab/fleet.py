# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fleets: many simulated hosts behind one WinRM server, each in the state of a scenario.

    with Fleet([Member("ber-vpn1", load("expired"), "berlin")]) as fleet:
        fleet.write(folder)  # inventory.yml, and a PFX for each host to rotate to
        fleet.hosts["ber-vpn1"].state()
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lab import scenario as scenarios
from lab.inventory import Login, new_login, write_inventory
from lab.pki import Authority, Issued
from lab.scenario import Scenario
from lab.scenario_file import CertificateSpec
from lab.sim.host import SimHost
from lab.winrm import WinRMServer

ROLE = "sstp_certificate_"


@dataclass(frozen=True)
class Member:
    """A host to be, in the state of a scenario; site: its group in the inventory."""

    name: str
    scenario: Scenario
    site: str | None = None


class Fleet:
    """Serves its hosts while it is entered."""

    def __init__(self, members: Sequence[Member], *, log: Path | None = None) -> None:
        """Nothing is made before it is entered. log: a file that gets a line for each WinRM request."""
        self.members = members
        self.winrm = WinRMServer(log)
        self.hosts: dict[str, SimHost] = {}
        self.issued: dict[str, dict[str, Issued]] = {}
        self._logins: dict[str, Login] = {}

    def __enter__(self) -> Fleet:
        """Make the hosts and serve them."""
        authority = Authority()
        for member in self.members:
            wanted = _with_own_names(member.scenario, member.name)
            host = SimHost(member.name, **wanted.host_options("sim"))
            self.issued[member.name] = scenarios.apply(wanted, host, authority)
            self.hosts[member.name] = host
            self._logins[member.name] = new_login(member.name, member.site)
        self.winrm.__enter__()
        for name, login in self._logins.items():
            self.winrm.add(self.hosts[name], login.username, login.password)
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.winrm.__exit__()

    def write(self, folder: Path, *, heading: str = "") -> Path:
        """Write inventory.yml, which names for each host what playbooks/rotate.yml shall bring it, and those PFX files."""
        logins = []
        for member in self.members:
            login = self._logins[member.name]
            logins.append(replace(login, variables={**login.variables, **self._rotation(member, folder)}))
        path = folder / "inventory.yml"
        write_inventory(path, self.winrm, logins, heading=heading)
        return path

    def _rotation(self, member: Member, folder: Path) -> dict[str, Any]:
        rotation = member.scenario.rotation
        candidate = self.issued[member.name][rotation.candidate]
        variables = {ROLE + name: value for name, value in rotation.options.items()}
        if rotation.by == "thumbprint":
            return {**variables, f"{ROLE}thumbprint": candidate.thumbprint}
        path, password = folder / f"{member.name}.pfx", secrets.token_urlsafe(12)
        path.touch(mode=0o600)
        path.write_bytes(candidate.pfx(password))
        return {**variables, f"{ROLE}pfx": str(path.resolve()), f"{ROLE}pfx_password": password}


def _with_own_names(scenario: Scenario, name: str) -> Scenario:
    """Where the scenario names no names of its own, the certificates are for the host."""
    plain, own = CertificateSpec().names, (f"{name}.example.com",)
    specs = {key: replace(spec, names=own) if spec.names == plain else spec for key, spec in scenario.certificates.items()}
    return replace(scenario, certificates=specs)
