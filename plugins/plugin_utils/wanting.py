# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of rotate and audit to what is wanted of a server, whatever its mode. PRIVATE to the collection."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .balancer import Balancer, look_at_balancer, parse_balancer, require_one_certificate
from .chains import details_of
from .errors import SstpError
from .fitness import clean_severities
from .inputs import clean_hex, clean_name, clean_number, clean_port, optional_thumbprint
from .modes import AS_FOUND, MODES, port_after, target_mode
from .names import ADMINISTRATOR, OFFLOAD
from .plan import Limits, Wanted
from .results import stamp
from .selection import Selection, select
from .state import HostState
from .windows import Backend, Scope
from .x509 import Candidate, Certificate

_BALANCER_SECONDS = 10.0
_A_MILLION = 1_000_000
# A certificate that a whole fleet is rotated to need not be on the device in front of this server yet.
_UNSAID = (
    "TLS is ended in front of this server (offload mode), and it needs the hash of the certificate that is served there: give the balancer, so that the "
    "controller reads it, or its SHA-256 hash (sha256); or the certificate together with mode: offload, if that is what the balancer serves."
)

MODE_SPEC: dict[str, Any] = {
    "mode": {"type": "str", "choices": list(MODES), "default": AS_FOUND},
    "writer": {"type": "str", "choices": ["remote_access", "direct"], "default": "remote_access"},
    "shared_records": {"type": "bool", "default": False},
    "listener_port": {"type": "int"},
    "balancer": {"type": "str"},
    "sha256": {"type": "str"},
}


@dataclass(frozen=True)
class Source:
    """What the options name. certificate: where the controller has it. sha256: the hash given for offload, upper-case hex.

    candidate: all that the controller has of it. names: those that clients dial; alone they choose one of the store. severities: of fitness rules.
    """

    thumbprint: str | None = None
    certificate: Certificate | None = None
    sha256: str | None = None
    candidate: Candidate | None = None
    names: tuple[str, ...] = ()
    severities: Mapping[str, str] = field(default_factory=dict)

    @property
    def by_name(self) -> bool:
        """Is the certificate to be chosen out of the host's store?"""
        return bool(self.names) and self.thumbprint is None

    @property
    def at_hand(self) -> bool:
        """Does the controller have it with its key, so that it can be imported?"""
        return self.candidate is not None and self.candidate.key is not None


def source_of(args: Mapping[str, Any], candidate: Candidate | None) -> Source:
    """candidate: what the controller has of the certificate. Raises SstpError for options that cannot be meant, before any host is asked."""
    if args["balancer"] is not None:
        parse_balancer(args["balancer"])
    if args["listener_port"] is not None:
        clean_port(args["listener_port"], "listener_port")
        if args["port"] is not None:
            raise SstpError("Options port and listener_port cannot be given together: listener_port moves SSTP to another port, and its records with it.")
    return Source(
        thumbprint=candidate.certificate.thumbprint if candidate else optional_thumbprint(args),
        certificate=candidate.certificate if candidate else None,
        sha256=clean_hex(args["sha256"], "Option sha256", 64) if args["sha256"] is not None else None,
        candidate=candidate,
        names=clean_names(args),
        severities=clean_severities(args["severities"]),
    )


def clean_names(args: Mapping[str, Any]) -> tuple[str, ...]:
    """The option dns_names."""
    return tuple(dict.fromkeys(clean_name(text, "Option dns_names") for text in args["dns_names"] or ()))


def chosen(state: HostState, source: Source, scope: Scope, backend: Backend) -> tuple[HostState, Source, Scope, Selection | None]:
    """Where names alone are given: the certificate of the store that they mean, its key proven. Raises SstpError where there is none."""
    if not source.by_name:
        return state, source, scope, None
    selection = select(state, source.names, source.severities)
    thumbprint = selection.chosen.thumbprint
    named = replace(scope, thumbprints=(thumbprint,), prove=(thumbprint,))
    return backend.observe(named), replace(source, thumbprint=thumbprint), named, selection


def scope_for(args: Mapping[str, Any], source: Source) -> Scope:
    """RRAS itself is asked where administrator mode is found or wanted."""
    thumbprints = (source.thumbprint,) if source.thumbprint else ()
    ports = (clean_port(args["port"]),) if args["port"] is not None else ()
    asked = "always" if args["mode"] == ADMINISTRATOR and args["writer"] == "remote_access" else "unless_automatic"
    return with_issuers(Scope(ports=ports, thumbprints=thumbprints, prove=thumbprints, prove_bound=True, remote_access=asked), source.candidate)


def with_issuers(scope: Scope, candidate: Candidate | None) -> Scope:
    """That scope, and what CA and ROOT have above the candidate."""
    if candidate is None:
        return scope
    above = candidate.issuers or ()
    details = [details_of(one) for one in (candidate.certificate, *above)]
    names = dict.fromkeys(one.issuer for one in details if one is not None and not one.is_self_issued)
    return replace(scope, authorities=tuple(one.thumbprint for one in above), issuers=tuple(names))


def events_since(hours: int) -> str | None:
    """So many hours before now by the controller's clock, as Scope takes it; None for 0. Raises SstpError for less."""
    clean_number(hours, "events_hours", 0)
    if hours == 0:
        return None
    # More is as good as for ever, and near what a timedelta takes.
    return stamp(dt.datetime.now(dt.timezone.utc) - dt.timedelta(hours=min(hours, _A_MILLION)))


def at_port_after(args: Mapping[str, Any], state: HostState, scope: Scope, backend: Backend) -> tuple[HostState, Scope]:
    """The host as it is about the port that SSTP is to have afterwards: looked at once more where that is another one."""
    target = target_mode(state, args["mode"])
    if scope.ports or not state.installed or target == OFFLOAD:
        return state, scope
    port = port_after(state, target, args["listener_port"])
    if port == state.port:
        return state, scope
    moved = replace(scope, ports=(port,))
    return backend.observe(moved), moved


def look_for(args: Mapping[str, Any], state: HostState) -> Balancer | None:
    """What the balancer shows, where the server stays, or is to be, behind it."""
    if args["balancer"] is None or target_mode(state, args["mode"]) != OFFLOAD:
        return None
    return look_at_balancer(args["balancer"], _BALANCER_SECONDS)


def wanted_of(args: Mapping[str, Any], state: HostState, source: Source, balancer: Balancer | None, limits: Limits, service_state: str = "running") -> Wanted:
    """Raises SstpError where the options do not name what that mode needs."""
    target = target_mode(state, args["mode"])
    if target == OFFLOAD:
        if args["mode"] == AS_FOUND and source.sha256 is None and balancer is None:
            raise SstpError(_UNSAID)
        certificate, sha256 = _offload_certificate(state, source, balancer)
    else:
        certificate, sha256 = _certificate(state, source, target), ""
    return Wanted(
        certificate=certificate,
        sha256=sha256,
        mode=args["mode"],
        writer=args["writer"],
        shared_records=args["shared_records"],
        listener_port=args["listener_port"],
        service_state=service_state,
        limits=limits,
        names=source.names,
        severities=source.severities,
        issuers=source.candidate.issuers if source.candidate else None,
    )


def _certificate(state: HostState, source: Source, target: str) -> Certificate:
    """From the host's store, or one that the controller has and can import."""
    if source.thumbprint is None:
        raise SstpError(
            f"In {target} mode the server serves TLS itself: give the certificate as pfx, certificate, thumbprint or dns_names "
            "(balancer and sha256 are for servers behind a device that ends TLS; mode: offload makes it one)."
        )
    stored = state.certificate(source.thumbprint)
    if stored is not None:
        return stored.certificate
    if source.certificate is not None:
        return source.certificate
    raise SstpError(f"The certificate {source.thumbprint} is not in LocalMachine\\MY on this host; import it first, with rras.sstp.certificate.")


def _offload_certificate(state: HostState, source: Source, balancer: Balancer | None) -> tuple[Certificate | None, str]:
    """The certificate where it is known, and the hash that the server is to have; all that is given must be the same."""
    stored = state.certificate(source.thumbprint) if source.thumbprint else None
    given = source.certificate or (stored.certificate if stored else None)
    shown = require_one_certificate(balancer) if balancer is not None else None
    known = {"sha256": source.sha256, "the certificate": given.sha256 if given else None, "the balancer": shown.sha256 if shown else None}
    hashes = {name: value for name, value in known.items() if value}
    if source.thumbprint and source.thumbprint not in {c.thumbprint for c in (given, shown) if c}:
        raise SstpError(
            f"The certificate {source.thumbprint} is neither in LocalMachine\\MY on this host nor what the balancer shows, so nobody knows its SHA-256 hash; "
            "for offload mode give the balancer, its certificate (certificate), or the hash (sha256) alone."
        )
    if not hashes:
        raise SstpError(_UNSAID)
    if len(set(hashes.values())) > 1:
        differing = " and ".join(f"{value} of {name}" for name, value in hashes.items())
        raise SstpError(f"What is given for offload mode does not agree: the SHA-256 is {differing}; give what the balancer serves.")
    return shown or given, next(iter(hashes.values()))
