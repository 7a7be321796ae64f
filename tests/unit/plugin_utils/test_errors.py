# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError, one_line, shortened


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zürich 東京 \U0001f512 {{ 7*7 }} $(calc) a\\b", "Zürich 東京 \U0001f512 {{ 7*7 }} $(calc) a\\b"),
        ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("\x1b[31m\x7f", "\\x1b[31m\\x7f"),
        ("vpn\u200e\u202e\u2028", "vpn\\u200e\\u202e\\u2028"),
        ("\ud800", "\\ud800"),
    ],
)
def test_a_sentence_is_one_line(text: str, shown: str) -> None:
    assert one_line(text) == shown
    assert str(SstpError(text)) == shown


def test_a_text_of_others_is_cut_off_where_it_is_long() -> None:
    assert shortened("x" * 500) == "x" * 500
    assert shortened("x" * 501) == "x" * 500 + " ... (501 characters)"
