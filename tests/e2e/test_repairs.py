# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that findings come with: pasted as they are, they mend what was found."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
import yaml
from lab.fleet import Fleet, Member
from lab.scenario import load
from lab.wine import WineLab
from running import Controller

NAME = "vpn1"
# Scenario -> the finding whose command is pasted. Those that name NEW.pfx or other files of the user cannot be pasted as they are.
CASES = {
    "no_records": "binding_missing",
    "pair_differs": "binding_mismatch",
    "stale_hash": "registry_sha256_different",
    "hash_missing": "registry_sha256_missing",
    "sha1_hash_too_long": "registry_sha1_malformed",
    "renewed_in_store_only": "certificate_expiring",
    "rras_stopped": "rras_stopped",
    "rasman_died": "rras_dependency_stopped",
    "sstpsvc_died": "sstp_stopped",
    "exact_address_hides_the_pair": "binding_hidden",
    "keys_left_behind": "key_orphaned",
    "administrator_pair_differs": "binding_mismatch",
    "interrupted": "rotation_interrupted",
    "acme_tool_renewed_iis": "binding_foreign_app_id",
}
ON_WINE = {"no_records": "binding_missing"}


def audit(controller: Controller) -> list[dict[str, Any]]:
    run = controller.playbook("rras.sstp.audit", variables={"fail_on": "never", "events_hours": 0, "dest": ""})
    findings: list[dict[str, Any]] = run.one("audit")["findings"]
    return findings


def paste(controller: Controller, rule: str, fleet: Fleet) -> None:
    inventory = yaml.safe_load(fleet.write(controller.folder).read_text())
    _forget_certificate(inventory)
    controller.inventory.write_text(yaml.safe_dump(inventory))
    before = next(finding for finding in audit(controller) if finding["id"] == rule)
    repair = before["repair"]
    # The lab's hosts are on loopback, at ports of their own, where nobody probes them.
    words = [*shlex.split(repair), *(("-e", "sstp_certificate_probe=false") if repair.startswith("ansible-playbook") else ())]
    done = controller.command(words)
    assert done.returncode == 0, f"{repair}\n{done.stdout}"
    after = next((finding for finding in audit(controller) if (finding["id"], finding["subject"]) == (rule, before["subject"])), None)
    # A record that is shared is no error any more; of several keys the command removes the one that it names.
    assert after is None or (after["severity"], after["actual"]) != (before["severity"], before["actual"]), f"{repair}\n{done.stdout}\nstill: {after}"


def _forget_certificate(inventory: Any) -> None:
    """The lab's inventories say to which certificate each host is rotated: the commands would leave that to them."""
    for name in [name for name in inventory if str(name).startswith("sstp_certificate_")]:
        del inventory[name]
    for below in inventory.values():
        if isinstance(below, dict):
            _forget_certificate(below)


def test_a_command_leaves_the_certificate_to_an_inventory_that_names_it(controller: Controller) -> None:
    with Fleet([Member(NAME, load("no_records"))]) as fleet:
        controller.inventory.write_text(fleet.write(controller.folder).read_text())
        repair = next(finding for finding in audit(controller) if finding["id"] == "binding_missing")["repair"]
        assert "sstp_certificate_" not in repair
        assert controller.command([*shlex.split(repair), "-e", "sstp_certificate_probe=false"]).returncode == 0
        assert "binding_missing" not in [finding["id"] for finding in audit(controller)]


@pytest.mark.parametrize("scenario", CASES)
def test_the_command_mends_it(controller: Controller, scenario: str) -> None:
    with Fleet([Member(NAME, load(scenario))]) as fleet:
        paste(controller, CASES[scenario], fleet)


@pytest.mark.parametrize("scenario", ON_WINE)
def test_the_command_mends_it_on_wine(controller: Controller, wine_lab: WineLab, scenario: str) -> None:
    with Fleet([Member(NAME, load(scenario))], start=lambda host, spec: wine_lab.host(host, **spec.host_options("wine"))) as fleet:
        paste(controller, ON_WINE[scenario], fleet)
