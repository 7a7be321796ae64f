# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible inventories for hosts behind the lab's WinRM server."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.winrm import WinRMServer

GROUP = "sstp_servers"


@dataclass(frozen=True)
class Login:
    """A host of an inventory, the credentials that choose it at the server, and variables of its own.

    site: the group below the inventory's group that the host is in, if any.
    """

    name: str
    username: str
    password: str
    variables: Mapping[str, object] = field(default_factory=dict)
    site: str | None = None


def new_login(name: str, site: str | None = None, **variables: object) -> Login:
    """A login with a random password."""
    return Login(name, "lab-administrator", secrets.token_urlsafe(18), variables, site)


def write_inventory(path: Path, server: WinRMServer, logins: Sequence[Login], *, group: str = GROUP, heading: str = "") -> None:
    """Write a YAML inventory of these hosts; only the owner may read it, as it holds the passwords."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(heading + inventory_text(server, logins, group=group), encoding="utf-8")


def inventory_text(server: WinRMServer, logins: Sequence[Login], *, group: str = GROUP) -> str:
    lines = ["---", f"{group}:"]
    sites = list(dict.fromkeys(login.site for login in logins if login.site))
    lines += _hosts([login for login in logins if not login.site], "  ")
    if sites:
        lines.append("  children:")
    for site in sites:
        lines += [f"    {scalar(site)}:", *_hosts([login for login in logins if login.site == site], "      ")]
    lines.append("  vars:")
    lines += [f"    {name}: {scalar(value)}" for name, value in _connection(server).items()]
    return "\n".join(lines) + "\n"


def _hosts(logins: Sequence[Login], indent: str) -> list[str]:
    lines = [f"{indent}hosts:"] if logins else []
    for login in logins:
        lines.append(f"{indent}  {scalar(login.name)}:")
        variables = {"ansible_user": login.username, "ansible_password": login.password, **login.variables}
        lines += [f"{indent}    {name}: {scalar(value)}" for name, value in variables.items()]
    return lines


def _connection(server: WinRMServer) -> dict[str, object]:
    return {
        "ansible_connection": "winrm",
        "ansible_host": "127.0.0.1",
        "ansible_port": server.port,
        "ansible_winrm_scheme": "https",
        "ansible_winrm_transport": "basic",
        "ansible_winrm_server_cert_validation": "validate",
        "ansible_winrm_ca_trust_path": str(server.certificate_pem),
        "ansible_winrm_proxy": None,  # never through a proxy of the environment
    }


def scalar(value: object) -> str:
    """A value as JSON, which YAML reads; text that Ansible would take for a template is marked as none."""
    text = json.dumps(value)
    return f"!unsafe {text}" if isinstance(value, str) and "{" in value else text
