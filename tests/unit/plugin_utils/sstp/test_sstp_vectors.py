# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test vectors of the protocol (domain facts 4.7), byte for byte."""

from __future__ import annotations

import sys

import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp import chap, codec, http, mschapv2
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.crypto_binding import HashProtocol, call_connected, choose, compound_mac_key
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.ppp import Packet

SHA1, SHA256 = HashProtocol.SHA1, HashProtocol.SHA256
FROM_HEX = bytes.fromhex

A_HLAK = "2A1BB40D55AB0F5EF32F06F2B3CC73C48FD3FAC41D7A1315A19228D9024CA164"
A_NONCE = "412B489AEBD7ECC7D08966F26BE7CD72B231A0E9210D7C91B308862B0344C435"
A_HASH = "7993EF314C493DACE9F02D60E7E61C84B6690AAFE9D7AEEA92CBBE8AD599422D"
A_CMK = "ecf59ac9fe155cf0a9e7d66adc1b363c1ad7ba91a9217f0cec2a534298828df6"
A_CMAC = "52A68EFD8CFFBF52770B8F0FE8EC73716583AF6D611EB6D179B3B20840985449"

B_HLAK = "4B3128F43925D9006EEFB1C4E86515A1D88E56BAB3CA2BDF0373B7F5A8A13B19"
B_NONCE = "0F1A2D58D4A3E3000FAD3CE4906E07B707AA9E441CCEAC5CBD7B2CC1C9D86CDF"
B_HASH = "5826B629BDA59B8E6FD8DCD2622FD34C534805A5"
B_CMK = "a98b862a38cc7e224b42cd128586acb22f0bd1e9"
B_CMAC = "69915DD583D8062FEF16F61DB2F03290EC27CB6C"

C_CMK = "d342eb00477d6a37e1a184fb0168cb3ea3b6645fa0f227904d20eef5cb8f9327"
C_CMAC = "37350a9168e4697495f2f535721af42be80a185d6dc4c4dc929f8f87e304a616"

USER, PASSWORD = "User", "clientPass"
CHALLENGE, PEER_CHALLENGE = FROM_HEX("5B5D7C7D7B3F2F3E3C2C602132262628"), FROM_HEX("21402324255E262A28295F2B3A337C7E")
D_HLAK = "D5F0E9521E3EA9589645E86051C82226" + "8B7CDC149B993A1BA118CB153F56DCCB"
D_CERTIFICATE, D_NONCE = b"SSTP test certificate", bytes(range(32)).hex()
D_SHA256 = "9828a650187d3c11b6a132b6fcab33128bb5fb117ad9fec54e30e6846b2a049c"
D_SHA1 = "13a809756ee9a1eefc534b9ac4b0c07d3b0b3203"

BINDINGS = {
    "A": (SHA256, A_HLAK, A_NONCE, A_HASH, A_CMK, A_CMAC),
    "B": (SHA1, B_HLAK, B_NONCE, B_HASH, B_CMK, B_CMAC),
    "C": (SHA256, "00" * 32, A_NONCE, A_HASH, C_CMK, C_CMAC),
    "D SHA-256": (
        SHA256,
        D_HLAK,
        D_NONCE,
        D_SHA256,
        "150707e682b16f4ca9430560c562894afd10050db4182d35c3e9e06284445271",
        "0d92051c58c25f8845118f6cab87e64cc124c1b448ff1ab006ae42e0fb018805",
    ),
    "D SHA-1": (SHA1, D_HLAK, D_NONCE, D_SHA1, "3afbff0ba79dd9743bd09949fa99f9d0c92d3698", "c4372fbb1244c33310815b3f544a6bf59040f8a0"),
}


@pytest.mark.parametrize(("protocol", "hlak", "nonce", "certificate_hash", "key", "mac"), BINDINGS.values(), ids=BINDINGS)
def test_the_crypto_binding(protocol, hlak, nonce, certificate_hash, key, mac):
    assert compound_mac_key(FROM_HEX(hlak), protocol) == FROM_HEX(key)
    message = "10010070 00040001 00030068 000000" + format(protocol, "02x") + nonce + certificate_hash.ljust(64, "0") + mac.ljust(64, "0")
    assert call_connected(protocol, FROM_HEX(nonce), FROM_HEX(certificate_hash), FROM_HEX(hlak)) == FROM_HEX(message)


def test_the_certificate_hash():
    assert SHA256.digest(D_CERTIFICATE).hex() == D_SHA256
    assert SHA1.digest(D_CERTIFICATE).hex() == D_SHA1


@pytest.mark.parametrize(("bitmask", "chosen"), [(0, None), (1, SHA1), (2, SHA256), (3, SHA256), (4, None), (0xFE, SHA256), (0xFD, SHA1)])
def test_the_strongest_hash_protocol_is_chosen(bitmask, chosen):
    assert choose(bitmask) is chosen


def test_mschapv2_from_end_to_end():
    password = mschapv2.nt_hash(PASSWORD)
    assert password.hex().upper() == "44EBBA8D5312B8D611474411F56989AE"
    assert mschapv2.nt_hash_hash(password).hex().upper() == "41C00C584BD2D91C4017A2A12FA59F3F"
    assert mschapv2.challenge_hash(PEER_CHALLENGE, CHALLENGE, USER).hex().upper() == "D02E4386BCE91226"
    answer = mschapv2.answer(mschapv2.Credentials(USER, PASSWORD), CHALLENGE, PEER_CHALLENGE)
    response = "82309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF"
    assert answer.value == PEER_CHALLENGE + bytes(8) + FROM_HEX(response) + b"\0"
    assert answer.proof.hex().upper() == "407A5589115FD0D6209F510FE9C04566932CDA56"
    assert mschapv2.master_key(mschapv2.nt_hash_hash(password), FROM_HEX(response)).hex().upper() == "FDECE3717A8C838CB388E527AE3CDD31"
    assert answer.hlak == FROM_HEX(D_HLAK)


def test_the_domain_is_no_part_of_the_challenge_hash_but_the_upn_is():
    plain = mschapv2.challenge_hash(PEER_CHALLENGE, CHALLENGE, USER)
    assert mschapv2.challenge_hash(PEER_CHALLENGE, CHALLENGE, "EXAMPLE\\User") == plain
    assert mschapv2.challenge_hash(PEER_CHALLENGE, CHALLENGE, "User@example.com") != plain


def test_the_whole_name_goes_into_the_response():
    login = chap.Login(mschapv2.Credentials("EXAMPLE\\User", PASSWORD))
    response = login.receive(Packet(chap.CHALLENGE, 7, bytes([16]) + CHALLENGE + b"VPN01"))
    assert isinstance(response, Packet)
    assert (response.code, response.identifier, response.data[0], response.data[50:]) == (chap.RESPONSE, 7, 49, b"EXAMPLE\\User")


def test_the_bytes_of_the_messages():
    assert codec.connect_request().hex() == "1001000e000100010001000600" + "01"
    assert codec.disconnect() == FROM_HEX("10010014 00060001 0002000c 00000000 00000000")
    assert codec.abort(codec.StatusInfo(3, 4)) == FROM_HEX("10010014 00050001 0002000c 00000003 00000004")
    assert codec.bare(codec.MessageType.ECHO_RESPONSE) == FROM_HEX("10010008 00090000")
    assert codec.bare(codec.MessageType.CALL_DISCONNECT_ACK) == FROM_HEX("10010008 00070000")


def test_the_bytes_of_the_request():
    guid = "{00112233-4455-6677-8899-AABBCCDDEEFF}"
    assert http.duplex_post("vpn.example.com", 443, guid) == (
        b"SSTP_DUPLEX_POST /sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/ HTTP/1.1\r\n"
        b"SSTPCORRELATIONID: {00112233-4455-6677-8899-AABBCCDDEEFF}\r\n"
        b"Content-Length: 18446744073709551615\r\n"
        b"Host: vpn.example.com\r\n\r\n"
    )


# --- secrets, and what is missing ---


def test_secrets_do_not_show():
    credentials = mschapv2.Credentials(USER, PASSWORD)
    answer = mschapv2.answer(credentials, CHALLENGE, PEER_CHALLENGE)
    assert PASSWORD not in repr(credentials)
    assert D_HLAK[:8].lower() not in repr(answer).lower()


@pytest.mark.parametrize("password", ["secret\ud800", "\udfff"])
def test_a_password_that_is_no_text_is_refused_without_showing_it(password):
    with pytest.raises(SstpError, match="The password is no proper Unicode text.") as caught:
        mschapv2.nt_hash(password)
    assert caught.value.__suppress_context__
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("user", ["", "x" * 257, "\ud800"])
def test_a_user_name_that_cannot_be_sent_is_refused(user):
    with pytest.raises(SstpError, match="user name"):
        mschapv2.user_name(user)


def test_without_pycryptodome_one_sentence_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "Crypto.Hash", None)
    with pytest.raises(SstpError, match="needs the Python package pycryptodome"):
        mschapv2.nt_hash(PASSWORD)
