# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts for the unit tests: the facts of windows_backend for a healthy server, and states that differ from it in one place."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Mapping
from typing import Any

import certificate_factory
from ansible_collections.rras.sstp.plugins.plugin_utils.inputs import Endpoint
from ansible_collections.rras.sstp.plugins.plugin_utils.names import SSTP_APP_ID
from ansible_collections.rras.sstp.plugins.plugin_utils.state import (
    Adapter,
    HostState,
    PrivateKey,
    RegistryValue,
    RemoteAccess,
    Served,
    Service,
    SslRecord,
    StoredCertificate,
    read_state,
)
from certificate_factory import Issued

IIS_APP_ID = "{4dc3e181-e14b-4a21-b022-59fc669b0914}"
V4 = Endpoint("ip", "0.0.0.0", 443)
V6 = Endpoint("ip", "::", 443)
LOOPBACK_V4 = Endpoint("ip", "127.0.0.1", 443)
LOOPBACK_V6 = Endpoint("ip", "::1", 443)
CHALLENGE = b"\x01" * 32
KSP = "Microsoft Software Key Storage Provider"


# --- facts, as the back-end gives them ---


def record_fact(address: str, thumbprint: str, /, **fields: Any) -> dict[str, Any]:
    return {
        "family": "ip",
        "address": address,
        "port": 443,
        "host": None,
        "certificate_hash": thumbprint,
        "app_id": SSTP_APP_ID,
        "certificate_store_name": "MY",
        "check_mode": 0,
        "revocation_freshness_time": 0,
        "url_retrieval_timeout": 0,
        "ctl_identifier": None,
        "ctl_store_name": None,
        "flags": 0,
        **fields,
    }


def key_fact(issued: Issued, challenge: bytes | None = None, **fields: Any) -> dict[str, Any]:
    """A key that opens; one that signs where there is a challenge."""
    signature = None
    if challenge is not None:
        algorithm, data = issued.sign(challenge)
        signature = {"algorithm": algorithm, "data": base64.b64encode(data).decode()}
    return {
        "container": f"key of {issued.thumbprint[:8]}",
        "provider": KSP,
        "provider_type": 0,
        "flags": 0x20,
        "key_spec": 0,
        "acquire_code": 0,
        "signature": signature,
        **fields,
    }


def stored_fact(issued: Issued, key: Mapping[str, Any] | None) -> dict[str, Any]:
    raw = base64.b64encode(issued.der).decode()
    return {"thumbprint": issued.thumbprint, "raw": raw, "friendly_name": None, "key": key}


def served_fact(address: str, issued: Issued) -> dict[str, Any]:
    return {"address": address, "port": 443, "raw": base64.b64encode(issued.der).decode(), "error": None}


def service_fact(name: str, *depends_on: str, state: str = "running", start: int | None = 3) -> dict[str, Any]:
    return {"name": name, "state": state, "start": start, "depends_on": list(depends_on)}


def healthy_facts() -> dict[str, Any]:
    """A server with the old certificate in all five places, the new one in the store and nothing to complain of."""
    old, new = certificate_factory.old(), certificate_factory.new()
    return {
        "ports": [443],
        "http": {
            "records": [record_fact("0.0.0.0", old.thumbprint), record_fact("::", old.thumbprint)],
            "unsupported_families": ["ccs"],
            "listen_only": [],
        },
        "sstp": {
            "parameters": {
                "ListenerPort": {"kind": "dword", "data": 443},
                "ServerURI": {"kind": "string", "data": "/sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/"},
                "SHA256CertificateHash": {"kind": "binary", "data": old.sha256},
                "SHA1CertificateHash": {"kind": "binary", "data": old.thumbprint},
                "UseHttps": {"kind": "dword", "data": 1},
                "isHashConfiguredByAdmin": {"kind": "dword", "data": 0},
            },
            "config_store": {"ListenerPort": {"kind": "dword", "data": 443}},
        },
        "services": [
            service_fact("SstpSvc", "HTTP"),
            service_fact("RasMan", "SstpSvc", "DnsCache"),
            service_fact("RemoteAccess", "RasMan", "RpcSS", start=2),
        ],
        "stores": {"MY": [stored_fact(old, key_fact(old, CHALLENGE)), stored_fact(new, key_fact(new, CHALLENGE))]},
        "served": [served_fact("127.0.0.1", old), served_fact("::1", old)],
        "host": {
            "build": "20348",
            "revision": 2113,
            "product": "Windows Server 2022 Datacenter",
            "powershell": "5.1.20348.2110",
            "elevated": True,
            "time": "2026-03-01T12:00:00Z",
            "utc_offset": 60,
            "name": "VPN1",
        },
        "product": {"predecessors": None, "journal": None},
        "sessions": {"count": 12, "error": None},
    }


def healthy() -> HostState:
    return read_state(healthy_facts(), "state-1", CHALLENGE)


# --- states ---


def record(endpoint: Endpoint, thumbprint: str, **fields: Any) -> SslRecord:
    return SslRecord(endpoint, thumbprint, **{"app_id": SSTP_APP_ID, "certificate_store_name": "MY", **fields})


def with_records(state: HostState, /, *records: SslRecord) -> HostState:
    """The state with exactly these records."""
    return dataclasses.replace(state, records=records)


def with_more_records(state: HostState, *records: SslRecord) -> HostState:
    return dataclasses.replace(state, records=(*state.records, *records))


def with_parameter(state: HostState, name: str, value: RegistryValue | None) -> HostState:
    """The state with a value of SstpSvc's key changed; None takes it away."""
    parameters = {n: v for n, v in (state.parameters or {}).items() if n.lower() != name.lower()}
    if value is not None:
        parameters[name] = value
    return dataclasses.replace(state, parameters=parameters)


def with_sha256(state: HostState, data: Any, kind: str = "binary", length: int | None = None) -> HostState:
    return with_parameter(state, "SHA256CertificateHash", RegistryValue(kind, data, length))


def with_sha1(state: HostState, data: Any, kind: str = "binary", length: int | None = None) -> HostState:
    return with_parameter(state, "SHA1CertificateHash", RegistryValue(kind, data, length))


def with_service(state: HostState, name: str, /, **fields: Any) -> HostState:
    services = tuple(dataclasses.replace(s, **fields) if s.name == name else s for s in state.services)
    return dataclasses.replace(state, services=services)


def with_more_services(state: HostState, *services: Service) -> HostState:
    return dataclasses.replace(state, services=(*state.services, *services))


def without_service(state: HostState, name: str) -> HostState:
    return dataclasses.replace(state, services=tuple(s for s in state.services if s.name != name))


def with_rras_stopped(state: HostState) -> HostState:
    return with_service(state, "RemoteAccess", state="stopped")


def with_rras_disabled(state: HostState) -> HostState:
    return with_service(state, "RemoteAccess", state="stopped", start=4)


def with_served(state: HostState, *served: Served) -> HostState:
    return dataclasses.replace(state, served=served)


def good_key(issued: Issued, **fields: Any) -> PrivateKey:
    values = {"provider": KSP, "provider_type": 0, "flags": 0x20, "key_spec": 0, "acquire_code": 0, "proven": True, **fields}
    return PrivateKey(**{"container": f"key of {issued.thumbprint[:8]}", **values})


def stored(issued: Issued, store: str = "MY", key: PrivateKey | None = None) -> StoredCertificate:
    return StoredCertificate(issued.certificate, store, None, key)


def with_certificates(state: HostState, *certificates: StoredCertificate) -> HostState:
    """The state with exactly these certificates in its stores."""
    return dataclasses.replace(state, certificates=certificates)


def bound_to(issued: Issued) -> HostState:
    """The healthy state, but for another certificate, which has no extra finding of its own."""
    state = with_records(healthy(), record(V4, issued.thumbprint), record(V6, issued.thumbprint))
    state = with_sha1(with_sha256(state, issued.sha256), issued.thumbprint)
    served = tuple(Served(endpoint, issued.certificate, None) for endpoint in (LOOPBACK_V4, LOOPBACK_V6))
    return with_served(with_certificates(state, stored(issued, key=good_key(issued))), *served)


def administered(state: HostState, issued: Issued | None = None) -> HostState:
    """The state in administrator mode, RRAS itself with that certificate (the old one unless told)."""
    chosen = issued or certificate_factory.old()
    state = with_parameter(state, "isHashConfiguredByAdmin", RegistryValue("dword", 1))
    view = RemoteAccess(True, chosen.certificate, use_http=False)
    return dataclasses.replace(with_sha256(state, chosen.sha256), remote_access=view)


def offloading(state: HostState, sha256: str | None = None) -> HostState:
    """The state behind a device that ends TLS, with the hash of what that serves (the old certificate's unless told)."""
    state = with_parameter(with_parameter(state, "isHashConfiguredByAdmin", RegistryValue("dword", 1)), "UseHttps", RegistryValue("dword", 0))
    return with_parameter(with_sha256(state, sha256 or certificate_factory.old().sha256), "SHA1CertificateHash", None)


def with_adapters(state: HostState, *, ipv6: bool = True) -> HostState:
    """A loopback adapter and one to the internet."""
    loopback = Adapter("Loopback Pseudo-Interface 1", "loopback", True, True, True, ("127.0.0.1", "::1"))
    addresses = ("203.0.113.5", "2001:db8:1::5") if ipv6 else ("203.0.113.5",)
    return dataclasses.replace(state, adapters=(loopback, Adapter("Internet", "ethernet", True, True, ipv6, addresses)))
