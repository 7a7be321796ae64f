# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hostile facts through the real back-end and Ansible's own wrapper: they come as they are, and are put back as they were."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import module_call
import pytest
from hostile import LOOK_ALIKES, TEXTS
from lab.agent import SSTPSVC, Record
from lab.pki import Authority, Issued
from lab.raw_state import as_found
from lab.sim.host import SimHost
from lab.wine import WineHost
from needs_wine import prepared_lab

PRODUCT = r"SOFTWARE\rras.sstp"
# Text is compared as Windows does, by its own tables, where .NET would otherwise take each character for itself under Wine. It costs 9 s a call.
AS_WINDOWS_COMPARES = {"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "0", "DOTNET_SYSTEM_GLOBALIZATION_USENLS": "1"}
NEVER = {
    "kind": "await", "timeout": 0, "required": True,
    "conditions": [{"kind": "service", "name": "SstpSvc", "state": "never", "text": TEXTS["a template"]}],
}  # fmt: skip
MEGABYTES = 10 * 1024 * 1024


@pytest.fixture(scope="module")
def issued() -> tuple[Issued, Issued]:
    authority = Authority()
    old, new = (authority.issue(["vpn.example.com"]) for _ in range(2))
    return old, new


@pytest.fixture
def host(issued: tuple[Issued, Issued]) -> Iterator[WineHost]:
    with prepared_lab().host("vpn01") as fresh:
        placed(fresh, issued)
        yield fresh


def placed(host: Any, issued: tuple[Issued, Issued]) -> None:
    """A server that works, with the texts in every place that has room for one."""
    old, new = issued
    host.install(old)
    host.keep(new)
    for number, text in enumerate(TEXTS.values()):
        name = text[:200]
        host.agent.set_value(SSTPSVC, name, text)
        host.agent.set_value(SSTPSVC + r"\ConfigStore", f"{number}", text)
        host.agent.set_record(Record("sni", f"{name}:{host.port}", old.thumbprint, ctl_identifier=text, ctl_store=name, store="MY"))
    for name in LOOK_ALIKES:
        host.agent.set_value(SSTPSVC, name, 1)
    host.agent.name_certificate(old.thumbprint, "\n".join(TEXTS.values()))
    host.agent.set_value(SSTPSVC, "10 MB", b"\x5a" * MEGABYTES)


def observed(call: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """The facts that those texts are in, the lists of them in one order."""
    facts = call(operation="observe", facets=["http", "sstp", "stores"])["facts"]
    records = sorted(facts["http"]["records"], key=lambda record: (record["address"], str(record["host"])))
    names = {item["thumbprint"]: item["friendly_name"] for item in facts["stores"]["MY"]}
    return {"records": records, "sstp": facts["sstp"], "names": names}


def test_hostile_facts_are_told_as_they_are_and_put_back_as_they_were(host: WineHost, issued: tuple[Issued, Issued]) -> None:
    def call(**options: Any) -> dict[str, Any]:
        return module_call.call(host, options)

    found = observed(call)
    with SimHost("vpn01", port=host.port) as sim:
        placed(sim, issued)
        assert found == observed(lambda **options: sim.call(options))
    before = host.state()

    new = issued[1].thumbprint.upper()
    records = [{**record, "kind": "set_ssl_record", "certificate_hash": new} for record in found["records"]]
    answer = call(operation="apply", facets=["sstp"], changes=[*records, *map(deletion, (text[:200] for text in TEXTS.values())), deletion("10 MB")])
    check_undone(answer, "The value 10 MB is too long, or of a type that cannot be put back.")
    assert as_found(host.state()) == as_found(before)

    host._variables.update(AS_WINDOWS_COMPARES)
    name = TEXTS["right to left"]
    marked = {"kind": "set_registry_value", "path": SSTPSVC, "value_kind": "string", "name": name, "data": name + "\u200e"}
    record = {**found["records"][0], "kind": "set_ssl_record", "ctl_identifier": "\u200e"}
    answer = call(operation="apply", facets=["sstp"], changes=[marked, record, *map(deletion, ("SHA256CertificateHash", *LOOK_ALIKES)), NEVER])
    check_undone(answer, f"After 0 seconds this still did not hold: {TEXTS['a template']}.")
    assert answer["facts"]["sstp"]["parameters"].keys() == found["sstp"]["parameters"].keys()
    assert as_found(host.state()) == as_found(before)
    for variable in AS_WINDOWS_COMPARES:
        del host._variables[variable]

    entries = {"0001": "[1]", "0002": "null", "0003": "{}", "no number": '{"kind": "await"}', "0004": "{{ 7*7 }}", "0005": '{"kind": "services"}'}
    for name, entry in entries.items():
        host.agent.set_value(rf"{PRODUCT}\Journal", name, entry)
    answer = call(operation="apply", facets=["sstp"], recover=True)
    assert (answer["outcome"], {entry["index"] for entry in answer["not_undone"]}) == ("failed", {1, 2, 3, 4, 5})
    host.agent.delete_key_tree(PRODUCT)
    assert as_found(host.state()) == as_found(before)


def deletion(name: str) -> dict[str, Any]:
    return {"kind": "delete_registry_value", "path": SSTPSVC, "name": name}


def check_undone(answer: dict[str, Any], message: str) -> None:
    """Every change was seen to be one, but for the last, which failed; and all were taken back."""
    assert (answer["outcome"], answer["not_undone"], answer["changed"]) == ("failed", [], False)
    assert answer["failure"]["error"]["message"] == message
    assert [entry["changed"] for entry in answer["changes"]] == [True] * (len(answer["changes"]) - 1) + [False]
