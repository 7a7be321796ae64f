# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sstp-server (https://github.com/sorz/sstp-server, MIT) as a process on the loopback, with the stand-in for pppd behind it."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.pki import Issued

TESTS = Path(__file__).resolve().parents[1]
USER, PASSWORD = "probe", "Correct-Horse-7"
_SECONDS = 30
_ATTEMPTS = 5


@dataclass(frozen=True)
class Peer:
    """A server that listens on 127.0.0.1."""

    port: int
    log_file: Path

    def log(self) -> str:
        """All that it has written so far."""
        return self.log_file.read_text(errors="replace")


def missing() -> str:
    """Why it cannot be run; empty when it can."""
    if importlib.util.find_spec("sstpd"):
        return ""
    return "sstp-server is not installed: pip install -r requirements-peers.txt (below Python 3.12 that takes a C compiler and Python's headers)."


@contextlib.contextmanager
def running(served: Issued, *, late: bool = False) -> Iterator[Peer]:
    """late: the keys of a login reach the server only after CALL_CONNECTED. Raises RuntimeError, with what it wrote, when it does not start."""
    # Its own short directory: the path of a Unix socket takes about 100 bytes.
    with tempfile.TemporaryDirectory(prefix="peer") as name:
        directory = Path(name)
        _prepare(directory, served, late)
        process, peer = _start(directory)
        try:
            yield peer
        finally:
            _end(process)


def _prepare(directory: Path, served: Issued, late: bool) -> None:
    (directory / "certificate.pem").write_bytes(served.pem())
    (directory / "key.pem").write_bytes(served.key_pem())
    (directory / "options").write_text(json.dumps({"user": USER, "password": PASSWORD, "late": late}))
    pppd = directory / "pppd"
    pppd.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m peers.pppd_stand_in "$@"\n')
    pppd.chmod(0o700)


def _start(directory: Path) -> tuple[subprocess.Popen[bytes], Peer]:
    for _ in range(_ATTEMPTS):
        peer = Peer(_free_port(), directory / "log")
        process = _spawn(directory, peer)
        if _listens(process, peer):
            return process, peer
        # Somebody else may have taken the port meanwhile.
        _end(process)
    raise RuntimeError(f"sstp-server does not start:\n{peer.log()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _spawn(directory: Path, peer: Peer) -> subprocess.Popen[bytes]:
    command = [
        sys.executable, "-m", "peers.sstp_server_main", "--listen", "127.0.0.1", "--listen-port", str(peer.port), "--local", "192.168.77.1",
        "--pem-cert", str(directory / "certificate.pem"), "--pem-key", str(directory / "key.pem"),
        "--pppd", str(directory / "pppd"), "--pppd-config", str(directory / "options"),
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "TMPDIR": str(directory)}
    with peer.log_file.open("wb") as log:
        # A session of its own, so that its children can be ended with it.
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True)


def _listens(process: subprocess.Popen[bytes], peer: Peer) -> bool:
    deadline = time.monotonic() + _SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if "Listening" in peer.log():
            return True
        time.sleep(0.02)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
