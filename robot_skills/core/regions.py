"""Volumes of a workplace that instructions have no business in."""

from dataclasses import dataclass

import numpy as np

from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import _frozen


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ForbiddenRegion:
    """A box in the base frame.

    Attributes:
        name: What a refusal calls it.
        lower_m: Lowest corner, (3,).
        upper_m: Highest corner, (3,).
    """

    name: str
    lower_m: Array
    upper_m: Array

    def __post_init__(self) -> None:
        for name in ("lower_m", "upper_m"):
            object.__setattr__(self, name, _frozen(getattr(self, name), (3,), name))
        if not np.all(self.lower_m < self.upper_m):
            raise ValueError(f"The forbidden region {self.name!r} needs lower_m < upper_m.")

    def meets(self, T_base_box: SE3, extents_m: Array) -> bool:
        """Whether an upright box reaches into it, judged by the box's bounds along the axes."""
        half = 0.5 * np.abs(T_base_box.R) @ extents_m
        lower, upper = T_base_box.p - half, T_base_box.p + half
        return bool(np.all(lower < self.upper_m) and np.all(upper > self.lower_m))
