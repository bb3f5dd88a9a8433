"""Intervals of means over training seeds and evaluation seeds: the hierarchical bootstrap.

What one trained policy does in fifty episodes says more about those episodes than about training it
once more. So training seeds are drawn with replacement first, and then the episodes of each that
was drawn (Saravanan et al., *Application of the hierarchical bootstrap to multi-level data in
neuroscience*, 2020). With one training seed this is the ordinary bootstrap over episodes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = 0.90
"""Share of the resampled means that lie inside an interval."""
_RESAMPLES = 10_000
_SEED = 0

Interval = tuple[float, float]
"""Lower and upper end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PairedDifference:
    """How much more often one side succeeds than another in the same trials.

    Attributes:
        n: Pairs of trials, each of one seed.
        mean: Share of the successes of the one less that of the other.
        ci90: Bootstrap interval of it.
    """

    n: int
    mean: float
    ci90: Interval


def paired_difference(
    ones: Sequence[Sequence[bool]], others: Sequence[Sequence[bool]]
) -> PairedDifference:
    """Compare two sides that made the same trials.

    Args:
        ones: Successes of the one, for each training seed.
        others: Those of the other, trial by trial in the same order.

    Raises:
        ValueError: There is no pair, or the sides are not of the same trials.
    """
    differences = [
        [float(one) - float(other) for one, other in zip(*sides, strict=True)]
        for sides in zip(ones, others, strict=True)
    ]
    n = sum(len(values) for values in differences)
    return PairedDifference(
        n=n,
        ci90=bootstrap_interval(differences),
        mean=sum(sum(values) for values in differences) / n,
    )


def bootstrap_interval(groups: Sequence[Sequence[float]], level: float = LEVEL) -> Interval:
    """Percentile interval of the mean of all values.

    The same values give the same interval. Values that are all alike give one without width: what
    never failed cannot be resampled into a failure.

    Args:
        groups: Values of each training seed, one per evaluation seed: 1 for a success and 0 for a
            failure, or the difference of a pair.
        level: Share of the resampled means inside.

    Raises:
        ValueError: There is no group, or an empty one.
    """
    if not groups or not all(len(group) for group in groups):
        raise ValueError(f"Every training seed needs values, got {[len(g) for g in groups]}.")
    rng = np.random.default_rng(_SEED)
    values = [np.asarray(group, dtype=np.float64) for group in groups]
    sums, counts = np.zeros(_RESAMPLES), np.zeros(_RESAMPLES)
    for drawn in rng.integers(len(values), size=(len(values), _RESAMPLES)):
        for i, group in enumerate(values):
            rows = np.flatnonzero(drawn == i)
            again = rng.integers(len(group), size=(len(rows), len(group)))
            sums[rows] += group[again].sum(axis=1)
            counts[rows] += len(group)
    low, high = np.quantile(sums / counts, (0.5 - 0.5 * level, 0.5 + 0.5 * level))
    return float(low), float(high)
