# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands against a change, as one sentence: the refusals. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from .changes import Change, DeleteValue, Forgotten, Hold, SetValue
from .errors import SstpError
from .fitness import Circumstances, fitness
from .inputs import Endpoint, pair
from .names import (
    ADMINISTRATOR,
    BEFORE_OFFLOAD_KEY,
    CONFIG_STORE_KEY,
    OFFLOAD,
    SERVICE_DISABLED,
    SSTP_APP_ID,
    SSTP_KEY,
    is_program,
    owner_of,
)
from .sstp.verification import verify_name
from .state import HostState, StoredCertificate
from .x509 import Certificate


def require_sstp(state: HostState) -> None:
    """SSTP must be there, and the account must be allowed to change it."""
    if not state.installed:
        raise SstpError("SSTP is not installed on this host (there is no service SstpSvc); install the Remote Access role with routing and VPN first.")
    require_rights(state)


def require_rights(state: HostState) -> None:
    """HTTP.SYS, the machine's certificate store and SstpSvc can be changed by an elevated administrator only."""
    if not state.host.get("elevated"):
        raise SstpError("Access is denied (5): the account of this connection is no elevated administrator on the host; connect with one that is.")


def require_remote_access(state: HostState, certificate: Certificate) -> None:
    """Set-RemoteAccess must be there, and take the certificate: it refuses one that is not for the name that DirectAccess clients dial."""
    view = state.remote_access
    other = "writer: direct binds the certificate and writes its hash without RRAS, whose own configuration then stays at the old certificate"
    if view is None or not view.available:
        raise SstpError(f"This host has no cmdlet Set-RemoteAccess, with which administrator mode gets its certificate; {other}.")
    if view.error is not None:
        why = str(view.error.get("message")).rstrip(".")
        raise SstpError(f"RRAS does not say how it is configured (Get-RemoteAccess: {why}); see why, first, or: {other}.")
    if view.connect_to and verify_name(certificate, view.connect_to) is not None:
        names = ", ".join(certificate.names) or certificate.subject
        raise SstpError(
            f"DirectAccess clients of this server dial {view.connect_to} (ConnectToAddress), and RRAS takes no certificate that is not for it: "
            f"{certificate.thumbprint} is for {names}; have one issued that has this name as well."
        )


def require_way_back(state: HostState, changes: Iterable[Change]) -> None:
    """A value is changed only where it can be put back: not one that is too long to be told, or of a type that is not."""
    for change in changes:
        inner = change.of if isinstance(change, Hold) else change.change if isinstance(change, Forgotten) else change
        if not isinstance(inner, SetValue | DeleteValue) or inner.path not in (SSTP_KEY, CONFIG_STORE_KEY, BEFORE_OFFLOAD_KEY):
            continue
        value = state.value(inner.path, inner.name)
        if value is not None and value.data is None:
            raise SstpError(
                f"The registry value {inner.name} (HKLM\\{inner.path}) {value.untold} could not be put back if the change failed, so nothing was touched; "
                "see what has written it, and delete it."
            )


def require_rebindable(state: HostState, endpoints: Collection[Endpoint], certificate: Certificate | None) -> None:
    """In administrator mode a record of the pair with another certificate than the configured one raises RasSstp event 32."""
    bound = certificate is not None and state.sha256 is not None and state.sha256.data == certificate.sha256
    touched = [str(endpoint) for endpoint in endpoints if endpoint in pair(state.listener_port)]
    if state.mode == ADMINISTRATOR and touched and not bound:
        raise SstpError(
            f"The certificate of this server was chosen in the RRAS console or with Set-RemoteAccess (isHashConfiguredByAdmin is 1): "
            f"binding another one to {' and '.join(touched)} directly would raise RasSstp event 32; rras.sstp.rotate tells RRAS as well."
        )


def require_derived_hash(state: HostState) -> None:
    """Only in automatic mode does the service derive a hash that is absent; in the others it refuses every client (event 18)."""
    if state.mode == OFFLOAD:
        raise SstpError(
            "TLS is ended in front of this server (UseHttps is 0): nobody would write the hash of the load balancer's certificate again, and "
            "no client would be let in (RasSstp event 18); write the new hash instead, or end offload with rras.sstp.rotate and mode: automatic."
        )
    if state.mode == ADMINISTRATOR:
        raise SstpError(
            "The certificate of this server was chosen by its administrator (isHashConfiguredByAdmin is 1): the service would not derive the hash again, "
            "and no client would be let in (RasSstp event 18); rras.sstp.rotate with mode: automatic goes back to a hash that the service derives."
        )


def require_other_record(state: HostState, endpoints: Collection[Endpoint]) -> None:
    """The last record of a program that is known to own records is for that program to remove, whatever take_over says."""
    for endpoint in endpoints:
        record = state.record(endpoint)
        if record is None or not is_program(record.app_id):
            continue
        if not any(other.app_id == record.app_id and other.endpoint not in endpoints for other in state.records):
            owner = owner_of(record.app_id)
            raise SstpError(
                f"The HTTP.SYS record of {endpoint} is the last one of {owner}, which would serve no TLS without it, so it was not removed; "
                f"remove it with {owner} itself, or give {owner} another record first."
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


def require_fitness(certificate: Certificate, around: Circumstances) -> None:
    """A certificate that SSTP or its clients would refuse is not bound."""
    for problem in fitness(certificate, around):
        if problem.severity == "error":
            raise SstpError(f"The certificate {certificate.thumbprint} ({certificate.subject}) {problem.sentence}.", rule=problem.id)


def require_usable(stored: StoredCertificate | None, thumbprint: str, *, imported: bool = False) -> None:
    """HTTP.SYS answers 1312 to a certificate that is not in the store or whose private key does not open.

    imported: just now and into the machine's key set, so that it need not be asked whose the key is.
    """
    if stored is None:
        raise SstpError(f"The certificate {thumbprint} is not in LocalMachine\\MY on this host; import it first, with rras.sstp.certificate.")
    if stored.key is None:
        raise SstpError(f"The certificate {thumbprint} is in LocalMachine\\MY without a private key; import it again together with its key.", rule="key_absent")
    problem = stored.key.defect if imported else stored.key.problem
    if problem is not None:
        again = "import the certificate again, with its private key"
        raise SstpError(f"The private key of certificate {thumbprint} is not usable: {problem}; {again}.", rule="key_unusable")


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
