# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""python -m lab host: one host for a person to play with."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab.command_line import interrupts
from lab.command_line.files import BUILD, MARK, Refusal, claimed
from lab.command_line.scenarios import expectation, find, require
from lab.command_line.telling import commands
from lab.fleet import probe_variables, rotation_variables, save_root, with_own_names
from lab.inventory import GROUP, new_login, scalar, write_inventory
from lab.pki import Authority
from lab.scenario import Scenario, apply
from lab.scenario_file import CertificateSpec
from lab.sim.host import SimHost
from lab.wine import WineHost, WineLab
from lab.winrm import WinRMServer

DAYS_LEFT = 12


def run(options: argparse.Namespace) -> int:
    """Start the host, serve it until the interrupt, leave nothing."""
    scenario = with_own_names(find(options.scenario) if options.scenario else _ordinary(), options.name)
    kind, reason = _kind(options.kind, scenario)
    inventory: Path = options.inventory
    pfx, variables, root = (inventory.with_suffix(f".next.{kind}") for kind in ("pfx", "yml", "pem"))
    with claimed(inventory, [pfx, variables, root]):
        print(f"Starting a {kind} host{reason} ...", flush=True)
        with _started(kind, options, scenario) as host, WinRMServer(options.log) as server:
            authority = Authority()
            issued = apply(scenario, host, authority)
            login = new_login(options.name)
            server.add(host, login.username, login.password)
            save_root(root, authority)
            port = host.listener.port if isinstance(host, WineHost) else host.listen().port
            _save(variables, {**rotation_variables(scenario, issued, pfx), **probe_variables(scenario, port, root)})
            write_inventory(inventory, server, [login], heading=MARK)
            print(_told(host, scenario, inventory, variables), flush=True)
            interrupts.wait()
    return 0


def _ordinary() -> Scenario:
    """What a host is in without a scenario."""
    expiring = find("expiring")
    certificates = {**expiring.certificates, "old": CertificateSpec(days_left=DAYS_LEFT)}
    return replace(expiring, title=f"The server works, and its certificate expires in {DAYS_LEFT} days", certificates=certificates)


def _kind(wanted: str | None, scenario: Scenario) -> tuple[str, str]:
    """The kind of host, and why it is that one where nobody has chosen it. Refusal: that kind cannot be had."""
    missing = WineLab(BUILD).missing()
    if wanted is None and not scenario.runs_on("wine"):
        return "sim", f", as the scenario {scenario.name} runs on no other kind"
    if wanted is None and scenario.runs_on("sim"):
        return ("sim", f", as a wine host cannot be started here: {' '.join(missing)}") if missing else ("wine", ", as Wine is here (see --kind)")
    kind = wanted or "wine"
    require(scenario, kind)
    if kind == "wine" and missing:
        raise Refusal("\n  ".join(["A wine host cannot be started here:", *missing]))
    return kind, ""


def _started(kind: str, options: argparse.Namespace, scenario: Scenario) -> SimHost | WineHost:
    settings: dict[str, Any] = scenario.host_options(kind)
    if options.port:
        settings["port"] = options.port
    return SimHost(options.name, **settings) if kind == "sim" else WineLab(BUILD).host(options.name, **settings)


def _save(path: Path, variables: dict[str, Any]) -> None:
    path.touch(mode=0o600)
    path.write_text(MARK + "".join(f"{name}: {scalar(value)}\n" for name, value in variables.items()), encoding="utf-8")


def _told(host: SimHost | WineHost, scenario: Scenario, inventory: Path, variables: Path) -> str:
    reach = "127.0.0.1 and ::1"
    if isinstance(host, SimHost) and host.listener:
        reach = f"itself, and on port {host.listener.port} of this machine"
    with_variables = ("-e", f"@{variables}")
    tries = (
        ("ansible", GROUP, "-m", "rras.sstp.server_info"),
        ("ansible-playbook", "rras.sstp.audit"),
        ("ansible-playbook", "rras.sstp.rotate", *with_variables, "--check", "--diff"),
        ("ansible-playbook", "rras.sstp.rotate", *with_variables),
    )
    return f"""
{host.name} is up, with SSTP on port {host.port} of {reach}.

{scenario.title}
{expectation(scenario)}

The inventory, with the host in the group {GROUP}: {inventory}
The variables for the rotation: {variables}

{commands(inventory, tries)}"""
