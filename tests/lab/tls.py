# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The TLS side of a host: what HTTP.SYS and SSTP's URL would answer at its port.

At each connection the host is asked for its records and services, so nothing has to be told about changes. Full SSTP is
not here yet: after the handshake there is the HTTP answer of the URL only.
"""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import ssl
import struct
import threading
from typing import Any

from lab.agent import Agent
from lab.pki import keyring

URI = "/sra_{ba195980-cd49-458b-9e23-c84ee0adcd75}/"
REJECT = 0x8
RESET = struct.pack("ii", 1, 0)
PATIENCE = 20.0


def server_name(hello: bytes) -> str | None:
    """The SNI name of a ClientHello (with its record header), None without one or when it is no ClientHello."""
    try:
        at = 5 + 4 + 2 + 32
        at += 1 + hello[at]
        at += 2 + int.from_bytes(hello[at : at + 2], "big")
        at += 1 + hello[at]
        end = at + 2 + int.from_bytes(hello[at : at + 2], "big")
        at += 2
        while at < end:
            kind, length = struct.unpack_from(">HH", hello, at)
            if kind == 0:
                size = int.from_bytes(hello[at + 7 : at + 9], "big")
                return hello[at + 9 : at + 9 + size].decode("ascii").lower()
            at += 4 + length
    except (IndexError, struct.error, UnicodeDecodeError):
        pass
    return None


def choose(records: list[dict[str, Any]], address: str, port: int, name: str | None) -> dict[str, Any] | None:
    """The record that wins for a connection (domain.md 1.8): exact IP, host name, CCS, wildcard."""
    literal = f"[{address}]" if ":" in address else address
    wildcard = "[::]" if ":" in address else "0.0.0.0"
    wanted = (("ip", f"{literal}:{port}"), ("sni", f"{name}:{port}"), ("ccs", str(port)), ("ip", f"{wildcard}:{port}"))
    found = {(record["family"], record["endpoint"].lower()): record for record in records}
    return next((found[key] for key in wanted if key in found), None)


def usable(certificates: dict[str, list[dict[str, Any]]], record: dict[str, Any]) -> bool:
    """Whether the store of a record has its certificate with a machine key that opens."""
    store = (record["store"] or "MY").lower()
    for name, items in certificates.items():
        for item in items:
            if name.lower() == store and item["thumbprint"] == record["hash"]:
                key = item["key"]
                return bool(key and key["opens"] and key["matches"] and key["flags"] & 0x20)
    return False


@functools.lru_cache(maxsize=256)
def _context(thumbprint: str) -> ssl.SSLContext | None:
    issued = keyring.get(thumbprint)
    if issued is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # ssl reads keys from files only; this one exists in memory alone.
    file = os.memfd_create("lab")
    try:
        os.write(file, issued.key_pem() + issued.pem())
        context.load_cert_chain(f"/proc/self/fd/{file}")
    finally:
        os.close(file)
    return context


class Listener:
    """Serves 127.0.0.1 and, where the machine has it, ::1 at one port."""

    def __init__(self, agent: Agent, port: int) -> None:
        """Listen."""
        self._agent, self._port = agent, port
        self._sockets = [socket.create_server(("127.0.0.1", port), backlog=64)]
        with contextlib.suppress(OSError):
            self._sockets.append(socket.create_server(("::1", port), family=socket.AF_INET6, backlog=64))
        for listening in self._sockets:
            threading.Thread(target=self._accept, args=(listening,), daemon=True).start()

    def close(self) -> None:
        """Stop listening; connections in progress end by themselves."""
        for listening in self._sockets:
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _listens(self, state: dict[str, Any]) -> bool:
        values = {name.lower(): item["value"] for name, item in (state["sstpsvc"] or {}).items()}
        running = state["services"].get("SstpSvc", {}).get("state") == "running"
        return running and (values.get("listenerport") or 443) == self._port and values.get("usehttps", 1) != 0

    def _context_for(self, connection: socket.socket) -> ssl.SSLContext | None:
        """None: this connection is reset."""
        state = self._agent.ask("listener")
        if not self._listens(state):
            return None
        hello = connection.recv(16384, socket.MSG_PEEK)
        record = choose(state["http"], connection.getsockname()[0], self._port, server_name(hello))
        if record is None or record["flags"] & REJECT:
            return None
        if not usable(self._agent.certificates()["certificates"], record):
            return None
        return _context(record["hash"])

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        with connection, contextlib.suppress(OSError, ValueError):
            context = self._context_for(connection)
            if context is None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                return
            with context.wrap_socket(connection, server_side=True) as secured:
                _answer(secured)


def _answer(connection: ssl.SSLSocket) -> None:
    """HTTP.SYS answers 401 at SSTP's URL to whoever does not speak SSTP, and 404 elsewhere."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < 65536:
        data = connection.recv(4096)
        if not data:
            return
        head += data
    words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    known = len(words) == 3 and words[0] in ("GET", "HEAD") and words[1].lower() == URI
    status = "401 Unauthorized" if known else "404 Not Found"
    connection.sendall(
        f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nServer: Microsoft-HTTPAPI/2.0\r\nConnection: close\r\n\r\n".encode()
    )
    with contextlib.suppress(OSError):
        connection.unwrap()
