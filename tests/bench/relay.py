# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A relay on the loopback that holds back what it carries, half of the round trip in either direction: `python -m bench.relay SECONDS PORT ...`.

It listens at a port of its own for each given one, and prints them as a list in JSON. It ends with its standard input. Opening a TCP connection
to it takes no round trip; the ones within the connection are what is measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import sys

_CHUNK = 65536
# asyncio itself does not hold on to the tasks of its servers.
_RUNNING: set[asyncio.Task[None] | None] = set()


async def _carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter, delay: float) -> None:
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError):
        while data := await source.read(_CHUNK):
            loop.call_later(delay, sink.write, data)
    # After the last data, which is on its way as long as that.
    await asyncio.sleep(delay + 0.001)
    with contextlib.suppress(OSError):
        sink.write_eof()


async def _serve(port: int, delay: float, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
    task = asyncio.current_task()
    _RUNNING.add(task)
    with contextlib.suppress(OSError):
        server, to_server = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_carry(client, to_server, delay), _carry(server, to_client, delay))
        to_server.close()
    to_client.close()
    _RUNNING.discard(task)


async def _run(delay: float, ports: list[int]) -> None:
    listening = [await asyncio.start_server(functools.partial(_serve, port, delay / 2), "127.0.0.1", 0) for port in ports]
    print(json.dumps([one.sockets[0].getsockname()[1] for one in listening]), flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_run(float(sys.argv[1]), [int(port) for port in sys.argv[2:]]))
