# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action plugins share: plain values, and content told from the name of a file."""

from __future__ import annotations

import base64
import dataclasses
from types import SimpleNamespace

import certificate_factory
import pytest
from ansible.errors import AnsibleError
from ansible_collections.rras.sstp.plugins.action.audit import ActionModule, _candidate_result
from ansible_collections.rras.sstp.plugins.plugin_utils.action import _decode_content, optional_thumbprint, plain
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.plan import Wanted
from ansible_collections.rras.sstp.plugins.plugin_utils.wanting import Source
from host_factory import healthy

OLD, NEW = certificate_factory.old(), certificate_factory.new()
DER = base64.b64encode(NEW.der).decode()


class Tagged(str):
    """As the strings of ansible-core 2.19 and later are."""


class TaggedList(list):
    pass


# --- plain ---


@pytest.mark.parametrize("text", ["", "vpn.pfx", "\u00dcbung", "\U0001f512", "\udcff"])
def test_text_becomes_plain(text):
    result = plain(Tagged(text))
    assert result == text
    assert type(result) is str


def test_lists_become_plain_to_the_last_level():
    result = plain(TaggedList([Tagged("a"), TaggedList([Tagged("b"), 7]), (Tagged("c"),)]))
    assert result == ["a", ["b", 7], ["c"]]
    assert [type(result), type(result[0]), type(result[1]), type(result[1][0]), type(result[2])] == [list, str, list, str, list]


@pytest.mark.parametrize("value", [None, True, False, 0, 443, 1.5])
def test_other_values_stay_as_they_are(value):
    assert plain(value) is value


# --- content or a path ---


@pytest.mark.parametrize(
    ("source", "content"),
    [
        pytest.param(DER, NEW.der, id="DER in base64"),
        pytest.param(base64.encodebytes(NEW.der).decode(), NEW.der, id="DER in base64 in lines"),
        pytest.param(f"\n  {DER}\r\n", NEW.der, id="white space around"),
        pytest.param(base64.b64encode(NEW.pfx("secret")).decode(), None, id="PFX in base64"),
        pytest.param(NEW.pem.decode(), NEW.pem, id="PEM"),
        pytest.param("\n" + NEW.pem.decode(), b"\n" + NEW.pem, id="PEM after an empty line"),
        pytest.param("-----BEGIN NONSENSE", b"-----BEGIN NONSENSE", id="what only looks like PEM"),
    ],
)
def test_content_is_decoded(source, content):
    decoded = _decode_content(source)
    assert decoded is not None
    assert decoded[0] == (0x30 if content is None else content[0])
    assert content in (None, decoded)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("vpn.example.com.pfx", id="file"),
        pytest.param("/etc/pki/vpn.pfx", id="absolute path"),
        pytest.param("files/vpn", id="path of the letters of base64"),
        pytest.param("MIIB", id="short name that is DER in base64"),
        pytest.param("MIIBcertificates", id="longer name that is DER in base64"),
        pytest.param("MIIB" * 21, id="63 bytes that begin as DER does"),
        pytest.param(DER[:-1], id="base64 that was cut off"),
        pytest.param(DER + "!", id="a character that is not base64"),
        pytest.param(DER.replace("M", "\uff2d"), id="full-width letters"),
        pytest.param(base64.b64encode(b"\x31" + NEW.der[1:]).decode(), id="base64 of something else"),
        pytest.param("", id="empty"),
        pytest.param("\udcff", id="a name that is no text"),
    ],
)
def test_a_path_is_no_content(source):
    assert _decode_content(source) is None


@pytest.mark.parametrize(("size", "is_content"), [(63, False), (64, False), (65, True)])
def test_content_is_longer_than_64_bytes(size, is_content):
    data = b"\x30" + bytes(size - 1)
    assert _decode_content(base64.b64encode(data).decode()) == (data if is_content else None)


# --- reading ---


def action(folder, stored):
    """An action whose loader finds files in a folder, as ansible-core does for a role, and decrypts in memory."""
    plugin = ActionModule.__new__(ActionModule)

    def find(_kind, name):
        if not (folder / name).is_file():
            raise AnsibleError(f"Could not find {name}\nsearched in many places")
        return str(folder / name)

    def contents(path):
        if path not in stored:
            raise AnsibleError("no secrets\nto decrypt it with")
        return stored[path], True

    plugin._find_needle = find
    plugin._loader = SimpleNamespace(_get_file_contents=contents)
    return plugin


def test_content_needs_no_file(tmp_path):
    assert action(tmp_path, {}).read_source(DER, "certificate") == (NEW.der, "given as content")


def test_a_file_is_read_by_the_loader(tmp_path):
    (tmp_path / "vpn.pfx").write_bytes(b"$ANSIBLE_VAULT")
    plugin = action(tmp_path, {str(tmp_path / "vpn.pfx"): b"decrypted"})
    assert plugin.read_source("vpn.pfx", "PFX") == (b"decrypted", "vpn.pfx")


def test_a_file_of_the_current_directory_is_found_last(tmp_path, monkeypatch):
    here, role = tmp_path / "here", tmp_path / "role"
    for folder in (here, role):
        folder.mkdir()
    (here / "vpn.pfx").write_bytes(b"x")
    monkeypatch.chdir(here)
    stored = {str(here / "vpn.pfx"): b"of here", str(role / "vpn.pfx"): b"of the role"}
    assert action(role, stored).read_source("vpn.pfx", "PFX") == (b"of here", "vpn.pfx")
    (role / "vpn.pfx").write_bytes(b"x")
    assert action(role, stored).read_source("vpn.pfx", "PFX") == (b"of the role", "vpn.pfx")


@pytest.mark.parametrize(
    ("name", "reason"),
    [pytest.param("gone.pfx", "Could not find gone.pfx", id="not there"), pytest.param("there.pfx", "no secrets", id="cannot be decrypted")],
)
def test_a_file_that_cannot_be_read_is_named_in_one_line(tmp_path, monkeypatch, name, reason):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.pfx").write_bytes(b"$ANSIBLE_VAULT")
    with pytest.raises(SstpError) as caught:
        action(tmp_path, {}).read_source(name, "PFX")
    assert str(caught.value) == f"The PFX {name} cannot be read on the controller: {reason}"


# --- thumbprints ---


@pytest.mark.parametrize("value", [None, ""])
def test_a_thumbprint_may_be_left_out(value):
    assert optional_thumbprint({"successor": value}, "successor") is None


def test_a_thumbprint_is_cleaned_and_named():
    assert optional_thumbprint({"thumbprint": NEW.thumbprint.lower()}) == NEW.thumbprint
    with pytest.raises(SstpError, match="^Option successor must be 40 hexadecimal digits"):
        optional_thumbprint({"successor": "AB"}, "successor")


def test_audit_plans_to_take_an_interrupted_change_back():
    """Without that a role would see nothing to do, and the journal would stay for ever."""
    state = dataclasses.replace(healthy(), interrupted=True)
    source = Source(OLD.thumbprint, OLD.certificate)
    planned = _candidate_result(state, source, Wanted(OLD.certificate), None, {"mode": "as_found", "pfx": "given", "take_over": False})
    assert planned["plan"] == ["take back an interrupted change"]
