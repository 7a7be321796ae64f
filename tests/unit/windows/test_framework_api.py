# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every .NET type and member that windows_backend.ps1 names is in .NET Framework 4.7.2, in Ansible.Basic, or in the C# utils."""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from windows_gates import HERE, NAMESPACE, UTILS, Engine, cecil, compile_csharp, program, reference_assemblies

pytest_plugins = ("windows_fixtures",)

# What Windows PowerShell has loaded when it starts; anything else needs Add-Type.
LOADED = {"mscorlib", "System", "System.Core"}
ASSEMBLIES = (*sorted(LOADED), "System.Security", "System.ServiceProcess")
# PowerShell's short names in 5.1 for what is not System.NAME.
ACCELERATORS = {
    "array": "System.Array",
    "bool": "System.Boolean",
    "float": "System.Single",
    "hashtable": "System.Collections.Hashtable",
    "int": "System.Int32",
    "ipaddress": "System.Net.IPAddress",
    "long": "System.Int64",
    "regex": "System.Text.RegularExpressions.Regex",
    "void": "System.Void",
}
# Types of PowerShell itself, which the reference assemblies do not have, with the static members that may be used.
POWERSHELL: dict[str, set[str]] = {
    "psobject": set(),
    "scriptblock": set(),
    "switch": set(),
    "System.Management.Automation.CommandNotFoundException": set(),
    "System.Management.Automation.PSCustomObject": set(),
}
ANSIBLE = {"Ansible.Basic.AnsibleModule": {"Create"}}
ANSIBLE_METHODS = {"ExitJson": (0, 0), "FailJson": (1, 3)}
ACCELERATOR = re.compile(r"^//TypeAccelerator -Name (\S+) -TypeName (\S+)$", re.MULTILINE)

INVENTED = {
    "[System.Net.Sockets.TcpNonsense]$a": "there is no type System.Net.Sockets.TcpNonsense",
    "$a -is [Nonsense]": "there is no type Nonsense",
    "try { 1 } catch [System.NonsenseException] { 2 }": "there is no type System.NonsenseException",
    "function f { param ([Nonsense[]]$a) $a }": "there is no type Nonsense",
    "New-Object -TypeName System.Nonsense": "there is no type System.Nonsense",
    "New-Object -TypeName 'System.Collections.Generic.List[Nonsense]'": "there is no type Nonsense",
    "New-Object -TypeName $name": "a type that only the run tells",
    "New-Object System.Guid": "a type that only the run tells",
    "$type::Parse('1')": "a type that only the run tells",
    "[Convert]::$name(1)": "a member that only the run tells",
    "[Convert]::ToNonsense(1)": "there is no static Convert::ToNonsense that takes 1",
    "[Environment]::Nonsense": "there is no static Environment::Nonsense",
    "[Microsoft.Win32.RegistryView]::Registry65": "there is no static Microsoft.Win32.RegistryView::Registry65",
    "[BitConverter]::ToUInt32($a)": "there is no static BitConverter::ToUInt32 that takes 1",
    "New-Object -TypeName System.Threading.Mutex -ArgumentList 1, 2, 3, 4, 5": "there is no static System.Threading.Mutex::new that takes 5",
    "[System.Collections.ArrayList]::new(1, 2)": "there is no static System.Collections.ArrayList::new that takes 2",
    "[System.Net.Sockets.TcpClient]::Connect('a', 1)": "there is no static System.Net.Sockets.TcpClient::Connect that takes 2",
    # Only .NET Core and later .NET have these.
    "[Convert]::ToHexString($a)": "there is no static Convert::ToHexString that takes 1",
    "[System.Security.Cryptography.SHA256]::HashData($a)": "there is no static System.Security.Cryptography.SHA256::HashData that takes 1",
    "[Environment]::ProcessPath": "there is no static Environment::ProcessPath",
    "[System.Security.Cryptography.RandomNumberGenerator]::GetBytes(4)": "RandomNumberGenerator::GetBytes that takes 1",
    "[string]::Join(',', $a).ReplaceLineEndings()": "no type has a method ReplaceLineEndings that takes 0",
    "[System.Half]$a": "there is no type System.Half",
    "[System.Text.Json.JsonSerializer]$a": "there is no type System.Text.Json.JsonSerializer",
    "[scriptblock]::Create(1)": "there is no static scriptblock::Create that takes 1",
    "[semver]$a": "there is no type semver",
    "[ulong]$a": "there is no type ulong",
    # Utils and Ansible.
    "[RrasSstp.Nonsense]$a": "there is no type RrasSstp.Nonsense",
    "[RrasSstp.KeySignature]$a": "there is no type RrasSstp.KeySignature",
    "[RrasSstp.MachineStore]::Nonsense('MY')": "there is no static RrasSstp.MachineStore::Nonsense that takes 1",
    "[RrasSstp.MachineStore]::Open('MY')": "there is no static RrasSstp.MachineStore::Open that takes 1",
    "New-Object -TypeName RrasSstp.MachineStore": "there is no static RrasSstp.MachineStore::new that takes 0",
    "$store.Nonsense()": "no type has a method Nonsense that takes 0",
    "$http.Replace()": "no type has a method Replace that takes 0",
    "[Ansible.Basic.AnsibleModule]::Nonsense(1)": "there is no static Ansible.Basic.AnsibleModule::Nonsense",
    "[System.ServiceProcess.ServiceController]$a": "is of an assembly that Windows PowerShell does not load",
}
# All of it is there.
FOUND = r"""
Add-Type -AssemblyName System.ServiceProcess
[System.ServiceProcess.ServiceControllerStatus]::Stopped, [Guid]::Empty, [System.Security.Cryptography.SHA256]::Create(), [byte[]]::new(4), [Guid]::new('x')
New-Object -TypeName 'System.Collections.Generic.Dictionary[string, System.Collections.Generic.List[int]]' -ArgumentList 4
[RrasSstp.MachineStore]::Open('MY', $true).List(), [string]::Format('{0}{1}{2}{3}', 1, 2, 3, 4), [TimeSpan]::FromSeconds(1).ToString('c')
[CONVERT]::tobase64string($a), [System.Environment+SpecialFolder]::Desktop, [System.IO.FileStream]::ReferenceEquals(1, 2)
"""


@dataclass
class Api:
    """What is public, all names in lower case as PowerShell does not tell them apart."""

    assemblies: dict[str, str] = field(default_factory=dict)
    bases: dict[str, str] = field(default_factory=dict)
    static: dict[tuple[str, str], list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    methods: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    accelerators: dict[str, str] = field(default_factory=lambda: {name: full.lower() for name, full in ACCELERATORS.items()})

    def add(self, listing: str) -> None:
        """Take in what ListApi.cs writes."""
        for line in listing.replace("/", "+").splitlines():
            kind, *words = line.lower().split("\t")
            if kind == "t":
                assembly, name, base = words
                self.assemblies[name], self.bases[name] = assembly, base
                continue
            name, where, member, least, most = words
            if where == "static":
                self.static[name, member].append((int(least), int(most)))
            elif least != "-1":
                self.methods[member].append((int(least), int(most)))

    def resolve(self, name: str) -> str | None:
        """The full name of what a type literal of PowerShell names."""
        name = name.lower()
        candidates = (self.accelerators.get(name, name), f"system.{name}")
        return next((candidate for candidate in candidates if candidate in self.assemblies), None)

    def has(self, full: str, member: str, arguments: int | None) -> bool:
        """Is there a static member of the type or its bases that can be read, or called with so many arguments?"""
        if member == "new" and arguments == 0 and self.bases.get(full) == "system.valuetype":
            return True
        while full:
            if takes(self.static.get((full, member), []), arguments):
                return True
            full = "" if member == "new" else self.bases.get(full, "")
        return False


def takes(signatures: list[tuple[int, int]], arguments: int | None) -> bool:
    """Is there one for so many arguments? None: one that is read."""
    return any(most == -1 if arguments is None else 0 <= least <= arguments <= most for least, most in signatures)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Api:
    """The reference assemblies and the C# utils."""
    folder, references = tmp_path_factory.mktemp("api"), reference_assemblies()
    lister, utils = folder / "ListApi.exe", folder / "utils.dll"
    argv = [program("mcs"), f"-out:{lister}", f"-r:{cecil()}", str(HERE / "ListApi.cs")]
    subprocess.run(argv, check=True)
    done = compile_csharp(utils, UTILS)
    assert done.returncode == 0, done.stderr
    paths = [references / f"{name}.dll" for name in ASSEMBLIES]
    listing = subprocess.run([program("mono"), str(lister), *map(str, paths), str(utils)], capture_output=True, text=True, check=True).stdout
    api = Api()
    api.add(listing)
    for util in UTILS:
        for name, type_name in ACCELERATOR.findall(util.read_text()):
            api.accelerators[name.lower()] = f"{NAMESPACE}.{util.stem}.{type_name}".lower()
    for member, signature in ANSIBLE_METHODS.items():
        api.methods[member.lower()].append(signature)
    return api


def judge(report: dict[str, Any], api: Api) -> list[str]:
    """What .NET Framework 4.7.2 does not have, a sentence each."""
    loaded = {name.lower() for name in (*LOADED, *report["assemblies"], "utils")}
    known = {name.lower(): {member.lower() for member in members} for name, members in (POWERSHELL | ANSIBLE).items()}
    found = []
    for item in report["types"]:
        full = api.resolve(item["name"])
        if item["name"].lower() in known:
            continue
        if full is None:
            found.append(f"line {item['line']}: there is no type {item['name']}")
        elif api.assemblies[full] not in loaded:
            found.append(f"line {item['line']}: {item['name']} is of an assembly that Windows PowerShell does not load: {api.assemblies[full]}")
    found += [f"line {item['line']}: {text}" for item in report["members"] if (text := judge_member(item, api, known))]
    return found + [
        f"line {item['line']}: no type has a method {item['member']} that takes {item['arguments']}"
        for item in report["methods"]
        if item["member"] is None or not takes(api.methods.get(item["member"].lower(), []), item["arguments"])
    ]


def judge_member(item: dict[str, Any], api: Api, known: dict[str, set[str]]) -> str | None:
    """What is wrong with one static member."""
    type_name, member, arguments = item["type"], item["member"], item["arguments"]
    if type_name is None:
        return "a type that only the run tells"
    if member is None:
        return "a member that only the run tells"
    if type_name.lower() in known:
        there = member.lower() in known[type_name.lower()]
    elif type_name.endswith("[]"):
        there = (member, arguments) == ("new", 1)
    else:
        full = api.resolve(type_name)
        # A type that is not there has its own sentence.
        there = full is None or api.has(full, member.lower(), arguments)
    return None if there else f"there is no static {type_name}::{member}" + ("" if arguments is None else f" that takes {arguments}")


@pytest.fixture(scope="module")
def _all_read(engine: Engine) -> None:
    """One call of the engine reads every snippet: the tests then find it read."""
    engine.read([FOUND, *INVENTED])


def test_the_back_end_names_only_what_framework_4_7_2_has(backend: dict[str, Any], api: Api) -> None:
    assert judge(backend, api) == []


def test_the_gate_looks_at_the_members_of_the_back_end(backend: dict[str, Any]) -> None:
    members = {(item["type"], item["member"]) for item in backend["members"]}
    assert {("RrasSstp.MachineStore", "Open"), ("System.Threading.Mutex", "new"), ("Convert", "FromBase64String")} <= members


@pytest.mark.parametrize("util", UTILS, ids=lambda util: util.name)
def test_each_type_accelerator_names_a_public_type_of_its_file(util: Path, api: Api) -> None:
    accelerators = ACCELERATOR.findall(util.read_text())
    assert accelerators
    for name, type_name in accelerators:
        assert name == f"RrasSstp.{type_name}"
        assert f"{NAMESPACE}.{util.stem}.{type_name}".lower() in api.assemblies


@pytest.mark.usefixtures("_all_read")
def test_what_is_there_passes_the_gate(engine: Engine, api: Api) -> None:
    assert judge(engine.read([FOUND])[0], api) == []


@pytest.mark.usefixtures("_all_read")
@pytest.mark.parametrize(("snippet", "sentence"), INVENTED.items(), ids=INVENTED)
def test_the_gate_refuses_what_is_not_there(engine: Engine, api: Api, snippet: str, sentence: str) -> None:
    assert any(sentence in text for text in judge(engine.read([snippet])[0], api))
