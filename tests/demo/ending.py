# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ctrl-C and SIGTERM: noted when they come, acted upon where nothing can be left behind."""

from __future__ import annotations

import signal
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ended(Exception):
    """The demo is to end; number: the signal."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Ending:
    """Whether the demo has been told to end.

    An exception out of a signal handler could strike between making a file and knowing of it. So the handler only takes a
    note, and check() raises. Further signals do not disturb the cleaning up.
    """

    def __init__(self) -> None:
        self._number: int | None = None

    def listen(self) -> None:
        """From now on take note of signals."""
        for number in SIGNALS:
            signal.signal(number, self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._number = self._number or number

    def check(self) -> None:
        """Raise Ended once a signal has come."""
        if self._number is not None:
            raise Ended(self._number)
