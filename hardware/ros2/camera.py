"""An RGB-D camera behind ROS 2 topics: colour, aligned depth and what the lens is like."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hardware.ros2.messages import (
    colours_of_compressed,
    depth_of,
    depth_of_compressed,
    intrinsics_of,
    rgb_of,
    stamp_s,
)
from hardware.ros2.runtime import RosNode
from robot_skills.core.clock import Clock
from robot_skills.core.clock_map import ClockMap
from robot_skills.core.errors import PerceptionError
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import RgbdFrame

_WAITING = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class RosCameraConfig:
    """Where a camera is found. The names are those of RealSense's driver for a camera ``<name>``.

    Attributes:
        name: Of the camera.
        colour: Topic of `sensor_msgs/Image`, or of `CompressedImage` where it ends in
            ``compressed``.
        depth: Topic of depth aligned to the colours; ``compressedDepth`` at the end is understood.
        info: Topic of the colours' `sensor_msgs/CameraInfo`.
        T_mount_camera: Optical frame in what it is mounted on.
        on_tool: Mounted on the tool; otherwise on the base.
        latency_s: Least time from capture to arrival.
        apart_s: Farthest that the stamps of a picture and its depth may be apart.
        stale_s: Age at which a picture is too old.
    """

    name: str
    colour: str = ""
    depth: str = ""
    info: str = ""
    T_mount_camera: SE3
    on_tool: bool = False
    latency_s: float = 0.0
    apart_s: float = 0.02
    stale_s: float = 0.5

    def topics(self) -> tuple[str, str, str]:
        """Colour, depth, info."""
        return (
            self.colour or f"{self.name}/color/image_raw",
            self.depth or f"{self.name}/aligned_depth_to_color/image_raw",
            self.info or f"{self.name}/color/camera_info",
        )


@dataclass(slots=True)
class CameraCounters:
    """What became of a camera's messages.

    Attributes:
        frames: Pictures with depth.
        unmatched: Pictures or depths whose other half did not come.
        refused: Messages that were not understood.
        out_of_order: Pictures older than one before.
    """

    frames: int = 0
    unmatched: int = 0
    refused: int = 0
    out_of_order: int = 0


class RosCamera:
    """Keeps the newest picture with its depth.

    Args:
        node: That subscribes; somebody else spins it.
        config: Where the camera is.
        clock: The project clock.
        T_base_tool_at: Where the tool was at a time; for cameras on the tool.

    Attributes:
        counters: What became of its messages.
        problem: Why the last message was refused; empty when none was.
    """

    def __init__(
        self,
        node: RosNode,
        config: RosCameraConfig,
        clock: Clock,
        T_base_tool_at: Callable[[float], SE3] | None = None,
    ) -> None:
        if config.on_tool and T_base_tool_at is None:
            raise ValueError(f"The camera {config.name} is on the tool: say where that is.")
        self._node, self._config, self._clock = node, config, clock
        self._T_base_tool_at = T_base_tool_at
        self._times = ClockMap(latency_s=config.latency_s)
        self._K: Array | None = None
        self._waiting: dict[str, deque[Any]] = {
            "colour": deque(maxlen=_WAITING),
            "depth": deque(maxlen=_WAITING),
        }
        self._pair: tuple[Any, Any, float] | None = None
        self._frame: RgbdFrame | None = None
        self._last_s = -1.0
        self._new = threading.Condition()
        self.counters = CameraCounters()
        self.problem = ""
        self._subscribe()

    @property
    def name(self) -> str:
        return self._config.name

    def connect(self) -> None:
        """Nothing: the topics are subscribed to."""

    def close(self) -> None:
        """Nothing: the node closes them."""

    def read(self) -> RgbdFrame:
        """The newest picture, decoded now.

        Raises:
            PerceptionError: None came of late; says what did.
        """
        config = self._config
        until_s = time.monotonic() + config.stale_s
        with self._new:
            while not self._is_fresh() and time.monotonic() < until_s:
                self._new.wait(until_s - time.monotonic())
            if not self._is_fresh():
                raise PerceptionError(self._why_none())
            assert self._pair is not None
            colour, depth, received_s = self._pair
            if self._frame is None or self._frame.received_s != received_s:
                self._frame = self._decoded(colour, depth, received_s)
            return self._frame

    def _is_fresh(self) -> bool:
        if self._pair is None or self._K is None:
            return False
        return self._clock.now_s() - self._pair[2] <= self._config.stale_s

    def _why_none(self) -> str:
        colour, depth, info = self._config.topics()
        missing = [
            topic
            for topic, there in (
                (colour, self._waiting["colour"] or self._pair),
                (depth, self._waiting["depth"] or self._pair),
                (info, self._K is not None),
            )
            if not there
        ]
        text = f"The camera {self.name} gives no pictures"
        if missing:
            text += f": nothing came on {', '.join(missing)}"
        elif self._pair is not None:
            age_s = self._clock.now_s() - self._pair[2]
            text += f": the last one is {age_s:.1f} s old"
        else:
            text += f": no depth is within {1e3 * self._config.apart_s:.0f} ms of a picture"
        return f"{text}. {self.problem}".strip()

    def _decoded(self, colour: Any, depth: Any, received_s: float) -> RgbdFrame:
        assert self._K is not None
        topics = self._config.topics()
        rgb = colours_of_compressed(colour) if _compressed(topics[0]) else rgb_of(colour)
        depth_m = depth_of_compressed(depth) if _compressed(topics[1]) else depth_of(depth)
        if depth_m.shape != rgb.shape[:2]:
            raise PerceptionError(
                f"The camera {self.name} has pictures of {rgb.shape[1]} x {rgb.shape[0]} and depth "
                f"of {depth_m.shape[1]} x {depth_m.shape[0]}: let its driver align them."
            )
        device_s = stamp_s(colour.header)
        captured_s = self._times.stamp_s(device_s, received_s)
        mount = SE3.identity()
        if self._config.on_tool:
            assert self._T_base_tool_at is not None
            mount = self._T_base_tool_at(captured_s)
        return RgbdFrame(
            stamp_s=captured_s,
            rgb=rgb,
            depth_m=depth_m,
            K=self._K,
            T_base_camera=mount @ self._config.T_mount_camera,
            number=self.counters.frames,
            device_s=device_s,
            received_s=received_s,
        )

    # Messages

    def _subscribe(self) -> None:
        from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
        from sensor_msgs.msg import CameraInfo, CompressedImage, Image

        qos = QoSProfile(
            depth=4, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT
        )
        colour, depth, info = self._config.topics()
        subscribe = self._node.node.create_subscription
        for topic, half in ((colour, "colour"), (depth, "depth")):
            kind = CompressedImage if _compressed(topic) else Image
            subscribe(kind, topic, self._half(half), qos)
        subscribe(CameraInfo, info, self._heard_info, qos)

    def _heard_info(self, message: Any) -> None:
        try:
            K = intrinsics_of(message)
        except PerceptionError as problem:
            self.counters.refused += 1
            self.problem = str(problem)
            return
        with self._new:
            self._K = K

    def _half(self, half: str) -> Callable[[Any], None]:
        other = "depth" if half == "colour" else "colour"

        def heard(message: Any) -> None:
            received_s = self._clock.now_s()
            at_s = stamp_s(message.header)
            with self._new:
                match = self._partner(other, at_s)
                if match is None:
                    queue = self._waiting[half]
                    self.counters.unmatched += len(queue) == queue.maxlen
                    queue.append(message)
                    return
                colour, depth = (message, match) if half == "colour" else (match, message)
                if at_s <= self._last_s:
                    self.counters.out_of_order += 1
                    return
                self._last_s = at_s
                self._pair = (colour, depth, received_s)
                self.counters.frames += 1
                self._new.notify_all()

        return heard

    def _partner(self, other: str, at_s: float) -> Any:
        """The waiting half that was taken at about the same time; what is older is given up."""
        queue = self._waiting[other]
        best = min(queue, key=lambda one: abs(stamp_s(one.header) - at_s), default=None)
        if best is None or abs(stamp_s(best.header) - at_s) > self._config.apart_s:
            return None
        while queue and queue[0] is not best:
            queue.popleft()
            self.counters.unmatched += 1
        queue.popleft()
        return best


def _compressed(topic: str) -> bool:
    return topic.endswith(("compressed", "compressedDepth"))
