# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A command line that runs in a Wine host: implements host.Command."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

from lab.host import Output
from lab.processes import kill_marked

# What Windows gives for a process that was ended from outside (STATUS_CONTROL_C_EXIT), as WinRM writes it.
TERMINATED = -1073741510
MARK = "LAB_COMMAND"


class WineCommand:
    """A Windows process with its three pipes.

    The exit code comes after all output has been read and `settle` has run. Only its lowest 8 bits are right: that is
    all that a Unix process can give.
    """

    def __init__(self, argv: list[str], variables: dict[str, str], folder: Path, settle: Callable[[], None]) -> None:
        """Start it."""
        self.mark = uuid.uuid4().hex
        self._settle = settle
        self._changed = threading.Condition()
        self._stdout, self._stderr = bytearray(), bytearray()
        self._exit_code: int | None = None
        self._ended = self._terminated = False
        self._input: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            argv, stdin=pipe, stdout=pipe, stderr=pipe, cwd=folder, bufsize=0, start_new_session=True,
            env={**variables, MARK: self.mark},
        )  # fmt: skip
        for work in (self._write, self._wait):
            threading.Thread(target=work, daemon=True).start()

    def feed(self, data: bytes, *, end: bool) -> None:
        """Never blocks, whether the process reads or not."""
        self._input.put(data)
        if end:
            self._input.put(None)

    def receive(self, timeout: float) -> Output:
        """Whatever has come since the last call, or after at most timeout seconds nothing."""
        with self._changed:
            self._changed.wait_for(lambda: self._stdout or self._stderr or self._ended, timeout)
            output = Output(bytes(self._stdout), bytes(self._stderr), self._exit_code if self._ended else None)
            self._stdout.clear()
            self._stderr.clear()
        return output

    def terminate(self) -> None:
        """End the Windows process and all that it has started; the host's wineserver cleans up behind them."""
        self._terminated = True
        self._kill()

    def _kill(self) -> None:
        kill_marked(MARK, self.mark)

    def _write(self) -> None:
        assert self._process.stdin
        with contextlib.suppress(OSError), self._process.stdin as pipe:
            while (data := self._input.get()) is not None:
                view = memoryview(data)
                while view:
                    view = view[pipe.write(view) :]

    def _read(self, descriptor: int, buffer: bytearray) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(descriptor, 65536):
                with self._changed:
                    buffer.extend(data)
                    self._changed.notify_all()

    def _wait(self) -> None:
        assert self._process.stdout
        assert self._process.stderr
        pipes = (self._process.stdout, self._stdout), (self._process.stderr, self._stderr)
        readers = [
            threading.Thread(target=self._read, args=(pipe.fileno(), buffer), daemon=True) for pipe, buffer in pipes
        ]
        for reader in readers:
            reader.start()
        code = self._process.wait()
        for reader in readers:
            reader.join(2)
        if any(reader.is_alive() for reader in readers):  # something it has started keeps the pipes open
            self._kill()
            for reader in readers:
                reader.join()
        self._input.put(None)
        self._settle()
        for pipe, _ in pipes:
            pipe.close()
        with self._changed:
            self._exit_code = TERMINATED if self._terminated or code < 0 else code
            self._ended = True
            self._changed.notify_all()


class Refused:
    """The answer to a command line that the host does not know."""

    def __init__(self, sentence: str) -> None:
        """Say why."""
        self._text = sentence.encode() + b"\r\n"

    def feed(self, data: bytes, *, end: bool) -> None:
        """Nobody reads it."""

    def receive(self, timeout: float) -> Output:
        """The sentence and exit code 1."""
        text, self._text = self._text, b""
        return Output(b"", text, 1)

    def terminate(self) -> None:
        """It has ended already."""


def split_command_line(text: str) -> list[str]:
    """The arguments of a Windows command line, by the rules of the C runtime (quotes, backslashes before quotes)."""
    arguments: list[str] = []
    current, quoted, started, backslashes = "", False, False, 0
    for character in text + " ":
        if character == "\\":
            backslashes += 1
            started = True
            continue
        if character == '"':
            current += "\\" * (backslashes // 2)
            if backslashes % 2:
                current += '"'
            else:
                quoted = not quoted
            backslashes, started = 0, True
            continue
        current += "\\" * backslashes
        backslashes = 0
        if character in " \t\r\n" and not quoted:
            if started:
                arguments.append(current)
            current, started = "", False
        else:
            current += character
            started = True
    return arguments
