# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""windows_backend on a host of the lab without WinRM in between: ansible-core's own payload, given to the host as a command."""

from __future__ import annotations

import json
from typing import Any

import in_place
from ansible.executor.module_common import modify_module
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import shell_loader
from ansible.release import __version__
from ansible.template import Templar
from lab.host import Command, Host

NAME = "rras.sstp.windows_backend"
PATH = in_place.COLLECTION / "plugins" / "modules" / "windows_backend.ps1"


def call(host: Host, options: dict[str, Any], *, check_mode: bool = False, timeout: float = 120.0) -> dict[str, Any]:
    """The module's result. Raises AssertionError with all that the host printed when that is no JSON."""
    command, payload = begin(host, options, check_mode=check_mode)
    command.feed(payload, end=True)
    stdout, stderr, code = b"", b"", None
    while code is None:
        output = command.receive(timeout)
        stdout, stderr, code = stdout + output.stdout, stderr + output.stderr, output.exit_code
        if code is None and not (output.stdout or output.stderr):
            command.terminate()
            raise TimeoutError(f"the module gave nothing for {timeout} s")
    try:
        result: dict[str, Any] = json.loads(stdout)
    except ValueError:
        raise AssertionError(f"exit code {code}\n{stdout.decode(errors='replace')}\n{stderr.decode(errors='replace')}") from None
    return result


def begin(host: Host, options: dict[str, Any], *, check_mode: bool = False) -> tuple[Command, bytes]:
    """The command that has been started for the module, and the standard input that it waits for."""
    return host.run(_command_line()), _payload(options, check_mode)


def _command_line() -> str:
    # As the winrm connection has it: -EncodedCommand with the bootstrap, the module on standard input.
    return str(shell_loader.get("powershell").build_module_command("", "#!powershell", "")).strip()


def _payload(options: dict[str, Any], check_mode: bool) -> bytes:
    own = {"module_name": NAME, "check_mode": check_mode, "diff": False, "no_log": False, "verbosity": 0, "version": __version__}
    arguments = {**options, **{f"_ansible_{name}": value for name, value in own.items()}}
    built = modify_module(
        module_name=NAME, module_path=str(PATH), module_args=arguments, templar=Templar(DataLoader()), task_vars={}, environment={}
    )  # fmt: skip
    return bytes(built.b_module_data)
