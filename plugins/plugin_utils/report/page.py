# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as one page of HTML that needs nothing else: no network, no script to be read. PRIVATE to the collection."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import pkgutil
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from ..errors import one_line
from .comparison import known_findings
from .document import Document, Expiry, HostEntry, Known
from .record import SEVERITY_RANKS, Record
from .results import STATES, HostResult, natural
from .summary import expiries, soonest_expiry
from .timeline import days_in_words, timeline, urgency

# The JSON has all of them.
_MOST_EVENTS = 20

STATE_WORDS = {"ok": "OK", "warning": "Warning", "error": "Error", "unreachable": "Not reached", "failed": "Not audited", "info": "Info"}
STATE_MARKS = {"ok": "\u2713", "warning": "!", "error": "\u2715", "unreachable": "?", "failed": "\u2013", "info": "i"}
PLACE_WORDS = {
    "binding_ipv4": "HTTP.SYS, IPv4",
    "binding_ipv6": "HTTP.SYS, IPv6",
    "registry_sha256": "Registry, SHA-256",
    "registry_sha1": "Registry, SHA-1",
    "store": "Certificate store",
    "served_ipv4": "Served locally, IPv4",
    "served_ipv6": "Served locally, IPv6",
    "wire": "On the wire",
    "balancer": "Load balancer",
}


@dataclass(frozen=True)
class HostView:
    """A host as the page shows it. anchor: where its section is."""

    anchor: str
    entry: HostEntry
    record: Record | None
    expiry: Expiry | None
    new: frozenset[tuple[str, str]]

    @property
    def rank(self) -> int:
        """Of its state, the gravest first."""
        return STATES.index(self.entry.state)

    @property
    def news(self) -> int:
        return len(self.entry.new) + len(self.entry.gone) + self.entry.added


@dataclass(frozen=True)
class Group:
    """One kind of finding at several hosts."""

    id: str
    severity: str
    hosts: tuple[tuple[HostView, str], ...]


def to_html(document: Document, results: Sequence[HostResult]) -> str:
    """results are those that the document was made of."""
    views = _views(document, results)
    style, script = _text("page.css"), _text("page.js")
    return _environment().get_template("page.html.j2").render(
        document=document,
        summary=document.summary,
        hosts=views,
        new=_groups(views, "new"),
        gone=_groups(views, "gone"),
        added=[view for view in views if view.entry.added],
        counts={state: sum(view.entry.state == state for view in views) for state in STATES},
        timeline=timeline(expiries(results), document.made),
        anchors={view.entry.host: view.anchor for view in views},
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
        most_events=_MOST_EVENTS,
    )


def _views(document: Document, results: Sequence[HostResult]) -> list[HostView]:
    """The gravest first, and of those alike the one whose certificate ends first."""
    expiry_of = {result.host: soonest_expiry(result.host, result.record) for result in results if result.record}
    far = dt.datetime.max.replace(tzinfo=dt.timezone.utc)

    def order(pair: tuple[HostEntry, HostResult]) -> tuple[Any, ...]:
        expiry = expiry_of.get(pair[0].host)
        return STATES.index(pair[0].state), expiry.not_after if expiry else far, natural(pair[0].host)

    ordered = sorted(zip(document.hosts, results, strict=True), key=order)
    return [
        HostView(f"host-{number}", entry, result.record, expiry_of.get(entry.host), frozenset((known.id, known.subject) for known in entry.new))
        for number, (entry, result) in enumerate(ordered, 1)
    ]


def _groups(views: Iterable[HostView], which: str) -> list[Group]:
    """What is new, or gone, by kind: one cause often shows at many hosts."""
    found: dict[tuple[str, str], list[tuple[HostView, str]]] = defaultdict(list)
    for view in views:
        known: Known
        for known in getattr(view.entry, which):
            found[known.id, known.severity].append((view, known.subject))
    groups = [Group(id_, severity, tuple(hosts)) for (id_, severity), hosts in found.items()]
    return sorted(groups, key=lambda group: (SEVERITY_RANKS[group.severity], -len(group.hosts), group.id))


def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_text), autoescape=True, finalize=_visible, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"when": _when, "day": _day, "days": days_in_words, "urgency": urgency, "plural": _plural, "tally": _tally}
    environment.globals |= {"state_words": STATE_WORDS, "state_marks": STATE_MARKS, "place_words": PLACE_WORDS, "known_findings": known_findings}
    return environment


def _visible(value: Any) -> Any:
    """Hosts are named, and certificates issued, by others: marks that cannot be seen, or that turn the text around, are shown as escapes."""
    if not isinstance(value, str) or isinstance(value, Markup) or (value.isascii() and value.isprintable()):
        return value
    return one_line(value)


def _text(name: str) -> str:
    """A file beside this one. The loader gives it, as it knows where a collection lies."""
    data = pkgutil.get_data(__package__ or "", name)
    if data is None:
        raise FileNotFoundError(name)
    return data.decode("utf-8")


def _hash(text: str) -> str:
    """As a Content-Security-Policy names an inline script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _when(moment: dt.datetime) -> Markup:
    return Markup('<time datetime="{0}Z">{1} UTC</time>').format(moment.strftime("%Y-%m-%dT%H:%M:%S"), moment.strftime("%Y-%m-%d %H:%M"))


def _day(moment: dt.datetime) -> Markup:
    return Markup('<time datetime="{0}">{0}</time>').format(moment.strftime("%Y-%m-%d"))


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _tally(record: Record) -> str:
    """'2 errors, 1 warning'."""
    counts = ((sum(finding.severity == severity for finding in record.findings), noun) for severity, noun in (("error", "error"), ("warning", "warning")))
    infos = sum(finding.severity == "info" for finding in record.findings)
    parts = [_plural(count, noun) for count, noun in counts if count] + ([f"{infos} info"] if infos else [])
    return ", ".join(parts) or "none"
