# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ctrl-C, SIGTERM and a closed terminal: the first one ends a command in order."""

from __future__ import annotations

import signal
import threading

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def catch() -> None:
    """From now on each of them raises KeyboardInterrupt in the main thread; under nohup a closed terminal does not."""
    for number in SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)


def wait() -> None:
    """Return at the first interrupt."""
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print("\nEnding ...", flush=True)


def _interrupt(*_: object) -> None:
    for number in SIGNALS:  # those that follow do not disturb the cleaning up
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
