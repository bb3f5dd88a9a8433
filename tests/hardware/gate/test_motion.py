"""The gate in motion: what it follows, what it stops for, and what it wants before it goes on."""

from dataclasses import replace

import numpy as np
import pytest

from hardware.gate.motion import MotionGate
from hardware.gate.path import JointWaypoints, Judgement
from hardware.gate.states import Cause, GateState
from hardware.safety_gate import GateCode
from robot_skills.core.errors import RobotFault
from robot_skills.core.se3 import rotation_angle
from robot_skills.core.types import DEFAULT_ARM, single_arm_chunk
from tests.fakes import LIMITS, FakeKinematics
from tests.hardware.gate.arm_bench import PERIOD_S, ArmBench, assert_inside_limits


@pytest.fixture
def bench():
    made = ArmBench()
    yield made
    assert_inside_limits(made.told)


# Following


def test_nothing_is_commanded_before_somebody_wants_to_move(bench):
    bench.run(0.2)
    assert bench.told == []
    assert bench.state == "idle"


def test_waypoints_are_passed_at_their_times(bench):
    chunk = bench.chunk()
    began_s = bench.now_s
    assert bench.submit(chunk).ok
    off = []
    for _ in range(70):
        told = bench.tick()
        at_s = bench.now_s + PERIOD_S
        wish = np.array([chunk.sample(DEFAULT_ARM, at_s)[0].p])
        if at_s - began_s > 0.25:
            off.append(np.abs(told.setpoint.q_rad[:3] - wish).max())
    assert max(off) < 5e-4


def test_it_comes_to_rest_at_the_last_waypoint_without_passing_it(bench):
    chunk = bench.chunk(velocity=(0.2, 0.0, 0.0))
    last_x = chunk.arms[DEFAULT_ARM].T_base_tool[-1, 0, 3]
    assert bench.submit(chunk).ok
    bench.run(1.5)
    assert (bench.state, bench.gate.trouble.cause) == ("hold", Cause.CHUNK_ENDED)
    x = np.array(bench.told)[:, 0]
    assert x.max() < last_x + 1e-4
    assert x[-1] == pytest.approx(last_x, abs=1e-4)


@pytest.mark.parametrize("limited", [True, False])
def test_a_tool_that_catches_up_keeps_its_speed(limited):
    bench = ArmBench(disabled=frozenset() if limited else frozenset({GateCode.SPEED}))
    ahead = bench.q + np.array([0.03, -0.03, 0.03, 0.0, 0.0, 0.0])
    assert bench.submit(bench.chunk(velocity=(0.55, -0.5, 0.55), waypoints=8, start=ahead)).ok
    bench.run(0.4)
    way = np.diff(np.reshape(bench.told, (-1, 6))[:, :3], axis=0)
    fastest_m_s = np.linalg.norm(way, axis=1).max() / PERIOD_S
    assert fastest_m_s > 0.9
    assert (fastest_m_s <= LIMITS.cartesian.speed_m_s) == limited
    assert_inside_limits(bench.told)


@pytest.mark.parametrize("limited", [True, False])
def test_a_tool_that_catches_up_keeps_its_turn_rate(limited):
    bench = ArmBench(disabled=frozenset() if limited else frozenset({GateCode.TURN_RATE}))
    times = 0.05 * np.arange(1.0, 9.0)
    turned = np.tile(bench.q, (8, 1))
    turned[:, 3:] += (0.3 + 1.6 * times)[:, None]
    waypoints = JointWaypoints(stamp_s=bench.now_s + times, q_rad=turned, opening=np.ones(8))
    judgement = Judgement(code=GateCode.OK, waypoints=waypoints)
    assert bench.gate.submit(judgement, bench.epoch, bench.now_s).ok
    bench.run(0.4)
    R = np.array([FakeKinematics().forward(q).R for q in bench.told])
    fastest = rotation_angle(np.swapaxes(R[:-1], 1, 2) @ R[1:]).max() / PERIOD_S
    assert fastest > 2.7
    assert (fastest <= LIMITS.cartesian.turn_rate_rad_s) == limited


def test_a_newer_chunk_takes_over_without_a_jump(bench):
    bench.start()
    rng = np.random.default_rng(0)
    for _ in range(30):
        chunk = bench.chunk(velocity=rng.uniform(-0.2, 0.2, 3))
        assert bench.submit(chunk).ok
        bench.run(0.1)
    acceleration = np.abs(np.diff(np.array(bench.told), 2, axis=0)).max()
    assert acceleration <= LIMITS.joint.acceleration_rad_s2.max() * PERIOD_S**2


def test_the_gripper_is_told_what_the_waypoints_say(bench):
    chunk = bench.chunk()
    closing = np.linspace(1.0, 0.0, len(chunk))
    T = chunk.arms[DEFAULT_ARM].T_base_tool
    assert bench.submit(single_arm_chunk(chunk.stamp_s, T, closing)).ok
    openings = [bench.tick().opening for _ in range(90)]
    assert openings[0] > 0.9
    assert openings[-1] == 0.0
    assert (np.diff(openings) <= 1e-9).all()


def test_after_a_hold_the_next_chunk_goes_on(bench):
    bench.start()
    bench.gate.stop("enough", bench.now_s)
    bench.until_rest()
    assert bench.submit(observed_s=bench.now_s).ok
    assert bench.state == "running"


# Stopping


def test_every_stop_brakes_inside_the_limits(bench):
    bench.start()
    bench.gate.stop("enough", bench.now_s)
    took_s = bench.until_rest()
    assert 0.0 < took_s < 0.3
    assert bench.state == "hold"


def test_waypoints_that_are_refused_stop_the_arm(bench):
    bench.start()
    bad = bench.chunk(velocity=(1.5, 0.0, 0.0), waypoints=3)
    verdict = bench.submit(bad)
    assert verdict.code is GateCode.SPEED
    assert bench.gate.trouble.cause is Cause.CHUNK_REFUSED
    assert "speed" in bench.gate.trouble.why
    bench.until_rest()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nothing_that_is_not_finite_gets_through(bench, bad):
    bench.start()
    chunk = bench.chunk()
    T = chunk.arms[DEFAULT_ARM].T_base_tool.copy()
    T[3, 0, 3] = bad
    assert bench.submit(single_arm_chunk(chunk.stamp_s, T, np.ones(16))).code is GateCode.NON_FINITE
    bench.until_rest()


def test_an_arm_that_says_nothing_is_held_and_then_faulted(bench):
    bench.start()
    bench.speaks = False
    silent_s = bench.now_s
    while bench.state == "running":
        bench.tick()
    assert bench.now_s - silent_s == pytest.approx(0.055, abs=0.006)
    assert bench.gate.trouble.cause is Cause.STATE_LATE
    while bench.state == "hold":
        bench.tick()
    assert bench.now_s - silent_s == pytest.approx(0.205, abs=0.006)
    assert bench.gate.trouble.cause is Cause.STATE_LOST
    bench.until_rest()


def test_a_short_gap_costs_a_hold_and_what_was_decided_before_it(bench):
    bench.start()
    seen_s = bench.now_s
    bench.speaks = False
    bench.run(0.1)
    assert bench.state == "hold"
    bench.speaks = True
    bench.run(0.05)
    assert bench.submit(observed_s=seen_s).code is GateCode.STALE
    assert bench.submit(observed_s=bench.now_s).ok


def test_an_arm_at_rest_that_says_nothing_is_told_of(bench):
    bench.start()
    bench.gate.stop("enough", bench.now_s)
    bench.until_rest()
    bench.speaks = False
    bench.run(0.1)
    assert [trouble.cause for trouble in bench.gate.ongoing] == [Cause.STATE_LATE]
    bench.speaks = True
    bench.run(0.05)
    assert bench.gate.ongoing == ()
    assert bench.submit().ok


def test_a_fault_of_an_arm_that_says_nothing_is_over_when_it_speaks(bench):
    bench.start()
    bench.speaks = False
    bench.run(0.4)
    assert bench.state == "fault"
    with pytest.raises(RobotFault, match="Not yet"):
        bench.gate.acknowledge(bench.now_s)
    bench.speaks = True
    bench.run(0.05)
    bench.gate.acknowledge(bench.now_s)
    assert bench.state == "idle"


@pytest.mark.parametrize("joint", [0, 5])
@pytest.mark.parametrize("off", [0.5, np.nan])
def test_a_state_that_cannot_be_true_is_refused_and_three_are_a_fault(bench, joint, off):
    bench.start()
    before = bench.gate.arm
    bench.speaks = False
    for n in range(3):
        assert bench.state == "running"
        q = bench.q.copy()
        q[joint] += off
        assert not bench.say(q_rad=q)
        if n < 2:
            assert bench.gate.arm is before
            bench.tick()
    assert (bench.state, bench.gate.trouble.cause) == ("fault", Cause.STATE_BAD)
    bench.until_rest()


def test_an_arm_that_does_not_follow_is_a_fault(bench):
    assert bench.submit(bench.chunk(velocity=(0.3, 0.0, 0.0))).ok
    bench.moves = False
    bench.run(0.9)
    assert (bench.state, bench.gate.trouble.cause) == ("fault", Cause.TRACKING)
    assert "joint 0" in bench.gate.trouble.why
    bench.until_rest()


def test_a_sensor_that_is_lost_holds_until_it_is_back(bench):
    bench.start()
    bench.gate.hold(Cause.SENSOR_LOST, "camera front is gone", bench.now_s)
    bench.until_rest()
    refused = bench.submit()
    assert refused.code is GateCode.STATE
    assert "camera front" in refused.message
    bench.gate.over(Cause.SENSOR_LOST, bench.now_s)
    assert bench.submit(observed_s=bench.now_s - 0.1).code is GateCode.STALE
    assert bench.submit(observed_s=bench.now_s).ok


def test_a_loop_that_cannot_keep_its_period_holds(bench):
    bench.start()
    for _ in range(6):
        assert bench.state == "running"
        bench.now_s += 3 * PERIOD_S
        bench.say()
        bench.gate.tick(bench.now_s)
    assert (bench.state, bench.gate.trouble.cause) == ("hold", Cause.OVERRUN)
    assert bench.gate.counters.overruns == 6


# Latched


def test_a_fault_stays_until_somebody_acknowledges(bench):
    bench.start()
    bench.gate.fault(Cause.ROBOT, "protective stop", bench.now_s)
    bench.until_rest()
    assert bench.submit().code is GateCode.STATE
    bench.run(1.0)
    assert bench.state == "fault"
    bench.gate.acknowledge(bench.now_s)
    assert bench.state == "idle"
    # Nobody goes on as if nothing had been.
    assert bench.submit().code is GateCode.LEASE
    bench.epoch = bench.gate.grant("again")
    assert bench.submit(observed_s=bench.now_s).ok


def test_an_emergency_stop_wants_two_hands(bench):
    bench.start()
    bench.gate.estop("button", bench.now_s)
    assert bench.state == "estop"
    with pytest.raises(RobotFault, match="still braking"):
        bench.gate.acknowledge(bench.now_s)
    bench.until_rest()
    with pytest.raises(RobotFault, match="Acknowledge"):
        bench.gate.enable(bench.now_s)
    bench.gate.acknowledge(bench.now_s)
    assert bench.state == "estop"
    assert bench.submit().code is GateCode.STATE
    bench.gate.enable(bench.now_s)
    assert bench.state == "idle"


@pytest.mark.parametrize(("off_rad", "goes_on"), [(0.004, True), (0.05, False)])
def test_beginning_again_is_no_step_where_the_arm_has_stayed(bench, off_rad, goes_on):
    bench.start()
    bench.gate.estop("button", bench.now_s)
    bench.until_rest()
    bench.gate.acknowledge(bench.now_s)
    bench.gate.enable(bench.now_s)
    bench.epoch = bench.gate.grant("again")
    last = bench.told[-1]
    # It sags a little, or somebody has moved it by hand.
    bench.q = bench.q + off_rad
    for _ in range(5):
        bench.say()
    assert bench.submit(observed_s=bench.now_s).ok
    bench.tick()
    begun_at = last if goes_on else last + off_rad
    assert np.abs(bench.told[-1] - begun_at).max() < 0.002
    if not goes_on:
        # That step was made by whoever moved the arm.
        del bench.told[:-1]


def test_pressing_again_takes_an_acknowledgement_back(bench):
    bench.start()
    bench.gate.estop("button", bench.now_s)
    bench.until_rest()
    bench.gate.acknowledge(bench.now_s)
    bench.gate.estop("button", bench.now_s)
    with pytest.raises(RobotFault, match="Acknowledge"):
        bench.gate.enable(bench.now_s)


def test_nothing_is_acknowledged_while_the_trouble_goes_on(bench):
    bench.start()
    bench.speaks = False
    bench.run(0.5)
    assert bench.state == "fault"
    with pytest.raises(RobotFault, match="state is"):
        bench.gate.acknowledge(bench.now_s)
    bench.speaks = True
    bench.run(0.1)
    bench.gate.acknowledge(bench.now_s)
    assert bench.gate.state is GateState.IDLE


def test_an_emergency_stop_from_idle_commands_nothing(bench):
    bench.gate.estop("button", bench.now_s)
    bench.run(0.1)
    assert bench.told == []
    bench.gate.acknowledge(bench.now_s)
    bench.gate.enable(bench.now_s)
    assert bench.submit().code is GateCode.LEASE
    bench.epoch = bench.gate.grant("test")
    assert bench.submit().ok


# Who commands


def test_only_one_commands_at_a_time(bench):
    bench.start()
    other = bench.gate.grant("console")
    late = bench.submit()
    assert late.code is GateCode.LEASE
    assert "console" in late.message
    # The other's motion is not disturbed by it.
    assert bench.submit(epoch=other).ok
    assert bench.submit().code is GateCode.LEASE
    assert bench.state == "running"
    assert bench.gate.counters.stale_lease == 2


def test_the_first_command_of_a_gate_follows_its_first_epoch():
    gate = MotionGate(LIMITS, FakeKinematics(), first_epoch=41)
    assert gate.grant("test") == 42


def test_giving_the_command_back_holds_the_arm(bench):
    bench.start()
    bench.gate.release(bench.epoch - 1, bench.now_s)
    assert bench.state == "running"
    bench.gate.release(bench.epoch, bench.now_s)
    bench.until_rest()
    assert bench.state == "hold"
    assert bench.submit().code is GateCode.LEASE


# Odd input


def test_another_number_of_joints_is_refused(bench):
    assert not bench.say(q_rad=np.zeros(7), dq_rad_s=np.zeros(7))
    assert "7 joints" in bench.gate._implausible(
        replace(bench.arm_state(), q_rad=np.zeros(7), dq_rad_s=np.zeros(7))
    )


def test_an_arm_outside_its_limits_is_not_moved(bench):
    outside = bench.q.copy()
    outside[0] = LIMITS.joint.upper_rad[0] + 0.02
    bench.gate._arm = bench.arm_state(q_rad=outside)
    verdict = bench.submit(bench.chunk(velocity=(0.0, 0.0, 0.0), start=bench.q))
    assert not verdict.ok
    bench.run(0.1)
    assert bench.told == []


def test_fuzzed_chunks_never_lead_outside_the_limits(bench):
    rng = np.random.default_rng(1)
    for _ in range(300):
        chunk = bench.chunk(
            velocity=rng.normal(0.0, 10 ** rng.uniform(-2, 1), 3), waypoints=rng.integers(1, 20)
        )
        arm = chunk.arms[DEFAULT_ARM]
        T, stamps = arm.T_base_tool.copy(), chunk.stamp_s.copy()
        if rng.random() < 0.3:
            T[rng.integers(len(T)), :3, 3] += rng.normal(0.0, 0.1, 3)
        if rng.random() < 0.1:
            T[rng.integers(len(T)), 0, 3] = rng.choice([np.nan, np.inf, 1e9])
        if rng.random() < 0.1:
            rng.shuffle(stamps)
        bench.submit(single_arm_chunk(stamps, T, rng.uniform(-0.1, 1.1, len(T))))
        bench.run(rng.choice([0.01, 0.05, 0.3]))
        if bench.state == "fault":
            bench.until_rest()
            bench.gate.acknowledge(bench.now_s)
            bench.epoch = bench.gate.grant("test")
    assert bench.gate.counters.refused > 50
    assert len(bench.told) > 1000
