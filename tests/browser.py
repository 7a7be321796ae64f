# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A headless Chromium for pages that are files: it has no network, and tells what it would have asked for."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service


def missing() -> str | None:
    """Why there is no browser here, as a sentence."""
    for program in ("chromium", "chromedriver"):
        if not shutil.which(program):
            return f"needs {program}, which is not installed (Debian's packages are chromium and chromium-driver)."
    return None


def needed() -> None:
    """Where there is no browser, the test is skipped with the reason, and fails in CI."""
    reason = missing()
    if reason and os.environ.get("CI"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


class Browser:
    """One window."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        # Selenium's, of which not all has types.
        self.driver: Any = driver

    def show(self, page: Path, *, dark: bool = False, width: int = 1280, height: int = 900) -> None:
        """Load a file, in a window of that size."""
        self.prefer(dark)
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.driver.get(page.absolute().as_uri())

    def prefer(self, dark: bool) -> None:
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def command(self, name: str, **options: Any) -> Any:
        """One of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(name, options)

    def run(self, script: str, *arguments: Any) -> Any:
        """JavaScript in the page; what it returns."""
        return self.driver.execute_script(script, *arguments)

    def complaints(self) -> list[str]:
        """What has come to the console since the last call: errors, warnings, and what the policy of the page has refused."""
        return [f"{entry['level']}: {entry['message']}" for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """The addresses that were asked for since the last call, but for what the policy of the page has held back."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        events = [(message["method"], message["params"]) for message in messages]
        barred = {what["requestId"] for method, what in events if method == "Network.loadingFailed" and what.get("blockedReason") == "csp"}
        return [what["request"]["url"] for method, what in events if method == "Network.requestWillBeSent" and what["requestId"] not in barred]


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """It ends with the block."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    # Tests run as root in containers, where Chromium has no sandbox.
    for argument in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "disable-background-networking", "hide-scrollbars", "lang=en"):
        options.add_argument(f"--{argument}")
    options.add_argument("--window-size=1400,1200")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        driver.execute_cdp_cmd("Network.enable", {})
        driver.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0})
        yield Browser(driver)
    finally:
        driver.quit()
