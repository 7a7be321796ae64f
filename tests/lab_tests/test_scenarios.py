# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenarios: files that are read strictly, rows of the reference that each has one, and what the product makes of them."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import in_place  # noqa: F401
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.rules import RULES
from lab import judge, scenario
from lab.pki import Authority
from lab.raw_state import as_found, whole
from lab.scenario import Scenario, ScenarioError, load, names
from lab.sim.host import SimHost
from promises import differing
from scenario_driver import Driver, SstpError

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference"

# --- the rows of the reference ---

RETURN_CODES = (0, 2, 5, 6, 87, 122, 183, 234, 259, 1312)
CAUSES_OF_1312 = ("wrong store", "no key link", "user key", "key file missing")
MODES = ("automatic", "automatic foreign record", "administrator", "event 24", "event 25", "event 32", "stale hash")
SERVER_EVENTS = (7, 8, 9, 10, 11, 12, 13, 17, 18, 19, 20, 21, 22, 24, 25, 32, 33)
CLIENT_EVENTS = (1, 2, 3, 4, 5, 6, 14, 15, 16, 23)
CODES = (
    "0x80070320", "0x800704C9", "0x800704D4", "0x80070040", "0x80072746", "0x80070520", "0x800B0101", "0x800B0109", "0x800B010A", "0x800B010C",
    "0x800B010F", "0x800B0110", "0x80092010", "0x80092012", "0x80092013", "0x80090326", "0x80090331", "0x80072EE7", "0x80072EFD",
)  # fmt: skip
COMPLAINTS = tuple(range(1, 14))
ROWS = (
    *(f"domain 1.5 code {code}" for code in RETURN_CODES),
    *(f"domain 1.5 code 1312 {cause}" for cause in CAUSES_OF_1312),
    *(f"domain 2.2 {mode}" for mode in MODES),
    *(f"domain 3 event {event}" for event in SERVER_EVENTS),
    *(f"domain 3 code {code}" for code in CODES),
    *(f"peers 4.{number}" for number in COMPLAINTS),
)
COUNTED = re.compile(r"(domain 1\.5|domain 2\.2|domain 3|peers 4\.)")


@functools.cache
def sources() -> set[str]:
    return {source for name in names() for source in load(name).source}


@pytest.mark.parametrize("row", ROWS)
def test_each_row_has_a_scenario_or_a_reason(row: str) -> None:
    reasons = scenario.not_covered()
    assert (row in sources()) != (row in reasons), f"{row} needs a scenario that names it in `source`, or a reason in not_covered.yml"


def test_no_scenario_names_a_row_that_is_none() -> None:
    known = {*ROWS, *(f"domain 3 event {event}" for event in CLIENT_EVENTS)}
    assert {source for source in sources() if COUNTED.match(source)} <= known
    assert set(scenario.not_covered()) <= {*ROWS, *(f"rule {rule.id}" for rule in RULES)}


@pytest.mark.parametrize("rule", [rule.id for rule in RULES])
def test_each_rule_has_a_scenario_or_a_reason(rule: str) -> None:
    found = {id_ for name in names() for id_ in (*load(name).findings, *(load(name).asked or ()))}
    assert (rule in found) != (f"rule {rule}" in scenario.not_covered()), f"{rule} needs a scenario that it fires on, or a reason in not_covered.yml"


def _section(text: str, title: str) -> str:
    found = re.search(rf"^#+ {re.escape(title)}.*?$(.*?)(?=^## |^### |\Z)", text, re.M | re.S)
    assert found, title
    return found[1]


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference is not beside this clone")
def test_the_rows_are_those_of_the_reference() -> None:
    domain, peers = (REFERENCE.joinpath(name).read_text(encoding="utf-8") for name in ("domain.md", "peers.md"))
    assert tuple(int(code) for code in re.findall(r"^\| (\d+) \|", _section(domain, "1.5"), re.M)) == RETURN_CODES
    events = re.findall(r"^\| (\d+) \| (client|server) \|", _section(domain, "3. Events"), re.M)
    assert tuple(int(event) for event, side in events if side == "server") == SERVER_EVENTS
    assert tuple(int(event) for event, side in events if side == "client") == CLIENT_EVENTS
    rows = re.findall(r"^\| (0x[^|]*) \|", _section(domain, "3. Events"), re.M)
    assert tuple(code for row in rows for code in row.split(" / ")) == CODES
    modes = _section(domain, "2.2")
    assert re.findall(r"^\d\. \*(\w+)", modes, re.M) == ["Automatic", "Administrator"]
    assert {f"event {event}" for event in re.findall(r"event (\d+)", modes)} >= {mode for mode in MODES if mode.startswith("event")} - {"event 24"}
    assert "Failure mode that matters most" in modes
    assert tuple(int(number) for number in re.findall(r"^(\d+)\. \*\*", _section(peers, "4. "), re.M)) == COMPLAINTS


# --- the files ---


@pytest.mark.parametrize("name", names())
def test_a_file_is_a_scenario(name: str) -> None:
    read = load(name)
    assert read.name == name
    assert len(read.title) < 140
    assert read.rotate.kind in ("working", "unchanged") or read.rotate.words


LEAST = {"title": "x", "source": "[domain 7]", "findings": "[]", "rotate": "working"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"recrods": "{}"}, "the scenario has no key 'recrods'; did you mean 'records'?"),
        ({"title": None}, "title must be given"),
        ({"source": "[]"}, "source must name at least one place"),
        ({"source": "[page 3]"}, "starts with domain or peers"),
        ({"records": "{0.0.0.0: odl}"}, "records.0.0.0.0 must be old or new or none or absent, not 'odl'; did you mean 'old'?"),
        ({"records": "{0.0.0.0: {owner: ISI}}"}, "did you mean 'IIS'?"),
        ({"records": "{0.0.0.0: {flag: 1}}"}, "records.0.0.0.0 has no key 'flag'; did you mean 'flags'?"),
        ({"records": "{[::]: old}"}, "this is no YAML|write \\[::\\] in quotes"),
        ({"stores": "{MY: {old: broken}}"}, "stores.MY.old must be good or no key"),
        ({"SstpSvc": "{UseHttps: [0]}"}, "SstpSvc.UseHttps must be a certificate's name"),
        ({"SstpSvc": "gone"}, "SstpSvc must be a mapping or the word missing"),
        ({"services": "{RasMan: stopped}"}, "RasMan cannot be stopped while RemoteAccess runs"),
        ({"host": "{http_update: 1}"}, "host.http_update must be true or false, not 1"),
        ({"host": "{build: true}"}, "host.build must be a number, not True"),
        ({"certificates": "{new: {eku: servers}}"}, "certificates.new.eku must be server or"),
        ({"certificates": "{new: {same_key_as: newer}}"}, "certificates.new.same_key_as must be old"),
        ({"faults": "[{call: HttpSetServiceConfiguration}]"}, "has no code"),
        ({"faults": "[{switch: Hashdelay, value: 1}]"}, "did you mean 'HashDelay'?"),
        ({"findings": "{unread: x}"}, "findings has no key 'unread'"),
        ({"rotate": "works"}, "rotate must be working or unchanged, not 'works'"),
        ({"rotate": "{refused: a, failed: b}"}, "rotate must be working, unchanged, or one of"),
        ({"with": "{take_over: 'yes'}"}, "with.take_over must be true or false"),
        ({"with": "{window: [7]}"}, "with.window must be a list of texts"),
        ({"after": "{findings: []}"}, "after has no key 'findings'"),
        ({"only": "{hyperv: x}"}, "only has no key 'hyperv'"),
        ({"events": "[x]"}, "events must be a list of numbers"),
        ({"works": "true\nworks: false"}, "'works' stands twice"),
    ],
)
def test_a_wrong_file_is_refused_in_a_sentence(tmp_path: Path, changes: dict[str, str | None], words: str) -> None:
    lines = {**LEAST, **changes}
    path = tmp_path / "wrong.yml"
    path.write_text("".join(f"{key}: {value}\n" for key, value in lines.items() if value is not None))
    with pytest.raises(ScenarioError) as error:
        load(path)
    assert str(error.value).startswith("wrong.yml: ")
    assert any(part.replace("\\", "") in str(error.value) for part in words.split("|")), error.value


def test_a_misspelt_name_is_guessed() -> None:
    with pytest.raises(ScenarioError, match="did you mean 'stale_hash'"):
        load("stale_hashs")


# --- on a simulated host ---


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module", params=[name for name in names() if load(name).runs_on("sim")])
def wanted(request: pytest.FixtureRequest) -> Scenario:
    return load(request.param)


def test_audit_and_rotation_are_as_the_scenario_says(wanted: Scenario, authority: Authority) -> None:
    with SimHost("vpn01", **wanted.host_options("sim")) as host:
        issued = scenario.apply(wanted, host, authority)
        before = host.state()
        known = scenario.hashes_of(issued, authority)
        told = scenario.judged_by(wanted, known)
        reasons = judge.working(before, **told)
        assert (reasons == []) is wanted.works, reasons
        assert scenario.differences(wanted.state, before, known) == []
        if wanted.events is not None:
            assert set(scenario.raised(before)) == set(wanted.events)
        driver = Driver(host.call)
        check_findings(driver, wanted)
        if wanted.asked is not None:
            assert sorted(item["id"] for item in driver.audit(wanted, issued)["findings"]) == sorted(wanted.asked)
        check_rotation(driver, wanted, host, issued, before, told)
        if wanted.after is not None:
            assert scenario.differences(wanted.after, host.state(), known) == []


def check_findings(driver: Driver, wanted: Scenario) -> None:
    if wanted.unreadable:
        with pytest.raises(SstpError) as error:
            driver.findings()
        assert wanted.unreadable in str(error.value)
    else:
        assert sorted(driver.findings()) == sorted(wanted.findings)


def check_rotation(driver: Driver, wanted: Scenario, host: Any, issued: Any, before: dict[str, Any], told: dict[str, Any]) -> None:
    result = driver.rotate(wanted, issued)
    kind = "working" if wanted.rotate.kind == "not working" else wanted.rotate.kind
    assert result.kind == kind, result.words
    before, after = whole(before), whole(host.state())
    if kind == "working":
        assert scenario.raised(after, before) == [], "the service complains of what it was left with"
    if kind in ("refused", "failed", "put off"):
        assert wanted.rotate.words in result.words
    assert result.sessions == (wanted.host.get("sessions", 0) if kind in ("working", "put off") else 0)
    assert host.sessions == (0 if kind == "working" else wanted.host.get("sessions", 0))
    if kind in ("refused", "unchanged"):
        assert after == before
    elif kind == "put off":
        assert differing(before, after) <= {"certificates", "containers"}
    elif kind == "failed" and wanted.after is None:
        assert as_found(after) == as_found(before)
    elif wanted.rotate.kind == "not working":
        assert any(wanted.rotate.words in reason for reason in judge.working(after, **told))
    elif kind == "working":
        assert judge.working(after, **told) == []
    if kind == "working":
        assert driver.rotate(wanted, issued).kind == "unchanged"
        assert as_found(whole(host.state())) == as_found(after)
