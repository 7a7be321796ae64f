# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data of others as frozen dataclasses: every key is there and of its type, or a sentence says which is not. PRIVATE to the collection."""

from __future__ import annotations

import dataclasses
import datetime as dt
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

from ..errors import SstpError, shortened
from ..state import parse_time

_T = TypeVar("_T")

_NAMES = {str: "a text", int: "a whole number", bool: "true or false", dt.datetime: "a time in UTC as 2026-11-25T06:00:00Z"}


class ShapeError(SstpError):
    """What is wrong with which key, as one sentence."""


def read_shape(shape: type[_T], value: Any, where: str) -> _T:
    """A dataclass from a mapping with a key of each of its fields; further keys are passed over.

    Fields may be str, int, bool, datetime (given as a text), Literal, another such dataclass, Mapping (taken as it is), tuple[X, ...] and X | None.
    where names the value in the ShapeError that is raised where it does not fit.
    """
    if not isinstance(value, Mapping):
        raise ShapeError(f"{where} is no dictionary.")
    hints = _hints(typing.cast(Any, shape))
    missing = [name for name in hints if name not in value]
    if missing:
        raise ShapeError(f"{where} has no key {missing[0]}.")
    return shape(**{name: _read(hint, value[name], f"{where}: {name}") for name, hint in hints.items()})


@cache
def _hints(shape: Any) -> dict[str, Any]:
    return typing.get_type_hints(shape)


def _read(hint: Any, value: Any, where: str) -> Any:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType or origin is typing.Union:
        return None if value is None else _read(inner[0], value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise ShapeError(f"{where} is no list.")
        return tuple(_read(inner[0], item, f"{where}[{number}]") for number, item in enumerate(value))
    if origin is typing.Literal:
        if value not in inner or isinstance(value, bool):
            raise ShapeError(f"{where} is {_shown(value)}, and not {_listed(inner)}.")
        return value
    if dataclasses.is_dataclass(hint):
        return read_shape(typing.cast(Any, hint), value, where)
    return _read_plain(hint, value, where)


def _read_plain(hint: Any, value: Any, where: str) -> Any:
    kind = typing.get_origin(hint) or hint
    if kind is dt.datetime:
        try:
            return parse_time(value)
        except (ValueError, TypeError):
            raise ShapeError(f"{where} is {_shown(value)}, and not {_NAMES[kind]}.") from None
    # True is a whole number to Python, and to nobody else.
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ShapeError(f"{where} is {_shown(value)}, and not {_NAMES.get(kind, 'a dictionary')}.")
    return value


def _shown(value: Any) -> str:
    return shortened(repr(value), 60)


def _listed(choices: tuple[Any, ...]) -> str:
    *first, last = map(str, choices)
    return f"{', '.join(first)} or {last}" if first else last
