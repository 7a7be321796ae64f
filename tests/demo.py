# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""make demo: one server under Wine, broken as Event ID 21 has it; audit, rotation, audit again, in front of the reader's eyes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from lab import judge
from lab.inventory import new_login, write_inventory
from lab.pki import Authority
from lab.wine import WineHost, WineLab
from lab.winrm import WinRMServer

REPOSITORY = Path(__file__).resolve().parents[1]
BUILD = REPOSITORY / "build"


def say(text: str) -> None:
    """A heading, in bold where the terminal can."""
    bold = sys.stdout.isatty()
    print(f"\n\033[1m== {text}\033[0m" if bold else f"\n== {text}", flush=True)


def play(folder: Path, playbook: str, *arguments: str) -> int:
    """Run a playbook of the collection, its output as a user sees it."""
    command = ["ansible-playbook", "-i", str(folder / "inventory.yml"), f"rras.sstp.{playbook}", *arguments]
    print("$ " + " ".join([*command[:3], "..."] if len(command) > 12 else command), flush=True)
    tool = str(Path(sys.executable).with_name("ansible-playbook"))
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(BUILD), "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "0", "ANSIBLE_RETRY_FILES_ENABLED": "0"}
    return subprocess.run([tool, *command[1:]], env=environment, check=False).returncode


def verdict(host: WineHost) -> str:
    """The lab's own judgement, which knows nothing of the collection."""
    reasons = judge.working(host.state())
    return "SSTP works" if not reasons else "SSTP does not work: " + "; ".join(reasons)


def show(host: WineHost, folder: Path) -> int:
    """Break the server, then audit, predict, rotate and audit."""
    authority = Authority()
    old, new = (authority.issue(["vpn1.example.com"]) for _ in range(2))
    (folder / "new.pfx").write_bytes(new.pfx("demo"))
    (folder / "vars.yml").write_text(f"sstp_certificate_pfx: {folder / 'new.pfx'}\nsstp_certificate_pfx_password: demo\n")
    say("A server whose old certificate was deleted, and whose hashes were cleared: Event ID 21")
    host.install(old)
    host.agent.delete_certificate(old.thumbprint)
    host.agent.delete_value(r"SYSTEM\CurrentControlSet\Services\SstpSvc\Parameters", "SHA256CertificateHash")
    host.restart()
    print(f"The lab's own judgement: {verdict(host)}\nRasSstp events: {', '.join(host.state()['events'])}")
    say("1. What is wrong?")
    play(folder, "audit")
    say("2. What would a rotation do? (--check --diff changes nothing)")
    play(folder, "rotate", "-e", f"@{folder / 'vars.yml'}", "--check", "--diff")
    say("3. Rotate")
    code = play(folder, "rotate", "-e", f"@{folder / 'vars.yml'}")
    say("4. And now?")
    code = code or play(folder, "audit")
    print(f"The lab's own judgement: {verdict(host)}")
    return code


def main() -> int:
    """0 when the rotation and the audit after it succeeded."""
    lab = WineLab(BUILD / "lab")
    if missing := lab.missing():
        print("The demo runs on a Windows server made of Wine, which cannot be started here:", *missing, sep="\n  ", file=sys.stderr)
        return 1
    say("Starting a Windows server under Wine (the first time takes about 20 seconds)")
    try:
        with tempfile.TemporaryDirectory(dir=BUILD) as name, lab.host("vpn1") as host, WinRMServer() as winrm:
            folder = Path(name)
            login = new_login("vpn1")
            winrm.add(host, login.username, login.password)
            write_inventory(folder / "inventory.yml", winrm, [login])
            return show(host, folder)
    except KeyboardInterrupt:
        print("\nEnded.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
