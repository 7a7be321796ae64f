# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a report in a headless Chromium without a network: what users do with it, by mouse and by keyboard."""

from __future__ import annotations

import datetime as dt
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import browser as browsers
import pytest
from audited_fleet import NOW, Issued, event, finding, large, record, result, small, unreachable, well, yesterday
from browser import Browser
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

pytestmark = pytest.mark.xdist_group("browser")

# What a host of the network would be told if anything of the page ran.
EVIL = ['"><img src=x onerror=hit()>', "<script>hit()</script>", "'><svg/onload=hit()>", "javascript:hit()", "</title></style></script><script>hit()</script>"]

CONTRASTS = """
const channels = (text) => text.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => {
  const [x, y, z] = [r, g, b].map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
const behind = (element) => {
  for (let node = element; node; node = node.parentElement) {
    const colour = channels(getComputedStyle(node).backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour;
  }
  return [255, 255, 255];
};
const poor = new Set();
let seen = 0;
for (const element of document.body.querySelectorAll("*")) {
  const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  if (!own || !element.checkVisibility() || ["SCRIPT", "OPTION", "TITLE"].includes(element.tagName)) continue;
  const style = getComputedStyle(element);
  const colour = channels(element.closest("svg") ? style.fill : style.color);
  const [high, low] = [light(colour), light(behind(element))].sort((a, b) => b - a);
  const ratio = (high + 0.05) / (low + 0.05);
  seen += 1;
  if (ratio < 4.5) poor.add(`${element.tagName}.${element.getAttribute("class")}: ${ratio.toFixed(2)}`);
}
return [seen, [...poor]];
"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    browsers.needed()
    with browsers.browser() as made:
        yield made


@pytest.fixture(scope="module")
def page_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    import in_place  # noqa: F401
    from ansible_collections.rras.sstp.plugins.plugin_utils.report.making import make
    from ansible_collections.rras.sstp.plugins.plugin_utils.report.results import read_results

    def written(results: dict[str, Any], before: dict[str, Any] | None = None, title: str = "A fleet") -> Path:
        earlier = make(read_results(before), title, NOW - dt.timedelta(days=1), None, None).document if before else None
        path = tmp_path_factory.mktemp("page") / "report.html"
        path.write_bytes(make(read_results(results), title, NOW, earlier, None).contents(["html"])["html"])
        return path

    return written


@pytest.fixture(scope="module")
def page(page_of: Callable[..., Path]) -> Path:
    return page_of(small(), yesterday())


@pytest.fixture
def shown(chromium: Browser, page: Path) -> Iterator[Browser]:
    """The small fleet; in the end nothing has come to the console, and nothing was asked for but the file."""
    chromium.complaints()
    chromium.requests()
    chromium.show(page)
    yield chromium
    assert chromium.complaints() == []
    assert set(chromium.requests()) == {page.as_uri()}
    assert chromium.run("return performance.getEntriesByType('resource').length") == 0


def hosts(chromium: Browser) -> list[str]:
    """The first names of the rows that are shown, in their order."""
    script = "return [...document.querySelectorAll('#hosts-table tbody tr')].filter(r => r.checkVisibility()).map(r => r.cells[0].innerText.split('.')[0])"
    return list(chromium.run(script))


def heading(chromium: Browser, words: str) -> Any:
    return chromium.driver.find_element(By.XPATH, f"//table[@id='hosts-table']/thead//button[contains(., '{words}')]")


def order(chromium: Browser) -> dict[str, str]:
    script = "return [...document.querySelectorAll('#hosts-table thead th')].map(h => [h.innerText.trim(), h.getAttribute('aria-sort')])"
    return {str(words).split("\u2195")[0].strip(): state for words, state in chromium.run(script)}


def test_the_gravest_come_first(shown: Browser) -> None:
    assert hosts(shown) == ["vpn03", "vpn02", "vpn01", "vpn11", "vpn10", "vpn04", "vpn05", "vpn06", "vpn-lb", "vpn07", "vpn08", "vpn12"]
    assert order(shown)["State"] == "ascending"


def test_sorting_by_mouse(shown: Browser) -> None:
    heading(shown, "Host").click()
    assert hosts(shown)[:3] == ["vpn-lb", "vpn01", "vpn02"]
    assert order(shown) == {"Host": "ascending", **dict.fromkeys(("State", "Gravest finding", "Soonest expiry", "Mode", "Findings", "News"), "none")}
    heading(shown, "Host").click()
    assert hosts(shown)[:3] == ["vpn12", "vpn11", "vpn10"]
    assert order(shown)["Host"] == "descending"


def test_hosts_without_a_date_stay_at_the_end(shown: Browser) -> None:
    for first in ("vpn03", "vpn12"):
        heading(shown, "Soonest expiry").click()
        found = hosts(shown)
        assert found[0] == first
        assert set(found[-2:]) == {"vpn10", "vpn11"}


def test_numbers_are_sorted_as_numbers(shown: Browser) -> None:
    heading(shown, "Findings").click()
    heading(shown, "Findings").click()
    assert hosts(shown)[:2] == ["vpn01", "vpn02"]


def test_sorting_by_keyboard(shown: Browser) -> None:
    """From the search field on with the tabulator; Enter and the space bar do what a click does."""
    shown.driver.find_element(By.ID, "search").click()
    keys = ActionChains(shown.driver)
    for _stop in range(20):
        keys.send_keys(Keys.TAB).perform()
        if "Host" in shown.run("return document.activeElement.innerText ?? ''") and shown.run("return document.activeElement.tagName") == "BUTTON":
            break
    assert shown.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    keys.send_keys(Keys.ENTER).perform()
    assert (order(shown)["Host"], hosts(shown)[0]) == ("ascending", "vpn-lb")
    keys.send_keys(Keys.SPACE).perform()
    assert (order(shown)["Host"], hosts(shown)[0]) == ("descending", "vpn12")


def test_the_first_tab_skips_to_the_fleet(shown: Browser) -> None:
    ActionChains(shown.driver).send_keys(Keys.TAB).perform()
    assert shown.run("return document.activeElement.className") == "skip"
    ActionChains(shown.driver).send_keys(Keys.ENTER).perform()
    assert shown.run("return document.activeElement.id") == "fleet"


def test_filtering(shown: Browser) -> None:
    def told() -> str:
        return str(shown.driver.find_element(By.ID, "shown").text)

    search = shown.driver.find_element(By.ID, "search")
    search.send_keys("REGISTRY_sha256 vpn02")
    assert (hosts(shown), told()) == (["vpn02"], "1 of 12 hosts")
    assert shown.run("return [...document.querySelectorAll('details.host')].filter(s => s.checkVisibility()).length") == 1
    search.clear()
    search.send_keys("no such thing")
    assert (hosts(shown), told()) == ([], "0 of 12 hosts")
    assert shown.driver.find_element(By.ID, "nothing").is_displayed()
    shown.driver.find_element(By.CSS_SELECTOR, "#filters button[type=reset]").click()
    deadline = time.monotonic() + 10
    while told() != "12 hosts" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (len(hosts(shown)), told()) == (12, "12 hosts")
    state = Select(shown.driver.find_element(By.ID, "state"))
    for choice, names in {"error": ["vpn03", "vpn02", "vpn01"], "failed unreachable": ["vpn11", "vpn10"], "warning": ["vpn04"]}.items():
        state.select_by_value(choice)
        assert hosts(shown) == names
    state.select_by_value("")
    shown.driver.find_element(By.ID, "only-new").click()
    assert hosts(shown) == ["vpn01", "vpn05", "vpn08"]


def test_a_link_opens_its_host_even_where_the_filter_hides_it(shown: Browser) -> None:
    shown.driver.find_element(By.ID, "search").send_keys("vpn12")
    shown.driver.find_element(By.XPATH, "//section[@aria-labelledby='news']//a[text()='vpn08.example.com']").click()
    opened = shown.driver.find_element(By.CSS_SELECTOR, "details[open].host")
    assert opened.find_element(By.TAG_NAME, "h3").text == "vpn08.example.com"
    assert opened.is_displayed()
    assert shown.run("return document.activeElement.closest('details').id") == opened.get_attribute("id")


def test_what_disagrees_is_said_in_words(shown: Browser) -> None:
    """Nobody has to see colours for it."""
    shown.driver.find_element(By.LINK_TEXT, "vpn02.example.com").click()
    verdicts = [item.text for item in shown.driver.find_elements(By.CSS_SELECTOR, "details[open].host .place .verdict")]
    assert verdicts == ["\u2713agrees", "\u2713agrees", "\u2715disagrees", "\u2013not compared", *["\u2713agrees"] * 4]


def test_a_command_is_copied(shown: Browser) -> None:
    shown.command("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    shown.driver.find_element(By.LINK_TEXT, "vpn02.example.com").click()
    command = shown.driver.find_element(By.CSS_SELECTOR, "details[open] .command")
    command.find_element(By.TAG_NAME, "button").click()
    assert_label(shown, command, "Copied")
    assert shown.run("return document.querySelector('details[open] .command code').textContent").startswith("ansible-playbook rras.sstp.rotate")


def test_a_command_is_selected_where_the_clipboard_is_barred(shown: Browser) -> None:
    shown.run("Object.defineProperty(navigator, 'clipboard', { value: { writeText: () => Promise.reject(new Error('no')) } })")
    shown.run("document.execCommand = () => false")
    shown.driver.find_element(By.LINK_TEXT, "vpn02.example.com").click()
    command = shown.driver.find_element(By.CSS_SELECTOR, "details[open] .command")
    command.find_element(By.TAG_NAME, "button").click()
    assert_label(shown, command, "Selected")
    assert shown.run("return getSelection().toString()") == command.find_element(By.TAG_NAME, "code").text


def assert_label(chromium: Browser, command: Any, words: str) -> None:
    deadline = time.monotonic() + 10
    while not (text := command.find_element(By.TAG_NAME, "button").text).startswith(words) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert text.startswith(words)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_colours_follow_the_system_and_can_be_read(shown: Browser, dark: bool) -> None:
    """WCAG 2.2 AA: 4.5 to 1 for all text, with every host open."""
    shown.prefer(dark)
    shown.driver.find_element(By.ID, "open-all").click()
    ground = [int(part) for part in shown.run("return getComputedStyle(document.body).backgroundColor.match(/\\d+/g)")]
    assert (max(ground) < 60) if dark else (min(ground) > 220)
    seen, poor = shown.run(CONTRASTS)
    assert seen > 300
    assert poor == []


def test_in_print_every_host_is_open(shown: Browser) -> None:
    shown.command("Emulation.setEmulatedMedia", media="print")
    try:
        closed = "return [...document.querySelectorAll('details.host .body')].filter(b => !b.checkVisibility()).length"
        assert shown.run(closed) == 0
        assert not shown.driver.find_element(By.ID, "filters").is_displayed()
    finally:
        shown.command("Emulation.setEmulatedMedia", media="")


def test_a_narrow_window_scrolls_tables_and_not_the_page(shown: Browser, page: Path) -> None:
    shown.show(page, width=360)
    shown.driver.find_element(By.ID, "open-all").click()
    assert shown.run("return document.documentElement.scrollWidth") <= 360


def test_without_a_script_it_can_be_read(chromium: Browser, page: Path) -> None:
    chromium.command("Emulation.setScriptExecutionDisabled", value=True)
    try:
        chromium.show(page)
        assert not chromium.driver.find_element(By.ID, "filters").is_displayed()
        assert not heading(chromium, "Host").is_enabled()
        section = chromium.driver.find_element(By.ID, "host-1")
        section.find_element(By.TAG_NAME, "summary").click()
        assert "expired 3 days ago" in section.text
    finally:
        chromium.command("Emulation.setScriptExecutionDisabled", value=False)


def test_a_screen_reader_is_told_what_it_needs(shown: Browser) -> None:
    nodes = [node for node in shown.command("Accessibility.getFullAXTree")["nodes"] if not node.get("ignored")]
    named = {(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes}
    roles = {role for role, _name in named}
    assert {"main", "banner", "contentinfo", "search", "table", "status"} <= roles
    assert any(role in ("image", "img") and name.startswith("Certificates of 10 hosts by the end of their validity") for role, name in named)
    for role in ("button", "link", "searchbox", "combobox", "checkbox", "region"):
        assert role in roles
        assert not [1 for other, name in named if other == role and not name.strip()], role
    levels = shown.run("return [...document.querySelectorAll('h1, h2, h3, h4, h5')].map(h => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert shown.run("return document.documentElement.lang") == "en"


@pytest.mark.parametrize("name", EVIL)
def test_hostile_names_do_nothing(chromium: Browser, page_of: Callable[..., Path], name: str) -> None:
    current = Issued(name, 10)
    odd = finding(name, "error", name, expected=name, actual=name, remedy=name, repair=name)
    made = record(name, current, findings=[odd], server=name, events_error=name, events=[event(21, 5) | {"meaning": name, "data": [name]}])
    path = page_of({name: result(made), f"{name}2": unreachable(name)}, {f"{name}3": result(well(name, 4))}, name)
    chromium.complaints()
    chromium.requests()
    chromium.show(path)
    chromium.run("window.hit = () => { window.wasHit = true; }")
    chromium.driver.find_element(By.ID, "open-all").click()
    heading(chromium, "Host").click()
    chromium.driver.find_element(By.ID, "search").send_keys(name)
    assert chromium.run("return document.querySelectorAll('img, iframe, object, body svg:not(figure svg)').length") == 0
    assert chromium.run("return document.scripts.length") == 1
    assert chromium.run("return window.wasHit ?? false") is False
    assert name in chromium.run("return document.querySelector('h1').textContent")
    assert chromium.driver.title == name
    assert chromium.complaints() == []
    assert chromium.requests() == [path.as_uri()]


def test_the_policy_of_the_page_holds_back_what_is_not_its_own(chromium: Browser, page: Path, tmp_path: Path) -> None:
    """Should a text ever get through, the browser does not run it, nor ask for anything."""
    path = tmp_path / "changed.html"
    extra = "<script>window.wasHit = true</script><img src='http://192.0.2.1/x.png' onerror='window.wasHit = true'>"
    path.write_text(page.read_text().replace("</body>", f"{extra}</body>"))
    chromium.complaints()
    chromium.requests()
    chromium.show(path)
    assert chromium.run("return window.wasHit ?? false") is False
    assert len([line for line in chromium.complaints() if "Content Security Policy" in line]) >= 2
    assert chromium.requests() == [path.as_uri()]


def test_a_thousand_hosts(chromium: Browser, page_of: Callable[..., Path]) -> None:
    path = page_of(large(1000))
    assert path.stat().st_size < 10_000_000
    chromium.show(path)
    heading(chromium, "Host").click()
    assert (len(hosts(chromium)), hosts(chromium)[:2]) == (1000, ["vpn0000", "vpn0001"])
    chromium.driver.find_element(By.ID, "search").send_keys("vpn0777")
    assert hosts(chromium) == ["vpn0777"]
    columns = chromium.run("return document.querySelectorAll('svg .count').length")
    assert 5 < columns < 30
