# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenarios as files: the words that they are written in, and the strict reading of them. lab.scenario applies them."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from lab.pki import SIGNATURES, USAGES
from lab.settings import PROGRAMS

FOLDER = Path(__file__).parent / "scenarios"
NOT_COVERED = "not_covered.yml"

SERVICES = ("RemoteAccess", "RasMan", "SstpSvc")
WILDCARDS = ("0.0.0.0", "[::]")
# domain.md 1.11
OWNERS = {
    "SSTP": "{ba195980-cd49-458b-9e23-c84ee0adcd75}",
    "IIS": "{4dc3e181-e14b-4a21-b022-59fc669b0914}",
    "IIS Express": "{214124cd-d05b-4309-9af9-9caa44b2b74a}",
    "WinRM": "{afebb9ad-9b97-4a91-9ab5-daf4d59122f6}",
    "AD FS": "{5d89a20c-beab-4389-9447-324788eb944a}",
    "Web Application Proxy": "{f955c070-e044-456c-ac00-e9e4275b3f04}",
    "IP-HTTPS": "{5d8e2743-ef20-4d38-8751-7e400f200e65}",
    "an example": "{00112233-4455-6677-8899-aabbccddeeff}",
    "a look-alike": "{ba195980-ce14-46a0-8d7b-40ab898c6428}",
    "nobody": "{00000000-0000-0000-0000-000000000000}",
}

HOST_KEYS = {"build": int, "http_update": bool, "elevated": bool, "port": int, "sha1": bool, "ipv6": bool, "cmdlets": bool, "sessions": int}
CERTIFICATE_KEYS = {
    "names": list, "days_left": int, "starts_in": int, "eku": (str, list), "key": str, "same_key_as": str, "issuer": str,
    "crl": list, "ocsp": list, "friendly_name": str, "signature": str, "usage": list, "ca": bool,
}  # fmt: skip
EKU_WORDS = ("server", "client", "any", "none")
# RSA of 2048 bits, or of as many as stand behind it; elliptic curves P-256 and P-384.
KEY_WORDS = ("rsa", "rsa1024", "rsa3072", "rsa4096", "ecdsa", "ecdsa384")
ISSUER_WORDS = ("lab", "itself", "other lab")
# `good` is a machine key that opens and cannot be exported, `exportable` one that can, `cng` one in the key storage provider; `user key` is one
# that its certificate looks for in a user's key set.
STORE_WORDS = ("good", "no key", "key deleted", "user key", "exportable", "cng", "absent")
# With a certificate's name behind it: the key property names the container of that one.
SHARES = "shares the key of "
# The certificates of the lab's authority, which no scenario issues; these stores hold certificates without their keys.
INTERMEDIATE, ROOT = "intermediate", "root"
AUTHORITY_STORES = ("CA", "ROOT")
SERVICE_WORDS = ("running", "stopped", "died", "disabled", "disabled but running", "missing")
STOPPED_WORDS = ("stopped", "disabled", "missing")
RECORD_KEYS = {
    "certificate": str, "owner": str, "store": (str, type(None)), "flags": int, "check_mode": int, "freshness_time": int,
    "url_retrieval_timeout": int, "ctl_identifier": str, "ctl_store": str,
}  # fmt: skip
CALL_KEYS = {"call": str, "code": int, "endpoint": str, "skip": int, "times": int, "after": bool}
SWITCH_KEYS = {"switch": str, "value": int}
SWITCHES = {"HashDelay", *(f"{name}.{word}" for name in SERVICES for word in ("StopHangs", "StartFails", "DiesAfter"))}
OPTION_KEYS = {
    "candidate": str, "by": str, "take_over": bool, "service_state": str, "service_timeout": int, "settle_timeout": int,
    "mode": str, "writer": str, "shared_records": bool, "port": int, "listener_port": int, "balancer": str,
    "max_sessions": int, "window": list,
}  # fmt: skip
OPTION_WORDS = {"mode": ("as_found", "automatic", "administrator", "offload"), "writer": ("remote_access", "direct")}
# What RRAS itself says, by the module RemoteAccess.
REMOTE_ACCESS_KEYS = {
    "form": str, "certificate": str, "use_http": bool, "connect_to": str, "nodes": dict, "fails": str, "get_fails": str,
    "ignores": bool,
}  # fmt: skip
FORMS = ("certificate", "bytes")
NODE_STATES = ("Converged", "Converging", "Default", "Draining", "Stopped", "Suspended", "Unknown")
NODE_WORDS = tuple(f"{state}{rest}" for state in NODE_STATES for rest in ("", " without certificate"))
STATE_KEYS: dict[str, type | tuple[type, ...]] = {
    "stores": dict, "records": dict, "SstpSvc": (dict, str), "services": (dict, str), "listen": str, "registry": dict,
    "orphans": int,
}  # fmt: skip
SCENARIO_KEYS = {
    "title": str, "source": list, "host": dict, "certificates": dict, **STATE_KEYS, "RemoteAccess": dict, "settings": dict, "faults": list, "events": list,
    "works": bool, "findings": (list, dict), "asked": list, "rotate": (str, dict), "with": dict, "after": dict, "assumed": list, "only": dict,
}  # fmt: skip
REQUIRED = ("title", "source", "findings", "rotate")
OUTCOMES = ("refused", "failed", "not working", "put off")
KINDS = ("sim", "wine")


class ScenarioError(ValueError):
    """A file that is no scenario; the text says which, where in it, and what is known in that place."""


# --- what a scenario says -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CertificateSpec:
    """A certificate to issue. days_left below 0: it has expired. starts_in above 0: it is not valid yet.

    crl and usage None: what the lab's authority gives every certificate.
    """

    names: tuple[str, ...] = ("vpn.example.com",)
    days_left: int = 90
    starts_in: int = -1
    eku: tuple[str, ...] = ("server",)
    key: str = "rsa"
    same_key_as: str | None = None
    issuer: str = "lab"
    crl: tuple[str, ...] | None = None
    ocsp: tuple[str, ...] = ()
    friendly_name: str | None = None
    signature: str = "sha256"
    usage: tuple[str, ...] | None = None
    ca: bool = False


@dataclass(frozen=True)
class RecordWords:
    """A record in words; fields: only those that the file names, as in lab.agent.Record. certificate None: not named."""

    certificate: str | None
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """A host in words; whatever is not named is not meant. Absent things are there with the word 'absent' (records: None).

    orphans: how many key containers there are that no certificate names.
    """

    stores: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    records: Mapping[str, RecordWords | None] = field(default_factory=dict)
    values: Mapping[str, Any] | None = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)
    listen: str | None = None
    registry: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    orphans: int | None = None


@dataclass(frozen=True)
class Fault:
    """A failing call of httpapi.dll (call) or a switch of the services (switch); the rest as in lab.agent."""

    call: str | None
    switch: str | None
    code: int
    endpoint: str | None = None
    skip: int = 0
    times: int = 1
    after: bool = False


@dataclass(frozen=True)
class Outcome:
    """kind: working, unchanged, refused, failed, 'not working' or 'put off'; words: part of the sentence that says why."""

    kind: str
    words: str = ""


@dataclass(frozen=True)
class Rotation:
    """How the rotation is called. by: pfx (brings the candidate where the host lacks it) or thumbprint.

    balancer: the certificate that the load balancer in front serves; the rotation is told its hash, and no candidate.
    """

    candidate: str = "new"
    by: str = "pfx"
    options: Mapping[str, Any] = field(default_factory=dict)
    balancer: str | None = None


@dataclass(frozen=True)
class RemoteAccessWords:
    """What RRAS itself says, and how its cmdlets fail; None: as the rest of the server has it. certificate: its name. nodes: name -> status."""

    form: str = "certificate"
    certificate: str | None = None
    use_http: bool | None = None
    connect_to: str | None = None
    nodes: Mapping[str, str] = field(default_factory=dict)
    fails: str | None = None
    get_fails: str | None = None
    ignores: bool = False


@dataclass(frozen=True)
class Scenario:
    """One file. unreadable: part of the sentence with which audit fails; findings then are empty. asked: what audit finds when it is given what the
    rotation is given; None: not said.

    events: what RRAS raises when it is started once more in this state; None: it is not started once more. settings: program -> certificate.
    """

    name: str
    title: str
    source: tuple[str, ...]
    state: State
    findings: tuple[str, ...]
    rotate: Outcome
    host: Mapping[str, Any] = field(default_factory=dict)
    certificates: Mapping[str, CertificateSpec] = field(default_factory=dict)
    remote_access: RemoteAccessWords = RemoteAccessWords()
    settings: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    events: tuple[int, ...] | None = None
    works: bool = False
    unreadable: str = ""
    asked: tuple[str, ...] | None = None
    rotation: Rotation = Rotation()
    after: State | None = None
    assumed: tuple[str, ...] = ()
    only: Mapping[str, str] = field(default_factory=dict)

    def runs_on(self, kind: str) -> bool:
        """Whether a host of that kind (sim, wine) can be brought into this state."""
        return not self.only or kind in self.only

    def host_options(self, kind: str) -> dict[str, Any]:
        """Keyword arguments for SimHost, or for WineLab.host, which knows fewer; apply does the rest.

        Each Wine host has a port of its own anyhow, for all share the loopback addresses.
        """
        wanted = ("build", "http_update", "elevated", "port", "cmdlets") if kind == "sim" else ("http_update", "cmdlets")
        return {name: self.host[name] for name in wanted if name in self.host}


# --- reading ------------------------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """YAML in which a key may stand only once."""


def _no_doubles(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[str | int] = set()
    for key_node, _value in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":
            continue
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str | int):
            raise ScenarioError(f"{key!r} is no key (line {key_node.start_mark.line + 1}); write [::] in quotes")
        if key in seen:
            raise ScenarioError(f"{key!r} stands twice (line {key_node.start_mark.line + 1})")
        seen.add(key)
    loader.flatten_mapping(node)  # puts what << brings first, so that the mapping's own keys win
    return {loader.construct_object(key, deep=True): loader.construct_object(value, deep=True) for key, value in node.value}


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _no_doubles)


def names() -> list[str]:
    """Every scenario there is."""
    return sorted(path.stem for path in FOLDER.glob("*.yml") if path.name != NOT_COVERED)


def load(name: str | Path) -> Scenario:
    """A scenario by its name, or from a file anywhere. ScenarioError says what is wrong with it."""
    path = name if isinstance(name, Path) else FOLDER / f"{name}.yml"
    if not path.is_file():
        raise ScenarioError(f"There is no scenario {path.stem!r}{_hint(path.stem, names()) or '.'}")
    try:
        content = _read_yaml(path)
        return _scenario(path.stem, content)
    except ScenarioError as error:
        raise ScenarioError(f"{path.name}: {error}".rstrip("?.") + ("?" if str(error).endswith("?") else ".")) from None


def not_covered() -> dict[str, str]:
    """Rows of the reference that no scenario can have -> the reason."""
    return {str(row): str(reason) for row, reason in _read_yaml(FOLDER / NOT_COVERED).items()}


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except yaml.YAMLError as error:
        raise ScenarioError(f"this is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ScenarioError("the file must be a mapping with title, source, findings and rotate")
    return content


def _hint(given: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(given.lower(), {item.lower() for item in known}, 1)
    original = next((item for item in known if near and item.lower() == near[0]), None)
    return f"; did you mean {original!r}?" if original else ""


def _keys(given: Any, known: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A mapping that has known keys only, with values of the right type."""
    if not isinstance(given, dict):
        raise ScenarioError(f"{where} must be a mapping of {', '.join(known)}")
    for key, value in given.items():
        if key not in known:
            raise ScenarioError(f"{where} has no key {key!r}{_hint(str(key), known) or '; it knows ' + ', '.join(known)}")
        kinds = known[key] if isinstance(known[key], tuple) else (known[key],)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            wanted = " or ".join({dict: "a mapping", list: "a list", str: "text", int: "a number", bool: "true or false"}.get(k, "null") for k in kinds)
            raise ScenarioError(f"{_place(where, key)} must be {wanted}, not {value!r}")
    return given


def _place(where: str, key: str) -> str:
    return key if where == "the scenario" else f"{where}.{key}"


def _word(given: Any, known: Collection[str], where: str) -> str:
    if given not in known:
        raise ScenarioError(f"{where} must be {' or '.join(known)}, not {given!r}{_hint(str(given), known)}")
    return str(given)


def _texts(given: Any, where: str) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(isinstance(item, str) and item for item in given):
        raise ScenarioError(f"{where} must be a list of texts")
    return tuple(given)


def _scenario(name: str, content: dict[str, Any]) -> Scenario:
    data = _keys(content, SCENARIO_KEYS, "the scenario")
    if missing := [key for key in REQUIRED if key not in data]:
        raise ScenarioError(f"{' and '.join(missing)} must be given")
    certificates = _certificates(data.get("certificates", {}))
    findings, unreadable = _findings(data["findings"])
    only = _only(data.get("only", {}))
    state = _initial(_state({key: data[key] for key in STATE_KEYS if key in data}, certificates, "the scenario"))
    _check_keys(state, only)
    return Scenario(
        name=name,
        title=data["title"],
        source=_source(data["source"]),
        state=state,
        findings=findings,
        rotate=_outcome(data["rotate"]),
        host=_keys(data.get("host", {}), HOST_KEYS, "host"),
        certificates=certificates,
        remote_access=_remote_access(data.get("RemoteAccess", {}), certificates),
        settings=_settings(data.get("settings", {}), certificates),
        faults=tuple(_fault(item) for item in data.get("faults", [])),
        events=_events(data["events"]) if "events" in data else None,
        works=data.get("works", False),
        unreadable=unreadable,
        asked=_texts(data["asked"], "asked") if "asked" in data else None,
        rotation=_rotation(data.get("with", {}), certificates),
        after=_state(_keys(data["after"], STATE_KEYS, "after"), certificates, "after") if "after" in data else None,
        assumed=_texts(data.get("assumed", []), "assumed"),
        only=only,
    )


def _source(given: list[Any]) -> tuple[str, ...]:
    source = _texts(given, "source")
    for item in source:
        if not source or item.split()[0] not in ("domain", "peers"):
            raise ScenarioError(f"a source starts with domain or peers, and {item!r} does not")
    if not source:
        raise ScenarioError("source must name at least one place of domain.md or peers.md")
    return source


def _certificates(given: dict[str, Any]) -> dict[str, CertificateSpec]:
    result = {"old": CertificateSpec(), "new": CertificateSpec()}
    for name, spec in given.items():
        where = f"certificates.{name}"
        if name in (*STORE_WORDS, "none", INTERMEDIATE, ROOT):
            raise ScenarioError(f"no certificate can be called {name!r}: that is a word")
        fields = dict(_keys({} if spec is None else spec, CERTIFICATE_KEYS, where))
        for key in ("names", "crl", "ocsp", "usage"):
            if key in fields:
                fields[key] = _texts(fields[key], f"{where}.{key}")
        if "eku" in fields:
            words = fields["eku"] if isinstance(fields["eku"], list) else [fields["eku"]]
            fields["eku"] = tuple(_word(word, EKU_WORDS, f"{where}.eku") for word in words)
        for word in fields.get("usage", ()):
            _word(word, USAGES, f"{where}.usage")
        for key, known in (("key", KEY_WORDS), ("issuer", ISSUER_WORDS), ("signature", SIGNATURES)):
            if key in fields:
                _word(fields[key], known, f"{where}.{key}")
        if fields.get("issuer") == "itself" and fields.get("key", "").startswith("ecdsa") and fields.get("signature", "sha256") != "sha256":
            raise ScenarioError(f"{where}.signature cannot be {fields['signature']}, as that is one of RSA keys, and an ecdsa key signs it")
        result[str(name)] = CertificateSpec(**fields)
    for name, certificate in result.items():
        if certificate.same_key_as is not None:
            earlier = list(result)[: list(result).index(name)]
            _word(certificate.same_key_as, earlier, f"certificates.{name}.same_key_as")
    return result


def _state(given: dict[str, Any], certificates: Collection[str], where: str) -> State:
    data = _keys(given, STATE_KEYS, where)
    stores = {store: _store(store, words, certificates) for store, words in data.get("stores", {}).items()}
    records = {str(key): _record(words, certificates, f"records.{key}") for key, words in data.get("records", {}).items()}
    values = data.get("SstpSvc", {})
    if values != "missing" and not isinstance(values, dict):
        raise ScenarioError(f"SstpSvc must be a mapping or the word missing, not {values!r}")
    registry = {path: _values(below, certificates, f"registry.{path}") for path, below in data.get("registry", {}).items()}
    sstp = None if values == "missing" else _values(values, certificates, "SstpSvc")
    if data.get("orphans", 0) < 0:
        raise ScenarioError(f"orphans must be a number of key containers, not {data['orphans']}")
    return State(stores, records, sstp, _services(data.get("services", {})), data.get("listen"), registry, data.get("orphans"))


def _store(store: str, words: Any, certificates: Collection[str]) -> dict[str, str]:
    if not isinstance(words, dict):
        raise ScenarioError(f"stores.{store} must be a mapping of certificates and their state")
    authority = store in AUTHORITY_STORES
    known = {*certificates, INTERMEDIATE, ROOT} if authority else set(certificates)
    for name, word in words.items():
        where = f"stores.{store}.{name}"
        _word(name, sorted(known), f"a certificate of stores.{store}")
        if authority or not str(word).startswith(SHARES):
            _word(word, ("good", "absent") if authority else (*STORE_WORDS, f"{SHARES}..."), where)
        else:
            _word(str(word).removeprefix(SHARES), list(certificates), f"{where} shares the key of a certificate, which")
    return dict(words)


def owner_of(state: State, store: str, word: str) -> tuple[str, str] | None:
    """Store and name of the certificate whose key another one, in that store and with that word, shares; in its own store before MY before others."""
    name = word.removeprefix(SHARES)
    places = [place for place in dict.fromkeys((store, "MY", *state.stores)) if place not in AUTHORITY_STORES]
    usable = ((place, state.stores.get(place, {}).get(name, "absent")) for place in places)
    return next(((place, name) for place, found in usable if found not in ("absent", "no key") and not found.startswith(SHARES)), None)


def _check_keys(state: State, only: Collection[str]) -> None:
    """What the words about keys have need of elsewhere in the file."""
    for store, words in state.stores.items():
        for name, word in words.items():
            if word == "cng" and "wine" in (only or KINDS):
                raise ScenarioError(f"stores.{store}.{name} cannot be cng on wine, which has no key storage provider; say only: {{sim: reason}}")
            if word.startswith(SHARES) and owner_of(state, store, word) is None:
                raise ScenarioError(f"stores.{store}.{name} {word}, and that one has no key in any store")


def _record(words: Any, certificates: Collection[str], where: str) -> RecordWords | None:
    if words == "absent":
        return None
    if isinstance(words, str):
        return RecordWords(_word(words, (*certificates, "none", "absent"), where))
    fields = dict(_keys(words, RECORD_KEYS, where))
    certificate = fields.pop("certificate", None)
    if certificate is not None:
        _word(certificate, (*certificates, "none"), f"{where}.certificate")
    if "owner" in fields:
        owner = fields.pop("owner")
        if not owner.startswith("{"):
            _word(owner, OWNERS, f"{where}.owner")
        fields["app_id"] = OWNERS.get(owner, owner)
    return RecordWords(certificate, fields)


def _values(given: Any, certificates: Collection[str], where: str) -> dict[str, Any]:
    """Value name -> word; a certificate's name stands for its hash."""
    if not isinstance(given, dict):
        raise ScenarioError(f"{where} must be a mapping of value names")
    for name, word in given.items():
        place = f"{where}.{name}"
        if isinstance(word, dict):
            _keys(word, {"text": str, "bytes": int}, place)
            if len(word) != 1:
                raise ScenarioError(f"{place} must have one of text and bytes")
        elif isinstance(word, str):
            _word(word, (*certificates, "absent"), place)
        elif isinstance(word, bool) or not isinstance(word, int):
            raise ScenarioError(f"{place} must be a certificate's name, absent, a number, {{text: ...}} or {{bytes: length}}, not {word!r}")
    return dict(given)


def _services(given: Any) -> dict[str, str]:
    if isinstance(given, str):
        given = dict.fromkeys(SERVICES, given)
    words = {name: _word(word, SERVICE_WORDS, f"services.{name}") for name, word in _keys(given, dict.fromkeys(SERVICES, str), "services").items()}
    for above, below in pairwise(SERVICES):
        if words.get(below) in STOPPED_WORDS and words.get(above) not in STOPPED_WORDS:
            raise ScenarioError(f"{below} cannot be {words[below]} while {above} runs, which needs it; say died, or stop {above} as well")
    return words


def _initial(state: State) -> State:
    """The words of the file over those of a healthy server."""
    stores = {"MY": {"old": "good"}, "CA": {INTERMEDIATE: "good"}, "ROOT": {ROOT: "good"}}
    for store, words in state.stores.items():
        stores[store] = {**stores.get(store, {}), **words}
    records = {**{address: RecordWords("old") for address in WILDCARDS}, **state.records}
    services = {**dict.fromkeys(SERVICES, "running"), **state.services}
    return State(stores, records, state.values, services, state.listen, state.registry, state.orphans)


def _settings(given: dict[str, Any], certificates: Collection[str]) -> dict[str, str]:
    data = _keys(given, dict.fromkeys(PROGRAMS, str), "settings")
    return {program: _word(name, list(certificates), f"settings.{program}") for program, name in data.items()}


def _remote_access(given: dict[str, Any], certificates: Collection[str]) -> RemoteAccessWords:
    data = _keys(given, REMOTE_ACCESS_KEYS, "RemoteAccess")
    if "form" in data:
        _word(data["form"], FORMS, "RemoteAccess.form")
    if "certificate" in data:
        _word(data["certificate"], list(certificates), "RemoteAccess.certificate")
    for name, word in data.get("nodes", {}).items():
        _word(word, NODE_WORDS, f"RemoteAccess.nodes.{name}")
    for key in ("connect_to", "fails", "get_fails"):
        if data.get(key) == "":
            raise ScenarioError(f"RemoteAccess.{key} must not be empty; leave it out")
    return RemoteAccessWords(**data)


def _fault(given: Any) -> Fault:
    if not isinstance(given, dict) or ("call" in given) == ("switch" in given):
        raise ScenarioError(f"a fault has call and code, or switch and value, and {given!r} has not")
    if "switch" in given:
        _keys(given, SWITCH_KEYS, "a fault")
        return Fault(None, _word(given["switch"], sorted(SWITCHES), "switch"), given.get("value", 1))
    data = _keys(given, CALL_KEYS, "a fault")
    if "code" not in data:
        raise ScenarioError(f"the fault of {data['call']} has no code")
    return Fault(switch=None, **data)


def _events(given: list[Any]) -> tuple[int, ...]:
    if not all(isinstance(item, int) for item in given):
        raise ScenarioError("events must be a list of numbers")
    return tuple(given)


def _findings(given: Any) -> tuple[tuple[str, ...], str]:
    if isinstance(given, list):
        return (_texts(given, "findings") if given else ()), ""
    words = _keys(given, {"unreadable": str}, "findings")
    if "unreadable" not in words:
        raise ScenarioError("findings must be a list of rule ids, or unreadable with part of the sentence")
    return (), words["unreadable"]


def _outcome(given: Any) -> Outcome:
    if isinstance(given, str):
        return Outcome(_word(given, ("working", "unchanged"), "rotate"))
    words = _keys(given, dict.fromkeys(OUTCOMES, str), "rotate")
    if len(words) != 1:
        raise ScenarioError(f"rotate must be working, unchanged, or one of {', '.join(OUTCOMES)} with part of the sentence")
    ((kind, sentence),) = words.items()
    return Outcome(kind, sentence)


def _rotation(given: dict[str, Any], certificates: Collection[str]) -> Rotation:
    data = dict(_keys(given, OPTION_KEYS, "with"))
    for key, known in OPTION_WORDS.items():
        if key in data:
            _word(data[key], known, f"with.{key}")
    if "window" in data:
        _texts(data["window"], "with.window")
    balancer = data.pop("balancer", None)
    if balancer is not None:
        _word(balancer, list(certificates), "with.balancer")
        if extra := [key for key in ("candidate", "by") if key in data]:
            raise ScenarioError(f"with has balancer, whose certificate never comes to the server, so it cannot have {' and '.join(extra)}")
    candidate = _word(data.pop("candidate", "new"), list(certificates), "with.candidate")
    by = _word(data.pop("by", "pfx"), ("pfx", "thumbprint"), "with.by")
    return Rotation(candidate, by, data, balancer)


def _only(given: dict[str, Any]) -> dict[str, str]:
    return dict(_keys(given, dict.fromkeys(KINDS, str), "only"))
