# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the tests of the WinRM server, loaded by them as a plugin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.winrm import WinRMServer
from winrm_support import SECRET, USER, ProcessHost


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "winrm.log"


@pytest.fixture
def server(log: Path) -> Iterator[WinRMServer]:
    with WinRMServer(log) as server:
        yield server


@pytest.fixture
def host(server: WinRMServer) -> ProcessHost:
    host = ProcessHost("vpn1")
    server.add(host, USER, SECRET)
    return host
