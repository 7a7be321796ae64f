# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about administrator mode, and about what RRAS itself says. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Iterator

from .. import repairs
from ..findings import Policy
from ..names import ADMINISTRATOR, OFFLOAD, SHA256_VALUE
from ..state import HostState
from .registry import bound_pair, is_sha256
from .rule import ROTATE, Breach, Rule

_SUBJECT = "Get-RemoteAccess"


def _configured_missing(state: HostState, _policy: Policy) -> Iterator[Breach]:
    value = state.sha256
    if value is None or not is_sha256(value):
        return
    if not any(c.store == "MY" and c.certificate.sha256 == value.data for c in state.certificates):
        yield Breach(SHA256_VALUE, "no such certificate", expected=f"the certificate with the SHA-256 {value.data} in LocalMachine\\MY")


def _configured_not_bound(state: HostState, _policy: Policy) -> Iterator[Breach]:
    value = state.sha256
    _record, bound = bound_pair(state)
    if value is None or not is_sha256(value) or bound is None or bound.certificate.sha256 == value.data:
        return
    configured = next((c.thumbprint for c in state.certificates if c.store == "MY" and c.certificate.sha256 == value.data), None)
    yield Breach("HTTP.SYS", bound.thumbprint, expected=configured or f"the certificate with the SHA-256 {value.data}")


def _silent(state: HostState, _policy: Policy) -> Iterator[Breach]:
    view = state.remote_access
    if view is not None and view.available and view.error is not None:
        yield Breach(_SUBJECT, str(view.error.get("message")))


def _answers(state: HostState) -> bool:
    view = state.remote_access
    return view is not None and view.available and view.error is None


def _mode_different(state: HostState, _policy: Policy) -> Iterator[Breach]:
    view = state.remote_access
    if view is None or not _answers(state) or view.use_http is None or view.use_http == (state.mode == OFFLOAD):
        return
    says = f"UseHttp {str(view.use_http).lower()}"
    details = {"use_http": "true" if state.mode == OFFLOAD else "false"}
    yield Breach(_SUBJECT, says, expected=f"what {state.mode} mode means", details=details)


def _certificate_different(state: HostState, policy: Policy) -> Iterator[Breach]:
    view, value = state.remote_access, state.sha256
    if view is None or not _answers(state):
        return
    shown = view.certificate.thumbprint if view.certificate else "no certificate"
    if state.mode == ADMINISTRATOR:
        if value is None or not is_sha256(value) or (view.certificate is not None and view.certificate.sha256 == value.data):
            return
        # RRAS may say nothing because the certificate is gone: that has a finding of its own.
        if view.certificate is not None or any(c.certificate.sha256 == value.data for c in state.certificates):
            # That writer leaves RRAS's own configuration as it is.
            direct = policy.wanted is not None and policy.wanted.writer == "direct"
            yield Breach(_SUBJECT, shown, expected=f"the certificate with the SHA-256 {value.data}", repairable=not direct)
    elif state.mode != OFFLOAD:
        _record, bound = bound_pair(state)
        if view.certificate is not None and bound is not None and view.certificate != bound.certificate:
            remedy = "RRAS may bind its own one at a later start; rotate with mode: administrator, or choose the certificate anew in the RRAS console"
            yield Breach(_SUBJECT, shown, expected=bound.thumbprint, severity="warning", remedy=remedy, repairable=False, details={"automatic": "yes"})


def _give_it_to_rras(case: repairs.Case) -> str:
    return repairs.rotate_to_administrator(case) if case.details.get("automatic") else repairs.rotate(case)


RULES = (
    Rule(
        id="configured_certificate_missing",
        severity="error",
        expected="the configured certificate in LocalMachine\\MY",
        why="Somebody has chosen the certificate (administrator mode), and it is no longer in the store: SstpSvc does not take another by itself.",
        sees=_configured_missing,
        remedy=f"import it again, or {ROTATE}",
        repair=repairs.rotate,
        event=25,
        modes=(ADMINISTRATOR,),
    ),
    Rule(
        id="configured_certificate_not_bound",
        severity="error",
        expected="the configured certificate",
        why="HTTP.SYS shows another certificate than the one that RRAS was given, usually since IIS or an ACME client has bound its own.",
        sees=_configured_not_bound,
        remedy=f"{ROTATE}: to the certificate that RRAS has, or to the one that is bound now",
        repair=repairs.rotate,
        event=32,
        modes=(ADMINISTRATOR,),
    ),
    Rule(
        id="rras_silent",
        severity="warning",
        expected="an answer",
        why="Get-RemoteAccess gives an error, so what RRAS itself is configured with is not known.",
        sees=_silent,
        remedy="see why RRAS does not answer (the service RaMgmtSvc, the System log); what it is configured with is not known",
        repair=repairs.restart_management,
        repairable=False,
    ),
    Rule(
        id="rras_mode_different",
        severity="warning",
        expected="what the mode means",
        why="The registry of SstpSvc and RRAS's own configuration disagree on who ends TLS; RRAS may write its own over the other.",
        sees=_mode_different,
        remedy="the registry of SstpSvc and RRAS's own configuration disagree on who ends TLS; set it alike in the RRAS console (Security, Use HTTP)",
        repair=repairs.set_use_http,
        repairable=False,
    ),
    Rule(
        id="rras_certificate_different",
        severity="error",
        expected="the certificate that is in force",
        why="RRAS is configured with another certificate than the one in force, and may bind its own at a later start.",
        sees=_certificate_different,
        remedy=ROTATE,
        repair=_give_it_to_rras,
        event=32,
    ),
)
