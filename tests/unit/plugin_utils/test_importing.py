# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an import puts where, and what takes it out again."""

from __future__ import annotations

import dataclasses

import corpus
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.changes import DeleteCertificate, ImportCertificate, ImportPfx
from ansible_collections.rras.sstp.plugins.plugin_utils.importing import ImportOptions, chain_result, import_changes, imports_key, taken_back, with_imports
from ansible_collections.rras.sstp.plugins.plugin_utils.state import HostState, PrivateKey, StoredCertificate
from ansible_collections.rras.sstp.plugins.plugin_utils.x509 import Candidate
from host_factory import healthy, with_certificates

LEAF, LOWER, UPPER, ROOT = (made.certificate for made in (corpus.LEAF, corpus.LOWER, corpus.UPPER, corpus.ROOT))
WHOLE = Candidate(LEAF, (LOWER, UPPER), corpus.LEAF.key, ROOT)
GOOD = PrivateKey("{ab}", "provider", 24, 0x20, 1, 0, True)


def host(*authorities: StoredCertificate, key: PrivateKey | None = GOOD, there: bool = True) -> HostState:
    state = with_certificates(healthy(), *([StoredCertificate(LEAF, "MY", None, key)] if there else []))
    return dataclasses.replace(state, authorities=authorities)


def kept(certificate, store: str = "CA") -> StoredCertificate:
    return StoredCertificate(certificate, store, None, None)


def placed(changes) -> list[tuple[str, str]]:
    return [(change.thumbprint, change.store) for change in changes]


ISSUERS = [(LOWER.thumbprint, "CA"), (UPPER.thumbprint, "CA")]
OWN = (LEAF.thumbprint, "MY")


def test_issuers_go_into_ca_and_come_first():
    changes = import_changes(host(there=False), WHOLE, ImportOptions())
    assert placed(changes) == [*ISSUERS, OWN]
    assert imports_key(changes)


def test_a_root_goes_into_root_only_when_asked():
    changes = import_changes(host(there=False), WHOLE, ImportOptions(trust_root=True))
    assert placed(changes) == [*ISSUERS, (ROOT.thumbprint, "ROOT"), OWN]


def test_what_is_there_is_not_imported_again():
    there = host(kept(LOWER), kept(UPPER), kept(ROOT, "ROOT"))
    assert import_changes(there, WHOLE, ImportOptions(trust_root=True)) == []


def test_an_issuer_in_the_wrong_store_is_not_there():
    assert placed(import_changes(host(kept(LOWER, "ROOT"), kept(UPPER)), WHOLE, ImportOptions())) == ISSUERS[:1]


@pytest.mark.parametrize("key", [None, dataclasses.replace(GOOD, acquire_code=-2146893802), dataclasses.replace(GOOD, flags=0)])
def test_a_key_that_is_not_usable_is_repaired(key: PrivateKey | None):
    changes = import_changes(host(kept(LOWER), kept(UPPER), key=key), WHOLE, ImportOptions(True, "VPN", "cng"))
    assert changes == [ImportPfx(LEAF.thumbprint, exportable=True, friendly_name="VPN", replace=True, key_provider="cng")]


def test_issuers_are_imported_without_a_key_as_well():
    candidate = dataclasses.replace(WHOLE, key=None)
    changes = import_changes(host(), candidate, ImportOptions())
    assert placed(changes) == ISSUERS
    assert not imports_key(changes)


def test_a_self_signed_certificate_has_no_issuers():
    own = corpus.make("self.example.com").certificate
    candidate = Candidate(own, (), None, own)
    assert import_changes(host(), candidate, ImportOptions(trust_root=True)) == []
    assert chain_result(host(), host(), candidate) == []


def test_all_that_was_imported_is_taken_out_again_in_the_other_order():
    changes = import_changes(host(there=False), WHOLE, ImportOptions(trust_root=True))
    assert taken_back(changes) == [
        DeleteCertificate(LEAF.thumbprint),
        DeleteCertificate(ROOT.thumbprint, "ROOT", with_key=False),
        DeleteCertificate(UPPER.thumbprint, "CA", with_key=False),
        DeleteCertificate(LOWER.thumbprint, "CA", with_key=False),
    ]


def test_what_will_be_there_is_predicted():
    before = host(kept(UPPER), there=False)
    after = with_imports(before, WHOLE, import_changes(before, WHOLE, ImportOptions()), "VPN")
    found = after.certificate(LEAF.thumbprint)
    assert found is not None
    assert found.key is not None
    assert (found.friendly_name, found.key.usable) == ("VPN", None)
    assert import_changes(after, dataclasses.replace(WHOLE, key=None), ImportOptions()) == []
    told = {one["thumbprint"]: one["state"] for one in chain_result(before, after, WHOLE)}
    assert told == {LOWER.thumbprint: "imported", UPPER.thumbprint: "present", ROOT.thumbprint: "absent"}
    assert with_imports(before, WHOLE, [ImportCertificate(LOWER.thumbprint, "CA", LOWER.der)], None).certificate(LEAF.thumbprint) is None
