# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Wine host's double of the module RemoteAccess, its network adapters, and SstpSvc's events where an administrator has chosen."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from lab import pki
from lab.agent import NETWORK, REMOTE_ACCESS, SSTPSVC, Record
from lab.wine import WineHost, WineLab
from needs_wine import prepared_lab

AUTHORITY = pki.Authority()
OLD = AUTHORITY.issue(["vpn.example.com"])
NEW = AUTHORITY.issue(["vpn.example.com", "198.51.100.7"])
WILD = AUTHORITY.issue(["*.example.com"])
IIS = "{4dc3e181-e14b-4a21-b022-59fc669b0914}"
NODES = REMOTE_ACCESS + r"\Nodes"
FAILED = "failed: "

GET = """
$r = Get-RemoteAccess -ErrorAction Stop
$c = $r.SslCertificate
$kind, $der = $null, $null
if ($null -ne $c) {
    $kind = $c.GetType().Name
    $der = if ($c -is [byte[]]) { $c } else { $c.RawData }
    $der = [Convert]::ToBase64String($der)
}
$nodes = $null
if ($r.LoadBalancing -eq 'Configured') { $nodes = @((Get-RemoteAccessLoadBalancer -ErrorAction Stop).NlbNodeStatus) }
[pscustomobject] @{
    kind = $kind; der = $der; use_http = $r.UseHttp; vpn = $r.VpnStatus; da = $r.DAStatus; balancing = $r.LoadBalancing
    connect_to = $r.DAConfiguration.ServerConfiguration.ConnectToAddress; nodes = $nodes
} | ConvertTo-Json -Depth 4 -Compress
"""
SET = """
$c = [Security.Cryptography.X509Certificates.X509Certificate2]::new([Convert]::FromBase64String('%s'))
try { Set-RemoteAccess -SslCertificate $c -Force -Confirm:$false %s; 'went on' } catch { 'failed: ' + $_.Exception.Message }
"""
ADAPTERS = """
$found = foreach ($n in [Net.NetworkInformation.NetworkInterface]::GetAllNetworkInterfaces()) {
    [pscustomobject] @{
        name = $n.Name; kind = $n.NetworkInterfaceType.ToString().ToLower(); up = $n.OperationalStatus -eq 'Up'
        ipv4 = $n.Supports('IPv4'); ipv6 = $n.Supports('IPv6')
        addresses = @($n.GetIPProperties().UnicastAddresses | ForEach-Object { $_.Address.ToString() })
    }
}
ConvertTo-Json -Depth 3 -Compress @($found)
"""


@pytest.fixture(scope="module")
def lab() -> WineLab:
    """The lab of Wine hosts."""
    return prepared_lab()


@pytest.fixture
def host(lab: WineLab) -> Iterator[WineHost]:
    """A host on which OLD works, in automatic mode; NEW lies in MY."""
    with lab.host("test") as fresh:
        fresh.keep(NEW)
        fresh.install(OLD)
        yield fresh


def run(host: WineHost, script: str) -> str:
    """What a script prints; nothing may go wrong."""
    code, output, errors = host.powershell(script)
    assert (code, errors) == (0, "")
    return output.strip()


def ask(host: WineHost) -> dict[str, Any]:
    """What Get-RemoteAccess says, and its load balancer where there is one."""
    found: dict[str, Any] = json.loads(run(host, GET))
    return found


def give(host: WineHost, issued: pki.Issued, options: str = "-ErrorAction Stop") -> str:
    """Set-RemoteAccess: "went on", or "failed: " and why."""
    return run(host, SET % (base64.b64encode(issued.der).decode(), options))


def choose(host: WineHost, issued: pki.Issued) -> None:
    """What the registry of SstpSvc says when an administrator has chosen that certificate."""
    host.agent.set_value(SSTPSVC, "isHashConfiguredByAdmin", 1)
    host.agent.set_value(SSTPSVC, "SHA256CertificateHash", bytes.fromhex(issued.sha256))


def encoded(issued: pki.Issued) -> str:
    return base64.b64encode(issued.der).decode()


def records(host: WineHost) -> dict[str, Record]:
    """The records by address."""
    return {record.endpoint.rpartition(":")[0]: record for record in host.agent.records()}


# --- what RRAS says


def test_the_module_loads_by_itself(host: WineHost) -> None:
    names = "'Get-RemoteAccess', 'Set-RemoteAccess', 'Get-RemoteAccessLoadBalancer'"
    assert run(host, f"{names} | ForEach-Object {{ (Get-Command $_).Source }}").split() == ["RemoteAccess"] * 3


def test_automatic_mode_tells_no_certificate(host: WineHost) -> None:
    assert ask(host) == {
        "kind": None, "der": None, "use_http": False, "vpn": "Installed", "da": "Uninstalled", "balancing": "NotConfigured",
        "connect_to": None, "nodes": None,
    }  # fmt: skip


def test_the_certificate_that_an_administrator_chose_comes_as_an_object(host: WineHost) -> None:
    choose(host, NEW)
    told = ask(host)
    assert (told["kind"], told["der"]) == ("X509Certificate2", encoded(NEW))


def test_the_certificate_comes_as_bytes_as_well(host: WineHost) -> None:
    choose(host, NEW)
    host.agent.set_value(REMOTE_ACCESS, "Form", 1)
    told = ask(host)
    assert (told["kind"], told["der"]) == ("Byte[]", encoded(NEW))


def test_a_chosen_certificate_that_is_gone_is_not_told(host: WineHost) -> None:
    choose(host, WILD)
    assert ask(host)["der"] is None


def test_rras_may_contradict_the_registry(host: WineHost) -> None:
    choose(host, NEW)
    host.agent.set_value(REMOTE_ACCESS, "Certificate", WILD.der)
    host.agent.set_value(REMOTE_ACCESS, "UseHttp", 1)
    told = ask(host)
    assert (told["der"], told["use_http"]) == (encoded(WILD), True)


def test_http_is_what_the_service_says_unless_told_otherwise(host: WineHost) -> None:
    host.agent.set_value(SSTPSVC, "UseHttps", 0)
    assert ask(host)["use_http"] is True
    host.agent.set_value(REMOTE_ACCESS, "UseHttp", 0)
    assert ask(host)["use_http"] is False


def test_directaccess(host: WineHost) -> None:
    host.agent.set_value(REMOTE_ACCESS, "ConnectTo", "da.example.com")
    told = ask(host)
    assert (told["da"], told["connect_to"]) == ("Installed", "da.example.com")


def test_the_nodes_of_a_cluster(host: WineHost) -> None:
    host.agent.set_value(NODES, "vpn02", "Converged without certificate")
    host.agent.set_value(NODES, "vpn03", "Stopped")
    told = ask(host)
    assert told["balancing"] == "Configured"
    assert told["nodes"] == [{"HostName": "vpn02", "StatusCode": "Converged"}, {"HostName": "vpn03", "StatusCode": "Stopped"}]


def test_without_nodes_there_is_no_load_balancer(host: WineHost) -> None:
    script = "try { Get-RemoteAccessLoadBalancer -ErrorAction Stop } catch { $_.Exception.Message }"
    assert run(host, script) == "Network load balancing is not configured on this server."


def test_get_remoteaccess_fails_as_told(host: WineHost) -> None:
    host.agent.set_value(REMOTE_ACCESS, "GetFails", "The Remote Access Management service does not answer.")
    script = "try { Get-RemoteAccess -ErrorAction Stop } catch { $_.Exception.Message }"
    assert run(host, script) == "The Remote Access Management service does not answer."


def test_a_host_without_the_cmdlets(lab: WineLab) -> None:
    with lab.host("old", cmdlets=False) as host:
        assert run(host, "[string] (Get-Command Get-RemoteAccess, Set-RemoteAccess -ErrorAction SilentlyContinue)") == ""


# --- what Set-RemoteAccess does


def test_set_remoteaccess_writes_the_hash_and_the_mode(host: WineHost) -> None:
    before = host.state()
    assert give(host, NEW) == "went on"
    after = host.state()
    wanted = {
        "SHA256CertificateHash": {"type": "REG_BINARY", "value": NEW.sha256},
        "isHashConfiguredByAdmin": {"type": "REG_DWORD", "value": 1},
    }
    assert after["sstpsvc"] == {**before["sstpsvc"], **wanted}, "nothing else, so the SHA-1 hash is still the old one"
    assert (after["certificates"], after["services"]) == (before["certificates"], before["services"])
    assert ask(host)["der"] == encoded(NEW)


def test_set_remoteaccess_loses_what_was_set_of_the_records(host: WineHost) -> None:
    for record in host.agent.records():
        changed = replace(record, check_mode=1, freshness_time=60, url_retrieval_timeout=5, ctl_store="CA", ctl_identifier="x", flags=0x24)
        host.agent.set_record(changed, update=True)
    assert give(host, NEW) == "went on"
    pair = ("0.0.0.0", "[::]")
    assert records(host) == {address: Record("ip", f"{address}:{host.port}", NEW.thumbprint, store="MY") for address in pair}


def test_set_remoteaccess_creates_records_that_are_absent(host: WineHost) -> None:
    for record in host.agent.records():
        host.agent.delete_record(record.family, record.endpoint)
    assert give(host, NEW) == "went on"
    assert {address: record.hash for address, record in records(host).items()} == {"0.0.0.0": NEW.thumbprint, "[::]": NEW.thumbprint}


def test_set_remoteaccess_leaves_the_record_of_another_application(host: WineHost) -> None:
    foreign = replace(records(host)["0.0.0.0"], app_id=IIS, flags=2)
    host.agent.set_record(foreign, update=True)
    assert give(host, NEW) == "went on"
    assert records(host)["0.0.0.0"] == foreign
    assert records(host)["[::]"].hash == NEW.thumbprint


def test_set_remoteaccess_creates_no_record_of_an_ipv6_that_is_unbound(host: WineHost) -> None:
    host.agent.set_value(NETWORK, "IPv6Unbound", 1)
    host.agent.delete_record("ip", f"[::]:{host.port}")
    assert give(host, NEW) == "went on"
    assert list(records(host)) == ["0.0.0.0"]


def test_set_remoteaccess_writes_443_where_no_port_is_set(host: WineHost) -> None:
    host.agent.delete_value(SSTPSVC, "ListenerPort")
    assert give(host, NEW) == "went on"
    assert {record.endpoint for record in host.agent.records() if record.hash == NEW.thumbprint} == {"0.0.0.0:443", "[::]:443"}


def test_set_remoteaccess_ends_what_rras_said_before(host: WineHost) -> None:
    host.agent.set_value(REMOTE_ACCESS, "Certificate", WILD.der)
    assert give(host, NEW) == "went on"
    assert ask(host)["der"] == encoded(NEW)


@pytest.mark.parametrize(
    ("setting", "given", "reason"),
    [
        ({"Fails": "Access is denied to the GPO."}, NEW, "Access is denied to the GPO."),
        ({}, WILD, f"The certificate {WILD.thumbprint.upper()} was not found in the LocalMachine\\My store."),
        ({"ConnectTo": "da.example.com"}, NEW, "The subject of the certificate does not match the ConnectTo address da.example.com."),
        ({r"Nodes\vpn02": "Converging without certificate"}, NEW, "The certificate was not found on the node vpn02."),
    ],
    ids=["as_told", "not_in_the_store", "other_name_than_connect_to", "absent_on_a_node_that_is_up"],
)
def test_set_remoteaccess_refuses_before_it_does_anything(host: WineHost, setting: Mapping[str, str], given: pki.Issued, reason: str) -> None:
    for path, text in setting.items():
        below, _, name = rf"{REMOTE_ACCESS}\{path}".rpartition("\\")
        host.agent.set_value(below, name, text)
    before = host.digest()
    assert give(host, given) == FAILED + reason
    assert host.digest() == before


def test_a_refusal_ends_nothing_unless_told_to(host: WineHost) -> None:
    """As with commands made of CIM classes: who does not say -ErrorAction Stop goes on."""
    assert give(host, WILD, "-ErrorAction SilentlyContinue") == "went on"


@pytest.mark.parametrize(
    ("issued", "name", "covered"),
    [
        (NEW, "VPN.Example.com", True),
        (NEW, "198.51.100.7", True),
        (WILD, "da.example.com", True),
        (WILD, "a.da.example.com", False),
        (WILD, "example.com", False),
    ],
    ids=["case", "address", "wildcard", "two_labels", "no_label"],
)
def test_the_names_that_a_certificate_has_for_directaccess(host: WineHost, issued: pki.Issued, name: str, covered: bool) -> None:
    host.agent.add_certificate(WILD.der)
    host.agent.set_value(REMOTE_ACCESS, "ConnectTo", name)
    assert (give(host, issued) == "went on") is covered


def test_a_node_that_is_down_may_lack_the_certificate(host: WineHost) -> None:
    host.agent.set_value(NODES, "vpn02", "Stopped without certificate")
    host.agent.set_value(NODES, "vpn03", "Converged")
    assert give(host, NEW) == "went on"


# --- the network adapters


@pytest.mark.parametrize("bound", [True, False], ids=["ipv6", "ipv6_unbound"])
def test_the_adapters_are_those_of_the_lab(host: WineHost, bound: bool) -> None:
    host.agent.set_value(NETWORK, "IPv6Unbound", int(not bound))
    assert json.loads(run(host, ADAPTERS)) == [
        {"name": "Loopback Pseudo-Interface 1", "kind": "loopback", "up": True, "ipv4": True, "ipv6": True, "addresses": ["127.0.0.1", "::1"]},
        {"name": "Ethernet", "kind": "ethernet", "up": True, "ipv4": True, "ipv6": bound, "addresses": ["192.0.2.10", *["2001:db8::10"] * bound]},
        {"name": "Internet", "kind": "ethernet", "up": True, "ipv4": True, "ipv6": bound, "addresses": ["203.0.113.5", *["2001:db8:1::5"] * bound]},
    ]
    assert host.state()["ipv6"] is bound


# --- the events of a start, after changes that went past RRAS


def raised(host: WineHost) -> list[str]:
    """The numbers of the events of a restart."""
    host.agent.clear_events()
    host.restart()
    return [event.split()[0] for event in host.state()["events"]]


def test_a_start_after_set_remoteaccess_raises_nothing(host: WineHost) -> None:
    assert give(host, NEW) == "went on"
    assert raised(host) == []


def test_event_24_where_only_one_record_was_changed(host: WineHost) -> None:
    choose(host, OLD)
    host.agent.set_record(replace(records(host)["[::]"], hash=NEW.thumbprint), update=True)
    assert raised(host) == ["24"]


def test_event_25_where_the_chosen_certificate_was_deleted(host: WineHost) -> None:
    choose(host, OLD)
    # Bound from another store, so that this is all that is wrong.
    host.keep(OLD, "WebHosting")
    for record in host.agent.records():
        host.agent.set_record(replace(record, store="WebHosting"), update=True)
    host.agent.delete_certificate(OLD.thumbprint)
    assert raised(host) == ["25"]


def test_event_32_where_both_records_were_changed(host: WineHost) -> None:
    choose(host, OLD)
    for record in host.agent.records():
        host.agent.set_record(replace(record, hash=NEW.thumbprint), update=True)
    assert raised(host) == ["32"]


def test_a_start_without_the_record_of_an_ipv6_that_is_unbound_raises_nothing(host: WineHost) -> None:
    host.agent.set_value(NETWORK, "IPv6Unbound", 1)
    host.agent.delete_record("ip", f"[::]:{host.port}")
    choose(host, OLD)
    assert raised(host) == []
