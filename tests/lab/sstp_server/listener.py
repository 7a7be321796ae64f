# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The port of a host: TLS with the certificate of the record that wins (plain HTTP where UseHttps is 0), and behind it the SSTP server.

At each connection the host is asked for its records and services, so nothing has to be told about changes.

A Wine host has a ListenerPort that is free on this machine, and listens there. A simulated host may have 443 in its model: it is served at another,
free port of this machine (Listener.port), while records are chosen, and ListenerPort compared, by the port of the model.
"""

from __future__ import annotations

import contextlib
import errno
import secrets
import select
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from typing import Any

from lab.sstp_server.call import Call
from lab.sstp_server.host_state import Memory, http_status, listens, record_for, uses_tls
from lab.sstp_server.plain import PlainStream
from lab.sstp_server.settings import CallRecord, Ports, Settings
from lab.tls import HANDSHAKE, TlsError, TlsStream, context_for, hello_size, server_name

RESET = struct.pack("ii", 1, 0)
# Seconds for a ClientHello and the rest of a handshake, and for a client to close after it was told to.
PATIENCE, FAREWELL = 20.0, 1.0
CHUNK = 65536

# What a connection that arrives at an address meets: the state of the host; None: it is reset.
Seen = Callable[[str], dict[str, Any] | None]
Stream = TlsStream | PlainStream

# Ports that free_port gave, claimed by UDP sockets, which no host uses: the one who asked has not begun to listen yet.
_CLAIMS: deque[socket.socket] = deque()
CLAIMS = 64


def free_port() -> int:
    """A port that nobody uses, on IPv4 and IPv6.

    Not one that the kernel gives (bind to 0): until the host listens on it, any outgoing connection of this machine could be given the same. Nobody else
    who asks here is given it either, in this process or another, before this one has asked for a good many more.
    """
    while True:
        port = 20000 + secrets.randbelow(10000)
        claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            claim.bind(("127.0.0.1", port))
            _bind_once(port)
        except OSError:
            claim.close()
            continue
        _CLAIMS.append(claim)
        if len(_CLAIMS) > CLAIMS:
            _CLAIMS.popleft().close()
        return port


def _bind_once(port: int) -> None:
    with socket.socket() as v4:
        v4.bind(("127.0.0.1", port))
        if socket.has_ipv6:
            with socket.socket(socket.AF_INET6) as v6:
                v6.bind(("::1", port))


def _listening(port: int | None, backlog: int) -> list[socket.socket]:
    """Sockets at one port of 127.0.0.1 and, where the machine has it, ::1.

    Without a port one that the kernel gives: nobody else can be given it any more. free_port has others, for those who listen only later.
    """
    while True:
        v4 = socket.create_server(("127.0.0.1", port or 0), backlog=backlog)
        try:
            return [v4, socket.create_server(("::1", v4.getsockname()[1]), family=socket.AF_INET6, backlog=backlog)]
        except OSError as error:
            if port or error.errno != errno.EADDRINUSE:
                return [v4]
            v4.close()


class Listener:
    """Serves 127.0.0.1 and, where the machine has it, ::1 at one port; calls has a record of each connection that has ended."""

    def __init__(
        self, seen: Seen, memory: Memory, port: int | None = None, *, settings: Settings | None = None, host_name: str = "VPN",
    ) -> None:  # fmt: skip
        """Listen. memory: of the host's SstpSvc. port: on this machine, a free one unless told."""
        self.settings = settings or Settings()
        self._seen, self._host_name = seen, host_name
        self._memory, self._ports = memory, Ports(self.settings.ports)
        self._records: list[CallRecord] = []
        self._changed = threading.Condition()
        self._closing = threading.Event()
        deaf = self.settings.silent_at == "tcp"
        self._sockets = _listening(port, backlog=0 if deaf else 64)
        self.port: int = self._sockets[0].getsockname()[1]
        self._fillers = [_filler(listening) for listening in self._sockets for _ in range(4)] if deaf else []
        for listening in () if deaf else self._sockets:
            threading.Thread(target=self._accept, args=(listening,), daemon=True).start()

    @property
    def calls(self) -> list[CallRecord]:
        """The connections that have ended, in the order of their ends."""
        with self._changed:
            return list(self._records)

    def await_calls(self, count: int, timeout: float = 10.0) -> list[CallRecord]:
        """The records, as soon as there are so many; TimeoutError. A connection ends a moment after the client has closed it."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._records) >= count, timeout):
                raise TimeoutError(f"{len(self._records)} of {count} connections have ended")
            return list(self._records)

    def close(self) -> None:
        """Stop listening; connections in progress end by themselves, but slow and silent ones at once."""
        self._closing.set()
        for listening in (*self._sockets, *self._fillers):
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        served = Connection(connection, self.settings, self._closing)
        try:
            with connection, contextlib.suppress(OSError, ValueError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._run(served)
        finally:
            with self._changed:
                self._records.append(served.finish())
                self._changed.notify_all()

    def _run(self, served: Connection) -> None:
        if self.settings.silent_at == "tls":
            served.stay_silent()
            return
        hello = served.receive_hello()
        state = self._seen(served.address)
        if state is None:
            served.reset("nothing listens")
            return
        stream = self._stream(served, hello, state)
        if stream is None:
            return
        hashes, now = self._memory.look(state), time.monotonic()
        call = Call(
            self.settings, hashes, self._ports, now=now, host_name=self._host_name, date=formatdate(usegmt=True), http_status=http_status(state),
        )  # fmt: skip
        served.run(stream, hello, call)

    def _stream(self, served: Connection, hello: bytes, state: dict[str, Any]) -> Stream | None:
        """What is spoken on a connection that has begun so; None: it is reset."""
        if listens(state) and not uses_tls(state):
            if hello[0] != HANDSHAKE:
                return PlainStream()
            served.reset("TLS, where plain HTTP is spoken")
            return None
        record = record_for(state, served.address, server_name(hello))
        context = context_for(record, state["certificates"], self.settings.tls) if record else None
        if record is None or context is None:
            served.reset("no record with a usable certificate")
            return None
        served.thumbprint = record["hash"]
        return TlsStream(context)


class Connection:
    """One connection: it carries bytes between a socket, TLS (or none) and a call."""

    def __init__(self, connection: socket.socket, settings: Settings, closing: threading.Event) -> None:
        """Nothing has been read."""
        self._socket, self._settings, self._closing = connection, settings, closing
        self._call: Call | None = None
        self._tls_version, self._reason = "", ""
        self.thumbprint = ""
        self.address = str(connection.getsockname()[0])

    def finish(self) -> CallRecord:
        """The record, at the end."""
        call = self._call
        if call:
            call.lost()
        # Without a call nothing but the way to it is known.
        record = call.record if call else CallRecord(reason=self._reason)
        return replace(record, address=self.address, thumbprint=self.thumbprint, tls_version=self._tls_version)

    def reset(self, reason: str) -> None:
        """As HTTP.SYS ends a connection that it has no certificate for."""
        self._reason = reason
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    def stay_silent(self) -> None:
        """Read, and answer nothing, until the client or the host has had enough."""
        while self._receive(None):
            pass

    def receive_hello(self) -> bytes:
        """All of the first TLS record, however it is cut."""
        data, until = b"", time.monotonic() + PATIENCE
        while len(data) < hello_size(data):
            more = self._receive(until)
            if not more:
                raise ConnectionError("no ClientHello")
            data += more
        return data

    def _receive(self, until: float | None) -> bytes | None:
        """Bytes; empty: the client or the host closes; None: the time is up."""
        while not self._closing.is_set():
            left = FAREWELL if until is None else until - time.monotonic()
            if until is not None and left <= 0:
                return None
            # No longer than this, to see the host close.
            if select.select([self._socket], [], [], min(left, FAREWELL))[0]:
                return self._socket.recv(CHUNK)
        return b""

    def _send(self, data: bytes) -> None:
        self._socket.settimeout(PATIENCE)
        self._socket.sendall(data)

    def _drip(self, send: Callable[[bytes], None], data: bytes, stage: str) -> None:
        """Send, byte by byte where that is wanted from this stage on."""
        if self._settings.slow_at != stage:
            send(data)
            return
        for at in range(len(data)):
            send(data[at : at + 1])
            if self._settings.seconds_per_byte and self._closing.wait(self._settings.seconds_per_byte):
                return

    def run(self, tls: Stream, hello: bytes, call: Call) -> None:
        """The handshake with what has been read, then the call, to their ends."""
        try:
            early = self._shake_hands(tls, hello)
        except TlsError as error:
            self._reason = str(error)
            self._drip(self._send, tls.take(), "tls")
            return
        self._call, self._tls_version = call, tls.version
        if early:
            call.receive(early, time.monotonic())
        self._forward(tls, call)
        while not call.closed:
            raw = self._receive(call.due)
            if raw is None:
                call.wake(time.monotonic())
            elif not raw or not self._take_in(tls, call, raw):
                return
            self._forward(tls, call)
        self._say_goodbye(tls)

    def _shake_hands(self, tls: Stream, data: bytes) -> bytes:
        """The first application data, which may come with the end of the handshake."""
        until = time.monotonic() + PATIENCE
        while True:
            early = tls.receive(data)
            self._drip(self._send, tls.take(), "tls")
            if tls.established:
                return early
            more = self._receive(until)
            if not more:
                raise ConnectionError("the handshake was not finished")
            data = more

    def _take_in(self, tls: Stream, call: Call, raw: bytes) -> bool:
        try:
            data = tls.receive(raw)
        except TlsError:
            return False
        if data:
            call.receive(data, time.monotonic())
        return not tls.ended

    def _forward(self, tls: Stream, call: Call) -> None:
        if data := call.take():
            self._drip(lambda part: self._drip(self._send, tls.seal(part), "tls"), data, "http")

    def _say_goodbye(self, tls: Stream) -> None:
        """Close in a way that lets the client read what was sent: data that arrives at a closed socket would take it away."""
        self._drip(self._send, tls.shut(), "tls")
        self._socket.shutdown(socket.SHUT_WR)
        until = time.monotonic() + FAREWELL
        while self._receive(until):
            pass


def _filler(listening: socket.socket) -> socket.socket:
    """A connection that nobody accepts: with the queue full the kernel leaves further ones unanswered."""
    filler = socket.socket(listening.family)
    filler.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        filler.connect(listening.getsockname()[:2])
    return filler
