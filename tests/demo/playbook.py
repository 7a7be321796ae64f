# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a playbook of the collection with ansible-playbook, and reads what came of each task."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.processes import kill_marked

from demo import text
from demo.ending import Ending

TESTS = Path(__file__).resolve().parents[1]
CALLBACKS = (TESTS / "demo/callback", TESTS / "e2e/callback")
# In the environment of everything that ansible-playbook starts: its workers leave its process group.
MARK = "RRAS_SSTP_DEMO"
KIND_SECONDS = 5.0


@dataclass(frozen=True)
class Entry:
    """The result of one task on one host, as e2e/callback/record.py writes it."""

    host: str
    status: str
    action: str
    task: str
    result: dict[str, Any]

    @property
    def module(self) -> str:
        """The last name of the task's module."""
        return self.action.rpartition(".")[2]


class Playbooks:
    """Where the demo's playbooks run: folder holds inventory.yml; the collection is below collections."""

    def __init__(self, folder: Path, collections: Path, ending: Ending) -> None:
        self._folder = folder
        self._collections = collections
        self._ending = ending
        self._runs = 0

    def run(self, arguments: Sequence[str]) -> list[Entry]:
        """Run `ansible-playbook` with these arguments, its lines on the terminal; Ended when the demo is to end meanwhile."""
        self._runs += 1
        results = self._folder / f"results-{self._runs}.jsonl"
        results.touch(mode=0o600)
        mark = f"{os.getpid()}-{secrets.token_hex(4)}"
        tool = Path(sys.executable).with_name("ansible-playbook")
        with (self._folder / "warnings.txt").open("w") as warnings:
            process = subprocess.Popen(
                [str(tool), *arguments],
                cwd=self._folder,
                env={**self._environment(results), MARK: mark},
                stdin=subprocess.DEVNULL,
                stderr=warnings,
                start_new_session=True,  # Ctrl-C of the terminal reaches the demo alone, which then ends this
            )
        try:
            self._wait(process)
        finally:
            _end(process, mark)
        return [Entry(**json.loads(line)) for line in results.read_text(encoding="utf-8").splitlines()]

    def warnings(self) -> str:
        """What ansible-playbook said on standard error in the last run."""
        return (self._folder / "warnings.txt").read_text(errors="replace")

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        while process.poll() is None:
            self._ending.check()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.2)
        self._ending.check()

    def _environment(self, results: Path) -> dict[str, str]:
        """Nothing of the viewer's own Ansible has a say."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        configuration = self._folder / "ansible.cfg"
        configuration.touch()
        return {
            **own,
            "PYTHONPATH": str(TESTS),
            "ANSIBLE_CONFIG": str(configuration),
            "ANSIBLE_HOME": str(self._folder / "ansible"),
            "ANSIBLE_COLLECTIONS_PATH": str(self._collections),
            "ANSIBLE_CALLBACK_PLUGINS": ":".join(str(path) for path in CALLBACKS),
            "ANSIBLE_STDOUT_CALLBACK": "fleet_lines",
            "ANSIBLE_CALLBACKS_ENABLED": "record",
            "ANSIBLE_RETRY_FILES_ENABLED": "0",
            "LAB_RESULTS": str(results),
            "DEMO_WIDTH": str(text.width()),
            "DEMO_COLOUR": "1" if text.wants_colour(os.environ) else "",
        }


def _end(process: subprocess.Popen[bytes], mark: str) -> None:
    """End it with its workers, if it still runs; ansible-core before 2.19 leaves them in its process group, later ones do not."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(KIND_SECONDS)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if Path("/proc/self/environ").exists():
        kill_marked(MARK, mark)
