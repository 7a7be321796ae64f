# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection from a controller to a simulated host, in one process: it breaks where it is told to."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import in_place  # noqa: F401
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import ConnectionLost
from ansible_collections.rras.sstp.plugins.plugin_utils.reconnection import Reconnection
from lab.sim.errors import Killed
from lab.sim.host import SimHost

Options = dict[str, Any]


class ControllerEnded(BaseException):
    """Nobody is there any more to hear the answer."""


class Line:
    """Carries calls of windows_backend to the host; where its process is ended, no answer comes. calls: those that were sent, lost ones too."""

    def __init__(self, host: SimHost) -> None:
        self.calls: list[Options] = []
        self._host = host
        self.heal()

    def heal(self) -> None:
        """From now on nothing is lost."""
        self._next: Callable[[Options], Options] = self._host.call
        self._away_until = 0.0
        self._late: Options | None = None

    def lose_request(self) -> None:
        """The next change does not arrive."""
        self._next = self._lose

    def lose_answer(self) -> None:
        """The next change is made, and its answer does not come back."""
        self._next = lambda options: self._lose(self._host.call(options))

    def delay_request(self) -> None:
        """The next change arrives when it has been given up, behind the call that asks about it."""
        self._next = self._delay

    def end_controller(self) -> None:
        """The controller does not live to hear the answer to the next change."""
        self._next = self._end

    def stay_away(self, seconds: float) -> None:
        """The host cannot be reached for so long."""
        self._away_until = self._host.machine.clock.now() + seconds

    def reconnection(self) -> Reconnection:
        """By the host's clock, which leaps."""
        return Reconnection(300, clock=self._host.machine.clock.now, sleep=self._host.pass_time)

    def __call__(self, options: Options) -> Options:
        self.calls.append(options)
        if self._host.machine.clock.now() < self._away_until:
            raise ConnectionLost("Connection refused")
        send, late = self._host.call, self._late
        if options["operation"] == "apply" and not options.get("recover"):
            send, self._next = self._next, send
        try:
            answer = send(options)
        except Killed:
            raise ConnectionLost("Connection aborted") from None
        if late is not None:
            self._late = None
            self._host.call(late)
        return answer

    def _lose(self, _what: Any) -> Options:
        raise ConnectionLost("Read timed out")

    def _delay(self, options: Options) -> Options:
        self._late = options
        return self._lose(options)

    def _end(self, options: Options) -> Options:
        with contextlib.suppress(Killed):
            self._host.call(options)
        raise ControllerEnded
