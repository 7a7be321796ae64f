# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rule of the audit as data: what it asks for, what breaking it leads to, and what repairs it. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from ..findings import Finding, Policy
from ..names import ADMINISTRATOR, AUTOMATIC, OFFLOAD
from ..repairs import Case, Repair
from ..state import HostState

ALL_MODES = (AUTOMATIC, ADMINISTRATOR, OFFLOAD)
# Where the server itself ends TLS.
HTTPS_MODES = (AUTOMATIC, ADMINISTRATOR)

ROTATE = "rotate the certificate (rras.sstp.rotate)"
FOLLOW_BALANCER = "rotate with the balancer named (rras.sstp.rotate, balancer), or with its certificate's hash (sha256)"
_AS_THE_RULE = -1


@dataclass(frozen=True)
class Breach:
    """What breaks a rule: subject (where) and actual (what is there). What is empty or None is as the rule has it.

    details: what the repair needs to know.
    """

    subject: str
    actual: str
    expected: str = ""
    severity: str = ""
    event: int | None = _AS_THE_RULE
    remedy: str = ""
    repairable: bool | None = None
    details: Mapping[str, str] = field(default_factory=dict)


Sees = Callable[[HostState, Policy], Iterator[Breach]]


@dataclass(frozen=True)
class Rule:
    """severity: error, warning or info. event: of RasSstp, that breaking it leads to. modes: those in which it is asked.

    why: what it costs to break it, a sentence for the page of rules. remedy: a phrase. repairable: whether a rotation to the certificate at hand heals it.
    """

    id: str
    severity: str
    expected: str
    why: str
    sees: Sees
    remedy: str
    repair: Repair | None
    event: int | None = None
    repairable: bool = True
    modes: tuple[str, ...] = ALL_MODES

    def breaches(self, state: HostState, policy: Policy) -> Iterator[Breach]:
        return self.sees(state, policy) if state.mode in self.modes else iter(())

    def event_of(self, breach: Breach) -> int | None:
        return self.event if breach.event == _AS_THE_RULE else breach.event

    def finding(self, breach: Breach, case: Case) -> Finding:
        return Finding(
            id=self.id,
            severity=breach.severity or self.severity,
            subject=breach.subject,
            expected=breach.expected or self.expected,
            actual=breach.actual,
            event=self.event_of(breach),
            remedy=breach.remedy or self.remedy,
            repairable=self.repairable if breach.repairable is None else breach.repairable,
            repair=self.repair(case) if self.repair else None,
        )
