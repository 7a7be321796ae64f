# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that modules share. PRIVATE to the collection."""

from __future__ import annotations


class ModuleDocFragment:
    PORT = r"""
options:
  port:
    description:
      - The port whose pair of HTTP.SYS records, V(0.0.0.0) and V([::]), is meant.
      - By default the port in the registry value ListenerPort of SstpSvc, and V(443) where that is absent or zero.
    type: int
"""

    TAKE_OVER = r"""
options:
  take_over:
    description:
      - Allow a record that belongs to another application to be changed. Without it the task fails and nothing is touched.
      - Whose a record is, is told from its application id (app_id). V({ba195980-cd49-458b-9e23-c84ee0adcd75}) is that of SSTP.
    type: bool
    default: false
"""

    LIMITS = r"""
options:
  service_timeout:
    description:
      - How many seconds each service may take to stop or to start. It must be V(1) or more.
    type: int
    default: 120
  settle_timeout:
    description:
      - How many seconds to wait, after the services have been started, until everything that is waited for holds. It must be V(0) or more.
    type: int
    default: 30
"""
