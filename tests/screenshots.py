# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures of the report in docs/images: `PYTHONPATH=tests python -m screenshots`."""

from __future__ import annotations

import base64
import datetime as dt
import importlib
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from audited_fleet import NOW, large, small, yesterday
from browser import Browser, browser, missing

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
_PACKAGE = "ansible_collections.rras.sstp.plugins.plugin_utils.report"
_LARGEST = 150_000
_OPEN = "document.querySelector('#hosts-table a[href=\"#host-3\"]').click(); document.activeElement.blur()"
_SCROLL = "document.getElementById('fleet').scrollIntoView()"


def main() -> int:
    """0: written; 1: something is missing, or a picture is too large for a repository."""
    if reason := missing():
        print(f"error: {reason}", file=sys.stderr)
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, browser() as chromium:
        fleet, many = Path(folder) / "small.html", Path(folder) / "large.html"
        fleet.write_bytes(_page(small(), yesterday()))
        many.write_bytes(_page(large(1000), None))
        written = [
            _take(chromium, "report-light", fleet, 1160, 960),
            _take(chromium, "report-dark", fleet, 1160, 960, dark=True),
            _take(chromium, "report-host", fleet, 1160, 780, script=_OPEN),
            _take(chromium, "report-fleet", fleet, 1160, 760, script=_SCROLL),
            _take(chromium, "report-narrow", fleet, 390, 1100),
            _take(chromium, "report-1000-hosts", many, 1200, 1000),
        ]
    return int(any(size > _LARGEST for size in written))


def _page(results: dict[str, Any], before: dict[str, Any] | None) -> bytes:
    importlib.import_module("in_place")
    making, reading = importlib.import_module(f"{_PACKAGE}.making"), importlib.import_module(f"{_PACKAGE}.results")
    title = "Audit of SSTP certificates"
    earlier = making.make(reading.read_results(before), title, NOW - dt.timedelta(days=1), None, None).document if before else None
    page: bytes = making.make(reading.read_results(results), title, NOW, earlier, None).contents(["html"])["html"]
    return page


def _take(chromium: Browser, name: str, page: Path, width: int, height: int, *, dark: bool = False, script: str = "") -> int:
    """The size of the picture in bytes."""
    chromium.show(page, dark=dark, width=width, height=height)
    chromium.run(script)
    # What comes into view is drawn in the frame after.
    time.sleep(0.5)
    picture = base64.b64decode(chromium.command("Page.captureScreenshot", format="png", optimizeForSpeed=False)["data"])
    (IMAGES / f"{name}.png").write_bytes(picture)
    print(f"written: docs/images/{name}.png, {len(picture)} bytes")
    return len(picture)


if __name__ == "__main__":
    sys.exit(main())
