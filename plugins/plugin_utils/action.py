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

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

from .errors import SstpError
from .inputs import clean_thumbprint
from .windows import Backend

Result = dict[str, Any]


class SstpAction(ActionBase):  # type: ignore[misc]
    """Subclasses set ARGUMENT_SPEC (and CONSTRAINTS, arguments of validate_argument_spec) and define perform."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]]
    CONSTRAINTS: ClassVar[dict[str, Any]] = {}

    _supports_check_mode = True
    _supports_async = False
    _supports_diff = True

    @abstractmethod
    def perform(self, args: dict[str, Any], backend: Backend) -> Result:
        """Do the work; raises SstpError for what the user is to read."""

    @property
    def check_mode(self) -> bool:
        return bool(self._task.check_mode)

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> Result:
        """Validate the options, perform, and turn an SstpError into a failed result."""
        super().run(tmp, task_vars)
        _validation, args = self.validate_argument_spec(argument_spec=self.ARGUMENT_SPEC, **self.CONSTRAINTS)
        backend = Backend(lambda options: self._call(options, task_vars or {}))
        try:
            return self.perform({name: plain(args.get(name)) for name in self.ARGUMENT_SPEC}, backend)
        except SstpError as error:
            return {"failed": True, "changed": False, "msg": str(error), **error.facts}

    def _call(self, options: Result, task_vars: dict[str, Any]) -> Result:
        shell = getattr(self._connection, "_shell", None)
        if not getattr(shell, "_IS_WINDOWS", False):
            transport = getattr(self._connection, "transport", "unknown")
            raise SstpError(
                f"This is no connection to a Windows host (the connection is {transport}); "
                "set ansible_connection to winrm or psrp, or to ssh with ansible_shell_type powershell."
            )
        result: Result = self._execute_module(module_name="rras.sstp.windows_backend", module_args=options, task_vars=task_vars)
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
    """DER in base64 is told from a path by its first byte, that of a SEQUENCE; PEM by its first line."""
    if source.lstrip().startswith("-----BEGIN"):
        return source.encode("utf-8", "surrogatepass")
    try:
        data = base64.b64decode("".join(source.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if len(data) > 64 and data[0] == 0x30 else None


def optional_thumbprint(args: dict[str, Any], name: str = "thumbprint") -> str | None:
    """An option that holds a thumbprint, cleaned, or None."""
    return clean_thumbprint(args[name], f"Option {name}") if args.get(name) else None
