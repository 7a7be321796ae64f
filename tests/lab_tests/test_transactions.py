# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Transactions of windows_backend: what a host says of one whose answer was lost. The same on both kinds of host."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import module_call
import pytest
from lab.sim.host import SimHost
from needs_wine import prepared_lab

LAB = r"SOFTWARE\lab"
TRANSACTIONS = r"SOFTWARE\rras.sstp\Transactions"
JOURNAL = r"SOFTWARE\rras.sstp\Journal"
# Known to fail: nothing is ever called like that.
NEVER = {"kind": "await", "timeout": 0, "required": True, "conditions": [{"kind": "service", "name": "SstpSvc", "state": "never", "text": "SstpSvc is never"}]}

NUMBERS = itertools.count(1)

Apply = Callable[..., dict[str, Any]]


def simulated() -> Iterator[tuple[Any, Apply]]:
    with SimHost("vpn01") as host:
        yield host, lambda *changes, **options: host.call({"operation": "apply", "changes": list(changes), "facets": ["sstp"], **options})


def under_wine() -> Iterator[tuple[Any, Apply]]:
    with prepared_lab().host("vpn01") as host:
        yield host, lambda *changes, **options: module_call.call(host, {"operation": "apply", "changes": list(changes), "facets": ["sstp"], **options})


# One host for the whole file: each call under Wine takes seconds. So no test may stumble over what another has left.
@pytest.fixture(scope="module", params=["sim", "wine"])
def kind(request: pytest.FixtureRequest) -> Iterator[tuple[Any, Apply]]:
    yield from simulated() if request.param == "sim" else under_wine()


# What calls nothing that another test does not call under Wine.
SIMULATED = pytest.mark.parametrize("kind", ["sim"], indirect=True)


@pytest.fixture
def host(kind: tuple[Any, Apply]) -> Any:
    return kind[0]


@pytest.fixture
def apply(kind: tuple[Any, Apply]) -> Apply:
    return kind[1]


def new_id() -> str:
    """Each sorts behind all that were before it."""
    return f"{next(NUMBERS):06d}"


def value(name: str, data: str = "new") -> dict[str, Any]:
    return {"kind": "set_registry_value", "path": LAB, "name": name, "value_kind": "string", "data": data}


def product(host: Any) -> dict[str, Any]:
    return host.state()["product"] or {}


def written(host: Any, name: str) -> str | int | None:
    found: str | int | None = host.agent.value(LAB, name)
    return found


def told(result: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(result["answer"])
    return answer


def test_an_answer_is_kept_until_four_others_have_come(host: Any, apply: Apply) -> None:
    first, *others = [new_id() for _ in range(5)]
    done = apply(value("kept"), transaction=first)
    again = apply(recover=True, transaction=first)
    assert (again["outcome"], again["undone"], again["not_undone"], again["changed"]) == ("kept", [], [], False)
    assert told(again) == {name: done[name] for name in ("outcome", "changed", "changes", "failure", "undone", "not_undone")}
    for other in others:
        apply(transaction=other)
    assert sorted(name for name in product(host) if name.startswith("Transactions\\")) == [f"Transactions\\{other}" for other in others]


@SIMULATED
def test_a_failure_is_kept_with_what_was_undone(host: Any, apply: Apply) -> None:
    one = new_id()
    failed = apply(value("undone"), NEVER, transaction=one)
    assert (failed["outcome"], [entry["index"] for entry in failed["undone"]]) == ("failed", [0])
    answer = told(apply(recover=True, transaction=one))
    assert (answer["outcome"], answer["failure"], answer["undone"]) == ("failed", failed["failure"], failed["undone"])
    assert written(host, "undone") is None


def test_one_that_never_began_must_not_begin_any_more(host: Any, apply: Apply) -> None:
    one = new_id()
    asked = apply(recover=True, transaction=one)
    assert (asked["outcome"], asked["changed"]) == ("cancelled", False)
    late = apply(value("late"), transaction=one)
    assert (late["outcome"], late["changes"], late["changed"]) == ("cancelled", [], False)
    assert written(host, "late") is None
    assert apply(recover=True, transaction=one)["outcome"] == "kept"


@SIMULATED
def test_one_that_went_through_is_not_begun_again(host: Any, apply: Apply) -> None:
    one = new_id()
    apply(value("once", "1"), transaction=one)
    assert apply(value("once", "2"), transaction=one)["outcome"] == "cancelled"
    assert written(host, "once") == "1"


@SIMULATED
def test_without_an_id_nothing_is_kept(host: Any, apply: Apply) -> None:
    before = product(host)
    assert apply(value("nameless"))["outcome"] == "applied"
    assert apply(recover=True)["outcome"] == "recovered"
    assert product(host) == before


def test_a_journal_whose_change_went_through_is_cleared_and_not_run(host: Any, apply: Apply) -> None:
    """The process was ended between keeping its answer and clearing its journal."""
    one = new_id()
    apply(value("through", "1"), transaction=one)
    back = {"kind": "delete_registry_value", "path": LAB, "name": "through"}
    host.agent.set_value(JOURNAL, "0000", json.dumps(back))
    host.agent.set_value(JOURNAL, "Transaction", one)
    recovered = apply(recover=True)
    assert (recovered["outcome"], recovered["undone"], recovered["changed"]) == ("recovered", [], False)
    assert written(host, "through") == "1"
    assert not any(name.startswith("Journal") for name in product(host))


@SIMULATED
def test_a_journal_of_one_that_did_not_go_through_is_run(host: Any, apply: Apply) -> None:
    one = new_id()
    apply(value("half", "1"))
    host.agent.set_value(JOURNAL, "0000", json.dumps({"kind": "delete_registry_value", "path": LAB, "name": "half"}))
    host.agent.set_value(JOURNAL, "Transaction", one)
    recovered = apply(recover=True, transaction=one)
    assert (recovered["outcome"], [entry["index"] for entry in recovered["undone"]]) == ("recovered", [0])
    assert written(host, "half") is None
    assert apply(value("half", "2"), transaction=one)["outcome"] == "cancelled"


def test_a_process_that_is_ended_in_the_middle_leaves_its_journal(host: Any, apply: Apply) -> None:
    """Under Wine it is the engine's own process that is killed, in the middle of waiting; a simulated host's ends at that moment."""
    one, other = new_id(), new_id()
    waiting = {**NEVER, "timeout": 120}
    if isinstance(host, SimHost):
        host.faults.plan("before", index=1)
    begin_and_end(host, {"operation": "apply", "changes": [value("broken"), waiting], "transaction": one})
    assert written(host, "broken") == "new"
    assert product(host)["Journal\\Transaction"]["value"] == one
    assert apply(value("other"), transaction=other)["outcome"] == "interrupted"
    settled = apply(recover=True, transaction=one)
    assert (settled["outcome"], [entry["index"] for entry in settled["undone"]]) == ("recovered", [0])
    assert written(host, "broken") is None


def begin_and_end(host: Any, options: dict[str, Any]) -> None:
    """Start the module, and end its process when its first change is in the journal."""
    command, payload = module_call.begin(host, options)
    feeding = threading.Thread(target=lambda: command.feed(payload, end=True))
    feeding.start()
    until = time.monotonic() + 60
    while "Journal\\0000" not in product(host):
        assert time.monotonic() < until, "the change has not begun"
        time.sleep(0.1)
    command.terminate()
    feeding.join()


def test_after_a_restart_of_the_host_services_that_read_what_was_half_done_are_started_anew(host: Any, apply: Apply) -> None:
    host.agent.start("RemoteAccess")
    starts = host.state()["services"]["SstpSvc"]["starts"]
    up = [{"name": name, "state": "running"} for name in ("SstpSvc", "RasMan", "RemoteAccess")]
    inverses = ({"kind": "services", "states": up, "timeout": 60, "each": True}, {"kind": "delete_registry_value", "path": LAB, "name": "half done"})
    for boot, more in ((True, 0), (False, 1)):
        host.agent.set_value(LAB, "half done", 1)
        for number, inverse in enumerate(inverses):
            host.agent.set_value(JOURNAL, f"{number:04d}", json.dumps(inverse))
        if boot:
            host.agent.create_key(f"{JOURNAL}\\Boot")
        assert apply(recover=True)["outcome"] == "recovered"
        services = host.state()["services"]
        assert {service["state"] for service in services.values()} == {"running"}
        assert services["SstpSvc"]["starts"] == starts + more
