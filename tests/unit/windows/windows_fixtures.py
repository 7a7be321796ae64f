# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the gates over the Windows half, loaded by them as a plugin."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from windows_gates import BACKEND, BUILD, Engine


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """One engine for all gates. Its prefix lies beside the prepared one: cloning makes hard links."""
    folder = BUILD / "hosts" / f"gates-{os.getpid()}"
    engine = Engine(folder)
    try:
        yield engine
    finally:
        engine.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def backend(engine: Engine) -> dict[str, Any]:
    """What windows_backend.ps1 is made of."""
    return engine.read([BACKEND.read_text()])[0]
