# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One call: HTTP, then SSTP's server state machine (MS-SSTP 3.3, domain.md 4.3), then PPP behind it.

No input or output: receive takes the bytes of the client, take gives those for it, wake is due at the time that due tells.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from enum import Enum

from lab.sstp_server import http, packets
from lab.sstp_server.binding import VALUE_BYTES, Hashes, binding_refused
from lab.sstp_server.link import Link
from lab.sstp_server.packets import Attribute, AttributeId, Control, Message, Packet, Splitter, Status
from lab.sstp_server.settings import STAGES, CallRecord, Ports, Settings

KNOWN_ATTRIBUTES = (
    AttributeId.ENCAPSULATED_PROTOCOL_ID, AttributeId.STATUS_INFO, AttributeId.CRYPTO_BINDING, AttributeId.CRYPTO_BINDING_REQ,
)  # fmt: skip


class State(Enum):
    """CurrentState of MS-SSTP 3.1.1 and 3.3.1; DISCONNECTED before the HTTP answer, and CLOSED at the end."""

    DISCONNECTED = 0
    CONNECT_REQUEST_PENDING = 1
    CALL_CONNECTED_PENDING = 2
    CALL_CONNECTED = 3
    ABORT_PENDING = 4
    ABORT_TIMEOUT_PENDING = 5
    DISCONNECT_ACK_PENDING = 6
    DISCONNECT_TIMEOUT_PENDING = 7
    CLOSED = 8


OPEN = (State.CONNECT_REQUEST_PENDING, State.CALL_CONNECTED_PENDING, State.CALL_CONNECTED)


class Call:
    """One connection behind TLS. record tells what has happened so far."""

    def __init__(
        self, settings: Settings, hashes: Hashes, ports: Ports, *, now: float, host_name: str = "VPN", date: str = "",
        http_status: int | None = None, random: Callable[[int], bytes] = os.urandom,
    ) -> None:  # fmt: skip
        """hashes: as SstpSvc holds them. http_status: the answer to every request, where the host's state wants one."""
        self._settings, self._hashes, self._ports = settings, hashes, ports
        self._date, self._http_status, self._random = date, http_status, random
        self._state, self._now = State.DISCONNECTED, now
        self._head, self._out = bytearray(), bytearray()
        self._splitter, self._link = Splitter(), Link(settings, host_name, random)
        self._nonce = random(32)
        self._mute = self._has_port = self._echoed = self._turned = self._leaving = False
        self._deadline: float | None = now + settings.limits.negotiation
        self.record = CallRecord(stage="tls")

    # --- what the sockets use ---------------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Whether the connection is to be closed, once what take gives has been sent."""
        return self._state is State.CLOSED

    @property
    def due(self) -> float | None:
        """When wake is to be called, unless something comes before."""
        return None if self._mute or self.closed else self._deadline

    def receive(self, data: bytes, now: float) -> None:
        """Bytes of the client."""
        self._now = now
        if self._mute or self.closed:
            return
        self._turned = True
        if self._state is State.DISCONNECTED:
            self._on_http(data)
        else:
            self._on_stream(data)

    def wake(self, now: float) -> None:
        """The time is up."""
        self._now = now
        if self.due is None or now < self.due:
            return
        if self._state is State.CALL_CONNECTED:
            self._on_hello()
        elif self._state in OPEN:
            self._abort(AttributeId.NONE, Status.NEGOTIATION_TIMEOUT, "the client was too slow")
        else:
            self._close("" if self._state is not State.DISCONNECTED else "no request came")

    def lost(self) -> None:
        """The client has closed its side."""
        if not self.closed:
            if not self._leaving:
                self._note(left="dropped")
            self._close("")

    def take(self) -> bytes:
        """What is to be sent now."""
        data = bytes(self._out)
        self._out.clear()
        if data and self._turned:
            self._turned = False
            if not self._leaving:
                self._note(round_trips=self.record.round_trips + 1)
        return data

    # --- HTTP -------------------------------------------------------------------------------------------------------

    def _on_http(self, data: bytes) -> None:
        self._head += data
        end = self._head.find(http.END)
        if end < 0 and len(self._head) <= http.LONGEST_HEAD:
            return
        request = http.read(bytes(self._head[:end])) if 0 <= end <= http.LONGEST_HEAD else None
        rest = bytes(self._head[end + len(http.END) :])
        self._head.clear()
        if self._silent("http"):
            return
        status, reason = self._http_answer(request)
        self._note(method=request.method if request else "", http_status=status)
        self._reach("http")
        self._out += http.answer(status, server=self._settings.http_server, date=self._date)
        if status != http.OK:
            self._close(reason)
            return
        self._enter(State.CONNECT_REQUEST_PENDING, self._settings.limits.negotiation)
        # A client may send on without waiting: what lies behind the head is SSTP.
        if rest:
            self._on_stream(rest)

    def _http_answer(self, request: http.Request | None) -> tuple[int, str]:
        forced = self._settings.http_status or self._http_status
        status = forced or http.status_for(request)
        if status != http.OK:
            return status, "" if status == http.UNAUTHORIZED else f"HTTP {status}"
        # Event 18: without a valid hash no connection is accepted. That it shows as 503 is assumed; the specification says an error.
        if self._hashes.sha256 is None:
            return http.UNAVAILABLE, "no valid SHA256CertificateHash"
        self._has_port = self._ports.take()
        return (status, "") if self._has_port else (self._settings.ports_status, "no free SSTP port")

    # --- SSTP -------------------------------------------------------------------------------------------------------

    def _on_stream(self, data: bytes) -> None:
        if self._state is State.CALL_CONNECTED:
            self._echoed = False
            self._deadline = self._now + self._settings.limits.hello
        try:
            for packet in self._splitter.feed(data):
                self._on_packet(packet)
                if self._mute or self.closed:
                    return
        except packets.Malformed:
            self._close("not SSTP")

    def _on_packet(self, packet: Packet) -> None:
        if not packet.control:
            if self._state in (State.CALL_CONNECTED_PENDING, State.CALL_CONNECTED):
                self._on_frame(packet.body)
            return
        try:
            message = packets.read_control(packet)
        except packets.Invalid:
            # Whether RRAS answers or drops is not known (domain.md 4.6).
            if self._state in OPEN:
                self._abort(AttributeId.NONE, Status.INVALID_FRAME_RECEIVED, "attributes do not add up")
            return
        if self._state in OPEN:
            self._on_message(message, packet.raw)
        elif message.message == Message.CALL_ABORT and self._state is State.ABORT_PENDING:
            self._enter(State.ABORT_TIMEOUT_PENDING, self._settings.limits.abort_received)
        elif message.message == Message.CALL_DISCONNECT_ACK and self._state is State.DISCONNECT_ACK_PENDING:
            self._close("")

    def _on_message(self, message: Control, raw: bytes) -> None:
        kind, state = message.message, self._state
        if kind == Message.CALL_ABORT:
            self._leave("CALL_ABORT")
            self._out += packets.control(Message.CALL_ABORT, packets.status_info(AttributeId.NONE, Status.NO_ERROR))
            self._enter(State.ABORT_TIMEOUT_PENDING, self._settings.limits.abort_received)
        elif kind == Message.CALL_DISCONNECT:
            self._leave("CALL_DISCONNECT")
            self._out += packets.control(Message.CALL_DISCONNECT_ACK)
            self._enter(State.DISCONNECT_TIMEOUT_PENDING, self._settings.limits.disconnect_received)
        elif kind == Message.CALL_CONNECT_REQUEST and state is State.CONNECT_REQUEST_PENDING:
            self._on_connect_request(message)
        elif kind == Message.CALL_CONNECTED and state is State.CALL_CONNECTED_PENDING:
            self._on_call_connected(message, raw)
        elif kind == Message.ECHO_REQUEST and state is State.CALL_CONNECTED:
            self._out += packets.control(Message.ECHO_RESPONSE)
        elif kind != Message.ECHO_RESPONSE or state is not State.CALL_CONNECTED:
            known = kind in Message.__members__.values()
            status = Status.UNACCEPTED_FRAME_RECEIVED if known else Status.INVALID_FRAME_RECEIVED
            self._abort(AttributeId.NONE, status, f"message {kind} in {state.name}")

    def _on_connect_request(self, message: Control) -> None:
        if self._silent("ack"):
            return
        refused = list(_refused(message))
        if refused:
            self._out += packets.control(Message.CALL_CONNECT_NAK, *(packets.status_info(*item) for item in refused))
            return
        offer = bytes((0, 0, 0, self._settings.hash_protocols)) + self._nonce
        self._out += packets.control(Message.CALL_CONNECT_ACK, packets.attribute(AttributeId.CRYPTO_BINDING_REQ, offer))
        self._reach("ack")
        self._enter(State.CALL_CONNECTED_PENDING, self._settings.limits.negotiation)
        if not self._silent("lcp"):
            self._link.start()
            self._after_link()

    def _on_call_connected(self, message: Control, raw: bytes) -> None:
        found, status = message.find(AttributeId.CRYPTO_BINDING), message.find(AttributeId.STATUS_INFO)
        if self._silent("connected"):
            return
        if found is None or len(found.value) != VALUE_BYTES or (status is not None and _is_error(status)):
            self._abort(AttributeId.STATUS_INFO, Status.ATTRIB_NOT_SUPPORTED_IN_MSG, "no Crypto Binding attribute of the right form")
            return
        self._note(hash_protocol=found.value[3])
        hlak = self._link.hlak
        if hlak is None:
            # Whether RRAS waits for the authentication, as accel-ppp does, is not known; no client of the specification comes here.
            self._abort(AttributeId.NONE, Status.UNACCEPTED_FRAME_RECEIVED, "CALL_CONNECTED before the authentication")
            return
        offered = self._settings.hash_protocols
        reason = binding_refused(raw, found, nonce=self._nonce, offered=offered, hashes=self._hashes, hlak=hlak)
        if reason:
            self._abort(AttributeId.CRYPTO_BINDING, Status.VALUE_NOT_SUPPORTED, reason)
            return
        self._note(accepted=True)
        self._reach("connected")
        self._enter(State.CALL_CONNECTED, self._settings.limits.hello)
        self._link.connected()
        self._after_link()

    # --- PPP --------------------------------------------------------------------------------------------------------

    def _on_frame(self, frame: bytes) -> None:
        before = self._link.verdict
        self._link.receive(frame)
        verdict = self._link.verdict
        if verdict and verdict is not before:
            self._note(user=verdict.user, authentication=self._link.lcp.method)
            if self._silent("chap"):
                return
            # The next stage: CALL_CONNECTED.
            self._deadline = self._now + self._settings.limits.negotiation
        self._after_link()

    def _after_link(self) -> None:
        link = self._link
        self._leaving = self._leaving or link.leaving
        for frame in link.outbox:
            self._out += packets.data(frame)
        link.outbox.clear()
        self._note(milestones=tuple(link.milestones))
        for stage, milestone in (("lcp", "lcp"), ("authenticated", "authenticated"), ("network", "ipcp")):
            if milestone in link.milestones:
                self._reach(stage)
        if link.reason:
            self._note(reason=self.record.reason or link.reason)
        if link.over and not link.leaving and self._state in OPEN:
            self._out += packets.control(Message.CALL_DISCONNECT, packets.status_info(AttributeId.NONE, Status.NO_ERROR))
            self._leaving = True
            self._enter(State.DISCONNECT_ACK_PENDING, self._settings.limits.disconnect_sent)

    # --- ends and timers --------------------------------------------------------------------------------------------

    def _on_hello(self) -> None:
        if self._echoed:
            self._close("the client does not answer ECHO_REQUEST")
            return
        self._echoed = True
        self._out += packets.control(Message.ECHO_REQUEST)
        self._deadline = self._now + self._settings.limits.hello

    def _abort(self, about: int, status: Status, reason: str) -> None:
        self._leaving = True
        self._note(abort=(int(about), int(status)), reason=self.record.reason or reason)
        self._out += packets.control(Message.CALL_ABORT, packets.status_info(about, status))
        self._enter(State.ABORT_PENDING, self._settings.limits.abort_sent)

    def _leave(self, how: str) -> None:
        self._leaving = True
        self._note(left=how)

    def _close(self, reason: str) -> None:
        self._state = State.CLOSED
        self._note(reason=self.record.reason or reason)
        if self._has_port:
            self._has_port = False
            self._ports.give_back()

    def _enter(self, state: State, seconds: float) -> None:
        self._state = state
        self._deadline = self._now + seconds

    def _silent(self, stage: str) -> bool:
        """Whether the client is to hear nothing from here on; what was written before is still sent."""
        self._mute = self._mute or self._settings.silent_at == stage
        return self._mute

    def _reach(self, stage: str) -> None:
        if STAGES.index(stage) > STAGES.index(self.record.stage):
            self._note(stage=stage)

    def _note(self, **fields: object) -> None:
        self.record = replace(self.record, **fields)  # type: ignore[arg-type]


def _is_error(status: Attribute) -> bool:
    return len(status.value) < 8 or int.from_bytes(status.value[4:8], "big") != Status.NO_ERROR


def _refused(message: Control) -> list[tuple[int, Status, bytes]]:
    """What a CALL_CONNECT_REQUEST is refused for: attribute, status, value (MS-SSTP 3.3.5.2.2).

    The specification's list was not at hand as a whole: status and value of all but the first two are the lab's reading of 2.2.8.
    """
    found, seen = [], set()
    for item in message.attributes:
        if item.id == AttributeId.STATUS_INFO and _is_error(item):
            found.append((item.id, Status.STATUS_INFO_NOT_SUPPORTED_IN_MSG, item.value))
        elif item.id in seen:
            found.append((item.id, Status.DUPLICATE_ATTRIBUTE, item.value))
        elif item.id == AttributeId.ENCAPSULATED_PROTOCOL_ID:
            if len(item.value) != len(packets.PPP):
                found.append((item.id, Status.INVALID_ATTRIB_VALUE_LENGTH, item.value))
            elif item.value != packets.PPP:
                found.append((item.id, Status.VALUE_NOT_SUPPORTED, item.value))
        elif item.id not in KNOWN_ATTRIBUTES:
            found.append((item.id, Status.UNRECOGNIZED_ATTRIBUTE, item.value))
        elif item.id != AttributeId.STATUS_INFO:
            found.append((item.id, Status.ATTRIB_NOT_SUPPORTED_IN_MSG, item.value))
        seen.add(item.id)
    if AttributeId.ENCAPSULATED_PROTOCOL_ID not in seen:
        found.append((AttributeId.ENCAPSULATED_PROTOCOL_ID, Status.REQUIRED_ATTRIBUTE_MISSING, b""))
    # A NAK of thousands of Status Info attributes would not fit into a packet.
    return found[:8]
