"""Series at times at which nothing was measured."""

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.se3 import Array, interpolate

_SAME_TIME_S = 1e-6
"""Stamps that are closer than this are one time, computed in two ways."""


def between(stamp_s: Array, time_s: Array) -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
    """The samples around each time, and how far along between them it is.

    Args:
        stamp_s: Increasing times of samples, (n,).
        time_s: Times asked for, (m,); outside of the samples the nearest one is meant.

    Returns:
        Index of the sample before, of the one after, and the fraction in [0, 1], each (m,).
    """
    after = np.searchsorted(stamp_s, time_s).clip(1, max(1, len(stamp_s) - 1))
    after = np.minimum(after, len(stamp_s) - 1)
    before = np.maximum(after - 1, 0)
    gap_s = stamp_s[after] - stamp_s[before]
    safe_s = np.where(gap_s > 0.0, gap_s, 1.0)
    fraction = np.where(gap_s > 0.0, (time_s - stamp_s[before]) / safe_s, 1.0)
    return before, after, fraction.clip(0.0, 1.0)


def numbers_at(stamp_s: Array, values: Array, time_s: Array) -> Array:
    """Numbers (n, ...) interpolated linearly at times (m,)."""
    before, after, fraction = between(stamp_s, time_s)
    s = fraction.reshape(-1, *([1] * (values.ndim - 1)))
    # The sum of both parts would turn an exact sample into its neighbour's NaN.
    mixed = (1.0 - s) * values[before] + s * values[after]
    return np.where(s <= 0.0, values[before], np.where(s >= 1.0, values[after], mixed))


def poses_at(stamp_s: Array, T: Array, time_s: Array) -> Array:
    """Poses (n, 4, 4) at times (m,): straight lines in position, geodesics in rotation."""
    before, after, fraction = between(stamp_s, time_s)
    mixed = interpolate(T[before], T[after], fraction)
    exact = fraction[:, None, None]
    return np.where(exact <= 0.0, T[before], np.where(exact >= 1.0, T[after], mixed))


def held(stamp_s: Array, time_s: Array) -> NDArray[np.intp]:
    """Index of the newest sample at or before each time, (m,); before all of them the first."""
    return np.maximum(np.searchsorted(stamp_s, time_s + _SAME_TIME_S, side="right") - 1, 0)


def nearest(stamp_s: Array, time_s: Array) -> NDArray[np.intp]:
    """Index of the sample nearest to each time, (m,); of two as near, the earlier one."""
    before, after, _ = between(stamp_s, time_s)
    later = (stamp_s[after] - time_s) < (time_s - stamp_s[before]) - _SAME_TIME_S
    return np.where(later, after, before)
