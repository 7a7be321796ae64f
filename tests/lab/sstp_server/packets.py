# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets of MS-SSTP 2.2 (domain.md 4.2), taken apart and put together. Reserved bits are ignored on receipt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

VERSION = 0x10
HEADER = 4
SHORTEST_CONTROL = 8
LONGEST = 0xFFF
# Of the value that a Status Info attribute is about.
LONGEST_VALUE = 64
PPP = b"\x00\x01"


class Message(IntEnum):
    """Message types."""

    CALL_CONNECT_REQUEST = 1
    CALL_CONNECT_ACK = 2
    CALL_CONNECT_NAK = 3
    CALL_CONNECTED = 4
    CALL_ABORT = 5
    CALL_DISCONNECT = 6
    CALL_DISCONNECT_ACK = 7
    ECHO_REQUEST = 8
    ECHO_RESPONSE = 9


class AttributeId(IntEnum):
    """Attribute ids; NONE in a Status Info attribute that is about no attribute."""

    NONE = 0
    ENCAPSULATED_PROTOCOL_ID = 1
    STATUS_INFO = 2
    CRYPTO_BINDING = 3
    CRYPTO_BINDING_REQ = 4


class Status(IntEnum):
    """Status codes of the Status Info attribute."""

    NO_ERROR = 0
    DUPLICATE_ATTRIBUTE = 1
    UNRECOGNIZED_ATTRIBUTE = 2
    INVALID_ATTRIB_VALUE_LENGTH = 3
    VALUE_NOT_SUPPORTED = 4
    UNACCEPTED_FRAME_RECEIVED = 5
    RETRY_COUNT_EXCEEDED = 6
    INVALID_FRAME_RECEIVED = 7
    NEGOTIATION_TIMEOUT = 8
    ATTRIB_NOT_SUPPORTED_IN_MSG = 9
    REQUIRED_ATTRIBUTE_MISSING = 10
    STATUS_INFO_NOT_SUPPORTED_IN_MSG = 11


class Malformed(Exception):
    """The stream cannot be cut into packets: the connection is dropped without a message (MS-SSTP 3.1.5.1)."""


class Invalid(Exception):
    """A control packet whose attributes do not add up."""


@dataclass(frozen=True)
class Packet:
    """One packet; raw is all of it, for the compound MAC goes over the header too."""

    control: bool
    raw: bytes

    @property
    def body(self) -> bytes:
        """Behind the header."""
        return self.raw[HEADER:]


@dataclass(frozen=True)
class Attribute:
    """One attribute of a control packet; offset is where its value begins in the packet."""

    id: int
    value: bytes
    offset: int


@dataclass(frozen=True)
class Control:
    """A control packet taken apart."""

    message: int
    attributes: tuple[Attribute, ...]

    def find(self, wanted: AttributeId) -> Attribute | None:
        """The first attribute of that id."""
        return next((item for item in self.attributes if item.id == wanted), None)


class Splitter:
    """Cuts the stream into packets. It never holds more than what it was fed last and an unfinished packet."""

    def __init__(self) -> None:
        """Empty."""
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Packet]:
        """The packets that are complete; Malformed."""
        self._buffer += data
        while len(self._buffer) >= HEADER:
            length = int.from_bytes(self._buffer[2:4], "big") & LONGEST
            control = bool(self._buffer[1] & 1)
            if self._buffer[0] != VERSION or length < (SHORTEST_CONTROL if control else HEADER):
                raise Malformed
            if len(self._buffer) < length:
                return
            raw = bytes(self._buffer[:length])
            del self._buffer[:length]
            yield Packet(control, raw)


def read_control(packet: Packet) -> Control:
    """The message and its attributes; Invalid."""
    raw, at = packet.raw, SHORTEST_CONTROL
    attributes = []
    for _ in range(int.from_bytes(raw[6:8], "big")):
        length = int.from_bytes(raw[at + 2 : at + 4], "big") & LONGEST
        if len(raw) < at + HEADER or length < HEADER or at + length > len(raw):
            raise Invalid
        attributes.append(Attribute(raw[at + 1], raw[at + HEADER : at + length], at + HEADER))
        at += length
    if at != len(raw):
        raise Invalid
    return Control(int.from_bytes(raw[4:6], "big"), tuple(attributes))


def control(message: Message, *attributes: bytes) -> bytes:
    """A control packet of ready attributes."""
    body = message.to_bytes(2, "big") + len(attributes).to_bytes(2, "big") + b"".join(attributes)
    return bytes((VERSION, 1)) + (HEADER + len(body)).to_bytes(2, "big") + body


def data(frame: bytes) -> bytes:
    """A data packet with one PPP frame."""
    return bytes((VERSION, 0)) + (HEADER + len(frame)).to_bytes(2, "big") + frame


def attribute(number: AttributeId, value: bytes) -> bytes:
    """One attribute."""
    return bytes((0, number)) + (HEADER + len(value)).to_bytes(2, "big") + value


def status_info(about: int, status: Status, value: bytes = b"") -> bytes:
    """A Status Info attribute; value is what was refused."""
    return attribute(AttributeId.STATUS_INFO, bytes((0, 0, 0, about)) + status.to_bytes(4, "big") + value[:LONGEST_VALUE])
