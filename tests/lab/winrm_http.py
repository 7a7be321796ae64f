# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/1.1 over TLS as the Windows HTTP service speaks it to WinRM clients; one thread per connection."""

from __future__ import annotations

import base64
import binascii
import contextlib
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any

from lab import wsman
from lab.connection_faults import Dropped, HttpError
from lab.winrm_actions import Actions, Member, Note

LARGEST_DRAINED = 64 * 1024 * 1024
IDLE_CONNECTION_SECONDS = 120.0
CLOSE_SECONDS = 5.0

Authenticate = Callable[[str, str], "Member | None"]
Log = Callable[[str], None]


class HttpServer(ThreadingMixIn, TCPServer):
    """Accepts TLS connections on a loopback port until it is closed."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, port: int, tls: ssl.SSLContext, actions: Actions, authenticate: Authenticate, log: Log) -> None:
        self.tls = tls
        self.actions = actions
        self.authenticate = authenticate
        self.log = log
        self._closing = False
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()
        super().__init__(("127.0.0.1", port), Handler)
        self._acceptor = threading.Thread(target=self._accept, name="winrm", daemon=True)
        self._acceptor.start()

    def close(self) -> None:
        """Accept nothing more; the connections are cut by cut_connections()."""
        self._closing = True
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.server_address[1]), timeout=1).close()
        self._acceptor.join()
        self.server_close()

    def cut_connections(self) -> None:
        """End every connection and wait until its thread has noticed."""
        with self._changed:
            for connection in self._open:
                _cut(connection)
            self._changed.wait_for(lambda: not self._open, CLOSE_SECONDS)

    def _accept(self) -> None:
        while not self._closing:
            self.handle_request()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        return self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def verify_request(self, request: Any, client_address: Any) -> bool:
        return not self._closing

    def finish_request(self, request: Any, client_address: Any) -> None:
        with self._changed:
            self._open.add(request)
        try:
            super().finish_request(request, client_address)
        finally:
            with self._changed:
                self._open.discard(request)
                self._changed.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that breaks the connection or speaks no TLS is no news."""


def _cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


class Handler(BaseHTTPRequestHandler):
    """The requests of one connection."""

    server: HttpServer
    protocol_version = "HTTP/1.1"
    server_version = "Microsoft-HTTPAPI/2.0"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = IDLE_CONNECTION_SECONDS

    def setup(self) -> None:
        super().setup()
        self.connection.do_handshake()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """The server's own log has its own form."""

    def do_GET(self) -> None:
        self._reply(405, b"", {"Allow": "POST"})

    def do_POST(self) -> None:
        started = time.monotonic()
        note = Note()
        body, answer, status = b"", b"", 0
        try:
            body = self._read()
            status, answer = self._answer(body, note)
        except HttpError as error:
            status = error.status
        except (Dropped, OSError) as error:
            note.outcome = "dropped" if isinstance(error, Dropped) else "connection lost"
        note.outcome = note.outcome or str(status)
        self._log(note, len(body), len(answer), time.monotonic() - started)
        if status:
            self._reply(status, answer, {"WWW-Authenticate": 'Basic realm="WSMAN"'} if status == 401 else {})
        else:
            self.close_connection = True
            _cut(self.connection)

    def _read(self) -> bytes:
        """The body of the request."""
        if self.path.partition("?")[0].rstrip("/").lower() != "/wsman":
            self._refuse(404)
        length = self.headers.get("Content-Length", "")
        if not length:
            self._refuse(411)
        if not (length.isascii() and length.isdigit() and len(length) < 16):
            self._refuse(400)
        if int(length) > wsman.MAX_ENVELOPE:
            self._drain(min(int(length), LARGEST_DRAINED))
            self._refuse(413)
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionError
        return body

    def _refuse(self, status: int) -> None:
        self.close_connection = True
        raise HttpError(status)

    def _drain(self, length: int) -> None:
        """Read what the client is still sending: it could not read the answer otherwise."""
        while length > 0:
            length -= len(self.rfile.read(min(length, 65536))) or length

    def _answer(self, body: bytes, note: Note) -> tuple[int, bytes]:
        member = self._member()
        if member is None:
            return 401, b""
        note.host = member.host.name
        try:
            return 200, self.server.actions.answer(member, wsman.parse(body), note)
        except wsman.Fault as fault:
            note.outcome = f"500 {fault.subcode} {fault.code}"
            return 500, wsman.fault_answer(fault, wsman.message_id(body))
        except (Dropped, HttpError):
            raise
        except Exception as error:
            note.outcome = f"500 {_where(error)}"
            return 500, wsman.fault_answer(wsman.internal_fault(), wsman.message_id(body))

    def _member(self) -> Member | None:
        scheme, _, encoded = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            raw = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            return None
        for encoding in ("utf-8", "latin-1"):  # requests sends latin-1
            with contextlib.suppress(UnicodeDecodeError):
                username, _, password = raw.decode(encoding).partition(":")
                member = self.server.authenticate(username, password)
                if member is not None:
                    return member
        return None

    def _reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if body:
            self.send_header("Content-Type", "application/soap+xml;charset=UTF-8")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def _log(self, note: Note, request: int, answer: int, seconds: float) -> None:
        self.server.log(
            f"host={note.host} action={note.action} shell={note.shell} command={note.command} request={request} "
            f"answer={answer} outcome={note.outcome} seconds={seconds:.3f}"
        )


def _where(error: Exception) -> str:
    """Type and place of an error; its message may quote a secret."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {frame.filename.rpartition('/')[2]}:{frame.lineno}"
