# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmarks run, and say what they measured. How fast anything is, is nothing that is tested here."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import browser
import pytest
from bench import page, probe
from bench.figures import Figure, Report, ratios
from bench.helpers import helper
from bench.report import shown, write

REPOSITORY = Path(__file__).resolve().parents[2]


def run(folder: Path, *arguments: str, benchmark: str = "probe") -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "bench", benchmark, *arguments, "--output", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "tests")}
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_the_benchmark_of_the_probe_runs(tmp_path: Path) -> None:
    done = run(tmp_path, "--pairs", "2", "--rounds", "1", "--servers", "3", "--delay", "0.004")
    assert (done.returncode, done.stderr) == (0, "")
    data = json.loads((tmp_path / "probe.json").read_text())
    figures = data["figures"]
    for delay in ("0ms", "4ms"):
        assert {f"bare_{delay}", f"probe_{delay}", f"probe_over_bare_{delay}", f"one_{delay}", f"many_over_one_{delay}", f"peak_memory_{delay}"} <= set(figures)
        assert len(figures[f"probe_over_bare_{delay}"]["samples"].split()) == 2
        assert all(0 < figure["min"] <= figure["median"] <= figure["max"] for figure in figures.values())
    # Deterministic, both of them.
    assert [figures[f"round_trips_{who}"]["max"] for who in ("bare", "probe")] == [2, 2]
    assert figures["round_trip_4ms"]["min"] >= 4
    assert data["settings"]["servers"] == 3
    read = (tmp_path / "probe.md").read_text()
    for figure in figures.values():
        assert figure["what"] in read
        assert figure["what"] in done.stdout
    for text in (read, (tmp_path / "probe.json").read_text()):
        assert not any(secret in text for secret in (str(tmp_path), str(REPOSITORY), socket.gethostname()))


def test_the_benchmark_of_the_report_runs(tmp_path: Path) -> None:
    browser.needed()
    done = run(tmp_path, "--hosts", "60", "--few", "30", "--rounds", "2", benchmark="report")
    assert (done.returncode, done.stderr) == (0, "")
    data = json.loads((tmp_path / "report.json").read_text())
    figures = data["figures"]
    assert {"make", "make_ratio", "size_html", "load", "sort_text", "sort_number", "search_first", "search", "clear"} <= set(figures)
    assert len(figures["make_ratio"]["samples"].split()) == 2
    assert all(0 < figure["min"] <= figure["median"] <= figure["max"] for figure in figures.values())
    assert str(tmp_path) not in (tmp_path / "report.md").read_text()


def test_a_page_that_shows_other_hosts_is_no_figure() -> None:
    with pytest.raises(page.FailedError, match="shows 3 hosts, and should show 1"):
        page._expect(3, 1)


def test_a_probe_that_does_not_end_well_is_no_figure() -> None:
    with pytest.raises(probe.FailedError, match="1 of 1 probes"):
        probe._expect_well([ValueError("no")])


def test_the_relay_holds_back_and_keeps_the_order() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_echo, args=(listening,), daemon=True).start()
        with helper("relay", 0.05, listening.getsockname()[1]) as relay, socket.create_connection(("127.0.0.1", relay.answer()[0]), timeout=30) as client:
            begun = time.monotonic()
            for number in range(100):
                client.sendall(b"%d " % number)
            client.shutdown(socket.SHUT_WR)
            echoed = b"".join(iter(lambda: client.recv(4096), b""))
            assert time.monotonic() - begun >= 0.05
    assert echoed.split() == [b"%d" % number for number in range(100)]


def _echo(listening: socket.socket) -> None:
    connection, _ = listening.accept()
    with connection:
        while data := connection.recv(4096):
            connection.sendall(data)


def test_a_report(tmp_path: Path) -> None:
    figures = [Figure("a", "one over other", "x", ratios([2.0, 3.0, 8.0], [1.0, 2.0, 2.0]), 1.9), Figure("b", "time", "ms", [123.4])]
    assert (figures[0].median, figures[0].met, figures[1].met) == (2.0, False, None)
    report = Report("test", "A test", {"cores": 1}, {"pairs": 3}, figures, ["It was made up."])
    assert [line.split() for line in shown(report).splitlines()[3:5]] == [
        ["one", "over", "other", "1.50", "2.00", "4.00", "x", "1.9", "not", "met"],
        ["time", "123", "123", "123", "ms"],
    ]
    assert [path.name for path in write(report, tmp_path / "new")] == ["test.json", "test.md"]
    assert "| one over other | 1.50 | 2.00 | 4.00 | x | 1.9 not met |" in (tmp_path / "new" / "test.md").read_text()
    assert json.loads((tmp_path / "new" / "test.json").read_text())["figures"]["a"]["samples"] == "2 1.5 4"
