"""A simulated arm's URDF says what its model is: the same chain, the same limits."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from hardware.cell.urdf import base_to_tip, described_joints
from robot_skills.core.errors import UnknownNameError
from robot_skills.core.se3 import SE3, so3_exp
from sim.arms import ARMS
from sim.chain import placed
from sim.description import TOOL_LINK, description_of
from sim.kinematics import kinematics_of


def numbers(element, key):
    return tuple(float(word) for word in element.get(key).split())


def forward(urdf, q_rad):
    """`T_base_tool` by the URDF alone."""
    robot = ElementTree.fromstring(urdf)
    before = {joint.find("child").get("link"): joint for joint in robot.findall("joint")}
    T, link = SE3.identity(), TOOL_LINK
    while link in before:
        joint = before[link]
        origin = joint.find("origin")
        here = placed(numbers(origin, "xyz"), numbers(origin, "rpy"))
        if joint.get("type") == "revolute":
            axis = np.array(numbers(joint.find("axis"), "xyz"))
            here = here @ SE3(so3_exp(axis * q_rad[joint.get("name")]), np.zeros(3))
        T, link = here @ T, joint.find("parent").get("link")
    return T


@pytest.mark.parametrize("name", sorted(ARMS))
def test_the_description_is_the_models_chain(name):
    arm, urdf = ARMS[name], description_of(name)
    generator = np.random.default_rng(0)
    joint = arm.limits.joint
    for _ in range(5):
        q_rad = generator.uniform(joint.lower_rad, joint.upper_rad)
        said = forward(urdf, dict(zip(arm.joints, q_rad, strict=True)))
        assert said.allclose(kinematics_of(name).forward(q_rad), atol=1e-6)


@pytest.mark.parametrize("name", sorted(ARMS))
def test_the_description_has_the_joints_in_order_and_their_limits(name):
    arm = ARMS[name]
    joints = described_joints(description_of(name))
    assert base_to_tip(joints, sorted(arm.joints)) == arm.joints
    for i, joint in enumerate(arm.joints):
        assert joints[joint].velocity_rad_s == pytest.approx(arm.limits.joint.velocity_rad_s[i])
        assert joints[joint].lower_rad <= arm.limits.joint.lower_rad[i] + 1e-3
        assert joints[joint].upper_rad >= arm.limits.joint.upper_rad[i] - 1e-3


def test_an_arm_that_is_not_there_has_no_description():
    with pytest.raises(UnknownNameError, match="panda"):
        description_of("pandas")
