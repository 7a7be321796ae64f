# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints JSON with three throw-away certificates, each {"pfx": base64, "thumbprint": hex}; the password is 'selftest'."""

from __future__ import annotations

import base64
import datetime as dt
import json

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def issue(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> dict[str, str]:
    """A self-signed certificate for two days."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "rras.sstp selftest, to be deleted")])
    now = dt.datetime.now(dt.timezone.utc)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    pfx = pkcs12.serialize_key_and_certificates(None, key, certificate, None, BestAvailableEncryption(b"selftest"))
    return {"pfx": base64.b64encode(pfx).decode(), "thumbprint": certificate.fingerprint(hashes.SHA1()).hex().upper()}


def new_rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


made = {name: issue(new_rsa()) for name in ("first", "second", "cng")}
print(json.dumps({**made, "ecdsa": issue(ec.generate_private_key(ec.SECP256R1()))}))
