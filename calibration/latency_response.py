"""How late a motion follows what it was told: the delay, apart from the lag of the servo.

Each direction of the motion is described by itself (`calibration.latency_servo`), starting from the
peak of the cross-correlation, which sees the sum of delay and lag (UMI, Chi et al., 2024, takes the
peak itself). Messages that are late by more or less than usual are put right before
(`calibration.latency_jitter`): they look like a servo's lag.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.signal import find_peaks

from calibration.errors import CalibrationRefused, Cause
from calibration.latency_jitter import Jitter, find_jitter
from calibration.latency_series import EARLIEST_S, LATEST_S, Series, checked, common
from calibration.latency_servo import Direction, ServoFit
from robot_skills.core.se3 import Array

_STEP_S = 0.005
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
_EVEN_S = 5e-4
"""Jitter below which nothing is to be put right."""


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

    @property
    def trailing_s(self) -> float:
        """Sum of delay and lag, which is known well even where neither is."""
        return self.delay_s + self.lag_s


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Response:
    """How a motion follows what it was told.

    Attributes:
        delay: How late it is.
        jitter: By how much more or less single messages were; None where one number alone moved.
    """

    delay: Delay
    jitter: Jitter | None


def response_delay(
    told: Series, seen: Series, least: float, step_s: float = 0.0, jitter: Jitter | None = None
) -> Response:
    """How late a motion follows what it was told.

    Args:
        told: Numbers that the motion was to have, (n, k).
        seen: Numbers that it had, (m, k), in the same order and units.
        least: Range of the told numbers below which nothing can be found.
        step_s: Time between two control steps of the robot.
        jitter: That another part of the same robot shows in the same states; None has it found.

    Raises:
        CalibrationRefused: Nothing can be found from these; says why.
    """
    told, seen = checked(told), checked(seen)
    told, seen = common(told, seen, LATEST_S)
    told, seen = _moving(told, seen, least)
    tried_s, curve = correlation(told, seen)
    start_s, likeness = clear_peak(tried_s, curve, f"{seen.name} after {told.name}")
    found = _followed(told, seen, start_s, step_s)
    # As they were recorded: what drifts is no jitter.
    segments_s = found.segments_s()
    if jitter is None:
        jitter = found.jitter(seen.stamp_s)
    if jitter is not None and jitter.spread_s > _EVEN_S:
        stamp_s = jitter.without(seen.stamp_s, found.trailing_s)
        even = _followed(told, replace(seen, stamp_s=stamp_s), start_s, step_s)
        found = min(found, even, key=lambda one: one.square)
    inside = (tried_s >= EARLIEST_S) & (tried_s <= LATEST_S)
    sigma_s = found.sigma_s if jitter is None else float(np.hypot(found.sigma_s, jitter.sigma_s))
    agree(segments_s, sigma_s, seen.name)
    delay = Delay(
        delay_s=found.delay_s,
        sigma_s=sigma_s,
        lag_s=found.lag_s,
        likeness=likeness,
        segments_s=segments_s,
        samples=len(seen.stamp_s),
        tried_s=tried_s[inside],
        curve=curve[inside],
    )
    return Response(delay=delay, jitter=jitter)


def _followed(told: Series, seen: Series, start_s: float, step_s: float) -> "_Followed":
    """What describes each direction.

    Args:
        told: (n, k).
        seen: (m, k).
        start_s: Sum of delay and lag, about.
        step_s: Time between two control steps of the robot.

    Raises:
        CalibrationRefused: No direction is described by any delay and servo.
    """
    directions = [
        Direction(told.channels(one), seen.channels(one), step_s)
        for one in np.eye(told.values.shape[1], dtype=np.bool_)
    ]
    fits = [(one, one.fit(start_s)) for one in directions]
    settled = [(one, fit) for one, fit in fits if fit is not None]
    if not settled:
        raise CalibrationRefused(
            Cause.NOT_CONVERGED,
            f"{seen.name}: no delay and servo describe this motion: record again.",
        )
    return _Followed(settled)


class _Followed:
    """Delays and servos that describe a motion, direction by direction.

    Args:
        settled: Directions, and what describes them.

    Attributes:
        delay_s: Of all.
        lag_s: Of their servos.
        square: What is left unexplained, as a share.
    """

    def __init__(self, settled: list[tuple[Direction, ServoFit]]) -> None:
        self._settled = settled
        sigmas_s = np.array([fit.sigma_s for _, fit in settled])
        weight = np.maximum(sigmas_s, _LEAST_SIGMA_S) ** -2
        self._weight: Array = weight / weight.sum()
        self._found = np.stack([fit.at for _, fit in settled])
        self.delay_s, self.lag_s = (float(self._weight @ self._found[:, i]) for i in (0, 1))
        self.square = float(np.mean([(one.off(fit.at) ** 2).mean() for one, fit in settled]))

    @property
    def trailing_s(self) -> float:
        """Sum of delay and lag."""
        return self.delay_s + self.lag_s

    def segments_s(self) -> tuple[float, ...]:
        """Delays that parts of the recording say by themselves."""
        return tuple(self._weight @ np.stack([one.segments(fit) for one, fit in self._settled]))

    @property
    def sigma_s(self) -> float:
        """Of the delay: what directions and parts differ by, they would differ by once more."""
        segments_s = self.segments_s()
        apart_s = np.sqrt(self._weight**2 @ (self._found[:, 0] - self.delay_s) ** 2)
        parts_s = np.std(segments_s, ddof=1) / np.sqrt(len(segments_s))
        own_s = np.sqrt(self._weight**2 @ np.array([fit.sigma_s**2 for _, fit in self._settled]))
        return float(max(apart_s, parts_s, own_s))

    def jitter(self, stamp_s: Array) -> Jitter | None:
        """How late single messages were; None where only one direction says so."""
        if len(self._settled) < 2:
            return None
        pairs = [one.unexplained(fit) for one, fit in self._settled]
        off, velocity = (np.stack(parts, axis=-1) for parts in zip(*pairs, strict=True))
        return find_jitter(stamp_s, off, velocity, self.trailing_s)


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
