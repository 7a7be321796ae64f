# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about offload mode: the hash must be there, be the administrator's, and be that of what the balancer serves. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Iterator

from .. import repairs
from ..findings import Policy
from ..names import BY_ADMIN_VALUE, OFFLOAD, SHA1_VALUE, SHA256_VALUE
from ..plan import is_hash
from ..state import HostState
from .registry import is_sha256
from .rule import FOLLOW_BALANCER, Breach, Rule

_MODES = (OFFLOAD,)


def _sha1(state: HostState, _policy: Policy) -> Iterator[Breach]:
    if state.sha1 is not None:
        yield Breach(SHA1_VALUE, str(state.sha1.data) if state.sha1.kind == "binary" else f"a value of type {state.sha1.kind}")


def _not_kept(state: HostState, _policy: Policy) -> Iterator[Breach]:
    by_admin = state.parameter(BY_ADMIN_VALUE)
    if by_admin is None or by_admin.data != 1:
        yield Breach(BY_ADMIN_VALUE, "no value" if by_admin is None else f"{by_admin.data} (a value of type {by_admin.kind})")


def _unknown(_state: HostState, policy: Policy) -> Iterator[Breach]:
    if policy.balancer is None and not policy.wire and policy.wanted is None:
        yield Breach(SHA256_VALUE, "nobody has named it")


def _silent(_state: HostState, policy: Policy) -> Iterator[Breach]:
    for endpoint, reason in (policy.balancer.silent if policy.balancer else {}).items():
        yield Breach(endpoint, reason)


def _different(state: HostState, policy: Policy) -> Iterator[Breach]:
    balancer = policy.balancer
    for endpoint, certificate in (balancer.certificates if balancer else {}).items():
        if is_sha256(state.sha256) and not is_hash(state.sha256, certificate.sha256):
            actual = str(state.sha256.data) if state.sha256 else ""
            expected = f"{certificate.sha256}, which {endpoint} serves"
            yield Breach(SHA256_VALUE, actual, expected=expected, repairable=balancer is not None and balancer.certificate is not None)


RULES = (
    Rule(
        id="registry_sha1_in_offload",
        severity="error",
        expected="no value",
        why="A hash of a certificate of the server's own, which is none that clients are shown, must not be left beside the balancer's.",
        sees=_sha1,
        remedy=FOLLOW_BALANCER,
        repair=repairs.rotate_with_balancer,
        modes=_MODES,
    ),
    Rule(
        id="offload_hash_not_kept",
        severity="warning",
        expected="1 (a value of type dword), or the service may choose another hash",
        why="Without it SstpSvc takes the hash for its own, and may write another over it.",
        sees=_not_kept,
        remedy=FOLLOW_BALANCER,
        repair=repairs.rotate_with_balancer,
        modes=_MODES,
    ),
    Rule(
        id="balancer_unknown",
        severity="warning",
        expected="the certificate of the device that ends TLS",
        why="Whether the hash is that of what clients are shown can be seen at that device alone.",
        sees=_unknown,
        remedy="name it (balancer), so that the hash can be compared with what it serves",
        repair=repairs.audit_with_balancer,
        repairable=False,
        modes=_MODES,
    ),
    Rule(
        id="balancer_silent",
        severity="warning",
        expected="a certificate",
        why="The controller was shown no certificate there.",
        sees=_silent,
        remedy="see whether the controller may connect there",
        repair=repairs.audit_with_balancer,
        repairable=False,
        modes=_MODES,
    ),
    Rule(
        id="balancer_certificate_different",
        severity="error",
        expected="the SHA-256 of what the balancer serves",
        why="The balancer's certificate was renewed, and nobody has told this server: every logon fails at the crypto binding.",
        sees=_different,
        remedy="the balancer's certificate was renewed, and nobody has told this server: every logon fails at the crypto binding (client event 6); "
        + FOLLOW_BALANCER,
        repair=repairs.rotate_with_balancer,
        modes=_MODES,
    ),
)
