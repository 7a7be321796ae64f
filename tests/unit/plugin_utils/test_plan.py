# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a host's state and the wanted certificate to the list of changes."""

from __future__ import annotations

import dataclasses

import certificate_factory
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.changes import (
    Await,
    DeleteRecord,
    DeleteValue,
    Forgotten,
    Hold,
    SetRecord,
    SetRemoteAccess,
    SetServices,
    SetValue,
)
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.inputs import Endpoint
from ansible_collections.rras.sstp.plugins.plugin_utils.names import BEFORE_OFFLOAD_KEY, CONFIG_STORE_KEY, PREDECESSORS_KEY, SSTP_APP_ID, SSTP_KEY
from ansible_collections.rras.sstp.plugins.plugin_utils.plan import (
    Limits,
    Wanted,
    loopbacks,
    plan_restart,
    plan_rotation,
    sharing,
    should_run,
    start_order,
    stop_order,
)
from ansible_collections.rras.sstp.plugins.plugin_utils.state import RegistryValue, RemoteAccess, Served, Service
from host_factory import (
    IIS_APP_ID,
    LOOPBACK_V4,
    LOOPBACK_V6,
    V4,
    V6,
    administered,
    healthy,
    offloading,
    record,
    with_adapters,
    with_more_records,
    with_more_services,
    with_parameter,
    with_records,
    with_rras_disabled,
    with_rras_stopped,
    with_served,
    with_service,
    with_sha1,
    with_sha256,
    without_service,
)
from hypothesis import given
from state_strategies import records_of

OLD, NEW, OTHER = certificate_factory.old(), certificate_factory.new(), certificate_factory.other()
NO_SUCH_THUMBPRINT = "00112233445566778899AABBCCDDEEFF00112233"


def rotate(state, issued=NEW, service_state="running"):
    return plan_rotation(state, Wanted(issued.certificate, service_state=service_state))


def switch(state, issued=NEW, **wanted):
    return plan_rotation(state, Wanted(issued.certificate if issued else None, **wanted))


def changes(plan, kind):
    return [change for change in plan.changes if isinstance(change, kind)]


def set_records(plan):
    return [change.record for change in changes(plan, SetRecord)]


def unguarded(plan, kind):
    return [change for change in changes(plan, kind) if change.when_changed is None]


def kinds(plan):
    return [change.to_wire()["kind"] for change in plan.changes]


# --- what has to be done ---


def test_right_already_is_nothing_to_do():
    plan = rotate(healthy(), OLD)
    assert plan.changes == ()
    assert not plan
    assert not plan.restarts


@pytest.mark.parametrize(
    ("state", "bound"),
    [
        pytest.param(healthy(), [V4, V6], id="another certificate"),
        pytest.param(with_records(healthy(), record(V4, NEW.thumbprint), record(V6, OLD.thumbprint)), [V6], id="v6 differs"),
        pytest.param(with_records(healthy(), record(V4, OLD.thumbprint), record(V6, NEW.thumbprint)), [V4], id="v4 differs"),
        pytest.param(with_records(healthy(), record(V4, NEW.thumbprint)), [V6], id="v6 missing"),
        pytest.param(with_records(healthy(), record(V6, NEW.thumbprint)), [V4], id="v4 missing"),
        pytest.param(with_records(healthy()), [V4, V6], id="both missing"),
        pytest.param(with_records(healthy(), record(V4, NO_SUCH_THUMBPRINT), record(V6, "")), [V4, V6], id="bound to no certificate"),
        pytest.param(with_records(healthy(), record(V4, NEW.thumbprint), record(V6, NEW.thumbprint)), [], id="only the hash is old"),
    ],
)
def test_records_are_bound_where_they_differ(state, bound):
    plan = rotate(state)
    assert [r.endpoint for r in set_records(plan)] == bound
    assert {r.certificate_hash for r in set_records(plan)} <= {NEW.thumbprint}
    assert plan.restarts


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(with_sha256(healthy(), NEW.sha256), id="stale SHA-256"),
        pytest.param(with_sha256(healthy(), OLD.sha256[:62]), id="31 bytes"),
        pytest.param(with_sha256(healthy(), OLD.sha256 + "00"), id="33 bytes"),
        pytest.param(with_sha256(healthy(), ""), id="empty"),
        pytest.param(with_sha256(healthy(), OLD.sha256, kind="string"), id="as a string"),
        pytest.param(with_sha256(healthy(), None, length=8192), id="far too long"),
        pytest.param(with_parameter(healthy(), "SHA256CertificateHash", None), id="missing"),
        pytest.param(with_sha1(healthy(), NEW.thumbprint), id="SHA-1 contradicts"),
        pytest.param(with_sha1(healthy(), OLD.thumbprint[:38]), id="SHA-1 of 19 bytes"),
        pytest.param(with_sha1(healthy(), OLD.thumbprint, kind="string"), id="SHA-1 as a string"),
    ],
)
def test_a_wrong_hash_alone_is_derived_anew(state):
    plan = rotate(state, OLD)
    assert set_records(plan) == []
    assert plan.restarts
    stop, *_between, last = plan.changes
    assert stop == SetServices(("RemoteAccess", "RasMan", "SstpSvc"), "stopped", 120)
    assert isinstance(last, Await)


def test_an_absent_sha1_is_right():
    assert not rotate(with_parameter(healthy(), "SHA1CertificateHash", None), OLD)


def test_a_record_of_another_store_is_bound_to_my():
    state = with_records(healthy(), *(record(e, NEW.thumbprint, certificate_store_name="WebHosting") for e in (V4, V6)))
    assert [r.certificate_store_name for r in set_records(rotate(state))] == ["MY", "MY"]


@pytest.mark.parametrize("name", [None, "", "MY", "My", "my"])
def test_a_record_of_my_in_another_spelling_is_right(name):
    state = with_records(healthy(), *(record(e, OLD.thumbprint, certificate_store_name=name) for e in (V4, V6)))
    assert not rotate(state, OLD)


def test_a_missing_record_is_made_with_the_settings_of_sstp():
    plan = rotate(with_records(healthy()))
    assert set_records(plan) == [record(V4, NEW.thumbprint), record(V6, NEW.thumbprint)]
    assert {r.app_id for r in set_records(plan)} == {SSTP_APP_ID}


def test_the_owner_of_a_record_stays():
    state = with_records(healthy(), record(V4, OLD.thumbprint, app_id=IIS_APP_ID), record(V6, OLD.thumbprint))
    assert [r.app_id for r in set_records(rotate(state))] == [IIS_APP_ID, SSTP_APP_ID]


def test_other_ports_and_addresses_are_left_alone():
    others = (record(Endpoint("ip", "203.0.113.5", 443), OLD.thumbprint), record(Endpoint("ip", "0.0.0.0", 8443), OLD.thumbprint))
    assert [r.endpoint for r in set_records(rotate(with_more_records(healthy(), *others)))] == [V4, V6]


@given(records_of(V4))
def test_a_record_is_carried_whole(old):
    new = old.bound_to(NEW.thumbprint)
    differing = {f.name for f in dataclasses.fields(old) if getattr(old, f.name) != getattr(new, f.name)}
    assert new.certificate_hash == NEW.thumbprint
    assert new.store == "MY"
    assert differing <= {"certificate_hash"} | ({"certificate_store_name"} if old.store != "MY" else set())


# --- the order of the steps ---


def test_a_rotation_in_order():
    plan = rotate(healthy())
    assert plan.describe()[:6] == [
        "stop RemoteAccess, RasMan, SstpSvc",
        "delete SHA1CertificateHash",
        "delete SHA256CertificateHash",
        f"bind {NEW.thumbprint} to 0.0.0.0:443",
        f"bind {NEW.thumbprint} to [::]:443",
        "start SstpSvc, RasMan, RemoteAccess",
    ]
    assert kinds(plan) == [
        "services",
        "delete_registry_value",
        "delete_registry_value",
        "set_ssl_record",
        "set_ssl_record",
        "services",
        "await",
        "set_registry_value",
        "set_registry_value",
        "services",
        "services",
        "await",
        "set_registry_value",
    ]


@pytest.mark.parametrize("absent", ["SHA256CertificateHash", "SHA1CertificateHash"])
def test_a_hash_that_is_absent_is_deleted_all_the_same(absent):
    """The back-end keeps in its journal that it was absent: undoing takes away what the service has derived since."""
    plan = rotate(with_parameter(healthy(), absent, None))
    assert DeleteValue(SSTP_KEY, absent) in plan.changes
    assert plan.describe() == rotate(healthy()).describe()


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(healthy(), id="running"),
        pytest.param(with_rras_stopped(healthy()), id="RRAS stopped"),
        pytest.param(with_records(healthy()), id="no records"),
        pytest.param(with_parameter(healthy(), "SHA256CertificateHash", None), id="no SHA-256"),
        pytest.param(with_parameter(healthy(), "SHA1CertificateHash", None), id="no SHA-1"),
        pytest.param(with_sha256(healthy(), "AB"), id="only a hash to change"),
        pytest.param(with_more_services(healthy(), Service("Billing", "running", 2, ("RasMan",))), id="one service more"),
    ],
)
def test_what_hangs_on_a_written_hash_points_at_it(state):
    plan = rotate(state)
    guarded = [change for change in plan.changes if getattr(change, "when_changed", None) is not None]
    assert len(guarded) == 3
    for change in guarded:
        (index,) = change.when_changed
        written = plan.changes[index]
        assert isinstance(written, SetValue)
        assert (written.path, written.name, written.only_if_absent) == (SSTP_KEY, "SHA256CertificateHash", True)
        assert index < plan.changes.index(change)


def test_a_hash_that_the_service_does_not_derive_is_written_and_the_service_restarted():
    fallback = [change for change in rotate(healthy()).changes if getattr(change, "when_changed", None) is not None]
    assert [change.describe() for change in fallback] == [
        f"set SHA1CertificateHash to {NEW.thumbprint} if the service has not written it",
        "stop RemoteAccess, RasMan, SstpSvc once more in that case",
        "start SstpSvc, RasMan, RemoteAccess once more in that case",
    ]


def test_the_first_wait_may_fail_and_the_last_may_not():
    first, last = changes(rotate(healthy()), Await)
    assert (first.required, last.required) == (False, True)
    assert [c["text"] for c in last.conditions] == [
        "SstpSvc is running",
        "RasMan is running",
        "RemoteAccess is running",
        f"SHA256CertificateHash is {NEW.sha256}",
        f"127.0.0.1:443 serves {NEW.thumbprint}",
        f"[::1]:443 serves {NEW.thumbprint}",
    ]


def test_limits_are_passed_on():
    plan = plan_rotation(healthy(), Wanted(NEW.certificate, limits=Limits(service_timeout=7, settle_timeout=9)))
    assert {change.timeout for change in changes(plan, SetServices)} == {7}
    assert {change.timeout for change in changes(plan, Await)} == {9}


@pytest.mark.parametrize(("service_timeout", "settle_timeout"), [(0, 30), (-1, 30), (120, -1)])
def test_limits_that_make_no_sense_are_refused(service_timeout, settle_timeout):
    with pytest.raises(SstpError, match="timeout must be [01] or more"):
        Limits(service_timeout, settle_timeout)


# --- the predecessor is noted ---


def noted(plan):
    return [change for change in changes(plan, SetValue) if change.path == PREDECESSORS_KEY]


def test_the_replaced_certificate_is_noted_once_with_the_time_of_the_host():
    assert noted(rotate(healthy())) == [SetValue(PREDECESSORS_KEY, OLD.thumbprint, "string", "2026-03-01T12:00:00Z")]


def test_a_certificate_that_is_not_there_is_not_noted():
    assert noted(rotate(with_records(healthy(), record(V4, NO_SUCH_THUMBPRINT)))) == []


def test_nothing_is_noted_when_only_a_hash_changes():
    assert noted(rotate(with_sha256(healthy(), "AB"), OLD)) == []


def test_a_predecessor_that_comes_back_is_none_any_more():
    state = dataclasses.replace(healthy(), predecessors={NEW.thumbprint: "2026-02-01T00:00:00Z"})
    assert DeleteValue(PREDECESSORS_KEY, NEW.thumbprint) in rotate(state).changes


# --- services ---


def test_rras_found_stopped_is_started():
    plan = rotate(with_rras_stopped(healthy()), OLD)
    start, settle = plan.changes
    assert start == SetServices(("SstpSvc", "RasMan", "RemoteAccess"), "running", 120)
    assert settle.required
    assert plan.restarts


@pytest.mark.parametrize("sstp_state", ["stopped", "paused", "unknown"])
@pytest.mark.parametrize("service_state", ["running", "as_found"])
def test_a_dead_sstp_service_under_a_running_rras_is_started(sstp_state, service_state):
    plan = rotate(with_service(healthy(), "SstpSvc", state=sstp_state), OLD, service_state)
    start, settle = plan.changes
    assert start == SetServices(("SstpSvc", "RasMan", "RemoteAccess"), "running", 120)
    assert settle.required
    assert plan.restarts


def test_rras_found_stopped_stays_so_as_found():
    assert not rotate(with_rras_stopped(healthy()), OLD, "as_found")


def test_rras_disabled_is_not_started():
    assert not rotate(with_rras_disabled(healthy()), OLD)


@pytest.mark.parametrize(
    ("state", "service_state"),
    [
        pytest.param(with_rras_disabled(healthy()), "running", id="disabled"),
        pytest.param(with_rras_stopped(healthy()), "as_found", id="stopped and as found"),
        pytest.param(without_service(healthy(), "RemoteAccess"), "running", id="not installed"),
    ],
)
def test_hashes_are_written_where_nobody_would_derive_them(state, service_state):
    plan = rotate(state, service_state=service_state)
    assert not plan.restarts
    assert not [c for c in changes(plan, SetServices) if "RemoteAccess" in c.names and c.state == "running"]
    assert SetValue(SSTP_KEY, "SHA256CertificateHash", "binary", NEW.sha256) in plan.changes
    assert SetValue(SSTP_KEY, "SHA1CertificateHash", "binary", NEW.thumbprint) in plan.changes


def test_a_sha1_that_was_not_there_is_not_written():
    state = with_parameter(with_rras_disabled(healthy()), "SHA1CertificateHash", None)
    assert [c.name for c in changes(rotate(state), SetValue) if c.path == SSTP_KEY] == ["SHA256CertificateHash"]


def test_rras_found_running_runs_as_found():
    plan = rotate(healthy(), service_state="as_found")
    assert plan.changes == rotate(healthy()).changes


@pytest.mark.parametrize(
    ("state", "service_state"),
    [
        pytest.param(with_rras_disabled(healthy()), "running", id="disabled"),
        pytest.param(with_rras_stopped(healthy()), "as_found", id="stopped and as found"),
    ],
)
def test_what_ran_without_rras_runs_again(state, service_state):
    plan = rotate(with_more_services(state, Service("Billing", "running", 2, ("RasMan",))), service_state=service_state)
    running = {s.name: s.state for s in state.services}
    for change in unguarded(plan, SetServices):
        running |= dict.fromkeys(change.names, change.state)
    assert running == {"SstpSvc": "running", "RasMan": "running", "RemoteAccess": "stopped", "Billing": "running"}


def test_other_services_that_ran_are_started_again_and_others_not():
    billing = Service("Billing", "running", 2, ("RasMan",))
    idle = Service("Idle", "stopped", 3, ("SstpSvc",))
    stop, start, *_fallback = changes(rotate(with_more_services(healthy(), billing, idle)), SetServices)
    assert set(stop.names) == set(start.names) == {"SstpSvc", "RasMan", "RemoteAccess", "Billing"}
    assert stop.names.index("Billing") < stop.names.index("RasMan")
    assert start.names.index("Billing") > start.names.index("RasMan")


@pytest.mark.parametrize(
    ("start", "state", "service_state", "expected"),
    [
        (2, "running", "running", True),
        (2, "stopped", "running", True),
        (2, "stopped", "as_found", False),
        (2, "running", "as_found", True),
        (2, "startpending", "as_found", True),
        (4, "stopped", "running", False),
        (None, "stopped", "running", True),
    ],
)
def test_should_rras_run(start, state, service_state, expected):
    assert should_run(with_service(healthy(), "RemoteAccess", start=start, state=state), service_state) is expected


# --- the graph of services ---

CHAIN = (
    Service("RemoteAccess", "running", 2, ("RasMan", "RpcSS")),
    Service("SstpSvc", "running", 3, ("HTTP",)),
    Service("RasMan", "running", 3, ("sstpsvc",)),
)
CYCLE = (
    Service("A", "running", 3, ("B",)),
    Service("B", "running", 3, ("C",)),
    Service("C", "running", 3, ("A",)),
    Service("D", "running", 3, ("D", "A")),
)


def test_services_start_after_what_they_need():
    assert start_order(CHAIN) == ("SstpSvc", "RasMan", "RemoteAccess")


def test_services_stop_before_what_they_need():
    assert stop_order(CHAIN) == ("RemoteAccess", "RasMan", "SstpSvc")


def test_a_stopped_service_is_not_stopped():
    assert stop_order((*CHAIN[1:], Service("RemoteAccess", "stopped", 2, ("RasMan",)))) == ("RasMan", "SstpSvc")


def test_a_cycle_does_not_hang():
    assert sorted(start_order(CYCLE)) == ["A", "B", "C", "D"]
    assert sorted(stop_order(CYCLE)) == ["A", "B", "C", "D"]


def test_a_cycle_around_rras_does_not_hang():
    state = with_service(healthy(), "SstpSvc", depends_on=("RemoteAccess",))
    first, *_rest = changes(rotate(state), SetServices)
    assert set(first.names) == {"SstpSvc", "RasMan", "RemoteAccess"}


def test_a_dense_cycle_does_not_hang():
    names = [f"S{number}" for number in range(40)]
    assert len(start_order(tuple(Service(name, "running", 3, tuple(names)) for name in names))) == 40


# --- where the host looks at itself ---


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param(healthy(), [LOOPBACK_V4, LOOPBACK_V6], id="both"),
        pytest.param(
            with_served(healthy(), Served(LOOPBACK_V4, OLD.certificate, None), Served(LOOPBACK_V6, None, {"code": 10049})),
            [LOOPBACK_V4],
            id="a host without IPv6",
        ),
        pytest.param(
            with_served(healthy(), Served(LOOPBACK_V4, None, {"code": 10061}), Served(LOOPBACK_V6, None, {"code": 10061})),
            [LOOPBACK_V4, LOOPBACK_V6],
            id="nothing listens yet",
        ),
        pytest.param(dataclasses.replace(healthy(), listen_only=("203.0.113.5",)), [], id="listen list without loopback"),
        pytest.param(dataclasses.replace(healthy(), listen_only=("203.0.113.5", "127.0.0.1")), [LOOPBACK_V4], id="listen list with v4"),
        pytest.param(with_more_records(healthy(), record(LOOPBACK_V6, OTHER.thumbprint)), [LOOPBACK_V4], id="record of ::1 of its own"),
        pytest.param(with_served(healthy()), [], id="not looked at"),
    ],
)
def test_loopbacks(state, expected):
    assert list(loopbacks(state)) == expected
    settled = changes(rotate(state), Await)[-1]
    assert [c["address"] for c in settled.conditions if c["kind"] == "served"] == [e.address for e in expected]


@pytest.mark.parametrize(("listen_only", "expected"), [(("0.0.0.0",), [LOOPBACK_V4]), (("::",), [LOOPBACK_V6])])
def test_a_wildcard_on_the_listen_list_has_loopback(listen_only, expected):
    assert list(loopbacks(dataclasses.replace(healthy(), listen_only=listen_only))) == expected


# --- restart ---


def test_a_restart_stops_starts_and_waits():
    plan = plan_restart(with_more_services(healthy(), Service("Billing", "running", 2, ("RasMan",))), Limits(7, 9))
    stop, start, settle = plan.changes
    assert (stop.state, start.state) == ("stopped", "running")
    assert (stop.timeout, start.timeout, settle.timeout) == (7, 7, 9)
    assert set(stop.names) == set(start.names) == {"SstpSvc", "RasMan", "RemoteAccess", "Billing"}
    assert [c["name"] for c in settle.conditions] == list(start.names)
    assert settle.required
    assert plan.restarts


def test_a_restart_of_what_is_stopped_only_starts():
    state = healthy()
    for name in ("RemoteAccess", "RasMan", "SstpSvc"):
        state = with_service(state, name, state="stopped")
    assert kinds(plan_restart(state, Limits())) == ["services", "await"]


# --- administrator mode: RRAS takes the certificate ---

TOLD = administered(healthy())


def viewed(state, **view):
    return dataclasses.replace(state, remote_access=dataclasses.replace(state.remote_access or RemoteAccess(True), **view))


def after_rras_was_told(plan):
    (told,) = changes(plan, SetRemoteAccess)
    return plan.changes[plan.changes.index(told) + 1 :]


def test_a_rotation_through_rras_in_order():
    plan = switch(TOLD)
    assert kinds(plan) == [
        *["hold"] * 10,
        "set_remote_access",
        "services",
        "set_ssl_record",
        "set_ssl_record",
        *["set_registry_value"] * 4,
        "services",
        "await",
        "set_registry_value",
    ]
    assert changes(plan, SetRemoteAccess) == [SetRemoteAccess(NEW.thumbprint)]
    assert plan.restarts


def test_what_rras_may_write_is_kept_in_mind_before_it_is_told():
    held = [hold.of for hold in changes(switch(TOLD), Hold)]
    assert [change.endpoint for change in held if isinstance(change, DeleteRecord)] == [V4, V6]
    names = [change.name for change in held if isinstance(change, DeleteValue)]
    values = ["UseHttps", "isHashConfiguredByAdmin", "ListenerPort"]
    assert names == ["SHA256CertificateHash", "SHA1CertificateHash", *values, "UseHttps", "ListenerPort"]
    assert {change.path for change in held if isinstance(change, DeleteValue)} == {SSTP_KEY, CONFIG_STORE_KEY}


def test_rras_takes_the_certificate_while_it_runs_and_is_started_again_last_of_all_in_an_undo():
    """What it refuses ends no session then; and the services do not come up with half of what they had."""
    plan = switch(TOLD)
    stop = SetServices(("RemoteAccess", "RasMan", "SstpSvc"), "stopped", 120)
    assert plan.changes[0] == Hold(stop)
    assert after_rras_was_told(plan)[0] == Forgotten(stop)
    assert [change for change in changes(plan, SetServices) if change.state == "stopped"] == []


def test_a_record_gets_every_setting_back_after_rras_was_told():
    state = with_records(TOLD, record(V4, OLD.thumbprint, flags=0x80000002, app_id=IIS_APP_ID), record(V6, OLD.thumbprint, check_mode=5))
    whole = [change.record for change in after_rras_was_told(switch(state)) if isinstance(change, SetRecord)]
    assert whole == [record(V4, NEW.thumbprint, flags=0x80000002, app_id=IIS_APP_ID), record(V6, NEW.thumbprint, check_mode=5)]


def test_a_record_that_is_right_already_is_put_right_all_the_same_after_rras_was_told():
    state = with_records(TOLD, *(record(e, NEW.thumbprint) for e in (V4, V6)))
    assert set_records(switch(state)) == [record(V4, NEW.thumbprint), record(V6, NEW.thumbprint)]


def test_a_record_of_a_family_that_is_not_bound_does_not_stay_behind():
    state = with_adapters(with_records(TOLD, record(V4, OLD.thumbprint)), ipv6=False)
    plan = switch(state)
    assert [r.endpoint for r in set_records(plan)] == [V4]
    assert [change.endpoint for change in after_rras_was_told(plan) if isinstance(change, DeleteRecord)] == [V6]


def test_that_the_administrator_has_chosen_is_written_after_rras_was_told():
    assert SetValue(SSTP_KEY, "isHashConfiguredByAdmin", "dword", 1) in after_rras_was_told(switch(healthy(), mode="administrator"))


@pytest.mark.parametrize("state", [viewed(offloading(healthy())), TOLD])
def test_that_the_server_takes_tls_is_written_after_rras_was_told(state):
    assert SetValue(SSTP_KEY, "UseHttps", "dword", 1) in after_rras_was_told(switch(state, mode="administrator"))


@pytest.mark.parametrize(
    ("state", "told"),
    [
        pytest.param(TOLD, False, id="RRAS has it"),
        pytest.param(viewed(TOLD, certificate=NEW.certificate), True, id="RRAS has another one"),
        pytest.param(viewed(TOLD, certificate=None), True, id="RRAS has none"),
        pytest.param(viewed(TOLD, certificate=None, error={"message": "no"}), False, id="RRAS gives no answer"),
        pytest.param(dataclasses.replace(TOLD, remote_access=RemoteAccess(False)), False, id="no cmdlet"),
        pytest.param(dataclasses.replace(TOLD, remote_access=None), False, id="nobody has asked"),
    ],
)
def test_where_all_else_is_right_rras_is_told_what_it_has_otherwise(state, told):
    assert bool(changes(switch(state, OLD), SetRemoteAccess)) is told
    assert not switch(state, OLD, writer="direct")


@pytest.mark.parametrize("state", [administered(healthy(), NEW), viewed(administered(healthy(), NEW), error={"message": "no"})])
def test_where_something_is_wrong_rras_is_told_whatever_it_says(state):
    assert len(changes(switch(state, OLD), SetRemoteAccess)) == 1


def test_in_administrator_mode_hashes_are_not_left_to_the_service():
    plan = switch(TOLD)
    assert [c.name for c in changes(plan, SetValue) if c.path == SSTP_KEY] == [
        "UseHttps", "isHashConfiguredByAdmin", "SHA256CertificateHash", "SHA1CertificateHash"
    ]  # fmt: skip
    assert changes(plan, DeleteValue) == []


# --- administrator mode past RRAS ---


def test_the_direct_writer_changes_only_what_differs():
    state = with_records(with_parameter(TOLD, "SHA1CertificateHash", None), record(V4, NEW.thumbprint), record(V6, OLD.thumbprint))
    plan = switch(state, writer="direct")
    assert [type(change).__name__ for change in plan.changes] == ["SetServices", "SetRecord", "SetValue", "SetServices", "Await", "SetValue"]
    assert [r.endpoint for r in set_records(plan)] == [V6]
    assert changes(plan, SetValue)[0] == SetValue(SSTP_KEY, "SHA256CertificateHash", "binary", NEW.sha256)


def test_the_direct_writer_says_that_the_administrator_has_chosen():
    plan = switch(healthy(), OLD, mode="administrator", writer="direct")
    assert SetValue(SSTP_KEY, "isHashConfiguredByAdmin", "dword", 1) in plan.changes
    assert changes(plan, SetRemoteAccess) == changes(plan, Hold) == set_records(plan) == []


def test_a_writer_has_no_effect_in_automatic_mode():
    assert switch(healthy(), writer="direct") == switch(healthy())


# --- offload ---


def test_into_offload_in_order():
    plan = switch(healthy(), mode="offload")
    steps = [f"{change.path.rpartition(chr(92))[2]} {change.name}" if hasattr(change, "path") else change.describe() for change in plan.changes]
    assert steps == [
        "stop RemoteAccess, RasMan, SstpSvc",
        *(
            f"BeforeOffload {name}"
            for name in ("UseHttps", "isHashConfiguredByAdmin", "ListenerPort", "ConfigStore.ListenerPort", "SHA1CertificateHash", "mode")
        ),
        "Parameters UseHttps",
        "Parameters isHashConfiguredByAdmin",
        "ConfigStore UseHttps",
        "Parameters SHA256CertificateHash",
        "Parameters SHA1CertificateHash",
        "start SstpSvc, RasMan, RemoteAccess",
        plan.changes[-1].describe(),
    ]
    assert changes(plan, DeleteValue) == [DeleteValue(SSTP_KEY, "SHA1CertificateHash")]


def test_in_offload_a_hash_is_enough():
    plan = plan_rotation(offloading(healthy()), Wanted(None, NEW.sha256))
    assert changes(plan, SetValue) == [SetValue(SSTP_KEY, "SHA256CertificateHash", "binary", NEW.sha256)]
    assert plan.restarts


def test_in_offload_the_services_and_the_hash_are_waited_for_and_no_tls():
    (settled,) = changes(plan_rotation(offloading(healthy()), Wanted(None, NEW.sha256)), Await)
    assert [c["kind"] for c in settled.conditions] == ["service", "service", "service", "registry_value"]
    assert settled.required


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(offloading(healthy()), id="right"),
        pytest.param(with_records(offloading(healthy())), id="without records"),
        pytest.param(with_records(offloading(healthy()), record(V4, NEW.thumbprint, app_id=IIS_APP_ID)), id="with a record of IIS"),
    ],
)
def test_in_offload_the_right_hash_is_nothing_to_do(state):
    assert not plan_rotation(state, Wanted(None, OLD.sha256))


def test_in_offload_a_hash_of_sha1_goes():
    plan = plan_rotation(with_sha1(offloading(healthy()), OLD.thumbprint), Wanted(OLD.certificate))
    assert [change for change in plan.changes if not isinstance(change, SetServices | Await)] == [DeleteValue(SSTP_KEY, "SHA1CertificateHash")]


def test_in_offload_nothing_is_a_predecessor_of_what_another_device_serves():
    assert noted(switch(healthy(), mode="offload")) == []


def test_out_of_offload_the_service_derives_the_hash():
    plan = switch(offloading(healthy()), mode="automatic")
    assert SetValue(SSTP_KEY, "UseHttps", "dword", 1) in plan.changes
    assert DeleteValue(SSTP_KEY, "SHA256CertificateHash") in plan.changes
    assert [r.endpoint for r in set_records(plan)] == [V4, V6]


def test_out_of_offload_the_note_goes_in_the_same_transaction():
    state = dataclasses.replace(offloading(healthy()), before_offload={"mode": RegistryValue("string", "automatic")})
    assert DeleteValue(BEFORE_OFFLOAD_KEY, "mode") in switch(state, mode="automatic").changes


def test_values_of_the_mode_are_written_while_the_services_are_stopped():
    plan = switch(offloading(healthy()), mode="automatic")
    stop, *_rest, start = (plan.changes.index(change) for change in unguarded(plan, SetServices))
    assert all(stop < plan.changes.index(c) < start for c in changes(plan, SetValue) if c.name == "UseHttps")


# --- another port ---


def test_the_pair_of_the_new_port_is_made_and_the_old_one_stays():
    state = dataclasses.replace(healthy(), port=8443, ports=(8443,), served=())
    plan = switch(state, OLD, listener_port=8443)
    assert [str(r.endpoint) for r in set_records(plan)] == ["0.0.0.0:8443", "[::]:8443"]
    assert changes(plan, DeleteRecord) == []
    assert SetValue(SSTP_KEY, "ListenerPort", "dword", 8443) in plan.changes


# --- records that share the certificate ---

EXACT = Endpoint("ip", "203.0.113.5", 443)
SITE = Endpoint("sni", "0.0.0.0", 443, "www.example.com")


@pytest.mark.parametrize(
    ("shared", "follows"),
    [
        pytest.param(record(EXACT, OLD.thumbprint), True, id="of one address"),
        pytest.param(record(SITE, OLD.thumbprint), True, id="of a host name"),
        pytest.param(record(SITE, OTHER.thumbprint), True, id="with a certificate that SSTP had before"),
        pytest.param(record(SITE, NO_SUCH_THUMBPRINT), False, id="with a certificate of its own"),
        pytest.param(record(SITE, NEW.thumbprint), False, id="with the new one already"),
        pytest.param(record(Endpoint("ccs", "0.0.0.0", 443), OLD.thumbprint), False, id="of the central store"),
        pytest.param(record(dataclasses.replace(SITE, port=8443), OLD.thumbprint), False, id="of another port"),
    ],
)
def test_a_record_with_the_certificate_of_sstp_follows_it(shared, follows):
    state = dataclasses.replace(with_more_records(healthy(), shared), predecessors={OTHER.thumbprint: "2026-02-01T00:00:00Z"})
    assert (shared.endpoint in [r.endpoint for r in set_records(switch(state, shared_records=True))]) is follows
    assert shared.endpoint not in [r.endpoint for r in set_records(switch(state))]


def test_a_record_that_follows_keeps_all_else():
    shared = record(SITE, OLD.thumbprint, app_id=IIS_APP_ID, flags=0x80000002, certificate_store_name="WebHosting")
    plan = switch(with_more_records(healthy(), shared), shared_records=True)
    assert set_records(plan)[2:] == [dataclasses.replace(shared, certificate_hash=NEW.thumbprint, certificate_store_name="MY")]


def test_a_record_that_was_forgotten_is_enough_to_do():
    state = dataclasses.replace(with_more_records(healthy(), record(SITE, NEW.thumbprint)), predecessors={NEW.thumbprint: "2026-02-01T00:00:00Z"})
    assert [r.endpoint for r in set_records(switch(state, OLD, shared_records=True))] == [SITE]
    assert not switch(state, OLD)


def test_a_record_that_has_the_certificate_from_another_store_keeps_it_from_there():
    state = with_more_records(healthy(), record(SITE, OLD.thumbprint, certificate_store_name="WebHosting"))
    assert not switch(state, OLD, shared_records=True)


def test_in_offload_no_record_follows():
    assert set_records(switch(with_more_records(healthy(), record(SITE, OLD.thumbprint)), mode="offload", shared_records=True)) == []


def test_records_that_follow_are_put_right_after_rras_was_told():
    plan = switch(with_more_records(TOLD, record(SITE, OLD.thumbprint)), shared_records=True)
    assert SITE in [change.record.endpoint for change in after_rras_was_told(plan) if isinstance(change, SetRecord)]


def test_records_without_a_certificate_share_none():
    state = with_records(healthy(), record(V4, ""), record(V6, OLD.thumbprint), record(EXACT, "", flags=0x8))
    assert sharing(state) == ()


# --- a family that is not bound ---


def test_no_record_is_made_for_a_family_that_is_not_bound():
    state = with_adapters(with_records(healthy(), record(V4, OLD.thumbprint)), ipv6=False)
    assert [r.endpoint for r in set_records(switch(state))] == [V4]
    assert not switch(state, OLD)


def test_a_record_of_a_family_that_is_not_bound_is_rotated_with_the_other():
    assert [r.endpoint for r in set_records(switch(with_adapters(healthy(), ipv6=False)))] == [V4, V6]


def test_a_family_that_is_not_bound_is_not_looked_at_on_loopback():
    state = with_adapters(with_records(healthy(), record(V4, OLD.thumbprint)), ipv6=False)
    assert list(loopbacks(state)) == [LOOPBACK_V4]
