# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all action plugins of the collection share: options in, back-end, result out. PRIVATE to the collection."""

from __future__ import annotations

import base64
import binascii
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from .errors import ConnectionLost, SstpError
from .reconnection import Reconnection
from .repairs import Commands
from .state import HostState
from .windows import Backend, Scope

Result = dict[str, Any]

_LONGEST_PATH = 1024

# Variables of the role, without their prefix, that say to which certificate it rotates.
_SOURCES = ("pfx", "certificate", "thumbprint", "dns_names", "balancer", "sha256")

# Of all modules that change something.
CHANGE_SPEC: Result = {"reconnect_timeout": {"type": "int", "default": 300}}

# It has had several places in ansible-core, and is no Exception in any of them.
_TASK_TIMEOUT = "TaskTimeoutError"


class SstpAction(ActionBase):  # type: ignore[misc]
    """Subclasses set ARGUMENT_SPEC (and CONSTRAINTS, arguments of validate_argument_spec) and define perform."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]]
    CONSTRAINTS: ClassVar[dict[str, Any]] = {}
    # Options that are lists of texts in which commas have no meaning.
    LISTS: ClassVar[tuple[str, ...]] = ("chain",)

    _supports_check_mode = True
    _supports_async = False
    _supports_diff = True

    # Whether an earlier run was interrupted on the host.
    _leftover = False
    # How the inventory calls the host, and where it comes from.
    commands = Commands()

    @abstractmethod
    def perform(self, args: dict[str, Any], backend: Backend) -> Result:
        """Do the work; raises SstpError for what the user is to read."""

    @property
    def check_mode(self) -> bool:
        return bool(self._task.check_mode)

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> Result:
        """Validate the options, perform, and turn an SstpError into a failed result."""
        super().run(tmp, task_vars)
        self.commands = _commands(task_vars or {})
        # ansible-core would cut one text at its commas, and certificates in PEM may have some in the text around them.
        for name in self.LISTS:
            if isinstance(self._task.args.get(name), str):
                self._task.args[name] = [self._task.args[name]]
        _validation, args = self.validate_argument_spec(argument_spec=self.ARGUMENT_SPEC, **self.CONSTRAINTS)
        values = {name: plain(args.get(name)) for name in self.ARGUMENT_SPEC}
        try:
            return self.attempt(values, Backend(lambda options: self._call(options, task_vars or {}), self._reconnection(values)))
        except ConnectionLost as lost:
            if "changed" not in lost.facts:
                # Nothing was touched: that is what Ansible means by unreachable.
                raise AnsibleConnectionFailure(f"The connection to the host was lost while it was looked at: {lost}.") from None
            return {"failed": True, "msg": f"The connection to the host was lost: {lost}. Before that an interrupted change was taken back.", **lost.facts}
        except SstpError as error:
            return {"failed": True, "changed": False, "msg": str(error), **error.facts}

    def attempt(self, values: Result, backend: Backend) -> Result:
        """perform, and tell of what was taken back before it, whichever way it ends."""
        try:
            result = self.perform(values, backend)
        except SstpError as error:
            if backend.mended:
                error.facts["changed"] = True
            raise
        return {**result, "changed": result["changed"] or self._leftover}

    def look(self, backend: Backend, scope: Scope) -> tuple[HostState, bool]:
        """The host, and whether an earlier run was interrupted on it; what that has left is taken back first, but for check mode."""
        state = backend.observe(scope)
        self._leftover = state.interrupted
        if self._leftover and not self.check_mode:
            state = backend.recover(scope)
        return state, self._leftover

    def _reconnection(self, values: Result) -> Reconnection:
        seconds = values.get("reconnect_timeout")
        tell = Display().warning
        return Reconnection(reset=self._reset, tell=tell) if seconds is None else Reconnection(seconds, reset=self._reset, tell=tell)

    def _reset(self) -> None:
        try:
            self._connection.reset()
        except Exception as error:
            raise ConnectionLost(_first_line(error)) from error

    def _call(self, options: Result, task_vars: dict[str, Any]) -> Result:
        shell = getattr(self._connection, "_shell", None)
        if not getattr(shell, "_IS_WINDOWS", False):
            transport = getattr(self._connection, "transport", "unknown")
            raise SstpError(
                f"This is no connection to a Windows host (the connection is {transport}); "
                "set ansible_connection to winrm or psrp, or to ssh with ansible_shell_type powershell."
            )
        changing = options["operation"] == "apply"
        try:
            result: Result = self._execute_module(module_name="rras.sstp.windows_backend", module_args=options, task_vars=task_vars)
        except BaseException as error:
            if (changing and _breaks(error)) or (self._connection.connected and _is_lost(error)):
                raise ConnectionLost(_first_line(error)) from error
            raise
        if changing and "module_stdout" in result:
            raise ConnectionLost("the PowerShell process on the host has ended without an answer")
        result.pop("invocation", None)
        return result

    def read_source(self, source: str, what: str) -> tuple[bytes, str]:
        """The bytes of a file on the controller, or of base64 content, and how to call it in a sentence.

        A vault-encrypted file is decrypted in memory: get_real_file would write the plain text to a temporary file.
        """
        content = _decode_content(source)
        if content is not None:
            return content, "given as content"
        try:
            path = self._find_file(source)
            data, _show = self._loader._get_file_contents(path)
        except (AnsibleError, OSError) as error:
            reason = getattr(error, "message", None) or str(error)
            raise SstpError(f"The {what} {source} cannot be read on the controller: {str(reason).splitlines()[0]}") from None
        return bytes(data), source

    def _find_file(self, source: str) -> str:
        """Where ansible-core looks for files; then in the current directory, as a playbook of a collection lies far from the user's files."""
        try:
            return str(self._find_needle("files", source))
        except AnsibleError:
            here = Path(source).expanduser()
            if here.is_file():
                return str(here.absolute())
            raise


def _commands(variables: dict[str, Any]) -> Commands:
    sources = tuple(str(plain(source)) for source in variables.get("ansible_inventory_sources") or ())
    named = any(variables.get(f"sstp_certificate_{option}") for option in _SOURCES)
    return Commands(str(plain(variables.get("inventory_hostname", "HOST"))), sources, named)


def _is_lost(error: BaseException) -> bool:
    """Connection plugins let errors of their libraries through: of requests, of pywinrm, of pypsrp. Ansible's own are about other things."""
    return isinstance(error, AnsibleConnectionFailure) or (isinstance(error, Exception) and not isinstance(error, AnsibleError | SstpError))


def _breaks(error: BaseException) -> bool:
    """Whether the host may be left in the middle of a change: then even the timeout of the task comes second to putting that right."""
    return isinstance(error, Exception) or type(error).__name__ == _TASK_TIMEOUT


def _first_line(error: BaseException) -> str:
    if type(error).__name__ == _TASK_TIMEOUT:
        return "the timeout of the task is over"
    text = str(getattr(error, "message", None) or error).strip() or type(error).__name__
    return text.splitlines()[0].strip(" .;")


def plain(value: Any) -> Any:
    """Values without the tags that ansible-core 2.19 and later put on them."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass")
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {plain(name): plain(item) for name, item in value.items()}
    return value


def _decode_content(source: str) -> bytes | None:
    """DER in base64 is told from a path by its first byte, that of a SEQUENCE; PEM by the beginning of a block in it.

    What is too long for a path, or has several lines, is content too, whatever is wrong with it: a path that is not found is repeated in a message.
    """
    if "-----BEGIN" in source:
        return source.encode("utf-8", "surrogatepass")
    try:
        data = base64.b64decode("".join(source.split()), validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if len(data) > 64 and data[0] == 0x30:
        return data
    return source.encode("utf-8", "surrogatepass") if "\n" in source.strip() or len(source) > _LONGEST_PATH else None
