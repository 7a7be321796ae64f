# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/heal.yml: what may be healed is healed once, told in one record, and else nothing is touched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from lab import judge
from lab.agent import SSTPSVC
from lab.connection_faults import Moment
from lab.scenario import raised
from running import Run
from servers import Site

ALLOWED = ["binding_missing", "registry_sha256_missing", "rras_stopped"]
UNREACHABLE, FAILED = 4, 2


def heal(site: Site, *arguments: str, rules: list[str] = ALLOWED, **variables: Any) -> Run:
    given = {"target": "all", "heal": rules, "second_look": 0, "sstp_certificate_probe": False, **variables}
    return site.controller.playbook("rras.sstp.heal", *arguments, variables=given)


def records(site: Site) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(Path(site.controller.folder, "sstp-heal").glob("*.json"))]


def lose_records(site: Site, *, hashes: bool = False) -> None:
    """As after a clean-up with netsh, that of the hashes as well: RRAS starts anew, and raises event 21."""
    for record in site.host.state()["http"]:
        site.host.agent.delete_record(record["family"], record["endpoint"])
    for name in ("SHA256CertificateHash", "SHA1CertificateHash") if hashes else ():
        site.host.agent.delete_value(SSTPSVC, name)
    site.host.restart()


def test_event_21_is_healed_once(site: Site) -> None:
    lose_records(site)
    assert raised(site.host.state()) == [21]
    run = heal(site).succeeded()
    healed = site.host.digest()
    assert judge.working(site.host.state()) == []
    assert raised(site.host.state()) == [21]
    (record,) = records(site)
    assert (record["outcome"], record["certificate"]) == ("healed", site.old.thumbprint.upper())
    assert [(cause["id"], cause["event"]) for cause in record["causes"]] == [("binding_missing", 21)] * 2
    assert all(cause["seen"] for cause in record["causes"])
    assert [(event["id"], event["code"]) for event in record["before"]["events"]] == [(21, "0x80070002")]
    assert "no record for that address" in record["before"]["events"][0]["explanation"]
    assert record["after"]["compliant"] is True
    assert run.one("rotate")["changed"] is True

    again = heal(site).succeeded()
    assert again.changed == []
    assert site.host.digest() == healed
    assert records(site) == [record]
    assert "Nothing that may be healed is wrong." in again.output


@pytest.mark.simulated
def test_the_same_cause_is_left_alone_for_a_while(site: Site) -> None:
    lose_records(site)
    heal(site).succeeded()
    lose_records(site)
    broken = site.host.digest()
    assert "Left alone: binding_missing was healed lately" in heal(site).succeeded().output
    assert site.host.digest() == broken
    heal(site, quiet_hours=0).succeeded()
    assert judge.working(site.host.state()) == []


@pytest.mark.simulated
def test_what_is_not_allowed_is_not_touched(site: Site) -> None:
    lose_records(site)
    broken = site.host.digest()
    assert heal(site, rules=["binding_mismatch"]).succeeded().changed == []
    assert site.host.digest() == broken
    assert records(site) == []


@pytest.mark.simulated
def test_check_mode_touches_nothing(site: Site) -> None:
    lose_records(site)
    broken = site.host.digest()
    run = heal(site, "--check").succeeded()
    assert site.host.digest() == broken
    assert run.one("rotate")["changed"] is True
    assert records(site) == []


@pytest.mark.simulated
def test_without_a_certificate_it_fails_once_and_says_what_to_give(site: Site) -> None:
    site.host.agent.delete_certificate(site.old.thumbprint)
    lose_records(site)
    run = heal(site)
    assert run.code == FAILED
    assert "No place names a fit certificate on the server that it could be healed with" in run.output
    (record,) = records(site)
    assert (record["outcome"], record["certificate"]) == ("failed", "")
    assert heal(site).succeeded().changed == []
    assert len(records(site)) == 1


@pytest.mark.simulated
def test_where_nothing_names_the_certificate_it_is_found_by_the_names_that_clients_dial(site: Site) -> None:
    lose_records(site, hashes=True)
    assert "No place names a fit certificate on the server that it could be healed with" in heal(site).output
    heal(site, quiet_hours=0, sstp_certificate_dns_names=["vpn01.example.com"]).succeeded()
    assert judge.working(site.host.state()) == []
    assert [record["outcome"] for record in records(site)] == ["failed", "healed"]


@pytest.mark.simulated
def test_it_is_healed_with_a_certificate_that_is_given(site: Site) -> None:
    site.host.agent.delete_certificate(site.old.thumbprint)
    lose_records(site)
    heal(site, sstp_certificate_pfx="new.pfx", sstp_certificate_pfx_password="443").succeeded()
    assert judge.working(site.host.state()) == []
    (record,) = records(site)
    assert (record["outcome"], record["certificate"]) == ("healed", site.new.thumbprint.upper())


@pytest.mark.simulated
def test_what_is_put_off_may_be_healed_next_time(site: Site) -> None:
    lose_records(site)
    site.host.connect_clients(3)
    heal(site, sstp_certificate_max_sessions=0).succeeded()
    (record,) = records(site)
    assert record["outcome"] == "put off"
    assert "session" in record["message"]
    heal(site).succeeded()
    assert judge.working(site.host.state()) == []


@pytest.mark.simulated
def test_a_server_that_is_away(site: Site) -> None:
    site.winrm.fault("vpn01", Moment.CREATE, times=1000)
    run = heal(site)
    assert run.code == UNREACHABLE
    assert records(site) == []


@pytest.mark.simulated
@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        (["binding_misssing"], "did you mean binding_missing?"),
        (["certificate_expired"], "Option rules names certificate_expired, which no rotation heals"),
    ],
)
def test_rules_that_cannot_be_meant(site: Site, rules: list[str], sentence: str) -> None:
    digest = site.host.digest()
    run = heal(site, rules=rules)
    assert run.code == FAILED
    assert sentence in run.output
    assert site.host.digest() == digest
