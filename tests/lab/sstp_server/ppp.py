# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PPP frames and the packets of its control protocols (RFC 1661 2 and 5, domain.md 4.8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

ADDRESS_AND_CONTROL = b"\xff\x03"
Option = tuple[int, bytes]


class Protocol(IntEnum):
    """Protocol numbers."""

    IPV4 = 0x0021
    IPCP = 0x8021
    IPV6CP = 0x8057
    CCP = 0x80FD
    LCP = 0xC021
    PAP = 0xC023
    CHAP = 0xC223
    EAP = 0xC227


class Code(IntEnum):
    """Codes of LCP; IPCP and CCP share those up to CODE_REJECT."""

    CONFIGURE_REQUEST = 1
    CONFIGURE_ACK = 2
    CONFIGURE_NAK = 3
    CONFIGURE_REJECT = 4
    TERMINATE_REQUEST = 5
    TERMINATE_ACK = 6
    CODE_REJECT = 7
    PROTOCOL_REJECT = 8
    ECHO_REQUEST = 9
    ECHO_REPLY = 10
    DISCARD_REQUEST = 11
    IDENTIFICATION = 12
    TIME_REMAINING = 13


@dataclass(frozen=True)
class Packet:
    """A packet of a control protocol."""

    code: int
    id: int
    data: bytes = b""

    def encode(self) -> bytes:
        """With its header."""
        return bytes((self.code, self.id)) + (4 + len(self.data)).to_bytes(2, "big") + self.data


def read_frame(frame: bytes) -> tuple[int, bytes] | None:
    """Protocol and what it carries; both compressions are understood whether agreed or not. None: no protocol."""
    rest = frame.removeprefix(ADDRESS_AND_CONTROL)
    if rest and rest[0] & 1:
        return rest[0], rest[1:]
    return (int.from_bytes(rest[:2], "big"), rest[2:]) if len(rest) >= 2 else None


def read_packet(data: bytes) -> Packet | None:
    """A packet; what lies behind its length is padding. None: it is none."""
    length = int.from_bytes(data[2:4], "big")
    return Packet(data[0], data[1], data[4:length]) if 4 <= length <= len(data) else None


def read_options(data: bytes) -> list[Option] | None:
    """The options of a Configure packet; None: they do not add up."""
    found = []
    while data:
        if len(data) < 2 or not 2 <= data[1] <= len(data):
            return None
        found.append((data[0], data[2 : data[1]]))
        data = data[data[1] :]
    return found


def write_options(options: Sequence[Option]) -> bytes:
    """Options one after another."""
    return b"".join(bytes((kind, 2 + len(value))) + value for kind, value in options)
