# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/audit.yml: whatever happens to a host, the report is written, and the exit code says how it went."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab.connection_faults import Moment
from lab.fleet import Fleet, Member
from lab.scenario import load
from running import Controller, Run

CLEAN, FINDINGS, UNREACHABLE = 0, 2, 4
FOR_EVER = 1_000_000


@pytest.fixture
def fleet(controller: Controller) -> Iterator[Fleet]:
    """Three servers, of which one has a wrong hash."""
    members = [Member("vpn1", load("healthy")), Member("vpn2", load("stale_hash")), Member("vpn3", load("healthy"))]
    with Fleet(members) as fleet:
        controller.inventory.write_text(fleet.write(controller.folder).read_text())
        yield fleet


def audit(controller: Controller, *arguments: str, **variables: Any) -> Run:
    return controller.playbook("rras.sstp.audit", *arguments, variables=variables)


def cut_off(fleet: Fleet, *names: str) -> None:
    for name in names:
        fleet.winrm.fault(name, Moment.CREATE, times=FOR_EVER)


def states(controller: Controller, dest: str = "sstp-audit") -> dict[str, str]:
    """What the report says of each host."""
    document = json.loads(Path(controller.folder, dest, "sstp-audit.json").read_text())
    return {host["host"]: host["state"] for host in document["hosts"]}


def test_findings(fleet: Fleet, controller: Controller) -> None:
    run = audit(controller)
    assert run.code == FINDINGS
    assert states(controller) == {"vpn1": "ok", "vpn2": "error", "vpn3": "ok"}
    assert [name for name in ("vpn1", "vpn2", "vpn3") if run.failures_of(name)] == ["vpn2"]
    page = Path(controller.folder, "sstp-audit", "sstp-audit.html").read_text()
    assert "registry_sha256_different" in page
    assert str(controller.inventory) in page, "the commands name the inventory"


def test_nothing_is_wrong(fleet: Fleet, controller: Controller) -> None:
    assert audit(controller, target="vpn1,vpn3").code == CLEAN
    assert states(controller) == {"vpn1": "ok", "vpn3": "ok"}


def test_limit_leaves_the_report_as_it_is(fleet: Fleet, controller: Controller) -> None:
    assert audit(controller, "--limit", "vpn1").code == CLEAN
    assert states(controller) == {"vpn1": "ok"}


def test_what_is_found_weighs_nothing(fleet: Fleet, controller: Controller) -> None:
    assert audit(controller, fail_on="never").code == CLEAN
    assert states(controller)["vpn2"] == "error"


def test_rules_that_are_switched_off(fleet: Fleet, controller: Controller) -> None:
    reasons = {"registry_sha256_different": "being renewed", "registry_sha1_different": "being renewed", "event_unaccounted": "a test"}
    assert audit(controller, ignore_rules=reasons).code == CLEAN
    assert states(controller)["vpn2"] == "ok"
    assert "being renewed" in Path(controller.folder, "sstp-audit", "sstp-audit.html").read_text()


def test_one_that_is_away(fleet: Fleet, controller: Controller) -> None:
    cut_off(fleet, "vpn1")
    assert audit(controller, target="vpn1,vpn3").code == UNREACHABLE
    assert states(controller) == {"vpn1": "unreachable", "vpn3": "ok"}


def test_findings_weigh_more_than_one_that_is_away(fleet: Fleet, controller: Controller) -> None:
    cut_off(fleet, "vpn1")
    assert audit(controller).code == FINDINGS
    assert states(controller) == {"vpn1": "unreachable", "vpn2": "error", "vpn3": "ok"}


@pytest.mark.parametrize("batch", ["1", "100%"])
def test_all_of_them_are_away(fleet: Fleet, controller: Controller, batch: str) -> None:
    cut_off(fleet, "vpn1", "vpn2", "vpn3")
    assert audit(controller, batch=batch).code == UNREACHABLE
    assert set(states(controller).values()) == {"unreachable"}


@pytest.mark.parametrize("batch", [1, 2])
def test_in_batches(fleet: Fleet, controller: Controller, batch: int) -> None:
    cut_off(fleet, "vpn1")
    assert audit(controller, batch=batch).code == FINDINGS
    assert states(controller) == {"vpn1": "unreachable", "vpn2": "error", "vpn3": "ok"}


def test_one_that_cannot_be_audited(fleet: Fleet, controller: Controller) -> None:
    fleet.hosts["vpn1"].agent.fault("HttpInitialize", 1058, times=FOR_EVER)
    run = audit(controller, batch=1)
    assert run.code == FINDINGS
    assert states(controller) == {"vpn1": "failed", "vpn2": "error", "vpn3": "ok"}
    assert any("1058" in text or "disabled" in text for text in run.failures_of("vpn1"))


def test_elsewhere_nowhere_and_among_the_artifacts(fleet: Fleet, controller: Controller) -> None:
    run = controller.playbook("rras.sstp.audit", variables={"dest": "reports", "artifacts": True}, environment={"ANSIBLE_SHOW_CUSTOM_STATS": "1"})
    assert states(controller, "reports")["vpn2"] == "error"
    assert "rras_sstp_report" in run.output.partition("CUSTOM STATS")[2]
    audit(controller, dest="")
    assert not Path(controller.folder, "sstp-audit").exists()


def test_what_is_new_since_last_time(fleet: Fleet, controller: Controller) -> None:
    audit(controller)
    for record in fleet.hosts["vpn3"].state()["http"]:
        fleet.hosts["vpn3"].agent.delete_record(record["family"], record["endpoint"])
    audit(controller)
    document = json.loads(Path(controller.folder, "sstp-audit", "sstp-audit.json").read_text())
    new = {host["host"]: sorted({finding["id"] for finding in host["new"]}) for host in document["hosts"]}
    assert new == {"vpn1": [], "vpn2": [], "vpn3": ["binding_missing"]}
