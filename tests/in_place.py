# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes this repository the collection rras.sstp of this process, found as ansible-core finds an installed one."""

from __future__ import annotations

import contextlib
from pathlib import Path

from ansible.plugins.loader import init_plugin_loader

REPOSITORY = Path(__file__).resolve().parents[1]
COLLECTIONS = REPOSITORY / "build" / "collections"
COLLECTION = COLLECTIONS / "ansible_collections" / "rras" / "sstp"


def _link() -> None:
    """Several pytest-xdist workers may do this at once: whoever comes first makes the link, the others find it."""
    COLLECTION.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        COLLECTION.symlink_to(REPOSITORY, target_is_directory=True)
    if not COLLECTION.samefile(REPOSITORY):
        raise RuntimeError(f"{COLLECTION} leads to another place than this repository; remove it.")


_link()
init_plugin_loader([str(COLLECTIONS)])
