"""Noise of a stereo camera's readings, from a flat target at several distances.

With disparity d, focal length f and baseline B, ``w = 1/z = d / (f B)``: noise and steps of the
disparity are those of w, and the standard deviation of z grows with z squared (Keselman et al.,
*Intel RealSense stereoscopic depth cameras*, 2017).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from calibration.depth_frames import DepthSeries, fit_plane, inverse, spread, surface
from calibration.errors import CalibrationRefused, Cause
from robot_skills.core.se3 import Array

LEAST_DISTANCES = 3
_LEAST_SPREAD = 1.5
"""The furthest target is so many times as far as the nearest."""
_MIDDLE = 0.5
"""Share of the picture's width and height that the target fills."""
_LEAST_ON_PLANE = 0.7
_MOST_BEND = 0.01
"""How far a flat target may be bent, as a share of its distance."""
_WILD = 6.0
"""Standard deviations beyond which a reading is no noise."""
_SEEN_UNITS = 2.5
"""Steps of depth can be told from its unit when they are so many units wide."""
_RARE = 1e-3


@dataclass(frozen=True, kw_only=True, slots=True)
class FlatView:
    """A flat target at one distance.

    Attributes:
        distance_m: Found, along the optical axis.
        told_m: Measured otherwise; None where nobody did.
        frames: How many.
        pixels: Of the target in each.
        holes: Share of them without a reading.
        temporal_w: Standard deviation from frame to frame [1/m].
        fixed_w: Standard deviation from pixel to pixel that stays [1/m].
        step_w: Of the readings [1/m]; 0 where steps cannot be told.
        bend: How far the target is from flat, as a share of its distance.
    """

    distance_m: float
    told_m: float | None
    frames: int
    pixels: int
    holes: float
    temporal_w: float
    fixed_w: float
    step_w: float
    bend: float

    @property
    def total_w(self) -> float:
        """Standard deviation of a reading [1/m]."""
        return float(np.hypot(self.temporal_w, self.fixed_w))

    @property
    def std_m(self) -> float:
        """Standard deviation of a reading."""
        return self.total_w * self.distance_m**2


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FlatNoise:
    """What all distances say together; after each number, its standard deviation.

    Attributes:
        sigma_w: Standard deviation of inverse depth without the steps' share [1/m].
        exponent: Of the distance, in the law of the noise of z; two by theory.
        fixed_share: Share of the variance that stays from frame to frame.
        correlation_px: Over which the noise is smooth (standard deviation of the kernel).
        step_w: Inverse depth is a multiple of it [1/m]; 0 where no distance shows it.
        dropout: Share of holes.
        flicker: Share of the holes' variance that is new in every frame.
        scale: Depth is off by this factor; 1 where no distance was told.
        offset_m: And by this much.
        views: By name of the series.
    """

    sigma_w: tuple[float, float]
    exponent: tuple[float, float]
    fixed_share: tuple[float, float]
    correlation_px: tuple[float, float]
    step_w: tuple[float, float]
    dropout: tuple[float, float]
    flicker: tuple[float, float]
    scale: tuple[float, float]
    offset_m: tuple[float, float]
    views: dict[str, FlatView]


def fit_flat(
    series: Sequence[DepthSeries], centre_px: tuple[float, float], unit_m: float
) -> FlatNoise:
    """Fit the noise of readings.

    Args:
        series: A flat target that fills the middle of the picture, at several distances.
        centre_px: Where the optical axis meets the picture.
        unit_m: Depth is a multiple of it.

    Raises:
        CalibrationRefused: There are too few distances, or a target is not flat.
    """
    views = {one.name: _view(one, centre_px, unit_m) for one in series}
    _check_distances([view.distance_m for view, *_ in views.values()])
    flats = [view for view, *_ in views.values()]
    steps = [view.step_w for view in flats if view.step_w > 0.0]
    step_w = _mean(steps) if steps else (0.0, 0.0)
    rounding = [step_w[0] ** 2 / 12.0 + (unit_m / v.distance_m**2) ** 2 / 12.0 for v in flats]
    temporal = [max(v.temporal_w**2 - part, 0.0) for v, part in zip(flats, rounding, strict=True)]
    variances = [v.fixed_w**2 + part for v, part in zip(flats, temporal, strict=True)]
    variance, variance_error = _mean(variances)
    scale, offset_m = _bias(flats)
    return FlatNoise(
        sigma_w=(float(np.sqrt(variance)), 0.5 * variance_error / max(variance**0.5, 1e-12)),
        exponent=_exponent(flats),
        fixed_share=_mean(
            [v.fixed_w**2 / max(a, 1e-18) for v, a in zip(flats, variances, strict=True)]
        ),
        correlation_px=_mean([length for _, length, _ in views.values()]),
        step_w=step_w,
        dropout=_mean([view.holes for view in flats]),
        flicker=_mean([flicker for *_, flicker in views.values() if np.isfinite(flicker)] or [1.0]),
        scale=scale,
        offset_m=offset_m,
        views={name: view for name, (view, *_) in views.items()},
    )


def _view(
    one: DepthSeries, centre_px: tuple[float, float], unit_m: float
) -> tuple[FlatView, float, float]:
    """One distance; over how many pixels its noise is smooth; and how its holes flicker."""
    width, height = one.size_px
    across, down = int(width * _MIDDLE), int(height * _MIDDLE)
    part = np.s_[:, (height - down) // 2 :, (width - across) // 2 :]
    middle = one.depth_m[part][:, :down, :across]
    rows, columns = (
        np.mgrid[:down, :across]
        + np.array([(height - down) // 2, (width - across) // 2])[:, None, None]
    )
    w = inverse(middle)
    often = np.isfinite(w).mean(axis=0) >= 0.5
    if often.mean() < _LEAST_ON_PLANE:
        raise CalibrationRefused(
            Cause.NO_READINGS,
            f"{one.name}: only {100 * often.mean():.0f} % of the picture's middle is read: light "
            "the target, give it some texture, or go nearer.",
        )
    still = np.full(w.shape[1:], np.nan)
    still[often] = np.nanmean(w[:, often], axis=0)
    places = rows.ravel().astype(float), columns.ravel().astype(float)
    plane, on_plane = fit_plane(still.ravel(), *places)
    bent, _ = fit_plane(still.ravel(), *places, terms=6)
    flat_w = (surface(*places) @ plane).reshape(still.shape)
    w_centre = float((surface(np.array([centre_px[1]]), np.array([centre_px[0]])) @ plane)[0])
    bend = float(np.std(surface(*places, 6) @ bent - flat_w.ravel())) / max(w_centre, 1e-9)
    if on_plane < _LEAST_ON_PLANE or bend > _MOST_BEND or w_centre <= 0.0:
        raise CalibrationRefused(
            Cause.NOT_FLAT,
            f"{one.name}: what the picture's middle shows is not flat ({100 * on_plane:.0f} % of "
            f"it on one plane, bent by {100 * bend:.1f} %): fill it with a wall or a board.",
        )
    off = w - flat_w
    off[np.abs(off) > _WILD * spread(off)] = np.nan
    frames = np.isfinite(off).sum(axis=0)
    enough = frames >= 2
    mean = np.full(still.shape, np.nan)
    mean[enough] = np.nanmean(off[:, enough], axis=0)
    temporal = float(np.nanmean(np.nanvar(off[:, enough], axis=0, ddof=1)))
    fixed = float(np.nanvar(mean)) - temporal * float(np.mean(1.0 / frames[enough]))
    view = FlatView(
        distance_m=1.0 / w_centre,
        told_m=one.distance_m,
        frames=len(w),
        pixels=int(often.size),
        holes=float(np.isnan(w).mean()),
        temporal_w=float(np.sqrt(temporal)),
        fixed_w=float(np.sqrt(max(fixed, 0.0))),
        step_w=_step(middle, unit_m),
        bend=bend,
    )
    return view, _smoothness(off - mean), _flicker(np.isnan(w))


def _smoothness(noise: Array) -> float:
    """Standard deviation [px] of the Gaussian kernel that makes white noise as smooth as this.

    Its correlation over n pixels is ``exp(-n^2 / 4 s^2)``; the ratio of two of them leaves out the
    white noise of the steps.
    """
    near, far = (
        float(np.nanmean(np.concatenate([
            (noise[:, n:] * noise[:, :-n]).ravel(), (noise[..., n:] * noise[..., :-n]).ravel()
        ])))
        for n in (1, 2)
    )  # fmt: skip
    if near <= 0.0:
        return 0.0
    ratio = near / max(far, 1e-3 * near)
    return float(np.sqrt(3.0 / (4.0 * np.log(max(ratio, 1.0 + 1e-6)))))


def _flicker(holes: NDArray[np.bool_]) -> float:
    """Share of the holes' variance that is new in every frame; NaN where there are hardly any.

    A hole is where a normal variable is below a threshold; how often two frames have the same
    holes says how much of that variable they share (tetrachoric correlation, Pearson, 1900).
    """
    share = float(holes.mean())
    if not 10.0 / holes[0].size < share < 0.9:
        return float("nan")
    both = float((holes[1:] & holes[:-1]).mean())
    at = float(ndtri(share))
    x = np.linspace(-8.0, at, 800)
    shared = np.linspace(0.0, 0.999, 500)[:, None]
    given = ndtr((at - shared * x) / np.sqrt(1.0 - shared**2))
    expected = np.trapezoid(np.exp(-0.5 * x * x) / np.sqrt(2.0 * np.pi) * given, x, axis=1)
    return float(1.0 - np.interp(both, expected, shared[:, 0]))


def _step(depth_m: NDArray[np.float32], unit_m: float) -> float:
    """Of inverse depth [1/m], from the values that readings have; 0 where it cannot be told."""
    values, counts = np.unique(np.round(depth_m[depth_m > 0.0] / unit_m), return_counts=True)
    values = values[counts > _RARE * counts.sum()] * unit_m
    if len(values) < 3 or np.median(np.diff(values)) < _SEEN_UNITS * unit_m:
        return 0.0
    w = np.sort(1.0 / values)
    step = float(np.median(np.diff(w)))
    number = np.round((w - w[0]) / step)
    return float(np.polyfit(number, w, 1)[0])


def _exponent(views: Sequence[FlatView]) -> tuple[float, float]:
    """Of the distance in the law of the noise, and its standard deviation."""
    z, std = (np.log([getattr(v, name) for v in views]) for name in ("distance_m", "std_m"))
    slope, at = np.polyfit(z, std, 1)
    off = std - (slope * z + at)
    error = np.sqrt((off**2).sum() / max(len(z) - 2, 1) / ((z - z.mean()) ** 2).sum())
    return float(slope), float(error)


def _bias(views: Sequence[FlatView]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Factor and offset of depth, with their standard deviations; none where nothing was told."""
    told = [(v.told_m, v.distance_m) for v in views if v.told_m is not None]
    if len(told) < LEAST_DISTANCES:
        return (1.0, 0.0), (0.0, 0.0)
    true, found = np.array(told).T
    basis = np.stack([true, np.ones_like(true)], axis=-1)
    both = np.linalg.lstsq(basis, found, rcond=None)[0]
    left = float(((found - basis @ both) ** 2).sum()) / max(len(true) - 2, 1)
    errors = np.sqrt(np.diag(left * np.linalg.inv(basis.T @ basis)))
    return (float(both[0]), float(errors[0])), (float(both[1]), float(errors[1]))


def _check_distances(distances_m: Sequence[float]) -> None:
    if len(distances_m) < LEAST_DISTANCES or max(distances_m) < _LEAST_SPREAD * min(distances_m):
        found = ", ".join(f"{z:.2f}" for z in sorted(distances_m))
        raise CalibrationRefused(
            Cause.FEW_VIEWS,
            f"The flat target is needed at {LEAST_DISTANCES} distances or more, the furthest "
            f"{_LEAST_SPREAD} times as far as the nearest; there are {found} m.",
        )


def _mean(values: Sequence[float]) -> tuple[float, float]:
    """Mean and its standard deviation."""
    error = float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0
    return float(np.mean(values)), error
