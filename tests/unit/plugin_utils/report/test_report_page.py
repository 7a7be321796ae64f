# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page: the skeleton that it is to have, and nothing beside it, whatever hosts and certificates are called."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import one_line
from ansible_collections.rras.sstp.plugins.plugin_utils.report.making import make
from ansible_collections.rras.sstp.plugins.plugin_utils.report.results import read_results
from audited_fleet import NOW, Issued, event, finding, large, record, replaced, result, small, unreachable, yesterday
from hypothesis import example, given, settings
from hypothesis import strategies as st

FOLDER = Path(__file__).resolve().parents[4] / "plugins" / "plugin_utils" / "report"
VOID = {"meta", "input", "br", "link", "img", "line", "rect"}
EVIL = st.one_of(
    st.text(),
    st.sampled_from(["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'><svg/onload=alert(1)>", "</title><script>"]),
    st.sampled_from(["{{ 7 * 7 }}", "{% raw %}", "&lt;b&gt;"]),
    st.text(alphabet="<>\"'&/= abc{}%\u202e\x00\u2028"),
)


class Parsed(HTMLParser):
    """Elements with the names of their attributes, the text, and what is not closed."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.values: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _value in attrs)))
        self.values += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _value in attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def page(results: dict[str, Any], title: str = "Title", previous: dict[str, Any] | None = None) -> str:
    before = make(read_results(previous), title, NOW, None, None).document if previous else None
    return make(read_results(results), title, NOW, before, None).contents(["html"])["html"].decode()


def fleet(host: str, text: str) -> dict[str, Any]:
    """One text in every place that others have a say in."""
    current = Issued(text, 10)
    odd = finding(text, "error", text, expected=text, actual=text, event=21, remedy=text, repair=text)
    made = record(host, current, findings=[odd], server=text, events_error=text)
    made["places"] = replaced(made["places"], wire=current.at("wire", text, False))
    made["certificates"][0] |= {"names": [text], "serial_number": text}
    made["ignored"] = [{"id": text, "reason": text, "findings": 1}]
    made["events"] = [event(21, 5) | {"data": [text], "code": text, "meaning": text, "explanation": text}]
    return {f"1{host}": result(made), f"2{host}": unreachable(text), f"3{host}": {"failed": True, "msg": text}}


HARMLESS = Parsed(page(fleet("x", "x"), "x", {"1x": result(record("x", Issued("x", 5)))}))


@given(host=EVIL, text=EVIL)
@example(host='"><img src=x onerror=alert(1)>', text="<script>alert(1)</script>")
@settings(max_examples=60)
def test_no_text_becomes_an_element_or_an_attribute(host: str, text: str) -> None:
    # Blanks alone are no message, and have another one in their place.
    found = Parsed(page(fleet(host, text or "x"), text, {f"1{host}": result(record("x", Issued("x", 5)))}))
    assert found.elements == HARMLESS.elements
    assert found.open == []
    whole = "".join(found.text)
    assert one_line(f"1{host}") in whole


def test_what_cannot_be_seen_is_shown() -> None:
    text = page(fleet("a\u202eb", "x\x00y"))
    assert r"1a\u202eb" in text
    assert r"x\x00y" in text
    assert not re.search("[\x00\u202e]", text)


@pytest.mark.parametrize("results", [{}, {"a": {}}, small(), large(60)], ids=["none", "nothing", "small", "large"])
def test_the_page_is_whole(results: dict[str, Any]) -> None:
    found = Parsed(page(results, previous=yesterday()))
    assert found.open == []
    counts = Counter(tag for tag, _attributes in found.elements)
    assert (counts["h1"], counts["main"], counts["style"], counts["script"]) == (1, 1, 1, 1)
    identifiers = [value for name, value in found.values if name == "id"]
    assert len(set(identifiers)) == len(identifiers)
    for name, value in found.values:
        if name in ("href", "aria-labelledby", "data-for"):
            assert str(value).removeprefix("#") in identifiers
    # Nothing in it can ask for anything, nor run.
    attributes = {name for _tag, names in found.elements for name in names}
    assert not attributes & {"src", "srcset", "style", "action", "background", "poster", "ping"}
    assert not any(name.startswith("on") for name in attributes)
    assert not counts.keys() & {"link", "img", "iframe", "object", "embed", "base", "image", "use"}


def test_each_host_stands_in_it() -> None:
    text = "".join(Parsed(page(large(60))).text)
    assert all(text.count(host) >= 2 for host in large(60))


def test_the_policy_names_what_is_in_the_page() -> None:
    text = page(small())
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; ")
    for kind in ("style", "script"):
        inside = re.search(rf"<{kind}>(.*?)</{kind}>", text, re.DOTALL)
        assert inside is not None
        assert f"{kind}-src 'sha256-{base64.b64encode(hashlib.sha256(inside[1].encode()).digest()).decode()}'" in policy[1]


@pytest.mark.parametrize("name", ["page.css", "page.js"])
def test_what_goes_in_as_it_is_cannot_end_its_element(name: str) -> None:
    text = (FOLDER / name).read_text()
    assert "</" not in text
    assert "<!--" not in text
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|innerHTML|insertAdjacent|document\.write|eval\(", text)


def test_first_last_and_in_between() -> None:
    assert "This is the first report" in page(small())
    assert "no finding and no host has come or gone" in page(small(), previous=small())
    text = page(small(), previous=yesterday())
    assert "No longer in the report: vpn09.example.com" in text
    assert "Last audited" in text


def test_events_beyond_the_newest_are_counted() -> None:
    made = record("a", Issued("CN=a", 50), events=[event(21, minutes) for minutes in range(25)])
    assert "5 older events more in the JSON" in page({"a": result(made)})
