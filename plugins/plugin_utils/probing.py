# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From options to what is probed, and from what came of it to a result. PRIVATE to the collection."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from .errors import SstpError
from .inputs import clean_hex, clean_number, clean_port
from .results import certificate_result
from .sstp.client import Depth
from .sstp.driver import Outcome, Target
from .sstp.events import Acknowledged, AddressAssigned, HashProtocolNotAllowed, HttpAnswered
from .sstp.mschapv2 import Credentials
from .sstp.tls import Served
from .wire import crypto_binding, verdict_result
from .x509 import read_stored

_HASH_PROTOCOLS = {0x01: "sha1", 0x02: "sha256"}


def dialled(inventory_name: str, ansible_host: str | None) -> tuple[str, str | None]:
    """The name that clients of an inventory's host dial, and the address to connect to where that is another.

    No certificate is for the IP address that an inventory may give to Ansible: then the host's name in the inventory is the name.
    """
    if ansible_host is None or ansible_host == inventory_name:
        return inventory_name, None
    try:
        ipaddress.ip_address(ansible_host)
    except ValueError:
        return ansible_host, None
    return inventory_name, ansible_host


def target_of(options: Mapping[str, Any], inventory_name: str, ansible_host: str | None = None) -> Target:
    """options: those of rras.sstp.probe. Raises SstpError for what cannot be meant."""
    host, address = (options["host"], None) if options["host"] else dialled(inventory_name, ansible_host)
    return Target(
        host=host,
        port=clean_port(options["port"]),
        depth=Depth(options["depth"]),
        address=options["address"] or address,
        proxy=parse_proxy(options["proxy"]) if options["proxy"] else None,
        credentials=_credentials(options),
        ca_file=options["ca_path"],
        verify=options["validate_certs"],
        sha256=clean_hex(options["sha256"], "Option sha256", 64) if options.get("sha256") else None,
        timeout=clean_number(options["timeout"], "timeout", 1),
        stage_timeout=clean_number(options["stage_timeout"], "stage_timeout", 1),
    )


def _credentials(options: Mapping[str, Any]) -> Credentials | None:
    user, password = options["user"], options["password"]
    if (user is None) != (not password):
        raise SstpError("A user and a password belong together; give both, or neither.")
    if options["depth"] != Depth.LOGIN.value:
        return None
    if user is None:
        raise SstpError("A login needs a user and a password; give both, or probe without a login, to the depth sstp.")
    return Credentials(user, password)


def parse_proxy(text: str) -> tuple[str, int]:
    """Name and port of 'host:port' or '[v6]:port'."""
    host, _, port = text.strip().rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not bare or ("/" in bare) or (":" in bare and bare == host) or not (port.isascii() and port.isdecimal()):
        raise SstpError(f"A proxy is written proxy.example.com:3128 or [::1]:3128, but {text!r} is not.")
    return bare, clean_port(int(port), "The port of the proxy")


def probe_result(target: Target, outcome: Outcome) -> dict[str, Any]:
    """How one address was found; the same keys whatever came of it."""
    return {
        "changed": False,
        "ok": outcome.verdict.ok,
        "verdict": verdict_result(outcome.verdict),
        "faults": [verdict_result(fault) for fault in outcome.faults],
        "served": _served_result(outcome.served),
        "http": _http_result(outcome),
        "sstp": _sstp_result(outcome),
        "crypto_binding": crypto_binding(outcome),
        "tunnel_address": _tunnel_address(outcome),
        "seconds": {stage: round(seconds, 3) for stage, seconds in outcome.seconds.items()},
        "target": {"host": target.host, "port": target.port, "address": target.address, "depth": target.depth.value},
    }


def _served_result(served: Served | None) -> dict[str, Any] | None:
    if served is None:
        return None
    chain = [certificate_result(read_stored(der)) for der in served.chain]
    return {"chain": chain, "tls_version": served.version, "cipher": served.cipher}


def _http_result(outcome: Outcome) -> dict[str, Any] | None:
    answered = outcome.first(HttpAnswered)
    return {"status": answered.status, "server": answered.server} if answered else None


def _sstp_result(outcome: Outcome) -> dict[str, Any] | None:
    """The nonce is null where the protocols at offer led no further."""
    if acknowledged := outcome.first(Acknowledged):
        return {"hash_protocols": hash_protocols(acknowledged.hash_protocols), "nonce": acknowledged.nonce.hex().upper()}
    refused = outcome.first(HashProtocolNotAllowed)
    return {"hash_protocols": hash_protocols(refused.hash_protocols), "nonce": None} if refused else None


def hash_protocols(mask: int) -> list[str]:
    """The names of a bit mask's bits; those without a name as hex."""
    return [_HASH_PROTOCOLS.get(1 << bit, f"0x{1 << bit:02x}") for bit in range(8) if mask >> bit & 1]


def _tunnel_address(outcome: Outcome) -> str | None:
    assigned = outcome.first(AddressAssigned)
    return assigned.address if assigned else None
