# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated hosts: the network adapters, what RRAS itself says, and what Set-RemoteAccess does."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from lab import pki
from lab.agent import NETWORK, REMOTE_ACCESS, SSTP_APP_ID, SSTPSVC, Record, WinError
from lab.sim.errors import Killed
from lab.sim.host import SimHost

AUTHORITY = pki.Authority()
OLD, NEW, OTHER = (AUTHORITY.issue(["vpn.example.com"]) for _ in range(3))
WILD = AUTHORITY.issue(["*.example.com"])
JOURNAL = r"SOFTWARE\rras.sstp\Journal"
CONFIG_STORE = SSTPSVC + r"\ConfigStore"
IIS = "{4dc3e181-e14b-4a21-b022-59fc669b0914}"
NOTHING: dict[str, Any] = {
    "ssl_certificate": None, "use_http": None, "vpn_status": None, "da_status": None, "load_balancing": None,
    "connect_to": None, "nodes": [], "error": None, "advertised": None,
}  # fmt: skip
# A change that fails and has no inverse.
NEVER = {"kind": "service", "name": "SstpSvc", "state": "paused", "text": "never"}
FAILS = {"kind": "await", "conditions": [NEVER], "timeout": 0, "required": True}
HASH = {"path": SSTPSVC, "name": "SHA256CertificateHash"}


def noon() -> float:
    """A clock that stands still: time goes on by leaps alone."""
    return 1_790_000_000.0


@pytest.fixture
def host() -> SimHost:
    """A server that works in automatic mode, with another certificate at hand."""
    host = SimHost("vpn01", clock=noon)
    host.install(OLD)
    host.keep(NEW)
    return host


def facts(host: SimHost, facet: str, **options: Any) -> Any:
    return host.call({"operation": "observe", "facets": [facet], **options})["facts"][facet]


def apply(host: SimHost, *changes: dict[str, Any], check_mode: bool = False, **options: Any) -> dict[str, Any]:
    return host.call({"operation": "apply", "changes": list(changes), "facets": [], **options}, check_mode=check_mode)


def rras(issued: pki.Issued = NEW) -> dict[str, Any]:
    return {"kind": "set_remote_access", "thumbprint": issued.thumbprint.upper()}


def hold(of: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "hold", "of": of}


def configure(host: SimHost, **values: int | str | bytes) -> None:
    for name, value in values.items():
        host.agent.set_value(REMOTE_ACCESS, name, value)


def nodes(**status: str) -> Callable[[SimHost], None]:
    def join(host: SimHost) -> None:
        for name, text in status.items():
            host.agent.set_value(REMOTE_ACCESS + r"\Nodes", name, text)

    return join


def chosen_by_administrator(host: SimHost) -> None:
    host.agent.set_value(SSTPSVC, "isHashConfiguredByAdmin", 1)


def in_base64(issued: pki.Issued) -> str:
    return base64.b64encode(issued.der).decode()


def records(host: SimHost) -> dict[str, Record]:
    return {record.endpoint: record for record in host.agent.records()}


def journal(host: SimHost) -> dict[str, Any]:
    return facts(host, "product")["journal"] or {}


# --- network adapters -------------------------------------------------------------------------------------------------


def test_a_host_has_a_loopback_a_management_network_and_one_for_clients(host: SimHost) -> None:
    shown = {"up": True, "ipv4": True, "ipv6": True}
    assert facts(host, "host")["adapters"] == [
        {"name": "Loopback Pseudo-Interface 1", "kind": "loopback", **shown, "addresses": ["127.0.0.1", "::1"]},
        {"name": "Ethernet", "kind": "ethernet", **shown, "addresses": ["192.0.2.10", "2001:db8::10"]},
        {"name": "Internet", "kind": "ethernet", **shown, "addresses": ["203.0.113.5", "2001:db8:1::5"]},
    ]


def test_unbinding_ipv6_leaves_it_to_the_loopback(host: SimHost) -> None:
    host.agent.set_value(NETWORK, "IPv6Unbound", 1)
    told = [(item["ipv6"], item["addresses"]) for item in facts(host, "host")["adapters"]]
    assert told == [(True, ["127.0.0.1", "::1"]), (False, ["192.0.2.10"]), (False, ["203.0.113.5"])]
    assert host.state()["ipv6"] is False
    assert [item["raw"] is not None for item in facts(host, "served")] == [True, True]


def test_without_any_ipv6_the_loopback_has_none_either(host: SimHost) -> None:
    host.machine.ipv6 = False
    assert [item["ipv6"] for item in facts(host, "host")["adapters"]] == [False] * 3
    assert not any(":" in address for item in facts(host, "host")["adapters"] for address in item["addresses"])
    assert host.state()["ipv6"] is False


def test_with_ipv6_unbound_rras_starts_without_the_record_of_ipv6(host: SimHost) -> None:
    host.agent.set_value(NETWORK, "IPv6Unbound", 1)
    host.agent.delete_record("ip", "[::]:443")
    host.restart()
    assert host.state()["events"] == []


# --- what RRAS says ---------------------------------------------------------------------------------------------------


def test_rras_says_of_a_server_in_automatic_mode_that_no_certificate_was_chosen(host: SimHost) -> None:
    assert facts(host, "remote_access") == {
        "available": True, "ssl_certificate": None, "use_http": False, "vpn_status": "Installed", "da_status": "Uninstalled",
        "load_balancing": "NotConfigured", "connect_to": None, "nodes": [], "error": None, "advertised": None,
    }  # fmt: skip


def test_rras_says_which_certificate_was_chosen(host: SimHost) -> None:
    chosen_by_administrator(host)
    assert facts(host, "remote_access")["ssl_certificate"] == in_base64(OLD)


def test_rras_has_no_certificate_for_a_hash_that_is_of_none(host: SimHost) -> None:
    chosen_by_administrator(host)
    host.agent.delete_certificate(OLD.thumbprint)
    assert facts(host, "remote_access")["ssl_certificate"] is None


@pytest.mark.parametrize("form", [0, 1])
def test_rras_can_contradict_the_registry_in_either_form(host: SimHost, form: int) -> None:
    chosen_by_administrator(host)
    configure(host, Certificate=OTHER.der, UseHttp=1, Form=form)
    told = facts(host, "remote_access")
    assert (told["ssl_certificate"], told["use_http"]) == (in_base64(OTHER), True)


def test_rras_says_that_it_uses_http_where_a_balancer_ends_tls(host: SimHost) -> None:
    host.agent.set_value(SSTPSVC, "UseHttps", 0)
    assert facts(host, "remote_access")["use_http"] is True
    configure(host, UseHttp=0)
    assert facts(host, "remote_access")["use_http"] is False


def test_direct_access_has_a_name_that_clients_connect_to(host: SimHost) -> None:
    configure(host, ConnectTo="vpn.example.com")
    told = facts(host, "remote_access")
    assert (told["da_status"], told["connect_to"]) == ("Installed", "vpn.example.com")


def test_a_cluster_has_nodes_with_a_status(host: SimHost) -> None:
    nodes(vpn02="Converged", vpn03="Stopped without certificate")(host)
    told = facts(host, "remote_access")
    assert told["load_balancing"] == "Configured"
    assert told["nodes"] == [{"name": "vpn02", "status": "Converged"}, {"name": "vpn03", "status": "Stopped"}]


def test_get_remote_access_may_fail(host: SimHost) -> None:
    configure(host, GetFails="The RaMgmtSvc service is not running.")
    error = {"function": None, "code": None, "message": "The RaMgmtSvc service is not running."}
    assert facts(host, "remote_access") == {"available": True, **NOTHING, "error": error}


def test_a_host_may_have_no_cmdlets() -> None:
    host = SimHost("vpn01", cmdlets=False)
    configure(host, GetFails="nobody asks")
    assert facts(host, "remote_access") == {"available": False, **NOTHING}


def test_rras_is_asked_only_when_that_is_wanted(host: SimHost) -> None:
    assert "remote_access" not in host.call({"operation": "observe"})["facts"]


def test_rras_is_asked_only_where_one_of_the_conditions_holds(host: SimHost) -> None:
    chosen = {"kind": "registry_value", "path": SSTPSVC, "name": "isHashConfiguredByAdmin", "value_kind": "dword", "data": 1, "text": "x"}
    stopped = {"kind": "service", "name": "RasMan", "state": "stopped", "text": "y"}
    assert facts(host, "remote_access", remote_access_when=[chosen, stopped]) is None
    chosen_by_administrator(host)
    assert facts(host, "remote_access", remote_access_when=[stopped, chosen])["available"] is True


# --- Set-RemoteAccess -------------------------------------------------------------------------------------------------


def test_set_remote_access_writes_hash_choice_and_records(host: SimHost) -> None:
    host.agent.set_value(CONFIG_STORE, "UseHttps", 1)
    before = host.state()
    assert apply(host, rras())["failure"] is None
    after = host.state()
    assert after["sstpsvc"] == {
        **before["sstpsvc"],
        "SHA256CertificateHash": {"type": "REG_BINARY", "value": NEW.sha256},
        "isHashConfiguredByAdmin": {"type": "REG_DWORD", "value": 1},
    }
    assert records(host) == {where: Record("ip", where, NEW.thumbprint, SSTP_APP_ID, "MY") for where in ("0.0.0.0:443", "[::]:443")}
    assert after["services"] == before["services"]
    assert facts(host, "remote_access")["ssl_certificate"] == in_base64(NEW)


def test_set_remote_access_loses_the_settings_of_its_records(host: SimHost) -> None:
    host.keep(OTHER, "WebHosting")
    host.agent.set_record(Record("ip", "0.0.0.0:443", OTHER.thumbprint, SSTP_APP_ID, "WebHosting", flags=2, check_mode=1), update=True)
    apply(host, rras())
    assert records(host)["0.0.0.0:443"] == Record("ip", "0.0.0.0:443", NEW.thumbprint, SSTP_APP_ID, "MY")


def test_set_remote_access_leaves_the_record_of_another_application(host: SimHost) -> None:
    of_iis = Record("ip", "0.0.0.0:443", OLD.thumbprint, IIS, "MY", flags=2)
    host.agent.set_record(of_iis, update=True)
    apply(host, rras())
    assert (records(host)["0.0.0.0:443"], records(host)["[::]:443"].hash) == (of_iis, NEW.thumbprint)


@pytest.mark.parametrize(("unbound", "there"), [(0, {"0.0.0.0:443", "[::]:443"}), (1, {"0.0.0.0:443"})])
def test_set_remote_access_makes_the_records_that_are_absent(host: SimHost, unbound: int, there: set[str]) -> None:
    host.agent.set_value(NETWORK, "IPv6Unbound", unbound)
    for where in ("0.0.0.0:443", "[::]:443"):
        host.agent.delete_record("ip", where)
    apply(host, rras())
    assert set(records(host)) == there


def test_set_remote_access_means_the_port_of_sstp(host: SimHost) -> None:
    host.agent.set_value(SSTPSVC, "ListenerPort", 4443)
    apply(host, rras())
    assert {where: record.hash for where, record in records(host).items()} == {
        "0.0.0.0:443": OLD.thumbprint, "[::]:443": OLD.thumbprint, "0.0.0.0:4443": NEW.thumbprint, "[::]:4443": NEW.thumbprint,
    }  # fmt: skip


def test_set_remote_access_ends_a_contradiction(host: SimHost) -> None:
    configure(host, Certificate=OTHER.der)
    apply(host, rras())
    assert facts(host, "remote_access")["ssl_certificate"] == in_base64(NEW)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda host: configure(host, Fails="The server is busy.", ConnectTo="elsewhere"), "The server is busy."),
        (
            lambda host: host.agent.delete_certificate(NEW.thumbprint),
            f"The certificate {NEW.thumbprint.upper()} was not found in the LocalMachine\\My store.",
        ),
        (
            lambda host: configure(host, ConnectTo="da.example.com"),
            "The subject of the certificate does not match the ConnectTo address da.example.com.",
        ),
        (nodes(vpn02="Converged", vpn03="Default without certificate"), "The certificate was not found on the node vpn03."),
        (lambda host: setattr(host.machine, "remote_access_cmdlets", False), "There is no cmdlet Set-RemoteAccess on this host."),
    ],
    ids=["fails", "not in MY", "ConnectTo", "node", "no cmdlets"],
)
def test_set_remote_access_refuses_before_it_has_done_anything(host: SimHost, spoil: Callable[[SimHost], None], message: str) -> None:
    spoil(host)
    before = host.state()
    result = apply(host, rras())
    assert result["outcome"] == "failed"
    assert result["failure"]["error"]["message"] == message
    assert host.state() == before


def test_an_error_of_the_cmdlet_has_its_text_alone(host: SimHost) -> None:
    configure(host, Fails="x")
    assert apply(host, rras())["failure"] == {"index": 0, "kind": "set_remote_access", "error": {"function": None, "code": None, "message": "x"}}


@pytest.mark.parametrize(
    ("issued", "name", "taken"),
    [(NEW, "VPN.example.com", True), (WILD, "da.example.com", True), (WILD, "a.da.example.com", False), (WILD, "example.com", False)],
)
def test_direct_access_wants_its_name_in_the_certificate(host: SimHost, issued: pki.Issued, name: str, taken: bool) -> None:
    host.keep(issued)
    configure(host, ConnectTo=name)
    assert (apply(host, rras(issued))["failure"] is None) is taken


def test_direct_access_may_be_reached_by_an_address(host: SimHost) -> None:
    issued = AUTHORITY.issue(["vpn.example.com", "203.0.113.5"])
    host.keep(issued)
    configure(host, ConnectTo="203.0.113.5")
    assert apply(host, rras(issued))["failure"] is None


def test_direct_access_is_content_with_the_common_name(host: SimHost) -> None:
    builder = x509.CertificateBuilder(
        issuer_name=NEW.certificate.issuer,
        subject_name=NEW.certificate.subject,
        public_key=NEW.key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=NEW.certificate.not_valid_before_utc,
        not_valid_after=NEW.certificate.not_valid_after_utc,
    )
    issued = pki.Issued(builder.sign(NEW.key, hashes.SHA256()), NEW.key)
    host.keep(issued)
    configure(host, ConnectTo="vpn.example.com")
    assert apply(host, rras(issued))["failure"] is None


@pytest.mark.parametrize(("status", "taken"), [("Converging", False), ("Stopped", True), ("Suspended", True)])
def test_only_a_node_that_is_up_needs_the_certificate(host: SimHost, status: str, taken: bool) -> None:
    nodes(vpn02=f"{status} without certificate")(host)
    assert (apply(host, rras())["failure"] is None) is taken


# --- the changes of the back-end --------------------------------------------------------------------------------------


def test_set_remote_access_alters_what_rras_says_and_check_mode_does_not(host: SimHost) -> None:
    before = host.state()
    predicted = apply(host, rras(), check_mode=True)
    assert [entry["changed"] for entry in predicted["changes"]] == [True]
    assert host.state() == before
    for changed in (True, False):
        (entry,) = apply(host, rras())["changes"]
        assert (entry["changed"], entry["detail"]) == (changed, None)


def test_the_way_back_from_set_remote_access_is_the_certificate_that_rras_had(host: SimHost) -> None:
    chosen_by_administrator(host)
    host.agent.set_record(Record("ip", "0.0.0.0:443", OLD.thumbprint, SSTP_APP_ID, "MY"), update=True)
    result = apply(host, rras(), FAILS)
    assert result["undone"] == [{"index": 0, "kind": "set_remote_access"}]
    assert {record.hash for record in records(host).values()} == {OLD.thumbprint}
    assert facts(host, "remote_access")["ssl_certificate"] == in_base64(OLD)


@pytest.mark.parametrize("told", [{}, {"Certificate": OTHER.der}], ids=["none", "one that is not in MY"])
def test_what_rras_had_and_cannot_be_given_again_is_told_and_does_not_stay(host: SimHost, told: dict[str, bytes]) -> None:
    configure(host, **told)
    result = apply(host, rras(), FAILS)
    assert [entry["kind"] for entry in result["not_undone"]] == ["set_remote_access"]
    assert (result["undone"], journal(host)) == ([], {})


def test_rras_may_say_again_what_it_said_when_the_values_are_back(host: SimHost) -> None:
    """In automatic mode it has no certificate: that it has none again comes with the values of SstpSvc."""
    values = ("SHA256CertificateHash", "isHashConfiguredByAdmin")
    holds = [{"kind": "hold", "of": {"kind": "delete_registry_value", "path": SSTPSVC, "name": name}} for name in values]
    result = apply(host, *holds, rras(), FAILS)
    assert (result["not_undone"], journal(host)) == ([], {})


@pytest.mark.parametrize(
    ("told", "undone"),
    [({"Certificate": NEW.der}, []), ({"Certificate": OLD.der, "GetFails": "x"}, [{"index": 0, "kind": "set_remote_access"}])],
    ids=["it has the new one already", "it gives no answer"],
)
def test_there_may_be_nothing_to_take_back_from_rras(host: SimHost, told: dict[str, Any], undone: list[dict[str, Any]]) -> None:
    configure(host, **told)
    result = apply(host, rras(), FAILS)
    assert (result["undone"], result["not_undone"], journal(host)) == (undone, [], {})


def test_a_way_back_that_rras_refuses_stays_in_the_journal(host: SimHost) -> None:
    chosen_by_administrator(host)
    host.faults.plan("made", lambda: configure(host, Fails="not now"), index=0)
    result = apply(host, rras(), FAILS)
    assert result["not_undone"] == [{"index": 0, "kind": "set_remote_access", "error": {"function": None, "code": None, "message": "not now"}}]
    assert set(journal(host)) == {"0000"}


def test_a_hold_takes_the_inverse_now_and_changes_nothing(host: SimHost) -> None:
    before = host.state()
    result = apply(host, hold({"kind": "set_registry_value", **HASH, "value_kind": "binary", "data": NEW.sha256.upper()}))
    (entry,) = result["changes"]
    assert (entry["changed"], entry["skipped"], entry["detail"], result["changed"]) == (False, False, None, False)
    assert host.state() == before


def test_what_is_held_is_put_back_when_another_has_changed_it(host: SimHost) -> None:
    host.agent.set_record(Record("ip", "0.0.0.0:443", OLD.thumbprint, SSTP_APP_ID, "MY", flags=2), update=True)
    before = host.state()
    holds = [hold({"kind": "delete_registry_value", "path": SSTPSVC, "name": name}) for name in ("SHA256CertificateHash", "isHashConfiguredByAdmin")]
    holds += [hold({"kind": "set_ssl_record", "address": address, "port": 443}) for address in ("0.0.0.0", "::")]
    result = apply(host, *holds, rras(), FAILS)
    assert [entry["kind"] for entry in result["undone"]] == ["set_ssl_record", "set_ssl_record", "delete_registry_value", "set_registry_value"]
    assert host.state() == before


def test_a_hold_is_in_the_journal_even_where_its_change_would_alter_nothing(host: SimHost) -> None:
    host.faults.plan("before", index=1)  # the process ends
    command = {"operation": "apply", "changes": [hold({"kind": "delete_registry_value", "path": SSTPSVC, "name": "absent"}), rras()], "facets": []}
    with pytest.raises(Killed):
        host.call(command)
    assert set(journal(host)) == {"0000"}
    assert host.call({"operation": "apply", "recover": True, "facets": []})["undone"] == [{"index": 0, "kind": "delete_registry_value"}]


def test_a_hold_in_check_mode_writes_no_journal(host: SimHost) -> None:
    apply(host, hold({"kind": "delete_registry_value", "path": SSTPSVC, "name": "x"}), check_mode=True)
    assert journal(host) == {}


# --- our own keys, and the state id -----------------------------------------------------------------------------------


def test_what_was_there_before_offload_is_told(host: SimHost) -> None:
    host.agent.set_value(r"SOFTWARE\rras.sstp\BeforeOffload", "ListenerPort", 443)
    assert facts(host, "product") == {"predecessors": None, "before_offload": {"ListenerPort": {"kind": "dword", "data": 443}}, "healed": None, "journal": None}


def test_the_state_id_has_the_values_of_config_store() -> None:
    host = SimHost("vpn01")
    host.agent.set_value(SSTPSVC, "ListenerPort", 443)
    host.agent.set_value(CONFIG_STORE, "UseHttps", 1)
    lines = b"config|USEHTTPS|dword|1\nsstp|LISTENERPORT|dword|443"
    assert host.call({"operation": "observe", "facets": ["sstp"]})["state_id"] == hashlib.sha256(lines).hexdigest()


def test_a_fault_of_the_api_does_not_meet_the_cmdlet(host: SimHost) -> None:
    host.agent.fault("HttpSetServiceConfiguration", 5, times=0)
    assert apply(host, rras())["failure"] is None
    with pytest.raises(WinError):
        host.agent.set_record(Record("ip", "0.0.0.0:4443", NEW.thumbprint))
