# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WS-Management envelopes: reading requests, writing answers and faults. Nothing here has state."""

from __future__ import annotations

import re
import uuid
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from xml.parsers import expat
from xml.sax.saxutils import escape

SOAP = "http://www.w3.org/2003/05/soap-envelope"
ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
WSMAN = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
CMD = f"{SHELL}/cmd"
WSMAN_FAULT = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"
ANONYMOUS = f"{ADDRESSING}/role/anonymous"
DETAIL = "http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail"

MAX_ENVELOPE = 500 * 1024  # MaxEnvelopeSizekb of Windows Server, for requests and answers alike
MIN_ENVELOPE = 8192
MAX_OPERATION_SECONDS = 60.0  # MaxTimeoutms
DEEPEST_ELEMENT = 64

TAGS = {"s": SOAP, "a": ADDRESSING, "x": TRANSFER, "w": WSMAN, "rsp": SHELL}


class Fault(Exception):
    """A SOAP fault as WinRM words it; code is the Windows error number in the detail."""

    def __init__(self, subcode: str, code: int, text: str, *, detail: str = "", receiver: bool = False) -> None:
        super().__init__(text)
        self.subcode = subcode
        self.code = code
        self.text = text
        self.detail = detail
        self.receiver = receiver


def schema_fault(text: str) -> Fault:
    return Fault("w:SchemaValidationError", 0x80338041, text)


def header_fault(header: str) -> Fault:
    text = f"The WS-Management service cannot process the request. The request does not have the SOAP header {header}."
    return Fault("a:MessageInformationHeaderRequired", 0x80338011, text)


def shell_fault(shell_id: str) -> Fault:
    text = (
        f"The request for the Windows Remote Shell with ShellId {shell_id} failed because the shell was not found on "
        "the server. Possible causes are: the specified ShellId is incorrect or the shell no longer exists on the "
        "server. Provide the correct ShellId or create a new shell and retry the operation."
    )
    return Fault("w:InvalidSelectors", 0x8033805B, text, detail="UnexpectedSelectors")


def command_fault(command_id: str) -> Fault:
    text = f"The request failed because the command {command_id} was not found in the shell."
    return Fault("w:InvalidSelectors", 0x8033805B, text, detail="UnexpectedSelectors")


def parameter_fault() -> Fault:
    return Fault("w:InvalidParameter", 87, "The parameter is incorrect.", detail="InvalidValue")


def action_fault() -> Fault:
    text = "The WS-Management service does not support the action specified in the request."
    return Fault("a:ActionNotSupported", 0x80338013, text)


def timeout_fault() -> Fault:
    text = "The WS-Management service cannot complete the operation within the time specified in OperationTimeout."
    return Fault("w:TimedOut", 0x80338029, text, receiver=True)


def internal_fault() -> Fault:
    return Fault("w:InternalError", 0x80338003, "An error was encountered inside the plugin.", receiver=True)


class _SafeReader:
    """Expat into an ElementTree, without document types (so without entities) and without abysses."""

    def __init__(self) -> None:
        self._builder = ET.TreeBuilder()
        self._depth = 0
        self._parser = expat.ParserCreate(namespace_separator="}")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._builder.data
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype

    def read(self, body: bytes) -> ET.Element:
        self._parser.Parse(body, True)
        return self._builder.close()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > DEEPEST_ELEMENT:
            raise ValueError("nested too deeply")
        self._builder.start(_clark(name), {_clark(key): value for key, value in attributes.items()})

    def _end(self, name: str) -> None:
        self._depth -= 1
        self._builder.end(_clark(name))

    def _refuse_doctype(self, *_: object) -> None:
        raise ValueError("document type")


def _clark(name: str) -> str:
    return "{" + name if "}" in name else name


@dataclass(frozen=True)
class Request:
    """One envelope, with what every action needs already read."""

    envelope: ET.Element
    message_id: str
    action: str
    shell_id: str
    seconds: float
    max_envelope: int

    def body(self, path: str) -> ET.Element:
        """The element of the body at a path such as 'rsp:Send'; a fault if it is not there."""
        found = self.envelope.find(f"s:Body/{path}", TAGS)
        if found is None:
            raise schema_fault(f"The Windows Remote Shell cannot process the request. The SOAP packet has no {path}.")
        return found


def parse(body: bytes) -> Request:
    """Read a request; raise Fault for anything that is none."""
    try:
        envelope = _SafeReader().read(body)
    except (expat.ExpatError, ValueError, LookupError):
        raise Fault(
            "w:SchemaValidationError",
            0x80338043,
            "The WS-Management service cannot process the request because the XML is invalid.",
        ) from None
    if envelope.tag != f"{{{SOAP}}}Envelope":
        raise schema_fault("The SOAP XML in the message does not match the corresponding XML schema definition.")
    return Request(
        envelope=envelope,
        message_id=_required(envelope, "a:MessageID"),
        action=_required(envelope, "a:Action"),
        shell_id=_header(envelope, "w:SelectorSet/w:Selector[@Name='ShellId']"),
        seconds=_operation_seconds(_header(envelope, "w:OperationTimeout")),
        max_envelope=_max_envelope(_header(envelope, "w:MaxEnvelopeSize")),
    )


def check_resource(request: Request) -> None:
    """The cmd shell is the only resource here."""
    if _required(request.envelope, "w:ResourceURI") != CMD:
        text = "The WS-Management service cannot process the request. The service cannot find the resource identified by the resource URI and selectors."
        raise Fault("a:DestinationUnreachable", 0x80338000, text, detail="InvalidResourceURI")


def message_id(body: bytes) -> str:
    """The id of a request that parse() refused, if it can be had."""
    try:
        return _header(_SafeReader().read(body), "a:MessageID")
    except (expat.ExpatError, ValueError, LookupError):
        return ""


def _header(envelope: ET.Element, path: str) -> str:
    return (envelope.findtext(f"s:Header/{path}", "", TAGS) or "").strip()


def _required(envelope: ET.Element, path: str) -> str:
    value = _header(envelope, path)
    if not value:
        raise header_fault(path)
    return value


def _operation_seconds(text: str) -> float:
    if not text:
        return MAX_OPERATION_SECONDS
    seconds = duration(text)
    if seconds is None:
        raise Fault(
            "w:SchemaValidationError",
            0x8033800F,
            "The WS-Management service cannot process the request. The XML contains an invalid timeout field in the SOAP header.",
        )
    return min(seconds, MAX_OPERATION_SECONDS)


def _max_envelope(text: str) -> int:
    if not text:
        return MAX_ENVELOPE
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise schema_fault("The SOAP XML in the message has an invalid MaxEnvelopeSize.")
    if int(text) < MIN_ENVELOPE:
        smallest = "The specified maximum envelope size is smaller than the smallest one that is supported."
        raise Fault("w:EncodingLimit", 0x8033807E, smallest, detail="MinimumEnvelopeLimit")
    return min(int(text), MAX_ENVELOPE)


_DURATION = re.compile(r"P(?:(\d{1,6})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?", re.ASCII)


def duration(text: str) -> float | None:
    """Seconds of an xs:duration without years and months, such as PT20S; None if it is none."""
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        return None
    days, hours, minutes, seconds = (float(group or 0) for group in match.groups())
    return days * 86400 + hours * 3600 + minutes * 60 + seconds


def answer(request: Request, body: str) -> bytes:
    """The envelope that answers a request."""
    return _envelope(f"{request.action}Response", request.message_id, body)


def fault_answer(fault: Fault, relates_to: str) -> bytes:
    """The envelope of a fault."""
    addressing = fault.subcode.startswith("a:")
    action = f"{ADDRESSING}/fault" if addressing else "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault"
    detail = f"<w:FaultDetail>{DETAIL}/{fault.detail}</w:FaultDetail>" if fault.detail else ""
    text = escape(fault.text)
    body = (
        f"<s:Fault><s:Code><s:Value>s:{'Receiver' if fault.receiver else 'Sender'}</s:Value>"
        f"<s:Subcode><s:Value>{fault.subcode}</s:Value></s:Subcode></s:Code>"
        f'<s:Reason><s:Text xml:lang="en-US">{text}</s:Text></s:Reason>'
        f'<s:Detail>{detail}<f:WSManFault xmlns:f="{WSMAN_FAULT}" Code="{fault.code}" Machine="lab">'
        f"<f:Message>{text}</f:Message></f:WSManFault></s:Detail></s:Fault>"
    )
    return _envelope(action, relates_to, body)


def _envelope(action: str, relates_to: str, body: str) -> bytes:
    namespaces = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in TAGS.items())
    relation = f"<a:RelatesTo>{escape(relates_to)}</a:RelatesTo>" if relates_to else ""
    return (
        f'<s:Envelope xml:lang="en-US" {namespaces}><s:Header><a:Action>{action}</a:Action>'
        f"<a:MessageID>uuid:{str(uuid.uuid4()).upper()}</a:MessageID><a:To>{ANONYMOUS}</a:To>{relation}</s:Header>"
        f"<s:Body>{body}</s:Body></s:Envelope>"
    ).encode()
