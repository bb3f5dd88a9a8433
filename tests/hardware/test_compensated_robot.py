"""Latencies that are known are taken off: the arm is where it was meant to be when it was meant."""

import numpy as np
import pytest

from hardware.compensated_robot import CompensatedRobot, compensated
from robot_skills.core.errors import RobotFault
from robot_skills.core.latencies import ArmLatencies
from robot_skills.core.robot import LeadingRobot
from robot_skills.core.se3 import SE3
from robot_skills.core.types import DEFAULT_ARM, single_arm_chunk
from sim.latency import DelayedRobot, Delays
from tests.fakes import PERIOD_S, FakeRobot


def _connected(action_s=0.1, gripper_s=0.1, state_s=0.1):
    inner = FakeRobot()
    delays = Delays(action_s=action_s, gripper_s=gripper_s, state_s=state_s)
    late = DelayedRobot(inner, delays, np.random.default_rng(0))
    known = ArmLatencies(action_s=action_s, gripper_s=gripper_s, state_s=state_s)
    robot = CompensatedRobot(late, known)
    robot.connect()
    return inner, robot


def _wave(at_s):
    return np.sin(2.0 * np.asarray(at_s)) ** 2


def _swing(robot, seconds=4.0):
    """Follow a wave in y and in the opening, with a chunk every 4 periods; yields the time."""
    start = robot.observe().arms[DEFAULT_ARM].T_base_tool
    for tick in range(int(seconds / PERIOD_S)):
        now_s = tick * PERIOD_S
        if tick % 4 == 0:
            stamps = now_s + PERIOD_S * np.arange(1.0, 17.0)
            poses = np.stack(
                [
                    (SE3.from_translation((0.0, 0.05 * float(y), 0.0)) @ start).matrix()
                    for y in _wave(stamps)
                ]
            )
            robot.command(single_arm_chunk(stamps, poses, 0.2 + 0.5 * _wave(stamps)))
        robot.clock.sleep_until(now_s + PERIOD_S)
        yield now_s + PERIOD_S


@pytest.mark.parametrize(
    ("action_s", "gripper_s"), [(0.1, 0.1), (0.08, 0.15), (0.15, 0.03), (0.037, 0.0)]
)
def test_arm_and_gripper_are_on_time(action_s, gripper_s):
    inner, robot = _connected(action_s=action_s, gripper_s=gripper_s)
    y = inner.observe().arms[DEFAULT_ARM].T_base_tool.p[1]
    for at_s in _swing(robot):
        arm = inner.observe().arms[DEFAULT_ARM]
        if at_s > 0.6:
            assert arm.T_base_tool.p[1] - y == pytest.approx(0.05 * _wave(at_s), abs=5e-4)
            assert arm.opening == pytest.approx(0.2 + 0.5 * _wave(at_s), abs=0.01)


def test_states_say_when_they_were_measured():
    inner, robot = _connected(state_s=0.12)
    y = inner.observe().arms[DEFAULT_ARM].T_base_tool.p[1]
    for at_s in _swing(robot):
        arm = robot.observe().arms[DEFAULT_ARM]
        assert arm.stamp_s == pytest.approx(at_s - 0.12)
        if at_s > 1.0:
            there = 0.05 * _wave(arm.stamp_s)
            assert arm.T_base_tool.p[1] - y == pytest.approx(there, abs=1e-3)


def test_what_was_accepted_has_the_times_that_it_is_meant_for():
    _, robot = _connected(action_s=0.1)
    T = robot.observe().arms[DEFAULT_ARM].T_base_tool.matrix()
    stamps = PERIOD_S * np.arange(1.0, 9.0)
    accepted = robot.command(single_arm_chunk(stamps, np.tile(T, (8, 1, 1)), np.ones(8)))
    assert accepted.stamp_s == pytest.approx(stamps[2:])


def test_waypoints_that_cannot_be_reached_in_time_are_refused():
    _, robot = _connected(action_s=0.1)
    T = robot.observe().arms[DEFAULT_ARM].T_base_tool.matrix()[None]
    with pytest.raises(RobotFault, match="too late"):
        robot.command(single_arm_chunk(np.array([0.05]), T, np.ones(1)))


def test_a_robot_says_how_early_it_wants_to_be_told():
    _, robot = _connected(action_s=0.07)
    assert isinstance(robot, LeadingRobot)
    assert robot.lead_s == pytest.approx(0.07)


def test_without_latencies_nothing_is_put_before_a_robot():
    robot = FakeRobot()
    assert compensated(robot, ArmLatencies()) is robot
    assert compensated(robot, ArmLatencies(state_s=0.01)) is not robot


def test_latencies_are_not_negative():
    with pytest.raises(ValueError, match="gripper_s"):
        ArmLatencies(gripper_s=-0.1)
