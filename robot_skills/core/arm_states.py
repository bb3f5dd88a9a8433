"""Where an arm was between two measurements of it."""

import bisect
from collections.abc import Sequence

from robot_skills.core.se3 import SE3, interpolate
from robot_skills.core.types import ArmState


def state_between(a: ArmState, b: ArmState, fraction: float) -> ArmState:
    """The state at a fraction of the way from one to another; what is measured goes straight.

    Args:
        a: State at fraction 0.
        b: State at fraction 1.
        fraction: In [0, 1].
    """
    rest = 1.0 - fraction
    return ArmState(
        stamp_s=rest * a.stamp_s + fraction * b.stamp_s,
        q_rad=rest * a.q_rad + fraction * b.q_rad,
        dq_rad_s=rest * a.dq_rad_s + fraction * b.dq_rad_s,
        tau_nm=rest * a.tau_nm + fraction * b.tau_nm,
        T_base_tool=SE3.from_matrix(
            interpolate(a.T_base_tool.matrix(), b.T_base_tool.matrix(), fraction)
        ),
        opening=rest * a.opening + fraction * b.opening,
    )


def state_at(states: Sequence[ArmState], stamp_s: float) -> ArmState:
    """The state at a time, between the two around it; at the ends, the one that is there.

    Args:
        states: In the order of their times; at least one.
        stamp_s: When.
    """
    later = bisect.bisect_left(states, stamp_s, key=lambda state: state.stamp_s)
    if later == 0 or later == len(states):
        return states[min(later, len(states) - 1)]
    a, b = states[later - 1], states[later]
    return state_between(a, b, (stamp_s - a.stamp_s) / (b.stamp_s - a.stamp_s))
