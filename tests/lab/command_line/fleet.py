# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""python -m lab fleet: many simulated hosts for people and for measurements."""

from __future__ import annotations

import argparse
import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from lab.command_line import interrupts
from lab.command_line.files import MARK, claimed
from lab.command_line.parser import MIXTURE
from lab.command_line.scenarios import find, require
from lab.command_line.telling import commands
from lab.fleet import ROOT, Fleet, Member
from lab.inventory import GROUP

FORKS = 50


def run(options: argparse.Namespace) -> int:
    """Make the hosts, serve them until the interrupt, leave nothing."""
    members = _members(options)
    inventory: Path = options.folder / "inventory.yml"
    with claimed(inventory, [options.folder / ROOT, *(options.folder / f"{member.name}.pfx" for member in members)]):
        fleet = Fleet(members, log=options.log)
        with contextlib.ExitStack() as stack:
            with _progress(fleet):
                stack.enter_context(fleet)
                fleet.write(options.folder, heading=MARK)
            print(_told(fleet, inventory), flush=True)
            interrupts.wait()
    return 0


def _members(options: argparse.Namespace) -> list[Member]:
    """vpn1 and so on; each site has hosts that follow one another, as many as the other sites or one more."""
    chosen = [find(name) for name in options.scenario or MIXTURE]
    for scenario in chosen:
        require(scenario, "sim")
    width, sites = len(str(options.hosts)), min(options.sites, options.hosts)
    members = []
    for number in range(options.hosts):
        site = number * sites // options.hosts + 1
        members.append(Member(f"vpn{number + 1:0{width}}", chosen[number % len(chosen)], f"site{site}"))
    return members


@contextlib.contextmanager
def _progress(fleet: Fleet) -> Iterator[None]:
    """A line for each second that it takes."""
    ready = threading.Event()

    def show() -> None:
        while not ready.wait(1):
            print(f"{len(fleet.hosts)} of {len(fleet.members)} hosts are made ...", flush=True)

    teller = threading.Thread(target=show, daemon=True)
    teller.start()
    try:
        yield
    finally:
        ready.set()
        teller.join()


def _told(fleet: Fleet, inventory: Path) -> str:
    count, sites = len(fleet.members), len({member.site for member in fleet.members})
    scenarios = Counter(member.scenario.name for member in fleet.members)
    forks = ("--forks", str(min(FORKS, count)))
    tries = (
        ("ansible-playbook", "rras.sstp.audit", "-e", "fail_on=never", *forks),
        ("ansible-playbook", "rras.sstp.rotate", "--check", *forks),
        ("ansible-playbook", "rras.sstp.rotate", "-e", "batch=25%", *forks),
        ("ansible-playbook", "rras.sstp.audit", "--limit", "site1", *forks),
    )
    return f"""
{count} simulated host{"s are" if count > 1 else " is"} up, in {sites} site{"s" if sites > 1 else ""} below the group {GROUP}.
Scenarios (lab_scenario of each host): {", ".join(f"{name} ({number})" for name, number in scenarios.items())}
The inventory, with what the rotation brings each host: {inventory}

{commands(inventory, tries)}"""
