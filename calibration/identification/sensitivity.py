"""How far predictions are from what was sensed, and how that depends on the parameters.

Residuals are in units of their standard deviation, so that ``J^T J`` is the Fisher information.
That is the sensors' noise, and what comes of not knowing exactly where things were at the start:
after a blow with a finger they may end anywhere, and where they end says nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.linalg import block_diag
from scipy.ndimage import maximum_filter1d
from scipy.spatial.transform import Rotation

from calibration.identification.parameters import Prior
from robot_skills.core.excitation import Motion, Rollout, SensorNoise, Streams
from robot_skills.core.se3 import SE3, Array

_STEP = 0.25
"""Of finite differences, in standard deviations of the prior: contacts are not smooth in less."""
_AROUND = 5
"""Samples of a stream that are about as uncertain: contacts come a little earlier or later."""
_DISTRUST = 9.0
"""What varies by chance is trusted so much less."""


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


def drawn_places(
    rollout: Rollout, noise: SensorNoise, rng: np.random.Generator
) -> Mapping[str, SE3]:
    """Where things may have been at the start of a rollout: they were seen, with noise."""
    sigma = np.repeat([noise.place_m, noise.turn_rad], 3) / np.sqrt(rollout.looks)
    # Things stand on the table: they may be elsewhere on it, and turned about the vertical.
    sigma *= (1.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    things = {}
    for name, T in rollout.things.items():
        off = sigma * rng.standard_normal(6)
        things[name] = SE3((SE3.from_rotvec(off[3:]) @ SE3(T.R, np.zeros(3))).R, T.p + off[:3])
    return things


def _are_moved(streams: Streams, things: Mapping[str, SE3], noise: SensorNoise) -> bool:
    """Whether any thing is moved in what a simulator predicts."""
    return any(
        np.abs(streams.T_base_things[name][:, :3, 3] - T.p).max() > noise.place_m
        for name, T in things.items()
    )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Probe:
    """How residuals, in units of the noise, depend on coordinates and on where things were.

    Each derivative is taken with things elsewhere. Contacts are not smooth, so derivatives have
    chance in them, which looks like information once it is squared; the product of two that were
    taken apart has it not.

    Attributes:
        first: Derivatives, (m, p).
        second: The same, from other places, (m, p).
        errors: Standard errors that come of not knowing where things were: independent of each
            other, each of one rollout and all its residuals at once, (k, m).
        spread: Standard deviations from place to place, (m,).
    """

    first: Array
    second: Array
    errors: Array
    spread: Array

    def information(self, scale: Array) -> Array:
        """What rollouts say of the coordinates, residuals being divided by `scale`, (p, p)."""
        product = (self.first / scale[:, None]).T @ (self.second / scale[:, None])
        strengths, ways = np.linalg.eigh(0.5 * (product + product.T))
        return (ways * np.maximum(strengths, 0.0)) @ ways.T


class Sensitivity:
    """Residuals of rollouts, and their derivatives by finite differences.

    Args:
        simulator: Predicts.
        rollouts: What was sensed.
        prior: Of the parameters.
        noise: Of the sensors.
        rng: Draws where things may have been.

    Attributes:
        scale: What residuals are divided by, in units of the noise, (m,).
        simulations: How many rollouts were simulated.
    """

    scale: Array
    simulations: int

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
        self.scale = np.ones(1)
        self.simulations = 0

    def probe(self, x: Array) -> Probe:
        """How residuals at coordinates (p,) depend on them, and on where things were."""
        probes = [self._probed(x, one) for one in self._rollouts]
        return Probe(
            first=np.concatenate([one.first for one in probes]),
            second=np.concatenate([one.second for one in probes]),
            errors=np.asarray(block_diag(*(one.errors for one in probes)), dtype=np.float64),
            spread=np.concatenate([one.spread for one in probes]),
        )

    def weigh(self, probe: Probe) -> None:
        """Divide residuals by how far they vary, from now on."""
        self.scale = np.hypot(1.0, _DISTRUST * probe.spread)
        self._at = None

    def _probed(self, x: Array, rollout: Rollout) -> Probe:
        seen = self._simulator(self._prior.values(x), rollout.motion, rollout.things)
        self.simulations += 1
        if not _are_moved(seen, rollout.things, self._noise):
            J = self._by_coordinates(
                x, lambda at: _flat(self._compared(at, rollout, rollout.things))
            )
            none = np.zeros(len(J))
            return Probe(first=J, second=J, errors=none[None], spread=none)
        first, between = self._at_drawn_places(x, rollout)
        second, more = self._at_drawn_places(x, rollout)
        flat = np.array([_flat(parts) for parts in (*between, *more)])
        varies = [
            maximum_filter1d(np.std(one, axis=0, ddof=1), _AROUND, axis=0)
            for one in zip(*between, *more, strict=True)
        ]
        return Probe(
            first=first,
            second=second,
            errors=(flat - flat.mean(axis=0)) / np.sqrt(len(flat) - 1),
            spread=_flat(varies),
        )

    def _at_drawn_places(
        self, x: Array, rollout: Rollout
    ) -> tuple[Array, Sequence[Sequence[Array]]]:
        """Derivatives (m, p), each with things elsewhere, and residuals in the middle of each."""
        columns, between = [], []
        for low, high in self._ends(x):
            places = drawn_places(rollout, self._noise, self._rng)
            below, above = (self._compared(at, rollout, places) for at in (low, high))
            columns.append((_flat(above) - _flat(below)) / np.linalg.norm(high - low))
            between.append([0.5 * (a + b) for a, b in zip(below, above, strict=True)])
        return np.column_stack(columns), between

    def residuals(self, x: Array) -> Array:
        """At coordinates (p,), (m,)."""
        if self._at is None or not np.array_equal(self._at[0], x):
            self._at = x.copy(), self._simulated(x)
        return self._at[1]

    def jacobian(self, x: Array) -> Array:
        """Of the residuals by the coordinates, (m, p)."""
        return self._by_coordinates(x, self._simulated)

    def _by_coordinates(self, x: Array, of: Callable[[Array], Array]) -> Array:
        columns = [(of(high) - of(low)) / np.linalg.norm(high - low) for low, high in self._ends(x)]
        return np.column_stack(columns)

    def _ends(self, x: Array) -> Sequence[tuple[Array, Array]]:
        """Of the finite difference by each coordinate."""
        steps = _STEP * np.eye(len(x))
        bound = self._prior.bound
        return [(np.maximum(x - step, -bound), np.minimum(x + step, bound)) for step in steps]

    def _simulated(self, x: Array) -> Array:
        parts = [_flat(self._compared(x, one, one.things)) for one in self._rollouts]
        return np.concatenate(parts) / self.scale

    def _compared(self, x: Array, rollout: Rollout, places: Mapping[str, SE3]) -> Sequence[Array]:
        """Residuals stream by stream."""
        self.simulations += 1
        predicted = self._simulator(self._prior.values(x), rollout.motion, places)
        return _parts(predicted, rollout.streams, self._noise)
