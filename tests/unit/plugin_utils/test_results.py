# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How states look in results: times, hashes, keys, and keys of results that are always the same."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import re

import certificate_factory
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.changes import Plan
from ansible_collections.rras.sstp.plugins.plugin_utils.inputs import Endpoint
from ansible_collections.rras.sstp.plugins.plugin_utils.plan import Wanted, plan_rotation
from ansible_collections.rras.sstp.plugins.plugin_utils.results import (
    certificate_result,
    diff,
    event_result,
    hash_result,
    predecessor,
    record_result,
    rotation_diff,
    server_result,
    stamp,
    stored_result,
)
from ansible_collections.rras.sstp.plugins.plugin_utils.rotation import evidence, predict, rotation_result, snapshot
from ansible_collections.rras.sstp.plugins.plugin_utils.state import LoggedEvent, Node, RegistryValue, RemoteAccess, read_state
from ansible_collections.rras.sstp.plugins.plugin_utils.windows import Applied
from ansible_collections.rras.sstp.plugins.plugin_utils.x509 import read_stored
from certificate_factory import NOW
from host_factory import (
    IIS_APP_ID,
    V4,
    administered,
    bound_to,
    good_key,
    healthy,
    offloading,
    record,
    stored,
    with_adapters,
    with_more_records,
    with_parameter,
    with_records,
)

OLD, NEW = certificate_factory.old(), certificate_factory.new()
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
STEP = {"index": 0, "kind": "await", "time": "2026-03-01T12:00:01.250Z", "changed": False, "skipped": True, "milliseconds": 7, "detail": None}


def test_a_record_is_shown_whole():
    shown = record_result(record(V4, OLD.thumbprint, app_id=IIS_APP_ID, flags=0x80000001, check_mode=5, ctl_identifier="issuers"))
    assert shown == {
        "endpoint": "0.0.0.0:443",
        "family": "ip",
        "certificate_hash": OLD.thumbprint,
        "certificate_store_name": "MY",
        "app_id": IIS_APP_ID,
        "owner": "IIS",
        "check_mode": 5,
        "revocation_freshness_time": 0,
        "url_retrieval_timeout": 0,
        "ctl_identifier": "issuers",
        "ctl_store_name": None,
        "flags": 0x80000001,
    }


def test_a_certificate_is_shown():
    shown = certificate_result(NEW.certificate)
    assert (shown["thumbprint"], shown["sha256"]) == (NEW.thumbprint, NEW.sha256)
    assert (shown["not_before"], shown["not_after"]) == ("2026-01-01T00:00:00Z", "2026-12-31T00:00:00Z")
    assert shown["extended_key_usage"] == ["1.3.6.1.5.5.7.3.1"]


@pytest.mark.parametrize(
    ("key", "state", "code"),
    [
        pytest.param(good_key(NEW), "proven", 0, id="signs"),
        pytest.param(good_key(NEW, proven=None), "opens", 0, id="opens"),
        pytest.param(good_key(NEW, proven=False), "unusable", 0, id="of another certificate"),
        pytest.param(good_key(NEW, acquire_code=-2146893802, proven=None), "unusable", -2146893802, id="does not open"),
        pytest.param(good_key(NEW, acquire_code=None, proven=None), "untested", None, id="left alone"),
        pytest.param(None, "absent", None, id="none"),
    ],
)
def test_the_state_of_a_key(key, state, code):
    shown = stored_result(stored(NEW, key=key), healthy())
    assert shown["private_key"]["state"] == state
    assert shown["private_key"]["code"] == code


@pytest.mark.parametrize(("flags", "machine"), [(0x20, True), (0x60, True), (0, False)])
def test_a_machine_key_is_told_from_a_user_key(flags, machine):
    assert stored_result(stored(NEW, key=good_key(NEW, flags=flags)), healthy())["private_key"]["machine"] is machine


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (RegistryValue("binary", "ABCD"), "ABCD"),
        (RegistryValue("binary", ""), ""),
        (RegistryValue("string", "abcd"), "(string) abcd"),
        (RegistryValue("dword", 7), "(dword) 7"),
        (RegistryValue("binary", None, 8192), "(binary, 8192 characters)"),
    ],
)
def test_a_hash_is_shown_as_what_it_is(value, shown):
    assert hash_result(value) == shown


# --- times ---


def test_times_are_iso():
    assert stamp(dt.datetime(2026, 1, 2, 3, 4, 5, 999, dt.timezone.utc)) == "2026-01-02T03:04:05Z"


def test_all_times_of_a_server_are_iso():
    server = server_result(dataclasses.replace(healthy(), predecessors={NEW.thumbprint: "2026-02-01T00:00:00Z"}))
    times = [server["time"], *(c[name] for c in server["certificates"] for name in ("not_before", "not_after"))]
    times += [p["replaced_at"] for p in server["predecessors"]]
    assert len(times) == 6
    assert all(ISO.fullmatch(time) for time in times)


def test_times_of_an_unreadable_certificate_are_iso():
    shown = certificate_result(read_stored(b"odd"))
    assert (shown["not_before"], shown["not_after"]) == ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z")


@pytest.mark.parametrize(
    ("since", "replaced_at", "age_days"),
    [
        pytest.param("2026-02-22T12:00:00Z", "2026-02-22T12:00:00Z", 7, id="seven days to the second"),
        pytest.param("2026-02-22T12:00:01Z", "2026-02-22T12:00:01Z", 6, id="a second less"),
        pytest.param("2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z", 0, id="just now"),
        pytest.param("2026-04-01T00:00:00Z", "2026-04-01T00:00:00Z", 0, id="a clock that went back"),
        pytest.param("last week", "2026-03-01T12:00:00Z", 0, id="no time at all"),
    ],
)
def test_the_age_of_a_predecessor(since, replaced_at, age_days):
    assert predecessor(OLD.thumbprint, since, NOW) == {"thumbprint": OLD.thumbprint, "replaced_at": replaced_at, "age_days": age_days}


# --- the server ---


def test_a_server_is_shown_as_json():
    server = server_result(healthy())
    assert json.loads(json.dumps(server)) == server
    assert server["mode"] == "automatic"
    assert server["registry"] == {"sha256": OLD.sha256, "sha1": OLD.thumbprint}
    assert [s["start_mode"] for s in server["services"]] == ["manual", "manual", "automatic"]
    assert [s["thumbprint"] for s in server["served"]] == [OLD.thumbprint, OLD.thumbprint]


def test_a_server_without_sstp_has_the_same_keys():
    bare = read_state({"ports": [443], "host": {"time": "2026-03-01T12:00:00Z"}}, "state-1", b"")
    assert server_result(bare).keys() == server_result(healthy()).keys()
    assert server_result(bare)["mode"] is None
    assert server_result(bare)["mode_evidence"] == []


@pytest.mark.parametrize(("state", "mode"), [(healthy(), "automatic"), (administered(healthy()), "administrator"), (offloading(healthy()), "offload")])
def test_the_mode_is_shown_with_what_it_was_told_from(state, mode):
    server = server_result(state)
    assert server["mode"] == mode
    assert server["mode_evidence"][:2] == [f"UseHttps is {0 if mode == 'offload' else 1}", f"isHashConfiguredByAdmin is {0 if mode == 'automatic' else 1}"]


def viewed(**view):
    state = dataclasses.replace(healthy(), remote_access=RemoteAccess(**{"available": True, **view}))
    return server_result(state)["remote_access"]


def test_nobody_has_asked_rras():
    assert server_result(healthy())["remote_access"] is None


def test_what_rras_says_is_shown():
    nodes = (Node("VPN2", "Stopped"),)
    shown = viewed(certificate=NEW.certificate, use_http=False, connect_to="da.example.com", nodes=nodes, advertised=OLD.certificate)
    assert shown == {
        "available": True,
        "certificate": certificate_result(NEW.certificate),
        "advertised": OLD.thumbprint,
        "use_http": False,
        "connect_to": "da.example.com",
        "nodes": [{"name": "VPN2", "status": "Stopped"}],
        "error": None,
    }


@pytest.mark.parametrize(("error", "shown"), [(None, None), ({"message": "no service", "code": 5}, "no service"), ({"message": None}, "")])
def test_why_rras_says_nothing_is_shown(error, shown):
    assert viewed(error=error)["error"] == shown


def test_the_subkey_is_shown_where_there_is_one():
    config = {"ListenerPort": RegistryValue("dword", 8443), "Odd": RegistryValue("binary", None, 8192)}
    shown = server_result(dataclasses.replace(healthy(), config_store=config))
    assert shown["config_store"] == {"ListenerPort": 8443, "Odd": "(binary, 8192 characters)"}
    assert server_result(dataclasses.replace(healthy(), config_store=None))["config_store"] is None


def test_adapters_are_shown():
    shown = server_result(with_adapters(healthy(), ipv6=False))["adapters"]
    assert shown[1] == {"name": "Internet", "kind": "ethernet", "up": True, "ipv4": True, "ipv6": False, "addresses": ["203.0.113.5"]}


def test_a_server_of_each_mode_is_shown_as_json():
    for state in (with_adapters(administered(healthy())), offloading(healthy())):
        assert json.loads(json.dumps(server_result(state))) == server_result(state)


# --- rotation ---


def results():
    before = healthy()
    plan = plan_rotation(before, Wanted(NEW.certificate))
    predicted = predict(before, plan, Wanted(NEW.certificate))
    return {
        "run": rotation_result(before, bound_to(NEW), plan, Wanted(NEW.certificate), Applied(bound_to(NEW), (STEP,))),
        "predicted": rotation_result(before, predicted, plan, Wanted(NEW.certificate), None),
        "nothing to do": rotation_result(before, before, Plan(), Wanted(OLD.certificate), None),
    }


def test_a_rotation_has_the_same_keys_in_check_mode():
    shown = results()
    assert shown["run"].keys() == shown["predicted"].keys() == shown["nothing to do"].keys()


def test_a_rotation_is_predicted_as_it_runs():
    shown = results()
    for name in ("changed", "thumbprint", "sha256", "previous_certificate_hashes", "restarted", "plan", "snapshot"):
        assert shown["run"][name] == shown["predicted"][name]
    assert shown["run"]["diff"]["after"]["bindings"] == shown["predicted"]["diff"]["after"]["bindings"]
    assert shown["run"]["diff"]["after"]["registry"] == shown["predicted"]["diff"]["after"]["registry"]


def test_nothing_to_do_is_no_change():
    shown = results()["nothing to do"]
    assert shown["changed"] is False
    assert shown["restarted"] is False
    assert shown["plan"] == []
    assert shown["previous_certificate_hashes"] == []
    assert shown["diff"]["before"] == shown["diff"]["after"]
    assert shown["evidence"] is None


def test_evidence_is_what_was_seen_and_how_long_it_took():
    shown = results()["run"]["evidence"]
    assert [b["certificate_hash"] for b in shown["bindings"]] == [NEW.thumbprint, NEW.thumbprint]
    assert shown["registry"] == {"sha256": NEW.sha256, "sha1": NEW.thumbprint}
    assert shown["steps"] == [{name: value for name, value in STEP.items() if name != "index"}]
    assert ISO.fullmatch(shown["time"])


STARTED = dt.datetime(2026, 3, 1, 12, 0, 5, 250_000, tzinfo=dt.timezone.utc)


@pytest.mark.parametrize(
    ("started", "shown"),
    [(STARTED, [24, 21]), (STARTED + dt.timedelta(seconds=1), [24]), (STARTED + dt.timedelta(seconds=2), []), (None, [])],
)
def test_evidence_has_the_events_since_the_services_were_last_started(started, shown):
    events = [LoggedEvent(number, 2, STARTED + dt.timedelta(seconds=late), ("x",)) for number, late in ((24, 1), (21, 0), (18, -1))]
    after = dataclasses.replace(bound_to(NEW), events=tuple(events))
    found = evidence(after, Applied(after, (STEP,), started))
    assert [event["id"] for event in found["events"]] == shown
    assert found["events_error"] is None


def test_an_event_is_shown():
    event = LoggedEvent(21, 2, STARTED + dt.timedelta(microseconds=999), ("no record", "%%1234"))
    assert event_result(event) == {
        "id": 21,
        "level": 2,
        "time": "2026-03-01T12:00:05.250Z",
        "data": ["no record", "%%1234"],
        "meaning": "the hash of the certificate that is bound in HTTP.SYS could not be had",
        "code": "0x800704D2",
        "explanation": "Windows error 1234",
    }


def test_an_event_that_is_not_known_is_shown_without_a_meaning():
    shown = event_result(LoggedEvent(6, 2, STARTED, ("no code",)))
    assert (shown["meaning"], shown["code"], shown["explanation"]) == (None, None, None)


def test_evidence_says_why_there_are_no_events():
    error = {"function": None, "code": 5, "message": "Attempted to perform an unauthorized operation."}
    after = dataclasses.replace(bound_to(NEW), events_error=error)
    found = evidence(after, Applied(after, (STEP,), STARTED))
    assert (found["events"], found["events_error"]) == (
        [],
        "The events could not be read: access is denied; the connection's account must be an elevated administrator [code 5].",
    )


def test_every_result_is_json():
    for shown in results().values():
        assert json.loads(json.dumps(shown)) == shown


def test_a_snapshot_is_what_was_there():
    shown = snapshot(healthy())
    assert [r["certificate_hash"] for r in shown["records"]] == [OLD.thumbprint, OLD.thumbprint]
    assert shown["registry"] == {
        "SHA256CertificateHash": {"kind": "binary", "data": OLD.sha256, "length": None},
        "SHA1CertificateHash": {"kind": "binary", "data": OLD.thumbprint, "length": None},
        "UseHttps": {"kind": "dword", "data": 1, "length": None},
        "isHashConfiguredByAdmin": {"kind": "dword", "data": 0, "length": None},
        "ListenerPort": {"kind": "dword", "data": 443, "length": None},
    }
    assert shown["config_store"] == {"ListenerPort": {"kind": "dword", "data": 443, "length": None}}
    assert (shown["before_offload"], shown["remote_access"]) == ({}, None)
    assert shown["services"] == {"SstpSvc": "running", "RasMan": "running", "RemoteAccess": "running"}
    assert shown["time"] == "2026-03-01T12:00:00Z"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param(RegistryValue("string", "abcd"), {"kind": "string", "data": "abcd", "length": None}, id="string"),
        pytest.param(RegistryValue("dword", 7), {"kind": "dword", "data": 7, "length": None}, id="dword"),
        pytest.param(RegistryValue("binary", ""), {"kind": "binary", "data": "", "length": None}, id="empty"),
        pytest.param(RegistryValue("binary", None, 8192), {"kind": "binary", "data": None, "length": 8192}, id="too long"),
    ],
)
def test_a_snapshot_can_put_back_a_value_of_another_type(value, shown):
    state = with_parameter(with_parameter(healthy(), "SHA256CertificateHash", None), "sha256certificatehash", value)
    assert snapshot(state)["registry"]["SHA256CertificateHash"] == shown


def test_a_snapshot_says_that_a_value_was_absent():
    state = with_parameter(with_parameter(healthy(), "SHA256CertificateHash", None), "SHA1CertificateHash", None)
    assert set(snapshot(state)["registry"]) == {"UseHttps", "isHashConfiguredByAdmin", "ListenerPort"}


def test_a_diff_of_a_missing_record_is_null():
    shown = rotation_diff(with_records(healthy()))
    assert shown["bindings"] == {"0.0.0.0:443": None, "[::]:443": None}


def test_a_diff_has_what_tells_the_mode():
    registry = rotation_diff(dataclasses.replace(offloading(healthy()), config_store={"UseHttps": RegistryValue("dword", 0)}))["registry"]
    assert {name: value for name, value in registry.items() if not name.endswith("CertificateHash")} == {
        "UseHttps": 0,
        "isHashConfiguredByAdmin": 1,
        "ListenerPort": 443,
        "ConfigStore\\UseHttps": 0,
        "ConfigStore\\ListenerPort": None,
    }


def test_a_diff_has_the_other_records_of_the_port():
    site = Endpoint("sni", "0.0.0.0", 443, "www.example.com")
    shown = rotation_diff(with_more_records(healthy(), record(site, OLD.thumbprint), record(dataclasses.replace(site, port=8443), OLD.thumbprint)))
    assert list(shown["bindings"]) == ["0.0.0.0:443", "[::]:443", "www.example.com:443"]


def test_a_diff_has_the_headers_that_ansible_shows():
    assert diff({"a": 1}, {"a": 2}, "X") == {"before_header": "X", "after_header": "X", "before": {"a": 1}, "after": {"a": 2}}
