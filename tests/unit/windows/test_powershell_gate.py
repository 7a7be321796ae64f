# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""windows_backend.ps1 is a script of Windows PowerShell 5.1, by the tree that PowerShell's own parser makes of it."""

from __future__ import annotations

from typing import Any

import pytest
from windows_gates import Engine

pytest_plugins = ("windows_fixtures",)

# The commands that the back-end needs, each with the parameters that it has in 5.1 and that may be used, written out.
ALLOWED = {
    "Add-Type": {"AssemblyName"},
    "ConvertFrom-Json": {"InputObject"},
    "ConvertTo-Json": {"InputObject", "Compress", "Depth"},
    "ForEach-Object": {"Begin", "End", "InputObject", "Process"},
    # Of the module RemoteAccess, Windows Server 2012 and later; the common parameter is that of every cmdlet.
    "Get-RemoteAccess": {"ErrorAction"},
    "Get-RemoteAccessLoadBalancer": {"ErrorAction"},
    "Get-VpnAuthProtocol": {"ErrorAction"},
    "New-Object": {"ArgumentList", "TypeName"},
    "Select-Object": {"First", "Unique"},
    "Set-RemoteAccess": {"ErrorAction", "Force", "SslCertificate"},
    "Set-StrictMode": {"Version"},
    "Sort-Object": {"CaseSensitive", "Descending", "Property", "Unique"},
    "Where-Object": {"FilterScript", "InputObject"},
}
# What may be called without a name: the script block of the functions that open something around it.
ALLOWED_TARGETS = {"$Script"}

NEWER_PARAMETERS = {
    "ConvertFrom-Json": {"AsHashtable", "DateKind", "Depth", "NoEnumerate"},
    "ConvertTo-Json": {"AsArray", "EnumsAsStrings", "EscapeHandling"},
    "ForEach-Object": {"AsJob", "Parallel", "ThrottleLimit", "TimeoutSeconds", "UseNewRunspace"},
    "Get-ChildItem": {"FollowSymlink"},
    "Get-Content": {"AsByteStream"},
    "Get-Date": {"AsUTC", "UnixTimeSeconds"},
    "Get-Random": {"Shuffle"},
    "Import-Csv": {"IncludeTypeInformation"},
    "Invoke-WebRequest": {"SkipCertificateCheck"},
    "Join-Path": {"AdditionalChildPath", "Extension"},
    "Select-Object": {"CaseInsensitive"},
    "Select-String": {"Culture", "NoEmphasis", "Raw"},
    "Set-Content": {"AsByteStream"},
    "Sort-Object": {"Bottom", "Stable", "Top"},
    "Split-Path": {"Extension", "LeafBase"},
    "Start-Sleep": {"Duration"},
    "Test-Connection": {"IPv6", "TargetName", "TcpPort"},
    "Where-Object": {"Not"},
}
NEWER_COMMANDS = {
    "ConvertFrom-CliXml", "ConvertFrom-Markdown", "ConvertTo-CliXml", "Get-Error", "Get-ExperimentalFeature", "Get-MarkdownOption", "Get-PSSubsystem",
    "Get-SecureRandom", "Get-Uptime", "Join-String", "Remove-Alias", "Remove-Service",
    "Set-MarkdownOption", "Show-Markdown", "Switch-Process", "Test-Json",
}  # fmt: skip
NEWER_VARIABLES = {
    "EnabledExperimentalFeatures", "IsCoreCLR", "IsLinux", "IsMacOS", "IsWindows", "PSNativeCommandArgumentPassing",
    "PSNativeCommandUseErrorActionPreference", "PSStyle",
}  # fmt: skip
NEWER_VERSION_MEMBERS = {"GitCommitId", "OS", "Platform"}

# What 5.1 does not parse, or reads as something else, and a word of the refusal.
NEWER_CONSTRUCTS = {
    "$a ? 1 : 2": "ternary operator",
    "if ($a) { 'x' + ($b ? 1 : 2) }": "ternary operator",
    '"text $($a ? 1 : 2)"': "ternary operator",
    "Sort-Object && Sort-Object": "pipeline chain",
    "Sort-Object || Sort-Object": "pipeline chain",
    "$a ?? $b": "null-coalescing operator",
    "$a ??= 1": "null-coalescing assignment",
    "${a}?.Length": "null-conditional member",
    "${a}?.ToString()": "null-conditional member",
    "${a}?[0]": "null-conditional index",
    "Sort-Object &": "background job",
    "function f { process { 1 } clean { 2 } }": "clean block",
    "1, 2 | ForEach-Object -Parallel { $_ }": "-Parallel of ForEach-Object",
    "1, 2 | ForEach-Object -Para { $_ }": "-Parallel of ForEach-Object",
    "1, 2\n    | Sort-Object": "pipe at the start of a line",
    "1, 2\n    # a remark\n    | Sort-Object": "pipe at the start of a line",
    "'a'..'f'": "range of characters",
    "'ab' -replace 'a', { 'b' }": "replacement by a script block",
    "$list.Method[int](1)": "type arguments of a method",
    "0b1010": "form of number",
    "10u": "form of number",
    "10n": "form of number",
    '"`e[1m"': "escape sequence",
    '"$a`u{1F600}"': "escape sequence",
    "using type Short = System.Text.StringBuilder": "using",
    "#Requires -Version 7\n1": "required version",
    "#Requires -PSEdition Core\n1": "required edition",
    "$PSVersionTable.OS": "$PSVersionTable.OS",
    "if (": "does not parse",
    "& $command": "call of $command",
    ". $command": "call of $command",
    "Get-Item x": "command Get-Item",
    "netsh http show sslcert": "command netsh",
    "gci": "command gci",
    "ConvertTo-Json -Comp 1": "-Comp of ConvertTo-Json",
}
# 5.1 knows all of this.
OLD_SCRIPT = r"""#Requires -Version 5.1
using namespace System.Text
param ([Parameter(Mandatory = $true)][string]$Name = "a`tb``e $($Name.Length)", [switch]$Force)
Set-StrictMode -Version 3.0
function Get-Thing { begin { 1 } process { 'b' } end { 0x1F, 10kb, 1.5, 1e3, 5l, 2d } }
class Pair { [int]$First; Pair() { $this.First = 1 } }
$bytes = [byte[]]::new(4)
$list = New-Object -TypeName 'System.Collections.Generic.List[string]'
$script = { 'x' }
& $Script
'a', 'b' | Where-Object { $_ -in 'a', 'b' } |
    ForEach-Object { $_ -replace 'a', 'b' } | Sort-Object -Descending
1..3 -join ','
$really? = if ($Force) { 1 } else { 2 }
Get-Thing | `
    Sort-Object -Unique
"$name ?? $bytes`: 100% & more" + @'
`e ? 1 : 2 && ||
'@
$PSVersionTable.PSVersion.Major
try { throw 'x' } catch [System.InvalidOperationException] { $_ } finally { [void]$list.Add('x') }
"""


def judge(report: dict[str, Any]) -> list[str]:
    """What 5.1 would not take or what the back-end must not call, a sentence each."""
    found = [f"does not parse: {error}" for error in report["errors"]]
    found += [f"line {item['line']}: {item['what']}: {item['text']}" for item in report["newer"]]
    newer_variables = {name.lower() for name in NEWER_VARIABLES}
    found += [f"line {item['line']}: ${item['name']} is newer" for item in report["variables"] if item["name"].lower().split(":")[-1] in newer_variables]
    newer_members = {name.lower() for name in NEWER_VERSION_MEMBERS}
    found += [f"line {item['line']}: $PSVersionTable.{item['name']} is newer" for item in report["version_table"] if item["name"].lower() in newer_members]
    functions = {name.lower() for name in report["functions"]}
    for command in report["commands"]:
        found += [f"line {command['line']}: {text}" for text in judge_command(command, functions)]
    return found


def judge_command(command: dict[str, Any], functions: set[str]) -> list[str]:
    """What is wrong with one call."""
    name, target = command["name"], command["target"]
    if name is None:
        return [] if target in ALLOWED_TARGETS else [f"call of {target}"]
    if name.lower() in functions:
        return []
    allowed = {item.lower() for item in ALLOWED.get(name, ())}
    found = [
        f"-{newer} of {name} is newer"
        for parameter in command["parameters"]
        if parameter.lower() not in allowed
        for newer in sorted(NEWER_PARAMETERS.get(name, ()))
        if newer.lower().startswith(parameter.lower())
    ]
    if name in NEWER_COMMANDS:
        found.append(f"{name} is newer")
    elif name not in ALLOWED:
        found.append(f"command {name} is neither a function of the script nor one that it may need")
    else:
        found += [f"-{item} of {name} is not one that may be used" for item in command["parameters"] if item.lower() not in allowed]
    return found


def refused(snippets: list[tuple[str, str]]) -> list[Any]:
    return [pytest.param(snippet, word, id=f"{word}-{number}") for number, (snippet, word) in enumerate(snippets)]


REFUSED = refused([
    *NEWER_CONSTRUCTS.items(),
    *((f"{command} -{item} 1", f"-{item} of {command} is newer") for command, items in NEWER_PARAMETERS.items() for item in sorted(items)),
    *((command, f"{command} is newer") for command in sorted(NEWER_COMMANDS)),
    *((f"if (${name}) {{ 1 }}", f"${name} is newer") for name in sorted(NEWER_VARIABLES)),
])  # fmt: skip


@pytest.fixture(scope="module")
def _all_read(engine: Engine) -> None:
    """One call of the engine reads every snippet: the tests then find it read."""
    engine.read([str(case.values[0]) for case in REFUSED])


def test_the_back_end_is_a_script_of_windows_powershell_5_1(backend: dict[str, Any]) -> None:
    assert judge(backend) == []


def test_the_gate_sees_the_whole_back_end(backend: dict[str, Any]) -> None:
    """It would be silent, too, had it looked at nothing."""
    called = {command["name"] for command in backend["commands"]}
    assert {"Invoke-Transaction", "Get-Fact", "New-Object", "ConvertFrom-Json"} <= called
    assert len(backend["functions"]) > 40
    assert len(backend["types"]) > 100


def test_no_command_is_allowed_that_the_back_end_does_not_call(backend: dict[str, Any]) -> None:
    assert set(ALLOWED) <= {command["name"] for command in backend["commands"]}


def test_a_script_of_5_1_passes_the_gate(engine: Engine) -> None:
    assert judge(engine.read([OLD_SCRIPT])[0]) == []


@pytest.mark.usefixtures("_all_read")
@pytest.mark.parametrize(("snippet", "word"), REFUSED)
def test_the_gate_refuses_what_5_1_does_not_have(engine: Engine, snippet: str, word: str) -> None:
    assert any(word in sentence for sentence in judge(engine.read([snippet])[0]))
