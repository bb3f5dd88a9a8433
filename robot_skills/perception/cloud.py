"""Coloured points of all cameras in the base frame."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.camera import backproject
from robot_skills.core.errors import PerceptionError
from robot_skills.core.se3 import Array
from robot_skills.core.types import RgbdFrame
from robot_skills.perception.colour import paint_classes


# Without slots: the paint is computed once, when it is first asked for.
@dataclass(frozen=True, kw_only=True, eq=False)
class Cloud:
    """Points with colour; all arrays have one row per point.

    Attributes:
        points_m: Positions in the base frame, (n, 3).
        rgb: Colours in [0, 1], (n, 3).
        pixel_m: Size of one pixel at the point, square to the line of sight, (n,): how coarsely the
            surface was sampled there.
        view: Unit vectors from the points to the camera that saw them, (n, 3).
    """

    points_m: Array
    rgb: Array
    pixel_m: Array
    view: Array

    def __len__(self) -> int:
        return len(self.points_m)

    @cached_property
    def paint(self) -> NDArray[np.int8]:
        """What each point is painted with, see `paint_classes`, (n,)."""
        return paint_classes(self.rgb)

    def select(self, rows: NDArray) -> "Cloud":
        """The points of a boolean mask or of indices."""
        part = Cloud(
            points_m=self.points_m[rows],
            rgb=self.rgb[rows],
            pixel_m=self.pixel_m[rows],
            view=self.view[rows],
        )
        if "paint" in self.__dict__:
            part.__dict__["paint"] = self.paint[rows]
        return part


def join(clouds: Sequence[Cloud]) -> Cloud:
    """All points of one or more clouds."""
    return Cloud(
        points_m=np.concatenate([cloud.points_m for cloud in clouds]),
        rgb=np.concatenate([cloud.rgb for cloud in clouds]),
        pixel_m=np.concatenate([cloud.pixel_m for cloud in clouds]),
        view=np.concatenate([cloud.view for cloud in clouds]),
    )


def fuse(frames: Mapping[str, RgbdFrame], lower_m: Array, upper_m: Array) -> Cloud:
    """One cloud of what all frames show in a volume, in the order of the mapping.

    Args:
        frames: By camera name.
        lower_m: Lowest corner of the volume in the base frame, (3,).
        upper_m: Highest corner, (3,).

    Raises:
        PerceptionError: No frame has a single depth reading.
    """
    points, colours, sizes, views = [], [], [], []
    readings = 0
    for frame in frames.values():
        p_base, pixels = backproject(frame)
        readings += len(p_base)
        inside = np.all((p_base >= lower_m) & (p_base <= upper_m), axis=1)
        p_base, pixels = p_base[inside], pixels[inside]
        depth_m = frame.depth_m[pixels[:, 0], pixels[:, 1]]
        points.append(p_base)
        colours.append(frame.rgb[pixels[:, 0], pixels[:, 1]] / 255.0)
        sizes.append(depth_m / frame.K[1, 1])
        towards = frame.T_base_camera.p - p_base
        views.append(towards / np.linalg.norm(towards, axis=1, keepdims=True))
    if readings == 0:
        raise PerceptionError(
            f"No depth readings in {len(points)} camera frames ({', '.join(frames) or 'none'})."
        )
    return Cloud(
        points_m=np.concatenate(points),
        rgb=np.concatenate(colours),
        pixel_m=np.concatenate(sizes),
        view=np.concatenate(views),
    )
