# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of the registry and contents of files, and whether each mentions a certificate, for both kinds of host.

By a name of each: thumbprints are others in each process, and may not be part of a test's name.
"""

from __future__ import annotations

import codecs
from typing import Any


def _spaced(thumbprint: str) -> str:
    return ":".join(thumbprint[i : i + 2] for i in range(0, 40, 2))


def values(thumbprint: str) -> dict[str, tuple[str, Any, bool]]:
    """Kind and data (numbers of a wrong size as bytes), by name; thumbprint: in lower case."""
    raw, spaced = bytes.fromhex(thumbprint), _spaced(thumbprint)
    return {
        "lower case": ("string", thumbprint, True),
        "upper case in a text": ("string", f"x{thumbprint.upper()}y", True),
        "digits before it": ("string", f"12ab{thumbprint}", True),
        "with colons": ("expandstring", spaced, True),
        "with blanks": ("string", spaced.replace(":", " "), True),
        "not whole": ("string", thumbprint[:39], False),
        "with dashes": ("string", spaced.replace(":", "-"), False),
        "one of several texts": ("multistring", ["a", spaced], True),
        "in two texts": ("multistring", [thumbprint[:20], thumbprint[20:]], False),
        "bytes": ("binary", b"a" + raw + b"b", True),
        "bytes at the end": ("binary", raw[:2] + raw, True),
        "bytes of no kind": ("none", raw, True),
        "too few bytes": ("binary", raw[:19], False),
        "digits as bytes": ("binary", thumbprint.encode(), False),
        "a number": ("dword", 5, False),
        "a number of a wrong size": ("dword", raw, False),
        "an unknown kind": ("unknown", raw, False),
    }


def files(thumbprint: str) -> dict[str, tuple[bytes, bool]]:
    """Contents by name; thumbprint: in lower case."""
    upper = thumbprint.upper()
    return {
        "plain": (b'serverCertHash="' + upper.encode() + b'"', True),
        "far behind": (b"x" * 65516 + thumbprint.encode() + b"x", True),
        "mark of UTF-8": (codecs.BOM_UTF8 + thumbprint.encode(), True),
        "UTF-16": (codecs.BOM_UTF16_LE + thumbprint.encode("utf-16-le"), True),
        "UTF-16, big end first": (codecs.BOM_UTF16_BE + thumbprint.encode("utf-16-be"), True),
        "UTF-32": (codecs.BOM_UTF32_LE + thumbprint.encode("utf-32-le"), True),
        "UTF-16 without a mark": (thumbprint.encode("utf-16-le"), False),
        "mark of UTF-16 before other text": (codecs.BOM_UTF16_LE + thumbprint.encode(), False),
        "no text": (b"\xff\x80" + thumbprint.encode(), True),
        "with colons": (_spaced(thumbprint).encode(), False),
        "bytes": (bytes.fromhex(thumbprint), False),
        "empty": (b"", False),
    }
