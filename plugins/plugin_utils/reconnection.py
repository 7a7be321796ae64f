# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reaching a host again whose connection was lost. PRIVATE to the collection."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .errors import ConnectionLost
from .inputs import clean_number

Result = dict[str, Any]

# Seconds between two attempts: soon at first, as most breaks are short.
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 10.0


def _nothing() -> None:
    pass


def _silence(_sentence: str) -> None:
    pass


@dataclass(frozen=True)
class Reconnection:
    """How a lost connection is taken up again.

    timeout: for how many seconds it is tried. reset makes the connection anew, and raises ConnectionLost where that does not work. tell shows a
    sentence to the person who waits. clock gives seconds.
    """

    timeout: int = 300
    reset: Callable[[], None] = _nothing
    tell: Callable[[str], None] = _silence
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        clean_number(self.timeout, "reconnect_timeout", 0)

    def ask(self, question: Callable[[int], Result]) -> Result:
        """The answer of the first attempt that is not lost; each is told the whole seconds that are left. Raises the last ConnectionLost."""
        end = self.clock() + self.timeout
        pause = _FIRST_PAUSE
        while True:
            try:
                self.reset()
                return question(max(1, int(end - self.clock())))
            except ConnectionLost:
                if self.clock() + pause > end:
                    raise
            self.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
