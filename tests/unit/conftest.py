# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes ansible_collections.rras.sstp importable: a tree with one symlink to this repository, on sys.path."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
COLLECTIONS = REPOSITORY / "build" / "collections"


def _link() -> None:
    """Several pytest-xdist workers may do this at once: whoever comes first makes the link, the others find it."""
    link = COLLECTIONS / "ansible_collections" / "rras" / "sstp"
    link.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        link.symlink_to(REPOSITORY, target_is_directory=True)
    if not link.samefile(REPOSITORY):
        raise RuntimeError(f"{link} leads to another place than this repository; remove it.")


_link()
if str(COLLECTIONS) not in sys.path:
    sys.path.insert(0, str(COLLECTIONS))
