# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rras.sstp.heal: is a server to be healed now, and of what?"""

from __future__ import annotations

import time
from typing import Any

from ansible.utils.display import Display
from ansible_collections.rras.sstp.plugins.plugin_utils.action import CHANGE_SPEC, Result, SstpAction
from ansible_collections.rras.sstp.plugins.plugin_utils.changes import Change
from ansible_collections.rras.sstp.plugins.plugin_utils.findings import Finding, Policy
from ansible_collections.rras.sstp.plugins.plugin_utils.fitness import clean_severities
from ansible_collections.rras.sstp.plugins.plugin_utils.healing import certificate_at_hand, forgetting, healed_notes, quiet_until
from ansible_collections.rras.sstp.plugins.plugin_utils.inputs import clean_number, clean_port
from ansible_collections.rras.sstp.plugins.plugin_utils.record import record_of
from ansible_collections.rras.sstp.plugins.plugin_utils.results import diff, stamp
from ansible_collections.rras.sstp.plugins.plugin_utils.rules import Judgement, clean_healable, judge
from ansible_collections.rras.sstp.plugins.plugin_utils.state import HostState
from ansible_collections.rras.sstp.plugins.plugin_utils.wanting import events_since, look_for
from ansible_collections.rras.sstp.plugins.plugin_utils.windows import Backend, Scope

ARGUMENT_SPEC: dict[str, Any] = {
    **CHANGE_SPEC,
    "rules": {"type": "list", "elements": "str", "required": True},
    "quiet_hours": {"type": "int", "default": 6},
    "second_look": {"type": "int", "default": 30},
    "forget": {"type": "bool", "default": False},
    "port": {"type": "int"},
    "balancer": {"type": "str"},
    "severities": {"type": "dict"},
}

_EVENT_HOURS = 24
_NOTHING: Result = {"due": False, "causes": [], "passed": [], "quiet": []}


class ActionModule(SstpAction):
    ARGUMENT_SPEC = ARGUMENT_SPEC

    def perform(self, args: dict[str, Any], backend: Backend) -> Result:
        rules = clean_healable(args["rules"])
        hours, seconds = clean_number(args["quiet_hours"], "quiet_hours", 0), clean_number(args["second_look"], "second_look", 0)
        ports = (clean_port(args["port"]),) if args["port"] is not None else ()
        scope = Scope(ports=ports, prove_bound=True, remote_access="unless_automatic", events_since=events_since(_EVENT_HOURS))
        state = backend.observe(scope)
        if args["forget"]:
            nothing = {**_NOTHING, **self._nothing(state), "sentence": "Not healed after all."}
            return {**nothing, **self._keep(backend, scope, state, forgetting(state, rules))}
        first = _causes(judge(state, self._policy(args, state)), rules)
        quiet = {rule: until for rule in {cause.id for cause in first} if (until := quiet_until(state, rule, hours))}
        due = [cause for cause in first if cause.id not in quiet]
        result: Result = {**_NOTHING, "quiet": [{"rule": rule, "until": stamp(quiet[rule])} for rule in sorted(quiet)]}
        if not due:
            return {**result, **self._nothing(state), "sentence": _why_not(first, result["quiet"])}
        if seconds:
            Display().display(f"{state.host.get('name')}: {', '.join(sorted({cause.id for cause in due}))}; looking once more in {seconds} s")
            time.sleep(seconds)
        state = backend.observe(scope)
        policy = self._policy(args, state)
        judgement = judge(state, policy)
        before, now = ({(cause.id, cause.subject) for cause in found} for found in (due, _causes(judgement, rules)))
        causes = [cause for cause in _causes(judgement, rules) if (cause.id, cause.subject) in before]
        result["passed"] = [cause.to_result() for cause in due if (cause.id, cause.subject) not in now]
        if not causes:
            return {**result, **self._nothing(state), "sentence": "What was wrong is over on a second look."}
        record = record_of(state, policy, judgement)
        state = self._without_journal(backend, scope, state)
        hand = certificate_at_hand(state, policy.severities)
        kept = self._keep(backend, scope, state, healed_notes(state, {cause.id for cause in causes}))
        return {
            **result,
            **kept,
            "due": True,
            "causes": [cause.to_result() for cause in causes],
            "at_hand": hand.to_result() if hand else None,
            "record": record,
            "sentence": f"To be healed: {', '.join(str(cause) for cause in causes)}",
        }

    def _policy(self, args: dict[str, Any], state: HostState) -> Policy:
        balancer = look_for({**args, "mode": "as_found"}, state)
        return Policy(balancer=balancer, severities=clean_severities(args["severities"]), commands=self.commands)

    def _without_journal(self, backend: Backend, scope: Scope, state: HostState) -> HostState:
        """A note is a change as well, and a host takes none on top of one that was broken off: the rotation would take that back first in any case."""
        return backend.recover(scope) if state.interrupted and not self.check_mode else state

    def _keep(self, backend: Backend, scope: Scope, state: HostState, changes: list[Change]) -> Result:
        """The notes, on the host, as whoever heals next may be another controller."""
        after = state if self.check_mode or not changes else backend.apply(scope, state, changes).state
        wanted = {wire["name"]: wire.get("data") for change in changes if (wire := change.to_wire())}
        before = {name: state.healed.get(name) for name in wanted}
        healed = {name: time for name, time in {**after.healed, **(wanted if self.check_mode else {})}.items() if time is not None}
        return {"changed": bool(changes), "healed": healed, "diff": diff(before, wanted, "healed")}

    def _nothing(self, state: HostState) -> Result:
        return {"changed": False, "healed": dict(state.healed), "diff": diff({}, {}, "healed"), "at_hand": None, "record": None}


def _causes(judgement: Judgement, rules: tuple[str, ...]) -> list[Finding]:
    return [finding for finding in judgement.findings if finding.repairable and finding.id in rules]


def _why_not(first: list[Finding], quiet: list[dict[str, str]]) -> str:
    if not first:
        return "Nothing that may be healed is wrong."
    return f"Left alone: {', '.join(item['rule'] + ' was healed lately, so not before ' + item['until'] for item in quiet)}."
