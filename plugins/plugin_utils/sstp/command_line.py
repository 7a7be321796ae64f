# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe for the person on call: stages as they end, then the verdict. PRIVATE to the collection."""

from __future__ import annotations

import argparse
import getpass
import os
import re
import sys
from collections.abc import Sequence
from typing import Any

from ..errors import SstpError
from ..probing import target_of
from ..wire import crypto_binding
from ..x509 import read_stored
from .client import Depth
from .driver import Outcome, Target, check, probe
from .events import AddressAssigned, HttpAnswered, Stage
from .http import HTTPS_PORT, authority
from .parallel import WORKERS, Result, probe_all
from .verdict import Code, Verdict

PASSWORD_VARIABLE = "SSTP_PASSWORD"
OK, CERTIFICATE_WRONG, BAD_USAGE, OTHER, INTERRUPTED = 0, 1, 2, 3, 130
_HOST = re.compile(r"(?:\[([^\[\]]*:[^\[\]]*)\]|([^:\[\]]+))(?::([0-9]{1,5}))?")
_CODE_WIDTH = max(len(code.value) for code in Code)
_DESCRIPTION = "Speak to an SSTP server as a client does, and say where it ends and why. Nothing is changed on the server."
_EPILOGUE = f"""\
The password of a login is asked for, or taken from the environment variable {PASSWORD_VARIABLE}. A login is tried once
at each host; with several hosts at one of them first, and where that refuses it, at no other.

Several hosts are probed at the same time: a line for each as it ends, then how many are well. The exit code is the first of 1, 3 and 0
that any of them has.

exit codes:
  {OK}  the server does what was asked of it
  {CERTIFICATE_WRONG}  its TLS, its certificate or its crypto binding is wrong
  {BAD_USAGE}  the command line is wrong, or a file or package that it needs is missing here
  {OTHER}  anything else: not reached, no answer in time, no SSTP there, no port free, login refused
"""


def main(arguments: Sequence[str]) -> int:
    """Run it; gives the exit code. Leaves by SystemExit for a command line that cannot be read, and for --help."""
    options = vars(_parser().parse_intermixed_args(arguments))
    try:
        targets = _targets(_with_password(options), options["host"])
        if len(targets) > 1:
            return _probe_all(targets, options["workers"])
        outcome = probe(targets[0], _show_stage)
    except SstpError as error:
        print(f"error: {_printable(str(error))}", file=sys.stderr)
        return BAD_USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    _show(outcome)
    return exit_code(outcome.verdict)


def exit_code(verdict: Verdict) -> int:
    if verdict.ok:
        return OK
    return CERTIFICATE_WRONG if verdict.about_certificate else OTHER


def _targets(options: dict[str, Any], hosts: Sequence[str]) -> list[Target]:
    if len(hosts) > 1 and options["address"]:
        raise SstpError("An address to connect to in place of the host goes with one host only.")
    named = [parse_host(host, options["port"]) for host in hosts]
    return [target_of({**options, "host": host, "port": port}, host) for host, port in named]


def parse_host(text: str, default_port: int) -> tuple[str, int]:
    """Name and port of 'host', 'host:port', an IPv6 address, '[v6]' or '[v6]:port'."""
    if matched := _HOST.fullmatch(text):
        return matched[1] or matched[2], int(matched[3] or default_port)
    if text.count(":") < 2 or "[" in text or "]" in text:
        raise SstpError(f"A host is written vpn.example.com, vpn.example.com:8443 or [2001:db8::1]:8443, but {text!r} is not.")
    return text, default_port


def _probe_all(targets: Sequence[Target], workers: int) -> int:
    """A line for each host as it ends, then how many are well; the gravest exit code."""
    for target in targets:
        # Whatever is wrong with the command line is told before anything is sent.
        check(target)
    width = max(len(_where(target)) for target in targets)
    results = [result for _, result in probe_all(targets, workers, lambda target, result: _show_result(target, result, width))]
    codes = [BAD_USAGE if isinstance(result, SstpError) else exit_code(result.verdict) for result in results]
    print(f"{codes.count(OK)} of {len(codes)} are well")
    return next(code for code in (BAD_USAGE, CERTIFICATE_WRONG, OTHER, OK) if code in codes)


def _where(target: Target) -> str:
    return authority(target.host, target.port, HTTPS_PORT)


def _show_result(target: Target, result: Result, width: int) -> None:
    if isinstance(result, SstpError):
        code, stage, seconds, sentence = "error", "-", 0.0, str(result)
    else:
        verdict, seconds = result.verdict, sum(result.seconds.values())
        code, stage, sentence = verdict.code.value, verdict.stage.value, verdict.sentence
    print(f"{_where(target):<{width}} {code:<{_CODE_WIDTH}} {stage:<8} {seconds:7.3f} s  {_printable(sentence)}", flush=True)


def _parser() -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="probe", description=_DESCRIPTION, epilog=_EPILOGUE, formatter_class=form, allow_abbrev=False)
    parser.add_argument("host", nargs="+", help="the name that clients dial, if need be with a port: vpn.example.com:8443, [2001:db8::1]:8443")
    parser.add_argument("--port", type=int, default=443, help="of the hosts that are given without one; 443 unless told")
    parser.add_argument("--address", help="connect there in place of the host, such as to one node behind a name")
    parser.add_argument("--depth", choices=[depth.value for depth in Depth], default=Depth.SSTP.value, help="how far to go; sstp unless told")
    parser.add_argument("--user", help=r"DOMAIN\name or name@domain, for the depth login")
    parser.add_argument("--ca-path", metavar="FILE", help="roots to trust (PEM) in place of the system's")
    parser.add_argument("--no-validate-certs", dest="validate_certs", action="store_false", help="only tell what clients hold against the certificate")
    parser.add_argument("--proxy", metavar="HOST:PORT", help="an HTTP proxy to go through")
    parser.add_argument("--timeout", type=int, default=60, metavar="SECONDS", help="for everything up to the verdict; 60 unless told")
    parser.add_argument("--stage-timeout", type=int, default=20, metavar="SECONDS", help="for each stage; 20 unless told")
    parser.add_argument("--workers", type=int, default=WORKERS, metavar="NUMBER", help=f"how many hosts at the same time; {WORKERS} unless told")
    return parser


def _with_password(options: dict[str, Any]) -> dict[str, Any]:
    """Asked for where there is a login. One in the command line would be in the list of processes, and in the shell's history."""
    if options["user"] is None or options["depth"] != Depth.LOGIN.value:
        return {**options, "user": None, "password": None}
    if PASSWORD_VARIABLE in os.environ:
        return {**options, "password": os.environ[PASSWORD_VARIABLE]}
    try:
        return {**options, "password": getpass.getpass(f"Password of {_printable(options['user'])}: ")}
    except EOFError:
        raise SstpError(f"There is no password; type it in, or set {PASSWORD_VARIABLE}.") from None


def _show_stage(stage: Stage, seconds: float) -> None:
    print(f"{stage.value:<8} {seconds:7.3f} s", flush=True)


def _show(outcome: Outcome) -> None:
    if outcome.served:
        _show_line("server", f"{outcome.served.version}, {outcome.served.cipher}")
        for certificate in map(read_stored, outcome.served.chain):
            _show_line("shows", f"{certificate.subject}, valid to {certificate.not_after:%Y-%m-%d}, thumbprint {certificate.thumbprint}")
    if answered := outcome.first(HttpAnswered):
        _show_line("http", f"{answered.status} from {answered.server or 'a server without a name'}")
    if assigned := outcome.first(AddressAssigned):
        _show_line("address", str(assigned.address or "none"))
    _show_line("binding", crypto_binding(outcome))
    for fault in outcome.faults:
        if fault is not outcome.verdict:
            _show_line("fault", f"{fault.sentence} ({fault.code.value})")
    verdict = outcome.verdict
    _show_line("verdict", f"{verdict.sentence} ({verdict.code.value}, at {verdict.stage.value})")


def _show_line(what: str, text: str) -> None:
    print(f"{what:<8} {_printable(text)}")


def _printable(text: str) -> str:
    """What a server sends must not steer a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)
