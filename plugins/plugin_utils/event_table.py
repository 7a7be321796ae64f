# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The events of RasSstp by their id, and the codes that they carry. PRIVATE to the collection.

Ids and what they say: https://learn.microsoft.com/previous-versions/windows/it-pro/windows-server-2008-R2-and-2008/dd349022(v=ws.10) and its neighbours.
Texts are never read: they are in the language of the server.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_FACILITY_WIN32 = 7
_LARGEST_WIN32 = 0xFFFF
_HEX = re.compile(r"0x([0-9A-Fa-f]{1,8})")
_NUMBER = re.compile(r"-?[0-9]{1,10}")
# A value that Windows replaces by the text of that error: https://learn.microsoft.com/windows/win32/eventlog/message-text-files
_REFERENCE = re.compile(r"%%(-?[0-9]{1,10})")


@dataclass(frozen=True)
class Meaning:
    """text: what the event says; remedy: what to do about it; visible: whether its cause is something that the rules look at."""

    text: str
    remedy: str
    visible: bool = True


# Those that a server logs; the others are logged by clients.
SERVER_EVENTS = {
    7: Meaning("the configuration in SstpSvc's subkey ConfigStore cannot be read", "put the registry key right"),
    8: Meaning("the HTTP layer could not be initialised", "see whether the service HTTP runs", visible=False),
    9: Meaning("the URL of a new configuration could not be reserved", "see which URLs are reserved in HTTP.SYS, and reserve it", visible=False),
    10: Meaning("SSTP's default URL could not be reserved", "see which URLs are reserved in HTTP.SYS, and reserve it", visible=False),
    11: Meaning("no certificate with a private key and Server Authentication or Any Purpose was found", "import one"),
    12: Meaning("the certificate could not be bound for IPv4", "see the code; often the private key cannot be used"),
    13: Meaning("the certificate could not be bound for IPv6", "see the code; or IPv6 is not bound to the adapters"),
    17: Meaning("SstpSvc's key Parameters cannot be read", "put the registry key right"),
    18: Meaning("the SHA-256 hash is missing or no REG_BINARY of 32 bytes: no connection is accepted", "rotate the certificate"),
    19: Meaning("the SHA-1 hash is no REG_BINARY of 20 bytes", "rotate the certificate, or delete the value"),
    20: Meaning("there was not enough memory", "see what else takes it", visible=False),
    21: Meaning("the hash of the certificate that is bound in HTTP.SYS could not be had", "rotate the certificate"),
    22: Meaning("SstpSvc could not be configured to accept connections", "see the events before it, and restart RRAS", visible=False),
    24: Meaning("IPv4 and IPv6 have different certificates", "rotate the certificate"),
    25: Meaning("the configured certificate is missing", "import it again, or rotate to another"),
    32: Meaning("another certificate is bound in HTTP.SYS than the one that RRAS was given", "rotate the certificate"),
    33: Meaning("the cookie could not be configured", "restart RRAS", visible=False),
}

# HRESULT, unsigned -> what it means, and the usual cause.
CODES = {
    0x80070002: ("there is no such file, record or value", "no record for that address, or what it names is gone"),
    0x80070005: ("access is denied", "the ACL of a registry key or private key keeps the service out"),
    0x80070320: ("RAS error 800: the tunnel could not be built", "any; look at the events of RasSstp on both sides"),
    0x800704C9: ("the connection was refused (1225)", "no SSTP ports, or the service does not listen"),
    0x800704D4: ("the connection was aborted by the local system (1236)", "the server has ended it, as it does after a failed crypto binding, or by policy"),
    0x80070040: ("the network name is gone (64)", "the other side has closed the connection"),
    0x80072746: ("the connection was reset (10054)", "no certificate is bound, its private key cannot be used, or a box in between"),
    0x80070520: (
        "the private key cannot be used (1312)",
        "the certificate is not in the machine's store, has no key, a key of a user, or one that SYSTEM cannot open",
    ),
    0x80090016: ("there is no such key", "the certificate is there, its key container is gone"),
    0x80092004: ("the certificate was not found", "what the record names is no longer in its store"),
    0x800B0101: ("the certificate has expired", "it was not renewed, or not bound after it was"),
    0x800B0109: ("the root is not trusted", "the client lacks the root"),
    0x800B010A: ("the chain cannot be built", "an intermediate certificate is missing in LocalMachine\\CA of the server"),
    0x800B010C: ("the certificate was revoked", "ask the CA"),
    0x800B010F: ("the name does not match", "clients dial a name that the certificate does not cover"),
    0x800B0110: ("the certificate is not meant for this", "its extended key usage has neither Server Authentication nor Any Purpose"),
    0x80092010: ("the certificate was revoked", "ask the CA"),
    0x80092012: ("whether it was revoked could not be checked", "the certificate names neither a CRL nor an OCSP server"),
    0x80092013: ("the revocation server does not answer", "the CRL is not reachable from the internet, as with many private CAs"),
    0x80090326: ("a TLS message was unexpected or badly formed", "TLS versions or ciphers that do not fit, or a box in between"),
    0x80090331: ("there is no common algorithm", "hardened TLS settings; or an ECDSA certificate and clients that have RSA ciphers only"),
    0x80072EE7: ("the name could not be resolved", "DNS"),
    0x80072EFD: ("no connection could be made", "a firewall, or nothing listens"),
}


def code_of(data: Sequence[str]) -> int | None:
    """The first value of an event that is an error code, as an unsigned HRESULT; None where there is none."""
    return next((code for text in data if (code := _code_in(text.strip()))), None)


def _code_in(text: str) -> int | None:
    """Hexadecimal, a reference to the text of an error, or a decimal number. A small one may be a port or a status: it counts where it is a known error."""
    if found := _HEX.fullmatch(text):
        return _hresult(int(found[1], 16))
    if found := _REFERENCE.fullmatch(text):
        return _hresult(int(found[1]))
    if not _NUMBER.fullmatch(text):
        return None
    code = _hresult(int(text))
    return code if code in CODES or not 0 <= int(text) <= _LARGEST_WIN32 else None


def _hresult(number: int) -> int | None:
    """HRESULT_FROM_WIN32 of a Windows error, an HRESULT as it is; None for 0 and what is no number of 32 bits."""
    if not -0x80000000 <= number <= 0xFFFFFFFF or number == 0:
        return None
    return number & 0xFFFFFFFF if number < 0 or number > _LARGEST_WIN32 else 0x80000000 | _FACILITY_WIN32 << 16 | number


def explain_code(code: int) -> str | None:
    """What a code means and its usual cause, as a phrase; None for one that is not known here."""
    if code in CODES:
        meaning, cause = CODES[code]
        return f"{meaning}; usually: {cause}"
    if code >> 16 == 0x80000000 >> 16 | _FACILITY_WIN32:
        return f"Windows error {code & 0xFFFF}"
    return None
