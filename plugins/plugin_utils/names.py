# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and numbers of Windows and SSTP that several files use. PRIVATE to the collection."""

from __future__ import annotations

# https://learn.microsoft.com/openspecs/windows_protocols/ms-sstp: the same GUID is part of the service's URL.
SSTP_APP_ID = "{ba195980-cd49-458b-9e23-c84ee0adcd75}"
UNSET_APP_ID = "{00000000-0000-0000-0000-000000000000}"

OWNERS = {
    SSTP_APP_ID: "SSTP",
    UNSET_APP_ID: "nobody (no application id)",
    "{4dc3e181-e14b-4a21-b022-59fc669b0914}": "IIS",
    "{214124cd-d05b-4309-9af9-9caa44b2b74a}": "IIS Express",
    "{afebb9ad-9b97-4a91-9ab5-daf4d59122f6}": "WinRM",
    "{5d89a20c-beab-4389-9447-324788eb944a}": "AD FS",
    "{f955c070-e044-456c-ac00-e9e4275b3f04}": "Web Application Proxy",
    "{5d8e2743-ef20-4d38-8751-7e400f200e65}": "DirectAccess IP-HTTPS",
}

SSTP_KEY = r"SYSTEM\CurrentControlSet\Services\SstpSvc\Parameters"
CONFIG_STORE_KEY = SSTP_KEY + r"\ConfigStore"
PREDECESSORS_KEY = r"SOFTWARE\rras.sstp\Predecessors"
BEFORE_OFFLOAD_KEY = r"SOFTWARE\rras.sstp\BeforeOffload"
# Rule id -> when a server was last healed of it.
HEALED_KEY = r"SOFTWARE\rras.sstp\Healed"
SHA256_VALUE = "SHA256CertificateHash"
SHA1_VALUE = "SHA1CertificateHash"
USE_HTTPS_VALUE = "UseHttps"
LISTENER_PORT_VALUE = "ListenerPort"
BY_ADMIN_VALUE = "isHashConfiguredByAdmin"

# Where the hash of SstpSvc comes from: the service itself, RRAS's configuration, or the certificate of a device that ends TLS.
AUTOMATIC, ADMINISTRATOR, OFFLOAD = "automatic", "administrator", "offload"

RRAS_SERVICE = "RemoteAccess"
SSTP_SERVICE = "SstpSvc"

# StatusCode of a node that takes what Set-RemoteAccess says:
# https://learn.microsoft.com/previous-versions/windows/desktop/ramgmtpsprov/remoteaccessloadbalancernode
NODE_IS_UP = ("Converged", "Converging", "Default")

EKU_SERVER_AUTHENTICATION = "1.3.6.1.5.5.7.3.1"
EKU_ANY_PURPOSE = "2.5.29.37.0"

# Keys in hardware may ask for a PIN or wear out: they are left alone unless their certificate is the one at stake.
HARDWARE_PROVIDERS = (
    "Microsoft Base Smart Card Crypto Provider",
    "Microsoft Smart Card Key Storage Provider",
    "Microsoft Platform Crypto Provider",
)

# The stores of those that issue certificates: intermediate ones and roots.
CA_STORE, ROOT_STORE = AUTHORITY_STORES = ("CA", "ROOT")

SERVICE_DISABLED = 4

# CRYPT_MACHINE_KEYSET, NCRYPT_MACHINE_KEY_FLAG
MACHINE_KEYSET = 0x20
# Key containers that no certificate names and that a program lives by, in lower case: IIS and .NET encrypt their configuration with the first three
# (https://learn.microsoft.com/previous-versions/aspnet/yxw286t2(v=vs.100) and IIS's own applicationHost.config), Remote Desktop has its RSA key in the last.
KEPT_CONTAINERS = ("iisconfigurationkey", "iiswaskey", "netframeworkconfigurationkey", "tsseckeyset1")
# KeySpec of a key in a CSP (wincrypt.h); keys of CNG have 0.
AT_SIGNATURE = 2


def is_program(app_id: str) -> bool:
    """Is this the app_id of a known program other than SSTP?"""
    return app_id.lower() in OWNERS and app_id.lower() not in (SSTP_APP_ID, UNSET_APP_ID)


def owner_of(app_id: str) -> str:
    """The application behind an app_id as people call it, or the app_id itself."""
    return OWNERS.get(app_id.lower(), f"the application {app_id}")
