# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server was found with comes through playbooks as it is: never as a template, a command or a line of its own."""

from __future__ import annotations

from typing import Any

import pytest
from lab import judge
from lab.agent import SSTPSVC, Record
from running import Run
from servers import PASSWORD, Site

pytestmark = pytest.mark.simulated
ROLE = "rras.sstp.sstp_certificate"
# Whoever takes it for a template leaves a file behind, or a 49.
TEMPLATE = "{{ 7*7 }}{% if 1 %}{{ lookup('pipe', 'touch executed') }}{% endif %} '\"$(touch executed)` \r\n\u202e#"
JOURNAL = r"SOFTWARE\rras.sstp\Journal"


def make_hostile(site: Site) -> None:
    host = site.host
    host.agent.set_value(SSTPSVC, TEMPLATE, TEMPLATE)
    host.agent.name_certificate(site.old.thumbprint, TEMPLATE)
    for record in host.agent.records():
        host.agent.delete_record(record.family, record.endpoint)
    host.bind(site.old.thumbprint, ctl_identifier=TEMPLATE, ctl_store=TEMPLATE)
    host.agent.set_record(Record("sni", f"{TEMPLATE.lower()}:443", site.old.thumbprint, ctl_identifier=TEMPLATE))


def check_nothing_was_run(site: Site, run: Run) -> None:
    assert list(site.controller.folder.rglob("executed")) == []
    assert "49{%" not in run.output
    assert "49'" not in run.output


def test_texts_of_a_server_come_through_variables_roles_and_snapshots_as_they_are(site: Site) -> None:
    make_hostile(site)
    before = site.host.state()
    role = {"name": "Rotate", "ansible.builtin.include_role": {"name": ROLE}}
    options = {"pfx": "new.pfx", "pfx_password": PASSWORD, "shared_records": True, "friendly_name": "a 'b' \"c\"\n$(d) %e% \u202ef"}
    run = site.controller.tasks(
        {"rras.sstp.server_info": {}, "register": "seen"},
        {"ansible.builtin.set_fact": {"kept": "{{ seen.server.parameters }}", "name": "{{ seen.server.certificates[0].friendly_name }}"}},
        {"ansible.builtin.debug": {"msg": ["{{ kept }}", "{{ name }}"]}},
        role,
        {"ansible.builtin.debug": {"var": "sstp_certificate_result"}},
        {"ansible.builtin.set_fact": {"snapshot": "{{ sstp_certificate_result.snapshot }}"}},
        {"rras.sstp.audit": {"fail_on": "never"}},
        {"rras.sstp.restore": {"snapshot": "{{ snapshot }}"}},
        vars={f"sstp_certificate_{name}": value for name, value in options.items()},
    ).succeeded()
    check_nothing_was_run(site, run)
    (parameters, name), result = run.of("debug")[0]["msg"], run.of("debug")[1]["sstp_certificate_result"]
    assert (parameters[TEMPLATE], name) == (TEMPLATE, TEMPLATE)
    assert {record["ctl_identifier"] for record in result["snapshot"]["records"]} == {TEMPLATE}
    assert all("\n" not in phrase for phrase in run.one("rotate")["plan"])
    state = site.host.state()
    assert state["http"] == before["http"]
    assert state["sstpsvc"] == before["sstpsvc"]
    names: dict[str, Any] = {item["thumbprint"]: item["friendly_name"] for item in state["certificates"]["MY"]}
    assert names == {site.old.thumbprint: TEMPLATE, site.new.thumbprint: options["friendly_name"]}


def test_a_failure_that_quotes_a_server_is_one_line_and_no_template(site: Site) -> None:
    make_hostile(site)
    site.host.keep(site.new)
    site.host.agent.set_value(JOURNAL, "0001", TEMPLATE)
    before = site.host.state()["http"]
    run = site.controller.playbook("rras.sstp.rotate", variables=site.rotation()).failed()
    check_nothing_was_run(site, run)
    words = run.failures[-1]
    assert words.startswith("An earlier, interrupted change could not be taken back: unreadable (Invalid JSON primitive: {{ 7*7 }}")
    assert "\\r\\n\\u202e#" in words
    assert "\n" not in words
    assert site.host.state()["http"] == before
    assert judge.working(site.host.state()) == []
