"""A delay and a servo, which describe how one direction of a motion follows what it was told.

A servo that trails its setpoint looks late, but is not: it acts at once, only softly. With ``u``
what is told and ``y`` what follows, per direction of motion i and for Laplace's ``s``

=======  ===========================================================================
``d``    delay [s], the same in all directions
``L``    servo's lag for slow motions [s], at least 0; it, c and w are each direction's own
``c``    lead that a servo has which is told velocities, too [s], at least 0
``w``    square of the servo's time constant [s^2], at least 0
``e``    rounding [s] of a robot that goes straight between its control steps, at least 0
``g``    gain of a direction
``y_i``  ``g_i cosh(e s) exp(-d s) (1 + c s) / (1 + (L + c) s + w s^2) u_i + offset_i``
=======  ===========================================================================

Where the motion has slow and fast parts, its shape tells the delay from the lag: a lag also makes
fast parts smaller. So does sampling, without being late: what is sampled between two control steps
is a mean of what was before and after, which ``e`` stands for.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.signal import cont2discrete, lfilter

from calibration.latency_series import EARLIEST_S, LATEST_S, Series
from robot_skills.core.se3 import Array

SEGMENTS = 5
"""Parts of a recording that say a delay by themselves."""
_FILTER_S = 0.0025
_LONGEST_LAG_S = 0.5
_LONGEST_STEP_S = 0.5
_LOWEST = np.array([EARLIEST_S, 0.0, 0.0, 0.0, 0.0])
_HIGHEST = np.array(
    [LATEST_S, _LONGEST_LAG_S, _LONGEST_LAG_S, 0.25 * _LONGEST_LAG_S**2, _LONGEST_STEP_S]
)
_STEPS = np.array([0.01, 0.01, 0.02, 1e-3, 0.01])
_STARTS = np.array([0.02, 0.02, 2e-4, 0.02])
_KINDS = np.array(
    [[0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 1, 0], [0, 1, 1, 0], [1, 1, 1, 0]],
    dtype=np.bool_,
)
"""Which of ``L, c, w, e`` a servo has: none, first order, second order, with lead, with both."""
_ROUNDING = np.array([False, False, False, True])
_VERY_STRONG = 10.0
"""Difference of two scores beyond which the simpler servo is given up."""
_COARSE_S = 0.02
"""Control steps that are longer than this round what is told."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ServoFit:
    """What describes one direction.

    Attributes:
        at: ``d, L, c, w, e``.
        sigma_s: Standard deviation of ``d``.
    """

    at: Array
    sigma_s: float


class Direction:
    """The model of the servo against one direction of the motion.

    Args:
        told: One number over time, (n, 1).
        seen: One number over time, (m, 1).
        step_s: Time between two control steps of the robot.
    """

    def __init__(self, told: Series, seen: Series, step_s: float) -> None:
        self._stamp_s, self._seen = seen.stamp_s, seen.values[:, 0]
        start_s = min(told.stamp_s[0], seen.stamp_s[0] - LATEST_S) + EARLIEST_S
        end_s = max(told.stamp_s[-1], seen.stamp_s[-1]) - EARLIEST_S
        self._grid_s = np.arange(start_s, end_s, _FILTER_S, dtype=np.float64)
        values = np.interp(self._grid_s, told.stamp_s, told.values[:, 0])
        self._told = values - values[0]
        self._scale = max(float(self._seen.std()), 1e-12)
        self._kinds = _KINDS if step_s <= _COARSE_S else np.vstack([_KINDS, _KINDS | _ROUNDING])

    def fit(self, start_s: float) -> ServoFit | None:
        """Delay and servo together, by the simplest servo that suits (Schwarz, 1978).

        A less simple one is taken on very strong evidence only (Kass and Raftery, 1995): where
        noise makes up a servo, the delay is off by much.

        Args:
            start_s: Sum of delay and lag, about.

        Returns:
            None where it does not settle.
        """
        found = []
        for kind in self._kinds:
            servo = np.where(kind, _STARTS, 0.0)
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
        scores = [
            independent * np.log(max(_square(one.fun), 1e-12)) + len(one.x) * np.log(independent)
            for _, one in found
        ]
        good = [i for i, score in enumerate(scores) if score <= min(scores) + _VERY_STRONG]
        free, best = found[min(good, key=lambda i: (len(found[i][1].x), scores[i]))]
        variance = max(_square(best.fun), 1e-12) * len(best.fun) / independent
        covariance = variance * np.linalg.pinv(best.jac.T @ best.jac)
        return ServoFit(at=_filled(best.x, free), sigma_s=float(np.sqrt(covariance[0, 0])))

    def segments(self, fit: ServoFit) -> Array:
        """The delay of each part of the recording, with the servo of all of it."""
        followed = self._filtered(fit.at)
        found = []
        for rows in np.array_split(np.arange(len(self._stamp_s)), SEGMENTS):

            def off(delay: Array, rows: NDArray[np.int_] = rows) -> Array:
                return self._residuals(followed, float(delay[0]), rows)

            found.append(float(least_squares(off, (fit.at[0],), x_scale=0.01).x[0]))
        return np.array(found)

    def off(self, at: Array) -> Array:
        """How far the motion is from the model, per sample, in its spread."""
        return self._residuals(self._filtered(at), float(at[0]), np.arange(len(self._stamp_s)))

    def unexplained(self, fit: ServoFit) -> tuple[Array, Array]:
        """What the model leaves unexplained of each sample, and the velocity of the model.

        Returns:
            (m,) and (m,).
        """
        followed, stamp_s = self._filtered(fit.at), self._stamp_s - fit.at[0]
        model = np.interp(stamp_s, self._grid_s, followed)
        velocity = np.interp(stamp_s, self._grid_s, np.gradient(followed, _FILTER_S))
        off = self._scale * self.off(fit.at)
        gain = _gain(model - model.mean(), self._seen - self._seen.mean())
        return off, gain * velocity

    def _residuals(self, followed: Array, delay_s: float, rows: NDArray[np.int_]) -> Array:
        model = np.interp(self._stamp_s[rows] - delay_s, self._grid_s, followed)
        centred, wanted = model - model.mean(), self._seen[rows] - self._seen[rows].mean()
        return (wanted - _gain(centred, wanted) * centred) / self._scale

    def _filtered(self, at: Array) -> Array:
        """What a servo makes of what is told, on the grid, (n,)."""
        _, lag_s, lead_s, square_s2, rounding_s = at
        told = self._told
        if rounding_s > 0.0:
            before, after = self._grid_s - rounding_s, self._grid_s + rounding_s
            told = 0.5 * (
                np.interp(before, self._grid_s, told) + np.interp(after, self._grid_s, told)
            )
        if lag_s + lead_s < 1e-6 and square_s2 < 1e-9:
            return told
        denominator = (max(square_s2, 1e-9), lag_s + lead_s, 1.0)
        # A smaller one is rounding, of which the conversion would warn.
        numerator = (lead_s, 1.0) if lead_s > 1e-12 else (1.0,)
        discrete = cont2discrete((numerator, denominator), _FILTER_S, method="foh")
        b, a, _ = discrete  # type: ignore[misc]
        return np.asarray(lfilter(np.ravel(b), a, told), dtype=np.float64)


def _gain(model: Array, wanted: Array) -> float:
    """By which a model comes closest."""
    return float(model @ wanted) / max(float(model @ model), 1e-30)


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
