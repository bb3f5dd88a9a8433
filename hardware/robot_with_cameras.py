"""A robot with cameras that its own driver knows nothing of."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from robot_skills.core.camera import Camera
from robot_skills.core.errors import PerceptionError, RefusedError, RobotFault
from robot_skills.core.robot import Robot, RobotWrapper
from robot_skills.core.types import Observation


class RobotWithCameras(RobotWrapper):
    """`robot_skills.core.robot.Robot` whose cameras are its own and others beside it.

    Args:
        robot: The arm.
        cameras: By name; opened and closed with the robot.

    Raises:
        RefusedError: The robot has a camera of that name already.
    """

    def __init__(self, robot: Robot, cameras: Mapping[str, Camera]) -> None:
        super().__init__(robot)
        twice = sorted(set(robot.cameras) & set(cameras))
        if twice:
            raise RefusedError(f"The robot has a camera {', '.join(twice)} already.")
        self._beside = dict(cameras)

    @property
    def cameras(self) -> tuple[str, ...]:
        return (*self._robot.cameras, *self._beside)

    def connect(self) -> None:
        """Open the arm, then its cameras. Raises `RobotFault` where one gives no pictures."""
        self._robot.connect()
        try:
            for camera in self._beside.values():
                camera.connect()
        except PerceptionError as problem:
            self.close()
            raise RobotFault(str(problem)) from problem
        except BaseException:
            self.close()
            raise

    def observe(self, cameras: Collection[str] = ()) -> Observation:
        mine = [name for name in cameras if name in self._beside]
        seen = self._robot.observe([name for name in cameras if name not in mine])
        if not mine:
            return seen
        frames = {name: self._beside[name].read() for name in mine}
        return replace(seen, cameras={**seen.cameras, **frames})

    def close(self) -> None:
        """Stop the arm first. Safe to call twice."""
        self._robot.close()
        for camera in self._beside.values():
            camera.close()
