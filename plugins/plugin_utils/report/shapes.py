# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data of others as frozen dataclasses: every key is there and of its type, or a sentence says which is not. PRIVATE to the collection."""

from __future__ import annotations

import dataclasses
import datetime as dt
import types
import typing
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, TypeVar

from ..errors import SstpError, shortened
from ..state import parse_time

_T = TypeVar("_T")

_NAMES = {str: "a text", int: "a whole number", bool: "true or false", dt.datetime: "a time in UTC as 2026-11-25T06:00:00Z"}


class ShapeError(SstpError):
    """What is wrong with which key, as one sentence."""


def read_shape(shape: type[_T], value: Any, where: str) -> _T:
    """A dataclass from a mapping with a key of each of its fields; further keys are passed over.

    Fields may be str, int, bool, datetime (given as a text), Literal of texts, another such dataclass, Mapping (taken as it is), tuple[X, ...] and X | None.
    where names the value in the ShapeError that is raised where it does not fit.
    """
    if not isinstance(value, Mapping):
        raise ShapeError(f"{where} is no dictionary.")
    readers = _readers(typing.cast(Any, shape))
    for name in readers:
        if name not in value:
            raise ShapeError(f"{where} has no key {name}.")
    return shape(**{name: read(value[name], f"{where}: {name}") for name, read in readers.items()})


_Reader = Callable[[Any, str], Any]


@cache
def _readers(shape: Any) -> dict[str, _Reader]:
    """field -> what reads it; found once, as a fleet has a thousand records of dozens of values."""
    return {name: _reader(hint) for name, hint in typing.get_type_hints(shape).items()}


def _reader(hint: Any) -> _Reader:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType or origin is typing.Union:
        some = _reader(inner[0])
        return lambda value, where: None if value is None else some(value, where)
    if origin is tuple:
        return partial(_read_list, _reader(inner[0]))
    if origin is typing.Literal:
        return partial(_read_choice, inner)
    if dataclasses.is_dataclass(hint):
        return partial(read_shape, typing.cast(Any, hint))
    return _read_time if hint is dt.datetime else partial(_read_plain, origin or hint)


def _read_list(read: _Reader, value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ShapeError(f"{where} is no list.")
    return tuple(read(item, f"{where}[{number}]") for number, item in enumerate(value))


def _read_choice(choices: tuple[Any, ...], value: Any, where: str) -> Any:
    # A list cannot be looked for among texts, nor is True the number one.
    if not isinstance(value, str) or value not in choices:
        raise ShapeError(f"{where} is {_shown(value)}, and not {_listed(choices)}.")
    return value


def _read_time(value: Any, where: str) -> dt.datetime:
    try:
        return parse_time(value)
    except (ValueError, TypeError):
        raise ShapeError(f"{where} is {_shown(value)}, and not {_NAMES[dt.datetime]}.") from None


def _read_plain(kind: type[Any], value: Any, where: str) -> Any:
    # True is a whole number to Python, and to nobody else.
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ShapeError(f"{where} is {_shown(value)}, and not {_NAMES.get(kind, 'a dictionary')}.")
    return value


def _shown(value: Any) -> str:
    return shortened(repr(value), 60)


def _listed(choices: tuple[Any, ...]) -> str:
    *first, last = map(str, choices)
    return f"{', '.join(first)} or {last}" if first else last
