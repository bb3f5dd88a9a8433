"""What every way of moving an arm shares: how it ended, and whom to tell and to ask meanwhile."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from robot_skills.core.errors import ActionRefused
from robot_skills.core.events import Event, EventKind, EventSink
from robot_skills.core.robot import Kinematics, LeadingRobot, Robot
from robot_skills.core.se3 import Array
from robot_skills.core.types import DEFAULT_ARM, ActionChunk, ArmChunk, ArmState, RgbdFrame
from robot_skills.skills.trace import MotionTrace

_UNREACHABLE = "unreachable"
"""Code of the safety gate's verdict on waypoints that the joints cannot get to."""
_NEARLY_M = 0.05
"""An arm that comes as near as this to a waypoint goes there as far as it can."""
_THERE_M = 0.001


class Ending(Enum):
    """Why a motion ended; whether the skill succeeded is judged by its effects."""

    DONE = "done"
    TIMEOUT = "timeout"
    UNLIKELY = "unlikely"
    NOTICED = "noticed"
    """What it needs was seen to be so no longer."""
    STOPPED = "stopped"
    OBSOLETE = "obsolete"
    """It is not wanted any more."""
    FAULT = "fault"


@dataclass(frozen=True, kw_only=True, slots=True)
class MotionResult:
    """How a motion ended.

    Attributes:
        ending: Why.
        reason: Why, in words.
        opening: Last commanded gripper opening; None when nothing was commanded.
        chunks: Chunks that were made.
        refused_chunks: Chunks that the safety gate refused.
        refused_by: Code of the safety gate's verdict that ended it; empty when something else did.
        likely: Probability of success as predicted at the end; None where nothing predicts it.
        trace: What it came to; None where nobody followed it.
    """

    ending: Ending
    reason: str
    opening: float | None = None
    chunks: int = 0
    refused_chunks: int = 0
    refused_by: str = ""
    likely: float | None = None
    trace: MotionTrace | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Motor:
    """One arm of a robot, and the ears of whoever runs it.

    Attributes:
        robot: Gated robot.
        events: Gets one event per chunk.
        stop_requested: Asked at every step; a motion ends at once when it says so.
        arm: Name of the arm that moves.
    """

    robot: Robot
    events: EventSink
    stop_requested: Callable[[], bool]
    arm: str = DEFAULT_ARM

    def now_s(self) -> float:
        return self.robot.clock.now_s()

    @property
    def lead_s(self) -> float:
        """Waypoints nearer than this cannot be changed any more."""
        return self.robot.lead_s if isinstance(self.robot, LeadingRobot) else 0.0

    def state(self) -> ArmState:
        return self.robot.observe().arms[self.arm]

    def frames(self, cameras: tuple[str, ...]) -> Mapping[str, RgbdFrame]:
        """Newest frames of these cameras."""
        return self.robot.observe(cameras).cameras if cameras else {}

    def command(self, chunk: ActionChunk) -> ActionChunk:
        """Command a chunk; where the arm is a little too short for it, what the arm reaches of it.

        Returns:
            What was accepted.

        Raises:
            ActionRefused: The safety gate refused it, and what the arm reaches of it.
        """
        try:
            return self.robot.command(chunk)
        except ActionRefused as refusal:
            if refusal.code != _UNREACHABLE:
                raise
            kinematics = self.robot.kinematics(self.arm)
            nearest = within_reach(chunk, self.arm, self.state().q_rad, kinematics)
            if nearest is None:
                raise
            return self.robot.command(nearest)

    def emit(self, kind: EventKind, **data: Any) -> None:
        self.events.emit(Event(stamp_s=self.now_s(), kind=kind, data=data))


def within_reach(
    chunk: ActionChunk, arm: str, q_rad: Array, kinematics: Kinematics
) -> ActionChunk | None:
    """The chunk with waypoints that are a little out of reach moved to where the arm comes nearest.

    Args:
        chunk: Finite waypoints.
        arm: Name of the arm.
        q_rad: Its joints now, (n,).
        kinematics: Of the arm.

    Returns:
        None when a waypoint is so far away that it must be a mistake.
    """
    wanted = chunk.arms[arm]
    path_rad, errors_m = kinematics.follow(q_rad, wanted.T_base_tool)
    if not float(errors_m.max()) <= _NEARLY_M:
        return None
    T_base_tool = wanted.T_base_tool.copy()
    for row in np.flatnonzero(errors_m > _THERE_M):
        T_base_tool[row] = kinematics.forward(path_rad[row]).matrix()
    nearest = ArmChunk(T_base_tool=T_base_tool, opening=wanted.opening)
    return ActionChunk(stamp_s=chunk.stamp_s, arms={**chunk.arms, arm: nearest})
