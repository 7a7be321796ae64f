# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module report in real playbooks: three files on the controller, from whatever came back from the hosts."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from audited_fleet import key_lost, result, small, stale_hash, unreachable, well, yesterday
from lab.sstp_server.listener import free_port
from running import Controller
from servers import REPOSITORY


@pytest.fixture
def inventory(controller: Controller) -> Controller:
    """A host of Windows that nobody can reach: the report opens no connection."""
    closed = {"ansible_connection": "winrm", "ansible_port": free_port(), "ansible_host": "127.0.0.1", "ansible_user": "x", "ansible_password": "y"}
    controller.inventory.write_text(yaml.safe_dump({"all": {"hosts": {"vpn01": closed}}}))
    return controller


def make(controller: Controller, results: dict[str, Any], *arguments: str, **options: Any) -> dict[str, Any]:
    """Results come by a variable, as registered ones do, so that they have the tags of ansible-core."""
    play = {
        "hosts": "all",
        "gather_facts": False,
        "tasks": [{"name": "Make the report", "rras.sstp.report": {"results": "{{ given }}", "dest": "reports", **options}, "run_once": True}],
    }
    return controller.playbook([play], *arguments, variables={"given": results}).succeeded().one("report")


def test_a_report_and_the_next_one(inventory: Controller) -> None:
    reports = inventory.folder / "reports"
    checked = make(inventory, yesterday(), "--check")
    assert (checked["changed"], reports.exists()) == (True, False)
    first = make(inventory, yesterday())
    assert first["changed"] is True
    assert first.keys() == checked.keys()
    assert {kind: Path(path).name for kind, path in first["files"].items()} == {kind: f"sstp-audit.{kind}" for kind in ("html", "json", "csv")}
    assert json.loads((reports / "sstp-audit.json").read_text()) == first["document"]
    second = make(inventory, small(), "--diff", title="A fleet")
    assert second["summary"] | {"soonest_expiry": None} == {
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
        "soonest_expiry": None,
    }
    assert second["diff"]["before"]["new_findings"] == 0
    assert "<h1>A fleet</h1>" in (reports / "sstp-audit.html").read_text()
    with (reports / "sstp-audit.csv").open(encoding="utf-8-sig", newline="") as file:
        assert {row["host"] for row in csv.DictReader(file)} == set(small())
    assert make(inventory, small(), title="A fleet")["changed"] is False
    assert sorted(path.name for path in reports.iterdir()) == ["sstp-audit.csv", "sstp-audit.html", "sstp-audit.json"]


def test_what_is_bad_is_refused_in_a_sentence(inventory: Controller) -> None:
    reports = inventory.folder / "reports"
    broken = stale_hash("vpn01", 50)
    del broken["certificates"][0]["issuer"]
    task = {"rras.sstp.report": {"results": {"vpn01": result(broken)}, "dest": "reports"}}
    run = inventory.tasks(task).failed()
    assert run.failures == ["The record of vpn01: certificates[0] has no key issuer."]
    assert not reports.exists()
    reports.mkdir()
    (reports / "sstp-audit.json").write_text("{}")
    assert inventory.refusal("report", results={}, dest="reports") == f"The previous report {reports / 'sstp-audit.json'} is no report of rras.sstp.report."
    assert [path.name for path in reports.iterdir()] == ["sstp-audit.json"]


def test_the_results_of_a_play_as_the_documentation_gathers_them(controller: Controller, tmp_path: Path) -> None:
    """Registered results of hosts of which one is down and another one failed; the report comes for all."""
    fleet = {"vpn1": well("vpn1", 50), "vpn2": key_lost("vpn2", 50), "vpn3": None, "vpn4": None, "vpn5": None}
    hosts = {name: {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "made": record} for name, record in fleet.items()}
    hosts["vpn3"] = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": free_port()}
    controller.inventory.write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
    documentation = (REPOSITORY / "plugins" / "modules" / "report.py").read_text()
    examples = yaml.safe_load(documentation.partition('EXAMPLES = r"""')[2].partition('"""')[0])
    report = next(task for task in examples if "rras.sstp.report" in task)
    # Each stands for an audit that ends as that host's does.
    audits: list[dict[str, Any]] = [
        {"name": "Reach", "ansible.builtin.ping": {}, "register": "audited", "ignore_unreachable": True, "when": "inventory_hostname == 'vpn3'"},
        {"name": "Fail", "ansible.builtin.fail": {"msg": "No."}, "register": "refused", "ignore_errors": True, "when": "inventory_hostname == 'vpn4'"},
        {"name": "Answer", "ansible.builtin.set_fact": {"audited": {"record": "{{ made }}"}}, "when": "made is truthy(convert_bool=false)"},
        {"name": "Keep", "ansible.builtin.set_fact": {"audited": "{{ refused }}"}, "when": "inventory_hostname == 'vpn4'"},
    ]
    audits[2]["when"] = "inventory_hostname in ['vpn1', 'vpn2']"
    made = controller.playbook([{"hosts": "all", "gather_facts": False, "tasks": [*audits, report]}]).succeeded().of("report")[0]
    assert {host["host"]: host["state"] for host in made["document"]["hosts"]} == {
        "vpn1": "ok",
        "vpn2": "error",
        "vpn3": "unreachable",
        "vpn4": "failed",
        "vpn5": "failed",
    }


def test_hostile_names_from_a_play(inventory: Controller) -> None:
    """They come through ansible-core unharmed, and do no harm."""
    evil = {'"><img src=x>': result(well("<script>alert(1)</script>", 50)), "=1+1": unreachable("{{ 7 * 7 }} @SUM(A1)"), "{{ 8 * 8 }}": {}}
    path = inventory.folder / "evil.json"
    path.write_text(json.dumps(evil))
    read = {"rras.sstp.report": {"results": "{{ lookup('ansible.builtin.file', 'evil.json') | from_json }}", "dest": "reports"}}
    inventory.tasks(read).succeeded()
    page = (inventory.folder / "reports" / "sstp-audit.html").read_text()
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "{{ 7 * 7 }} @SUM(A1)" in page
    assert "\r\n'=1+1,unreachable," in (inventory.folder / "reports" / "sstp-audit.csv").read_text(encoding="utf-8-sig").replace("\n", "\r\n")


def test_a_collection_installed_from_its_archive(tmp_path: Path) -> None:
    """Style, script and templates lie in it, and are found where galaxy has put them."""
    tools = Path(sys.executable).parent
    environment = {**os.environ, "HOME": str(tmp_path), "ANSIBLE_COLLECTIONS_PATH": str(tmp_path / "collections"), "ANSIBLE_LOCAL_TEMP": str(tmp_path / "tmp")}

    def run(tool: str, *arguments: str) -> None:
        done = subprocess.run([tools / tool, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    run("ansible-galaxy", "collection", "build", str(REPOSITORY), "--output-path", str(tmp_path))
    (archive,) = tmp_path.glob("rras-sstp-*.tar.gz")
    run("ansible-galaxy", "collection", "install", str(archive), "--offline", "-p", str(tmp_path / "collections"))
    (tmp_path / "results.json").write_text(json.dumps({"given": small()}))
    play = [{"hosts": "localhost", "gather_facts": False, "tasks": [{"name": "Report", "rras.sstp.report": {"results": "{{ given }}", "dest": "out"}}]}]
    (tmp_path / "play.yml").write_text(yaml.safe_dump(play))
    run("ansible-playbook", "play.yml", "-i", "localhost,", "-e", "@results.json")
    assert "</html>" in (tmp_path / "out" / "sstp-audit.html").read_text()
