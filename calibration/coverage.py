"""How much of what a calibration needs its views show: the picture's parts, tilts, sizes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.detection import Detection
from robot_skills.core.se3 import SE3, Array

GRID = (8, 6)
"""Columns and rows of the parts that a picture is divided into."""
SIDES = ("left", "right", "up", "down")
TILTED_RAD = np.deg2rad(15.0)
"""A board that leans this far to a side counts for that side."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Coverage:
    """What views show together.

    Attributes:
        corners: How many corners were seen in each part of the picture, (rows, columns).
        tilts: How many views lean ``left right up down``: to which side the board's near edge is.
        nearest_share: Of the picture's area that the largest board fills.
        farthest_share: Of the smallest.
    """

    corners: NDArray[np.intp]
    tilts: dict[str, int]
    nearest_share: float
    farthest_share: float

    @property
    def share(self) -> float:
        """Of the picture's parts that have a corner."""
        return float((self.corners > 0).mean())

    @property
    def empty(self) -> tuple[tuple[int, int], ...]:
        """Rows and columns of the parts without a corner."""
        return tuple((int(row), int(column)) for row, column in np.argwhere(self.corners == 0))


def coverage(detections: Sequence[Detection], poses: Sequence[SE3] = ()) -> Coverage:
    """What views show together.

    Args:
        detections: Of pictures of one size.
        poses: `T_camera_board` of each, where they are known: for the tilts.
    """
    corners = sum(
        (corner_counts(one) for one in detections), np.zeros((GRID[1], GRID[0]), dtype=np.intp)
    )
    tilts: dict[str, int] = {side: 0 for side in SIDES}
    for pose in poses:
        for side in leaning(pose):
            tilts[side] += 1
    areas = [area_share(one) for one in detections] or [0.0]
    return Coverage(
        corners=corners, tilts=tilts, nearest_share=max(areas), farthest_share=min(areas)
    )


def corner_counts(detection: Detection) -> NDArray[np.intp]:
    """Corners in each part of one picture, (rows, columns)."""
    width, height = detection.size_px
    counts, *_ = np.histogram2d(
        detection.pixels[:, 1],
        detection.pixels[:, 0],
        bins=(GRID[1], GRID[0]),
        range=((-0.5, height - 0.5), (-0.5, width - 0.5)),
    )
    return counts.astype(np.intp)


def leaning(T_camera_board: SE3) -> tuple[str, ...]:
    """To which sides of the picture the board's near edge is, if it leans far enough."""
    # The board's z points away from the camera; where that leans left, the left edge is near.
    away = T_camera_board.R[:, 2]
    across, down = np.arctan2(away[0], away[2]), np.arctan2(away[1], away[2])
    sides = []
    if abs(across) > TILTED_RAD:
        sides.append("right" if across > 0.0 else "left")
    if abs(down) > TILTED_RAD:
        sides.append("down" if down > 0.0 else "up")
    return tuple(sides)


def area_share(detection: Detection) -> float:
    """Of the picture that the corners' rectangle fills."""
    extent = detection.pixels.max(axis=0) - detection.pixels.min(axis=0)
    return float(extent.prod() / np.prod(detection.size_px))


def tilt_spread_rad(poses: Sequence[SE3]) -> float:
    """Largest angle between the planes of any two boards."""
    normals: Array = np.array([pose.R[:, 2] for pose in poses])
    return float(np.arccos(np.clip(normals @ normals.T, -1.0, 1.0)).max())
