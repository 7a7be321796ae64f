# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rras.sstp.certificate: certificates of LocalMachine\\MY with their private keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.rras.sstp.plugins.plugin_utils.action import CHANGE_SPEC, Result, SstpAction
from ansible_collections.rras.sstp.plugins.plugin_utils.changes import Change, DeleteCertificate, DeleteValue, ImportPfx
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.fitness import Circumstances, clean_severities, fitness
from ansible_collections.rras.sstp.plugins.plugin_utils.guards import require_fitness, require_rights, require_unused, require_usable
from ansible_collections.rras.sstp.plugins.plugin_utils.inputs import optional_thumbprint
from ansible_collections.rras.sstp.plugins.plugin_utils.names import MACHINE_KEYSET, PREDECESSORS_KEY
from ansible_collections.rras.sstp.plugins.plugin_utils.results import diff, stored_result
from ansible_collections.rras.sstp.plugins.plugin_utils.selection import select
from ansible_collections.rras.sstp.plugins.plugin_utils.sources import SOURCE_SPEC, candidate_of, sealed
from ansible_collections.rras.sstp.plugins.plugin_utils.state import HostState, PrivateKey, StoredCertificate
from ansible_collections.rras.sstp.plugins.plugin_utils.wanting import clean_names
from ansible_collections.rras.sstp.plugins.plugin_utils.windows import Backend, Scope
from ansible_collections.rras.sstp.plugins.plugin_utils.x509 import Candidate

ARGUMENT_SPEC: dict[str, Any] = {
    **CHANGE_SPEC,
    **SOURCE_SPEC,
    "state": {"type": "str", "choices": ["present", "absent", "query"], "default": "present"},
    "exportable": {"type": "bool", "default": False},
    "friendly_name": {"type": "str"},
    "successor": {"type": "str"},
}

HEADER = "Certificates of LocalMachine\\MY"


class ActionModule(SstpAction):
    ARGUMENT_SPEC = ARGUMENT_SPEC
    CONSTRAINTS = {
        "required_if": [("state", "present", ("pfx", "certificate", "private_key", "thumbprint", "dns_names"), True), ("state", "absent", ("thumbprint",))],
        "required_by": {"pfx_password": "pfx"},
    }

    def perform(self, args: dict[str, Any], backend: Backend) -> Result:
        candidate = candidate_of(args, self.read_source)
        names, severities = clean_names(args), clean_severities(args["severities"])
        thumbprint = candidate.certificate.thumbprint if candidate else optional_thumbprint(args)
        wanted = (thumbprint,) if thumbprint else ()
        # Before one is removed RRAS is asked whether it is its own, whatever mode the registry tells.
        scope = Scope(thumbprints=wanted, prove=wanted, remote_access="always" if args["state"] == "absent" else "never")
        state = backend.observe(scope) if args["state"] == "query" else self.look(backend, scope)[0]
        selection = None
        if thumbprint is None and names:
            selection = select(state, names, severities)
            thumbprint = selection.chosen.thumbprint
            scope = replace(scope, thumbprints=(thumbprint,), prove=(thumbprint,))
            state = backend.observe(scope)
        around = Circumstances(state.time, state.seen_at, names=names, issuers=candidate.issuers if candidate else None, severities=severities)
        if args["state"] == "query" or thumbprint is None:
            result = _query(state, thumbprint)
        elif args["state"] == "absent":
            result = self._absent(state, thumbprint, optional_thumbprint(args, "successor"), backend, scope)
        else:
            result = self._present(state, thumbprint, candidate, args, backend, scope, around)
        return {**result, "problems": _problems(state, thumbprint, candidate, around), "passed_over": selection.to_result() if selection else []}

    def _present(
        self, state: HostState, thumbprint: str, candidate: Candidate | None, args: dict[str, Any], backend: Backend, scope: Scope, around: Circumstances
    ) -> Result:
        stored = state.certificate(thumbprint)
        if candidate is not None:
            require_fitness(candidate.certificate, around)
        if candidate is None or candidate.key is None:
            require_usable(stored, thumbprint)
            return _result(state, state, thumbprint, changed=False)
        if stored and stored.key and stored.key.usable and stored.key.problem is None:
            return _result(state, state, thumbprint, changed=False)
        require_rights(state)
        if self.check_mode:
            after = _with_import(state, candidate, args["friendly_name"])
        else:
            friendly = args["friendly_name"] or ""
            change = ImportPfx(thumbprint, exportable=args["exportable"], friendly_name=friendly, replace=stored is not None)
            after = backend.apply(scope, state, [change], sealed(candidate, state.build)).state
            _require_proof(after, thumbprint, backend, scope, keep=stored is not None)
        return _result(state, after, thumbprint, changed=True)

    def _absent(self, state: HostState, thumbprint: str, successor: str | None, backend: Backend, scope: Scope) -> Result:
        changes: list[Change] = []
        if state.certificate(thumbprint):
            require_unused(state, thumbprint, successor if self.check_mode else None)
            changes.append(DeleteCertificate(thumbprint))
        if thumbprint in state.predecessors:
            changes.append(DeleteValue(PREDECESSORS_KEY, thumbprint))
        if changes:
            require_rights(state)
        if changes and not self.check_mode:
            after = backend.apply(scope, state, changes).state
        else:
            after = replace(state, certificates=tuple(c for c in state.certificates if (c.thumbprint, c.store) != (thumbprint, "MY")))
        return _result(state, after, thumbprint, changed=bool(changes))


def _problems(state: HostState, thumbprint: str | None, candidate: Candidate | None, around: Circumstances) -> list[dict[str, Any]]:
    """What speaks against the certificate that the task is about; empty where it is about none, or about one that nobody has."""
    stored = state.certificate(thumbprint) if thumbprint else None
    certificate = candidate.certificate if candidate else stored.certificate if stored else None
    return [problem.to_result() for problem in fitness(certificate, around)] if certificate else []


def _with_import(state: HostState, candidate: Candidate, friendly_name: str | None) -> HostState:
    """The state as it would be with the candidate in MY; nobody has tried its key there yet."""
    others = tuple(c for c in state.certificates if (c.thumbprint, c.store) != (candidate.certificate.thumbprint, "MY"))
    key = PrivateKey(None, None, 0, MACHINE_KEYSET, 0, acquire_code=None, proven=None)
    return replace(state, certificates=(*others, StoredCertificate(candidate.certificate, "MY", friendly_name, key)))


def _require_proof(state: HostState, thumbprint: str, backend: Backend, scope: Scope, *, keep: bool) -> None:
    """A key that does not sign after the import is taken out again: it would end in error 1312."""
    try:
        require_usable(state.certificate(thumbprint), thumbprint, imported=True)
    except SstpError as reason:
        if keep:
            reason.facts["changed"] = True
            raise
        try:
            backend.apply(scope, state, [DeleteCertificate(thumbprint)])
        except SstpError as stuck:
            raise SstpError(f"{reason} Nor could it be taken out again: {stuck}", changed=True) from None
        raise


def _query(state: HostState, thumbprint: str | None) -> Result:
    found = [stored_result(c, state) for c in state.certificates if c.store == "MY" and thumbprint in (None, c.thumbprint)]
    one = found[0] if thumbprint and found else None
    return {"changed": False, "certificate": one, "certificates": found, "thumbprint": thumbprint, "diff": diff({}, {}, HEADER)}


def _result(before: HostState, after: HostState, thumbprint: str, *, changed: bool) -> Result:
    stored = after.certificate(thumbprint)
    return {
        "changed": changed,
        "thumbprint": thumbprint,
        "certificate": stored_result(stored, after) if stored else None,
        "certificates": [stored_result(stored, after)] if stored else [],
        "diff": diff(_side(before, thumbprint), _side(after, thumbprint, imported=changed), HEADER),
    }


def _side(state: HostState, thumbprint: str, *, imported: bool = False) -> dict[str, str]:
    """One side of the diff; whether an untested key is usable shows only after the import, so it counts as usable here."""
    stored = state.certificate(thumbprint)
    if stored is None:
        return {thumbprint: "absent"}
    usable = stored.key is not None and (stored.key.defect if imported else stored.key.problem) is None
    return {thumbprint: "present" if usable else "present, private key not usable"}
