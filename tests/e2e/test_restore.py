# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rras.sstp.restore: a rotation is put back, whole."""

from __future__ import annotations

import pytest
from lab import judge
from lab.raw_state import as_found
from servers import Site

PARTS = ("http", "sstpsvc", "product", "services")


def test_a_rotation_is_put_back_with_every_bit(bare: Site) -> None:
    site = bare
    site.host.install(site.old, flags=0x0002 | 0x00400000, check_mode=4)
    before = as_found(site.host.state())
    rotation = site.controller.playbook("rras.sstp.rotate", variables=site.rotation()).succeeded().one("rotate")
    rotated = site.host.digest()

    restore = {"snapshot": rotation["snapshot"]}
    predicted = site.controller.task("restore", "--check", "--diff", **restore)
    assert site.host.digest() == rotated
    done = site.controller.task("restore", "--diff", **restore)
    assert (predicted["changed"], predicted["plan"], predicted["diff"]) == (True, done["plan"], done["diff"])

    after = as_found(site.host.state())
    assert {name: after[name] for name in PARTS} == {name: before[name] for name in PARTS}
    assert judge.working(site.host.state()) == []
    assert site.controller.task("restore", **restore)["changed"] is False


@pytest.mark.simulated
def test_a_snapshot_of_another_server_is_refused(site: Site) -> None:
    snapshot = site.controller.playbook("rras.sstp.rotate", variables=site.rotation()).succeeded().one("rotate")["snapshot"]
    digest = site.host.digest()
    assert "is of the server OTHER" in site.controller.refusal("restore", snapshot={**snapshot, "server": "OTHER"})
    assert site.host.digest() == digest
