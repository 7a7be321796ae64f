# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals: each names what stands in the way and what to do."""

from __future__ import annotations

import dataclasses

import certificate_factory
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.guards import (
    require_fitness,
    require_ownership,
    require_restartable,
    require_rights,
    require_sstp,
    require_unused,
    require_usable,
    users_of,
)
from ansible_collections.rras.sstp.plugins.plugin_utils.inputs import Endpoint
from ansible_collections.rras.sstp.plugins.plugin_utils.state import Service
from certificate_factory import CLIENT_AUTHENTICATION, EXPIRES, ISSUED, NOW, issue
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
    with_more_services,
    with_records,
    with_service,
    with_sha256,
    without_service,
)

OLD, NEW, OTHER = certificate_factory.old(), certificate_factory.new(), certificate_factory.other()


# --- the host ---


def test_a_healthy_host_is_not_refused():
    state = healthy()
    require_sstp(state)
    require_restartable(state)
    require_fitness(OLD.certificate, NOW)
    require_usable(state.certificate(OLD.thumbprint), OLD.thumbprint)
    require_ownership(state, (V4, V6), take_over=False)


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(without_service(healthy(), "SstpSvc"), id="no service"),
        pytest.param(dataclasses.replace(healthy(), parameters=None), id="no registry key"),
    ],
)
def test_a_host_without_sstp_is_refused(state):
    with pytest.raises(SstpError, match=r"SSTP is not installed on this host.*install the Remote Access role"):
        require_sstp(state)


@pytest.mark.parametrize("require", [require_sstp, require_rights])
@pytest.mark.parametrize("host", [{"elevated": False}, {"elevated": None}, {}])
def test_an_account_without_rights_is_refused(require, host):
    with pytest.raises(SstpError, match=r"Access is denied \(5\).*no elevated administrator.*connect with one that is"):
        require(dataclasses.replace(healthy(), host=host))


@pytest.mark.parametrize("name", ["SstpSvc", "RasMan", "RemoteAccess", "Billing"])
@pytest.mark.parametrize("state", ["running", "startpending", "stoppending", "paused", "unknown"])
def test_a_service_that_runs_although_disabled_is_refused(name, state):
    host = with_more_services(healthy(), Service("Billing", "running", 2, ("RasMan",)))
    with pytest.raises(SstpError) as caught:
        require_restartable(with_service(host, name, state=state, start=4))
    assert str(caught.value) == (
        f"The service {name} runs although it is disabled, so it could not be started again after the change; "
        "set its start mode to manual or automatic, or stop it for good, first."
    )


@pytest.mark.parametrize(("state", "start"), [("stopped", 4), ("running", 2), ("running", 3), ("running", None)])
def test_a_service_that_can_be_started_again_is_not_refused(state, start):
    require_restartable(with_service(healthy(), "RemoteAccess", state=state, start=start))


# --- the certificate ---


@pytest.mark.parametrize(
    ("issued", "rule", "what", "remedy"),
    [
        pytest.param(issue(eku=(CLIENT_AUTHENTICATION,)), "eku_unfit", "neither Server Authentication", "issued anew", id="client only"),
        pytest.param(issue(not_after=NOW), "certificate_expired", "has expired on 2026-03-01", "renew it", id="expired"),
        pytest.param(issue(not_before=EXPIRES, not_after=EXPIRES), "certificate_not_yet_valid", "before 2026-12-31", "wait", id="not yet valid"),
    ],
)
def test_an_unfit_certificate_is_refused(issued, rule, what, remedy):
    with pytest.raises(SstpError) as caught:
        require_fitness(issued.certificate, NOW)
    sentence = str(caught.value)
    assert issued.thumbprint in sentence
    assert what in sentence
    assert remedy in sentence
    assert caught.value.facts == {"rule": rule}


@pytest.mark.parametrize("issued", [pytest.param(issue(eku=None), id="no key usage"), pytest.param(issue(not_before=ISSUED), id="fit")])
def test_a_warning_does_not_refuse(issued):
    require_fitness(issued.certificate, NOW)


@pytest.mark.parametrize(
    ("key", "what"),
    [
        pytest.param(None, "without a private key; import it again from a PFX that has one", id="no key"),
        pytest.param(good_key(NEW, acquire_code=-2146893802), r"it does not open \(0x80090016\); import the certificate again", id="closed"),
        pytest.param(good_key(NEW, proven=False), "what it signs does not fit the certificate; import the certificate again", id="wrong"),
    ],
)
def test_a_key_that_is_not_usable_is_refused(key, what):
    with pytest.raises(SstpError, match=f"{NEW.thumbprint}.*{what}"):
        require_usable(stored(NEW, key=key), NEW.thumbprint)


def test_a_certificate_that_is_not_there_is_refused():
    with pytest.raises(SstpError, match=rf"{NEW.thumbprint} is not in LocalMachine\\MY.*import it first, with rras.sstp.certificate"):
        require_usable(None, NEW.thumbprint)


def test_a_key_that_nobody_has_tried_is_taken():
    require_usable(stored(NEW, key=good_key(NEW, acquire_code=None, proven=None)), NEW.thumbprint)


# --- ownership ---


@pytest.mark.parametrize("take_over", [False, True])
def test_a_record_of_another_application(take_over):
    state = with_records(healthy(), record(V4, OLD.thumbprint, app_id=IIS_APP_ID), record(V6, OLD.thumbprint))
    if take_over:
        require_ownership(state, (V4, V6), take_over=True)
        return
    with pytest.raises(SstpError) as caught:
        require_ownership(state, (V4, V6), take_over=False)
    sentence = str(caught.value)
    assert "The HTTP.SYS record of 0.0.0.0:443 belongs to IIS" in sentence
    assert IIS_APP_ID in sentence
    assert "was not touched; set take_over to true" in sentence


def test_a_record_of_another_application_elsewhere_does_not_matter():
    elsewhere = record(Endpoint("ip", "0.0.0.0", 8443), OLD.thumbprint, app_id=IIS_APP_ID)
    require_ownership(with_more_records(healthy(), elsewhere), (V4, V6), take_over=False)


def test_a_record_that_is_not_there_belongs_to_nobody():
    require_ownership(with_records(healthy()), (V4, V6), take_over=False)


def test_the_own_application_may_be_another():
    state = with_records(healthy(), record(V4, OLD.thumbprint, app_id=IIS_APP_ID))
    require_ownership(state, (V4,), take_over=False, own=IIS_APP_ID)


def test_an_unknown_owner_is_named_by_its_app_id():
    app_id = "{00112233-4455-6677-8899-aabbccddeeff}"
    with pytest.raises(SstpError, match="belongs to the application"):
        require_ownership(with_records(healthy(), record(V4, OLD.thumbprint, app_id=app_id)), (V4,), take_over=False)


# --- what is in use ---


def test_the_bound_certificate_is_used_three_times():
    assert users_of(healthy(), OLD.thumbprint) == [
        "the HTTP.SYS record of 0.0.0.0:443 (SSTP)",
        "the HTTP.SYS record of [::]:443 (SSTP)",
        "the SHA-256 hash of SstpSvc",
    ]


def test_a_certificate_that_only_lies_there_is_not_used():
    assert users_of(healthy(), NEW.thumbprint) == []


def test_a_record_of_another_port_uses_it():
    state = with_more_records(healthy(), record(Endpoint("ip", "0.0.0.0", 8443), NEW.thumbprint, app_id=IIS_APP_ID))
    assert users_of(state, NEW.thumbprint) == ["the HTTP.SYS record of 0.0.0.0:8443 (IIS)"]


def test_a_record_without_a_store_uses_that_of_my():
    state = with_records(healthy(), record(V4, NEW.thumbprint, certificate_store_name=None))
    assert users_of(state, NEW.thumbprint) == ["the HTTP.SYS record of 0.0.0.0:443 (SSTP)"]


def test_a_record_of_another_store_uses_the_certificate_of_that_store():
    state = with_records(healthy(), record(V4, NEW.thumbprint, certificate_store_name="WebHosting"))
    assert users_of(state, NEW.thumbprint) == []
    assert users_of(state, NEW.thumbprint, "WEBHOSTING") == ["the HTTP.SYS record of 0.0.0.0:443 (SSTP)"]


def test_the_hash_alone_uses_it():
    state = with_records(healthy(), record(V4, NEW.thumbprint), record(V6, NEW.thumbprint))
    assert users_of(state, OLD.thumbprint) == ["the SHA-256 hash of SstpSvc"]


def test_a_certificate_with_the_same_key_uses_it():
    certificates = (stored(NEW, key=good_key(NEW)), stored(OTHER, key=good_key(NEW)))
    state = with_certificates(with_sha256(healthy(), OLD.sha256), *certificates)
    assert users_of(state, NEW.thumbprint) == [f"the certificate {OTHER.thumbprint}, which has the same private key"]


def test_the_same_certificate_in_another_store_uses_the_key():
    state = with_certificates(healthy(), stored(NEW, key=good_key(NEW)), stored(NEW, "WEBHOSTING", good_key(NEW)))
    assert users_of(state, NEW.thumbprint) == [f"the certificate {NEW.thumbprint}, which has the same private key"]


def test_a_key_of_the_same_name_with_another_provider_is_another_key():
    certificates = (stored(NEW, key=good_key(NEW)), stored(OTHER, key=good_key(NEW, provider="Microsoft Platform Crypto Provider")))
    assert users_of(with_certificates(healthy(), *certificates), NEW.thumbprint) == []


def test_keys_without_a_known_container_are_not_the_same():
    key = {"container": None, "provider": None}
    certificates = (stored(NEW, key=good_key(NEW, **key)), stored(OTHER, key=good_key(OTHER, **key)))
    assert users_of(with_certificates(healthy(), *certificates), NEW.thumbprint) == []


def test_names_of_containers_are_not_case_sensitive():
    certificates = (stored(NEW, key=good_key(NEW, container="{ab}")), stored(OTHER, key=good_key(OTHER, container="{AB}")))
    assert users_of(with_certificates(healthy(), *certificates), NEW.thumbprint) == [f"the certificate {OTHER.thumbprint}, which has the same private key"]


def test_a_certificate_in_use_is_not_removed():
    with pytest.raises(SstpError, match=f"{OLD.thumbprint} was not removed, because it is still used: the HTTP.SYS record of") as caught:
        require_unused(healthy(), OLD.thumbprint, None)
    assert len(caught.value.facts["used_by"]) == 3


def test_a_certificate_that_nothing_uses_is_removed():
    require_unused(healthy(), NEW.thumbprint, None)


def test_check_mode_takes_the_switch_to_the_successor_for_done():
    require_unused(healthy(), OLD.thumbprint, NEW.thumbprint)


def test_check_mode_still_sees_other_users():
    state = with_more_records(healthy(), record(Endpoint("ip", "0.0.0.0", 8443), OLD.thumbprint))
    with pytest.raises(SstpError, match=r"still used: the HTTP.SYS record of 0\.0\.0\.0:8443 \(SSTP\)\.$"):
        require_unused(state, OLD.thumbprint, NEW.thumbprint)


def test_a_certificate_is_not_its_own_successor():
    with pytest.raises(SstpError, match="still used"):
        require_unused(healthy(), OLD.thumbprint, OLD.thumbprint)
