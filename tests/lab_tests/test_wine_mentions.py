# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The back-end on Wine: where a certificate is mentioned, and the one that IKEv2 clients are shown."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import mention_cases
import module_call
import pytest
from lab import pki
from lab.agent import REMOTE_ACCESS
from lab.settings import IIS_FILE, MANAGEMENT, NPS_FILE, PROGRAMS, RDP, WINRM, name_certificate
from lab.sim.host import SimHost
from lab.sim.mentions import DEPTH_LIMIT, FILE_LIMIT, KEY_LIMIT
from lab.wine import WineHost
from needs_wine import prepared_lab

AUTHORITY = pki.Authority()
OLD, NEW = (AUTHORITY.issue(["vpn.example.com"]) for _ in range(2))
HASH, LOWER, RAW = OLD.thumbprint.upper(), OLD.thumbprint, bytes.fromhex(OLD.thumbprint)
PLACE = r"SOFTWARE\Program"
VALUES, FILES = mention_cases.values(LOWER), mention_cases.files(LOWER)
Mention = tuple[Any, ...]

# Neither the agent nor .NET writes values of every kind and size.
WRITE = """
Add-Type -TypeDefinition @'
using System;
using System.Runtime.InteropServices;
public static class LabRegistry
{
    [DllImport("advapi32.dll", CharSet = CharSet.Unicode)]
    public static extern int RegSetKeyValueW(IntPtr key, string path, string name, uint type, byte[] data, uint size);
}
'@
foreach ($value in ConvertFrom-Json ([Console]::In.ReadToEnd())) {
    $data = [Convert]::FromBase64String($value.data)
    $code = [LabRegistry]::RegSetKeyValueW([IntPtr]::new(-2147483646), $value.path, $value.name, $value.type, $data, $data.Length)
    if ($code) { throw "RegSetKeyValueW: $code" }
}
"""
DENY = r"""
$none = [System.Security.AccessControl.RegistrySecurity]::new()
$none.SetSecurityDescriptorSddlForm('D:P(D;;KA;;;WD)', 'Access')
$rights = [System.Security.AccessControl.RegistryRights]'ChangePermissions, ReadPermissions'
$key = [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey('%s', [Microsoft.Win32.RegistryKeyPermissionCheck]::ReadWriteSubTree, $rights)
[Microsoft.Win32.RegistryAclExtensions]::SetAccessControl($key, $none)
$key.Dispose()
"""
# By the Windows headers; unknown: REG_DWORD_BIG_ENDIAN.
TYPES = {"none": 0, "string": 1, "expandstring": 2, "binary": 3, "dword": 4, "unknown": 5, "multistring": 7}


@pytest.fixture(scope="module")
def host() -> Iterator[WineHost]:
    """A server in whose store OLD lies; each test has places of its own."""
    with prepared_lab().host("vpn01") as fresh:
        fresh.keep(OLD)
        yield fresh


def run(host: WineHost, script: str, data: bytes = b"") -> None:
    """A script that says nothing."""
    assert host.powershell(script, data) == (0, "", "")


def mentions(host: WineHost, *places: dict[str, str], thumbprints: list[str] | None = None) -> list[Mention]:
    """Place, where, and the thumbprint or the error."""
    options = {"places": list(places), "thumbprints": [HASH] if thumbprints is None else thumbprints}
    found = module_call.call(host, {"operation": "observe", "facets": ["mentions"], **options})["facts"]["mentions"]
    assert all(item.keys() == {"place", "where", "thumbprint", "error"} and (item["thumbprint"] is None) != (item["error"] is None) for item in found)
    return [(item["place"], item["where"], item["thumbprint"] or item["error"]) for item in found]


def registry(below: str) -> dict[str, str]:
    return {"kind": "registry", "path": rf"{PLACE}\{below}"}


def file(path: str) -> dict[str, str]:
    return {"kind": "file", "path": path}


# --- values and files: all in one call --------------------------------------------------------------------------------


def written(data: Any) -> bytes:
    """Data as Windows keeps it."""
    if isinstance(data, bytes):
        return data
    if isinstance(data, int):
        return data.to_bytes(4, "little")
    return "".join(f"{text}\0" for text in ([data] if isinstance(data, str) else [*data, ""])).encode("utf-16le")


@pytest.fixture(scope="module")
def found(host: WineHost) -> dict[str, list[Mention]]:
    """What is found in each value and each file."""
    values = [
        {"path": rf"{PLACE}\Values\{name}\Below", "name": "Value", "type": TYPES[kind], "data": base64.b64encode(written(data)).decode()}
        for name, (kind, data, _) in VALUES.items()
    ]
    run(host, WRITE, json.dumps(values).encode())
    for name, (content, _) in FILES.items():
        host.write_file(rf"%programdata%\Program\{name}.config", content)
    places = {f"value: {name}": registry(rf"Values\{name}") for name in VALUES}
    places |= {f"file: {name}": file(rf"%ProgramData%\Program\{name}.config") for name in FILES}
    told = mentions(host, *places.values())
    return {name: [(where, what) for place, where, what in told if place == number] for number, name in enumerate(places)}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_mentions_a_certificate(found: dict[str, list[Mention]], name: str) -> None:
    assert found[f"value: {name}"] == [(r"Below\Value", HASH)] * VALUES[name][2]


@pytest.mark.parametrize("name", FILES)
def test_a_file_mentions_a_certificate(found: dict[str, list[Mention]], name: str) -> None:
    assert found[f"file: {name}"] == [(None, HASH)] * FILES[name][1]


def test_both_kinds_of_host_find_what_other_programs_name(host: WineHost) -> None:
    paths = (WINRM.rpartition("\\")[0], RDP, MANAGEMENT)
    places = [*({"kind": "registry", "path": path} for path in paths), file(IIS_FILE), file(NPS_FILE)]
    options = {"operation": "observe", "facets": ["mentions", "remote_access"], "thumbprints": [HASH], "places": places}
    simulated = SimHost("vpn01")
    for either in (host, simulated):
        for program in PROGRAMS:
            name_certificate(either, program, OLD)
    facts = module_call.call(host, options)["facts"]
    assert [item["place"] for item in facts["mentions"]] == [*range(len(places))]
    told = simulated.call(options)["facts"]
    assert [told[name] for name in ("mentions", "remote_access")] == [facts[name] for name in ("mentions", "remote_access")]


# --- places -----------------------------------------------------------------------------------------------------------


def test_a_name_mentions_a_certificate(host: WineHost) -> None:
    host.agent.set_value(PLACE + r"\Names", LOWER, "x")
    host.agent.set_value(PLACE + r"\Names\Twice", LOWER, LOWER)
    host.agent.set_value(rf"{PLACE}\Names\Bindings\{LOWER}", "x", 1)
    host.agent.set_value(rf"{PLACE}\Names\Bindings\{LOWER}0", LOWER[:39], 1)
    told = mentions(host, registry("Names"), registry("None"), registry(rf"Names\Bindings\{LOWER}"))
    assert told == [(0, LOWER, HASH), (0, rf"Bindings\{LOWER}", HASH), (0, rf"Twice\{LOWER}", HASH)]


def test_the_64_bit_view_is_read(host: WineHost) -> None:
    host.agent.set_value(r"SOFTWARE\Views", "Wide", RAW)
    host.agent.set_value(r"SOFTWARE\Wow6432Node\Views", "Narrow", RAW)
    assert mentions(host, {"kind": "registry", "path": r"SOFTWARE\Views"}) == [(0, "Wide", HASH)]


def test_those_of_my_are_always_meant(host: WineHost) -> None:
    host.keep(NEW, "WebHosting")
    for name, issued in (("Old", OLD), ("New", NEW)):
        host.agent.set_value(PLACE + r"\Both", name, issued.thumbprint)
    assert mentions(host, registry("Both"), thumbprints=[]) == [(0, "Old", HASH)]
    assert mentions(host, registry("Both"), thumbprints=[NEW.thumbprint] * 2) == [(0, "New", NEW.thumbprint.upper()), (0, "Old", HASH)]
    assert mentions(host, thumbprints=[]) == []


def test_both_certificates_of_a_value_are_told(host: WineHost) -> None:
    host.agent.set_value(PLACE + r"\Two", "Value", f"{NEW.thumbprint} {LOWER}")
    assert mentions(host, registry("Two"), thumbprints=[HASH, NEW.thumbprint]) == [(0, "Value", HASH), (0, "Value", NEW.thumbprint.upper())]


def test_keys_too_far_below_are_not_searched(host: WineHost) -> None:
    deep = r"\k" * (DEPTH_LIMIT + 1)
    for depth in (DEPTH_LIMIT, DEPTH_LIMIT + 1):
        host.agent.set_value(PLACE + r"\Deep" + deep[: 2 * depth], f"At {depth}", RAW)
    assert mentions(host, registry("Deep")) == [(0, rf"{deep[1 : 2 * DEPTH_LIMIT]}\At {DEPTH_LIMIT}", HASH)]


def test_no_more_keys_are_searched_than_so_many(host: WineHost) -> None:
    # The place itself is one of them.
    create = f"foreach ($i in 1..{KEY_LIMIT - 2}) {{ [Microsoft.Win32.Registry]::LocalMachine.CreateSubKey('{PLACE}\\Many\\' + $i.ToString('d5')).Dispose() }}"
    run(host, create)
    host.agent.set_value(PLACE + r"\Many\z", "Value", RAW)
    assert mentions(host, registry("Many")) == [(0, r"z\Value", HASH)]
    host.agent.create_key(PLACE + r"\Many\y")
    assert mentions(host, registry("Many")) == []


def test_a_key_that_nobody_may_read(host: WineHost) -> None:
    host.agent.set_value(PLACE + r"\Doors\Closed", "Value", RAW)
    host.agent.set_value(PLACE + r"\Doors\Open", "Value", RAW)
    run(host, DENY % rf"{PLACE}\Doors\Closed")
    told = mentions(host, registry("Doors"), registry(r"Doors\Closed"))
    denied = {"function": None, "code": 5, "message": "Requested registry access is not allowed."}
    assert told == [(0, "Closed", denied), (0, r"Open\Value", HASH), (1, None, denied)]


def test_files_that_cannot_be_read_and_such_that_are_not_there(host: WineHost) -> None:
    whole = LOWER.encode().ljust(FILE_LIMIT)
    host.write_file(r"C:\whole.config", whole)
    host.write_file(r"C:\larger.config", whole + b" ")
    names = (r"C:\none.config", r"C:\none\none.config", r"%none%\none.config", r"C:\whole.config\none", "%windir%", r"C:\whole.config", r"C:\larger.config")
    told = {place: what for place, where, what in mentions(host, *map(file, names)) if where is None}
    assert list(told) == [4, 5, 6]
    assert (told[4]["code"], told[5]) == (5, HASH), "a folder is no file that may be read"
    assert told[6] == {"function": None, "code": None, "message": f"The file is larger than {FILE_LIMIT} bytes."}


def test_a_path_that_no_file_can_have_is_told_with_the_code_of_windows(host: WineHost) -> None:
    ((_, where, error),) = mentions(host, file(r"C:\?none.config"))
    assert (where, error["code"]) == (None, 123)


def test_a_place_of_no_kind_fails_the_module(host: WineHost) -> None:
    result = module_call.call(host, {"operation": "observe", "facets": ["mentions"], "places": [{"kind": "disk", "path": "x"}]})
    assert (result["failed"], result["error"]["message"]) == (True, "There is no place of the kind 'disk'.")


# --- the facet remote_access ------------------------------------------------------------------------------------------


@pytest.fixture
def shown(host: WineHost) -> WineHost:
    """IKEv2 clients are shown NEW."""
    host.agent.create_key(REMOTE_ACCESS)
    host.agent.delete_key_tree(REMOTE_ACCESS)
    host.agent.set_value(REMOTE_ACCESS, "Advertised", NEW.der)
    return host


def advertised(host: WineHost) -> tuple[str | None, bool]:
    """The certificate in base64, and whether all else could be read."""
    said = module_call.call(host, {"operation": "observe", "facets": ["remote_access"]})["facts"]["remote_access"]
    return said["advertised"], (said["available"], said["error"], said["vpn_status"]) == (True, None, "Installed")


@pytest.mark.parametrize("form", [0, 1], ids=["certificate", "bytes"])
def test_what_ikev2_clients_are_shown(shown: WineHost, form: int) -> None:
    shown.agent.set_value(REMOTE_ACCESS, "Form", form)
    assert advertised(shown) == (base64.b64encode(NEW.der).decode(), True)


def test_ikev2_clients_are_shown_nothing(shown: WineHost) -> None:
    shown.agent.delete_value(REMOTE_ACCESS, "Advertised")
    assert advertised(shown) == (None, True)


@pytest.mark.parametrize(("name", "rest"), [("AuthFails", True), ("GetFails", False)])
def test_what_ikev2_clients_are_shown_is_not_known(shown: WineHost, name: str, rest: bool) -> None:
    shown.agent.set_value(REMOTE_ACCESS, name, "no")
    assert advertised(shown) == (None, rest)


def test_where_there_are_no_cmdlets_nothing_is_known_of_ikev2() -> None:
    with prepared_lab().host("old", cmdlets=False) as host:
        said = module_call.call(host, {"operation": "observe", "facets": ["remote_access"]})["facts"]["remote_access"]
    assert (said["available"], said["advertised"]) == (False, None)
