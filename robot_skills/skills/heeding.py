"""What somebody who watches wants otherwise while a skill runs, as the skill is told it.

The words are not read here: whoever reads them (`robot_skills.scheduler.corrections`) says where
the call is to go and how fast, and whether it is wanted at all. What is told changes what the
policy sees and the time that it is given; envelope, safety gate and effects stay as they are.
"""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from robot_skills.core.binding import Anchor, TokenBinding
from robot_skills.core.plan import SkillCall
from robot_skills.core.scene import Scene
from robot_skills.core.se3 import Array
from robot_skills.core.types import _frozen
from robot_skills.skills.card import SkillCase

FARTHEST_M = 0.3
"""Farthest that any correction moves where a call goes."""
SLOWEST = 0.25
"""Least share of its usual speed that a skill is slowed down to."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Wanted:
    """How a call is wanted now.

    Attributes:
        shift_m: How far from its usual place what the call goes to is wanted, in the base frame,
            (3,).
        speed: Share of the usual speed, in [`SLOWEST`, 1].
        obsolete: Why the call is not wanted any more; empty while it is.
    """

    shift_m: Array = field(default_factory=lambda: np.zeros(3))
    speed: float = 1.0
    obsolete: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "shift_m", _frozen(self.shift_m, (3,), "shift_m"))
        if not float(np.linalg.norm(self.shift_m)) <= FARTHEST_M:
            raise ValueError(f"A shift is at most {FARTHEST_M} m long, got {self.shift_m}.")
        if not SLOWEST <= self.speed <= 1.0:
            raise ValueError(f"A speed lies in [{SLOWEST}, 1], got {self.speed}.")

    def same_motion(self, other: "Wanted") -> bool:
        """Whether the motion is wanted alike, whatever the reason to end it."""
        return self.speed == other.speed and bool(np.array_equal(self.shift_m, other.shift_m))


AS_USUAL = Wanted()


class Heed(Protocol):
    """Whoever knows how calls are wanted. Both are called from the thread that runs the skill."""

    def begins(self, call: SkillCall, scene: Scene, binding: TokenBinding) -> None:
        """The motion of a call is about to begin.

        Args:
            call: Of a learned skill.
            scene: On which its preconditions were checked.
            binding: Its tokens as usual.
        """
        ...

    def wanted(self) -> Wanted:
        """How the call is wanted now; asked at every period. Must answer quickly."""
        ...


def goes_to(case: SkillCase) -> int:
    """Index of the token that says where a call goes: its place, or else the thing itself."""
    places = (i for i, token in enumerate(case.tokens) if token.anchor is not Anchor.BOX)
    return next(places, 0)
