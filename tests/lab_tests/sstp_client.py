# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The smallest client that logs in by domain.md 4, for the tests of the lab's server: it shares no code with either side.

It has no sockets: begin gives the first bytes, feed takes those of the server and gives the next.
"""

from __future__ import annotations

import hashlib
import hmac
import socket
import ssl
from collections.abc import Callable

from Crypto.Cipher import DES
from Crypto.Hash import MD4

POST = (
    b"SSTP_DUPLEX_POST /sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/ HTTP/1.1\r\nSSTPCORRELATIONID: {11111111-2222-3333-4444-555555555555}\r\n"
    b"Content-Length: 18446744073709551615\r\nHost: vpn.example.com\r\n\r\n"
)
CONNECT_REQUEST = bytes.fromhex("1001000e0001000100010006 0001")
ABORT = bytes.fromhex("10010014000500010002000c0000000000000000")
DISCONNECT = bytes.fromhex("10010014000600010002000c0000000000000000")
ECHO_REQUEST, ECHO_RESPONSE, DISCONNECT_ACK = (bytes.fromhex(f"10010008000{kind}0000") for kind in "897")
PEER, MAGIC = bytes(range(16)), b"\x11\x22\x33\x44"
MS_CHAP_V2 = b"\xc2\x23\x81"


def sha1(data: bytes) -> bytes:
    return hashlib.sha1(data).digest()


def des_part(key: bytes, block: bytes) -> bytes:
    bits = "".join(f"{byte:08b}" for byte in key)
    return DES.new(bytes(int(bits[at : at + 7] + "0", 2) for at in range(0, 56, 7)), DES.MODE_ECB).encrypt(block)


def control(kind: int, attributes: bytes = b"", count: int = 0) -> bytes:
    return bytes((0x10, 1)) + (8 + len(attributes)).to_bytes(2, "big") + bytes((0, kind, 0, count)) + attributes


def data(protocol: int, code: int, number: int, payload: bytes = b"") -> bytes:
    frame = b"\xff\x03" + protocol.to_bytes(2, "big") + bytes((code, number)) + (4 + len(payload)).to_bytes(2, "big") + payload
    return bytes((0x10, 0)) + (4 + len(frame)).to_bytes(2, "big") + frame


class Client:
    """saw has what the server said, a word or a tuple each; finished: the farewell is over."""

    def __init__(
        self, certificate: bytes, user: str = "probe", password: str = "Correct-Horse-7", *, protocol: int = 2,
        tweak: Callable[[bytes], bytes] = lambda message: message, depth: str = "network", method: bytes = MS_CHAP_V2, keep: tuple[int, ...] = (),
    ) -> None:  # fmt: skip
        """tweak: changes CALL_CONNECTED; depth "ack": leave after CALL_CONNECT_ACK; method: asked for with a Nak; keep: odd options to agree to."""
        self.certificate, self.user, self.password, self.protocol = certificate, user, password, protocol
        self.tweak, self.depth, self.method, self.keep = tweak, depth, method, keep
        self.saw: list[object] = []
        self.finished = False
        self._buffer, self._http, self._nonce = b"", True, b""
        self._hlak = bytes(32)

    def begin(self) -> bytes:
        return POST

    def feed(self, received: bytes) -> bytes:
        self._buffer += received
        out = b""
        if self._http:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return b""
            self._http, self._buffer = False, rest
            self.saw.append(int(head.split()[1]))
            if self.saw[0] != 200:
                self.finished = True
                return b""
            out += CONNECT_REQUEST
        while len(self._buffer) >= 4 and len(self._buffer) >= (length := int.from_bytes(self._buffer[2:4], "big")):
            packet, self._buffer = self._buffer[:length], self._buffer[length:]
            out += self._on_control(packet) if packet[1] else self._on_frame(packet[4:])
        return out

    def _on_control(self, packet: bytes) -> bytes:
        kind = packet[5]
        if kind == 2:
            self.saw.append(("ack", packet[15]))
            self._nonce = packet[16:48]
            return DISCONNECT if self.depth == "ack" else data(0xC021, 1, 0, b"\x01\x04\x05\xdc\x05\x06" + MAGIC)
        if kind in (3, 5):
            self.saw.append(("nak" if kind == 3 else "abort", packet[15], int.from_bytes(packet[16:20], "big")))
            self.finished = True
            return ABORT if kind == 5 else b""
        if kind in (6, 7):
            self.saw.append("disconnect" if kind == 6 else "disconnect ack")
            self.finished = True
            return DISCONNECT_ACK if kind == 6 else b""
        return ECHO_RESPONSE if kind == 8 else b""

    def _on_frame(self, frame: bytes) -> bytes:
        frame = frame.removeprefix(b"\xff\x03")
        protocol, code, number, payload = int.from_bytes(frame[:2], "big"), frame[2], frame[3], frame[6:]
        if protocol == 0xC021:
            return self._on_lcp(code, number, payload)
        if protocol == 0xC223:
            return self._on_chap(code, number, payload)
        if protocol == 0xC023 or protocol == 0xC227:
            self.saw.append((f"{protocol:x}", code))
            return self._connected() if (protocol, code) == (0xC023, 2) else data(protocol, 2, number, b"\x01x") if code == 1 else b""
        if protocol == 0x80FD:
            return data(0xC021, 8, 1, frame)
        return self._on_ipcp(code, number, payload) if protocol == 0x8021 else b""

    def _on_lcp(self, code: int, number: int, payload: bytes) -> bytes:
        if code == 1:
            options = []
            while payload:
                options.append(payload[: payload[1]])
                payload = payload[payload[1] :]
            refused = [option for option in options if option[0] not in (1, 3, 5, *self.keep)]
            if refused:
                return data(0xC021, 4, number, b"".join(refused))
            if all(option[2:] != self.method for option in options if option[0] == 3):
                return data(0xC021, 3, number, bytes((3, 2 + len(self.method))) + self.method)
            answer = data(0xC021, 2, number, b"".join(options))
            if self.method == b"\xc0\x23":
                user, password = self.user.encode(), self.password.encode()
                answer += data(0xC023, 1, 0, bytes((len(user),)) + user + bytes((len(password),)) + password)
            return answer
        if code == 5:
            self.saw.append("terminated")
            return data(0xC021, 6, number)
        if code == 6:
            return DISCONNECT
        return data(0xC021, 10, number, MAGIC) if code == 9 else b""

    def _on_chap(self, code: int, number: int, payload: bytes) -> bytes:
        if code == 3:
            self.saw.append("success" if payload[:42].decode() == self._proof else "forged success")
            return self._connected()
        if code == 4:
            self.saw.append(payload.decode().split()[0])
            return b""
        challenge = payload[1:17]
        short = sha1(PEER + challenge + self.user.rpartition("\\")[2].encode())[:8]
        key = MD4.new(self.password.encode("utf-16le")).digest()
        response = b"".join(des_part((key + bytes(5))[at : at + 7], short) for at in (0, 7, 14))
        double = MD4.new(key).digest()
        self._proof = "S=" + sha1(
            sha1(double + response + b"Magic server to client signing constant") + short + b"Pad to make it do more than one iteration"
        ).hex().upper()  # fmt: skip
        master = sha1(double + response + b"This is the MPPE Master Key")[:16]
        send, receive = "the send key; on the server side, it is the receive key.", "the receive key; on the server side, it is the send key."
        self._hlak = b"".join(sha1(master + bytes(40) + f"On the client side, this is {way}".encode() + b"\xf2" * 40)[:16] for way in (send, receive))
        return data(0xC223, 2, number, b"\x31" + PEER + bytes(8) + response + b"\0" + self.user.encode())

    def _connected(self) -> bytes:
        name = {1: "sha1", 2: "sha256"}[self.protocol]
        size = hashlib.new(name).digest_size
        fields = bytes((0, 0, 0, self.protocol)) + self._nonce + hashlib.new(name, self.certificate).digest().ljust(32, b"\0")
        message = control(4, b"\x00\x03\x00\x68" + fields + bytes(32), 1)
        cmk = hmac.new(self._hlak, b"SSTP inner method derived CMK" + bytes((size, 0, 1)), name).digest()
        return self.tweak(message[:80] + hmac.new(cmk, message, name).digest().ljust(32, b"\0"))

    def _on_ipcp(self, code: int, number: int, payload: bytes) -> bytes:
        if code == 1:
            return data(0x8021, 2, number, payload) + data(0x8021, 1, 1, b"\x03\x06\0\0\0\0\x81\x06\0\0\0\0")
        if code == 3:
            return data(0x8021, 1, 2, payload)
        self.saw.append(("address", ".".join(map(str, payload[2:6]))))
        return data(0xC021, 5, 9)


def tls(port: int, address: str = "127.0.0.1", name: str = "vpn.example.com", context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
    """A TLS connection that takes any certificate, unless told otherwise."""
    if context is None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = socket.create_connection((address, port), 5)
    # The request follows the end of the handshake at once: without this it waits for an acknowledgement.
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(plain, server_hostname=name)


def dial(port: int, address: str = "127.0.0.1", name: str = "vpn.example.com", **options: object) -> Client:
    """Log in over a socket, with the hash of the certificate that is shown."""
    with tls(port, address, name) as connection:
        return talk(connection, Client(connection.getpeercert(True) or b"", **options))  # type: ignore[arg-type]


def talk(connection: ssl.SSLSocket, client: Client) -> Client:
    """Let a client speak over a connection, to the end."""
    connection.sendall(client.begin())
    while not client.finished:
        received = connection.recv(65536)
        if not received:
            client.saw.append("closed")
            break
        connection.sendall(client.feed(received))
    return client
