# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client's side of a call as a state machine without I/O: bytes and time in, bytes and events out. PRIVATE to the collection.

States and messages: https://learn.microsoft.com/openspecs/windows_protocols/ms-sstp/af2129e4-9ed4-45d1-8e45-8090d5916637 (section 3.2).
Whatever happens, the client says goodbye: PPP is terminated where it was begun, then CALL_DISCONNECT, which section 3.2.4.2 allows in any
state; a fault in SSTP itself is answered with CALL_ABORT. There is no Hello timer (60 s): no probe stays connected for that long.
"""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass, field
from enum import Enum, auto

from . import codec, crypto_binding, http
from .codec import AttributeId, MessageType, Status, StatusInfo
from .events import (
    Aborted,
    Acknowledged,
    Authenticated,
    CallConnectedSent,
    Closed,
    Disconnected,
    Event,
    HashProtocolNotAllowed,
    HttpAnswered,
    LinkEvent,
    NetworkPhaseStarted,
    NotAcknowledged,
    ProtocolViolated,
    Stage,
    TimedOut,
)
from .link import Link
from .mschapv2 import Credentials

# Seconds: sections 3.1.2.1, 3.1.2.2 and 3.2.2 of MS-SSTP.
NEGOTIATION_TIMER = 60.0
ABORT_TIMER_1, ABORT_TIMER_2 = 3.0, 1.0
DISCONNECT_TIMER_1, DISCONNECT_TIMER_2 = 5.0, 1.0
# RFC 1661 4.6: how long the answer to a Terminate-Request is waited for.
TERMINATE_TIMER = 3.0
# Our own: the binding is proven by then, and an address is only good to know.
ADDRESS_TIMER = 5.0
NAK_RETRIES = 3


class Depth(str, Enum):
    """How far a probe goes.

    HTTP sends HEAD, the load balancers' way to watch RRAS: it begins no call and takes no port, and a live server answers 401.
    SSTP opens a call up to CALL_CONNECT_ACK. LOGIN goes on through MS-CHAPv2 and the crypto binding to an address.
    """

    TLS = "tls"
    HTTP = "http"
    SSTP = "sstp"
    LOGIN = "login"


class State(Enum):
    """As MS-SSTP names them; HTTP_REQUEST_SENT is before its first."""

    HTTP_REQUEST_SENT = auto()
    CONNECT_REQUEST_SENT = auto()
    CONNECT_ACK_RECEIVED = auto()
    CALL_CONNECTED = auto()
    CALL_ABORT_PENDING = auto()
    CALL_ABORT_TIMEOUT_PENDING = auto()
    CALL_DISCONNECT_ACK_PENDING = auto()
    CALL_DISCONNECT_TIMEOUT_PENDING = auto()
    CALL_DISCONNECTED = auto()


_STAGES = {
    State.HTTP_REQUEST_SENT: Stage.HTTP,
    State.CONNECT_REQUEST_SENT: Stage.SSTP,
    State.CONNECT_ACK_RECEIVED: Stage.LOGIN,
    State.CALL_CONNECTED: Stage.NETWORK,
}
_ABORTING = (State.CALL_ABORT_PENDING, State.CALL_ABORT_TIMEOUT_PENDING)


@dataclass(frozen=True)
class Call:
    """What to do: certificate is the DER of the leaf that TLS showed; LOGIN needs credentials.

    stage_timeout: seconds for each stage, no more than the protocol's 60. deadline: the moment when all stages must be over.
    """

    host: str
    port: int
    depth: Depth
    certificate: bytes = b""
    credentials: Credentials | None = None
    stage_timeout: float = NEGOTIATION_TIMER
    deadline: float = math.inf
    correlation_id: str = field(default_factory=lambda: f"{{{uuid.uuid4()}}}".upper())


class Client:
    """One call over an open TLS connection. Times are seconds of any one clock.

    start, receive, connection_closed and time_passes tell it what happens and give the events that follow; after each of them
    data_to_send gives what to send. deadline: when time_passes is due. finished: the connection can be closed.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._state = State.HTTP_REQUEST_SENT
        self._response = http.ResponseReader()
        self._packets = codec.Reader()
        self._link: Link | None = Link(call.credentials) if call.credentials else None
        self._binding: tuple[crypto_binding.HashProtocol, bytes] | None = None
        self._naks = 0
        self._leaving = False
        self._timer = math.inf
        self._outgoing = b""
        self._events: list[Event] = []

    @property
    def stage(self) -> Stage:
        return Stage.GOODBYE if self._leaving else _STAGES.get(self._state, Stage.GOODBYE)

    @property
    def finished(self) -> bool:
        return self._state is State.CALL_DISCONNECTED

    @property
    def deadline(self) -> float:
        link = self._link.deadline if self._link else None
        return self._timer if link is None else min(self._timer, link)

    def data_to_send(self) -> bytes:
        data, self._outgoing = self._outgoing, b""
        return data

    def start(self, now: float) -> None:
        call = self._call
        head = call.depth is Depth.HTTP
        self._outgoing += http.head(call.host, call.port) if head else http.duplex_post(call.host, call.port, call.correlation_id)
        self._begin_stage(now)

    def receive(self, data: bytes, now: float) -> list[Event]:
        """Take what came, in whatever portions."""
        try:
            if self._state is State.HTTP_REQUEST_SENT:
                response = self._response.feed(data)
                data = response.remainder if response else b""
                if response:
                    self._receive_response(response, now)
            if not self.finished:
                self._receive_packets(data, now)
        except (http.HttpError, codec.FramingError) as error:
            self._violated(str(error))
            self._finish()
        return self._take_events()

    def connection_closed(self) -> list[Event]:
        """The server closed, or the connection broke."""
        if self.stage is not Stage.GOODBYE:
            self._events.append(Closed(self.stage))
        self._finish()
        return self._take_events()

    def time_passes(self, now: float) -> list[Event]:
        """To be called at the deadline; earlier does no harm."""
        if self._link and not self.finished:
            self._follow(self._link.time_passes(now), now)
        if now >= self._timer:
            self._expire(now)
        return self._take_events()

    # --- HTTP ---

    def _receive_response(self, response: http.Response, now: float) -> None:
        if response.version != "1.1":
            # Windows refuses it as well (RasSstp event 3).
            self._violated(f"the answer is in HTTP/{response.version}, not HTTP/1.1; maybe a proxy stands between")
            self._finish()
            return
        self._events.append(HttpAnswered(response.status, response.server))
        if response.status != 200 or self._call.depth is Depth.HTTP:
            self._finish()
        else:
            self._request_connect(now)

    # --- SSTP ---

    def _request_connect(self, now: float) -> None:
        self._outgoing += codec.connect_request()
        self._state = State.CONNECT_REQUEST_SENT
        self._begin_stage(now)

    def _receive_packets(self, data: bytes, now: float) -> None:
        for packet in self._packets.feed(data):
            if self.finished:
                return
            if isinstance(packet, codec.Control):
                self._receive_control(packet, now)
            elif self._link and self._state in (State.CONNECT_ACK_RECEIVED, State.CALL_CONNECTED):
                self._follow(self._link.receive(packet.frame, now), now)

    def _receive_control(self, packet: codec.Control, now: float) -> None:
        if packet.type == MessageType.CALL_ABORT:
            self._receive_abort(packet, now)
        elif packet.type == MessageType.CALL_DISCONNECT:
            self._receive_disconnect(now)
        elif self._state not in _STAGES:
            if packet.type == MessageType.CALL_DISCONNECT_ACK and self._state is State.CALL_DISCONNECT_ACK_PENDING:
                self._finish()
        elif packet.type == MessageType.CALL_CONNECT_ACK and self._state is State.CONNECT_REQUEST_SENT:
            self._receive_ack(packet, now)
        elif packet.type == MessageType.CALL_CONNECT_NAK and self._state is State.CONNECT_REQUEST_SENT:
            self._receive_nak(now)
        elif packet.type == MessageType.ECHO_REQUEST and self._state is State.CALL_CONNECTED:
            self._outgoing += codec.bare(MessageType.ECHO_RESPONSE)
        elif packet.type != MessageType.ECHO_RESPONSE or self._state is not State.CALL_CONNECTED:
            self._violated(f"an SSTP message of type {packet.type} came where it has no place")
            self._abort(StatusInfo(0, Status.UNACCEPTED_FRAME_RECEIVED), now)

    def _receive_ack(self, packet: codec.Control, now: float) -> None:
        request = codec.binding_request(packet) if packet.intact else None
        protocol = crypto_binding.choose(request.hash_protocols) if request else None
        if request is None:
            self._violated("CALL_CONNECT_ACK came without a proper request for the crypto binding")
            self._abort(StatusInfo(AttributeId.CRYPTO_BINDING_REQ, Status.REQUIRED_ATTRIBUTE_MISSING), now)
        elif protocol is None:
            self._events.append(HashProtocolNotAllowed(request.hash_protocols))
            self._abort(StatusInfo(AttributeId.CRYPTO_BINDING_REQ, Status.VALUE_NOT_SUPPORTED), now)
        else:
            self._events.append(Acknowledged(request.hash_protocols, request.nonce))
            self._binding = protocol, request.nonce
            self._state = State.CONNECT_ACK_RECEIVED
            self._go_on(now)

    def _go_on(self, now: float) -> None:
        if self._link and self._call.depth is Depth.LOGIN:
            self._begin_stage(now)
            self._link.begin(now)
            self._flush_link()
        else:
            self._disconnect(now)

    def _receive_nak(self, now: float) -> None:
        self._naks += 1
        if self._naks <= NAK_RETRIES:
            self._request_connect(now)
        else:
            self._events.append(NotAcknowledged())
            self._abort(StatusInfo(0, Status.RETRY_COUNT_EXCEEDED), now)

    def _receive_abort(self, packet: codec.Control, now: float) -> None:
        """Section 3.2.5.3.4: an abort is answered with an abort, once."""
        if self._state is State.CALL_ABORT_PENDING:
            self._enter(State.CALL_ABORT_TIMEOUT_PENDING, now + ABORT_TIMER_2)
        elif self._state not in (State.CALL_ABORT_TIMEOUT_PENDING, State.CALL_DISCONNECT_TIMEOUT_PENDING):
            why = codec.status_info(packet)
            self._events.append(Aborted(why.attribute, why.status) if why else Aborted(None, None))
            self._outgoing += codec.abort(StatusInfo())
            self._enter(State.CALL_ABORT_TIMEOUT_PENDING, now + ABORT_TIMER_2)

    def _receive_disconnect(self, now: float) -> None:
        if self._state in (*_ABORTING, State.CALL_DISCONNECT_TIMEOUT_PENDING):
            return
        if self.stage is not Stage.GOODBYE:
            self._events.append(Disconnected())
        self._outgoing += codec.bare(MessageType.CALL_DISCONNECT_ACK)
        self._enter(State.CALL_DISCONNECT_TIMEOUT_PENDING, now + DISCONNECT_TIMER_2)

    # --- PPP ---

    def _follow(self, happened: list[LinkEvent], now: float) -> None:
        """Let the call follow what happened on its link."""
        self._flush_link()
        for event in happened:
            if self._leaving:
                if self._link and self._link.terminated:
                    self._disconnect(now)
                return
            if isinstance(event, Authenticated):
                self._send_call_connected(event.hlak, now)
                continue
            self._events.append(event)
            if isinstance(event, NetworkPhaseStarted):
                self._timer = min(self._timer, now + ADDRESS_TIMER)
            else:
                self._leave(now)

    def _send_call_connected(self, hlak: bytes, now: float) -> None:
        assert self._binding
        assert self._link
        protocol, nonce = self._binding
        self._outgoing += crypto_binding.call_connected(protocol, nonce, protocol.digest(self._call.certificate), hlak)
        self._events.append(CallConnectedSent(protocol))
        self._state = State.CALL_CONNECTED
        self._begin_stage(now)
        self._link.begin_network(now)
        self._flush_link()

    def _flush_link(self) -> None:
        if self._link:
            self._outgoing += b"".join(codec.encode(codec.Data(frame)) for frame in self._link.frames)
            self._link.frames.clear()

    # --- timers and the ways out ---

    def _begin_stage(self, now: float) -> None:
        self._timer = min(now + min(self._call.stage_timeout, NEGOTIATION_TIMER), self._call.deadline)

    def _expire(self, now: float) -> None:
        if self._leaving:
            self._disconnect(now)
        elif self._state not in _STAGES:
            self._finish()
        elif self._state is State.CALL_CONNECTED:
            # Either the address did not come, which is no fault, or no answer at all did.
            if self._link and not self._link.proven:
                self._events.append(TimedOut(self.stage))
            self._leave(now)
        else:
            self._events.append(TimedOut(self.stage))
            if self._state is State.HTTP_REQUEST_SENT:
                self._finish()
            else:
                self._abort(StatusInfo(0, Status.NEGOTIATION_TIMEOUT), now)

    def _leave(self, now: float) -> None:
        """The orderly way: PPP first, then SSTP."""
        assert self._link
        if self._link.terminated:
            self._disconnect(now)
            return
        self._leaving = True
        self._timer = now + TERMINATE_TIMER
        self._link.terminate()
        self._flush_link()

    def _disconnect(self, now: float) -> None:
        self._outgoing += codec.disconnect()
        self._enter(State.CALL_DISCONNECT_ACK_PENDING, now + DISCONNECT_TIMER_1)

    def _abort(self, reason: StatusInfo, now: float) -> None:
        self._outgoing += codec.abort(reason)
        self._enter(State.CALL_ABORT_PENDING, now + ABORT_TIMER_1)

    def _enter(self, state: State, timer: float) -> None:
        self._state = state
        self._timer = timer
        self._leaving = False
        self._link = None

    def _finish(self) -> None:
        self._enter(State.CALL_DISCONNECTED, math.inf)

    def _violated(self, reason: str) -> None:
        self._events.append(ProtocolViolated(self.stage, reason))

    def _take_events(self) -> list[Event]:
        events, self._events = self._events, []
        return events
