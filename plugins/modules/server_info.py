#!/usr/bin/python
# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: server_info
short_description: Read everything that the certificate of an SSTP server hangs on
version_added: 0.1.0
description:
  - Reads, in one call to the target, all HTTP.SYS records, the values of SstpSvc in the registry, the certificates with the state of their
    private keys and what uses each, the services, and which certificate the target serves to itself on V(127.0.0.1) and V(::1).
  - The private keys of the certificates bound on the port are made to sign, to prove that they work. Other keys are only opened, and those of
    smart cards and of the platform's crypto provider (TPM) are left alone.
  - RRAS itself is asked as well (Get-RemoteAccess), where O(remote_access) says so.
  - VPN sessions are counted. Who is connected is not read.
  - Recent events of RasSstp are read by their ids and values, never by their text.
options:
  events_hours:
    description:
      - The events of RasSstp of so many hours are read from the log System, by their ids and values, counted back from now by the controller's clock. V(0)
        reads none.
    type: int
    default: 24
  remote_access:
    description:
      - When RRAS itself is asked how it is configured. That loads a PowerShell module on the target and takes a second or more.
      - V(unless_automatic) asks only where the registry does not say automatic mode, that is where UseHttps is 0 or isHashConfiguredByAdmin is 1.
      - V(always) and V(never) do what they say. On a server without the cmdlet RV(server.remote_access.available) is V(false).
    type: str
    choices: [never, unless_automatic, always]
    default: unless_automatic
extends_documentation_fragment:
  - rras.sstp._attributes
  - rras.sstp._attributes.reads
  - rras.sstp._attributes.actiongroup_sstp
  - rras.sstp._options.port
seealso:
  - module: rras.sstp.audit
    description: Judges these facts.
author:
  - The rras.sstp authors (@rras-sstp)
"""

EXAMPLES = r"""
- name: Read an SSTP server
  rras.sstp.server_info:
  register: sstp

- name: Show the certificates bound to the pair of records
  ansible.builtin.debug:
    msg: "{{ item.endpoint }} has {{ item.certificate_hash }}, which belongs to {{ item.owner }}"
  loop: "{{ sstp.server.bindings }}"
  loop_control:
    label: "{{ item.endpoint }}"

- name: Read what belongs to a port of its own
  rras.sstp.server_info:
    port: 4433

- name: Ask RRAS itself as well, whatever the mode
  rras.sstp.server_info:
    remote_access: always
  register: sstp

- name: Show the mode and what it was told from
  ansible.builtin.debug:
    msg: "{{ sstp.server.mode }} mode: {{ sstp.server.mode_evidence | join('; ') }}"
"""

RETURN = r"""
server:
  description: The facts of the server.
  returned: success
  type: dict
  contains:
    name:
      description: The computer's name.
      returned: always
      type: str
      sample: VPN01
    port:
      description: The port that the facts are about, as O(port) or the registry says.
      returned: always
      type: int
      sample: 443
    mode:
      description:
        - Where the certificate hash comes from.
        - V(automatic) means that SstpSvc derives it from the HTTP.SYS record, V(administrator) that the certificate was chosen in the RRAS
          console or with Set-RemoteAccess (isHashConfiguredByAdmin is 1), and V(offload) that TLS is ended in front of the server
          (UseHttps is 0).
        - V(null) where SSTP is not installed.
      returned: always
      type: str
      sample: automatic
    mode_evidence:
      description: What the mode was told from, and what RRAS itself says where it was asked, a phrase each. Empty where SSTP is not installed.
      returned: always
      type: list
      elements: str
      sample:
        - UseHttps is 1
        - isHashConfiguredByAdmin is 1
        - Get-RemoteAccess names the certificate 5B3C0A6E1F9D48C2B7A0E4D1936F58A2C7E0B419, and does not use HTTP
    remote_access:
      description: What RRAS itself says (Get-RemoteAccess). V(null) where it was not asked, see O(remote_access).
      returned: always
      type: dict
      contains:
        available:
          description: Whether the target has the cmdlet. Where it has not, all else is V(null) or empty.
          returned: always
          type: bool
          sample: true
        certificate:
          description: The certificate that RRAS is configured with, V(null) where it names none. It need not be the one that is bound.
          returned: always
          type: dict
          contains:
            thumbprint:
              description: SHA-1 of the certificate's DER.
              returned: always
              type: str
              sample: 5B3C0A6E1F9D48C2B7A0E4D1936F58A2C7E0B419
            sha256:
              description: SHA-256 of the certificate's DER.
              returned: always
              type: str
              sample: 91D6E0C4A7F38B25D04E6C19F7A2385B6E0D94C1A8B7F2360D5E4C9B1A78F3E2
            subject:
              description: As RV(server.certificates[].subject).
              returned: always
              type: str
              sample: CN=vpn.example.com
            issuer:
              description: As RV(server.certificates[].issuer).
              returned: always
              type: str
              sample: CN=Example Issuing CA
            serial_number:
              description: The serial number in hexadecimal digits.
              returned: always
              type: str
              sample: 4F2A
            not_before:
              description: The start of validity, in ISO 8601, UTC.
              returned: always
              type: str
              sample: '2026-01-10T00:00:00Z'
            not_after:
              description: The end of validity, in ISO 8601, UTC.
              returned: always
              type: str
              sample: '2026-07-28T23:59:59Z'
            extended_key_usage:
              description: As RV(server.certificates[].extended_key_usage).
              returned: always
              type: list
              elements: str
              sample: [1.3.6.1.5.5.7.3.1]
            names:
              description: The DNS names and then the IP addresses of the subject alternative name.
              returned: always
              type: list
              elements: str
              sample: [vpn.example.com]
        advertised:
          description: The thumbprint of the certificate that RRAS shows to clients of IKEv2 (C(Get-VpnAuthProtocol)), V(null) where there is none.
          returned: always
          type: str
          sample: 5B3C0A6E1F9D48C2B7A0E4D1936F58A2C7E0B419
        use_http:
          description: Whether RRAS takes plain HTTP from a device that ends TLS (UseHttp). V(null) where it does not say.
          returned: always
          type: bool
          sample: false
        connect_to:
          description: The name or address that DirectAccess clients dial (ConnectToAddress). V(null) without DirectAccess.
          returned: always
          type: str
          sample: null
        nodes:
          description: The nodes of a load-balanced cluster. Empty without one.
          returned: always
          type: list
          elements: dict
          contains:
            name:
              description: The node's name.
              returned: always
              type: str
              sample: VPN01
            status:
              description: Its status in the words of Windows (StatusCode), such as V(Converged).
              returned: always
              type: str
              sample: Converged
        error:
          description: Why RRAS gave no answer, in the words of Windows. V(null) where it gave one.
          returned: always
          type: str
          sample: null
    installed:
      description: Whether SSTP is installed. It is when there are the service SstpSvc and its registry key.
      returned: always
      type: bool
      sample: true
    time:
      description: The time on the server's clock, in ISO 8601, UTC.
      returned: always
      type: str
      sample: '2026-03-01T02:00:00Z'
    utc_offset:
      description: The minutes by which the server's local time is ahead of UTC.
      returned: always
      type: int
      sample: 60
    windows:
      description: The version of Windows, from the registry.
      returned: always
      type: dict
      contains:
        product:
          description: The product name, V(null) where the registry has none.
          returned: always
          type: str
          sample: Windows Server 2022 Standard
        build:
          description: The build number, V(0) where it cannot be told.
          returned: always
          type: int
          sample: 20348
        revision:
          description: The revision of the build (UBR), V(null) where the registry has none.
          returned: always
          type: int
          sample: 2402
    powershell:
      description: The version of the PowerShell that did the work.
      returned: always
      type: str
      sample: 5.1.20348.2400
    elevated:
      description: Whether the account of the connection is an elevated administrator. Changes need one.
      returned: always
      type: bool
      sample: true
    bindings:
      description: The SSL records of HTTP.SYS, of all families and ports.
      returned: always
      type: list
      elements: dict
      contains:
        endpoint:
          description: The key of the record. It is V(ip:port), V(host:port) for one by host name (SNI), and V(ccs:port) for one of the central
            certificate store (CCS).
          returned: always
          type: str
          sample: 0.0.0.0:443
        family:
          description: The kind of record, V(ip), V(sni) or V(ccs).
          returned: always
          type: str
          sample: ip
        certificate_hash:
          description: The thumbprint of the certificate. It is empty where the record names none.
          returned: always
          type: str
          sample: 5B3C0A6E1F9D48C2B7A0E4D1936F58A2C7E0B419
        certificate_store_name:
          description: The store of LocalMachine that holds the certificate. V(null) where the record names none, which means MY.
          returned: always
          type: str
          sample: MY
        app_id:
          description: The application id of the owner.
          returned: always
          type: str
          sample: '{ba195980-cd49-458b-9e23-c84ee0adcd75}'
        owner:
          description: The application behind RV(server.bindings[].app_id) as people call it, or a phrase with the id where it is not known.
          returned: always
          type: str
          sample: SSTP
        check_mode:
          description: The bits of DefaultCertCheckMode, how client certificates are checked. It has nothing to do with Ansible's check mode.
          returned: always
          type: int
          sample: 0
        revocation_freshness_time:
          description: DefaultRevocationFreshnessTime, in seconds.
          returned: always
          type: int
          sample: 0
        url_retrieval_timeout:
          description: DefaultRevocationUrlRetrievalTimeout, in milliseconds.
          returned: always
          type: int
          sample: 0
        ctl_identifier:
          description: The identifier of the list of trusted issuers, V(null) where there is none.
          returned: always
          type: str
          sample: null
        ctl_store_name:
          description: The store of the list of trusted issuers, V(null) where there is none.
          returned: always
          type: str
          sample: null
        flags:
          description: The bits of DefaultFlags, unknown ones too.
          returned: always
          type: int
          sample: 0
    listen_only:
      description: The IP listen list of HTTP.SYS. An empty list means that HTTP.SYS listens on all addresses.
      returned: always
      type: list
      elements: str
      sample: []
    registry:
      description: The certificate hashes of SstpSvc.
      returned: always
      type: dict
      contains:
        sha256:
          description: The value SHA256CertificateHash in hexadecimal digits, V(null) where it is absent. A value of another type than binary
            is shown with its type.
          returned: always
          type: str
          sample: 91D6E0C4A7F38B25D04E6C19F7A2385B6E0D94C1A8B7F2360D5E4C9B1A78F3E2
        sha1:
          description: The value SHA1CertificateHash in the same way. Newer servers do not write it.
          returned: always
          type: str
          sample: null
    parameters:
      description:
        - All values of the registry key Parameters of SstpSvc, by name. A binary value is in hexadecimal digits. One of more than 4096
          characters is shown as its type and length alone.
        - Empty where there is no such key.
      returned: always
      type: dict
      sample:
        ListenerPort: 443
        UseHttps: 1
    config_store:
      description:
        - All values of SstpSvc's subkey ConfigStore, the configuration that was last applied, by name and in the same way.
        - V(null) where there is no such key.
      returned: always
      type: dict
      sample:
        ListenerPort: 443
        UseHttps: 1
    adapters:
      description: The network adapters, the loopback adapter too. Empty where they cannot be read.
      returned: always
      type: list
      elements: dict
      contains:
        name:
          description: The adapter's name.
          returned: always
          type: str
          sample: Ethernet
        kind:
          description: The kind of adapter as .NET's NetworkInterfaceType has it, in lower case.
          returned: always
          type: str
          sample: ethernet
        up:
          description: Whether it is up.
          returned: always
          type: bool
          sample: true
        ipv4:
          description: Whether IPv4 is bound to it.
          returned: always
          type: bool
          sample: true
        ipv6:
          description: Whether IPv6 is bound to it. Where it is bound to no adapter that is up, those of loopback, tunnels and PPP aside, SSTP needs no
            record of V([::]).
          returned: always
          type: bool
          sample: true
        addresses:
          description: Its unicast addresses, without their scope.
          returned: always
          type: list
          elements: str
          sample: [192.0.2.10, '2001:db8::10']
    certificates:
      description: The certificates in MY of LocalMachine, and those in each other store that a record of the port names.
      returned: always
      type: list
      elements: dict
      contains:
        thumbprint:
          description: SHA-1 of the certificate's DER.
          returned: always
          type: str
          sample: 5B3C0A6E1F9D48C2B7A0E4D1936F58A2C7E0B419
        sha256:
          description: SHA-256 of the certificate's DER.
          returned: always
          type: str
          sample: 91D6E0C4A7F38B25D04E6C19F7A2385B6E0D94C1A8B7F2360D5E4C9B1A78F3E2
        subject:
          description: The subject as RFC 4514 writes it. V((unreadable\)) where the certificate cannot be parsed.
          returned: always
          type: str
          sample: CN=vpn.example.com
        issuer:
          description: The issuer as RFC 4514 writes it. V((unreadable\)) where the certificate cannot be parsed.
          returned: always
          type: str
          sample: CN=Example Issuing CA
        serial_number:
          description: The serial number in hexadecimal digits.
          returned: always
          type: str
          sample: 4F2A
        not_before:
          description: The start of validity, in ISO 8601, UTC.
          returned: always
          type: str
          sample: '2026-01-10T00:00:00Z'
        not_after:
          description: The end of validity, in ISO 8601, UTC.
          returned: always
          type: str
          sample: '2026-07-28T23:59:59Z'
        extended_key_usage:
          description: The object identifiers of the extended key usage, V(null) where the certificate has no such extension.
          returned: always
          type: list
          elements: str
          sample: [1.3.6.1.5.5.7.3.1]
        names:
          description: The DNS names and then the IP addresses of the subject alternative name.
          returned: always
          type: list
          elements: str
          sample: [vpn.example.com]
        certificate_store_name:
          description: The store of LocalMachine that holds the certificate, in upper case.
          returned: always
          type: str
          sample: MY
        friendly_name:
          description: The friendly name that Windows shows, V(null) where there is none.
          returned: always
          type: str
          sample: VPN 2026
        private_key:
          description: The private key as the store says and as it proved to be.
          returned: always
          type: dict
          contains:
            state:
              description:
                - V(absent) when the certificate has no private key.
                - V(untested) when it was not tried, which is so for keys in hardware.
                - V(opens) when it was opened, V(proven) when it also signed and the signature fitted the certificate.
                - V(unusable) when it did not open or the signature did not fit.
              returned: always
              type: str
              sample: proven
            provider:
              description: The name of the key provider, V(null) where there is no key.
              returned: always
              type: str
              sample: Microsoft Enhanced Cryptographic Provider v1.0
            container:
              description: The name of the key container, V(null) where there is no key.
              returned: always
              type: str
              sample: 3e1f5a0c-7d2b-4a64-9c0e-2b1f6d8a9e57
            machine:
              description: Whether it is a key of the machine, not of a user. V(null) where there is no key.
              returned: always
              type: bool
              sample: true
            exportable:
              description: Whether the private key can be exported. V(null) where that is not known.
              returned: always
              type: bool
              sample: false
            acl_problem:
              description: What the ACL of the private key keeps SYSTEM from, as which HTTP.SYS opens it. V(null) where it keeps it from nothing, or is
                not known.
              returned: always
              type: str
              sample: null
            code:
              description: What Windows answered to opening the key, V(0) when it opened, as a signed number of 32 bits. V(null) where it was
                not tried or there is no key.
              returned: always
              type: int
              sample: 0
        used_by:
          description: What still refers to the certificate, each as a phrase. See M(rras.sstp.certificate) for what is looked at.
          returned: always
          type: list
          elements: str
          sample: ['the HTTP.SYS record of 0.0.0.0:443 (SSTP)']
    authorities:
      description: The issuers of the bound certificates in the stores CA and ROOT of LocalMachine, as far as they are there.
      returned: always
      type: list
      elements: dict
      contains:
        thumbprint:
          description: SHA-1 of the certificate's DER.
          returned: always
          type: str
          sample: 5B3C0A6E1F9D48C2B7A0E4D1936F58A2C7E0B419
        sha256:
          description: SHA-256 of the certificate's DER.
          returned: always
          type: str
          sample: 91D6E0C4A7F38B25D04E6C19F7A2385B6E0D94C1A8B7F2360D5E4C9B1A78F3E2
        subject:
          description: The subject as RFC 4514 writes it. V((unreadable\)) where the certificate cannot be parsed.
          returned: always
          type: str
          sample: CN=vpn.example.com
        issuer:
          description: The issuer as RFC 4514 writes it. V((unreadable\)) where the certificate cannot be parsed.
          returned: always
          type: str
          sample: CN=Example Issuing CA
        serial_number:
          description: The serial number in hexadecimal digits.
          returned: always
          type: str
          sample: 4F2A
        not_before:
          description: The start of validity, in ISO 8601, UTC.
          returned: always
          type: str
          sample: '2026-01-10T00:00:00Z'
        not_after:
          description: The end of validity, in ISO 8601, UTC.
          returned: always
          type: str
          sample: '2026-07-28T23:59:59Z'
        extended_key_usage:
          description: The object identifiers of the extended key usage, V(null) where the certificate has no such extension.
          returned: always
          type: list
          elements: str
          sample: [1.3.6.1.5.5.7.3.1]
        names:
          description: The DNS names and then the IP addresses of the subject alternative name.
          returned: always
          type: list
          elements: str
          sample: [vpn.example.com]
        certificate_store_name:
          description: V(CA) or V(ROOT).
          returned: always
          type: str
          sample: CA
    orphaned_key_containers:
      description: The key containers of the machine that no certificate of any store names, without those that Windows, IIS and .NET are known to live by.
        Other programs may have keys among them. Empty where nobody has looked, as in a result of M(rras.sstp.rotate).
      returned: always
      type: list
      elements: dict
      contains:
        container:
          description: The name of the key container.
          returned: always
          type: str
          sample: 3e1f5a0c-7d2b-4a64-9c0e-2b1f6d8a9e57
        provider:
          description: The name of the key provider.
          returned: always
          type: str
          sample: Microsoft Software Key Storage Provider
    unread:
      description: What could not be read of all that may use a certificate or its private key, a sentence each.
      returned: always
      type: list
      elements: str
      sample: []
    services:
      description: SstpSvc and every service that depends on it, directly or not. Empty where SSTP is not installed.
      returned: always
      type: list
      elements: dict
      contains:
        name:
          description: The service's name.
          returned: always
          type: str
          sample: RemoteAccess
        state:
          description: The state, such as V(running), V(stopped), V(startpending), V(stoppending) or V(paused). V(unknown) where Windows did
            not tell.
          returned: always
          type: str
          sample: running
        start_mode:
          description: V(automatic), V(manual), V(disabled), V(boot) or V(system). V(null) where the registry does not say.
          returned: always
          type: str
          sample: automatic
        depends_on:
          description: The names of the services that this one needs.
          returned: always
          type: list
          elements: str
          sample: [RasMan]
    served:
      description: What the target showed to a TLS client on itself, for each of its loopback addresses.
      returned: always
      type: list
      elements: dict
      contains:
        endpoint:
          description: The address and port that were connected to.
          returned: always
          type: str
          sample: 127.0.0.1:443
        thumbprint:
          description: The thumbprint of the certificate that was served, V(null) where none was.
          returned: always
          type: str
          sample: 5B3C0A6E1F9D48C2B7A0E4D1936F58A2C7E0B419
        sha256:
          description: SHA-256 of the certificate that was served, V(null) where none was.
          returned: always
          type: str
          sample: 91D6E0C4A7F38B25D04E6C19F7A2385B6E0D94C1A8B7F2360D5E4C9B1A78F3E2
        error:
          description: Why none was served, in the words of Windows, V(null) where one was.
          returned: always
          type: str
          sample: null
    predecessors:
      description: The certificates that M(rras.sstp.rotate) has replaced on this server and that have not been removed since.
      returned: always
      type: list
      elements: dict
      contains:
        thumbprint:
          description: The thumbprint of the replaced certificate.
          returned: always
          type: str
          sample: 0C7B41E9A25D8F36B1E07A94C3D5826F9E1B3D70
        replaced_at:
          description: When it was replaced, in ISO 8601, UTC. A time that cannot be read counts as now.
          returned: always
          type: str
          sample: '2026-02-22T02:00:00Z'
        age_days:
          description: How many full days ago that was, by the server's own clock.
          returned: always
          type: int
          sample: 7
    sessions:
      description: How many VPN sessions there are, of every protocol that RRAS serves. V(0) where RRAS does not run, V(null) where they could not be
        counted.
      returned: always
      type: int
      sample: 12
    sessions_error:
      description: Why the VPN sessions could not be counted. V(null) where they were.
      returned: always
      type: str
      sample: null
    interrupted:
      description: Whether there is the journal of a change that was interrupted. M(rras.sstp.rotate) takes the half-done change back first.
      returned: always
      type: bool
      sample: false
events:
  description: The events of RasSstp of the last O(events_hours), the newest first.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The id, such as V(21).
      returned: always
      type: int
      sample: 21
    level:
      description: V(2) for an error, V(3) for a warning.
      returned: always
      type: int
      sample: 2
    time:
      description: When it was raised, by the clock of the server (ISO 8601, UTC, milliseconds).
      returned: always
      type: str
      sample: "2026-02-14T22:10:33.125Z"
    data:
      description: The values that the message is made with. The message itself is not read, as it is in the language of the server.
      returned: always
      type: list
      elements: str
      sample: ["0x80070002"]
    meaning:
      description: What the id says, V(null) for one that is none of a server's.
      returned: always
      type: str
      sample: the hash of the certificate that is bound in HTTP.SYS could not be had
    code:
      description: The first of RV(events[].data) that is an error code, as an HRESULT. V(null) where there is none.
      returned: always
      type: str
      sample: '0x80070002'
    explanation:
      description: What that code means, and its usual cause. V(null) where it is not known here.
      returned: always
      type: str
      sample: "there is no such file, record or value; usually: no record for that address, or what it names is gone"
events_error:
  description: Why the events could not be read, or not all of them. V(null) where they were, or were not asked for.
  returned: success
  type: str
  sample: null
"""
