# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place with a socket: opens it, lets the state machine speak over it, closes it. PRIVATE to the collection."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import socket
import ssl
import time
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ..errors import SstpError
from . import http, mschapv2, tls, verification
from .client import Call, Client, Depth
from .events import Event, Stage
from .verdict import Code, Verdict, closed, judge, timed_out, wrong_certificate

_CHUNK = 65536
_RESET = (
    "The server takes the connection and drops it in the TLS handshake: most likely no certificate is bound to the port, or its private key cannot be used; "
    "a device between may do the same."
)
_Event = typing.TypeVar("_Event")
# Called when a stage is over, however it ended, with the seconds that it took.
Progress = Callable[[Stage, float], None]


@dataclass(frozen=True)
class Target:
    """What to probe.

    host: the name (or IP address) that clients dial; it goes into SNI and Host, and the certificate has to have it.
    address: where to connect to in place of host, such as one node behind a name. proxy: name and port of a proxy in HTTP.
    ca_file: PEM of the roots to trust in place of the system's. verify: stop at a certificate that clients refuse; without it the faults
    are only told, and a login gives its MS-CHAPv2 exchange, which can be guessed at offline, to whoever answers. sha256: the one certificate to
    trust (of its DER, 64 upper-case hexadecimal digits) in place of what verify says; faults are only told, and another certificate ends the probe.
    timeout: seconds for everything up to the verdict; stage_timeout: for each stage. The goodbye takes at most 9 seconds more.
    """

    host: str
    port: int = 443
    depth: Depth = Depth.SSTP
    address: str | None = None
    proxy: tuple[str, int] | None = None
    credentials: mschapv2.Credentials | None = None
    ca_file: str | None = None
    verify: bool = True
    sha256: str | None = None
    timeout: float = 60.0
    stage_timeout: float = 20.0


@dataclass(frozen=True)
class Outcome:
    """served: None where TLS did not come about. faults: all that a client would hold against the certificate. seconds: by stage."""

    verdict: Verdict
    served: tls.Served | None = None
    faults: tuple[Verdict, ...] = ()
    events: tuple[Event, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)

    def first(self, kind: type[_Event]) -> _Event | None:
        """The first event of this kind, such as HttpAnswered or AddressAssigned."""
        return next((event for event in self.events if isinstance(event, kind)), None)


class _StoppedError(Exception):
    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.sentence)
        self.verdict = verdict


def probe(target: Target, progress: Progress = lambda stage, seconds: None) -> Outcome:
    """Speak to the server as deep as asked for. Raises SstpError only for what is wrong with the target itself, before anything is sent."""
    check(target)
    run = _Probe(target, progress)
    try:
        verdict = run.run()
    except _StoppedError as stop:
        verdict = stop.verdict
    finally:
        run.close()
    return Outcome(verdict, run.served, run.faults, tuple(run.events), run.seconds)


def check(target: Target) -> None:
    """Raises SstpError for what is wrong with the target itself."""
    for host, port in ((target.host, target.port), (target.address or target.host, target.port), target.proxy or (target.host, target.port)):
        http.authority(host, port)
        if not 0 < port < 65536:
            raise SstpError(f"The port {port} is none; give 1 to 65535.")
    verification.check_ca_file(target.ca_file)
    if target.depth is Depth.LOGIN:
        if target.credentials is None:
            raise SstpError("A login needs a user and a password.")
        mschapv2.answer(target.credentials, bytes(mschapv2.CHALLENGE_LENGTH), bytes(mschapv2.CHALLENGE_LENGTH))


class _Probe:
    def __init__(self, target: Target, progress: Progress) -> None:
        self._target = target
        self._progress = progress
        self._deadline = time.monotonic() + target.timeout
        self._stage_deadline = self._deadline
        self._socket: socket.socket | None = None
        self.served: tls.Served | None = None
        self.faults: tuple[Verdict, ...] = ()
        self.events: list[Event] = []
        self.seconds: dict[str, float] = {}

    def run(self) -> Verdict:
        target = self._target
        connection = self._connect(*(target.proxy or (target.address or target.host, target.port)))
        if target.proxy:
            self._pass_proxy(connection)
        secured, chain = self._handshake(connection)
        self.faults = self._verify(chain)
        if refusal := self._refusal(chain[0]):
            return refusal
        if target.depth is Depth.TLS:
            return Verdict(Code.OK, Stage.TLS, "The server speaks TLS.")
        return self._call(secured, chain[0])

    def _refusal(self, leaf: bytes) -> Verdict | None:
        wanted = self._target.sha256
        if wanted is None:
            return self.faults[0] if self.faults and self._target.verify else None
        shown = hashlib.sha256(leaf).hexdigest().upper()
        return None if shown == wanted else wrong_certificate(shown, wanted)

    def _verify(self, chain: tuple[bytes, ...]) -> tuple[Verdict, ...]:
        try:
            return verification.verify(chain, self._target.host, dt.datetime.now(dt.timezone.utc), self._target.ca_file)
        except SstpError as error:
            raise _StoppedError(Verdict(Code.TLS_FAILED, Stage.TLS, str(error))) from None

    def close(self) -> None:
        if self._socket is None:
            return
        if isinstance(self._socket, ssl.SSLSocket):
            # Says close_notify, and does not wait for the server's.
            with contextlib.suppress(OSError, ValueError):
                self._socket.setblocking(False)
                self._socket.unwrap()
        self._socket.close()

    @contextlib.contextmanager
    def _stage(self, stage: Stage) -> Iterator[None]:
        begun = time.monotonic()
        self._stage_deadline = min(begun + self._target.stage_timeout, self._deadline)
        try:
            yield
        except TimeoutError:
            raise _StoppedError(timed_out(stage)) from None
        finally:
            self._spend(stage, begun)
            self._end(stage)

    def _spend(self, stage: Stage, begun: float) -> None:
        self.seconds[stage.value] = self.seconds.get(stage.value, 0.0) + time.monotonic() - begun

    def _end(self, stage: Stage) -> None:
        self._progress(stage, self.seconds[stage.value])

    def _left(self) -> float:
        left = self._stage_deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    # --- TCP, proxy, TLS ---

    def _connect(self, host: str, port: int) -> socket.socket:
        """To the first of the host's addresses, IPv4 or IPv6, that takes the connection."""
        with self._stage(Stage.RESOLVE):
            try:
                addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            except (OSError, UnicodeError) as error:
                raise _StoppedError(Verdict(Code.UNREACHABLE, Stage.RESOLVE, f"The name {host} has no address ({_reason(error)}).")) from None
        with self._stage(Stage.CONNECT):
            return self._connect_to(addresses, http.authority(host, port))

    def _connect_to(self, addresses: list[typing.Any], where: str) -> socket.socket:
        last = OSError("no address")
        for number, found in enumerate(addresses):
            try:
                # Each address gets its share of the time, so that a silent one does not use it up.
                return self._open(found, self._left() / (len(addresses) - number))
            except OSError as error:
                last = error
        if isinstance(last, TimeoutError):
            raise last
        if self._target.proxy:
            raise _StoppedError(Verdict(Code.PROXY_REFUSED, Stage.PROXY, f"The proxy {where} cannot be reached ({_reason(last)}).")) from None
        if isinstance(last, ConnectionRefusedError):
            raise _StoppedError(Verdict(Code.REFUSED, Stage.CONNECT, f"{where} refuses the connection; maybe nothing listens there.")) from None
        raise _StoppedError(Verdict(Code.UNREACHABLE, Stage.CONNECT, f"{where} cannot be reached ({_reason(last)}).")) from None

    def _open(self, found: typing.Any, timeout: float) -> socket.socket:
        family, kind, protocol, _, address = found
        self._socket = connection = socket.socket(family, kind, protocol)
        connection.settimeout(timeout)
        try:
            connection.connect(address)
            # Or the request in HTTP waits until the server has acknowledged the end of the handshake, which it is in no hurry to do.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            connection.close()
            raise
        return connection

    def _pass_proxy(self, connection: socket.socket) -> None:
        with self._stage(Stage.PROXY):
            try:
                response = self._ask_proxy(connection)
            except TimeoutError:
                raise
            except (OSError, SstpError) as error:
                raise _StoppedError(Verdict(Code.PROXY_REFUSED, Stage.PROXY, f"The proxy does not open a way to the server ({_reason(error)}).")) from None
        if response.status // 100 != 2 or response.remainder:
            why = "; it wants a login, which SSTP clients cannot give" if response.status == 407 else ""
            sentence = f"The proxy does not open a way to the server: it answers with HTTP status {response.status}{why}."
            raise _StoppedError(Verdict(Code.PROXY_REFUSED, Stage.PROXY, sentence, response.status))

    def _ask_proxy(self, connection: socket.socket) -> http.Response:
        target = self._target
        connection.settimeout(self._left())
        connection.sendall(http.connect(target.address or target.host, target.port))
        reader = http.ResponseReader()
        while True:
            connection.settimeout(self._left())
            data = connection.recv(_CHUNK)
            if not data:
                raise OSError("it closes the connection")
            if response := reader.feed(data):
                return response

    def _handshake(self, connection: socket.socket) -> tuple[ssl.SSLSocket, tuple[bytes, ...]]:
        with self._stage(Stage.TLS):
            try:
                connection.settimeout(self._left())
                self._socket = secured = tls.wrap(connection, self._target.host)
                secured.do_handshake()
            except TimeoutError:
                raise
            except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError):
                raise _StoppedError(Verdict(Code.RESET_IN_TLS, Stage.TLS, _RESET)) from None
            except OSError as error:
                raise _StoppedError(Verdict(Code.TLS_FAILED, Stage.TLS, f"TLS does not come about ({_reason(error)}).")) from None
            self.served = tls.served(secured)
            return secured, self.served.chain

    # --- HTTP and SSTP ---

    def _call(self, connection: ssl.SSLSocket, certificate: bytes) -> Verdict:
        target = self._target
        client = Client(Call(target.host, target.port, target.depth, certificate, target.credentials, target.stage_timeout, self._deadline))
        client.start(time.monotonic())
        while not client.finished:
            stage, begun = client.stage, time.monotonic()
            _send(connection, client)
            self._wait(connection, client)
            self._spend(stage, begun)
            if client.finished or client.stage is not stage:
                self._end(stage)
        # What is left to say at the end, such as the answer to CALL_DISCONNECT.
        _send(connection, client)
        return judge(self.events, target.depth) or closed(client.stage)

    def _wait(self, connection: ssl.SSLSocket, client: Client) -> None:
        try:
            connection.settimeout(max(client.deadline - time.monotonic(), 0.001))
            data = connection.recv(_CHUNK)
        except TimeoutError:
            data = None
        except OSError:
            data = b""
        now = time.monotonic()
        if data:
            self.events += client.receive(data, now)
        elif data is not None:
            self.events += client.connection_closed()
        self.events += client.time_passes(now)


def _send(connection: ssl.SSLSocket, client: Client) -> None:
    """A server that has closed may have said why before: the error is left for the next read to find, as is a server that reads nothing."""
    if data := client.data_to_send():
        with contextlib.suppress(OSError):
            connection.settimeout(max(client.deadline - time.monotonic(), 0.001))
            connection.sendall(data)


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
