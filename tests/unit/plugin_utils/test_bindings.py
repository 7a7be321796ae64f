# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Planning and predicting single HTTP.SYS records."""

from __future__ import annotations

import dataclasses

import certificate_factory
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.bindings import BindingOptions, plan_bindings, predict
from ansible_collections.rras.sstp.plugins.plugin_utils.changes import DeleteRecord, SetRecord, record_to_wire
from ansible_collections.rras.sstp.plugins.plugin_utils.names import SSTP_APP_ID
from ansible_collections.rras.sstp.plugins.plugin_utils.state import read_state
from host_factory import IIS_APP_ID, V4, V6, healthy, record, with_records
from hypothesis import given
from hypothesis import strategies as st
from state_strategies import host_states, records_of

OLD, NEW = certificate_factory.old(), certificate_factory.new()


def options(**fields):
    return BindingOptions(**{"certificate_hash": NEW.thumbprint, "certificate_store_name": None, "app_id": SSTP_APP_ID, **fields})


def present(state, endpoints=(V4, V6), **fields):
    return plan_bindings(state, endpoints, "present", options(**fields)).changes


def absent(state, endpoints=(V4, V6)):
    return plan_bindings(state, endpoints, "absent", options(certificate_hash=None)).changes


def test_right_already_is_nothing_to_do():
    assert present(healthy(), certificate_hash=OLD.thumbprint) == ()


def test_a_new_record_has_the_settings_of_sstp():
    assert present(with_records(healthy())) == (SetRecord(record(V4, NEW.thumbprint)), SetRecord(record(V6, NEW.thumbprint)))


def test_a_record_is_bound_and_nothing_else_changed():
    old = record(V4, OLD.thumbprint, flags=0x80000013, check_mode=5, ctl_identifier="issuers", certificate_store_name=None)
    assert present(with_records(healthy(), old), (V4,)) == (SetRecord(dataclasses.replace(old, certificate_hash=NEW.thumbprint)),)


@pytest.mark.parametrize(("take_over", "owner"), [(False, IIS_APP_ID), (True, SSTP_APP_ID)])
def test_the_owner_changes_with_take_over_only(take_over, owner):
    state = with_records(healthy(), record(V4, OLD.thumbprint, app_id=IIS_APP_ID))
    (change,) = present(state, (V4,), take_over=take_over)
    assert change.record.app_id == owner


@pytest.mark.parametrize(
    ("there", "named", "after"),
    [
        pytest.param("My", None, "My", id="not named, MY"),
        pytest.param("WebHosting", None, "MY", id="not named, another store"),
        pytest.param("My", "MY", "My", id="the same in another spelling"),
        pytest.param(None, "MY", None, id="MY is the default"),
        pytest.param("MY", "WebHosting", "WebHosting", id="another is named"),
    ],
)
def test_the_store_of_a_record(there, named, after):
    state = with_records(healthy(), record(V4, OLD.thumbprint, certificate_store_name=there))
    (change,) = present(state, (V4,), certificate_store_name=named)
    assert change.record.certificate_store_name == after


def test_absent_deletes_what_is_there():
    assert absent(with_records(healthy(), record(V6, OLD.thumbprint))) == (DeleteRecord(V6),)


def test_absent_twice_is_nothing_to_do():
    assert absent(with_records(healthy())) == ()


@given(host_states(), st.booleans(), st.sampled_from(["present", "absent"]), st.sampled_from([None, "MY", "WebHosting"]))
def test_after_the_change_there_is_nothing_to_do(state, take_over, wanted, store):
    chosen = options(take_over=take_over, certificate_store_name=store)
    after = predict(state, plan_bindings(state, (V4, V6), wanted, chosen))
    assert plan_bindings(after, (V4, V6), wanted, chosen).changes == ()
    assert [r for r in after.records if r.endpoint not in (V4, V6)] == [r for r in state.records if r.endpoint not in (V4, V6)]


@given(records_of(V6))
def test_a_record_crosses_and_comes_back_as_it_is(whole):
    assert read_state({"ports": [443], "http": {"records": [record_to_wire(whole)]}}, "state-1", b"").records == (whole,)
