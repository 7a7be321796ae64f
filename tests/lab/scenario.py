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
from typing import Any, Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.serialization import Encoding

from lab.agent import NETWORK, REMOTE_ACCESS, SESSIONS, SSTPSVC, Agent, Record, WinError
from lab.pki import ANY_PURPOSE, BITS, CLIENT_AUTH, CRL, SERVER_AUTH, Authority, Issued, PrivateKey
from lab.scenario_file import (
    AUTHORITY_STORES,
    INTERMEDIATE,
    ROOT,
    SERVICES,
    SHARES,
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
    owner_of,
)
from lab.settings import name_certificate
from lab.sim.store import KSP

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
CURVES = {"ecdsa": SECP256R1, "ecdsa384": SECP384R1}

# How a key comes to be as a word says, where that is not as usual.
KEPT: dict[str, dict[str, Any]] = {"exportable": {"exportable": True}, "cng": {"provider": KSP}}

Hashes = Mapping[str, tuple[str, str]]


class AnyHost(Protocol):
    """A fresh WineHost or SimHost."""

    port: int
    agent: Any

    def keep(self, issued: Issued, store: str = "MY", *, exportable: bool = False) -> None:
        """As lab.server.Server.keep."""

    def write_file(self, path: str, data: bytes) -> None:
        """As lab.server.Server.write_file."""


# --- certificates -------------------------------------------------------------------------------------------------


def issue(scenario: Scenario, authority: Authority) -> dict[str, Issued]:
    """The certificates of a scenario by name."""
    result: dict[str, Issued] = {}
    other = Authority("Other Lab") if any(spec.issuer == "other lab" for spec in scenario.certificates.values()) else authority
    for name, spec in scenario.certificates.items():
        key = result[spec.same_key_as].key if spec.same_key_as else None
        result[name] = _issue(spec, other if spec.issuer == "other lab" else authority, key)
    return result


def _issue(spec: CertificateSpec, authority: Authority, key: PrivateKey | None) -> Issued:
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    not_after = now + datetime.timedelta(days=spec.days_left, hours=1)
    not_before = min(now + datetime.timedelta(days=spec.starts_in), not_after - datetime.timedelta(days=90))
    if spec.starts_in >= 0:
        not_before, not_after = now + datetime.timedelta(days=spec.starts_in), not_after + datetime.timedelta(days=spec.starts_in)
    if key is None and spec.key in CURVES:
        key = generate_ec_key(CURVES[spec.key]())
    return authority.issue(
        spec.names,
        eku=None if "none" in spec.eku else [EKUS[word] for word in spec.eku],
        not_before=not_before,
        not_after=not_after,
        key=key,
        bits=int(spec.key.removeprefix("rsa") or BITS) if key is None else BITS,
        crl=CRL if spec.crl is None else spec.crl,
        ocsp=spec.ocsp,
        usage=spec.usage,
        ca=spec.ca,
        signature=spec.signature,
        by_itself=spec.issuer == "itself",
    )


def hashes_of(issued: Mapping[str, Issued], authority: Authority) -> dict[str, tuple[str, str]]:
    """Name -> SHA-1 and SHA-256, the root and the intermediate among them."""
    own = {INTERMEDIATE: authority.intermediate, ROOT: authority.root}
    return {
        **{name: (item.thumbprint, item.sha256) for name, item in issued.items()},
        **{name: (item.fingerprint(hashes.SHA1()).hex(), item.fingerprint(hashes.SHA256()).hex()) for name, item in own.items()},
    }


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
    _share_keys(agent, state, issued)
    _place_authorities(agent, state, issued, authority)
    for key, words in state.records.items():
        if words is not None:
            agent.set_record(_record(key, words, host.port, known))
    _start(agent)
    _write_values(agent, state, known)
    _configure_remote_access(agent, scenario.remote_access, issued)
    for program, name in scenario.settings.items():
        name_certificate(host, program, issued[name])
    if state.listen is not None:
        agent.set_value(HTTP_PARAMETERS, "ListenOnlyList", state.listen)
    _spoil(agent, state, issued)
    _leave_keys(host, state.orphans, authority)
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
    words = {(store, name): word for store, items in scenario.state.stores.items() if store not in AUTHORITY_STORES for name, word in items.items()}
    for store, name in dict.fromkeys([*(place for place, word in words.items() if word != "absent"), *_bound(scenario)]):
        word = words.get((store, name), "good")
        if word.startswith(SHARES):
            host.agent.add_certificate(issued[name].der, store)
        else:
            host.keep(issued[name], store, **KEPT.get(word, {}))
        friendly = scenario.certificates[name].friendly_name
        if friendly is not None:
            host.agent.name_certificate(issued[name].thumbprint, friendly, store)


def _share_keys(agent: Agent, state: State, issued: Mapping[str, Issued]) -> None:
    for store, words in state.stores.items():
        for name, word in words.items():
            owner = owner_of(state, store, word) if word.startswith(SHARES) else None
            if owner:
                agent.share_key(issued[name].thumbprint, store, issued[owner[1]].thumbprint, owner[0])


def _place_authorities(agent: Agent, state: State, issued: Mapping[str, Issued], authority: Authority) -> None:
    known = {name: item.der for name, item in issued.items()}
    for name, certificate in ((INTERMEDIATE, authority.intermediate), (ROOT, authority.root)):
        known[name] = certificate.public_bytes(Encoding.DER)
        agent.watch_root(known[name])
    for store in AUTHORITY_STORES:
        for name, word in state.stores.get(store, {}).items():
            if word == "good":
                agent.add_certificate(known[name], store)


def _leave_keys(host: AnyHost, wanted: int | None, authority: Authority) -> None:
    """Key containers that no certificate names, until there are as many as wanted: those of certificates that are deleted."""
    found = 0 if wanted is None else len(orphans(host.agent.certificates()))
    if wanted is not None and found > wanted:
        raise ScenarioError(f"orphans must be {found} or more, as the certificates of this scenario leave so many key containers, not {wanted}")
    for number in range((wanted or 0) - found):
        lost = authority.issue([f"lost{number}.example.com"])
        host.keep(lost)
        host.agent.delete_certificate(lost.thumbprint)


def orphans(state: Mapping[str, Any]) -> set[str]:
    """The key containers of a raw state that no certificate names."""
    named = {item["key"]["container"] for content in state["certificates"].values() for item in content if item["key"]}
    return set(state["containers"]) - named


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
            if store in AUTHORITY_STORES or (store.upper(), issued[name].thumbprint) not in there:
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
    left = len(orphans(state))
    if words.orphans not in (None, left):
        wrong.append(f"there are {left} key containers without a certificate, not {words.orphans}")
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
    """The state of a key in the dump, as a word of STORE_WORDS but for cng; 'key of another' is none of them."""
    if key is None:
        return "no key"
    if not key["flags"] & 0x20:
        return "user key"
    if not key["opens"]:
        return "key deleted"
    if not key["matches"]:
        return "key of another"
    return "exportable" if key["exportable"] else "good"


def _shares(item: Mapping[str, Any], word: str, state: Mapping[str, Any], thumbprints: Hashes) -> bool:
    """Whether a certificate's key is where the one has its own that the word names."""
    owner = thumbprints[word.removeprefix(SHARES)][0]
    others = [other for content in state["certificates"].values() for other in content if other["thumbprint"] == owner and other is not item]
    return item["key"] is not None and any(other["key"] and other["key"]["container"] == item["key"]["container"] for other in others)


def _found_word(item: Mapping[str, Any], word: str, state: Mapping[str, Any], thumbprints: Hashes) -> str:
    """In which state a certificate is; the word that is wanted, where several are true of it."""
    found = key_word(item["key"])
    if word == "cng" and found == "good" and item["key"]["type"] == 0:
        return word
    return word if word.startswith(SHARES) and _shares(item, word, state, thumbprints) else found


def _wrong_store(store: str, items: Mapping[str, str], state: Mapping[str, Any], thumbprints: Hashes) -> list[str]:
    there = {item["thumbprint"]: item for name, content in state["certificates"].items() if name.lower() == store.lower() for item in content}
    wrong = []
    for name, word in items.items():
        item = there.get(thumbprints[name][0])
        found = "absent" if item is None else "good" if store in AUTHORITY_STORES else _found_word(item, word, state, thumbprints)
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
