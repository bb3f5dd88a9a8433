"""A person at the console: a real browser, a keyboard, and eyes on what the page is told."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.app.collect.scripted_operator import ScriptedOperator, Sight, sight_of

CHROMIUM = Path("/usr/bin/chromium")
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_KEYS = {"shift": "Shift", "space": "Space"}
_LOOK_MS = 60
_FORESIGHT_S = 0.2
"""How far ahead an operator thinks: what is seen is that old when a key takes effect."""
_EPISODE_LOOKS = 500


@contextmanager
def console(arguments: Sequence[str], timeout_s: float = 120.0) -> Iterator[str]:
    """`robot-skills console`, and the address that it prints."""
    command = [sys.executable, "-m", "robot_skills.app.cli", "console", "--port", "0", *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        for line in process.stderr:
            found = re.search(r"Console: (http\S+)", line)
            if found:
                yield found[1]
                break
        else:
            raise AssertionError(f"the console did not start (exit code {process.wait()})")
    finally:
        process.terminate()
        process.stderr.close()
        process.wait(timeout_s)


class Person:
    """Drives the page. `page` is Playwright's."""

    def __init__(self, page) -> None:
        self._page = page
        self._held: frozenset[str] = frozenset()
        self.status: dict = {}
        self._before: tuple[float, Sight] | None = None
        page.on("websocket", self._listen)

    def open(self, url: str) -> None:
        # The 3-D view is drawn in software here and would take the simulator's time.
        self._page.route("**/view3d/**", lambda route: route.abort())
        self._page.goto(url)
        self.wait(lambda status: status["dataset"] is not None)
        self._page.get_by_role("button", name=re.compile("take control", re.IGNORECASE)).click()
        self._page.get_by_text("You have control").wait_for()

    def episode(self) -> None:
        """Record one episode of lifting, which the simulator ends when it is done."""
        self.hold(frozenset())
        self.wait(lambda status: status["episode"]["state"] == "idle")
        self.wait(lambda status: status["motion"] == "idle")
        before = self.status["dataset"]["episodes"]
        self._page.keyboard.press("Enter")
        self.wait(lambda status: status["episode"]["state"] == "recording")
        operator = ScriptedOperator()
        self._before = None
        for _ in range(_EPISODE_LOOKS):
            self._page.wait_for_timeout(_LOOK_MS)
            if self.status["episode"]["state"] != "recording":
                break
            self.hold(operator.keys(self._foreseen(), sight_of(self.status)))
        else:
            self.hold(frozenset())
            self._page.keyboard.press("Backspace")
            return
        self.hold(frozenset())
        self.wait(lambda status: status["dataset"]["episodes"] == before + 1)

    def hold(self, keys: frozenset[str]) -> None:
        """Have these keys down, and no others."""
        for key in self._held - keys:
            self._page.keyboard.up(_KEYS.get(key, key))
        for key in keys - self._held:
            self._page.keyboard.down(_KEYS.get(key, key))
        self._held = keys

    def wait(self, condition, timeout_s: float = 30.0) -> None:
        until_s = time.monotonic() + timeout_s
        while not (self.status and condition(self.status)):
            if time.monotonic() > until_s:
                raise AssertionError(f"it never happened; the page was told {self.status}")
            self._page.wait_for_timeout(20)

    def _listen(self, socket) -> None:
        socket.on("framereceived", lambda payload: self._hear(payload))

    def _hear(self, payload) -> None:
        if isinstance(payload, str):
            message = json.loads(payload)
            if message.get("type") == "status":
                self.status = message["status"]

    def _foreseen(self) -> Sight:
        """Where things will be when the keys take effect."""
        sight, stamp_s = sight_of(self.status), self.status["stamp_s"]
        before, self._before = self._before, (stamp_s, sight)
        if before is None or stamp_s <= before[0]:
            return sight
        ahead = _FORESIGHT_S / (stamp_s - before[0])
        moved, turned = sight.p_tool - before[1].p_tool, sight.yaw_rad - before[1].yaw_rad
        turned = (turned + np.pi) % (2.0 * np.pi) - np.pi
        return replace(
            sight, p_tool=sight.p_tool + ahead * moved, yaw_rad=sight.yaw_rad + ahead * turned
        )


@contextmanager
def person() -> Iterator[Person]:
    """Somebody in front of a browser."""
    if not CHROMIUM.exists():
        pytest.skip("needs Chromium (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=_ARGUMENTS)
        try:
            yield Person(browser.new_page(viewport={"width": 1280, "height": 800}))
        finally:
            browser.close()
