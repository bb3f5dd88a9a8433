"""The adjustment below a hand-eye calibration: camera, board, and the arm's error in every view."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from calibration.board_pose import BoardPose, moved
from calibration.chain import Link, Prior, Refined, Sight, Unknown, refine
from calibration.detection import Detection
from calibration.errors import CalibrationRefused, Cause
from calibration.lens import Lens
from calibration.prediction import Mount, adjoint, predict
from robot_skills.core.se3 import SE3, Array

CAMERA, BOARD = 0, 1
"""Of the unknown poses; those of the arm's errors follow."""
_FIRST_VIEW = 2
_LEAST_SIGMA_M = 2e-5
_LEAST_SIGMA_RAD = np.deg2rad(0.003)
_WORST_SIGMA_M = 0.005
_ROUNDS = 3
_OUTLIER = 1.3 * float(chi2.ppf(0.9999, 6))
"""Squared Mahalanobis distance from which a view counts as an outlier, with room for the estimate
of the arm's accuracy."""
_LEAST_OFF_M, _LEAST_OFF_RAD = 1e-3, np.deg2rad(0.1)
"""Nearer views are no outliers, however well the others agree."""
_MEDIAN_TO_SIGMA = 1.4826


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class HandEyeView:
    """One picture, and where the arm says that it was.

    Attributes:
        name: Of the picture.
        T_base_tool: By the arm.
        detection: Of the board.
    """

    name: str
    T_base_tool: SE3
    detection: Detection


class MountFit:
    """The adjustment of one set of views.

    Args:
        lens: Of the camera.
        views: What was seen from where.
        poses: Of the board, in each alone.
        mount: What the camera is fixed to.
    """

    def __init__(
        self, lens: Lens, views: Sequence[HandEyeView], poses: Sequence[BoardPose], mount: Mount
    ) -> None:
        self.lens, self.views, self.poses, self.mount = lens, tuple(views), tuple(poses), mount
        self.sigma_px = max(float(np.median([pose.sigma_px for pose in poses])), 0.01)
        self.sigma_m, self.sigma_rad = _LEAST_SIGMA_M, _LEAST_SIGMA_RAD
        self.refined: Refined | None = None

    @property
    def X(self) -> SE3:
        assert self.refined is not None
        return self.refined.poses[CAMERA]

    @property
    def Y(self) -> SE3:
        assert self.refined is not None
        return self.refined.poses[BOARD]

    def without(self, names: Mapping[str, str]) -> "MountFit":
        """The same without some views."""
        keep = [i for i, view in enumerate(self.views) if view.name not in names]
        return MountFit(
            self.lens, [self.views[i] for i in keep], [self.poses[i] for i in keep], self.mount
        )

    def adjust(self, X: SE3, Y: SE3) -> None:
        """Refine from a start; how exact the arm is, follows from what is left."""
        for _ in range(_ROUNDS):
            self.sigma_m, self.sigma_rad = self.arm_sigma(X, Y)
            self.refined = self._refine(X, Y, range(len(self.views)))
            X, Y = self.X, self.Y
        if self.sigma_m > _WORST_SIGMA_M:
            raise CalibrationRefused(
                Cause.NOT_ACCURATE,
                f"The arm's poses are {1e3 * self.sigma_m:.1f} mm off, at most "
                f"{1e3 * _WORST_SIGMA_M:.0f} mm are accepted: let it come to rest before each "
                "picture, and see that it is calibrated itself.",
            )

    def _refine(self, X: SE3, Y: SE3, rows: Sequence[int]) -> Refined:
        sigma = np.repeat([self.sigma_m, self.sigma_rad], 3)
        sights, priors = [], []
        for place, row in enumerate(rows):
            view, index = self.views[row], _FIRST_VIEW + place
            sights.append(
                Sight(
                    lens=self.lens,
                    links=self._links(view.T_base_tool, index),
                    points_m=view.detection.points_m,
                    pixels=view.detection.pixels,
                    sigma_px=self.sigma_px,
                )
            )
            priors.append(Prior(index=index, sigma=sigma))
        return refine([X, Y, *[SE3.identity()] * len(rows)], sights, priors)

    def _links(self, T_base_tool: SE3, index: int) -> tuple[Link, ...]:
        camera, board = Unknown(index=CAMERA, inverse=True), Unknown(index=BOARD)
        if self.mount is Mount.TOOL:
            return (camera, Unknown(index=index, inverse=True), T_base_tool.inverse(), board)
        return (camera, T_base_tool, Unknown(index=index), board)

    def arm_errors(self, X: SE3, Y: SE3, row: int) -> Array:
        """Twist (v, w) from where the arm says that the tool is to where the picture says."""
        T_camera_board = self.poses[row].T_camera_board
        if self.mount is Mount.TOOL:
            T_base_tool = Y @ T_camera_board.inverse() @ X.inverse()
        else:
            T_base_tool = X @ T_camera_board @ Y.inverse()
        return (self.views[row].T_base_tool.inverse() @ T_base_tool).log()

    def arm_sigma(self, X: SE3, Y: SE3, *, robust: bool = False) -> tuple[float, float]:
        """Standard deviations of the arm's place and rotation, per axis.

        Args:
            X: Camera.
            Y: Board.
            robust: By the medians, which a few outliers do not move.
        """
        n = len(self.views)
        errors = np.array([self.arm_errors(X, Y, row) for row in range(n)])
        camera = np.array([self.picture_covariance(X, Y, row) for row in range(n)])
        sigmas = []
        for axes, least in ((slice(0, 3), _LEAST_SIGMA_M), (slice(3, 6), _LEAST_SIGMA_RAD)):
            if robust:
                square = (_MEDIAN_TO_SIGMA * float(np.median(np.abs(errors[:, axes])))) ** 2
            else:
                square = float((errors[:, axes] ** 2).mean())
            # Camera and board took twelve of the numbers.
            left = n / max(n - 2, 1) * square - float(camera.mean(axis=0).diagonal()[axes].mean())
            sigmas.append(max(float(np.sqrt(max(left, 0.0))), least))
        return sigmas[0], sigmas[1]

    def picture_covariance(self, X: SE3, Y: SE3, row: int) -> Array:
        """Of `arm_errors`, as far as it comes from the picture, (6, 6)."""
        board = self.poses[row].covariance * self.sigma_px**2
        chain = X @ self.poses[row].T_camera_board if self.mount is Mount.TOOL else Y
        M = adjoint(chain)
        return M @ board @ M.T

    def outliers(self, X: SE3, Y: SE3) -> dict[str, str]:
        """Views that are too far from the others for the arm's own error, and how far."""
        found: dict[str, str] = {}
        for _ in range(_ROUNDS):
            rest = self.without(found)
            self.sigma_m, self.sigma_rad = rest.arm_sigma(X, Y, robust=True)
            X, Y = rest.pose_step(X, Y, range(len(rest.views)), self.sigma_m, self.sigma_rad)
            found = {}
            for row, view in enumerate(self.views):
                error = self.arm_errors(X, Y, row)
                S = self.picture_covariance(X, Y, row) + np.diag(
                    np.repeat([self.sigma_m, self.sigma_rad], 3) ** 2
                )
                off_m, off_rad = np.linalg.norm(error[:3]), np.linalg.norm(error[3:])
                near = off_m < _LEAST_OFF_M and off_rad < _LEAST_OFF_RAD
                if not near and float(error @ np.linalg.solve(S, error)) > _OUTLIER:
                    found[view.name] = (
                        f"{1e3 * off_m:.1f} mm and {np.rad2deg(off_rad):.2f} degrees from where "
                        "the others say: the arm was elsewhere, or the board was moved"
                    )
        return found

    def pose_step(
        self, X: SE3, Y: SE3, rows: Sequence[int], sigma_m: float, sigma_rad: float
    ) -> tuple[SE3, SE3]:
        """Camera and board after a step of least squares on the boards' poses in some views."""
        H, g = np.zeros((12, 12)), np.zeros(12)
        for row in rows:
            expected = predict(self.mount, X, Y, self.views[row].T_base_tool)
            seen = self.poses[row]
            error = (expected.T_camera_board.inverse() @ seen.T_camera_board).log()
            S = expected.covariance(sigma_m, sigma_rad) + seen.covariance * self.sigma_px**2
            weighted = np.linalg.solve(S, expected.by_both).T
            H += weighted @ expected.by_both
            g += weighted @ error
        step = np.asarray(np.linalg.solve(H, g), dtype=np.float64)
        return moved(X, step[:6]), moved(Y, step[6:])

    def left_out(self) -> Array:
        """How far each view is from where the others say, twists (n, 6)."""
        errors = []
        for row in range(len(self.views)):
            rest = [i for i in range(len(self.views)) if i != row]
            X, Y = self.pose_step(self.X, self.Y, rest, self.sigma_m, self.sigma_rad)
            errors.append(self.arm_errors(X, Y, row))
        return np.array(errors)
