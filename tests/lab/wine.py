# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wine hosts: Windows servers with SSTP, as far as Wine and the doubles go.

    lab = WineLab(Path("build/lab"))
    lab.prepare()
    with lab.host("vpn01") as host:
        host.install(Authority().issue(["vpn01.example.com"]))
        host.run("PowerShell -EncodedCommand ...")
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab import prefix as prefixes
from lab.agent import NETWORK, RPC_UNAVAILABLE, SSTPSVC, Agent, WinError
from lab.command import Refused, WineCommand, split_command_line
from lab.host import Command
from lab.processes import kill_marked
from lab.server import Server
from lab.sstp_server.host_state import Memory, listens
from lab.sstp_server.listener import Listener, free_port
from lab.sstp_server.settings import Settings

# CreateProcess takes no more.
LONGEST_COMMAND_LINE = 32767
VARIABLES = {"windir": r"C:\Windows", "systemroot": r"C:\Windows", "programdata": r"C:\ProgramData", "programfiles": r"C:\Program Files"}
SHELLS = ("powershell", "powershell.exe", "pwsh", "pwsh.exe")


def end_wine(folder: Path) -> None:
    """End every process of a host and remove its folder (`wineserver -k` alone takes 0.8 s)."""
    kill_marked("WINEPREFIX", str(folder))
    prefixes.remove_socket(folder)
    shutil.rmtree(folder, ignore_errors=True)


def remove_stale(hosts: Path) -> None:
    """End the hosts of lab processes that are no more: they were killed before they could."""
    for folder in hosts.glob("*"):
        found = re.search(r"-(\d+)-[0-9a-f]{6}$", folder.name)
        if found and not Path("/proc", found[1]).exists():
            end_wine(folder)


class WatchedAgent(Agent):
    """An agent that tells when it has started a service: SstpSvc may be among those that came up."""

    on_start: Callable[[], None] | None = None

    def start(self, name: str, *, timeout: float = 30.0) -> None:
        """Start a service, and tell."""
        super().start(name, timeout=timeout)
        if self.on_start:
            self.on_start()


class WineHost(Server):
    """One Windows server: implements host.Host."""

    def __init__(self, build: Path, name: str, port: int | None, *, http_update: bool, cmdlets: bool) -> None:
        """Clone the prepared prefix and bring it up."""
        self.name = name
        self.port = port or free_port()
        self.folder = build / "hosts" / f"{name}-{os.getpid()}-{secrets.token_hex(3)}"
        self._tools = prefixes.tools()
        self._variables = prefixes.environment(self.folder)
        self._commands: list[WineCommand] = []
        self.held = Memory()
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        prefixes.clone(build, self.folder, http_update=http_update, cmdlets=cmdlets)
        try:
            self.agent = self._start_agent()
            self.agent.await_services()
            # Automatic only now: an automatic service would start, and count, before the host is as the test wants it.
            self.agent.set_start_type("RemoteAccess", 2)
            if self.port != 443:
                self.agent.set_value(SSTPSVC, "ListenerPort", self.port)
            self.agent.on_start = self._look
            self.listener = Listener(self._seen, self.held, self.port, host_name=name)
        except BaseException:
            self._end()
            raise

    def _start_agent(self) -> WatchedAgent:
        port, token = free_port(), secrets.token_hex(16)
        variables = {**self._variables, "LAB_AGENT_PORT": str(port), "LAB_AGENT_TOKEN": token}
        quiet = subprocess.DEVNULL
        self._agent_process = subprocess.Popen(
            [self._tools.wine, r"C:\lab\agent.exe"], env=variables, cwd=self.drive, start_new_session=True,
            stdin=quiet, stdout=quiet, stderr=quiet,
        )  # fmt: skip
        return WatchedAgent(port, token)

    @property
    def drive(self) -> Path:
        """Where drive C: of the host lies on this machine."""
        return self.folder / "drive_c"

    def run(self, command_line: str) -> Command:
        """Start a PowerShell command line; anything else is answered with a sentence and exit code 1."""
        if len(command_line) > LONGEST_COMMAND_LINE:
            return Refused("The command line is too long.")
        words = split_command_line(command_line)
        if not words or words[0].lower() not in SHELLS:
            return Refused(f"This host runs PowerShell only, not: {command_line[:80]}")
        argv = [self._tools.wine, rf"C:\engine\{self._tools.engine.name}", *words[1:]]
        command = WineCommand(argv, self._variables, self.drive, self._settle)
        self._commands.append(command)
        return command

    def _settle(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # the host may be closing
            self.agent.rehome()
            # A command may have started SstpSvc.
            self._look()

    def _look(self) -> None:
        # Not by what asks for the records too: an injected fault of httpapi.dll is meant for the host's own programs.
        values: dict[str, Any] = {}
        services: dict[str, Any] = {}
        for name in ("SHA256CertificateHash", "SHA1CertificateHash", "isHashConfiguredByAdmin"):
            with contextlib.suppress(WinError):
                values[name] = self.agent.ask("reg_get", SSTPSVC, name)["value"]
        with contextlib.suppress(WinError):
            services["SstpSvc"] = self.agent.service("SstpSvc")
        self.held.look({"sstpsvc": values, "services": services})

    def _seen(self, _address: str) -> dict[str, Any] | None:
        state = {**self.agent.ask("listener"), "port": self.port}
        return {**state, **self.agent.certificates()} if listens(state) else None

    def listen(self, settings: Settings | None = None) -> Listener:
        """Let the host's SSTP server behave so, for all connections from now on; its records begin anew."""
        self.listener.close()
        self.listener = Listener(self._seen, self.held, self.port, settings=settings, host_name=self.name)
        return self.listener

    def write_file(self, path: str, data: bytes) -> None:
        """Put a file onto drive C:, with the folders above it; names that are there keep their spelling."""
        expanded = re.sub("%([^%]+)%", lambda found: VARIABLES[found[1].lower()], path)
        place = self.drive
        for name in expanded.removeprefix("C:\\").split("\\"):
            place = next((item for item in place.iterdir() if item.name.lower() == name.lower()), place / name) if place.is_dir() else place / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)  # it may be the prepared prefix's own
        place.write_bytes(data)

    def powershell(self, script: str, data: bytes = b"", timeout: float = 120.0) -> tuple[int | None, str, str]:
        """Run a script to its end, with data on standard input: exit code, output, errors."""
        encoded = base64.b64encode(script.encode("utf-16le")).decode()
        command = self.run(f"PowerShell -NoProfile -NonInteractive -EncodedCommand {encoded}")
        command.feed(data, end=True)
        stdout, stderr, code = b"", b"", None
        while code is None:
            output = command.receive(timeout)
            stdout, stderr, code = stdout + output.stdout, stderr + output.stderr, output.exit_code
            if code is None and not (output.stdout or output.stderr):
                command.terminate()
                raise TimeoutError(f"the script gave nothing for {timeout} s")
        return code, stdout.decode(errors="replace"), stderr.decode(errors="replace")

    @property
    def _agent(self) -> Agent:
        return self.agent

    def state(self) -> dict[str, Any]:
        """The raw state by the Windows API.

        {"http": [Record as a dict], "sstpsvc" and "product": {name or subkey\\name: {"type", "value"}} or None,
        "certificates": {store: [{"thumbprint", "sha256", "der" (base64), "friendly_name",
        "key": None or {"container", "provider", "type", "flags", "spec", "opens", "matches", "exportable" (None: not known)}}]} (of ROOT only what the lab
        put there or watches), "containers": [name],
        "services": {name: {"state", "exit_code", "start_type", "starts"}}, "events": ["21 text"],
        "ipv6": whether it is bound to the adapters}
        """
        return {**self.agent.dump(), "port": self.port, "ipv6": self.agent.value(NETWORK, "IPv6Unbound") != 1}

    def close(self) -> None:
        """End everything of this host, and remove its folder."""
        for command in self._commands:
            if command.receive(0).exit_code is None:
                command.terminate()
        self.listener.close()
        self.agent.close()
        self._end()

    def _end(self) -> None:
        end_wine(self.folder)
        self._agent_process.wait(10)


class WineLab:
    """Wine hosts below one build folder (build/lab of the repository)."""

    def __init__(self, build: Path) -> None:
        """Nothing is made before prepare or host."""
        self.build = build.absolute()

    def missing(self) -> list[str]:
        """What this machine lacks for Wine hosts, a sentence each."""
        return prefixes.missing()

    def prepare(self) -> None:
        """Build the doubles and the prepared prefix where needed: about 15 s once, then nothing."""
        prefixes.prepare(self.build)

    def host(self, name: str, *, port: int | None = None, http_update: bool = True, cmdlets: bool = True) -> WineHost:
        """A fresh host with its services stopped and no records.

        http_update=False: one older than that entry point; cmdlets=False: one without the PowerShell module RemoteAccess.

        All hosts share the loopback addresses, so each has a port of its own, kept in ListenerPort, unless told.
        """
        self.prepare()
        remove_stale(self.build / "hosts")
        try:
            return WineHost(self.build, name, port, http_update=http_update, cmdlets=cmdlets)
        except WinError as error:
            # Seen once in some ten thousand hosts, on a busy machine: for a whole minute no services.exe in a fresh prefix.
            if error.code != RPC_UNAVAILABLE:
                raise
        return WineHost(self.build, name, port, http_update=http_update, cmdlets=cmdlets)
