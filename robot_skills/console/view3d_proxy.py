"""The 3-D view under ``/view3d/`` of the console's own server.

viser's page connects to the address it was loaded from, without its last slash: the socket is
``/view3d``. It passes here in one direction only. What the page sends is read and thrown away, so
that nobody can ask viser for anything, such as the tunnel of its share button.
"""

import asyncio
import base64
import contextlib
import functools
import hashlib
import http.client
import json
import logging
import re

import numpy as np
import zstandard
from fastapi import APIRouter, Request, Response, WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

logger = logging.getLogger(__name__)

_MAX_MESSAGE_BYTES = 64 * 1024 * 1024
_TIMEOUT_S = 10.0
_POLICY = (
    "default-src 'none'; script-src {scripts} 'wasm-unsafe-eval' blob:; worker-src blob:; "
    "style-src 'unsafe-inline'; img-src 'self' data: blob:; font-src data:; "
    "connect-src 'self' data: blob: {socket}; frame-ancestors 'self'; base-uri 'none'; "
    "form-action 'none'"
)
_STYLE = (
    b'<style>.mantine-Paper-root[style*="fixed"], .mantine-Notifications-root '
    b"{ display: none !important; }</style>"
)
"""Hides viser's own panel and messages: the page around it says what there is to say."""


class View3dProxy:
    """Passes viser's page and its messages on.

    Attributes:
        watchers: How many pages look at the view now.
    """

    def __init__(self, port: int, socket_scheme: str) -> None:
        self.watchers = 0
        self._port = port
        self._socket_scheme = socket_scheme
        self.router = APIRouter()
        self.router.add_api_route("/view3d/{path:path}", self._page, methods=["GET"])
        self.router.add_api_websocket_route("/view3d", self._socket)
        self.router.add_api_websocket_route("/view3d/", self._socket)

    async def _page(self, path: str, request: Request) -> Response:
        status, kind, body = await asyncio.to_thread(self._fetch, path)
        socket = f"{self._socket_scheme}://{request.headers['host']}"
        policy = _POLICY.format(socket=socket, scripts=script_sources(body))
        body = body.replace(b"</body>", _STYLE + b"</body>")
        headers = {"content-security-policy": policy, "x-frame-options": "SAMEORIGIN"}
        return Response(body, status, headers, kind)

    def _fetch(self, path: str) -> tuple[int, str, bytes]:
        """One file of viser's page; blocks."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT_S)
        with contextlib.closing(connection):
            try:
                connection.request("GET", f"/{path}")
                answer = connection.getresponse()
                kind = answer.getheader("content-type", "application/octet-stream")
                return answer.status, kind, answer.read()
            except (OSError, http.client.HTTPException) as error:
                logger.warning("The 3-D view does not answer: %s", error)
                return 502, "text/plain", b"The 3-D view does not answer."

    async def _socket(self, socket: WebSocket) -> None:
        protocols = [Subprotocol(each) for each in socket.scope.get("subprotocols", [])]
        try:
            async with connect(
                f"ws://127.0.0.1:{self._port}/",
                subprotocols=protocols or None,
                max_size=_MAX_MESSAGE_BYTES,
                compression=None,
                proxy=None,
            ) as upstream:
                await socket.accept(subprotocol=upstream.subprotocol)
                self.watchers += 1
                try:
                    await _pass_on(upstream, socket)
                finally:
                    self.watchers -= 1
        except OSError as error:
            logger.warning("The 3-D view does not answer: %s", error)
            with contextlib.suppress(RuntimeError):
                await socket.close(1011)


@functools.cache
def script_sources(page: bytes) -> str:
    """Sources of scripts for viser's page: the hashes of the two scripts that it runs.

    The page is one script that unpacks the other from its own attribute ``data-p``: groups of five
    characters that stand for four bytes in base 88, compressed with zstd, style sheet before
    script. A page of another make is allowed whatever it holds; it comes from viser's wheel.
    """
    text = page.decode()
    loader = re.search(r"<script ([^>]*)>(.*?)</script>", text, re.DOTALL)
    alphabet = re.search(r'const A=("(?:[^"\\]|\\.)*")', loader[2]) if loader else None
    if loader is None or alphabet is None:
        return "'unsafe-inline'"
    parts = dict(re.findall(r'(data-\w+)="([^"]*)"', loader[1]))
    packed = _from_base88(parts["data-p"], json.loads(alphabet[1]))
    unpacked = zstandard.ZstdDecompressor().decompress(packed)
    style_bytes = int(parts["data-ss"])
    script = unpacked[style_bytes : style_bytes + int(parts["data-cs"])]
    return f"{_source(loader[2].encode())} {_source(script)}"


def _from_base88(text: str, alphabet: str) -> bytes:
    value_of = np.zeros(128, dtype=np.int64)
    value_of[[ord(character) for character in alphabet]] = range(len(alphabet))
    rest = len(text) % 5
    digits = value_of[np.frombuffer(text[: len(text) - rest].encode(), dtype=np.uint8)]
    groups = digits.reshape(-1, 5) @ (88 ** np.arange(4, -1, -1))
    tail = functools.reduce(
        lambda value, character: 88 * value + int(value_of[ord(character)]),
        text[len(text) - rest :],
        0,
    )
    return groups.astype(">u4").tobytes() + tail.to_bytes(max(rest - 1, 0), "big")


def _source(script: bytes) -> str:
    digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
    return f"'sha256-{digest}'"


async def _pass_on(upstream: ClientConnection, socket: WebSocket) -> None:
    """Copy messages to the page until either side goes."""
    tasks = [asyncio.create_task(_down(upstream, socket)), asyncio.create_task(_drain(socket))]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _down(upstream: ClientConnection, socket: WebSocket) -> None:
    with contextlib.suppress(ConnectionClosed, WebSocketDisconnect):
        async for message in upstream:
            await socket.send_bytes(message if isinstance(message, bytes) else message.encode())


async def _drain(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
