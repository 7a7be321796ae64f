# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rotation refuses and predicts, and that audit and rotation agree about what there is to do."""

from __future__ import annotations

import dataclasses

import certificate_factory
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.plan import Wanted, plan_rotation
from ansible_collections.rras.sstp.plugins.plugin_utils.rotation import predict, refuse, rotation_result
from ansible_collections.rras.sstp.plugins.plugin_utils.rules import Policy, judge
from ansible_collections.rras.sstp.plugins.plugin_utils.state import RegistryValue
from certificate_factory import CLIENT_AUTHENTICATION, issue
from host_factory import (
    IIS_APP_ID,
    V4,
    V6,
    good_key,
    healthy,
    record,
    stored,
    with_certificates,
    with_more_records,
    with_parameter,
    with_records,
    with_rras_disabled,
    with_rras_stopped,
    with_sha256,
    without_service,
)
from hypothesis import given
from hypothesis import strategies as st
from state_strategies import host_states

OLD, NEW = certificate_factory.old(), certificate_factory.new()


def rotate(state, issued=NEW, service_state="running"):
    return plan_rotation(state, Wanted(issued.certificate, service_state))


def predicted(state, issued=NEW, service_state="running"):
    return predict(state, rotate(state, issued, service_state), issued.certificate)


# --- predicting ---


def test_a_rotation_is_predicted():
    after = predicted(healthy())
    assert after.pair == (record(V4, NEW.thumbprint), record(V6, NEW.thumbprint))
    assert after.sha256 == RegistryValue("binary", NEW.sha256)
    assert after.sha1 == RegistryValue("binary", NEW.thumbprint)
    assert {service.state for service in after.services} == {"running"}
    assert after.predecessors == {OLD.thumbprint: "2026-03-01T12:00:00Z"}


def test_nothing_to_do_predicts_nothing():
    assert predicted(healthy(), OLD) == healthy()


def test_other_records_are_predicted_to_stay():
    exact = record(V4, OLD.thumbprint, app_id=IIS_APP_ID)
    other = dataclasses.replace(exact, endpoint=dataclasses.replace(V4, port=8443))
    assert other in predicted(with_more_records(healthy(), other)).records


def test_a_sha1_that_is_not_there_is_not_predicted():
    assert predicted(with_parameter(healthy(), "SHA1CertificateHash", None)).sha1 is None


def test_a_value_keeps_the_spelling_of_its_name():
    state = with_parameter(with_parameter(healthy(), "SHA256CertificateHash", None), "sha256certificatehash", RegistryValue("binary", "AB"))
    assert predicted(state).parameters["sha256certificatehash"] == RegistryValue("binary", NEW.sha256)


@pytest.mark.parametrize(
    ("state", "service_state", "rras"),
    [
        pytest.param(with_rras_stopped(healthy()), "running", "running", id="stopped is started"),
        pytest.param(with_rras_stopped(healthy()), "as_found", "stopped", id="stopped stays so as found"),
        pytest.param(with_rras_disabled(healthy()), "running", "stopped", id="disabled stays stopped"),
    ],
)
def test_the_state_of_rras_is_predicted(state, service_state, rras):
    assert predicted(state, service_state=service_state).service("RemoteAccess").state == rras


@given(host_states(), st.sampled_from(["running", "as_found"]))
def test_after_a_rotation_there_is_nothing_to_do(state, service_state):
    after = predicted(state, service_state=service_state)
    assert rotate(after, service_state=service_state).changes == ()


@given(host_states(), st.sampled_from(["running", "as_found"]))
def test_a_rotation_leaves_everything_else_alone(state, service_state):
    after = predicted(state, service_state=service_state)
    others = {r.endpoint: r for r in state.records if r.endpoint not in (V4, V6)}
    assert {r.endpoint: r for r in after.records if r.endpoint not in (V4, V6)} == others
    assert after.certificates == state.certificates
    assert {service.name for service in after.services} == {service.name for service in state.services}


# --- refusing ---


def refusing(state, issued=NEW, take_over=False):
    refuse(state, issued.certificate, take_over=take_over, staged=True)


def test_a_healthy_host_is_not_refused():
    refusing(healthy())


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        pytest.param(without_service(healthy(), "SstpSvc"), "SSTP is not installed", id="no SSTP"),
        pytest.param(dataclasses.replace(healthy(), host={**healthy().host, "elevated": False}), r"Access is denied \(5\)", id="no rights"),
        pytest.param(with_parameter(healthy(), "UseHttps", RegistryValue("dword", 0)), "TLS is ended in front", id="offload"),
        pytest.param(with_certificates(healthy(), stored(NEW)), "without a private key", id="no key"),
        pytest.param(with_certificates(healthy(), stored(NEW, key=good_key(NEW, proven=False))), "not usable", id="wrong key"),
        pytest.param(with_records(healthy(), record(V4, OLD.thumbprint, app_id=IIS_APP_ID)), "belongs to IIS", id="record of IIS"),
    ],
)
def test_what_a_rotation_refuses(state, sentence):
    with pytest.raises(SstpError, match=sentence):
        refusing(state)


def test_a_certificate_that_does_not_fit_is_refused():
    with pytest.raises(SstpError, match="not meant for servers"):
        refusing(healthy(), issue(eku=(CLIENT_AUTHENTICATION,)))


@pytest.mark.parametrize("staged", [True, False])
def test_a_certificate_that_is_still_to_be_imported(staged):
    state = with_certificates(healthy(), stored(OLD, key=good_key(OLD)))
    if not staged:
        refuse(state, NEW.certificate, take_over=False, staged=False)
        return
    with pytest.raises(SstpError, match="import it first"):
        refuse(state, NEW.certificate, take_over=False, staged=True)


def test_take_over_is_passed_on():
    refusing(with_records(healthy(), record(V4, OLD.thumbprint, app_id=IIS_APP_ID)), take_over=True)


@pytest.mark.xfail(
    strict=True,
    raises=SstpError,
    reason="DEFECT: IIS has bound the wanted certificate already and only the hash is stale: no record would be changed, yet it is refused",
)
def test_a_record_of_another_application_that_stays_as_it_is_does_not_matter():
    state = with_records(healthy(), *(record(e, NEW.thumbprint, app_id=IIS_APP_ID) for e in (V4, V6)))
    plan = rotate(state)
    assert not [change for change in plan.describe() if change.startswith("bind")]
    refuse(state, NEW.certificate, take_over=False, staged=True)


# --- audit has no repairable finding <=> a rotation has nothing to do ---


def repairable(state, issued=NEW):
    return [f"{f.id} {f.subject}" for f in judge(state, Policy(candidate=issued.certificate)) if f.repairable]


@given(host_states())
def test_audit_and_rotation_agree(state):
    assert bool(repairable(state)) == bool(rotate(state))


@given(host_states())
def test_after_a_rotation_there_is_nothing_to_repair(state):
    assert repairable(predicted(state)) == []


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(
            with_certificates(healthy()),
            id="wanted certificate bound, but not in the store",
            marks=pytest.mark.xfail(
                strict=True,
                raises=AssertionError,
                reason="DEFECT: certificate_missing is repairable, but a rotation to that certificate has nothing to do",
            ),
        ),
        pytest.param(
            with_records(with_certificates(healthy(), stored(OLD, key=good_key(OLD))), *(record(e, NEW.thumbprint) for e in (V4, V6))),
            id="other certificate bound, that is not in the store",
        ),
        pytest.param(with_sha256(with_rras_disabled(healthy()), "AB"), id="stale hash, RRAS disabled"),
        pytest.param(with_rras_disabled(healthy()), id="RRAS disabled"),
    ],
)
def test_audit_and_rotation_agree_about(state):
    assert bool(repairable(state, OLD)) == bool(rotate(state, OLD))


def test_an_interrupted_change_is_something_to_repair_and_to_do():
    state = dataclasses.replace(healthy(), interrupted=True)
    assert repairable(state, OLD) == ["rotation_interrupted journal"]
    result = rotation_result(state, state, rotate(state, OLD), OLD.certificate, None, recovered=True)
    assert result["changed"] is True
    assert result["plan"] == ["take back an interrupted change"]
