# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/rotate.yml: the whole way from a PFX to a server that works with it."""

from __future__ import annotations

import datetime as dt
import hashlib
import ssl

from lab import judge
from lab.wine import WineLab
from running import Controller
from servers import Site, serve

PREDECESSORS = r"SOFTWARE\rras.sstp\Predecessors"
# Several flags, one that no document names, and every other field away from its default.
UNCOMMON = {
    "flags": 0x0002 | 0x0010 | 0x0400 | 0x00400000,
    "check_mode": 0x5,
    "freshness_time": 3600,
    "url_retrieval_timeout": 15000,
    "ctl_identifier": "clients",
    "ctl_store": "ClientAuthIssuer",
}


def without_hash(site: Site) -> list[dict[str, object]]:
    return [{name: value for name, value in record.items() if name != "hash"} for record in site.host.state()["http"]]


def served(site: Site) -> set[str]:
    """The thumbprints that a TLS client of the lab is shown on IPv4 and IPv6."""
    pems = [ssl.get_server_certificate((address, site.host.port)) for address in ("127.0.0.1", "::1")]
    return {hashlib.sha1(ssl.PEM_cert_to_DER_cert(pem), usedforsecurity=False).hexdigest().upper() for pem in pems}


def but_for_starts(site: Site) -> dict[str, object]:
    """The whole state without the number of starts: a switch that is taken back has started the services, too."""
    state = site.host.state()
    services = {name: service["state"] for name, service in state["services"].items()}
    return {**{name: state[name] for name in ("http", "sstpsvc", "certificates", "containers")}, "services": services}


def test_a_rotation_keeps_every_setting_and_moves_all_five_places(bare: Site) -> None:
    site = bare
    site.host.install(site.old, **UNCOMMON)
    before, digest = without_hash(site), site.host.digest()
    assert before[0]["flags"] == UNCOMMON["flags"]

    predicted = site.controller.playbook("rras.sstp.rotate", "--check", "--diff", variables=site.rotation(grace_days=0)).succeeded()
    assert site.host.digest() == digest
    site.winrm.reset_calls("vpn01")
    done = site.controller.playbook("rras.sstp.rotate", "--diff", variables=site.rotation(grace_days=0)).succeeded()
    assert site.winrm.calls("vpn01") <= 7

    assert predicted.changed == done.changed
    assert predicted.one("rotate").keys() == done.one("rotate").keys()
    assert predicted.one("rotate")["diff"] == done.one("rotate")["diff"]
    assert predicted.one("rotate")["plan"] == done.one("rotate")["plan"]

    state = site.host.state()
    assert without_hash(site) == before
    assert {record["hash"].upper() for record in state["http"]} == {site.new.thumbprint.upper()}
    assert state["sstpsvc"]["SHA256CertificateHash"]["value"].upper() == site.new.sha256.upper()
    assert state["sstpsvc"]["SHA1CertificateHash"]["value"].upper() == site.new.thumbprint.upper()
    assert served(site) == {site.new.thumbprint.upper()}
    assert {item["thumbprint"] for item in done.one("rotate")["evidence"]["served"]} == {site.new.thumbprint.upper()}
    assert (done.one("rotate")["evidence"]["events"], done.one("rotate")["evidence"]["events_error"]) == ([], None)
    assert {service["starts"] for service in state["services"].values()} == {2}
    assert judge.working(state) == []
    assert [item["thumbprint"].upper() for item in state["certificates"]["MY"]] == [site.new.thumbprint.upper()]
    assert len(state["containers"]) == 1

    digest = site.host.digest()
    site.winrm.reset_calls("vpn01")
    again = site.controller.playbook("rras.sstp.rotate", variables=site.rotation(grace_days=0)).succeeded()
    assert again.changed == []
    assert site.winrm.calls("vpn01") == 1
    assert site.host.digest() == digest


def test_the_old_certificate_stays_for_its_grace_and_goes_after_it(site: Site) -> None:
    done = site.controller.playbook("rras.sstp.rotate", variables=site.rotation(grace_days=7)).succeeded()
    assert done.one("rotate")["predecessors"][0]["thumbprint"] == site.old.thumbprint.upper()
    assert len(site.host.state()["certificates"]["MY"]) == 2
    assert len(site.host.state()["containers"]) == 2
    assert site.controller.playbook("rras.sstp.rotate", variables=site.rotation(grace_days=7)).succeeded().changed == []

    week_ago = dt.datetime.now(dt.timezone.utc) - dt.timedelta(days=7, minutes=5)
    site.host.agent.set_value(PREDECESSORS, site.old.thumbprint.upper(), week_ago.strftime("%Y-%m-%dT%H:%M:%SZ"))
    starts = site.host.state()["services"]
    later = site.controller.playbook("rras.sstp.rotate", variables=site.rotation(grace_days=7)).succeeded()
    assert len(later.changed) == 1
    state = site.host.state()
    assert [item["thumbprint"].upper() for item in state["certificates"]["MY"]] == [site.new.thumbprint.upper()]
    assert len(state["containers"]) == 1
    assert state["services"] == starts
    assert judge.working(state) == []


def test_a_host_without_httpupdate_is_rotated_by_delete_and_set(wine_lab: WineLab, controller: Controller) -> None:
    with serve(wine_lab.host("vpn01", http_update=False), controller) as site:
        site.host.install(site.old, **UNCOMMON)
        before = without_hash(site)
        done = site.controller.playbook("rras.sstp.rotate", variables=site.rotation()).succeeded()
        steps = [step["detail"] for step in done.one("rotate")["evidence"]["steps"] if step["kind"] == "set_ssl_record"]
        assert steps == [{"atomic": False}] * 2
        assert without_hash(site) == before
        assert judge.working(site.host.state()) == []


def test_a_service_that_writes_its_hash_late_is_waited_for(site: Site) -> None:
    site.host.agent.switch("HashDelay", 5000)
    site.controller.playbook("rras.sstp.rotate", variables=site.rotation()).succeeded()
    state = site.host.state()
    assert state["sstpsvc"]["SHA256CertificateHash"]["value"].upper() == site.new.sha256.upper()
    assert {service["starts"] for service in state["services"].values()} == {2}


def test_a_service_that_never_writes_its_hash_is_helped_by_a_second_restart(site: Site) -> None:
    site.host.agent.switch("HashDelay", 3_600_000)
    variables = site.rotation(settle_timeout=3)
    site.controller.playbook("rras.sstp.rotate", variables=variables).succeeded()
    state = site.host.state()
    assert judge.working(state) == []
    assert {service["starts"] for service in state["services"].values()} == {3}


def test_a_failing_switch_takes_everything_back(site: Site) -> None:
    site.host.agent.fault("HttpUpdateServiceConfiguration", 1312, endpoint=site.pair[1])
    before = but_for_starts(site)
    run = site.controller.playbook("rras.sstp.rotate", variables=site.rotation()).failed()
    assert f"Could not bind {site.new.thumbprint.upper()} to {site.pair[1]}" in run.output
    assert "everything done before it was undone" in run.output
    assert but_for_starts(site) == before
    assert judge.working(site.host.state()) == []


def test_a_rotation_that_failed_on_a_dead_certificate_can_be_run_again(site: Site) -> None:
    """HTTP.SYS never takes the old record back (1312): that must be told, and must not stand in the way for ever."""
    site.host.agent.delete_certificate(site.old.thumbprint)
    site.host.agent.switch("RemoteAccess.StartFails", 1)
    run = site.controller.playbook("rras.sstp.rotate", variables=site.rotation(settle_timeout=2, service_timeout=10)).failed()
    assert "what could not be undone: " in run.output, run.output
    assert "1312" in run.output
    site.host.agent.switch("RemoteAccess.StartFails", 0)
    site.controller.playbook("rras.sstp.rotate", variables=site.rotation()).succeeded()
    assert judge.working(site.host.state()) == []


def test_a_failure_before_the_first_change_is_told_as_what_it_is(bare: Site) -> None:
    """Nothing is in the journal then, and the collection has no registry key yet."""
    never = {"kind": "service", "name": "SstpSvc", "state": "never", "text": "something impossible"}
    wait = {"kind": "await", "timeout": 0, "required": True, "conditions": [never]}
    run = bare.controller.tasks(
        {"rras.sstp.windows_backend": {"operation": "apply", "changes": [wait]}}, {"rras.sstp.windows_backend": {"operation": "apply", "recover": True}}
    )
    failed, recovered = run.succeeded().of("windows_backend")
    assert (failed["outcome"], failed["undone"], failed["not_undone"]) == ("failed", [], [])
    assert "something impossible" in failed["failure"]["error"]["message"]
    assert (recovered["outcome"], recovered["changed"]) == ("recovered", False)
