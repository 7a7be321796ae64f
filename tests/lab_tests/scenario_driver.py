# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's way from preflight to switch in one process: the product's own actions over the back-end of a lab host."""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

TESTS = str(Path(__file__).resolve().parents[1])
if TESTS not in sys.path:
    sys.path.insert(0, TESTS)

import in_place  # noqa: E402, F401
from ansible_collections.rras.sstp.plugins.action import audit as audit_action  # noqa: E402
from ansible_collections.rras.sstp.plugins.action import certificate as certificate_action  # noqa: E402
from ansible_collections.rras.sstp.plugins.action import registry_hash as hash_action  # noqa: E402, F401
from ansible_collections.rras.sstp.plugins.action import restart as restart_action  # noqa: E402, F401
from ansible_collections.rras.sstp.plugins.action import restore as restore_action  # noqa: E402, F401
from ansible_collections.rras.sstp.plugins.action import rotate as rotate_action  # noqa: E402
from ansible_collections.rras.sstp.plugins.action import server_info as info_action  # noqa: E402, F401
from ansible_collections.rras.sstp.plugins.action import ssl_binding as binding_action  # noqa: E402, F401
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError  # noqa: E402
from ansible_collections.rras.sstp.plugins.plugin_utils.reconnection import Reconnection  # noqa: E402
from ansible_collections.rras.sstp.plugins.plugin_utils.windows import Backend  # noqa: E402
from lab.pki import Issued  # noqa: E402
from lab.scenario import Scenario  # noqa: E402

Call = Callable[[dict[str, Any]], dict[str, Any]]
PASSWORD = "443"
# Of the rotation's options, those that its preflight takes as well.
PREFLIGHT = ("take_over", "mode", "writer", "shared_records", "port", "listener_port", "sha256")


@dataclass(frozen=True)
class Result:
    """kind: working (it changed something), unchanged, put off (at most the import was done), refused (nothing was tried) or failed; words: the sentence.

    changed: whether a task reports a change that was not taken back; brought: whether the import is such a one; plan: that of the switch;
    sessions: how many the switch says that it has ended; facts: what the failed task returns.
    """

    kind: str
    words: str = ""
    changed: bool = False
    brought: bool = False
    plan: tuple[str, ...] = ()
    sessions: int | None = 0
    facts: Mapping[str, Any] = field(default_factory=dict)


class Driver:
    """One controller in front of one host; call takes the options of windows_backend and gives its result."""

    def __init__(self, call: Call, *, check_mode: bool = False, reconnection: Reconnection | None = None) -> None:
        self._call = call
        self._check_mode = check_mode
        self._reconnection = reconnection
        self._applied = False
        self._brought = False
        # What the import has put into CA and ROOT, and whether it was about the certificate itself.
        self._issuers: list[str] = []
        self._repaired = False
        self._mended = False
        self._plan: list[str] = []
        self._deferred: str | None = None
        self._sessions: int | None = 0

    def _count(self, options: dict[str, Any]) -> dict[str, Any]:
        self._applied |= options["operation"] == "apply"
        return self._call(options)

    def perform(self, module: ModuleType, **given: Any) -> dict[str, Any]:
        """The result of one action, with these options and else its defaults. Raises SstpError where the task would fail."""
        if unknown := given.keys() - module.ARGUMENT_SPEC.keys():
            raise TypeError(f"{module.__name__.rpartition('.')[2]} has no option {', '.join(sorted(unknown))}")
        action = object.__new__(module.ActionModule)
        action._task = SimpleNamespace(check_mode=self._check_mode)
        args = {name: given.get(name, spec.get("default")) for name, spec in module.ARGUMENT_SPEC.items()}
        backend = Backend(self._count, self._reconnection)
        try:
            result: dict[str, Any] = action.attempt(args, backend)
        finally:
            self._mended |= backend.mended
        return result

    def findings(self) -> list[str]:
        """The rule ids that audit gives without a candidate."""
        return [item["id"] for item in self.perform(audit_action)["findings"]]

    def audit(self, scenario: Scenario, issued: dict[str, Issued]) -> dict[str, Any]:
        """The preflight: what audit gives with the scenario's candidate."""
        options = {name: value for name, value in _options(scenario, issued).items() if name in PREFLIGHT}
        return self.perform(audit_action, **_source(scenario, issued), **options)

    def rotate(self, scenario: Scenario, issued: dict[str, Issued]) -> Result:
        """What the role sstp_certificate does, without retiring."""
        self._applied = self._brought = self._mended = False
        self._plan, self._deferred, self._sessions = [], None, 0
        self._issuers, self._repaired = [], False
        try:
            changed = self._rotate(scenario, issued)
        except SstpError as error:
            changed = self._brought or self._mended or bool(error.facts.get("changed"))
            return Result("failed" if self._applied else "refused", str(error), changed, self._brought, tuple(self._plan), facts=error.facts)
        if self._deferred:
            return Result("put off", self._deferred, changed, self._brought, tuple(self._plan), self._sessions)
        return Result("working" if changed else "unchanged", "", changed, self._brought, tuple(self._plan), self._sessions)

    def _rotate(self, scenario: Scenario, issued: dict[str, Issued]) -> bool:
        source = _source(scenario, issued)
        audit = self.audit(scenario, issued)
        if scenario.rotation.balancer:  # which has the certificate: there is nothing to bring, and rotate itself refuses what there is to refuse
            return self._switch(scenario, issued)
        preflight = audit["candidate"]
        found = any((item["thumbprint"], item["certificate_store_name"]) == (preflight["thumbprint"], "MY") for item in audit["server"]["certificates"])
        if preflight["refusal"] is not None:
            raise SstpError(preflight["refusal"])
        if preflight["staged"] and not preflight["plan"]:
            return False
        switching = False
        try:
            if not preflight["staged"]:
                self._stage(source)
            switching = True
            return self._switch(scenario, issued) or self._brought
        except SstpError as error:
            switched = switching and bool(error.facts.get("changed"))
            if self._brought and not switched and not self._check_mode and (self._issuers or not found):
                self._take_away(None if found else issued[scenario.rotation.candidate].thumbprint)
            raise

    def _switch(self, scenario: Scenario, issued: dict[str, Issued]) -> bool:
        switch = self.perform(rotate_action, **_source(scenario, issued), **_options(scenario, issued))
        self._plan, self._deferred, self._sessions = switch["plan"], switch["deferred"], switch["sessions"]
        return bool(switch["changed"])

    def _take_away(self, thumbprint: str | None) -> None:
        try:
            self.perform(certificate_action, thumbprint=thumbprint, issuers=self._issuers or None, state="absent")
            self._brought = thumbprint is None and self._repaired
        except SstpError as error:
            if "used_by" not in error.facts:
                raise

    def _stage(self, source: dict[str, Any]) -> None:
        try:
            result = self.perform(certificate_action, **source)
            self._brought, thumbprint = result["changed"], result["thumbprint"]
            self._issuers = [item["thumbprint"] for item in result["chain"] if item["state"] == "imported"]
            self._repaired = result["diff"]["before"].get(thumbprint) != result["diff"]["after"].get(thumbprint)
        except SstpError as error:
            self._brought = bool(error.facts.get("changed"))
            raise


def _source(scenario: Scenario, issued: dict[str, Issued]) -> dict[str, Any]:
    """The candidate as the options of the modules name it; nothing where a load balancer has the certificate."""
    if scenario.rotation.balancer:
        return {}
    candidate = issued[scenario.rotation.candidate]
    if scenario.rotation.by == "thumbprint":
        return {"thumbprint": candidate.thumbprint}
    return {"pfx": base64.b64encode(candidate.pfx(PASSWORD)).decode(), "pfx_password": PASSWORD}


def _options(scenario: Scenario, issued: dict[str, Issued]) -> dict[str, Any]:
    """Only what the scenario says: what it leaves out has the modules' own defaults."""
    rotation = scenario.rotation
    served = {"sha256": issued[rotation.balancer].sha256} if rotation.balancer else {}
    return {**rotation.options, **served}
