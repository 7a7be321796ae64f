# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""make demo: a viewer sees every host, it ends cleanly whenever it is ended, and it says so when something is not as it should be."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from demo import show, table, text
from demo.ending import Ending
from demo.outcome import Audit, Look, Seen, disagreements
from demo.stories import STORIES, Story
from lab import scenario
from lab.pki import Authority
from lab.processes import kill_marked, marked
from lab.scenario import Outcome, load
from lab.sim.host import SimHost

TESTS = Path(__file__).resolve().parents[1]
MARK = "TEST_OF_DEMO"
# On one worker, for which the demo runs once.
together = pytest.mark.xdist_group("demo")


@dataclass(frozen=True)
class Places:
    """Where a demo runs: its report, what it holds for temporary, and the mark of its processes."""

    output: Path
    temporary: Path
    mark: str

    def left(self) -> list[str]:
        """Files besides the report, and processes."""
        reports = {"report.md", "report.json", *(f"sstp-audit.{kind}" for kind in ("html", "json", "csv"))}
        files = [path.name for path in self.output.iterdir() if path.name not in reports]
        return [*files, *(path.name for path in self.temporary.iterdir()), *map(str, marked(MARK, self.mark))]


def places(folder: Path) -> Places:
    for name in ("output", "temporary"):
        (folder / name).mkdir()
    return Places(folder / "output", folder / "temporary", str(folder))


def start(where: Places, collections: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "TMPDIR": str(where.temporary), "COLUMNS": "120", MARK: where.mark}
    command = [sys.executable, "-m", "demo", "--output", str(where.output), "--collections", str(collections)]
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def read_until(process: subprocess.Popen[str], start_of_line: str) -> str:
    assert process.stdout is not None
    read = ""
    for line in process.stdout:
        read += line
        if line.startswith(start_of_line):
            return read
    raise AssertionError(f"no line starts with {start_of_line!r}:\n{read}")


@dataclass(frozen=True)
class Shown:
    """A finished demo: exit code, what it printed, the passwords that it used, and where it was."""

    code: int
    output: str
    passwords: list[str]
    where: Places


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, collections: Path) -> Iterator[Shown]:
    where = places(tmp_path_factory.mktemp("demo"))
    process = start(where, collections)
    try:
        output = read_until(process, "ber-vpn1  certificate_expiring")
        (inventory,) = where.output.glob("secrets-*/inventory.yml")
        assert inventory.parent.stat().st_mode & 0o077 == 0
        passwords = re.findall(r'_password: "([^"]+)"', inventory.read_text())
        output += process.communicate(timeout=400)[0]
        yield Shown(process.returncode, output, passwords, where)
    finally:
        kill_marked(MARK, where.mark)


@together
def test_it_comes_out_as_the_scenarios_say(shown: Shown) -> None:
    assert shown.code == 0, shown.output
    assert shown.where.left() == []


@together
def test_the_commands_are_told(shown: Shown) -> None:
    commands = [line for line in shown.output.splitlines() if line.startswith("$ ansible-playbook ")]
    assert [line.split()[2] for line in commands] == ["rras.sstp.audit", "rras.sstp.rotate", "rras.sstp.audit"]
    assert "batch 3 of 3: osl-vpn2" in shown.output


@together
def test_each_host_is_told_of_in_each_step(shown: Shown) -> None:
    parts = re.split(r"^(?:\$ |== )", shown.output, flags=re.M)
    steps = [part for part in parts if part.startswith("ansible-playbook")]
    assert len(steps) == 3
    for story in STORIES:
        assert all(f"\n{story.name}  " in step for step in steps), story.name


@together
def test_the_table_has_every_host_and_what_became_of_it(shown: Shown) -> None:
    part = shown.output.partition("== Before and after")[2].partition("== What is left")[0]
    rows = {line.split()[0]: line for line in part.splitlines() if re.match(r"\w+-vpn\d", line)}
    assert list(rows) == [story.name for story in STORIES]
    assert re.search(r"yes +certificate_expiring +rotated +none +yes$", rows["ber-vpn1"])
    assert re.search(r"NO +registry_sha256_different +refused +as before +NO$", rows["par-vpn3"])
    assert re.search(r"yes +none +failed and +none +yes$", rows["osl-vpn2"])
    assert re.search(r"NO +unreachable +unreachable +binding_mismatch +NO$", rows["osl-vpn4"])


@together
def test_it_is_plain_text_that_fits(shown: Shown) -> None:
    assert "\033" not in shown.output
    assert [line for line in shown.output.splitlines() if len(line) > 120] == []


@together
def test_the_report_has_every_host(shown: Shown) -> None:
    page = (shown.where.output / "report.md").read_text(encoding="utf-8")
    data = json.loads((shown.where.output / "report.json").read_text(encoding="utf-8"))
    assert [host["host"] for host in data["hosts"]] == [story.name for story in STORIES]
    for host in data["hosts"]:
        assert f"\n## {host['host']} ({host['site']})\n" in page
        assert host["after"]["record"]["server"] == host["host"].upper()
        for finding in (*host["before"]["findings"], *host["after"]["findings"]):
            assert {finding["expected"], finding["actual"], finding["remedy"]} <= {cell.strip() for line in page.splitlines() for cell in line.split("|")}


@together
def test_no_secret_is_told(shown: Shown) -> None:
    told = shown.output + "".join(path.read_text(encoding="utf-8") for path in shown.where.output.iterdir())
    assert len(set(shown.passwords)) == 2 * len(STORIES) + 1  # of each host's account and of its PFX, and of the VPN login
    assert [secret for secret in (*shown.passwords, "PRIVATE KEY") if secret in told] == []


@pytest.mark.parametrize(("number", "code", "line"), [(signal.SIGINT, 130, "ber-vpn1  "), (signal.SIGINT, 130, "batch 1"), (signal.SIGTERM, 143, "batch 2")])
def test_it_leaves_nothing_when_it_is_ended(tmp_path: Path, collections: Path, number: signal.Signals, code: int, line: str) -> None:
    where = places(tmp_path)
    process = start(where, collections)
    try:
        read_until(process, "$ ansible-playbook")
        read_until(process, line)
        assert list(where.output.glob("secrets-*/inventory.yml"))
        assert len(marked(MARK, where.mark)) > 1
        process.send_signal(number)
        output, _ = process.communicate(timeout=100)
    finally:
        found = where.left()
        kill_marked(MARK, where.mark)
    assert process.returncode == code, output
    assert [line for line in output.splitlines() if line.startswith("Ended")] != []
    assert "Traceback" not in output
    assert found == []


def test_a_host_that_comes_out_otherwise_is_named(
    tmp_path: Path, collections: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(show, "STORIES", [Story("ber-vpn1", "berlin", "expired", "expired")])
    monkeypatch.setattr(show, "load", lambda name: replace(load(name), rotate=Outcome("unchanged")))
    assert show.show(show.Places(tmp_path, collections), Ending()) == 1
    assert "ber-vpn1: the rotation ended as working (no message), not as unchanged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("found", "rotation", "sentence"),
    [
        (("certificate_expired",), Outcome("working"), "vpn01: SSTP does not work after the rotation: the certificate has expired"),
        (("certificate_expired",), Outcome("refused", "no"), "vpn01: the rotation ended as refused (no), not as working"),
        ((), Outcome("working"), "vpn01: the first audit found nothing, not certificate_expired"),
    ],
)
def test_what_differs_from_a_scenario_is_said(found: tuple[str, ...], rotation: Outcome, sentence: str) -> None:
    wanted = load("expired")
    with SimHost("vpn01") as host:
        issued = scenario.apply(wanted, host, Authority())
        look = Look(host.state(), Audit(tuple({"id": name} for name in found)))
    assert sentence in disagreements(Seen(Story("vpn01", "x", "expired", ""), wanted, look, rotation, look), issued)


@pytest.mark.parametrize("columns", [80, 120])
def test_the_table_fits(columns: int) -> None:
    wanted = load("certificate_deleted")
    finding = {"id": "registry_sha256_different", "severity": "error"}
    with SimHost("vpn01") as host:
        look = Look(host.state(), Audit((finding, finding)))
    seen = [Seen(story, wanted, look, Outcome("failed"), look) for story in STORIES]
    plain = list(table.lines(seen, columns, colour=False))
    assert max(map(len, plain)) <= columns
    assert [re.sub(r"\033\[\d+m", "", line).rstrip() for line in table.lines(seen, columns, colour=True)] == plain


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert text.wants_colour({"TERM": "xterm"})
    assert not text.wants_colour({"TERM": "xterm", "NO_COLOR": "1"})
    assert not text.wants_colour({"TERM": "dumb"})
