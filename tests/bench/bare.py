# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the probe is measured against: the least that a client of Python's own ssl has to do for the same answers."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

_REQUEST = "SSTP_DUPLEX_POST /sra_{{BA195980-CD49-458b-9E23-C84EE0ADCD75}}/ HTTP/1.1\r\nContent-Length: 18446744073709551615\r\nHost: {name}\r\n\r\n"
_CONNECT_REQUEST = bytes.fromhex("1001000E00010001000100060001")
_CONNECT_ACK_LENGTH = 48


@dataclass(frozen=True)
class Taken:
    """Seconds: of all, and of the two round trips after the handshake."""

    whole: float
    round_trips: float


def call(context: ssl.SSLContext, name: str, port: int) -> Taken:
    """Connect, shake hands with the certificate verified, HTTP, CALL_CONNECT_REQUEST; the clock stops at the last byte of CALL_CONNECT_ACK."""
    begun = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
        # Without it, the request would wait for an acknowledgement for 40 ms, and any comparison would be won.
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with context.wrap_socket(plain, server_hostname=name) as connection:
            shaken = time.perf_counter()
            connection.sendall(_REQUEST.format(name=name).encode())
            _receive(connection, lambda data: data.endswith(b"\r\n\r\n"))
            connection.sendall(_CONNECT_REQUEST)
            _receive(connection, lambda data: len(data) >= _CONNECT_ACK_LENGTH)
            ended = time.perf_counter()
    return Taken(ended - begun, ended - shaken)


def _receive(connection: ssl.SSLSocket, complete: Callable[[bytes], bool]) -> None:
    data = b""
    while not complete(data):
        more = connection.recv(65536)
        if not more:
            raise ConnectionError("The server closed the connection of the bare client.")
        data += more
