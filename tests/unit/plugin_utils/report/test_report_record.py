# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of others: read where they are whole, refused in one sentence where they are not."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.report.record import read_record
from ansible_collections.rras.sstp.plugins.plugin_utils.report.results import natural, read_results
from ansible_collections.rras.sstp.plugins.plugin_utils.report.shapes import ShapeError
from audited_fleet import key_lost, large, result, small, stale_hash, unreachable, well
from hypothesis import given
from hypothesis import strategies as st

SCHEMA = json.loads((Path(__file__).resolve().parents[4] / "docs" / "report.schema.json").read_text())
WHOLE = stale_hash("vpn01", 100) | {
    "ignored": [{"id": "a", "reason": "b", "findings": 1}],
    "events": [{"id": 21, "level": 2, "time": "2026-11-25T05:00:00.000Z", "data": ["x"], "code": None, "meaning": None, "explanation": None}],
}


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """To each key of each dictionary, the first one of a list standing for all."""
    if isinstance(value, list):
        return [inner for number, item in enumerate(value[:1]) for inner in paths(item, (*path, number))]
    if isinstance(value, dict):
        return [inner for name, item in value.items() for inner in [(*path, name), *paths(item, (*path, name))]]
    return []


def changed(path: tuple[Any, ...], change: Any) -> dict[str, Any]:
    """A copy of the whole record, with change(parent, key) done at path."""
    made = copy.deepcopy(WHOLE)
    parent: Any = made
    for part in path[:-1]:
        parent = parent[part]
    change(parent, path[-1])
    return made


def test_a_record_is_read() -> None:
    record = read_record(WHOLE, "vpn01")
    assert (record.server, record.mode, record.compliant, len(record.places)) == ("VPN01", "automatic", False, 8)
    assert record.places[2].agrees is False
    assert record.gravest is not None
    assert record.gravest.id == "registry_sha256_different"
    assert record.events[0].time.isoformat() == "2026-11-25T05:00:00+00:00"


def test_further_keys_are_passed_over() -> None:
    assert read_record(changed(("port",), lambda parent, _key: parent.update(more=1)), "vpn01") == read_record(WHOLE, "vpn01")


@pytest.mark.parametrize("path", paths(WHOLE), ids=[".".join(map(str, path)) for path in paths(WHOLE)])
def test_a_key_that_is_missing_or_of_another_type_is_named(path: tuple[Any, ...]) -> None:
    for change in (dict.__delitem__, lambda parent, key: parent.update({key: 1.5})):
        with pytest.raises(ShapeError) as caught:
            read_record(changed(path, change), "vpn\n01")
        assert str(caught.value).startswith(r"The record of vpn\n01")
        assert str(path[-1]) in str(caught.value)
        assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("schema", 2, "schema is 2, but this version of rras.sstp.report reads schema 1"),
        ("schema", True, "schema is True"),
        ("mode", "other", "mode is 'other', and not automatic, administrator or offload"),
        ("time", "yesterday", "time is 'yesterday', and not a time in UTC as 2026-11-25T06:00:00Z"),
        ("port", True, "port is True, and not a whole number"),
        ("findings", {}, "findings is no list"),
        ("places", [1], r"places[0] is no dictionary"),
    ],
)
def test_what_cannot_be_meant_is_said(key: str, value: Any, words: str) -> None:
    with pytest.raises(ShapeError) as caught:
        read_record(WHOLE | {key: value}, "vpn01")
    assert words in str(caught.value)


@pytest.mark.parametrize("raw", ["text", 5, []])
def test_a_record_that_is_none(raw: Any) -> None:
    with pytest.raises(ShapeError, match="The record of vpn01 is no dictionary"):
        read_results({"vpn01": {"record": raw}})


def test_states_and_messages() -> None:
    results = read_results({
        "e": result(key_lost("e", 9)),
        "f": {"failed": True, "msg": "No."},
        "i": result(well("i", 90) | {"findings": [WHOLE["findings"][1] | {"severity": "info"}]}),
        "n": {},
        "o": result(well("o", 90)),
        "s": {"skipped": True},
        "u": unreachable("Gone."),
        "v": {"unreachable": True},
        "w": result(well("w", 9) | {"findings": [WHOLE["findings"][1]]}),
        "x": {"failed": True, "msg": "Findings.", "record": key_lost("x", 9)},
    })  # fmt: skip
    assert [(one.host, one.state, one.message) for one in results] == [
        ("e", "error", None),
        ("f", "failed", "No."),
        ("i", "ok", None),
        ("n", "failed", "No result came back from this host."),
        ("o", "ok", None),
        ("s", "failed", "The audit was skipped on this host."),
        ("u", "unreachable", "Gone."),
        ("v", "unreachable", "The host could not be reached."),
        ("w", "warning", None),
        ("x", "error", None),
    ]


def test_a_result_that_is_none_names_its_host() -> None:
    with pytest.raises(ShapeError, match="The result of vpn01 is no dictionary"):
        read_results({"vpn01": "undefined"})


@given(st.lists(st.text(), unique=True))
def test_any_names_have_an_order(names: list[str]) -> None:
    assert [natural(name) for name in sorted(names, key=natural)] == sorted(map(natural, names))


def test_numbers_in_names_count() -> None:
    assert sorted(["vpn10", "vpn2", "VPN1"], key=natural) == ["VPN1", "vpn2", "vpn10"]


def test_the_reader_knows_the_keys_of_the_schema() -> None:
    """Each key that the schema wants is one that the reader misses, and the other way round: WHOLE has all."""
    defined = SCHEMA["$defs"]
    lists = {"place": "places", "certificate": "certificates", "finding": "findings", "event": "events", "ignored": "ignored"}
    for name, example in {"record": WHOLE, **{name: WHOLE[key][0] for name, key in lists.items()}}.items():
        assert set(defined[name]["required"]) == set(defined[name]["properties"]) == set(example), name


def test_made_up_fleets_are_sound() -> None:
    assert len(read_results(small())) == 12
    assert len(read_results(large(50))) == 50
