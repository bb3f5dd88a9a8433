import numpy as np
import pytest

from robot_skills.core.errors import RobotFault, UnknownNameError
from robot_skills.core.se3 import SE3
from robot_skills.core.types import DEFAULT_ARM, single_arm_chunk
from sim.arms import ARMS
from sim.layout import random_layout
from sim.robot import CONTROL_PERIOD_S, SimRobot
from tests.sim.cell import down, go, line, wait


@pytest.fixture(params=sorted(ARMS))
def robot(request):
    robot = SimRobot(request.param)
    robot.connect()
    yield robot
    robot.close()


def state(robot: SimRobot):
    return robot.observe().arms[DEFAULT_ARM]


def test_unknown_arm_is_refused_with_what_is_available():
    with pytest.raises(UnknownNameError, match="panda"):
        SimRobot("pandora")


def test_unconnected_robot_refuses_to_observe_command_and_step():
    robot = SimRobot("panda")
    with pytest.raises(RobotFault):
        robot.observe()
    with pytest.raises(RobotFault):
        robot.clock.sleep_until(1.0)
    robot.close()


def test_nothing_moves_without_a_command(robot):
    before = state(robot)
    wait(robot, 1.0)
    after = state(robot)
    assert np.allclose(after.q_rad, before.q_rad, atol=1e-4)
    assert after.stamp_s == pytest.approx(1.0)


def test_home_points_down_over_the_table_with_the_gripper_open(robot):
    T = robot.home(DEFAULT_ARM)
    assert np.allclose(T.p, [0.40, 0.0, 0.42], atol=2e-3)
    assert np.allclose(T.R, np.diag([1.0, -1.0, -1.0]), atol=2e-3)
    now = state(robot)
    assert now.T_base_tool.distance_to(T)[0] < 2e-3
    assert now.opening > 0.98


def test_commanded_pose_is_reached_within_two_millimetres(robot):
    goal = down(0.55, -0.20, 0.15, yaw_rad=0.5)
    go(robot, goal, 0.4, 30)
    wait(robot, 0.5)
    off_m, off_rad = state(robot).T_base_tool.distance_to(goal)
    assert off_m < 0.002
    assert off_rad < np.deg2rad(0.5)
    assert state(robot).opening == pytest.approx(0.4, abs=0.03)


def test_moving_tool_is_where_its_waypoints_say(robot):
    goal = down(0.55, 0.15, 0.25)
    chunk = robot.command(line(robot, goal, 1.0, 40))
    robot.clock.sleep_until(chunk.stamp_s[20])
    expected, _ = chunk.sample(DEFAULT_ARM, robot.clock.now_s())
    assert state(robot).T_base_tool.distance_to(expected)[0] < 0.004


def test_holds_after_the_last_waypoint(robot):
    reached = go(robot, down(0.5, 0.1, 0.3), 1.0, 20)
    wait(robot, 1.0)
    assert state(robot).T_base_tool.distance_to(reached)[0] < 0.002


def test_late_waypoints_are_dropped_and_only_the_rest_is_reported(robot):
    wait(robot, 0.5)
    T = robot.home(DEFAULT_ARM).matrix()
    stamps = np.array([0.40, 0.45, 0.55, 0.60])
    accepted = robot.command(single_arm_chunk(stamps, np.tile(T, (4, 1, 1)), np.ones(4)))
    assert np.allclose(accepted.stamp_s, [0.55, 0.60])


def test_chunk_that_is_late_altogether_is_a_fault(robot):
    wait(robot, 0.5)
    T = robot.home(DEFAULT_ARM).matrix()[None]
    with pytest.raises(RobotFault, match="late"):
        robot.command(single_arm_chunk(np.array([0.2]), T, np.ones(1)))


def test_waypoints_that_are_not_finite_are_a_fault(robot):
    T = robot.home(DEFAULT_ARM).matrix()[None].copy()
    T[0, 0, 3] = np.nan
    with pytest.raises(RobotFault, match="finite"):
        robot.command(single_arm_chunk(np.array([0.2]), T, np.ones(1)))


def test_sparse_waypoints_are_joined_by_a_straight_line(robot):
    start, goal = robot.home(DEFAULT_ARM), down(0.60, 0.25, 0.20)
    robot.command(single_arm_chunk(np.array([2.0]), goal.matrix()[None], np.ones(1)))
    robot.clock.sleep_until(1.0)
    middle = 0.5 * (start.p + goal.p)
    assert np.linalg.norm(state(robot).T_base_tool.p - middle) < 0.004


def test_stop_drops_the_waypoints_and_holds(robot):
    robot.command(line(robot, down(0.6, 0.2, 0.2), 1.0, 40))
    robot.clock.sleep_until(0.5)
    robot.stop()
    wait(robot, 0.3)
    held = state(robot).T_base_tool
    wait(robot, 0.5)
    assert state(robot).T_base_tool.distance_to(held)[0] < 1e-3


def test_joints_stay_within_position_and_velocity_limits(robot):
    limits = robot.arms[DEFAULT_ARM].joint
    seen, setpoints = [], [np.array(ARMS[robot.world.arm.name].home_q_rad)]
    robot.on_step.append(lambda r: seen.append(state(r).q_rad))
    robot.on_step.append(
        lambda r: setpoints.append(r.world.data.act[r.world.servos.setpoint_act].copy())
    )
    far = SE3.from_yaw(2.5, (0.3, -0.6, 0.9)) @ SE3.from_rotvec((0.4, 0.3, 0.0))
    robot.command(
        single_arm_chunk(np.array([0.10, 0.15]), np.tile(far.matrix(), (2, 1, 1)), np.ones(2))
    )
    wait(robot, 2.0)
    rates = np.diff(setpoints, axis=0) / robot.control_period_s
    assert np.all(np.abs(rates) <= limits.velocity_rad_s + 1e-6)
    assert np.all(np.array(seen) >= limits.lower_rad - 0.02)
    assert np.all(np.array(seen) <= limits.upper_rad + 0.02)


def test_unknown_camera_and_arm_are_refused(robot):
    with pytest.raises(UnknownNameError, match="wrist"):
        robot.observe(["rist"])
    with pytest.raises(UnknownNameError):
        robot.kinematics("left")
    chunk = single_arm_chunk(np.array([1.0]), np.eye(4)[None], np.ones(1), name="left")
    with pytest.raises(UnknownNameError):
        robot.command(chunk)


def test_observers_see_every_control_step_at_its_own_time(robot):
    stamps = []
    robot.on_step.append(lambda r: stamps.append(r.clock.now_s()))
    wait(robot, 0.25)
    assert np.allclose(stamps, CONTROL_PERIOD_S * np.arange(1, 6))


def test_frames_show_the_cell_from_the_pose_they_carry():
    robot = SimRobot("panda", camera_size_px=(64, 48))
    robot.connect()
    frames = robot.observe(robot.cameras).cameras
    robot.close()
    assert set(frames) == {"front", "wrist"}
    for frame in frames.values():
        assert frame.rgb.shape == (48, 64, 3)
        # The middle of both views is bare table, at height zero in the base frame.
        ray = np.array([(31.5 - frame.K[0, 2]) / frame.K[0, 0], 0.0, 1.0])
        z = frame.T_base_camera @ (ray * frame.depth_m[24, 32])
        assert abs(z[2]) < 0.03


def _trace(seed: int) -> np.ndarray:
    layout = random_layout(np.random.default_rng(seed))
    robot = SimRobot("panda", layout=layout)
    robot.connect()
    go(robot, down(0.5, 0.0, 0.05), 0.3, 20)
    go(robot, down(0.5, 0.1, 0.05), 0.0, 20)
    return np.concatenate([robot.world.data.qpos, robot.world.data.qvel])


def test_same_seed_gives_the_same_run_bit_for_bit():
    assert np.array_equal(_trace(3), _trace(3))


def test_reset_repeats_the_episode_bit_for_bit():
    robot = SimRobot("ur5e", layout=random_layout(np.random.default_rng(5)))
    robot.connect()

    def run() -> np.ndarray:
        go(robot, down(0.5, 0.0, 0.03), 0.2, 20)
        return robot.world.data.qpos.copy()

    first = run()
    robot.reset()
    assert robot.clock.now_s() == 0.0
    assert np.array_equal(run(), first)
