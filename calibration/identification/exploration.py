"""Which motions to try, so that they say most about what is not known.

Fisher information of a motion at values drawn from the prior, by finite differences in the
simulator; those motions are taken, one after the other, that add most (Memmel et al., *ASID: Active
Exploration for System Identification in Robotic Manipulation*, 2024).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from calibration.identification.parameters import Prior
from calibration.identification.sensitivity import Sensitivity, Simulator
from robot_skills.core.excitation import Motion, Rollout, SensorNoise, Streams
from robot_skills.core.se3 import SE3, Array

_SAMPLES, _LOOKS = 2, 10


class Criterion(Enum):
    """What is made large. Both are with the prior's information, in units of the prior."""

    D_OPTIMAL = "D-optimal"
    """Volume of what stays possible is made small: the mean log determinant."""
    A_OPTIMAL = "A-optimal"
    """The parameters' summed variances are made small."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Exploration:
    """Motions to try.

    Attributes:
        motions: Best first.
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
    criterion: Criterion = Criterion.A_OPTIMAL,
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
    samples = 0.5 * prior.draw(rng, _SAMPLES)
    informations = np.array(
        [
            [fisher_information(simulator, one, things, prior, noise, x, rng) for x in samples]
            for one in candidates
        ]
    )
    known = np.tile(np.eye(len(prior.parameters)), (_SAMPLES, 1, 1))
    chosen: list[int] = []
    for _ in range(count):
        rest = [i for i in range(len(candidates)) if i not in chosen]
        best = max(rest, key=lambda i: _worth(known + informations[i], criterion))
        chosen.append(best)
        known = known + informations[best]
    variances = np.diagonal(np.linalg.inv(known), axis1=-2, axis2=-1).mean(axis=0)
    sigma = prior.sigma * np.sqrt(variances)
    return Exploration(
        motions=tuple(candidates[i] for i in chosen),
        expected_sigma=dict(zip(prior.names, sigma.tolist(), strict=True)),
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
    of.weigh(x)
    J = of.jacobian(x)
    return J.T @ J


def _worth(information: Array, criterion: Criterion) -> float:
    match criterion:
        case Criterion.D_OPTIMAL:
            return float(np.linalg.slogdet(information)[1].mean())
        case Criterion.A_OPTIMAL:
            return -float(np.trace(np.linalg.inv(information), axis1=-2, axis2=-1).mean())
