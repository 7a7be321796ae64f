# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate under several intermediates, for tests of how a client takes a chain."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from lab.pki import Authority, Issued, keyring, pooled_key


def issue_below(authority: Authority, names: Sequence[str], intermediates: int = 3) -> Issued:
    """A certificate that reaches the authority's root over so many intermediates; install puts them all into the CA store, so all are sent."""
    template = authority.issue(names)
    issuer, key, chain = authority.root.subject, pooled_key(0), []
    for number in range(intermediates):
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Lab Issuing {number + 1}")])
        extension = x509.BasicConstraints(ca=True, path_length=None)
        builder = _builder(subject, issuer, authority.root.not_valid_before_utc, authority.root.not_valid_after_utc).public_key(key.public_key())
        chain.append(builder.add_extension(extension, critical=True).sign(key, hashes.SHA256()))
        issuer = subject
    old = template.certificate
    builder = _builder(old.subject, issuer, old.not_valid_before_utc, old.not_valid_after_utc).public_key(old.public_key())
    for item in old.extensions:
        builder = builder.add_extension(item.value, item.critical)
    issued = Issued(builder.sign(key, hashes.SHA256()), template.key, tuple(reversed(chain)))
    keyring[issued.thumbprint] = issued
    return issued


def _builder(subject: x509.Name, issuer: x509.Name, begin: datetime.datetime, end: datetime.datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )
