"""How late a motion follows what it was told: the delay, apart from the lag of the servo.

A servo that trails its setpoint looks late, but is not: it acts at once, only softly. With ``u``
what is told and ``y`` what follows, per direction of motion i and for Laplace's ``s``

=======  ===========================================================================
``d``    delay [s], the same in all directions
``L``    servo's lag for slow motions [s], at least 0; it, c and w are each direction's own
``c``    lead that a servo has which is told velocities, too [s], at least 0
``w``    square of the servo's time constant [s^2], at least 0
``g``    gain of a direction
``y_i``  ``g_i exp(-d s) (1 + c s) / (1 + (L + c) s + w s^2) u_i + offset_i``
=======  ===========================================================================

Where the motion has slow and fast parts, its shape tells the delay from the lag: a lag also makes
fast parts smaller. The peak of the cross-correlation, which sees their sum, is where the fit
starts (UMI, Chi et al., 2024, takes the peak itself).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.signal import cont2discrete, find_peaks, lfilter

from calibration.errors import CalibrationRefused, Cause
from calibration.latency_series import Series, checked, common
from robot_skills.core.se3 import Array

EARLIEST_S, LATEST_S = -0.2, 0.8
"""Delays that are looked for."""
_STEP_S = 0.005
_FILTER_S = 0.0025
_SEGMENTS = 5
_LEAST_LIKE = 0.6
"""Correlation below which one motion is not that of the other."""
_RIVAL = 0.93
"""Share of the peak at which another one makes it ambiguous."""
_RIVAL_S = 1.5
_STILL = 0.05
"""Directions that move less than this share of the largest motion say nothing."""
_FOLLOWS = 0.2
"""A direction in which so little of what was told is done is held back."""
_APART_S = 0.015
_WORST_SIGMA_S = 0.004
_LEAST_SIGMA_S = 1e-4
"""No direction counts for more than one that is known as well as this."""
_LONGEST_LAG_S = 0.5
_LOWEST = np.array([EARLIEST_S, 0.0, 0.0, 0.0])
_HIGHEST = np.array([LATEST_S, _LONGEST_LAG_S, _LONGEST_LAG_S, 0.25 * _LONGEST_LAG_S**2])
_STEPS = np.array([0.01, 0.01, 0.02, 1e-3])
_SERVO_STARTS = np.array([0.02, 0.02, 2e-4])
_KINDS = np.array(
    [[0, 0, 0], [1, 0, 0], [1, 0, 1], [0, 1, 1], [1, 1, 1]],
    dtype=np.bool_,
)
"""Which of ``L, c, w`` a servo has: none, first order, second order, with lead, with both."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Delay:
    """How late one series is after another.

    Attributes:
        delay_s: Found; negative where the second is ahead.
        sigma_s: Standard deviation.
        lag_s: Of a servo's softness, which is no delay.
        likeness: Correlation at the best delay, or the share that is explained, in [0, 1].
        segments_s: Delays that parts of the recording say by themselves.
        samples: That were compared.
        tried_s: Delays that were tried, (m,).
        curve: Likeness at each of them, (m,).
    """

    delay_s: float
    sigma_s: float
    lag_s: float = 0.0
    likeness: float
    segments_s: tuple[float, ...]
    samples: int
    tried_s: Array
    curve: Array


def response_delay(told: Series, seen: Series, least: float) -> Delay:
    """How late a motion follows what it was told.

    Args:
        told: Numbers that the motion was to have, (n, k).
        seen: Numbers that it had, (m, k), in the same order and units.
        least: Range of the told numbers below which nothing can be found.

    Raises:
        CalibrationRefused: Nothing can be found from these; says why.
    """
    told, seen = checked(told), checked(seen)
    told, seen = common(told, seen, LATEST_S)
    told, seen = _moving(told, seen, least)
    tried_s, curve = correlation(told, seen)
    start_s, likeness = clear_peak(tried_s, curve, f"{seen.name} after {told.name}")
    directions = [
        _Direction(told.channels(one), seen.channels(one))
        for one in np.eye(told.values.shape[1], dtype=np.bool_)
    ]
    fits = [(one, one.fit(start_s)) for one in directions]
    settled = [(one, fit) for one, fit in fits if fit is not None]
    if not settled:
        raise CalibrationRefused(
            Cause.NOT_CONVERGED,
            f"{seen.name}: no delay and servo describe this motion: record again.",
        )
    found = np.stack([fit.at for _, fit in settled])
    weight = np.array([max(fit.sigma_s, _LEAST_SIGMA_S) ** -2 for _, fit in settled])
    weight /= weight.sum()
    delay_s, lag_s = (float(weight @ found[:, i]) for i in (0, 1))
    segments_s = tuple(weight @ np.stack([one.segments(fit) for one, fit in settled]))
    # What directions and parts differ by, they would differ by next time, too.
    spread_s = float(np.sqrt(weight**2 @ (found[:, 0] - delay_s) ** 2))
    parts_s = float(np.std(segments_s, ddof=1) / np.sqrt(len(segments_s)))
    own_s = float(np.sqrt(weight**2 @ np.array([fit.sigma_s**2 for _, fit in settled])))
    sigma_s = max(spread_s, parts_s, own_s)
    agree(segments_s, sigma_s, seen.name)
    inside = (tried_s >= EARLIEST_S) & (tried_s <= LATEST_S)
    return Delay(
        delay_s=delay_s,
        sigma_s=sigma_s,
        lag_s=lag_s,
        likeness=likeness,
        segments_s=segments_s,
        samples=len(seen.stamp_s),
        tried_s=tried_s[inside],
        curve=curve[inside],
    )


def _moving(told: Series, seen: Series, least: float) -> tuple[Series, Series]:
    """The directions in which there was motion."""
    told_range = np.ptp(told.values, axis=0)
    largest = float(told_range.max())
    if largest < least:
        raise CalibrationRefused(
            Cause.NOT_MOVED,
            f"{told.name} moves by {largest:.4f}, at least {least:g} is needed: move further.",
        )
    seen_range = np.ptp(seen.values, axis=0)
    chosen = told_range > max(_STILL * largest, 0.25 * least)
    chosen &= seen_range > _FOLLOWS * told_range
    if not chosen.any():
        raise CalibrationRefused(
            Cause.NOT_MOVED,
            f"{seen.name} hardly moves while {told.name} moves by {largest:.4f}: the arm does not "
            "follow, or something else was recorded.",
        )
    return told.channels(chosen), seen.channels(chosen)


def correlation(told: Series, seen: Series) -> tuple[Array, Array]:
    """Normalised cross-correlation of velocities.

    Returns:
        Delays that were tried, (m,), and the correlation at each, (m,).
    """
    start_s, end_s = seen.stamp_s[0], seen.stamp_s[-1]
    grid_s = np.arange(start_s, end_s, _STEP_S, dtype=np.float64)
    following = _velocity(grid_s, _held(seen, grid_s))
    tried_s = np.arange(EARLIEST_S - _RIVAL_S, LATEST_S + _RIVAL_S, _STEP_S, dtype=np.float64)
    curve = np.zeros(len(tried_s))
    for i, delay_s in enumerate(tried_s):
        inside = (grid_s - delay_s >= told.stamp_s[0]) & (grid_s - delay_s <= told.stamp_s[-1])
        if np.count_nonzero(inside) < 2.0 / _STEP_S:
            continue
        leading = _velocity(grid_s, _held(told, grid_s - delay_s))[inside]
        curve[i] = _likeness(leading, following[inside])
    return tried_s, curve


def _held(series: Series, at_s: Array) -> Array:
    """Values at times (n,), straight between samples and held at the ends, (n, k)."""
    return np.stack([np.interp(at_s, series.stamp_s, one) for one in series.values.T], axis=-1)


def _velocity(stamp_s: Array, values: Array) -> Array:
    return np.gradient(values, stamp_s, axis=0)


def _likeness(a: Array, b: Array) -> float:
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    # Each direction has a gain of its own.
    scale = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    weight = (a**2).sum(axis=0)
    each = np.abs((a * b).sum(axis=0)) / np.where(scale > 0.0, scale, 1.0)
    return float((weight * each).sum() / max(weight.sum(), 1e-30))


def clear_peak(
    tried_s: Array, curve: Array, what: str, least: float = _LEAST_LIKE
) -> tuple[float, float]:
    """Where a curve is highest, between its points, and how high.

    Args:
        tried_s: Delays, (m,).
        curve: Likeness at each, (m,).
        what: Is compared, for messages.
        least: Likeness that two motions of the same thing have.

    Raises:
        CalibrationRefused: It is nowhere high, at the end of what was tried, or as high elsewhere.
    """
    inside = (tried_s >= EARLIEST_S) & (tried_s <= LATEST_S)
    best = int(np.argmax(np.where(inside, curve, -np.inf)))
    if curve[best] < least:
        raise CalibrationRefused(
            Cause.NOT_ALIKE,
            f"{what}: the motions are not alike (correlation {curve[best]:.2f}, at least "
            f"{least:g} is needed): another arm or camera, or something else moved.",
        )
    peaks, _ = find_peaks(curve)
    rivals = [i for i in peaks if abs(i - best) > 2 and curve[i] >= _RIVAL * curve[best]]
    if rivals:
        seconds = ", ".join(f"{tried_s[i]:.2f}" for i in rivals[:3])
        raise CalibrationRefused(
            Cause.AMBIGUOUS,
            f"{what}: delays of {tried_s[best]:.2f} s and {seconds} s suit equally well: the "
            "motion repeats itself. Move irregularly, as this command does by itself.",
        )
    if best in (int(np.flatnonzero(inside)[0]), int(np.flatnonzero(inside)[-1])):
        raise CalibrationRefused(
            Cause.NOT_CONVERGED,
            f"{what}: no delay between {EARLIEST_S:g} and {LATEST_S:g} s suits best: the clocks "
            "of the two have nothing to do with each other.",
        )
    return vertex(tried_s, curve, best), float(curve[best])


def vertex(x: Array, y: Array, best: int) -> float:
    """Where the parabola through a highest point and its neighbours is highest."""
    a, b, c = y[best - 1], y[best], y[best + 1]
    bend = a - 2.0 * b + c
    shift = 0.0 if bend >= 0.0 else 0.5 * (a - c) / bend
    return float(x[best] + np.clip(shift, -0.5, 0.5) * (x[best + 1] - x[best]))


def agree(segments_s: tuple[float, ...], sigma_s: float, what: str) -> None:
    """Refuse parts of a recording that contradict each other, and what is not known well."""
    apart_s = float(np.ptp(segments_s))
    if apart_s > 2.0 * _APART_S or sigma_s > _WORST_SIGMA_S:
        parts = ", ".join(f"{1e3 * one:.0f}" for one in segments_s)
        raise CalibrationRefused(
            Cause.INCONSISTENT,
            f"{what}: parts of the recording say delays of {parts} ms (known to "
            f"{1e3 * sigma_s:.1f} ms, at most {1e3 * _WORST_SIGMA_S:g} is accepted): a clock "
            "drifts or was set, the delay itself changes, or the motion was too simple.",
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Fit:
    """``d, L, c, w`` of one direction, and how well ``d`` is known."""

    at: Array
    sigma_s: float


class _Direction:
    """The model of the servo against one direction of the motion.

    Args:
        told: One number over time, (n, 1).
        seen: One number over time, (m, 1).
    """

    def __init__(self, told: Series, seen: Series) -> None:
        self._stamp_s, self._seen = seen.stamp_s, seen.values[:, 0]
        start_s = min(told.stamp_s[0], seen.stamp_s[0] - LATEST_S) + EARLIEST_S
        end_s = max(told.stamp_s[-1], seen.stamp_s[-1]) - EARLIEST_S
        self._grid_s = np.arange(start_s, end_s, _FILTER_S, dtype=np.float64)
        values = _held(told, self._grid_s)[:, 0]
        self._told = values - values[0]
        self._scale = max(float(self._seen.std()), 1e-12)

    def fit(self, start_s: float) -> _Fit | None:
        """Delay and servo together, by the simplest servo that suits (Schwarz, 1978).

        Args:
            start_s: Sum of delay and lag, about.

        Returns:
            None where it does not settle.
        """
        found = []
        for kind in _KINDS:
            servo = np.where(kind, _SERVO_STARTS, 0.0)
            free = np.array([True, *kind])
            start = np.array([start_s - servo[0], *servo])

            def off(at: Array, free: NDArray[np.bool_] = free) -> Array:
                return self.off(_filled(at, free))

            result = least_squares(
                off,
                np.clip(start, _LOWEST + 1e-6, _HIGHEST)[free],
                bounds=(_LOWEST[free], _HIGHEST[free]),
                x_scale=_STEPS[free],
                max_nfev=100,
            )
            if result.success:
                found.append((free, result))
        if not found:
            return None
        independent = _independent(min((result.fun for _, result in found), key=_square))
        free, best = min(
            found,
            key=lambda one: (
                independent * np.log(max(_square(one[1].fun), 1e-12))
                + len(one[1].x) * np.log(independent)
            ),
        )
        variance = max(_square(best.fun), 1e-12) * len(best.fun) / independent
        covariance = variance * np.linalg.pinv(best.jac.T @ best.jac)
        return _Fit(at=_filled(best.x, free), sigma_s=float(np.sqrt(covariance[0, 0])))

    def segments(self, fit: _Fit) -> Array:
        """The delay of each part of the recording, with the servo of all of it."""
        followed = self._filtered(fit.at)
        found = []
        for rows in np.array_split(np.arange(len(self._stamp_s)), _SEGMENTS):

            def off(delay: Array, rows: NDArray[np.int_] = rows) -> Array:
                return self._residuals(followed, float(delay[0]), rows)

            found.append(float(least_squares(off, (fit.at[0],), x_scale=0.01).x[0]))
        return np.array(found)

    def off(self, at: Array) -> Array:
        """How far the motion is from the model, per sample, in its spread."""
        return self._residuals(self._filtered(at), float(at[0]), np.arange(len(self._stamp_s)))

    def _residuals(self, followed: Array, delay_s: float, rows: NDArray[np.int_]) -> Array:
        model = np.interp(self._stamp_s[rows] - delay_s, self._grid_s, followed)
        centred, wanted = model - model.mean(), self._seen[rows] - self._seen[rows].mean()
        gain = float(centred @ wanted) / max(float(centred @ centred), 1e-30)
        return (wanted - gain * centred) / self._scale

    def _filtered(self, at: Array) -> Array:
        """What a servo makes of what is told, on the grid, (n,)."""
        _, lag_s, lead_s, square_s2 = at
        if lag_s + lead_s < 1e-6 and square_s2 < 1e-9:
            return self._told
        denominator = (max(square_s2, 1e-9), lag_s + lead_s, 1.0)
        numerator = (lead_s, 1.0) if lead_s > 0.0 else (1.0,)
        discrete = cont2discrete((numerator, denominator), _FILTER_S, method="foh")
        b, a, _ = discrete  # type: ignore[misc]
        return np.asarray(lfilter(np.ravel(b), a, self._told), dtype=np.float64)


def _square(off: Array) -> float:
    return float(off @ off) / len(off)


def _independent(off: Array) -> float:
    """How many residuals tell something of their own: neighbours are alike."""
    a, b = off[:-1], off[1:]
    alike = float(a @ b) / max(float(np.sqrt((a @ a) * (b @ b))), 1e-30)
    alike = float(np.clip(alike, 0.0, 0.98))
    return len(off) * (1.0 - alike) / (1.0 + alike)


def _filled(values: Array, free: NDArray[np.bool_]) -> Array:
    """All parameters, of which only some are not zero."""
    out = np.zeros(len(free))
    out[free] = values
    return out
