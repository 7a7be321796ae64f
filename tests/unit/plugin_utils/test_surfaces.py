# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The places side by side: which of them agree with the certificate that the server means, and how long each holds."""

from __future__ import annotations

import dataclasses
import datetime as dt

import certificate_factory
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.balancer import Balancer
from ansible_collections.rras.sstp.plugins.plugin_utils.findings import Policy
from ansible_collections.rras.sstp.plugins.plugin_utils.inputs import Endpoint
from ansible_collections.rras.sstp.plugins.plugin_utils.rules import judge
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.client import Depth
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.events import Stage
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.verdict import Code, Verdict
from ansible_collections.rras.sstp.plugins.plugin_utils.state import Served
from ansible_collections.rras.sstp.plugins.plugin_utils.surfaces import at_other_places, certificates_result, days_left, surfaces_of
from ansible_collections.rras.sstp.plugins.plugin_utils.wire import Sight
from certificate_factory import NOW, issue
from host_factory import (
    LOOPBACK_V4,
    LOOPBACK_V6,
    V4,
    V6,
    administered,
    bound_to,
    good_key,
    healthy,
    offloading,
    record,
    stored,
    with_adapters,
    with_certificates,
    with_parameter,
    with_records,
    with_served,
    with_sha1,
    with_sha256,
    without_service,
)
from hypothesis import given
from state_strategies import host_states_of_every_mode

OLD, NEW, OTHER = certificate_factory.old(), certificate_factory.new(), certificate_factory.other()
DAY, SECOND = dt.timedelta(days=1), dt.timedelta(seconds=1)
NO_SUCH_THUMBPRINT = "00112233445566778899AABBCCDDEEFF00112233"
ON_THE_WIRE = "203.0.113.5:443"
PLACES = ["binding_ipv4", "binding_ipv6", "registry_sha256", "registry_sha1", "store", "served_ipv4", "served_ipv6"]
ONLY_V4 = with_records(healthy(), record(V4, OLD.thumbprint))
REFUSED = {"code": 10061, "message": "refused", "function": None}
NOTHING_BOUND = dict.fromkeys(["binding_ipv4", "binding_ipv6"], False) | dict.fromkeys(PLACES[2:])


def sight(issued=None, endpoint=ON_THE_WIRE):
    """What one address showed: a certificate, or that nothing answers."""
    if issued is None:
        return Sight(endpoint, Depth.HTTP, Verdict(Code.REFUSED, Stage.CONNECT, "Nothing listens there."))
    verdict = Verdict(Code.OK, Stage.HTTP, "It speaks SSTP.")
    return Sight(endpoint, Depth.HTTP, verdict, issued.thumbprint, issued.sha256, certificate=issued.certificate)


def balancer(*shown, silent=()):
    """A device with an address for each certificate."""
    certificates = {f"192.0.2.{number}:443": issued.certificate for number, issued in enumerate(shown, 1)}
    return Balancer("vpn.example.com", certificates, dict.fromkeys(silent, "Nothing listens there."))


def agreement(state, wire=(), device=None):
    """place -> whether it agrees; of several alike, a list."""
    found = {}
    for surface in surfaces_of(state, wire, device):
        found.setdefault(surface.place, []).append(surface.agrees)
    return {place: agrees[0] if len(agrees) == 1 else agrees for place, agrees in found.items()}


def shown(state, place, wire=(), device=None):
    (surface,) = [surface for surface in surfaces_of(state, wire, device) if surface.place == place]
    return surface.to_result(state.time)


# --- which agree ---


@pytest.mark.parametrize(
    ("state", "otherwise"),
    [
        pytest.param(healthy(), {}, id="healthy"),
        pytest.param(with_records(healthy(), record(V4, OLD.thumbprint), record(V6, NEW.thumbprint)), {"binding_ipv6": False}, id="IPv6 has another one"),
        pytest.param(ONLY_V4, {"binding_ipv6": False}, id="no record for IPv6"),
        pytest.param(with_adapters(ONLY_V4, ipv6=False), {"binding_ipv6": None}, id="no record for IPv6, which no adapter has"),
        pytest.param(with_records(healthy(), record(V6, OLD.thumbprint)), {"binding_ipv4": False}, id="no record for IPv4"),
        pytest.param(with_records(healthy()), NOTHING_BOUND, id="no records"),
        pytest.param(with_records(healthy(), record(V4, ""), record(V6, "")), NOTHING_BOUND, id="records without a certificate"),
        pytest.param(with_sha256(healthy(), NEW.sha256), {"registry_sha256": False}, id="stale hash"),
        pytest.param(with_sha256(healthy(), "00" * 32), {"registry_sha256": False}, id="hash of nobody knows what"),
        pytest.param(with_parameter(healthy(), "SHA256CertificateHash", None), {"registry_sha256": False}, id="no hash"),
        pytest.param(with_sha256(healthy(), OLD.sha256[:62]), {"registry_sha256": False}, id="hash too short"),
        pytest.param(with_sha256(healthy(), OLD.sha256, kind="string"), {"registry_sha256": False}, id="hash as a string"),
        pytest.param(with_sha256(healthy(), None, length=8192), {"registry_sha256": False}, id="hash far too long"),
        pytest.param(with_sha256(healthy(), OLD.thumbprint), {"registry_sha256": False}, id="thumbprint in place of the hash"),
        pytest.param(with_sha1(healthy(), NEW.thumbprint), {"registry_sha1": False}, id="stale SHA-1"),
        pytest.param(with_sha1(healthy(), OLD.sha256), {"registry_sha1": False}, id="SHA-256 in place of the SHA-1"),
        pytest.param(with_parameter(healthy(), "SHA1CertificateHash", None), {"registry_sha1": None}, id="no SHA-1, which need not be there"),
        pytest.param(with_certificates(healthy(), stored(OLD), stored(NEW, key=good_key(NEW))), {"store": False}, id="no private key"),
        pytest.param(with_certificates(healthy(), stored(OLD, key=good_key(OLD, proven=False))), {"store": False}, id="key of another certificate"),
        pytest.param(with_certificates(healthy(), stored(OLD, key=good_key(OLD, acquire_code=None, proven=None))), {}, id="key that nobody has tried"),
        pytest.param(
            with_served(healthy(), Served(LOOPBACK_V4, NEW.certificate, None), Served(LOOPBACK_V6, OLD.certificate, None)),
            {"served_ipv4": False},
            id="another certificate served",
        ),
        pytest.param(
            with_served(healthy(), Served(LOOPBACK_V4, OLD.certificate, None), Served(LOOPBACK_V6, None, REFUSED)), {"served_ipv6": None}, id="nothing served"
        ),
    ],
)
def test_each_place_agrees_but_for_the_one_that_is_wrong(state, otherwise):
    assert agreement(state) == dict.fromkeys(PLACES, True) | otherwise


def test_a_certificate_that_is_in_no_store_is_known_by_its_thumbprint():
    """Its SHA-256 hash is not, so that of the registry can be held against nothing."""
    state = with_certificates(healthy(), stored(NEW, key=good_key(NEW)))
    assert agreement(state) == dict.fromkeys(PLACES, True) | {"registry_sha256": None, "store": False}
    assert shown(state, "binding_ipv4")["shows"] == "a certificate that is not in MY"
    assert shown(state, "binding_ipv4")["thumbprint"] == OLD.thumbprint
    assert shown(state, "store")["shows"] == "no such certificate"


def test_the_store_is_the_one_that_the_record_names():
    state = with_records(healthy(), *(record(endpoint, OLD.thumbprint, certificate_store_name="WebHosting") for endpoint in (V4, V6)))
    told = shown(state, "store")
    assert (told["subject"], told["shows"], told["agrees"]) == ("LocalMachine\\WEBHOSTING", "no such certificate", False)
    state = with_certificates(state, stored(OLD, "WEBHOSTING", good_key(OLD)))
    assert agreement(state) == dict.fromkeys(PLACES, True)


def test_what_another_port_serves_is_no_place():
    served = Served(Endpoint("ip", "127.0.0.1", 8443), NEW.certificate, None)
    assert list(agreement(with_served(healthy(), served))) == PLACES[:5]


def test_without_sstp_there_is_no_place():
    assert surfaces_of(without_service(healthy(), "SstpSvc"), [sight(OLD)]) == ()
    assert surfaces_of(dataclasses.replace(healthy(), parameters=None)) == ()


# --- what clients are shown ---


@pytest.mark.parametrize(("issued", "agrees"), [(OLD, True), (NEW, False), (None, None)])
def test_the_wire_is_held_against_what_the_server_means(issued, agrees):
    assert agreement(healthy(), [sight(issued)]) == dict.fromkeys(PLACES, True) | {"wire": agrees}


def test_each_address_of_the_wire_is_a_place():
    found = surfaces_of(healthy(), [sight(OLD), sight(NEW, "[2001:db8::5]:443"), sight(None, "203.0.113.6:443")])
    assert [(s.subject, s.shows, s.agrees) for s in found if s.place == "wire"] == [
        (ON_THE_WIRE, "CN=old.example.com", True),
        ("[2001:db8::5]:443", "CN=new.example.com", False),
        ("203.0.113.6:443", "Nothing listens there.", None),
    ]


def test_an_earlier_look_at_the_wire_has_hashes_alone():
    earlier = dataclasses.replace(sight(NEW), certificate=None)
    told = shown(healthy(), "wire", [earlier])
    assert (told["thumbprint"], told["sha256"], told["agrees"], told["not_after"], told["days_left"]) == (NEW.thumbprint, NEW.sha256, False, None, None)


# --- where somebody has chosen the certificate ---


def test_in_administrator_mode_the_hash_says_which_certificate_is_meant():
    state = with_sha1(administered(healthy(), NEW), NEW.thumbprint)
    disagreeing = ["binding_ipv4", "binding_ipv6", "served_ipv4", "served_ipv6"]
    assert agreement(state) == dict.fromkeys(PLACES, True) | dict.fromkeys(disagreeing, False)
    assert shown(state, "store")["thumbprint"] == NEW.thumbprint


def test_in_administrator_mode_a_hash_of_nobody_knows_what_is_meant_all_the_same():
    state = with_sha256(administered(healthy()), "00" * 32)
    assert agreement(state) == dict.fromkeys(PLACES, False) | {"registry_sha256": True, "registry_sha1": None}


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(with_parameter(administered(healthy()), "SHA256CertificateHash", None), id="no hash"),
        pytest.param(with_sha256(administered(healthy()), OLD.sha256[:62]), id="hash too short"),
        pytest.param(with_sha256(administered(healthy()), OLD.thumbprint), id="thumbprint in place of the hash"),
        pytest.param(with_sha256(administered(healthy()), OLD.sha256, kind="string"), id="hash as a string"),
        pytest.param(with_sha256(administered(healthy()), None, length=8192), id="hash far too long"),
    ],
)
def test_in_administrator_mode_nothing_is_meant_without_a_hash_that_is_one(state):
    """The hash is wrong; nothing can be said against the others."""
    assert agreement(state) == dict.fromkeys(PLACES) | {"registry_sha256": False}


def test_behind_a_balancer_its_certificates_are_the_places():
    state = offloading(healthy())
    found = agreement(state, [sight(NEW)], balancer(OLD, NEW, silent=["192.0.2.9:443"]))
    assert found == {"registry_sha256": True, "registry_sha1": None, "balancer": [True, False, None], "wire": False}


def test_behind_a_balancer_the_hash_is_told_by_what_that_shows():
    state = with_certificates(offloading(healthy(), OTHER.sha256))
    assert shown(state, "registry_sha256")["shows"] == "the hash of no certificate that is known"
    assert shown(state, "registry_sha256", device=balancer(OTHER))["shows"] == "CN=other.example.com"


def test_behind_a_balancer_nothing_is_meant_without_a_hash():
    state = with_parameter(offloading(healthy()), "SHA256CertificateHash", None)
    assert agreement(state, (), balancer(OLD)) == {"registry_sha256": False, "registry_sha1": None, "balancer": None}


# --- what each shows ---


@pytest.mark.parametrize(
    ("state", "words"),
    [
        pytest.param(with_sha256(healthy(), OLD.sha256[:62]), f"no hash: {OLD.sha256[:62]}", id="too short"),
        pytest.param(with_sha256(healthy(), OLD.thumbprint), f"no hash: {OLD.thumbprint}", id="a thumbprint"),
        pytest.param(with_sha256(healthy(), "x", kind="string"), "no hash: (string) x", id="a string"),
        pytest.param(with_sha256(healthy(), None, length=8192), "no hash: (binary, 8192 characters)", id="far too long"),
    ],
)
def test_a_value_that_is_no_hash_is_shown_and_names_no_certificate(state, words):
    told = shown(state, "registry_sha256")
    assert (told["shows"], told["thumbprint"], told["sha256"], told["not_after"], told["days_left"]) == (words, None, None, None, None)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        pytest.param(None, "no private key", id="no key"),
        pytest.param(good_key(OLD), "a private key that signs", id="proven"),
        pytest.param(good_key(OLD, acquire_code=None, proven=None), "a private key", id="not tried"),
        pytest.param(good_key(OLD, flags=0), "it is a key of a user, and not of the machine", id="key of a user"),
    ],
)
def test_the_store_shows_the_key(key, words):
    assert shown(with_certificates(healthy(), stored(OLD, key=key)), "store")["shows"] == f"CN=old.example.com, {words}"


def test_what_cannot_be_seen_is_escaped():
    state = with_served(healthy(), Served(LOOPBACK_V4, None, {**REFUSED, "message": "re\nfused\u202e"}))
    assert shown(state, "served_ipv4")["shows"] == r"re\nfused\u202e"


def test_each_certificate_is_told_once():
    told = certificates_result(surfaces_of(healthy(), [sight(NEW)]), NOW)
    assert [(one["thumbprint"], one["days_left"]) for one in told] == [(OLD.thumbprint, 304), (NEW.thumbprint, 304)]


# --- how long it holds ---


@pytest.mark.parametrize(
    ("left", "days"),
    [
        pytest.param(DAY, 1, id="a day"),
        pytest.param(2 * DAY - SECOND, 1, id="nearly two days"),
        pytest.param(DAY - SECOND, 0, id="less than a day"),
        pytest.param(0 * DAY, 0, id="now"),
        pytest.param(-SECOND, -1, id="a second ago"),
        pytest.param(-30 * DAY, -30, id="30 days ago"),
    ],
)
def test_days_that_are_left(left, days):
    assert days_left(issue(not_after=NOW + left).certificate, NOW) == days


# --- certificates that are in use without being bound ---


def test_what_is_bound_is_at_no_other_place():
    assert at_other_places(healthy(), [sight(OLD)]) == []


@pytest.mark.parametrize(
    ("state", "wire", "issued", "places"),
    [
        pytest.param(with_sha256(healthy(), NEW.sha256), [], NEW, ["SHA256CertificateHash"], id="in the hash"),
        pytest.param(healthy(), [sight(OTHER)], OTHER, [ON_THE_WIRE], id="on the wire"),
        pytest.param(with_sha256(healthy(), NEW.sha256), [sight(NEW)], NEW, ["SHA256CertificateHash", ON_THE_WIRE], id="in both"),
        pytest.param(with_served(healthy(), Served(LOOPBACK_V4, OTHER.certificate, None)), [], OTHER, ["127.0.0.1:443"], id="on the host itself"),
        pytest.param(administered(healthy(), NEW), [], NEW, ["SHA256CertificateHash", "LocalMachine\\MY"], id="configured and not bound"),
    ],
)
def test_a_certificate_that_is_in_use_elsewhere(state, wire, issued, places):
    assert at_other_places(state, wire) == [(issued.certificate, places)]


def test_the_sha1_alone_is_no_use():
    """Windows' own clients do not ask for it."""
    assert at_other_places(with_sha1(healthy(), NEW.thumbprint), []) == []


def test_a_store_is_no_use_by_itself():
    assert at_other_places(with_certificates(healthy(), stored(OLD, key=good_key(OLD)), stored(OTHER, key=good_key(OTHER))), []) == []


EXPIRING = issue(not_after=NOW + 10 * DAY)
EXPIRED = issue(not_after=NOW - DAY)


def about_time(state, *wire):
    return [(f.id, f.subject) for f in judge(state, Policy(wire=wire)).findings if f.id in ("certificate_expiring", "certificate_expired")]


def test_it_is_asked_of_the_certificate_in_the_hash_how_long_it_holds():
    state = with_sha256(with_certificates(healthy(), stored(OLD, key=good_key(OLD)), stored(EXPIRING, key=good_key(EXPIRING))), EXPIRING.sha256)
    assert about_time(state) == [("certificate_expiring", f"SHA256CertificateHash ({EXPIRING.thumbprint})")]


def test_it_is_asked_of_the_certificate_on_the_wire_how_long_it_holds():
    assert about_time(healthy(), sight(EXPIRED)) == [("certificate_expired", f"{ON_THE_WIRE} ({EXPIRED.thumbprint})")]


def test_several_places_of_one_certificate_are_one_finding():
    served = [Served(endpoint, EXPIRING.certificate, None) for endpoint in (LOOPBACK_V4, LOOPBACK_V6)]
    expected = f"127.0.0.1:443, [::1]:443, {ON_THE_WIRE} ({EXPIRING.thumbprint})"
    assert about_time(with_served(healthy(), *served), sight(EXPIRING)) == [("certificate_expiring", expected)]


def test_the_bound_one_is_found_once_wherever_else_it_is():
    assert about_time(bound_to(EXPIRING), sight(EXPIRING)) == [("certificate_expiring", f"0.0.0.0:443, [::]:443 ({EXPIRING.thumbprint})")]


def test_what_else_is_wrong_with_it_is_asked_where_it_is_bound_alone():
    unfit = issue(eku=(certificate_factory.CLIENT_AUTHENTICATION,))
    assert "eku_unfit" in [finding.id for finding in judge(bound_to(unfit), Policy()).findings]
    assert "eku_unfit" not in [finding.id for finding in judge(healthy(), Policy(wire=(sight(unfit),))).findings]


# --- all states ---


@given(host_states_of_every_mode())
def test_every_state_has_its_places(state):
    found = surfaces_of(state, [sight(OLD)], balancer(NEW))
    assert len({(surface.place, surface.subject) for surface in found}) == len(found)
    for surface in found:
        told = surface.to_result(state.time)
        assert told["shows"]
        assert (told["not_after"] is None) is (told["days_left"] is None) is (surface.certificate is None)
