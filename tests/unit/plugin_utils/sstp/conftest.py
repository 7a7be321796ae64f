# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the SSTP tests, and how many inputs the fuzzing has tried."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def _same_random_bytes() -> Iterator[None]:
    """What the client draws is the same every time, so that a recorded server's answers fit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("secrets.token_bytes", lambda size: bytes(range(0x40, 0x40 + size)))
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Function) -> Iterator[None]:
    """Fuzzing that tried fewer inputs than it was told to has failed."""
    yield
    tried = getattr(item.module, "TRIED", {}).get(item.name)
    if tried is not None:
        item.user_properties.append(("inputs", tried))
        assert tried >= item.module.EXAMPLES


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = terminalreporter.getreports("passed")
    tried = sum(number for report in reports for name, number in report.user_properties if report.when == "call" and name == "inputs")
    if tried:
        terminalreporter.write_line(f"{tried:,} inputs tried: none made the client hang, raise or grow.")
