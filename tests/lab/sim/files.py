# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a simulated host: those that the lab put there, by a path that may hold %variables%."""

from __future__ import annotations

import re

from lab.sim.errors import ACCESS_DENIED, WindowsError

VARIABLES = {
    "windir": r"C:\Windows",
    "systemroot": r"C:\Windows",
    "systemdrive": "C:",
    "programdata": r"C:\ProgramData",
    "programfiles": r"C:\Program Files",
}


class Files:
    """Paths without regard to case, as Windows has them."""

    def __init__(self) -> None:
        """None."""
        self._content: dict[str, bytes] = {}
        # Paths of files that cannot be read.
        self._denied: set[str] = set()

    def write(self, path: str, data: bytes, *, denied: bool = False) -> None:
        """Put a file there; denied: whoever reads it is refused."""
        self._content[_expanded(path)] = data
        (self._denied.add if denied else self._denied.discard)(_expanded(path))

    def read(self, path: str) -> bytes | None:
        """What is in a file; None where there is none, WindowsError where it is refused."""
        if _expanded(path) in self._denied:
            raise WindowsError(None, ACCESS_DENIED, f"Access to the path '{path}' is denied.")
        return self._content.get(_expanded(path))


def _expanded(path: str) -> str:
    return re.sub("%([^%]+)%", lambda found: VARIABLES.get(found[1].lower(), found[0]), path).lower()
