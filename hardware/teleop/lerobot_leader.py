"""LeRobot's teleoperators as leaders: SO-100, SO-101, Koch and what else it knows.

LeRobot takes seconds to import, so that happens in `connect`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from hardware.teleop.leader import GONE, LeaderReading
from robot_skills.core.errors import MissingDependencyError, RefusedError
from robot_skills.core.teleop import DeviceLost


class Unit(Enum):
    """In what a leader tells its joints; the value is radians per unit where that is fixed."""

    RADIANS = 1.0
    DEGREES = math.pi / 180.0
    NORMALIZED = 0.0
    """-100 to 100 over the calibrated range of the joint."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JointMap:
    """How one joint of the follower comes from a leader: ``sign * value + offset_rad``.

    Attributes:
        key: What the leader calls it, for example "shoulder_pan.pos".
        unit: In what the leader tells it.
        sign: 1 or -1.
        offset_rad: The follower's joint where the leader tells zero.
        half_range_rad: What 100 means for a normalised joint.
    """

    key: str
    unit: Unit = Unit.DEGREES
    sign: int = 1
    offset_rad: float = 0.0
    half_range_rad: float | None = None

    def __post_init__(self) -> None:
        if self.sign not in (1, -1):
            raise ValueError(f"The sign of {self.key!r} is 1 or -1, not {self.sign}.")
        if (self.half_range_rad is None) == (self.unit is Unit.NORMALIZED):
            raise ValueError(f"{self.key!r} needs half_range_rad if, and only if, normalised.")

    def q_rad(self, value: float) -> float:
        """The follower's joint for what the leader tells."""
        half_range_rad = self.half_range_rad
        scale = self.unit.value if half_range_rad is None else half_range_rad / 100.0
        return self.sign * value * scale + self.offset_rad


@dataclass(frozen=True, kw_only=True, slots=True)
class GripperMap:
    """How the opening comes from a leader: linear between two values, and no farther.

    Attributes:
        key: What the leader calls it.
        closed: Its value when closed.
        open: Its value when open.
    """

    key: str = "gripper.pos"
    closed: float = 0.0
    open: float = 100.0

    def __post_init__(self) -> None:
        if self.closed == self.open:
            raise ValueError("A gripper needs different values for open and closed.")

    def opening(self, value: float) -> float:
        return min(max((value - self.closed) / (self.open - self.closed), 0.0), 1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class LeaderMap:
    """All joints of the follower in their order, and the gripper."""

    joints: tuple[JointMap, ...]
    gripper: GripperMap | None = None

    def reading(self, action: Mapping[str, float]) -> LeaderReading:
        """What a leader's action means for the follower.

        Raises:
            RefusedError: A value is missing or not a finite number.
        """
        q_rad = np.array([joint.q_rad(_value(action, joint.key)) for joint in self.joints])
        gripper = self.gripper
        opening = None if gripper is None else gripper.opening(_value(action, gripper.key))
        return LeaderReading(q_rad=q_rad, opening=opening)


SO101_MAP = LeaderMap(
    joints=tuple(
        JointMap(key=f"{name}.pos")
        for name in ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll")
    ),
    gripper=GripperMap(),
)
"""An SO-100 or SO-101 leader in degrees, to a follower of the same kind."""


class LeRobotArm(Protocol):
    """What is used of a `lerobot.teleoperators.Teleoperator`."""

    @property
    def is_calibrated(self) -> bool: ...

    def connect(self, calibrate: bool = True) -> None: ...

    def get_action(self) -> Mapping[str, Any]: ...

    def disconnect(self) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class LeRobotLeader:
    """Which of LeRobot's teleoperators, as its own command line names it.

    Attributes:
        type: For example "so101_leader" or "koch_leader".
        port: Serial port.
        id: Under which its calibration was stored.
        calibration_dir: Where; None is LeRobot's own folder.
    """

    type: str
    port: str
    id: str
    calibration_dir: Path | None = None


class LeRobotSource:
    """`LeaderSource` on a LeRobot teleoperator.

    Args:
        arm: The teleoperator, or which one to make. LeRobot is imported in `connect`.
        mapping: How its values become the follower's joints.
    """

    def __init__(self, arm: LeRobotArm | LeRobotLeader, mapping: LeaderMap) -> None:
        self._wanted = arm
        self._mapping = mapping
        self._arm: LeRobotArm | None = None
        self.name = arm.type if isinstance(arm, LeRobotLeader) else type(arm).__name__

    def connect(self) -> None:
        """Open the leader.

        Raises:
            MissingDependencyError: LeRobot or the leader is not there.
            RefusedError: The leader has no calibration; LeRobot's own command makes one.
        """
        wanted = self._wanted
        arm = _make_lerobot(wanted) if isinstance(wanted, LeRobotLeader) else wanted
        try:
            # LeRobot would ask for a calibration on the terminal, which may be the dead-man switch.
            arm.connect(calibrate=False)
        except (OSError, RuntimeError) as reason:
            raise MissingDependencyError(f"The {self.name} does not answer: {reason}.") from reason
        if not arm.is_calibrated:
            arm.disconnect()
            raise RefusedError(f"The {self.name} is not calibrated; run lerobot-calibrate first.")
        self._arm = arm

    def read(self) -> LeaderReading:
        if self._arm is None:
            raise DeviceLost(f"The {self.name} is not connected.")
        return self._mapping.reading(self._arm.get_action())

    def close(self) -> None:
        arm, self._arm = self._arm, None
        if arm is None:
            return
        try:
            arm.disconnect()
        except GONE:
            return  # It is gone already.


def _make_lerobot(wanted: LeRobotLeader) -> LeRobotArm:
    try:
        from lerobot.teleoperators import (  # noqa: F401
            TeleoperatorConfig,
            koch_leader,
            make_teleoperator_from_config,
            omx_leader,
            so_leader,
        )
    except ImportError as reason:
        raise MissingDependencyError(
            f"A {wanted.type} needs LeRobot with its servos: pip install 'robot-skills[teleop]' "
            f"({reason})."
        ) from reason
    known = TeleoperatorConfig.get_known_choices()
    if wanted.type not in known:
        raise RefusedError(
            f"LeRobot has no leader {wanted.type!r}. Available: {', '.join(sorted(known))}."
        )
    config: Any = known[wanted.type]
    return make_teleoperator_from_config(
        config(port=wanted.port, id=wanted.id, calibration_dir=wanted.calibration_dir)
    )


def _value(action: Mapping[str, Any], key: str) -> float:
    if key not in action:
        raise RefusedError(f"The leader tells no {key!r}. Available: {', '.join(sorted(action))}.")
    value = float(action[key])
    if not math.isfinite(value):
        raise RefusedError(f"The leader's {key!r} is not a finite number.")
    return value
