"""The robot that a twin is, and the judge who knows its truth."""

from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.clock import Clock
from robot_skills.core.errors import unknown_name
from robot_skills.core.limits import ArmLimits
from robot_skills.core.plan import Literal
from robot_skills.core.robot import Kinematics
from robot_skills.core.scene import Scene
from robot_skills.core.se3 import SE3
from robot_skills.core.types import DEFAULT_ARM, ActionChunk, Observation
from sim.arms import ARMS
from sim.kinematics import ArmKinematics
from sim.placements import Layout
from sim.robot import CONTROL_PERIOD_S
from sim.scenarios import Scenario
from sim.twin.cell import Target
from sim.twin.hidden import USUAL_RANGES, Hidden, TwinRanges, draw_hidden
from sim.twin.process import Link, start
from sim.world import CAMERAS


class TwinClock:
    """Simulated seconds of the twin; sleeping steps it.

    Args:
        link: To the twin.
    """

    def __init__(self, link: Link) -> None:
        self._link = link

    def now_s(self) -> float:
        return self._link.call("now_s")

    def sleep_until(self, stamp_s: float) -> None:
        self._link.call("sleep_until", stamp_s)


class TwinRobot:
    """`robot_skills.core.robot.Robot` of a twin. It knows no more than a real robot's driver does.

    Args:
        arm: Key in `sim.arms.ARMS`.
        link: To the twin.

    Attributes:
        kind: Key of its arm.
    """

    def __init__(self, arm: str, link: Link) -> None:
        self.kind = arm
        self._link = link
        self._clock = TwinClock(link)

    @property
    def clock(self) -> Clock:
        return self._clock

    @property
    def control_period_s(self) -> float:
        return CONTROL_PERIOD_S

    @property
    def arms(self) -> Mapping[str, ArmLimits]:
        return {DEFAULT_ARM: ARMS[self.kind].limits}

    @property
    def cameras(self) -> tuple[str, ...]:
        return CAMERAS

    def kinematics(self, arm: str) -> Kinematics:
        self._check_arm(arm)
        return ArmKinematics(ARMS[self.kind])

    def home(self, arm: str) -> SE3:
        self._check_arm(arm)
        return ArmKinematics(ARMS[self.kind]).forward(np.array(ARMS[self.kind].home_q_rad))

    def connect(self) -> None:
        self._link.call("connect")

    def observe(self, cameras: Collection[str] = ()) -> Observation:
        return self._link.call("observe", tuple(cameras))

    def command(self, chunk: ActionChunk) -> ActionChunk:
        return self._link.call("command", chunk)

    def stop(self) -> None:
        self._link.call("stop")

    def close(self) -> None:
        self._link.call("close")

    def _check_arm(self, arm: str) -> None:
        if arm != DEFAULT_ARM:
            raise unknown_name("arm", arm, (DEFAULT_ARM,))


class TwinTruth:
    """Stages a twin's episodes and judges them. No code that is tried out may get hold of it.

    Use with `with`, or close it: that ends the twin.

    Args:
        hidden: All that the twin hides.
        link: To the twin.

    Attributes:
        hidden: All that the twin hides.
    """

    def __init__(self, hidden: Hidden, link: Link, robot: Link) -> None:
        self.hidden = hidden
        self._link, self._robot = link, robot

    def begin(self, layout: Layout, number: int = 0) -> None:
        """Begin an episode: arm at home, clock at zero.

        Args:
            layout: What stands where; frictions and masses are the twin's own.
            number: Of the episode; decides its noise.
        """
        self._link.call("begin", layout, number)

    def prepare(self, scenario: Scenario, seed: tuple[int, ...]) -> None:
        """Bring the twin to where a scenario starts, as `sim.demonstrate.prepare` does.

        Raises:
            AttemptFailed: What is to be held was not got hold of.
        """
        self._link.call("prepare", scenario, seed)

    def go_home(self, opening: float) -> None:
        """Move the arm to its rest pose."""
        self._link.call("go_home", opening)

    def scene(self) -> Scene:
        """What is where, in truth."""
        return self._link.call("scene")

    def missing(self, effects: tuple[Literal, ...]) -> tuple[Literal, ...]:
        """Those of some effects that do not hold in truth."""
        return self._link.call("missing", effects)

    def film(self) -> NDArray[np.uint8]:
        """A picture for people, (H, W, 3)."""
        return self._link.call("film")

    def close(self) -> None:
        """End the twin. Safe to call twice."""
        self._link.close()
        self._robot.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def make_twin(
    seed: int,
    arm: str = "panda",
    *,
    ranges: TwinRanges = USUAL_RANGES,
    target: Target | None = None,
    camera_size_px: tuple[int, int] = (256, 192),
    filters: bool = True,
) -> tuple[TwinRobot, TwinTruth]:
    """A stand-in for a real robot, in a process of its own.

    Args:
        seed: Decides all that it hides.
        arm: Key in `sim.arms.ARMS`.
        ranges: How far it is from the simulation.
        target: A calibration board, if there is one.
        camera_size_px: Width and height of pictures.
        filters: Whether the drivers of its cameras smooth depth.

    Returns:
        The robot, as a driver would give it; and who knows and judges it.

    Raises:
        UnknownNameError: There is no such arm.
    """
    hidden = draw_hidden(seed, arm, ranges)
    return open_twin(hidden, target=target, camera_size_px=camera_size_px, filters=filters)


def open_twin(
    hidden: Hidden,
    *,
    target: Target | None = None,
    camera_size_px: tuple[int, int] = (256, 192),
    filters: bool = True,
) -> tuple[TwinRobot, TwinTruth]:
    """A twin with a given truth; see `make_twin`."""
    robot, judge = start(hidden, target, camera_size_px, filters=filters)
    return TwinRobot(hidden.arm, robot), TwinTruth(hidden, judge, robot)
