"""Parameters from rollouts: nonlinear least squares over a simulator that is passed in.

Residuals and the prior are minimised together from several starts, large residuals counting
linearly (Triggs et al., *Bundle adjustment - a modern synthesis*, 2000). What the rollouts do not
determine is said to be so, by the covariance at the solution.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult, least_squares

from calibration.errors import CalibrationRefused, Cause
from calibration.identification.parameters import Prior
from calibration.identification.sensitivity import Sensitivity, Simulator
from robot_skills.core.excitation import Rollout, SensorNoise
from robot_skills.core.se3 import Array

MOST_SIGMA = 0.15
"""A parameter that is known less well, relative to itself, is not determined."""
_DRAWS, _STARTS, _MOST_STEPS = 5, 2, 25
_TOLERANCE = 1e-4
_LINEAR_FROM = 3.0
"""Residuals beyond it, in units of the noise, count linearly."""
_WORST_RMS = 3.0
_LEAST_MOTION = 10.0
"""Of any joint, in units of its noise."""
_SAME_COST = 2.0
"""Two answers whose sums of squares differ by less are equally good."""
_SAME = 0.1
"""Searches that end nearer, in standard deviations of the prior, ended at the same place."""
_APART = 4.0
"""Of two answers, in standard deviations, to be two."""
_AT_END = 0.02
"""In standard deviations of the prior: that near its bounds no value is told from them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """One parameter.

    Attributes:
        value: Most likely one.
        sigma: Standard deviation, relative to the value.
        prior_sigma: The same before anything was measured.
        is_at_end: Whether it is an end of what was considered: the true value may be beyond.
        determined: Whether the rollouts say what it is.
    """

    value: float
    sigma: float
    prior_sigma: float
    is_at_end: bool
    determined: bool

    def told(self) -> str:
        """In words: the value, or why it is not determined."""
        if self.determined:
            return f"{self.value:.3g} ± {100 * self.sigma:.1f} %"
        if self.is_at_end:
            return f"not determined (at {self.value:.3g}, an end of what was considered)"
        return f"not determined (known to {100 * self.sigma:.0f} %)"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Identification:
    """What rollouts say about parameters.

    Attributes:
        estimates: By name.
        covariance: Of the logarithms, in the order of the estimates, (p, p).
        condition: Of the information about the parameters in units of the prior: how much better
            the best known combination is known than the worst known.
        weakest: That worst known combination, as weights of the logarithms.
        rms: Residuals in units of the noise; 1 where the simulator explains everything.
        rollouts: Names of the motions.
        simulations: How many rollouts were simulated for it.
    """

    estimates: Mapping[str, Estimate]
    covariance: Array
    condition: float
    weakest: Mapping[str, float]
    rms: float
    rollouts: tuple[str, ...]
    simulations: int

    @property
    def undetermined(self) -> tuple[str, ...]:
        return tuple(name for name, one in self.estimates.items() if not one.determined)

    def value_of(self, name: str) -> float:
        """A parameter that the rollouts determine.

        Raises:
            CalibrationRefused: They do not; or nobody looked for it.
        """
        if name not in self.estimates:
            raise CalibrationRefused(
                Cause.NOT_DETERMINED,
                f"{name!r} was not looked for; there are {', '.join(self.estimates)}.",
            )
        one = self.estimates[name]
        if not one.determined:
            if one.is_at_end:
                raise CalibrationRefused(
                    Cause.NOT_DETERMINED,
                    f"{name!r} is found at {one.value:.3g}, an end of what was considered: the "
                    "true one may be beyond. Consider more values.",
                )
            words = " ".join(f"{weight:+.1f} log({of})" for of, weight in self.weakest.items())
            raise CalibrationRefused(
                Cause.NOT_DETERMINED,
                f"The rollouts do not say what {name!r} is: it is known to {100 * one.sigma:.0f} "
                f"%, {100 * MOST_SIGMA:.0f} % are wanted; least known is {words}. Explore more: "
                "motions that excite it, or torques if the arm can tell them.",
            )
        return one.value


def identify(
    simulator: Simulator,
    rollouts: Sequence[Rollout],
    prior: Prior,
    noise: SensorNoise,
    rng: np.random.Generator,
) -> Identification:
    """Find what parameters make the simulator sense what was sensed.

    Args:
        simulator: Predicts what is sensed.
        rollouts: What was sensed.
        prior: What is known of the parameters.
        noise: Of the sensors.
        rng: Draws the starts.

    Raises:
        CalibrationRefused: There is no motion in the rollouts, the search did not end, several
            answers are equally good, or no values explain what was sensed.
    """
    _check_rollouts(rollouts, noise)
    of = Sensitivity(simulator, rollouts, prior, noise, rng)
    of.weigh(of.probe(np.zeros(len(prior.parameters))))
    ends = _apart([_descend(of, prior, start) for start in _starts(of, prior, rng)])
    of.weigh(of.probe(ends[0]))
    found = sorted((_descend(of, prior, end) for end in ends), key=_cost)
    best = found[0]
    if best.status <= 0:
        raise CalibrationRefused(
            Cause.NOT_CONVERGED,
            f"The search did not end within {_MOST_STEPS} steps (its best values are "
            f"{_told(prior, best.x)}): record longer or more lively motions, or look for fewer "
            "parameters.",
        )
    information, covariance, rms = _covariance(of, best.x)
    if rms > _WORST_RMS:
        raise CalibrationRefused(
            Cause.INCONSISTENT,
            f"No values explain what was sensed: residuals are {rms:.1f} times the noise at "
            f"{_told(prior, best.x)}. Something else is different in the cell, or the noise is "
            "larger than stated.",
        )
    _check_single(found, covariance, prior)
    return _summed_up(of, prior, best.x, information, covariance, rms, rollouts)


def _check_rollouts(rollouts: Sequence[Rollout], noise: SensorNoise) -> None:
    if not rollouts:
        raise CalibrationRefused(Cause.FEW_VIEWS, "There is no rollout to identify anything from.")
    joints = sorted({one.motion.q_rad.shape[1] for one in rollouts})
    if len(joints) > 1:
        raise CalibrationRefused(
            Cause.OTHER_KIND,
            f"The rollouts are those of arms with {' and with '.join(map(str, joints))} joints: "
            "identify one arm at a time.",
        )
    most_rad = max(float(np.ptp(one.streams.q_rad, axis=0).max()) for one in rollouts)
    if most_rad < _LEAST_MOTION * noise.q_rad:
        raise CalibrationRefused(
            Cause.NOT_MOVED,
            f"The arm did not move: no joint went further than {1e3 * most_rad:.2f} mrad in "
            f"{len(rollouts)} rollouts. Check that it follows commands, and record again.",
        )


def _starts(of: Sensitivity, prior: Prior, rng: np.random.Generator) -> Sequence[Array]:
    """The middle of the prior, and the best of some draws."""
    middle = np.zeros(len(prior.parameters))
    drawn = sorted(
        0.5 * prior.draw(rng, _DRAWS), key=lambda x: float(np.sum(_softened(of.residuals(x))))
    )
    return [middle, *drawn[: _STARTS - 1]]


def _apart(found: Sequence[OptimizeResult]) -> Sequence[Array]:
    """Where searches ended, the best first, each place once."""
    ends: list[Array] = []
    for one in sorted(found, key=_cost):
        if all(np.abs(one.x - end).max() > _SAME for end in ends):
            ends.append(one.x)
    return ends


def _cost(found: OptimizeResult) -> float:
    return float(found.cost)


def _softened(r: Array) -> Array:
    return 2.0 * _LINEAR_FROM**2 * (np.sqrt(1.0 + (r / _LINEAR_FROM) ** 2) - 1.0)


def _descend(of: Sensitivity, prior: Prior, start: Array) -> OptimizeResult:
    eye = np.eye(len(start))

    def both(x: Array) -> Array:
        return np.concatenate([of.residuals(x), x])

    def by_both(x: Array) -> Array:
        return np.concatenate([of.jacobian(x), eye])

    # scipy's stubs know methods by name only.
    jac: Any = by_both
    return least_squares(
        both,
        start,
        jac=jac,
        bounds=(-prior.bound * 1.0001, prior.bound * 1.0001),
        loss="soft_l1",
        f_scale=_LINEAR_FROM,
        ftol=_TOLERANCE,
        xtol=_TOLERANCE,
        max_nfev=_MOST_STEPS,
    )


def _covariance(of: Sensitivity, x: Array) -> tuple[Array, Array, float]:
    """How sure a solution is, in units of the prior.

    Residuals are weighed as if each came by its error alone, but where a thing began changes all of
    a rollout at once: the covariance is that of the weighted estimate under both errors (White, *A
    heteroskedasticity-consistent covariance matrix estimator*, 1980), and as much larger as
    residuals are than those errors explain.

    Returns:
        The rollouts' information (p, p), the covariance (p, p), and the residuals in units of what
        is expected, RMS.
    """
    probe, data, noise = of.probe(x), of.residuals(x), 1.0 / of.scale
    errors = probe.errors * noise
    expected = noise**2 + np.sum(errors**2, axis=0)
    rms = float(np.sqrt(np.mean(data**2 / expected)))
    J = 0.5 * (probe.first + probe.second) * noise[:, None]
    scattered, shifted = noise[:, None] * J, errors @ J
    score = max(1.0, rms**2) * (scattered.T @ scattered + shifted.T @ shifted)
    eye = np.eye(len(x))
    inverse = np.linalg.inv(probe.information(of.scale) + eye)
    covariance: Array = np.asarray(inverse @ (score + eye) @ inverse, dtype=np.float64)
    return np.linalg.inv(covariance) - eye, covariance, rms


def _check_single(found: Sequence[OptimizeResult], covariance: Array, prior: Prior) -> None:
    """Refuse where another start ended elsewhere, as well as the best."""
    best = found[0]
    information = np.linalg.inv(covariance)
    for other in found[1:]:
        off = other.x - best.x
        apart = float(np.sqrt(off @ information @ off))
        if other.status > 0 and 2.0 * (other.cost - best.cost) < _SAME_COST and apart > _APART:
            raise CalibrationRefused(
                Cause.AMBIGUOUS,
                f"Two answers are equally good: {_told(prior, best.x)}; or {_told(prior, other.x)}."
                " Explore more, so that they differ.",
            )


def _told(prior: Prior, x: Array) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in prior.values(x).items())


def _summed_up(
    of: Sensitivity,
    prior: Prior,
    x: Array,
    information: Array,
    covariance: Array,
    rms: float,
    rollouts: Sequence[Rollout],
) -> Identification:
    strengths, ways = np.linalg.eigh(information)
    scale = np.outer(prior.sigma, prior.sigma)
    sigma = np.sqrt(np.diag(covariance * scale))
    at_end = np.abs(x) > prior.bound - _AT_END
    values = prior.values(x)
    # In a parameter's own logarithm, not in units of its prior.
    weakest = ways[:, 0] * prior.sigma
    weakest = weakest / np.abs(weakest).max()
    return Identification(
        estimates={
            one.name: Estimate(
                value=values[one.name],
                sigma=float(sigma[i]),
                prior_sigma=one.sigma,
                is_at_end=bool(at_end[i]),
                determined=bool(sigma[i] <= MOST_SIGMA and not at_end[i]),
            )
            for i, one in enumerate(prior.parameters)
        },
        covariance=covariance * scale,
        condition=float(np.sqrt((1.0 + strengths[-1]) / (1.0 + max(strengths[0], 0.0)))),
        weakest=dict(zip(prior.names, weakest.tolist(), strict=True)),
        rms=rms,
        rollouts=tuple(one.motion.name for one in rollouts),
        simulations=of.simulations,
    )
