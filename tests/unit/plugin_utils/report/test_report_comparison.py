# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""New and gone since last time, the numbers of the summary, and the JSON that carries both from one report to the next."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.report.document import Document, Known, read_json
from ansible_collections.rras.sstp.plugins.plugin_utils.report.making import Made, make
from ansible_collections.rras.sstp.plugins.plugin_utils.report.results import read_results
from ansible_collections.rras.sstp.plugins.plugin_utils.report.shapes import ShapeError
from audited_fleet import NOW, expiring, key_lost, large, result, small, stale_hash, unreachable, well, yesterday

SCHEMA = json.loads((Path(__file__).resolve().parents[4] / "docs" / "report.schema.json").read_text())
DAY = dt.timedelta(days=1)
EVENING = dt.datetime(2026, 11, 25, 18, tzinfo=dt.timezone.utc)


def made(results: dict[str, Any], previous: Document | None = None, there: Document | None = None, now: dt.datetime = NOW) -> Made:
    return make(read_results(results), "Title", now, previous, there)


def again(one: Made) -> Document:
    """As read from its JSON."""
    return read_json(one.contents(["json"])["json"].decode(), "It")


def entry(one: Made, host: str) -> dict[str, Any]:
    (found,) = [item for item in one.data["hosts"] if item["host"] == host]
    return found


def test_the_json_is_the_document() -> None:
    one = made(small(), again(made(yesterday(), now=NOW - DAY)))
    assert json.loads(one.contents(["json"])["json"]) == one.data
    assert again(one) == one.document


@pytest.mark.parametrize("results", [{}, {"a": {}}, small(), large(30)], ids=["none", "nothing", "small", "large"])
@pytest.mark.parametrize("compared", [True, False])
def test_it_fits_the_schema(results: dict[str, Any], compared: bool) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    validator = jsonschema.Draft202012Validator(SCHEMA)
    one = made(results, again(made(yesterday(), now=NOW - DAY)) if compared else None)
    assert [error.message for error in validator.iter_errors(one.data)] == []
    assert list(validator.iter_errors(one.data | {"schema": 2}))
    assert list(validator.iter_errors({key: value for key, value in one.data.items() if key != "made"}))


def test_the_first_report_has_nothing_new() -> None:
    one = made(small())
    assert (one.data["compared_with"], one.document.summary.new_findings, one.document.summary.added_hosts) == (None, 0, 0)
    assert not any(item["new"] or item["gone"] or item["added"] for item in one.data["hosts"])


def test_summary() -> None:
    summary = made(small(), again(made(yesterday(), now=NOW - DAY))).data["summary"]
    assert summary == {
        "hosts": 12,
        "compliant": 7,
        "with_errors": 3,
        "with_warnings": 1,
        "unreachable": 1,
        "failed": 1,
        "new_findings": 3,
        "gone_findings": 2,
        "added_hosts": 1,
        "removed_hosts": 1,
        "soonest_expiry": {"host": "vpn03.example.com", "subject": "CN=vpn03.example.com", "not_after": "2026-11-22T09:00:00Z", "days_left": -3},
    }


def test_new_and_gone_go_by_host_id_and_subject() -> None:
    before = again(made({"a": result(stale_hash("a", 100)), "b": result(well("b", 100)), "c": result(well("c", 100))}))
    wrong = stale_hash("a", 100)
    wrong["findings"][0] |= {"subject": "Another", "severity": "warning"}
    wrong["findings"][1] |= {"actual": "3 days left"}
    one = made({"a": result(wrong), "b": result(stale_hash("b", 100)), "d": result(expiring("d", 5))}, before)
    a, b, d = (entry(one, host) for host in "abd")
    assert [(known["id"], known["subject"]) for known in a["new"]] == [("registry_sha256_different", "Another")]
    assert [(known["id"], known["subject"]) for known in a["gone"]] == [("registry_sha256_different", "SHA256CertificateHash")]
    assert ([known["id"] for known in b["new"]], b["gone"], b["added"]) == (["registry_sha256_different", "expires_soon"], [], False)
    assert ([known["id"] for known in d["new"]], d["added"]) == (["expires_soon"], True)
    assert one.document.removed_hosts == ("c",)


def test_an_outage_is_no_news() -> None:
    """What was there before it and after it is neither gone nor new; what came meanwhile is."""
    first = again(made({"a": result(expiring("a", 9))}))
    second = made({"a": unreachable()}, first)
    assert (entry(second, "a")["new"], entry(second, "a")["gone"]) == ([], [])
    seen = second.document.hosts[0].last_seen
    assert seen is not None
    assert seen.findings == (Known("expires_soon", "warning", "0.0.0.0:443"),)
    third = made({"a": {}}, again(second))
    assert third.document.hosts[0].last_seen == seen
    assert entry(made({"a": result(expiring("a", 9))}, again(third)), "a")["new"] == []
    worse = entry(made({"a": result(key_lost("a", 9))}, again(third)), "a")
    assert [known["id"] for known in worse["new"]] == ["binding_missing", "key_unusable", "no_revocation"]


def test_a_host_that_was_never_reached_has_nothing_new_when_it_is() -> None:
    """Nobody knows since when its findings are there."""
    never = again(made({"a": unreachable()}))
    assert entry(made({"a": result(expiring("a", 9))}, never), "a")["new"] == []


def test_made_again_from_the_same_audits_it_is_the_same() -> None:
    """The time of making and what was new included."""
    before = again(made(yesterday(), now=NOW - DAY))
    first = made(small(), before)
    there = again(first)
    assert made(small(), there, there, EVENING).contents(["html", "json", "csv"]) == first.contents(["html", "json", "csv"])
    assert made(small(), before, there, EVENING).document == first.document
    # Compared with the report of another day it says something else, at another time.
    other = made(small(), again(made(small(NOW - DAY), now=NOW - 2 * DAY)), there, EVENING).document
    assert (other.made, other.compared_with) == (EVENING, NOW - 2 * DAY)


def test_another_audit_is_another_report() -> None:
    there = again(made(small()))
    later = made(small(NOW + dt.timedelta(hours=1)), there, there, EVENING).document
    assert (later.made, later.compared_with, later.summary.new_findings) == (EVENING, NOW, 0)


def test_a_night_in_which_no_host_answers_is_a_report_of_its_own() -> None:
    there = again(made({"a": unreachable()}))
    assert made({"a": unreachable()}, there, there, EVENING).document.made == EVENING


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no json", "The file is no JSON."),
        ("[1]", "The file is no report of rras.sstp.report."),
        ('{"hosts": []}', "The file is no report of rras.sstp.report."),
        ('{"schema": 2, "hosts": []}', "The file has schema 2, but this version of rras.sstp.report reads schema 1."),
        ('{"schema": true, "hosts": []}', "The file has schema true"),
        ('{"schema": 1, "hosts": []}', "The file has no key made."),
    ],
)
def test_a_previous_report_that_is_none(text: str, words: str) -> None:
    with pytest.raises(ShapeError) as caught:
        read_json(text, "The file")
    assert str(caught.value).startswith(words)


def test_a_previous_report_with_a_broken_record_names_the_host() -> None:
    data = made(small()).data
    del data["hosts"][1]["record"]["port"]
    with pytest.raises(ShapeError, match="The record of vpn01.example.com has no key port"):
        read_json(json.dumps(data), "The file")
