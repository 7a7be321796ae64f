# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words of the scenarios about certificates, keys, authorities, and the other programs of a server that name a certificate."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import AuthorityInformationAccessOID
from lab import judge, scenario
from lab.pki import Authority, Issued
from lab.scenario import Scenario, ScenarioError, load
from lab.settings import IIS_FILE, MANAGEMENT, NPS_FILE, PROGRAMS, RDP, WINRM
from lab.sim.host import SimHost
from lab.sim.store import KSP

AUTHORITY = Authority()
LEAST = {"title": "x", "source": ["domain 7"], "findings": [], "rotate": "working"}
SIM = {"only": {"sim": "x"}}


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def read(**words: Any) -> Scenario:
        path = tmp_path / "words.yml"
        path.write_text(yaml.safe_dump({**LEAST, **words}))
        return load(path)

    return read


def applied(wanted: Scenario) -> tuple[SimHost, dict[str, Issued]]:
    """A simulated host in the state of the scenario, which is what its words say."""
    host = SimHost("vpn01", **wanted.host_options("sim"))
    issued = scenario.apply(wanted, host, AUTHORITY)
    assert scenario.differences(wanted.state, host.state(), scenario.hashes_of(issued, AUTHORITY)) == []
    return host, issued


def new(read: Any, **words: Any) -> x509.Certificate:
    return scenario.issue(read(certificates={"new": words}), AUTHORITY)["new"].certificate


def extension(certificate: x509.Certificate, kind: Any) -> Any:
    try:
        return certificate.extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None


def usage(certificate: x509.Certificate) -> set[str]:
    found = extension(certificate, x509.KeyUsage)
    names = ("digital_signature", "key_encipherment", "key_agreement", "key_cert_sign", "data_encipherment")
    return {name for name in names if getattr(found.value, name)} if found else set()


# --- certificates -----------------------------------------------------------------------------------------------------


def test_nothing_is_to_be_said_of_a_usual_certificate(read: Any) -> None:
    certificate = new(read)
    assert usage(certificate) == {"digital_signature", "key_encipherment"}
    assert extension(certificate, x509.KeyUsage).critical
    assert extension(certificate, x509.BasicConstraints).value.ca is False
    (point,) = extension(certificate, x509.CRLDistributionPoints).value
    assert [name.value for name in point.full_name] == ["http://crl.example.com/lab.crl"]
    assert certificate.issuer == AUTHORITY.intermediate.subject


def test_of_a_certificate_only_what_is_said_is_different(read: Any) -> None:
    plain = {type(item.value) for item in new(read).extensions}
    assert {type(item.value) for item in new(read, crl=[]).extensions} == plain - {x509.CRLDistributionPoints}
    assert {type(item.value) for item in new(read, usage=[]).extensions} == plain - {x509.KeyUsage}
    assert {type(item.value) for item in new(read, ocsp=["http://ocsp.example.com"]).extensions} == plain | {x509.AuthorityInformationAccess}


@pytest.mark.parametrize(
    ("word", "size"), [("rsa", 2048), ("rsa1024", 1024), ("rsa3072", 3072), ("ecdsa", 256), ("ecdsa384", 384)],
)  # fmt: skip
def test_kinds_of_keys(read: Any, word: str, size: int) -> None:
    certificate = new(read, key=word)
    public = certificate.public_key()
    assert isinstance(public, RSAPublicKey) is word.startswith("rsa")
    assert public.key_size == size  # type: ignore[union-attr]
    assert ("key_encipherment" in usage(certificate)) is word.startswith("rsa")


def test_kinds_of_signatures(read: Any) -> None:
    public = AUTHORITY.intermediate.public_key()
    for word, name in (("sha256", "sha256"), ("sha1", "sha1"), ("pss", "sha256")):
        certificate = new(read, signature=word)
        assert certificate.signature_hash_algorithm is not None
        assert certificate.signature_hash_algorithm.name == name
        assert isinstance(certificate.signature_algorithm_parameters, PSS) is (word == "pss")
        public.verify(  # type: ignore[union-attr, call-arg]
            certificate.signature, certificate.tbs_certificate_bytes, certificate.signature_algorithm_parameters, certificate.signature_hash_algorithm,
        )  # type: ignore[arg-type]  # fmt: skip


def test_other_words_of_certificates(read: Any) -> None:
    assert usage(new(read, usage=["key_agreement", "data_encipherment"])) == {"key_agreement", "data_encipherment"}
    assert extension(new(read, ca=True), x509.BasicConstraints).value.ca is True
    (answer,) = extension(new(read, ocsp=["http://ocsp.example.com"]), x509.AuthorityInformationAccess).value
    assert (answer.access_method, answer.access_location.value) == (AuthorityInformationAccessOID.OCSP, "http://ocsp.example.com")


def test_an_issuer_that_the_server_does_not_know(read: Any) -> None:
    other = {"issuer": "other lab"}
    host, issued = applied(read(certificates={"old": other, "new": other}))
    assert issued["old"].certificate.issuer == issued["old"].chain[0].subject != AUTHORITY.intermediate.subject
    assert issued["old"].chain == issued["new"].chain
    stores = host.call({"operation": "observe", "facets": ["stores"], "thumbprints": [issued["old"].thumbprint]})["facts"]["stores"]
    assert (stores["CA"], stores["ROOT"]) == ([], [])


def test_one_that_signs_itself(read: Any) -> None:
    issued = scenario.issue(read(certificates={"old": {"issuer": "itself", "key": "ecdsa"}}), AUTHORITY)["old"]
    assert (issued.certificate.issuer, issued.chain) == (issued.certificate.subject, ())
    issued.certificate.verify_directly_issued_by(issued.certificate)


# --- stores -----------------------------------------------------------------------------------------------------------


def told(host: SimHost) -> dict[str, list[str]]:
    return {name: sorted(item["thumbprint"] for item in content) for name, content in host.state()["certificates"].items()}


def test_a_server_trusts_its_authority(read: Any) -> None:
    host, issued = applied(read())
    names = scenario.hashes_of(issued, AUTHORITY)
    assert told(host) == {"CA": [names["intermediate"][0]], "MY": [issued["old"].thumbprint], "ROOT": [names["root"][0]]}
    assert judge.working(host.state()) == []


def test_authorities_that_are_missing_or_in_the_wrong_store(read: Any) -> None:
    absent = read(stores={"CA": {"intermediate": "absent"}, "ROOT": {"root": "absent"}})
    assert {name for name, content in told(applied(absent)[0]).items() if content} == {"MY"}
    swapped = read(stores={"CA": {"intermediate": "absent", "root": "good"}, "ROOT": {"root": "absent", "intermediate": "good"}})
    host, issued = applied(swapped)
    names = scenario.hashes_of(issued, AUTHORITY)
    assert (told(host)["CA"], told(host)["ROOT"]) == ([names["root"][0]], [names["intermediate"][0]])


def test_the_end_is_compared_with_the_authorities_that_are_there(read: Any) -> None:
    wanted = read(stores={"CA": {"intermediate": "absent"}}, after={"stores": {"CA": {"intermediate": "good"}, "ROOT": {"root": "absent"}}})
    host, issued = applied(wanted)
    assert wanted.after is not None
    known = scenario.hashes_of(issued, AUTHORITY)
    assert scenario.differences(wanted.after, host.state(), known) == ["intermediate in CA is absent, not good", "root in ROOT is good, not absent"]


def test_any_certificate_may_be_an_authority(read: Any) -> None:
    host, issued = applied(read(stores={"ROOT": {"old": "good"}}, certificates={"old": {"issuer": "itself"}}))
    (found,) = (item for item in host.state()["certificates"]["ROOT"] if item["thumbprint"] == issued["old"].thumbprint)
    assert found["key"] is None


@pytest.mark.parametrize(("word", "exportable", "kind"), [("good", False, 24), ("exportable", True, 24), ("cng", False, 0)])
def test_how_a_key_is_kept(read: Any, word: str, exportable: bool, kind: int) -> None:
    host, issued = applied(read(stores={"MY": {"old": word}}, **SIM))
    (found,) = host.state()["certificates"]["MY"]
    assert (found["key"]["exportable"], found["key"]["type"], found["key"]["provider"] == KSP) == (exportable, kind, kind == 0)
    others = {"good", "exportable", "cng"} - {word} - ({"good"} if word == "cng" else set())
    known = scenario.hashes_of(issued, AUTHORITY)
    for other in others:
        assert scenario.differences(read(stores={"MY": {"old": other}}, **SIM).state, host.state(), known) == [f"old in MY is {_plain(word)}, not {other}"]


def _plain(word: str) -> str:
    return "good" if word == "cng" else word


@pytest.mark.parametrize("store", ["MY", "WebHosting"])
def test_two_certificates_with_one_container(read: Any, store: str) -> None:
    stores: dict[str, dict[str, str]] = {"MY": {"old": "good"}}
    stores.setdefault(store, {})["other"] = "shares the key of old"
    wanted = read(certificates={"other": {"same_key_as": "old"}}, stores=stores)
    host, _ = applied(wanted)
    state = host.state()
    assert len(state["containers"]) == 1
    assert {item["key"]["matches"] for content in state["certificates"].values() for item in content if item["key"]} == {True}
    assert judge.working(state) == []


def test_one_certificate_in_two_stores_with_one_container(read: Any) -> None:
    host, _ = applied(read(stores={"WebHosting": {"old": "shares the key of old"}}, records={"0.0.0.0": {"certificate": "old", "store": "WebHosting"}}))
    assert (len(host.state()["containers"]), judge.working(host.state())) == (1, [])


def test_containers_of_their_own_are_not_shared(read: Any) -> None:
    shared = read(certificates={"other": {"same_key_as": "old"}}, stores={"MY": {"other": "shares the key of old"}})
    own = read(certificates={"other": {"same_key_as": "old"}}, stores={"MY": {"other": "good"}})
    host, issued = applied(own)
    assert scenario.differences(shared.state, host.state(), scenario.hashes_of(issued, AUTHORITY)) == ["other in MY is good, not shares the key of old"]
    shared, own = (read(stores={"WebHosting": {"old": word}}) for word in ("shares the key of old", "good"))
    host, issued = applied(own)
    assert scenario.differences(shared.state, host.state(), scenario.hashes_of(issued, AUTHORITY)) == ["old in WebHosting is good, not shares the key of old"]


@pytest.mark.parametrize("stores", [{}, {"MY": {"new": "good"}}])
def test_key_containers_of_nobody(read: Any, stores: dict[str, Any]) -> None:
    host, issued = applied(read(stores=stores, orphans=2))
    left = scenario.orphans(host.state())
    assert (len(left), len(host.state()["containers"])) == (2, 3 + len(stores))
    host.machine.stores.containers.pop(left.pop())
    known = scenario.hashes_of(issued, AUTHORITY)
    assert scenario.differences(read(orphans=2).state, host.state(), known) == ["there are 1 key containers without a certificate, not 2"]
    assert scenario.differences(read(after={"orphans": 1}).after, host.state(), known) == []


def test_a_container_that_a_deleted_certificate_leaves_counts(read: Any) -> None:
    applied(read(stores={"MY": {"old": "absent"}}, orphans=1))
    with pytest.raises(ScenarioError, match="orphans must be 1 or more"):
        applied(read(stores={"MY": {"old": "absent"}}, orphans=0))


# --- other programs ---------------------------------------------------------------------------------------------------


def test_each_program_names_its_certificate_where_it_keeps_it(read: Any) -> None:
    host, issued = applied(read(settings=dict.fromkeys(PROGRAMS, "old")))
    old, agent, files = issued["old"], host.agent, host.machine.files
    raw = bytes.fromhex(old.thumbprint)
    registry = {path: host.machine.registry.key(path).values.values() for path in (WINRM, RDP, MANAGEMENT)}  # type: ignore[union-attr]
    assert [(item.name, item.kind, item.data) for values in registry.values() for item in values] == [
        ("certThumbprint", "string", old.thumbprint), ("SSLCertificateSHA1Hash", "binary", raw), ("SslCertificateHash", "binary", raw),
    ]  # fmt: skip
    assert f'serverCertHash="{old.thumbprint.upper()}"'.encode() in (files.read(IIS_FILE) or b"")
    assert old.thumbprint.encode() in (files.read(NPS_FILE) or b"")
    assert agent.value(r"SOFTWARE\lab\RemoteAccess", "Advertised") == old.der.hex()
    facts = host.call({"operation": "observe", "facets": ["mentions", "remote_access"], "places": [
        {"kind": "registry", "path": WINRM.rpartition("\\")[0]}, {"kind": "registry", "path": RDP}, {"kind": "registry", "path": MANAGEMENT},
        {"kind": "file", "path": IIS_FILE}, {"kind": "file", "path": NPS_FILE},
    ]})["facts"]  # fmt: skip
    assert [(item["place"], item["where"]) for item in facts["mentions"]] == [
        (0, r"*+HTTPS\certThumbprint"), (1, "SSLCertificateSHA1Hash"), (2, "SslCertificateHash"), (3, None), (4, None),
    ]  # fmt: skip
    assert facts["remote_access"]["advertised"] == base64.b64encode(old.der).decode()


def test_programs_that_are_not_said_name_nothing(read: Any) -> None:
    host, _ = applied(read(settings={"RDP": "old"}))
    assert [host.machine.registry.key(path) is None for path in (WINRM, RDP, MANAGEMENT)] == [True, False, True]
    assert (host.machine.files.read(IIS_FILE), host.machine.files.read(NPS_FILE)) == (None, None)


# --- wrong words ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"certificates": {"new": {"key": "rsa2000"}}}, "certificates.new.key must be rsa or rsa1024"),
        ({"certificates": {"new": {"signature": "md5"}}}, "certificates.new.signature must be sha256 or sha1 or pss, not 'md5'"),
        ({"certificates": {"new": {"usage": ["signature"]}}}, "certificates.new.usage must be digital_signature or"),
        ({"certificates": {"new": {"usage": "digital_signature"}}}, "certificates.new.usage must be a list"),
        ({"certificates": {"new": {"ca": "yes"}}}, "certificates.new.ca must be true or false, not 'yes'"),
        ({"certificates": {"new": {"ocsp": [1]}}}, "certificates.new.ocsp must be a list of texts"),
        ({"certificates": {"new": {"issuer": "lab2"}}}, "certificates.new.issuer must be lab or itself or other lab, not 'lab2'"),
        ({"certificates": {"new": {"issuer": "itself", "key": "ecdsa", "signature": "sha1"}}}, "certificates.new.signature cannot be sha1"),
        ({"certificates": {"root": {}}}, "no certificate can be called 'root'"),
        ({"certificates": {"exportable": {}}}, "no certificate can be called 'exportable'"),
        ({"stores": {"MY": {"old": "cng"}}}, "stores.MY.old cannot be cng on wine, which has no key storage provider; say only: {sim: reason}."),
        ({"stores": {"MY": {"old": "cng"}}, "only": {"wine": "x"}}, "stores.MY.old cannot be cng on wine"),
        ({"stores": {"MY": {"new": "shares the key of odl"}}}, "stores.MY.new shares the key of a certificate, which must be old or new, not 'odl'; did you"),
        ({"stores": {"MY": {"new": "shares the key of ..."}}}, "which must be old or new, not '...'"),
        ({"stores": {"MY": {"old": "shares the key of new"}}}, "stores.MY.old shares the key of new, and that one has no key in any store."),
        ({"stores": {"MY": {"old": "shares the key of old"}}}, "stores.MY.old shares the key of old, and that one has no key in any store."),
        ({"stores": {"ROOT": {"root": "no key"}}}, "stores.ROOT.root must be good or absent, not 'no key'"),
        ({"stores": {"ROOT": {"roots": "good"}}}, "a certificate of stores.ROOT must be intermediate or new or old or root, not 'roots'; did you mean 'root'?"),
        ({"stores": {"MY": {"root": "good"}}}, "a certificate of stores.MY must be new or old, not 'root'"),
        ({"orphans": -1}, "orphans must be a number of key containers, not -1."),
        ({"orphans": "two"}, "orphans must be a number, not 'two'"),
        ({"settings": {"WinRn": "old"}}, "settings has no key 'WinRn'; did you mean 'WinRM'?"),
        ({"settings": {"RD Gateway": "old"}}, "settings has no key 'RD Gateway'"),
        ({"settings": {"RDP": "odl"}}, "settings.RDP must be old or new, not 'odl'; did you mean 'old'?"),
        ({"after": {"settings": {}}}, "after has no key 'settings'"),
    ],
)
def test_a_wrong_word_is_refused_in_a_sentence(read: Any, words: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ScenarioError) as error:
        read(**words)
    assert sentence in str(error.value)
