# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users write, cleaned: thumbprints, application ids, endpoints. PRIVATE to the collection."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import SstpError

_SEPARATORS = re.compile(r"[\s:\-]")
_HEX = re.compile(r"[0-9A-F]*")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


@dataclass(frozen=True, order=True)
class Endpoint:
    """Key of an HTTP.SYS record: family ip (address and port), sni (host and port) or ccs (port alone)."""

    family: str
    address: str
    port: int
    host: str | None = None

    def __str__(self) -> str:
        if self.family == "sni":
            return f"{self.host}:{self.port}"
        if self.family == "ccs":
            return f"ccs:{self.port}"
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def lower_host(host: str) -> str:
    """A host name in one case. Only ASCII: the small letters of some others are not one character, and HTTP.SYS would take another name for it."""
    return "".join(c.lower() if c.isascii() else c for c in host)


def pair(port: int) -> tuple[Endpoint, Endpoint]:
    """The two records that SSTP listens on."""
    return Endpoint("ip", "0.0.0.0", port), Endpoint("ip", "::", port)


def clean_hex(text: str, what: str, digits: int) -> str:
    """Upper-case hex of exactly so many digits, from any of the ways in which hex is pasted.

    The Windows certificate dialogue puts an invisible mark in front of a thumbprint
    (https://support.microsoft.com/kb/2023835): format characters are dropped with spaces, colons and dashes.
    """
    visible = "".join(c for c in str(text) if unicodedata.category(c) != "Cf")
    cleaned = _SEPARATORS.sub("", visible).upper()
    if len(cleaned) != digits or not _HEX.fullmatch(cleaned):
        raise SstpError(f"{what} must be {digits} hexadecimal digits, but {visible!r} is not; copy it again from the certificate's details.")
    return cleaned


def clean_thumbprint(text: str, what: str = "The thumbprint") -> str:
    """A certificate's thumbprint: SHA-1 of the DER as 40 upper-case hexadecimal digits."""
    return clean_hex(text, what, 40)


def optional_thumbprint(args: Mapping[str, Any], name: str = "thumbprint") -> str | None:
    """An option that holds a thumbprint, cleaned, or None."""
    return clean_thumbprint(args[name], f"Option {name}") if args.get(name) else None


def clean_app_id(text: str) -> str:
    """A GUID in lower case and braces, as HTTP.SYS shows it."""
    try:
        return "{" + str(uuid.UUID(str(text).strip())) + "}"
    except ValueError:
        raise SstpError(f"app_id must be a GUID such as {{ba195980-cd49-458b-9e23-c84ee0adcd75}}, but {text!r} is not.") from None


def clean_port(port: int, what: str = "port") -> int:
    """A TCP port."""
    if not 1 <= port <= 65535:
        raise SstpError(f"{what} must lie between 1 and 65535, but {port} does not.")
    return port


def clean_number(number: int, what: str, least: int) -> int:
    """A number that is not too small, such as seconds or days."""
    if number < least:
        raise SstpError(f"{what} must be {least} or more, but {number} is not.")
    return number


def clean_address(text: str, what: str) -> str:
    """An IP address, in the spelling that an Endpoint has."""
    try:
        return str(ipaddress.ip_address(str(text).strip()))
    except ValueError:
        raise SstpError(f"{what} must hold IP addresses such as 192.0.2.1 or 2001:db8::1, but {text!r} is none.") from None


def parse_endpoint(text: str) -> Endpoint:
    """An Endpoint from 'ip:port', '[v6]:port', 'host:port' or 'ccs:port'."""
    address, _, port = text.strip().rpartition(":")
    if not address or not port.isascii() or not port.isdecimal():
        raise SstpError(f"An endpoint is written 0.0.0.0:443, [::]:443 or vpn.example.com:443, but {text!r} is not.")
    number = clean_port(int(port), f"The port of endpoint {text!r}")
    if address.lower() == "ccs":
        return Endpoint("ccs", "0.0.0.0", number)
    if address.startswith("[") != address.endswith("]"):
        raise SstpError(f"The brackets of endpoint {text!r} are not a pair; write [::]:443.")
    if address.startswith("["):
        address = address[1:-1]
    elif ":" in address:
        raise SstpError(f"The IPv6 address of endpoint {text!r} needs brackets: [{address}]:{port}.")
    try:
        return Endpoint("ip", str(ipaddress.ip_address(address)), number)
    except ValueError:
        if ":" in address or re.fullmatch(r"[0-9.]+", address):
            raise SstpError(f"The address of endpoint {text!r} is not an IP address.") from None
        return Endpoint("sni", "0.0.0.0", number, lower_host(address))


def clean_name(text: str, what: str) -> str:
    """A name that clients dial: an IP address as ipaddress writes it, or a DNS name in lower case and ASCII (RFC 5891). A wildcard may come first."""
    name = unicodedata.normalize("NFC", str(text)).strip().rstrip(".")
    try:
        return str(ipaddress.ip_address(name.strip("[]")))
    except ValueError:
        pass
    star, rest = ("*.", name[2:]) if name.startswith("*.") else ("", name)
    ascii_name = star + (rest if rest.isascii() else _to_ascii(rest, what)).lower()
    if len(ascii_name) > 253 or not all(_LABEL.fullmatch(label) for label in ascii_name.removeprefix("*.").split(".")):
        raise SstpError(f"{what} must hold names that clients dial, such as vpn.example.com or 192.0.2.1, but {text!r} is none.")
    return ascii_name


def _to_ascii(name: str, what: str) -> str:
    try:
        import idna  # pywinrm and pypsrp bring it, with requests
    except ImportError:
        raise SstpError(f"{what} has the name {name!r}, and there is no Python package idna on the controller; write it in ASCII (xn--...).") from None
    try:
        return idna.encode(name, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise SstpError(f"{what} has the name {name!r}, which is no DNS name ({error}); write it as clients do.") from None
