"""Recording in a process of its own: whatever the disk does, the loop that moves the arm goes on.

The control process hands samples to `Recorder`, which never waits: a thread passes them on, and
where that falls behind, samples are dropped and counted. Pictures do not pass through it; the
recorder reads them from the cameras' `FrameRing`s. It encodes, writes, forces to disk and
acknowledges, and does nothing else.
"""

import json
import multiprocessing
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from robot_skills.core.annotation import Outcome
from robot_skills.core.clock import Clock
from robot_skills.core.errors import (
    DatasetInUseError,
    RefusedError,
    RobotSkillsError,
    StorageError,
)
from robot_skills.core.events import Event
from robot_skills.core.frame_ring import FrameRing
from robot_skills.core.scene import Scene
from robot_skills.core.se3 import Array
from robot_skills.core.types import Observation
from robot_skills.data import messages
from robot_skills.data.messages import Command
from robot_skills.data.recorder_wire import Word, pack, unpack
from robot_skills.data.schema import DatasetSchema
from robot_skills.data.streams import StreamStats

_WAITING = 8192
"""Messages that may wait for the recorder: minutes of states, and then some."""


class RecorderDied(RobotSkillsError):
    """The recorder's process has ended; the episode that was being recorded is lost."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RecorderConfig:
    """How to record.

    Attributes:
        journal: Force what is recorded to disk all the time, so that a crash costs at most the
            last second of the episode being recorded instead of all of it.
        reserve_bytes: Recording stops, and is refused, when less is left on the disk.
        start_timeout_s: Longest wait for the process to be ready.
    """

    journal: bool = False
    reserve_bytes: int = 500_000_000
    start_timeout_s: float = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class EpisodeHeader:
    """What is known when an episode begins.

    Attributes:
        task: In words.
        start_s: On the project clock.
        started: Wall time, ISO 8601.
        origin: Code, configuration, calibration and checkpoints, as words.
    """

    task: str
    start_s: float
    started: str
    origin: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Saved:
    """Episode `number` is on disk, whatever happens now.

    Attributes:
        number: Of the episode.
        duration_s: Its length.
        bytes: On disk.
        commit_s: From the last message to the acknowledgement.
        streams: What each stream did.
    """

    number: int
    duration_s: float
    bytes: int
    commit_s: float
    streams: Mapping[str, StreamStats]


@dataclass(frozen=True, kw_only=True, slots=True)
class Discarded:
    """The episode was forgotten, as was asked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """The episode could not be recorded, and is forgotten; earlier ones are as they were."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamNow:
    """One stream at present.

    Attributes:
        expected_hz: Rate at which samples should come; None where nobody knows.
        rate_hz: Rate of late.
        newest_s: Capture time of the newest sample, on the project clock; None before the first.
        stats: Since the episode began; between episodes since the last one ended.
    """

    expected_hz: float | None
    rate_hz: float
    newest_s: float | None
    stats: StreamStats


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """How recording goes.

    Attributes:
        streams: By name.
        bytes: Of the episode so far.
        bytes_s: Per second, of late.
        free_bytes: Left on the disk.
        next_number: That an episode would get now.
    """

    streams: Mapping[str, StreamNow]
    bytes: int
    bytes_s: float
    free_bytes: int
    next_number: int


News = Saved | Discarded | Failed | Health


class Recorder:
    """Hands samples to a process that writes them. No method but `start` and `close` waits.

    Args:
        root: The dataset's folder.
        schema: What its episodes have in common.
        clock: The project clock, for times of arrival.
        config: How to record.
        rings: Frames per camera of the schema.
    """

    def __init__(
        self,
        root: Path,
        schema: DatasetSchema,
        clock: Clock,
        config: RecorderConfig | None = None,
        rings: Mapping[str, FrameRing] | None = None,
    ) -> None:
        self._root, self._schema, self._clock = Path(root), schema, clock
        self._config = config or RecorderConfig()
        self._rings = dict(rings or {})
        missing = [camera.name for camera in schema.cameras if camera.name not in self._rings]
        if missing:
            raise RefusedError(f"No frames can come from {', '.join(missing)}.")
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._outbox: deque[bytes] = deque()
        self._wake = threading.Event()
        self._sender: threading.Thread | None = None
        self._numbers: dict[str, int] = {}
        self._recording = False
        self._died = False

    @property
    def recording(self) -> bool:
        """Whether an episode has begun and not ended."""
        return self._recording

    def start(self) -> Health:
        """Start the process, which mends the dataset first, and wait until it is ready.

        Raises:
            DatasetInUseError: Somebody else records there.
            RefusedError: The dataset has another schema.
            StorageError: The folder cannot be written.
            RecorderDied: The process ended instead.
        """
        from robot_skills.data.recorder_process import serve

        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=serve,
            args=(theirs, str(self._root), self._schema, self._config, self._rings),
            daemon=True,
            name="recorder",
        )
        self._process.start()
        # Only the other process may hold its end, or nobody would notice when it has gone.
        theirs.close()
        self._died = self._recording = False
        self._outbox.clear()
        ready = self._first(self._config.start_timeout_s)
        self._sender = threading.Thread(target=self._send_all, name="recorder-outbox", daemon=True)
        self._sender.start()
        return ready

    def close(self) -> None:
        """End the process; an episode that is being recorded is forgotten. Safe to call twice."""
        process, self._process = self._process, None
        if process is None:
            return
        self._put(Word.QUIT, {})
        self._recording = False
        process.join(timeout=5.0)
        if process.is_alive():
            process.kill()
            process.join()
        pipe, self._pipe = self._pipe, None
        self._wake.set()
        if self._sender is not None:
            self._sender.join(timeout=1.0)
        if pipe is not None:
            pipe.close()
        process.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def begin(self, header: EpisodeHeader) -> None:
        """Begin an episode."""
        self._numbers.clear()
        self._recording = True
        values = {
            "task": header.task,
            "start_s": header.start_s,
            "started": header.started,
            "origin": dict(header.origin),
            "frames": self._heads(),
        }
        self._put(Word.BEGIN, values)

    def commit(self, outcome: Outcome, task: str | None = None) -> None:
        """End the episode and save it; `Saved` or `Failed` comes when that is done.

        Args:
            outcome: As judged.
            task: What was done after all; None when it is as the header said.
        """
        self._recording = False
        values = {
            "outcome": outcome.value,
            "task": task,
            "end_s": self._clock.now_s(),
            "frames": self._heads(),
        }
        self._put(Word.COMMIT, values)

    def discard(self) -> None:
        """End the episode and forget it; `Discarded` comes when that is done."""
        self._recording = False
        self._put(Word.DISCARD, {})

    def state(self, observation: Observation) -> None:
        """Record the measured state of every arm."""
        for name, arm in observation.arms.items():
            self._sample("/arm/state", arm.stamp_s, messages.state_to_json(name, arm))

    def command(self, command: Command) -> None:
        """Record a command as requested and as sent."""
        self._sample("/arm/command", command.stamp_s, messages.command_to_json(command))

    def emit(self, event: Event) -> None:
        """Record a decision. Makes this an `EventSink`."""
        self._sample("/events", event.stamp_s, messages.event_to_json(event))

    def numbers(self, name: str, stamp_s: float, values: Array) -> None:
        """Record a vector of the schema."""
        message = {"stamp_s": stamp_s, "values": [float(value) for value in values]}
        self._sample(f"/numbers/{name}", stamp_s, message)

    def scene(self, scene: Scene) -> None:
        """Record a scene."""
        self._sample("/scene", scene.stamp_s, messages.scene_to_json(scene))

    def poll(self) -> list[News]:
        """What the recorder has said since the last call, in order; a dead one says `Failed`."""
        found: list[News] = []
        try:
            while self._pipe is not None and not self._died and self._pipe.poll(0.0):
                found.append(self._news(self._pipe.recv_bytes()))
        except (EOFError, OSError):
            self._died = True
            self._recording = False
            found.append(Failed(reason=str(self._epitaph())))
        return found

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return not self._died and self._process is not None and self._process.is_alive()

    def _heads(self) -> dict[str, int]:
        """Frames written so far, per camera: where an episode begins or ends."""
        return {name: ring.head for name, ring in self._rings.items()}

    def _sample(self, topic: str, stamp_s: float, message: Mapping[str, Any]) -> None:
        if not self._recording:
            return
        number = self._numbers[topic] = self._numbers.get(topic, -1) + 1
        if len(self._outbox) >= _WAITING:
            return  # The recorder sees the missing number, and counts it as lost.
        data = json.dumps(message, allow_nan=False, separators=(",", ":")).encode()
        head = {
            "topic": topic,
            "stamp_s": stamp_s,
            "received_s": self._clock.now_s(),
            "number": number,
        }
        self._put(Word.SAMPLE, head, data)

    def _put(self, word: Word, head: Mapping[str, Any], body: bytes = b"") -> None:
        self._outbox.append(pack(word, head, body))
        self._wake.set()

    def _send_all(self) -> None:
        """What the thread does: pass on what waits, until the pipe is gone."""
        while True:
            self._wake.wait()
            self._wake.clear()
            pipe = self._pipe
            if pipe is None:
                return
            with suppress(OSError, ValueError):
                while self._outbox:
                    pipe.send_bytes(self._outbox.popleft())

    def _first(self, timeout_s: float) -> Health:
        pipe = self._pipe
        assert pipe is not None
        try:
            if not pipe.poll(timeout_s):
                raise RecorderDied(f"The recorder was not ready within {timeout_s:g} s.")
            word, head, _ = unpack(pipe.recv_bytes())
        except (EOFError, OSError):
            raise self._epitaph() from None
        except RecorderDied:
            self._end()
            raise
        if word is Word.READY:
            return _health(head)
        self._end()
        kinds = {
            "storage": StorageError,
            "refused": RefusedError,
            "in use": DatasetInUseError,
        }
        raise kinds.get(head["kind"], RefusedError)(head["reason"])

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.join()
            process.close()

    def _news(self, data: bytes) -> News:
        word, head, _ = unpack(data)
        match word:
            case Word.SAVED:
                streams = {n: StreamStats.from_json(s) for n, s in head.pop("streams").items()}
                return Saved(streams=streams, **head)
            case Word.DISCARDED:
                return Discarded()
            case Word.FAILED:
                self._recording = False
                return Failed(reason=head["reason"])
            case _:
                return _health(head)

    def _epitaph(self) -> RecorderDied:
        code = None
        if self._process is not None:
            self._process.join(timeout=1.0)
            code = self._process.exitcode
        return RecorderDied(f"The recorder's process has ended (exit code {code}).")


def _health(head: Mapping[str, Any]) -> Health:
    streams = {
        name: StreamNow(**{**now, "stats": StreamStats.from_json(now["stats"])})
        for name, now in head["streams"].items()
    }
    return Health(**{**head, "streams": streams})
