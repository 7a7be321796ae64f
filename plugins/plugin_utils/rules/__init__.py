# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit rules, in the order in which they are asked, and what they find on a host. PRIVATE to the collection."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import SstpError
from ..findings import Finding, Ignored, Policy
from ..fitness import SEVERITIES
from ..healing import AtHand, certificate_at_hand
from ..names import OFFLOAD
from ..repairs import Case
from ..state import HostState
from . import certificates, events, offload, records, registry, remote_access, running
from .rule import Breach, Rule

TOPICS: tuple[tuple[str, tuple[Rule, ...]], ...] = (
    ("The server as a whole", (*running.INSTALLED, running.ACCOUNT, running.JOURNAL)),
    ("HTTP.SYS records", records.RULES),
    ("Certificates that are bound or shown, and their keys", certificates.BOUND),
    ("Hashes of SstpSvc", registry.HASHES),
    ("Offload mode", offload.RULES),
    ("Administrator mode, and what RRAS itself says", remote_access.RULES),
    ("Settings of SstpSvc", registry.SETTINGS),
    ("Certificate stores and private keys", certificates.STORES),
    ("Services", running.SERVICES),
    ("What the server serves to itself", running.SERVED),
    ("What clients are shown", running.WIRE),
    ("Events of RasSstp", (events.RULE,)),
)
RULES: tuple[Rule, ...] = tuple(rule for _title, rules in TOPICS for rule in rules)
_BY_ID = {rule.id: rule for rule in RULES}


@dataclass(frozen=True)
class Judgement:
    """findings: errors first. ignored: the rules that were switched off. at_hand: the certificate with which the host could be healed."""

    findings: tuple[Finding, ...]
    ignored: tuple[Ignored, ...] = ()
    at_hand: AtHand | None = None

    @property
    def compliant(self) -> bool:
        return not any(finding.severity == "error" for finding in self.findings)


def judge(state: HostState, policy: Policy) -> Judgement:
    """All that is wrong. A host without SSTP has that one finding only."""
    breaches = list(_breaches(state, policy))
    hand = certificate_at_hand(state, policy.severities)
    balancer = policy.balancer.name if policy.balancer else ""
    case = Case(policy.commands, hand.thumbprint if hand else "", balancer, state.mode == OFFLOAD)
    found = [rule.finding(breach, replace(case, details=breach.details)) for rule, breach in breaches]
    hidden = Counter(finding.id for finding in found if finding.id in policy.ignored)
    told = sorted((finding for finding in found if finding.id not in policy.ignored), key=lambda finding: SEVERITIES.index(finding.severity))
    ignored = tuple(Ignored(id_, reason, hidden[id_]) for id_, reason in policy.ignored.items())
    return Judgement(tuple(_with_events(state, finding) for finding in told), ignored, hand)


def _breaches(state: HostState, policy: Policy) -> Iterator[tuple[Rule, Breach]]:
    led_to = set()
    for rule in RULES if state.installed else running.INSTALLED:
        for breach in rule.breaches(state, policy):
            yield rule, breach
            led_to.add(rule.event_of(breach))
    if state.installed:
        for breach in events.unaccounted(state, led_to):
            yield events.RULE, breach


def _with_events(state: HostState, finding: Finding) -> Finding:
    seen = max((event.time for event in state.events if event.id == finding.event), default=None)
    return replace(finding, seen=seen)


def clean_healable(given: Sequence[str]) -> tuple[str, ...]:
    """The option rules of heal. Raises SstpError for a rule that there is not, or that no rotation heals."""
    for rule in given:
        _require_rule(rule, "rules")
        if not _BY_ID[rule].repairable:
            raise SstpError(f"Option rules names {rule}, which no rotation heals: {_BY_ID[rule].remedy}.")
    return tuple(dict.fromkeys(given))


def _require_rule(rule: object, option: str) -> None:
    if rule not in _BY_ID:
        close = difflib.get_close_matches(str(rule), _BY_ID, 1)
        hint = f"did you mean {close[0]}?" if close else "docs/rules.md has all of them."
        raise SstpError(f"Option {option} names the rule {rule!r}, which there is not; {hint}")


def clean_ignored(given: Mapping[str, Any] | None) -> dict[str, str]:
    """The option ignore_rules: rule id -> why it is switched off. Raises SstpError for a rule that there is not, or no reason."""
    cleaned = {}
    for rule, reason in (given or {}).items():
        _require_rule(rule, "ignore_rules")
        if not isinstance(reason, str) or not reason.strip():
            raise SstpError(f"Option ignore_rules gives no reason for switching off {rule}; write one, as it is shown in each report.")
        cleaned[str(rule)] = str(reason).strip()
    return cleaned
