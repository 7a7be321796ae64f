# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about what runs, what the server serves to itself, and what clients are shown. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Iterator

from .. import repairs
from ..findings import Policy
from ..names import OFFLOAD, RRAS_SERVICE, SERVICE_DISABLED, SSTP_KEY, SSTP_SERVICE
from ..plan import loopbacks, needed
from ..state import HostState, Service
from ..wire import Sight
from .registry import bound_pair, is_sha256
from .rule import HTTPS_MODES, Breach, Rule

_START = "RRAS runs without it, so start it; rras.sstp.rotate does so"


def _not_installed(state: HostState, _policy: Policy) -> Iterator[Breach]:
    if state.service(SSTP_SERVICE) is None:
        yield Breach(SSTP_SERVICE, "no such service")


def _no_parameters(state: HostState, _policy: Policy) -> Iterator[Breach]:
    if state.service(SSTP_SERVICE) is not None and state.parameters is None:
        yield Breach(f"HKLM\\{SSTP_KEY}", "no such key")


def _not_elevated(state: HostState, _policy: Policy) -> Iterator[Breach]:
    if state.host.get("elevated") is False:
        yield Breach("connection", "one that is not")


def _interrupted(state: HostState, _policy: Policy) -> Iterator[Breach]:
    if state.interrupted:
        yield Breach("journal", "a journal")


def _no_rras(state: HostState, _policy: Policy) -> Iterator[Breach]:
    if state.service(RRAS_SERVICE) is None:
        yield Breach(RRAS_SERVICE, "no such service")


def _disabled(state: HostState, _policy: Policy) -> Iterator[Breach]:
    rras = state.service(RRAS_SERVICE)
    if rras is not None and rras.start == SERVICE_DISABLED:
        yield Breach(RRAS_SERVICE, f"disabled, {rras.state}")


def _stopped(state: HostState, _policy: Policy) -> Iterator[Breach]:
    rras = state.service(RRAS_SERVICE)
    if rras is not None and rras.start != SERVICE_DISABLED and rras.state != "running":
        yield Breach(RRAS_SERVICE, rras.state)


def _below(state: HostState) -> Iterator[Service]:
    """Services that died while RRAS, which needs them, goes on."""
    rras = state.service(RRAS_SERVICE)
    if rras is None or rras.start == SERVICE_DISABLED or rras.state != "running":
        return
    for name in needed(state):
        service = state.service(name)
        if service is not None and service.state != "running":
            yield service


def _sstp_stopped(state: HostState, _policy: Policy) -> Iterator[Breach]:
    for service in _below(state):
        if service.name.lower() == SSTP_SERVICE.lower():
            yield Breach(SSTP_SERVICE, service.state)


def _dependency_stopped(state: HostState, _policy: Policy) -> Iterator[Breach]:
    for service in _below(state):
        if service.name.lower() != SSTP_SERVICE.lower():
            yield Breach(service.name, service.state)


def _served(state: HostState) -> Iterator[tuple[str, str, str | None]]:
    """What a TLS client on the host should see, where, and what it sees; else why nothing. Nothing can be served while RRAS does not run."""
    record, _stored = bound_pair(state)
    rras = state.service(RRAS_SERVICE)
    if record is None or rras is None or rras.state != "running" or state.port != state.listener_port:
        return
    for served in state.served:
        if served.endpoint.port == state.port and served.endpoint in loopbacks(state):
            shown = served.certificate.thumbprint if served.certificate else None
            yield record.certificate_hash, str(served.endpoint), shown


def _served_nothing(state: HostState, _policy: Policy) -> Iterator[Breach]:
    reasons = {str(served.endpoint): str((served.error or {}).get("message") or "no certificate") for served in state.served}
    for expected, endpoint, shown in _served(state):
        if shown is None:
            yield Breach(endpoint, reasons[endpoint], expected=expected)


def _served_different(state: HostState, _policy: Policy) -> Iterator[Breach]:
    for expected, endpoint, shown in _served(state):
        if shown is not None and shown != expected:
            yield Breach(endpoint, shown, expected=expected)


def _unreachable(_state: HostState, policy: Policy) -> Iterator[Breach]:
    for sight in policy.wire:
        if not sight.reached:
            yield _on_the_wire(sight, sight.verdict.sentence)


def _is_different(state: HostState, sight: Sight) -> str | None:
    """What that address should show, where it shows another certificate; in offload mode clients meet the device in front."""
    if not sight.reached:
        return None
    if state.mode == OFFLOAD:
        value = state.sha256
        return str(value.data) if value is not None and is_sha256(value) and sight.sha256 not in (None, value.data) else None
    record = state.pair[sight.is_ipv6]
    return record.certificate_hash if record and sight.thumbprint and sight.thumbprint != record.certificate_hash else None


def _wire_different(state: HostState, policy: Policy) -> Iterator[Breach]:
    for sight in policy.wire:
        expected = _is_different(state, sight)
        if expected is not None:
            offload = state.mode == OFFLOAD
            remedy = "every logon fails at the crypto binding (client event 6); rotate with the balancer named (rras.sstp.rotate, balancer)" if offload else ""
            yield _on_the_wire(sight, str(sight.sha256 if offload else sight.thumbprint), expected, remedy)


def _wire_refused(state: HostState, policy: Policy) -> Iterator[Breach]:
    for sight in policy.wire:
        if sight.reached and not sight.verdict.ok and _is_different(state, sight) is None:
            remedy = "see what the device in front and the server behind it say" if state.mode == OFFLOAD else ""
            yield _on_the_wire(sight, sight.verdict.sentence, remedy=remedy)


def _on_the_wire(sight: Sight, actual: str, expected: str = "", remedy: str = "") -> Breach:
    host, _colon, port = sight.endpoint.rpartition(":")
    return Breach(sight.endpoint, actual, expected=expected, remedy=remedy, details={"host": host.strip("[]"), "port": port})


# Without them nothing else is asked.
INSTALLED = (
    Rule(
        id="sstp_not_installed",
        severity="error",
        expected="the service SstpSvc",
        why="Nothing here can serve SSTP. Nothing else is judged then.",
        sees=_not_installed,
        remedy="install the Remote Access role with routing and VPN",
        repair=repairs.install_rras,
        repairable=False,
    ),
    Rule(
        id="sstp_parameters_missing",
        severity="error",
        expected="the registry key",
        why="SstpSvc keeps its port and the hash there, and does not start without it. Nothing else is judged then.",
        sees=_no_parameters,
        remedy="bring it back, from a backup or by installing the Remote Access role anew",
        repair=repairs.install_rras,
        event=17,
        repairable=False,
    ),
)

ACCOUNT = Rule(
    id="account_not_elevated",
    severity="warning",
    expected="an account that is an elevated administrator",
    why="Without these rights not all can be read: a private key that the account may not open looks like one that does not work. Nothing can be changed.",
    sees=_not_elevated,
    remedy="connect with an administrator whose token is elevated, see docs/account.md; what else is found may come from this",
    repair=None,
    repairable=False,
)

JOURNAL = Rule(
    id="rotation_interrupted",
    severity="error",
    expected="no journal of an unfinished change",
    why="A change was broken off, and nobody has come back to it: the server may be half as it was and half as it was to be.",
    sees=_interrupted,
    remedy="run the rotation again: it takes the half-done one back first",
    repair=repairs.rotate,
)

SERVICES = (
    Rule(
        id="rras_not_installed",
        severity="error",
        expected="the service",
        why="SSTP is a part of routing and remote access, and serves nobody without it.",
        sees=_no_rras,
        remedy="install the Remote Access role with routing and VPN",
        repair=repairs.install_rras,
        repairable=False,
    ),
    Rule(
        id="rras_disabled",
        severity="warning",
        expected="running, and started with Windows",
        why="After the next start of Windows there is no VPN, whatever runs now.",
        sees=_disabled,
        remedy="enable Routing and Remote Access if this server is to serve VPN, also after its next start",
        repair=repairs.enable_rras,
        repairable=False,
    ),
    Rule(
        id="rras_stopped",
        severity="error",
        expected="running",
        why="There is no VPN at all, of any protocol. Stopping RasMan or SstpSvc stops it as well, and starting them does not start it again.",
        sees=_stopped,
        remedy="start it; rras.sstp.rotate does so",
        repair=repairs.restart,
    ),
    Rule(
        id="sstp_stopped",
        severity="error",
        expected="running",
        why="RRAS goes on and looks well, but SSTP's URL is served by nobody.",
        sees=_sstp_stopped,
        remedy=_START,
        repair=repairs.restart,
        event=22,
    ),
    Rule(
        id="rras_dependency_stopped",
        severity="error",
        expected="running",
        why="RRAS goes on and looks well, without a service that it needs.",
        sees=_dependency_stopped,
        remedy=_START,
        repair=repairs.restart,
    ),
)

SERVED = (
    Rule(
        id="served_nothing",
        severity="error",
        expected="the bound certificate",
        why="Not even on the server itself does TLS come about, so it does not for clients.",
        sees=_served_nothing,
        remedy="no TLS connection could be made on the host itself: see the other findings, else the System log",
        repair=repairs.look_at_log,
        event=21,
        repairable=False,
        modes=HTTPS_MODES,
    ),
    Rule(
        id="served_different",
        severity="error",
        expected="the bound certificate",
        why="Something else answers on the port than HTTP.SYS with the record of the pair.",
        sees=_served_different,
        remedy="something else answers on the port: see records that go before the pair, and other listeners",
        repair=None,
        repairable=False,
        modes=HTTPS_MODES,
    ),
)

WIRE = (
    Rule(
        id="wire_unreachable",
        severity="warning",
        expected="an answer to the controller",
        why="The controller cannot connect there. Clients may be able to: it is not where they are.",
        sees=_unreachable,
        remedy="that may say nothing against the server: see whether the controller may connect there, or look from where clients are",
        repair=repairs.probe,
        repairable=False,
    ),
    Rule(
        id="wire_different",
        severity="error",
        expected="the certificate that the server means",
        why="Clients are shown another certificate than SSTP means, and fail at the crypto binding: another host answers there, or a device that ends TLS.",
        sees=_wire_different,
        remedy="clients are shown another certificate than SSTP means: see what answers there, another host or a device that ends TLS",
        repair=repairs.probe,
        repairable=False,
    ),
    Rule(
        id="wire_refused",
        severity="error",
        expected="SSTP",
        why="Something answers there, and SSTP does not come about.",
        sees=_wire_refused,
        remedy="see the other findings, and what lies between the controller and the server",
        repair=repairs.probe,
        repairable=False,
    ),
)
