# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was seen of each host: by the audits, by the rotation, and by the lab itself; and whether that is what its scenario says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lab import judge, scenario
from lab.pki import Issued
from lab.raw_state import as_found
from lab.scenario import Outcome, Scenario

from demo.playbook import Entry
from demo.stories import Story

# The finding about an event that nothing else accounts for.
UNACCOUNTED = "event_unaccounted"


@dataclass(frozen=True)
class Audit:
    """What rras.sstp.audit said of a host: findings and record as in its result; trouble: why there are none."""

    findings: tuple[Mapping[str, Any], ...] = ()
    record: Mapping[str, Any] | None = None
    trouble: str = ""

    @property
    def ids(self) -> list[str]:
        """The rules that are broken, errors first."""
        return [str(finding["id"]) for finding in self.findings]


@dataclass(frozen=True)
class Look:
    """A host at one time: the lab's raw state of it, and the audit."""

    state: Mapping[str, Any]
    audit: Audit

    @property
    def reasons(self) -> list[str]:
        """Why SSTP does not work, as the lab judges, which knows nothing of the collection."""
        return judge.working(dict(self.state))


@dataclass(frozen=True)
class Seen:
    """A host's whole story."""

    story: Story
    scenario: Scenario
    before: Look
    rotation: Outcome
    after: Look

    @property
    def taken_back(self) -> bool:
        """Whether the host is as it was before the rotation."""
        return as_found(self.before.state) == as_found(self.after.state)


def audits(entries: Iterable[Entry]) -> dict[str, Audit]:
    """Host -> audit."""
    found = {}
    for entry in entries:
        if entry.status in ("failed", "unreachable"):
            found[entry.host] = Audit(trouble=f"{entry.status}: {_message(entry)}")
        elif entry.module == "audit":
            found[entry.host] = Audit(tuple(entry.result["findings"]), entry.result["record"])
    return found


def rotations(entries: Iterable[Entry]) -> dict[str, Outcome]:
    """Host -> what came of the role; the kinds are those of a scenario's `rotate`, and unreachable."""
    of: dict[str, list[Entry]] = {}
    for entry in entries:
        of.setdefault(entry.host, []).append(entry)
    return {host: _rotation(items) for host, items in of.items()}


def _rotation(entries: list[Entry]) -> Outcome:
    wrong = [entry for entry in entries if entry.status in ("failed", "unreachable")]
    if any(entry.status == "unreachable" for entry in wrong):
        return Outcome("unreachable", _message(wrong[-1]))
    if wrong:
        tried = any(entry.module in ("certificate", "rotate") for entry in entries if entry.status != "skipped")
        return Outcome("failed" if tried else "refused", _message(wrong[-1]))
    return Outcome("working" if any(entry.result.get("changed") for entry in entries) else "unchanged")


def _message(entry: Entry) -> str:
    return str(entry.result.get("msg", "no reason was given")).removeprefix("Task failed: ")


# --- as the scenario says? ---


def disagreements(seen: Seen, issued: Mapping[str, Issued]) -> list[str]:
    """Sentences that say what came out otherwise than the scenario says; none where all is well."""
    return [f"{seen.story.name}: {sentence}" for sentence in (*_before(seen), *_rotated(seen), *_after(seen, issued))]


def _before(seen: Seen) -> Iterator[str]:
    wanted = seen.scenario
    if (not seen.before.reasons) is not wanted.works:
        yield f"SSTP {'does not work' if wanted.works else 'works'} before, the scenario says otherwise"
    if seen.story.cut_off:
        if not seen.before.audit.trouble.startswith("unreachable"):
            yield "the first audit reached it, though it is cut off"
    else:
        yield from _findings("first", seen.before.audit, wanted.findings)


def _findings(which: str, audit: Audit, wanted: Iterable[str]) -> Iterator[str]:
    if audit.trouble:
        yield f"the {which} audit did not get through: {audit.trouble}"
    elif sorted(audit.ids) != sorted(wanted):
        yield f"the {which} audit found {', '.join(audit.ids) or 'nothing'}, not {', '.join(wanted) or 'nothing'}"


def _rotated(seen: Seen) -> Iterator[str]:
    wanted = Outcome("unreachable") if seen.story.cut_off else seen.scenario.rotate
    found = seen.rotation
    if found.kind != wanted.kind:
        yield f"the rotation ended as {found.kind} ({found.words or 'no message'}), not as {wanted.kind}"
    elif wanted.words not in found.words:
        yield f"the rotation was {found.kind} with {found.words!r}, which does not say {wanted.words!r}"


def _after(seen: Seen, issued: Mapping[str, Issued]) -> Iterator[str]:
    if seen.rotation.kind == "working":
        if seen.after.reasons:
            yield f"SSTP does not work after the rotation: {'; '.join(seen.after.reasons)}"
        # A rotation leaves alone what is no fault of the server, and what was logged before it stays in the log.
        kept = [str(finding["id"]) for finding in seen.before.audit.findings if finding.get("severity") == "info" and finding["id"] != UNACCOUNTED]
        logged = {event["id"] for event in (seen.before.audit.record or {}).get("events", ())}
        yield from _findings("second", seen.after.audit, [*kept, *(UNACCOUNTED for _number in logged)])
    else:
        if not seen.taken_back:
            yield f"it is not as it was before, though the rotation was {seen.rotation.kind}"
        yield from _findings("second", seen.after.audit, seen.scenario.findings)
    if seen.scenario.after is not None and not seen.story.cut_off:
        thumbprints = {name: (item.thumbprint, item.sha256) for name, item in issued.items()}
        yield from scenario.differences(seen.scenario.after, seen.after.state, thumbprints)
