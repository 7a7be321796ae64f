# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A probe as the module makes it: of one address or of each, held against an earlier one and what the server says. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .errors import SstpError
from .inputs import clean_number
from .probing import probe_result, target_of
from .proof import NOTHING_KNOWN, Evidence, proof, worse, wrong
from .sstp import mschapv2
from .sstp.addresses import probe_each, probe_settled
from .sstp.client import Depth
from .sstp.driver import Outcome, Target
from .sstp.verdict import Code
from .wire import Sight, read_sights, sight_of, verdict_result

Probed = tuple[tuple[Target, Outcome], ...]


@dataclass(frozen=True)
class Inquiry:
    """What is asked. settle_timeout: seconds. before: what was seen earlier, None where nobody has looked."""

    target: Target
    every_address: bool = False
    settle_timeout: float = 0.0
    before: tuple[Sight, ...] | None = None
    evidence: Evidence = NOTHING_KNOWN

    def run(self) -> Probed:
        """Each address that was probed with what came of it. Raises SstpError for what is wrong with the target itself."""
        target = self._without_a_second_refusal()
        settle = 0.0 if self._was_lost() else self.settle_timeout
        return probe_each(target, settle) if self.every_address else ((target, probe_settled(target, settle)),)

    def _without_a_second_refusal(self) -> Target:
        """A login that was refused before is not tried again: wrong passwords lock an account."""
        refused = any(sight.verdict.code is Code.AUTHENTICATION_FAILED for sight in self.before or ())
        return replace(self.target, depth=Depth.SSTP) if refused and self.target.depth is Depth.LOGIN else self.target

    def _was_lost(self) -> bool:
        """Where the way there was barred before, nothing is worth waiting for."""
        return bool(self.before) and not any(sight.reached or sight.verdict.code is Code.REFUSED for sight in self.before or ())


def inquiry_of(options: Mapping[str, Any], inventory_name: str, ansible_host: str | None = None) -> Inquiry:
    """options: those of rras.sstp.probe. Raises SstpError for what cannot be meant."""
    if options["user"]:
        # Also where no login is asked for: what is missing for one is known before a change then, and not after it.
        mschapv2.require()
    return Inquiry(
        target=target_of(options, inventory_name, ansible_host),
        every_address=options["every_address"],
        settle_timeout=clean_number(options["settle_timeout"], "settle_timeout", 0),
        before=read_sights(options["before"]) if options["before"] else None,
        evidence=_evidence(options["evidence"]) if options["evidence"] else NOTHING_KNOWN,
    )


def _evidence(given: Mapping[str, Any]) -> Evidence:
    """The server of an audit has no events: then they are not known."""
    try:
        events = given.get("events")
        known = None if events is None or given.get("events_error") else tuple({"id": int(event["id"]), "level": int(event["level"])} for event in events)
        return Evidence(given["registry"]["sha256"], known)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise SstpError("Option evidence must be the evidence that rras.sstp.rotate returns, or the server of rras.sstp.audit, but it is neither.") from None


def inquiry_result(inquiry: Inquiry, probed: Probed) -> dict[str, Any]:
    """What rras.sstp.probe returns, but for failed and msg; the same keys whatever came of it."""
    sights = [sight_of(target, outcome) for target, outcome in probed]
    blamed = wrong(sights, inquiry.before)
    found = proof(sights, inquiry.evidence, inquiry.before)
    return {
        **probe_result(*probed[_representative(sights)]),
        "addresses": [sight.to_result() for sight in sights],
        "wrong": [verdict_result(verdict) for verdict in blamed],
        "worse": [verdict_result(verdict) for verdict in worse(sights, inquiry.before)],
        "proof": {"by": found.by, "sentence": found.sentence},
    }


def _representative(sights: Sequence[Sight]) -> int:
    """The first that is reached and not well stands for all, else the first that is reached: an address family that the controller lacks says nothing."""
    ranks = [(not sight.reached, sight.verdict.ok) for sight in sights]
    return ranks.index(min(ranks))
