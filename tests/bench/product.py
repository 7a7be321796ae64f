# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The product's client, as its own command line finds it: without Ansible, whose memory and time would be counted with it."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "plugins"))

from plugin_utils.sstp.driver import Outcome, Target, probe
from plugin_utils.sstp.parallel import WORKERS, probe_all

__all__ = ["WORKERS", "Outcome", "Target", "probe", "probe_all"]
