# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs real playbooks with ansible-playbook, and reads what came of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Entry:
    """One result of one task on one host; for a loop, of one item."""

    host: str
    status: str
    action: str
    task: str
    result: dict[str, Any]


@dataclass(frozen=True)
class Run:
    """A finished run of ansible-playbook."""

    code: int
    output: str
    entries: list[Entry] = field(repr=False)

    def of(self, action: str, host: str | None = None) -> list[dict[str, Any]]:
        """The results of a module (its last name) that was not skipped, in order."""
        return [
            entry.result for entry in self.entries if entry.action.rpartition(".")[2] == action and entry.status != "skipped" and host in (None, entry.host)
        ]

    def one(self, action: str) -> dict[str, Any]:
        found = self.of(action)
        assert len(found) == 1, f"{action} ran {len(found)} times\n{self.output}"
        return found[0]

    @property
    def changed(self) -> list[str]:
        """The tasks that changed something."""
        return [entry.task for entry in self.entries if entry.status == "ok" and entry.result.get("changed")]

    @property
    def failures(self) -> list[str]:
        """The messages of the tasks that failed."""
        return [str(entry.result.get("msg")) for entry in self.entries if entry.status == "failed"]

    def changed_on(self, host: str) -> list[str]:
        """The tasks that changed something on one host."""
        return [entry.task for entry in self.entries if entry.host == host and entry.status == "ok" and entry.result.get("changed")]

    def failures_of(self, host: str) -> list[str]:
        """The messages of the tasks that failed on one host, or could not reach it."""
        return [str(entry.result.get("msg")) for entry in self.entries if entry.host == host and entry.status in ("failed", "unreachable")]

    def succeeded(self) -> Run:
        assert self.code == 0, self.output
        return self

    def failed(self) -> Run:
        assert self.code != 0, self.output
        return self


class Controller:
    """A place with an inventory, the collection and files, from which playbooks run."""

    def __init__(self, folder: Path, collections: Path) -> None:
        self.folder = folder
        self.inventory = folder / "inventory.yml"
        self._collections = collections
        self._runs = 0

    def playbook(
        self,
        playbook: str | Path | Sequence[Mapping[str, Any]],
        *arguments: str,
        variables: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Run:
        """Run a playbook: a collection's name or a path, or plays as data, with further arguments such as --check."""
        self._runs += 1
        results = self.folder / f"results-{self._runs}.jsonl"
        results.touch()
        extra = self.folder / f"vars-{self._runs}.json"
        extra.write_text(json.dumps(dict(variables or {})))
        if not isinstance(playbook, str | Path):
            path = self.folder / f"play-{self._runs}.yml"
            path.write_text(yaml.safe_dump(list(playbook), sort_keys=False))
            playbook = path
        tool = Path(sys.executable).with_name("ansible-playbook")
        done = subprocess.run(
            [str(tool), str(playbook), "-e", f"@{extra}", *arguments],
            cwd=self.folder,
            env={**os.environ, **self._environment(results), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=400,
            check=False,
        )
        entries = [Entry(**json.loads(line)) for line in results.read_text().splitlines()]
        return Run(done.returncode, done.stdout, entries)

    def command(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """A command of Ansible as a person types it, with its output."""
        tool = Path(sys.executable).with_name(words[0])
        environment = {**os.environ, **self._environment(self.folder / "results-of-commands.jsonl")}
        return subprocess.run(
            [str(tool), *words[1:]], cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=400, check=False,
        )  # fmt: skip

    def tasks(self, *tasks: Mapping[str, Any], arguments: Sequence[str] = (), **play: Any) -> Run:
        """Run tasks in one play on all hosts."""
        whole = {"hosts": "all", "gather_facts": False, **play, "tasks": [{"name": "Task", **task} for task in tasks]}
        return self.playbook([whole], *arguments)

    def task(self, module: str, *arguments: str, **options: Any) -> dict[str, Any]:
        """Run one module of the collection on the only host, and give its result."""
        return self.tasks({f"rras.sstp.{module}": options}, arguments=arguments).one(module)

    def refusal(self, module: str, *arguments: str, **options: Any) -> str:
        """Run one module that must fail, and give its message."""
        run = self.tasks({f"rras.sstp.{module}": options}, arguments=arguments).failed()
        assert len(run.failures) == 1, run.output
        return run.failures[0]

    def _environment(self, results: Path) -> dict[str, str]:
        return {
            "ANSIBLE_COLLECTIONS_PATH": str(self._collections),
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "record",
            "ANSIBLE_INVENTORY": str(self.inventory),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_RETRY_FILES_ENABLED": "0",
            "ANSIBLE_LOCAL_TEMP": str(self.folder / "ansible-tmp"),
            "HOME": str(self.folder),
            "PWD": str(self.folder),
            "LAB_RESULTS": str(results),
        }
