# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes beside the measured one: the servers and the relay, so that neither shares its interpreter."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_TESTS = Path(__file__).resolve().parents[1]


class Helper:
    """One of them, as long as it runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def answer(self) -> Any:
        """The next line that it prints, as JSON."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"A helper of the benchmark has ended with exit code {self._process.wait()}.")
        return json.loads(line)

    def ask(self, line: object) -> Any:
        """Its answer to a line."""
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self.answer()


@contextlib.contextmanager
def helper(module: str, *arguments: object) -> Iterator[Helper]:
    """bench.module in a process of its own, which ends with the block."""
    words = [sys.executable, "-m", f"bench.{module}", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(_TESTS)}
    with subprocess.Popen(words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Helper(process)
        finally:
            process.terminate()
