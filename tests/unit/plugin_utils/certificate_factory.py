# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates, keys and PFX files for the unit tests, made with cryptography."""

from __future__ import annotations

import datetime as dt
import functools
import ipaddress
from dataclasses import dataclass

from ansible_collections.rras.sstp.plugins.plugin_utils.x509 import Candidate, Certificate, read_certificate
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12
from cryptography.hazmat.primitives.serialization.pkcs12 import PBES

NOW = dt.datetime(2026, 3, 1, 12, 0, 0, tzinfo=dt.timezone.utc)
ISSUED = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
EXPIRES = dt.datetime(2026, 12, 31, tzinfo=dt.timezone.utc)

SERVER_AUTHENTICATION = "1.3.6.1.5.5.7.3.1"
CLIENT_AUTHENTICATION = "1.3.6.1.5.5.7.3.2"
ANY_PURPOSE = "2.5.29.37.0"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@functools.cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@functools.cache
def authority_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@functools.cache
def ec_key(number: int = 0) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Issued:
    """A certificate with its private key."""

    x509: x509.Certificate
    key: PrivateKey

    @property
    def der(self) -> bytes:
        return self.x509.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.x509.public_bytes(Encoding.PEM)

    @property
    def certificate(self) -> Certificate:
        return read_certificate(self.der)

    @property
    def thumbprint(self) -> str:
        return self.certificate.thumbprint

    @property
    def sha256(self) -> str:
        return self.certificate.sha256

    @property
    def candidate(self) -> Candidate:
        return Candidate(self.certificate, (), self.key)

    def pfx(self, password: str | None, *, chain: tuple[Issued, ...] = (), with_key: bool = True, old: bool = False) -> bytes:
        """A PFX as Windows writes it: AES with SHA-256, or 3DES with SHA-1 where it is old; without encryption for None."""
        others = [other.x509 for other in chain]
        key = self.key if with_key else None
        return pkcs12.serialize_key_and_certificates(b"vpn", key, self.x509, others, _encryption(password, old))

    def sign(self, data: bytes) -> tuple[str, bytes]:
        """Algorithm and signature as the back-end gives them: PKCS #1 for RSA, r and s one after the other for ECDSA."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            return "rsa-sha256", self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        r, s = decode_dss_signature(self.key.sign(data, ec.ECDSA(hashes.SHA256())))
        return "ecdsa-sha256", r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _encryption(password: str | None, old: bool):
    if password is None:
        return NoEncryption()
    builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(1)
    cipher = PBES.PBESv1SHA1And3KeyTripleDESCBC if old else PBES.PBESv2SHA256AndAES256CBC
    return builder.key_cert_algorithm(cipher).hmac_hash(hashes.SHA1() if old else hashes.SHA256()).build(password.encode())


def issue(
    name: str = "vpn.example.com",
    *,
    eku: tuple[str, ...] | None = (SERVER_AUTHENTICATION,),
    names: tuple[str, ...] | None = None,
    extensions: tuple[x509.ExtensionType, ...] = (),
    not_before: dt.datetime = ISSUED,
    not_after: dt.datetime = EXPIRES,
    key: PrivateKey | None = None,
    crl: str | None = "http://crl.example.com/test.crl",
    self_signed: bool = False,
) -> Issued:
    """A certificate of the test's CA, or a self-signed one. eku None leaves the extension away, names are DNS names and IP addresses (none: the one name)."""
    key = key or ec_key()
    subject = _name(name)
    issuer = subject if self_signed else _name("Test CA")
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number(), not_before, not_after)
    if crl is not None:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl)], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    if eku is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([x509.ObjectIdentifier(oid) for oid in eku]), critical=False)
    names = (name,) if names is None else names
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(n) for n in names]), critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return Issued(builder.sign(key if self_signed else authority_key(), hashes.SHA256()), key)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@functools.cache
def old() -> Issued:
    """The certificate that the healthy host has bound."""
    return issue("old.example.com", key=rsa_key())


@functools.cache
def new() -> Issued:
    """The certificate to rotate to."""
    return issue("new.example.com")


@functools.cache
def other() -> Issued:
    """A third one."""
    return issue("other.example.com", key=ec_key(1))
