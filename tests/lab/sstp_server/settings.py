# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a host's SSTP server is to behave, and what it writes down of each call."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Literal

from lab.sstp_server.keys import SHA256

# How far a call came; "http" is any answer to the request, "connected" the crypto binding accepted.
STAGES = ("tcp", "tls", "http", "ack", "lcp", "authenticated", "connected", "network")
Authentication = Literal["eap", "mschapv2", "pap"]
Silence = Literal["tcp", "tls", "http", "ack", "lcp", "chap", "connected"]
WRONG_PASSWORD, HOURS, DISABLED, EXPIRED, NO_PERMISSION = 691, 646, 647, 648, 649


@dataclass(frozen=True)
class User:
    """refused: 0, or the code that even the right password meets (646 to 649)."""

    password: str = field(repr=False)
    refused: int = 0


USERS: Mapping[str, User] = MappingProxyType({"probe": User("Correct-Horse-7")})


@dataclass(frozen=True)
class Limits:
    """Seconds (domain.md 4.3). negotiation: for each stage; the rest as the specification's timers."""

    negotiation: float = 60
    hello: float = 60
    abort_sent: float = 3
    abort_received: float = 1
    disconnect_sent: float = 5
    disconnect_received: float = 1

    def scaled(self, factor: float) -> Limits:
        """All of them, for tests that cannot wait."""
        return Limits(**{item.name: getattr(self, item.name) * factor for item in fields(self)})


@dataclass(frozen=True)
class Settings:
    """A server as RRAS is by default; from http_status on it misbehaves.

    authentication: what the policy allows, first what is asked for first. hash_protocols: bit mask, 1 SHA-1, 2 SHA-256.
    ports_status: what a call meets while no port is free; the specification says only that it is an error in HTTP.
    tls: the only version, where not both are spoken. http_status: for every request. silent_at: from there on the client hears nothing more, without an
    end: "tcp" not even that it is connected, "tls" no ServerHello, "http" no status, "ack" no CALL_CONNECT_ACK, "lcp" no Configure-Request, "chap"
    nothing after its response, "connected" nothing after CALL_CONNECTED. slow_at: from there on each byte is sent for itself, seconds_per_byte apart.
    """

    users: Mapping[str, User] = field(default_factory=lambda: USERS)
    authentication: tuple[Authentication, ...] = ("eap", "mschapv2")
    hash_protocols: int = SHA256
    ports: int = 128
    ports_status: int = 503
    limits: Limits = Limits()
    tls: Literal["1.2", "1.3"] | None = None
    http_status: int | None = None
    http_server: str = "Microsoft-HTTPAPI/2.0"
    silent_at: Silence | None = None
    slow_at: Literal["tls", "http"] | None = None
    seconds_per_byte: float = 1.0


@dataclass(frozen=True)
class CallRecord:
    """One connection, from its begin to its end.

    stage: one of STAGES, as far as it came. reason: why it was refused; empty when it was not. abort: attribute and status of the server's
    CALL_ABORT. left: CALL_DISCONNECT, CALL_ABORT, "dropped" (it closed without a word), or "" (the server ended it). round_trips: how often the
    server answered with application data before the leave-taking. milestones: what happened in PPP.
    """

    address: str = ""
    stage: str = "tcp"
    thumbprint: str = ""
    tls_version: str = ""
    method: str = ""
    http_status: int = 0
    authentication: str = ""
    user: str = ""
    hash_protocol: int = 0
    accepted: bool = False
    reason: str = ""
    abort: tuple[int, int] | None = None
    left: str = ""
    round_trips: int = 0
    milestones: tuple[str, ...] = ()


class Ports:
    """The SSTP ports of a host: one for each call."""

    def __init__(self, count: int) -> None:
        """All free."""
        self._free, self._lock = count, threading.Lock()

    def take(self) -> bool:
        """Take one; False: none is free."""
        with self._lock:
            if self._free <= 0:
                return False
            self._free -= 1
            return True

    def give_back(self) -> None:
        """It is free again."""
        with self._lock:
            self._free += 1
