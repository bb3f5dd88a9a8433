"""A LeRobot arm, faked on LeRobot's own base class, behind the robot contract and its faults."""

import threading
from dataclasses import dataclass, replace

import numpy as np
import pytest

pytest.importorskip("lerobot", reason="LeRobot is not installed")

from lerobot.robots import Robot, RobotConfig
from lerobot.utils.errors import DeviceNotConnectedError

import tests.contracts.test_robot_contract as contract
from hardware.gate.states import Cause, GateState
from hardware.lerobot_config import LeRobotRobotConfig
from hardware.lerobot_loop import ThreadLoop
from hardware.lerobot_robot import LeRobotRobot
from hardware.lerobot_units import action_of, joints_of
from hardware.lerobot_views import LeRobotView, depth_m_of, depth_mm
from hardware.teleop import GripperMap, JointMap, LeaderMap, Unit
from robot_skills.core.camera import pinhole
from robot_skills.core.clock import ManualClock
from robot_skills.core.errors import (
    ActionRefused,
    PerceptionError,
    RefusedError,
    RobotFault,
    UnknownNameError,
)
from robot_skills.core.se3 import SE3
from robot_skills.core.types import DEFAULT_ARM, single_arm_chunk
from tests.fakes import LIMITS, T_HOME, FakeKinematics

NAMES = ("pan", "lift", "elbow", "flex", "roll", "yaw")
MAPPING = LeaderMap(
    joints=(
        JointMap(key="pan.pos"),
        JointMap(key="lift.pos", sign=-1, offset_rad=0.1),
        JointMap(key="elbow.pos", unit=Unit.NORMALIZED, half_range_rad=1.0),
        JointMap(key="flex.pos", unit=Unit.RADIANS),
        JointMap(key="roll.pos"),
        JointMap(key="yaw.pos"),
    ),
    gripper=GripperMap(closed=5.0, open=95.0),
)
HOME = FakeKinematics().inverse(T_HOME)
PICTURE = np.full((24, 32, 3), 7, np.uint8)
VIEW = LeRobotView(
    K=pinhole(32, 24, 1.0), T_mount_camera=SE3.from_translation((0, 0, 0.1)), depth="top_depth"
)


@dataclass
class FakeConfig(RobotConfig):
    """Of the fake arm."""


class FakeFollower(Robot):
    """Servos that are at once where they are told to be, on a bus that can be cut."""

    config_class = FakeConfig
    name = "fake_follower"

    def __init__(self, folder):
        super().__init__(FakeConfig(id="test", calibration_dir=folder))
        self.at = action_of(MAPPING, HOME, 1.0)
        self.sent = []
        self.gone = self.deaf = self.stuck = False
        self.wrong: dict = {}
        self.connected, self.calibrated, self.asked = False, True, None

    @property
    def observation_features(self):
        return dict.fromkeys(self.at, float) | {"top": (24, 32, 3), "top_depth": (24, 32, 1)}

    @property
    def action_features(self):
        return dict.fromkeys(self.at, float)

    @property
    def is_connected(self):
        return self.connected

    @property
    def is_calibrated(self):
        return self.calibrated

    def connect(self, calibrate=True):
        if self.gone:
            raise ConnectionError("no such port")
        self.connected, self.asked = True, calibrate

    def calibrate(self):
        raise AssertionError("nobody is there to calibrate")

    def configure(self):
        pass

    def get_observation(self):
        if not self.connected:
            raise DeviceNotConnectedError("not connected")
        if self.gone:
            raise ConnectionError("the cable was pulled")
        depth = np.full((24, 32, 1), 1500, np.uint16)
        return self.at | {"top": PICTURE, "top_depth": depth} | self.wrong

    def send_action(self, action):
        if self.gone or self.deaf:
            raise ConnectionError("nothing was written")
        self.sent.append(dict(action))
        if not self.stuck:
            self.at = dict(action)
        return action

    def disconnect(self):
        self.connected = False


class StepLoop:
    """A loop and a clock in one: sleeping runs the periods that fall into it."""

    def __init__(self):
        self.time = ManualClock(5.0)
        self.tick = None

    def start(self, tick, period_s):
        self.tick, self.period_s, self.due_s = tick, period_s, self.now_s() + period_s

    def stop(self):
        self.tick = None

    def now_s(self):
        return self.time.now_s()

    def sleep_until(self, stamp_s):
        while self.tick is not None and self.due_s <= stamp_s + 1e-9:
            self.time.sleep_until(self.due_s)
            self.due_s += self.period_s
            self.tick()
        self.time.sleep_until(stamp_s)


def config(**changes):
    made = LeRobotRobotConfig(
        limits=LIMITS,
        make_kinematics=FakeKinematics,
        mapping=MAPPING,
        home_q_rad=HOME,
        views={"top": VIEW},
    )
    return replace(made, **changes)


@pytest.fixture
def follower(tmp_path):
    return FakeFollower(tmp_path)


@pytest.fixture
def unconnected(follower):
    loop = StepLoop()
    robot = LeRobotRobot(follower, config(), clock=loop, loop=loop)
    yield robot
    robot.close()


@pytest.fixture
def robot(unconnected):
    unconnected.connect()
    return unconnected


for _name, _test in vars(contract).items():
    if _name.startswith("test_") and not hasattr(_test, "pytestmark"):
        globals()[_name] = _test


def test_the_contract_was_run():
    assert (
        len([name for name in globals() if name.startswith("test_") and name in vars(contract)])
        > 12
    )


def test_numbers_go_to_radians_and_back():
    q_rad = np.array([0.1, -0.2, 0.3, 0.4, -0.5, 0.6])
    action = action_of(MAPPING, q_rad, 0.25)
    assert action["pan.pos"] == pytest.approx(np.rad2deg(0.1))
    assert action["lift.pos"] == pytest.approx(np.rad2deg(0.3))
    assert action["elbow.pos"] == pytest.approx(30.0)
    assert action["gripper.pos"] == pytest.approx(27.5)
    back, opening = joints_of(MAPPING, action, "arm")
    np.testing.assert_allclose(back, q_rad)
    assert opening == pytest.approx(0.25)


def test_connecting_asks_for_no_calibration_and_moves_nothing(robot, follower):
    contract.wait(robot, 0.5)
    assert follower.asked is False
    assert follower.sent == []


def test_an_arm_that_is_not_calibrated_is_refused(unconnected, follower):
    follower.calibrated = False
    with pytest.raises(RefusedError, match="lerobot-calibrate"):
        unconnected.connect()
    assert not follower.connected


def test_a_port_that_is_not_there_is_told(unconnected, follower):
    follower.gone = True
    with pytest.raises(RobotFault, match="no such port"):
        unconnected.connect()


def test_degrees_taken_for_radians_are_refused_before_anything_moves(follower):
    in_radians = tuple(replace(j, unit=Unit.RADIANS, half_range_rad=None) for j in MAPPING.joints)
    loop = StepLoop()
    wrong = config(mapping=replace(MAPPING, joints=in_radians))
    robot = LeRobotRobot(follower, wrong, clock=loop, loop=loop)
    with pytest.raises(RobotFault, match=r"pan\.pos at 25\.\d\d rad.*mapping"):
        robot.connect()
    assert not follower.connected


def test_joints_that_the_arm_does_not_have_are_named(follower):
    joints = (replace(MAPPING.joints[0], key="shoulder.pos"), *MAPPING.joints[1:])
    robot = LeRobotRobot(follower, config(mapping=replace(MAPPING, joints=joints)))
    with pytest.raises(RefusedError, match=r"shoulder\.pos.*pan\.pos"):
        robot.connect()


def test_a_mapping_for_another_arm_is_refused():
    with pytest.raises(RefusedError, match="6 joints, the mapping has 5"):
        config(mapping=replace(MAPPING, joints=MAPPING.joints[:5]))


def test_a_camera_that_the_arm_does_not_have_is_refused(follower):
    for views in ({"side": VIEW}, {"top": replace(VIEW, depth="side_depth")}):
        with pytest.raises(UnknownNameError, match="top"):
            LeRobotRobot(follower, config(views=views)).connect()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_waypoints_that_are_not_finite_are_refused(robot, follower, bad):
    chunk = contract.motion(robot)
    T = chunk.arms[DEFAULT_ARM].T_base_tool.copy()
    T[3, 0, 3] = bad
    with pytest.raises(ActionRefused) as refused:
        robot.command(single_arm_chunk(chunk.stamp_s, T, np.ones(len(chunk))))
    assert refused.value.code == "non_finite"
    contract.wait(robot, 0.3)
    assert follower.sent == []


def test_waypoints_out_of_the_workspace_are_refused(robot):
    with pytest.raises(ActionRefused) as refused:
        robot.command(contract.motion(robot, (0.0, 0.7, 0.0)))
    assert refused.value.code == "workspace"


def test_what_the_servos_are_told_keeps_to_the_limits(robot, follower):
    robot.command(contract.motion(robot, (0.0, 0.2, 0.0), steps=10))
    contract.wait(robot, 0.3)
    robot.stop()
    contract.wait(robot, 1.0)
    told = np.stack([joints_of(MAPPING, action, "arm")[0] for action in follower.sent])
    period_s = 0.02
    assert np.abs(np.diff(told, axis=0)).max() / period_s <= LIMITS.joint.velocity_rad_s[0]
    bend = np.abs(np.diff(told, n=2, axis=0)).max() / period_s**2
    assert bend <= 1.01 * LIMITS.joint.acceleration_rad_s2[0]
    np.testing.assert_allclose(told[-1], told[-2], atol=1e-6)


def test_an_arm_that_grows_silent_is_held_and_observing_says_why(robot, follower):
    robot.command(contract.motion(robot, steps=60))
    contract.wait(robot, 0.2)
    follower.gone = True
    contract.wait(robot, 0.3)
    assert robot.observe()
    contract.wait(robot, 1.0)
    assert robot.state is GateState.FAULT
    with pytest.raises(RobotFault, match="cable was pulled"):
        robot.observe()
    with pytest.raises(ActionRefused):
        robot.command(hold_at_home(robot))


def hold_at_home(robot):
    stamps = robot.clock.now_s() + 0.05 * np.arange(1.0, 4.0)
    return single_arm_chunk(stamps, np.tile(T_HOME.matrix(), (3, 1, 1)), np.ones(3))


def test_after_a_fault_a_person_has_to_look(robot, follower):
    robot.command(contract.motion(robot, steps=60))
    contract.wait(robot, 0.2)
    follower.gone = True
    contract.wait(robot, 1.0)
    with pytest.raises(RobotFault):
        robot.acknowledge()
    follower.gone = False
    contract.wait(robot, 0.5)
    with pytest.raises(ActionRefused):
        robot.command(contract.motion(robot))
    robot.acknowledge()
    assert robot.command(contract.motion(robot))


def test_a_bus_that_takes_no_commands_is_a_fault(robot, follower):
    robot.command(contract.motion(robot))
    follower.deaf = True
    contract.wait(robot, 0.1)
    assert robot.state is GateState.FAULT
    assert robot.trouble.cause is Cause.CONTROLLER


def test_a_servo_that_does_not_follow_is_a_fault(robot, follower):
    follower.stuck = True
    robot.command(contract.motion(robot, (0.0, 0.4, 0.0), steps=40))
    contract.wait(robot, 3.0)
    assert robot.trouble.cause is Cause.TRACKING


@pytest.mark.parametrize("wrong", [{"pan.pos": np.nan}, {"pan.pos": 1e4}])
def test_a_state_that_cannot_be_true_is_not_passed_on(robot, follower, wrong):
    contract.wait(robot, 0.1)
    before = robot.observe().arms[DEFAULT_ARM].q_rad
    follower.wrong = wrong
    contract.wait(robot, 0.04)
    np.testing.assert_array_equal(robot.observe().arms[DEFAULT_ARM].q_rad, before)


def test_pictures_come_with_depth_in_metres(robot):
    frame = robot.observe(["top"]).cameras["top"]
    assert frame.rgb[0, 0, 0] == 7
    np.testing.assert_allclose(frame.depth_m, 1.5)
    np.testing.assert_allclose(frame.T_base_camera.p, [0, 0, 0.1])


def test_a_missing_picture_is_told(robot, follower):
    follower.wrong = {"top": None}
    contract.wait(robot, 0.1)
    with pytest.raises(PerceptionError, match="top"):
        robot.observe(["top"])


def test_depth_goes_to_millimetres_and_back():
    depth_m = np.array([[0.0, 1.234, np.nan], [70.0, -1.0, 0.0004]], np.float32)
    stored = depth_mm(depth_m)
    assert stored.shape == (2, 3, 1)
    assert stored[..., 0].tolist() == [[0, 1234, 0], [65535, 0, 0]]
    np.testing.assert_allclose(depth_m_of(stored, "x"), stored[..., 0] / 1000.0, rtol=1e-6)
    with pytest.raises(PerceptionError, match="int64"):
        depth_m_of(np.zeros((2, 2), np.int64), "x")


def test_the_thread_moves_the_arm_by_itself_and_ends(follower):
    robot = LeRobotRobot(follower, config())
    robot.connect()
    try:
        chunk = contract.motion(robot, steps=10)
        robot.command(chunk)
        contract.wait(robot, 2.0)
        goal = SE3.from_matrix(chunk.arms[DEFAULT_ARM].T_base_tool[-1])
        assert contract.tool(robot).distance_to(goal)[0] < 2e-3
    finally:
        robot.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "lerobot-arm"]
    assert not follower.connected


def test_a_loop_that_was_stopped_can_be_started_again():
    ticks = []
    loop = ThreadLoop("again")
    for _ in range(2):
        ticks.clear()
        ticked = threading.Event()
        loop.start(lambda ticked=ticked: (ticks.append(1), ticked.set()), 0.01)
        assert ticked.wait(5.0)
        loop.stop()
