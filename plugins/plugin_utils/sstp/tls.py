# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The TLS handshake, which takes any certificate: what is wrong with it is verification's to say. PRIVATE to the collection."""

from __future__ import annotations

import functools
import socket
import ssl
from dataclasses import dataclass


@dataclass(frozen=True)
class Served:
    """chain: DER of every certificate that the server sent, the leaf first. version and cipher as OpenSSL names them."""

    chain: tuple[bytes, ...]
    version: str
    cipher: str


@functools.cache
def context() -> ssl.SSLContext:
    """TLS 1.2 and 1.3, without ALPN: offered h2, HTTP.SYS would take it, and SSTP lives in HTTP/1.1 alone. All probes share it."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made


def wrap(connection: socket.socket, name: str) -> ssl.SSLSocket:
    """The socket in TLS, before the handshake. name goes into SNI; Python leaves IP addresses out of it, as RFC 6066 3 wants."""
    return context().wrap_socket(connection, server_hostname=name, do_handshake_on_connect=False)


def served(connection: ssl.SSLSocket) -> Served:
    """What the finished handshake showed."""
    cipher = connection.cipher()
    return Served(_chain(connection), connection.version() or "", cipher[0] if cipher else "")


def _chain(connection: ssl.SSLSocket) -> tuple[bytes, ...]:
    """Public from Python 3.13 on; before, the same method is a private one of the object below. Without either, the leaf alone."""
    if hasattr(connection, "get_unverified_chain"):
        return tuple(connection.get_unverified_chain())
    try:
        return tuple(ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in connection._sslobj.get_unverified_chain())  # type: ignore[attr-defined]
    except AttributeError:
        leaf = connection.getpeercert(binary_form=True)
        return (leaf,) if leaf else ()
