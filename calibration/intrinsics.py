"""A lens from views of a board (Zhang, *A flexible new technique for camera calibration*, 2000).

Views that do not fit the others are left out, the number of distortion coefficients is chosen by
views that were held out, and what is found comes with its covariance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np

from calibration.board_pose import BoardPose, board_pose, point_derivatives
from calibration.coverage import Coverage, coverage, tilt_spread_rad
from calibration.detection import Detection
from calibration.errors import CalibrationRefused, Cause
from calibration.lens import PARAMETERS, Lens
from robot_skills.core.errors import RobotSkillsError
from robot_skills.core.se3 import SE3, Array

_LEAST_VIEWS = 8
_LEAST_CORNERS = 12
_LEAST_TILT_RAD = np.deg2rad(20.0)
_LEAST_COVERAGE = 0.4
_OUTLIER = 3.0
"""Times the median of the views' errors."""
_OUTLIER_PX = 0.3
"""Below, no view is an outlier."""
_MOST_OUTLIERS = 0.34
_WORST_RMS_PX = 1.0
_WORST_FOCAL = 0.01
_FOLDS = 4
_STOP = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 30, 1e-7)
_SIMPLER = 1.03
"""A lens with fewer coefficients may be so much worse on held-out views."""


class LensModel(Enum):
    """Which coefficients of the distortion are looked for, simplest first."""

    PINHOLE = "none"
    RADIAL = "k1 k2 p1 p2"
    FULL = "k1 k2 p1 p2 k3"

    @property
    def flags(self) -> int:
        """For OpenCV."""
        match self:
            case LensModel.PINHOLE:
                fixed = cv2.CALIB_FIX_K1 | cv2.CALIB_FIX_K2 | cv2.CALIB_FIX_K3
                return fixed | cv2.CALIB_ZERO_TANGENT_DIST
            case LensModel.RADIAL:
                return cv2.CALIB_FIX_K3
            case LensModel.FULL:
                return 0

    @property
    def free(self) -> list[int]:
        """Which of `calibration.lens.PARAMETERS` are estimated."""
        return list(range({"none": 4, "k1 k2 p1 p2": 8}.get(self.value, len(PARAMETERS))))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Intrinsics:
    """A calibrated lens.

    Attributes:
        lens: What was found.
        model: Which coefficients were estimated.
        covariance: Of `lens.numbers()`, (9, 9); zero where not estimated.
        rms_px: Of the corners' distances to where they should be.
        held_out_px: The same in views that were not used, each in turn.
        view_px: The same for each view that was used, by name.
        rejected: Why which view was left out, by name.
        coverage: What the used views show.
        tilt_rad: Largest angle between two boards.
    """

    lens: Lens
    model: LensModel
    covariance: Array
    rms_px: float
    held_out_px: float
    view_px: Mapping[str, float]
    rejected: Mapping[str, str]
    coverage: Coverage
    tilt_rad: float

    @property
    def sigma(self) -> Array:
        """Standard deviations of `lens.numbers()`, (9,)."""
        return np.sqrt(np.diag(self.covariance))


def calibrate_intrinsics(views: Mapping[str, Detection]) -> Intrinsics:
    """Find a lens.

    Args:
        views: The board in pictures of one camera, by name.

    Raises:
        CalibrationRefused: There are too few views, they show too little, or they do not agree.
    """
    size_px = _one_size(views)
    rejected = {
        name: f"{len(view.ids)} corners, {_LEAST_CORNERS} are needed"
        for name, view in views.items()
        if len(view.ids) < _LEAST_CORNERS
    }
    used = {name: view for name, view in views.items() if name not in rejected}
    _check_enough(used, rejected)
    lens = _fit(list(used.values()), size_px, LensModel.RADIAL)
    errors = {name: board_pose(lens, view).rms_px for name, view in used.items()}
    limit_px = max(_OUTLIER_PX, _OUTLIER * float(np.median(list(errors.values()))))
    for name, error in errors.items():
        if error > limit_px:
            rejected[name] = f"its corners are {error:.2f} px off, the others' up to {limit_px:.2f}"
    used = {name: view for name, view in used.items() if name not in rejected}
    if len(rejected) > _MOST_OUTLIERS * len(views):
        raise CalibrationRefused(
            Cause.INCONSISTENT,
            f"{len(rejected)} of {len(views)} views do not fit: pictures of one camera are "
            "needed, with one zoom and focus, and a flat board.",
        )
    _check_enough(used, rejected)
    return _best(used, rejected, lens)


def _one_size(views: Mapping[str, Detection]) -> tuple[int, int]:
    sizes: dict[tuple[int, int], str] = {}
    for name, view in views.items():
        sizes.setdefault(view.size_px, name)
    if len(sizes) > 1:
        found = ", ".join(f"{w} x {h} ({name})" for (w, h), name in sizes.items())
        raise CalibrationRefused(
            Cause.MIXED_SIZES, f"Pictures of one size are needed; there are {found}."
        )
    if not sizes:
        raise _too_few(0, {})
    return next(iter(sizes))


def _too_few(count: int, rejected: Mapping[str, str]) -> CalibrationRefused:
    left_out = f" ({len(rejected)} were left out)" if rejected else ""
    return CalibrationRefused(
        Cause.FEW_VIEWS,
        f"{count} views of the board are usable{left_out}, {_LEAST_VIEWS} are needed, 20 to 30 "
        "are good.",
    )


def _check_enough(views: Mapping[str, Detection], rejected: Mapping[str, str]) -> None:
    if len(views) < _LEAST_VIEWS:
        raise _too_few(len(views), rejected)
    share = coverage(list(views.values())).share
    if share < _LEAST_COVERAGE:
        raise CalibrationRefused(
            Cause.POOR_COVERAGE,
            f"The board was seen in {100 * share:.0f} % of the picture's parts, "
            f"{100 * _LEAST_COVERAGE:.0f} % are needed: bring it into the corners too.",
        )
    leans = _homography_spread(list(views.values()))
    if leans < _LEAST_TILT_RAD:
        raise CalibrationRefused(
            Cause.FLAT_VIEWS,
            f"The board's views differ by {np.rad2deg(leans):.0f} degrees of tilt, "
            f"{np.rad2deg(_LEAST_TILT_RAD):.0f} are needed: its distance and the focal length "
            "cannot be told apart. Tilt it to all sides by 30 to 45 degrees.",
        )


def _homography_spread(views: Sequence[Detection]) -> float:
    """Spread of the tilts, with a lens of usual angle: rough, but it needs no calibration."""
    width, height = views[0].size_px
    rough = Lens(
        size_px=(width, height),
        lens_px=(float(width), float(width), 0.5 * (width - 1), 0.5 * (height - 1)),
    )
    return tilt_spread_rad([board_pose(rough, view).T_camera_board for view in views])


def _fit(
    views: Sequence[Detection],
    size_px: tuple[int, int],
    model: LensModel,
    start: Lens | None = None,
) -> Lens:
    """The lens that explains views best, from where another one begins."""
    K, distortion, flags = np.eye(3), np.zeros(5), model.flags
    if start is not None:
        K, flags = start.K, flags | cv2.CALIB_USE_INTRINSIC_GUESS
        known = [i - 4 for i in model.free if i >= 4]
        distortion[known] = np.array(start.distortion)[known]
    try:
        _, K, distortion, _, _ = cv2.calibrateCamera(
            [view.points_m.astype(np.float32) for view in views],
            [view.pixels.astype(np.float32) for view in views],
            size_px,
            K,
            distortion,
            flags=flags,
            criteria=_STOP,
        )
    except cv2.error as error:
        raise CalibrationRefused(
            Cause.INCONSISTENT, f"No lens explains the views ({error.err})."
        ) from error
    numbers = [K[0, 0], K[1, 1], K[0, 2], K[1, 2], *distortion.reshape(-1)[:5]]
    try:
        return Lens.of_numbers(size_px, np.array(numbers))
    except RobotSkillsError as error:
        raise CalibrationRefused(
            Cause.INCONSISTENT, f"No lens explains the views: {error}"
        ) from None


def _best(used: Mapping[str, Detection], rejected: Mapping[str, str], start: Lens) -> Intrinsics:
    """The simplest lens that foresees held-out views as well as the others."""
    views = list(used.values())
    held_out = {model: _held_out_px(views, model, start) for model in LensModel}
    least = min(held_out.values())
    model = next(one for one in LensModel if held_out[one] <= _SIMPLER * least)
    lens = _fit(views, start.size_px, model, start)
    poses = {name: board_pose(lens, view) for name, view in used.items()}
    result = Intrinsics(
        lens=lens,
        model=model,
        covariance=_covariance(lens, views, list(poses.values()), model),
        rms_px=_rms([(pose.rms_px, len(used[name].ids)) for name, pose in poses.items()]),
        held_out_px=held_out[model],
        view_px={name: pose.rms_px for name, pose in poses.items()},
        rejected=rejected,
        coverage=coverage(views, [pose.T_camera_board for pose in poses.values()]),
        tilt_rad=tilt_spread_rad([pose.T_camera_board for pose in poses.values()]),
    )
    _check_accuracy(result)
    return result


def _check_accuracy(found: Intrinsics) -> None:
    if found.held_out_px > _WORST_RMS_PX:
        raise CalibrationRefused(
            Cause.NOT_ACCURATE,
            f"Corners of held-out views are {found.held_out_px:.2f} px off, at most "
            f"{_WORST_RMS_PX:g} px are accepted: is the board flat, and are these pictures of one "
            "camera?",
        )
    doubt = float((found.sigma[:2] / found.lens.numbers()[:2]).max())
    if doubt > _WORST_FOCAL:
        raise CalibrationRefused(
            Cause.NOT_ACCURATE,
            f"The focal length is known to {100 * doubt:.1f} %, {100 * _WORST_FOCAL:g} % are "
            "accepted at most: take more views, tilted further.",
        )


def _rms(parts: Sequence[tuple[float, int]]) -> float:
    """Of root mean squares, each with the number of its terms."""
    total = sum(count for _, count in parts)
    return float(np.sqrt(sum(rms**2 * count for rms, count in parts) / total))


def _held_out_px(views: Sequence[Detection], model: LensModel, start: Lens) -> float:
    """Of views that the lens was not made from; only the board's pose is found in them."""
    parts = []
    for fold in range(_FOLDS):
        rest = [view for i, view in enumerate(views) if i % _FOLDS != fold]
        lens = _fit(rest, start.size_px, model, start)
        for view in views[fold::_FOLDS]:
            parts.append((board_pose(lens, view).rms_px, len(view.ids)))
    return _rms(parts)


def information(lens: Lens, T_camera_board: SE3, points_m: Array) -> Array:
    """What one view says about `lens.numbers()`, (9, 9), for corners known to one pixel.

    The board's pose, which nobody knows, is eliminated.
    """
    _, by_point, by_numbers = lens.project_with_derivatives(T_camera_board @ points_m)
    J_pose = (by_point @ point_derivatives(T_camera_board.R, points_m)).reshape(-1, 6)
    J = by_numbers.reshape(-1, len(PARAMETERS))
    across = J.T @ J_pose
    return J.T @ J - across @ np.linalg.pinv(J_pose.T @ J_pose) @ across.T


def _covariance(
    lens: Lens, views: Sequence[Detection], poses: Sequence[BoardPose], model: LensModel
) -> Array:
    total = sum(
        (information(lens, pose.T_camera_board, view.points_m)
         for view, pose in zip(views, poses, strict=True)),
        np.zeros((len(PARAMETERS), len(PARAMETERS))),
    )  # fmt: skip
    variance = float(np.mean([pose.sigma_px**2 for pose in poses]))
    free = np.ix_(model.free, model.free)
    scale = np.sqrt(np.diag(total[free]))
    out = np.zeros_like(total)
    out[free] = (
        variance * np.linalg.inv(total[free] / np.outer(scale, scale)) / np.outer(scale, scale)
    )
    return out
