# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's way from preflight to switch in one process: the product's own actions over the back-end of a lab host."""

from __future__ import annotations

import base64
import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
COLLECTIONS = REPOSITORY / "build" / "collections"
LINK = COLLECTIONS / "ansible_collections" / "rras" / "sstp"
LINK.parent.mkdir(parents=True, exist_ok=True)
with contextlib.suppress(FileExistsError):
    LINK.symlink_to(REPOSITORY, target_is_directory=True)
for place in (REPOSITORY / "tests", COLLECTIONS):
    if str(place) not in sys.path:
        sys.path.insert(0, str(place))

from ansible_collections.rras.sstp.plugins.action import audit as audit_action  # noqa: E402
from ansible_collections.rras.sstp.plugins.action import certificate as certificate_action  # noqa: E402
from ansible_collections.rras.sstp.plugins.action import rotate as rotate_action  # noqa: E402
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError  # noqa: E402
from ansible_collections.rras.sstp.plugins.plugin_utils.windows import Backend  # noqa: E402
from lab.pki import Issued  # noqa: E402
from lab.scenario import Scenario  # noqa: E402

Call = Callable[[dict[str, Any]], dict[str, Any]]
PASSWORD = "443"


@dataclass(frozen=True)
class Result:
    """kind: working (it changed something), unchanged, refused (nothing was tried) or failed; words: the sentence."""

    kind: str
    words: str = ""


class Driver:
    """One controller in front of one host; call takes the options of windows_backend and gives its result."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._applied = False
        self._backend = Backend(self._count)

    def _count(self, options: dict[str, Any]) -> dict[str, Any]:
        self._applied |= options["operation"] == "apply"
        return self._call(options)

    def _perform(self, module: ModuleType, **given: Any) -> dict[str, Any]:
        action = object.__new__(module.ActionModule)
        action._task = SimpleNamespace(check_mode=False)
        args = {name: given.get(name, spec.get("default")) for name, spec in module.ARGUMENT_SPEC.items()}
        result: dict[str, Any] = action.perform(args, self._backend)
        return result

    def findings(self) -> list[str]:
        """The rule ids that audit gives without a candidate."""
        return [item["id"] for item in self._perform(audit_action)["findings"]]

    def rotate(self, scenario: Scenario, issued: dict[str, Issued]) -> Result:
        """What the role sstp_certificate does, without retiring."""
        rotation = scenario.rotation
        candidate = issued[rotation.candidate]
        source: dict[str, Any] = {"thumbprint": candidate.thumbprint}
        if rotation.by == "pfx":
            source = {"pfx": base64.b64encode(candidate.pfx(PASSWORD)).decode(), "pfx_password": PASSWORD}
        self._applied = False
        try:
            changed = self._rotate(source, candidate, rotation.options)
        except SstpError as error:
            return Result("failed" if self._applied else "refused", str(error))
        return Result("working" if changed else "unchanged")

    def _rotate(self, source: dict[str, Any], candidate: Issued, options: Any) -> bool:
        take_over = options.get("take_over", False)
        preflight = self._perform(audit_action, **source, take_over=take_over)["candidate"]
        if preflight["refusal"] is not None:
            raise SstpError(preflight["refusal"])
        if preflight["staged"] and not preflight["plan"]:
            return False
        staged = False
        try:
            if not preflight["staged"]:
                staged = self._perform(certificate_action, **source)["changed"]
            return bool(self._perform(rotate_action, **source, **options)["changed"]) or staged
        except SstpError as error:
            if staged and not error.facts.get("changed"):
                self._perform(certificate_action, thumbprint=candidate.thumbprint, state="absent")
            raise
