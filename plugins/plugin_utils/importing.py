# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an import puts where: the certificate into MY, its issuers into CA, its root only where that is asked for. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from .changes import Change, DeleteCertificate, ImportCertificate, ImportPfx
from .names import CA_STORE, MACHINE_KEYSET, ROOT_STORE
from .state import HostState, PrivateKey, StoredCertificate
from .x509 import Candidate, Certificate


@dataclass(frozen=True)
class ImportOptions:
    """key_provider: default (as Windows chooses) or cng. trust_root: whether the root goes into ROOT."""

    exportable: bool = False
    friendly_name: str = ""
    key_provider: str = "default"
    trust_root: bool = False


def is_usable(stored: StoredCertificate | None) -> bool:
    """Is there a key that has signed, and that HTTP.SYS can use?"""
    return stored is not None and stored.key is not None and stored.key.usable is True and stored.key.problem is None


def import_changes(state: HostState, candidate: Candidate, options: ImportOptions) -> list[Change]:
    """What is missing of it on the host, the issuers first, so that the certificate is never there without them."""
    thumbprint = candidate.certificate.thumbprint
    changes: list[Change] = [ImportCertificate(one.thumbprint, store, one.der) for one, store in _missing(state, candidate, options)]
    if candidate.key is not None and not is_usable(state.certificate(thumbprint)):
        there = state.certificate(thumbprint) is not None
        changes.append(
            ImportPfx(thumbprint, exportable=options.exportable, friendly_name=options.friendly_name, replace=there, key_provider=options.key_provider)
        )
    return changes


def imports_key(changes: Sequence[Change]) -> bool:
    return any(isinstance(change, ImportPfx) for change in changes)


def taken_back(changes: Sequence[Change]) -> list[Change]:
    """What takes out again what these have put in."""
    return [
        DeleteCertificate(change.thumbprint, change.store, with_key=isinstance(change, ImportPfx))
        for change in reversed(changes)
        if isinstance(change, ImportPfx | ImportCertificate)
    ]


def with_imports(state: HostState, candidate: Candidate, changes: Sequence[Change], friendly_name: str | None) -> HostState:
    """The state as it would be after these changes; nobody has tried the key there yet."""
    above = tuple(
        StoredCertificate(one, change.store, None, None)
        for change in changes
        for one in _above(candidate)
        if isinstance(change, ImportCertificate) and one.thumbprint == change.thumbprint
    )
    state = replace(state, authorities=(*state.authorities, *above))
    if not imports_key(changes):
        return state
    others = tuple(c for c in state.certificates if (c.thumbprint, c.store) != (candidate.certificate.thumbprint, "MY"))
    key = PrivateKey(None, None, 0, MACHINE_KEYSET, 0, acquire_code=None, proven=None)
    return replace(state, certificates=(*others, StoredCertificate(candidate.certificate, "MY", friendly_name, key)))


def chain_result(before: HostState, after: HostState, candidate: Candidate | None) -> list[dict[str, Any]]:
    """Where each of its issuers is: state present, imported (by this), or absent (a root that nobody asked to trust)."""
    told = []
    for one, store in _places(candidate) if candidate else ():
        state = "present" if before.authority(one.thumbprint, store) else "imported" if after.authority(one.thumbprint, store) else "absent"
        told.append({"thumbprint": one.thumbprint, "subject": one.subject, "certificate_store_name": store, "state": state})
    return told


def _above(candidate: Candidate) -> tuple[Certificate, ...]:
    return tuple(one for one, _store in _places(candidate))


def _places(candidate: Candidate) -> list[tuple[Certificate, str]]:
    """A certificate that is its own root has nothing above it."""
    places = [(one, CA_STORE) for one in candidate.chain]
    return [*places, (candidate.root, ROOT_STORE)] if candidate.root not in (None, candidate.certificate) else places


def _missing(state: HostState, candidate: Candidate, options: ImportOptions) -> list[tuple[Certificate, str]]:
    places = _places(candidate)
    return [(one, store) for one, store in places if (store == CA_STORE or options.trust_root) and state.authority(one.thumbprint, store) is None]
