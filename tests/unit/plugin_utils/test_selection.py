# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which certificate of the store the names mean, and why not the others."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.selection import select, successor
from certificate_factory import CLIENT_AUTHENTICATION, EXPIRES, ISSUED, NOW, issue
from host_factory import good_key, healthy, stored

DAY = dt.timedelta(days=1)
NAMES = ("vpn.example.com",)
OLDER = issue(not_before=ISSUED)
NEWER = issue(not_before=ISSUED + DAY, names=("*.example.com",))
OTHER = issue("other.example.com", not_before=ISSUED + 2 * DAY)
CLIENT = issue(eku=(CLIENT_AUTHENTICATION,), not_before=ISSUED + 3 * DAY)
EXPIRED = issue(not_before=ISSUED + 4 * DAY, not_after=NOW - DAY)
FUTURE = issue(not_before=NOW + DAY, not_after=EXPIRES)
KEYLESS = issue(not_before=ISSUED + 5 * DAY)
OF_A_USER = issue(not_before=ISSUED + 6 * DAY)


def host(*certificates):
    return dataclasses.replace(healthy(), certificates=certificates)


def with_key(issued, **key):
    return stored(issued, key=dataclasses.replace(good_key(issued), **key))


ALL = host(
    *(with_key(issued) for issued in (OLDER, NEWER, OTHER, CLIENT, EXPIRED, FUTURE)),
    dataclasses.replace(with_key(KEYLESS), key=None),
    with_key(OF_A_USER, flags=0),
)


def test_the_newest_fit_one_is_chosen():
    assert select(ALL, NAMES, {}).chosen.thumbprint == NEWER.thumbprint


def test_each_other_one_is_told_with_the_reason():
    told = {one.stored.thumbprint: (one.rules, " and ".join(one.reasons)) for one in select(ALL, NAMES, {}).passed_over}
    assert {thumbprint: rules for thumbprint, (rules, _reasons) in told.items()} == {
        OLDER.thumbprint: (),
        OTHER.thumbprint: ("name_missing",),
        CLIENT.thumbprint: ("eku_unfit",),
        EXPIRED.thumbprint: ("certificate_expired",),
        FUTURE.thumbprint: ("certificate_not_yet_valid",),
        KEYLESS.thumbprint: ("key_absent",),
        OF_A_USER.thumbprint: ("key_unusable",),
    }
    assert told[OLDER.thumbprint][1] == f"is older than {NEWER.thumbprint}"
    assert "key of a user" in told[OF_A_USER.thumbprint][1]


def test_a_key_that_was_not_tried_may_be_chosen():
    """One in hardware: it is named by this, and proven then."""
    assert select(host(with_key(OLDER, acquire_code=None, proven=None)), NAMES, {}).chosen.thumbprint == OLDER.thumbprint


def test_one_of_another_store_is_not_chosen():
    state = host(dataclasses.replace(with_key(NEWER), store="WEBHOSTING"), with_key(OLDER))
    assert select(state, NAMES, {}).chosen.thumbprint == OLDER.thumbprint


def test_all_the_names_must_be_covered():
    assert select(ALL, ("vpn.example.com", "b.example.com"), {}).chosen.thumbprint == NEWER.thumbprint
    with pytest.raises(SstpError, match="is fit and covers vpn.example.com, other.example.org"):
        select(ALL, ("vpn.example.com", "other.example.org"), {})


def test_severities_count():
    assert select(ALL, NAMES, {"eku_unfit": "warning"}).chosen.thumbprint == CLIENT.thumbprint


def test_where_none_is_fit_each_is_told():
    with pytest.raises(SstpError) as caught:
        select(host(with_key(OTHER), with_key(EXPIRED)), NAMES, {})
    assert str(caught.value).startswith("No certificate in LocalMachine\\MY on this host is fit and covers vpn.example.com: ")
    assert f"{EXPIRED.thumbprint} (CN=vpn.example.com) has expired on" in str(caught.value)
    assert [one["rules"] for one in caught.value.facts["passed_over"]] == [["certificate_expired"], ["name_missing"]]


def test_an_empty_store_is_told():
    with pytest.raises(SstpError, match="There is no certificate in LocalMachine.MY on this host, so none that covers vpn.example.com; import one"):
        select(host(), NAMES, {})


def test_of_many_the_first_are_told():
    with pytest.raises(SstpError, match="; and 2 more"):
        select(host(*(with_key(issue("other.example.com", not_before=ISSUED + n * DAY)) for n in range(12))), NAMES, {})


# --- what follows a certificate ---

BOUND = issue(names=("vpn.example.com", "b.example.com"), not_before=ISSUED, not_after=NOW + 30 * DAY)


def following(**more):
    """One that covers the same names and is good for longer, but for what is told."""
    return issue(**{"names": ("vpn.example.com", "b.example.com"), "not_before": ISSUED + DAY, "not_after": NOW + 90 * DAY, **more})


def successor_in(*certificates, severities=None):
    found = successor(host(with_key(BOUND), *certificates), BOUND.certificate, severities or {})
    return found and found.thumbprint


def test_the_newest_that_is_good_for_longer_follows():
    first, second = following(), following(not_before=ISSUED + 2 * DAY, not_after=NOW + 60 * DAY)
    assert successor_in(with_key(first), with_key(second)) == second.thumbprint
    assert successor_in(with_key(second), with_key(first)) == second.thumbprint


def test_nothing_follows_where_there_is_nothing_else():
    assert successor_in() is None


def test_one_that_covers_more_names_follows():
    assert successor_in(with_key(more := following(names=("c.example.com", "*.example.com")))) == more.thumbprint


KEYLESS_ONE = dataclasses.replace(with_key(following()), key=None)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(with_key(following(not_after=NOW + 30 * DAY)), id="good for as long"),
        pytest.param(with_key(following(not_after=NOW + 29 * DAY)), id="good for less long"),
        pytest.param(with_key(following(names=("other.example.com",))), id="other names"),
        pytest.param(with_key(following(names=("vpn.example.com",))), id="one of the names alone"),
        pytest.param(with_key(following(eku=(CLIENT_AUTHENTICATION,))), id="not for servers"),
        pytest.param(with_key(following(not_before=NOW + DAY)), id="not yet valid"),
        pytest.param(KEYLESS_ONE, id="no key"),
        pytest.param(with_key(following(), proven=False), id="key of another certificate"),
        pytest.param(with_key(following(), flags=0), id="key of a user"),
        pytest.param(dataclasses.replace(with_key(following()), store="WEBHOSTING"), id="in another store"),
    ],
)
def test_one_that_does_not_follow_is_passed_over(other):
    assert successor_in(other) is None
    older = following(not_before=ISSUED + dt.timedelta(hours=1))
    assert successor_in(other, with_key(older)) == older.thumbprint


def test_one_that_has_expired_is_not_followed_by_another_that_has():
    old, other = issue(not_after=NOW - 2 * DAY), issue(not_after=NOW - DAY)
    assert successor(host(with_key(old), with_key(other)), old.certificate, {}) is None


def test_severities_count_for_what_follows():
    unfit = following(eku=(CLIENT_AUTHENTICATION,))
    assert successor_in(with_key(unfit), severities={"eku_unfit": "warning"}) == unfit.thumbprint
