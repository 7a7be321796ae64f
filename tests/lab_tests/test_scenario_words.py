# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words of the scenarios that set what RRAS itself says, the network, and how a rotation is called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from lab import scenario
from lab.agent import LAB
from lab.pki import Authority
from lab.scenario import Scenario, ScenarioError, load
from lab.scenario_file import RemoteAccessWords, Rotation
from lab.sim.host import SimHost

AUTHORITY = Authority()
LEAST = {"title": "x", "source": ["domain 7"], "findings": [], "rotate": "working"}


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def read(**words: Any) -> Scenario:
        path = tmp_path / "words.yml"
        path.write_text(yaml.safe_dump({**LEAST, **words}))
        return load(path)

    return read


def applied(wanted: Scenario) -> tuple[SimHost, dict[str, Any]]:
    """A simulated host in the state of the scenario, and what the back-end tells of it."""
    host = SimHost("vpn01", **wanted.host_options("sim"))
    scenario.apply(wanted, host, AUTHORITY)
    return host, host.call({"operation": "observe", "facets": ["host", "remote_access"]})["facts"]


def test_nothing_said_is_nothing_set(read: Any) -> None:
    host, facts = applied(read())
    assert read().remote_access == RemoteAccessWords()
    assert [host.machine.registry.key(LAB + rf"\{name}") for name in ("RemoteAccess", "Network")] == [None, None]
    assert facts["remote_access"]["available"] is True


def test_ipv6_is_unbound(read: Any) -> None:
    host, facts = applied(read(host={"ipv6": False}))
    assert host.agent.value(LAB + r"\Network", "IPv6Unbound") == 1
    assert [adapter["ipv6"] for adapter in facts["host"]["adapters"]] == [True, False, False]


def test_there_are_no_cmdlets(read: Any) -> None:
    wanted = read(host={"cmdlets": False})
    assert wanted.host_options("wine") == {"cmdlets": False}
    assert applied(wanted)[1]["remote_access"]["available"] is False


def test_rras_says_what_the_scenario_says(read: Any) -> None:
    words = {
        "form": "bytes", "certificate": "new", "use_http": True, "connect_to": "vpn.example.com",
        "nodes": {"vpn02": "Converged without certificate", "vpn03": "Stopped"},
    }  # fmt: skip
    host, facts = applied(read(RemoteAccess=words))
    told = facts["remote_access"]
    assert (told["use_http"], told["connect_to"], told["ssl_certificate"] is not None) == (True, "vpn.example.com", True)
    assert told["nodes"] == [{"name": "vpn02", "status": "Converged"}, {"name": "vpn03", "status": "Stopped"}]
    assert host.agent.value(LAB + r"\RemoteAccess", "Form") == 1
    assert host.agent.value(LAB + r"\RemoteAccess\Nodes", "vpn02") == "Converged without certificate"


def test_rras_may_deny_that_it_uses_http(read: Any) -> None:
    _, facts = applied(read(RemoteAccess={"use_http": False}, SstpSvc={"UseHttps": 0}))
    assert facts["remote_access"]["use_http"] is False


@pytest.mark.parametrize(("word", "name"), [("fails", "Fails"), ("get_fails", "GetFails")])
def test_a_cmdlet_fails(read: Any, word: str, name: str) -> None:
    host, _ = applied(read(RemoteAccess={word: "The server is busy."}))
    assert host.agent.value(LAB + r"\RemoteAccess", name) == "The server is busy."


def test_the_options_of_a_rotation(read: Any) -> None:
    options = {"mode": "administrator", "writer": "direct", "shared_records": True, "port": 4443, "listener_port": 443}
    assert read(**{"with": options}).rotation == Rotation(options=options)


def test_the_certificate_of_a_balancer_is_no_option_by_that_name(read: Any) -> None:
    rotation = read(**{"with": {"mode": "offload", "balancer": "edge"}}, certificates={"edge": {}}).rotation
    assert (rotation.balancer, rotation.options) == ("edge", {"mode": "offload"})


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"host": {"ipv6": "no"}}, "host.ipv6 must be true or false, not 'no'"),
        ({"host": {"cmdlet": False}}, "did you mean 'cmdlets'?"),
        ({"RemoteAccess": {"From": "bytes"}}, "RemoteAccess has no key 'From'; did you mean 'form'?"),
        ({"RemoteAccess": {"form": "byte"}}, "RemoteAccess.form must be certificate or bytes, not 'byte'; did you mean 'bytes'?"),
        ({"RemoteAccess": {"certificate": "ol"}}, "RemoteAccess.certificate must be old or new, not 'ol'; did you mean 'old'?"),
        ({"RemoteAccess": {"use_http": 1}}, "RemoteAccess.use_http must be true or false, not 1"),
        ({"RemoteAccess": {"nodes": {"vpn02": "Convergd"}}}, "did you mean 'Converged'?"),
        ({"RemoteAccess": {"fails": ""}}, "RemoteAccess.fails must not be empty; leave it out."),
        ({"after": {"RemoteAccess": {}}}, "after has no key 'RemoteAccess'"),
        ({"with": {"mode": "offloaded"}}, "with.mode must be as_found or automatic or administrator or offload, not 'offloaded'; did you mean 'offload'?"),
        ({"with": {"writer": "rras"}}, "with.writer must be remote_access or direct, not 'rras'"),
        ({"with": {"shared_records": "yes"}}, "with.shared_records must be true or false"),
        ({"with": {"listener_port": "443"}}, "with.listener_port must be a number"),
        ({"with": {"balancer": "edge"}}, "with.balancer must be old or new, not 'edge'"),
        ({"with": {"balancer": "old", "candidate": "new", "by": "pfx"}}, "so it cannot have candidate and by."),
    ],
)
def test_a_wrong_word_is_refused_in_a_sentence(read: Any, words: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ScenarioError) as error:
        read(**words)
    assert sentence in str(error.value)
