# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that a command writes: never over those of somebody else, and gone when it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

BUILD = Path(__file__).resolve().parents[3] / "build/lab"
MARK = "# Written by the lab of rras.sstp; it is removed when the lab ends.\n"


class Refusal(Exception):
    """Why a command is not carried out: a sentence for people."""


@contextlib.contextmanager
def claimed(inventory: Path, beside: Sequence[Path]) -> Iterator[None]:
    """Keep the inventory and the files beside it for this process; at the end all of them are removed.

    Refusal: one of them is of somebody else, or of a lab that still runs.
    """
    made = not inventory.parent.exists()
    inventory.parent.mkdir(parents=True, exist_ok=True)
    handle = _lock(inventory, beside)
    try:
        yield
    finally:
        for path in (*beside, inventory):
            path.unlink(missing_ok=True)
        os.close(handle)
        if made:
            with contextlib.suppress(OSError):  # somebody has put something there
                inventory.parent.rmdir()


def _lock(inventory: Path, beside: Sequence[Path]) -> int:
    """The inventory, empty but for the mark, with the kernel's lock, which ends with this process however that ends."""
    left = _left_behind(inventory)
    taken = [inventory] if inventory.exists() and left is None else []
    taken += [path for path in beside if path.exists()] if left is None else []
    if taken:
        raise Refusal(f"{taken[0]} exists and was not written by the lab.")
    handle = os.open(inventory, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise Refusal(f"{inventory} is of a lab that still runs; choose another place.") from None
    for path in left or ():
        path.unlink(missing_ok=True)
    inventory.write_text(MARK, encoding="utf-8")
    return handle


def _left_behind(inventory: Path) -> list[Path] | None:
    """The files beside an inventory of the lab that it names; None where there is no such inventory."""
    text = inventory.read_text(encoding="utf-8", errors="replace") if inventory.exists() else ""
    if not text.startswith(MARK):
        return None
    return [path for path in inventory.parent.glob("*.p[fe][xm]") if str(path.resolve()) in text]
