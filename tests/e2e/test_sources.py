# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates as people have them, through the role: PEM files, names in the store, and what is refused."""

from __future__ import annotations

import codecs

import pytest
from lab import judge
from servers import Site
from test_secrets import files_holding, key_bytes, key_text

NAME = "vpn01.example.com"


def rotation(**variables: object) -> dict[str, object]:
    return {"target": "all", **{f"sstp_certificate_{name}": value for name, value in variables.items()}}


def save(site: Site, name: str, data: bytes) -> str:
    (site.controller.folder / name).write_bytes(data)
    return name


def bound(site: Site) -> set[str]:
    return {record["hash"].upper() for record in site.host.state()["http"]}


def test_pem_files_with_an_encrypted_key(site: Site) -> None:
    """A chain in UTF-16 and in the wrong order, as an editor on Windows saves it; nothing of the key is left anywhere."""
    password = "correct horse battery staple 9c4"
    chain = site.authority.root_pem + site.new.pem()
    save(site, "fullchain.pem", codecs.BOM_UTF16_LE + chain.decode().encode("utf-16-le"))
    save(site, "privkey.pem", site.new.key_pem(password))
    variables = rotation(certificate="fullchain.pem", private_key="privkey.pem", private_key_password=password, dns_names=[NAME])
    predicted = site.controller.playbook("rras.sstp.rotate", "--check", variables=variables).succeeded()
    run = site.controller.playbook("rras.sstp.rotate", "-vvvv", "--diff", variables=variables).succeeded()
    assert predicted.changed == run.changed
    assert bound(site) == {site.new.thumbprint.upper()}
    assert judge.working(site.host.state()) == []
    assert site.controller.playbook("rras.sstp.rotate", variables=variables).succeeded().changed == []
    log = (site.controller.folder / "winrm.log").read_text()
    assert password not in run.output + log
    assert key_text(site.new) not in run.output + log
    for place in (site.controller.folder, site.host.drive / "users", site.host.drive / "windows" / "temp"):
        assert files_holding(place, key_bytes(site.new)) == []


@pytest.mark.simulated
def test_the_content_of_pem_may_be_given(site: Site) -> None:
    text = "subject=CN = vpn01.example.com, O = Lab\n" + site.new.pem().decode()
    variables = rotation(certificate=site.new.pem().decode(), private_key=site.new.key_pem().decode(), chain=text)
    site.controller.playbook("rras.sstp.rotate", variables=variables).succeeded()
    assert bound(site) == {site.new.thumbprint.upper()}


@pytest.mark.simulated
def test_the_newest_fit_certificate_of_the_store_is_chosen_by_its_names(site: Site) -> None:
    other = site.authority.issue(["other.example.com"])
    for issued in (site.new, other):
        site.host.keep(issued)
    variables = rotation(dns_names=[NAME])
    audit = site.controller.playbook("rras.sstp.rotate", "--check", variables=variables).succeeded().one("audit")
    assert {one["thumbprint"]: one["rules"] for one in audit["candidate"]["passed_over"]}[other.thumbprint.upper()] == ["name_missing"]
    chosen = audit["candidate"]["thumbprint"]
    assert chosen in {site.old.thumbprint.upper(), site.new.thumbprint.upper()}
    site.controller.playbook("rras.sstp.rotate", variables=variables).succeeded()
    assert bound(site) == {chosen}


@pytest.mark.simulated
def test_names_that_no_certificate_covers_change_nothing(site: Site) -> None:
    digest = site.host.digest()
    run = site.controller.playbook("rras.sstp.rotate", variables=rotation(dns_names=["other.example.com"])).failed()
    assert f"{site.old.thumbprint.upper()} (CN={NAME}) is not for other.example.com" in run.output
    assert site.host.digest() == digest


@pytest.mark.simulated
def test_a_certificate_that_does_not_cover_the_names_is_refused(site: Site) -> None:
    digest = site.host.digest()
    run = site.controller.playbook("rras.sstp.rotate", variables=site.rotation(dns_names=["other.example.com"])).failed()
    assert "is not for other.example.com, but for vpn01.example.com" in run.output
    assert site.host.digest() == digest


@pytest.mark.simulated
def test_a_key_of_another_certificate_is_refused_before_the_server_is_asked(site: Site) -> None:
    save(site, "new.pem", site.new.pem())
    save(site, "old.key", site.old.key_pem())
    run = site.controller.playbook("rras.sstp.rotate", variables=rotation(certificate="new.pem", private_key="old.key")).failed()
    assert "does not belong to its certificate" in run.output
    assert site.winrm.calls("vpn01") == 0


@pytest.mark.simulated
def test_a_severity_lets_a_certificate_through(site: Site) -> None:
    client = site.authority.issue([NAME], eku=None)
    site.save_pfx(client, "new.pfx")
    strict = site.controller.playbook("rras.sstp.rotate", variables=site.rotation(severities={"eku_absent": "error"})).failed()
    assert "has no extended key usage" in strict.output
    site.controller.playbook("rras.sstp.rotate", variables=site.rotation()).succeeded()
    assert bound(site) == {client.thumbprint.upper()}
