# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's command line: what it prints and writes, and that it leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from lab.wine import WineLab

TESTS = Path(__file__).parents[1]
MISSING = WineLab(Path("build/lab")).missing()


def lab(*arguments: str, **variables: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(TESTS)} | variables
    command = [sys.executable, "-m", "lab", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True)


def processes_with(text: str) -> list[str]:
    """The command lines of the processes whose environment has the text."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if text.encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("arguments", [["--help"], ["host", "--help"]])
def test_help(arguments: list[str]) -> None:
    out, _ = lab(*arguments).communicate(timeout=60)
    assert "Ctrl-C" in out or "Wine" in out


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    process = lab("host", "--inventory", str(tmp_path / "hosts.yml"), LAB_PWSH=str(tmp_path / "none.exe"))
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, "none.exe" in errors) == (1, True)


@pytest.mark.skipif(bool(MISSING), reason=" ".join(MISSING))
def test_a_file_of_somebody_else_is_kept(tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.yml"
    inventory.write_text("mine")
    process = lab("host", "--inventory", str(inventory))
    process.communicate(timeout=60)
    assert (process.returncode, inventory.read_text()) == (1, "mine")


@pytest.mark.skipif(bool(MISSING), reason=" ".join(MISSING))
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_host_for_a_person(tmp_path: Path, number: signal.Signals) -> None:
    inventory = tmp_path / "hosts.yml"
    process = lab("host", "--inventory", str(inventory), "--name", "mine", "--log", str(tmp_path / "log"))
    folder = f"hosts/mine-{process.pid}-"  # WINEPREFIX of everything that runs in the host
    try:
        assert process.stdout is not None
        printed = ""
        while "Ctrl-C ends it" not in printed:
            line = process.stdout.readline()
            assert line, process.stderr.read() if process.stderr else ""
            printed += line
        assert str(inventory) in printed
        assert sorted(path.name for path in tmp_path.iterdir()) == ["hosts.next.pfx", "hosts.next.yml", "hosts.yml", "log"]
        result = ansible_raw(inventory, tmp_path / "home")
        assert "443" in result.stdout, result
        assert processes_with(folder)
    finally:
        process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("hosts")] == []
    end = time.monotonic() + 10
    while left := processes_with(folder):
        assert time.monotonic() < end, left
        time.sleep(0.1)


def ansible_raw(inventory: Path, home: Path) -> subprocess.CompletedProcess[str]:
    home.mkdir()
    (home / "ansible.cfg").touch()
    environment = os.environ | {"ANSIBLE_HOME": str(home), "ANSIBLE_CONFIG": str(home / "ansible.cfg")}
    command = [sys.executable, "-m", "ansible", "adhoc", "sstp_servers", "-i", str(inventory), "-m", "raw", "-a", "400 + 43"]
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
