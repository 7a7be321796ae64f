# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The three modes: which one is meant, the port that comes with it, the values that change, and what a mode was told from."""

from __future__ import annotations

import dataclasses

import certificate_factory
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.changes import DeleteValue, SetValue
from ansible_collections.rras.sstp.plugins.plugin_utils.modes import (
    MODES,
    dword,
    in_force,
    is_in_step,
    mode_changes,
    mode_evidence,
    port_after,
    target_mode,
    value_changes,
)
from ansible_collections.rras.sstp.plugins.plugin_utils.names import BEFORE_OFFLOAD_KEY, CONFIG_STORE_KEY, SSTP_KEY
from ansible_collections.rras.sstp.plugins.plugin_utils.plan import Wanted, plan_rotation
from ansible_collections.rras.sstp.plugins.plugin_utils.rotation import predict
from ansible_collections.rras.sstp.plugins.plugin_utils.state import RegistryValue, RemoteAccess
from host_factory import administered, healthy, offloading, with_parameter

OLD = certificate_factory.old()
AUTOMATIC, ADMINISTRATOR, OFFLOAD = "automatic", "administrator", "offload"
STATES = {AUTOMATIC: healthy(), ADMINISTRATOR: administered(healthy()), OFFLOAD: offloading(healthy())}


def noted(state, **values):
    """The state with such a note of what was there before offload; what is not named was absent."""
    note = {"mode": RegistryValue("string", values.pop("mode", "automatic"))}
    return dataclasses.replace(state, before_offload={**note, **{name.replace("_", "."): value for name, value in values.items()}})


def with_config(state, **values):
    """The state with exactly these numbers in ConfigStore."""
    return dataclasses.replace(state, config_store={name: dword(value) for name, value in values.items()})


def without_config(state):
    return dataclasses.replace(state, config_store=None)


def with_port(state, port):
    return with_parameter(state, "ListenerPort", None if port is None else dword(port))


def changed(state, target, listener_port=None):
    """path -> value name -> the number or text that it becomes, None for one that goes."""
    keys = {SSTP_KEY: "parameters", CONFIG_STORE_KEY: "config", BEFORE_OFFLOAD_KEY: "note"}
    result = {}
    for change in mode_changes(state, target, listener_port):
        result.setdefault(keys[change.path], {})[change.name] = None if isinstance(change, DeleteValue) else change.data
    return result


# --- single values ---


@pytest.mark.parametrize(
    ("wanted", "changes"),
    [
        pytest.param({"UseHttps": dword(1)}, [], id="so already"),
        pytest.param({"USEHTTPS": dword(1)}, [], id="so already, in another spelling"),
        pytest.param({"UseHttps": dword(0)}, [SetValue(SSTP_KEY, "UseHttps", "dword", 0)], id="another number"),
        pytest.param({"UseHttps": RegistryValue("qword", 1)}, [SetValue(SSTP_KEY, "UseHttps", "qword", 1)], id="another type"),
        pytest.param({"UseHttps": None}, [DeleteValue(SSTP_KEY, "UseHttps")], id="to be absent"),
        pytest.param({"NoSuchValue": None}, [], id="absent already"),
        pytest.param({"NoSuchValue": dword(1)}, [SetValue(SSTP_KEY, "NoSuchValue", "dword", 1)], id="not there yet"),
    ],
)
def test_a_value_is_changed_where_it_differs(wanted, changes):
    assert value_changes(healthy(), SSTP_KEY, wanted) == changes


# --- which mode ---


@pytest.mark.parametrize("found", STATES)
@pytest.mark.parametrize("mode", MODES)
def test_the_target_is_the_mode_that_is_named_or_the_one_that_is_there(found, mode):
    assert target_mode(STATES[found], mode) == (found if mode == "as_found" else mode)


# --- which port ---


@pytest.mark.parametrize(
    ("state", "target", "listener_port", "port"),
    [
        pytest.param(healthy(), AUTOMATIC, 8443, 8443, id="the one that is asked for"),
        pytest.param(noted(offloading(healthy()), ListenerPort=dword(8443)), AUTOMATIC, 9443, 9443, id="the one that is asked for, not the noted one"),
        pytest.param(with_port(healthy(), 8443), AUTOMATIC, None, 8443, id="within HTTPS it stays"),
        pytest.param(with_port(healthy(), 0), ADMINISTRATOR, None, 443, id="0 is 443 with HTTPS"),
        pytest.param(with_port(healthy(), None), ADMINISTRATOR, None, 443, id="none is 443 with HTTPS"),
        pytest.param(with_port(healthy(), 8443), OFFLOAD, None, 8443, id="into offload it stays"),
        pytest.param(with_port(offloading(healthy()), 8080), OFFLOAD, None, 8080, id="within offload it stays"),
        pytest.param(with_port(offloading(healthy()), None), OFFLOAD, None, 80, id="none is 80 with plain HTTP"),
        pytest.param(noted(offloading(healthy()), ListenerPort=dword(8443)), AUTOMATIC, None, 8443, id="out of offload the noted one"),
        pytest.param(noted(offloading(healthy())), ADMINISTRATOR, None, 443, id="out of offload, where there was none"),
        pytest.param(noted(offloading(healthy()), ListenerPort=dword(0)), AUTOMATIC, None, 443, id="out of offload, where it was 0"),
        pytest.param(noted(offloading(healthy()), ListenerPort=RegistryValue("string", "8443")), AUTOMATIC, None, 443, id="out of offload, no number"),
        pytest.param(with_port(offloading(healthy()), 80), AUTOMATIC, None, 443, id="out of offload without a note, from 80"),
        pytest.param(with_port(offloading(healthy()), None), AUTOMATIC, None, 443, id="out of offload without a note, from the default"),
        pytest.param(with_port(offloading(healthy()), 8443), AUTOMATIC, None, 8443, id="out of offload without a note, from another"),
    ],
)
def test_the_port_after_a_rotation(state, target, listener_port, port):
    assert port_after(state, target, listener_port) == port


# --- no other mode, no other port ---


@pytest.mark.parametrize("mode", STATES)
def test_nothing_changes_where_the_mode_stays(mode):
    assert mode_changes(STATES[mode], mode, None) == []


@pytest.mark.parametrize("mode", STATES)
def test_nothing_changes_where_the_port_is_the_one_that_is_asked_for(mode):
    assert mode_changes(STATES[mode], mode, 443) == []


# --- between automatic and administrator ---


def test_into_administrator_mode_nothing_is_written_before_the_certificate():
    assert changed(healthy(), ADMINISTRATOR) == {}


def test_out_of_administrator_mode_the_service_chooses_again():
    assert changed(administered(healthy()), AUTOMATIC) == {"parameters": {"isHashConfiguredByAdmin": 0}}


# --- another port ---


@pytest.mark.parametrize("mode", STATES)
def test_another_port_is_written_in_both_places(mode):
    assert changed(STATES[mode], mode, 8443) == {"parameters": {"ListenerPort": 8443}, "config": {"ListenerPort": 8443}}


def test_no_subkey_is_made_for_another_port():
    assert changed(without_config(healthy()), AUTOMATIC, 8443) == {"parameters": {"ListenerPort": 8443}}


def test_a_port_that_the_subkey_does_not_have_is_written_there():
    assert changed(with_config(healthy()), AUTOMATIC, 8443) == {"parameters": {"ListenerPort": 8443}, "config": {"ListenerPort": 8443}}


def test_a_port_that_only_the_subkey_has_otherwise_is_written_there_alone():
    assert changed(with_config(healthy(), ListenerPort=8443), AUTOMATIC, 443) == {"config": {"ListenerPort": 443}}


@pytest.mark.parametrize(("target", "listener_port"), [(AUTOMATIC, 443), (OFFLOAD, 80)])
def test_a_port_that_is_the_default_of_the_mode_is_not_written(target, listener_port):
    state = with_config(with_port(STATES[target], None))
    assert changed(state, target, listener_port) == {}


# --- into offload ---


def test_into_offload():
    assert changed(with_config(healthy(), ListenerPort=443, UseHttps=1), OFFLOAD) == {
        "note": {
            "UseHttps": 1,
            "isHashConfiguredByAdmin": 0,
            "ListenerPort": 443,
            "ConfigStore.UseHttps": 1,
            "ConfigStore.ListenerPort": 443,
            "SHA1CertificateHash": OLD.thumbprint,
            "mode": "automatic",
        },
        "parameters": {"UseHttps": 0, "isHashConfiguredByAdmin": 1},
        "config": {"UseHttps": 0},
    }


def test_into_offload_what_was_absent_is_not_in_the_note():
    bare = without_config(with_port(healthy(), None))
    for name in ("UseHttps", "isHashConfiguredByAdmin", "SHA1CertificateHash"):
        bare = with_parameter(bare, name, None)
    assert changed(bare, OFFLOAD)["note"] == {"mode": "automatic"}


def test_into_offload_the_note_says_which_mode_it_was():
    assert changed(administered(healthy()), OFFLOAD)["note"]["mode"] == "administrator"


def test_into_offload_what_the_administrator_has_chosen_already_is_not_written_again():
    assert changed(administered(healthy()), OFFLOAD)["parameters"] == {"UseHttps": 0}


def test_into_offload_an_older_note_is_written_over():
    state = noted(with_port(healthy(), None), ListenerPort=dword(9443), UseHttps=dword(1))
    assert changed(state, OFFLOAD)["note"].get("ListenerPort", "kept") is None


def test_into_offload_a_subkey_that_says_nothing_is_told():
    assert changed(with_config(healthy()), OFFLOAD)["config"] == {"UseHttps": 0}


def test_into_offload_no_subkey_is_made():
    assert "config" not in changed(without_config(healthy()), OFFLOAD)


def test_into_offload_the_note_comes_first():
    paths = [change.path for change in mode_changes(healthy(), OFFLOAD, None)]
    assert paths == sorted(paths, key=[BEFORE_OFFLOAD_KEY, SSTP_KEY, CONFIG_STORE_KEY].index)


def test_into_offload_on_another_port():
    found = changed(healthy(), OFFLOAD, 80)
    assert (found["parameters"]["ListenerPort"], found["config"]["ListenerPort"]) == (80, 80)


@pytest.mark.parametrize("port", [None, 0])
def test_into_offload_the_default_port_stays(port):
    state, wanted = with_port(healthy(), port), Wanted(None, sha256=OLD.sha256, mode=OFFLOAD)
    assert predict(state, plan_rotation(state, wanted), wanted).listener_port == port_after(state, OFFLOAD, None)


# --- within offload ---


def test_within_offload_no_note_is_made():
    assert changed(with_config(offloading(healthy()), UseHttps=1, ListenerPort=443), OFFLOAD) == {"config": {"UseHttps": 0}}


def test_within_offload_a_hash_that_the_service_may_choose_is_kept():
    state = with_parameter(offloading(healthy()), "isHashConfiguredByAdmin", dword(0))
    assert changed(state, OFFLOAD) == {"parameters": {"isHashConfiguredByAdmin": 1}}


def test_within_offload_the_subkey_follows_the_port():
    assert changed(with_config(offloading(healthy()), ListenerPort=8443), OFFLOAD) == {"config": {"ListenerPort": 443}}


# --- out of offload ---


@pytest.mark.parametrize("target", [AUTOMATIC, ADMINISTRATOR])
def test_out_of_offload_all_is_as_it_was_noted_and_the_note_goes(target):
    before = with_config(administered(with_port(healthy(), 8443)) if target == ADMINISTRATOR else with_port(healthy(), 8443), UseHttps=1, ListenerPort=8443)
    into = Wanted(None, sha256=OLD.sha256, mode=OFFLOAD, listener_port=80)
    state = predict(before, plan_rotation(before, into), into)
    assert (state.mode, state.listener_port, bool(state.before_offload)) == (OFFLOAD, 80, True)
    after = predict(state, plan_rotation(state, Wanted(OLD.certificate, mode=target)), Wanted(OLD.certificate, mode=target))
    assert (after.mode, after.listener_port) == (target, 8443)
    assert (after.config_store, after.before_offload) == (before.config_store, {})


def test_out_of_offload_what_was_absent_goes():
    state = noted(with_config(offloading(healthy()), UseHttps=0, ListenerPort=80))
    assert changed(state, AUTOMATIC) == {
        "note": {"mode": None},
        "parameters": {"UseHttps": None, "ListenerPort": None, "isHashConfiguredByAdmin": None},
        "config": {"UseHttps": None, "ListenerPort": None},
    }


@pytest.mark.parametrize(
    ("was", "becomes"),
    [(dword(1), 0), (dword(0), 0), (RegistryValue("string", "odd"), "odd")],
    ids=["chosen by the administrator", "chosen by the service", "neither"],
)
def test_out_of_offload_into_automatic_mode_the_service_chooses(was, becomes):
    state = noted(offloading(healthy()), UseHttps=dword(1), ListenerPort=dword(443), isHashConfiguredByAdmin=was)
    assert changed(state, AUTOMATIC)["parameters"]["isHashConfiguredByAdmin"] == becomes


def test_out_of_offload_into_administrator_mode_the_administrator_still_chooses():
    state = noted(offloading(healthy()), UseHttps=dword(1), ListenerPort=dword(443), isHashConfiguredByAdmin=dword(0))
    assert changed(state, ADMINISTRATOR)["parameters"] == {"UseHttps": 1}


def test_out_of_offload_on_another_port_than_the_noted_one():
    state = noted(with_port(offloading(healthy()), 80), UseHttps=dword(1), ListenerPort=dword(8443), ConfigStore_ListenerPort=dword(8443))
    found = changed(state, AUTOMATIC, 9443)
    assert (found["parameters"]["ListenerPort"], found["config"]["ListenerPort"]) == (9443, 9443)


@pytest.mark.parametrize("port", [443, None])
def test_out_of_offload_on_the_port_that_it_has_there(port):
    state = noted(with_port(offloading(healthy()), port), UseHttps=dword(1), ListenerPort=dword(8443))
    wanted = Wanted(OLD.certificate, mode=AUTOMATIC, listener_port=443)
    assert predict(state, plan_rotation(state, wanted), wanted).listener_port == 443


# --- out of offload, where nobody has noted anything ---


def test_out_of_offload_without_a_note_is_https_on_the_same_port():
    state = with_config(with_port(offloading(healthy()), 8443), UseHttps=0, ListenerPort=8443)
    assert changed(state, AUTOMATIC) == {"parameters": {"UseHttps": 1, "isHashConfiguredByAdmin": 0}, "config": {"UseHttps": 1}}


def test_out_of_offload_without_a_note_plain_http_becomes_443():
    state = with_config(with_port(offloading(healthy()), 80), UseHttps=0, ListenerPort=80)
    assert changed(state, ADMINISTRATOR) == {"parameters": {"UseHttps": 1, "ListenerPort": 443}, "config": {"UseHttps": 1, "ListenerPort": 443}}


def test_out_of_offload_without_a_note_no_port_is_written_where_there_was_none():
    assert "ListenerPort" not in changed(with_port(offloading(healthy()), None), AUTOMATIC)["parameters"]


def test_what_is_noted_without_the_mode_is_no_note():
    state = dataclasses.replace(offloading(healthy()), before_offload={"ListenerPort": dword(8443)})
    assert port_after(state, AUTOMATIC, None) == 443
    assert changed(state, AUTOMATIC)["note"] == {"ListenerPort": None}


# --- ConfigStore ---


@pytest.mark.parametrize(
    ("name", "found", "wanted", "in_step"),
    [
        pytest.param("UseHttps", None, 1, True, id="says nothing"),
        pytest.param("UseHttps", dword(1), 1, True, id="says the same"),
        pytest.param("UseHttps", dword(0), 1, False, id="says something else"),
        pytest.param("UseHttps", RegistryValue("string", "1"), 1, False, id="says it as text"),
        pytest.param("ListenerPort", dword(8443), 8443, True, id="the same port"),
        pytest.param("ListenerPort", dword(443), 8443, False, id="another port"),
        pytest.param("ListenerPort", dword(0), 443, True, id="the default"),
        pytest.param("ListenerPort", dword(0), 8443, False, id="the default, where another is meant"),
        pytest.param("ListenerPort", RegistryValue("string", "443"), 443, False, id="the port as text"),
        pytest.param("ListenerPort", dword(443), 80, False, id="80, where the server takes TLS"),
        pytest.param("UseHttps", dword(0), 80, False, id="80 is a port of ListenerPort only"),
    ],
)
def test_is_the_subkey_in_step(name, found, wanted, in_step):
    state = dataclasses.replace(healthy(), config_store={} if found is None else {name: found})
    assert is_in_step(state, name, dword(wanted)) is in_step


def test_without_the_subkey_nothing_is_out_of_step():
    assert is_in_step(without_config(healthy()), "UseHttps", dword(0))


@pytest.mark.parametrize(("state", "use_https"), [(healthy(), 1), (administered(healthy()), 1), (offloading(healthy()), 0)])
def test_what_is_in_force(state, use_https):
    assert in_force(with_port(state, 8443)) == {"UseHttps": dword(use_https), "ListenerPort": dword(8443)}


# --- what a mode was told from ---


def test_a_mode_is_told_from_the_registry():
    assert mode_evidence(healthy()) == ["UseHttps is 1", "isHashConfiguredByAdmin is 0"]


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "UseHttps is absent"), (RegistryValue("string", "0"), "UseHttps is a value of type string")],
)
def test_a_value_that_is_no_number_tells_little(value, words):
    assert mode_evidence(with_parameter(healthy(), "UseHttps", value))[0] == words


@pytest.mark.parametrize(
    ("view", "words"),
    [
        pytest.param(RemoteAccess(False), "there is no Get-RemoteAccess on this host", id="no cmdlet"),
        pytest.param(RemoteAccess(True, error={"message": "no service"}), "Get-RemoteAccess fails: no service", id="an error"),
        pytest.param(RemoteAccess(True), "Get-RemoteAccess names no certificate", id="no certificate"),
        pytest.param(RemoteAccess(True, OLD.certificate), f"Get-RemoteAccess names the certificate {OLD.thumbprint}", id="a certificate"),
        pytest.param(RemoteAccess(True, None, use_http=True), "Get-RemoteAccess names no certificate, and uses HTTP", id="HTTP"),
        pytest.param(RemoteAccess(True, None, use_http=False), "Get-RemoteAccess names no certificate, and does not use HTTP", id="HTTPS"),
    ],
)
def test_what_rras_itself_says_is_told_as_well(view, words):
    assert mode_evidence(dataclasses.replace(healthy(), remote_access=view))[2:] == [words]
