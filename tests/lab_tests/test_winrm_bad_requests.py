# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that are none: the right fault, and the server goes on."""

from __future__ import annotations

import http.client
from pathlib import Path

import pytest
from lab.winrm import WinRMServer
from winrm.exceptions import WinRMTransportError, WSManFaultError
from winrm_support import (
    CREATE,
    SHELL,
    TRANSFER,
    USER,
    ProcessCommand,
    ProcessHost,
    envelope,
    in_shell,
    post,
    protocol,
    run,
    shell,
)

pytest_plugins = ("winrm_fixtures",)

NOT_XML = [
    b"",
    b"\x00",
    b"<a",
    b"not xml",
    b"<a></b>",
    b"\xff\xfe<\x00a\x00",
    envelope(CREATE, "<rsp:Shell/>")[:-20],
    b'<?xml version="1.0" encoding="x-unknown"?><a/>',
    b'<!DOCTYPE a [<!ENTITY b "boom">]>' + envelope(CREATE, "<rsp:Shell>&b;</rsp:Shell>"),
    b"<a>" * 10_000 + b"</a>" * 10_000,
]


@pytest.mark.parametrize("body", NOT_XML, ids=range(len(NOT_XML)))
def test_broken_xml(server: WinRMServer, host: ProcessHost, body: bytes) -> None:
    answer = post(server, body)
    assert (answer.status, answer.fault()) == (500, ("w:SchemaValidationError", 2150858819))
    assert run(protocol(server))[2] == 7


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"<a/>", ("w:SchemaValidationError", 2150858817)),
        (envelope(CREATE, ""), ("w:SchemaValidationError", 2150858817)),
        (envelope(f"{SHELL}/Jump", ""), ("a:ActionNotSupported", 2150858771)),
        (envelope(CREATE, "<rsp:Shell/>", a_MessageID=""), ("a:MessageInformationHeaderRequired", 2150858769)),
        (envelope(CREATE, "<rsp:Shell/>", a_Action=""), ("a:MessageInformationHeaderRequired", 2150858769)),
        (envelope(CREATE, "<rsp:Shell/>", w_ResourceURI=f"{SHELL}/x"), ("a:DestinationUnreachable", 2150858752)),
        (envelope(CREATE, "<rsp:Shell/>", w_OperationTimeout="60"), ("w:SchemaValidationError", 2150858767)),
        (envelope(CREATE, "<rsp:Shell/>", w_MaxEnvelopeSize="8191"), ("w:EncodingLimit", 2150858878)),
        (envelope(CREATE, "<rsp:Shell/>", w_MaxEnvelopeSize="-1"), ("w:SchemaValidationError", 2150858817)),
        (
            envelope(CREATE, "<rsp:Shell><rsp:IdleTimeOut>soon</rsp:IdleTimeOut></rsp:Shell>"),
            ("w:InvalidParameter", 87),
        ),
        (envelope(f"{SHELL}/Command", "<rsp:CommandLine/>"), ("w:InvalidSelectors", 2150858843)),
        (envelope(f"{SHELL}/Receive", "", in_shell("no")), ("w:InvalidSelectors", 2150858843)),
        (envelope(f"{TRANSFER}/Delete", "", in_shell("no")), ("w:InvalidSelectors", 2150858843)),
    ],
)
def test_bad_requests(server: WinRMServer, host: ProcessHost, body: bytes, fault: tuple[str, int]) -> None:
    answer = post(server, body)
    assert (answer.status, answer.fault()) == (500, fault)
    assert server.shells("vpn1") == 0
    assert run(protocol(server))[2] == 7


@pytest.mark.parametrize(
    ("action", "body", "fault"),
    [
        ("Command", "<rsp:CommandLine/>", ("w:InvalidParameter", 87)),
        ("Send", "<rsp:Send><rsp:Stream Name='stdin'/></rsp:Send>", ("w:InvalidParameter", 87)),
        ("Send", "<rsp:Send><rsp:Stream Name='stdin' CommandId='x'/></rsp:Send>", ("w:InvalidSelectors", 2150858843)),
        ("Send", "<rsp:Send><rsp:Stream Name='stdin' CommandId='THIS'>?</rsp:Stream></rsp:Send>", None),
        ("Send", "<rsp:Send><rsp:Stream Name='other' CommandId='THIS'>aGk=</rsp:Stream></rsp:Send>", None),
        ("Receive", "<rsp:Receive/>", ("w:SchemaValidationError", 2150858817)),
        (
            "Receive",
            "<rsp:Receive><rsp:DesiredStream CommandId='x'/></rsp:Receive>",
            ("w:InvalidSelectors", 2150858843),
        ),
        ("Signal", "<rsp:Signal CommandId='x'/>", ("w:InvalidSelectors", 2150858843)),
        ("Signal", "<rsp:Signal CommandId='THIS'><rsp:Code>jump</rsp:Code></rsp:Signal>", None),
    ],
)
def test_bad_requests_in_a_shell(server: WinRMServer, host: ProcessHost, action: str, body: str, fault: tuple[str, int] | None) -> None:
    client = protocol(server)
    with shell(client) as shell_id:
        command_id = client.run_command(shell_id, "x")
        answer = post(server, envelope(f"{SHELL}/{action}", body.replace("THIS", command_id), in_shell(shell_id)))
        assert (answer.status, answer.fault()) == (500, fault or ("w:InvalidParameter", 87))
        client.send_command_input(shell_id, command_id, b"still there", end=True)
        assert client.get_command_output(shell_id, command_id) == (b"still there", b"", 7)


def test_input_after_its_end(server: WinRMServer, host: ProcessHost) -> None:
    client = protocol(server)
    with shell(client) as shell_id:
        command_id = client.run_command(shell_id, "x")
        client.send_command_input(shell_id, command_id, b"a", end=True)
        with pytest.raises(WSManFaultError) as error:
            client.send_command_input(shell_id, command_id, b"b", end=True)
        assert error.value.wsman_fault_code == 232
        assert client.get_command_output(shell_id, command_id) == (b"a", b"", 7)


def test_oversized_envelope(server: WinRMServer, host: ProcessHost) -> None:
    client = protocol(server)
    with shell(client) as shell_id:
        command_id = client.run_command(shell_id, "x")
        with pytest.raises(WinRMTransportError) as error:
            client.send_command_input(shell_id, command_id, b"x" * 400_000)
        assert error.value.code == 413
        client.send_command_input(shell_id, command_id, b"y", end=True)
        assert client.get_command_output(shell_id, command_id) == (b"y", b"", 7)


def test_other_paths_and_methods(server: WinRMServer, host: ProcessHost) -> None:
    assert post(server, b"x", path="/").status == 404
    assert post(server, b"", method="GET").status == 405
    assert post(server, b"", method="TRACE").status == 501


def test_a_client_without_tls_disturbs_nobody(server: WinRMServer, host: ProcessHost) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request("GET", "/wsman")
    with pytest.raises((http.client.HTTPException, OSError)):
        connection.getresponse()
    assert run(protocol(server))[2] == 7


def test_a_host_that_breaks_is_an_internal_error(server: WinRMServer, log: Path) -> None:
    class Broken:
        name = "broken"

        def run(self, command_line: str) -> ProcessCommand:
            raise OSError(f"cannot run {command_line}")

    server.add(Broken(), USER, "broken")
    client = protocol(server, "broken")
    with shell(client) as shell_id, pytest.raises(WSManFaultError) as error:
        client.run_command(shell_id, "SECRETLINE")
    assert (error.value.fault_subcode, server.calls("broken")) == ("w:InternalError", 0)
    assert "OSError at test_winrm_bad_requests.py:" in log.read_text()
    assert "SECRETLINE" not in log.read_text()
