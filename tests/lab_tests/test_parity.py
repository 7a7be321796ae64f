# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated host answers as the real back-end does on Wine, field by field, in each scenario that both can have."""

from __future__ import annotations

import os

import module_call
import pytest
from fault_matrix import goes_through, plans
from lab import scenario as scenarios
from lab.pki import Authority
from lab.scenario import load, names
from lab.sim.host import SimHost
from lab.wine import WineLab
from needs_wine import prepared_lab
from parity import DEVIATIONS, answers, differences, recorded

EVERY = [name for name in names() if load(name).runs_on("sim") and load(name).runs_on("wine")]
# Of rotations whose plans have the same shape one stands for all, unless SSTP_WINE=all asks for each: a host under Wine takes seconds.
ONE_OF_A_SHAPE = {plan.name for plan in plans()}
ON_BOTH = EVERY if os.environ.get("SSTP_WINE") == "all" else [name for name in EVERY if name in ONE_OF_A_SHAPE or not goes_through(load(name))]


@pytest.fixture(scope="module")
def wine_lab() -> WineLab:
    return prepared_lab()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.mark.parametrize("name", ON_BOTH)
def test_both_kinds_of_host_give_the_same_facts(wine_lab: WineLab, authority: Authority, name: str) -> None:
    scenario = load(name)
    issued = scenarios.issue(scenario, authority)
    with wine_lab.host("vpn01", **scenario.host_options("wine")) as wine, SimHost("vpn01", **{**scenario.host_options("sim"), "port": wine.port}) as sim:
        calls = recorded(scenario, issued, authority, wine.port)
        for host in (wine, sim):
            scenarios.apply(scenario, host, authority, issued)
        said = answers(wine, lambda options: module_call.call(wine, options), calls)
        found = list(differences(answers(sim, sim.call, calls), said))
    unlike = [f"{field}: {left!r} on sim, {right!r} on wine" for field, left, right in found if not any(item.covers(name, field, right) for item in DEVIATIONS)]
    assert unlike == []
    own = [item for item in DEVIATIONS if name in item.scenarios]
    idle = [item.fields for item in own if not any(item.covers(name, field, right) for field, _, right in found)]
    assert idle == [], "they agree by now: take that deviation back"


def test_deviations_are_of_scenarios_that_are_there() -> None:
    assert {name for item in DEVIATIONS for name in item.scenarios} <= set(EVERY)
