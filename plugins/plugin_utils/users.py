# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What uses a certificate or its private key, and the refusals to remove what is used. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .errors import SstpError, one_line
from .inputs import pair
from .names import HARDWARE_PROVIDERS, KEPT_CONTAINERS, owner_of
from .places import PLACES
from .state import HostState, KeyContainer, KeyReference, Keys, PrivateKey, StoredCertificate
from .windows import explain

# The functions that list key containers.
_LISTING = ("CryptAcquireContext", "CryptGetProvParam", "NCrypt")


def users_of(state: HostState, thumbprint: str, store: str = "MY") -> list[str]:
    """What still refers to a certificate of a store, each as a phrase; a record without a store name means MY."""
    users = [
        f"the HTTP.SYS record of {record.endpoint} ({owner_of(record.app_id)})"
        for record in state.records
        if record.certificate_hash == thumbprint and record.store == store
    ]
    users = [one_line(user) for user in users]
    stored = state.certificate(thumbprint, store)
    if stored is None:
        return users
    if state.sha256 is not None and state.sha256.data == stored.certificate.sha256:
        users.append("the SHA-256 hash of SstpSvc")
    if state.remote_access is not None and state.remote_access.certificate == stored.certificate:
        users.append("the configuration of RRAS itself (Get-RemoteAccess)")
    if state.remote_access is not None and state.remote_access.advertised == stored.certificate:
        users.append("IKEv2, as the certificate of RRAS (Get-VpnAuthProtocol)")
    return users + _mentions(state, thumbprint) + [f"{other}, which has the same private key" for other in _sharing(state, stored)]


def _mentions(state: HostState, thumbprint: str) -> list[str]:
    """The settings of other programs that name it."""
    found = (mention for mention in state.mentions or () if mention.thumbprint == thumbprint)
    return [one_line(f"{PLACES[mention.place].owner} ({PLACES[mention.place].at(mention.where)})") for mention in found]


def _sharing(state: HostState, stored: StoredCertificate) -> list[str]:
    """The other certificates whose key is in the same container, as phrases."""
    place = _place_of(stored.key)
    if place is None:
        return []
    known = [(other.store, other.thumbprint) for other in state.certificates if _place_of(other.key) == place]
    known += [(other.store, other.thumbprint) for other in (state.keys or Keys()).references if _place_of(other) == place]
    others = dict.fromkeys(one for one in known if one != (stored.store, stored.thumbprint))
    return [f"the certificate {thumbprint}" + ("" if store == "MY" else f" of LocalMachine\\{store}") for store, thumbprint in others]


def _place_of(key: PrivateKey | KeyReference | None) -> tuple[str, str] | None:
    """Where it is, as it is compared; None where that is not known.

    All of Microsoft's providers for software keep keys of one name in one place, and that of CNG opens those of the others, too; hardware is apart:
    https://learn.microsoft.com/windows/win32/seccng/key-storage-and-retrieval
    """
    if key is None or not key.container:
        return None
    return key.provider if key.provider in HARDWARE_PROVIDERS else "", key.container.lower()


def unread_users(state: HostState) -> list[str]:
    """What could not be read of all that may use a certificate, a sentence each."""
    keys = [f"Who shares private keys could not be read in full: {explain(error)}." for error in reference_errors(state)]
    mentions = [
        f"What {PLACES[mention.place].owner} uses could not be read ({PLACES[mention.place].at(mention.where)}): {explain(mention.error)}."
        for mention in state.mentions or ()
        if mention.error is not None
    ]
    return [one_line(sentence) for sentence in (*keys, *mentions)]


def reference_errors(state: HostState) -> list[Mapping[str, Any]]:
    """The errors with which a store could not be read; those of listing containers are not among them."""
    return [error for error in (state.keys.errors if state.keys else ()) if not str(error.get("function") or "").startswith(_LISTING)]


def unlisted(state: HostState) -> list[str]:
    """Why there may be more key containers than were told, a sentence each."""
    keys = state.keys or Keys()
    reasons = [f"Not all key containers could be listed: {explain(error)}." for error in keys.errors if error not in reference_errors(state)]
    more = ["There are more key containers than were listed."] if keys.truncated else []
    return [one_line(reason) for reason in reasons + more]


def container_of(state: HostState, name: str) -> KeyContainer | None:
    """Of two providers that tell the same container the older one, whose it is: CNG tells those of others, too."""
    found = [one for one in (state.keys or Keys()).containers if one.container.lower() == name.lower()]
    return max(found, key=lambda one: one.provider_type != 0, default=None)


def orphans(state: HostState) -> list[KeyContainer]:
    """The key containers that no certificate names, without those that a program is known to live by; each once."""
    if state.keys is None:
        return []
    named = {one.container.lower() for one in state.keys.references if one.container}
    names = sorted({one.container.lower() for one in state.keys.containers} - named - set(KEPT_CONTAINERS))
    return [found for name in names if (found := container_of(state, name))]


def require_orphan(state: HostState, container: str) -> None:
    """A key container is removed only where no certificate can need it."""
    name, keys = container.lower(), state.keys or Keys()
    if name in KEPT_CONTAINERS:
        raise SstpError(f"The key container {container} was not removed: Windows, IIS or .NET keeps a key of its own there, which no certificate names.")
    users = [f"{one.thumbprint} of LocalMachine\\{one.store}" for one in keys.references if (one.container or "").lower() == name]
    if users:
        raise SstpError(f"The key container {container} was not removed: the private key of {'; '.join(users)} is in it.", used_by=users)
    unread = reference_errors(state)
    if unread:
        raise SstpError(f"The key container {container} was not removed: not every store could be read ({explain(unread[0])}), so a certificate may need it.")


def require_unused(state: HostState, thumbprint: str, successor: str | None) -> None:
    """A certificate goes only when nothing refers to it.

    successor: for check mode, the certificate that a rotation would by then have put in its place in SSTP's pair and hashes.
    """
    users = users_of(state if successor in (None, thumbprint) else _as_rotated(state, thumbprint), thumbprint)
    if users:
        raise SstpError(f"The certificate {thumbprint} was not removed, because it is still used: {'; '.join(users)}.", used_by=users)


def _as_rotated(state: HostState, old: str) -> HostState:
    endpoints = pair(state.port)
    records = tuple(record for record in state.records if record.endpoint not in endpoints or record.certificate_hash != old)
    return replace(state, records=records, parameters={}, remote_access=None)
