"""The robot of a session as a policy sees it: waiting is a period of the session.

Whoever waits on this robot's clock lets the session look at its hands, its console and its recorder
between any two control steps, and every command passes by them as well. What they decide reaches
the policy as an exception out of these calls.
"""

from collections.abc import Callable

from robot_skills.core.clock import Clock
from robot_skills.core.robot import Robot, RobotWrapper
from robot_skills.core.types import ActionChunk

_TOLERANCE_S = 1e-6


class LentClock(Clock):
    """The session's clock, on which waiting runs whole periods of the session.

    Args:
        clock: Of the session.
        run_period: Ends the present period and begins the next one.
    """

    def __init__(self, clock: Clock, run_period: Callable[[], None]) -> None:
        self._clock = clock
        self._run_period = run_period

    def now_s(self) -> float:
        return self._clock.now_s()

    def sleep_until(self, stamp_s: float) -> None:
        while self.now_s() < stamp_s - _TOLERANCE_S:
            self._run_period()


class LentRobot(RobotWrapper):
    """A robot of a session, for as long as somebody borrows it. Connecting is not its business.

    Args:
        robot: Of the session, behind its gates.
        run_period: Ends the present period and begins the next one.
        send: Commands the robot, unless somebody has taken it back.
    """

    def __init__(
        self,
        robot: Robot,
        run_period: Callable[[], None],
        send: Callable[[ActionChunk], ActionChunk],
    ) -> None:
        super().__init__(robot)
        self._clock = LentClock(robot.clock, run_period)
        self._send = send

    @property
    def clock(self) -> Clock:
        return self._clock

    def connect(self) -> None:
        """Nothing: it is connected."""

    def command(self, chunk: ActionChunk) -> ActionChunk:
        return self._send(chunk)

    def close(self) -> None:
        """Nothing: its owner closes it."""
