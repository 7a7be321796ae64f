# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenarios: short YAML files that put a host into a state known from the field. scenarios/README.md says how one is written.

    scenario = load("stale_hash")
    with SimHost("vpn01", **scenario.host_options("sim")) as host:
        issued = apply(scenario, host, Authority())

How it is done: the server is made to work with the records of the scenario, every certificate good; then what the file
names is spoiled; then, where the file has `events`, RRAS is started once more; last come the faults.
"""

from __future__ import annotations

import contextlib
import datetime
import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from lab.agent import NETWORK, REMOTE_ACCESS, SESSIONS, SSTPSVC, Agent, Record, WinError
from lab.pki import ANY_PURPOSE, CLIENT_AUTH, CRL, SERVER_AUTH, Authority, Issued, keyring, pooled_key
from lab.scenario_file import (
    INTERMEDIATE,
    SERVICES,
    STOPPED_WORDS,
    CertificateSpec,
    Outcome,
    RecordWords,
    RemoteAccessWords,
    Scenario,
    ScenarioError,
    State,
    load,
    names,
    not_covered,
)

__all__ = [
    "Outcome",
    "Scenario",
    "ScenarioError",
    "State",
    "apply",
    "differences",
    "hashes_of",
    "issue",
    "judged_by",
    "load",
    "names",
    "not_covered",
    "raised",
]

HTTP_PARAMETERS = r"SYSTEM\CurrentControlSet\Services\HTTP\Parameters"
WINDOWS = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
NOT_FOUND = 2
DISABLED = 4
DATABASE_LOCKED = 1055
# Milliseconds until a service that is to die does so: it must have come up by then, with those that need it.
LIFE = 1500
EKUS = {"server": SERVER_AUTH, "client": CLIENT_AUTH, "any": ANY_PURPOSE}

Hashes = Mapping[str, tuple[str, str]]


class AnyHost(Protocol):
    """A fresh WineHost or SimHost."""

    port: int
    agent: Any

    def keep(self, issued: Issued, store: str = "MY") -> None:
        """As lab.server.Server.keep."""


# --- certificates -------------------------------------------------------------------------------------------------


def issue(scenario: Scenario, authority: Authority) -> dict[str, Issued]:
    """The certificates of a scenario by name."""
    result: dict[str, Issued] = {}
    for name, spec in scenario.certificates.items():
        key = result[spec.same_key_as].key if spec.same_key_as else None
        result[name] = _issue(spec, authority, key)
    return result


def _issue(spec: CertificateSpec, authority: Authority, key: RSAPrivateKey | None) -> Issued:
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    not_after = now + datetime.timedelta(days=spec.days_left, hours=1)
    not_before = min(now + datetime.timedelta(days=spec.starts_in), not_after - datetime.timedelta(days=90))
    if spec.starts_in >= 0:
        not_before, not_after = now + datetime.timedelta(days=spec.starts_in), not_after + datetime.timedelta(days=spec.starts_in)
    eku = None if "none" in spec.eku else [EKUS[word] for word in spec.eku]
    crl = (CRL,) if spec.crl is None else spec.crl
    if spec.key == "rsa" and spec.issuer == "lab":
        return authority.issue(spec.names, eku=eku, not_before=not_before, not_after=not_after, key=key, crl=crl)
    own: RSAPrivateKey | EllipticCurvePrivateKey = key or (pooled_key(1) if spec.key == "rsa" else generate_ec_key(SECP256R1()))
    template = authority.issue(spec.names, eku=eku, not_before=not_before, not_after=not_after, key=pooled_key(1), crl=crl).certificate
    builder = x509.CertificateBuilder(
        issuer_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, spec.names[0])]) if spec.issuer == "itself" else template.issuer,
        subject_name=template.subject,
        public_key=own.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=not_before,
        not_valid_after=not_after,
        extensions=list(template.extensions),
    )
    signer = own if spec.issuer == "itself" else authority._key
    issued = Issued(builder.sign(signer, hashes.SHA256()), cast(Any, own), () if spec.issuer == "itself" else (authority.intermediate,))
    keyring[issued.thumbprint] = issued
    return issued


def hashes_of(issued: Mapping[str, Issued], authority: Authority) -> dict[str, tuple[str, str]]:
    """Name -> SHA-1 and SHA-256, the intermediate among them."""
    intermediate = (
        authority.intermediate.fingerprint(hashes.SHA1()).hex(),
        authority.intermediate.fingerprint(hashes.SHA256()).hex(),
    )
    return {**{name: (item.thumbprint, item.sha256) for name, item in issued.items()}, INTERMEDIATE: intermediate}


def judged_by(scenario: Scenario, thumbprints: Hashes) -> dict[str, Any]:
    """What judge.working must be told of a scenario beside a host's raw state; thumbprints: as of hashes_of."""
    balancer = scenario.rotation.balancer
    return {"balancer": thumbprints[balancer][1] if balancer else None, "ipv6": scenario.host.get("ipv6")}


# --- into the state -----------------------------------------------------------------------------------------------


def apply(scenario: Scenario, host: AnyHost, authority: Authority, issued: dict[str, Issued] | None = None) -> dict[str, Issued]:
    """Bring a fresh host into the initial state; the certificates by name, issued unless they are given (of the same scenario)."""
    issued = issued or issue(scenario, authority)
    known = hashes_of(issued, authority)
    agent: Agent = host.agent
    state = scenario.state
    if "build" in scenario.host:
        agent.set_value(WINDOWS, "CurrentBuildNumber", str(scenario.host["build"]))
    if not scenario.host.get("sha1", True):
        agent.switch("Sha1", 0)
    if not scenario.host.get("ipv6", True):
        agent.set_value(NETWORK, "IPv6Unbound", 1)
    _import(host, scenario, issued)
    if state.stores["CA"].get(INTERMEDIATE) == "good":
        agent.add_certificate(authority.intermediate.public_bytes(Encoding.DER), "CA")
    for key, words in state.records.items():
        if words is not None:
            agent.set_record(_record(key, words, host.port, known))
    _start(agent)
    _write_values(agent, state, known)
    _configure_remote_access(agent, scenario.remote_access, issued)
    if state.listen is not None:
        agent.set_value(HTTP_PARAMETERS, "ListenOnlyList", state.listen)
    _spoil(agent, state, issued)
    if scenario.events is not None:
        _stop(agent, SERVICES)
        agent.clear_events()
        _start(agent)
    _shape_services(agent, state.services)
    if "sessions" in scenario.host:
        agent.set_value(SESSIONS, "Count", scenario.host["sessions"])
    if state.values is None:
        with _absent():  # it goes with the service
            agent.delete_key_tree(SSTPSVC)
    _set_faults(agent, scenario, host.port)
    return issued


def _bound(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """Store and certificate of each record: HTTP.SYS takes only what is usable at that moment."""
    for words in scenario.state.records.values():
        if words is not None and words.certificate not in (None, "none"):
            yield str(words.fields.get("store", "MY") or "MY"), str(words.certificate)


def _import(host: AnyHost, scenario: Scenario, issued: Mapping[str, Issued]) -> None:
    wanted = [(store, name) for store, words in scenario.state.stores.items() if store != "CA" for name, word in words.items() if word != "absent"]
    for store, name in dict.fromkeys([*wanted, *_bound(scenario)]):
        host.keep(issued[name], store)
        friendly = scenario.certificates[name].friendly_name
        if friendly is not None:
            host.agent.name_certificate(issued[name].thumbprint, friendly, store)


def _record(key: str, words: RecordWords, port: int, known: Hashes) -> Record:
    family, where = endpoint(key, port)
    thumbprint = "" if words.certificate in (None, "none") else known[str(words.certificate)][0]
    return Record(family, where, thumbprint, **{"store": None if family == "ccs" else "MY", **words.fields})


def _write_values(agent: Agent, state: State, known: Hashes) -> None:
    paths = {SSTPSVC: state.values or {}, **state.registry}
    for path, values in paths.items():
        for name, word in values.items():
            value = raw_value(name, word, known)
            below, _, last = f"{path}\\{name}".rpartition("\\")
            if value is not None:
                agent.set_value(below, last, value)
            else:
                with _absent():
                    agent.delete_value(below, last)


def _configure_remote_access(agent: Agent, words: RemoteAccessWords, issued: Mapping[str, Issued]) -> None:
    values = {
        "Form": 1 if words.form == "bytes" else None,
        "Certificate": issued[words.certificate].der if words.certificate else None,
        "UseHttp": None if words.use_http is None else int(words.use_http),
        "ConnectTo": words.connect_to,
        "Fails": words.fails,
        "GetFails": words.get_fails,
        "Ignores": 1 if words.ignores else None,
    }
    for name, value in values.items():
        if value is not None:
            agent.set_value(REMOTE_ACCESS, name, value)
    for name, status in words.nodes.items():
        agent.set_value(REMOTE_ACCESS + r"\Nodes", name, status)


@contextlib.contextmanager
def _absent() -> Iterator[None]:
    """What is to be away may be away already."""
    try:
        yield
    except WinError as error:
        if error.code != NOT_FOUND:
            raise


def _spoil(agent: Agent, state: State, issued: Mapping[str, Issued]) -> None:
    """The certificates, good so far, as they are to be. One that only a record names is good, unless told."""
    there = {(name.upper(), item["thumbprint"]) for name, content in agent.certificates()["certificates"].items() for item in content}
    for store, words in state.stores.items():
        for name, word in words.items():
            if store == "CA" or (store.upper(), issued[name].thumbprint) not in there:
                continue
            thumbprint = issued[name].thumbprint
            if word in ("absent", "no key"):
                agent.delete_certificate(thumbprint, store)
            if word == "no key":
                agent.add_certificate(issued[name].der, store)
            elif word == "key deleted":
                agent.delete_key(thumbprint, store)
            elif word == "user key":
                agent.set_key_flags(thumbprint, 0, store)


def _start(agent: Agent) -> None:
    """All three, from the bottom. Wine's service manager is locked for a moment now and then when the machine is busy."""
    for _ in range(50):
        try:
            agent.start("RemoteAccess")
            return
        except WinError as error:
            if error.code != DATABASE_LOCKED:
                raise
        time.sleep(0.1)
    raise TimeoutError("the service manager stays locked")


def _stop(agent: Agent, services: tuple[str, ...]) -> None:
    for name in services:
        if agent.service(name)["state"] != "stopped":
            agent.stop(name)


def _shape_services(agent: Agent, words: Mapping[str, str]) -> None:
    """From all three running to what is wanted, from the top."""
    for name in (name for name in SERVICES if words[name] == "died"):
        _stop(agent, SERVICES)
        agent.switch(f"{name}.DiesAfter", LIFE)
        _start(agent)
        agent.wait(name, "stopped")
        agent.switch(f"{name}.DiesAfter", 0)
    _stop(agent, tuple(name for name in SERVICES if words[name] in STOPPED_WORDS))
    for name in SERVICES:
        if words[name] in ("disabled", "disabled but running"):
            agent.set_start_type(name, DISABLED)
        elif words[name] == "missing":
            agent.delete_service(name)


def _set_faults(agent: Agent, scenario: Scenario, port: int) -> None:
    for fault in scenario.faults:
        if fault.switch is not None:
            agent.switch(fault.switch, fault.code)
        else:
            where = None if fault.endpoint is None else endpoint(fault.endpoint, port)[1]
            agent.fault(str(fault.call), fault.code, skip=fault.skip, times=fault.times, after=fault.after, endpoint=where)


def raised(state: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> list[int]:
    """The ids of the RasSstp events in a host's raw state, without those of an earlier one."""
    return [int(text.split()[0]) for text in state["events"][len(before["events"]) if before else 0 :]]


# --- looking at the state -----------------------------------------------------------------------------------------


def endpoint(key: str, port: int) -> tuple[str, str]:
    """Family and endpoint of a record's key, which need not name the port: 0.0.0.0, [::], 192.0.2.1:8443, host, ccs."""
    name, _, number = key.rpartition(":")
    if not name or not number.isdecimal():
        name, number = key, str(port)
    if name == "ccs":
        return "ccs", number
    is_ip = name.startswith("[") or all(part.isdecimal() for part in name.split("."))
    return ("ip" if is_ip else "sni"), f"{name}:{number}"


def differences(words: State, state: Mapping[str, Any], thumbprints: Hashes) -> list[str]:
    """What of the words a host's raw state (WineHost.state) does not keep; thumbprints: name -> SHA-1 and SHA-256."""
    values = {name.lower(): item for name, item in (state["sstpsvc"] or {}).items()}
    wrong = [text for store, items in words.stores.items() for text in _wrong_store(store, items, state, thumbprints)]
    wrong += [text for key, record in words.records.items() for text in _wrong_record(key, record, state, thumbprints)]
    for name, word in (words.values or {}).items():
        expected, found = raw_value(name, word, thumbprints), values.get(name.lower())
        shown = None if found is None else found["value"]
        if shown != (expected.hex() if isinstance(expected, bytes) else expected):
            wrong.append(f"SstpSvc.{name} is {shown}, not {word}")
    for name, word in words.services.items():
        found = state["services"].get(name, {}).get("state", "missing")
        if found != {"disabled": "stopped", "died": "stopped", "disabled but running": "running"}.get(word, word):
            wrong.append(f"{name} is {found}, not {word}")
    return wrong


def raw_value(name: str, word: Any, thumbprints: Hashes) -> int | str | bytes | None:
    """What a word of the registry stands for; None: absent."""
    if word == "absent":
        return None
    if isinstance(word, dict):
        return bytes(range(word["bytes"])) if "bytes" in word else str(word["text"])
    if isinstance(word, int):
        return word
    sha1, sha256 = thumbprints[word]
    return bytes.fromhex(sha1 if name.lower().startswith("sha1") else sha256)


def key_word(key: Mapping[str, Any] | None) -> str:
    """The state of a key in the dump, as a word of STORE_WORDS; 'key of another' is none of them."""
    if key is None:
        return "no key"
    if not key["flags"] & 0x20:
        return "user key"
    if not key["opens"]:
        return "key deleted"
    return "good" if key["matches"] else "key of another"


def _wrong_store(store: str, items: Mapping[str, str], state: Mapping[str, Any], thumbprints: Hashes) -> list[str]:
    there = {item["thumbprint"]: item for name, content in state["certificates"].items() if name.lower() == store.lower() for item in content}
    wrong = []
    for name, word in items.items():
        item = there.get(thumbprints[name][0])
        found = "absent" if item is None else "good" if name == INTERMEDIATE else key_word(item["key"])
        if found != word:
            wrong.append(f"{name} in {store} is {found}, not {word}")
    return wrong


def _wrong_record(key: str, words: RecordWords | None, state: Mapping[str, Any], thumbprints: Hashes) -> list[str]:
    wanted = endpoint(key, state["port"])
    found = next((item for item in state["http"] if (item["family"], item["endpoint"]) == wanted), None)
    if found is None or words is None:
        return [] if found is words else [f"there is {'no' if found is None else 'a'} record of {wanted[1]}"]
    expected = dict(words.fields)
    if words.certificate is not None:
        expected["hash"] = "" if words.certificate == "none" else thumbprints[words.certificate][0]
    return [f"{name} of {wanted[1]} is {found[name]}, not {value}" for name, value in expected.items() if found[name] != value]
