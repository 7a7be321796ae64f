# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A finding of an audit, and what an audit is held against. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .balancer import Balancer
from .circumstances import circumstances_of
from .errors import one_line
from .fitness import RULES, fitness
from .plan import Wanted
from .state import HostState, RegistryValue
from .wire import Sight
from .x509 import Certificate

ROTATE = "rotate the certificate (rras.sstp.rotate)"


@dataclass(frozen=True)
class Finding:
    """event is the RasSstp event that it leads to, or None.

    repairable: a rotation heals it with the certificate at hand; the others first need something else, such as a new certificate.
    """

    id: str
    severity: str
    subject: str
    expected: str
    actual: str
    event: int | None
    remedy: str
    repairable: bool = True

    def to_result(self) -> dict[str, Any]:
        return {name: one_line(value) if isinstance(value, str) else value for name, value in asdict(self).items()}

    def __str__(self) -> str:
        event = f" (leads to RasSstp event {self.event})" if self.event else ""
        return one_line(f"{self.id}: {self.subject}: expected {self.expected}, found {self.actual}{event}; {self.remedy}")


@dataclass(frozen=True)
class Policy:
    """expiry_days: warn so many days ahead. wanted: the end state that is asked for, if the audit is about one. wire: what clients are shown.

    balancer: what the device in front shows, where one was looked at. public_addresses: where clients arrive on the host, as far as somebody has said.
    names: those that clients dial. severities: of fitness rules, where they are not the rules' own.
    """

    expiry_days: int = 30
    wanted: Wanted | None = None
    wire: tuple[Sight, ...] = ()
    balancer: Balancer | None = None
    public_addresses: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    severities: Mapping[str, str] = field(default_factory=dict)


def show_value(value: RegistryValue) -> str:
    """What a value is that should be a hash."""
    if value.kind != "binary":
        return f"a value of type {value.kind}"
    length = value.length if value.data is None else len(value.data)
    return f"{(length or 0) // 2} bytes"


def fitness_findings(certificate: Certificate, subject: str, state: HostState, policy: Policy, *, served_here: bool = True) -> Iterator[Finding]:
    """What stands against a certificate that is served at subject. None of it is healed by a rotation to the same certificate.

    served_here: by the server itself, so that its service raises events about it.
    """
    around = circumstances_of(state, certificate.thumbprint, names=policy.names, severities=policy.severities, expiry_days=policy.expiry_days)
    for problem in fitness(certificate, around):
        rule = RULES.get(problem.id)
        event = rule.event if rule and served_here else None
        expected = rule.title if rule else "a certificate that can be read"
        remedy = f"it {problem.sentence}"
        yield Finding(problem.id, problem.severity, f"{subject} ({certificate.thumbprint})", expected, problem.actual, event, remedy, False)
