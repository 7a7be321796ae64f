# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action plugins share: plain values, and content told from the name of a file."""

from __future__ import annotations

import base64
import dataclasses
from types import SimpleNamespace
from typing import ClassVar

import certificate_factory
import pytest
import requests
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.rras.sstp.plugins.action.audit import ActionModule, _candidate_result
from ansible_collections.rras.sstp.plugins.plugin_utils.action import SstpAction, _decode_content, plain
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import ConnectionLost, SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.inputs import optional_thumbprint
from ansible_collections.rras.sstp.plugins.plugin_utils.plan import Wanted
from ansible_collections.rras.sstp.plugins.plugin_utils.wanting import Source
from host_factory import healthy
from winrm.exceptions import WinRMTransportError

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


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("Bag Attributes\n    friendlyName: vpn\n" + NEW.pem.decode(), id="text before PEM"),
        pytest.param("first line\nsecond line", id="several lines"),
        pytest.param(DER[:-1] + "\n" + DER, id="damaged base64 in lines"),
        pytest.param("x" * 1025, id="longer than a path"),
    ],
)
def test_what_can_be_no_path_is_content_and_not_repeated(source):
    assert _decode_content(source) == source.encode()


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


# --- a connection that is lost ---


class TaskTimeoutError(BaseException):
    """As ansible-core's own: no Exception."""


class Fragile(SstpAction):
    """An action whose connection does what a test says."""

    ARGUMENT_SPEC: ClassVar = {}

    def __init__(self, does, *, connected=True, reset=lambda: None):
        shell = SimpleNamespace(_IS_WINDOWS=True)
        self._connection = SimpleNamespace(_shell=shell, connected=connected, transport="winrm", reset=reset)
        self._task = SimpleNamespace(check_mode=False, args={})
        self._does = does

    def _execute_module(self, **_options):
        if isinstance(self._does, BaseException):
            raise self._does
        return self._does

    def perform(self, args, backend):
        raise NotImplementedError


APPLY, OBSERVE = {"operation": "apply"}, {"operation": "observe"}
DROPPED = requests.exceptions.ConnectionError("Connection aborted.")


@pytest.mark.parametrize(
    ("error", "phrase"),
    [
        pytest.param(AnsibleConnectionFailure("winrm connection error: Read timed out."), "winrm connection error: Read timed out", id="read time-out"),
        pytest.param(DROPPED, "Connection aborted", id="requests"),
        pytest.param(WinRMTransportError("http", 500, "Bad HTTP response"), "Bad HTTP response returned from server. Code 500", id="HTTP 500"),
        pytest.param(AnsibleError("winrm send_input failed; \nstdout: secret"), "winrm send_input failed", id="standard input"),
        pytest.param(ValueError(), "ValueError", id="no text"),
        pytest.param(TaskTimeoutError(), "the timeout of the task is over", id="timeout of the task"),
    ],
)
def test_any_end_of_a_change_without_its_answer_is_a_lost_connection(error, phrase):
    with pytest.raises(ConnectionLost) as caught:
        Fragile(error, connected=False)._call(APPLY, {})
    assert str(caught.value) == phrase


def test_a_process_that_gave_no_answer_to_a_change_is_lost_as_well():
    garbled = {"failed": True, "module_stdout": "", "module_stderr": "", "rc": 1}
    with pytest.raises(ConnectionLost, match="the PowerShell process on the host has ended without an answer"):
        Fragile(garbled)._call(APPLY, {})
    assert Fragile(garbled)._call(OBSERVE, {}) == garbled


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit()])
def test_who_ends_ansible_is_not_held_up(error):
    with pytest.raises(type(error)):
        Fragile(error)._call(APPLY, {})


@pytest.mark.parametrize("error", [AnsibleConnectionFailure("gone"), DROPPED])
def test_a_look_whose_connection_breaks_can_be_repeated(error):
    with pytest.raises(ConnectionLost):
        Fragile(error)._call(OBSERVE, {})


@pytest.mark.parametrize(
    ("error", "connected"),
    [
        pytest.param(AnsibleConnectionFailure("gone"), False, id="a host that is down"),
        pytest.param(AnsibleError("no such module"), True, id="Ansible's own error"),
        pytest.param(TaskTimeoutError(), True, id="timeout of the task"),
    ],
)
def test_all_else_of_a_look_is_for_ansible_to_tell(error, connected):
    with pytest.raises(type(error)):
        Fragile(error, connected=connected)._call(OBSERVE, {})


def test_a_connection_that_cannot_be_made_anew_is_still_lost():
    def reset():
        raise AnsibleConnectionFailure("refused.")

    with pytest.raises(ConnectionLost, match="^refused$"):
        Fragile(None, reset=reset)._reset()


def run(perform, monkeypatch):
    action = Fragile(None)
    monkeypatch.setattr(ActionBase, "run", lambda *_args: None)
    monkeypatch.setattr(action, "validate_argument_spec", lambda **_spec: (None, {}), raising=False)
    monkeypatch.setattr(action, "perform", perform)
    return action.run(None, {})


def test_a_host_that_nothing_was_done_to_is_unreachable(monkeypatch):
    def perform(_args, _backend):
        raise ConnectionLost("gone")

    with pytest.raises(AnsibleConnectionFailure, match="lost while it was looked at: gone"):
        run(perform, monkeypatch)


def test_a_host_that_was_mended_before_is_no_unreachable_one(monkeypatch):
    def perform(_args, backend):
        backend.mended = True
        raise ConnectionLost("gone")

    result = run(perform, monkeypatch)
    assert (result["failed"], result["changed"]) == (True, True)
    assert result["msg"] == "The connection to the host was lost: gone. Before that an interrupted change was taken back."
