"""What all pages share: the robot behind them, who has control, and whether a hand is there."""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from robot_skills.console.backend import ConsoleBackend
from robot_skills.console.config import ConsoleConfig
from robot_skills.console.hand import Freshness, sample_of, sent_s
from robot_skills.console.lease import ControlLease
from robot_skills.console.pictures import Picture, picture_of
from robot_skills.console.wire import to_plain
from robot_skills.core.errors import RefusedError
from robot_skills.core.teleop import Wish

logger = logging.getLogger(__name__)
audit = logging.getLogger("robot_skills.console.audit")

_MAX_WORDS = 500
_STATUS_AGE_S = 0.05


class Hub:
    """Everything that pages ask for goes through here, on the server's event loop.

    Args:
        backend: The session behind the pages.
        config: Times after which a silent page loses the hand and control.
    """

    def __init__(self, backend: ConsoleBackend, config: ConsoleConfig) -> None:
        self.backend = backend
        self.config = config
        self.lease = ControlLease(config.lease_s)
        self.clients: dict[str, str] = {}
        """Names of the pages that are open, by their secret."""
        self._watcher: asyncio.Task[None] | None = None
        self._freshness = Freshness()
        self._hand_there = asyncio.Event()
        self._hand_s = 0.0
        self._status = ""
        self._status_s = -1.0
        self._pictures: dict[tuple[str, str], tuple[float, Picture]] = {}

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Notice pages that fall silent, while the block lasts. No hand drives without it."""
        self._watcher = asyncio.create_task(self._watch())
        self._watcher.add_done_callback(log_failure)
        try:
            yield
        finally:
            self._watcher.cancel()

    async def _watch(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_hand())
            group.create_task(self._watch_lease())

    async def _watch_hand(self) -> None:
        while True:
            await self._hand_there.wait()
            left_s = self._hand_s + self.config.heartbeat_s - time.monotonic()
            if left_s > 0.0:
                await asyncio.sleep(left_s)
                continue
            audit.info("The hand of %s fell silent.", self._holder_name())
            self.hand_gone()

    async def _watch_lease(self) -> None:
        while True:
            await asyncio.sleep(self.config.lease_s / 4.0)
            if self.lease.silent() and self.lease.holder is not None:
                self.drop_control(self.lease.holder, "its page fell silent")

    def join(self, client: str, name: str) -> None:
        """A page was opened."""
        self.clients[client] = name
        audit.info("%s joined.", name)

    def leave(self, client: str) -> None:
        """A page was closed, or its connection broke."""
        self.drop_control(client, "its page was closed")
        audit.info("%s left.", self.clients.pop(client, "A page"))

    def take_control(self, client: str) -> None:
        """Give control to a page.

        Raises:
            RefusedError: Another page has it.
        """
        before = self.lease.holder
        if not self.lease.take(client):
            raise RefusedError(f"{self._holder_name()} has control.")
        if before is None:
            self._freshness = Freshness()
            audit.info("%s took control.", self.clients[client])

    def drop_control(self, client: str, why: str) -> None:
        """Take control from a page if it has it; its hand is gone first."""
        if self.lease.holder != client:
            return
        self.hand_gone()
        self.lease.release(client)
        audit.info("%s has no control any more: %s.", self.clients.get(client, "A page"), why)

    def require_control(self, client: str) -> None:
        """Raise unless a page has control.

        Raises:
            RefusedError: It has not; the message says who has.
        """
        if self.lease.holder == client:
            return
        if self.lease.holder is None:
            raise RefusedError("Read-only: take control first.")
        raise RefusedError(f"Read-only: {self._holder_name()} has control.")

    def hand(self, client: str, message: Mapping[str, Any]) -> None:
        """Pass on what the hand of the page in control does.

        Raises:
            RefusedError: The page has no control, or nobody would notice if it fell silent.
        """
        self.require_control(client)
        if self._watcher is None or self._watcher.done():
            raise RefusedError("The watch over the hand has ended; restart the console.")
        now_s = time.monotonic()
        if self._freshness.late(sent_s(message), now_s):
            self.hand_gone()
            return
        sample = sample_of(message, now_s)
        self.lease.heard(client)
        self._hand_s = now_s
        self._hand_there.set()
        self.backend.hand(sample)

    def hand_gone(self) -> None:
        """The hand has left the page; said once."""
        if self._hand_there.is_set():
            self._hand_there.clear()
            self.backend.hand_gone()

    def wish(self, client: str, name: object) -> None:
        """A button was pressed. Everybody may stop the robot.

        Raises:
            RefusedError: Unknown, or the page has no control.
        """
        try:
            wish = Wish(name)
        except ValueError:
            raise RefusedError(
                f"Unknown wish {name!r}. Available: {', '.join(w.value for w in Wish)}."
            ) from None
        if wish is not Wish.ESTOP:
            self.require_control(client)
        self.backend.wish(wish)
        audit.info("%s: %s.", self.clients.get(client, "A client"), wish.value)

    def describe(self, client: str, task: object, subtask: object) -> None:
        """Set the task, or the subtask, in words."""
        self.require_control(client)
        self.backend.describe(
            task=None if task is None else _words(task, empty=True),
            subtask=None if subtask is None else _words(subtask, empty=True),
        )

    def say(self, client: str, words: object) -> None:
        """Move by typed words."""
        self.require_control(client)
        self.backend.say(_words(words))
        audit.info("%s said %r.", self.clients[client], words)

    def instruct(self, client: str, instruction: object) -> None:
        """Carry out an instruction."""
        self.require_control(client)
        self.backend.instruct(_words(instruction))
        audit.info("%s instructed %r.", self.clients[client], instruction)

    def status(self) -> str:
        """The status message; put together once for all pages."""
        if time.monotonic() - self._status_s > _STATUS_AGE_S:
            message = {
                "type": "status",
                "status": to_plain(self.backend.status()),
                "holder": None if self.lease.holder is None else self._holder_name(),
                "pages": len(self.clients),
            }
            self._status = json.dumps(message, separators=(",", ":"))
            self._status_s = time.monotonic()
        return self._status

    async def picture(self, camera: str, kind: str, after_s: float) -> tuple[float, Picture] | None:
        """The newest picture of a view if it is another than that of `after_s`; encoded once for
        all pages, beside the event loop."""
        frame = self.backend.frame(camera)
        if frame is None or frame.stamp_s == after_s:
            return None
        known = self._pictures.get((camera, kind))
        if known is None or known[0] != frame.stamp_s:
            known = frame.stamp_s, await asyncio.to_thread(picture_of, frame, kind)
            self._pictures[camera, kind] = known
        return known

    def _holder_name(self) -> str:
        return self.clients.get(self.lease.holder or "", "Another page")


def log_failure(task: asyncio.Task[None]) -> None:
    """For tasks that nobody waits for: say so when one fails."""
    if not task.cancelled() and task.exception() is not None:
        logger.error("A task of the console has failed.", exc_info=task.exception())


def _words(value: object, empty: bool = False) -> str:
    if not isinstance(value, str) or len(value) > _MAX_WORDS or not (empty or value.strip()):
        raise RefusedError(f"Expected words, at most {_MAX_WORDS} characters.")
    return value.strip()
