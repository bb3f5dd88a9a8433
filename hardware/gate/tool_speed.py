"""How fast the joints move the tool, in shares of what the tool may do.

Joints that catch up with a path are slowed down by their own limits one by one, so the tool may go
faster on the way than between any two waypoints. What the gate wishes of the joints is therefore
measured at the tool as well.
"""

import numpy as np

from hardware.safety_gate import GateCode
from robot_skills.core.limits import CartesianLimits
from robot_skills.core.robot import Kinematics
from robot_skills.core.se3 import Array

_INSIDE = 0.975
"""Share of a limit that is used: joints come near what is wished of them, each in its own time."""


class ToolSpeed:
    """Compares what joint speeds do to the tool with its limits.

    Args:
        limits: Of the tool.
        kinematics: Of the arm; nobody else may use this one meanwhile.
        period_s: Over which a speed is taken.
        disabled: Checks that are off; those of speed and turn rate count here.
    """

    def __init__(
        self,
        limits: CartesianLimits,
        kinematics: Kinematics,
        period_s: float,
        disabled: frozenset[GateCode] = frozenset(),
    ) -> None:
        off = disabled & {GateCode.SPEED, GateCode.TURN_RATE}
        self._kinematics, self._period_s = kinematics, period_s
        self._way_m = np.inf if GateCode.SPEED in off else limits.speed_m_s * period_s
        self._turn_rad = np.inf if GateCode.TURN_RATE in off else limits.turn_rate_rad_s * period_s

    def excess(self, q_rad: Array, dq_rad_s: Array) -> float:
        """How many times too fast the tool would move; up to 1 is inside.

        Args:
            q_rad: Where the joints are, (n,).
            dq_rad_s: How fast they would move, (n,).
        """
        before = self._kinematics.forward(q_rad)
        after = self._kinematics.forward(q_rad + self._period_s * dq_rad_s)
        way_m = float(np.linalg.norm(after.p - before.p))
        # The Frobenius norm of the difference is sqrt(8) times the sine of half the angle.
        half = float(np.linalg.norm(after.R - before.R)) / np.sqrt(8.0)
        turn_rad = 2.0 * float(np.arcsin(min(half, 1.0)))
        return max(way_m / self._way_m, turn_rad / self._turn_rad) / _INSIDE
