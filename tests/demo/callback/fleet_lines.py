# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's output of ansible-playbook: one line per host and step, as it happens.

The environment says how: DEMO_WIDTH (columns) and DEMO_COLOUR (empty: none).
"""

from __future__ import annotations

import os
from typing import Any

from ansible.plugins.callback import CallbackBase
from demo.text import cut, paint, short, wrap

DOCUMENTATION = """
name: fleet_lines
type: stdout
short_description: one line per host and step
description: Says in one line what each module of the collection rras.sstp has done to a host.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "fleet_lines"

    def __init__(self) -> None:
        super().__init__()
        self._columns = int(os.environ.get("DEMO_WIDTH", "120"))
        self._colour = bool(os.environ.get("DEMO_COLOUR"))
        self._batch = 0
        self._batch_size = 0
        self._failed: set[str] = set()
        self._switched_hosts: set[str] = set()
        self._told: set[tuple[str, str]] = set()

    # --- what ansible-core calls ---

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Called once for each batch, and for each play without batches."""
        known = play.get_variable_manager().get_vars(play=play)
        everyone = known["ansible_play_hosts_all"]
        # What ansible-core gives here is in the order in which group_by has answered; the batch itself goes by the inventory.
        batch = [host for host in everyone if host in known["ansible_play_batch"]]
        if not play.serial or not batch:
            return
        self._batch += 1
        self._batch_size = max(self._batch_size, len(batch))
        text = f"batch {self._batch} of {-(-len(everyone) // self._batch_size)}: {', '.join(batch)}"
        self._display.display(paint(cut(text, self._columns), "blue", on=self._colour))

    def v2_runner_on_ok(self, result: Any) -> None:
        """Say it for the modules that a viewer cares for."""
        teller = {"audit": self._audited, "certificate": self._brought, "rotate": self._switched, "probe": self._probed}.get(_module(result))
        if teller:
            teller(result._host.get_name(), result._result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """A fail task after a failure only repeats it; without one, the role has refused the host."""
        host = result._host.get_name()
        if _module(result) != "fail":
            self._say(host, "failed", _message(result), "red")
        elif host not in self._failed:
            self._say(host, "refused", _message(result), "yellow")
        self._failed.add(host)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """The connection failed."""
        self._say(result._host.get_name(), "unreachable", _message(result), "red")

    # --- one line each ---

    def _audited(self, host: str, result: dict[str, Any]) -> None:
        candidate = result["candidate"]
        if candidate is None:
            self._found(host, result["findings"])
        elif candidate["plan"] and candidate["refusal"] is None and self._is_new(host, "planned"):
            self._line(host, "planned", "; ".join(candidate["plan"]), None, f" ({len(candidate['plan'])} steps)")
        elif candidate["refusal"] is None and candidate["staged"]:
            self._line(host, "nothing to do", "it has the wanted certificate, and RRAS is not restarted", "green")

    def _found(self, host: str, findings: list[dict[str, Any]]) -> None:
        if not findings:
            self._line(host, "right", "all five places agree", "green")
            return
        first = findings[0]
        more = f" (+{len(findings) - 1} more)" if len(findings) > 1 else ""
        colour = "red" if first["severity"] == "error" else "yellow"
        self._line(host, first["id"], f"{first['subject']}: found {first['actual']}; {first['remedy']}", colour, more)

    def _brought(self, host: str, result: dict[str, Any]) -> None:
        if result["changed"] and result["certificate"]:
            self._line(host, "imported", f"{result['thumbprint']}, and proved that its private key signs", None)
        elif result["changed"]:
            self._line(host, "cleaned up", "the certificate that was imported is removed again, with its key", "yellow")

    def _switched(self, host: str, result: dict[str, Any]) -> None:
        self._switched_hosts.add(host)
        served = [item["endpoint"] for item in (result["evidence"] or {}).get("served", []) if item["thumbprint"] == result["thumbprint"]]
        restarted = "RRAS restarted; " if result["restarted"] else ""
        self._line(host, "switched", f"{restarted}{' and '.join(served)} now serve {result['thumbprint']}", "green")

    def _probed(self, host: str, result: dict[str, Any]) -> None:
        """The role looks once before the switch, and once after it; the playbook once more in the end, which is told where it finds something."""
        if host in self._switched_hosts and not self._is_new(host, "probed"):
            for wrong in result["wrong"]:
                self._line(host, "wrong in the end", wrong["sentence"], "red")
        elif host not in self._switched_hosts:
            self._line(host, "clients now", [*result["faults"], result["verdict"]][0]["sentence"], None)
        elif result["proof"]["by"] == "nothing":
            self._line(host, "not proven", result["proof"]["sentence"], "yellow")
        else:
            self._line(host, "proven", result["proof"]["sentence"], "green")

    def _is_new(self, host: str, what: str) -> bool:
        """Whether it is the first time."""
        known = (host, what) in self._told
        self._told.add((host, what))
        return not known

    def _line(self, host: str, word: str, text: str, colour: str | None, end: str = "") -> None:
        """One line, cut where it is too long; end is not cut off."""
        room = self._columns - len(host) - len(word) - len(end) - 4
        self._display.display(f"{host}  {paint(word, colour, on=self._colour)}: {cut(short(text), room)}{end}")

    def _say(self, host: str, word: str, text: str, colour: str) -> None:
        """A message in full, on as many lines as it needs."""
        indent = " " * (len(host) + 2)
        lines = wrap(f"{word}: {short(text)}", self._columns - len(indent))
        lines[0] = lines[0].replace(word, paint(word, colour, on=self._colour), 1)
        self._display.display(f"{host}  " + f"\n{indent}".join(lines))


def _module(result: Any) -> str:
    return str(result._task.action).rpartition(".")[2]


def _message(result: Any) -> str:
    return str(result._result.get("msg", "no reason was given")).removeprefix("Task failed: ")
