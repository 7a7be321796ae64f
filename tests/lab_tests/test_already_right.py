# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that is right already is never touched, above all never restarted, whatever the options; in every mode, and after every rotation that worked."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from host_states import authority, issue, opened_once
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lab import scenario as scenarios
from lab.pki import Issued
from lab.scenario import Scenario, load, names
from lab.sim.host import SimHost
from promises import port_of, value
from scenario_driver import Driver, _options, _source, rotate_action

Issues = dict[str, Issued]
RIGHT = [name for name in names() if load(name).runs_on("sim") and load(name).rotate.kind in ("working", "unchanged")]
some = settings(max_examples=10, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True, scope="module")
def quickly() -> Iterator[None]:
    with opened_once():
        yield


@contextmanager
def placed(scenario: Scenario) -> Iterator[tuple[SimHost, Issues]]:
    start = time.time()
    issued = dict(issue(tuple(scenario.certificates.items())))
    with SimHost("vpn01", clock=lambda: start, **scenario.host_options("sim")) as host:
        scenarios.apply(scenario, host, authority(), issued)
        yield host, issued


def mode_of(state: dict[str, Any]) -> str:
    https, by_admin = value(state, "UseHttps"), value(state, "isHashConfiguredByAdmin")
    if https and https["value"] == 0:
        return "offload"
    return "administrator" if by_admin and by_admin["value"] == 1 else "automatic"


def harmless(scenario: Scenario, state: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Options that ask for nothing which is not so. Those of the scenario stay where another one would ask for something else."""
    own = dict(scenario.rotation.options)
    mode = mode_of(state)
    # Plain HTTP has a default of its own.
    port = port_of(state) if mode != "offload" or value(state, "ListenerPort") else 80
    free: dict[str, st.SearchStrategy[Any]] = {
        "take_over": st.booleans(),
        "service_timeout": st.sampled_from([1, 120, 86_400]),
        "settle_timeout": st.sampled_from([0, 30, 3600]),
        "mode": st.sampled_from(["as_found", mode]),
    }
    if "mode" in own and scenario.rotation.balancer is None:
        free["mode"] = st.sampled_from([own["mode"], mode])
    rras = state["services"]["RemoteAccess"]
    if rras["state"] == "running" or rras["start_type"] == "disabled":
        free["service_state"] = st.sampled_from(["running", "as_found"])
    if mode == "automatic":
        free["writer"] = st.sampled_from(["remote_access", "direct"])
    if all(item["endpoint"].endswith(("0.0.0.0:" + str(port), "[::]:" + str(port))) for item in state["http"]):
        free["shared_records"] = st.booleans()
    # Where ConfigStore has another port, listener_port asks for this one there as well.
    config = value(state, r"ConfigStore\ListenerPort")
    asked = [{}, {"port": port}] if config and config["value"] not in (0, port) else [{}, {"port": port}, {"listener_port": port}]
    ports = st.just({}) if own.keys() & {"port", "listener_port"} else st.sampled_from(asked)
    return st.builds(lambda drawn, chosen: {**own, **drawn, **chosen}, st.fixed_dictionaries({}, optional=free), ports)


def without_touching(host: SimHost) -> Any:
    """The back-end of the host, where apply must not be called."""

    def call(options: dict[str, Any]) -> dict[str, Any]:
        assert options["operation"] == "observe", f"the host is right, and this was to be changed: {options.get('changes')}"
        return host.call(options)

    return call


@pytest.mark.parametrize("name", RIGHT)
def test_a_host_that_is_right_is_not_touched_whatever_the_options(name: str) -> None:
    wanted = load(name)
    with placed(wanted) as (host, issued):
        first = Driver(host.call).rotate(wanted, issued)
        assert first.kind == wanted.rotate.kind
        host.agent.clear_faults()
        state = host.state()
        sources = st.just(wanted.rotation.by) if wanted.rotation.balancer else st.sampled_from(["pfx", "thumbprint"])

        @some
        @given(options=harmless(wanted, state), by=sources)
        def ask_again(options: Mapping[str, Any], by: str) -> None:
            asked = dataclasses.replace(wanted, rotation=dataclasses.replace(wanted.rotation, by=by, options=options))
            driver = Driver(without_touching(host))
            result = driver.rotate(asked, issued)
            assert (result.kind, result.changed) == ("unchanged", False), result.words
            switch = driver.perform(rotate_action, **_source(asked, issued), **_options(asked, issued))
            assert (switch["changed"], switch["restarted"], switch["plan"]) == (False, False, [])

        ask_again()
        assert host.state() == state
