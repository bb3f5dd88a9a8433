"""A screen with a clock in front of a simulated robot's cameras."""

from collections.abc import Callable, Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.robot import Robot, RobotWrapper
from robot_skills.core.types import Observation

SCREEN_PERIOD_S = 1.0 / 59.3
"""Time between two changes; no multiple of anything that looks at it."""


class ScreenInView(RobotWrapper):
    """A robot whose cameras see a screen in a corner of their pictures for a while.

    Args:
        robot: A simulated robot whose cameras are not late.
        draw: Makes what the screen shows at a time, (h, w).
        period_s: Time between two changes of the screen.
        until_s: Then the screen is taken away.
    """

    def __init__(
        self,
        robot: Robot,
        draw: Callable[[float], NDArray[np.uint8]],
        period_s: float,
        until_s: float,
    ) -> None:
        super().__init__(robot)
        self._draw, self._period_s, self._until_s = draw, period_s, until_s

    def observe(self, cameras: Collection[str] = ()) -> Observation:
        seen = self._robot.observe(cameras)
        if seen.stamp_s > self._until_s:
            return seen
        changed_s = np.floor(seen.stamp_s / self._period_s + 1e-6) * self._period_s
        face = self._draw(float(changed_s))
        frames = {}
        for name, frame in seen.cameras.items():
            rgb = frame.rgb.copy()
            rgb[: face.shape[0], : face.shape[1]] = face[..., None]
            frames[name] = replace(frame, rgb=rgb)
        return replace(seen, cameras=frames)
