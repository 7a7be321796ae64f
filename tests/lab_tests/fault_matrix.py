# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plans that the product makes, and the faults that each of their changes can meet, as data.

A plan is made by running a module once on a simulated host without any fault, and writing down what it asks the back-end to do. Plans of the same
shape (the same changes, whatever the certificate) count once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import lab_line
from lab import scenario as scenarios
from lab.agent import REMOTE_ACCESS
from lab.pki import Authority, Issued
from lab.scenario import Scenario, load, names
from lab.sim.errors import Killed, WindowsError
from lab.sim.host import SimHost
from scenario_driver import Driver, binding_action, certificate_action, hash_action, restart_action, restore_action, rotate_action

AUTHORITY = Authority()
OLD, NEW = (AUTHORITY.issue(["vpn01.example.com"]) for _ in range(2))

# Codes of domain facts 1.5, 2.6 and 5, by the function that gives them.
HTTP_CODES = (5, 87, 183, 1312)
SERVICE_CODES = (5, 1053, 1055, 1060, 1061)


@dataclass(frozen=True)
class Fault:
    """name says what happens; arm prepares it on the host for the change with that index, over that line."""

    name: str
    arm: Callable[[SimHost, lab_line.Line, int], None]
    # Whether a second fault is part of it: then the next run may have something to put right.
    twofold: bool = False
    reboots: bool = False


@dataclass(frozen=True, eq=False)
class Start:
    """A server, the module that is run on it, and its options."""

    name: str
    module: ModuleType
    # Gives the server and the options as long as it is entered.
    server: Callable[[], Any]


@dataclass(frozen=True, eq=False)
class Plan:
    """What one call of a module asks the back-end to do."""

    start: Start
    changes: tuple[dict[str, Any], ...]
    # Whether the host replaces a record in one call.
    updates: bool = True

    @property
    def name(self) -> str:
        return self.start.name


# --- servers ----------------------------------------------------------------------------------------------------------


loaded = functools.cache(load)


@functools.cache
def issued_for(name: str) -> dict[str, Issued]:
    return scenarios.issue(loaded(name), AUTHORITY)


def of_scenario(name: str) -> Callable[[], Any]:
    """The scenario's server with its candidate staged: opening a PFX would take longer than all the rest."""

    @contextmanager
    def make() -> Iterator[tuple[SimHost, dict[str, Any]]]:
        scenario, issued = loaded(name), issued_for(name)
        with SimHost("vpn01", **scenario.host_options("sim")) as host:
            scenarios.apply(scenario, host, AUTHORITY, issued)
            options = dict(scenario.rotation.options)
            if scenario.rotation.balancer:
                yield host, {**options, "sha256": issued[scenario.rotation.balancer].sha256}
                return
            candidate = issued[scenario.rotation.candidate]
            host.keep(candidate)
            yield host, {**options, "thumbprint": candidate.thumbprint}

    return make


def healthy(options: Callable[[SimHost], dict[str, Any]], prepare: Callable[[SimHost], None] = lambda host: None) -> Callable[[], Any]:
    @contextmanager
    def make() -> Iterator[tuple[SimHost, dict[str, Any]]]:
        with SimHost("vpn01") as host:
            host.install(OLD)
            host.keep(NEW)
            prepare(host)
            yield host, options(host)

    return make


def rotated(host: SimHost) -> dict[str, Any]:
    """Rotated already; the snapshot leads back."""
    return {"snapshot": Driver(host.call).perform(rotate_action, thumbprint=NEW.thumbprint)["snapshot"]}


def starts() -> list[Start]:
    """Every scenario whose rotation goes through, and the other modules that change something."""
    found = [Start(name, rotate_action, of_scenario(name)) for name in names() if goes_through(loaded(name))]
    single: list[tuple[str, ModuleType, Callable[[SimHost], dict[str, Any]]]] = [
        ("restore", restore_action, rotated),
        ("restart", restart_action, lambda host: {}),
        ("ssl_binding present", binding_action, lambda host: {"state": "present", "certificate_hash": NEW.thumbprint}),
        ("ssl_binding absent", binding_action, lambda host: {"state": "absent"}),
        ("registry_hash present", hash_action, lambda host: {"state": "present", "sha256": NEW.sha256, "sha1": NEW.thumbprint}),
        ("registry_hash absent", hash_action, lambda host: {"state": "absent"}),
        ("certificate absent", certificate_action, lambda host: {"state": "absent", "thumbprint": NEW.thumbprint}),
    ]
    return found + [Start(name, module, healthy(options)) for name, module, options in single]


def goes_through(scenario: Scenario) -> bool:
    """Its rotation works, and no fault or interruption is part of it: they would be two."""
    interrupted = any("Journal" in path for path in scenario.state.registry)
    return scenario.runs_on("sim") and scenario.rotate.kind == "working" and not scenario.faults and not interrupted


# --- plans ------------------------------------------------------------------------------------------------------------


@functools.cache
def plans() -> tuple[Plan, ...]:
    """One of each shape."""
    shapes: dict[Any, Plan] = {}
    for start in starts():
        with start.server() as (host, options):
            line = lab_line.Line(host)
            Driver(line).perform(start.module, **options)
            updates = host.machine.http.update
        changes = [call["changes"] for call in line.calls if call["operation"] == "apply" and "changes" in call]
        if changes:
            plan = Plan(start, tuple(changes[0]), updates)
            shapes.setdefault((start.module.__name__, updates, *map(_shape, plan.changes)), plan)
    return tuple(shapes.values())


def _shape(change: dict[str, Any]) -> Any:
    of = _shape(change["of"]) if "of" in change else None
    states = tuple((item["name"], item["state"]) for item in change.get("states", ()))
    texts = tuple(item["kind"] for item in change.get("conditions", ()))
    name = change.get("name") if "SstpSvc" in change.get("path", "") else change.get("path")
    return change["kind"], name, change.get("address"), bool(change.get("host")), states, texts, change.get("only_if_absent"), "when_changed" in change, of


# --- faults -----------------------------------------------------------------------------------------------------------


def faults_of(plan: Plan, change: dict[str, Any]) -> list[Fault]:
    """All that a change of a plan can meet."""
    return [*api_errors(change, plan.updates), *exceptions(), *hangs(change), *broken_lines(), *reboots(), *ended_controllers(), *double_faults()]


def api_errors(change: dict[str, Any], updates: bool) -> list[Fault]:
    """Each documented error of each function that the change calls."""
    kind = change["kind"]
    if kind in ("set_ssl_record", "delete_ssl_record"):
        set_by = ("HttpUpdateServiceConfiguration",) if updates else ("HttpDeleteServiceConfiguration", "HttpSetServiceConfiguration")
        functions = set_by if kind == "set_ssl_record" else ("HttpDeleteServiceConfiguration",)
        return [_api(function, code, after) for function in functions for code in HTTP_CODES for after in (False, True)]
    if kind in ("set_registry_value", "delete_registry_value"):
        return [_api("RegSetValueEx" if kind.startswith("set") else "RegDeleteValue", code) for code in (5, 112)]
    if kind == "services":
        stops = any(item["state"] == "stopped" for item in change["states"])
        return [_api("ControlService" if stops else "StartService", code) for code in SERVICE_CODES]
    if kind == "delete_certificate":
        functions = ("CertOpenStore", "CryptAcquireContext", "CertDeleteCertificateFromStore")
        return [_api(function, 5) for function in functions]
    if kind == "set_remote_access":
        return [Fault("Set-RemoteAccess fails", lambda host, line, index: _before(host, index, lambda: _cmdlet_fails(host)))]
    return []


def _api(function: str, code: int, after: bool = False) -> Fault:
    def arm(host: SimHost, line: lab_line.Line, index: int) -> None:
        _before(host, index, lambda: host.agent.fault(function, code, after=after))

    return Fault(f"{function} gives {code}{' although it is done' if after else ''}", arm)


def _cmdlet_fails(host: SimHost) -> None:
    host.agent.set_value(REMOTE_ACCESS, "Fails", "Access is denied")


def _before(host: SimHost, index: int, effect: Callable[[], None]) -> None:
    host.faults.plan("before", effect, index=index)


def exceptions() -> list[Fault]:
    def arm(moment: str) -> Callable[[SimHost, lab_line.Line, int], None]:
        return lambda host, line, index: host.faults.plan(moment, _raise, index=index)

    return [Fault(f"an exception, {moment}", arm(moment)) for moment in ("before", "journalled", "made")]


def _raise() -> None:
    raise WindowsError(None, None, "Object reference not set to an instance of an object.")


def hangs(change: dict[str, Any]) -> list[Fault]:
    """A service that neither stops nor starts, until somebody restarts the host; and a back-end that hangs until the connection's own time-out ends it."""
    found = [_ended("made", "hangs after it is made, and is ended")]
    if change["kind"] == "services":
        for item in change["states"]:
            switch = f"{item['name']}.{'StopHangs' if item['state'] == 'stopped' else 'StartFails'}"
            found.append(Fault(switch, lambda host, line, index, switch=switch: _before(host, index, lambda: host.agent.switch(switch, 1)), twofold=True))
    return found


def _ended(moment: str, name: str) -> Fault:
    return Fault(name, lambda host, line, index: host.faults.plan(moment, index=index))


def broken_lines() -> list[Fault]:
    """The process is ended at each moment; or the connection alone is lost, on the way there or back."""
    found = [_ended(moment, f"ended, {moment}") for moment in ("before", "journalled")]
    found.append(Fault("lost before the request arrives", lambda host, line, index: line.lose_request()))
    found.append(Fault("lost before the answer returns", lambda host, line, index: line.lose_answer()))
    found.append(Fault("lost, and the request arrives late", lambda host, line, index: line.delay_request()))

    def away(seconds: float) -> Callable[[SimHost, lab_line.Line, int], None]:
        return lambda host, line, index: host.faults.plan("made", lambda: _end_and_stay_away(line, seconds), index=index)

    found.append(Fault("ended, and the host is away for a minute", away(60)))
    found.append(Fault("ended, and the host stays away", away(3600), twofold=True))
    return found


def _end_and_stay_away(line: lab_line.Line, seconds: float) -> None:
    line.stay_away(seconds)
    raise Killed


def reboots() -> list[Fault]:
    def arm(moment: str) -> Callable[[SimHost, lab_line.Line, int], None]:
        return lambda host, line, index: host.faults.plan(moment, lambda: _reboot(host, line), index=index)

    return [Fault(f"the host restarts, {moment}", arm(moment), reboots=True) for moment in ("journalled", "made")]


def _reboot(host: SimHost, line: lab_line.Line) -> None:
    host.reboot()
    _end_and_stay_away(line, 90)


def ended_controllers() -> list[Fault]:
    """Without anybody to say so, WinRM lets the process run on; or the process is ended with the controller."""

    def with_it(host: SimHost, line: lab_line.Line, index: int) -> None:
        line.end_controller()
        host.faults.plan("made", index=index)

    return [Fault("the controller is ended", lambda host, line, index: line.end_controller()), Fault("controller and process are ended", with_it, twofold=True)]


def double_faults() -> list[Fault]:
    """The undo meets a fault of its own."""

    def ended_in_the_undo(host: SimHost, line: lab_line.Line, index: int) -> None:
        host.faults.plan("made", _raise, index=index)
        host.faults.plan("undoing", skip=1)

    def stuck(host: SimHost, line: lab_line.Line, index: int) -> None:
        host.faults.plan("made", _raise, index=index)
        host.faults.plan("undoing", _raise)

    return [Fault("ended in the undo", ended_in_the_undo, twofold=True), Fault("the undo fails", stuck, twofold=True)]


# Moments after the last change.
LAST = (
    Fault("ended before the answer is kept", lambda host, line, index: host.faults.plan("finished")),
    Fault("ended before the journal is cleared", lambda host, line, index: host.faults.plan("kept")),
)
