"""Where a camera is on its mount: on an arm's tool, or beside the arm.

Closed forms begin, and views that contradict the others are left out. Then cameras, board and the
arm's own error in every view are refined together: an adjustment that takes the arm for exact
would bend everything else to its errors. How exact the arm is, the views say themselves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from calibration.board_pose import board_pose
from calibration.errors import CalibrationRefused, Cause
from calibration.lens import Lens
from calibration.motion import (
    LEAST_VIEWS,
    Method,
    check_motion,
    closed_form,
    robust_closed_form,
    scale_of,
)
from calibration.mount_fit import BOARD, CAMERA, HandEyeView, MountFit
from calibration.prediction import Mount
from robot_skills.core.se3 import SE3, Array

_WRONG_SCALE = 0.01
_SURE = 4.0
_WORST_SIGMA_M, _WORST_SIGMA_RAD = 0.005, np.deg2rad(1.0)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class HandEye:
    """A calibrated mount.

    Attributes:
        mount: What the camera is fixed to.
        T_mount_camera: Optical frame in the tool's frame, or in the base frame.
        T_other_board: The board in the base frame, or in the tool's.
        covariance: Of both, twists (v, w) in their own frames, (12, 12).
        robot_sigma_m: Standard deviation of the arm's place along each axis.
        robot_sigma_rad: Of its rotation about each axis.
        sigma_px: Of a corner.
        rms_px: Of the corners' distances, the arm's errors taken out.
        left_out_m: Root mean square of how far views are from where the others say, each left out.
        left_out_rad: The same of rotations.
        methods_m: How far Park's and Daniilidis' places of the camera are apart.
        methods_rad: Their rotations.
        turn_rad: Largest turn of the arm between two views.
        views: Names of those used.
        rejected: Why which view was left out, by name.
        off_m: How far each used view is from where the others say.
    """

    mount: Mount
    T_mount_camera: SE3
    T_other_board: SE3
    covariance: Array
    robot_sigma_m: float
    robot_sigma_rad: float
    sigma_px: float
    rms_px: float
    left_out_m: float
    left_out_rad: float
    methods_m: float
    methods_rad: float
    turn_rad: float
    views: tuple[str, ...]
    rejected: Mapping[str, str]
    off_m: Array

    @property
    def sigma_m(self) -> float:
        """Standard deviation of the camera's place, all axes together."""
        return float(np.sqrt(np.trace(self.covariance[:3, :3])))

    @property
    def sigma_rad(self) -> float:
        """Of its rotation, all axes together."""
        return float(np.sqrt(np.trace(self.covariance[3:6, 3:6])))


def calibrate_hand_eye(lens: Lens, views: Sequence[HandEyeView], mount: Mount) -> HandEye:
    """Find where a camera is on its mount.

    Args:
        lens: Of the camera.
        views: Pictures from different poses of the arm, of a board that does not move (mount
            `TOOL`), or that the tool holds (mount `BASE`).
        mount: What the camera is fixed to.

    Raises:
        CalibrationRefused: Views are too few, too alike or contradict each other, or the board has
            not the size that was said.
    """
    views = list(views)
    arms = [_arm(view, mount) for view in views]
    check_motion(arms)
    poses = [board_pose(lens, view.detection) for view in views]
    boards = [pose.T_camera_board for pose in poses]
    start = robust_closed_form(arms, boards)
    rejected = {
        view.name: f"{1e3 * off:.1f} mm from where the others say: the arm was elsewhere, or the "
        "board was moved"
        for view, off, agrees in zip(views, start.off_m, start.agree, strict=True)
        if not agrees
    }
    kept = np.flatnonzero(start.agree)
    views, arms, boards, poses = ([many[i] for i in kept] for many in (views, arms, boards, poses))
    motion = check_motion(arms)
    _check_scale(arms, boards, start.X, views[0].detection.board.square_m)
    park, daniilidis = (closed_form(arms, boards, method) for method in Method)
    apart_m, apart_rad = park.distance_to(daniilidis)
    fit = MountFit(lens, views, poses, mount)
    outliers = fit.outliers(start.X, start.Y)
    if outliers and len(views) - len(outliers) >= LEAST_VIEWS:
        rejected.update(outliers)
        fit = fit.without(outliers)
    fit.adjust(start.X, start.Y)
    found = _result(fit, rejected, (apart_m, apart_rad), motion.turn_rad)
    _check_accuracy(found)
    return found


def _arm(view: HandEyeView, mount: Mount) -> SE3:
    return view.T_base_tool if mount is Mount.TOOL else view.T_base_tool.inverse()


def _check_scale(arms: Sequence[SE3], boards: Sequence[SE3], X: SE3, square_m: float) -> None:
    scale, sigma = scale_of(arms, boards, X)
    if abs(scale - 1.0) > max(_WRONG_SCALE, _SURE * sigma):
        raise CalibrationRefused(
            Cause.WRONG_SCALE,
            f"By the arm's motions the squares are {1e3 * scale * square_m:.2f} mm wide, not "
            f"{1e3 * square_m:.2f} mm: measure the printed board.",
        )


def _check_accuracy(found: HandEye) -> None:
    if found.sigma_m > _WORST_SIGMA_M or found.sigma_rad > _WORST_SIGMA_RAD:
        raise CalibrationRefused(
            Cause.NOT_ACCURATE,
            f"The camera's place is known to {1e3 * found.sigma_m:.1f} mm and "
            f"{np.rad2deg(found.sigma_rad):.2f} degrees, {1e3 * _WORST_SIGMA_M:.0f} mm and "
            f"{np.rad2deg(_WORST_SIGMA_RAD):.0f} degree are accepted: take more views, with larger "
            "turns.",
        )


def _result(
    fit: MountFit, rejected: Mapping[str, str], apart: tuple[float, float], turn_rad: float
) -> HandEye:
    errors = fit.left_out()
    refined = fit.refined
    assert refined is not None
    off_m = np.linalg.norm(errors[:, :3], axis=-1)
    return HandEye(
        mount=fit.mount,
        T_mount_camera=fit.X,
        T_other_board=fit.Y,
        covariance=refined.block(CAMERA, BOARD),
        robot_sigma_m=fit.sigma_m,
        robot_sigma_rad=fit.sigma_rad,
        sigma_px=fit.sigma_px,
        rms_px=float(np.sqrt((refined.rms_px**2).mean())),
        left_out_m=float(np.sqrt((off_m**2).mean())),
        left_out_rad=float(np.sqrt((errors[:, 3:] ** 2).sum(axis=-1).mean())),
        methods_m=apart[0],
        methods_rad=apart[1],
        turn_rad=turn_rad,
        views=tuple(view.name for view in fit.views),
        rejected=dict(rejected),
        off_m=off_m,
    )
