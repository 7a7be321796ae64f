# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PPP frames, the packets of its control protocols, and their options, as bytes. PRIVATE to the collection.

RFC 1661; in SSTP a frame is FF 03, the protocol and the payload, without flags, checksum or escapes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

_ADDRESS_AND_CONTROL = b"\xff\x03"
_FRAME = struct.Struct(">2sH")
_PACKET = struct.Struct(">BBH")
_OPTION = struct.Struct(">BB")


class Protocol(IntEnum):
    IPCP = 0x8021
    LCP = 0xC021
    PAP = 0xC023
    CHAP = 0xC223
    EAP = 0xC227


class Code(IntEnum):
    """RFC 1661 5. IPCP knows the first seven."""

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


@dataclass(frozen=True)
class Frame:
    protocol: int
    payload: bytes

    def encode(self) -> bytes:
        return _FRAME.pack(_ADDRESS_AND_CONTROL, self.protocol) + self.payload


@dataclass(frozen=True)
class Packet:
    """A packet of LCP, IPCP or CHAP."""

    code: int
    identifier: int
    data: bytes = b""

    def encode(self) -> bytes:
        return _PACKET.pack(self.code, self.identifier, _PACKET.size + len(self.data)) + self.data


@dataclass(frozen=True)
class Option:
    type: int
    value: bytes

    def encode(self) -> bytes:
        return _OPTION.pack(self.type, _OPTION.size + len(self.value)) + self.value


def decode_frame(data: bytes) -> Frame | None:
    """None for what is no frame in the long form: the short ones were never agreed on, and RFC 1661 has them discarded."""
    if len(data) < _FRAME.size or not data.startswith(_ADDRESS_AND_CONTROL):
        return None
    return Frame(_FRAME.unpack_from(data)[1], data[_FRAME.size :])


def decode_packet(payload: bytes) -> Packet | None:
    """None for a packet shorter than it says; what is behind its length is padding (RFC 1661 5)."""
    if len(payload) < _PACKET.size:
        return None
    code, identifier, length = _PACKET.unpack_from(payload)
    return Packet(code, identifier, payload[_PACKET.size : length]) if _PACKET.size <= length <= len(payload) else None


def encode_options(options: tuple[Option, ...]) -> bytes:
    return b"".join(option.encode() for option in options)


def decode_options(data: bytes) -> tuple[Option, ...] | None:
    """None where the lengths do not add up."""
    options = []
    while data:
        length = data[1] if len(data) >= _OPTION.size else 0
        if not _OPTION.size <= length <= len(data):
            return None
        options.append(Option(data[0], data[_OPTION.size : length]))
        data = data[length:]
    return tuple(options)
