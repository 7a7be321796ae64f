# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate that a user names, and the PFX that is made of it for one call."""

from __future__ import annotations

import base64
import re

import certificate_factory
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.action import _decode_content
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.sources import SOURCE_SPEC, candidate_of, sealed

OLD, NEW = certificate_factory.old(), certificate_factory.new()
FILES = {
    "new.pfx": NEW.pfx("secret"),
    "open.pfx": NEW.pfx(None),
    "old.pfx": OLD.pfx("secret"),
    "new.pem": NEW.pem,
    "new.cer": NEW.der,
    "old.pem": OLD.pem,
}
SERVER_2016, SERVER_2022 = 14393, 20348


def read(source, what):
    """As SstpAction reads: content as it is, everything else from a directory of files."""
    content = _decode_content(source)
    return (FILES[source], source) if content is None else (content, "given as content")


def named(**args):
    return candidate_of({**dict.fromkeys(SOURCE_SPEC), **args}, read)


SPACED = " ".join(re.findall("..", NEW.thumbprint.lower()))
PFX = {"pfx": "new.pfx", "pfx_password": "secret"}
OLD_PFX = {"pfx": "old.pfx", "pfx_password": "secret"}


@pytest.mark.parametrize(
    "args",
    [
        pytest.param(PFX, id="PFX"),
        pytest.param({"pfx": "open.pfx"}, id="PFX without a password"),
        pytest.param({"pfx": base64.b64encode(FILES["new.pfx"]).decode(), "pfx_password": "secret"}, id="PFX as base64"),
        pytest.param({"pfx": base64.encodebytes(FILES["new.pfx"]).decode(), "pfx_password": "secret"}, id="PFX as base64 in lines"),
        pytest.param({"certificate": "new.pem"}, id="PEM"),
        pytest.param({"certificate": "new.cer"}, id="DER"),
        pytest.param({"certificate": NEW.pem.decode()}, id="PEM as content"),
        pytest.param({"certificate": base64.b64encode(NEW.der).decode()}, id="DER as base64"),
        pytest.param({**PFX, "certificate": "new.pem"}, id="PFX and certificate"),
        pytest.param({**PFX, "thumbprint": SPACED}, id="PFX and thumbprint"),
        pytest.param({"certificate": "new.pem", "thumbprint": SPACED}, id="certificate and thumbprint"),
        pytest.param({**PFX, "certificate": "new.cer", "thumbprint": SPACED}, id="all three"),
    ],
)
def test_one_certificate_is_named(args):
    assert named(**args).certificate == NEW.certificate


@pytest.mark.parametrize("args", [{}, {"thumbprint": SPACED}, {"dns_names": ["vpn.example.com"]}], ids=["nothing", "a thumbprint", "names"])
def test_what_the_controller_does_not_have_is_no_candidate(args):
    assert named(**args) is None


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        pytest.param(
            {**PFX, "certificate": "old.pem"},
            f"Options pfx and certificate name different certificates ({NEW.thumbprint} and {OLD.thumbprint}); give one of them.",
            id="PFX and certificate",
        ),
        pytest.param(
            {**OLD_PFX, "certificate": "new.pem", "thumbprint": NEW.thumbprint},
            f"Options pfx and certificate name different certificates ({OLD.thumbprint} and {NEW.thumbprint}); give one of them.",
            id="PFX against the other two",
        ),
        pytest.param(
            {**PFX, "thumbprint": OLD.thumbprint},
            f"Option thumbprint names {OLD.thumbprint}, but the certificate given is {NEW.thumbprint}; give one of them.",
            id="PFX and thumbprint",
        ),
        pytest.param(
            {"certificate": "new.pem", "thumbprint": OLD.thumbprint},
            f"Option thumbprint names {OLD.thumbprint}, but the certificate given is {NEW.thumbprint}; give one of them.",
            id="certificate and thumbprint",
        ),
        pytest.param(
            {**PFX, "certificate": "new.pem", "thumbprint": OLD.thumbprint},
            f"Option thumbprint names {OLD.thumbprint}, but the certificate given is {NEW.thumbprint}; give one of them.",
            id="thumbprint against the other two",
        ),
        pytest.param({**PFX, "pfx_password": "wrong"}, "The PFX new.pfx cannot be opened with the password given; check pfx_password.", id="wrong password"),
        pytest.param({"pfx": "new.pfx"}, "The PFX new.pfx cannot be opened with no password; check pfx_password.", id="no password"),
        pytest.param(
            {"pfx": base64.b64encode(FILES["new.pfx"]).decode()},
            "The PFX given as content cannot be opened with no password; check pfx_password.",
            id="content is not repeated",
        ),
    ],
)
def test_sources_that_disagree_are_refused(args, sentence):
    with pytest.raises(SstpError) as caught:
        named(**args)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("thumbprint", [pytest.param("new.pem", id="file"), pytest.param(NEW.sha256, id="SHA-256"), pytest.param("0" * 39, id="short")])
def test_a_thumbprint_that_is_none_is_refused(thumbprint):
    with pytest.raises(SstpError, match="Option thumbprint must be 40 hexadecimal digits"):
        named(**PFX, thumbprint=thumbprint)


def test_a_candidate_has_the_key_of_the_pfx():
    assert named(**PFX).key.private_numbers() == NEW.key.private_numbers()


# --- sealed for one call ---


def opened_with(data, password):
    return candidate_of({**dict.fromkeys(SOURCE_SPEC), "pfx": "sealed", "pfx_password": password}, lambda source, what: (data, source))


@pytest.mark.parametrize("build", [0, SERVER_2016, SERVER_2022])
@pytest.mark.parametrize("issued", [pytest.param(OLD, id="RSA"), pytest.param(NEW, id="ECDSA")])
def test_what_is_sealed_opens_with_its_password_and_no_other(issued, build):
    secret = sealed(issued.candidate, build)
    data = base64.b64decode(secret.pfx, validate=True)
    opened = opened_with(data, secret.password)
    assert (opened.certificate, opened.chain) == (issued.certificate, ())
    assert opened.key.private_numbers() == issued.key.private_numbers()
    for password in (None, "secret", secret.password[:-1], secret.password.upper()):
        if password != secret.password:
            with pytest.raises(SstpError, match="cannot be opened"):
                opened_with(data, password)


def test_every_seal_has_a_password_of_256_bits_of_its_own():
    secrets = [sealed(NEW.candidate, SERVER_2022) for _number in range(8)]
    assert all(re.fullmatch(r"[0-9a-f]{64}", secret.password) for secret in secrets)
    assert len({secret.password for secret in secrets}) == len({secret.pfx for secret in secrets}) == 8


def test_what_is_sealed_does_not_show():
    secret = sealed(NEW.candidate, SERVER_2022)
    assert repr(secret) == str(secret) == "Secret()"
