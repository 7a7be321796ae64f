# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shells and their commands: what a client of the WinRM server has opened on one host."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from lab.host import Command, Host, Output

IDLE_SECONDS = 7200.0  # IdleTimeout of Windows Server


@dataclass
class CommandRecord:
    """What a test may ask about a command; seconds and exit_code are None while it runs."""

    started: float
    seconds: float | None = None
    stdin_bytes: int = 0
    exit_code: int | None = None


class RunningCommand:
    """One command with the output that did not fit into the last answer."""

    def __init__(self, command: Command, record: CommandRecord) -> None:
        self.id = str(uuid.uuid4()).upper()
        self.input_ended = False
        self._command = command
        self._record = record
        self._clock = time.monotonic()
        self._stdout = bytearray()
        self._stderr = bytearray()
        self._sending = threading.Lock()
        self._receiving = threading.Lock()

    def feed(self, data: bytes, *, end: bool) -> None:
        with self._sending:
            self._record.stdin_bytes += len(data)
            self.input_ended = self.input_ended or end
            self._command.feed(data, end=end)

    def receive(self, timeout: float, budget: int) -> Output | None:
        """Up to budget bytes of output; None if nothing happened in time. The exit code comes with the last byte."""
        if not self._receiving.acquire(timeout=timeout):
            return None
        try:
            if not self._pending() and self._record.exit_code is None:
                self._collect(self._command.receive(timeout))
            return self._take(budget)
        finally:
            self._receiving.release()

    def terminate(self) -> None:
        """End the command unless it is known to have ended."""
        if self._record.exit_code is None:
            self._finish(None)
            self._command.terminate()

    def _pending(self) -> bool:
        return bool(self._stdout or self._stderr)

    def _collect(self, output: Output) -> None:
        self._stdout += output.stdout
        self._stderr += output.stderr
        if output.exit_code is not None:
            self._finish(output.exit_code)

    def _finish(self, exit_code: int | None) -> None:
        if self._record.seconds is None:
            self._record.seconds = time.monotonic() - self._clock
        if exit_code is not None:
            self._record.exit_code = exit_code

    def _take(self, budget: int) -> Output | None:
        stdout = bytes(self._stdout[:budget])
        stderr = bytes(self._stderr[: budget - len(stdout)])
        del self._stdout[: len(stdout)]
        del self._stderr[: len(stderr)]
        exit_code = None if self._pending() else self._record.exit_code
        if not stdout and not stderr and exit_code is None:
            return None
        return Output(stdout, stderr, exit_code)


class Shell:
    """A shell of one host. It is idle while no request for it is being answered."""

    def __init__(self, host: Host, idle_seconds: float) -> None:
        self.id = str(uuid.uuid4()).upper()
        self.idle_seconds = idle_seconds
        self._host = host
        self._lock = threading.Lock()
        self._commands: dict[str, RunningCommand] = {}
        self._requests = 0
        self._last = time.monotonic()
        self._closed = False

    def __enter__(self) -> Shell:
        with self._lock:
            self._requests += 1
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._requests -= 1
            self._last = time.monotonic()

    def run(self, command_line: str, record: CommandRecord) -> RunningCommand:
        running = RunningCommand(self._host.run(command_line), record)
        with self._lock:
            self._commands[running.id] = running
            closed = self._closed
        if closed:
            self.close()
        return running

    def command(self, command_id: str) -> RunningCommand | None:
        with self._lock:
            return self._commands.get(command_id)

    def forget(self, command_id: str) -> None:
        with self._lock:
            self._commands.pop(command_id, None)

    def idle_until(self) -> float:
        """The moment of time.monotonic() at which the shell will have been idle for too long."""
        with self._lock:
            return (time.monotonic() if self._requests else self._last) + self.idle_seconds

    def close(self) -> None:
        """Terminate whatever runs."""
        with self._lock:
            self._closed = True
            commands = list(self._commands.values())
            self._commands.clear()
        for command in commands:
            command.terminate()


class Shells:
    """The shells of all hosts; one thread sleeps until the first of them has been idle for too long."""

    def __init__(self, on_idle: Callable[[str, Shell], None]) -> None:
        self._on_idle = on_idle
        self._changed = threading.Condition()
        self._shells: dict[tuple[str, str], Shell] = {}
        self._closed = False
        self._reaper = threading.Thread(target=self._reap, name="idle shells", daemon=True)

    def start(self) -> None:
        self._reaper.start()

    def open(self, host: Host, idle_seconds: float) -> Shell:
        shell = Shell(host, idle_seconds)
        with self._changed:
            self._shells[(host.name, shell.id)] = shell
            self._changed.notify()
        return shell

    def find(self, host_name: str, shell_id: str) -> Shell | None:
        with self._changed:
            return self._shells.get((host_name, shell_id))

    def remove(self, host_name: str, shell_id: str) -> None:
        with self._changed:
            shell = self._shells.pop((host_name, shell_id), None)
        if shell is not None:
            shell.close()

    def count(self, host_name: str) -> int:
        with self._changed:
            return sum(1 for name, _ in self._shells if name == host_name)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            shells = list(self._shells.values())
            self._shells.clear()
            self._changed.notify()
        for shell in shells:
            shell.close()
        if self._reaper.is_alive():
            self._reaper.join()

    def _reap(self) -> None:
        while True:
            with self._changed:
                if self._closed:
                    return
                now = time.monotonic()
                until = {key: shell.idle_until() for key, shell in self._shells.items()}
                idle = [(key[0], self._shells.pop(key)) for key, moment in until.items() if moment <= now]
                if not idle:
                    self._changed.wait(min(until.values()) - now if until else None)
                    continue
            for host_name, shell in idle:
                shell.close()
                self._on_idle(host_name, shell)
