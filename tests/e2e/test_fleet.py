# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A large fleet of simulated hosts behind one process of the lab: each is audited, none fails, and the lab stays small."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from lab.scenario import load
from running import Controller, Run
from servers import REPOSITORY

HOSTS = 200
SITES = 5
FORKS = 50
MEGABYTES = 300


@contextmanager
def fleet(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """`python -m lab fleet` as a process of its own, ready; nothing of it is left at the end, and it has complained of nothing."""
    command = [sys.executable, "-m", "lab", "fleet", "--hosts", str(HOSTS), "--sites", str(SITES), "--folder", str(folder)]
    pipe = subprocess.PIPE
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "tests")}
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True)
    try:
        assert process.stdout is not None
        while "Ctrl-C ends it" not in (line := process.stdout.readline()):
            assert line, process.communicate(timeout=60)
        yield process
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors, folder.exists()) == (0, "", False)


def scenarios(inventory: Path) -> dict[str, str]:
    """The scenario's name by host."""
    sites = yaml.safe_load(inventory.read_text(encoding="utf-8"))["sstp_servers"]["children"]
    assert len(sites) == SITES
    return {name: variables["lab_scenario"] for site in sites.values() for name, variables in site["hosts"].items()}


def peak_megabytes(process: subprocess.Popen[str]) -> float:
    """The most memory that the process has had at once."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{process.pid}/status").read_text(), re.M)
    assert found
    return int(found[1]) / 1024


def findings(run: Run) -> dict[str, list[str]]:
    """What audit found, by host."""
    return {entry.host: sorted(item["id"] for item in entry.result["findings"]) for entry in run.entries if entry.action == "rras.sstp.audit"}


def test_a_large_fleet_is_audited_by_a_small_process(controller: Controller, tmp_path: Path) -> None:
    with fleet(tmp_path / "fleet") as process:
        controller.inventory = tmp_path / "fleet" / "inventory.yml"
        wanted = {name: sorted(load(scenario).findings) for name, scenario in scenarios(controller.inventory).items()}
        run = controller.playbook("rras.sstp.audit", "-e", "fail_on=never", "--forks", str(FORKS)).succeeded()
        peak = peak_megabytes(process)
    assert {entry.status for entry in run.entries} == {"ok", "skipped"}
    assert len(wanted) == HOSTS
    assert findings(run) == wanted
    assert peak < MEGABYTES, f"{peak:.0f} MB"
