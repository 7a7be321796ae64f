# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that runs Python processes, and clients, for the tests of the WinRM server."""

from __future__ import annotations

import base64
import dataclasses
import http.client
import ssl
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from lab.host import Output
from lab.winrm import WinRMServer
from winrm.protocol import Protocol

SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
CREATE = f"{TRANSFER}/Create"

USER = "lab-administrator"
SECRET = "pass:wörd 443"
BASIC = "Basic " + base64.b64encode(f"{USER}:{SECRET}".encode()).decode()

ECHO = "import sys; data = sys.stdin.buffer.read(); sys.stdout.buffer.write(data); sys.exit(7)"
SLOW = "import time\nfor i in range(4): print(i, flush=True); time.sleep(0.6)"
SLEEP = "import time; time.sleep(60)"
SILENT = "import time; time.sleep(2.5); print('late')"
TWO_STREAMS = "import sys; sys.stdout.write('out'); sys.stderr.write('err')"


class ProcessCommand:
    """A process whose output is collected by threads."""

    def __init__(self, source: str) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([sys.executable, "-c", source], stdin=pipe, stdout=pipe, stderr=pipe)
        self.terminated = 0
        self._changed = threading.Condition()
        self._output = {"stdout": b"", "stderr": b""}
        self._open = {"stdout", "stderr"}
        for name in self._output:
            threading.Thread(target=self._collect, args=(name,), daemon=True).start()

    def feed(self, data: bytes, *, end: bool) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()
        if end:
            self.process.stdin.close()

    def receive(self, timeout: float) -> Output:
        with self._changed:
            self._changed.wait_for(lambda: any(self._output.values()) or not self._open, timeout)
            taken, self._output = self._output, {"stdout": b"", "stderr": b""}
            code = None if self._open else self.process.wait()
        return Output(taken["stdout"], taken["stderr"], code)

    def terminate(self) -> None:
        self.terminated += 1
        self.process.kill()

    def _collect(self, name: str) -> None:
        stream = getattr(self.process, name)
        while data := stream.read1(65536):
            with self._changed:
                self._output[name] += data
                self._changed.notify_all()
        with self._changed:
            self._open.discard(name)
            self._changed.notify_all()


class ProcessHost:
    """Runs the Python source that its test chose, whatever the command line."""

    def __init__(self, name: str, source: str = ECHO) -> None:
        self.name = name
        self.source = source
        self.lines: list[str] = []
        self.commands: list[ProcessCommand] = []

    def run(self, command_line: str) -> ProcessCommand:
        self.lines.append(command_line)
        self.commands.append(ProcessCommand(self.source))
        return self.commands[-1]


def protocol(server: WinRMServer, password: str = SECRET, **options: Any) -> Protocol:
    settings: dict[str, Any] = {
        "server_cert_validation": "validate",
        "ca_trust_path": str(server.certificate_pem),
        "proxy": None,
    }
    endpoint = f"https://127.0.0.1:{server.port}/wsman"
    return Protocol(endpoint, transport="basic", username=USER, password=password, **settings | options)


@contextmanager
def shell(client: Protocol) -> Iterator[str]:
    shell_id = client.open_shell()
    yield shell_id
    client.close_shell(shell_id)


def run(client: Protocol, stdin: bytes = b"", command: str = "anything") -> tuple[bytes, bytes, int]:
    with shell(client) as shell_id:
        command_id = client.run_command(shell_id, command)
        client.send_command_input(shell_id, command_id, stdin, end=True)
        result: tuple[bytes, bytes, int] = client.get_command_output(shell_id, command_id)
        client.cleanup_command(shell_id, command_id)
    return result


def wait_until(condition: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def fault(self) -> tuple[str, int]:
        """Subcode and Windows code of the fault."""
        root = ET.fromstring(self.body)
        values = [element.text or "" for element in root.iter("{http://www.w3.org/2003/05/soap-envelope}Value")]
        detail = root.find(".//{http://schemas.microsoft.com/wbem/wsman/1/wsmanfault}WSManFault")
        assert detail is not None
        return values[1], int(detail.attrib["Code"])


def envelope(action: str, body: str, selectors: object = None, **headers: str) -> bytes:
    """A request as pywinrm builds it; headers replace or, when empty, remove the usual ones."""
    fields = {
        "a:Action": action,
        "a:MessageID": "uuid:11111111-1111-1111-1111-111111111111",
        "w:ResourceURI": f"{SHELL}/cmd",
        "w:OperationTimeout": "PT20S",
        "w:MaxEnvelopeSize": "153600",
    }
    fields |= {name.replace("_", ":"): value for name, value in headers.items()}
    text = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items() if value)
    if isinstance(selectors, dict):
        text += f'<w:SelectorSet><w:Selector Name="ShellId">{selectors["w:Selector"]["#text"]}'
        text += "</w:Selector></w:SelectorSet>"
    return (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
        'xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" '
        f'xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:rsp="{SHELL}">'
        f"<s:Header>{text}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def post(server: WinRMServer, body: bytes, *, authorization: str | None = BASIC, path: str = "/wsman", method: str = "POST") -> Answer:
    context = ssl.create_default_context(cafile=str(server.certificate_pem))
    connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=20)
    headers = {"Authorization": authorization} if authorization else {}
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    answer = Answer(response.status, dict(response.headers.items()), response.read())
    connection.close()
    return answer


def in_shell(shell_id: str) -> dict[str, dict[str, str]]:
    return {"w:Selector": {"#text": shell_id}}
