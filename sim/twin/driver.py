"""What the driver of a depth camera makes of what was measured: fewer pixels, and smooth ones.

These are the filters that makers of such cameras recommend before anything else is done (RealSense,
*Depth post-processing*): decimation, and an edge-preserving filter in disparity, where the noise is
alike near and far.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

_REACH_PX = 9
_LIKE_1_M = 0.012
"""Standard deviation [1/m] of inverse depths that are taken for one surface."""
_NEAR_PX = 2.5
_SPECKLE_PX = 5


def decimated(
    rgb: NDArray[np.uint8], depth_m: NDArray[np.float32], by: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Pictures of fewer pixels: the mean of colours, the median of those depths that were read.

    Args:
        rgb: (H, W, 3).
        depth_m: (H, W), 0 = no reading.
        by: Pixels across that become one; H and W are multiples of it.
    """
    if by == 1:
        return rgb, depth_m
    height, width = depth_m.shape[0] // by, depth_m.shape[1] // by
    mean = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
    blocks = depth_m.reshape(height, by, width, by).swapaxes(1, 2).reshape(height, width, -1)
    blocks = np.sort(blocks, axis=-1)
    read = np.count_nonzero(blocks, axis=-1)
    # Those that were not read are the first; of an even number, the nearer middle one.
    middle = blocks.shape[-1] - read + np.maximum(read - 1, 0) // 2
    middle = np.minimum(middle, blocks.shape[-1] - 1)
    median = np.take_along_axis(blocks, middle[..., None], axis=-1)[..., 0]
    return np.asarray(mean, dtype=np.uint8), median


def smoothed(depth_m: NDArray[np.float32]) -> NDArray[np.float32]:
    """Depth with less noise within surfaces, small holes filled from what is next to them.

    The filter is the bilateral one (Tomasi and Manduchi, *Bilateral filtering for gray and color
    images*, 1998) of inverse depth.

    Args:
        depth_m: (H, W), 0 = no reading.
    """
    read = depth_m > 0.0
    if not read.any():
        return depth_m
    inverse = np.zeros_like(depth_m)
    inverse[read] = 1.0 / depth_m[read]
    _, labels = cv2.distanceTransformWithLabels(
        (~read).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    nearest = np.asarray(labels, dtype=np.intp)
    by_label = np.zeros(int(nearest.max()) + 1, dtype=np.float32)
    by_label[nearest[read]] = inverse[read]
    filled = cv2.medianBlur(by_label[nearest], _SPECKLE_PX)
    smooth = cv2.bilateralFilter(filled, _REACH_PX, _LIKE_1_M, _NEAR_PX)
    near = cv2.dilate(read.astype(np.uint8), np.ones((3, 3), dtype=np.uint8)) > 0
    kept = near & (smooth > 0.0)
    out = np.zeros_like(depth_m)
    out[kept] = 1.0 / smooth[kept]
    return out
