# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of the modules says what the code does: options, examples, return values, attributes."""

from __future__ import annotations

import ast
import atexit
import base64
import datetime as dt
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.rras.sstp.plugins.plugin_utils.changes import DeleteRecord
from ansible_collections.rras.sstp.plugins.plugin_utils.encodings import Origin, read_pfx
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.fitness import RULES
from ansible_collections.rras.sstp.plugins.plugin_utils.inputs import Endpoint, pair
from ansible_collections.rras.sstp.plugins.plugin_utils.names import SSTP_APP_ID
from ansible_collections.rras.sstp.plugins.plugin_utils.plan import sharing
from ansible_collections.rras.sstp.plugins.plugin_utils.rotation import snapshot
from ansible_collections.rras.sstp.plugins.plugin_utils.rules import RULES as AUDIT_RULES
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp import addresses
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.client import Depth
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.driver import Outcome
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.events import (
    Acknowledged,
    AddressAssigned,
    HashProtocolNotAllowed,
    HttpAnswered,
    NetworkPhaseStarted,
    Stage,
)
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.tls import Served as ServedByTls
from ansible_collections.rras.sstp.plugins.plugin_utils.sstp.verdict import Code, Verdict
from ansible_collections.rras.sstp.plugins.plugin_utils.state import (
    Adapter,
    HostState,
    KeyContainer,
    Keys,
    LoggedEvent,
    Node,
    PrivateKey,
    RegistryValue,
    RemoteAccess,
    Served,
    Service,
    SslRecord,
    StoredCertificate,
    parse_time,
)
from ansible_collections.rras.sstp.plugins.plugin_utils.windows import Applied, Backend, Scope
from ansible_collections.rras.sstp.plugins.plugin_utils.wire import Sight
from ansible_collections.rras.sstp.plugins.plugin_utils.x509 import read_certificate
from audited_fleet import small, yesterday
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, pkcs12

REPOSITORY = Path(__file__).resolve().parents[2]
PLUGINS = REPOSITORY / "plugins"
COLLECTIONS = REPOSITORY / "build" / "collections"
ACTIONS = sorted(path.stem for path in (PLUGINS / "action").glob("*.py") if path.stem != "__init__")
READING = ("audit", "probe", "server_info", "verdict")
WRITING = [name for name in ACTIONS if name not in READING]
ON_ERRORS = {"ignore_errors", "ignore_unreachable"}
TASK_KEYWORDS = ON_ERRORS | {"name", "register", "when", "loop", "loop_control", "check_mode", "diff", "delegate_to", "notify", "vars", "run_once"}
RESULT_KEYWORDS = {"changed", "failed", "msg"}
TYPES = {"str": str, "int": int, "bool": bool, "list": list, "dict": dict}

Json = dict[str, Any]


def ansible_doc(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "ansible-doc"
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_NOCOLOR": "1"}
    return subprocess.run([program, "-t", "module", *arguments], env=environment, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def documents() -> dict[str, Json]:
    """Module -> what ansible-doc knows of it, fragments merged."""
    done = ansible_doc("--json", *(f"rras.sstp.{name}" for name in [*ACTIONS, "windows_backend"]))
    assert done.returncode == 0, done.stderr
    return {name.rpartition(".")[2]: document for name, document in json.loads(done.stdout).items()}


def action_module(name: str) -> Any:
    return importlib.import_module(f"ansible_collections.rras.sstp.plugins.action.{name}")


def compared(option: Json) -> Json:
    """What must be the same in an option's documentation and in its specification."""
    return {
        "type": option.get("type", "str"),
        "elements": option.get("elements"),
        "default": option.get("default"),
        "choices": option.get("choices"),
        "required": option.get("required", False),
    }


@pytest.mark.parametrize("name", [*ACTIONS, "windows_backend"])
def test_ansible_doc_shows_the_module(name: str) -> None:
    done = ansible_doc(f"rras.sstp.{name}")
    assert done.returncode == 0, done.stderr
    assert f"rras.sstp.{name}" in done.stdout
    assert "WARNING" not in done.stderr


def test_each_action_has_a_module_and_the_other_way_round() -> None:
    assert sorted(path.stem for path in (PLUGINS / "modules").glob("*.py")) == ACTIONS


@pytest.mark.parametrize("name", ACTIONS)
def test_module_file_holds_documentation_only(name: str) -> None:
    source = (PLUGINS / "modules" / f"{name}.py").read_text()
    assert source.startswith("#!/usr/bin/python\n")
    future, *assignments = ast.parse(source).body
    assert isinstance(future, ast.ImportFrom)
    assert future.module == "__future__"
    targets = [target.id for node in assignments if isinstance(node, ast.Assign) for target in node.targets if isinstance(target, ast.Name)]
    assert targets == ["DOCUMENTATION", "EXAMPLES", "RETURN"]
    assert len(assignments) == len(targets)


@pytest.mark.parametrize("name", ACTIONS)
def test_options_are_those_of_the_argument_spec(name: str, documents: dict[str, Json]) -> None:
    options = documents[name]["doc"].get("options", {})
    spec = action_module(name).ARGUMENT_SPEC
    assert {option: compared(content) for option, content in options.items()} == {option: compared(content) for option, content in spec.items()}
    assert all(content["description"] for content in options.values())


def test_options_of_the_back_end_are_those_of_its_spec(documents: dict[str, Json]) -> None:
    source = (PLUGINS / "modules" / "windows_backend.ps1").read_text()
    spec = source[source.index("$spec = @{") : source.index("supports_check_mode")]
    entries = dict(re.findall(r"^ {8}(\w+) = (@\{.*?\}$)", spec, re.MULTILINE | re.DOTALL))
    options = documents["windows_backend"]["doc"]["options"]
    assert entries.keys() == options.keys()
    for option, text in entries.items():
        found = re.search(r"\btype = '(\w+)'", text)
        assert found is not None
        assert options[option]["type"] == found.group(1), option
        assert ("required = $true" in text) == options[option].get("required", False), option
        choices = re.search(r"choices = ('[^\n;}]*')", text)
        assert options[option].get("choices") == (re.findall(r"'(\w+)'", choices.group(1)) if choices else None), option
        default = re.search(r"default = ([^\n;}]*)", text)
        assert options[option].get("default") == (powershell_literal(default.group(1).strip()) if default else None), option


def powershell_literal(text: str) -> Any:
    if text.startswith("@("):
        return re.findall(r"'(\w+)'", text)
    constants = {"$true": True, "$false": False, "''": ""}
    return constants[text] if text in constants else int(text)


@pytest.mark.parametrize("name", ACTIONS)
def test_secrets_are_nowhere_in_clear_text(name: str, documents: dict[str, Json]) -> None:
    secret = {option for option, content in action_module(name).ARGUMENT_SPEC.items() if content.get("no_log")}
    assert {option for option in action_module(name).ARGUMENT_SPEC if "password" in option} <= secret
    assert not secret & set(documents[name]["return"])
    for arguments in own_examples(name, documents):
        for option in secret & set(arguments):
            value = arguments[option]
            is_file = value.endswith({"pfx": ".pfx", "private_key": ".pem"}.get(option, "no file"))
            assert is_file or re.fullmatch(r"\{\{ \w+ \}\}", value), f"{option}: {value}"


def example_tasks(name: str, documents: dict[str, Json]) -> list[Json]:
    tasks = yaml.safe_load(documents[name]["examples"])
    assert isinstance(tasks, list)
    return tasks


def own_examples(name: str, documents: dict[str, Json]) -> list[Json]:
    return [task[f"rras.sstp.{name}"] or {} for task in example_tasks(name, documents) if f"rras.sstp.{name}" in task]


def assert_accepted(task: Json, documents: dict[str, Json]) -> None:
    """A named task of one module; the options are such as ours take together."""
    assert task["name"][0].isupper()
    (called,) = set(task) - TASK_KEYWORDS
    assert re.fullmatch(r"\w+\.\w+\.\w+", called), f"{called} is not fully qualified"
    if called.startswith("rras.sstp."):
        action = action_module(called.rpartition(".")[2])
        kinds = {option: spec.get("type") for option, spec in action.ARGUMENT_SPEC.items()}
        # A template can become a dictionary; the validator cannot know.
        arguments = {option: {} if kinds.get(option) == "dict" and str(value).startswith("{{") else value for option, value in (task[called] or {}).items()}
        assert set(arguments) <= set(documents[called.rpartition(".")[2]]["doc"]["options"])
        validator = ArgumentSpecValidator(action.ARGUMENT_SPEC, **action.ActionModule.CONSTRAINTS)
        assert validator.validate(arguments).error_messages == []


@pytest.mark.parametrize("name", ACTIONS)
def test_examples_are_tasks_that_the_modules_accept(name: str, documents: dict[str, Json]) -> None:
    assert own_examples(name, documents)
    for task in example_tasks(name, documents):
        assert_accepted(task, documents)


GUIDES = ("modes", "offload", "rotation")
SNIPPETS = [text for name in GUIDES for text in re.findall(r"```yaml\n(.*?)```", (REPOSITORY / "docs" / f"{name}.md").read_text(), re.DOTALL)]


@pytest.mark.parametrize("text", SNIPPETS, ids=[str(number) for number in range(len(SNIPPETS))])
def test_snippets_of_the_guide_are_tasks_that_the_modules_accept(text: str, documents: dict[str, Json]) -> None:
    items = yaml.safe_load(text)
    assert items
    known = set(yaml.safe_load((REPOSITORY / "roles/sstp_certificate/defaults/main.yml").read_text()))
    for item in items:
        for task in item.get("tasks", []) if "hosts" in item else [item]:
            assert_accepted(task, documents)
        for role in item.get("roles", []):
            assert role["role"] == "rras.sstp.sstp_certificate"
            assert set(role["vars"]) <= known


def test_the_guide_names_findings_that_there_are(documents: dict[str, Json]) -> None:
    text = (REPOSITORY / "docs" / "modes.md").read_text()
    rules = "\n".join(documents["audit"]["return"]["findings"]["contains"]["id"]["description"])
    assert set(re.findall(r"`((?:binding|config_store|listen_list)_\w+)`", text)) <= set(re.findall(r"V\((\w+)\)", rules))


@pytest.mark.parametrize("name", WRITING)
def test_one_example_runs_in_check_mode(name: str, documents: dict[str, Json]) -> None:
    assert any(task.get("check_mode") is True for task in example_tasks(name, documents) if f"rras.sstp.{name}" in task)


@pytest.mark.parametrize("name", ACTIONS)
def test_attributes(name: str, documents: dict[str, Json]) -> None:
    attributes = documents[name]["doc"]["attributes"]
    assert {"action", "async", "check_mode", "diff_mode", "idempotent", "platform"} <= set(attributes)
    support = {attribute: content["support"] for attribute, content in attributes.items()}
    assert support["action"] == support["check_mode"] == support["platform"] == "full"
    assert support["async"] == "none"
    assert attributes["async"]["details"]
    assert attributes["platform"]["platforms"] == ("all" if name in ("probe", "report", "verdict") else "windows")
    action = action_module(name).ActionModule
    assert (action._supports_check_mode, action._supports_async) == (True, False)
    assert (support["diff_mode"] == "full") == ("diff" in documents[name]["return"])
    assert (support["idempotent"] == "none") == (name == "restart")


def test_the_action_group_holds_the_modules_that_share_option_port(documents: dict[str, Json]) -> None:
    group = yaml.safe_load((REPOSITORY / "meta" / "runtime.yml").read_text())["action_groups"]["sstp"]
    # The port that clients dial is another matter: probe stays out.
    assert group == [name for name in ACTIONS if "port" in documents[name]["doc"].get("options", {}) and name != "probe"]
    documented = {name: documents[name]["doc"]["attributes"].get("action_group", {}).get("membership") for name in ACTIONS}
    assert documented == {name: ["rras.sstp.sstp"] if name in group else None for name in ACTIONS}


@pytest.mark.parametrize("name", ACTIONS)
def test_header(name: str, documents: dict[str, Json]) -> None:
    document = documents[name]["doc"]
    assert document["version_added"] == "0.1.0"
    assert document["author"] == ["The rras.sstp authors (@rras-sstp)"]
    assert not document["short_description"].endswith(".")
    assert all(reference["module"].count(".") == 2 for reference in document.get("seealso", []))


def texts(node: Any) -> list[str]:
    if isinstance(node, str):
        return [node]
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [text for child in children for text in texts(child)]


@pytest.mark.parametrize("name", ACTIONS)
def test_markup_refers_to_what_there_is(name: str, documents: dict[str, Json]) -> None:
    document, returned = documents[name]["doc"], documents[name]["return"]
    every_text = "\n".join(texts(document) + texts(returned))
    assert set(re.findall(r"\bO\((\w+)", every_text)) <= set(document.get("options", {}))
    for path in re.findall(r"\bRV\(([\w.\[\]]+)\)", every_text):
        level = returned
        for part in path.replace("[]", "").split("."):
            assert part in level, path
            level = level[part].get("contains", {})
    own = {match.partition("rras.sstp.")[2] for match in re.findall(r"\bM\((rras\.sstp\.\w+)\)", every_text)}
    assert own <= set(ACTIONS)
    assert not re.findall(r"\b[MOV]\(rras\.sstp\.(?!\w)", every_text)


def test_audit_names_every_rule(documents: dict[str, Json]) -> None:
    text = "\n".join(documents["audit"]["return"]["findings"]["contains"]["id"]["description"])
    assert set(re.findall(r"V\((\w+)\)", text)) == {rule.id for rule in AUDIT_RULES}


def test_the_guide_has_every_rule_as_it_is() -> None:
    guide = (PLUGINS.parent / "docs" / "certificates.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+?) \|$", guide, re.MULTILINE)
    assert rows == [(rule.id, rule.severity, rule.title) for rule in RULES.values()]
    refusals = set(re.findall(r'refused\(\s*"(\w+)"', "".join((PLUGINS / "plugin_utils" / f"{name}.py").read_text() for name in ("encodings", "sources"))))
    assert set(re.findall(r"^\* `(\w+)`:", guide, re.MULTILINE)) == refusals | {"key_unusable"}


def test_probe_names_every_verdict_and_stage(documents: dict[str, Json]) -> None:
    contents = documents["probe"]["return"]["verdict"]["contains"]
    for name, known in (("code", {code.value for code in Code}), ("stage", {stage.value for stage in Stage} - {"goodbye"})):
        assert set(re.findall(r"V\((\w+)\)", "\n".join(contents[name]["description"]))) == known


# --- return values: what the actions return for real, held against RETURN ---------------------------------------------

NOW = dt.datetime(2026, 3, 1, 2, tzinfo=dt.timezone.utc)


def make_authority() -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Example Root CA")])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 1, NOW - dt.timedelta(days=10), NOW + dt.timedelta(days=900))
    return builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256()), key


AUTHORITY, AUTHORITY_KEY = make_authority()


def make_pfx(name: str, days: int = 200, *, issued: bool = False) -> bytes:
    """Self-signed, or with the authority that has issued it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    issuer = AUTHORITY.subject if issued else subject
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), 17, NOW - dt.timedelta(days=10), NOW + dt.timedelta(days=days))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    builder = builder.add_extension(x509.ExtendedKeyUsage([x509.OID_SERVER_AUTH]), critical=False)
    certificate = builder.sign(AUTHORITY_KEY if issued else key, hashes.SHA256())
    return pkcs12.serialize_key_and_certificates(None, key, certificate, [AUTHORITY] if issued else None, NoEncryption())


OLD_PFX, NEW_PFX, EXPIRED_PFX = make_pfx("old.example.com"), make_pfx("vpn.example.com"), make_pfx("expired.example.com", days=-1)
ISSUED_PFX = make_pfx("vpn.example.com", issued=True)
ROOT = read_certificate(AUTHORITY.public_bytes(Encoding.DER))
OLD, NEW, EXPIRED = (read_pfx(data, None, Origin("PFX", "test", "pfx_password")).certificates[0] for data in (OLD_PFX, NEW_PFX, EXPIRED_PFX))
ISSUED = next(one for one in read_pfx(ISSUED_PFX, None, Origin("PFX", "test", "pfx_password")).certificates if one != ROOT)
V4, V6 = pair(443)


def stored(certificate: Any, container: str) -> StoredCertificate:
    key = PrivateKey(container, "Microsoft Enhanced Cryptographic Provider v1.0", 24, 0x20, 1, 0, True)
    return StoredCertificate(certificate, "MY", None, key)


def server(*certificates: StoredCertificate, bound: Any = OLD) -> HostState:
    """A server in order, bound to one certificate, that has others as well."""
    return HostState(
        state_id="0",
        port=443,
        ports=(443,),
        records=tuple(SslRecord(endpoint, bound.thumbprint, SSTP_APP_ID, "MY") for endpoint in (V4, V6)),
        parameters={
            "SHA256CertificateHash": RegistryValue("binary", bound.sha256),
            "SHA1CertificateHash": RegistryValue("binary", bound.thumbprint),
            "ListenerPort": RegistryValue("dword", 443),
            "Long": RegistryValue("string", None, 9000),
        },
        certificates=certificates,
        services=(
            Service("SstpSvc", "running", 3, ()),
            Service("RasMan", "running", 2, ("SstpSvc",)),
            Service("RemoteAccess", "running", 2, ("RasMan",)),
        ),
        served=(Served(Endpoint("ip", "127.0.0.1", 443), bound, None), Served(Endpoint("ip", "::1", 443), None, {"message": "no", "code": 10049})),
        host={
            "build": "20348",
            "revision": 1,
            "product": "Windows Server 2022",
            "powershell": "5.1",
            "elevated": True,
            "name": "VPN01",
            "time": NOW.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "utc_offset": 60,
        },
        sessions=12,
        predecessors={"00" * 20: "2026-02-01T00:00:00Z"},
    )


BEFORE = server(stored(OLD, "a"), stored(NEW, "b"))
WITHOUT_NEW = server(stored(OLD, "a"))
ROTATED = server(stored(OLD, "a"), stored(NEW, "b"), bound=NEW)
STOPPED = replace(BEFORE, services=tuple(replace(service, state="stopped") for service in BEFORE.services))
UNCOUNTED = replace(BEFORE, sessions=None, sessions_error={"function": "MprAdminConnectionEnumEx", "code": 5, "message": "Access is denied"})
BROKEN = replace(BEFORE, records=BEFORE.records[:1], served=())
HALF = replace(BEFORE, records=(BEFORE.records[0], *ROTATED.records[1:]))
HALF_HEALED = replace(HALF, healed={"binding_mismatch": NOW.strftime("%Y-%m-%dT%H:%M:%SZ")})
INTERRUPTED = replace(BROKEN, interrupted=True)
NO_KEY = server(stored(OLD, "a"), replace(stored(NEW, "b"), key=None))
MISSING = replace(BEFORE, records=(), parameters={}, listen_only=("10.0.0.1",))
CENTRAL = replace(BEFORE, records=(*BEFORE.records, SslRecord(Endpoint("ccs", "0.0.0.0", 443), "", SSTP_APP_ID)))
NAMED = Endpoint("sni", "0.0.0.0", 443, "vpn.example.com")
IIS_APP_ID = "{4dc3e181-e14b-4a21-b022-59fc669b0914}"
ADAPTERS = (Adapter("Ethernet", "ethernet", True, True, True, ("192.0.2.10",)),)


def in_mode(state: HostState, certificate: Any, view: RemoteAccess | None, **numbers: int) -> HostState:
    """The same server with these numbers in SstpSvc's key, the hash of this certificate, and this answer of RRAS."""
    values = {name: RegistryValue("dword", number) for name, number in numbers.items()}
    hashes = {"SHA256CertificateHash": RegistryValue("binary", certificate.sha256)}
    config = {"UseHttps": RegistryValue("dword", numbers.get("UseHttps", 1)), "ListenerPort": RegistryValue("dword", 443)}
    return replace(state, parameters={**values, **hashes}, config_store=config, adapters=ADAPTERS, remote_access=view)


def told(certificate: Any) -> RemoteAccess:
    nodes = (Node("VPN01", "Converged"), Node("VPN02", "Stopped"), Node("VPN03", "Converged"))
    return RemoteAccess(True, certificate, False, "vpn.example.com", nodes)


def with_shared(state: HostState, certificate: Any) -> HostState:
    return replace(state, records=(*state.records, SslRecord(NAMED, certificate.thumbprint, IIS_APP_ID, "MY")))


CHOSEN = in_mode(BEFORE, OLD, told(OLD), UseHttps=1, isHashConfiguredByAdmin=1, ListenerPort=443)
CHOSEN_ANEW = in_mode(ROTATED, NEW, told(NEW), UseHttps=1, isHashConfiguredByAdmin=1, ListenerPort=443)
SILENT = replace(CHOSEN, remote_access=RemoteAccess(True, error={"function": None, "code": None, "message": "RaMgmtSvc does not answer"}))
OFFLOADED = in_mode(BEFORE, OLD, RemoteAccess(False), UseHttps=0, isHashConfiguredByAdmin=1, ListenerPort=443)
OFFLOADED_ANEW = in_mode(BEFORE, NEW, RemoteAccess(False), UseHttps=0, isHashConfiguredByAdmin=1, ListenerPort=443)
SHARED, SHARED_ANEW = with_shared(BEFORE, OLD), with_shared(ROTATED, NEW)
LISTED = replace(BEFORE, listen_only=("10.0.0.1",), adapters=ADAPTERS)
PFX = base64.b64encode(NEW_PFX).decode()
ROOT_IS_THERE = replace(server(stored(OLD, "a"), stored(ISSUED, "c")), authorities=(StoredCertificate(ROOT, "ROOT", None, None),))
LEFT_BEHIND = replace(BEFORE, keys=Keys(containers=(KeyContainer("Left", "Microsoft Software Key Storage Provider", 0),)))
EVENTFUL = replace(BEFORE, events=(LoggedEvent(21, 2, BEFORE.time, ("0x80070520",)),))
SNAPSHOT = snapshot(BEFORE)
WELL = Sight("192.0.2.1:443", Depth.LOGIN, Verdict(Code.OK, Stage.NETWORK, "All is well."), OLD.thumbprint, OLD.sha256, (), "accepted")
PROBED = {"addresses": [WELL.to_result()]}

# A load balancer as the controller meets it: addresses, so that no name is looked up.
SHOWS_NEW, SHOWS_NOTHING = "192.0.2.80", "192.0.2.81"

REPORTS = tempfile.mkdtemp(prefix="rras.sstp-")
atexit.register(shutil.rmtree, REPORTS)


def report_of_yesterday() -> None:
    """With a host that is not reached today, so that its last audit is told."""
    perform("report", {"results": yesterday(), "dest": REPORTS, "name": "then"}, OneHost(BEFORE, BEFORE), check_mode=False)


Case = tuple[str, Json, HostState, HostState]
CASES: list[Case] = [
    ("server_info", {}, BEFORE, BEFORE),
    ("server_info", {"port": 443}, MISSING, MISSING),
    ("server_info", {}, ROOT_IS_THERE, ROOT_IS_THERE),
    ("server_info", {}, LEFT_BEHIND, LEFT_BEHIND),
    ("server_info", {}, UNCOUNTED, UNCOUNTED),
    ("audit", {}, BEFORE, BEFORE),
    ("audit", {"pfx": PFX, "fail_on": "warning"}, BROKEN, BROKEN),
    ("server_info", {}, EVENTFUL, EVENTFUL),
    ("audit", {"ignore_rules": {"event_unaccounted": "a test"}}, EVENTFUL, EVENTFUL),
    ("audit", {"thumbprint": NEW.thumbprint}, WITHOUT_NEW, WITHOUT_NEW),
    ("audit", {"probe_address": "127.0.0.1", "probe_port": 1}, BEFORE, BEFORE),
    ("server_info", {"remote_access": "always"}, CHOSEN, CHOSEN),
    ("server_info", {}, OFFLOADED, OFFLOADED),
    ("audit", {"thumbprint": NEW.thumbprint, "mode": "administrator"}, CHOSEN, CHOSEN),
    ("audit", {}, SILENT, SILENT),
    ("audit", {"balancer": SHOWS_NEW}, OFFLOADED, OFFLOADED),
    ("audit", {"balancer": SHOWS_NOTHING}, OFFLOADED, OFFLOADED),
    ("audit", {"sha256": NEW.sha256}, OFFLOADED, OFFLOADED),
    ("audit", {"public_addresses": ["192.0.2.10"]}, LISTED, LISTED),
    ("audit", {"dns_names": ["vpn.example.com"]}, BEFORE, BEFORE),
    ("heal", {"rules": ["binding_mismatch", "registry_sha256_different"], "second_look": 0}, HALF, HALF_HEALED),
    ("heal", {"rules": ["binding_mismatch"], "second_look": 0}, HALF_HEALED, HALF),
    ("heal", {"rules": ["binding_mismatch"], "forget": True}, HALF_HEALED, HALF),
    ("verdict", {"audit": {"record": {"findings": []}}}, BEFORE, BEFORE),
    ("ssl_binding", {}, BEFORE, BEFORE),
    ("ssl_binding", {"state": "present", "certificate_hash": NEW.thumbprint}, BEFORE, ROTATED),
    ("ssl_binding", {"state": "absent", "endpoints": ["[::]:443"]}, BEFORE, BROKEN),
    ("ssl_binding", {"endpoints": ["ccs:443", "vpn.example.com:443"]}, CENTRAL, CENTRAL),
    ("ssl_binding", {"endpoints": ["ccs:443"], "state": "absent"}, CENTRAL, BEFORE),
    ("ssl_binding", {"endpoints": ["vpn.example.com:443"], "state": "present", "certificate_hash": NEW.thumbprint}, BEFORE, with_shared(BEFORE, NEW)),
    ("registry_hash", {}, BEFORE, BEFORE),
    ("registry_hash", {"state": "absent"}, BEFORE, MISSING),
    ("registry_hash", {"state": "present", "sha256": NEW.sha256}, BEFORE, ROTATED),
    ("certificate", {"state": "query"}, BEFORE, BEFORE),
    ("certificate", {"state": "query", "thumbprint": "0" * 40}, BEFORE, BEFORE),
    ("certificate", {"pfx": PFX}, BEFORE, BEFORE),
    ("certificate", {"dns_names": ["vpn.example.com"]}, BEFORE, BEFORE),
    ("certificate", {"pfx": base64.b64encode(ISSUED_PFX).decode(), "trust_root": True}, BEFORE, ROOT_IS_THERE),
    ("certificate", {"pfx": base64.b64encode(ISSUED_PFX).decode()}, ROOT_IS_THERE, ROOT_IS_THERE),
    ("certificate", {"state": "absent", "issuers": [ROOT.thumbprint]}, ROOT_IS_THERE, server(stored(OLD, "a"), stored(ISSUED, "c"))),
    ("certificate", {"state": "absent", "key_container": "left"}, LEFT_BEHIND, BEFORE),
    ("certificate", {"state": "absent", "key_container": "none"}, LEFT_BEHIND, LEFT_BEHIND),
    ("certificate", {"pfx": PFX}, WITHOUT_NEW, BEFORE),
    ("certificate", {"pfx": PFX, "friendly_name": "VPN 2026"}, NO_KEY, BEFORE),
    ("certificate", {"state": "absent", "thumbprint": NEW.thumbprint}, BEFORE, WITHOUT_NEW),
    ("certificate", {"state": "absent", "thumbprint": NEW.thumbprint}, WITHOUT_NEW, WITHOUT_NEW),
    ("restart", {}, BEFORE, BEFORE),
    ("restart", {"settle_timeout": 5}, STOPPED, BEFORE),
    ("restart", {"max_sessions": 11}, BEFORE, BEFORE),
    ("rotate", {"thumbprint": NEW.thumbprint}, BEFORE, ROTATED),
    ("rotate", {"thumbprint": NEW.thumbprint, "max_sessions": 12, "window": ["sun 03:00-04:00"]}, BEFORE, ROTATED),
    ("rotate", {"thumbprint": NEW.thumbprint, "window": ["sun 02:00-03:00"]}, BEFORE, ROTATED),
    ("rotate", {"thumbprint": NEW.thumbprint, "max_sessions": 0}, INTERRUPTED, ROTATED),
    ("rotate", {"pfx": PFX}, BROKEN, ROTATED),
    ("rotate", {"thumbprint": OLD.thumbprint}, BEFORE, BEFORE),
    ("rotate", {"thumbprint": NEW.thumbprint}, INTERRUPTED, ROTATED),
    ("rotate", {"thumbprint": NEW.thumbprint}, replace(ROTATED, interrupted=True), ROTATED),
    ("rotate", {"thumbprint": NEW.thumbprint}, CHOSEN, CHOSEN_ANEW),
    ("rotate", {"thumbprint": NEW.thumbprint, "mode": "administrator", "writer": "direct"}, BEFORE, CHOSEN_ANEW),
    ("rotate", {"thumbprint": NEW.thumbprint, "shared_records": True, "take_over": True}, SHARED, SHARED_ANEW),
    ("rotate", {"balancer": SHOWS_NEW, "mode": "offload"}, BEFORE, OFFLOADED_ANEW),
    ("rotate", {"sha256": NEW.sha256}, OFFLOADED, OFFLOADED_ANEW),
    ("rotate", {"thumbprint": NEW.thumbprint, "mode": "automatic"}, OFFLOADED, ROTATED),
    ("restore", {"snapshot": snapshot(CHOSEN, sharing(SHARED))}, CHOSEN_ANEW, CHOSEN),
    ("restore", {"snapshot": SNAPSHOT}, ROTATED, BEFORE),
    ("restore", {"snapshot": SNAPSHOT}, BEFORE, BEFORE),
    ("restore", {"snapshot": SNAPSHOT}, replace(ROTATED, interrupted=True), BEFORE),
    ("probe", {"host": "vpn.example.com", "address": "192.0.2.1"}, BEFORE, BEFORE),
    ("probe", {"host": "vpn.example.com", "depth": "tls", "fail_on": "never"}, BEFORE, BEFORE),
    ("probe", {"host": "vpn.example.com", "depth": "http"}, BEFORE, BEFORE),
    ("probe", {"host": "vpn.example.com", "address": "192.0.2.1", "fail_on": "never", "before": PROBED}, BEFORE, BEFORE),
    ("report", {"results": small(), "dest": REPORTS, "name": "now", "previous": f"{REPORTS}/then.json"}, BEFORE, BEFORE),
]
EXPIRED_ON_THE_WIRE = Verdict(Code.EXPIRED, Stage.TLS, "It has expired.")
SERVED_ON_THE_WIRE = ServedByTls((OLD.der,), "TLSv1.3", "TLS_AES_256_GCM_SHA384")
OUTCOMES = {
    Depth.SSTP: Outcome(
        Verdict(Code.CRYPTO_BINDING_REFUSED, Stage.NETWORK, "It refuses.", 4),
        SERVED_ON_THE_WIRE,
        (EXPIRED_ON_THE_WIRE,),
        (HttpAnswered(200, "Microsoft-HTTPAPI/2.0"), Acknowledged(2, bytes(32)), NetworkPhaseStarted(), AddressAssigned("10.0.0.7")),
        {"tls": 0.1234},
    ),
    Depth.HTTP: Outcome(Verdict(Code.OK, Stage.HTTP, "It is served."), SERVED_ON_THE_WIRE, (), (HttpAnswered(401, None), HashProtocolNotAllowed(4))),
    Depth.TLS: Outcome(Verdict(Code.REFUSED, Stage.CONNECT, "It refuses.")),
}


SHOWN = Outcome(Verdict(Code.OK, Stage.TLS, "TLS is served."), ServedByTls((NEW.der,), "TLSv1.3", "TLS_AES_256_GCM_SHA384"))


@pytest.fixture(autouse=True, scope="module")
def yesterdays_report() -> None:
    report_of_yesterday()


@pytest.fixture(autouse=True)
def no_server_is_probed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "probe", lambda target: SHOWN if target.host == SHOWS_NEW else OUTCOMES[target.depth])


BEGUN = "2026-03-01T12:00:01.250Z"


class OneHost(Backend):
    """Answers with one state before a change, and with another after it."""

    def __init__(self, before: HostState, after: HostState) -> None:
        self._before, self._after = before, after
        self.mended = False

    def observe(self, scope: Any) -> HostState:
        return self._before

    def recover(self, scope: Any) -> HostState:
        self.mended = True
        return replace(self._before, interrupted=False)

    def apply(self, scope: Any, state: HostState, changes: Any, secret: Any = None) -> Applied:
        assert state.records == self._before.records
        step = {"kind": "set_ssl_record", "time": BEGUN, "changed": True, "skipped": False, "milliseconds": 3, "detail": {"atomic": True}}
        after = replace(self._after, events=(LoggedEvent(24, 2, parse_time(BEGUN), ("a value",)),))
        return Applied(after, tuple({**step, "index": index} for index, _change in enumerate(changes)), parse_time(BEGUN))


def perform(name: str, options: Json, backend: Backend, *, check_mode: bool) -> Json:
    action = action_module(name).ActionModule
    plugin = action.__new__(action)
    plugin._task = SimpleNamespace(check_mode=check_mode)
    validated = ArgumentSpecValidator(action.ARGUMENT_SPEC, **action.CONSTRAINTS).validate(options)
    assert validated.error_messages == []
    result: Json = plugin.attempt(validated.validated_parameters, backend)
    return result


def assert_documented(result: Any, contents: Json, path: str) -> None:
    """Each key has its entry and type, and each entry that says always or success has its key."""
    assert set(result) <= set(contents), path
    needed = {key for key, content in contents.items() if content["returned"] in ("always", "success")}
    assert needed <= set(result), path
    for key, value in result.items():
        content = contents[key]
        if value is None:
            continue
        assert content["type"] == "raw" or type(value) is TYPES[content["type"]], f"{path}.{key}"
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(value, list):
                assert type(inner) is TYPES[content["elements"]], f"{path}.{key}"
            if "contains" in content:
                assert_documented(inner, content["contains"], f"{path}.{key}")


def assert_same_keys(predicted: Any, real: Any, path: str) -> None:
    """Down to the last level; null stands for what cannot be known before."""
    if isinstance(predicted, dict) and isinstance(real, dict):
        assert predicted.keys() == real.keys(), path
        for key, value in predicted.items():
            assert_same_keys(value, real[key], f"{path}.{key}")
    elif isinstance(predicted, list) and isinstance(real, list):
        for number, (one, other) in enumerate(zip(predicted, real, strict=False)):
            assert_same_keys(one, other, f"{path}[{number}]")


def test_each_module_has_a_case() -> None:
    assert {case[0] for case in CASES} == set(ACTIONS)


@pytest.mark.parametrize("case", CASES, ids=["-".join([str(number), name, *options]) for number, (name, options, _before, _after) in enumerate(CASES)])
def test_results_are_as_documented_in_both_modes(case: Case, documents: dict[str, Json]) -> None:
    name, options, before, after = case
    results = [perform(name, options, OneHost(before, after), check_mode=check_mode) for check_mode in (True, False)]
    for result in results:
        shown = {key: value for key, value in result.items() if key not in RESULT_KEYWORDS}
        assert_documented(shown, documents[name]["return"], name)
        assert type(result["changed"]) is bool
    assert results[0].keys() == results[1].keys()
    if results[1]["changed"]:
        for part in set(results[0]) - {"diff"}:
            assert_same_keys(results[0][part], results[1][part], part)
    else:
        assert results[0] == results[1]
    assert results[0]["changed"] == results[1]["changed"]


def test_every_documented_key_is_seen_in_some_case(documents: dict[str, Json]) -> None:
    """Down to the last level, so that no entry is left over from an earlier form of the results."""
    seen: set[str] = set()

    def walk(value: Any, path: str) -> None:
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict):
                for key, content in inner.items():
                    seen.add(f"{path}.{key}")
                    walk(content, f"{path}.{key}")

    def entries(contents: Json, path: str) -> list[str]:
        paths = []
        for key, content in contents.items():
            if not content["returned"].startswith("failure"):
                paths += [f"{path}.{key}", *entries(content.get("contains", {}), f"{path}.{key}")]
        return paths

    for name, options, before, after in CASES:
        walk(perform(name, options, OneHost(before, after), check_mode=False), name)
    assert [path for name in ACTIONS for path in entries(documents[name]["return"], name) if path not in seen] == []


def failure_keys(name: str, documents: dict[str, Json]) -> set[str]:
    return {key for key, content in documents[name]["return"].items() if content["returned"].startswith("failure")}


def failing(**answer: Any) -> SstpError:
    """The error of a change that ends with this answer of the back-end."""
    error = {"function": None, "code": 5, "message": "no"}
    failure = {"index": 0, "kind": "delete_ssl_record", "error": error}
    steps = [{"index": 0, "kind": "delete_ssl_record", "time": BEGUN, "changed": True, "skipped": False, "milliseconds": 3, "detail": None}]
    result = {"outcome": "failed", "changes": steps, "failure": failure, "undone": [], "not_undone": [], "error": error, "state_id": "1", **answer}
    with pytest.raises(SstpError) as caught:
        Backend(lambda options: result).apply(Scope(), BEFORE, [DeleteRecord(V4)])
    return caught.value


@pytest.mark.parametrize("name", [name for name in WRITING if name != "report"])
def test_facts_of_a_failed_change_are_documented(name: str, documents: dict[str, Json]) -> None:
    refused, unread = failing(facts={"ports": [443]}), failing(failed=True, changed=True)
    assert set(refused.facts) == {"changed", "failure", "undone", "not_undone", "reboot_required"}
    assert set(unread.facts) == {"changed", "changes", "failure", "undone", "not_undone"}
    for error in (refused, unread):
        assert set(error.facts) <= failure_keys(name, documents)
        returned = {key: documents[name]["return"][key] for key in error.facts}
        assert_documented(error.facts, returned, name)


@pytest.mark.parametrize(
    ("name", "options", "state", "keys"),
    [
        pytest.param("certificate", {"state": "absent", "thumbprint": OLD.thumbprint}, BEFORE, {"used_by"}, id="removing what is used"),
        pytest.param("rotate", {"thumbprint": EXPIRED.thumbprint}, server(stored(OLD, "a"), stored(EXPIRED, "c")), {"rule"}, id="expired"),
    ],
)
def test_facts_of_a_refusal_are_documented(name: str, options: Json, state: HostState, keys: set[str], documents: dict[str, Json]) -> None:
    with pytest.raises(SstpError) as caught:
        perform(name, options, OneHost(state, state), check_mode=False)
    assert set(caught.value.facts) == keys
    assert keys <= failure_keys(name, documents)


@pytest.mark.parametrize("before", [pytest.param(WITHOUT_NEW, id="not there"), pytest.param(NO_KEY, id="without a key")])
def test_the_key_of_a_predicted_import_is_untested(before: HostState) -> None:
    result = perform("certificate", {"pfx": PFX, "friendly_name": "VPN 2026"}, OneHost(before, before), check_mode=True)
    assert result["changed"] is True
    assert result["certificate"] == result["certificates"][0]
    assert result["certificate"]["private_key"] == {
        "state": "untested", "provider": None, "container": None, "machine": True, "exportable": None, "acl_problem": None, "code": None,
    }  # fmt: skip
    assert (result["certificate"]["friendly_name"], result["certificate"]["certificate_store_name"]) == ("VPN 2026", "MY")
    there = "absent" if before is WITHOUT_NEW else "present, private key not usable"
    assert (result["diff"]["before"], result["diff"]["after"]) == ({NEW.thumbprint: there}, {NEW.thumbprint: "present"})


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_rotation_after_an_interruption_takes_it_back_first(check_mode: bool) -> None:
    result = perform("rotate", {"thumbprint": NEW.thumbprint}, OneHost(INTERRUPTED, ROTATED), check_mode=check_mode)
    assert result["plan"][:2] == ["take back an interrupted change", "stop RemoteAccess, RasMan, SstpSvc"]
    done = perform("rotate", {"thumbprint": NEW.thumbprint}, OneHost(replace(ROTATED, interrupted=True), ROTATED), check_mode=check_mode)
    assert (done["plan"], done["changed"], done["restarted"]) == (["take back an interrupted change"], True, False)


def test_a_role_in_check_mode_predicts_the_rotation_after_a_replaced_key() -> None:
    assert perform("certificate", {"pfx": PFX}, OneHost(NO_KEY, BEFORE), check_mode=True)["changed"] is True
    predicted = perform("rotate", {"pfx": PFX}, OneHost(NO_KEY, NO_KEY), check_mode=True)
    assert predicted["plan"] == perform("rotate", {"pfx": PFX}, OneHost(BEFORE, ROTATED), check_mode=False)["plan"]


def test_a_refusal_after_an_interruption_tells_that_something_was_changed() -> None:
    interrupted = replace(server(stored(OLD, "a"), stored(EXPIRED, "c")), interrupted=True)
    with pytest.raises(SstpError) as caught:
        perform("rotate", {"thumbprint": EXPIRED.thumbprint}, OneHost(interrupted, interrupted), check_mode=False)
    assert caught.value.facts.get("changed") is True


class Untouchable(OneHost):
    """Looks, and takes an interrupted change back; nothing else."""

    def apply(self, scope: Any, state: HostState, changes: Any, secret: Any = None) -> Applied:
        raise AssertionError("something was changed")


@pytest.mark.parametrize(
    ("name", "options", "state", "changed"),
    [
        ("rotate", {"thumbprint": NEW.thumbprint, "max_sessions": 11}, BEFORE, False),
        ("rotate", {"thumbprint": NEW.thumbprint, "mode": "administrator", "writer": "direct", "window": ["sat 22:00-03:00"]}, BEFORE, False),
        ("rotate", {"thumbprint": NEW.thumbprint, "max_sessions": 0}, CHOSEN, False),
        ("rotate", {"thumbprint": NEW.thumbprint, "max_sessions": 11}, INTERRUPTED, True),
        ("restart", {"max_sessions": 11}, BEFORE, False),
        ("restart", {"window": ["sat 22:00-03:00"]}, BEFORE, False),
    ],
)
def test_what_is_put_off_touches_nothing_and_is_predicted_so(name: str, options: Json, state: HostState, changed: bool) -> None:
    predicted, done = (perform(name, options, Untouchable(state, state), check_mode=check_mode) for check_mode in (True, False))
    assert predicted["deferred"] == done["deferred"]
    assert done["deferred"].startswith("The restart of RRAS was put off, so nothing was changed: ")
    assert (done["changed"], done["sessions"]) == (changed, 12)
    assert done["plan"] == (["take back an interrupted change"] if changed else [])
    if name == "rotate":
        assert (done["restarted"], done["evidence"], done["mode"]) == (False, None, state.mode)
        assert done["diff"]["before"] == done["diff"]["after"]


def test_a_restart_refuses_a_service_that_runs_although_disabled() -> None:
    services = tuple(replace(service, start=4) if service.name == "RasMan" else service for service in BEFORE.services)
    with pytest.raises(SstpError, match="RasMan runs although it is disabled"):
        perform("restart", {}, OneHost(replace(BEFORE, services=services), BEFORE), check_mode=False)


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_record_of_the_central_store_is_not_set(check_mode: bool) -> None:
    options = {"state": "present", "certificate_hash": NEW.thumbprint, "endpoints": ["ccs:443"]}
    with pytest.raises(SstpError, match="The record of ccs:443 has no certificate of its own .* it can only be removed here"):
        perform("ssl_binding", options, OneHost(CENTRAL, CENTRAL), check_mode=check_mode)


@pytest.mark.parametrize(
    ("name", "options", "state", "words"),
    [
        ("ssl_binding", {"state": "present", "certificate_hash": NEW.thumbprint}, CHOSEN, "would raise RasSstp event 32"),
        ("ssl_binding", {"state": "absent", "endpoints": ["vpn.example.com:443"]}, SHARED, "belongs to IIS"),
        ("ssl_binding", {"state": "absent", "endpoints": ["vpn.example.com:443"], "take_over": True}, SHARED, "is the last one of IIS"),
        ("registry_hash", {"state": "absent"}, CHOSEN, "isHashConfiguredByAdmin is 1"),
        ("registry_hash", {"state": "absent"}, OFFLOADED, "UseHttps is 0"),
        ("rotate", {"balancer": SHOWS_NOTHING, "mode": "offload"}, BEFORE, "shows the controller no certificate"),
        ("rotate", {"balancer": SHOWS_NEW, "sha256": OLD.sha256}, OFFLOADED, "does not agree"),
        ("rotate", {"balancer": SHOWS_NEW}, BEFORE, "serves TLS itself: give the certificate"),
        ("rotate", {"thumbprint": NEW.thumbprint, "port": 443, "listener_port": 8443}, BEFORE, "cannot be given together"),
        ("rotate", {"thumbprint": NEW.thumbprint}, SILENT, "RRAS does not say how it is configured"),
        ("rotate", {"thumbprint": NEW.thumbprint, "shared_records": True}, SHARED, "belongs to IIS"),
    ],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_what_the_documents_say_is_refused(name: str, options: Json, state: HostState, words: str, check_mode: bool) -> None:
    with pytest.raises(SstpError, match=words):
        perform(name, options, OneHost(state, state), check_mode=check_mode)


def test_an_import_that_replaced_a_certificate_in_vain_tells_that_something_was_changed() -> None:
    key = PrivateKey("b", "Microsoft Enhanced Cryptographic Provider v1.0", 24, 0x20, 1, 0, False)
    after = server(stored(OLD, "a"), replace(stored(NEW, "b"), key=key))
    with pytest.raises(SstpError, match="is not usable") as caught:
        perform("certificate", {"pfx": PFX}, OneHost(NO_KEY, after), check_mode=False)
    assert caught.value.facts.get("changed") is True
