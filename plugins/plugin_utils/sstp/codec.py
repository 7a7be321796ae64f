# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SSTP packets as bytes. Strict in what is sent, lenient and bounded in what is received. PRIVATE to the collection.

Layouts: https://learn.microsoft.com/openspecs/windows_protocols/ms-sstp, sections 2.2.1 to 2.2.16. Numbers are big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from ..errors import SstpError

VERSION = 0x10
# The length field has 12 bits and counts the header.
LONGEST_PACKET = 0xFFF
PPP = 1

_HEADER = struct.Struct(">BBH")
_CONTROL = struct.Struct(">HH")
_ATTRIBUTE = struct.Struct(">BBH")
_STATUS = struct.Struct(">3xBI")
_BINDING_REQUEST = struct.Struct(">3xB32s")


class MessageType(IntEnum):
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
    ENCAPSULATED_PROTOCOL_ID = 1
    STATUS_INFO = 2
    CRYPTO_BINDING = 3
    CRYPTO_BINDING_REQ = 4


class Status(IntEnum):
    """Section 2.2.8."""

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


class FramingError(SstpError):
    """The stream is no SSTP; by section 3.1.5.1 the connection is dropped without a message."""


@dataclass(frozen=True)
class Attribute:
    """value is what follows the attribute's four bytes of header."""

    id: int
    value: bytes


@dataclass(frozen=True)
class Control:
    """intact is False where the attributes did not add up: then it holds those before the fault."""

    type: int
    attributes: tuple[Attribute, ...] = ()
    intact: bool = True

    def value(self, attribute_id: int) -> bytes | None:
        """The value of the first attribute with this id."""
        return next((attribute.value for attribute in self.attributes if attribute.id == attribute_id), None)


@dataclass(frozen=True)
class Data:
    """One PPP frame."""

    frame: bytes


Packet = Control | Data


@dataclass(frozen=True)
class StatusInfo:
    """Which attribute a refusal is about (0: none), and why; numbers, as others may send what is not in the lists."""

    attribute: int = 0
    status: int = Status.NO_ERROR

    def encode(self) -> Attribute:
        return Attribute(AttributeId.STATUS_INFO, _STATUS.pack(self.attribute, self.status))


@dataclass(frozen=True)
class BindingRequest:
    """What the server asks for in CALL_CONNECT_ACK: a bit mask of hash protocols, and 32 bytes of nonce."""

    hash_protocols: int
    nonce: bytes


def encode(packet: Packet) -> bytes:
    """The packet's bytes; raises ValueError for what does not fit, which would be a mistake of the caller."""
    if isinstance(packet, Data):
        control, body = 0, packet.frame
    else:
        control = 1
        body = _CONTROL.pack(packet.type, len(packet.attributes)) + b"".join(_encode_attribute(attribute) for attribute in packet.attributes)
    length = _HEADER.size + len(body)
    if length > LONGEST_PACKET:
        raise ValueError(f"An SSTP packet of {length} bytes is longer than {LONGEST_PACKET}.")
    return _HEADER.pack(VERSION, control, length) + body


def _encode_attribute(attribute: Attribute) -> bytes:
    return _ATTRIBUTE.pack(0, attribute.id, _ATTRIBUTE.size + len(attribute.value)) + attribute.value


def connect_request() -> bytes:
    return encode(Control(MessageType.CALL_CONNECT_REQUEST, (Attribute(AttributeId.ENCAPSULATED_PROTOCOL_ID, struct.pack(">H", PPP)),)))


def abort(reason: StatusInfo) -> bytes:
    return encode(Control(MessageType.CALL_ABORT, (reason.encode(),)))


def disconnect() -> bytes:
    # The attribute is optional; Windows always sends it.
    return encode(Control(MessageType.CALL_DISCONNECT, (StatusInfo().encode(),)))


def bare(message: MessageType) -> bytes:
    """A message without attributes."""
    return encode(Control(message))


def status_info(packet: Control) -> StatusInfo | None:
    """The STATUS_INFO of a message, None where it is absent or too short."""
    value = packet.value(AttributeId.STATUS_INFO)
    return None if value is None or len(value) < _STATUS.size else StatusInfo(*_STATUS.unpack_from(value))


def binding_request(packet: Control) -> BindingRequest | None:
    """The CRYPTO_BINDING_REQ of a message, None where it is absent or of another length."""
    value = packet.value(AttributeId.CRYPTO_BINDING_REQ)
    return None if value is None or len(value) != _BINDING_REQUEST.size else BindingRequest(*_BINDING_REQUEST.unpack(value))


class Reader:
    """Takes the stream in any portions and gives whole packets; keeps less than one packet between them."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Packet]:
        """Yields each packet that is complete; raises FramingError, after which the stream must not be read on.

        The iterator has to be used up before more is fed.
        """
        stream = memoryview(self._rest + data)
        start = 0
        while len(stream) - start >= _HEADER.size:
            length = _length(stream, start)
            if len(stream) - start < length:
                break
            yield _decode(bytes(stream[start : start + length]))
            start += length
        self._rest = bytes(stream[start:])


def _length(stream: memoryview, start: int) -> int:
    version, flags, length = _HEADER.unpack_from(stream, start)
    length &= LONGEST_PACKET
    if version != VERSION:
        raise FramingError(f"a packet of version 0x{version:02X} came where 0x{VERSION:02X} was expected")
    if length < _HEADER.size + (_CONTROL.size if flags & 1 else 0):
        raise FramingError(f"a packet came that claims to be {length} bytes long")
    return int(length)


def _decode(packet: bytes) -> Packet:
    if not packet[1] & 1:
        return Data(packet[_HEADER.size :])
    kind, count = _CONTROL.unpack_from(packet, _HEADER.size)
    attributes: list[Attribute] = []
    position = _HEADER.size + _CONTROL.size
    while len(attributes) < count:
        if len(packet) - position < _ATTRIBUTE.size:
            return Control(kind, tuple(attributes), intact=False)
        _, attribute_id, length = _ATTRIBUTE.unpack_from(packet, position)
        length &= LONGEST_PACKET
        if not _ATTRIBUTE.size <= length <= len(packet) - position:
            return Control(kind, tuple(attributes), intact=False)
        attributes.append(Attribute(attribute_id, packet[position + _ATTRIBUTE.size : position + length]))
        position += length
    return Control(kind, tuple(attributes))
