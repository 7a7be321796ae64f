# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a large fleet: how long it takes to make, how large it is, and how fast it sorts and filters in a browser."""

from __future__ import annotations

import importlib
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import audited_fleet
from browser import Browser, browser, missing

from bench.figures import Figure, Report, ratios

# The issue's own, in MB; and what https://web.dev/articles/inp calls good, in ms.
LIMIT_SIZE, LIMIT_ANSWER = 10.0, 200.0
# A host of a large fleet may cost a little more than one of a small fleet, but not more and more.
LIMIT_PER_HOST = 1.5
# Sorting is to be little beside what the browser does with the rows afterwards, which a busy machine slows down as much.
LIMIT_SORT = 1.5

_FORMATS = ("html", "json", "csv")
_HOW = [
    "`make bench` measures it anew. The fleets are made up (tests/audited_fleet.py), of the form that the audit returns: eight places to a host, one host "
    "in eight with findings, one in 24 not reached, up to five events to a host. The small and the large fleet take turns; a ratio is that of two neighbours.",
    "Making counts all that the module does from the results of a play to the contents of the three files: reading the records and those of the JSON of last "
    "time, comparing, page, JSON and CSV. Starting ansible-playbook and writing the files is not part of it.",
    "Sorting and filtering are measured in a headless Chromium, from the click or the input to the end of the layout that follows from it. The first search "
    "gathers the words of all hosts; those after it have them. On a machine that is busy with other things these times are long; the ratio to putting the "
    "same rows in once more without sorting them, which is the browser's own work, hardly depends on that.",
]

_SORT = """
const begun = performance.now();
document.querySelectorAll('#hosts-table thead button')[arguments[0]].click();
document.body.offsetHeight;
return performance.now() - begun;
"""
# The same rows once more, in the order that they have.
_LAY_OUT = """
const body = document.querySelector('#hosts-table tbody');
const begun = performance.now();
body.append(...body.rows);
document.body.offsetHeight;
return performance.now() - begun;
"""
_SEARCH = """
const field = document.getElementById('search');
field.value = arguments[0];
const begun = performance.now();
field.dispatchEvent(new Event('input', { bubbles: true }));
document.body.offsetHeight;
return performance.now() - begun;
"""
_ROWS = "return document.querySelectorAll('#hosts-table tbody tr:not([hidden])').length"
_LOADED = "const entry = performance.getEntriesByType('navigation')[0]; return entry.loadEventEnd - entry.startTime"


class FailedError(Exception):
    """What was measured did not work."""


@dataclass(frozen=True)
class Size:
    """hosts: of the large fleet; few: of the small one. rounds: of both."""

    hosts: int
    few: int
    rounds: int


def run(size: Size) -> Report:
    """Measure. Raises FailedError where there is no browser, or where the page did not do what it was asked for."""
    if reason := missing():
        raise FailedError(reason)
    importlib.import_module("in_place")
    load = round(os.getloadavg()[0], 1)
    small, large = _Fleet(size.few), _Fleet(size.hosts)
    taken = [(small.make(), large.make()) for _ in range(size.rounds + 1)][1:]
    per_host = [[seconds * 1000 / count for seconds in times] for times, count in zip(zip(*taken, strict=True), (size.few, size.hosts), strict=True)]
    figures = [
        Figure("make", f"making the report of {size.hosts} hosts", "s", [seconds for _small, seconds in taken]),
        Figure("make_per_host", f"the same, for each of {size.hosts} hosts", "ms", per_host[1]),
        Figure("make_per_host_few", f"the same, for each of {size.few} hosts", "ms", per_host[0]),
        Figure("make_ratio", f"each of {size.hosts} / each of {size.few}", "x", ratios(per_host[1], per_host[0]), LIMIT_PER_HOST),
        *(Figure(f"size_{kind}", f"size of the {kind.upper()}", "MB", [len(large.contents[kind]) / 1e6], LIMIT_SIZE) for kind in _FORMATS),
        *_in_browser(large, size),
    ]
    with browser() as chromium:
        version = str(chromium.driver.capabilities["browserVersion"])
    machine: dict[str, object] = {
        "cores": os.cpu_count(),
        "busy with other things, in cores": load,
        "Python": platform.python_version(),
        "Chromium": version,
    }
    settings: dict[str, object] = {"hosts": size.hosts, "few": size.few, "rounds": size.rounds}
    return Report("report", f"Benchmark of the report of {size.hosts} hosts", machine, settings, figures, _HOW)


class _Fleet:
    """What an audit of so many hosts has returned, today and the day before."""

    def __init__(self, count: int) -> None:
        package = "ansible_collections.rras.sstp.plugins.plugin_utils.report"
        self._making, self._results, self._document = (importlib.import_module(f"{package}.{name}") for name in ("making", "results", "document"))
        self._today = audited_fleet.large(count)
        yesterday = self._results.read_results(audited_fleet.large(count - 1))
        self._before = self._making.make(yesterday, "Fleet", audited_fleet.NOW, None, None).contents(["json"])["json"].decode()
        self.contents: dict[str, bytes] = {}

    def make(self) -> float:
        """Seconds."""
        begun = time.perf_counter()
        previous = self._document.read_json(self._before, "The previous report")
        made = self._making.make(self._results.read_results(self._today), "Fleet", audited_fleet.NOW, previous, previous)
        self.contents = made.contents(_FORMATS)
        return time.perf_counter() - begun


def _in_browser(fleet: _Fleet, size: Size) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder, browser() as chromium:
        path = Path(folder) / "report.html"
        path.write_bytes(fleet.contents["html"])
        rounds: list[dict[str, Any]] = [_visit(chromium, path, size.hosts) for _ in range(size.rounds)]
    yield Figure("sort_ratio", "sorting by host / the same rows unsorted", "x", [one["sort_text"] / one["lay_out"] for one in rounds], LIMIT_SORT)
    for name, what, limit in (
        ("load", "loading it in Chromium", None),
        ("lay_out", "laying all rows out anew, in Chromium", None),
        ("sort_text", "sorting by host", LIMIT_ANSWER),
        ("sort_number", "sorting by expiry", LIMIT_ANSWER),
        ("search_first", "the first search", None),
        ("search", "a search after it", LIMIT_ANSWER),
        ("clear", "showing all again", LIMIT_ANSWER),
    ):
        yield Figure(name, what, "ms", [taken[name] for taken in rounds], limit)


def _visit(chromium: Browser, path: Path, count: int) -> dict[str, float]:
    chromium.show(path)
    taken = {
        "load": float(chromium.run(_LOADED)),
        "lay_out": float(chromium.run(_LAY_OUT)),
        "sort_text": float(chromium.run(_SORT, 0)),
        "sort_number": float(chromium.run(_SORT, 3)),
    }
    for name, words, shown in (("search_first", "vpn0007", 1), ("search", "vpn0009", 1), ("clear", "", count)):
        taken[name] = float(chromium.run(_SEARCH, words))
        _expect(chromium.run(_ROWS), shown)
    return taken


def _expect(rows: int, shown: int) -> None:
    if rows != shown:
        raise FailedError(f"The page shows {rows} hosts, and should show {shown}.")
