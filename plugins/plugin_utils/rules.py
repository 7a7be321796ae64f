# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit rules: from a host's state to findings, one small function per place. PRIVATE to the collection."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from . import mode_rules
from .chains import is_self_signed
from .findings import ROTATE, Finding, Policy, fitness_findings, show_value
from .fitness import SEVERITIES
from .inputs import Endpoint, pair
from .modes import target_mode
from .names import (
    ADMINISTRATOR,
    OFFLOAD,
    ROOT_STORE,
    RRAS_SERVICE,
    SERVICE_DISABLED,
    SHA1_VALUE,
    SHA256_VALUE,
    SSTP_APP_ID,
    SSTP_SERVICE,
    is_program,
    owner_of,
)
from .plan import is_listed, loopbacks, needed, wanted_records
from .state import HostState, SslRecord, StoredCertificate
from .users import orphans
from .wire import Sight

_MOST_NAMED = 10


def judge(state: HostState, policy: Policy) -> tuple[Finding, ...]:
    """All findings, errors first. A host without SSTP has that one finding only."""
    if not state.installed:
        remedy = "install the Remote Access role with routing and VPN"
        return (Finding("sstp_not_installed", "error", "SstpSvc", "the service SstpSvc", "no such service", None, remedy, False),)
    _record, bound = _hash_value(state)
    findings = (
        *_interrupted(state),
        *(mode_rules.offload(state, policy) if state.mode == OFFLOAD else _https(state, policy)),
        *mode_rules.administrator(state, bound),
        *mode_rules.remote_access(state, bound, policy),
        *mode_rules.config_store(state, policy),
        *mode_rules.wanted_mode(state, policy),
        *_misplaced(state),
        *_orphans(state),
        *_listen_list(state, policy),
        *_services(state),
        *(_served(state) if state.mode != OFFLOAD else ()),
        *_wire(state, policy),
    )
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))


def _https(state: HostState, policy: Policy) -> Iterator[Finding]:
    """Where the server itself ends TLS."""
    yield from _bindings(state)
    yield from _hiding(state)
    yield from _bound_certificates(state, policy)
    yield from _sha256(state)
    yield from _sha1(state)
    yield from _candidate(state, policy)


def _interrupted(state: HostState) -> Iterator[Finding]:
    if state.interrupted:
        remedy = "run the rotation again: it takes the half-done one back first"
        yield Finding("rotation_interrupted", "error", "journal", "no journal of an unfinished change", "a journal", None, remedy)


def _bindings(state: HostState) -> Iterator[Finding]:
    """The pair: both there (as far as the host has both families), both the same, both SSTP's."""
    v4, v6 = state.pair
    for endpoint in state.wildcards:
        record = state.record(endpoint)
        if record is None:
            yield Finding("binding_missing", "error", str(endpoint), "an HTTP.SYS record", "none", 21, ROTATE)
        elif record.app_id != SSTP_APP_ID:
            remedy = "let its owner and SSTP share one certificate; rras.sstp.rotate changes the record only with take_over"
            yield Finding("binding_foreign_app_id", "warning", str(endpoint), "the app_id of SSTP", owner_of(record.app_id), None, remedy, False)
    if v4 and v6 and v4.certificate_hash != v6.certificate_hash:
        subject = f"{v4.endpoint} and {v6.endpoint}"
        actual = f"{v4.certificate_hash or 'none'} and {v6.certificate_hash or 'none'}"
        yield Finding("binding_mismatch", "error", subject, "the same certificate", actual, 24, ROTATE)


def _hiding(state: HostState) -> Iterator[Finding]:
    """Records that HTTP.SYS prefers to the wildcard pair: exact IP, then SNI, then CCS."""
    bound = {record.certificate_hash for record in state.pair if record} - {""}
    for record in state.records:
        if record.endpoint.port != state.port or record.endpoint in pair(state.port):
            continue
        shared = record.endpoint.family != "ccs" and record.certificate_hash in bound
        none = "the central certificate store" if record.endpoint.family == "ccs" else "no certificate"
        actual = f"{record.certificate_hash or none} ({owner_of(record.app_id)})"
        whom = f"it goes before the pair for {_clients_of(record.endpoint)}"
        if shared:
            remedy = f"{whom}, with the same certificate for now: rotate with shared_records, or it keeps the old one"
        else:
            owner = f"let {owner_of(record.app_id)} remove it" if is_program(record.app_id) else "remove it"
            remedy = f"{whom}, who cannot log in then: {owner}, or give it the pair's certificate (rras.sstp.ssl_binding with take_over)"
        severity = "warning" if shared or not _arrives(state, record.endpoint) else "error"
        yield Finding("binding_hidden", severity, str(record.endpoint), "no record that goes before the pair", actual, None, remedy, False)


def _clients_of(endpoint: Endpoint) -> str:
    if endpoint.family == "ip":
        return f"clients that connect to {endpoint.address}"
    return f"clients that dial {endpoint.host}" if endpoint.family == "sni" else "clients of any name that has a certificate there"


def _arrives(state: HostState, endpoint: Endpoint) -> bool:
    """Can anybody connect to that address of the host? Where its addresses are not known, yes."""
    addresses = {address for adapter in state.adapters for address in adapter.addresses}
    return endpoint.family != "ip" or not addresses or endpoint.address in addresses


def _bound(state: HostState) -> dict[tuple[str, str], list[Endpoint]]:
    """(thumbprint, store) -> the endpoints of the pair that are bound to it."""
    bound: dict[tuple[str, str], list[Endpoint]] = {}
    for record in state.pair:
        if record:
            bound.setdefault((record.certificate_hash, record.store), []).append(record.endpoint)
    return bound


def _bound_certificates(state: HostState, policy: Policy) -> Iterator[Finding]:
    for (thumbprint, store), endpoints in _bound(state).items():
        subject = ", ".join(str(e) for e in endpoints)
        stored = state.certificate(thumbprint, store)
        if stored is None:
            expected = f"the bound certificate in LocalMachine\\{store}"
            yield Finding("certificate_missing", "error", subject, expected, f"no {thumbprint or 'certificate at all'}", 21, ROTATE)
            continue
        yield from _key(stored, subject)
        yield from fitness_findings(stored.certificate, subject, state, policy)


def _key(stored: StoredCertificate, subject: str) -> Iterator[Finding]:
    key = stored.key
    if key is not None and key.problem is None:
        return
    actual = "no private key" if key is None else f"a key that is not usable: {key.problem}"
    remedy = "import the certificate again with its private key, or rotate to another"
    yield Finding("key_unusable", "error", f"{subject} ({stored.thumbprint})", "a private key that signs", actual, 12, remedy)


def _misplaced(state: HostState) -> Iterator[Finding]:
    """An issuer that is no root, among the roots: Schannel then takes certificates of clients for untrusted (KB 2802568).

    https://learn.microsoft.com/troubleshoot/developer/webapps/iis/www-authentication-authorization/errors-403-7-reject-client-certificate-rquest
    """
    for one in state.authorities:
        if one.store == ROOT_STORE and not is_self_signed(one.certificate):
            remedy = "move it into LocalMachine\\CA; where it is now, clients that log on with certificates may be refused"
            subject = f"{one.thumbprint} ({one.certificate.subject})"
            yield Finding("issuer_misplaced", "warning", subject, "roots alone in LocalMachine\\Root", "an intermediate CA", None, remedy, False)


def _orphans(state: HostState) -> Iterator[Finding]:
    """Private keys that stay behind when their certificates go; a program may keep one of its own, so nobody else removes them."""
    found = [one.container for one in orphans(state)]
    if found:
        actual = f"{len(found)}: {', '.join(found[:_MOST_NAMED])}" + (f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else "")
        remedy = "see whose each of them is, and remove those of certificates that are gone (rras.sstp.certificate, state: absent with key_container)"
        yield Finding("key_orphaned", "info", "private keys", "a certificate for each key container of the machine", actual, None, remedy, False)


def _hash_value(state: HostState) -> tuple[SslRecord | None, StoredCertificate | None]:
    record = state.pair[0] or state.pair[1]
    return record, state.certificate(record.certificate_hash, record.store) if record else None


def _sha256(state: HostState) -> Iterator[Finding]:
    record, stored = _hash_value(state)
    value = state.sha256
    expected = stored.certificate.sha256 if stored else "the SHA-256 of the bound certificate"
    if value is None:
        event = 18 if stored is not None or state.mode == ADMINISTRATOR else 21
        yield Finding("registry_sha256_missing", "error", SHA256_VALUE, expected, "no value", event, ROTATE)
    elif not mode_rules.is_sha256(value):
        yield Finding("registry_sha256_malformed", "error", SHA256_VALUE, "32 bytes", show_value(value), 18, ROTATE)
    elif record and stored and value.data != stored.certificate.sha256 and state.mode != ADMINISTRATOR:
        remedy = f"TLS looks right, but every logon fails at the crypto binding (client event 6); {ROTATE}"
        yield Finding("registry_sha256_different", "error", SHA256_VALUE, expected, value.data, None, remedy)


def _sha1(state: HostState) -> Iterator[Finding]:
    _record, stored = _hash_value(state)
    value = state.sha1
    if value is None:
        return
    if value.kind != "binary" or not isinstance(value.data, str) or len(value.data) != 40:
        yield Finding("registry_sha1_malformed", "error", SHA1_VALUE, "20 bytes, or no value", show_value(value), 19, ROTATE)
    elif stored and value.data != stored.thumbprint:
        yield Finding("registry_sha1_different", "error", SHA1_VALUE, stored.thumbprint, value.data, None, ROTATE)


def _candidate(state: HostState, policy: Policy) -> Iterator[Finding]:
    """The records that are there, and would not be as they are after the rotation that is asked for."""
    wanted = policy.wanted
    if wanted is None or wanted.thumbprint is None or target_mode(state, wanted.mode) == OFFLOAD:
        return
    for record in wanted_records(state, wanted):
        found = state.record(record.endpoint)
        if found and found != record:
            actual = found.certificate_hash or "no certificate"
            yield Finding("binding_not_wanted", "error", str(record.endpoint), wanted.thumbprint, actual, None, ROTATE)


def _listen_list(state: HostState, policy: Policy) -> Iterator[Finding]:
    """HTTP.SYS listens on the addresses of the list only, where there is one."""
    if not state.listen_only:
        return
    own = _own_addresses(state)
    known = policy.public_addresses or tuple(a for a in (_address_of(sight.endpoint) for sight in policy.wire) if a in own)
    left_out = [address for address in known or own if not is_listed(state, address)]
    if not left_out:
        return
    expected = "the addresses at which clients arrive, or an empty list"
    remedy = "add the address to the list, or empty it; if clients arrive elsewhere, say so with public_addresses"
    severity = "error" if known else "warning"
    actual = f"{', '.join(state.listen_only)}, without {', '.join(left_out)}"
    yield Finding("listen_list_leaves_out", severity, "IP listen list", expected, actual, None, remedy, False)


def _own_addresses(state: HostState) -> tuple[str, ...]:
    """The host's addresses that others can connect to."""
    addresses = (address for adapter in state.adapters if adapter.up for address in adapter.addresses)
    return tuple(address for address in addresses if not _is_local(address))


def _is_local(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return True
    return parsed.is_loopback or parsed.is_link_local


def _address_of(endpoint: str) -> str:
    return endpoint.rpartition(":")[0].strip("[]")


def _services(state: HostState) -> Iterator[Finding]:
    rras = state.service(RRAS_SERVICE)
    if rras is None:
        remedy = "install the Remote Access role with routing and VPN"
        yield Finding("rras_not_installed", "error", RRAS_SERVICE, "the service", "no such service", None, remedy, False)
    elif rras.start == SERVICE_DISABLED:
        remedy = "enable Routing and Remote Access if this server is to serve VPN, also after its next start"
        yield Finding("rras_disabled", "warning", RRAS_SERVICE, "running, and started with Windows", f"disabled, {rras.state}", None, remedy, False)
    elif rras.state != "running":
        yield Finding("rras_stopped", "error", RRAS_SERVICE, "running", rras.state, None, "start it; rras.sstp.rotate does so")
    else:
        yield from _stopped_below(state)


def _stopped_below(state: HostState) -> Iterator[Finding]:
    """A service that died while RRAS, which needs it, goes on."""
    remedy = "RRAS runs without it, so start it; rras.sstp.rotate does so"
    for name in needed(state):
        service = state.service(name)
        if service is None or service.state == "running":
            continue
        if name.lower() == SSTP_SERVICE.lower():
            yield Finding("sstp_stopped", "error", SSTP_SERVICE, "running", service.state, 22, remedy)
        else:
            yield Finding("rras_dependency_stopped", "error", service.name, "running", service.state, None, remedy)


def _served(state: HostState) -> Iterator[Finding]:
    """What a TLS client on the host sees. Nothing can be served while RRAS does not run: that has its own finding."""
    record, _stored = _hash_value(state)
    rras = state.service(RRAS_SERVICE)
    if record is None or rras is None or rras.state != "running" or state.port != state.listener_port:
        return
    for served in state.served:
        if served.endpoint.port != state.port or served.endpoint not in loopbacks(state):
            continue
        subject = str(served.endpoint)
        if served.certificate is None:
            actual = str((served.error or {}).get("message") or "no certificate")
            remedy = "no TLS connection could be made on the host itself: see the other findings, else the System log"
            yield Finding("served_nothing", "error", subject, record.certificate_hash, actual, 21, remedy, False)
        elif served.certificate.thumbprint != record.certificate_hash:
            remedy = "something else answers on the port: see records that go before the pair, and other listeners"
            yield Finding("served_different", "error", subject, record.certificate_hash, served.certificate.thumbprint, None, remedy, False)


def _wire(state: HostState, policy: Policy) -> Iterator[Finding]:
    """What the controller is shown, against what the server says of the record for that family."""
    for sight in policy.wire:
        subject = sight.endpoint
        record = state.pair[sight.is_ipv6]
        if not sight.reached:
            remedy = "that may say nothing against the server: see whether the controller may connect there, or look from where clients are"
            yield Finding("wire_unreachable", "warning", subject, "an answer to the controller", sight.verdict.sentence, None, remedy, False)
        elif state.mode == OFFLOAD:
            yield from _wire_in_offload(state, sight)
        elif sight.thumbprint and record and sight.thumbprint != record.certificate_hash:
            remedy = "clients are shown another certificate than SSTP means: see what answers there, another host or a device that ends TLS"
            yield Finding("wire_different", "error", subject, record.certificate_hash, sight.thumbprint, None, remedy, False)
        elif not sight.verdict.ok:
            remedy = "see the other findings, and what lies between the controller and the server"
            yield Finding("wire_refused", "error", subject, "SSTP", sight.verdict.sentence, None, remedy, False)


def _wire_in_offload(state: HostState, sight: Sight) -> Iterator[Finding]:
    """Clients meet the device in front: what it shows is what the server must have the hash of."""
    value = state.sha256
    if sight.sha256 is not None and value is not None and mode_rules.is_sha256(value) and sight.sha256 != value.data:
        remedy = "every logon fails at the crypto binding (client event 6); rotate with the balancer named (rras.sstp.rotate, balancer)"
        yield Finding("wire_different", "error", sight.endpoint, str(value.data), sight.sha256, None, remedy, False)
    elif not sight.verdict.ok:
        remedy = "see what the device in front and the server behind it say"
        yield Finding("wire_refused", "error", sight.endpoint, "SSTP", sight.verdict.sentence, None, remedy, False)
