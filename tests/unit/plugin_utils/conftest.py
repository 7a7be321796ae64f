# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of hypothesis: how long an example takes says nothing about the code, on a machine that runs other tests as well."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("rras.sstp", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rras.sstp")
