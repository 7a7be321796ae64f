# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe against the lab's SSTP server: each verdict from a server that really behaves so."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from lab.pki import Authority, Issued
from lab.sim.host import SimHost
from lab.sstp_server.chain import issue_below
from lab.sstp_server.listener import free_port
from lab.sstp_server.proxy import Proxy
from lab.sstp_server.settings import CallRecord, Settings, User
from scenario_driver import Driver  # makes the collection importable, too

# isort: split
from ansible_collections.rras.sstp.plugins.action import probe as action

REPOSITORY = Path(__file__).resolve().parents[2]
COMMAND = REPOSITORY / "plugins" / "plugin_utils" / "sstp"
AUTHORITY = Authority()
NAME = "vpn.example.com"
OLD, NEW = AUTHORITY.issue([NAME]), AUTHORITY.issue([NAME])
LOGIN = {"depth": "login", "user": "probe", "password": "Correct-Horse-7"}
KEYS = {
    "changed", "ok", "verdict", "faults", "served", "http", "sstp", "crypto_binding", "tunnel_address", "seconds", "target", "addresses", "wrong", "worse",
    "proof",
}  # fmt: skip


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("trust") / "ca.pem"
    path.write_bytes(AUTHORITY.root_pem)
    return str(path)


@dataclass
class Site:
    """A server and who probes it."""

    host: SimHost
    ca: str

    @property
    def port(self) -> int:
        assert self.host.listener
        return self.host.listener.port

    def probe(self, *, settings: Settings | None = None, **options: Any) -> dict[str, Any]:
        if settings:
            self.host.listen(settings)
        return probe(**{"address": "127.0.0.1", "port": self.port, "ca_path": self.ca, **options})

    def calls(self, count: int = 1) -> list[CallRecord]:
        assert self.host.listener
        return self.host.listener.await_calls(count)


def probe(**given: Any) -> dict[str, Any]:
    """What the action returns; no password is in it."""
    plugin = object.__new__(action.ActionModule)
    plugin._task = SimpleNamespace(check_mode=False)
    plugin._find_file = str
    options = {"host": NAME, **given}
    args = {name: options.get(name, spec.get("default")) for name, spec in action.ARGUMENT_SPEC.items()}
    result: dict[str, Any] = plugin.perform(args, None)
    assert set(result) - {"failed", "msg"} == KEYS
    assert options.get("password", "no password") not in repr(result)
    assert (result.get("failed", False), result.get("msg")) == ((False, None) if result["ok"] else (True, result["verdict"]["sentence"]))
    return result


def told(result: dict[str, Any]) -> tuple[str, str, int | None]:
    return result["verdict"]["code"], result["verdict"]["stage"], result["verdict"]["detail"]


@pytest.fixture
def site(ca: str) -> Iterator[Site]:
    """A server that works."""
    with served(ca, OLD) as made:
        yield made


@contextmanager
def served(ca: str, certificate: Issued) -> Iterator[Site]:
    with SimHost("vpn01") as host:
        host.install(certificate)
        host.listen()
        yield Site(host, ca)


def rebind(host: SimHost, issued: Issued) -> None:
    host.agent.import_pfx(issued.pfx("x"), "x")
    for record in host.agent.records():
        host.agent.set_record(replace(record, hash=issued.thumbprint), update=True)


def stale(host: SimHost) -> None:
    """The other certificate is served, SstpSvc has been started since, and its hash is still that of the first."""
    rebind(host, NEW)
    host.restart()


# --- what goes well ---------------------------------------------------------------------------------------------------


def test_tls(site: Site) -> None:
    result = site.probe(depth="tls")
    assert told(result) == ("ok", "tls", None)
    chain = result["served"]["chain"]
    assert [item["sha256"] for item in chain] == [OLD.sha256.upper(), OLD.chain[0].fingerprint(SHA256()).hex().upper()]
    assert (chain[0]["thumbprint"], chain[0]["names"]) == (OLD.thumbprint.upper(), [NAME])
    assert (result["http"], result["sstp"], result["crypto_binding"]) == (None, None, "not exercised")
    assert site.calls()[0].stage == "tls"


def test_http(site: Site) -> None:
    result = site.probe(depth="http")
    assert told(result) == ("ok", "http", None)
    assert result["http"] == {"status": 401, "server": "Microsoft-HTTPAPI/2.0"}
    assert [(call.method, call.http_status, call.round_trips) for call in site.calls()] == [("HEAD", 401, 1)]


def test_sstp_takes_two_round_trips_and_says_goodbye(site: Site) -> None:
    result = site.probe()
    assert told(result) == ("ok", "sstp", None)
    assert result["sstp"]["hash_protocols"] == ["sha256"]
    assert len(bytes.fromhex(result["sstp"]["nonce"])) == 32
    assert (result["crypto_binding"], result["tunnel_address"]) == ("not exercised", None)
    assert list(result["seconds"]) == ["resolve", "connect", "tls", "http", "sstp", "goodbye"]
    assert result["target"] == {"host": NAME, "port": site.port, "address": "127.0.0.1", "depth": "sstp"}
    assert [(call.stage, call.round_trips, call.left) for call in site.calls()] == [("ack", 2, "CALL_DISCONNECT")]


@pytest.mark.parametrize("user", ["probe", "EXAMPLE\\probe"])
def test_login(site: Site, user: str) -> None:
    result = site.probe(**{**LOGIN, "user": user})
    assert told(result) == ("ok", "network", None)
    assert (result["crypto_binding"], result["tunnel_address"]) == ("accepted", "192.168.77.10")
    assert [(call.stage, call.accepted, call.user, call.left) for call in site.calls()] == [("network", True, user, "CALL_DISCONNECT")]


def test_sha1_where_the_server_allows_nothing_else(site: Site) -> None:
    result = site.probe(settings=Settings(hash_protocols=1), **LOGIN)
    assert (told(result)[0], result["sstp"]["hash_protocols"], site.calls()[0].hash_protocol) == ("ok", ["sha1"], 1)


def test_both_hash_protocols(site: Site) -> None:
    result = site.probe(settings=Settings(hash_protocols=3), **LOGIN)
    assert (told(result)[0], result["sstp"]["hash_protocols"], site.calls()[0].hash_protocol) == ("ok", ["sha1", "sha256"], 2)


def test_ipv6_only(site: Site) -> None:
    site.host.agent.delete_record("ip", "0.0.0.0:443")
    assert told(site.probe(**LOGIN))[0] == "reset_in_tls"
    assert told(site.probe(address="::1", **LOGIN))[0] == "ok"
    assert [call.address for call in site.calls(2)] == ["127.0.0.1", "::1"]


@pytest.mark.parametrize(("only", "version"), [("1.2", "TLSv1.2"), ("1.3", "TLSv1.3")])
def test_one_version_of_tls(site: Site, only: Any, version: str) -> None:
    result = site.probe(settings=Settings(tls=only), **LOGIN)
    assert (told(result)[0], result["served"]["tls_version"], site.calls()[0].tls_version) == ("ok", version, version)
    assert result["served"]["cipher"]


def test_a_chain_of_four(ca: str) -> None:
    four = issue_below(AUTHORITY, [NAME])
    with served(ca, four) as site:
        result = site.probe(**LOGIN)
        assert told(result)[0] == "ok"
        chain = result["served"]["chain"]
        assert len(chain) == 4
        assert [item["issuer"] for item in chain[:3]] == [item["subject"] for item in chain[1:]]


def test_through_a_proxy_it_takes_one_more(site: Site) -> None:
    site.host.listen(Settings(tls="1.3"))
    with Proxy({f"{NAME}:{site.port}": ("127.0.0.1", site.port)}) as proxy:
        options = {"address": None, "proxy": f"127.0.0.1:{proxy.port}"}
        assert told(site.probe(**options)) == ("ok", "sstp", None)
        result = site.probe(**options, **LOGIN)
        assert told(result)[0] == "ok"
        assert list(result["seconds"])[:3] == ["resolve", "connect", "proxy"]
        first, _ = proxy.await_tunnels(2)
        # CONNECT is one; then within the tunnel the handshake, the two of the call, and the goodbye.
        assert (first.target, first.headers["sstpversion"], first.round_trips) == (f"{NAME}:{site.port}", "1.0", 1 + 2 + 1)
    assert site.calls(2)[0].round_trips == 2


@pytest.mark.parametrize("stage", ["tls", "http"])
def test_a_byte_at_a_time(site: Site, stage: Any) -> None:
    result = site.probe(settings=Settings(slow_at=stage, seconds_per_byte=0.0005))
    assert told(result)[0] == "ok"
    assert result["seconds"]["tls" if stage == "tls" else "http"] > 0.05


# --- what does not ----------------------------------------------------------------------------------------------------


def test_a_closed_port() -> None:
    assert told(probe(address="127.0.0.1", port=free_port())) == ("refused", "connect", None)


def test_a_proxy_that_refuses(site: Site) -> None:
    with Proxy(status=407) as proxy:
        assert told(site.probe(proxy=f"127.0.0.1:{proxy.port}")) == ("proxy_refused", "proxy", 407)


def test_a_proxy_that_is_not_there(site: Site) -> None:
    assert told(site.probe(proxy=f"127.0.0.1:{free_port()}")) == ("proxy_refused", "proxy", None)


def test_a_key_that_is_gone(site: Site) -> None:
    site.host.agent.delete_key(OLD.thumbprint)
    result = site.probe()
    assert told(result) == ("reset_in_tls", "tls", None)
    assert result["served"] is None


def test_a_wrong_name(site: Site) -> None:
    result = site.probe(host="other.example.com")
    assert told(result) == ("wrong_name", "tls", None)
    assert site.calls()[0].stage == "tls"


def test_one_certificate_is_trusted_for_itself(site: Site) -> None:
    """Whatever else clients hold against it; and nobody else is given a login."""
    result = site.probe(host="other.example.com", ca_path=None, sha256=OLD.sha256, **LOGIN)
    assert told(result)[0] == "ok"
    assert [fault["code"] for fault in result["faults"]] == ["wrong_name", "untrusted_chain"]
    assert told(site.probe(sha256=NEW.sha256, **LOGIN)) == ("wrong_certificate", "tls", None)
    assert [call.stage for call in site.calls(2)] == ["network", "tls"]


def test_faults_are_only_told(site: Site) -> None:
    result = site.probe(host="other.example.com", ca_path=None, validate_certs=False, **LOGIN)
    assert told(result)[0] == "ok"
    assert [fault["code"] for fault in result["faults"]] == ["wrong_name", "untrusted_chain"]
    assert result["crypto_binding"] == "accepted"


@pytest.mark.parametrize(("begin", "end", "code"), [(-30, -1, "expired"), (1, 30, "not_yet_valid")])
def test_dates(ca: str, begin: int, end: int, code: str) -> None:
    now = dt.datetime.now(dt.timezone.utc).replace(microsecond=0)
    issued = AUTHORITY.issue([NAME], not_before=now + dt.timedelta(days=begin), not_after=now + dt.timedelta(days=end))
    with served(ca, issued) as site:
        result = site.probe()
        assert told(result) == (code, "tls", None)
        assert len(result["faults"]) == 1
        assert result["served"]["chain"][0]["thumbprint"] == issued.thumbprint.upper()


def test_a_root_that_the_system_does_not_trust(site: Site) -> None:
    assert told(site.probe(ca_path=None))[:2] == ("untrusted_chain", "tls")


def program(host: SimHost) -> None:
    host.machine.listeners.add(443)
    for name in ("RemoteAccess", "RasMan", "SstpSvc"):
        host.agent.stop(name)


@pytest.mark.parametrize("depth", ["http", "sstp"])
@pytest.mark.parametrize(
    ("change", "code", "status"),
    [
        pytest.param(lambda site: program(site.host), "not_sstp", 404, id="another program has the port"),
        pytest.param(lambda site: site.host.listen(Settings(http_status=404)), "not_sstp", 404, id="404"),
        pytest.param(lambda site: site.host.agent.stop("RemoteAccess"), "sstp_stopped", 503, id="RemoteAccess is stopped"),
        pytest.param(lambda site: site.host.listen(Settings(http_status=503)), "sstp_stopped", 503, id="503"),
    ],
)
def test_no_sstp(site: Site, change: Callable[[Site], object], code: str, status: int, depth: str) -> None:
    change(site)
    result = site.probe(depth=depth)
    assert told(result) == (code, "http", status)
    assert result["http"]["status"] == status


def test_no_free_port(site: Site) -> None:
    """Which status stands for it is not documented: any but 404 and 503 can be told from a service that is stopped."""
    assert told(site.probe(settings=Settings(ports=0, ports_status=500))) == ("no_ports", "http", 500)
    result = site.probe(settings=Settings(ports=0))
    assert told(result) == ("sstp_stopped", "http", 503)
    assert "check its SSTP ports" in result["msg"]


@pytest.mark.parametrize("code", [646, 647, 648, 649, 691])
def test_a_login_that_is_refused_is_tried_once(site: Site, code: int) -> None:
    users = {"probe": User("Correct-Horse-7" if code != 691 else "another", 0 if code == 691 else code)}
    result = site.probe(settings=Settings(users=users), **LOGIN)
    assert told(result) == ("authentication_failed", "login", code)
    assert result["crypto_binding"] == "not exercised"
    assert [(call.reason, call.left) for call in site.calls()] == [(f"E={code}", "CALL_DISCONNECT")]


def test_eap_only(site: Site) -> None:
    result = site.probe(settings=Settings(authentication=("eap",)), **LOGIN)
    assert told(result) == ("eap_only", "login", None)
    # The server terminates first.
    assert [(call.left, call.user) for call in site.calls()] == [("", "")]


@pytest.mark.parametrize("depth", [{}, LOGIN])
def test_a_hash_protocol_that_is_not_allowed(site: Site, depth: dict[str, Any]) -> None:
    result = site.probe(settings=Settings(hash_protocols=4), **depth)
    assert told(result) == ("hash_protocol_not_allowed", "sstp", 4)
    assert result["sstp"] == {"hash_protocols": ["0x04"], "nonce": None}
    assert [call.left for call in site.calls()] == ["CALL_ABORT"]


def test_the_trap(site: Site) -> None:
    """TLS, HTTP and SSTP are green while the hash in the registry is stale: a login says so, and the audit does without one."""
    stale(site.host)
    assert [told(site.probe(depth=depth))[0] for depth in ("tls", "http", "sstp")] == ["ok"] * 3
    assert site.probe()["served"]["chain"][0]["sha256"] == NEW.sha256.upper()
    result = site.probe(**LOGIN)
    assert told(result) == ("crypto_binding_refused", "network", 4)
    assert result["crypto_binding"] == "refused"
    refused = site.calls(5)[-1]
    assert (refused.reason, refused.abort, refused.stage) == ("certificate hash", (3, 4), "authenticated")
    assert "registry_sha256_different" in Driver(site.host.call).findings()
    assert len(site.calls(5)) == 5


SILENCES = {
    "tcp": "connect", "tls": "tls", "http": "http", "ack": "sstp", "lcp": "login", "chap": "login", "connected": "network",
}  # fmt: skip


def test_silence_at_each_stage(ca: str) -> None:
    """All at once, as the farewell to a silent server takes its time."""
    with ThreadPoolExecutor(len(SILENCES)) as pool:
        found = dict(zip(SILENCES, pool.map(lambda stage: _silent(ca, stage), SILENCES), strict=True))
    assert {stage: told(result) for stage, (result, _) in found.items()} == {stage: ("timed_out", met, None) for stage, met in SILENCES.items()}
    assert all(result["seconds"][SILENCES[stage]] >= 0.9 for stage, (result, _) in found.items())
    # Such a server does not listen either, so it sees no goodbye; but it would see a second call.
    assert {stage: [call.left for call in calls] for stage, (_, calls) in found.items()} == {
        "tcp": [], "tls": [""], **{stage: ["dropped"] for stage in ("http", "ack", "lcp", "chap", "connected")},
    }  # fmt: skip



def _silent(ca: str, stage: Any) -> tuple[dict[str, Any], list[CallRecord]]:
    with served(ca, OLD) as site:
        result = site.probe(settings=Settings(silent_at=stage), stage_timeout=1, timeout=20, **LOGIN)
        return result, site.calls(0 if stage == "tcp" else 1)


def test_the_timeout_of_all_ends_a_slow_server(site: Site) -> None:
    result = site.probe(settings=Settings(slow_at="http", seconds_per_byte=1.0), timeout=2)
    assert told(result) == ("timed_out", "http", None)


# --- the command line -------------------------------------------------------------------------------------------------


def command(*arguments: str, password: str | None = None, module: bool = False, **options: Any) -> subprocess.CompletedProcess[str]:
    """As from a shell in another folder: by its path, or as a module of the collection."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "SSTP_PASSWORD")}
    if password is not None:
        environment["SSTP_PASSWORD"] = password
    program = [str(COMMAND)]
    if module:
        environment["PYTHONPATH"] = str(REPOSITORY / "build" / "collections")
        program = ["-m", "ansible_collections.rras.sstp.plugins.plugin_utils.sstp"]
    named = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    words = [sys.executable, *program, *arguments, *named]
    return subprocess.run(
        words, env=environment, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False, start_new_session=True
    )


@pytest.mark.parametrize("module", [False, True])
def test_the_command_line_shows_stages_and_the_verdict(site: Site, module: bool) -> None:
    where = {"port": site.port, "address": "127.0.0.1", "ca_path": site.ca}
    done = command(NAME, depth="login", user="probe", password=LOGIN["password"], module=module, **where)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [
        "resolve", "connect", "tls", "http", "sstp", "login", "network", "goodbye", "server", "shows", "shows", "http", "address", "binding", "verdict",
    ]  # fmt: skip
    assert all(line.endswith(" s") for line in lines[:8])
    assert lines[-2].split() == ["binding", "accepted"]
    assert LOGIN["password"] not in done.stdout
    assert site.calls()[0].left == "CALL_DISCONNECT"


def test_the_exit_code_is_that_of_the_verdict(site: Site) -> None:
    where = {"port": site.port, "address": "127.0.0.1", "ca_path": site.ca}
    wrong_name = command("other.example.com", **where)
    assert (wrong_name.returncode, "(wrong_name, at tls)" in wrong_name.stdout) == (1, True)
    assert command("other.example.com", "--no-validate-certs", **where).returncode == 0
    refused = command(NAME, depth="login", user="probe", password="not the one", **where)
    assert (refused.returncode, "(authentication_failed, at login)" in refused.stdout) == (3, True)
    assert "not the one" not in refused.stdout + refused.stderr
    stale(site.host)
    binding = command(NAME, depth="login", user="probe", password=LOGIN["password"], **where)
    assert (binding.returncode, "(crypto_binding_refused, at network)" in binding.stdout) == (1, True)


def test_a_closed_port_from_the_command_line() -> None:
    done = command(NAME, address="127.0.0.1", port=free_port())
    assert done.returncode == 3
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["resolve", "connect", "binding", "verdict"]


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((), {}, "the following arguments are required: host"),
        ((NAME,), {"depth": "deep"}, "invalid choice"),
        ((NAME,), {"port": 0}, "port must lie between 1 and 65535"),
        ((NAME,), {"proxy": "nowhere"}, "A proxy is written"),
        ((NAME,), {"depth": "login"}, "A login needs a user and a password"),
        ((NAME,), {"depth": "login", "user": "probe"}, "There is no password"),
        ((NAME,), {"ca_path": "/no/such/file.pem"}, "cannot be read as certificates"),
        ((NAME, "--password", "x"), {}, "unrecognized arguments"),
    ],
)
def test_bad_usage(arguments: tuple[str, ...], options: dict[str, Any], words: str) -> None:
    done = command(*arguments, **options)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_help_tells_the_exit_codes() -> None:
    done = command("--help")
    assert done.returncode == 0
    assert "exit codes:" in done.stdout
    assert "SSTP_PASSWORD" in done.stdout


def test_a_name_in_a_certificate_does_not_steer_the_terminal(ca: str) -> None:
    with served(ca, AUTHORITY.issue(["evil\x1b]0;x\x07.example.com"])) as site:
        done = command(NAME, port=site.port, address="127.0.0.1", ca_path=ca)
        assert done.returncode == 1
        assert "\x1b" not in done.stdout
