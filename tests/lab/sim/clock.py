# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The time of a simulated host: it goes on with its source, and leaps where a real host would wait."""

from __future__ import annotations

import datetime
import heapq
import itertools
from collections.abc import Callable

POLL_SECONDS = 0.25


class Timer:
    """Something that will happen, unless it is cancelled."""

    def __init__(self, action: Callable[[], None]) -> None:
        """Not planned yet."""
        self.action = action
        self.cancelled = False

    def cancel(self) -> None:
        """It will not happen."""
        self.cancelled = True


class Clock:
    """Seconds of the source plus all that was skipped. offset: how wrong the host's own date is, in seconds."""

    def __init__(self, source: Callable[[], float]) -> None:
        """With a source that always gives the same number, time goes on by skip alone."""
        self._source = source
        self._skipped = 0.0
        self._planned: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self.offset = 0.0

    def now(self) -> float:
        """Seconds on the host's time line."""
        return self._source() + self._skipped

    def date(self) -> datetime.datetime:
        """What the host takes for the date, in UTC."""
        return datetime.datetime.fromtimestamp(self.now() + self.offset, datetime.timezone.utc)

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Have the action happen when so many seconds have passed."""
        timer = Timer(action)
        heapq.heappush(self._planned, (self.now() + seconds, next(self._order), timer))
        return timer

    def settle(self) -> None:
        """Let happen what is due."""
        self.skip(0.0)

    def skip(self, seconds: float) -> None:
        """Let time pass at once, and everything happen that falls into it, each at its moment."""
        until = self.now() + seconds
        while self._planned and self._planned[0][0] <= until:
            moment, _, timer = heapq.heappop(self._planned)
            self._skipped += max(0.0, moment - self.now())
            if not timer.cancelled:
                timer.action()
        self._skipped += max(0.0, until - self.now())

    def wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Look again and again, for so long; time leaps to where something happens, or to the end."""
        until = self.now() + seconds
        while not condition():
            left = until - self.now()
            if left <= 0:
                return False
            self.skip(POLL_SECONDS if self._next() <= until else left)
        return True

    def _next(self) -> float:
        while self._planned and self._planned[0][2].cancelled:
            heapq.heappop(self._planned)
        return self._planned[0][0] if self._planned else float("inf")
