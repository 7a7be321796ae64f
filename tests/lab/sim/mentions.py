# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facet mentions: where, in the registry and in files, thumbprints are written."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lab.sim.errors import ACCESS_DENIED, WindowsError
from lab.sim.machine import Machine
from lab.sim.registry import Key, Value

DEPTH_LIMIT = 12
KEY_LIMIT = 10_000
FILE_LIMIT = 32 << 20
# The longer mark comes first: that of UTF-16 begins that of UTF-32.
MARKS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
TEXTS = ("string", "expandstring", "multistring")
BYTES = ("binary", "none")

Mention = dict[str, Any]


def mentions_facet(machine: Machine, places: Sequence[Mapping[str, Any]], thumbprints: Sequence[str]) -> list[Mention]:
    """Each place that a thumbprint is written at, and what could not be read."""
    wanted = [thumbprint.upper() for thumbprint in thumbprints]
    return [mention for index, place in enumerate(places) for mention in _in_place(machine, index, place, wanted)]


def _in_place(machine: Machine, index: int, place: Mapping[str, Any], wanted: Sequence[str]) -> list[Mention]:
    kind = str(place.get("kind") or "").lower()
    path = str(place.get("path") or "")
    if kind == "registry":
        key = machine.registry.key(path)
        found = [] if key is None else list(_Search(machine.denied_keys, wanted).key(key, path))
    elif kind == "file":
        found = list(_in_file(machine, path, wanted))
    else:
        raise WindowsError(None, None, f"There is no place of the kind '{kind}'.")
    return [{"place": index, "where": where, "thumbprint": thumbprint, "error": error} for where, thumbprint, error in found]


Found = tuple[str | None, str | None, dict[str, object] | None]


class _Search:
    """One walk through a place of the registry."""

    def __init__(self, denied: frozenset[str], wanted: Sequence[str]) -> None:
        """denied: paths (lower case) of keys that nobody may read."""
        self._denied, self._wanted = denied, wanted
        self._left = KEY_LIMIT

    def key(self, key: Key, path: str, where: str = "", depth: int = 0) -> Iterator[Found]:
        """What is in a key and below it; where: its path below the place's."""
        if depth > DEPTH_LIMIT or self._left == 0:
            return
        self._left -= 1
        if where:
            yield from ((where, thumbprint, None) for thumbprint in self._wanted if key.name.upper() == thumbprint)
        if path.lower() in self._denied:
            yield where or None, None, WindowsError(None, ACCESS_DENIED, "Requested registry access is not allowed.").fact()
            return
        for value in key.values.values():
            yield from ((f"{where}\\{value.name}".lstrip("\\"), thumbprint, None) for thumbprint in self._wanted if _is_in(value, thumbprint))
        for below in key.sorted():
            yield from self.key(below, f"{path}\\{below.name}", f"{where}\\{below.name}".lstrip("\\"), depth + 1)


def _is_in(value: Value, thumbprint: str) -> bool:
    if value.name.upper() == thumbprint:
        return True
    if value.kind in BYTES and isinstance(value.data, bytes):
        return bytes.fromhex(thumbprint) in value.data
    if value.kind not in TEXTS:
        return False
    texts = value.data if isinstance(value.data, list) else [str(value.data)]
    return any(thumbprint in text.replace(" ", "").replace(":", "").upper() for text in texts)


def _in_file(machine: Machine, path: str, wanted: Sequence[str]) -> Iterator[Found]:
    try:
        data = machine.files.read(path)
        if data is not None and len(data) > FILE_LIMIT:
            raise WindowsError(None, None, f"The file is larger than {FILE_LIMIT} bytes.")
    except WindowsError as error:
        yield None, None, error.fact()
        return
    text = _decoded(data or b"").upper()
    yield from ((None, thumbprint, None) for thumbprint in wanted if thumbprint in text)


def _decoded(data: bytes) -> str:
    encoding = next((name for mark, name in MARKS if data.startswith(mark)), "utf-8")
    return data.decode(encoding, "replace")
