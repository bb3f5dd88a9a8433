"""Whether a camera still is where it was calibrated to be, from one look at the board.

The board stands where it stood (camera on the tool), or is held as it was held (camera on the
base). Where it should be seen follows from the calibration; how far it may be off, from the
covariances of the calibration, of the arm and of the picture. The squared Mahalanobis distance of
the six numbers is Hotelling's T^2, since the arm's error was itself estimated (Anderson, *An
introduction to multivariate statistical analysis*, 2003, ch. 5).
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import f as f_distribution

from calibration.board_pose import board_pose
from calibration.detection import Detection
from calibration.hand_eye import HandEye
from calibration.lens import Lens
from calibration.prediction import predict
from robot_skills.core.se3 import SE3

FALSE_ALARM = 0.01
"""How often a camera that was not moved is said to be."""
_NUMBERS = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Recheck:
    """What one look says.

    Attributes:
        moved: Whether the camera, or the board, is elsewhere.
        distance: Mahalanobis distance between where the board is and where it should be.
        limit: From which on it counts as moved.
        off_m: How far the camera would have moved if the board did not.
        off_rad: How far it would have turned.
        off_px: Root mean square of the corners' distances to where they should be.
    """

    moved: bool
    distance: float
    limit: float
    off_m: float
    off_rad: float
    off_px: float


def recheck(
    found: HandEye,
    lens: Lens,
    T_base_tool: SE3,
    detection: Detection,
    false_alarm: float = FALSE_ALARM,
) -> Recheck:
    """Compare one look with a calibration.

    Args:
        found: The calibration.
        lens: Of the camera.
        T_base_tool: Where the arm says that the tool is.
        detection: Of the board.
        false_alarm: How often a camera that was not moved may be said to be.

    Raises:
        CalibrationRefused: The picture is not of the lens's size.
    """
    X, Y = found.T_mount_camera, found.T_other_board
    expected = predict(found.mount, X, Y, T_base_tool)
    T_camera_board = expected.T_camera_board
    seen = board_pose(lens, detection)
    error = (T_camera_board.inverse() @ seen.T_camera_board).log()
    S = (
        expected.by_both @ found.covariance @ expected.by_both.T
        + expected.covariance(found.robot_sigma_m, found.robot_sigma_rad)
        + seen.covariance * max(found.sigma_px, seen.sigma_px) ** 2
    )
    own = 3 * len(found.views) - _NUMBERS
    limit = _NUMBERS * float(f_distribution.ppf(1.0 - false_alarm, _NUMBERS, own))
    squared = float(error @ np.linalg.solve(S, error))
    T_mount_camera = X @ T_camera_board @ seen.T_camera_board.inverse()
    off_m, off_rad = X.distance_to(T_mount_camera)
    off = lens.project(T_camera_board @ detection.points_m) - detection.pixels
    return Recheck(
        moved=squared > limit,
        distance=float(np.sqrt(squared)),
        limit=float(np.sqrt(limit)),
        off_m=off_m,
        off_rad=off_rad,
        off_px=float(np.sqrt((off**2).sum(axis=-1).mean())),
    )
