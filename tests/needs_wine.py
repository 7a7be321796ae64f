# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab of Wine hosts, for fixtures of tests that need it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lab.wine import WineLab


def prepared_lab() -> WineLab:
    """The lab below build/; where it cannot be had, the test is skipped with the reason, and fails in CI."""
    lab = WineLab(Path(__file__).resolve().parents[1] / "build" / "lab")
    missing = lab.missing()
    if missing:
        text = "needs the wine host: " + " ".join(missing)
        if os.environ.get("CI"):
            pytest.fail(text)
        pytest.skip(text)
    lab.prepare()
    return lab
