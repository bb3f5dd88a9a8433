"""A robot's state and actions under the flat keys that LeRobot's commands know.

Every key ends in ``.pos``, because `lerobot-rollout` drops all others. Joints are in radians, the
tool's pose is its position [m] and the first two columns of its rotation in the base frame (a
rotation vector jumps where a tool points straight down), the opening is in [0, 1], 1 = open.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any

import numpy as np

from robot_skills.core.errors import ActionRefused, RefusedError
from robot_skills.core.limits import ArmLimits
from robot_skills.core.policy import ACTION_NAMES, pose_to_vector, vector_to_pose
from robot_skills.core.robot import Kinematics
from robot_skills.core.se3 import SE3
from robot_skills.core.types import ArmState

TOOL_KEYS: tuple[str, ...] = tuple(f"{name}.pos" for name in ACTION_NAMES)
"""Pose of the tool and opening, in the order of `ACTION_NAMES`."""
OPENING_KEY = TOOL_KEYS[-1]
_SHORTEST_AXIS = 0.1


class ActionSpace(Enum):
    """What an action tells. The values are what LeRobot's command line takes."""

    TOOL = "tool"
    """Where the tool shall be, and the opening."""
    JOINTS = "joints"
    """Where the joints shall be, and the opening. The robot follows the tool's pose there."""


def joint_keys(count: int) -> tuple[str, ...]:
    """Keys of the joints, base to tip."""
    return tuple(f"joint{number}.pos" for number in range(1, count + 1))


def numbers_of(state: ArmState) -> dict[str, float]:
    """Everything that is observed of an arm without its cameras: joints, tool, opening."""
    tool = (*pose_to_vector(state.T_base_tool.matrix()), state.opening)
    keys = (*joint_keys(len(state.q_rad)), *TOOL_KEYS)
    return dict(zip(keys, map(float, (*state.q_rad, *tool)), strict=True))


class ActionCoder:
    """Actions of one arm as LeRobot has them, and back.

    Args:
        space: What they tell.
        limits: Of the arm.
        kinematics: Of the arm, for this coder alone.
    """

    def __init__(self, space: ActionSpace, limits: ArmLimits, kinematics: Kinematics) -> None:
        self._space, self._joint, self._kinematics = space, limits.joint, kinematics
        joints = joint_keys(len(limits.joint.lower_rad))
        self.keys: tuple[str, ...] = (
            TOOL_KEYS if space is ActionSpace.TOOL else (*joints, OPENING_KEY)
        )

    def decode(self, action: Mapping[str, Any]) -> tuple[SE3, float]:
        """Where the tool shall be, `T_base_tool`, and the opening. Other keys are not looked at.

        Raises:
            RefusedError: A key is missing.
            ActionRefused: It tells no pose: numbers that are not finite, a rotation that is none,
                joints outside of their limits.
        """
        missing = [key for key in self.keys if key not in action]
        if missing:
            raise RefusedError(
                f"The action lacks {', '.join(missing)}; this robot takes {', '.join(self.keys)}."
            )
        values = np.array([float(action[key]) for key in self.keys])
        if not np.isfinite(values).all():
            bad = self.keys[int(np.flatnonzero(~np.isfinite(values))[0])]
            raise ActionRefused("non_finite", f"{bad} is {action[bad]}")
        opening = float(values[-1])
        if self._space is ActionSpace.JOINTS:
            self._check_joints(values[:-1])
            return self._kinematics.forward(values[:-1]), opening
        _check_axes(values[3:9])
        return SE3.from_matrix(vector_to_pose(values[:9])), opening

    def encode(self, T_base_tool: SE3, opening: float, state: ArmState) -> dict[str, float]:
        """The action that tells a pose of the tool.

        Args:
            T_base_tool: The pose.
            opening: Of the gripper.
            state: Of the arm, near which the joints are looked for.
        """
        T = T_base_tool.matrix()
        if self._space is ActionSpace.JOINTS:
            numbers = self._kinematics.follow(state.q_rad, T[None])[0][0]
        else:
            numbers = pose_to_vector(T)
        return dict(zip(self.keys, map(float, (*numbers, opening)), strict=True))

    def _check_joints(self, q_rad: np.ndarray) -> None:
        outside = np.maximum(self._joint.lower_rad - q_rad, q_rad - self._joint.upper_rad)
        if float(outside.max()) > 0.0:
            joint = int(outside.argmax())
            raise ActionRefused(
                "joint_range",
                f"{self.keys[joint]} is {q_rad[joint]:.3f} rad, its range is "
                f"[{self._joint.lower_rad[joint]:.3f}, {self._joint.upper_rad[joint]:.3f}] rad",
            )


def _check_axes(rot6d: np.ndarray) -> None:
    """Two axes that are long enough and apart, so that a policy's noise gives a rotation."""
    x, y = rot6d[:3], rot6d[3:]
    along = float(np.linalg.norm(x))
    if along < _SHORTEST_AXIS:
        raise ActionRefused("rotation", "the tool's first axis has no length")
    across = y - (y @ x) / along**2 * x
    if float(np.linalg.norm(across)) < _SHORTEST_AXIS:
        raise ActionRefused("rotation", "the tool's first two axes are the same")
