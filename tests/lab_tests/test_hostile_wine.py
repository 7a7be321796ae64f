# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hostile facts through the real back-end and Ansible's own wrapper: they come as they are, and are put back as they were."""

from __future__ import annotations

from collections.abc import Iterator
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

JOURNAL = r"SOFTWARE\rras.sstp\Journal"
# Text is compared as Windows does, by its own tables, where .NET would otherwise take each character for itself under Wine. It costs 9 s a call.
AS_WINDOWS_COMPARES = {"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "0", "DOTNET_SYSTEM_GLOBALIZATION_USENLS": "1"}
NEVER = {
    "kind": "await", "timeout": 0, "required": True,
    "conditions": [{"kind": "service", "name": "SstpSvc", "state": "never", "text": "$(calc) {{ 7*7 }}\r\n'"}],
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


def observed(host: Any, call: Any) -> dict[str, Any]:
    """The facts that those texts are in, the lists of them in one order."""
    facts = call({"operation": "observe", "facets": ["http", "sstp", "stores"]})["facts"]
    records = sorted(facts["http"]["records"], key=lambda record: (record["address"], str(record["host"])))
    names = {item["thumbprint"]: item["friendly_name"] for item in facts["stores"]["MY"]}
    return {"records": records, "sstp": facts["sstp"], "names": names}


def test_hostile_facts_are_told_as_they_are_and_put_back_as_they_were(host: WineHost, issued: tuple[Issued, Issued]) -> None:
    def call(options: dict[str, Any]) -> dict[str, Any]:
        return module_call.call(host, options)

    with SimHost("vpn01", port=host.port) as sim:
        placed(sim, issued)
        assert observed(host, call) == observed(sim, sim.call)

    before = host.state()
    new = issued[1].thumbprint.upper()
    records = [{**record, "kind": "set_ssl_record", "certificate_hash": new} for record in observed(host, call)["records"]]
    deleted = [{"kind": "delete_registry_value", "path": SSTPSVC, "name": text[:200]} for text in TEXTS.values()]
    answer = call({"operation": "apply", "facets": ["sstp"], "changes": [*records, *deleted, NEVER]})
    assert (answer["outcome"], answer["not_undone"], answer["changed"]) == ("failed", [], False)
    assert NEVER["conditions"][0]["text"] in answer["failure"]["error"]["message"]  # type: ignore[index]
    assert [entry["changed"] for entry in answer["changes"]] == [True] * (len(answer["changes"]) - 1) + [False]
    assert as_found(host.state()) == as_found(before)

    host._variables.update(AS_WINDOWS_COMPARES)
    name = TEXTS["right to left"]
    marked = {"kind": "set_registry_value", "path": SSTPSVC, "value_kind": "string", "name": name, "data": name + "\u200e"}
    record = {**records[0], "certificate_hash": issued[0].thumbprint.upper(), "ctl_identifier": "\u200e" + (records[0]["ctl_identifier"] or "")}
    deleted = [{"kind": "delete_registry_value", "path": SSTPSVC, "name": name} for name in ("SHA256CertificateHash", *LOOK_ALIKES)]
    answer = call({"operation": "apply", "facets": ["sstp"], "changes": [marked, record, *deleted, NEVER]})
    for name in AS_WINDOWS_COMPARES:
        del host._variables[name]
    assert [entry["changed"] for entry in answer["changes"]] == [True] * (len(answer["changes"]) - 1) + [False]
    assert answer["facts"]["sstp"]["parameters"].keys() == {name for name in before["sstpsvc"] if not name.startswith("ConfigStore\\")}
    assert as_found(host.state()) == as_found(before)

    long = {"kind": "delete_registry_value", "path": SSTPSVC, "name": "10 MB"}
    answer = call({"operation": "apply", "facets": [], "changes": [long]})
    assert (answer["outcome"], answer["failure"]["error"]["message"]) == ("failed", "The value 10 MB is too long, or of a type that cannot be put back.")

    entries = {"0001": "[1]", "0002": "null", "0003": "{}", "no number": '{"kind": "await"}', "0004": "{{ 7*7 }}", "0005": '{"kind": "services"}'}
    for name, entry in entries.items():
        host.agent.set_value(JOURNAL, name, entry)
    answer = call({"operation": "apply", "facets": [], "recover": True})
    assert answer["outcome"] == "failed"
    assert {entry["index"] for entry in answer["not_undone"]} == {1, 2, 3, 4, 5}
    host.agent.delete_key_tree(JOURNAL)
    assert as_found(host.state()) == as_found(before)
