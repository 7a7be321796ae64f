# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated hosts: the model behaves as the doubles of a Wine host, and answers by docs/backend.md."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from lab import judge, pki
from lab.agent import SSTP_APP_ID, SSTPSVC, Record, WinError
from lab.command import TERMINATED
from lab.inventory import new_login, write_inventory
from lab.sim.host import SimHost
from lab.sim.payload import SEPARATOR
from lab.winrm import WinRMServer

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests" / "e2e"))

from running import Controller  # noqa: E402

AUTHORITY = pki.Authority()
OLD, NEW = (AUTHORITY.issue(["vpn.example.com"]) for _ in range(2))
CHALLENGE = base64.b64encode(b"\x05" * 32).decode()
PFX = {"pfx": base64.b64encode(NEW.pfx("pw-of-the-pfx")).decode(), "pfx_password": "pw-of-the-pfx"}
NAMES = ("RemoteAccess", "RasMan", "SstpSvc")
DOWN = [{"name": name, "state": "stopped"} for name in NAMES]
JOURNAL = r"SOFTWARE\rras.sstp\Journal"


def noon() -> float:
    """A clock that stands still: time goes on by leaps alone."""
    return 1_790_000_000.0


@pytest.fixture
def bare() -> SimHost:
    return SimHost("vpn01", clock=noon)


@pytest.fixture
def host(bare: SimHost) -> SimHost:
    """A server that works."""
    bare.install(OLD)
    return bare


def code_of(call: Callable[..., object], *arguments: object, **options: object) -> int:
    with pytest.raises(WinError) as error:
        call(*arguments, **options)
    return error.value.code


def apply(host: SimHost, *changes: dict[str, Any], check_mode: bool = False, **options: Any) -> dict[str, Any]:
    return host.call({"operation": "apply", "changes": list(changes), **options}, check_mode=check_mode)


def observe(host: SimHost, *facets: str, **options: Any) -> dict[str, Any]:
    chosen = {"facets": list(facets)} if facets else {}
    return host.call({"operation": "observe", **chosen, **options})


def record(address: str = "0.0.0.0", **fields: Any) -> dict[str, Any]:
    own = {"certificate_hash": NEW.thumbprint.upper(), "app_id": SSTP_APP_ID, "certificate_store_name": "MY"}
    return {"kind": "set_ssl_record", "address": address, "port": 443, **own, **fields}


def value(name: str = "x", kind: str = "string", data: Any = "1", path: str = r"SOFTWARE\lab") -> dict[str, Any]:
    return {"kind": "set_registry_value", "path": path, "name": name, "value_kind": kind, "data": data}


def imported(**more: Any) -> dict[str, Any]:
    return {"kind": "import_pfx", "store": "MY", "thumbprint": NEW.thumbprint.upper(), "exportable": False, "friendly_name": "new", **more}


FAILS = {"kind": "set_ssl_record", "address": "0.0.0.0", "port": 4443, "certificate_hash": "00" * 20}
ROTATION = (
    imported(),
    {"kind": "services", "states": DOWN, "timeout": 30},
    record(),
    record("::"),
    {"kind": "delete_registry_value", "path": SSTPSVC, "name": "SHA256CertificateHash"},
    {"kind": "delete_registry_value", "path": SSTPSVC, "name": "SHA1CertificateHash"},
    {"kind": "services", "states": [{"name": "RemoteAccess", "state": "running"}], "timeout": 30},
)
HASHES = {
    "kind": "await", "timeout": 20, "required": True,
    "conditions": [{"kind": "registry_value", "path": SSTPSVC, "name": "SHA256CertificateHash", "value_kind": "binary",
                    "data": NEW.sha256.upper(), "text": "the hash"}],
}  # fmt: skip


# --- the model --------------------------------------------------------------------------------------------------------


def test_an_installed_host_works(host: SimHost) -> None:
    state = host.state()
    assert judge.working(state) == []
    assert state["sstpsvc"]["SHA256CertificateHash"] == {"type": "REG_BINARY", "value": OLD.sha256}
    assert state["events"] == []
    assert [item["raw"] for item in observe(host, "served")["facts"]["served"]] == [base64.b64encode(OLD.der).decode()] * 2


def test_codes_of_the_api(bare: SimHost) -> None:
    agent, one = bare.agent, Record("ip", "0.0.0.0:443", OLD.thumbprint)
    assert code_of(agent.set_record, one) == 1312, "not in the store"
    agent.add_certificate(OLD.der)
    assert code_of(agent.set_record, one) == 1312, "no private key"
    agent.delete_certificate(OLD.thumbprint)
    agent.import_pfx(OLD.pfx("x"), "x")
    assert code_of(agent.set_record, replace(one, store="WebHosting")) == 1312, "another store"
    assert code_of(agent.set_record, replace(one, hash="00" * 19)) == 87
    assert code_of(agent.set_record, one, update=True) == 2
    assert code_of(agent.delete_record, "ip", one.endpoint) == 2
    agent.set_record(one)
    assert code_of(agent.set_record, one) == 183
    agent.set_record(replace(one, flags=7), update=True)
    assert agent.records() == [replace(one, flags=7)]
    agent.set_key_flags(OLD.thumbprint, 0)
    assert code_of(agent.set_record, one, update=True) == 1312, "a user's key"
    agent.set_key_flags(OLD.thumbprint, 0x20)
    agent.delete_key(OLD.thumbprint)
    assert code_of(agent.set_record, one, update=True) == 1312, "key container gone"


def test_every_field_of_every_family_comes_back(bare: SimHost) -> None:
    bare.agent.import_pfx(OLD.pfx("x", legacy=True), "x", "WebHosting")
    odd = Record(
        "ip", "[2001:db8::1]:8443", OLD.thumbprint, "{00112233-4455-6677-8899-aabbccddeeff}", "WebHosting",
        0x5, 3600, 15000, "Lab CTL", "Trüst", 0x80004006,
    )  # fmt: skip
    records = [
        replace(odd, endpoint="203.0.113.5:443"),
        odd,
        replace(odd, family="sni", endpoint="vpn.example.com:443"),
        Record("ccs", "443", "", flags=1),
        Record("ip", "0.0.0.0:81", "", flags=8),
    ]
    for one in records:
        bare.agent.set_record(one)
    assert sorted(bare.agent.records(), key=str) == sorted(records, key=str)
    told = observe(bare, "http")["facts"]["http"]["records"]
    for one in told:
        assert apply(bare, {**one, "kind": "set_ssl_record"}, facets=["http"])["changes"][0]["changed"] is False
    assert observe(bare, "stores", "http", ports=[443])["facts"]["stores"].keys() == {"MY", "WEBHOSTING", "CA", "ROOT"}


def test_injected_faults(bare: SimHost) -> None:
    agent = bare.agent
    agent.import_pfx(OLD.pfx("x"), "x")
    agent.fault("HttpSetServiceConfiguration", 5, endpoint="[::]:443")
    assert code_of(bare.bind, OLD.thumbprint) == 5
    assert [one.endpoint for one in agent.records()] == ["0.0.0.0:443"]
    agent.fault("HttpDeleteServiceConfiguration", 31, after=True)
    assert code_of(agent.delete_record, "ip", "0.0.0.0:443") == 31
    assert agent.records() == []
    agent.fault("HttpSetServiceConfiguration", 5, skip=1, times=0)
    agent.set_record(Record("ip", "0.0.0.0:443", OLD.thumbprint))
    for _ in range(2):
        assert code_of(agent.set_record, Record("ip", "[::]:443", OLD.thumbprint)) == 5
    agent.clear_faults()
    agent.set_record(Record("ip", "[::]:443", OLD.thumbprint))


def test_events(bare: SimHost) -> None:
    agent = bare.agent
    agent.start("RemoteAccess")
    assert bare.state()["events"] == ["21 0x80070002"]
    bare.install(OLD, start=False)
    agent.delete_certificate(OLD.thumbprint)
    agent.import_pfx(NEW.pfx("x"), "x")
    agent.set_record(Record("ip", "[::]:443", NEW.thumbprint), update=True)
    agent.set_value(SSTPSVC, "SHA256CertificateHash", b"x" * 31)
    agent.set_value(SSTPSVC, "SHA1CertificateHash", b"x" * 21)
    bare.restart()
    assert [event.split()[0] for event in bare.state()["events"][1:]] == ["24", "21", "18", "19"]


@pytest.mark.parametrize(
    ("kept", "events"),
    [(None, ["18"]), (b"x" * 31, ["18"]), (b"x" * 32, ["25", "32"]), (bytes.fromhex(OLD.sha256), [])],
    ids=["absent", "short", "another", "right"],
)
def test_events_of_administrator_mode(bare: SimHost, kept: bytes | None, events: list[str]) -> None:
    bare.install(OLD, start=False)
    bare.agent.set_value(SSTPSVC, "isHashConfiguredByAdmin", 1)
    if kept:
        bare.agent.set_value(SSTPSVC, "SHA256CertificateHash", kept)
    bare.restart()
    assert [event.split()[0] for event in bare.state()["events"]] == events
    assert bare.agent.value(SSTPSVC, "SHA256CertificateHash") == (kept.hex() if kept else None)


def test_a_stale_hash_is_left_alone(host: SimHost) -> None:
    host.agent.import_pfx(NEW.pfx("x"), "x")
    for one in host.agent.records():
        host.agent.set_record(replace(one, hash=NEW.thumbprint), update=True)
    host.restart()
    assert judge.working(host.state()) == [
        "SHA256CertificateHash is of another certificate: every logon fails",
        "SHA1CertificateHash is of another certificate",
    ]


def test_a_late_hash_comes_on_the_hosts_clock(bare: SimHost) -> None:
    bare.agent.switch("HashDelay", 5000)
    bare.agent.switch("Sha1", 0)
    bare.install(OLD)
    bare.pass_time(4.9)
    assert bare.agent.value(SSTPSVC, "SHA256CertificateHash") is None
    bare.pass_time(0.2)
    assert judge.working(bare.state()) == []
    assert bare.agent.value(SSTPSVC, "SHA1CertificateHash") is None


def test_a_late_hash_is_not_written_by_a_service_that_was_stopped(bare: SimHost) -> None:
    bare.agent.switch("HashDelay", 5000)
    bare.install(OLD)
    for name in NAMES:
        bare.agent.stop(name)
    bare.pass_time(60)
    assert bare.agent.value(SSTPSVC, "SHA256CertificateHash") is None


def test_the_service_graph(host: SimHost) -> None:
    assert code_of(host.agent.stop, "SstpSvc") == 1051
    assert host.agent.service("SstpSvc")["state"] == "running"
    host.restart()
    assert {name: item["starts"] for name, item in host.state()["services"].items()} == {"SstpSvc": 2, "RasMan": 2, "RemoteAccess": 2}
    assert code_of(host.agent.start, "RasMan") == 1056
    host.agent.stop("RemoteAccess")
    assert code_of(host.agent.stop, "RemoteAccess") == 1062
    host.agent.set_start_type("RemoteAccess", 4)
    assert code_of(host.agent.start, "RemoteAccess") == 1058
    assert code_of(host.agent.start, "Nothing") == 1060


def test_services_that_fail(bare: SimHost) -> None:
    agent = bare.agent
    bare.install(OLD, start=False)
    agent.switch("RasMan.StartFails", 1)
    with pytest.raises(TimeoutError):
        agent.start("RemoteAccess", timeout=1.5)
    assert agent.service("RemoteAccess")["exit_code"] == 1068
    agent.switch("RasMan.StartFails", 0)
    agent.switch("RemoteAccess.DiesAfter", 500)
    agent.start("RemoteAccess")
    agent.wait("RemoteAccess", "stopped", 5)
    assert agent.service("RemoteAccess")["exit_code"] == 1067
    agent.switch("RasMan.StopHangs", 1)
    with pytest.raises(TimeoutError):
        agent.stop("RasMan", timeout=1)
    assert agent.service("RasMan")["state"] == "stop_pending"


def _stop_all(host: SimHost) -> None:
    for name in NAMES:
        host.agent.stop(name)


SERVED: dict[str, tuple[Callable[[SimHost], object], Any, Any]] = {
    "both": (lambda host: None, OLD, OLD),
    "stopped": (_stop_all, 10061, 10061),
    "no IPv6": (lambda host: setattr(host.machine, "ipv6", False), OLD, 10049),
    "no record of IPv6": (lambda host: host.agent.delete_record("ip", "[::]:443"), OLD, 10054),
    "rejecting": (lambda host: host.agent.set_record(Record("ip", "0.0.0.0:443", OLD.thumbprint, flags=8), update=True), 10054, OLD),
    "no key": (lambda host: host.agent.delete_key(OLD.thumbprint), 10054, 10054),
    "no certificate": (lambda host: host.agent.delete_certificate(OLD.thumbprint), 10054, 10054),
    "exact address": (lambda host: host.agent.set_record(Record("ip", "127.0.0.1:443", NEW.thumbprint)), NEW, OLD),
    "a name": (lambda host: host.agent.set_record(Record("sni", "vpn.example.com:443", NEW.thumbprint)), OLD, OLD),
    "central store": (lambda host: host.agent.set_record(Record("ccs", "443", "")), 10054, 10054),
    "another port": (lambda host: host.agent.set_value(SSTPSVC, "ListenerPort", 444), 10061, 10061),
    "another listener": (lambda host: (_stop_all(host), host.machine.listeners.add(443)), OLD, OLD),
    "plain HTTP": (lambda host: host.agent.set_value(SSTPSVC, "UseHttps", 0), 10061, 10061),
    "listen list": (lambda host: host.agent.set_value(SSTPSVC.replace("SstpSvc", "HTTP"), "ListenOnlyList", ["0.0.0.0"]), OLD, 10061),
}


@pytest.mark.parametrize("name", SERVED)
def test_what_is_served(host: SimHost, name: str) -> None:
    change, *expected = SERVED[name]
    host.agent.import_pfx(NEW.pfx("x"), "x")
    change(host)
    for found, wanted in zip(observe(host, "served", ports=[443])["facts"]["served"], expected, strict=True):
        if isinstance(wanted, pki.Issued):
            assert (found["raw"], found["error"]) == (base64.b64encode(wanted.der).decode(), None)
        else:
            assert (found["raw"], found["error"]["function"], found["error"]["code"]) == (None, None, wanted)


def test_digest_shows_changes_only(host: SimHost) -> None:
    before = host.digest()
    observe(host)
    assert host.digest() == before
    host.agent.delete_value(SSTPSVC, "SHA1CertificateHash")
    assert host.digest() != before


def test_a_host_without_rras(bare: SimHost) -> None:
    for name in NAMES:
        bare.agent.delete_service(name)
    state = bare.state()
    assert (state["services"], state["sstpsvc"]) == ({}, None)
    facts = observe(bare)["facts"]
    assert (facts["services"], facts["sstp"]["parameters"], facts["ports"]) == ([], None, [443])


# --- observe ----------------------------------------------------------------------------------------------------------


def test_the_facts(host: SimHost) -> None:
    host.agent.set_value(SSTPSVC, "Long", "x" * 4097)
    facts = observe(host)["facts"]
    assert facts.keys() == {"ports", "host", "http", "sstp", "services", "sessions", "stores", "served", "product"}
    assert {name: fact for name, fact in facts["host"].items() if name != "adapters"} == {
        "name": "VPN01", "build": "20348", "revision": 2849, "product": "Windows Server 2022 Standard",
        "powershell": "5.1.20348.1", "elevated": True, "time": "2026-09-21T14:13:20Z",
        "utc_offset": 0,
    }  # fmt: skip
    assert facts["http"]["records"][1] == {
        "family": "ip", "address": "::", "port": 443, "host": None, "certificate_hash": OLD.thumbprint.upper(),
        "app_id": SSTP_APP_ID, "certificate_store_name": "MY", "check_mode": 0, "revocation_freshness_time": 0,
        "url_retrieval_timeout": 0, "ctl_identifier": None, "ctl_store_name": None, "flags": 0,
    }  # fmt: skip
    assert facts["sstp"]["parameters"]["Long"] == {"kind": "string", "data": None, "length": 4097}
    assert facts["sstp"]["parameters"]["SHA1CertificateHash"] == {"kind": "binary", "data": OLD.thumbprint.upper()}
    assert facts["services"][0] == {"name": "SstpSvc", "state": "running", "start": 3, "depends_on": ["HTTP"]}
    assert facts["product"] == {"predecessors": None, "before_offload": None, "healed": None, "journal": None}
    assert facts["sessions"] == {"count": 0, "error": None}
    (stored,) = facts["stores"]["MY"]
    assert stored["key"].items() >= {"provider_type": 24, "flags": 0x20, "key_spec": 1, "acquire_code": 0, "signature": None}.items()


def test_the_clock_can_be_wrong_and_far_ahead(bare: SimHost) -> None:
    bare.machine.clock.offset = -86400
    bare.pass_time(7 * 86400)
    assert observe(bare, "host")["facts"]["host"]["time"] == "2026-09-27T14:13:20Z"


def sessions(host: SimHost) -> tuple[int | None, str | None, int | None]:
    """Count, function and code."""
    fact = observe(host, "sessions")["facts"]["sessions"]
    error = fact["error"] or {"function": None, "code": None}
    return fact["count"], error["function"], error["code"]


def test_sessions_end_when_rras_stops_or_dies(host: SimHost) -> None:
    host.connect_clients(12)
    assert sessions(host) == (12, None, None)
    host.restart()
    assert (sessions(host), host.sessions) == ((0, None, None), 0)
    host.connect_clients(3)
    host.agent.stop("RemoteAccess")
    assert (sessions(host), host.sessions) == ((None, "MprAdminConnectionEnumEx", 1722), 0)
    host.agent.switch("RemoteAccess.DiesAfter", 1000)
    host.agent.start("RemoteAccess")
    host.connect_clients(3)
    host.pass_time(2)
    assert host.sessions == 0


@pytest.mark.parametrize(
    ("function", "code", "told"),
    [
        ("MprAdminServerConnect", 5, (None, "MprAdminServerConnect", 5)),
        ("MprAdminConnectionEnumEx", 5, (None, "MprAdminConnectionEnumEx", 5)),
        ("MprAdminConnectionEnumEx", 903, (None, "MprAdminConnectionEnumEx", 903)),
        ("MprAdminConnectionEnumEx", 127, (12, None, None)),
        ("MprAdminConnectionEnumEx", 87, (12, None, None)),
        ("MprAdminConnectionEnum", 5, (12, None, None)),
    ],
)
def test_sessions_that_cannot_be_counted(host: SimHost, function: str, code: int, told: tuple[int | None, str | None, int | None]) -> None:
    host.connect_clients(12)
    host.agent.fault(function, code)
    assert sessions(host) == told


def test_only_an_administrator_counts_sessions(host: SimHost) -> None:
    host.machine.elevated = False
    assert sessions(host) == (None, "MprAdminConnectionEnumEx", 5)


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        (lambda host: host.connect_clients(3), False),
        (lambda host: host.agent.delete_record("ip", "[::]:443"), True),
        (lambda host: host.agent.set_value(SSTPSVC, "Anything", 1), True),
        (lambda host: host.agent.delete_certificate(OLD.thumbprint), True),
        (lambda host: host.agent.set_record(Record("ip", "0.0.0.0:444", OLD.thumbprint)), False),
        (lambda host: host.agent.import_pfx(NEW.pfx("x"), "x"), False),
        (lambda host: host.agent.stop("RemoteAccess"), False),
        (lambda host: host.pass_time(1000), False),
    ],
)
def test_the_state_id(host: SimHost, change: Callable[[SimHost], object], differs: bool) -> None:
    options = {"thumbprints": [OLD.thumbprint]}
    before = observe(host, **options)["state_id"]
    change(host)
    assert (observe(host, **options)["state_id"] != before) is differs


def test_the_state_id_is_that_of_the_powershell(bare: SimHost) -> None:
    bare.agent.set_value(SSTPSVC, "ListenerPort", 443)
    assert observe(bare, "sstp")["state_id"] == hashlib.sha256(b"sstp|LISTENERPORT|dword|443").hexdigest()


def _signature(host: SimHost, thumbprint: str, **options: Any) -> dict[str, Any]:
    facts = observe(host, "stores", "http", challenge=CHALLENGE, **options)["facts"]
    (key,) = [item["key"] for item in facts["stores"]["MY"] if item["thumbprint"] == thumbprint.upper()]
    found: dict[str, Any] = key
    return found


def test_keys_sign(host: SimHost) -> None:
    key = _signature(host, OLD.thumbprint, prove_bound=True)
    public = OLD.certificate.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    assert key["signature"]["algorithm"] == "rsa-sha256"
    public.verify(base64.b64decode(key["signature"]["data"]), base64.b64decode(CHALLENGE), padding.PKCS1v15(), hashes.SHA256())
    assert _signature(host, OLD.thumbprint)["signature"] is None
    host.agent.set_key(OLD.thumbprint, provider_type=1)
    assert _signature(host, OLD.thumbprint, prove=[OLD.thumbprint])["signature"]["algorithm"] == "rsa-sha1"
    host.agent.delete_key(OLD.thumbprint)
    assert _signature(host, OLD.thumbprint, prove_bound=True)["acquire_code"] == -2146893802


def test_elliptic_keys_are_of_a_key_storage_provider(bare: SimHost) -> None:
    private = ec.generate_private_key(ec.SECP384R1())
    issued = AUTHORITY.issue(["vpn.example.com"], key=private)  # type: ignore[arg-type]
    bare.install(issued)
    key = _signature(bare, issued.thumbprint, prove_bound=True)
    assert (key["provider"], key["provider_type"]) == ("Microsoft Software Key Storage Provider", 0)
    assert key["signature"]["algorithm"] == "ecdsa-sha256"
    raw = base64.b64decode(key["signature"]["data"])
    assert len(raw) == 96
    pair = encode_dss_signature(int.from_bytes(raw[:48], "big"), int.from_bytes(raw[48:], "big"))
    private.public_key().verify(pair, base64.b64decode(CHALLENGE), ec.ECDSA(hashes.SHA256()))


def test_keys_in_hardware_are_left_alone(host: SimHost) -> None:
    provider = "Microsoft Smart Card Key Storage Provider"
    host.agent.set_key(OLD.thumbprint, provider=provider, provider_type=0, acquire_code=0x80090022 - (1 << 32))
    assert _signature(host, OLD.thumbprint, untouched_providers=[provider.upper()])["acquire_code"] is None
    assert _signature(host, OLD.thumbprint, untouched_providers=[provider], prove_bound=True)["acquire_code"] == 0x80090022 - (1 << 32)


def test_families_that_an_old_windows_does_not_know(host: SimHost) -> None:
    host.machine.http.families = ("ip",)
    assert observe(host, "http")["facts"]["http"]["unsupported_families"] == ["sni", "ccs"]


@pytest.mark.parametrize(("code", "fails"), [(5, True), (87, False)])
def test_records_that_cannot_be_read(host: SimHost, code: int, fails: bool) -> None:
    host.agent.fault("HttpQueryServiceConfiguration", code, times=0)
    result = observe(host)
    assert bool(result.get("failed")) is fails
    if fails:
        assert result["error"] == {"function": "HttpQueryServiceConfiguration", "code": 5, "message": "Access is denied"}
        assert result["msg"] == "The host could not be read: Access is denied"
    else:
        assert result["facts"]["http"]["unsupported_families"] == ["ip", "sni", "ccs"]


# --- apply ------------------------------------------------------------------------------------------------------------


def test_a_rotation(host: SimHost) -> None:
    host.agent.switch("HashDelay", 5000)
    before = host.digest()
    predicted = apply(host, *ROTATION, HASHES, check_mode=True, **PFX)
    assert host.digest() == before
    done = apply(host, *ROTATION, HASHES, **PFX)
    assert (predicted["outcome"], done["outcome"]) == ("applied", "applied")
    assert predicted.keys() == done.keys()
    # Check mode does not see that a service is stopped by an earlier change.
    assert [entry["changed"] for entry in predicted["changes"]] == [True] * 6 + [False, False]
    assert [entry["changed"] for entry in done["changes"]] == [True] * 7 + [False]
    assert done["changes"][2]["detail"] == {"atomic": True}
    assert done["changes"][7]["detail"] == {"unmet": []}
    assert 4500 <= done["changes"][7]["milliseconds"] <= 5500
    assert judge.working(host.state()) == []
    assert (done["failure"], done["undone"], done["not_undone"], done["changed"]) == (None, [], [], True)
    assert host.state()["product"] is None, "no journal is left"
    assert done["facts"]["http"]["records"][0]["certificate_hash"] == NEW.thumbprint.upper()


CHANGES: dict[str, dict[str, Any]] = {
    "set_ssl_record, new": record("127.0.0.1", certificate_hash=OLD.thumbprint),
    "set_ssl_record, replaced": record(certificate_hash=OLD.thumbprint, flags=2, ctl_identifier="", app_id="{4dc3e181-e14b-4a21-b022-59fc669b0914}"),
    "delete_ssl_record": {"kind": "delete_ssl_record", "address": "::", "port": 443},
    "set_registry_value, new": value(),
    "set_registry_value, dword": value("UseHttps", "dword", 4294967295, SSTPSVC),
    "set_registry_value, multistring": value("m", "multistring", ["a", "b"], SSTPSVC),
    "set_registry_value, binary": value("SHA1CertificateHash", "binary", "00FF", SSTPSVC),
    "delete_registry_value": {"kind": "delete_registry_value", "path": SSTPSVC.upper(), "name": "SHA256CertificateHash"},
    "import_pfx": imported(),
    "services": {"kind": "services", "states": DOWN, "timeout": 5},
}


@pytest.mark.parametrize("update", [True, False])
@pytest.mark.parametrize("name", CHANGES)
def test_every_change_is_done_once_and_taken_back(name: str, update: bool) -> None:
    host = SimHost("vpn01", http_update=update, clock=noon)
    host.install(OLD)
    change, before = CHANGES[name], host.state()
    assert apply(host, change, check_mode=True, **PFX)["changed"] is True
    assert host.state() == before
    failed = apply(host, change, FAILS, **PFX)
    assert (failed["outcome"], failed["changed"]) == ("failed", False)
    assert failed["failure"]["error"]["code"] == 1312
    assert [entry["index"] for entry in failed["undone"]] == [1, 0]
    after = host.state()
    assert after.pop("services").keys() == before.pop("services").keys()
    assert after == before
    assert judge.working(host.state()) == []
    assert apply(host, change, **PFX)["changed"] is True
    again = apply(host, change, **PFX)
    assert (again["changed"], again["changes"][0]["changed"], again["outcome"]) == (False, False, "applied")


def test_a_certificate_is_deleted_with_its_key(host: SimHost) -> None:
    gone = {"kind": "delete_certificate", "store": "MY", "thumbprint": OLD.thumbprint.upper(), "with_key": True}
    assert apply(host, gone)["changed"] is True
    state = host.state()
    assert (state["certificates"]["MY"], state["containers"]) == ([], [])
    assert apply(host, gone)["changed"] is False


def test_replacing_without_update_puts_the_old_record_back(host: SimHost) -> None:
    host.machine.http.update = False
    assert apply(host, record(certificate_hash=OLD.thumbprint, flags=2))["changes"][0]["detail"] == {"atomic": False}
    host.agent.fault("HttpSetServiceConfiguration", 1312)
    failed = apply(host, record(certificate_hash=OLD.thumbprint, flags=4))
    assert failed["failure"]["error"]["function"] == "HttpSetServiceConfiguration"
    assert [one.flags for one in host.agent.records()] == [2, 0]


@pytest.mark.parametrize("code", [50, 87, 120])
def test_an_update_that_this_windows_refuses_becomes_delete_and_set(host: SimHost, code: int) -> None:
    host.agent.fault("HttpUpdateServiceConfiguration", code)
    assert apply(host, record(certificate_hash=OLD.thumbprint, flags=2))["changes"][0]["detail"] == {"atomic": False}


def test_what_cannot_be_undone_stays_in_the_journal(host: SimHost) -> None:
    host.agent.fault("HttpUpdateServiceConfiguration", 5, skip=1, times=2)
    failed = apply(host, value(), record(certificate_hash=OLD.thumbprint, flags=2), record(certificate_hash=OLD.thumbprint, flags=4))
    # Of the three the third fails, and then what takes back the second.
    assert [entry["index"] for entry in failed["undone"]] == [2, 0]
    assert failed["not_undone"] == [
        {"index": 1, "kind": "set_ssl_record", "error": {"function": "HttpUpdateServiceConfiguration", "code": 5, "message": "Access is denied"}}
    ]
    assert failed["changed"] is True
    # What is behind the one that is stuck stays as well: undoing again goes the same way.
    assert list(failed["facts"]["product"]["journal"]) == ["0000", "0001"]
    assert apply(host, value())["outcome"] == "interrupted"
    recovered = apply(host, recover=True)
    assert (recovered["outcome"], recovered["changed"], [entry["index"] for entry in recovered["undone"]]) == ("recovered", True, [1, 0])
    assert apply(host, recover=True).items() >= {"outcome": "recovered", "changed": False, "undone": []}.items()
    assert judge.working(host.state()) == []


def test_a_record_that_was_dead_before_does_not_stay_in_the_journal(host: SimHost) -> None:
    host.agent.delete_certificate(OLD.thumbprint)
    host.agent.fault("RegSetValueEx", 5, skip=3)
    failed = apply(host, imported(), record(), value(), **PFX)
    assert [(entry["kind"], entry["error"]["code"]) for entry in failed["not_undone"]] == [("set_ssl_record", 1312)]
    assert failed["changed"] is True
    assert failed["facts"]["product"]["journal"] is None


def test_a_journal_that_cannot_be_read_is_stuck(host: SimHost) -> None:
    host.agent.set_value(JOURNAL, "0001", "no JSON")
    recovered = apply(host, recover=True)
    assert (recovered["outcome"], recovered["changed"], [entry["kind"] for entry in recovered["not_undone"]]) == ("failed", False, ["unreadable"])


@pytest.mark.parametrize("moment", ["before", "journalled", "made"])
@pytest.mark.parametrize("index", range(len(ROTATION)))
def test_an_interrupted_rotation_is_recovered(host: SimHost, moment: str, index: int) -> None:
    before = host.state()
    host.faults.plan(moment, index=index)
    command = host.run(bootstrap(INPUT_SCRIPT))
    command.feed(payload_219({"operation": "apply", "changes": list(ROTATION), **PFX}), end=True)
    assert command.receive(1).exit_code == TERMINATED
    untouched = index == 0 and moment == "before"
    assert apply(host, check_mode=True)["outcome"] == ("applied" if untouched else "interrupted")
    assert apply(host, recover=True)["outcome"] == "recovered"
    after = host.state()
    assert judge.working(after) == []
    assert {**after, "services": None} == {**before, "services": None}


def test_an_effect_at_a_moment_may_change_the_host(host: SimHost) -> None:
    host.faults.plan("before", lambda: host.agent.fault("HttpDeleteServiceConfiguration", 5), index=1)
    done = apply(host, value(), {"kind": "delete_ssl_record", "address": "::", "port": 443})
    assert done["failure"]["error"]["code"] == 5


@pytest.mark.parametrize(("guard", "skipped"), [([0], False), ([1], True), ([1, 0], False), ([], True)])
def test_guards(host: SimHost, guard: list[int], skipped: bool) -> None:
    nothing = {"kind": "delete_registry_value", "path": r"SOFTWARE\lab", "name": "absent"}
    last = apply(host, value(), nothing, {**value("y"), "when_changed": guard})["changes"][2]
    assert (last["skipped"], last["changed"]) == (skipped, not skipped)


def test_conflict_touches_nothing(host: SimHost) -> None:
    seen = observe(host)["state_id"]
    host.agent.set_value(SSTPSVC, "UseHttps", 1)
    before = host.digest()
    result = apply(host, value(), expect=seen)
    assert (result["outcome"], result["changes"], result["changed"]) == ("conflict", [], False)
    assert host.digest() == before
    assert apply(host, value(), expect=observe(host)["state_id"])["outcome"] == "applied"
    few = observe(host, "sstp")["state_id"]
    assert apply(host, expect=few, facets=["sstp", "services"])["outcome"] == "applied"


@pytest.mark.parametrize(("held", "outcome"), [(59, "applied"), (61, "locked")])
def test_the_lock(host: SimHost, held: float, outcome: str) -> None:
    host.hold_lock(held)
    result = apply(host, value())
    assert result["outcome"] == outcome
    assert ("changes" in result) is (outcome == "applied")
    assert "facts" in result


@pytest.mark.parametrize(("required", "outcome"), [(True, "failed"), (False, "applied")])
def test_what_never_comes(host: SimHost, required: bool, outcome: str) -> None:
    conditions = [
        {"kind": "service", "name": "RasMan", "state": "running", "text": "RasMan runs"},
        {"kind": "served", "address": "::1", "port": 443, "thumbprint": NEW.thumbprint, "text": "the new one is served"},
    ]
    result = apply(host, value(), {"kind": "await", "conditions": conditions, "timeout": 300, "required": required})
    assert result["outcome"] == outcome
    assert result["changes"][1]["milliseconds"] >= 300_000
    if required:
        assert result["failure"]["error"]["message"] == "After 300 seconds this still did not hold: the new one is served."
    else:
        assert result["changes"][1]["detail"] == {"unmet": ["the new one is served"]}


@pytest.mark.parametrize(
    ("switch", "states", "code", "message"),
    [
        ("RasMan.StopHangs", DOWN, 1053, "Time out"),
        ("RemoteAccess.StartFails", [*DOWN, {"name": "RemoteAccess", "state": "running"}], None, "The service RemoteAccess is stopped again"),
        ("SstpSvc.StartFails", [*DOWN, {"name": "RemoteAccess", "state": "running"}], 1068, "The dependency service"),
    ],
)
def test_services_that_do_not_obey(host: SimHost, switch: str, states: list[dict[str, str]], code: int | None, message: str) -> None:
    host.agent.switch(switch, 1)
    result = apply(host, {"kind": "services", "states": states, "timeout": 10})
    assert (result["outcome"], result["failure"]["error"]["code"]) == ("failed", code)
    assert result["failure"]["error"]["message"].startswith(message)


def test_a_locked_service_database_is_waited_for(host: SimHost) -> None:
    host.agent.fault("ControlService", 1055, times=3)
    assert apply(host, {"kind": "services", "states": DOWN, "timeout": 10})["outcome"] == "applied"
    host.agent.fault("StartService", 1055, times=0)
    result = apply(host, {"kind": "services", "states": [{"name": "SstpSvc", "state": "running"}], "timeout": 2})
    assert result["failure"]["error"]["code"] == 1055


def test_stopping_a_service_stops_its_dependants_as_dot_net_does(host: SimHost) -> None:
    assert apply(host, {"kind": "services", "states": [{"name": "SstpSvc", "state": "stopped"}], "timeout": 5})["outcome"] == "applied"
    assert {item["state"] for item in host.state()["services"].values()} == {"stopped"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (record(certificate_hash=OLD.thumbprint, flags=2), 5),
        (value(), 5),
        (imported(), 5),
        ({"kind": "services", "states": DOWN, "timeout": 5}, 5),
    ],
)
def test_without_elevation_nothing_is_written(host: SimHost, change: dict[str, Any], code: int) -> None:
    host.machine.elevated = False
    assert observe(host, "host")["facts"]["host"]["elevated"] is False
    before = host.digest()
    result = apply(host, change, **PFX)
    assert result["failure"]["error"]["code"] == code
    assert host.digest() == before


@pytest.mark.parametrize(
    ("change", "more", "function", "code"),
    [
        (imported(), {"pfx_password": "wrong"}, "PFXImportCertStore", 86),
        (imported(), {"pfx": base64.b64encode(b"junk").decode()}, "PFXImportCertStore", -2146881269),
        (imported(thumbprint="00" * 20), {}, "CertFindCertificateInStore", -2146885628),
        (imported(store="NoSuchStore"), {}, None, None),
        ({"kind": "bogus"}, {}, None, None),
        ({"kind": "set_ssl_record", "address": "bad", "port": 1}, {}, None, 10022),
        (record(family="sni", host=None), {}, "HttpQueryServiceConfiguration", 87),
        (record(family="sni", host="x", address="127.0.0.1"), {}, "HttpQueryServiceConfiguration", 87),
        ({"kind": "services", "states": [{"name": "Nothing", "state": "running"}], "timeout": 1}, {}, None, None),
    ],
)
def test_changes_that_fail(host: SimHost, change: dict[str, Any], more: dict[str, Any], function: str | None, code: int | None) -> None:
    before = host.digest()
    result = apply(host, change, **{**PFX, **more})
    assert result["outcome"] == "failed"
    assert (result["failure"]["error"]["function"], result["failure"]["error"]["code"]) == (function, code)
    assert host.digest() == before


@pytest.mark.parametrize(("build", "legacy", "outcome"), [(14393, False, "failed"), (14393, True, "applied"), (17763, False, "applied")])
def test_old_builds_do_not_read_new_ciphers(build: int, legacy: bool, outcome: str) -> None:
    host = SimHost("old", build=build)
    pfx = base64.b64encode(NEW.pfx("x", legacy=legacy)).decode()
    assert apply(host, imported(), pfx=pfx, pfx_password="x")["outcome"] == outcome


# --- the wire ---------------------------------------------------------------------------------------------------------

# The parts of the real bootstraps that matter; seen with ansible-core 2.16.19, 2.18.19 and 2.19.14.
INPUT_SCRIPT = 'if ($PSVersionTable.PSVersion -lt [Version]"5.1") {\n\'{"failed":true,"msg":"Ansible requires PowerShell v5.1"}\'\nexit 1\n}\n$input'
OLD_SCRIPT = 'if ($PSVersionTable.PSVersion -lt [Version]"3.0") {\n\'{"failed":true,"msg":"Ansible requires PowerShell v3.0 or newer"}\'\nexit 1\n}\n$input'


def encoded(script: str) -> str:
    text = base64.b64encode(script.encode("utf-16le")).decode()
    return f"PowerShell -NoProfile -NonInteractive -ExecutionPolicy Unrestricted -EncodedCommand {text}"


def bootstrap(script: str, *, twice: bool = False) -> str:
    """Up to 2.18 the bootstrap is a PowerShell command line inside another."""
    return encoded(encoded(script)) if twice else encoded(script)


def arguments(options: dict[str, Any], module: str = "rras.sstp.windows_backend", check_mode: bool = False) -> dict[str, Any]:
    own = {"_ansible_check_mode": check_mode, "_ansible_no_log": False, "_ansible_verbosity": 1, "_ansible_remote_tmp": "%TEMP%"}
    return {**options, **own, "_ansible_module_name": module}


def payload_218(options: dict[str, Any], **more: Any) -> bytes:
    """Without the scripts in base64 that make up most of a real one."""
    rest = {"module_entry": "IyFwb3dlcnNoZWxs", "actions": ["module_powershell_wrapper"], "module_args": arguments(options, **more)}
    return b"begin {\n}\n\n" + SEPARATOR + json.dumps(rest).encode()


def payload_219(options: dict[str, Any], **more: Any) -> bytes:
    variables = [{"Name": "complex_args", "Value": arguments(options, **more), "Scope": "Global"}]
    script = "ansible_collections.rras.sstp.plugins.modules.windows_backend.ps1"
    action = {"name": "module_wrapper.ps1", "params": {"Script": script, "Variables": variables, "ForModule": True}, "secure_params": {}}
    head = {"name": "exec_wrapper", "script": "# (c)", "params": {"MinOSVersion": None, "TempPath": "%TEMP%"}}
    rest = {"scripts": {}, "actions": [action], "signed_hashlist": []}
    return json.dumps(head).encode() + b"\n" + SEPARATOR + b"\n" + json.dumps(rest).encode()


FORMS = {"2.18": (bootstrap(OLD_SCRIPT, twice=True), payload_218), "2.19": (bootstrap(INPUT_SCRIPT), payload_219)}


def run(host: SimHost, line: str, data: bytes) -> tuple[dict[str, Any], int]:
    command = host.run(line)
    for start in range(0, len(data), 100):
        assert command.receive(0).exit_code is None
        command.feed(data[start : start + 100], end=start + 100 >= len(data))
    output = command.receive(1)
    assert output.exit_code is not None
    assert output.stdout.endswith(b"\r\n")
    assert command.receive(0).stdout == b""
    result: dict[str, Any] = json.loads(output.stdout)
    return result, output.exit_code


@pytest.mark.parametrize("form", FORMS)
def test_a_module_over_the_wire(host: SimHost, form: str) -> None:
    line, payload = FORMS[form]
    options = {"operation": "apply", "ports": ["443", 8443], "prove_bound": "yes", "changes": [value(data="\u00fc\u2028")], **PFX}
    result, code = run(host, line, payload(options, check_mode=True))
    assert (code, result["outcome"], result["changed"]) == (0, "applied", True)
    assert host.agent.value(r"SOFTWARE\lab", "x") is None, "check mode"
    told = result["invocation"]["module_args"]
    assert told.items() >= {"ports": [443, 8443], "prove_bound": True, "expect": None, "recover": False}.items()
    assert told["pfx"] == told["pfx_password"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
    assert "pw-of-the-pfx" not in json.dumps(result)
    result, code = run(host, line, payload(options))
    assert host.agent.value(r"SOFTWARE\lab", "x") == "\u00fc\u2028"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "missing required arguments: operation"),
        ({"operation": "nope"}, "value of operation must be one of: observe, apply. Got no match for: nope"),
        (
            {"operation": "observe", "facets": ["nope"]},
            "value of facets must be one or more of: events, host, http, keys, mentions, product, remote_access, served, services, sessions, "
            "sstp, stores. Got no match for: nope",
        ),
        ({"operation": "observe", "bogus": 1}, "Unsupported parameters for (rras.sstp.windows_backend) module: bogus."),
        ({"operation": "observe", "ports": "x"}, "argument for list entry ports is of type System.String and we were unable to convert to int:"),
    ],
)
def test_options_that_are_refused(host: SimHost, form: str, options: dict[str, Any], message: str) -> None:
    line, payload = FORMS[form]
    result, code = run(host, line, payload(options))
    assert (code, result["failed"], result["changed"]) == (1, True, False)
    assert result["msg"].startswith(message)


@pytest.mark.parametrize("form", FORMS)
def test_other_modules_are_refused(host: SimHost, form: str) -> None:
    line, payload = FORMS[form]
    refused = {"failed": True, "msg": "a simulated host runs windows_backend only"}
    assert run(host, line, payload({}, module="ansible.windows.setup")) == (refused, 1)


def test_other_commands_are_refused(host: SimHost) -> None:
    raw = host.run(encoded("echo hello")).receive(0)  # as the raw module sends it: without standard input
    assert (json.loads(raw.stdout)["failed"], raw.exit_code) == (True, 1)
    assert b"PowerShell only" in host.run("cmd /c dir").receive(0).stderr


@pytest.mark.parametrize("data", [b"", b"junk", b"a" + SEPARATOR + b"junk", b"a" + SEPARATOR + b"[1]", b"a" + SEPARATOR + b"{}"])
def test_input_that_is_no_payload(host: SimHost, data: bytes) -> None:
    command = host.run(bootstrap(INPUT_SCRIPT))
    command.feed(data, end=True)
    output = command.receive(0)
    assert (json.loads(output.stdout)["failed"], output.exit_code) == (True, 1)


@pytest.mark.parametrize(("form", "runs"), [("2.18", True), ("2.19", False)])
def test_a_powershell_that_is_too_old(form: str, runs: bool) -> None:
    line, payload = FORMS[form]
    result, code = run(SimHost("old", powershell="4.0"), line, payload({"operation": "observe"}))
    assert (code == 0) is runs
    if not runs:
        assert result == {"failed": True, "msg": "Ansible requires PowerShell v5.1"}


def test_a_command_that_is_terminated_before_its_input_has_ended(host: SimHost) -> None:
    command = host.run(bootstrap(INPUT_SCRIPT))
    command.feed(payload_219({"operation": "apply", "changes": [value()]}), end=False)
    command.terminate()
    command.feed(b"", end=True)
    assert command.receive(0).exit_code == TERMINATED
    assert host.agent.value(r"SOFTWARE\lab", "x") is None


# --- with ansible-playbook --------------------------------------------------------------------------------------------


@pytest.mark.skipif(not Path(sys.executable).with_name("ansible-playbook").exists(), reason="ansible-core is not installed beside Python")
def test_rotation_of_a_fleet_with_ansible(tmp_path: Path) -> None:
    target = tmp_path / "collections/ansible_collections/rras/sstp"
    target.mkdir(parents=True)
    for name in ("galaxy.yml", "meta", "plugins", "roles", "playbooks"):
        source = REPOSITORY / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target / name)
    hosts = [SimHost(f"vpn{number}") for number in range(4)]
    with WinRMServer() as server:
        logins = [new_login(host.name) for host in hosts]
        for host, login in zip(hosts, logins, strict=True):
            host.install(AUTHORITY.issue([f"{host.name}.example.com"]))
            host.agent.switch("HashDelay", 5000)
            server.add(host, login.username, login.password)
            (tmp_path / f"{host.name}.pfx").write_bytes(AUTHORITY.issue([f"{host.name}.example.com"]).pfx("443"))
        hosts[3].agent.fault("HttpUpdateServiceConfiguration", 5, endpoint="[::]:443")
        controller = Controller(tmp_path, tmp_path / "collections")
        write_inventory(controller.inventory, server, logins)
        variables = {"target": "all", "sstp_certificate_pfx": "{{ inventory_hostname }}.pfx", "sstp_certificate_pfx_password": "443"}
        before = [host.digest() for host in hosts]
        controller.playbook(REPOSITORY / "playbooks/rotate.yml", "--check", variables=variables).succeeded()
        assert [host.digest() for host in hosts] == before
        run = controller.playbook(REPOSITORY / "playbooks/rotate.yml", variables=variables).failed()
        assert {entry.host for entry in run.entries if entry.status == "failed"} == {"vpn3"}
        assert [judge.working(host.state()) for host in hosts] == [[]] * 4
        assert hosts[3].agent.records()[0].hash == hosts[3].agent.records()[1].hash
        controller.playbook(REPOSITORY / "playbooks/rotate.yml", variables=variables).succeeded()
        assert controller.playbook(REPOSITORY / "playbooks/rotate.yml", variables=variables).succeeded().changed == []
