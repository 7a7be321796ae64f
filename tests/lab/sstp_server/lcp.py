# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""LCP as the server speaks it (RFC 1661; the first request as observed on Server 2008 R2, domain.md 4.8).

There is no restart timer: TLS loses nothing, and SSTP's negotiation timer ends what stands still.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lab.sstp_server.ppp import Code, Option, Packet, read_options, write_options

MRU, ACCM, AUTHENTICATION, MAGIC, PFC, ACFC, CALLBACK, MRRU, DISCRIMINATOR = 1, 2, 3, 5, 7, 8, 13, 17, 19
METHODS = {"eap": b"\xc2\x27", "mschapv2": b"\xc2\x23\x81", "pap": b"\xc0\x23"}
# Options of a client that are fine, with the length of their value.
TAKEN = {MRU: 2, ACCM: 4, MAGIC: 4, PFC: 0, ACFC: 0}
# Configure-Requests until it is given up (Max-Failure of RFC 1661 is 5, Max-Configure 10).
MOST_REQUESTS = 10
CONFIGURE = (Code.CONFIGURE_REQUEST, Code.CONFIGURE_ACK, Code.CONFIGURE_NAK, Code.CONFIGURE_REJECT)


class Lcp:
    """Both directions of the negotiation. failed: why it cannot succeed; empty while it may."""

    def __init__(self, methods: Sequence[str], random: Callable[[int], bytes]) -> None:
        """Nothing is agreed. methods: what the policy allows to authenticate with, first what is asked for first."""
        self.magic = random(4)
        self._methods = list(methods)
        self._options: list[Option] = [
            (MRU, (4091).to_bytes(2, "big")), (AUTHENTICATION, METHODS[methods[0]]), (MAGIC, self.magic), (PFC, b""), (ACFC, b""),
            (CALLBACK, b"\x06"), (MRRU, (1614).to_bytes(2, "big")), (DISCRIMINATOR, b"\x01" + random(20)),
        ]  # fmt: skip
        self._requests = 0
        self._ours = self._theirs = self._short = False
        self.failed = ""

    @property
    def opened(self) -> bool:
        """Whether both sides have agreed."""
        return self._ours and self._theirs

    @property
    def method(self) -> str:
        """How the client is to authenticate itself."""
        return self._methods[0]

    @property
    def compressed(self) -> bool:
        """Whether frames go without address and control: either side's option does it, as observed on Windows."""
        return self.opened and (self._short or (ACFC, b"") in self._options)

    def request(self) -> Packet:
        """A Configure-Request with what is still wanted; ids begin at 0."""
        self._ours = False
        self._requests += 1
        if self._requests > MOST_REQUESTS:
            self.failed = "LCP does not converge"
        return Packet(Code.CONFIGURE_REQUEST, self._requests - 1, write_options(self._options))

    def receive(self, packet: Packet) -> Packet | None:
        """The answer to a Configure packet."""
        if packet.code == Code.CONFIGURE_REQUEST:
            return self._answer(packet)
        if packet.id != self._requests - 1 or self._ours:
            return None
        options = read_options(packet.data)
        if packet.code == Code.CONFIGURE_ACK:
            self._ours = options == self._options
            return None
        if options is None:
            return None
        if packet.code == Code.CONFIGURE_REJECT:
            self._take_out([kind for kind, _ in options])
        else:
            self._take_over(dict(options))
        return None if self.failed else self.request()

    def _take_out(self, kinds: Sequence[int]) -> None:
        if AUTHENTICATION in kinds:
            self.failed = "the client refuses to authenticate itself"
        self._options = [option for option in self._options if option[0] not in kinds]

    def _take_over(self, wanted: dict[int, bytes]) -> None:
        """What a Configure-Nak asks for: another way to authenticate where the policy allows it, another MRU."""
        if AUTHENTICATION in wanted:
            asked = [method for method in self._methods[1:] if METHODS[method] == wanted[AUTHENTICATION]]
            self._methods = asked or self._methods[1:]
            if not self._methods:
                self.failed = "no way to authenticate that both sides take"
                return
        for at, (kind, value) in enumerate(self._options):
            if kind == AUTHENTICATION:
                self._options[at] = (kind, METHODS[self.method])
            elif kind == MRU and len(wanted.get(MRU, b"")) == len(value):
                self._options[at] = (kind, wanted[MRU])

    def _answer(self, packet: Packet) -> Packet | None:
        options = read_options(packet.data)
        if options is None:
            return None
        refused = [(kind, value) for kind, value in options if TAKEN.get(kind) != len(value)]
        self._theirs = not refused
        if refused:
            return Packet(Code.CONFIGURE_REJECT, packet.id, write_options(refused))
        if (MAGIC, self.magic) in options or (MAGIC, bytes(4)) in options:
            # A loop, or a client that copies: RFC 1661 6.4 wants another number from it.
            self._theirs = False
            return Packet(Code.CONFIGURE_NAK, packet.id, write_options([(MAGIC, bytes(byte ^ 0x5A for byte in self.magic))]))
        self._short = (ACFC, b"") in options
        return Packet(Code.CONFIGURE_ACK, packet.id, packet.data)
