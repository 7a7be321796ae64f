# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two raw states of a host (WineHost.state), compared: what means nothing is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

RawState = Mapping[str, Any]


def whole(state: RawState) -> dict[str, Any]:
    """The state; a store that is empty is as good as none, and looking into it may make it."""
    return {**state, "certificates": {name: content for name, content in state["certificates"].items() if content}}


def as_found(state: RawState) -> dict[str, Any]:
    """What is to be as it was after a change that is taken back: not how often a service was started, nor what it logged, nor the answers that are kept."""
    shown = {name: whole(state)[name] for name in ("http", "sstpsvc", "certificates", "containers")}
    shown["product"] = {name: value for name, value in (state["product"] or {}).items() if not name.startswith("Transactions\\")}
    return {**shown, "services": {name: item["state"] for name, item in state["services"].items()}}
