# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate stores of LocalMachine, and the containers of its private keys."""

from __future__ import annotations

import base64
import functools
import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, pkcs12

from lab.sim.errors import CRYPT_E_ASN1_BADTAG, CRYPT_E_NOT_FOUND, NTE_BAD_KEYSET, WindowsError

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

MACHINE_KEY = 0x20
CSP = "Microsoft Enhanced RSA and AES Cryptographic Provider"
KSP = "Microsoft Software Key Storage Provider"
CSP_TYPE = 24
# These share their containers; PP_ENUMCONTAINERS of any of them tells all.
SOFTWARE_CSPS = (
    CSP, "Microsoft RSA SChannel Cryptographic Provider", "Microsoft Strong Cryptographic Provider",
    "Microsoft Enhanced Cryptographic Provider v1.0", "Microsoft Base Cryptographic Provider v1.0",
)  # fmt: skip
# What Windows gives a key of the machine: SYSTEM and Administrators, all.
SECURITY = "D:P(A;;FA;;;SY)(A;;FA;;;BA)"
# PROV_RSA_FULL and PROV_RSA_SCHANNEL do not know SHA-256.
SHA1_PROVIDERS = (1, 12)
BAD_PASSWORD = 86
# Older builds (before Windows Server 2019) take a PFX in PBES2 for one with another password.
FIRST_BUILD_WITH_PBES2 = 17763
PBES2 = bytes.fromhex("2a864886f70d01050d")
# Of DER: the tag of a certificate's version, and the mark of a length that has bytes of its own.
VERSION, LONG_FORM = 0xA0, 0x80
# Those that every Windows has.
STORES = ("MY", "CA", "ROOT", "AUTHROOT", "DISALLOWED", "REQUEST", "TRUST", "TRUSTEDPEOPLE", "TRUSTEDPUBLISHER")


@dataclass(frozen=True, eq=False)
class Certificate:
    """What a certificate is wherever it lies; shared by all hosts of the process."""

    der: bytes
    thumbprint: str
    sha256: str
    encoded: str
    public_key: bytes | None
    # As they stand in the DER; None where that is an odd one.
    issuer: bytes | None = None
    subject: bytes | None = None


@functools.lru_cache(maxsize=4096)
def certificate_of(der: bytes) -> Certificate:
    """The certificate of a DER; WindowsError when it is none at all, without a public key when it is an odd one."""
    if der[:1] != b"\x30":
        raise WindowsError("CertAddEncodedCertificateToStore", CRYPT_E_ASN1_BADTAG)
    try:
        public = _spki(x509.load_der_x509_certificate(der).public_key())
    except (ValueError, TypeError):
        public = None
    sha1 = hashlib.sha1(der, usedforsecurity=False).hexdigest()
    return Certificate(der, sha1, hashlib.sha256(der).hexdigest(), base64.b64encode(der).decode(), public, *_names(der))


def _names(der: bytes) -> tuple[bytes | None, bytes | None]:
    """Issuer and subject, byte for byte: a library might write a name anew in another way."""
    try:
        elements = list(_elements(next(_elements(next(_elements(der))[1]))[1]))
        # The version is the one element that may be absent: [0].
        _serial, _algorithm, issuer, _validity, subject = elements[elements[0][0][0] == VERSION :][:5]
    except (StopIteration, IndexError, ValueError):
        return None, None
    return issuer[0], subject[0]


def _elements(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each element of a DER, whole and without its head."""
    at = 0
    while at < len(data):
        length, begin = data[at + 1], at + 2
        if length & LONG_FORM:
            begin += length & ~LONG_FORM
            length = int.from_bytes(data[at + 2 : begin], "big")
        yield data[at : begin + length], data[begin : begin + length]
        at = begin + length


def _spki(key: object) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined, no-any-return]


def _open_pfx(pfx: bytes, password: str) -> tuple[Certificate, PrivateKey | None, tuple[Certificate, ...]]:
    for secret in (password.encode(), None) if not password else (password.encode(),):
        try:
            found = pkcs12.load_pkcs12(pfx, secret)
            break
        except (ValueError, TypeError):
            continue
    else:
        raise WindowsError("PFXImportCertStore", BAD_PASSWORD if pfx[:1] == b"\x30" else CRYPT_E_ASN1_BADTAG)
    if found.cert is None:
        raise WindowsError("CertFindCertificateInStore", CRYPT_E_NOT_FOUND)
    own = certificate_of(found.cert.certificate.public_bytes(Encoding.DER))
    others = tuple(certificate_of(item.certificate.public_bytes(Encoding.DER)) for item in found.additional_certs)
    if found.key is not None and not isinstance(found.key, PrivateKey):
        raise WindowsError("PFXImportCertStore", BAD_PASSWORD)
    return own, found.key, others


@dataclass
class Container:
    """A private key. acquire_code: what opening it silently gives (0: it opens); security: its DACL, None where it cannot be read."""

    name: str
    key: PrivateKey = field(repr=False)
    exportable: bool
    provider: str = CSP
    acquire_code: int = 0
    security: str | None = SECURITY

    @property
    def enumerated(self) -> tuple[str, int] | None:
        """Provider and type by which the machine's software containers are told; None: it is none of these.

        Assumed: a container is told by its own provider only. Windows lists those of a CSP by the key storage provider as well.
        """
        if self.provider == KSP:
            return KSP, 0
        return (CSP, CSP_TYPE) if self.provider in SOFTWARE_CSPS else None


@dataclass(frozen=True)
class KeyLink:
    """CRYPT_KEY_PROV_INFO: where a certificate says that its private key is."""

    container: str
    provider: str
    provider_type: int
    flags: int
    key_spec: int


@dataclass
class Entry:
    """A certificate in a store."""

    certificate: Certificate
    link: KeyLink | None = None
    friendly_name: str | None = None


@dataclass
class Store:
    """A store; its certificates by thumbprint (lower case)."""

    name: str
    entries: dict[str, Entry] = field(default_factory=dict)

    def sorted(self) -> list[Entry]:
        """The certificates, by thumbprint as the registry has them."""
        return [self.entries[name] for name in sorted(self.entries)]


class Stores:
    """All stores of LocalMachine, and the machine's key containers."""

    def __init__(self) -> None:
        """No store holds anything."""
        self._stores: dict[str, Store] = {}
        self.containers: dict[str, Container] = {}

    def find(self, name: str) -> Store | None:
        """An existing store, to look into: looking makes none; None where there is none of that name."""
        return self._stores.get(name.upper()) or (Store(name) if name.upper() in STORES else None)

    def open(self, name: str) -> Store:
        """A store, made where there is none."""
        return self._stores.setdefault(name.upper(), Store(name.upper() if name.upper() in STORES[:3] else name))

    def all(self) -> list[Store]:
        """The stores that were ever opened, by name; those of a service as SERVICE\\STORE."""
        return [self._stores[name] for name in sorted(self._stores)]

    def used(self) -> list[Store]:
        """The stores that were ever opened, by name, but for those that are not the lab's business; ROOT where it holds anything."""
        return [self._stores[name] for name in sorted(self._stores) if name not in STORES[2:] or (name == "ROOT" and self._stores[name].entries)]

    def certificate(self, store: str | None, thumbprint: str) -> Entry | None:
        """A certificate of a store (None: MY)."""
        found = self.find(store or "MY")
        return found.entries.get(thumbprint.lower()) if found else None

    def add(self, store: str, entry: Entry) -> None:
        """Add a certificate, in the place of the one that is there."""
        self.open(store).entries[entry.certificate.thumbprint] = entry

    def import_pfx(
        self, store: str, pfx: bytes, password: str, *, wanted: str | None = None, exportable: bool = False,
        friendly_name: str | None = None, provider: str | None = None, build: int | None = None,
    ) -> None:  # fmt: skip
        """Import the certificate of a PFX that has the key, or the wanted one of it.

        build: refuse what that build of Windows does not read. provider: another one than Windows would choose.
        """
        if build is not None and build < FIRST_BUILD_WITH_PBES2 and PBES2 in pfx:
            raise WindowsError("PFXImportCertStore", BAD_PASSWORD)
        own, key, others = _open_pfx(pfx, password)
        chosen = next((item for item in (own, *others) if wanted in (None, item.thumbprint)), None)
        if chosen is None:
            raise WindowsError("CertFindCertificateInStore", CRYPT_E_NOT_FOUND)
        if key is not None and chosen is own:
            self.keep(store, chosen, key, exportable=exportable, friendly_name=friendly_name, provider=provider)
        else:
            self.add(store, Entry(chosen, None, friendly_name))

    def keep(
        self, store: str, certificate: Certificate, key: PrivateKey, *, exportable: bool = False,
        friendly_name: str | None = None, provider: str | None = None,
    ) -> None:  # fmt: skip
        """Add a certificate with its key, in a container of its own."""
        self.add(store, Entry(certificate, self.contain(key, exportable=exportable, provider=provider), friendly_name))

    def contain(self, key: PrivateKey, *, exportable: bool = False, provider: str | None = None) -> KeyLink:
        """Put a key into a new container; what a certificate has to say of it."""
        name = f"{{{uuid.uuid4()}}}"
        if isinstance(key, rsa.RSAPrivateKey) and provider in (None, CSP):
            self.containers[name] = Container(name, key, exportable)
            return KeyLink(name, CSP, CSP_TYPE, MACHINE_KEY, 1)
        self.containers[name] = Container(name, key, exportable, provider or KSP)
        # Assumed: what Windows records of a key in a key storage provider; Wine has no CNG to compare with.
        return KeyLink(name, provider or KSP, 0, MACHINE_KEY, 0)

    def container(self, name: str, provider_type: int) -> Container | None:
        """A container that a provider of this type has: one of a CSP is none of a key storage provider, and the other way round."""
        found = self.containers.get(name)
        return found if found and (found.provider == KSP) == (provider_type == 0) else None

    def acquire_code(self, link: KeyLink) -> int:
        """What opening the key silently gives: 0, or an error code."""
        container = self.containers.get(link.container)
        return container.acquire_code if container else NTE_BAD_KEYSET

    def matches(self, entry: Entry) -> bool:
        """Whether the key opens and is the certificate's."""
        if entry.link is None or self.acquire_code(entry.link):
            return False
        return public_of(self.containers[entry.link.container].key) == entry.certificate.public_key

    def usable(self, store: str | None, thumbprint: str) -> bool:
        """Whether HTTP.SYS would take the certificate: there, with a machine key that opens."""
        entry = self.certificate(store, thumbprint)
        link = entry.link if entry else None
        return link is not None and bool(link.flags & MACHINE_KEY) and not self.acquire_code(link)

    def sign(self, link: KeyLink, data: bytes) -> tuple[str, bytes]:
        """Algorithm and signature, by the key that is in the container, whoever's it is."""
        if code := self.acquire_code(link):
            raise WindowsError("CryptAcquireCertificatePrivateKey", code)
        key = self.containers[link.container].key
        if isinstance(key, ec.EllipticCurvePrivateKey):
            r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
            size = (key.curve.key_size + 7) // 8
            return "ecdsa-sha256", r.to_bytes(size, "big") + s.to_bytes(size, "big")
        if link.provider_type in SHA1_PROVIDERS:
            return "rsa-sha1", key.sign(data, padding.PKCS1v15(), hashes.SHA1())
        return "rsa-sha256", key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def public_of(key: PrivateKey) -> bytes:
    """The public key of a private one, as certificates have it."""
    return _spki(key.public_key())
