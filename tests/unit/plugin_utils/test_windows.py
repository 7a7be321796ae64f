# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of windows_backend, with a call function that answers by a script."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import json

import certificate_factory
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.changes import DeleteRecord, SetServices
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import ConflictError, ConnectionLost, SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.inputs import Endpoint
from ansible_collections.rras.sstp.plugins.plugin_utils.names import SSTP_KEY
from ansible_collections.rras.sstp.plugins.plugin_utils.places import PLACES
from ansible_collections.rras.sstp.plugins.plugin_utils.reconnection import Reconnection
from ansible_collections.rras.sstp.plugins.plugin_utils.state import RegistryValue, RemoteAccess
from ansible_collections.rras.sstp.plugins.plugin_utils.windows import DEFAULT_FACETS, Applied, Backend, Scope, Secret, differing, explain
from host_factory import (
    V4,
    V6,
    good_key,
    healthy,
    healthy_facts,
    key_fact,
    record,
    record_fact,
    stored,
    stored_fact,
    with_certificates,
    with_more_records,
    with_parameter,
    with_records,
    with_service,
    with_sha256,
)

NEW = certificate_factory.new()
SNI = Endpoint("sni", "0.0.0.0", 443, "vpn.example.com")
SCOPE = Scope(ports=(443,), thumbprints=(NEW.thumbprint,), prove=(NEW.thumbprint,), prove_bound=True)
CHANGES = (DeleteRecord(V4), DeleteRecord(V6), SetServices(("SstpSvc",), "running", 120))
STEPS = [{"index": 0, "kind": "delete_ssl_record", "time": "2026-03-01T12:00:01.250Z", "changed": True, "skipped": False, "milliseconds": 3, "detail": None}]
DENIED = {"function": "HttpDeleteServiceConfiguration", "code": 5, "message": "Access is denied"}


class Script:
    """A call function that gives the answers one after the other and keeps the options that it was called with."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.calls = []

    def __call__(self, options):
        self.calls.append(options)
        answer = self.answers.pop(0)
        return answer(options) if callable(answer) else answer


def seen(**result):
    return {"changed": False, "facts": healthy_facts(), "state_id": "state-2", **result}


def applied(outcome, **result):
    return seen(**{"outcome": outcome, "changes": STEPS, "failure": None, "undone": [], "not_undone": [], "found": True, **result})


def failed(not_undone=()):
    failure = {"index": 1, "kind": "delete_ssl_record", "error": DENIED}
    undone = [{"index": 0, "kind": "set_ssl_record"}]
    return applied("failed", failure=failure, undone=undone, not_undone=list(not_undone))


def apply(answer, secret=None):
    script = Script(answer)
    return Backend(script).apply(SCOPE, healthy(), CHANGES, secret), script.calls[0]


# --- observe ---


def test_observe_asks_for_the_scope():
    script = Script(seen())
    state = Backend(script).observe(SCOPE)
    (options,) = script.calls
    assert state.state_id == "state-2"
    assert options["operation"] == "observe"
    assert options["ports"] == [443]
    assert options["thumbprints"] == options["prove"] == [NEW.thumbprint]
    assert options["prove_bound"] is True
    assert "Microsoft Platform Crypto Provider" in options["untouched_providers"]
    assert "facets" not in options


def test_observe_asks_for_some_facets_only():
    script = Script(seen())
    Backend(script).observe(Scope(facets=("host", "http")))
    assert script.calls[0]["facets"] == ["host", "http"]


@pytest.mark.parametrize(
    ("facets", "asked"),
    [
        (None, ["host", "http", "product", "served", "services", "sessions", "sstp", "stores", "events"]),
        (("host",), ["host", "events"]),
    ],
)
def test_observe_asks_for_events_since_a_time_beside_the_rest(facets, asked):
    script = Script(seen())
    Backend(script).observe(Scope(facets=facets, events_since="2026-03-01T12:00:00Z"))
    assert script.calls[0]["facets"] == asked
    assert script.calls[0]["events_since"] == "2026-03-01T12:00:00Z"


def test_nobody_is_asked_for_events_unless_it_is_said_since_when():
    assert Scope().to_options().keys() == {"ports", "thumbprints", "prove", "prove_bound", "untouched_providers"}


@pytest.mark.parametrize(
    ("remote_access", "conditions"),
    [("always", []), ("unless_automatic", [("UseHttps", "dword", 0), ("isHashConfiguredByAdmin", "dword", 1)])],
)
def test_rras_itself_is_asked(remote_access, conditions):
    options = Scope(remote_access=remote_access).to_options()
    assert options["facets"] == [*DEFAULT_FACETS, "remote_access"]
    assert [(c["name"], c["value_kind"], c["data"]) for c in options["remote_access_when"]] == conditions
    assert {(c["kind"], c["path"]) for c in options["remote_access_when"]} <= {("registry_value", SSTP_KEY)}


def test_who_uses_certificates_is_read_when_asked_for():
    options = Scope(users=True, authorities=("AB",), issuers=(b"DER",)).to_options()
    assert {"keys", "mentions"} <= set(options["facets"])
    assert options["places"] == [place.to_wire() for place in PLACES]
    assert (options["authorities"], options["issuers"]) == (["AB"], ["REVS"])


def test_what_was_asked_for_is_known_afterwards():
    result = {"facts": healthy_facts(), "state_id": "1"}
    assert Backend(lambda options: result).observe(Scope(thumbprints=("AB",))).asked == {"AB"}
    assert Backend(lambda options: result).observe(Scope(prove_bound=True)).asked == {certificate_factory.old().thumbprint}



def test_rras_itself_is_asked_beside_some_facets_and_the_events():
    options = Scope(facets=("host",), events_since="2026-03-01T12:00:00Z", remote_access="always").to_options()
    assert options["facets"] == ["host", "events", "remote_access"]


def test_keys_are_asked_to_sign_the_challenge_of_this_call():
    def sign(options):
        facts = healthy_facts()
        facts["stores"] = {"MY": [stored_fact(NEW, key_fact(NEW, base64.b64decode(options["challenge"])))]}
        return seen(facts=facts)

    assert Backend(Script(sign)).observe(SCOPE).certificate(NEW.thumbprint).key.proven is True


def test_a_signature_from_an_earlier_call_proves_nothing():
    assert Backend(Script(seen())).observe(SCOPE).certificate(NEW.thumbprint).key.proven is False


def test_every_call_has_a_challenge_of_its_own():
    script = Script(seen(), seen(), applied("applied"), applied("recovered"))
    backend = Backend(script)
    backend.observe(SCOPE)
    backend.observe(SCOPE)
    backend.apply(SCOPE, healthy(), CHANGES)
    backend.recover(SCOPE)
    challenges = [base64.b64decode(options["challenge"]) for options in script.calls]
    assert len(set(challenges)) == 4
    assert {len(challenge) for challenge in challenges} == {32}


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        pytest.param(
            {"failed": True, "msg": "raw", "error": DENIED},
            "The host could not be read: access is denied; the connection's account must be an elevated administrator [HttpDeleteServiceConfiguration gave 5].",
            id="error of the back-end",
        ),
        pytest.param({"failed": True, "msg": "MODULE FAILURE"}, "MODULE FAILURE", id="failure of Ansible's wrapper"),
        pytest.param({"failed": True, "module_stderr": " Out of memory.\r\n"}, "Out of memory.", id="standard error only"),
        pytest.param({}, "The back-end on the host gave no answer.", id="nothing at all"),
        pytest.param({"changed": False}, "The back-end on the host gave no answer.", id="no facts"),
    ],
)
def test_a_host_that_cannot_be_read(answer, sentence):
    with pytest.raises(SstpError) as caught:
        Backend(Script(answer)).observe(SCOPE)
    assert str(caught.value) == sentence


# --- apply ---


def test_apply_sends_the_changes_and_what_it_expects():
    _applied, options = apply(applied("applied"))
    assert options["operation"] == "apply"
    assert options["expect"] == "state-1"
    assert options["changes"] == [change.to_wire() for change in CHANGES]
    assert options["thumbprints"] == [NEW.thumbprint]
    assert "pfx" not in options
    assert "pfx_password" not in options


def test_apply_gives_the_state_after_and_the_steps():
    result, _options = apply(applied("applied"))
    assert isinstance(result, Applied)
    assert result.state.state_id == "state-2"
    assert list(result.steps) == STEPS


def test_a_secret_crosses_in_options_of_its_own():
    _applied, options = apply(applied("applied"), Secret("cGZ4", "one-time"))
    assert (options["pfx"], options["pfx_password"]) == ("cGZ4", "one-time")
    assert "one-time" not in str(options["changes"])


def test_a_secret_shows_nothing():
    assert repr(Secret("cGZ4", "one-time")) == "Secret()"
    assert f"{Secret('cGZ4', 'one-time')}" == "Secret()"


def conflict(facts):
    return seen(outcome="conflict", changes=[], failure=None, undone=[], not_undone=[], facts=facts)


def another_hash():
    facts = healthy_facts()
    facts["sstp"]["parameters"]["SHA256CertificateHash"]["data"] = NEW.sha256
    return facts


def another_record():
    facts = healthy_facts()
    facts["http"]["records"][1] = record_fact("::", NEW.thumbprint)
    return facts


def one_record_less():
    facts = healthy_facts()
    del facts["http"]["records"][0]
    return facts


def one_certificate_less():
    facts = healthy_facts()
    del facts["stores"]["MY"][1]
    return facts


@pytest.mark.parametrize(
    ("facts", "difference"),
    [
        pytest.param(another_hash(), "the value SHA256CertificateHash", id="hash"),
        pytest.param(another_record(), "the record of [::]:443", id="record changed"),
        pytest.param(one_record_less(), "the record of 0.0.0.0:443", id="record gone"),
        pytest.param(one_certificate_less(), f"the certificate {NEW.thumbprint}", id="certificate gone"),
        pytest.param(healthy_facts(), "it cannot be told what", id="unknown"),
    ],
)
def test_a_conflict_touches_nothing_and_says_what_differs(facts, difference):
    with pytest.raises(ConflictError) as caught:
        apply(conflict(facts))
    assert str(caught.value) == f"The host has changed since it was looked at ({difference}), so nothing was touched; run again."


# --- what makes two states differ, as phrases ---


def looked_at(state=None, **fields):
    return dataclasses.replace(state or healthy(), **fields)


def configured(**values):
    return looked_at(config_store={name: RegistryValue("dword", value) for name, value in values.items()})


@pytest.mark.parametrize(
    ("after", "phrases"),
    [
        pytest.param(healthy(), [], id="nothing"),
        pytest.param(with_records(healthy()), ["the record of 0.0.0.0:443", "the record of [::]:443"], id="records gone"),
        pytest.param(with_records(healthy(), *healthy().records[::-1]), [], id="records in another order"),
        pytest.param(
            with_records(healthy(), dataclasses.replace(healthy().records[0], flags=1), healthy().records[1]),
            ["the record of 0.0.0.0:443"],
            id="one bit of a record",
        ),
        pytest.param(with_more_records(healthy(), record(SNI, NEW.thumbprint)), ["the record of vpn.example.com:443"], id="record more"),
        pytest.param(with_more_records(healthy(), record(Endpoint("ip", "0.0.0.0", 8443), NEW.thumbprint)), [], id="record of another port"),
        pytest.param(with_sha256(healthy(), NEW.sha256), ["the value SHA256CertificateHash"], id="value changed"),
        pytest.param(with_parameter(healthy(), "UseHttps", None), ["the value UseHttps"], id="value gone"),
        pytest.param(with_parameter(healthy(), "New", RegistryValue("dword", 1)), ["the value New"], id="value more"),
        pytest.param(with_parameter(healthy(), "USEHTTPS", RegistryValue("dword", 1)), [], id="spelling of a name"),
        pytest.param(with_certificates(healthy(), healthy().certificates[0]), [f"the certificate {NEW.thumbprint}"], id="certificate gone"),
        pytest.param(with_certificates(healthy(), healthy().certificates[1]), [], id="certificate gone that nobody named"),
        pytest.param(with_certificates(healthy(), *healthy().certificates[::-1]), [], id="certificates in another order"),
        pytest.param(
            with_certificates(healthy(), healthy().certificates[0], stored(NEW, key=good_key(NEW, container="another"))),
            [f"the certificate {NEW.thumbprint}"],
            id="another key container",
        ),
        pytest.param(with_certificates(healthy(), healthy().certificates[0], stored(NEW)), [f"the certificate {NEW.thumbprint}"], id="key gone"),
        pytest.param(
            with_certificates(healthy(), *healthy().certificates, stored(NEW, "WEBHOSTING")),
            [f"the certificate {NEW.thumbprint}"],
            id="in another store as well",
        ),
        pytest.param(configured(ListenerPort=8443), ["the value ConfigStore\\ListenerPort"], id="value of the subkey changed"),
        pytest.param(configured(), ["the value ConfigStore\\ListenerPort"], id="value of the subkey gone"),
        pytest.param(configured(ListenerPort=443, UseHttps=1), ["the value ConfigStore\\UseHttps"], id="value of the subkey more"),
        pytest.param(configured(LISTENERPORT=443), [], id="spelling of a name of the subkey"),
        pytest.param(looked_at(config_store=None), ["the value ConfigStore\\ListenerPort"], id="subkey gone"),
        pytest.param(looked_at(remote_access=RemoteAccess(True, NEW.certificate)), [], id="what RRAS says"),
        pytest.param(with_service(healthy(), "RemoteAccess", state="stopped"), [], id="service"),
        pytest.param(looked_at(served=(), host={}, predecessors={NEW.thumbprint: "now"}, state_id="another"), [], id="what no plan looks at"),
        pytest.param(
            with_sha256(with_certificates(with_records(healthy(), healthy().records[1])), "AB"),
            ["the record of 0.0.0.0:443", "the value SHA256CertificateHash", f"the certificate {NEW.thumbprint}"],
            id="one of each",
        ),
    ],
)
def test_what_differs(after, phrases):
    assert differing(healthy(), after, (NEW.thumbprint,)) == phrases
    assert sorted(differing(after, healthy(), (NEW.thumbprint,))) == sorted(phrases)


def test_a_host_whose_sstp_went_away_differs_in_every_value():
    phrases = differing(healthy(), looked_at(parameters=None), ())
    assert phrases == [f"the value {name}" for name in healthy().parameters]
    assert differing(looked_at(parameters=None), looked_at(parameters=None), ()) == []


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        ("interrupted", "Another run was interrupted on this host in the meantime, so nothing was touched"),
        ("locked", "Another run is changing this host at the moment, so nothing was touched; try again"),
    ],
)
def test_other_outcomes_that_touch_nothing(outcome, sentence):
    with pytest.raises(SstpError, match=sentence) as caught:
        apply(seen(outcome=outcome))
    assert not isinstance(caught.value, ConflictError)


def test_a_failed_change_that_was_undone():
    with pytest.raises(SstpError) as caught:
        apply(failed())
    assert str(caught.value) == (
        "Could not delete the record of [::]:443: access is denied; the connection's account must be an elevated administrator "
        "[HttpDeleteServiceConfiguration gave 5]; everything done before it was undone."
    )
    assert caught.value.facts["failure"]["index"] == 1
    assert caught.value.facts["undone"] == [{"index": 0, "kind": "set_ssl_record"}]
    assert caught.value.facts["not_undone"] == []
    assert caught.value.facts["changed"] is False


def test_a_failed_change_that_could_not_be_undone():
    stuck = {"index": 0, "kind": "set_ssl_record", "error": {"function": "HttpSet", "code": 1312, "message": "no session"}}
    with pytest.raises(SstpError, match=r"what could not be undone: set_ssl_record \(the certificate cannot be used.*gave 1312\]\)\.$") as caught:
        apply(failed([stuck]))
    assert caught.value.facts["not_undone"] == [stuck]
    assert caught.value.facts["changed"] is True


def test_a_host_that_cannot_be_read_after_a_change():
    with pytest.raises(SstpError, match="could not be read"):
        apply({"failed": True, "error": DENIED, "outcome": "applied", "changes": STEPS})


def test_changes_that_were_made_are_told_when_the_host_cannot_be_read_afterwards():
    with pytest.raises(SstpError) as caught:
        apply({"failed": True, "error": DENIED, "outcome": "applied", "changed": True, "changes": STEPS, "failure": None, "undone": [], "not_undone": []})
    assert str(caught.value) == (
        "Changes were made (applied), but what came of them is not known. The host could not be read: access is denied; the connection's "
        "account must be an elevated administrator [HttpDeleteServiceConfiguration gave 5]."
    )
    assert caught.value.facts == {"changed": True, "changes": STEPS, "failure": None, "undone": [], "not_undone": []}


@pytest.mark.parametrize("steps", [[], [{**STEPS[0], "changed": False}]])
def test_a_host_that_cannot_be_read_after_nothing_was_changed(steps):
    with pytest.raises(SstpError, match=r"^The host could not be read") as caught:
        apply({"failed": True, "error": DENIED, "outcome": "applied", "changes": steps, "failure": None, "undone": [], "not_undone": []})
    assert not caught.value.facts


def test_a_host_that_cannot_be_read_after_everything_was_undone():
    undone = [{"index": 0, "kind": "set_ssl_record"}]
    with pytest.raises(SstpError) as caught:
        apply({**failed(), "failed": True, "error": DENIED, "changed": False, "undone": undone, "not_undone": []})
    assert caught.value.facts.get("changed", False) is False


def test_a_host_that_cannot_be_read_after_a_recovery():
    undone = [{"index": 0, "kind": "set_ssl_record"}]
    answer = {"failed": True, "error": DENIED, "outcome": "recovered", "changed": True, "changes": [], "failure": None, "undone": undone, "not_undone": []}
    with pytest.raises(SstpError) as caught:
        Backend(Script(answer)).recover(SCOPE)
    assert caught.value.facts.get("changed") is True


# --- recover ---


def test_recover_asks_for_it():
    script = Script(applied("recovered"))
    assert Backend(script).recover(SCOPE).state_id == "state-2"
    assert script.calls[0]["operation"] == "apply"
    assert script.calls[0]["recover"] is True
    assert "changes" not in script.calls[0]


def test_a_run_that_was_at_work_and_has_ended_is_a_conflict():
    backend = Backend(Script(applied("recovered", found=False)))
    with pytest.raises(ConflictError, match="was changing this host when it was looked at, and has ended since, so nothing was touched; run again"):
        backend.recover(SCOPE)
    assert not backend.mended


def test_recover_that_could_not_take_all_back():
    stuck = {"index": 0, "kind": "services", "error": {"function": None, "code": 1053, "message": "slow"}}
    with pytest.raises(SstpError, match=r"could not be taken back: services \(the service did not answer in time \[code 1053\]\)") as caught:
        Backend(Script(applied("failed", not_undone=[stuck]))).recover(SCOPE)
    assert caught.value.facts["not_undone"] == [stuck]


def test_a_recovery_that_could_take_nothing_back_has_changed_nothing():
    stuck = {"index": 0, "kind": "unreadable", "error": {"function": None, "code": None, "message": "no JSON"}}
    with pytest.raises(SstpError) as caught:
        Backend(Script({**applied("failed", not_undone=[stuck]), "changed": False})).recover(SCOPE)
    assert caught.value.facts["changed"] is False


def test_recover_on_a_locked_host():
    with pytest.raises(SstpError) as caught:
        Backend(Script(seen(outcome="locked"))).recover(SCOPE)
    assert str(caught.value) == "Another run is changing this host at the moment, so nothing was touched; try again when it has ended."


# --- errors in words ---


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ({"function": "HttpSet", "code": 1312, "message": "x"}, "private key does not open (1312) [HttpSet gave 1312]"),
        ({"function": None, "code": 1058, "message": "x"}, "the service is disabled [code 1058]"),
        ({"function": "Sign", "code": -2146893802, "message": "Keyset does not exist."}, "Keyset does not exist [Sign gave 0x80090016]"),
        ({"function": None, "code": None, "message": "After 30 seconds.\r\n"}, "After 30 seconds"),
        ({"function": None, "code": 12345, "message": "odd"}, "odd [code 12345]"),
        ({"function": None, "code": None, "message": None}, "no reason was given"),
        ({}, "no reason was given"),
    ],
)
def test_explain(error, words):
    assert explain(error).endswith(words)


# --- when services were last started ---


def begun(index, second, *, changed=True):
    return {**STEPS[0], "index": index, "kind": "services", "time": f"2026-03-01T12:00:0{second}.250Z", "changed": changed}


UP, DOWN = (SetServices(("SstpSvc",), state, 120) for state in ("running", "stopped"))


@pytest.mark.parametrize(
    ("changes", "steps", "second"),
    [
        ((DOWN, UP), [begun(0, 1), begun(1, 2)], 2),
        ((DOWN, UP, DOWN, UP), [begun(0, 1), begun(1, 2), begun(2, 3), begun(3, 4)], 4),
        ((DOWN, UP, DOWN, UP), [begun(0, 1), begun(1, 2), begun(2, 3, changed=False), begun(3, 4, changed=False)], 2),
        ((UP, DOWN), [begun(0, 1), begun(1, 2)], 1),
        ((DOWN, UP), [begun(0, 1), begun(1, 2, changed=False)], None),
        ((DOWN,), [begun(0, 1)], None),
        ((DeleteRecord(V4),), STEPS, None),
    ],
    ids=["once", "twice", "skipped the second time", "stopped again", "ran already", "only stopped", "no services"],
)
def test_when_services_were_last_started(changes, steps, second):
    done = Backend(Script(applied("applied", changes=steps))).apply(SCOPE, healthy(), changes)
    started = None if second is None else dt.datetime(2026, 3, 1, 12, 0, second, 250_000, tzinfo=dt.timezone.utc)
    assert done.started == started


# --- a connection that is lost ---


def lost(_options):
    raise ConnectionLost("Connection aborted")


def kept(answer, **more):
    return applied("kept", answer=json.dumps({**answer, "changed": False}), **more)


class Minutes:
    """A clock that only waiting moves."""

    def __init__(self):
        self.now = 0.0
        self.waits = []

    def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds


def apply_over(script, timeout=60, **settings):
    clock = Minutes()
    reconnection = Reconnection(timeout, clock=lambda: clock.now, sleep=clock.sleep, **settings)
    return Backend(script, reconnection).apply(SCOPE, healthy(), CHANGES), clock


def test_each_apply_has_an_id_of_its_own_that_sorts_by_the_hosts_clock():
    script = Script(applied("applied"), applied("applied"))
    backend = Backend(script)
    for _ in range(2):
        backend.apply(SCOPE, healthy(), CHANGES)
    first, second = (call["transaction"] for call in script.calls)
    assert first != second
    assert first.startswith(f"{healthy().time:%Y%m%dT%H%M%SZ}")


def test_a_lost_answer_is_fetched_from_the_host():
    script = Script(lost, kept({"outcome": "applied", "changes": STEPS, "failure": None, "undone": [], "not_undone": []}))
    done, _clock = apply_over(script)
    assert done.steps == tuple(STEPS)
    first, second = script.calls
    assert (second["operation"], second["recover"], second["transaction"]) == ("apply", True, first["transaction"])
    assert "changes" not in second
    assert "expect" not in second


def test_a_lost_failure_is_told_as_the_failure_that_it_was():
    answer = {name: failed()[name] for name in ("outcome", "changes", "failure", "undone", "not_undone")}
    with pytest.raises(SstpError, match=r"^Could not delete the record of \[::\]:443: .*; everything done before it was undone\.$") as caught:
        apply_over(Script(lost, kept(answer)))
    assert caught.value.facts["changed"] is False


def test_an_undo_that_was_broken_off_is_told_with_its_end():
    answer = {name: failed()[name] for name in ("outcome", "changes", "failure")} | {"undone": [], "not_undone": []}
    undone = [{"index": 0, "kind": "set_ssl_record"}]
    with pytest.raises(SstpError, match="everything done before it was undone") as caught:
        apply_over(Script(lost, kept(answer, undone=undone)))
    assert caught.value.facts["undone"] == undone


def test_what_could_not_be_undone_at_first_is_told_only_if_it_still_cannot():
    stuck = {"index": 0, "kind": "set_ssl_record", "error": DENIED}
    gone = {"index": 1, "kind": "set_ssl_record", "error": {**DENIED, "code": 1312}}
    answer = {name: failed()[name] for name in ("outcome", "changes", "failure")} | {"undone": [], "not_undone": [stuck, gone]}
    with pytest.raises(SstpError) as caught:
        apply_over(Script(lost, kept(answer, undone=[{"index": 0, "kind": "set_ssl_record"}])))
    assert caught.value.facts["not_undone"] == [gone]


def test_what_had_not_begun_is_asked_for_once_more():
    script = Script(lost, applied("cancelled"), applied("applied"))
    done, _clock = apply_over(script)
    assert done.steps == tuple(STEPS)
    assert script.calls[2]["changes"] == script.calls[0]["changes"]
    assert script.calls[2]["transaction"] != script.calls[0]["transaction"]


def test_what_had_not_begun_twice_is_not_asked_for_for_ever():
    with pytest.raises(SstpError, match="lost twice before it had begun with the change, so nothing was touched; run again"):
        apply_over(Script(lost, applied("cancelled"), lost, applied("cancelled")))


def test_what_was_half_done_is_taken_back_and_told():
    with pytest.raises(SstpError) as caught:
        apply_over(Script(lost, applied("recovered", undone=[{"index": 0, "kind": "set_ssl_record"}])))
    assert str(caught.value) == (
        "The host gave no answer while it was being changed (Connection aborted). It had not been completed; all that was done of it was taken back, so the "
        "host is as it was. Run again."
    )
    assert caught.value.facts["changed"] is False


@pytest.mark.parametrize("outcome", ["recovered", "failed"])
def test_what_could_not_be_taken_back_is_named(outcome):
    stuck = {"index": 0, "kind": "services", "error": {"function": None, "code": 1053, "message": "slow"}}
    with pytest.raises(SstpError, match=r"what could not be taken back: services \(the service did not answer in time") as caught:
        apply_over(Script(lost, applied(outcome, not_undone=[stuck])))
    assert caught.value.facts["changed"] is True


def test_a_host_that_is_still_at_work_is_told_as_such():
    with pytest.raises(SstpError, match="the host is still at work on it; run again when it has ended"):
        apply_over(Script(lost, seen(outcome="locked")))


def test_a_host_is_asked_again_and_again_until_the_time_is_up():
    told = []
    script = Script(*[lost] * 99)
    with pytest.raises(SstpError) as caught:
        apply_over(script, timeout=60, tell=told.append)
    assert "could not be reached again within 60 seconds (Connection aborted)" in str(caught.value)
    assert "the next run takes back what there is of it" in str(caught.value)
    assert caught.value.facts["changed"] is True
    assert not isinstance(caught.value, ConnectionLost)
    assert [call["lock_timeout"] for call in script.calls[1:]] == [60, 59, 57, 53, 45, 35, 25, 15, 5]
    assert len(told) == 1


def test_a_connection_that_cannot_be_made_anew_is_tried_again():
    attempts = []

    def reset():
        attempts.append(1)
        if len(attempts) < 3:
            raise ConnectionLost("Connection refused")

    script = Script(lost, applied("cancelled"), applied("applied"))
    _done, clock = apply_over(script, reset=reset)
    assert clock.waits == [1, 2]


def test_without_patience_it_is_tried_once():
    script = Script(lost, lost)
    with pytest.raises(SstpError, match="within 0 seconds"):
        apply_over(script, timeout=0)
    assert len(script.calls) == 2


def test_patience_is_no_negative_number():
    with pytest.raises(SstpError, match="reconnect_timeout must be 0 or more"):
        Reconnection(-1)


def test_a_look_is_repeated_once():
    script = Script(lost, seen())
    assert Backend(script).observe(SCOPE).state_id == "state-2"
    with pytest.raises(ConnectionLost):
        Backend(Script(lost, lost)).observe(SCOPE)


def test_a_recovery_is_asked_for_until_it_is_answered():
    script = Script(lost, lost, applied("recovered", found=False))
    clock = Minutes()
    backend = Backend(script, Reconnection(clock=lambda: clock.now, sleep=clock.sleep))
    assert not backend.mended
    assert backend.recover(SCOPE).state_id == "state-2"
    assert backend.mended
    assert "transaction" not in script.calls[2]


# --- a service that hangs ---


def test_a_service_that_hangs_is_named_with_what_to_do():
    facts = healthy_facts()
    next(service for service in facts["services"] if service["name"] == "RasMan")["state"] = "stoppending"
    stuck = {"index": 0, "kind": "services", "error": {"function": None, "code": 1053, "message": "slow"}}
    with pytest.raises(SstpError, match=r"\. Still hanging: RasMan \(stoppending\); restart the host unless that ends by itself, then run again\.$") as caught:
        apply({**failed([stuck]), "facts": facts})
    assert caught.value.facts["reboot_required"] is True


def test_where_nothing_hangs_no_restart_of_the_host_is_asked_for():
    with pytest.raises(SstpError) as caught:
        apply(failed())
    assert caught.value.facts["reboot_required"] is False
