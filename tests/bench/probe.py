# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe at depth sstp: against a bare TLS client, and one server against many."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import ssl
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import bare
from bench.figures import Figure, Report, ratios
from bench.helpers import Helper, helper
from bench.product import WORKERS, Outcome, Target, probe, probe_all

# The targets: of a probe to its verdict over a bare client, and of many servers over one.
LIMIT_OVER_BARE, LIMIT_OVER_ONE = 1.3, 10.0
_WARM_UP = 3

_HOW = [
    "`make bench` measures it anew. The servers are the lab's simulated hosts, each with a certificate (RSA, 2048 bits) and a port of its own, all in "
    "one other process; the delay comes from a relay in a third process. All three share this machine's cores, so the time for many servers "
    "has the servers' own work in it.",
    "The bare client is Python's `ssl` with one context for all calls, which verifies the certificate in the handshake; then SSTP's request in HTTP, and "
    "CALL_CONNECT_REQUEST. Its clock stops at CALL_CONNECT_ACK; it says no goodbye. A probe comes to its verdict at the same point; by then it has judged "
    "name, dates and chain of the certificate as well. It goes on with CALL_DISCONNECT and waits for the answer, one round trip more, as MS-SSTP demands.",
    "Bare client and probe take turns, as do one server and all servers; a ratio is that of two neighbours. Opening a TCP connection to the relay takes no "
    "round trip, so a handshake of TLS 1.3 counts as one. CPU and memory are those of the probing process alone, "
    "but where it says the lab's.",
    "Without delay all that is left is CPU. Most of a probe's is OpenSSL's: the handshake, and once more the certificates, which are judged after a handshake "
    "that takes any, for one that verifies would stop at the first fault and show nothing. The handshakes with many servers alone take more CPU than ten "
    "calls to one server take time, whoever makes them (compare the CPU of a bare call), so that target is one for lines with a delay.",
]


class FailedError(Exception):
    """What was measured did not work."""


@dataclass(frozen=True)
class Size:
    """pairs: of a bare call and a probe. rounds: of one server and all. servers: all. delay: seconds of a round trip through the relay."""

    pairs: int
    rounds: int
    servers: int
    delay: float


def run(size: Size) -> Report:
    """Measure; raises FailedError where a call did not end as it has to."""
    load = round(os.getloadavg()[0], 1)
    with tempfile.TemporaryDirectory() as folder:
        ca_file = Path(folder) / "ca.pem"
        with helper("farm", size.servers, ca_file) as farm, contextlib.ExitStack() as stack:
            served = [(name, port) for name, port in farm.answer()]
            relay = stack.enter_context(helper("relay", size.delay, *(port for _, port in served)))
            delayed = [(name, port) for (name, _), port in zip(served, relay.answer(), strict=True)]
            lines = {0.0: served, size.delay: delayed}
            figures = [figure for delay, line in lines.items() for figure in _pairs(line[0], str(ca_file), size.pairs, delay)]
            figures += _round_trips(farm, 2 * (2 * size.pairs + 2 * _WARM_UP))
            figures += [figure for delay, line in lines.items() for figure in _many(farm, line, str(ca_file), size.rounds, delay)]
    machine: dict[str, object] = {
        "cores": os.cpu_count(),
        "busy with other things, in cores": load,
        "Python": platform.python_version(),
        "OpenSSL": ssl.OPENSSL_VERSION.split()[1],
    }
    settings: dict[str, object] = {"pairs": size.pairs, "rounds": size.rounds, "servers": size.servers, "workers": WORKERS}
    return Report("probe", "Benchmark of the probe at depth sstp", machine, settings, figures, _HOW)


def _target(name: str, port: int, ca_file: str) -> Target:
    return Target(name, port, address="127.0.0.1", ca_file=ca_file)


@dataclass(frozen=True)
class _Pair:
    """Seconds of a bare call and of a probe next to it: to the end of the one and the verdict of the other, the goodbye, and of the processor."""

    bare: bare.Taken
    bare_processor: float
    verdict: float
    whole: float
    processor: float


def _pair(context: ssl.SSLContext, target: Target) -> _Pair:
    at_first = time.process_time()
    taken = bare.call(context, target.host, target.port)
    between, begun = time.process_time(), time.perf_counter()
    outcome = probe(target)
    whole, at_last = time.perf_counter() - begun, time.process_time()
    _expect_well([outcome])
    return _Pair(taken, between - at_first, whole - outcome.seconds["goodbye"], whole, at_last - between)


def _expect_well(outcomes: Sequence[Outcome | Exception]) -> None:
    bad = [outcome for outcome in outcomes if isinstance(outcome, Exception) or not outcome.verdict.ok]
    if bad:
        raise FailedError(f"{len(bad)} of {len(outcomes)} probes did not end well, the first of them so: {bad[0]}")


def _pairs(server: tuple[str, int], ca_file: str, count: int, delay: float) -> Iterator[Figure]:
    name, port = server
    context, target = ssl.create_default_context(cafile=ca_file), _target(name, port, ca_file)
    pairs = [_pair(context, target) for _ in range(count + _WARM_UP)][_WARM_UP:]
    bares, verdicts, wholes = [pair.bare.whole for pair in pairs], [pair.verdict for pair in pairs], [pair.whole for pair in pairs]
    at, suffix = _at(delay), f"_{delay * 1000:g}ms"
    yield Figure(f"round_trip{suffix}", f"one round trip, {at}", "ms", _ms([pair.bare.round_trips / 2 for pair in pairs]))
    yield Figure(f"bare{suffix}", f"bare TLS and two round trips, {at}", "ms", _ms(bares))
    yield Figure(f"probe{suffix}", f"probe to its verdict, {at}", "ms", _ms(verdicts))
    yield Figure(f"probe_goodbye{suffix}", f"probe with its goodbye, {at}", "ms", _ms(wholes))
    yield Figure(f"probe_over_bare{suffix}", f"probe to its verdict / bare, {at}", "x", ratios(verdicts, bares), LIMIT_OVER_BARE)
    yield Figure(f"probe_goodbye_over_bare{suffix}", f"probe with its goodbye / bare, {at}", "x", ratios(wholes, bares))
    yield Figure(f"bare_cpu{suffix}", f"CPU of a bare call, {at}", "ms", _ms([pair.bare_processor for pair in pairs]))
    yield Figure(f"probe_cpu{suffix}", f"CPU of a probe, {at}", "ms", _ms([pair.processor for pair in pairs]))


def _ms(seconds: Sequence[float]) -> list[float]:
    return [one * 1000 for one in seconds]


def _at(delay: float) -> str:
    return f"round trip {delay * 1000:g} ms" if delay else "no delay"


def _round_trips(farm: Helper, count: int) -> Iterator[Figure]:
    """As the server counts them: answers after the handshake and before the leave-taking."""
    calls = farm.ask(count)
    for left, what in (("dropped", "bare client"), ("CALL_DISCONNECT", "probe")):
        counted = [call["round_trips"] for call in calls if call["left"] == left]
        if not counted:
            raise FailedError(f"The server has seen no call that ended as one of the {what} does: {calls[:4]}")
        yield Figure(f"round_trips_{what.split()[0]}", f"round trips after TLS, {what}", "", counted, 2.0)


def _many(farm: Helper, servers: Sequence[tuple[str, int]], ca_file: str, rounds: int, delay: float) -> Iterator[Figure]:
    targets = [_target(name, port, ca_file) for name, port in servers]
    _run_all(targets)
    before = farm.ask(0)
    taken = [(_run_all(targets[:1]), _run_all(targets)) for _ in range(rounds)]
    ones, alls, processor = [one for (one, _), _ in taken], [wall for _, (wall, _) in taken], [seconds for _, (_, seconds) in taken]
    of_servers = (farm.ask(0) - before) / (rounds * (len(targets) + 1))
    at, suffix, many = _at(delay), f"_{delay * 1000:g}ms", f"{len(targets)} servers"
    yield Figure(f"one{suffix}", f"one server, {at}", "ms", _ms(ones))
    yield Figure(f"many{suffix}", f"{many}, {at}", "ms", _ms(alls))
    yield Figure(f"many_over_one{suffix}", f"{many} / one, {at}", "x", ratios(alls, ones), LIMIT_OVER_ONE)
    yield Figure(f"many_cpu{suffix}", f"CPU for each of {many}, {at}", "ms", _ms([seconds / len(targets) for seconds in processor]))
    yield Figure(f"servers_cpu{suffix}", f"CPU of the lab for each of them, {at}", "ms", _ms([of_servers]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    yield Figure(f"peak_memory{suffix}", f"peak memory by then, {at}", "MiB", [peak])


def _run_all(targets: Sequence[Target]) -> tuple[float, float]:
    """Seconds on the clock, and of the processor in this process."""
    processor, begun = time.process_time(), time.perf_counter()
    results = probe_all(targets)
    wall, used = time.perf_counter() - begun, time.process_time() - processor
    _expect_well([result for _, result in results])
    return wall, used
