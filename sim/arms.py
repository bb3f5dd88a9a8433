"""Arms with their grippers: robosuite's geometry, position-controlled joints, data-sheet limits.

Every joint carries two actuators, as the servo loop of a real position-controlled arm does: an
integrating position servo, whose activation is the joint setpoint and whose control is the
setpoint's rate, and a velocity servo with the same control. Together they are

    torque = kp * (setpoint - q) + kv * (setpoint_rate - dq),

so that a setpoint which moves at constant rate is followed without lag, the setpoint moves evenly
inside MuJoCo between two control steps, and no Python runs between physics steps.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import mujoco
import numpy as np

from robot_skills.core.limits import ArmLimits, CartesianLimits, JointLimits
from robot_skills.core.se3 import SE3, Array
from sim.parts import (
    COLLISION_GROUP,
    GRIP_FRICTION,
    ROBOT_BIT,
    as_collision,
    as_visual,
    load_asset,
)

TOOL_SITE = "tool"
GRIPPER_ACTUATOR = "gripper"
HAND_BODY = "right_hand"
PREFIX = "arm/"
"""Of every name that belongs to the arm in a world."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ArmSpec:
    """One arm with its gripper, and what it may do.

    Attributes:
        name: Key in `ARMS`.
        robot_asset: robosuite model of the arm.
        joints: Names of the arm's joints, base to tip.
        kp_nm_rad: Position gains per joint [N m/rad].
        kv_nms_rad: Velocity gains per joint [N m s/rad].
        torque_nm: Largest torques per joint.
        limits: Data-sheet limits.
        home_q_rad: Joints at which the tool points straight down over the table.
        T_hand_tool: Tool frame in the robot's hand body.
        T_hand_camera: Optical frame of the wrist camera in the hand body.
        build_gripper: Makes the gripper; its root is attached to the hand.
        gripper_joint: Joint whose position tells the opening, and which the actuator positions.
        q_of_opening: Position of that joint for an opening, linear in the width of the gap.
        opening_of_q: Its inverse.
        gripper_open_q: Positions of all joints of the open gripper that are not at zero then.
        fingers: Bodies of the left and of the right finger that touch what is held.
    """

    name: str
    robot_asset: str
    joints: tuple[str, ...]
    kp_nm_rad: tuple[float, ...]
    kv_nms_rad: tuple[float, ...]
    torque_nm: tuple[float, ...]
    limits: ArmLimits
    home_q_rad: tuple[float, ...]
    T_hand_tool: SE3
    T_hand_camera: SE3
    build_gripper: Callable[[], mujoco.MjSpec]
    gripper_joint: str
    q_of_opening: Callable[[float], float]
    opening_of_q: Callable[[float], float]
    gripper_open_q: Mapping[str, float]
    fingers: tuple[str, str]


def build_arm(arm: ArmSpec, *, visuals: bool = True) -> mujoco.MjSpec:
    """Model of an arm with its gripper, base at the origin.

    Args:
        arm: Which one.
        visuals: Whether to keep the meshes that are only seen; kinematics needs none.
    """
    spec = load_asset(arm.robot_asset)
    for element in (*spec.actuators, *spec.sensors, *spec.cameras):
        spec.delete(element)
    hand = spec.body(HAND_BODY)
    spec.attach(arm.build_gripper(), prefix="gripper/", frame=hand.add_frame())
    for geom in spec.geoms:
        # robosuite draws group 1 and collides group 0.
        if geom.group == 1:
            as_visual(geom)
        else:
            as_collision(geom, ROBOT_BIT)
    if not visuals:
        _strip_visuals(spec)
    for body in spec.bodies:
        body.gravcomp = 1.0
    add_servos(spec, arm)
    _add_frames(hand, arm)
    return spec


def _strip_visuals(spec: mujoco.MjSpec) -> None:
    for geom in [geom for geom in spec.geoms if geom.group != COLLISION_GROUP]:
        spec.delete(geom)
    used = {geom.meshname for geom in spec.geoms}
    for mesh in [mesh for mesh in spec.meshes if mesh.name not in used]:
        spec.delete(mesh)


def add_servos(spec: mujoco.MjSpec, arm: ArmSpec, prefix: str = "") -> None:
    """Give every joint of an arm its two actuators; see the top of this file.

    Args:
        spec: Model that holds the arm, without actuators on it.
        arm: Gains and limits.
        prefix: Of the joints' names in the model.
    """
    rows = zip(arm.joints, arm.kp_nm_rad, arm.kv_nms_rad, arm.torque_nm, strict=True)
    joint_limits = arm.limits.joint
    for i, (name, kp, kv, torque) in enumerate(rows):
        joint_name = prefix + name
        joint = spec.joint(joint_name)
        joint.range = [float(joint_limits.lower_rad[i]), float(joint_limits.upper_rad[i])]
        joint.actfrclimited = mujoco.mjtLimited.mjLIMITED_TRUE
        joint.actfrcrange = [-torque, torque]
        joint.armature = 0.1
        position = spec.add_actuator(
            name=f"position_{name}", trntype=mujoco.mjtTrn.mjTRN_JOINT, target=joint_name
        )
        position.set_to_intvelocity(kp=kp, kv=0.0, inheritrange=True)
        position.actrange = joint.range
        position.actlimited = mujoco.mjtLimited.mjLIMITED_TRUE
        velocity = spec.add_actuator(
            name=f"velocity_{name}", trntype=mujoco.mjtTrn.mjTRN_JOINT, target=joint_name
        )
        velocity.set_to_velocity(kv=kv)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ServoAddresses:
    """Where a compiled model keeps an arm's joints and servos.

    Attributes:
        qpos: Of the joint positions, (n,).
        dofs: Of the joint velocities and torques, (n,).
        setpoint_act: Of the setpoints, among the activations, (n,).
        rate_ctrl: Of the setpoints' rates, among the controls, for the position servos and for the
            velocity servos, (2, n).
    """

    qpos: Array
    dofs: Array
    setpoint_act: Array
    rate_ctrl: Array


def find_servos(
    model: mujoco.MjModel, arm: ArmSpec, joint_prefix: str, actuator_prefix: str
) -> ServoAddresses:
    """What `add_servos` has put in, once the model is compiled.

    Args:
        model: Holds the arm.
        arm: Names the joints.
        joint_prefix: Of the joints' names in the model.
        actuator_prefix: Of the actuators' names in the model.
    """
    joints = [model.joint(joint_prefix + name) for name in arm.joints]
    position = [model.actuator(f"{actuator_prefix}position_{name}") for name in arm.joints]
    velocity = [model.actuator(f"{actuator_prefix}velocity_{name}") for name in arm.joints]
    return ServoAddresses(
        qpos=np.array([joint.qposadr[0] for joint in joints]),
        dofs=np.array([joint.dofadr[0] for joint in joints]),
        setpoint_act=np.array([actuator.actadr[0] for actuator in position]),
        rate_ctrl=np.array([[a.id for a in position], [a.id for a in velocity]]),
    )


def _add_frames(hand: mujoco.MjsBody, arm: ArmSpec) -> None:
    tool = hand.add_site(name=TOOL_SITE, group=5)
    tool.pos, tool.quat = arm.T_hand_tool.p.tolist(), arm.T_hand_tool.wxyz().tolist()


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


def _panda_gripper() -> mujoco.MjSpec:
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
        [0.0, _PANDA_FINGER_M],
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


def _robotiq_opening(q_rad: float) -> float:
    shut = _robotiq_half_gap_m(_ROBOTIQ_CLOSED_RAD)
    return (_robotiq_half_gap_m(q_rad) - shut) / (_robotiq_half_gap_m(0.0) - shut)


def _robotiq_q(opening: float) -> float:
    shut = _robotiq_half_gap_m(_ROBOTIQ_CLOSED_RAD)
    half_gap = shut + opening * (_robotiq_half_gap_m(0.0) - shut)
    return _LEAN_RAD - float(np.arcsin((half_gap + _PAD_Y_M - _KNUCKLE_Y_M) / _LINK_M))


def _robotiq_gripper() -> mujoco.MjSpec:
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


_PANDA_FINGER_M = 0.04

_CARTESIAN = CartesianLimits(
    workspace_lower_m=np.array([0.20, -0.50, 0.0]),
    workspace_upper_m=np.array([0.85, 0.55, 0.75]),
    speed_m_s=1.0,
    turn_rate_rad_s=2.5,
    jump_m=0.1,
    jump_rad=0.6,
)

PANDA = ArmSpec(
    name="panda",
    robot_asset="robots/panda/robot.xml",
    joints=tuple(f"joint{i}" for i in range(1, 8)),
    kp_nm_rad=(8000.0, 8000.0, 6000.0, 6000.0, 3000.0, 2000.0, 1000.0),
    kv_nms_rad=(400.0, 400.0, 250.0, 250.0, 100.0, 60.0, 25.0),
    torque_nm=(87.0, 87.0, 87.0, 87.0, 12.0, 12.0, 12.0),
    # Franka Emika Panda, "Robot and interface specifications", joint limits.
    limits=ArmLimits(
        joint=JointLimits(
            lower_rad=np.array([-2.8973, -1.7628, -2.8973, -3.0718, -2.8973, -0.0175, -2.8973]),
            upper_rad=np.array([2.8973, 1.7628, 2.8973, -0.0698, 2.8973, 3.7525, 2.8973]),
            velocity_rad_s=np.array([2.175, 2.175, 2.175, 2.175, 2.61, 2.61, 2.61]),
            acceleration_rad_s2=np.array([15.0, 7.5, 10.0, 12.5, 15.0, 20.0, 20.0]),
            jerk_rad_s3=np.array([7500.0, 3750.0, 5000.0, 6250.0, 7500.0, 10000.0, 10000.0]),
        ),
        cartesian=_CARTESIAN,
        gripper_width_m=0.08,
    ),
    home_q_rad=(0.0, -0.5018, 0.0, -2.3588, 0.0, 1.8570, 0.7854),
    T_hand_tool=SE3.from_translation((0.0, 0.0, 0.0940)),
    T_hand_camera=SE3.look_at((0.070, 0.0, -0.02), (0.10, 0.0, 0.4), up=(1.0, 0.0, 0.0)),
    build_gripper=_panda_gripper,
    gripper_joint="gripper/finger_joint1",
    q_of_opening=lambda opening: _PANDA_FINGER_M * opening,
    opening_of_q=lambda q: q / _PANDA_FINGER_M,
    gripper_open_q={"gripper/finger_joint1": 0.04, "gripper/finger_joint2": -0.04},
    fingers=("gripper/leftfinger", "gripper/rightfinger"),
)

UR5E = ArmSpec(
    name="ur5e",
    robot_asset="robots/ur5e/robot.xml",
    joints=(
        "shoulder_pan_joint",
        "shoulder_lift_joint",
        "elbow_joint",
        "wrist_1_joint",
        "wrist_2_joint",
        "wrist_3_joint",
    ),
    kp_nm_rad=(8000.0, 8000.0, 6000.0, 2000.0, 2000.0, 1000.0),
    kv_nms_rad=(400.0, 400.0, 250.0, 60.0, 60.0, 25.0),
    torque_nm=(150.0, 150.0, 150.0, 28.0, 28.0, 28.0),
    # Universal Robots e-Series data sheet; accelerations: the controller's default, 800 deg/s2.
    limits=ArmLimits(
        joint=JointLimits(
            lower_rad=np.deg2rad([-360.0, -360.0, -180.0, -360.0, -360.0, -360.0]),
            upper_rad=np.deg2rad([360.0, 360.0, 180.0, 360.0, 360.0, 360.0]),
            velocity_rad_s=np.deg2rad(np.full(6, 180.0)),
            acceleration_rad_s2=np.deg2rad(np.full(6, 800.0)),
        ),
        cartesian=_CARTESIAN,
        gripper_width_m=0.085,
    ),
    home_q_rad=(-0.3416, -1.8179, 1.5786, -1.3315, -1.5708, -1.9124),
    T_hand_tool=SE3.from_translation((0.0, 0.0, 0.150)),
    T_hand_camera=SE3.look_at((0.085, 0.0, 0.00), (0.115, 0.0, 0.42), up=(1.0, 0.0, 0.0)),
    build_gripper=_robotiq_gripper,
    gripper_joint="gripper/finger_joint",
    q_of_opening=_robotiq_q,
    opening_of_q=_robotiq_opening,
    gripper_open_q={},
    fingers=("gripper/left_inner_finger", "gripper/right_inner_finger"),
)

ARMS: Mapping[str, ArmSpec] = {arm.name: arm for arm in (PANDA, UR5E)}
"""Every arm that a simulated cell can have."""
