# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Wine host's doubles behave as domain.md says of the real ones."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import module_call
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.state import LoggedEvent, read_events
from lab import judge, pki
from lab.agent import LAB, SSTPSVC, Record, WinError
from lab.command import MARK, TERMINATED, WineCommand, split_command_line
from lab.processes import marked
from lab.tls import URI
from lab.wine import WineHost, WineLab

LAB_HERE = WineLab(Path(__file__).parents[2] / "build/lab")
MISSING = LAB_HERE.missing()
if MISSING and os.environ.get("CI"):
    raise RuntimeError(" ".join(MISSING))
pytestmark = pytest.mark.skipif(bool(MISSING), reason=" ".join(MISSING))

AUTHORITY = pki.Authority()


@pytest.fixture
def host() -> Iterator[WineHost]:
    """A fresh host."""
    with LAB_HERE.host("test") as fresh:
        yield fresh


@pytest.fixture
def issued() -> pki.Issued:
    """A fit certificate."""
    return AUTHORITY.issue(["vpn.example.com"])


def code_of(call: object, *arguments: object, **options: object) -> int:
    """The Win32 code that a call fails with."""
    with pytest.raises(WinError) as error:
        call(*arguments, **options)  # type: ignore[operator]
    return error.value.code


def served(host: WineHost, address: str = "127.0.0.1", name: str = "vpn.example.com") -> str:
    """The thumbprint that the host's port gives."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((address, host.port), 10) as plain,
        context.wrap_socket(plain, server_hostname=name) as tls,
    ):
        return hashlib.sha1(tls.getpeercert(True) or b"").hexdigest()


def test_an_installed_host_works(host: WineHost, issued: pki.Issued) -> None:
    host.install(issued)
    state = host.state()
    assert judge.working(state) == []
    assert state["sstpsvc"]["SHA256CertificateHash"] == {"type": "REG_BINARY", "value": issued.sha256}
    assert [served(host, "127.0.0.1"), served(host, "::1")] == [issued.thumbprint] * 2
    assert state["events"] == []


def test_codes_of_the_api(host: WineHost, issued: pki.Issued) -> None:
    agent, record = host.agent, Record("ip", f"0.0.0.0:{host.port}", issued.thumbprint)
    assert code_of(agent.set_record, record) == 1312, "not in the store"
    agent.add_certificate(issued.der)
    assert code_of(agent.set_record, record) == 1312, "no private key"
    agent.delete_certificate(issued.thumbprint)
    agent.import_pfx(issued.pfx("x"), "x")
    assert code_of(agent.set_record, replace(record, store="WebHosting")) == 1312, "another store"
    assert code_of(agent.set_record, replace(record, hash="00" * 19)) == 87
    assert code_of(agent.set_record, record, update=True) == 2
    assert code_of(agent.delete_record, "ip", record.endpoint) == 2
    agent.set_record(record)
    assert code_of(agent.set_record, record) == 183
    agent.set_record(replace(record, flags=7), update=True)
    assert agent.records() == [replace(record, flags=7)]
    agent.delete_key(issued.thumbprint)
    assert code_of(agent.set_record, record, update=True) == 1312, "key container gone"
    probe = agent.probe_http()
    assert probe.pop("needed") > 88
    assert probe == {
        "null_buffer": 122, "small_buffer": 122, "unknown_id": 87, "handle": 87, "length": 87, "overlapped": 87,
        "past_the_end": 259, "set_without_address": 87, "not_initialised": 6,
    }  # fmt: skip


def test_every_field_of_every_family_comes_back(host: WineHost, issued: pki.Issued) -> None:
    host.agent.import_pfx(issued.pfx("x", legacy=True), "x", "WebHosting")
    odd = Record(
        "ip", "[2001:db8::1]:8443", issued.thumbprint, "{00112233-4455-6677-8899-aabbccddeeff}", "WebHosting",
        0x5, 3600, 15000, "Lab CTL", "Trüst", 0x80004006,
    )  # fmt: skip
    records = [
        replace(odd, endpoint="203.0.113.5:443"),
        odd,
        replace(odd, family="sni", endpoint="vpn.example.com:443"),
        Record("ccs", "443", "", flags=1),
        Record("ip", "0.0.0.0:81", "", flags=8),
    ]
    for record in records:
        host.agent.set_record(record)
    assert sorted(host.agent.records(), key=str) == sorted(records, key=str)


def test_a_users_key_gives_1312(host: WineHost, issued: pki.Issued) -> None:
    host.agent.import_pfx(issued.pfx("x"), "x")
    host.agent.set_key_flags(issued.thumbprint, 0)
    assert code_of(host.bind, issued.thumbprint) == 1312


def test_injected_faults(host: WineHost, issued: pki.Issued) -> None:
    host.agent.import_pfx(issued.pfx("x"), "x")
    host.agent.fault("HttpSetServiceConfiguration", 5, endpoint=f"[::]:{host.port}")
    assert code_of(host.bind, issued.thumbprint) == 5
    assert [record.endpoint for record in host.agent.records()] == [f"0.0.0.0:{host.port}"]
    host.agent.fault("HttpDeleteServiceConfiguration", 31, after=True)
    assert code_of(host.agent.delete_record, "ip", f"0.0.0.0:{host.port}") == 31
    assert host.agent.records() == []
    host.agent.clear_faults()
    host.bind(issued.thumbprint)


def test_an_older_host_has_no_update(issued: pki.Issued) -> None:
    with LAB_HERE.host("old", http_update=False) as host:
        host.install(issued, start=False)
        record = host.agent.records()[0]
        assert code_of(host.agent.set_record, record, update=True) == 127


def test_events(host: WineHost, issued: pki.Issued) -> None:
    agent, other = host.agent, AUTHORITY.issue(["vpn.example.com"])
    agent.start("RemoteAccess")
    assert host.state()["events"] == ["21 0x80070002"]
    host.install(issued, start=False)
    agent.delete_certificate(issued.thumbprint)
    agent.import_pfx(other.pfx("x"), "x")
    agent.set_record(Record("ip", f"[::]:{host.port}", other.thumbprint), update=True)
    agent.set_value(SSTPSVC, "SHA256CertificateHash", b"x" * 31)
    agent.set_value(SSTPSVC, "SHA1CertificateHash", b"x" * 21)
    host.restart()
    assert [event.split()[0] for event in host.state()["events"][1:]] == ["24", "21", "18", "19"]


READ_EVENTS = """
$ErrorActionPreference = 'Stop'
try {
    $query = [System.Diagnostics.Eventing.Reader.EventLogQuery]::new('%s', [System.Diagnostics.Eventing.Reader.PathType]::LogName, "%s")
    $reader = [System.Diagnostics.Eventing.Reader.EventLogReader]::new($query)
    while ($null -ne ($event = $reader.ReadEvent())) { "$($event.Id) $($event.Level) $($event.ProviderName) $($event.LogName) $($event.RecordId)" }
    'end'
}
catch { $_.Exception.InnerException.HResult -band 0xFFFF }
"""


def test_event_queries(host: WineHost) -> None:
    """The properties of .NET's own, too; a query that the double does not understand is refused, not answered with nothing."""
    host.agent.start("RemoteAccess")
    logged, end = "21 2 Microsoft-Windows-RasSstp System 1", "end"
    cases = {
        ("System", "*"): [logged, end],
        ("System", "*[System[Provider[@Name='RasSstp' or @Name='Microsoft-Windows-RasSstp']]]"): [logged, end],
        ("System", "*[System[Provider[@Name='RasSstp']]]"): [end],
        ("System", "*[System[TimeCreated[@SystemTime>='2020-01-02T03:04:05.678Z']]]"): [logged, end],
        ("System", "*[System[TimeCreated[@SystemTime>='2099-01-02T03:04:05Z'] and Provider[@Name='Microsoft-Windows-RasSstp']]]"): [end],
        ("System", "*[System[EventID=21]]"): ["15001"],
        ("System", "*[System[Provider[@Name=Microsoft]]]"): ["15001"],
        ("System", "*[System[TimeCreated[@SystemTime>='yesterday']]]"): ["15001"],
        ("System", "*[System[Provider[@Name='RasSstp']]"): ["15001"],
        ("Application", "*"): ["15007"],
    }
    script = "\n'--'\n".join(READ_EVENTS % case for case in cases)
    code, output, errors = host.powershell(script)
    assert (code, errors) == (0, "")
    assert [part.split("\n") for part in output.replace("\r", "").strip().split("\n--\n")] == list(cases.values())


def test_the_back_end_reads_events_by_id_and_time(host: WineHost) -> None:
    def observe(since: str | None = None) -> tuple[tuple[LoggedEvent, ...], Mapping[str, Any] | None]:
        return read_events(module_call.call(host, {"operation": "observe", "facets": ["events"], "events_since": since})["facts"]["events"])

    begun = datetime.now(timezone.utc)
    host.agent.start("RemoteAccess")
    ((event,), error) = observe()
    assert (event.id, event.level, event.data, error) == (21, 2, ("0x80070002",), None)
    assert begun <= event.time <= datetime.now(timezone.utc)
    host.restart()
    found, _ = observe(begun.strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert [later.id for later in found] == [21, 21]
    assert found[0].time > found[1].time == event.time, "the newest first"
    assert observe((event.time + timedelta(milliseconds=1)).isoformat(timespec="milliseconds").replace("+00:00", "Z"))[0] == found[:1]
    host.agent.fault("EvtQuery", 5, times=0)
    found, error = observe()
    assert found == ()
    assert error is not None
    assert error["code"] == 5


def test_the_back_end_counts_sessions(host: WineHost, issued: pki.Issued) -> None:
    """Over several pages of connections; with the older function where the newer one is said to be missing; and none after RRAS has stopped."""

    def facet() -> dict[str, Any]:
        found: dict[str, Any] = module_call.call(host, {"operation": "observe", "facets": ["sessions"]})["facts"]["sessions"]
        return found

    host.install(issued)
    host.connect_clients(12)
    host.agent.fault("MprAdminConnectionEnumEx", 127, skip=3, times=0)
    assert facet() == {"count": 12, "error": None}
    assert host.agent.value(LAB + r"\Faults\Counts", "MprAdminConnectionEnumEx") == 3
    assert facet() == {"count": 12, "error": None}
    assert host.agent.value(LAB + r"\Faults\Counts", "MprAdminConnectionEnumEx") == 4
    host.agent.stop("RemoteAccess")
    stopped = facet()
    assert (stopped["count"], stopped["error"]["function"], stopped["error"]["code"]) == (None, "MprAdminConnectionEnum", 1722)
    assert host.sessions == 0


def test_events_of_administrator_mode(host: WineHost, issued: pki.Issued) -> None:
    host.install(issued, start=False)
    host.agent.set_value(SSTPSVC, "isHashConfiguredByAdmin", 1)
    host.agent.set_value(SSTPSVC, "SHA256CertificateHash", b"x" * 32)
    host.restart()
    assert [event.split()[0] for event in host.state()["events"]] == ["25", "32"]


def test_a_stale_hash_is_left_alone(host: WineHost, issued: pki.Issued) -> None:
    host.install(issued)
    other = AUTHORITY.issue(["vpn.example.com"])
    host.agent.import_pfx(other.pfx("x"), "x")
    for record in host.agent.records():
        host.agent.set_record(replace(record, hash=other.thumbprint), update=True)
    assert served(host) == other.thumbprint
    host.restart()
    assert judge.working(host.state()) == [
        "SHA256CertificateHash is of another certificate: every logon fails",
        "SHA1CertificateHash is of another certificate",
    ]


def test_a_late_hash(host: WineHost, issued: pki.Issued) -> None:
    host.agent.switch("HashDelay", 700)
    host.agent.switch("Sha1", 0)
    host.install(issued)
    assert host.agent.value(SSTPSVC, "SHA256CertificateHash") is None
    time.sleep(1.2)
    assert judge.working(host.state()) == []
    assert host.agent.value(SSTPSVC, "SHA1CertificateHash") is None


def test_the_service_graph(host: WineHost, issued: pki.Issued) -> None:
    host.install(issued)
    assert code_of(host.agent.stop, "SstpSvc") == 1052, "1051 on Windows"
    assert host.agent.service("SstpSvc")["state"] == "running"
    host.restart()
    assert {name: item["starts"] for name, item in host.state()["services"].items()} == {
        "SstpSvc": 2, "RasMan": 2, "RemoteAccess": 2,
    }  # fmt: skip


def test_services_that_fail(host: WineHost, issued: pki.Issued) -> None:
    host.install(issued, start=False)
    host.agent.switch("RasMan.StartFails", 1)
    with pytest.raises(TimeoutError):
        host.agent.start("RemoteAccess", timeout=1.5)
    assert host.agent.service("RemoteAccess")["exit_code"] == 1068
    host.agent.switch("RasMan.StartFails", 0)
    host.agent.switch("RemoteAccess.DiesAfter", 500)
    host.agent.start("RemoteAccess")
    host.agent.wait("RemoteAccess", "stopped", 5)
    assert host.agent.service("RemoteAccess")["exit_code"] == 1067
    host.agent.switch("RasMan.StopHangs", 1)
    with pytest.raises(TimeoutError):
        host.agent.stop("RasMan", timeout=1)
    assert host.agent.service("RasMan")["state"] == "stop_pending"


def test_keys_imported_by_a_command_get_a_container_each(host: WineHost, issued: pki.Issued) -> None:
    other = AUTHORITY.issue(["vpn2.example.com"])
    script = (
        "$pfx = [Convert]::FromBase64String([Console]::In.ReadToEnd());"
        "$x = 'Security.Cryptography.X509Certificates';"
        "$c = New-Object ($x + '.X509Certificate2')($pfx, 'x', 'MachineKeySet,PersistKeySet');"
        "$s = New-Object ($x + '.X509Store')('My', 'LocalMachine'); $s.Open('ReadWrite');"
        "$s.Add($c); $s.Close(); $c.Dispose(); exit 3"
    )
    for one in (issued, other):
        # Without the chain: Wine says of every certificate of a PFX that it has the key, and .NET takes the first.
        pfx = replace(one, chain=()).pfx("x")
        assert host.powershell(script, base64.b64encode(pfx)) == (3, "", "")
    found = host.agent.certificates()
    keys = [item["key"] for item in found["certificates"]["MY"]]
    assert [(key["opens"], key["matches"], key["flags"]) for key in keys] == [(True, True, 0x20)] * 2
    assert sorted(key["container"] for key in keys) == sorted(found["containers"])


def test_what_is_not_served(host: WineHost, issued: pki.Issued) -> None:
    host.install(issued)
    host.agent.stop("RemoteAccess")
    host.agent.stop("RasMan")
    host.agent.stop("SstpSvc")
    with pytest.raises(OSError):  # noqa: PT011
        served(host)
    host.agent.start("RemoteAccess")
    other = AUTHORITY.issue(["other.example.com"])
    host.agent.import_pfx(other.pfx("x"), "x")
    host.agent.set_record(Record("sni", f"other.example.com:{host.port}", other.thumbprint, store="MY"))
    assert served(host, name="other.example.com") == other.thumbprint
    assert served(host) == issued.thumbprint
    host.agent.delete_key(issued.thumbprint)
    with pytest.raises(ConnectionResetError):
        served(host)


def test_the_host_sees_its_own_certificate(host: WineHost, issued: pki.Issued) -> None:
    host.install(issued)
    script = f"""
        foreach ($address in '127.0.0.1', '::1') {{
            $client = New-Object Net.Sockets.TcpClient([Net.IPAddress]::Parse($address).AddressFamily)
            $client.Connect([Net.IPAddress]::Parse($address), {host.port})
            $tls = New-Object Net.Security.SslStream($client.GetStream(), $false, {{ $true }})
            $tls.AuthenticateAsClient('vpn.example.com')
            $tls.RemoteCertificate.GetCertHashString().ToLower()
            $get = [Text.Encoding]::ASCII.GetBytes("GET {URI} HTTP/1.1`r`nHost: x`r`n`r`n")
            $tls.Write($get, 0, $get.Length)
            (New-Object IO.StreamReader($tls)).ReadLine()
        }}"""
    code, output, errors = host.powershell(script)
    assert (code, output.split("\r\n"), errors) == (0, [issued.thumbprint, "HTTP/1.1 401 Unauthorized"] * 2 + [""], "")


def test_much_input_and_output(host: WineHost) -> None:
    data = b"abcdefghij" * 17000
    code, output, _ = host.powershell("$t = [Console]::In.ReadToEnd(); $t.Length; $t", data)
    assert (code, output) == (0, f"{len(data)}\r\n{data.decode()}\r\n")


def test_terminate_ends_the_process(host: WineHost) -> None:
    host.agent.create_key(LAB)
    script = (
        r"$k = 'HKEY_LOCAL_MACHINE\SOFTWARE\lab';"
        "1..600 | % { [Microsoft.Win32.Registry]::SetValue($k, 'alive', $_, 'DWord'); [Threading.Thread]::Sleep(50) }"
    )
    encoded = base64.b64encode(script.encode("utf-16le")).decode()
    command = host.run(f'powershell.exe -NoProfile -EncodedCommand "{encoded}"')
    deadline = time.monotonic() + 20
    while host.agent.value(LAB, "alive") is None and time.monotonic() < deadline:
        assert command.receive(0.05).exit_code is None
    command.terminate()
    assert command.receive(10).exit_code == TERMINATED
    last = host.agent.value(LAB, "alive")
    time.sleep(0.3)
    assert last is not None
    assert host.agent.value(LAB, "alive") == last
    assert isinstance(command, WineCommand)
    assert marked(MARK, command.mark) == []


def test_only_powershell_is_run(host: WineHost) -> None:
    command = host.run("cmd /c dir")
    output = command.receive(1)
    assert output.exit_code == 1
    assert b"PowerShell only" in output.stderr


def test_digest_shows_changes_only(host: WineHost, issued: pki.Issued) -> None:
    host.install(issued)
    before = host.digest()
    assert host.powershell("'nothing'")[0] == 0
    assert host.digest() == before
    host.agent.delete_value(SSTPSVC, "SHA1CertificateHash")
    assert host.digest() != before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("PowerShell  -a b", ["PowerShell", "-a", "b"]),
        (r'"C:\x y\p.exe" "a \"b\" c" d\e "f\\"', [r"C:\x y\p.exe", 'a "b" c', r"d\e", "f\\"]),
        ('a "" b', ["a", "", "b"]),
    ],
)
def test_command_lines(text: str, words: list[str]) -> None:
    assert split_command_line(text) == words


def test_a_host_without_rras(host: WineHost) -> None:
    for name in ("RemoteAccess", "RasMan", "SstpSvc"):
        host.agent.delete_service(name)
    state = host.state()
    assert (state["services"], state["sstpsvc"]) == ({}, None)
    assert "SstpSvc does not run" in judge.working(state)
