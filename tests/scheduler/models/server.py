"""An endpoint on this machine that speaks chat completions, or fails in the way it is told to."""

import gzip
import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Behaviour = Callable[["_Handler", dict[str, Any]], None]
"""What is done with one request, given its body."""

USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 60},
}


@dataclass
class Endpoint:
    """A running server.

    Attributes:
        script: What is done with the next requests; the last goes on for ever.
        bodies: Of the requests, in order.
        keys: Authorization header of each, None where there was none.
    """

    script: list[Behaviour] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    port: int = 0
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def behaviour(self) -> Behaviour:
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    endpoint: Endpoint

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.endpoint.bodies.append(body)
        self.endpoint.keys.append(self.headers.get("Authorization"))
        try:
            self.endpoint.behaviour()(self, body)
        except OSError:
            # Whoever asked has left.
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def begin_stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()

    def send_data(self, data: str) -> None:
        self.wfile.write(f"data: {data}\n\n".encode())
        self.wfile.flush()

    def send_chunk(self, content: str, finish: str | None = None, **more: Any) -> None:
        choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish}
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "fake"}
        self.send_data(json.dumps({**chunk, "choices": [choice], **more}))


@contextmanager
def serve(*script: Behaviour) -> Iterator[Endpoint]:
    """A server that does these things, on a port of its own."""
    endpoint = Endpoint(script=list(script))
    handler = type("Handler", (_Handler,), {"endpoint": endpoint})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    endpoint.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield endpoint
    finally:
        endpoint.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


# Behaviours


def answers(text: str, *, finish: str = "stop", usage: bool = True) -> Behaviour:
    """The text, in pieces."""

    def behave(handler: _Handler, body: dict[str, Any]) -> None:
        handler.begin_stream()
        for i in range(0, len(text), 7):
            handler.send_chunk(text[i : i + 7])
        handler.send_chunk("", finish)
        if usage and "stream_options" in body:
            handler.send_data(json.dumps({"id": "1", "choices": [], "usage": USAGE}))
        handler.send_data("[DONE]")

    return behave


def resets(handler: _Handler, body: dict[str, Any]) -> None:
    """The connection is reset before a word."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(handler.connection.detach())
    handler.close_connection = True


def slow_headers(handler: _Handler, body: dict[str, Any]) -> None:
    """Nothing, for longer than anybody waits."""
    handler.endpoint.closing.wait()


def slow_tokens(handler: _Handler, body: dict[str, Any]) -> None:
    """A letter now and then, without end."""
    handler.begin_stream()
    while not handler.endpoint.closing.wait(0.01):
        handler.send_chunk(" ")


def breaks_off(handler: _Handler, body: dict[str, Any]) -> None:
    """Some of an answer, and the end of the stream."""
    handler.begin_stream()
    handler.send_chunk('{"answer"')


def talks_for_ever(handler: _Handler, body: dict[str, Any]) -> None:
    """Text as fast as it is read."""
    handler.begin_stream()
    while not handler.endpoint.closing.is_set():
        handler.send_chunk("x" * 4000)


def one_endless_line(handler: _Handler, body: dict[str, Any]) -> None:
    """Bytes without an end of line."""
    handler.begin_stream()
    handler.wfile.write(b"data: ")
    while not handler.endpoint.closing.is_set():
        handler.wfile.write(b"x" * 65536)


def babbles(handler: _Handler, body: dict[str, Any]) -> None:
    """A stream of something else."""
    handler.begin_stream()
    handler.send_data("this is no JSON")


def compresses(handler: _Handler, body: dict[str, Any]) -> None:
    """Little that could become much."""
    content = gzip.compress(b" " * 10_000_000)
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def redirects(handler: _Handler, body: dict[str, Any]) -> None:
    """To some other place."""
    handler.send_response(307)
    handler.send_header("Location", "http://127.0.0.1:9/steal")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def status(
    number: int, message: str = "no", headers: Iterable[tuple[str, str]] = (), **error: str
) -> Behaviour:
    """An error as OpenAI tells it."""

    def behave(handler: _Handler, body: dict[str, Any]) -> None:
        content = json.dumps({"error": {"message": message, **error}}).encode()
        handler.send_response(number)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(content)))
        for name, value in headers:
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)

    return behave


def takes_no(form: str, otherwise: Behaviour) -> Behaviour:
    """Refuses a kind of response format; does something else with the rest."""

    def behave(handler: _Handler, body: dict[str, Any]) -> None:
        if body.get("response_format", {}).get("type") == form:
            status(400, f"response_format {form} is not supported")(handler, body)
        else:
            otherwise(handler, body)

    return behave
