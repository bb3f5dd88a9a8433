"""The safety gate: one fault at a time is injected into a chunk that is fine."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from hardware.gated_robot import GatedRobot, gate_robot
from hardware.safety_gate import GateCode, GateConfig, SafetyGate
from robot_skills.core.errors import ActionRefused, RefusedError, UnknownNameError
from robot_skills.core.events import EventKind, EventList
from robot_skills.core.limits import JointLimits
from robot_skills.core.se3 import SE3, so3_exp
from robot_skills.core.types import (
    DEFAULT_ARM,
    ActionChunk,
    ArmState,
    Observation,
    single_arm_chunk,
)
from tests.fakes import LIMITS, PERIOD_S, R_DOWN, T_HOME, FakeKinematics, FakeRobot

H = 16
NOW_S = 10.0


def gate(config: GateConfig | None = None, limits=LIMITS, kinematics=None) -> SafetyGate:
    return SafetyGate(limits, kinematics or FakeKinematics(), config)


def observation(T: SE3 = T_HOME, stamp_s: float = NOW_S) -> Observation:
    state = ArmState(
        stamp_s=stamp_s,
        q_rad=FakeKinematics().inverse(T),
        dq_rad_s=np.zeros(6),
        tau_nm=np.zeros(6),
        T_base_tool=T,
        opening=1.0,
    )
    return Observation(stamp_s=stamp_s, arms={DEFAULT_ARM: state})


def chunk(step_m=(0.01, 0.0, 0.0), start: SE3 = T_HOME, turn_rad=0.0, opening=1.0) -> ActionChunk:
    """Steady motion from `start`, one waypoint per control period."""
    T = np.tile(start.matrix(), (H, 1, 1))
    for i in range(H):
        T[i, :3, 3] += (i + 1) * np.asarray(step_m)
        T[i, :3, :3] = so3_exp((0.0, 0.0, (i + 1) * turn_rad)) @ start.R
    stamps = NOW_S + PERIOD_S * np.arange(1.0, H + 1)
    return single_arm_chunk(stamps, T, np.full(H, opening))


def edited(source: ActionChunk, edit) -> ActionChunk:
    """A chunk after `edit(stamps, poses, openings)` changed copies of its arrays."""
    arm = source.arms[DEFAULT_ARM]
    arrays = (source.stamp_s.copy(), arm.T_base_tool.copy(), arm.opening.copy())
    edit(*arrays)
    return single_arm_chunk(*arrays)


def check(c: ActionChunk, config: GateConfig | None = None, **changes):
    return gate(config, **changes).check(c, observation(), NOW_S)


def test_a_fine_chunk_passes_unchanged():
    verdict = check(chunk())
    assert verdict.code is GateCode.OK
    assert verdict.accepted is not None
    assert np.array_equal(
        verdict.accepted.arms[DEFAULT_ARM].T_base_tool, chunk().arms[DEFAULT_ARM].T_base_tool
    )


def test_late_waypoints_are_dropped():
    verdict = gate().check(chunk(), observation(stamp_s=NOW_S + 0.1), NOW_S + 0.1)
    assert verdict.accepted is not None
    assert len(verdict.accepted) == H - 2
    assert verdict.details["dropped"] == 2


def _set(which, index, value):
    def edit(*arrays):
        arrays[which][index] = value

    return edit


STAMPS, POSES, OPENINGS = 0, 1, 2
FAULTS = {
    "nan in a position": (_set(POSES, (3, 0, 3), np.nan), GateCode.NON_FINITE),
    "inf in a rotation": (_set(POSES, (3, 1, 1), np.inf), GateCode.NON_FINITE),
    "nan in an opening": (_set(OPENINGS, 5, np.nan), GateCode.NON_FINITE),
    "nan in a stamp": (_set(STAMPS, 5, np.nan), GateCode.NON_FINITE),
    "stamps that go back": (_set(STAMPS, 5, NOW_S + 0.1), GateCode.STAMPS),
    "a sheared rotation": (_set(POSES, (3, 0, 1), 0.2), GateCode.ROTATION),
    "a mirrored rotation": (_set(POSES, (3, slice(3), 2), [0.0, 0.0, 1.0]), GateCode.ROTATION),
    "a scaled pose": (_set(POSES, (3, 3, 3), 2.0), GateCode.ROTATION),
    "an opening of 1.5": (_set(OPENINGS, 5, 1.5), GateCode.OPENING),
    "an opening of -1": (_set(OPENINGS, 5, -1.0), GateCode.OPENING),
    "a waypoint under the table": (_set(POSES, (15, 2, 3), -0.2), GateCode.WORKSPACE),
    "a waypoint out of reach": (_set(POSES, (15, 0, 3), 2.0), GateCode.WORKSPACE),
    "a leap in the middle": (_set(POSES, (8, 1, 3), 0.3), GateCode.SPEED),
    "a spin in the middle": (
        _set(POSES, (8, slice(3), slice(3)), so3_exp((0, 0, 1.0)) @ R_DOWN),
        GateCode.TURN_RATE,
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_chunk_is_refused_as_a_whole_with_its_reason(name):
    edit, code = FAULTS[name]
    verdict = check(edited(chunk(), edit))
    assert verdict.accepted is None
    assert verdict.code is code
    assert verdict.message


def test_a_chunk_in_the_past_is_late():
    verdict = gate().check(chunk(), observation(stamp_s=NOW_S + 5.0), NOW_S + 5.0)
    assert verdict.code is GateCode.LATE


def test_a_chunk_of_another_clock_is_refused():
    verdict = gate().check(chunk(), observation(stamp_s=0.0), 0.0)
    assert verdict.code is GateCode.STAMPS


@pytest.mark.parametrize("age_s", [0.5, -0.5])
def test_an_old_or_future_observation_is_stale(age_s):
    verdict = gate().check(chunk(), observation(stamp_s=NOW_S - age_s), NOW_S)
    assert verdict.code is GateCode.STALE


@pytest.mark.parametrize("offset_m", [0.2, 0.12])
def test_a_chunk_that_begins_elsewhere_is_a_discontinuity(offset_m):
    start = SE3.from_translation((0.0, offset_m, 0.0)) @ T_HOME
    assert check(chunk(start=start)).code is GateCode.JUMP


def test_a_chunk_that_begins_turned_away_is_a_discontinuity():
    start = SE3(so3_exp((0.0, 0.0, 0.8)) @ R_DOWN, T_HOME.p)
    assert check(chunk(start=start)).code is GateCode.JUMP


def test_slightly_outside_the_workspace_is_clipped_into_it():
    start = SE3(R_DOWN, np.array([0.45, 0.0, 0.0]))
    verdict = gate().check(
        chunk(step_m=(0.0, 0.0, -0.0015), start=start), observation(start), NOW_S
    )
    assert verdict.code is GateCode.CLIPPED
    assert verdict.accepted is not None
    z = verdict.accepted.arms[DEFAULT_ARM].T_base_tool[:, 2, 3]
    assert np.isclose(z.min(), LIMITS.cartesian.workspace_lower_m[2])
    assert verdict.details["clipped"]["workspace_m"] == pytest.approx(0.014)


def test_openings_slightly_out_of_range_are_clipped():
    verdict = check(chunk(opening=1.03))
    assert verdict.code is GateCode.CLIPPED
    assert verdict.accepted is not None
    assert verdict.accepted.arms[DEFAULT_ARM].opening.max() == 1.0


@pytest.mark.parametrize(
    "motion", [{"step_m": (0.0515, 0.0, 0.0)}, {"step_m": (0, 0, 0), "turn_rad": 0.154}]
)
def test_slightly_too_fast_is_slowed_down_to_the_limit(motion):
    limits = replace(
        LIMITS, cartesian=replace(LIMITS.cartesian, workspace_upper_m=np.array([2.0, 0.5, 0.6]))
    )
    joint = replace(limits.joint, upper_rad=np.full(6, 4.0))
    verdict = check(chunk(**motion), limits=replace(limits, joint=joint))
    assert verdict.code is GateCode.CLIPPED
    assert verdict.accepted is not None
    assert verdict.accepted.stamp_s[-1] > chunk().stamp_s[-1]
    poses = [SE3.from_matrix(T) for T in verdict.accepted.arms[DEFAULT_ARM].T_base_tool]
    steps = [a.distance_to(b) for a, b in itertools.pairwise(poses)]
    for (distance_m, angle_rad), dt_s in zip(steps, np.diff(verdict.accepted.stamp_s), strict=True):
        assert distance_m <= limits.cartesian.speed_m_s * dt_s + 1e-9
        assert angle_rad <= limits.cartesian.turn_rate_rad_s * dt_s + 1e-9


class _Short(FakeKinematics):
    """An arm that ends at x = 0.5."""

    def follow(self, q_rad, T_base_tool):
        q, _ = super().follow(q_rad, T_base_tool)
        return q, np.maximum(0.0, T_base_tool[:, 0, 3] - 0.5)


def test_what_the_arm_cannot_reach_is_refused():
    verdict = check(chunk(), kinematics=_Short())
    assert verdict.code is GateCode.UNREACHABLE
    assert verdict.details["waypoint"] == H - 1


def _joint_limits(**changes) -> JointLimits:
    return replace(LIMITS.joint, **changes)


def test_a_joint_path_out_of_range_is_refused_and_names_the_joint():
    joint = _joint_limits(upper_rad=np.array([0.5, 1.0, 1.0, 4.0, 4.0, 4.0]))
    verdict = check(chunk(), limits=replace(LIMITS, joint=joint))
    assert verdict.code is GateCode.JOINT_RANGE
    assert verdict.details["joint"] == 0


def test_a_joint_that_would_have_to_be_too_fast_is_refused():
    joint = _joint_limits(velocity_rad_s=np.full(6, 0.1))
    verdict = check(chunk(), limits=replace(LIMITS, joint=joint))
    assert verdict.code is GateCode.JOINT_VELOCITY


def test_nan_from_the_kinematics_is_refused():
    class Lost(FakeKinematics):
        def follow(self, q_rad, T_base_tool):
            q, errors = super().follow(q_rad, T_base_tool)
            return q, errors * np.nan

    assert check(chunk(), kinematics=Lost()).code is GateCode.UNREACHABLE


def test_one_check_can_be_turned_off_by_configuration_only():
    leap = edited(chunk(), FAULTS["a leap in the middle"][0])
    off = GateConfig(disabled=frozenset({GateCode.SPEED, GateCode.JOINT_VELOCITY}))
    assert check(leap, off).ok
    assert not check(leap).ok


@pytest.mark.parametrize("code", [GateCode.NON_FINITE, GateCode.ROTATION, GateCode.LATE])
def test_checks_on_the_form_cannot_be_turned_off(code):
    with pytest.raises(ValueError, match="cannot be turned off"):
        GateConfig(disabled=frozenset({code}))


def test_the_gate_refuses_arms_that_it_does_not_guard():
    other = single_arm_chunk(chunk().stamp_s, np.tile(np.eye(4), (H, 1, 1)), np.ones(H), "left")
    with pytest.raises(UnknownNameError):
        check(other)


def test_the_gate_is_pure():
    guard, c = gate(), chunk()
    assert guard.check(c, observation(), NOW_S).code is guard.check(c, observation(), NOW_S).code


@pytest.mark.parametrize("seed", range(40))
def test_whatever_passes_is_within_the_limits(seed):
    rng = np.random.default_rng(seed)
    steps = rng.normal(scale=rng.choice([0.005, 0.02, 0.04]), size=(H, 3))
    T = np.tile(T_HOME.matrix(), (H, 1, 1))
    T[:, :3, 3] += np.cumsum(steps, axis=0)
    verdict = check(single_arm_chunk(chunk().stamp_s, T, rng.uniform(-0.04, 1.04, H)))
    if verdict.accepted is None:
        return
    arm = verdict.accepted.arms[DEFAULT_ARM]
    p = arm.T_base_tool[:, :3, 3]
    limits = LIMITS.cartesian
    assert np.all(p >= limits.workspace_lower_m - 1e-12)
    assert np.all(p <= limits.workspace_upper_m + 1e-12)
    speeds = np.linalg.norm(np.diff(p, axis=0), axis=-1) / np.diff(verdict.accepted.stamp_s)
    assert speeds.max() <= limits.speed_m_s * (1.0 + 1e-9)
    assert arm.opening.min() >= 0.0
    assert arm.opening.max() <= 1.0


@pytest.fixture
def cell():
    robot, events = FakeRobot(), EventList()
    robot.connect()
    robot.clock.sleep_until(NOW_S)
    return robot, gate_robot(robot, events), events


def test_an_accepted_chunk_reaches_the_robot_and_is_logged(cell):
    robot, gated, events = cell
    accepted = gated.command(chunk())
    assert len(accepted) == H
    assert len(robot.commands) == 1
    (event,) = events.of_kind(EventKind.GATE)
    assert event.data["accepted"] is True
    assert event.data["code"] == "ok"
    assert event.stamp_s == NOW_S


def test_a_refused_chunk_stops_the_robot_and_raises_with_the_code(cell):
    robot, gated, events = cell
    with pytest.raises(ActionRefused) as caught:
        gated.command(edited(chunk(), FAULTS["nan in a position"][0]))
    assert caught.value.code == "non_finite"
    assert robot.commands == []
    assert robot.stops == 1
    (event,) = events.of_kind(EventKind.GATE)
    assert event.data["accepted"] is False
    assert event.data["message"] == str(caught.value)


def test_a_refused_chunk_ends_a_motion_that_is_under_way(cell):
    robot, gated, _ = cell
    gated.command(chunk())
    robot.clock.sleep_until(NOW_S + 0.2)
    with pytest.raises(ActionRefused):
        gated.command(edited(chunk(), FAULTS["a waypoint under the table"][0]))
    held = gated.observe().arms[DEFAULT_ARM].T_base_tool
    robot.clock.sleep_until(NOW_S + 1.0)
    assert gated.observe().arms[DEFAULT_ARM].T_base_tool.allclose(held)


def test_every_arm_needs_a_gate():
    with pytest.raises(RefusedError, match="No safety gate for arm"):
        GatedRobot(FakeRobot(), {}, EventList())
