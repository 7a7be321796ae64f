# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A command on a simulated host: it runs in the thread that ends its standard input."""

from __future__ import annotations

import threading
from collections.abc import Callable

from lab.command import TERMINATED
from lab.host import Output

# Standard input -> standard output and exit code.
Work = Callable[[bytes], tuple[bytes, int]]


class SimCommand:
    """Collects its standard input, then works at once: implements host.Command."""

    def __init__(self, work: Work) -> None:
        """Wait for standard input."""
        self._work = work
        self._input = bytearray()
        self._changed = threading.Condition()
        self._stdout = b""
        self._exit_code: int | None = None

    def feed(self, data: bytes, *, end: bool) -> None:
        """The work is done before this returns when it was the end; nothing is taken after it."""
        with self._changed:
            if self._exit_code is not None:
                return
            self._input += data
            if end:
                stdout, code = self._work(bytes(self._input))
                self._finish(stdout, code)

    def receive(self, timeout: float) -> Output:
        """All the output at once, then nothing but the exit code."""
        with self._changed:
            self._changed.wait_for(lambda: self._exit_code is not None, timeout)
            stdout, self._stdout = self._stdout, b""
            return Output(stdout, b"", self._exit_code)

    def terminate(self) -> None:
        """End it; what it has done is done."""
        with self._changed:
            if self._exit_code is None:
                self._finish(b"", TERMINATED)

    def _finish(self, stdout: bytes, code: int) -> None:
        self._input.clear()
        self._stdout, self._exit_code = stdout, code
        self._changed.notify_all()
