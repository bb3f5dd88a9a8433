"""Readings at jumps of depth, which may be of neither surface."""

import cv2
import numpy as np
from numpy.typing import NDArray

_JUMP = 0.03
"""Of inverse depth [1/m]: that of a cube's edge before the table, seen from a metre away."""
_KERNEL = np.ones((3, 3), dtype=np.uint8)
_FAR = np.float32(1e9)


def without_edges(depth_m: NDArray[np.float32]) -> NDArray[np.float32]:
    """Depth with holes where it jumps.

    A reading between two surfaces is worse than none for whoever takes sizes and shapes from depth:
    it makes things larger, and joins them with what is behind.

    Args:
        depth_m: (H, W), 0 = hole.
    """
    read = depth_m > 0.0
    inverse = np.zeros_like(depth_m)
    inverse[read] = 1.0 / depth_m[read]
    nearest = cv2.dilate(inverse, _KERNEL)
    furthest = cv2.erode(np.where(read, inverse, _FAR), _KERNEL)
    return np.where(nearest - furthest > _JUMP, np.float32(0.0), depth_m)
