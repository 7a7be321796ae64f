# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A finding of an audit, and what an audit is held against. PRIVATE to the collection."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .balancer import Balancer
from .errors import one_line
from .plan import Wanted
from .repairs import Commands
from .results import stamp
from .state import RegistryValue
from .wire import Sight

# fail_on -> the severities that fail.
FAILING = {"never": (), "error": ("error",), "warning": ("error", "warning")}


@dataclass(frozen=True)
class Finding:
    """event is the RasSstp event that it leads to, or None; seen: when that was last logged, as far as events were read.

    repair: a command that can be pasted, None where there is none. repairable: a rotation heals it with the certificate at hand; the others first
    need something else, such as a new certificate.
    """

    id: str
    severity: str
    subject: str
    expected: str
    actual: str
    event: int | None
    remedy: str
    repairable: bool = True
    repair: str | None = None
    seen: dt.datetime | None = None

    def to_result(self) -> dict[str, Any]:
        told = {name: one_line(value) if isinstance(value, str) else value for name, value in asdict(self).items()}
        return {**told, "repair": self.repair, "seen": None if self.seen is None else stamp(self.seen)}

    def __str__(self) -> str:
        return sentence_of(asdict(self))


def sentence_of(finding: Mapping[str, Any]) -> str:
    """A finding, as an audit returns it, in one sentence."""
    event = f" (leads to RasSstp event {finding['event']})" if finding["event"] else ""
    return one_line("{id}: {subject}: expected {expected}, found {actual}{led}; {remedy}".format(**finding, led=event))


@dataclass(frozen=True)
class Ignored:
    """A rule that was switched off, why, and how many findings that has hidden."""

    id: str
    reason: str
    findings: int

    def to_result(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Policy:
    """expiry_days: warn so many days ahead. wanted: the end state that is asked for, if the audit is about one. wire: what clients are shown.

    balancer: what the device in front shows, where one was looked at. public_addresses: where clients arrive on the host, as far as somebody has said.
    names: those that clients dial. severities: of fitness rules, where they are not the rules' own. ignored: rule id -> why it is switched off.
    commands: how the commands of repairs name this host.
    """

    expiry_days: int = 30
    wanted: Wanted | None = None
    wire: tuple[Sight, ...] = ()
    balancer: Balancer | None = None
    public_addresses: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    severities: Mapping[str, str] = field(default_factory=dict)
    ignored: Mapping[str, str] = field(default_factory=dict)
    commands: Commands = field(default_factory=Commands)


def show_value(value: RegistryValue) -> str:
    """What a value is that should be a hash."""
    if value.kind != "binary":
        return f"a value of type {value.kind}"
    length = value.length if value.data is None else len(value.data)
    return f"{(length or 0) // 2} bytes"
