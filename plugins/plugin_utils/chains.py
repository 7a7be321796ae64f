# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has issued whom: the way from a certificate to its root, out of a heap of certificates. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from .errors import SstpError
from .x509 import Certificate, Details, read_details

# Longer than any that is in use.
_LONGEST = 8


@dataclass(frozen=True)
class Path:
    """issuers: from the certificate's own upwards, without a root. root: the self-signed end; None where the way ends before it."""

    issuers: tuple[Certificate, ...] = ()
    root: Certificate | None = None


def details_of(certificate: Certificate) -> Details | None:
    """None for a certificate that cannot be read that far."""
    try:
        return read_details(certificate.der)
    except SstpError:
        return None


def is_self_signed(certificate: Certificate) -> bool:
    """Its own issuer, by name and by key."""
    details = details_of(certificate)
    return details is not None and details.is_self_issued and _signed_by(certificate, certificate) is not False


def has_issued(issuer: Certificate, certificate: Certificate) -> bool:
    """By name, key identifiers where both have them, and signature where it can be verified here."""
    above, below = details_of(issuer), details_of(certificate)
    if above is None or below is None or above.subject != below.issuer:
        return False
    if above.key_identifier and below.issuer_key_identifier and above.key_identifier != below.issuer_key_identifier:
        return False
    return _signed_by(certificate, issuer) is not False


def _signed_by(certificate: Certificate, issuer: Certificate) -> bool | None:
    """None where that cannot be told here, as for an algorithm that the system's OpenSSL forbids."""
    try:
        certificate.parsed.verify_directly_issued_by(issuer.parsed)
    except InvalidSignature:
        return False
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return True


def path_of(certificate: Certificate, pool: Iterable[Certificate]) -> Path:
    """The way up from a certificate. Of several issuers (a key that was signed by two) the one that is valid longest, a root before all."""
    others = [other for other in dict.fromkeys(pool) if other != certificate]
    if is_self_signed(certificate):
        return Path(root=certificate)
    issuers: list[Certificate] = []
    current = certificate
    while len(issuers) < _LONGEST:
        above = [other for other in others if other not in issuers and has_issued(other, current)]
        if not above:
            return Path(tuple(issuers))
        roots = [other for other in above if is_self_signed(other)]
        current = max(roots or above, key=lambda other: (other.not_after, other.thumbprint))
        if roots:
            return Path(tuple(issuers), current)
        issuers.append(current)
    return Path(tuple(issuers))


def leaves_of(certificates: Collection[Certificate]) -> list[Certificate]:
    """Those that have issued none of the others; where that leaves certificates of authorities beside others, without these."""
    ends = [one for one in certificates if not any(has_issued(one, other) for other in certificates if other != one)]
    servers = [one for one in ends if (details := details_of(one)) is None or not details.is_ca]
    return servers or ends
