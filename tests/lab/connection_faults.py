# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the connection: what the WinRM server does at one moment of a conversation, on purpose."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class Moment(Enum):
    """Where in a conversation a fault strikes."""

    CREATE = "a shell is asked for"
    COMMAND = "a command is asked for and has not been started"
    STARTED = "the command has been started, its answer has not been sent"
    STDIN = "the command has received all of its standard input, the answer has not been sent"
    RECEIVE = "output is asked for, whether the command has ended or not"
    ANSWER = "the command has ended, its last output and exit code have not been sent"


class Dropped(Exception):
    """The TCP connection is to be closed without an answer."""


class HttpError(Exception):
    """The request is to be answered with a bare HTTP status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def drop() -> None:
    """Close the connection without an answer."""
    raise Dropped


def http_500() -> None:
    """Answer HTTP 500 without a SOAP fault."""
    raise HttpError(500)


Effect = Callable[[], None]


@dataclass
class _Planned:
    moment: Moment
    effect: Effect
    skip: int
    times: int


class Faults:
    """The faults planned for one host."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planned: list[_Planned] = []

    def plan(self, moment: Moment, effect: Effect, *, skip: int, times: int) -> None:
        with self._lock:
            self._planned.append(_Planned(moment, effect, skip, times))

    def clear(self) -> None:
        with self._lock:
            self._planned.clear()

    def strike(self, moment: Moment) -> None:
        """Have the effects that are due now; an effect may raise Dropped or HttpError, wait, or change the host."""
        for effect in self._due(moment):
            effect()

    def _due(self, moment: Moment) -> list[Effect]:
        due = []
        with self._lock:
            for planned in self._planned:
                if planned.moment is not moment or not planned.times:
                    continue
                if planned.skip:
                    planned.skip -= 1
                else:
                    planned.times -= 1
                    due.append(planned.effect)
        return due
