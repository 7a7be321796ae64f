# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rras.sstp.probe: does a client get through, and if not, where does it end and why?"""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.rras.sstp.plugins.plugin_utils.action import Result, SstpAction, plain
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.inquiry import inquiry_of, inquiry_result
from ansible_collections.rras.sstp.plugins.plugin_utils.windows import Backend

ARGUMENT_SPEC: dict[str, Any] = {
    "host": {"type": "str"},
    "port": {"type": "int", "default": 443},
    "address": {"type": "str"},
    "depth": {"type": "str", "choices": ["tls", "http", "sstp", "login"], "default": "sstp"},
    "user": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "ca_path": {"type": "str"},
    "validate_certs": {"type": "bool", "default": True},
    "sha256": {"type": "str"},
    "every_address": {"type": "bool", "default": False},
    "proxy": {"type": "str"},
    "timeout": {"type": "int", "default": 60},
    "stage_timeout": {"type": "int", "default": 20},
    "settle_timeout": {"type": "int", "default": 0},
    "before": {"type": "dict"},
    "evidence": {"type": "dict"},
    "fail_on": {"type": "str", "choices": ["never", "wrong", "error"], "default": "error"},
}


class ActionModule(SstpAction):
    ARGUMENT_SPEC = ARGUMENT_SPEC
    TRANSFERS_FILES = False

    # No connection to the managed host is opened: it may be one of any kind, or down.
    _requires_connection = False
    _inventory_name = "localhost"
    _ansible_host: str | None = None

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> Result:
        variables = task_vars or {}
        self._inventory_name = plain(variables.get("inventory_hostname", self._inventory_name))
        if variables.get("ansible_host"):
            self._ansible_host = plain(str(self._templar.template(variables["ansible_host"])))
        return super().run(tmp, task_vars)

    def perform(self, args: dict[str, Any], backend: Backend) -> Result:
        if args["ca_path"] is not None:
            args["ca_path"] = self._find_ca(args["ca_path"])
        inquiry = inquiry_of(args, self._inventory_name, self._ansible_host)
        result = inquiry_result(inquiry, inquiry.run())
        if sentence := _failure(result, args["fail_on"]):
            result |= {"failed": True, "msg": sentence}
        return result

    def _find_ca(self, path: str) -> str:
        try:
            return self._find_file(path)
        except AnsibleError:
            raise SstpError(f"The file {path} of ca_path is not there on the controller.") from None


def _failure(result: Result, fail_on: str) -> str | None:
    """The sentence to fail with."""
    if fail_on == "wrong" and result["wrong"]:
        return " ".join(item["sentence"] for item in result["wrong"])
    return str(result["verdict"]["sentence"]) if fail_on == "error" and not result["ok"] else None
