# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SSTP packets, PPP frames and HTTP heads: round trips, portions, and what is refused."""

from __future__ import annotations

import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp import codec, http, ppp
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.codec import Attribute, BindingRequest, Control, Data, FramingError, Reader, StatusInfo
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.http import HttpError, Response, ResponseReader
from hypothesis import given
from hypothesis import strategies as st
from scripted_server import acknowledge, control, packet, status

ATTRIBUTES = st.builds(Attribute, st.integers(0, 255), st.binary(max_size=120))
CONTROLS = st.builds(Control, st.integers(0, 65535), st.lists(ATTRIBUTES, max_size=8).map(tuple))
PACKETS = st.one_of(CONTROLS, st.builds(Data, st.binary(max_size=4091)))


def portions(data: bytes, sizes: list[int]) -> list[bytes]:
    """data in pieces of these sizes, over and over."""
    parts, start, turn = [], 0, 0
    while start < len(data):
        size = sizes[turn % len(sizes)]
        parts.append(data[start : start + size])
        start, turn = start + size, turn + 1
    return parts


def read(data: bytes) -> list[codec.Packet]:
    return list(Reader().feed(data))


# --- SSTP ---


@given(st.lists(PACKETS, max_size=6), st.lists(st.integers(1, 5000), min_size=1, max_size=4))
def test_what_is_sent_is_what_is_read_in_any_portions(packets, sizes):
    reader = Reader()
    stream = b"".join(codec.encode(one) for one in packets)
    assert [one for part in portions(stream, sizes) for one in reader.feed(part)] == packets


def test_reserved_bits_are_ignored():
    assert read(bytes([0x10, 0xFF, 0xF0, 8, 0, 8, 0, 0])) == [Control(8)]
    assert read(bytes([0x10, 0xFE, 0xF0, 5, 1])) == [Data(b"\x01")]
    assert read(packet(bytes([0, 6, 0, 1, 0xFF, 2, 0xF0, 4]), control=True)) == [Control(6, (Attribute(2, b""),))]


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (bytes([0x11, 0, 0, 4]), "version 0x11"),
        (b"HTTP/1.1", "version 0x48"),
        (bytes([0x10, 0, 0, 3]), "3 bytes long"),
        (bytes([0x10, 0, 0xF0, 0]), "0 bytes long"),
        (bytes([0x10, 1, 0, 7]), "7 bytes long"),
    ],
)
def test_a_stream_that_is_no_sstp_is_refused(stream, reason):
    with pytest.raises(FramingError, match=reason):
        read(stream)


@pytest.mark.parametrize(
    "body",
    [
        bytes([0, 5, 0, 2]),
        bytes([0, 5, 0, 2, 0, 2, 0, 3]),
        bytes([0, 5, 0, 2, 0, 2, 0, 5]),
        bytes([0, 5, 0xFF, 0xFF, 0, 2, 0]),
        bytes([0, 5, 0, 2, 0, 2, 0, 0]),
    ],
)
def test_attributes_that_do_not_add_up_leave_the_message_itself(body):
    assert read(packet(body, control=True)) == [Control(5, (), intact=False)]


def test_the_attributes_before_a_fault_are_kept():
    whole = control(5, status(3, 4))[4:]
    (read_back,) = read(packet(whole[:2] + b"\0\2" + whole[4:], control=True))
    assert isinstance(read_back, Control)
    assert not read_back.intact
    assert codec.status_info(read_back) == StatusInfo(3, 4)


def test_the_values_of_attributes():
    (ack,) = read(acknowledge(3))
    assert isinstance(ack, Control)
    assert codec.binding_request(ack) == BindingRequest(3, bytes(range(32)))
    assert codec.status_info(ack) is None
    (short,) = read(acknowledge(2, bytes(31)))
    assert isinstance(short, Control)
    assert codec.binding_request(short) is None
    (longer,) = read(control(5, (2, bytes([0, 0, 0, 3, 0, 0, 0, 4, 1, 2, 3]))))
    assert isinstance(longer, Control)
    assert codec.status_info(longer) == StatusInfo(3, 4)


def test_too_long_a_packet_is_not_sent():
    assert len(codec.encode(Data(bytes(4091)))) == 4095
    with pytest.raises(ValueError, match="longer than 4095"):
        codec.encode(Data(bytes(4092)))


# --- PPP ---

OPTIONS = st.lists(st.builds(ppp.Option, st.integers(0, 255), st.binary(max_size=40)), max_size=6).map(tuple)


@given(st.integers(0, 65535), st.integers(0, 255), st.integers(0, 255), OPTIONS, st.binary(max_size=4))
def test_ppp_reads_what_it_writes_and_ignores_padding(protocol, code, identifier, options, padding):
    sent = ppp.Packet(code, identifier, ppp.encode_options(options))
    frame = ppp.decode_frame(ppp.Frame(protocol, sent.encode() + padding).encode())
    assert frame is not None
    assert frame.protocol == protocol
    assert ppp.decode_packet(frame.payload) == sent
    assert ppp.decode_options(sent.data) == options


@pytest.mark.parametrize("data", [b"", b"\xff\x03\xc0", b"\xc0\x21\x01\x00", b"\x21\x45\x00\x00"])
def test_other_forms_of_frames_are_discarded(data):
    assert ppp.decode_frame(data) is None


@pytest.mark.parametrize("data", [b"", b"\x01\x00\x00", b"\x01\x00\x00\x03", b"\x01\x00\x00\x05"])
def test_packets_shorter_than_they_say_are_discarded(data):
    assert ppp.decode_packet(data) is None


@pytest.mark.parametrize("data", [b"\x01", b"\x01\x00", b"\x01\x01", b"\x01\x04\x05", b"\x01\x02\x03"])
def test_options_that_do_not_add_up_are_discarded(data):
    assert ppp.decode_options(data) is None


# --- HTTP ---

ANSWER = b"HTTP/1.1 200 \r\nContent-Length: 18446744073709551615\r\nserver:  Microsoft-HTTPAPI/2.0 \r\n\r\n"


@given(st.lists(st.integers(1, 90), min_size=1, max_size=4), st.binary(max_size=40))
def test_the_head_is_found_in_any_portions_and_the_rest_is_kept(sizes, behind):
    reader = ResponseReader()
    parts = portions(ANSWER + behind, sizes)
    while (response := reader.feed(parts.pop(0))) is None:
        pass
    assert response.status == 200
    assert response.server == "Microsoft-HTTPAPI/2.0"
    assert response.remainder + b"".join(parts) == behind


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"HTTP/1.1 404 Not Found\r\n\r\n", Response("1.1", 404, None, b"")),
        (b"HTTP/1.0 200 Connection established\r\n\r\n", Response("1.0", 200, None, b"")),
        (b"HTTP/1.1 503\r\nServer\r\nServer: a\x1b[31mb\r\n\r\nbody", Response("1.1", 503, "", b"body")),
    ],
)
def test_heads(head, expected):
    assert ResponseReader().feed(head) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x10\x01",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/11 200 OK\r\n\r\n",
        b"HTTP/1.1 200 a\nb\r\n\r\n",
        b"HTTP/1.1 200 \r\nX: " + b"a" * 17000,
        b"HTTP/1.1 200 \r\nX: " + b"a" * 17000 + b"\r\n\r\n",
    ],
)
def test_what_is_no_answer_is_refused(data):
    with pytest.raises(HttpError):
        ResponseReader().feed(data)


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("vpn.example.com", 443, b"Host: vpn.example.com\r\n"),
        ("vpn.example.com", 8443, b"Host: vpn.example.com:8443\r\n"),
        ("203.0.113.5", 443, b"Host: 203.0.113.5\r\n"),
        ("2001:db8::1", 443, b"Host: [2001:db8::1]\r\n"),
        ("2001:db8::1", 8443, b"Host: [2001:db8::1]:8443\r\n"),
        ("münchen.example", 443, b"Host: xn--mnchen-3ya.example\r\n"),
    ],
)
def test_the_host_header(host, port, expected):
    assert expected in http.head(host, port)
    assert expected in http.duplex_post(host, port, "{0}")


def test_the_request_to_a_proxy():
    assert http.connect("vpn.example.com", 443) == b"CONNECT vpn.example.com:443 HTTP/1.1\r\nHost: vpn.example.com:443\r\nSSTPVERSION: 1.0\r\n\r\n"
    assert http.connect("2001:db8::1", 443).startswith(b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\n")


@pytest.mark.parametrize("host", ["", "a b", "a\r\nX: y", "a/b", "user@host", ".", "a..b", "x" * 64, "\ud800", "a\0b"])
def test_a_host_that_is_none_is_refused(host):
    with pytest.raises(SstpError, match="is no host name"):
        http.head(host, 443)
