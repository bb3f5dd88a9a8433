"""Pictures as a pinhole camera would have taken them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import MissingDependencyError
from robot_skills.core.se3 import Array

DISTORTED = 1e-3
"""Coefficients below are as good as none."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Undistortion:
    """Where each pixel of a pinhole's picture is found in a distorted one.

    Attributes:
        columns: float32, (H, W).
        rows: float32, (H, W).
    """

    columns: NDArray[np.float32]
    rows: NDArray[np.float32]

    def rgb(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Colours (H, W, 3), interpolated; black where nothing was seen."""
        cv2 = import_cv2()
        return cv2.remap(picture, self.columns, self.rows, cv2.INTER_LINEAR)

    def depth(self, depth: NDArray) -> NDArray:
        """Depth (H, W): the nearest reading, since a mean of two surfaces is on neither."""
        cv2 = import_cv2()
        return cv2.remap(depth, self.columns, self.rows, cv2.INTER_NEAREST)


def undistortion(
    K: Array, coefficients: Array, size_px: tuple[int, int], *, radial_first: bool = False
) -> Undistortion | None:
    """How to undistort with Brown and Conrady's model; None where there is nothing to do.

    Args:
        K: Intrinsics [px], (3, 3), of the distorted picture and of the pinhole's.
        coefficients: k1, k2, p1, p2, k3.
        size_px: Width and height.
        radial_first: The tangential part is of the point that was moved radially, as in RealSense's
            modified model, rather than of the point itself.
    """
    if np.abs(coefficients).max(initial=0.0) < DISTORTED:
        return None
    k1, k2, p1, p2, k3 = coefficients
    columns, rows = np.meshgrid(np.arange(size_px[0]), np.arange(size_px[1]))
    x, y = (columns - K[0, 2]) / K[0, 0], (rows - K[1, 2]) / K[1, 1]
    r2 = x * x + y * y
    radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))
    xr, yr = x * radial, y * radial
    xt, yt = (xr, yr) if radial_first else (x, y)
    x_seen = xr + 2.0 * p1 * xt * yt + p2 * (r2 + 2.0 * xt * xt)
    y_seen = yr + 2.0 * p2 * xt * yt + p1 * (r2 + 2.0 * yt * yt)
    return Undistortion(
        columns=(x_seen * K[0, 0] + K[0, 2]).astype(np.float32),
        rows=(y_seen * K[1, 1] + K[1, 2]).astype(np.float32),
    )


def import_cv2() -> Any:
    """The module `cv2`.

    Raises:
        MissingDependencyError: OpenCV is not installed.
    """
    try:
        import cv2
    except ImportError:
        raise MissingDependencyError(
            "This camera needs OpenCV: pip install opencv-python-headless."
        ) from None
    return cv2
