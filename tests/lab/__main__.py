# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of the lab: `PYTHONPATH=tests python -m lab host`."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import secrets
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from lab.inventory import GROUP, new_login, scalar, write_inventory
from lab.pki import Authority, Issued
from lab.wine import WineHost, WineLab
from lab.winrm import WinRMServer

BUILD = Path(__file__).resolve().parents[2] / "build/lab"
MARK = "# Written by the lab of rras.sstp; it is removed when the lab ends.\n"
DAYS_LEFT = 12

DESCRIPTION = """\
Test hosts for the collection rras.sstp on this machine's loopback interface, for people.

  host    one Windows server with SSTP, made of Wine: real registry, certificate store,
          service manager and PowerShell; doubles of HTTP.SYS and of the RRAS services
"""
HOST_DESCRIPTION = """\
Start one Windows server with SSTP, made of Wine, behind a WinRM server, and wait for Ctrl-C.

The host works and serves a certificate that expires in 12 days. Beside the inventory lies
the certificate that could follow it, with the variables that name it. Nothing outlives
Ctrl-C: neither a process, nor the host, nor these files.
"""
HOST_EPILOG = """\
example, in two terminals at the root of the repository:
  1  PYTHONPATH=tests python -m lab host
  2  the commands that the first terminal has printed
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command of the lab; the exit code."""
    options = _parser().parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        return _host(options)
    except KeyboardInterrupt:
        return 0


def _parser() -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m lab", description=DESCRIPTION, formatter_class=form)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    host = commands.add_parser("host", help="start one Wine host", description=HOST_DESCRIPTION, epilog=HOST_EPILOG, formatter_class=form)
    host.add_argument("--name", default="vpn1", help="the host's name in the inventory (default: %(default)s)")
    host.add_argument("--port", type=int, help="the port that SSTP listens on (default: a free one)")
    host.add_argument("--inventory", type=Path, default=BUILD / "inventory.yml", help="where to write the inventory (default: build/lab)")
    host.add_argument("--log", type=Path, help="append a line for each WinRM request to this file")
    return parser


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _host(options: argparse.Namespace) -> int:
    lab = WineLab(BUILD)
    if reasons := lab.missing():
        print("A Wine host cannot be started here:", *reasons, sep="\n  ", file=sys.stderr)
        return 1
    if _is_of_somebody_else(options.inventory):
        print(f"{options.inventory} exists and was not written by the lab.", file=sys.stderr)
        return 1
    print("Starting a Wine host (the first one takes a minute) ...", flush=True)
    login = new_login(options.name)
    authority = Authority()
    with lab.host(options.name, port=options.port) as host, WinRMServer(options.log) as server:
        host.install(_certificate(authority, options.name, DAYS_LEFT))
        server.add(host, login.username, login.password)
        with _files(options.inventory, _certificate(authority, options.name, 365)) as variables:
            write_inventory(options.inventory, server, [login], heading=MARK)
            _tell(host, options.inventory, variables)
            with _until_interrupted():
                threading.Event().wait()
    return 0


def _certificate(authority: Authority, name: str, days: int) -> Issued:
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days, hours=1)
    return authority.issue([f"{name}.example.com"], not_after=until)


def _is_of_somebody_else(path: Path) -> bool:
    return path.exists() and not path.read_text(encoding="utf-8", errors="replace").startswith(MARK)


@contextlib.contextmanager
def _files(inventory: Path, following: Issued) -> Iterator[Path]:
    """The following certificate and the variables that name it, beside the inventory; all three go at the end."""
    pfx, variables = inventory.with_suffix(".next.pfx"), inventory.with_suffix(".next.yml")
    password = secrets.token_urlsafe(12)
    inventory.parent.mkdir(parents=True, exist_ok=True)
    try:
        for path in (pfx, variables):
            path.touch(mode=0o600)
        pfx.write_bytes(following.pfx(password))
        values = {"sstp_certificate_pfx": str(pfx.resolve()), "sstp_certificate_pfx_password": password}
        variables.write_text(MARK + "".join(f"{name}: {scalar(value)}\n" for name, value in values.items()))
        yield variables
    finally:
        for path in (inventory, pfx, variables):
            path.unlink(missing_ok=True)


def _tell(host: WineHost, inventory: Path, variables: Path) -> None:
    print(
        f"""
{host.name} is up and serves SSTP on port {host.port} of 127.0.0.1 and ::1; its certificate expires in {DAYS_LEFT} days.
The inventory, with the host in the group {GROUP}: {inventory}

Try:
  ansible {GROUP} -i {inventory} -m rras.sstp.server_info
  ansible-playbook -i {inventory} -e target={GROUP} rras.sstp.audit
  ansible-playbook -i {inventory} -e target={GROUP} -e @{variables} rras.sstp.rotate --check --diff

Ctrl-C ends it.""",
        flush=True,
    )


@contextlib.contextmanager
def _until_interrupted() -> Iterator[None]:
    """The first interrupt ends the wait; those that follow do not disturb the cleaning up."""
    try:
        yield
    except KeyboardInterrupt:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        print("\nEnding ...", flush=True)


if __name__ == "__main__":
    sys.exit(main())
