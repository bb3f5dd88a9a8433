"""Where a robot's cameras are and what their lenses are like, found by the robot itself."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from calibration.board_pose import board_pose
from calibration.detection import Detection, detect
from calibration.errors import CalibrationRefused
from calibration.hand_eye import HandEye, HandEyeView, calibrate_hand_eye
from calibration.intrinsics import Intrinsics, calibrate_intrinsics
from calibration.lens import Lens
from calibration.next_poses import Setup, next_poses
from robot_skills.app.calibrate.collect import lens_of, looking, move_to
from robot_skills.app.sim2real.calibrated import CameraFile
from robot_skills.core.errors import RefusedError
from robot_skills.core.robot import Robot
from robot_skills.core.se3 import Array
from robot_skills.core.types import DEFAULT_ARM

VIEWS = 24
_SPEED_M_S = 0.25
_READING_M = 5e-3
"""How well one reading of depth is trusted."""
_SCALE, _OFFSET_M = 0.02, 5e-3
"""How far depth is off, as one may expect."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class DepthBias:
    """How depth is off: true depth is ``scale`` times what is read, and ``offset_m``.

    Attributes:
        scale: Close to 1.
        offset_m: Close to 0.
        readings: That it was found from.
    """

    scale: float
    offset_m: float
    readings: int


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CameraFound:
    """What was found of a camera.

    Attributes:
        lens: Its lens.
        intrinsics: How the lens was found; None where too little was seen for that, so that it is
            what the driver says.
        hand_eye: Where the camera is.
        depth: What its depth has to be corrected by.
    """

    lens: Lens
    intrinsics: Intrinsics | None
    hand_eye: HandEye
    depth: DepthBias

    def file(self, latency_s: float) -> CameraFile:
        """For `CorrectedCameras`, of a camera whose pictures are this late."""
        return CameraFile(
            lens=self.lens,
            mount=self.hand_eye.mount,
            T_mount_camera=self.hand_eye.T_mount_camera,
            depth_scale=self.depth.scale,
            depth_offset_m=self.depth.offset_m,
            latency_s=latency_s,
        )


def calibrate_camera(
    robot: Robot, camera: str, setup: Setup, rng: np.random.Generator, views: int = VIEWS
) -> CameraFound:
    """Have the arm move to where the board says most about a camera, and find the camera.

    Args:
        robot: Connected, at rest.
        camera: Its name.
        setup: What is roughly known; the lens is what the driver says.
        rng: Draws views to choose from.
        views: How many pictures.

    Raises:
        CalibrationRefused: The arm reaches too few views, or they do not say where the camera is.
        RobotFault: The arm does not go where it is told.
    """
    look = looking(robot, camera)
    setup = replace(setup, lens=lens_of(look()[0]))
    start = robot.observe().arms[DEFAULT_ARM].q_rad
    poses = next_poses(
        setup, robot.kinematics(DEFAULT_ARM), robot.arms[DEFAULT_ARM], start, views, rng
    )
    seen: list[HandEyeView] = []
    depths: list[NDArray[np.float32]] = []
    for number, pose in enumerate(poses):
        move_to(robot, pose.T_base_tool, _SPEED_M_S)
        frame, T_base_tool = look()
        try:
            found = detect(setup.board, frame.rgb)
        except RefusedError as error:
            _log.info("view %d of %s is left out: %s", number, camera, error)
            continue
        assert T_base_tool is not None
        seen.append(HandEyeView(name=f"{number:03d}", T_base_tool=T_base_tool, detection=found))
        depths.append(frame.depth_m)
    intrinsics = _intrinsics({view.name: view.detection for view in seen})
    lens = setup.lens if intrinsics is None else intrinsics.lens
    return CameraFound(
        lens=lens,
        intrinsics=intrinsics,
        hand_eye=calibrate_hand_eye(lens, seen, setup.mount),
        depth=_depth_bias(lens, [view.detection for view in seen], depths),
    )


def _intrinsics(seen: dict[str, Detection]) -> Intrinsics | None:
    try:
        return calibrate_intrinsics(seen)
    except CalibrationRefused as refused:
        _log.info("the lens stays as the driver says: %s", refused)
        return None


def _depth_bias(
    lens: Lens, seen: Sequence[Detection], depths: Sequence[NDArray[np.float32]]
) -> DepthBias:
    """Depth at the board's corners against how far they are by their pictures."""
    read_m, true_m = [], []
    for found, depth_m in zip(seen, depths, strict=True):
        points = board_pose(lens, found).T_camera_board @ found.points_m
        columns, rows = np.rint(found.pixels).astype(int).T
        inside = (rows > 0) & (rows < depth_m.shape[0] - 1)
        inside &= (columns > 0) & (columns < depth_m.shape[1] - 1)
        around = [
            depth_m[rows[inside] + i, columns[inside] + j] for i in (-1, 0, 1) for j in (-1, 0, 1)
        ]
        read_m.append(np.median(around, axis=0))
        true_m.append(points[inside, 2])
    read, true = np.concatenate(read_m).astype(np.float64), np.concatenate(true_m)
    usable = read > 0.0
    read, true = read[usable], true[usable]

    def off(x: Array) -> Array:
        return np.concatenate(
            [(x[0] * read + x[1] - true) / _READING_M, (x - (1.0, 0.0)) / (_SCALE, _OFFSET_M)]
        )

    scale, offset_m = least_squares(off, (1.0, 0.0), loss="soft_l1").x
    return DepthBias(scale=float(scale), offset_m=float(offset_m), readings=len(read))
