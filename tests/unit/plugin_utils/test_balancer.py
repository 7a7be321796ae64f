# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The device that ends TLS in front of a server: how it is written, what its addresses show, and when that is one certificate."""

from __future__ import annotations

import dataclasses

import certificate_factory
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils import balancer as module
from ansible_collections.rras.sstp.plugins.plugin_utils.balancer import Balancer, look_at_balancer, parse_balancer, require_one_certificate
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.client import Depth
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.driver import Outcome
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.events import Stage
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.tls import Served
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.verdict import Code, Verdict
from hypothesis import given
from hypothesis import strategies as st

OLD, NEW = certificate_factory.old(), certificate_factory.new()
V4, V6 = "192.0.2.7", "2001:db8::7"
REFUSED = Outcome(Verdict(Code.REFUSED, Stage.CONNECT, "Nothing listens there."))


def shows(issued, *chain):
    served = Served(tuple(one.der for one in (issued, *chain)), "TLSv1.3", "X")
    return Outcome(Verdict(Code.OK, Stage.TLS, "All is well."), served)


@pytest.fixture
def seen(monkeypatch):
    """Address -> what a probe of it comes to; the targets that were asked for are kept."""
    outcomes, targets = {}, []

    def probe_each(target):
        targets.append(target)
        return tuple((dataclasses.replace(target, address=address), outcome) for address, outcome in outcomes.items())

    monkeypatch.setattr(module, "probe_each", probe_each)
    outcomes.update({V4: shows(NEW), V6: shows(NEW)})
    return outcomes, targets


# --- how it is written ---


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        pytest.param("vpn.example.com", ("vpn.example.com", 443), id="name"),
        pytest.param("vpn.example.com:8443", ("vpn.example.com", 8443), id="name and port"),
        pytest.param(" vpn.example.com:443\n", ("vpn.example.com", 443), id="white space around"),
        pytest.param("192.0.2.1", ("192.0.2.1", 443), id="IPv4"),
        pytest.param("192.0.2.1:8443", ("192.0.2.1", 8443), id="IPv4 and port"),
        pytest.param("2001:db8::1", ("2001:db8::1", 443), id="IPv6"),
        pytest.param("[2001:db8::1]", ("2001:db8::1", 443), id="IPv6 in brackets"),
        pytest.param("[2001:db8::1]:8443", ("2001:db8::1", 8443), id="IPv6 and port"),
        pytest.param("::1", ("::1", 443), id="short IPv6"),
    ],
)
def test_a_balancer_is_read(text, parsed):
    assert parse_balancer(text) == parsed


@pytest.mark.parametrize(
    "text",
    ["", " ", ":443", "[]:443", "vpn.example.com:", "vpn.example.com:https", "vpn.example.com:-1", "vpn.example.com:\uff14\uff14\uff13", "[::1", "[::g]:443",
     "https://vpn.example.com", "vpn.example.com/sra", "vpn.example.com:443:443"],
)  # fmt: skip
def test_what_is_no_balancer_is_refused(text):
    with pytest.raises(SstpError) as caught:
        parse_balancer(text)
    assert str(caught.value) == f"A load balancer is written vpn.example.com, vpn.example.com:8443 or [2001:db8::1]:443, but {text!r} is not."


@pytest.mark.parametrize("port", [0, 65536])
def test_a_port_of_a_balancer_that_there_cannot_be(port):
    with pytest.raises(SstpError, match=f"The port of the balancer must lie between 1 and 65535, but {port} does not"):
        parse_balancer(f"vpn.example.com:{port}")


@given(st.text(max_size=30))
def test_a_balancer_is_read_or_refused(text):
    try:
        host, port = parse_balancer(text)
    except SstpError:
        return
    assert host
    assert 1 <= port <= 65535


# --- what it shows ---


def test_each_address_is_looked_at_without_judging_the_certificate(seen):
    look_at_balancer("vpn.example.com:8443", 7.0)
    (target,) = seen[1]
    assert (target.host, target.port, target.depth, target.verify) == ("vpn.example.com", 8443, Depth.TLS, False)
    assert (target.timeout, target.stage_timeout) == (7.0, 7.0)


def test_what_each_address_shows_is_kept_by_its_endpoint(seen):
    seen[0][V6] = shows(OLD)
    found = look_at_balancer("vpn.example.com:8443", 1.0)
    assert found.certificates == {f"{V4}:8443": NEW.certificate, f"[{V6}]:8443": OLD.certificate}
    assert found.silent == {}


def test_it_is_the_first_certificate_of_the_chain_that_counts(seen):
    seen[0].update({V4: shows(NEW, OLD), V6: shows(NEW, OLD)})
    assert look_at_balancer("vpn.example.com", 1.0).certificate == NEW.certificate


def test_an_address_that_shows_nothing_says_why(seen):
    seen[0][V6] = REFUSED
    found = look_at_balancer("vpn.example.com", 1.0)
    assert (set(found.certificates), found.silent) == ({f"{V4}:443"}, {f"[{V6}]:443": "Nothing listens there."})


def test_a_certificate_that_was_shown_counts_whatever_became_of_the_connection(seen):
    seen[0].update({V4: dataclasses.replace(shows(NEW), verdict=Verdict(Code.CLOSED, Stage.TLS, "Closed.")), V6: REFUSED})
    assert look_at_balancer("vpn.example.com", 1.0).certificate == NEW.certificate


def test_a_balancer_is_named_as_the_user_wrote_it(seen):
    assert look_at_balancer(" VPN.example.com:443 ", 1.0).name == "VPN.example.com:443"


def test_what_is_no_balancer_is_not_looked_at(seen):
    with pytest.raises(SstpError, match="A load balancer is written"):
        look_at_balancer("https://vpn.example.com", 1.0)
    assert seen[1] == []


# --- one certificate ---


@pytest.mark.parametrize(
    ("certificates", "silent", "one"),
    [
        pytest.param({"a:443": NEW.certificate}, {}, NEW.certificate, id="one address"),
        pytest.param({"a:443": NEW.certificate, "b:443": NEW.certificate}, {}, NEW.certificate, id="the same twice"),
        pytest.param({"a:443": NEW.certificate}, {"b:443": "Refused."}, NEW.certificate, id="one of two is silent"),
        pytest.param({"a:443": NEW.certificate, "b:443": OLD.certificate}, {}, None, id="two"),
        pytest.param({}, {"a:443": "Refused."}, None, id="none"),
    ],
)
def test_the_certificate_that_all_show(certificates, silent, one):
    assert Balancer("vpn", certificates, silent).certificate == one


def test_one_certificate_is_taken():
    assert require_one_certificate(Balancer("vpn", {"a:443": NEW.certificate}, {"b:443": "Refused."})) == NEW.certificate


def test_no_certificate_is_refused_with_every_reason():
    with pytest.raises(SstpError) as caught:
        require_one_certificate(Balancer("vpn.example.com", {}, {"a:443": "Nothing listens there.", "b:443": "It took too long."}))
    assert str(caught.value) == (
        "The load balancer vpn.example.com shows the controller no certificate (a:443: Nothing listens there.; b:443: It took too long); "
        "see why, or give sha256 in its place."
    )


def test_two_certificates_are_refused_and_both_are_named():
    with pytest.raises(SstpError) as caught:
        require_one_certificate(Balancer("vpn.example.com", {"a:443": NEW.certificate, "b:443": OLD.certificate}, {}))
    assert str(caught.value) == (
        f"The load balancer vpn.example.com does not show the same certificate everywhere ({NEW.thumbprint} at a:443; {OLD.thumbprint} at b:443); "
        "a server behind it can have only one hash: let it serve one certificate first."
    )


def test_a_balancer_in_results():
    shown = Balancer("vpn", {"a:443": NEW.certificate}, {"b:443": "Refused."}).to_result()
    assert shown == [
        {"endpoint": "a:443", "thumbprint": NEW.thumbprint, "sha256": NEW.sha256, "error": None},
        {"endpoint": "b:443", "thumbprint": None, "sha256": None, "error": "Refused."},
    ]
