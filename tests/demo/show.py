# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo itself, in front of the viewer's eyes: the fleet, three playbooks, a table, a report."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.connection_faults import Moment
from lab.fleet import Fleet, Member
from lab.scenario import Outcome, load

from demo import report, table, text
from demo.ending import Ending
from demo.outcome import Audit, Look, Seen, audits, disagreements, rotations
from demo.playbook import Entry, Playbooks
from demo.stories import BATCH, STORIES, TOLERATE

# The playbooks run in a folder below the one of the report, which is removed in the end.
AUDIT = ("rras.sstp.audit", "-i", "inventory.yml", "-e", "fail_on=never", "-e", "dest=..")
ROTATE = ("rras.sstp.rotate", "-i", "inventory.yml", "-e", f"batch={BATCH}", "-e", f"tolerate={TOLERATE}")

CRYPTO_BINDING = """\
An SSTP server must prove to each VPN client that the TLS certificate which the client saw is its own (the crypto binding). So the \
HTTP.SYS records of IPv4 and IPv6, the certificate store and the hash that SstpSvc keeps in the registry must all mean the same \
certificate. Where they do not, every logon fails, often while HTTPS looks fine."""
SIMULATED = """\
The servers are simulated on this machine; ansible-playbook, WinRM and the collection are real. Nothing else is contacted."""


@dataclass(frozen=True)
class Places:
    """output: where the report goes; collections: where the collection is."""

    output: Path
    collections: Path


def show(places: Places, ending: Ending) -> int:
    """The whole demo; the exit code. Ended when it is to end before it is through."""
    started = time.monotonic()
    _introduce()
    places.output.mkdir(parents=True, exist_ok=True)
    fleet = Fleet([Member(story.name, load(story.scenario), story.site) for story in STORIES])
    with tempfile.TemporaryDirectory(prefix="secrets-", dir=places.output) as name, fleet:
        ending.check()
        folder = Path(name)
        fleet.write(folder)
        playbooks = Playbooks(folder, places.collections, ending)
        everyone = _act(fleet, playbooks)
        wrong = [sentence for seen in everyone for sentence in disagreements(seen, fleet.issued[seen.story.name])]
        warnings = playbooks.warnings() if wrong else ""
    _close(places, everyone, wrong, time.monotonic() - started)
    if wrong:
        _complain(wrong, warnings)
    return 1 if wrong else 0


def _act(fleet: Fleet, playbooks: Playbooks) -> list[Seen]:
    """Audit, rotate, audit."""
    for story in STORIES:
        if story.cut_off:
            fleet.winrm.fault(story.name, Moment.CREATE, times=sys.maxsize)
    _head("1. Audit: what is wrong?")
    _say("This reads, and changes nothing. Each line shows the gravest finding.")
    before = _looks(fleet, _run(playbooks, AUDIT))
    _head(f"2. Rotate, {BATCH} at a time")
    _say(
        "The inventory names a PFX file and its password for each host. All are looked at first; those that are right have no turn. "
        f"As tolerate={TOLERATE} says, so many may fail before the batches that have not begun are left alone."
    )
    rotated = rotations(_run(playbooks, ROTATE))
    for story in STORIES:
        fleet.winrm.clear_faults(story.name)
    _head(f"3. Audit again. The network to {', '.join(story.name for story in STORIES if story.cut_off)} is back")
    after = _looks(fleet, _run(playbooks, AUDIT))
    missing = Outcome("not run", "ansible-playbook said nothing of it")
    scenarios = {member.name: member.scenario for member in fleet.members}
    return [Seen(story, scenarios[story.name], before[story.name], rotated.get(story.name, missing), after[story.name]) for story in STORIES]


def _looks(fleet: Fleet, entries: Sequence[Entry]) -> dict[str, Look]:
    found, missing = audits(entries), Audit(trouble="not run: ansible-playbook said nothing of it")
    return {name: Look(host.state(), found.get(name, missing)) for name, host in fleet.hosts.items()}


def _run(playbooks: Playbooks, arguments: Sequence[str]) -> list[Entry]:
    print(f"$ {_command(arguments)}", flush=True)
    return playbooks.run(arguments)


def _command(arguments: Sequence[str]) -> str:
    return " ".join(("ansible-playbook", *arguments))


# --- what the viewer reads ---


def _introduce() -> None:
    _head(f"{len(STORIES)} SSTP VPN servers in {', '.join(dict.fromkeys(story.site for story in STORIES))}, each with a story of its own")
    for paragraph in (CRYPTO_BINDING, SIMULATED):
        _say(paragraph)
    print()
    for story in STORIES:
        title = f"Unreachable until after the rotation. {load(story.scenario).title}" if story.cut_off else load(story.scenario).title
        print(text.cut(f"{story.name}  {title}", text.width()), flush=True)


def _close(places: Places, everyone: Sequence[Seen], wrong: Sequence[str], seconds: float) -> None:
    _head("Before and after")
    for line in table.lines(everyone, text.width(), colour=_colour()):
        print(line)
    print()
    _say(report.JUDGE)
    if not wrong:
        _say("All came out as the scenarios say, the refused and the failed host included.")
    left = [seen for seen in everyone if seen.rotation.kind not in table.ROTATED]
    if left:
        _head("What is left for you")
    for seen in left:
        _say(_advice(seen), f"{seen.story.name}  ")
    page, data = report.write(places.output, everyone, [_command(arguments) for arguments in (AUDIT, ROTATE, AUDIT)])
    _head(f"Done in {seconds:.0f} seconds. Every finding with expected, found, event and repair:")
    # The audit's own page, of the second one, which says what is new and what is gone since the first.
    for path in (page, data, places.output / "sstp-audit.html"):
        print(os.path.relpath(path), flush=True)


def _advice(seen: Seen) -> str:
    if seen.rotation.kind == "unreachable":
        return "was unreachable at the rotation: run the same command again. Hosts that are right already are left alone."
    return f"{seen.rotation.kind}: {text.short(seen.rotation.words)}"


def _complain(wrong: Sequence[str], warnings: str) -> None:
    print("\nNot as the scenarios say:", *wrong, sep="\n  ", file=sys.stderr)
    if warnings:
        print(f"\nThe last ansible-playbook said on standard error:\n{warnings}", file=sys.stderr)


def _head(title: str) -> None:
    print("\n" + text.paint(f"== {title}", "bold", on=_colour()), flush=True)


def _say(paragraph: str, before: str = "") -> None:
    """A paragraph beside what is before it."""
    for line in text.wrap(paragraph, text.width() - len(before)):
        print(before + line, flush=True)
        before = " " * len(before)


def _colour() -> bool:
    return text.wants_colour(os.environ)
