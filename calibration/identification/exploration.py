"""Which motions to try, so that they say most about what is not known.

Fisher information of a motion at values drawn from the prior, by finite differences in the
simulator; those motions are taken that together leave least open (Memmel et al., *ASID: Active
Exploration for System Identification in Robotic Manipulation*, 2024). A first look at all motions
leaves a few of them, which are looked at again, at other values: of many numbers that chance has a
part in, the best ones are too good to be true.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import combinations

import numpy as np

from calibration.identification.parameters import Prior
from calibration.identification.sensitivity import Sensitivity, Simulator
from robot_skills.core.excitation import Motion, Rollout, SensorNoise, Streams
from robot_skills.core.se3 import SE3, Array

_FIRST_SAMPLES, _MORE_SAMPLES = 1, 2
"""Values of the parameters at which all motions, and then the best of them, are compared."""
_SECOND_LOOK, _SPARE = 8, 2
"""So many motions are looked at twice; at least so many more than are wanted."""
_LOOKS = 10


class Criterion(Enum):
    """What is made small, of the covariance of the parameters' logarithms, prior included."""

    D_OPTIMAL = "D-optimal"
    """Volume of what stays possible: the mean log determinant."""
    A_OPTIMAL = "A-optimal"
    """The parameters' summed variances."""
    WORST = "worst parameter"
    """The variance of the parameter that is known least, at values where it is known least."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Exploration:
    """Motions to try.

    Attributes:
        motions: Those to try.
        expected_sigma: Of each parameter's logarithm after them, as foreseen, by name.
    """

    motions: tuple[Motion, ...]
    expected_sigma: Mapping[str, float]


def informative_motions(
    simulator: Simulator,
    candidates: Sequence[Motion],
    things: Mapping[str, SE3],
    prior: Prior,
    noise: SensorNoise,
    rng: np.random.Generator,
    count: int = 3,
    criterion: Criterion = Criterion.WORST,
) -> Exploration:
    """Choose motions.

    Args:
        simulator: Predicts what is sensed.
        candidates: Motions to choose from.
        things: Where things rest before each.
        prior: Of the parameters.
        noise: Of the sensors.
        rng: Draws the parameters' values that the motions are compared at.
        count: How many motions.
        criterion: What is best.

    Raises:
        ValueError: There are too few candidates.
    """
    if len(candidates) < count:
        raise ValueError(f"{count} of {len(candidates)} motions cannot be chosen.")

    def informations(motions: Sequence[Motion], samples: int) -> Array:
        """About the logarithms, of motions at drawn values, (motions, samples, p, p)."""
        drawn = 0.5 * prior.draw(rng, samples)
        return np.array(
            [
                [fisher_information(simulator, one, things, prior, noise, x, rng) for x in drawn]
                for one in motions
            ]
        ) / np.outer(prior.sigma, prior.sigma)

    size = min(max(_SECOND_LOOK, count + _SPARE), len(candidates))
    known = np.diag(1.0 / prior.sigma**2)
    first = informations(candidates, _FIRST_SAMPLES)
    at = _greedy(known, first, size)
    likely = [candidates[i] for i in at]
    looked = np.concatenate([first[at], informations(likely, _MORE_SAMPLES)], axis=1)
    best = min(
        combinations(range(size), count),
        key=lambda of: _open(known + looked[list(of)].sum(axis=0), criterion),
    )
    variances = _variances(known + looked[list(best)].sum(axis=0)).mean(axis=0)
    return Exploration(
        motions=tuple(likely[i] for i in best),
        expected_sigma=dict(zip(prior.names, np.sqrt(variances).tolist(), strict=True)),
    )


def fisher_information(
    simulator: Simulator,
    motion: Motion,
    things: Mapping[str, SE3],
    prior: Prior,
    noise: SensorNoise,
    x: Array,
    rng: np.random.Generator,
) -> Array:
    """What a motion says of the parameters at coordinates `x` of the prior, (p, p)."""
    streams: Streams = simulator(prior.values(x), motion, things)
    rollout = Rollout(motion=motion, things=things, streams=streams, looks=_LOOKS)
    of = Sensitivity(simulator, [rollout], prior, noise, rng)
    probe = of.probe(x)
    of.weigh(probe)
    return probe.information(of.scale)


def _greedy(known: Array, informations: Array, count: int) -> Sequence[int]:
    """Motions that, one after the other, add most to what is known.

    Args:
        known: Information before, (p, p).
        informations: Of each motion, (motions, samples, p, p).
        count: How many motions.
    """
    chosen: list[int] = []
    for _ in range(count):
        rest = [i for i in range(len(informations)) if i not in chosen]
        best = min(rest, key=lambda i: _open(known + informations[i], Criterion.A_OPTIMAL))
        chosen.append(best)
        known = known + informations[best]
    return chosen


def _open(information: Array, criterion: Criterion) -> float:
    """How much stays open, with information (samples, p, p)."""
    match criterion:
        case Criterion.D_OPTIMAL:
            return -float(np.linalg.slogdet(information)[1].mean())
        case Criterion.A_OPTIMAL:
            return float(_variances(information).sum(axis=-1).mean())
        case Criterion.WORST:
            return float(_variances(information).max())


def _variances(information: Array) -> Array:
    inverse: Array = np.asarray(np.linalg.inv(information), dtype=np.float64)
    return np.diagonal(inverse, axis1=-2, axis2=-1)
