"""Intervals of means over training seeds and evaluation seeds: the hierarchical bootstrap.

What one trained policy does in fifty episodes says more about those episodes than about training it
once more. So training seeds are drawn with replacement first, and then the episodes of each that
was drawn (Saravanan et al., *Application of the hierarchical bootstrap to multi-level data in
neuroscience*, 2020). With one training seed this is the ordinary bootstrap over episodes.
"""

from collections.abc import Sequence

import numpy as np

LEVEL = 0.90
"""Share of the resampled means that lie inside an interval."""
_RESAMPLES = 10_000
_SEED = 0

Interval = tuple[float, float]
"""Lower and upper end."""


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
