# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of windows_backend as Ansible.Basic reads them: types, defaults, choices, and secrets masked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

FACETS = ("host", "http", "product", "served", "services", "sessions", "sstp", "stores")
ALL_FACETS = tuple(sorted((*FACETS, "events", "keys", "mentions", "remote_access")))
HIDDEN = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
TRUE = ("y", "yes", "on", "1", "true", "t", "1.0")
FALSE = ("n", "no", "off", "0", "false", "f", "0.0")


@dataclass(frozen=True)
class Option:
    """One option."""

    type: str = "str"
    elements: str | None = None
    default: Any = None
    choices: tuple[str, ...] = ()
    required: bool = False
    no_log: bool = False


SPEC: dict[str, Option] = {
    "operation": Option(required=True, choices=("observe", "apply")),
    "facets": Option("list", "str", list(FACETS), ALL_FACETS),
    "ports": Option("list", "int", []),
    "thumbprints": Option("list", "str", []),
    "authorities": Option("list", "str", []),
    "issuers": Option("list", "str", []),
    "places": Option("list", "dict", []),
    "prove": Option("list", "str", []),
    "prove_bound": Option("bool", default=False),
    "challenge": Option(default=""),
    "untouched_providers": Option("list", "str", []),
    "served_timeout": Option("int", default=5),
    "remote_access_when": Option("list", "dict", []),
    "events_since": Option(),
    "expect": Option(),
    "changes": Option("list", "dict", []),
    "undo_on_failure": Option("bool", default=True),
    "recover": Option("bool", default=False),
    "transaction": Option(),
    "lock_timeout": Option("int", default=60),
    "pfx": Option(no_log=True),
    "pfx_password": Option(no_log=True),
}


class BadOptions(Exception):
    """The options are refused; parameters as far as they were read."""

    def __init__(self, message: str, parameters: Mapping[str, Any]) -> None:
        """Say why."""
        super().__init__(message)
        self.parameters = dict(parameters)


def read(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The options by the specification; BadOptions in the words of Ansible.Basic."""
    given = {name: value for name, value in arguments.items() if not name.startswith("_ansible_")}
    unknown = [name for name in given if name not in SPEC]
    if unknown:
        raise BadOptions(
            f"Unsupported parameters for (rras.sstp.windows_backend) module: {', '.join(unknown)}. Supported parameters include: {', '.join(SPEC)}", given
        )
    values = {name: option.default for name, option in SPEC.items() if option.default is not None}
    values |= {name: value for name, value in given.items() if value is not None}
    missing = [name for name, option in SPEC.items() if option.required and name not in values]
    if missing:
        raise BadOptions(f"missing required arguments: {', '.join(missing)}", values)
    for name, option in SPEC.items():
        if name in values:
            values[name] = _read_one(name, option, values)
    return {name: values.get(name) for name in SPEC}


def _read_one(name: str, option: Option, values: Mapping[str, Any]) -> Any:
    try:
        value = _READERS[option.type](values[name])
    except ValueError as error:
        raise BadOptions(f"argument for {name} is of type {_type(values[name])} and we were unable to convert to {option.type}: {error}", values) from error
    try:
        if option.elements:
            value = [_READERS[option.elements](item) for item in value]
    except ValueError as error:
        message = f"argument for list entry {name} is of type System.String and we were unable to convert to {option.elements}: {error}"
        raise BadOptions(message, values) from error
    shown = value if isinstance(value, list) else [value]
    wrong = [item for item in shown if option.choices and item.lower() not in option.choices]
    if wrong:
        how = "one or more of" if option.type == "list" else "one of"
        raise BadOptions(f"value of {name} must be {how}: {', '.join(option.choices)}. Got no match for: {', '.join(wrong)}", values)
    return value


def _type(value: object) -> str:
    names = {bool: "System.Boolean", int: "System.Int32", str: "System.String"}
    return names.get(type(value), "System.Object")


def _integer(value: Any) -> int:
    try:
        return int(value)
    except (ValueError, TypeError):
        raise ValueError("Input string was not in a correct format.") from None


def _boolean(value: Any) -> bool:
    text = str(value).lower()
    if text not in TRUE + FALSE:
        raise ValueError(f"The value '{value}' is not a valid boolean.")
    return text in TRUE


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _list(value: Any) -> list[Any]:
    if isinstance(value, str):
        return [item.strip() for item in value.split(",")]
    return list(value) if isinstance(value, list) else [value]


def _dictionary(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        value = json.loads(value)
    if not isinstance(value, dict):
        raise ValueError("cannot be converted to a dictionary")
    return value


_READERS: dict[str, Callable[[Any], Any]] = {"int": _integer, "bool": _boolean, "str": _text, "list": _list, "dict": _dictionary}


def masked(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The options as the answer's invocation tells them."""
    secrets = [str(parameters[name]) for name, option in SPEC.items() if option.no_log and parameters.get(name)]
    return {name: _mask(value, secrets) for name, value in parameters.items()}


def _mask(value: Any, secrets: Iterable[str]) -> Any:
    if isinstance(value, dict):
        return {name: _mask(item, secrets) for name, item in value.items()}
    if isinstance(value, list):
        return [_mask(item, secrets) for item in value]
    if value is None:
        return None
    text = str(value)
    if text in secrets:
        return HIDDEN
    found = next((secret for secret in secrets if secret in text), None)
    if found is None:
        return value
    return text.replace(found, "********") if isinstance(value, str) else HIDDEN
