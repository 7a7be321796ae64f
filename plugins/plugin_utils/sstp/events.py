# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can happen in a call, in the order in which a call comes by it. PRIVATE to the collection."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Stage(str, Enum):
    """Where a probe is. LOGIN: LCP and authentication. NETWORK: from CALL_CONNECTED on. GOODBYE: the verdict is known."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    PROXY = "proxy"
    TLS = "tls"
    HTTP = "http"
    SSTP = "sstp"
    LOGIN = "login"
    NETWORK = "network"
    GOODBYE = "goodbye"


@dataclass(frozen=True)
class HttpAnswered:
    status: int
    server: str | None


@dataclass(frozen=True)
class Acknowledged:
    """CALL_CONNECT_ACK came: the bit mask of hash protocols that the server allows, and its nonce."""

    hash_protocols: int
    nonce: bytes


@dataclass(frozen=True)
class HashProtocolNotAllowed:
    """CALL_CONNECT_ACK came, but allows neither SHA-1 nor SHA-256."""

    hash_protocols: int


@dataclass(frozen=True)
class NotAcknowledged:
    """CALL_CONNECT_NAK came to the request and to every repetition of it."""


@dataclass(frozen=True)
class LinkFailed:
    """No link with MS-CHAPv2 came about. offered: the PPP protocol that the server wants for authentication, None for none at all."""

    offered: int | None


@dataclass(frozen=True)
class AuthenticationFailed:
    """code is the number after E= of MS-CHAPv2, None where the server gave none."""

    code: int | None


@dataclass(frozen=True)
class ServerNotAuthentic:
    """The server accepted the login without proving that it knows the password itself."""


@dataclass(frozen=True)
class Authenticated:
    """The login succeeded; hlak is the key of 32 bytes that it leaves."""

    hlak: bytes = field(repr=False)


@dataclass(frozen=True)
class CallConnectedSent:
    """The crypto binding is on its way; hash_protocol as in CALL_CONNECTED: 1 is SHA-1, 2 SHA-256."""

    hash_protocol: int


@dataclass(frozen=True)
class NetworkPhaseStarted:
    """The server took the crypto binding: it answered what it is sent after it."""


@dataclass(frozen=True)
class AddressAssigned:
    """The tunnel's address, None where the server gives none."""

    address: str | None


@dataclass(frozen=True)
class LinkTerminated:
    """The server ended the PPP link."""


@dataclass(frozen=True)
class Aborted:
    """The server sent CALL_ABORT: which attribute it is about and why (codec.Status); None where it does not say."""

    attribute: int | None
    status: int | None


@dataclass(frozen=True)
class Disconnected:
    """The server sent CALL_DISCONNECT."""


@dataclass(frozen=True)
class Closed:
    """The server closed the connection without a word."""

    stage: Stage


@dataclass(frozen=True)
class TimedOut:
    stage: Stage


@dataclass(frozen=True)
class ProtocolViolated:
    """What came is against the protocol; reason is a clause that says what."""

    stage: Stage
    reason: str


Event = (
    HttpAnswered
    | Acknowledged
    | HashProtocolNotAllowed
    | NotAcknowledged
    | LinkFailed
    | AuthenticationFailed
    | ServerNotAuthentic
    | CallConnectedSent
    | NetworkPhaseStarted
    | AddressAssigned
    | LinkTerminated
    | Aborted
    | Disconnected
    | Closed
    | TimedOut
    | ProtocolViolated
)
LinkEvent = LinkFailed | AuthenticationFailed | ServerNotAuthentic | Authenticated | NetworkPhaseStarted | AddressAssigned | LinkTerminated
