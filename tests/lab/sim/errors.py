# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors as Windows and .NET Framework word them."""

from __future__ import annotations

ACCESS_DENIED = 5
SERVICE_TIMEOUT = 1053
NTE_BAD_KEYSET = -2146893802
CRYPT_E_NOT_FOUND = -2146885628
CRYPT_E_ASN1_BADTAG = -2146881269

# .NET Framework drops the full stop of the system's texts.
_TEXTS = {
    2: "The system cannot find the file specified",
    5: "Access is denied",
    6: "The handle is invalid",
    31: "A device attached to the system is not functioning",
    50: "The request is not supported",
    86: "The specified network password is not correct",
    87: "The parameter is incorrect",
    112: "There is not enough space on the disk",
    120: "This function is not supported on this system",
    183: "Cannot create a file when that file already exists",
    1051: "A stop control has been sent to a service that other running services are dependent on",
    1052: "The requested control is not valid for this service",
    1053: "Time out has expired and the operation has not been completed.",
    1056: "An instance of the service is already running",
    1058: "The service cannot be started, either because it is disabled or because it has no enabled devices associated with it",
    1060: "The specified service does not exist as an installed service",
    1061: "The service cannot accept control messages at this time",
    1062: "The service has not been started",
    1066: "The service has returned a service-specific error code",
    1067: "The process terminated unexpectedly",
    1068: "The dependency service or group failed to start",
    1075: "The dependency service does not exist or has been marked for deletion",
    1168: "Element not found",
    903: "The Demand-dial Interface Manager is not running",
    1312: "A specified logon session does not exist. It may already have been terminated",
    1722: "The RPC server is unavailable",
    10022: "An invalid argument was supplied",
    10049: "The requested address is not valid in its context",
    10054: "An existing connection was forcibly closed by the remote host",
    10061: "No connection could be made because the target machine actively refused it",
    NTE_BAD_KEYSET: "Keyset does not exist",
    CRYPT_E_NOT_FOUND: "Cannot find object or property",
    CRYPT_E_ASN1_BADTAG: "ASN1 bad tag value met",
}


def signed(code: int) -> int:
    """An error code as .NET gives it: a signed number of 32 bits."""
    code &= 0xFFFFFFFF
    return code - (1 << 32) if code >= 1 << 31 else code


def text_of(code: int) -> str:
    """What Windows says of a code."""
    return _TEXTS.get(signed(code)) or f"Unknown error (0x{code & 0xFFFFFFFF:x})"


class WindowsError(Exception):
    """What a call on the host ends with: the members of an error of the back-end."""

    def __init__(self, function: str | None, code: int | None, message: str | None = None) -> None:
        """Without a message: that of the code."""
        self.function = function
        self.code = None if code is None else signed(code)
        self.message = message if message is not None else text_of(code or 0)
        super().__init__(self.message)

    def fact(self) -> dict[str, object]:
        """As the back-end tells it."""
        return {"function": self.function, "code": self.code, "message": self.message}


class Killed(Exception):
    """The process on the host was ended from outside, at whatever point it was."""
