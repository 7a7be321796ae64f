# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts as hypothesis makes them: a healthy server with a handful of harms, in the words of a scenario file.

An example is printed as that file, ready for tests/lab/scenarios; what such a file has no words for stands above it as a comment.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from unittest import mock

import yaml
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import pkcs12
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from lab import pki, scenario_file
from lab import scenario as scenarios
from lab.pki import Authority, Issued
from lab.scenario import Scenario
from lab.scenario_file import OWNERS, SERVICES, STOPPED_WORDS, CertificateSpec, Rotation
from lab.sim.errors import Killed
from lab.sim.faults import MOMENTS
from lab.sim.host import SimHost
from scenario_driver import Driver

Content = dict[str, Any]
JOURNAL, PREDECESSORS = r"SOFTWARE\rras.sstp\Journal", r"SOFTWARE\rras.sstp\Predecessors"
HEALTHY: Content = {"title": "Generated", "source": ["domain 7"], "certificates": {"other": {}}, "findings": [], "rotate": "working"}
# How many levels of the file below a key are put together; what is deeper stands in the place of what was there.
LEVELS = {"certificates": 2, "stores": 2, "registry": 2, "records": 1, "SstpSvc": 1, "host": 1, "with": 1}


# --- an example -------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Before:
    """An earlier rotation to a certificate, before any fault; killed: moment and index of the change at which its process ends."""

    candidate: str
    killed: tuple[str, int] | None = None

    def __str__(self) -> str:
        return f"a rotation to {self.candidate}" + ("" if self.killed is None else f", killed at {self.killed[0]} {self.killed[1]}")


@dataclasses.dataclass(frozen=True, repr=False)
class Example:
    """content: what the scenario file holds."""

    content: Content
    before: tuple[Before, ...] = ()
    ipv6: bool = True

    @functools.cached_property
    def scenario(self) -> Scenario:
        """Read as strictly as a file."""
        return scenario_file._scenario("generated", copy.deepcopy(self.content))

    def __repr__(self) -> str:
        comments = [f"# before: {step}" for step in self.before] + ([] if self.ipv6 else ["# the host has no IPv6"])
        text = yaml.safe_dump(self.content, sort_keys=False, allow_unicode=True, width=140)
        return "\n" + "\n".join([*comments, text])

    def without_faults(self) -> Scenario:
        """The scenario up to where the faults come in."""
        return dataclasses.replace(self.scenario, faults=())

    def go_on(self, host: SimHost, issued: dict[str, Issued]) -> None:
        """From that scenario to the example: what was done before, then the faults."""
        host.machine.ipv6 = self.ipv6
        for step in self.before:
            if step.killed is not None:
                host.faults.plan(step.killed[0], index=step.killed[1])
            earlier = dataclasses.replace(self.scenario, rotation=Rotation(step.candidate, options={"take_over": True}))
            with suppress(Killed):
                Driver(host.call).rotate(earlier, issued)
            host.faults.clear()
        scenarios._set_faults(host.agent, self.scenario, host.port)


@contextmanager
def placed(example: Example) -> Iterator[tuple[SimHost, dict[str, Issued]]]:
    """A host in the state of the example, and its certificates. Its time stands still but for what it waits."""
    start = time.time()
    with SimHost("vpn01", clock=lambda: start, **example.scenario.host_options("sim")) as host:
        wanted = example.without_faults()
        issued = issue(tuple(wanted.certificates.items()))
        scenarios.apply(wanted, host, authority(), dict(issued))
        example.go_on(host, dict(issued))
        yield host, dict(issued)


# --- certificates, made to be cheap -----------------------------------------------------------------------------------


@functools.cache
def authority() -> Authority:
    return Authority()


@functools.cache
def _any_key(_number: int, bits: int = 2048) -> RSAPrivateKey:
    """None of those that are good for Wine is needed here; and a smaller one than the product asks for only where a scenario says so."""
    return generate_private_key(65537, bits)


class Cheap(Issued):
    """Its PFX is made once."""

    @functools.lru_cache(maxsize=1024)  # noqa: B019
    def pfx(self, password: str, *, legacy: bool = False, with_key: bool = True) -> bytes:
        return super().pfx(password, legacy=legacy, with_key=with_key)


@functools.lru_cache(maxsize=256)
def issue(specs: tuple[tuple[str, CertificateSpec], ...]) -> Mapping[str, Issued]:
    """The certificates of these specifications, the same ones each time."""
    wanted = dataclasses.replace(Example(HEALTHY).scenario, certificates=dict(specs))
    with mock.patch.object(pki, "pooled_key", _any_key):
        made = scenarios.issue(wanted, authority())
    return {name: Cheap(item.certificate, item.key, item.chain) for name, item in made.items()}


@contextmanager
def opened_once() -> Iterator[None]:
    """Within this, a PFX that was opened before is not opened again: that takes longer than all the rest of an example."""
    once = {name: functools.lru_cache(maxsize=1024)(getattr(pkcs12, name)) for name in ("load_pkcs12", "load_key_and_certificates")}
    with mock.patch.multiple(pkcs12, **once):
        yield


# --- harms ------------------------------------------------------------------------------------------------------------


def _some(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


def _below(*path: str) -> Any:
    """A function that puts a value below these keys."""

    def put(value: Any) -> Content:
        for key in reversed(path):
            value = {key: value}
        return value

    return put


def _at(value: st.SearchStrategy[Any], *path: str) -> st.SearchStrategy[Content]:
    return value.map(_below(*path))


names = _some("old", "new", "other")
words_of_stores = _some("good", "no key", "key deleted", "user key", "absent")
pair_addresses = _some("0.0.0.0", "[::]")
# Those of other ports, and those that go before the pair.
other_addresses = _some(
    "0.0.0.0:8443", "[::]:8443", "203.0.113.5", "203.0.113.5:8443", "127.0.0.1", "[::1]", "[2001:db8::5]",
    "vpn.example.com", "www.example.com", "www.example.com:8443",
)  # fmt: skip

certificate_fields = st.one_of(
    _at(_some(10, 0, -1, -400), "days_left"),
    _at(_some(0, 1, 30), "starts_in"),
    _at(_some("client", "any", "none", ["client", "server"]), "eku"),
    _at(_some("ecdsa"), "key"),
    _at(_some("itself"), "issuer"),
    _at(_some(["intranet.example.com"], ["vpn.example.com", "xn--zrich-kva.example.com"]), "names"),
    _at(_some([], ["http://pki.example.com/lab.crl"]), "crl"),
    _at(_some("", "VPN für Zürich"), "friendly_name"),
)
certificates = st.one_of(
    _at(names.flatmap(lambda name: _at(certificate_fields, name)), "certificates"),
    _some({"certificates": {"new": {"same_key_as": "old"}}}, {"certificates": {"other": {"same_key_as": "new"}}}),
)

stores = st.one_of(
    _at(names.flatmap(lambda name: _at(words_of_stores, name)), "stores", "MY"),
    _at(names.flatmap(lambda name: _at(words_of_stores, name)), "stores", "WebHosting"),
    _some({"stores": {"CA": {"intermediate": "absent"}}}),
)

record_fields = st.fixed_dictionaries(
    {"certificate": names},
    optional={
        "owner": st.sampled_from([*OWNERS, "{7f1c3d52-6d3b-4f0e-9a51-2b8f6a1c0d11}"]),
        "store": _some("MY", None, "", "My", "WebHosting", "webhosting"),
        "flags": _some(0, 1, 2, 4, 8, 0x400000 | 0x412),
        "check_mode": _some(0, 1, 5),
        "freshness_time": _some(0, 3600),
        "url_retrieval_timeout": _some(0, 15000),
        "ctl_identifier": _some("", "clients"),
        "ctl_store": _some("", "ClientAuthIssuer"),
    },
)
record = st.one_of(names, record_fields, _some("absent"), _some({"certificate": "none", "flags": 8}))
ccs = st.fixed_dictionaries({"owner": _some("IIS", "SSTP", "nobody")})


# The pair alike, as those have it who renew with care.
both = record.map(lambda words: {"records": {"0.0.0.0": words, "[::]": words}})

records = st.one_of(
    both,
    _at(pair_addresses.flatmap(lambda address: _at(record, address)), "records"),
    _at(other_addresses.flatmap(lambda address: _at(record, address)), "records"),
    _at(_some("ccs", "ccs:8443").flatmap(lambda address: _at(ccs, address)), "records"),
)

hash_word = st.one_of(names, _some("absent"), _at(_some(0, 19, 20, 31, 32, 33), "bytes"), _at(_some("32", "", "00" * 32), "text"), _some(0, 1))


both_hashes = st.one_of(names, _some("absent")).map(lambda word: {"SstpSvc": {"SHA256CertificateHash": word, "SHA1CertificateHash": word}})

values = st.one_of(
    both_hashes,
    _at(hash_word, "SstpSvc", "SHA256CertificateHash"),
    _at(hash_word, "SstpSvc", "SHA1CertificateHash"),
    _at(st.one_of(_some(0, 1, 2), _at(_some("0"), "text")), "SstpSvc", "UseHttps"),
    _at(st.one_of(_some(0, 1, 2), _at(_some("1"), "text")), "SstpSvc", "isHashConfiguredByAdmin"),
    _at(st.one_of(_some(0, 443, 8443), _at(_some("broken", ""), "text")), "SstpSvc", "ListenerPort"),
    _at(_some({r"ConfigStore\ListenerPort": 4443}, {"ServerURI": {"text": "/sra/"}}), "SstpSvc"),
    _some({"SstpSvc": "missing"}),
)


def _can_be(words: tuple[str, ...]) -> bool:
    """A service cannot run without what it needs unless that has died; and the lab lets one die only."""
    above_runs = [words[i] not in STOPPED_WORDS for i in range(2) if words[i + 1] in STOPPED_WORDS]
    return not any(above_runs) and words.count("died") < 2


_all_words = [
    (rras, rasman, sstp)
    for rras in scenario_file.SERVICE_WORDS
    for rasman in scenario_file.SERVICE_WORDS
    for sstp in scenario_file.SERVICE_WORDS
    if _can_be((rras, rasman, sstp))
]
_common_words = [("stopped",) * 3, ("stopped", "running", "running"), ("disabled", "stopped", "stopped"), ("running", "running", "died")]
services = st.sampled_from([*_common_words * 20, *_all_words]).map(lambda words: {"services": dict(zip(SERVICES, words, strict=True))})

journal = _some(
    {"kind": "delete_registry_value", "path": r"SOFTWARE\lab", "name": "nothing"},
    {"kind": "services", "states": [{"name": name, "state": "running"} for name in reversed(SERVICES)], "timeout": 5},
    {"kind": "services", "states": [{"name": "NoSuchService", "state": "running"}], "timeout": 5},
    {"kind": "delete_ssl_record", "family": "ip", "address": "0.0.0.0", "port": 443, "host": None},
    {"kind": "of a later release"},
).map(json.dumps)
registry = st.one_of(
    _at(st.one_of(journal, _some("no JSON")), "registry", JOURNAL, "0001", "text"),
    _at(_some("2026-01-01T00:00:00Z", "long ago"), "registry", PREDECESSORS, "00112233445566778899AABBCCDDEEFF00112233", "text"),
    _some({"listen": "192.0.2.10"}),
)

hosts = st.one_of(
    _at(_some(14393, 17763, 26100), "host", "build"),
    _at(_some(False), "host", "http_update"),
    _at(_some(False), "host", "sha1"),
    _at(_some(4443), "host", "port"),
    record.map(lambda words: {"host": {"port": 4443}, "records": {"0.0.0.0:443": words, "[::]:443": words}}),
    _at(_some(False), "host", "elevated"),
)

options = st.one_of(
    _at(_some("old", "new", "other"), "with", "candidate"),
    _at(_some("thumbprint"), "with", "by"),
    _at(_some(True), "with", "take_over"),
    _at(_some("as_found"), "with", "service_state"),
    _at(_some(1, 5), "with", "service_timeout"),
    _at(_some(0, 1, 5), "with", "settle_timeout"),
)

http_functions = _some(*(f"Http{verb}ServiceConfiguration" for verb in ("Update", "Set", "Delete", "Query")))
http_codes = _some(2, 5, 6, 50, 87, 120, 183, 1312)
times = st.fixed_dictionaries({}, optional={"skip": _some(1, 2, 5), "times": _some(0, 2)})


@st.composite
def http_fault(draw: st.DrawFn) -> Content:
    where = draw(st.fixed_dictionaries({}, optional={"endpoint": pair_addresses, "after": _some(True)}))
    return {"call": draw(http_functions), "code": draw(http_codes), **draw(times), **where}


@st.composite
def other_fault(draw: st.DrawFn) -> Content:
    codes = {
        "HttpInitialize": (5, 1058), "CertOpenStore": (5,), "PFXImportCertStore": (86,), "CertAddCertificateContextToStore": (5, 112),
        "CertDeleteCertificateFromStore": (5,), "CryptAcquireCertificatePrivateKey": (5, 0x80090016), "CryptSignHash": (5,),
        "RegSetValueEx": (5,), "RegDeleteValue": (5,), "StartService": (1053, 1055, 1058), "ControlService": (1053, 1055, 1061),
    }  # fmt: skip
    function = draw(st.sampled_from(list(codes)))
    return {"call": function, "code": draw(st.sampled_from(codes[function])), **draw(times)}


switches = st.one_of(
    st.fixed_dictionaries({"switch": _some("HashDelay"), "value": _some(1000, 20_000, 3_600_000)}),
    st.fixed_dictionaries({"switch": _some(*(f"{name}.{what}" for name in SERVICES for what in ("StartFails", "StopHangs"))), "value": _some(1)}),
    st.fixed_dictionaries({"switch": _some(*(f"{name}.DiesAfter" for name in SERVICES)), "value": _some(500, 5000, 60_000)}),
)
faults = st.one_of(http_fault(), other_fault(), switches).map(lambda fault: {"faults": [fault]})

HARMS = {
    "certificates": certificates, "stores": stores, "records": records, "values": values, "services": services, "registry": registry,
    "host": hosts, "options": options, "faults": faults,
}  # fmt: skip

killed = st.tuples(st.sampled_from([moment for moment in MOMENTS if moment != "undoing"]), st.integers(0, 9))
earlier = st.builds(Before, names, st.none() | killed)


def _merged(old: Any, new: Any, levels: int) -> Any:
    if not (levels and isinstance(old, dict) and isinstance(new, dict)):
        return new
    return {**old, **{key: _merged(old.get(key), value, levels - 1) for key, value in new.items()}}


def _harmed(content: Content, harm: Content) -> Content:
    """The harm over what is there already; faults come beside each other."""
    for key, value in harm.items():
        value = [*content.get(key, []), *value] if key == "faults" else _merged(content.get(key), value, LEVELS.get(key, 0))
        content = {**content, key: value}
    return content


def examples(*, faults: bool = True, least: int = 0) -> st.SearchStrategy[Example]:
    """Hosts with a few harms, at least so many; faults: whether calls may fail and services hang as well."""
    kinds = [harm for name, harm in HARMS.items() if faults or name != "faults"]

    def build(harms: list[Content], before: list[Before], ipv6: bool) -> Example:
        return Example(functools.reduce(_harmed, harms, HEALTHY), tuple(before), ipv6)

    history = _some(0, 0, 0, 1, 2).flatmap(lambda number: st.lists(earlier, min_size=number, max_size=number))
    return st.builds(build, st.lists(st.one_of(kinds), min_size=least, max_size=least + 6), history, _some(True, True, True, False))


def fixed(number: int, start: int) -> list[Example]:
    """So many examples with several harms each, the same ones in every run."""
    found: list[Example] = []

    @seed(start)
    @settings(max_examples=number + 1, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(examples(least=3))
    def collect(example: Example) -> None:
        found.append(example)

    collect()
    return found[1 : number + 1]  # the first one is always the simplest
