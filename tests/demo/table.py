# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table before and after, for the terminal and for the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from demo import text
from demo.outcome import Audit, Look, Seen

HEAD = ("host", "what the lab did to it", "SSTP works", "audit before", "rotation", "audit after", "SSTP works")
WIDE = (8, 32, 5, 25, 11, 22, 5)
NARROW = (8, 0, 5, 11, 11, 11, 5)  # 0: what is left
ROTATED = {"working": "rotated", "unchanged": "not needed"}


@dataclass(frozen=True)
class Cell:
    """Text with breaks in it, and its colour."""

    text: str
    colour: str | None = None


def row(seen: Seen, *, counted: bool = False) -> tuple[Cell, ...]:
    """A host as the cells under HEAD; counted: findings as their number."""
    after = _found(seen.after.audit, counted=counted)
    if seen.before.audit.ids == seen.after.audit.ids and after.text != "none":
        after = Cell("as before", after.colour)
    before = _found(seen.before.audit, counted=counted)
    return (Cell(seen.story.name), Cell(seen.story.told), _works(seen.before), before, _rotation(seen), after, _works(seen.after))


def _works(look: Look) -> Cell:
    return Cell("NO", "red") if look.reasons else Cell("yes", "green")


def _found(audit: Audit, *, counted: bool) -> Cell:
    if audit.trouble:
        return Cell(audit.trouble.partition(":")[0], "red")
    if not audit.findings:
        return Cell("none", "green")
    colour = "red" if any(finding["severity"] == "error" for finding in audit.findings) else "yellow"
    if counted:
        return Cell(f"{len(audit.findings)} found", colour)
    return Cell("\n".join(name if count == 1 else f"{name} x{count}" for name, count in Counter(audit.ids).items()), colour)


def _rotation(seen: Seen) -> Cell:
    kind = seen.rotation.kind
    if kind == "failed" and seen.taken_back:
        return Cell("failed and\ntaken back", "yellow")
    colour = {"working": "green", "unchanged": "green", "refused": "yellow"}.get(kind, "red")
    return Cell(ROTATED.get(kind, kind), colour)


def lines(everyone: Sequence[Seen], columns: int, *, colour: bool) -> Iterator[str]:
    """The table for a terminal of so many columns, a heading for each site."""
    narrow = columns < text.WIDEST
    gap = " " if narrow else "  "
    widths = list(NARROW if narrow else WIDE)
    widths[1] = widths[1] or max(12, columns - sum(widths) - len(gap) * (len(widths) - 1))
    yield from _lines([Cell(name, "bold") for name in HEAD], widths, gap, colour=colour)
    site = ""
    for seen in everyone:
        if seen.story.site != site:
            site = seen.story.site
            yield text.paint(f"--- {site} ".ljust(columns, "-"), "blue", on=colour)
        yield from _lines(row(seen, counted=narrow), widths, gap, colour=colour)


def _lines(cells: Sequence[Cell], widths: Sequence[int], gap: str, *, colour: bool) -> Iterator[str]:
    columns = [text.wrap(cell.text, width) for cell, width in zip(cells, widths, strict=True)]
    for parts in zip_longest(*columns, fillvalue=""):
        # Painted after it is padded: the terminal does not count the marks.
        painted = [text.paint(part.ljust(width), cell.colour, on=colour and bool(part)) for part, width, cell in zip(parts, widths, cells, strict=True)]
        yield gap.join(painted).rstrip()
