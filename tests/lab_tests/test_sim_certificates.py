# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated hosts: issuers, keys and who names them, mentions of a certificate, and the changes of certificates and keys alone."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import mention_cases
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding
from lab import pki
from lab.agent import LAB, Record, WinError
from lab.sim.host import SimHost
from lab.sim.key_list import CONTAINER_LIMIT
from lab.sim.mentions import DEPTH_LIMIT, FILE_LIMIT, KEY_LIMIT
from lab.sim.store import CSP, KSP, SECURITY, Container, KeyLink
from lab.sstp_server.chain import issue_below

AUTHORITY = pki.Authority()
OTHER = pki.Authority("Other Lab")
OLD, NEW = (AUTHORITY.issue(["vpn.example.com"]) for _ in range(2))
ITSELF = AUTHORITY.issue(["vpn.example.com"], by_itself=True)
ECDSA = AUTHORITY.issue(["vpn.example.com"], key=generate_private_key(SECP256R1()))
HASH = OLD.thumbprint.upper()
ROOT, INTERMEDIATE = (item.public_bytes(Encoding.DER) for item in (AUTHORITY.root, AUTHORITY.intermediate))
PFX = {"pfx": base64.b64encode(NEW.pfx("x")).decode(), "pfx_password": "x"}
DENIED = {"function": None, "code": 5, "message": "Requested registry access is not allowed."}


@pytest.fixture
def host() -> SimHost:
    """A server that works, and trusts its authority."""
    host = SimHost("vpn01")
    host.install(OLD)
    host.trust(AUTHORITY)
    return host


def observe(host: SimHost, *facets: str, **options: Any) -> dict[str, Any]:
    facts: dict[str, Any] = host.call({"operation": "observe", "facets": list(facets), **options})["facts"]
    return facts


def apply(host: SimHost, *changes: dict[str, Any], check_mode: bool = False, **options: Any) -> dict[str, Any]:
    return host.call({"operation": "apply", "changes": list(changes), "facets": ["http"], **options}, check_mode=check_mode)


def thumbprint(der: bytes) -> str:
    return hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()


def authorities(host: SimHost, *facets: str, **options: Any) -> dict[str, list[str]]:
    """What is told of CA and ROOT."""
    stores = observe(host, *(facets or ("stores",)), **options)["stores"]
    return {name: [item["thumbprint"] for item in stores[name]] for name in ("CA", "ROOT")}


CHAIN = {"CA": [thumbprint(INTERMEDIATE)], "ROOT": [thumbprint(ROOT)]}
NOTHING: dict[str, list[str]] = {"CA": [], "ROOT": []}

# --- the facet stores -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, NOTHING),
        ({"prove": [HASH]}, CHAIN),
        ({"thumbprints": [OLD.thumbprint]}, CHAIN),
        ({"thumbprints": [NEW.thumbprint]}, NOTHING),
        ({"prove_bound": True}, NOTHING),  # without http the records are not known
        ({"facets": ["http", "stores"], "prove_bound": True}, CHAIN),
        ({"facets": ["http", "stores"], "prove_bound": True, "ports": [8443]}, NOTHING),
        ({"authorities": [thumbprint(ROOT)]}, {"CA": [], "ROOT": [thumbprint(ROOT)]}),
        ({"authorities": [thumbprint(ROOT).lower(), "00" * 20]}, {"CA": [], "ROOT": [thumbprint(ROOT)]}),
        ({"thumbprints": [thumbprint(INTERMEDIATE)]}, NOTHING),
    ],
)
def test_authorities_are_told_where_they_are_asked_for_or_lead_up_from_what_matters(host: SimHost, options: dict[str, Any], told: Any) -> None:
    assert authorities(host, *options.get("facets", ()), **{name: value for name, value in options.items() if name != "facets"}) == told


def test_of_an_authority_as_much_is_told_as_of_any_certificate(host: SimHost) -> None:
    stores = observe(host, "stores", prove=[HASH])["stores"]
    assert stores["ROOT"] == [{"thumbprint": thumbprint(ROOT), "raw": base64.b64encode(ROOT).decode(), "friendly_name": None, "key": None}]


def test_the_key_of_an_authority_is_told_but_not_opened(host: SimHost) -> None:
    host.keep(ITSELF, "ROOT")
    host.agent.fault("CryptAcquireCertificatePrivateKey", 5, times=0)
    (found,) = observe(host, "stores", authorities=[ITSELF.thumbprint])["stores"]["ROOT"]
    assert found["key"].items() >= {"provider": CSP, "acquire_code": None, "signature": None, "exportable": None, "security": None}.items()


def test_a_chain_is_followed_by_names_up_to_eight_steps(host: SimHost) -> None:
    long = issue_below(AUTHORITY, ["vpn.example.com"], intermediates=9)
    host.install(long, bind=False, start=False)
    ours = {thumbprint(der) for der in long.chain_der}
    told = authorities(host, prove=[long.thumbprint])
    assert set(told["CA"]) == ours - {thumbprint(long.chain_der[-1])}, "the ninth is too far up"
    assert told["ROOT"] == []


def test_a_mistake_of_the_store_is_told_where_it_is(host: SimHost) -> None:
    host.agent.add_certificate(ROOT, "CA")
    host.agent.add_certificate(INTERMEDIATE, "ROOT")
    both = sorted((thumbprint(ROOT), thumbprint(INTERMEDIATE)))
    assert authorities(host, prove=[HASH]) == {"CA": both, "ROOT": both}


def test_two_authorities_of_one_name_are_both_told(host: SimHost) -> None:
    renewed = pki.Authority()
    host.agent.add_certificate(renewed.intermediate.public_bytes(Encoding.DER), "CA")
    host.agent.add_certificate(OTHER.intermediate.public_bytes(Encoding.DER), "CA")
    told = authorities(host, prove=[HASH])["CA"]
    assert told == sorted((thumbprint(INTERMEDIATE), thumbprint(renewed.intermediate.public_bytes(Encoding.DER))))


def test_one_that_signed_itself_is_its_own_issuer(host: SimHost) -> None:
    host.keep(ITSELF)
    assert authorities(host, prove=[ITSELF.thumbprint]) == NOTHING
    host.agent.add_certificate(ITSELF.der, "ROOT")
    assert authorities(host, prove=[ITSELF.thumbprint]) == {"CA": [], "ROOT": [ITSELF.thumbprint.upper()]}


def test_a_store_that_a_record_names_is_told_whole_and_once(host: SimHost) -> None:
    host.keep(NEW, "CA")
    host.agent.set_record(Record("ip", "192.0.2.1:443", NEW.thumbprint, store="CA"))
    told = authorities(host, "http", "stores", prove_bound=True, authorities=[NEW.thumbprint])
    assert told == {"CA": sorted((NEW.thumbprint.upper(), thumbprint(INTERMEDIATE))), "ROOT": [thumbprint(ROOT)]}
    key = next(item["key"] for item in observe(host, "http", "stores")["stores"]["CA"] if item["key"])
    assert key["acquire_code"] == 0


def test_an_odd_certificate_has_no_issuer(host: SimHost) -> None:
    odd = b"\x30\x03\x02\x01\x05"
    host.agent.add_certificate(odd)
    host.agent.add_certificate(b"\x30\x03\x02\x01\x06", "CA")
    assert authorities(host, prove=[thumbprint(odd)]) == NOTHING


def test_an_authority_that_is_asked_for_belongs_to_the_state(host: SimHost) -> None:
    options = {"operation": "observe", "facets": ["stores"], "authorities": [thumbprint(ROOT)], "thumbprints": [thumbprint(ROOT)]}
    before = host.call(options)["state_id"]
    host.agent.add_certificate(OTHER.root.public_bytes(Encoding.DER), "ROOT")
    assert host.call(options)["state_id"] == before
    host.agent.delete_certificate(thumbprint(ROOT), "ROOT")
    assert host.call(options)["state_id"] != before


# --- a key ------------------------------------------------------------------------------------------------------------


def key_of(host: SimHost, **options: Any) -> dict[str, Any]:
    (found,) = observe(host, "stores", **options)["stores"]["MY"]
    key: dict[str, Any] = found["key"]
    return key


@pytest.mark.parametrize("exportable", [True, False])
@pytest.mark.parametrize("provider", [None, KSP])
def test_whether_a_key_may_be_exported_and_who_may_use_it(exportable: bool, provider: str | None) -> None:
    host = SimHost("vpn01")
    host.keep(OLD, exportable=exportable, provider=provider)
    assert (key_of(host)["exportable"], key_of(host)["security"]) == (exportable, SECURITY)


def test_a_key_that_is_not_opened_does_not_say(host: SimHost) -> None:
    unknown = {"exportable": None, "security": None}
    assert key_of(host, untouched_providers=[CSP]).items() >= unknown.items()
    host.agent.delete_key(OLD.thumbprint)
    assert key_of(host).items() >= unknown.items()


@pytest.mark.parametrize(
    ("function", "missing"),
    [("CryptGetKeyParam", "exportable"), ("CryptGetProvParam", "security")],
)
def test_what_cannot_be_read_of_a_key_is_null(host: SimHost, function: str, missing: str) -> None:
    host.agent.fault(function, 5, times=0)
    key = key_of(host)
    assert key["acquire_code"] == 0
    assert {name for name in ("exportable", "security") if key[name] is None} == {missing}


@pytest.mark.parametrize(("length", "told"), [(4096, True), (4097, False)])
def test_a_long_dacl_is_not_told(host: SimHost, length: int, told: bool) -> None:
    host.agent.set_key(OLD.thumbprint, security="D:" + "x" * (length - 2))
    assert (key_of(host)["security"] is not None) is told


# --- the facet keys ---------------------------------------------------------------------------------------------------


def keys(host: SimHost) -> dict[str, Any]:
    facts: dict[str, Any] = observe(host, "keys")["keys"]
    return facts


def test_who_says_that_its_key_is_where(host: SimHost) -> None:
    host.agent.add_certificate(NEW.der, "WebHosting")
    host.agent.share_key(NEW.thumbprint, "WebHosting", OLD.thumbprint)
    host.keep(ECDSA, r"NTDS\My")
    link = host.machine.stores.certificate("MY", OLD.thumbprint).link  # type: ignore[union-attr]
    assert isinstance(link, KeyLink)
    own = {"container": link.container, "provider": CSP, "provider_type": 24, "flags": 0x20}
    found = keys(host)
    assert found["references"][0] == {"store": "MY", "thumbprint": HASH, **own}
    assert found["references"][1].items() >= {"store": r"NTDS\MY", "thumbprint": ECDSA.thumbprint.upper(), "provider": KSP, "provider_type": 0}.items()
    assert found["references"][2] == {"store": "WEBHOSTING", "thumbprint": NEW.thumbprint.upper(), **own}
    assert [(item["provider"], item["provider_type"]) for item in found["containers"]] == [(CSP, 24), (KSP, 0)]
    assert (found["truncated"], found["errors"]) == (False, [])


def test_a_container_stays_when_its_certificate_goes(host: SimHost) -> None:
    host.agent.delete_certificate(OLD.thumbprint)
    found = keys(host)
    assert (found["references"], len(found["containers"])) == ([], 1)
    host.keep(NEW)
    host.agent.delete_key(NEW.thumbprint)
    found = keys(host)
    assert ([item["thumbprint"] for item in found["references"]], len(found["containers"])) == ([NEW.thumbprint.upper()], 1)


def test_a_key_in_hardware_is_no_container_of_the_machine(host: SimHost) -> None:
    host.agent.set_key(OLD.thumbprint, provider="Lab Smart Card Provider", provider_type=1)
    found = keys(host)
    assert (found["references"][0]["provider"], found["containers"]) == ("Lab Smart Card Provider", [])


def test_no_key_is_opened(host: SimHost) -> None:
    host.agent.fault("CryptAcquireCertificatePrivateKey", 5, times=0)
    assert keys(host)["errors"] == []


@pytest.mark.parametrize(
    ("function", "references", "kinds"),
    [
        ("CertOpenStore", 0, [24, 0]),
        ("CryptAcquireContext", 2, [0]),
        ("CryptGetProvParam", 2, [0]),
        ("NCryptOpenStorageProvider", 2, [24]),
        ("NCryptEnumKeys", 2, [24]),
    ],
)
def test_what_could_be_read_is_told_all_the_same(host: SimHost, function: str, references: int, kinds: list[int]) -> None:
    host.keep(ECDSA)
    host.agent.fault(function, 5, times=0)
    found = keys(host)
    assert (len(found["references"]), [item["provider_type"] for item in found["containers"]]) == (references, kinds)
    assert {(error["function"], error["code"]) for error in found["errors"]} == {(function, 5)}


@pytest.mark.parametrize(("more", "truncated"), [(CONTAINER_LIMIT - 1, False), (CONTAINER_LIMIT, True)])
def test_no_more_containers_are_told_than_so_many(host: SimHost, more: int, truncated: bool) -> None:
    for number in range(more):
        host.machine.stores.containers[str(number)] = Container(str(number), OLD.key, False)
    found = keys(host)
    assert (len(found["containers"]), found["truncated"]) == (CONTAINER_LIMIT, truncated)


# --- the facet mentions -----------------------------------------------------------------------------------------------

PLACE = r"SOFTWARE\Program"


def mentions(host: SimHost, *places: dict[str, str], thumbprints: list[str] | None = None) -> list[tuple[Any, ...]]:
    options = {"places": list(places), "thumbprints": [HASH] if thumbprints is None else thumbprints}
    found = observe(host, "mentions", **options)["mentions"]
    assert all(item.keys() == {"place", "where", "thumbprint", "error"} for item in found)
    return [(item["place"], item["where"], item["error"] if item["thumbprint"] is None else item["thumbprint"]) for item in found]


def registry(path: str = PLACE) -> dict[str, str]:
    return {"kind": "registry", "path": path}


def file(path: str = r"%windir%\a.config") -> dict[str, str]:
    return {"kind": "file", "path": path}


LOWER, RAW = OLD.thumbprint, bytes.fromhex(OLD.thumbprint)
VALUES, FILES = mention_cases.values(LOWER), mention_cases.files(LOWER)


@pytest.mark.parametrize("name", VALUES)
def test_a_value_mentions_a_certificate(host: SimHost, name: str) -> None:
    kind, data, found = VALUES[name]
    host.machine.registry.set(PLACE + r"\Below", "Value", kind, data)
    assert mentions(host, registry()) == ([(0, r"Below\Value", HASH)] if found else [])


def test_a_name_mentions_a_certificate(host: SimHost) -> None:
    host.agent.set_value(PLACE, LOWER, LOWER)
    host.agent.set_value(rf"{PLACE}\Bindings\{LOWER}", "x", 1)
    assert mentions(host, registry(), registry(PLACE + r"\None")) == [(0, LOWER, HASH), (0, rf"Bindings\{LOWER}", HASH)]


def test_those_of_my_are_always_meant(host: SimHost) -> None:
    host.keep(NEW, "WebHosting")
    for name, issued in (("Old", OLD), ("New", NEW)):
        host.agent.set_value(PLACE, name, issued.thumbprint)
    assert mentions(host, registry(), thumbprints=[]) == [(0, "Old", HASH)]
    assert mentions(host, registry(), thumbprints=[NEW.thumbprint]) == [(0, "Old", HASH), (0, "New", NEW.thumbprint.upper())]
    assert mentions(host, thumbprints=[]) == []


@pytest.mark.parametrize(("depth", "found"), [(DEPTH_LIMIT, True), (DEPTH_LIMIT + 1, False)])
def test_keys_too_far_below_are_not_searched(host: SimHost, depth: int, found: bool) -> None:
    host.agent.set_value(PLACE + r"\k" * depth, "Value", RAW)
    assert bool(mentions(host, registry())) is found


@pytest.mark.parametrize(("before", "found"), [(KEY_LIMIT - 2, True), (KEY_LIMIT - 1, False)])
def test_no_more_keys_are_searched_than_so_many(host: SimHost, before: int, found: bool) -> None:
    for number in range(before):
        host.machine.registry.create(rf"{PLACE}\{number:05d}")
    host.agent.set_value(PLACE + r"\z", "Value", RAW)
    assert bool(mentions(host, registry())) is found


def test_a_key_that_nobody_may_read(host: SimHost) -> None:
    host.agent.set_value(PLACE + r"\Closed", "Value", RAW)
    host.agent.set_value(PLACE + r"\Open", "Value", RAW)
    host.machine.denied_keys = frozenset({PLACE.lower() + r"\closed"})
    assert mentions(host, registry()) == [(0, "Closed", DENIED), (0, r"Open\Value", HASH)]
    assert mentions(host, registry(PLACE + r"\Closed")) == [(0, None, DENIED)]


@pytest.mark.parametrize("name", FILES)
def test_a_file_mentions_a_certificate(host: SimHost, name: str) -> None:
    data, found = FILES[name]
    host.write_file(r"C:\Windows\A.config", data)
    assert mentions(host, registry(), file(), file(r"%windir%\none")) == ([(1, None, HASH)] if found else [])


def test_a_file_that_cannot_be_read(host: SimHost) -> None:
    host.machine.files.write(r"C:\Windows\a.config", LOWER.encode(), denied=True)
    ((place, where, error),) = mentions(host, file())
    assert (place, where, error["code"]) == (0, None, 5)


@pytest.mark.parametrize(("length", "found"), [(FILE_LIMIT, True), (FILE_LIMIT + 1, False)])
def test_a_file_that_is_too_large(host: SimHost, length: int, found: bool) -> None:
    host.write_file(r"C:\Windows\a.config", LOWER.encode().ljust(length))
    ((place, where, said),) = mentions(host, file())
    assert (place, where, said == HASH) == (0, None, found)


def test_a_place_of_no_kind_fails_the_module(host: SimHost) -> None:
    result = host.call({"operation": "observe", "facets": ["mentions"], "places": [{"kind": "disk", "path": "x"}]})
    assert (result["failed"], result["error"]["message"]) == (True, "There is no place of the kind 'disk'.")


# --- the facet remote_access ------------------------------------------------------------------------------------------


def advertised(host: SimHost) -> str | None:
    found: str | None = observe(host, "remote_access")["remote_access"]["advertised"]
    return found


def test_what_ikev2_clients_are_shown(host: SimHost) -> None:
    assert advertised(host) is None
    host.agent.set_value(LAB + r"\RemoteAccess", "Advertised", NEW.der)
    assert advertised(host) == base64.b64encode(NEW.der).decode()


@pytest.mark.parametrize("name", ["AuthFails", "GetFails"])
def test_what_ikev2_clients_are_shown_is_not_known(host: SimHost, name: str) -> None:
    host.agent.set_value(LAB + r"\RemoteAccess", "Advertised", NEW.der)
    host.agent.set_value(LAB + r"\RemoteAccess", name, "no")
    assert advertised(host) is None
    assert (observe(host, "remote_access")["remote_access"]["error"] is None) is (name == "AuthFails")


# --- changes ----------------------------------------------------------------------------------------------------------


def certificate(der: bytes = ROOT, store: str = "ROOT", **more: Any) -> dict[str, Any]:
    return {"kind": "import_certificate", "thumbprint": thumbprint(der), "store": store, "raw": base64.b64encode(der).decode(), **more}


def key(host: SimHost, issued: pki.Issued = OLD) -> dict[str, Any]:
    link = host.machine.stores.certificate("MY", issued.thumbprint).link  # type: ignore[union-attr]
    assert link is not None
    return {"kind": "delete_key", "container": link.container, "provider": link.provider, "provider_type": link.provider_type}


FAILS = {"kind": "set_ssl_record", "address": "0.0.0.0", "port": 4443, "certificate_hash": "00" * 20, "undo": False}
OTHER_ROOT = OTHER.root.public_bytes(Encoding.DER)


@pytest.mark.parametrize("store", ["ROOT", "CA", "MY"])
def test_a_certificate_is_put_into_a_store_once_and_taken_back(host: SimHost, store: str) -> None:
    before, change = host.state(), certificate(OTHER_ROOT, store)
    assert apply(host, change, check_mode=True)["changed"] is True
    assert host.state() == before
    failed = apply(host, change, FAILS)
    assert (failed["outcome"], failed["undone"]) == ("failed", [{"index": 0, "kind": "delete_certificate"}])
    assert host.state()["certificates"] == before["certificates"]
    assert apply(host, change)["changed"] is True
    (found,) = (item for item in host.state()["certificates"][store] if item["thumbprint"] == thumbprint(OTHER_ROOT).lower())
    assert found["key"] is None
    assert apply(host, change)["changed"] is False


def test_a_certificate_that_is_there_keeps_its_key(host: SimHost) -> None:
    before = host.state()
    for change in (certificate(OLD.der, "MY"), {"kind": "hold", "of": certificate(OLD.der, "MY")}):
        assert apply(host, change, FAILS)["undone"] == []
        assert host.state() == before


def test_a_certificate_is_taken_back_without_a_key_that_it_got_since(host: SimHost) -> None:
    host.faults.plan("made", lambda: host.agent.share_key(NEW.thumbprint, "MY", OLD.thumbprint), index=0)
    before = host.state()
    assert apply(host, certificate(NEW.der, "MY"), FAILS)["undone"] == [{"index": 0, "kind": "delete_certificate"}]
    assert host.state() == before


@pytest.mark.parametrize(
    ("change", "function", "code"),
    [
        (certificate(OTHER_ROOT, raw="%"), None, None),
        (certificate(OTHER_ROOT, raw=base64.b64encode(INTERMEDIATE).decode()), None, None),
        (certificate(b"junk"), "CertAddEncodedCertificateToStore", -2146881269),
        (certificate(OTHER_ROOT, "NoSuchStore"), None, None),
        ({"kind": "import_certificate", "store": "ROOT", "thumbprint": "00" * 20}, None, None),
        ({"kind": "import_pfx", "store": "MY", "thumbprint": NEW.thumbprint, "key_provider": "tpm"}, None, None),
        ({"kind": "delete_key"}, None, None),
    ],
)
def test_a_change_that_makes_no_sense_fails_and_changes_nothing(host: SimHost, change: dict[str, Any], function: str | None, code: int | None) -> None:
    before = host.state()
    result = apply(host, change, **PFX)
    assert (result["outcome"], result["failure"]["error"]["function"], result["failure"]["error"]["code"]) == ("failed", function, code)
    assert host.state() == before


@pytest.mark.parametrize("function", ["CertOpenStore", "CertAddEncodedCertificateToStore"])
def test_a_certificate_that_windows_does_not_take(host: SimHost, function: str) -> None:
    host.agent.fault(function, 5)
    assert apply(host, certificate(OTHER_ROOT))["failure"]["error"]["function"] == function


@pytest.mark.parametrize("change", [lambda _host: certificate(OTHER_ROOT), key])
def test_without_elevation_nothing_is_changed(host: SimHost, change: Callable[[SimHost], dict[str, Any]]) -> None:
    host.machine.elevated = False
    before = host.state()
    assert apply(host, change(host))["failure"]["error"]["code"] == 5
    assert host.state() == before


@pytest.mark.parametrize(
    ("wanted", "provider", "kind"),
    [({}, CSP, 24), ({"key_provider": "default"}, CSP, 24), ({"key_provider": "cng"}, KSP, 0)],
)
def test_where_an_imported_key_goes(host: SimHost, wanted: dict[str, str], provider: str, kind: int) -> None:
    change = {"kind": "import_pfx", "store": "MY", "thumbprint": NEW.thumbprint.upper(), "exportable": False, **wanted}
    assert apply(host, change, **PFX)["outcome"] == "applied"
    found = key(host, NEW)
    assert (found["provider"], found["provider_type"]) == (provider, kind)
    assert {"provider": provider, "provider_type": kind, "container": found["container"]} in keys(host)["containers"]


def test_a_key_of_a_curve_goes_to_the_key_storage_provider(host: SimHost) -> None:
    pfx = {"pfx": base64.b64encode(ECDSA.pfx("x")).decode(), "pfx_password": "x"}
    assert apply(host, {"kind": "import_pfx", "store": "MY", "thumbprint": ECDSA.thumbprint.upper()}, **pfx)["outcome"] == "applied"
    assert key(host, ECDSA)["provider"] == KSP


@pytest.mark.parametrize("provider", [None, KSP])
def test_a_key_container_is_deleted_once(host: SimHost, provider: str | None) -> None:
    host.keep(NEW, provider=provider)
    change = key(host, NEW)
    host.agent.delete_certificate(NEW.thumbprint)
    before = host.state()
    assert apply(host, change, check_mode=True)["changed"] is True
    assert host.state() == before
    assert apply(host, change)["changed"] is True
    assert set(before["containers"]) - set(host.state()["containers"]) == {change["container"]}
    assert apply(host, change)["changed"] is False


def test_a_key_container_that_is_deleted_is_gone(host: SimHost) -> None:
    change = key(host)
    result = apply(host, change, FAILS)
    assert (result["outcome"], result["undone"], result["changed"]) == ("failed", [], True)
    assert [(item["index"], item["kind"]) for item in result["not_undone"]] == [(0, "bring_back_key")]
    assert apply(host, {"kind": "set_registry_value", "path": LAB, "name": "x", "value_kind": "dword", "data": 1})["outcome"] == "applied", "no journal is kept"


def test_a_key_container_that_could_not_be_deleted_is_there(host: SimHost) -> None:
    change = key(host)
    host.agent.fault("CryptAcquireContext", 5)
    result = apply(host, change)
    assert (result["failure"]["error"]["function"], result["not_undone"]) == ("CryptAcquireContext", [])
    assert change["container"] in host.state()["containers"]


def test_a_container_of_another_kind_of_provider_is_another(host: SimHost) -> None:
    assert apply(host, {**key(host), "provider": KSP, "provider_type": 0})["changed"] is False
    assert len(host.state()["containers"]) == 1


# --- the lab's own side -----------------------------------------------------------------------------------------------


def test_a_key_of_nobody_cannot_be_shared(host: SimHost) -> None:
    with pytest.raises(WinError):
        host.agent.share_key(OLD.thumbprint, "MY", NEW.thumbprint)


def test_the_state_tells_what_is_in_root(host: SimHost) -> None:
    assert [item["thumbprint"] for item in host.state()["certificates"]["ROOT"]] == [thumbprint(ROOT).lower()]
    before = host.digest()
    host.agent.delete_certificate(thumbprint(ROOT), "ROOT")
    assert "ROOT" not in host.state()["certificates"]
    assert host.digest() != before
