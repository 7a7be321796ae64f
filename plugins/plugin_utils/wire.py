# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients are shown: the server as it looks from the controller, at each address of a name. PRIVATE to the collection."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import SstpError
from .inputs import Endpoint
from .sstp.addresses import probe_each
from .sstp.client import Depth
from .sstp.driver import Outcome, Target
from .sstp.events import NetworkPhaseStarted, Stage
from .sstp.verdict import Code, Verdict
from .x509 import Certificate, read_stored

# Nothing came back that a server with SSTP could have said: it stands for the way there, not for the server.
_UNREACHED = (Code.UNREACHABLE, Code.REFUSED, Code.TIMED_OUT, Code.PROXY_REFUSED)


@dataclass(frozen=True)
class Sight:
    """What one address showed to a probe of that depth; thumbprint and sha256 (upper-case hex) are None where TLS did not come about.

    certificate: the one itself, where somebody has just looked. faults: all that clients hold against it. crypto_binding: accepted, refused or not exercised.
    """

    endpoint: str
    depth: Depth
    verdict: Verdict
    thumbprint: str | None = None
    sha256: str | None = None
    faults: tuple[Verdict, ...] = ()
    crypto_binding: str = "not exercised"
    certificate: Certificate | None = None

    @property
    def reached(self) -> bool:
        return self.sha256 is not None or self.verdict.code not in _UNREACHED

    @property
    def is_ipv6(self) -> bool:
        return self.endpoint.startswith("[")

    def to_result(self) -> dict[str, Any]:
        return {
            "endpoint": self.endpoint,
            "depth": self.depth.value,
            "reached": self.reached,
            "code": self.verdict.code.value,
            "stage": self.verdict.stage.value,
            "sentence": self.verdict.sentence,
            "thumbprint": self.thumbprint,
            "sha256": self.sha256,
            "faults": [verdict_result(fault) for fault in self.faults],
            "crypto_binding": self.crypto_binding,
        }


def look(host: str, address: str, port: int, timeout: float) -> tuple[Sight, ...]:
    """TLS with host as the name, and SSTP's URL, at each IPv4 and IPv6 address that address stands for; timeout in seconds, for each."""
    target = Target(host, port, Depth.HTTP, address=address, verify=False, timeout=timeout, stage_timeout=timeout)
    return tuple(sight_of(one, outcome) for one, outcome in probe_each(target))


def sight_of(target: Target, outcome: Outcome) -> Sight:
    served = read_stored(outcome.served.chain[0]) if outcome.served else None
    return Sight(
        endpoint=str(_endpoint(target.address or target.host, target.port)),
        depth=target.depth,
        verdict=outcome.verdict,
        thumbprint=served.thumbprint if served else None,
        sha256=served.sha256 if served else None,
        faults=outcome.faults,
        crypto_binding=crypto_binding(outcome),
        certificate=served,
    )


def _endpoint(address: str, port: int) -> Endpoint:
    try:
        # A scope (fe80::1%eth0) is part of an address here, and not of the key of a record.
        return Endpoint("ip", str(ipaddress.ip_address(address)), port)
    except ValueError:
        return Endpoint("sni", "0.0.0.0", port, address)


def crypto_binding(outcome: Outcome) -> str:
    """Did the server take the hash of the certificate that it serves? A refusal counts, whenever it came."""
    if outcome.verdict.code is Code.CRYPTO_BINDING_REFUSED:
        return "refused"
    return "accepted" if outcome.verdict.ok and outcome.first(NetworkPhaseStarted) is not None else "not exercised"


def verdict_result(verdict: Verdict) -> dict[str, Any]:
    # ansible-core warns of a number that is a member of an enumeration.
    detail = None if verdict.detail is None else int(verdict.detail)
    return {"code": verdict.code.value, "stage": verdict.stage.value, "sentence": verdict.sentence, "detail": detail}


def read_sights(result: Mapping[str, Any]) -> tuple[Sight, ...]:
    """The addresses of what rras.sstp.probe has returned earlier. Raises SstpError where it is no such result."""
    try:
        return tuple(_read_sight(item) for item in result["addresses"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise SstpError("Option before must be what an earlier rras.sstp.probe has returned, but it has not the keys of that; register it.") from None


def _read_sight(item: Mapping[str, Any]) -> Sight:
    return Sight(
        endpoint=str(item["endpoint"]),
        depth=Depth(item["depth"]),
        verdict=_read_verdict(item),
        thumbprint=item["thumbprint"],
        sha256=item["sha256"],
        faults=tuple(_read_verdict(fault) for fault in item["faults"]),
        crypto_binding=str(item["crypto_binding"]),
    )


def _read_verdict(item: Mapping[str, Any]) -> Verdict:
    return Verdict(Code(item["code"]), Stage(item["stage"]), str(item["sentence"]), item.get("detail"))
