"""What every robot does, whether it is faked, gated or simulated."""

import numpy as np
import pytest

from hardware.compensated_robot import CompensatedRobot
from hardware.gated_robot import gate_robot
from hardware.judged_robot import JudgedRobot
from robot_skills.core.errors import RobotFault, UnknownNameError
from robot_skills.core.events import EventList
from robot_skills.core.latencies import ArmLatencies
from robot_skills.core.se3 import SE3
from robot_skills.core.types import DEFAULT_ARM, single_arm_chunk
from sim.latency import DelayedRobot, Delays
from sim.robot import SimRobot
from tests.fakes import FakeRobot

ROBOTS = {
    "fake": FakeRobot,
    "gated fake": lambda: gate_robot(FakeRobot(), EventList()),
    "judged fake": lambda: JudgedRobot(FakeRobot(), EventList()),
    "late fake": lambda: DelayedRobot(FakeRobot(), Delays(), np.random.default_rng(0)),
    "compensated fake": lambda: CompensatedRobot(FakeRobot(), ArmLatencies(state_s=0.01)),
    "panda": lambda: SimRobot("panda"),
    "ur5e": lambda: SimRobot("ur5e"),
    "gated panda": lambda: gate_robot(SimRobot("panda"), EventList()),
}
TRACKING_M = 0.008
"""Of a slow motion, once it has ended."""


@pytest.fixture(params=ROBOTS)
def unconnected(request):
    robot = ROBOTS[request.param]()
    yield robot
    robot.close()


@pytest.fixture
def robot(unconnected):
    unconnected.connect()
    return unconnected


def tool(robot) -> SE3:
    return robot.observe().arms[DEFAULT_ARM].T_base_tool


def motion(robot, offset_m=(0.0, 0.03, -0.03), steps=20, opening=1.0):
    """A slow straight motion from the present pose, starting now."""
    start = tool(robot)
    T = np.tile(start.matrix(), (steps, 1, 1))
    T[:, :3, 3] += np.linspace(0.0, 1.0, steps + 1)[1:, None] * np.asarray(offset_m)
    stamps = robot.clock.now_s() + robot.control_period_s * np.arange(1.0, steps + 1)
    return single_arm_chunk(stamps, T, np.full(steps, opening))


def wait(robot, duration_s: float) -> None:
    robot.clock.sleep_until(robot.clock.now_s() + duration_s)


def test_nothing_works_before_connect(unconnected):
    with pytest.raises(RobotFault):
        unconnected.observe()
    with pytest.raises(RobotFault):
        unconnected.command(single_arm_chunk(np.array([0.05]), np.eye(4)[None], np.array([1.0])))


def test_it_tells_limits_kinematics_and_home_of_each_arm(robot):
    assert DEFAULT_ARM in robot.arms
    limits = robot.arms[DEFAULT_ARM]
    home = robot.home(DEFAULT_ARM)
    assert np.all(home.p > limits.cartesian.workspace_lower_m)
    assert np.all(home.p < limits.cartesian.workspace_upper_m)
    state = robot.observe().arms[DEFAULT_ARM]
    assert len(state.q_rad) == len(limits.joint.lower_rad)
    for ask in (robot.kinematics, robot.home):
        with pytest.raises(UnknownNameError):
            ask("third_arm")


def test_an_observation_is_stamped_with_the_present(robot):
    observation = robot.observe()
    assert observation.stamp_s == pytest.approx(robot.clock.now_s())
    state = observation.arms[DEFAULT_ARM]
    assert state.stamp_s <= observation.stamp_s
    assert 0.0 <= state.opening <= 1.0 + 1e-6
    assert observation.cameras == {}


def test_it_starts_at_home_and_stays_there(robot):
    assert tool(robot).distance_to(robot.home(DEFAULT_ARM))[0] < TRACKING_M
    wait(robot, 0.5)
    assert tool(robot).distance_to(robot.home(DEFAULT_ARM))[0] < TRACKING_M


def test_kinematics_agree_with_what_is_measured(robot):
    state = robot.observe().arms[DEFAULT_ARM]
    kinematics = robot.kinematics(DEFAULT_ARM)
    assert kinematics.forward(state.q_rad).distance_to(state.T_base_tool)[0] < 1e-3


def test_kinematics_follow_a_path_and_report_what_is_out_of_reach(robot):
    kinematics = robot.kinematics(DEFAULT_ARM)
    q = robot.observe().arms[DEFAULT_ARM].q_rad
    path = motion(robot).arms[DEFAULT_ARM].T_base_tool
    q_path, errors_m = kinematics.follow(q, path)
    assert q_path.shape == (len(path), len(q))
    assert errors_m.max() < 2e-3
    reached = kinematics.forward(q_path[-1])
    assert reached.distance_to(SE3.from_matrix(path[-1]))[0] < 2e-3


def test_a_motion_is_followed_and_held_at_its_end(robot):
    chunk = motion(robot)
    robot.command(chunk)
    wait(robot, 2.0)
    goal = SE3.from_matrix(chunk.arms[DEFAULT_ARM].T_base_tool[-1])
    assert tool(robot).distance_to(goal)[0] < TRACKING_M
    wait(robot, 0.5)
    assert tool(robot).distance_to(goal)[0] < TRACKING_M


def test_it_moves_by_time_not_at_once(robot):
    start = tool(robot)
    chunk = motion(robot)
    robot.command(chunk)
    assert tool(robot).distance_to(start)[0] < 1e-6
    wait(robot, 0.5)
    moved_m = tool(robot).distance_to(start)[0]
    assert 0.005 < moved_m < 0.04


def test_late_waypoints_are_dropped_and_not_executed_late(robot):
    chunk = motion(robot)
    wait(robot, 0.5)
    accepted = robot.command(chunk)
    assert len(accepted) == 10
    assert accepted.stamp_s[0] > robot.clock.now_s()


def test_a_new_chunk_replaces_the_old_one(robot):
    first = motion(robot, (0.0, 0.05, 0.0))
    robot.command(first)
    wait(robot, 0.3)
    second = motion(robot, (0.0, -0.02, 0.0))
    robot.command(second)
    wait(robot, 2.0)
    goal = SE3.from_matrix(second.arms[DEFAULT_ARM].T_base_tool[-1])
    assert tool(robot).distance_to(goal)[0] < TRACKING_M


def test_stop_holds_at_once_and_at_any_time(robot):
    robot.stop()
    robot.command(motion(robot, (0.0, 0.10, 0.0)))
    wait(robot, 0.5)
    robot.stop()
    robot.stop()
    held = tool(robot)
    wait(robot, 1.0)
    assert tool(robot).distance_to(held)[0] < 0.01


def test_the_gripper_goes_where_it_is_told(robot):
    robot.command(motion(robot, (0.0, 0.0, 0.0), opening=0.1))
    wait(robot, 1.5)
    assert robot.observe().arms[DEFAULT_ARM].opening < 0.3
    robot.command(motion(robot, (0.0, 0.0, 0.0), opening=1.0))
    wait(robot, 1.5)
    assert robot.observe().arms[DEFAULT_ARM].opening > 0.9


def test_unknown_cameras_and_arms_are_refused(robot):
    with pytest.raises(UnknownNameError):
        robot.observe(["periscope"])
    chunk = motion(robot)
    with pytest.raises(UnknownNameError):
        robot.command(
            single_arm_chunk(
                chunk.stamp_s,
                chunk.arms[DEFAULT_ARM].T_base_tool,
                chunk.arms[DEFAULT_ARM].opening,
                "third_arm",
            )
        )


def test_waiting_moves_the_clock_exactly_and_repeatably(robot):
    before_s = robot.clock.now_s()
    wait(robot, 0.25)
    assert robot.clock.now_s() == pytest.approx(before_s + 0.25)


def test_close_can_be_called_twice_and_ends_service(robot):
    robot.close()
    robot.close()
    with pytest.raises(RobotFault):
        robot.observe()


@pytest.mark.parametrize("name", ["fake", "panda", "ur5e"])
def test_the_same_commands_give_the_same_states_bit_for_bit(name):
    def states():
        robot = ROBOTS[name]()
        robot.connect()
        out = []
        robot.command(motion(robot))
        for _ in range(20):
            wait(robot, robot.control_period_s)
            out.append(robot.observe().arms[DEFAULT_ARM].q_rad)
        robot.close()
        return np.stack(out)

    assert np.array_equal(states(), states())
