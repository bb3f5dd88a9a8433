"""A camera's lens: pinhole with the distortion of Brown and Conrady.

Notation (Brown, *Close-range camera calibration*, 1971; the order is OpenCV's):

=============  ======================================================
``x, y``       point over its depth, in the optical frame
``r2``         ``x^2 + y^2``
``k1 k2 k3``   radial: ``1 + k1 r2 + k2 r2^2 + k3 r2^3``
``p1 p2``      tangential
``u, v``       pixel, ``fx x' + cx``, ``fy y' + cy``
=============  ======================================================
"""

from dataclasses import dataclass

import cv2
import numpy as np

from robot_skills.core.errors import RefusedError
from robot_skills.core.se3 import Array

PARAMETERS = ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3")
NO_DISTORTION = (0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Lens:
    """Intrinsics of one camera at one picture size.

    Attributes:
        size_px: Width and height.
        lens_px: fx, fy, cx, cy.
        distortion: k1, k2, p1, p2, k3.
    """

    size_px: tuple[int, int]
    lens_px: tuple[float, float, float, float]
    distortion: tuple[float, float, float, float, float] = NO_DISTORTION

    def __post_init__(self) -> None:
        fx, fy, cx, cy = self.lens_px
        width, height = self.size_px
        if not np.isfinite([*self.lens_px, *self.distortion]).all() or min(fx, fy) <= 0.0:
            raise RefusedError(f"No lens has fx, fy, cx, cy = {self.lens_px}.")
        if not (0.0 < cx < width and 0.0 < cy < height):
            raise RefusedError(
                f"The centre ({cx:.1f}, {cy:.1f}) px is outside pictures of {width} x {height}: "
                "the lens is that of another size."
            )

    @classmethod
    def of_numbers(cls, size_px: tuple[int, int], numbers: Array) -> "Lens":
        """From fx, fy, cx, cy, k1, k2, p1, p2, k3, (9,)."""
        fx, fy, cx, cy, k1, k2, p1, p2, k3 = (float(value) for value in numbers)
        return cls(size_px=size_px, lens_px=(fx, fy, cx, cy), distortion=(k1, k2, p1, p2, k3))

    @property
    def K(self) -> Array:
        """Pinhole intrinsics [px], (3, 3)."""
        fx, fy, cx, cy = self.lens_px
        return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])

    def numbers(self) -> Array:
        """fx, fy, cx, cy, k1, k2, p1, p2, k3, (9,)."""
        return np.array([*self.lens_px, *self.distortion])

    def project(self, p_camera: Array) -> Array:
        """Pixels (n, 2) of points (n, 3) in the optical frame."""
        return self.project_with_derivatives(p_camera)[0]

    def project_with_derivatives(self, p_camera: Array) -> tuple[Array, Array, Array]:
        """Pixels of points, and how they change.

        Args:
            p_camera: Points [m] in the optical frame, (n, 3).

        Returns:
            Pixels (n, 2); their derivatives by the points, (n, 2, 3), and by `numbers`,
            (n, 2, 9).
        """
        fx, fy, cx, cy = self.lens_px
        k1, k2, p1, p2, k3 = self.distortion
        z = p_camera[:, 2]
        x, y = p_camera[:, 0] / z, p_camera[:, 1] / z
        r2 = x * x + y * y
        radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))
        slope = k1 + r2 * (2.0 * k2 + 3.0 * k3 * r2)
        xd = x * radial + 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x)
        yd = y * radial + 2.0 * p2 * x * y + p1 * (r2 + 2.0 * y * y)
        pixels = np.stack([fx * xd + cx, fy * yd + cy], axis=-1)
        across = 2.0 * x * y * slope + 2.0 * p1 * x + 2.0 * p2 * y
        by_xy = np.empty((len(x), 2, 2))
        by_xy[:, 0, 0] = fx * (radial + 2.0 * x * x * slope + 2.0 * p1 * y + 6.0 * p2 * x)
        by_xy[:, 0, 1] = fx * across
        by_xy[:, 1, 0] = fy * across
        by_xy[:, 1, 1] = fy * (radial + 2.0 * y * y * slope + 2.0 * p2 * x + 6.0 * p1 * y)
        xy_by_point = np.zeros((len(x), 2, 3))
        xy_by_point[:, 0, 0] = xy_by_point[:, 1, 1] = 1.0 / z
        xy_by_point[:, 0, 2], xy_by_point[:, 1, 2] = -x / z, -y / z
        by_numbers = np.zeros((len(x), 2, len(PARAMETERS)))
        by_numbers[:, 0, 0], by_numbers[:, 0, 2] = xd, 1.0
        by_numbers[:, 1, 1], by_numbers[:, 1, 3] = yd, 1.0
        for column, power in ((4, r2), (5, r2**2), (8, r2**3)):
            by_numbers[:, 0, column], by_numbers[:, 1, column] = fx * x * power, fy * y * power
        by_numbers[:, 0, 6], by_numbers[:, 1, 6] = 2.0 * fx * x * y, fy * (r2 + 2.0 * y * y)
        by_numbers[:, 0, 7], by_numbers[:, 1, 7] = fx * (r2 + 2.0 * x * x), 2.0 * fy * x * y
        return pixels, by_xy @ xy_by_point, by_numbers

    def undistorted(self, pixels: Array) -> Array:
        """Where a pinhole with the same K would see what is seen at pixels (n, 2)."""
        straight = cv2.undistortPoints(
            np.ascontiguousarray(pixels)[:, None], self.K, np.array(self.distortion), P=self.K
        )
        return np.asarray(straight, dtype=np.float64)[:, 0]
