"""What a camera's lens is like, as four numbers and as a matrix, and whether two are the same."""

import numpy as np

from robot_skills.core.se3 import Array

_SAME_FOCAL = 0.01
_SAME_CENTRE_PX = 5.0


def lens_matrix(lens_px: tuple[float, float, float, float]) -> Array:
    """K (3, 3) [px] of fx, fy, cx, cy."""
    fx, fy, cx, cy = lens_px
    return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])


def lens_numbers(K: Array) -> tuple[float, float, float, float]:
    """fx, fy, cx, cy of K (3, 3)."""
    return float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2])


def is_same_lens(K: Array, told: Array) -> bool:
    """Whether intrinsics are those that somebody was told, as far as calibrations agree.

    Args:
        K: Found, (3, 3).
        told: Wanted, (3, 3).
    """
    wanted = np.array(lens_numbers(told))
    room = np.array([*(_SAME_FOCAL * wanted[:2]), _SAME_CENTRE_PX, _SAME_CENTRE_PX])
    return bool((np.abs(np.array(lens_numbers(K)) - wanted) <= room).all())
