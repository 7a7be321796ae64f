# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's report: report.md for people and report.json for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from demo import table
from demo.outcome import Audit, Look, Seen

JUDGE = 'Whether SSTP "works" is judged by the lab, from the raw state of each host; it knows nothing of the collection.'


def write(folder: Path, everyone: Sequence[Seen], commands: Sequence[str]) -> tuple[Path, Path]:
    """Write both; their paths."""
    page, data = folder / "report.md", folder / "report.json"
    page.write_text("\n".join(_page(everyone, commands)).rstrip() + "\n", encoding="utf-8")
    data.write_text(json.dumps({"commands": commands, "hosts": [_host(seen) for seen in everyone]}, indent=2) + "\n", encoding="utf-8")
    return page, data


def _page(everyone: Sequence[Seen], commands: Sequence[str]) -> Iterator[str]:
    yield from ("# SSTP certificates of the demo's fleet", "", *(f"    {command}" for command in commands), "", JUDGE, "")
    heads = ("host", "site", *table.HEAD[1:])
    yield from (_row(heads), _row(["---"] * len(heads)))
    for seen in everyone:
        name, *rest = (_plain(cell.text) for cell in table.row(seen))
        yield _row([name, seen.story.site, *rest])
    yield ""
    for seen in everyone:
        yield from (f"## {seen.story.name} ({seen.story.site})", "", f"{seen.scenario.title}.", "")
        yield from _look("Before", seen.before)
        yield from (f"**Rotation: {_plain(table.row(seen)[4].text)}.** {seen.rotation.words}".rstrip(), "")
        yield from _look("After", seen.after)


def _look(when: str, look: Look) -> Iterator[str]:
    works = f"SSTP does not work: {'; '.join(look.reasons)}" if look.reasons else "SSTP works"
    yield from (f"**{when}:** {works}. {_verdict(look.audit)}", "")
    if look.audit.findings:
        yield from (_row(["finding", "about", "expected", "found", "event", "repair"]), _row(["---"] * 6))
        yield from (_finding(finding) for finding in look.audit.findings)
        yield ""


def _verdict(audit: Audit) -> str:
    if audit.trouble:
        return f"The audit could not read it, {audit.trouble}"
    return "The audit found:" if audit.findings else "The audit found nothing wrong."


def _finding(finding: Mapping[str, Any]) -> str:
    name = f"{finding['id']} ({finding['severity']})"
    return _row([name, *(str(finding[key]) for key in ("subject", "expected", "actual")), str(finding["event"] or ""), str(finding["remedy"])])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def _plain(text: str) -> str:
    return text.replace("\n", ", ") if "_" in text else text.replace("\n", " ")


def _host(seen: Seen) -> dict[str, Any]:
    story = {"host": seen.story.name, "site": seen.story.site, "scenario": seen.scenario.name, "title": seen.scenario.title}
    rotation = {"outcome": seen.rotation.kind, "message": seen.rotation.words}
    return {**story, "before": _data(seen.before), "rotation": rotation, "after": _data(seen.after)}


def _data(look: Look) -> dict[str, Any]:
    audit = look.audit
    return {"works": not look.reasons, "reasons": look.reasons, "trouble": audit.trouble or None, "record": audit.record, "findings": list(audit.findings)}
