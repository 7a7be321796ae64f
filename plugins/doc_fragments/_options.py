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

    # Of all modules that change something.
    CHANGE = r"""
options:
  reconnect_timeout:
    description:
      - For how many seconds to try to reach the target again when no answer comes to a change, for example because the connection broke, or
        because the C(timeout) of the task is over. It must be V(0) or more. With V(0) it is tried once.
      - The target is then asked what came of the change. When the change went through, the task goes on as if the answer had come. When it had
        not begun, it is made after all. When it was ended in the middle, it is taken back, and the task fails and says so.
      - A target that stays away makes the task fail. It is not told as unreachable, since what it was left with is not known then. The next
        task that changes anything there takes back what is half done.
    type: int
    default: 300
notes:
  - Changes need an account that is an elevated administrator on the target. One that is not is refused before anything is changed.
  - Changes of one task are carried out under a lock on the target and noted in a journal there. When one fails, those before it are undone,
    and the message says so.
  - When the target has changed between the look at it and the change, nothing is touched, and the task fails and says what differs;
    run it again.
  - What an earlier, interrupted run has left half done on the target is taken back first.
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
