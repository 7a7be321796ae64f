# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a certificate is held against on a host that was looked at. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Mapping

from .fitness import Circumstances
from .names import CA_STORE, ROOT_STORE
from .state import HostState
from .x509 import Certificate


def circumstances_of(
    state: HostState,
    thumbprint: str | None,
    *,
    names: tuple[str, ...] = (),
    severities: Mapping[str, str],
    given: tuple[Certificate, ...] | None = None,
    old: Certificate | None = None,
    expiry_days: int = 0,
) -> Circumstances:
    """given: what the controller has above the certificate. Whether its chain is whole is known where the host was asked for its issuers, too."""
    known = thumbprint in state.asked
    return Circumstances(
        now=state.time,
        here=state.seen_at,
        expiry_days=expiry_days,
        names=names,
        old=old,
        issuers=(*(given or ()), *state.authorities_of(CA_STORE)) if known or given else None,
        roots=state.authorities_of(ROOT_STORE) if known else (),
        severities=severities,
    )
