# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every kind of host can do beyond running commands: become a working SSTP server, restart, tell its state."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, Protocol, TypeVar

from cryptography.hazmat.primitives.serialization import Encoding

from lab.agent import SESSIONS, SSTP_APP_ID, Record
from lab.host import Command
from lab.pki import Authority, Issued

# The members of the state that a change of the host shows in.
DIGESTED = ("http", "sstpsvc", "certificates", "containers")
Self = TypeVar("Self", bound="Server")


class ServerAgent(Protocol):
    """What Server needs of an agent."""

    def import_pfx(self, pfx: bytes, password: str, store: str = "MY", *, exportable: bool = False) -> None:
        """Import the certificate that has a key."""

    def add_certificate(self, der: bytes, store: str = "MY") -> None:
        """Add a certificate without its key."""

    def set_record(self, record: Record, *, update: bool = False) -> None:
        """Write a record of HTTP.SYS."""

    def set_value(self, path: str, name: str, value: int | str | bytes) -> None:
        """Write a value below HKLM."""

    def value(self, path: str, name: str) -> int | str | None:
        """A value below HKLM."""

    def service(self, name: str) -> dict[str, Any]:
        """The state of a service."""

    def start(self, name: str, *, timeout: float = 30.0) -> None:
        """Start a service."""

    def stop(self, name: str, *, timeout: float = 30.0) -> None:
        """Stop a service."""


class Server(ABC):
    """One Windows server with SSTP, of whatever kind: implements host.Host but for run, state and close."""

    name: str
    port: int

    @property
    @abstractmethod
    def _agent(self) -> ServerAgent:
        """The agent of this host."""

    @abstractmethod
    def run(self, command_line: str) -> Command:
        """Start a command line."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """The raw state."""

    @abstractmethod
    def close(self) -> None:
        """End everything of this host."""

    @abstractmethod
    def write_file(self, path: str, data: bytes) -> None:
        """Put a file onto the host; the path may hold %variables%."""

    def bind(self, thumbprint: str, **fields: Any) -> None:
        """Set the pair 0.0.0.0 and [::] of the host's port; fields as in Record."""
        for address in ("0.0.0.0", "[::]"):
            self._agent.set_record(Record("ip", f"{address}:{self.port}", thumbprint, **fields))

    def install(self, issued: Issued, *, bind: bool = True, start: bool = True, store: str = "MY", **fields: Any) -> None:
        """Make a working SSTP server of it: machine key, chain, pair, services (which write the hashes).

        fields are those of Record, for both records of the pair.
        """
        self.keep(issued, store)
        for der in issued.chain_der:
            self._agent.add_certificate(der, "CA")
        if bind:
            fields.setdefault("app_id", SSTP_APP_ID)
            fields.setdefault("store", store)
            self.bind(issued.thumbprint, **fields)
        if start:
            self._agent.start("RemoteAccess")

    def keep(self, issued: Issued, store: str = "MY", *, exportable: bool = False) -> None:
        """Import a certificate with its key, as a machine key with a container of its own."""
        self._agent.import_pfx(issued.pfx("lab"), "lab", store, exportable=exportable)

    def trust(self, authority: Authority) -> None:
        """Put the root of the authority into ROOT, as on a server that trusts it."""
        self._agent.add_certificate(authority.root.public_bytes(Encoding.DER), "ROOT")

    def restart(self) -> None:
        """Stop the three services from the top, and start them again."""
        for name in ("RemoteAccess", "RasMan", "SstpSvc"):
            if self._agent.service(name)["state"] != "stopped":
                self._agent.stop(name)
        self._agent.start("RemoteAccess")

    def connect_clients(self, count: int) -> None:
        """From now on so many VPN sessions; they end when RRAS stops, and do not come back by themselves."""
        self._agent.set_value(SESSIONS, "Count", count)

    @property
    def sessions(self) -> int:
        """How many VPN sessions there are."""
        return int(self._agent.value(SESSIONS, "Count") or 0)

    def digest(self) -> str:
        """SHA-256 of what a change of the host shows in: equal digests, equal hosts."""
        state = self.state()
        shown: dict[str, Any] = {name: state[name] for name in DIGESTED}
        # A store that is empty is as good as none, and looking into it may make it.
        shown["certificates"] = {name: content for name, content in state["certificates"].items() if content}
        shown["services"] = {name: [item["state"], item["starts"]] for name, item in state["services"].items()}
        return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()

    def __enter__(self: Self) -> Self:
        """Give the host itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""
        self.close()
