# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of HTTP.SYS as the back-end carries them: dictionaries of thirteen fields."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from lab.agent import Record
from lab.sim.errors import WindowsError
from lab.sim.http_sys import FAMILIES, INVALID, endpoint_text, split_endpoint

FIELDS = (
    "family", "address", "port", "host", "certificate_hash", "app_id", "certificate_store_name", "check_mode",
    "revocation_freshness_time", "url_retrieval_timeout", "ctl_identifier", "ctl_store_name", "flags",
)  # fmt: skip
NO_APPLICATION = "00000000-0000-0000-0000-000000000000"
BAD_ADDRESS = 10022

Fields = dict[str, Any]


def told(record: Record) -> Fields:
    """A record of the machine."""
    address, port, host = split_endpoint(record)
    return {
        "family": record.family,
        "address": address,
        "port": port,
        "host": host,
        "certificate_hash": record.hash.upper(),
        "app_id": record.app_id.lower(),
        "certificate_store_name": record.store,
        "check_mode": record.check_mode,
        "revocation_freshness_time": record.freshness_time,
        "url_retrieval_timeout": record.url_retrieval_timeout,
        "ctl_identifier": record.ctl_identifier,
        "ctl_store_name": record.ctl_store,
        "flags": record.flags,
    }


def wanted(change: Mapping[str, Any]) -> Fields:
    """The fields of a change, each as it comes out of .NET's types; WindowsError where one has no sense."""
    family = str(change.get("family", "ip")).lower()
    if family not in FAMILIES:
        raise WindowsError(None, None, f'Cannot convert value "{family}" to type "SslFamily".')
    try:
        address = str(ipaddress.ip_address(str(change.get("address")).strip("[]")))
    except ValueError as error:
        raise WindowsError(None, BAD_ADDRESS) from error
    try:
        return {
            "family": family,
            "address": address,
            "port": int(change["port"]),
            "host": change.get("host"),
            "certificate_hash": bytes.fromhex(str(change.get("certificate_hash") or "")).hex().upper(),
            "app_id": f"{{{UUID(str(change.get('app_id', NO_APPLICATION)))}}}",
            "certificate_store_name": change.get("certificate_store_name"),
            "check_mode": int(change.get("check_mode", 0)),
            "revocation_freshness_time": int(change.get("revocation_freshness_time", 0)),
            "url_retrieval_timeout": int(change.get("url_retrieval_timeout", 0)),
            "ctl_identifier": change.get("ctl_identifier"),
            "ctl_store_name": change.get("ctl_store_name"),
            "flags": int(change.get("flags", 0)),
        }
    except (ValueError, TypeError, KeyError) as error:
        raise WindowsError(None, None, f"Cannot convert a field of the record: {error}") from error


def key_of(fields: Fields, function: str) -> tuple[str, str]:
    """Family and endpoint; what the function gives for a key that HTTP.SYS refuses."""
    try:
        return fields["family"], endpoint_text(fields["family"], fields["address"], fields["port"], fields["host"])
    except ValueError as error:
        raise WindowsError(function, INVALID) from error


def machine_record(fields: Fields, function: str) -> Record:
    """The record to write."""
    family, endpoint = key_of(fields, function)
    return Record(
        family, endpoint, fields["certificate_hash"].lower(), fields["app_id"], fields["certificate_store_name"],
        fields["check_mode"], fields["revocation_freshness_time"], fields["url_retrieval_timeout"],
        fields["ctl_identifier"], fields["ctl_store_name"], fields["flags"],
    )  # fmt: skip


def text(fields: Fields) -> str:
    """A record as one line, for comparisons; null and empty are different."""
    return "|".join("-" if fields.get(name) is None else f"={fields[name]}" for name in FIELDS)
