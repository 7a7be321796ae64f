# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a certificate on a host, from import to retirement, on both kinds of hosts; what Wine lacks (CNG, ECDSA) on simulated ones alone."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import module_call
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding
from lab import pki, settings
from lab.scenario import orphans
from lab.sim.host import SimHost
from lab.sim.store import CSP, KSP
from needs_wine import prepared_lab
from scenario_driver import Driver, SstpError, audit_action, certificate_action, info_action, rotate_action

AUTHORITY = pki.Authority()
OLD, NEW = (AUTHORITY.issue(["vpn.example.com"]) for _ in range(2))
ROOT, INTERMEDIATE = (certificate.public_bytes(Encoding.PEM).decode() for certificate in (AUTHORITY.root, AUTHORITY.intermediate))
ROOT_HASH, INTERMEDIATE_HASH = (certificate.fingerprint(hashes.SHA1()).hex() for certificate in (AUTHORITY.root, AUTHORITY.intermediate))


@pytest.fixture(params=["sim", "wine"])
def host(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A server that works, on OLD."""
    with SimHost("vpn01") if request.param == "sim" else prepared_lab().host("vpn01") as fresh:
        fresh.install(OLD)
        fresh.trust(AUTHORITY)
        yield fresh


@pytest.fixture
def sim() -> Iterator[SimHost]:
    with SimHost("vpn01") as fresh:
        fresh.install(OLD)
        fresh.trust(AUTHORITY)
        yield fresh


def driver(host: Any, *, check_mode: bool = False) -> Driver:
    if isinstance(host, SimHost):
        return Driver(host.call, check_mode=check_mode)
    return Driver(lambda options: module_call.call(host, options), check_mode=check_mode)


def certificate(host: Any, *, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    return driver(host, check_mode=check_mode).perform(certificate_action, **options)


def bring(host: Any, issued: pki.Issued = NEW, **options: Any) -> dict[str, Any]:
    return certificate(host, pfx=base64.b64encode(issued.pfx("x")).decode(), pfx_password="x", **options)


def retire(host: Any, issued: pki.Issued, **options: Any) -> dict[str, Any]:
    return certificate(host, state="absent", thumbprint=issued.thumbprint, **options)


def switch(host: Any, issued: pki.Issued = NEW) -> None:
    assert driver(host).perform(rotate_action, thumbprint=issued.thumbprint, service_timeout=60)["changed"]


def held_by(host: Any, issued: pki.Issued) -> list[str]:
    with pytest.raises(SstpError, match="still used") as caught:
        retire(host, issued)
    found: list[str] = caught.value.facts["used_by"]  # type: ignore[assignment]
    return found


def stores(host: Any) -> dict[str, list[str]]:
    return {name: sorted(item["thumbprint"] for item in content) for name, content in host.state()["certificates"].items() if content}


def key_of(host: Any, issued: pki.Issued) -> dict[str, Any] | None:
    found = next((item for item in host.state()["certificates"].get("MY", []) if item["thumbprint"] == issued.thumbprint), None)
    return found["key"] if found else None


# --- import and proof ---


def test_an_import_proves_the_key_and_brings_the_issuers(host: Any) -> None:
    host.agent.delete_certificate(INTERMEDIATE_HASH, "CA")
    predicted = bring(host, check_mode=True)
    result = bring(host)
    assert (predicted["changed"], result["changed"]) == (True, True)
    assert predicted["chain"] == result["chain"]
    assert [(item["thumbprint"], item["state"]) for item in result["chain"]] == [(INTERMEDIATE_HASH.upper(), "imported")]
    assert result["certificate"]["private_key"]["state"] == "proven"
    assert INTERMEDIATE_HASH in stores(host)["CA"]
    assert key_of(host, NEW)["exportable"] in (False, None)
    assert result["problems"] == []


def test_a_second_import_changes_nothing(host: Any) -> None:
    bring(host)
    before = host.state()["certificates"]
    result = bring(host)
    assert result["changed"] is False
    assert [item["state"] for item in result["chain"]] == ["present"]
    assert host.state()["certificates"] == before
    key = result["certificate"]["private_key"]
    assert (key["state"], key["exportable"], key["machine"], key["acl_problem"]) == ("proven", False, True, None)


def test_a_missing_issuer_alone_is_brought_without_touching_the_key(host: Any) -> None:
    bring(host)
    key = key_of(host, NEW)
    host.agent.delete_certificate(INTERMEDIATE_HASH, "CA")
    result = bring(host)
    assert result["changed"] is True
    assert INTERMEDIATE_HASH in stores(host)["CA"]
    assert key_of(host, NEW) == key


def test_a_root_is_trusted_only_when_asked(host: Any) -> None:
    host.agent.delete_certificate(ROOT_HASH, "ROOT")
    result = bring(host, chain=[ROOT])
    assert {item["certificate_store_name"]: item["state"] for item in result["chain"]} == {"CA": "present", "ROOT": "absent"}
    assert ROOT_HASH not in stores(host).get("ROOT", [])
    result = bring(host, chain=[ROOT], trust_root=True)
    assert (result["changed"], result["certificate"]["private_key"]["state"]) == (True, "proven")
    assert ROOT_HASH in stores(host)["ROOT"]


def test_an_exportable_key_is_told_as_such(host: Any) -> None:
    bring(host, exportable=True)
    assert bring(host)["certificate"]["private_key"]["exportable"] is True


def test_a_certificate_without_its_key_is_repaired(host: Any) -> None:
    host.agent.add_certificate(NEW.der)
    result = bring(host)
    assert result["changed"] is True
    assert result["certificate"]["private_key"]["state"] == "proven"
    assert bring(host)["changed"] is False


@pytest.mark.parametrize("function", ["CertAddEncodedCertificateToStore", "PFXImportCertStore", "CryptAcquireCertificatePrivateKey"])
def test_an_import_that_fails_leaves_nothing(sim: SimHost, function: str) -> None:
    """The last one: the key is there, and does not sign."""
    sim.agent.delete_certificate(INTERMEDIATE_HASH, "CA")
    before = sim.state()["certificates"]
    sim.agent.fault(function, 5, times=0)
    with pytest.raises(SstpError):
        bring(sim)
    assert sim.state()["certificates"] == before
    sim.agent.clear_faults()
    assert bring(sim)["changed"] is True


def test_what_an_import_brought_for_nothing_goes_with_its_issuers(sim: SimHost) -> None:
    sim.agent.delete_certificate(INTERMEDIATE_HASH, "CA")
    before = sim.state()["certificates"]
    brought = [item["thumbprint"] for item in bring(sim)["chain"] if item["state"] == "imported"]
    assert retire(sim, NEW, issuers=brought)["changed"] is True
    assert sim.state()["certificates"] == before
    assert certificate(sim, state="absent", issuers=brought)["changed"] is False


# --- retirement ---


def test_a_retired_certificate_leaves_no_key_behind(host: Any) -> None:
    bring(host)
    switch(host)
    container = key_of(host, OLD)["container"]
    assert retire(host, OLD)["changed"] is True
    assert OLD.thumbprint not in stores(host)["MY"]
    assert container not in host.agent.certificates()["containers"]
    assert retire(host, OLD)["changed"] is False


def test_a_certificate_that_is_bound_stays(host: Any) -> None:
    assert held_by(host, OLD)[:2] == [f"the HTTP.SYS record of {address}:{host.port} (SSTP)" for address in ("0.0.0.0", "[::]")]


def test_a_shared_private_key_stays(host: Any) -> None:
    bring(host)
    host.keep(OLD, "WebHosting")
    switch(host)
    host.agent.share_key(OLD.thumbprint, "WebHosting", OLD.thumbprint)
    assert held_by(host, OLD) == [rf"the certificate {OLD.thumbprint.upper()} of LocalMachine\WEBHOSTING, which has the same private key"]
    assert OLD.thumbprint in stores(host)["MY"]


@pytest.mark.parametrize(
    ("program", "owner"),
    [
        ("WinRM", "WinRM ("),
        ("RDP", "Remote Desktop ("),
        ("IIS FTP", "IIS ("),
        ("NPS", "NPS ("),
        ("Web Management Service", "the Web Management Service of IIS ("),
        ("IKEv2", "IKEv2, "),
    ],
)
def test_a_certificate_that_another_program_names_stays(sim: SimHost, program: str, owner: str) -> None:
    bring(sim)
    settings.name_certificate(sim, program, NEW)
    (user,) = held_by(sim, NEW)
    assert user.startswith(owner)
    assert NEW.thumbprint in stores(sim)["MY"]


def test_all_programs_on_one_host_are_named(host: Any) -> None:
    bring(host)
    for program in settings.PROGRAMS:
        settings.name_certificate(host, program, NEW)
    assert len(held_by(host, NEW)) == len(settings.PROGRAMS)


# --- key containers that nobody names ---


def test_an_orphaned_container_is_listed_and_removed_when_asked(host: Any) -> None:
    bring(host)
    container = key_of(host, NEW)["container"]
    host.agent.delete_certificate(NEW.thumbprint)
    assert container in orphans(host.agent.certificates())
    (finding,) = [item for item in driver(host).perform(audit_action)["findings"] if item["id"] == "key_orphaned"]
    assert (finding["severity"], container in finding["actual"]) == ("info", True)
    listed = driver(host).perform(info_action)["server"]["orphaned_key_containers"]
    assert [item["container"] for item in listed] == [container]
    assert certificate(host, state="absent", key_container=container, check_mode=True)["changed"] is True
    assert certificate(host, state="absent", key_container=container)["changed"] is True
    assert container not in orphans(host.agent.certificates())
    assert certificate(host, state="absent", key_container=container)["changed"] is False


def test_a_service_may_have_stores_of_its_own_or_none() -> None:
    """Wine opens none of them, which is told: as long as not all can be read, no container is taken for one that nobody names."""
    with prepared_lab().host("vpn01") as host:
        host.install(OLD)
        services = r"SOFTWARE\Microsoft\Cryptography\Services"
        host.agent.create_key(rf"{services}\Without")
        assert [text.partition(":")[0] for text in driver(host).perform(info_action)["server"]["unread"]] == ["Not all key containers could be listed"]
        host.agent.create_key(rf"{services}\NTDS\SystemCertificates\My")
        assert driver(host).perform(info_action)["server"]["unread"][0].startswith("Who shares private keys could not be read in full: ")
        container = key_of(host, OLD)["container"]
        host.agent.delete_certificate(OLD.thumbprint)
        with pytest.raises(SstpError, match="not every store could be read"):
            certificate(host, state="absent", key_container=container)


def test_a_container_that_a_certificate_names_stays(host: Any) -> None:
    container = key_of(host, OLD)["container"]
    with pytest.raises(SstpError, match=f"the private key of {OLD.thumbprint.upper()} of LocalMachine.MY is in it"):
        certificate(host, state="absent", key_container=container)
    assert driver(host).perform(info_action)["server"]["orphaned_key_containers"] == []


# --- what Wine lacks (assumed) ---


def test_a_key_goes_into_cng_when_asked(sim: SimHost) -> None:
    assert bring(sim, key_provider="cng")["certificate"]["private_key"]["provider"] == KSP
    assert bring(sim)["changed"] is False


@pytest.mark.parametrize("curve", [SECP256R1, SECP384R1])
def test_ecdsa_lives_as_rsa_does(sim: SimHost, curve: Any) -> None:
    issued = AUTHORITY.issue(["vpn.example.com"], key=generate_private_key(curve()))
    key = bring(sim, issued)["certificate"]["private_key"]
    assert (key["state"], key["provider"]) == ("proven", KSP)
    switch(sim, issued)
    assert retire(sim, OLD)["changed"] is True
    with pytest.raises(SstpError, match="still used"):
        retire(sim, issued)


def test_rsa_goes_where_windows_has_it(sim: SimHost) -> None:
    assert bring(sim)["certificate"]["private_key"]["provider"] == CSP


def test_a_key_that_system_cannot_read_is_no_key_for_http(sim: SimHost) -> None:
    bring(sim)
    sim.agent.set_key(NEW.thumbprint, security="D:(A;;GA;;;NS)")
    key = certificate(sim, state="query", thumbprint=NEW.thumbprint)["certificate"]["private_key"]
    assert key["state"] == "proven"
    assert "does not let SYSTEM" in key["acl_problem"]
    with pytest.raises(SstpError, match="is not usable: its ACL does not let SYSTEM") as caught:
        driver(sim).perform(rotate_action, thumbprint=NEW.thumbprint)
    assert caught.value.facts["rule"] == "key_unusable"
    assert bring(sim)["changed"] is True
    assert bring(sim)["changed"] is False
