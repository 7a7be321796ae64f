# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's side of one PPP link: LCP, then authentication, then, when SSTP allows it, the network."""

from __future__ import annotations

from collections.abc import Callable

from lab.sstp_server.auth import Method, Verdict, method
from lab.sstp_server.lcp import CONFIGURE, Lcp
from lab.sstp_server.network import CCP_REQUEST, Ipcp
from lab.sstp_server.ppp import ADDRESS_AND_CONTROL, Code, Packet, Protocol, read_frame, read_packet
from lab.sstp_server.settings import Settings

# Control protocols and LCP itself; the rest is data, which may not pass before CALL_CONNECTED.
FIRST_CONTROL = 0x4000
LONGEST_ECHO = 1500


class Link:
    """Frames in, frames out (outbox). reason: why the server ends the link; over: it has ended."""

    def __init__(self, settings: Settings, host_name: str, random: Callable[[int], bytes]) -> None:
        """Nothing has been sent."""
        self._settings, self._host, self._random = settings, host_name, random
        self.lcp = Lcp(settings.authentication, random)
        self._method: Method | None = None
        self._ipcp: Ipcp | None = None
        self.verdict: Verdict | None = None
        self.outbox: list[bytes] = []
        self.milestones: list[str] = []
        self.reason = ""
        self.over = False
        self.leaving = False

    @property
    def hlak(self) -> bytes | None:
        """The key that the authentication gave; None before it, and for a client that was refused."""
        return self.verdict.hlak if self.verdict else None

    def start(self) -> None:
        """The lower layer is up."""
        self._send(Protocol.LCP, self.lcp.request())

    def connected(self) -> None:
        """SSTP has accepted the call: compression is asked for, the network opened, and the link tried."""
        self._ipcp = Ipcp()
        self._send(Protocol.CCP, CCP_REQUEST)
        self._send(Protocol.IPCP, self._ipcp.request())
        self._send(Protocol.LCP, Packet(Code.ECHO_REQUEST, 0, self.lcp.magic))

    def receive(self, frame: bytes) -> None:
        """One frame of the client."""
        found = read_frame(frame)
        if found is None or found[0] < FIRST_CONTROL:
            return
        number, payload = found
        packet = read_packet(payload)
        if number == Protocol.LCP:
            if packet:
                self._on_lcp(packet)
        elif self.lcp.opened and not self.over:
            self._on_other(number, payload, packet)

    def _on_other(self, number: int, payload: bytes, packet: Packet | None) -> None:
        if self._method and number == self._method.protocol:
            if packet and self.verdict is None:
                self._on_authentication(self._method, packet)
        elif number == Protocol.IPCP and self._ipcp:
            if packet:
                self._send(Protocol.IPCP, self._ipcp.receive(packet))
                if self._ipcp.opened:
                    self._mark("ipcp")
        elif number == Protocol.CCP and self._ipcp:
            self._on_ccp(packet)
        elif self._ipcp:
            rejected = (number.to_bytes(2, "big") + payload)[:LONGEST_ECHO]
            self._send(Protocol.LCP, Packet(Code.PROTOCOL_REJECT, 0, rejected))

    def _on_ccp(self, packet: Packet | None) -> None:
        """The lab compresses nothing, whatever it asked for."""
        if packet and packet.code == Code.CONFIGURE_REQUEST:
            self._send(Protocol.CCP, Packet(Code.CONFIGURE_REJECT, packet.id, packet.data))

    def _on_lcp(self, packet: Packet) -> None:
        if packet.code in CONFIGURE:
            self._on_configure(packet)
        elif packet.code == Code.TERMINATE_REQUEST:
            self._mark("terminate")
            self.leaving = self.over = True
            self._send(Protocol.LCP, Packet(Code.TERMINATE_ACK, packet.id))
        elif packet.code == Code.TERMINATE_ACK:
            self.over = self.over or bool(self.reason)
        elif packet.code == Code.PROTOCOL_REJECT:
            self._on_protocol_reject(packet)
        elif packet.code in (Code.ECHO_REQUEST, Code.ECHO_REPLY):
            self._on_echo(packet)
        elif not Code.CODE_REJECT <= packet.code <= Code.TIME_REMAINING:
            self._send(Protocol.LCP, Packet(Code.CODE_REJECT, 0, packet.encode()[:LONGEST_ECHO]))

    def _on_configure(self, packet: Packet) -> None:
        # A link that is up would have to be built anew (RFC 1661 4.3); no SSTP client does that.
        if self.lcp.opened or self.lcp.failed:
            return
        self._send(Protocol.LCP, self.lcp.receive(packet))
        if self.lcp.failed:
            self.terminate(self.lcp.failed)
        elif self.lcp.opened:
            self._mark("lcp")
            self._method = method(self.lcp.method, self._settings.users, self._host, self._random)
            self._send(self._method.protocol, self._method.start())

    def _on_authentication(self, used: Method, packet: Packet) -> None:
        answer, self.verdict = used.receive(packet)
        self._send(used.protocol, answer)
        if self.verdict and self.verdict.hlak is not None:
            self._mark("authenticated")
        elif self.verdict:
            self.terminate(self.verdict.reason)

    def _on_protocol_reject(self, packet: Packet) -> None:
        rejected = int.from_bytes(packet.data[:2], "big")
        if rejected == Protocol.CCP:
            self._mark("ccp rejected")
        elif rejected in (Protocol.IPCP, Protocol.LCP) or (self._method and rejected == self._method.protocol):
            self.terminate(f"the client rejects protocol {rejected:04X}")

    def _on_echo(self, packet: Packet) -> None:
        if not self.lcp.opened:
            return
        if packet.code == Code.ECHO_REQUEST:
            self._send(Protocol.LCP, Packet(Code.ECHO_REPLY, packet.id, self.lcp.magic + packet.data[4:LONGEST_ECHO]))
        elif packet.id == 0 and len(packet.data) >= 4 and packet.data[:4] != self.lcp.magic:
            self._mark("echo answered")

    def terminate(self, reason: str) -> None:
        """The server ends the link."""
        if not self.reason:
            self.reason = reason
            self._send(Protocol.LCP, Packet(Code.TERMINATE_REQUEST, 0xFF))

    def _mark(self, what: str) -> None:
        if what not in self.milestones:
            self.milestones.append(what)

    def _send(self, protocol: Protocol, packet: Packet | None) -> None:
        if packet is None:
            return
        # LCP keeps the full header whatever was agreed (RFC 1661 6.6).
        head = b"" if self.lcp.compressed and protocol != Protocol.LCP else ADDRESS_AND_CONTROL
        self.outbox.append(head + protocol.to_bytes(2, "big") + packet.encode())
