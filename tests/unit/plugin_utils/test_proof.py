# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a look from outside proves, and what it blames on a change."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.proof import NOTHING_KNOWN, Evidence, proof, worse, wrong
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.client import Depth
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.events import Stage
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.verdict import Code, Verdict
from ansible_collections.rras.sstp.plugins.plugin_utils.wire import Sight

V4, V6 = "192.0.2.7:443", "[2001:db8::7]:443"
OURS, OTHER = "A" * 64, "B" * 64
LAST = {Depth.TLS: Stage.TLS, Depth.HTTP: Stage.HTTP, Depth.SSTP: Stage.SSTP, Depth.LOGIN: Stage.NETWORK}
STAGE = {
    Code.UNREACHABLE: Stage.CONNECT, Code.REFUSED: Stage.CONNECT, Code.TIMED_OUT: Stage.CONNECT, Code.PROXY_REFUSED: Stage.PROXY,
    Code.RESET_IN_TLS: Stage.TLS, Code.TLS_FAILED: Stage.TLS, Code.WRONG_CERTIFICATE: Stage.TLS,
    Code.WRONG_NAME: Stage.TLS, Code.EXPIRED: Stage.TLS, Code.NOT_YET_VALID: Stage.TLS, Code.WRONG_USAGE: Stage.TLS, Code.UNTRUSTED_CHAIN: Stage.TLS,
    Code.UNJUDGED_CHAIN: Stage.TLS,
    Code.NOT_SSTP: Stage.HTTP, Code.SSTP_STOPPED: Stage.HTTP, Code.NO_PORTS: Stage.HTTP, Code.HASH_PROTOCOL_NOT_ALLOWED: Stage.SSTP,
    Code.EAP_ONLY: Stage.LOGIN, Code.AUTHENTICATION_FAILED: Stage.LOGIN, Code.CRYPTO_BINDING_REFUSED: Stage.NETWORK,
    Code.ABORTED: Stage.NETWORK, Code.CLOSED: Stage.HTTP, Code.PROTOCOL_ERROR: Stage.SSTP,
}  # fmt: skip
FAULTS = (Code.WRONG_NAME, Code.EXPIRED, Code.NOT_YET_VALID, Code.WRONG_USAGE, Code.UNTRUSTED_CHAIN, Code.UNJUDGED_CHAIN)
ALWAYS = {Code.RESET_IN_TLS, Code.WRONG_CERTIFICATE, Code.HASH_PROTOCOL_NOT_ALLOWED, Code.CRYPTO_BINDING_REFUSED}
# ABORTED stands at the stage network here.
IF_NEW = {Code.TLS_FAILED, Code.WRONG_NAME, Code.WRONG_USAGE, Code.UNTRUSTED_CHAIN, Code.NOT_SSTP, Code.REFUSED, Code.ABORTED}


def well(depth: Depth = Depth.LOGIN, endpoint: str = V4, sha256: str = OURS) -> Sight:
    binding = "accepted" if depth is Depth.LOGIN else "not exercised"
    return Sight(endpoint, depth, Verdict(Code.OK, LAST[depth], "All is well."), "A" * 40, sha256, (), binding)


def verdict(code: Code) -> Verdict:
    return Verdict(code, STAGE[code], f"It is {code.value}.")


def met(code: Code, depth: Depth = Depth.LOGIN, endpoint: str = V4) -> Sight:
    """A probe that ended so. Faults of a certificate do not end it, as the certificate is pinned."""
    if code in FAULTS:
        return replace(well(depth, endpoint), faults=(verdict(code),))
    shown = None if STAGE[code] in (Stage.CONNECT, Stage.PROXY) or code in (Code.RESET_IN_TLS, Code.TLS_FAILED) else OURS
    return replace(well(depth, endpoint), verdict=verdict(code), sha256=shown, crypto_binding="not exercised")


def codes(verdicts) -> set[Code]:
    return {found.code for found in verdicts}


# --- blame ---


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.OK])
def test_what_was_right_before_is_blamed_on_the_change(code):
    blamed = {code} & (ALWAYS | IF_NEW)
    assert codes(worse([met(code)], [well()])) == codes(wrong([met(code)], [well()])) == blamed


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.OK])
def test_what_was_so_before_is_no_reason_to_go_back(code):
    assert worse([met(code)], [met(code)]) == ()
    assert codes(wrong([met(code)], [met(code)])) == {code} & (ALWAYS - {Code.WRONG_CERTIFICATE})


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.OK])
def test_nobody_has_looked_before(code):
    assert worse([met(code)], None) == ()
    assert codes(wrong([met(code)])) == {code} & ALWAYS


def test_a_stage_that_was_not_reached_before_says_nothing():
    for earlier in (Code.UNREACHABLE, Code.RESET_IN_TLS, Code.SSTP_STOPPED, Code.EAP_ONLY):
        assert worse([met(Code.CRYPTO_BINDING_REFUSED)], [met(earlier)]) == ()
    assert worse([met(Code.UNTRUSTED_CHAIN)], [met(Code.REFUSED)]) == ()


def test_a_stage_beyond_the_depth_of_before_says_nothing():
    assert worse([met(Code.CRYPTO_BINDING_REFUSED)], [well(Depth.SSTP)]) == ()
    assert codes(worse([met(Code.HASH_PROTOCOL_NOT_ALLOWED)], [well(Depth.SSTP)])) == {Code.HASH_PROTOCOL_NOT_ALLOWED}


def test_a_fault_of_the_certificate_counts_although_the_probe_ended_later_before():
    assert codes(worse([met(Code.WRONG_NAME)], [met(Code.AUTHENTICATION_FAILED)])) == {Code.WRONG_NAME}


@pytest.mark.parametrize("old", [Code.EXPIRED, Code.NOT_YET_VALID, Code.WRONG_USAGE])
def test_behind_a_certificate_that_all_refused_nothing_was_right(old):
    for new in (Code.UNTRUSTED_CHAIN, Code.WRONG_NAME, Code.NOT_SSTP):
        assert worse([met(new)], [met(old)]) == ()
    assert codes(worse([met(Code.REFUSED)], [met(old)])) == {Code.REFUSED}


@pytest.mark.parametrize("code", [Code.ABORTED, Code.CLOSED, Code.TIMED_OUT, Code.PROTOCOL_ERROR])
def test_a_call_that_ends_after_the_binding_where_it_went_on_before(code):
    end = replace(well(), verdict=Verdict(code, Stage.NETWORK, "It ends."), crypto_binding="not exercised")
    assert codes(worse([end], [well()])) == {code}
    assert worse([end], [met(Code.EAP_ONLY)]) == worse([replace(end, verdict=Verdict(code, Stage.LOGIN, "It ends."))], [well()]) == ()


def test_the_hash_is_one_for_all_addresses():
    before = [well(Depth.SSTP), well(endpoint=V6)]
    assert codes(worse([met(Code.CRYPTO_BINDING_REFUSED), met(Code.TIMED_OUT, endpoint=V6)], before)) == {Code.CRYPTO_BINDING_REFUSED}


def test_one_fault_is_old_and_another_new():
    after = replace(well(), faults=(verdict(Code.UNTRUSTED_CHAIN), verdict(Code.WRONG_NAME)))
    assert codes(worse([after], [met(Code.UNTRUSTED_CHAIN)])) == {Code.WRONG_NAME}


def test_each_address_is_held_against_itself():
    before = [well(), met(Code.UNREACHABLE, endpoint=V6)]
    after = [well(), met(Code.RESET_IN_TLS, endpoint=V6)]
    assert worse(after, before) == ()
    assert codes(worse([met(Code.RESET_IN_TLS), well(endpoint=V6)], before)) == {Code.RESET_IN_TLS}


def test_the_same_fault_at_both_addresses_is_told_once():
    assert len(worse([met(Code.WRONG_NAME), met(Code.WRONG_NAME, endpoint=V6)], [well(), well(endpoint=V6)])) == 1


# --- proof ---

KNOWN = Evidence(OURS, ())


def event(number: int, level: int) -> dict[str, int]:
    return {"id": number, "level": level}


def test_a_login_proves_it_whatever_else_is_known():
    assert proof([well()], NOTHING_KNOWN).by == "login"
    assert proof([well(), well(Depth.SSTP, V6)], KNOWN).by == "login"


@pytest.mark.parametrize(
    ("sight", "words"),
    [
        (met(Code.EAP_ONLY), "The crypto binding was not exercised: It is eap_only."),
        (met(Code.AUTHENTICATION_FAILED), "The crypto binding was not exercised: It is authentication_failed."),
        (well(Depth.SSTP), "The crypto binding was not exercised, as no login was asked for."),
    ],
)
def test_without_a_login_both_hashes_and_the_log_prove_it(sight, words):
    found = proof([sight], KNOWN)
    assert found.by == "certificate"
    assert found.sentence.startswith(words)
    assert proof([sight], Evidence(OURS, (event(5, 4),))).by == "certificate"


def test_a_login_that_was_refused_before_says_why_there_was_none():
    found = proof([well(Depth.SSTP)], KNOWN, [met(Code.AUTHENTICATION_FAILED)])
    assert found.sentence.startswith("The crypto binding was not exercised: It is authentication_failed.")


@pytest.mark.parametrize(
    ("sights", "evidence", "words"),
    [
        ([met(Code.EAP_ONLY)], NOTHING_KNOWN, "What SstpSvc holds is not known"),
        ([met(Code.EAP_ONLY)], Evidence(OTHER, ()), f"At {V4} clients are shown {OURS}, while SstpSvc holds the SHA-256 {OTHER}"),
        ([met(Code.EAP_ONLY)], Evidence(OURS, None), "is not known"),
        ([met(Code.EAP_ONLY)], Evidence(OURS, (event(18, 2), event(7, 3), event(5, 4))), "since the start: event 18, 7."),
        ([well(Depth.SSTP), well(Depth.SSTP, V6, OTHER)], KNOWN, f"At {V6} clients are shown {OTHER}"),
        ([met(Code.SSTP_STOPPED)], KNOWN, "It is sstp_stopped."),
        ([met(Code.ABORTED)], KNOWN, "It is aborted."),
        ([met(Code.UNREACHABLE), met(Code.TIMED_OUT, endpoint=V6)], KNOWN, "Not reachable from the controller: It is unreachable. It is timed_out."),
    ],
)
def test_what_is_missing_is_said(sights, evidence, words):
    found = proof(sights, evidence)
    assert found.by == "nothing"
    assert words in found.sentence


def test_an_address_that_the_controller_cannot_reach_takes_nothing_away():
    assert proof([well(Depth.SSTP), met(Code.UNREACHABLE, endpoint=V6)], KNOWN).by == "certificate"


def test_what_is_blamed_goes_before_every_proof():
    found = proof([met(Code.WRONG_NAME)], KNOWN, [well()])
    assert (found.by, found.sentence) == ("nothing", "It is wrong_name.")
