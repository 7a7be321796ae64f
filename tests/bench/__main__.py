# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of the benchmarks: `PYTHONPATH=tests python -m bench probe`, or report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import page, probe
from bench.figures import Report
from bench.report import shown, write

DOCUMENTS = Path(__file__).resolve().parents[2] / "docs" / "benchmarks"


def main(arguments: Sequence[str] | None = None) -> int:
    """0: measured and written; 1: something that was measured did not work, so that its time means nothing."""
    options = _parser().parse_args(arguments)
    try:
        report = _run(options)
    except (page.FailedError, probe.FailedError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(shown(report))
    for path in write(report, options.output):
        print(f"written: {path}")
    return 0


def _run(options: argparse.Namespace) -> Report:
    if options.benchmark == "report":
        return page.run(page.Size(options.hosts, options.few, options.rounds))
    return probe.run(probe.Size(options.pairs, options.rounds, options.servers, options.delay))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure how fast the collection is.")
    kinds = parser.add_subparsers(dest="benchmark", required=True)
    one = kinds.add_parser("probe", help="the probe at depth sstp against a bare TLS client, and one server against many")
    one.add_argument("--pairs", type=int, default=40, metavar="NUMBER", help="of a bare client and a probe, at each delay (40)")
    one.add_argument("--rounds", type=int, default=7, metavar="NUMBER", help="of one server and all servers, at each delay (7)")
    one.add_argument("--servers", type=int, default=200, metavar="NUMBER", help="that are probed at the same time (200)")
    one.add_argument("--delay", type=float, default=0.02, metavar="SECONDS", help="the round trip through the relay (0.02)")
    two = kinds.add_parser("report", help="the report of a large fleet: making it, its size, and its speed in Chromium")
    two.add_argument("--hosts", type=int, default=1000, metavar="NUMBER", help="in the large fleet (1000)")
    two.add_argument("--few", type=int, default=100, metavar="NUMBER", help="in the small fleet that it is compared with (100)")
    two.add_argument("--rounds", type=int, default=5, metavar="NUMBER", help="of both fleets, and of visits to the page (5)")
    for each in (one, two):
        each.add_argument("--output", type=Path, default=DOCUMENTS, metavar="FOLDER", help="where the figures go (docs/benchmarks)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
