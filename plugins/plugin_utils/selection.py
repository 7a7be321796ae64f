# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which certificate of the store is meant by the names that clients dial. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .circumstances import circumstances_of
from .errors import SstpError, one_line
from .fitness import ERROR, Circumstances, fitness
from .results import stamp
from .state import HostState, StoredCertificate
from .x509 import Certificate

_MOST_TOLD = 10


@dataclass(frozen=True)
class PassedOver:
    """A certificate of MY that was not chosen, and why: each reason is a phrase that goes on after "it"."""

    stored: StoredCertificate
    reasons: tuple[str, ...]
    rules: tuple[str, ...] = ()

    def to_result(self) -> dict[str, Any]:
        certificate = self.stored.certificate
        told = {"thumbprint": certificate.thumbprint, "subject": certificate.subject, "not_after": stamp(certificate.not_after)}
        return {**told, "reasons": [one_line(reason) for reason in self.reasons], "rules": list(self.rules)}

    def __str__(self) -> str:
        return f"{self.stored.thumbprint} ({self.stored.certificate.subject}) {' and '.join(self.reasons)}"


@dataclass(frozen=True)
class Selection:
    """The newest fit certificate, and those that were passed over, the newest first."""

    chosen: StoredCertificate
    passed_over: tuple[PassedOver, ...]

    def to_result(self) -> list[dict[str, Any]]:
        return [one.to_result() for one in self.passed_over]


def select(state: HostState, names: tuple[str, ...], severities: Mapping[str, str]) -> Selection:
    """The newest certificate of LocalMachine\\MY that covers all the names and is fit. Raises SstpError that tells of each one where none is."""
    around = circumstances_of(state, None, names=names, severities=severities)
    fit: list[StoredCertificate] = []
    unfit: list[PassedOver] = []
    for stored in sorted((c for c in state.certificates if c.store == "MY"), key=_newness, reverse=True):
        found = _against(stored, around)
        if found.reasons:
            unfit.append(found)
        else:
            fit.append(stored)
    if not fit:
        raise SstpError(_none(names, unfit), passed_over=[one.to_result() for one in unfit])
    older = [PassedOver(stored, (f"is older than {fit[0].thumbprint}",)) for stored in fit[1:]]
    return Selection(fit[0], tuple(sorted((*older, *unfit), key=lambda one: _newness(one.stored), reverse=True)))


def successor(state: HostState, old: Certificate, severities: Mapping[str, str]) -> StoredCertificate | None:
    """The newest fit certificate of LocalMachine\\MY that covers the names of the old one, and is good for longer."""
    around = circumstances_of(state, None, names=old.names, severities=severities)
    later = (c for c in state.certificates if c.store == "MY" and c.certificate.not_after > old.not_after)
    return next((stored for stored in sorted(later, key=_newness, reverse=True) if not _against(stored, around).reasons), None)


def _newness(stored: StoredCertificate) -> tuple[Any, ...]:
    return stored.certificate.not_before, stored.certificate.not_after, stored.thumbprint


def _against(stored: StoredCertificate, around: Circumstances) -> PassedOver:
    reasons, rules = [], []
    if stored.key is None:
        reasons, rules = ["has no private key"], ["key_absent"]
    elif stored.key.problem is not None:
        reasons, rules = [f"has a private key that is not usable: {stored.key.problem}"], ["key_unusable"]
    for problem in fitness(stored.certificate, around):
        if problem.severity == ERROR:
            reasons.append(problem.sentence)
            rules.append(problem.id)
    return PassedOver(stored, tuple(reasons), tuple(rules))


def _none(names: tuple[str, ...], unfit: list[PassedOver]) -> str:
    wanted = ", ".join(names)
    if not unfit:
        return f"There is no certificate in LocalMachine\\MY on this host, so none that covers {wanted}; import one, or have it enrolled."
    told = "; ".join(str(one) for one in unfit[:_MOST_TOLD])
    rest = f"; and {len(unfit) - _MOST_TOLD} more" if len(unfit) > _MOST_TOLD else ""
    return f"No certificate in LocalMachine\\MY on this host is fit and covers {wanted}: {told}{rest}."
