"""A policy on another machine, over openpi's protocol.

Works against this project's server, which describes itself in its metadata, and against any other
openpi server, whose contract has to be declared (`RemoteContract`). Needs numpy, msgpack and
websockets: neither torch nor LeRobot.
"""

import logging
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.sync.client import ClientConnection, connect

from policies.faces import FeatureSizes, Float32, SkillOfTask, check_history
from policies.openpi.contract import RemoteContract, RemoteField, as_pixels
from policies.openpi.wire import (
    ACTIONS,
    API_KEY_SCHEME,
    DESCRIPTION_VERSION,
    DONE,
    MAX_FRAME_BYTES,
    OURS,
    PROMPT,
    SEED,
    TIMING,
    RemotePolicyError,
    WireError,
    pack,
    unpack,
)
from policies.task_policy import History, TaskChunk
from robot_skills.core.errors import RefusedError

log = logging.getLogger(__name__)

_REMEMBERED = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientConfig:
    """How to reach a server.

    Attributes:
        api_key: What the server wants to be shown.
        connect_timeout_s: For the connection and the server's first words; after it the server
            counts as unreachable.
        infer_timeout_s: For one chunk. Servers that compile on their first request need more.
        attempts: How often one chunk is asked for when the connection breaks; asking twice is
            harmless.
        contract: What the server sees and answers, where its metadata does not say.
    """

    api_key: str | None = None
    connect_timeout_s: float = 5.0
    infer_timeout_s: float = 10.0
    attempts: int = 2
    contract: RemoteContract | None = None

    def __post_init__(self) -> None:
        if min(self.connect_timeout_s, self.infer_timeout_s) <= 0.0 or self.attempts < 1:
            raise RefusedError("Timeouts must be positive, and attempts at least 1.")


@dataclass(frozen=True, kw_only=True, slots=True)
class LatencyStats:
    """How long chunks took, over the last ones.

    Attributes:
        n: Chunks.
        p50_ms: Median of the round trip, request packed to answer unpacked.
        p95_ms: 95th percentile of it.
        max_ms: Longest of it.
        server_p50_ms: Median of what the server says it thought; 0 when it does not say.
        reconnects: How often the connection had to be made again.
    """

    n: int
    p50_ms: float
    p95_ms: float
    max_ms: float
    server_p50_ms: float
    reconnects: int


class OpenPiPolicy:
    """The task face of a remote policy; `skill` gives the other one. Close it after use."""

    def __init__(self, url: str, config: ClientConfig | None = None) -> None:
        """Store where the policy is; `connect` goes there.

        Args:
            url: ``ws://host:port`` or ``wss://...``.
            config: How to reach it.
        """
        self._url = url
        self._config = config or ClientConfig()
        self._connection: ClientConnection | None = None
        self._metadata: Mapping[str, Any] = {}
        self._contract: _Contract | None = None
        self._seed = 0
        self._announce = True
        self._round_trips_ms: deque[float] = deque(maxlen=_REMEMBERED)
        self._server_ms: deque[float] = deque(maxlen=_REMEMBERED)
        self._connects = 0

    def connect(self) -> Self:
        """Connect and hear what the policy is.

        Raises:
            RemotePolicyError: The server cannot be reached, or speaks something else.
            RefusedError: The URL is none, or nobody says what the server sees and answers.
        """
        self._open()
        return self

    def __enter__(self) -> Self:
        return self.connect()

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; a later request would connect again."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def skill(self, instruction: str = "") -> SkillOfTask:
        """The skill face. Raises `RefusedError` when it was not trained on a skill dataset."""
        return SkillOfTask(self, instruction)

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What the server said first."""
        return self._metadata

    @property
    def period_s(self) -> float | None:
        return self._known.period_s

    @property
    def horizon(self) -> int:
        return self._known.horizon

    @property
    def observation_steps(self) -> int:
        return self._known.observation_steps

    @property
    def sizes(self) -> FeatureSizes:
        return self._known.sizes

    @property
    def latency(self) -> LatencyStats:
        """Measured so far."""
        trips = np.array(self._round_trips_ms or [0.0])
        return LatencyStats(
            n=len(self._round_trips_ms),
            p50_ms=float(np.median(trips)),
            p95_ms=float(np.percentile(trips, 95)),
            max_ms=float(trips.max()),
            server_p50_ms=float(np.median(self._server_ms)) if self._server_ms else 0.0,
            reconnects=max(0, self._connects - 1),
        )

    def reset(self, seed: int) -> None:
        """Start a new episode. Servers that are not ours have no word for it and go on."""
        self._seed = seed
        self._announce = True

    def infer(self, history: History, instruction: str = "") -> TaskChunk:
        """One chunk; `done` is 0 where the server does not know.

        Raises:
            RefusedError: The history is not what the server's policy was made for.
            RemotePolicyError: The server cannot be reached, is late, or refuses.
        """
        contract = self._known
        checked = check_history(history, contract.sizes, contract.observation_steps)
        start_s = time.perf_counter()
        answer = self._ask(contract.request(checked, instruction), seeded=contract.ours)
        chunk = self._read(answer, contract)
        self._round_trips_ms.append(1e3 * (time.perf_counter() - start_s))
        return chunk

    @property
    def _known(self) -> "_Contract":
        if self._contract is None:
            self._open()
        assert self._contract is not None
        return self._contract

    def _ask(self, request: dict[str, Any], seeded: bool) -> bytes:
        """The answer's frame; a broken connection is made again and told of the episode."""
        for attempt in range(1, self._config.attempts + 1):
            connection = self._connection or self._open()
            seed = {SEED: self._seed} if seeded and self._announce else {}
            try:
                connection.send(pack(request | seed))
                answer = connection.recv(timeout=self._config.infer_timeout_s)
            except ConnectionClosed as closed:
                self.close()
                if attempt == self._config.attempts:
                    raise RemotePolicyError(f"{self._url} hung up: {_line(closed)}.") from None
                log.warning("%s hung up (%s); connecting again", self._url, _line(closed))
                continue
            except TimeoutError:
                # What comes late would be taken for the answer to the next request.
                self.close()
                raise RemotePolicyError(
                    f"{self._url} gave no chunk within {self._config.infer_timeout_s:g} s."
                ) from None
            if isinstance(answer, str):
                self.close()
                raise RemotePolicyError(f"{self._url} refused: {_last_line(answer)}")
            self._announce = False
            return answer
        raise RemotePolicyError(f"{self._url} was not asked.")

    def _open(self) -> ClientConnection:
        self.close()
        key, wait_s = self._config.api_key, self._config.connect_timeout_s
        headers = {"Authorization": f"{API_KEY_SCHEME} {key}"} if key else None
        try:
            connection = connect(
                self._url,
                additional_headers=headers,
                compression=None,
                max_size=MAX_FRAME_BYTES,
                open_timeout=wait_s,
                close_timeout=1.0,
                # A server that thinks for long answers no ping either; requests have a timeout.
                ping_interval=None,
                proxy=None,
            )
        except InvalidURI:
            raise RefusedError(f"{self._url!r} is no address like ws://host:port.") from None
        except (OSError, InvalidHandshake) as error:
            raise RemotePolicyError(f"{self._url} cannot be reached: {_line(error)}.") from None
        try:
            self._metadata = _metadata(connection.recv(timeout=wait_s))
            self._contract = _contract(self._metadata, self._config.contract, self._url)
        except (TimeoutError, ConnectionClosed, WireError) as error:
            connection.close()
            raise RemotePolicyError(
                f"{self._url} did not start with its metadata: {_line(error)}"
            ) from None
        except RefusedError:
            connection.close()
            raise
        self._connection = connection
        self._connects += 1
        self._announce = True
        return connection

    def _read(self, answer: bytes, contract: "_Contract") -> TaskChunk:
        try:
            values = unpack(answer)
            actions = contract.actions(values)
            done = _probability(values.get(DONE, 0.0))
        except WireError as error:
            self.close()
            raise RemotePolicyError(f"{self._url} answered nonsense: {error}") from None
        timing = values.get(TIMING)
        if isinstance(timing, dict) and isinstance(timing.get("infer_ms"), (int, float)):
            self._server_ms.append(float(timing["infer_ms"]))
        return TaskChunk(actions=actions, done=done)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Contract:
    """What is known of a server, from its metadata or as declared."""

    ours: bool
    period_s: float | None
    horizon: int
    observation_steps: int
    sizes: FeatureSizes
    fields: tuple[RemoteField, ...]

    def request(self, history: Mapping[str, NDArray], instruction: str) -> dict[str, Any]:
        """The observation to send: a history to our servers, the newest one to others."""
        request: dict[str, Any] = {}
        for spec in self.fields:
            values = history[spec.source] if self.ours else history[spec.source][-1]
            if spec.source in self.sizes.numbers:
                values = values[..., spec.start : spec.stop]
            request[spec.key] = values
        if self.sizes.language:
            request[PROMPT] = instruction
        return request

    def actions(self, values: object) -> Float32:
        """The actions of an answer, (H, A). Raises `WireError`."""
        if not isinstance(values, dict) or ACTIONS not in values:
            raise WireError(f"there is no {ACTIONS!r} in it")
        actions = np.asarray(values[ACTIONS])
        if actions.ndim != 2 or actions.dtype.kind not in "fiu":
            raise WireError(f"actions are {actions.dtype} of shape {actions.shape}")
        if actions.shape[1] != self.sizes.action or len(actions) < self.horizon:
            wanted = (self.horizon, self.sizes.action)
            raise WireError(f"actions have the shape {actions.shape}, wanted {wanted}")
        chunk = actions[: self.horizon].astype(np.float32)
        if not np.isfinite(chunk).all():
            raise WireError("actions are not finite")
        return chunk


def _metadata(frame: str | bytes) -> Mapping[str, Any]:
    if isinstance(frame, str):
        raise WireError(_last_line(frame))
    metadata = unpack(frame)
    if not isinstance(metadata, dict):
        raise WireError(f"it is {type(metadata).__name__}, a map is wanted")
    return metadata


def _contract(metadata: Mapping[str, Any], declared: RemoteContract | None, url: str) -> _Contract:
    if declared is not None:
        sources = [*declared.sizes.numbers, *declared.sizes.pictures]
        same = [RemoteField(key=source, source=source) for source in sources]
        return _Contract(
            ours=False,
            period_s=declared.period_s,
            horizon=declared.horizon,
            observation_steps=1,
            sizes=declared.sizes,
            fields=tuple(declared.fields or same),
        )
    described = metadata.get(OURS)
    if not isinstance(described, dict):
        raise RefusedError(
            f"{url} does not describe its policy; declare its contract (RemoteContract)."
        )
    if described.get("version") != DESCRIPTION_VERSION:
        raise RefusedError(
            f"{url} speaks version {described.get('version')!r:.20} of the description, "
            f"this program {DESCRIPTION_VERSION}."
        )
    try:
        return _described(described)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise WireError(f"its description is broken ({type(error).__name__}: {error})") from None


def _described(values: Mapping[str, Any]) -> _Contract:
    sizes = FeatureSizes(
        numbers={str(key): int(n) for key, n in values["numbers"].items()},
        pictures={str(key): as_pixels(px) for key, px in values["pictures"].items()},
        depths={str(key): as_pixels(px) for key, px in values["depths"].items()},
        action=int(values["action"]),
        language=bool(values["language"]),
    )
    period_s = None if values["period_s"] is None else float(values["period_s"])
    horizon, steps = int(values["horizon"]), int(values["observation_steps"])
    if min(horizon, steps, sizes.action) < 1 or (period_s is not None and not period_s > 0.0):
        raise ValueError("horizon, steps, action and period must be positive")
    sources = [*sizes.numbers, *sizes.pictures, *sizes.depths]
    return _Contract(
        ours=True,
        period_s=period_s,
        horizon=horizon,
        observation_steps=steps,
        sizes=sizes,
        fields=tuple(RemoteField(key=source, source=source) for source in sources),
    )


def _probability(value: object) -> float:
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    if not isinstance(value, (int, float, np.number)) or not 0.0 <= float(value) <= 1.0:
        raise WireError(f"done is {value!r:.40}, a probability is wanted")
    return float(value)


def _last_line(text: str) -> str:
    """What a traceback ends with, which is the error itself."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
