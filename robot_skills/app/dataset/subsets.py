"""Diversity within subsets of a dataset, disparity between them, consistency of its actions.

Xing et al., "Shortcut Learning in Generalist Robot Policies: The Role of Dataset Diversity and
Fragmentation", 2025, find that a policy learns shortcuts where subsets have little diversity and
are far apart from each other. Their pair of quantities is measured here with one distance
``d(x, y)``, the root mean square difference between the descriptors of two episodes:

==============  ====================================================================================
diversity       ``E d(x, x')`` over pairs of episodes of one subset (Rao's quadratic entropy,
                Theor. Popul. Biol. 21, 1982), in the unit of the descriptor
disparity       ``1 - (E d(x, x') + E d(y, y')) / (2 E d(x, y))``, the normalised energy distance of
                two subsets (Szekely and Rizzo, J. Stat. Plan. Inference 143, 2013): 0 when they
                have the same distribution, 1 when each is a point of its own; pairs are of
                different episodes, so that few episodes do not look like a difference
==============  ====================================================================================

Consistency follows Belkhale, Cui and Sadigh, "Data Quality in Imitation Learning", 2023: the
variance of actions in like states. It is given as a share of the variance of all actions: 0 when
the state decides the action, 1 when it says nothing about it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.se3 import Array

MOST_EPISODES = 400
"""So many of a subset are compared with each other; they are drawn evenly from a larger one."""
_MOST_STATES = 3000
_NEIGHBOURS = 10
_FEWEST_EPISODES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """Diversity and disparity by one descriptor.

    Attributes:
        diversity: By subset; None for a subset of one episode.
        disparity: By pair of subsets of at least two episodes, each pair once.
    """

    diversity: Mapping[str, float | None]
    disparity: Mapping[tuple[str, str], float]

    @property
    def mean_disparity(self) -> float | None:
        """Over all pairs; None where there is only one subset."""
        return float(np.mean(list(self.disparity.values()))) if self.disparity else None


def spread(descriptors: Mapping[str, NDArray]) -> Spread:
    """Diversity within each subset and disparity between every two.

    Args:
        descriptors: By subset, (episodes, k); subsets without any are left out.
    """
    kept = {name: _thinned(rows) for name, rows in descriptors.items() if len(rows)}
    within = {name: _mean_within(rows) for name, rows in kept.items()}
    disparity = {}
    for one, other in combinations(kept, 2):
        inner = [within[one], within[other]]
        between = float(distances(kept[one], kept[other]).mean())
        if None not in inner and between > 0.0:
            share = sum(value or 0.0 for value in inner) / (2 * between)
            disparity[one, other] = max(1.0 - share, 0.0)
    return Spread(diversity=within, disparity=disparity)


def distances(one: NDArray, other: NDArray) -> Array:
    """Root mean square differences (n, m) between descriptors (n, k) and (m, k)."""
    a, b = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2.0 * a @ b.T
    return np.sqrt(np.maximum(squared, 0.0) / a.shape[1]).astype(np.float64)


def action_spread(
    states: Sequence[Array], actions: Sequence[Array], *, seed: int = 0
) -> float | None:
    """Variance of actions in like states, as a share of the variance of all actions.

    Like states are the ten nearest ones in other episodes, each number of the state scaled by its
    standard deviation.

    Args:
        states: Per episode (n, s).
        actions: Per episode (n, a), in the same order.
        seed: Of the states that are looked at, where there are many.

    Returns:
        In [0, about 1]; None where there are too few episodes or nothing moves.
    """
    owner = np.repeat(np.arange(len(states)), [len(rows) for rows in states])
    if len(states) < _FEWEST_EPISODES or len(owner) < 4 * _NEIGHBOURS:
        return None
    chosen = np.arange(len(owner))
    if len(owner) > _MOST_STATES:
        rng = np.random.default_rng(seed)
        chosen = rng.choice(len(owner), _MOST_STATES, replace=False)
    owner = owner[chosen]
    x, u = np.concatenate(states)[chosen], np.concatenate(actions)[chosen]
    total = float(u.var(axis=0).sum())
    if total <= 0.0:
        return None
    scale = np.maximum(x.std(axis=0), 1e-6)
    gaps = distances(x / scale, x / scale)
    gaps[owner[:, None] == owner[None]] = np.inf
    nearest = np.argpartition(gaps, _NEIGHBOURS, axis=1)[:, :_NEIGHBOURS]
    near = np.take_along_axis(gaps, nearest, axis=1)
    enough = np.isfinite(near).all(axis=1)
    if not enough.any():
        return None
    inside = u[nearest[enough]].var(axis=1, ddof=1).sum(axis=-1)
    return float(inside.mean() / total)


def occupied(p: NDArray, cell_m: float) -> int:
    """How many cubes of an edge length the positions (n, 3) lie in."""
    return len(np.unique(np.floor(p / cell_m).astype(np.int64), axis=0)) if len(p) else 0


def _thinned(rows: NDArray) -> NDArray:
    if len(rows) <= MOST_EPISODES:
        return rows
    return rows[np.linspace(0, len(rows) - 1, MOST_EPISODES).astype(np.int64)]


def _mean_within(rows: NDArray) -> float | None:
    """Over pairs of different episodes."""
    n = len(rows)
    return None if n < 2 else float(distances(rows, rows).sum() / (n * (n - 1)))
