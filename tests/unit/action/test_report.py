# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action report: what it writes, when, and what it refuses before it writes anything."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ansible_collections.rras.sstp.plugins.action import report
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.report import files
from audited_fleet import expiring, result, small, unreachable, yesterday

Json = dict[str, Any]


def run(dest: Path, results: Json, *, check_mode: bool = False, **options: Any) -> Json:
    plugin = report.ActionModule.__new__(report.ActionModule)
    plugin._task = SimpleNamespace(check_mode=check_mode)
    defaults = {name: spec.get("default") for name, spec in report.ARGUMENT_SPEC.items()}
    return plugin.perform({**defaults, "results": results, "dest": str(dest), **options}, cast(Any, None))


def refusal(dest: Path, results: Json, **options: Any) -> str:
    before = there(dest)
    with pytest.raises(SstpError) as caught:
        run(dest, results, **options)
    assert there(dest) == before
    return str(caught.value)


def there(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_three_files_are_written_and_left_alone_then(tmp_path: Path) -> None:
    first = run(tmp_path / "a" / "b", small())
    assert first["changed"] is True
    assert first["files"] == {kind: str(tmp_path / "a" / "b" / f"sstp-audit.{kind}") for kind in ("html", "json", "csv")}
    written = there(tmp_path)
    assert sorted(written) == [f"a/b/sstp-audit.{kind}" for kind in ("csv", "html", "json")]
    assert json.loads(written["a/b/sstp-audit.json"]) == first["document"]
    second = run(tmp_path / "a" / "b", small())
    assert (second["changed"], second["document"], there(tmp_path)) == (False, first["document"], written)
    assert second["diff"]["before"] == second["diff"]["after"] == first["summary"]


def test_what_was_new_is_new_until_the_next_audit(tmp_path: Path) -> None:
    run(tmp_path, yesterday())
    for changed in (True, False):
        made = run(tmp_path, small())
        assert (made["changed"], made["summary"]["new_findings"], made["summary"]["removed_hosts"]) == (changed, 3, 1)
    assert made["diff"]["after"]["new_findings"] == 3


def test_a_file_that_is_missing_or_was_touched_is_made_again(tmp_path: Path) -> None:
    run(tmp_path, small())
    written = there(tmp_path)
    (tmp_path / "sstp-audit.html").unlink()
    (tmp_path / "sstp-audit.csv").write_text("changed")
    assert run(tmp_path, small())["changed"] is True
    assert there(tmp_path) == written


def test_check_mode_writes_nothing_and_says_the_same(tmp_path: Path) -> None:
    run(tmp_path, yesterday())
    written = there(tmp_path)
    predicted = run(tmp_path, small(), check_mode=True)
    assert there(tmp_path) == written
    real = run(tmp_path, small())
    assert predicted["changed"] is real["changed"] is True
    for made in (predicted, real):
        made["document"].pop("made")
    assert predicted == real
    run(tmp_path / "new", small(), check_mode=True)
    assert not (tmp_path / "new").exists()


def test_only_the_formats_that_are_asked_for(tmp_path: Path) -> None:
    made = run(tmp_path, small(), formats=["csv"], name="fleet")
    assert made["files"] == {"csv": str(tmp_path / "fleet.csv")}
    assert list(there(tmp_path)) == ["fleet.csv"]
    assert run(tmp_path, small(), formats=["csv"], name="fleet")["changed"] is False
    # A page without a document beside it is one of its own time.
    assert run(tmp_path, small(), formats=["html"])["document"]["compared_with"] is None


def test_previous_is_another_file(tmp_path: Path) -> None:
    run(tmp_path, yesterday(), name="old")
    run(tmp_path, small())
    other = run(tmp_path, small(), previous=str(tmp_path / "old.json"))
    assert (other["changed"], other["summary"]["new_findings"]) == (True, 3)
    assert run(tmp_path, small(), previous=str(tmp_path / "old.json"))["changed"] is False
    # Named or not, what lies there is what lies there.
    assert run(tmp_path, small(), previous=str(tmp_path / "sstp-audit.json"))["changed"] is False


def test_a_broken_file_that_is_in_the_way_of_a_named_one_is_replaced(tmp_path: Path) -> None:
    run(tmp_path, yesterday(), name="old")
    (tmp_path / "sstp-audit.json").write_text("{")
    assert run(tmp_path, small(), previous=str(tmp_path / "old.json"))["summary"]["new_findings"] == 3


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "is no JSON."),
        (b"\xff\xfe", "is no JSON."),
        (b'{"schema": 7, "hosts": []}', "has schema 7, but this version of rras.sstp.report reads schema 1."),
        (b"[]", "is no report of rras.sstp.report."),
    ],
)
def test_a_bad_previous_report(tmp_path: Path, named: bool, content: bytes, words: str) -> None:
    path = tmp_path / ("other.json" if named else "sstp-audit.json")
    path.write_bytes(content)
    assert refusal(tmp_path, small(), **({"previous": str(path)} if named else {})) == f"The previous report {path} {words}"


def test_a_previous_report_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "none.json"
    assert refusal(tmp_path, small(), previous=str(path)) == f"The previous report {path} cannot be read: No such file or directory."


def test_a_bad_record_names_host_and_key(tmp_path: Path) -> None:
    fleet = small()
    del fleet["vpn02.example.com"]["record"]["places"][3]["agrees"]
    assert refusal(tmp_path, fleet) == "The record of vpn02.example.com: places[3] has no key agrees."
    fleet = small()
    fleet["vpn02.example.com"]["record"]["schema"] = 9
    assert refusal(tmp_path, fleet).startswith("The record of vpn02.example.com: schema is 9, ")


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "a\0b"])
def test_a_name_that_is_none(tmp_path: Path, name: str) -> None:
    assert "is no name for files" in refusal(tmp_path, small(), name=name)


def test_a_place_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert refusal(tmp_path / "file" / "below", small()).startswith("The ")
    (tmp_path / "sstp-audit.html").mkdir()
    assert refusal(tmp_path, small()) == f"The file {tmp_path / 'sstp-audit.html'} cannot be read: Is a directory."


def test_a_failure_in_the_middle_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, yesterday())

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    assert refusal(tmp_path, small()) == f"The file {tmp_path / 'sstp-audit.html'} cannot be written: No space left on device."


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0, 0o644)])
def test_the_umask_holds(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        run(tmp_path, small())
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {mode}


def test_nothing_but_hosts_that_were_not_reached(tmp_path: Path) -> None:
    made = run(tmp_path, {"a": unreachable(), "b": {}})
    assert (made["summary"]["unreachable"], made["summary"]["failed"], made["summary"]["soonest_expiry"]) == (1, 1, None)
    assert run(tmp_path, {"a": result(expiring("a", 4)), "b": {}})["summary"]["new_findings"] == 0
