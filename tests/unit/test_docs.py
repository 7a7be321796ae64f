# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guides name what there is: files and headings, rules, options, variables, commands, and every code and event that they promise."""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rules_page
import yaml
from ansible_collections.rras.sstp.plugins.plugin_utils.rules import RULES
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp import command_line
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.events import Stage
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.verdict import Code

REPOSITORY = Path(__file__).resolve().parents[2]
PLUGINS = REPOSITORY / "plugins"
README = REPOSITORY / "README.md"
PAGES = [README, *sorted((REPOSITORY / "docs").glob("*.md"))]
# Their subject is the inside: the contract with the back-end, its gates.
OF_THE_INSIDE = {"backend.md", "unverified.md"}
GUIDES = [page for page in PAGES if page.name not in OF_THE_INSIDE]
ROLE = "roles/sstp_certificate"
# Facts and variables that the role sets for its callers.
SET_BY_THE_ROLE = {"sstp_certificate_result", "sstp_certificate_hook", "sstp_certificate_hook_outcome"}
FLAGS = {"--ask-vault-pass", "--check", "--diff"}
VALUE_FLAGS = {"-i", "-e", "-m", "-a", "--limit"}
# Lower-case names with an underscore that are neither ours nor the role's.
OF_OTHERS = {"ansible_host", "ansible_shell_type", "ansible_winrm_server_cert_validation", "inventory_hostname", "set_stats", "group_vars", "host_vars"}

# Domain facts 3: the codes seen with SSTP, and which side writes which event.
CODES = [
    *("0x80070320", "0x800704C9", "0x800704D4", "0x80070040", "0x80072746", "0x80070520", "0x800B0101", "0x800B0109", "0x800B010A", "0x800B010C"),
    *("0x800B010F", "0x800B0110", "0x80092010", "0x80092012", "0x80092013", "0x80090326", "0x80090331", "0x80072EE7", "0x80072EFD"),
]
CLIENT_EVENTS = {1, 2, 3, 4, 5, 6, 14, 15, 16, 23}
SERVER_EVENTS = {7, 8, 9, 10, 11, 12, 13, 17, 18, 19, 20, 21, 22, 24, 25, 32, 33}


# --- what there is ----------------------------------------------------------------------------------------------------


# Rule -> the events that it is known to lead to.
FINDINGS: dict[str, set[int]] = {rule.id: {rule.event} if rule.event else set() for rule in RULES}


def specified() -> set[str]:
    """The options of all modules."""
    names: set[str] = set()
    for path in (PLUGINS / "action").glob("[a-z]*.py"):
        names |= set(importlib.import_module(f"ansible_collections.rras.sstp.plugins.action.{path.stem}").ARGUMENT_SPEC)
    return names


def returned() -> set[str]:
    """The keys of all results, however deep."""
    names: set[str] = set()

    def walk(contents: dict[str, Any]) -> None:
        for name, described in contents.items():
            names.add(name)
            walk(described.get("contains") or {})

    for path in (PLUGINS / "modules").glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "RETURN":
                walk(yaml.safe_load(ast.literal_eval(node.value)))
    return names


def refusals() -> set[str]:
    """The rules by which a source is refused."""
    text = "".join(path.read_text() for path in (PLUGINS / "plugin_utils").glob("*.py"))
    return set(re.findall(r'(?:refused\(\s*|rule=)"(\w+)"', text))


ROLE_VARIABLES = set(yaml.safe_load((REPOSITORY / ROLE / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]) | SET_BY_THE_ROLE
VOCABULARY = (
    set(FINDINGS) | specified() | returned() | refusals() | ROLE_VARIABLES | OF_OTHERS
    | {code.value for code in Code} | {stage.value for stage in Stage}
    | {path.stem for path in (PLUGINS / "modules").glob("*.*")} | {"sstp_servers", "sstp_certificate", "sstp_certificate_"} | {"name_lost", "event_seen"}
    | {"as_it_was", "as_found", "remote_access", "fleet_address", "snapshot_dir", "pfx_password"}
)  # fmt: skip


def playbook_variables(path: Path) -> set[str]:
    """What a user may set of a playbook: whatever has a default in it, or is named in the comment above it."""
    text = path.read_text()
    return set(re.findall(r"\b([a-z]\w*) \| default\(", text)) | set(re.findall(r"-e (\w+)=", text)) | ROLE_VARIABLES


# --- what the pages say -----------------------------------------------------------------------------------------------


def without_blocks(text: str) -> str:
    """The text without fenced and indented code."""
    text = re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.DOTALL | re.MULTILINE)
    return "\n".join(line for line in text.splitlines() if not re.match(r" {4,}\S", line) or line.lstrip().startswith(("|", "*", "-")))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", without_blocks(page.read_text()), re.MULTILINE)
    slugs = [re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings]
    return {f"{slug}-{slugs[:number].count(slug)}" if slug in slugs[:number] else slug for number, slug in enumerate(slugs)}


def links(page: Path) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", page.read_text())


def commands(page: Path) -> Iterator[list[str]]:
    """The commands in indented or fenced blocks that run ansible or the probe."""
    for line in page.read_text().splitlines():
        stripped = line.strip()
        if line.startswith("    ") and re.match(r"ansible(-playbook)? |python3 \S*plugin_utils/sstp", stripped):
            yield shlex.split(stripped, comments=True)


def rows(page: Path, heading: str) -> list[list[str]]:
    """The rows of the tables below a heading, up to the next one of the same level."""
    level = re.match("#+", heading)
    assert level
    _before, found, section = page.read_text().partition(f"\n{heading}\n")
    assert found, heading
    section = re.split(rf"^#{{1,{len(level.group())}}} ", section, maxsplit=1, flags=re.MULTILINE)[0]
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in section.splitlines() if line.lstrip().startswith("|")]


TROUBLESHOOTING = REPOSITORY / "docs" / "troubleshooting.md"


def ids(page: Path) -> str:
    return page.name


# --- the tests --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    lost = []
    for link in links(page):
        if re.match(r"https?:", link):
            continue
        name, _hash, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert lost == []


@pytest.mark.parametrize("page", GUIDES, ids=ids)
def test_files_that_are_named_are_there(page: Path) -> None:
    named = set(re.findall(r"\b(?:docs|playbooks|plugins|roles|tests)/[\w./-]+\.(?:md|yml|py)\b", page.read_text()))
    assert {name for name in named if not (REPOSITORY / name).exists()} == set()


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_page_is_reached_from_the_readme(page: Path) -> None:
    seen, waiting = set(), [README]
    while waiting:
        one = waiting.pop()
        seen.add(one)
        nearby = {(one.parent / link.partition("#")[0]).resolve() for link in links(one) if not link.startswith(("http", "#"))}
        waiting += [path for path in nearby if path.suffix == ".md" and path.exists() and path not in seen]
    assert page in seen


@pytest.mark.parametrize("page", GUIDES, ids=ids)
def test_names_in_code_are_rules_options_results_or_variables(page: Path) -> None:
    spans = re.findall(r"`([^`\n]+)`", without_blocks(page.read_text()))
    named = {name for span in spans for name in re.findall(r"^(?:\w+\.)*([a-z][a-z0-9]*_[a-z0-9_]+)$", span)}
    assert named - VOCABULARY == set()


@pytest.mark.parametrize("page", GUIDES, ids=ids)
def test_the_columns_of_findings_name_findings(page: Path) -> None:
    column = None
    for line in page.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.lstrip().startswith("|") else []
        if not cells:
            column = None
        elif column is None:
            column = next((number for number, cell in enumerate(cells) if cell.startswith("finding")), -1)
        elif column >= 0:
            assert set(re.findall(r"`([a-z0-9]+(?:_[a-z0-9]+)+)`", cells[column])) <= set(FINDINGS), line


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_variables_of_the_role_are_there(page: Path) -> None:
    named = set(re.findall(r"\bsstp_certificate_[a-z0-9_]*[a-z0-9]\b", page.read_text())) - {"sstp_certificate_"}
    assert named - ROLE_VARIABLES == set()


@pytest.mark.parametrize("page", GUIDES, ids=ids)
def test_modules_playbooks_and_roles_are_there(page: Path) -> None:
    for name in set(re.findall(r"\brras\.sstp\.(\w+)", page.read_text())):
        places = (f"plugins/modules/{name}.py", f"plugins/modules/{name}.yml", f"playbooks/{name}.yml", f"roles/{name}")
        assert any((REPOSITORY / place).exists() for place in places), name


@pytest.mark.parametrize("page", GUIDES, ids=ids)
def test_commands_can_be_run_as_they_stand(page: Path) -> None:
    for command in commands(page):
        if command[0] == "python3":
            assert_probe(command[2:])
        elif "..." not in command:
            assert_ansible(command)


def assert_probe(arguments: list[str]) -> None:
    if "..." not in arguments:
        parsed = parser().parse_args(arguments)
        assert parsed.depth != "login" or parsed.user


def parser() -> argparse.ArgumentParser:
    return next(made for name in dir(command_line) if name.endswith("parser") and isinstance(made := getattr(command_line, name)(), argparse.ArgumentParser))


def assert_ansible(command: list[str]) -> None:
    program, subject, *rest = command
    variables = {}
    while rest:
        flag = rest.pop(0)
        if flag in FLAGS:
            continue
        assert flag in VALUE_FLAGS, flag
        value = rest.pop(0)
        if flag == "-e" and not value.startswith("@"):
            variables.update(json.loads(value) if value.startswith("{") else dict([value.split("=", 1)]))
    if program == "ansible":
        return
    path = f"playbooks/{subject.rpartition('.')[2]}.yml" if subject.startswith("rras.sstp.") else subject
    assert set(variables.pop("heal", [])) <= set(FINDINGS)
    assert set(variables) <= playbook_variables(REPOSITORY / path), path


def test_the_page_of_rules_is_made_from_the_code() -> None:
    assert rules_page.PAGE.read_text(encoding="utf-8") == rules_page.page(), "make rules writes it anew"


def test_the_commands_of_the_guides_are_seen() -> None:
    """So that the tests above do not pass for want of commands."""
    of_commands = {"event-21.md", "rotation.md", "offload.md", "account.md", "troubleshooting.md"}
    assert {page.name for page in GUIDES if list(commands(page))} >= {"README.md", *of_commands}


def test_every_code_has_its_row() -> None:
    told = [(row[0].strip("`"), row[1]) for row in rows(TROUBLESHOOTING, "## Error codes of clients") if row[0].startswith("`0x")]
    assert sorted(told) == sorted((code, str(int(code, 16) - 2**32)) for code in CODES)


@pytest.mark.parametrize("page", GUIDES, ids=ids)
def test_codes_in_decimal_are_those_in_hexadecimal(page: Path) -> None:
    decimals = {int(number) for number in re.findall(r"(?<![\w.])-21\d{8}\b", page.read_text())}
    assert {f"0x{number + 2**32:08X}" for number in decimals} <= set(re.findall(r"0x[0-9A-F]{8}", page.read_text()))


@pytest.mark.parametrize(("heading", "events"), [("## Events of RasSstp on the client", CLIENT_EVENTS), ("## Events of RasSstp on the server", SERVER_EVENTS)])
def test_every_event_has_its_row(heading: str, events: set[int]) -> None:
    told = [int(row[0]) for row in rows(TROUBLESHOOTING, heading) if row[0].isdecimal()]
    assert sorted(told) == sorted(events)


def test_findings_stand_at_the_events_that_they_lead_to() -> None:
    told = {int(row[0]): set(re.findall(r"`(\w+)`", row[2])) for row in rows(TROUBLESHOOTING, "## Events of RasSstp on the server") if row[0].isdecimal()}
    missing = {(event, finding) for finding, events in FINDINGS.items() for event in events if finding not in told[event]}
    assert missing == set()


def test_no_way_into_somebodys_computer_is_named() -> None:
    for page in GUIDES:
        assert re.findall(r"(?<![\w~./])/(?:home|root|work|tmp|Users)/\S*", page.read_text()) == [], page.name
