# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's command line: what it prints and writes, that what it prints works, and that it leaves nothing behind."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from lab.command_line.parser import MIXTURE, parser
from lab.scenario_file import load, names
from lab.wine import WineLab

TESTS = Path(__file__).parents[1]
MISSING = WineLab(Path("build/lab")).missing()
needs_wine = pytest.mark.skipif(bool(MISSING), reason=" ".join(MISSING))
ENDINGS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
SCENARIO = "title: x\nsource: [domain 7]\nfindings: []\nrotate: working\n"


def lab(*arguments: str | Path, **variables: str | Path) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(TESTS)} | {name: str(value) for name, value in variables.items()}
    command = [sys.executable, "-m", "lab", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True)


def finished(*arguments: str | Path, **variables: str | Path) -> tuple[int, str, str]:
    """Exit code, output and errors of a command that ends by itself."""
    process = lab(*arguments, **variables)
    try:
        output, errors = process.communicate(timeout=60)
    finally:
        process.kill()  # one that has not ended, though it should have
    return process.returncode, output, errors


def read_until(process: subprocess.Popen[str], words: str) -> str:
    """What it has printed once that has the words."""
    assert process.stdout is not None
    printed = ""
    while words not in printed:
        line = process.stdout.readline()
        assert line, process.communicate(timeout=60)
        printed += line
    return printed


def end(process: subprocess.Popen[str], number: signal.Signals = signal.SIGTERM) -> None:
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")


@contextmanager
def running(folder: Path, *arguments: str | Path, number: signal.Signals = signal.SIGTERM) -> Iterator[str]:
    """What a command has printed when it is up. At the end the signal ends it, and nothing temporary of it is left."""
    temporary = folder / "temporary"
    temporary.mkdir()
    process = lab(*arguments, TMPDIR=temporary)
    try:
        yield read_until(process, "Ctrl-C ends it")
    finally:
        end(process, number)
    # What a wineserver leaves there is not the command line's to remove.
    assert [path for path in temporary.iterdir() if not path.name.startswith("wine-")] == []
    shutil.rmtree(temporary)


def processes_with(text: str) -> list[str]:
    """The command lines of the processes whose environment has the text."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if text.encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


class Person:
    """Somebody in the second terminal, where Ansible finds the collection."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        (folder / "ansible.cfg").touch()
        collection = folder / "ansible_collections" / "rras" / "sstp"
        collection.parent.mkdir(parents=True)
        collection.symlink_to(TESTS.parent, target_is_directory=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        own = {"ANSIBLE_HOME": folder, "ANSIBLE_CONFIG": folder / "ansible.cfg", "ANSIBLE_COLLECTIONS_PATH": folder}
        self._environment = {**kept, "PATH": path, "ANSIBLE_NOCOLOR": "1", **{name: str(value) for name, value in own.items()}}

    def types(self, line: str) -> tuple[int, str]:
        """Exit code and output of a command line."""
        # Reports go into the current directory.
        done = subprocess.run(
            line, shell=True, cwd=self._folder, env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=120,
        )  # fmt: skip
        return done.returncode, done.stdout


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return Person(tmp_path / "person")


def commands(printed: str) -> list[str]:
    """The command lines that are to be tried."""
    return [line.strip() for line in printed.splitlines() if line.startswith("  ansible")]


def inventory_of(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))["sstp_servers"]
    return content


# --- help and lists ---


@pytest.mark.parametrize("arguments", [["--help"], ["host", "--help"], ["fleet", "--help"]])
def test_help_says_how_it_ends_and_what_stays(arguments: list[str]) -> None:
    _, output, _ = finished(*arguments)
    assert "Ctrl-C" in output
    assert re.search(r"leaves nothing|Nothing outlives", output)


@pytest.mark.parametrize("command", ["host", "fleet"])
def test_help_has_examples_that_are_understood(command: str) -> None:
    _, output, _ = finished(command, "--help")
    examples = re.findall(r"python -m lab (.*)", output.partition("examples")[2])
    assert examples
    assert {parser().parse_args(shlex.split(example)).command for example in examples} == {command}


def test_scenarios_are_listed_with_their_titles() -> None:
    code, output, _ = finished("scenarios")
    listed = dict(line.split(maxsplit=1) for line in output.splitlines())
    assert (code, sorted(listed)) == (0, names())
    assert listed["stale_hash"] == load("stale_hash").title
    assert listed["ecdsa"].endswith("(sim only)")


def test_the_mixture_can_be_rotated() -> None:
    chosen = [load(name) for name in MIXTURE]
    assert {scenario.rotate.kind for scenario in chosen} == {"working", "unchanged"}
    assert all(scenario.runs_on("sim") for scenario in chosen)


def test_a_fleet_has_nothing_to_do_with_wine() -> None:
    code = "import sys, lab.__main__, lab.command_line.fleet; sys.exit('lab.wine' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(TESTS)}, timeout=60).returncode == 0


def test_under_nohup_a_closed_terminal_ends_nothing() -> None:
    code = "import signal; signal.signal(1, signal.SIG_IGN); from lab.command_line import interrupts; interrupts.catch(); signal.raise_signal(1)"
    assert subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(TESTS)}, timeout=60).returncode == 0


# --- refusals ---


@pytest.mark.parametrize("command", ["host", "fleet"])
@pytest.mark.parametrize(
    ("name", "words"),
    [("stale_hashs", "did you mean 'stale_hash'?"), ("xyzxyz", "python -m lab scenarios"), ("none.yml", "There is no scenario 'none'")],
)
def test_an_unknown_scenario_is_refused(command: str, name: str, words: str) -> None:
    code, output, errors = finished(command, "--scenario", name)
    assert (code, output, errors.count("\n")) == (1, "", 1)
    assert words in errors


@pytest.mark.parametrize("arguments", [["fleet"], ["host", "--kind", "sim"]])
def test_a_scenario_for_wine_only_is_refused(tmp_path: Path, arguments: list[str]) -> None:
    path = tmp_path / "own.yml"
    path.write_text(SCENARIO + "only: {wine: it needs a real PowerShell}\n")
    code, _, errors = finished(*arguments, "--scenario", path)
    assert (code, errors) == (1, "The scenario own runs on hosts of the kind wine only: it needs a real PowerShell.\n")


def test_a_scenario_for_simulated_hosts_only_is_refused() -> None:
    code, _, errors = finished("host", "--kind", "wine", "--scenario", "ecdsa")
    assert (code, errors) == (1, "The scenario ecdsa runs on hosts of the kind sim only: Wine 8 has no CNG.\n")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    code, _, errors = finished("host", "--kind", "wine", "--inventory", tmp_path / "hosts.yml", LAB_PWSH=tmp_path / "none.exe")
    assert (code, "none.exe" in errors) == (1, True)


@pytest.mark.parametrize("option", ["--hosts", "--sites"])
def test_a_fleet_of_none_is_refused(option: str) -> None:
    code, _, errors = finished("fleet", option, "0")
    assert (code, "'0' is no number from 1 on" in errors) == (2, True)


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, _, errors = finished("fleet", "--folder", tmp_path / "file" / "fleet")
    assert (code, errors) == (1, f"{tmp_path / 'file' / 'fleet'}: Not a directory\n")


@pytest.mark.parametrize("name", ["hosts.yml", "hosts.next.pfx", "hosts.next.yml", "hosts.next.pem"])
def test_a_host_keeps_the_files_of_somebody_else(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    code, _, errors = finished("host", "--kind", "sim", "--inventory", tmp_path / "hosts.yml")
    assert (code, errors) == (1, f"{tmp_path / name} exists and was not written by the lab.\n")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "mine")]


@pytest.mark.parametrize("name", ["inventory.yml", "vpn2.pfx", "root.pem"])
def test_a_fleet_keeps_the_files_of_somebody_else(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    code, _, errors = finished("fleet", "--hosts", "3", "--folder", tmp_path)
    assert (code, errors) == (1, f"{tmp_path / name} exists and was not written by the lab.\n")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "mine")]


def test_two_labs_do_not_share_their_files(tmp_path: Path) -> None:
    folder = tmp_path / "fleet"
    with running(tmp_path, "fleet", "--hosts", "1", "--folder", folder):
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        code, _, errors = finished("fleet", "--hosts", "2", "--folder", folder)
        assert (code, errors) == (1, f"{folder / 'inventory.yml'} is of a lab that still runs; choose another place.\n")
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


# --- a host ---


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("sim", signal.SIGINT),
        ("sim", signal.SIGHUP),
        pytest.param("wine", signal.SIGINT, marks=needs_wine),
        pytest.param("wine", signal.SIGTERM, marks=needs_wine),
    ],
)
def test_a_host_for_a_person(tmp_path: Path, person: Person, kind: str, number: signal.Signals) -> None:
    inventory, log = tmp_path / "hosts.yml", tmp_path / "log"
    chosen = ["--kind", kind] if kind == "sim" else []  # where there is Wine, it is the default
    process = lab("host", *chosen, "--inventory", inventory, "--name", "mine", "--log", log)
    folder = f"hosts/mine-{process.pid}-"  # WINEPREFIX of everything that runs in the host
    try:
        printed = read_until(process, "Ctrl-C ends it")
        assert f"Starting a {kind} host" in printed
        assert "expires in 12 days" in printed
        names = {path.name for path in tmp_path.iterdir()}
        assert names == {"hosts.next.pem", "hosts.next.pfx", "hosts.next.yml", "hosts.yml", "log", "person"}
        assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("hosts.*")} == {0o600}
        code, output = person.types(commands(printed)[0])
        assert (code, "mine | SUCCESS" in output) == (0, True), output
        assert bool(processes_with(folder)) is (kind == "wine")
    finally:
        end(process, number)
    assert "mine" in log.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "person"]
    await_no_process_with(folder)


def await_no_process_with(text: str) -> None:
    until = time.monotonic() + 10
    while left := processes_with(text):
        assert time.monotonic() < until, left
        time.sleep(0.1)


def test_without_wine_the_host_is_simulated(tmp_path: Path) -> None:
    arguments = ("host", "--inventory", tmp_path / "hosts.yml")
    process = lab(*arguments, LAB_PWSH=tmp_path / "none.exe")
    printed = read_until(process, "Ctrl-C ends it")
    end(process)
    assert re.search(r"Starting a sim host, as a wine host cannot be started here: .*none\.exe", printed)


def test_a_scenario_may_choose_the_kind(tmp_path: Path) -> None:
    with running(tmp_path, "host", "--scenario", "ecdsa", "--inventory", tmp_path / "hosts.yml") as printed:
        assert "Starting a sim host, as the scenario ecdsa runs on no other kind" in printed


@pytest.mark.parametrize("kind", ["sim", pytest.param("wine", marks=needs_wine)])
def test_a_host_in_a_scenario_is_audited_and_rotated(tmp_path: Path, person: Person, kind: str) -> None:
    with running(tmp_path, "host", "--kind", kind, "--scenario", "stale_hash", "--inventory", tmp_path / "hosts.yml") as printed:
        assert load("stale_hash").title in printed
        assert "audit should find: registry_sha256_different, registry_sha1_different\n" in printed
        assert "the rotation should come to: a server that works\n" in printed
        _, audit, predict, rotate = commands(printed)
        code, output = person.types(audit)
        assert code == 2, output
        assert "registry_sha256_different (SHA256CertificateHash), registry_sha1_different (SHA1CertificateHash)" in output
        for line in (predict, rotate):
            code, output = person.types(line)
            assert (code, "changed=0" in output) == (0, False), output
        code, output = person.types(audit)
        assert (code, "all five places agree" in output) == (0, True), output


def test_the_variables_are_those_of_the_scenario(tmp_path: Path) -> None:
    own = tmp_path / "own.yml"
    own.write_text(
        SCENARIO + "stores: {MY: {new: good}}\nwith: {by: thumbprint, take_over: true, service_state: as_found, service_timeout: 7, settle_timeout: 3}\n"
    )
    with running(tmp_path, "host", "--kind", "sim", "--scenario", own, "--inventory", tmp_path / "hosts.yml"):
        variables = yaml.safe_load((tmp_path / "hosts.next.yml").read_text())
        assert not (tmp_path / "hosts.next.pfx").exists()
    assert re.fullmatch("[0-9a-f]{40}", variables.pop("sstp_certificate_thumbprint"))
    assert Path(variables.pop("sstp_certificate_probe_ca_path")).name == "hosts.next.pem"
    assert 0 < variables.pop("sstp_certificate_probe_port") < 65536
    options = {"take_over": True, "service_state": "as_found", "service_timeout": 7, "settle_timeout": 3}
    options |= {"probe_host": "vpn1.example.com", "probe_user": "probe", "probe_password": "Correct-Horse-7"}
    assert variables == {f"sstp_certificate_{name}": value for name, value in options.items()}


# --- a fleet ---


@pytest.mark.parametrize("number", ENDINGS)
def test_a_fleet_for_a_person(tmp_path: Path, number: signal.Signals) -> None:
    folder = tmp_path / "fleet"
    with running(tmp_path, "fleet", "--hosts", "7", "--sites", "2", "--folder", folder, number=number) as printed:
        assert "7 simulated hosts are up, in 2 sites" in printed
        sites = inventory_of(folder / "inventory.yml")["children"]
        assert {site: list(content["hosts"]) for site, content in sites.items()} == {
            "site1": ["vpn1", "vpn2", "vpn3", "vpn4"],
            "site2": ["vpn5", "vpn6", "vpn7"],
        }
        hosts = {name: variables for site in sites.values() for name, variables in site["hosts"].items()}
        assert [variables["lab_scenario"] for variables in hosts.values()] == list(MIXTURE[:7])
        brought = {Path(variables["sstp_certificate_pfx"]) for variables in hosts.values() if "sstp_certificate_pfx" in variables}
        assert {*folder.iterdir()} == {folder / "inventory.yml", folder / "root.pem", *brought}
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert list(tmp_path.iterdir()) == []


def test_a_fleet_is_audited_and_rotated_with_the_printed_commands(tmp_path: Path, person: Person) -> None:
    arguments = ("--hosts", "3", "--scenario", "healthy", "--scenario", "stale_hash", "--folder", tmp_path / "fleet")
    with running(tmp_path, "fleet", *arguments) as printed:
        assert "healthy (2), stale_hash (1)" in printed
        audit, predict, rotate, again = commands(printed)
        code, output = person.types(audit)
        assert (code, output.count("unreachable=0    failed=0"), output.count("all five places agree")) == (0, 3, 2), output
        for line in (predict, rotate):
            code, output = person.types(line)
            assert (code, len(re.findall(r"vpn\d .*changed=[1-9].* failed=0", output))) == (0, 3), output
        code, output = person.types(again)
        assert (code, "all five places agree" in output, "vpn2" in output) == (0, True, False), output


def test_more_sites_than_hosts(tmp_path: Path) -> None:
    with running(tmp_path, "fleet", "--hosts", "2", "--sites", "5", "--folder", tmp_path / "fleet"):
        assert list(inventory_of(tmp_path / "fleet" / "inventory.yml")["children"]) == ["site1", "site2"]


def test_a_fleet_can_be_ended_while_it_is_made(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process = lab("fleet", "--hosts", "5000", "--folder", tmp_path / "fleet", TMPDIR=temporary)
    read_until(process, "of 5000 hosts are made")
    end(process)
    assert [*temporary.iterdir(), *tmp_path.iterdir()] == [temporary]


def test_a_folder_of_somebody_stays_with_what_is_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "fleet"
    folder.mkdir()
    (folder / "notes").touch()
    with running(tmp_path, "fleet", "--hosts", "1", "--folder", folder):
        pass
    assert list(folder.iterdir()) == [folder / "notes"]


def test_what_a_killed_fleet_has_left_is_removed_by_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "fleet"
    killed = lab("fleet", "--hosts", "3", "--folder", folder, TMPDIR=tmp_path)
    read_until(killed, "Ctrl-C ends it")
    killed.kill()
    killed.communicate(timeout=60)
    (folder / "own.pfx").touch()
    with running(tmp_path, "fleet", "--hosts", "1", "--folder", folder):
        assert sorted(path.name for path in folder.iterdir()) == ["inventory.yml", "own.pfx", "root.pem", "vpn1.pfx"]
    assert list(folder.iterdir()) == [folder / "own.pfx"]
