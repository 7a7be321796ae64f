# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network phase: IPCP (RFC 1332, RFC 1877), and a CCP request that a client without compression protocol-rejects."""

from __future__ import annotations

from lab.sstp_server.ppp import Code, Packet, read_options, write_options

ADDRESS = 3
SERVER = bytes((192, 168, 77, 1))
# Address, DNS, WINS, second DNS, second WINS.
GIVEN = {
    ADDRESS: bytes((192, 168, 77, 10)), 129: SERVER, 130: SERVER, 131: bytes((192, 168, 77, 2)), 132: bytes((192, 168, 77, 2)),
}  # fmt: skip
# MPPC (RFC 2118) with the bits that Windows asks for.
CCP_REQUEST = Packet(Code.CONFIGURE_REQUEST, 0, write_options([(18, b"\x01\x00\x00\x01")]))


class Ipcp:
    """The server's own address, and one for the client."""

    def __init__(self) -> None:
        """Nothing is agreed."""
        self._ours = self._theirs = False

    @property
    def opened(self) -> bool:
        """Whether the client has an address."""
        return self._ours and self._theirs

    def request(self) -> Packet:
        """The server's address."""
        return Packet(Code.CONFIGURE_REQUEST, 0, write_options([(ADDRESS, SERVER)]))

    def receive(self, packet: Packet) -> Packet | None:
        """The answer to a packet of IPCP."""
        if packet.code == Code.CONFIGURE_REQUEST:
            return self._answer(packet)
        if packet.code == Code.TERMINATE_REQUEST:
            self._ours = self._theirs = False
            return Packet(Code.TERMINATE_ACK, packet.id)
        if packet.code == Code.CONFIGURE_ACK and packet == Packet(Code.CONFIGURE_ACK, 0, self.request().data):
            self._ours = True
        return None

    def _answer(self, packet: Packet) -> Packet | None:
        options = read_options(packet.data)
        if options is None:
            return None
        refused = [(kind, value) for kind, value in options if kind not in GIVEN or len(value) != 4]
        if refused:
            return Packet(Code.CONFIGURE_REJECT, packet.id, write_options(refused))
        others = [(kind, GIVEN[kind]) for kind, value in options if value != GIVEN[kind]]
        if others:
            return Packet(Code.CONFIGURE_NAK, packet.id, write_options(others))
        self._theirs = True
        return Packet(Code.CONFIGURE_ACK, packet.id, packet.data)
