"""What every camera and every teleoperation device does."""

from functools import partial

import numpy as np
import pytest

from hardware.cameras.stream import StreamConfig
from robot_skills.core.camera import pinhole
from robot_skills.core.clock import ManualClock, MonotonicClock
from robot_skills.core.errors import PerceptionError
from robot_skills.core.se3 import SE3
from robot_skills.core.types import DEFAULT_ARM
from tests.fakes import FakeCamera, FakeRobot, FakeTeleoperator
from tests.realsense_sdk import realsense_or_skip


def _fake_camera(folder):
    clock = ManualClock(5.0)
    yield FakeCamera(clock), clock


def _replayed_camera(folder):
    from hardware.cameras.replay import ReplayCamera, ReplayConfig

    seen = FakeCamera(ManualClock(100.0))
    seen.connect()
    clock = ManualClock(5.0)
    yield ReplayCamera(clock, ReplayConfig(name="replay"), lambda: [seen.read()]), clock


def _webcam(folder):
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    from hardware.cameras.uvc import UvcCamera, UvcConfig

    file = str(folder / "video.avi")
    writer = cv2.VideoWriter(file, cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    writer.write(np.full((48, 64, 3), 90, np.uint8))
    writer.release()
    clock = ManualClock(5.0)
    config = UvcConfig(name="web", device=file, width_px=64, height_px=48, K=pinhole(64, 48, 1.0))
    yield UvcCamera(clock, config, SE3.identity()), clock


def _realsense(folder):
    realsense_or_skip()
    from hardware.cameras.realsense import RealSenseCamera
    from hardware.cameras.realsense_device import RealSenseConfig, open_realsense
    from tests.hardware.cameras.software_realsense import Showing, SoftwareRealSense, numbered

    clock, software = MonotonicClock(), SoftwareRealSense()
    config = RealSenseConfig(
        name="realsense", width_px=64, height_px=48, stream=StreamConfig(stale_s=5.0)
    )
    opened = partial(open_realsense, find_devices=lambda: [software.device])
    with Showing(software, numbered):
        yield RealSenseCamera(clock, config, SE3.identity(), opened), clock


def _process(folder):
    from hardware.cameras.process import CameraProcess, CameraProcessConfig
    from tests.hardware.cameras.told_camera import told

    (folder / "told").write_text("ok")
    clock = MonotonicClock()
    config = CameraProcessConfig(
        name="process", width_px=32, height_px=24, stale_s=5.0, start_s=60.0
    )
    camera = CameraProcess(clock, config, partial(told, file=folder / "told"))
    try:
        yield camera, clock
    finally:
        camera.close()
        camera.ring.close()


@pytest.fixture(
    params=[_fake_camera, _replayed_camera, _webcam, _realsense, _process],
    ids=["fake", "replay", "uvc", "realsense", "process"],
)
def camera_and_clock(request, tmp_path):
    yield from request.param(tmp_path)


@pytest.fixture
def camera(camera_and_clock):
    camera, _ = camera_and_clock
    yield camera
    camera.close()


def test_a_camera_gives_nothing_before_connect_and_after_close(camera):
    with pytest.raises(PerceptionError, match="not connected"):
        camera.read()
    camera.connect()
    camera.read()
    camera.close()
    camera.close()
    with pytest.raises(PerceptionError, match="not connected"):
        camera.read()


def test_a_camera_that_was_closed_can_be_connected_again(camera):
    camera.connect()
    camera.read()
    camera.close()
    camera.connect()
    camera.connect()
    camera.read()


def test_a_frame_is_stamped_and_its_parts_fit_together(camera, camera_and_clock):
    _, clock = camera_and_clock
    before_s = clock.now_s()
    camera.connect()
    frame = camera.read()
    # What is seen at once may have been there before somebody looked, but not long before.
    assert before_s - 5.0 <= frame.stamp_s <= clock.now_s()
    if isinstance(clock, ManualClock):
        assert frame.stamp_s == 5.0
    assert frame.received_s is None or frame.stamp_s <= frame.received_s <= clock.now_s()
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
