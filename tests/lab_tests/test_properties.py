# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three promises about hosts in any state.

* A rotation ends with a server that works, or it fails and leaves the server as it was.
* A second rotation changes nothing.
* For a fit candidate, audit has a repairable finding just where --check says that something would change; and that is what comes.

What a rotation cannot help is told in promises.py, each with its reason. The examples are the same in every run. For others, and more of them:

    RRAS_SSTP_EXAMPLES=5000 PYTHONPATH=tests build/venv/bin/pytest -q tests/lab_tests/test_properties.py

A failing one is printed as a scenario, ready to be pasted into tests/lab/scenarios.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from host_states import HEALTHY, JOURNAL, Before, Example, examples, opened_once, placed
from hypothesis import HealthCheck, example, given, settings
from lab.pki import Issued
from lab.sim.host import SimHost
from promises import Rotated, asks_to_rest, check_end
from scenario_driver import Driver, Result, SstpError

Issues = dict[str, Issued]
MANY = os.environ.get("RRAS_SSTP_EXAMPLES")
quick = settings(
    max_examples=int(MANY or 500), derandomize=not MANY, database=None, deadline=None, suppress_health_check=list(HealthCheck), print_blob=False
)


@pytest.fixture(autouse=True, scope="module")
def quickly() -> Iterator[None]:
    with opened_once():
        yield


def rotated(host_state: Example, host: SimHost, issued: Issues) -> Rotated:
    before = host.state()
    result = Driver(host.call).rotate(host_state.scenario, issued)
    return Rotated(host_state.scenario, before, result, host.state())


def harmed(**harm: Any) -> Example:
    return Example({**HEALTHY, **harm})


@quick
@example(harmed(records={"ccs": {"owner": "IIS"}}, SstpSvc={"SHA1CertificateHash": "absent"}))
@example(harmed(registry={JOURNAL: {"0001": {"text": "no JSON"}}}))
@given(examples())
def test_a_rotation_ends_well_or_leaves_all_as_it_was(host_state: Example) -> None:
    with placed(host_state) as (host, issued):
        check_end(rotated(host_state, host, issued))


@quick
@given(examples())
def test_a_second_rotation_changes_nothing(host_state: Example) -> None:
    """What fails by then only is for the first promise, which also knows hosts that were rotated before."""
    with placed(host_state) as (host, issued):
        if rotated(host_state, host, issued).went_through:
            host.agent.clear_faults()
            second = rotated(host_state, host, issued)
            assert second.result.kind == "unchanged", second.result.words
            assert second.after == second.before


@quick
@example(Example(HEALTHY, (Before("new", ("made", 5)),)))
@given(examples(faults=False))
def test_findings_and_check_mode_agree(host_state: Example) -> None:
    with placed(host_state) as (host, issued):
        audit, checked = audited(host_state, host, issued), predicted(host_state, host, issued)
    if audit is not None and is_fit(audit["candidate"]) and not asks_to_rest(host_state.scenario):
        assert checked.kind in ("working", "unchanged"), checked.words
        assert checked.changed == audit["repairable"], [item["id"] for item in audit["findings"]]


@quick
@given(examples(faults=False))
def test_check_mode_touches_nothing_and_says_what_will_come(host_state: Example) -> None:
    with placed(host_state) as (host, issued):
        before = host.state()
        checked = predicted(host_state, host, issued)
        assert host.state() == before
        done = rotated(host_state, host, issued)
    if done.result.kind == "refused":
        assert (checked.kind, checked.words) == ("refused", done.result.words)
    elif done.went_through:
        assert (checked.kind, checked.changed) == (done.result.kind, done.result.changed)
        # What comes after an interrupted change is taken back shows only then.
        assert done.interrupted or checked.plan == done.result.plan


def audited(host_state: Example, host: SimHost, issued: Issues) -> dict[str, Any] | None:
    """What audit says of the candidate; None where the host cannot be read."""
    with suppress(SstpError):
        return Driver(host.call).audit(host_state.scenario, issued)
    return None


def is_fit(candidate: dict[str, Any]) -> bool:
    """Nothing stands against the candidate."""
    return candidate["refusal"] is None


def predicted(host_state: Example, host: SimHost, issued: Issues) -> Result:
    """The rotation in check mode, of the actions and of the back-end."""
    return Driver(lambda options: host.call(options, check_mode=True), check_mode=True).rotate(host_state.scenario, issued)
