# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's end of a connection without TLS: a load balancer in front has ended that."""

from __future__ import annotations


class PlainStream:
    """Stands where a TlsStream does: what it receives and seals are the bytes themselves."""

    version = ""
    established = True
    ended = False

    def receive(self, raw: bytes) -> bytes:
        """What the client says."""
        return raw

    def seal(self, data: bytes) -> bytes:
        """What the client is told."""
        return data

    def take(self) -> bytes:
        """There is no handshake."""
        return b""

    def shut(self) -> bytes:
        """There is no farewell."""
        return b""
