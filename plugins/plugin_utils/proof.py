# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a look from outside proves about a change of the certificate, and what it blames on it: pure functions. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .sstp.client import Depth
from .sstp.events import Stage
from .sstp.verdict import Code, Verdict
from .wire import Sight

# Wrong whoever looks. Not the dates: those of a certificate that is rotated to were judged by the server's clock, and here it would be the controller's.
_ALWAYS_WRONG = frozenset({Code.RESET_IN_TLS, Code.WRONG_CERTIFICATE, Code.HASH_PROTOCOL_NOT_ALLOWED, Code.CRYPTO_BINDING_REFUSED})
# May be no more than the controller's own view (its roots, its OpenSSL, the name in its inventory, its way there): wrong where it was right before.
# A wrong password, no free port or a lost way are never blamed on a certificate.
_WRONG_IF_NEW = frozenset({Code.TLS_FAILED, Code.WRONG_NAME, Code.WRONG_USAGE, Code.UNTRUSTED_CHAIN, Code.NOT_SSTP, Code.REFUSED})
# How else a server may answer a crypto binding that it does not take (domain facts 4.3 and 4.6).
_ENDS_OF_A_CALL = frozenset({Code.ABORTED, Code.CLOSED, Code.TIMED_OUT, Code.PROTOCOL_ERROR})
# Clients refused such a certificate, so all behind it was out of their reach.
_REFUSED_BY_ALL = frozenset({Code.EXPIRED, Code.NOT_YET_VALID, Code.WRONG_USAGE})
_BOTH_SIDES_AGREE = "But clients are shown the certificate whose SHA-256 SstpSvc holds, and RasSstp has logged no error or warning since the start."
_DEEPEST = {Depth.TLS: Stage.TLS, Depth.HTTP: Stage.HTTP, Depth.SSTP: Stage.SSTP, Depth.LOGIN: Stage.NETWORK}
_ORDER = tuple(Stage)
# Of an event's Level in Windows: critical, error and warning (https://learn.microsoft.com/windows/win32/wes/eventmanifestschema-leveltype-complextype).
# No document gives the levels of RasSstp's events.
_COMPLAINTS = (1, 2, 3)


@dataclass(frozen=True)
class Proof:
    """by: login, certificate or nothing. sentence: what was seen, or why there is no proof."""

    by: str
    sentence: str


@dataclass(frozen=True)
class Evidence:
    """What the server says of itself: SHA256CertificateHash (upper-case hex), and the RasSstp events since its start, None where they are not known."""

    sha256: str | None = None
    events: tuple[Mapping[str, Any], ...] | None = None

    @property
    def complaints(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(event for event in self.events or () if event["level"] in _COMPLAINTS)


NOTHING_KNOWN = Evidence()


def wrong(after: Sequence[Sight], before: Sequence[Sight] | None = None) -> tuple[Verdict, ...]:
    """What the server or its certificate is to blame for. before: what was seen before a change, where somebody looked."""
    return _blamed(after, lambda fault, sight: _stands(fault, sight, before) or _is_new(fault, sight, before))


def worse(after: Sequence[Sight], before: Sequence[Sight] | None) -> tuple[Verdict, ...]:
    """The part of it that was right before: what a change has brought about, and taking it back heals. A stage that failed before says nothing."""
    return _blamed(after, lambda fault, sight: _is_new(fault, sight, before))


def _blamed(after: Sequence[Sight], counts: Callable[[Verdict, Sight], bool]) -> tuple[Verdict, ...]:
    """Each fault once, however many addresses have it."""
    return tuple(dict.fromkeys(fault for sight in after for fault in (*sight.faults, sight.verdict) if counts(fault, sight)))


def _stands(fault: Verdict, sight: Sight, before: Sequence[Sight] | None) -> bool:
    """Is it wrong however it was before? Who answered in the server's place then as well is somebody else."""
    earlier = _earlier(sight, before)
    other = earlier is not None and earlier.verdict.code is Code.WRONG_CERTIFICATE
    return fault.code in _ALWAYS_WRONG and not (other and fault.code is Code.WRONG_CERTIFICATE)


def _is_new(fault: Verdict, sight: Sight, before: Sequence[Sight] | None) -> bool:
    if fault.code is Code.CRYPTO_BINDING_REFUSED and any(one.crypto_binding == "accepted" for one in before or ()):
        # There is one hash for the whole server, wherever the login was.
        return True
    end = fault.code in _ENDS_OF_A_CALL and fault.stage is Stage.NETWORK
    earlier = _earlier(sight, before)
    if earlier is None or not (end or fault.code in _ALWAYS_WRONG or fault.code in _WRONG_IF_NEW):
        return False
    return fault.code not in {one.code for one in earlier.faults} and _passed(earlier, fault.stage)


def _earlier(sight: Sight, before: Sequence[Sight] | None) -> Sight | None:
    return next((one for one in before or () if one.endpoint == sight.endpoint), None)


def _passed(sight: Sight, stage: Stage) -> bool:
    """Did clients get beyond that stage?"""
    if any(fault.code in _REFUSED_BY_ALL for fault in sight.faults):
        return _ORDER.index(stage) < _ORDER.index(Stage.TLS)
    if sight.verdict.ok:
        return _ORDER.index(stage) <= _ORDER.index(_DEEPEST[sight.depth])
    return _ORDER.index(stage) < _ORDER.index(sight.verdict.stage)


def proof(sights: Sequence[Sight], evidence: Evidence, before: Sequence[Sight] | None = None) -> Proof:
    """The best that the sights prove.

    On a server that takes EAP only, or without a login, nothing exercises the crypto binding. The proof is then that both sides of its comparison are
    equal, the certificate on the wire and the hash in the registry, and that SstpSvc has not complained since its start (domain facts 7.6).
    """
    if blamed := wrong(sights, before):
        return Proof("nothing", blamed[0].sentence)
    reached = [sight for sight in sights if sight.reached]
    if not reached:
        return Proof("nothing", "Not reachable from the controller: " + " ".join(dict.fromkeys(sight.verdict.sentence for sight in sights)))
    if any(sight.crypto_binding == "accepted" for sight in sights):
        return Proof("login", "A login went through, and the server took the crypto binding with the certificate that it serves.")
    missing = _missing(reached, evidence)
    why = _why_no_login((*reached, *(before or ())))
    if missing:
        return Proof("nothing", f"{why} {missing}")
    return Proof("certificate", f"{why} {_BOTH_SIDES_AGREE}")


def _why_no_login(looks: Sequence[Sight]) -> str:
    """looks: those of now, then the earlier ones, as a login that was refused is not tried again."""
    tried = next((sight.verdict.sentence for sight in looks if sight.depth is Depth.LOGIN and not sight.verdict.ok), None)
    return "The crypto binding was not exercised" + (f": {tried}" if tried else ", as no login was asked for.")


def _missing(reached: Sequence[Sight], evidence: Evidence) -> str | None:
    """What the proof without a login lacks, as a sentence."""
    if evidence.sha256 is None:
        return "What SstpSvc holds is not known here either; give the evidence of a rotation, or the server of an audit."
    differing = next((sight for sight in reached if sight.sha256 != evidence.sha256), None)
    if differing:
        shown = differing.sha256 or "no certificate"
        return f"At {differing.endpoint} clients are shown {shown}, while SstpSvc holds the SHA-256 {evidence.sha256}."
    stuck = next((sight for sight in reached if not sight.verdict.ok and sight.verdict.stage is not Stage.LOGIN), None)
    if stuck:
        return f"{stuck.endpoint}: {stuck.verdict.sentence}"
    if evidence.events is None:
        return "Whether RasSstp has logged errors or warnings since the start is not known."
    if evidence.complaints:
        return f"RasSstp has logged errors or warnings since the start: event {', '.join(str(event['id']) for event in evidence.complaints)}."
    return None
