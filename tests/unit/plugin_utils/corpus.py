# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small public key infrastructure, and its certificates and keys in the encodings that people have them in."""

from __future__ import annotations

import base64
import codecs
import functools
import hashlib
import hmac
from dataclasses import dataclass

import certificate_factory as factory
from Crypto.Cipher import ARC2
from Crypto.Util.Padding import pad
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat, pkcs7

PASSWORD = "p\u00e4ss \u4e16\u754c"
NAME = "vpn.example.com"


@functools.cache
def rsa_key(bits: int = 2048, number: int = 0) -> rsa.RSAPrivateKey:
    """The same key for the same arguments: making one takes long."""
    return rsa.generate_private_key(65537, bits)


@functools.cache
def ec_key(number: int = 0, curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve())


@functools.cache
def ed25519_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


@dataclass(frozen=True)
class Made(factory.Issued):
    """A certificate with a key of any kind."""

    def key_bytes(self, encoding: Encoding = Encoding.PEM, form: PrivateFormat = PrivateFormat.PKCS8, password: str | None = None) -> bytes:
        encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
        return self.key.private_bytes(encoding, form, encryption)


def usage(*names: str) -> x509.KeyUsage:
    known = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign")
    return x509.KeyUsage(**{name: name in names for name in known}, encipher_only=False, decipher_only=False)


def make(
    subject: str = NAME, issuer: Made | None = None, *, names=None, eku=(factory.SERVER_AUTHENTICATION,), key=None, ca: bool = False,
    key_usage: x509.KeyUsage | None = None, crl=("http://crl.example.com/a.crl",), ocsp=(), extra=(), digest=None, pss: bool = False,
    weak: bool = False,
    not_before=factory.ISSUED, not_after=factory.EXPIRES,
) -> Made:  # fmt: skip
    """A certificate that is fit but for what the arguments say; without an issuer it is self-signed. extra: extension and whether it is critical.

    weak: it says that it was signed with SHA-1 by an RSA key. That signature is none: the library makes no such one any more.
    """
    key = key or ec_key()
    signer = issuer.key if issuer else key
    builder = x509.CertificateBuilder(
        issuer.x509.subject if issuer else factory._name(subject), factory._name(subject), key.public_key(), x509.random_serial_number(), not_before, not_after
    )
    names = () if ca and names is None else (subject,) if names is None else names
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([factory._general_name(name) for name in names]), critical=False)
    if eku is not None and not ca:
        builder = builder.add_extension(x509.ExtendedKeyUsage([x509.ObjectIdentifier(oid) for oid in eku]), critical=False)
    if key_usage is not None:
        builder = builder.add_extension(key_usage, critical=True)
    if crl:
        points = [x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None) for url in crl]
        builder = builder.add_extension(x509.CRLDistributionPoints(points), critical=False)
    if ocsp:
        access = [x509.AccessDescription(x509.AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(url)) for url in ocsp]
        builder = builder.add_extension(x509.AuthorityInformationAccess(access), critical=False)
    for extension, critical in (*extra, (x509.BasicConstraints(ca=ca, path_length=None), True)):
        builder = builder.add_extension(extension, critical=critical)
    scheme = {"rsa_padding": padding.PSS(padding.MGF1(hashes.SHA256()), 32)} if pss else {}
    algorithm = None if isinstance(signer, ed25519.Ed25519PrivateKey) else digest or hashes.SHA256()
    signed = builder.sign(signer, algorithm, **scheme)
    if weak:
        sha256, sha1 = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105")
        signed = x509.load_der_x509_certificate(signed.public_bytes(Encoding.DER).replace(sha256, sha1))
    return Made(signed, key)


ROOT = make("Corpus Root", ca=True, key=rsa_key(number=1))
UPPER = make("Corpus Upper", ROOT, ca=True, key=ec_key(1))
LOWER = make("Corpus Lower", UPPER, ca=True, key=ec_key(2))
LEAF = make(NAME, LOWER, key=rsa_key())
LEAF_EC = make(NAME, LOWER, key=ec_key(3))
OTHER = make("other.example.com", LOWER, key=ec_key(4))

FULL = LEAF.pem + LOWER.pem + UPPER.pem
TEXT = "subject=CN = vpn.example.com, O = Büro\n".encode()


def utf16(pem: bytes, order: str, mark: bytes = b"") -> bytes:
    return mark + pem.decode().encode(f"utf-16-{order}")


def bundle(*made: Made, encoding: Encoding = Encoding.DER) -> bytes:
    """PKCS #7 as certutil and Windows export it."""
    return pkcs7.serialize_certificates([one.x509 for one in made], encoding)


# name -> certificate(s) without a key; each names LEAF.
PLAIN = {
    "PEM": LEAF.pem,
    "DER": LEAF.der,
    "DER with a line end behind it": LEAF.der + b"\r\n",
    "several DER, one after the other": LEAF.der + LOWER.der,
    "base64 without marks": base64.encodebytes(LEAF.der),
    "full chain": FULL,
    "chain in the wrong order": UPPER.pem + LOWER.pem + LEAF.pem,
    "with the root": ROOT.pem + FULL,
    "twice the same": LEAF.pem + FULL,
    "CRLF": FULL.replace(b"\n", b"\r\n"),
    "CR": FULL.replace(b"\n", b"\r"),
    "UTF-8 mark": codecs.BOM_UTF8 + FULL,
    "UTF-16 little-endian": utf16(FULL, "le", codecs.BOM_UTF16_LE),
    "UTF-16 big-endian": utf16(FULL, "be", codecs.BOM_UTF16_BE),
    "UTF-16 without a mark": utf16(FULL, "le"),
    "UTF-16 big-endian without a mark": utf16(FULL, "be"),
    "text around": TEXT + LEAF.pem + b"\n\nissuer=" + TEXT + LOWER.pem,
    "text in another encoding": "Büro\n".encode("latin-1") + LEAF.pem,
    "indented": b"\n".join(b"    " + line for line in FULL.splitlines()),
    "line ends as two characters": FULL.replace(b"\n", b"\\n"),
    "one long line": LEAF.pem.replace(b"\n", b""),
    "old label": LEAF.pem.replace(b"CERTIFICATE", b"X509 CERTIFICATE"),
    "PKCS #7": bundle(LEAF, LOWER, UPPER),
    "PKCS #7 in another order": bundle(UPPER, LEAF, LOWER),
    "PKCS #7 as PEM": bundle(LEAF, LOWER, encoding=Encoding.PEM),
}

# name -> private key of LEAF, and the password that it takes.
KEYS = {
    "PKCS #8": (LEAF.key_bytes(), None),
    "PKCS #8 in DER": (LEAF.key_bytes(Encoding.DER), None),
    "PKCS #1": (LEAF.key_bytes(form=PrivateFormat.TraditionalOpenSSL), None),
    "PKCS #1 in DER": (LEAF.key_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL), None),
    "encrypted PKCS #8": (LEAF.key_bytes(password=PASSWORD), PASSWORD),
    "encrypted PKCS #8 in DER": (LEAF.key_bytes(Encoding.DER, password=PASSWORD), PASSWORD),
    "encrypted as OpenSSL did it": (LEAF.key_bytes(form=PrivateFormat.TraditionalOpenSSL, password=PASSWORD), PASSWORD),
    "a password that is not needed": (LEAF.key_bytes(), PASSWORD),
    "CRLF": (LEAF.key_bytes().replace(b"\n", b"\r\n"), None),
    "UTF-16": (utf16(LEAF.key_bytes(), "le", codecs.BOM_UTF16_LE), None),
    "indented": (b"\n".join(b"\t" + line for line in LEAF.key_bytes(form=PrivateFormat.TraditionalOpenSSL, password=PASSWORD).splitlines()), PASSWORD),
    "text before it": (b"Bag Attributes: x\n" + LEAF.key_bytes(), None),
    "together with certificates": (LEAF.key_bytes() + FULL, None),
}


# --- a PFX in the cipher of old (RC2 with 40 bits), which the library reads and does not write -------------------------


def _der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag]) + (bytes([len(body)]) if len(body) < 128 else bytes([0x80 | len(size)]) + size) + body


def _oid(text: str) -> bytes:
    return _der(6, _oid_body(text))


def _oid_body(text: str) -> bytes:
    first, second, *rest = (int(part) for part in text.split("."))
    body = bytes([40 * first + second])
    for part in rest:
        digits = [part & 0x7F]
        while part := part >> 7:
            digits.append(part & 0x7F | 0x80)
        body += bytes(reversed(digits))
    return body


def _derived(password: str, salt: bytes, purpose: int, length: int) -> bytes:
    """RFC 7292 appendix B, for lengths up to that of SHA-1 and two rounds."""
    secret = password.encode("utf-16-be") + b"\0\0"
    block = 64
    filled = b"".join((part * block)[: block * -(-len(part) // block)] for part in (salt, secret))
    return hashlib.sha1(hashlib.sha1(bytes([purpose]) * block + filled).digest()).digest()[:length]


def rc2_pfx(made: Made, password: str) -> bytes:
    """As Windows XP and old OpenSSL wrote it: certificate and key under PBE-SHA1-RC2-40."""
    salt = b"saltsalt"
    scheme = _der(0x30, _oid("1.2.840.113549.1.12.1.6"), _der(0x30, _der(4, salt), _der(2, b"\2")))

    def sealed(data: bytes) -> bytes:
        cipher = ARC2.new(_derived(password, salt, 1, 5), ARC2.MODE_CBC, _derived(password, salt, 2, 8), effective_keylen=40)
        return cipher.encrypt(pad(data, 8))

    key_id = _der(0x31, _der(0x30, _oid("1.2.840.113549.1.9.21"), _der(0x31, _der(4, b"\1"))))
    certificate = _der(0x30, _oid("1.2.840.113549.1.9.22.1"), _der(0xA0, _der(4, made.der)))
    certificates = _der(0x30, _der(0x30, _oid("1.2.840.113549.1.12.10.1.3"), _der(0xA0, certificate), key_id))
    key = _der(0x30, scheme, _der(4, sealed(made.key_bytes(Encoding.DER))))
    keys = _der(0x30, _der(0x30, _oid("1.2.840.113549.1.12.10.1.2"), _der(0xA0, key), key_id))
    data = "1.2.840.113549.1.7.1"
    hidden = _der(0x30, _oid(data), scheme, _der(0x80, sealed(certificates)))
    first = _der(0x30, _oid("1.2.840.113549.1.7.6"), _der(0xA0, _der(0x30, _der(2, b"\0"), hidden)))
    safe = _der(0x30, first, _der(0x30, _oid(data), _der(0xA0, _der(4, keys))))
    mac = hmac.new(_derived(password, salt, 3, 20), safe, "sha1").digest()
    digest = _der(0x30, _der(0x30, _oid("1.3.14.3.2.26"), _der(5)), _der(4, mac))
    return _der(0x30, _der(2, b"\3"), _der(0x30, _oid(data), _der(0xA0, _der(4, safe))), _der(0x30, digest, _der(4, salt), _der(2, b"\2")))
