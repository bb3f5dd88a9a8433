"""What every way of moving an arm shares: how it ended, and whom to tell and to ask meanwhile."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from robot_skills.core.events import Event, EventKind, EventSink
from robot_skills.core.robot import Robot
from robot_skills.core.types import DEFAULT_ARM, ArmState, RgbdFrame
from robot_skills.skills.trace import MotionTrace


class Ending(Enum):
    """Why a motion ended; whether the skill succeeded is judged by its effects."""

    DONE = "done"
    TIMEOUT = "timeout"
    UNLIKELY = "unlikely"
    STOPPED = "stopped"
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

    def state(self) -> ArmState:
        return self.robot.observe().arms[self.arm]

    def frames(self, cameras: tuple[str, ...]) -> Mapping[str, RgbdFrame]:
        """Newest frames of these cameras."""
        return self.robot.observe(cameras).cameras if cameras else {}

    def emit(self, kind: EventKind, **data: Any) -> None:
        self.events.emit(Event(stamp_s=self.now_s(), kind=kind, data=data))
