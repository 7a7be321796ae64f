# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rras.sstp.rotate: the switch itself, as one transaction on the host."""

from __future__ import annotations

from typing import Any

from ansible_collections.rras.sstp.plugins.plugin_utils.action import Result, SstpAction
from ansible_collections.rras.sstp.plugins.plugin_utils.changes import Plan
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.inputs import clean_port
from ansible_collections.rras.sstp.plugins.plugin_utils.plan import Limits, Wanted, plan_rotation
from ansible_collections.rras.sstp.plugins.plugin_utils.rotation import logged, predict, refuse, rotation_result
from ansible_collections.rras.sstp.plugins.plugin_utils.sources import SOURCE_SPEC, named_certificate
from ansible_collections.rras.sstp.plugins.plugin_utils.state import HostState
from ansible_collections.rras.sstp.plugins.plugin_utils.windows import Applied, Backend, Scope
from ansible_collections.rras.sstp.plugins.plugin_utils.x509 import Certificate

ARGUMENT_SPEC: dict[str, Any] = {
    **SOURCE_SPEC,
    "port": {"type": "int"},
    "take_over": {"type": "bool", "default": False},
    "service_state": {"type": "str", "choices": ["running", "as_found"], "default": "running"},
    "service_timeout": {"type": "int", "default": 120},
    "settle_timeout": {"type": "int", "default": 30},
}


class ActionModule(SstpAction):
    ARGUMENT_SPEC = ARGUMENT_SPEC
    CONSTRAINTS = {"required_one_of": [("pfx", "certificate", "thumbprint")], "required_by": {"pfx_password": "pfx"}}

    def perform(self, args: dict[str, Any], backend: Backend) -> Result:
        thumbprint, given = named_certificate(args, self.read_source)
        assert thumbprint is not None
        ports = (clean_port(args["port"]),) if args["port"] is not None else ()
        scope = Scope(ports=ports, thumbprints=(thumbprint,), prove=(thumbprint,), prove_bound=True)
        state = backend.observe(scope)
        interrupted = state.interrupted
        if interrupted and not self.check_mode:
            state = backend.recover(scope)
        try:
            return self._rotate(args, backend, scope, state, given if self.check_mode else None, recovered=interrupted)
        except SstpError as error:
            if interrupted and not self.check_mode:
                error.facts["changed"] = True
            raise

    def _rotate(self, args: dict[str, Any], backend: Backend, scope: Scope, state: HostState, given: Certificate | None, *, recovered: bool) -> Result:
        thumbprint = scope.thumbprints[0]
        certificate = _certificate(state, thumbprint, given)
        wanted = Wanted(certificate, args["service_state"], Limits(args["service_timeout"], args["settle_timeout"]))
        plan = plan_rotation(state, wanted)
        if plan:
            # In check mode a PFX that the controller has counts as imported: that comes first in a real run.
            staged = given is None and state.certificate(thumbprint) is not None
            refuse(state, certificate, plan, take_over=args["take_over"], staged=staged)
        applied = self._apply(plan, backend, scope, state)
        after = applied.state if applied else predict(state, plan, certificate)
        return rotation_result(state, after, plan, certificate, applied, recovered=recovered)

    def _apply(self, plan: Plan, backend: Backend, scope: Scope, state: HostState) -> Applied | None:
        return backend.apply(logged(scope, state), state, plan.changes) if plan and not self.check_mode else None


def _certificate(state: HostState, thumbprint: str, given: Certificate | None) -> Certificate:
    """From the host's store; in check mode one that the controller has will do, as importing it comes first in a real run."""
    stored = state.certificate(thumbprint)
    if stored is not None:
        return stored.certificate
    if given is not None:
        return given
    raise SstpError(f"The certificate {thumbprint} is not in LocalMachine\\MY on this host; import it first, with rras.sstp.certificate.")
