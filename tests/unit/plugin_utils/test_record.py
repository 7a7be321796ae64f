# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of an audit, held against its JSON Schema."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import certificate_factory
import jsonschema
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.balancer import Balancer
from ansible_collections.rras.sstp.plugins.plugin_utils.findings import Policy
from ansible_collections.rras.sstp.plugins.plugin_utils.plan import Wanted
from ansible_collections.rras.sstp.plugins.plugin_utils.record import record_of
from ansible_collections.rras.sstp.plugins.plugin_utils.repairs import Commands
from ansible_collections.rras.sstp.plugins.plugin_utils.report.record import read_record
from ansible_collections.rras.sstp.plugins.plugin_utils.rules import judge
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.client import Depth
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.events import Stage
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.verdict import Code, Verdict
from ansible_collections.rras.sstp.plugins.plugin_utils.state import LoggedEvent
from ansible_collections.rras.sstp.plugins.plugin_utils.wire import Sight
from certificate_factory import NOW, issue
from host_factory import administered, bound_to, healthy, offloading, with_certificates, with_records, with_rras_disabled, with_sha256, without_service
from hypothesis import given
from hypothesis import strategies as st
from state_strategies import host_states, host_states_of_every_mode, wanteds

OLD, NEW, OTHER = certificate_factory.old(), certificate_factory.new(), certificate_factory.other()
SCHEMA = json.loads((Path(__file__).resolve().parents[3] / "docs" / "report.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator({"$ref": "#/$defs/record", "$defs": SCHEMA["$defs"]})
EVENTS = (LoggedEvent(21, 2, NOW, ("[::]:443", "0x80070002")), LoggedEvent(9, 3, NOW.replace(microsecond=123000)), LoggedEvent(6, 2, NOW, ("\u202e",)))
REFUSED = Sight("203.0.113.6:443", Depth.HTTP, Verdict(Code.REFUSED, Stage.CONNECT, "Nothing listens there."))
SEEN = Sight("203.0.113.5:443", Depth.HTTP, Verdict(Code.OK, Stage.HTTP, "It speaks SSTP."), OTHER.thumbprint, OTHER.sha256, certificate=OTHER.certificate)
LOOKED = Policy(
    wire=(SEEN, REFUSED),
    balancer=Balancer("lb", {"192.0.2.1:443": NEW.certificate}, {"192.0.2.2:443": "Nothing listens there."}),
    ignored={"rras_disabled": "standby", "eku_unfit": "lab"},
    commands=Commands("Lee's server", ("inventory files/hosts.yml",)),
)

messages = st.text().map(lambda text: {"code": 5, "function": "EvtQuery", "message": text})


def record_for(state, policy=None):
    policy = policy or Policy()
    return record_of(state, policy, judge(state, policy))


def closed(schema):
    """The schema without room for keys that it does not have."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(item) for name, item in schema.items()}
    return {**inner, "additionalProperties": False} if "properties" in schema and "required" in schema else inner


EXACTLY = jsonschema.Draft202012Validator({"$ref": "#/$defs/record", "$defs": closed(SCHEMA["$defs"])})


def require_fit(record):
    assert [f"{error.json_path}: {error.message}" for error in EXACTLY.iter_errors(record)] == []
    # What is kept and sent is JSON.
    assert json.loads(json.dumps(record)) == record
    assert read_record(record, record["host"]).compliant is record["compliant"]


@pytest.mark.parametrize("policy", [pytest.param(Policy(), id="by itself"), pytest.param(LOOKED, id="with the wire and a balancer")])
@pytest.mark.parametrize(
    "state",
    [
        pytest.param(healthy(), id="healthy"),
        pytest.param(with_sha256(with_records(healthy()), None), id="nothing bound"),
        pytest.param(administered(healthy(), NEW), id="administrator"),
        pytest.param(offloading(healthy()), id="offload"),
        pytest.param(with_rras_disabled(healthy()), id="RRAS disabled"),
        pytest.param(bound_to(issue(eku=None, names=())), id="certificate without usage and names"),
        pytest.param(bound_to(issue(not_after=NOW)), id="expired"),
        pytest.param(with_certificates(healthy()), id="empty store"),
        pytest.param(without_service(healthy(), "SstpSvc"), id="SSTP not installed"),
        pytest.param(dataclasses.replace(healthy(), parameters=None), id="no Parameters"),
        pytest.param(dataclasses.replace(healthy(), events=EVENTS), id="events"),
        pytest.param(dataclasses.replace(healthy(), events_error={"code": 5, "function": "EvtQuery", "message": "no"}), id="events that cannot be read"),
        pytest.param(dataclasses.replace(healthy(), host={"time": "2026-03-01T12:00:00Z"}), id="name not known"),
    ],
)
def test_a_record_has_the_keys_of_the_schema_and_no_others(state, policy):
    require_fit(record_for(state, policy))


@given(host_states_of_every_mode(), st.none() | messages, st.booleans())
def test_every_state_has_a_record_that_fits(state, error, looked):
    state = dataclasses.replace(state, events=EVENTS, events_error=error)
    require_fit(record_for(state, LOOKED if looked else Policy()))


@given(host_states(), wanteds)
def test_every_state_has_a_record_that_fits_whatever_is_wanted(state, wanted):
    require_fit(record_for(state, Policy(wanted=wanted)))


def test_the_schema_refuses_what_is_no_record():
    """Or nothing here would say anything."""
    whole = record_for(dataclasses.replace(with_records(healthy()), events=EVENTS), LOOKED)
    for name in whole:
        assert not VALIDATOR.is_valid({key: value for key, value in whole.items() if key != name}), name
    for name, wrong in (("time", "yesterday"), ("port", "443"), ("mode", "other"), ("compliant", None), ("places", {}), ("schema", 2)):
        assert not VALIDATOR.is_valid({**whole, name: wrong}), name
    for name in ("places", "certificates", "findings", "ignored", "events"):
        assert whole[name], name
        for key in whole[name][0]:
            less = [{k: v for k, v in item.items() if k != key} for item in whole[name]]
            assert not VALIDATOR.is_valid({**whole, name: less}), (name, key)
    assert not EXACTLY.is_valid({**whole, "more": 1})


def test_what_a_record_says_of_a_healthy_host():
    record = record_for(healthy(), Policy(commands=Commands("vpn01")))
    assert {name: value for name, value in record.items() if name not in ("places", "certificates")} == {
        "schema": 1,
        "host": "vpn01",
        "server": "VPN1",
        "time": "2026-03-01T12:00:00Z",
        "port": 443,
        "mode": "automatic",
        "compliant": True,
        "findings": [],
        "ignored": [],
        "events": [],
        "events_error": None,
    }
    assert len(record["places"]) == 7
    assert [one["thumbprint"] for one in record["certificates"]] == [OLD.thumbprint]


def test_without_sstp_there_is_no_mode_and_no_place():
    record = record_for(without_service(healthy(), "SstpSvc"), LOOKED)
    assert (record["mode"], record["places"], record["certificates"], record["compliant"]) == (None, [], [], False)


def test_an_event_comes_with_what_it_means():
    record = record_for(dataclasses.replace(with_records(healthy()), events=EVENTS))
    assert [(event["id"], event["time"], event["code"], event["meaning"] is None) for event in record["events"]] == [
        (21, "2026-03-01T12:00:00.000Z", "0x80070002", False),
        (9, "2026-03-01T12:00:00.123Z", None, False),
        (6, "2026-03-01T12:00:00.000Z", None, True),
    ]
    assert [finding["seen"] for finding in record["findings"] if finding["event"] == 21] == ["2026-03-01T12:00:00Z"] * 2


def test_a_record_is_compliant_without_errors_alone():
    assert record_for(with_rras_disabled(healthy()))["compliant"] is True
    assert record_for(healthy(), Policy(wanted=Wanted(NEW.certificate)))["compliant"] is False
