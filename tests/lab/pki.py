# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates for tests. Wine 8 has no CNG, so all keys are RSA."""

from __future__ import annotations

import datetime
import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

SERVER_AUTH = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH
ANY_PURPOSE = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
POOL = 4
# Nobody asks there: the lab has no revocation lists.
CRL = "http://crl.example.com/lab.crl"

# Private keys by thumbprint: the TLS server takes them from here, for none can be read out of Wine's key containers
# the way Schannel does it.
keyring: dict[str, Issued] = {}


@functools.cache
def pooled_key(number: int) -> RSAPrivateKey:
    """One of a few keys per process: making one takes longer than all the rest."""
    while True:
        key = generate_private_key(65537, 2048)
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
    key: RSAPrivateKey = field(repr=False)
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
        key: RSAPrivateKey | None = None,
        crl: Sequence[str] = (CRL,),
    ) -> Issued:
        """A certificate for these names (DNS or IP); eku=None: without that extension. crl: where its revocation list is said to be.

        Two certificates that follow one another have different keys; give key for a renewal with the same key.
        """
        self._issued += 1
        own = key or pooled_key(1 + self._issued % (POOL - 1))
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]))
            .issuer_name(self.intermediate.subject)
            .public_key(own.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(not_before or _now() - datetime.timedelta(days=1))
            .not_valid_after(not_after or _now() + datetime.timedelta(days=90))
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        )
        if eku is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage(eku), critical=False)
        if crl:
            points = [x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None) for url in crl]
            builder = builder.add_extension(x509.CRLDistributionPoints(points), critical=False)
        issued = Issued(builder.sign(self._key, hashes.SHA256()), own, (self.intermediate,))
        keyring[issued.thumbprint] = issued
        return issued
