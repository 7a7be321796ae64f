# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures: what was measured, several times over."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figure:
    """samples: in unit, in the order in which they were taken. limit: what the median is to stay below, None where there is no target."""

    id: str
    what: str
    unit: str
    samples: Sequence[float]
    limit: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def met(self) -> bool | None:
        return None if self.limit is None else self.median <= self.limit


@dataclass(frozen=True)
class Report:
    """machine and settings: names and values of all that the figures depend on. how: sentences, each a paragraph."""

    name: str
    title: str
    machine: dict[str, object]
    settings: dict[str, object]
    figures: list[Figure]
    how: list[str] = field(default_factory=list)


def ratios(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """Of what was measured side by side."""
    return [one / other for one, other in zip(over, under, strict=True)]
