"""The robot description (URDF) of a simulated arm: its chain and its joints' limits, no shapes."""

import xml.etree.ElementTree as ElementTree
from functools import lru_cache

import mujoco
import numpy as np

from robot_skills.core.errors import unknown_name
from robot_skills.core.se3 import SE3
from sim.arms import ARMS, TOOL_SITE, ArmSpec, build_arm

TOOL_LINK = "tool"
_BASE_LINK = "base_link"


@lru_cache(maxsize=4)
def description_of(arm: str) -> str:
    """A URDF with every joint from the base to the tool.

    Positions are as far as the simulated joints go, speeds and efforts as far as they are driven.

    Args:
        arm: Key in `sim.arms.ARMS`.

    Raises:
        UnknownNameError: There is no such arm.
    """
    if arm not in ARMS:
        raise unknown_name("arm", arm, ARMS)
    spec = ARMS[arm]
    model = build_arm(spec, visuals=False).compile()
    robot = ElementTree.Element("robot", name=arm)
    ElementTree.SubElement(robot, "link", name=_BASE_LINK)
    T_body_link = SE3.identity()
    parent = _BASE_LINK
    for body in _bodies_to_tool(model):
        T_parent_body = _pose(model.body_quat[body], model.body_pos[body])
        joint = _joint_of(model, body)
        # A link's frame is where its joint turns, wherever the body's own is.
        T_here = SE3.identity()
        if joint is not None:
            T_here = SE3.from_translation(model.jnt_pos[joint])
        origin = T_body_link.inverse() @ T_parent_body @ T_here
        child = model.body(body).name
        _add_joint(robot, model, spec, joint, parent, child, origin)
        T_body_link, parent = T_here, child
    site = model.site(TOOL_SITE).id
    T_body_tool = _pose(model.site_quat[site], model.site_pos[site])
    _add_joint(robot, model, spec, None, parent, TOOL_LINK, T_body_link.inverse() @ T_body_tool)
    ElementTree.indent(robot)
    return ElementTree.tostring(robot, encoding="unicode")


def _bodies_to_tool(model: mujoco.MjModel) -> list[int]:
    """Bodies from the first on the base to the one that has the tool."""
    chain: list[int] = []
    body = int(model.site_bodyid[model.site(TOOL_SITE).id])
    while body != 0:
        chain.append(body)
        body = int(model.body_parentid[body])
    return chain[::-1]


def _joint_of(model: mujoco.MjModel, body: int) -> int | None:
    count, first = int(model.body_jntnum[body]), int(model.body_jntadr[body])
    if count == 0:
        return None
    if count > 1 or model.jnt_type[first] != mujoco.mjtJoint.mjJNT_HINGE:
        raise ValueError(f"{model.body(body).name} has no single hinge; a URDF cannot say that.")
    if model.qpos0[model.jnt_qposadr[first]] != 0.0:
        raise ValueError(f"{model.joint(first).name} does not begin at zero, as in a URDF it does.")
    return first


def _add_joint(
    robot: ElementTree.Element,
    model: mujoco.MjModel,
    spec: ArmSpec,
    joint: int | None,
    parent: str,
    child: str,
    origin: SE3,
) -> None:
    ElementTree.SubElement(robot, "link", name=child)
    name = f"{child}_mount" if joint is None else model.joint(joint).name
    kind = "fixed" if joint is None else "revolute"
    element = ElementTree.SubElement(robot, "joint", name=name, type=kind)
    ElementTree.SubElement(element, "origin", xyz=_text(origin.p), rpy=_text(_rpy(origin.R)))
    ElementTree.SubElement(element, "parent", link=parent)
    ElementTree.SubElement(element, "child", link=child)
    if joint is None:
        return
    place = spec.joints.index(name)
    lower, upper = model.jnt_range[joint]
    ElementTree.SubElement(element, "axis", xyz=_text(model.jnt_axis[joint]))
    ElementTree.SubElement(
        element,
        "limit",
        lower=f"{lower:.9g}",
        upper=f"{upper:.9g}",
        velocity=f"{spec.limits.joint.velocity_rad_s[place]:.9g}",
        effort=f"{spec.torque_nm[place]:.9g}",
    )


def _pose(wxyz: np.ndarray, p: np.ndarray) -> SE3:
    return SE3.from_wxyz(wxyz, p)


def _text(numbers: np.ndarray) -> str:
    return " ".join(f"{number:.9g}" for number in numbers)


def _rpy(R: np.ndarray) -> np.ndarray:
    """Turns about the fixed x, y and z axes [rad], as URDFs write rotations, (3,)."""
    pitch = np.arctan2(-R[2, 0], np.hypot(R[0, 0], R[1, 0]))
    if np.hypot(R[0, 0], R[1, 0]) < 1e-9:
        # Straight up or down: roll and yaw are about one axis.
        return np.array([np.arctan2(-R[1, 2], R[1, 1]), pitch, 0.0])
    return np.array([np.arctan2(R[2, 1], R[2, 2]), pitch, np.arctan2(R[1, 0], R[0, 0])])
