# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exchange of Configure packets that LCP and IPCP share. PRIVATE to the collection.

RFC 1661 4, reduced to what a client over a reliable transport needs.
"""

from __future__ import annotations

import typing

from .ppp import Code, Option, Packet, decode_options, encode_options

# Seconds and counts as in RFC 1661 4.6.
RESTART_TIMER = 3.0
MAX_CONFIGURE = 10
MAX_FAILURE = 5


class Policy(typing.Protocol):
    """What one control protocol wants and accepts."""

    def wanted(self) -> tuple[Option, ...]:
        """The options of the next request of our own."""

    def judge(self, options: tuple[Option, ...]) -> tuple[Code, tuple[Option, ...]]:
        """The answer to the peer's request: CONFIGURE_ACK, CONFIGURE_NAK or CONFIGURE_REJECT, with its options."""

    def suggested(self, options: tuple[Option, ...]) -> None:
        """The peer would rather have these values (Nak)."""

    def refused(self, options: tuple[Option, ...]) -> None:
        """The peer does not take these options (Reject)."""


class Negotiation:
    """One control protocol's way to Opened. Packets in, packets out; the restart timer runs by the given time (seconds).

    accepted: the peer took our request. answered: it said something to it. deadline: when restart is due, None for never.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._identifier = -1
        self._tries = 0
        self._failures = 0
        self.accepted = False
        self._agreed = False
        self.answered = False
        self.deadline: float | None = None

    @property
    def opened(self) -> bool:
        return self.accepted and self._agreed

    @property
    def hopeless(self) -> bool:
        """The two do not come to terms, or the peer does not answer."""
        return self._failures > MAX_FAILURE or self._tries > MAX_CONFIGURE

    def request(self, now: float) -> Packet:
        """A Configure-Request of our own; the first begins the exchange."""
        self._identifier = (self._identifier + 1) % 256
        return self._send(now)

    def restart(self, now: float) -> Packet | None:
        """What is due at this time: the same request once more, or nothing."""
        if self.deadline is None or now < self.deadline:
            return None
        self._tries += 1
        if self.hopeless:
            self.deadline = None
            return None
        return self._send(now)

    def receive(self, packet: Packet, now: float) -> list[Packet]:
        """The answers to a Configure packet; a packet that answers no request of ours is discarded (RFC 1661 5.2)."""
        options = decode_options(packet.data)
        if options is None:
            return []
        if packet.code == Code.CONFIGURE_REQUEST:
            return [self._judge(packet.identifier, options)]
        if packet.identifier != self._identifier or self.accepted:
            return []
        self.answered = True
        if packet.code == Code.CONFIGURE_ACK:
            self.accepted = True
            self.deadline = None
            return []
        self._failures += 1
        (self._policy.suggested if packet.code == Code.CONFIGURE_NAK else self._policy.refused)(options)
        return [] if self.hopeless else [self.request(now)]

    def _send(self, now: float) -> Packet:
        self.deadline = now + RESTART_TIMER
        return Packet(Code.CONFIGURE_REQUEST, self._identifier, encode_options(self._policy.wanted()))

    def _judge(self, identifier: int, options: tuple[Option, ...]) -> Packet:
        code, answer = self._policy.judge(options)
        self._agreed = code == Code.CONFIGURE_ACK
        self._failures += not self._agreed
        return Packet(code, identifier, encode_options(answer))
