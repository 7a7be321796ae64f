# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PFX files: those of users, and the one that crosses to the host."""

from __future__ import annotations

import base64

import certificate_factory
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.sources import SOURCE_SPEC, candidate_of
from ansible_collections.rras.sstp.plugins.plugin_utils.x509 import Candidate, encode_pfx
from certificate_factory import issue, rsa_key
from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12
from hypothesis import example, given
from hypothesis import strategies as st

AES_256_CBC = bytes.fromhex("060960864801650304012a")
TRIPLE_DES = bytes.fromhex("060a2a864886f70d010c0103")
SHA_1 = bytes.fromhex("06052b0e03021a")
SHA_256 = bytes.fromhex("0609608648016503040201")

# openssl pkcs12 -export -passout pass: with a throw-away key; cryptography itself makes no PFX with an empty password.
EMPTY_PASSWORD = """
    MIIEDAIBAzCCA8IGCSqGSIb3DQEHAaCCA7MEggOvMIIDqzCCAmIGCSqGSIb3DQEHBqCCAlMwggJPAgEAMIICSAYJKoZIhvcNAQcBMFcGCSqGSIb3DQEFDTBK
    MCkGCSqGSIb3DQEFDDAcBAhl9z9ZWYq+ggICCAAwDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEHqu5Xd2ByXNY6D/80n/O4OAggHg0NqkPVmJxPmD4S+S
    Rk/wOZjW7gfzxkuoU3TzrcrxLAOVzlZfjO8B2A3C8C7kpwCn/EDxudIrL17c99+IbrowX/Tq3N716DqA799XUa2TtXETj5qIA1hM+mCXOGd49upLOckVwQbp
    Hy9rjtL8vPLEjtj1IRZVLew/GDcHpBNG5l9C9gkDyxxKlD2LajvhCJzMdt/olgy8zToC4gV1O/R4b3G7//My1YkaMGU7qMhN4bpV1SdkCZ8AM/iCaetAPqrm
    pQmZsRSwFJ2nnzKviyKD/bm7cPBrEcDWe3JhUF5PAvx/eVJQQw+8b3w92NkcAf+a7phU7Zn8CIKUXxGK53ee1jdLTOd1SpPtnjAZb0Rd6UjX3RXk4JdhvWVq
    odYUNtPUqAW3KyatBC9/nFV+q4aNuhg388dJoXqg83s4L/iJgEAO6N/pI8g0uLVgOrEW6xChPJ1CuKuH/gIOhfM5ZTGwoLxQSfwWUzCxQOJYMUl/oRLLCtdN
    0R6uIlft7jNzjLgxQ0qzYcOEBI4H1V5Acv8BfK4uxLl/FCDWdfYR53SYvVeC8msM5lluNDs0bSHOh5wEgy2D5nplXAjsDenz/AJ72hgKf0Ttiwg+8f9ZAMAZ
    1OfDZQnGExc62Xx+Zo8FNriCMIIBQQYJKoZIhvcNAQcBoIIBMgSCAS4wggEqMIIBJgYLKoZIhvcNAQwKAQKgge8wgewwVwYJKoZIhvcNAQUNMEowKQYJKoZI
    hvcNAQUMMBwECIGs4zTX/T+OAgIIADAMBggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQcIiN+TQM/p1+fPwF2INS0ASBkNwELsopMNg7rwvu6Aw548i/R4oN
    XshZo6NQSma98VW/IhI01uYGDryjH2lXNmr9Ie1O2Ov9A+j+dw+JHXUPYkFysOcgr8SCdHD20RfhydQpYnl/rt1X7ywEQBM+JRcjrA59Nrdk0ktj7jbtlEoG
    ebRIk9lwjkl8Ma5P1CWfzQhD5Z+hwbN701Uxsa7diEa4STElMCMGCSqGSIb3DQEJFTEWBBR5pbkXBekZJGpFiZkJuqXDVe9mCzBBMDEwDQYJYIZIAWUDBAIB
    BQAEINzptYPd7eSbRbbLxPeWw8gp3izumfmZyW8kyDHY7fpjBAiDLnGim88KnwICCAA=
"""


def load_pfx(data, password, name):
    args = {**dict.fromkeys(SOURCE_SPEC), "pfx": name, "pfx_password": password}
    return candidate_of(args, lambda source, what: (data, source))


SERVER_2016, SERVER_2019, SERVER_2022 = 14393, 17763, 20348


@pytest.mark.parametrize("old", [pytest.param(True, id="3DES"), pytest.param(False, id="AES")])
@pytest.mark.parametrize("password", ["secret", "443", "1", "p\u00e4ss\u4e16\u754c", " leading and trailing ", ""])
def test_a_pfx_is_opened(password, old):
    issued = certificate_factory.new()
    data = issued.pfx(password or None, old=old)
    candidate = load_pfx(data, password, "vpn.pfx")
    assert candidate.certificate == issued.certificate
    assert candidate.key.private_numbers() == issued.key.private_numbers()


@pytest.mark.parametrize("password", [None, ""])
def test_no_password_and_an_empty_one_are_the_same(password):
    assert load_pfx(certificate_factory.new().pfx(None), password, "vpn.pfx").certificate == certificate_factory.new().certificate


@pytest.mark.parametrize("password", [None, ""])
def test_a_pfx_that_openssl_protected_with_an_empty_password_is_opened(password):
    assert load_pfx(base64.b64decode(EMPTY_PASSWORD), password, "vpn.pfx").certificate.subject == "CN=empty"


def test_an_rsa_key_is_opened():
    issued = issue(key=rsa_key())
    assert load_pfx(issued.pfx("secret"), "secret", "vpn.pfx").key.private_numbers() == rsa_key().private_numbers()


@pytest.mark.parametrize("old", [pytest.param(True, id="3DES"), pytest.param(False, id="AES")])
@pytest.mark.parametrize(
    ("right", "given", "sentence"),
    [
        pytest.param("secret", "Secret", "cannot be opened with the password given; check pfx_password", id="another"),
        pytest.param("secret", "secret ", "cannot be opened with the password given; check pfx_password", id="a space too many"),
        pytest.param("secret", None, "cannot be opened with no password; check pfx_password", id="none"),
        pytest.param("secret", "", "cannot be opened with no password; check pfx_password", id="empty"),
    ],
)
def test_a_wrong_password_is_named(right, given, sentence, old):
    with pytest.raises(SstpError) as caught:
        load_pfx(certificate_factory.new().pfx(right, old=old), given, "vpn.pfx")
    assert str(caught.value) == f"The PFX vpn.pfx {sentence}."


def test_a_wrong_password_is_not_shown():
    with pytest.raises(SstpError) as caught:
        load_pfx(certificate_factory.new().pfx("secret"), "hunter2", "vpn.pfx")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_pfx_without_a_key_is_refused():
    with pytest.raises(SstpError, match=r"The PFX vpn.pfx has no private key; export the certificate again together with"):
        load_pfx(certificate_factory.new().pfx("secret", with_key=False), "secret", "vpn.pfx")


def test_a_pfx_without_a_certificate_is_refused():
    data = pkcs12.serialize_key_and_certificates(None, certificate_factory.new().key, None, None, NoEncryption())
    with pytest.raises(SstpError, match="There is a private key in PFX vpn.pfx, but no certificate"):
        load_pfx(data, None, "vpn.pfx")


def test_an_empty_file_is_refused():
    with pytest.raises(SstpError, match=r"The PFX vpn\.pfx is empty"):
        load_pfx(b"", "secret", "vpn.pfx")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\0" * 100, id="zeros"),
        pytest.param(b"not a PFX", id="text"),
        pytest.param(certificate_factory.new().der, id="a certificate"),
        pytest.param(certificate_factory.new().pfx("secret")[:-20], id="cut off"),
    ],
)
def test_what_is_no_pfx_is_refused(data):
    with pytest.raises(SstpError, match=r"The file vpn\.pfx is not a readable PFX"):
        load_pfx(data, "secret", "vpn.pfx")


@given(st.binary(max_size=300), st.none() | st.text(st.characters(codec="utf-8"), max_size=10))
@example(b"\x30\x80", None)
def test_no_bytes_break_the_reader(data, password):
    with pytest.raises(SstpError):
        load_pfx(data, password, "vpn.pfx")


@given(st.integers(0, 5000), st.integers(0, 255), st.sampled_from([None, "secret"]))
def test_a_damaged_pfx_is_read_or_refused(position, byte, password):
    whole = certificate_factory.new().pfx(password)
    position %= len(whole)
    try:
        load_pfx(whole[:position] + bytes([byte]) + whole[position + 1 :], password, "vpn.pfx")
    except SstpError:
        return


def test_a_password_that_is_no_text_is_refused():
    with pytest.raises(SstpError, match=r"vpn\.pfx cannot be opened with the password given; check pfx_password"):
        load_pfx(certificate_factory.new().pfx("secret"), "\udcff", "vpn.pfx")


def test_a_candidate_shows_nothing_of_its_key():
    shown = repr(certificate_factory.new().candidate)
    assert "key" not in shown.lower()


# --- the PFX that crosses to the host ---


@pytest.mark.parametrize(
    ("build", "there", "not_there"),
    [
        pytest.param(0, (TRIPLE_DES, SHA_1), AES_256_CBC, id="unknown build"),
        pytest.param(SERVER_2016, (TRIPLE_DES, SHA_1), AES_256_CBC, id="Server 2016"),
        pytest.param(SERVER_2019 - 1, (TRIPLE_DES, SHA_1), AES_256_CBC, id="the build before Server 2019"),
        pytest.param(SERVER_2019, (AES_256_CBC, SHA_256), TRIPLE_DES, id="Server 2019"),
        pytest.param(SERVER_2022, (AES_256_CBC, SHA_256), TRIPLE_DES, id="Server 2022"),
    ],
)
def test_the_cipher_is_one_that_the_build_reads(build, there, not_there):
    data = encode_pfx(certificate_factory.new().candidate, "0123456789abcdef", build)
    assert all(oid in data for oid in there)
    assert not_there not in data


@pytest.mark.parametrize("build", [SERVER_2016, SERVER_2022])
@pytest.mark.parametrize("issued", [pytest.param(certificate_factory.old, id="RSA"), pytest.param(certificate_factory.new, id="EC")])
def test_what_crosses_is_the_same_certificate_and_key(issued, build):
    data = encode_pfx(issued().candidate, "0123456789abcdef", build)
    candidate = load_pfx(data, "0123456789abcdef", "sealed")
    assert candidate.certificate == issued().certificate
    assert candidate.key.private_numbers() == issued().key.private_numbers()


def test_the_chain_stays_behind():
    candidate = Candidate(certificate_factory.new().certificate, (certificate_factory.old().certificate,), certificate_factory.new().key)
    assert load_pfx(encode_pfx(candidate, "0123456789abcdef", SERVER_2022), "0123456789abcdef", "sealed").chain == ()


def test_what_crosses_does_not_open_without_its_password():
    data = encode_pfx(certificate_factory.new().candidate, "0123456789abcdef", SERVER_2022)
    with pytest.raises(SstpError, match="cannot be opened"):
        load_pfx(data, None, "sealed")


def test_the_pfx_of_users_has_the_cipher_that_the_test_names():
    assert AES_256_CBC in certificate_factory.new().pfx("secret")
    assert TRIPLE_DES in certificate_factory.new().pfx("secret", old=True)
