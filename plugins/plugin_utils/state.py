# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of a host as frozen dataclasses, read from what windows_backend answers. PRIVATE to the collection."""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .acl import acl_problem
from .inputs import Endpoint, lower_host, pair
from .names import (
    ADMINISTRATOR,
    AT_SIGNATURE,
    AUTHORITY_STORES,
    AUTOMATIC,
    BEFORE_OFFLOAD_KEY,
    BY_ADMIN_VALUE,
    CONFIG_STORE_KEY,
    LISTENER_PORT_VALUE,
    MACHINE_KEYSET,
    OFFLOAD,
    RRAS_SERVICE,
    SHA1_VALUE,
    SHA256_VALUE,
    SSTP_KEY,
    SSTP_SERVICE,
    USE_HTTPS_VALUE,
)
from .x509 import Certificate, read_stored, signature_is_valid

DEFAULT_PORT, DEFAULT_HTTP_PORT = 443, 80
_LAST_PORT = 65535
# Adapters of these kinds (System.Net.NetworkInformation.NetworkInterfaceType) bring no clients.
_NO_NETWORK = ("loopback", "tunnel", "ppp")
# RRAS runs, but without remote access: https://learn.microsoft.com/windows/win32/api/mprapi/nf-mprapi-mpradminconnectionenum
_DDM_NOT_RUNNING = 903

_EVENT_NAMESPACE = "{http://schemas.microsoft.com/win/2004/08/events/event}"
# Windows writes up to nine digits of a second.
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)
_THUMBPRINT = re.compile(r"[0-9A-Fa-f]{40}")
# An event is at most 64 KB, and those of RasSstp carry a word or two.
_LONGEST_XML = 1 << 18
_LONGEST_TEXT = 1024
_MOST_TEXTS = 32


@dataclass(frozen=True)
class SslRecord:
    """An HTTP.SYS record whole: key and every field of HTTP_SERVICE_CONFIG_SSL_PARAM, unknown flag bits too."""

    endpoint: Endpoint
    certificate_hash: str
    app_id: str
    certificate_store_name: str | None = None
    check_mode: int = 0
    revocation_freshness_time: int = 0
    url_retrieval_timeout: int = 0
    ctl_identifier: str | None = None
    ctl_store_name: str | None = None
    flags: int = 0

    @property
    def store(self) -> str:
        """The store in which the certificate is looked for: a record without a name means MY."""
        return (self.certificate_store_name or "MY").upper()

    def bound_to(self, thumbprint: str) -> SslRecord:
        """This record with another certificate of MY, and not a bit else different."""
        store = self.certificate_store_name if self.store == "MY" else "MY"
        return replace(self, certificate_hash=thumbprint, certificate_store_name=store)


@dataclass(frozen=True)
class RegistryValue:
    """kind is that of .NET in lower case; data is hex for binary, a number for dword.

    data is None where it cannot be told, and so cannot be put back: too long, with its length, or not of the form that its kind has.
    """

    kind: str
    data: Any
    length: int | None = None

    @property
    def untold(self) -> str:
        """What is to be said in the place of data that is not told."""
        return f"({self.kind}, {'not readable' if self.length is None else f'{self.length} characters'})"


@dataclass(frozen=True)
class PrivateKey:
    """Where a private key is said to be, and whether it opened: acquire_code is None where that was not tried."""

    container: str | None
    provider: str | None
    provider_type: int
    flags: int
    key_spec: int
    acquire_code: int | None
    proven: bool | None
    # None where it is not known.
    exportable: bool | None = None
    # Its DACL as SDDL.
    security: str | None = None

    @property
    def acl_problem(self) -> str | None:
        """What its ACL keeps SYSTEM from, as a phrase."""
        return acl_problem(self.security)

    @property
    def defect(self) -> str | None:
        """What was found wrong with it by trying, as a phrase. Schannel takes no key of a CSP that is for signatures alone:

        https://learn.microsoft.com/windows/win32/api/wincrypt/ns-wincrypt-crypt_key_prov_info
        """
        if self.acquire_code:
            return f"it does not open (0x{self.acquire_code & 0xFFFFFFFF:08X})"
        if self.provider_type and self.key_spec == AT_SIGNATURE:
            return "it is kept for signatures alone (KeySpec 2), and not for key exchange"
        return "what it signs does not fit the certificate" if self.proven is False else None

    @property
    def problem(self) -> str | None:
        """Why HTTP.SYS cannot use it, as a phrase. It opens keys as SYSTEM, which has none of the keys of users, whoever else can open them."""
        if self.defect is None and not self.flags & MACHINE_KEYSET:
            return "it is a key of a user, and not of the machine"
        return self.defect or self.acl_problem

    @property
    def usable(self) -> bool | None:
        """Did it open, and sign? None where nobody has tried."""
        if self.defect is not None:
            return False
        return None if self.acquire_code is None else True


@dataclass(frozen=True)
class StoredCertificate:
    """A certificate of a store of LocalMachine."""

    certificate: Certificate
    store: str
    friendly_name: str | None
    key: PrivateKey | None

    @property
    def thumbprint(self) -> str:
        return self.certificate.thumbprint


@dataclass(frozen=True)
class KeyReference:
    """That a certificate of a store of LocalMachine, or of a service (NTDS\\MY), says that its key is in that container."""

    store: str
    thumbprint: str
    container: str | None
    provider: str | None


@dataclass(frozen=True)
class KeyContainer:
    """A key container of the machine; provider_type 0 is CNG."""

    container: str
    provider: str
    provider_type: int


@dataclass(frozen=True)
class Keys:
    """Who names which key container, and which there are. truncated: there are more of these than are told. errors as in Served."""

    references: tuple[KeyReference, ...] = ()
    containers: tuple[KeyContainer, ...] = ()
    truncated: bool = False
    errors: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Mention:
    """That a thumbprint is written in a place (index in PLACES), and where in it; or why that could not be read (error as in Served)."""

    place: int
    where: str | None
    thumbprint: str | None
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Service:
    """A Windows service: start is the registry's number (2 automatic, 3 manual, 4 disabled)."""

    name: str
    state: str
    start: int | None
    depends_on: tuple[str, ...]


@dataclass(frozen=True)
class Served:
    """What a TLS client on the host was shown; error has function, code and message where it was shown nothing."""

    endpoint: Endpoint
    certificate: Certificate | None
    error: Mapping[str, Any] | None


@dataclass(frozen=True)
class Adapter:
    """A network adapter: which protocols are bound to it, and its unicast addresses without their scope."""

    name: str
    kind: str
    up: bool
    ipv4: bool
    ipv6: bool
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Node:
    """A node of a load-balanced cluster; status as in Microsoft's class RemoteAccessLoadBalancerNode."""

    name: str
    status: str


@dataclass(frozen=True)
class RemoteAccess:
    """What RRAS itself says (Get-RemoteAccess). available: the host has the cmdlet; an error as in Served where it gave no answer.

    connect_to: the name or address that DirectAccess clients dial, None without DirectAccess. nodes: empty without a cluster.
    """

    available: bool
    certificate: Certificate | None = None
    use_http: bool | None = None
    connect_to: str | None = None
    nodes: tuple[Node, ...] = ()
    error: Mapping[str, Any] | None = None
    # What IKEv2 shows its clients (Get-VpnAuthProtocol).
    advertised: Certificate | None = None


@dataclass(frozen=True)
class LoggedEvent:
    """An event of RasSstp: level 2 is an error, 3 a warning; time is the host's, UTC; data are the values that the message is made with."""

    id: int
    level: int
    time: dt.datetime
    data: tuple[str, ...] = ()


@dataclass(frozen=True)
class HostState:
    """One observation."""

    state_id: str
    port: int
    ports: tuple[int, ...]
    records: tuple[SslRecord, ...] = ()
    parameters: Mapping[str, RegistryValue] | None = None
    certificates: tuple[StoredCertificate, ...] = ()
    services: tuple[Service, ...] = ()
    served: tuple[Served, ...] = ()
    host: Mapping[str, Any] = field(default_factory=dict)
    listen_only: tuple[str, ...] = ()
    predecessors: Mapping[str, str] = field(default_factory=dict)
    # Rule id -> when the host was last healed of it, as it is written there.
    healed: Mapping[str, str] = field(default_factory=dict)
    interrupted: bool = False
    # The newest first; an error as in Served. Both are empty where nobody asked for events.
    events: tuple[LoggedEvent, ...] = ()
    events_error: Mapping[str, Any] | None = None
    config_store: Mapping[str, RegistryValue] | None = None
    before_offload: Mapping[str, RegistryValue] = field(default_factory=dict)
    adapters: tuple[Adapter, ...] = ()
    # None where nobody has asked RRAS.
    remote_access: RemoteAccess | None = None
    # How many VPN sessions there are, of every protocol; None where that is not known, with an error as in Served where it was asked.
    sessions: int | None = None
    sessions_error: Mapping[str, Any] | None = None
    # Of the stores CA and ROOT: what was asked for, and the issuers of the certificates of asked.
    authorities: tuple[StoredCertificate, ...] = ()
    # Thumbprints of the certificates whose issuers were looked for.
    asked: frozenset[str] = frozenset()
    # None where nobody has looked.
    keys: Keys | None = None
    mentions: tuple[Mention, ...] | None = None
    # When it was looked at, by the controller's clock; None where that does not matter.
    seen_at: dt.datetime | None = field(default=None, compare=False)

    def record(self, endpoint: Endpoint) -> SslRecord | None:
        return next((r for r in self.records if r.endpoint == endpoint), None)

    @property
    def pair(self) -> tuple[SslRecord | None, SslRecord | None]:
        """The records of 0.0.0.0 and [::] on the port."""
        v4, v6 = pair(self.port)
        return self.record(v4), self.record(v6)

    def certificate(self, thumbprint: str, store: str = "MY") -> StoredCertificate | None:
        return next((c for c in self.certificates if c.thumbprint == thumbprint and c.store == store.upper()), None)

    def authority(self, thumbprint: str, store: str) -> StoredCertificate | None:
        """A certificate of CA or ROOT, as far as it was told."""
        return next((c for c in self.authorities if c.thumbprint == thumbprint and c.store == store), None)

    def authorities_of(self, store: str) -> tuple[Certificate, ...]:
        return tuple(c.certificate for c in self.authorities if c.store == store)

    def parameter(self, name: str) -> RegistryValue | None:
        """A value of SstpSvc's key; value names are not case-sensitive."""
        return self.value(SSTP_KEY, name)

    def value(self, path: str, name: str) -> RegistryValue | None:
        """A value of SstpSvc's key, of its subkey ConfigStore, or of what was noted before offload."""
        values = {SSTP_KEY: self.parameters, CONFIG_STORE_KEY: self.config_store, BEFORE_OFFLOAD_KEY: self.before_offload}[path]
        wanted = name.lower()
        return next((v for n, v in (values or {}).items() if n.lower() == wanted), None)

    def service(self, name: str) -> Service | None:
        return next((s for s in self.services if s.name.lower() == name.lower()), None)

    @property
    def installed(self) -> bool:
        return self.service(SSTP_SERVICE) is not None and self.parameters is not None

    @property
    def mode(self) -> str:
        """automatic, administrator or offload: where the hash comes from."""
        use_https = self.parameter(USE_HTTPS_VALUE)
        by_admin = self.parameter(BY_ADMIN_VALUE)
        if use_https is not None and use_https.data == 0:
            return OFFLOAD
        return ADMINISTRATOR if by_admin is not None and by_admin.data == 1 else AUTOMATIC

    @property
    def listener_port(self) -> int:
        """The port that SstpSvc listens on, which need not be the one that the observation is about. Plain HTTP has a default of its own."""
        return self.port_in(self.mode)

    def port_in(self, mode: str) -> int:
        """The port that SstpSvc would listen on in that mode, with the value that is there."""
        value = self.parameter(LISTENER_PORT_VALUE)
        default = DEFAULT_HTTP_PORT if mode == OFFLOAD else DEFAULT_PORT
        return value.data if value is not None and isinstance(value.data, int) and 0 < value.data <= _LAST_PORT else default

    @property
    def wildcards(self) -> tuple[Endpoint, ...]:
        """The records that the host is to have: the pair, without a family that no adapter is bound to, unless its record is there.

        Where the adapters are not known both are taken to be bound.
        """
        networks = [adapter for adapter in self.adapters if adapter.up and adapter.kind not in _NO_NETWORK]
        v4, v6 = pair(self.port)
        known = any(adapter.ipv4 or adapter.ipv6 for adapter in networks)
        ipv4 = not known or any(adapter.ipv4 for adapter in networks)
        ipv6 = not known or any(adapter.ipv6 for adapter in networks)
        return tuple(endpoint for endpoint, bound in ((v4, ipv4), (v6, ipv6)) if bound or self.record(endpoint))

    @property
    def sha256(self) -> RegistryValue | None:
        return self.parameter(SHA256_VALUE)

    @property
    def sha1(self) -> RegistryValue | None:
        return self.parameter(SHA1_VALUE)

    @property
    def build(self) -> int:
        """The build of Windows; 0 where it cannot be told."""
        text = str(self.host.get("build") or "")
        return int(text) if text.isdecimal() else 0

    @property
    def time(self) -> dt.datetime:
        """The host's clock, UTC."""
        return parse_time(str(self.host["time"]))

    @property
    def utc_offset(self) -> int:
        """The minutes by which the host's local time is ahead of UTC."""
        return int(self.host.get("utc_offset") or 0)

    @property
    def local_time(self) -> dt.datetime:
        """The host's clock as its users see it."""
        return self.time.astimezone(dt.timezone(dt.timedelta(minutes=self.utc_offset)))


def parse_time(text: str) -> dt.datetime:
    """An ISO 8601 time in UTC as the back-end and the event log write it, to the microsecond. Raises ValueError."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no time in UTC")
    moment = dt.datetime.strptime(found[1], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=dt.timezone.utc)
    return moment.replace(microsecond=int((found[2] or "").ljust(6, "0")[:6]))


def read_state(facts: Mapping[str, Any], state_id: str, challenge: bytes) -> HostState:
    """The back-end's facts as a HostState; challenge is what the keys were asked to sign."""
    ports = tuple(int(p) for p in facts["ports"])
    http = facts.get("http") or {}
    sstp = facts.get("sstp") or {}
    product = facts.get("product") or {}
    events, events_error = read_events(facts.get("events") or {})
    services = tuple(_read_service(s) for s in facts.get("services") or ())
    sessions, sessions_error = read_sessions(facts.get("sessions"), services if "services" in facts else None)
    records = tuple(read_record(r) for r in http.get("records") or ())
    # The host tells them in no order.
    stores = sorted((facts.get("stores") or {}).items(), key=lambda item: (item[0].upper() != "MY", item[0].upper()))
    stored = tuple(_read_stored(c, name, challenge) for name, content in stores for c in content)
    # Whole only where a record has its certificate there.
    named = {record.store for record in records if record.endpoint.port in ports}
    return HostState(
        state_id=state_id,
        port=ports[0],
        ports=ports,
        records=records,
        parameters=_read_values(sstp.get("parameters")),
        certificates=tuple(c for c in stored if c.store not in AUTHORITY_STORES or c.store in named),
        services=services,
        served=tuple(_read_served(s) for s in facts.get("served") or ()),
        host={name: value for name, value in (facts.get("host") or {}).items() if name != "adapters"},
        listen_only=tuple(http.get("listen_only") or ()),
        predecessors=_read_predecessors(product.get("predecessors")),
        healed=_read_healed(product.get("healed")),
        interrupted=product.get("journal") is not None,
        events=events,
        events_error=events_error,
        config_store=_read_values(sstp.get("config_store")),
        before_offload=_read_values(product.get("before_offload")) or {},
        adapters=tuple(_read_adapter(a) for a in (facts.get("host") or {}).get("adapters") or ()),
        remote_access=_read_remote_access(facts.get("remote_access")),
        sessions=sessions,
        sessions_error=sessions_error,
        authorities=tuple(sorted((c for c in stored if c.store in AUTHORITY_STORES), key=lambda one: (one.store, one.thumbprint))),
        keys=_read_keys(facts.get("keys")),
        mentions=_read_mentions(facts.get("mentions")),
    )


def read_record(fact: Mapping[str, Any]) -> SslRecord:
    """A record with the fields that the back-end gives (docs/backend.md)."""
    return SslRecord(
        endpoint=_read_endpoint(fact),
        certificate_hash=str(fact["certificate_hash"]),
        app_id=str(fact["app_id"]).lower(),
        certificate_store_name=fact["certificate_store_name"],
        check_mode=int(fact["check_mode"]),
        revocation_freshness_time=int(fact["revocation_freshness_time"]),
        url_retrieval_timeout=int(fact["url_retrieval_timeout"]),
        ctl_identifier=fact["ctl_identifier"],
        ctl_store_name=fact["ctl_store_name"],
        flags=int(fact["flags"]),
    )


def _read_endpoint(fact: Mapping[str, Any]) -> Endpoint:
    """In the spelling that parse_endpoint gives, whatever the host's .NET and the owner of the record have made of it."""
    host = fact.get("host")
    address = str(ipaddress.ip_address(str(fact["address"])))
    return Endpoint(str(fact["family"]), address, int(fact["port"]), None if host is None else lower_host(str(host)))


def _read_values(facts: Mapping[str, Any] | None) -> dict[str, RegistryValue] | None:
    if facts is None:
        return None
    return {str(name): RegistryValue(str(v["kind"]), v.get("data"), v.get("length")) for name, v in facts.items()}


def _read_predecessors(facts: Mapping[str, Any] | None) -> dict[str, str]:
    """Thumbprint -> time as it is written there; a value of another name is nothing that a rotation has noted."""
    values = _read_values(facts) or {}
    return {name.upper(): "" if value.data is None else str(value.data) for name, value in values.items() if _THUMBPRINT.fullmatch(name)}


def _read_healed(facts: Mapping[str, Any] | None) -> dict[str, str]:
    return {name.lower(): "" if value.data is None else str(value.data) for name, value in (_read_values(facts) or {}).items()}


def _read_stored(fact: Mapping[str, Any], store: str, challenge: bytes) -> StoredCertificate:
    certificate = read_stored(base64.b64decode(fact["raw"]))
    return StoredCertificate(certificate, store.upper(), fact.get("friendly_name"), _read_key(fact.get("key"), certificate, challenge))


def _read_key(fact: Mapping[str, Any] | None, certificate: Certificate, challenge: bytes) -> PrivateKey | None:
    if fact is None:
        return None
    signature = fact.get("signature")
    proven = None
    if signature is not None:
        proven = signature_is_valid(certificate, str(signature["algorithm"]), base64.b64decode(signature["data"]), challenge)
    return PrivateKey(
        container=fact["container"],
        provider=fact["provider"],
        provider_type=int(fact["provider_type"]),
        flags=int(fact["flags"]),
        key_spec=int(fact["key_spec"]),
        acquire_code=fact["acquire_code"],
        proven=proven,
        exportable=fact.get("exportable"),
        security=fact.get("security"),
    )


def _read_keys(fact: Mapping[str, Any] | None) -> Keys | None:
    if fact is None:
        return None
    return Keys(
        references=tuple(KeyReference(str(r["store"]).upper(), str(r["thumbprint"]).upper(), r["container"], r["provider"]) for r in fact["references"]),
        containers=tuple(KeyContainer(str(c["container"]), str(c["provider"]), int(c["provider_type"])) for c in fact["containers"]),
        truncated=bool(fact["truncated"]),
        errors=tuple(fact["errors"]),
    )


def _read_mentions(facts: Iterable[Mapping[str, Any]] | None) -> tuple[Mention, ...] | None:
    if facts is None:
        return None
    return tuple(Mention(int(m["place"]), m["where"], str(m["thumbprint"]).upper() if m["thumbprint"] else None, m.get("error")) for m in facts)


def _read_service(fact: Mapping[str, Any]) -> Service:
    start = fact["start"] if isinstance(fact["start"], int) else None
    return Service(str(fact["name"]), str(fact["state"]), start, tuple(str(d) for d in fact["depends_on"]))


def _read_served(fact: Mapping[str, Any]) -> Served:
    certificate = read_stored(base64.b64decode(fact["raw"])) if fact.get("raw") else None
    return Served(Endpoint("ip", str(fact["address"]), int(fact["port"])), certificate, fact.get("error"))


def _read_adapter(fact: Mapping[str, Any]) -> Adapter:
    addresses = tuple(str(address).partition("%")[0] for address in fact["addresses"])
    return Adapter(str(fact["name"]), str(fact["kind"]).lower(), bool(fact["up"]), bool(fact["ipv4"]), bool(fact["ipv6"]), addresses)


def _read_remote_access(fact: Mapping[str, Any] | None) -> RemoteAccess | None:
    if fact is None:
        return None
    raw, advertised = fact.get("ssl_certificate"), fact.get("advertised")
    return RemoteAccess(
        available=bool(fact["available"]),
        certificate=read_stored(base64.b64decode(raw)) if raw else None,
        use_http=fact.get("use_http"),
        connect_to=fact.get("connect_to") or None,
        nodes=tuple(Node(str(node["name"]), str(node["status"])) for node in fact.get("nodes") or ()),
        error=fact.get("error"),
        advertised=read_stored(base64.b64decode(advertised)) if advertised else None,
    )


def read_sessions(fact: Mapping[str, Any] | None, services: tuple[Service, ...] | None) -> tuple[int | None, Mapping[str, Any] | None]:
    """The facet sessions: how many, and the error. RRAS that does not run, or does without remote access, has none; services None: not read."""
    if fact is None:
        return None, None
    rras = next((service for service in services or () if service.name.lower() == RRAS_SERVICE.lower()), None)
    error = fact.get("error")
    if services is not None and (rras is None or rras.state == "stopped"):
        return 0, None
    if error is not None and error.get("code") == _DDM_NOT_RUNNING:
        return 0, None
    count = fact.get("count")
    return None if count is None else int(count), error


def read_events(fact: Mapping[str, Any]) -> tuple[tuple[LoggedEvent, ...], Mapping[str, Any] | None]:
    """The facet events: what could be read, in the order of the host, and the error; that some records are no events is one, too."""
    records = list(fact.get("records") or ())
    events = tuple(event for record in records if (event := read_event(str(record))) is not None)
    error = fact.get("error")
    if error is None and len(events) < len(records):
        error = {"function": None, "code": None, "message": f"{len(records) - len(events)} of {len(records)} records are no events"}
    return events, error


def read_event(xml: str) -> LoggedEvent | None:
    """An event as Windows renders it (schema http://schemas.microsoft.com/win/2004/08/events/event); None for anything else."""
    # Windows writes no DOCTYPE; one could have entities that grow without end.
    if len(xml) > _LONGEST_XML or "<!doctype" in xml.lower():
        return None
    try:
        root = ET.fromstring(xml)
    except (ET.ParseError, ValueError):
        return None
    system = root.find(f"{_EVENT_NAMESPACE}System")
    if root.tag != f"{_EVENT_NAMESPACE}Event" or system is None:
        return None
    created = system.find(f"{_EVENT_NAMESPACE}TimeCreated")
    number, level = (_whole(system.findtext(_EVENT_NAMESPACE + name)) for name in ("EventID", "Level"))
    try:
        time = parse_time("" if created is None else created.get("SystemTime", ""))
    except ValueError:
        return None
    return None if number is None or level is None else LoggedEvent(number, level, time, _event_data(root))


def _whole(text: str | None) -> int | None:
    stripped = (text or "").strip()
    return int(stripped) if re.fullmatch(r"[0-9]{1,5}", stripped) else None


def _event_data(root: ET.Element) -> tuple[str, ...]:
    """The texts of EventData's or UserData's innermost elements."""
    parts = [part for name in ("EventData", "UserData") for part in root.findall(_EVENT_NAMESPACE + name)]
    texts = [(element.text or "").strip() for part in parts for element in part.iter() if len(element) == 0 and element is not part]
    return tuple(text[:_LONGEST_TEXT] for text in texts[:_MOST_TEXTS])
