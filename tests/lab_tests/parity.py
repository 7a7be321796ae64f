# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scenario on both kinds of host, call for call, and what the answers differ in.

The calls are those of the product, recorded while it rotates a simulated host.
"""

from __future__ import annotations

import base64
import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from lab import scenario as scenarios
from lab.pki import Authority, Issued
from lab.scenario import Scenario
from lab.sim.host import SimHost
from lab.sim.options import ALL_FACETS
from scenario_driver import Driver, SstpError

CHALLENGE = base64.b64encode(bytes(range(32))).decode()
# Before there were any hosts of the lab.
SINCE = "2020-01-02T03:04:05Z"
ORDERED = ("changes", "undone", "not_undone", "raised", "texts")
EVENT = "{http://schemas.microsoft.com/win/2004/08/events/event}"
Call = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Deviation:
    """Fields (a pattern of their path) that cannot agree, in which scenarios, and why; on_wine: what they are there, where they must be one of these."""

    fields: str
    reason: str
    scenarios: tuple[str, ...] = ()
    on_wine: tuple[object, ...] = ()

    def covers(self, scenario: str, field: str, on_wine: object) -> bool:
        meant = (not self.scenarios or scenario in self.scenarios) and (not self.on_wine or on_wine in self.on_wine)
        return meant and fnmatchcase(field, self.fields)


DEVIATIONS = (
    Deviation("*.facts.host.name", "each kind has a name of its own: Wine takes that of the machine it runs on"),
    Deviation("*.facts.host.build", "Wine is a Windows 10, unless the scenario says a build"),
    Deviation("*.facts.host.product", "as the build"),
    Deviation("*.facts.host.revision", "Wine has none"),
    Deviation("*.facts.host.powershell", "the engine under Wine is PowerShell 7, a simulated host is a 5.1 unless told"),
    Deviation("*.facts.host.time", "time goes by"),
    Deviation("*.milliseconds", "time goes by"),
    Deviation("*.changes.*.time", "time goes by"),
    Deviation("*.facts.events.raised.*.time", "time goes by"),
    Deviation("*.facts.events.raised.*.computer", "as the host's name"),
    Deviation("*.facts.product.predecessors.*.data", "a time"),
    Deviation("state.product.Predecessors*", "a time"),
    Deviation("*.facts.served.*.error.code", "under Wine the lab's listener accepts always, and then resets, which may come as an end of data"),
    Deviation("*.message", "the words are those of Windows, Wine and .NET; functions and codes must agree"),
    Deviation("*.msg", "as message"),
    Deviation("*.state_id", "the random names of key containers are part of it"),
    Deviation("* import.facts.stores.*.key.*", "Wine keeps an imported key in its default container, and calls it a user's, until the process ends"),
    Deviation("* import.facts.keys.*", "as of the stores"),
    Deviation(
        "*.key.security", "Wine keeps keys in the registry, and tells the DACL of that; on sim it is that of Windows' own choice",
        on_wine=("D:(A;CIIO;GR;;;BU)(A;;KA;;;BA)",),
    ),
    Deviation("*.facts.keys.errors*", "Wine has no CNG, and so no key storage provider that lists its keys: one error there, none on sim"),
    Deviation(
        "*.key.acquire_code", "a container that is gone: NTE_BAD_KEYSET on Windows, CRYPT_E_NO_KEY_PROPERTY on Wine",
        ("candidate_key_does_not_open", "candidate_key_is_repaired", "key_deleted"),
    ),
)  # fmt: skip


def recorded(scenario: Scenario, issued: dict[str, Issued], authority: Authority, port: int) -> list[dict[str, Any]]:
    """The calls to compare: observe with everything, then what the product would apply.

    An import of what the host has not got comes before all else, and tells all the rest as it was: then the look before it is left out, as each call
    takes Wine seconds.
    """
    calls: list[dict[str, Any]] = []
    with SimHost("vpn01", **{**scenario.host_options("sim"), "port": port}) as host:
        scenarios.apply(scenario, host, authority, issued)

        def record(options: dict[str, Any]) -> dict[str, Any]:
            calls.append(options)
            return host.call(options)

        with suppress(SstpError):
            Driver(record).rotate(scenario, issued)
    candidate = issued[scenario.rotation.candidate].thumbprint.upper()
    scope = {
        "thumbprints": [candidate], "prove": [candidate], "prove_bound": True, "challenge": CHALLENGE,
        "facets": list(ALL_FACETS), "events_since": SINCE,
    }  # fmt: skip
    changing = [{**_changing(call), **scope} for call in calls if call["operation"] == "apply"]
    brings = bool(changing) and any(not change["replace"] for change in _imports(changing[0]))
    return changing if brings else [{"operation": "observe", **scope}, *changing]


def _imports(options: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [change for change in options.get("changes", ()) if change["kind"] == "import_pfx"]


def _changing(call: dict[str, Any]) -> dict[str, Any]:
    return {name: call[name] for name in ("operation", "changes", "recover", "pfx", "pfx_password") if name in call}


def answers(host: Any, call: Call, calls: list[dict[str, Any]]) -> dict[str, Any]:
    """What a host says to each call (under "0 observe", "1 import", "2 apply"), and its raw state at the end, so that both kinds compare."""
    found: dict[str, Any] = {}
    for number, options in enumerate(calls):
        answer = {name: value for name, value in call(options).items() if name != "invocation"}
        if "events" in answer.get("facts", {}):
            answer["facts"]["events"] = _events(answer["facts"]["events"])
        found[f"{number} {'import' if _imports(options) else options['operation']}"] = _plain(answer, _containers(answer.get("facts", {}).get("stores", {})))
    state = host.state()
    state["events"] = [int(text.split()[0]) for text in state["events"]]
    state["certificates"] = {name: content for name, content in state["certificates"].items() if content}
    return {**found, "state": _plain(state, _containers(state["certificates"]))}


def _events(facet: Mapping[str, Any]) -> dict[str, Any]:
    """The facet with its records parsed, still the newest first."""
    return {"error": facet["error"], "raised": [_event(ET.fromstring(record)) for record in facet["records"]]}


def _event(root: ET.Element) -> dict[str, Any]:
    system = {element.tag.removeprefix(EVENT): element for element in root.findall(f"{EVENT}System/*")}
    return {
        "id": system["EventID"].text,
        "provider": system["Provider"].get("Name"),
        "level": system["Level"].text,
        "channel": system["Channel"].text,
        "number": system["EventRecordID"].text,
        "time": system["TimeCreated"].get("SystemTime"),
        "computer": system["Computer"].text,
        "texts": [element.text for element in root.findall(f"{EVENT}EventData/*")],
    }


def _containers(stores: Mapping[str, Any]) -> dict[str, str]:
    """Key containers have random names: name -> whose key it holds."""
    items = sorted((item for content in stores.values() for item in content), key=lambda item: str(item["thumbprint"]))
    return {item["key"]["container"]: f"that of {item['thumbprint']}" for item in reversed(items) if item["key"]}


def _plain(value: Any, containers: Mapping[str, str], key: str = "") -> Any:
    """Containers named by their certificates (or as one of nobody), and lists whose order means nothing in a fixed one."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item, containers, str(name)) for name, item in value.items()}
    if isinstance(value, list):
        items = [_plain(item, containers, key) for item in value]
        return items if key in ORDERED else sorted(items, key=_order)
    if isinstance(value, str) and value.startswith("{\""):  # a journal's entry, whose keys have no order
        return _plain(json.loads(value), containers)
    return containers.get(value, "that of nobody") if key in ("container", "containers") and value is not None else value


def _order(item: Any) -> str:
    names = ("family", "endpoint", "address", "port", "host", "name", "store", "thumbprint", "provider", "container")
    return " ".join(str(item.get(name)) for name in names) if isinstance(item, Mapping) else str(item)


def differences(left: Any, right: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Path and both values of each field in which the two differ."""
    if isinstance(left, dict) and isinstance(right, dict):
        for name in dict.fromkeys((*left, *right)):
            yield from differences(left.get(name, "(absent)"), right.get(name, "(absent)"), f"{path}.{name}" if path else name)
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for index, pair in enumerate(zip(left, right, strict=True)):
            yield from differences(*pair, f"{path}.{index}")
    elif left != right:
        yield path, left, right
