# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text for the terminal: colour where it has it, and lines that fit."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Mapping

WIDEST = 120
FINGERPRINT = re.compile(r"\b([0-9A-Fa-f]{8})[0-9A-Fa-f]{32,}\b")
COLOURS = {"bold": "1", "red": "31", "green": "32", "yellow": "33", "blue": "36"}


def wants_colour(environment: Mapping[str, str]) -> bool:
    """Whether standard output is a terminal with colour, and nobody has said NO_COLOR."""
    return sys.stdout.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def width() -> int:
    """Columns to write in."""
    return max(60, min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns))


def paint(text: str, colour: str | None, *, on: bool) -> str:
    """The text in one of COLOURS."""
    return f"\033[{COLOURS[colour]}m{text}\033[0m" if on and colour and text else text


def short(text: str) -> str:
    """Thumbprints and hashes as their first eight digits."""
    return FINGERPRINT.sub(r"\1…", text)


def cut(text: str, columns: int) -> str:
    """No more than so many columns, the last one … where something is missing."""
    return text if len(text) <= columns else text[: columns - 1].rstrip() + "…"


def wrap(text: str, columns: int) -> list[str]:
    """Lines of no more than so many columns; at least one; breaks in the text stay."""
    return [line for part in text.split("\n") for line in textwrap.wrap(part, columns, break_on_hyphens=False)] or [""]
