# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's side of a simulated host: the methods of lab.agent.Agent, without a connection."""

from __future__ import annotations

import dataclasses
from typing import Any

from lab.agent import Record, WinError
from lab.sim.errors import WindowsError
from lab.sim.machine import Machine
from lab.sim.registry import SERVICES
from lab.sim.services import DEPENDENCY_FAILED, DEPENDENCY_MISSING, UNKNOWN
from lab.sim.store import Entry, certificate_of

NOT_FOUND, ELEMENT_NOT_FOUND, BAD_PASSWORD = 2, 1168, 86


def _unsigned(code: int) -> int:
    return code & 0xFFFFFFFF


class SimAgent:
    """Changes and tells the state of one simulated host, as the lab and not as the host's users: never access denied."""

    def __init__(self, machine: Machine) -> None:
        """The agent of this machine."""
        self._machine = machine

    def close(self) -> None:
        """There is nothing to close."""

    def rehome(self) -> dict[str, int]:
        """Each key has a container of its own already."""
        return {"moved": 0, "lost": 0}

    # HTTP.SYS

    def records(self) -> list[Record]:
        """Every record; unlike a Wine host's agent it is not met by faults."""
        with self._machine.busy():
            return self._machine.http.records()

    def set_record(self, record: Record, *, update: bool = False) -> None:
        """HttpSetServiceConfiguration, or HttpUpdateServiceConfiguration."""
        endpoint = record.endpoint.lower() if record.family == "sni" else record.endpoint
        written = dataclasses.replace(record, endpoint=endpoint, hash=record.hash.lower(), app_id=record.app_id.lower())
        http = self._machine.http
        with self._machine.busy():
            self._as_administrator("http_update" if update else "http_set", lambda: (http.replace if update else http.set)(written))

    def delete_record(self, family: str, endpoint: str) -> None:
        """HttpDeleteServiceConfiguration."""
        with self._machine.busy():
            self._as_administrator("http_delete", lambda: self._machine.http.delete(family, endpoint))

    def _as_administrator(self, command: str, work: Any) -> None:
        before, self._machine.elevated = self._machine.elevated, True
        try:
            code = work()
        finally:
            self._machine.elevated = before
        if code:
            raise WinError(command, _unsigned(code))

    # Certificates

    def certificates(self) -> dict[str, Any]:
        """{"certificates": {store: [...]}, "containers": [...]} as in the dump."""
        with self._machine.busy():
            return self._machine.dump_certificates()

    def import_pfx(self, pfx: bytes, password: str, store: str = "MY", *, exportable: bool = False, provider: str | None = None) -> None:
        """Import the certificate that has a key, as a machine key with a container of its own.

        provider: a key storage provider for an RSA key (Windows would take the CSP).
        """
        with self._machine.busy():
            try:
                self._machine.stores.import_pfx(store, pfx, password, exportable=exportable, provider=provider)
            except WindowsError as error:
                raise WinError("cert_import", BAD_PASSWORD) from error

    def add_certificate(self, der: bytes, store: str = "MY") -> None:
        """Add a certificate without its key, in the place of one that is there with it."""
        with self._machine.busy():
            try:
                found = certificate_of(der)
            except WindowsError as error:
                raise WinError("cert_add", _unsigned(error.code or 0)) from error
            self._machine.stores.add(store, Entry(found))

    def watch_root(self, der: bytes) -> None:
        """The state tells all of ROOT."""

    def delete_certificate(self, thumbprint: str, store: str = "MY") -> None:
        """Delete a certificate; its key container stays, as on Windows."""
        with self._machine.busy():
            self._entry("cert_delete", store, thumbprint)
            del self._machine.stores.open(store).entries[thumbprint.lower()]

    def name_certificate(self, thumbprint: str, friendly_name: str | None, store: str = "MY") -> None:
        """Set or remove the friendly name."""
        with self._machine.busy():
            self._entry("cert_name", store, thumbprint).friendly_name = friendly_name

    def delete_key(self, thumbprint: str, store: str = "MY") -> None:
        """Delete the key container: the certificate stays, with a key that does not open."""
        with self._machine.busy():
            entry = self._entry("key_delete", store, thumbprint)
            if entry.link is None:
                raise WinError("key_delete", ELEMENT_NOT_FOUND)
            if self._machine.stores.containers.pop(entry.link.container, None) is None:
                raise WinError("key_delete", _unsigned(self._machine.stores.acquire_code(entry.link)))

    def set_key_flags(self, thumbprint: str, flags: int, store: str = "MY") -> None:
        """Change the flags that the certificate tells of its key; 0 makes it a user's key."""
        self.set_key(thumbprint, store, flags=flags)

    def share_key(self, thumbprint: str, store: str, of: str, of_store: str = "MY") -> None:
        """Let the certificate say that its key is where that of another one is, its own container staying where it is."""
        with self._machine.busy():
            link = self._entry("key_share", of_store, of).link
            if link is None:
                raise WinError("key_share", ELEMENT_NOT_FOUND)
            self._entry("key_share", store, thumbprint).link = link

    def set_key(
        self, thumbprint: str, store: str = "MY", *, acquire_code: int | None = None, security: str | None = None, **link: Any,
    ) -> None:  # fmt: skip
        """Change what the certificate tells of its key (fields of KeyLink), what opening the key silently gives, and its DACL (SDDL).

        A key in hardware: provider, provider_type, key_spec and a code such as 0x80090022. Only of simulated hosts.
        """
        with self._machine.busy():
            entry = self._entry("key_flags", store, thumbprint)
            if entry.link is None:
                raise WinError("key_flags", ELEMENT_NOT_FOUND)
            entry.link = dataclasses.replace(entry.link, **link)
            container = self._machine.stores.containers.get(entry.link.container)
            if container:
                container.provider = link.get("provider", container.provider)
                container.acquire_code = container.acquire_code if acquire_code is None else acquire_code
                container.security = container.security if security is None else security

    def _entry(self, command: str, store: str, thumbprint: str) -> Entry:
        entry = self._machine.stores.certificate(store, thumbprint)
        if entry is None:
            raise WinError(command, ELEMENT_NOT_FOUND)
        return entry

    # Registry, below HKLM

    def set_value(self, path: str, name: str, value: int | str | bytes | list[str]) -> None:
        """A REG_DWORD, REG_SZ, REG_BINARY or (simulated hosts only) REG_MULTI_SZ by the type of value."""
        kind = {int: "dword", str: "string", bytes: "binary", list: "multistring"}[type(value)]
        with self._machine.busy():
            self._machine.registry.set(path, name, kind, value)

    def value(self, path: str, name: str) -> int | str | None:
        """A value, binary ones in hex; None when absent."""
        with self._machine.busy():
            found = self._machine.registry.get(path, name)
        shown: Any = found.dumped()["value"] if found else None
        return shown  # type: ignore[no-any-return]

    def create_key(self, path: str) -> None:
        """Create a key with all above it."""
        with self._machine.busy():
            self._machine.registry.create(path)

    def delete_value(self, path: str, name: str) -> None:
        """Delete a value; WinError 2 when absent."""
        with self._machine.busy():
            if not self._machine.registry.delete(path, name):
                raise WinError("reg_delete_value", NOT_FOUND)

    def delete_key_tree(self, path: str) -> None:
        """Delete a registry key with all below."""
        with self._machine.busy():
            if not self._machine.registry.remove(path):
                raise WinError("reg_delete_key", NOT_FOUND)

    # Services

    def service(self, name: str) -> dict[str, Any]:
        """{"state", "exit_code", "start_type", "starts"}."""
        with self._machine.busy():
            found = self._machine.services.find(name)
            if found is None:
                raise WinError("service_query", UNKNOWN)
            return self._machine.dump_service(found)

    def await_services(self, timeout: float = 60.0) -> None:
        """They are there at once."""

    def wait(self, name: str, state: str, timeout: float = 30.0) -> None:
        """Until the service is in that state, on the host's clock; TimeoutError."""
        with self._machine.busy():
            if not self._machine.clock.wait(lambda: self.service(name)["state"] == state, timeout):
                raise TimeoutError(f"{name} is {self.service(name)['state']}, not {state}")

    def start(self, name: str, *, timeout: float = 30.0) -> None:
        """Start a service, and wait until it runs; what it needs comes up with it."""
        with self._machine.busy():
            self._as_administrator("service_start", lambda: self._start(name))
            self.wait(name, "running", timeout)

    def _start(self, name: str) -> int:
        """As with a Wine host, where only the exit code tells that a dependency did not start."""
        code = self._machine.services.start(name)
        return 0 if code in (DEPENDENCY_FAILED, DEPENDENCY_MISSING) else code

    def stop(self, name: str, *, timeout: float = 30.0) -> None:
        """Stop a service, and wait until it has stopped; WinError 1051 while a dependant runs."""
        with self._machine.busy():
            self._as_administrator("service_stop", lambda: self._machine.services.stop(name))
            self.wait(name, "stopped", timeout)

    def set_start_type(self, name: str, start_type: int) -> None:
        """2 automatic, 3 manual, 4 disabled."""
        with self._machine.busy():
            self.service(name)
            self._machine.registry.set(f"{SERVICES}\\{name}", "Start", "dword", start_type)

    def create_service(self, name: str, start_type: int, needs: list[str]) -> None:
        """Install a service (simulated hosts only)."""
        with self._machine.busy():
            self._machine.services.create(name, start_type, needs)

    def delete_service(self, name: str) -> None:
        """Remove a service from the service manager, with its key in the registry."""
        with self._machine.busy():
            self._as_administrator("service_delete", lambda: self._machine.services.remove(name))

    # Faults and switches

    def fault(self, function: str, code: int, *, skip: int = 0, times: int = 1, after: bool = False, endpoint: str | None = None) -> None:
        """Let calls of a function of the Windows API fail: after `skip` matching ones, `times` of them (0: for ever).

        The Http* functions as on a Wine host (after: the work is done, and the code given then), and moreover
        CertOpenStore, PFXImportCertStore, CertAddCertificateContextToStore, CertDeleteCertificateFromStore,
        CertAddEncodedCertificateToStore, MprAdminServerConnect, MprAdminConnectionEnumEx, MprAdminConnectionEnum,
        CryptAcquireCertificatePrivateKey, CryptSignHash, CryptAcquireContext, CryptGetKeyParam, CryptGetProvParam,
        NCryptOpenStorageProvider, NCryptEnumKeys, NCryptGetProperty, NCryptDeleteKey, RegSetValueEx, RegDeleteValue,
        StartService, ControlService, EvtQuery.
        """
        with self._machine.busy():
            self._machine.faults.call(function, code, skip=skip, times=times, after=after, endpoint=endpoint)

    def clear_events(self) -> None:
        """Forget the events that RRAS has raised."""
        with self._machine.busy():
            self._machine.sstp.events.clear()

    def clear_faults(self) -> None:
        """Take all faults back."""
        with self._machine.busy():
            self._machine.faults.clear()

    def switch(self, name: str, value: int) -> None:
        """HashDelay (ms), Sha1 (0: not written), SERVICE.StopHangs, SERVICE.StartFails, SERVICE.DiesAfter (ms)."""
        with self._machine.busy():
            self._machine.switches[name.upper()] = value

    def dump(self) -> dict[str, Any]:
        """The whole raw state; its shape is told at WineHost.state."""
        with self._machine.busy():
            return self._machine.dump()
