"""Which of LeRobot's arms, what its numbers mean, and what it may do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from hardware.gate.motion import MotionConfig
from hardware.lerobot_views import LeRobotView
from hardware.safety_gate import GateConfig
from hardware.teleop.lerobot_leader import LeaderMap
from robot_skills.core.collision import CollisionModel
from robot_skills.core.errors import RefusedError
from robot_skills.core.limits import ArmLimits
from robot_skills.core.robot import Kinematics
from robot_skills.core.se3 import Array
from robot_skills.core.types import DEFAULT_ARM


def _motion() -> MotionConfig:
    # Servos on a serial bus answer slowly, and trail farther than an industrial arm.
    return MotionConfig(
        period_s=0.02, state_hold_s=0.1, state_fault_s=0.5, tracking_rad=0.3, tracking_s=0.4
    )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LeRobotRobotConfig:
    """One of LeRobot's arms.

    Attributes:
        limits: Of the arm.
        make_kinematics: Makes its kinematics; called for every thread that needs one.
        mapping: What LeRobot's numbers mean in radians, joints in the order of the limits.
        home_q_rad: Joints of the rest pose, (n,).
        views: LeRobot's cameras of this arm that `observe` gives, by LeRobot's name.
        arm: Its name.
        control_period_s: Spacing of waypoints.
        motion: When it stops, and how often it is told where to go.
        gate: How much is forgiven.
        stale_s: Age of the newest state from which `observe` fails.
        make_collisions: Makes what knows how near the arm comes to itself and to what stands
            around it; None where nobody does, and then that is not checked.
    """

    limits: ArmLimits
    make_kinematics: Callable[[], Kinematics]
    mapping: LeaderMap
    home_q_rad: Array
    views: Mapping[str, LeRobotView] = field(default_factory=dict)
    arm: str = DEFAULT_ARM
    control_period_s: float = 0.05
    motion: MotionConfig = field(default_factory=_motion)
    gate: GateConfig = field(default_factory=GateConfig)
    stale_s: float = 1.0
    make_collisions: Callable[[], CollisionModel] | None = None

    def __post_init__(self) -> None:
        known, mapped = len(self.limits.joint.lower_rad), len(self.mapping.joints)
        if known != mapped or np.shape(self.home_q_rad) != (known,):
            raise RefusedError(
                f"The limits are for {known} joints, the mapping has {mapped} and the rest pose "
                f"{np.size(self.home_q_rad)}."
            )
