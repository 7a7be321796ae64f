# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many servers probed at the same time by one process. PRIVATE to the collection."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterable

from ..errors import SstpError
from .driver import Outcome, Target, probe

# A probe spends nearly all of its time waiting, a dead server's all of it: so there are many more than the machine has cores.
WORKERS = 64
# Each has a connection, and processes may often have no more than 1024 files open.
MOST_WORKERS = 256

# What came of one target; SstpError for one that cannot be meant.
Result = Outcome | SstpError
# Called, by the thread that called probe_all, whenever a target is through.
Ended = Callable[[Target, Result], None]


def probe_all(targets: Iterable[Target], workers: int = WORKERS, ended: Ended = lambda target, result: None) -> list[tuple[Target, Result]]:
    """Probe all targets, so many of them at a time; what came of them in their own order. Raises SstpError only for the number of workers.

    Logins of one user run side by side as well: what locks an account is how many fail, not when, and each server is tried once. An exception
    that passes through here, such as KeyboardInterrupt, ends it at once: no further target is begun, and calls under way end with the process.
    """
    if not 1 <= workers <= MOST_WORKERS:
        raise SstpError(f"The number of workers must lie between 1 and {MOST_WORKERS}, but {workers} does not.")
    numbered = dict(enumerate(targets))
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, Result | BaseException]] = queue.SimpleQueue()
    for number in numbered:
        waiting.put(number)
    for _ in range(min(workers, len(numbered))):
        # The threads of concurrent.futures would be waited for at the end of the process, however it comes about.
        threading.Thread(target=_work, args=(numbered, waiting, done), daemon=True).start()
    try:
        results = _collect(numbered, done, ended)
    finally:
        _empty(waiting)
    return [(target, results[number]) for number, target in numbered.items()]


def _work(targets: dict[int, Target], waiting: queue.SimpleQueue[int], done: queue.SimpleQueue[tuple[int, Result | BaseException]]) -> None:
    with contextlib.suppress(queue.Empty):
        while True:
            number = waiting.get_nowait()
            try:
                done.put((number, probe(targets[number])))
            except BaseException as error:
                done.put((number, error))


def _collect(targets: dict[int, Target], done: queue.SimpleQueue[tuple[int, Result | BaseException]], ended: Ended) -> dict[int, Result]:
    results: dict[int, Result] = {}
    while len(results) < len(targets):
        number, result = done.get()
        if not isinstance(result, Outcome | SstpError):
            raise result
        results[number] = result
        ended(targets[number], result)
    return results


def _empty(waiting: queue.SimpleQueue[int]) -> None:
    with contextlib.suppress(queue.Empty):
        while True:
            waiting.get_nowait()
