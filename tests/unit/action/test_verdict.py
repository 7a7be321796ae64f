# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action verdict: an earlier audit as the outcome of a host, or one sentence where it is none."""

from __future__ import annotations

from typing import Any, cast

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.rras.sstp.plugins.action import verdict
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from audited_fleet import finding, stale_hash, well

Json = dict[str, Any]

ERROR = finding("binding_missing", "error", "[::]:443", event=21)
WARNING = finding("rras_disabled", "warning", "RemoteAccess")
INFO = finding("key_orphaned", "info", "private keys")
NO_AUDIT = "Option audit must be what rras.sstp.audit has returned, but it has not the keys of that; register it."


def run(audit: Json, **options: Any) -> Json:
    """The back-end is None: no host is asked."""
    plugin = verdict.ActionModule.__new__(verdict.ActionModule)
    defaults = {name: spec.get("default") for name, spec in verdict.ARGUMENT_SPEC.items()}
    return plugin.perform({**defaults, "audit": audit, **options}, cast(Any, None))


def audited(*findings: Json) -> Json:
    return {"changed": False, "record": {**well("vpn01", 100), "findings": list(findings)}}


def without(item: Json, *names: str) -> Json:
    return {name: value for name, value in item.items() if name not in names}


# --- hosts without an audit ---


def test_a_host_that_could_not_be_reached_is_unreachable_again() -> None:
    with pytest.raises(AnsibleConnectionFailure, match=r"^timed out$"):
        run({"unreachable": True, "msg": "timed out", "changed": False})


@pytest.mark.parametrize("more", [{}, {"msg": ""}, {"msg": None}])
def test_unreachable_without_a_message_is_told_all_the_same(more: Json) -> None:
    with pytest.raises(AnsibleConnectionFailure, match=r"^The host could not be reached when it was audited\.$"):
        run({"unreachable": True, **more})


@pytest.mark.parametrize(
    ("audit", "sentence"),
    [
        pytest.param({"failed": True, "msg": "The host could not be read: access is denied."}, "The host could not be read: access is denied.", id="failed"),
        pytest.param({"failed": True, "unreachable": False, "msg": "No."}, "No.", id="failed and not unreachable"),
        pytest.param({"failed": True, "msg": ""}, "The host was not audited.", id="failed without a message"),
        pytest.param({"skipped": True}, "The host was not audited.", id="skipped"),
        pytest.param({}, "The host was not audited.", id="nothing registered"),
    ],
)
def test_a_host_that_was_not_audited_fails_with_the_reason(audit: Json, sentence: str) -> None:
    with pytest.raises(SstpError) as caught:
        run(audit)
    assert str(caught.value) == sentence


# --- findings ---


@pytest.mark.parametrize(
    ("fail_on", "failing"),
    [("never", []), ("error", ["binding_missing"]), ("warning", ["binding_missing", "rras_disabled"])],
)
def test_findings_fail_by_their_severity(fail_on: str, failing: list[str]) -> None:
    result = run(audited(ERROR, WARNING, INFO), fail_on=fail_on)
    assert [sentence.partition(":")[0] for sentence in result["sentences"]] == failing
    assert result.get("failed", False) is bool(failing)
    assert result["changed"] is False


def test_an_error_fails_unless_told_otherwise() -> None:
    assert run(audited(WARNING, INFO)) == {"changed": False, "sentences": []}
    assert run(audited(ERROR))["failed"] is True


def test_the_message_counts_the_findings_and_has_them_all() -> None:
    result = run(audited(ERROR, WARNING), fail_on="warning")
    assert result["msg"] == "2 finding(s): binding_missing ([::]:443), rras_disabled (RemoteAccess)"


def test_what_a_host_was_found_with_breaks_no_line() -> None:
    (sentence,) = run(audited({**ERROR, "actual": "a\nb\u202e{id}"}))["sentences"]
    assert r"found a\nb\u202e{id} (leads" in sentence


def test_a_host_without_findings_is_well() -> None:
    assert run({"record": well("vpn01", 100)}, fail_on="warning") == {"changed": False, "sentences": []}


def test_an_audit_that_failed_with_findings_is_judged_by_them() -> None:
    """As with fail_on of audit itself: the record is there."""
    audit = {"failed": True, "msg": "1 finding(s)", "record": stale_hash("vpn01", 100)}
    assert run(audit, fail_on="never") == {"changed": False, "sentences": []}
    assert run(audit)["sentences"][0].startswith("registry_sha256_different: ")


# --- what is no audit ---


@pytest.mark.parametrize(
    "audit",
    [
        pytest.param({"record": None}, id="no record"),
        pytest.param({"record": "x"}, id="record of text"),
        pytest.param({"record": 5}, id="record of a number"),
        pytest.param({"record": []}, id="record of a list"),
        pytest.param({"record": {}}, id="no findings"),
        pytest.param({"record": {"findings": None}}, id="findings of nothing"),
        pytest.param({"record": {"findings": 5}}, id="findings of a number"),
        pytest.param({"record": {"findings": "abc"}}, id="findings of text"),
        pytest.param({"record": {"findings": {"a": 1}}}, id="findings of a dictionary"),
        pytest.param(audited(cast(Any, None)), id="finding of nothing"),
        pytest.param(audited(cast(Any, "x")), id="finding of text"),
        pytest.param(audited({}), id="empty finding"),
        pytest.param(audited(cast(Any, {1: 2})), id="finding with a number for a key"),
        pytest.param(audited({**ERROR, "led": "x"}), id="key that a sentence needs for itself"),
        *(pytest.param(audited(without(ERROR, name)), id=f"finding without {name}") for name in ("id", "subject", "expected", "actual", "event", "remedy")),
        pytest.param(audited(without(ERROR, "severity")), id="finding without severity"),
        pytest.param(audited(WARNING, without(ERROR, "subject")), id="second finding"),
    ],
)
@pytest.mark.parametrize("fail_on", ["never", "error", "warning"])
def test_what_is_no_audit_is_refused_in_one_sentence(audit: Json, fail_on: str) -> None:
    with pytest.raises(SstpError) as caught:
        run(audit, fail_on=fail_on)
    assert str(caught.value) == NO_AUDIT
