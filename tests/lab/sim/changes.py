# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The primitive changes of the back-end: would one alter anything, what takes it back, and doing it."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Collection, Mapping
from typing import Any

from lab.sim.clock import POLL_SECONDS
from lab.sim.conditions import find_service, find_value, holds
from lab.sim.errors import ACCESS_DENIED, SERVICE_TIMEOUT, WindowsError
from lab.sim.facts import Options
from lab.sim.http_sys import UNUSABLE, HttpConfiguration
from lab.sim.machine import Machine
from lab.sim.records import Fields, key_of, machine_record, text, told, wanted
from lab.sim.registry import KINDS, Data
from lab.sim.services import NOT_RUNNING, RUNS, Service
from lab.sim.store import KSP, Container, Entry, certificate_of
from lab.sim.telling import VALUE_LIMIT, joined, length_of, state_name

QUERY, SET, DELETE = "HttpQueryServiceConfiguration", "HttpSetServiceConfiguration", "HttpDeleteServiceConfiguration"
ADD_ENCODED = "CertAddEncodedCertificateToStore"
# What .NET gives a dependent service while it stops the one that was asked for.
DEPENDENT_SECONDS = 30
DATABASE_LOCKED = 1055
RESTING = ("running", "stopped", "paused")
NO_CMDLET = "There is no cmdlet Set-RemoteAccess on this host."

Change = Mapping[str, Any]


class Changes:
    """Carries out changes on one machine, by the options of one call."""

    def __init__(self, machine: Machine, options: Options) -> None:
        """Nothing is done yet."""
        self._machine, self._options = machine, options

    def would_alter(self, change: Change) -> bool:
        """Would the change alter anything on the host as it is now?"""
        kind = change.get("kind")
        if kind == "set_ssl_record":
            current = self._find_record(change)
            return current is None or text(current) != text(wanted(change))
        if kind == "delete_ssl_record":
            return self._find_record(change) is not None
        if kind == "set_registry_value":
            return self._value_differs(change)
        if kind == "delete_registry_value":
            return find_value(self._machine, change) is not None
        if kind == "import_pfx":
            return bool(change.get("replace")) or not self._stored(change)
        if kind == "import_certificate":
            return not self._stored(change)
        if kind == "delete_certificate":
            return self._stored(change)
        if kind == "delete_key":
            return self._container(change) is not None
        if kind == "bring_back_key":
            return self._container(change) is None
        if kind == "bring_back_certificate":
            return not self._stored(change) or (bool(change["usable"]) and not self._opens(change))
        if kind == "services":
            now = [self._service_state(item["name"]) for item in change["states"]]
            return now != [str(item["state"]).lower() for item in change["states"]]
        if kind == "set_remote_access":
            return (self._chosen() or "") != str(change["thumbprint"]).lower()
        if kind in ("await", "hold"):
            return False
        raise WindowsError(None, None, f"There is no change of the kind '{kind or ''}'.")

    def inverse(self, change: Change) -> dict[str, Any] | None:
        """The change that takes this one back, from what is there now."""
        kind = change["kind"]
        if kind in ("set_ssl_record", "delete_ssl_record"):
            current = self._find_record(change)
            if current is not None:
                return {**current, "kind": "set_ssl_record"}
            key = {"family": change.get("family", "ip"), "address": change["address"], "port": change["port"]}
            return {"kind": "delete_ssl_record", **key, "host": change.get("host")}
        if kind in ("set_registry_value", "delete_registry_value"):
            place = {"path": change["path"], "name": change["name"]}
            value = find_value(self._machine, change)
            if value is None:
                return {"kind": "delete_registry_value", **place}
            if value["data"] is None or length_of(value["data"]) > VALUE_LIMIT:
                raise WindowsError(None, None, f"The value {change['name']} is too long, or of a type that cannot be put back.")
            return {"kind": "set_registry_value", **place, "value_kind": value["kind"], "data": value["data"]}
        if kind == "import_pfx" and not self._stored(change):
            return {"kind": "delete_certificate", "store": change["store"], "thumbprint": change["thumbprint"], "with_key": True}
        if kind == "import_certificate" and not self._stored(change):
            return {"kind": "delete_certificate", "store": change["store"], "thumbprint": change["thumbprint"], "with_key": False}
        if kind == "delete_key":
            return {"kind": "bring_back_key", **{name: change[name] for name in ("container", "provider", "provider_type")}}
        if kind == "delete_certificate":
            return {"kind": "bring_back_certificate", "store": change["store"], "thumbprint": change["thumbprint"], "usable": self._opens(change)}
        if kind == "services":
            found = [(item["name"], self._service_state(item["name"])) for item in change["states"]]
            states = [{"name": name, "state": "stopped" if state in ("stopped", "stoppending") else "running"} for name, state in found]
            # One that was dead below another that ran takes that with it when it is stopped.
            states.reverse()
            states.sort(key=lambda item: item["state"] == "running")
            return {"kind": "services", "states": states, "timeout": change.get("timeout"), "each": True}
        if kind == "set_remote_access":
            return {"kind": "set_remote_access", "thumbprint": (self._chosen() or "").upper()}
        if kind == "hold":
            return self.inverse(change["of"])
        return None

    def lost(self, inverse: Change, code: int | None) -> bool:
        """Whether this inverse can never be carried out."""
        kind = inverse.get("kind")
        if kind == "set_ssl_record":
            return code == UNUSABLE
        if kind in ("bring_back_certificate", "bring_back_key"):
            return True
        return kind == "set_remote_access" and self._machine.stores.certificate("MY", str(inverse["thumbprint"])) is None

    def perform(self, change: Change) -> dict[str, Any] | None:
        """Do it; the detail."""
        work: dict[str, Callable[[Change], dict[str, Any] | None]] = {
            "set_ssl_record": self._set_record,
            "delete_ssl_record": self._delete_record,
            "set_registry_value": self._set_value,
            "delete_registry_value": self._delete_value,
            "import_pfx": self._import,
            "import_certificate": self._import_certificate,
            "delete_certificate": self._delete_certificate,
            "delete_key": self._delete_key,
            "bring_back_certificate": self._bring_back,
            "bring_back_key": self._bring_back,
            "set_remote_access": self._set_remote_access,
            "services": self._set_services,
            "await": self._await,
        }
        return work[change["kind"]](change)

    # HTTP.SYS

    def _find_record(self, change: Change) -> Fields | None:
        http = HttpConfiguration(self._machine.http)
        found = http.find(*key_of(wanted(change), QUERY))
        return told(found) if found else None

    def _set_record(self, change: Change) -> dict[str, Any]:
        fields = wanted(change)
        atomic = HttpConfiguration(self._machine.http).put(machine_record(fields, QUERY))
        read = self._find_record(change)
        if read is None or text(read) != text(fields):
            raise WindowsError(None, None, "HTTP.SYS took the record but does not give it back as it was set.")
        return {"atomic": atomic}

    def _delete_record(self, change: Change) -> None:
        HttpConfiguration(self._machine.http).delete(*key_of(wanted(change), DELETE))

    # Registry

    def _value_differs(self, change: Change) -> bool:
        current = find_value(self._machine, change)
        if current is None:
            return True
        if change.get("only_if_absent"):
            return False
        kind_differs = current["kind"] != str(change.get("value_kind")).lower()
        data = change.get("data")
        counts = [len(item) if isinstance(item, list) else 1 for item in (current["data"], data)]
        return kind_differs or counts[0] != counts[1] or joined(current["data"]) != joined(data)

    def _may_write(self, function: str) -> None:
        self._machine.faults.check(function)
        if not self._machine.elevated:
            raise WindowsError(None, ACCESS_DENIED, "Requested registry access is not allowed.")

    def _set_value(self, change: Change) -> None:
        self._may_write("RegSetValueEx")
        kind = str(change["value_kind"]).lower()
        self._machine.registry.set(change["path"], change["name"], kind, _typed(kind, change.get("data")))

    def _delete_value(self, change: Change) -> None:
        self._may_write("RegDeleteValue")
        self._machine.registry.delete(change["path"], change["name"])

    # Certificates

    def _stored(self, change: Change) -> bool:
        return self._machine.stores.certificate(change["store"], change["thumbprint"]) is not None

    def _opens(self, change: Change) -> bool:
        entry = self._machine.stores.certificate(change["store"], change["thumbprint"])
        return entry is not None and entry.link is not None and self._machine.stores.acquire_code(entry.link) == 0

    def _open_store(self, name: str) -> bool:
        """Open a store for writing; whether there is one of that name."""
        self._machine.faults.check("CertOpenStore")
        if self._machine.stores.find(name) is None:
            return False
        if not self._machine.elevated:
            raise WindowsError("CertOpenStore", ACCESS_DENIED)
        return True

    def _import(self, change: Change) -> None:
        provider = _key_provider(change)
        try:
            pfx = base64.b64decode(self._options["pfx"] or "", validate=True)
        except binascii.Error as error:
            raise WindowsError(None, None, "The input is not a valid Base-64 string.") from error
        if self._open_store(change["store"]):
            self._machine.faults.check("PFXImportCertStore")
            self._machine.faults.check("CertAddCertificateContextToStore")
            self._machine.stores.import_pfx(
                change["store"], pfx, self._options["pfx_password"] or "", wanted=str(change["thumbprint"]).lower(),
                exportable=bool(change.get("exportable")), friendly_name=change.get("friendly_name") or None,
                provider=provider, build=self._machine.build,
            )  # fmt: skip
        self._check_stored(change)

    def _check_stored(self, change: Change) -> None:
        if not self._stored(change):
            raise WindowsError(None, None, "Windows imported the certificate, but it is not in the store.")

    def _import_certificate(self, change: Change) -> None:
        try:
            der = base64.b64decode(str(change["raw"]), validate=True)
        except binascii.Error as error:
            raise WindowsError(None, None, "The input is not a valid Base-64 string.") from error
        if hashlib.sha1(der, usedforsecurity=False).hexdigest() != str(change["thumbprint"]).lower():
            raise WindowsError(None, None, "The certificate is not that of the thumbprint.")
        if self._open_store(change["store"]):
            self._machine.faults.check(ADD_ENCODED)
            self._machine.stores.add(change["store"], Entry(certificate_of(der)))
        self._check_stored(change)

    def _delete_certificate(self, change: Change) -> None:
        if self._open_store(change["store"]):
            entries = self._machine.stores.open(change["store"]).entries
            entry = entries[change["thumbprint"].lower()]
            if change.get("with_key") and entry.link:
                # A key that is not there any more is as good as deleted.
                self._machine.faults.check("CryptAcquireContext" if entry.link.provider_type else "NCryptDeleteKey")
                self._machine.stores.containers.pop(entry.link.container, None)
            self._machine.faults.check("CertDeleteCertificateFromStore")
            del entries[change["thumbprint"].lower()]
        if self._stored(change):
            raise WindowsError(None, None, "Windows deleted the certificate, but it is still in the store.")

    def _container(self, change: Change) -> Container | None:
        return self._machine.stores.container(str(change["container"]), int(change["provider_type"]))

    def _delete_key(self, change: Change) -> None:
        function = "CryptAcquireContext" if int(change["provider_type"]) else "NCryptDeleteKey"
        self._machine.faults.check(function)
        if not self._machine.elevated:
            raise WindowsError(function, ACCESS_DENIED)
        self._machine.stores.containers.pop(str(change["container"]), None)

    def _bring_back(self, _change: Change) -> None:
        raise WindowsError(None, None, "A certificate or private key that was deleted cannot be brought back.")

    # RRAS itself

    def _chosen(self) -> str | None:
        """The thumbprint that RRAS has now; None also where it does not say."""
        if not self._machine.remote_access_cmdlets:
            return None
        try:
            found = self._machine.remote_access.get().ssl_certificate
        except WindowsError:
            return None
        return found.thumbprint if found else None


    def _set_remote_access(self, change: Change) -> None:
        if not self._machine.remote_access_cmdlets:
            raise WindowsError(None, None, NO_CMDLET)
        if not change["thumbprint"]:
            raise WindowsError(None, None, "RRAS had no certificate before, and cannot be told so.")
        self._machine.remote_access.set_certificate(str(change["thumbprint"]))
        read = self._chosen()
        if read is not None and read != str(change["thumbprint"]).lower():
            raise WindowsError(None, None, f"Set-RemoteAccess took the certificate, but RRAS still has {read.upper()}.")

    # Services

    def _service_state(self, name: str) -> str:
        return state_name(find_service(self._machine, name).state)

    def _set_services(self, change: Change) -> None:
        first: WindowsError | None = None
        for item in change["states"]:
            try:
                self._set_service(find_service(self._machine, item["name"]), str(item["state"]).lower(), float(change.get("timeout") or 0))
            except WindowsError as error:
                if not change.get("each"):
                    raise
                first = first or error
        if first:
            raise first

    def _set_service(self, service: Service, state: str, patience: float) -> None:
        self._control(service, state, patience)
        self._wait(service, RESTING if state == "running" else ("stopped",), patience)
        if service.state != state:
            raise WindowsError(None, None, f"The service {service.name} is {service.state} again; the System log may say why.")

    def _control(self, service: Service, state: str, patience: float) -> None:
        """Stop or start a service, once it is in no state between the two; a service database that is locked is waited for."""
        until = self._machine.clock.now() + patience
        while True:
            self._wait(service, RESTING, patience)
            try:
                if state == "stopped" and service.state != "stopped":
                    self._stop(service)
                elif state == "running" and service.state != "running":
                    self._call("StartService", self._machine.services.start, service.name)
                return
            except WindowsError as error:
                if error.code in (RUNS, NOT_RUNNING):
                    return
                if error.code != DATABASE_LOCKED or self._machine.clock.now() >= until:
                    raise
            self._machine.clock.skip(POLL_SECONDS)

    def _stop(self, service: Service) -> None:
        """ServiceController.Stop: by its documentation it stops the services that depend on this one before."""
        for dependant in self._machine.services.dependants(service.name):
            if dependant.state != "stopped":
                self._stop(dependant)
                self._wait(dependant, ("stopped",), DEPENDENT_SECONDS)
        self._call("ControlService", self._machine.services.stop, service.name)

    def _call(self, function: str, work: Callable[[str], int], name: str) -> None:
        code = self._machine.faults.due(function, name)[0] or work(name)
        if code:
            raise WindowsError(None, code)

    def _wait(self, service: Service, states: Collection[str], seconds: float) -> None:
        if not self._machine.clock.wait(lambda: service.state in states, seconds):
            raise WindowsError(None, SERVICE_TIMEOUT)

    # Waiting

    def _await(self, change: Change) -> dict[str, Any]:
        seconds = float(change.get("timeout") or 0)
        unmet: list[str] = []

        def met() -> bool:
            unmet[:] = [item.get("text") for item in change["conditions"] if not holds(self._machine, item)]
            return not unmet

        if not self._machine.clock.wait(met, seconds) and change.get("required"):
            raise WindowsError(None, None, f"After {change.get('timeout')} seconds this still did not hold: {'; '.join(map(str, unmet))}.")
        return {"unmet": unmet}


def _key_provider(change: Change) -> str | None:
    """Where an imported key goes; None: where Windows would put it."""
    wanted = str(change.get("key_provider") or "default").lower()
    if wanted not in ("default", "cng"):
        raise WindowsError(None, None, f"There is no key provider '{wanted}'.")
    return KSP if wanted == "cng" else None


def _typed(kind: str, data: Any) -> Data:
    """A value's data as .NET makes it of what a change carries."""
    try:
        if kind in ("binary", "none"):
            return bytes.fromhex(str(data or ""))
        if kind == "dword":
            number = int(data)
            if not 0 <= number < 1 << 32:
                raise ValueError(data)
            return number
        if kind == "qword":
            return int(data)
        if kind == "multistring":
            return [str(item) for item in (data if isinstance(data, list) else [data])]
    except (ValueError, TypeError) as error:
        raise WindowsError(None, None, f'Cannot convert value "{data}" to the kind {kind}.') from error
    if kind not in KINDS:
        raise WindowsError(None, None, f'Cannot convert value "{kind}" to type "Microsoft.Win32.RegistryValueKind".')
    return "" if data is None else str(data)
