"""Grippers of the simulated arms, on robosuite's geometry, with boxes for their pads."""

import mujoco
import numpy as np

from robot_skills.core.se3 import Array
from sim.parts import GRIP_FRICTION, ROBOT_BIT, as_collision, load_asset

GRIPPER_ACTUATOR = "gripper"
EMPTY_BODY = "gripper/eef"
"""Of every gripper's model: moves with the hand and has no mass, until there is a payload."""
PANDA_FINGER_M = 0.04
"""Travel of each of the Panda's fingers."""


def _grip_pad(body: mujoco.MjsBody, name: str, lower: Array, upper: Array) -> None:
    geom = body.add_geom(
        name=name,
        type=mujoco.mjtGeom.mjGEOM_BOX,
        pos=(0.5 * (lower + upper)).tolist(),
        size=(0.5 * (upper - lower)).tolist(),
        friction=list(GRIP_FRICTION),
        condim=4,
        priority=1,
        solref=[0.005, 1.0],
        group=0,
        mass=0.0,
    )
    as_collision(geom, ROBOT_BIT)


def panda_gripper() -> mujoco.MjSpec:
    """Franka's hand: two fingers on one drive, 50 N each."""
    spec = load_asset("grippers/panda_gripper.xml")
    for element in (*spec.actuators, *spec.sensors, *spec.sites):
        spec.delete(element)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        finger = spec.body(f"{side}finger")
        for geom in [g for g in finger.find_all("geom") if g.group == 0]:
            spec.delete(geom)
        # Boxes in place of the finger's convex hull: the tip with its rubber, and the root.
        tip = np.array([[-0.0095, 0.0, 0.0335], [0.0095, 0.0140, 0.0538]])
        root = np.array([[-0.0105, 0.0100, 0.0], [0.0105, 0.0260, 0.0335]])
        for name, (lower, upper) in (("tip", tip), ("root", root)):
            y = np.sort(sign * np.array([lower[1], upper[1]]))
            _grip_pad(
                finger,
                f"{side}_{name}",
                np.array([lower[0], y[0], lower[2]]),
                np.array([upper[0], y[1], upper[2]]),
            )
    for name in ("finger_joint1", "finger_joint2"):
        joint = spec.joint(name)
        joint.armature, joint.damping[0], joint.frictionloss = 0.5, 5.0, 0.0
    # The drive moves half the difference of the two slides; the equality keeps them mirrored.
    mirror = spec.add_equality(
        name="mirror",
        type=mujoco.mjtEq.mjEQ_JOINT,
        objtype=mujoco.mjtObj.mjOBJ_JOINT,
        name1="finger_joint2",
        name2="finger_joint1",
        solref=[0.005, 1.0],
    )
    mirror.data[:5] = [0.0, -1.0, 0.0, 0.0, 0.0]
    drive = spec.add_tendon(name="drive")
    drive.wrap_joint("finger_joint1", 0.5)
    drive.wrap_joint("finger_joint2", -0.5)
    actuator = spec.add_actuator(
        name=GRIPPER_ACTUATOR, trntype=mujoco.mjtTrn.mjTRN_TENDON, target="drive"
    )
    actuator.set_to_position(kp=20_000.0, kv=600.0)
    actuator.forcelimited, actuator.forcerange = mujoco.mjtLimited.mjLIMITED_TRUE, [-100.0, 100.0]
    actuator.ctrllimited, actuator.ctrlrange = (
        mujoco.mjtLimited.mjLIMITED_TRUE,
        [0.0, PANDA_FINGER_M],
    )
    return spec


# Robotiq 2F-85: the fingertip hangs on a parallel link, whose far end is `_LINK_M` from the knuckle
# and, at q = 0, leans out by `_LEAN_RAD`.
_KNUCKLE_Y_M = 0.0306011
_LINK_M = float(np.hypot(0.0376, 0.043))
_LEAN_RAD = float(np.arctan2(0.0376, 0.043))
_PAD_Y_M = 0.0255
_ROBOTIQ_CLOSED_RAD = 0.8


def _robotiq_half_gap_m(q_rad: float) -> float:
    return _KNUCKLE_Y_M + _LINK_M * float(np.sin(_LEAN_RAD - q_rad)) - _PAD_Y_M


def robotiq_opening(q_rad: float) -> float:
    """Opening of the Robotiq 2F-85 at a position of its drive."""
    shut = _robotiq_half_gap_m(_ROBOTIQ_CLOSED_RAD)
    return (_robotiq_half_gap_m(q_rad) - shut) / (_robotiq_half_gap_m(0.0) - shut)


def robotiq_q(opening: float) -> float:
    """Position of the Robotiq 2F-85's drive at an opening."""
    shut = _robotiq_half_gap_m(_ROBOTIQ_CLOSED_RAD)
    half_gap = shut + opening * (_robotiq_half_gap_m(0.0) - shut)
    return _LEAN_RAD - float(np.arcsin((half_gap + _PAD_Y_M - _KNUCKLE_Y_M) / _LINK_M))


def robotiq_gripper() -> mujoco.MjSpec:
    """Robotiq 2F-85 as the parallel four-bar that it is until a fingertip meets resistance.

    The knuckles are coupled to the drive so that the fingertips stay parallel, in place of the
    loop of springs in the original model.
    """
    # The file declares a second base mesh under the same name, whose data does not exist.
    spec = load_asset("grippers/robotiq_gripper_85.xml", drop_lines_with="base_link_vis.stl")
    for element in (*spec.actuators, *spec.sensors, *spec.sites, *spec.tendons):
        spec.delete(element)
    for side in ("left", "right"):
        for geom in list(spec.geoms):
            if geom.group == 0 and geom.name.startswith(side):
                spec.delete(geom)
        finger = spec.body(f"{side}_inner_finger")
        _grip_pad(
            finger,
            f"{side}_tip",
            np.array([-0.011, -0.0255, 0.0137]),
            np.array([0.011, -0.0160, 0.0512]),
        )
        _grip_pad(
            finger,
            f"{side}_root",
            np.array([-0.011, -0.0190, -0.0080]),
            np.array([0.011, 0.0080, 0.0137]),
        )
    for joint in spec.joints:
        joint.armature, joint.damping[0] = 0.005, 0.02
    lead = "finger_joint"
    followers = {
        "left_inner_finger_joint": -1.0,
        "left_inner_knuckle_joint": 1.0,
        "right_outer_knuckle_joint": 1.0,
        "right_inner_finger_joint": -1.0,
        "right_inner_knuckle_joint": 1.0,
    }
    for joint_name, ratio in followers.items():
        joint = spec.joint(joint_name)
        joint.limited = mujoco.mjtLimited.mjLIMITED_FALSE
        coupling = spec.add_equality(
            name=f"couple_{joint_name}",
            type=mujoco.mjtEq.mjEQ_JOINT,
            objtype=mujoco.mjtObj.mjOBJ_JOINT,
            name1=joint_name,
            name2=lead,
            solref=[0.005, 1.0],
        )
        coupling.data[:5] = [0.0, ratio, 0.0, 0.0, 0.0]
    actuator = spec.add_actuator(
        name=GRIPPER_ACTUATOR, trntype=mujoco.mjtTrn.mjTRN_JOINT, target=lead
    )
    actuator.set_to_position(kp=60.0, kv=2.5)
    # 5.5 N m on the drive: about 50 N at each pad, 57 mm from the knuckle's axis.
    actuator.forcelimited, actuator.forcerange = mujoco.mjtLimited.mjLIMITED_TRUE, [-5.5, 5.5]
    actuator.ctrllimited, actuator.ctrlrange = (
        mujoco.mjtLimited.mjLIMITED_TRUE,
        [0.0, _ROBOTIQ_CLOSED_RAD],
    )
    return spec
