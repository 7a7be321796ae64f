# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state machine against a scripted server: each way a call can go, with its verdict, its timers and its goodbye."""

from __future__ import annotations

import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp import client as client_module
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.client import Depth
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.events import (
    Aborted,
    Acknowledged,
    AddressAssigned,
    AuthenticationFailed,
    CallConnectedSent,
    Closed,
    Disconnected,
    HttpAnswered,
    LinkTerminated,
    NetworkPhaseStarted,
    ServerNotAuthentic,
    Stage,
    TimedOut,
)
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.verdict import Code
from conversation import Talk, new_client, talk
from scripted_server import (
    ABORT,
    ADDRESS,
    BINDING_REFUSED,
    CERTIFICATE,
    CHAP,
    DISCONNECT,
    ECHO_REQUEST,
    ECHO_RESPONSE,
    HTTP_OK,
    IPCP,
    LCP,
    MSCHAPV2_OPTION,
    NONCE,
    Server,
    acknowledge,
    control,
    http_answer,
    ppp,
    status,
)

ABORTED = control(5, status(0, 6))
NAK = control(3, (1, b"\0\2"), status(1, 4))
BARE_ABORT = control(5)
PAP_OPTION, MD5_OPTION = b"\x03\x04\xc0\x23", b"\x03\x05\xc2\x23\x05"
GOODBYE_WITH_PPP, GOODBYE = [1, 4, 6], [1, 6]


def login(server: Server, **options) -> Talk:
    return talk(new_client(**options), server)


# --- how a call goes well ---


def test_a_login_reaches_the_network_phase_and_says_goodbye():
    server = Server()
    done = login(server)
    assert done.events == [
        HttpAnswered(200, "Microsoft-HTTPAPI/2.0"),
        Acknowledged(2, NONCE),
        CallConnectedSent(2),
        NetworkPhaseStarted(),
        AddressAssigned("10.0.0.7"),
    ]
    assert done.verdict is not None
    assert done.verdict.ok
    assert server.messages == GOODBYE_WITH_PPP
    assert server.received[-2] == ppp(LCP, 5, server.received[-2][9])
    assert server.received[-1] == DISCONNECT
    assert done.seconds == 0.0


def test_a_server_that_allows_only_sha1_gets_sha1():
    done = login(Server(acknowledgement=acknowledge(1), hash_protocol=1))
    assert CallConnectedSent(1) in done.events
    assert done.verdict is not None
    assert done.verdict.ok


def test_a_probe_of_sstp_waits_twice_and_leaves_with_call_disconnect():
    server = Server()
    done = talk(new_client(Depth.SSTP), server, Depth.SSTP)
    assert done.flights_at_verdict == 2
    assert done.events == [HttpAnswered(200, "Microsoft-HTTPAPI/2.0"), Acknowledged(2, NONCE)]
    assert server.messages == GOODBYE
    assert done.seconds == 0.0


def test_a_probe_of_http_sends_head_and_nothing_else():
    server = Server(http=http_answer(401))
    done = talk(new_client(Depth.HTTP), server, Depth.HTTP)
    assert done.flights_at_verdict == 1
    assert [request.split(b" ")[0] for request in server.received] == [b"HEAD"]
    assert done.verdict is not None
    assert done.verdict.ok


def test_every_portion_gives_the_same_events():
    variants = [{}, {"eap_only": True}, {"certificate": b"another"}, {"failure": b"E=691"}, {"http": http_answer(503)}, {"network_first": True}]
    for variant in variants:
        whole = login(Server(**variant)).events
        for size in (1, 3, 50):
            assert talk(new_client(), Server(**variant), size=size).events == whole


# --- verdicts ---

LOGINS = {
    "not found": ({"http": http_answer(404)}, Code.NOT_SSTP, Stage.HTTP, 404),
    "not found, IIS": ({"http": http_answer(404, "Microsoft-IIS/10.0")}, Code.NOT_SSTP, Stage.HTTP, 404),
    "stopped": ({"http": http_answer(503)}, Code.SSTP_STOPPED, Stage.HTTP, 503),
    "no ports": ({"http": http_answer(500)}, Code.NO_PORTS, Stage.HTTP, 500),
    "no HTTP": ({"http": b"220 mail.example.com ESMTP\r\n"}, Code.PROTOCOL_ERROR, Stage.HTTP, None),
    "HTTP/1.0": ({"http": b"HTTP/1.0 200 OK\r\n\r\n"}, Code.PROTOCOL_ERROR, Stage.HTTP, None),
    "silent in HTTP": ({"http": b""}, Code.TIMED_OUT, Stage.HTTP, None),
    "silent in SSTP": ({"acknowledgement": bytes(5) + b"\0"}, Code.PROTOCOL_ERROR, Stage.SSTP, None),
    "no SSTP": ({"acknowledgement": b"<html>"}, Code.PROTOCOL_ERROR, Stage.SSTP, None),
    "never acknowledged": ({"acknowledgement": NAK}, Code.ABORTED, Stage.SSTP, None),
    "aborted at once": ({"acknowledgement": ABORTED}, Code.ABORTED, Stage.SSTP, 6),
    "aborted without a reason": ({"acknowledgement": BARE_ABORT}, Code.ABORTED, Stage.SSTP, None),
    "disconnected": ({"acknowledgement": DISCONNECT}, Code.ABORTED, Stage.SSTP, None),
    "unknown message": ({"acknowledgement": control(99)}, Code.PROTOCOL_ERROR, Stage.SSTP, None),
    "echo too early": ({"acknowledgement": ECHO_REQUEST}, Code.PROTOCOL_ERROR, Stage.SSTP, None),
    "no binding request": ({"acknowledgement": control(2)}, Code.PROTOCOL_ERROR, Stage.SSTP, None),
    "short nonce": ({"acknowledgement": acknowledge(2, bytes(31))}, Code.PROTOCOL_ERROR, Stage.SSTP, None),
    "hash protocols": ({"acknowledgement": acknowledge(4)}, Code.HASH_PROTOCOL_NOT_ALLOWED, Stage.SSTP, 4),
    "no hash protocols": ({"acknowledgement": acknowledge(0)}, Code.HASH_PROTOCOL_NOT_ALLOWED, Stage.SSTP, 0),
    "EAP only": ({"eap_only": True}, Code.EAP_ONLY, Stage.LOGIN, None),
    "PAP only": ({"eap_only": True, "authentication": PAP_OPTION}, Code.PROTOCOL_ERROR, Stage.LOGIN, None),
    "CHAP with MD5 only": ({"eap_only": True, "authentication": MD5_OPTION}, Code.PROTOCOL_ERROR, Stage.LOGIN, None),
    "no authentication": ({"authentication": None}, Code.PROTOCOL_ERROR, Stage.LOGIN, None),
    "wrong password": ({"failure": b"E=691 R=1 C=00 V=3 M=x"}, Code.AUTHENTICATION_FAILED, Stage.LOGIN, 691),
    "no permission": ({"failure": b"E=649 R=0 V=3"}, Code.AUTHENTICATION_FAILED, Stage.LOGIN, 649),
    "no reason": ({"failure": b""}, Code.AUTHENTICATION_FAILED, Stage.LOGIN, None),
    "false proof": ({"proof": bytes(20)}, Code.AUTHENTICATION_FAILED, Stage.LOGIN, None),
    "another certificate": ({"certificate": b"another"}, Code.CRYPTO_BINDING_REFUSED, Stage.NETWORK, 4),
    "another certificate, network first": ({"certificate": b"another", "network_first": True}, Code.CRYPTO_BINDING_REFUSED, Stage.NETWORK, 4),
    "SHA-1 refused": ({"acknowledgement": acknowledge(1)}, Code.CRYPTO_BINDING_REFUSED, Stage.NETWORK, 4),
    "network first": ({"network_first": True}, Code.OK, Stage.NETWORK, None),
    "no IP": ({"ipcp": lambda identifier, data: ppp(LCP, 8, 1, b"\x80\x21")}, Code.OK, Stage.NETWORK, None),
    "no address": ({"ipcp": lambda identifier, data: ppp(IPCP, 4, identifier, data)}, Code.OK, Stage.NETWORK, None),
    "nothing after the binding": ({"ipcp": lambda identifier, data: b""}, Code.TIMED_OUT, Stage.NETWORK, None),
    "terminated after the binding": ({"ipcp": lambda identifier, data: ppp(LCP, 5, 1)}, Code.ABORTED, Stage.NETWORK, None),
}


@pytest.mark.parametrize(("variant", "code", "stage", "detail"), LOGINS.values(), ids=LOGINS)
def test_each_fault_has_its_verdict(variant, code, stage, detail):
    done = login(Server(**variant))
    assert done.verdict is not None
    assert (done.verdict.code, done.verdict.stage, done.verdict.detail) == (code, stage, detail)
    assert done.verdict.sentence.endswith(".")


@pytest.mark.parametrize(("answer", "code"), [(401, Code.OK), (200, Code.NOT_SSTP), (404, Code.NOT_SSTP), (503, Code.SSTP_STOPPED), (302, Code.NOT_SSTP)])
def test_what_head_says(answer, code):
    done = talk(new_client(Depth.HTTP), Server(http=http_answer(answer)), Depth.HTTP)
    assert done.verdict is not None
    assert done.verdict.code is code


@pytest.mark.parametrize(("flight", "stage"), [(0, Stage.HTTP), (1, Stage.SSTP), (2, Stage.LOGIN), (3, Stage.LOGIN), (6, Stage.NETWORK)])
def test_a_server_that_hangs_up(flight, stage):
    done = talk(new_client(), Server(), hang_up_at=flight)
    assert done.events[-1] == Closed(stage)
    assert done.verdict is not None
    assert (done.verdict.code, done.verdict.stage) == (Code.CLOSED, stage)


def test_a_wrong_password_is_tried_once():
    server = Server()
    done = login(server, password="wrong")
    assert AuthenticationFailed(691) in done.events
    assert sum(one[6:8] == b"\xc2\x23" for one in server.received) == 1
    assert server.messages == GOODBYE


def test_a_server_without_proof_gets_no_binding():
    server = Server(proof=bytes(20))
    assert ServerNotAuthentic() in login(server).events
    assert server.messages == GOODBYE


def test_the_servers_own_network_frames_prove_nothing():
    """MS-SSTP 3.3.7.1 lets a server send them before it has checked the binding."""
    client, server = new_client(), Server(network_first=True, certificate=b"another")
    done = talk(client, server)
    assert NetworkPhaseStarted() not in done.events
    assert Aborted(3, 4) in done.events


def test_a_late_refusal_of_the_binding_counts():
    done = login(Server(ipcp=lambda identifier, data: ppp(IPCP, 2, identifier, data) + BINDING_REFUSED))
    assert NetworkPhaseStarted() in done.events
    assert done.verdict is not None
    assert done.verdict.code is Code.CRYPTO_BINDING_REFUSED


def test_an_abort_after_the_binding_is_believed_even_without_a_reason():
    """A server may let the network phase begin while it waits for the key: what began proves nothing then."""
    done = login(Server(ipcp=lambda identifier, data: ppp(IPCP, 2, identifier, data) + BARE_ABORT))
    assert NetworkPhaseStarted() in done.events
    assert done.verdict is not None
    assert done.verdict.code is Code.ABORTED


def test_an_abort_before_the_binding_is_no_refusal_of_it():
    done = login(Server(acknowledgement=BINDING_REFUSED))
    assert done.verdict is not None
    assert done.verdict.code is Code.ABORTED


# --- goodbyes and timers ---


def test_an_abort_is_answered_and_the_connection_closed_after_a_second():
    server = Server(certificate=b"another")
    done = login(server)
    assert server.messages[-1] == 5
    assert server.received[-1] == ABORT
    assert done.seconds == client_module.ABORT_TIMER_2 == 1.0


def test_a_server_that_does_not_acknowledge_the_goodbye():
    class Silent(Server):
        def _control(self, one: bytes) -> bytes:
            return b"" if one[5] == 6 else super()._control(one)

    assert login(Silent(terminate_acknowledged=False)).seconds == 3.0 + 5.0
    assert login(Silent()).seconds == 5.0


def test_naks_are_answered_with_three_more_requests_and_an_abort():
    server = Server(acknowledgement=NAK)
    login(server)
    assert server.messages == [1, 1, 1, 1, 5]
    assert server.received[-1] == control(5, status(0, 6))


@pytest.mark.parametrize(
    ("variant", "seconds", "event"),
    [
        ({"http": b""}, 60.0, TimedOut(Stage.HTTP)),
        ({"acknowledgement": ppp(LCP, 1, 0)}, 60.0 + 1.0, TimedOut(Stage.SSTP)),
        ({"ipcp": lambda identifier, data: b""}, 60.0, TimedOut(Stage.NETWORK)),
    ],
)
def test_each_stage_ends_after_the_negotiation_timer(variant, seconds, event):
    done = login(Server(**variant))
    assert event in done.events
    assert done.seconds == seconds


def test_a_server_that_falls_silent_in_the_login_is_aborted():
    class Silent(Server):
        def _chap(self, code: int, identifier: int, data: bytes) -> bytes:
            return b""

    server = Silent()
    done = login(server)
    assert done.events[-1] == TimedOut(Stage.LOGIN)
    assert server.received[-1] == control(5, status(0, 8))
    assert done.seconds == 60.0 + 1.0


def test_a_caller_can_be_less_patient():
    assert login(Server(http=b""), stage_timeout=2.0).seconds == 2.0
    assert login(Server(http=b""), stage_timeout=600.0).seconds == 60.0
    assert login(Server(http=b""), deadline=1.5).seconds == 1.5


def test_an_address_is_not_waited_for_longer_than_5_seconds():
    done = login(Server(ipcp=lambda identifier, data: ppp(IPCP, 3, identifier, b"\x03\x06" + ADDRESS) if data[2:] != ADDRESS else b""))
    assert done.verdict is not None
    assert done.verdict.ok
    assert done.seconds == 5.0


def connected() -> tuple[client_module.Client, list[bytes]]:
    """A client in Call_Connected, and what it has sent."""
    client, server = new_client(), Server(ipcp=lambda identifier, data: b"")
    client.start(0.0)
    for _ in range(7):
        client.receive(server.receive(client.data_to_send()), 0.0)
    assert client.stage is Stage.NETWORK
    client.data_to_send()
    return client, server.received


def test_echoes_are_answered_when_connected():
    client, _ = connected()
    assert client.receive(ECHO_REQUEST * 2 + ECHO_RESPONSE, 1.0) == []
    assert client.data_to_send() == ECHO_RESPONSE * 2


def test_echoes_of_lcp_are_answered_with_the_own_magic():
    client, received = connected()
    magic = received[2][-4:]
    client.receive(ppp(LCP, 9, 7, b"\x11\x22\x33\x44data"), 1.0)
    assert client.data_to_send() == ppp(LCP, 10, 7, magic + b"data")


@pytest.mark.parametrize("protocol", [0x80FD, 0x8057, 0xC029, 0xC227])
def test_other_protocols_are_rejected(protocol):
    client, _ = connected()
    client.receive(ppp(protocol, 1, 4, b"\x12\x06\x01\x00\x00\x01"), 1.0)
    sent = client.data_to_send()
    assert sent[6:9] == b"\xc0\x21\x08"
    assert sent[12:] == protocol.to_bytes(2, "big") + b"\x01\x04\x00\x0a\x12\x06\x01\x00\x00\x01"


def test_data_of_the_network_is_ignored():
    client, _ = connected()
    assert client.receive(ppp(0x0021, 0x45, 0, bytes(40)), 1.0) == []
    assert client.data_to_send() == b""


@pytest.mark.parametrize("message", [control(1), control(2), control(3), control(4), control(7), control(0), control(500)])
def test_messages_out_of_place_are_answered_with_an_abort(message):
    client, _ = connected()
    client.receive(message, 1.0)
    assert client.data_to_send() == control(5, status(0, 5))
    assert client.deadline == 1.0 + client_module.ABORT_TIMER_1
    # What comes now but an abort is ignored; the server's abort leads from the first timer to the second.
    assert client.receive(ECHO_REQUEST + DISCONNECT + acknowledge(), 1.5) == []
    assert client.receive(ABORT + ABORT, 2.0) == []
    assert client.data_to_send() == b""
    assert client.deadline == 2.0 + client_module.ABORT_TIMER_2
    client.time_passes(3.0)
    assert client.finished


def test_a_server_that_disconnects_is_acknowledged():
    client, _ = connected()
    assert client.receive(DISCONNECT + DISCONNECT + ECHO_REQUEST, 1.0) == [Disconnected()]
    assert client.data_to_send() == control(7)
    assert client.deadline == 1.0 + client_module.DISCONNECT_TIMER_2
    assert client.connection_closed() == []
    assert client.finished


def test_a_server_that_terminates_ppp_is_agreed_with():
    client, _ = connected()
    assert client.receive(ppp(LCP, 5, 33), 1.0) == [LinkTerminated()]
    assert client.data_to_send() == ppp(LCP, 6, 33) + DISCONNECT
    assert client.receive(ABORT, 1.0) == [Aborted(0, 0)]
    assert client.data_to_send() == ABORT


def test_after_the_end_nothing_happens():
    client = new_client()
    client.start(0.0)
    client.connection_closed()
    assert client.receive(HTTP_OK + acknowledge(), 1.0) == []
    assert client.time_passes(1000.0) == []
    assert client.data_to_send().startswith(b"SSTP_DUPLEX_POST")
    assert client.stage is Stage.GOODBYE


# --- the link ---


def in_login() -> client_module.Client:
    client = new_client()
    client.start(0.0)
    client.data_to_send()
    client.receive(HTTP_OK + acknowledge(), 0.0)
    client.data_to_send()
    return client


def test_the_first_request_of_a_windows_server_is_answered_in_three_steps():
    client = in_login()
    unwanted = b"\x07\x02\x08\x02\x0d\x03\x06\x11\x04\x06\x4e\x13\x09\x03\x00\x15\x5d\x01\x02\x03"
    good, magic = b"\x01\x04\x0f\xfb", b"\x05\x06\x11\x22\x33\x44"
    client.receive(ppp(LCP, 1, 0, good + b"\x03\x04\xc2\x27" + magic + unwanted), 0.0)
    assert client.data_to_send() == ppp(LCP, 4, 0, unwanted)
    client.receive(ppp(LCP, 1, 1, good + b"\x03\x04\xc2\x27" + magic), 0.0)
    assert client.data_to_send() == ppp(LCP, 3, 1, MSCHAPV2_OPTION)
    client.receive(ppp(LCP, 1, 2, good + MSCHAPV2_OPTION + magic), 0.0)
    assert client.data_to_send() == ppp(LCP, 2, 2, good + MSCHAPV2_OPTION + magic)


def test_the_own_request_follows_the_servers_wishes():
    client = new_client()
    client.start(0.0)
    client.data_to_send()
    client.receive(HTTP_OK + acknowledge(), 0.0)
    first = client.data_to_send()
    request = first[len(control(1, (1, b"\0\1"))) :] if first.startswith(control(1, (1, b"\0\1"))) else first
    assert request[4:18] == bytes.fromhex("ff03 c021 01 00 000e 0104 05dc 0506")
    client.receive(ppp(LCP, 3, 0, b"\x01\x04\x05\x78"), 0.0)
    second = client.data_to_send()
    assert second[8:16] == bytes.fromhex("01 01 000e 0104 0578")
    client.receive(ppp(LCP, 4, 1, second[16:22]), 0.0)
    assert client.data_to_send() == ppp(LCP, 1, 2, b"\x01\x04\x05\x78")


def test_requests_that_get_no_answer_are_repeated_every_3_seconds():
    client = in_login()
    client.time_passes(2.9)
    assert client.data_to_send() == b""
    assert client.deadline == 3.0
    client.time_passes(3.0)
    assert client.data_to_send()[6:10] == b"\xc0\x21\x01\x00"
    assert client.deadline == 6.0


def test_answers_to_no_request_are_discarded():
    client = in_login()
    for code in (3, 4, 2):
        client.receive(ppp(LCP, code, 200, b"\x01\x04\x05\x78"), 0.0)
    client.receive(ppp(LCP, 1, 1, b"\x01\x01"), 0.0)
    client.receive(ppp(CHAP, 1, 1, bytes(17) + b"x"), 0.0)
    assert client.data_to_send() == b""


def test_a_second_challenge_gets_no_second_response():
    server = Server()
    client = new_client()
    client.start(0.0)
    for _ in range(5):
        answer = server.receive(client.data_to_send())
        client.receive(answer, 0.0)
    response = client.data_to_send()
    assert response[6:9] == b"\xc2\x23\x02"
    client.receive(answer, 0.0)
    assert client.data_to_send() == response
    client.receive(ppp(CHAP, 1, 1, bytes([16]) + bytes(16)), 0.0)
    client.receive(ppp(CHAP, 1, 0, bytes([16]) + bytes(16)), 0.0)
    assert client.data_to_send() == b""


def test_a_server_that_never_agrees_is_given_up():
    client = in_login()
    events = []
    for identifier in range(20):
        events += client.receive(ppp(LCP, 1, identifier, b"\x03\x04\xc2\x27"), 0.0)
    assert [type(event).__name__ for event in events] == ["LinkFailed"]
    assert client.stage is Stage.GOODBYE


def test_the_certificate_itself_is_what_is_bound():
    assert CERTIFICATE not in login(Server()).sent
