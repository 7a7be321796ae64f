# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rotation refuses and predicts, and that audit and rotation agree about what there is to do."""

from __future__ import annotations

import dataclasses
import re

import certificate_factory
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.changes import Plan, SetServices
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.findings import Policy
from ansible_collections.rras.sstp.plugins.plugin_utils.inputs import Endpoint
from ansible_collections.rras.sstp.plugins.plugin_utils.modes import MODE_VALUES
from ansible_collections.rras.sstp.plugins.plugin_utils.names import SHA1_VALUE, SHA256_VALUE
from ansible_collections.rras.sstp.plugins.plugin_utils.plan import Limits, Wanted, plan_rotation
from ansible_collections.rras.sstp.plugins.plugin_utils.restoration import plan_restoration, read_snapshot
from ansible_collections.rras.sstp.plugins.plugin_utils.restoration import predict as predict_restoration
from ansible_collections.rras.sstp.plugins.plugin_utils.rotation import advice, predict, reached_nodes, refusal, refuse, rotation_result
from ansible_collections.rras.sstp.plugins.plugin_utils.rules import judge
from ansible_collections.rras.sstp.plugins.plugin_utils.state import Node, RegistryValue, RemoteAccess
from certificate_factory import CLIENT_AUTHENTICATION, issue
from host_factory import (
    IIS_APP_ID,
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
    with_more_records,
    with_parameter,
    with_records,
    with_rras_disabled,
    with_rras_stopped,
    with_service,
    with_sha256,
    without_service,
)
from hypothesis import given
from hypothesis import strategies as st
from state_strategies import host_states, host_states_before_staging, host_states_of_every_mode, wanteds

OLD, NEW = certificate_factory.old(), certificate_factory.new()


def rotate(state, issued=NEW, service_state="running"):
    return plan_rotation(state, Wanted(issued.certificate, service_state=service_state))


def predicted(state, issued=NEW, service_state="running"):
    return predict(state, rotate(state, issued, service_state), Wanted(issued.certificate, service_state=service_state))


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


def refusing(state, issued=NEW, *, take_over=False, staged=True):
    refuse(state, Wanted(issued.certificate), rotate(state, issued), take_over=take_over, staged=staged)


def test_a_healthy_host_is_not_refused():
    refusing(healthy())


REFUSED = [
    pytest.param(without_service(healthy(), "SstpSvc"), "SSTP is not installed", id="no SSTP"),
    pytest.param(dataclasses.replace(healthy(), host={**healthy().host, "elevated": False}), r"Access is denied \(5\)", id="no rights"),
    pytest.param(with_service(healthy(), "RemoteAccess", start=4), "RemoteAccess runs although it is disabled", id="runs although disabled"),
    pytest.param(with_records(healthy(), record(V4, OLD.thumbprint, app_id=IIS_APP_ID)), "belongs to IIS", id="record of IIS"),
    pytest.param(
        with_records(healthy(), record(V4, NEW.thumbprint), record(V6, OLD.thumbprint, app_id=IIS_APP_ID)),
        r"of \[::\]:443 belongs to IIS",
        id="record of IIS, the other one right already",
    ),
]


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        *REFUSED,
        pytest.param(with_certificates(healthy(), stored(NEW)), "without a private key", id="no key"),
        pytest.param(with_certificates(healthy(), stored(NEW, key=good_key(NEW, proven=False))), "not usable", id="wrong key"),
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
        refusing(state, staged=False)
        return
    with pytest.raises(SstpError, match="import it first"):
        refusing(state, staged=True)


def test_take_over_is_passed_on():
    refusing(with_records(healthy(), record(V4, OLD.thumbprint, app_id=IIS_APP_ID)), take_over=True)


def test_a_record_of_another_application_that_stays_as_it_is_does_not_matter():
    state = with_records(healthy(), *(record(e, NEW.thumbprint, app_id=IIS_APP_ID) for e in (V4, V6)))
    plan = rotate(state)
    assert plan
    assert not [change for change in plan.describe() if change.startswith("bind")]
    refusing(state)


def test_a_record_of_another_application_beside_the_pair_does_not_matter():
    exact = dataclasses.replace(record(V4, OLD.thumbprint, app_id=IIS_APP_ID), endpoint=dataclasses.replace(V4, address="203.0.113.5"))
    refusing(with_more_records(healthy(), exact))


@given(host_states(), st.sampled_from(["running", "as_found"]))
def test_a_plan_that_is_not_refused_starts_what_it_stops(state, service_state):
    plan = rotate(state, service_state=service_state)
    try:
        refuse(state, Wanted(NEW.certificate), plan, take_over=True, staged=True)
    except SstpError:
        return
    now = {service.name: service.state for service in state.services}
    stopped = set()
    for change in plan.changes:
        if isinstance(change, SetServices) and change.when_changed is None:
            assert change.state == "stopped" or not [name for name in change.names if state.service(name).start == 4]
            now |= dict.fromkeys(change.names, change.state)
            stopped |= set(change.names) if change.state == "stopped" else set()
    assert {name for name in stopped if now[name] != "running"} == set()


# --- refusing, as a sentence for an audit ---


def sentence_about(state, issued=NEW, *, take_over=False, at_hand=True):
    return refusal(state, Wanted(issued.certificate), issued.thumbprint, rotate(state, issued), take_over=take_over, at_hand=at_hand)


def test_nothing_stands_against_a_rotation_of_a_healthy_host():
    assert sentence_about(healthy()) is None


@pytest.mark.parametrize(("state", "sentence"), REFUSED)
def test_what_stands_against_a_rotation(state, sentence):
    with pytest.raises(SstpError) as caught:
        refusing(state)
    assert re.search(sentence, sentence_about(state))
    assert sentence_about(state) == str(caught.value)


def test_take_over_stands_against_nothing():
    assert sentence_about(with_records(healthy(), record(V4, OLD.thumbprint, app_id=IIS_APP_ID)), take_over=True) is None


@pytest.mark.parametrize("found", [(), (stored(NEW),), (stored(NEW, key=good_key(NEW, proven=False)),)])
def test_a_candidate_that_is_still_to_be_imported_stands_against_nothing(found):
    assert sentence_about(with_certificates(healthy(), *found)) is None


def test_a_candidate_that_nobody_has_stands_against_a_rotation():
    sentence = refusal(healthy(), Wanted(None), NEW.thumbprint, Plan(), take_over=False, at_hand=True)
    assert sentence == f"The certificate {NEW.thumbprint} is not in LocalMachine\\MY on this host; import it first, with rras.sstp.certificate."


@pytest.mark.parametrize(("found", "words"), [((), "is not in LocalMachine"), ((stored(NEW),), "without a private key")])
def test_a_candidate_that_cannot_be_imported_must_be_there(found, words):
    assert words in sentence_about(with_certificates(healthy(), *found), at_hand=False)
    assert sentence_about(with_certificates(healthy(), stored(NEW, key=good_key(NEW))), at_hand=False) is None


def test_an_unfit_candidate_stands_against_a_rotation_even_where_nothing_has_to_be_done():
    unfit = issue(eku=(CLIENT_AUTHENTICATION,))
    assert not rotate(bound_to(unfit), unfit)
    assert "is not meant for servers" in sentence_about(bound_to(unfit), unfit)
    assert "is not meant for servers" in sentence_about(healthy(), unfit)


@pytest.mark.parametrize(("state", "_sentence"), [p for p in REFUSED if p.id in ("no rights", "runs although disabled", "record of IIS")])
def test_where_nothing_has_to_be_done_nothing_stands_against_it(state, _sentence):
    if state.pair[1] is None:
        state = with_records(state, state.pair[0], record(V6, OLD.thumbprint))
    assert not rotate(state, OLD)
    assert sentence_about(state, OLD) is None


# --- audit has no repairable finding <=> neither the import nor the rotation of the role has anything to do ---


def repairable(state, issued=NEW):
    return [f"{f.id} {f.subject}" for f in judge(state, Policy(wanted=Wanted(issued.certificate))).findings if f.repairable]


def is_staged(state, issued=NEW):
    """As audit tells a role whether the import can be left out."""
    found = state.certificate(issued.thumbprint)
    return found is not None and found.key is not None and found.key.usable is True


@given(host_states())
def test_audit_and_rotation_agree(state):
    assert is_staged(state)
    assert bool(repairable(state)) == bool(rotate(state))


@given(host_states_before_staging())
def test_audit_and_role_agree_before_the_candidate_is_staged(state):
    assert not is_staged(state)
    assert repairable(state)


@given(host_states() | host_states_before_staging())
def test_audit_and_role_agree(state):
    assert bool(repairable(state)) == (bool(rotate(state)) or not is_staged(state))


@given(host_states())
def test_after_a_rotation_there_is_nothing_to_repair(state):
    after = predicted(state)
    assert repairable(after) == []


@given(host_states_before_staging())
def test_after_the_import_and_a_rotation_there_is_nothing_to_repair(state):
    others = [c for c in state.certificates if (c.thumbprint, c.store) != (NEW.thumbprint, "MY")]
    after = predicted(with_certificates(state, stored(NEW, key=good_key(NEW)), *others))
    assert repairable(after) == []


# --- administrator mode: what a rotation through RRAS refuses ---

PAST_RRAS = Wanted(NEW.certificate, writer="direct")


def viewed(**view):
    """A server in administrator mode of which RRAS itself says that."""
    return dataclasses.replace(administered(healthy()), remote_access=RemoteAccess(**{"available": True, "certificate": OLD.certificate, **view}))


def refused(state, wanted, *, take_over=False, staged=True):
    """The sentence; None where that rotation is not refused."""
    try:
        refuse(state, wanted, plan_rotation(state, wanted), take_over=take_over, staged=staged)
    except SstpError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("view", "words"),
    [
        pytest.param({"available": False, "certificate": None}, "This host has no cmdlet Set-RemoteAccess", id="no cmdlet"),
        pytest.param({"error": {"message": "no service"}}, "RRAS does not say how it is configured (Get-RemoteAccess: no service)", id="no answer"),
        pytest.param({"connect_to": "da.example.com"}, "DirectAccess clients of this server dial da.example.com", id="DirectAccess"),
    ],
)
def test_what_rras_would_not_take_is_refused(view, words):
    assert refused(viewed(**view), Wanted(NEW.certificate)).startswith(words)


@pytest.mark.parametrize("view", [{"available": False, "certificate": None}, {"error": {"message": "no"}}, {"connect_to": "da.example.com"}])
def test_past_rras_it_does_not_matter_what_it_would_take(view):
    assert refused(viewed(**view), PAST_RRAS) is None


@pytest.mark.parametrize("connect_to", [None, "new.example.com"])
def test_what_rras_takes_is_not_refused(connect_to):
    assert refused(viewed(connect_to=connect_to), Wanted(NEW.certificate)) is None


def test_what_rras_would_not_take_stands_against_a_rotation_as_a_sentence():
    state, wanted = viewed(connect_to="da.example.com"), Wanted(NEW.certificate)
    told = refusal(state, wanted, NEW.thumbprint, plan_rotation(state, wanted), take_over=False, at_hand=True)
    assert told == refused(state, wanted)


# --- offload: what a rotation refuses ---


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        pytest.param(with_certificates(healthy()), Wanted(NEW.certificate, mode="offload"), id="the certificate is not on the server"),
        pytest.param(healthy(), Wanted(None, NEW.sha256, mode="offload"), id="nobody has the certificate"),
        pytest.param(
            with_records(healthy(), record(V4, OLD.thumbprint, app_id=IIS_APP_ID)), Wanted(None, NEW.sha256, mode="offload"), id="the records are others'"
        ),
    ],
)
def test_in_offload_is_not_refused(state, wanted):
    assert refused(state, wanted) is None
    assert refusal(state, wanted, wanted.thumbprint, plan_rotation(state, wanted), take_over=False, at_hand=False) is None


def test_in_offload_a_certificate_that_clients_would_not_take_is_refused():
    unfit = issue(eku=(CLIENT_AUTHENTICATION,))
    assert "is not meant for servers" in refused(healthy(), Wanted(unfit.certificate, mode="offload"))


def test_in_offload_a_certificate_that_clients_would_not_take_stands_against_it_even_where_nothing_has_to_be_done():
    unfit = issue(eku=(CLIENT_AUTHENTICATION,))
    state, wanted = offloading(healthy(), unfit.sha256), Wanted(unfit.certificate)
    assert not plan_rotation(state, wanted)
    assert "is not meant for servers" in refusal(state, wanted, unfit.thumbprint, Plan(), take_over=False, at_hand=False)


def test_in_offload_the_certificate_need_not_be_on_the_server_where_nothing_has_to_be_done():
    state, wanted = with_certificates(offloading(healthy())), Wanted(OLD.certificate)
    assert not plan_rotation(state, wanted)
    assert refusal(state, wanted, OLD.thumbprint, Plan(), take_over=False, at_hand=False) is None


def test_out_of_offload_the_certificate_must_be_on_the_server():
    state = with_certificates(offloading(healthy()))
    assert "import it first" in refused(state, Wanted(NEW.certificate, mode="automatic"))


def test_a_record_that_would_follow_belongs_to_its_owner():
    site = record(Endpoint("sni", "0.0.0.0", 443, "www.example.com"), OLD.thumbprint, app_id=IIS_APP_ID)
    state, wanted = with_more_records(healthy(), site), Wanted(NEW.certificate, shared_records=True)
    assert "The HTTP.SYS record of www.example.com:443 belongs to IIS" in refused(state, wanted)
    assert refused(state, wanted, take_over=True) is None
    assert refused(state, Wanted(NEW.certificate)) is None


# --- what comes with a rotation ---


def told(state, wanted):
    return advice(state, wanted, plan_rotation(state, wanted))


NODES = (Node("vpn1", "Converged"), Node("VPN2.example.com", "Converging"), Node("VPN3", "Stopped"), Node("VPN4", "Default"))


def test_nodes_that_are_down_and_nodes_that_need_a_restart_are_named():
    assert told(viewed(nodes=NODES), Wanted(NEW.certificate)) == [
        "The node VPN3 is Stopped: Set-RemoteAccess does not reach it; rotate again when it is up.",
        "Set-RemoteAccess changes the other nodes of the cluster as well (VPN2.example.com, VPN4): each needs a restart of its own to take the certificate.",
    ]


@pytest.mark.parametrize("own", ["VPN1", "vpn1.example.com"])
def test_the_server_itself_is_no_other_node(own):
    assert told(viewed(nodes=(Node(own, "Converged"),)), Wanted(NEW.certificate)) == []


def test_past_rras_its_own_configuration_stays():
    assert told(viewed(), PAST_RRAS) == [
        f"writer: direct leaves RRAS's own configuration at the certificate that it has now ({OLD.thumbprint}): "
        "the next change in the RRAS console or with Set-RemoteAccess brings that back, and RasSstp event 32 with it."
    ]


def test_past_rras_a_certificate_that_nobody_knows_is_not_named():
    assert "that it has now: the next change" in told(dataclasses.replace(administered(healthy()), remote_access=None), PAST_RRAS)[0]


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        pytest.param(viewed(), Wanted(NEW.certificate), id="no cluster"),
        pytest.param(viewed(nodes=NODES), Wanted(OLD.certificate), id="nothing to do"),
        pytest.param(viewed(nodes=NODES), Wanted(NEW.certificate, mode="automatic"), id="into automatic mode"),
        pytest.param(viewed(nodes=NODES), Wanted(NEW.certificate, mode="offload"), id="into offload"),
    ],
)
def test_nothing_comes_with_it(state, wanted):
    assert told(state, wanted) == []


def test_starting_the_services_is_no_way_past_rras():
    assert told(with_rras_stopped(viewed()), Wanted(OLD.certificate)) == []


def test_past_rras_nothing_is_left_where_rras_has_the_certificate():
    assert told(viewed(certificate=NEW.certificate), PAST_RRAS) == []


@pytest.mark.parametrize(
    ("wanted", "reached"),
    [(Wanted(NEW.certificate), ["VPN2.example.com", "VPN4"]), (PAST_RRAS, []), (Wanted(OLD.certificate), [])],
    ids=["through RRAS", "past it", "nothing to do"],
)
def test_the_other_nodes_that_set_remote_access_reaches(wanted, reached):
    state = viewed(nodes=NODES)
    assert reached_nodes(state, plan_rotation(state, wanted)) == reached
    assert rotation_result(state, state, plan_rotation(state, wanted), wanted, None)["other_nodes"] == reached


# --- predicting across modes ---


def foreseen(state, wanted):
    return predict(state, plan_rotation(state, wanted), wanted)


def test_rras_is_predicted_to_have_what_it_is_told():
    after = foreseen(viewed(nodes=NODES), Wanted(NEW.certificate))
    assert after.remote_access == dataclasses.replace(viewed(nodes=NODES).remote_access, certificate=NEW.certificate)


def test_rras_is_predicted_to_keep_what_it_has_past_it():
    assert foreseen(viewed(), PAST_RRAS).remote_access == viewed().remote_access


def test_offload_is_predicted():
    after = foreseen(healthy(), Wanted(None, NEW.sha256, mode="offload"))
    assert (after.mode, after.sha256, after.sha1) == ("offload", RegistryValue("binary", NEW.sha256), None)
    assert after.config_store["UseHttps"] == RegistryValue("dword", 0)
    assert after.before_offload["mode"] == RegistryValue("string", "automatic")
    assert after.records == healthy().records


def test_a_subkey_is_not_predicted_where_there_is_none():
    state = dataclasses.replace(healthy(), config_store=None)
    assert foreseen(state, Wanted(None, NEW.sha256, mode="offload")).config_store is None


def test_a_derived_hash_is_predicted_out_of_offload():
    after = foreseen(offloading(healthy()), Wanted(NEW.certificate, mode="automatic"))
    assert (after.mode, after.sha256, after.sha1) == ("automatic", RegistryValue("binary", NEW.sha256), None)


def test_no_record_is_predicted_for_a_family_that_is_not_bound():
    state = with_adapters(with_records(viewed(), record(V4, OLD.thumbprint)), ipv6=False)
    assert foreseen(state, Wanted(NEW.certificate)).pair == (record(V4, NEW.thumbprint), None)


# --- results across modes ---


def outcome(state, wanted):
    return rotation_result(state, foreseen(state, wanted), plan_rotation(state, wanted), wanted, None)


@pytest.mark.parametrize(
    ("wanted", "mode", "thumbprint"),
    [
        (Wanted(NEW.certificate), "automatic", NEW.thumbprint),
        (Wanted(NEW.certificate, mode="administrator", writer="direct"), "administrator", NEW.thumbprint),
        (Wanted(NEW.certificate, mode="offload"), "offload", NEW.thumbprint),
        (Wanted(None, NEW.sha256, mode="offload"), "offload", None),
    ],
    ids=["automatic", "administrator", "offload by a certificate", "offload by a hash"],
)
def test_a_result_says_in_which_mode_it_ends(wanted, mode, thumbprint):
    shown = outcome(healthy(), wanted)
    assert (shown["mode"], shown["thumbprint"], shown["sha256"]) == (mode, thumbprint, NEW.sha256)


def test_a_result_says_what_comes_with_it():
    assert outcome(viewed(), PAST_RRAS)["advice"] == told(viewed(), PAST_RRAS)


def test_a_plan_in_words_has_no_step_that_does_nothing():
    assert not [step for step in outcome(viewed(), Wanted(NEW.certificate))["plan"] if "keep in mind" in step]


def test_a_snapshot_has_the_records_that_follow():
    site = record(Endpoint("sni", "0.0.0.0", 443, "www.example.com"), OLD.thumbprint, app_id=IIS_APP_ID)
    state = with_more_records(healthy(), site)
    for shared in (True, False):
        records = outcome(state, Wanted(NEW.certificate, shared_records=shared))["snapshot"]["records"]
        assert [r["host"] for r in records] == ([None, None, "www.example.com"] if shared else [None, None])


def test_a_snapshot_has_what_rras_had():
    assert outcome(viewed(), Wanted(NEW.certificate))["snapshot"]["remote_access"] == OLD.thumbprint


# --- every mode, and every way from one into another ---


@given(host_states_of_every_mode(), wanteds)
def test_audit_and_rotation_agree_in_every_mode(state, wanted):
    findings = [finding for finding in judge(state, Policy(wanted=wanted)).findings if finding.repairable]
    assert bool(findings) == bool(plan_rotation(state, wanted)), findings


@given(host_states_of_every_mode(), wanteds)
def test_after_a_rotation_into_any_mode_there_is_nothing_to_do(state, wanted):
    after = predict(state, plan_rotation(state, wanted), wanted)
    assert plan_rotation(after, wanted).describe() == []
    assert wanted.mode in ("as_found", after.mode)


@given(host_states_of_every_mode(), wanteds)
def test_what_a_rotation_into_any_mode_changes_is_in_its_snapshot(state, wanted):
    """The way back leads to the state before, with every value as it was."""
    if state.service("RemoteAccess") is None:
        return
    state = dataclasses.replace(state, services=tuple(dataclasses.replace(s, state="running", start=2) for s in state.services))
    result = rotation_result(state, state, plan_rotation(state, wanted), wanted, None)
    after = predict(state, plan_rotation(state, wanted), wanted)
    was = read_snapshot(result["snapshot"])
    back = predict_restoration(after, was, plan_restoration(after, was, Limits()))
    assert {r.endpoint: r for r in back.records} == {r.endpoint: r for r in state.records}
    told = [name for name in (SHA256_VALUE, SHA1_VALUE, *MODE_VALUES) if (value := state.parameter(name)) is None or value.data is not None]
    assert {name: back.parameter(name) for name in told} == {name: state.parameter(name) for name in told}
    assert back.config_store == state.config_store


IMPORTED_FIRST = [
    pytest.param(with_certificates(healthy()), "certificate_missing", id="wanted certificate bound, but not in the store"),
    pytest.param(with_certificates(healthy(), stored(OLD)), "key_unusable", id="wanted certificate bound, but without a key"),
    pytest.param(
        with_certificates(healthy(), stored(OLD, key=good_key(OLD, acquire_code=-2146893802, proven=None))),
        "key_unusable",
        id="wanted certificate bound, but its key does not open",
    ),
    pytest.param(
        with_certificates(healthy(), stored(OLD, key=good_key(OLD, proven=False))), "key_unusable", id="wanted certificate bound, but with another key"
    ),
]


@pytest.mark.parametrize(("state", "rule"), IMPORTED_FIRST)
def test_what_the_import_alone_heals(state, rule):
    assert [finding.split()[0] for finding in repairable(state, OLD)] == [rule]
    assert not is_staged(state, OLD)
    assert not rotate(state, OLD)
    imported = with_certificates(state, stored(OLD, key=good_key(OLD)))
    assert is_staged(imported, OLD)
    assert repairable(imported, OLD) == []
    assert not rotate(imported, OLD)


@pytest.mark.parametrize(("state", "rule"), IMPORTED_FIRST)
def test_what_a_rotation_to_another_certificate_heals(state, rule):
    both = with_certificates(state, *state.certificates, stored(NEW, key=good_key(NEW)))
    assert rule in [finding.split()[0] for finding in repairable(both)]
    assert is_staged(both)
    assert rotate(both)
    assert repairable(predicted(both)) == []


@pytest.mark.parametrize(
    ("state", "agreed"),
    [
        pytest.param(
            with_records(with_certificates(healthy(), stored(OLD, key=good_key(OLD))), *(record(e, NEW.thumbprint) for e in (V4, V6))),
            True,
            id="other certificate bound, that is not in the store",
        ),
        pytest.param(with_sha256(with_rras_disabled(healthy()), "AB"), True, id="stale hash, RRAS disabled"),
        pytest.param(with_rras_disabled(healthy()), False, id="RRAS disabled"),
        pytest.param(with_service(healthy(), "RemoteAccess", start=4), False, id="RRAS runs although disabled"),
        pytest.param(with_service(healthy(), "SstpSvc", state="stopped"), True, id="SSTP dead under a running RRAS"),
        pytest.param(with_service(with_rras_disabled(healthy()), "SstpSvc", state="stopped"), False, id="SSTP stopped, RRAS disabled"),
        pytest.param(without_service(with_service(healthy(), "SstpSvc", state="stopped"), "RemoteAccess"), False, id="SSTP stopped, RRAS not installed"),
    ],
)
def test_audit_and_rotation_agree_about(state, agreed):
    assert is_staged(state, OLD)
    assert bool(repairable(state, OLD)) is agreed
    assert bool(rotate(state, OLD)) is agreed


def test_an_interrupted_change_is_something_to_repair_and_to_do():
    state = dataclasses.replace(healthy(), interrupted=True)
    assert repairable(state, OLD) == ["rotation_interrupted journal"]
    result = rotation_result(state, state, rotate(state, OLD), Wanted(OLD.certificate), None, recovered=True)
    assert result["changed"] is True
    assert result["plan"] == ["take back an interrupted change"]
