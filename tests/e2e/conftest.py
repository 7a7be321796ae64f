# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: the lab, the collection as installed, a controller, and a server."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

for place in (Path(__file__).resolve().parents[1], Path(__file__).parent):
    if str(place) not in sys.path:
        sys.path.insert(0, str(place))

from lab.sim.host import SimHost  # noqa: E402
from lab.wine import WineLab  # noqa: E402
from needs_wine import prepared_lab  # noqa: E402
from running import Controller  # noqa: E402
from servers import REPOSITORY, Site, serve  # noqa: E402


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "simulated: a simulated host is enough for this test")


@pytest.fixture(scope="session")
def wine_lab() -> WineLab:
    return prepared_lab()


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


@pytest.fixture
def bare(request: pytest.FixtureRequest, controller: Controller) -> Iterator[Site]:
    """Under Wine, unless the test is marked as one that a simulated host is enough for."""
    simulated = request.node.get_closest_marker("simulated")
    with serve(SimHost("vpn01") if simulated else request.getfixturevalue("wine_lab").host("vpn01"), controller) as site:
        yield site


@pytest.fixture
def site(bare: Site) -> Site:
    """A server that works."""
    bare.host.install(bare.old)
    bare.host.trust(bare.authority)
    return bare
