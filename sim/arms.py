"""Arms with their grippers: robosuite's geometry, position-controlled joints, data-sheet limits.

Every joint carries two actuators, as the servo loop of a real position-controlled arm does: an
integrating position servo, whose activation is the joint setpoint and whose control is the
setpoint's rate, and a velocity servo with the same control. Together they are

    torque = kp * (setpoint - q) + kv * (setpoint_rate - dq),

so that a setpoint which moves at constant rate is followed without lag, the setpoint moves evenly
inside MuJoCo between two control steps, and no Python runs between physics steps.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import mujoco
import numpy as np

from robot_skills.core.limits import ArmLimits, CartesianLimits, JointLimits
from robot_skills.core.se3 import SE3, Array
from sim.grippers import (
    PANDA_FINGER_M,
    panda_gripper,
    robotiq_gripper,
    robotiq_opening,
    robotiq_q,
)
from sim.parts import COLLISION_GROUP, ROBOT_BIT, as_collision, as_visual, load_asset

TOOL_SITE = "tool"
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
    build_gripper=panda_gripper,
    gripper_joint="gripper/finger_joint1",
    q_of_opening=lambda opening: PANDA_FINGER_M * opening,
    opening_of_q=lambda q: q / PANDA_FINGER_M,
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
    build_gripper=robotiq_gripper,
    gripper_joint="gripper/finger_joint",
    q_of_opening=robotiq_q,
    opening_of_q=robotiq_opening,
    gripper_open_q={},
    fingers=("gripper/left_inner_finger", "gripper/right_inner_finger"),
)

GEN3 = ArmSpec(
    name="gen3",
    robot_asset="robots/kinova3/robot.xml",
    joints=tuple(f"Actuator{i}" for i in range(1, 8)),
    kp_nm_rad=(8000.0, 8000.0, 6000.0, 6000.0, 2000.0, 2000.0, 1000.0),
    kv_nms_rad=(400.0, 400.0, 250.0, 250.0, 60.0, 60.0, 25.0),
    torque_nm=(39.0, 39.0, 39.0, 39.0, 9.0, 9.0, 9.0),
    # Kinova's user guide, as in `sim.arm_models`. Joints 1, 3, 5 and 7 turn without end.
    limits=ArmLimits(
        joint=JointLimits(
            lower_rad=np.deg2rad([-360.0, -128.9, -360.0, -147.8, -360.0, -120.3, -360.0]),
            upper_rad=np.deg2rad([360.0, 128.9, 360.0, 147.8, 360.0, 120.3, 360.0]),
            velocity_rad_s=np.deg2rad([79.64] * 4 + [69.91] * 3),
            acceleration_rad_s2=np.deg2rad([297.94] * 4 + [572.96] * 3),
        ),
        cartesian=replace(_CARTESIAN, speed_m_s=0.5),
        gripper_width_m=0.085,
    ),
    home_q_rad=(-0.0476, 0.2099, -0.0197, 1.2298, 0.0042, 1.7019, -1.6366),
    T_hand_tool=UR5E.T_hand_tool,
    T_hand_camera=UR5E.T_hand_camera,
    build_gripper=robotiq_gripper,
    gripper_joint=UR5E.gripper_joint,
    q_of_opening=robotiq_q,
    opening_of_q=robotiq_opening,
    gripper_open_q=UR5E.gripper_open_q,
    fingers=UR5E.fingers,
)

ARMS: Mapping[str, ArmSpec] = {arm.name: arm for arm in (PANDA, UR5E, GEN3)}
"""Every arm that a simulated cell can have."""
