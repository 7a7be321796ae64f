# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users write: thumbprints, application ids, ports, endpoints."""

from __future__ import annotations

import ipaddress
import string

import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.inputs import (
    Endpoint,
    clean_address,
    clean_app_id,
    clean_hex,
    clean_number,
    clean_port,
    clean_thumbprint,
    pair,
    parse_endpoint,
)
from hypothesis import given
from hypothesis import strategies as st

THUMBPRINT = "00112233445566778899AABBCCDDEEFF00112233"
SPACED = "00 11 22 33 44 55 66 77 88 99 aa bb cc dd ee ff 00 11 22 33"
SSTP = "{ba195980-cd49-458b-9e23-c84ee0adcd75}"


@pytest.mark.parametrize(
    "pasted",
    [
        pytest.param(THUMBPRINT, id="clean"),
        pytest.param(THUMBPRINT.lower(), id="lower case"),
        pytest.param(SPACED, id="spaces of the certificate dialogue"),
        pytest.param("\u200e" + SPACED, id="invisible mark of the certificate dialogue"),
        pytest.param("\ufeff" + THUMBPRINT + "\u200f", id="other invisible marks"),
        pytest.param(SPACED.replace(" ", ":"), id="colons of OpenSSL"),
        pytest.param(SPACED.replace(" ", "-"), id="dashes of BitConverter"),
        pytest.param(SPACED.replace(" ", "\u00a0"), id="no-break spaces of a web page"),
        pytest.param(f"\t{THUMBPRINT}\r\n", id="line end"),
    ],
)
def test_thumbprint_is_cleaned(pasted):
    assert clean_thumbprint(pasted) == THUMBPRINT


@pytest.mark.parametrize(
    "pasted",
    [
        pytest.param("", id="empty"),
        pytest.param(THUMBPRINT[:-1], id="too short"),
        pytest.param(THUMBPRINT + "0", id="too long"),
        pytest.param(THUMBPRINT[:-1] + "G", id="no hexadecimal digit"),
        pytest.param("\uff10\uff11" + THUMBPRINT[2:], id="full-width digits"),
        pytest.param("\u0661" + THUMBPRINT[1:], id="Arabic digit"),
        pytest.param("0x" + THUMBPRINT[2:], id="prefix"),
        pytest.param(THUMBPRINT + THUMBPRINT[:24], id="a SHA-256"),
    ],
)
def test_thumbprint_is_refused(pasted):
    with pytest.raises(SstpError, match=r"must be 40 hexadecimal digits.*copy it again"):
        clean_thumbprint(pasted)


def test_refusal_names_the_option():
    with pytest.raises(SstpError, match=r"^Option sha256 must be 64 hexadecimal digits, but 'AB' is not"):
        clean_hex("AB", "Option sha256", 64)


@given(st.binary(min_size=20, max_size=20), st.sampled_from([" ", ":", "-"]))
def test_thumbprint_survives_its_separators(digest, separator):
    assert clean_thumbprint(digest.hex(separator)) == digest.hex().upper()


@given(st.text(max_size=60))
def test_thumbprint_is_cleaned_or_refused(text):
    try:
        cleaned = clean_thumbprint(text)
    except SstpError:
        return
    assert len(cleaned) == 40
    assert set(cleaned) <= set(string.hexdigits.upper())


@pytest.mark.parametrize("text", [SSTP, SSTP.upper(), SSTP[1:-1], SSTP.replace("-", ""), f" {SSTP}\n"])
def test_app_id_is_cleaned(text):
    assert clean_app_id(text) == SSTP


@pytest.mark.parametrize("text", ["", "IIS", SSTP[:-2] + "}", SSTP.replace("b", "g")])
def test_app_id_is_refused(text):
    with pytest.raises(SstpError, match="app_id must be a GUID such as"):
        clean_app_id(text)


@pytest.mark.parametrize("port", [1, 443, 65535])
def test_port_is_taken(port):
    assert clean_port(port) == port


@pytest.mark.parametrize("port", [-1, 0, 65536])
def test_port_is_refused(port):
    with pytest.raises(SstpError, match=f"port must lie between 1 and 65535, but {port} does not"):
        clean_port(port)


def test_a_number_is_taken_from_the_least_on():
    assert clean_number(0, "settle_timeout", 0) == 0
    with pytest.raises(SstpError, match="service_timeout must be 1 or more, but 0 is not"):
        clean_number(0, "service_timeout", 1)


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        pytest.param("0.0.0.0:443", Endpoint("ip", "0.0.0.0", 443), id="any v4"),
        pytest.param("203.0.113.5:8443", Endpoint("ip", "203.0.113.5", 8443), id="exact v4"),
        pytest.param("[::]:443", Endpoint("ip", "::", 443), id="any v6"),
        pytest.param("[2001:DB8:0:0::5]:443", Endpoint("ip", "2001:db8::5", 443), id="v6 in another spelling"),
        pytest.param("vpn.example.com:443", Endpoint("sni", "0.0.0.0", 443, "vpn.example.com"), id="host"),
        pytest.param("VPN.Example.COM:443", Endpoint("sni", "0.0.0.0", 443, "vpn.example.com"), id="upper-case host"),
        pytest.param("*.example.com:443", Endpoint("sni", "0.0.0.0", 443, "*.example.com"), id="wildcard host"),
        pytest.param("ccs:443", Endpoint("ccs", "0.0.0.0", 443), id="central certificate store"),
        pytest.param("CCS:8443", Endpoint("ccs", "0.0.0.0", 8443), id="central certificate store in upper case"),
        pytest.param("0.0.0.0:1", Endpoint("ip", "0.0.0.0", 1), id="lowest port"),
        pytest.param("0.0.0.0:65535", Endpoint("ip", "0.0.0.0", 65535), id="highest port"),
        pytest.param(" 0.0.0.0:443\n", Endpoint("ip", "0.0.0.0", 443), id="white space around"),
    ],
)
def test_endpoint_is_read(text, endpoint):
    assert parse_endpoint(text) == endpoint


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", "is written", id="empty"),
        pytest.param("443", "is written", id="port alone"),
        pytest.param(":443", "is written", id="no address"),
        pytest.param("0.0.0.0", "is written", id="no port"),
        pytest.param("0.0.0.0:", "is written", id="empty port"),
        pytest.param("0.0.0.0:https", "is written", id="port by name"),
        pytest.param("0.0.0.0:-1", "is written", id="negative port"),
        pytest.param("0.0.0.0:\uff14\uff14\uff13", "is written", id="full-width port"),
        pytest.param("[::]", "is written", id="v6 without a port"),
        pytest.param("vpn.example.com", "is written", id="host without a port"),
        pytest.param("0.0.0.0:0", "between 1 and 65535", id="port 0"),
        pytest.param("0.0.0.0:65536", "between 1 and 65535", id="port 65536"),
        pytest.param("2001:db8::5:443", "needs brackets", id="v6 without brackets"),
        pytest.param(":::443", "needs brackets", id="any v6 without brackets"),
        pytest.param("256.0.0.1:443", "not an IP address", id="v4 out of range"),
        pytest.param("10.0.0:443", "not an IP address", id="short v4"),
        pytest.param("[::g]:443", "not an IP address", id="broken v6"),
    ],
)
def test_endpoint_is_refused(text, reason):
    with pytest.raises(SstpError, match=reason):
        parse_endpoint(text)


hosts = st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?(\.[a-z]([a-z0-9-]{0,10}[a-z0-9])?){0,3}", fullmatch=True)
addresses = st.one_of(st.ip_addresses(), st.sampled_from([ipaddress.ip_address("0.0.0.0"), ipaddress.ip_address("::")]))
ports = st.integers(1, 65535)
endpoints = st.one_of(
    st.builds(lambda address, port: Endpoint("ip", str(address), port), addresses, ports),
    st.builds(lambda host, port: Endpoint("sni", "0.0.0.0", port, host), hosts.filter(lambda host: host != "ccs"), ports),
    st.builds(lambda port: Endpoint("ccs", "0.0.0.0", port), ports),
)


@given(endpoints)
def test_endpoint_is_written_as_it_is_read(endpoint):
    assert parse_endpoint(str(endpoint)) == endpoint


@given(st.text(max_size=40))
def test_endpoint_is_read_or_refused(text):
    try:
        endpoint = parse_endpoint(text)
    except SstpError:
        return
    assert 1 <= endpoint.port <= 65535


def test_pair_is_the_two_wildcards():
    assert [str(endpoint) for endpoint in pair(8443)] == ["0.0.0.0:8443", "[::]:8443"]


@pytest.mark.parametrize("text", ["[::1:443", "::1]:443", "[vpn.example.com:443"])
def test_half_a_pair_of_brackets_is_named(text):
    with pytest.raises(SstpError) as caught:
        parse_endpoint(text)
    assert str(caught.value) == f"The brackets of endpoint {text!r} are not a pair; write [::]:443."


@pytest.mark.parametrize(
    ("text", "address"),
    [("192.0.2.1", "192.0.2.1"), (" 192.0.2.1\n", "192.0.2.1"), ("2001:DB8:0:0::1", "2001:db8::1"), ("::ffff:192.0.2.1", "::ffff:192.0.2.1")],
)
def test_an_address_is_written_as_an_endpoint_has_it(text, address):
    found = clean_address(text, "public_addresses")
    assert ipaddress.ip_address(found) == ipaddress.ip_address(address)
    assert found == parse_endpoint(f"[{text.strip()}]:443" if ":" in text else f"{text.strip()}:443").address


@pytest.mark.parametrize("text", ["", "vpn.example.com", "192.0.2.1:443", "[2001:db8::1]", "192.0.2.0/24", "256.0.0.1"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(SstpError) as caught:
        clean_address(text, "public_addresses")
    assert str(caught.value) == f"public_addresses must hold IP addresses such as 192.0.2.1 or 2001:db8::1, but {text!r} is none."
