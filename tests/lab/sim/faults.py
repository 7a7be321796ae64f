# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of a simulated host: calls of the Windows API that fail, and effects at a moment of the back-end's work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lab.sim.errors import Killed, WindowsError

# Moments of an apply; each is struck with the index of its change (undoing: of the change that is taken back; finished and kept, before and after its
# answer is kept: the number of changes).
MOMENTS = ("before", "journalled", "made", "undoing", "finished", "kept")


@dataclass
class _Fault:
    code: int
    skip: int
    times: int
    after: bool
    endpoint: str | None
    count: int = 0


@dataclass
class _Plan:
    moment: str
    effect: Callable[[], None]
    index: int | None
    skip: int
    times: int


def kill() -> None:
    """An effect: the back-end's process ends here, as when WinRM terminates it."""
    raise Killed


class Faults:
    """The faults of one host, counted for the machine as in the double of httpapi.dll."""

    def __init__(self) -> None:
        """None."""
        self._calls: dict[str, _Fault] = {}
        self._plans: list[_Plan] = []

    def call(self, function: str, code: int, *, skip: int = 0, times: int = 1, after: bool = False, endpoint: str | None = None) -> None:
        """Let calls of a function fail: after skip matching ones, times of them (0: for ever)."""
        self._calls[function] = _Fault(code, skip, times, after, endpoint)

    def plan(self, moment: str, effect: Callable[[], None] = kill, *, index: int | None = None, skip: int = 0, times: int = 1) -> None:
        """Have the effect at the next such moments of the back-end (of the change with that index)."""
        if moment not in MOMENTS:
            raise ValueError(f"{moment} is none of {', '.join(MOMENTS)}")
        self._plans.append(_Plan(moment, effect, index, skip, times))

    def clear(self) -> None:
        """Take all back."""
        self._calls.clear()
        self._plans.clear()

    def due(self, function: str, endpoint: str = "") -> tuple[int, bool]:
        """Count a call; the code that it shall give (0: none), and whether its work is done before."""
        fault = self._calls.get(function)
        if fault is None or (fault.endpoint is not None and fault.endpoint != endpoint):
            return 0, False
        fault.count += 1
        if fault.count <= fault.skip or (fault.times and fault.count > fault.skip + fault.times):
            return 0, False
        return fault.code, fault.after

    def check(self, function: str) -> None:
        """Raise what a call of a function that only fails or works shall give."""
        code, _ = self.due(function)
        if code:
            raise WindowsError(function, code)

    def strike(self, moment: str, index: int) -> None:
        """Have the effects that are due now."""
        for plan in list(self._plans):
            if plan.moment != moment or plan.index not in (None, index) or not plan.times:
                continue
            if plan.skip:
                plan.skip -= 1
            else:
                plan.times -= 1
                plan.effect()
