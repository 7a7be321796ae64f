# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CSV: read back as it was written, and harmless to whatever spreadsheet opens it."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import one_line
from ansible_collections.rras.sstp.plugins.plugin_utils.report.cells import HEADINGS, defused, to_csv
from ansible_collections.rras.sstp.plugins.plugin_utils.report.making import make
from ansible_collections.rras.sstp.plugins.plugin_utils.report.results import read_results
from audited_fleet import NOW, Issued, finding, record, result, small, unreachable
from hypothesis import example, given
from hypothesis import strategies as st

LEADS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
EVIL = st.one_of(st.text(), st.tuples(st.sampled_from(LEADS), st.text()).map("".join), st.sampled_from(['a,b;"c"', "=1+1", "@SUM(A1)", " =1", "\ufeff=1"]))


def rows(results: dict[str, Any]) -> list[dict[str, str]]:
    made = make(read_results(results), "Title", NOW, None, None)
    data = to_csv(made.results, made.document.hosts).encode("utf-8")
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))


def test_a_row_to_each_finding_and_to_each_host_without_one() -> None:
    found = rows(small())
    assert tuple(found[0]) == HEADINGS
    some = [row["host"].partition(".")[0] for row in found]
    assert [name for name in some if name in ("vpn01", "vpn05", "vpn10")] == ["vpn01", "vpn01", "vpn01", "vpn05", "vpn10"]
    first = next(row for row in found if row["finding"] == "registry_sha256_different")
    assert (first["severity"], first["event"], first["event_seen"], first["repairable"], first["new"]) == ("error", "25", "2026-11-25T03:00:00Z", "yes", "no")
    away = next(row for row in found if row["state"] == "unreachable")
    assert (away["message"], away["finding"]) == ("Task failed: the connection to the host timed out after 30 s.", "")
    assert next(row for row in found if row["host"].startswith("vpn03"))["days_left"] == "-3"


def test_lines_end_as_rfc_4180_has_it() -> None:
    made = make(read_results(small()), "Title", NOW, None, None)
    text = to_csv(made.results, made.document.hosts)
    assert text.count("\r\n") == text.count("\n") == len(rows(small())) + 1


@given(host=EVIL, subject=EVIL, message=EVIL)
@example(host="=cmd|' /C calc'!A0", subject="@SUM(A1)", message="-1+1")
def test_any_text_comes_back_and_none_begins_a_formula(host: str, subject: str, message: str) -> None:
    odd = finding("some_rule", "error", subject, expected=message, actual=host)
    results = {f"{host}1": result(record(host, Issued(subject, 50), findings=[odd])), f"{host}2": unreachable(message)}
    found = {row["state"]: row for row in rows(results)}
    assert set(found) == {"error", "unreachable"}
    for row in found.values():
        for name, cell in row.items():
            assert not cell.startswith(tuple(LEADS)), name
            assert not cell.lstrip().startswith(tuple(LEADS)), name
    for given_text, cell in ((subject, found["error"]["subject"]), (message, found["error"]["expected"]), (f"{host}1", found["error"]["host"])):
        assert cell in (one_line(given_text), one_line(f"'{given_text}"))


@pytest.mark.parametrize(("text", "cell"), [("a-b", "a-b"), ("=1", "'=1"), ("\t=1", "'\\t=1"), ("[::]:443", "[::]:443"), ("", ""), ("\u3000+1", "'\u3000+1")])
def test_only_what_leads_is_defused(text: str, cell: str) -> None:
    assert defused(text) == cell
