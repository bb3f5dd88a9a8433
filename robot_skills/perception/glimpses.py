"""What things look like: a small square picture of each, cut out of a camera's."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.next_call import GLIMPSE_PX, Glimpses
from robot_skills.core.scene import TABLE, Entity, Scene
from robot_skills.core.se3 import Array
from robot_skills.core.types import RgbdFrame

_MARGIN = 1.3
"""Side of the square, as a share of the larger side of what the thing covers."""
_LEAST_PX = 6.0
"""Things that cover less show nothing."""
_NEAREST_M = 0.05
_CORNERS = np.array([(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])


def glimpses(scene: Scene, frames: Mapping[str, RgbdFrame]) -> Glimpses:
    """A picture of every thing that is in view of a camera; of the first, where several see it.

    What stands in front of a thing is in its picture as well. The table is left out.

    Args:
        scene: Where things are.
        frames: Newest frame of each camera, with its pose.
    """
    found: dict[str, NDArray[np.uint8]] = {}
    for entity in scene:
        if entity.name == TABLE:
            continue
        cuts = (_cut_out(entity, frame) for frame in frames.values())
        picture = next((cut for cut in cuts if cut is not None), None)
        if picture is not None:
            found[entity.name] = picture
    return found


def _cut_out(entity: Entity, frame: RgbdFrame) -> NDArray[np.uint8] | None:
    """The thing in a frame, scaled to the size of a glimpse; None where its middle is not in it."""
    p_base_corners = entity.T_base_entity @ (_CORNERS * entity.extents_m)
    p_camera_corners = frame.T_base_camera.inverse() @ p_base_corners
    if p_camera_corners[:, 2].min() < _NEAREST_M:
        return None
    pixels = _projected(p_camera_corners, frame.K)
    lower, upper = pixels.min(axis=0), pixels.max(axis=0)
    middle, side = 0.5 * (lower + upper), _MARGIN * float((upper - lower).max())
    height, width = frame.rgb.shape[:2]
    inside = 0.0 <= middle[0] < width and 0.0 <= middle[1] < height
    if not inside or side < _LEAST_PX:
        return None
    # Beyond the border its colours go on.
    steps = (np.arange(GLIMPSE_PX) + 0.5) / GLIMPSE_PX - 0.5
    columns = np.clip(middle[0] + side * steps, 0.0, width - 1.0)
    rows = np.clip(middle[1] + side * steps, 0.0, height - 1.0)
    return _interpolated(frame.rgb, rows, columns)


def _interpolated(rgb: NDArray[np.uint8], rows: Array, columns: Array) -> NDArray[np.uint8]:
    """A picture at rows (h,) and columns (w,) between its pixels, (h, w, 3)."""
    up, left = rows.astype(int), columns.astype(int)
    down = np.minimum(up + 1, rgb.shape[0] - 1)
    right = np.minimum(left + 1, rgb.shape[1] - 1)
    across = (columns - left)[None, :, None]
    upper = rgb[up][:, left] * (1.0 - across) + rgb[up][:, right] * across
    lower = rgb[down][:, left] * (1.0 - across) + rgb[down][:, right] * across
    below = (rows - up)[:, None, None]
    return np.rint(upper * (1.0 - below) + lower * below).astype(np.uint8)


def _projected(p_camera: Array, K: Array) -> Array:
    """Pixels (n, 2), as column and row, of points (n, 3)."""
    pixels = p_camera @ K.T
    return pixels[:, :2] / pixels[:, 2:]
