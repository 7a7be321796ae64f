# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An audit looks at the server from the controller as well, and holds what it is shown against what the server says."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from lab.pki import Authority, Issued
from lab.sim.host import SimHost
from lab.sstp_server.listener import free_port
from scenario_driver import Driver, audit_action

AUTHORITY = Authority()
OLD, OTHER = (AUTHORITY.issue(["vpn.example.com"]) for _ in range(2))
BOTH = socket.has_ipv6


def serving(issued: Issued) -> SimHost:
    host = SimHost("vpn01")
    host.install(issued)
    host.trust(AUTHORITY)
    host.listen()
    return host


def audit(host: SimHost, port: int, address: str = "localhost") -> dict[str, Any]:
    driver = Driver(host.call)
    return driver.perform(audit_action, probe_address=address, probe_host="vpn.example.com", probe_port=port)


def ids(result: dict[str, Any]) -> list[str]:
    return [finding["id"] for finding in result["findings"]]


@pytest.mark.parametrize("address", ["127.0.0.1", *(["::1"] if BOTH else [])])
def test_what_is_shown_is_what_the_server_means(address: str) -> None:
    with serving(OLD) as host:
        result = audit(host, host.listener.port, address)
    assert ids(result) == []
    (sight,) = result["wire"]
    assert (sight["code"], sight["sha256"]) == ("ok", OLD.sha256.upper())


@pytest.mark.skipif(not BOTH, reason="this machine has no IPv6")
def test_each_address_of_a_name_is_looked_at() -> None:
    with serving(OLD) as host:
        seen = {sight["endpoint"] for sight in audit(host, host.listener.port)["wire"]}
        assert seen <= {f"127.0.0.1:{host.listener.port}", f"[::1]:{host.listener.port}"}
        assert len(seen) == len({item[4][0] for item in socket.getaddrinfo("localhost", 1, type=socket.SOCK_STREAM)})


def test_a_stale_hash_is_named_without_a_login_although_all_looks_right_from_outside() -> None:
    with serving(OLD) as host:
        host.agent.set_value(r"SYSTEM\CurrentControlSet\Services\SstpSvc\Parameters", "SHA256CertificateHash", bytes.fromhex(OTHER.sha256))
        result = audit(host, host.listener.port, "127.0.0.1")
        assert host.listener.await_calls(1)[0].user == ""
    assert ids(result) == ["registry_sha256_different"]
    assert result["wire"][0]["code"] == "ok"


def test_another_host_answers_there() -> None:
    with serving(OLD) as host, serving(OTHER) as other:
        result = audit(host, other.listener.port, "127.0.0.1")
    assert ids(result) == ["wire_different"]
    assert result["compliant"] is False
    assert result["findings"][0]["actual"] == OTHER.thumbprint.upper()


def test_a_key_that_does_not_open_is_seen_from_outside_as_well() -> None:
    with serving(OLD) as host:
        host.agent.delete_key(OLD.thumbprint)
        result = audit(host, host.listener.port, "127.0.0.1")
    assert "wire_refused" in ids(result)
    assert result["wire"][0]["code"] == "reset_in_tls"


@pytest.mark.parametrize("address", ["127.0.0.1", "no.such.name.invalid"])
def test_where_the_controller_cannot_connect_that_is_a_warning(address: str) -> None:
    with serving(OLD) as host:
        result = audit(host, free_port(), address)
    assert ids(result) == ["wire_unreachable"]
    assert result["compliant"] is True
    assert result["wire"][0]["reached"] is False


def test_nobody_looks_unless_asked() -> None:
    with serving(OLD) as host:
        assert Driver(host.call).perform(audit_action)["wire"] == []
        assert host.listener.calls == []
