# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated Windows machine: its parts, put together."""

from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
import threading
from collections.abc import Callable, Iterator
from typing import Any

from lab.agent import NETWORK, SESSIONS
from lab.sim.adapters import adapters
from lab.sim.clock import Clock
from lab.sim.errors import ACCESS_DENIED, WindowsError
from lab.sim.faults import Faults
from lab.sim.files import Files
from lab.sim.http_sys import HttpSys
from lab.sim.registry import HTTP, PRODUCT, SSTPSVC, VERSION, Key, Registry
from lab.sim.remote_access import RemoteAccess
from lab.sim.services import DISABLED, GRAPH, START_TYPES, Service, ServiceManager
from lab.sim.sstp import SstpService
from lab.sim.store import Certificate, Entry, Stores
from lab.tls import choose

# Build -> product name and the revision of an ordinary month.
RELEASES = {
    14393: ("Windows Server 2016 Standard", 7428),
    17763: ("Windows Server 2019 Standard", 6532),
    20348: ("Windows Server 2022 Standard", 2849),
    26100: ("Windows Server 2025 Standard", 2314),
}
NETBIOS_LENGTH = 15
RESET, REFUSED, NO_ADDRESS = 10054, 10061, 10049
NO_RPC_SERVER = 1722
# With what the newer function says that a host lacks it.
LACKING = (50, 87, 120, 127)
REJECT = 0x8


class Machine:
    """All state of one host. Whoever looks or changes does it within busy()."""

    def __init__(
        self, name: str, *, build: int, revision: int | None, powershell: str, elevated: bool, http_update: bool,
        cmdlets: bool, product: str | None, clock: Callable[[], float],
    ) -> None:  # fmt: skip
        """A server with RRAS whose services are stopped."""
        self.name = name.upper()[:NETBIOS_LENGTH]
        self.build = build
        self.powershell = powershell
        self.lock = threading.RLock()
        self.clock = Clock(clock)
        self.faults = Faults()
        self.switches: dict[str, int] = {}
        self.registry = Registry()
        # Paths (lower case) of keys that nobody may read.
        self.denied_keys: frozenset[str] = frozenset()
        self.files = Files()
        self.stores = Stores()
        self.http = HttpSys(self.stores, self.faults, update=http_update, elevated=elevated)
        self.services = ServiceManager(self.registry, self.clock, self.switches, elevated=elevated)
        self.sstp = SstpService(self.registry, self.http, self.stores, self.clock, self.switches)
        self.services.on_start["SstpSvc"] = self.sstp.on_start
        self.services.on_end["RemoteAccess"] = lambda: self.registry.delete(SESSIONS, "Count")
        # Whether there is any IPv6 at all: without it not even ::1.
        self.ipv6 = True
        self.remote_access = RemoteAccess(self.registry, self.http, self.stores, self.sstp, lambda: self.ipv6_bound)
        # Whether the module RemoteAccess is installed.
        self.remote_access_cmdlets = cmdlets
        # Ports on which another program (IIS) listens with TLS.
        self.listeners: set[int] = set()
        # Whether another run holds the back-end's mutex.
        self.locked = False
        # Minutes by which local time is ahead of UTC.
        self.utc_offset = 0
        self._describe(build, revision, product)

    def _describe(self, build: int, revision: int | None, product: str | None) -> None:
        known_product, known_revision = RELEASES.get(build, ("Windows Server", 1))
        self.registry.set(VERSION, "CurrentBuildNumber", "string", str(build))
        self.registry.set(VERSION, "ProductName", "string", product or known_product)
        self.registry.set(VERSION, "UBR", "dword", known_revision if revision is None else revision)

    @property
    def elevated(self) -> bool:
        """Whether the account is an elevated administrator."""
        return self.http.elevated

    @elevated.setter
    def elevated(self, value: bool) -> None:
        self.http.elevated = self.services.elevated = value

    @property
    def ipv6_bound(self) -> bool:
        """Whether IPv6 is bound to the adapters that have a cable."""
        return self.ipv6 and not self.registry.dword(NETWORK, "IPv6Unbound")

    def adapters(self) -> list[dict[str, Any]]:
        """The network adapters."""
        return adapters(loopback_ipv6=self.ipv6, ipv6=self.ipv6_bound)

    def sessions(self) -> int:
        """How many clients are connected, as mprapi.dll counts them; WindowsError."""
        self.faults.check("MprAdminServerConnect")
        try:
            return self._enumerated("MprAdminConnectionEnumEx")
        except WindowsError as error:
            if error.code not in LACKING:
                raise
        return self._enumerated("MprAdminConnectionEnum")

    def _enumerated(self, function: str) -> int:
        self.faults.check(function)
        rras = self.services.find("RemoteAccess")
        if rras is None or rras.state != "running":
            raise WindowsError(function, NO_RPC_SERVER)
        if not self.elevated:
            raise WindowsError(function, ACCESS_DENIED)
        return self.registry.dword(SESSIONS, "Count")

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """One at a time; what is due has happened."""
        with self.lock:
            self.clock.settle()
            yield

    def unlock(self) -> None:
        """Let the mutex go."""
        self.locked = False

    def served(self, address: str, port: int) -> Certificate:
        """The certificate that a TLS client on the host itself is shown, by precedence; WindowsError as .NET gives it."""
        where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        if ":" in address and not self.ipv6:
            raise _socket_error(NO_ADDRESS, where)
        if not self._listens(address, port):
            raise _socket_error(REFUSED, where)
        entry = self._served_entry(address, port)
        if entry is None:
            raise _socket_error(RESET, "")
        return entry.certificate

    def _listens(self, address: str, port: int) -> bool:
        service = self.services.find("SstpSvc")
        own = service is not None and service.state == "running" and self.sstp.port == port and self.sstp.uses_https
        return (own or port in self.listeners) and self._is_listened_to(address)

    def speaks_plain_http(self, address: str, port: int) -> bool:
        """Whether SstpSvc answers there without TLS, for a load balancer that has ended it."""
        service = self.services.find("SstpSvc")
        own = service is not None and service.state == "running" and self.sstp.port == port and not self.sstp.uses_https
        return own and (self.ipv6 or ":" not in address) and self._is_listened_to(address)

    def _is_listened_to(self, address: str) -> bool:
        only = self.registry.get(HTTP, "ListenOnlyList")
        wildcard = "::" if ":" in address else "0.0.0.0"
        listed = only.data if only and isinstance(only.data, list) else []
        return not listed or bool({address, wildcard}.intersection(map(_canonical, listed)))

    def _served_entry(self, address: str, port: int) -> Entry | None:
        records = [dataclasses.asdict(record) for record in self.http.records()]
        record = choose(records, address, port, None)
        if record is None or record["flags"] & REJECT or not self.stores.usable(record["store"], record["hash"]):
            return None
        entry = self.stores.certificate(record["store"], record["hash"])
        return entry if entry and self.stores.matches(entry) else None

    def dump(self) -> dict[str, Any]:
        """The raw state, in the shape that WineHost.state tells, without the port."""
        return {
            "http": [dataclasses.asdict(record) for record in self.http.records()],
            "sstpsvc": _dump_key(self.registry.key(SSTPSVC)),
            "product": _dump_key(self.registry.key(PRODUCT)),
            **self.dump_certificates(),
            "services": {name: self.dump_service(service) for name, _ in GRAPH if (service := self.services.find(name))},
            "events": [str(event) for event in self.sstp.events],
            "ipv6": self.ipv6_bound,
        }

    def dump_certificates(self) -> dict[str, Any]:
        """The stores and the containers."""
        stores = {store.name: [self._dump_entry(entry) for entry in store.sorted()] for store in self.stores.used()}
        return {"certificates": stores, "containers": sorted(self.stores.containers)}

    def _dump_entry(self, entry: Entry) -> dict[str, Any]:
        found, link, key = entry.certificate, entry.link, None
        if link:
            key = {
                "container": link.container, "provider": link.provider, "type": link.provider_type, "flags": link.flags,
                "spec": link.key_spec, "opens": not self.stores.acquire_code(link), "matches": self.stores.matches(entry),
                "exportable": None if self.stores.acquire_code(link) else self.stores.containers[link.container].exportable,
            }  # fmt: skip
        return {
            "thumbprint": found.thumbprint, "sha256": found.sha256, "der": found.encoded,
            "friendly_name": entry.friendly_name, "key": key,
        }  # fmt: skip

    def dump_service(self, service: Service) -> dict[str, Any]:
        """One service."""
        kind = START_TYPES[min(self.services.start_type(service.name), DISABLED)]
        return {"state": service.state, "exit_code": service.exit_code, "start_type": kind, "starts": service.starts}


def _socket_error(code: int, where: str) -> WindowsError:
    plain = WindowsError(None, code)
    return WindowsError(None, code, f"{plain.message} {where}".strip())


def _canonical(address: str) -> str:
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return address


def _dump_key(key: Key | None) -> dict[str, Any] | None:
    return None if key is None else {name: value.dumped() for name, value in key.walk()}
