# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rras.sstp.report: the records of all hosts of a play as one HTML page, JSON and CSV, on the controller."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from ansible_collections.rras.sstp.plugins.plugin_utils.action import Result, SstpAction
from ansible_collections.rras.sstp.plugins.plugin_utils.errors import SstpError
from ansible_collections.rras.sstp.plugins.plugin_utils.report.document import Document, as_data
from ansible_collections.rras.sstp.plugins.plugin_utils.report.files import content_of, make_folder, read_previous, write
from ansible_collections.rras.sstp.plugins.plugin_utils.report.making import FORMATS, make
from ansible_collections.rras.sstp.plugins.plugin_utils.report.results import read_results
from ansible_collections.rras.sstp.plugins.plugin_utils.results import diff
from ansible_collections.rras.sstp.plugins.plugin_utils.windows import Backend

ARGUMENT_SPEC: dict[str, Any] = {
    "results": {"type": "dict", "required": True},
    "dest": {"type": "path", "required": True},
    "name": {"type": "str", "default": "sstp-audit"},
    "formats": {"type": "list", "elements": "str", "choices": list(FORMATS), "default": list(FORMATS)},
    "previous": {"type": "path"},
    "title": {"type": "str", "default": "Audit of SSTP certificates"},
}
HEADER = "Summary of the report"


class ActionModule(SstpAction):
    ARGUMENT_SPEC = ARGUMENT_SPEC
    TRANSFERS_FILES = False

    # The files are on the controller, whatever the host of the task is.
    _requires_connection = False

    def perform(self, args: dict[str, Any], backend: Backend) -> Result:
        folder = Path(args["dest"]).absolute()
        paths = {name: folder / f"{_checked(args['name'])}.{name}" for name in FORMATS}
        results = read_results(args["results"])
        previous, there = _earlier(args["previous"], paths["json"])
        made = make(results, args["title"], dt.datetime.now(dt.timezone.utc), previous, there)
        contents = made.contents(args["formats"])
        differing = [name for name, content in contents.items() if content_of(paths[name]) != content]
        if differing and not self.check_mode:
            make_folder(folder)
            for name in differing:
                write(paths[name], contents[name])
        data = made.data
        return {
            "changed": bool(differing),
            "files": {name: str(paths[name]) for name in FORMATS if name in contents},
            "summary": data["summary"],
            "document": data,
            "diff": diff(as_data(there.summary) if there else {}, data["summary"], HEADER),
        }


def _checked(name: str) -> str:
    if not name or name.startswith(".") or "/" in name or "\0" in name:
        raise SstpError(f"The name {name!r} is no name for files; give one without a directory, such as sstp-audit.")
    return name


def _earlier(previous: str | None, path: Path) -> tuple[Document | None, Document | None]:
    """What to compare with, and what lies where the report goes; that is the same unless the user names another one."""
    if previous is None or Path(previous).resolve() == path.resolve():
        there = read_previous(path) if previous or path.exists() else None
        return there, there
    chosen = read_previous(Path(previous).absolute())
    try:
        return chosen, read_previous(path)
    except SstpError:
        # Whatever it is, the user does not mean it.
        return chosen, None
