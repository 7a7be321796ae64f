# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts and options that look like commands, templates or something else than they are: carried exactly, or refused in one sentence."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from host_states import HEALTHY, Example, opened_once, placed
from hostile import LOOK_ALIKES, TEXTS, is_one_line
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lab import judge
from lab.agent import SSTPSVC, Record
from lab.pki import Issued
from lab.raw_state import as_found
from lab.sim.errors import Killed
from lab.sim.host import SimHost
from scenario_driver import (
    PASSWORD,
    Driver,
    SstpError,
    audit_action,
    binding_action,
    certificate_action,
    hash_action,
    info_action,
    restore_action,
    rotate_action,
)

Change = Callable[[SimHost], None]
Issues = dict[str, Issued]
PRODUCT = r"SOFTWARE\rras.sstp"
JOURNAL, PREDECESSORS, BEFORE_OFFLOAD = (f"{PRODUCT}\\{name}" for name in ("Journal", "Predecessors", "BeforeOffload"))
EXAMPLE = Example(HEALTHY)
MEGABYTES = 10 * 1024 * 1024


@pytest.fixture(autouse=True, scope="module")
def quickly() -> Iterator[None]:
    with opened_once():
        yield


@pytest.fixture
def site() -> Iterator[tuple[SimHost, Issues]]:
    """A server that works with the certificate old; new is to be had."""
    with placed(EXAMPLE) as (host, issued):
        yield host, issued


def put_everywhere(host: SimHost, text: str, issued: Issues) -> None:
    """The text in each place of a server where there can be one, and SSTP works all the same."""
    old = issued["old"].thumbprint
    host.agent.set_value(SSTPSVC, text, text)
    host.agent.set_value(SSTPSVC, "ServerURI", text)
    host.agent.set_value(SSTPSVC + r"\ConfigStore", text, [text])
    host.agent.name_certificate(old, text)
    for record in host.agent.records():
        host.agent.delete_record(record.family, record.endpoint)
    host.bind(old, ctl_identifier=text, ctl_store=text)
    host.agent.set_record(Record("sni", f"{text[:200]}:443", old, ctl_identifier=text))
    host.agent.create_service(text.replace("\\", ""), 3, ["SstpSvc"])
    host.agent.set_value(PREDECESSORS, text, text)


def rotate(host: SimHost, issued: Issues, **options: Any) -> dict[str, Any]:
    """Import and switch, as a playbook does, with the result of the switch as it is after JSON."""
    driver = Driver(host.call)
    driver._stage({"pfx": pfx_of(issued["new"]), "pfx_password": PASSWORD})
    return through_json(perform(driver, rotate_action, thumbprint=issued["new"].thumbprint, **options))


def perform(driver: Driver | SimHost, module: ModuleType, **options: Any) -> dict[str, Any]:
    return (driver if isinstance(driver, Driver) else Driver(driver.call)).perform(module, **options)


def pfx_of(issued: Issued) -> str:
    return base64.b64encode(issued.pfx(PASSWORD)).decode()


def through_json(result: dict[str, Any]) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(json.dumps(result))
    return read


def told(state: dict[str, Any]) -> list[str]:
    """Every sentence and phrase of a result that people read."""
    return [*state.get("plan", ()), *state.get("advice", ())]


def refused(host: SimHost, module: ModuleType, **options: Any) -> str:
    """The sentence of a module that must refuse, and touch nothing."""
    before = host.state()
    with pytest.raises(SstpError) as error:
        perform(host, module, **options)
    assert host.state() == before
    assert is_one_line(str(error.value))
    assert len(str(error.value)) < 3000
    return str(error.value)


# --- texts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_text_is_told_kept_and_put_back_as_it_is(site: tuple[SimHost, Issues], text: str) -> None:
    host, issued = site
    put_everywhere(host, text, issued)
    before = host.state()
    server = perform(host, info_action)["server"]
    assert (server["parameters"][text], server["config_store"][text]) == (text, [text])
    assert [item["friendly_name"] for item in server["certificates"]] == [text]
    assert {(item["ctl_identifier"], item["ctl_store_name"]) for item in server["bindings"] if item["family"] == "ip"} == {(text, text)}

    result = rotate(host, issued, shared_records=True)
    after = host.state()
    assert judge.working(after) == []
    assert {item["hash"] for item in after["http"]} == {issued["new"].thumbprint}
    assert [{**item, "hash": ""} for item in after["http"]] == [{**item, "hash": ""} for item in before["http"]]
    assert all(is_one_line(phrase) for phrase in told(result))

    back = through_json(perform(host, restore_action, snapshot=result["snapshot"]))
    assert all(is_one_line(phrase) for phrase in told(back))
    changed = {name for name, item in as_found(host.state()).items() if item != as_found(before)[name]}
    assert changed == {"certificates", "containers"}, "the new certificate is there, and all else is as it was"


texts = st.text(st.characters(exclude_characters="\\\0", exclude_categories=["Cs"]), min_size=1, max_size=40)


@settings(max_examples=150, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=texts, index=st.integers(0, 8), fails=st.booleans())
def test_any_text_is_put_back_when_a_rotation_fails_or_is_killed(text: str, index: int, fails: bool) -> None:
    with placed(EXAMPLE) as (host, issued):
        put_everywhere(host, text, issued)
        driver = Driver(host.call)
        driver._stage({"pfx": pfx_of(issued["new"]), "pfx_password": PASSWORD})
        before = as_found(host.state())
        if fails:
            host.agent.fault("StartService", 5)
            with pytest.raises(SstpError, match="everything done before it was undone") as error:
                perform(driver, rotate_action, thumbprint=issued["new"].thumbprint)
            assert is_one_line(str(error.value))
        else:
            host.machine.faults.plan("made", index=index)
            killed = False
            try:
                perform(driver, rotate_action, thumbprint=issued["new"].thumbprint)
            except Killed:
                killed = True
            if not killed:
                return
            assert host.call({"operation": "apply", "recover": True})["outcome"] == "recovered"
        assert as_found(host.state()) == before


def test_names_that_look_like_our_own_are_others(site: tuple[SimHost, Issues]) -> None:
    host, issued = site
    for name in LOOK_ALIKES:
        host.agent.set_value(SSTPSVC, name, 0)
    assert perform(host, info_action)["server"]["mode"] == "automatic"
    rotate(host, issued)
    assert judge.working(host.state()) == []
    assert [host.agent.value(SSTPSVC, name) for name in LOOK_ALIKES] == [0] * len(LOOK_ALIKES)


# --- values of any type -----------------------------------------------------------------------------------------------

VALUES: dict[str, tuple[str, Any]] = {
    "an odd number of bytes": ("binary", b"x" * 31),
    "no bytes": ("binary", b""),
    "REG_NONE": ("none", b"\x00\xff"),
    "several texts": ("multistring", ["a|b", "", "c"]),
    "a number of 64 bits": ("qword", (1 << 63) - 1),
    "to be expanded": ("expandstring", "%SystemRoot%"),
    "the longest that is told": ("binary", b"x" * 2048),
    **{name: ("string", text) for name, text in TEXTS.items()},
}  # fmt: skip
UNTOLD: dict[str, tuple[str, Any]] = {
    "10 MB of bytes": ("binary", b"\x5a" * MEGABYTES),
    "10 MB of text": ("string", "x" * MEGABYTES),
    "10 MB of texts": ("multistring", ["x" * 1024] * (10 * 1024)),
    "one byte too long": ("binary", b"x" * 2049),
    "of a type that .NET does not know": ("unknown", b"\x00\x00\x01\xbb"),
    "a number of 32 bits with 20 bytes": ("dword", b"x" * 20),
}


def place(host: SimHost, name: str, kind: str, data: Any, path: str = SSTPSVC) -> None:
    host.machine.registry.set(path, name, kind, data)


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("name", ["SHA256CertificateHash", "SHA1CertificateHash"])
def test_a_hash_of_any_type_is_healed_or_put_back_exactly(site: tuple[SimHost, Issues], name: str, value: tuple[str, Any]) -> None:
    host, issued = site
    place(host, name, *value)
    driver = Driver(host.call)
    driver._stage({"pfx": pfx_of(issued["new"]), "pfx_password": PASSWORD})
    before = as_found(host.state())
    host.agent.fault("StartService", 5)
    with pytest.raises(SstpError, match="everything done before it was undone"):
        perform(driver, rotate_action, thumbprint=issued["new"].thumbprint)
    assert as_found(host.state()) == before

    snapshot = through_json(perform(driver, rotate_action, thumbprint=issued["new"].thumbprint))["snapshot"]
    assert judge.working(host.state()) == []
    perform(driver, restore_action, snapshot=snapshot)
    assert host.state()["sstpsvc"] == before["sstpsvc"]


@pytest.mark.parametrize("value", UNTOLD.values(), ids=UNTOLD)
@pytest.mark.parametrize("name", ["SHA256CertificateHash", "SHA1CertificateHash"])
def test_what_could_not_be_put_back_is_not_changed(site: tuple[SimHost, Issues], name: str, value: tuple[str, Any]) -> None:
    host, issued = site
    place(host, name, *value)
    facts = host.call({"operation": "observe"})["facts"]
    assert len(json.dumps(facts)) < 40_000
    assert facts["sstp"]["parameters"][name]["data"] is None
    host.keep(issued["new"])
    new = issued["new"].thumbprint
    words = f"The registry value {name} (HKLM\\{SSTPSVC}) ({value[0]}, "
    assert refused(host, rotate_action, thumbprint=new).startswith(words)
    audit = perform(host, audit_action, thumbprint=new)
    assert audit["candidate"]["refusal"].startswith(words)
    assert refused(host, hash_action, state="absent").startswith(words)
    wanted = {"SHA256CertificateHash": {"sha256": issued["new"].sha256}, "SHA1CertificateHash": {"sha1": new}}[name]
    assert refused(host, hash_action, state="present", **wanted).startswith(words)


@pytest.mark.parametrize("value", UNTOLD.values(), ids=UNTOLD)
def test_the_back_end_makes_no_change_that_it_could_not_take_back(site: tuple[SimHost, Issues], value: tuple[str, Any]) -> None:
    host, _issued = site
    place(host, "UseHttps", *value)
    before = host.state()
    for change in (
        {"kind": "delete_registry_value", "path": SSTPSVC, "name": "UseHttps"},
        {"kind": "set_registry_value", "path": SSTPSVC, "name": "UseHttps", "value_kind": "dword", "data": 1},
        {"kind": "hold", "of": {"kind": "delete_registry_value", "path": SSTPSVC, "name": "UseHttps"}},
    ):
        answer = host.call({"operation": "apply", "changes": [change]})
        assert (answer["outcome"], answer["changed"]) == ("failed", False)
        assert answer["failure"]["error"]["message"] == "The value UseHttps is too long, or of a type that cannot be put back."
        assert host.state() == before


@pytest.mark.parametrize("value", UNTOLD.values(), ids=UNTOLD)
def test_what_is_nobody_s_business_stays(site: tuple[SimHost, Issues], value: tuple[str, Any]) -> None:
    host, issued = site
    for path in (SSTPSVC, SSTPSVC + r"\ConfigStore", PREDECESSORS):
        place(host, "of another", *value, path=path)
    perform(host, info_action)
    rotate(host, issued)
    state = host.state()
    assert judge.working(state) == []
    found = host.machine.registry.get(SSTPSVC, "of another")
    assert found is not None
    assert (found.kind, found.data) == value


def test_a_long_value_that_changes_is_a_conflict(site: tuple[SimHost, Issues]) -> None:
    host, _issued = site
    place(host, "of another", "binary", b"x" * MEGABYTES)
    seen = host.call({"operation": "observe"})["state_id"]
    place(host, "of another", "binary", b"x" * (MEGABYTES + 1))
    assert host.call({"operation": "observe"})["state_id"] != seen


PORTS: dict[str, tuple[str, Any]] = {
    "a template": ("string", "{{ 7*7 }}"), "a text": ("string", "443"), "10 MB": ("binary", b"x" * MEGABYTES), "0": ("dword", 0),
}  # fmt: skip


@pytest.mark.parametrize("port", PORTS.values(), ids=PORTS)
def test_a_port_that_is_none_is_the_usual_one(site: tuple[SimHost, Issues], port: tuple[str, Any]) -> None:
    host, issued = site
    place(host, "ListenerPort", *port)
    assert perform(host, info_action)["server"]["port"] == 443
    rotate(host, issued)
    assert judge.working({**host.state(), "port": 443}) == []


# --- the product's own keys -------------------------------------------------------------------------------------------

ENTRIES: dict[str, tuple[str, Any]] = {
    "no JSON": ("string", "{{ 7*7 }}"),
    "a list": ("string", "[1]"),
    "null": ("string", "null"),
    "a number": ("string", "443"),
    "a text": ("string", '"set_ssl_record"'),
    "nothing": ("string", ""),
    "no kind": ("string", "{}"),
    "an unknown kind": ("string", '{"kind": "$(calc)\\n"}'),
    "no fields": ("string", '{"kind": "set_ssl_record"}'),
    "services of no form": ("string", '{"kind": "services", "states": 5}'),
    "bytes": ("binary", b"\x01\x02"),
    "32 bits": ("dword", 7),
    "several texts": ("multistring", ["{}", "[]"]),
    "10 MB": ("string", "[" * MEGABYTES),
}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
@pytest.mark.parametrize("name", ["0001", "no number", "0001\u200e", "{{ 7*7 }}\n"])
def test_a_journal_that_nobody_understands_is_told_of_and_stays(site: tuple[SimHost, Issues], name: str, entry: tuple[str, Any]) -> None:
    host, issued = site
    host.keep(issued["new"])
    place(host, name, *entry, path=JOURNAL)
    sentence = refused(host, rotate_action, thumbprint=issued["new"].thumbprint)
    assert sentence.startswith("An earlier, interrupted change could not be taken back: ")


def test_predecessors_that_are_no_thumbprints_are_nobody_s(site: tuple[SimHost, Issues]) -> None:
    host, issued = site
    other = "AB" * 20
    for name, data in {"{{ 7*7 }}": "2020-01-01T00:00:00Z", other.lower(): "$(calc)", "CD" * 20: "x" * MEGABYTES}.items():
        host.agent.set_value(PREDECESSORS, name, data)
    found = perform(host, info_action)["server"]["predecessors"]
    assert [(item["thumbprint"], item["age_days"]) for item in found] == [(other, 0), ("CD" * 20, 0)]
    assert [item["thumbprint"] for item in rotate(host, issued)["predecessors"]] == sorted([other, "CD" * 20, issued["old"].thumbprint.upper()])


@pytest.mark.parametrize("value", [*UNTOLD.values(), ("string", "{{ 7*7 }}"), ("multistring", ["0"])], ids=[*UNTOLD, "a template", "texts"])
@pytest.mark.parametrize("name", ["mode", "UseHttps", "ListenerPort", "ConfigStore.UseHttps", "$(calc)"])
def test_a_note_of_before_offload_that_is_garbage(site: tuple[SimHost, Issues], name: str, value: tuple[str, Any]) -> None:
    """Into offload and out of it again: the server works in the end, or what stands against it is said and nothing is touched."""
    host, issued = site
    place(host, name, *value, path=BEFORE_OFFLOAD)
    new = issued["new"]
    host.keep(new)
    driver = Driver(host.call)
    for options in ({"mode": "offload", "sha256": new.sha256}, {"mode": "automatic", "thumbprint": new.thumbprint}):
        before = host.state()
        words = ""
        try:
            perform(driver, rotate_action, **options)
        except SstpError as error:
            words = str(error)
        if words:
            assert is_one_line(words)
            assert as_found(host.state()) == as_found(before)
            return
    assert judge.working(host.state()) == []


# --- options ----------------------------------------------------------------------------------------------------------

OPTIONS: tuple[tuple[ModuleType, dict[str, Any], str], ...] = (
    (rotate_action, {"thumbprint": "$(calc)"}, "Option thumbprint must be 40 hexadecimal digits, but '$(calc)' is not"),
    (rotate_action, {"thumbprint": "{{ 7*7 }}"}, "Option thumbprint must be 40 hexadecimal digits"),
    (rotate_action, {"thumbprint": "AB" * 19 + "A\nB"}, "is not in LocalMachine\\MY"),
    (rotate_action, {"thumbprint": "AB" * 20 + "\u0661"}, "Option thumbprint must be 40 hexadecimal digits"),
    (rotate_action, {"sha256": "AB" * 31 + "\u202eA"}, "Option sha256 must be 64 hexadecimal digits"),
    (rotate_action, {"sha256": "\u200eAB" * 32 + "C"}, "Option sha256 must be 64 hexadecimal digits"),
    (rotate_action, {"thumbprint": "AB" * 20, "port": 65536}, "port must lie between 1 and 65535"),
    (rotate_action, {"thumbprint": "AB" * 20, "listener_port": -1}, "listener_port must lie between 1 and 65535"),
    (rotate_action, {"balancer": "a\nb"}, ""),
    (rotate_action, {"balancer": "{{ 7*7 }}:443", "mode": "offload"}, ""),
    (binding_action, {"state": "present", "certificate_hash": "`calc`"}, "Option certificate_hash must be 40 hexadecimal digits"),
    (binding_action, {"state": "absent", "endpoints": ["$(calc)"]}, "An endpoint is written 0.0.0.0:443"),
    (binding_action, {"state": "absent", "endpoints": ["[::\u200e]:443"]}, "is not an IP address"),
    (binding_action, {"state": "absent", "app_id": "'; calc; '"}, "app_id must be a GUID"),
    (hash_action, {"state": "present", "sha256": "'"}, "Option sha256 must be 64 hexadecimal digits"),
    (hash_action, {"state": "present", "sha1": "A" * 39}, "Option sha1 must be 40 hexadecimal digits"),
    (certificate_action, {"thumbprint": "a'\"b", "state": "absent"}, "Option thumbprint must be 40 hexadecimal digits"),
)  # fmt: skip


@pytest.mark.parametrize(("module", "options", "words"), OPTIONS, ids=[str(options) for _module, options, _words in OPTIONS])
def test_an_option_that_is_none_is_refused(site: tuple[SimHost, Issues], module: ModuleType, options: dict[str, Any], words: str) -> None:
    host, _issued = site
    assert words in refused(host, module, **options)


def test_marks_that_come_with_copying_are_dropped(site: tuple[SimHost, Issues]) -> None:
    host, issued = site
    new = issued["new"]
    host.keep(new)
    copied = "\u200e" + ":".join(new.thumbprint[i : i + 2] for i in range(0, 40, 2)) + "\u202c\n"
    assert perform(host, rotate_action, thumbprint=copied)["thumbprint"] == new.thumbprint.upper()


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_friendly_name_and_a_store_are_taken_as_they_are(site: tuple[SimHost, Issues], text: str) -> None:
    host, issued = site
    new = issued["new"]
    perform(host, certificate_action, pfx=pfx_of(new), pfx_password=PASSWORD, friendly_name=text)
    names = {item["thumbprint"]: item["friendly_name"] for item in host.state()["certificates"]["MY"]}
    assert names[new.thumbprint] == text
    before = as_found(host.state())
    with pytest.raises(SstpError) as error:
        perform(host, binding_action, state="present", certificate_hash=new.thumbprint, certificate_store_name=text)
    assert "1312" in str(error.value)
    assert is_one_line(str(error.value))
    assert as_found(host.state()) == before, "there is no certificate in such a store"


def snapshot_of(host: SimHost, issued: Issues) -> dict[str, Any]:
    return copy.deepcopy(rotate(host, issued)["snapshot"])


DAMAGE: dict[str, Callable[[dict[str, Any]], object]] = {
    "a hash of odd length": lambda snapshot: snapshot["records"][0].update(certificate_hash="ABC"),
    "a hash that is a command": lambda snapshot: snapshot["records"][0].update(certificate_hash="$(calc)"),
    "an app_id that is none": lambda snapshot: snapshot["records"][1].update(app_id="{{ 7*7 }}"),
    "flags of 33 bits": lambda snapshot: snapshot["records"][0].update(flags=1 << 32),
    "a number below zero": lambda snapshot: snapshot["records"][0].update(check_mode=-1),
    "a text that ends early": lambda snapshot: snapshot["records"][0].update(ctl_identifier="a\0b"),
    "a list for a text": lambda snapshot: snapshot["records"][0].update(ctl_store_name=["x"]),
    "an address that is none": lambda snapshot: snapshot["records"][0].update(address="::\u200e"),
    "a kind that is none": lambda snapshot: snapshot["registry"]["SHA256CertificateHash"].update(kind="{{ 7*7 }}\n"),
    "odd digits": lambda snapshot: snapshot["registry"]["SHA256CertificateHash"].update(data="ABC"),
    "no digits": lambda snapshot: snapshot["registry"]["SHA256CertificateHash"].update(data="`calc`"),
    "a number too large": lambda snapshot: snapshot["registry"].update(UseHttps={"kind": "dword", "data": 1 << 32}),
    "a port that is none": lambda snapshot: snapshot.update(port="443; calc"),
    "a version that is none": lambda snapshot: snapshot.update(version="1\n"),
    "services that are none": lambda snapshot: snapshot.update(services=["x"]),
    "no records": lambda snapshot: snapshot.pop("records"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_snapshot_is_refused_before_anything_is_stopped(site: tuple[SimHost, Issues], damage: Callable[[dict[str, Any]], object]) -> None:
    host, issued = site
    snapshot = snapshot_of(host, issued)
    damage(snapshot)
    assert refused(host, restore_action, snapshot=snapshot)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_snapshot_is_put_back_as_it_says(site: tuple[SimHost, Issues], text: str) -> None:
    host, issued = site
    snapshot = snapshot_of(host, issued)
    for record in snapshot["records"]:
        record.update(ctl_identifier=text, ctl_store_name=text)
    snapshot["registry"]["SHA1CertificateHash"] = {"kind": "string", "data": text, "length": None}
    perform(host, restore_action, snapshot=snapshot)
    state = host.state()
    assert {(item["ctl_identifier"], item["ctl_store"]) for item in state["http"]} == {(text, text)}
    assert state["sstpsvc"]["SHA1CertificateHash"] == {"type": "REG_SZ", "value": text}
