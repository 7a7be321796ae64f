# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a report: what lies there is read, and what differs is written. PRIVATE to the collection."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from ..errors import SstpError
from .document import Document, read_json

_MODE = 0o644


def read_previous(path: Path) -> Document:
    """Raises SstpError where it cannot be read, or is no report of this schema."""
    where = f"The previous report {path}"
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise SstpError(f"{where} is no JSON.") from None
    except OSError as error:
        raise SstpError(f"{where} cannot be read: {error.strerror}.") from None
    return read_json(text, where)


def content_of(path: Path) -> bytes | None:
    """What lies there, None where nothing does."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SstpError(f"The file {path} cannot be read: {error.strerror}.") from None


def make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SstpError(f"The directory {folder} cannot be made: {error.strerror}.") from None


def write(path: Path, content: bytes) -> None:
    """All of it or nothing, whenever somebody reads: it is written beside the file, then put in its place. The umask holds."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise SstpError(f"The file {path} cannot be written: {error.strerror}.") from None
