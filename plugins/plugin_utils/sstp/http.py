# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP before SSTP: three requests, and the head of one answer. PRIVATE to the collection.

https://learn.microsoft.com/openspecs/windows_protocols/ms-sstp/7e5b2134-b4bf-435a-85bf-bfe0313fd889
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from ..errors import SstpError

PATH = "/sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/"
# 2^64 - 1 stands for a stream without an end.
ENDLESS = 18446744073709551615
HTTPS_PORT = 443
LONGEST_HEAD = 16384

_END = b"\r\n\r\n"
_STATUS_LINE = re.compile(rb"HTTP/(\d\.\d) +(\d{3})(?: [^\r\n]*)?\Z")
_UNFIT = re.compile(r"[^!-~]|[/?#@\\]")


class HttpError(SstpError):
    """What came is no answer in HTTP, or has a head without an end."""


@dataclass(frozen=True)
class Response:
    """version as in "1.1"; server is the header of that name; remainder is what came behind the head."""

    version: str
    status: int
    server: str | None
    remainder: bytes


def duplex_post(host: str, port: int, correlation_id: str) -> bytes:
    """The request that turns the connection into SSTP. correlation_id is a GUID with braces; it turns up in traces of the server."""
    headers = (f"SSTPCORRELATIONID: {correlation_id}", f"Content-Length: {ENDLESS}", f"Host: {authority(host, port, HTTPS_PORT)}")
    return _request(f"SSTP_DUPLEX_POST {PATH} HTTP/1.1", *headers)


def head(host: str, port: int) -> bytes:
    """A look at SSTP's URL that takes no port and begins no call."""
    return _request(f"HEAD {PATH} HTTP/1.1", f"Host: {authority(host, port, HTTPS_PORT)}", "Connection: close")


def connect(host: str, port: int) -> bytes:
    """The request to a proxy: https://learn.microsoft.com/openspecs/windows_protocols/ms-sstp/60a4676f-7eec-495e-926f-af7b22a72a40"""
    target = authority(host, port)
    return _request(f"CONNECT {target} HTTP/1.1", f"Host: {target}", "SSTPVERSION: 1.0")


def _request(*lines: str) -> bytes:
    return "\r\n".join((*lines, "", "")).encode("ascii")


def authority(host: str, port: int, default_port: int | None = None) -> str:
    """host:port with IPv6 addresses in brackets, without the port where it is the default one; raises SstpError for no host name."""
    try:
        name = host.encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    if not name or _UNFIT.search(name):
        raise SstpError(f"The name {host!r} is no host name; give a DNS name or an IP address.")
    try:
        if ipaddress.ip_address(name).version == 6:
            name = f"[{name}]"
    except ValueError:
        pass
    return name if port == default_port else f"{name}:{port}"


class ResponseReader:
    """Takes the stream in any portions until the head of one answer is complete."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> Response | None:
        """The answer, once; None while the head is not complete. Raises HttpError; not to be fed after either."""
        self._buffer += data
        if not self._buffer.startswith(b"HTTP/"[: len(self._buffer)]):
            raise HttpError("what came is no answer in HTTP")
        text, end, remainder = self._buffer.partition(_END)
        if len(text) > LONGEST_HEAD:
            raise HttpError(f"the answer in HTTP has a head of more than {LONGEST_HEAD} bytes")
        if not end:
            return None
        line, *headers = text.split(b"\r\n")
        matched = _STATUS_LINE.match(line)
        if matched is None:
            raise HttpError("the answer in HTTP begins with a line that is no status line")
        return Response(matched[1].decode("ascii"), int(matched[2]), _server(headers), remainder)


def _server(headers: list[bytes]) -> str | None:
    for header in headers:
        name, _, value = header.partition(b":")
        if name.strip().lower() == b"server":
            # It goes into results and on terminals: nothing but what can be printed.
            return "".join(character for character in value.decode("latin-1").strip() if character.isprintable())[:200]
    return None
