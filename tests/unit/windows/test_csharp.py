# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The C# utils are C# 5 for .NET Framework 4.7.2, lie in the namespace that Ansible looks for, and start no program."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from windows_gates import NAMESPACE, PLUGINS, UTILS, compile_csharp

PROGRAM_STARTERS = re.compile(r"netsh|Start-Process|Diagnostics\.Process\b|ProcessStartInfo|Process\.Start|CreateProcess|ShellExecute", re.IGNORECASE)
# Put into the first method of a util's class, each with what the compiler says of it.
MUTATIONS = {
    'public string Lab() { return $"{GetHashCode()}"; }': "interpolated strings",
    "public int? Lab(string text) { return text?.Length; }": "null propagating operator",
    "public int Lab { get; } = 1;": "auto-implemented property initializer",
    "public int Lab() => 1;": "expression",
    "public string Lab() { return nameof(Lab); }": "nameof",
    "public string Lab(byte[] data) { return Convert.ToHexString(data); }": "ToHexString",
    "public byte[] Lab(byte[] data) { return System.Security.Cryptography.SHA256.HashData(data); }": "HashData",
    "public int Lab(Span<byte> data) { return data.Length; }": "Span",
    "public void Lab() { int unused; }": "CS0168",
}


def test_there_are_utils() -> None:
    assert {util.name for util in UTILS} >= {"_HttpSys.cs", "_Certificates.cs", "_Sessions.cs", "_Mentions.cs", "_KeyContainers.cs"}


@pytest.mark.parametrize("util", UTILS, ids=lambda util: util.name)
def test_a_util_compiles_as_csharp_5_for_framework_4_7_2(util: Path, tmp_path: Path) -> None:
    done = compile_csharp(tmp_path / "util.dll", [util])
    assert done.returncode == 0, done.stderr + done.stdout


def test_all_utils_compile_together(tmp_path: Path) -> None:
    done = compile_csharp(tmp_path / "utils.dll", UTILS)
    assert done.returncode == 0, done.stderr + done.stdout


@pytest.mark.parametrize("util", UTILS, ids=lambda util: util.name)
@pytest.mark.parametrize(("mutation", "word"), MUTATIONS.items(), ids=MUTATIONS.values())
def test_the_compiler_refuses_what_is_newer(util: Path, mutation: str, word: str, tmp_path: Path) -> None:
    text, count = re.subn(r"(public sealed class \w+(?: : \w+)?\s*\{)", rf"\1\n{mutation}\n", util.read_text(), count=1)
    assert count == 1
    changed = tmp_path / util.name
    changed.write_text(text)
    done = compile_csharp(tmp_path / "util.dll", [changed])
    assert done.returncode != 0
    assert word in done.stderr + done.stdout


@pytest.mark.parametrize("util", UTILS, ids=lambda util: util.name)
def test_the_namespace_is_the_place_of_the_file(util: Path) -> None:
    assert re.findall(r"^\s*namespace\s+(\S+)", util.read_text(), re.MULTILINE) == [f"{NAMESPACE}.{util.stem}"]


def test_nothing_on_windows_starts_a_program() -> None:
    files = [path for pattern in ("*.ps1", "*.cs") for path in PLUGINS.rglob(pattern)]
    assert len(files) > len(UTILS)
    assert {path.name: found for path in files if (found := PROGRAM_STARTERS.findall(path.read_text()))} == {}


def test_netsh_is_named_nowhere_in_the_plugins() -> None:
    # But for the commands that people are given to paste.
    files = [path for path in PLUGINS.rglob("*") if path.is_file() and path.suffix != ".pyc" and path.name != "repairs.py"]
    assert [path.name for path in files if re.search(rb"netsh", path.read_bytes(), re.IGNORECASE)] == []
