# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the HTTP.SYS records, and about where HTTP.SYS listens. PRIVATE to the collection."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from .. import repairs
from ..findings import Policy
from ..inputs import Endpoint, pair
from ..modes import target_mode
from ..names import OFFLOAD, SSTP_APP_ID, is_program, owner_of
from ..plan import is_listed, wanted_records
from ..state import HostState
from .rule import HTTPS_MODES, ROTATE, Breach, Rule


def _missing(state: HostState, _policy: Policy) -> Iterator[Breach]:
    for endpoint in state.wildcards:
        if state.record(endpoint) is None:
            yield Breach(str(endpoint), "none")


def _foreign(state: HostState, _policy: Policy) -> Iterator[Breach]:
    for endpoint in state.wildcards:
        record = state.record(endpoint)
        if record is not None and record.app_id != SSTP_APP_ID:
            details = {"endpoint": str(endpoint), "certificate_hash": record.certificate_hash, "store": record.certificate_store_name or "MY"}
            yield Breach(str(endpoint), owner_of(record.app_id), details=details)


def _mismatch(state: HostState, _policy: Policy) -> Iterator[Breach]:
    v4, v6 = state.pair
    if v4 and v6 and v4.certificate_hash != v6.certificate_hash:
        yield Breach(f"{v4.endpoint} and {v6.endpoint}", f"{v4.certificate_hash or 'none'} and {v6.certificate_hash or 'none'}")


def _hidden(state: HostState, _policy: Policy) -> Iterator[Breach]:
    """Records that HTTP.SYS prefers to the wildcard pair: exact IP, then SNI, then CCS."""
    bound = [record.certificate_hash for record in state.pair if record and record.certificate_hash]
    for record in state.records:
        if record.endpoint.port != state.port or record.endpoint in pair(state.port):
            continue
        shared = record.endpoint.family != "ccs" and record.certificate_hash in bound
        none = "the central certificate store" if record.endpoint.family == "ccs" else "no certificate"
        whom = f"it goes before the pair for {_clients_of(record.endpoint)}"
        if shared:
            remedy = f"{whom}, with the same certificate for now: rotate with shared_records, or it keeps the old one"
        else:
            owner = f"let {owner_of(record.app_id)} remove it" if is_program(record.app_id) else "remove it"
            remedy = f"{whom}, who cannot log in then: {owner}, or give it the pair's certificate (rras.sstp.ssl_binding with take_over)"
        yield Breach(
            str(record.endpoint),
            f"{record.certificate_hash or none} ({owner_of(record.app_id)})",
            severity="warning" if shared or not _arrives(state, record.endpoint) else "",
            remedy=remedy,
            details={
                "endpoint": str(record.endpoint),
                "shared": "yes" if shared else "",
                "program": record.app_id if is_program(record.app_id) else "",
                "bound": bound[0] if bound else "",
            },
        )


def _clear_the_way(case: repairs.Case) -> str | None:
    """The central store is its program's own, which would serve no TLS without it: nothing but the program itself is to touch it."""
    if case.details.get("program") and case.details["endpoint"].startswith("ccs:"):
        return None
    return repairs.rotate_sharing(case) if case.details.get("shared") else repairs.clear_the_way(case)


def _clients_of(endpoint: Endpoint) -> str:
    if endpoint.family == "ip":
        return f"clients that connect to {endpoint.address}"
    return f"clients that dial {endpoint.host}" if endpoint.family == "sni" else "clients of any name that has a certificate there"


def _arrives(state: HostState, endpoint: Endpoint) -> bool:
    """Can anybody connect to that address of the host? Where its addresses are not known, yes."""
    addresses = {address for adapter in state.adapters for address in adapter.addresses}
    return endpoint.family != "ip" or not addresses or endpoint.address in addresses


def _not_wanted(state: HostState, policy: Policy) -> Iterator[Breach]:
    """The records that are there, and would not be as they are after the rotation that is asked for."""
    wanted = policy.wanted
    if wanted is None or wanted.thumbprint is None or target_mode(state, wanted.mode) == OFFLOAD:
        return
    for record in wanted_records(state, wanted):
        found = state.record(record.endpoint)
        if found and found != record:
            yield Breach(str(record.endpoint), found.certificate_hash or "no certificate", expected=wanted.thumbprint)


def _listen_list(state: HostState, policy: Policy) -> Iterator[Breach]:
    """HTTP.SYS listens on the addresses of the list only, where there is one."""
    if not state.listen_only:
        return
    own = _own_addresses(state)
    known = policy.public_addresses or tuple(a for a in (_address_of(sight.endpoint) for sight in policy.wire) if a in own)
    left_out = [address for address in known or own if not is_listed(state, address)]
    if left_out:
        actual = f"{', '.join(state.listen_only)}, without {', '.join(left_out)}"
        yield Breach("IP listen list", actual, severity="error" if known else "warning", details={"addresses": " ".join(left_out)})


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


RULES = (
    Rule(
        id="binding_missing",
        severity="error",
        expected="an HTTP.SYS record",
        why="HTTP.SYS has no certificate to show there, so TLS does not come about, and SstpSvc has no hash to take.",
        sees=_missing,
        remedy=ROTATE,
        repair=repairs.rotate,
        event=21,
        modes=HTTPS_MODES,
    ),
    Rule(
        id="binding_foreign_app_id",
        severity="warning",
        expected="the app_id of SSTP",
        why="Another application says that the record is its own, and may change it at its next renewal.",
        sees=_foreign,
        remedy="let its owner and SSTP share one certificate; rras.sstp.rotate changes the record only with take_over",
        repair=repairs.make_it_of_sstp,
        repairable=False,
        modes=HTTPS_MODES,
    ),
    Rule(
        id="binding_mismatch",
        severity="error",
        expected="the same certificate",
        why="SstpSvc can have the hash of one certificate only, and refuses to serve two.",
        sees=_mismatch,
        remedy=ROTATE,
        repair=repairs.rotate,
        event=24,
        modes=HTTPS_MODES,
    ),
    Rule(
        id="binding_hidden",
        severity="error",
        expected="no record that goes before the pair",
        why="HTTP.SYS takes the record of an exact address first, then that of a host name, then the central store, and the pair last. Clients that meet "
        "another record are shown another certificate than the one that SSTP means, and fail at the crypto binding.",
        sees=_hidden,
        remedy="remove it, or give it the pair's certificate (rras.sstp.ssl_binding with take_over)",
        repair=_clear_the_way,
        repairable=False,
        modes=HTTPS_MODES,
    ),
    Rule(
        id="binding_not_wanted",
        severity="error",
        expected="the certificate that is asked for",
        why="The audit was given a certificate, and the record has another, or other settings than a rotation would leave.",
        sees=_not_wanted,
        remedy=ROTATE,
        repair=repairs.rotate,
        modes=HTTPS_MODES,
    ),
    Rule(
        id="listen_list_leaves_out",
        severity="error",
        expected="the addresses at which clients arrive, or an empty list",
        why="HTTP.SYS listens on the addresses of its IP listen list only, where there is one: at the others nothing answers, however right the records are.",
        sees=_listen_list,
        remedy="add the address to the list, or empty it; if clients arrive elsewhere, say so with public_addresses",
        repair=repairs.listen,
        repairable=False,
    ),
)
