# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""With which certificate of its own a server can be healed, and when it was healed of what. PRIVATE to the collection."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

from .changes import Change, DeleteValue, SetValue
from .circumstances import circumstances_of
from .fitness import ERROR, fitness
from .importing import is_usable
from .names import ADMINISTRATOR, HEALED_KEY, OFFLOAD
from .results import noted_time, stamp
from .selection import successor
from .state import HostState, StoredCertificate

# Hours: more is as good as for ever, and near what a timedelta takes.
_A_MILLION = 1_000_000
_LONG_AGO = dt.datetime.min.replace(tzinfo=dt.timezone.utc)


@dataclass(frozen=True)
class AtHand:
    """thumbprint: of a certificate of LocalMachine\\MY; why: the reason for taking that one, as a phrase."""

    thumbprint: str
    why: str

    def to_result(self) -> dict[str, str]:
        return asdict(self)


def certificate_at_hand(state: HostState, severities: Mapping[str, str]) -> AtHand | None:
    """The certificate that the server means already, if it is fit and its key works; else one of the store that follows it. None in offload mode."""
    if not state.installed or state.mode == OFFLOAD:
        return None
    meant = list(_meant(state))
    for stored, why in meant:
        if _is_fit(state, stored, severities):
            return AtHand(stored.thumbprint, why)
    for stored, _why in meant:
        following = successor(state, stored.certificate, severities)
        if following is not None:
            return AtHand(following.thumbprint, f"it follows {stored.thumbprint}, which is not fit any more")
    return None


def _meant(state: HostState) -> Iterator[tuple[StoredCertificate, str]]:
    """Those that one of the places names, the one that counts most first."""
    mine = [stored for stored in state.certificates if stored.store == "MY"]
    configured = [(c, "SstpSvc has its hash") for c in mine if state.sha256 is not None and c.certificate.sha256 == state.sha256.data]
    bound = [(c, f"it is bound to {record.endpoint}") for record in state.pair if record for c in mine if c.thumbprint == record.certificate_hash]
    yield from (*configured, *bound) if state.mode == ADMINISTRATOR else (*bound, *configured)


def _is_fit(state: HostState, stored: StoredCertificate, severities: Mapping[str, str]) -> bool:
    around = circumstances_of(state, None, severities=severities)
    return is_usable(stored) and not any(problem.severity == ERROR for problem in fitness(stored.certificate, around))


def quiet_until(state: HostState, rule: str, hours: int) -> dt.datetime | None:
    """Until when a cause is left alone, as the host was healed of it lately; by the host's clock. None where it is not."""
    since = state.healed.get(rule)
    if since is None:
        return None
    # Otherwise one that is not readable would keep the host from being healed for ever.
    moment = noted_time(since, _LONG_AGO)
    length = dt.timedelta(hours=min(hours, _A_MILLION))
    if moment - state.time > length:
        # The clock was wrong then, and may take years to come there.
        return None
    # A time that is not far in the future is one of a clock that has been set back a little since.
    end = min(moment, state.time) + length
    return end if state.time < end else None


def healed_notes(state: HostState, rules: Iterable[str]) -> list[Change]:
    """That the host is healed of these now."""
    return [SetValue(HEALED_KEY, rule, "string", stamp(state.time)) for rule in sorted(set(rules))]


def forgetting(state: HostState, rules: Iterable[str]) -> list[Change]:
    """What takes such notes back."""
    return [DeleteValue(HEALED_KEY, rule) for rule in sorted(set(rules)) if rule in state.healed]
