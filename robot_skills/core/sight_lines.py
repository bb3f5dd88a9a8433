"""Whether a camera sees past where a thing is believed to be: then it is not there."""

import numpy as np

from robot_skills.core.scene import Entity
from robot_skills.core.types import RgbdFrame

_SEEN_THROUGH = 0.5
_INNER = 0.35
"""Points of a box up to this share of its sizes from its middle: its borders may be a little off"""


def sees_through(frame: RgbdFrame, entity: Entity) -> bool:
    """Whether a camera sees something behind the whole of an entity's place.

    What stands or moves before the place, such as the arm, hides it and proves nothing.

    Args:
        frame: One picture with depth.
        entity: Where it is believed to be.
    """
    along = (-_INNER, 0.0, _INNER)
    corners = np.stack(np.meshgrid(along, along, along), axis=-1).reshape(-1, 3)
    p = frame.T_base_camera.inverse() @ (entity.T_base_entity @ (corners * entity.extents_m))
    if np.any(p[:, 2] <= 0.0):
        return False
    columns = np.rint(p[:, 0] / p[:, 2] * frame.K[0, 0] + frame.K[0, 2]).astype(int)
    rows = np.rint(p[:, 1] / p[:, 2] * frame.K[1, 1] + frame.K[1, 2]).astype(int)
    height, width = frame.depth_m.shape
    if np.any((columns < 0) | (columns >= width) | (rows < 0) | (rows >= height)):
        return False
    behind = frame.depth_m[rows, columns] > p[:, 2] + 0.5 * float(entity.extents_m.min())
    return bool(behind.mean() > _SEEN_THROUGH)
