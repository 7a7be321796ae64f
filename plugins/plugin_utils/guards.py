# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands against a change, as one sentence: the refusals. PRIVATE to the collection."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import replace

from .errors import SstpError
from .inputs import Endpoint, pair
from .names import SERVICE_DISABLED, SSTP_APP_ID, owner_of
from .state import HostState, StoredCertificate
from .x509 import Certificate, fitness


def require_sstp(state: HostState) -> None:
    """SSTP must be there, and the account must be allowed to change it."""
    if not state.installed:
        raise SstpError("SSTP is not installed on this host (there is no service SstpSvc); install the Remote Access role with routing and VPN first.")
    require_rights(state)


def require_rights(state: HostState) -> None:
    """HTTP.SYS, the machine's certificate store and SstpSvc can be changed by an elevated administrator only."""
    if not state.host.get("elevated"):
        raise SstpError("Access is denied (5): the account of this connection is no elevated administrator on the host; connect with one that is.")


def require_automatic_mode(state: HostState) -> None:
    """The other modes need other steps: a direct rebinding raises Event 32 in administrator mode."""
    if state.mode == "administrator":
        raise SstpError(
            "The certificate of this server was chosen in the RRAS console or with Set-RemoteAccess (isHashConfiguredByAdmin is 1), and "
            "a direct rebinding would raise Event 32; rotating in this mode is not built yet: use Set-RemoteAccess -SslCertificate."
        )
    if state.mode == "offload":
        raise SstpError(
            "TLS is ended in front of this server (UseHttps is 0), so its hash must be that of the load balancer's certificate; "
            "rotating in this mode is not built yet: write the balancer's hash with rras.sstp.registry_hash and restart."
        )


def require_restartable(state: HostState, to_start: Collection[str] = ()) -> None:
    """A service that is disabled cannot be started (1058): neither again after a stop, nor because another one needs it."""
    for service in state.services:
        if service.start == SERVICE_DISABLED and service.state == "stopped" and service.name in to_start:
            raise SstpError(f"RRAS needs the service {service.name}, which is disabled; set its start mode to manual or automatic first.")
        if service.start == SERVICE_DISABLED and service.state != "stopped":
            raise SstpError(
                f"The service {service.name} runs although it is disabled, so it could not be started again after the change; "
                "set its start mode to manual or automatic, or stop it for good, first."
            )


def require_fitness(certificate: Certificate, now: dt.datetime) -> None:
    """A certificate that SSTP or its clients would refuse is not bound."""
    for problem in fitness(certificate, now):
        if problem.severity == "error":
            raise SstpError(f"The certificate {certificate.thumbprint} ({certificate.subject}) {problem.sentence}.", rule=problem.id)


def require_usable(stored: StoredCertificate | None, thumbprint: str) -> None:
    """HTTP.SYS answers 1312 to a certificate that is not in the store or whose private key does not open."""
    if stored is None:
        raise SstpError(f"The certificate {thumbprint} is not in LocalMachine\\MY on this host; import it first, with rras.sstp.certificate.")
    if stored.key is None:
        raise SstpError(f"The certificate {thumbprint} is in LocalMachine\\MY without a private key; import it again from a PFX that has one.")
    if stored.key.usable is False:
        code = stored.key.acquire_code or 0
        reason = f"it does not open (0x{code & 0xFFFFFFFF:08X})" if code else "what it signs does not fit the certificate"
        raise SstpError(f"The private key of certificate {thumbprint} is not usable: {reason}; import the certificate again from its PFX.")


def require_ownership(state: HostState, endpoints: Iterable[Endpoint], take_over: bool, own: str = SSTP_APP_ID) -> None:
    """A record of another application than own is changed only when the user says so."""
    for endpoint in endpoints:
        record = state.record(endpoint)
        if record and record.app_id not in (own, SSTP_APP_ID) and not take_over:
            owner = owner_of(record.app_id)
            raise SstpError(
                f"The HTTP.SYS record of {endpoint} belongs to {owner} (app_id {record.app_id}), so it was not touched; "
                "set take_over to true if SSTP and its owner are to share the certificate."
            )


def users_of(state: HostState, thumbprint: str, store: str = "MY") -> list[str]:
    """What still refers to a certificate of a store, each as a phrase; a record without a store name means MY."""
    users = [
        f"the HTTP.SYS record of {record.endpoint} ({owner_of(record.app_id)})"
        for record in state.records
        if record.certificate_hash == thumbprint and record.store == store
    ]
    stored = state.certificate(thumbprint, store)
    if stored is None:
        return users
    if state.sha256 is not None and state.sha256.data == stored.certificate.sha256:
        users.append("the SHA-256 hash of SstpSvc")
    if stored.key is not None:
        users += [
            f"the certificate {other.thumbprint}, which has the same private key"
            for other in state.certificates
            if other is not stored and _container(stored) is not None and _container(other) == _container(stored)
        ]
    return users


def _container(stored: StoredCertificate) -> tuple[str, str] | None:
    """Provider and container of the key, in one spelling; None where they are not known."""
    if stored.key is None or stored.key.container is None:
        return None
    return (stored.key.provider or "").lower(), stored.key.container.lower()


def require_unused(state: HostState, thumbprint: str, successor: str | None) -> None:
    """A certificate goes only when nothing refers to it.

    successor: for check mode, the certificate that a rotation would by then have put in its place in SSTP's pair and hashes.
    """
    users = users_of(state if successor in (None, thumbprint) else _as_rotated(state, thumbprint), thumbprint)
    if users:
        raise SstpError(f"The certificate {thumbprint} was not removed, because it is still used: {'; '.join(users)}.", used_by=users)


def _as_rotated(state: HostState, old: str) -> HostState:
    endpoints = pair(state.port)
    records = tuple(record for record in state.records if record.endpoint not in endpoints or record.certificate_hash != old)
    return replace(state, records=records, parameters={})
