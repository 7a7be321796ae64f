# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenarios with real playbooks: all of them on one fleet of simulated hosts; a choice, or with SSTP_WINE=all each one, on Wine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lab.scenario import load, names
from lab.wine import WineLab
from running import Controller
from stories import Story, check, tell

SIMULATED = [name for name in names() if load(name).runs_on("sim")]
# One for each way in which a rotation goes.
CHOICE = (
    "already_right", "acme_tool_renewed_iis", "bind_fails_with_1312_half_way", "certificate_deleted", "fresh_server", "key_deleted", "pair_differs",
    "stale_hash",
)  # fmt: skip
ON_WINE = [name for name in names() if load(name).runs_on("wine")] if os.environ.get("SSTP_WINE") == "all" else CHOICE


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, collections: Path) -> dict[str, Story]:
    return tell(Controller(tmp_path_factory.mktemp("fleet"), collections), SIMULATED)


@pytest.mark.xdist_group("fleet")
@pytest.mark.parametrize("name", SIMULATED)
def test_on_simulated_hosts(fleet: dict[str, Story], name: str) -> None:
    check(fleet[name])


@pytest.mark.parametrize("name", ON_WINE)
def test_on_wine(wine_lab: WineLab, controller: Controller, name: str) -> None:
    (story,) = tell(controller, [name], lambda host, scenario: wine_lab.host(host, **scenario.host_options("wine"))).values()
    check(story)
