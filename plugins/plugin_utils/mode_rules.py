# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit rules about where the hash comes from: administrator mode, offload, and what contradicts the mode. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Iterator

from .findings import ROTATE, Finding, Policy, fitness_findings, show_value
from .modes import in_force, is_in_step, target_mode
from .names import ADMINISTRATOR, BY_ADMIN_VALUE, CONFIG_STORE_KEY, LISTENER_PORT_VALUE, OFFLOAD, SHA1_VALUE, SHA256_VALUE
from .plan import is_hash
from .state import HostState, RegistryValue, StoredCertificate


def is_sha256(value: RegistryValue | None) -> bool:
    return value is not None and value.kind == "binary" and isinstance(value.data, str) and len(value.data) == 64


def administrator(state: HostState, bound: StoredCertificate | None) -> Iterator[Finding]:
    """The configured certificate must be in the store, and be the one that is bound. bound: that of the pair's record, None where there is none."""
    value = state.sha256
    if state.mode != ADMINISTRATOR or value is None or not is_sha256(value):
        return
    configured = next((c for c in state.certificates if c.store == "MY" and c.certificate.sha256 == value.data), None)
    if configured is None:
        expected = f"the certificate with the SHA-256 {value.data} in LocalMachine\\MY"
        yield Finding("configured_certificate_missing", "error", SHA256_VALUE, expected, "no such certificate", 25, f"import it again, or {ROTATE}")
    if bound is not None and bound.certificate.sha256 != value.data:
        expected = configured.thumbprint if configured else f"the certificate with the SHA-256 {value.data}"
        remedy = f"{ROTATE}: to the certificate that RRAS has, or to the one that is bound now"
        yield Finding("configured_certificate_not_bound", "error", "HTTP.SYS", expected, bound.thumbprint, 32, remedy)


def remote_access(state: HostState, bound: StoredCertificate | None, policy: Policy) -> Iterator[Finding]:
    """What RRAS itself says, against the registry of SstpSvc and what is bound."""
    view = state.remote_access
    if view is None or not view.available:
        return
    if view.error is not None:
        remedy = "see why RRAS does not answer (the service RaMgmtSvc, the System log); what it is configured with is not known"
        yield Finding("rras_silent", "warning", "Get-RemoteAccess", "an answer", str(view.error.get("message")), None, remedy, False)
        return
    if view.use_http is not None and view.use_http != (state.mode == OFFLOAD):
        says = f"UseHttp {str(view.use_http).lower()}"
        remedy = "the registry of SstpSvc and RRAS's own configuration disagree on who ends TLS; set it alike in the RRAS console (Security, Use HTTP)"
        yield Finding("rras_mode_different", "warning", "Get-RemoteAccess", f"what {state.mode} mode means", says, None, remedy, False)
    yield from _remote_access_certificate(state, bound, direct=policy.wanted is not None and policy.wanted.writer == "direct")


def _remote_access_certificate(state: HostState, bound: StoredCertificate | None, *, direct: bool) -> Iterator[Finding]:
    """direct: a rotation would leave RRAS's own configuration as it is."""
    view, value = state.remote_access, state.sha256
    assert view is not None
    shown = view.certificate.thumbprint if view.certificate else "no certificate"
    if state.mode == ADMINISTRATOR and value is not None and is_sha256(value) and (view.certificate is None or view.certificate.sha256 != value.data):
        # RRAS may say nothing because the certificate is gone: that has a finding of its own.
        if view.certificate is None and not any(c.certificate.sha256 == value.data for c in state.certificates):
            return
        expected = f"the certificate with the SHA-256 {value.data}"
        yield Finding("rras_certificate_different", "error", "Get-RemoteAccess", expected, shown, 32, ROTATE, not direct)
    elif state.mode not in (ADMINISTRATOR, OFFLOAD) and view.certificate is not None and bound is not None and view.certificate != bound.certificate:
        remedy = "RRAS may bind its own one at a later start; rotate with mode: administrator, or choose the certificate anew in the RRAS console"
        yield Finding("rras_certificate_different", "warning", "Get-RemoteAccess", bound.thumbprint, shown, 32, remedy, False)


def config_store(state: HostState, policy: Policy) -> Iterator[Finding]:
    """The configuration that was last applied, which should be the one in force."""
    moves = policy.wanted is not None and policy.wanted.listener_port is not None
    for name, wanted in in_force(state).items():
        value = state.value(CONFIG_STORE_KEY, name)
        if value is None or is_in_step(state, name, wanted):
            continue
        subject, expected = f"ConfigStore\\{name}", str(wanted.data)
        heals = state.mode == OFFLOAD or (moves and name == LISTENER_PORT_VALUE)
        if value.kind != "dword":
            remedy = ROTATE if heals else "delete it, or set it to a number of type REG_DWORD"
            yield Finding("config_store_malformed", "warning", subject, expected, f"a value of type {value.kind}", 7, remedy, heals)
        else:
            remedy = f"one of them has been changed alone; {ROTATE if heals else 'set both alike, and restart RRAS'}"
            yield Finding("config_store_different", "warning", subject, expected, str(value.data), None, remedy, heals)


def offload(state: HostState, policy: Policy) -> Iterator[Finding]:
    """The hash must be there, be the administrator's, and be that of what the balancer serves."""
    remedy = "rotate with the balancer named (rras.sstp.rotate, balancer), or with its certificate's hash (sha256)"
    value = state.sha256
    if value is None:
        yield Finding("registry_sha256_missing", "error", SHA256_VALUE, "the SHA-256 of the balancer's certificate", "no value", 18, remedy)
    elif not is_sha256(value):
        yield Finding("registry_sha256_malformed", "error", SHA256_VALUE, "32 bytes", show_value(value), 18, remedy)
    if state.sha1 is not None:
        actual = str(state.sha1.data) if state.sha1.kind == "binary" else f"a value of type {state.sha1.kind}"
        yield Finding("registry_sha1_in_offload", "error", SHA1_VALUE, "no value", actual, None, remedy)
    by_admin = state.parameter(BY_ADMIN_VALUE)
    if by_admin is None or by_admin.data != 1:
        actual = "no value" if by_admin is None else f"{by_admin.data} (a value of type {by_admin.kind})"
        expected = "1 (a value of type dword), or the service may choose another hash"
        yield Finding("offload_hash_not_kept", "warning", BY_ADMIN_VALUE, expected, actual, None, remedy)
    yield from _balancer(state, policy, remedy)


def _balancer(state: HostState, policy: Policy, remedy: str) -> Iterator[Finding]:
    balancer = policy.balancer
    if balancer is None:
        if not policy.wire and policy.wanted is None:
            tell = "name it (balancer), so that the hash can be compared with what it serves"
            yield Finding("balancer_unknown", "warning", SHA256_VALUE, "the certificate of the device that ends TLS", "nobody has named it", None, tell, False)
        return
    for endpoint, reason in balancer.silent.items():
        look = "see whether the controller may connect there"
        yield Finding("balancer_silent", "warning", endpoint, "a certificate", reason, None, look, False)
    for endpoint, certificate in balancer.certificates.items():
        if is_sha256(state.sha256) and not is_hash(state.sha256, certificate.sha256):
            actual = str(state.sha256.data) if state.sha256 else ""
            why = f"the balancer's certificate was renewed, and nobody has told this server: every logon fails at the crypto binding (client event 6); {remedy}"
            expected = f"{certificate.sha256}, which {endpoint} serves"
            yield Finding("balancer_certificate_different", "error", SHA256_VALUE, expected, actual, None, why, balancer.certificate is not None)
        yield from fitness_findings(certificate, str(endpoint), state, policy, served_here=False)


def wanted_mode(state: HostState, policy: Policy) -> Iterator[Finding]:
    """Mode, port and hash that are asked for."""
    wanted = policy.wanted
    if wanted is None:
        return
    target = target_mode(state, wanted.mode)
    if target != state.mode:
        yield Finding("mode_not_wanted", "error", "SstpSvc", f"{target} mode", f"{state.mode} mode", None, ROTATE)
    if wanted.listener_port not in (None, state.listener_port):
        yield Finding("port_not_wanted", "error", LISTENER_PORT_VALUE, str(wanted.listener_port), str(state.listener_port), None, ROTATE)
    if target == OFFLOAD and policy.balancer is None and is_sha256(state.sha256) and not is_hash(state.sha256, wanted.hash):
        actual = str(state.sha256.data) if state.sha256 else ""
        yield Finding("hash_not_wanted", "error", SHA256_VALUE, wanted.hash, actual, None, ROTATE)
