# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The driver over real sockets on the loopback."""

from __future__ import annotations

import contextlib
import socket
import ssl

import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp import driver, tls
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.client import Depth
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.driver import Outcome, Target, probe
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.events import Acknowledged, AddressAssigned, HttpAnswered, Stage
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.mschapv2 import Credentials
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.verdict import Code
from listeners import Tls, hang_up, listening, plain_http, proxy, reset, silent
from scripted_server import PASSWORD, USER, Server, http_answer
from sstp_certificates import HOST, Party, chain, issued, server, trust


@pytest.fixture(scope="module")
def ca_file(tmp_path_factory):
    return trust(tmp_path_factory.mktemp("trust"))


@pytest.fixture
def run(tmp_path, ca_file):
    """Probes a TLS server; gives the outcome and the server."""

    def run(script: Server | None = None, leaf: Party | None = None, version=None, break_off_after=None, **options) -> tuple[Outcome, Tls]:
        leaf = leaf or server()
        served = Tls(tmp_path, leaf, script or Server(certificate=leaf.der), version, break_off_after)
        with listening(served) as port:
            target = {"host": HOST, "address": "127.0.0.1", "port": port, "ca_file": ca_file, "credentials": Credentials(USER, PASSWORD), **options}
            return probe(Target(**target)), served

    return run


def against(handle, **options) -> Outcome:
    with listening(handle) as port:
        return probe(Target(**{"host": "localhost", "address": "127.0.0.1", "port": port, **options}))


# --- what goes well ---


@pytest.mark.parametrize(("version", "name"), [(ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")])
def test_a_login_over_either_version_of_tls(run, version, name):
    outcome, served = run(version=version, depth=Depth.LOGIN)
    assert outcome.verdict.ok, outcome.verdict
    assert outcome.first(AddressAssigned) == AddressAssigned("10.0.0.7")
    assert outcome.served == tls.Served(tuple(chain(server())), name, outcome.served.cipher)
    assert outcome.faults == ()
    assert served.names == [HOST]
    assert served.alpn is None
    assert served.closed_properly
    assert list(outcome.seconds) == ["resolve", "connect", "tls", "http", "sstp", "login", "network", "goodbye"]


def test_a_login_against_an_rsa_certificate(run):
    outcome, _ = run(leaf=server(rsa=True), depth=Depth.LOGIN)
    assert outcome.verdict.ok, outcome.verdict


def test_a_probe_of_sstp_takes_two_turns_and_a_goodbye(run):
    outcome, served = run(depth=Depth.SSTP)
    assert outcome.verdict.ok
    assert served.turns == 2 + 1
    assert outcome.first(Acknowledged).hash_protocols == 2


def test_nothing_waits_for_an_acknowledgement_of_tcp(run, monkeypatch):
    """With Nagle's algorithm the request in HTTP leaves 40 ms late, when the server has acknowledged the end of the handshake at last."""
    at_once = []
    wrap = tls.wrap

    def look(connection, name):
        at_once.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0)
        return wrap(connection, name)

    monkeypatch.setattr(tls, "wrap", look)
    outcome, _ = run()
    assert outcome.verdict.ok
    assert at_once == [True]


def test_a_probe_of_tls_says_nothing_in_http(run):
    script = Server()
    outcome, served = run(script, depth=Depth.TLS)
    assert (outcome.verdict.code, outcome.verdict.stage) == (Code.OK, Stage.TLS)
    assert (served.turns, script.received) == (0, [])


def test_a_probe_of_http(run):
    outcome, _ = run(Server(http=http_answer(401)), depth=Depth.HTTP)
    assert (outcome.verdict.code, outcome.verdict.stage) == (Code.OK, Stage.HTTP)
    assert outcome.first(HttpAnswered) == HttpAnswered(401, "Microsoft-HTTPAPI/2.0")


def test_an_address_has_no_sni(run):
    outcome, served = run(leaf=server("127.0.0.1"), host="127.0.0.1", address=None)
    assert outcome.verdict.ok
    assert served.names == [None]


def test_ipv6(tmp_path, ca_file):
    with contextlib.ExitStack() as stack:
        try:
            port = stack.enter_context(listening(Tls(tmp_path, server(), Server()), "::1"))
        except OSError:
            pytest.skip("This machine has no IPv6 loopback.")
        assert probe(Target(HOST, port, address="::1", ca_file=ca_file)).verdict.ok


def test_through_a_proxy(run):
    requests: list[bytes] = []
    with listening(proxy(None, requests)) as port:
        outcome, served = run(proxy=("127.0.0.1", port))
    assert outcome.verdict.ok
    assert served.turns == 2 + 1
    assert b"SSTPVERSION: 1.0\r\n" in requests[0]
    assert "proxy" in outcome.seconds


# --- what does not ---


def test_a_port_that_nobody_listens_on():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    outcome = probe(Target(HOST, port, address="127.0.0.1"))
    assert (outcome.verdict.code, outcome.verdict.stage) == (Code.REFUSED, Stage.CONNECT)
    assert outcome.served is None


def test_a_name_without_an_address():
    outcome = probe(Target("vpn.invalid"))
    assert (outcome.verdict.code, outcome.verdict.stage) == (Code.UNREACHABLE, Stage.RESOLVE)


def test_an_address_that_cannot_be_reached():
    outcome = probe(Target(HOST, address="255.255.255.255", stage_timeout=2.0))
    assert (outcome.verdict.code, outcome.verdict.stage) == (Code.UNREACHABLE, Stage.CONNECT)


@pytest.mark.parametrize(("turn", "stage"), [(0, Stage.HTTP), (1, Stage.SSTP), (2, Stage.LOGIN)])
def test_a_connection_that_breaks_in_a_call(run, turn, stage):
    outcome, _ = run(break_off_after=turn, depth=Depth.LOGIN)
    assert (outcome.verdict.code, outcome.verdict.stage) == (Code.CLOSED, stage)


def test_a_certificate_that_cannot_be_judged(run, monkeypatch):
    def fail(*_):
        raise SstpError("It is unreadable.")

    monkeypatch.setattr(driver.verification, "verify", fail)
    outcome, _ = run()
    assert (outcome.verdict.code, outcome.verdict.sentence) == (Code.TLS_FAILED, "It is unreadable.")


@pytest.mark.parametrize(("handle", "code"), [(reset, Code.RESET_IN_TLS), (hang_up, Code.RESET_IN_TLS), (plain_http, Code.TLS_FAILED)])
def test_tls_that_does_not_come_about(handle, code):
    outcome = against(handle)
    assert (outcome.verdict.code, outcome.verdict.stage) == (code, Stage.TLS)


def test_a_server_that_is_silent_in_tls():
    outcome = against(silent, stage_timeout=0.2)
    assert (outcome.verdict.code, outcome.verdict.stage) == (Code.TIMED_OUT, Stage.TLS)


def test_a_server_that_is_silent_in_http(run):
    outcome, _ = run(Server(http=b""), timeout=0.5)
    assert (outcome.verdict.code, outcome.verdict.stage) == (Code.TIMED_OUT, Stage.HTTP)
    assert sum(outcome.seconds.values()) < 5


@pytest.mark.parametrize(
    ("leaf", "host", "codes"),
    [
        (server("other.example.com"), HOST, [Code.WRONG_NAME]),
        (server(after=-1), HOST, [Code.EXPIRED]),
        (issued(HOST, None), HOST, [Code.UNTRUSTED_CHAIN]),
    ],
    ids=["wrong name", "expired", "self-signed"],
)
def test_a_bad_certificate_is_the_verdict_and_stops_a_login(run, leaf, host, codes):
    script = Server(certificate=leaf.der)
    outcome, _ = run(script, leaf, host=host, depth=Depth.LOGIN)
    assert [fault.code for fault in outcome.faults] == codes
    assert outcome.verdict == outcome.faults[0]
    assert script.received == []
    # Without verification the login goes on, and the fault is still told.
    outcome, _ = run(script, leaf, host=host, depth=Depth.LOGIN, verify=False)
    assert outcome.verdict.ok
    assert [fault.code for fault in outcome.faults] == codes


def test_a_server_that_means_another_certificate(run):
    outcome, _ = run(Server(certificate=b"another"), depth=Depth.LOGIN)
    assert (outcome.verdict.code, outcome.verdict.stage) == (Code.CRYPTO_BINDING_REFUSED, Stage.NETWORK)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\nmore", b"", b"SSH-2.0\r\n"])
def test_a_proxy_that_refuses(run, answer):
    with listening(proxy(answer, [])) as port:
        outcome, _ = run(proxy=("127.0.0.1", port))
    assert (outcome.verdict.code, outcome.verdict.stage) == (Code.PROXY_REFUSED, Stage.PROXY)


@pytest.mark.parametrize(
    "target",
    [
        Target("no host"),
        Target(HOST, 0),
        Target(HOST, 65536),
        Target(HOST, address="no host"),
        Target(HOST, proxy=("proxy.example.com", 0)),
        Target(HOST, depth=Depth.LOGIN),
        Target(HOST, depth=Depth.LOGIN, credentials=Credentials("", PASSWORD)),
        Target(HOST, ca_file="/absent"),
    ],
)
def test_a_target_that_makes_no_sense_is_refused_before_anything_is_sent(target, monkeypatch):
    monkeypatch.setattr(driver, "_Probe", None)
    with pytest.raises(SstpError):
        probe(target)


def test_no_password_shows(run):
    target = Target(HOST, credentials=Credentials(USER, PASSWORD))
    outcome, _ = run(depth=Depth.LOGIN)
    assert PASSWORD not in repr(target) + repr(outcome)


@pytest.mark.parametrize("missing", ["public", "both"])
def test_the_chain_on_older_pythons(missing):
    """Before 3.13 the chain is read from the object below, and without that there is the leaf."""

    class Certificate:
        def public_bytes(self) -> str:
            return ssl.DER_cert_to_PEM_cert(server().der)

    class Below:
        if missing == "public":

            def get_unverified_chain(self) -> list[Certificate]:
                return [Certificate(), Certificate()]

    class Connection:
        _sslobj = Below()

        def getpeercert(self, binary_form: bool) -> bytes:
            return server().der

    assert tls._chain(Connection()) == (server().der,) * (2 if missing == "public" else 1)
