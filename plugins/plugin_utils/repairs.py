# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that repair what an audit finds, each as it is pasted into a shell of the controller. PRIVATE to the collection."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .names import CONFIG_STORE_KEY, RRAS_SERVICE

NEW_PFX = "NEW.pfx"
_PLAIN = re.compile(r"[\w.:@%+/,\[\]-]+", re.ASCII)


@dataclass(frozen=True)
class Commands:
    """How commands name the host: as the inventory has it; inventory: the sources of that, where they are known.

    names_certificate: whether the inventory says to which certificate the role rotates the host, so that a command must not name another.
    """

    host: str = "HOST"
    inventory: tuple[str, ...] = ()
    names_certificate: bool = False

    def playbook(self, name: str, **variables: str) -> str:
        """A playbook of this collection for this host."""
        words = ["ansible-playbook", f"rras.sstp.{name}", *self._inventory()]
        for variable, value in {"target": self.host, **variables}.items():
            words += ["-e", _extra(variable, value)]
        return shlex.join(words)

    def module(self, name: str, options: Mapping[str, Any], *, on: str = "") -> str:
        """A module of this collection, alone."""
        given = ["-a", json.dumps(options)] if options else []
        return shlex.join(["ansible", on or self.host, *self._inventory(), "-m", f"rras.sstp.{name}", *given])

    def powershell(self, script: str) -> str:
        """PowerShell on the host: https://docs.ansible.com/ansible/latest/collections/ansible/builtin/raw_module.html"""
        return shlex.join(["ansible", self.host, *self._inventory(), "-m", "ansible.builtin.raw", "-a", script])

    def _inventory(self) -> list[str]:
        return [word for source in self.inventory for word in ("-i", source)]


def _extra(variable: str, value: str) -> str:
    """ansible-core splits name=value at spaces and reads quotes and backslashes in it, whatever the shell has made of them; JSON it takes as it is."""
    return f"{variable}={value}" if _PLAIN.fullmatch(value) else json.dumps({variable: value})


@dataclass(frozen=True)
class Case:
    """What a repair is about. thumbprint: the certificate with which a rotation heals it, "" where there is none at hand.

    balancer: the device that ends TLS, "" where nobody has named it. offload: whether the server is behind one. details: what the rule knows beside
    its sentence.
    """

    commands: Commands
    thumbprint: str = ""
    balancer: str = ""
    offload: bool = False
    details: Mapping[str, str] = field(default_factory=dict)


Repair = Callable[[Case], "str | None"]


# --- by a rotation ---


def rotate(case: Case) -> str:
    """To the certificate at hand, else to one that has to be got; in offload mode to what the balancer shows, as a server there is given no other."""
    return rotate_with_balancer(case) if case.offload else _rotate(case, case.thumbprint)


def rotate_anew(case: Case) -> str:
    """To a certificate that has to be got; or to the one that follows, where it is in the store already."""
    return _rotate(case, case.details.get("successor", ""))


def rotate_sharing(case: Case) -> str:
    """The records that have SSTP's certificate follow it."""
    return _rotate(case, case.details.get("successor", ""), sstp_certificate_shared_records="true", sstp_certificate_take_over="true")


def rotate_with_balancer(case: Case) -> str:
    return case.commands.playbook("rotate", sstp_certificate_balancer=case.balancer or "BALANCER")


def rotate_to_administrator(case: Case) -> str:
    """So that RRAS itself knows the certificate."""
    return _rotate(case, case.thumbprint, sstp_certificate_mode="administrator")


def _rotate(case: Case, thumbprint: str, **more: str) -> str:
    source = {"sstp_certificate_thumbprint": thumbprint} if thumbprint else {"sstp_certificate_pfx": NEW_PFX}
    return case.commands.playbook("rotate", **({} if case.commands.names_certificate else source), **more)


# --- by another module ---


def audit_with_balancer(case: Case) -> str:
    return case.commands.playbook("audit", sstp_certificate_balancer=case.balancer or "BALANCER")


def give_chain(case: Case) -> str:
    """The issuers that come with a certificate are brought to the store CA, also where the certificate itself is there already."""
    return case.commands.module("certificate", {"certificate": "FULLCHAIN.pem", "private_key": "KEY.pem"})


def clear_the_way(case: Case) -> str:
    """A record of nobody known is removed; a program's is given the certificate of the pair, as without a record it would serve nothing."""
    options: dict[str, Any] = {"endpoints": [case.details["endpoint"]], "take_over": True}
    if case.details.get("program") and case.details.get("bound"):
        same = {"app_id": case.details["program"], "certificate_hash": case.details["bound"]}
        return case.commands.module("ssl_binding", {**options, **same, "state": "present"})
    return case.commands.module("ssl_binding", {**options, "state": "absent"})


def make_it_of_sstp(case: Case) -> str:
    """The owner of a record is a hint for people and programs; what is served stays the same."""
    same = {"certificate_hash": case.details["certificate_hash"], "certificate_store_name": case.details["store"]}
    return case.commands.module("ssl_binding", {"endpoints": [case.details["endpoint"]], **same, "take_over": True, "state": "present"})


def remove_container(case: Case) -> str:
    return case.commands.module("certificate", {"key_container": case.details["container"], "state": "absent"})


def restart(case: Case) -> str:
    return case.commands.module("restart", {})


def probe(case: Case) -> str:
    """From the controller, as clients see it."""
    return case.commands.module("probe", {"host": case.details["host"], "port": case.details["port"]}, on="localhost")


# --- by PowerShell on the server ---


def move_issuer(case: Case) -> str:
    return case.commands.powershell(rf"Move-Item Cert:\LocalMachine\Root\{case.details['thumbprint']} Cert:\LocalMachine\CA")


def listen(case: Case) -> str:
    """https://learn.microsoft.com/windows-server/administration/windows-commands/netsh-http"""
    return case.commands.powershell("; ".join(f"netsh http add iplisten ipaddress={address}" for address in case.details["addresses"].split()))


def enable_rras(case: Case) -> str:
    return case.commands.powershell(f"Set-Service {RRAS_SERVICE} -StartupType Automatic; Start-Service {RRAS_SERVICE}")


def install_rras(case: Case) -> str:
    """https://learn.microsoft.com/powershell/module/remoteaccess/install-remoteaccess"""
    return case.commands.powershell("Install-WindowsFeature DirectAccess-VPN, Routing -IncludeManagementTools; Install-RemoteAccess -VpnType Vpn")


def look_at_log(case: Case) -> str:
    """What SSTP, HTTP.SYS and Schannel have logged."""
    wanted = "Where-Object ProviderName -In Microsoft-Windows-RasSstp, RasSstp, Microsoft-Windows-HttpEvent, Schannel"
    script = f"Get-WinEvent -LogName System -MaxEvents 2000 | {wanted} | Select-Object -First 20 | Format-List TimeCreated, Id, Message"
    return case.commands.powershell(script)


def restart_management(case: Case) -> str:
    return case.commands.powershell("Restart-Service RaMgmtSvc")


def set_use_http(case: Case) -> str:
    """https://learn.microsoft.com/powershell/module/remoteaccess/set-remoteaccess"""
    return case.commands.powershell(f"Set-RemoteAccess -UseHttp ${case.details['use_http']}")


def set_config_store(case: Case) -> str:
    name, number = case.details["name"], case.details["number"]
    return case.commands.powershell(f"Set-ItemProperty HKLM:\\{CONFIG_STORE_KEY} -Name {name} -Value {number} -Type DWord")
