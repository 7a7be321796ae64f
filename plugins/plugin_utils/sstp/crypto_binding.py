# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The crypto binding: what proves to the server which certificate its client has seen. PRIVATE to the collection.

https://learn.microsoft.com/openspecs/windows_protocols/ms-sstp, sections 2.2.7 and 3.2.5.2.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from enum import IntEnum

from . import codec

HLAK_LENGTH = 32
_SEED = b"SSTP inner method derived CMK"
_BINDING = struct.Struct(">3xB32s32s32s")
_MAC_LENGTH = 32


class HashProtocol(IntEnum):
    """A bit of the Hash Protocol Bitmask; only the one that is chosen stands in CALL_CONNECTED."""

    SHA1 = 1
    SHA256 = 2

    @property
    def algorithm(self) -> str:
        return "sha1" if self is HashProtocol.SHA1 else "sha256"

    def digest(self, data: bytes) -> bytes:
        return hashlib.new(self.algorithm, data, usedforsecurity=self is HashProtocol.SHA256).digest()


def choose(bitmask: int) -> HashProtocol | None:
    """The strongest of the hash protocols that the server allows, as section 2.2.10 demands; None where it is none of the two."""
    return next((protocol for protocol in (HashProtocol.SHA256, HashProtocol.SHA1) if bitmask & protocol), None)


def compound_mac_key(hlak: bytes, protocol: HashProtocol) -> bytes:
    """The CMK (20 or 32 bytes) from the 32 bytes of higher-layer authentication key."""
    length = hashlib.new(protocol.algorithm, usedforsecurity=False).digest_size
    # One block of PRF+; the length is the one little-endian number of the protocol (section 3.2.5.2.2).
    return hmac.digest(hlak, _SEED + struct.pack("<H", length) + b"\x01", protocol.algorithm)


def call_connected(protocol: HashProtocol, nonce: bytes, certificate_hash: bytes, hlak: bytes) -> bytes:
    """The 112 bytes of CALL_CONNECTED.

    nonce: the 32 bytes of CALL_CONNECT_ACK. certificate_hash: protocol.digest() of the DER of the certificate that TLS showed.
    """
    # The MAC covers the whole packet with its own field zeroed; SHA-1 leaves the last 12 bytes of both fields zero.
    unsigned = _packet(protocol, nonce, certificate_hash, bytes(_MAC_LENGTH))
    return _packet(protocol, nonce, certificate_hash, hmac.digest(compound_mac_key(hlak, protocol), unsigned, protocol.algorithm))


def _packet(protocol: HashProtocol, nonce: bytes, certificate_hash: bytes, mac: bytes) -> bytes:
    value = _BINDING.pack(protocol, nonce, certificate_hash, mac)
    return codec.encode(codec.Control(codec.MessageType.CALL_CONNECTED, (codec.Attribute(codec.AttributeId.CRYPTO_BINDING, value),)))
