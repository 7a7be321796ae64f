# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where other programs of a Windows server write the thumbprint of the certificate that they use. PRIVATE to the collection.

Records of HTTP.SYS are not among them, which are read in any case; RD Gateway, AD FS and SSTP itself have theirs there.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """owner: the program as people call it. kind: registry (path is below HKLM) or file (path may hold %variables%)."""

    owner: str
    kind: str
    path: str

    def to_wire(self) -> dict[str, str]:
        return {"kind": self.kind, "path": self.path}

    def at(self, where: str | None) -> str:
        """The spot in it, as people write it; where is as the back-end tells it."""
        if self.kind == "file":
            return self.path
        return f"HKLM\\{self.path}" + (f"\\{where}" if where else "")


_WINDOWS = r"SOFTWARE\Microsoft\Windows\CurrentVersion"
_TERMINAL = r"SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations"
_SERVICES = r"SYSTEM\CurrentControlSet\Services"

PLACES = (
    # https://learn.microsoft.com/windows/win32/winrm/installation-and-configuration-for-windows-remote-management
    Place("WinRM", "registry", rf"{_WINDOWS}\WSMAN"),
    # https://learn.microsoft.com/troubleshoot/windows-server/remote/remote-desktop-listener-certificate-configurations
    Place("Remote Desktop", "registry", _TERMINAL),
    # https://learn.microsoft.com/iis/configuration/system.applicationhost/sites/site/ftpserver/security/ssl
    Place("IIS", "file", r"%windir%\System32\inetsrv\config\applicationHost.config"),
    # https://learn.microsoft.com/iis/manage/remote-administration/remote-administration-for-iis-manager
    Place("the Web Management Service of IIS", "registry", r"SOFTWARE\Microsoft\WebManagement\Server"),
    # https://learn.microsoft.com/windows-server/networking/technologies/nps/nps-manage-export
    Place("NPS", "file", r"%windir%\System32\ias\ias.xml"),
    Place("RRAS", "registry", rf"{_SERVICES}\RemoteAccess"),
    Place("the Remote Access Connection Manager", "registry", rf"{_SERVICES}\RasMan"),
    Place("IKE", "registry", rf"{_SERVICES}\IKEEXT"),
    # https://learn.microsoft.com/sql/database-engine/configure-windows/configure-sql-server-encryption
    Place("SQL Server", "registry", r"SOFTWARE\Microsoft\Microsoft SQL Server"),
    # The personal stores of services, NTDS among them, have a key by that name for each certificate:
    # https://learn.microsoft.com/troubleshoot/windows-server/active-directory/enable-ldap-over-ssl-3rd-certification-authority
    Place("a service with a store of its own", "registry", r"SOFTWARE\Microsoft\Cryptography\Services"),
)
