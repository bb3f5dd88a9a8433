"""Faults of the arm and its driver."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from benchmarks.localisation.injection import Injection
from robot_skills.core.errors import RobotFault
from robot_skills.core.robot import Robot, RobotWrapper
from robot_skills.core.types import ActionChunk, ArmState, Observation
from robot_skills.scheduler.layers import Layer
from sim.mishaps import Mishap, MishapKind, happen
from sim.robot import SimRobot
from sim.tabletop.tasks import Instance

_DELAY_S = (0.2, 1.0)
_STALLED = 1e5
"""Damping [N m s/rad] with which a joint does not move."""
_BIG_JOINTS = 4
"""Stalled is one of the joints nearest to the base; the skills hardly use some of the others."""


class _DriverFault(Injection):
    """An arm that does not do, or does not say, what it should."""

    layer = Layer.DRIVER

    def __init__(self, rng: np.random.Generator, instance: Instance) -> None:
        super().__init__(rng, instance)
        self.delay_s = float(rng.uniform(*_DELAY_S))


class _Silent(RobotWrapper):
    def __init__(self, robot: Robot, injection: Injection) -> None:
        super().__init__(robot)
        self._injection = injection
        self._last: dict[str, ArmState] = {}

    def observe(self, cameras: Collection[str] = ()) -> Observation:
        seen = self._robot.observe(cameras)
        if not self._injection.is_on() or not self._last:
            self._last = dict(seen.arms)
        return replace(seen, arms=self._last)


class StatesStop(_DriverFault):
    """The joint states stop; the last ones are all there is."""

    def robot(self, robot: Robot) -> Robot:
        return _Silent(robot, self)


class _Deaf(RobotWrapper):
    def __init__(self, robot: Robot, injection: Injection) -> None:
        super().__init__(robot)
        self._injection = injection

    def command(self, chunk: ActionChunk) -> ActionChunk:
        if not self._injection.is_on():
            return self._robot.command(chunk)
        accepted = chunk.after(self.clock.now_s())
        if accepted is None:
            raise RobotFault("All waypoints are late.")
        return accepted


class CommandsLost(_DriverFault):
    """What the arm is told is acknowledged and gets lost."""

    def robot(self, robot: Robot) -> Robot:
        return _Deaf(robot, self)

    def happen(self, sim: SimRobot) -> None:
        sim.stop()


class _Stopped(RobotWrapper):
    def __init__(self, robot: Robot, injection: Injection) -> None:
        super().__init__(robot)
        self._injection = injection

    def command(self, chunk: ActionChunk) -> ActionChunk:
        if self._injection.is_on():
            raise RobotFault("The emergency stop is pressed: release it, then enable the arm.")
        return self._robot.command(chunk)


class EmergencyStop(_DriverFault):
    """Somebody presses the emergency stop."""

    def robot(self, robot: Robot) -> Robot:
        return _Stopped(robot, self)

    def happen(self, sim: SimRobot) -> None:
        sim.stop()


class Stalled(_DriverFault):
    """A joint does not move any more."""

    def happen(self, sim: SimRobot) -> None:
        joint = int(self.rng.integers(_BIG_JOINTS))
        sim.world.model.dof_damping[sim.world.servos.dofs[joint]] = _STALLED


class GripperStuck(_DriverFault):
    """The gripper stays as it is."""

    skills = ("grasp", "place")

    def __init__(self, rng: np.random.Generator, instance: Instance) -> None:
        super().__init__(rng, instance)
        self.delay_s = _DELAY_S[0]

    def happen(self, sim: SimRobot) -> None:
        mishap = Mishap(kind=MishapKind.STUCK, tick=0, strength=1.0)
        happen(mishap, sim.world, self.instance.named[0], None, self.rng)
