# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/rules.md, made from the rules themselves: `python -m rules_page` writes it, and a test sees that it is up to date."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import in_place  # noqa: F401
from ansible_collections.rras.sstp.plugins.plugin_utils.event_table import CODES, SERVER_EVENTS
from ansible_collections.rras.sstp.plugins.plugin_utils.repairs import Case, Commands
from ansible_collections.rras.sstp.plugins.plugin_utils.rules import TOPICS
from ansible_collections.rras.sstp.plugins.plugin_utils.rules.rule import ALL_MODES, Rule

PAGE = Path(__file__).resolve().parents[1] / "docs" / "rules.md"

HEAD = """# Rules of the audit

This page is made from the code (`make rules`). Each finding of `rras.sstp.audit` has the id of its rule, with what was expected, what was found and a command
that does something about it.

* **Severity** is the rule's own; some findings weigh less in milder cases, and say so. `severities` gives rules about certificates another one.
* **Event** is the event of RasSstp that the server logs for it at the next start of the service, where one is known.
* **Healed by a rotation** means that `rras.sstp.rotate` mends it with the certificate at hand; such rules can be given to `playbooks/heal.yml`.
* **Repair** is the command as a finding has it, with words in capitals where it has names of your servers. Where the server has several ways out, it is the one
  that destroys least. `-i` and passwords come with your inventory.

A rule is switched off with `ignore_rules`, which takes the reason: `-e '{"ignore_rules": {"revocation_absent": "internal CA, CRL from March on"}}'`. Reports
show it.
"""


class Placeholders(dict[str, str]):
    """What a rule would know, as words in capitals."""

    def __missing__(self, key: str) -> str:
        return "" if key in ("successor", "program", "shared", "heals", "automatic") else key.upper()


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(line for title, rules in TOPICS for line in _topic(title, rules)), *_events(), *_codes()])


def _topic(title: str, rules: tuple[Rule, ...]) -> Iterator[str]:
    yield f"## {title}\n"
    for rule in rules:
        yield from _rule(rule)


def _rule(rule: Rule) -> Iterator[str]:
    event = f"event {rule.event}" if rule.event else "no event"
    healed = "healed by a rotation" if rule.repairable else "not healed by a rotation alone"
    modes = "" if rule.modes == ALL_MODES else f", in {' and '.join(rule.modes)} mode"
    yield f"### `{rule.id}`\n"
    yield f"{rule.severity.capitalize()}, {event}, {healed}{modes}. Expected: {rule.expected}.\n"
    yield f"{rule.why}\n"
    yield f"What to do: {rule.remedy}.\n"
    if rule.repair:
        yield f"    {rule.repair(Case(Commands(), 'THUMBPRINT', details=Placeholders()))}\n"


def _events() -> Iterator[str]:
    yield "## Events of RasSstp that a server logs\n"
    yield "They are read by id and by the values that they carry, never by their text. Those of clients are in [troubleshooting.md](troubleshooting.md).\n"
    yield "| event | says | what to do |"
    yield "|---:|---|---|"
    yield from (f"| {number} | {meaning.text} | {meaning.remedy} |" for number, meaning in SERVER_EVENTS.items())
    yield ""


def _codes() -> Iterator[str]:
    yield "## Codes that events carry\n"
    yield "| code | means | usually |"
    yield "|---|---|---|"
    yield from (f"| 0x{code:08X} | {meaning} | {cause} |" for code, (meaning, cause) in CODES.items())
    yield ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.name} is up to date.")
