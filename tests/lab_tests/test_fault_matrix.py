# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each change of each plan meets each fault: the server ends as it was or as wanted, the answer says which, and the next run puts right what is left."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import pytest
from fault_matrix import LAST, Fault, Plan, faults_of, plans
from lab.agent import REMOTE_ACCESS
from lab.raw_state import as_found
from lab.scenario_file import SERVICES
from lab.sim.host import SimHost
from lab.sstp_server.host_state import login_refused, uses_tls
from lab_line import ControllerEnded, Line
from scenario_driver import Driver, SstpError

CASES = [(plan, index, fault) for plan in plans() for index, change in enumerate(plan.changes) for fault in faults_of(plan, change)]
CASES += [(plan, len(plan.changes), fault) for plan in plans() for fault in LAST]


def shape(host: SimHost) -> dict[str, Any]:
    """What is to be as it was: without the times of the product's own notes and the random names of key containers; and whether a login would succeed."""
    state = host.state()
    shown = as_found(state)
    shown["product"] = {name: "a time" if name.startswith("Predecessors") else value for name, value in shown["product"].items()}
    shown["certificates"] = {store: sorted(item["thumbprint"] for item in items) for store, items in shown["certificates"].items()}
    shown["containers"] = len(shown["containers"])
    # One that was dead below another that runs comes up with that.
    runs = False
    for name in SERVICES:
        runs = runs or shown["services"].get(name) == "running"
        shown["services"][name] = "running" if runs else "stopped"
    # By the hashes that SstpSvc has in memory since its start, whatever is in the registry.
    shown["login refused"] = login_refused(state, hashes=host.held.look(state)) if uses_tls(state) else None
    return shown


def differing(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """What is not the same, and a login that does not work any more."""
    return {name: (one[name], other[name]) for name in one if one[name] != other[name] and (name != "login refused" or other[name] is not None)}


def is_as(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """A login may work that did not."""
    return not differing(wanted, found)


@functools.cache
def ends(plan: Plan) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The server before the plan, and after it where nothing goes wrong; and as it was before, but started anew."""
    with plan.start.server() as (host, options):
        before = shape(host)
        Driver(host.call).perform(plan.start.module, **options)
        after = shape(host)
    with plan.start.server() as (host, _options):
        host.reboot()
        return before, after, shape(host)


@dataclass
class Told:
    """What a run says of itself: whether it went through, whether it reports a change, and its sentence."""

    success: bool
    changed: bool
    words: str = ""


def run(plan: Plan, host: SimHost, line: Line, options: dict[str, Any]) -> Told | None:
    """None where the controller was ended in it."""
    driver = Driver(line, reconnection=line.reconnection())
    try:
        return Told(True, driver.perform(plan.start.module, **options)["changed"])
    except SstpError as error:
        return Told(False, bool(error.facts.get("changed")), str(error))
    except ControllerEnded:
        return None


def put_right(host: SimHost, line: Line) -> None:
    """The faults are over; what hangs takes a restart of the host, which somebody has done."""
    line.heal()
    host.faults.clear()
    for switch in [name for name in host.machine.switches if name.endswith(("STOPHANGS", "STARTFAILS"))]:
        del host.machine.switches[switch]
    if host.agent.value(REMOTE_ACCESS, "Fails") is not None:
        host.agent.delete_value(REMOTE_ACCESS, "Fails")
    if any(service.state.endswith("pending") for service in host.machine.services.all()):
        host.reboot()


def cannot_all_be_undone(plan: Plan, host: SimHost) -> bool:
    """A certificate that is deleted is gone; and HTTP.SYS never takes a record again whose certificate was not usable even before."""
    records = [record for record in host.machine.http.records() if record.family == "ip"]
    dead = any(not host.machine.stores.usable(record.store, record.hash) for record in records)
    return dead or any(change["kind"] == "delete_certificate" for change in plan.changes)


def test_there_are_plans_of_all_modules_and_enough_cases() -> None:
    assert {plan.start.module.__name__.rpartition(".")[2] for plan in plans()} == {
        "rotate", "restore", "restart", "ssl_binding", "registry_hash", "certificate",
    }  # fmt: skip
    assert len(CASES) > 300


@pytest.mark.parametrize(("plan", "index", "fault"), [pytest.param(*case, id=f"{case[0].name}-{case[1]}-{case[2].name}") for case in CASES])
def test_whatever_happens(plan: Plan, index: int, fault: Fault) -> None:
    as_was, wanted, booted = ends(plan)
    with plan.start.server() as (host, options):
        line = Line(host)
        irreversible = cannot_all_be_undone(plan, host)
        fault.arm(host, line, index)
        told = run(plan, host, line, options)
        after = shape(host)
        # What starts by itself has started when the host was.
        as_before = is_as(after, as_was) or (fault.reboots and is_as(after, booted))
        if not (fault.twofold or irreversible):
            assert as_before or is_as(after, wanted), f"neither as it was nor as wanted: {differing(as_was, after)}, {differing(wanted, after)}"
        if told is not None:
            check_words(told, as_before, is_as(after, wanted), fault.twofold or irreversible)
        put_right(host, line)
        again = run(plan, host, line, options)
        assert again is not None
        assert again.success, again.words
        assert is_as(shape(host), wanted), f"the next run has not put it right: {differing(wanted, shape(host))}"


def check_words(told: Told, as_before: bool, as_wanted: bool, may_be_stuck: bool) -> None:
    """What is said is what is so."""
    if told.success:
        assert as_wanted, "a success is told that is none"
    elif not told.changed:
        assert as_before, f"no change is told, and there is one: {told.words}"
    else:
        assert may_be_stuck, told.words
        assert "could not be undone" in told.words or "could not be taken back" in told.words or "is not known" in told.words, told.words
