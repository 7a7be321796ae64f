# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and keys as people have them: each file of the corpus is read, or refused with the id of what is wrong."""

from __future__ import annotations

import base64
import functools
import random

import corpus
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.encodings import MOST
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.sources import SOURCE_SPEC, candidate_of
from corpus import FULL, KEYS, LEAF, LEAF_EC, LOWER, OTHER, PASSWORD, PLAIN, ROOT, UPPER
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning", "ignore:PKCS#12 bundle")


def read(files=None, **args):
    """What these options name; the value of an option is the content of a file, bytes."""
    contents = {name: value for name, value in args.items() if isinstance(value, bytes)} | (files or {})
    options = {name: name if isinstance(value, bytes) else value for name, value in args.items()}
    return candidate_of({**dict.fromkeys(SOURCE_SPEC), **options}, lambda source, what: (contents[source], source))


def refusal(**args):
    with pytest.raises(SstpError) as caught:
        read(**args)
    return caught.value.facts.get("rule"), str(caught.value)


def pfx(made=LEAF, password="secret", chain=()):
    others = [one.x509 for one in chain]
    builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(1)
    encryption = builder.build(password.encode()) if password else NoEncryption()
    return pkcs12.serialize_key_and_certificates(b"vpn", made.key, made.x509, others or None, encryption)


# --- what is read ---


@pytest.mark.parametrize("name", PLAIN)
def test_a_certificate_is_read(name):
    found = read(certificate=PLAIN[name])
    assert found.certificate == LEAF.certificate
    assert found.key is None


@pytest.mark.parametrize("name", [name for name in PLAIN if "chain" in name or name in ("with the root", "CRLF", "UTF-8 mark", "PKCS #7")])
def test_the_chain_comes_out_in_order(name):
    assert read(certificate=PLAIN[name]).chain == (LOWER.certificate, UPPER.certificate)


@pytest.mark.parametrize("name", KEYS)
def test_a_private_key_is_read(name):
    data, password = KEYS[name]
    found = read(certificate=FULL, private_key=data, private_key_password=password)
    assert found.certificate == LEAF.certificate
    assert found.key.private_numbers() == LEAF.key.private_numbers()


def test_one_file_may_hold_all():
    found = read(certificate=UPPER.pem + LEAF.key_bytes() + LOWER.pem + ROOT.pem + LEAF.pem)
    assert (found.certificate, found.chain, found.root) == (LEAF.certificate, (LOWER.certificate, UPPER.certificate), ROOT.certificate)
    assert found.key.private_numbers() == LEAF.key.private_numbers()


def test_the_file_of_the_key_may_hold_the_certificate():
    assert read(private_key=LEAF.key_bytes() + LEAF.pem).certificate == LEAF.certificate


def test_the_chain_may_come_in_files_of_its_own():
    files = {"a": UPPER.der, "b": LOWER.pem, "c": ROOT.pem}
    found = read(files, certificate=LEAF.pem, private_key=LEAF.key_bytes(), chain=["a", "b", "c"])
    assert (found.chain, found.root) == ((LOWER.certificate, UPPER.certificate), ROOT.certificate)


def test_a_chain_may_go_with_a_pfx():
    assert read({"a": LOWER.pem + UPPER.pem}, pfx=pfx(), pfx_password="secret", chain=["a"]).chain == (LOWER.certificate, UPPER.certificate)


def test_the_chain_of_a_pfx_comes_along_in_order():
    assert read(pfx=pfx(chain=(ROOT, UPPER, LOWER)), pfx_password="secret").chain == (LOWER.certificate, UPPER.certificate)


def test_the_key_says_which_certificate_is_meant():
    assert read(certificate=OTHER.pem + FULL, private_key=LEAF.key_bytes()).certificate == LEAF.certificate


def test_a_thumbprint_says_which_certificate_is_meant():
    assert read(certificate=OTHER.pem + FULL, thumbprint=LEAF.certificate.thumbprint).certificate == LEAF.certificate


def test_what_does_not_belong_to_the_chain_is_left_out():
    assert read(certificate=FULL, private_key=LEAF.key_bytes() + OTHER.pem).chain == (LOWER.certificate, UPPER.certificate)


def test_an_issuer_that_only_has_the_name_is_left_out():
    impostor = corpus.make("Corpus Lower", UPPER, ca=True, key=corpus.ec_key(9))
    assert read(certificate=LEAF.pem + impostor.pem).chain == ()


def test_an_ecdsa_key_is_read():
    for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
        assert read(certificate=LEAF_EC.pem, private_key=LEAF_EC.key_bytes(form=form)).certificate == LEAF_EC.certificate


@pytest.mark.parametrize("password", ["secret", PASSWORD, "", "x" * 200])
def test_a_pfx_in_the_cipher_of_old_is_read(password):
    assert read(pfx=corpus.rc2_pfx(LEAF, password), pfx_password=password).key.private_numbers() == LEAF.key.private_numbers()


def test_a_pfx_and_its_certificate_may_be_given_together():
    assert read(pfx=pfx(), pfx_password="secret", certificate=FULL).chain == (LOWER.certificate, UPPER.certificate)


# --- what is refused ---

STRANGERS = pkcs12.serialize_key_and_certificates(None, LEAF.key, None, [OTHER.x509], PrivateFormat.PKCS12.encryption_builder().kdf_rounds(1).build(b"secret"))
HALF_A_KEY = LEAF.key_bytes()[:90] + b"\n-----END PRIVATE KEY-----"
ED25519 = corpus.Made(LEAF.x509, corpus.ed25519_key()).key_bytes()
OPENSSH = b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"
PARAMETERS = b"-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----\n"
CSR = x509.CertificateSigningRequestBuilder().subject_name(LEAF.x509.subject).sign(LEAF.key, hashes.SHA256())


@pytest.mark.parametrize(
    ("args", "rule", "words"),
    [
        pytest.param({"certificate": b""}, "source_empty", "is empty", id="empty"),
        pytest.param({"pfx": b""}, "source_empty", "is empty", id="an empty PFX"),
        pytest.param({"certificate": b"\0" * 400}, "source_unreadable", "neither PEM nor DER", id="zeros"),
        pytest.param({"certificate": b"hello"}, "source_unreadable", "neither PEM nor DER", id="text"),
        pytest.param({"certificate": random.Random(8).randbytes(10 << 20)}, "source_too_large", "10485760 bytes", id="10 MB of noise"),
        pytest.param({"certificate": b"x" * (MOST + 1) + FULL}, "source_too_large", "no certificate is that long", id="too much text"),
        pytest.param({"pfx": random.Random(8).randbytes(10 << 20)}, "source_too_large", "10485760 bytes", id="10 MB as PFX"),
        pytest.param({"certificate": random.Random(9).randbytes(100_000)}, "source_unreadable", "neither PEM nor DER", id="noise"),
        pytest.param({"certificate": b"-----BEGIN CERTIFICATE-----\n" * 9}, "source_unreadable", "cut off", id="beginnings"),
        pytest.param({"certificate": FULL[:-40]}, "source_unreadable", "cut off", id="PEM that is cut off"),
        pytest.param({"certificate": LEAF.der[:-1]}, "source_unreadable", "cut off", id="DER that is cut off"),
        pytest.param({"certificate": LEAF.pem.replace(b"MII", b"M!I", 1)}, "source_unreadable", "no base64", id="damaged base64"),
        pytest.param({"certificate": LEAF.der + b"rest"}, "source_unreadable", "no DER", id="something behind the DER"),
        pytest.param({"certificate": LEAF.pem.replace(b"MII", b"AAA", 1)}, "source_unreadable", "no DER", id="PEM of something else"),
        pytest.param({"certificate": CSR.public_bytes(Encoding.PEM)}, "source_unreadable", "request for a certificate", id="a CSR"),
        pytest.param({"certificate": CSR.public_bytes(Encoding.DER)}, "certificate_unreadable", "cannot be read", id="a CSR in DER"),
        pytest.param({"certificate": pfx()}, "source_unreadable", "give it as pfx", id="a PFX as certificate"),
        pytest.param({"pfx": FULL, "pfx_password": "secret"}, "source_unreadable", "is no PFX, but PEM", id="PEM as a PFX"),
        pytest.param({"pfx": LEAF.der, "pfx_password": "secret"}, "source_unreadable", "not a readable PFX", id="DER as a PFX"),
        pytest.param({"certificate": OTHER.pem + FULL}, "certificate_ambiguous", "2 certificates", id="two leaves"),
        pytest.param(
            {"certificate": corpus.make(key=corpus.rsa_key()).pem + LEAF.pem, "private_key": LEAF.key_bytes()},
            "certificate_ambiguous",
            "name one with thumbprint",
            id="two leaves of the same key",
        ),
        pytest.param({"certificate": OTHER.pem, "private_key": LEAF.key_bytes()}, "key_mismatch", "does not belong", id="key of another certificate"),
        pytest.param({"pfx": STRANGERS, "pfx_password": "secret"}, "key_mismatch", "does not belong", id="PFX with another key"),
        pytest.param({"private_key": LEAF.key_bytes()}, "certificate_absent", "no certificate", id="a key alone"),
        pytest.param({"certificate": LEAF.pem, "private_key": FULL}, "key_absent", "holds no private key", id="a chain as key"),
        pytest.param({"certificate": LEAF.pem, "private_key": LEAF.key_bytes(password="x")}, "password_wrong", "no password was given", id="no password"),
        pytest.param(
            {"certificate": LEAF.pem, "private_key": LEAF.key_bytes(password="x"), "private_key_password": "y"},
            "password_wrong",
            "cannot be opened with the password given; check private_key_password",
            id="wrong password",
        ),
        pytest.param({"certificate": LEAF.pem, "private_key": HALF_A_KEY}, "key_unreadable", "cannot", id="half a key"),
        pytest.param({"certificate": LEAF.pem, "private_key": ED25519}, "key_unsupported", "neither RSA", id="Ed25519"),
        pytest.param({"certificate": OPENSSH}, "source_unreadable", "OpenSSH", id="OpenSSH"),
        pytest.param({"certificate": PARAMETERS}, "source_unreadable", "no certificate and no", id="others"),
        pytest.param({"pfx": pfx(), "pfx_password": "secret", "certificate": OTHER.pem}, "sources_differ", "different certificates", id="two sources"),
        pytest.param({"chain": ["x"]}, None, "goes with a certificate", id="a chain alone"),
        pytest.param({"private_key_password": "x"}, None, "goes with a certificate", id="a password alone"),
    ],
)
def test_a_source_is_refused_with_the_id_of_what_is_wrong(args, rule, words):
    found, sentence = refusal(**args)
    assert found == rule
    assert words in sentence
    assert "\n" not in sentence
    assert sentence.endswith(".")


@pytest.mark.parametrize("secret", ["hunter2-password", base64.b64encode(LEAF.key_bytes(Encoding.DER)).decode()[40:80]], ids=["password", "key"])
def test_no_refusal_shows_a_secret(secret):
    key = LEAF.key_bytes(password="right")
    sentences = [
        refusal(certificate=LEAF.pem, private_key=key, private_key_password="hunter2-password")[1],
        refusal(certificate=OTHER.pem, private_key=LEAF.key_bytes())[1],
        refusal(certificate=LEAF.pem, private_key=LEAF.key_bytes()[:-200])[1],
        refusal(pfx=pfx(), pfx_password="hunter2-password")[1],
    ]
    assert not [sentence for sentence in sentences if secret in sentence]


# --- nothing breaks the reader ---

WHOLE = {
    "full chain": ({}, "certificate", FULL),
    "key": ({"certificate": FULL}, "private_key", LEAF.key_bytes()),
    "encrypted key": ({"certificate": FULL, "private_key_password": PASSWORD}, "private_key", LEAF.key_bytes(Encoding.DER, password=PASSWORD)),
    "DER": ({}, "certificate", LEAF.der),
    "PKCS #7": ({}, "certificate", PLAIN["PKCS #7"]),
    "PFX": ({"pfx_password": "secret"}, "pfx", pfx(chain=(LOWER,))),
    "PFX of old": ({"pfx_password": "secret"}, "pfx", corpus.rc2_pfx(LEAF, "secret")),
}


def outcome(rest, option, data):
    """The thumbprint of what was read, or the id of what is wrong."""
    try:
        return read(**rest, **{option: data}).certificate.thumbprint
    except SstpError as error:
        return error.facts["rule"]


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_that_is_cut_off_anywhere_is_read_or_refused(name):
    rest, option, data = WHOLE[name]
    for end in range(0, len(data), 100):
        assert outcome(rest, option, data[:end])


@pytest.mark.parametrize("name", WHOLE)
@given(position=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_damaged_file_is_read_or_refused(name, position, byte):
    rest, option, data = WHOLE[name]
    position %= len(data)
    assert outcome(rest, option, data[:position] + bytes([byte]) + data[position + 1 :])


LABELS = ["CERTIFICATE", "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "PKCS7", "X", "TRUSTED CERTIFICATE"]
ARMOUR = functools.partial(st.builds, lambda label, body: f"-----BEGIN {label}-----\n{base64.b64encode(body).decode()}\n-----END {label}-----\n".encode())


@given(
    option=st.sampled_from(["certificate", "private_key", "pfx"]),
    data=st.binary(max_size=300) | st.binary(max_size=200).map(lambda rest: b"\x30\x82" + rest) | ARMOUR(st.sampled_from(LABELS), st.binary(max_size=200)),
    password=st.none() | st.text(max_size=5),
)
def test_no_bytes_break_the_reader(option, data, password):
    secret = {"pfx_password": password} if option == "pfx" else {"private_key_password": password}
    with pytest.raises(SstpError):
        read(**secret, **{option: data})
