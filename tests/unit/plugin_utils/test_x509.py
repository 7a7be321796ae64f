# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates: reading them, and what their keys have signed."""

from __future__ import annotations

import datetime as dt
import hashlib

import certificate_factory
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.x509 import (
    read_certificate,
    read_stored,
    signature_is_valid,
)
from certificate_factory import (
    ANY_PURPOSE,
    EXPIRES,
    ISSUED,
    SERVER_AUTHENTICATION,
    ec_key,
    issue,
    rsa_key,
)
from cryptography import x509
from hypothesis import example, given
from hypothesis import strategies as st

SECOND = dt.timedelta(seconds=1)
DAY = dt.timedelta(days=1)
SAN = x509.ObjectIdentifier("2.5.29.17")


# --- reading ---


def test_everything_is_read():
    issued = issue("vpn.example.com", names=("vpn.example.com", "*.example.com", "203.0.113.5"), eku=(SERVER_AUTHENTICATION, ANY_PURPOSE))
    certificate = issued.certificate
    assert certificate.thumbprint == hashlib.sha1(issued.der).hexdigest().upper()
    assert certificate.sha256 == hashlib.sha256(issued.der).hexdigest().upper()
    assert (certificate.subject, certificate.issuer) == ("CN=vpn.example.com", "CN=Test CA")
    assert int(certificate.serial, 16) == issued.x509.serial_number
    assert (certificate.not_before, certificate.not_after) == (ISSUED, EXPIRES)
    assert certificate.eku == (SERVER_AUTHENTICATION, ANY_PURPOSE)
    assert certificate.names == ("vpn.example.com", "*.example.com", "203.0.113.5")


def test_extensions_may_be_absent():
    certificate = issue(eku=None, names=()).certificate
    assert certificate.eku is None
    assert certificate.names == ()


def damaged(der: bytes, position: int, byte: int) -> bytes:
    position %= len(der)
    return der[:position] + bytes([byte]) + der[position + 1 :]


VERSION = certificate_factory.new().der.index(bytes.fromhex("a003020102")) + 4


@given(st.integers(0, 2000), st.integers(0, 255))
@example(VERSION, 1)
@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_a_damaged_certificate_is_read_or_refused(position, byte):
    try:
        read_certificate(damaged(certificate_factory.new().der, position, byte))
    except SstpError:
        return


@pytest.mark.parametrize(
    "der",
    [
        pytest.param(damaged(certificate_factory.new().der, VERSION, 1), id="version 2"),
        pytest.param(issue(names=(), extensions=(x509.UnrecognizedExtension(SAN, bytes.fromhex("3004a3023000")),)).der, id="X.400 address in the SAN"),
        pytest.param(issue(names=(), extensions=(x509.UnrecognizedExtension(SAN, bytes.fromhex("3004a5023000")),)).der, id="EDI party in the SAN"),
    ],
)
def test_an_odd_certificate_in_a_store_is_known_by_its_hashes(der):
    assert read_stored(der).thumbprint == hashlib.sha1(der).hexdigest().upper()


def test_garbage_in_a_store_is_known_by_its_hashes():
    certificate = read_stored(b"garbage")
    assert certificate.thumbprint == hashlib.sha1(b"garbage").hexdigest().upper()
    assert certificate.sha256 == hashlib.sha256(b"garbage").hexdigest().upper()
    assert certificate.subject == "(unreadable)"
    assert certificate.eku is None


def test_a_good_certificate_in_a_store_is_read():
    assert read_stored(certificate_factory.new().der) == read_certificate(certificate_factory.new().der)


# --- what keys have signed ---

SIGNED = b"challenge"


@pytest.mark.parametrize("key", [pytest.param(rsa_key(), id="RSA"), pytest.param(ec_key(), id="ECDSA as r and s")])
def test_a_signature_of_the_key_is_valid(key):
    issued = issue(key=key)
    algorithm, signature = issued.sign(SIGNED)
    assert signature_is_valid(issued.certificate, algorithm, signature, SIGNED) is True


@pytest.mark.parametrize("key", [pytest.param(rsa_key(), id="RSA"), pytest.param(ec_key(), id="ECDSA")])
@given(position=st.integers(0, 10_000))
def test_one_bit_flipped_is_not_valid(key, position):
    issued = certificate_factory.old() if key is rsa_key() else certificate_factory.new()
    algorithm, signature = issued.sign(SIGNED)
    flipped = bytearray(signature)
    flipped[position // 8 % len(flipped)] ^= 1 << position % 8
    assert signature_is_valid(issued.certificate, algorithm, bytes(flipped), SIGNED) is False


def test_a_signature_of_something_else_is_not_valid():
    algorithm, signature = certificate_factory.new().sign(SIGNED)
    assert signature_is_valid(certificate_factory.new().certificate, algorithm, signature, b"another challenge") is False


def test_a_signature_of_another_key_is_not_valid():
    algorithm, signature = issue(key=ec_key(1)).sign(SIGNED)
    assert signature_is_valid(certificate_factory.new().certificate, algorithm, signature, SIGNED) is False


@pytest.mark.parametrize(
    ("issued", "algorithm"),
    [
        pytest.param(certificate_factory.old, "ecdsa-sha256", id="ECDSA claimed for an RSA key"),
        pytest.param(certificate_factory.new, "rsa-sha256", id="RSA claimed for an EC key"),
        pytest.param(certificate_factory.old, "rsa-sha1", id="SHA-1 claimed for a signature with SHA-256"),
        pytest.param(certificate_factory.old, "md5", id="unknown algorithm"),
    ],
)
def test_a_wrong_algorithm_is_not_valid(issued, algorithm):
    _algorithm, signature = issued().sign(SIGNED)
    assert signature_is_valid(issued().certificate, algorithm, signature, SIGNED) is False


@given(st.binary(max_size=300))
def test_no_signature_breaks_the_check(signature):
    assert signature_is_valid(certificate_factory.old().certificate, "rsa-sha256", signature, SIGNED) is False
    assert signature_is_valid(certificate_factory.new().certificate, "ecdsa-sha256", signature, SIGNED) is False


def test_a_signature_cannot_be_checked_with_garbage():
    assert signature_is_valid(read_stored(b"garbage"), "rsa-sha256", b"signature", SIGNED) is None


def test_a_signature_of_an_unknown_curve_cannot_be_checked():
    prime256v1, unknown = bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d030163")
    certificate = read_stored(certificate_factory.new().der.replace(prime256v1, unknown))
    assert signature_is_valid(certificate, "ecdsa-sha256", bytes(64), SIGNED) is None
