"""The robot of a session as a policy sees it: waiting is a period of the session.

Whoever waits on this robot's clock lets the session look at its hands, its console and its recorder
between any two control steps, and every command passes by them as well. What they decide reaches
the policy as an exception out of these calls.
"""

from collections.abc import Callable, Collection, Mapping

from robot_skills.core.clock import Clock
from robot_skills.core.limits import ArmLimits
from robot_skills.core.robot import Kinematics, Robot
from robot_skills.core.se3 import SE3
from robot_skills.core.types import ActionChunk, Observation

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


class LentRobot(Robot):
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
        self._robot = robot
        self._clock = LentClock(robot.clock, run_period)
        self._send = send

    @property
    def clock(self) -> Clock:
        return self._clock

    @property
    def control_period_s(self) -> float:
        return self._robot.control_period_s

    @property
    def arms(self) -> Mapping[str, ArmLimits]:
        return self._robot.arms

    @property
    def cameras(self) -> tuple[str, ...]:
        return self._robot.cameras

    def kinematics(self, arm: str) -> Kinematics:
        return self._robot.kinematics(arm)

    def home(self, arm: str) -> SE3:
        return self._robot.home(arm)

    def connect(self) -> None:
        """Nothing: it is connected."""

    def observe(self, cameras: Collection[str] = ()) -> Observation:
        return self._robot.observe(cameras)

    def command(self, chunk: ActionChunk) -> ActionChunk:
        return self._send(chunk)

    def stop(self) -> None:
        self._robot.stop()

    def close(self) -> None:
        """Nothing: its owner closes it."""
