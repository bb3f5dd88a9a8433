"""Commands that ask a little too much of an arm, and a way home from where it is stretched out."""

import numpy as np
import pytest

from hardware.gated_robot import GatedRobot, gate_robot
from hardware.safety_gate import SafetyGate
from robot_skills.core.errors import ActionRefused
from robot_skills.core.events import EventList
from robot_skills.core.se3 import SE3, interpolate
from robot_skills.core.types import DEFAULT_ARM, ActionChunk, single_arm_chunk
from robot_skills.skills.card import SafetyEnvelope
from robot_skills.skills.motion import Ending, Motor, within_reach
from robot_skills.skills.scripted import go_home
from sim.arms import GEN3
from sim.demonstrate import move_to
from sim.kinematics import ArmKinematics
from sim.placements import Layout
from sim.robot import SimRobot
from sim.truth import truth_scene
from tests.fakes import LIMITS, PERIOD_S, T_HOME, FakeKinematics, FakeRobot

LONGEST_M = 0.50
AT_THE_EDGE = np.array([0.686, -0.257, 0.025])
"""As far out as a Gen3 comes with its hand straight down; a hand's breadth higher it does not."""


class ShortArm(FakeKinematics):
    """A gantry whose first joint ends early."""

    def follow(self, q_rad, T_base_tool):
        q, _ = super().follow(q_rad, T_base_tool)
        errors_m = np.maximum(q[:, 0] - LONGEST_M, 0.0)
        q[:, 0] = np.minimum(q[:, 0], LONGEST_M)
        return q, errors_m


class ShortRobot(FakeRobot):
    """Its arm is a short one."""

    def kinematics(self, arm):
        return ShortArm()


@pytest.fixture
def robot():
    robot = ShortRobot()
    robot.connect()
    return robot


@pytest.fixture
def motor(robot):
    gate = SafetyGate(LIMITS, ShortArm())
    gated = GatedRobot(robot, {DEFAULT_ARM: gate}, EventList())
    return Motor(robot=gated, events=EventList(), stop_requested=lambda: False)


def straight(to_x_m: float, opening: float = 1.0, steps: int = 8) -> ActionChunk:
    """From home along x."""
    goal = SE3(T_HOME.R, np.array([to_x_m, *T_HOME.p[1:]]))
    path = interpolate(T_HOME.matrix(), goal.matrix(), np.arange(1, steps + 1) / steps)
    stamp_s = PERIOD_S * np.arange(1.0, steps + 1.0)
    return single_arm_chunk(stamp_s, path, np.full(steps, opening))


def test_what_is_a_little_out_of_reach_is_gone_to_as_far_as_the_arm_reaches(motor, robot):
    wanted = straight(LONGEST_M + 0.03)
    accepted = motor.command(wanted).arms[DEFAULT_ARM].T_base_tool
    asked = wanted.arms[DEFAULT_ARM].T_base_tool
    assert np.allclose(accepted[:, 0, 3], np.minimum(asked[:, 0, 3], LONGEST_M))
    assert np.allclose(accepted[:, 1:], asked[:, 1:])
    assert len(robot.commands) == 1


def test_what_is_far_out_of_reach_is_refused(motor, robot):
    with pytest.raises(ActionRefused) as refusal:
        motor.command(straight(LONGEST_M + 0.10))
    assert refusal.value.code == "unreachable"
    assert robot.commands == []


def test_other_refusals_stay_refusals(motor, robot):
    with pytest.raises(ActionRefused) as refusal:
        motor.command(straight(LONGEST_M + 0.03, opening=2.0))
    assert refusal.value.code == "opening"
    assert robot.commands == []


def test_an_arm_that_is_stretched_out_rises_along_the_edge_of_its_reach():
    kinematics, home = ArmKinematics(GEN3), np.array(GEN3.home_q_rad)
    R_base_tool = kinematics.forward(home).R
    out = SE3(R_base_tool, AT_THE_EDGE).matrix()
    share = np.linspace(0.0, 1.0, 40)
    q_rad = kinematics.follow(home, interpolate(kinematics.forward(home).matrix(), out, share))[0]
    higher = SE3(R_base_tool, AT_THE_EDGE + np.array([0.0, 0.0, 0.10])).matrix()
    rise = interpolate(out, higher, share[1:])
    chunk = single_arm_chunk(PERIOD_S * np.arange(1.0, 40.0), rise, np.ones(39))
    assert kinematics.follow(q_rad[-1], rise)[1].max() > 0.005

    nearest = within_reach(chunk, DEFAULT_ARM, q_rad[-1], kinematics)
    assert nearest is not None
    poses = nearest.arms[DEFAULT_ARM].T_base_tool
    assert kinematics.follow(q_rad[-1], poses)[1].max() < 0.001
    assert poses[-1, 2, 3] > AT_THE_EDGE[2] + 0.08


def test_an_arm_that_is_stretched_out_comes_home():
    # The box is so high that the hand has to rise by more than the arm can, where it is.
    cell = SimRobot("gen3", layout=Layout(T_base_box=SE3.from_translation((0.50, 0.25, 0.0))))
    cell.connect()
    try:
        home = cell.home(DEFAULT_ARM)
        move_to(cell, SE3(home.R, AT_THE_EDGE), 1.0)
        gated = gate_robot(cell, EventList())
        motor = Motor(robot=gated, events=EventList(), stop_requested=lambda: False)
        scene, envelope = truth_scene(cell.world), SafetyEnvelope(max_speed_m_s=0.35)
        result = go_home(motor, scene, envelope, timeout_s=20.0, opening=1.0)
    finally:
        cell.close()
    assert result.ending is Ending.DONE, result.reason
