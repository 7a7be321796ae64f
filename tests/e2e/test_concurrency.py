# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs of ansible-playbook at one host at the same time."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lab import judge
from lab.host import Command, Output
from running import Controller
from servers import Site


def second_controller(site: Site) -> Controller:
    folder = site.controller.folder / "second"
    folder.mkdir()
    controller = Controller(folder, site.controller._collections)
    controller.inventory.write_text(site.controller.inventory.read_text())
    return controller


class Held:
    """A command of the host that does not begin before it may."""

    def __init__(self, start: Callable[[str], Command], line: str) -> None:
        self.may_begin = threading.Event()
        self._start, self._line = start, line
        self._input: list[tuple[bytes, bool]] = []
        self._command: Command | None = None

    def feed(self, data: bytes, *, end: bool) -> None:
        self._input.append((data, end))

    def receive(self, timeout: float) -> Output:
        if self._command is None:
            if not self.may_begin.wait(timeout):
                return Output(b"", b"", None)
            self._command = self._start(self._line)
            for data, end in self._input:
                self._command.feed(data, end=end)
        return self._command.receive(timeout)

    def terminate(self) -> None:
        if self._command is not None:
            self._command.terminate()


def hold(host: Any, number: int) -> list[Held]:
    """Hold the command of that number (from 1) from now on; it is in the list once it has come."""
    start, numbers, held = host.run, itertools.count(1), list[Held]()

    def run(line: str) -> Any:
        if next(numbers) != number:
            return start(line)
        held.append(Held(start, line))
        return held[0]

    host.run = run
    return held


def test_of_two_rotations_at_once_one_wins_and_the_other_gets_a_conflict(site: Site) -> None:
    """The second one has planned, and its switch is on its way, when the first one makes its own."""
    host, other = site.host, site.authority.issue(["vpn01.example.com"])
    host.keep(site.new)
    host.keep(other)
    second = second_controller(site)
    later, earlier = ({"target": "all", "sstp_certificate_thumbprint": issued.thumbprint} for issued in (other, site.new))
    held = hold(host, 3)  # two looks, and the switch
    with ThreadPoolExecutor() as pool:
        loser = pool.submit(second.playbook, "rras.sstp.rotate", variables=later)
        deadline = time.monotonic() + 200
        while not held:
            assert time.monotonic() < deadline, "there came no switch"
            time.sleep(0.05)
        try:
            assert site.controller.playbook("rras.sstp.rotate", variables=earlier).succeeded().one("rotate")["changed"]
        finally:
            held[0].may_begin.set()
        run = loser.result().failed()
    assert {words.partition(" (")[0] for words in run.failures} == {"The host has changed since it was looked at"}
    assert all(words.endswith("so nothing was touched; run again.") for words in run.failures)
    state = host.state()
    assert judge.working(state) == []
    assert {record["hash"] for record in state["http"]} == {site.new.thumbprint}
    assert {service["starts"] for service in state["services"].values()} == {2}, "the loser has restarted nothing"
    assert noted(state) == {site.old.thumbprint.upper()}


def noted(state: dict[str, dict[str, object]]) -> set[str]:
    """The certificates that were replaced."""
    return {name.rpartition("\\")[2] for name in state["product"] if name.startswith("Predecessors\\")}
