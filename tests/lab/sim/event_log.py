# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log System of a simulated host, as far as SstpSvc writes it: what .NET's EventLogReader gives of it."""

from __future__ import annotations

import datetime
from typing import Any
from xml.sax.saxutils import escape

from lab.sim.errors import ACCESS_DENIED, WindowsError, text_of
from lab.sim.machine import Machine
from lab.sim.sstp import Event

LIMIT = 64
LEVEL_ERROR = 2
# The same as of the double of wevtapi.dll.
XML = (
    "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
    "<Provider Name='Microsoft-Windows-RasSstp' Guid='{{6c260f2c-049a-43d8-bf4d-d350a4e6611a}}'/><EventID>{id}</EventID><Version>0</Version>"
    "<Level>{level}</Level><Task>0</Task><Opcode>0</Opcode><Keywords>0x8000000000000000</Keywords><TimeCreated SystemTime='{time}'/>"
    "<EventRecordID>{number}</EventRecordID><Correlation/><Execution ProcessID='0' ThreadID='0'/><Channel>System</Channel>"
    "<Computer>{computer}</Computer><Security/></System><EventData><Data>{text}</Data></EventData></Event>"
)


def time_text(moment: datetime.datetime) -> str:
    """A time as the back-end writes it: UTC, cut off at the millisecond."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def events_facet(machine: Machine, since: str | None) -> dict[str, Any]:
    """The facet events: the newest events as XML, or the error."""
    try:
        found = _read(machine, _since(since))
    except WindowsError as error:
        return {"records": [], "error": error.fact()}
    return {"records": found, "error": None}


def _since(text: str | None) -> datetime.datetime | None:
    if not text:
        return None
    try:
        moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise WindowsError(None, None, f"String '{text}' was not recognized as a valid DateTime.") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=datetime.timezone.utc)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _read(machine: Machine, since: datetime.datetime | None) -> list[str]:
    code, _ = machine.faults.due("EvtQuery")
    if code == ACCESS_DENIED:
        raise WindowsError(None, code, "Attempted to perform an unauthorized operation.")
    if code:
        # .NET keeps the code to itself.
        raise WindowsError(None, None, text_of(code))
    events = list(enumerate(machine.sstp.events, 1))
    newest = [_render(machine, number, event) for number, event in reversed(events) if since is None or event.time >= since]
    return newest[:LIMIT]


def _render(machine: Machine, number: int, event: Event) -> str:
    # A FILETIME has one digit more than Python's microseconds.
    time = event.time.strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
    return XML.format(id=event.id, level=LEVEL_ERROR, time=time, number=number, computer=machine.name, text=escape(event.text))
