# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""windows_backend on a simulated host: observe and apply, by docs/backend.md and field by field as the PowerShell answers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lab.sim.changes import Changes
from lab.sim.errors import WindowsError
from lab.sim.event_log import time_text
from lab.sim.facts import JOURNAL, Observer, Options
from lab.sim.machine import Machine
from lab.sim.registry import PRODUCT, Value
from lab.sim.telling import held

COMPARED = ("http", "sstp", "stores")
TRANSACTIONS = PRODUCT + r"\Transactions"
TRANSACTION_LIMIT = 4
# In the journal: whose it is, and a volatile key, which a host that was started anew has lost.
OWNER = "Transaction"
BOOT = JOURNAL + r"\Boot"
RECOVERY_SECONDS = 120
KEPT = ("changed", "changes", "failure", "undone", "not_undone")

Result = dict[str, Any]


class Backend:
    """One call. result is what the module answers; it is kept up while the call goes on."""

    def __init__(self, machine: Machine, options: Options, *, check_mode: bool) -> None:
        """Nothing is done yet."""
        self._machine, self._options, self._check_mode = machine, options, check_mode
        self._observer = Observer(machine, options)
        self._changes = Changes(machine, options)
        self._restarted = False
        self.result: Result = {"changed": False}

    def run(self) -> bool:
        """Do it all; False when the module fails."""
        try:
            if str(self._options["operation"]).lower() == "apply":
                self._locked()
            facts = self._observer.facts(self._options["facets"])
            self.result["facts"] = facts
            self.result["state_id"] = self._observer.state_id(facts)
        except WindowsError as error:
            self.result["error"] = error.fact()
            self.result["failed"] = True
            self.result["msg"] = f"The host could not be read: {error.message}"
            return False
        return True

    def _locked(self) -> None:
        patience = float(self._options["lock_timeout"])
        if not self._machine.clock.wait(lambda: not self._machine.locked, patience):
            self.result["outcome"] = "locked"
            return
        self._transaction()

    def _transaction(self) -> None:
        result = self.result
        result.update(changes=[], failure=None, undone=[], not_undone=[])
        if self._options["recover"] and not self._check_mode:
            self._recover()
            return
        if self._kept(self._options["transaction"]) is not None:
            result["outcome"] = "cancelled"
            return
        if self._machine.registry.key(JOURNAL) is not None:
            result["outcome"] = "interrupted"
            return
        if self._options["expect"] and not self._as_expected():
            result["outcome"] = "conflict"
            return
        self._run_changes()

    def _recover(self) -> None:
        """Take back what the journal holds, unless its change went through; tell the kept answer of the transaction that is asked about."""
        result, asked_for = self.result, self._options["transaction"]
        result["found"] = self._machine.registry.key(JOURNAL) is not None
        owner = self._machine.registry.get(JOURNAL, OWNER)
        ended = self._kept(str(owner.data)) if owner else None
        if ended is not None and ended[0] == "applied":
            self._clear_journal()
        found = self._machine.registry.key(JOURNAL) is not None
        stuck = self._undo(rebooted=self._machine.registry.key(BOOT) is None)
        result["changed"] = bool(result["undone"]) or self._restarted
        asked = self._kept(asked_for)
        if asked is not None:
            result["answer"] = asked[1]
        if stuck:
            result["outcome"] = "failed"
        elif asked is not None:
            result["outcome"] = "kept"
        else:
            result["outcome"] = "cancelled" if asked_for and not found else "recovered"
        if asked is None:
            self._keep("cancelled")

    def _services_anyhow(self, names: list[str], state: str) -> list[dict[str, Any]]:
        states = [{"name": name, "state": state} for name in names]
        try:
            self._changes.perform({"kind": "services", "states": states, "timeout": RECOVERY_SECONDS, "each": True})
        except WindowsError as error:
            return [{"index": -1, "kind": "services", "error": error.fact()}]
        return []

    def _inverses(self) -> list[Value]:
        """Those of the journal, the last one first."""
        key = self._machine.registry.key(JOURNAL)
        return sorted((value for value in key.values.values() if value.name != OWNER), reverse=True) if key else []

    def _kept(self, transaction: str | None) -> list[str] | None:
        """Outcome and whole answer of a transaction that is over."""
        value = self._machine.registry.get(TRANSACTIONS, transaction) if transaction else None
        return value.data if value and isinstance(value.data, list) else None

    def _keep(self, outcome: str) -> None:
        """Keep the answer for whoever asks again; the newest four."""
        transaction = self._options["transaction"]
        if not transaction or self._check_mode:
            return
        answer = {"outcome": outcome, **{name: self.result[name] for name in KEPT}}
        registry = self._machine.registry
        registry.set(TRANSACTIONS, transaction, "multistring", [outcome, json.dumps(answer)])
        key = registry.create(TRANSACTIONS)
        for name in sorted(key.values, reverse=True)[TRANSACTION_LIMIT:]:
            registry.delete(TRANSACTIONS, name)

    def _as_expected(self) -> bool:
        facets = [name for name in COMPARED if held(self._options["facets"], name)]
        now = self._observer.state_id(self._observer.facts(facets))
        return now == str(self._options["expect"]).lower()

    def _run_changes(self) -> None:
        result = self.result
        result["failure"] = self._run_list()
        result["changed"] = any(entry["changed"] for entry in result["changes"])
        result["outcome"] = "failed" if result["failure"] else "applied"
        self._strike("finished", len(result["changes"]))
        self._keep(result["outcome"])
        if self._check_mode:
            return
        if result["failure"] is None:
            self._strike("kept", len(result["changes"]))
            self._clear_journal()
        elif self._options["undo_on_failure"]:
            self._undo()
            result["changed"] = bool(result["not_undone"])
            self._keep("failed")

    def _run_list(self) -> dict[str, Any] | None:
        for index, change in enumerate(self._options["changes"]):
            begun = self._machine.clock.now()
            entry: dict[str, Any] = {
                "index": index, "kind": str(change.get("kind") or ""), "time": time_text(self._machine.clock.date()),
                "changed": False, "skipped": False, "detail": None, "milliseconds": 0,
            }  # fmt: skip
            self.result["changes"].append(entry)
            try:
                self._run_change(change, entry)
            except (WindowsError, KeyError) as problem:
                error = WindowsError(None, None, f"The change has no {problem}.") if isinstance(problem, KeyError) else problem
                entry["changed"] = False
                return {"index": index, "kind": entry["kind"], "error": error.fact()}
            finally:
                entry["milliseconds"] = round(1000 * (self._machine.clock.now() - begun))
        return None

    def _run_change(self, change: Mapping[str, Any], entry: dict[str, Any]) -> None:
        guard = change.get("when_changed")
        if guard is not None and not any(self.result["changes"][int(index)]["changed"] for index in _items(guard)):
            entry["skipped"] = True
            return
        self._strike("before", entry["index"])
        entry["changed"] = self._changes.would_alter(change)
        if self._check_mode:
            return
        # That a value was absent is kept as well: the service may write it before the undo. What a hold is for is changed by others.
        kept = entry["changed"] or entry["kind"] in ("delete_registry_value", "hold")
        if kept and change.get("undo", True):
            self._write_journal(entry["index"], self._changes.inverse(change))
            self._strike("journalled", entry["index"])
        if entry["changed"] or entry["kind"] == "await":
            entry["detail"] = self._changes.perform(change)
            self._strike("made", entry["index"])

    def _strike(self, moment: str, index: int) -> None:
        if not self._check_mode:
            self._machine.faults.strike(moment, index)

    # The journal

    def _write_journal(self, index: int, inverse: dict[str, Any] | None) -> None:
        if inverse is None:
            return
        if self._machine.registry.key(JOURNAL) is None:
            self._machine.registry.create(BOOT)
            if self._options["transaction"]:
                self._machine.registry.set(JOURNAL, OWNER, "string", self._options["transaction"])
        self._changes.perform(
            {"kind": "set_registry_value", "path": JOURNAL, "name": f"{index:04d}", "value_kind": "string", "data": json.dumps(inverse)}
        )

    def _clear_journal(self) -> None:
        registry = self._machine.registry
        registry.remove(JOURNAL)
        product = registry.key(PRODUCT)
        if product is not None and not product.keys and not product.values:
            registry.remove(PRODUCT)

    def _undo(self, *, rebooted: bool = False) -> bool:
        """Run the inverses of the journal, the last one first; whether one is stuck: it and all behind it stay in the journal.

        What is lost for ever keeps no journal there, but stays in it until the end. rebooted: the services of the host have read what was half done.
        """
        running: list[str] | None = None
        named: list[str] = []
        errors: list[dict[str, Any]] = []
        stuck: list[dict[str, Any]] = []
        lost: list[dict[str, Any]] = []
        unsaid: dict[str, Any] | None = None
        for value in self._inverses():
            inverse: dict[str, Any] = {"kind": "unreadable"}
            kept = False
            index = int(value.name) if re.fullmatch("[0-9]{4}", value.name) else None
            try:
                inverse = _read_inverse(value.data)
                self._strike("undoing", -1 if index is None else index)
                services = inverse.get("kind") == "services"
                named += [item["name"] for item in inverse["states"]] if services else []
                if self._changes.would_alter(inverse):
                    if rebooted and running is None and not services:
                        running = [item["name"] for item in self._observer.facts(["services"])["services"] if item["state"] == "running"]
                        errors += self._services_anyhow(running[::-1], "stopped")
                    self._changes.perform(inverse)
                self.result["undone"].append({"index": index, "kind": inverse.get("kind")})
            except (WindowsError, AttributeError, LookupError, TypeError, ValueError) as problem:
                # An entry may be anything, and PowerShell finds something amiss with each.
                error = problem if isinstance(problem, WindowsError) else WindowsError(None, None, f"The change cannot be read: {problem}")
                dead = self._changes.lost(inverse, error.code)
                kept = True
                (lost if dead else stuck).append({"index": index, "kind": inverse.get("kind"), "error": error.fact()})
                unsaid = inverse if dead and inverse["kind"] == "set_remote_access" else unsaid
            if not stuck and not kept:
                self._machine.registry.delete(JOURNAL, value.name)
        # RRAS may say what it said before when the values that it goes by are back.
        if unsaid is not None and not self._changes.would_alter(unsaid):
            lost = [entry for entry in lost if entry["kind"] != "set_remote_access"]
        if not stuck:
            self._clear_journal()
        if running is not None:
            self._restarted = True
            errors += self._services_anyhow([name for name in running if name not in named], "running")
        self.result["not_undone"] = [*stuck, *lost, *errors]
        return bool(stuck)


def _read_inverse(data: object) -> dict[str, Any]:
    try:
        inverse = json.loads(data) if isinstance(data, str) else None
    except (ValueError, RecursionError) as error:
        raise WindowsError(None, None, f"Invalid JSON primitive: {data}.") from error
    if not isinstance(inverse, dict):
        raise WindowsError(None, None, "The entry is no inverse of a change.")
    return inverse


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
