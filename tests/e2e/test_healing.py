# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is broken is named by audit, with the event that it leads to, and healed by a rotation; the lab judges the end."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from lab import judge
from servers import Site

SSTPSVC = r"SYSTEM\CurrentControlSet\Services\SstpSvc\Parameters"


def thumbprint_names_no_certificate(site: Site) -> None:
    site.host.agent.delete_certificate(site.old.thumbprint)
    site.host.agent.delete_value(SSTPSVC, "SHA256CertificateHash")
    site.host.restart()


def ipv4_record_missing(site: Site) -> None:
    site.host.agent.delete_record("ip", site.pair[0])


def ipv6_record_missing(site: Site) -> None:
    site.host.agent.delete_record("ip", site.pair[1])


def no_records_at_all(site: Site) -> None:
    for endpoint in site.pair:
        site.host.agent.delete_record("ip", endpoint)


def ipv6_record_with_another_certificate(site: Site) -> None:
    other = site.authority.issue(["other.example.com"])
    site.host.agent.import_pfx(other.pfx("x"), "x")
    record = next(r for r in site.host.agent.records() if r.endpoint == site.pair[1])
    site.host.agent.delete_record("ip", site.pair[1])
    site.host.agent.set_record(type(record)(**{**vars(record), "hash": other.thumbprint}))
    site.host.restart()


def stale_sha256(site: Site) -> None:
    site.host.agent.set_value(SSTPSVC, "SHA256CertificateHash", bytes(range(32)))
    site.host.restart()


def hash_of_31_bytes(site: Site) -> None:
    site.host.agent.set_value(SSTPSVC, "SHA256CertificateHash", bytes(31))
    site.host.restart()


def rras_stopped(site: Site) -> None:
    for name in ("RemoteAccess", "RasMan", "SstpSvc"):
        site.host.agent.stop(name)


# break, finding, event that audit names, event that the lab's service raises (where it raises one)
CASES = [
    (thumbprint_names_no_certificate, "certificate_missing", 21, 21),
    (ipv4_record_missing, "binding_missing", 21, None),
    (ipv6_record_missing, "binding_missing", 21, None),
    (no_records_at_all, "binding_missing", 21, None),
    (ipv6_record_with_another_certificate, "binding_mismatch", 24, 24),
    (stale_sha256, "registry_sha256_different", None, None),
    (hash_of_31_bytes, "registry_sha256_malformed", 18, 18),
    (rras_stopped, "rras_stopped", None, None),
]


@pytest.mark.parametrize(("harm", "finding", "event", "raised"), CASES, ids=[case[0].__name__ for case in CASES])
def test_what_is_broken_is_named_and_healed(site: Site, harm: Callable[[Site], None], finding: str, event: int | None, raised: int | None) -> None:
    harm(site)
    assert judge.working(site.host.state()) != []
    if raised is not None:
        assert any(text.split()[0] == str(raised) for text in site.host.state()["events"])

    audit = site.controller.task("audit")
    named = {item["id"]: item["event"] for item in audit["findings"]}
    assert audit["compliant"] is False
    assert finding in named
    assert named[finding] == event

    site.controller.playbook("rras.sstp.rotate", variables=site.rotation()).succeeded()
    assert judge.working(site.host.state()) == []
    assert site.controller.playbook("rras.sstp.audit", variables={"target": "all"}).succeeded().one("audit")["findings"] == []


def test_an_audit_is_one_call(site: Site) -> None:
    site.controller.playbook("rras.sstp.audit", variables={"target": "all"}).succeeded()
    assert site.winrm.calls("vpn01") == 1


def test_a_stale_hash_is_healed_without_another_certificate(site: Site) -> None:
    stale_sha256(site)
    result = site.controller.task("rotate", thumbprint=site.old.thumbprint)
    assert result["changed"] is True
    assert judge.working(site.host.state()) == []
