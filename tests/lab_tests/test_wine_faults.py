# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rotation's own transaction through the real back-end, with one fault after the other on one Wine host: everything is as before each time.

A late hash, an old host without HttpUpdateServiceConfiguration, and the rest of the scenarios are elsewhere (test_parity.py, tests/e2e).
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import module_call
import pytest
from lab import judge
from lab.agent import SSTPSVC
from lab.command import MARK
from lab.pki import Authority, Issued
from lab.processes import marked
from lab.raw_state import as_found
from lab.sim.host import SimHost
from lab.wine import WineHost
from needs_wine import prepared_lab
from scenario_driver import Driver, rotate_action

UPDATE, SET = "HttpUpdateServiceConfiguration", "HttpSetServiceConfiguration"
Options = dict[str, Any]
FACETS = ["http", "sstp"]


@pytest.fixture(scope="module")
def issued() -> tuple[Issued, Issued]:
    authority = Authority()
    old, new = (authority.issue(["vpn.example.com"]) for _ in range(2))
    return old, new


@pytest.fixture
def host(issued: tuple[Issued, Issued]) -> Iterator[WineHost]:
    """A server that works with the old certificate; the new one is in its store."""
    with prepared_lab().host("vpn01") as fresh:
        fresh.install(issued[0])
        fresh.keep(issued[1])
        yield fresh


@pytest.fixture
def switch(host: WineHost, issued: tuple[Issued, Issued]) -> Options:
    """What rotate applies, recorded on a simulated host of the same port."""
    calls: list[Options] = []

    def record(options: Options) -> Options:
        calls.append(options)
        return sim.call(options)

    with SimHost("vpn01", port=host.port) as sim:
        sim.install(issued[0])
        sim.keep(issued[1])
        Driver(record).perform(rotate_action, thumbprint=issued[1].thumbprint, service_timeout=3, settle_timeout=1)
    return {"operation": "apply", "facets": FACETS, "changes": calls[-1]["changes"]}


def test_each_error_of_a_set_is_taken_back(host: WineHost, switch: Options) -> None:
    """In one call, or by delete and set, where the deleted record is put back; or where that fails as well, at the next recovery."""
    before = as_found(host.state())
    binds = {**switch, "facets": ["http"], "changes": [change for change in switch["changes"] if change["kind"] == "set_ssl_record"]}
    for code in (1312, 5, 183):
        host.agent.fault(UPDATE, code, endpoint=f"[::]:{host.port}")
        assert failed(host, binds) == {"index": 1, "kind": "set_ssl_record", "function": UPDATE, "code": code}
        assert as_found(host.state()) == before
    # The Windows is one whose update takes no parameter, so the record is deleted and set.
    host.agent.fault(UPDATE, 87, times=0)
    for code in (87, 183, 1312):
        host.agent.fault(SET, code, endpoint=f"[::]:{host.port}")
        assert failed(host, binds) == {"index": 1, "kind": "set_ssl_record", "function": SET, "code": code}
        assert as_found(host.state()) == before

    host.agent.fault(SET, 5, endpoint=f"[::]:{host.port}", times=0)
    assert failed(host, binds, stuck=("set_ssl_record",)) == {"index": 1, "kind": "set_ssl_record", "function": SET, "code": 5}
    assert [record.endpoint for record in host.agent.records()] == [f"0.0.0.0:{host.port}"]
    host.agent.clear_faults()
    recover(host)
    assert as_found(host.state()) == before
    assert judge.working(host.state()) == []


def failed(host: WineHost, options: Options, *, stuck: tuple[str, ...] = ()) -> Options:
    """What failed, after which nothing but what is stuck has stayed."""
    answer = module_call.call(host, options)
    assert (answer["outcome"], answer["changed"]) == ("failed", bool(stuck)), answer
    assert tuple(entry["kind"] for entry in answer["not_undone"]) == stuck, answer["not_undone"]
    error = answer["failure"].pop("error")
    return {**answer["failure"], "function": error["function"], "code": error["code"]}


def recover(host: WineHost) -> None:
    """Take back what a journal holds, if there is one."""
    assert module_call.call(host, {"operation": "apply", "facets": ["http"], "recover": True})["outcome"] == "recovered"


def test_a_service_that_dies_and_a_process_that_is_killed_are_taken_back_and_the_next_rotation_ends_working(
    host: WineHost, switch: Options, issued: tuple[Issued, Issued]
) -> None:
    before = as_found(host.state())
    host.agent.switch("RemoteAccess.DiesAfter", 100)
    answer = module_call.call(host, switch)
    assert (answer["outcome"], answer["failure"]["kind"] in ("services", "await")) == ("failed", True), answer
    # On the way back it dies as well; whether that is seen is a matter of moments.
    assert {entry["kind"] for entry in answer["not_undone"]} <= {"services"}
    host.agent.switch("RemoteAccess.DiesAfter", 0)
    recover(host)
    if host.agent.service("RemoteAccess")["state"] == "stopped":
        host.agent.start("RemoteAccess")
    assert as_found(host.state()) == before

    host.agent.switch("HashDelay", 3_600_000)
    waiting = [{**change, "timeout": 600} if change["kind"] == "await" else change for change in switch["changes"]]
    killed_when(host, {**switch, "changes": waiting}, lambda: it_waits_for_the_hash(host, issued[1]))
    host.agent.switch("HashDelay", 0)
    assert {record.hash for record in host.agent.records()} == {issued[1].thumbprint}
    between: list[Options] = []

    def call(options: Options) -> Options:
        answer = module_call.call(host, options)
        if options.get("recover"):
            between.append(as_found(host.state()))
        return answer

    result = Driver(call).perform(rotate_action, thumbprint=issued[1].thumbprint)
    assert between == [before]
    assert (result["changed"], result["plan"][0]) == (True, "take back an interrupted change")
    assert judge.working(host.state()) == []


def it_waits_for_the_hash(host: WineHost, new: Issued) -> bool:
    """Both records have the new certificate, and RRAS runs again without a hash."""
    bound = {record.hash for record in host.agent.records()} == {new.thumbprint}
    return bound and host.agent.value(SSTPSVC, "SHA256CertificateHash") is None and host.agent.service("RemoteAccess")["state"] == "running"


def killed_when(host: WineHost, options: Options, moment: Callable[[], bool]) -> None:
    """Begin an apply, and kill its processes, by their numbers, at that moment."""
    command = host.run(module_call._command_line())
    command.feed(module_call._payload(options, False), end=True)
    deadline = time.monotonic() + 60
    while not moment():
        assert time.monotonic() < deadline, "the moment has not come"
        assert command.receive(0.1).exit_code is None, "the apply has ended"
    pids = marked(MARK, command.mark)  # type: ignore[attr-defined]
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    while command.receive(0.1).exit_code is None:
        assert time.monotonic() < deadline, "the processes have not ended"
