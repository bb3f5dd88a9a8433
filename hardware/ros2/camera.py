"""An RGB-D camera behind ROS 2 topics: colour, aligned depth and what the lens is like."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hardware.cameras.watch import why_stale
from hardware.ros2.camera_lens import NO_DISTORTION, CameraMisfit, Coefficients, HeardLens
from hardware.ros2.messages import (
    colours_of_compressed,
    depth_of,
    depth_of_compressed,
    rgb_of,
    stamp_s,
)
from hardware.ros2.runtime import RosNode
from robot_skills.core.clock import Clock
from robot_skills.core.clock_map import ClockMap
from robot_skills.core.errors import PerceptionError
from robot_skills.core.se3 import SE3
from robot_skills.core.types import RgbdFrame

_WAITING = 8
_SILENT_SHARE = 0.5
"""Of the age that a picture may have: who has said nothing for so long is why it is older."""
_BEGAN_ANEW_S = 1.0
"""A picture that is so much older than the last one is the first of a clock that begins anew."""


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
        distortion: k1, k2, p1, p2, k3 of the lens, which the info has to have as well; pictures
            are undistorted. All zeros: they have to come without distortion.
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
    distortion: Coefficients = NO_DISTORTION

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
        self._waiting: dict[str, deque[Any]] = {
            "colour": deque(maxlen=_WAITING),
            "depth": deque(maxlen=_WAITING),
        }
        self._arrived: dict[str, float] = {}
        self._lens = HeardLens(config.name, config.distortion)
        self._pair: _Pair | None = None
        self._frame: RgbdFrame | None = None
        self._last_s: float | None = None
        self._from_before = False
        self._taken = 0
        self._new = threading.Condition()
        self.counters = CameraCounters()
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
                raise PerceptionError(
                    f"sensor_lost({self.name}): the camera {self.name} gives no pictures: "
                    f"{self.why_none()}."
                )
            return self._newest()

    def take(self) -> RgbdFrame | None:
        """The newest picture, once; None where no new one has come. For who looks at all of them.

        Raises:
            CameraMisfit: It is not what it has to be.
            PerceptionError: It cannot be read.
        """
        with self._new:
            if self._lens.misfit:
                raise CameraMisfit(self._lens.misfit)
            if self._taken == self.counters.frames or self._lens.K is None:
                return None
            self._taken = self.counters.frames
            return self._newest()

    def _newest(self) -> RgbdFrame:
        pair = self._pair
        assert pair is not None
        if self._frame is None or self._frame.number != pair.number:
            self._frame = self._decoded(pair)
        return self._frame

    def _is_fresh(self) -> bool:
        if self._pair is None or self._lens.K is None or self._lens.misfit:
            return False
        return self._clock.now_s() - self._pair.captured_s <= self._config.stale_s

    def why_none(self, stale_s: float | None = None) -> str:
        """What is wrong with the pictures; empty when they are fresh.

        Args:
            stale_s: Age at which one is too old; None is the camera's.
        """
        stale_s = self._config.stale_s if stale_s is None else stale_s
        if self._lens.misfit:
            return self._lens.misfit
        now_s, pair = self._clock.now_s(), self._pair
        if pair is not None and self._lens.K is not None and now_s - pair.captured_s <= stale_s:
            return ""
        never, silent = [], []
        for half, topic in zip(("colour", "depth", "info"), self._config.topics(), strict=True):
            arrived_s = self._arrived.get(half)
            if arrived_s is None:
                never.append(topic)
            elif half != "info" and now_s - arrived_s > _SILENT_SHARE * stale_s:
                silent.append(f"{topic} for {now_s - arrived_s:.1f} s")
        if never or silent:
            return f"nothing came on {', '.join(never + silent)}. {self._lens.problem}".rstrip(" .")
        if self._lens.K is None:
            return self._lens.problem.rstrip(".")
        if pair is None or now_s - pair.received_s > _SILENT_SHARE * stale_s:
            if self._from_before:
                return "only pictures come that are older than the last one"
            return f"no depth is within {1e3 * self._config.apart_s:.0f} ms of a picture"
        return why_stale(now_s - pair.captured_s, now_s - pair.received_s, stale_s)

    def _decoded(self, pair: "_Pair") -> RgbdFrame:
        K, topics = self._lens.K, self._config.topics()
        assert K is not None
        colour, depth = pair.colour, pair.depth
        rgb = colours_of_compressed(colour) if _compressed(topics[0]) else rgb_of(colour)
        depth_m = depth_of_compressed(depth) if _compressed(topics[1]) else depth_of(depth)
        self._lens.check_sizes(rgb.shape[1::-1], depth_m.shape[::-1])
        rgb, depth_m = self._lens.straightened(rgb, depth_m)
        mount = SE3.identity()
        if self._config.on_tool:
            assert self._T_base_tool_at is not None
            mount = self._T_base_tool_at(pair.captured_s)
        return RgbdFrame(
            stamp_s=pair.captured_s,
            rgb=rgb,
            depth_m=depth_m,
            K=K,
            T_base_camera=mount @ self._config.T_mount_camera,
            number=pair.number,
            device_s=pair.device_s,
            received_s=pair.received_s,
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
        with self._new:
            self._arrived["info"] = self._clock.now_s()
            self.counters.refused += not self._lens.hear(message)

    def _half(self, half: str) -> Callable[[Any], None]:
        other = "depth" if half == "colour" else "colour"

        def heard(message: Any) -> None:
            received_s = self._clock.now_s()
            at_s = stamp_s(message.header)
            with self._new:
                self._arrived[half] = received_s
                match = self._partner(other, at_s)
                if match is None:
                    queue = self._waiting[half]
                    self.counters.unmatched += len(queue) == queue.maxlen
                    queue.append(message)
                    return
                colour, depth = (message, match) if half == "colour" else (match, message)
                self._from_before = self._is_from_before(at_s)
                if self._from_before:
                    self.counters.out_of_order += 1
                    return
                self._last_s = at_s
                self.counters.frames += 1
                self._pair = _Pair(
                    colour=colour,
                    depth=depth,
                    number=self.counters.frames,
                    device_s=at_s,
                    captured_s=self._times.stamp_s(at_s, received_s),
                    received_s=received_s,
                )
                self._new.notify_all()

        return heard

    def _is_from_before(self, at_s: float) -> bool:
        return self._last_s is not None and 0.0 <= self._last_s - at_s < _BEGAN_ANEW_S

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


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pair:
    """A picture and its depth, as they came."""

    colour: Any
    depth: Any
    number: int
    device_s: float
    captured_s: float
    received_s: float


def _compressed(topic: str) -> bool:
    return topic.endswith(("compressed", "compressedDepth"))
