# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""States of hosts as hypothesis makes them: every mixture of the five places, with the new certificate in the store and fit."""

from __future__ import annotations

import dataclasses

import certificate_factory
from ansible_collections.rras.sstp.plugins.plugin_utils.inputs import Endpoint
from ansible_collections.rras.sstp.plugins.plugin_utils.names import SSTP_APP_ID
from ansible_collections.rras.sstp.plugins.plugin_utils.plan import Wanted
from ansible_collections.rras.sstp.plugins.plugin_utils.state import Adapter, HostState, RegistryValue, RemoteAccess, Served, Service, SslRecord
from host_factory import IIS_APP_ID, LOOPBACK_V4, LOOPBACK_V6, V4, V6, good_key, healthy, stored
from hypothesis import strategies as st

OLD, NEW, OTHER = certificate_factory.old(), certificate_factory.new(), certificate_factory.other()
NO_SUCH_THUMBPRINT = "00112233445566778899AABBCCDDEEFF00112233"

dwords = st.integers(0, 2**32 - 1)
texts = st.sampled_from([None, "", "issuers", "\u00dcbung"])

# NEW is often chosen, so that right and nearly right states are not rare.
thumbprints = st.sampled_from([NEW.thumbprint] * 4 + [OLD.thumbprint, OTHER.thumbprint, NO_SUCH_THUMBPRINT, ""])
stores = st.sampled_from(["MY", None, "", "My", "WebHosting"])


def records_of(endpoint: Endpoint) -> st.SearchStrategy[SslRecord]:
    return st.builds(
        SslRecord,
        st.just(endpoint),
        thumbprints,
        st.sampled_from([SSTP_APP_ID, SSTP_APP_ID, IIS_APP_ID]),
        stores,
        dwords,
        dwords,
        dwords,
        texts,
        texts,
        dwords,
    )


def values(right: str) -> st.SearchStrategy[RegistryValue | None]:
    wrong = [
        None,
        RegistryValue("binary", right[:-2]),
        RegistryValue("binary", right[:-2] + ("00" if right[-2:] != "00" else "01")),
        RegistryValue("binary", ""),
        RegistryValue("binary", None, 8192),
        RegistryValue("string", right),
        RegistryValue("dword", 7),
        RegistryValue("multistring", [right]),
    ]
    return st.sampled_from([RegistryValue("binary", right)] * 6 + wrong)


states_of_services = st.sampled_from(["running", "running", "running", "stopped", "stoppending", "startpending", "paused", "unknown"])


@st.composite
def services(draw: st.DrawFn) -> tuple[Service, ...]:
    rras = Service("RemoteAccess", draw(states_of_services), draw(st.sampled_from([2, 2, 3, 4, None])), ("RasMan", "RpcSS"))
    chain = (Service("SstpSvc", draw(states_of_services), 3, ("HTTP",)), Service("RasMan", draw(states_of_services), 3, ("SstpSvc",)))
    extra = (Service("Billing", draw(states_of_services), draw(st.sampled_from([2, 2, 4])), ("RasMan",)),) if draw(st.booleans()) else ()
    return (*chain, rras, *extra) if draw(st.integers(0, 9)) else (*chain, *extra)


served_or_not = st.sampled_from(
    [(NEW.certificate, None), (OLD.certificate, None), (None, {"code": 10061, "message": "refused"}), (None, {"code": 10049, "message": "none"})]
)
names_of_sha256 = st.sampled_from(["SHA256CertificateHash", "sha256certificatehash"])


@st.composite
def host_states(draw: st.DrawFn) -> HostState:
    """SSTP is installed, in automatic mode, without a journal; NEW is in MY, and its key is proven."""
    pair = [draw(records_of(endpoint)) for endpoint in (V4, V6) if draw(st.integers(0, 4))]
    hiding = [Endpoint("ip", "203.0.113.5", 443), Endpoint("sni", "0.0.0.0", 443, "vpn"), Endpoint("ccs", "0.0.0.0", 443), LOOPBACK_V4]
    others = [draw(records_of(endpoint)) for endpoint in draw(st.lists(st.sampled_from(hiding), unique=True, max_size=2))]
    parameters = {
        draw(names_of_sha256): draw(values(NEW.sha256)),
        "SHA1CertificateHash": draw(st.none() | values(NEW.thumbprint)),
        "UseHttps": draw(st.sampled_from([None, RegistryValue("dword", 1)])),
    }
    certificates = [stored(NEW, key=good_key(NEW))]
    certificates += [stored(NEW, "WEBHOSTING", good_key(NEW))] if draw(st.booleans()) else []
    certificates += [stored(OLD, key=good_key(OLD, proven=draw(st.sampled_from([True, False, None]))))] if draw(st.booleans()) else []
    return dataclasses.replace(
        healthy(),
        records=(*pair, *others),
        parameters={name: value for name, value in parameters.items() if value is not None},
        certificates=tuple(certificates),
        services=draw(services()),
        served=tuple(Served(endpoint, *draw(served_or_not)) for endpoint in (LOOPBACK_V4, LOOPBACK_V6)),
        listen_only=draw(st.sampled_from([(), (), ("203.0.113.5",), ("127.0.0.1",)])),
        predecessors=draw(st.sampled_from([{}, {OLD.thumbprint: "2026-02-01T00:00:00Z"}])),
    )


ADAPTERS = (
    (),
    (Adapter("Loopback", "loopback", True, True, True, ("127.0.0.1", "::1")), Adapter("Ethernet", "ethernet", True, True, True, ("203.0.113.5",))),
    (Adapter("Loopback", "loopback", True, True, True, ("127.0.0.1", "::1")), Adapter("Ethernet", "ethernet", True, True, False, ("203.0.113.5",))),
)
dword_or_not = st.sampled_from([None, RegistryValue("dword", 0), RegistryValue("dword", 1), RegistryValue("string", "1")])
ports_or_not = st.sampled_from([None, RegistryValue("dword", 0), RegistryValue("dword", 443), RegistryValue("dword", 80)])


@st.composite
def views(draw: st.DrawFn) -> RemoteAccess | None:
    """What RRAS itself may say."""
    certificate = draw(st.sampled_from([NEW.certificate, NEW.certificate, OLD.certificate, None]))
    said = RemoteAccess(True, certificate, draw(st.sampled_from([None, True, False])))
    failing = RemoteAccess(True, error={"message": "access denied", "code": 5, "function": None})
    return draw(st.sampled_from([said, said, said, failing, RemoteAccess(False), None]))


@st.composite
def host_states_of_every_mode(draw: st.DrawFn) -> HostState:
    """As host_states, in any mode, with any ConfigStore, with or without IPv6, and with anything that RRAS may say."""
    state = draw(host_states())
    modes = {"UseHttps": draw(dword_or_not), "isHashConfiguredByAdmin": draw(dword_or_not)}
    config = {"UseHttps": draw(dword_or_not), "ListenerPort": draw(ports_or_not)}
    values = {**(state.parameters or {}), **modes}
    return dataclasses.replace(
        state,
        parameters={name: value for name, value in values.items() if value is not None},
        config_store=draw(st.sampled_from([None, {name: value for name, value in config.items() if value is not None}])),
        before_offload=draw(st.sampled_from([{}, {"mode": RegistryValue("string", "automatic"), "ConfigStore.UseHttps": RegistryValue("dword", 1)}])),
        adapters=draw(st.sampled_from(ADAPTERS)),
        remote_access=draw(views()),
    )


wanteds = st.builds(
    Wanted,
    st.just(NEW.certificate),
    mode=st.sampled_from(["as_found", "as_found", "automatic", "administrator", "offload"]),
    writer=st.sampled_from(["remote_access", "direct"]),
    shared_records=st.booleans(),
    listener_port=st.sampled_from([None, None, 443]),
    service_state=st.just("running"),
)

# NEW as it may be in MY before a role has imported it: not there, or with a key that cannot be used.
not_staged = st.sampled_from(
    [
        None,
        stored(NEW),
        stored(NEW, key=good_key(NEW, acquire_code=-2146893802, proven=None)),
        stored(NEW, key=good_key(NEW, proven=False)),
    ]
)


@st.composite
def host_states_before_staging(draw: st.DrawFn) -> HostState:
    """As host_states, but NEW cannot be bound as it is."""
    state, found = draw(host_states()), draw(not_staged)
    others = tuple(c for c in state.certificates if (c.thumbprint, c.store) != (NEW.thumbprint, "MY"))
    return dataclasses.replace(state, certificates=others if found is None else (found, *others))
