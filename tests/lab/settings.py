# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other programs of a server that name a certificate, and where each of them keeps its name."""

from __future__ import annotations

from typing import Any, Protocol

from lab.agent import REMOTE_ACCESS
from lab.pki import Issued

WINRM = r"SOFTWARE\Microsoft\Windows\CurrentVersion\WSMAN\Listener\*+HTTPS"
RDP = r"SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp"
MANAGEMENT = r"SOFTWARE\Microsoft\WebManagement\Server"
IIS_FILE = r"%windir%\System32\inetsrv\config\applicationHost.config"
NPS_FILE = r"%windir%\System32\ias\ias.xml"

# Of each file as much as shows where in it the certificate is.
IIS_TEXT = """<?xml version="1.0" encoding="UTF-8"?>
<configuration>
  <system.applicationHost>
    <sites>
      <site name="Files" id="2">
        <ftpServer>
          <security>
            <ssl serverCertHash="%s" serverCertStoreName="MY" controlChannelPolicy="SslRequire" dataChannelPolicy="SslRequire" />
          </security>
        </ftpServer>
      </site>
    </sites>
  </system.applicationHost>
</configuration>
"""
# The settings of PEAP are one number of many bytes, the certificate's hash among them.
NPS_TEXT = """<?xml version="1.0"?>
<Root xmlns:dt="urn:schemas-microsoft-com:datatypes"><Children><RadiusProfiles name="RadiusProfiles"><Children><Connections name="Connections"><Properties>
<msEAPConfiguration dt:dt="bin.hex">1900000000000000000000003800000002000000380000000100000014000000%s0100000001000000100000001a000000</msEAPConfiguration>
</Properties></Connections></Children></RadiusProfiles></Children></Root>
"""


class Programs(Protocol):
    """A host on which there may be other programs."""

    agent: Any

    def write_file(self, path: str, data: bytes) -> None:
        """As lab.server.Server.write_file."""


def _winrm(host: Programs, issued: Issued) -> None:
    host.agent.set_value(WINRM, "certThumbprint", issued.thumbprint)


def _rdp(host: Programs, issued: Issued) -> None:
    host.agent.set_value(RDP, "SSLCertificateSHA1Hash", bytes.fromhex(issued.thumbprint))


def _management(host: Programs, issued: Issued) -> None:
    host.agent.set_value(MANAGEMENT, "SslCertificateHash", bytes.fromhex(issued.thumbprint))


def _iis_ftp(host: Programs, issued: Issued) -> None:
    host.write_file(IIS_FILE, (IIS_TEXT % issued.thumbprint.upper()).encode())


def _nps(host: Programs, issued: Issued) -> None:
    host.write_file(NPS_FILE, (NPS_TEXT % issued.thumbprint).encode())


def _ikev2(host: Programs, issued: Issued) -> None:
    host.agent.set_value(REMOTE_ACCESS, "Advertised", issued.der)


# RD Gateway is not among them: of its certificate Microsoft documents the record of HTTP.SYS, and a WMI class for setting it, but no other place.
PROGRAMS = {
    "WinRM": _winrm, "RDP": _rdp, "IIS FTP": _iis_ftp, "NPS": _nps, "IKEv2": _ikev2, "Web Management Service": _management,
}  # fmt: skip


def name_certificate(host: Programs, program: str, issued: Issued) -> None:
    """Let one of PROGRAMS use this certificate."""
    PROGRAMS[program](host, issued)
