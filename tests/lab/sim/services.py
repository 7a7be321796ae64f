# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service manager: states, dependencies, and what can go wrong with a service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lab.sim.clock import Clock, Timer
from lab.sim.registry import SERVICES, Registry

GRAPH = (("SstpSvc", "HTTP"), ("RasMan", "SstpSvc"), ("RemoteAccess", "RasMan"))
DRIVER = "HTTP"
START_TYPES = ("boot", "system", "auto", "demand", "disabled")
AUTOMATIC, DISABLED = 2, 4
NEVER_STARTED = 1077
DENIED, RUNS, IS_DISABLED, UNKNOWN, BUSY, NOT_RUNNING = 5, 1056, 1058, 1060, 1061, 1062
NEEDED, SPECIFIC, DIED, DEPENDENCY_FAILED, DEPENDENCY_MISSING = 1051, 1066, 1067, 1068, 1075


@dataclass
class Service:
    """One service; state is stopped, start_pending, running or stop_pending."""

    name: str
    state: str = "stopped"
    exit_code: int = NEVER_STARTED
    starts: int = 0
    timers: list[Timer] = field(default_factory=list)


# What a service does when it starts: gives the seconds that it is busy with after it runs.
OnStart = Callable[[Service], float]


class ServiceManager:
    """The services; their start types and dependencies are in the registry, as on Windows."""

    def __init__(self, registry: Registry, clock: Clock, switches: Mapping[str, int], *, elevated: bool) -> None:
        """The services of RRAS, stopped."""
        self._registry, self._clock, self._switches = registry, clock, switches
        self._services: dict[str, Service] = {}
        self.elevated = elevated
        self.on_start: dict[str, OnStart] = {}
        self.on_end: dict[str, Callable[[], object]] = {}
        registry.set(f"{SERVICES}\\{DRIVER}", "Start", "dword", 3)
        for name, needs in GRAPH:
            self.create(name, 3, [needs])
            registry.create(f"{SERVICES}\\{name}\\Parameters")

    def create(self, name: str, start_type: int, needs: list[str]) -> None:
        """Install a service."""
        self._services[name.upper()] = Service(name)
        self._registry.set(f"{SERVICES}\\{name}", "Start", "dword", start_type)
        self._registry.set(f"{SERVICES}\\{name}", "DependOnService", "multistring", needs)

    def remove(self, name: str) -> int:
        """DeleteService."""
        service = self._services.pop(name.upper(), None)
        if service is None:
            return UNKNOWN
        self._registry.remove(f"{SERVICES}\\{name}")
        return 0

    def find(self, name: str) -> Service | None:
        """A service."""
        return self._services.get(name.upper())

    def all(self) -> list[Service]:
        """Every service that is installed."""
        return list(self._services.values())

    def start_type(self, name: str) -> int:
        """The number in the registry."""
        return self._registry.dword(f"{SERVICES}\\{name}", "Start", DISABLED)

    def needs(self, name: str) -> list[str]:
        """What a service depends on, by the registry."""
        value = self._registry.get(f"{SERVICES}\\{name}", "DependOnService")
        return value.data if value and isinstance(value.data, list) else []

    def dependants(self, name: str) -> list[Service]:
        """The services that depend on one, directly."""
        return [item for item in self._services.values() if name.upper() in (need.upper() for need in self.needs(item.name))]

    def start(self, name: str) -> int:
        """StartService: what the service needs comes up before it."""
        service = self.find(name)
        if service is None:
            return UNKNOWN
        if not self.elevated:
            return DENIED
        if self.start_type(name) == DISABLED:
            return IS_DISABLED
        if service.state != "stopped":
            return RUNS
        for need in self.needs(name):
            if code := self._pull_up(need):
                service.exit_code = code
                return code
        service.starts += 1
        if self._switch(service, "StartFails"):
            service.exit_code = SPECIFIC
            return 0
        service.state, service.exit_code = "running", 0
        begin = self.on_start.get(service.name)
        busy = begin(service) if begin else 0.0
        if dies := self._switch(service, "DiesAfter"):
            service.timers.append(self._clock.after(busy + dies / 1000, lambda: self._end(service, DIED)))
        return 0

    def _pull_up(self, name: str) -> int:
        if name.upper() == DRIVER:
            return 0
        service = self.find(name)
        if service is None:
            return DEPENDENCY_MISSING
        if service.state == "stopped":
            self.start(name)
        return 0 if self._runs(service) else DEPENDENCY_FAILED

    @staticmethod
    def _runs(service: Service) -> bool:
        return service.state == "running"

    def stop(self, name: str) -> int:
        """ControlService with the stop control."""
        service = self.find(name)
        if service is None:
            return UNKNOWN
        if not self.elevated:
            return DENIED
        if service.state != "running":
            return NOT_RUNNING if service.state == "stopped" else BUSY
        if any(item.state != "stopped" for item in self.dependants(name)):
            return NEEDED
        if self._switch(service, "StopHangs"):
            service.state = "stop_pending"
        else:
            self._end(service, 0)
        return 0

    def end_all(self) -> None:
        """What a power failure does: also to a service that hangs."""
        for service in self._services.values():
            self._end(service, service.exit_code)

    def _end(self, service: Service, code: int) -> None:
        service.state, service.exit_code = "stopped", code
        for timer in service.timers:
            timer.cancel()
        service.timers.clear()
        if end := self.on_end.get(service.name):
            end()

    def _switch(self, service: Service, what: str) -> int:
        return self._switches.get(f"{service.name}.{what}".upper(), 0)
