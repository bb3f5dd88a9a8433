"""Chains of real arms: where their makers say that they are, and as files describe them."""

import numpy as np
import pytest

from robot_skills.core.errors import RefusedError, UnknownNameError
from robot_skills.core.se3 import SE3
from sim.arm_models import ARM_MODELS, model_kinematics, model_of, model_of_file, named_kinematics
from sim.arms import ARMS
from sim.chain import chain_of_file, placed
from sim.kinematics import kinematics_of

HERE = SE3.identity()


@pytest.mark.parametrize(
    ("arm", "q_deg", "p_m"),
    [
        # Franka: the flange above the base with all joints at zero, from the DH table.
        ("panda", np.zeros(7), (0.088, 0.0, 0.926)),
        ("fr3", np.zeros(7), (0.088, 0.0, 0.926)),
        # Universal Robots: d4 + d6 and a2 + a3 stretched out; `base_link` has x where the arm lies.
        ("ur5e", np.zeros(6), (0.8172, 0.2329, 0.0628)),
        # UFACTORY: the tool's coordinates at the zero position, from its manual.
        ("xarm7", np.zeros(7), (0.206, 0.0, 0.1205)),
        # Kinova: upright, and its home position of the user guide.
        ("gen3", np.zeros(7), (0.0, -0.0249, 1.1874)),
        ("gen3", (0.0, 15.0, 180.0, -130.0, 0.0, 55.0, 90.0), (0.4559, 0.0014, 0.4343)),
        ("so101", np.zeros(5), (0.3914, 0.0, 0.2265)),
    ],
)
def test_flanges_are_where_makers_say(arm, q_deg, p_m):
    T = named_kinematics(arm, HERE).forward(np.deg2rad(q_deg))
    np.testing.assert_allclose(T.p, p_m, atol=1.5e-3)


@pytest.mark.parametrize(
    ("arm", "T_flange_tool", "off_m"),
    [
        ("panda", placed((0.0, 0.0, 0.0935), (0.0, 0.0, -0.25 * np.pi)), 1e-6),
        # The simulator's model has the UR5e's links to the millimetre.
        ("ur5e", placed((0.0, 0.0, 0.150)), 3e-3),
    ],
)
def test_chains_and_simulated_arms_agree(arm, T_flange_tool, off_m):
    chain, simulated = named_kinematics(arm, T_flange_tool), kinematics_of(arm)
    limits = ARMS[arm].limits.joint
    rng = np.random.default_rng(3)
    for _ in range(20):
        q = rng.uniform(limits.lower_rad, limits.upper_rad)
        distance_m, angle_rad = chain.forward(q).distance_to(simulated.forward(q))
        assert distance_m < off_m
        assert angle_rad < 1e-3


def test_the_gen3_agrees_with_its_robosuite_model():
    import mujoco

    from sim.parts import load_asset

    spec = load_asset("robots/kinova3/robot.xml")
    model = spec.compile()
    data = mujoco.MjData(model)
    arm = model_of("gen3")
    kinematics = model_kinematics(arm, HERE)
    rng = np.random.default_rng(4)
    for _ in range(10):
        q = rng.uniform(arm.limits.joint.lower_rad, arm.limits.joint.upper_rad)
        data.qpos[:] = q
        mujoco.mj_kinematics(model, data)
        np.testing.assert_allclose(kinematics.forward(q).p, data.body("right_hand").xpos, atol=1e-3)


@pytest.mark.parametrize("arm", sorted(ARM_MODELS))
def test_every_arm_gets_back_to_where_it_was(arm):
    model = model_of(arm)
    kinematics = model_kinematics(model, HERE)
    home = np.array(model.home_q_rad)
    assert np.all(home >= model.limits.joint.lower_rad)
    assert np.all(home <= model.limits.joint.upper_rad)
    wanted = kinematics.forward(home + 0.05)
    path, errors_m = kinematics.follow(home, wanted.matrix()[None])
    # Five joints cannot turn the tool as they like, but they get it there.
    assert errors_m[0] < 1e-3
    assert kinematics.forward(path[0]).distance_to(wanted)[0] < 1e-3


def test_an_unknown_arm_is_told_with_the_nearest():
    with pytest.raises(UnknownNameError, match="'ur5e'"):
        named_kinematics("ur5", HERE)


URDF = """
<robot name="two">
  <link name="world"/><link name="base"/><link name="upper"/><link name="fore"/><link name="hand"/>
  <joint name="fixed_base" type="fixed">
    <parent link="world"/><child link="base"/><origin xyz="0 0 1" rpy="0 0 0.3"/>
  </joint>
  <joint name="shoulder" type="revolute">
    <parent link="base"/><child link="upper"/><origin xyz="0 0 0.4"/>
    <axis xyz="0 1 0"/><limit lower="-2" upper="2" velocity="1" effort="1"/>
  </joint>
  <joint name="elbow" type="revolute">
    <parent link="upper"/><child link="fore"/><origin xyz="0.3 0 0" rpy="0.2 0.1 0"/>
    <axis xyz="0 0 1"/><limit lower="-1" upper="1.5" velocity="1" effort="1"/>
  </joint>
  <joint name="hand_mount" type="fixed">
    <parent link="fore"/><child link="hand"/><origin xyz="0.2 0 0.05" rpy="0 0 1.0"/>
  </joint>
</robot>
"""
MJCF = """
<mujoco>
  <compiler angle="radian"/>
  <asset><mesh name="gone" file="gone.stl"/></asset>
  <worldbody>
    <body name="base" pos="0 0 1" euler="0 0 0.3">
      <body name="upper" pos="0 0 0.4">
        <joint name="shoulder" axis="0 1 0" range="-2 2"/>
        <geom type="mesh" mesh="gone"/>
        <body name="fore" pos="0.3 0 0" euler="0.2 0.1 0">
          <joint name="elbow" axis="0 0 1" range="-1 1.5" pos="0.01 0 0"/>
          <geom size="0.01"/>
          <body name="hand" pos="0.2 0 0.05"><site name="tip" pos="0 0 0.1"/></body>
        </body>
      </body>
    </body>
  </worldbody>
</mujoco>
"""
RATES = {"velocity_rad_s": np.ones(2), "acceleration_rad_s2": np.full(2, 5.0)}


def test_an_arm_from_a_urdf(tmp_path):
    path = tmp_path / "two.urdf"
    path.write_text(URDF)
    arm = model_of_file(path, "base", "hand", RATES)
    assert [joint.name for joint in arm.chain.joints] == ["shoulder", "elbow"]
    np.testing.assert_allclose(arm.limits.joint.lower_rad, [-2.0, -1.0])
    np.testing.assert_allclose(arm.limits.joint.upper_rad, [2.0, 1.5])
    q = np.array([0.4, -0.3])
    wanted = (
        placed((0.0, 0.0, 0.4))
        @ SE3.from_rotvec((0.0, q[0], 0.0))
        @ placed((0.3, 0.0, 0.0), (0.2, 0.1, 0.0))
        @ SE3.from_yaw(q[1])
        @ placed((0.2, 0.0, 0.05), (0.0, 0.0, 1.0))
        @ placed((0.0, 0.0, 0.1))
    )
    found = model_kinematics(arm, placed((0.0, 0.0, 0.1))).forward(q)
    assert found.allclose(wanted, atol=1e-6)
    # From the root of the file, the stand below the base is part of the arm.
    whole = model_of_file(path, "world", "hand", RATES)
    stood = model_kinematics(whole, placed((0.0, 0.0, 0.1))).forward(q)
    assert stood.allclose(placed((0.0, 0.0, 1.0), (0.0, 0.0, 0.3)) @ wanted, atol=1e-6)


def test_an_arm_from_an_mjcf_whose_meshes_are_gone(tmp_path):
    import mujoco

    path = tmp_path / "two.xml"
    path.write_text(MJCF)
    arm = model_of_file(path, "base", "tip", RATES)
    q = np.array([0.4, -0.3])
    found = model_kinematics(arm, HERE).forward(q)
    bare = MJCF.replace('<asset><mesh name="gone" file="gone.stl"/></asset>', "").replace(
        '<geom type="mesh" mesh="gone"/>', '<geom size="0.01"/>'
    )
    model = mujoco.MjModel.from_xml_string(bare)
    data = mujoco.MjData(model)
    data.qpos[:] = q
    mujoco.mj_kinematics(model, data)
    T_world_base = SE3(data.body("base").xmat.reshape(3, 3), data.body("base").xpos)
    T_world_tip = SE3(data.site("tip").xmat.reshape(3, 3), data.site("tip").xpos)
    assert found.allclose(T_world_base.inverse() @ T_world_tip, atol=1e-9)


@pytest.mark.parametrize(
    ("base", "tool", "change", "words"),
    [
        ("bse", "hand", ("", ""), "Did you mean 'base'?"),
        ("base", "hnd", ("", ""), "Did you mean 'hand'?"),
        ("hand", "base", ("", ""), "does not hang on"),
        ("base", "base", ("", ""), "no joint lies between"),
        ("base", "hand", ('type="revolute"', 'type="prismatic"'), "does not turn"),
        ("base", "hand", ('lower="-2" upper="2"', ""), "shoulder"),
        ("base", "hand", ("</robot>", ""), "two.urdf"),
        ("base", "hand", ("robot", "robots"), "begins with <robot>"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, base, tool, change, words):
    path = tmp_path / "two.urdf"
    path.write_text(URDF.replace(*change) if change[0] else URDF)
    with pytest.raises(RefusedError, match=words.replace("?", r"\?")):
        model_of_file(path, base, tool, RATES)


def test_other_files_are_no_models(tmp_path):
    (tmp_path / "arm.step").write_text("")
    with pytest.raises(RefusedError, match=r"\.urdf or MuJoCo's \.xml"):
        chain_of_file(tmp_path / "arm.step", "a", "b")
    with pytest.raises(RefusedError, match=r"none\.urdf"):
        chain_of_file(tmp_path / "none.urdf", "a", "b")
