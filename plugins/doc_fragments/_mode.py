# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that say in which mode a server is to be. PRIVATE to the collection."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  mode:
    description:
      - Where the hash of SstpSvc is to come from after the rotation.
      - V(as_found) keeps the mode that the server is in.
      - V(automatic) lets SstpSvc derive the hashes from its HTTP.SYS record. The hashes are deleted and RRAS is started. Where
        isHashConfiguredByAdmin is 1 it becomes 0.
      - V(administrator) is the mode of a certificate that was chosen in the RRAS console or with Set-RemoteAccess (isHashConfiguredByAdmin
        is 1). O(writer) says how the certificate gets there.
      - V(offload) is for a server behind a device that ends TLS, such as a load balancer. UseHttps becomes 0, isHashConfiguredByAdmin 1,
        SHA256CertificateHash the hash of the certificate that clients are shown at that device, and SHA1CertificateHash is removed. Where
        SstpSvc has the subkey ConfigStore, UseHttps becomes 0 there too. HTTP.SYS records are left as they are.
      - In offload the hash is told by O(balancer) or O(sha256), or, together with O(mode=offload) only, by O(certificate), O(pfx), or the
        O(thumbprint) of a certificate in MY of LocalMachine on the target, as the device in front need not have the certificate that a fleet is
        rotated to. One of them is enough, and all that are given must agree. A certificate that is known by more than its hash must be valid and
        meant for servers.
      - What UseHttps, isHashConfiguredByAdmin, ListenerPort and ConfigStore were before offload is noted on the target, in
        C(HKLM\SOFTWARE\rras.sstp\BeforeOffload). V(automatic) or V(administrator) on a server in offload puts it back, but for
        isHashConfiguredByAdmin, which the new mode decides, and removes the note. Where nobody has noted anything, UseHttps becomes 1 and a
        port 80 becomes 443, also in ConfigStore.
    type: str
    choices: [as_found, automatic, administrator, offload]
    default: as_found
  writer:
    description:
      - How a server in administrator mode gets its certificate. In the other modes it has no effect.
      - V(remote_access) calls C(Set-RemoteAccess -SslCertificate), the only cmdlet by which this collection changes anything. It sets the
        certificate of SSTP and of IP-HTTPS. After it the records of the pair get back every setting that they had, and the hashes are put right.
      - V(remote_access) needs the PowerShell module RemoteAccess on the target. With DirectAccess the certificate must be for the name that
        DirectAccess clients dial (ConnectToAddress). What does not fit is refused before anything is touched.
      - In a load-balanced cluster the certificate must be in MY of LocalMachine on every node first, or Set-RemoteAccess fails. It changes all
        nodes that are up. Each of these needs a restart of its own, and a node that is down needs another rotation when it is up again. The
        result RV(rras.sstp.rotate#module:advice) names both.
      - V(direct) binds the records and writes the values of SstpSvc without RRAS, for servers without the cmdlet. The configuration of RRAS
        itself stays at the certificate that it has. The next change in the RRAS console or with Set-RemoteAccess brings that back, and RasSstp
        event 32 with it.
    type: str
    choices: [remote_access, direct]
    default: remote_access
  shared_records:
    description:
      - Whether other records of the port that have SSTP's certificate get the new one too. Such are records of one address and of a host name
        (SNI) whose certificate is the one that the pair has, or one that an earlier rotation has replaced. Those of the central certificate store
        (CCS) name no certificate.
      - They keep all their other fields, the owner too. One that belongs to another application is changed only with O(take_over=true).
      - In offload mode it has no effect.
    type: bool
    default: false
  listener_port:
    description:
      - The port on which SSTP is to listen after the rotation. It becomes ListenerPort of SstpSvc, and of its subkey ConfigStore where there is
        one. The pair of records of that port is bound. The records of the port that SSTP leaves stay as they are.
      - Without it SSTP stays on its port. A server that leaves offload goes back to the port that it had before.
      - In offload mode it is the port on which SSTP takes plain HTTP. There are no records for it.
      - Windows clients dial port 443 unless they are given another one, as V(vpn.example.com:8443).
      - Cannot be given together with O(port).
    type: int
  balancer:
    description:
      - The device that ends TLS in front of the server, as a name or an IP address, with a port where that is not 443, for example
        V(vpn.example.com), V(vpn.example.com:8443) or V([2001:db8::1]:443).
      - The controller connects to each IPv4 and IPv6 address that it stands for, and reads the certificate that clients are shown there. It gives
        each ten seconds. Whether clients trust that certificate is not looked at; M(rras.sstp.probe) does that.
      - All addresses that answer must show the same certificate, as a server can have the hash of only one.
      - It is looked at only where the server is in offload mode or is to be. Elsewhere it counts for nothing, and a certificate is needed.
    type: str
  sha256:
    description:
      - For offload mode, SHA-256 of the DER of the certificate that clients are shown, in 64 hexadecimal digits. Spaces, colons, dashes and
        invisible marks in it are dropped, and case does not matter. It is meant for a device that the controller cannot connect to.
      - In the other modes it counts for nothing, and a certificate is needed.
    type: str
"""
