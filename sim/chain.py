"""Serial chains of turning joints: enough of an arm for kinematics, without its meshes.

A chain is written down from a maker's dimensions, or read from a URDF or MJCF file. Meshes and
masses of files are dropped before MuJoCo compiles them, so that a file alone is enough.
"""

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np

from robot_skills.core.errors import RefusedError, unknown_name
from robot_skills.core.se3 import SE3, Array, wxyz_to_matrix

TIP_SITE = "tip"
_STRAIGHT = (0.0, 0.0, 0.0)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ChainJoint:
    """One turning joint.

    Attributes:
        name: Of the joint.
        T_parent_joint: Where it is in the link before it, at zero.
        axis: It turns about, in its own frame, (3,).
        lower_rad: Lowest position; minus infinity where the file names none.
        upper_rad: Highest position.
    """

    name: str
    T_parent_joint: SE3
    axis: tuple[float, float, float] = (0.0, 0.0, 1.0)
    lower_rad: float = -np.inf
    upper_rad: float = np.inf


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Chain:
    """An arm from its base to its flange.

    Attributes:
        joints: Base to tip.
        T_last_flange: Flange in the frame of the last joint.
    """

    joints: tuple[ChainJoint, ...]
    T_last_flange: SE3

    def compile(self, T_flange_tool: SE3) -> mujoco.MjModel:
        """A model with a site `TIP_SITE` at the tool; its world is the chain's base."""
        spec = mujoco.MjSpec()
        body = spec.worldbody
        for joint in self.joints:
            T = joint.T_parent_joint
            body = body.add_body(name=f"{joint.name}/link", pos=T.p.tolist(), quat=T.wxyz())
            # Kinematics needs no masses; MuJoCo needs some.
            _give_mass(body)
            body.add_joint(name=joint.name, type=mujoco.mjtJoint.mjJNT_HINGE, axis=list(joint.axis))
        T = self.T_last_flange @ T_flange_tool
        body.add_site(name=TIP_SITE, pos=T.p.tolist(), quat=T.wxyz())
        return spec.compile()


def placed(xyz: tuple[float, float, float], rpy: tuple[float, float, float] = _STRAIGHT) -> SE3:
    """A place as URDF writes it: roll, pitch, yaw about fixed axes."""
    roll, pitch, yaw = rpy
    R = SE3.from_yaw(yaw) @ SE3.from_rotvec((0.0, pitch, 0.0)) @ SE3.from_rotvec((roll, 0.0, 0.0))
    return SE3(R.R, np.array(xyz))


# From files


def chain_of_file(path: Path, base: str, tool: str) -> Chain:
    """The chain between two links of a URDF (``.urdf``) or MJCF (``.xml``) file.

    Args:
        path: Of the file.
        base: Name of the link, or body, that the arm stands on.
        tool: Name of the link, body or site at its end.

    Raises:
        RefusedError: The file cannot be read, or joints between the links do not turn.
        UnknownNameError: There is no such link.
    """
    spec, root = _read(path)
    for geom in list(spec.geoms):
        spec.delete(geom)
    for element in (*spec.meshes, *spec.actuators, *spec.sensors, *spec.keys):
        spec.delete(element)
    for body in spec.bodies[1:]:
        _give_mass(body)
    try:
        model = spec.compile()
    except ValueError as error:
        raise RefusedError(f"{path}: {' '.join(str(error).split())}") from None
    return _walk(model, base, tool, root, path)


def _give_mass(body: mujoco.MjsBody) -> None:
    body.explicitinertial = True
    body.mass, body.inertia = 1.0, [1.0, 1.0, 1.0]
    body.ipos, body.iquat = [0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]
    body.fullinertia = np.full(6, np.nan)


def _read(path: Path) -> tuple[mujoco.MjSpec, str]:
    """The model, and the name of the link that became its world."""
    try:
        if path.suffix == ".urdf":
            text, root = _bare_urdf(path)
            spec = mujoco.MjSpec.from_string(text)
            # Otherwise links on fixed joints, and the tool among them, are lost.
            spec.compiler.fusestatic = False
            return spec, root
        if path.suffix == ".xml":
            return mujoco.MjSpec.from_file(str(path)), "world"
    except (OSError, ValueError, ElementTree.ParseError) as error:
        raise RefusedError(f"{path}: {' '.join(str(error).split())}") from None
    raise RefusedError(f"{path}: models of arms are .urdf or MuJoCo's .xml files.")


def _bare_urdf(path: Path) -> tuple[str, str]:
    """A URDF without anything but links and joints, and its root link."""
    robot = ElementTree.parse(path).getroot()
    if robot.tag != "robot":
        raise ValueError("a URDF file begins with <robot>")
    for child in list(robot):
        if child.tag not in ("link", "joint"):
            robot.remove(child)
    for link in robot.findall("link"):
        for child in list(link):
            link.remove(child)
        inertial = ElementTree.SubElement(link, "inertial")
        ElementTree.SubElement(inertial, "mass", value="1")
        diagonal = {"ixx": "1", "iyy": "1", "izz": "1", "ixy": "0", "ixz": "0", "iyz": "0"}
        ElementTree.SubElement(inertial, "inertia", diagonal)
    children = {joint.find("child").get("link") for joint in robot.findall("joint")}  # type: ignore[union-attr]
    roots = [link.get("name", "") for link in robot.findall("link")]
    root = next((name for name in roots if name not in children), "")
    return ElementTree.tostring(robot, encoding="unicode"), root


def _walk(model: mujoco.MjModel, base: str, tool: str, root: str, path: Path) -> Chain:
    names = [model.body(i).name for i in range(model.nbody)]
    names[0] = root or names[0]
    sites = [model.site(i).name for i in range(model.nsite)]
    if base not in names:
        raise unknown_name(f"base link in {path.name}", base, names)
    if tool not in names and tool not in sites:
        raise unknown_name(f"tool link in {path.name}", tool, [*names, *sites])
    at_site = tool not in names
    body = int(model.site_bodyid[sites.index(tool)]) if at_site else names.index(tool)
    T_tail = SE3.identity()
    if at_site:
        site = sites.index(tool)
        T_tail = SE3(wxyz_to_matrix(model.site_quat[site]), model.site_pos[site])
    # From the tool to the base: `T_tail` leads from the joint found last to where we were.
    found: list[tuple[ChainJoint, SE3]] = []
    while names[body] != base:
        if body == 0:
            raise RefusedError(f"{path}: {tool!r} does not hang on {base!r}.")
        T_parent_body = SE3(wxyz_to_matrix(model.body_quat[body]), model.body_pos[body])
        count, first = int(model.body_jntnum[body]), int(model.body_jntadr[body])
        if count > 1:
            raise RefusedError(f"{path}: {names[body]!r} has {count} joints; one is understood.")
        if count == 0:
            T_tail = T_parent_body @ T_tail
        else:
            joint = _joint(model, first, path)
            at = SE3.from_translation(model.jnt_pos[first])
            found.append((joint, at.inverse() @ T_tail))
            # What is left before the joint.
            T_tail = T_parent_body @ at
        body = int(model.body_parentid[body])
    if not found:
        raise RefusedError(f"{path}: no joint lies between {base!r} and {tool!r}.")
    return _assemble(found, T_tail)


def _assemble(found: list[tuple[ChainJoint, SE3]], T_base_first: SE3) -> Chain:
    """Put together what was found from tip to base."""
    joints, T_before = [], T_base_first
    for joint, T_joint_next in reversed(found):
        joints.append(
            ChainJoint(
                name=joint.name,
                T_parent_joint=T_before,
                axis=joint.axis,
                lower_rad=joint.lower_rad,
                upper_rad=joint.upper_rad,
            )
        )
        T_before = T_joint_next
    return Chain(joints=tuple(joints), T_last_flange=T_before)


def _joint(model: mujoco.MjModel, index: int, path: Path) -> ChainJoint:
    name = model.joint(index).name
    if model.jnt_type[index] != mujoco.mjtJoint.mjJNT_HINGE:
        raise RefusedError(f"{path}: the joint {name!r} of the arm does not turn.")
    lower, upper = (-np.inf, np.inf)
    if model.jnt_limited[index]:
        lower, upper = (float(limit) for limit in model.jnt_range[index])
    x, y, z = (float(part) for part in model.jnt_axis[index])
    return ChainJoint(
        name=name,
        T_parent_joint=SE3.identity(),
        axis=(x, y, z),
        lower_rad=lower,
        upper_rad=upper,
    )


def positions(chain: Chain) -> tuple[Array, Array]:
    """Lowest and highest positions of a chain's joints."""
    lower = np.array([joint.lower_rad for joint in chain.joints])
    upper = np.array([joint.upper_rad for joint in chain.joints])
    return lower, upper
