# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small servers on a real socket, one thread each: TLS around a scripted server, a proxy, and ways to fail."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from scripted_server import Server
from sstp_certificates import Party, intermediate

Handler = Callable[[socket.socket], None]
_PATIENCE = 10.0


@contextlib.contextmanager
def listening(handle: Handler, host: str = "127.0.0.1") -> Iterator[int]:
    """Takes one connection after the other; gives the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        thread = threading.Thread(target=_serve, args=(listener, handle), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        # A shutdown wakes accept up.
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
    thread.join(_PATIENCE)


def _serve(listener: socket.socket, handle: Handler) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        connection.settimeout(_PATIENCE)
        with connection, contextlib.suppress(OSError):
            handle(connection)


class Tls:
    """Serves a certificate with its intermediate, and behind it a scripted server; notes what the client showed."""

    def __init__(self, folder: Path, leaf: Party, server: Server, version: ssl.TLSVersion | None = None, break_off_after: int | None = None) -> None:
        (folder / "chain.pem").write_bytes(leaf.pem + intermediate().pem)
        (folder / "key.pem").write_bytes(leaf.key_pem)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(folder / "chain.pem", folder / "key.pem")
        self._context.set_alpn_protocols(["h2", "http/1.1"])
        self._context.sni_callback = lambda _, name, __: self.names.append(name)
        if version:
            self._context.minimum_version = self._context.maximum_version = version
        self._server = server
        self._break_off_after = break_off_after
        self.names: list[str | None] = []
        self.alpn: str | None = None
        self.turns = 0
        self.closed_properly = False

    def __call__(self, connection: socket.socket) -> None:
        with self._context.wrap_socket(connection, server_side=True) as secured:
            self.alpn = secured.selected_alpn_protocol()
            while data := secured.recv(65536):
                if self.turns == self._break_off_after:
                    break_off(secured)
                    return
                if answer := self._server.receive(data):
                    self.turns += 1
                    secured.sendall(answer)
            self.closed_properly = True


def proxy(answer: bytes | None, requests: list[bytes]) -> Handler:
    """Opens a way to the port that the request names, on 127.0.0.1, or only gives the answer."""

    def handle(connection: socket.socket) -> None:
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            request += connection.recv(65536)
        requests.append(request)
        if answer is not None:
            connection.sendall(answer)
            return
        port = int(request.split(b" ")[1].rpartition(b":")[2])
        with socket.create_connection(("127.0.0.1", port), _PATIENCE) as onward:
            connection.sendall(b"HTTP/1.0 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_copy, args=(onward, connection), daemon=True)
            back.start()
            _copy(connection, onward)
            back.join(_PATIENCE)

    return handle


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def reset(connection: socket.socket) -> None:
    """What HTTP.SYS does on a port without a usable certificate."""
    connection.recv(1)
    break_off(connection)


def break_off(connection: socket.socket) -> None:
    """From here on, closing the connection resets it."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hang_up(connection: socket.socket) -> None:
    connection.recv(65536)


def silent(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def plain_http(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    silent(connection)
