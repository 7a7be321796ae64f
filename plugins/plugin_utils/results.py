# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How states, records and certificates look in results and diffs. PRIVATE to the collection."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from .errors import one_line
from .event_table import SERVER_EVENTS, code_of, explain_code
from .inputs import Endpoint, pair
from .modes import CONFIG_STORE_VALUES, MODE_VALUES, mode_evidence
from .names import CONFIG_STORE_KEY, MACHINE_KEYSET, SHA1_VALUE, SHA256_VALUE, SSTP_KEY, owner_of
from .state import HostState, LoggedEvent, PrivateKey, RegistryValue, Served, Service, SslRecord, StoredCertificate
from .users import orphans, unlisted, unread_users, users_of
from .windows import explain
from .x509 import Certificate

_START = {0: "boot", 1: "system", 2: "automatic", 3: "manual", 4: "disabled"}


def record_result(record: SslRecord) -> dict[str, Any]:
    """A record with every field, as ssl_binding and server_info return it."""
    return {
        "endpoint": str(record.endpoint),
        "family": record.endpoint.family,
        "certificate_hash": record.certificate_hash,
        "certificate_store_name": record.certificate_store_name,
        "app_id": record.app_id,
        "owner": owner_of(record.app_id),
        "check_mode": record.check_mode,
        "revocation_freshness_time": record.revocation_freshness_time,
        "url_retrieval_timeout": record.url_retrieval_timeout,
        "ctl_identifier": record.ctl_identifier,
        "ctl_store_name": record.ctl_store_name,
        "flags": record.flags,
    }


def stamp(moment: dt.datetime, timespec: str = "seconds") -> str:
    """ISO 8601, UTC, cut off at seconds, or at what timespec names (as in datetime.isoformat)."""
    return moment.replace(tzinfo=None).isoformat(timespec=timespec) + "Z"


def certificate_result(certificate: Certificate) -> dict[str, Any]:
    """The public facts of a certificate."""
    return {
        "thumbprint": certificate.thumbprint,
        "sha256": certificate.sha256,
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "serial_number": certificate.serial,
        "not_before": stamp(certificate.not_before),
        "not_after": stamp(certificate.not_after),
        "extended_key_usage": None if certificate.eku is None else list(certificate.eku),
        "names": list(certificate.names),
    }


def _key_result(key: PrivateKey | None) -> dict[str, Any]:
    if key is None:
        return {"state": "absent", **dict.fromkeys(("provider", "container", "machine", "exportable", "acl_problem", "code"))}
    state = {None: "untested", True: "proven" if key.proven else "opens", False: "unusable"}[key.usable]
    return {
        "state": state,
        "provider": key.provider,
        "container": key.container,
        "machine": bool(key.flags & MACHINE_KEYSET),
        "exportable": key.exportable,
        "acl_problem": key.acl_problem,
        "code": key.acquire_code,
    }


def stored_result(stored: StoredCertificate, state: HostState) -> dict[str, Any]:
    """A certificate of a store, with the state of its key and what uses it."""
    return {
        **certificate_result(stored.certificate),
        "certificate_store_name": stored.store,
        "friendly_name": stored.friendly_name,
        "private_key": _key_result(stored.key),
        "used_by": users_of(state, stored.thumbprint, stored.store),
    }


def _service_result(service: Service) -> dict[str, Any]:
    start = _START.get(service.start) if service.start is not None else None
    return {"name": service.name, "state": service.state, "start_mode": start, "depends_on": list(service.depends_on)}


def _served_result(served: Served) -> dict[str, Any]:
    certificate = served.certificate
    return {
        "endpoint": str(served.endpoint),
        "thumbprint": certificate.thumbprint if certificate else None,
        "sha256": certificate.sha256 if certificate else None,
        "error": None if served.error is None else str(served.error.get("message") or ""),
    }


def hash_result(value: RegistryValue | None) -> str | None:
    """The hex of a hash, None where the value is absent; a value that is no hash is shown as what it is."""
    if value is None:
        return None
    if value.data is None:
        return value.untold
    return str(value.data) if value.kind == "binary" else f"({value.kind}) {value.data}"


def event_result(event: LoggedEvent) -> dict[str, Any]:
    """An event of RasSstp, with what its id and the code among its values mean; its message is not told: it is in the language of the server."""
    meaning, code = SERVER_EVENTS.get(event.id), code_of(event.data)
    return {
        "id": event.id,
        "level": event.level,
        "time": stamp(event.time, "milliseconds"),
        "data": list(event.data),
        "meaning": meaning.text if meaning else None,
        "code": None if code is None else f"0x{code:08X}",
        "explanation": None if code is None else explain_code(code),
    }


def events_result(state: HostState) -> dict[str, Any]:
    """The events that were read, the newest first, and why they could not be."""
    error = state.events_error
    told = None if error is None else one_line(f"The events could not be read: {explain(error)}.")
    return {"events": [event_result(event) for event in state.events], "events_error": told}


def registry_result(state: HostState) -> dict[str, Any]:
    """The hashes of SstpSvc."""
    return {"sha256": hash_result(state.sha256), "sha1": hash_result(state.sha1)}


def predecessors_result(state: HostState) -> list[dict[str, Any]]:
    """The certificates that rotations have replaced on this host, the age by the host's own clock."""
    return [predecessor(thumbprint, since, state.time) for thumbprint, since in sorted(state.predecessors.items())]


def noted_time(text: str, otherwise: dt.datetime) -> dt.datetime:
    """A time as the product notes it on hosts; one that is not readable is taken for another."""
    try:
        return dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=dt.timezone.utc)
    except ValueError:
        return otherwise


def predecessor(thumbprint: str, since: str, now: dt.datetime) -> dict[str, Any]:
    """One replaced certificate; a time that is not readable counts as long ago no more than as just now."""
    moment = noted_time(since, now)
    return {"thumbprint": thumbprint, "replaced_at": stamp(moment), "age_days": max(0, (now - moment).days)}


def server_result(state: HostState) -> dict[str, Any]:
    """Everything that server_info returns."""
    return {
        "name": state.host.get("name"),
        "port": state.port,
        "mode": state.mode if state.installed else None,
        "mode_evidence": mode_evidence(state) if state.installed else [],
        "remote_access": _remote_access_result(state),
        "installed": state.installed,
        "time": stamp(state.time),
        "utc_offset": state.utc_offset,
        "windows": {"product": state.host.get("product"), "build": state.build, "revision": state.host.get("revision")},
        "powershell": state.host.get("powershell"),
        "elevated": bool(state.host.get("elevated")),
        "bindings": [record_result(record) for record in state.records],
        "listen_only": list(state.listen_only),
        "registry": registry_result(state),
        "parameters": {name: _shown(value) for name, value in (state.parameters or {}).items()},
        "config_store": None if state.config_store is None else {name: _shown(value) for name, value in state.config_store.items()},
        "adapters": [{**asdict(adapter), "addresses": list(adapter.addresses)} for adapter in state.adapters],
        "certificates": [stored_result(stored, state) for stored in state.certificates],
        "authorities": [{**certificate_result(one.certificate), "certificate_store_name": one.store} for one in state.authorities],
        "orphaned_key_containers": [{"container": one.container, "provider": one.provider} for one in orphans(state)],
        "unread": [*unread_users(state), *unlisted(state)],
        "services": [_service_result(service) for service in state.services],
        "sessions": state.sessions,
        "sessions_error": None if state.sessions_error is None else f"The VPN sessions could not be counted: {explain(state.sessions_error)}.",
        "served": [_served_result(served) for served in state.served],
        "predecessors": predecessors_result(state),
        "interrupted": state.interrupted,
    }


def _remote_access_result(state: HostState) -> dict[str, Any] | None:
    """What RRAS itself says; None where it was not asked."""
    view = state.remote_access
    if view is None:
        return None
    return {
        "available": view.available,
        "certificate": certificate_result(view.certificate) if view.certificate else None,
        "advertised": view.advertised.thumbprint if view.advertised else None,
        "use_http": view.use_http,
        "connect_to": view.connect_to,
        "nodes": [{"name": node.name, "status": node.status} for node in view.nodes],
        "error": None if view.error is None else str(view.error.get("message") or ""),
    }


def _shown(value: RegistryValue) -> Any:
    return value.data if value.data is not None else value.untold


def bindings_diff(state: HostState, endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """endpoint -> record, or None: one side of a diff."""
    return {str(endpoint): record_diff(state.record(endpoint)) for endpoint in endpoints}


def record_diff(record: SslRecord | None) -> dict[str, Any] | None:
    if record is None:
        return None
    return {name: value for name, value in record_result(record).items() if name not in ("endpoint", "family", "owner")}


def rotation_diff(state: HostState) -> dict[str, Any]:
    """What a rotation may change, as one side of a diff."""
    others = [record.endpoint for record in state.records if record.endpoint.port == state.port]
    names = [(SSTP_KEY, name) for name in MODE_VALUES] + [(CONFIG_STORE_KEY, name) for name in CONFIG_STORE_VALUES]
    modes = {name if path == SSTP_KEY else f"ConfigStore\\{name}": state.value(path, name) for path, name in names}
    return {
        "bindings": bindings_diff(state, dict.fromkeys((*pair(state.port), *others))),
        "registry": {
            SHA256_VALUE: hash_result(state.sha256),
            SHA1_VALUE: hash_result(state.sha1),
            **{name: None if value is None else _shown(value) for name, value in modes.items()},
        },
        "services": {service.name: service.state for service in state.services},
    }


def diff(before: Mapping[str, Any], after: Mapping[str, Any], header: str) -> dict[str, Any]:
    """A diff as ansible-core shows it."""
    return {"before_header": header, "after_header": header, "before": dict(before), "after": dict(after)}
