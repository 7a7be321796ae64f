# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server of SSTP as bytes, for one call: correct, or wrong in one way that a test names. Its packets are put together by hand."""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from ansible_collections.rras.sstp.plugins.plugin_utils.sstp import mschapv2

USER, PASSWORD = r"EXAMPLE\anna", "correct horse"
CERTIFICATE = b"SSTP test certificate"
NONCE = bytes(range(32))
CHALLENGE = bytes(range(16, 32))
ADDRESS = bytes([10, 0, 0, 7])
LCP, CHAP, IPCP, EAP, CCP = 0xC021, 0xC223, 0x8021, 0xC227, 0x80FD
HTTP_OK = b"HTTP/1.1 200 \r\nContent-Length: 18446744073709551615\r\nServer: Microsoft-HTTPAPI/2.0\r\nDate: Sun, 01 Mar 2026 12:00:00 GMT\r\n\r\n"
EAP_OPTION, MSCHAPV2_OPTION = b"\x03\x04\xc2\x27", b"\x03\x05\xc2\x23\x81"
# As a Windows server asks first: MRU, authentication, magic, PFC, ACFC, callback, MRRU, endpoint discriminator.
UNWANTED_OPTIONS = b"\x07\x02\x08\x02\x0d\x03\x06\x11\x04\x06\x4e\x13\x09\x03\x00\x15\x5d\x01\x02\x03"


def packet(body: bytes, control: bool = False) -> bytes:
    return struct.pack(">BBH", 0x10, int(control), 4 + len(body)) + body


def control(kind: int, *attributes: tuple[int, bytes]) -> bytes:
    body = b"".join(struct.pack(">BBH", 0, number, 4 + len(value)) + value for number, value in attributes)
    return packet(struct.pack(">HH", kind, len(attributes)) + body, control=True)


def status(attribute: int, code: int) -> tuple[int, bytes]:
    return 2, struct.pack(">3xBI", attribute, code)


def acknowledge(bitmask: int = 2, nonce: bytes = NONCE) -> bytes:
    return control(2, (4, struct.pack(">3xB", bitmask) + nonce))


def ppp(protocol: int, code: int, identifier: int, data: bytes = b"") -> bytes:
    return packet(struct.pack(">2sHBBH", b"\xff\x03", protocol, code, identifier, 4 + len(data)) + data)


ABORT = control(5, status(0, 0))
DISCONNECT, DISCONNECT_ACK = control(6, status(0, 0)), control(7)
ECHO_REQUEST, ECHO_RESPONSE = control(8), control(9)
BINDING_REFUSED = control(5, status(3, 4))


def http_answer(code: int, server: str = "Microsoft-HTTPAPI/2.0") -> bytes:
    return f"HTTP/1.1 {code} Words\r\nServer: {server}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


@dataclass
class Server:
    """receive gives the answer to what the client sends. Each field is one thing to be otherwise; a callable that of bytes to bytes."""

    http: bytes = HTTP_OK
    acknowledgement: bytes = field(default_factory=acknowledge)
    eap_only: bool = False
    authentication: bytes | None = EAP_OPTION
    failure: bytes | None = None
    proof: bytes | None = None
    certificate: bytes = CERTIFICATE
    ipcp: Callable[[int, bytes], bytes] | None = None
    network_first: bool = False
    hash_protocol: int = 2
    terminate_acknowledged: bool = True
    received: list[bytes] = field(default_factory=list)
    messages: list[int] = field(default_factory=list)
    _buffer: bytes = b""
    _started: bool = False
    _expected: mschapv2.Answer | None = None

    def receive(self, data: bytes) -> bytes:
        self._buffer += data
        answer = b""
        if not self._started:
            request, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return b""
            self._started, self._buffer = True, rest
            self.received.append(request + end)
            answer = self.http
        while len(self._buffer) >= 4:
            length = struct.unpack_from(">H", self._buffer, 2)[0]
            assert self._buffer[0] == 0x10
            assert self._buffer[1] in (0, 1)
            if len(self._buffer) < length:
                break
            one, self._buffer = self._buffer[:length], self._buffer[length:]
            self.received.append(one)
            answer += self._control(one) if one[1] else self._ppp(one)
        return answer

    def _control(self, one: bytes) -> bytes:
        kind = struct.unpack_from(">H", one, 4)[0]
        self.messages.append(kind)
        if kind == 1:
            lcp = self._configure_request(0, self.authentication) if self.acknowledgement[5] == 2 else b""
            return self.acknowledgement + lcp
        if kind == 4:
            return self._check_binding(one)
        return {5: ABORT, 6: DISCONNECT_ACK, 8: ECHO_RESPONSE}.get(kind, b"")

    def _configure_request(self, identifier: int, authentication: bytes | None, unwanted: bytes = UNWANTED_OPTIONS) -> bytes:
        return ppp(LCP, 1, identifier, b"\x01\x04\x0f\xfb" + (authentication or b"") + b"\x05\x06\x11\x22\x33\x44" + unwanted)

    def _ppp(self, one: bytes) -> bytes:
        address, protocol, code, identifier, length = struct.unpack_from(">2sHBBH", one, 4)
        assert address == b"\xff\x03"
        assert length == len(one) - 8
        handler = {LCP: self._lcp, CHAP: self._chap, IPCP: self._ipcp}.get(protocol)
        return handler(code, identifier, one[12:]) if handler else b""

    def _lcp(self, code: int, identifier: int, data: bytes) -> bytes:
        if code == 1:
            return ppp(LCP, 2, identifier, data)
        if code == 4:
            return self._configure_request(1, self.authentication, unwanted=b"")
        if code == 3:
            if self.eap_only:
                return ppp(LCP, 5, 2)
            self.authentication = MSCHAPV2_OPTION
            return self._configure_request(2, self.authentication, unwanted=b"")
        if code == 2:
            return ppp(CHAP, 1, 0, bytes([16]) + CHALLENGE + b"VPN01") if self.authentication == MSCHAPV2_OPTION else b""
        return ppp(LCP, 6, identifier) if code == 5 and self.terminate_acknowledged else b""

    def _chap(self, code: int, identifier: int, data: bytes) -> bytes:
        assert code == 2
        assert data[0] == 49
        value, name = data[1:50], data[50:]
        self._expected = mschapv2.answer(mschapv2.Credentials(USER, PASSWORD), CHALLENGE, value[:16])
        if self.failure is not None or name != USER.encode() or value != self._expected.value:
            text = b"E=691 R=1 C=00112233445566778899AABBCCDDEEFF V=3 M=No" if self.failure is None else self.failure
            return ppp(CHAP, 4, identifier, text) + ppp(LCP, 5, 9)
        proof = self.proof or self._expected.proof
        success = ppp(CHAP, 3, identifier, b"S=" + proof.hex().upper().encode() + b" M=Welcome")
        return success + (self._server_network() if self.network_first else b"")

    def _server_network(self) -> bytes:
        return ppp(CCP, 1, 4, b"\x12\x06\x01\x00\x00\x01") + ppp(IPCP, 1, 5, b"\x03\x06\x0a\x00\x00\x01")

    def _check_binding(self, one: bytes) -> bytes:
        """The server's checks of MS-SSTP 3.3.5.2.3."""
        assert self._expected
        name = "sha256" if self.hash_protocol == 2 else "sha1"
        size = 32 if self.hash_protocol == 2 else 20
        protocol, nonce, certificate_hash, mac = struct.unpack(">3xB32s32s32s", one[12:])
        key = hmac.digest(self._expected.hlak, b"SSTP inner method derived CMK" + bytes([size, 0, 1]), name)
        right = (
            one[:12] == bytes.fromhex("10010070 00040001 00030068")
            and (protocol, nonce) == (self.hash_protocol, NONCE)
            and certificate_hash == hashlib.new(name, self.certificate).digest().ljust(32, b"\0")
            and mac == hmac.digest(key, one[:-32] + bytes(32), name).ljust(32, b"\0")
        )
        return (b"" if self.network_first else self._server_network()) if right else BINDING_REFUSED

    def _ipcp(self, code: int, identifier: int, data: bytes) -> bytes:
        if code != 1:
            return b""
        if self.ipcp:
            return self.ipcp(identifier, data)
        return ppp(IPCP, 2, identifier, data) if data[2:] == ADDRESS else ppp(IPCP, 3, identifier, b"\x03\x06" + ADDRESS)
