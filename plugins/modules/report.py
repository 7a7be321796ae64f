#!/usr/bin/python
# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: report
short_description: Make a report of an audited fleet as one HTML page, JSON and CSV
version_added: 0.1.0
description:
  - Makes files on the controller from what M(rras.sstp.audit) returned at each host of a play. Hosts that were not reached, or at which the audit failed,
    are in it like all others.
  - The HTML page needs nothing but itself. It asks for nothing from any network, and can be read without JavaScript, printed, and sent by mail.
  - The JSON has all of it for programs, in the schema of C(docs/report.schema.json). The CSV has a row for each finding, and one for each host that
    has none. Its texts are safe against formulas.
  - It says what is new since the JSON of last time, and what is gone. Findings are the same by their id and subject at a host. A host is compared with the
    last audit that reached it, so an outage in between is no news.
  - No connection to a host is opened. Run it once for the play, with C(run_once).
options:
  results:
    description:
      - For each host, by its inventory name, the registered result of M(rras.sstp.audit).
      - Its C(record) is used. Where there is none, C(unreachable), C(failed) and C(msg) tell why. An empty dictionary stands for a host from which
        nothing came back.
    type: dict
    required: true
  dest:
    description:
      - The directory on the controller. It is created where it is missing, its parents too.
      - A relative path is one from the current directory.
    type: path
    required: true
  name:
    description:
      - The name of the files without their extension.
    type: str
    default: sstp-audit
  formats:
    description:
      - Which files to make.
      - Without V(json) there is nothing to compare the next report with, unless O(previous) names it.
    type: list
    elements: str
    choices: [html, json, csv]
    default: [html, json, csv]
  previous:
    description:
      - The JSON of last time on the controller.
      - By default the JSON that lies in O(dest) under O(name), where there is one. Where it is no such JSON, or is of another schema, the module fails and
        writes nothing.
    type: path
  title:
    description:
      - The heading of the page.
    type: str
    default: Audit of SSTP certificates
attributes:
  action:
    description: Has an action plugin, so that it runs on the controller.
    support: full
  async:
    description: Can be used with the C(async) keyword.
    support: none
    details:
      - Ansible cannot run an action plugin in the background.
  check_mode:
    description: Can run in check mode, predicting what a real run would do and changing nothing.
    support: full
  diff_mode:
    description: Returns what has changed, or would change, when run in diff mode.
    support: full
    details:
      - Shows the numbers of the summary before and after.
  idempotent:
    description: Run again with the same options and an unchanged target, it changes nothing.
    support: full
    details:
      - Made again from the same audits, the report is the same to the byte, the time of its making included, and what was new stays new.
        Where O(formats) leaves V(json) out, no host has a record, or O(title) differs, the files are made anew.
  platform:
    description: The operating systems that can be targets.
    support: full
    details:
      - Nothing happens on the target.
    platforms: all
requirements:
  - "On the controller: the Python library cryptography."
notes:
  - The files have the mode C(0644), or a stricter one where the umask says so. They name hosts, addresses and what is wrong with them.
  - Each file is replaced at once, so that nobody reads half of one.
seealso:
  - module: rras.sstp.audit
    description: Where the results come from.
author:
  - The rras.sstp authors (@rras-sstp)
"""

EXAMPLES = r"""
- name: Audit, and go on at whatever comes of it
  rras.sstp.audit:
  register: audited
  ignore_errors: true
  ignore_unreachable: true

- name: Make the report of all hosts, those that were not reached too
  rras.sstp.report:
    results: "{{ dict(ansible_play_hosts_all | zip(ansible_play_hosts_all | map('extract', hostvars) | map(attribute='audited', default={}))) }}"
    dest: reports
  run_once: true
  register: report

- name: Show where the page is
  ansible.builtin.debug:
    msg: "{{ report.files.html }}: {{ report.summary.with_errors }} hosts with errors, {{ report.summary.new_findings }} new findings"

- name: Compare with the report of last month, and see what there is without writing anything
  rras.sstp.report:
    results: "{{ dict(ansible_play_hosts_all | zip(ansible_play_hosts_all | map('extract', hostvars) | map(attribute='audited', default={}))) }}"
    dest: reports
    name: sstp-monthly
    previous: reports/sstp-2026-10.json
  run_once: true
  check_mode: true
"""

RETURN = r"""
files:
  description: The path of each file by its format. In check mode, where they would be.
  returned: success
  type: dict
  contains:
    html:
      description: The page.
      returned: when asked for
      type: str
      sample: /srv/reports/sstp-audit.html
    json:
      description: The document.
      returned: when asked for
      type: str
      sample: /srv/reports/sstp-audit.json
    csv:
      description: The table.
      returned: when asked for
      type: str
      sample: /srv/reports/sstp-audit.csv
summary:
  description: The fleet in numbers.
  returned: success
  type: dict
  contains: &summary
    hosts:
      description: How many hosts are in the report.
      returned: always
      type: int
      sample: 12
    compliant:
      description: Hosts without an error among their findings.
      returned: always
      type: int
      sample: 7
    with_errors:
      description: Hosts with an error.
      returned: always
      type: int
      sample: 3
    with_warnings:
      description: Hosts whose gravest finding is a warning.
      returned: always
      type: int
      sample: 1
    unreachable:
      description: Hosts that could not be reached.
      returned: always
      type: int
      sample: 1
    failed:
      description: Hosts at which the audit failed, or from which nothing came back.
      returned: always
      type: int
      sample: 1
    new_findings:
      description: Findings that were not there last time. V(0) where there is no report of last time.
      returned: always
      type: int
      sample: 3
    gone_findings:
      description: Findings of last time that are not there any more, at hosts that were reached.
      returned: always
      type: int
      sample: 2
    added_hosts:
      description: Hosts that were not in the report of last time.
      returned: always
      type: int
      sample: 0
    removed_hosts:
      description: Hosts that only the report of last time has.
      returned: always
      type: int
      sample: 0
    soonest_expiry:
      description: The certificate that ends first, of all that any place of a host shows. V(null) where none is known.
      returned: always
      type: dict
      contains:
        host:
          description: Where it is.
          returned: always
          type: str
          sample: vpn03.example.com
        subject:
          description: Its subject.
          returned: always
          type: str
          sample: CN=vpn.example.com
        not_after:
          description: The end of its validity, in ISO 8601, UTC.
          returned: always
          type: str
          sample: "2026-12-14T09:00:00Z"
        days_left:
          description: How many days that is away by the clock of the host. Below V(0) where it has expired.
          returned: always
          type: int
          sample: 19
document:
  description: All of it, as it is in the JSON and as C(docs/report.schema.json) describes it.
  returned: success
  type: dict
  contains:
    schema:
      description: The version of the schema, V(1).
      returned: always
      type: int
      sample: 1
    made:
      description: When the report was made, by the controller's clock, in ISO 8601, UTC. A report that is made again from the same audits keeps it.
      returned: always
      type: str
      sample: "2026-11-25T06:00:00Z"
    title:
      description: As O(title).
      returned: always
      type: str
      sample: Audit of SSTP certificates
    compared_with:
      description: When the report of last time was made. V(null) where there is none.
      returned: always
      type: str
      sample: "2026-11-24T06:00:00Z"
    summary:
      description: As RV(summary).
      returned: always
      type: dict
      contains: *summary
    hosts:
      description: The hosts in the order of their names.
      returned: always
      type: list
      elements: dict
      contains:
        host:
          description: The inventory name.
          returned: always
          type: str
          sample: vpn01.example.com
        state:
          description: V(ok), V(warning) or V(error) by the gravest finding, V(unreachable), or V(failed) where there is no record for another reason.
          returned: always
          type: str
          sample: error
        message:
          description: Why there is no record. V(null) where there is one.
          returned: always
          type: str
          sample: null
        record:
          description: As RV(rras.sstp.audit#module:record). V(null) where there is none.
          returned: always
          type: dict
        added:
          description: Whether the host was not in the report of last time.
          returned: always
          type: bool
          sample: false
        new:
          description: Findings that the last audit which reached the host did not have.
          returned: always
          type: list
          elements: dict
          contains: &known
            id:
              description: The rule.
              returned: always
              type: str
              sample: registry_sha256_different
            severity:
              description: V(error), V(warning) or V(info).
              returned: always
              type: str
              sample: error
            subject:
              description: What the finding is about.
              returned: always
              type: str
              sample: SHA256CertificateHash
        gone:
          description: Findings that only the last audit which reached the host had.
          returned: always
          type: list
          elements: dict
          contains: *known
        last_seen:
          description: The last audit that reached the host, where this one did not. V(null) otherwise, or where none is known.
          returned: always
          type: dict
          contains:
            time:
              description: When that was, by the clock of the host, in ISO 8601, UTC.
              returned: always
              type: str
              sample: "2026-11-23T06:00:00Z"
            findings:
              description: What it found.
              returned: always
              type: list
              elements: dict
              contains: *known
    removed_hosts:
      description: Hosts that only the report of last time has, by name.
      returned: always
      type: list
      elements: str
      sample: []
diff:
  description: The summary before and after. Before is empty where no report lies there.
  returned: success
  type: dict
"""
