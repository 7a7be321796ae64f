# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ssl_binding: single HTTP.SYS records and the pair, read and written through the API."""

from __future__ import annotations

import pytest
from servers import Site


def bound(site: Site) -> dict[str, str]:
    """endpoint -> thumbprint, by the lab's own reading."""
    return {record["endpoint"]: record["hash"].upper() for record in site.host.state()["http"]}


def test_query_gives_every_field_of_the_pair(site: Site) -> None:
    result = site.controller.task("ssl_binding", state="query")
    assert result["changed"] is False
    assert [binding["endpoint"] for binding in result["bindings"]] == list(site.pair)
    assert {binding["certificate_hash"] for binding in result["bindings"]} == {site.old.thumbprint.upper()}
    assert {binding["owner"] for binding in result["bindings"]} == {"SSTP"}


@pytest.mark.parametrize("which", [pytest.param(0, id="IPv4"), pytest.param(1, id="IPv6", marks=pytest.mark.simulated)])
def test_one_record_is_set_predicted_repeated_and_removed(site: Site, which: int) -> None:
    endpoint, other = site.pair[which], site.pair[1 - which]
    site.host.agent.import_pfx(site.new.pfx("x"), "x")
    wanted = {"endpoints": [endpoint], "certificate_hash": site.new.thumbprint, "state": "present"}
    gone = {"endpoints": [endpoint], "state": "absent"}
    before = site.host.digest()

    predicted = site.controller.task("ssl_binding", "--check", "--diff", **wanted)
    assert site.host.digest() == before
    done = site.controller.task("ssl_binding", "--diff", **wanted)
    assert predicted == done
    assert done["changed"] is True
    assert done["previous_certificate_hash"] == site.old.thumbprint.upper()
    assert done["diff"]["after"][endpoint]["certificate_hash"] == site.new.thumbprint.upper()
    assert bound(site) == {endpoint: site.new.thumbprint.upper(), other: site.old.thumbprint.upper()}
    assert site.controller.task("ssl_binding", **wanted)["changed"] is False

    after = site.host.digest()
    predicted = site.controller.task("ssl_binding", "--check", "--diff", **gone)
    assert site.host.digest() == after
    assert predicted == site.controller.task("ssl_binding", "--diff", **gone)
    assert predicted["diff"]["after"] == {endpoint: None}
    assert bound(site) == {other: site.old.thumbprint.upper()}
    assert site.controller.task("ssl_binding", **gone)["changed"] is False


@pytest.mark.simulated
def test_without_endpoints_the_pair_is_meant(bare: Site) -> None:
    bare.host.agent.import_pfx(bare.new.pfx("x"), "x")
    result = bare.controller.task("ssl_binding", certificate_hash=bare.new.thumbprint, state="present")
    assert result["changed"] is True
    assert bound(bare) == dict.fromkeys(bare.pair, bare.new.thumbprint.upper())
    assert {(r["app_id"], r["store"], r["flags"]) for r in bare.host.state()["http"]} == {("{ba195980-cd49-458b-9e23-c84ee0adcd75}", "MY", 0)}


@pytest.mark.simulated
def test_a_certificate_that_is_not_in_the_store_is_refused(site: Site) -> None:
    before = site.host.digest()
    message = site.controller.refusal("ssl_binding", certificate_hash=site.new.thumbprint, state="present")
    assert f"{site.new.thumbprint.upper()} is not in LocalMachine\\MY" in message
    assert site.host.digest() == before


@pytest.mark.simulated
def test_a_thumbprint_is_taken_as_people_paste_it(site: Site) -> None:
    site.host.agent.import_pfx(site.new.pfx("x"), "x")
    spaced = " ".join(site.new.thumbprint.lower()[i : i + 2] for i in range(0, 40, 2))
    result = site.controller.task("ssl_binding", certificate_hash="\u200e" + spaced, state="present")
    assert result["changed"] is True
    assert set(bound(site).values()) == {site.new.thumbprint.upper()}


@pytest.mark.simulated
def test_a_record_of_iis_is_changed_only_with_take_over(site: Site) -> None:
    iis = "{4dc3e181-e14b-4a21-b022-59fc669b0914}"
    site.host.agent.import_pfx(site.new.pfx("x"), "x")
    for endpoint in site.pair:
        site.host.agent.delete_record("ip", endpoint)
    site.host.bind(site.old.thumbprint, app_id=iis)
    before = site.host.digest()
    message = site.controller.refusal("ssl_binding", certificate_hash=site.new.thumbprint, state="present")
    assert "belongs to IIS" in message
    assert "take_over" in message
    assert site.host.digest() == before
    result = site.controller.task("ssl_binding", certificate_hash=site.new.thumbprint, state="present", take_over=True)
    assert result["changed"] is True
    assert {binding["owner"] for binding in result["bindings"]} == {"SSTP"}
