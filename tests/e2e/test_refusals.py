# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot end well is refused in one sentence, and nothing is changed."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from servers import Site

IIS = "{4dc3e181-e14b-4a21-b022-59fc669b0914}"
SSTPSVC = r"SYSTEM\CurrentControlSet\Services\SstpSvc\Parameters"


# It is the controller that refuses: what a simulated host answers is held to the real back-end by the test of parity.
pytestmark = pytest.mark.simulated


def refused(site: Site, **variables: object) -> str:
    """Rotate, which must fail with one message and change nothing; the message."""
    before = site.host.digest()
    run = site.controller.playbook("rras.sstp.rotate", variables=site.rotation() | variables).failed()
    assert site.host.digest() == before
    (message,) = set(run.failures)
    assert message.count("\n") == 0
    return message


def test_wrong_pfx_password(site: Site) -> None:
    assert "cannot be opened with the password given; check pfx_password" in refused(site, sstp_certificate_pfx_password="444")


def test_pfx_without_a_key(site: Site) -> None:
    (site.controller.folder / "nokey.pfx").write_bytes(site.new.pfx("443", with_key=False))
    assert "has no private key" in refused(site, sstp_certificate_pfx="nokey.pfx")


def test_no_such_file(site: Site) -> None:
    assert "missing.pfx cannot be read on the controller" in refused(site, sstp_certificate_pfx="missing.pfx")


def test_certificate_for_clients_only(site: Site) -> None:
    site.save_pfx(site.authority.issue(["vpn01.example.com"], eku=[ExtendedKeyUsageOID.CLIENT_AUTH]), "client.pfx")
    assert "has neither Server Authentication nor Any Purpose" in refused(site, sstp_certificate_pfx="client.pfx")


def test_expired_certificate(site: Site) -> None:
    now = dt.datetime.now(dt.timezone.utc)
    expired = site.authority.issue(["vpn01.example.com"], not_before=now - dt.timedelta(days=90), not_after=now - dt.timedelta(days=1))
    site.save_pfx(expired, "expired.pfx")
    assert "has expired on" in refused(site, sstp_certificate_pfx="expired.pfx")


def test_sstp_is_not_installed(bare: Site) -> None:
    for name in ("RemoteAccess", "RasMan", "SstpSvc"):
        bare.host.agent.delete_service(name)
    assert "SSTP is not installed on this host" in refused(bare)


@pytest.mark.parametrize("function", ["HttpSetServiceConfiguration", "HttpUpdateServiceConfiguration"])
def test_access_is_denied(bare: Site, function: str) -> None:
    """The certificate was staged by then: it is taken away again with its key."""
    site = bare
    site.host.install(site.old, bind=function != "HttpSetServiceConfiguration", start=False)
    site.host.agent.fault(function, 5, times=0)
    message = refused(site, sstp_certificate_service_state="as_found")
    assert "access is denied" in message
    assert f"{function} gave 5" in message


def test_record_of_iis_without_take_over(site: Site) -> None:
    for endpoint in site.pair:
        site.host.agent.delete_record("ip", endpoint)
    site.host.bind(site.old.thumbprint, app_id=IIS)
    message = refused(site)
    assert "belongs to IIS" in message
    assert "take_over" in message
    site.controller.playbook("rras.sstp.rotate", variables=site.rotation(take_over=True)).succeeded()
    records = site.host.state()["http"]
    assert {(record["hash"].upper(), record["app_id"]) for record in records} == {(site.new.thumbprint.upper(), IIS)}


def test_a_certificate_that_the_balancer_may_not_have_yet(site: Site) -> None:
    site.host.agent.set_value(SSTPSVC, "UseHttps", 0)
    assert "give the balancer, so that the controller reads it" in refused(site)


def test_neither_pfx_nor_thumbprint(site: Site) -> None:
    message = refused(site, sstp_certificate_pfx="")
    assert "Give sstp_certificate_pfx, sstp_certificate_certificate, sstp_certificate_thumbprint or sstp_certificate_dns_names" in message


def test_no_windows_host(controller) -> None:
    controller.inventory.write_text("all: {hosts: {here: {ansible_connection: local}}}")
    assert "no connection to a Windows host (the connection is local)" in controller.refusal("audit")
