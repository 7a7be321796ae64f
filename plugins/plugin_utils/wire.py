# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients are shown: the server as it looks from the controller, at each address of a name. PRIVATE to the collection."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any

from .inputs import Endpoint
from .sstp.client import Depth
from .sstp.driver import Target, probe
from .sstp.events import Stage
from .sstp.verdict import Code, Verdict
from .x509 import Certificate, read_stored

# Nothing came back that a server with SSTP could have said: it stands for the way there, not for the server.
_UNREACHED = (Code.UNREACHABLE, Code.REFUSED, Code.TIMED_OUT)


@dataclass(frozen=True)
class Sight:
    """What one address showed; certificate: None where TLS did not come about."""

    endpoint: Endpoint
    verdict: Verdict
    certificate: Certificate | None = None

    @property
    def reached(self) -> bool:
        return self.certificate is not None or self.verdict.code not in _UNREACHED

    def to_result(self) -> dict[str, Any]:
        return {
            "endpoint": str(self.endpoint),
            "reached": self.reached,
            "code": self.verdict.code.value,
            "stage": self.verdict.stage.value,
            "sentence": self.verdict.sentence,
            "thumbprint": self.certificate.thumbprint if self.certificate else None,
            "sha256": self.certificate.sha256 if self.certificate else None,
        }


def look(host: str, address: str, port: int, timeout: float) -> tuple[Sight, ...]:
    """TLS with host as the name, and SSTP's URL, at each IPv4 and IPv6 address that address stands for; timeout in seconds, for each."""
    try:
        found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        verdict = Verdict(Code.UNREACHABLE, Stage.RESOLVE, f"The name {address} has no address.")
        return (Sight(Endpoint("sni", "0.0.0.0", port, address), verdict),)
    addresses = dict.fromkeys(str(item[4][0]) for item in found)
    return tuple(_look_at(host, one, port, timeout) for one in addresses)


def _look_at(host: str, address: str, port: int, timeout: float) -> Sight:
    outcome = probe(Target(host, port, Depth.HTTP, address=address, verify=False, timeout=timeout, stage_timeout=timeout))
    certificate = read_stored(outcome.served.chain[0]) if outcome.served else None
    return Sight(Endpoint("ip", address, port), outcome.verdict, certificate)
