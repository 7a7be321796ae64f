# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Name, dates and chain of a served certificate, each judged on its own, by OpenSSL. PRIVATE to the collection.

A handshake that verifies stops at the first fault and then shows nothing. So the real handshake takes everything, and OpenSSL is asked
afterwards: it is given the beginning of a handshake in memory, ServerHello and Certificate of TLS 1.2, and judges the chain when it has read
them. No key is needed for that: the server would prove that it has one only with its next message, and in the real handshake it did.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import os
import ssl
import struct
from collections.abc import Sequence

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa

from ..errors import SstpError
from ..names import EKU_ANY_PURPOSE
from ..x509 import Certificate, read_certificate
from .events import Stage
from .verdict import Code, Verdict

# Of X509_VERIFY_PARAM_set_flags(3): times are left out. Python has no name for it.
_NO_CHECK_TIME = 0x200000
# Of X509_verify_cert_error_string(3), and of what Python's ssl gives as verify_code.
_NOT_YET_VALID, _EXPIRED, _UNFIT_PURPOSE, _HOSTNAME_MISMATCH, _ADDRESS_MISMATCH = 9, 10, 26, 62, 64

_HANDSHAKE = 22
_SERVER_HELLO, _CERTIFICATE = 2, 11
_TLS12 = b"\x03\x03"
_LONGEST_RECORD = 16384
_ECDHE_ECDSA, _ECDHE_RSA = ("ECDHE-ECDSA-AES128-GCM-SHA256", 0xC02B), ("ECDHE-RSA-AES128-GCM-SHA256", 0xC02F)
# OpenSSL 3 wants it of every server (RFC 5746 3.4).
_RENEGOTIATION_INFO = b"\xff\x01\x00\x01\x00"


def verify(chain: Sequence[bytes], name: str, now: dt.datetime, ca_file: str | None) -> tuple[Verdict, ...]:
    """Everything that speaks against the certificates (DER, leaf first) for a client that dials name; empty where nothing does."""
    leaf = read_certificate(chain[0])
    dates = verify_dates(leaf, now)
    if dates is None and _nothing_is_wrong(chain, name, ca_file):
        return ()
    verdicts = (verify_name(leaf, name), dates, verify_chain(chain, ca_file))
    return tuple(verdict for verdict in verdicts if verdict)


def _nothing_is_wrong(chain: Sequence[bytes], name: str, ca_file: str | None) -> bool:
    """All questions in one, which is the usual answer for a third of the work; for anything else each is asked on its own."""
    code, _ = _ask(_trusting(read_certificate(chain[0]), ca_file, 0, check_name=True), chain, name)
    return code == 0


def verify_name(leaf: Certificate, name: str) -> Verdict | None:
    """name is a DNS name or an IP address; the subject's CN counts where there is no DNS name, as for Windows."""
    # At a higher level OpenSSL refuses a weak key before it has looked at the name.
    trusting = _context(f"{_cipher(leaf)[0]}:@SECLEVEL=0")
    try:
        trusting.load_verify_locations(cadata=leaf.der)
    except ssl.SSLError as error:
        raise SstpError(f"OpenSSL cannot read the server's certificate ({error.reason}).") from None
    trusting.check_hostname = True
    trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
    code, _ = _ask(trusting, [leaf.der], name)
    # Other faults are not about the name: verify_chain has them.
    if code not in (_HOSTNAME_MISMATCH, _ADDRESS_MISMATCH):
        return None
    names = ", ".join(leaf.names) or leaf.subject
    return Verdict(Code.WRONG_NAME, Stage.TLS, f"The server's certificate is not for {name}, but for {names}; clients that dial {name} refuse it.")


def verify_dates(leaf: Certificate, now: dt.datetime) -> Verdict | None:
    """now has a time zone."""
    if now >= leaf.not_after:
        return Verdict(Code.EXPIRED, Stage.TLS, f"The server's certificate has expired on {leaf.not_after:%Y-%m-%d}; renew it and rotate.")
    if now < leaf.not_before:
        return Verdict(Code.NOT_YET_VALID, Stage.TLS, f"The server's certificate is not valid before {leaf.not_before:%Y-%m-%d %H:%M} UTC.")
    return None


def verify_chain(chain: Sequence[bytes], ca_file: str | None) -> Verdict | None:
    """Do the certificates lead to a root that is trusted: one in ca_file (PEM), or without it one that the system trusts?

    The leaf's own dates are verify_dates' to judge; an issuer's dates are judged here, by the system's clock.
    """
    leaf = read_certificate(chain[0])
    strict, reason = _ask(_trusting(leaf, ca_file, 0), chain, None)
    if strict == 0:
        return None
    timeless, other_reason = _ask(_trusting(leaf, ca_file, _NO_CHECK_TIME), chain, None)
    if _UNFIT_PURPOSE in (strict, timeless):
        return _wrong_usage(leaf)
    if timeless:
        sentence = f"The server's certificate is not trusted: {other_reason}. The server must send its intermediates, and clients must trust the root."
        return Verdict(Code.UNTRUSTED_CHAIN, Stage.TLS, sentence, timeless)
    if strict in (_EXPIRED, _NOT_YET_VALID) and verify_dates(leaf, dt.datetime.now(dt.timezone.utc)) is None:
        sentence = f"An issuer of the server's certificate is out of its time: {reason}. Replace the intermediate on the server."
        return Verdict(Code.UNTRUSTED_CHAIN, Stage.TLS, sentence, strict)
    return None


def _wrong_usage(leaf: Certificate) -> Verdict:
    """OpenSSL looks at the purpose before anything else, and does not take Any Purpose alone, as Windows does."""
    if EKU_ANY_PURPOSE in (leaf.eku or ()):
        sentence = "The server's certificate has Any Purpose, but not Server Authentication: Windows takes that, OpenSSL does not, so its chain stays unjudged."
        return Verdict(Code.UNJUDGED_CHAIN, Stage.TLS, sentence, _UNFIT_PURPOSE)
    sentence = "The server's certificate, or an issuer of it, is not meant for servers: have one issued with Server Authentication."
    return Verdict(Code.WRONG_USAGE, Stage.TLS, sentence, _UNFIT_PURPOSE)


def check_ca_file(ca_file: str | None) -> None:
    """Raises SstpError where the file cannot serve."""
    if ca_file is not None:
        _with_roots(_ECDHE_RSA[0], ca_file, _state_of_roots(ca_file), 0, True)


def _load(context: ssl.SSLContext, ca_file: str) -> None:
    try:
        context.load_verify_locations(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SstpError(f"The file {ca_file} cannot be read as certificates in PEM ({error}).") from None


def _trusting(leaf: Certificate, ca_file: str | None, flags: int, check_name: bool = False) -> ssl.SSLContext:
    """Trusts the roots in ca_file, or those of the system."""
    return _with_roots(_cipher(leaf)[0], ca_file, _state_of_roots(ca_file), flags, check_name)


# Reading the roots of a system takes longer than all the rest of a probe. Their state is among the arguments, so that changed ones are read again.
@functools.lru_cache(maxsize=16)
def _with_roots(cipher: str, ca_file: str | None, state: tuple[tuple[str, int, int], ...], flags: int, check_name: bool) -> ssl.SSLContext:
    context = _context(cipher)
    context.verify_flags |= flags
    context.check_hostname = check_name
    if ca_file:
        _load(context, ca_file)
    else:
        context.load_default_certs()
    return context


def _state_of_roots(ca_file: str | None) -> tuple[tuple[str, int, int], ...]:
    """Path, time of the last change (nanoseconds) and size (bytes) of each file or folder with roots that is there."""
    state = []
    for path in filter(None, (ca_file,) if ca_file else ssl.get_default_verify_paths()[:2]):
        with contextlib.suppress(OSError):
            found = os.stat(path)
            state.append((path, found.st_mtime_ns, found.st_size))
    return tuple(state)


def _context(cipher: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(cipher)
    return context


def _cipher(leaf: Certificate) -> tuple[str, int]:
    try:
        return _ECDHE_RSA if isinstance(leaf.parsed.public_key(), rsa.RSAPublicKey) else _ECDHE_ECDSA
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SstpError(f"The public key of the server's certificate cannot be read ({error}).") from None


def _ask(context: ssl.SSLContext, chain: Sequence[bytes], name: str | None) -> tuple[int, str]:
    """OpenSSL's verify_code and its words; 0 for a chain that it takes."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=name)
    incoming.write(_records(_server_hello(_cipher(read_certificate(chain[0]))[1]) + _certificate(chain)))
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return 0, ""
    except ssl.SSLCertVerificationError as error:
        return error.verify_code, error.verify_message
    except ssl.SSLError as error:
        raise SstpError(f"OpenSSL cannot judge the server's certificates ({error.reason}).") from None
    raise SstpError("OpenSSL took half a handshake for a whole one.")


def _records(messages: bytes) -> bytes:
    parts = (messages[start : start + _LONGEST_RECORD] for start in range(0, len(messages), _LONGEST_RECORD))
    return b"".join(struct.pack(">B2sH", _HANDSHAKE, _TLS12, len(part)) + part for part in parts)


def _server_hello(cipher: int) -> bytes:
    """RFC 5246 7.4.1.3: version, random, no session, the cipher, no compression, extensions."""
    body = _TLS12 + bytes(32) + b"\0" + struct.pack(">HB", cipher, 0) + struct.pack(">H", len(_RENEGOTIATION_INFO)) + _RENEGOTIATION_INFO
    return _message(_SERVER_HELLO, body)


def _certificate(chain: Sequence[bytes]) -> bytes:
    return _message(_CERTIFICATE, _long(b"".join(_long(der) for der in chain)))


def _message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + _long(body)


def _long(data: bytes) -> bytes:
    return len(data).to_bytes(3, "big") + data
