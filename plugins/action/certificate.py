# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rras.sstp.certificate: certificates of LocalMachine\\MY with their private keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible.utils.display import Display
from ansible_collections.rras.sstp.plugins.plugin_utils.action import CHANGE_SPEC, Result, SstpAction
from ansible_collections.rras.sstp.plugins.plugin_utils.changes import Change, DeleteCertificate, DeleteKey, DeleteValue
from ansible_collections.rras.sstp.plugins.plugin_utils.circumstances import circumstances_of
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.fitness import Circumstances, clean_severities, fitness
from ansible_collections.rras.sstp.plugins.plugin_utils.guards import require_fitness, require_rights, require_usable
from ansible_collections.rras.sstp.plugins.plugin_utils.importing import ImportOptions, chain_result, import_changes, imports_key, taken_back, with_imports
from ansible_collections.rras.sstp.plugins.plugin_utils.inputs import clean_thumbprint, optional_thumbprint
from ansible_collections.rras.sstp.plugins.plugin_utils.names import PREDECESSORS_KEY
from ansible_collections.rras.sstp.plugins.plugin_utils.results import diff, stored_result
from ansible_collections.rras.sstp.plugins.plugin_utils.selection import select
from ansible_collections.rras.sstp.plugins.plugin_utils.sources import SOURCE_SPEC, candidate_of, sealed
from ansible_collections.rras.sstp.plugins.plugin_utils.state import HostState
from ansible_collections.rras.sstp.plugins.plugin_utils.users import container_of, require_orphan, require_unused, unlisted, unread_users
from ansible_collections.rras.sstp.plugins.plugin_utils.wanting import clean_names, with_issuers
from ansible_collections.rras.sstp.plugins.plugin_utils.windows import Backend, Scope
from ansible_collections.rras.sstp.plugins.plugin_utils.x509 import Candidate

ARGUMENT_SPEC: dict[str, Any] = {
    **CHANGE_SPEC,
    **SOURCE_SPEC,
    "state": {"type": "str", "choices": ["present", "absent", "query"], "default": "present"},
    "exportable": {"type": "bool", "default": False},
    "friendly_name": {"type": "str"},
    "key_provider": {"type": "str", "choices": ["default", "cng"], "default": "default"},
    "trust_root": {"type": "bool", "default": False},
    "key_container": {"type": "str"},
    "issuers": {"type": "list", "elements": "str"},
    "successor": {"type": "str"},
}

HEADER = "Certificates of LocalMachine\\MY"


class ActionModule(SstpAction):
    ARGUMENT_SPEC = ARGUMENT_SPEC
    CONSTRAINTS = {
        "required_if": [
            ("state", "present", ("pfx", "certificate", "private_key", "thumbprint", "dns_names", "key_container"), True),
            ("state", "absent", ("thumbprint", "key_container", "issuers"), True),
        ],
        "mutually_exclusive": [("key_container", "thumbprint")],
        "required_by": {"pfx_password": "pfx"},
    }

    def perform(self, args: dict[str, Any], backend: Backend) -> Result:
        if args["key_container"] is not None:
            return self._absent_container(args["key_container"], backend, args["state"])
        candidate = candidate_of(args, self.read_source)
        names, severities = clean_names(args), clean_severities(args["severities"])
        thumbprint = candidate.certificate.thumbprint if candidate else optional_thumbprint(args)
        wanted = (thumbprint,) if thumbprint else ()
        # Before one is removed RRAS is asked whether it is its own, whatever mode the registry tells.
        absent = args["state"] == "absent"
        scope = Scope(thumbprints=wanted, prove=wanted, remote_access="always" if absent else "never", users=absent or args["state"] == "query")
        issuers = tuple(clean_thumbprint(text, "Option issuers") for text in args["issuers"] or ())
        if issuers and not absent:
            raise SstpError(f"Option issuers goes with state: absent, and not with {args['state']}; with a certificate its issuers are given as chain.")
        scope = replace(scope, authorities=issuers) if absent else with_issuers(scope, candidate)
        state = backend.observe(scope) if args["state"] == "query" else self.look(backend, scope)[0]
        selection = None
        if thumbprint is None and names:
            selection = select(state, names, severities)
            thumbprint = selection.chosen.thumbprint
            scope = replace(scope, thumbprints=(thumbprint,), prove=(thumbprint,))
            state = backend.observe(scope)
        around = circumstances_of(state, thumbprint, names=names, severities=severities, given=candidate.issuers if candidate else None)
        if absent:
            result = self._absent(state, thumbprint, optional_thumbprint(args, "successor"), issuers, backend, scope)
        elif args["state"] == "query" or thumbprint is None:
            result = _query(state, thumbprint)
        else:
            result = self._present(state, thumbprint, candidate, args, backend, scope, around)
        return {**result, "problems": _problems(state, thumbprint, candidate, around), "passed_over": selection.to_result() if selection else []}

    def _present(
        self, state: HostState, thumbprint: str, candidate: Candidate | None, args: dict[str, Any], backend: Backend, scope: Scope, around: Circumstances
    ) -> Result:
        if candidate is not None:
            require_fitness(candidate.certificate, around)
        if candidate is None or candidate.key is None:
            require_usable(state.certificate(thumbprint), thumbprint)
        options = ImportOptions(args["exportable"], args["friendly_name"] or "", args["key_provider"], args["trust_root"])
        changes = import_changes(state, candidate, options) if candidate else []
        after = state
        if candidate is not None and changes:
            require_rights(state)
            after = with_imports(state, candidate, changes, args["friendly_name"]) if self.check_mode else _import(state, candidate, changes, backend, scope)
        return _result(state, after, thumbprint, candidate, changed=bool(changes))

    def _absent(self, state: HostState, thumbprint: str | None, successor: str | None, issuers: tuple[str, ...], backend: Backend, scope: Scope) -> Result:
        changes: list[Change] = []
        unread = unread_users(state)
        if thumbprint is not None and state.certificate(thumbprint):
            require_unused(state, thumbprint, successor if self.check_mode else None)
            changes.append(DeleteCertificate(thumbprint))
            for sentence in unread:
                Display().warning(sentence)
        above = [one for one in state.authorities if one.thumbprint in issuers]
        changes += [DeleteCertificate(one.thumbprint, one.store, with_key=False) for one in above]
        if thumbprint is not None and thumbprint in state.predecessors:
            changes.append(DeleteValue(PREDECESSORS_KEY, thumbprint))
        if changes:
            require_rights(state)
        if changes and not self.check_mode:
            after = backend.apply(replace(scope, users=False), state, changes).state
        else:
            after = replace(state, certificates=tuple(c for c in state.certificates if (c.thumbprint, c.store) != (thumbprint, "MY")))
        result = _result(state, after, thumbprint, changed=bool(changes))
        gone = {f"{one.thumbprint} ({one.store})": "present" for one in above}
        sides = result["diff"]["before"] | gone, result["diff"]["after"] | dict.fromkeys(gone, "absent")
        return {**result, "advice": unread if changes else [], "diff": diff(sides[0], sides[1], HEADER)}

    def _absent_container(self, name: str, backend: Backend, wanted: str) -> Result:
        if wanted != "absent":
            raise SstpError(f"Option key_container goes with state: absent, and not with {wanted}; there is nothing else to be done with a container alone.")
        scope = Scope(users=True)
        state = self.look(backend, scope)[0]
        container = container_of(state, name)
        if container is not None:
            require_orphan(state, name)
            require_rights(state)
            if not self.check_mode:
                backend.apply(Scope(), state, [DeleteKey(container.container, container.provider, container.provider_type)])
        before = {name: "absent" if container is None else "present"}
        nothing: Result = {"thumbprint": None, "certificate": None, "certificates": [], "chain": [], "problems": [], "passed_over": []}
        return {"changed": container is not None, **nothing, "advice": unlisted(state), "diff": diff(before, {name: "absent"}, "Key containers of the machine")}


def _import(state: HostState, candidate: Candidate, changes: list[Change], backend: Backend, scope: Scope) -> HostState:
    """Raises SstpError where the key that was imported does not sign: it would end in error 1312."""
    thumbprint = candidate.certificate.thumbprint
    if not imports_key(changes):
        return backend.apply(scope, state, changes).state
    after = backend.apply(scope, state, changes, sealed(candidate, state.build)).state
    _require_proof(after, thumbprint, backend, scope, changes, keep=state.certificate(thumbprint) is not None)
    return after


def _problems(state: HostState, thumbprint: str | None, candidate: Candidate | None, around: Circumstances) -> list[dict[str, Any]]:
    """What speaks against the certificate that the task is about; empty where it is about none, or about one that nobody has."""
    stored = state.certificate(thumbprint) if thumbprint else None
    certificate = candidate.certificate if candidate else stored.certificate if stored else None
    return [problem.to_result() for problem in fitness(certificate, around)] if certificate else []


def _require_proof(state: HostState, thumbprint: str, backend: Backend, scope: Scope, changes: list[Change], *, keep: bool) -> None:
    """A key that does not sign after the import is taken out again, and with it what has come along."""
    try:
        require_usable(state.certificate(thumbprint), thumbprint, imported=True)
    except SstpError as reason:
        if keep:
            reason.facts["changed"] = True
            raise
        try:
            backend.apply(scope, state, taken_back(changes))
        except SstpError as stuck:
            raise SstpError(f"{reason} Nor could it be taken out again: {stuck}", changed=True) from None
        raise


def _query(state: HostState, thumbprint: str | None) -> Result:
    found = [stored_result(c, state) for c in state.certificates if c.store == "MY" and thumbprint in (None, c.thumbprint)]
    one = found[0] if thumbprint and found else None
    told = {"certificate": one, "certificates": found, "thumbprint": thumbprint, "chain": [], "advice": unread_users(state)}
    return {"changed": False, **told, "diff": diff({}, {}, HEADER)}


def _result(before: HostState, after: HostState, thumbprint: str | None, candidate: Candidate | None = None, *, changed: bool) -> Result:
    stored = after.certificate(thumbprint) if thumbprint else None
    chain = chain_result(before, after, candidate)
    come = [f"{one['thumbprint']} ({one['certificate_store_name']})" for one in chain if one["state"] == "imported"]
    old = _side(before, thumbprint) | dict.fromkeys(come, "absent")
    new = _side(after, thumbprint, imported=changed) | dict.fromkeys(come, "present")
    return {
        "changed": changed,
        "thumbprint": thumbprint,
        "certificate": stored_result(stored, after) if stored else None,
        "certificates": [stored_result(stored, after)] if stored else [],
        "chain": chain,
        "advice": [],
        "diff": diff(old, new, HEADER),
    }


def _side(state: HostState, thumbprint: str | None, *, imported: bool = False) -> dict[str, str]:
    """One side of the diff; whether an untested key is usable shows only after the import, so it counts as usable here."""
    if thumbprint is None:
        return {}
    stored = state.certificate(thumbprint)
    if stored is None:
        return {thumbprint: "absent"}
    usable = stored.key is not None and (stored.key.defect if imported else stored.key.problem) is None
    return {thumbprint: "present" if usable else "present, private key not usable"}
