# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PowerShell module RemoteAccess: what RRAS itself says, and what its one cmdlet that changes anything does.

The values are those of the double of a Wine host, at the same places of the registry: Certificate (DER that RRAS says it has), UseHttp, ConnectTo
(DirectAccess is installed), Nodes\\NAME (the status of a node of the cluster), Advertised (DER of the certificate of IKEv2), Fails, GetFails and AuthFails
(the text with which Set-RemoteAccess, Get-RemoteAccess and Get-VpnAuthProtocol fail), Ignores (Set-RemoteAccess does nothing). Form, in which the
certificate comes, makes no difference to the back-end's answer. Where Microsoft's documents say nothing, all this is assumed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import NameOID

from lab.agent import REMOTE_ACCESS, SSTP_APP_ID, Record
from lab.sim.errors import ACCESS_DENIED, WindowsError
from lab.sim.http_sys import HttpSys
from lab.sim.registry import SSTPSVC, Registry
from lab.sim.sstp import SstpService
from lab.sim.store import Certificate, Entry, Stores, certificate_of

NODES = REMOTE_ACCESS + r"\Nodes"
# A status that ends so: the node has not got the certificate.
WITHOUT_CERTIFICATE = " without certificate"
UP = ("Converged", "Converging", "Default")
WILDCARDS = ("0.0.0.0", "[::]")


@dataclass(frozen=True)
class Node:
    """A node of the load-balanced cluster."""

    name: str
    status: str
    has_certificate: bool


@dataclass(frozen=True)
class View:
    """What Get-RemoteAccess gives. connect_to: of DirectAccess, None where it is not installed."""

    ssl_certificate: Certificate | None
    use_http: bool
    connect_to: str | None
    load_balanced: bool

    def fact(self) -> dict[str, object]:
        """As the back-end tells it, without the nodes."""
        return {
            "ssl_certificate": self.ssl_certificate.encoded if self.ssl_certificate else None,
            "use_http": self.use_http,
            "vpn_status": "Installed",
            "da_status": "Uninstalled" if self.connect_to is None else "Installed",
            "load_balancing": "Configured" if self.load_balanced else "NotConfigured",
            "connect_to": self.connect_to,
        }


class RemoteAccess:
    """The module of one machine; ipv6 tells whether the protocol is bound."""

    def __init__(self, registry: Registry, http: HttpSys, stores: Stores, sstp: SstpService, ipv6: Callable[[], bool]) -> None:
        """Nothing is configured."""
        self._registry, self._http, self._stores, self._sstp, self._ipv6 = registry, http, stores, sstp, ipv6

    def get(self) -> View:
        """Get-RemoteAccess."""
        self._fail("GetFails")
        return View(self._certificate(), self._uses_http(), self._text("ConnectTo"), bool(self._nodes()))

    def load_balancer(self) -> list[Node]:
        """The nodes of Get-RemoteAccessLoadBalancer."""
        nodes = self._nodes()
        if not nodes:
            raise WindowsError(None, None, "Network load balancing is not configured on this server.")
        return nodes

    def advertised(self) -> Certificate | None:
        """CertificateAdvertised of Get-VpnAuthProtocol: what IKEv2 clients are shown."""
        self._fail("AuthFails")
        value = self._registry.get(REMOTE_ACCESS, "Advertised")
        return certificate_of(value.data) if value and isinstance(value.data, bytes) else None

    def set_certificate(self, thumbprint: str) -> None:
        """Set-RemoteAccess -SslCertificate: all refusals come before anything is done."""
        self._fail("Fails")
        if not self._http.elevated:
            raise WindowsError(None, ACCESS_DENIED)
        entry = self._stores.certificate("MY", thumbprint)
        if entry is None:
            raise WindowsError(None, None, f"The certificate {thumbprint.upper()} was not found in the LocalMachine\\My store.")
        self._check_name(entry)
        for node in self._nodes():
            if node.status in UP and not node.has_certificate:
                raise WindowsError(None, None, f"The certificate was not found on the node {node.name}.")
        if not self._registry.dword(REMOTE_ACCESS, "Ignores"):
            self._write(entry.certificate)

    def _check_name(self, entry: Entry) -> None:
        wanted = self._text("ConnectTo")
        if wanted is not None and not any(_covers(name, wanted) for name in _names(entry.certificate.der)):
            raise WindowsError(None, None, f"The subject of the certificate does not match the ConnectTo address {wanted}.")

    def _write(self, certificate: Certificate) -> None:
        """ConfigStore, the SHA-1 hash and the services stay as they are; a record loses its settings."""
        self._registry.set(SSTPSVC, "SHA256CertificateHash", "binary", bytes.fromhex(certificate.sha256))
        self._registry.set(SSTPSVC, "isHashConfiguredByAdmin", "dword", 1)
        if self._registry.get(REMOTE_ACCESS, "Certificate"):
            self._registry.set(REMOTE_ACCESS, "Certificate", "binary", certificate.der)
        there = {record.endpoint: record for record in self._http.records("ip")}
        for address in WILDCARDS:
            new = Record("ip", f"{address}:{self._sstp.port}", certificate.thumbprint, SSTP_APP_ID, "MY")
            if self._owns(there.get(new.endpoint), address):
                self._http.place(new)

    def _owns(self, old: Record | None, address: str) -> bool:
        """Whether RRAS writes a record: its own, or one that is absent, where the protocol is bound."""
        if old is None:
            return address == "0.0.0.0" or self._ipv6()
        return old.app_id.lower() == SSTP_APP_ID

    def _certificate(self) -> Certificate | None:
        value = self._registry.get(REMOTE_ACCESS, "Certificate")
        if value and isinstance(value.data, bytes):
            return certificate_of(value.data)
        if self._registry.dword(SSTPSVC, "isHashConfiguredByAdmin") != 1:
            return None
        kept = self._registry.get(SSTPSVC, "SHA256CertificateHash")
        own = self._stores.find("MY")
        found = (entry.certificate for entry in own.sorted()) if own else ()
        return next((item for item in found if kept and kept.data == bytes.fromhex(item.sha256)), None)

    def _uses_http(self) -> bool:
        return self._registry.dword(REMOTE_ACCESS, "UseHttp", not self._sstp.uses_https) != 0

    def _nodes(self) -> list[Node]:
        key = self._registry.key(NODES)
        told = [(value.name, str(value.data)) for value in key.values.values()] if key else []
        return [Node(name, text.removesuffix(WITHOUT_CERTIFICATE), not text.endswith(WITHOUT_CERTIFICATE)) for name, text in told]

    def _text(self, name: str) -> str | None:
        value = self._registry.get(REMOTE_ACCESS, name)
        return str(value.data) if value else None

    def _fail(self, name: str) -> None:
        text = self._text(name)
        if text is not None:
            raise WindowsError(None, None, text)


def _names(der: bytes) -> list[str]:
    """The common name and the names of the extension, DNS and IP."""
    certificate = x509.load_der_x509_certificate(der)
    names = [str(item.value) for item in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    try:
        more = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return names
    return [*names, *more.get_values_for_type(x509.DNSName), *map(str, more.get_values_for_type(x509.IPAddress))]


def _covers(name: str, wanted: str) -> bool:
    """Whether a name of a certificate is the wanted one; a wildcard covers one label."""
    name, wanted = name.lower(), wanted.lower()
    if name.startswith("*."):
        return name[2:] == wanted.partition(".")[2]
    return name == wanted
