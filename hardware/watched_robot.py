"""What robots behind gates have in common: they tell of verdicts, and of what does not follow."""

from collections.abc import Collection, Mapping
from typing import Any

from hardware.following import FollowWatch
from robot_skills.core.events import Event, EventKind, EventSink
from robot_skills.core.robot import Robot, RobotWrapper
from robot_skills.core.se3 import Array
from robot_skills.core.types import Observation


class WatchedRobot(RobotWrapper):
    """A robot whose arms are watched while they follow accepted chunks.

    An arm that does not move as accepted chunks ask it to is a DRIVER event; nothing is refused
    because of it.

    Args:
        robot: The robot.
        events: Who gets verdicts, and what does not follow.
    """

    def __init__(self, robot: Robot, events: EventSink) -> None:
        super().__init__(robot)
        self._events = events
        self._watches = {name: FollowWatch() for name in robot.arms}

    def observe(self, cameras: Collection[str] = ()) -> Observation:
        observation = self._robot.observe(cameras)
        for name, state in observation.arms.items():
            for found in self._watches[name].saw(state):
                self._emit(
                    EventKind.DRIVER,
                    arm=name,
                    part=found.part,
                    asked=found.asked,
                    moved=found.moved,
                    message=str(found),
                )
        return observation

    def stop(self) -> None:
        super().stop()
        self._expect_nothing()

    def _expect(self, arm: str, stamp_s: Array, q_rad: Array, opening: Array) -> None:
        """An arm is to follow this from now on: times (H,), joints (H, n), openings (H,)."""
        self._watches[arm].tell(stamp_s, q_rad, opening)

    def _expect_nothing(self) -> None:
        """No arm has anything to follow any more."""
        for watch in self._watches.values():
            watch.stop()

    def _report(
        self, arm: str, code: str, message: str, details: Mapping[str, Any], *, accepted: bool
    ) -> None:
        """Tell of a verdict; details are JSON values."""
        self._emit(
            EventKind.GATE,
            arm=arm,
            accepted=accepted,
            code=code,
            message=message,
            details=dict(details),
        )

    def _emit(self, kind: EventKind, **data: Any) -> None:
        self._events.emit(Event(stamp_s=self._robot.clock.now_s(), kind=kind, data=data))
