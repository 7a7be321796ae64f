# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether SYSTEM can read a private key, by its DACL."""

from __future__ import annotations

import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.acl import acl_problem
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    "sddl",
    [
        None,
        "",
        "O:BAG:BA",
        "D:NO_ACCESS_CONTROL",
        "D:(A;;GAGR;;;SY)(A;;GAGR;;;BA)",
        "O:SYG:SYD:PAI(A;;FA;;;SY)",
        "D:AI(A;ID;0x1f019b;;;BA)",
        "D:(A;;0x80000000;;;S-1-5-18)",
        "D:(A;;GR;;;WD)",
        "D:(D;;GA;;;S-1-5-21-1-2-3-1001)(A;;FR;;;AU)",
        "D:(D;;SD;;;SY)(A;;GA;;;SY)",
        "D:(D;IOOI;GA;;;SY)(A;;GA;;;SY)",
        "D:(XA;;GR;;;SY;(@User.x == 1))",
    ],
)
def test_system_can_read_it_or_nobody_knows(sddl: str | None) -> None:
    assert acl_problem(sddl) is None


@pytest.mark.parametrize(
    "sddl",
    [
        "D:",
        "D:PAI",
        "D:(A;;GA;;;S-1-5-21-1-2-3-1001)",
        "D:(A;;GA;;;NS)",
        "D:(A;;SD;;;SY)",
        "D:(A;;0x10000;;;SY)",
        "D:(A;IO;GA;;;SY)",
        "D:(D;;GR;;;BA)(A;;GA;;;SY)",
        "D:(D;;GA;;;WD)(A;;GA;;;BA)",
    ],
)
def test_system_cannot_read_it(sddl: str) -> None:
    assert "SYSTEM" in (acl_problem(sddl) or "")


@given(st.text() | st.text("D:();AGRSYBI0x1-").map("D:{}".format))
def test_no_text_breaks_it(sddl: str) -> None:
    assert acl_problem(sddl) is None or "SYSTEM" in str(acl_problem(sddl))
