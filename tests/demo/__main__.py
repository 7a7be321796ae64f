# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of the demo: `PYTHONPATH=tests python -m demo`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from demo.ending import Ended, Ending

BUILD = Path(__file__).resolve().parents[2] / "build"


def main(arguments: Sequence[str] | None = None) -> int:
    """0: all as the scenarios say; 1: not so; 130 or 143: ended by Ctrl-C or SIGTERM."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not (options.collections / "ansible_collections/rras/sstp").is_dir():
        parser.error(f"the collection is not below {options.collections}; `make collection` puts it there")
    ending = Ending()
    ending.listen()
    # Not before: importing cryptography takes a while, in which Ctrl-C is to be understood already.
    from demo.show import Places, show

    try:
        return show(Places(options.output.resolve(), options.collections.resolve()), ending)
    except Ended as ended:
        print("\nEnded before it was through. Nothing of it is left running, and its passwords and keys are removed.", flush=True)
        return 128 + ended.number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demo", description="Audit, rotate and audit a fleet of simulated SSTP servers.")
    parser.add_argument("--output", type=Path, default=BUILD / "demo", metavar="FOLDER", help="where the report goes (build/demo)")
    parser.add_argument("--collections", type=Path, default=BUILD, metavar="FOLDER", help="holds ansible_collections/rras/sstp (build; make collection)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
