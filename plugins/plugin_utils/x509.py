# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates: reading, fitness for SSTP, and the PFX that crosses to a host. PRIVATE to the collection."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat, PublicFormat, pkcs12
from cryptography.hazmat.primitives.serialization.pkcs12 import PBES

from .errors import SstpError
from .names import EKU_ANY_PURPOSE, EKU_SERVER_AUTHENTICATION

# Windows Server 2019. Builds before it read only the older cipher:
# https://learn.microsoft.com/troubleshoot/windows-server/certificates-and-public-key-infrastructure-pki
_FIRST_BUILD_WITH_AES = 17763
# The password is random and 256 bits long, and lives for one call: stretching it further gains nothing.
_KDF_ROUNDS = 2048
# Days: more is as good as for ever, and near what a timedelta takes.
_A_MILLION = 1_000_000


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
class Problem:
    """Something about a certificate that stands against using it for SSTP."""

    id: str
    severity: str
    sentence: str
    actual: str


@dataclass(frozen=True, repr=False)
class Candidate:
    """A certificate with its private key, as it came out of a PFX. Shows nothing of the key."""

    certificate: Certificate
    chain: tuple[Certificate, ...]
    key: ServerKey


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


def _utc(parsed: x509.Certificate, name: str) -> dt.datetime:
    # The aware properties came with cryptography 42.
    aware = getattr(parsed, f"{name}_utc", None)
    value: dt.datetime = aware if aware is not None else getattr(parsed, name).replace(tzinfo=dt.timezone.utc)
    return value


def _eku(parsed: x509.Certificate) -> tuple[str, ...] | None:
    try:
        extension = parsed.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return None
    return tuple(oid.dotted_string for oid in extension.value)


def _names(parsed: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    dns = extension.value.get_values_for_type(x509.DNSName)
    return (*dns, *(str(ip) for ip in extension.value.get_values_for_type(x509.IPAddress)))


def load_certificate(data: bytes) -> Certificate:
    """One certificate from PEM or DER."""
    if b"-----BEGIN CERTIFICATE-----" in data:
        try:
            return read_certificate(x509.load_pem_x509_certificate(data).public_bytes(Encoding.DER))
        except ValueError as error:
            raise SstpError(f"The certificate given is not readable PEM ({error}).") from None
    return read_certificate(data)


def load_pfx(data: bytes, password: str | None, source: str) -> Candidate:
    """The certificate and key of a PFX. An absent password and an empty one are tried alike, as Windows does."""
    if not data:
        raise SstpError(f"The PFX {source} is empty; export the certificate again, with its private key.")
    key, certificate, others = _decrypt_pfx(data, password, source)
    if key is None:
        raise SstpError(f"The PFX {source} has no private key; export the certificate again together with its private key.")
    if certificate is None:
        raise SstpError(f"The PFX {source} has no certificate that belongs to its private key; export it again.")
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise SstpError(f"The private key in the PFX {source} is neither RSA nor ECDSA, and Windows serves TLS with no other; have one issued.")
    if _public_bytes(certificate.public_key()) != _public_bytes(key.public_key()):
        raise SstpError(f"The private key in the PFX {source} does not belong to its certificate; export both together again.")
    chain = tuple(read_stored(other.public_bytes(Encoding.DER)) for other in others)
    return Candidate(read_certificate(certificate.public_bytes(Encoding.DER)), chain, key)


def _decrypt_pfx(data: bytes, password: str | None, source: str) -> tuple[object, x509.Certificate | None, list[x509.Certificate]]:
    attempts = [password] if password else [None, ""]
    reason: Exception | None = None
    for attempt in attempts:
        try:
            return pkcs12.load_key_and_certificates(data, None if attempt is None else attempt.encode("utf-8"))
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            reason = error
    if isinstance(reason, UnicodeEncodeError) or "password" in str(reason).lower() or "mac" in str(reason).lower():
        given = "the password given" if password else "no password"
        raise SstpError(f"The PFX {source} cannot be opened with {given}; check pfx_password.")
    raise SstpError(f"The file {source} is not a readable PFX (PKCS #12); export the certificate with its private key as PFX.")


def _public_bytes(key: object) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined, no-any-return]


def encode_pfx(candidate: Candidate, password: str, build: int) -> bytes:
    """The candidate's certificate and key as a PFX in a cipher that this build of Windows reads."""
    modern = build >= _FIRST_BUILD_WITH_AES
    cipher = PBES.PBESv2SHA256AndAES256CBC if modern else PBES.PBESv1SHA1And3KeyTripleDESCBC
    mac = hashes.SHA256() if modern else hashes.SHA1()
    encryption = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(_KDF_ROUNDS).key_cert_algorithm(cipher).hmac_hash(mac).build(password.encode("ascii"))
    return pkcs12.serialize_key_and_certificates(None, candidate.key, candidate.certificate.parsed, None, encryption)


def fitness(certificate: Certificate, now: dt.datetime, expiry_days: int = 0) -> tuple[Problem, ...]:
    """What stands against this certificate for SSTP at that time (domain: RasSstp events 11 and 16)."""
    problems = []
    if certificate.eku is None:
        sentence = "has no extended key usage; whether SSTP takes it is not documented, so have it issued with Server Authentication"
        problems.append(Problem("eku_absent", "warning", sentence, "no extended key usage"))
    elif not {EKU_SERVER_AUTHENTICATION, EKU_ANY_PURPOSE} & set(certificate.eku):
        sentence = "is not meant for servers: its extended key usage has neither Server Authentication nor Any Purpose; have it issued anew"
        problems.append(Problem("eku_unfit", "error", sentence, ", ".join(certificate.eku)))
    if now >= certificate.not_after:
        problems.append(Problem("certificate_expired", "error", f"has expired on {certificate.not_after:%Y-%m-%d}; renew it", _stamp(certificate.not_after)))
    elif certificate.not_after - now <= dt.timedelta(days=min(expiry_days, _A_MILLION)):
        days = (certificate.not_after - now).days
        problems.append(Problem("certificate_expiring", "warning", f"expires in {days} day{'s' if days != 1 else ''}; renew it", _stamp(certificate.not_after)))
    if now < certificate.not_before:
        sentence = f"is not valid before {_stamp(certificate.not_before)}; wait, or set the clock right"
        problems.append(Problem("certificate_not_yet_valid", "error", sentence, _stamp(certificate.not_before)))
    return tuple(problems)


def _stamp(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


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
