"""Measured motions without their noise, and without what their stamps are off by at random."""

import numpy as np
from scipy.interpolate import make_lsq_spline

from calibration.latency_series import Series
from robot_skills.core.se3 import Array

_CUBIC = 3
_SPACINGS = (1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
"""Of knots, in samples."""


def smoothed(series: Series) -> Series:
    """A regression spline through a motion, with knots as far apart as its noise asks for.

    How far that is, generalised cross-validation says (Craven and Wahba, 1979), for each number by
    itself.
    """
    count = len(series.stamp_s)
    fits = [_fitted(series, spacing) for spacing in _SPACINGS]
    left = np.stack([((series.values - values) ** 2).sum(axis=0) for values, _ in fits])
    free = np.array([[count - knots] for _, knots in fits])
    best = np.argmin(left / free**2, axis=0)
    values = np.stack([fits[one][0][:, i] for i, one in enumerate(best)], axis=-1)
    return Series(name=series.name, stamp_s=series.stamp_s, values=values)


def _fitted(series: Series, spacing: float) -> tuple[Array, int]:
    """Values of the spline at the samples, (n, k), and how many numbers describe each of them."""
    stamp_s = series.stamp_s
    pieces = max(int((len(stamp_s) - 1) / spacing), 1)
    # At every n-th sample, so that none of the pieces is without one where there are pauses.
    inner = np.interp(
        np.linspace(0.0, len(stamp_s) - 1.0, pieces + 1), np.arange(len(stamp_s)), stamp_s
    )
    ends = [np.repeat(inner[:1], _CUBIC), inner, np.repeat(inner[-1:], _CUBIC)]
    spline = make_lsq_spline(stamp_s, series.values, np.concatenate(ends), _CUBIC)
    return np.asarray(spline(stamp_s), dtype=np.float64), pieces + _CUBIC
