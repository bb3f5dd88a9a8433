"""Collision checks of the gate, on an arm of one joint between two walls."""

import numpy as np
import pytest

from hardware.gate.collision import JudgedPath, trespass
from hardware.safety_gate import GateCode, GateConfig, SafetyGate
from robot_skills.core.limits import JointLimits
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import DEFAULT_ARM, ArmState, Observation, single_arm_chunk
from tests.fakes import LIMITS, R_DOWN, T_HOME, FakeKinematics

STEP_S = 0.05
WALL_RAD, MARGIN_M = 1.0, 0.02


class Pendulum:
    """A point 1 m from the only joint, with a wall on either side, and a post between them.

    Args:
        post_rad: Where a thin post stands, that it may pass by no nearer than the margin.
    """

    def __init__(self, post_rad: float | None = None) -> None:
        self._post_rad = post_rad
        self.asked = 0

    pairs = (("tip", "left wall"), ("tip", "right wall"), ("tip", "post"))
    reach_m = np.ones((3, 1))
    margin_m = np.full(3, MARGIN_M)
    opening_reach_m = np.zeros(3)

    def room(self, q_rad: Array, opening: Array) -> Array:
        self.asked += len(q_rad)
        q = q_rad[:, 0]
        post = np.full(len(q), 9.0) if self._post_rad is None else np.abs(q - self._post_rad)
        return np.stack([q + WALL_RAD, WALL_RAD - q, post], axis=1) - MARGIN_M


LIMIT = JointLimits(
    lower_rad=np.array([-3.0]),
    upper_rad=np.array([3.0]),
    velocity_rad_s=np.array([4.0]),
    acceleration_rad_s2=np.array([10.0]),
    jerk_rad_s3=np.array([1000.0]),
)


def path(*q_rad: float, step_s: float = STEP_S) -> JudgedPath:
    return JudgedPath(
        stamp_s=np.cumsum(np.full(len(q_rad), step_s)),
        q_rad=np.array(q_rad, dtype=np.float64)[:, None],
        opening=np.ones(len(q_rad)),
    )


def at(q_rad: float) -> ArmState:
    return ArmState(
        stamp_s=0.0,
        q_rad=np.array([q_rad]),
        dq_rad_s=np.zeros(1),
        tau_nm=np.zeros(1),
        T_base_tool=SE3.identity(),
        opening=1.0,
    )


def test_path_with_room_is_accepted_with_few_questions():
    model = Pendulum()
    assert trespass(model, LIMIT, path(0.05, 0.1, 0.12, 0.12), at(0.0)) is None
    assert model.asked == 5


def test_waypoint_too_near_is_named_with_its_bodies():
    found = trespass(Pendulum(), LIMIT, path(0.96, 0.97, 0.98, 0.985), at(0.95))
    assert found is not None
    assert (found.waypoint, found.bodies) == (3, ("tip", "right wall"))
    assert found.short_m == pytest.approx(0.005)
    assert str(found) == "at waypoint 3 tip comes 5.0 mm too near to right wall"


def test_thin_post_between_two_waypoints_is_found():
    found = trespass(Pendulum(0.25), LIMIT, path(0.1, 0.2, 0.3, 0.4), at(0.0))
    assert found is not None
    assert found.bodies == ("tip", "post")
    assert (found.waypoint, "on the way" in str(found)) == (2, True)


def test_whoever_cannot_stop_before_the_wall_is_refused():
    # 0.1 rad in 50 ms are 2 rad/s, which take more than 0.2 rad to stop.
    fast = path(0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97)
    found = trespass(Pendulum(), LIMIT, fast, at(0.4))
    assert found is not None
    assert found.when.startswith("too fast: stopped at waypoint")
    slow = path(*np.linspace(0.42, 0.97, 28))
    assert trespass(Pendulum(), LIMIT, slow, at(0.4)) is None


def test_margin_may_be_used_up_by_braking():
    # Stopped at waypoint 2, at 0.3 rad/s, it needs 6 mm more than the margin leaves.
    assert trespass(Pendulum(), LIMIT, path(0.945, 0.96, 0.975, 0.98), at(0.93)) is None


@pytest.mark.parametrize(
    ("waypoints", "may"),
    [
        ((0.985, 0.98, 0.97), True),
        ((0.99, 0.99, 0.99), True),
        ((0.992, 0.994), False),
        ((0.98, 0.975, 0.985), False),
        ((0.97, 0.96, 0.985), False),
    ],
)
def test_arm_that_is_too_near_may_only_get_away(waypoints, may):
    assert (trespass(Pendulum(), LIMIT, path(*waypoints), at(0.99)) is None) is may


def test_getting_away_from_one_body_does_not_excuse_nearing_another():
    found = trespass(Pendulum(0.93), LIMIT, path(0.985, 0.97, 0.945), at(0.99))
    assert found is not None
    assert found.bodies == ("tip", "post")


# Behind the gate


class NoRoomBelow:
    """The fake arm's third joint is the height of its tool."""

    def __init__(self, lowest_m: float) -> None:
        self._lowest_m = lowest_m

    pairs = (("hand", "table"),)
    reach_m = np.array([[0.0, 0.0, 1.0, 0.0, 0.0, 0.0]])
    margin_m = np.full(1, MARGIN_M)
    opening_reach_m = np.zeros(1)

    def room(self, q_rad: Array, opening: Array) -> Array:
        return q_rad[:, 2:3] - self._lowest_m - MARGIN_M


def descent(step_m: float):
    T = np.tile(T_HOME.matrix(), (16, 1, 1))
    T[:, 2, 3] += step_m * np.arange(1, 17)
    T[:, :3, :3] = R_DOWN
    return single_arm_chunk(10.0 + np.cumsum(np.full(16, STEP_S)), T, np.ones(16))


def observation() -> Observation:
    kinematics = FakeKinematics()
    state = ArmState(
        stamp_s=10.0,
        q_rad=kinematics.inverse(T_HOME),
        dq_rad_s=np.zeros(6),
        tau_nm=np.zeros(6),
        T_base_tool=T_HOME,
        opening=1.0,
    )
    return Observation(stamp_s=10.0, arms={DEFAULT_ARM: state})


def test_chunk_into_the_table_is_refused_as_a_whole_with_the_reason():
    floor = NoRoomBelow(float(T_HOME.p[2]) - 0.1)
    gate = SafetyGate(LIMITS, FakeKinematics(), collisions=floor)
    verdict = gate.check(descent(-0.01), observation(), 10.0)
    assert verdict.accepted is None
    assert verdict.code is GateCode.COLLISION
    assert verdict.details["bodies"] == ["hand", "table"]
    assert verdict.details["waypoint"] in (7, 8)
    assert "hand" in verdict.message
    assert "table" in verdict.message
    assert gate.check(descent(-0.002), observation(), 10.0).code is GateCode.OK


def test_check_that_is_off_or_has_no_shapes_is_named():
    floor = NoRoomBelow(float(T_HOME.p[2]) - 0.1)
    config = GateConfig(disabled=frozenset({GateCode.COLLISION}))
    off = SafetyGate(LIMITS, FakeKinematics(), config, collisions=floor)
    without = SafetyGate(LIMITS, FakeKinematics())
    on = SafetyGate(LIMITS, FakeKinematics(), collisions=floor)
    assert off.check(descent(-0.01), observation(), 10.0).ok
    assert off.unchecked == without.unchecked == (GateCode.COLLISION,)
    assert on.unchecked == ()
