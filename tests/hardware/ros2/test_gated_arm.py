"""A simulated arm, its gate and a robot above it, each in a process of its own, over real DDS."""

import multiprocessing
import os
import signal
import time
from functools import partial

import numpy as np
import pytest

from robot_skills.core.errors import ActionRefused, RobotFault
from robot_skills.core.types import DEFAULT_ARM, single_arm_chunk

pytest.importorskip("robot_skills_interfaces", reason="messages of ROS 2 are not built")

from hardware.gate.motion import MotionConfig
from hardware.ros2.arm_link import ArmTopics, GripperKind, GripperTopics
from hardware.ros2.camera import RosCameraConfig
from hardware.ros2.gate_node import run_gate
from hardware.ros2.gate_setup import GateSetup
from hardware.ros2.robot import Ros2Robot, Ros2RobotConfig
from hardware.ros2.runtime import RosNode
from robot_skills.app.nodes.sim_robot import GRIPPER_JOINT, SimRobotSetup, run_sim_robot
from sim.arms import ARMS
from sim.kinematics import kinematics_of
from sim.world import T_BASE_FRONT
from tests.patience import patiently

ARM = ARMS["panda"]
TOPICS = ArmTopics(
    joints=ARM.joints,
    joint_states="joint_states",
    command="forward_position_controller/commands",
    gripper=GripperTopics(
        kind=GripperKind.POSITION,
        name="gripper_position_controller/commands",
        joint=GRIPPER_JOINT,
        open_q=1.0,
        closed_q=0.0,
    ),
)
KINEMATICS = partial(kinematics_of, "panda")
CONTEXT = multiprocessing.get_context("spawn")


class CellProcesses:
    """The processes of a cell."""

    def __init__(self, simulated=None, cameras=None, **gate):
        simulated = simulated or SimRobotSetup(camera_px=(64, 48))
        self.sim = CONTEXT.Process(target=run_sim_robot, args=(simulated,), name="sim")
        # A simulated arm shares its processors with all other tests: its states may come late.
        gate.setdefault("motion", MotionConfig(state_hold_s=0.25, state_fault_s=2.0))
        self.setup = GateSetup(limits=ARM.limits, make_kinematics=KINEMATICS, topics=TOPICS, **gate)
        self.sim.start()
        self.start_gate()
        self.robot = Ros2Robot(
            Ros2RobotConfig(
                limits=ARM.limits,
                make_kinematics=KINEMATICS,
                home_q_rad=np.array(ARM.home_q_rad),
                topics=TOPICS,
                cameras=cameras or [RosCameraConfig(name="front", T_mount_camera=T_BASE_FRONT)],
            )
        )

    def start_gate(self):
        self.gate = CONTEXT.Process(target=run_gate, args=(self.setup,), name="gate")
        self.gate.start()

    def connect(self):
        patiently(self.robot.connect)

    def end(self):
        self.robot.close()
        for process in (self.gate, self.sim):
            if process.is_alive():
                os.kill(process.pid, signal.SIGCONT)
                process.terminate()
        for process in (self.gate, self.sim):
            process.join(timeout=15.0)
            if process.is_alive():
                process.kill()

    @property
    def state(self):
        return self.robot.status.state

    def wait(self, state, timeout_s=3.0):
        until_s = time.monotonic() + timeout_s
        while self.state != state:
            assert time.monotonic() < until_s, (self.state, self.robot.status.why)
            time.sleep(0.01)

    def chunk(self, velocity=(0.0, 0.1, 0.0), waypoints=16):
        robot = self.robot
        T = robot.observe().arms[DEFAULT_ARM].T_base_tool.matrix()
        times = 0.05 * np.arange(1.0, waypoints + 1)
        poses = np.tile(T, (waypoints, 1, 1))
        poses[:, :3, 3] += times[:, None] * np.asarray(velocity)
        return single_arm_chunk(robot.clock.now_s() + times, poses, np.ones(waypoints))


@pytest.fixture(scope="module")
def cell():
    made = CellProcesses()
    try:
        made.connect()
        yield made
    finally:
        made.end()


def test_a_chunk_moves_the_arm_through_its_gate(cell):
    robot = cell.robot
    start = robot.observe(["front"])
    assert start.cameras["front"].rgb.shape == (48, 64, 3)
    assert 0.2 < np.median(start.cameras["front"].depth_m) < 3.0
    followed = robot.command(cell.chunk())
    assert len(followed) >= 14
    time.sleep(1.2)
    moved = robot.observe().arms[DEFAULT_ARM].T_base_tool.p - start.arms[DEFAULT_ARM].T_base_tool.p
    np.testing.assert_allclose(moved, [0.0, 0.08, 0.0], atol=0.012)
    cell.wait("hold")
    assert cell.robot.status.cause == "chunk_ended"


def test_the_gate_refuses_and_says_why(cell):
    before = cell.state
    with pytest.raises(ActionRefused, match="speed") as refused:
        cell.robot.command(cell.chunk(velocity=(0.0, 1.8, 0.0), waypoints=3))
    assert refused.value.code == "speed"
    assert cell.state == before != "running"


def test_a_robot_that_lost_the_command_moves_nothing(cell):
    other = Ros2Robot(cell.robot._config, name="other")
    other.connect()
    try:
        with pytest.raises(ActionRefused, match="has no command") as refused:
            cell.robot.command(cell.chunk())
        assert refused.value.code == "lease"
        assert other.command(cell.chunk())
    finally:
        other.close()
    cell.robot.resume()
    assert cell.robot.command(cell.chunk())


def test_whether_the_judge_is_there_can_be_asked_and_is_no_chunk(cell):
    from robot_skills_interfaces.msg import JudgedChunk
    from robot_skills_interfaces.srv import SubmitChunk

    heard = []
    with RosNode("asker") as asking:
        asking.node.create_subscription(JudgedChunk, "gate/judged", heard.append, 10)
        client = asking.node.create_client(SubmitChunk, "gate/submit")
        asking.start()
        answer = asking.ask(client, SubmitChunk.Request(), answer_s=1.0, patience_s=20.0)
        assert (answer.accepted, answer.message) == (False, "There are no waypoints.")
        asking.wait_for(
            lambda: asking.node.count_publishers("gate/judged") == 1, 20.0, "who tells of chunks"
        )
        for _ in range(50):
            if heard:
                break
            cell.robot.command(cell.chunk())
            time.sleep(0.2)
    assert heard
    # Only what was to be followed is told of.
    assert all(len(one.requested.stamp_s) for one in heard)


def test_what_a_killed_gate_granted_is_worth_nothing_to_the_next_one(cell):
    before = cell.robot._epoch
    cell.gate.kill()
    cell.gate.join(timeout=15.0)
    cell.start_gate()
    patiently(cell.robot.resume)
    granted, cell.robot._epoch = cell.robot._epoch, before
    with pytest.raises(ActionRefused, match=f"epoch {before} has no command"):
        cell.robot.command(cell.chunk())
    cell.robot._epoch = granted
    assert cell.robot.command(cell.chunk())


def test_an_arm_without_a_gate_is_not_there(monkeypatch):
    monkeypatch.setattr("hardware.ros2.robot._PATIENCE_S", 5.0)
    setup = SimRobotSetup(cameras=(), namespace="alone")
    sim = CONTEXT.Process(target=run_sim_robot, args=(setup,))
    sim.start()
    robot = Ros2Robot(
        Ros2RobotConfig(
            limits=ARM.limits,
            make_kinematics=KINEMATICS,
            home_q_rad=np.array(ARM.home_q_rad),
            topics=TOPICS,
            namespace="alone",
        )
    )
    try:
        until_s = time.monotonic() + 60.0
        while True:
            with pytest.raises(RobotFault) as absent:
                robot.connect()
            # The arm itself may take its time.
            if "joint_states" not in str(absent.value) or time.monotonic() > until_s:
                break
        assert "safety gate" in str(absent.value)
        with pytest.raises(RobotFault, match="not connected"):
            robot.observe()
    finally:
        robot.close()
        sim.terminate()
        sim.join(timeout=15.0)
        assert not sim.is_alive()
