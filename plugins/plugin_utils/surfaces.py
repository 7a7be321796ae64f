# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The places that must agree on one certificate, side by side: which one each names, and how long that holds. PRIVATE to the collection."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .balancer import Balancer
from .errors import one_line
from .importing import is_usable
from .inputs import pair
from .names import ADMINISTRATOR, OFFLOAD, SHA1_VALUE, SHA256_VALUE
from .results import certificate_result, hash_result, stamp
from .state import HostState, RegistryValue
from .wire import Sight
from .x509 import Certificate


@dataclass(frozen=True)
class Surface:
    """One place. shows: what is there, as a phrase. agrees: with the certificate that the server means; None where that cannot be said."""

    place: str
    subject: str
    shows: str
    certificate: Certificate | None = None
    thumbprint: str | None = None
    sha256: str | None = None
    agrees: bool | None = None

    def to_result(self, now: dt.datetime) -> dict[str, Any]:
        certificate = self.certificate
        return {
            "place": self.place,
            "subject": self.subject,
            "thumbprint": certificate.thumbprint if certificate else self.thumbprint,
            "sha256": certificate.sha256 if certificate else self.sha256,
            "shows": one_line(self.shows),
            "agrees": self.agrees,
            "not_after": stamp(certificate.not_after) if certificate else None,
            "days_left": days_left(certificate, now) if certificate else None,
        }


def days_left(certificate: Certificate, now: dt.datetime) -> int:
    """Whole days, below 0 for one that has expired."""
    return (certificate.not_after - now).days


def certificates_result(surfaces: Sequence[Surface], now: dt.datetime) -> list[dict[str, Any]]:
    """Each certificate that a place names, once."""
    found = dict.fromkeys(surface.certificate for surface in surfaces if surface.certificate is not None)
    return [{**certificate_result(one), "days_left": days_left(one, now)} for one in found]


def surfaces_of(state: HostState, wire: Sequence[Sight] = (), balancer: Balancer | None = None) -> tuple[Surface, ...]:
    """The places in the order in which people look at them; those that count for nothing in the host's mode are left out."""
    if not state.installed:
        return ()
    known = _known(state, wire, balancer)
    meant = _meant(state, known)
    https = state.mode != OFFLOAD
    return (
        *(_bindings(state, meant) if https else ()),
        *_hashes(state, known, meant),
        *(_store(state, meant) if https else ()),
        *(_served(state, meant) if https else ()),
        *(_balancer(balancer, meant) if balancer else ()),
        *_wire(wire, meant),
    )


def at_other_places(state: HostState, wire: Sequence[Sight]) -> list[tuple[Certificate, list[str]]]:
    """The certificates that are in use somewhere without being bound to the pair, each with where that is."""
    bound = {record.certificate_hash for record in state.pair if record}
    others: dict[Certificate, list[str]] = {}
    for surface in surfaces_of(state, wire):
        if surface.certificate is not None and surface.certificate.thumbprint not in bound and surface.place != "registry_sha1":
            others.setdefault(surface.certificate, []).append(surface.subject)
    return list(others.items())


@dataclass(frozen=True)
class _Meant:
    """The certificate that the server means, as far as it is known; "" where it means none."""

    sha256: str = ""
    thumbprint: str = ""

    def is_(self, sha256: str | None = None, thumbprint: str | None = None) -> bool | None:
        if sha256 and self.sha256:
            return sha256 == self.sha256
        return thumbprint == self.thumbprint if thumbprint and self.thumbprint else None


def _known(state: HostState, wire: Sequence[Sight], balancer: Balancer | None) -> tuple[Certificate, ...]:
    """All certificates that anybody has seen here."""
    return (
        *(stored.certificate for stored in state.certificates),
        *(served.certificate for served in state.served if served.certificate),
        *(sight.certificate for sight in wire if sight.certificate),
        *(balancer.certificates.values() if balancer else ()),
    )


def _meant(state: HostState, known: Sequence[Certificate]) -> _Meant:
    """Where somebody has chosen the certificate (administrator and offload mode) that of the hash, else that of the pair."""
    if state.mode in (ADMINISTRATOR, OFFLOAD):
        digest = _digest(state.sha256, 64)
        found = _of_digest(digest, known)
        return _Meant(digest or "", found.thumbprint if found else "")
    record = next((record for record in state.pair if record and record.certificate_hash), None)
    if record is None:
        return _Meant()
    stored = state.certificate(record.certificate_hash, record.store)
    return _Meant(stored.certificate.sha256 if stored else "", record.certificate_hash)


def _digest(value: RegistryValue | None, digits: int) -> str | None:
    """The hash that a value holds, if it is one of that length."""
    is_hash = value is not None and value.kind == "binary" and isinstance(value.data, str) and len(value.data) == digits
    return str(value.data) if value is not None and is_hash else None


def _of_digest(digest: str | None, known: Sequence[Certificate]) -> Certificate | None:
    return next((one for one in known if digest in (one.sha256, one.thumbprint)), None)


def _bindings(state: HostState, meant: _Meant) -> Iterator[Surface]:
    for place, endpoint in zip(("binding_ipv4", "binding_ipv6"), pair(state.port), strict=True):
        record = state.record(endpoint)
        if record is None:
            yield Surface(place, str(endpoint), "no record", agrees=False if endpoint in state.wildcards else None)
            continue
        stored = state.certificate(record.certificate_hash, record.store)
        thumbprint = record.certificate_hash or None
        shows = stored.certificate.subject if stored else f"a certificate that is not in {record.store}" if thumbprint else "no certificate"
        agrees = meant.is_(stored.certificate.sha256 if stored else None, thumbprint) if thumbprint else False
        yield Surface(place, str(endpoint), shows, stored.certificate if stored else None, thumbprint, agrees=agrees)


def _hashes(state: HostState, known: Sequence[Certificate], meant: _Meant) -> Iterator[Surface]:
    for place, name, value, digits in (("registry_sha256", SHA256_VALUE, state.sha256, 64), ("registry_sha1", SHA1_VALUE, state.sha1, 40)):
        if value is None:
            # The SHA-1 need not be there.
            yield Surface(place, name, "no value", agrees=False if place == "registry_sha256" else None)
            continue
        digest = _digest(value, digits)
        found = _of_digest(digest, known)
        sha256, thumbprint = (digest, None) if place == "registry_sha256" else (None, digest)
        shows = found.subject if found else "the hash of no certificate that is known" if digest else f"no hash: {hash_result(value)}"
        yield Surface(place, name, shows, found, thumbprint, sha256, agrees=meant.is_(sha256, thumbprint) if digest else False)


def _store(state: HostState, meant: _Meant) -> Iterator[Surface]:
    named = next((record.store for record in state.pair if record and record.certificate_hash == meant.thumbprint), "MY")
    subject = f"LocalMachine\\{named}"
    stored = next((c for c in state.certificates if c.store == named and meant.is_(c.certificate.sha256, c.thumbprint)), None)
    if stored is None:
        yield Surface("store", subject, "no such certificate", agrees=False if meant.sha256 or meant.thumbprint else None)
        return
    key = stored.key
    shows = "no private key" if key is None else key.problem or ("a private key that signs" if is_usable(stored) else "a private key")
    yield Surface("store", subject, f"{stored.certificate.subject}, {shows}", stored.certificate, agrees=key is not None and key.problem is None)


def _served(state: HostState, meant: _Meant) -> Iterator[Surface]:
    for served in state.served:
        if served.endpoint.port != state.port:
            continue
        place = "served_ipv6" if ":" in served.endpoint.address else "served_ipv4"
        found = served.certificate
        shows = found.subject if found else str((served.error or {}).get("message") or "nothing")
        yield Surface(place, str(served.endpoint), shows, found, agrees=meant.is_(found.sha256, found.thumbprint) if found else None)


def _balancer(balancer: Balancer, meant: _Meant) -> Iterator[Surface]:
    for endpoint, certificate in balancer.certificates.items():
        yield Surface("balancer", endpoint, certificate.subject, certificate, agrees=meant.is_(certificate.sha256))
    for endpoint, reason in balancer.silent.items():
        yield Surface("balancer", endpoint, reason)


def _wire(wire: Sequence[Sight], meant: _Meant) -> Iterator[Surface]:
    for sight in wire:
        shows = sight.certificate.subject if sight.certificate else sight.verdict.sentence
        agrees = meant.is_(sight.sha256, sight.thumbprint)
        yield Surface("wire", sight.endpoint, shows, sight.certificate, sight.thumbprint, sight.sha256, agrees)
