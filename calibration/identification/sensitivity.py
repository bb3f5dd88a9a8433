"""How far predictions are from what was sensed, and how that depends on the parameters.

Residuals are in units of their standard deviation, so that ``J^T J`` is the Fisher information.
That is the sensors' noise, and what comes of not knowing exactly where things were at the start:
after a blow with a finger they may end anywhere, and where they end says nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from scipy.ndimage import maximum_filter1d
from scipy.spatial.transform import Rotation

from calibration.identification.parameters import Prior
from robot_skills.core.excitation import Motion, Rollout, SensorNoise, Streams
from robot_skills.core.se3 import SE3, Array

_STEP = 0.25
"""Of finite differences, in standard deviations of the prior: contacts are not smooth in less."""
_STARTS = 5
"""Places of things at the start that are tried."""
_AROUND = 5
"""Samples of a stream that are about as uncertain: contacts come a little earlier or later."""
_DISTRUST = 9.0
"""What varies by chance is trusted so much less: it varies also between the two ends of a finite
difference, by its spread over ``sqrt(2)`` steps, which would look like information."""


class Simulator(Protocol):
    """What would be sensed, without noise, if the parameters had these values."""

    def __call__(
        self, values: Mapping[str, float], motion: Motion, things: Mapping[str, SE3], /
    ) -> Streams: ...


def residuals(predicted: Streams, sensed: Streams, noise: SensorNoise) -> Array:
    """Prediction less what was sensed, in units of the noise; only what was sensed counts, (m,)."""
    return _flat(_parts(predicted, sensed, noise))


def _parts(predicted: Streams, sensed: Streams, noise: SensorNoise) -> Sequence[Array]:
    """Residuals stream by stream, (T, channels) each."""
    parts = [(predicted.q_rad - sensed.q_rad) / noise.q_rad]
    for ours, theirs, sigma in (
        (predicted.dq_rad_s, sensed.dq_rad_s, noise.dq_rad_s),
        (predicted.tau_nm, sensed.tau_nm, noise.tau_nm),
    ):
        if ours is not None and theirs is not None:
            parts.append((ours - theirs) / sigma)
    for name, theirs in sensed.T_base_things.items():
        ours = predicted.T_base_things[name]
        parts.append((ours[:, :3, 3] - theirs[:, :3, 3]) / noise.place_m)
        turned = np.swapaxes(theirs[:, :3, :3], -1, -2) @ ours[:, :3, :3]
        parts.append(Rotation.from_matrix(turned).as_rotvec() / noise.turn_rad)
    return parts


def _flat(parts: Sequence[Array]) -> Array:
    return np.concatenate([part.ravel() for part in parts])


def spread(
    simulator: Simulator,
    rollout: Rollout,
    values: Mapping[str, float],
    noise: SensorNoise,
    rng: np.random.Generator,
) -> Array:
    """How far residuals vary with where things may have been at the start.

    Args:
        simulator: Predicts.
        rollout: Says where things were seen.
        values: Of the parameters.
        noise: Of the sensors.
        rng: Draws the places.

    Returns:
        Standard deviations in units of the noise, (m,).
    """
    sigma = np.repeat([noise.place_m, noise.turn_rad], 3) / np.sqrt(rollout.looks)
    # Things stand on the table: they may be elsewhere on it, and turned about the vertical.
    sigma *= (1.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    drawn = []
    for _ in range(_STARTS):
        things = {}
        for name, T in rollout.things.items():
            off = sigma * rng.standard_normal(6)
            things[name] = SE3((SE3.from_rotvec(off[3:]) @ SE3(T.R, np.zeros(3))).R, T.p + off[:3])
        predicted = simulator(values, rollout.motion, things)
        drawn.append(_parts(predicted, rollout.streams, noise))
    return _flat(
        [
            maximum_filter1d(np.std(one, axis=0, ddof=1), _AROUND, axis=0)
            for one in zip(*drawn, strict=True)
        ]
    )


class Sensitivity:
    """Residuals of rollouts, and their derivatives by finite differences.

    Args:
        simulator: Predicts.
        rollouts: What was sensed.
        prior: Of the parameters.
        noise: Of the sensors.
        rng: Draws where things may have been.

    Attributes:
        simulations: How many rollouts were simulated.
    """

    def __init__(
        self,
        simulator: Simulator,
        rollouts: Sequence[Rollout],
        prior: Prior,
        noise: SensorNoise,
        rng: np.random.Generator,
    ) -> None:
        self._simulator, self._rollouts = simulator, tuple(rollouts)
        self._prior, self._noise, self._rng = prior, noise, rng
        self._at: tuple[Array, Array] | None = None
        self._sigma: Array = np.ones(1)
        self.simulations = 0

    def weigh(self, x: Array) -> None:
        """Divide residuals by how far they vary at coordinates (p,), from now on."""
        values, sigmas = self._prior.values(x), []
        for rollout in self._rollouts:
            varies = np.zeros(len(residuals(rollout.streams, rollout.streams, self._noise)))
            if rollout.things:
                varies = spread(self._simulator, rollout, values, self._noise, self._rng)
                self.simulations += _STARTS
            sigmas.append(np.hypot(1.0, _DISTRUST * varies))
        self._sigma = np.concatenate(sigmas)
        self._at = None

    def residuals(self, x: Array) -> Array:
        """At coordinates (p,), (m,)."""
        if self._at is None or not np.array_equal(self._at[0], x):
            self._at = x.copy(), self._simulated(x)
        return self._at[1]

    def jacobian(self, x: Array) -> Array:
        """Of the residuals by the coordinates, (m, p)."""
        columns = []
        for i in range(len(x)):
            step = np.zeros(len(x))
            step[i] = _STEP
            low = np.maximum(x - step, -self._prior.bound)
            high = np.minimum(x + step, self._prior.bound)
            columns.append((self._simulated(high) - self._simulated(low)) / (high - low)[i])
        return np.column_stack(columns)

    def _simulated(self, x: Array) -> Array:
        values = self._prior.values(x)
        parts = [
            residuals(self._simulator(values, one.motion, one.things), one.streams, self._noise)
            for one in self._rollouts
        ]
        self.simulations += len(parts)
        return np.concatenate(parts) / self._sigma
