# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's SSTP server: its derivations by domain.md 4.7, its protocol, and that each of its misbehaviours misbehaves."""

from __future__ import annotations

import hashlib

import pytest
import sstp_client as wire
from hypothesis import given, settings
from hypothesis import strategies as st
from lab.sstp_server import http, keys, packets, ppp
from lab.sstp_server.binding import Hashes
from lab.sstp_server.call import Call
from lab.sstp_server.settings import CallRecord, Ports, Settings, User
from sstp_client import Client

DER = b"SSTP test certificate"
HASHES = Hashes(hashlib.sha256(DER).digest(), hashlib.sha1(DER).digest())


def new_call(options: Settings | None = None, hashes: Hashes = HASHES, **more: object) -> Call:
    chosen = options or Settings()
    return Call(chosen, hashes, Ports(chosen.ports), now=0.0, **more)  # type: ignore[arg-type]


def run(call: Call, client: Client) -> CallRecord:
    """Let both speak until neither has anything to say."""
    said = client.begin()
    while said:
        call.receive(said, 0.0)
        said = client.feed(call.take())
    return call.record


def login(options: Settings | None = None, hashes: Hashes = HASHES, **client_options: object) -> tuple[Client, CallRecord]:
    client = Client(DER, **client_options)  # type: ignore[arg-type]
    return client, run(new_call(options, hashes), client)


# --- derivations ------------------------------------------------------------------------------------------------------


def call_connected(protocol: int, nonce: str, certificate_hash: str) -> bytes:
    value = bytes((0, 0, 0, protocol)) + bytes.fromhex(nonce) + bytes.fromhex(certificate_hash).ljust(32, b"\0") + bytes(32)
    return packets.control(packets.Message.CALL_CONNECTED, packets.attribute(packets.AttributeId.CRYPTO_BINDING, value))


HLAK_A = "2A1BB40D55AB0F5EF32F06F2B3CC73C48FD3FAC41D7A1315A19228D9024CA164"
NONCE_A = "412B489AEBD7ECC7D08966F26BE7CD72B231A0E9210D7C91B308862B0344C435"
HASH_A = "7993EF314C493DACE9F02D60E7E61C84B6690AAFE9D7AEEA92CBBE8AD599422D"
HLAK_D = "D5F0E9521E3EA9589645E86051C822268B7CDC149B993A1BA118CB153F56DCCB"
HASH_D256 = "9828a650187d3c11b6a132b6fcab33128bb5fb117ad9fec54e30e6846b2a049c"
COUNT = bytes(range(32)).hex()


@pytest.mark.parametrize(
    ("protocol", "hlak", "nonce", "certificate_hash", "cmk", "cmac"),
    [
        (2, HLAK_A, NONCE_A, HASH_A,
         "ecf59ac9fe155cf0a9e7d66adc1b363c1ad7ba91a9217f0cec2a534298828df6", "52A68EFD8CFFBF52770B8F0FE8EC73716583AF6D611EB6D179B3B20840985449"),
        (1, "4B3128F43925D9006EEFB1C4E86515A1D88E56BAB3CA2BDF0373B7F5A8A13B19",
         "0F1A2D58D4A3E3000FAD3CE4906E07B707AA9E441CCEAC5CBD7B2CC1C9D86CDF", "5826B629BDA59B8E6FD8DCD2622FD34C534805A5",
         "a98b862a38cc7e224b42cd128586acb22f0bd1e9", "69915DD583D8062FEF16F61DB2F03290EC27CB6C"),
        (2, "00" * 32, NONCE_A, HASH_A,
         "d342eb00477d6a37e1a184fb0168cb3ea3b6645fa0f227904d20eef5cb8f9327", "37350a9168e4697495f2f535721af42be80a185d6dc4c4dc929f8f87e304a616"),
        (2, HLAK_D, COUNT, HASH_D256,
         "150707e682b16f4ca9430560c562894afd10050db4182d35c3e9e06284445271", "0d92051c58c25f8845118f6cab87e64cc124c1b448ff1ab006ae42e0fb018805"),
        (1, HLAK_D, COUNT, "13a809756ee9a1eefc534b9ac4b0c07d3b0b3203",
         "3afbff0ba79dd9743bd09949fa99f9d0c92d3698", "c4372fbb1244c33310815b3f544a6bf59040f8a0"),
    ],
    ids=["A", "B", "C", "D-SHA-256", "D-SHA-1"],
)  # fmt: skip
def test_vectors_of_the_binding(protocol: int, hlak: str, nonce: str, certificate_hash: str, cmk: str, cmac: str) -> None:
    key, message = bytes.fromhex(hlak), call_connected(protocol, nonce, certificate_hash)
    assert len(message) == 0x70
    assert keys.compound_mac_key(protocol, key).hex() == cmk.lower()
    assert keys.compound_mac(protocol, key, message).hex() == cmac.lower()


def test_vectors_of_ms_chap_v2() -> None:
    challenge, peer = bytes.fromhex("5B5D7C7D7B3F2F3E3C2C602132262628"), bytes.fromhex("21402324255E262A28295F2B3A337C7E")
    response = keys.nt_response(challenge, peer, "User", "clientPass")
    assert keys.nt_hash("clientPass").hex() == "44ebba8d5312b8d611474411f56989ae"
    assert keys.challenge_hash(peer, challenge, "User").hex() == "d02e4386bce91226"
    assert response.hex() == "82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df"
    assert keys.authenticator_response(challenge, peer, response, "User", "clientPass") == "S=407A5589115FD0D6209F510FE9C04566932CDA56"
    assert keys.master_key("clientPass", response).hex() == "fdece3717a8c838cb388e527ae3cdd31"
    assert keys.server_hlak("clientPass", response).hex().upper() == HLAK_D
    assert hashlib.sha256(DER).hexdigest() == HASH_D256


def test_fixed_packets() -> None:
    assert packets.control(packets.Message.ECHO_RESPONSE) == wire.ECHO_RESPONSE
    assert packets.control(packets.Message.CALL_DISCONNECT, packets.status_info(0, packets.Status.NO_ERROR)) == wire.DISCONNECT
    ack = packets.control(packets.Message.CALL_CONNECT_ACK, packets.attribute(packets.AttributeId.CRYPTO_BINDING_REQ, bytes(36)))
    assert (len(ack), ack[:12].hex()) == (48, "100100300002000100040028")


# --- a login ----------------------------------------------------------------------------------------------------------


def test_a_right_client_is_accepted() -> None:
    client, record = login()
    assert client.saw == [200, ("ack", 2), "success", ("address", "192.168.77.10"), "disconnect ack"]
    assert record == CallRecord(
        stage="network", method="SSTP_DUPLEX_POST", http_status=200, authentication="mschapv2", user="probe", hash_protocol=2, accepted=True,
        left="CALL_DISCONNECT", round_trips=9, milestones=("lcp", "authenticated", "ccp rejected", "echo answered", "ipcp", "terminate"),
    )  # fmt: skip


@pytest.mark.parametrize("user", ["PROBE", "EXAMPLE\\probe"])
def test_names_without_regard_to_case_and_domain(user: str) -> None:
    assert login(user=user)[1].accepted


def test_a_client_that_agrees_to_compressed_headers() -> None:
    assert login(keep=(7, 8))[1].stage == "network"


FIELDS = {"nonce": (16, 32), "certificate hash": (48, 32), "compound MAC": (80, 32)}


@pytest.mark.parametrize("field", FIELDS)
def test_each_changed_bit_is_refused(field: str) -> None:
    start, size = FIELDS[field]
    for bit in range(8 * size):

        def tweak(message: bytes, at: int = start + bit // 8, mask: int = 1 << bit % 8) -> bytes:
            return message[:at] + bytes((message[at] ^ mask,)) + message[at + 1 :]

        client, record = login(tweak=tweak)
        assert client.saw[-1] == ("abort", 3, 4)
        assert (record.accepted, record.reason, record.abort, record.stage) == (False, field, (3, 4), "authenticated")


@pytest.mark.parametrize("chosen", [0, 1, 3, 4, 0x82])
def test_a_hash_protocol_that_was_not_offered_is_refused(chosen: int) -> None:
    client, record = login(tweak=lambda message: message[:15] + bytes((chosen,)) + message[16:])
    assert client.saw[-1] == ("abort", 3, 4)
    assert record.reason == "hash protocol"


@pytest.mark.parametrize(("offered", "chosen", "accepted"), [(1, 1, True), (3, 2, True), (3, 1, True), (2, 1, False), (1, 2, False)])
def test_hash_protocols(offered: int, chosen: int, accepted: bool) -> None:
    client, record = login(Settings(hash_protocols=offered), protocol=chosen)
    assert ("ack", offered) in client.saw
    assert (record.accepted, record.hash_protocol) == (accepted, chosen)


def test_hashes_of_the_registry_decide() -> None:
    other = hashlib.sha256(b"another").digest()
    assert login(hashes=Hashes(other))[0].saw[-1] == ("abort", 3, 4)
    assert login(Settings(hash_protocols=3), Hashes(HASHES.sha256), protocol=1)[1].reason == "certificate hash"
    client, record = login(hashes=Hashes(None, HASHES.sha1))
    assert (client.saw, record.reason) == ([503], "no valid SHA256CertificateHash")


@pytest.mark.parametrize(
    "message",
    [
        wire.control(4),
        wire.control(4, b"\x00\x03\x00\x67" + bytes(99), 1),
        wire.control(4, b"\x00\x03\x00\x68" + bytes(100) + bytes.fromhex("0002000c0000000300000004"), 2),
    ],
    ids=["missing", "short", "with an error"],
)
def test_call_connected_without_a_right_binding(message: bytes) -> None:
    assert login(tweak=lambda _: message)[0].saw[-1] == ("abort", 2, 9)


# --- authentication ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [646, 647, 648, 649])
def test_accounts_that_may_not_log_in(code: int) -> None:
    client, record = login(Settings(users={"u": User("right", code)}), user="u", password="right")
    assert client.saw == [200, ("ack", 2), f"E={code}", "terminated", "disconnect"]
    assert (record.stage, record.user, record.reason, record.left) == ("lcp", "u", f"E={code}", "")


@pytest.mark.parametrize(("user", "password"), [("probe", "wrong"), ("nobody", "Correct-Horse-7")])
def test_wrong_credentials(user: str, password: str) -> None:
    assert login(user=user, password=password)[1].reason == "E=691"
    assert login(Settings(users={"probe": User("right", 647)}), user=user, password=password)[1].reason == "E=691", "a wrong password tells nothing more"


def test_a_policy_of_eap_alone() -> None:
    client, record = login(Settings(authentication=("eap",)))
    assert client.saw == [200, ("ack", 2), "terminated", "disconnect"]
    assert record.reason == "no way to authenticate that both sides take"
    client, record = login(Settings(authentication=("eap",)), method=b"\xc2\x27")
    assert client.saw == [200, ("ack", 2), ("c227", 1), ("c227", 4), "terminated", "disconnect"]
    assert record.authentication == "eap"


def test_pap_gives_no_key() -> None:
    options = Settings(authentication=("eap", "mschapv2", "pap"))
    assert login(options, method=b"\xc0\x23")[1].accepted
    assert login(options, method=b"\xc0\x23", password="wrong")[1].reason == "refused by PAP"


# --- HTTP -------------------------------------------------------------------------------------------------------------

TARGET = b"/sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/"
LENGTH = b"Content-Length: 18446744073709551615\r\n"


@pytest.mark.parametrize(
    ("request_line", "headers", "status"),
    [
        (b"SSTP_DUPLEX_POST " + TARGET.upper() + b" HTTP/1.1", LENGTH, 200),
        (b"GET " + TARGET + b" HTTP/1.1", b"", 401),
        (b"HEAD " + TARGET.lower() + b" HTTP/1.0", b"", 401),
        (b"GET / HTTP/1.1", b"", 404),
        (b"SSTP_DUPLEX_POST /other HTTP/1.1", LENGTH, 404),
        (b"POST " + TARGET + b" HTTP/1.1", LENGTH, 405),
        (b"SSTP_DUPLEX_POST " + TARGET + b" HTTP/1.0", LENGTH, 505),
        (b"SSTP_DUPLEX_POST " + TARGET + b" HTTP/1.1", b"", 400),
        (b"SSTP_DUPLEX_POST " + TARGET + b" HTTP/1.1", b"Content-Length: 18446744073709551614\r\n", 400),
        (b"nonsense", b"", 400),
        (b"GET / HTTP/1.1", b"X: " + b"x" * http.LONGEST_HEAD + b"\r\n", 400),
    ],
)
def test_http_answers(request_line: bytes, headers: bytes, status: int) -> None:
    call = new_call(date="now")
    call.receive(request_line + b"\r\nHost: x\r\n" + headers + b"\r\n", 0)
    answer = call.take()
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Server: Microsoft-HTTPAPI/2.0\r\nDate: now\r\n" in answer
    assert (call.closed, b"Connection: close" in answer) == (status != 200, status != 200)


def test_a_head_without_an_end() -> None:
    call = new_call()
    for _ in range(40):
        call.receive(b"x" * 1000, 0)
    assert call.closed
    assert call.take().startswith(b"HTTP/1.1 400 ")


def test_what_follows_the_head_is_sstp() -> None:
    call = new_call()
    call.receive(wire.POST + wire.CONNECT_REQUEST, 0)
    answer = call.take()
    assert answer.partition(b"\r\n\r\n")[2][:8].hex() == "1001003000020001"
    assert call.record.round_trips == 1


def test_in_single_bytes() -> None:
    call = new_call()
    for byte in wire.POST + wire.CONNECT_REQUEST:
        call.receive(bytes((byte,)), 0)
    assert call.record.stage == "ack"


def test_ports_are_limited_and_given_back() -> None:
    ports, options = Ports(1), Settings(ports=1)
    first, second, third = (Call(options, HASHES, ports, now=0) for _ in range(3))
    first.receive(wire.POST, 0)
    second.receive(wire.POST, 0)
    assert (second.record.http_status, second.record.reason) == (503, "no free SSTP port")
    first.lost()
    second.lost()
    third.receive(wire.POST, 0)
    assert third.record.http_status == 200


# --- states and timers ------------------------------------------------------------------------------------------------


def opened(options: Settings | None = None) -> tuple[Call, Client]:
    """A call in CALL_CONNECTED, its network up."""
    call, client = new_call(options), Client(DER)
    said = client.begin()
    while call.record.stage != "network":
        call.receive(said, 0.0)
        said = client.feed(call.take())
    call.take()
    return call, client


def answered(call: Call, packet: bytes, now: float = 0.0) -> str:
    call.receive(packet, now)
    return call.take().hex()


def aborted(status: int, about: int = 0) -> str:
    return f"10010014000500010002000c000000{about:02x}{status:08x}"


def test_echo() -> None:
    call, _ = opened()
    assert answered(call, wire.ECHO_REQUEST) == wire.ECHO_RESPONSE.hex()
    assert answered(call, wire.ECHO_RESPONSE) == ""
    early = new_call()
    early.receive(wire.POST + wire.CONNECT_REQUEST, 0)
    early.take()
    assert answered(early, wire.ECHO_REQUEST) == aborted(5)


def test_hello() -> None:
    call, _ = opened()
    assert call.due == 60
    call.wake(59.9)
    assert call.take() == b""
    call.wake(60)
    assert call.take() == wire.ECHO_REQUEST
    call.receive(wire.ECHO_RESPONSE, 61)
    assert call.due == 121
    call.wake(121)
    call.wake(181)
    assert (call.closed, call.record.reason) == (True, "the client does not answer ECHO_REQUEST")


@pytest.mark.parametrize("stage", ["http", "ack"])
def test_negotiation_timer(stage: str) -> None:
    call = new_call()
    call.receive(wire.POST + (wire.CONNECT_REQUEST if stage == "ack" else b""), 5)
    call.take()
    assert call.due == 65
    call.wake(65)
    assert call.take().hex() == aborted(8)
    call.wake(67.9)
    assert not call.closed
    call.wake(68)
    assert call.closed


def test_no_request_at_all() -> None:
    call = new_call()
    call.wake(60)
    assert (call.closed, call.take()) == (True, b"")


def test_aborts() -> None:
    call, _ = opened()
    assert answered(call, wire.ABORT) == aborted(0)
    assert (call.due, call.record.left) == (1, "CALL_ABORT")
    other, _ = opened()
    assert answered(other, wire.CONNECT_REQUEST) == aborted(5)
    assert answered(other, wire.ECHO_REQUEST + wire.DISCONNECT, 1) == "", "all but CALL_ABORT is ignored"
    assert other.due == 3
    assert answered(other, wire.ABORT, 1) == ""
    assert other.due == 2
    other.wake(2)
    assert (other.closed, other.record.left, other.record.abort) == (True, "", (0, 5))


def test_disconnect() -> None:
    call, _ = opened()
    assert answered(call, wire.DISCONNECT) == wire.DISCONNECT_ACK.hex()
    call.wake(1)
    assert (call.closed, call.record.left) == (True, "CALL_DISCONNECT")


def test_a_client_that_just_goes() -> None:
    call, _ = opened()
    call.lost()
    assert (call.closed, call.record.left, call.record.accepted) == (True, "dropped", True)


@pytest.mark.parametrize(
    ("attributes", "count", "about", "status"),
    [
        (b"\x00\x01\x00\x06\x00\x02", 1, 1, 4),
        (b"\x00\x01\x00\x05\x00", 1, 1, 3),
        (b"", 0, 1, 10),
        (b"\x00\x01\x00\x06\x00\x01" * 2, 2, 1, 1),
        (b"\x00\x01\x00\x06\x00\x01\x00\x09\x00\x04", 2, 9, 2),
        (b"\x00\x01\x00\x06\x00\x01\x00\x03\x00\x04", 2, 3, 9),
        (b"\x00\x01\x00\x06\x00\x01" + bytes.fromhex("0002000c0000000300000004"), 2, 2, 11),
    ],
)
def test_connect_requests_that_are_refused(attributes: bytes, count: int, about: int, status: int) -> None:
    call = new_call()
    call.receive(wire.POST, 0)
    call.take()
    nak = answered(call, wire.control(1, attributes, count))
    assert (nak[8:12], nak[30:32], int(nak[32:40], 16)) == ("0003", f"{about:02x}", status)
    assert answered(call, wire.CONNECT_REQUEST).startswith("100100300002"), "another attempt is allowed"


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"\x11\x01\x00\x08\x00\x08\x00\x00", None),
        (b"\x10\x01\x00\x07\x00\x08\x00\x00", None),
        (b"\x10\x00\x00\x03", None),
        (wire.control(0x77), aborted(7)),
        (wire.control(1, b"\x00\x01\x00\x09\x00\x01", 1), aborted(7)),
        (wire.control(1, b"\x00\x01\x00\x06\x00\x01\x00", 1), aborted(7)),
        (wire.control(4), aborted(5)),
        (b"\x10\xf1\xf0\x0e" + wire.CONNECT_REQUEST[4:], "100100300002"),
    ],
    ids=["version", "short control", "short data", "unknown message", "long attribute", "trailing byte", "too early", "reserved bits"],
)
def test_odd_packets(sent: bytes, answer: str | None) -> None:
    call = new_call()
    call.receive(wire.POST, 0)
    call.take()
    said = answered(call, sent)
    assert call.closed == (answer is None)
    assert said.startswith(answer or "") if answer else said == ""


def test_call_connected_before_the_authentication() -> None:
    call = new_call()
    call.receive(wire.POST + wire.CONNECT_REQUEST, 0)
    call.take()
    client = Client(DER)
    client.feed(b"HTTP/1.1 200 \r\n\r\n" + wire.control(2, b"\x00\x04\x00\x28\x00\x00\x00\x02" + call._nonce, 1))
    assert answered(call, client._connected()) == aborted(5)
    assert not call.record.accepted


def test_data_before_call_connected_is_dropped_and_unknown_protocols_are_rejected() -> None:
    ipv6cp = wire.data(0x8057, 1, 1)
    call, _ = opened()
    assert "c02108" in answered(call, ipv6cp)
    assert answered(call, b"\x10\x00\x00\x09\xff\x03\x21\x45\x00") == ""
    early = new_call()
    early.receive(wire.POST + wire.CONNECT_REQUEST, 0)
    early.take()
    assert answered(early, ipv6cp) == ""


def test_lcp_echo_and_unknown_codes() -> None:
    call, _ = opened()
    assert answered(call, wire.data(0xC021, 9, 5, wire.MAGIC)).endswith("c0210a050008" + call._link.lcp.magic.hex())
    assert "c02107" in answered(call, wire.data(0xC021, 99, 5))


def test_a_client_that_refuses_to_authenticate_itself() -> None:
    call = new_call()
    call.receive(wire.POST + wire.CONNECT_REQUEST, 0)
    call.take()
    assert "c02105ff" in answered(call, wire.data(0xC021, 4, 0, b"\x03\x04\xc2\x27"))
    assert answered(call, wire.data(0xC021, 6, 0xFF)) == wire.DISCONNECT.hex()
    assert answered(call, wire.DISCONNECT_ACK) == ""
    assert (call.closed, call.record.reason) == (True, "the client refuses to authenticate itself")


def test_negotiations_without_an_end_are_given_up() -> None:
    call = new_call()
    call.receive(wire.POST + wire.CONNECT_REQUEST, 0)
    call.take()
    for number in range(20):
        said = answered(call, wire.data(0xC021, 3, number, b"\x01\x04\x05\x00"))
    assert (said, call.record.reason) == ("", "LCP does not converge")
    magic = call._link.lcp.magic
    other = new_call()
    other.receive(wire.POST + wire.CONNECT_REQUEST, 0)
    other.take()
    assert "c02103" in answered(other, wire.data(0xC021, 1, 0, b"\x05\x06" + other._link.lcp.magic)), "its own magic number"
    assert magic != other._link.lcp.magic


# --- whatever comes ---------------------------------------------------------------------------------------------------


def transcript() -> list[bytes]:
    """What a client says in a login, turn by turn."""
    call, client, turns = new_call(random=lambda size: bytes(range(1, size + 1))), Client(DER), []
    said = client.begin()
    while said:
        turns.append(said)
        call.receive(said, 0.0)
        said = client.feed(call.take())
    assert call.record.accepted
    return turns


TURNS = transcript()


def test_the_transcript_itself_is_accepted() -> None:
    call = new_call(random=lambda size: bytes(range(1, size + 1)))
    call.receive(b"".join(TURNS), 0.0)
    assert call.record.stage == "network"


MUTATIONS = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255), st.sampled_from(["set", "insert", "delete"])), max_size=6)


def mutated(turns: list[bytes], first: int, changes: list[tuple[int, int, str]]) -> bytes:
    data = bytearray(b"".join(turns[first:]))
    for at, value, how in changes:
        where = at % max(1, len(data))
        if how == "insert":
            data.insert(where, value)
        elif data and how == "set":
            data[where] = value
        elif data:
            del data[where]
    return bytes(data)


def check_bounds(call: Call, fed: int) -> None:
    assert len(call._head) <= http.LONGEST_HEAD + 4096
    assert len(call._splitter._buffer) < packets.LONGEST
    assert len(call.take()) <= 4096 + 16 * fed
    assert (call.due is None) or call.due >= 0
    assert len(call.record.milestones) < 10


@given(first=st.integers(0, len(TURNS)), changes=MUTATIONS, sizes=st.lists(st.integers(1, 600), min_size=1, max_size=8), keep=st.booleans())
@settings(max_examples=250, deadline=None)
def test_mutated_logins_never_crash_it(first: int, changes: list[tuple[int, int, str]], sizes: list[int], keep: bool) -> None:
    call = new_call(random=lambda size: bytes(range(1, size + 1)))
    for turn in TURNS[:first]:
        call.receive(turn, 0.0)
    rest, at, turn_number = mutated(TURNS, first, changes), 0, 0
    while at < len(rest):
        size = sizes[turn_number % len(sizes)]
        call.receive(rest[at : at + size], float(turn_number))
        if keep:
            check_bounds(call, size)
        at, turn_number = at + size, turn_number + 1
    check_bounds(call, len(rest) + sum(map(len, TURNS)))
    for _ in range(5):
        if call.due is not None:
            call.wake(call.due)
    call.lost()
    assert call.closed
    if call.record.accepted:
        assert call._link.hlak is not None


@given(st.lists(st.binary(max_size=300), max_size=8))
@settings(max_examples=100, deadline=None)
def test_frames_of_noise_never_crash_the_link(frames: list[bytes]) -> None:
    call, _ = opened()
    for frame in frames:
        call.receive(packets.data(frame), 0)
        check_bounds(call, len(frame))


@given(st.binary(max_size=64), st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=40)), max_size=5))
def test_codecs_are_the_inverse_of_themselves(noise: bytes, options: list[tuple[int, bytes]]) -> None:
    assert ppp.read_options(ppp.write_options(options)) == options
    packet = ppp.Packet(1, 2, noise)
    assert ppp.read_packet(packet.encode() + b"padding") == packet
    (found,) = packets.Splitter().feed(packets.data(noise))
    assert (found.control, found.body) == (False, noise)
    attributes = [packets.attribute(packets.AttributeId.STATUS_INFO, value) for _, value in options]
    (found,) = packets.Splitter().feed(packets.control(packets.Message.CALL_ABORT, *attributes))
    assert [item.value for item in packets.read_control(found).attributes] == [value for _, value in options]
