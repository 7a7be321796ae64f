# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client and a scripted server that talk in memory, by a clock that jumps to the client's next deadline when all is quiet."""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.client import Call, Client, Depth
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.events import Event
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.mschapv2 import Credentials
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.verdict import Verdict, judge
from scripted_server import CERTIFICATE, PASSWORD, USER, Server


def new_client(depth: Depth = Depth.LOGIN, password: str = PASSWORD, **options) -> Client:
    return Client(Call("vpn.example.com", 443, depth, CERTIFICATE, Credentials(USER, password), **options))


@dataclass
class Talk:
    """What came of it. flights: how often the client waited for the server and got something. sent: the client's bytes."""

    events: list[Event] = field(default_factory=list)
    flights: int = 0
    flights_at_verdict: int | None = None
    seconds: float = 0.0
    sent: bytes = b""
    verdict: Verdict | None = None


def talk(client: Client, server: Server, depth: Depth = Depth.LOGIN, size: int = 1 << 20, hang_up_at: int | None = None) -> Talk:
    """Until the client has finished. size: how many bytes of the server come at once. hang_up_at: the flight in which the server closes."""
    done = Talk()
    client.start(0.0)
    while not client.finished:
        data = client.data_to_send()
        done.sent += data
        answer = server.receive(data) if data else b""
        if hang_up_at is not None and done.flights == hang_up_at:
            done.events += client.connection_closed()
        elif answer:
            done.flights += 1
            for start in range(0, len(answer), size):
                done.events += client.receive(answer[start : start + size], done.seconds)
        else:
            done.seconds = client.deadline
            done.events += client.time_passes(done.seconds)
        if done.flights_at_verdict is None and judge(done.events, depth):
            done.flights_at_verdict = done.flights
    done.sent += (last := client.data_to_send())
    server.receive(last)
    done.verdict = judge(done.events, depth)
    return done
