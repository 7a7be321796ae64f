# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several hosts on the command line of the probe, against the lab's SSTP servers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import scenario_driver  # noqa: F401  makes the collection importable
from lab.pki import Authority, Issued
from lab.sim.host import SimHost
from lab.sstp_server.listener import free_port
from lab.sstp_server.settings import Settings, User

# isort: split
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.command_line import main, parse_host

COMMAND = Path(__file__).resolve().parents[2] / "plugins" / "plugin_utils" / "sstp"
AUTHORITY = Authority()


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("trust") / "ca.pem"
    path.write_bytes(AUTHORITY.root_pem)
    return str(path)


@pytest.fixture
def servers() -> Iterator[list[SimHost]]:
    """Three that are well, dialled as localhost, 127.0.0.1 and ::1."""
    with ExitStack() as stack:
        made = [stack.enter_context(SimHost(f"vpn{number}")) for number in range(3)]
        for host in made:
            host.install(AUTHORITY.issue(["localhost", "127.0.0.1", "::1"]))
            host.listen()
        yield made


def bind(host: SimHost, issued: Issued) -> None:
    host.agent.import_pfx(issued.pfx("x"), "x")
    for record in host.agent.records():
        host.agent.set_record(replace(record, hash=issued.thumbprint), update=True)


def port(host: SimHost) -> int:
    assert host.listener
    return host.listener.port


def names(servers: list[SimHost]) -> list[str]:
    return [f"{name}:{port(host)}" for name, host in zip(["localhost", "127.0.0.1", "[::1]"], servers, strict=True)]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, list[str]], str]:
    """The exit code, the words of each line by host, and the last line."""
    code = main(arguments)
    *lines, last = capsys.readouterr().out.splitlines()
    return code, {line.split()[0]: line.split()[1:] for line in lines}, last


def test_a_line_for_each_host_and_how_many_are_well(servers: list[SimHost], ca: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines, last = run(capsys, *names(servers), "--ca-path", ca)
    assert (code, last) == (0, "3 of 3 are well")
    assert set(lines) == set(names(servers))
    for words in lines.values():
        assert (words[:2], words[3:]) == (["ok", "sstp"], ["s", "The", "server", "speaks", "SSTP."])
        assert float(words[2]) > 0
    assert [len(host.listener.await_calls(1)) for host in servers if host.listener] == [1, 1, 1]


def test_the_port_is_that_of_the_hosts_without_one(servers: list[SimHost], ca: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines, last = run(capsys, "localhost", names(servers)[1], "--port", str(port(servers[0])), "--ca-path", ca)
    assert (code, last) == (0, "2 of 2 are well")
    assert set(lines) == set(names(servers)[:2])


def test_a_login_is_tried_once_at_each(servers: list[SimHost], ca: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSTP_PASSWORD", "Correct-Horse-7")
    servers[1].listen(Settings(users={"probe": User("another")}))
    code, lines, last = run(capsys, *names(servers), "--ca-path", ca, "--depth", "login", "--user", "probe")
    assert (code, last) == (3, "2 of 3 are well")
    assert [lines[name][:2] for name in names(servers)] == [["ok", "network"], ["authentication_failed", "login"], ["ok", "network"]]
    assert [[call.user for call in host.listener.await_calls(2)] for host in servers if host.listener] == [["", "probe"]] * 3


def test_one_host_may_have_a_port_too_and_shows_its_stages(servers: list[SimHost], ca: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines, last = run(capsys, names(servers)[2], "--ca-path", ca)
    assert code == 0
    # In a dictionary the line of the answer in HTTP comes at the place of that stage.
    assert list(lines) == ["resolve", "connect", "tls", "http", "sstp", "goodbye", "server", "shows", "binding"]
    assert last == "verdict  The server speaks SSTP. (ok, at sstp)"


@pytest.mark.parametrize(("faults", "code"), [("certificate", 1), ("service", 3), ("certificate service", 1)])
def test_a_wrong_certificate_decides_the_exit_code(servers: list[SimHost], ca: str, capsys: pytest.CaptureFixture[str], faults: str, code: int) -> None:
    expected = ["ok", "ok", "ok"]
    if "certificate" in faults:
        bind(servers[0], AUTHORITY.issue(["other.example.com"]))
        expected[0] = "wrong_name"
    if "service" in faults:
        servers[1].listen(Settings(http_status=503))
        expected[1] = "sstp_stopped"
    got, lines, last = run(capsys, *names(servers), "--ca-path", ca)
    assert [lines[name][0] for name in names(servers)] == expected
    assert (got, last) == (code, f"{expected.count('ok')} of 3 are well")


def test_a_host_that_is_not_there_does_not_keep_the_others(servers: list[SimHost], ca: str, capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = f"localhost:{free_port()}"
    code, lines, last = run(capsys, nowhere, *names(servers), "--ca-path", ca, "--workers", "1")
    assert (code, last, lines[nowhere][:2]) == (3, "3 of 4 are well", ["refused", "connect"])
    assert list(lines) == [nowhere, *names(servers)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["vpn_1.example.com/x"], "no host name"),
        (["vpn.example.com:0"], "port must lie between"),
        (["[vpn.example.com]:443"], "A host is written"),
        (["--address", "127.0.0.1"], "one host only"),
        (["--workers", "0"], "number of workers"),
        (["--ca-path", "/no/such/file.pem"], "cannot be read as certificates"),
    ],
)
def test_a_wrong_command_line_sends_nothing(servers: list[SimHost], ca: str, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    assert main([*names(servers), "--ca-path", ca, *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert words in shown.err
    assert [host.listener.calls for host in servers if host.listener] == [[], [], []]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("vpn.example.com", ("vpn.example.com", 9)),
        ("vpn.example.com:8443", ("vpn.example.com", 8443)),
        ("192.0.2.1:1", ("192.0.2.1", 1)),
        ("2001:db8::1", ("2001:db8::1", 9)),
        ("[2001:db8::1]", ("2001:db8::1", 9)),
        ("[2001:db8::1]:8443", ("2001:db8::1", 8443)),
    ],
)
def test_how_hosts_are_written(text: str, meant: tuple[str, int]) -> None:
    assert parse_host(text, 9) == meant


@pytest.mark.parametrize("text", ["", ":443", "vpn:", "vpn:https", "vpn:443x", "[::1", "::1]", "[::1]443", "[::1]:", "[]:1", "[[::1]]:1", "vpn:123456"])
def test_how_they_are_not(text: str) -> None:
    with pytest.raises(SstpError, match="A host is written"):
        parse_host(text, 9)


def test_ctrl_c_does_not_wait_for_a_silent_server(servers: list[SimHost], ca: str) -> None:
    servers[0].listen(Settings(silent_at="http"))
    words = [sys.executable, str(COMMAND), *names(servers), "--ca-path", ca, "--stage-timeout", "50"]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for _ in range(2):
            assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        # Far less than the stage's time.
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (130, "")
