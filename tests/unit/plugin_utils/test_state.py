# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the back-end's facts to a HostState."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt

import certificate_factory
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.inputs import Endpoint, parse_endpoint
from ansible_collections.rras.sstp.plugins.plugin_utils.names import SSTP_APP_ID
from ansible_collections.rras.sstp.plugins.plugin_utils.state import (
    Adapter,
    KeyContainer,
    KeyReference,
    Keys,
    LoggedEvent,
    Mention,
    Node,
    RegistryValue,
    RemoteAccess,
    SslRecord,
    parse_time,
    read_event,
    read_state,
)
from host_factory import (
    CHALLENGE,
    KSP,
    V4,
    V6,
    administered,
    good_key,
    healthy,
    healthy_facts,
    key_fact,
    offloading,
    record,
    record_fact,
    service_fact,
    stored_fact,
    with_adapters,
    with_parameter,
    with_records,
    without_service,
)

OLD, NEW = certificate_factory.old(), certificate_factory.new()


def read(facts):
    return read_state(facts, "state-1", CHALLENGE)


# --- the whole ---


def test_a_healthy_host_is_read():
    state = healthy()
    assert state.state_id == "state-1"
    assert (state.port, state.ports) == (443, (443,))
    assert state.pair == (record(V4, OLD.thumbprint), record(V6, OLD.thumbprint))
    assert state.certificate(OLD.thumbprint).certificate == OLD.certificate
    assert [served.certificate for served in state.served] == [OLD.certificate, OLD.certificate]
    assert state.service("RemoteAccess").depends_on == ("RasMan", "RpcSS")
    assert state.time == dt.datetime(2026, 3, 1, 12, tzinfo=dt.timezone.utc)
    assert state.build == 20348
    assert state.installed
    assert not state.interrupted


def test_every_field_of_a_record_is_read():
    fact = record_fact(
        "0.0.0.0",
        OLD.thumbprint,
        app_id=SSTP_APP_ID.upper(),
        certificate_store_name="WebHosting",
        check_mode=5,
        revocation_freshness_time=3600,
        url_retrieval_timeout=15000,
        ctl_identifier="issuers",
        ctl_store_name="CTLs",
        flags=0x80000012,
    )
    facts = {"ports": [443], "http": {"records": [fact]}}
    assert read(facts).records == (SslRecord(V4, OLD.thumbprint, SSTP_APP_ID, "WebHosting", 5, 3600, 15000, "issuers", "CTLs", 0x80000012),)


@pytest.mark.parametrize(
    ("fields", "endpoint"),
    [
        pytest.param({"family": "ip", "address": "::"}, V6, id="v6"),
        pytest.param({"family": "sni", "host": "vpn.example.com"}, Endpoint("sni", "0.0.0.0", 443, "vpn.example.com"), id="host name"),
        pytest.param({"family": "ccs"}, Endpoint("ccs", "0.0.0.0", 443), id="central certificate store"),
    ],
)
def test_the_key_of_a_record_is_read(fields, endpoint):
    facts = {"ports": [443], "http": {"records": [record_fact("0.0.0.0", "", **fields)]}}
    assert read(facts).records[0].endpoint == endpoint


@pytest.mark.parametrize(
    ("fields", "written"),
    [
        pytest.param({"family": "sni", "host": "VPN.Example.com"}, "VPN.Example.com:443", id="upper-case host"),
        pytest.param({"address": "::ffff:192.0.2.1"}, "[::ffff:192.0.2.1]:443", id="v4 address inside v6, as .NET writes it"),
        pytest.param({"address": "2001:DB8::5"}, "[2001:DB8::5]:443", id="upper-case v6"),
    ],
)
def test_a_record_is_found_in_whatever_spelling(fields, written):
    facts = {"ports": [443], "http": {"records": [record_fact("0.0.0.0", OLD.thumbprint, **fields)]}}
    assert read(facts).record(parse_endpoint(written)) is not None


@pytest.mark.parametrize("facet", ["http", "sstp", "services", "stores", "served", "host", "product"])
def test_a_facet_may_be_missing(facet):
    facts = healthy_facts()
    del facts[facet]
    state = read(facts)
    assert state.port == 443


def test_nothing_but_the_ports_is_needed():
    state = read({"ports": [8443, 443]})
    assert (state.port, state.ports) == (8443, (8443, 443))
    assert state.pair == (None, None)
    assert state.parameters is None
    assert state.build == 0
    assert not state.installed


def test_a_host_without_sstp_has_no_parameters():
    facts = {**healthy_facts(), "sstp": {"parameters": None, "config_store": None}, "services": []}
    state = read(facts)
    assert state.sha256 is None
    assert not state.installed


@pytest.mark.parametrize(
    ("journal", "interrupted"),
    [(None, False), ({}, True), ({"0000": {"kind": "string", "data": "{}"}}, True)],
)
def test_a_journal_tells_of_an_interrupted_change(journal, interrupted):
    facts = {**healthy_facts(), "product": {"predecessors": None, "journal": journal}}
    assert read(facts).interrupted is interrupted


def test_predecessors_are_read():
    predecessors = {OLD.thumbprint: {"kind": "string", "data": "2026-02-01T00:00:00Z"}}
    facts = {**healthy_facts(), "product": {"predecessors": predecessors, "journal": None}}
    assert read(facts).predecessors == {OLD.thumbprint: "2026-02-01T00:00:00Z"}


# --- registry values ---


@pytest.mark.parametrize("name", ["SHA256CertificateHash", "sha256certificatehash", "Sha256CertificateHASH"])
def test_names_of_values_are_not_case_sensitive(name):
    state = with_parameter(healthy(), name, RegistryValue("binary", "AB"))
    assert state.sha256 == RegistryValue("binary", "AB")
    assert state.parameter("SHA256CERTIFICATEHASH") == RegistryValue("binary", "AB")


def test_a_value_that_is_too_long_is_known_by_its_length():
    facts = healthy_facts()
    facts["sstp"]["parameters"]["SHA256CertificateHash"] = {"kind": "binary", "data": None, "length": 8192}
    assert read(facts).sha256 == RegistryValue("binary", None, 8192)


@pytest.mark.parametrize(
    ("use_https", "by_admin", "mode"),
    [
        pytest.param(None, None, "automatic", id="neither value"),
        pytest.param(1, 0, "automatic", id="both at their defaults"),
        pytest.param(1, 1, "administrator", id="chosen by the administrator"),
        pytest.param(None, 1, "administrator", id="chosen by the administrator, UseHttps absent"),
        pytest.param(0, 1, "offload", id="TLS ended in front, hash by the administrator"),
        pytest.param(0, None, "offload", id="TLS ended in front"),
    ],
)
def test_mode(use_https, by_admin, mode):
    state = healthy()
    for name, data in (("USEHTTPS", use_https), ("IsHashConfiguredByAdmin", by_admin)):
        state = with_parameter(state, name, None if data is None else RegistryValue("dword", data))
    assert state.mode == mode


# --- certificates and keys ---


def key_of(issued, fact, challenge=CHALLENGE):
    facts = {"ports": [443], "stores": {"MY": [stored_fact(issued, fact)]}}
    return read_state(facts, "state-1", challenge).certificate(issued.thumbprint).key


@pytest.mark.parametrize("issued", [pytest.param(OLD, id="RSA"), pytest.param(NEW, id="ECDSA")])
def test_a_key_that_signs_is_proven(issued):
    assert key_of(issued, key_fact(issued, CHALLENGE)) == good_key(issued)


def test_a_key_that_signs_another_challenge_is_not_proven():
    key = key_of(NEW, key_fact(NEW, CHALLENGE), challenge=b"\x02" * 32)
    assert (key.proven, key.usable) == (False, False)


def test_a_key_of_another_certificate_is_not_proven():
    fact = key_fact(certificate_factory.other(), CHALLENGE)
    assert key_of(NEW, fact).usable is False


@pytest.mark.parametrize(
    ("fields", "usable"),
    [
        pytest.param({}, True, id="opens"),
        pytest.param({"acquire_code": -2146893802}, False, id="does not open"),
        pytest.param({"acquire_code": None}, None, id="left alone"),
    ],
)
def test_a_key_that_was_not_asked_to_sign(fields, usable):
    key = key_of(NEW, key_fact(NEW, **fields))
    assert key.proven is None
    assert key.usable is usable


def test_where_a_key_lies_is_read():
    key = key_of(NEW, key_fact(NEW, container="{A}", provider_type=12, flags=0, key_spec=1))
    assert (key.container, key.provider, key.provider_type, key.flags, key.key_spec) == ("{A}", KSP, 12, 0, 1)


def test_a_certificate_without_a_key():
    assert key_of(NEW, None) is None


def test_stores_are_not_case_sensitive():
    state = read({"ports": [443], "stores": {"WebHosting": [stored_fact(NEW, None)]}})
    assert state.certificate(NEW.thumbprint, "webhosting").store == "WEBHOSTING"
    assert state.certificate(NEW.thumbprint) is None


def test_an_unreadable_certificate_does_not_hide_the_others():
    odd = {"thumbprint": "", "raw": base64.b64encode(b"odd").decode(), "friendly_name": "odd", "key": None}
    state = read({"ports": [443], "stores": {"MY": [odd, stored_fact(NEW, None)]}})
    assert [c.certificate.subject for c in state.certificates] == ["(unreadable)", "CN=new.example.com"]


def test_an_unreadable_certificate_whose_key_signs():
    odd = {"raw": base64.b64encode(b"odd").decode(), "friendly_name": None, "key": key_fact(NEW, CHALLENGE)}
    state = read({"ports": [443], "stores": {"MY": [odd]}})
    (stored,) = state.certificates
    assert stored.key.proven is None


# --- what is served, the clock ---


def test_an_address_that_serves_nothing_has_an_error():
    error = {"function": None, "code": 10061, "message": "refused"}
    facts = {**healthy_facts(), "served": [{"address": "::1", "port": 443, "raw": None, "error": error}]}
    (served,) = read(facts).served
    assert (str(served.endpoint), served.certificate, served.error) == ("[::1]:443", None, error)


@pytest.mark.parametrize(("build", "expected"), [("17763", 17763), (20348, 20348), (None, 0), ("", 0), ("insider", 0)])
def test_build(build, expected):
    assert dataclasses.replace(healthy(), host={"build": build}).build == expected


def test_time_is_utc():
    assert parse_time("2026-02-03T04:05:06Z") == dt.datetime(2026, 2, 3, 4, 5, 6, tzinfo=dt.timezone.utc)


@pytest.mark.parametrize(
    ("fraction", "microsecond"), [("", 0), (".5", 500_000), (".250", 250_000), (".1234567", 123_456), (".123456700", 123_456)]
)  # fmt: skip
def test_a_time_has_as_many_digits_as_windows_writes(fraction, microsecond):
    assert parse_time(f"2026-02-03T04:05:06{fraction}Z").microsecond == microsecond


@pytest.mark.parametrize("text", ["", "2026-02-03T04:05:06", "2026-02-03 04:05:06Z", "2026-13-03T04:05:06Z", "2026-02-03T04:05:06+01:00"])
def test_what_is_no_time_in_utc(text):
    with pytest.raises(ValueError, match="time"):
        parse_time(text)


# --- events ---

NAMESPACE = "http://schemas.microsoft.com/win/2004/08/events/event"
TIME = "2026-03-01T11:59:58.1234567Z"


def event_xml(number="21", level="<Level>2</Level>", data="<EventData><Data>no record</Data></EventData>", time=TIME, namespace=NAMESPACE):
    return (
        f"<Event xmlns='{namespace}'><System><Provider Name='Microsoft-Windows-RasSstp' Guid='{{6c260f2c-049a-43d8-bf4d-d350a4e6611a}}'/>"
        f"<EventID Qualifiers='0'>{number}</EventID>{level}<TimeCreated SystemTime='{time}'/><Channel>System</Channel></System>{data}</Event>"
    )


EVENT = LoggedEvent(21, 2, dt.datetime(2026, 3, 1, 11, 59, 58, 123_456, tzinfo=dt.timezone.utc), ("no record",))
USER_DATA = "<UserData><Problem xmlns='urn:x'><Code>1312</Code><Where>[::]:443</Where></Problem></UserData>"


@pytest.mark.parametrize(
    ("xml", "event"),
    [
        (event_xml(), EVENT),
        (event_xml().replace("'", '"'), EVENT),
        ("<?xml version='1.0' encoding='utf-16'?>" + event_xml(), EVENT),
        (event_xml("24", "<Level>3</Level>"), dataclasses.replace(EVENT, id=24, level=3)),
        (event_xml(data=""), dataclasses.replace(EVENT, data=())),
        (event_xml(data="<EventData/>"), dataclasses.replace(EVENT, data=())),
        (event_xml(data="<EventData><Data Name='a'>1</Data><Data/><Binary>FF</Binary></EventData>"), dataclasses.replace(EVENT, data=("1", "", "FF"))),
        (event_xml(data=USER_DATA), dataclasses.replace(EVENT, data=("1312", "[::]:443"))),
        (event_xml(data="<EventData><Data>&lt;!DOCTYPE&gt;</Data></EventData>"), dataclasses.replace(EVENT, data=("<!DOCTYPE>",))),
        (event_xml(data="<EventData><Data>Schlüssel 密钥</Data></EventData>"), dataclasses.replace(EVENT, data=("Schlüssel 密钥",))),
        (event_xml(data=f"<EventData><Data>{'x' * 5000}</Data></EventData>"), dataclasses.replace(EVENT, data=("x" * 1024,))),
        (event_xml(data=f"<EventData>{'<a>' * 30_000}x{'</a>' * 30_000}</EventData>"), dataclasses.replace(EVENT, data=("x",))),
        (event_xml(data=f"<EventData>{'<Data>x</Data>' * 100}</EventData>"), dataclasses.replace(EVENT, data=("x",) * 32)),
    ],
)
def test_an_event_is_read_by_its_fields(xml, event):
    assert read_event(xml) == event


GROWING = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>]>"


@pytest.mark.parametrize(
    "xml",
    [
        "",
        "no XML",
        event_xml()[:-1],
        event_xml() + "<more/>",
        GROWING + event_xml(data="<EventData><Data>&b;</Data></EventData>"),
        f"<!doctype x>{event_xml()}",
        event_xml(data="<EventData><Data>&unknown;</Data></EventData>"),
        event_xml(data="<EventData><Data>\x00</Data></EventData>"),
        event_xml(data="<EventData><Data>\ud800</Data></EventData>"),
        event_xml(data=f"<EventData><Data>{'x' * (1 << 18)}</Data></EventData>"),
        event_xml(namespace="urn:another"),
        event_xml().replace("Event>", "Other>").replace("<Event ", "<Other "),
        "<Event/>",
        f"<Event xmlns='{NAMESPACE}'><EventID>21</EventID></Event>",
        event_xml(""),
        event_xml("-1"),
        event_xml("٢١"),
        event_xml("123456"),
        event_xml("0x15"),
        event_xml(level=""),
        event_xml(level="<Level>high</Level>"),
        event_xml(time=""),
        event_xml(time="yesterday"),
        event_xml(time="2026-02-30T00:00:00Z"),
        event_xml().replace("<TimeCreated", "<Created"),
    ],
)  # fmt: skip
def test_what_is_no_event_is_left_out(xml):
    assert read_event(xml) is None


def test_events_stay_in_the_order_of_the_host():
    facts = {**healthy_facts(), "events": {"records": [event_xml(), event_xml("24")], "error": None}}
    assert [event.id for event in read(facts).events] == [21, 24]
    assert read(facts).events_error is None


def test_that_records_are_no_events_is_told():
    state = read({**healthy_facts(), "events": {"records": [event_xml(), "no XML", GROWING], "error": None}})
    assert state.events == (EVENT,)
    assert state.events_error == {"function": None, "code": None, "message": "2 of 3 records are no events"}


def test_a_log_that_cannot_be_read_has_an_error():
    error = {"function": None, "code": 5, "message": "no"}
    state = read({**healthy_facts(), "events": {"records": [], "error": error}})
    assert (state.events, state.events_error) == ((), error)


def test_nobody_asked_for_events():
    assert (healthy().events, healthy().events_error) == ((), None)


# --- looking things up ---


def test_the_pair_is_that_of_the_port():
    other_port = record(Endpoint("ip", "0.0.0.0", 8443), NEW.thumbprint)
    state = dataclasses.replace(with_records(healthy(), record(V4, OLD.thumbprint), other_port), port=8443)
    assert state.pair == (other_port, None)


def test_services_are_not_case_sensitive():
    assert healthy().service("remoteaccess").name == "RemoteAccess"
    assert without_service(healthy(), "RemoteAccess").service("RemoteAccess") is None


@pytest.mark.parametrize(
    ("name", "store", "name_after"),
    [
        pytest.param(None, "MY", None, id="no name means MY"),
        pytest.param("", "MY", "", id="an empty name means MY"),
        pytest.param("My", "MY", "My", id="MY in IIS's spelling stays as it is"),
        pytest.param("WebHosting", "WEBHOSTING", "MY", id="another store becomes MY"),
    ],
)
def test_the_store_of_a_record_when_bound_to_a_certificate_of_my(name, store, name_after):
    old = record(V4, OLD.thumbprint, certificate_store_name=name)
    assert old.store == store
    assert old.bound_to(NEW.thumbprint).certificate_store_name == name_after


def test_a_state_cannot_be_read_without_ports():
    with pytest.raises((KeyError, IndexError, SstpError)):
        read({"ports": []})


# --- the subkey and the note of what was before offload ---


def test_the_subkey_and_the_note_are_read():
    facts = healthy_facts()
    facts["sstp"]["config_store"] = {"UseHttps": {"kind": "dword", "data": 0}}
    facts["product"]["before_offload"] = {"mode": {"kind": "string", "data": "automatic"}}
    state = read(facts)
    assert state.config_store == {"UseHttps": RegistryValue("dword", 0)}
    assert state.before_offload == {"mode": RegistryValue("string", "automatic")}


def test_no_subkey_is_not_an_empty_one():
    facts = healthy_facts()
    facts["sstp"]["config_store"] = None
    assert read(facts).config_store is None


# --- the port on which SSTP listens ---


@pytest.mark.parametrize(
    ("state", "value", "port"),
    [
        pytest.param(healthy(), RegistryValue("dword", 8443), 8443, id="as it says"),
        pytest.param(healthy(), RegistryValue("dword", 0), 443, id="0, HTTPS"),
        pytest.param(healthy(), None, 443, id="absent, HTTPS"),
        pytest.param(healthy(), RegistryValue("string", "8443"), 443, id="no number, HTTPS"),
        pytest.param(administered(healthy()), None, 443, id="absent, administrator"),
        pytest.param(offloading(healthy()), None, 80, id="absent, plain HTTP"),
        pytest.param(offloading(healthy()), RegistryValue("dword", 0), 80, id="0, plain HTTP"),
        pytest.param(offloading(healthy()), RegistryValue("dword", 443), 443, id="as it says, plain HTTP"),
    ],
)
def test_the_port_on_which_sstp_listens(state, value, port):
    state = with_parameter(state, "ListenerPort", value)
    assert state.listener_port == port
    assert dataclasses.replace(state, port=9443).listener_port == port


@pytest.mark.parametrize(("mode", "port"), [("automatic", 443), ("administrator", 443), ("offload", 80)])
def test_the_port_in_another_mode(mode, port):
    for state in (healthy(), offloading(healthy())):
        assert with_parameter(state, "ListenerPort", None).port_in(mode) == port
        assert with_parameter(state, "ListenerPort", RegistryValue("dword", 8443)).port_in(mode) == 8443


# --- network adapters ---


def test_an_adapter_is_read():
    facts = healthy_facts()
    adapter = {"name": "Ethernet", "kind": "Ethernet", "up": True, "ipv4": True, "ipv6": False, "addresses": ["192.0.2.1", "fe80::1%4"]}
    facts["host"]["adapters"] = [adapter]
    state = read(facts)
    assert state.adapters == (Adapter("Ethernet", "ethernet", True, True, False, ("192.0.2.1", "fe80::1")),)
    assert "adapters" not in state.host


def test_a_host_that_tells_of_no_adapters_has_none():
    assert healthy().adapters == ()


NETWORK = Adapter("Ethernet", "ethernet", True, True, True, ())
LOOPBACK = Adapter("Loopback", "loopback", True, True, True, ())
NO_V6, NO_V4 = dataclasses.replace(NETWORK, ipv6=False), dataclasses.replace(NETWORK, ipv4=False)


@pytest.mark.parametrize(
    ("adapters", "wildcards"),
    [
        pytest.param((), (V4, V6), id="not known"),
        pytest.param((LOOPBACK,), (V4, V6), id="loopback alone"),
        pytest.param((LOOPBACK, NETWORK), (V4, V6), id="both bound"),
        pytest.param((LOOPBACK, NO_V6), (V4,), id="IPv6 not bound"),
        pytest.param((LOOPBACK, NO_V4), (V6,), id="IPv4 not bound"),
        pytest.param((NO_V6, NO_V4), (V4, V6), id="each on an adapter of its own"),
        pytest.param((NO_V6, dataclasses.replace(NO_V4, up=False)), (V4,), id="IPv6 on an adapter that is down"),
        pytest.param((NO_V6, dataclasses.replace(NETWORK, kind="tunnel")), (V4,), id="IPv6 in a tunnel"),
        pytest.param((NO_V6, dataclasses.replace(NETWORK, kind="ppp")), (V4,), id="IPv6 to dial-in clients"),
        pytest.param((dataclasses.replace(NO_V6, up=False),), (V4, V6), id="all are down"),
    ],
)
def test_the_records_that_a_host_is_to_have(adapters, wildcards):
    assert dataclasses.replace(with_records(healthy()), adapters=adapters).wildcards == wildcards


def test_a_record_that_is_there_is_to_be_there_whatever_the_adapters():
    assert with_adapters(healthy(), ipv6=False).wildcards == (V4, V6)


def test_the_records_that_a_host_is_to_have_are_of_its_port():
    state = dataclasses.replace(with_adapters(healthy(), ipv6=False), port=8443)
    assert [str(endpoint) for endpoint in state.wildcards] == ["0.0.0.0:8443"]


# --- what RRAS itself says ---

VIEW = {"available": True, "ssl_certificate": None, "use_http": None, "connect_to": None, "nodes": [], "error": None}


@pytest.mark.parametrize(
    ("fact", "view"),
    [
        pytest.param(None, None, id="nobody has asked"),
        pytest.param({"available": False}, RemoteAccess(False), id="no cmdlet"),
        pytest.param(VIEW, RemoteAccess(True), id="nothing configured"),
        pytest.param({**VIEW, "ssl_certificate": base64.b64encode(NEW.der).decode()}, RemoteAccess(True, NEW.certificate), id="certificate"),
        pytest.param({**VIEW, "use_http": False}, RemoteAccess(True, use_http=False), id="TLS"),
        pytest.param({**VIEW, "use_http": True}, RemoteAccess(True, use_http=True), id="HTTP"),
        pytest.param({**VIEW, "connect_to": "da.example.com"}, RemoteAccess(True, connect_to="da.example.com"), id="DirectAccess"),
        pytest.param({**VIEW, "connect_to": ""}, RemoteAccess(True), id="no DirectAccess"),
        pytest.param({**VIEW, "nodes": [{"name": "VPN2", "status": "Stopped"}]}, RemoteAccess(True, nodes=(Node("VPN2", "Stopped"),)), id="cluster"),
        pytest.param({**VIEW, "nodes": None}, RemoteAccess(True), id="no cluster"),
        pytest.param({**VIEW, "advertised": base64.b64encode(NEW.der).decode()}, RemoteAccess(True, advertised=NEW.certificate), id="IKEv2"),
        pytest.param({**VIEW, "error": {"message": "no"}}, RemoteAccess(True, error={"message": "no"}), id="error"),
    ],
)
def test_what_rras_says_is_read(fact, view):
    assert read({**healthy_facts(), "remote_access": fact}).remote_access == view


# --- stores, keys and mentions ---


def test_authorities_are_kept_apart():
    facts = healthy_facts()
    facts["stores"] |= {"CA": [stored_fact(NEW, None)], "ROOT": []}
    state = read(facts)
    assert [(one.thumbprint, one.store) for one in state.authorities] == [(NEW.thumbprint, "CA")]
    assert state.authority(NEW.thumbprint, "CA") is not None
    assert state.authority(NEW.thumbprint, "ROOT") is None
    assert state.certificate(NEW.thumbprint, "CA") is None


def test_stores_have_an_order_whatever_the_host_gives_them_in():
    facts = healthy_facts()
    mine = facts["stores"]["MY"]
    facts["stores"] = {"WEBHOSTING": mine, "ROOT": mine, "CA": mine[::-1], "AUTHS": mine, "MY": mine}
    state = read(facts)
    assert list(dict.fromkeys(one.store for one in state.certificates)) == ["MY", "AUTHS", "WEBHOSTING"]
    told = [(one.store, one.thumbprint) for one in state.authorities]
    assert told == sorted(told)
    assert len(told) == 4


def test_a_store_of_authorities_that_a_record_names_is_one_like_others():
    facts = healthy_facts()
    facts["stores"] |= {"CA": [stored_fact(NEW, key_fact(NEW))]}
    facts["http"]["records"] = [record_fact("0.0.0.0", NEW.thumbprint, certificate_store_name="ca")]
    assert read(facts).certificate(NEW.thumbprint, "CA") is not None


@pytest.mark.parametrize(("told", "usable"), [({"security": "D:(A;;GA;;;SY)"}, None), ({"security": "D:(A;;GA;;;NS)"}, "its ACL does not let SYSTEM")])
def test_a_key_that_system_cannot_read_is_a_problem(told, usable):
    facts = healthy_facts()
    facts["stores"]["MY"] = [stored_fact(OLD, key_fact(OLD, CHALLENGE, exportable=True, **told))]
    key = read(facts).certificate(OLD.thumbprint).key
    assert key.exportable is True
    assert key.defect is None
    assert key.problem is None if usable is None else key.problem.startswith(usable)


def test_keys_and_mentions_are_read():
    error = {"function": "RegOpenKeyEx", "code": 5, "message": "Access is denied"}
    reference = {"store": "webhosting", "thumbprint": OLD.thumbprint.lower(), "container": "{ab}", "provider": KSP, "provider_type": 0, "flags": 32}
    container = {"provider": KSP, "provider_type": 0, "container": "{ab}"}
    keys = {"references": [reference], "containers": [container], "truncated": True, "errors": [error]}
    mentions = [
        {"place": 1, "where": "a", "thumbprint": OLD.thumbprint.lower(), "error": None},
        {"place": 0, "where": None, "thumbprint": None, "error": error},
    ]
    state = read({**healthy_facts(), "keys": keys, "mentions": mentions})
    assert state.keys == Keys((KeyReference("WEBHOSTING", OLD.thumbprint, "{ab}", KSP),), (KeyContainer("{ab}", KSP, 0),), truncated=True, errors=(error,))
    assert state.mentions == (Mention(1, "a", OLD.thumbprint), Mention(0, None, None, error))
    assert (healthy().keys, healthy().mentions) == (None, None)


DENIED = {"function": "MprAdminConnectionEnumEx", "code": 5, "message": "Access is denied"}
SILENT = {"function": "MprAdminConnectionEnumEx", "code": 1722, "message": "The RPC server is unavailable"}
ROUTER_ONLY = {"function": "MprAdminConnectionEnumEx", "code": 903, "message": "The Demand-dial Interface Manager is not running"}


@pytest.mark.parametrize(
    ("fact", "rras", "read"),
    [
        ({"count": 12, "error": None}, "running", (12, None)),
        ({"count": 0, "error": None}, "running", (0, None)),
        ({"count": None, "error": DENIED}, "running", (None, DENIED)),
        ({"count": None, "error": SILENT}, "stop_pending", (None, SILENT)),
        ({"count": None, "error": SILENT}, "stopped", (0, None)),
        ({"count": None, "error": SILENT}, None, (0, None)),
        ({"count": None, "error": ROUTER_ONLY}, "running", (0, None)),
        (None, "running", (None, None)),
        (None, "stopped", (None, None)),
    ],
)
def test_sessions_are_read(fact, rras, read):
    facts = {**healthy_facts(), "sessions": fact}
    services = [service for service in facts["services"] if service["name"] != "RemoteAccess"]
    facts["services"] = services if rras is None else [*services, service_fact("RemoteAccess", "RasMan", state=rras)]
    state = read_state(facts, "1", CHALLENGE)
    assert (state.sessions, state.sessions_error) == read


def test_without_the_services_it_is_not_known_that_rras_does_not_run():
    facts = {name: fact for name, fact in healthy_facts().items() if name != "services"}
    facts["sessions"] = {"count": None, "error": SILENT}
    assert read_state(facts, "1", CHALLENGE).sessions is None


@pytest.mark.parametrize(("offset", "shown"), [(60, "2026-03-01 13:00"), (-570, "2026-03-01 02:30"), (None, "2026-03-01 12:00")])
def test_the_local_time_is_that_of_the_host(offset, shown):
    facts = healthy_facts()
    facts["host"]["utc_offset"] = offset
    assert f"{read_state(facts, '1', CHALLENGE).local_time:%Y-%m-%d %H:%M}" == shown
