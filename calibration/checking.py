"""Whether a camera still is where it was calibrated to be, from one look at the board or several.

The board stands where it stood (camera on the tool), or is held as it was held (camera on the
base). Where it should be seen follows from the calibration; how far it may be off, from the
covariances of the calibration, of the arm and of the picture. What a camera that turned, one that
shifted, and one that did both would explain of the difference are three tests (Bonferroni); each
squared Mahalanobis distance is Hotelling's T^2, since the arm's error was itself estimated
(Anderson, *An introduction to multivariate statistical analysis*, 2003, ch. 5).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag
from scipy.stats import f as f_distribution

from calibration.board_pose import board_pose
from calibration.hand_eye import HandEye, HandEyeView
from calibration.lens import Lens
from calibration.prediction import predict
from robot_skills.core.se3 import SE3, Array

FALSE_ALARM = 0.02
"""How often a camera that was not moved is said to be, at most."""
_BOTH = 6
_WAYS = (slice(0, 3), slice(3, 6), slice(0, _BOTH))
"""How a camera may have been moved: shifted, turned, both. Parts of its twist (v, w)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recheck:
    """What looks say.

    Attributes:
        moved: Whether the camera, or the board, is elsewhere.
        distance: Mahalanobis distance of what a moved camera would explain, of the way of being
            moved for which it is largest beside its limit.
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


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Look:
    """How one picture differs from what was expected.

    Attributes:
        error: Twist of the board, in its frame, (6,).
        by_camera: By the twist of the camera, in its frame, (6, 6).
        by_both: By those of camera and board as calibrated, (6, 12).
        own: Covariance of what is of this look alone, (6, 6).
        off_px: Of every corner, (n, 2).
    """

    error: Array
    by_camera: Array
    by_both: Array
    own: Array
    off_px: Array


def recheck(
    found: HandEye, lens: Lens, views: Sequence[HandEyeView], false_alarm: float = FALSE_ALARM
) -> Recheck:
    """Compare looks with a calibration; all of them together decide.

    Args:
        found: The calibration.
        lens: Of the camera.
        views: The looks, one or more. With an arm that is not exact, looks from several poses see
            more than one does.
        false_alarm: How often a camera that was not moved may be said to be.

    Raises:
        ValueError: There is no look.
        CalibrationRefused: A picture is not of the lens's size.
    """
    if not views:
        raise ValueError("Needs a look at least.")
    looks = [_looked(found, lens, view) for view in views]
    error = np.concatenate([look.error for look in looks])
    by_camera = np.concatenate([look.by_camera for look in looks])
    by_both = np.concatenate([look.by_both for look in looks])
    own = np.asarray(block_diag(*(look.own for look in looks)), float)
    S = by_both @ found.covariance @ by_both.T + own
    whitening = np.linalg.inv(np.linalg.cholesky(S))
    error, by_camera = whitening @ error, whitening @ by_camera
    known = 3 * len(found.views) - _BOTH
    tests = [_test(error, by_camera[:, way], known, false_alarm / len(_WAYS)) for way in _WAYS]
    squared, limit = max(tests, key=lambda test: test[0] / test[1])
    bump = SE3.exp(np.linalg.lstsq(by_camera, error)[0])
    off_m, off_rad = SE3.identity().distance_to(bump)
    off_px = np.concatenate([look.off_px for look in looks])
    return Recheck(
        moved=squared > limit,
        distance=float(np.sqrt(squared)),
        limit=float(np.sqrt(limit)),
        off_m=off_m,
        off_rad=off_rad,
        off_px=float(np.sqrt((off_px**2).sum(axis=-1).mean())),
    )


def _looked(found: HandEye, lens: Lens, view: HandEyeView) -> _Look:
    expected = predict(found.mount, found.T_mount_camera, found.T_other_board, view.T_base_tool)
    seen = board_pose(lens, view.detection)
    T_camera_board = expected.T_camera_board
    points_m, pixels = view.detection.points_m, view.detection.pixels
    return _Look(
        error=(T_camera_board.inverse() @ seen.T_camera_board).log(),
        by_camera=expected.by_both[:, :_BOTH],
        by_both=expected.by_both,
        own=expected.covariance(found.robot_sigma_m, found.robot_sigma_rad)
        + seen.covariance * max(found.sigma_px, seen.sigma_px) ** 2,
        off_px=lens.project(T_camera_board @ points_m) - pixels,
    )


def _test(error: Array, by: Array, known: int, false_alarm: float) -> tuple[float, float]:
    """Squared length of what `by` explains of a whitened error, and how long it may be."""
    Q, _ = np.linalg.qr(by)
    free = by.shape[1]
    limit = free * float(f_distribution.ppf(1.0 - false_alarm, free, known))
    return float(((Q.T @ error) ** 2).sum()), limit
