# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts and values that a program might take for something else than data."""

from __future__ import annotations

import unicodedata

TEXTS = {
    "quotes": "'a' \"b\" `c` ''' \"@ @'",
    "a command": '$(calc) ${env:TEMP} %TEMP% & calc | calc; exit 1 #',
    "a template": "{{ 7*7 }} {% raw %} {# x #} {{ lookup('pipe', 'id') }}",
    "lines": "one\r\ntwo\nthree\n",
    "controls": "\x01\x07\x1b[31mred\x7f\x9f",
    "right to left": "vpn\u200e\u202egro.elpmaxe\u2066",
    "lines of Unicode": "a\u2028b\u2029c",
    "another script": "שלום Zürich 東京 \U0001f512",
    "a time": "2026-01-01T00:00:00Z",
    "a time with a zone": "2026-01-01T00:00:00.1234567+02:00",
    "a date of JSON": "/Date(0)/",
    "JSON": '{"kind": "delete_registry_value"}',
    "YAML": "!!python/object:os.system {a: &b c}",
    "a number": "0x1F",
    "true": "yes",
    "spaces": "  x\t ",
    "long": "x" * 4096,
}  # fmt: skip
# As the names of others are made to look like our own.
LOOK_ALIKES = ("SHA256CertificateHash\u200e", "\u202eUseHttps", "isHashConfiguredByAdmin\u00ad", "SHA1CertificateHash\x01")


def is_one_line(text: str) -> bool:
    """Nothing in it breaks a line or cannot be seen."""
    return not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in text)
