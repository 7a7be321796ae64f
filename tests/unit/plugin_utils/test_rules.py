# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit rules: each fires on a state made for it, names the event that it leads to, and is silent on a healthy host."""

from __future__ import annotations

import dataclasses

import certificate_factory
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.findings import Finding, Policy
from ansible_collections.rras.sstp.plugins.plugin_utils.inputs import Endpoint
from ansible_collections.rras.sstp.plugins.plugin_utils.plan import Wanted
from ansible_collections.rras.sstp.plugins.plugin_utils.rules import judge
from ansible_collections.rras.sstp.plugins.plugin_utils.state import RegistryValue, Served, Service
from certificate_factory import ANY_PURPOSE, CLIENT_AUTHENTICATION, NOW, SERVER_AUTHENTICATION, issue
from host_factory import (
    IIS_APP_ID,
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
    with_certificates,
    with_more_records,
    with_more_services,
    with_parameter,
    with_records,
    with_rras_disabled,
    with_rras_stopped,
    with_served,
    with_service,
    with_sha1,
    with_sha256,
    without_service,
)
from hypothesis import given
from state_strategies import host_states

OLD, NEW, OTHER = certificate_factory.old(), certificate_factory.new(), certificate_factory.other()
NO_SUCH_THUMBPRINT = "00112233445566778899AABBCCDDEEFF00112233"
EXACT = Endpoint("ip", "203.0.113.5", 443)
SNI = Endpoint("sni", "0.0.0.0", 443, "vpn.example.com")
CCS = Endpoint("ccs", "0.0.0.0", 443)
BOUND = "0.0.0.0:443, [::]:443"
NEITHER_VALUE = with_parameter(with_parameter(healthy(), "SHA256CertificateHash", None), "SHA1CertificateHash", None)


def both(issued_or_thumbprint, **fields):
    thumbprint = getattr(issued_or_thumbprint, "thumbprint", issued_or_thumbprint)
    return with_records(healthy(), record(V4, thumbprint, **fields), record(V6, thumbprint, **fields))


def found(state, **policy):
    return judge(state, Policy(**policy)).findings


def ids(findings):
    return [finding.id for finding in findings]


def only(state, **policy):
    (finding,) = found(state, **policy)
    return finding


# --- nothing to complain of ---


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(healthy(), id="healthy"),
        pytest.param(with_parameter(healthy(), "SHA1CertificateHash", None), id="no SHA-1"),
        pytest.param(both(OLD, certificate_store_name=None), id="records without a store"),
        pytest.param(both(OLD, certificate_store_name="My"), id="store in another spelling"),
        pytest.param(both(OLD, flags=0x80000013, check_mode=5), id="uncommon settings"),
        pytest.param(with_more_records(healthy(), record(Endpoint("ip", "0.0.0.0", 8443), NEW.thumbprint)), id="another port"),
        pytest.param(with_more_services(healthy(), Service("Billing", "stopped", 3, ("RasMan",))), id="another service"),
        pytest.param(dataclasses.replace(healthy(), predecessors={NEW.thumbprint: "2026-02-01T00:00:00Z"}), id="a predecessor"),
        pytest.param(bound_to(issue(eku=(ANY_PURPOSE,))), id="any purpose"),
        pytest.param(bound_to(issue(eku=(CLIENT_AUTHENTICATION, SERVER_AUTHENTICATION))), id="client and server"),
        pytest.param(with_served(healthy(), Served(LOOPBACK_V4, OLD.certificate, None), Served(LOOPBACK_V6, None, {"code": 10049})), id="no IPv6"),
        pytest.param(with_served(healthy()), id="not looked at"),
    ],
)
def test_nothing_is_found(state):
    assert found(state) == ()
    assert found(state, wanted=Wanted(state.certificate(state.pair[0].certificate_hash).certificate)) == ()


# --- one rule each: state, id, severity, event, subject, repairable ---

RULES = [
    pytest.param(with_records(healthy(), record(V4, OLD.thumbprint)), "binding_missing", "error", 21, "[::]:443", True, id="record of v6 missing"),
    pytest.param(with_records(healthy(), record(V6, OLD.thumbprint)), "binding_missing", "error", 21, "0.0.0.0:443", True, id="record of v4 missing"),
    pytest.param(
        with_records(healthy(), record(V4, OLD.thumbprint), record(V6, NEW.thumbprint)),
        "binding_mismatch",
        "error",
        24,
        "0.0.0.0:443 and [::]:443",
        True,
        id="v6 has another certificate",
    ),
    pytest.param(
        with_records(healthy(), record(V4, OLD.thumbprint, app_id=IIS_APP_ID), record(V6, OLD.thumbprint)),
        "binding_foreign_app_id",
        "warning",
        None,
        "0.0.0.0:443",
        False,
        id="record of IIS",
    ),
    pytest.param(
        with_more_records(healthy(), record(EXACT, NEW.thumbprint)),
        "binding_hidden",
        "error",
        None,
        "203.0.113.5:443",
        False,
        id="exact address with another certificate",
    ),
    pytest.param(
        with_more_records(healthy(), record(EXACT, OLD.thumbprint)),
        "binding_hidden",
        "warning",
        None,
        "203.0.113.5:443",
        False,
        id="exact address with the same certificate",
    ),
    pytest.param(
        with_more_records(healthy(), record(SNI, NEW.thumbprint)),
        "binding_hidden",
        "error",
        None,
        "vpn.example.com:443",
        False,
        id="host name with another certificate",
    ),
    pytest.param(with_more_records(healthy(), record(CCS, "")), "binding_hidden", "error", None, "ccs:443", False, id="central certificate store"),
    pytest.param(
        with_more_records(healthy(), record(CCS, OLD.thumbprint)),
        "binding_hidden",
        "error",
        None,
        "ccs:443",
        False,
        id="central certificate store with a hash all the same",
    ),
    pytest.param(with_certificates(healthy(), stored(NEW)), "certificate_missing", "error", 21, BOUND, True, id="bound certificate not in the store"),
    pytest.param(with_certificates(healthy(), stored(OLD)), "key_unusable", "error", 12, f"{BOUND} ({OLD.thumbprint})", True, id="no private key"),
    pytest.param(
        with_certificates(healthy(), stored(OLD, key=good_key(OLD, acquire_code=-2146893802))),
        "key_unusable",
        "error",
        12,
        f"{BOUND} ({OLD.thumbprint})",
        True,
        id="key does not open",
    ),
    pytest.param(
        with_certificates(healthy(), stored(OLD, key=good_key(OLD, proven=False))),
        "key_unusable",
        "error",
        12,
        f"{BOUND} ({OLD.thumbprint})",
        True,
        id="key of another certificate",
    ),
    pytest.param(
        with_parameter(healthy(), "SHA256CertificateHash", None),
        "registry_sha256_missing",
        "error",
        18,
        "SHA256CertificateHash",
        True,
        id="SHA-256 missing",
    ),
    pytest.param(
        with_sha256(healthy(), OLD.sha256[:62]),
        "registry_sha256_malformed",
        "error",
        18,
        "SHA256CertificateHash",
        True,
        id="SHA-256 of 31 bytes",
    ),
    pytest.param(
        with_sha256(healthy(), OLD.sha256, kind="string"),
        "registry_sha256_malformed",
        "error",
        18,
        "SHA256CertificateHash",
        True,
        id="SHA-256 as a string",
    ),
    pytest.param(
        with_sha256(healthy(), None, length=8192),
        "registry_sha256_malformed",
        "error",
        18,
        "SHA256CertificateHash",
        True,
        id="SHA-256 far too long",
    ),
    pytest.param(with_sha256(healthy(), NEW.sha256), "registry_sha256_different", "error", None, "SHA256CertificateHash", True, id="stale SHA-256"),
    pytest.param(
        with_sha1(healthy(), OLD.thumbprint[:38]),
        "registry_sha1_malformed",
        "error",
        19,
        "SHA1CertificateHash",
        True,
        id="SHA-1 of 19 bytes",
    ),
    pytest.param(with_sha1(healthy(), NEW.thumbprint), "registry_sha1_different", "error", None, "SHA1CertificateHash", True, id="stale SHA-1"),
    pytest.param(with_rras_stopped(healthy()), "rras_stopped", "error", None, "RemoteAccess", True, id="RRAS stopped"),
    pytest.param(with_rras_disabled(healthy()), "rras_disabled", "warning", None, "RemoteAccess", False, id="RRAS disabled"),
    pytest.param(with_service(healthy(), "SstpSvc", state="stopped"), "sstp_stopped", "error", 22, "SstpSvc", True, id="SSTP dead under a running RRAS"),
    pytest.param(
        with_service(healthy(), "RasMan", state="stopped"), "rras_dependency_stopped", "error", None, "RasMan", True, id="RasMan dead under a running RRAS"
    ),
    pytest.param(with_service(healthy(), "SstpSvc", state="paused"), "sstp_stopped", "error", 22, "SstpSvc", True, id="SSTP paused under a running RRAS"),
    pytest.param(without_service(healthy(), "RemoteAccess"), "rras_not_installed", "error", None, "RemoteAccess", False, id="RRAS not installed"),
    pytest.param(
        with_served(healthy(), Served(LOOPBACK_V4, NEW.certificate, None)),
        "served_different",
        "error",
        None,
        "127.0.0.1:443",
        False,
        id="another certificate served",
    ),
    pytest.param(
        with_served(healthy(), Served(LOOPBACK_V6, None, {"code": 10061, "message": "refused"})),
        "served_nothing",
        "error",
        21,
        "[::1]:443",
        False,
        id="nothing served",
    ),
    pytest.param(dataclasses.replace(healthy(), interrupted=True), "rotation_interrupted", "error", None, "journal", True, id="interrupted rotation"),
    pytest.param(without_service(healthy(), "SstpSvc"), "sstp_not_installed", "error", None, "SstpSvc", False, id="SSTP not installed"),
]


@pytest.mark.parametrize(("state", "rule", "severity", "event", "subject", "repairable"), RULES)
def test_a_rule_fires_alone(state, rule, severity, event, subject, repairable):
    finding = only(state)
    assert (finding.id, finding.severity, finding.event) == (rule, severity, event)
    assert finding.subject == subject
    assert finding.repairable is repairable
    assert finding.remedy


@pytest.mark.parametrize(("state", "rule", "severity", "event", "subject", "repairable"), RULES)
def test_a_finding_can_be_read(state, rule, severity, event, subject, repairable):
    finding = only(state)
    sentence = str(finding)
    assert sentence.startswith(f"{rule}: {subject}: expected ")
    assert ("leads to RasSstp event" in sentence) is (event is not None)
    assert finding.to_result() == dataclasses.asdict(finding)
    assert "\n" not in sentence


# --- fitness of the bound certificate ---


@pytest.mark.parametrize(
    ("issued", "rule", "severity", "event"),
    [
        pytest.param(issue(eku=(CLIENT_AUTHENTICATION,)), "eku_unfit", "error", 11, id="client authentication only"),
        pytest.param(issue(eku=None), "eku_absent", "warning", None, id="no extended key usage"),
        pytest.param(issue(not_after=NOW), "certificate_expired", "error", None, id="expired"),
        pytest.param(issue(not_after=NOW + certificate_factory.dt.timedelta(days=30)), "certificate_expiring", "warning", None, id="expires in 30 days"),
        pytest.param(issue(not_before=NOW + certificate_factory.dt.timedelta(seconds=1)), "certificate_not_yet_valid", "error", None, id="not yet valid"),
    ],
)
def test_the_bound_certificate_does_not_fit(issued, rule, severity, event):
    finding = only(bound_to(issued))
    assert (finding.id, finding.severity, finding.event) == (rule, severity, event)
    assert finding.subject == f"{BOUND} ({issued.thumbprint})"
    assert not finding.repairable


@pytest.mark.parametrize(("expiry_days", "warned"), [(0, False), (29, False), (30, True), (400, True)])
def test_the_days_of_warning_are_the_users(expiry_days, warned):
    state = bound_to(issue(not_after=NOW + certificate_factory.dt.timedelta(days=30)))
    assert bool(found(state, expiry_days=expiry_days)) is warned


def test_a_key_that_nobody_has_tried_is_no_finding():
    state = with_certificates(healthy(), stored(OLD, key=good_key(OLD, acquire_code=None, proven=None)))
    assert found(state) == ()


# --- several at once ---


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param(with_records(healthy()), ["binding_missing", "binding_missing"], id="no records at all"),
        pytest.param(with_records(NEITHER_VALUE), ["binding_missing", "binding_missing", "registry_sha256_missing"], id="no records and no hashes"),
        pytest.param(both(NO_SUCH_THUMBPRINT), ["certificate_missing", "served_different", "served_different"], id="thumbprint of no certificate"),
        pytest.param(
            both(NEW),
            ["registry_sha256_different", "registry_sha1_different", "served_different", "served_different"],
            id="IIS has renewed, SSTP knows nothing of it",
        ),
        pytest.param(
            with_more_records(with_records(healthy(), record(V4, OLD.thumbprint, app_id=IIS_APP_ID)), record(EXACT, OLD.thumbprint)),
            ["binding_missing", "binding_foreign_app_id", "binding_hidden"],
            id="errors come first",
        ),
        pytest.param(without_service(with_records(healthy()), "SstpSvc"), ["sstp_not_installed"], id="without SSTP nothing else matters"),
        pytest.param(
            with_parameter(with_parameter(with_records(healthy()), "UseHttps", RegistryValue("dword", 0)), "SHA1CertificateHash", None),
            ["offload_hash_not_kept", "balancer_unknown"],
            id="where a device in front ends TLS the records do not matter",
        ),
    ],
)
def test_findings_together(state, expected):
    assert ids(found(state)) == expected


def test_a_hash_that_is_missing_with_its_certificate_leads_to_event_21():
    missing = [f for f in found(with_records(NEITHER_VALUE)) if f.id == "registry_sha256_missing"]
    assert [f.event for f in missing] == [21]


def test_each_bound_certificate_is_judged():
    state = with_records(healthy(), record(V4, OLD.thumbprint), record(V6, NO_SUCH_THUMBPRINT))
    assert [(f.id, f.subject) for f in found(state)] == [
        ("binding_mismatch", "0.0.0.0:443 and [::]:443"),
        ("certificate_missing", "[::]:443"),
    ]


def test_a_certificate_of_another_store_is_looked_for_there():
    state = both(OLD, certificate_store_name="WebHosting")
    assert [f.id for f in found(state)] == ["certificate_missing"]
    assert found(with_certificates(state, stored(OLD, "WEBHOSTING", good_key(OLD)))) == ()


# --- the candidate ---


def test_a_healthy_host_is_not_the_wanted_one():
    findings = found(healthy(), wanted=Wanted(NEW.certificate))
    assert [(f.id, f.subject, f.expected, f.actual) for f in findings] == [
        ("binding_not_wanted", "0.0.0.0:443", NEW.thumbprint, OLD.thumbprint),
        ("binding_not_wanted", "[::]:443", NEW.thumbprint, OLD.thumbprint),
    ]
    assert all(f.repairable and f.severity == "error" for f in findings)


def test_the_wanted_certificate_of_another_store_is_not_the_wanted_one():
    state = with_certificates(both(OLD, certificate_store_name="WebHosting"), stored(OLD, "WEBHOSTING", good_key(OLD)))
    assert ids(found(state, wanted=Wanted(OLD.certificate))) == ["binding_not_wanted", "binding_not_wanted"]


def test_a_missing_record_is_not_named_twice():
    assert ids(found(with_records(healthy(), record(V4, OLD.thumbprint)), wanted=Wanted(OLD.certificate))) == ["binding_missing"]


# --- what is served ---


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(with_rras_stopped(healthy()), id="RRAS stopped"),
        pytest.param(with_rras_disabled(healthy()), id="RRAS disabled"),
        pytest.param(with_records(healthy()), id="no records"),
        pytest.param(dataclasses.replace(healthy(), listen_only=("203.0.113.5",)), id="listen list without loopback"),
        pytest.param(with_more_records(healthy(), *(record(e, OLD.thumbprint) for e in (LOOPBACK_V4, LOOPBACK_V6))), id="records of loopback"),
    ],
)
def test_what_is_served_does_not_matter(state):
    nothing = [Served(endpoint, None, {"code": 10061, "message": "refused"}) for endpoint in (LOOPBACK_V4, LOOPBACK_V6)]
    assert not {"served_nothing", "served_different"} & set(ids(found(with_served(state, *nothing))))


def test_what_another_port_serves_does_not_matter():
    assert found(with_served(healthy(), Served(Endpoint("ip", "127.0.0.1", 8443), NEW.certificate, None))) == ()


# --- services ---


@pytest.mark.parametrize("rras", ["stopped", "startpending", "paused"])
def test_a_dead_sstp_service_is_not_named_beside_a_dead_rras(rras):
    state = with_service(with_service(healthy(), "SstpSvc", state="stopped"), "RemoteAccess", state=rras)
    assert ids(found(state)) == ["rras_stopped"]


def test_a_dead_sstp_service_is_not_named_where_rras_is_disabled():
    assert ids(found(with_service(with_rras_disabled(healthy()), "SstpSvc", state="stopped"))) == ["rras_disabled"]


@pytest.mark.parametrize("served", [None, OLD])
def test_what_is_served_under_a_dead_sstp_service_is_a_finding_of_its_own(served):
    nothing = Served(LOOPBACK_V4, served.certificate if served else None, None if served else {"code": 10061, "message": "refused"})
    state = with_served(with_service(healthy(), "SstpSvc", state="stopped"), nothing)
    assert ids(found(state)) == (["sstp_stopped"] if served else ["sstp_stopped", "served_nothing"])


@pytest.mark.parametrize("sstp", ["running", "stopped"])
def test_rras_that_runs_although_disabled_is_a_warning(sstp):
    finding = only(with_service(with_service(healthy(), "RemoteAccess", start=4), "SstpSvc", state=sstp))
    assert (finding.id, finding.severity, finding.repairable, finding.actual) == ("rras_disabled", "warning", False, "disabled, running")


# --- all states ---


@given(host_states())
def test_every_state_can_be_judged(state):
    findings = found(state, wanted=Wanted(NEW.certificate))
    assert all(isinstance(finding, Finding) and finding.severity in ("error", "warning") for finding in findings)
    assert list(findings) == sorted(findings, key=lambda finding: finding.severity != "error")
    assert len({(finding.id, finding.subject) for finding in findings}) == len(findings)


def test_an_interrupted_change_is_found_in_every_mode():
    for mode in (offloading(healthy()), administered(healthy()), healthy()):
        assert "rotation_interrupted" in ids(found(dataclasses.replace(mode, interrupted=True)))
