"""Cameras that are late, as real ones are: pictures arrive long after what they show."""

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from robot_skills.core.clock_map import ClockMap
from robot_skills.core.errors import PerceptionError
from robot_skills.core.robot import Robot, RobotWrapper
from robot_skills.core.types import Observation, RgbdFrame

_KEPT = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Lateness:
    """How cameras are late.

    Attributes:
        latency_s: Least time from capture to arrival.
        jitter_s: Mean of what is added to it, at random.
        clock_s: What the cameras' clock shows at the project clock's zero.
        known_s: Latency that calibration found, and that is taken off.
    """

    latency_s: float = 0.1
    jitter_s: float = 0.0
    clock_s: float = 1000.0
    known_s: float = 0.1


class LateCameras(RobotWrapper):
    """A simulated robot whose cameras are late; everything else is as it was.

    `observe` gives the newest picture that has arrived. It takes a picture at every call, so it is
    to be called at every control step.

    Args:
        robot: The robot.
        lateness: How late.
        rng: Of the jitter.
    """

    def __init__(self, robot: Robot, lateness: Lateness, rng: np.random.Generator) -> None:
        super().__init__(robot)
        self._lateness, self._rng = lateness, rng
        self._on_the_way: dict[str, deque[RgbdFrame]] = {}
        self._newest: dict[str, RgbdFrame] = {}
        self._maps: dict[str, ClockMap] = {}
        self._count = 0

    def observe(self, cameras: Collection[str] = ()) -> Observation:
        """Present state, and the newest pictures that have arrived.

        Raises:
            PerceptionError: Nothing has arrived yet from a camera.
        """
        seen = self._robot.observe(cameras)
        for name, frame in seen.cameras.items():
            self._send(name, frame)
        return replace(seen, cameras=self._arrived(seen.stamp_s, cameras))

    def _send(self, name: str, frame: RgbdFrame) -> None:
        lateness = self._lateness
        delay_s = lateness.latency_s + self._rng.exponential(lateness.jitter_s)
        queue = self._on_the_way.setdefault(name, deque(maxlen=_KEPT))
        if queue and frame.stamp_s <= queue[-1].stamp_s:
            queue.clear()  # The clock has begun anew.
            self._newest.clear()
            self._maps.clear()
        self._count += 1
        received_s = max(frame.stamp_s + delay_s, queue[-1].received_s or 0.0 if queue else 0.0)
        queue.append(
            replace(
                frame,
                number=self._count,
                device_s=frame.stamp_s + lateness.clock_s,
                received_s=received_s,
            )
        )

    def _arrived(self, now_s: float, cameras: Collection[str]) -> Mapping[str, RgbdFrame]:
        for name in cameras:
            queue = self._on_the_way[name]
            while queue and (queue[0].received_s or 0.0) <= now_s + 1e-9:
                frame = queue.popleft()
                clock = self._maps.setdefault(name, ClockMap(self._lateness.known_s))
                assert frame.received_s is not None
                stamp_s = clock.stamp_s(frame.device_s, frame.received_s)
                self._newest[name] = replace(frame, stamp_s=stamp_s)
        missing = [name for name in cameras if name not in self._newest]
        if missing:
            raise PerceptionError(f"Nothing has arrived yet from {', '.join(missing)}.")
        return {name: self._newest[name] for name in cameras}
