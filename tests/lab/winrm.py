# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A WinRM server on the loopback interface, in front of any number of hosts: the credentials choose the host."""

from __future__ import annotations

import datetime
import shutil
import ssl
import tempfile
import threading
from pathlib import Path
from typing import TextIO

from lab.connection_faults import Effect, Moment, drop
from lab.host import Host
from lab.shells import IDLE_SECONDS, CommandRecord, Shell, Shells
from lab.tlscert import loopback_certificate
from lab.winrm_actions import Actions, Member
from lab.winrm_http import HttpServer


class WinRMServer:
    """Serves WinRM while it is entered; leaving it terminates every command that still runs."""

    port: int
    certificate_pem: Path

    def __init__(self, log: Path | None = None, *, port: int = 0, idle_seconds: float = IDLE_SECONDS) -> None:
        self.port = port
        self._idle_seconds = idle_seconds
        self._log_path = log
        self._log_file: TextIO | None = None
        self._log_lock = threading.Lock()
        self._lock = threading.Lock()
        self._members: dict[str, Member] = {}
        self._credentials: dict[tuple[str, str], Member] = {}

    def __enter__(self) -> WinRMServer:
        if self._log_path is not None:
            self._log_file = self._log_path.open("a", encoding="utf-8")
        self._directory = Path(tempfile.mkdtemp(prefix="sstp-lab-winrm-"))
        self._shells = Shells(on_idle=self._shell_was_idle)
        try:
            actions = Actions(self._shells, self._idle_seconds)
            self._http = HttpServer(self.port, self._tls(), actions, self._authenticate, self._write_log)
        except BaseException:
            shutil.rmtree(self._directory, ignore_errors=True)
            raise
        self._shells.start()
        self.port = self._http.server_address[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()
        self._shells.close()
        self._http.cut_connections()
        shutil.rmtree(self._directory, ignore_errors=True)
        with self._log_lock:
            if self._log_file is not None:
                self._log_file.close()
                self._log_file = None

    def add(self, host: Host, username: str, password: str) -> None:
        """Serve a host to whoever brings these credentials."""
        credentials = (username.casefold(), password)
        with self._lock:
            if credentials in self._credentials or host.name in self._members:
                raise ValueError(f"host {host.name} or its credentials are already served")
            member = Member(host)
            self._members[host.name] = member
            self._credentials[credentials] = member

    def calls(self, name: str) -> int:
        """How many commands have been started on the host since the last reset."""
        return len(self.commands(name))

    def reset_calls(self, name: str) -> None:
        self._member(name).reset()

    def commands(self, name: str) -> list[CommandRecord]:
        """The commands started on the host since the last reset, oldest first."""
        return self._member(name).records()

    def shells(self, name: str) -> int:
        """How many shells are open on the host."""
        return self._shells.count(name)

    def fault(self, name: str, moment: Moment, effect: Effect = drop, *, skip: int = 0, times: int = 1) -> None:
        """Have the effect at the next moments of this kind, after letting skip of them pass.

        The effect is connection_faults.drop or http_500, or any function: it may wait, change the host, and raise
        Dropped or HttpError. Without raising, the conversation goes on.
        """
        self._member(name).faults.plan(moment, effect, skip=skip, times=times)

    def clear_faults(self, name: str) -> None:
        self._member(name).faults.clear()

    def _member(self, name: str) -> Member:
        with self._lock:
            return self._members[name]

    def _authenticate(self, username: str, password: str) -> Member | None:
        with self._lock:
            return self._credentials.get((username.casefold(), password))

    def _tls(self) -> ssl.SSLContext:
        certificate, key = loopback_certificate()
        self.certificate_pem = self._directory / "winrm.pem"
        self.certificate_pem.write_bytes(certificate)
        key_file = self._directory / "winrm.key"
        key_file.touch(mode=0o600)
        key_file.write_bytes(key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificate_pem, key_file)
        key_file.unlink()
        return context

    def _shell_was_idle(self, host_name: str, shell: Shell) -> None:
        self._write_log(f"host={host_name} action=- shell={shell.id} command=- outcome=removed, it was idle")

    def _write_log(self, line: str) -> None:
        with self._log_lock:
            if self._log_file is not None:
                now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
                self._log_file.write(f"{now} {line}\n")
                self._log_file.flush()
