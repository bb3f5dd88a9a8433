"""The table plane of a cloud."""

from dataclasses import dataclass

import numpy as np

from robot_skills.core.errors import PerceptionError
from robot_skills.core.se3 import Array
from robot_skills.perception.library import open3d

_TOLERANCE_M = 0.004
_ITERATIONS = 100
_MOST_POINTS = 4000
"""A plane this large needs no more; thinning is even over the pictures."""
_SEED = 0
_MOST_TILT_RAD = np.deg2rad(8.0)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Plane:
    """A plane ``normal . p = offset_m``, its normal pointing up.

    Attributes:
        normal: Unit normal, (3,).
        offset_m: Signed distance of the plane from the base origin.
    """

    normal: Array
    offset_m: float

    def height_m(self, points_m: Array) -> Array:
        """Signed distance of points (n, 3) from the plane, (n,)."""
        return points_m @ self.normal - self.offset_m

    def at(self, x_m: float, y_m: float) -> float:
        """Height z of the plane at a place."""
        return float((self.offset_m - self.normal[0] * x_m - self.normal[1] * y_m) / self.normal[2])


def find_table(points_m: Array, *, least_points: int = 300) -> Plane:
    """The level plane with the most points: RANSAC, then least squares on its inliers.

    Raises:
        PerceptionError: Fewer than `least_points` points, or no level plane among them.
    """
    if len(points_m) < least_points:
        raise PerceptionError(
            f"No table plane: {len(points_m)} points in the workspace, needed {least_points}."
        )
    points_m = points_m[:: max(1, len(points_m) // _MOST_POINTS)]
    o3d = open3d()
    # open3d samples from one generator of its own; without this, two looks could differ.
    o3d.utility.random.seed(_SEED)
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points_m))
    coefficients, inliers = cloud.segment_plane(_TOLERANCE_M, 3, _ITERATIONS)
    normal = np.asarray(coefficients[:3])
    plane = _oriented(normal, -coefficients[3])
    tilt_rad = float(np.arccos(np.clip(plane.normal[2], -1.0, 1.0)))
    if len(inliers) < 0.1 * len(points_m) or tilt_rad > _MOST_TILT_RAD:
        raise PerceptionError(
            f"No table plane: the best plane holds {len(inliers)} of {len(points_m)} points "
            f"and leans {np.rad2deg(tilt_rad):.0f} deg."
        )
    return _refined(points_m, plane)


def _refined(points_m: Array, plane: Plane) -> Plane:
    for _ in range(2):
        near = points_m[np.abs(plane.height_m(points_m)) < _TOLERANCE_M]
        centre = near.mean(axis=0)
        # The direction of least spread; eigenvalues come in ascending order.
        offsets = near - centre
        normal = np.linalg.eigh(offsets.T @ offsets)[1][:, 0]
        plane = _oriented(normal, float(normal @ centre))
    return plane


def _oriented(normal: Array, offset_m: float) -> Plane:
    scale = np.linalg.norm(normal) * (1.0 if normal[2] >= 0.0 else -1.0)
    return Plane(normal=normal / scale, offset_m=float(offset_m / scale))
