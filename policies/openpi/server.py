"""Serves a policy over openpi's protocol.

A client connects, is sent the metadata, then sends observations and is sent chunks. An observation
is a map of features, each a single one, ``(S,)`` or ``(H, W, 3)``, or a history of n of them, and
``prompt``, the instruction. The answer is ``{"actions": (H, A), "done": p, "server_timing": ...}``
in recorded units. ``done``, ``seed`` in a request (it starts a new episode) and the metadata under
``robot_skills`` are ours; clients that do not know them need not care.

A refused or broken request is answered with one line of text, as errors are in this protocol, and
ends its connection; the server lives on. ``GET /healthz`` says that it does.
"""

import hmac
import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any

import numpy as np
from numpy.typing import NDArray
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from policies.faces import DescribedTask, FeatureSizes
from policies.openpi.wire import (
    ACTIONS,
    API_KEY_SCHEME,
    DEFAULT_PORT,
    DESCRIPTION_VERSION,
    DONE,
    MAX_FRAME_BYTES,
    OURS,
    PROMPT,
    SEED,
    TIMING,
    WireError,
    pack,
    unpack,
)
from robot_skills.core.errors import RefusedError, RobotSkillsError, StorageError

log = logging.getLogger(__name__)

_REMEMBERED = 10_000
_POLICY_VIOLATION, _INTERNAL_ERROR, _TRY_AGAIN_LATER = 1008, 1011, 1013


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerConfig:
    """Where to listen, and to whom.

    Attributes:
        host: Address to listen at. Any but this machine's own needs an API key.
        port: Port; 0 takes a free one.
        api_key: What clients must present; None lets every local program in.
        max_clients: Connections at the same time.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    api_key: str | None = None
    max_clients: int = 8

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535 or self.max_clients < 1:
            raise RefusedError(f"Port {self.port} or {self.max_clients} clients: neither can be.")
        if self.api_key is not None and not self.api_key.strip():
            raise RefusedError("The API key is empty.")
        if self.api_key is None and not _is_loopback(self.host):
            raise RefusedError(
                f"Serving at {self.host} lets others on the network in; set an API key for it."
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerStats:
    """What a server has done.

    Attributes:
        chunks: Requests that were answered with one.
        refused: Requests that were refused or failed.
        p50_ms: Median of the policy's time per chunk, over the last ones; 0 without any.
        p95_ms: 95th percentile of it.
    """

    chunks: int
    refused: int
    p50_ms: float
    p95_ms: float


class PolicyServer:
    """A listening server. Use as a context manager: it answers until the block ends."""

    def __init__(
        self, policy: DescribedTask, config: ServerConfig | None = None, name: str = ""
    ) -> None:
        """Store what to serve.

        Args:
            policy: Asked by one client at a time.
            config: Where to listen.
            name: What the metadata calls the policy.
        """
        self._policy = policy
        self._config = config or ServerConfig()
        self._metadata = metadata_of(policy, name)
        self._turns = _Turns(policy)
        self._places = threading.Semaphore(self._config.max_clients)
        self._chunks = self._refused = 0
        self._infer_ms: deque[float] = deque(maxlen=_REMEMBERED)
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where clients find the server. Only while it listens."""
        if self._server is None:
            raise RuntimeError("The server does not listen; use it in a with block.")
        host, port = self._server.socket.getsockname()[:2]
        return f"ws://[{host}]:{port}" if ":" in host else f"ws://{host}:{port}"

    @property
    def stats(self) -> ServerStats:
        """What has been done so far."""
        times = np.array(self._infer_ms or [0.0])
        return ServerStats(
            chunks=self._chunks,
            refused=self._refused,
            p50_ms=float(np.median(times)),
            p95_ms=float(np.percentile(times, 95)),
        )

    def __enter__(self) -> "PolicyServer":
        """Listen, and answer in threads of its own. Raises `StorageError` where it cannot."""
        config = self._config
        try:
            self._server = serve(
                self._attend,
                config.host,
                config.port,
                compression=None,
                max_size=MAX_FRAME_BYTES,
                process_request=self._admit,
                # Programs send no Origin; a web page that tries its luck does.
                origins=[None],
                server_header=None,
            )
        except OSError as error:
            raise StorageError(
                f"Cannot listen at {config.host}:{config.port}: {error.strerror or error}."
            ) from None
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="policy-server", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server = self._thread = None

    def wait(self, seconds: float | None = None) -> None:
        """Block until the time is over, or for good: until the process is interrupted."""
        if self._thread is not None:
            self._thread.join(timeout=seconds)

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer plain HTTP, and turn away who has no key."""
        if request.path == "/healthz":
            return connection.respond(HTTPStatus.OK, "OK\n")
        key = self._config.api_key
        if key is None:
            return None
        offered = request.headers.get("Authorization", "")
        if hmac.compare_digest(offered.encode(), f"{API_KEY_SCHEME} {key}".encode()):
            return None
        return connection.respond(HTTPStatus.UNAUTHORIZED, "The API key is missing or wrong.\n")

    def _attend(self, connection: ServerConnection) -> None:
        """One client, from metadata to the end."""
        if not self._places.acquire(blocking=False):
            connection.close(_TRY_AGAIN_LATER, "too many clients")
            return
        try:
            log.info("client %s connected", connection.id)
            connection.send(pack(self._metadata))
            self._answer(connection)
        except ConnectionClosed:
            pass
        finally:
            self._places.release()
            log.info("client %s left", connection.id)

    def _answer(self, connection: ServerConnection) -> None:
        episode = _Episode()
        total_ms: float | None = None
        for frame in connection:
            start_s = time.perf_counter()
            try:
                answer = self._infer(frame, episode)
            except RobotSkillsError as error:
                self._refused += 1
                _reject(connection, str(error), _POLICY_VIOLATION)
                return
            except Exception as error:
                # A stranger's frame may surprise any part of a policy; others go on being served.
                self._refused += 1
                log.exception("a request failed")
                _reject(connection, f"{type(error).__name__}: {error}", _INTERNAL_ERROR)
                return
            if total_ms is not None:
                answer[TIMING]["prev_total_ms"] = total_ms
            connection.send(pack(answer))
            total_ms = 1e3 * (time.perf_counter() - start_s)

    def _infer(self, frame: str | bytes, episode: "_Episode") -> dict[str, Any]:
        if isinstance(frame, str):
            raise WireError("Observations are binary frames; this one is text.")
        request = unpack(frame)
        if not isinstance(request, dict):
            raise WireError(f"An observation is a map, got {type(request).__name__}.")
        prompt, seed = request.pop(PROMPT, ""), request.pop(SEED, None)
        if not isinstance(prompt, str):
            raise WireError(f"{PROMPT} is text, got {type(prompt).__name__}.")
        if seed is not None:
            episode.start(_seed(seed))
        history = _histories(request, self._policy.sizes, self._policy.observation_steps)
        with self._turns.of(episode) as policy:
            start_s = time.perf_counter()
            chunk = policy.infer(history, prompt)
            infer_ms = 1e3 * (time.perf_counter() - start_s)
            self._chunks += 1
            self._infer_ms.append(infer_ms)
        return {
            ACTIONS: chunk.actions,
            DONE: float(chunk.done),
            TIMING: {"infer_ms": infer_ms},
        }


def metadata_of(policy: DescribedTask, name: str = "") -> dict[str, Any]:
    """What a client is sent first."""
    sizes = policy.sizes
    return {
        OURS: {
            "version": DESCRIPTION_VERSION,
            "name": name,
            "period_s": policy.period_s,
            "horizon": policy.horizon,
            "observation_steps": policy.observation_steps,
            "numbers": dict(sizes.numbers),
            "pictures": {key: px and list(px) for key, px in sizes.pictures.items()},
            "depths": {key: px and list(px) for key, px in sizes.depths.items()},
            "action": sizes.action,
            "language": sizes.language,
        }
    }


class _Episode:
    """What one connection's chunks are sampled with."""

    _ids = itertools.count()

    def __init__(self) -> None:
        self.seed = 0
        self.id = next(self._ids)

    def start(self, seed: int) -> None:
        """The next chunk is the first of a new episode."""
        self.seed = seed
        self.id = next(self._ids)


class _Turns:
    """Lends a policy to one episode at a time; a change of episode starts it anew."""

    def __init__(self, policy: DescribedTask) -> None:
        self._policy = policy
        self._lock = threading.Lock()
        self._holder = -1

    @contextmanager
    def of(self, episode: _Episode) -> Iterator[DescribedTask]:
        with self._lock:
            if self._holder != episode.id:
                self._policy.reset(episode.seed)
                self._holder = episode.id
            yield self._policy


def _histories(request: Mapping[Any, Any], sizes: FeatureSizes, steps: int) -> dict[str, NDArray]:
    """Features of a request as histories; a single observation stands for a motionless one."""
    ranks = dict.fromkeys(sizes.numbers, 1) | dict.fromkeys(sizes.depths, 2)
    ranks |= dict.fromkeys(sizes.pictures, 3)
    histories = {}
    for key, value in request.items():
        if key not in ranks:
            continue
        try:
            array = np.asarray(value)
        except ValueError:
            raise WireError(f"{key} is no array.") from None
        single = array.ndim == ranks[key]
        histories[key] = np.repeat(array[None], steps, axis=0) if single else array
    return histories


def _seed(value: object) -> int:
    if isinstance(value, np.integer):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise WireError(f"{SEED} is a whole number from 0 on, got {value!r:.40}.")
    return value


def _reject(connection: ServerConnection, reason: str, code: int) -> None:
    line = " ".join(reason.split())
    connection.send(line)
    # A reason of a closing frame has at most 123 bytes; the text frame has said it all.
    connection.close(code, "request refused")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
