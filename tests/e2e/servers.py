# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Windows server behind WinRM, with a controller: what every end-to-end test starts from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.inventory import new_login, write_inventory
from lab.pki import Authority, Issued
from lab.server import Server
from lab.winrm import WinRMServer
from running import Controller

REPOSITORY = Path(__file__).resolve().parents[2]
PASSWORD = "443"


@dataclass
class Site:
    """One server with a working SSTP service on the certificate old, and a controller that holds new.pfx."""

    host: Any
    winrm: WinRMServer
    controller: Controller
    authority: Authority
    old: Issued
    new: Issued

    @property
    def pair(self) -> tuple[str, str]:
        return f"0.0.0.0:{self.host.port}", f"[::]:{self.host.port}"

    def save_pfx(self, issued: Issued, name: str, password: str = PASSWORD) -> str:
        path = self.controller.folder / name
        path.write_bytes(issued.pfx(password))
        return str(path)

    def rotation(self, name: str = "new.pfx", password: str = PASSWORD, **more: object) -> dict[str, object]:
        """Variables for playbooks/rotate.yml."""
        own = {f"sstp_certificate_{key}": value for key, value in more.items()}
        return {"target": "all", "sstp_certificate_pfx": name, "sstp_certificate_pfx_password": password, **own}


@contextmanager
def serve(fresh: Server, controller: Controller) -> Iterator[Site]:
    """A server with SSTP installed and nothing else: no certificate, no records, services stopped."""
    with fresh as host, WinRMServer(controller.folder / "winrm.log") as winrm:
        authority = Authority()
        old, new = (authority.issue(["vpn01.example.com"]) for _ in range(2))
        login = new_login("vpn01")
        winrm.add(host, login.username, login.password)
        write_inventory(controller.inventory, winrm, [login])
        site = Site(host, winrm, controller, authority, old, new)
        site.save_pfx(new, "new.pfx")
        yield site
