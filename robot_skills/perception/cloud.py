"""Coloured points of all cameras in the base frame."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.camera import backproject
from robot_skills.core.errors import PerceptionError
from robot_skills.core.se3 import Array
from robot_skills.core.types import RgbdFrame


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Cloud:
    """Points with colour; all arrays have one row per point.

    Attributes:
        points_m: Positions in the base frame, (n, 3).
        rgb: Colours in [0, 1], (n, 3).
        pixel_m: Size of one pixel at the point, square to the line of sight, (n,): how coarsely the
            surface was sampled there.
        camera: Index of the camera that saw it, (n,).
    """

    points_m: Array
    rgb: Array
    pixel_m: Array
    camera: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.points_m)

    def select(self, rows: NDArray) -> "Cloud":
        """The points of a boolean mask or of indices."""
        return Cloud(
            points_m=self.points_m[rows],
            rgb=self.rgb[rows],
            pixel_m=self.pixel_m[rows],
            camera=self.camera[rows],
        )

    def inside(self, lower_m: Array, upper_m: Array) -> "Cloud":
        """The points in a box that is aligned with the base frame."""
        p = self.points_m
        return self.select(np.all((p >= lower_m) & (p <= upper_m), axis=1))


def fuse(frames: Mapping[str, RgbdFrame]) -> Cloud:
    """One cloud of all frames, in the order of the mapping.

    Raises:
        PerceptionError: No frame has a single depth reading.
    """
    points, colours, sizes, cameras = [], [], [], []
    for index, frame in enumerate(frames.values()):
        p_base, pixels = backproject(frame)
        depth_m = frame.depth_m[pixels[:, 0], pixels[:, 1]]
        points.append(p_base)
        colours.append(frame.rgb[pixels[:, 0], pixels[:, 1]] / 255.0)
        sizes.append(depth_m / frame.K[1, 1])
        cameras.append(np.full(len(p_base), index, dtype=np.int8))
    if not points or sum(map(len, points)) == 0:
        raise PerceptionError(
            f"No depth readings in {len(points)} camera frames ({', '.join(frames) or 'none'})."
        )
    return Cloud(
        points_m=np.concatenate(points),
        rgb=np.concatenate(colours),
        pixel_m=np.concatenate(sizes),
        camera=np.concatenate(cameras),
    )
