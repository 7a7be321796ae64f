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


def _pair(state: dict[str, Any]) -> tuple[list[str], dict[str, Any] | None]:
    records = {item["endpoint"]: item for item in state["http"] if item["family"] == "ip"}
    names = [f"{address}:{state['port']}" for address in ("0.0.0.0", "[::]")]
    reasons = [f"no record {name}" for name in names if name not in records]
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


def _hashes(state: dict[str, Any], item: dict[str, Any]) -> list[str]:
    values = {name.lower(): value for name, value in (state["sstpsvc"] or {}).items()}
    sha256, sha1 = values.get("sha256certificatehash"), values.get("sha1certificatehash")
    reasons = []
    if sha256 is None or sha256["type"] != "REG_BINARY" or len(sha256["value"]) != 64:
        reasons.append("SHA256CertificateHash is not 32 bytes")
    elif sha256["value"] != item["sha256"]:
        reasons.append("SHA256CertificateHash is of another certificate: every logon fails")
    if sha1 is not None and (sha1["type"] != "REG_BINARY" or sha1["value"] != item["thumbprint"]):
        reasons.append("SHA1CertificateHash is of another certificate")
    return reasons


def working(state: dict[str, Any]) -> list[str]:
    """The reasons why SSTP does not work in this state (WineHost.state); empty when it does."""
    running = {name: item["state"] for name, item in state["services"].items()}
    reasons = [f"{name} does not run" for name in SERVICES if running.get(name) != "running"]
    more, record = _pair(state)
    reasons += more
    if record is None:
        return reasons
    item = _certificate(state, record)
    if item is None:
        return [*reasons, "the bound certificate is not in its store"]
    return [*reasons, *_fitness(item), *_hashes(state, item)]
