# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restarts that must wait: too many clients are connected, or it is the wrong time at the server."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from lab import judge
from running import Run
from servers import Site

pytestmark = pytest.mark.simulated

PREDECESSORS = r"SOFTWARE\rras.sstp\Predecessors"
ROLE = "rras.sstp.sstp_certificate"
BRING = f"{ROLE} : Import the certificate and prove its private key"
REMOVE = f"{ROLE} : Remove the predecessors whose grace is over, with their private keys"
SWITCH = f"{ROLE} : Bind the certificate, put the hashes right, and restart RRAS"


def rotate(site: Site, *arguments: str, **variables: Any) -> tuple[Run, dict[str, Any]]:
    """The role, and what it tells its caller."""
    role = {"name": "Rotate", "ansible.builtin.import_role": {"name": ROLE}}
    collect = {"name": "Collect", "ansible.builtin.debug": {"var": "sstp_certificate_result"}}
    play = {"hosts": "all", "gather_facts": False, "tasks": [role, collect], "vars": site.rotation(probe=False, **variables)}
    run = site.controller.playbook([play], *arguments).succeeded()
    return run, run.of("debug")[-1]["sstp_certificate_result"]


def window(site: Site, begins: int, ends: int) -> str:
    """A window by the server's own clock, in hours from now."""
    machine = site.host.machine
    now = machine.clock.date() + dt.timedelta(minutes=machine.utc_offset)
    return "-".join(f"{now + dt.timedelta(hours=hours):%H:%M}" for hours in (begins, ends))


def bound(site: Site) -> set[str]:
    return {record["hash"] for record in site.host.state()["http"]}


def test_a_rotation_waits_until_fewer_clients_are_connected(site: Site) -> None:
    older = site.authority.issue(["vpn01.example.com"])
    site.host.keep(older)
    # The second one is still bound, so that only a switch would set it free.
    for replaced in (older, site.old):
        site.host.agent.set_value(PREDECESSORS, replaced.thumbprint.upper(), "2020-01-01T00:00:00Z")
    site.host.connect_clients(12)
    digest = site.host.digest()

    predicted, foreseen = rotate(site, "--check", max_sessions=11)
    assert site.host.digest() == digest
    done, result = rotate(site, max_sessions=11)
    assert predicted.changed == done.changed == [BRING, REMOVE]
    assert (bound(site), site.host.sessions) == ({site.old.thumbprint}, 12)
    assert {item["thumbprint"] for item in site.host.state()["certificates"]["MY"]} == {site.old.thumbprint, site.new.thumbprint}
    assert judge.working(site.host.state()) == []
    assert foreseen["deferred"] == result["deferred"]
    assert result["deferred"] == "The restart of RRAS was put off, so nothing was changed: 12 VPN sessions are connected, and max_sessions is 11."
    assert (result["changed"], result["restarted"], int(result["sessions"])) == (True, False, 12)
    assert not result["snapshot"]
    assert not result["evidence"]
    assert [item.upper() for item in result["retired"]] == [older.thumbprint.upper()]

    waiting = site.controller.playbook("rras.sstp.rotate", variables=site.rotation(probe=False, max_sessions=11)).succeeded()
    assert waiting.changed == []
    assert [told["msg"] for told in waiting.of("debug")] == [
        f"Put off: {result['deferred']}",
        [f"vpn01: put off: {result['deferred']}", "Run the same command again at its time for vpn01."],
    ]

    allowed, result = rotate(site, max_sessions=12)
    assert allowed.changed == [SWITCH]
    assert (bound(site), site.host.sessions) == ({site.new.thumbprint}, 0)
    assert not result["deferred"]
    assert (result["restarted"], int(result["sessions"]), result["snapshot"]["port"]) == (True, 12, 443)


def test_a_rotation_waits_for_its_window_at_the_server(site: Site) -> None:
    site.host.machine.utc_offset = -570
    closed, open_ = window(site, 2, 4), window(site, -2, 2)
    _run, result = rotate(site, window=[closed])
    assert f"on this server (UTC-09:30), outside of the window ({closed})" in result["deferred"]
    assert bound(site) == {site.old.thumbprint}
    _run, result = rotate(site, window=[closed, open_])
    assert not result["deferred"]
    assert bound(site) == {site.new.thumbprint}
    assert rotate(site, window=[closed], max_sessions=0)[0].changed == []


def test_a_restart_waits_as_well(site: Site) -> None:
    site.host.connect_clients(3)
    digest = site.host.digest()
    for arguments in (["--check"], []):
        result = site.controller.task("restart", *arguments, max_sessions=2, window=["00:00-24:00"])
        assert (result["changed"], result["plan"], result["sessions"]) == (False, [], 3)
        assert "3 VPN sessions are connected, and max_sessions is 2" in result["deferred"]
    assert site.host.digest() == digest
    result = site.controller.task("restart", max_sessions=3, window=["00:00-24:00"])
    assert (result["changed"], result["deferred"], result["sessions"], site.host.sessions) == (True, None, 3, 0)


def test_limits_that_cannot_be_meant_are_refused(site: Site) -> None:
    digest = site.host.digest()
    # A text with commas becomes a list of its parts.
    assert "'sat' is not; where days are listed with commas" in site.controller.refusal("restart", window="sat,sun 22:00-05:00")
    assert "max_sessions must be 0 or more, but -5 is not" in site.controller.refusal("restart", max_sessions=-5)
    site.host.agent.fault("MprAdminConnectionEnumEx", 5, times=0)
    assert "How many VPN sessions a restart would end cannot be told (access is denied" in site.controller.refusal("restart", max_sessions=5)
    assert site.host.digest() == digest


def test_a_role_with_a_wrong_window_leaves_the_server_as_it_was(site: Site) -> None:
    digest = site.host.digest()
    run = site.controller.playbook("rras.sstp.rotate", variables=site.rotation(probe=False, window=["22:00-5:00"])).failed()
    assert "have two digits each, but '5:00' in '22:00-5:00' does not" in run.failures[-1]
    assert site.host.digest() == digest


def test_a_journal_is_taken_back_though_the_switch_must_wait(site: Site) -> None:
    site.host.connect_clients(12)
    site.host.keep(site.new)
    # As an interrupted run leaves it: the record of IPv6 is gone, and the journal knows what it was.
    site.host.machine.faults.plan("made", index=0)
    gone = site.controller.tasks({"rras.sstp.windows_backend": {"operation": "apply", "changes": [DELETE]}})
    assert gone.code != 0
    assert site.controller.task("server_info")["server"]["interrupted"]
    run, result = rotate(site, max_sessions=0, snapshot_dir=str(site.controller.folder))
    assert run.changed == [SWITCH]
    assert "12 VPN sessions" in result["deferred"]
    assert (bound(site), len(site.host.state()["http"]), site.host.sessions) == ({site.old.thumbprint}, 2, 12)
    assert not site.controller.task("server_info")["server"]["interrupted"]


DELETE = {"kind": "delete_ssl_record", "family": "ip", "address": "::", "port": 443, "host": None}
