"""Where a board is in one picture, and how well that is known."""

from dataclasses import dataclass

import cv2
import numpy as np

from calibration.detection import Detection
from calibration.errors import CalibrationRefused, Cause
from calibration.lens import Lens
from robot_skills.core.se3 import SE3, Array, skew

_STEPS = 10
_SMALL = 1e-10


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class BoardPose:
    """A board's pose from one picture.

    Attributes:
        T_camera_board: The pose.
        covariance: Of its error per square pixel of the corners' variance: a twist (v, w) in the
            board's frame, ``true = T_camera_board @ exp(error)``, (6, 6).
        rms_px: Of the corners' distances to where the pose has them.
        sigma_px: Standard deviation of a corner in either direction that this speaks for.
    """

    T_camera_board: SE3
    covariance: Array
    rms_px: float
    sigma_px: float


def moved(T: SE3, twist: Array) -> SE3:
    """A pose after a small motion (v, w) in its own frame, (6,)."""
    return T @ SE3.from_rotvec(twist[3:], twist[:3])


def point_derivatives(R: Array, points: Array) -> Array:
    """How ``R (p + v + w x p)`` changes by (v, w), (n, 3, 6), for points (n, 3)."""
    return np.concatenate([np.broadcast_to(R, (len(points), 3, 3)), -R @ skew(points)], axis=-1)


def board_pose(lens: Lens, detection: Detection) -> BoardPose:
    """The pose of a board by least squares of its corners.

    Raises:
        CalibrationRefused: The picture has another size than the lens, or no pose explains it.
    """
    check_size(lens, detection)
    T = _start(lens, detection)
    points = detection.points_m
    J = np.zeros((2 * len(points), 6))
    off = np.zeros((len(points), 2))
    for _ in range(_STEPS):
        seen, by_point, _ = lens.project_with_derivatives(T @ points)
        off = detection.pixels - seen
        J = (by_point @ point_derivatives(T.R, points)).reshape(-1, 6)
        step = np.asarray(np.linalg.lstsq(J, off.reshape(-1), rcond=None)[0], dtype=np.float64)
        T = moved(T, step)
        if np.abs(step).max() < _SMALL:
            break
    squares = float((off**2).sum())
    return BoardPose(
        T_camera_board=T,
        covariance=np.asarray(np.linalg.pinv(J.T @ J), dtype=np.float64),
        rms_px=float(np.sqrt(squares / len(points))),
        sigma_px=float(np.sqrt(squares / max(2 * len(points) - 6, 1))),
    )


def check_size(lens: Lens, detection: Detection) -> None:
    """Raises `CalibrationRefused` for a picture of another size than the lens's."""
    if detection.size_px != lens.size_px:
        raise CalibrationRefused(
            Cause.MIXED_SIZES,
            f"The picture is {_size(detection.size_px)}, the lens was calibrated at "
            f"{_size(lens.size_px)}: take pictures of that size, or calibrate at this one.",
        )


def _size(size_px: tuple[int, int]) -> str:
    return f"{size_px[0]} x {size_px[1]}"


def _start(lens: Lens, detection: Detection) -> SE3:
    """The better one of the two poses that a plane allows (Collins and Bartoli, 2014)."""
    points, pixels = detection.points_m, detection.pixels
    _, turns, moves, errors = cv2.solvePnPGeneric(
        points, pixels, lens.K, np.array(lens.distortion), flags=cv2.SOLVEPNP_IPPE
    )
    ahead = [i for i in range(len(turns)) if float(moves[i][2, 0]) > 0.0]
    if not ahead:
        raise CalibrationRefused(
            Cause.INCONSISTENT, "No pose of the board explains its corners: is it the right lens?"
        )
    best = min(ahead, key=lambda i: float(errors[i].item()))
    return SE3.from_rotvec(turns[best].reshape(3), moves[best].reshape(3))
