# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of rotate and audit to what is wanted of a server, and each sentence that says why it cannot be."""

from __future__ import annotations

import dataclasses

import certificate_factory
import pytest
from ansible_collections.rras.sstp.plugins.action.audit import ARGUMENT_SPEC as AUDIT_SPEC
from ansible_collections.rras.sstp.plugins.action.rotate import ARGUMENT_SPEC
from ansible_collections.rras.sstp.plugins.plugin_utils import wanting as module
from ansible_collections.rras.sstp.plugins.plugin_utils.balancer import Balancer
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.plan import Limits
from ansible_collections.rras.sstp.plugins.plugin_utils.state import RegistryValue
from ansible_collections.rras.sstp.plugins.plugin_utils.wanting import MODE_SPEC, Source, at_port_after, look_for, scope_for, source_of, wanted_of
from host_factory import administered, good_key, healthy, offloading, stored, with_certificates, with_parameter, without_service

OLD, NEW, OTHER = certificate_factory.old(), certificate_factory.new(), certificate_factory.other()
ABROAD = with_certificates(offloading(healthy()))


def options(**given):
    return {name: spec.get("default") for name, spec in ARGUMENT_SPEC.items()} | given


def shown(*issued, silent=None):
    return Balancer("vpn.example.com", {f"192.0.2.{number}:443": one.certificate for number, one in enumerate(issued, 1)}, silent or {})


def want(state=None, source=Source(), balancer=None, **given):  # noqa: B008
    return wanted_of(options(**given), state or healthy(), source, balancer, Limits())


def refusal(*args, **kwargs):
    with pytest.raises(SstpError) as caught:
        want(*args, **kwargs)
    return str(caught.value)


class Host:
    """A back-end that answers with the same state, about the ports that it is asked for."""

    def __init__(self, state):
        self.state, self.asked = state, []

    def observe(self, scope):
        self.asked.append(scope)
        return dataclasses.replace(self.state, port=scope.ports[0], ports=scope.ports)


# --- options ---


@pytest.mark.parametrize("spec", [ARGUMENT_SPEC, AUDIT_SPEC], ids=["rotate", "audit"])
def test_rotate_and_audit_have_the_same_options_of_the_mode(spec):
    assert {name: spec[name] for name in MODE_SPEC} == MODE_SPEC


def test_a_source_is_what_the_options_name():
    found = source_of(options(sha256=NEW.sha256.lower()), NEW.candidate)
    assert found == Source(NEW.thumbprint, NEW.certificate, NEW.sha256, NEW.candidate)


def test_a_source_may_be_nothing():
    assert source_of(options(), None) == Source()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        pytest.param({"balancer": "https://vpn.example.com"}, "A load balancer is written", id="balancer"),
        pytest.param({"sha256": NEW.thumbprint}, "Option sha256 must be 64 hexadecimal digits", id="hash"),
        pytest.param({"listener_port": 0}, "listener_port must lie between 1 and 65535", id="port"),
        pytest.param({"listener_port": 8443, "port": 443}, "Options port and listener_port cannot be given together", id="two ports"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(given, sentence):
    with pytest.raises(SstpError, match=sentence):
        source_of(options(**given), None)


# --- what is looked at ---


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({}, "unless_automatic"),
        ({"mode": "automatic"}, "unless_automatic"),
        ({"mode": "offload"}, "unless_automatic"),
        ({"mode": "administrator"}, "always"),
        ({"mode": "administrator", "writer": "direct"}, "unless_automatic"),
    ],
)
def test_rras_is_asked_where_administrator_mode_is_found_or_wanted(given, asked):
    assert scope_for(options(**given), Source()).remote_access == asked


def test_the_certificate_that_is_named_is_to_be_proven_with_the_bound_one():
    scope = scope_for(options(port=8443), Source(NEW.thumbprint))
    assert (scope.ports, scope.thumbprints, scope.prove, scope.prove_bound) == ((8443,), (NEW.thumbprint,), (NEW.thumbprint,), True)


def test_where_no_port_is_named_the_host_says_which():
    assert scope_for(options(), Source()).ports == ()


def noted_port(port):
    note = {"mode": RegistryValue("string", "automatic"), "ListenerPort": RegistryValue("dword", port)}
    return dataclasses.replace(with_parameter(offloading(healthy()), "ListenerPort", RegistryValue("dword", 443)), before_offload=note)


@pytest.mark.parametrize(
    ("state", "given", "port"),
    [
        pytest.param(healthy(), {"listener_port": 8443}, 8443, id="SSTP moves"),
        pytest.param(noted_port(8443), {"mode": "automatic"}, 8443, id="SSTP goes back to the port before offload"),
    ],
)
def test_the_host_is_looked_at_once_more_about_the_port_that_sstp_gets(state, given, port):
    host, scope = Host(state), scope_for(options(**given), Source(NEW.thumbprint))
    after, moved = at_port_after(options(**given), state, scope, host)
    assert (after.port, moved) == (port, dataclasses.replace(scope, ports=(port,)))
    assert host.asked == [moved]


@pytest.mark.parametrize(
    ("state", "given"),
    [
        pytest.param(healthy(), {}, id="the port stays"),
        pytest.param(healthy(), {"listener_port": 443}, id="the port is the one already"),
        pytest.param(dataclasses.replace(healthy(), port=8443), {"port": 8443}, id="a port is named"),
        pytest.param(without_service(healthy(), "SstpSvc"), {"listener_port": 8443}, id="SSTP is not installed"),
        pytest.param(healthy(), {"mode": "offload", "listener_port": 80}, id="plain HTTP has no records"),
        pytest.param(offloading(healthy()), {"listener_port": 80}, id="within offload"),
    ],
)
def test_the_host_is_looked_at_once(state, given):
    host, scope = Host(state), scope_for(options(**given), Source())
    assert at_port_after(options(**given), state, scope, host) == (state, scope)
    assert host.asked == []


@pytest.mark.parametrize(
    ("state", "given", "looked"),
    [
        pytest.param(offloading(healthy()), {"balancer": "vpn.example.com"}, True, id="in offload"),
        pytest.param(offloading(healthy()), {"balancer": "vpn.example.com", "mode": "automatic"}, False, id="out of offload"),
        pytest.param(healthy(), {"balancer": "vpn.example.com", "mode": "offload"}, True, id="into offload"),
        pytest.param(healthy(), {"balancer": "vpn.example.com"}, False, id="automatic"),
        pytest.param(administered(healthy()), {"balancer": "vpn.example.com"}, False, id="administrator"),
        pytest.param(offloading(healthy()), {}, False, id="no balancer"),
    ],
)
def test_a_balancer_is_looked_at_where_the_server_stays_or_is_to_be_behind_one(monkeypatch, state, given, looked):
    asked = []
    monkeypatch.setattr(module, "look_at_balancer", lambda text, timeout: asked.append((text, timeout)) or shown(NEW))
    found = look_for(options(**given), state)
    assert (found is not None) is looked
    assert asked == ([("vpn.example.com", 10.0)] if looked else [])


# --- what is wanted where the server ends TLS itself ---


@pytest.mark.parametrize("given", [{}, {"mode": "administrator"}, {"mode": "automatic"}])
def test_a_certificate_of_the_store_is_wanted(given):
    wanted = want(source=Source(NEW.thumbprint), **given)
    assert (wanted.certificate, wanted.hash, wanted.thumbprint) == (NEW.certificate, NEW.sha256, NEW.thumbprint)


def test_a_certificate_that_the_controller_has_is_wanted_where_the_store_has_it_not():
    assert want(with_certificates(healthy()), Source(NEW.thumbprint, NEW.certificate)).certificate == NEW.certificate


def test_what_else_is_wanted_is_passed_on():
    given = {"mode": "administrator", "writer": "direct", "shared_records": True, "listener_port": 8443}
    wanted = wanted_of(options(**given), healthy(), Source(NEW.thumbprint), None, Limits(7, 9), "as_found")
    assert {name: getattr(wanted, name) for name in given} == given
    assert (wanted.service_state, wanted.limits) == ("as_found", Limits(7, 9))


def test_a_certificate_that_nobody_has_is_refused():
    assert refusal(with_certificates(healthy()), Source(NEW.thumbprint)) == (
        f"The certificate {NEW.thumbprint} is not in LocalMachine\\MY on this host; import it first, with rras.sstp.certificate."
    )


@pytest.mark.parametrize(("state", "mode"), [(healthy(), "automatic"), (administered(healthy()), "administrator")])
def test_a_server_that_ends_tls_itself_needs_a_certificate(state, mode):
    assert refusal(state, Source(sha256=NEW.sha256), shown(NEW)) == (
        f"In {mode} mode the server serves TLS itself: give the certificate as pfx, certificate, thumbprint or dns_names "
        "(balancer and sha256 are for servers behind a device that ends TLS; mode: offload makes it one)."
    )


def test_a_server_that_is_to_end_tls_itself_needs_a_certificate():
    assert refusal(offloading(healthy()), mode="automatic").startswith("In automatic mode the server serves TLS itself: give the certificate as")


# --- what is wanted behind a device that ends TLS ---


@pytest.mark.parametrize(
    ("source", "balancer", "certificate"),
    [
        pytest.param(Source(sha256=NEW.sha256), None, None, id="hash"),
        pytest.param(Source(NEW.thumbprint, NEW.certificate), None, NEW.certificate, id="certificate of the controller"),
        pytest.param(Source(), shown(NEW), NEW.certificate, id="balancer"),
        pytest.param(Source(), shown(NEW, NEW), NEW.certificate, id="balancer with two addresses"),
        pytest.param(Source(sha256=NEW.sha256), shown(NEW), NEW.certificate, id="hash and balancer"),
        pytest.param(Source(NEW.thumbprint), shown(NEW), NEW.certificate, id="thumbprint of what the balancer shows"),
        pytest.param(Source(NEW.thumbprint, NEW.certificate, NEW.sha256), shown(NEW), NEW.certificate, id="all of them"),
    ],
)
def test_a_hash_is_wanted_however_it_is_told(source, balancer, certificate):
    wanted = want(ABROAD, source, balancer, mode="offload")
    assert (wanted.hash, wanted.certificate) == (NEW.sha256, certificate)


def test_a_hash_may_be_told_by_a_certificate_of_the_store():
    state = with_certificates(offloading(healthy()), stored(NEW, key=good_key(NEW)))
    assert want(state, Source(NEW.thumbprint), mode="offload").certificate == NEW.certificate


@pytest.mark.parametrize("source", [Source(NEW.thumbprint, NEW.certificate), Source(NEW.thumbprint), Source()])
def test_a_certificate_alone_is_not_taken_for_what_the_balancer_serves(source):
    """A fleet may be rotated to it while the device in front of this server still has the old one."""
    assert refusal(offloading(healthy()), source) == module._UNSAID


def test_a_hash_is_wanted_on_the_way_into_offload_too():
    assert want(healthy(), Source(sha256=NEW.sha256), mode="offload").hash == NEW.sha256


@pytest.mark.parametrize(
    ("source", "balancer", "differing"),
    [
        pytest.param(Source(sha256=OLD.sha256), shown(NEW), f"{OLD.sha256} of sha256 and {NEW.sha256} of the balancer", id="hash and balancer"),
        pytest.param(
            Source(OLD.thumbprint, OLD.certificate), shown(NEW), f"{OLD.sha256} of the certificate and {NEW.sha256} of the balancer", id="another certificate"
        ),
        pytest.param(
            Source(NEW.thumbprint, NEW.certificate, OLD.sha256), None, f"{OLD.sha256} of sha256 and {NEW.sha256} of the certificate", id="hash and certificate"
        ),
        pytest.param(
            Source(OLD.thumbprint, OLD.certificate, OTHER.sha256),
            shown(NEW),
            f"{OTHER.sha256} of sha256 and {OLD.sha256} of the certificate and {NEW.sha256} of the balancer",
            id="all three",
        ),
    ],
)
def test_what_does_not_agree_is_refused_and_named(source, balancer, differing):
    assert refusal(ABROAD, source, balancer, mode="offload") == (
        f"What is given for offload mode does not agree: the SHA-256 is {differing}; give what the balancer serves."
    )


@pytest.mark.parametrize(("source", "balancer"), [(Source(OTHER.thumbprint), None), (Source(OTHER.thumbprint), shown(NEW))])
def test_a_thumbprint_of_which_nobody_knows_the_hash_is_refused(source, balancer):
    assert refusal(ABROAD, source, balancer, mode="offload") == (
        f"The certificate {OTHER.thumbprint} is neither in LocalMachine\\MY on this host nor what the balancer shows, so nobody knows its SHA-256 hash; "
        "for offload mode give the balancer, its certificate (certificate), or the hash (sha256) alone."
    )


def test_nothing_at_all_is_refused():
    assert refusal(ABROAD, mode="offload") == module._UNSAID
    assert "give the balancer, so that the controller reads it, or its SHA-256 hash (sha256)" in module._UNSAID


@pytest.mark.parametrize(
    ("balancer", "words"),
    [(shown(silent={"192.0.2.1:443": "Refused."}), "shows the controller no certificate"), (shown(NEW, OLD), "does not show the same certificate everywhere")],
)
def test_a_balancer_without_one_certificate_is_refused(balancer, words):
    assert words in refusal(ABROAD, balancer=balancer)
