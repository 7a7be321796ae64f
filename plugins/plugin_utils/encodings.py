# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the bytes of a file to certificates and private keys, in whatever encoding people have them. PRIVATE to the collection."""

from __future__ import annotations

import base64
import binascii
import codecs
import contextlib
import string
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, load_der_private_key, load_pem_private_key, pkcs7, pkcs12

from .errors import SstpError, shortened
from .x509 import Certificate, read_certificate

# Bytes. A chain has some kilobytes; what is longer is something else, and reading it would take long.
MOST = 4 << 20
_LONGEST_LABEL = 64
_BEGIN, _DASHES = "-----BEGIN ", "-----"
_SEQUENCE = 0x30
_BASE64 = frozenset((string.ascii_letters + string.digits + "+/= \t\r\n").encode())

# Of RFC 7468, and what OpenSSL, Java and Microsoft's certutil write.
_CERTIFICATES = ("CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE")
_BUNDLES = ("PKCS7", "CMS", "PKCS #7 SIGNED DATA")
_KEYS = ("PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY")
_REQUESTS = ("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")
_FAULTS = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion)


@dataclass(frozen=True)
class Origin:
    """Where bytes come from, in words: what ("PFX", "certificate"), the name to call it by, and the option that holds its password."""

    what: str
    name: str
    password_option: str

    def __str__(self) -> str:
        return f"The {self.what} {self.name}"


@dataclass(frozen=True, repr=False)
class Contents:
    """What was found, in the order of the file. Keys are of any kind. Shows nothing of them."""

    certificates: tuple[Certificate, ...] = ()
    keys: tuple[object, ...] = ()

    def __add__(self, other: Contents) -> Contents:
        return Contents(self.certificates + other.certificates, self.keys + other.keys)


def refused(rule: str, sentence: str) -> SstpError:
    """The refusal of a source, with the id of what is wrong with it."""
    return SstpError(sentence, rule=rule)


def read_pfx(data: bytes, password: str | None, origin: Origin) -> Contents:
    """A PFX (PKCS #12). Raises SstpError. An absent password and an empty one are tried alike, as Windows does."""
    _require_size(data, origin, "export the certificate again, with its private key")
    if _as_text(data) is not None:
        raise refused("source_unreadable", f"{origin} is no PFX, but PEM; give it as certificate, and its key as private_key unless it is in the same file.")
    reason: Exception | None = None
    for attempt in [password] if password else [None, ""]:
        try:
            key, certificate, others = pkcs12.load_key_and_certificates(data, None if attempt is None else attempt.encode())
        except _FAULTS as error:
            reason = error
            continue
        found = [certificate] if certificate else []
        return Contents(tuple(_certificate(item.public_bytes(Encoding.DER), origin) for item in (*found, *others)), (key,) if key else ())
    if isinstance(reason, UnicodeEncodeError) or "password" in str(reason).lower() or "mac" in str(reason).lower():
        raise refused("password_wrong", f"{origin} cannot be opened with {_given(password)}; check {origin.password_option}.")
    raise refused("source_unreadable", f"The file {origin.name} is not a readable PFX (PKCS #12); export the certificate with its private key as PFX.")


def _given(password: str | None) -> str:
    return "the password given" if password else "no password"


def read_contents(data: bytes, password: str | None, origin: Origin) -> Contents:
    """Certificates and keys in PEM, DER or PKCS #7, as many as there are; password: of encrypted keys. Raises SstpError.

    Text may have a byte order mark, any line ends, indentation, and other text around what counts.
    """
    _require_size(data, origin, "see whether it was written to its end")
    text = _as_text(data)
    contents = _read_pem(text, password, origin) if text is not None else _read_binary(data, password, origin)
    if not contents.certificates and not contents.keys:
        raise refused("source_unreadable", f"{origin} has no certificate and no private key in it; give PEM, DER or PKCS #7.")
    return contents


def _require_size(data: bytes, origin: Origin, remedy: str) -> None:
    if not data:
        raise refused("source_empty", f"{origin} is empty; {remedy}.")
    if len(data) > MOST:
        raise refused("source_too_large", f"{origin} has {len(data)} bytes, and no certificate is that long (the limit is {MOST}); see what it is.")


# --- PEM ---


def _as_text(data: bytes) -> str | None:
    """The text of PEM, None where there is none: UTF-8 or what extends ASCII, or UTF-16 with or without a byte order mark."""
    encoding = "latin-1"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif (start := data.find(_BEGIN.encode("utf-16-le"))) >= 0:
        # Seen from one byte further on, the one order looks like the other.
        encoding = "utf-16-be" if start % 2 else "utf-16-le"
    text = data.decode(encoding, "replace")
    return text if _BEGIN in text else None


def _read_pem(text: str, password: str | None, origin: Origin) -> Contents:
    contents = Contents()
    labels = []
    for label, body in _blocks(text, origin):
        labels.append(label)
        if label in _CERTIFICATES:
            # OpenSSL's TRUSTED CERTIFICATE has something of its own behind the certificate.
            contents += Contents((_certificate(_first(_decode(label, body, origin), origin), origin),))
        elif label in _BUNDLES:
            contents += _read_pkcs7(_decode(label, body, origin), origin)
        elif label in _KEYS:
            contents += Contents((), (_read_key(load_pem_private_key, _tidied(label, body), password, origin),))
        elif label == "OPENSSH PRIVATE KEY":
            raise refused("source_unreadable", f"{origin} has a private key in the form of OpenSSH; convert it to PKCS #8 (ssh-keygen -p -m PKCS8).")
    if not contents.certificates and not contents.keys and any(label in _REQUESTS for label in labels):
        raise refused("source_unreadable", f"{origin} is a request for a certificate (CSR), and no certificate; give what the CA has answered to it.")
    return contents


def _blocks(text: str, origin: Origin) -> Iterator[tuple[str, str]]:
    """Label and body of each block. One that does not end is a file that was cut off."""
    start = text.find(_BEGIN)
    while start >= 0:
        begin = start + len(_BEGIN)
        close = text.find(_DASHES, begin, begin + _LONGEST_LABEL)
        label = text[begin:close]
        body = close + len(_DASHES)
        end = text.find(f"-----END {label}{_DASHES}", body) if close >= 0 else -1
        if end < 0:
            raise refused("source_unreadable", f"{origin} is cut off: its last PEM block has a beginning and no end; copy the whole file again.")
        yield label, text[body:end]
        start = text.find(_BEGIN, end)


def _lines(body: str) -> list[str]:
    # A file that went through JSON or an environment variable may have its line ends as two characters.
    return [line.strip() for line in body.replace("\\r", "").replace("\\n", "\n").splitlines() if line.strip()]


def _decode(label: str, body: str, origin: Origin) -> bytes:
    try:
        return base64.b64decode("".join("".join(line.split()) for line in _lines(body) if ":" not in line), validate=True)
    except (binascii.Error, ValueError):
        raise refused("source_unreadable", f"{origin} has a damaged block {label}: it is no base64; copy the whole file again.") from None


def _tidied(label: str, body: str) -> bytes:
    """A key's PEM as the library wants it: headers (those of an encrypted key of old), an empty line, the rest."""
    lines = _lines(body)
    headers = [line for line in lines if ":" in line]
    data = [line for line in lines if ":" not in line]
    return "\n".join([f"{_BEGIN}{label}{_DASHES}", *headers, *([""] if headers else []), *data, f"-----END {label}{_DASHES}", ""]).encode("utf-8", "replace")


# --- DER ---


def _read_binary(data: bytes, password: str | None, origin: Origin) -> Contents:
    if data[0] != _SEQUENCE and _BASE64.issuperset(data):
        with contextlib.suppress(binascii.Error, ValueError):
            data = base64.b64decode(b"".join(data.split()), validate=True)
    if data[:1] != bytes([_SEQUENCE]):
        raise refused("source_unreadable", f"{origin} is neither PEM nor DER; give the certificate as PEM, DER, PKCS #7 or PFX.")
    contents = Contents()
    rest = data
    while rest.strip(b"\0\r\n\t \x1a"):
        item = _first(rest, origin)
        contents += _read_der(item, password, origin)
        rest = rest[len(item) :]
    return contents


def _first(data: bytes, origin: Origin) -> bytes:
    """The first DER value of the data."""
    head, length = 2, data[1] if len(data) > 1 else 0
    if length & 0x80:
        head += length & 0x7F
        length = int.from_bytes(data[2:head], "big")
    if data[:1] != bytes([_SEQUENCE]) or head > 6 or (head == 2 and length == 0):
        raise refused("source_unreadable", f"{origin} has something in it that is no DER; give the certificate as PEM, DER, PKCS #7 or PFX.")
    if head + length > len(data):
        raise refused("source_unreadable", f"{origin} is cut off: it should have {head + length} bytes, and has {len(data)}; copy the whole file again.")
    return data[: head + length]


def _read_der(der: bytes, password: str | None, origin: Origin) -> Contents:
    """One value: what it is shows in its first element and its kind."""
    inner = der[2 + (der[1] & 0x7F if der[1] & 0x80 else 0) :]
    if inner[:3] == b"\x02\x01\x03":
        raise refused("source_unreadable", f"{origin} is a PFX; give it as pfx, with pfx_password.")
    if inner[:1] == b"\x06":
        return _read_pkcs7(der, origin)
    if inner[:1] == b"\x02" or _is_encrypted_key(inner):
        return Contents((), (_read_key(load_der_private_key, der, password, origin),))
    return Contents((_certificate(der, origin),))


def _is_encrypted_key(inner: bytes) -> bool:
    """EncryptedPrivateKeyInfo (RFC 5958) begins with an algorithm of PKCS #5 or PKCS #12."""
    oids = (bytes.fromhex("06092a864886f70d0105"), bytes.fromhex("060a2a864886f70d010c01"))
    return inner[:1] == bytes([_SEQUENCE]) and inner[2:16].startswith(oids)


def _certificate(der: bytes, origin: Origin) -> Certificate:
    try:
        return read_certificate(der)
    except SstpError as error:
        raise refused("certificate_unreadable", f"{origin} has a certificate in it that cannot be read: {error}") from None


def _read_pkcs7(der: bytes, origin: Origin) -> Contents:
    try:
        found: Iterable[x509.Certificate] = pkcs7.load_der_pkcs7_certificates(der)
        return Contents(tuple(_certificate(item.public_bytes(Encoding.DER), origin) for item in found))
    except _FAULTS as error:
        raise refused("source_unreadable", f"{origin} has a PKCS #7 in it that cannot be read ({_why(error)}); export the certificates again.") from None


def _read_key(load: Callable[..., object], data: bytes, password: str | None, origin: Origin) -> object:
    """A private key; a password that it does not need is left out."""
    secret = None if not password else password.encode("utf-8", "surrogatepass")
    try:
        try:
            return load(data, secret)
        except TypeError as error:
            if secret is None or "not encrypted" not in str(error):
                raise
            return load(data, None)
    except TypeError:
        raise refused(
            "password_wrong", f"The private key in {_lowered(origin)} is encrypted, and no password was given; give {origin.password_option}."
        ) from None
    except (ValueError, UnsupportedAlgorithm) as error:
        # Only an encrypted one is deciphered, so only there can the password be wrong.
        if secret is not None and any(word in str(error).lower() for word in ("decrypt", "password")):
            where = f"The private key in {_lowered(origin)}"
            raise refused("password_wrong", f"{where} cannot be opened with the password given; check {origin.password_option}.") from None
        raise refused("key_unreadable", f"The private key in {_lowered(origin)} cannot be read; give it in PKCS #8, PKCS #1 or SEC 1, as PEM or DER.") from None


def _lowered(origin: Origin) -> str:
    return f"the {origin.what} {origin.name}"


def _why(error: Exception) -> str:
    return shortened(str(error).splitlines()[0] if str(error) else type(error).__name__, 120)
