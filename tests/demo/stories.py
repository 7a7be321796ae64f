# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The twelve hosts of the demo, and what the lab does to each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Story:
    """scenario: a file of lab/scenarios; told: the same in a few words, for the table.

    cut_off: the network to the host is down until after the rotation.
    """

    name: str
    site: str
    scenario: str
    told: str
    cut_off: bool = False


STORIES: Sequence[Story] = (
    Story("ber-vpn1", "berlin", "expiring", "certificate expires in ten days"),
    Story("ber-vpn2", "berlin", "expired", "certificate expired yesterday"),
    Story("ber-vpn3", "berlin", "stale_hash", "bound by hand, old hash stayed"),
    Story("ber-vpn4", "berlin", "ipv6_record_missing", "last renewal forgot IPv6"),
    Story("par-vpn1", "paris", "certificate_deleted", "Event 21: certificate deleted"),
    Story("par-vpn2", "paris", "key_deleted", "private key deleted"),
    Story("par-vpn3", "paris", "acme_tool_renewed_iis", "IIS renewed it without RRAS"),
    Story("par-vpn4", "paris", "already_right", "nothing, it is right already"),
    Story("osl-vpn1", "oslo", "rras_stopped", "RRAS was left stopped"),
    Story("osl-vpn2", "oslo", "bind_fails_with_1312_half_way", "will fail half way (error 1312)"),
    Story("osl-vpn3", "oslo", "flags_and_fields_are_kept", "rare record settings, to be kept"),
    Story("osl-vpn4", "oslo", "pair_differs", "IPv4, IPv6 differ; network down", cut_off=True),
)
# Of the rotation: hosts at a time, and how many may fail, which is how many do.
BATCH, TOLERATE = 4, 2
