# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of repairs: each can be pasted, and names playbooks, modules, options and variables that there are."""

from __future__ import annotations

import dataclasses
import importlib
import itertools
import json
import shlex
from pathlib import Path

import pytest
import yaml
from ansible.parsing.splitter import parse_kv
from ansible_collections.rras.sstp.plugins.plugin_utils import repairs
from ansible_collections.rras.sstp.plugins.plugin_utils.findings import Policy
from ansible_collections.rras.sstp.plugins.plugin_utils.repairs import Case, Commands
from ansible_collections.rras.sstp.plugins.plugin_utils.rules import RULES, judge
from ansible_collections.rras.sstp.plugins.plugin_utils.state import RegistryValue
from host_factory import healthy, offloading, with_parameter, with_sha256
from hypothesis import given
from hypothesis import strategies as st

REPOSITORY = Path(__file__).resolve().parents[3]
PLAYBOOKS = {path.stem for path in (REPOSITORY / "playbooks").glob("*.yml")}
OPTIONS_OF_ROLE = yaml.safe_load((REPOSITORY / "roles/sstp_certificate/meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
THUMBPRINT = "00112233445566778899AABBCCDDEEFF00112233"
REPAIRS = [pytest.param(rule.repair, id=rule.id) for rule in RULES if rule.repair]
# What a shell cannot be given at all.
words = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)))


class Placeholders(dict):
    """Details of every name: each is its name in capitals."""

    def __missing__(self, name):
        return name.upper()


CASES = [
    pytest.param(Case(Commands(), details=Placeholders()), id="nothing at hand"),
    pytest.param(Case(Commands("vpn01"), THUMBPRINT, details=Placeholders()), id="a certificate at hand"),
    pytest.param(Case(Commands("vpn01"), balancer="vpn.example.com:8443", details=Placeholders()), id="a balancer"),
    pytest.param(
        Case(Commands("Lee's server", ("inventory files/hosts.yml", 'in "quotes"')), THUMBPRINT, details=Placeholders(successor=THUMBPRINT)),
        id="spaces and quotes",
    ),
    pytest.param(
        Case(Commands("vpn01"), details=Placeholders(shared="yes", program="yes", bound=THUMBPRINT, automatic="yes", heals="yes")),
        id="every detail that is asked for",
    ),
    pytest.param(Case(Commands("vpn01"), details=Placeholders(program="yes", bound=THUMBPRINT)), id="a record of a program"),
]


def variables_of(command):
    """As ansible-core reads extra variables."""
    read = {}
    for word in words_after(command, "-e"):
        read |= json.loads(word) if word.startswith("{") else parse_kv(word)
    return read


def words_after(command, flag):
    return [word for before, word in itertools.pairwise(command) if before == flag]


# --- every rule ---


@pytest.mark.parametrize("repair", REPAIRS)
@pytest.mark.parametrize("case", CASES)
def test_a_repair_can_be_pasted(repair, case):
    line = repair(case)
    assert line.splitlines() == [line]
    program, first, *rest = shlex.split(line)
    assert program in ("ansible", "ansible-playbook")
    assert words_after(rest, "-i") == list(case.commands.inventory)
    if program == "ansible-playbook":
        assert variables_of(rest)["target"] == case.commands.host
    elif words_after(rest, "-m") != ["rras.sstp.probe"]:
        assert first == case.commands.host


@pytest.mark.parametrize("repair", REPAIRS)
@pytest.mark.parametrize("case", CASES)
def test_what_a_repair_names_is_there(repair, case):
    program, first, *rest = shlex.split(repair(case))
    if program == "ansible-playbook":
        assert first.removeprefix("rras.sstp.") in PLAYBOOKS
        assert variables_of(rest).keys() <= {"target", *OPTIONS_OF_ROLE}
        return
    (module,) = words_after(rest, "-m")
    if module == "ansible.builtin.raw":
        return
    spec = importlib.import_module(f"ansible_collections.rras.sstp.plugins.action.{module.removeprefix('rras.sstp.')}").ARGUMENT_SPEC
    options = json.loads((words_after(rest, "-a") or ["{}"])[0])
    assert options.keys() <= spec.keys()
    assert all(options[name] in given.get("choices", [options[name]]) for name, given in spec.items() if name in options)
    assert {name for name, given in spec.items() if given.get("required")} <= options.keys()


@pytest.mark.parametrize("repair", REPAIRS)
@pytest.mark.parametrize("case", CASES)
def test_powershell_comes_through_the_shell_whole(repair, case):
    """Neither what a shell replaces in double quotes, nor the end of what is in single ones."""
    program, _first, *rest = shlex.split(repair(case))
    if program == "ansible" and words_after(rest, "-m") == ["ansible.builtin.raw"]:
        (script,) = words_after(rest, "-a")
        assert "'" not in script
        assert '"' not in script
        # ansible-core would take it for a template.
        assert "{{" not in script
        assert "{%" not in script
        # ansible-core takes words with = apart, but for those that this module has no option for.
        assert parse_kv(script, check_raw=True) == {"_raw_params": script}


IIS = "{4dc3e181-e14b-4a21-b022-59fc669b0914}"


def test_few_rules_have_no_repair():
    without = {"account_not_elevated", "served_different", "mode_not_wanted", "port_not_wanted", "hash_not_wanted"}
    assert {rule.id for rule in RULES if rule.repair is None} == without


# --- quoting ---


@given(words, st.lists(words))
def test_any_host_and_inventory_come_back_from_the_shell(host, inventory):
    commands = Commands(host, tuple(inventory))
    sources = [word for source in inventory for word in ("-i", source)]
    assert shlex.split(commands.module("restart", {})) == ["ansible", host, *sources, "-m", "rras.sstp.restart"]
    program, playbook, *rest = shlex.split(commands.playbook("audit"))
    assert (program, playbook, rest[:-2]) == ("ansible-playbook", "rras.sstp.audit", sources)
    assert variables_of(rest[-2:]) == {"target": host}


@given(words)
def test_any_text_of_a_host_comes_back_from_the_shell(text):
    """Names of key containers and host names of records are written by others."""
    commands = Commands("vpn01")
    assert shlex.split(commands.powershell(text))[-1] == text
    container = shlex.split(repairs.remove_container(Case(commands, details={"container": text})))[-1]
    assert json.loads(container) == {"key_container": text, "state": "absent"}
    endpoint = shlex.split(repairs.clear_the_way(Case(commands, details={"endpoint": text})))[-1]
    assert json.loads(endpoint) == {"endpoints": [text], "take_over": True, "state": "absent"}


# --- one by one ---


def test_without_an_inventory_the_host_is_a_placeholder():
    assert Commands().module("restart", {}) == "ansible HOST -m rras.sstp.restart"


def test_a_rotation_is_to_the_certificate_at_hand_else_to_a_new_one():
    assert repairs.rotate(Case(Commands("vpn01"), THUMBPRINT)).endswith(f" -e sstp_certificate_thumbprint={THUMBPRINT}")
    assert repairs.rotate(Case(Commands("vpn01"))).endswith(" -e sstp_certificate_pfx=NEW.pfx")


def test_behind_a_balancer_a_rotation_is_to_what_that_shows():
    """A server in offload mode refuses a certificate without it."""
    assert repairs.rotate(Case(Commands("vpn01"), offload=True)).endswith(" -e sstp_certificate_balancer=BALANCER")
    assert repairs.rotate(Case(Commands("vpn01"), balancer="lb", offload=True)).endswith(" -e sstp_certificate_balancer=lb")


@pytest.mark.parametrize(
    ("state", "rule"),
    [
        pytest.param(with_sha256(offloading(healthy()), None), "registry_sha256_malformed", id="hash malformed"),
        pytest.param(with_parameter(offloading(healthy()), "SHA256CertificateHash", None), "registry_sha256_missing", id="hash missing"),
        pytest.param(dataclasses.replace(offloading(healthy()), interrupted=True), "rotation_interrupted", id="interrupted"),
        pytest.param(
            dataclasses.replace(offloading(healthy()), config_store={"UseHttps": RegistryValue("dword", 1)}), "config_store_different", id="ConfigStore differs"
        ),
    ],
)
def test_no_repair_behind_a_balancer_is_one_that_is_refused(state, rule):
    repair = {finding.id: finding.repair for finding in judge(state, Policy()).findings}[rule]
    assert repair == "ansible-playbook rras.sstp.rotate -e target=HOST -e sstp_certificate_balancer=BALANCER"


def test_a_rotation_to_a_new_one_leaves_the_one_at_hand_alone():
    assert THUMBPRINT not in repairs.rotate_anew(Case(Commands("vpn01"), THUMBPRINT))
    assert repairs.rotate_anew(Case(Commands("vpn01"), details={"successor": THUMBPRINT})).endswith(f" -e sstp_certificate_thumbprint={THUMBPRINT}")


def test_a_balancer_that_nobody_has_named_is_a_placeholder():
    assert repairs.rotate_with_balancer(Case(Commands("vpn01"))).endswith(" -e sstp_certificate_balancer=BALANCER")
    assert repairs.audit_with_balancer(Case(Commands("vpn01"), balancer="lb:8443")).endswith(" -e sstp_certificate_balancer=lb:8443")


def test_the_record_of_a_program_gets_the_certificate_of_the_pair():
    case = Case(Commands("vpn01"), details={"endpoint": "a.example.com:443", "program": IIS, "bound": THUMBPRINT})
    assert json.loads(shlex.split(repairs.clear_the_way(case))[-1]) == {
        "endpoints": ["a.example.com:443"],
        "take_over": True,
        "app_id": IIS,
        "certificate_hash": THUMBPRINT,
        "state": "present",
    }


def test_each_address_is_added_to_the_listen_list():
    script = shlex.split(repairs.listen(Case(Commands("vpn01"), details={"addresses": "203.0.113.5 2001:db8::5"})))[-1]
    assert script == "netsh http add iplisten ipaddress=203.0.113.5; netsh http add iplisten ipaddress=2001:db8::5"


def test_an_issuer_is_moved_to_the_store_for_intermediate_ones():
    script = shlex.split(repairs.move_issuer(Case(Commands("vpn01"), details={"thumbprint": THUMBPRINT})))[-1]
    assert script == rf"Move-Item Cert:\LocalMachine\Root\{THUMBPRINT} Cert:\LocalMachine\CA"


def test_a_value_of_config_store_is_set_by_its_path():
    script = shlex.split(repairs.set_config_store(Case(Commands("vpn01"), details={"name": "ListenerPort", "number": "443"})))[-1]
    assert script == r"Set-ItemProperty HKLM:\SYSTEM\CurrentControlSet\Services\SstpSvc\Parameters\ConfigStore -Name ListenerPort -Value 443 -Type DWord"


def test_a_probe_is_made_by_the_controller_on_the_port_that_was_looked_at():
    program, host, *rest = shlex.split(repairs.probe(Case(Commands("vpn01"), details={"host": "203.0.113.5", "port": "8443"})))
    assert (program, host) == ("ansible", "localhost")
    assert json.loads(rest[-1]) == {"host": "203.0.113.5", "port": "8443"}
