# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a probe found, as one code and one sentence. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from .client import Depth
from .codec import AttributeId, Status
from .events import (
    Aborted,
    Acknowledged,
    AuthenticationFailed,
    CallConnectedSent,
    Closed,
    Disconnected,
    Event,
    HashProtocolNotAllowed,
    HttpAnswered,
    LinkFailed,
    LinkTerminated,
    NetworkPhaseStarted,
    NotAcknowledged,
    ProtocolViolated,
    ServerNotAuthentic,
    Stage,
    TimedOut,
)
from .ppp import Protocol


class Code(str, Enum):
    """Reasons, each one with its own remedy."""

    OK = "ok"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    TIMED_OUT = "timed_out"
    PROXY_REFUSED = "proxy_refused"
    RESET_IN_TLS = "reset_in_tls"
    TLS_FAILED = "tls_failed"
    WRONG_CERTIFICATE = "wrong_certificate"
    WRONG_NAME = "wrong_name"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    WRONG_USAGE = "wrong_usage"
    UNTRUSTED_CHAIN = "untrusted_chain"
    UNJUDGED_CHAIN = "unjudged_chain"
    NOT_SSTP = "not_sstp"
    SSTP_STOPPED = "sstp_stopped"
    NO_PORTS = "no_ports"
    HASH_PROTOCOL_NOT_ALLOWED = "hash_protocol_not_allowed"
    EAP_ONLY = "eap_only"
    AUTHENTICATION_FAILED = "authentication_failed"
    CRYPTO_BINDING_REFUSED = "crypto_binding_refused"
    ABORTED = "aborted"
    CLOSED = "closed"
    PROTOCOL_ERROR = "protocol_error"


# What a change of the certificate, its key, its bindings or its hash can bring about, and repair.
_ABOUT_CERTIFICATE = frozenset(
    {
        Code.RESET_IN_TLS,
        Code.TLS_FAILED,
        Code.WRONG_CERTIFICATE,
        Code.WRONG_NAME,
        Code.EXPIRED,
        Code.NOT_YET_VALID,
        Code.WRONG_USAGE,
        Code.UNTRUSTED_CHAIN,
        Code.HASH_PROTOCOL_NOT_ALLOWED,
        Code.CRYPTO_BINDING_REFUSED,
    }
)


@dataclass(frozen=True)
class Verdict:
    """sentence: what is wrong and what to do. detail: a number that belongs to the code (HTTP status, E= of MS-CHAPv2, status of CALL_ABORT)."""

    code: Code
    stage: Stage
    sentence: str
    detail: int | None = None

    @property
    def ok(self) -> bool:
        return self.code is Code.OK

    @property
    def about_certificate(self) -> bool:
        """Is TLS, the certificate or the crypto binding wrong, rather than the way there, the login or the service?"""
        return self.code in _ABOUT_CERTIFICATE


# RFC 2759 6.
_LOGIN_ERRORS = {
    646: "this is no hour at which the account may log on",
    647: "the account is disabled",
    648: "the password has expired",
    649: "the account has no permission to dial in",
    691: "the user name or the password is wrong",
    709: "the password would have to be changed",
}
_METHODS: dict[int | None, str] = {None: "no authentication", Protocol.PAP: "PAP", Protocol.CHAP: "another kind of CHAP"}
_BEGINS: dict[type[Event], Stage] = {Acknowledged: Stage.LOGIN, CallConnectedSent: Stage.NETWORK}


def judge(events: Iterable[Event], depth: Depth) -> Verdict | None:
    """The verdict on a call of that depth, None while nothing has decided it.

    The first event that decides does. But a CALL_ABORT is believed whenever it comes after the crypto binding: a server may let the network phase
    begin while it still waits for the key that it checks the binding with.
    """
    verdict, stage = None, Stage.SSTP
    for event in events:
        stage = _BEGINS.get(type(event), stage)
        if stage is Stage.NETWORK and event == Aborted(AttributeId.CRYPTO_BINDING, Status.VALUE_NOT_SUPPORTED):
            return _binding_refused()
        taken_back = verdict is not None and verdict.ok and stage is Stage.NETWORK and isinstance(event, Aborted)
        verdict = _decided(event, depth, stage) if verdict is None or taken_back else verdict
    return verdict


def _decided(event: Event, depth: Depth, stage: Stage) -> Verdict | None:
    if isinstance(event, HttpAnswered):
        return _of_head(event) if depth is Depth.HTTP else _of_duplex_post(event)
    if isinstance(event, Acknowledged):
        return Verdict(Code.OK, Stage.SSTP, "The server speaks SSTP.") if depth is Depth.SSTP else None
    if isinstance(event, NetworkPhaseStarted):
        return Verdict(Code.OK, Stage.NETWORK, "The login went through, and the server took the crypto binding: it means the certificate that it serves.")
    if isinstance(event, TimedOut):
        return timed_out(event.stage)
    if isinstance(event, Closed):
        return closed(event.stage)
    if isinstance(event, ProtocolViolated):
        return Verdict(Code.PROTOCOL_ERROR, event.stage, f"The server does not keep to the protocol: {event.reason}.")
    return _of_negotiation(event) or _of_login(event) or _of_end(event, stage)


def _of_head(event: HttpAnswered) -> Verdict:
    """A live RRAS answers HEAD with 401; nothing in MS-SSTP says so, but load balancers watch it that way (domain facts 4.1, 6)."""
    if event.status == 401:
        return Verdict(Code.OK, Stage.HTTP, "SSTP's URL is served.")
    return _absent(event) or Verdict(Code.NOT_SSTP, Stage.HTTP, f"SSTP's URL is answered with {event.status}, not 401; something else serves it.", event.status)


def _of_duplex_post(event: HttpAnswered) -> Verdict | None:
    """MS-SSTP 4.1: a wrong method, a wrong version or no free port makes the server answer with an error in HTTP.

    Which status stands for no free port is not documented, so this takes any that HTTP.SYS does not give of its own accord (404 and 503).
    If RRAS should say 503 itself, the verdict is sstp_stopped, and its sentence has both causes.
    """
    if event.status == 200:
        return None
    sentence = f"The server refused the call with HTTP status {event.status}; most likely no SSTP port is free. Check how many there are and how many are used."
    return _absent(event) or Verdict(Code.NO_PORTS, Stage.HTTP, sentence, event.status)


def _absent(event: HttpAnswered) -> Verdict | None:
    if event.status == 404:
        sentence = "A web server answers, but nothing has registered SSTP's URL there (404); check that RRAS runs and has SSTP ports, and that it is this port."
        return Verdict(Code.NOT_SSTP, Stage.HTTP, sentence, event.status)
    if event.status == 503:
        sentence = "SSTP's URL is reserved, but its service does not take requests (503); start RemoteAccess, and if it runs, check its SSTP ports."
        return Verdict(Code.SSTP_STOPPED, Stage.HTTP, sentence, event.status)
    return None


def _of_negotiation(event: Event) -> Verdict | None:
    if isinstance(event, HashProtocolNotAllowed):
        sentence = f"The server allows neither SHA-1 nor SHA-256 for the crypto binding (bit mask 0x{event.hash_protocols:02X})."
        return Verdict(Code.HASH_PROTOCOL_NOT_ALLOWED, Stage.SSTP, sentence, event.hash_protocols)
    if isinstance(event, NotAcknowledged):
        return Verdict(Code.ABORTED, Stage.SSTP, "The server refused every request for a call (CALL_CONNECT_NAK).")
    return None


def _of_login(event: Event) -> Verdict | None:
    if isinstance(event, LinkFailed):
        if event.offered == Protocol.EAP:
            sentence = "The server takes EAP only, which this client does not speak; that says nothing against its certificate. Probe it without a login."
            return Verdict(Code.EAP_ONLY, Stage.LOGIN, sentence)
        method = _METHODS.get(event.offered) or f"PPP protocol 0x{event.offered:04X}"
        return Verdict(Code.PROTOCOL_ERROR, Stage.LOGIN, f"The PPP link did not come about: the server wants {method} where this client speaks MS-CHAPv2.")
    if isinstance(event, AuthenticationFailed):
        reason = _LOGIN_ERRORS.get(event.code or 0, "the server does not say why in words known here")
        number = f" (E={event.code})" if event.code is not None else ""
        return Verdict(Code.AUTHENTICATION_FAILED, Stage.LOGIN, f"The server refused the login{number}: {reason}.", event.code)
    if isinstance(event, ServerNotAuthentic):
        sentence = "The server accepted the login without proof that it knows the password; it may not be the server that it claims to be."
        return Verdict(Code.AUTHENTICATION_FAILED, Stage.LOGIN, sentence)
    return None


def _of_end(event: Event, stage: Stage) -> Verdict | None:
    if isinstance(event, Aborted):
        if event.status is None:
            return Verdict(Code.ABORTED, stage, "The server aborted the call without a reason.")
        return Verdict(Code.ABORTED, stage, f"The server aborted the call: {_name(event.status)} about {_about(event.attribute)}.", event.status)
    if isinstance(event, Disconnected):
        return Verdict(Code.ABORTED, stage, "The server ended the call; the System log of the server may say why.")
    if isinstance(event, LinkTerminated):
        return Verdict(Code.ABORTED, stage, "The server ended the PPP link; the System log of the server may say why.")
    return None


def _name(status: int) -> str:
    return Status(status).name if status in list(Status) else f"status {status}"


def _about(attribute: int | None) -> str:
    return AttributeId(attribute).name if attribute in list(AttributeId) else "no attribute"


def _binding_refused() -> Verdict:
    sentence = (
        "The server refused the crypto binding: the login is right, but the certificate that TLS shows is not the one whose hash SSTP holds. "
        "Audit the server, and rotate or restart so that both agree."
    )
    return Verdict(Code.CRYPTO_BINDING_REFUSED, Stage.NETWORK, sentence, Status.VALUE_NOT_SUPPORTED)


def wrong_certificate(shown: str, wanted: str) -> Verdict:
    """shown, wanted: SHA-256 of the DER."""
    sentence = (
        f"TLS shows another certificate (SHA-256 {shown}) than the one wanted ({wanted}); see what answers there: "
        "a record that goes before the pair, another host, or a device that ends TLS."
    )
    return Verdict(Code.WRONG_CERTIFICATE, Stage.TLS, sentence)


def timed_out(stage: Stage) -> Verdict:
    return Verdict(Code.TIMED_OUT, stage, f"No answer came in time at stage {stage.value}.")


def closed(stage: Stage) -> Verdict:
    """Closing without an answer is one of the things that a server without free ports may do; MS-SSTP does not say."""
    hints = {Stage.HTTP: "; maybe it has no free SSTP port, or a device between does not let SSTP pass", Stage.NETWORK: ", after the crypto binding was sent"}
    return Verdict(Code.CLOSED, stage, f"The server closed the connection without a word at stage {stage.value}{hints.get(stage, '')}.")
