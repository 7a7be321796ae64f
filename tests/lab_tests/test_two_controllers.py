# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two controllers at one host: whatever the one does between two calls of the other, they end as if they had come one after the other.

Or the other one is told that the host has changed, and has touched nothing.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from host_states import HEALTHY, Example, opened_once, placed
from lab import judge
from lab.agent import SSTPSVC
from lab.pki import Issued
from lab.scenario_file import Rotation
from lab.sim.host import SimHost
from scenario_driver import Driver, Result, SstpError, binding_action, certificate_action, hash_action, restore_action, rotate_action

Call = Callable[[dict[str, Any]], dict[str, Any]]
Issues = dict[str, Issued]
EXAMPLE = Example({**HEALTHY, "certificates": {"other": {}, "spare": {}}})
CONFLICT = "The host has changed since it was looked at ("


@pytest.fixture(autouse=True, scope="module")
def quickly() -> Iterator[None]:
    with opened_once():
        yield


@dataclasses.dataclass(frozen=True)
class Site:
    """A server that was rotated from old to new, with spare in its store as well."""

    host: SimHost
    issued: Issues
    snapshot: dict[str, Any]


@contextmanager
def rotated() -> Iterator[Site]:
    with placed(EXAMPLE) as (host, issued):
        host.keep(issued["spare"])
        host.keep(issued["new"])
        snapshot = Driver(host.call).perform(rotate_action, thumbprint=issued["new"].thumbprint)["snapshot"]
        yield Site(host, issued, snapshot)


def rotation_to(name: str) -> Callable[[Site, Call], None]:
    """The role's way, with a PFX."""

    def rotate(site: Site, call: Call) -> None:
        asked = dataclasses.replace(EXAMPLE.scenario, rotation=Rotation(name))
        result: Result = Driver(call).rotate(asked, site.issued)
        if result.kind not in ("working", "unchanged"):
            raise SstpError(result.words)

    return rotate


def performed(module: Any, options: Callable[[Site], dict[str, Any]]) -> Callable[[Site, Call], None]:
    def perform(site: Site, call: Call) -> None:
        Driver(call).perform(module, **options(site))

    return perform


WORKS: dict[str, Callable[[Site, Call], None]] = {
    "rotate to other": rotation_to("other"),
    "rotate to spare": rotation_to("spare"),
    "rotate to old": rotation_to("old"),
    "restore": performed(restore_action, lambda site: {"snapshot": site.snapshot}),
    "bind spare": performed(binding_action, lambda site: {"state": "present", "certificate_hash": site.issued["spare"].thumbprint}),
    "clear the hashes": performed(hash_action, lambda _site: {"state": "absent"}),
    "remove spare": performed(certificate_action, lambda site: {"state": "absent", "thumbprint": site.issued["spare"].thumbprint}),
    "into offload": performed(rotate_action, lambda site: {"mode": "offload", "sha256": site.issued["spare"].sha256}),
}  # fmt: skip


def shape(site: Site) -> dict[str, Any]:
    """The state without what is of chance: names of key containers, times, how often a service was started."""
    state = site.host.state()
    return {
        "http": state["http"],
        "sstpsvc": state["sstpsvc"],
        "product": sorted(name for name in state["product"] or {} if not name.startswith("Transactions\\")),
        "certificates": sorted(item["thumbprint"] for item in state["certificates"]["MY"]),
        "containers": len(state["containers"]),
        "services": {name: item["state"] for name, item in state["services"].items()},
    }


def one_after_the_other(*works: str) -> tuple[dict[str, Any], str]:
    """The shape in the end, and what the last one was told."""
    words = ""
    with rotated() as site:
        for work in works:
            words = ""
            try:
                WORKS[work](site, site.host.call)
            except SstpError as error:
                words = str(error)
        return shape(site), words


def interrupted(first: str, second: str, before: int) -> tuple[dict[str, Any], str, list[str], int]:
    """The first one comes in whole before that call of the second one: shape, what the second one was told, why SSTP does not work, number of calls."""
    calls = itertools.count()
    with rotated() as site:

        def call(options: dict[str, Any]) -> dict[str, Any]:
            if next(calls) == before:
                WORKS[first](site, site.host.call)
            return site.host.call(options)

        words = ""
        try:
            WORKS[second](site, call)
        except SstpError as error:
            words = str(error)
        return shape(site), words, judge.working(site.host.state()), next(calls)


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(WORKS, 2)))
def test_one_that_comes_in_between_leaves_nothing_mixed(first: str, second: str) -> None:
    alone, (both, refusal) = one_after_the_other(first)[0], one_after_the_other(first, second)
    for before in range(20):
        found, words, _, calls = interrupted(first, second, before)
        if calls <= before:
            break
        if words:
            assert found == alone, f"{words} (one after the other: {refusal})"
        else:
            assert found == both


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(["rotate to other", "rotate to spare", "rotate to old", "restore"], 2)))
def test_of_two_that_change_the_certificate_at_once_one_wins_and_the_other_gets_a_conflict(first: str, second: str) -> None:
    told = []
    for before in range(20):
        _, words, reasons, calls = interrupted(first, second, before)
        if calls <= before:
            break
        assert reasons == []
        told.append(words.startswith(CONFLICT))
    assert told[-1], "the last call is the switch, which was planned for the host as it had been"
    assert not told[0]


def test_a_controller_that_waits_in_vain_for_the_lock_is_told_so_and_has_touched_nothing() -> None:
    with rotated() as site:
        site.host.hold_lock(3600)
        before = shape(site)
        with pytest.raises(SstpError, match="Another run is changing this host at the moment, so nothing was touched; try again when it has ended"):
            rotation_to("spare")(site, site.host.call)
        assert shape(site) == before


def test_a_controller_that_was_waiting_for_the_lock_gets_the_conflict_of_the_one_that_had_it() -> None:
    """The comparison is under the lock: what the other one did while this one waited counts."""
    with rotated() as site:
        host = site.host
        seen = host.call({"operation": "observe"})["state_id"]
        host.hold_lock(30)
        host.agent.set_value(SSTPSVC, "UseHttps", 1)
        change = {"kind": "delete_registry_value", "path": SSTPSVC, "name": "UseHttps"}
        answer = host.call({"operation": "apply", "expect": seen, "changes": [change]})
        assert (answer["outcome"], answer["changes"]) == ("conflict", [])
        assert host.agent.value(SSTPSVC, "UseHttps") == 1
