# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords and keys are in no output, log, process list or file, whatever they look like, and garble no result."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lab import judge
from lab.pki import Issued
from servers import Site


@contextmanager
def watched_processes() -> Iterator[set[str]]:
    """The command lines of all processes that were seen meanwhile."""
    seen: set[str] = set()
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    continue
            time.sleep(0.05)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def key_text(issued: Issued) -> str:
    """A part of the private key as it would stand in PEM or base64 DER."""
    pem = issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return pem.splitlines()[10]


def key_bytes(issued: Issued) -> bytes:
    """One of the primes, as every encoding of the key holds it."""
    return issued.key.private_numbers().p.to_bytes(128, "big")


def files_holding(folder: Path, needle: bytes) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink() and needle in path.read_bytes()]


@pytest.mark.parametrize("password", ["443", "1", "", "correct horse battery staple 7e1"])
def test_the_password_and_the_key_stay_where_they_are(site: Site, password: str) -> None:
    site.save_pfx(site.new, "new.pfx", password)
    variables = site.rotation(password=password, grace_days=0)
    with watched_processes() as processes:
        run = site.controller.playbook("rras.sstp.rotate", "-vvvv", "--diff", variables=variables).succeeded()
    log = (site.controller.folder / "winrm.log").read_text()
    assert key_text(site.new) not in run.output + log + "".join(processes)
    if len(password) > 3:
        assert password not in run.output + log + "".join(processes)
    else:
        # Too short to be looked for: what must not be there is a mask in the place of an innocent text.
        results = json.dumps([entry.result for entry in run.entries])
        assert "***" not in results
        assert "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER" not in results + run.output
        assert f'"sstp_certificate_pfx_password": "{password}"' not in run.output
        assert f'"pfx_password": "{password}"' not in run.output
    evidence = run.one("rotate")["evidence"]
    assert {binding["endpoint"] for binding in evidence["bindings"]} == set(site.pair)
    assert judge.working(site.host.state()) == []
    if password:
        assert files_holding(site.controller.folder, key_bytes(site.new)) == []
    drive = site.host.drive
    for place in (drive / "users", drive / "windows" / "temp"):
        assert files_holding(place, key_bytes(site.new)) == []
        assert list(place.rglob("*.pfx")) == []


def test_a_vault_encrypted_pfx_is_read_in_memory(site: Site) -> None:
    folder = site.controller.folder
    (folder / "vault-password").write_text("vault secret")
    plain = (folder / "new.pfx").read_bytes()
    tool = Path(sys.executable).with_name("ansible-vault")
    subprocess.run([str(tool), "encrypt", "--vault-password-file", "vault-password", "new.pfx"], cwd=folder, check=True, capture_output=True)
    stop = threading.Event()
    found: list[Path] = []

    def watch() -> None:
        while not stop.is_set():
            for root in (folder, Path("/dev/shm")):
                for path in root.rglob("*"):
                    try:
                        if path.is_file() and path.read_bytes() == plain:
                            found.append(path)
                    except OSError:
                        continue
            time.sleep(0.02)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        arguments = ("--vault-password-file", str(folder / "vault-password"), "-vvvv")
        run = site.controller.playbook("rras.sstp.rotate", *arguments, variables=site.rotation()).succeeded()
    finally:
        stop.set()
        thread.join()
    assert found == []
    assert "vault secret" not in run.output
    assert judge.working(site.host.state()) == []


def test_a_failing_import_shows_no_secret(site: Site) -> None:
    run = site.controller.playbook("rras.sstp.rotate", "-vvvv", variables=site.rotation(password="not the password 9f2")).failed()
    assert "check pfx_password" in run.output
    assert "not the password 9f2" not in run.output
