# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames on an asynchronous line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peers import hdlc, pppd_stand_in


def test_check_value() -> None:
    """The usual check of CRC-16/X-25, 906E, low byte first."""
    assert hdlc.check(b"123456789") == bytes.fromhex("6e90")


def test_a_frame_with_all_that_is_escaped() -> None:
    assert hdlc.encode(bytes.fromhex("ff03c0217e7d")).startswith(bytes.fromhex("7eff7d23c0217d5e7d5d"))


@given(st.lists(st.binary(min_size=2, max_size=60), max_size=5), st.integers(1, 200))
def test_what_is_encoded_is_decoded_in_any_portions(frames: list[bytes], size: int) -> None:
    line, decoder, found = b"".join(map(hdlc.encode, frames)), hdlc.Decoder(), []
    for start in range(0, len(line), size):
        found += decoder.feed(line[start : start + size])
    assert found == frames


@pytest.mark.parametrize("change", [lambda line: line.replace(b"\xc0", b"\xc1"), lambda line: line[:-1] + b"\x7d\x7e", lambda line: line[:5] + line[-1:]])
def test_damaged_frames_are_dropped(change) -> None:
    decoder, frame = hdlc.Decoder(), bytes.fromhex("ff03c02101000004")
    assert decoder.feed(change(hdlc.encode(frame)) + hdlc.encode(frame)) == [frame]


def test_the_message_with_the_keys() -> None:
    message = pppd_stand_in.key_message(bytes(range(32)))
    assert message.hex() == "70747373280001000100100010" "1112131415161718191a1b1c1d1e1f02001000000102030405060708090a0b0c0d0e0f"
