# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Name, dates and chain of a served certificate, each on its own."""

from __future__ import annotations

import datetime as dt

import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp import verification
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.verdict import Code
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.verification import check_ca_file, verify, verify_chain, verify_dates, verify_name
from ansible_collections.rras.sstp.plugins.plugin_utils.x509 import Certificate, read_certificate
from certificate_factory import issue, rsa_key
from hypothesis import given, settings
from hypothesis import strategies as st
from sstp_certificates import ANY, CLIENT, DAY, HOST, NOW, chain, intermediate, issued, root, server, trust

SECOND = dt.timedelta(seconds=1)


@pytest.fixture(scope="module")
def ca_file(tmp_path_factory):
    return trust(tmp_path_factory.mktemp("trust"))


def of(*names: str, key=None) -> Certificate:
    return issue("cn.example.com", names=names, key=key).certificate


@pytest.mark.parametrize("key", [None, rsa_key()], ids=["EC", "RSA"])
@pytest.mark.parametrize(
    ("names", "name"),
    [
        (("vpn.example.com",), "vpn.example.com"),
        (("vpn.example.com",), "VPN.Example.COM"),
        (("a.example.com", "vpn.example.com"), "vpn.example.com"),
        (("*.example.com",), "vpn.example.com"),
        (("203.0.113.5",), "203.0.113.5"),
        (("2001:db8::1",), "2001:db8:0::1"),
        ((), "cn.example.com"),
    ],
)
def test_names_that_fit(names, name, key):
    assert verify_name(of(*names, key=key), name) is None


@pytest.mark.parametrize(
    ("names", "name"),
    [
        (("vpn.example.com",), "other.example.com"),
        (("*.example.com",), "example.com"),
        (("*.example.com",), "a.b.example.com"),
        (("vpn.example.com",), "cn.example.com"),
        (("203.0.113.5",), "203.0.113.6"),
        (("vpn.example.com",), "203.0.113.5"),
        ((), "other.example.com"),
    ],
)
def test_names_that_do_not_fit(names, name):
    verdict = verify_name(of(*names), name)
    assert verdict is not None
    assert verdict.code is Code.WRONG_NAME
    assert name in verdict.sentence


def test_an_expired_certificate_still_has_its_name():
    assert verify_name(read_certificate(server(after=-1).der), HOST) is None


def test_dates():
    leaf = of("vpn.example.com")
    assert verify_dates(leaf, leaf.not_before) is None
    assert verify_dates(leaf, leaf.not_after - SECOND) is None
    for now, code in ((leaf.not_before - SECOND, Code.NOT_YET_VALID), (leaf.not_after, Code.EXPIRED)):
        verdict = verify_dates(leaf, now)
        assert verdict is not None
        assert verdict.code is code


@pytest.mark.parametrize("leaf", [server(), server(rsa=True), server(after=-1)], ids=["EC", "RSA", "expired"])
def test_a_chain_that_leads_to_a_trusted_root(leaf, ca_file):
    assert verify_chain(chain(leaf), ca_file) is None


@pytest.mark.parametrize(
    ("served", "code"),
    [
        ([server().der], Code.UNTRUSTED_CHAIN),
        ([issue().der], Code.UNTRUSTED_CHAIN),
        ([server().der, issue().der], Code.UNTRUSTED_CHAIN),
        ([issued(HOST, server()).der, server().der, intermediate().der], Code.UNTRUSTED_CHAIN),
        (chain(server(eku=CLIENT)), Code.WRONG_USAGE),
        (chain(server(eku=ANY)), Code.UNJUDGED_CHAIN),
        (chain(server(issuer_after=-1), issuer_after=-1), Code.UNTRUSTED_CHAIN),
    ],
    ids=["no intermediate", "self-signed", "another intermediate", "signed by a leaf", "for clients", "any purpose", "expired intermediate"],
)
def test_chains_that_are_refused(served, code, ca_file):
    verdict = verify_chain(served, ca_file)
    assert verdict is not None
    assert verdict.code is code


def test_a_private_root_is_not_the_systems():
    verdict = verify_chain([*chain(server()), root().der], None)
    assert verdict is not None
    assert verdict.code is Code.UNTRUSTED_CHAIN


def test_a_forged_signature_is_seen(ca_file):
    forged = bytearray(server().der)
    forged[-1] ^= 1
    verdict = verify_chain([bytes(forged), intermediate().der], ca_file)
    assert verdict is not None
    assert verdict.code is Code.UNTRUSTED_CHAIN


def test_a_long_chain_is_taken(ca_file):
    assert verify_chain([*chain(server()), *[root().der] * 60], ca_file) is None


def test_everything_that_is_wrong_is_told(ca_file):
    assert verify(chain(server()), HOST, NOW, ca_file) == ()
    verdicts = verify([server(after=-1).der], "other.example.com", NOW + DAY, ca_file)
    assert [verdict.code for verdict in verdicts] == [Code.WRONG_NAME, Code.EXPIRED, Code.UNTRUSTED_CHAIN]


SERVED = {
    "good": chain(server()),
    "RSA": chain(server(rsa=True)),
    "expired": chain(server(after=-1)),
    "not for servers": chain(server(eku=CLIENT)),
    "issuer expired": chain(server(issuer_after=-1), issuer_after=-1),
    "issuer missing": [server().der],
}


@pytest.mark.parametrize("name", [HOST, "other.example.com"])
@pytest.mark.parametrize("served", SERVED.values(), ids=SERVED)
@pytest.mark.parametrize("trusted", [True, False])
def test_asking_all_at_once_answers_as_each_question_does(name, served, trusted, ca_file):
    leaf, roots = read_certificate(served[0]), ca_file if trusted else None
    each = (verify_name(leaf, name), verify_dates(leaf, NOW), verify_chain(served, roots))
    assert verify(served, name, NOW, roots) == tuple(verdict for verdict in each if verdict)


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@settings(max_examples=1000, deadline=None)
@given(st.sampled_from(list(SERVED.values())), st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 255)), min_size=1, max_size=3))
def test_a_certificate_with_wrong_bytes_gives_a_verdict_or_a_sentence(ca_file, served, changes):
    leaf = bytearray(served[0])
    for place, bits in changes:
        leaf[place % len(leaf)] ^= bits
    try:
        verdicts = verify([bytes(leaf), *served[1:]], HOST, NOW, ca_file)
    except SstpError:
        return
    assert all(verdict.sentence for verdict in verdicts)


@pytest.mark.parametrize(("place", "words"), [(b"\x2a\x86\x48\xce\x3d\x02\x01", "public key"), (b"\x30\x59\x30\x13", "not a readable X.509")])
def test_a_certificate_whose_key_nobody_can_read(place, words, ca_file):
    leaf = bytearray(server().der)
    leaf[leaf.index(place) + 1] ^= 1
    with pytest.raises(SstpError, match=words):
        verify([bytes(leaf)], HOST, NOW, ca_file)


def test_a_ca_file_that_cannot_serve_is_refused(tmp_path):
    check_ca_file(None)
    with pytest.raises(SstpError, match="cannot be read as certificates"):
        check_ca_file(str(tmp_path / "absent.pem"))
    (tmp_path / "text.pem").write_text("no certificate")
    with pytest.raises(SstpError, match="cannot be read as certificates"):
        check_ca_file(str(tmp_path / "text.pem"))


def test_roots_are_read_again_when_they_have_changed(tmp_path, monkeypatch):
    read = []
    load = verification._load
    monkeypatch.setattr(verification, "_load", lambda context, ca_file: (read.append(ca_file), load(context, ca_file)))
    ca_file = trust(tmp_path)
    for _ in range(3):
        check_ca_file(ca_file)
        assert verify_chain(chain(server()), ca_file) is None
    # Once for the check, which supposes an RSA key, and once for this server's EC key.
    assert read == [ca_file] * 2
    (tmp_path / "roots.pem").write_bytes(issued("Other Root", None).pem * 2)
    assert verify_chain(chain(server()), ca_file).code is Code.UNTRUSTED_CHAIN
    trust(tmp_path)
    assert verify_chain(chain(server()), ca_file) is None
