# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the commands of the lab take, and the help that teaches them."""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path

from lab.command_line.files import BUILD

# Scenarios of every sort, each of which playbooks/rotate.yml brings to a server that works.
MIXTURE = (
    "healthy", "expiring", "stale_hash", "already_right", "expired", "pair_differs", "renewed_in_store_only", "ipv6_record_missing",
    "certificate_deleted", "hash_missing", "iis_shares_443_taken_over", "rras_stopped",
)  # fmt: skip

DESCRIPTION = """\
Test hosts for the collection rras.sstp on this machine's loopback interface, for people.

  host        one Windows server with SSTP: made of Wine, or simulated; in any state of the scenarios
  fleet       many simulated ones in one process, in several states, at several sites
  scenarios   the states that there are: broken as somebody has met it, or in order

Each ends with Ctrl-C and leaves nothing behind. `python -m lab host --help` tells more.
"""

HOST_DESCRIPTION = """\
Start one Windows server with SSTP behind a WinRM server, and wait for Ctrl-C.

Without --scenario the host works and serves a certificate that expires in 12 days. With one
it is in that state, and what audit and rotation should make of it is printed.

There are two kinds of host. One of Wine has a real registry, certificate store, service
manager and PowerShell, with doubles of HTTP.SYS and of the RRAS services, and serves TLS on
a port of this machine. A simulated one has all of that in memory: it needs no Wine and is
there at once, answers the modules of the collection only (not raw or win_ping), and nothing
of it listens but WinRM. The default is Wine where it is installed, else a simulated one.

Beside the inventory lie the variables for the rotation that follows, and the PFX that they
name. Ctrl-C (or SIGTERM, or closing the terminal) ends the host. Nothing outlives it:
neither a process, nor the host, nor these files.
"""
HOST_EPILOG = """\
examples, in two terminals at the root of the repository:
  1  PYTHONPATH=tests python -m lab host
     PYTHONPATH=tests python -m lab host --kind sim --scenario stale_hash
  2  the commands that the first terminal has printed
"""

FLEET_DESCRIPTION = f"""\
Start many simulated Windows servers with SSTP behind one WinRM server, and wait for Ctrl-C.

All of them live in this one process, which needs nothing but Python and its packages; with
200 hosts it stays below 100 MB. The inventory has a group for each site below sstp_servers.
For each host it has the name of its scenario (lab_scenario) and the variables for its
rotation, so that `ansible-playbook rras.sstp.rotate` needs nothing more. A simulated host
answers the modules of the collection only, not raw or win_ping.

The hosts take the scenarios in turn. Without --scenario those are, in this order:

{textwrap.fill(", ".join(MIXTURE), 88, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)}

Each of these can be rotated. For refusals and failures choose others: `python -m lab
scenarios` names them all.

Ctrl-C (or SIGTERM, or closing the terminal) ends the fleet. Nothing outlives it: neither a
process, nor the inventory, nor the PFX files beside it.
"""
FLEET_EPILOG = """\
examples, in two terminals at the root of the repository:
  1  PYTHONPATH=tests python -m lab fleet
     PYTHONPATH=tests python -m lab fleet --hosts 200 --sites 5
     PYTHONPATH=tests python -m lab fleet --scenario healthy --scenario rras_does_not_start
  2  the commands that the first terminal has printed
"""

SCENARIOS_DESCRIPTION = """\
List the scenarios, each with its title, for --scenario of the commands host and fleet.

Each is a file of tests/lab/scenarios; the README there says how one is written.
"""


def parser() -> argparse.ArgumentParser:
    """All of the command line."""
    form = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser(prog="python -m lab", description=DESCRIPTION, formatter_class=form)
    commands = top.add_subparsers(dest="command", required=True, metavar="command")
    host = commands.add_parser("host", help="start one host", description=HOST_DESCRIPTION, epilog=HOST_EPILOG, formatter_class=form)
    _add_host_options(host)
    fleet = commands.add_parser("fleet", help="start many simulated hosts", description=FLEET_DESCRIPTION, epilog=FLEET_EPILOG, formatter_class=form)
    _add_fleet_options(fleet)
    commands.add_parser("scenarios", help="list the states that hosts can be in", description=SCENARIOS_DESCRIPTION, formatter_class=form)
    return top


def _add_host_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--scenario", metavar="NAME", help="the state that the host is in: a name, or a path that ends in .yml")
    command.add_argument("--kind", choices=("sim", "wine"), help="simulated, or made of Wine (default: wine where it is installed)")
    command.add_argument("--name", default="vpn1", help="the host's name in the inventory (default: %(default)s)")
    command.add_argument("--port", type=int, help="the port that SSTP listens on (default: the scenario's or 443 for sim, a free one for wine)")
    command.add_argument("--inventory", type=_path, default=BUILD / "inventory.yml", help="where to write the inventory (default: build/lab/inventory.yml)")
    _add_log(command)


def _add_fleet_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--hosts", type=_count, default=12, metavar="N", help="how many hosts (default: %(default)s)")
    command.add_argument("--sites", type=_count, default=3, metavar="N", help="how many groups, site1 and so on, to spread them over (default: %(default)s)")
    command.add_argument("--scenario", action="append", metavar="NAME", help="a state that hosts are in: a name, or a path that ends in .yml; may be repeated")
    command.add_argument("--folder", type=_path, default=BUILD / "fleet", help="where to write inventory.yml and the PFX files (default: build/lab/fleet)")
    _add_log(command)


def _add_log(command: argparse.ArgumentParser) -> None:
    command.add_argument("--log", type=Path, metavar="FILE", help="append a line for each WinRM request to this file, which stays")


def _path(text: str) -> Path:
    return Path(text).absolute()


def _count(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return number
