# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers, in a process of their own: `python -m bench.farm COUNT CA_FILE`.

It writes the root to CA_FILE and prints, as JSON, a list of [name, port], one for each simulated host. For every number on its standard input it
prints so many calls of the first host, each as {"left": ..., "round_trips": ...}; for 0 the seconds of CPU that it has used. It ends with its
standard input.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lab.pki import Authority
from lab.sim.host import SimHost
from lab.sstp_server.listener import Listener


def main(arguments: Sequence[str]) -> None:
    """Serve until the standard input ends."""
    authority = Authority()
    Path(arguments[1]).write_bytes(authority.root_pem)
    with contextlib.ExitStack() as stack:
        served = [_serve(stack, authority, f"vpn{number:03}.example.com") for number in range(int(arguments[0]))]
        print(json.dumps([[name, listener.port] for name, listener in served]), flush=True)
        for line in sys.stdin:
            print(json.dumps(_calls(served[0][1], int(line)) if int(line) else time.process_time()), flush=True)


def _calls(listener: Listener, count: int) -> list[dict[str, object]]:
    return [{"left": call.left, "round_trips": call.round_trips} for call in listener.await_calls(count)]


def _serve(stack: contextlib.ExitStack, authority: Authority, name: str) -> tuple[str, Listener]:
    host = stack.enter_context(SimHost(name))
    host.install(authority.issue([name]))
    return name, host.listen()


if __name__ == "__main__":
    main(sys.argv[1:])
