# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A load balancer that ends TLS in front of a host and speaks plain HTTP to it (SSL offload, domain.md 2.3).

    with Balancer(issued, ("127.0.0.1", host.listener.port)) as balancer:
        ...  # clients dial balancer.port
        balancer.renew(other)
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
import time
from types import TracebackType

from lab.pki import Issued
from lab.tls import TlsError, TlsStream, load_chain

CHUNK = 65536
# Seconds for a handshake and for silence on both sides, and for a client to close after it was told to.
PATIENCE, FAREWELL = 20.0, 1.0
ADDRESS = "127.0.0.1"


class Balancer:
    """Serves one certificate at a port of 127.0.0.1 that the kernel gives, from the beginning until it is closed."""

    def __init__(self, issued: Issued, target: tuple[str, int] | None = None) -> None:
        """target: the host behind it; without one, or where nothing listens there, a connection ends after the handshake."""
        self.target = target
        self.renew(issued)
        self._listening = socket.create_server((ADDRESS, 0), backlog=16)
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def renew(self, issued: Issued) -> None:
        """Serve this certificate, with its chain, to all who connect from now on."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.num_tickets = 0
        load_chain(context, issued, issued.chain)
        self._context = context

    def __enter__(self) -> Balancer:
        """It serves already."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Stop listening; connections in progress end by themselves."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(client, TlsStream(self._context)), daemon=True).start()

    def _serve(self, client: socket.socket, tls: TlsStream) -> None:
        with client, contextlib.suppress(OSError):
            client.settimeout(PATIENCE)
            early = _shake_hands(client, tls)
            if early is None:
                return
            with contextlib.suppress(OSError, TlsError):
                self._pass_on(client, tls, early)
            _say_goodbye(client, tls)

    def _pass_on(self, client: socket.socket, tls: TlsStream, early: bytes) -> None:
        """Carry bytes until one side ends."""
        if self.target is None:
            return
        with socket.create_connection(self.target, PATIENCE) as server:
            server.sendall(early)
            while not tls.ended and (ready := select.select([server, client], [], [], PATIENCE)[0]):
                for source in ready:
                    data = source.recv(CHUNK)
                    if not data:
                        return
                    if source is server:
                        client.sendall(tls.seal(data))
                    else:
                        server.sendall(tls.receive(data))


def _shake_hands(client: socket.socket, tls: TlsStream) -> bytes | None:
    """What the client says right after the handshake; None: it did not finish that."""
    while data := client.recv(CHUNK):
        try:
            early = tls.receive(data)
        except TlsError:
            client.sendall(tls.take())
            return None
        client.sendall(tls.take())
        if tls.established:
            return early
    return None


def _say_goodbye(client: socket.socket, tls: TlsStream) -> None:
    """Close in a way that lets the client read what was sent: data that arrives at a closed socket would take it away."""
    client.sendall(tls.shut())
    client.shutdown(socket.SHUT_WR)
    until = time.monotonic() + FAREWELL
    while (left := until - time.monotonic()) > 0 and select.select([client], [], [], left)[0] and client.recv(CHUNK):
        pass
