# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's side of the agent that runs inside a Wine host: its line commands as methods.

The agent uses the Windows API by mingw's headers, so what it tells is independent of the product's C#.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import struct
import threading
import time
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

SSTP_APP_ID = "{ba195980-cd49-458b-9e23-c84ee0adcd75}"
SSTPSVC = r"SYSTEM\CurrentControlSet\Services\SstpSvc\Parameters"
LAB = r"SOFTWARE\lab"
# What the lab has set of the network of a host, of what RRAS itself says, and of its clients.
NETWORK = LAB + r"\Network"
REMOTE_ACCESS = LAB + r"\RemoteAccess"
# Where ROOT is kept: the agent itself opens it never, as that makes Wine read every CA file of the Linux machine.
ROOT = r"SOFTWARE\Microsoft\SystemCertificates\Root\Certificates"
# CERT_CERT_PROP_ID, under which a value of a store has the certificate itself, and the number behind each id.
CERTIFICATE_PROPERTY, ENCODING = 32, 1
# Count: how many VPN clients are connected.
SESSIONS = LAB + r"\Sessions"
RPC_UNAVAILABLE = 1722
ERROR_SERVICE_DATABASE_LOCKED = 1055


class WinError(Exception):
    """A call inside the host failed; code is the Win32 error."""

    def __init__(self, command: str, code: int) -> None:
        """Name the agent's command and the code."""
        super().__init__(f"{command}: Win32 error {code}")
        self.code = code


@dataclass(frozen=True)
class Record:
    """One HTTP.SYS record. family: ip, sni or ccs; endpoint "0.0.0.0:443", "host:443", "443"; hash in hex."""

    family: str
    endpoint: str
    hash: str
    app_id: str = SSTP_APP_ID
    store: str | None = None
    check_mode: int = 0
    freshness_time: int = 0
    url_retrieval_timeout: int = 0
    ctl_identifier: str | None = None
    ctl_store: str | None = None
    flags: int = 0


def _thumbprint(der: bytes) -> str:
    return hashlib.sha1(der, usedforsecurity=False).hexdigest()


def _encoded(argument: object) -> str:
    if argument is None:
        return "-"
    data = argument if isinstance(argument, bytes) else str(argument).encode()
    return "~" + data.hex()


class Agent:
    """A connection to the agent of one host; may be used by several threads."""

    def __init__(self, port: int, token: str, *, timeout: float = 60.0) -> None:
        """Connect, waiting until the agent listens."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                self._socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
                break
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = self._socket.makefile("rb")
        self._lock = threading.Lock()
        self._socket.sendall(token.encode() + b"\n")
        self._answers.readline()
        # DER by thumbprint of those that the state tells of ROOT: Wine has all those of the Linux machine in it.
        self._watched: dict[str, bytes] = {}

    def close(self) -> None:
        """Drop the connection; the agent goes on."""
        self._answers.close()
        self._socket.close()

    def ask(self, command: str, *arguments: object) -> dict[str, Any]:
        """One command; the members of its answer. WinError when the host says so."""
        line = " ".join([command, *map(_encoded, arguments)]) + "\n"
        with self._lock:
            self._socket.sendall(line.encode())
            text = self._answers.readline()
        if not text:
            raise ConnectionError(f"the agent is gone ({command})")
        answer: dict[str, Any] = json.loads(text)
        if code := answer.pop("code"):
            raise WinError(command, code)
        return answer

    # HTTP.SYS

    def records(self) -> list[Record]:
        """Every record, by enumeration of the three families."""
        return [Record(**item) for item in self.ask("listener")["http"]]

    def set_record(self, record: Record, *, update: bool = False) -> None:
        """HttpSetServiceConfiguration, or HttpUpdateServiceConfiguration."""
        fields = asdict(record)
        fields["hash"] = bytes.fromhex(record.hash) or None
        fields["app_id"] = UUID(record.app_id).bytes_le
        self.ask("http_update" if update else "http_set", *fields.values())

    def delete_record(self, family: str, endpoint: str) -> None:
        """HttpDeleteServiceConfiguration."""
        self.ask("http_delete", family, endpoint)

    def probe_http(self) -> dict[str, int]:
        """What wrong calls of httpapi.dll give: name of the mistake -> Win32 code (and `needed`, a size)."""
        return self.ask("http_probe")

    # Certificates

    def certificates(self) -> dict[str, Any]:
        """{"certificates": {store: [...]}, "containers": [...]} as in the dump."""
        return self._with_root(self.ask("certificates"))

    def import_pfx(self, pfx: bytes, password: str, store: str = "MY", *, exportable: bool = False) -> None:
        """Import the certificate that has a key, as a machine key with a container of its own."""
        self.ask("cert_import", store, pfx, password, int(exportable))

    def add_certificate(self, der: bytes, store: str = "MY") -> None:
        """Add a certificate without its key."""
        if store.upper() != "ROOT":
            self.ask("cert_add", store, der)
            return
        self.watch_root(der)
        entry = struct.pack("<III", CERTIFICATE_PROPERTY, ENCODING, len(der)) + der
        self.set_value(f"{ROOT}\\{_thumbprint(der).upper()}", "Blob", entry)

    def delete_certificate(self, thumbprint: str, store: str = "MY") -> None:
        """Delete a certificate; its key container stays, as on Windows."""
        if store.upper() == "ROOT":
            self.delete_key_tree(f"{ROOT}\\{thumbprint.upper()}")
        else:
            self.ask("cert_delete", store, bytes.fromhex(thumbprint))

    def watch_root(self, der: bytes) -> None:
        """Let the state tell this certificate when it is in ROOT, whoever put it there."""
        self._watched[_thumbprint(der)] = der

    def _with_root(self, state: dict[str, Any]) -> dict[str, Any]:
        """The state with what is watched of ROOT."""
        there = [
            {
                "thumbprint": thumbprint, "sha256": hashlib.sha256(der).hexdigest(), "der": base64.b64encode(der).decode(),
                "friendly_name": None, "key": None,
            }
            for thumbprint, der in sorted(self._watched.items()) if self.value(f"{ROOT}\\{thumbprint.upper()}", "Blob") is not None
        ]  # fmt: skip
        return {**state, "certificates": {**state["certificates"], **({"ROOT": there} if there else {})}}

    def name_certificate(self, thumbprint: str, friendly_name: str | None, store: str = "MY") -> None:
        """Set or remove the friendly name."""
        self.ask("cert_name", store, bytes.fromhex(thumbprint), friendly_name)

    def delete_key(self, thumbprint: str, store: str = "MY") -> None:
        """Delete the key container: the certificate stays, with a key that does not open."""
        self.ask("key_delete", store, bytes.fromhex(thumbprint))

    def set_key_flags(self, thumbprint: str, flags: int, store: str = "MY") -> None:
        """Change the flags that the certificate tells of its key; 0 makes it a user's key."""
        self.ask("key_flags", store, bytes.fromhex(thumbprint), flags)

    def share_key(self, thumbprint: str, store: str, of: str, of_store: str = "MY") -> None:
        """Let the certificate say that its key is where that of another one is, its own container staying where it is."""
        self.ask("key_share", store, bytes.fromhex(thumbprint), of_store, bytes.fromhex(of))

    def rehome(self) -> dict[str, int]:
        """Give each key that Wine left in its default container one of its own; {"moved", "lost"}."""
        return self.ask("rehome")

    # Registry, below HKLM

    def set_value(self, path: str, name: str, value: int | str | bytes) -> None:
        """A REG_DWORD, REG_SZ or REG_BINARY by the type of value."""
        kind = {int: "dword", str: "sz", bytes: "binary"}[type(value)]
        self.ask("reg_set", path, name, kind, value)

    def value(self, path: str, name: str) -> int | str | None:
        """A value, binary ones in hex; None when absent."""
        try:
            found: int | str = self.ask("reg_get", path, name)["value"]["value"]
        except WinError as error:
            if error.code == 2:
                return None
            raise
        return found

    def create_key(self, path: str) -> None:
        """Create a key with all above it."""
        self.ask("reg_create", path)

    def delete_value(self, path: str, name: str) -> None:
        """Delete a value; WinError 2 when absent."""
        self.ask("reg_delete_value", path, name)

    def delete_key_tree(self, path: str) -> None:
        """Delete a registry key with all below."""
        self.ask("reg_delete_key", path)

    # Services

    def service(self, name: str) -> dict[str, Any]:
        """{"state", "exit_code", "start_type", "starts"}."""
        return self.ask("service_query", name)

    def await_services(self, timeout: float = 60.0) -> None:
        """Until the service manager answers: it comes up after the first process of a host (1722 until then)."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                self.service("RemoteAccess")
                return
            except WinError as error:
                if error.code != RPC_UNAVAILABLE or time.monotonic() > deadline:
                    raise
            time.sleep(0.02)

    def wait(self, name: str, state: str, timeout: float = 30.0) -> None:
        """Until the service is in that state; TimeoutError."""
        deadline = time.monotonic() + timeout
        while (now := self.service(name)["state"]) != state:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} is {now}, not {state}")
            time.sleep(0.02)

    def start(self, name: str, *, timeout: float = 30.0) -> None:
        """Start a service, and wait until it runs; what it needs comes up with it."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                self.ask("service_start", name)
                break
            except WinError as error:
                # The service manager is busy with another start or stop for the moment.
                if error.code != ERROR_SERVICE_DATABASE_LOCKED or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        self.wait(name, "running", timeout)

    def stop(self, name: str, *, timeout: float = 30.0) -> None:
        """Stop a service, and wait until it has stopped; WinError 1052 (Windows: 1051) while a dependant runs."""
        self.ask("service_stop", name)
        self.wait(name, "stopped", timeout)

    def set_start_type(self, name: str, start_type: int) -> None:
        """2 automatic, 3 manual, 4 disabled."""
        self.ask("service_configure", name, start_type)

    def delete_service(self, name: str) -> None:
        """Remove a service from the service manager."""
        self.ask("service_delete", name)

    def clear_events(self) -> None:
        """Forget the events that RRAS has raised."""
        self.create_key(LAB + r"\Events")
        self.delete_key_tree(LAB + r"\Events")

    # Faults and switches

    def fault(self, function: str, code: int, *, skip: int = 0, times: int = 1, after: bool = False,
              endpoint: str | None = None) -> None:  # fmt: skip
        """Let calls of an Http* or MprAdmin* function, EvtQuery or EvtNext fail: after `skip` matching ones, `times` of them (0: for ever).

        after: the work is done, and the code given then.
        """
        text = f"code={code} skip={skip} times={times} after={int(after)}"
        self.set_value(LAB + r"\Faults", function, text + (f" endpoint={endpoint}" if endpoint else ""))
        if self.value(LAB + r"\Faults\Counts", function) is not None:
            self.delete_value(LAB + r"\Faults\Counts", function)

    def clear_faults(self) -> None:
        """Take all faults back."""
        self.create_key(LAB + r"\Faults")
        self.delete_key_tree(LAB + r"\Faults")

    def switch(self, name: str, value: int) -> None:
        """HashDelay (ms), Sha1 (0: not written), SERVICE.StopHangs, SERVICE.StartFails, SERVICE.DiesAfter (ms)."""
        self.set_value(LAB + r"\Services", name, value)

    def dump(self) -> dict[str, Any]:
        """The whole raw state; its shape is told at WineHost.state."""
        return self._with_root(self.ask("dump"))
