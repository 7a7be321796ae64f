# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MS-CHAPv2 (RFC 2759) and the keys that it leaves (RFC 3079). PRIVATE to the collection.

MD4 and single DES are gone from OpenSSL 3: they come from pycryptodome, which only a login needs.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from types import ModuleType

from ..errors import SstpError

CHALLENGE_LENGTH = 16
LONGEST_USER = 256  # RFC 2759 4

# RFC 2759 8.7 and RFC 3079 3.4.
_MAGIC_1 = b"Magic server to client signing constant"
_MAGIC_2 = b"Pad to make it do more than one iteration"
_MASTER_KEY = b"This is the MPPE Master Key"
_CLIENT_SENDS = b"On the client side, this is the send key; on the server side, it is the receive key."
_CLIENT_RECEIVES = b"On the client side, this is the receive key; on the server side, it is the send key."
_KEY_LENGTH = 16


@dataclass(frozen=True)
class Credentials:
    r"""user is DOMAIN\name or a UPN."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, repr=False)
class Answer:
    """value: the 49 bytes of the CHAP response; proof: the 20 bytes that the server has to show; hlak: 32 bytes for the crypto binding."""

    value: bytes
    proof: bytes
    hlak: bytes


def require() -> tuple[ModuleType, ModuleType]:
    """The modules MD4 and DES; raises SstpError where pycryptodome is absent."""
    try:
        from Crypto.Cipher import DES
        from Crypto.Hash import MD4
    except ImportError:
        raise SstpError("A login by MS-CHAPv2 needs the Python package pycryptodome on the controller; install it, or probe without a login.") from None
    return MD4, DES


def answer(credentials: Credentials, challenge: bytes, peer_challenge: bytes) -> Answer:
    """The answer to the server's challenge; both challenges have 16 bytes. Raises SstpError for credentials that cannot be sent."""
    password = nt_hash(credentials.password)
    hashed = challenge_hash(peer_challenge, challenge, credentials.user)
    response = _nt_response(hashed, password)
    again = nt_hash_hash(password)
    value = peer_challenge + bytes(8) + response + b"\0"
    return Answer(value, _authenticator_response(again, response, hashed), _hlak(again, response))


def user_name(user: str) -> bytes:
    """The name as CHAP carries it."""
    try:
        name = user.encode("utf-8")
    except UnicodeEncodeError:
        name = b""
    if not 0 < len(name) <= LONGEST_USER:
        raise SstpError(f"The user name must have 1 to {LONGEST_USER} bytes in UTF-8.")
    return name


def nt_hash(password: str) -> bytes:
    try:
        return _md4(password.encode("utf-16-le"))
    except UnicodeEncodeError:
        # The error's own text would show a part of the password.
        raise SstpError("The password is no proper Unicode text.") from None


def nt_hash_hash(password: bytes) -> bytes:
    return _md4(password)


def challenge_hash(peer_challenge: bytes, challenge: bytes, user: str) -> bytes:
    r"""The eight bytes that are encrypted. RFC 2759 4: the name counts without DOMAIN\, and a UPN as it is."""
    return hashlib.sha1(peer_challenge + challenge + user_name(user.rpartition("\\")[2]), usedforsecurity=False).digest()[:8]


def _nt_response(hashed: bytes, password: bytes) -> bytes:
    keys = password + bytes(5)
    return b"".join(_des(keys[start : start + 7], hashed) for start in (0, 7, 14))


def _authenticator_response(again: bytes, response: bytes, hashed: bytes) -> bytes:
    return _sha1(_sha1(again + response + _MAGIC_1) + hashed + _MAGIC_2)


def master_key(again: bytes, response: bytes) -> bytes:
    """RFC 3079 3.4. again is nt_hash_hash."""
    return _sha1(again + response + _MASTER_KEY)[:_KEY_LENGTH]


def _hlak(again: bytes, response: bytes) -> bytes:
    master = master_key(again, response)
    keys = (_sha1(master + bytes(40) + magic + b"\xf2" * 40)[:_KEY_LENGTH] for magic in (_CLIENT_SENDS, _CLIENT_RECEIVES))
    return b"".join(keys)


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()


def _md4(data: bytes) -> bytes:
    digest: bytes = require()[0].new(data).digest()
    return digest


def _des(key: bytes, block: bytes) -> bytes:
    """key has 7 bytes: each 7 bits get the parity bit that DES leaves unread."""
    bits = int.from_bytes(key, "big")
    des = require()[1]
    encrypted: bytes = des.new(bytes((bits >> shift & 0x7F) << 1 for shift in range(49, -1, -7)), des.MODE_ECB).encrypt(block)
    return encrypted
