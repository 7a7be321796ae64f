# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection that breaks while a server is being changed, by ansible-playbook and pywinrm: the task ends in success, or in a failure that says what is so.

tests/lab_tests/test_fault_matrix.py has every fault at every change; these show that what ansible-core and pywinrm make of them arrives there.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

import pytest
from lab import judge
from lab.connection_faults import Moment, drop, http_500
from lab.raw_state import as_found
from lab.sim.errors import Killed
from lab.wine import WineLab
from running import Controller, Run
from servers import Site, serve

TAKEN_BACK = "It had not been completed; all that was done of it was taken back, so the host is as it was. Run again."
simulated = pytest.mark.simulated


@pytest.fixture
def staged(site: Site) -> Site:
    """The new certificate is in the store: a rotation is one look and one change."""
    site.host.keep(site.new)
    return site


def rotate(site: Site, *, keywords: dict[str, object] | None = None, **options: object) -> Run:
    given = {"thumbprint": site.new.thumbprint, "reconnect_timeout": 20, **options}
    return site.controller.tasks({"rras.sstp.rotate": given, **(keywords or {})})


def has_new(site: Site) -> bool:
    state = site.host.state()
    return judge.working(state) == [] and {record["hash"] for record in state["http"]} == {site.new.thumbprint}


def starts(site: Site) -> int:
    number: int = site.host.state()["services"]["SstpSvc"]["starts"]
    return number


def dropped_once(moment: Moment, effect: Callable[[], None]) -> Callable[[Site], None]:
    """With the second command of the task, which is the change."""
    return lambda site: site.winrm.fault("vpn01", moment, effect, skip=1)


@pytest.mark.parametrize(
    "arm",
    [
        pytest.param(dropped_once(Moment.COMMAND, drop), id="dropped before the command is taken"),
        pytest.param(dropped_once(Moment.COMMAND, http_500), id="HTTP 500 before the command is taken"),
        pytest.param(dropped_once(Moment.STARTED, drop), id="dropped when the command has started"),
        pytest.param(dropped_once(Moment.STDIN, drop), id="dropped behind the standard input"),
        pytest.param(dropped_once(Moment.ANSWER, drop), id="dropped before the answer"),
        pytest.param(dropped_once(Moment.ANSWER, http_500), id="HTTP 500 instead of the answer"),
    ],
)
@simulated
def test_a_rotation_goes_through_where_the_connection_breaks(staged: Site, arm: Callable[[Site], None]) -> None:
    before = starts(staged)
    arm(staged)
    result = rotate(staged).succeeded().one("rotate")
    assert result["changed"] is True
    assert result["evidence"]["steps"]
    assert has_new(staged)
    assert starts(staged) == before + 1, "it was done twice"
    assert rotate(staged).succeeded().changed == []


@simulated
def test_a_look_is_repeated_where_its_connection_breaks(staged: Site) -> None:
    staged.winrm.fault("vpn01", Moment.ANSWER, drop)
    assert rotate(staged).succeeded().one("rotate")["changed"] is True
    assert has_new(staged)


@simulated
def test_a_process_that_is_ended_in_the_middle_is_told_with_what_came_of_it(staged: Site) -> None:
    before = as_found(staged.host.state())
    staged.host.faults.plan("made", index=3)
    (told,) = rotate(staged).failed().failures
    assert told == f"The host gave no answer while it was being changed (the PowerShell process on the host has ended without an answer). {TAKEN_BACK}"
    assert as_found(staged.host.state()) == before
    assert rotate(staged).succeeded().one("rotate")["changed"] is True


@simulated
def test_a_host_that_restarts_in_the_middle_is_taken_back_when_it_is_there_again(staged: Site) -> None:
    def restart() -> None:
        staged.host.reboot()
        staged.winrm.fault("vpn01", Moment.CREATE, drop, times=2)
        staged.winrm.fault("vpn01", Moment.ANSWER, drop)
        raise Killed

    before = as_found(staged.host.state())
    staged.host.faults.plan("made", restart, index=4)
    (told,) = rotate(staged).failed().failures
    assert TAKEN_BACK in told
    assert as_found(staged.host.state()) == before
    assert judge.working(staged.host.state()) == []


@simulated
def test_a_host_that_stays_away_makes_the_task_fail_and_is_not_unreachable(staged: Site) -> None:
    def vanish() -> None:
        for moment in (Moment.CREATE, Moment.COMMAND, Moment.ANSWER):
            staged.winrm.fault("vpn01", moment, drop, times=999)
        raise Killed

    staged.host.faults.plan("made", vanish, index=3)
    run = rotate(staged, reconnect_timeout=4).failed()
    assert run.code == 2, run.output
    (told,) = run.failures
    assert "could not be reached again within 4 seconds" in told
    assert "it is on the host as a whole, or the next run takes back what there is of it" in told
    assert "trying for up to 4 seconds to reach it again" in run.output
    staged.winrm.clear_faults("vpn01")
    result = rotate(staged).succeeded().one("rotate")
    assert result["plan"][0] == "take back an interrupted change"
    assert has_new(staged)


@simulated
def test_the_timeout_of_the_task_does_not_leave_the_outcome_open(staged: Site) -> None:
    """The simulated host works on while nobody listens: its answer is fetched."""
    staged.host.faults.plan("made", lambda: time.sleep(6), index=3)
    result = rotate(staged, keywords={"timeout": 3}).succeeded().one("rotate")
    assert result["changed"] is True
    assert has_new(staged)


@simulated
def test_a_run_after_a_controller_that_was_killed_does_nothing_twice(staged: Site) -> None:
    """Nobody tells the host, so it works on."""
    at_work = threading.Event()

    def work() -> None:
        at_work.set()
        time.sleep(4)

    before = starts(staged)
    staged.host.faults.plan("made", work, index=3)
    killed = threading.Thread(target=lambda: _kill_when(at_work, staged.controller))
    killed.start()
    assert rotate(staged).code == -signal.SIGKILL
    killed.join()
    again = rotate(staged).succeeded()
    assert again.changed == []
    assert has_new(staged)
    assert starts(staged) == before + 1


def _kill_when(at_work: threading.Event, controller: Controller) -> None:
    """Ansible-playbook and the worker that it has forked, by the folder that they run in."""
    assert at_work.wait(60)
    for pid in [int(name) for name in os.listdir("/proc") if name.isdigit()]:
        try:
            runs = os.readlink(f"/proc/{pid}/cwd") == str(controller.folder)
        except OSError:
            continue
        if runs:
            os.kill(pid, signal.SIGKILL)


def test_the_timeout_of_a_task_ends_the_process_and_the_change_is_taken_back(wine_lab: WineLab, controller: Controller) -> None:
    """WinRM ends the real process in the middle of its work; the same task takes back what it had done, and says so."""
    with serve(wine_lab.host("vpn01"), controller) as site:
        site.host.install(site.old)
        site.host.keep(site.new)
        before = as_found(site.host.state())
        site.host.agent.switch("HashDelay", 3_600_000)
        (told,) = rotate(site, settle_timeout=300, reconnect_timeout=120, keywords={"timeout": 45}).failed().failures
        assert told == f"The host gave no answer while it was being changed (the timeout of the task is over). {TAKEN_BACK}"
        site.host.agent.switch("HashDelay", 0)
        assert as_found(site.host.state()) == before
        assert judge.working(site.host.state()) == []
        assert rotate(site).succeeded().one("rotate")["changed"] is True
        assert has_new(site)
