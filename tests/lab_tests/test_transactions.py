# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Transactions of windows_backend: what a host says of one whose answer was lost. The same on both kinds of host."""

from __future__ import annotations

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

Apply = Callable[..., dict[str, Any]]


def simulated() -> Iterator[tuple[Any, Apply]]:
    with SimHost("vpn01") as host:
        yield host, lambda *changes, **options: host.call({"operation": "apply", "changes": list(changes), "facets": ["sstp"], **options})


def under_wine() -> Iterator[tuple[Any, Apply]]:
    with prepared_lab().host("vpn01") as host:
        yield host, lambda *changes, **options: module_call.call(host, {"operation": "apply", "changes": list(changes), "facets": ["sstp"], **options})


# One host for the whole file: each call under Wine takes seconds, and each test has ids of its own.
@pytest.fixture(scope="module", params=["sim", "wine"])
def kind(request: pytest.FixtureRequest) -> Iterator[tuple[Any, Apply]]:
    yield from simulated() if request.param == "sim" else under_wine()


@pytest.fixture
def host(kind: tuple[Any, Apply]) -> Any:
    return kind[0]


@pytest.fixture
def apply(kind: tuple[Any, Apply]) -> Apply:
    return kind[1]


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
    first = apply(value("kept"), transaction="A1")
    again = apply(recover=True, transaction="A1")
    assert (again["outcome"], again["undone"], again["not_undone"], again["changed"]) == ("kept", [], [], False)
    assert told(again) == {name: first[name] for name in ("outcome", "changed", "changes", "failure", "undone", "not_undone")}
    for number in range(2, 6):
        apply(transaction=f"A{number}")
    assert sorted(name for name in product(host) if name.startswith("Transactions\\")) == [f"Transactions\\A{number}" for number in range(2, 6)]


def test_a_failure_is_kept_with_what_was_undone(host: Any, apply: Apply) -> None:
    failed = apply(value("undone"), NEVER, transaction="B1")
    assert (failed["outcome"], [entry["index"] for entry in failed["undone"]]) == ("failed", [0])
    answer = told(apply(recover=True, transaction="B1"))
    assert (answer["outcome"], answer["failure"], answer["undone"]) == ("failed", failed["failure"], failed["undone"])
    assert written(host, "undone") is None


def test_one_that_never_began_must_not_begin_any_more(host: Any, apply: Apply) -> None:
    asked = apply(recover=True, transaction="C1")
    assert (asked["outcome"], asked["changed"]) == ("cancelled", False)
    late = apply(value("late"), transaction="C1")
    assert (late["outcome"], late["changes"], late["changed"]) == ("cancelled", [], False)
    assert written(host, "late") is None
    assert apply(recover=True, transaction="C1")["outcome"] == "kept"


def test_one_that_went_through_is_not_begun_again(host: Any, apply: Apply) -> None:
    apply(value("once", "1"), transaction="D1")
    assert apply(value("once", "2"), transaction="D1")["outcome"] == "cancelled"
    assert written(host, "once") == "1"


def test_without_an_id_nothing_is_kept(host: Any, apply: Apply) -> None:
    before = product(host)
    assert apply(value("nameless"))["outcome"] == "applied"
    assert apply(recover=True)["outcome"] == "recovered"
    assert product(host) == before


def test_a_journal_whose_change_went_through_is_cleared_and_not_run(host: Any, apply: Apply) -> None:
    """The process was ended between keeping its answer and clearing its journal."""
    apply(value("through", "1"), transaction="E1")
    back = {"kind": "delete_registry_value", "path": LAB, "name": "through"}
    host.agent.set_value(JOURNAL, "0000", json.dumps(back))
    host.agent.set_value(JOURNAL, "Transaction", "E1")
    recovered = apply(recover=True)
    assert (recovered["outcome"], recovered["undone"], recovered["changed"]) == ("recovered", [], False)
    assert written(host, "through") == "1"
    assert not any(name.startswith("Journal") for name in product(host))


def test_a_journal_of_one_that_did_not_go_through_is_run(host: Any, apply: Apply) -> None:
    apply(value("half", "1"))
    host.agent.set_value(JOURNAL, "0000", json.dumps({"kind": "delete_registry_value", "path": LAB, "name": "half"}))
    host.agent.set_value(JOURNAL, "Transaction", "F1")
    recovered = apply(recover=True, transaction="F1")
    assert (recovered["outcome"], [entry["index"] for entry in recovered["undone"]]) == ("recovered", [0])
    assert written(host, "half") is None
    assert apply(value("half", "2"), transaction="F1")["outcome"] == "cancelled"


def test_a_process_that_is_ended_in_the_middle_leaves_its_journal(host: Any, apply: Apply) -> None:
    """Under Wine it is the engine's own process that is killed, in the middle of waiting; a simulated host's ends at that moment."""
    waiting = {**NEVER, "timeout": 120}
    if isinstance(host, SimHost):
        host.faults.plan("before", index=1)
    begin_and_end(host, {"operation": "apply", "changes": [value("broken"), waiting], "transaction": "G1"})
    assert written(host, "broken") == "new"
    assert product(host)["Journal\\Transaction"]["value"] == "G1"
    assert apply(value("other"), transaction="G2")["outcome"] == "interrupted"
    settled = apply(recover=True, transaction="G1")
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
