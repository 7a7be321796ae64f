# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/rollback.yml: the last rotation of each host is put back from what the role has saved on the controller."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lab import judge
from lab.fleet import Fleet, Member
from lab.raw_state import as_found
from lab.scenario import load
from running import Controller

NAMES = ("vpn01", "vpn02")
PARTS = ("http", "sstpsvc", "services")


def states(fleet: Fleet) -> dict[str, dict[str, Any]]:
    return {name: {part: value for part, value in as_found(host.state()).items() if part in PARTS} for name, host in fleet.hosts.items()}


def saved(controller: Controller) -> Path:
    folder = controller.folder / "snapshots"
    folder.mkdir()
    return folder


def test_a_rotation_is_saved_and_put_back(controller: Controller) -> None:
    """One server in automatic mode and one in administrator mode."""
    with Fleet([Member("vpn01", load("flags_and_fields_are_kept")), Member("vpn02", load("administrator_mode"))]) as fleet:
        controller.inventory.write_text(fleet.write(controller.folder).read_text())
        folder, before = saved(controller), states(fleet)
        where = {"sstp_certificate_snapshot_dir": str(folder), "sstp_certificate_probe": False}
        controller.playbook("rras.sstp.rotate", "--check", variables=where).succeeded()
        assert list(folder.iterdir()) == []
        controller.playbook("rras.sstp.rotate", variables=where).succeeded()
        assert sorted(path.name for path in folder.iterdir()) == ["vpn01.json", "vpn02.json"]
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
        assert json.loads((folder / "vpn01.json").read_text())["server"] == "VPN01"
        assert states(fleet) != before

        rotated = states(fleet)
        predicted = controller.playbook("rras.sstp.rollback", "--check", "--diff", "-e", f"snapshot_dir={folder}").succeeded()
        assert (predicted.changed, states(fleet)) == (["Put it back"] * 2, rotated)
        controller.playbook("rras.sstp.rollback", "-e", f"snapshot_dir={folder}").succeeded()
        assert states(fleet) == before
        assert [judge.working(host.state()) for host in fleet.hosts.values()] == [[], []]
        assert controller.playbook("rras.sstp.rollback", "-e", f"snapshot_dir={folder}").succeeded().changed == []


def test_an_older_snapshot_is_kept(controller: Controller) -> None:
    with Fleet([Member("vpn01", load("healthy"))]) as fleet:
        controller.inventory.write_text(fleet.write(controller.folder).read_text())
        folder = saved(controller)
        (folder / "vpn01.json").write_text("{}")
        controller.playbook("rras.sstp.rotate", variables={"sstp_certificate_snapshot_dir": str(folder), "sstp_certificate_probe": False}).succeeded()
        assert len(list(folder.glob("vpn01.json*"))) == 2


def test_a_host_without_a_snapshot_is_said_and_the_others_go_on(controller: Controller) -> None:
    with Fleet([Member(name, load("healthy")) for name in NAMES]) as fleet:
        controller.inventory.write_text(fleet.write(controller.folder).read_text())
        folder, before = saved(controller), states(fleet)
        where = {"sstp_certificate_snapshot_dir": str(folder), "sstp_certificate_probe": False}
        controller.playbook("rras.sstp.rotate", variables=where).succeeded()
        (folder / "vpn02.json").unlink()
        rotated = states(fleet)
        run = controller.playbook("rras.sstp.rollback", "-e", f"snapshot_dir={folder}").failed()
        assert run.failures_of("vpn02") == [
            f"There is no snapshot {folder}/vpn02.json on the controller; name the directory that the rotation saved to as snapshot_dir."
        ]
        assert states(fleet) == {"vpn01": before["vpn01"], "vpn02": rotated["vpn02"]}
