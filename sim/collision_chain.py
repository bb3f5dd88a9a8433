"""The shape of arms of which only the chain is known: capsules from joint to joint.

Meshes of real arms are their makers', and are not shipped. Capsules are thicker than the arm in
most places, which is what a margin is for; where they are not, the cell gives another radius.
"""

import mujoco
import numpy as np

from robot_skills.core.collision import ArmShape, Surroundings
from robot_skills.core.se3 import SE3, Array
from sim.arm_models import ArmModel, model_of
from sim.collision import ArmGeometry, CollisionGeometry
from sim.parts import COLLISION_GROUP

BASE, HAND, FINGERS = "base", "hand", "fingers"
_LEAST_M = 1e-3
"""What is shorter is a sphere, or left out."""


def model_collisions(
    arm: ArmModel, T_flange_tool: SE3, shape: ArmShape, surroundings: Surroundings
) -> CollisionGeometry:
    """Of an arm of which the chain is known, with a tool."""
    limits = arm.limits.joint
    geometry = ArmGeometry(
        spec=_capsules(arm, T_flange_tool, shape),
        joints=tuple(joint.name for joint in arm.chain.joints),
        range_rad=(limits.lower_rad, limits.upper_rad),
        home_q_rad=arm.home_q_rad,
        fingers=(FINGERS,),
    )
    return CollisionGeometry(geometry, surroundings)


def named_collisions(
    arm: str, T_flange_tool: SE3, shape: ArmShape, surroundings: Surroundings
) -> CollisionGeometry:
    """Of an arm by name, so that processes can be told which.

    Raises:
        UnknownNameError: There is no such arm.
    """
    return model_collisions(model_of(arm), T_flange_tool, shape, surroundings)


def _capsules(arm: ArmModel, T_flange_tool: SE3, shape: ArmShape) -> mujoco.MjSpec:
    spec = mujoco.MjSpec()
    body = spec.worldbody.add_body(name=BASE)
    radius_m = shape.link_radius_m
    capsule = mujoco.mjtGeom.mjGEOM_CAPSULE
    for joint in arm.chain.joints:
        T = joint.T_parent_joint
        _add_part(body, capsule, np.zeros(3), T.p, radius_m)
        body = body.add_body(name=f"{joint.name}/link", pos=T.p.tolist(), quat=T.wxyz())
        body.add_joint(name=joint.name, type=mujoco.mjtJoint.mjJNT_HINGE, axis=list(joint.axis))
    flange, tool = arm.chain.T_last_flange.p, (arm.chain.T_last_flange @ T_flange_tool).p
    if float(np.linalg.norm(tool - flange)) <= shape.finger_length_m:
        # The flange is so near to the tool that the last link ends in the fingers.
        flange = np.zeros(3)
    whole_m = float(np.linalg.norm(tool - flange))
    share = min(shape.finger_length_m / max(whole_m, _LEAST_M), 1.0)
    knuckles = tool - share * (tool - flange)
    _add_part(body, capsule, np.zeros(3), flange, radius_m)
    # Flat at its end: no cap that reaches down between the fingers.
    hand = body.add_body(name=HAND)
    _add_part(hand, mujoco.mjtGeom.mjGEOM_CYLINDER, flange, knuckles, shape.hand_radius_m)
    fingers = body.add_body(name=FINGERS)
    _add_part(fingers, capsule, knuckles, tool, shape.finger_radius_m)
    return spec


def _add_part(
    body: mujoco.MjsBody, kind: mujoco.mjtGeom, start: Array, end: Array, radius_m: float
) -> None:
    long = float(np.linalg.norm(end - start)) > _LEAST_M
    if not long and kind == mujoco.mjtGeom.mjGEOM_CYLINDER:
        return
    geom = body.add_geom(
        type=kind if long else mujoco.mjtGeom.mjGEOM_SPHERE,
        size=[radius_m, 0.0, 0.0],
        group=COLLISION_GROUP,
    )
    if long:
        geom.fromto = [*start.tolist(), *end.tolist()]
    else:
        geom.pos = start.tolist()
