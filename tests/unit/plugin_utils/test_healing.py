# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""With which certificate of its own a server is healed, and how long it is left alone then."""

from __future__ import annotations

import dataclasses
import datetime as dt

import certificate_factory
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.changes import DeleteValue, SetValue
from ansible_collections.rras.sstp.plugins.plugin_utils.healing import AtHand, certificate_at_hand, forgetting, healed_notes, quiet_until
from ansible_collections.rras.sstp.plugins.plugin_utils.names import HEALED_KEY
from certificate_factory import NOW, issue
from host_factory import (
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
    with_parameter,
    with_records,
    with_sha256,
    without_service,
)
from hypothesis import given
from hypothesis import strategies as st
from state_strategies import host_states_of_every_mode

OLD, NEW, OTHER = certificate_factory.old(), certificate_factory.new(), certificate_factory.other()
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
EXPIRED = issue(not_after=NOW - DAY)
SUCCESSOR = issue(not_before=NOW - DAY, not_after=NOW + 90 * DAY)
NOTHING_NAMED = with_records(with_parameter(healthy(), "SHA256CertificateHash", None))
RULE = "binding_missing"


def holding(state, *issued, **keys):
    """The state with these certificates in MY, each with a good key."""
    return with_certificates(state, *(stored(one, key=good_key(one, **keys)) for one in issued))


def noted(text, rule=RULE):
    return dataclasses.replace(healthy(), healed={rule: text})


# --- the certificate ---


@pytest.mark.parametrize(
    ("state", "issued", "why"),
    [
        pytest.param(healthy(), OLD, "it is bound to 0.0.0.0:443", id="healthy"),
        pytest.param(with_records(healthy(), record(V6, OLD.thumbprint)), OLD, "it is bound to [::]:443", id="bound for IPv6 alone"),
        pytest.param(with_records(healthy(), record(V4, OLD.thumbprint), record(V6, NEW.thumbprint)), OLD, "it is bound to 0.0.0.0:443", id="IPv4 goes first"),
        pytest.param(with_sha256(healthy(), NEW.sha256), OLD, "it is bound to 0.0.0.0:443", id="what is bound goes before the hash"),
        pytest.param(with_records(healthy()), OLD, "SstpSvc has its hash", id="nothing bound"),
        pytest.param(with_sha256(with_records(healthy()), NEW.sha256), NEW, "SstpSvc has its hash", id="nothing bound, another hash"),
        pytest.param(administered(healthy()), OLD, "SstpSvc has its hash", id="administrator"),
        pytest.param(administered(healthy(), NEW), NEW, "SstpSvc has its hash", id="administrator: what is configured goes before what is bound"),
        pytest.param(with_sha256(administered(healthy()), "00" * 32), OLD, "it is bound to 0.0.0.0:443", id="administrator: configured one is gone"),
        pytest.param(holding(healthy(), OLD, acquire_code=None, proven=None), None, "", id="key that nobody has tried"),
        pytest.param(holding(healthy(), OLD, proven=False), None, "", id="key of another certificate"),
        pytest.param(holding(healthy(), OLD, flags=0), None, "", id="key of a user"),
        pytest.param(with_certificates(healthy(), stored(OLD)), None, "", id="no key"),
        pytest.param(with_certificates(healthy(), stored(OLD, "WEBHOSTING", good_key(OLD))), None, "", id="in another store"),
        pytest.param(holding(healthy(), NEW), None, "", id="not in the store"),
        pytest.param(NOTHING_NAMED, None, "", id="nothing named"),
        pytest.param(with_sha256(NOTHING_NAMED, OLD.sha256[:62]), None, "", id="nothing bound, malformed hash"),
        pytest.param(offloading(healthy()), None, "", id="offload"),
        pytest.param(without_service(healthy(), "SstpSvc"), None, "", id="SSTP not installed"),
        pytest.param(dataclasses.replace(healthy(), parameters=None), None, "", id="no Parameters"),
    ],
)
def test_the_certificate_at_hand(state, issued, why):
    assert certificate_at_hand(state, {}) == (None if issued is None else AtHand(issued.thumbprint, why))


def test_the_next_that_is_named_is_taken_where_the_first_cannot_be_used():
    state = with_certificates(administered(healthy(), NEW), stored(NEW), stored(OLD, key=good_key(OLD)))
    assert certificate_at_hand(state, {}) == AtHand(OLD.thumbprint, "it is bound to 0.0.0.0:443")


def test_one_that_has_expired_is_not_bound_again():
    assert certificate_at_hand(bound_to(EXPIRED), {}) is None


def test_a_successor_in_the_store_follows_one_that_has_expired():
    state = holding(bound_to(EXPIRED), EXPIRED, SUCCESSOR)
    assert certificate_at_hand(state, {}) == AtHand(SUCCESSOR.thumbprint, f"it follows {EXPIRED.thumbprint}, which is not fit any more")


def test_a_successor_follows_one_whose_key_cannot_be_used():
    lost = issue(not_after=NOW + 30 * DAY)
    state = with_certificates(bound_to(lost), stored(lost), stored(SUCCESSOR, key=good_key(SUCCESSOR)))
    assert certificate_at_hand(state, {}) == AtHand(SUCCESSOR.thumbprint, f"it follows {lost.thumbprint}, which is not fit any more")


def test_one_that_is_fit_stays_although_there_is_a_successor():
    fit = issue(not_after=NOW + 30 * DAY)
    assert certificate_at_hand(holding(bound_to(fit), fit, SUCCESSOR), {}).thumbprint == fit.thumbprint


def test_a_certificate_of_other_names_is_no_successor():
    assert certificate_at_hand(holding(bound_to(EXPIRED), EXPIRED, NEW), {}) is None


def test_the_severities_count():
    unfit = issue(eku=(certificate_factory.CLIENT_AUTHENTICATION,))
    assert certificate_at_hand(bound_to(unfit), {}) is None
    assert certificate_at_hand(bound_to(unfit), {"eku_unfit": "warning"}).thumbprint == unfit.thumbprint


@given(host_states_of_every_mode())
def test_it_is_always_one_of_the_store_with_a_key(state):
    hand = certificate_at_hand(state, {})
    if hand is not None:
        assert state.certificate(hand.thumbprint).key.problem is None
        assert hand.why


# --- how long a host is left alone ---


@pytest.mark.parametrize(
    ("text", "hours", "until"),
    [
        pytest.param("2026-03-01T12:00:00Z", 6, NOW + 6 * HOUR, id="just now"),
        pytest.param("2026-03-01T11:00:00Z", 6, NOW + 5 * HOUR, id="an hour ago"),
        pytest.param("2026-03-01T06:00:01Z", 6, NOW + dt.timedelta(seconds=1), id="nearly over"),
        pytest.param("2026-03-01T06:00:00Z", 6, None, id="over right now"),
        pytest.param("2025-03-01T12:00:00Z", 6, None, id="long ago"),
        pytest.param("0001-01-01T00:00:00Z", 6, None, id="very long ago"),
        pytest.param("2026-03-01T12:00:00Z", 0, None, id="no quiet time"),
        pytest.param("2026-03-01T11:00:00Z", 10**30, NOW + dt.timedelta(hours=999_999), id="for ever"),
        pytest.param("2026-03-01T12:05:00Z", 6, NOW + 6 * HOUR, id="clock set back a little"),
        pytest.param("2026-03-01T18:00:00Z", 6, NOW + 6 * HOUR, id="clock set back by the quiet time"),
        pytest.param("2026-03-01T18:00:01Z", 6, None, id="clock set back by more"),
        pytest.param("9999-12-31T23:59:59Z", 6, None, id="clock was wrong"),
        pytest.param("2026-03-01T12:05:00Z", 0, None, id="clock set back, no quiet time"),
        pytest.param("", 6, None, id="no text"),
        pytest.param("yesterday", 6, None, id="no time"),
        pytest.param("2026-03-01 12:00:00", 6, None, id="another form of time"),
    ],
)
def test_a_host_is_left_alone_for_the_quiet_time(text, hours, until):
    assert quiet_until(noted(text), RULE, hours) == until


def test_a_host_of_which_nothing_is_noted_is_not_left_alone():
    assert quiet_until(healthy(), RULE, 6) is None
    assert quiet_until(noted("2026-03-01T12:00:00Z", "binding_mismatch"), RULE, 6) is None


@given(st.text() | st.datetimes().map(lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%SZ")), st.integers(min_value=0))
def test_no_note_keeps_a_host_quiet_for_longer_than_it_is_asked(text, hours):
    until = quiet_until(noted(text), RULE, hours)
    assert until is None or NOW < until <= NOW + min(hours, 1_000_000) * HOUR


# --- notes ---


def test_each_rule_is_noted_once_with_the_hosts_clock():
    assert healed_notes(healthy(), ["key_unusable", RULE, RULE]) == [
        SetValue(HEALED_KEY, RULE, "string", "2026-03-01T12:00:00Z"),
        SetValue(HEALED_KEY, "key_unusable", "string", "2026-03-01T12:00:00Z"),
    ]


def test_what_is_noted_can_be_read_again():
    (note,) = healed_notes(healthy(), [RULE])
    assert quiet_until(noted(note.data), RULE, 1) == NOW + HOUR


def test_only_what_is_noted_is_forgotten():
    assert forgetting(noted("x"), ["key_unusable", RULE, RULE]) == [DeleteValue(HEALED_KEY, RULE)]
    assert forgetting(healthy(), [RULE]) == []
