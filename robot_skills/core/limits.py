"""What an arm may do. Numbers come from the maker's data sheet; each cell may only tighten them."""

from dataclasses import dataclass

import numpy as np

from robot_skills.core.se3 import Array

_POSITIONS = ("lower_rad", "upper_rad")
_RATES = ("velocity_rad_s", "acceleration_rad_s2", "jerk_rad_s3")
_FULL_ACCELERATION_S = 0.02


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class JointLimits:
    """Limits per joint, all shape (n,).

    Attributes:
        lower_rad: Lowest positions.
        upper_rad: Highest positions.
        velocity_rad_s: Highest speeds.
        acceleration_rad_s2: Highest accelerations.
        jerk_rad_s3: Highest jerks; where the maker names none, what reaches the full acceleration
            in 20 ms.
    """

    lower_rad: Array
    upper_rad: Array
    velocity_rad_s: Array
    acceleration_rad_s2: Array
    jerk_rad_s3: Array = None  # type: ignore[assignment]  # (Filled in below.)

    def __post_init__(self) -> None:
        n = np.shape(self.lower_rad)
        if self.jerk_rad_s3 is None:
            jerk = np.asarray(self.acceleration_rad_s2) / _FULL_ACCELERATION_S
            object.__setattr__(self, "jerk_rad_s3", jerk)
        for name in (*_POSITIONS, *_RATES):
            value = np.array(getattr(self, name), dtype=np.float64)
            if value.shape != n or value.ndim != 1:
                raise ValueError(f"{name} needs shape {n}, got {value.shape}.")
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        rates = [getattr(self, name) for name in _RATES]
        if np.any(self.lower_rad >= self.upper_rad) or any(np.any(rate <= 0.0) for rate in rates):
            raise ValueError("Joint limits need lower < upper, and all others above zero.")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CartesianLimits:
    """Limits of the tool.

    Attributes:
        workspace_lower_m: Lowest tool position in the base frame, (3,).
        workspace_upper_m: Highest tool position in the base frame, (3,).
        speed_m_s: Highest tool speed.
        turn_rate_rad_s: Highest tool angular speed.
        jump_m: Largest distance between the tool now and a chunk's first waypoint.
        jump_rad: Largest angle between the tool now and a chunk's first waypoint.
    """

    workspace_lower_m: Array
    workspace_upper_m: Array
    speed_m_s: float
    turn_rate_rad_s: float
    jump_m: float
    jump_rad: float

    def __post_init__(self) -> None:
        for name in ("workspace_lower_m", "workspace_upper_m"):
            value = np.array(getattr(self, name), dtype=np.float64)
            if value.shape != (3,):
                raise ValueError(f"{name} needs shape (3,), got {value.shape}.")
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        if np.any(self.workspace_lower_m >= self.workspace_upper_m):
            raise ValueError("The workspace box needs lower < upper.")
        if min(self.speed_m_s, self.turn_rate_rad_s, self.jump_m, self.jump_rad) <= 0.0:
            raise ValueError("Cartesian limits must be above zero.")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ArmLimits:
    """Joint and tool limits of one arm, and the width of its open gripper [m]."""

    joint: JointLimits
    cartesian: CartesianLimits
    gripper_width_m: float
