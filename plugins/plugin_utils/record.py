# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of an audit: all that a report says of a host. PRIVATE to the collection."""

from __future__ import annotations

from typing import Any

from .findings import Policy
from .report.record import RECORD_SCHEMA
from .results import events_result, stamp
from .rules import Judgement
from .state import HostState
from .surfaces import certificates_result, surfaces_of


def record_of(state: HostState, policy: Policy, judgement: Judgement) -> dict[str, Any]:
    """docs/report.md has the keys."""
    surfaces = surfaces_of(state, policy.wire, policy.balancer)
    return {
        "schema": RECORD_SCHEMA,
        "host": policy.commands.host,
        "server": state.host.get("name"),
        "time": stamp(state.time),
        "port": state.port,
        "mode": state.mode if state.installed else None,
        "compliant": judgement.compliant,
        "places": [surface.to_result(state.time) for surface in surfaces],
        "certificates": certificates_result(surfaces, state.time),
        "findings": [finding.to_result() for finding in judgement.findings],
        "ignored": [ignored.to_result() for ignored in judgement.ignored],
        **events_result(state),
    }
