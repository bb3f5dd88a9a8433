"""Contract of RGB-D cameras and the geometry of one pinhole frame."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.se3 import Array
from robot_skills.core.types import RgbdFrame


class Camera(Protocol):
    """One RGB-D camera with known intrinsics and pose."""

    @property
    def name(self) -> str: ...

    def connect(self) -> None: ...

    def read(self) -> RgbdFrame:
        """The latest frame, with the stamp of its capture.

        Raises:
            PerceptionError: No frame arrived in time.
        """
        ...

    def close(self) -> None: ...


def pinhole(width_px: int, height_px: int, fovy_rad: float) -> Array:
    """Intrinsics (3, 3) of an ideal camera; pixel (0, 0) has its centre at (0, 0)."""
    f_px = 0.5 * height_px / np.tan(0.5 * fovy_rad)
    return np.array(
        [[f_px, 0.0, 0.5 * (width_px - 1)], [0.0, f_px, 0.5 * (height_px - 1)], [0.0, 0.0, 1.0]]
    )


def backproject(frame: RgbdFrame) -> tuple[Array, NDArray[np.intp]]:
    """Points of a frame in the base frame.

    Returns:
        Points [m], (n, 3), and the pixel indices they come from as (row, column), (n, 2); pixels
        without a reading are left out.
    """
    rows, columns = np.nonzero(frame.depth_m > 0.0)
    z = frame.depth_m[rows, columns].astype(np.float64)
    x = (columns - frame.K[0, 2]) * z / frame.K[0, 0]
    y = (rows - frame.K[1, 2]) * z / frame.K[1, 1]
    points = frame.T_base_camera @ np.stack([x, y, z], axis=-1)
    return points, np.stack([rows, columns], axis=-1)
