"""What every camera and every teleoperation device does."""

import numpy as np
import pytest

from robot_skills.core.clock import ManualClock
from robot_skills.core.errors import PerceptionError
from robot_skills.core.types import DEFAULT_ARM
from tests.fakes import FakeCamera, FakeRobot, FakeTeleoperator


@pytest.fixture(params=[FakeCamera], ids=["fake"])
def camera(request):
    return request.param(ManualClock(5.0))


def test_a_camera_gives_nothing_before_connect_and_after_close(camera):
    with pytest.raises(PerceptionError):
        camera.read()
    camera.connect()
    camera.read()
    camera.close()
    camera.close()
    with pytest.raises(PerceptionError):
        camera.read()


def test_a_frame_is_stamped_and_its_parts_fit_together(camera):
    camera.connect()
    frame = camera.read()
    assert frame.stamp_s == 5.0
    assert frame.rgb.dtype == np.uint8
    assert frame.depth_m.dtype == np.float32
    assert frame.rgb.shape[:2] == frame.depth_m.shape
    assert np.all(frame.depth_m >= 0.0)
    height, width = frame.depth_m.shape
    assert 0.0 < frame.K[0, 2] < width
    assert 0.0 < frame.K[1, 2] < height
    assert np.isclose(np.linalg.det(frame.T_base_camera.R), 1.0)
    assert camera.name


@pytest.fixture(params=[FakeTeleoperator], ids=["fake"])
def operator(request):
    device = request.param()
    device.connect()
    yield device
    device.close()


def test_an_operator_who_lets_go_asks_for_nothing(operator):
    robot = FakeRobot()
    robot.connect()
    operator.held = False
    assert not operator.engaged()
    assert operator.action(robot.observe()) is None


def test_an_engaged_operator_asks_for_waypoints_that_begin_at_the_tool(operator):
    robot = FakeRobot()
    robot.connect()
    operator.held = True
    observation = robot.observe()
    chunk = operator.action(observation)
    assert operator.engaged()
    assert chunk is not None
    assert chunk.stamp_s[0] > observation.stamp_s
    first = chunk.arms[DEFAULT_ARM].T_base_tool[0, :3, 3]
    offset_m = np.linalg.norm(first - observation.arms[DEFAULT_ARM].T_base_tool.p)
    assert offset_m <= robot.arms[DEFAULT_ARM].cartesian.jump_m
    assert len(robot.command(chunk)) == len(chunk)
