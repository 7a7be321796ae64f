# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rotation promises, judged by the raw states before and after, and the few things that it cannot help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lab import judge
from lab.raw_state import as_found
from lab.scenario import key_word
from lab.scenario_file import SERVICES, WILDCARDS, Scenario
from scenario_driver import Result

State = dict[str, Any]
HASHES = ("sha256certificatehash", "sha1certificatehash")
ALL = {"http", "sstpsvc", "product", "certificates", "containers", "services"}
UNUSABLE, MACHINE_KEY = 1312, 0x20


@dataclass(frozen=True)
class Rotated:
    """A rotation: the raw state before and after (WineHost.state), and the result in between."""

    scenario: Scenario
    before: State
    result: Result
    after: State

    @property
    def went_through(self) -> bool:
        return self.result.kind in ("working", "unchanged")

    @property
    def interrupted(self) -> bool:
        """Whether an earlier run had left its journal: that one is taken back first, and stays so."""
        return any(name.startswith("Journal\\") for name in self.before["product"] or {})


def differing(before: State, after: State) -> set[str]:
    """The parts that differ, of what is to be as it was."""
    old, new = as_found(before), as_found(after)
    return {name for name in old if old[name] != new[name]}


def value(state: State, name: str) -> dict[str, Any] | None:
    """A value of SstpSvc's key; its name is not case-sensitive."""
    return {found.lower(): item for found, item in (state["sstpsvc"] or {}).items()}.get(name.lower())


def port_of(state: State) -> int:
    """The port that SstpSvc listens on."""
    port = value(state, "ListenerPort")
    return (int(port["value"]) if port and port["type"] == "REG_DWORD" else 0) or 443


def complaints(state: State) -> list[str]:
    """Why SSTP does not work, in the lab's own judgement, on that port."""
    return judge.working({**state, "port": port_of(state)})


# --- a rotation that went through, and what it cannot help ------------------------------------------------------------


def rests(done: Rotated, reason: str) -> bool:
    """RRAS is disabled, not there as a whole, or was stopped and is to stay so: the certificate is put in place for later."""
    services = done.before["services"]
    whole = "RemoteAccess" in services and "RasMan" in services
    rras = services["RemoteAccess"] if whole else {"state": "stopped", "start_type": "disabled"}
    as_found = done.scenario.rotation.options.get("service_state") == "as_found" and rras["state"] == "stopped"
    service, _, words = reason.partition(" ")
    found = services.get(service, {"state": "stopped"})["state"]
    return words == "does not run" and found == "stopped" and (as_found or rras["start_type"] == "disabled")


def rejects(done: Rotated, reason: str) -> bool:
    """The flags of a record are carried whole, also the one that rejects every connection; nothing is seen of it where RRAS rests."""
    return any(reason == f"record {item['endpoint']} rejects connections" and item["flags"] & judge.REJECT for item in done.before["http"])


def of_a_user(done: Rotated, reason: str) -> bool:
    """Today a key counts that opens for the account of the connection; where its certificate is bound already, HTTP.SYS is not asked again."""
    return done.result.kind == "unchanged" and reason == "the certificate's machine key does not open" and _user_key_is_bound(done.before)


def _user_key_is_bound(state: State) -> bool:
    bound = {item["hash"] for item in state["http"]}
    keys = [item["key"] for content in state["certificates"].values() for item in content if item["thumbprint"] in bound and item["key"]]
    return any(key["opens"] and key["matches"] and not key["flags"] & MACHINE_KEY for key in keys)


EXCUSES = (rests, rejects, of_a_user)


def to_blame(done: Rotated) -> list[str]:
    """Why SSTP does not work after the rotation, without what is excused."""
    return [reason for reason in complaints(done.after) if not any(excuse(done, reason) for excuse in EXCUSES)]


# --- a rotation that failed -------------------------------------------------------------------------------------------


def moved(done: Rotated) -> set[str]:
    """The parts that differ, without what Windows does by itself when services are stopped and started again."""
    parts = differing(done.before, done.after)
    if "sstpsvc" in parts and _only_derived(done.before, done.after):
        parts.discard("sstpsvc")
    if "services" in parts and all(_by_itself(done, name) for name in SERVICES):
        parts.discard("services")
    return parts - {"certificates", "containers"} if _key_was_mended(done) else parts


def _key_was_mended(done: Rotated) -> bool:
    """A candidate that was there before without a key that can be used has one now: it is left so."""
    old, new = ({item["thumbprint"]: item for item in state["certificates"].get("MY", [])} for state in (done.before, done.after))
    changed = [thumbprint for thumbprint in old if old[thumbprint] != new.get(thumbprint)]
    return old.keys() == new.keys() and [(key_word(old[t]["key"]) != "good", key_word(new[t]["key"])) for t in changed] == [(True, "good")]


def _only_derived(before: State, after: State) -> bool:
    """At each start SstpSvc writes the hashes of what is bound, where that of SHA-256 is absent."""
    others = [{name: item for name, item in state["sstpsvc"].items() if name.lower() not in HASHES} for state in (before, after)]
    return value(before, HASHES[0]) is None and others[0] == others[1] and _are_of_what_is_bound(after)


def _are_of_what_is_bound(state: State) -> bool:
    """SHA-1 tells; where the service does not write it, its not being there has to do."""
    bound = [item["hash"] for item in state["http"] if item["endpoint"] == f"0.0.0.0:{port_of(state)}"]
    sha1 = value(state, HASHES[1])
    return sha1 is None or sha1["value"] in bound


def _by_itself(done: Rotated, name: str) -> bool:
    """A service that was dead below one that ran comes up with that; one that dies after a while is a fault of the example."""
    found, now = (state["services"].get(name, {}).get("state") for state in (done.before, done.after))
    above = SERVICES[: SERVICES.index(name)]
    pulled = (found, now) == ("stopped", "running") and any(done.before["services"].get(other, {}).get("state") == "running" for other in above)
    dies = any(fault.switch and fault.switch.endswith(".DiesAfter") for fault in done.scenario.faults)
    return found == now or pulled or (dies and now in ("stopped", "running"))


PARTS_OF = {
    "set_ssl_record": {"http"},
    "delete_ssl_record": {"http"},
    "set_registry_value": {"sstpsvc"},
    "delete_registry_value": {"sstpsvc"},
    "services": {"services", "sstpsvc"},
    "import_pfx": {"certificates", "containers"},
    "delete_certificate": {"certificates", "containers"},
}


def owned_up(done: Rotated) -> set[str]:
    """The parts of which the answer says that they are not as they were."""
    if done.interrupted or "what came of them is not known" in done.result.words:
        return ALL
    stuck = [entry["kind"] for entry in done.result.facts.get("not_undone", ())]
    said = {"product"} if stuck else set()
    brought = {"certificates", "containers"} if done.result.brought else set()
    return said.union(brought, *(PARTS_OF[kind] for kind in stuck))


def may_be_stuck(done: Rotated) -> bool:
    """Whether something can stand against taking a change back: a fault, or a record that HTTP.SYS would not take even before."""
    stuck = done.result.facts.get("not_undone", ())
    dead = bool(stuck) and all((entry["kind"], entry["error"]["code"]) == ("set_ssl_record", UNUSABLE) for entry in stuck)
    return bool(done.scenario.faults) or done.interrupted or dead


def has_reason(done: Rotated) -> bool:
    """Whether a rotation that was tried may fail here at all; where none of this is, it has to go through."""
    pair = [f"{address}:{port_of(done.before)}" for address in WILDCARDS]
    rejecting = any(item["endpoint"] in pair and item["flags"] & judge.REJECT for item in done.before["http"])
    central = any(item["family"] == "ccs" and item["endpoint"] == str(port_of(done.before)) for item in done.before["http"])
    user_key = done.scenario.state.stores["MY"].get(done.scenario.rotation.candidate) == "user key"
    return bool(done.scenario.faults) or done.interrupted or rejecting or central or user_key


# --- the promises -----------------------------------------------------------------------------------------------------


def check_end(done: Rotated) -> None:
    """The server works, or it is as it was; where it is neither, the answer owns up to it, and there was something to stand against."""
    words = done.result.words
    assert done.result.kind != "failed" or has_reason(done), words
    if done.result.kind in ("refused", "unchanged"):
        assert done.after == done.before, words
    if done.went_through:
        assert to_blame(done) == []
        assert done.result.changed == bool(differing(done.before, done.after)), "what is reported is not what happened"
    elif done.result.changed:
        assert may_be_stuck(done), f"nothing stood against taking it back: {words}"
        assert moved(done), f"a change is reported, and there is none: {words}"
        assert moved(done) <= owned_up(done), f"{moved(done)} changed: {words}"
    else:
        assert moved(done) == set(), f"no change is reported: {words}"


def asks_to_rest(scenario: Scenario) -> bool:
    """With service_state as_found a rotation lets RRAS rest where it rests; nobody tells audit, so that RRAS rests is a finding there."""
    return scenario.rotation.options.get("service_state") == "as_found"
