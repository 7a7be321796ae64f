# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The load balancer that ends TLS, and a host behind it that speaks plain HTTP."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import pytest
from lab.agent import SSTPSVC
from lab.balancer import Balancer
from lab.pki import Authority
from lab.sim.host import SimHost
from lab.sstp_server.listener import Listener
from sstp_client import dial, tls

AUTHORITY = Authority()
EDGE, RENEWED, OWN = (AUTHORITY.issue(["vpn.example.com"]) for _ in range(3))
GET = b"GET /sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/ HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def host() -> Iterator[SimHost]:
    """A server whose TLS is ended in front of it, with the hash of EDGE."""
    with SimHost("vpn01") as host:
        host.agent.set_value(SSTPSVC, "UseHttps", 0)
        host.agent.set_value(SSTPSVC, "isHashConfiguredByAdmin", 1)
        host.agent.set_value(SSTPSVC, "SHA256CertificateHash", bytes.fromhex(EDGE.sha256))
        host.agent.start("RemoteAccess")
        host.listen()
        yield host


def listener(host: SimHost) -> Listener:
    assert host.listener
    return host.listener


@pytest.fixture
def balancer(host: SimHost) -> Iterator[Balancer]:
    with Balancer(EDGE, ("127.0.0.1", listener(host).port)) as balancer:
        yield balancer


def served(port: int) -> bytes | None:
    with tls(port) as connection:
        return connection.getpeercert(binary_form=True)


def says(connection: socket.socket) -> bytes:
    """What is read of an answer to the end, or to a reset."""
    answer = b""
    try:
        connection.sendall(GET)
        while data := connection.recv(4096):
            answer += data
    except ConnectionError:
        pass
    return answer


def test_a_balancer_serves_its_certificate_with_the_chain(balancer: Balancer) -> None:
    trusting = ssl.create_default_context(cadata=AUTHORITY.root_pem.decode())
    with socket.create_connection(("127.0.0.1", balancer.port), 10) as raw, trusting.wrap_socket(raw, server_hostname="vpn.example.com") as connection:
        assert connection.getpeercert(binary_form=True) == EDGE.der


def test_a_balancer_renews_its_certificate_while_it_runs(balancer: Balancer) -> None:
    balancer.renew(RENEWED)
    assert served(balancer.port) == RENEWED.der


def test_without_a_host_a_balancer_has_a_certificate_and_no_answer() -> None:
    with Balancer(EDGE) as balancer:
        assert served(balancer.port) == EDGE.der
        with tls(balancer.port) as connection:
            assert says(connection) == b""


def test_a_host_that_is_down_is_no_answer_either(host: SimHost, balancer: Balancer) -> None:
    listener(host).close()
    with tls(balancer.port) as connection:
        assert says(connection) == b""


def test_a_balancer_is_closed(balancer: Balancer) -> None:
    balancer.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", balancer.port), 10)


def test_who_does_not_speak_tls_leaves_no_trace(balancer: Balancer) -> None:
    with socket.create_connection(("127.0.0.1", balancer.port), 10) as connection:
        assert b"HTTP" not in says(connection)
    assert served(balancer.port) == EDGE.der


# --- the host behind it -----------------------------------------------------------------------------------------------


def test_a_login_through_the_balancer(host: SimHost, balancer: Balancer) -> None:
    assert dial(balancer.port).saw == [200, ("ack", 2), "success", ("address", "192.168.77.10"), "disconnect ack"]
    (call,) = listener(host).await_calls(1)
    assert (call.accepted, call.tls_version, call.thumbprint) == (True, "", "")


def test_a_renewed_balancer_needs_its_hash_and_a_restart_on_the_host(host: SimHost, balancer: Balancer) -> None:
    balancer.renew(RENEWED)
    assert dial(balancer.port).saw[-1] == ("abort", 3, 4)
    host.agent.set_value(SSTPSVC, "SHA256CertificateHash", bytes.fromhex(RENEWED.sha256))
    host.restart()
    assert dial(balancer.port).saw[-1] == "disconnect ack"


def test_a_host_behind_a_balancer_takes_no_hash_from_its_records(balancer: Balancer, host: SimHost) -> None:
    """Its service looks at no record when it starts, so a value that appears later is none that it wrote itself."""
    host.agent.delete_value(SSTPSVC, "SHA256CertificateHash")
    host.agent.set_value(SSTPSVC, "isHashConfiguredByAdmin", 0)
    host.install(OWN, start=False)
    host.restart()
    assert dial(balancer.port).saw == [503]
    host.agent.set_value(SSTPSVC, "SHA256CertificateHash", bytes.fromhex(EDGE.sha256))
    assert dial(balancer.port).saw == [503]


def test_a_probe_without_credentials(balancer: Balancer) -> None:
    with tls(balancer.port) as connection:
        assert says(connection).startswith(b"HTTP/1.1 401 ")


def test_a_stopped_service_behind_the_balancer(host: SimHost, balancer: Balancer) -> None:
    host.agent.stop("RemoteAccess")
    assert dial(balancer.port).saw == [503]
    for name in ("RasMan", "SstpSvc"):
        host.agent.stop(name)
    with tls(balancer.port) as connection:
        assert says(connection) == b""


def test_a_host_that_ends_tls_itself_does_not_answer_plain_http(host: SimHost) -> None:
    host.install(OWN, start=False)
    host.agent.set_value(SSTPSVC, "UseHttps", 1)
    with socket.create_connection(("127.0.0.1", listener(host).port), 10) as connection:
        assert b"HTTP" not in says(connection)


@pytest.mark.parametrize(("ipv6", "answers"), [(True, True), (False, False)])
def test_plain_http_on_ipv6(host: SimHost, ipv6: bool, answers: bool) -> None:
    host.machine.ipv6 = ipv6
    with socket.create_connection(("::1", listener(host).port), 10) as connection:
        assert (b"HTTP/1.1 401 " in says(connection)) is answers
