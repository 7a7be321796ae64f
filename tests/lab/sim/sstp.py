# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What SstpSvc does with its certificate when it starts (domain.md 2.2, 2.3, 3), and the events that it raises."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

from lab.agent import Record
from lab.sim.clock import Clock
from lab.sim.http_sys import HttpSys
from lab.sim.registry import SSTPSVC, Registry
from lab.sim.services import Service
from lab.sim.store import Certificate, Stores

DEFAULT_PORT = 443
SHA1_BYTES, SHA256_BYTES = 20, 32


@dataclass(frozen=True)
class Event:
    """One event of RasSstp; text is the lab's, not Microsoft's."""

    time: datetime.datetime
    id: int
    text: str

    def __str__(self) -> str:
        """As the dump of a Wine host has it."""
        return f"{self.id} {self.text}"


class SstpService:
    """SstpSvc's own behaviour; a value that is there and of the right length is left alone, stale or not."""

    def __init__(self, registry: Registry, http: HttpSys, stores: Stores, clock: Clock, switches: Mapping[str, int]) -> None:
        """No events yet."""
        self._registry, self._http, self._stores = registry, http, stores
        self._clock, self._switches = clock, switches
        self.events: list[Event] = []

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._registry.dword(SSTPSVC, "ListenerPort") or DEFAULT_PORT

    @property
    def uses_https(self) -> bool:
        """False: a load balancer ends TLS."""
        return self._registry.dword(SSTPSVC, "UseHttps", 1) != 0

    def on_start(self, service: Service) -> float:
        """Look at the certificate; the seconds until it has written its hash."""
        found = self._look()
        delay = self._switches.get("HASHDELAY", 0) / 1000
        if found and delay:
            service.timers.append(self._clock.after(delay, lambda: self._write(found)))
            return delay
        if found:
            self._write(found)
        return 0.0

    def _look(self) -> Certificate | None:
        """The certificate whose hashes are to be written."""
        if not self.uses_https or self._http.initialize():
            return None
        v4, v6 = (self._http.query("ip", f"{address}:{self.port}")[1] for address in ("0.0.0.0", "[::]"))
        if v4 and v6 and v4.hash != v6.hash:
            self._event(24, "IPv4 and IPv6 have different certificates")
        bound = self._bound(v4)
        value = self._registry.get(SSTPSVC, "SHA256CertificateHash")
        valid = value is not None and isinstance(value.data, bytes) and value.kind == "binary" and len(value.data) == SHA256_BYTES
        write = None
        if self._registry.dword(SSTPSVC, "isHashConfiguredByAdmin") == 1:
            self._check_admin(value.data.hex() if value and valid and isinstance(value.data, bytes) else None, bound)
        else:
            if bound is None:
                self._event(21, "0x80092004" if v4 else "0x80070002")
            if value and not valid:
                self._event(18, "SHA-256 hash invalid")
            write = bound if value is None else None
        self._check_sha1()
        return write

    def _bound(self, record: Record | None) -> Certificate | None:
        entry = self._stores.certificate(record.store, record.hash) if record and record.hash else None
        return entry.certificate if entry else None

    def _check_admin(self, kept: str | None, bound: Certificate | None) -> None:
        if kept is None:
            self._event(18, "SHA-256 hash missing or invalid")
            return
        own = self._stores.find("MY")
        if not own or all(entry.certificate.sha256 != kept for entry in own.entries.values()):
            self._event(25, "configured certificate missing")
        if bound is None or bound.sha256 != kept:
            self._event(32, "configured certificate is not the one bound")

    def _check_sha1(self) -> None:
        value = self._registry.get(SSTPSVC, "SHA1CertificateHash")
        if value and (value.kind != "binary" or not isinstance(value.data, bytes) or len(value.data) != SHA1_BYTES):
            self._event(19, "SHA-1 hash invalid")

    def _write(self, certificate: Certificate) -> None:
        self._registry.set(SSTPSVC, "SHA256CertificateHash", "binary", bytes.fromhex(certificate.sha256))
        if self._switches.get("SHA1", 1):
            self._registry.set(SSTPSVC, "SHA1CertificateHash", "binary", bytes.fromhex(certificate.thumbprint))

    def _event(self, number: int, text: str) -> None:
        self.events.append(Event(self._clock.date(), number, text))
