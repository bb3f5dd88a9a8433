"""A robot with cameras beside its own is one robot, and is opened and closed as one."""

import numpy as np
import pytest

from hardware.robot_with_cameras import RobotWithCameras
from robot_skills.core.camera import pinhole
from robot_skills.core.errors import PerceptionError, RefusedError, RobotFault, UnknownNameError
from robot_skills.core.se3 import SE3
from robot_skills.core.types import RgbdFrame
from tests.fakes import FakeRobot


class FakeCamera:
    """One grey picture."""

    name = "side"

    def __init__(self, problem=""):
        self.problem, self.opened, self.closed = problem, False, False

    def connect(self):
        if self.problem:
            raise PerceptionError(self.problem)
        self.opened = True

    def read(self):
        return RgbdFrame(
            stamp_s=0.0,
            rgb=np.full((4, 6, 3), 9, np.uint8),
            depth_m=np.zeros((4, 6), np.float32),
            K=pinhole(6, 4, 1.0),
            T_base_camera=SE3.identity(),
        )

    def close(self):
        self.closed = True


def test_a_camera_beside_the_robot_is_observed_with_its_own():
    own = FakeRobot()
    camera = FakeCamera()
    robot = RobotWithCameras(own, {"side": camera})
    assert robot.cameras == (*own.cameras, "side")
    robot.connect()
    assert camera.opened
    seen = robot.observe(robot.cameras)
    assert set(seen.cameras) == set(robot.cameras)
    assert not robot.observe().cameras
    with pytest.raises(UnknownNameError):
        robot.observe(["sidee"])
    robot.close()
    assert camera.closed


def test_a_robot_whose_camera_is_not_there_is_closed_again():
    camera = FakeCamera("it is not plugged in")
    robot = RobotWithCameras(FakeRobot(), {"side": camera})
    with pytest.raises(RobotFault, match="not plugged in"):
        robot.connect()
    assert camera.closed


def test_two_cameras_of_one_name_are_refused():
    twice = RobotWithCameras(FakeRobot(), {"side": FakeCamera()})
    with pytest.raises(RefusedError, match="side"):
        RobotWithCameras(twice, {"side": FakeCamera()})
