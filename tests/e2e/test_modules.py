# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The other modules: certificate, restart, server_info; and the steps of Event 21 with all of them."""

from __future__ import annotations

import json

import pytest
from lab import judge
from servers import REPOSITORY, Site


def thumbprints(site: Site) -> set[str]:
    return {item["thumbprint"].upper() for item in site.host.state()["certificates"]["MY"]}


def test_a_pfx_is_imported_with_a_key_that_signs(site: Site) -> None:
    wanted = {"pfx": "new.pfx", "pfx_password": "443", "friendly_name": "VPN \u00fcber alles"}
    before = site.host.digest()
    predicted = site.controller.task("certificate", "--check", "--diff", **wanted)
    assert site.host.digest() == before
    done = site.controller.task("certificate", "--diff", **wanted)
    assert predicted.keys() == done.keys()
    assert predicted["diff"] == done["diff"]
    assert done["changed"] is True
    assert done["certificate"]["private_key"]["state"] == "proven"
    (stored,) = [item for item in site.host.state()["certificates"]["MY"] if item["thumbprint"].upper() == done["thumbprint"]]
    assert stored["friendly_name"] == "VPN \u00fcber alles"
    assert stored["key"]["opens"] is True
    assert site.controller.task("certificate", **wanted)["changed"] is False


def test_a_certificate_goes_with_its_key_but_never_while_it_is_used(site: Site) -> None:
    site.host.agent.import_pfx(site.new.pfx("x"), "x")
    containers = site.host.state()["containers"]
    before = site.host.digest()
    message = site.controller.refusal("certificate", thumbprint=site.old.thumbprint, state="absent")
    assert f"the HTTP.SYS record of {site.pair[0]} (SSTP)" in message
    assert "the SHA-256 hash of SstpSvc" in message
    assert site.host.digest() == before
    assert site.controller.task("certificate", "--check", thumbprint=site.new.thumbprint, state="absent")["changed"] is True
    assert site.host.digest() == before
    assert site.controller.task("certificate", thumbprint=site.new.thumbprint, state="absent")["changed"] is True
    assert thumbprints(site) == {site.old.thumbprint.upper()}
    assert len(site.host.state()["containers"]) == len(containers) - 1
    assert site.controller.task("certificate", thumbprint=site.new.thumbprint, state="absent")["changed"] is False


def test_restart_stops_and_starts_once(site: Site) -> None:
    before = site.host.digest()
    assert site.controller.task("restart", "--check")["changed"] is True
    assert site.host.digest() == before
    assert site.controller.task("restart")["services"] == {"SstpSvc": "running", "RasMan": "running", "RemoteAccess": "running"}
    assert {service["starts"] for service in site.host.state()["services"].values()} == {2}


@pytest.mark.simulated
def test_server_info_says_what_uses_a_certificate(site: Site) -> None:
    server = site.controller.task("server_info")["server"]
    (certificate,) = server["certificates"]
    assert certificate["thumbprint"] == site.old.thumbprint.upper()
    assert certificate["private_key"]["state"] == "proven"
    assert len(certificate["used_by"]) == 3
    assert [served["thumbprint"] for served in server["served"]] == [site.old.thumbprint.upper()] * 2
    assert (server["mode"], server["port"], server["installed"]) == ("automatic", site.host.port, True)


def test_the_steps_of_event_21_run_as_they_stand(site: Site) -> None:
    site.host.agent.delete_certificate(site.old.thumbprint)
    site.host.agent.delete_value(r"SYSTEM\CurrentControlSet\Services\SstpSvc\Parameters", "SHA256CertificateHash")
    site.host.restart()
    assert any(event.startswith("21") for event in site.host.state()["events"])
    variables = {"target": "all", "pfx": str(site.controller.folder / "new.pfx"), "pfx_password": "443"}
    before = site.host.digest()
    site.controller.playbook(REPOSITORY / "docs" / "event21.yml", "--check", variables=variables)
    assert site.host.digest() == before
    site.controller.playbook(REPOSITORY / "docs" / "event21.yml", variables=variables).succeeded()
    assert judge.working(site.host.state()) == []
    assert thumbprints(site) == {site.new.thumbprint.upper()}


def test_the_selftest_for_real_servers_runs_and_cleans_up(site: Site) -> None:
    """ECDSA is what Wine cannot do, and it must say so rather than claim it."""
    site.host.connect_clients(3)
    before = site.host.digest()
    variables = {"target": "all", "selftest_port": 44399, "dest": str(site.controller.folder)}
    run = site.controller.playbook("rras.sstp.selftest", variables=variables).succeeded()
    assert site.host.digest() == before
    facts = json.loads((site.controller.folder / "selftest-vpn01.json").read_text())["facts"]
    assert (facts["event_log_is_read"], facts["event_log_error"]) == (True, "")
    assert facts["rsa_key_signs"]["state"] == "proven", run.output
    assert isinstance(facts["ecdsa_key_signs"], str)
    assert facts["issuers_in_ca_and_root"]
    assert [sentence.partition(":")[0] for sentence in facts["who_uses_certificates_is_not_all_read"]] == ["Not all key containers could be listed"]
    assert facts["record_is_given_back_as_set"] is True
    assert facts["httpupdate_is_there_and_atomic"] is True
    assert (facts["uncommon_settings_are_kept"], facts["unknown_flag_bit_is_taken"]) == ("applied", "applied")
    assert facts["missing_certificate_gives"] == 1312
    assert facts["failed_transaction_is_undone"] is True
    assert facts["lost_answer_is_kept"] is True
    assert facts["sni_record_is_given_back_as_set"] is True
    assert (facts["mode"], facts["rras_says"]["available"], facts["rras_says"]["error"]) == ("automatic", True, None)
    assert [adapter["kind"] for adapter in facts["network_adapters"]] == ["loopback", "ethernet", "ethernet"]
    assert (facts["vpn_sessions"], facts["minutes_ahead_of_utc"]) == ({"count": 3, "error": None}, 0)
    assert facts["nothing_is_left"] is True


@pytest.mark.simulated
def test_an_audit_is_one_call(site: Site) -> None:
    site.controller.playbook("rras.sstp.audit", variables={"target": "all"}).succeeded()
    assert site.winrm.calls("vpn01") == 1
