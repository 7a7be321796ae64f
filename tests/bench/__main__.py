# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of the benchmarks: `PYTHONPATH=tests python -m bench probe`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import probe
from bench.report import shown, write

DOCUMENTS = Path(__file__).resolve().parents[2] / "docs" / "benchmarks"


def main(arguments: Sequence[str] | None = None) -> int:
    """0: measured and written; 1: something that was measured did not work, so that its time means nothing."""
    options = _parser().parse_args(arguments)
    try:
        report = probe.run(probe.Size(options.pairs, options.rounds, options.servers, options.delay))
    except probe.FailedError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(shown(report))
    for path in write(report, options.output):
        print(f"written: {path}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure how fast the collection is.")
    kinds = parser.add_subparsers(dest="benchmark", required=True)
    one = kinds.add_parser("probe", help="the probe at depth sstp against a bare TLS client, and one server against many")
    one.add_argument("--pairs", type=int, default=40, metavar="NUMBER", help="of a bare client and a probe, at each delay (40)")
    one.add_argument("--rounds", type=int, default=7, metavar="NUMBER", help="of one server and all servers, at each delay (7)")
    one.add_argument("--servers", type=int, default=200, metavar="NUMBER", help="that are probed at the same time (200)")
    one.add_argument("--delay", type=float, default=0.02, metavar="SECONDS", help="the round trip through the relay (0.02)")
    one.add_argument("--output", type=Path, default=DOCUMENTS, metavar="FOLDER", help="where the figures go (docs/benchmarks)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
