# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the certificates that the places name, the stores and their private keys. PRIVATE to the collection."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from .. import fitness, repairs
from ..chains import details_of, is_self_signed
from ..circumstances import circumstances_of
from ..findings import Policy
from ..inputs import Endpoint
from ..names import OFFLOAD, ROOT_STORE
from ..selection import successor
from ..state import HostState
from ..surfaces import at_other_places
from ..users import orphans
from ..x509 import Certificate
from .rule import HTTPS_MODES, ROTATE, Breach, Rule

_MOST_NAMED = 10
# How long a certificate holds is asked wherever it is; what else is wrong with it is told where it is bound.
_ABOUT_TIME = ("certificate_expired", "certificate_expiring", "certificate_not_yet_valid")
# Nothing that is in use already is to follow another.
_ABOUT_SUCCESSORS = "name_lost"
# What the issuers' certificates on the server can heal.
_ABOUT_CHAIN = ("chain_incomplete", "root_absent")


def _bound(state: HostState) -> dict[tuple[str, str], list[Endpoint]]:
    """(thumbprint, store) -> the endpoints of the pair that are bound to it."""
    bound: dict[tuple[str, str], list[Endpoint]] = {}
    for record in state.pair:
        if record:
            bound.setdefault((record.certificate_hash, record.store), []).append(record.endpoint)
    return bound


def _missing(state: HostState, _policy: Policy) -> Iterator[Breach]:
    for (thumbprint, store), endpoints in _bound(state).items():
        if state.certificate(thumbprint, store) is None:
            subject = ", ".join(str(endpoint) for endpoint in endpoints)
            yield Breach(subject, f"no {thumbprint or 'certificate at all'}", expected=f"the bound certificate in LocalMachine\\{store}")


def _key(state: HostState, _policy: Policy) -> Iterator[Breach]:
    for (thumbprint, store), endpoints in _bound(state).items():
        stored = state.certificate(thumbprint, store)
        if stored is None or (stored.key is not None and stored.key.problem is None):
            continue
        actual = "no private key" if stored.key is None else f"a key that is not usable: {stored.key.problem}"
        yield Breach(f"{', '.join(str(endpoint) for endpoint in endpoints)} ({thumbprint})", actual)


def _shown(state: HostState, policy: Policy) -> Iterator[tuple[Certificate, str]]:
    """Each certificate that clients are to be shown, and where that is."""
    if state.mode == OFFLOAD:
        if policy.balancer is not None:
            for endpoint, certificate in policy.balancer.certificates.items():
                yield certificate, str(endpoint)
        return
    for (thumbprint, store), endpoints in _bound(state).items():
        stored = state.certificate(thumbprint, store)
        if stored is not None:
            yield stored.certificate, ", ".join(str(endpoint) for endpoint in endpoints)


def _elsewhere(state: HostState, policy: Policy) -> Iterator[tuple[Certificate, str]]:
    """Those that are in use on the server, or on the way to it, without being bound."""
    if state.mode != OFFLOAD:
        for certificate, places in at_other_places(state, policy.wire):
            yield certificate, ", ".join(places)


def _fitness(wanted: fitness.Rule, state: HostState, policy: Policy) -> Iterator[Breach]:
    """One rule of fitness for each certificate. None of it is healed by a rotation to the same certificate."""
    severity = policy.severities.get(wanted.id, wanted.severity)
    if severity == fitness.IGNORE:
        return
    for certificate, where in (*_shown(state, policy), *(_elsewhere(state, policy) if wanted.id in _ABOUT_TIME else ())):
        details = details_of(certificate)
        if details is None:
            continue
        around = circumstances_of(state, certificate.thumbprint, names=policy.names, severities=policy.severities, expiry_days=policy.expiry_days)
        for sentence, actual in wanted.judge(certificate, details, around):
            following = successor(state, certificate, policy.severities)
            more = f"; {following.thumbprint} is in the store already, so rotate to it" if following and wanted.id not in _ABOUT_CHAIN else ""
            yield Breach(
                f"{where} ({certificate.thumbprint})",
                actual,
                severity=severity,
                # The service of the server raises no events about what a device in front serves.
                event=wanted.event if state.mode != OFFLOAD else None,
                remedy=f"it {sentence}{more}",
                details={"successor": following.thumbprint if following else ""},
            )


def _unreadable(state: HostState, policy: Policy) -> Iterator[Breach]:
    for certificate, where in _shown(state, policy):
        if details_of(certificate) is None:
            yield Breach(f"{where} ({certificate.thumbprint})", fitness.UNREADABLE.actual)


def _repair_of(wanted: fitness.Rule) -> repairs.Repair:
    def repair(case: repairs.Case) -> str:
        if case.balancer:
            return repairs.rotate_with_balancer(case)
        return repairs.give_chain(case) if wanted.id in _ABOUT_CHAIN else repairs.rotate_anew(case)

    return repair


def _rule_of(wanted: fitness.Rule) -> Rule:
    return Rule(
        id=wanted.id,
        severity=wanted.severity,
        expected=wanted.title,
        why="Asked of each certificate that is bound, or that the balancer shows" + (", and wherever else one is in use." if wanted.id in _ABOUT_TIME else "."),
        sees=functools.partial(_fitness, wanted),
        remedy="have one issued that fits, and rotate to it",
        repair=_repair_of(wanted),
        event=wanted.event,
        repairable=False,
    )


def _misplaced(state: HostState, _policy: Policy) -> Iterator[Breach]:
    """https://learn.microsoft.com/troubleshoot/developer/webapps/iis/www-authentication-authorization/errors-403-7-reject-client-certificate-rquest"""
    for one in state.authorities:
        if one.store == ROOT_STORE and not is_self_signed(one.certificate):
            yield Breach(f"{one.thumbprint} ({one.certificate.subject})", "an intermediate CA", details={"thumbprint": one.thumbprint})


def _orphans(state: HostState, _policy: Policy) -> Iterator[Breach]:
    """A program may keep a key of its own, so nobody else removes them."""
    found = [one.container for one in orphans(state)]
    if found:
        actual = f"{len(found)}: {', '.join(found[:_MOST_NAMED])}" + (f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else "")
        yield Breach("private keys", actual, details={"container": found[0]})


BOUND = (
    Rule(
        id="certificate_missing",
        severity="error",
        expected="the bound certificate in its store",
        why="A record that names a certificate which is in no store shows nothing, and SstpSvc has no hash to take.",
        sees=_missing,
        remedy=ROTATE,
        repair=repairs.rotate,
        event=21,
        modes=HTTPS_MODES,
    ),
    Rule(
        id="key_unusable",
        severity="error",
        expected="a private key that signs",
        why="HTTP.SYS opens the key as SYSTEM for each handshake; where it cannot, TLS breaks off, and binding fails with 1312.",
        sees=_key,
        remedy="import the certificate again with its private key, or rotate to another",
        repair=repairs.rotate,
        event=12,
        modes=HTTPS_MODES,
    ),
    *(_rule_of(wanted) for wanted in fitness.RULES.values() if wanted.id != _ABOUT_SUCCESSORS),
    Rule(
        id=fitness.UNREADABLE.id,
        severity=fitness.UNREADABLE.severity,
        expected="a certificate that can be read",
        why="Nothing can be said of it, and clients refuse what they cannot read.",
        sees=_unreadable,
        remedy=f"it {fitness.UNREADABLE.sentence}",
        repair=repairs.rotate_anew,
        repairable=False,
    ),
)

STORES = (
    Rule(
        id="issuer_misplaced",
        severity="warning",
        expected="roots alone in LocalMachine\\Root",
        why="With an intermediate CA among the roots, Schannel may take certificates of clients for untrusted, so that those who log on with one are refused.",
        sees=_misplaced,
        remedy="move it into LocalMachine\\CA; where it is now, clients that log on with certificates may be refused",
        repair=repairs.move_issuer,
        repairable=False,
    ),
    Rule(
        id="key_orphaned",
        severity="info",
        expected="a certificate for each key container of the machine",
        why="Private keys stay behind when their certificates are removed by other means; they pile up, and are keys all the same.",
        sees=_orphans,
        remedy="see whose each of them is, and remove those of certificates that are gone (rras.sstp.certificate, state: absent with key_container)",
        repair=repairs.remove_container,
        repairable=False,
    ),
)
