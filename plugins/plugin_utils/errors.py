# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The error that a user is meant to read. PRIVATE to the collection."""

from __future__ import annotations

import unicodedata

# Controls, invisible marks such as those for right-to-left text, halves of characters, and whatever else ends a line.
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


def one_line(text: str) -> str:
    """Text for a sentence: it may hold what a host was found with, so whatever breaks a line or cannot be seen is escaped."""
    return "".join(c if unicodedata.category(c) not in _UNSEEN else c.encode("unicode_escape").decode() for c in text)


def shortened(text: str, most: int = 500) -> str:
    """The beginning of a text that others have written, however long it is."""
    return text if len(text) <= most else f"{text[:most]} ... ({len(text)} characters)"


class SstpError(Exception):
    """One clear sentence (what, which, why, what to do); facts are result keys that go with it."""

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(one_line(message))
        self.facts = facts


class ConflictError(SstpError):
    """The host has moved on since the plan was made; nothing was touched."""


class ConnectionLost(SstpError):
    """No answer came from the host: whether it has got the call, and how far it is with it, is not known. The message is a phrase, without a full stop."""
