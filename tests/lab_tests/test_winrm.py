# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The WinRM server of the lab, driven by pywinrm."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

import pytest
import requests
from lab.connection_faults import Moment, http_500
from lab.winrm import WinRMServer
from winrm.exceptions import InvalidCredentialsError, WinRMTransportError, WSManFaultError
from winrm.protocol import Protocol
from winrm_support import (
    CREATE,
    SECRET,
    SHELL,
    SILENT,
    SLEEP,
    SLOW,
    TWO_STREAMS,
    USER,
    ProcessHost,
    envelope,
    in_shell,
    post,
    protocol,
    run,
    shell,
    wait_until,
)

pytest_plugins = ("winrm_fixtures",)


# What pywinrm does when nothing is wrong


def test_command_line_and_streams_and_exit_code(server: WinRMServer, host: ProcessHost) -> None:
    client = protocol(server)
    with shell(client) as shell_id:
        command_id = client.run_command(shell_id, "PowerShell", ["-NoProfile", "-EncodedCommand", "a<&>b=="])
        client.send_command_input(shell_id, command_id, b"hello", end=True)
        assert client.get_command_output(shell_id, command_id) == (b"hello", b"", 7)
    assert host.lines == ["PowerShell -NoProfile -EncodedCommand a<&>b=="]


def test_stdout_and_stderr_stay_apart(server: WinRMServer, host: ProcessHost) -> None:
    host.source = TWO_STREAMS
    assert run(protocol(server)) == (b"out", b"err", 0)


def test_large_input_arrives_whole_and_large_output_comes_in_several_answers(server: WinRMServer, host: ProcessHost, log: Path) -> None:
    data = bytes(range(256)) * 800
    client = protocol(server)
    with shell(client) as shell_id:
        command_id = client.run_command(shell_id, "x")
        for start in range(0, len(data), 50_000):
            client.send_command_input(shell_id, command_id, data[start : start + 50_000], end=False)
        client.send_command_input(shell_id, command_id, b"", end=True)
        assert client.get_command_output(shell_id, command_id) == (data, b"", 7)
    assert server.commands("vpn1")[0].stdin_bytes == len(data)
    answers = [line for line in log.read_text().splitlines() if "action=Receive" in line]
    assert len(answers) > 1
    assert all(int(line.split("answer=")[1].split()[0]) <= 153600 for line in answers)


def test_a_long_command_is_received_in_pieces(server: WinRMServer, host: ProcessHost) -> None:
    host.source = SLOW
    client = protocol(server)
    with shell(client) as shell_id:
        command_id = client.run_command(shell_id, "x")
        out, _, _, done = client.get_command_output_raw(shell_id, command_id)
        assert (out.split(), done) == ([b"0"], False)
        rest, _, code = client.get_command_output(shell_id, command_id)
    assert (rest.split(), code) == ([b"1", b"2", b"3"], 0)


def test_a_silent_command_outlasts_the_operation_timeout(server: WinRMServer, host: ProcessHost, log: Path) -> None:
    host.source = SILENT
    out, _, code = run(protocol(server, operation_timeout_sec=1, read_timeout_sec=3))
    assert (out.strip(), code) == (b"late", 0)
    assert log.read_text().count("w:TimedOut 2150858793") == 2


def test_terminate_ends_the_command(server: WinRMServer, host: ProcessHost) -> None:
    host.source = SLEEP
    client = protocol(server)
    with shell(client) as shell_id:
        command_id = client.run_command(shell_id, "x")
        client.cleanup_command(shell_id, command_id)
        assert host.commands[0].process.wait(5) == -signal.SIGKILL
        with pytest.raises(WSManFaultError) as error:
            client.get_command_output(shell_id, command_id)
    assert error.value.wsman_fault_code == 2150858843


def test_ctrl_c_ends_the_command_and_leaves_its_exit_code(server: WinRMServer, host: ProcessHost) -> None:
    host.source = SLEEP
    client = protocol(server)
    with shell(client) as shell_id:
        command_id = client.run_command(shell_id, "x")
        header = client.build_wsman_header(f"{SHELL}/Signal", f"{SHELL}/cmd", shell_id)
        body = f'<rsp:Signal CommandId="{command_id}"><rsp:Code>{SHELL}/signal/ctrl_c</rsp:Code></rsp:Signal>'
        assert post(server, envelope(f"{SHELL}/Signal", body, header["env:Header"]["w:SelectorSet"])).status == 200
        assert client.get_command_output(shell_id, command_id)[2] == -signal.SIGKILL


def test_a_command_that_has_ended_is_not_terminated_again(server: WinRMServer, host: ProcessHost) -> None:
    run(protocol(server))
    assert host.commands[0].terminated == 0


def test_calls_are_counted_per_host(server: WinRMServer, host: ProcessHost) -> None:
    server.add(ProcessHost("vpn2"), USER, "other")
    before = time.time()
    for stdin in (b"", b"four"):
        run(protocol(server), stdin)
    run(protocol(server, "other"))
    assert (server.calls("vpn1"), server.calls("vpn2")) == (2, 1)
    first, second = server.commands("vpn1")
    assert (first.stdin_bytes, second.stdin_bytes, second.exit_code) == (0, 4, 7)
    assert before - 1 < first.started <= second.started
    assert second.seconds is not None
    assert 0 < second.seconds < 30
    server.reset_calls("vpn1")
    assert (server.calls("vpn1"), server.calls("vpn2")) == (0, 1)


def test_many_clients_at_once(server: WinRMServer) -> None:
    names = [f"host{number}" for number in range(20)]
    for name in names:
        server.add(ProcessHost(name), USER, name)
    results: dict[str, bytes] = {}

    def work(name: str) -> None:
        results[name] = run(protocol(server, name), name.encode())[0]

    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {name: name.encode() for name in names}


# Who may


@pytest.mark.parametrize("password", ["wrong", "", SECRET + " "])
def test_wrong_password(server: WinRMServer, host: ProcessHost, password: str) -> None:
    with pytest.raises(InvalidCredentialsError):
        protocol(server, password).open_shell()
    assert run(protocol(server))[2] == 7


@pytest.mark.parametrize("authorization", [None, "Basic", "Basic %%%", "Negotiate abc", "Basic " + "QQ" * 5000])
def test_no_credentials(server: WinRMServer, host: ProcessHost, authorization: str | None) -> None:
    answer = post(server, envelope(CREATE, "<rsp:Shell/>"), authorization=authorization)
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Basic realm="WSMAN"')


def test_credentials_and_names_are_unique(server: WinRMServer, host: ProcessHost) -> None:
    with pytest.raises(ValueError, match="already"):
        server.add(ProcessHost("other"), USER.upper(), SECRET)
    with pytest.raises(ValueError, match="already"):
        server.add(ProcessHost("vpn1"), USER, "another")


def test_the_shell_of_another_host_cannot_be_used(server: WinRMServer, host: ProcessHost) -> None:
    server.add(ProcessHost("vpn2"), USER, "other")
    with shell(protocol(server)) as shell_id, pytest.raises(WSManFaultError) as error:
        protocol(server, "other").run_command(shell_id, "x")
    assert error.value.wsman_fault_code == 2150858843


# Faults on purpose

LOST = requests.exceptions.ConnectionError


def test_dropped_at_create(server: WinRMServer, host: ProcessHost) -> None:
    server.fault("vpn1", Moment.CREATE)
    with pytest.raises(LOST):
        protocol(server).open_shell()
    assert server.shells("vpn1") == 0
    assert run(protocol(server))[2] == 7


def test_dropped_before_the_command_starts(server: WinRMServer, host: ProcessHost) -> None:
    server.fault("vpn1", Moment.COMMAND)
    with shell(protocol(server)) as shell_id, pytest.raises(LOST):
        protocol(server).run_command(shell_id, "x")
    assert (server.calls("vpn1"), host.lines) == (0, [])


def test_dropped_after_the_command_has_started(server: WinRMServer, host: ProcessHost) -> None:
    host.source = SLEEP
    server.fault("vpn1", Moment.STARTED)
    with shell(protocol(server)) as shell_id:
        with pytest.raises(LOST):
            protocol(server).run_command(shell_id, "x")
        assert host.commands[0].process.poll() is None
        assert server.calls("vpn1") == 1
    assert host.commands[0].process.wait(5) == -signal.SIGKILL


def test_dropped_after_the_input(server: WinRMServer, host: ProcessHost) -> None:
    server.fault("vpn1", Moment.STDIN)
    client = protocol(server)
    with shell(client) as shell_id:
        command_id = client.run_command(shell_id, "x")
        with pytest.raises(LOST):
            client.send_command_input(shell_id, command_id, b"done all the same", end=True)
        assert client.get_command_output(shell_id, command_id) == (b"done all the same", b"", 7)


def test_dropped_before_the_answer(server: WinRMServer, host: ProcessHost) -> None:
    server.fault("vpn1", Moment.ANSWER)
    client = protocol(server)
    with shell(client) as shell_id:
        command_id = client.run_command(shell_id, "x")
        client.send_command_input(shell_id, command_id, b"lost", end=True)
        with pytest.raises(LOST):
            client.get_command_output(shell_id, command_id)
        assert server.commands("vpn1")[0].exit_code == 7


@pytest.mark.parametrize("moment", list(Moment))
def test_http_500_at_every_moment(server: WinRMServer, host: ProcessHost, moment: Moment) -> None:
    server.fault("vpn1", moment, http_500)
    with pytest.raises(WinRMTransportError) as error:
        run(protocol(server), b"x")
    assert (error.value.code, isinstance(error.value, WSManFaultError)) == (500, False)
    assert run(protocol(server), b"x") == (b"x", b"", 7)


def test_faults_skip_repeat_and_can_be_cleared(server: WinRMServer, host: ProcessHost) -> None:
    server.fault("vpn1", Moment.CREATE, skip=1, times=2)
    outcomes = []
    for _ in range(4):
        try:
            protocol(server).open_shell()
            outcomes.append("open")
        except LOST:
            outcomes.append("lost")
    assert outcomes == ["open", "lost", "lost", "open"]
    server.fault("vpn1", Moment.CREATE, times=99)
    server.clear_faults("vpn1")
    assert run(protocol(server))[2] == 7


def test_an_effect_may_be_any_function(server: WinRMServer, host: ProcessHost) -> None:
    seen: list[int] = []
    server.fault("vpn1", Moment.ANSWER, lambda: seen.append(server.calls("vpn1")))
    assert run(protocol(server), b"x") == (b"x", b"", 7)
    assert seen == [1]


# What nobody asks for any more


def test_an_abandoned_shell_is_removed_and_its_command_ended(server: WinRMServer, host: ProcessHost, log: Path) -> None:
    host.source = SLEEP
    client = protocol(server)
    shell_id = client.open_shell(idle_timeout="PT0.5S")
    client.run_command(shell_id, "x")
    assert host.commands[0].process.wait(10) == -signal.SIGKILL
    wait_until(lambda: server.shells("vpn1") == 0)
    with pytest.raises(WSManFaultError):
        client.run_command(shell_id, "x")
    wait_until(lambda: f"shell={shell_id} command=- outcome=removed" in log.read_text())


def test_a_shell_in_use_is_not_idle(server: WinRMServer, host: ProcessHost) -> None:
    host.source = SILENT
    client = protocol(server)
    shell_id = client.open_shell(idle_timeout="PT1S")
    command_id = client.run_command(shell_id, "x")
    assert client.get_command_output(shell_id, command_id)[2] == 0
    client.close_shell(shell_id)


def test_closing_the_server_ends_commands_and_waiting_clients(log: Path) -> None:
    host = ProcessHost("vpn1", SLEEP)
    errors: list[Exception] = []

    def wait_for_output(client: Protocol, shell_id: str, command_id: str) -> None:
        try:
            client.get_command_output(shell_id, command_id)
            client.run_command(shell_id, "x")
        except Exception as error:
            errors.append(error)

    with WinRMServer(log) as server:
        server.add(host, USER, SECRET)
        # Not one that reads the server's certificate file: that goes with the server, and would be missed first.
        client = protocol(server, server_cert_validation="ignore")
        shell_id = client.open_shell()
        command_id = client.run_command(shell_id, "x")
        waiting = threading.Thread(target=wait_for_output, args=(client, shell_id, command_id))
        waiting.start()
        time.sleep(0.3)
        started = time.monotonic()
    assert time.monotonic() - started < 3
    assert host.commands[0].process.wait(5) == -signal.SIGKILL
    waiting.join(5)
    assert isinstance(errors[0], LOST)
    assert not server.certificate_pem.exists()
    with pytest.raises(LOST):
        protocol(server, server_cert_validation="ignore").open_shell()


def test_secrets_are_not_logged(server: WinRMServer, host: ProcessHost, log: Path) -> None:
    run(protocol(server), b"STDINSECRET", command="LINESECRET")
    with pytest.raises(InvalidCredentialsError):
        protocol(server, "TYPOSECRET").open_shell()
    post(server, b"BODYSECRET")
    post(server, envelope("http://ACTIONSECRET/\nhost=forged", "", in_shell("SHELLSECRET")))
    text = log.read_text()
    assert "SECRET" not in text
    assert SECRET not in text
    assert all(" host=vpn1 " in line or " host=- " in line for line in text.splitlines())
