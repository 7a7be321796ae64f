# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service configuration of HTTP.SYS as httpapi.dll gives it: the three families of SSL records, and its codes."""

from __future__ import annotations

import ipaddress

from lab.agent import Record
from lab.sim.errors import WindowsError
from lab.sim.faults import Faults
from lab.sim.store import Stores

FAMILIES = ("ip", "sni", "ccs")
NOT_FOUND, DENIED, NOT_SUPPORTED, INVALID, NOT_IMPLEMENTED, EXISTS, UNUSABLE = 2, 5, 50, 87, 120, 183, 1312
PROC_NOT_FOUND = 127
REJECT = 0x8
SHA1_DIGITS = 40
LONGEST_HOST = 255


def endpoint_text(family: str, address: str, port: int, host: str | None) -> str:
    """The key of a record: "0.0.0.0:443", "[::]:443", "host:443" or "443"; ValueError (87) when HTTP.SYS refuses it."""
    ip = ipaddress.ip_address(address)
    if family == "ip":
        return f"[{ip}]:{port}" if ip.version == 6 else f"{ip}:{port}"
    # SNI and CCS keys carry an address, but only 0.0.0.0 is allowed there.
    if ip != ipaddress.IPv4Address(0):
        raise ValueError("address")
    if family == "ccs":
        return str(port)
    if not host or len(host) > LONGEST_HOST:
        raise ValueError("host")
    return f"{host.lower()}:{port}"


def split_endpoint(record: Record) -> tuple[str, int, str | None]:
    """Address, port and host name of a record's key."""
    where, _, port = record.endpoint.rpartition(":")
    if record.family == "ip":
        return where.strip("[]"), int(port), None
    return "0.0.0.0", int(port), where if record.family == "sni" else None


class HttpSys:
    """The records of the machine. Every function gives a Win32 code, as httpapi.dll does."""

    def __init__(self, stores: Stores, faults: Faults, *, update: bool, elevated: bool) -> None:
        """No records. update: whether HttpUpdateServiceConfiguration is there; families: those that this Windows knows."""
        self._stores, self._faults = stores, faults
        self._records: dict[tuple[str, str], Record] = {}
        self.update = update
        self.elevated = elevated
        self.families: tuple[str, ...] = FAMILIES

    def records(self, family: str | None = None) -> list[Record]:
        """The records by family and key, without a call that could fail."""
        wanted = FAMILIES if family is None else (family,)
        return [self._records[key] for name in wanted for key in sorted(self._records) if key[0] == name]

    def initialize(self) -> int:
        """HttpInitialize."""
        return self._faults.due("HttpInitialize")[0]

    def query(self, family: str, endpoint: str) -> tuple[int, Record | None]:
        """HttpQueryServiceConfiguration for one key: asked for the size, and asked again when there is something."""
        if family not in self.families:
            return INVALID, None
        record = self._records.get((family, endpoint))
        for _ in range(2 if record else 1):
            if code := self._faults.due("HttpQueryServiceConfiguration", endpoint)[0]:
                return code, None
        return (0, record) if record else (NOT_FOUND, None)

    def enumerate(self, family: str) -> tuple[int, list[Record]]:
        """HttpQueryServiceConfiguration from the first record on: what was read, and the code that ended it (0: the end)."""
        if family not in self.families:
            return INVALID, []
        read: list[Record] = []
        for record in self.records(family):
            for _ in range(2):
                if code := self._faults.due("HttpQueryServiceConfiguration", record.endpoint)[0]:
                    return code, read
            read.append(record)
        return self._faults.due("HttpQueryServiceConfiguration")[0], read

    def set(self, record: Record) -> int:
        """HttpSetServiceConfiguration."""
        return self._write("HttpSetServiceConfiguration", record)

    def replace(self, record: Record) -> int:
        """HttpUpdateServiceConfiguration; 127 where this Windows does not have it."""
        return self._write("HttpUpdateServiceConfiguration", record) if self.update else PROC_NOT_FOUND

    def delete(self, family: str, endpoint: str) -> int:
        """HttpDeleteServiceConfiguration."""
        return self._write("HttpDeleteServiceConfiguration", Record(family, endpoint, ""))

    def place(self, record: Record) -> None:
        """Put a record there as another program of Windows has it, whose calls no fault is meant for."""
        self._records[record.family, record.endpoint] = record

    def _write(self, function: str, record: Record) -> int:
        if record.family not in self.families:
            return INVALID
        injected, after = self._faults.due(function, record.endpoint)
        if injected and not after:
            return injected
        code = self._perform(function, record) if self.elevated else DENIED
        return injected or code

    # Whether the key may be there comes before whether the certificate can be used. Which of the two the real one
    # looks at first is not known.
    def _perform(self, function: str, record: Record) -> int:
        key = (record.family, record.endpoint)
        if function == "HttpSetServiceConfiguration":
            if key in self._records:
                return EXISTS
        elif key not in self._records:
            return NOT_FOUND
        if function == "HttpDeleteServiceConfiguration":
            del self._records[key]
            return 0
        code = 0 if record.family == "ccs" else self._check(record)
        if not code:
            self._records[key] = record
        return code

    def _check(self, record: Record) -> int:
        if not record.hash and record.flags & REJECT:
            return 0
        if len(record.hash) != SHA1_DIGITS:
            return INVALID
        return 0 if self._stores.usable(record.store, record.hash) else UNUSABLE


class HttpConfiguration:
    """The calls of the product's C# of the same name: the same functions, in the same order, with the same errors."""

    def __init__(self, http: HttpSys) -> None:
        """HttpInitialize."""
        self._http = http
        _check("HttpInitialize", http.initialize())

    def list(self, family: str) -> list[Record] | None:
        """The records of a family; None where the host does not know it."""
        code, found = self._http.enumerate(family)
        if code == INVALID and not found:
            return None
        _check("HttpQueryServiceConfiguration", code)
        return found

    def find(self, family: str, endpoint: str) -> Record | None:
        """The record of exactly this key."""
        code, record = self._http.query(family, endpoint)
        if code == NOT_FOUND:
            return None
        _check("HttpQueryServiceConfiguration", code)
        return record

    def delete(self, family: str, endpoint: str) -> None:
        """Delete a record."""
        _check("HttpDeleteServiceConfiguration", self._http.delete(family, endpoint))

    def put(self, record: Record) -> bool:
        """Put a record in the place of the one with its key: in one call (True), else by delete and set."""
        old = self.find(record.family, record.endpoint)
        if old is None:
            self._set(record)
            return True
        code = self._http.replace(record) if self._http.update else NOT_IMPLEMENTED
        if code == 0:
            return True
        if code not in (NOT_IMPLEMENTED, NOT_SUPPORTED, INVALID):
            raise WindowsError("HttpUpdateServiceConfiguration", code)
        self.delete(record.family, record.endpoint)
        try:
            self._set(record)
        except WindowsError:
            self._set(old)
            raise
        return False

    def _set(self, record: Record) -> None:
        _check("HttpSetServiceConfiguration", self._http.set(record))


def _check(function: str, code: int) -> None:
    if code:
        raise WindowsError(function, code)
