"""What the recorder's process does: encode, write, force to disk, acknowledge."""

import logging
import os
import shutil
import signal
import threading
import time
import zlib
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from robot_skills.core.annotation import Outcome
from robot_skills.core.errors import (
    DatasetInUseError,
    RefusedError,
    RobotSkillsError,
    StorageError,
)
from robot_skills.core.frame_ring import FrameRing
from robot_skills.core.se3 import SE3
from robot_skills.data.log_writer import LogWriter, Times
from robot_skills.data.recorder import RecorderConfig
from robot_skills.data.recorder_wire import Word, pack, unpack
from robot_skills.data.recover import JOURNAL, mend, said_in
from robot_skills.data.schema import CameraSpec, DatasetSchema
from robot_skills.data.store import LOG_FILE, EpisodeStore, Manifest, StoreWriter
from robot_skills.data.streams import StreamCounter
from robot_skills.data.subtasks import spans

_log = logging.getLogger(__name__)

_PERIOD_S = 0.002
"""Longest wait for a message before the cameras are looked at."""
_SETTLE_S = 0.03
"""A frame waits so long, for the message that an episode ended before it to come first."""
_HEALTH_S = 0.2
_JOURNAL_S = 0.3
"""Flushed and forced to disk so often, that a crash costs less than a second."""
_SYNC_S = 0.5
_MEGABYTE = 1e6


def serve(
    pipe: Connection,
    root: str,
    schema: DatasetSchema,
    config: RecorderConfig,
    rings: Mapping[str, FrameRing],
) -> None:
    """Record until the owner says so, or has gone."""
    # Ctrl-C in a terminal reaches both; the owner decides what comes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError):
        os.nice(5)
    try:
        with EpisodeStore(Path(root)).writer(schema) as writer:
            mend(writer)
            session = _Session(pipe, writer, config, rings)
            session.tell(Word.READY, session.health())
            with suppress(EOFError, OSError):
                session.run()
            session.leave()
    except RobotSkillsError as error:
        kind = _kind(error)
        with suppress(OSError):
            pipe.send_bytes(pack(Word.REFUSED, {"kind": kind, "reason": str(error)}))


def _kind(error: RobotSkillsError) -> str:
    match error:
        case StorageError():
            return "storage"
        case DatasetInUseError():
            return "in use"
        case _:
            return "refused"


class _Episode:
    """The episode that is being recorded."""

    def __init__(
        self, directory: Path, head: Mapping[str, Any], schema: DatasetSchema, *, journal: bool
    ) -> None:
        self.directory, self.head = directory, dict(head)
        metadata = episode_metadata(head, schema, journal=journal)
        self.log = LogWriter(directory / LOG_FILE, metadata)
        self.syncer = _Syncer(self.log.fileno())
        self.said: list[tuple[float, str]] = []

    def abandon(self) -> None:
        self.syncer.stop()
        self.log.abandon()


class _Syncer:
    """Forces a file to disk again and again, so that little is left to do at the end."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder-sync", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(_SYNC_S):
            with suppress(OSError):
                os.fdatasync(self._descriptor)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


class _Session:
    def __init__(
        self,
        pipe: Connection,
        writer: StoreWriter,
        config: RecorderConfig,
        rings: Mapping[str, FrameRing],
    ) -> None:
        self._pipe, self._writer, self._config, self._rings = pipe, writer, config, rings
        self._schema = writer.store.schema
        self._cursors = {name: ring.head for name, ring in rings.items()}
        self._heads: deque[tuple[float, dict[str, int]]] = deque()
        self._counters = self._fresh_counters()
        self._sequence: dict[str, int] = {}
        self._episode: _Episode | None = None
        self._sizes: list[int] = []
        self._told_s = self._flushed_s = time.monotonic()
        self._rate_from = (self._told_s, 0)
        self._bytes_s = 0.0

    def run(self) -> None:
        """Until the owner says so, or has gone (`EOFError`)."""
        while True:
            if self._pipe.poll(_PERIOD_S):
                # A commit takes the frames with it that were there before it.
                word, head, body = unpack(self._pipe.recv_bytes())
                if word is Word.QUIT:
                    return
                self._answer(word, head, body)
            self._take_frames(self._settled())
            self._now_and_then()

    def leave(self) -> None:
        """Forget the episode that is being recorded."""
        if self._episode is not None:
            self._episode.abandon()
            self._writer.discard(self._episode.directory)

    def tell(self, word: Word, head: Mapping[str, Any]) -> None:
        with suppress(OSError):
            self._pipe.send_bytes(pack(word, head))

    def health(self) -> dict[str, Any]:
        size = self._episode.log.size if self._episode is not None else 0
        return {
            "streams": {
                name: {
                    "expected_hz": counter.expected_hz,
                    "rate_hz": counter.rate_hz(),
                    "newest_s": counter.newest_stamp_s,
                    "stats": counter.stats().to_json(),
                }
                for name, counter in self._counters.items()
            },
            "bytes": size,
            "bytes_s": self._bytes_s,
            "free_bytes": self._free_bytes(),
            "next_number": self._writer.next_number,
        }

    # Messages

    def _answer(self, word: Word, head: dict[str, Any], body: bytes) -> None:
        try:
            match word:
                case Word.BEGIN:
                    self._begin(head)
                case Word.SAMPLE:
                    self._sample(head, body)
                case Word.COMMIT:
                    self._take_frames(head["frames"])
                    self._commit(head)
                case Word.DISCARD:
                    self.leave()
                    self._ended()
                    self.tell(Word.DISCARDED, {})
                case _:
                    raise RefusedError(f"A recorder is not told {word.name}.")
        except RobotSkillsError as error:
            self._fail(str(error))

    def _begin(self, head: dict[str, Any]) -> None:
        self.leave()
        self._ended()
        self._check_room()
        self._cursors = dict(head.pop("frames"))
        self._episode = _Episode(
            self._writer.begin(), head, self._schema, journal=self._config.journal
        )
        if self._config.journal:
            self._episode.log.flush()
        self._sequence.clear()

    def _check_room(self) -> None:
        """Raises `StorageError` where twice an episode's usual size would not fit."""
        usual = int(np.median(self._sizes)) if self._sizes else 0
        needed = max(self._config.reserve_bytes, 2 * usual)
        free = self._free_bytes()
        if free < needed:
            raise StorageError(
                f"Only {free / _MEGABYTE:.0f} MB are left on the disk of "
                f"{self._writer.store.root}; an episode needs {needed / _MEGABYTE:.0f} MB."
            )

    def _sample(self, head: dict[str, Any], body: bytes) -> None:
        topic, number = head["topic"], head["number"]
        counter = self._counter(topic)
        counter.lost += number - self._sequence.get(topic, -1) - 1
        self._sequence[topic] = number
        stamp_s, received_s = head["stamp_s"], head["received_s"]
        if topic.startswith(("/events", "/scene", "/arm/command")):
            # Decisions come when they come, also several at once.
            counter.note(stamp_s)
        elif not self._one_of_several(topic) and not counter.take(stamp_s, received_s):
            return
        if self._episode is not None:
            if topic == "/events":
                self._episode.said += said_in(body)
            self._episode.log.json(
                topic, body, stamp_s=stamp_s, received_s=received_s, number=number
            )

    def _one_of_several(self, topic: str) -> bool:
        """Two arms share a topic and their stamps; then order says nothing."""
        if topic != "/arm/state" or len(self._schema.arms) < 2:
            return False
        self._counter(topic).note(None)
        return True

    def _commit(self, head: dict[str, Any]) -> None:
        episode = self._episode
        if episode is None:
            return  # It has failed before; that was told.
        started_s = time.monotonic()
        episode.syncer.stop()
        record = episode.log.finish()
        streams = {name: counter.stats() for name, counter in self._counters.items()}
        manifest = Manifest(
            number=-1,
            task=head["task"] or episode.head["task"],
            outcome=Outcome(head["outcome"]),
            duration_s=head["end_s"] - episode.head["start_s"],
            start_s=episode.head["start_s"],
            started=episode.head["started"],
            recovered=False,
            files={LOG_FILE: record},
            streams=streams,
            origin=episode.head["origin"],
            subtasks=spans(episode.said, episode.head["start_s"], head["end_s"]),
        )
        saved = self._writer.commit(episode.directory, manifest)
        self._sizes.append(record.bytes)
        self._ended()
        news = {
            "number": saved.number,
            "duration_s": saved.duration_s,
            "bytes": saved.bytes,
            "commit_s": time.monotonic() - started_s,
            "streams": {name: stats.to_json() for name, stats in streams.items()},
        }
        self.tell(Word.SAVED, news)

    def _ended(self) -> None:
        self._episode = None
        self._counters = self._fresh_counters()
        self._rate_from, self._bytes_s = (time.monotonic(), 0), 0.0

    def _fail(self, reason: str) -> None:
        self.leave()
        self._ended()
        _log.warning("recording has failed: %s", reason)
        self.tell(Word.FAILED, {"reason": reason})

    # Frames

    def _settled(self) -> Mapping[str, int]:
        """Frames that were there a moment ago, per camera."""
        now_s = time.monotonic()
        self._heads.append((now_s, {name: ring.head for name, ring in self._rings.items()}))
        while len(self._heads) > 1 and self._heads[1][0] <= now_s - _SETTLE_S:
            self._heads.popleft()
        then_s, heads = self._heads[0]
        return heads if then_s <= now_s - _SETTLE_S else {}

    def _take_frames(self, ends: Mapping[str, int]) -> None:
        """Write the frames that are new, up to those in `ends`."""
        for camera in self._schema.cameras:
            ring = self._rings[camera.name]
            head = ends.get(camera.name, 0)
            try:
                for index in range(self._cursors[camera.name], head):
                    self._frame(camera, ring, index)
            except RobotSkillsError as error:
                self._fail(str(error))
            self._cursors[camera.name] = max(head, self._cursors[camera.name])

    def _frame(self, camera: CameraSpec, ring: FrameRing, index: int) -> None:
        counter = self._counter(f"/camera/{camera.name}")
        taken = ring.read_raw(index)
        if taken is None:
            counter.lost += 1
            return
        meta, rgb, depth_mm = taken
        stamp_s = float(meta[0])
        received_s = stamp_s if np.isnan(meta[2]) else float(meta[2])
        number = None if meta[3] < 0 else int(meta[3])
        content = zlib.crc32(np.ascontiguousarray(rgb[::8]).data) if camera.noisy else None
        if not counter.take(stamp_s, received_s, number, content) or self._episode is None:
            return
        times = Times(
            stamp_s=stamp_s,
            received_s=received_s,
            number=index if number is None else number,
            device_s=None if np.isnan(meta[1]) else float(meta[1]),
        )
        optics = meta[4:13].reshape(3, 3), SE3.from_matrix(meta[13:].reshape(4, 4))
        depth = depth_mm if camera.depth else None
        self._episode.log.frame(camera.name, rgb, depth, optics, times)

    # Time

    def _now_and_then(self) -> None:
        now_s = time.monotonic()
        episode = self._episode
        if episode is not None and self._config.journal and now_s - self._flushed_s > _JOURNAL_S:
            self._flushed_s = now_s
            try:
                episode.log.flush()
            except StorageError as error:
                self._fail(str(error))
        if now_s - self._told_s < _HEALTH_S:
            return
        self._told_s = now_s
        self._measure(now_s)
        health = self.health()
        self.tell(Word.HEALTH, health)
        if self._episode is not None and health["free_bytes"] < self._config.reserve_bytes:
            left = f"{health['free_bytes'] / _MEGABYTE:.0f} MB"
            self._fail(f"The disk of {self._writer.store.root} is nearly full: {left} are left.")

    def _measure(self, now_s: float) -> None:
        if self._episode is None:
            return
        then_s, then = self._rate_from
        size = self._episode.log.size
        if now_s - then_s > 1.0:
            self._bytes_s = (size - then) / (now_s - then_s)
            self._rate_from = (now_s, size)

    def _free_bytes(self) -> int:
        return shutil.disk_usage(self._writer.store.root).free

    def _counter(self, name: str) -> StreamCounter:
        return self._counters.setdefault(name, StreamCounter())

    def _fresh_counters(self) -> dict[str, StreamCounter]:
        hz = 1.0 / self._schema.control_period_s
        counters = {
            f"/camera/{c.name}": StreamCounter(expected_hz=c.hz) for c in self._schema.cameras
        }
        if self._schema.arms:
            counters["/arm/state"] = StreamCounter(expected_hz=hz)
        for numbers in self._schema.numbers:
            counters[f"/numbers/{numbers.name}"] = StreamCounter(expected_hz=hz)
        return counters


def episode_metadata(
    head: Mapping[str, Any], schema: DatasetSchema, *, journal: bool
) -> dict[str, str]:
    """What the log itself says of the episode, so that it can be recovered from it alone."""
    return {
        "task": head["task"],
        "start_s": repr(head["start_s"]),
        "started": head["started"],
        "robot": schema.robot,
        "control_period_s": repr(schema.control_period_s),
        JOURNAL: str(journal),
        **{f"origin.{name}": value for name, value in head["origin"].items()},
    }
