# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the raw state of a host (its shape is told at WineHost.state) means for who logs in."""

from __future__ import annotations

import hashlib
import threading
from base64 import b64decode
from typing import Any

from lab.sstp_server.binding import Hashes, hash_refused
from lab.sstp_server.http import NOT_FOUND, UNAVAILABLE
from lab.sstp_server.keys import DIGESTS, SHA256
from lab.tls import REJECT, certificate_of, choose, usable

DEFAULT_PORT = 443
RawState = dict[str, Any]


def _value(state: RawState, name: str) -> dict[str, Any]:
    values = {key.lower(): item for key, item in (state["sstpsvc"] or {}).items()}
    found: dict[str, Any] = values.get(name.lower(), {})
    return found


def _binary(state: RawState, name: str, length: int) -> bytes | None:
    item = _value(state, name)
    data = bytes.fromhex(item["value"]) if item.get("type") == "REG_BINARY" else b""
    return data if len(data) == length else None


def hashes_of(state: RawState) -> Hashes:
    """The hashes that are in the registry now."""
    return Hashes(_binary(state, "SHA256CertificateHash", 32), _binary(state, "SHA1CertificateHash", 20))


def runs(state: RawState, service: str) -> bool:
    """Whether a service runs."""
    return bool(state["services"].get(service, {}).get("state") == "running")


def uses_tls(state: RawState) -> bool:
    """Whether SstpSvc speaks TLS; else a load balancer in front of it does."""
    return bool(_value(state, "UseHttps").get("value", 1) != 0)


def listens(state: RawState) -> bool:
    """Whether SstpSvc listens on the port that the state is about, with TLS or without.

    Without TLS the port is 80 where none is configured (domain.md 2.1): then the one that the state is about stands for it.
    """
    port = _value(state, "ListenerPort").get("value") or (DEFAULT_PORT if uses_tls(state) else state["port"])
    return runs(state, "SstpSvc") and port == state["port"]


def http_status(state: RawState) -> int | None:
    """The answer to every request; None: SstpSvc gives its own. Both numbers are [G] in domain.md 4.1."""
    if not listens(state):
        # Another program has the port, so HTTP.SYS answers, but SstpSvc has not registered its URL.
        return NOT_FOUND
    return None if runs(state, "RasMan") and runs(state, "RemoteAccess") else UNAVAILABLE


def record_for(state: RawState, address: str, name: str | None) -> dict[str, Any] | None:
    """The record whose certificate a client is shown; None: its connection is reset."""
    record = choose(state["http"], address, state["port"], name)
    if record is None or record["flags"] & REJECT or not usable(state["certificates"], record):
        return None
    return record


def certificate_refused(certificate_hash: bytes, hashes: Hashes, *, protocol: int = SHA256, offered: int = SHA256) -> str | None:
    """Why the server refuses a client that is right in all but, perhaps, its certificate hash; None: it accepts it."""
    if hashes.sha256 is None:
        return "no valid SHA256CertificateHash: no connection is accepted"
    return hash_refused(protocol, certificate_hash, offered=offered, hashes=hashes)


def login_refused(
    state: RawState, address: str = "127.0.0.1", name: str | None = None, *, hashes: Hashes | None = None, protocol: int = SHA256, offered: int = SHA256,
    balancer: bytes | None = None,
) -> str | None:  # fmt: skip
    """Why a right client that dials this address, with this name, cannot log in; None: it can.

    hashes: as SstpSvc holds them since its start (Memory.look), where that is known; else those in the registry now.
    balancer: the certificate (DER) of the load balancer that the client dials instead, which ends TLS in front of the host.
    """
    if not listens(state):
        return "nothing listens"
    if uses_tls(state) is (balancer is not None):
        return "TLS meets plain HTTP"
    der = balancer if balancer is not None else _shown(state, address, name)
    if der is None:
        return "the connection is reset"
    if status := http_status(state):
        return f"HTTP {status}"
    digest = hashlib.new(DIGESTS[protocol], der).digest()
    return certificate_refused(digest, hashes or hashes_of(state), protocol=protocol, offered=offered)


def _shown(state: RawState, address: str, name: str | None) -> bytes | None:
    """The certificate that a client is shown by the host itself; None: its connection is reset."""
    record = record_for(state, address, name)
    item = certificate_of(state["certificates"], record) if record else None
    return b64decode(item["der"]) if item else None


def _will_write(state: RawState) -> bool:
    """Whether SstpSvc, started in this state, writes the hash itself: it is absent, nobody has chosen one, and there is a record to take it from.

    Without TLS it looks at nothing.

    A state without records (of a Wine host) is taken for one where there is.
    """
    port = _value(state, "ListenerPort").get("value") or DEFAULT_PORT
    keys = [(record["family"], record["endpoint"]) for record in state["http"]] if "http" in state else None
    bound = keys is None or ("ip", f"0.0.0.0:{port}") in keys
    chosen = _value(state, "isHashConfiguredByAdmin").get("value") == 1
    return uses_tls(state) and bound and not chosen and not _value(state, "SHA256CertificateHash")


class Memory:
    """The hashes as SstpSvc holds them: what was in the registry when it started, or what it wrote itself soon after.

    The service reads its configuration when it starts (domain.md 2.2, 2.3): a value that is changed later means nothing until the next start. Hosts tell
    how often the service has started, but not what it read; so whoever starts it has the memory look, before anything else can change the value.
    """

    def __init__(self) -> None:
        """It has never started."""
        self._lock = threading.Lock()
        self._start: int | None = None
        self._waits = False
        self._hashes = Hashes()

    def look(self, state: RawState) -> Hashes:
        """The hashes that hold in this state."""
        start = state["services"]["SstpSvc"]["starts"] if runs(state, "SstpSvc") else None
        with self._lock:
            if start != self._start or self._waits:
                self._waits = start is not None and _will_write(state)
                self._hashes = Hashes() if start is None else hashes_of(state)
                self._start = start
            return self._hashes
