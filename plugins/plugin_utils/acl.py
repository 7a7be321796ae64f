# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the security descriptor of a private key says of SYSTEM, as which HTTP.SYS opens it. PRIVATE to the collection."""

from __future__ import annotations

import re

# https://learn.microsoft.com/windows/win32/secauthz/ace-strings: type;flags;rights;object;inherited object;account, and perhaps a condition.
_ACE = re.compile(r"\(([A-Z]+);([A-Z]*);([^;()]*);[^;()]*;[^;()]*;([^;()]+)[;)]")
_DACL = re.compile(r"D:(?P<flags>[A-Z_]*)(?P<aces>.*?)(?:S:|$)", re.DOTALL)
# What is in the token of LocalSystem: SYSTEM, Administrators, Everyone, Authenticated Users.
_SYSTEM = {"SY", "S-1-5-18", "BA", "S-1-5-32-544", "WD", "S-1-1-0", "AU", "S-1-5-11"}
_READING = {"GA", "GR", "FA", "FR", "KA", "KR", "CC"}
# GENERIC_ALL, GENERIC_READ, FILE_READ_DATA
_READING_BITS = 0x10000000 | 0x80000000 | 0x1


def acl_problem(sddl: str | None) -> str | None:
    """Why SYSTEM cannot read a key with that DACL (SDDL), as a phrase; None where it can, or where that cannot be told."""
    found = _DACL.search(sddl or "")
    if found is None or "NO_ACCESS_CONTROL" in found["flags"]:
        return None
    for kind, flags, rights, account in _ACE.findall(found["aces"]):
        if account not in _SYSTEM or not _reads(rights) or "IO" in re.findall("..", flags):
            continue
        if kind in ("A", "XA"):
            return None
        if kind in ("D", "XD"):
            return "its ACL keeps SYSTEM, as which HTTP.SYS opens it, from reading it"
    return "its ACL does not let SYSTEM, as which HTTP.SYS opens it, read it"


def _reads(rights: str) -> bool:
    """Rights are pairs of letters, or one number."""
    if rights[:1].isdigit():
        try:
            return bool(int(rights, 0) & _READING_BITS)
        except ValueError:
            return False
    return bool(_READING & set(re.findall("..", rights)))
