# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What crosses to the back-end, to the letter: docs/backend.md is its contract."""

from __future__ import annotations

import dataclasses
import json

import certificate_factory
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils import changes as module
from ansible_collections.rras.sstp.plugins.plugin_utils.changes import (
    Await,
    DeleteCertificate,
    DeleteKey,
    DeleteRecord,
    DeleteValue,
    Forgotten,
    Hold,
    ImportCertificate,
    ImportPfx,
    Plan,
    SetRecord,
    SetRemoteAccess,
    SetServices,
    SetValue,
    serves,
    service_is,
    value_is,
)
from ansible_collections.rras.sstp.plugins.plugin_utils.inputs import Endpoint
from ansible_collections.rras.sstp.plugins.plugin_utils.names import PREDECESSORS_KEY, SSTP_APP_ID, SSTP_KEY
from ansible_collections.rras.sstp.plugins.plugin_utils.state import SslRecord
from host_factory import V6

NEW = certificate_factory.new()
THUMBPRINT = "00112233445566778899AABBCCDDEEFF00112233"
SNI = Endpoint("sni", "0.0.0.0", 443, "vpn.example.com")
CONDITIONS = (
    service_is("SstpSvc", "running"),
    value_is(SSTP_KEY, "SHA256CertificateHash", "binary", "AB"),
    serves("::1", 443, THUMBPRINT),
)

CHANGES = [
    pytest.param(
        SetRecord(SslRecord(V6, THUMBPRINT, SSTP_APP_ID, "WebHosting", 5, 3600, 15000, "issuers", "CTLs", 0x80000012)),
        {
            "kind": "set_ssl_record",
            "family": "ip",
            "address": "::",
            "port": 443,
            "host": None,
            "certificate_hash": THUMBPRINT,
            "app_id": "{ba195980-cd49-458b-9e23-c84ee0adcd75}",
            "certificate_store_name": "WebHosting",
            "check_mode": 5,
            "revocation_freshness_time": 3600,
            "url_retrieval_timeout": 15000,
            "ctl_identifier": "issuers",
            "ctl_store_name": "CTLs",
            "flags": 0x80000012,
        },
        f"bind {THUMBPRINT} to [::]:443",
        id="record",
    ),
    pytest.param(
        SetRecord(SslRecord(SNI, "", SSTP_APP_ID)),
        {
            "kind": "set_ssl_record",
            "family": "sni",
            "address": "0.0.0.0",
            "port": 443,
            "host": "vpn.example.com",
            "certificate_hash": "",
            "app_id": "{ba195980-cd49-458b-9e23-c84ee0adcd75}",
            "certificate_store_name": None,
            "check_mode": 0,
            "revocation_freshness_time": 0,
            "url_retrieval_timeout": 0,
            "ctl_identifier": None,
            "ctl_store_name": None,
            "flags": 0,
        },
        "bind  to vpn.example.com:443",
        id="record with nothing in it",
    ),
    pytest.param(
        DeleteRecord(SNI),
        {"kind": "delete_ssl_record", "family": "sni", "address": "0.0.0.0", "port": 443, "host": "vpn.example.com"},
        "delete the record of vpn.example.com:443",
        id="delete a record",
    ),
    pytest.param(
        SetValue(SSTP_KEY, "SHA256CertificateHash", "binary", "AB"),
        {
            "kind": "set_registry_value",
            "path": r"SYSTEM\CurrentControlSet\Services\SstpSvc\Parameters",
            "name": "SHA256CertificateHash",
            "value_kind": "binary",
            "data": "AB",
            "only_if_absent": False,
        },
        "set SHA256CertificateHash to AB",
        id="value",
    ),
    pytest.param(
        SetValue(SSTP_KEY, "SHA1CertificateHash", "binary", "AB", only_if_absent=True, when_changed=(4,)),
        {
            "kind": "set_registry_value",
            "path": r"SYSTEM\CurrentControlSet\Services\SstpSvc\Parameters",
            "name": "SHA1CertificateHash",
            "value_kind": "binary",
            "data": "AB",
            "only_if_absent": True,
            "when_changed": [4],
        },
        "set SHA1CertificateHash to AB if the service has not written it",
        id="value, if absent and another was written",
    ),
    pytest.param(
        SetValue(PREDECESSORS_KEY, THUMBPRINT, "string", "2026-03-01T12:00:00Z"),
        {
            "kind": "set_registry_value",
            "path": r"SOFTWARE\rras.sstp\Predecessors",
            "name": THUMBPRINT,
            "value_kind": "string",
            "data": "2026-03-01T12:00:00Z",
            "only_if_absent": False,
        },
        f"note that {THUMBPRINT} was replaced",
        id="predecessor",
    ),
    pytest.param(
        DeleteValue(SSTP_KEY, "SHA1CertificateHash"),
        {"kind": "delete_registry_value", "path": r"SYSTEM\CurrentControlSet\Services\SstpSvc\Parameters", "name": "SHA1CertificateHash"},
        "delete SHA1CertificateHash",
        id="delete a value",
    ),
    pytest.param(
        DeleteValue(PREDECESSORS_KEY, THUMBPRINT),
        {"kind": "delete_registry_value", "path": r"SOFTWARE\rras.sstp\Predecessors", "name": THUMBPRINT},
        f"forget that {THUMBPRINT} was replaced",
        id="forget a predecessor",
    ),
    pytest.param(
        ImportPfx(THUMBPRINT),
        {
            "kind": "import_pfx",
            "thumbprint": THUMBPRINT,
            "store": "MY",
            "exportable": False,
            "friendly_name": "",
            "replace": False,
            "key_provider": "default",
        },
        f"import {THUMBPRINT} into LocalMachine\\MY",
        id="import",
    ),
    pytest.param(
        ImportPfx(THUMBPRINT, "WebHosting", exportable=True, friendly_name="VPN \u00dc", replace=True, key_provider="cng"),
        {
            "kind": "import_pfx",
            "thumbprint": THUMBPRINT,
            "store": "WebHosting",
            "exportable": True,
            "friendly_name": "VPN \u00dc",
            "replace": True,
            "key_provider": "cng",
        },
        f"import {THUMBPRINT} into LocalMachine\\WebHosting",
        id="import anew, with everything said",
    ),
    pytest.param(
        ImportCertificate(THUMBPRINT, "CA", b"DER"),
        {"kind": "import_certificate", "thumbprint": THUMBPRINT, "store": "CA", "raw": "REVS"},
        f"import {THUMBPRINT} into LocalMachine\\CA",
        id="import an issuer",
    ),
    pytest.param(
        DeleteKey("{ab}", "Microsoft Software Key Storage Provider", 0),
        {"kind": "delete_key", "container": "{ab}", "provider": "Microsoft Software Key Storage Provider", "provider_type": 0},
        "delete the key container {ab} (Microsoft Software Key Storage Provider)",
        id="delete a key",
    ),
    pytest.param(
        DeleteCertificate(THUMBPRINT),
        {"kind": "delete_certificate", "thumbprint": THUMBPRINT, "store": "MY", "with_key": True},
        f"delete {THUMBPRINT} and its private key",
        id="delete a certificate with its key",
    ),
    pytest.param(
        DeleteCertificate(THUMBPRINT, "CA", with_key=False),
        {"kind": "delete_certificate", "thumbprint": THUMBPRINT, "store": "CA", "with_key": False},
        f"delete {THUMBPRINT}",
        id="delete a certificate alone",
    ),
    pytest.param(
        SetServices(("RemoteAccess", "SstpSvc"), "stopped", 120),
        {
            "kind": "services",
            "states": [{"name": "RemoteAccess", "state": "stopped"}, {"name": "SstpSvc", "state": "stopped"}],
            "timeout": 120,
        },
        "stop RemoteAccess, SstpSvc",
        id="stop services",
    ),
    pytest.param(
        SetServices(("SstpSvc",), "running", 7, when_changed=(4, 5)),
        {"kind": "services", "states": [{"name": "SstpSvc", "state": "running"}], "timeout": 7, "when_changed": [4, 5]},
        "start SstpSvc once more in that case",
        id="start services, if something was written",
    ),
    pytest.param(
        SetRemoteAccess(THUMBPRINT),
        {"kind": "set_remote_access", "thumbprint": THUMBPRINT},
        f"let RRAS take {THUMBPRINT} (Set-RemoteAccess)",
        id="tell RRAS",
    ),
    pytest.param(
        Hold(DeleteRecord(SNI)),
        {"kind": "hold", "of": {"kind": "delete_ssl_record", "family": "sni", "address": "0.0.0.0", "port": 443, "host": "vpn.example.com"}},
        "keep in mind, for a way back, what it is now: delete the record of vpn.example.com:443",
        id="hold",
    ),
    pytest.param(
        Forgotten(DeleteRecord(SNI)),
        {"kind": "delete_ssl_record", "family": "sni", "address": "0.0.0.0", "port": 443, "host": "vpn.example.com", "undo": False},
        "delete the record of vpn.example.com:443",
        id="without a way back of its own",
    ),
    pytest.param(
        Await(CONDITIONS, 30, required=True),
        {
            "kind": "await",
            "conditions": [
                {"kind": "service", "name": "SstpSvc", "state": "running", "text": "SstpSvc is running"},
                {
                    "kind": "registry_value",
                    "path": r"SYSTEM\CurrentControlSet\Services\SstpSvc\Parameters",
                    "name": "SHA256CertificateHash",
                    "value_kind": "binary",
                    "data": "AB",
                    "text": "SHA256CertificateHash is AB",
                },
                {"kind": "served", "address": "::1", "port": 443, "thumbprint": THUMBPRINT, "text": f"[::1]:443 serves {THUMBPRINT}"},
            ],
            "timeout": 30,
            "required": True,
        },
        f"wait until SstpSvc is running and SHA256CertificateHash is AB and [::1]:443 serves {THUMBPRINT}",
        id="wait",
    ),
    pytest.param(
        Await((), 0, required=False, when_changed=(0,)),
        {"kind": "await", "conditions": [], "timeout": 0, "required": False, "when_changed": [0]},
        "wait until ",
        id="wait for nothing, if something was written",
    ),
]


@pytest.mark.parametrize(("change", "wire", "words"), CHANGES)
def test_a_change_crosses_as_the_contract_says(change, wire, words):
    assert change.to_wire() == wire
    assert list(change.to_wire()) == list(wire)
    assert json.loads(json.dumps(wire)) == change.to_wire()
    assert change.describe() == words


def test_every_change_is_looked_at():
    kinds = {name for name, kind in vars(module).items() if dataclasses.is_dataclass(kind) and hasattr(kind, "to_wire")} - {"SslRecord", "Endpoint"}
    assert kinds == {type(case.values[0]).__name__ for case in CHANGES}


def test_a_guard_on_no_change_at_all_is_not_the_same_as_no_guard():
    assert SetServices(("SstpSvc",), "running", 7, when_changed=()).to_wire()["when_changed"] == []
    assert "when_changed" not in SetServices(("SstpSvc",), "running", 7).to_wire()


def test_a_plan_is_told_in_its_order():
    plan = Plan((DeleteRecord(V6), DeleteCertificate(THUMBPRINT)))
    assert plan.describe() == ["delete the record of [::]:443", f"delete {THUMBPRINT} and its private key"]
    assert plan
    assert not Plan()
