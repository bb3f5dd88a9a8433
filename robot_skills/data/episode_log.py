"""The episode log: everything that was seen, decided and commanded in one run, as one MCAP file.

=========================  ======================================================================
``/events``                decisions, see `robot_skills.core.events`
``/arm/state``             measured state of each arm at every control step
``/arm/command``           each chunk as requested and as accepted, or why it was refused
``/scene``                 what perception (or the simulator) said at each look
``/camera/<name>/rgb``     picture of a look, JPEG
``/camera/<name>/depth``   depth of a look, 16-bit PNG in millimetres
``/camera/<name>/info``    intrinsics and pose of the camera at that look
``/latency``               wall time of planning, perception and policy inference
=========================  ======================================================================

Everything but ``/latency`` depends on the seed alone. Messages are JSON, so the file needs no code
of ours to be read, and Foxglove opens it. It is written under a temporary name and appears under
its own only when it is complete and on disk.
"""

import base64
import io
import json
import logging
import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from mcap.exceptions import McapError
from mcap.reader import make_reader
from mcap.writer import CompressionType, Writer
from numpy.typing import NDArray
from PIL import Image

from robot_skills.core.errors import DatasetError, RefusedError, StorageError
from robot_skills.core.events import Event, EventKind
from robot_skills.core.scene import Scene
from robot_skills.core.types import ArmState, Observation, RgbdFrame
from robot_skills.data import schemas
from robot_skills.data.messages import (
    Command,
    command_from_json,
    command_to_json,
    event_from_json,
    event_to_json,
    pose_from_json,
    pose_to_json,
    ros_time,
    scene_from_json,
    scene_to_json,
    state_from_json,
    state_to_json,
)
from robot_skills.data.storage import storage_errors, sync_folder

_log = logging.getLogger(__name__)

METADATA = "robot_skills.run"
"""Name of the metadata record that says what was run and how."""
_DEPTH_UNITS_PER_M = 1000.0
_JPEG_QUALITY = 92


@dataclass(frozen=True, kw_only=True, slots=True)
class Latency:
    """Wall time of one call of a stage: ``planner``, ``perception`` or ``policy``."""

    stamp_s: float
    stage: str
    wall_ms: float


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Look:
    """What one look saw: the scene, and the frames that it was read from."""

    scene: Scene
    frames: Mapping[str, RgbdFrame] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Episode:
    """A whole log in memory.

    Attributes:
        metadata: What was run and how, as the writer was told.
        events: Decisions in order.
        states: Measured states per arm name, in order.
        commands: Commands in order.
        looks: Looks in order.
        latencies: Wall times in order.
    """

    metadata: Mapping[str, str]
    events: tuple[Event, ...]
    states: Mapping[str, tuple[ArmState, ...]]
    commands: tuple[Command, ...]
    looks: tuple[Look, ...]
    latencies: tuple[Latency, ...]

    def of_kind(self, kind: EventKind) -> tuple[Event, ...]:
        return tuple(event for event in self.events if event.kind is kind)


class EpisodeLog:
    """Writes one episode. An `EventSink`; use it as a context manager.

    However the block ends, the log is completed, except when the input was refused before anything
    was logged: then nothing is left behind.

    Args:
        path: Where the finished file will be, ending in ``.mcap``.
        metadata: What is run and how: instruction, arm, seed, versions.
    """

    def __init__(self, path: Path, metadata: Mapping[str, str]) -> None:
        self.path = path
        self._metadata = dict(metadata)
        self._partial = path.with_name(path.name + ".part")
        self._stream: io.BufferedWriter | None = None
        self._writer: Writer | None = None
        self._channels: dict[str, int] = {}
        self._schemas: dict[str, int] = {}
        self._sequence = 0

    def __enter__(self) -> Self:
        with storage_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self._partial.open("wb")
            self._writer = Writer(self._stream, compression=CompressionType.ZSTD)
            self._writer.start(profile="", library="robot-skills")
            self._writer.add_metadata(METADATA, self._metadata)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, RefusedError) and self._sequence == 0:
            self.discard()
            return
        try:
            self.close()
        except StorageError:
            # A full disk is the cause already under way; a second error would hide it.
            if not isinstance(error, StorageError):
                raise

    def close(self) -> None:
        """Complete the file, force it to disk and give it its name. Safe to call twice.

        Raises:
            StorageError: The disk is full or the folder cannot be written.
        """
        if self._stream is None or self._writer is None:
            return
        stream, writer = self._stream, self._writer
        self._stream = self._writer = None
        try:
            with storage_errors(self.path):
                writer.finish()
                stream.flush()
                os.fsync(stream.fileno())
        finally:
            # Closing flushes once more, which fails once more on a full disk.
            try:
                stream.close()
            except OSError as error:
                _log.debug("closing %s: %s", self._partial, error)
        with storage_errors(self.path):
            os.replace(self._partial, self.path)
            sync_folder(self.path.parent)

    def discard(self) -> None:
        """Leave nothing behind. Without effect after `close`."""
        stream, self._stream, self._writer = self._stream, None, None
        if stream is not None:
            stream.close()
            self._partial.unlink(missing_ok=True)

    def emit(self, event: Event) -> None:
        """Log a decision."""
        self._write(
            "/events",
            schemas.EVENT,
            event.stamp_s,
            event_to_json(event),
        )

    def state(self, observation: Observation) -> None:
        """Log the measured state of every arm."""
        for name, arm in observation.arms.items():
            self._write("/arm/state", schemas.ARM_STATE, arm.stamp_s, state_to_json(name, arm))

    def command(self, command: Command) -> None:
        """Log a command as requested and as accepted."""
        message = command_to_json(command)
        self._write("/arm/command", schemas.ARM_COMMAND, command.stamp_s, message)

    def look(self, look: Look) -> None:
        """Log a scene and the pictures it was read from."""
        stamp_s = look.scene.stamp_s
        for name, frame in look.frames.items():
            self._frame(name, stamp_s, frame)
        self._write("/scene", schemas.SCENE, stamp_s, scene_to_json(look.scene))

    def latency(self, latency: Latency) -> None:
        """Log the wall time of a stage."""
        self._write(
            "/latency",
            schemas.LATENCY,
            latency.stamp_s,
            {
                "stamp_s": latency.stamp_s,
                "stage": latency.stage,
                "wall_ms": latency.wall_ms,
            },
        )

    def _frame(self, name: str, stamp_s: float, frame: RgbdFrame) -> None:
        frame_id = f"camera/{name}"
        head = {"timestamp": ros_time(stamp_s), "frame_id": frame_id}
        height, width = frame.depth_m.shape
        info = {
            **head,
            "width": width,
            "height": height,
            "distortion_model": "plumb_bob",
            "D": [0.0] * 5,
            "K": frame.K.ravel().tolist(),
            "R": np.eye(3).ravel().tolist(),
            "P": np.hstack([frame.K, np.zeros((3, 1))]).ravel().tolist(),
            "T_base_camera": pose_to_json(frame.T_base_camera),
        }
        self._write(f"/camera/{name}/info", schemas.CALIBRATION, stamp_s, info)
        for kind, data, form in (
            ("rgb", _encode_rgb(frame.rgb), "jpeg"),
            ("depth", _encode_depth(frame.depth_m), "png"),
        ):
            text = base64.b64encode(data).decode("ascii")
            message = {**head, "data": text, "format": form}
            self._write(f"/camera/{name}/{kind}", schemas.PICTURE, stamp_s, message)

    def _write(
        self, topic: str, schema: schemas.Schema, stamp_s: float, message: Mapping[str, Any]
    ) -> None:
        if self._writer is None:
            raise StorageError(f"The episode log {self.path} is not open.")
        stamp_ns = round(stamp_s * 1e9)
        data = json.dumps(message, allow_nan=False, separators=(",", ":")).encode()
        with storage_errors(self.path):
            self._writer.add_message(
                channel_id=self._channel(topic, schema),
                log_time=stamp_ns,
                publish_time=stamp_ns,
                data=data,
                sequence=self._sequence,
            )
        self._sequence += 1

    def _channel(self, topic: str, schema: schemas.Schema) -> int:
        assert self._writer is not None
        if schema.name not in self._schemas:
            document = json.dumps(schema.document()).encode()
            self._schemas[schema.name] = self._writer.register_schema(
                name=schema.name, encoding="jsonschema", data=document
            )
        if topic not in self._channels:
            self._channels[topic] = self._writer.register_channel(
                topic=topic, message_encoding="json", schema_id=self._schemas[schema.name]
            )
        return self._channels[topic]


def read_episode(path: Path) -> Episode:
    """Read a whole log.

    Raises:
        DatasetError: The file is missing, damaged, or no episode log.
    """
    events: list[Event] = []
    states: dict[str, list[ArmState]] = {}
    commands: list[Command] = []
    looks: list[Look] = []
    latencies: list[Latency] = []
    frames: dict[str, dict[str, Any]] = {}
    for topic, message in _messages(path):
        match topic.split("/")[1:]:
            case ["events"]:
                events.append(event_from_json(message))
            case ["arm", "state"]:
                states.setdefault(message["arm"], []).append(state_from_json(message))
            case ["arm", "command"]:
                commands.append(command_from_json(message))
            case ["latency"]:
                latencies.append(Latency(**message))
            case ["camera", name, part]:
                frames.setdefault(name, {})[part] = message
            case ["scene"]:
                scene = scene_from_json(message)
                pictures = {
                    name: _frame_from_json(parts, scene.stamp_s) for name, parts in frames.items()
                }
                looks.append(Look(scene=scene, frames=pictures))
                frames = {}
            case _:
                _log.debug("%s: channel %s is not ours", path, topic)
    return Episode(
        metadata=_metadata(path),
        events=tuple(events),
        states={arm: tuple(samples) for arm, samples in states.items()},
        commands=tuple(commands),
        looks=tuple(looks),
        latencies=tuple(latencies),
    )


def _messages(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with damage(path), path.open("rb") as stream:
        reader = make_reader(stream)
        # File order is the order in which things happened; stamps may tie.
        for _, channel, message in reader.iter_messages(log_time_order=False):
            yield channel.topic, json.loads(message.data)


def _metadata(path: Path) -> dict[str, str]:
    with damage(path), path.open("rb") as stream:
        for record in make_reader(stream).iter_metadata():
            if record.name == METADATA:
                return dict(record.metadata)
    raise DatasetError(f"{path} is an MCAP file, but not an episode log of robot-skills.")


@contextmanager
def damage(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise DatasetError(f"There is no episode log at {path}.") from None
    except (McapError, ValueError, KeyError, TypeError, struct.error) as error:
        raise DatasetError(f"The episode log {path} cannot be read: {error}.") from error


def _encode_rgb(rgb: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, format="JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()


def _encode_depth(depth_m: NDArray[np.float32]) -> bytes:
    units = np.clip(np.round(depth_m * _DEPTH_UNITS_PER_M), 0, 65535).astype(np.uint16)
    buffer = io.BytesIO()
    Image.fromarray(units).save(buffer, format="PNG", compress_level=3)
    return buffer.getvalue()


def _frame_from_json(parts: Mapping[str, Any], stamp_s: float) -> RgbdFrame:
    info = parts["info"]
    rgb = np.asarray(Image.open(io.BytesIO(base64.b64decode(parts["rgb"]["data"]))))
    units = np.asarray(Image.open(io.BytesIO(base64.b64decode(parts["depth"]["data"]))))
    return RgbdFrame(
        stamp_s=stamp_s,
        rgb=rgb,
        depth_m=units.astype(np.float32) / np.float32(_DEPTH_UNITS_PER_M),
        K=np.reshape(info["K"], (3, 3)),
        T_base_camera=pose_from_json(info["T_base_camera"]),
    )
