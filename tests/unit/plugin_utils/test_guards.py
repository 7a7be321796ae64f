# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals: each names what stands in the way and what to do."""

from __future__ import annotations

import dataclasses

import certificate_factory
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.fitness import Circumstances
from ansible_collections.rras.sstp.plugins.plugin_utils.guards import (
    require_derived_hash,
    require_fitness,
    require_other_record,
    require_ownership,
    require_rebindable,
    require_remote_access,
    require_restartable,
    require_rights,
    require_sstp,
    require_usable,
)
from ansible_collections.rras.sstp.plugins.plugin_utils.inputs import Endpoint
from ansible_collections.rras.sstp.plugins.plugin_utils.names import OWNERS, SSTP_APP_ID, UNSET_APP_ID, is_program
from ansible_collections.rras.sstp.plugins.plugin_utils.state import RegistryValue, RemoteAccess, Service
from certificate_factory import CLIENT_AUTHENTICATION, EXPIRES, ISSUED, NOW, issue
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
    with_more_records,
    with_more_services,
    with_parameter,
    with_records,
    with_service,
    without_service,
)

OLD, NEW, OTHER = certificate_factory.old(), certificate_factory.new(), certificate_factory.other()


# --- the host ---


def test_a_healthy_host_is_not_refused():
    state = healthy()
    require_sstp(state)
    require_restartable(state)
    require_fitness(OLD.certificate, Circumstances(NOW))
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
        require_fitness(issued.certificate, Circumstances(NOW))
    sentence = str(caught.value)
    assert issued.thumbprint in sentence
    assert what in sentence
    assert remedy in sentence
    assert caught.value.facts == {"rule": rule}


@pytest.mark.parametrize("issued", [pytest.param(issue(eku=None), id="no key usage"), pytest.param(issue(not_before=ISSUED), id="fit")])
def test_a_warning_does_not_refuse(issued):
    require_fitness(issued.certificate, Circumstances(NOW))


@pytest.mark.parametrize(
    ("key", "what"),
    [
        pytest.param(None, "without a private key; import it again together with its key", id="no key"),
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



# --- administrator mode: RRAS must take the certificate ---

PAST_RRAS = "writer: direct binds the certificate and writes its hash without RRAS, whose own configuration then stays at the old certificate"


def asked(**view):
    return dataclasses.replace(administered(healthy()), remote_access=RemoteAccess(**{"available": True, **view}))


@pytest.mark.parametrize("connect_to", [None, "", "new.example.com", "NEW.example.com"])
def test_rras_takes_the_certificate(connect_to):
    require_remote_access(asked(connect_to=connect_to), NEW.certificate)


@pytest.mark.parametrize("state", [healthy(), asked(available=False)], ids=["nobody has asked", "no cmdlet"])
def test_a_host_without_the_cmdlet_is_refused(state):
    with pytest.raises(SstpError) as caught:
        require_remote_access(state, NEW.certificate)
    assert str(caught.value) == f"This host has no cmdlet Set-RemoteAccess, with which administrator mode gets its certificate; {PAST_RRAS}."


def test_rras_that_gives_no_answer_is_refused():
    with pytest.raises(SstpError) as caught:
        require_remote_access(asked(error={"message": "The service cannot be started."}), NEW.certificate)
    assert str(caught.value) == (
        f"RRAS does not say how it is configured (Get-RemoteAccess: The service cannot be started); see why, first, or: {PAST_RRAS}."
    )


@pytest.mark.parametrize(
    ("issued", "names"),
    [
        pytest.param(issue("vpn.example.com", names=("vpn.example.com", "192.0.2.1")), "vpn.example.com, 192.0.2.1", id="other names"),
        pytest.param(issue("vpn.example.com", names=()), "CN=vpn.example.com", id="no names but the subject"),
    ],
)
def test_a_certificate_that_direct_access_clients_would_not_take_is_refused(issued, names):
    with pytest.raises(SstpError) as caught:
        require_remote_access(asked(connect_to="da.example.com"), issued.certificate)
    assert str(caught.value) == (
        "DirectAccess clients of this server dial da.example.com (ConnectToAddress), and RRAS takes no certificate that is not for it: "
        f"{issued.thumbprint} is for {names}; have one issued that has this name as well."
    )


# --- administrator mode: a record bound past RRAS ---


def test_in_administrator_mode_another_certificate_is_not_bound_directly():
    with pytest.raises(SstpError) as caught:
        require_rebindable(administered(healthy()), (V4, V6), NEW.certificate)
    assert str(caught.value) == (
        "The certificate of this server was chosen in the RRAS console or with Set-RemoteAccess (isHashConfiguredByAdmin is 1): "
        "binding another one to 0.0.0.0:443 and [::]:443 directly would raise RasSstp event 32; rras.sstp.rotate tells RRAS as well."
    )


def test_in_administrator_mode_a_certificate_that_is_not_in_the_store_is_not_bound_directly():
    with pytest.raises(SstpError, match=r"binding another one to \[::\]:443 directly"):
        require_rebindable(administered(healthy()), (V6,), None)


def test_the_pair_is_that_of_the_port_on_which_sstp_listens():
    state = dataclasses.replace(with_parameter(administered(healthy()), "ListenerPort", RegistryValue("dword", 8443)), port=443)
    require_rebindable(state, (V4,), NEW.certificate)
    with pytest.raises(SstpError, match="event 32"):
        require_rebindable(state, (Endpoint("ip", "0.0.0.0", 8443),), NEW.certificate)


@pytest.mark.parametrize(
    ("state", "endpoints", "issued"),
    [
        pytest.param(administered(healthy()), (V4, V6), OLD, id="the configured certificate"),
        pytest.param(administered(healthy()), (Endpoint("sni", "0.0.0.0", 443, "vpn"), Endpoint("ip", "203.0.113.5", 443)), NEW, id="not the pair"),
        pytest.param(administered(healthy()), (), NEW, id="nothing touched"),
        pytest.param(healthy(), (V4, V6), NEW, id="automatic mode"),
        pytest.param(offloading(healthy()), (V4, V6), NEW, id="offload"),
    ],
)
def test_a_record_may_be_bound_directly(state, endpoints, issued):
    require_rebindable(state, endpoints, issued.certificate)


# --- a hash that nobody would write again ---


def test_in_automatic_mode_a_hash_may_go():
    require_derived_hash(healthy())


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (offloading(healthy()), r"TLS is ended in front of this server \(UseHttps is 0\).*event 18.*write the new hash instead, or end offload"),
        (administered(healthy()), r"chosen by its administrator \(isHashConfiguredByAdmin is 1\).*event 18.*mode: automatic goes back"),
    ],
    ids=["offload", "administrator"],
)
def test_in_the_other_modes_a_hash_may_not_go(state, words):
    with pytest.raises(SstpError, match=words):
        require_derived_hash(state)


# --- the last record of another program ---

SITE = Endpoint("sni", "0.0.0.0", 443, "www.example.com")


def test_the_last_record_of_a_program_stays():
    with pytest.raises(SstpError) as caught:
        require_other_record(with_more_records(healthy(), record(SITE, NEW.thumbprint, app_id=IIS_APP_ID)), (SITE,))
    assert str(caught.value) == (
        "The HTTP.SYS record of www.example.com:443 is the last one of IIS, which would serve no TLS without it, so it was not removed; "
        "remove it with IIS itself, or give IIS another record first."
    )


def test_the_last_records_of_a_program_stay_when_they_would_go_together():
    state = with_records(healthy(), record(V4, OLD.thumbprint, app_id=IIS_APP_ID), record(V6, OLD.thumbprint, app_id=IIS_APP_ID))
    with pytest.raises(SstpError, match="is the last one of IIS"):
        require_other_record(state, (V4, V6))


@pytest.mark.parametrize(
    "records",
    [
        pytest.param((record(SITE, NEW.thumbprint, app_id=IIS_APP_ID), record(V4, NEW.thumbprint, app_id=IIS_APP_ID)), id="IIS has another one"),
        pytest.param((record(SITE, NEW.thumbprint),), id="of SSTP"),
        pytest.param((record(SITE, NEW.thumbprint, app_id=UNSET_APP_ID),), id="of nobody"),
        pytest.param((record(SITE, NEW.thumbprint, app_id="{00112233-4455-6677-8899-aabbccddeeff}"),), id="of a program that is not known"),
        pytest.param((), id="no such record"),
    ],
)
def test_a_record_that_may_go(records):
    require_other_record(with_records(healthy(), *records), (SITE,))


@pytest.mark.parametrize("app_id", sorted(OWNERS))
def test_what_is_a_program(app_id):
    expected = app_id not in (SSTP_APP_ID, UNSET_APP_ID)
    assert is_program(app_id) is is_program(app_id.upper()) is expected


def test_an_owner_that_is_not_known_is_no_program():
    assert not is_program("{00112233-4455-6677-8899-aabbccddeeff}")
