# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The codes that events of RasSstp carry, in every way in which Windows writes them, and what they mean."""

from __future__ import annotations

import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.event_table import CODES, SERVER_EVENTS, code_of, explain_code
from hypothesis import given
from hypothesis import strategies as st

# Those that Microsoft's pages and practitioners name for SSTP.
KNOWN = [
    0x80070320,
    0x800704C9,
    0x800704D4,
    0x80070040,
    0x80072746,
    0x80070520,
    0x800B0101,
    0x800B0109,
    0x800B010A,
    0x800B010C,
    0x800B010F,
    0x800B0110,
    0x80092010,
    0x80092012,
    0x80092013,
    0x80090326,
    0x80090331,
    0x80072EE7,
    0x80072EFD,
]
OF_CLIENTS = {1, 2, 3, 4, 5, 6, 14, 15, 16, 23}
OF_SERVERS = {7, 8, 9, 10, 11, 12, 13, 17, 18, 19, 20, 21, 22, 24, 25, 32, 33}
# What Windows may write before it, or around it.
like_numbers = st.from_regex(r"(%%)?-?(0x)?[0-9A-Fa-f]{0,12}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("0x80070520", 0x80070520, id="hexadecimal"),
        pytest.param("0x800b0101", 0x800B0101, id="hexadecimal in lower case"),
        pytest.param(" 0x80070520\r\n", 0x80070520, id="white space around it"),
        pytest.param("0x520", 0x80070520, id="Win32 error in hexadecimal"),
        pytest.param("2148009248", 0x80080520, id="decimal"),
        pytest.param("2147943712", 0x80070520, id="decimal of a Win32 error"),
        pytest.param("-2146762495", 0x800B0101, id="negative decimal"),
        pytest.param("-2147483648", 0x80000000, id="the lowest"),
        pytest.param("4294967295", 0xFFFFFFFF, id="the highest"),
        pytest.param("-1", 0xFFFFFFFF, id="minus one"),
        pytest.param("%%1312", 0x80070520, id="reference to a Win32 error"),
        pytest.param("%%2147943712", 0x80070520, id="reference to an HRESULT"),
        pytest.param("%%-2146762495", 0x800B0101, id="reference to a negative HRESULT"),
        pytest.param("1312", 0x80070520, id="Win32 error"),
        pytest.param("1225", 0x800704C9, id="refused"),
        pytest.param("10054", 0x80072746, id="Winsock error"),
        pytest.param("12007", 0x80072EE7, id="WinINet error"),
        pytest.param("%%1", 0x80070001, id="the lowest Win32 error"),
        pytest.param("%%65535", 0x8007FFFF, id="the highest Win32 error"),
        pytest.param("65536", 0x10000, id="more than a Win32 error"),
    ],
)
def test_a_code_is_read(text, code):
    assert code_of([text]) == code


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(" ", id="white space"),
        pytest.param("0", id="success"),
        pytest.param("0x0", id="success in hexadecimal"),
        pytest.param("0x00000000", id="success in full"),
        pytest.param("%%0", id="reference to success"),
        pytest.param("-0", id="minus zero"),
        pytest.param("The parameter is incorrect.", id="words"),
        pytest.param("error 0x80070520", id="a code among words"),
        pytest.param("0x", id="hexadecimal without digits"),
        pytest.param("0x180070520", id="hexadecimal too long"),
        pytest.param("80070520h", id="hexadecimal of assemblers"),
        pytest.param("8007052A", id="hexadecimal without 0x"),
        pytest.param("4294967296", id="one more than the highest"),
        pytest.param("-2147483649", id="one less than the lowest"),
        pytest.param("9" * 5000, id="digits without end"),
        pytest.param("%1312", id="an insertion"),
        pytest.param("%%", id="reference to nothing"),
        pytest.param("1312.5", id="a fraction"),
        pytest.param("+1312", id="a plus"),
        pytest.param("\u0661\u0663\u0661\u0662", id="digits of another script"),
        pytest.param("[::]:443", id="an endpoint"),
        pytest.param("443", id="a port, which may be any number"),
        pytest.param("404", id="a status of HTTP"),
    ],
)
def test_no_code_is_read(text):
    assert code_of([text]) is None


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param([], None, id="no values"),
        pytest.param(["0x80070002", "0x80070520"], 0x80070002, id="the first one"),
        pytest.param(["[::]:443", "%%1312"], 0x80070520, id="after words"),
        pytest.param(["0", "0x80070520"], 0x80070520, id="after a success"),
        pytest.param(["", "words", "0"], None, id="none of all"),
    ],
)
def test_the_first_code_wins(data, code):
    assert code_of(data) == code


@given(st.lists(st.one_of(st.text(), like_numbers)))
def test_no_text_is_too_strange(data):
    code = code_of(data)
    assert code is None or 1 <= code <= 0xFFFFFFFF


@given(st.integers(1, 0xFFFF))
def test_each_win32_error_is_the_same_in_every_spelling(number):
    expected = 0x80070000 + number
    signed = expected - (1 << 32)
    assert {code_of([text]) for text in (hex(number), f"%%{number}", str(expected), str(signed), f"0x{expected:08X}")} == {expected}


# --- what they mean ---


@pytest.mark.parametrize("code", [pytest.param(code, id=f"0x{code:08X}") for code in KNOWN])
def test_a_known_code_is_explained_with_its_cause(code):
    assert code in CODES
    assert "; usually: " in explain_code(code)


def test_a_code_is_explained_in_one_phrase():
    for code in CODES:
        explained = explain_code(code)
        assert explained.isprintable()
        assert not explained.endswith(".")


def test_another_win32_error_is_told_by_its_number():
    assert explain_code(0x80071234) == "Windows error 4660"


def test_any_other_code_is_not_explained():
    assert explain_code(0x80081234) is None
    assert explain_code(0xC0000001) is None


@given(st.integers(1, 0xFFFFFFFF))
def test_every_code_can_be_asked_about(code):
    explained = explain_code(code)
    assert explained is None or explained


def test_the_events_are_those_of_servers():
    assert set(SERVER_EVENTS) == OF_SERVERS
    assert not SERVER_EVENTS.keys() & OF_CLIENTS


def test_each_event_says_what_it_means_and_what_to_do():
    for meaning in SERVER_EVENTS.values():
        for phrase in (meaning.text, meaning.remedy):
            assert phrase
            assert phrase.isprintable()
            assert not phrase.endswith(".")


def test_what_no_rule_looks_at_is_known():
    """Of these an event is the only sign, so they are worth a warning of their own."""
    assert {number for number, meaning in SERVER_EVENTS.items() if not meaning.visible} == {8, 9, 10, 20, 22, 33}
