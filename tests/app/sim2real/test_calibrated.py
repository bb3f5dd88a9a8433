"""A calibrated robot is where and when its calibrations say, whatever its drivers claim."""

from collections.abc import Collection
from dataclasses import replace

import cv2
import numpy as np
import pytest

from calibration.lens import Lens
from calibration.prediction import Mount
from robot_skills.app.sim2real.calibrated import (
    CameraFile,
    CellFile,
    CorrectedCameras,
    at_size,
)
from robot_skills.core.latencies import ArmLatencies
from robot_skills.core.robot import Robot, RobotWrapper
from robot_skills.core.se3 import SE3
from robot_skills.core.types import (
    DEFAULT_ARM,
    ArmState,
    Observation,
    RgbdFrame,
)
from sim.robot import SimRobot

SIZE_PX = (64, 48)
LENS = Lens(size_px=SIZE_PX, lens_px=(50.0, 51.0, 31.0, 24.0), distortion=(0.1, 0, 0, 0, 0))
T_MOUNT_CAMERA = SE3.from_rotvec((0.1, 0.0, 0.2), (0.01, 0.02, 0.03))
BESIDE = CameraFile(lens=LENS, mount=Mount.BASE, T_mount_camera=T_MOUNT_CAMERA)


class _Moving(RobotWrapper):
    """Its tool rises by 1 m/s."""

    def __init__(self, robot: Robot) -> None:
        super().__init__(robot)
        self.now_s = 0.0

    def observe(self, cameras: Collection[str] = ()) -> Observation:
        state = ArmState(
            stamp_s=self.now_s,
            q_rad=np.zeros(7),
            dq_rad_s=np.zeros(7),
            tau_nm=np.zeros(7),
            T_base_tool=SE3.from_translation((0.0, 0.0, self.now_s)),
            opening=1.0,
        )
        rng = np.random.default_rng(0)
        frame = RgbdFrame(
            stamp_s=self.now_s,
            rgb=np.asarray(
                cv2.resize(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8), SIZE_PX), np.uint8
            ),
            depth_m=np.full(SIZE_PX[::-1], 0.5, dtype=np.float32),
            K=np.eye(3),
            T_base_camera=SE3.identity(),
        )
        frames = dict.fromkeys(cameras, frame)
        return Observation(stamp_s=self.now_s, arms={DEFAULT_ARM: state}, cameras=frames)


@pytest.fixture
def moving() -> _Moving:
    return _Moving(SimRobot())


def test_without_calibrations_all_is_as_claimed(moving: _Moving) -> None:
    moving.now_s = 2.0
    seen = CorrectedCameras(moving, CellFile()).observe(["wrist"])
    np.testing.assert_array_equal(seen.cameras["wrist"].K, np.eye(3))
    assert seen.cameras["wrist"].stamp_s == 2.0
    assert seen.arms[DEFAULT_ARM].stamp_s == 2.0


def test_pictures_are_of_when_they_were_taken(moving: _Moving) -> None:
    moving.now_s = 2.0
    camera = replace(BESIDE, latency_s=0.08)
    seen = CorrectedCameras(moving, CellFile(cameras={"front": camera})).observe(["front"])
    assert seen.cameras["front"].stamp_s == pytest.approx(1.92)


def test_a_camera_on_the_tool_was_where_the_tool_was(moving: _Moving) -> None:
    camera = replace(BESIDE, mount=Mount.TOOL, latency_s=0.07)
    found = CellFile(cameras={"wrist": camera}, latencies=ArmLatencies(state_s=0.02))
    robot = CorrectedCameras(moving, found)
    for moving.now_s in (0.9, 1.0):
        seen = robot.observe(["wrist"])
    # What a state says of 1.00 s was measured at 0.98 s; at 0.93 s the tool was where 0.95 s says.
    T = SE3.from_translation((0.0, 0.0, 0.95)) @ T_MOUNT_CAMERA
    assert max(seen.cameras["wrist"].T_base_camera.distance_to(T)) < 1e-9


def test_a_camera_beside_the_arm_stays(moving: _Moving) -> None:
    moving.now_s = 3.0
    seen = CorrectedCameras(moving, CellFile(cameras={"front": BESIDE})).observe(["front"])
    assert max(seen.cameras["front"].T_base_camera.distance_to(T_MOUNT_CAMERA)) < 1e-9


def test_pictures_come_straight_and_depth_corrected(moving: _Moving) -> None:
    camera = replace(BESIDE, depth_scale=1.1, depth_offset_m=0.01)
    seen = CorrectedCameras(moving, CellFile(cameras={"front": camera})).observe(["front"])
    frame = seen.cameras["front"]
    np.testing.assert_allclose(frame.K, LENS.K)
    raw = moving.observe(["front"]).cameras["front"].rgb
    wanted = cv2.undistort(raw, LENS.K, np.array(LENS.distortion))
    assert np.abs(frame.rgb.astype(int) - wanted).max() <= 2
    assert frame.depth_m[24, 32] == pytest.approx(0.56)


def test_a_lens_at_half_the_size_sees_the_same() -> None:
    half = at_size(LENS, (32, 24))
    point = np.array([[0.1, -0.05, 1.0]])
    # The centre of pixel (0, 0) of the small picture is that of the corner that four pixels share.
    np.testing.assert_allclose(half.project(point), (LENS.project(point) + 0.5) / 2.0 - 0.5)
