"""robosuite's scenes as MuJoCo models with our servos.

The torque motors of the arm, which robosuite drives from Python in every physics step, are replaced
by the position servos and gravity compensation of `sim.arms`; robot geoms touch the world but not
each other; and the scene is moved so that its world frame is the arm's base frame. The UR5e gets
the gripper of `sim.arms`: the linkage of robosuite's own catches on itself before it has closed on
a cube.
"""

import logging
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import mujoco
import numpy as np

from robot_skills.core.errors import MissingDependencyError
from robot_skills.core.se3 import SE3, Array
from sim.arms import HAND_BODY, TOOL_SITE, ArmSpec, add_servos
from sim.meshes import add_fast_visuals
from sim.parts import COLLISION_GROUP, ROBOT_BIT, VISUAL_GROUP, WORLD_BIT
from sim.world import WRIST_CAMERA, WRIST_FOVY_DEG

ARM_PREFIX = "robot0_"
FOVY_DEG = 45.0
"""Of robosuite's fixed cameras."""
_ROBOSUITE_GRIPPER = "gripper0_right_"
_ROBOSUITE_ARMS = {"panda": "Panda", "ur5e": "UR5e"}
# Aids of robosuite's interactive viewer.
_MARKERS = ("left_eef_target", "right_eef_target")


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskGripper:
    """The gripper of a task's arm.

    Attributes:
        prefix: Of its names in the model.
        from_robosuite: Whether it is robosuite's, or that of `sim.arms`.
        signs: Controls of its actuators per position of the lead joint.
        pads: Geoms of the left and of the right finger between which a thing is held.
        rest_q: Positions of its joints at the start, where they are not zero.
        grip_site: Site that robosuite measures distances of things from.
    """

    prefix: str
    from_robosuite: bool
    signs: tuple[float, ...]
    pads: tuple[str, str]
    rest_q: Mapping[str, float]
    grip_site: str


GRIPPERS: Mapping[str, TaskGripper] = {
    "panda": TaskGripper(
        prefix=_ROBOSUITE_GRIPPER,
        from_robosuite=True,
        signs=(1.0, -1.0),
        pads=("finger1_pad_collision", "finger2_pad_collision"),
        rest_q={"finger_joint1": 0.020833, "finger_joint2": -0.020833},
        grip_site=f"{_ROBOSUITE_GRIPPER}grip_site",
    ),
    "ur5e": TaskGripper(
        prefix="gripper/",
        from_robosuite=False,
        signs=(1.0,),
        pads=("left_tip", "right_tip"),
        rest_q={},
        grip_site=TOOL_SITE,
    ),
}
"""Grippers by arm."""


def build_model(
    task: str,
    arm: ArmSpec,
    *,
    names: Mapping[str, str],
    left_out: Collection[str],
    cameras: Mapping[str, SE3],
) -> mujoco.MjSpec:
    """Model of one of robosuite's tasks.

    Args:
        task: robosuite's name of it.
        arm: Which arm.
        names: robosuite's names of the free bodies, and what they are called here.
        left_out: Bodies that the task does not use, which robosuite puts out of sight.
        cameras: Optical frames of fixed cameras in the base frame, by name.

    Raises:
        MissingDependencyError: robosuite does not import.
    """
    gripper = GRIPPERS[arm.name]
    spec = mujoco.MjSpec.from_string(robosuite_xml(task, _ROBOSUITE_ARMS[arm.name]))
    for name in (*_MARKERS, *left_out):
        spec.delete(spec.body(name))
    # Stiff servos need their damping integrated implicitly.
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    # robosuite's air drag, about 1 mN on a cube at 1 m/s, would double the time of such a step.
    spec.option.density, spec.option.viscosity = 0.0, 0.0
    _move_base_to_origin(spec)
    _replace_motors(spec, arm)
    if not gripper.from_robosuite:
        _replace_gripper(spec, arm, gripper)
    for body in spec.bodies:
        if body.name.startswith((ARM_PREFIX, gripper.prefix)):
            body.gravcomp = 1.0
        elif body.name in names:
            body.name = names[body.name]
    for geom in spec.geoms:
        # robosuite draws group 1 and collides group 0.
        geom.group = VISUAL_GROUP if geom.group == 1 else COLLISION_GROUP
        if geom.contype and geom.parent.name.startswith((ARM_PREFIX, gripper.prefix)):
            geom.contype, geom.conaffinity = ROBOT_BIT, WORLD_BIT
    # ... and lets only the latter have mass.
    spec.compiler.inertiagrouprange = [COLLISION_GROUP, COLLISION_GROUP]
    hand = spec.body(ARM_PREFIX + HAND_BODY)
    tool = hand.add_site(name=TOOL_SITE, group=5)
    tool.pos, tool.quat = arm.T_hand_tool.p.tolist(), arm.T_hand_tool.wxyz().tolist()
    for name, T_base_camera in cameras.items():
        _add_camera(spec.worldbody, name, T_base_camera, FOVY_DEG)
    _add_camera(hand, WRIST_CAMERA, arm.T_hand_camera, WRIST_FOVY_DEG)
    add_fast_visuals(spec)
    return spec


@cache
def robosuite_xml(task: str, robot: str) -> str:
    """Model of one of robosuite's environments, as it would run it itself.

    Raises:
        MissingDependencyError: robosuite does not import.
    """
    with quiet_robosuite():
        try:
            import robosuite
        except ImportError as error:
            raise MissingDependencyError(
                f"Task {task!r} needs robosuite, which does not import ({error}). "
                "Install the extra: pip install 'robot-skills[sim]'."
            ) from error
        env = robosuite.make(
            task,
            robots=robot,
            has_renderer=False,
            has_offscreen_renderer=False,
            use_camera_obs=False,
        )
        xml = env.model.get_xml()
        env.close()
    return xml


@contextmanager
def quiet_robosuite() -> Iterator[None]:
    """Keep robosuite's advice off the terminal and its draws out of numpy's global generator.

    What it draws meanwhile is the same every time.
    """
    threshold = logging.root.manager.disable
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(threshold)
        np.random.set_state(state)  # noqa: NPY002


def resize_box(
    model: mujoco.MjModel, data: mujoco.MjData, body: int, extents_m: Array, mass_kg: float
) -> None:
    """Give a body made of one box another size and mass, without compiling.

    The state in `data` is lost.

    Args:
        model: Model to change.
        data: Scratch space of that model.
        body: Id of the body; all of its geoms are the same box about its origin.
        extents_m: Full sizes, (3,).
        mass_kg: Its mass, spread evenly.
    """
    half = 0.5 * np.asarray(extents_m)
    first, count = model.body_geomadr[body], model.body_geomnum[body]
    geoms = slice(first, first + count)
    model.geom_size[geoms] = half
    model.geom_rbound[geoms] = float(np.linalg.norm(half))
    model.geom_aabb[geoms, 3:] = half
    boxes = slice(model.body_bvhadr[body], model.body_bvhadr[body] + model.body_bvhnum[body])
    model.bvh_aabb[boxes, 3:] = half
    square = half**2
    model.body_mass[body] = mass_kg
    model.body_inertia[body] = mass_kg / 3.0 * (square.sum() - square)
    model.body_iquat[body] = (1.0, 0.0, 0.0, 0.0)
    mujoco.mj_setConst(model, data)


def _move_base_to_origin(spec: mujoco.MjSpec) -> None:
    world = spec.worldbody
    p_world_base = np.array(spec.body(f"{ARM_PREFIX}base").pos)
    for element in (*world.bodies, *world.geoms, *world.sites, *world.cameras, *world.lights):
        if element.parent is world or element.parent.name == world.name:
            element.pos = np.array(element.pos) - p_world_base


def _replace_motors(spec: mujoco.MjSpec, arm: ArmSpec) -> None:
    motors = [actuator for actuator in spec.actuators if actuator.name.startswith(ARM_PREFIX)]
    for actuator in motors:
        spec.delete(actuator)
    add_servos(spec, arm, prefix=ARM_PREFIX)


def _replace_gripper(spec: mujoco.MjSpec, arm: ArmSpec, gripper: TaskGripper) -> None:
    old = [*spec.actuators, *spec.sensors, *spec.tendons]
    for element in [element for element in old if element.name.startswith(_ROBOSUITE_GRIPPER)]:
        spec.delete(element)
    hand = spec.body(ARM_PREFIX + HAND_BODY)
    for body in [body for body in hand.bodies if body.name.startswith(_ROBOSUITE_GRIPPER)]:
        spec.delete(body)
    for mesh in [mesh for mesh in spec.meshes if mesh.name.startswith(_ROBOSUITE_GRIPPER)]:
        spec.delete(mesh)
    spec.attach(arm.build_gripper(), prefix=gripper.prefix, frame=hand.add_frame())


def _add_camera(body: mujoco.MjsBody, name: str, T_body_camera: SE3, fovy_deg: float) -> None:
    # MuJoCo's cameras look along -z with +y up; optical frames along +z with +y down.
    T = T_body_camera @ SE3.from_rotvec((np.pi, 0.0, 0.0))
    body.add_camera(name=name, pos=T.p.tolist(), quat=T.wxyz().tolist(), fovy=fovy_deg)
