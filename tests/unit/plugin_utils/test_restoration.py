# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting a snapshot back."""

from __future__ import annotations

import dataclasses
import json

import certificate_factory
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.changes import DeleteRecord, DeleteValue, SetRecord, SetServices, SetValue
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.plan import Limits, Wanted, plan_rotation
from ansible_collections.rras.sstp.plugins.plugin_utils.restoration import plan_restoration, predict, read_snapshot, require_origin
from ansible_collections.rras.sstp.plugins.plugin_utils.rotation import predict as predict_rotation
from ansible_collections.rras.sstp.plugins.plugin_utils.rotation import snapshot
from host_factory import V4, V6, healthy, record, with_records, with_service, with_sha256
from hypothesis import given
from state_strategies import host_states

OLD, NEW = certificate_factory.old(), certificate_factory.new()
LIMITS = Limits()


def taken(state):
    """A snapshot of that state, as it comes back out of a file."""
    return read_snapshot(json.loads(json.dumps(snapshot(state))))


def rotated(state):
    wanted = Wanted(NEW.certificate)
    return predict_rotation(state, plan_rotation(state, wanted), wanted)


def test_a_rotation_is_put_back():
    plan = plan_restoration(rotated(healthy()), taken(healthy()), LIMITS)
    assert plan.restarts
    assert [type(change).__name__ for change in plan.changes] == [
        "SetServices", "SetRecord", "SetRecord", "SetValue", "SetValue", "DeleteValue", "SetServices", "Await"
    ]  # fmt: skip
    assert [change.name for change in plan.changes if isinstance(change, DeleteValue)] == [OLD.thumbprint]
    assert {change.record.certificate_hash for change in plan.changes if isinstance(change, SetRecord)} == {OLD.thumbprint}


def test_nothing_is_done_where_all_is_so_already():
    assert not plan_restoration(healthy(), taken(healthy()), LIMITS)


def test_what_the_rotation_has_made_goes():
    before = dataclasses.replace(with_records(healthy(), record(V4, OLD.thumbprint)), parameters={})
    changes = plan_restoration(rotated(before), taken(before), LIMITS).changes
    assert [change.endpoint for change in changes if isinstance(change, DeleteRecord)] == [V6]
    assert [change.name for change in changes if isinstance(change, DeleteValue)] == ["SHA256CertificateHash", OLD.thumbprint]
    assert [change for change in changes if isinstance(change, SetValue)] == []


def test_a_value_too_long_to_be_told_is_not_written_as_nothing():
    before = with_sha256(healthy(), None, length=8192)
    changes = plan_restoration(rotated(before), taken(before), LIMITS).changes
    assert [change.name for change in changes if isinstance(change, SetValue | DeleteValue)] == ["SHA1CertificateHash", OLD.thumbprint]


def test_services_that_were_stopped_stay_stopped():
    before = with_service(healthy(), "RemoteAccess", state="stopped")
    started = [change.names for change in plan_restoration(rotated(before), taken(before), LIMITS).changes if isinstance(change, SetServices)]
    assert started[-1] == ("SstpSvc", "RasMan")


def test_services_alone_are_started():
    stopped = with_service(healthy(), "RemoteAccess", state="stopped")
    first, _wait = plan_restoration(stopped, taken(healthy()), LIMITS).changes
    assert (first.names, first.state) == (("RemoteAccess",), "running")


@given(host_states())
def test_from_any_state_the_end_is_that_of_the_snapshot(state):
    if state.service("SstpSvc") is None or state.parameters is None:
        return
    was = taken(healthy())
    moved = dataclasses.replace(state, port=443)
    after = predict(moved, was, plan_restoration(moved, was, LIMITS))
    assert not plan_restoration(after, was, LIMITS)


@pytest.mark.parametrize(
    ("given_snapshot", "words"),
    [
        ({}, "is not what rras.sstp.rotate returns"),
        ({"version": 2}, "is not what rras.sstp.rotate returns"),
        ({"version": 1}, "is damaged (KeyError: 'registry')"),
        ({**snapshot(healthy()), "records": [{"family": "ip"}]}, "is damaged"),
        ({**snapshot(healthy()), "records": None}, "is damaged"),
        ({**snapshot(healthy()), "services": []}, "is damaged"),
        ({**snapshot(healthy()), "registry": {"SHA256CertificateHash": "AA"}}, "is damaged"),
    ],
)
def test_anything_else_is_refused_in_a_sentence(given_snapshot, words):
    with pytest.raises(SstpError) as error:
        read_snapshot(given_snapshot)
    assert words in str(error.value)


def test_a_snapshot_of_another_server_is_refused():
    with pytest.raises(SstpError, match="is of the server OTHER, and this host is VPN1"):
        require_origin(healthy(), read_snapshot({**snapshot(healthy()), "server": "OTHER"}))


def test_a_certificate_that_is_gone_is_refused():
    gone = dataclasses.replace(rotated(healthy()), certificates=())
    with pytest.raises(SstpError, match=f"{OLD.thumbprint} to which 0.0.0.0:443 was bound is not in LocalMachine"):
        require_origin(gone, taken(healthy()))
