# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""observe: the facts of a simulated host, as windows_backend.ps1 tells them."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from lab.sim.conditions import holds
from lab.sim.errors import WindowsError
from lab.sim.event_log import events_facet
from lab.sim.http_sys import FAMILIES, HttpConfiguration
from lab.sim.key_list import keys_facet
from lab.sim.machine import Machine
from lab.sim.mentions import mentions_facet
from lab.sim.records import Fields, text, told
from lab.sim.registry import HTTP, PRODUCT, SSTPSVC, VERSION
from lab.sim.sstp import DEFAULT_PORT
from lab.sim.store import Entry, KeyLink
from lab.sim.telling import VALUE_LIMIT, beginning, held, joined, length_of, state_name, told_value

JOURNAL = PRODUCT + r"\Journal"
LAST_PORT = 65535
LOOPBACK = ("127.0.0.1", "::1")
AUTHORITY_STORES = ("CA", "ROOT")
# How many steps up a chain is followed.
CHAIN_LIMIT = 8
Fact = TypeVar("Fact")

Facts = dict[str, Any]
Options = dict[str, Any]


class Observer:
    """Reads one machine by one call's options."""

    def __init__(self, machine: Machine, options: Options) -> None:
        """Nothing is read yet."""
        self._machine, self._options = machine, options

    def facts(self, facets: Sequence[str]) -> Facts:
        """The facts of these facets."""
        machine, ports = self._machine, self._ports()
        facts: Facts = {"ports": ports}
        records: list[Fields] = []
        if held(facets, "http"):
            facts["http"] = self._http()
            records = [record for record in facts["http"]["records"] if record["port"] in ports]
        if held(facets, "sstp"):
            facts["sstp"] = {"parameters": self._key(SSTPSVC), "config_store": self._key(SSTPSVC + r"\ConfigStore")}
        if held(facets, "services"):
            facts["services"] = self._services()
        if held(facets, "stores"):
            facts["stores"] = self._stores(records)
        if held(facets, "served"):
            facts["served"] = [self._served(address, port) for port in ports for address in LOOPBACK]
        if held(facets, "host"):
            facts["host"] = self._host()
        if held(facets, "product"):
            own = {"predecessors": "Predecessors", "before_offload": "BeforeOffload", "healed": "Healed", "journal": "Journal"}
            facts["product"] = {fact: self._key(f"{PRODUCT}\\{name}") for fact, name in own.items()}
        if held(facets, "sessions"):
            facts["sessions"] = self._sessions()
        if held(facets, "remote_access"):
            facts["remote_access"] = self._remote_access()
        if held(facets, "keys"):
            facts["keys"] = keys_facet(machine)
        if held(facets, "mentions"):
            facts["mentions"] = self._mentions()
        if held(facets, "events"):
            facts["events"] = events_facet(machine, self._options["events_since"])
        machine.clock.settle()
        return facts

    def state_id(self, facts: Facts) -> str:
        """The digest of what a plan on these facts may touch; the same algorithm as on Windows."""
        lines: list[str] = []
        if "http" in facts:
            lines += ["http|" + text(record) for record in facts["http"]["records"] if record["port"] in facts["ports"]]
        for prefix, key in (("sstp", "parameters"), ("config", "config_store")):
            for name, value in (facts.get("sstp", {}).get(key) or {}).items():
                data = value.get("length", "") if value["data"] is None else joined(value["data"])
                lines.append(f"{prefix}|{name.upper()}|{value['kind']}|{data}")
        for store, items in facts.get("stores", {}).items():
            for item in items:
                if held(self._options["thumbprints"], item["thumbprint"]):
                    container = item["key"]["container"] if item["key"] else ""
                    lines.append(f"certificate|{store}|{item['thumbprint']}|{container}")
        lines.sort(key=lambda line: line.encode("utf-16-be"))
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def _ports(self) -> list[int]:
        if self._options["ports"]:
            return list(self._options["ports"])
        value = self._machine.registry.get(SSTPSVC, "ListenerPort")
        is_port = value is not None and value.kind == "dword" and isinstance(value.data, int) and 0 < value.data <= LAST_PORT
        return [value.data if value and is_port else DEFAULT_PORT]  # type: ignore[list-item]

    def _http(self) -> dict[str, Any]:
        http = HttpConfiguration(self._machine.http)
        found = {family: http.list(family) for family in FAMILIES}
        only = self._machine.registry.get(HTTP, "ListenOnlyList")
        data = told_value(only)["data"] if only else []
        return {
            "records": [told(record) for records in found.values() for record in records or []],
            "unsupported_families": [family for family, records in found.items() if records is None],
            "listen_only": data if isinstance(data, list) else [data],
        }

    def _key(self, path: str) -> dict[str, Any] | None:
        key = self._machine.registry.key(path)
        if key is None:
            return None
        facts = {value.name: told_value(value) for value in key.values.values()}
        for name, fact in facts.items():
            if (length := length_of(fact["data"])) > VALUE_LIMIT:
                facts[name] = {"kind": fact["kind"], "data": None, "length": length}
        return facts

    def _services(self) -> list[dict[str, Any]]:
        manager = self._machine.services
        root = manager.find("SstpSvc")
        wanted = [root] if root else []
        for service in wanted:  # grows while it is walked
            wanted += [item for item in manager.dependants(service.name) if item not in wanted]
        return [
            {
                "name": item.name,
                "state": state_name(item.state),
                "start": manager.start_type(item.name),
                "depends_on": list(manager.needs(item.name)),
            }
            for item in wanted
        ]

    def _stores(self, records: Sequence[Fields]) -> dict[str, Any]:
        to_prove = list(self._options["prove"])
        if self._options["prove_bound"]:
            to_prove += [record["certificate_hash"] for record in records]
        found: dict[str, list[Entry]] = {}
        for name in ["MY", *(record["certificate_store_name"] for record in records if record["certificate_store_name"])]:
            if name.upper() not in found:
                found[name.upper()] = self._entries(name)
        stores = {name: [self._certificate(entry, held(to_prove, entry.certificate.thumbprint)) for entry in entries] for name, entries in found.items()}
        authorities = {name: found[name] if name in found else self._entries(name) for name in AUTHORITY_STORES}
        told = self._issuers([entry for entries in found.values() for entry in entries], authorities, to_prove)
        for name in AUTHORITY_STORES:
            # One that a record names is told whole already.
            if name not in found:
                stores[name] = [self._certificate(entry, None) for entry in authorities[name] if id(entry) in told or self._is_asked_for(entry)]
        return stores

    def _is_asked_for(self, entry: Entry) -> bool:
        return held(self._options["authorities"], entry.certificate.thumbprint)

    def _issuers(self, entries: Sequence[Entry], authorities: Mapping[str, Sequence[Entry]], to_prove: Sequence[str]) -> set[int]:
        """The identities of the entries among the authorities that lead up from each certificate that matters, by their names alone."""
        mattering = [*to_prove, *self._options["thumbprints"]]
        found: set[int] = set()
        names = {entry.certificate.issuer for entry in entries if held(mattering, entry.certificate.thumbprint)}
        names |= {base64.b64decode(name) for name in self._options["issuers"]}
        for _ in range(CHAIN_LIMIT):
            above = [entry for items in authorities.values() for entry in items if entry.certificate.subject in names - {None} and id(entry) not in found]
            found |= {id(entry) for entry in above}
            # One that is its own issuer is found already.
            names = {entry.certificate.issuer for entry in above}
        return found

    def _entries(self, name: str) -> list[Entry]:
        self._machine.faults.check("CertOpenStore")
        store = self._machine.stores.find(name)
        return store.sorted() if store else []

    def _certificate(self, entry: Entry, prove: bool | None) -> dict[str, Any]:
        """prove None: its key is told, but not opened."""
        return {
            "thumbprint": entry.certificate.thumbprint.upper(),
            "raw": entry.certificate.encoded,
            "friendly_name": beginning(entry.friendly_name),
            "key": self._key_fact(entry.link, prove) if entry.link else None,
        }

    def _key_fact(self, link: KeyLink, prove: bool | None) -> dict[str, Any]:
        fact: dict[str, Any] = {
            "container": link.container,
            "provider": link.provider,
            "provider_type": link.provider_type,
            "flags": link.flags,
            "key_spec": link.key_spec,
            "acquire_code": None,
            "signature": None,
            "exportable": None,
            "security": None,
        }
        if prove is None or (not prove and held(self._options["untouched_providers"], link.provider)):
            return fact
        try:
            self._machine.faults.check("CryptAcquireCertificatePrivateKey")
            fact["acquire_code"] = self._machine.stores.acquire_code(link)
            if fact["acquire_code"] == 0:
                fact["exportable"], fact["security"] = self._of_key(link)
            if prove and fact["acquire_code"] == 0 and self._options["challenge"]:
                fact["signature"] = self._sign(link)
        except WindowsError as error:
            fact["acquire_code"] = -1 if error.code is None else error.code
        return fact

    def _of_key(self, link: KeyLink) -> tuple[bool | None, str | None]:
        """Whether a key that opens may be exported, and who may use it; None where that cannot be read, or is too long."""
        container = self._machine.stores.containers[link.container]
        by_csp = link.provider_type != 0
        exportable = self._unless_failing("CryptGetKeyParam" if by_csp else "NCryptGetProperty", container.exportable)
        security = self._unless_failing("CryptGetProvParam" if by_csp else "NCryptGetProperty", container.security)
        return exportable, security if security is None or len(security) <= VALUE_LIMIT else None

    def _unless_failing(self, function: str, value: Fact) -> Fact | None:
        try:
            self._machine.faults.check(function)
        except WindowsError:
            return None
        return value

    def _mentions(self) -> list[dict[str, Any]]:
        if not self._options["places"]:
            return []
        own = [entry.certificate.thumbprint for entry in self._entries("MY")]
        wanted = dict.fromkeys(thumbprint.upper() for thumbprint in (*self._options["thumbprints"], *own))
        return mentions_facet(self._machine, self._options["places"], list(wanted))

    def _sign(self, link: KeyLink) -> dict[str, str]:
        try:
            challenge = base64.b64decode(self._options["challenge"], validate=True)
        except binascii.Error as error:
            raise WindowsError(None, None, "The input is not a valid Base-64 string.") from error
        self._machine.faults.check("CryptSignHash")
        algorithm, signature = self._machine.stores.sign(link, challenge)
        return {"algorithm": algorithm, "data": base64.b64encode(signature).decode()}

    def _served(self, address: str, port: int) -> dict[str, Any]:
        served: dict[str, Any] = {"address": address, "port": port, "raw": None, "error": None}
        try:
            served["raw"] = self._machine.served(address, port).encoded
        except WindowsError as error:
            served["error"] = error.fact()
        return served

    def _sessions(self) -> dict[str, Any]:
        try:
            return {"count": self._machine.sessions(), "error": None}
        except WindowsError as error:
            return {"count": None, "error": error.fact()}

    def _remote_access(self) -> dict[str, Any] | None:
        conditions = self._options["remote_access_when"]
        if conditions and not any(holds(self._machine, condition) for condition in conditions):
            return None
        nothing = dict.fromkeys(("ssl_certificate", "use_http", "vpn_status", "da_status", "load_balancing", "connect_to", "advertised"))
        if not self._machine.remote_access_cmdlets:
            return {"available": False, **nothing, "nodes": [], "error": None}
        module = self._machine.remote_access
        try:
            view = module.get()
            nodes = [{"name": node.name, "status": node.status} for node in module.load_balancer()] if view.load_balanced else []
        except WindowsError as error:
            return {"available": True, **nothing, "nodes": [], "error": error.fact()}
        return {"available": True, **view.fact(), "nodes": nodes, "error": None, "advertised": self._advertised()}

    def _advertised(self) -> str | None:
        try:
            found = self._machine.remote_access.advertised()
        except WindowsError:
            return None
        return found.encoded if found else None

    def _host(self) -> dict[str, Any]:
        def version(name: str) -> object:
            value = self._machine.registry.get(VERSION, name)
            return told_value(value)["data"] if value else None

        return {
            "build": version("CurrentBuildNumber"),
            "revision": version("UBR"),
            "product": version("ProductName"),
            "powershell": self._machine.powershell,
            "elevated": self._machine.elevated,
            "time": self._machine.clock.date().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "utc_offset": self._machine.utc_offset,
            "name": self._machine.name,
            "adapters": self._machine.adapters(),
        }
