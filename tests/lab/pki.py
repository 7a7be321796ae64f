# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates for tests. Wine 8 has no CNG, so all keys are RSA unless a test asks for another one."""

from __future__ import annotations

import datetime
import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID, ObjectIdentifier

SERVER_AUTH = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH
ANY_PURPOSE = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
POOL = 4
BITS = 2048
# What the certificates of a well-kept authority have, so that nothing is to be said of them.
CRL = ("http://crl.example.com/lab.crl",)
RSA_USAGE = ("digital_signature", "key_encipherment")
ECDSA_USAGE = ("digital_signature",)
AUTHORITY_USAGE = ("key_cert_sign", "crl_sign")
# Words of the extension, as the library names them.
USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign",
    "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip
SIGNATURES = ("sha256", "sha1", "pss")
# DER of their object identifiers.
SHA256_WITH_RSA, SHA1_WITH_RSA = (bytes.fromhex(f"06092a864886f70d0101{last}") for last in ("0b", "05"))

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey

# Private keys by thumbprint: the TLS server takes them from here, for none can be read out of Wine's key containers
# the way Schannel does it.
keyring: dict[str, Issued] = {}


@functools.cache
def pooled_key(number: int, bits: int = BITS) -> RSAPrivateKey:
    """One of a few keys per process: making one takes longer than all the rest."""
    while True:
        key = generate_private_key(65537, bits)
        if _fills_its_fields(key):
            return key


def _fills_its_fields(key: RSAPrivateKey) -> bool:
    """Whether no number of the key begins with a zero byte, as one in a hundred has it.

    Wine 8 imports a key wrongly whose second exponent or coefficient does: it opens, and what it signs fits no certificate.
    """
    numbers = key.private_numbers()
    half = key.key_size // 2
    return all(number.bit_length() > half - 8 for number in (numbers.dmp1, numbers.dmq1, numbers.iqmp)) and numbers.d.bit_length() > key.key_size - 8


@dataclass(frozen=True)
class Issued:
    """A certificate with its private key and what leads from it to the root (without either)."""

    certificate: x509.Certificate
    key: PrivateKey = field(repr=False)
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def der(self) -> bytes:
        """The certificate as Windows stores it."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def chain_der(self) -> list[bytes]:
        """The intermediates, each as DER."""
        return [item.public_bytes(Encoding.DER) for item in self.chain]

    @property
    def thumbprint(self) -> str:
        """SHA-1 of the DER, lower case hex."""
        return hashlib.sha1(self.der, usedforsecurity=False).hexdigest()

    @property
    def sha256(self) -> str:
        """SHA-256 of the DER, lower case hex."""
        return hashlib.sha256(self.der).hexdigest()

    def pem(self) -> bytes:
        """Certificate and chain as PEM, as a TLS server sends them."""
        return b"".join(item.public_bytes(Encoding.PEM) for item in (self.certificate, *self.chain))

    def key_pem(self, password: str | None = None) -> bytes:
        """The private key as PKCS#8 PEM."""
        encryption: KeySerializationEncryption = NoEncryption()
        if password:
            encryption = BestAvailableEncryption(password.encode())
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)

    def pfx(self, password: str, *, legacy: bool = False, with_key: bool = True) -> bytes:
        """PKCS#12; legacy: 3DES with SHA-1, which old Windows builds want. An empty password: not encrypted at all."""
        builder = PrivateFormat.PKCS12.encryption_builder()
        if legacy:
            builder = builder.key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC).hmac_hash(hashes.SHA1())
        else:
            builder = builder.key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC).hmac_hash(hashes.SHA256())
        key = self.key if with_key else None
        encryption = builder.build(password.encode()) if password else NoEncryption()
        return pkcs12.serialize_key_and_certificates(b"lab", key, self.certificate, self.chain or None, encryption)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage_extension(words: Sequence[str]) -> x509.KeyUsage:
    return x509.KeyUsage(**{name: name in words for name in USAGES})


def _sign(builder: x509.CertificateBuilder, key: PrivateKey, signature: str) -> x509.Certificate:
    if signature not in SIGNATURES or (signature != "sha256" and not isinstance(key, RSAPrivateKey)):
        raise ValueError(f"no signature {signature!r} with this key")
    if signature == "pss":
        return builder.sign(key, hashes.SHA256(), rsa_padding=padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH))
    signed = builder.sign(key, hashes.SHA256())
    return _with_sha1(signed, key) if signature == "sha1" and isinstance(key, RSAPrivateKey) else signed


def _with_sha1(certificate: x509.Certificate, key: RSAPrivateKey) -> x509.Certificate:
    """The same, signed with SHA-1: the library does not make such certificates any more. All lengths stay as they are."""
    body = certificate.tbs_certificate_bytes.replace(SHA256_WITH_RSA, SHA1_WITH_RSA)
    signature = key.sign(body, padding.PKCS1v15(), hashes.SHA1())
    der = certificate.public_bytes(Encoding.DER)
    der = der.replace(certificate.tbs_certificate_bytes, body).replace(SHA256_WITH_RSA, SHA1_WITH_RSA).replace(certificate.signature, signature)
    return x509.load_der_x509_certificate(der)


class Authority:
    """A root with one intermediate, which signs."""

    def __init__(self, name: str = "Lab") -> None:
        """Make both."""
        self._key = pooled_key(0)
        self.root = self._authority(f"{name} Root", None, f"{name} Root")
        self.intermediate = self._authority(f"{name} Issuing", self.root, f"{name} Root")
        self._issued = 0

    def _authority(self, name: str, parent: x509.Certificate | None, issuer: str) -> x509.Certificate:
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_now() - datetime.timedelta(days=3650))
            .not_valid_after(_now() + datetime.timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None if parent is None else 0), critical=True)
            .add_extension(_usage_extension(AUTHORITY_USAGE), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def root_pem(self) -> bytes:
        """What clients are to trust."""
        return self.root.public_bytes(Encoding.PEM)

    def issue(
        self,
        names: Sequence[str],
        *,
        eku: Sequence[ObjectIdentifier] | None = (SERVER_AUTH,),
        not_before: datetime.datetime | None = None,
        not_after: datetime.datetime | None = None,
        key: PrivateKey | None = None,
        bits: int = BITS,
        crl: Sequence[str] = CRL,
        ocsp: Sequence[str] = (),
        usage: Sequence[str] | None = None,
        ca: bool = False,
        signature: str = "sha256",
        by_itself: bool = False,
    ) -> Issued:
        """A certificate for these names (DNS or IP); eku=None: without that extension.

        Two certificates that follow one another have different keys; give key for a renewal with the same key, or an elliptic one; bits: of a new one.
        crl, ocsp: addresses, none of them for none. usage: words of USAGES, none for no such extension; None: what suits the key.
        signature: one of SIGNATURES. by_itself: self-signed, and with no chain.
        """
        self._issued += 1
        own = key or pooled_key(1 + self._issued % (POOL - 1), bits)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if by_itself else self.intermediate.subject)
            .public_key(own.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(not_before or _now() - datetime.timedelta(days=1))
            .not_valid_after(not_after or _now() + datetime.timedelta(days=90))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        )
        if usage is None:
            usage = RSA_USAGE if isinstance(own, RSAPrivateKey) else ECDSA_USAGE
        if usage:
            builder = builder.add_extension(_usage_extension(usage), critical=True)
        if eku is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage(eku), critical=False)
        if crl:
            points = [x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None) for url in crl]
            builder = builder.add_extension(x509.CRLDistributionPoints(points), critical=False)
        if ocsp:
            answers = [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(url)) for url in ocsp]
            builder = builder.add_extension(x509.AuthorityInformationAccess(answers), critical=False)
        issued = Issued(_sign(builder, own if by_itself else self._key, signature), own, () if by_itself else (self.intermediate,))
        keyring[issued.thumbprint] = issued
        return issued
