# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and proofs of MS-CHAPv2 (RFC 2759, RFC 3079) and of SSTP's crypto binding (domain.md 4.4 and 4.5)."""

from __future__ import annotations

import hashlib
import hmac

from Crypto.Cipher import DES
from Crypto.Hash import MD4

SHA1, SHA256 = 1, 2
DIGESTS = {SHA1: "sha1", SHA256: "sha256"}
HLAK_BYTES = 32
NO_HLAK = bytes(HLAK_BYTES)

_SEED = b"SSTP inner method derived CMK"
_SERVER_SIGNING = b"Magic server to client signing constant"
_PAD = b"Pad to make it do more than one iteration"
_MASTER = b"This is the MPPE Master Key"
_CLIENT_SENDS = b"On the client side, this is the send key; on the server side, it is the receive key."
_SERVER_SENDS = b"On the client side, this is the receive key; on the server side, it is the send key."


def _sha1(*parts: bytes) -> bytes:
    return hashlib.sha1(b"".join(parts), usedforsecurity=False).digest()


def _md4(data: bytes) -> bytes:
    return MD4.new(data).digest()


def _des(key: bytes, block: bytes) -> bytes:
    """DES with 56 bits of key, spread over eight bytes; nobody looks at their parity bits."""
    bits = int.from_bytes(key, "big")
    spread = bytes((bits >> shift & 0x7F) << 1 for shift in range(49, -1, -7))
    return DES.new(spread, DES.MODE_ECB).encrypt(block)


def nt_hash(password: str) -> bytes:
    """NtPasswordHash."""
    return _md4(password.encode("utf-16le"))


def challenge_hash(peer: bytes, authenticator: bytes, user: str) -> bytes:
    """ChallengeHash; the user's name without a domain in front."""
    return _sha1(peer, authenticator, user.encode())[:8]


def nt_response(authenticator: bytes, peer: bytes, user: str, password: str) -> bytes:
    """GenerateNTResponse."""
    challenge, key = challenge_hash(peer, authenticator, user), nt_hash(password) + bytes(5)
    return b"".join(_des(key[at : at + 7], challenge) for at in (0, 7, 14))


def authenticator_response(authenticator: bytes, peer: bytes, response: bytes, user: str, password: str) -> str:
    """GenerateAuthenticatorResponse: what proves to the client that the server knows the password."""
    digest = _sha1(_md4(nt_hash(password)), response, _SERVER_SIGNING)
    return "S=" + _sha1(digest, challenge_hash(peer, authenticator, user), _PAD).hex().upper()


def master_key(password: str, response: bytes) -> bytes:
    """GetMasterKey."""
    return _sha1(_md4(nt_hash(password)), response, _MASTER)[:16]


def _session_key(master: bytes, magic: bytes) -> bytes:
    return _sha1(master, bytes(40), magic, b"\xf2" * 40)[:16]


def server_hlak(password: str, response: bytes) -> bytes:
    """The higher-layer authentication key as the server forms it: its receive key, then its send key."""
    master = master_key(password, response)
    return _session_key(master, _CLIENT_SENDS) + _session_key(master, _SERVER_SENDS)


def compound_mac_key(protocol: int, hlak: bytes) -> bytes:
    """CMK: one block of PRF+."""
    name = DIGESTS[protocol]
    length = hashlib.new(name).digest_size
    return hmac.digest(hlak, _SEED + length.to_bytes(2, "little") + b"\x01", name)


def compound_mac(protocol: int, hlak: bytes, message: bytes) -> bytes:
    """CMAC over a CALL_CONNECTED packet whose MAC field and padding are zero."""
    return hmac.digest(compound_mac_key(protocol, hlak), message, DIGESTS[protocol])
