# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's own judgement of a host's raw state, in each mode."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from lab import judge
from lab.agent import NETWORK, SSTPSVC
from lab.pki import Authority
from lab.sim.host import SimHost
from lab.sstp_server.host_state import login_refused

AUTHORITY = Authority()
OWN, EDGE = (AUTHORITY.issue(["vpn.example.com"]) for _ in range(2))
HASH_OF_ANOTHER = "SHA256CertificateHash is of another certificate: every logon fails"


@pytest.fixture
def host() -> SimHost:
    """A server in automatic mode."""
    host = SimHost("vpn01")
    host.install(OWN)
    return host


@pytest.fixture
def offloaded() -> SimHost:
    """A server behind a load balancer that serves EDGE; it has neither records nor a certificate."""
    host = SimHost("vpn01")
    host.agent.set_value(SSTPSVC, "UseHttps", 0)
    host.agent.set_value(SSTPSVC, "isHashConfiguredByAdmin", 1)
    host.agent.set_value(SSTPSVC, "SHA256CertificateHash", bytes.fromhex(EDGE.sha256))
    host.agent.start("RemoteAccess")
    return host


def put(name: str, value: int | str | bytes) -> Callable[[SimHost], None]:
    return lambda host: host.agent.set_value(SSTPSVC, name, value)


# --- offload ----------------------------------------------------------------------------------------------------------


def test_offload_works_without_records(offloaded: SimHost) -> None:
    assert judge.working(offloaded.state()) == []
    assert judge.working(offloaded.state(), balancer=EDGE.sha256) == []


def test_offload_wants_the_hash_of_what_the_balancer_serves(offloaded: SimHost) -> None:
    assert judge.working(offloaded.state(), balancer=OWN.sha256) == [HASH_OF_ANOTHER]


@pytest.mark.parametrize(
    ("spoil", "reasons"),
    [
        (lambda host: host.agent.stop("RemoteAccess"), ["RemoteAccess does not run"]),
        (put("isHashConfiguredByAdmin", 0), ["isHashConfiguredByAdmin is not 1"]),
        (lambda host: host.agent.delete_value(SSTPSVC, "isHashConfiguredByAdmin"), ["isHashConfiguredByAdmin is not 1"]),
        (put("SHA256CertificateHash", b"x" * 31), ["SHA256CertificateHash is not 32 bytes"]),
        (put("SHA256CertificateHash", "32"), ["SHA256CertificateHash is not 32 bytes"]),
        (put("SHA1CertificateHash", b"x" * 19), ["SHA1CertificateHash is not 20 bytes"]),
        (put("SHA1CertificateHash", b"x" * 20), []),
    ],
)
def test_offload_is_judged_by_services_and_values(offloaded: SimHost, spoil: Callable[[SimHost], None], reasons: list[str]) -> None:
    spoil(offloaded)
    assert judge.working(offloaded.state()) == reasons


def test_a_balancer_does_not_matter_where_the_server_ends_tls(host: SimHost) -> None:
    assert judge.working(host.state(), balancer=EDGE.sha256) == []


# --- administrator ----------------------------------------------------------------------------------------------------


def test_a_chosen_certificate_that_is_bound_works(host: SimHost) -> None:
    put("isHashConfiguredByAdmin", 1)(host)
    assert judge.working(host.state()) == []


def test_a_chosen_certificate_must_be_the_bound_one(host: SimHost) -> None:
    put("isHashConfiguredByAdmin", 1)(host)
    host.keep(EDGE)
    put("SHA256CertificateHash", bytes.fromhex(EDGE.sha256))(host)
    assert judge.working(host.state()) == [HASH_OF_ANOTHER]


def test_a_chosen_certificate_must_be_in_my() -> None:
    host = SimHost("vpn01")
    host.install(OWN, store="WebHosting")
    assert judge.working(host.state()) == []
    put("isHashConfiguredByAdmin", 1)(host)
    assert judge.working(host.state()) == ["the configured certificate is not in MY"]


# --- IPv6 -------------------------------------------------------------------------------------------------------------


def test_a_record_of_ipv6_is_needed_only_where_that_is_bound(host: SimHost) -> None:
    host.agent.delete_record("ip", "[::]:443")
    assert judge.working(host.state()) == ["no record [::]:443"]
    host.agent.set_value(NETWORK, "IPv6Unbound", 1)
    assert judge.working(host.state()) == []


def test_whoever_asks_may_tell_what_the_state_does_not(host: SimHost) -> None:
    host.agent.delete_record("ip", "[::]:443")
    state = {name: value for name, value in host.state().items() if name != "ipv6"}
    assert judge.working(state) == ["no record [::]:443"]
    assert judge.working(state, ipv6=False) == []
    assert judge.working({**state, "ipv6": False}, ipv6=True) == ["no record [::]:443"]


# --- who logs in ------------------------------------------------------------------------------------------------------


def test_who_dials_the_balancer_sees_its_certificate(offloaded: SimHost) -> None:
    assert login_refused(offloaded.state(), balancer=EDGE.der) is None
    assert login_refused(offloaded.state(), balancer=OWN.der) == "certificate hash"


def test_a_balancer_and_its_host_must_agree_on_who_ends_tls(host: SimHost, offloaded: SimHost) -> None:
    assert login_refused(host.state(), balancer=OWN.der) == "TLS meets plain HTTP"
    assert login_refused(offloaded.state()) == "TLS meets plain HTTP"
