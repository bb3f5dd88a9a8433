"""Repeated depth frames of one still scene, and the plane in them.

Inverse depth of a plane is linear over the picture, ``w = a u + b v + c``, and the noise of a
stereo camera is as large in it near as far.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.errors import CalibrationRefused, Cause
from robot_skills.core.se3 import Array

LEAST_FRAMES = 10
_ROUNDS = 8
_OUTLIER = 4.0
_MAD = 1.4826
"""Standard deviations per median absolute deviation of a normal distribution."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class DepthSeries:
    """What a camera that stands still sees of a scene that stands still.

    Attributes:
        name: Of the series.
        depth_m: (T, H, W), 0 = hole.
        rgb: One picture of it, uint8, (H, W, 3); None where there is none.
        distance_m: Measured otherwise, along the optical axis; None where nobody did.
    """

    name: str
    depth_m: NDArray[np.float32]
    rgb: NDArray[np.uint8] | None = None
    distance_m: float | None = None

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height."""
        return self.depth_m.shape[2], self.depth_m.shape[1]


def check_series(series: Sequence[DepthSeries], size_px: tuple[int, int]) -> None:
    """Make sure that series can be used together.

    Raises:
        CalibrationRefused: One is too short, of another size, or without a reading.
    """
    for one in series:
        if one.size_px != size_px:
            raise CalibrationRefused(
                Cause.MIXED_SIZES,
                f"Frames of {one.name} are {one.size_px[0]} x {one.size_px[1]}, the lens is that "
                f"of {size_px[0]} x {size_px[1]}: record all at one size.",
            )
        if len(one.depth_m) < LEAST_FRAMES:
            raise CalibrationRefused(
                Cause.FEW_VIEWS,
                f"{one.name} has {len(one.depth_m)} depth frames, {LEAST_FRAMES} are needed: let "
                "the camera stand still and record more.",
            )
        if not (one.depth_m > 0.0).any():
            raise CalibrationRefused(
                Cause.NO_READINGS, f"No frame of {one.name} has a single reading of depth."
            )


def inverse(depth_m: NDArray[np.float32]) -> Array:
    """Inverse depth [1/m], NaN in holes."""
    w = np.full(depth_m.shape, np.nan)
    np.divide(1.0, depth_m, out=w, where=depth_m > 0.0)
    return w


def spread(values: Array) -> float:
    """Standard deviation of values that are normal but for outliers; NaN are left out."""
    there = values[np.isfinite(values)]
    return float(_MAD * np.median(np.abs(there - np.median(there)))) if len(there) else np.nan


def fit_plane(w: Array, rows: Array, columns: Array, terms: int = 3) -> tuple[Array, float]:
    """Coefficients of a plane through most of some inverse depths, and the share that is on it.

    Args:
        w: Inverse depths (n,), NaN in holes.
        rows: Of their pixels, (n,).
        columns: Of their pixels, (n,).
        terms: 3 for a plane; 6 for a surface that is bent.
    """
    there = np.isfinite(w)
    basis, values = surface(rows, columns, terms)[there], w[there]
    keep = np.abs(values - np.median(values)) <= _OUTLIER * max(spread(values), 1e-9)
    found = np.zeros(terms)
    for _ in range(_ROUNDS):
        found = np.linalg.lstsq(basis[keep], values[keep], rcond=None)[0]
        off = values - basis @ found
        keep = np.abs(off) <= _OUTLIER * max(spread(off[keep]), 1e-9)
    return np.asarray(found, dtype=np.float64), float(keep.mean())


def surface(rows: Array, columns: Array, terms: int = 3) -> Array:
    """What the coefficients of `fit_plane` are multiplied with, (n, terms)."""
    u, v = columns / 100.0, rows / 100.0
    return np.stack([u, v, np.ones_like(u), u * u, u * v, v * v][:terms], axis=-1)
