# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Unix processes of Wine, told apart by their environment.

Wine's children leave the process group of what started them, but they inherit its environment. Services have that of the
host's first process, since services.exe starts them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path


def marked(name: str, value: str) -> list[int]:
    """The processes in whose environment a variable has exactly this value (this process left out)."""
    wanted = f"{name}={value}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != str(os.getpid()):
            with contextlib.suppress(OSError):
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


def kill_marked(name: str, value: str) -> None:
    """End them at once, also those that start meanwhile."""
    deadline = time.monotonic() + 10
    while (pids := marked(name, value)) and time.monotonic() < deadline:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)
