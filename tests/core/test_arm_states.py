"""States between measured ones."""

import numpy as np
import pytest

from robot_skills.core.arm_states import state_at
from robot_skills.core.se3 import SE3
from robot_skills.core.types import ArmState


def _state(stamp_s):
    return ArmState(
        stamp_s=stamp_s,
        q_rad=np.full(6, stamp_s),
        dq_rad_s=np.zeros(6),
        tau_nm=np.zeros(6),
        T_base_tool=SE3.from_yaw(0.1 * stamp_s, (stamp_s, 0.0, 0.0)),
        opening=0.1 * stamp_s,
    )


STATES = [_state(0.0), _state(1.0), _state(3.0)]


@pytest.mark.parametrize("stamp_s", [0.0, 0.4, 1.0, 2.5, 3.0])
def test_what_was_measured_goes_straight_between_states(stamp_s):
    state = state_at(STATES, stamp_s)
    assert state.stamp_s == pytest.approx(stamp_s)
    assert state.q_rad == pytest.approx(np.full(6, stamp_s))
    assert state.T_base_tool.allclose(_state(stamp_s).T_base_tool)
    assert state.opening == pytest.approx(0.1 * stamp_s)


@pytest.mark.parametrize(("stamp_s", "end"), [(-1.0, 0), (9.0, -1)])
def test_the_ends_are_held(stamp_s, end):
    assert state_at(STATES, stamp_s) is STATES[end]
