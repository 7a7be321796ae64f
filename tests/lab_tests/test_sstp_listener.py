# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's SSTP server at the ports of hosts: what is served, what of the host's state decides, and each misbehaviour."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sstp_client as wire
from cryptography.hazmat.primitives.hashes import SHA1
from lab.agent import SSTPSVC, Record
from lab.pki import Authority, Issued
from lab.sim.host import SimHost
from lab.sstp_server.chain import issue_below
from lab.sstp_server.host_state import login_refused
from lab.sstp_server.proxy import Proxy
from lab.sstp_server.settings import Limits, Settings
from lab.wine import WineLab
from sstp_client import Client, dial, talk, tls

AUTHORITY = Authority()
OLD, NEW = AUTHORITY.issue(["vpn.example.com"]), AUTHORITY.issue(["vpn.example.com"])
GET = b"GET /sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/ HTTP/1.1\r\nHost: x\r\n\r\n"
# Seconds after which a client of these tests takes silence for silence.
PATIENCE = 0.5


@pytest.fixture
def host() -> Iterator[SimHost]:
    """A simulated server that works, with a real listener; its port in the model is 443."""
    with SimHost("vpn01") as fresh:
        fresh.install(OLD)
        fresh.listen()
        yield fresh


def port_of(host: SimHost) -> int:
    assert host.listener
    return host.listener.port


def last(host: SimHost, count: int = 1) -> object:
    assert host.listener
    return host.listener.await_calls(count)[-1]


def rebind(host: SimHost, issued: Issued) -> None:
    host.agent.import_pfx(issued.pfx("x"), "x")
    for record in host.agent.records():
        host.agent.set_record(replace(record, hash=issued.thumbprint), update=True)


def says(host: SimHost, request: bytes = GET) -> int:
    with tls(port_of(host)) as connection:
        connection.sendall(request)
        return int(connection.recv(4096).split()[1])


# --- what decides -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_login(host: SimHost, address: str) -> None:
    client = dial(port_of(host), address)
    assert client.saw == [200, ("ack", 2), "success", ("address", "192.168.77.10"), "disconnect ack"]
    record = host.listener.await_calls(1)[0]  # type: ignore[union-attr]
    assert (record.address, record.thumbprint, record.tls_version, record.accepted, record.left) == (
        address, OLD.thumbprint, "TLSv1.3", True, "CALL_DISCONNECT",
    )  # fmt: skip
    assert port_of(host) != host.port == 443


def test_a_probe_without_credentials(host: SimHost) -> None:
    assert (says(host), says(host, GET.replace(b"GET", b"HEAD")), says(host, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")) == (401, 401, 404)
    assert [(call.method, call.http_status, call.reason) for call in host.listener.await_calls(3)] == [  # type: ignore[union-attr]
        ("GET", 401, ""), ("HEAD", 401, ""), ("GET", 404, "HTTP 404"),
    ]  # fmt: skip


def test_the_hash_that_the_service_read_decides(host: SimHost) -> None:
    """A value that is changed while SstpSvc runs means nothing until it starts again, and a restart leaves a value alone."""
    host.agent.set_value(SSTPSVC, "SHA256CertificateHash", bytes.fromhex(NEW.sha256))
    assert dial(port_of(host)).saw[-1] == "disconnect ack"
    host.restart()
    assert dial(port_of(host)).saw[-1] == ("abort", 3, 4)
    assert (last(host, 2).reason, last(host, 2).stage) == ("certificate hash", "authenticated")  # type: ignore[attr-defined]
    rebind(host, NEW)
    assert dial(port_of(host)).saw[-1] == "disconnect ack", "now the other certificate is served"


def test_a_new_record_without_a_restart(host: SimHost) -> None:
    """The failure that matters most (domain.md 2.2): TLS and HTTP are fine, every login fails."""
    rebind(host, NEW)
    assert says(host) == 401
    assert dial(port_of(host)).saw[-1] == ("abort", 3, 4)
    host.agent.set_value(SSTPSVC, "SHA256CertificateHash", bytes.fromhex(NEW.sha256))
    assert dial(port_of(host)).saw[-1] == ("abort", 3, 4), "the service does not know"
    host.restart()
    assert dial(port_of(host)).saw[-1] == "disconnect ack"


def test_a_hash_that_comes_late() -> None:
    with SimHost("vpn02") as host:
        host.agent.switch("HashDelay", 5000)
        host.install(OLD)
        host.listen()
        assert dial(port_of(host)).saw == [503]
        host.pass_time(6)
        assert dial(port_of(host)).saw[-1] == "disconnect ack"


def test_a_value_that_the_service_did_not_write_itself() -> None:
    """Started without a record, it writes nothing (event 21); what is written later it learns at its next start."""
    with SimHost("vpn05") as host:
        host.install(OLD, bind=False)
        host.bind(OLD.thumbprint)
        host.agent.set_value(SSTPSVC, "SHA256CertificateHash", bytes.fromhex(OLD.sha256))
        host.listen()
        assert dial(port_of(host)).saw == [503]
        host.restart()
        assert dial(port_of(host)).saw[-1] == "disconnect ack"


def sni(host: SimHost) -> None:
    other = AUTHORITY.issue(["vpn.example.com"])
    host.agent.import_pfx(other.pfx("x"), "x")
    host.agent.set_record(Record("sni", "vpn.example.com:443", other.thumbprint, store="MY"))


def flags(value: int) -> Callable[[SimHost], None]:
    def change(host: SimHost) -> None:
        for record in host.agent.records():
            host.agent.set_record(replace(record, flags=value), update=True)

    return change


def stopped(*names: str) -> Callable[[SimHost], None]:
    return lambda host: [host.agent.stop(name) for name in names]  # type: ignore[return-value]


def program(host: SimHost) -> None:
    host.machine.listeners.add(443)
    stopped("RemoteAccess", "RasMan", "SstpSvc")(host)


def short_hash(host: SimHost) -> None:
    host.agent.set_value(SSTPSVC, "SHA256CertificateHash", b"x" * 31)
    host.restart()


STATES: dict[str, tuple[Callable[[SimHost], None], object, str]] = {
    "another certificate for the name": (sni, ("abort", 3, 4), "certificate hash"),
    "rejects": (flags(8), "reset", "the connection is reset"),
    "no TLS 1.3": (flags(0x40), "disconnect ack", ""),
    "no TLS": (flags(0x1040), "reset", ""),
    "key deleted": (lambda host: host.agent.delete_key(OLD.thumbprint), "reset", "the connection is reset"),
    "record of IPv4 missing": (lambda host: host.agent.delete_record("ip", "0.0.0.0:443"), "reset", "the connection is reset"),
    "stopped": (stopped("RemoteAccess", "RasMan", "SstpSvc"), "reset", "nothing listens"),
    "RemoteAccess stopped": (stopped("RemoteAccess"), 503, "HTTP 503"),
    "only another program listens": (program, 404, "nothing listens"),
    "another port": (lambda host: host.agent.set_value(SSTPSVC, "ListenerPort", 444), "reset", "nothing listens"),
    "offload": (lambda host: host.agent.set_value(SSTPSVC, "UseHttps", 0), "reset", "TLS meets plain HTTP"),
    "short hash": (short_hash, 503, "no valid SHA256CertificateHash: no connection is accepted"),
}


@pytest.mark.parametrize("name", STATES)
def test_states_of_the_host(host: SimHost, name: str) -> None:
    """What a client meets, and that login_refused says the same of the state alone."""
    change, met, reason = STATES[name]
    change(host)
    try:
        seen = dial(port_of(host)).saw[-1]
    except (ConnectionError, ssl.SSLError):
        seen = "reset"
    assert seen == met
    state = host.state()
    if name != "no TLS":
        assert (login_refused(state, name="vpn.example.com", hashes=host.held.look(state)) or "") == reason


def test_no_ipv6(host: SimHost) -> None:
    host.machine.ipv6 = False
    with pytest.raises((ConnectionError, ssl.SSLError)):
        dial(port_of(host), "::1")


def test_a_host_that_does_not_listen_has_no_sockets_but_the_same_memory() -> None:
    host = SimHost("vpn03")
    host.install(OLD)
    host.agent.set_value(SSTPSVC, "SHA256CertificateHash", bytes.fromhex(NEW.sha256))
    state = host.state()
    assert host.listener is None
    assert login_refused(state) == "certificate hash"
    assert login_refused(state, hashes=host.held.look(state)) is None
    host.listen()
    assert dial(port_of(host)).saw[-1] == "disconnect ack"
    host.close()


# --- TLS --------------------------------------------------------------------------------------------------------------


def trusting(authority: Authority) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority.root_pem.decode())
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    return context


@pytest.mark.parametrize(("only", "version"), [("1.2", "TLSv1.2"), ("1.3", "TLSv1.3")])
def test_one_version_alone(host: SimHost, only: str, version: str) -> None:
    host.listen(Settings(tls=only))  # type: ignore[arg-type]
    with tls(port_of(host)) as connection:
        assert connection.version() == version
        assert talk(connection, Client(OLD.der)).saw[-1] == "disconnect ack"


def test_chains_come_from_the_ca_store(host: SimHost) -> None:
    four = issue_below(AUTHORITY, ["vpn.example.com"])
    assert len(four.chain) == 3
    with SimHost("vpn04") as other:
        other.install(four)
        other.listen()
        with tls(port_of(other), context=trusting(AUTHORITY)) as connection:
            assert talk(connection, Client(four.der)).saw[-1] == "disconnect ack"
        other.agent.delete_certificate(four.chain[1].fingerprint(SHA1()).hex(), "CA")
        with pytest.raises(ssl.SSLCertVerificationError):
            tls(port_of(other), context=trusting(AUTHORITY))


def test_http2_leads_nowhere(host: SimHost) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    with contextlib.suppress(OSError), tls(port_of(host), context=context) as connection:
        connection.sendall(GET)
        assert connection.recv(100) == b""
    assert last(host).reason == "the client has chosen HTTP/2"  # type: ignore[attr-defined]


def test_a_hello_in_single_bytes(host: SimHost) -> None:
    """The name must be read from the whole ClientHello, however it is cut."""
    sni(host)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="vpn.example.com")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    with socket.create_connection(("127.0.0.1", port_of(host)), 5) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in outgoing.read():
            connection.send(bytes((byte,)))
        while True:
            incoming.write(connection.recv(4096))
            with contextlib.suppress(ssl.SSLWantReadError):
                client.do_handshake()
                break
    assert client.getpeercert(True) not in (OLD.der, None)


# --- misbehaviour -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "seen", "reached"),
    [
        ("tls", [], "tcp"),
        ("http", [], "tls"),
        ("ack", [200], "http"),
        ("lcp", [200, ("ack", 2)], "ack"),
        ("chap", [200, ("ack", 2)], "lcp"),
        ("connected", [200, ("ack", 2), "success"], "authenticated"),
    ],
)
def test_silence(host: SimHost, stage: str, seen: list[object], reached: str) -> None:
    host.listen(Settings(silent_at=stage, limits=Limits().scaled(0.001)))  # type: ignore[arg-type]
    client = Client(OLD.der)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port_of(host)), 5) as plain:
        if stage == "tls":
            plain.settimeout(PATIENCE)
            with pytest.raises(TimeoutError):
                context.wrap_socket(plain, server_hostname="x")
        else:
            with context.wrap_socket(plain, server_hostname="x") as connection:
                connection.settimeout(PATIENCE)
                with pytest.raises(TimeoutError):
                    talk(connection, client)
    assert client.saw == seen
    record = last(host)
    assert (record.stage, record.accepted, record.left) == (reached, False, "dropped" if stage != "tls" else "")  # type: ignore[attr-defined]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_port_that_does_not_even_connect(host: SimHost, address: str) -> None:
    host.listen(Settings(silent_at="tcp"))
    with pytest.raises(TimeoutError):
        socket.create_connection((address, port_of(host)), PATIENCE)
    host.listen()
    assert dial(port_of(host), address).saw[-1] == "disconnect ack"


@pytest.mark.parametrize("stage", ["tls", "http"])
def test_slow_answers(host: SimHost, stage: str) -> None:
    host.listen(Settings(slow_at=stage, seconds_per_byte=0.05))  # type: ignore[arg-type]
    begin = time.monotonic()
    if stage == "tls":
        with socket.create_connection(("127.0.0.1", port_of(host)), 5) as connection:
            connection.sendall(hello())
            got = b"".join(connection.recv(1) for _ in range(6))
            assert got[0] == 0x16
    else:
        with tls(port_of(host)) as connection:
            connection.sendall(wire.POST)
            assert [len(connection.recv(100)) for _ in range(6)] == [1] * 6
    assert time.monotonic() - begin > 0.2
    host.close()


def hello() -> bytes:
    outgoing = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="x")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def test_each_byte_for_itself_at_full_speed(host: SimHost) -> None:
    host.listen(Settings(slow_at="http", seconds_per_byte=0))
    assert dial(port_of(host)).saw[-1] == "disconnect ack"


@pytest.mark.parametrize("status", [404, 503, 302])
def test_forced_answers(host: SimHost, status: int) -> None:
    host.listen(Settings(http_status=status, http_server="Microsoft-IIS/10.0"))
    assert dial(port_of(host)).saw == [status]
    assert says(host) == status
    assert last(host).reason == f"HTTP {status}"  # type: ignore[attr-defined]


def test_no_free_port(host: SimHost) -> None:
    host.listen(Settings(ports=1))
    with tls(port_of(host)) as connection:
        connection.sendall(wire.POST)
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
        assert dial(port_of(host)).saw == [503]
    host.listener.await_calls(2)  # type: ignore[union-attr]
    assert dial(port_of(host)).saw[-1] == "disconnect ack"


# --- round trips ------------------------------------------------------------------------------------------------------


def test_round_trips_to_the_acknowledgement(host: SimHost) -> None:
    assert dial(port_of(host), depth="ack").saw == [200, ("ack", 2), "disconnect ack"]
    record = last(host)
    assert (record.round_trips, record.stage, record.left) == (2, "ack", "CALL_DISCONNECT")  # type: ignore[attr-defined]


def test_a_proxy_counts_from_the_hello_on(host: SimHost) -> None:
    with Proxy({"vpn.example.com:443": ("127.0.0.1", port_of(host))}) as proxy:
        for only, trips in (("1.3", 1), ("1.2", 2)):
            host.listen(Settings(tls=only))  # type: ignore[arg-type]
            with socket.create_connection(("127.0.0.1", proxy.port), 5) as plain:
                plain.sendall(b"CONNECT vpn.example.com:443 HTTP/1.1\r\nHost: vpn.example.com:443\r\nSSTPVERSION: 1.0\r\n\r\n")
                assert plain.recv(100).startswith(b"HTTP/1.1 200 ")
                context = ssl.create_default_context()
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                with context.wrap_socket(plain, server_hostname="vpn.example.com") as connection:
                    talk(connection, Client(OLD.der, depth="ack"))
            tunnel = proxy.await_tunnels(1 if only == "1.3" else 2)[-1]
            # The handshake, two of the call, and its farewell.
            assert (tunnel.target, tunnel.headers["sstpversion"], tunnel.round_trips) == ("vpn.example.com:443", "1.0", trips + 3)


def test_a_proxy_that_refuses() -> None:
    with Proxy(status=407) as proxy, socket.create_connection(("127.0.0.1", proxy.port), 5) as plain:
        plain.sendall(b"CONNECT x:443 HTTP/1.1\r\n\r\n")
        assert plain.recv(100).startswith(b"HTTP/1.1 407 ")


# --- a Wine host ------------------------------------------------------------------------------------------------------

WINE = WineLab(Path(__file__).parents[2] / "build/lab")
MISSING = WINE.missing()
if MISSING and os.environ.get("CI"):
    raise RuntimeError(" ".join(MISSING))


@pytest.mark.skipif(bool(MISSING), reason=" ".join(MISSING))
def test_a_wine_host() -> None:
    with WINE.host("sstp") as host:
        host.install(OLD)
        assert [dial(host.port, address).saw[-1] for address in ("127.0.0.1", "::1")] == ["disconnect ack"] * 2
        host.agent.set_value(SSTPSVC, "SHA256CertificateHash", bytes.fromhex(NEW.sha256))
        assert dial(host.port).saw[-1] == "disconnect ack", "SstpSvc has read the old value"
        host.restart()
        assert dial(host.port).saw[-1] == ("abort", 3, 4)
        assert login_refused(host.state()) == "certificate hash"
        script = (
            "foreach ($name in 'RemoteAccess', 'RasMan', 'SstpSvc') { (New-Object ServiceProcess.ServiceController $name).Stop();"
            "(New-Object ServiceProcess.ServiceController $name).WaitForStatus('Stopped', '00:00:20') }"
            f"$key = [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey('{SSTPSVC}', $true);"
            "$key.DeleteValue('SHA256CertificateHash'); $key.DeleteValue('SHA1CertificateHash');"
            "(New-Object ServiceProcess.ServiceController RemoteAccess).Start();"
            "(New-Object ServiceProcess.ServiceController RemoteAccess).WaitForStatus('Running', '00:00:20')"
        )
        assert host.powershell("$ErrorActionPreference = 'Stop'; [void][Reflection.Assembly]::LoadWithPartialName('System.ServiceProcess');" + script)[0] == 0
        assert dial(host.port).saw[-1] == "disconnect ack"
        assert [call.reason for call in host.listener.await_calls(5)] == ["", "", "", "certificate hash", ""]
