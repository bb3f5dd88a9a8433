"""LeRobot's numbers of a follower arm, and back: joints in radians, the gripper as an opening.

LeRobot tells degrees, or shares of a joint's calibrated range, under keys such as
``"elbow_flex.pos"``. What they mean in radians is measured once per arm and kept in its
`LeaderMap`; an SO-101 in degrees that was calibrated as LeRobot says needs `SO101_MAP`.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from hardware.teleop.lerobot_leader import GripperMap, JointMap, LeaderMap
from robot_skills.core.errors import RefusedError, RobotFault
from robot_skills.core.se3 import Array


def keys_of(mapping: LeaderMap) -> tuple[str, ...]:
    """Everything that a mapping reads and writes, the joints in their order."""
    joints = tuple(joint.key for joint in mapping.joints)
    return joints if mapping.gripper is None else (*joints, mapping.gripper.key)


def check_keys(mapping: LeaderMap, features: Mapping[str, Any], what: str) -> None:
    """Refuse a mapping that does not fit an arm.

    Args:
        mapping: Of the arm.
        features: What the arm tells or takes.
        what: The arm's name.

    Raises:
        RefusedError: The arm lacks a key, or the mapping names one twice.
    """
    wanted = keys_of(mapping)
    if len(set(wanted)) != len(wanted):
        raise RefusedError(f"The mapping of the {what} names a joint twice: {', '.join(wanted)}.")
    missing = [key for key in wanted if key not in features]
    if missing:
        available = ", ".join(sorted(features)) or "none"
        raise RefusedError(f"The {what} has no {', '.join(missing)}. Available: {available}.")


def joints_of(mapping: LeaderMap, values: Mapping[str, Any], what: str) -> tuple[Array, float]:
    """Joints [rad] (n,) and opening in [0, 1] (1 where there is no gripper) of an observation.

    Raises:
        RobotFault: A value is missing or not a finite number.
    """
    q_rad = np.array([joint.q_rad(_number(values, joint.key, what)) for joint in mapping.joints])
    gripper = mapping.gripper
    opening = 1.0 if gripper is None else gripper.opening(_number(values, gripper.key, what))
    return q_rad, opening


def action_of(mapping: LeaderMap, q_rad: Array, opening: float) -> dict[str, float]:
    """LeRobot's action for joints [rad] (n,) and an opening in [0, 1]."""
    action = {
        joint.key: _value(joint, float(q)) for joint, q in zip(mapping.joints, q_rad, strict=True)
    }
    if mapping.gripper is not None:
        action[mapping.gripper.key] = _gripper_value(mapping.gripper, opening)
    return action


def _value(joint: JointMap, q_rad: float) -> float:
    zero_rad = joint.q_rad(0.0)
    return (q_rad - zero_rad) / (joint.q_rad(1.0) - zero_rad)


def _gripper_value(gripper: GripperMap, opening: float) -> float:
    return gripper.closed + min(max(opening, 0.0), 1.0) * (gripper.open - gripper.closed)


def _number(values: Mapping[str, Any], key: str, what: str) -> float:
    if key not in values:
        raise RobotFault(f"The {what} tells no {key!r}. Available: {', '.join(sorted(values))}.")
    value = float(values[key])
    if not math.isfinite(value):
        raise RobotFault(f"The {what} says that {key!r} is {value}.")
    return value
