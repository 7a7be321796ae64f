# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the WinRM server asks of a host, whatever its kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Output:
    """What a command has written since the last call; exit_code is None while it runs."""

    stdout: bytes
    stderr: bytes
    exit_code: int | None


class Command(Protocol):
    """One command line that runs on a host."""

    def feed(self, data: bytes, *, end: bool) -> None:
        """Give bytes to the command's standard input; end closes it."""

    def receive(self, timeout: float) -> Output:
        """Wait up to timeout seconds for output or the end of the command."""

    def terminate(self) -> None:
        """End the command at once, as WinRM's terminate signal does."""


class Host(Protocol):
    """A Windows host behind the WinRM server."""

    name: str

    def run(self, command_line: str) -> Command:
        """Start a command line such as 'PowerShell -NoProfile -EncodedCommand ...'."""
