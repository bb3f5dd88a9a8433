"""Recorded demonstrations cut into pieces that are each about one entity.

What a hand did relative to a thing can be done to that thing wherever it stands: the idea of
*MimicGen: A Data Generation System for Scalable Robot Learning using Human Demonstrations*
(Mandlekar et al., 2023). `sim.experts.replay` carries segments out in other scenes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import DatasetError
from robot_skills.core.se3 import Array, invert

NEAR_M = 0.15
"""A segment begins when the hand first comes this near to what it is about; the way there is made
anew in every scene."""
_STILL_M = 1e-3


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Recorded:
    """One successful demonstration of T ticks with N entities, less what is not to be imitated.

    Attributes:
        T_base_tool: Tool poses to be at next, (T, 4, 4).
        opening: Gripper openings to be at next, (T,).
        done: Whether the work was finished, (T,).
        T_base_anchor: Frame of each entity as it was seen, (T, N, 4, 4).
    """

    T_base_tool: Array
    opening: Array
    done: NDArray[np.bool_]
    T_base_anchor: Array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Segment:
    """Motion of the hand relative to one entity, n ticks long.

    Attributes:
        token: Which entity of the call.
        T_anchor_tool: Tool poses to be at next, (n, 4, 4).
        opening: Gripper openings to be at next, (n,).
        done: Whether the work is finished, (n,).
    """

    token: int
    T_anchor_tool: Array
    opening: Array
    done: NDArray[np.bool_]


def cut(recorded: Recorded) -> tuple[Segment, ...]:
    """The segments of a demonstration, in order.

    Each tick belongs to the entity that the hand is at: to the one that it comes nearest to first,
    until it is nearer to the next. What moves with the hand is no place to be relative to.

    Raises:
        DatasetError: No entity stands still.
    """
    p_tool, p_anchor = recorded.T_base_tool[:, :3, 3], recorded.T_base_anchor[..., :3, 3]
    still = [k for k in range(p_anchor.shape[1]) if np.ptp(p_anchor[:, k], axis=0).max() < _STILL_M]
    if not still:
        raise DatasetError(
            "A demonstration cannot be carried over to other scenes: every entity that it shows "
            "moves with the hand, so there is nothing to be relative to."
        )
    far_m = np.linalg.norm(p_tool[:, None] - p_anchor, axis=-1)
    order = sorted(still, key=lambda k: int(np.argmin(far_m[:, k])))
    begin = int(np.argmax(far_m[:, still].min(axis=1) < NEAR_M))
    bounds = [begin, *_changes(far_m, order, begin), len(p_tool)]
    return tuple(
        _segment(recorded, token, slice(a, b))
        for token, (a, b) in zip(order, pairwise(bounds), strict=True)
        if a < b
    )


def _changes(far_m: Array, order: Sequence[int], begin: int) -> list[int]:
    """Ticks from which on the hand is at the next entity, one fewer than there are entities."""
    changes: list[int] = []
    for here, there in pairwise(order):
        after = max(begin, int(np.argmin(far_m[:, here])), *changes)
        nearer = np.flatnonzero(far_m[after:, there] < far_m[after:, here])
        changes.append(after + int(nearer[0]) if len(nearer) else len(far_m))
    return changes


def _segment(recorded: Recorded, token: int, ticks: slice) -> Segment:
    T_anchor_base = invert(recorded.T_base_anchor[ticks.start, token])
    return Segment(
        token=token,
        T_anchor_tool=T_anchor_base @ recorded.T_base_tool[ticks],
        opening=recorded.opening[ticks],
        done=recorded.done[ticks],
    )
