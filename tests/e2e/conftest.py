# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Windows server under Wine behind WinRM, and a controller with the collection: what every test here starts from."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
for place in (REPOSITORY / "tests", Path(__file__).parent):
    if str(place) not in sys.path:
        sys.path.insert(0, str(place))

from lab.inventory import new_login, write_inventory  # noqa: E402
from lab.pki import Authority, Issued  # noqa: E402
from lab.wine import WineHost, WineLab  # noqa: E402
from lab.winrm import WinRMServer  # noqa: E402
from running import Controller  # noqa: E402

PASSWORD = "443"


@dataclass
class Site:
    """One server with a working SSTP service on the certificate old, and a controller that holds new.pfx."""

    host: WineHost
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


@pytest.fixture(scope="session")
def wine_lab() -> WineLab:
    lab = WineLab(REPOSITORY / "build" / "lab")
    missing = lab.missing()
    if missing:
        text = "needs the wine host: " + " ".join(missing)
        if os.environ.get("CI"):
            pytest.fail(text)
        pytest.skip(text)
    lab.prepare()
    return lab


@pytest.fixture(scope="session")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection where ansible-core looks for it, as a copy, as an installed one would be."""
    root = tmp_path_factory.mktemp("collections")
    target = root / "ansible_collections" / "rras" / "sstp"
    target.mkdir(parents=True)
    for name in ("galaxy.yml", "meta", "plugins", "roles", "playbooks"):
        source = REPOSITORY / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target / name)
    return root


@pytest.fixture
def controller(tmp_path: Path, collections: Path) -> Controller:
    return Controller(tmp_path, collections)


@contextmanager
def serve(lab: WineLab, controller: Controller, **kind: Any) -> Iterator[Site]:
    """A server with SSTP installed and nothing else: no certificate, no records, services stopped."""
    with lab.host("vpn01", **kind) as host, WinRMServer(controller.folder / "winrm.log") as winrm:
        authority = Authority()
        old, new = (authority.issue(["vpn01.example.com"]) for _ in range(2))
        login = new_login("vpn01")
        winrm.add(host, login.username, login.password)
        write_inventory(controller.inventory, winrm, [login])
        site = Site(host, winrm, controller, authority, old, new)
        site.save_pfx(new, "new.pfx")
        yield site


@pytest.fixture
def bare(wine_lab: WineLab, controller: Controller) -> Iterator[Site]:
    with serve(wine_lab, controller) as site:
        yield site


@pytest.fixture
def site(bare: Site) -> Site:
    """A server that works."""
    bare.host.install(bare.old)
    return bare
