# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role as a part of larger plays, and inventories with more than one host."""

from __future__ import annotations

import pytest
import yaml
from lab import judge
from servers import Site

# What the modules do to a server is shown under Wine elsewhere; this is about the role among other tasks.
pytestmark = pytest.mark.simulated


def test_the_role_inside_a_play_that_does_other_things(site: Site) -> None:
    """vars, when, a loop over two certificates, and a caller that uses the result."""
    second = site.authority.issue(["vpn01.example.com"])
    site.save_pfx(second, "second.pfx")
    role = {
        "name": "Rotate",
        "ansible.builtin.include_role": {"name": "rras.sstp.sstp_certificate"},
        "vars": {"sstp_certificate_pfx": "{{ item }}", "sstp_certificate_pfx_password": "443", "sstp_certificate_grace_days": 0},
        "loop": ["new.pfx", "second.pfx"],
        "when": "item is match(wanted)",
    }
    collect = {
        "name": "Collect",
        "ansible.builtin.set_fact": {"seen": "{{ [sstp_certificate_result.thumbprint, sstp_certificate_result.restarted, sstp_certificate_result.retired] }}"},
    }
    before = {"name": "Something else", "ansible.builtin.debug": {"msg": "before"}}
    run = site.controller.tasks(before, role, collect, vars={"wanted": ".*"}).succeeded()
    assert run.entries[-1].result["ansible_facts"]["seen"] == [second.thumbprint.upper(), True, [site.new.thumbprint.upper()]]
    assert judge.working(site.host.state()) == []
    assert [item["thumbprint"].upper() for item in site.host.state()["certificates"]["MY"]] == [second.thumbprint.upper()]
    assert {service["starts"] for service in site.host.state()["services"].values()} == {3}

    only_second = site.controller.tasks(role, collect, vars={"wanted": "second"}).succeeded()
    assert only_second.changed == []
    assert only_second.entries[-1].result["ansible_facts"]["seen"] == [second.thumbprint.upper(), False, []]


def test_the_steps_run_one_by_one_as_entry_points(site: Site) -> None:
    variables = {name: value for name, value in site.rotation(grace_days=0).items() if name != "target"}
    for step in ("preflight", "stage", "switch", "verify", "retire"):
        role = {"name": step, "ansible.builtin.include_role": {"name": "rras.sstp.sstp_certificate", "tasks_from": step}}
        run = site.controller.tasks(role, vars=variables).succeeded()
        assert len(run.changed) == (step in ("stage", "switch", "retire")), step
    assert judge.working(site.host.state()) == []
    assert len(site.host.state()["certificates"]["MY"]) == 1


def test_of_two_hosts_one_unreachable_the_other_is_done(site: Site) -> None:
    inventory = yaml.safe_load(site.controller.inventory.read_text())
    hosts = inventory["sstp_servers"]["hosts"]
    hosts["away"] = {**hosts["vpn01"], "ansible_port": 1, "ansible_winrm_connection_timeout": 2}
    site.controller.inventory.write_text(yaml.safe_dump(inventory))
    run = site.controller.playbook("rras.sstp.rotate", variables=site.rotation()).failed()
    assert run.code == 4
    assert {entry.host for entry in run.entries if entry.status == "unreachable"} == {"away"}
    assert judge.working(site.host.state()) == []
    assert {record["hash"].upper() for record in site.host.state()["http"]} == {site.new.thumbprint.upper()}
