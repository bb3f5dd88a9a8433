"""A page without a browser."""

import json
from typing import Any, Self

from websockets.sync.client import ClientConnection, connect

from tests.console.conftest import TOKEN


class Page:
    """Talks to the console's socket as a page does."""

    def __init__(self, port: int, **options: Any) -> None:
        headers = {"Authorization": f"Bearer {TOKEN}"} | options.pop("headers", {})
        self.socket: ClientConnection = connect(
            f"ws://127.0.0.1:{port}/ws", additional_headers=headers, proxy=None, **options
        )
        self.hello = self.wait("hello")

    def send(self, kind: str, **fields: Any) -> None:
        self.socket.send(json.dumps({"type": kind} | fields))

    def hand(self, t_ms: float = 0.0, **fields: Any) -> None:
        moving = {"held": True, "linear": [1, 0, 0], "angular": [0, 0, 0], "frame": "base"}
        self.send("hand", t_ms=t_ms, **(moving | fields))

    def wait(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The next message of a kind with these fields."""
        while True:
            message = self.socket.recv(timeout=10.0)
            if isinstance(message, bytes):
                if kind == "picture":
                    return {"picture": message}
                continue
            decoded = json.loads(message)
            if decoded["type"] == kind and fields.items() <= decoded.items():
                return decoded

    def take(self) -> None:
        self.send("take")
        self.wait("status", holder=self.hello["you"])

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
