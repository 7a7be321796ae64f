# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What uses a certificate or its private key, and what is not removed for that."""

from __future__ import annotations

import dataclasses

import certificate_factory
import pytest
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.inputs import Endpoint
from ansible_collections.rras.sstp.plugins.plugin_utils.names import KEPT_CONTAINERS
from ansible_collections.rras.sstp.plugins.plugin_utils.places import PLACES
from ansible_collections.rras.sstp.plugins.plugin_utils.state import HostState, KeyContainer, KeyReference, Keys, Mention, RemoteAccess
from ansible_collections.rras.sstp.plugins.plugin_utils.users import container_of, orphans, require_orphan, require_unused, unlisted, unread_users, users_of
from host_factory import IIS_APP_ID, V4, V6, good_key, healthy, record, stored, with_certificates, with_more_records, with_records, with_sha256

OLD, NEW, OTHER = certificate_factory.old(), certificate_factory.new(), certificate_factory.other()
CSP, KSP = "Microsoft Enhanced Cryptographic Provider v1.0", "Microsoft Software Key Storage Provider"
DENIED = {"function": "RegOpenKeyEx", "code": 5, "message": "Access is denied."}
NO_CNG = {"function": "NCryptOpenStorageProvider", "code": -2146893776, "message": "The provider is not there."}
NO_STORE = {"function": "CertOpenStore", "code": 5, "message": "Access is denied."}


def with_keys(*references: KeyReference, containers: tuple[KeyContainer, ...] = (), **fields: object) -> HostState:
    return dataclasses.replace(healthy(), keys=Keys(references, containers, **fields))


def with_mentions(*mentions: Mention) -> HostState:
    return dataclasses.replace(healthy(), mentions=mentions)


def place_of(owner: str) -> int:
    return next(number for number, place in enumerate(PLACES) if place.owner == owner)


def test_the_bound_certificate_is_used_three_times():
    assert users_of(healthy(), OLD.thumbprint) == [
        "the HTTP.SYS record of 0.0.0.0:443 (SSTP)",
        "the HTTP.SYS record of [::]:443 (SSTP)",
        "the SHA-256 hash of SstpSvc",
    ]


def test_a_certificate_that_only_lies_there_is_not_used():
    assert users_of(healthy(), NEW.thumbprint) == []


def test_a_record_of_another_port_uses_it():
    state = with_more_records(healthy(), record(Endpoint("ip", "0.0.0.0", 8443), NEW.thumbprint, app_id=IIS_APP_ID))
    assert users_of(state, NEW.thumbprint) == ["the HTTP.SYS record of 0.0.0.0:8443 (IIS)"]


def test_a_record_without_a_store_uses_that_of_my():
    state = with_records(healthy(), record(V4, NEW.thumbprint, certificate_store_name=None))
    assert users_of(state, NEW.thumbprint) == ["the HTTP.SYS record of 0.0.0.0:443 (SSTP)"]


def test_a_record_of_another_store_uses_the_certificate_of_that_store():
    state = with_records(healthy(), record(V4, NEW.thumbprint, certificate_store_name="WebHosting"))
    assert users_of(state, NEW.thumbprint) == []
    assert users_of(state, NEW.thumbprint, "WEBHOSTING") == ["the HTTP.SYS record of 0.0.0.0:443 (SSTP)"]


def test_the_hash_alone_uses_it():
    state = with_records(healthy(), record(V4, NEW.thumbprint), record(V6, NEW.thumbprint))
    assert users_of(state, OLD.thumbprint) == ["the SHA-256 hash of SstpSvc"]


def test_a_certificate_with_the_same_key_uses_it():
    certificates = (stored(NEW, key=good_key(NEW)), stored(OTHER, key=good_key(NEW)))
    state = with_certificates(with_sha256(healthy(), OLD.sha256), *certificates)
    assert users_of(state, NEW.thumbprint) == [f"the certificate {OTHER.thumbprint}, which has the same private key"]


def test_the_same_certificate_in_another_store_uses_the_key():
    state = with_certificates(healthy(), stored(NEW, key=good_key(NEW)), stored(NEW, "WEBHOSTING", good_key(NEW)))
    assert users_of(state, NEW.thumbprint) == [f"the certificate {NEW.thumbprint} of LocalMachine\\WEBHOSTING, which has the same private key"]


def test_a_key_of_the_same_name_in_hardware_is_another_key():
    certificates = (stored(NEW, key=good_key(NEW)), stored(OTHER, key=good_key(NEW, provider="Microsoft Platform Crypto Provider")))
    assert users_of(with_certificates(healthy(), *certificates), NEW.thumbprint) == []


def test_keys_without_a_known_container_are_not_the_same():
    key = {"container": None, "provider": None}
    certificates = (stored(NEW, key=good_key(NEW, **key)), stored(OTHER, key=good_key(OTHER, **key)))
    assert users_of(with_certificates(healthy(), *certificates), NEW.thumbprint) == []


def test_names_of_containers_are_not_case_sensitive():
    certificates = (stored(NEW, key=good_key(NEW, container="{ab}")), stored(OTHER, key=good_key(OTHER, container="{AB}")))
    assert users_of(with_certificates(healthy(), *certificates), NEW.thumbprint) == [f"the certificate {OTHER.thumbprint}, which has the same private key"]


def test_a_certificate_in_use_is_not_removed():
    with pytest.raises(SstpError, match=f"{OLD.thumbprint} was not removed, because it is still used: the HTTP.SYS record of") as caught:
        require_unused(healthy(), OLD.thumbprint, None)
    assert len(caught.value.facts["used_by"]) == 3


def test_a_certificate_that_nothing_uses_is_removed():
    require_unused(healthy(), NEW.thumbprint, None)


def test_check_mode_takes_the_switch_to_the_successor_for_done():
    require_unused(healthy(), OLD.thumbprint, NEW.thumbprint)


def test_check_mode_still_sees_other_users():
    state = with_more_records(healthy(), record(Endpoint("ip", "0.0.0.0", 8443), OLD.thumbprint))
    with pytest.raises(SstpError, match=r"still used: the HTTP.SYS record of 0\.0\.0\.0:8443 \(SSTP\)\.$"):
        require_unused(state, OLD.thumbprint, NEW.thumbprint)


def test_a_certificate_is_not_its_own_successor():
    with pytest.raises(SstpError, match="still used"):
        require_unused(healthy(), OLD.thumbprint, OLD.thumbprint)


def test_ikev2_uses_it():
    state = dataclasses.replace(healthy(), remote_access=RemoteAccess(True, advertised=NEW.certificate))
    assert users_of(state, NEW.thumbprint) == ["IKEv2, as the certificate of RRAS (Get-VpnAuthProtocol)"]


@pytest.mark.parametrize(
    ("owner", "where", "said"),
    [
        ("WinRM", r"Listener\*+HTTPS\certThumbprint", r"WinRM (HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WSMAN\Listener\*+HTTPS\certThumbprint)"),
        ("IIS", None, r"IIS (%windir%\System32\inetsrv\config\applicationHost.config)"),
    ],
)
def test_a_setting_of_another_program_uses_it(owner: str, where: str | None, said: str):
    state = with_mentions(Mention(place_of(owner), where, NEW.thumbprint))
    assert users_of(state, NEW.thumbprint) == [said]
    assert users_of(state, OTHER.thumbprint) == []
    with pytest.raises(SstpError, match="still used"):
        require_unused(state, NEW.thumbprint, None)


def test_a_place_that_cannot_be_read_is_told_and_stands_in_no_way():
    state = with_mentions(Mention(place_of("NPS"), None, None, DENIED))
    require_unused(state, NEW.thumbprint, None)
    (sentence,) = unread_users(state)
    assert sentence.startswith(r"What NPS uses could not be read (%windir%\System32\ias\ias.xml): access is denied")


def test_a_certificate_of_a_service_shares_the_key():
    key = stored(NEW).key or good_key(NEW)
    state = with_keys(KeyReference(r"NTDS\MY", OTHER.thumbprint, key.container, key.provider), KeyReference("MY", NEW.thumbprint, key.container, key.provider))
    state = with_certificates(state, stored(NEW, key=key))
    assert users_of(state, NEW.thumbprint) == [rf"the certificate {OTHER.thumbprint} of LocalMachine\NTDS\MY, which has the same private key"]


def test_the_provider_of_a_key_in_software_does_not_count():
    key = good_key(NEW)
    state = with_certificates(with_keys(KeyReference("WEBHOSTING", OTHER.thumbprint, (key.container or "").upper(), KSP)), stored(NEW, key=key))
    assert len(users_of(state, NEW.thumbprint)) == 1


# --- key containers ---


def test_orphans_are_the_containers_that_no_certificate_names():
    containers = (KeyContainer("{ab}", CSP, 24), KeyContainer("iisWasKey", CSP, 24), KeyContainer("Left", CSP, 24), KeyContainer("left", KSP, 0))
    state = with_keys(KeyReference("MY", NEW.thumbprint, "{AB}", CSP), KeyReference("MY", OLD.thumbprint, None, None), containers=containers)
    assert orphans(state) == [KeyContainer("Left", CSP, 24)]
    assert orphans(healthy()) == []
    assert container_of(state, "LEFT") == KeyContainer("Left", CSP, 24)
    assert container_of(state, "none") is None


@pytest.mark.parametrize("name", ["iisConfigurationKey", *KEPT_CONTAINERS])
def test_a_container_that_a_program_lives_by_is_kept(name: str):
    with pytest.raises(SstpError, match="keeps a key of its own there"):
        require_orphan(with_keys(containers=(KeyContainer(name, CSP, 24),)), name)


def test_a_container_that_a_certificate_names_is_kept():
    with pytest.raises(SstpError, match=rf"the private key of {NEW.thumbprint} of LocalMachine\\WEBHOSTING is in it"):
        require_orphan(with_keys(KeyReference("WEBHOSTING", NEW.thumbprint, "{AB}", CSP)), "{ab}")


def test_a_container_is_kept_where_a_store_could_not_be_read():
    with pytest.raises(SstpError, match=r"not every store could be read \(access is denied"):
        require_orphan(with_keys(errors=(NO_CNG, NO_STORE)), "{ab}")


def test_a_list_of_containers_that_is_not_whole_is_told():
    state = with_keys(errors=(NO_CNG,), truncated=True)
    require_orphan(state, "{ab}")
    assert unread_users(state) == []
    assert [sentence[:40] for sentence in unlisted(state)] == ["Not all key containers could be listed: ", "There are more key containers than were "]
