# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How people are told what they can try."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

ONCE = 'make collection; export ANSIBLE_COLLECTIONS_PATH="$PWD/build" PATH="$PWD/build/venv/bin:$PATH"'


def commands(inventory: Path, tries: Sequence[Sequence[str | Path]]) -> str:
    """The block that says how to try them; each is a command line without the inventory."""
    lines = [shlex.join([str(word) for word in (words[0], "-i", inventory, *words[1:])]) for words in tries]
    return "\n".join(
        [
            "Once, at the root of the repository, if the collection is not where Ansible looks for it:",
            f"  {ONCE}",
            "Then try:",
            *(f"  {line}" for line in lines),
            "",
            "Ctrl-C ends it.",
        ]
    )
