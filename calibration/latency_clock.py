"""A clock that cameras can read: two ArUco markers, whose numbers are seconds and milliseconds."""

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.latency_series import ClockSeries
from robot_skills.core.se3 import Array

_DICTIONARY = cv2.aruco.DICT_5X5_1000
_ROUND_S = 1000.0
"""The clock begins anew after so long."""
_MARGIN = 0.15
"""White around a marker, as a share of its side."""


def draw_clock(shown_s: float, height_px: int) -> NDArray[np.uint8]:
    """What a screen shows at a time, (height, 2 * height)."""
    seconds, milliseconds = divmod(round(1000.0 * shown_s), 1000)
    dictionary = cv2.aruco.getPredefinedDictionary(_DICTIONARY)
    margin = int(np.ceil(_MARGIN * height_px))
    side = height_px - 2 * margin
    face = np.full((height_px, 2 * height_px), 255, dtype=np.uint8)
    for place, number in enumerate((int(seconds) % int(_ROUND_S), int(milliseconds))):
        marker = cv2.aruco.generateImageMarker(dictionary, number, side)
        left = place * height_px + margin
        face[margin : margin + side, left : left + side] = marker
    return face


def read_clock(grey: NDArray[np.uint8]) -> float | None:
    """The time that a clock in a picture (H, W) shows [s], up to `_ROUND_S`; None without one."""
    detector = cv2.aruco.ArucoDetector(cv2.aruco.getPredefinedDictionary(_DICTIONARY))
    corners, numbers, _ = detector.detectMarkers(grey)
    if numbers is None or len(numbers) != 2:
        return None
    left, right = np.argsort([float(one[0][:, 0].mean()) for one in corners])
    return float(numbers[left][0]) + 1e-3 * float(numbers[right][0])


def clock_series(stamp_s: Array, shown_s: Array, period_s: float) -> ClockSeries:
    """What was read, on the clock of the stamps.

    Args:
        stamp_s: Of the pictures, (n,).
        shown_s: What `read_clock` gave, (n,).
        period_s: Of the screen.
    """
    rounds = np.round((stamp_s - shown_s) / _ROUND_S)
    return ClockSeries(stamp_s=stamp_s, shown_s=shown_s + _ROUND_S * rounds, period_s=period_s)
