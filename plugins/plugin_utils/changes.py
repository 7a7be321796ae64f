# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The primitive changes that windows_backend carries out, as data. PRIVATE to the collection.

Each has a sentence for people, in the words of what will be done.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any, Protocol

from .errors import one_line
from .inputs import Endpoint
from .names import BEFORE_OFFLOAD_KEY, CONFIG_STORE_KEY, HEALED_KEY, PREDECESSORS_KEY
from .state import SslRecord


class Change(Protocol):
    """One step of a plan."""

    def to_wire(self) -> dict[str, Any]:
        """The dictionary that the back-end takes (docs/backend.md)."""

    def describe(self) -> str:
        """What the step does, in one phrase."""


def _key(endpoint: Endpoint) -> dict[str, Any]:
    return {"family": endpoint.family, "address": endpoint.address, "port": endpoint.port, "host": endpoint.host}


def record_to_wire(record: SslRecord) -> dict[str, Any]:
    """Every field of a record, as observe gives it and set_ssl_record takes it."""
    return {
        **_key(record.endpoint),
        "certificate_hash": record.certificate_hash,
        "app_id": record.app_id,
        "certificate_store_name": record.certificate_store_name,
        "check_mode": record.check_mode,
        "revocation_freshness_time": record.revocation_freshness_time,
        "url_retrieval_timeout": record.url_retrieval_timeout,
        "ctl_identifier": record.ctl_identifier,
        "ctl_store_name": record.ctl_store_name,
        "flags": record.flags,
    }


@dataclass(frozen=True)
class SetRecord:
    record: SslRecord

    def to_wire(self) -> dict[str, Any]:
        return {"kind": "set_ssl_record", **record_to_wire(self.record)}

    def describe(self) -> str:
        return f"bind {self.record.certificate_hash} to {self.record.endpoint}"


@dataclass(frozen=True)
class DeleteRecord:
    endpoint: Endpoint

    def to_wire(self) -> dict[str, Any]:
        return {"kind": "delete_ssl_record", **_key(self.endpoint)}

    def describe(self) -> str:
        return f"delete the record of {self.endpoint}"


def _value_name(path: str, name: str) -> str:
    return f"ConfigStore\\{name}" if path == CONFIG_STORE_KEY else name


@dataclass(frozen=True)
class SetValue:
    path: str
    name: str
    kind: str
    data: Any
    only_if_absent: bool = False
    when_changed: tuple[int, ...] | None = None

    def to_wire(self) -> dict[str, Any]:
        wire = {"kind": "set_registry_value", "path": self.path, "name": self.name, "value_kind": self.kind, "data": self.data}
        return _guarded({**wire, "only_if_absent": self.only_if_absent}, self.when_changed)

    def describe(self) -> str:
        if self.path == HEALED_KEY:
            return f"note that {self.name} is healed at {self.data}"
        if self.path == PREDECESSORS_KEY:
            return f"note that {self.name} was replaced"
        if self.path == BEFORE_OFFLOAD_KEY:
            return f"note that {self.name} was {self.data} before offload"
        return f"set {_value_name(self.path, self.name)} to {self.data}" + (" if the service has not written it" if self.only_if_absent else "")


@dataclass(frozen=True)
class DeleteValue:
    path: str
    name: str

    def to_wire(self) -> dict[str, Any]:
        return {"kind": "delete_registry_value", "path": self.path, "name": self.name}

    def describe(self) -> str:
        if self.path == BEFORE_OFFLOAD_KEY:
            return f"forget what {self.name} was before offload"
        return f"forget that {self.name} was replaced" if self.path == PREDECESSORS_KEY else f"delete {_value_name(self.path, self.name)}"


@dataclass(frozen=True)
class ImportPfx:
    """The PFX itself crosses beside the changes, in the options pfx and pfx_password."""

    thumbprint: str
    store: str = "MY"
    exportable: bool = False
    friendly_name: str = ""
    replace: bool = False
    key_provider: str = "default"

    def to_wire(self) -> dict[str, Any]:
        return {
            "kind": "import_pfx",
            "thumbprint": self.thumbprint,
            "store": self.store,
            "exportable": self.exportable,
            "friendly_name": self.friendly_name,
            "replace": self.replace,
            "key_provider": self.key_provider,
        }

    def describe(self) -> str:
        return f"import {self.thumbprint} into LocalMachine\\{self.store}"


@dataclass(frozen=True)
class ImportCertificate:
    """A certificate without a key; der are its bytes."""

    thumbprint: str
    store: str
    der: bytes = field(repr=False)

    def to_wire(self) -> dict[str, Any]:
        return {"kind": "import_certificate", "thumbprint": self.thumbprint, "store": self.store, "raw": base64.b64encode(self.der).decode()}

    def describe(self) -> str:
        return f"import {self.thumbprint} into LocalMachine\\{self.store}"


@dataclass(frozen=True)
class DeleteKey:
    """A key container of the machine; provider_type 0 is CNG. There is no way back."""

    container: str
    provider: str
    provider_type: int

    def to_wire(self) -> dict[str, Any]:
        return {"kind": "delete_key", "container": self.container, "provider": self.provider, "provider_type": self.provider_type}

    def describe(self) -> str:
        return f"delete the key container {self.container} ({self.provider})"


@dataclass(frozen=True)
class DeleteCertificate:
    thumbprint: str
    store: str = "MY"
    with_key: bool = True

    def to_wire(self) -> dict[str, Any]:
        return {"kind": "delete_certificate", "thumbprint": self.thumbprint, "store": self.store, "with_key": self.with_key}

    def describe(self) -> str:
        return f"delete {self.thumbprint}" + (" and its private key" if self.with_key else "")


@dataclass(frozen=True)
class SetRemoteAccess:
    """The supported writer: Set-RemoteAccess -SslCertificate, with a certificate of MY."""

    thumbprint: str

    def to_wire(self) -> dict[str, Any]:
        return {"kind": "set_remote_access", "thumbprint": self.thumbprint}

    def describe(self) -> str:
        return f"let RRAS take {self.thumbprint} (Set-RemoteAccess)"


@dataclass(frozen=True)
class Hold:
    """Note how the thing that another change is about is now, so that an undo puts that back, whoever alters it meanwhile."""

    of: Change

    def to_wire(self) -> dict[str, Any]:
        return {"kind": "hold", "of": self.of.to_wire()}

    def describe(self) -> str:
        return f"keep in mind, for a way back, what it is now: {self.of.describe()}"


@dataclass(frozen=True)
class Forgotten:
    """A change without a way back of its own: an earlier hold has it."""

    change: Change

    def to_wire(self) -> dict[str, Any]:
        return {**self.change.to_wire(), "undo": False}

    def describe(self) -> str:
        return self.change.describe()


@dataclass(frozen=True)
class SetServices:
    """Bring services into a state ('running' or 'stopped'), one after the other; timeout in seconds, each."""

    names: tuple[str, ...]
    state: str
    timeout: int
    when_changed: tuple[int, ...] | None = None

    def to_wire(self) -> dict[str, Any]:
        states = [{"name": name, "state": self.state} for name in self.names]
        return _guarded({"kind": "services", "states": states, "timeout": self.timeout}, self.when_changed)

    def describe(self) -> str:
        verb = "start" if self.state == "running" else "stop"
        return f"{verb} {', '.join(self.names)}" + (" once more in that case" if self.when_changed is not None else "")


@dataclass(frozen=True)
class Await:
    """Wait until all conditions hold, timeout seconds at most; required: else the whole plan fails."""

    conditions: tuple[dict[str, Any], ...]
    timeout: int
    required: bool
    when_changed: tuple[int, ...] | None = None

    def to_wire(self) -> dict[str, Any]:
        wire = {"kind": "await", "conditions": list(self.conditions), "timeout": self.timeout, "required": self.required}
        return _guarded(wire, self.when_changed)

    def describe(self) -> str:
        return "wait until " + " and ".join(str(c["text"]) for c in self.conditions)


def _guarded(wire: dict[str, Any], when_changed: tuple[int, ...] | None) -> dict[str, Any]:
    return wire if when_changed is None else {**wire, "when_changed": list(when_changed)}


def service_is(name: str, state: str) -> dict[str, Any]:
    return {"kind": "service", "name": name, "state": state, "text": f"{name} is {state}"}


def value_is(path: str, name: str, kind: str, data: Any) -> dict[str, Any]:
    return {"kind": "registry_value", "path": path, "name": name, "value_kind": kind, "data": data, "text": f"{name} is {data}"}


def serves(address: str, port: int, thumbprint: str) -> dict[str, Any]:
    endpoint = Endpoint("ip", address, port)
    return {"kind": "served", "address": address, "port": port, "thumbprint": thumbprint, "text": f"{endpoint} serves {thumbprint}"}


@dataclass(frozen=True)
class Plan:
    """An ordered list of changes. An empty one means that nothing has to be done."""

    changes: tuple[Change, ...] = ()
    restarts: bool = False

    def __bool__(self) -> bool:
        return bool(self.changes)

    @property
    def tells_rras(self) -> bool:
        """Does it call Set-RemoteAccess, which reaches the other nodes of a cluster too?"""
        return any(isinstance(change, SetRemoteAccess) for change in self.changes)

    def describe(self) -> list[str]:
        """In words; what is only kept in mind is no step of its own for people."""
        return [one_line(change.describe()) for change in self.changes if not isinstance(change, Hold)]
