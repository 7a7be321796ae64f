# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs sstp-server with the arguments of its own command sstpd.

Python 3.10 and 3.11 get 0.6.0, whose extension in C these versions of Python refuse to run. It only puts frames on pppd's line and takes them
off; peers.hdlc does it in its place. All of SSTP stays the peer's. Later versions run as they are.
"""

from __future__ import annotations

import sys
import types

from peers import hdlc


class PppDecoder:
    """Of the shape that sstp-server wants."""

    def __init__(self) -> None:
        """Nothing has come."""
        self._decoder = hdlc.Decoder()

    def unescape(self, data: bytes) -> list[bytes]:
        """The frames that end in the data."""
        return self._decoder.feed(data)


def replace_codec_where_broken() -> None:
    """Call it before sstpd is used."""
    from sstpd import codec

    try:
        codec.escape(b"")
    except SystemError:
        own = types.ModuleType("sstpd.codec")
        own.escape, own.PppDecoder = hdlc.encode, PppDecoder  # type: ignore[attr-defined]
        sys.modules["sstpd.codec"] = own


if __name__ == "__main__":
    replace_codec_where_broken()
    import sstpd

    sstpd.run()
