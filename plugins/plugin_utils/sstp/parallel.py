# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many servers probed at the same time by one process. PRIVATE to the collection."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace

from ..errors import SstpError
from . import mschapv2
from .client import Depth
from .driver import Outcome, Target, probe
from .events import Stage
from .verdict import Code, Verdict

# A probe spends nearly all of its time waiting, a dead server's all of it: so there are many more than the machine has cores.
WORKERS = 64
# Each has a connection, and processes may often have no more than 1024 files open.
MOST_WORKERS = 256

# What came of one target; SstpError for one that cannot be meant.
Result = Outcome | SstpError
# Called, by the thread that called probe_all, whenever a target is through.
Ended = Callable[[Target, Result], None]
EndedNumber = Callable[[int, Result], None]


def probe_all(targets: Iterable[Target], workers: int = WORKERS, ended: Ended = lambda target, result: None) -> list[tuple[Target, Result]]:
    """Probe all targets, so many of them at a time; what came of them in their own order. Raises SstpError only for the number of workers.

    Where an account logs in at several servers, all are probed without a login first; then it logs in at one of those that speak SSTP, and at the others
    only if that one has not refused it. An exception that passes through here, such as KeyboardInterrupt, ends it at once: no further target is begun,
    and calls under way end with the process.
    """
    if not 1 <= workers <= MOST_WORKERS:
        raise SstpError(f"The number of workers must lie between 1 and {MOST_WORKERS}, but {workers} does not.")
    numbered = dict(enumerate(targets))
    accounts = _accounts(numbered)
    shallow = {number: replace(target, depth=Depth.SSTP) if number in accounts else target for number, target in numbered.items()}
    results = _run(shallow, workers, lambda number, result: None if _goes_on(number, result, accounts) else ended(numbered[number], result))
    for account in set(accounts.values()):
        own = {number: numbered[number] for number in accounts if accounts[number] == account and _goes_on(number, results[number], accounts)}
        results |= _log_in(own, results, workers, lambda number, result: ended(numbered[number], result))
    return [(target, results[number]) for number, target in numbered.items()]


def _accounts(targets: dict[int, Target]) -> dict[int, mschapv2.Credentials]:
    """Whose login it is, for the targets of accounts that log in at several."""
    logins = {number: target.credentials for number, target in targets.items() if target.depth is Depth.LOGIN and target.credentials}
    count = Counter(logins.values())
    return {number: account for number, account in logins.items() if count[account] > 1}


def _goes_on(number: int, result: Result, accounts: dict[int, mschapv2.Credentials]) -> bool:
    return number in accounts and isinstance(result, Outcome) and result.verdict.ok


def _log_in(targets: dict[int, Target], looks: dict[int, Result], workers: int, ended: EndedNumber) -> dict[int, Result]:
    """One after the other until the account is known to be good or not, then all others at the same time."""
    results: dict[int, Result] = {}
    for number, target in targets.items():
        results |= _run({number: target}, 1, ended)
        result = results[number]
        if isinstance(result, Outcome) and result.verdict.code is Code.AUTHENTICATION_FAILED:
            return {**{other: _spared(looks[other], target, ended, other) for other in targets if other not in results}, **results}
        if isinstance(result, Outcome) and (result.verdict.ok or result.verdict.stage is Stage.NETWORK):
            break
    return {**results, **_run({number: target for number, target in targets.items() if number not in results}, workers, ended)}


def _spared(look: Result, refusing: Target, ended: EndedNumber, number: int) -> Result:
    sentence = f"The login was refused at {refusing.host}, so it was not tried here: refused logins lock an account."
    result = replace(look, verdict=Verdict(Code.AUTHENTICATION_FAILED, Stage.LOGIN, sentence)) if isinstance(look, Outcome) else look
    ended(number, result)
    return result


def _run(numbered: dict[int, Target], workers: int, ended: EndedNumber) -> dict[int, Result]:
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, Result | BaseException]] = queue.SimpleQueue()
    for number in numbered:
        waiting.put(number)
    for _ in range(min(workers, len(numbered))):
        # The threads of concurrent.futures would be waited for at the end of the process, however it comes about.
        threading.Thread(target=_work, args=(numbered, waiting, done), daemon=True).start()
    try:
        return _collect(numbered, done, ended)
    finally:
        _empty(waiting)


def _work(targets: dict[int, Target], waiting: queue.SimpleQueue[int], done: queue.SimpleQueue[tuple[int, Result | BaseException]]) -> None:
    with contextlib.suppress(queue.Empty):
        while True:
            number = waiting.get_nowait()
            try:
                done.put((number, probe(targets[number])))
            except BaseException as error:
                done.put((number, error))


def _collect(targets: dict[int, Target], done: queue.SimpleQueue[tuple[int, Result | BaseException]], ended: EndedNumber) -> dict[int, Result]:
    results: dict[int, Result] = {}
    while len(results) < len(targets):
        number, result = done.get()
        if not isinstance(result, Outcome | SstpError):
            raise result
        results[number] = result
        ended(number, result)
    return results


def _empty(waiting: queue.SimpleQueue[int]) -> None:
    with contextlib.suppress(queue.Empty):
        while True:
            waiting.get_nowait()
