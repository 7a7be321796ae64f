# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_hash: the values of SstpSvc."""

from __future__ import annotations

from typing import Any

import pytest
from servers import Site

# The changes of registry values themselves are held to Windows' own API by the test of parity, and by rotations under Wine.
pytestmark = pytest.mark.simulated


def values(site: Site) -> dict[str, Any]:
    """Name -> value of the hashes, by the lab's own reading."""
    sstpsvc = site.host.state()["sstpsvc"]
    return {name: sstpsvc[name]["value"].upper() for name in sstpsvc if "Hash" in name}


def test_query_shows_both_hashes(site: Site) -> None:
    result = site.controller.task("registry_hash", state="query")
    assert result["registry"] == {"sha256": site.old.sha256.upper(), "sha1": site.old.thumbprint.upper()}
    assert result["changed"] is False


def test_a_single_hash_is_set_predicted_and_repeated(site: Site) -> None:
    wanted = {"sha256": site.new.sha256, "state": "present"}
    before = site.host.digest()
    predicted = site.controller.task("registry_hash", "--check", "--diff", **wanted)
    assert site.host.digest() == before
    done = site.controller.task("registry_hash", "--diff", **wanted)
    assert predicted == done
    assert done["changed"] is True
    assert done["diff"]["before"]["sha256"] == site.old.sha256.upper()
    assert done["diff"]["after"]["sha256"] == site.new.sha256.upper()
    assert values(site) == {"SHA256CertificateHash": site.new.sha256.upper(), "SHA1CertificateHash": site.old.thumbprint.upper()}
    assert site.controller.task("registry_hash", **wanted)["changed"] is False


def test_both_hashes_are_removed_predicted_and_repeated(site: Site) -> None:
    before = site.host.digest()
    predicted = site.controller.task("registry_hash", "--check", "--diff", state="absent")
    assert site.host.digest() == before
    done = site.controller.task("registry_hash", "--diff", state="absent")
    assert predicted == done
    assert done["diff"]["after"] == {"sha256": None, "sha1": None}
    assert values(site) == {}
    assert site.controller.task("registry_hash", state="absent")["changed"] is False


def test_one_hash_is_removed_and_the_other_stays(site: Site) -> None:
    site.controller.task("registry_hash", state="absent", hashes=["sha1"])
    assert values(site) == {"SHA256CertificateHash": site.old.sha256.upper()}


def test_a_hash_of_the_wrong_length_is_refused(site: Site) -> None:
    before = site.host.digest()
    assert "must be 64 hexadecimal digits" in site.controller.refusal("registry_hash", state="present", sha256=site.new.thumbprint)
    assert site.host.digest() == before
