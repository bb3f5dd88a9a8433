"""Another attempt, made otherwise than the one before.

A policy that failed with the same words on the same scene tends to fail again, and another seed of
its sampling changes little. So the attempt itself is varied: which way the hand is turned, where a
thing is put down, from how high the motion begins, how fast it is.
"""

from dataclasses import dataclass, replace

import numpy as np

from robot_skills.core.free_spots import DEFAULT_FREE_SPOT, FreeSpotConfig
from robot_skills.core.se3 import SE3
from robot_skills.skills.heeding import SLOWEST

_MIDDLE_Y_M = 0.5 * float(DEFAULT_FREE_SPOT.lower_m[1] + DEFAULT_FREE_SPOT.upper_m[1])


@dataclass(frozen=True, kw_only=True, slots=True)
class Variation:
    """What is otherwise than usual in one attempt.

    Attributes:
        turned: The hand takes a thing by its other two sides, where it is about as long as wide.
        half: Half of the table on which a free spot is looked for: -1 the one of less y, 1 the
            other, 0 either.
        lower_m: The motion begins so much lower than the rest pose.
        speed: Share of the usual speed.
    """

    turned: bool = False
    half: int = 0
    lower_m: float = 0.0
    speed: float = 1.0

    def __post_init__(self) -> None:
        if self.half not in (-1, 0, 1):
            raise ValueError(f"A half of the table is -1, 0 or 1, got {self.half}.")
        if not 0.0 <= self.lower_m <= 0.14 or not SLOWEST <= self.speed <= 1.0:
            raise ValueError(f"Needs lower_m in [0, 0.14] and speed in [{SLOWEST}, 1].")

    def __str__(self) -> str:
        """In words; empty where nothing is otherwise."""
        words = ["with the hand turned"] if self.turned else []
        words += ["to another spot"] if self.half else []
        words += ["from lower down"] if self.lower_m else []
        words += ["slower"] if self.speed < 1.0 else []
        return ", ".join(words)

    def seen_from(self, T_base_tool: SE3) -> SE3:
        """The tool pose that things are described for; a quarter turn further where `turned`."""
        if not self.turned:
            return T_base_tool
        return T_base_tool @ SE3.from_yaw(0.5 * np.pi, (0.0, 0.0, 0.0))

    @property
    def free_spot(self) -> FreeSpotConfig:
        """Where a spot on the table is looked for."""
        lower, upper = DEFAULT_FREE_SPOT.lower_m, DEFAULT_FREE_SPOT.upper_m
        match self.half:
            case -1:
                upper = np.array([upper[0], _MIDDLE_Y_M])
            case 1:
                lower = np.array([lower[0], _MIDDLE_Y_M])
        return replace(DEFAULT_FREE_SPOT, lower_m=lower, upper_m=upper)


USUAL = Variation()
