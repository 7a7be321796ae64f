# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PPP frames on an asynchronous line: flags, escapes and the 16-bit frame check sequence (RFC 1662 4 and C.2)."""

from __future__ import annotations

import functools

FLAG, ESCAPE = 0x7E, 0x7D
_FLIP = 0x20
_CHECK_BYTES = 2
# Two bytes of protocol and two of check sequence; address and control may be left out.
_SHORTEST = 4
_POLYNOMIAL = 0x8408


@functools.cache
def _step(low: int) -> int:
    for _ in range(8):
        low = low >> 1 ^ _POLYNOMIAL if low & 1 else low >> 1
    return low


def check(data: bytes) -> bytes:
    """The two bytes that follow the data."""
    rest = 0xFFFF
    for byte in data:
        rest = rest >> 8 ^ _step((rest ^ byte) & 0xFF)
    return (rest ^ 0xFFFF).to_bytes(_CHECK_BYTES, "little")


def encode(frame: bytes) -> bytes:
    """The frame as it goes on a line on which all control characters are escaped."""
    line = bytearray((FLAG,))
    for byte in bytes(frame) + check(bytes(frame)):
        line += bytes((ESCAPE, byte ^ _FLIP)) if byte < 0x20 or byte in (FLAG, ESCAPE) else bytes((byte,))
    line.append(FLAG)
    return bytes(line)


class Decoder:
    """Takes the line's bytes in any portions."""

    def __init__(self) -> None:
        """Between two frames."""
        self._frame = bytearray()
        self._escaped = False

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that end in it, without check sequence; a damaged one is dropped."""
        found = []
        for byte in data:
            if byte == FLAG:
                if len(self._frame) >= _SHORTEST and not self._escaped and check(self._frame[:-_CHECK_BYTES]) == self._frame[-_CHECK_BYTES:]:
                    found.append(bytes(self._frame[:-_CHECK_BYTES]))
                self._frame.clear()
                self._escaped = False
            elif byte == ESCAPE:
                self._escaped = True
            else:
                self._frame.append(byte ^ _FLIP if self._escaped else byte)
                self._escaped = False
        return found
