# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PPP link of a client: LCP, then a login, then IPCP. Frames in, frames and events out. PRIVATE to the collection."""

from __future__ import annotations

import struct

from .chap import Failed, Login, Succeeded
from .events import AddressAssigned, Authenticated, AuthenticationFailed, LinkEvent, LinkFailed, LinkTerminated, NetworkPhaseStarted, ServerNotAuthentic
from .ipcp import AddressPolicy
from .lcp import LinkPolicy
from .mschapv2 import Credentials
from .negotiation import Negotiation
from .ppp import Code, Frame, Packet, Protocol, decode_frame, decode_packet

# A Protocol-Reject repeats what it rejects, cut to what any MRU takes (RFC 1661 5.7).
_REJECTED = 1400
_FIRST_CONTROL_PROTOCOL = 0x8000
_CONFIGURE = (Code.CONFIGURE_REQUEST, Code.CONFIGURE_ACK, Code.CONFIGURE_NAK, Code.CONFIGURE_REJECT)


class Link:
    """Times are seconds of any one clock.

    frames: what is to be sent; whoever sends it empties the list. terminated: the server has ended the link, or agreed to its end.
    proven: the server took the crypto binding.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._link_policy = LinkPolicy()
        self._lcp = Negotiation(self._link_policy)
        self._login = Login(credentials)
        self._address_policy = AddressPolicy()
        self._ipcp = Negotiation(self._address_policy)
        self._identifier = 0
        self._authenticating = False
        self._network = False
        self.proven = False
        self.terminated = False
        self.frames: list[bytes] = []

    @property
    def deadline(self) -> float | None:
        """When time_passes is due, None for never."""
        return min((timer for timer in (self._lcp.deadline, self._ipcp.deadline) if timer is not None), default=None)

    def begin(self, now: float) -> None:
        self._send(Protocol.LCP, self._lcp.request(now))

    def begin_network(self, now: float) -> None:
        """To be called when CALL_CONNECTED has been sent: from then on an answer to IPCP's request says that it was taken."""
        self._network = True
        self._send(Protocol.IPCP, self._ipcp.request(now))

    def terminate(self) -> None:
        """Ask for the end of the link; LinkTerminated says that the server agrees."""
        self._stop_timers()
        self._send(Protocol.LCP, self._own_packet(Code.TERMINATE_REQUEST))

    def time_passes(self, now: float) -> list[LinkEvent]:
        for protocol, negotiation in ((Protocol.LCP, self._lcp), (Protocol.IPCP, self._ipcp)):
            if packet := negotiation.restart(now):
                self._send(protocol, packet)
        return self._failure()

    def receive(self, data: bytes, now: float) -> list[LinkEvent]:
        """What one frame leads to. Frames that are not in place are discarded, as RFC 1661 demands."""
        frame = decode_frame(data)
        packet = decode_packet(frame.payload) if frame else None
        if frame is None or packet is None:
            return []
        if frame.protocol == Protocol.LCP:
            return self._receive_lcp(packet, now)
        if not self._lcp.opened:
            return []
        if frame.protocol == Protocol.CHAP:
            return self._receive_chap(packet)
        if frame.protocol == Protocol.IPCP:
            return self._receive_ipcp(packet, now) if self._network else []
        if frame.protocol >= _FIRST_CONTROL_PROTOCOL:
            self._send(Protocol.LCP, self._own_packet(Code.PROTOCOL_REJECT, struct.pack(">H", frame.protocol) + frame.payload[:_REJECTED]))
        return []

    def _receive_lcp(self, packet: Packet, now: float) -> list[LinkEvent]:
        if packet.code in _CONFIGURE:
            self._send(Protocol.LCP, *self._lcp.receive(packet, now))
            return self._opened() or self._failure()
        if packet.code == Code.TERMINATE_REQUEST:
            self._send(Protocol.LCP, Packet(Code.TERMINATE_ACK, packet.identifier))
        if packet.code in (Code.TERMINATE_REQUEST, Code.TERMINATE_ACK):
            return self._end()
        if packet.code == Code.ECHO_REQUEST and self._lcp.opened and len(packet.data) >= 4:
            self._send(Protocol.LCP, Packet(Code.ECHO_REPLY, packet.identifier, self._link_policy.magic + packet.data[4:]))
        if packet.code == Code.PROTOCOL_REJECT and self._network and packet.data.startswith(struct.pack(">H", Protocol.IPCP)):
            return [*self._prove(), AddressAssigned(None)]
        return []

    def _opened(self) -> list[LinkEvent]:
        """The link is open: with MS-CHAPv2 the server's challenge is next, without authentication there would be no key to bind with."""
        if not self._lcp.opened or self._authenticating:
            return []
        self._authenticating = True
        return [] if self._link_policy.offered is not None else [LinkFailed(None)]

    def _failure(self) -> list[LinkEvent]:
        if self._lcp.hopeless and not self._authenticating:
            self._stop_timers()
            return [LinkFailed(self._link_policy.offered)]
        if self._ipcp.hopeless and self.proven:
            self._stop_timers()
            return [AddressAssigned(None)]
        return []

    def _end(self) -> list[LinkEvent]:
        self.terminated = True
        self._stop_timers()
        # A server that is refused EAP and allows nothing else ends the link.
        return [LinkTerminated() if self._authenticating else LinkFailed(self._link_policy.offered)]

    def _receive_chap(self, packet: Packet) -> list[LinkEvent]:
        result = self._login.receive(packet)
        if isinstance(result, Packet):
            self._send(Protocol.CHAP, result)
        elif isinstance(result, Failed):
            return [AuthenticationFailed(result.code)]
        elif isinstance(result, Succeeded):
            return [Authenticated(self._login.hlak) if result.authentic else ServerNotAuthentic()]
        return []

    def _receive_ipcp(self, packet: Packet, now: float) -> list[LinkEvent]:
        if packet.code not in _CONFIGURE:
            return []
        self._send(Protocol.IPCP, *self._ipcp.receive(packet, now))
        events = self._prove() if self._ipcp.answered else []
        return [*events, AddressAssigned(self._address_policy.address)] if self._ipcp.accepted else [*events, *self._failure()]

    def _prove(self) -> list[LinkEvent]:
        proven, self.proven = self.proven, True
        return [] if proven else [NetworkPhaseStarted()]

    def _own_packet(self, code: Code, data: bytes = b"") -> Packet:
        self._identifier = (self._identifier + 1) % 256
        return Packet(code, self._identifier, data)

    def _stop_timers(self) -> None:
        self._lcp.deadline = self._ipcp.deadline = None

    def _send(self, protocol: Protocol, *packets: Packet) -> None:
        self.frames += [Frame(protocol, packet.encode()).encode() for packet in packets]
