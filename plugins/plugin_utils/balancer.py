# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The device that ends TLS in front of a server: which certificate clients are shown there. PRIVATE to the collection."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from .errors import SstpError
from .inputs import clean_port
from .sstp.addresses import probe_each
from .sstp.client import Depth
from .sstp.driver import Target
from .wire import sight_of
from .x509 import Certificate, read_stored

_HTTPS = 443


@dataclass(frozen=True)
class Balancer:
    """certificates: what each address showed, by endpoint. silent: why the others showed nothing, by endpoint."""

    name: str
    certificates: dict[str, Certificate]
    silent: dict[str, str]

    @property
    def certificate(self) -> Certificate | None:
        """The one that all addresses show; None where they show none, or different ones."""
        shown = set(self.certificates.values())
        return shown.pop() if len(shown) == 1 else None

    def to_result(self) -> list[dict[str, str | None]]:
        return [
            *({"endpoint": e, "thumbprint": c.thumbprint, "sha256": c.sha256, "error": None} for e, c in self.certificates.items()),
            *({"endpoint": e, "thumbprint": None, "sha256": None, "error": why} for e, why in self.silent.items()),
        ]


def parse_balancer(text: str) -> tuple[str, int]:
    """Name and port of 'vpn.example.com', 'vpn.example.com:8443', '192.0.2.1:443', '[2001:db8::1]:443'; the port is 443 unless told."""
    given = text.strip()
    host, colon, port = given.rpartition(":")
    if given.endswith("]") or not colon or _is_address(given):
        host, port = given, str(_HTTPS)
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not bare or "/" in bare or (":" in bare and not _is_address(bare)) or not (port.isascii() and port.isdecimal()):
        raise SstpError(f"A load balancer is written vpn.example.com, vpn.example.com:8443 or [2001:db8::1]:443, but {text!r} is not.")
    return bare, clean_port(int(port), "The port of the balancer")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def look_at_balancer(text: str, timeout: float) -> Balancer:
    """TLS to each address of the balancer; timeout in seconds, for each. Raises SstpError where the text names none."""
    host, port = parse_balancer(text)
    target = Target(host, port, Depth.TLS, verify=False, timeout=timeout, stage_timeout=timeout)
    certificates: dict[str, Certificate] = {}
    silent: dict[str, str] = {}
    for one, outcome in probe_each(target):
        endpoint = sight_of(one, outcome).endpoint
        if outcome.served:
            certificates[endpoint] = read_stored(outcome.served.chain[0])
        else:
            silent[endpoint] = outcome.verdict.sentence
    return Balancer(text.strip(), certificates, silent)


def require_one_certificate(balancer: Balancer) -> Certificate:
    """What all servers behind it need the hash of. Raises SstpError where it shows none, or not the same one everywhere."""
    if balancer.certificate is not None:
        return balancer.certificate
    if not balancer.certificates:
        why = "; ".join(f"{endpoint}: {reason}" for endpoint, reason in balancer.silent.items())
        raise SstpError(f"The load balancer {balancer.name} shows the controller no certificate ({why.rstrip('.')}); see why, or give sha256 in its place.")
    shown = "; ".join(f"{certificate.thumbprint} at {endpoint}" for endpoint, certificate in balancer.certificates.items())
    raise SstpError(
        f"The load balancer {balancer.name} does not show the same certificate everywhere ({shown}); a server behind it can have only one hash: "
        "let it serve one certificate first."
    )
