# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guides in docs/ tell to do, done: the plays and commands as they stand there, but for names."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from lab import judge
from running import Controller
from servers import REPOSITORY, Site
from test_modes import serving

DOCS = REPOSITORY / "docs"


def plays(guide: str) -> dict[str, dict[str, Any]]:
    """The plays of a guide, by name."""
    blocks = (yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", (DOCS / guide).read_text(), re.DOTALL))
    return {item["name"]: item for block in blocks for item in block if "hosts" in item}


@pytest.mark.simulated
def test_the_plays_of_the_rotation_guide(site: Site) -> None:
    """Staged one day, switched and verified another, retired a third."""
    told = plays("rotation.md")
    own = {"vault_pfx_password": "443", "sstp_certificate_thumbprint": site.new.thumbprint, "sstp_certificate_probe": False}
    snapshots = site.controller.folder / "snapshots"
    snapshots.mkdir()

    def run(name: str, **more: object) -> Any:
        text = yaml.safe_dump([{**told[name], "hosts": "all"}]).replace("vpn.pfx", "new.pfx").replace("/var/lib/rras/snapshots", str(snapshots))
        return site.controller.playbook(yaml.safe_load(text), variables={**own, **more}).succeeded()

    run("Bring the certificate to the servers")
    assert site.host.state()["services"]["SstpSvc"]["starts"] == 1
    assert judge.working(site.host.state()) == []
    run("Switch to the certificate that is there")
    assert site.host.state()["services"]["SstpSvc"]["starts"] == 2
    assert judge.working(site.host.state()) == []
    assert [path.name for path in snapshots.iterdir()] == ["vpn01.json"]
    retire = "Remove replaced certificates whose grace is over"
    assert run(retire).changed == []
    assert len(run(retire, sstp_certificate_grace_days=0).changed) == 1


@pytest.mark.simulated
def test_a_record_that_is_gone_comes_back_by_the_name_that_clients_dial(site: Site) -> None:
    site.host.agent.delete_record("ip", site.pair[1])
    before = site.host.digest()
    variables = {"target": "all", "sstp_certificate_dns_names": ["vpn01.example.com"], "sstp_certificate_probe": False}
    site.controller.playbook("rras.sstp.rotate", "--check", "--diff", variables=variables).succeeded()
    assert site.host.digest() == before
    site.controller.playbook("rras.sstp.rotate", variables=variables).succeeded()
    assert judge.working(site.host.state()) == []
    assert {item["thumbprint"].upper() for item in site.host.state()["certificates"]["MY"]} == {site.old.thumbprint.upper()}


@pytest.mark.parametrize("scenario", ["administrator_mode_already_right", "offload_already_right"])
def test_the_steps_of_event_21_touch_nothing_in_another_mode(request: pytest.FixtureRequest, controller: Controller, scenario: str) -> None:
    with serving(request, controller, scenario, "sim") as server:
        (controller.folder / "new.pfx").write_bytes(server.issue().pfx("443"))
        before = server.host.state()
        variables = {"target": "all", "pfx": str(controller.folder / "new.pfx"), "pfx_password": "443"}
        run = controller.playbook(DOCS / "event21.yml", variables=variables).failed()
        assert f"Nothing was touched. The server is in {scenario.partition('_')[0]} mode; use rras.sstp.rotate." in run.failures[0]
        assert server.host.state() == before


def test_half_of_the_servers_get_the_hash_before_the_balancer_is_renewed(request: pytest.FixtureRequest, controller: Controller) -> None:
    with serving(request, controller, "offload_already_right", "sim") as server:
        renewed = server.issue()
        server.rotate("-e", "sstp_certificate_balancer=", "-e", "sstp_certificate_probe=false", "-e", f"sstp_certificate_sha256={renewed.sha256}").succeeded()
        assert server.host.state()["sstpsvc"]["SHA256CertificateHash"]["value"].upper() == renewed.sha256.upper()
        assert server.findings() == ["balancer_certificate_different"]
        server.fleet.balancers["vpn01"].renew(renewed)
        assert server.findings() == []
