# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions of the cmd shell: Create, Command, Send, Receive, Signal, Delete."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import threading
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

from lab import wsman
from lab.connection_faults import Faults, Moment
from lab.host import Host, Output
from lab.shells import CommandRecord, RunningCommand, Shell, Shells
from lab.wsman import Request

ENVELOPE_OVERHEAD = 4096  # what an answer needs beside its streams, generously


@dataclass
class Member:
    """A host of the server and what is remembered about it."""

    host: Host
    faults: Faults = field(default_factory=Faults)
    _records: list[CommandRecord] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def new_record(self) -> CommandRecord:
        record = CommandRecord(started=time.time())
        with self._lock:
            self._records.append(record)
        return record

    def drop_record(self, record: CommandRecord) -> None:
        with self._lock:
            self._records[:] = [known for known in self._records if known is not record]

    def records(self) -> list[CommandRecord]:
        with self._lock:
            return [dataclasses.replace(record) for record in self._records]

    def reset(self) -> None:
        with self._lock:
            self._records.clear()


@dataclass
class Note:
    """What the log says about a request beside its sizes: names and ids, never content."""

    host: str = "-"
    action: str = "-"
    shell: str = "-"
    command: str = "-"
    outcome: str = ""


class Actions:
    """Answers parsed requests."""

    def __init__(self, shells: Shells, idle_seconds: float) -> None:
        self._shells = shells
        self._idle_seconds = idle_seconds
        self._actions = {
            f"{wsman.TRANSFER}/Create": self._create,
            f"{wsman.TRANSFER}/Delete": self._delete,
            f"{wsman.SHELL}/Command": self._command,
            f"{wsman.SHELL}/Send": self._send,
            f"{wsman.SHELL}/Receive": self._receive,
            f"{wsman.SHELL}/Signal": self._signal,
        }

    def answer(self, member: Member, request: Request, note: Note) -> bytes:
        action = self._actions.get(request.action)
        if action is None:
            raise wsman.action_fault()
        note.action = request.action.rpartition("/")[2]
        wsman.check_resource(request)
        return wsman.answer(request, action(member, request, note))

    def _create(self, member: Member, request: Request, note: Note) -> str:
        asked = request.body("rsp:Shell").findtext("rsp:IdleTimeOut", "", wsman.TAGS)
        idle_seconds = wsman.duration(asked.strip()) if asked else self._idle_seconds
        if not idle_seconds:
            raise wsman.parameter_fault()
        member.faults.strike(Moment.CREATE)
        shell = self._shells.open(member.host, min(idle_seconds, self._idle_seconds))
        note.shell = shell.id
        return (
            f"<x:ResourceCreated><a:Address>{wsman.ANONYMOUS}</a:Address><a:ReferenceParameters>"
            f"<w:ResourceURI>{wsman.CMD}</w:ResourceURI><w:SelectorSet>"
            f'<w:Selector Name="ShellId">{shell.id}</w:Selector></w:SelectorSet></a:ReferenceParameters>'
            f"</x:ResourceCreated><rsp:Shell><rsp:ShellId>{shell.id}</rsp:ShellId>"
            f"<rsp:ResourceUri>{wsman.CMD}</rsp:ResourceUri><rsp:InputStreams>stdin</rsp:InputStreams>"
            f"<rsp:OutputStreams>stdout stderr</rsp:OutputStreams></rsp:Shell>"
        )

    def _delete(self, member: Member, request: Request, note: Note) -> str:
        with self._shell(member, request, note) as shell:
            self._shells.remove(member.host.name, shell.id)
        return ""

    def _command(self, member: Member, request: Request, note: Note) -> str:
        with self._shell(member, request, note) as shell:
            command_line = _command_line(request.body("rsp:CommandLine"))
            member.faults.strike(Moment.COMMAND)
            record = member.new_record()
            try:
                running = shell.run(command_line, record)
            except Exception:
                member.drop_record(record)
                raise
            note.command = running.id
            member.faults.strike(Moment.STARTED)
            return f"<rsp:CommandResponse><rsp:CommandId>{running.id}</rsp:CommandId></rsp:CommandResponse>"

    def _send(self, member: Member, request: Request, note: Note) -> str:
        with self._shell(member, request, note) as shell:
            for stream in request.body("rsp:Send").iterfind("rsp:Stream", wsman.TAGS):
                running = _running(shell, stream, note)
                data, end = _input(stream)
                if running.input_ended:
                    raise wsman.Fault("w:InternalError", 232, "The pipe is being closed.", receiver=True)
                running.feed(data, end=end)
                if end:
                    member.faults.strike(Moment.STDIN)
            return "<rsp:SendResponse/>"

    def _receive(self, member: Member, request: Request, note: Note) -> str:
        with self._shell(member, request, note) as shell:
            running = _running(shell, request.body("rsp:Receive/rsp:DesiredStream"), note)
            member.faults.strike(Moment.RECEIVE)
            budget = (request.max_envelope - ENVELOPE_OVERHEAD) // 4 * 3
            output = running.receive(request.seconds, budget)
            if output is None:
                raise wsman.timeout_fault()
            if output.exit_code is not None:
                member.faults.strike(Moment.ANSWER)
            return _streams(running.id, output)

    def _signal(self, member: Member, request: Request, note: Note) -> str:
        with self._shell(member, request, note) as shell:
            signal = request.body("rsp:Signal")
            running = _running(shell, signal, note)
            code = (signal.findtext("rsp:Code", "", wsman.TAGS) or "").strip().rpartition("/")[2].lower()
            if code not in ("terminate", "ctrl_c", "ctrl_break"):
                raise wsman.parameter_fault()
            running.terminate()
            if code == "terminate":
                shell.forget(running.id)
            return "<rsp:SignalResponse/>"

    def _shell(self, member: Member, request: Request, note: Note) -> Shell:
        shell = self._shells.find(member.host.name, request.shell_id)
        if shell is None:
            raise wsman.shell_fault(request.shell_id)
        note.shell = shell.id
        return shell


def _running(shell: Shell, element: ET.Element, note: Note) -> RunningCommand:
    command_id = element.get("CommandId", "")
    if not command_id:
        raise wsman.parameter_fault()
    running = shell.command(command_id)
    if running is None:
        raise wsman.command_fault(command_id)
    note.command = running.id
    return running


def _command_line(element: ET.Element) -> str:
    command = (element.findtext("rsp:Command", "", wsman.TAGS) or "").strip()
    if not command:
        raise wsman.parameter_fault()
    arguments = [argument.text or "" for argument in element.iterfind("rsp:Arguments", wsman.TAGS)]
    return " ".join([command, *arguments])


def _input(stream: ET.Element) -> tuple[bytes, bool]:
    if stream.get("Name") != "stdin":
        raise wsman.parameter_fault()
    try:
        data = base64.b64decode("".join((stream.text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        raise wsman.parameter_fault() from None
    return data, stream.get("End", "").lower() in ("true", "1")


def _streams(command_id: str, output: Output) -> str:
    done = output.exit_code is not None
    parts = []
    for name, data in (("stdout", output.stdout), ("stderr", output.stderr)):
        start = f'<rsp:Stream Name="{name}" CommandId="{command_id}"'
        if data:
            parts.append(f"{start}>{base64.b64encode(data).decode()}</rsp:Stream>")
        if done:
            parts.append(f'{start} End="true"/>')
    state = f'<rsp:CommandState CommandId="{command_id}" State="{wsman.SHELL}/CommandState/'
    exit_code = f'Done"><rsp:ExitCode>{output.exit_code}</rsp:ExitCode></rsp:CommandState>'
    parts.append(state + (exit_code if done else 'Running"/>'))
    return f"<rsp:ReceiveResponse>{''.join(parts)}</rsp:ReceiveResponse>"
