# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of the lab: `PYTHONPATH=tests python -m lab --help`."""

from __future__ import annotations

import contextlib
import importlib
import resource
import sys
from collections.abc import Sequence

from lab.command_line import interrupts
from lab.command_line.files import Refusal
from lab.command_line.parser import parser
from lab.scenario_file import ScenarioError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command of the lab; the exit code."""
    options = parser().parse_args(arguments)
    interrupts.catch()
    # Each host of a large fleet listens at two addresses, and many systems give a process 1024 files until it asks.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # Only now, and only the one: a fleet has nothing to do with Wine.
    command = importlib.import_module(f"lab.command_line.{options.command}")
    try:
        return int(command.run(options))
    except KeyboardInterrupt:
        return 0
    except (Refusal, ScenarioError) as error:
        print(error, file=sys.stderr)
    except OSError as error:
        if error.filename is None:
            raise
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)  # such as a folder that nobody may write to
    return 1


if __name__ == "__main__":
    sys.exit(main())
