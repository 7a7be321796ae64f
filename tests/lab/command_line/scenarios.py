# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenarios on the command line: finding one, listing all, and saying what is to be expected of one."""

from __future__ import annotations

import argparse
import signal
from collections import Counter
from pathlib import Path

from lab.command_line.files import Refusal
from lab.scenario_file import Scenario, ScenarioError, load, names

OUTCOMES = {
    "working": "a server that works",
    "unchanged": "nothing to change",
    "refused": "a refusal with nothing tried",
    "failed": "a failure that takes itself back as far as it can",
    "not working": "done, but the server cannot work yet",
}


def run(_: argparse.Namespace) -> int:
    """List them all."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # for those who read the beginning only
    known = [load(name) for name in names()]
    width = max(len(scenario.name) for scenario in known)
    for scenario in known:
        note = f" ({' or '.join(scenario.only)} only)" if scenario.only else ""
        print(f"{scenario.name:{width}}  {scenario.title}{note}")
    return 0


def find(name: str) -> Scenario:
    """By its name, or from a file, which ends in .yml. ScenarioError says what is wrong with it."""
    if name.endswith(".yml"):
        return load(Path(name))
    try:
        return load(name)
    except ScenarioError as error:
        raise error if name in names() else ScenarioError(f"{error} `python -m lab scenarios` lists them all.") from None


def require(scenario: Scenario, kind: str) -> None:
    """Refusal: no host of this kind can be in that state."""
    if not scenario.runs_on(kind):
        ((other, reason),) = scenario.only.items()
        raise Refusal(f"The scenario {scenario.name} runs on hosts of the kind {other} only: {reason}.")


def expectation(scenario: Scenario) -> str:
    """What audit should find and what the rotation should come to, in lines."""
    counted = Counter(scenario.findings).items()
    findings = ", ".join(f"{rule} ({count} times)" if count > 1 else rule for rule, count in counted) or "nothing"
    audit = f"fail, saying: {scenario.unreadable}" if scenario.unreadable else f"find: {findings}"
    words = f", saying: {scenario.rotate.words}" if scenario.rotate.words else ""
    return f"""  before the rotation SSTP {"works" if scenario.works else "does not work"}
  audit should {audit}
  the rotation should come to: {OUTCOMES[scenario.rotate.kind]}{words}"""
