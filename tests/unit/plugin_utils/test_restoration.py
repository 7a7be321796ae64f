# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting a snapshot back."""

from __future__ import annotations

import dataclasses
import json

import certificate_factory
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.changes import (
    DeleteRecord,
    DeleteValue,
    Hold,
    SetRecord,
    SetRemoteAccess,
    SetServices,
    SetValue,
)
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.inputs import Endpoint
from ansible_collections.rras.sstp.plugins.plugin_utils.names import BEFORE_OFFLOAD_KEY, SSTP_KEY
from ansible_collections.rras.sstp.plugins.plugin_utils.plan import Limits, Wanted, plan_rotation, sharing
from ansible_collections.rras.sstp.plugins.plugin_utils.restoration import plan_restoration, predict, read_snapshot, require_origin
from ansible_collections.rras.sstp.plugins.plugin_utils.rotation import predict as predict_rotation
from ansible_collections.rras.sstp.plugins.plugin_utils.rotation import snapshot
from ansible_collections.rras.sstp.plugins.plugin_utils.state import RegistryValue, RemoteAccess
from host_factory import (
    IIS_APP_ID,
    V4,
    V6,
    administered,
    healthy,
    offloading,
    record,
    with_certificates,
    with_more_records,
    with_parameter,
    with_records,
    with_service,
    with_sha256,
)
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
        "SetServices", "SetValue", "SetValue", "SetRecord", "SetRecord", "DeleteValue", "SetServices", "Await"
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


# --- across modes ---


def moved(state, **wanted):
    """The state after that rotation."""
    return predict_rotation(state, plan_rotation(state, Wanted(NEW.certificate, **wanted)), Wanted(NEW.certificate, **wanted))


def back(after, before):
    return plan_restoration(after, taken(before), LIMITS)


def written(plan, path=SSTP_KEY):
    """name -> the data that it becomes, None for one that goes."""
    values = [change for change in plan.changes if isinstance(change, SetValue | DeleteValue) and change.path == path]
    return {change.name: getattr(change, "data", None) for change in values}


def test_a_way_into_offload_is_put_back():
    before = healthy()
    plan = back(moved(before, mode="offload"), before)
    assert written(plan) == {
        "SHA256CertificateHash": OLD.sha256,
        "SHA1CertificateHash": OLD.thumbprint,
        "UseHttps": 1,
        "isHashConfiguredByAdmin": 0,
    }
    assert not [change for change in plan.changes if isinstance(change, SetRecord | DeleteRecord)]
    assert plan.restarts


def test_a_way_into_offload_leaves_no_note_behind():
    before = healthy()
    assert set(written(back(moved(before, mode="offload"), before), BEFORE_OFFLOAD_KEY).values()) == {None}


def test_a_way_out_of_offload_is_put_back_with_its_note():
    note = {"mode": RegistryValue("string", "automatic"), "UseHttps": RegistryValue("dword", 1), "ListenerPort": RegistryValue("dword", 443)}
    before = dataclasses.replace(offloading(healthy()), before_offload=note)
    plan = back(moved(before, mode="automatic"), before)
    assert written(plan, BEFORE_OFFLOAD_KEY) == {"mode": "automatic", "UseHttps": 1, "ListenerPort": 443}
    assert (written(plan)["UseHttps"], written(plan)["isHashConfiguredByAdmin"]) == (0, 1)


def test_a_value_that_the_mode_has_made_goes():
    before = with_parameter(healthy(), "isHashConfiguredByAdmin", None)
    assert written(back(moved(before, mode="offload"), before))["isHashConfiguredByAdmin"] is None


def test_a_port_is_put_back_and_the_pair_that_was_made_for_it_goes():
    before = dataclasses.replace(healthy(), port=8443, ports=(8443,))
    plan = back(moved(before, listener_port=8443), before)
    assert [str(change.endpoint) for change in plan.changes if isinstance(change, DeleteRecord)] == ["0.0.0.0:8443", "[::]:8443"]
    assert written(plan)["ListenerPort"] == 443


def test_records_that_followed_are_put_back():
    site = record(Endpoint("sni", "0.0.0.0", 443, "www.example.com"), OLD.thumbprint, app_id=IIS_APP_ID)
    before = with_more_records(healthy(), site)
    was = read_snapshot(json.loads(json.dumps(snapshot(before, sharing(before)))))
    plan = plan_restoration(moved(before, shared_records=True), was, LIMITS)
    assert [change.record for change in plan.changes if isinstance(change, SetRecord)] == [*healthy().records, site]


# --- RRAS itself ---

TOLD = administered(healthy())


def test_rras_is_told_to_take_the_old_certificate_again():
    plan = back(moved(TOLD), TOLD)
    assert [type(change).__name__ for change in plan.changes] == [
        *["Hold"] * 10, "SetRemoteAccess", "Forgotten", *["SetValue"] * 5, "SetRecord", "SetRecord", "DeleteValue", "SetServices", "Await"
    ]  # fmt: skip
    assert [change.thumbprint for change in plan.changes if isinstance(change, SetRemoteAccess)] == [OLD.thumbprint]


def test_what_rras_may_write_is_put_right_after_it_was_told():
    """Records and values are as in the snapshot already; RRAS alone is not."""
    before = with_parameter(with_records(TOLD, record(V4, OLD.thumbprint, flags=2)), "SHA1CertificateHash", None)
    after = dataclasses.replace(before, remote_access=RemoteAccess(True, NEW.certificate))
    plan = back(after, before)
    told = next(index for index, change in enumerate(plan.changes) if isinstance(change, SetRemoteAccess))
    assert [change.record for change in plan.changes[told:] if isinstance(change, SetRecord)] == [record(V4, OLD.thumbprint, flags=2)]
    assert [change.endpoint for change in plan.changes[told:] if isinstance(change, DeleteRecord)] == [V6]
    assert written(dataclasses.replace(plan, changes=plan.changes[told:])) == {
        "SHA256CertificateHash": OLD.sha256,
        "SHA1CertificateHash": None,
        "UseHttps": 1,
        "isHashConfiguredByAdmin": 1,
        "ListenerPort": 443,
    }


def test_no_value_is_written_twice():
    changes = [change for change in back(moved(TOLD), TOLD).changes if isinstance(change, SetValue | DeleteValue)]
    assert len({(change.path, change.name) for change in changes}) == len(changes)


@pytest.mark.parametrize(
    ("after", "before"),
    [
        pytest.param(moved(healthy()), healthy(), id="the rotation has not asked RRAS"),
        pytest.param(moved(TOLD), dataclasses.replace(TOLD, remote_access=RemoteAccess(True)), id="RRAS had none"),
        pytest.param(moved(TOLD, writer="direct"), TOLD, id="RRAS has it still"),
        pytest.param(dataclasses.replace(moved(TOLD), remote_access=None), TOLD, id="RRAS was not asked now"),
        pytest.param(dataclasses.replace(moved(TOLD), remote_access=RemoteAccess(False)), TOLD, id="the cmdlet is gone"),
        pytest.param(dataclasses.replace(moved(TOLD), remote_access=RemoteAccess(True, error={"message": "no"})), TOLD, id="RRAS gives no answer"),
        pytest.param(with_certificates(moved(TOLD)), TOLD, id="the certificate is gone"),
    ],
)
def test_rras_is_left_as_it_is(after, before):
    changes = back(after, before).changes
    assert not [change for change in changes if isinstance(change, SetRemoteAccess | Hold)]
    assert [change.record.certificate_hash for change in changes if isinstance(change, SetRecord)] == [OLD.thumbprint] * 2


def test_rras_that_has_it_already_is_nothing_to_do():
    assert not back(TOLD, TOLD)


# --- what a snapshot must have ---


@pytest.mark.parametrize("key", ["server", "port", "records", "registry", "config_store", "before_offload", "remote_access", "services"])
def test_a_snapshot_without_one_of_its_keys_is_refused(key):
    with pytest.raises(SstpError, match=f"is damaged .KeyError: '{key}'"):
        read_snapshot({name: value for name, value in snapshot(healthy()).items() if name != key})


def test_a_value_too_long_to_be_told_is_left_as_it_is():
    before = with_parameter(healthy(), "UseHttps", RegistryValue("binary", None, 8192))
    assert "UseHttps" not in read_snapshot(snapshot(before)).values[SSTP_KEY]
