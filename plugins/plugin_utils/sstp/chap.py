# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A login by the packets of MS-CHAPv2 (RFC 2759 3 to 6). PRIVATE to the collection."""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass

from . import mschapv2
from .ppp import Packet

CHALLENGE, RESPONSE, SUCCESS, FAILURE = 1, 2, 3, 4

_PROOF = re.compile(rb"S=([0-9A-Fa-f]{40})")
_ERROR = re.compile(rb"E=(\d{1,10})")


@dataclass(frozen=True)
class Succeeded:
    """authentic False: the server said yes, but did not prove that it knows the password."""

    authentic: bool


@dataclass(frozen=True)
class Failed:
    """code is the number after E=, such as 691, None where there is none."""

    code: int | None


class Login:
    """One attempt, never a second: a server that asks for another one gets no answer."""

    def __init__(self, credentials: mschapv2.Credentials) -> None:
        self._credentials = credentials
        self._challenge: Packet | None = None
        self._answer: mschapv2.Answer | None = None
        self._over = False

    @property
    def hlak(self) -> bytes:
        """The key for the crypto binding; empty before the login."""
        return self._answer.hlak if self._answer else b""

    def receive(self, packet: Packet) -> Packet | Succeeded | Failed | None:
        """The response to send, how the login went, or None for what is discarded."""
        if packet.code == CHALLENGE:
            return self._respond(packet)
        if self._answer is None or self._challenge is None or self._over or packet.identifier != self._challenge.identifier:
            return None
        if packet.code == SUCCESS:
            self._over = True
            shown = _PROOF.match(packet.data)
            return Succeeded(shown is not None and hmac.compare_digest(bytes.fromhex(shown[1].decode("ascii")), self._answer.proof))
        if packet.code == FAILURE:
            self._over = True
            error = _ERROR.search(packet.data)
            return Failed(int(error[1]) if error else None)
        return None

    def _respond(self, challenge: Packet) -> Packet | None:
        size = challenge.data[0] if challenge.data else 0
        if size != mschapv2.CHALLENGE_LENGTH or len(challenge.data) <= size:
            return None
        if self._challenge is None:
            self._challenge = challenge
            self._answer = mschapv2.answer(self._credentials, challenge.data[1 : 1 + size], secrets.token_bytes(size))
        # The same challenge again means that the response was lost (RFC 1994 4.1): it gets the same response.
        if self._answer is None or challenge != self._challenge:
            return None
        value = self._answer.value
        return Packet(RESPONSE, challenge.identifier, bytes([len(value)]) + value + mschapv2.user_name(self._credentials.user))
