# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated hosts: Windows servers with SSTP in memory, for fleets, for faults at any point, and without Wine.

    with SimHost("vpn01") as host:
        host.install(Authority().issue(["vpn01.example.com"]))
        host.run("PowerShell -EncodedCommand ...")
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from lab.command import TERMINATED, Refused, split_command_line
from lab.host import Command
from lab.pki import Issued
from lab.server import Server
from lab.sim import options as backend_options
from lab.sim.agent import SimAgent
from lab.sim.backend import BOOT, Backend
from lab.sim.command import SimCommand
from lab.sim.errors import Killed, WindowsError
from lab.sim.faults import Faults, kill
from lab.sim.machine import NO_ADDRESS, REFUSED, Machine
from lab.sim.payload import BadPayload, Bootstrap, Invocation, read_command, read_input
from lab.sim.registry import SERVICES, SSTPSVC
from lab.sim.services import AUTOMATIC, Service
from lab.sim.store import certificate_of
from lab.sstp_server.host_state import Memory
from lab.sstp_server.listener import Listener
from lab.sstp_server.settings import Settings

SHELLS = ("powershell", "powershell.exe", "pwsh", "pwsh.exe")
LONGEST_COMMAND_LINE = 32767
MODULE = "rras.sstp.windows_backend"
ONLY = "a simulated host runs windows_backend only"

__all__ = ["SimHost", "kill"]


class SimHost(Server):
    """One Windows server: implements host.Host, and is used as a WineHost is.

    clock gives the seconds since 1970; where a real host would wait, machine.clock leaps ahead of it. machine is all of
    the host's state, for what the agent has no method for.
    """

    def __init__(
        self, name: str, port: int = 443, *, build: int = 20348, revision: int | None = None, powershell: str = "5.1.20348.1",
        elevated: bool = True, http_update: bool = True, cmdlets: bool = True, product: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        """A server with RRAS, its services stopped, no records; revision and product: those of the build unless told.

        cmdlets: whether the PowerShell module RemoteAccess is installed.
        """
        self.name = name
        self.port = port
        self.machine = Machine(
            name, build=build, revision=revision, powershell=powershell, elevated=elevated, http_update=http_update,
            cmdlets=cmdlets, product=product, clock=clock,
        )  # fmt: skip
        self.agent = SimAgent(self.machine)
        self.held = Memory()
        self.listener: Listener | None = None
        self._begin = self.machine.services.on_start["SstpSvc"]
        self.machine.services.on_start["SstpSvc"] = self._on_start
        self.machine.registry.set(f"{SERVICES}\\RemoteAccess", "Start", "dword", 2)
        if port != 443:
            self.agent.set_value(SSTPSVC, "ListenerPort", port)

    @property
    def _agent(self) -> SimAgent:
        return self.agent

    def keep(self, issued: Issued, store: str = "MY", *, exportable: bool = False, provider: str | None = None) -> None:
        """As Server.keep; provider: a key storage provider for an RSA key."""
        # Without a PFX: making and opening one takes far longer than all the rest.
        with self.machine.busy():
            self.machine.stores.keep(store, certificate_of(issued.der), issued.key, exportable=exportable, provider=provider)

    def write_file(self, path: str, data: bytes) -> None:
        """As Server.write_file."""
        with self.machine.busy():
            self.machine.files.write(path, data)

    @property
    def faults(self) -> Faults:
        """Faults by function (agent.fault does the same), and effects at a moment of an apply: faults.plan."""
        return self.machine.faults

    def pass_time(self, seconds: float) -> None:
        """Let time pass at once, with everything that happens in it."""
        with self.machine.busy():
            self.machine.clock.skip(seconds)

    def reboot(self) -> None:
        """As after a power failure: every process has ended, and the services that start by themselves are started anew."""
        with self.machine.busy():
            self.machine.locked = False
            self.machine.registry.remove(BOOT)
            services = self.machine.services
            services.end_all()
            for service in services.all():
                if services.start_type(service.name) == AUTOMATIC:
                    services.start(service.name)

    def hold_lock(self, seconds: float) -> None:
        """Let another run hold the back-end's mutex for so long."""
        with self.machine.busy():
            self.machine.locked = True
            self.machine.clock.after(seconds, self.machine.unlock)

    def run(self, command_line: str) -> Command:
        """Start a PowerShell command line; anything else is answered with a sentence and exit code 1."""
        if len(command_line) > LONGEST_COMMAND_LINE:
            return Refused("The command line is too long.")
        words = split_command_line(command_line)
        if not words or words[0].lower() not in SHELLS:
            return Refused(f"This host runs PowerShell only, not: {command_line[:80]}")
        bootstrap = read_command(words)
        command = SimCommand(lambda data: self._answer(bootstrap, data))
        if not bootstrap.reads_input:
            command.feed(b"", end=True)
        return command

    def _answer(self, bootstrap: Bootstrap, data: bytes) -> tuple[bytes, int]:
        """What the command prints, and its exit code."""
        if bootstrap.least and bootstrap.refusal and _version(self.machine.powershell) < _version(bootstrap.least):
            return f"{bootstrap.refusal}\r\n".encode(), 1
        if not bootstrap.reads_input:
            return _line({"failed": True, "msg": ONLY}), 1
        try:
            invocation = read_input(data)
        except BadPayload as error:
            return _line({"failed": True, "msg": str(error)}), 1
        if invocation.module not in (MODULE, "windows_backend"):
            return _line({"failed": True, "msg": ONLY}), 1
        try:
            result, good = self.invoke(invocation)
        except Killed:
            return b"", TERMINATED
        return _line(result), 0 if good else 1

    def invoke(self, invocation: Invocation) -> tuple[dict[str, Any], bool]:
        """The module's result, and whether it did not fail; Killed when its process was ended."""
        try:
            options = backend_options.read(invocation.arguments)
        except backend_options.BadOptions as error:
            told = backend_options.masked(error.parameters)
            return {"changed": False, "failed": True, "msg": str(error), "invocation": {"module_args": told}}, False
        with self.machine.busy():
            backend = Backend(self.machine, options, check_mode=invocation.check_mode)
            good = backend.run()
        return {"changed": False, "invocation": {"module_args": backend_options.masked(options)}, **backend.result}, good

    def call(self, options: Mapping[str, Any], *, check_mode: bool = False) -> dict[str, Any]:
        """windows_backend with these options, without a connection: the result as it would come back over one."""
        arguments = {**options, "_ansible_check_mode": check_mode, "_ansible_module_name": MODULE}
        result, _ = self.invoke(Invocation(MODULE, json.loads(json.dumps(arguments))))
        answer: dict[str, Any] = json.loads(json.dumps(result))
        return answer

    def powershell(self, script: str, data: bytes = b"", timeout: float = 120.0) -> tuple[int | None, str, str]:
        """There is no PowerShell on a simulated host."""
        raise NotImplementedError(ONLY)

    def state(self) -> dict[str, Any]:
        """The raw state; its shape is told at WineHost.state."""
        return {**self.agent.dump(), "port": self.port}

    def listen(self, settings: Settings | None = None) -> Listener:
        """Serve SSTP on a real port of this machine (listener.port), whatever the port in the model: most hosts need none.

        Connections are to 127.0.0.1 and ::1, and meet the records of the model's port for these addresses.
        """
        port = self.listener.port if self.listener else None
        self._stop_listening()
        self.listener = Listener(self._seen, self.held, port, settings=settings, host_name=self.name)
        return self.listener

    def _stop_listening(self) -> None:
        if self.listener:
            self.listener.close()

    def _on_start(self, service: Service) -> float:
        busy = self._begin(service)
        self.held.look(self.machine.dump())
        return busy

    def _seen(self, address: str) -> dict[str, Any] | None:
        with self.machine.busy():
            try:
                self.machine.served(address, self.port)
            except WindowsError as error:
                if error.code in (NO_ADDRESS, REFUSED) and not self.machine.speaks_plain_http(address, self.port):
                    return None
            return self.state()

    def close(self) -> None:
        """Stop listening; there is nothing else to end."""
        self._stop_listening()


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def _line(result: Mapping[str, Any]) -> bytes:
    return (json.dumps(result, ensure_ascii=False, separators=(",", ":")) + "\r\n").encode()
