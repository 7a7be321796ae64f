# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A probe of the module: which addresses, how deep, how long, and how options and results are read."""

from __future__ import annotations

import socket

import pytest
from ansible_collections.rras.sstp.plugins.action.probe import ARGUMENT_SPEC
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.inquiry import inquiry_of, inquiry_result
from ansible_collections.rras.sstp.plugins.plugin_utils.proof import Evidence
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp import addresses
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.client import Depth
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.driver import Outcome
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.events import NetworkPhaseStarted, Stage
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.tls import Served
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.verdict import Code, Verdict

OPTIONS = {name: spec.get("default") for name, spec in ARGUMENT_SPEC.items()} | {"host": "vpn.example.com"}
LOGIN = {"depth": "login", "user": "probe", "password": "secret"}
V4, V6 = "192.0.2.7", "2001:db8::7"
SERVED = Served((b"a certificate",), "TLSv1.3", "X")
OK = Outcome(Verdict(Code.OK, Stage.NETWORK, "All is well."), SERVED, (), (NetworkPhaseStarted(),))


def ended(code: Code, stage: Stage) -> Outcome:
    return Outcome(Verdict(code, stage, f"It is {code.value}."), None if stage is Stage.CONNECT else SERVED)


class World:
    """Addresses that a name has, and what a probe of each finds: the next of a list, the last of it for ever."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.found = {V4: [OK], V6: [OK]}
        self.probed: list[tuple[str | None, Depth]] = []
        self.slept = 0.0
        monkeypatch.setattr(addresses, "probe", self._probe)
        monkeypatch.setattr(addresses.socket, "getaddrinfo", self._resolve)
        monkeypatch.setattr(addresses.time, "monotonic", lambda: self.slept)
        monkeypatch.setattr(addresses.time, "sleep", self._sleep)

    def _resolve(self, name: str, port: int, **_: object) -> list[tuple[object, ...]]:
        if name == "nowhere":
            raise socket.gaierror
        return [(0, 0, 0, "", (address, port)) for address in self.found]

    def _probe(self, target: addresses.Target) -> Outcome:
        self.probed.append((target.address, target.depth))
        outcomes = self.found.get(target.address or "", [OK])
        return outcomes.pop(0) if len(outcomes) > 1 else outcomes[0]

    def _sleep(self, seconds: float) -> None:
        self.slept += seconds

    def ask(self, **options: object) -> dict[str, object]:
        inquiry = inquiry_of({**OPTIONS, **options}, "vpn01")
        return inquiry_result(inquiry, inquiry.run())


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_one_address_unless_told(world):
    result = world.ask()
    assert world.probed == [(None, Depth.SSTP)]
    assert [item["endpoint"] for item in result["addresses"]] == ["vpn.example.com:443"]


def test_every_address_with_one_login(world):
    result = world.ask(every_address=True, **LOGIN)
    assert world.probed == [(V4, Depth.LOGIN), (V6, Depth.SSTP)]
    assert [(item["endpoint"], item["depth"]) for item in result["addresses"]] == [(f"{V4}:443", "login"), (f"[{V6}]:443", "sstp")]
    assert (result["crypto_binding"], result["proof"]["by"]) == ("accepted", "login")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (ended(Code.REFUSED, Stage.CONNECT), Depth.LOGIN),
        (ended(Code.NOT_SSTP, Stage.HTTP), Depth.LOGIN),
        (ended(Code.AUTHENTICATION_FAILED, Stage.LOGIN), Depth.SSTP),
        (ended(Code.TIMED_OUT, Stage.LOGIN), Depth.SSTP),
        (ended(Code.CRYPTO_BINDING_REFUSED, Stage.NETWORK), Depth.SSTP),
    ],
)
def test_a_login_is_tried_at_the_next_address_only_where_none_was_begun(world, first, second):
    world.found[V4] = [first]
    world.ask(every_address=True, **LOGIN)
    assert world.probed == [(V4, Depth.LOGIN), (V6, second)]


def test_a_name_without_an_address_is_left_to_the_probe(world):
    world.ask(host="nowhere", every_address=True)
    assert world.probed == [(None, Depth.SSTP)]


def test_through_a_proxy_the_proxy_finds_the_address(world):
    world.ask(every_address=True, proxy="proxy:3128")
    assert world.probed == [(None, Depth.SSTP)]


def test_the_first_that_is_reached_and_not_well_stands_for_all(world):
    world.found = {"192.0.2.1": [ended(Code.UNREACHABLE, Stage.CONNECT)], V4: [OK], V6: [ended(Code.NOT_SSTP, Stage.HTTP)]}
    assert world.ask(every_address=True)["verdict"]["code"] == "not_sstp"
    world.found[V6] = [OK]
    assert world.ask(every_address=True)["ok"] is True
    world.found = {V4: [ended(Code.UNREACHABLE, Stage.CONNECT)]}
    assert world.ask(every_address=True)["verdict"]["code"] == "unreachable"


@pytest.mark.parametrize(
    "starting", [ended(Code.REFUSED, Stage.CONNECT), ended(Code.NOT_SSTP, Stage.HTTP), ended(Code.SSTP_STOPPED, Stage.HTTP), ended(Code.CLOSED, Stage.TLS)]
)
def test_a_server_that_starts_is_waited_for(world, starting):
    world.found = {V4: [starting, starting, OK]}
    assert world.ask(every_address=True, settle_timeout=5)["ok"] is True
    assert 0 < world.slept < 5


def test_but_not_longer_than_told_and_not_at_all_by_default(world):
    world.found = {V4: [ended(Code.NOT_SSTP, Stage.HTTP)]}
    assert world.ask(address=V4, settle_timeout=3)["ok"] is False
    assert 3 <= world.slept < 4
    world.slept = 0.0
    world.ask(address=V4)
    assert world.slept == 0


@pytest.mark.parametrize("ending", [ended(Code.CLOSED, Stage.LOGIN), ended(Code.AUTHENTICATION_FAILED, Stage.LOGIN), ended(Code.TIMED_OUT, Stage.CONNECT)])
def test_a_login_is_never_repeated_nor_a_time_out_waited_for_twice(world, ending):
    world.found = {V4: [ending, OK]}
    world.ask(address=V4, settle_timeout=9, **LOGIN)
    assert len(world.probed) == 1


def before(world, outcome: Outcome, **options: object) -> dict[str, object]:
    world.found = {V4: [outcome]}
    result = world.ask(every_address=True, **options)
    world.probed.clear()
    return result


def test_a_login_that_was_refused_before_is_not_tried_again(world):
    earlier = before(world, ended(Code.AUTHENTICATION_FAILED, Stage.LOGIN), **LOGIN)
    world.found = {V4: [OK]}
    world.ask(every_address=True, before=earlier, **LOGIN)
    assert world.probed == [(V4, Depth.SSTP)]


def test_nobody_waits_where_the_way_was_barred_before(world):
    barred = ended(Code.UNREACHABLE, Stage.CONNECT)
    earlier = before(world, barred)
    world.found = {V4: [ended(Code.REFUSED, Stage.CONNECT)]}
    world.ask(every_address=True, before=earlier, settle_timeout=9)
    assert world.slept == 0


def test_a_server_that_was_stopped_before_is_waited_for(world):
    earlier = before(world, ended(Code.REFUSED, Stage.CONNECT))
    world.found = {V4: [ended(Code.REFUSED, Stage.CONNECT), OK]}
    assert world.ask(every_address=True, before=earlier, settle_timeout=9)["ok"] is True


def test_what_has_become_worse(world):
    earlier = before(world, OK, **LOGIN)
    world.found = {V4: [ended(Code.CRYPTO_BINDING_REFUSED, Stage.NETWORK)]}
    result = world.ask(every_address=True, before=earlier, **LOGIN)
    assert [item["code"] for item in result["worse"]] == [item["code"] for item in result["wrong"]] == ["crypto_binding_refused"]
    assert result["proof"]["by"] == "nothing"


# --- options ---


def test_evidence_of_a_rotation_and_of_an_audit():
    rotation = {"registry": {"sha256": "AB"}, "events": [{"id": 18, "level": 2, "time": "", "data": []}], "events_error": None}
    assert inquiry_of({**OPTIONS, "evidence": rotation}, "vpn01").evidence == Evidence("AB", ({"id": 18, "level": 2},))
    assert inquiry_of({**OPTIONS, "evidence": {**rotation, "events_error": "denied"}}, "vpn01").evidence == Evidence("AB", None)
    assert inquiry_of({**OPTIONS, "evidence": {"registry": {"sha256": None}}}, "vpn01").evidence == Evidence(None, None)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"before": {"addresses": [{}]}}, "Option before must be"),
        ({"before": {"changed": False}}, "Option before must be"),
        ({"before": {"addresses": "x"}}, "Option before must be"),
        ({"evidence": {"registry": []}}, "Option evidence must be"),
        ({"evidence": {"registry": {"sha256": "AB"}, "events": [{}]}}, "Option evidence must be"),
        ({"sha256": "12"}, "Option sha256 must be 64 hexadecimal digits"),
        ({"settle_timeout": -1}, "settle_timeout must be 0 or more"),
    ],
)
def test_what_cannot_be_meant_is_refused(options, words):
    with pytest.raises(SstpError, match=words):
        inquiry_of({**OPTIONS, **options}, "vpn01")
