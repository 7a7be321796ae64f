# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands against a certificate for SSTP: each rule of its own, both ways."""

from __future__ import annotations

import datetime as dt

import certificate_factory
import corpus
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.fitness import RULES, Circumstances, clean_severities, covers, fitness
from ansible_collections.rras.sstp.plugins.plugin_utils.x509 import read_stored
from certificate_factory import ANY_PURPOSE, CLIENT_AUTHENTICATION, EXPIRES, ISSUED, NOW, SERVER_AUTHENTICATION, issue
from corpus import LEAF, LOWER, ROOT, UPPER, make, usage
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

SECOND, MINUTE, DAY = dt.timedelta(seconds=1), dt.timedelta(minutes=1), dt.timedelta(days=1)


def around(**given):
    return Circumstances(NOW, **given)


def ids(made, **given):
    return [problem.id for problem in fitness(made.certificate, around(**given))]


NOTICE = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\5\0")
HUNDRED = tuple(f"vpn{number}.example.com" for number in range(100))
CHAIN = (LOWER.certificate, UPPER.certificate)
WHOLE = {"issuers": CHAIN, "roots": (ROOT.certificate,)}
LATE = make("Corpus Lower", UPPER, ca=True, key=corpus.ec_key(2), not_after=NOW - DAY)
SERVER = make("inner.example.com", UPPER, key=corpus.ec_key(2), crl=())
WEAK_ISSUER = make("Weak", ROOT, ca=True, key=corpus.ec_key(5), weak=True)


# rule -> certificates and circumstances that break it, and the nearest ones that keep it.
CASES = {
    "key_unsupported": (
        [(make(issuer=LOWER, key=corpus.ed25519_key()), {}), (make(issuer=LOWER, key=corpus.ec_key(0, ec.SECP521R1)), {}),
         (make(issuer=LOWER, key=corpus.ec_key(0, ec.SECP256K1)), {})],
        [(make(issuer=LOWER, key=corpus.ec_key()), {}), (make(issuer=LOWER, key=corpus.ec_key(0, ec.SECP384R1)), {}), (LEAF, {})],
    ),
    "key_weak": ([(make(issuer=LOWER, key=corpus.rsa_key(1024)), {}), (make(issuer=LOWER, key=corpus.rsa_key(2040)), {})], [(LEAF, {})]),
    "key_large": ([(make(issuer=LOWER, key=corpus.rsa_key(4104)), {})], [(make(issuer=LOWER, key=corpus.rsa_key(4096)), {}), (LEAF, {})]),
    "signature_weak": (
        [(make(issuer=ROOT, weak=True), {})],
        [(make(issuer=LOWER, digest=hashes.SHA384()), {}), (make(issuer=ROOT), {}), (LEAF, {})],
    ),
    "signature_pss": ([(make(issuer=ROOT, pss=True), {})], [(make(issuer=ROOT), {}), (LEAF, {})]),
    "eku_absent": ([(make(issuer=LOWER, eku=None), {})], [(LEAF, {})]),
    "eku_unfit": (
        [(make(issuer=LOWER, eku=(CLIENT_AUTHENTICATION,)), {})],
        [(make(issuer=LOWER, eku=(ANY_PURPOSE,)), {}), (make(issuer=LOWER, eku=(CLIENT_AUTHENTICATION, SERVER_AUTHENTICATION)), {}),
         (make(issuer=LOWER, eku=None), {})],
    ),
    "key_usage_unfit": (
        [(make(issuer=LOWER, key_usage=usage("key_encipherment")), {}), (make(issuer=LOWER, key_usage=usage()), {})],
        [(make(issuer=LOWER, key_usage=usage("digital_signature")), {}), (make(issuer=LOWER, key_usage=usage("digital_signature", "key_encipherment")), {}),
         (LEAF, {})],
    ),
    "certificate_is_ca": ([(LOWER, {})], [(LEAF, {})]),
    "critical_extension_unknown": ([(make(issuer=LOWER, extra=((NOTICE, True),)), {})], [(make(issuer=LOWER, extra=((NOTICE, False),)), {})]),
    "name_absent": ([(make(issuer=LOWER, names=()), {})], [(LEAF, {}), (make(issuer=LOWER, names=("192.0.2.1",)), {})]),
    "name_missing": (
        [(LEAF, {"names": ("other.example.com",)}), (make(issuer=LOWER, names=("*.example.com",)), {"names": ("a.b.example.com",)}),
         (make(issuer=LOWER, names=("*.example.com",)), {"names": ("example.com",)}), (LEAF, {"names": ("192.0.2.1",)}),
         (make(issuer=LOWER, names=HUNDRED), {"names": ("vpn100.example.com",)}), (LEAF, {"names": (corpus.NAME, "b.example.com")}),
         (make(issuer=LOWER, names=("192.0.2.1",)), {"names": ("192.0.2.2",)}), (LEAF, {"names": ("*.example.com",)}),
         (make(issuer=LOWER, key=corpus.rsa_key(1024)), {"names": ("other.example.com",)}),
         (make(issuer=LOWER, key=corpus.ed25519_key()), {"names": ("other.example.com",)})],
        [(LEAF, {"names": (corpus.NAME,)}), (make(issuer=LOWER, names=("*.example.com",)), {"names": (corpus.NAME,)}),
         (make(issuer=LOWER, names=("VPN.Example.com",)), {"names": (corpus.NAME,)}), (make(issuer=LOWER, names=("192.0.2.1",)), {"names": ("192.0.2.1",)}),
         (make(issuer=LOWER, names=("2001:db8::1",)), {"names": ("2001:db8::1",)}), (make(issuer=LOWER, names=HUNDRED), {"names": HUNDRED}),
         (make(issuer=LOWER, names=("xn--bcher-kva.example",)), {"names": ("xn--bcher-kva.example",)}),
         (make(issuer=LOWER, names=()), {"names": (corpus.NAME,)}),
         (make(issuer=LOWER, names=("*.example.com",)), {"names": ("*.example.com",)}), (LEAF, {})],
    ),
    "name_lost": (
        [(LEAF, {"old": make(names=(corpus.NAME, "b.example.com")).certificate}), (LEAF, {"old": make(names=("*.example.com",)).certificate})],
        [(LEAF, {"old": LEAF.certificate}), (make(issuer=LOWER, names=("*.example.com",)), {"old": LEAF.certificate}), (LEAF, {}),
         (make(issuer=LOWER, names=("*.example.com",)), {"old": make(names=("*.example.com", "a.example.com")).certificate})],
    ),
    "certificate_expired": (
        [(make(issuer=LOWER, not_after=NOW), {}), (make(issuer=LOWER, not_after=NOW + DAY), {"here": NOW + 2 * DAY})],
        [(make(issuer=LOWER, not_after=NOW + SECOND), {}), (make(issuer=LOWER, not_after=NOW + MINUTE), {"here": NOW + 2 * MINUTE})],
    ),
    "certificate_expiring": (
        [(make(issuer=LOWER, not_after=NOW + 5 * DAY), {"expiry_days": 5})],
        [(make(issuer=LOWER, not_after=NOW + 6 * DAY), {"expiry_days": 5})],
    ),
    "certificate_not_yet_valid": (
        [(make(issuer=LOWER, not_before=NOW + SECOND), {}), (make(issuer=LOWER, not_before=NOW), {"here": NOW - DAY})],
        [(make(issuer=LOWER, not_before=NOW), {}), (make(issuer=LOWER, not_before=NOW), {"here": NOW - MINUTE})],
    ),
    "self_signed": ([(make(), {})], [(LEAF, {}), (make(corpus.NAME, make(corpus.NAME, ca=True, key=corpus.ec_key(7)), key=corpus.ec_key(8)), {})]),
    "chain_incomplete": (
        [(LEAF, {"issuers": ()}), (LEAF, {"issuers": (UPPER.certificate,), "roots": (ROOT.certificate,)})],
        [(LEAF, WHOLE), (LEAF, {"issuers": CHAIN[::-1], "roots": (ROOT.certificate,)}), (LEAF, {"issuers": CHAIN}), (LEAF, {}), (make(), {"issuers": ()})],
    ),
    "root_absent": (
        [(LEAF, {"issuers": CHAIN}), (LEAF, {"issuers": (LOWER.certificate,), "roots": (ROOT.certificate,)})],
        [(LEAF, WHOLE), (LEAF, {"issuers": ()}), (LEAF, {}), (make(), {"issuers": ()})],
    ),
    "issuer_expired": ([(LEAF, {"issuers": (LATE.certificate, UPPER.certificate)})], [(LEAF, WHOLE), (LEAF, {"issuers": (LATE.certificate, *CHAIN)})]),
    "issuer_unfit": (
        [(make(issuer=SERVER, key=corpus.ec_key(6)), {"issuers": (SERVER.certificate,)}),
         (make(issuer=WEAK_ISSUER, key=corpus.ec_key(6)), {"issuers": (WEAK_ISSUER.certificate,)})],
        [(LEAF, WHOLE)],
    ),
    "revocation_absent": (
        [(make(issuer=LOWER, crl=()), {})],
        [(LEAF, {}), (make(issuer=LOWER, crl=(), ocsp=("http://ocsp.example.com",)), {}), (make(crl=()), {})],
    ),
    "revocation_unreachable": (
        [(make(issuer=LOWER, crl=(url,)), {}) for url in ("ldap:///CN=a", "file://server/a.crl", "http://ca/a.crl", "http://pki.corp.local/a.crl",
                                                          "http://10.0.0.1/a.crl", "http://[fd00::1]/a.crl")],
        [(LEAF, {}), (make(issuer=LOWER, crl=("ldap:///CN=a", "http://crl.example.com/a.crl")), {}), (make(issuer=LOWER, crl=("http://8.8.8.8/a.crl",)), {}),
         (make(issuer=LOWER, crl=("ldap:///CN=a",), ocsp=("http://ocsp.example.com",)), {}), (make(issuer=LOWER, crl=()), {})],
    ),
}  # fmt: skip


def test_each_rule_has_cases_both_ways():
    assert set(CASES) == set(RULES)
    assert all(broken and kept for broken, kept in CASES.values())


@pytest.mark.parametrize(("rule", "number"), [(rule, number) for rule, (broken, _kept) in CASES.items() for number in range(len(broken))])
def test_a_rule_says_what_is_wrong(rule, number):
    made, given = CASES[rule][0][number]
    found = {problem.id: problem for problem in fitness(made.certificate, around(**given))}
    assert rule in found
    assert found[rule].severity == RULES[rule].severity
    assert found[rule].actual
    assert not found[rule].sentence.endswith(".")


@pytest.mark.parametrize(("rule", "number"), [(rule, number) for rule, (_broken, kept) in CASES.items() for number in range(len(kept))])
def test_a_rule_is_silent_where_it_is_kept(rule, number):
    made, given = CASES[rule][1][number]
    assert rule not in ids(made, **given)


def test_a_fit_certificate_has_nothing_against_it():
    assert ids(LEAF, **WHOLE, names=(corpus.NAME,), old=LEAF.certificate, here=NOW, expiry_days=30) == []


def test_one_that_cannot_be_read_is_not_fit():
    assert [problem.id for problem in fitness(read_stored(b"garbage"), around())] == ["certificate_unreadable"]


@pytest.mark.parametrize("severity", ["error", "warning", "info"])
def test_a_severity_can_be_another(severity):
    (problem,) = fitness(make(issuer=LOWER, eku=None).certificate, around(severities={"eku_absent": severity}))
    assert (problem.id, problem.severity) == ("eku_absent", severity)


def test_a_rule_can_be_ignored():
    assert ids(make(issuer=LOWER, eku=None), severities={"eku_absent": "ignore"}) == []


def test_errors_come_first():
    found = fitness(make(eku=(CLIENT_AUTHENTICATION,)).certificate, around())
    assert [(problem.id, problem.severity) for problem in found] == [("eku_unfit", "error"), ("self_signed", "warning")]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"eku_absend": "error"}, "names the rule 'eku_absend', which there is not; did you mean eku_absent?"),
        ({"zzz": "error"}, "which there is not; there are key_unsupported, "),
        ({"eku_absent": "fatal"}, "gives the rule eku_absent the severity 'fatal'; it must be one of error, warning, info, ignore."),
        ({"eku_absent": None}, "gives the rule eku_absent the severity None"),
    ],
)
def test_severities_that_are_none_are_refused(given, sentence):
    with pytest.raises(SstpError, match="^Option severities") as caught:
        clean_severities(given)
    assert sentence in str(caught.value)


def test_severities_may_be_absent():
    assert clean_severities(None) == {}
    assert clean_severities({"eku_absent": "error"}) == {"eku_absent": "error"}


def test_which_clock_it_is_is_said_where_they_differ():
    (problem,) = fitness(make(issuer=LOWER, not_after=NOW + DAY).certificate, around(here=NOW + 2 * DAY))
    assert "by the controller's clock, which is not that of the server" in problem.sentence
    (problem,) = fitness(make(issuer=LOWER, not_after=NOW - DAY).certificate, around(here=NOW - 9 * DAY))
    assert "by the server's clock" in problem.sentence


def test_a_name_of_a_garbled_certificate_is_not_covered():
    assert not covers(read_stored(b"garbage"), corpus.NAME)


def problems(certificate, now=NOW, expiry_days=0):
    return [(problem.id, problem.severity) for problem in fitness(certificate, Circumstances(now, expiry_days=expiry_days))]


@pytest.mark.parametrize(
    ("eku", "expected"),
    [
        pytest.param((SERVER_AUTHENTICATION,), [], id="server authentication"),
        pytest.param((CLIENT_AUTHENTICATION, SERVER_AUTHENTICATION), [], id="client and server authentication"),
        pytest.param((ANY_PURPOSE,), [], id="any purpose"),
        pytest.param((CLIENT_AUTHENTICATION,), [("eku_unfit", "error")], id="client authentication only"),
        pytest.param((CLIENT_AUTHENTICATION, "1.3.6.1.5.5.7.3.4"), [("eku_unfit", "error")], id="client and mail"),
        pytest.param(None, [("eku_absent", "warning")], id="no extension"),
    ],
)
def test_fitness_of_the_extended_key_usage(eku, expected):
    assert problems(issue(eku=eku).certificate) == expected


def test_an_unfit_key_usage_is_shown():
    (problem,) = fitness(issue(eku=(CLIENT_AUTHENTICATION,)).certificate, Circumstances(NOW))
    assert problem.actual == CLIENT_AUTHENTICATION
    assert "neither Server Authentication nor Any Purpose" in problem.sentence


@pytest.mark.parametrize(
    ("now", "expiry_days", "expected"),
    [
        pytest.param(ISSUED - SECOND, 0, [("certificate_not_yet_valid", "error")], id="a second before it begins"),
        pytest.param(ISSUED, 0, [], id="the second in which it begins"),
        pytest.param(EXPIRES - SECOND, 0, [], id="a second before it ends"),
        pytest.param(EXPIRES, 0, [("certificate_expired", "error")], id="the second in which it ends"),
        pytest.param(EXPIRES + DAY, 30, [("certificate_expired", "error")], id="expired is not expiring too"),
        pytest.param(EXPIRES - 30 * DAY - SECOND, 30, [], id="a second before the warning"),
        pytest.param(EXPIRES - 30 * DAY, 30, [("certificate_expiring", "warning")], id="the second of the warning"),
        pytest.param(EXPIRES - SECOND, 30, [("certificate_expiring", "warning")], id="the last second"),
    ],
)
def test_fitness_of_the_validity(now, expiry_days, expected):
    assert problems(certificate_factory.new().certificate, now, expiry_days) == expected


def test_all_that_is_wrong_is_named():
    certificate = issue(eku=(CLIENT_AUTHENTICATION,), not_after=NOW).certificate
    assert [problem for problem, _severity in problems(certificate)] == ["eku_unfit", "certificate_expired"]


def test_expiring_says_in_how_many_days():
    (problem,) = fitness(certificate_factory.new().certificate, Circumstances(EXPIRES - 7 * DAY, expiry_days=30))
    assert problem.sentence == "expires in 7 days; renew it"
    assert problem.actual == "2026-12-31T00:00:00Z"


@pytest.mark.parametrize("days", [10**7, 10**10])
def test_a_very_large_number_of_days_warns(days):
    assert problems(certificate_factory.new().certificate, NOW, days) == [("certificate_expiring", "warning")]
