# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the gates over the Windows half share: the tools, with a sentence for each that is missing."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from lab import prefix as prefixes

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[2]
BUILD = REPOSITORY / "build" / "lab"
PLUGINS = REPOSITORY / "plugins"
BACKEND = PLUGINS / "modules" / "windows_backend.ps1"
UTILS = tuple(sorted((PLUGINS / "module_utils").glob("*.cs")))
NAMESPACE = "ansible_collections.rras.sstp.plugins.module_utils"
CSHARP_OPTIONS = ("-langversion:5", "-target:library", "-warnaserror", "-sdk:4.7.2")
# What each program comes with on Debian.
PACKAGES = {"mcs": "mono-mcs", "mono": "mono-runtime", prefixes.COMPILER: "gcc-mingw-w64-x86-64"}
# The command line is too short for the scripts: they come with the data on standard input.
BOOTSTRAP = "$given = ConvertFrom-Json ([Console]::In.ReadToEnd()); & ([scriptblock]::Create($given.script)) $given.data"


def give_up(reason: str) -> NoReturn:
    """Skip, or fail where CI is set: there nothing may be missing."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def program(name: str) -> str:
    """The path of a program that is needed."""
    return shutil.which(name) or give_up(f"{name} is not installed (Debian: {PACKAGES[name]}).")


def mono_folder() -> Path:
    """Where mono keeps its assemblies."""
    return Path(program("mcs")).parents[1] / "lib" / "mono"


def reference_assemblies() -> Path:
    """The folder with the API of .NET Framework 4.7.2."""
    folder = mono_folder() / "4.7.2-api"
    if not (folder / "mscorlib.dll").is_file():
        give_up("The reference assemblies of .NET Framework 4.7.2 are not installed (Debian: mono-devel).")
    return folder


def cecil() -> Path:
    """Mono's library that reads the metadata of an assembly without loading it."""
    found = list((mono_folder() / "gac" / "Mono.Cecil").glob("*/Mono.Cecil.dll"))
    if found:
        return max(found, key=lambda path: [int(part) for part in path.parent.name.split("_")[0].split(".")])
    return give_up("Mono.Cecil is not installed (Debian: libmono-cil-dev or mono-devel).")


def compile_csharp(output: Path, sources: Iterable[Path], *options: str) -> subprocess.CompletedProcess[str]:
    """Run mono's C# compiler as a C# 5 compiler for .NET Framework 4.7.2."""
    reference_assemblies()
    argv = [program("mcs"), *CSHARP_OPTIONS, *options, f"-out:{output}", *map(str, sources)]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def in_one_text(versions: Iterable[tuple[Path, str]]) -> str:
    """Several versions of the utils as one C# text, the namespace of each with its number (Version0, ...) at the end."""
    parts = []
    for number, (util, text) in enumerate(versions):
        head, body = re.split(r"^namespace .*\n\{\n", text, flags=re.MULTILINE)
        usings = "".join(line + "\n" for line in head.splitlines() if line.startswith("using "))
        parts.append(f"namespace {NAMESPACE}.{util.stem}.Version{number}\n{{\n{usings}{body}")
    return "\n".join(parts)


class Engine:
    """The PowerShell engine in a Wine prefix of its own, which is prepared at the first call."""

    def __init__(self, folder: Path) -> None:
        """Nothing is started yet."""
        self._prefix = folder / "prefix"
        self._reports: dict[str, Any] = {}

    def ask(self, script: Path, data: Any) -> Any:
        """Run a script of this folder with data as its argument; gives the JSON that it writes."""
        tools = self._prepare()
        encoded = base64.b64encode(BOOTSTRAP.encode("utf-16le")).decode()
        argv = [tools.wine, rf"C:\engine\{tools.engine.name}", "-NoProfile", "-NonInteractive", "-EncodedCommand", encoded]
        given = json.dumps({"script": script.read_text(), "data": data})
        done = subprocess.run(
            argv, input=given, env=prefixes.environment(self._prefix), cwd=self._prefix / "drive_c", capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        assert not done.stderr, done.stderr
        return json.loads(done.stdout)

    def read(self, texts: Iterable[str]) -> list[dict[str, Any]]:
        """What PowerShell texts are made of, see read_scripts.ps1; each text is read once."""
        wanted = list(texts)
        fresh = [text for text in dict.fromkeys(wanted) if text not in self._reports]
        if fresh:
            self._reports.update(zip(fresh, self.ask(HERE / "read_scripts.ps1", fresh), strict=True))
        return [self._reports[text] for text in wanted]

    def _prepare(self) -> prefixes.Tools:
        if missing := prefixes.missing():
            give_up(" ".join(missing))
        if not self._prefix.exists():
            prefixes.prepare(BUILD)
            prefixes.clone(BUILD, self._prefix, http_update=True)
        return prefixes.tools()

    def close(self) -> None:
        """End Wine; the folder is pytest's."""
        if self._prefix.exists():
            for argument in ("-k", "-w"):
                subprocess.run([prefixes.tools().server, argument], env=prefixes.environment(self._prefix), check=False)
            shutil.rmtree(self._prefix)
