# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The TLS side of a host: which record wins, whether its certificate can be used, and TLS without a socket."""

from __future__ import annotations

import contextlib
import functools
import os
import ssl
import struct
from collections.abc import Iterable
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate

from lab.pki import Issued, keyring

URI = "/sra_{ba195980-cd49-458b-9e23-c84ee0adcd75}/"
REJECT, DISABLE_HTTP2, DISABLE_TLS13, ENABLE_SESSION_TICKET, DISABLE_TLS12 = 0x8, 0x10, 0x40, 0x800, 0x1000
HANDSHAKE, RECORD_HEADER = 0x16, 5
H2 = "h2"


class TlsError(Exception):
    """The handshake failed, or the client's records are broken."""


def hello_size(data: bytes) -> int:
    """How many bytes the first record has, as far as can be told from its beginning."""
    if not data or data[0] != HANDSHAKE:
        return 1
    return RECORD_HEADER + int.from_bytes(data[3:5], "big") if len(data) >= RECORD_HEADER else RECORD_HEADER


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


def certificate_of(certificates: dict[str, list[dict[str, Any]]], record: dict[str, Any]) -> dict[str, Any] | None:
    """The certificate of a record, from the record's store."""
    store = (record["store"] or "MY").lower()
    for name, items in certificates.items():
        for item in items:
            if name.lower() == store and item["thumbprint"] == record["hash"]:
                return item
    return None


def usable(certificates: dict[str, list[dict[str, Any]]], record: dict[str, Any]) -> bool:
    """Whether the store of a record has its certificate with a machine key that opens."""
    item = certificate_of(certificates, record)
    key = item["key"] if item else None
    return bool(key and key["opens"] and key["matches"] and key["flags"] & 0x20)


def context_for(record: dict[str, Any], certificates: dict[str, list[dict[str, Any]]], only: str | None = None) -> ssl.SSLContext | None:
    """TLS as the record wants it; None: the lab has no key, or no version is left. only: "1.2" or "1.3".

    Of the chain that the certificate was issued with, what lies in the host's CA store is sent, as Schannel does (domain.md 5.1).
    """
    flags = record["flags"]
    versions = [version for version, off in (("1.2", DISABLE_TLS12), ("1.3", DISABLE_TLS13)) if only in (None, version) and not flags & off]
    authorities = frozenset(item["thumbprint"] for name, items in certificates.items() if name.lower() == "ca" for item in items)
    return _context(record["hash"], authorities, tuple(versions), flags & (DISABLE_HTTP2 | ENABLE_SESSION_TICKET)) if versions else None


@functools.lru_cache(maxsize=256)
def _context(thumbprint: str, authorities: frozenset[str], versions: tuple[str, ...], flags: int) -> ssl.SSLContext | None:
    issued = keyring.get(thumbprint)
    if issued is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    known = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
    context.minimum_version, context.maximum_version = known[versions[0]], known[versions[-1]]
    context.set_alpn_protocols(["http/1.1"] if flags & DISABLE_HTTP2 else [H2, "http/1.1"])
    if not flags & ENABLE_SESSION_TICKET:
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
    load_chain(context, issued, [item for item in issued.chain if item.fingerprint(SHA1()).hex() in authorities])
    return context


def load_chain(context: ssl.SSLContext, issued: Issued, chain: Iterable[Certificate]) -> None:
    """Let a server show the certificate, with this much of its chain."""
    # ssl reads keys from files only; this one exists in memory alone.
    file = os.memfd_create("lab")
    try:
        os.write(file, issued.key_pem() + b"".join(item.public_bytes(Encoding.PEM) for item in (issued.certificate, *chain)))
        context.load_cert_chain(f"/proc/self/fd/{file}")
    finally:
        os.close(file)


class TlsStream:
    """The server's end of TLS: raw bytes in and out, and the plain ones between."""

    def __init__(self, context: ssl.SSLContext) -> None:
        """Before the handshake."""
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._in, self._out, server_side=True)
        self.established = self.ended = False

    @property
    def version(self) -> str:
        """As ssl names it."""
        return self._object.version() or ""

    def receive(self, raw: bytes) -> bytes:
        """What the client says in these bytes; TlsError."""
        self._in.write(raw)
        data = b""
        try:
            if not self.established:
                self._object.do_handshake()
                self._refuse_http2()
                self.established = True
            while more := self._object.read(65536):
                data += more
            self.ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.ended = True
        except ssl.SSLError as error:
            raise TlsError(f"TLS: {error.reason}") from error
        return data

    def _refuse_http2(self) -> None:
        """HTTP.SYS takes h2 from a client that offers it, and on HTTP/2 there is no SSTP (domain.md 4.1)."""
        if self._object.selected_alpn_protocol() == H2:
            raise TlsError("the client has chosen HTTP/2")

    def seal(self, data: bytes) -> bytes:
        """Plain bytes as records."""
        self._object.write(data)
        return self._out.read()

    def take(self) -> bytes:
        """What the handshake wants to be sent."""
        return self._out.read()

    def shut(self) -> bytes:
        """The end of what the server says."""
        with contextlib.suppress(ssl.SSLError):
            self._object.unwrap()
        return self._out.read()
