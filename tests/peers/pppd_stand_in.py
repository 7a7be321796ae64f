# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for pppd with its plugin for SSTP, where there is no /dev/ppp: the server's side of PPP, and no network behind it.

It is called as pppd is: with "notty" the line is standard input and output, else the first argument is the terminal that is the line. The
argument after "file" names a file of JSON: {"user": ..., "password": ..., "late": whether the keys are handed over only when IPCP begins}.
The argument after "sstp-sock" names the socket at which the keys of MS-CHAPv2 (RFC 3079) are awaited.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.sstp_server.link import Link
from lab.sstp_server.ppp import Protocol, read_frame
from lab.sstp_server.settings import Settings, User

from peers import hdlc

# The plugin's messages, little-endian: magic, bytes of attributes, type; then attributes: type, bytes, value.
_MESSAGE, _ATTRIBUTE = struct.Struct("<4sHH"), struct.Struct("<HH")
_MAGIC = b"ptss"
_AUTHENTICATED, _ACKNOWLEDGED = 1, 3
_SEND_KEY, _RECEIVE_KEY = 1, 2
_KEY_BYTES = 16
_CHUNK = 4096
_SECONDS = 10


@dataclass(frozen=True)
class Arguments:
    """line: descriptors to read and to write. keys_at: path of the socket for the keys."""

    line: tuple[int, int]
    settings: Settings
    keys_at: str
    late: bool


def read_arguments(argv: Sequence[str]) -> Arguments:
    """Opens the line. Raises ValueError when an argument is missing, OSError when a file cannot be opened."""
    line = (0, 1) if "notty" in argv else (os.open(argv[0], os.O_RDWR | os.O_NOCTTY),) * 2
    options = json.loads(Path(_after("file", argv)).read_text())
    settings = Settings(users={options["user"]: User(options["password"])}, authentication=("mschapv2",))
    return Arguments(line, settings, _after("sstp-sock", argv), options["late"])


def _after(name: str, argv: Sequence[str]) -> str:
    return argv[argv.index(name) + 1]


def key_message(hlak: bytes) -> bytes:
    """The plugin's message with both keys. hlak: 32 bytes as the server forms them, its receive key first."""
    keys = ((_SEND_KEY, hlak[_KEY_BYTES:]), (_RECEIVE_KEY, hlak[:_KEY_BYTES]))
    attributes = b"".join(_ATTRIBUTE.pack(kind, len(key)) + key for kind, key in keys)
    return _MESSAGE.pack(_MAGIC, len(attributes), _AUTHENTICATED) + attributes


def hand_over(path: str, hlak: bytes) -> None:
    """Returns when the server has the keys. Raises OSError when it does not take them."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_SECONDS)
        connection.connect(path)
        connection.sendall(key_message(hlak))
        answer = connection.recv(_MESSAGE.size)
    if answer != _MESSAGE.pack(_MAGIC, 0, _ACKNOWLEDGED):
        raise OSError(f"The keys are answered with {answer.hex()}.")


class StandIn:
    """One link. over: it has ended."""

    def __init__(self, arguments: Arguments) -> None:
        """Nothing has been sent."""
        self._arguments = arguments
        self._link = Link(arguments.settings, "peer", os.urandom)
        self._network = self._handed_over = False

    @property
    def over(self) -> bool:
        """Whether there is nothing more to say."""
        return self._link.over

    def start(self) -> list[bytes]:
        """The first frames."""
        self._link.start()
        return self._take()

    def receive(self, frame: bytes) -> list[bytes]:
        """The frames that answer one."""
        begins_network = (read_frame(frame) or (0,))[0] == Protocol.IPCP
        if begins_network and self._arguments.late:
            self._hand_over()
        self._link.receive(frame)
        if self._link.hlak is not None and not self._network:
            # As pppd does, without waiting for SSTP: the network follows upon the login.
            self._network = True
            self._link.connected()
            if not self._arguments.late:
                self._hand_over()
        return self._take()

    def _hand_over(self) -> None:
        if self._link.hlak is not None and not self._handed_over:
            self._handed_over = True
            hand_over(self._arguments.keys_at, self._link.hlak)

    def _take(self) -> list[bytes]:
        frames, self._link.outbox = self._link.outbox, []
        return frames


def main(argv: Sequence[str]) -> int:
    """Exit code 0, also for the question whether the plugin is there ("dryrun")."""
    if "dryrun" in argv:
        return 0
    arguments = read_arguments(argv)
    reading, writing = arguments.line
    stand_in, decoder = StandIn(arguments), hdlc.Decoder()
    _write(writing, stand_in.start())
    while not stand_in.over and (data := _read(reading)):
        for frame in decoder.feed(data):
            _write(writing, stand_in.receive(frame))
    return 0


def _read(line: int) -> bytes:
    """Empty at the end: a terminal whose other side is gone gives an error in place of an end."""
    try:
        return os.read(line, _CHUNK)
    except OSError:
        return b""


def _write(line: int, frames: Sequence[bytes]) -> None:
    data = b"".join(map(hdlc.encode, frames))
    while data:
        data = data[os.write(line, data) :]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
