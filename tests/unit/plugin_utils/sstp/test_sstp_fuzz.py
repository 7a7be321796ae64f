# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that send rubbish: nothing hangs, raises or grows without bound.

The five properties share SSTP_FUZZ_EXAMPLES inputs, all of them different from what a correct server says. `make fuzz` is the long run.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable

import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.client import Client, Depth
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.codec import FramingError, Reader
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.http import LONGEST_HEAD, HttpError, ResponseReader
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.verdict import judge
from conversation import new_client
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scripted_server import BINDING_REFUSED, CHAP, DISCONNECT, EAP, ECHO_REQUEST, HTTP_OK, IPCP, LCP, MSCHAPV2_OPTION, Server, acknowledge, control, packet, ppp

pytestmark = pytest.mark.usefixtures("_same_random_bytes")
EXAMPLES = -(-int(os.environ.get("SSTP_FUZZ_EXAMPLES", "3000")) // 5)
# How many inputs each property has met, for conftest.py to check and to tell.
TRIED: Counter[str] = Counter()
# Seconds. An input takes milliseconds; what takes so long does not come to an end.
HANGS = 30
# Bytes that a client may keep of all that it was sent, but for the head of an answer in HTTP.
HELD = 40_000
# Bytes that come at once.
PORTION = 65536
# A machine may be slow at times: that is no fault of the client, and one that hangs is found by the alarm.
fuzzed = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def bounded(check: Callable[..., None]) -> Callable[..., None]:
    """Counts the inputs, and ends one that hangs."""

    @functools.wraps(check)
    def run(*arguments, **options):
        def hang(*_):
            raise AssertionError(f"An input was worked on for {HANGS} s.")

        before = signal.signal(signal.SIGALRM, hang)
        signal.alarm(HANGS)
        try:
            check(*arguments, **options)
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)
        TRIED[check.__name__] += 1

    return run


def weight(thing: object) -> int:
    """Bytes of memory that a client, or anything else without cycles, holds."""
    size = sys.getsizeof(thing)
    if isinstance(thing, dict):
        return size + sum(weight(key) + weight(value) for key, value in thing.items())
    if isinstance(thing, (list, tuple, set, frozenset)):
        return size + sum(map(weight, thing))
    return size + sum(map(weight, vars(thing).values())) if type(thing).__module__.startswith("ansible_collections") and hasattr(thing, "__dict__") else size


# --- what is sent ---


@st.composite
def mutations(draw: st.DrawFn, parts: list[bytes]) -> list[bytes]:
    """The parts with a few of them changed in place, cut, lengthened, left out, doubled or swapped."""
    mutated = list(parts)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(mutated) - 1))
        part = mutated[at]
        kind = draw(st.integers(0, 5))
        if kind == 0 and part:
            byte = draw(st.integers(0, len(part) - 1))
            mutated[at] = part[:byte] + bytes([part[byte] ^ draw(st.integers(1, 255))]) + part[byte + 1 :]
        elif kind == 1:
            mutated[at] = part[: draw(st.integers(0, len(part)))]
        elif kind == 2:
            mutated[at] = part + draw(st.binary(min_size=1, max_size=64))
        elif kind == 3:
            mutated[at] = b""
        elif kind == 4:
            mutated.insert(at, part)
        else:
            other = draw(st.integers(0, len(mutated) - 1))
            mutated[at], mutated[other] = mutated[other], part
    assume(b"".join(mutated) != b"".join(parts))
    return mutated


@pytest.fixture(scope="module")
def _recorded(_same_random_bytes: None) -> None:
    """What a correct server says in a login, flight by flight; to the same client it fits every time."""
    client, server = new_client(correlation_id="{0}"), Server()
    client.start(0.0)
    for _ in range(12):
        data = client.data_to_send()
        RECORDED.append(server.receive(data) if data else b"")
        client.receive(RECORDED[-1], 0.0)
    assert client.finished


RECORDED: list[bytes] = []
OPTIONS = st.lists(
    st.sampled_from([b"\x01\x04\x05\xdc", MSCHAPV2_OPTION, b"\x03\x04\xc2\x27", b"\x05\x06abcd", b"\x03\x06\x0a\0\0\1", b"\x08\x02", b"\x01\x00"]), max_size=4
).map(b"".join)
FRAMES = st.builds(
    ppp,
    st.sampled_from([LCP, LCP, CHAP, IPCP, EAP, 0x8057, 0x0021]),
    st.integers(0, 12),
    st.integers(0, 3),
    st.one_of(OPTIONS, st.binary(max_size=40), st.just(bytes([16]) * 24), st.just(b"S=" + b"0" * 40)),
)
MESSAGES = st.one_of(
    FRAMES,
    st.builds(packet, st.binary(max_size=60), st.booleans()),
    st.builds(control, st.integers(0, 10), st.tuples(st.integers(0, 5), st.binary(max_size=44))),
    st.builds(acknowledge, st.integers(0, 255)),
    st.sampled_from([BINDING_REFUSED, DISCONNECT, ECHO_REQUEST]),
    st.binary(max_size=20),
)


class Listener:
    """Gives a client what comes, and holds it to its promises after every step."""

    def __init__(self, depth: Depth) -> None:
        self.client: Client = new_client(depth, correlation_id="{0}")
        self.depth = depth
        self.now = 0.0
        self.received = 0
        self.sent = 0
        self.events: list[object] = []
        self.client.start(self.now)
        self._look()

    def hear(self, data: bytes, pause: float = 0.0) -> None:
        self.now += pause
        self.received += len(data)
        if not self.client.finished:
            self.events += self.client.receive(data, self.now)
            self.events += self.client.time_passes(self.now)
            self._look()

    def silence(self) -> None:
        """From here on nothing comes: by its timers alone the client has to come to an end, and to a verdict."""
        assert weight(self.client) <= HELD + LONGEST_HEAD
        for _ in range(60):
            if self.client.finished:
                break
            assert self.client.deadline <= self.now + 60.0
            self.now = max(self.now, self.client.deadline)
            self.events += self.client.time_passes(self.now)
            self._look()
        assert self.client.finished
        assert judge(self.events, self.depth) is not None
        assert len(self.events) <= 12
        assert weight(self.client) <= HELD + LONGEST_HEAD

    def _look(self) -> None:
        self.sent += len(self.client.data_to_send())
        # No answer is much longer than its question, and what is sent unasked is little.
        assert self.sent <= 2000 + 4 * self.received
        assert len(self.client._packets._rest) < 4096
        assert len(self.client._response._buffer) <= LONGEST_HEAD + 70000


# --- properties ---


@fuzzed
@given(st.data(), st.sampled_from([Depth.SSTP, Depth.LOGIN]), st.integers(1, 400), st.sampled_from([0.0, 0.5, 7.0]))
@pytest.mark.usefixtures("_recorded")
@bounded
def test_a_server_whose_words_are_mutated(data, depth, size, pause):
    listener = Listener(depth)
    said = b"".join(data.draw(mutations(RECORDED)))
    for start in range(0, len(said), size):
        listener.hear(said[start : start + size], pause)
    listener.silence()


@fuzzed
@given(st.lists(st.tuples(MESSAGES, st.sampled_from([0.0, 1.0, 30.0])), min_size=1, max_size=25), st.sampled_from([Depth.SSTP, Depth.LOGIN]))
@bounded
def test_a_server_that_says_anything_in_any_order(messages, depth):
    listener = Listener(depth)
    listener.hear(HTTP_OK + acknowledge())
    for message, pause in messages:
        listener.hear(message, pause)
    listener.silence()


@fuzzed
@given(st.lists(FRAMES, min_size=1, max_size=25), st.integers(2, 6))
@pytest.mark.usefixtures("_recorded")
@bounded
def test_a_link_that_goes_astray_at_any_point(frames, good):
    listener = Listener(Depth.LOGIN)
    for part in RECORDED[:good]:
        listener.hear(part)
    listener.hear(b"".join(frames))
    listener.silence()


@fuzzed
@given(st.data(), st.lists(st.integers(20, 3000), min_size=1, max_size=3))
@bounded
def test_answers_in_http(data, sizes):
    lines = data.draw(mutations([b"HTTP/1.1 ", b"200", b" ", b"OK", b"\r\n", b"Server: x", b"\r\n", b"A" * 20000, b"\r\n", b"\r\n"]))
    said = b"".join(lines)
    reader, start = ResponseReader(), 0
    for turn in range(len(said)):
        part = said[start : start + sizes[turn % len(sizes)]]
        start += len(part)
        try:
            response = reader.feed(part)
        except HttpError:
            return
        assert len(reader._buffer) <= LONGEST_HEAD + 3000
        if response or start >= len(said):
            assert response is None or 0 <= response.status <= 999
            return


@fuzzed
@given(st.lists(st.one_of(st.binary(max_size=50), MESSAGES), min_size=1, max_size=20))
@bounded
def test_streams_of_packets(parts):
    reader, taken = Reader(), 0
    try:
        for part in parts:
            taken += sum(1 for _ in reader.feed(part))
            assert len(reader._rest) < 4096
    except FramingError:
        pass
    assert taken <= sum(map(len, parts)) // 4


TALK = {
    "echo": ECHO_REQUEST,
    "configure": ppp(LCP, 1, 1, MSCHAPV2_OPTION),
    "address": ppp(IPCP, 1, 1, b"\x03\x06\x0a\0\0\1"),
    "unknown protocol": ppp(0x8057, 1, 1, b"x" * 1000),
    "nothing that counts": ppp(0x0021, 9, 9, b"x" * 3000),
    "many attributes": control(9, *[(7, b"")] * 900),
    "half a packet": packet(b"x" * 4000, False)[:-1],
}


@pytest.mark.parametrize("good", [1, 3, 7])
@pytest.mark.parametrize("what", TALK)
@pytest.mark.usefixtures("_recorded")
def test_a_server_that_never_stops_talking(what, good):
    """However much comes, at any point of a call, the client holds no more than before, and works on no more than one portion."""
    listener = Listener(Depth.LOGIN)
    for part in RECORDED[:good]:
        listener.hear(part)
    portion = TALK[what] * (PORTION // len(TALK[what]))
    tracemalloc.start()
    try:
        listener.hear(portion)
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(2):
            listener.hear(portion)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < PORTION // 4
    assert peak < 4 * PORTION
    listener.silence()
