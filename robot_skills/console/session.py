"""One open page: its WebSocket, the views that it watches, and what it asks for.

The page gets the newest status and the newest pictures. A view gets its next picture when the page
has shown the last one, so a slow page sees fewer pictures and never old ones.
"""

import asyncio
import contextlib
import itertools
import json
import logging
import secrets
import struct
import time
from collections.abc import Callable
from typing import Any

from fastapi import WebSocket, WebSocketDisconnect

from robot_skills.console.hub import Hub
from robot_skills.console.pictures import KINDS, Picture
from robot_skills.core.errors import RobotSkillsError

audit = logging.getLogger("robot_skills.console.audit")

STATUS_PERIOD_S = 0.1
_MAX_VIEWS = 16
_numbers = itertools.count(1)


class PageSession:
    """The server's side of one page.

    Args:
        hub: What all pages share.
        socket: Accepted.
        features: What the page may show, for example ``library``.
    """

    def __init__(self, hub: Hub, socket: WebSocket, features: dict[str, bool]) -> None:
        self._hub = hub
        self._socket = socket
        self._features = features
        self._client = secrets.token_urlsafe(16)
        self._name = f"Operator {next(_numbers)}"
        self._shown_s: dict[str, float] = {}
        """Capture time of the last picture of each view that is watched."""
        self._under_way: set[str] = set()
        """Views whose last picture the page has not shown yet."""
        self._actions: dict[str, Callable[[dict[str, Any]], None]] = {
            "take": lambda _: hub.take_control(self._client),
            "release": lambda _: hub.drop_control(self._client, "it gave it back"),
            "beat": lambda _: hub.lease.heard(self._client),
            "hand": lambda message: hub.hand(self._client, message),
            "away": lambda _: self._away(),
            "wish": lambda message: hub.wish(self._client, message.get("wish")),
            "describe": self._describe,
            "say": lambda message: hub.say(self._client, message.get("words")),
            "instruct": lambda message: hub.instruct(self._client, message.get("instruction")),
            "watch": self._watch,
            "shown": lambda message: self._under_way.discard(str(message.get("view"))),
        }

    async def run(self) -> None:
        """Serve the page until it goes."""
        with contextlib.suppress(WebSocketDisconnect):
            await self._send_json(self._hello())
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._statuses())
                group.create_task(self._pictures())
                await self._receive_all()
        except* WebSocketDisconnect:
            pass

    async def _receive_all(self) -> None:
        """Do what the page asks; however that ends, its hand is gone at once."""
        self._hub.join(self._client, self._name)
        try:
            while True:
                await self._receive()
        finally:
            self._hub.leave(self._client)

    def _hello(self) -> dict[str, Any]:
        return {"type": "hello", "you": self._name, "secret": self._client} | self._features

    async def _receive(self) -> None:
        received = await self._socket.receive()
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received.get("code", 1000))
        message = _decoded(received.get("text"))
        action = self._actions.get(str(message.get("type")))
        if action is None:
            await self._refuse("message", "The page sent something that is not understood.")
            return
        try:
            action(message)
        except RobotSkillsError as error:
            await self._refuse(str(message["type"]), str(error))

    async def _refuse(self, what: str, why: str) -> None:
        if what != "hand":
            audit.warning("Refused %s of %s: %s", what, self._name, why)
        await self._send_json({"type": "refused", "what": what, "why": why})

    def _away(self) -> None:
        if self._hub.lease.holder == self._client:
            self._hub.hand_gone()

    def _describe(self, message: dict[str, Any]) -> None:
        self._hub.describe(self._client, message.get("task"), message.get("subtask"))

    def _watch(self, message: dict[str, Any]) -> None:
        views = message.get("views")
        named = [view for view in views if isinstance(view, str)] if isinstance(views, list) else []
        cameras = self._hub.backend.status().cameras
        known = {f"{camera}/{kind}" for camera in cameras for kind in KINDS}
        watched = [view for view in named[:_MAX_VIEWS] if view in known]
        self._shown_s = {view: self._shown_s.get(view, -1.0) for view in watched}
        self._under_way &= set(watched)

    async def _statuses(self) -> None:
        while True:
            await self._socket.send_text(self._hub.status())
            await asyncio.sleep(STATUS_PERIOD_S)

    async def _pictures(self) -> None:
        period_s = 1.0 / self._hub.config.picture_hz
        while True:
            next_s = time.monotonic() + period_s
            for view in [view for view in self._shown_s if view not in self._under_way]:
                await self._send_newest(view)
            await asyncio.sleep(max(next_s - time.monotonic(), 0.01))

    async def _send_newest(self, view: str) -> None:
        camera, _, kind = view.rpartition("/")
        newest = await self._hub.picture(camera, kind, self._shown_s.get(view, -1.0))
        if newest is None or view not in self._shown_s:
            return
        self._shown_s[view], picture = newest
        self._under_way.add(view)
        await self._socket.send_bytes(_picture_message(view, newest[0], picture))

    async def _send_json(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(WebSocketDisconnect):
            await self._socket.send_text(json.dumps(message))


def _decoded(text: str | None) -> dict[str, Any]:
    try:
        message = json.loads(text or "")
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def _picture_message(view: str, stamp_s: float, picture: Picture) -> bytes:
    """Length of the header, uint32; the header, JSON; the JPEG."""
    fields = {"view": view, "stamp_s": stamp_s, "near_m": picture.near_m, "far_m": picture.far_m}
    header = json.dumps(fields).encode()
    return struct.pack("<I", len(header)) + header + picture.jpeg
