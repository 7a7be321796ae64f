# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates: reading them, what their keys have signed, and the PFX that crosses to a host. PRIVATE to the collection."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
from dataclasses import dataclass
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat, PublicFormat, pkcs12
from cryptography.hazmat.primitives.serialization.pkcs12 import PBES
from cryptography.x509.oid import AuthorityInformationAccessOID, SignatureAlgorithmOID

from .errors import SstpError

# Windows Server 2019. Builds before it read only the older cipher:
# https://learn.microsoft.com/troubleshoot/windows-server/certificates-and-public-key-infrastructure-pki
_FIRST_BUILD_WITH_AES = 17763
# The password is random and 256 bits long, and lives for one call: stretching it further gains nothing.
_KDF_ROUNDS = 2048

# Of x509.KeyUsage; encipher_only and decipher_only raise where there is no key agreement, and matter to nobody here.
_USAGES = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign")
_KEY_OIDS = {"1.2.840.113549.1.1.10": "RSASSA-PSS"}

ServerKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Certificate:
    """What is read out of a certificate's DER; thumbprint and sha256 are upper-case hex of its hashes, times are UTC.

    eku is None where there is no such extension.
    """

    der: bytes
    thumbprint: str
    sha256: str
    subject: str
    issuer: str
    serial: str
    not_before: dt.datetime
    not_after: dt.datetime
    eku: tuple[str, ...] | None
    names: tuple[str, ...]

    @property
    def parsed(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(self.der)


@dataclass(frozen=True)
class Details:
    """What judging a certificate takes. key_type: rsa, ec, or the name of another algorithm; key_size in bits; curve as in SEC 2.

    signature_hash: its name, such as sha256; empty for a signature without one. key_usage: None where there is no such extension, else the names of
    RFC 5280 in snake case. revocation_urls: of CRLs and OCSP. unknown_critical: object identifiers. The key identifiers are None where they are absent.
    """

    key_type: str
    key_size: int
    curve: str
    signature_hash: str
    is_pss: bool
    key_usage: frozenset[str] | None
    is_ca: bool
    revocation_urls: tuple[str, ...]
    unknown_critical: tuple[str, ...]
    subject: bytes
    issuer: bytes
    key_identifier: bytes | None
    issuer_key_identifier: bytes | None

    @property
    def is_self_issued(self) -> bool:
        return self.subject == self.issuer


@dataclass(frozen=True, repr=False)
class Candidate:
    """A certificate as the controller has it. Shows nothing of its key, which is None where only the certificate was given.

    chain: what leads from it to a root, the issuer of the certificate first. root: the self-signed end, where it was given.
    """

    certificate: Certificate
    chain: tuple[Certificate, ...] = ()
    key: ServerKey | None = None
    root: Certificate | None = None

    @property
    def issuers(self) -> tuple[Certificate, ...] | None:
        """All that is above it; None where nothing was given, for it may lie on the server then."""
        return (*self.chain, self.root) if self.root and self.root != self.certificate else self.chain or None


@functools.lru_cache(maxsize=512)
def read_certificate(der: bytes) -> Certificate:
    """Read DER; raises SstpError for bytes that are no certificate."""
    try:
        parsed = x509.load_der_x509_certificate(der)
        return Certificate(
            der=der,
            thumbprint=parsed.fingerprint(hashes.SHA1()).hex().upper(),
            sha256=parsed.fingerprint(hashes.SHA256()).hex().upper(),
            subject=parsed.subject.rfc4514_string(),
            issuer=parsed.issuer.rfc4514_string(),
            serial=format(parsed.serial_number, "X"),
            not_before=_utc(parsed, "not_valid_before"),
            not_after=_utc(parsed, "not_valid_after"),
            eku=_eku(parsed),
            names=_names(parsed),
        )
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType) as error:
        raise SstpError(f"The data is not a readable X.509 certificate ({error}).") from None


def read_stored(der: bytes) -> Certificate:
    """As read_certificate, but a certificate that no parser takes is still known by its hashes: stores hold the oddest things."""
    try:
        return read_certificate(der)
    except SstpError:
        sha1, sha256 = hashlib.sha1(der, usedforsecurity=False), hashlib.sha256(der)
        always = (dt.datetime.min.replace(tzinfo=dt.timezone.utc), dt.datetime.max.replace(tzinfo=dt.timezone.utc))
        return Certificate(der, sha1.hexdigest().upper(), sha256.hexdigest().upper(), "(unreadable)", "(unreadable)", "", *always, None, ())


@functools.lru_cache(maxsize=512)
def read_details(der: bytes) -> Details:
    """Read DER once more, for its details. Raises SstpError where a part that matters cannot be read."""
    parsed = read_certificate(der).parsed
    try:
        key_type, key_size, curve = _public_key(parsed)
        usage = _extension(parsed, x509.KeyUsage)
        constraints = _extension(parsed, x509.BasicConstraints)
        own, issuers = _extension(parsed, x509.SubjectKeyIdentifier), _extension(parsed, x509.AuthorityKeyIdentifier)
        return Details(
            key_type=key_type,
            key_size=key_size,
            curve=curve,
            signature_hash=_signature_hash(parsed),
            is_pss=parsed.signature_algorithm_oid == SignatureAlgorithmOID.RSASSA_PSS,
            key_usage=None if usage is None else frozenset(name for name in _USAGES if getattr(usage, name)),
            is_ca=constraints is not None and constraints.ca,
            revocation_urls=_revocation_urls(parsed),
            unknown_critical=tuple(e.oid.dotted_string for e in parsed.extensions if e.critical and isinstance(e.value, x509.UnrecognizedExtension)),
            subject=parsed.subject.public_bytes(),
            issuer=parsed.issuer.public_bytes(),
            key_identifier=None if own is None else own.digest,
            issuer_key_identifier=None if issuers is None else issuers.key_identifier,
        )
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SstpError(f"The certificate {read_certificate(der).thumbprint} has a part that cannot be read ({error}).") from None


_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


def _extension(parsed: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return parsed.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _public_key(parsed: x509.Certificate) -> tuple[str, int, str]:
    try:
        key = parsed.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return f"of the algorithm {_KEY_OIDS.get(_key_oid(parsed), _key_oid(parsed))}", 0, ""
    if isinstance(key, rsa.RSAPublicKey):
        return "rsa", key.key_size, ""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "ec", key.key_size, key.curve.name
    return type(key).__name__.lstrip("_").replace("PublicKey", ""), getattr(key, "key_size", 0), ""


def _key_oid(parsed: x509.Certificate) -> str:
    # The property came with cryptography 43.
    oid = getattr(parsed, "public_key_algorithm_oid", None)
    return "unknown" if oid is None else str(oid.dotted_string)


def _signature_hash(parsed: x509.Certificate) -> str:
    try:
        algorithm = parsed.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return parsed.signature_algorithm_oid.dotted_string
    return "" if algorithm is None else algorithm.name


def _revocation_urls(parsed: x509.Certificate) -> tuple[str, ...]:
    points = _extension(parsed, x509.CRLDistributionPoints) or ()
    names = [name for point in points for name in point.full_name or ()]
    access = _extension(parsed, x509.AuthorityInformationAccess) or ()
    names += [entry.access_location for entry in access if entry.access_method == AuthorityInformationAccessOID.OCSP]
    return tuple(name.value for name in names if isinstance(name, x509.UniformResourceIdentifier))


def _utc(parsed: x509.Certificate, name: str) -> dt.datetime:
    # The aware properties came with cryptography 42.
    aware = getattr(parsed, f"{name}_utc", None)
    value: dt.datetime = aware if aware is not None else getattr(parsed, name).replace(tzinfo=dt.timezone.utc)
    return value


def _eku(parsed: x509.Certificate) -> tuple[str, ...] | None:
    usages = _extension(parsed, x509.ExtendedKeyUsage)
    return None if usages is None else tuple(oid.dotted_string for oid in usages)


def _names(parsed: x509.Certificate) -> tuple[str, ...]:
    names = _extension(parsed, x509.SubjectAlternativeName)
    if names is None:
        return ()
    return (*names.get_values_for_type(x509.DNSName), *(str(ip) for ip in names.get_values_for_type(x509.IPAddress)))


def public_bytes(key: object) -> bytes:
    """A public key as certificates have it (SubjectPublicKeyInfo, DER)."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined, no-any-return]


def encode_pfx(candidate: Candidate, password: str, build: int) -> bytes:
    """The candidate's certificate and key, which it must have, as a PFX in a cipher that this build of Windows reads."""
    modern = build >= _FIRST_BUILD_WITH_AES
    cipher = PBES.PBESv2SHA256AndAES256CBC if modern else PBES.PBESv1SHA1And3KeyTripleDESCBC
    mac = hashes.SHA256() if modern else hashes.SHA1()
    encryption = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(_KDF_ROUNDS).key_cert_algorithm(cipher).hmac_hash(mac).build(password.encode("ascii"))
    return pkcs12.serialize_key_and_certificates(None, candidate.key, candidate.certificate.parsed, None, encryption)


def signature_is_valid(certificate: Certificate, algorithm: str, signature: bytes, signed: bytes) -> bool | None:
    """Did the private key of this certificate make the signature? Algorithms: rsa-sha256, rsa-sha1, ecdsa-sha256.

    None where the certificate's public key cannot be read here, so that nothing can be said.
    """
    try:
        key = certificate.parsed.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
        return None
    try:
        if isinstance(key, rsa.RSAPublicKey) and algorithm in ("rsa-sha256", "rsa-sha1"):
            digest = hashes.SHA256() if algorithm == "rsa-sha256" else hashes.SHA1()
            key.verify(signature, signed, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm == "ecdsa-sha256":
            half = len(signature) // 2
            r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
            key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
        else:
            return False
    except UnsupportedAlgorithm:  # such as SHA-1 where the system's OpenSSL forbids it
        return None
    except (InvalidSignature, ValueError):
        return False
    return True
