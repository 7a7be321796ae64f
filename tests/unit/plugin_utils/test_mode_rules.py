# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit rules of the modes: each fires on a state made for it, and all are silent on a healthy server of each mode."""

from __future__ import annotations

import dataclasses

import certificate_factory
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.balancer import Balancer
from ansible_collections.rras.sstp.plugins.plugin_utils.findings import Policy
from ansible_collections.rras.sstp.plugins.plugin_utils.inputs import Endpoint
from ansible_collections.rras.sstp.plugins.plugin_utils.plan import Wanted
from ansible_collections.rras.sstp.plugins.plugin_utils.rules import judge
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.client import Depth
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.events import Stage
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.verdict import Code, Verdict
from ansible_collections.rras.sstp.plugins.plugin_utils.state import Adapter, RegistryValue, RemoteAccess
from ansible_collections.rras.sstp.plugins.plugin_utils.wire import Sight
from certificate_factory import CLIENT_AUTHENTICATION, NOW, issue
from host_factory import (
    IIS_APP_ID,
    V4,
    V6,
    administered,
    good_key,
    healthy,
    offloading,
    record,
    stored,
    with_adapters,
    with_certificates,
    with_more_records,
    with_parameter,
    with_records,
    with_sha1,
    with_sha256,
)

OLD, NEW = certificate_factory.old(), certificate_factory.new()
CLIENT_ONLY = issue(eku=(CLIENT_AUTHENTICATION,))
SOON = issue(not_after=NOW + certificate_factory.dt.timedelta(days=10))
EXACT = Endpoint("ip", "203.0.113.5", 443)
ELSEWHERE = Endpoint("ip", "198.51.100.9", 443)
SNI = Endpoint("sni", "0.0.0.0", 443, "vpn.example.com")
CCS = Endpoint("ccs", "0.0.0.0", 443)


def balancer(*certificates, silent=None):
    """A device of which each address shows one of these certificates."""
    shown = {f"198.51.100.{number}:443": issued.certificate for number, issued in enumerate(certificates, 1)}
    return Balancer("vpn.example.com", shown, silent or {})


def sight(issued=None, endpoint="198.51.100.1:443", *, ok=True, code=Code.NOT_SSTP):
    verdict = Verdict(Code.OK if ok else code, Stage.HTTP, "It does not speak SSTP.")
    certificate = issued.certificate if issued else None
    return Sight(endpoint, Depth.HTTP, verdict, certificate and certificate.thumbprint, certificate and certificate.sha256)


SERVED = Policy(balancer=balancer(OLD))


def found(state, policy=SERVED):
    return judge(state, policy).findings


def ids(findings):
    return [finding.id for finding in findings]


def only(state, policy=SERVED):
    (finding,) = found(state, policy)
    return finding


def viewed(state, **view):
    """The state with another answer of RRAS itself; what is not named stays."""
    before = state.remote_access or RemoteAccess(True)
    return dataclasses.replace(state, remote_access=dataclasses.replace(before, **view))


def with_config(state, **values):
    values = {name: value if isinstance(value, RegistryValue) else RegistryValue("dword", value) for name, value in values.items()}
    return dataclasses.replace(state, config_store=values)


# --- nothing to complain of ---


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(healthy(), id="automatic"),
        pytest.param(administered(healthy()), id="administrator"),
        pytest.param(offloading(healthy()), id="offload"),
        pytest.param(with_adapters(healthy()), id="adapters known"),
        pytest.param(with_records(with_adapters(healthy(), ipv6=False), record(V4, OLD.thumbprint)), id="IPv6 not bound, and no record of it"),
        pytest.param(with_adapters(healthy(), ipv6=False), id="IPv6 not bound, and a record all the same"),
        pytest.param(with_records(offloading(healthy())), id="offload without records"),
        pytest.param(with_records(offloading(healthy()), record(V4, NEW.thumbprint, app_id=IIS_APP_ID)), id="offload with records of others"),
        pytest.param(with_parameter(offloading(healthy()), "ListenerPort", None), id="offload on the port of plain HTTP"),
        pytest.param(viewed(offloading(healthy()), use_http=True), id="offload, and RRAS says so"),
        pytest.param(viewed(offloading(healthy()), certificate=NEW.certificate), id="offload, and RRAS keeps a certificate"),
        pytest.param(dataclasses.replace(administered(healthy()), remote_access=None), id="administrator, and nobody has asked RRAS"),
        pytest.param(dataclasses.replace(administered(healthy()), remote_access=RemoteAccess(False)), id="administrator without the cmdlet"),
        pytest.param(viewed(administered(healthy()), use_http=None), id="RRAS does not say who ends TLS"),
        pytest.param(viewed(healthy(), certificate=OLD.certificate), id="automatic, and RRAS has the bound certificate"),
        pytest.param(viewed(healthy()), id="automatic, and RRAS has none"),
        pytest.param(with_config(healthy(), UseHttps=1, ListenerPort=443), id="ConfigStore says the same"),
        pytest.param(with_config(healthy(), ListenerPort=0), id="ConfigStore says the default"),
        pytest.param(dataclasses.replace(healthy(), config_store=None), id="no ConfigStore"),
        pytest.param(with_config(offloading(healthy()), UseHttps=0, ListenerPort=443), id="offload, and ConfigStore says so"),
    ],
)
def test_nothing_is_found(state):
    assert found(state) == ()


# --- one rule each ---

CONFIGURED_GONE = with_certificates(administered(healthy(), NEW), *(c for c in healthy().certificates if c.thumbprint == OLD.thumbprint))

RULES = [
    pytest.param(
        viewed(with_sha256(administered(healthy()), NEW.sha256), certificate=NEW.certificate),
        "configured_certificate_not_bound",
        "error",
        32,
        "HTTP.SYS",
        True,
        id="another certificate is bound than RRAS has",
    ),
    pytest.param(
        viewed(administered(healthy()), certificate=NEW.certificate),
        "rras_certificate_different",
        "error",
        32,
        "Get-RemoteAccess",
        True,
        id="RRAS has another certificate",
    ),
    pytest.param(
        viewed(administered(healthy()), certificate=None), "rras_certificate_different", "error", 32, "Get-RemoteAccess", True, id="RRAS has no certificate"
    ),
    pytest.param(
        viewed(healthy(), certificate=NEW.certificate),
        "rras_certificate_different",
        "warning",
        32,
        "Get-RemoteAccess",
        False,
        id="RRAS has another certificate, automatic mode",
    ),
    pytest.param(
        dataclasses.replace(administered(healthy()), remote_access=RemoteAccess(True, error={"message": "no service"})),
        "rras_silent",
        "warning",
        None,
        "Get-RemoteAccess",
        False,
        id="RRAS gives no answer",
    ),
    pytest.param(
        viewed(administered(healthy()), use_http=True), "rras_mode_different", "warning", None, "Get-RemoteAccess", False, id="RRAS takes HTTP, SstpSvc TLS"
    ),
    pytest.param(
        viewed(offloading(healthy()), use_http=False), "rras_mode_different", "warning", None, "Get-RemoteAccess", False, id="RRAS takes TLS, SstpSvc HTTP"
    ),
    pytest.param(
        with_config(healthy(), UseHttps=0), "config_store_different", "warning", None, "ConfigStore\\UseHttps", False, id="ConfigStore says plain HTTP"
    ),
    pytest.param(
        with_config(healthy(), ListenerPort=8443),
        "config_store_different",
        "warning",
        None,
        "ConfigStore\\ListenerPort",
        False,
        id="ConfigStore says another port",
    ),
    pytest.param(
        with_config(offloading(healthy()), UseHttps=1),
        "config_store_different",
        "warning",
        None,
        "ConfigStore\\UseHttps",
        True,
        id="ConfigStore says HTTPS in offload",
    ),
    pytest.param(
        with_config(healthy(), UseHttps=RegistryValue("string", "1")),
        "config_store_malformed",
        "warning",
        7,
        "ConfigStore\\UseHttps",
        False,
        id="ConfigStore says it as text",
    ),
    pytest.param(
        with_parameter(offloading(healthy()), "SHA256CertificateHash", None),
        "registry_sha256_missing",
        "error",
        18,
        "SHA256CertificateHash",
        True,
        id="no hash in offload",
    ),
    pytest.param(
        with_sha256(offloading(healthy()), OLD.sha256, kind="string"),
        "registry_sha256_malformed",
        "error",
        18,
        "SHA256CertificateHash",
        True,
        id="hash as text in offload",
    ),
    pytest.param(
        with_sha1(offloading(healthy()), OLD.thumbprint), "registry_sha1_in_offload", "error", None, "SHA1CertificateHash", True, id="SHA-1 in offload"
    ),
    pytest.param(
        with_parameter(offloading(healthy()), "isHashConfiguredByAdmin", RegistryValue("dword", 0)),
        "offload_hash_not_kept",
        "warning",
        None,
        "isHashConfiguredByAdmin",
        True,
        id="the service may choose another hash in offload",
    ),
    pytest.param(
        with_parameter(offloading(healthy()), "isHashConfiguredByAdmin", None),
        "offload_hash_not_kept",
        "warning",
        None,
        "isHashConfiguredByAdmin",
        True,
        id="nobody says who chose the hash in offload",
    ),
    pytest.param(
        with_sha256(offloading(healthy()), NEW.sha256),
        "balancer_certificate_different",
        "error",
        None,
        "SHA256CertificateHash",
        True,
        id="the balancer's certificate was renewed",
    ),
    pytest.param(
        with_more_records(with_adapters(healthy()), record(ELSEWHERE, NEW.thumbprint)),
        "binding_hidden",
        "warning",
        None,
        "198.51.100.9:443",
        False,
        id="a record of an address that the server does not have",
    ),
    pytest.param(
        with_more_records(with_adapters(healthy()), record(EXACT, NEW.thumbprint)),
        "binding_hidden",
        "error",
        None,
        "203.0.113.5:443",
        False,
        id="a record of an address that the server has",
    ),
    pytest.param(
        with_records(with_adapters(healthy()), record(V4, OLD.thumbprint)), "binding_missing", "error", 21, "[::]:443", True, id="IPv6 bound, and no record"
    ),
]


@pytest.mark.parametrize(("state", "rule", "severity", "event", "subject", "repairable"), RULES)
def test_a_rule_fires_alone(state, rule, severity, event, subject, repairable):
    finding = only(state)
    assert (finding.id, finding.severity, finding.event, finding.subject) == (rule, severity, event, subject)
    assert finding.repairable is repairable
    assert finding.remedy


# --- administrator mode ---


def test_a_configured_certificate_that_is_gone_is_told_once():
    state = viewed(CONFIGURED_GONE, certificate=None)
    findings = found(state)
    assert [(f.id, f.event) for f in findings] == [("configured_certificate_missing", 25), ("configured_certificate_not_bound", 32)]
    assert {f.repairable for f in findings} == {True}


def test_a_configured_certificate_that_is_gone_from_the_store_and_not_from_rras():
    assert "rras_certificate_different" not in ids(found(CONFIGURED_GONE))


def test_a_configured_certificate_of_another_store_is_missing():
    state = with_certificates(administered(healthy()), stored(OLD, "WEBHOSTING", good_key(OLD)))
    assert "configured_certificate_missing" in ids(found(state))


def test_in_administrator_mode_a_stale_hash_is_a_certificate_that_is_not_bound():
    assert "registry_sha256_different" not in ids(found(administered(healthy(), NEW)))


def test_a_hash_that_is_none_says_nothing_of_a_configured_certificate():
    state = with_sha256(administered(healthy()), "AB")
    assert ids(found(state)) == ["registry_sha256_malformed"]


def test_in_administrator_mode_a_missing_hash_leads_to_event_18_even_without_a_record():
    state = with_parameter(with_records(administered(healthy())), "SHA256CertificateHash", None)
    assert [f.event for f in found(state) if f.id == "registry_sha256_missing"] == [18]


def test_what_rras_has_is_not_healed_by_the_direct_writer():
    state, policy = viewed(administered(healthy()), certificate=NEW.certificate), Policy(wanted=Wanted(OLD.certificate, writer="direct"))
    assert [(f.id, f.repairable) for f in found(state, policy)] == [("rras_certificate_different", False)]


def test_in_automatic_mode_what_rras_has_matters_only_beside_a_bound_certificate():
    state = viewed(with_records(healthy()), certificate=NEW.certificate)
    assert "rras_certificate_different" not in ids(found(state))


def test_what_rras_has_does_not_matter_where_it_gives_no_answer():
    state = viewed(administered(healthy()), certificate=NEW.certificate, use_http=True, error={"message": "no"})
    assert ids(found(state)) == ["rras_silent"]


# --- ConfigStore ---


@pytest.mark.parametrize(("config", "heals"), [({"ListenerPort": 8443}, True), ({"UseHttps": 0}, False)])
def test_a_rotation_with_a_port_puts_the_port_of_the_subkey_right(config, heals):
    finding = only(with_config(healthy(), **config), Policy(wanted=Wanted(OLD.certificate, listener_port=443)))
    assert (finding.id, finding.repairable) == ("config_store_different", heals)


# --- offload ---


def test_in_offload_a_wrong_hash_of_the_right_type():
    assert ids(found(offloading(healthy(), OLD.sha256[:62]))) == ["registry_sha256_malformed"]


def test_a_balancer_that_nobody_has_named():
    finding = only(offloading(healthy()), Policy())
    assert (finding.id, finding.severity, finding.repairable) == ("balancer_unknown", "warning", False)


@pytest.mark.parametrize(
    "policy",
    [Policy(wanted=Wanted(OLD.certificate)), Policy(wire=(sight(OLD),))],
    ids=["its certificate is given", "clients are looked at"],
)
def test_a_balancer_need_not_be_named_where(policy):
    assert found(offloading(healthy()), policy) == ()


def test_a_balancer_that_shows_nothing():
    finding = only(offloading(healthy()), Policy(balancer=balancer(silent={"198.51.100.1:443": "Nothing listens."})))
    assert (finding.id, finding.severity, finding.repairable) == ("balancer_silent", "warning", False)
    assert (finding.subject, finding.actual) == ("198.51.100.1:443", "Nothing listens.")


def test_each_address_of_a_balancer_is_held_against_the_hash():
    findings = found(offloading(healthy()), Policy(balancer=balancer(OLD, NEW)))
    assert [(f.id, f.expected) for f in findings] == [("balancer_certificate_different", f"{NEW.sha256}, which 198.51.100.2:443 serves")]


def test_a_balancer_is_not_held_against_a_hash_that_is_none():
    assert ids(found(with_sha256(offloading(healthy()), "AB"))) == ["registry_sha256_malformed"]


@pytest.mark.parametrize(
    ("issued", "rule", "severity"),
    [pytest.param(CLIENT_ONLY, "eku_unfit", "error", id="client authentication only"), pytest.param(SOON, "certificate_expiring", "warning", id="expires")],
)
def test_the_certificate_of_the_balancer_does_not_fit(issued, rule, severity):
    finding = only(offloading(healthy(), issued.sha256), Policy(balancer=balancer(issued)))
    assert (finding.id, finding.severity, finding.event, finding.repairable) == (rule, severity, None, False)
    assert finding.subject == f"198.51.100.1:443 ({issued.thumbprint})"


def test_the_days_of_warning_count_for_the_balancer_too():
    assert found(offloading(healthy(), SOON.sha256), Policy(expiry_days=9, balancer=balancer(SOON))) == ()


def test_a_balancer_does_not_matter_outside_of_offload():
    assert found(healthy(), Policy(balancer=balancer(NEW))) == ()


# --- what clients are shown at a device in front ---


def test_clients_are_shown_another_certificate_than_the_hash_is_of():
    finding = only(offloading(healthy()), Policy(wire=(sight(NEW),)))
    assert (finding.id, finding.severity, finding.expected, finding.actual) == ("wire_different", "error", OLD.sha256, NEW.sha256)


def test_clients_are_shown_the_right_certificate_and_no_sstp():
    finding = only(offloading(healthy()), Policy(wire=(sight(OLD, ok=False),)))
    assert (finding.id, finding.severity, finding.repairable) == ("wire_refused", "error", False)


def test_clients_cannot_be_followed_to_the_device():
    finding = only(offloading(healthy()), Policy(wire=(sight(ok=False, code=Code.TIMED_OUT),)))
    assert (finding.id, finding.severity, finding.repairable) == ("wire_unreachable", "warning", False)


def test_what_clients_are_shown_is_not_held_against_the_records_in_offload():
    state = with_records(offloading(healthy()), record(V4, NEW.thumbprint), record(V6, NEW.thumbprint))
    assert found(state, Policy(wire=(sight(OLD),))) == ()


# --- what is asked for ---


@pytest.mark.parametrize(
    ("state", "wanted", "rule", "expected", "actual"),
    [
        pytest.param(healthy(), Wanted(OLD.certificate, mode="offload"), "mode_not_wanted", "offload mode", "automatic mode", id="mode"),
        pytest.param(healthy(), Wanted(OLD.certificate, listener_port=8443), "port_not_wanted", "8443", "443", id="port"),
        pytest.param(offloading(healthy()), Wanted(NEW.certificate), "hash_not_wanted", NEW.sha256, OLD.sha256, id="hash of a certificate"),
        pytest.param(offloading(healthy()), Wanted(None, NEW.sha256), "hash_not_wanted", NEW.sha256, OLD.sha256, id="hash alone"),
    ],
)
def test_what_is_asked_for_is_not_so(state, wanted, rule, expected, actual):
    finding = only(state, Policy(wanted=wanted))
    assert (finding.id, finding.expected, finding.actual) == (rule, expected, actual)
    assert (finding.severity, finding.event, finding.repairable) == ("error", None, True)


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        pytest.param(healthy(), Wanted(OLD.certificate, mode="automatic", listener_port=443), id="mode and port"),
        pytest.param(offloading(healthy()), Wanted(None, OLD.sha256, mode="offload"), id="hash"),
    ],
)
def test_what_is_asked_for_is_so(state, wanted):
    assert found(state, Policy(wanted=wanted)) == ()


def test_a_hash_that_the_balancer_contradicts_is_told_once():
    policy = Policy(wanted=Wanted(NEW.certificate), balancer=balancer(NEW))
    assert ids(found(offloading(healthy()), policy)) == ["balancer_certificate_different"]


def test_records_are_not_wanted_otherwise_by_a_way_into_offload():
    assert ids(found(healthy(), Policy(wanted=Wanted(NEW.certificate, mode="offload")))) == ["mode_not_wanted", "hash_not_wanted"]


def test_records_that_share_the_certificate_are_to_follow():
    state = with_more_records(healthy(), record(SNI, OLD.thumbprint))
    findings = found(state, Policy(wanted=Wanted(NEW.certificate, shared_records=True)))
    assert [f.subject for f in findings if f.id == "binding_not_wanted"] == ["0.0.0.0:443", "[::]:443", "vpn.example.com:443"]


# --- records that go before the pair say for whom, and what can be done ---


@pytest.mark.parametrize(
    ("hiding", "words"),
    [
        pytest.param(record(EXACT, NEW.thumbprint), "clients that connect to 203.0.113.5, who cannot log in then", id="address"),
        pytest.param(record(SNI, NEW.thumbprint), "clients that dial vpn.example.com, who cannot log in then", id="host name"),
        pytest.param(record(CCS, ""), "clients of any name that has a certificate there, who cannot log in then", id="central store"),
        pytest.param(record(SNI, NEW.thumbprint, app_id=IIS_APP_ID), "let IIS remove it, or give it the pair's certificate", id="owner"),
        pytest.param(record(SNI, OLD.thumbprint, app_id=IIS_APP_ID), "rotate with shared_records, or it keeps the old one", id="the same certificate"),
    ],
)
def test_a_record_that_goes_before_the_pair_is_explained(hiding, words):
    finding = only(with_more_records(healthy(), hiding))
    assert finding.id == "binding_hidden"
    assert words in finding.remedy


def test_a_record_by_name_hides_the_pair_whatever_addresses_there_are():
    assert only(with_more_records(with_adapters(healthy()), record(SNI, NEW.thumbprint))).severity == "error"


def test_records_do_not_hide_anything_in_offload():
    assert found(with_more_records(offloading(healthy()), record(EXACT, NEW.thumbprint))) == ()


# --- the IP listen list ---


def listening(*listed, adapters=True):
    return dataclasses.replace(with_adapters(healthy()) if adapters else healthy(), listen_only=listed)


@pytest.mark.parametrize(
    ("state", "policy"),
    [
        pytest.param(listening(), Policy(public_addresses=("198.51.100.9",)), id="no list"),
        pytest.param(listening("203.0.113.5", "2001:db8:1::5"), Policy(), id="every address"),
        pytest.param(listening("203.0.113.5"), Policy(public_addresses=("203.0.113.5",)), id="the one that clients use"),
        pytest.param(listening("0.0.0.0"), Policy(public_addresses=("203.0.113.5",)), id="every IPv4 address"),
        pytest.param(listening("203.0.113.5", adapters=False), Policy(), id="addresses not known"),
    ],
)
def test_the_listen_list_is_right(state, policy):
    assert "listen_list_leaves_out" not in ids(found(state, policy))


@pytest.mark.parametrize(
    ("state", "policy", "severity", "left_out"),
    [
        pytest.param(listening("203.0.113.5"), Policy(), "warning", "2001:db8:1::5", id="an address of the server"),
        pytest.param(listening("203.0.113.5"), Policy(public_addresses=("198.51.100.9",)), "error", "198.51.100.9", id="the one that clients use"),
        pytest.param(listening("192.0.2.1"), Policy(wire=(sight(OLD, "203.0.113.5:443"),)), "error", "203.0.113.5", id="the one that was looked at"),
        pytest.param(
            listening("192.0.2.1"), Policy(wire=(sight(OLD, "[2001:db8:1::5]:443"),)), "error", "2001:db8:1::5", id="the one that was looked at, IPv6"
        ),
        pytest.param(
            listening("203.0.113.5"), Policy(wire=(sight(OLD, "198.51.100.1:443"),)), "warning", "2001:db8:1::5", id="what was looked at is not the server's"
        ),
        pytest.param(listening("::"), Policy(public_addresses=("203.0.113.5",)), "error", "203.0.113.5", id="the other family"),
    ],
)
def test_the_listen_list_leaves_out(state, policy, severity, left_out):
    (finding,) = (f for f in found(state, policy) if f.id == "listen_list_leaves_out")
    assert (finding.severity, finding.event, finding.repairable) == (severity, None, False)
    assert finding.actual == f"{', '.join(state.listen_only)}, without {left_out}"


def test_the_listen_list_need_not_have_what_nobody_connects_to():
    local = Adapter("Cable", "ethernet", True, True, True, ("fe80::1", "169.254.0.1"))
    down = Adapter("Spare", "ethernet", False, True, True, ("192.0.2.77",))
    state = listening("203.0.113.5", "2001:db8:1::5")
    assert "listen_list_leaves_out" not in ids(found(dataclasses.replace(state, adapters=(*state.adapters, local, down))))


def test_the_listen_list_matters_in_offload_too():
    state = dataclasses.replace(with_adapters(offloading(healthy())), listen_only=("203.0.113.5",))
    assert ids(found(state)) == ["listen_list_leaves_out"]
