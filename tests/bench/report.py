# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report as a table for a terminal, and as JSON and Markdown."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from pathlib import Path

from bench.figures import Figure, Report

_HEADINGS = ["figure", "min", "median", "max", "", "target"]


def shown(report: Report) -> str:
    rows = [_HEADINGS, *map(_row, report.figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = ["  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]).rstrip() for row in rows]
    return "\n".join([report.title, "", *lines, ""])


def _row(figure: Figure) -> list[str]:
    target = "" if figure.limit is None else f"{figure.limit:g} {'met' if figure.met else 'not met'}"
    return [figure.what, *map(_number, (min(figure.samples), figure.median, max(figure.samples))), figure.unit, target]


def _number(value: float) -> str:
    """Three digits that count."""
    digits = 3 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{digits}f}"


def write(report: Report, folder: Path) -> list[Path]:
    """NAME.json with every sample, NAME.md to be read; both in folder."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{report.name}.json", folder / f"{report.name}.md"]
    paths[0].write_text(json.dumps(_as_data(report), indent=1) + "\n", encoding="utf-8")
    paths[1].write_text(_as_markdown(report), encoding="utf-8")
    return paths


def _as_data(report: Report) -> dict[str, object]:
    figures = {
        figure.id: {
            "what": figure.what,
            "unit": figure.unit,
            "min": round(min(figure.samples), 6),
            "median": round(figure.median, 6),
            "max": round(max(figure.samples), 6),
            "target": figure.limit,
            "met": figure.met,
            "samples": " ".join(f"{sample:.6g}" for sample in figure.samples),
        }
        for figure in report.figures
    }
    return {"benchmark": report.name, "machine": report.machine, "settings": report.settings, "figures": figures}


def _as_markdown(report: Report) -> str:
    table = [_line(_HEADINGS), _line(["---", *["---:"] * (len(_HEADINGS) - 1)]), *(_line(_row(figure)) for figure in report.figures)]
    facts = [f"* {name}: {value}" for name, value in {**report.machine, **report.settings}.items()]
    return "\n".join([f"# {report.title}", "", *table, "", "## How it was obtained", "", *facts, "", *_paragraphs(report.how)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _paragraphs(texts: Sequence[str]) -> list[str]:
    return [line for text in texts for line in (textwrap.fill(text, 140, break_on_hyphens=False), "")]
