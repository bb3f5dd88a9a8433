"""Whether pictures show what is there now: late ones and frozen ones are refused."""

from collections.abc import Collection, Mapping

import numpy as np

from robot_skills.core.errors import PerceptionError
from robot_skills.core.scene import View
from robot_skills.core.types import Observation, RgbdFrame

_MOVED_RAD = 2e-3
"""An arm whose joints have moved by so much between two looks shows in every camera's picture."""


class Freshness:
    """Judges the pictures of one episode, look by look.

    Args:
        oldest_s: How old a picture may be.
    """

    def __init__(self, oldest_s: float) -> None:
        self._oldest_s = oldest_s
        self._last: Observation | None = None

    def check(self, observation: Observation, cameras: Collection[str]) -> dict[str, View]:
        """How good the pictures of these cameras are; a camera that is missing is left out.

        Raises:
            PerceptionError: A picture is too old, or the same as in the look before although the
                arm has moved meanwhile.
        """
        frames = {name: frame for name, frame in observation.cameras.items() if name in cameras}
        moved = self._last is not None and _arms_moved(self._last, observation)
        views = {}
        for name, frame in frames.items():
            age_s = observation.stamp_s - frame.stamp_s
            if age_s > self._oldest_s:
                raise PerceptionError(
                    f"The picture of camera {name} is {age_s:.1f} s old, {self._oldest_s:g} s are "
                    "allowed: see whether the camera still sends."
                )
            if moved and self._last is not None and _same(self._last.cameras, name, frame):
                raise PerceptionError(
                    f"Camera {name} shows exactly what it showed at the look before, although the "
                    "arm has moved: its picture is frozen. Start the camera again."
                )
            readings = float(np.mean(frame.depth_m > 0.0))
            views[name] = View(age_s=age_s, readings=readings)
        self._last = observation
        return views


def _arms_moved(before: Observation, now: Observation) -> bool:
    return any(
        float(np.abs(arm.q_rad - before.arms[name].q_rad).max()) > _MOVED_RAD
        for name, arm in now.arms.items()
        if name in before.arms
    )


def _same(before: Mapping[str, RgbdFrame], name: str, frame: RgbdFrame) -> bool:
    """Whether a newer picture is equal to the one before, to the last pixel."""
    other = before.get(name)
    return (
        other is not None
        and frame.stamp_s > other.stamp_s
        and np.array_equal(other.depth_m, frame.depth_m)
        and np.array_equal(other.rgb, frame.rgb)
    )
