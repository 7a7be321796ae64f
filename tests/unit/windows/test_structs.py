# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The structs and constants of the C# utils are those of the Windows headers, as the runtime lays them out."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from lab.prefix import COMPILER
from windows_gates import HERE, UTILS, Engine, in_one_text, program

pytest_plugins = ("windows_fixtures",)

HTTPSYS = next(util for util in UTILS if util.name == "_HttpSys.cs")
CERTIFICATES = next(util for util in UTILS if util.name == "_Certificates.cs")
SESSIONS = next(util for util in UTILS if util.name == "_Sessions.cs")
CONTAINERS = next(util for util in UTILS if util.name == "_KeyContainers.cs")
MENTIONS = next(util for util in UTILS if util.name == "_Mentions.cs")


class Layout(NamedTuple):
    """Bytes in all, and offset and size of each field."""

    size: int
    fields: dict[str, tuple[int, int]]


# Asked of the compiler.
IN_HEADERS = {
    HTTPSYS: {
        "HTTPAPI_VERSION": ["HttpApiMajorVersion", "HttpApiMinorVersion"],
        "SOCKADDR_STORAGE": [],
        "HTTP_SERVICE_CONFIG_SSL_KEY": ["pIpPort"],
        "HTTP_SERVICE_CONFIG_SSL_PARAM": [
            "SslHashLength",
            "pSslHash",
            "AppId",
            "pSslCertStoreName",
            "DefaultCertCheckMode",
            "DefaultRevocationFreshnessTime",
            "DefaultRevocationUrlRetrievalTimeout",
            "pDefaultSslCtlIdentifier",
            "pDefaultSslCtlStoreName",
            "DefaultFlags",
        ],
        "HTTP_SERVICE_CONFIG_SSL_SET": ["KeyDesc", "ParamDesc"],
        "HTTP_SERVICE_CONFIG_SSL_QUERY": ["QueryDesc", "KeyDesc", "dwToken"],
    },
    CERTIFICATES: {
        "CRYPTOAPI_BLOB": ["cbData", "pbData"],
        "CERT_CONTEXT": ["dwCertEncodingType", "pbCertEncoded", "cbCertEncoded", "pCertInfo", "hCertStore"],
        "CRYPT_KEY_PROV_INFO": ["pwszContainerName", "pwszProvName", "dwProvType", "dwFlags", "cProvParam", "rgProvParam", "dwKeySpec"],
        "BCRYPT_PKCS1_PADDING_INFO": ["pszAlgId"],
    },
    SESSIONS: {"MPRAPI_OBJECT_HEADER": ["revision", "type", "size"]},
    # These two have no structs: the one calls .NET alone, the other reads the first pointer of one.
    MENTIONS: {},
    CONTAINERS: {},
}
# The compiler's header knows no SNI and CCS: the numbers of domain.md 1.3, computed from the documented declarations.
DOCUMENTED = {
    "HTTP_SERVICE_CONFIG_SSL_SNI_KEY": Layout(136, {"IpPort": (0, 128), "Host": (128, 8)}),
    "HTTP_SERVICE_CONFIG_SSL_CCS_KEY": Layout(128, {"LocalAddress": (0, 128)}),
    "HTTP_SERVICE_CONFIG_SSL_SNI_SET": Layout(216, {"KeyDesc": (0, 136), "ParamDesc": (136, 80)}),
    "HTTP_SERVICE_CONFIG_SSL_CCS_SET": Layout(208, {"KeyDesc": (0, 128), "ParamDesc": (128, 80)}),
    "HTTP_SERVICE_CONFIG_SSL_SNI_QUERY": Layout(152, {"QueryDesc": (0, 4), "KeyDesc": (8, 136), "dwToken": (144, 4)}),
    "HTTP_SERVICE_CONFIG_SSL_CCS_QUERY": Layout(144, {"QueryDesc": (0, 4), "KeyDesc": (8, 128), "dwToken": (136, 4)}),
}
# What domain.md 1.3 says of those that the header does know, too.
DOCUMENTED_IN_HEADERS = {
    "SOCKADDR_STORAGE": Layout(128, {}),
    "HTTP_SERVICE_CONFIG_SSL_KEY": Layout(8, {"pIpPort": (0, 8)}),
    "HTTP_SERVICE_CONFIG_SSL_SET": Layout(88, {"KeyDesc": (0, 8), "ParamDesc": (8, 80)}),
    "HTTP_SERVICE_CONFIG_SSL_QUERY": Layout(24, {"QueryDesc": (0, 4), "KeyDesc": (8, 8), "dwToken": (16, 4)}),
}
# Fields that make up a whole which C names otherwise.
PLACEHOLDERS = {"SOCKADDR_STORAGE": {"Words": (0, 128)}}
# Constants of another name than in C, and those that the compiler's header does not know.
C_NAMES = {
    "NativeMethods.QueryExact": "HttpServiceConfigQueryExact",
    "NativeMethods.QueryNext": "HttpServiceConfigQueryNext",
    "SslFamily.Ip": "HttpServiceConfigSSLCertInfo",
    "NativeMethods.SizeOfConnection": "sizeof(RAS_CONNECTION_EX)",
}
DOCUMENTED_CONSTANTS = {"SslFamily.Sni": 5, "SslFamily.Ccs": 6}

# Texts of a util and what is put in their place, all at once, and the struct that must be seen to differ.
MUTATIONS: list[tuple[Path, dict[str, str], str]] = [
    (HTTPSYS, {"DefaultCertCheckMode;": "DefaultFlags;", "DefaultFlags;": "DefaultCertCheckMode;"}, "HTTP_SERVICE_CONFIG_SSL_PARAM"),
    (HTTPSYS, {"pSslHash;": "pSslCertStoreName;", "pSslCertStoreName;": "pSslHash;"}, "HTTP_SERVICE_CONFIG_SSL_PARAM"),
    (HTTPSYS, {"uint DefaultFlags;": "ushort DefaultFlags;"}, "HTTP_SERVICE_CONFIG_SSL_PARAM"),
    (HTTPSYS, {"Guid AppId;": "IntPtr AppId;"}, "HTTP_SERVICE_CONFIG_SSL_PARAM"),
    (HTTPSYS, {"SizeConst = 16)": "SizeConst = 15)"}, "SOCKADDR_STORAGE"),
    (HTTPSYS, {"SizeConst = 16)": "SizeConst = 128)", "ulong[]": "byte[]"}, "HTTP_SERVICE_CONFIG_SSL_CCS_QUERY"),
    (HTTPSYS, {"uint QueryDesc;": "ulong QueryDesc;"}, "HTTP_SERVICE_CONFIG_SSL_QUERY"),
    (HTTPSYS, {"public uint QueryDesc;": ""}, "HTTP_SERVICE_CONFIG_SSL_SNI_QUERY"),
    (HTTPSYS, {"LayoutKind.Sequential)": "LayoutKind.Sequential, Pack = 4)"}, "HTTP_SERVICE_CONFIG_SSL_PARAM"),
    (CERTIFICATES, {"uint cbCertEncoded;": "IntPtr cbCertEncoded;"}, "CERT_CONTEXT"),
    (CERTIFICATES, {"public uint cProvParam;": ""}, "CRYPT_KEY_PROV_INFO"),
    (CERTIFICATES, {"pwszContainerName;": "pwszProvName;", "pwszProvName;": "pwszContainerName;"}, "CRYPT_KEY_PROV_INFO"),
    (CERTIFICATES, {"uint cbData;": "ulong cbData;"}, "CRYPTOAPI_BLOB"),
    (SESSIONS, {"ushort size;": "uint size;"}, "MPRAPI_OBJECT_HEADER"),
    (SESSIONS, {"byte revision;": "byte type;", "byte type;": "byte revision;"}, "MPRAPI_OBJECT_HEADER"),
]
NATIVE = re.compile(r"\A(.*?^\{\n)(    internal static class NativeMethods\n    \{\n.*?^    \}\n)", re.DOTALL | re.MULTILINE)


def mutate(util: Path, changes: dict[str, str]) -> str:
    """The declarations of a util, changed: the code that uses them might not compile any more."""
    native = NATIVE.match(util.read_text())
    assert native, "NativeMethods is not the first class of the file"
    text = "".join(native.groups()) + "}\n"
    return re.sub("|".join(map(re.escape, changes)), lambda found: changes[found[0]], text)


MUTATED = [mutate(util, changes) for util, changes, _ in MUTATIONS]


@pytest.fixture(scope="module")
def reports(engine: Engine) -> dict[str, dict[str, Any]]:
    """What the runtime makes of the utils and of each mutation, all in one process of the engine."""
    versions = [(util, util.read_text()) for util in UTILS] + [(case[0], text) for case, text in zip(MUTATIONS, MUTATED, strict=True)]
    answers = engine.ask(HERE / "read_layouts.ps1", in_one_text(versions))
    return {text: answers[f"Version{number}"] for number, (_, text) in enumerate(versions)}


@pytest.fixture(scope="module")
def headers(tmp_path_factory: pytest.TempPathFactory, reports: dict[str, dict[str, Any]]) -> tuple[dict[str, Layout], dict[str, int]]:
    """Layouts and constants by the C compiler and its headers."""
    asked = [line for structs in IN_HEADERS.values() for name, fields in structs.items() for line in questions(name, fields)]
    constants = {name for util in UTILS for name in reports[util.read_text()]["constants"]} - set(DOCUMENTED_CONSTANTS)
    asked += [f"CONSTANT({c_name(name)})" for name in sorted(constants)]
    folder = tmp_path_factory.mktemp("headers")
    (folder / "questions.h").write_text("\n".join(asked) + "\n")
    argv = [program(COMPILER), "-S", "-o", "-", '-DQUESTIONS="questions.h"', f"-I{folder}", str(HERE / "layout.c")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    layouts: dict[str, Layout] = {}
    values: dict[str, int] = {}
    for kind, name, *words in (line.split()[1:] for line in done.stdout.splitlines() if line.strip().startswith("@@")):
        if kind == "struct":
            layouts[name] = Layout(int(words[0]), dict(PLACEHOLDERS.get(name, {})))
        elif kind == "field":
            layouts[name].fields[words[0]] = (int(words[1]), int(words[2]))
        else:
            values[name] = int(words[0]) & 0xFFFFFFFF
    return layouts, values


def questions(name: str, fields: list[str]) -> list[str]:
    """What layout.c includes for one struct."""
    return [f"STRUCT({name})", *(f"FIELD({name}, {item})" for item in fields)]


def c_name(name: str) -> str:
    """What a constant of the utils is called in C."""
    return C_NAMES.get(name, name.split(".")[1])


def layouts_of(report: dict[str, Any]) -> dict[str, Layout]:
    """The runtime's layouts."""
    return {name: Layout(item["size"], {key: (value[0], value[1]) for key, value in item["fields"].items()}) for name, item in report["structs"].items()}


def wanted(util: Path, headers: tuple[dict[str, Layout], dict[str, int]]) -> dict[str, Layout]:
    """The layouts that a util must have: those and no others."""
    known = {name: headers[0][name] for name in IN_HEADERS[util]}
    return known | DOCUMENTED if util == HTTPSYS else known


@pytest.mark.parametrize("util", UTILS, ids=lambda util: util.name)
def test_the_structs_are_those_of_windows(util: Path, reports: dict[str, dict[str, Any]], headers: tuple[dict[str, Layout], dict[str, int]]) -> None:
    assert layouts_of(reports[util.read_text()]) == wanted(util, headers)


@pytest.mark.parametrize("util", UTILS, ids=lambda util: util.name)
def test_the_constants_are_those_of_windows(util: Path, reports: dict[str, dict[str, Any]], headers: tuple[dict[str, Layout], dict[str, int]]) -> None:
    constants = reports[util.read_text()]["constants"]
    assert constants
    shown = {name: value & 0xFFFFFFFF for name, value in constants.items()}
    assert shown == {name: DOCUMENTED_CONSTANTS[name] if name in DOCUMENTED_CONSTANTS else headers[1][c_name(name)] for name in constants}


def test_the_headers_agree_with_the_documentation(headers: tuple[dict[str, Layout], dict[str, int]]) -> None:
    shown = {name: headers[0][name] for name in DOCUMENTED_IN_HEADERS}
    assert shown == DOCUMENTED_IN_HEADERS | {"SOCKADDR_STORAGE": Layout(128, PLACEHOLDERS["SOCKADDR_STORAGE"])}


@pytest.mark.parametrize(("number", "struct"), list(enumerate(case[2] for case in MUTATIONS)))
def test_a_struct_that_is_broken_on_purpose_is_seen(
    number: int, struct: str, reports: dict[str, dict[str, Any]], headers: tuple[dict[str, Layout], dict[str, int]]
) -> None:
    util = MUTATIONS[number][0]
    broken, right = layouts_of(reports[MUTATED[number]]), wanted(util, headers)
    assert broken.keys() == right.keys()
    assert broken[struct] != right[struct]
