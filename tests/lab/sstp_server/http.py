# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP phase (domain.md 4.1): one request, one answer; after a 200 both directions are SSTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lab.tls import URI

METHOD = "SSTP_DUPLEX_POST"
ULONGLONG_MAX = "18446744073709551615"
END = b"\r\n\r\n"
# HTTP.SYS's MaxRequestBytes.
LONGEST_HEAD = 16384
OK, BAD_REQUEST, UNAUTHORIZED, NOT_FOUND, NOT_ALLOWED, UNAVAILABLE, BAD_VERSION = 200, 400, 401, 404, 405, 503, 505
# A 200 has no reason phrase: so does Server 2008 R2.
PHRASES = {
    OK: "", BAD_REQUEST: "Bad Request", UNAUTHORIZED: "Unauthorized", NOT_FOUND: "Not Found", NOT_ALLOWED: "Method Not Allowed",
    UNAVAILABLE: "Service Unavailable", BAD_VERSION: "HTTP Version Not Supported",
}  # fmt: skip


@dataclass(frozen=True)
class Request:
    """A request; the names of its headers in lower case."""

    method: str
    target: str
    version: str
    headers: Mapping[str, str]


def read(head: bytes) -> Request | None:
    """The request of a head; None when it is none."""
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3:
        return None
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            return None
        headers[name.lower()] = value.strip()
    return Request(words[0], words[1], words[2], headers)


def status_for(request: Request | None) -> int:
    """What a server with a free port answers.

    The specification says of a wrong method or version only that the answer is an error and the last that is sent: 405, 505 and 400 are the lab's choice.
    """
    if request is None or "host" not in request.headers:
        return BAD_REQUEST
    # HTTP.SYS compares URLs without regard to case.
    if request.target.lower() != URI:
        return NOT_FOUND
    if request.method in ("GET", "HEAD"):
        return UNAUTHORIZED
    if request.method != METHOD:
        return NOT_ALLOWED
    if request.version != "HTTP/1.1":
        return BAD_VERSION
    return OK if request.headers.get("content-length") == ULONGLONG_MAX else BAD_REQUEST


def answer(status: int, *, server: str, date: str) -> bytes:
    """The answer; any but 200 is the last on its connection."""
    length = ULONGLONG_MAX if status == OK else "0"
    close = "" if status == OK else "Connection: close\r\n"
    phrase = PHRASES.get(status, "Error")
    return f"HTTP/1.1 {status} {phrase}\r\nContent-Length: {length}\r\nServer: {server}\r\nDate: {date}\r\n{close}\r\n".encode()
