# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTP proxy with CONNECT, for tests of a client: it counts the round trips of each connection.

    with Proxy({"vpn.example.com:443": ("127.0.0.1", host.listener.port)}) as proxy:
        ...
    proxy.tunnels[0].round_trips
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType

from lab.sstp_server.http import END, LONGEST_HEAD, Request, read

CHUNK = 65536
PATIENCE = 20.0


@dataclass(frozen=True)
class Tunnel:
    """A tunnel that has ended. round_trips: how often the server answered, from the ClientHello on; headers: of the CONNECT."""

    target: str
    headers: Mapping[str, str]
    round_trips: int
    from_client: int
    from_server: int


class Proxy:
    """Serves on 127.0.0.1 while it is entered."""

    def __init__(self, routes: Mapping[str, tuple[str, int]] | None = None, *, status: int = 200) -> None:
        """routes: where a target leads that is not to be resolved. status: another than 200 refuses every request."""
        self._routes, self._status = routes or {}, status
        self._tunnels: list[Tunnel] = []
        self._changed = threading.Condition()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=16)
        self.port: int = self._listening.getsockname()[1]

    def __enter__(self) -> Proxy:
        """Begin to serve."""
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop listening."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    @property
    def tunnels(self) -> list[Tunnel]:
        """The tunnels that have ended."""
        with self._changed:
            return list(self._tunnels)

    def await_tunnels(self, count: int, timeout: float = 10.0) -> list[Tunnel]:
        """The tunnels, as soon as so many have ended; TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._tunnels) >= count, timeout):
                raise TimeoutError(f"{len(self._tunnels)} of {count} tunnels have ended")
            return list(self._tunnels)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError, ValueError):
            client.settimeout(PATIENCE)
            request, early = _read_request(client)
            good = request is not None and request.method == "CONNECT" and self._status == 200
            if request is None or not good:
                status = self._status if self._status != 200 else 405
                client.sendall(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode())
                return
            host, _, port = request.target.rpartition(":")
            with socket.create_connection(self._routes.get(request.target, (host.strip("[]"), int(port))), PATIENCE) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                server.sendall(early)
                counts = _relay(client, server)
            with self._changed:
                self._tunnels.append(Tunnel(request.target, request.headers, *counts))
                self._changed.notify_all()


def _read_request(client: socket.socket) -> tuple[Request | None, bytes]:
    head = b""
    while END not in head and len(head) < LONGEST_HEAD:
        data = client.recv(CHUNK)
        if not data:
            return None, b""
        head += data
    head, _, early = head.partition(END)
    return read(head), early


def _relay(client: socket.socket, server: socket.socket) -> tuple[int, int, int]:
    """Carry bytes until one side ends: round trips, and the bytes of either."""
    trips, counts, asked = 0, {client: 0, server: 0}, True
    with contextlib.suppress(OSError):
        while True:
            # The server first: what it has ready answers what the client said before.
            ready = select.select([server, client], [], [], PATIENCE)[0]
            for source in ready:
                data = source.recv(CHUNK)
                if not data:
                    return trips, counts[client], counts[server]
                counts[source] += len(data)
                trips += source is server and asked
                asked = source is client
                (client if source is server else server).sendall(data)
            if not ready:
                break
    return trips, counts[client], counts[server]
