# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The crypto binding as the server checks it (MS-SSTP 3.3.5.2.3, domain.md 4.5)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from lab.sstp_server.keys import SHA1, SHA256, compound_mac
from lab.sstp_server.packets import Attribute

FIELD = 32
# Reserved and hash protocol; nonce; certificate hash; compound MAC.
VALUE_BYTES = 4 + 3 * FIELD
NONCE, CERTIFICATE_HASH, COMPOUND_MAC = slice(4, 36), slice(36, 68), slice(68, 100)


@dataclass(frozen=True)
class Hashes:
    """The hashes of the certificate as SstpSvc holds them; None: no value, or not one of the right type and length."""

    sha256: bytes | None = None
    sha1: bytes | None = None

    def of(self, protocol: int) -> bytes | None:
        """The hash for a hash protocol."""
        return {SHA1: self.sha1, SHA256: self.sha256}.get(protocol)


def _same(field: bytes, wanted: bytes) -> bool:
    return hmac.compare_digest(field, wanted.ljust(FIELD, b"\0"))


def hash_refused(protocol: int, certificate_hash: bytes, *, offered: int, hashes: Hashes) -> str | None:
    """Why a hash protocol and a certificate hash are refused; None: they are not."""
    if protocol not in (SHA1, SHA256) or not protocol & offered:
        return "hash protocol"
    wanted = hashes.of(protocol)
    return None if wanted is not None and _same(certificate_hash, wanted) else "certificate hash"


def binding_refused(message: bytes, found: Attribute, *, nonce: bytes, offered: int, hashes: Hashes, hlak: bytes) -> str | None:
    """Why a CALL_CONNECTED packet with a Crypto Binding attribute of the right length is refused; None: it is accepted."""
    value = found.value
    if not hmac.compare_digest(value[NONCE], nonce):
        return "nonce"
    protocol = value[3]
    if reason := hash_refused(protocol, value[CERTIFICATE_HASH], offered=offered, hashes=hashes):
        return reason
    at = found.offset + COMPOUND_MAC.start
    zeroed = message[:at] + bytes(FIELD) + message[at + FIELD :]
    return None if _same(value[COMPOUND_MAC], compound_mac(protocol, hlak, zeroed)) else "compound MAC"
