# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the client wants of the link and takes (RFC 1661 6). PRIVATE to the collection."""

from __future__ import annotations

import secrets
import struct

from .ppp import Code, Option, Protocol

MRU = 1
AUTHENTICATION = 3
MAGIC = 5
OWN_MRU = 1500

_LENGTHS = {MRU: (2,), AUTHENTICATION: range(2, 254), MAGIC: (4,)}
# CHAP with algorithm 0x81: RFC 2759 2.
_MSCHAPV2 = Option(AUTHENTICATION, struct.pack(">HB", Protocol.CHAP, 0x81))


class LinkPolicy:
    """offered is the authentication protocol that the server proposed last, None before it has."""

    def __init__(self) -> None:
        self.magic = secrets.token_bytes(4)
        self.offered: int | None = None
        self._own = {MRU: struct.pack(">H", OWN_MRU), MAGIC: self.magic}

    def wanted(self) -> tuple[Option, ...]:
        return tuple(Option(kind, value) for kind, value in self._own.items())

    def judge(self, options: tuple[Option, ...]) -> tuple[Code, tuple[Option, ...]]:
        """Everything that would change the form of frames or ask for callback or multilink is rejected; of authentication, MS-CHAPv2 is the only one."""
        authentication = next((option for option in options if option.type == AUTHENTICATION and len(option.value) >= 2), None)
        self.offered = struct.unpack_from(">H", authentication.value)[0] if authentication else None
        if unknown := tuple(option for option in options if len(option.value) not in _LENGTHS.get(option.type, ())):
            return Code.CONFIGURE_REJECT, unknown
        if authentication and authentication != _MSCHAPV2:
            return Code.CONFIGURE_NAK, (_MSCHAPV2,)
        return Code.CONFIGURE_ACK, options

    def suggested(self, options: tuple[Option, ...]) -> None:
        for option in options:
            if option.type in self._own and len(option.value) in _LENGTHS[option.type]:
                self._own[option.type] = option.value
        self.magic = self._own.get(MAGIC, bytes(4))

    def refused(self, options: tuple[Option, ...]) -> None:
        for option in options:
            self._own.pop(option.type, None)
        self.magic = self._own.get(MAGIC, bytes(4))
