# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of windows_backend: two verbs, typed answers, errors as sentences. PRIVATE to the collection."""

from __future__ import annotations

import base64
import datetime as dt
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .changes import Change, SetServices, value_is
from .errors import ConflictError, ConnectionLost, SstpError, shortened
from .names import BY_ADMIN_VALUE, CONFIG_STORE_KEY, HARDWARE_PROVIDERS, SSTP_KEY, USE_HTTPS_VALUE
from .places import PLACES
from .reconnection import Reconnection
from .state import HostState, parse_time, read_state

Call = Callable[[dict[str, Any]], dict[str, Any]]

# What the back-end reads unless told; events are read only when they are asked for.
DEFAULT_FACETS = ("host", "http", "product", "served", "services", "sessions", "sstp", "stores")

# Win32 and NTE codes in the words of what they mean here (domain facts 1.5 and 3).
_CODES = {
    2: "there is no such record or file",
    5: "access is denied; the connection's account must be an elevated administrator",
    87: "Windows refused a parameter",
    183: "there is such a record already",
    1053: "the service did not answer in time",
    1058: "the service is disabled",
    1060: "there is no such service",
    1460: "there was no answer in time",
    1722: "the service does not answer",
    1312: "the certificate cannot be used: it is not in the store, or its private key does not open (1312)",
}


# Conditions as the back-end takes them.
_NOT_AUTOMATIC = (value_is(SSTP_KEY, USE_HTTPS_VALUE, "dword", 0), value_is(SSTP_KEY, BY_ADMIN_VALUE, "dword", 1))

_LOCKED = "Another run is changing this host at the moment, so nothing was touched; try again when it has ended."


@dataclass(frozen=True)
class Scope:
    """What an observation is about. facets None: all but the events. prove: thumbprints whose keys must sign; prove_bound: those of the ports too.

    events_since (ISO 8601, UTC): the events of RasSstp since then are read as well. remote_access: whether RRAS itself is asked, which costs a
    second or more: never, always, or unless_automatic (where the registry does not say that the service chooses the certificate).
    authorities: thumbprints to tell of the stores CA and ROOT. issuers: names (DER) whose certificates there are told as well.
    users: whether what else may use a certificate or its key is read.
    """

    ports: tuple[int, ...] = ()
    thumbprints: tuple[str, ...] = ()
    prove: tuple[str, ...] = ()
    prove_bound: bool = False
    facets: tuple[str, ...] | None = None
    events_since: str | None = None
    remote_access: str = "never"
    authorities: tuple[str, ...] = ()
    issuers: tuple[bytes, ...] = ()
    users: bool = False

    def to_options(self) -> dict[str, Any]:
        options: dict[str, Any] = {
            "ports": list(self.ports),
            "thumbprints": list(self.thumbprints),
            "prove": list(self.prove),
            "prove_bound": self.prove_bound,
            "untouched_providers": list(HARDWARE_PROVIDERS),
        }
        if self.authorities:
            options["authorities"] = list(self.authorities)
        if self.issuers:
            options["issuers"] = [base64.b64encode(name).decode() for name in self.issuers]
        more = []
        if self.users:
            more += ["keys", "mentions"]
            options["places"] = [place.to_wire() for place in PLACES]
        if self.events_since is not None:
            more.append("events")
            options["events_since"] = self.events_since
        if self.remote_access != "never":
            more.append("remote_access")
            options["remote_access_when"] = list(_NOT_AUTOMATIC) if self.remote_access == "unless_automatic" else []
        if self.facets is None and not more:
            return options
        return {**options, "facets": [*(DEFAULT_FACETS if self.facets is None else self.facets), *more]}


@dataclass(frozen=True)
class Applied:
    """A transaction that went through: the state after it, and how each change went (time, milliseconds, detail).

    started: when services were last started in it, by the host's clock; None where none were.
    """

    state: HostState
    steps: tuple[Mapping[str, Any], ...]
    started: dt.datetime | None = None


@dataclass(frozen=True)
class Secret:
    """A PFX on its way to the host, in base64, with its one-time password."""

    pfx: str = field(repr=False)
    password: str = field(repr=False)


class Backend:
    """call runs windows_backend on the host with the given options and returns its result; it raises ConnectionLost where none came.

    mended: whether something that an earlier, interrupted run had left was taken back.
    """

    def __init__(self, call: Call, reconnection: Reconnection | None = None) -> None:
        self._call = call
        self._reconnection = reconnection or Reconnection()
        self.mended = False

    def observe(self, scope: Scope) -> HostState:
        """Read the host. Raises SstpError when it cannot be read, ConnectionLost when it cannot be reached."""
        challenge = secrets.token_bytes(32)
        options = {"operation": "observe", **scope.to_options()}
        try:
            result = self._run(options, challenge)
        except ConnectionLost:
            self._reconnection.reset()
            result = self._run(options, challenge)
        return _state(result, challenge, scope)

    def apply(self, scope: Scope, state: HostState, changes: Sequence[Change], secret: Secret | None = None) -> Applied:
        """Carry out the changes if the host is still as it was in that state. Raises SstpError; what was done is undone then.

        A connection that is lost meanwhile is made anew, and the host is asked what came of it.
        """
        challenge = secrets.token_bytes(32)
        options = {
            "operation": "apply",
            "expect": state.state_id,
            "changes": [change.to_wire() for change in changes],
            **scope.to_options(),
        }
        if secret is not None:
            options |= {"pfx": secret.pfx, "pfx_password": secret.password}
        result = self._change(scope, state, options, challenge)
        if result["outcome"] == "cancelled":
            result = self._change(scope, state, options, challenge)
        after = _state(result, challenge, scope)
        if result["outcome"] == "conflict":
            differences = "; ".join(differing(state, after, scope.thumbprints)) or "it cannot be told what"
            raise ConflictError(f"The host has changed since it was looked at ({differences}), so nothing was touched; run again.")
        _raise_unless_applied(result, changes)
        return Applied(after, tuple(result["changes"]), _last_start(changes, result["changes"]))

    def recover(self, scope: Scope) -> HostState:
        """Take back what an interrupted transaction has left half done. Raises ConflictError where it was not interrupted, but still at work."""
        challenge = secrets.token_bytes(32)
        options = {"operation": "apply", "recover": True, **scope.to_options()}
        asked_again = False
        try:
            result = self._run(options, challenge)
        except ConnectionLost as lost:
            asked_again = True
            result = self._ask_again(options, challenge, f"The host gave no answer while an earlier, interrupted change was being taken back ({lost})")
        if result["outcome"] == "locked":
            raise SstpError(_LOCKED)
        if result["outcome"] != "recovered":
            facts = {**_evidence(result), "changed": bool(result["changed"])}
            raise SstpError(f"An earlier, interrupted change could not be taken back: {_list_stuck(result)}.{_hung(result)}", **facts)
        if not (result["found"] or asked_again):
            raise ConflictError("Another run was changing this host when it was looked at, and has ended since, so nothing was touched; run again.")
        self.mended = True
        return _state(result, challenge, scope)

    def _change(self, scope: Scope, state: HostState, options: dict[str, Any], challenge: bytes) -> dict[str, Any]:
        """The answer to one apply; outcome cancelled where the connection was lost before it began, and now it never will."""
        transaction = f"{state.time:%Y%m%dT%H%M%SZ}{secrets.token_hex(8).upper()}"
        try:
            return self._run({**options, "transaction": transaction}, challenge)
        except ConnectionLost as lost:
            what = f"The host gave no answer while it was being changed ({lost})"
        ask = {"operation": "apply", "recover": True, "transaction": transaction, **scope.to_options()}
        return _settled(self._ask_again(ask, challenge, what), what)

    def _ask_again(self, options: dict[str, Any], challenge: bytes, what: str) -> dict[str, Any]:
        """What a call of recover comes to behind a connection that was lost; what says so, as the beginning of a sentence."""
        seconds = self._reconnection.timeout
        self._reconnection.tell(f"{what}; trying for up to {seconds} seconds to reach it again, and to learn what came of it.")
        try:
            return self._reconnection.ask(lambda left: self._run({**options, "lock_timeout": left}, challenge))
        except ConnectionLost as away:
            raise SstpError(
                f"{what}, and it could not be reached again within {seconds} seconds ({away}). What came of it is not known: it is on the host as a whole, "
                "or the next run takes back what there is of it. Run again when the host answers.",
                changed=True,
            ) from None

    def _run(self, options: dict[str, Any], challenge: bytes) -> dict[str, Any]:
        result = self._call({**options, "challenge": base64.b64encode(challenge).decode()})
        if result.get("failed") or "facts" not in result:
            raise _unreadable(result)
        return result


def _settled(result: dict[str, Any], what: str) -> dict[str, Any]:
    """The answer that was lost, as the host has kept it, or that the change never began. Raises SstpError for all else."""
    if result["outcome"] == "locked":
        raise SstpError(f"{what}, and the host is still at work on it; run again when it has ended.", changed=True)
    if "answer" in result:
        return _kept_answer(result)
    if result["outcome"] == "cancelled":
        return result
    if result["outcome"] == "recovered" and not result["not_undone"]:
        raise SstpError(f"{what}. It had not been completed; all that was done of it was taken back, so the host is as it was. Run again.", **_evidence(result))
    rest = f"what could not be taken back: {_list_stuck(result)}; run again"
    raise SstpError(f"{what}. It had not been completed, and {rest}.{_hung(result)}", **_evidence(result))


def _kept_answer(result: Mapping[str, Any]) -> dict[str, Any]:
    """The answer that was kept; what is left of its undo has been run since."""
    answer: dict[str, Any] = json.loads(result["answer"])
    again = {entry["index"] for entry in (*result["undone"], *result["not_undone"])}
    answer["undone"] = [entry for entry in answer["undone"] if entry["index"] not in again] + result["undone"]
    answer["not_undone"] = [entry for entry in answer["not_undone"] if entry["index"] not in again] + result["not_undone"]
    return {**result, **answer}


def _state(result: Mapping[str, Any], challenge: bytes, scope: Scope) -> HostState:
    state = read_state(result["facts"], str(result["state_id"]), challenge)
    bound = {record.certificate_hash for record in state.records if record.endpoint.port in state.ports} if scope.prove_bound else set()
    return replace(state, seen_at=dt.datetime.now(dt.timezone.utc), asked=frozenset({*scope.thumbprints, *scope.prove, *bound}))


def _last_start(changes: Sequence[Change], steps: Sequence[Mapping[str, Any]]) -> dt.datetime | None:
    """When the last step began that started services which did not run."""
    starts = {index for index, change in enumerate(changes) if isinstance(change, SetServices) and change.state == "running"}
    times = [parse_time(str(step["time"])) for step in steps if step["changed"] and step["index"] in starts]
    return times[-1] if times else None


_VALUES: tuple[tuple[str, str, Callable[[HostState], Mapping[str, Any] | None]], ...] = (
    (SSTP_KEY, "", lambda state: state.parameters),
    (CONFIG_STORE_KEY, "ConfigStore\\", lambda state: state.config_store),
)


def differing(before: HostState, after: HostState, thumbprints: Sequence[str]) -> list[str]:
    """What makes the state_id of two states differ, as phrases: records of the ports, values of SstpSvc, the named certificates."""
    keys = dict.fromkeys(r.endpoint for r in (*before.records, *after.records) if r.endpoint.port in before.ports)
    phrases = [f"the record of {key}" for key in keys if before.record(key) != after.record(key)]
    for path, prefix, values in _VALUES:
        names = dict.fromkeys((*(values(before) or {}), *(values(after) or {})))
        phrases += [f"the value {prefix}{name}" for name in names if before.value(path, name) != after.value(path, name)]
    stored = dict.fromkeys((c.thumbprint, c.store) for c in (*before.certificates, *after.certificates) if c.thumbprint in thumbprints)
    return phrases + [f"the certificate {t}" for t, s in stored if _identity(before, t, s) != _identity(after, t, s)]


def _identity(state: HostState, thumbprint: str, store: str) -> tuple[str, str | None] | None:
    stored = state.certificate(thumbprint, store)
    return None if stored is None else (thumbprint, stored.key.container if stored.key else None)


def _unreadable(result: Mapping[str, Any]) -> SstpError:
    """The host could not be read; where that was after changes, what they came to must not get lost."""
    sentence = _sentence(result)
    if not result.get("changed"):
        return SstpError(sentence)
    facts = {name: result[name] for name in ("changes", "failure", "undone", "not_undone") if name in result}
    return SstpError(f"Changes were made ({result.get('outcome')}), but what came of them is not known. {sentence}", **{"changed": True, **facts})


def _sentence(result: Mapping[str, Any]) -> str:
    error = result.get("error")
    if isinstance(error, Mapping):
        return f"The host could not be read: {explain(error)}."
    return shortened(str(result.get("msg") or result.get("module_stderr") or "The back-end on the host gave no answer.").strip(), 2000)


def explain(error: Mapping[str, Any]) -> str:
    """An error of the back-end in words: what it means, then function and code."""
    code, function = error.get("code"), error.get("function")
    text = _CODES.get(int(code)) if code is not None else None
    words = text or shortened(str(error.get("message") or "no reason was given").strip().rstrip("."))
    if code is None:
        return words
    number = str(code) if int(code) >= 0 else f"0x{int(code) & 0xFFFFFFFF:08X}"
    return f"{words} [{function} gave {number}]" if function else f"{words} [code {number}]"


def _raise_unless_applied(result: Mapping[str, Any], changes: Sequence[Change]) -> None:
    outcome = result["outcome"]
    if outcome == "applied":
        return
    if outcome == "interrupted":
        raise SstpError("Another run was interrupted on this host in the meantime, so nothing was touched; run again, which takes back what that one has left.")
    if outcome == "locked":
        raise SstpError(_LOCKED)
    if outcome == "cancelled":
        raise SstpError("The connection to the host was lost twice before it had begun with the change, so nothing was touched; run again.")
    failure = result["failure"]
    step = changes[int(failure["index"])].describe()
    stuck = _list_stuck(result)
    rest = f"what could not be undone: {stuck}" if stuck else "everything done before it was undone"
    raise SstpError(f"Could not {step}: {explain(failure['error'])}; {rest}.{_hung(result)}", **_evidence(result))


def _hanging(result: Mapping[str, Any]) -> list[str]:
    """The services that are between two states after all the time that they were given."""
    return [f"{service['name']} ({service['state']})" for service in result["facts"].get("services", ()) if str(service["state"]).endswith("pending")]


def _hung(result: Mapping[str, Any]) -> str:
    """What to do about these, as a sentence that is put behind another; empty where there are none."""
    hanging = _hanging(result)
    return f" Still hanging: {', '.join(hanging)}; restart the host unless that ends by itself, then run again." if hanging else ""


def _list_stuck(result: Mapping[str, Any]) -> str:
    return "; ".join(f"{entry['kind']} ({explain(entry['error'])})" for entry in result["not_undone"])


def _evidence(result: Mapping[str, Any]) -> dict[str, object]:
    told = {name: result[name] for name in ("failure", "undone", "not_undone")}
    return {"changed": bool(result["not_undone"]), **told, "reboot_required": bool(_hanging(result))}
