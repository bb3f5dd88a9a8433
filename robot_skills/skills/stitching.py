"""Joining a new chunk to the one that is being followed, without a jerk.

Two chunks of a sampling policy may go about the same job in slightly different ways. The new chunk
starts at a pose that was measured a moment ago, the arm is already on its way along the old one: so
late waypoints are dropped, and the first ones that remain are mixed with the rest of the old chunk.
"""

from enum import Enum

import numpy as np

from robot_skills.core.se3 import interpolate
from robot_skills.core.types import ActionChunk, ArmChunk

DEFAULT_BLEND_STEPS = 3


class Compensation(Enum):
    """What is done about the time that a policy takes to answer."""

    NONE = "none"
    """The chunk starts when it comes, as if the arm had waited: the naive way, to compare with."""
    BLEND = "blend"
    """Its late waypoints are dropped, the first ones that remain are mixed with the old chunk."""
    CONTINUE = "continue"
    """As BLEND, and the policy is told what the arm will have done meanwhile, and goes on from
    there (real-time chunking, Black et al., 2025); needs a policy that can."""


def stitch(
    previous: ActionChunk | None,
    new: ActionChunk,
    now_s: float,
    blend_steps: int = DEFAULT_BLEND_STEPS,
) -> ActionChunk | None:
    """The new chunk without its late waypoints, its first ones mixed with the rest of `previous`.

    The share of the new chunk grows linearly over the blend: with three steps 1/4, 1/2, 3/4. Mixing
    is linear in position and opening and geodesic in rotation. Where `previous` has ended, or does
    not move an arm, nothing is mixed.

    Args:
        previous: Chunk that is being followed, if any.
        new: Chunk from the latest observation.
        now_s: Present time.
        blend_steps: Number of waypoints that are mixed; 0 for none.

    Returns:
        What to follow from now on, or None when all waypoints of `new` are late.
    """
    rest = new.after(now_s)
    if rest is None or previous is None:
        return rest
    count = min(blend_steps, len(rest), int(np.sum(rest.stamp_s <= previous.stamp_s[-1] + 1e-9)))
    arms = {
        name: _blend(arm, name, previous, rest.stamp_s[:count], blend_steps)
        if name in previous.arms
        else arm
        for name, arm in rest.arms.items()
    }
    return ActionChunk(stamp_s=rest.stamp_s, arms=arms)


def _blend(
    arm: ArmChunk, name: str, previous: ActionChunk, stamp_s: np.ndarray, blend_steps: int
) -> ArmChunk:
    T_base_tool = arm.T_base_tool.copy()
    opening = arm.opening.copy()
    for i, at_s in enumerate(stamp_s):
        share = (i + 1) / (blend_steps + 1)
        T_old, opening_old = previous.sample(name, float(at_s))
        T_base_tool[i] = interpolate(T_old.matrix(), arm.T_base_tool[i], share)
        opening[i] = (1.0 - share) * opening_old + share * arm.opening[i]
    return ArmChunk(T_base_tool=T_base_tool, opening=opening)
