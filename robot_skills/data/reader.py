"""Reads a recorded episode: numbers at once, pictures when somebody asks."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mcap.reader import make_reader
from numpy.typing import NDArray

from robot_skills.core.events import Event
from robot_skills.core.se3 import Array, wxyz_to_matrix
from robot_skills.core.types import ActionChunk
from robot_skills.data import ros_messages
from robot_skills.data.episode_log import damage
from robot_skills.data.log_writer import METADATA
from robot_skills.data.messages import command_from_json, event_from_json
from robot_skills.data.series import (
    ActionSeries,
    ArmSeries,
    CameraSeries,
    EpisodeData,
    NumberSeries,
)
from robot_skills.data.store import Entry, EpisodeStore

_RGB, _DEPTH, _INFO, _POSE = "rgb", "depth", "info", "pose"
_MILLIMETRE = np.float32(0.001)


class RecordedEpisodes:
    """The episodes of a store that are not discarded. An `EpisodeSource`.

    Args:
        store: The dataset.
        everything: Discarded ones too.
    """

    def __init__(self, store: EpisodeStore, *, everything: bool = False) -> None:
        self._store = store
        self._entries = [e for e in store.entries() if everything or not e.annotation.discarded]

    @property
    def name(self) -> str:
        return self._store.schema.name

    @property
    def kind(self) -> str:
        return "robot-skills"

    @property
    def entries(self) -> list[Entry]:
        """In order, with what was said of them."""
        return self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def episode(self, index: int) -> EpisodeData:
        """One episode. Raises `DatasetError` as `read_recorded`."""
        return read_recorded(self._entries[index], self._store)


def read_recorded(entry: Entry, store: EpisodeStore) -> EpisodeData:
    """One saved episode, as it was recorded, under the task, outcome and subtasks it has now.

    Raises:
        DatasetError: The log is missing or damaged.
    """
    schema = store.schema
    manifest = entry.manifest
    start_s, end_s = manifest.start_s, manifest.start_s + manifest.duration_s
    content = _read(entry.log)
    content.keep_before(end_s)
    names = {numbers.name: numbers.names for numbers in schema.numbers}
    return EpisodeData(
        task=entry.task,
        start_s=start_s,
        end_s=end_s,
        period_s=schema.control_period_s,
        outcome=entry.outcome,
        arms={arm: _arm_series(rows) for arm, rows in content.states.items()},
        requested=_in_force(content.commands, "requested", end_s),
        sent=_in_force(content.commands, "accepted", end_s),
        numbers={name: _numbers(rows, names[name]) for name, rows in content.numbers.items()},
        cameras={
            camera.name: found
            for camera in schema.cameras
            for found in [content.camera(camera.name, entry.log)]
            if found is not None
        },
        subtasks=entry.subtasks,
        events=tuple(content.events),
        origin=f"{schema.name} {entry.number}",
        meta={"robot": schema.robot, **manifest.origin},
    )


@dataclass(slots=True, eq=False)
class _Content:
    """What is in a log, without pictures."""

    events: list[Event] = field(default_factory=list)
    states: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    commands: list[dict[str, Any]] = field(default_factory=list)
    numbers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    frames: dict[str, dict[str, list[tuple[int, int, int]]]] = field(default_factory=dict)
    optics: dict[str, dict[str, list[tuple[int, bytes]]]] = field(default_factory=dict)

    def keep_before(self, end_s: float) -> None:
        """Leave out frames that were taken while the episode was being ended."""
        end = round(end_s * 1e9)
        for parts in self.frames.values():
            for part, places in parts.items():
                parts[part] = [place for place in places if place[1] < end]

    def camera(self, name: str, path: Path) -> CameraSeries | None:
        """What one camera saw; None when it never saw anything."""
        frames = self.frames.get(name, {})
        colours = frames.get(_RGB, [])
        if not colours:
            return None
        info = ros_messages.unpack(ros_messages.INFO, self.optics[name][_INFO][0][1])
        pictures = LogPictures(path, name, colours, frames.get(_DEPTH, []))
        return CameraSeries(
            stamp_s=np.array([publish for _, publish, _ in colours]) / 1e9,
            received_s=np.array([log for log, _, _ in colours]) / 1e9,
            pictures=pictures,
            height_px=int(info.height),
            width_px=int(info.width),
            has_depth=bool(frames.get(_DEPTH)),
            K=np.asarray(info.k).reshape(3, 3),
            T_base_camera=self._poses(name, colours),
        )

    def _poses(self, name: str, colours: list[tuple[int, int, int]]) -> Array:
        """The newest pose before each picture; poses are written when they change."""
        found = self.optics[name][_POSE]
        times = np.array([publish for publish, _ in found])
        T = np.stack(
            [
                ros_messages.pose_of(ros_messages.unpack(ros_messages.POSE, data)).matrix()
                for _, data in found
            ]
        )
        at = np.array([publish for _, publish, _ in colours])
        return T[np.maximum(np.searchsorted(times, at, side="right") - 1, 0)]


class LogPictures:
    """Pictures of one camera in a log. A `robot_skills.data.series.Pictures`."""

    def __init__(
        self,
        path: Path,
        camera: str,
        colours: list[tuple[int, int, int]],
        depths: list[tuple[int, int, int]],
    ) -> None:
        self._path, self._camera = path, camera
        self._colours = colours
        self._depths = {sequence: (log, publish) for log, publish, sequence in depths}

    def __len__(self) -> int:
        return len(self._colours)

    def rgb(self, index: int) -> NDArray[np.uint8]:
        log, _, sequence = self._colours[index]
        return _colour(self._one(_RGB, log, sequence))

    def depth_m(self, index: int) -> NDArray[np.float32]:
        _, _, sequence = self._colours[index]
        log, _ = self._depths[sequence]
        return _depth(self._one(_DEPTH, log, sequence))

    def in_order(self) -> Iterator[tuple[NDArray[np.uint8] | None, NDArray[np.float32] | None]]:
        topics = [f"/camera/{self._camera}/{part}" for part in (_RGB, _DEPTH)]
        held: NDArray[np.uint8] | None = None
        wanted = {sequence for _, _, sequence in self._colours}
        with damage(self._path), self._path.open("rb") as stream:
            # A picture's depth follows it in the file.
            for _, channel, message in make_reader(stream).iter_messages(
                topics, log_time_order=False
            ):
                if message.sequence not in wanted:
                    continue
                if channel.topic == topics[0]:
                    if held is not None:
                        yield held, None
                    held = _colour(message.data)
                else:
                    yield held, _depth(message.data)
                    held = None
        if held is not None:
            yield held, None

    def _one(self, part: str, log: int, sequence: int) -> bytes:
        with damage(self._path), self._path.open("rb") as stream:
            found = make_reader(stream).iter_messages(
                [f"/camera/{self._camera}/{part}"], start_time=log, end_time=log + 1
            )
            for _, _, message in found:
                if message.sequence == sequence:
                    return message.data
            raise ValueError(f"picture {sequence} of {self._camera} is not there")


def _read(path: Path) -> _Content:
    content = _Content()
    with damage(path), path.open("rb") as stream:
        reader = make_reader(stream)
        if not any(record.name == METADATA for record in reader.iter_metadata()):
            raise ValueError("it is no episode that robot-skills recorded")
        for _, channel, message in reader.iter_messages(log_time_order=False):
            _take(content, channel.topic, message)
    return content


def _take(content: _Content, topic: str, message: Any) -> None:
    match topic.split("/")[1:]:
        case ["events"]:
            content.events.append(event_from_json(json.loads(message.data)))
        case ["arm", "state"]:
            row = json.loads(message.data)
            content.states.setdefault(row["arm"], []).append(row)
        case ["arm", "command"]:
            content.commands.append(json.loads(message.data))
        case ["numbers", name]:
            content.numbers.setdefault(name, []).append(json.loads(message.data))
        case ["camera", name, ("rgb" | "depth") as part]:
            place = (message.log_time, message.publish_time, message.sequence)
            content.frames.setdefault(name, {}).setdefault(part, []).append(place)
        case ["camera", name, ("info" | "pose") as part]:
            place = (message.publish_time, message.data)
            content.optics.setdefault(name, {}).setdefault(part, []).append(place)
        case _:
            pass


def _arm_series(rows: list[dict[str, Any]]) -> ArmSeries:
    poses = [row["T_base_tool"] for row in rows]
    T = np.tile(np.eye(4), (len(rows), 1, 1))
    T[:, :3, :3] = wxyz_to_matrix(np.array([pose["wxyz"] for pose in poses]))
    T[:, :3, 3] = [pose["p"] for pose in poses]
    return ArmSeries(
        stamp_s=np.array([row["stamp_s"] for row in rows]),
        q_rad=np.array([row["q_rad"] for row in rows]),
        dq_rad_s=np.array([row["dq_rad_s"] for row in rows]),
        tau_nm=np.array([row["tau_nm"] for row in rows]),
        T_base_tool=T,
        opening=np.array([row["opening"] for row in rows]),
    )


def _numbers(rows: list[dict[str, Any]], names: tuple[str, ...]) -> NumberSeries:
    return NumberSeries(
        names=names,
        stamp_s=np.array([row["stamp_s"] for row in rows]),
        values=np.array([row["values"] for row in rows]).reshape(len(rows), len(names)),
    )


def _in_force(
    commands: list[dict[str, Any]], which: str, end_s: float
) -> Mapping[str, ActionSeries]:
    """Of each command the waypoints up to the next one, per arm."""
    found: dict[str, list[tuple[float, Array, float]]] = {}
    given = [(one["stamp_s"], command_from_json(one)) for one in commands]
    for i, (_, command) in enumerate(given):
        chunk: ActionChunk | None = getattr(command, which)
        if chunk is None:
            continue
        until_s = given[i + 1][0] if i + 1 < len(given) else end_s
        for name, arm in chunk.arms.items():
            rows = found.setdefault(name, [])
            for at_s, T, opening in zip(chunk.stamp_s, arm.T_base_tool, arm.opening, strict=True):
                # The first waypoint after the next command still says where the arm is heading.
                if not rows or at_s > rows[-1][0] + 1e-9:
                    rows.append((float(at_s), T, float(opening)))
                if at_s >= until_s - 1e-9:
                    break
    return {name: _actions(rows) for name, rows in found.items() if rows}


def _actions(rows: list[tuple[float, Array, float]]) -> ActionSeries:
    return ActionSeries(
        stamp_s=np.array([row[0] for row in rows]),
        T_base_tool=np.stack([row[1] for row in rows]),
        opening=np.array([row[2] for row in rows]),
    )


def _colour(data: bytes) -> NDArray[np.uint8]:
    import cv2

    message = ros_messages.unpack(ros_messages.COMPRESSED, data)
    bgr = cv2.imdecode(np.asarray(message.data), cv2.IMREAD_COLOR)
    if bgr is None:
        raise ValueError("a picture is damaged")
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def _depth(data: bytes) -> NDArray[np.float32]:
    message = ros_messages.unpack(ros_messages.IMAGE, data)
    depth_mm = np.frombuffer(message.data, dtype=np.uint16)
    return depth_mm.reshape(message.height, message.width) * _MILLIMETRE
