# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the command line, as a module of its package (python -m) or by the path of this folder. PRIVATE to the collection."""

import importlib
import os
import sys

_PACKAGE = "plugin_utils.sstp"


def _run() -> int:
    package = __package__
    if not package:
        # Python looks into this folder first then, where http is not Python's own, and modules find their neighbours as parts of packages only.
        sys.path[0] = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        package = _PACKAGE
    try:
        command_line = importlib.import_module(f"{package}.command_line")
    except ModuleNotFoundError as error:
        print(f"The Python package {error.name} is missing; install what requirements.txt of the collection names.", file=sys.stderr)
        return 2
    code: int = command_line.main(sys.argv[1:])
    return code


if __name__ == "__main__":
    sys.exit(_run())
