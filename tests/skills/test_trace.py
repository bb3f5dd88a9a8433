"""What is kept of a motion: where the hand was when it was low, and what the gripper did."""

import numpy as np
import pytest

from robot_skills.core.policy import EntityToken
from robot_skills.core.se3 import SE3
from robot_skills.core.types import ArmState
from robot_skills.skills.trace import Tracer

TOKEN = EntityToken(
    T_base_anchor=SE3.from_translation((0.5, 0.0, 0.02)), extents_m=np.full(3, 0.04)
)


def at(x: float, z: float, opening: float = 1.0) -> ArmState:
    return ArmState(
        stamp_s=0.0,
        q_rad=np.zeros(1),
        dq_rad_s=np.zeros(1),
        tau_nm=np.zeros(1),
        T_base_tool=SE3.from_translation((x, 0.0, z)),
        opening=opening,
    )


def test_passing_high_over_a_thing_is_not_coming_near_to_it():
    tracer = Tracer()
    for state in (at(0.4, 0.3), at(0.5, 0.3), at(0.6, 0.3), at(0.6, 0.03), at(0.6, 0.3)):
        tracer.saw(state, (TOKEN,))
    trace = tracer.trace()
    assert trace is not None
    assert trace.nearest_m == pytest.approx((0.1,))


def test_the_gripper_is_told_and_measured_apart():
    tracer = Tracer()
    for opening in (1.0, 0.6, 0.5):
        tracer.saw(at(0.5, 0.03, opening), (TOKEN,))
    tracer.told(0.0)
    trace = tracer.trace()
    assert trace is not None
    assert (trace.least_opening, trace.least_told) == (0.5, 0.0)


def test_without_a_state_there_is_nothing_to_tell():
    assert Tracer().trace() is None
