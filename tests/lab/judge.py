# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether SSTP would work on a host, by its raw state and the facts of domain.md alone."""

from __future__ import annotations

import base64
import datetime
from typing import Any

from cryptography import x509

SERVICES = ("SstpSvc", "RasMan", "RemoteAccess")
REJECT = 0x8


def _pair(state: dict[str, Any], ipv6: bool) -> tuple[list[str], dict[str, Any] | None]:
    records = {item["endpoint"]: item for item in state["http"] if item["family"] == "ip"}
    names = [f"{address}:{state['port']}" for address in ("0.0.0.0", "[::]")]
    reasons = [f"no record {name}" for name in (names if ipv6 else names[:1]) if name not in records]
    found = [records[name] for name in names if name in records]
    reasons += [f"record {item['endpoint']} rejects connections" for item in found if item["flags"] & REJECT]
    if len(found) == 2 and found[0]["hash"] != found[1]["hash"]:
        reasons.append("the two records have different certificates")
    return reasons, found[0] if found else None


def _certificate(state: dict[str, Any], record: dict[str, Any]) -> dict[str, Any] | None:
    store = (record["store"] or "MY").lower()
    for name, items in state["certificates"].items():
        for item in items:
            if name.lower() == store and item["thumbprint"] == record["hash"]:
                found: dict[str, Any] = item
                return found
    return None


def _fitness(item: dict[str, Any]) -> list[str]:
    certificate = x509.load_der_x509_certificate(base64.b64decode(item["der"]))
    now = datetime.datetime.now(datetime.timezone.utc)
    key = item["key"]
    reasons = []
    if not key or not key["opens"] or not key["matches"] or not key["flags"] & 0x20:
        reasons.append("the certificate's machine key does not open")
    if certificate.not_valid_after_utc < now:
        reasons.append("the certificate has expired")
    if certificate.not_valid_before_utc > now:
        reasons.append("the certificate is not valid yet")
    return reasons


def _value(state: dict[str, Any], name: str) -> dict[str, Any] | None:
    values = {found.lower(): value for found, value in (state["sstpsvc"] or {}).items()}
    found: dict[str, Any] | None = values.get(name.lower())
    return found


def _number(state: dict[str, Any], name: str) -> int | None:
    value = _value(state, name)
    return int(value["value"]) if value and value["type"] == "REG_DWORD" else None


def _sha256(state: dict[str, Any], wanted: str | None) -> list[str]:
    """wanted: the hash that it must be; None: any certificate's will do."""
    sha256 = _value(state, "SHA256CertificateHash")
    if sha256 is None or sha256["type"] != "REG_BINARY" or len(sha256["value"]) != 64:
        return ["SHA256CertificateHash is not 32 bytes"]
    if wanted is not None and sha256["value"] != wanted:
        return ["SHA256CertificateHash is of another certificate: every logon fails"]
    return []


def _hashes(state: dict[str, Any], item: dict[str, Any]) -> list[str]:
    sha1 = _value(state, "SHA1CertificateHash")
    reasons = _sha256(state, item["sha256"])
    if sha1 is not None and (sha1["type"] != "REG_BINARY" or sha1["value"] != item["thumbprint"]):
        reasons.append("SHA1CertificateHash is of another certificate")
    return reasons


def _offload(state: dict[str, Any], balancer: str | None) -> list[str]:
    """TLS is ended in front of the server: neither its records nor its certificates matter, but the hash does."""
    reasons = [] if _number(state, "isHashConfiguredByAdmin") == 1 else ["isHashConfiguredByAdmin is not 1"]
    reasons += _sha256(state, balancer)
    sha1 = _value(state, "SHA1CertificateHash")
    if sha1 is not None and (sha1["type"] != "REG_BINARY" or len(sha1["value"]) != 40):
        reasons.append("SHA1CertificateHash is not 20 bytes")
    return reasons


def _chosen(state: dict[str, Any]) -> list[str]:
    """A certificate that the administrator has chosen must be in MY (event 25)."""
    kept = _value(state, "SHA256CertificateHash")
    own = {item["sha256"] for name, items in state["certificates"].items() if name.lower() == "my" for item in items}
    missing = _number(state, "isHashConfiguredByAdmin") == 1 and kept is not None and kept["value"] not in own
    return ["the configured certificate is not in MY"] if missing else []


def working(state: dict[str, Any], *, balancer: str | None = None, ipv6: bool | None = None) -> list[str]:
    """The reasons why SSTP does not work in this state (WineHost.state); empty when it does.

    balancer: SHA-256 (lower case hex) of the certificate that the load balancer in front serves, where that is known. It counts only where UseHttps is 0.
    ipv6: whether that protocol is bound to the network adapters; None: as the state tells, and if it does not, it is.
    """
    running = {name: item["state"] for name, item in state["services"].items()}
    reasons = [f"{name} does not run" for name in SERVICES if running.get(name) != "running"]
    if _number(state, "UseHttps") == 0:
        return [*reasons, *_offload(state, balancer)]
    more, record = _pair(state, state.get("ipv6", True) if ipv6 is None else ipv6)
    reasons += [*more, *_chosen(state)]
    if record is None:
        return reasons
    item = _certificate(state, record)
    if item is None:
        return [*reasons, "the bound certificate is not in its store"]
    return [*reasons, *_fitness(item), *_hashes(state, item)]
