# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the client gets its address (RFC 1332 3.3). PRIVATE to the collection."""

from __future__ import annotations

import ipaddress

from .ppp import Code, Option

ADDRESS = 3
_LENGTH = 4


class AddressPolicy:
    """Asks with 0.0.0.0, takes what the server offers."""

    def __init__(self) -> None:
        self._own: bytes | None = bytes(_LENGTH)

    @property
    def address(self) -> str | None:
        """The address in dots, None while there is none."""
        return str(ipaddress.IPv4Address(self._own)) if self._own and any(self._own) else None

    def wanted(self) -> tuple[Option, ...]:
        return () if self._own is None else (Option(ADDRESS, self._own),)

    def judge(self, options: tuple[Option, ...]) -> tuple[Code, tuple[Option, ...]]:
        """The server may say its own address; compression is rejected."""
        unfit = tuple(option for option in options if option.type != ADDRESS or len(option.value) != _LENGTH)
        return (Code.CONFIGURE_REJECT, unfit) if unfit else (Code.CONFIGURE_ACK, options)

    def suggested(self, options: tuple[Option, ...]) -> None:
        for option in options:
            if option.type == ADDRESS and len(option.value) == _LENGTH:
                self._own = option.value

    def refused(self, options: tuple[Option, ...]) -> None:
        if any(option.type == ADDRESS for option in options):
            self._own = None
