# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network adapters of a simulated host, as .NET's NetworkInterface tells them."""

from __future__ import annotations

from typing import Any

LOOPBACK = ("Loopback Pseudo-Interface 1", "loopback", ("127.0.0.1",), ("::1",))
CABLES = (
    ("Ethernet", "ethernet", ("192.0.2.10",), ("2001:db8::10",)),  # the management network
    ("Internet", "ethernet", ("203.0.113.5",), ("2001:db8:1::5",)),  # where clients arrive
)


def adapters(*, loopback_ipv6: bool, ipv6: bool) -> list[dict[str, Any]]:
    """All of them; ipv6: whether it is bound to the two that have a cable. On Windows the loopback keeps it, whatever is unbound."""
    bound = [(LOOPBACK, loopback_ipv6), *((cable, ipv6) for cable in CABLES)]
    return [
        {"name": name, "kind": kind, "up": True, "ipv4": True, "ipv6": both, "addresses": [*ipv4, *(ipv6_addresses if both else ())]}
        for (name, kind, ipv4, ipv6_addresses), both in bound
    ]
