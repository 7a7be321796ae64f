# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options become a target, an outcome becomes a result; the exit codes of the command line."""

from __future__ import annotations

import pytest
from ansible_collections.rras.sstp.plugins.action.probe import ARGUMENT_SPEC
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.probing import dialled, hash_protocols, parse_proxy, probe_result, target_of
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.client import Depth
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.command_line import exit_code
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.driver import Outcome, Target
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.events import NetworkPhaseStarted, Stage
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.mschapv2 import Credentials
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.tls import Served
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.verdict import Code, Verdict
from ansible_collections.rras.sstp.plugins.plugin_utils.wire import crypto_binding

OPTIONS = {name: spec.get("default") for name, spec in ARGUMENT_SPEC.items()}


def target(inventory_name="vpn1.example.com", ansible_host=None, **options) -> Target:
    return target_of({**OPTIONS, **options}, inventory_name, ansible_host)


# --- options ---


def test_defaults_are_those_of_the_target():
    assert target() == Target("vpn1.example.com")


@pytest.mark.parametrize(
    ("ansible_host", "name", "address"),
    [
        (None, "vpn1", None),
        ("vpn1", "vpn1", None),
        ("vpn1.example.com", "vpn1.example.com", None),
        ("192.0.2.7", "vpn1", "192.0.2.7"),
        ("2001:db8::7", "vpn1", "2001:db8::7"),
    ],
)
def test_the_name_that_is_dialled(ansible_host, name, address):
    assert dialled("vpn1", ansible_host) == (name, address)


def test_an_inventory_of_addresses():
    assert dialled("192.0.2.7", "192.0.2.7") == ("192.0.2.7", None)


def test_a_host_given_leaves_the_inventory_out():
    made = target(ansible_host="192.0.2.7", host="vpn.example.com")
    assert (made.host, made.address) == ("vpn.example.com", None)


def test_an_address_given_goes_first():
    made = target(ansible_host="192.0.2.7", address="192.0.2.8")
    assert (made.host, made.address) == ("vpn1.example.com", "192.0.2.8")


def test_a_login():
    made = target(depth="login", user="probe", password="secret")
    assert (made.depth, made.credentials) == (Depth.LOGIN, Credentials("probe", "secret"))
    assert "secret" not in repr(made)


def test_credentials_without_a_login_are_not_used():
    assert target(depth="sstp", user="probe", password="secret").credentials is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"user": "probe"}, "A user and a password belong together"),
        ({"password": "secret"}, "A user and a password belong together"),
        ({"user": "probe", "password": ""}, "A user and a password belong together"),
        ({"depth": "login"}, "A login needs a user and a password"),
        ({"port": 0}, "port must lie between 1 and 65535, but 0 does not"),
        ({"port": 65536}, "port must lie between"),
        ({"timeout": 0}, "timeout must be 1 or more"),
        ({"stage_timeout": -1}, "stage_timeout must be 1 or more"),
    ],
)
def test_what_cannot_be_meant_is_refused(options, words):
    with pytest.raises(SstpError, match=words) as caught:
        target(**options)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "proxy"),
    [(" proxy.example.com:3128 ", ("proxy.example.com", 3128)), ("192.0.2.1:80", ("192.0.2.1", 80)), ("[::1]:3128", ("::1", 3128))],
)
def test_a_proxy(text, proxy):
    assert parse_proxy(text) == target(proxy=text).proxy == proxy


@pytest.mark.parametrize("text", ["proxy", "proxy:", ":3128", "::1:3128", "[]:1", "[::1]", "http://proxy:3128", "proxy:http", "proxy:\u0663", "proxy:70000"])
def test_what_is_no_proxy(text):
    with pytest.raises(SstpError, match="proxy"):
        parse_proxy(text)


# --- results ---


def outcome(code=Code.OK, *events, **more) -> Outcome:
    return Outcome(Verdict(code, Stage.NETWORK, "A sentence."), events=events, **more)


def test_nothing_came_about():
    result = probe_result(Target("vpn.example.com", credentials=Credentials("probe", "secret")), outcome(Code.REFUSED, seconds={"connect": 0.00049}))
    assert result == {
        "changed": False,
        "ok": False,
        "verdict": {"code": "refused", "stage": "network", "sentence": "A sentence.", "detail": None},
        "faults": [],
        "served": None,
        "http": None,
        "sstp": None,
        "crypto_binding": "not exercised",
        "tunnel_address": None,
        "seconds": {"connect": 0.0},
        "target": {"host": "vpn.example.com", "port": 443, "address": None, "depth": "sstp"},
    }
    assert {type(result["verdict"][name]) for name in ("code", "stage")} == {str}


def test_a_certificate_that_no_parser_takes_is_known_by_its_hash():
    result = probe_result(Target("vpn"), outcome(served=Served((b"junk",), "TLSv1.3", "X")))
    assert result["served"]["chain"][0]["subject"] == "(unreadable)"


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (outcome(Code.OK), "not exercised"),
        (outcome(Code.OK, NetworkPhaseStarted()), "accepted"),
        (outcome(Code.ABORTED, NetworkPhaseStarted()), "not exercised"),
        (outcome(Code.CRYPTO_BINDING_REFUSED, NetworkPhaseStarted()), "refused"),
    ],
)
def test_crypto_binding(found, word):
    assert crypto_binding(found) == word


@pytest.mark.parametrize(("mask", "names"), [(0, []), (1, ["sha1"]), (2, ["sha256"]), (3, ["sha1", "sha256"]), (0x86, ["sha256", "0x04", "0x80"])])
def test_hash_protocols(mask, names):
    assert hash_protocols(mask) == names


def test_exit_codes():
    found = {number: {code.value for code in Code if exit_code(Verdict(code, Stage.TLS, "")) == number} for number in range(4)}
    assert found[0] == {"ok"}
    assert found[1] == {
        "reset_in_tls", "tls_failed", "wrong_certificate", "wrong_name", "expired", "not_yet_valid", "wrong_usage", "untrusted_chain",
        "hash_protocol_not_allowed", "crypto_binding_refused",
    }  # fmt: skip
    assert found[2] == set()
