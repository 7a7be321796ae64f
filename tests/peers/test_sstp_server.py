# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's client against sstp-server, which checks the crypto binding and was written by others."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import in_place  # noqa: F401
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp import driver, negotiation
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.client import Client, Depth
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.driver import Outcome, Target
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.events import (
    Aborted,
    Acknowledged,
    AddressAssigned,
    CallConnectedSent,
    NetworkPhaseStarted,
    Stage,
)
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.mschapv2 import Credentials
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.verdict import Code
from lab.pki import Authority

from peers.sstp_server import PASSWORD, USER, missing, running

HOST = "vpn.example.com"
CALL_CONNECTED = bytes.fromhex("1001007000040001")
# STATUS_INFO of this peer has the status alone (7, INVALID_FRAME_RECEIVED); MS-SSTP 2.2.8 puts four bytes before it.
CALL_ABORT = bytes.fromhex("10010010000500010002000800000007")
# In the bytes of CALL_CONNECTED, and a word by which the peer's log tells each refusal.
FIELDS = {"nonce": (16, "nonce"), "certificate hash": (48, "certificate hash"), "compound MAC": (80, "crypto binding")}
FIELD_BYTES = 32
BOTH_HASHES = 3


@dataclass
class Wire:
    """What one call sent, and got, after TLS."""

    sent: bytes = b""
    received: bytes = b""
    change: Callable[[bytes], bytes] = field(default=lambda data: data)


@pytest.fixture(scope="module")
def authority() -> Authority:
    if reason := missing():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return Authority()


@pytest.fixture(autouse=True)
def _restart_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The peer drops what comes before its pppd runs, which is the first Configure-Request as a rule; the second is not to take 3 s."""
    monkeypatch.setattr(negotiation, "RESTART_TIMER", 0.5)


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    """Between the state machine and the socket."""
    wire = Wire()

    class Tapped(Client):
        def data_to_send(self) -> bytes:
            data = wire.change(super().data_to_send())
            wire.sent += data
            return data

        def receive(self, data: bytes, now: float) -> list:
            wire.received += data
            return super().receive(data, now)

    monkeypatch.setattr(driver, "Client", Tapped)
    return wire


@pytest.fixture
def run(authority: Authority, tmp_path: Path) -> Callable[..., tuple[Outcome, str]]:
    """Probes a peer of its own, as 0.7.2 serves one call only; gives the outcome and the peer's log in lower case.

    late: the peer gets the key of the login only after CALL_CONNECTED.
    """
    ca_file = tmp_path / "root.pem"
    ca_file.write_bytes(authority.root_pem)

    def run(depth: Depth, password: str = PASSWORD, late: bool = False) -> tuple[Outcome, str]:
        with running(authority.issue([HOST]), late=late) as peer:
            target = Target(HOST, peer.port, depth, "127.0.0.1", credentials=Credentials(USER, password), ca_file=str(ca_file))
            return driver.probe(target), peer.log().lower()

    return run


def flip(at: int, mask: int) -> Callable[[bytes], bytes]:
    """Changes one bit of CALL_CONNECTED, wherever in the data it is."""

    def change(data: bytes) -> bytes:
        start = data.find(CALL_CONNECTED)
        return data if start < 0 else data[: start + at] + bytes((data[start + at] ^ mask,)) + data[start + at + 1 :]

    return change


def accepted(outcome: Outcome, log: str) -> None:
    assert (outcome.verdict.code, outcome.verdict.stage) == (Code.OK, Stage.NETWORK), (outcome.verdict, log)
    assert outcome.first(CallConnectedSent) == CallConnectedSent(2)
    assert outcome.first(AddressAssigned) == AddressAssigned("192.168.77.10")
    assert "established" in log


def refused(outcome: Outcome, log: str, wire: Wire, word: str) -> None:
    assert (outcome.verdict.code, outcome.verdict.stage) == (Code.ABORTED, Stage.NETWORK), (outcome.verdict, log)
    assert outcome.first(Aborted) == Aborted(None, None)
    assert outcome.first(NetworkPhaseStarted) is None
    assert wire.received.count(CALL_ABORT) == 1
    assert word in log
    assert "established" not in log


@pytest.mark.parametrize("late", [False, True], ids=["key before", "key after"])
def test_the_peer_accepts_the_binding(wire, run, late):
    accepted(*run(Depth.LOGIN, late=late))
    assert wire.sent.count(CALL_CONNECTED) == 1


@pytest.mark.parametrize("bit", [0, 8 * FIELD_BYTES - 1], ids=["first bit", "last bit"])
@pytest.mark.parametrize("name", FIELDS)
def test_the_peer_refuses_each_changed_field(wire, run, name, bit):
    start, word = FIELDS[name]
    wire.change = flip(start + bit // 8, 0x80 >> bit % 8)
    outcome, log = run(Depth.LOGIN)
    refused(outcome, log, wire, word)


def test_the_peer_refuses_a_changed_mac_when_the_key_comes_late(wire, run):
    start, word = FIELDS["compound MAC"]
    wire.change = flip(start, 0x01)
    outcome, log = run(Depth.LOGIN, late=True)
    refused(outcome, log, wire, word)


def test_a_wrong_password_ends_before_the_binding(wire, run):
    outcome, _ = run(Depth.LOGIN, "wrong")
    assert (outcome.verdict.code, outcome.verdict.detail) == (Code.AUTHENTICATION_FAILED, 691)
    assert CALL_CONNECTED not in wire.sent


def test_a_call_without_a_login(run):
    outcome, _ = run(Depth.SSTP)
    assert (outcome.verdict.code, outcome.verdict.stage) == (Code.OK, Stage.SSTP)
    assert outcome.first(Acknowledged).hash_protocols == BOTH_HASHES


def test_the_peer_answers_no_head(wire, run):
    """It closes on every other method, where RRAS answers with 401."""
    outcome, _ = run(Depth.HTTP)
    assert (outcome.verdict.code, outcome.verdict.stage) == (Code.CLOSED, Stage.HTTP)
    assert wire.received == b""
