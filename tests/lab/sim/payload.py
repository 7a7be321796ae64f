# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ansible-core sends to a Windows host for a module: one PowerShell command, and the module on its standard input.

Seen on the wire with ansible-core 2.16.19, 2.18.19 and 2.19.14 over winrm: a module is exactly one command. Its
-EncodedCommand is a bootstrap that reads standard input (up to 2.18 inside another PowerShell -EncodedCommand) and refuses
a PowerShell that is too old. Up to 2.18 standard input is the wrapper script, four NUL bytes and JSON with module_args;
from 2.19 JSON {name, script, params} and a line end, four NUL bytes, a line end, and JSON with actions, one of which has
params.Variables with complex_args. The module's arguments carry _ansible_module_name and _ansible_check_mode in both.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any

from lab.command import split_command_line

SEPARATOR = b"\0\0\0\0"
ENCODED = "-encodedcommand"


class BadPayload(Exception):
    """Standard input is not what ansible-core sends."""


@dataclass(frozen=True)
class Bootstrap:
    """A command line's script. least: the oldest PowerShell that it takes, and what it says to an older one."""

    script: str
    least: str | None = None
    refusal: str | None = None

    @property
    def reads_input(self) -> bool:
        """False: the script stands for itself, as that of the raw module."""
        return "$input" in self.script


@dataclass(frozen=True)
class Invocation:
    """A module with its arguments, those of Ansible's own too."""

    module: str
    arguments: dict[str, Any]

    @property
    def check_mode(self) -> bool:
        """Whether nothing may be changed."""
        return bool(self.arguments.get("_ansible_check_mode"))


def read_command(words: list[str]) -> Bootstrap:
    """The script of a PowerShell command line, out of however many -EncodedCommand it is in."""
    script = _script(words)
    while (inner := split_command_line(script)) and inner[0].lower().startswith("powershell") and ENCODED in map(str.lower, inner):
        script = _script(inner)
    found = re.search(r"-lt \[Version\]\"([\d.]+)\"\) *\{\s*'(\{.*?\})'", script)
    return Bootstrap(script, *found.groups()) if found else Bootstrap(script)


def _script(words: list[str]) -> str:
    lower = [word.lower() for word in words]
    if ENCODED not in lower[:-1]:
        return " ".join(words[1:])
    try:
        return base64.b64decode(words[lower.index(ENCODED) + 1], validate=True).decode("utf-16le")
    except (binascii.Error, UnicodeDecodeError):
        return ""


def read_input(data: bytes) -> Invocation:
    """The module that standard input carries."""
    _, found, rest = data.partition(SEPARATOR)
    if not found:
        raise BadPayload("There are no four NUL bytes in what came on standard input.")
    try:
        arguments = _arguments(json.loads(rest))
    except ValueError as error:
        raise BadPayload(f"What follows the four NUL bytes is not JSON: {error}") from error
    return Invocation(str(arguments.get("_ansible_module_name", "")), arguments)


def _arguments(payload: Any) -> dict[str, Any]:
    if isinstance(payload, dict) and isinstance(payload.get("module_args"), dict):
        return dict(payload["module_args"])
    for action in payload.get("actions", []) if isinstance(payload, dict) else []:
        parameters = action.get("params") if isinstance(action, dict) else None
        for variable in (parameters or {}).get("Variables") or []:
            if variable.get("Name") == "complex_args":
                return dict(variable["Value"])
    raise BadPayload("There are no arguments of a module in what came on standard input.")
