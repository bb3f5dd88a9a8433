"""ROS 2 bags: folders of ``ros2 bag record``, or single ``.mcap`` and ``.db3`` files.

What the topics are is told by a mapping (`rosbag_mapping`). Times are seconds from the bag's first
arrival; samples keep the stamps of their headers, and of pictures also when they arrived.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import DatasetError
from robot_skills.core.se3 import Array
from robot_skills.data.foreign import rosbag_messages as messages
from robot_skills.data.foreign.interpolation import numbers_at, poses_at
from robot_skills.data.foreign.pictures import CameraPictures
from robot_skills.data.foreign.rosbag_frames import Frames
from robot_skills.data.foreign.rosbag_mapping import (
    ArmTopics,
    BagMapping,
    CameraTopics,
    FramePair,
    NumberTopic,
    Stamps,
)
from robot_skills.data.foreign.rosbag_storage import Bag, BagStream, Message, Span
from robot_skills.data.series import ArmSeries, CameraSeries, EpisodeData, NumberSeries

_TF, _TF_STATIC = "/tf", "/tf_static"
_CLOCKS_APART_S = 5.0
_PICTURES = (messages.IMAGE, messages.COMPRESSED)
_GRIPPERS = (messages.JOINT_STATE, *messages.SCALARS)


class RosBag:
    """A bag (`data.series.EpisodeSource`).

    Args:
        path: The folder or file.
        mapping: What its topics are.
    """

    def __init__(self, path: Path, mapping: BagMapping) -> None:
        self._path, self._mapping = path, mapping

    @property
    def name(self) -> str:
        return self._path.stem

    @property
    def kind(self) -> str:
        return "ROS 2 bag"

    def __len__(self) -> int:
        return len(self._spans)

    def episode(self, index: int) -> EpisodeData:
        if not 0 <= index < len(self):
            raise DatasetError(f"{self._path} has no episode {index}; it has {len(self)}.")
        return _EpisodeReader(self._bag, self._mapping, self._spans[index], index).read()

    @cached_property
    def _bag(self) -> Bag:
        return Bag(self._path)

    @cached_property
    def _spans(self) -> list[Span]:
        """Arrival times that each episode takes [ns], and its task."""
        self._check_topics()
        with self._bag.open() as reader:
            first, last = int(reader.start_time), int(reader.end_time)
        if self._mapping.episodes is None:
            return [Span(start_ns=first, stop_ns=last, words="")]
        spans = _divided(list(self._bag.messages([self._mapping.episodes.topic])), last)
        if not spans:
            raise DatasetError(
                f"{self._path}: {self._mapping.episodes.topic} never begins an episode."
            )
        return spans

    def _check_topics(self) -> None:
        """Make sure that all topics of the mapping are there and of types that can be read.

        Raises:
            DatasetError: Says what is missing or unfit, and what there is.
        """
        there = self._bag.topics
        wanted = _wanted(self._mapping)
        missing = sorted({topic for topic, _ in wanted} - set(there))
        if missing:
            listed = ", ".join(f"{topic} ({kind})" for topic, kind in sorted(there.items()))
            raise DatasetError(
                f"{self._path} lacks {', '.join(missing)}. It has: {listed or 'no topics'}."
            )
        for topic, kinds in wanted:
            if there[topic] not in kinds:
                raise DatasetError(
                    f"{self._path}: {topic} is {there[topic]}; {' or '.join(kinds)} is needed."
                )


def _wanted(mapping: BagMapping) -> list[tuple[str, tuple[str, ...]]]:
    """Every topic of a mapping and the types that will do."""
    found: list[tuple[str, tuple[str, ...]]] = []
    frames = [camera.place for camera in mapping.cameras.values()]
    for arm in mapping.arms.values():
        found.append((arm.joints.topic, (messages.JOINT_STATE,)))
        if arm.tool is not None:
            frames.append(arm.tool.frames)
            if arm.tool.topic is not None:
                found.append((arm.tool.topic, (messages.POSE,)))
        if arm.gripper is not None:
            joint = arm.gripper.joint is not None
            found.append((arm.gripper.topic, _GRIPPERS[:1] if joint else _GRIPPERS[1:]))
    found += [(one.topic, tuple(messages.NUMBERS)) for one in mapping.numbers.values()]
    for camera in mapping.cameras.values():
        found += [(topic, _PICTURES) for topic in (camera.rgb, camera.depth) if topic]
        found += [(camera.info, (messages.CAMERA_INFO,))] if camera.info else []
    if mapping.task is not None and mapping.task.topic is not None:
        found.append((mapping.task.topic, (messages.STRING,)))
    if mapping.episodes is not None:
        found.append((mapping.episodes.topic, (messages.STRING, messages.BOOL)))
    # Either of the two topics of transforms may be absent, but not both: the chain is checked.
    return found


def _divided(marks: Sequence[Message], last_ns: int) -> list[Span]:
    """Episodes from the messages that begin and end them; the last may end with the bag."""
    spans: list[Span] = []
    begun: tuple[int, str] | None = None
    for mark in marks:
        said = mark.data.data
        if begun is not None and (isinstance(said, str) or not said):
            spans.append(Span(start_ns=begun[0], stop_ns=mark.received_ns, words=begun[1]))
            begun = None
        if said and begun is None:
            begun = mark.received_ns, said if isinstance(said, str) else ""
    if begun is not None:
        spans.append(Span(start_ns=begun[0], stop_ns=last_ns, words=begun[1]))
    return spans


# Samples


@dataclass(slots=True)
class _Samples:
    """What came on one topic: stamps and arrivals [ns] and what was made of each message."""

    stamp_ns: list[int] = field(default_factory=list)
    received_ns: list[int] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    names: tuple[str, ...] = ()

    def add(self, stamp_ns: int, received_ns: int, value: Any) -> None:
        self.stamp_ns.append(stamp_ns)
        self.received_ns.append(received_ns)
        self.values.append(value)

    def order(self) -> NDArray[np.intp]:
        return np.argsort(np.array(self.stamp_ns, dtype=np.int64), kind="stable")


Take = Callable[[_Samples, Message], None]


@dataclass(slots=True)
class _EpisodeReader:
    """Reads one episode in one pass over its messages."""

    bag: Bag
    mapping: BagMapping
    span: Span
    index: int
    zero_ns: int = 0
    samples: dict[str, _Samples] = field(default_factory=dict)
    takes: list[tuple[str, str, Take]] = field(default_factory=list)
    frames: Frames = field(default_factory=Frames)

    def read(self) -> EpisodeData:
        with self.bag.open() as reader:
            self.zero_ns = int(reader.start_time)
        self._plan()
        self._pass()
        arms: dict[str, ArmSeries] = {}
        numbers = {name: self._numbers(name) for name in self.mapping.numbers}
        for name, topics in self.mapping.arms.items():
            if topics.tool is not None:
                arms[name] = self._arm(name, topics)
            else:
                key = "observation.state" if len(self.mapping.arms) == 1 else f"observation.{name}"
                numbers[key] = self._joints_only(name, topics)
        cameras = {name: self._camera(name, one) for name, one in self.mapping.cameras.items()}
        every = [one.stamp_s for one in (*arms.values(), *numbers.values(), *cameras.values())]
        return EpisodeData(
            task=self._task(),
            start_s=min(float(one[0]) for one in every),
            end_s=max(float(one[-1]) for one in every),
            period_s=self.mapping.period_s,
            arms=arms,
            numbers=numbers,
            cameras=cameras,
            origin=f"ROS 2 bag {self.bag.path.name}, episode {self.index}",
            meta={"clock_zero_ns": str(self.zero_ns)},
        )

    # The pass

    def _plan(self) -> None:
        """Note what is to be made of the messages of which topic."""
        for name, arm in self.mapping.arms.items():
            self._note(f"joints {name}", arm.joints.topic, _take_joints(arm))
            if arm.tool is not None and arm.tool.topic is not None:
                self._note(f"tool {name}", arm.tool.topic, _take_pose)
            if arm.gripper is not None:
                self._note(f"gripper {name}", arm.gripper.topic, _take_gripper(arm))
        for name, one in self.mapping.numbers.items():
            self._note(f"numbers {name}", one.topic, _take_numbers(self.bag, one))
        for name, camera in self.mapping.cameras.items():
            for kind, topic in (("rgb", camera.rgb), ("depth", camera.depth)):
                if topic is not None:
                    self._note(f"{kind} {name}", topic, _take_picture)

    def _note(self, use: str, topic: str, take: Take) -> None:
        self.samples[use] = _Samples()
        self.takes.append((use, topic, take))

    def _pass(self) -> None:
        pictures = {
            topic
            for one in self.mapping.cameras.values()
            for topic in (one.rgb, one.depth)
            if topic
        }
        topics = {topic for _, topic, _ in self.takes} - pictures
        if self._needs_frames():
            topics.add(_TF)
            # Latched transforms come once, perhaps long before the episode.
            for message in self.bag.messages([_TF_STATIC]):
                self.frames.add(message.data, static=True)
        for message in self.bag.messages(sorted(topics), self.span, raw=sorted(pictures)):
            if message.topic == _TF:
                self.frames.add(message.data, static=False)
            for use, topic, take in self.takes:
                if topic == message.topic:
                    take(self.samples[use], message)
        for use, topic, _ in self.takes:
            self._check(use, topic)

    def _needs_frames(self) -> bool:
        tools = [arm.tool.frames for arm in self.mapping.arms.values() if arm.tool]
        return any([*tools, *(camera.place for camera in self.mapping.cameras.values())])

    def _check(self, use: str, topic: str) -> None:
        samples = self.samples[use]
        if not samples.values:
            raise DatasetError(
                f"{self.bag.path}: episode {self.index} has nothing on {topic} for {use}."
            )
        if self.mapping.stamps is Stamps.RECEIVED:
            samples.stamp_ns = list(samples.received_ns)
            return
        apart_ns = np.median(np.array(samples.stamp_ns) - np.array(samples.received_ns))
        if abs(float(apart_ns)) * 1e-9 > _CLOCKS_APART_S:
            raise DatasetError(
                f"{self.bag.path}: headers on {topic} are {float(apart_ns) * 1e-9:.1f} s from "
                "their arrival: another clock. Say 'stamps: received' in the mapping."
            )

    # Series

    def _series(self, use: str) -> tuple[Array, Array, NDArray[np.intp]]:
        """Stamps [s], values, and the order of the messages that they are from."""
        samples = self.samples[use]
        order = samples.order()
        return (
            self._seconds(samples.stamp_ns, order),
            np.array([samples.values[i] for i in order]),
            order,
        )

    def _seconds(self, times_ns: Sequence[int], order: NDArray[np.intp]) -> Array:
        since_ns = np.array(times_ns, dtype=np.int64)[order] - self.zero_ns
        return since_ns.astype(np.float64) * 1e-9

    def _numbers(self, name: str) -> NumberSeries:
        use = f"numbers {name}"
        stamp_s, values, _ = self._series(use)
        return NumberSeries(names=self.samples[use].names, stamp_s=stamp_s, values=values)

    def _arm(self, name: str, topics: ArmTopics) -> ArmSeries:
        stamp_s, joints, _ = self._series(f"joints {name}")
        q_rad, dq_rad_s, tau_nm = np.split(joints, 3, axis=1)
        assert topics.tool is not None
        if topics.tool.frames is not None:
            T_base_tool = self._chain(topics.tool.frames, stamp_s)
        else:
            pose_s, T, _ = self._series(f"tool {name}")
            T_base_tool = poses_at(pose_s, T, stamp_s)
        return ArmSeries(
            stamp_s=stamp_s,
            q_rad=q_rad,
            dq_rad_s=dq_rad_s,
            tau_nm=tau_nm,
            T_base_tool=T_base_tool,
            opening=self._opening(name, topics, stamp_s),
        )

    def _opening(self, name: str, topics: ArmTopics, time_s: Array) -> Array:
        if topics.gripper is None:
            return np.ones(len(time_s))
        stamp_s, values, _ = self._series(f"gripper {name}")
        return numbers_at(stamp_s, values, time_s)

    def _joints_only(self, name: str, topics: ArmTopics) -> NumberSeries:
        stamp_s, joints, _ = self._series(f"joints {name}")
        q_rad = joints[:, : len(topics.joints.names)]
        if topics.gripper is None:
            return NumberSeries(names=topics.joints.names, stamp_s=stamp_s, values=q_rad)
        opening = self._opening(name, topics, stamp_s)
        return NumberSeries(
            names=(*topics.joints.names, "gripper.opening"),
            stamp_s=stamp_s,
            values=np.concatenate([q_rad, opening[:, None]], axis=1),
        )

    def _chain(self, pair: FramePair, time_s: Array) -> Array:
        try:
            return self.frames.chain(pair, time_s, self.zero_ns)
        except ValueError as error:
            raise DatasetError(f"{self.bag.path}: {error}") from None

    def _task(self) -> str:
        task = self.mapping.task
        if task is None or task.topic is None:
            return self.span.words or (task.words if task is not None else None) or ""
        said = [
            message.data.data
            for message in self.bag.messages([task.topic])
            if message.received_ns < self.span.stop_ns
        ]
        if not said:
            raise DatasetError(
                f"{self.bag.path}: nothing on {task.topic} before the end of episode {self.index}."
            )
        return str(said[-1])

    # Cameras

    def _camera(self, name: str, topics: CameraTopics) -> CameraSeries:
        leading = "rgb" if topics.rgb is not None else "depth"
        stamp_s, _, order = self._series(f"{leading} {name}")
        rgb = self._stream(topics.rgb, f"rgb {name}", messages.rgb_of)
        depth = self._stream(topics.depth, f"depth {name}", messages.depth_of)
        if rgb is not None and depth is not None:
            depth = depth.chosen(self._paired(name, topics, stamp_s))
        sizes = {one.at(0).shape[:2] for one in (rgb, depth) if one is not None}
        if len(sizes) != 1:
            raise DatasetError(
                f"{self.bag.path}: colour and depth of {name} are of sizes {sorted(sizes)}; give "
                "the depth a camera of its own, or record it aligned to the colour."
            )
        height_px, width_px = sizes.pop()
        received_ns = self.samples[f"{leading} {name}"].received_ns
        place = topics.place
        return CameraSeries(
            stamp_s=stamp_s,
            pictures=CameraPictures(name, rgb=rgb, depth=depth),
            height_px=height_px,
            width_px=width_px,
            has_rgb=rgb is not None,
            has_depth=depth is not None,
            K=self._intrinsics(topics.info, (height_px, width_px)),
            T_base_camera=None if place is None else self._chain(place, stamp_s),
            received_s=self._seconds(received_ns, order),
        )

    def _stream(
        self, topic: str | None, use: str, decode: Callable[[Any], NDArray]
    ) -> BagStream | None:
        if topic is None:
            return None
        samples = self.samples[use]
        keys = tuple(samples.values[i] for i in samples.order())
        return BagStream(self.bag, topic, keys, decode)

    def _paired(self, name: str, topics: CameraTopics, stamp_s: Array) -> NDArray[np.intp]:
        """Which depth picture goes with each colour picture."""
        depth_s, _, _ = self._series(f"depth {name}")
        after = np.searchsorted(depth_s, stamp_s).clip(0, len(depth_s) - 1)
        before = np.maximum(after - 1, 0)
        earlier = np.abs(depth_s[before] - stamp_s) <= np.abs(depth_s[after] - stamp_s)
        chosen = np.where(earlier, before, after)
        worst_s = float(np.abs(depth_s[chosen] - stamp_s).max())
        if worst_s > topics.within_s:
            raise DatasetError(
                f"{self.bag.path}: a depth picture of {name} is {worst_s:.3f} s from its colour; "
                f"within_s allows {topics.within_s:g} s."
            )
        return chosen

    def _intrinsics(self, topic: str | None, size_px: tuple[int, int]) -> Array | None:
        if topic is None:
            return None
        info = next((message.data for message in self.bag.messages([topic])), None)
        if info is None or not np.any(info.k):
            return None
        if (info.height, info.width) not in (size_px, (0, 0)):
            raise DatasetError(
                f"{self.bag.path}: {topic} is about pictures of {info.height} x {info.width}, "
                f"the pictures are {size_px[0]} x {size_px[1]}."
            )
        return np.asarray(info.k, dtype=np.float64).reshape(3, 3)


# What is made of messages


def _stamped(message: Message) -> int:
    found = messages.stamp_ns(message.data)
    return message.received_ns if found is None else found


def _take_joints(arm: ArmTopics) -> Take:
    def take(samples: _Samples, message: Message) -> None:
        row = messages.joint_rows(message.data, arm.joints.names)
        if row is not None:
            samples.add(_stamped(message), message.received_ns, row)

    return take


def _take_pose(samples: _Samples, message: Message) -> None:
    pose = message.data.pose
    T = messages.pose_matrix(pose.position, pose.orientation)
    samples.add(_stamped(message), message.received_ns, T)


def _take_gripper(arm: ArmTopics) -> Take:
    gripper = arm.gripper
    assert gripper is not None

    def take(samples: _Samples, message: Message) -> None:
        if gripper.joint is None:
            value = float(message.data.data)
        else:
            row = messages.joint_rows(message.data, (gripper.joint,))
            if row is None:
                return
            value = float(row[0])
        opening = (value - gripper.closed) / (gripper.open - gripper.closed)
        samples.add(_stamped(message), message.received_ns, min(1.0, max(0.0, opening)))

    return take


def _take_numbers(bag: Bag, topic: NumberTopic) -> Take:
    vector = messages.NUMBERS[bag.topics[topic.topic]]

    def take(samples: _Samples, message: Message) -> None:
        names, values = vector(message.data)
        if not len(values):
            return
        known = topic.names or names or tuple(f"{i}" for i in range(len(values)))
        samples.names = samples.names or known
        if len(values) != len(samples.names) or (names and not topic.names and names != known):
            raise DatasetError(
                f"{bag.path}: a message on {topic.topic} has {len(values)} numbers, "
                f"{len(samples.names)} are named: {', '.join(samples.names)}."
            )
        samples.add(_stamped(message), message.received_ns, values)

    return take


def _take_picture(samples: _Samples, message: Message) -> None:
    """Keep where a picture is: its arrival, and which of those that arrived at the same time."""
    same = [key for key in samples.values[-8:] if key[0] == message.received_ns]
    stamp_ns = messages.header_ns(message.data) or message.received_ns
    samples.add(stamp_ns, message.received_ns, (message.received_ns, len(same)))
