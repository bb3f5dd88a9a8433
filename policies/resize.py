"""Pictures at the size that a network sees; training data and live pictures pass through here."""

import numpy as np
from numpy.typing import NDArray

from policies.contract import ImageSpec
from robot_skills.core.errors import MissingDependencyError

_CROP_STEP_PX = 4
"""Crops are multiples of this, so that the strides of an encoder divide them."""


def crop_size(spec: ImageSpec) -> tuple[int, int]:
    """Height and width of the crops that a network sees of a camera [px]."""

    def side(whole: int) -> int:
        return min(whole, max(_CROP_STEP_PX, _CROP_STEP_PX * round(whole * spec.crop / 4)))

    return side(spec.height), side(spec.width)


def resize_colours(picture: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """A picture (H, W, 3) as (height, width, 3), every new pixel the mean of what it covers.

    Raises:
        MissingDependencyError: When OpenCV is missing.
    """
    if picture.shape[:2] == (height, width):
        return picture
    try:
        import cv2
    except ImportError:
        raise MissingDependencyError(
            f"Pictures of {picture.shape[1]} x {picture.shape[0]} px are resized with OpenCV, "
            "which is missing: pip install opencv-python-headless."
        ) from None
    resized = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(resized, dtype=np.uint8)


def resize_depth(depth_m: NDArray, height: int, width: int) -> NDArray:
    """A depth picture (H, W) as (height, width), every new pixel the one in its middle.

    Means would invent surfaces between near and far, and mix missing readings in.
    """
    rows = ((np.arange(height) + 0.5) * depth_m.shape[0] / height).astype(np.int64)
    columns = ((np.arange(width) + 0.5) * depth_m.shape[1] / width).astype(np.int64)
    return depth_m[rows[:, None], columns]
