# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a client authenticates itself: MS-CHAPv2 (RFC 2759), PAP (RFC 1334), and as much of EAP as it takes to refuse it."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol as Interface

from lab.sstp_server import keys
from lab.sstp_server.ppp import Packet, Protocol
from lab.sstp_server.settings import WRONG_PASSWORD, User

CHALLENGE, RESPONSE, SUCCESS, FAILURE = 1, 2, 3, 4
RESPONSE_BYTES = 49
AUTHENTICATE_REQUEST, AUTHENTICATE_ACK, AUTHENTICATE_NAK = 1, 2, 3
EAP_REQUEST, EAP_RESPONSE, EAP_FAILURE = 1, 2, 4
IDENTITY = b"\x01"

Users = Mapping[str, User]


@dataclass(frozen=True)
class Verdict:
    """What has come out: hlak is None when the client is refused, and reason says why."""

    user: str
    reason: str = ""
    hlak: bytes | None = None


class Method(Interface):
    """One way to authenticate."""

    protocol: Protocol

    def start(self) -> Packet | None:
        """The server's first packet."""

    def receive(self, packet: Packet) -> tuple[Packet | None, Verdict | None]:
        """The answer, and the verdict when there is one."""


def plain_name(name: str) -> str:
    """Without the domain in front of it."""
    return name.rpartition("\\")[2]


def _find(users: Users, name: str) -> User | None:
    wanted = plain_name(name).casefold()
    return next((user for known, user in users.items() if known.casefold() == wanted), None)


class MsChapV2:
    """CHAP with algorithm 0x81."""

    protocol = Protocol.CHAP

    def __init__(self, users: Users, host_name: str, random: Callable[[int], bytes]) -> None:
        """A challenge of its own."""
        self._users, self._host = users, host_name.encode()
        self._challenge = random(16)
        self._id = random(1)[0]

    def start(self) -> Packet:
        """The challenge."""
        return Packet(CHALLENGE, self._id, bytes((16,)) + self._challenge + self._host)

    def receive(self, packet: Packet) -> tuple[Packet | None, Verdict | None]:
        """Success, or Failure; a response of another form, or to no challenge of ours, is dropped (RFC 1994 4.1)."""
        value, name = packet.data[1 : 1 + RESPONSE_BYTES], packet.data[1 + RESPONSE_BYTES :]
        if packet.code != RESPONSE or packet.id != self._id or packet.data[:1] != bytes((RESPONSE_BYTES,)) or len(value) < RESPONSE_BYTES:
            return None, None
        user = name.decode("utf-8", "replace")
        peer, response = value[:16], value[24:48]
        known, bare = _find(self._users, user), plain_name(user)
        right = known is not None and hmac.compare_digest(keys.nt_response(self._challenge, peer, bare, known.password), response)
        if known is None or not right or known.refused:
            return self._failure(user, known.refused if known and right else WRONG_PASSWORD)
        proof = keys.authenticator_response(self._challenge, peer, response, bare, known.password)
        verdict = Verdict(user, hlak=keys.server_hlak(known.password, response))
        return Packet(SUCCESS, self._id, f"{proof} M=Access granted".encode()), verdict

    def _failure(self, user: str, code: int) -> tuple[Packet, Verdict]:
        text = f"E={code} R=0 C={self._challenge.hex().upper()} V=3 M=Access denied"
        return Packet(FAILURE, self._id, text.encode()), Verdict(user, f"E={code}")


class Pap:
    """The password as it is; it gives no key, so the binding is over 32 zero bytes."""

    protocol = Protocol.PAP

    def __init__(self, users: Users) -> None:
        """It waits for the client."""
        self._users = users

    def start(self) -> None:
        """The client begins."""

    def receive(self, packet: Packet) -> tuple[Packet | None, Verdict | None]:
        """Authenticate-Ack or Authenticate-Nak."""
        length = packet.data[0] if packet.data else 0
        name, rest = packet.data[1 : 1 + length], packet.data[1 + length :]
        if packet.code != AUTHENTICATE_REQUEST or len(name) != length or not rest or len(rest) != 1 + rest[0]:
            return None, None
        user = name.decode("utf-8", "replace")
        known = _find(self._users, user)
        if known is None or not hmac.compare_digest(known.password.encode(), rest[1:]) or known.refused:
            return Packet(AUTHENTICATE_NAK, packet.id, b"\0"), Verdict(user, "refused by PAP")
        return Packet(AUTHENTICATE_ACK, packet.id, b"\0"), Verdict(user, hlak=keys.NO_HLAK)


class Eap:
    """It asks for the identity, and fails whoever has told it: the lab has no EAP method."""

    protocol = Protocol.EAP

    def start(self) -> Packet:
        """Request, Identity."""
        return Packet(EAP_REQUEST, 0, IDENTITY)

    def receive(self, packet: Packet) -> tuple[Packet | None, Verdict | None]:
        """Failure."""
        if packet.code != EAP_RESPONSE or packet.id != 0:
            return None, None
        return Packet(EAP_FAILURE, 0), Verdict(packet.data[1:].decode("utf-8", "replace"), "the lab has no EAP method")


def method(name: str, users: Users, host_name: str, random: Callable[[int], bytes]) -> Method:
    """One of "eap", "mschapv2", "pap"."""
    if name == "mschapv2":
        return MsChapV2(users, host_name, random)
    return Pap(users) if name == "pap" else Eap()
