# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server at each of its addresses, as a client of either family meets it. PRIVATE to the collection."""

from __future__ import annotations

import socket
import time
from dataclasses import replace

from .client import Depth
from .driver import Outcome, Target, probe
from .events import Stage
from .verdict import Code

_AGAIN_SECONDS = 0.5
# What a server that has just been started may answer for a while. None of it comes after the begin of a login.
_STARTING = frozenset({Code.REFUSED, Code.RESET_IN_TLS, Code.CLOSED, Code.NOT_SSTP, Code.SSTP_STOPPED})
_BEFORE_A_CALL = frozenset({Stage.CONNECT, Stage.TLS, Stage.HTTP})
_WITH_A_LOGIN = frozenset({Stage.LOGIN, Stage.NETWORK})


def probe_each(target: Target, settle: float = 0.0) -> tuple[tuple[Target, Outcome], ...]:
    """Probe each IPv4 and IPv6 address of the target in turn; through a proxy, which finds the address itself, only the target.

    A login is tried at the first address that gets so far, and nowhere else. settle: seconds for a server that has just been started, together for all.
    Raises SstpError as probe does.
    """
    until = time.monotonic() + settle
    results: list[tuple[Target, Outcome]] = []
    for address in _addresses(target):
        one = replace(target, address=address, depth=Depth.SSTP if any(map(_tried_a_login, results)) else target.depth)
        results.append((one, _when_started(one, until)))
    return tuple(results)


def probe_settled(target: Target, settle: float) -> Outcome:
    """Probe the target, again for so many seconds while it answers as one that is still starting. What has begun a login is not repeated."""
    return _when_started(target, time.monotonic() + settle)


def _when_started(target: Target, until: float) -> Outcome:
    while True:
        outcome = probe(target)
        starting = outcome.verdict.code in _STARTING and outcome.verdict.stage in _BEFORE_A_CALL
        if not starting or time.monotonic() >= until:
            return outcome
        time.sleep(_AGAIN_SECONDS)


def _addresses(target: Target) -> tuple[str | None, ...]:
    """One that cannot be found is left to the probe, which says so."""
    if target.proxy:
        return (target.address,)
    try:
        found = socket.getaddrinfo(target.address or target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return (target.address,)
    return tuple(dict.fromkeys(str(item[4][0]) for item in found))


def _tried_a_login(result: tuple[Target, Outcome]) -> bool:
    target, outcome = result
    return target.depth is Depth.LOGIN and (outcome.verdict.ok or outcome.verdict.stage in _WITH_A_LOGIN)
