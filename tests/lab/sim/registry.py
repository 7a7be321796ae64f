# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry below HKEY_LOCAL_MACHINE: keys and typed values, names without regard to case."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

Data = int | str | bytes | list[str]

SSTPSVC = r"SYSTEM\CurrentControlSet\Services\SstpSvc\Parameters"
HTTP = r"SYSTEM\CurrentControlSet\Services\HTTP\Parameters"
SERVICES = r"SYSTEM\CurrentControlSet\Services"
VERSION = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
PRODUCT = r"SOFTWARE\rras.sstp"

# .NET's names of the kinds, lower case -> those of the Windows headers.
KINDS = {
    "none": "REG_NONE",
    "string": "REG_SZ",
    "expandstring": "REG_EXPAND_SZ",
    "binary": "REG_BINARY",
    "dword": "REG_DWORD",
    "multistring": "REG_MULTI_SZ",
    "qword": "REG_QWORD",
}
# The type of a value that .NET has no name for, one of several.
UNKNOWN = "REG_DWORD_BIG_ENDIAN"


class Value(NamedTuple):
    """One value; data is an int (dword, qword), text, a list of text (multistring), or bytes (binary, none)."""

    name: str
    kind: str
    data: Data

    def dumped(self) -> dict[str, object]:
        """As the agent of a Wine host tells it: text and dwords plainly, the rest as hexadecimal digits."""
        shown: object = self.data
        if isinstance(self.data, bytes):
            shown = self.data.hex()
        elif isinstance(self.data, list):
            shown = "".join(f"{item}\0" for item in [*self.data, ""]).encode("utf-16le").hex()
        elif self.kind == "qword" and isinstance(self.data, int):
            shown = self.data.to_bytes(8, "little").hex()
        return {"type": KINDS.get(self.kind, UNKNOWN), "value": shown}


@functools.lru_cache(maxsize=4096)
def folded(name: str) -> str:
    """A name without its case, as Windows folds it: each character for itself."""
    return "".join(upper if len(upper := c.upper()) == 1 else c for c in name)


class Key:
    """A key with its values and the keys below it."""

    __slots__ = ("keys", "name", "values")

    def __init__(self, name: str) -> None:
        """Empty."""
        self.name = name
        self.keys: dict[str, Key] = {}
        self.values: dict[str, Value] = {}

    def sorted(self) -> list[Key]:
        """The keys below, in the order in which Windows tells them."""
        return [self.keys[name] for name in sorted(self.keys)]

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Value]]:
        """All values of the key and below, each with its name behind those of the keys on the way."""
        for value in self.values.values():
            yield prefix + value.name, value
        for key in self.sorted():
            yield from key.walk(f"{prefix}{key.name}\\")


class Registry:
    """All of it."""

    def __init__(self) -> None:
        """Empty."""
        self._root = Key("")

    def key(self, path: str) -> Key | None:
        """A key; None where there is none."""
        found: Key | None = self._root
        for name in path.split("\\"):
            found = found.keys.get(folded(name)) if found else None
        return found

    def create(self, path: str) -> Key:
        """A key with all above it."""
        found = self._root
        for name in path.split("\\"):
            found = found.keys.setdefault(folded(name), Key(name))
        return found

    def remove(self, path: str) -> bool:
        """Remove a key with all below; whether there was one."""
        parent, _, name = path.rpartition("\\")
        above = self.key(parent) if parent else self._root
        return above is not None and above.keys.pop(folded(name), None) is not None

    def get(self, path: str, name: str) -> Value | None:
        """A value; None where there is none."""
        key = self.key(path)
        return key.values.get(folded(name)) if key else None

    def set(self, path: str, name: str, kind: str, data: Data) -> None:
        """Set a value; one that is there keeps its place and the spelling of its name."""
        values = self.create(path).values
        old = values.get(folded(name))
        values[folded(name)] = Value(old.name if old else name, kind, data)

    def delete(self, path: str, name: str) -> bool:
        """Delete a value; whether there was one."""
        key = self.key(path)
        return key is not None and key.values.pop(folded(name), None) is not None

    def dword(self, path: str, name: str, fallback: int = 0) -> int:
        """A REG_DWORD, or the fallback for anything else."""
        value = self.get(path, name)
        return value.data if value and value.kind == "dword" and isinstance(value.data, int) else fallback
