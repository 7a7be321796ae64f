# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the rules are put together: what is ignored, what comes with a finding, and events that no finding leads to."""

from __future__ import annotations

import dataclasses
import datetime as dt

import certificate_factory
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.event_table import SERVER_EVENTS
from ansible_collections.rras.sstp.plugins.plugin_utils.findings import Ignored, Policy
from ansible_collections.rras.sstp.plugins.plugin_utils.fitness import SEVERITIES
from ansible_collections.rras.sstp.plugins.plugin_utils.rules import RULES, clean_healable, clean_ignored, judge
from ansible_collections.rras.sstp.plugins.plugin_utils.state import LoggedEvent
from certificate_factory import NOW
from host_factory import V4, V6, healthy, record, with_records, with_rras_disabled, with_sha256, without_service
from hypothesis import given
from hypothesis import strategies as st
from state_strategies import host_states, host_states_of_every_mode

OLD, NEW = certificate_factory.old(), certificate_factory.new()
MINUTE = dt.timedelta(minutes=1)
NO_RECORDS = with_records(healthy())
VISIBLE = sorted(number for number, meaning in SERVER_EVENTS.items() if meaning.visible)
INVISIBLE = sorted(number for number, meaning in SERVER_EVENTS.items() if not meaning.visible)
OF_CLIENTS = [1, 2, 3, 4, 5, 6, 14, 15, 16, 23]

events = st.builds(
    LoggedEvent,
    st.integers(1, 40),
    st.sampled_from([2, 3]),
    st.builds(lambda minutes: NOW - minutes * MINUTE, st.integers(0, 1000)),
    st.lists(st.one_of(st.text(max_size=12), st.sampled_from(["0x80070520", "%%1312", "0"])), max_size=3).map(tuple),
)


def logged(number, minutes=0, *data):
    """An event that was logged so many minutes ago."""
    return LoggedEvent(number, 2, NOW - minutes * MINUTE, data)


def with_events(state, *found):
    """The newest first, as a host tells them."""
    return dataclasses.replace(state, events=tuple(sorted(found, key=lambda event: event.time, reverse=True)))


def findings_of(state, **policy):
    return judge(state, Policy(**policy)).findings


def ids(state, **policy):
    return [finding.id for finding in findings_of(state, **policy)]


def unaccounted(state, **policy):
    return [finding for finding in findings_of(state, **policy) if finding.id == "event_unaccounted"]


# --- the rules ---


def test_each_rule_has_an_id_of_its_own():
    assert len({rule.id for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.id) for rule in RULES])
def test_a_rule_is_whole(rule):
    assert rule.id.replace("_", "").isalnum()
    assert rule.severity in SEVERITIES
    assert rule.expected
    assert rule.why.endswith((".", ".)"))
    assert rule.remedy
    assert not rule.remedy.endswith(".")
    assert rule.modes
    assert rule.event is None or rule.event in SERVER_EVENTS


# --- without SSTP ---


@pytest.mark.parametrize(
    ("state", "rule"),
    [
        pytest.param(without_service(NO_RECORDS, "SstpSvc"), "sstp_not_installed", id="no service"),
        pytest.param(dataclasses.replace(without_service(healthy(), "SstpSvc"), parameters=None), "sstp_not_installed", id="neither service nor Parameters"),
        pytest.param(dataclasses.replace(NO_RECORDS, parameters=None), "sstp_parameters_missing", id="no Parameters"),
        pytest.param(dataclasses.replace(with_rras_disabled(healthy()), parameters=None), "sstp_parameters_missing", id="no Parameters, RRAS disabled"),
    ],
)
def test_without_sstp_there_is_one_finding(state, rule):
    judgement = judge(with_events(state, logged(21), logged(9)), Policy())
    assert [(finding.id, finding.severity, finding.repairable) for finding in judgement.findings] == [(rule, "error", False)]
    assert not judgement.compliant


def test_that_there_are_no_parameters_comes_with_its_event():
    (finding,) = findings_of(with_events(dataclasses.replace(healthy(), parameters=None), logged(17, 5)))
    assert (finding.event, finding.seen) == (17, NOW - 5 * MINUTE)


# --- ignored rules ---


def test_an_ignored_rule_hides_its_findings_and_counts_them():
    judgement = judge(NO_RECORDS, Policy(ignored={"binding_missing": "being built"}))
    assert judgement.findings == ()
    assert judgement.ignored == (Ignored("binding_missing", "being built", 2),)
    assert judgement.compliant


def test_an_ignored_rule_that_finds_nothing_is_told_all_the_same():
    judgement = judge(healthy(), Policy(ignored={"binding_missing": "being built"}))
    assert judgement.ignored == (Ignored("binding_missing", "being built", 0),)


def test_other_findings_stay():
    state = with_sha256(with_records(healthy(), record(V4, OLD.thumbprint)), NEW.sha256)
    assert ids(state) == ["binding_missing", "registry_sha256_different"]
    assert ids(state, ignored={"binding_missing": "no IPv6 here"}) == ["registry_sha256_different"]


def test_the_event_of_an_ignored_finding_is_accounted_for():
    assert ids(with_events(NO_RECORDS, logged(21)), ignored={"binding_missing": "being built"}) == []


def test_events_that_are_left_over_can_be_ignored():
    judgement = judge(with_events(healthy(), logged(9), logged(10)), Policy(ignored={"event_unaccounted": "known"}))
    assert (judgement.findings, judgement.ignored) == ((), (Ignored("event_unaccounted", "known", 2),))


def test_warnings_do_not_break_compliance():
    judgement = judge(with_rras_disabled(healthy()), Policy())
    assert [finding.severity for finding in judgement.findings] == ["warning"]
    assert judgement.compliant


# --- options ---


def test_reasons_are_taken_without_white_space_around_them():
    assert clean_ignored({"binding_missing": "  being built\n"}) == {"binding_missing": "being built"}


@pytest.mark.parametrize("given", [None, {}])
def test_nothing_need_be_ignored(given):
    assert clean_ignored(given) == {}


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        pytest.param("binding_mising", "names the rule 'binding_mising', which there is not; did you mean binding_missing?", id="misspelt"),
        pytest.param("Binding_Missing", "names the rule 'Binding_Missing', which there is not; did you mean binding_missing?", id="capitals"),
        pytest.param("x", "names the rule 'x', which there is not; docs/rules.md has all of them.", id="nothing like it"),
        pytest.param("", "names the rule '', which there is not; docs/rules.md has all of them.", id="empty"),
        pytest.param(5, "names the rule 5, which there is not; docs/rules.md has all of them.", id="a number"),
    ],
)
def test_a_rule_that_there_is_not_is_refused_with_a_hint(rule, words):
    with pytest.raises(SstpError) as caught:
        clean_ignored({rule: "because"})
    assert str(caught.value) == f"Option ignore_rules {words}"
    with pytest.raises(SstpError) as caught:
        clean_healable([rule])
    assert str(caught.value) == f"Option rules {words}"


@pytest.mark.parametrize("reason", ["", " \t\n", None, True, 5, ["because"]])
def test_a_reason_is_needed(reason):
    with pytest.raises(SstpError) as caught:
        clean_ignored({"binding_missing": reason})
    assert str(caught.value) == "Option ignore_rules gives no reason for switching off binding_missing; write one, as it is shown in each report."


def test_what_a_rotation_heals_may_be_healed():
    assert clean_healable(["registry_sha256_different", "binding_missing", "registry_sha256_different"]) == ("registry_sha256_different", "binding_missing")


@pytest.mark.parametrize("rule", [rule for rule in RULES if not rule.repairable], ids=lambda rule: rule.id)
def test_what_no_rotation_heals_may_not(rule):
    with pytest.raises(SstpError) as caught:
        clean_healable(["binding_missing", rule.id])
    assert str(caught.value) == f"Option rules names {rule.id}, which no rotation heals: {rule.remedy}."


# --- the event of a finding ---


def test_a_finding_tells_when_its_event_was_last_logged():
    state = with_events(NO_RECORDS, logged(21, 90), logged(21, 30), logged(24, 1), logged(21, 60))
    assert [finding.seen for finding in findings_of(state) if finding.id == "binding_missing"] == [NOW - 30 * MINUTE] * 2


def test_a_finding_whose_event_was_not_logged_tells_no_time():
    assert [finding.seen for finding in findings_of(with_events(NO_RECORDS, logged(24))) if finding.id == "binding_missing"] == [None, None]


def test_a_finding_without_an_event_tells_no_time():
    (finding,) = findings_of(with_events(with_sha256(healthy(), NEW.sha256), logged(6)))
    assert (finding.id, finding.event, finding.seen) == ("registry_sha256_different", None, None)


@given(host_states_of_every_mode(), st.lists(events, max_size=6))
def test_each_finding_has_the_newest_event_of_its_id(state, found):
    state = with_events(state, *found)
    for finding in findings_of(state):
        times = [event.time for event in found if event.id == finding.event]
        assert finding.seen == (max(times) if times else None)


# --- events that no finding leads to ---


@pytest.mark.parametrize("number", VISIBLE)
def test_an_event_whose_cause_the_rules_would_see_is_an_info(number):
    (finding,) = findings_of(with_events(healthy(), logged(number)))
    assert (finding.id, finding.severity, finding.subject, finding.event) == ("event_unaccounted", "info", f"RasSstp event {number}", number)
    assert finding.remedy == "nothing that leads to it is found now; see that it does not come back"
    assert (finding.repairable, finding.seen) == (False, NOW)


@pytest.mark.parametrize("number", INVISIBLE)
def test_an_event_whose_cause_no_rule_looks_at_is_a_warning(number):
    (finding,) = findings_of(with_events(healthy(), logged(number)))
    assert (finding.id, finding.severity, finding.event) == ("event_unaccounted", "warning", number)
    assert finding.remedy == SERVER_EVENTS[number].remedy


@pytest.mark.parametrize("number", [*OF_CLIENTS, 26, 31, 34, 20271])
def test_events_of_clients_and_of_others_are_passed_over(number):
    assert findings_of(with_events(healthy(), logged(number))) == ()


def test_an_event_that_a_finding_leads_to_is_no_finding_of_its_own():
    assert ids(with_events(NO_RECORDS, logged(21), logged(24))) == ["binding_missing", "binding_missing", "event_unaccounted"]
    assert [finding.event for finding in unaccounted(with_events(NO_RECORDS, logged(21), logged(24)))] == [24]


def test_an_event_that_a_breach_has_in_place_of_its_rules_counts():
    """registry_sha256_missing leads to 21 where there is no certificate to take a hash of, else to 18."""
    neither = with_sha256(NO_RECORDS, None)
    neither = dataclasses.replace(neither, parameters={name: value for name, value in neither.parameters.items() if name != "SHA256CertificateHash"})
    assert [finding.event for finding in unaccounted(with_events(neither, logged(21), logged(18)))] == [18]


def test_of_each_id_the_newest_is_told_with_the_count():
    state = with_events(healthy(), logged(9, 3, "0x80070005"), logged(9, 50, "0x80070002"), logged(12, 7, "[::]:443", "%%1312"))
    told = {finding.event: (finding.actual, finding.seen) for finding in unaccounted(state)}
    assert told[9] == (
        "one of 2026-03-01T11:57:00Z, the last of 2: the URL of a new configuration could not be reserved, with 0x80070005 (access is denied; usually: the ACL "
        "of a registry key or private key keeps the service out)",
        NOW - 3 * MINUTE,
    )
    assert told[12][0].startswith("one of 2026-03-01T11:53:00Z: the certificate could not be bound for IPv4, with 0x80070520 (the private key cannot be used")


def test_a_code_that_is_not_known_is_told_as_it_is():
    (finding,) = unaccounted(with_events(healthy(), logged(12, 0, "0xC0000001")))
    assert finding.actual.endswith("could not be bound for IPv4, with 0xC0000001")


def test_warnings_come_before_infos():
    assert [finding.event for finding in findings_of(with_events(healthy(), logged(7), logged(33), logged(9)))] == [9, 33, 7]


@given(host_states(), st.lists(events, max_size=8))
def test_every_event_of_a_server_is_accounted_for_once(state, found):
    findings = findings_of(with_events(state, *found))
    left_over = [finding.event for finding in findings if finding.id == "event_unaccounted"]
    led_to = {finding.event for finding in findings if finding.id != "event_unaccounted"}
    assert set(left_over) == {event.id for event in found if event.id in SERVER_EVENTS} - led_to
    assert len(left_over) == len(set(left_over))


# --- repairs ---


def test_a_repair_names_the_certificate_at_hand():
    (finding,) = findings_of(with_records(healthy(), record(V6, OLD.thumbprint)))
    assert finding.repair == f"ansible-playbook rras.sstp.rotate -e target=HOST -e sstp_certificate_thumbprint={OLD.thumbprint}"


def test_every_finding_has_the_order_of_the_severities():
    state = with_events(with_rras_disabled(NO_RECORDS), logged(32), logged(33))
    found = [finding.severity for finding in findings_of(state)]
    assert found == sorted(found, key=SEVERITIES.index)
    assert set(found) == {"error", "warning", "info"}
