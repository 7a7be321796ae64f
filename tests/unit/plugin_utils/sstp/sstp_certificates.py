# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chains of certificates that are valid now, for what OpenSSL judges by its own clock."""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import dataclass
from pathlib import Path

import certificate_factory
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

NOW = dt.datetime.now(dt.timezone.utc).replace(microsecond=0)
DAY = dt.timedelta(days=1)
HOST = "vpn.example.com"
SERVER, CLIENT, ANY = certificate_factory.SERVER_AUTHENTICATION, certificate_factory.CLIENT_AUTHENTICATION, certificate_factory.ANY_PURPOSE


@dataclass(frozen=True)
class Party:
    certificate: x509.Certificate
    key: certificate_factory.PrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def issued(subject: str, issuer: Party | None, *extensions: x509.ExtensionType, after: dt.timedelta = 30 * DAY, rsa: bool = False) -> Party:
    """after: until when it is valid, from now; it is valid since 60 days."""
    key = certificate_factory.rsa_key() if rsa else ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
    by = issuer.certificate.subject if issuer else name
    builder = x509.CertificateBuilder(by, name, key.public_key(), x509.random_serial_number(), NOW - 60 * DAY, NOW + after)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return Party(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


CA = x509.BasicConstraints(ca=True, path_length=None)


@functools.cache
def root() -> Party:
    return issued("Example Root", None, CA)


@functools.cache
def _intermediate(after: int) -> Party:
    return issued("Example Issuing", root(), CA, after=after * DAY)


def intermediate(after: int = 30) -> Party:
    return _intermediate(after)


@functools.cache
def server(*names: str, eku: str = SERVER, after: int = 20, rsa: bool = False, issuer_after: int = 30) -> Party:
    """A leaf for these DNS names, or for vpn.example.com."""
    san = x509.SubjectAlternativeName([certificate_factory._general_name(name) for name in names or (HOST,)])
    usage = x509.ExtendedKeyUsage([x509.ObjectIdentifier(eku)])
    return issued(names[0] if names else HOST, intermediate(issuer_after), san, usage, after=after * DAY, rsa=rsa)


def chain(leaf: Party, issuer_after: int = 30) -> list[bytes]:
    return [leaf.der, intermediate(issuer_after).der]


def trust(folder: Path) -> str:
    """A ca_file with the root alone."""
    file = folder / "roots.pem"
    file.write_bytes(root().pem)
    return str(file)
