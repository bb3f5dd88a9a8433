"""robosuite's Lift and Stack behind the robot contract.

Model, start distribution and success criterion are robosuite's own (Zhu et al., *robosuite: a
modular simulation framework and benchmark for robot learning*, 2020). The torque motors of the arm,
which robosuite drives from Python in every physics step, are replaced by the position servos and
gravity compensation of `sim.arms`; robot geoms touch the world but not each other; and the scene is
moved so that its world frame is the arm's base frame, which puts the table top at `TABLE_HEIGHT_M`.
The UR5e gets the gripper of `sim.arms`: the linkage of robosuite's own catches on itself before it
has closed on a cube.
"""

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache

import mujoco
import numpy as np

from robot_skills.core.errors import MissingDependencyError, RefusedError, unknown_name
from robot_skills.core.scene import TABLE, Entity, Scene
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import DEFAULT_ARM
from sim.arms import ARMS, HAND_BODY, TOOL_SITE, ArmSpec, add_servos
from sim.meshes import add_fast_visuals
from sim.objects import CUBE, ObjectPlacement
from sim.parts import COLLISION_GROUP, ROBOT_BIT, VISUAL_GROUP, WORLD_BIT, place
from sim.robot import Cell, CellRobot
from sim.truth import upright_box
from sim.world import FRONT_CAMERA, FRONT_FOVY_DEG, T_BASE_FRONT, WRIST_CAMERA, WRIST_FOVY_DEG

TABLE_HEIGHT_M = 0.8 - 0.912
"""Of the table top in the base frame: robosuite's table less its pedestal."""
_P_BASE_TABLE = np.array([0.56, 0.0, TABLE_HEIGHT_M])
_TABLE_EXTENTS_M = np.array([0.8, 0.8, 0.05])
_ARM = "robot0_"
_ROBOSUITE_GRIPPER = "gripper0_right_"
_DROP_M = 0.01
_NOISE_RAD = 0.02
_LIFTED_M = 0.04
_PLACEMENT_TRIES = 5000
# Aids of robosuite's interactive viewer.
_MARKERS = ("left_eef_target", "right_eef_target")


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskCube:
    """One of a task's cubes.

    Attributes:
        name: Entity name.
        colour: Colour word.
        body: robosuite's name of its body.
        half_min_m: Smallest half side.
        half_max_m: Largest half side; each axis is drawn by itself.
    """

    name: str
    colour: str
    body: str
    half_min_m: float
    half_max_m: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One of robosuite's tasks.

    Attributes:
        name: robosuite's name.
        instruction: The task in words.
        cubes: Its free objects, in the order in which they are placed.
        spread_m: Cubes start at most this far from the middle of the table along x and y.
        success: Whether it is done, as robosuite judges it.
    """

    name: str
    instruction: str
    cubes: tuple[TaskCube, ...]
    spread_m: float
    success: "Callable[[TaskWorld], bool]"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TaskLayout:
    """How an episode starts.

    Attributes:
        cubes: Sizes and poses.
        noise_rad: Added to the arm's rest position, (n,); None adds nothing.
    """

    cubes: tuple[ObjectPlacement, ...]
    noise_rad: Array | None = None


def draw_layout(task: Task, arm: str, rng: np.random.Generator) -> TaskLayout:
    """Draw a start from robosuite's distribution.

    Raises:
        UnknownNameError: There is no such arm.
    """
    if arm not in TASK_ARMS:
        raise unknown_name("arm", arm, TASK_ARMS)
    cubes: list[ObjectPlacement] = []
    for cube in task.cubes:
        half_m = rng.uniform(cube.half_min_m, cube.half_max_m, 3)
        cubes.append(_placed(cube, half_m, _free_place(half_m, cubes, task.spread_m, rng)))
    noise = _NOISE_RAD * rng.standard_normal(len(TASK_ARMS[arm].joints))
    return TaskLayout(cubes=tuple(cubes), noise_rad=noise)


def _free_place(
    half_m: Array, others: list[ObjectPlacement], spread_m: float, rng: np.random.Generator
) -> SE3:
    for _ in range(_PLACEMENT_TRIES):
        x, y = rng.uniform(-spread_m, spread_m, 2)
        p = _P_BASE_TABLE + np.array([x, y, _DROP_M + half_m[2]])
        radius = np.linalg.norm(half_m[:2])
        apart = all(
            np.linalg.norm(p[:2] - other.T_base_object.p[:2])
            > radius + 0.5 * np.linalg.norm(other.extents_m[:2])
            for other in others
        )
        if apart:
            return SE3.from_yaw(rng.uniform(0.0, 2.0 * np.pi), p)
    raise RefusedError(f"{len(others) + 1} cubes do not fit within {spread_m} m.")


def _placed(cube: TaskCube, half_m: Array, T_base_cube: SE3) -> ObjectPlacement:
    return ObjectPlacement(
        name=cube.name,
        label=CUBE,
        colour=cube.colour,
        rgb=np.ones(3),
        extents_m=2.0 * half_m,
        mass_kg=1000.0 * float(np.prod(2.0 * half_m)),
        T_base_object=T_base_cube,
    )


class TaskWorld:
    """`sim.robot.World` of one robosuite task.

    Args:
        task: Which task.
        arm: Key in `TASK_ARMS`.
        layout: How the episode starts.
    """

    def __init__(self, task: Task, arm: str, layout: TaskLayout) -> None:
        self.task = task
        self.arm: ArmSpec = TASK_ARMS[arm]
        self.layout = layout
        self._gripper = gripper = _GRIPPERS[arm]
        self.model: mujoco.MjModel = _build(task, self.arm, layout).compile()
        self.data = mujoco.MjData(self.model)
        model, names = self.model, self.arm.joints
        joints = [model.joint(_ARM + name) for name in names]
        self.arm_qpos: Array = np.array([joint.qposadr[0] for joint in joints])
        self.arm_dofs: Array = np.array([joint.dofadr[0] for joint in joints])
        position = [model.actuator(f"position_{name}") for name in names]
        velocity = [model.actuator(f"velocity_{name}") for name in names]
        self.setpoint_act: Array = np.array([actuator.actadr[0] for actuator in position])
        self.rate_ctrl: Array = np.array([[a.id for a in position], [a.id for a in velocity]])
        lead = gripper.prefix + self.arm.gripper_joint.removeprefix("gripper/")
        self._gripper_qpos = int(model.joint(lead).qposadr[0])
        self._gripper_ctrl = np.array(
            [i for i in range(model.nu) if model.actuator(i).name.startswith(gripper.prefix)]
        )
        self._tool_site: int = model.site(TOOL_SITE).id
        self._pads = tuple(
            frozenset([model.geom(gripper.prefix + name).id]) for name in gripper.pads
        )
        self._cube_geoms = {
            item.name: frozenset(
                i for i in range(model.ngeom) if model.geom_bodyid[i] == model.body(item.name).id
            )
            for item in layout.cubes
        }
        self._poses_fresh = False
        self.reset()

    def reset(self) -> None:
        """Back to the start of the episode."""
        mujoco.mj_resetData(self.model, self.data)
        q = np.array(self.arm.home_q_rad)
        if self.layout.noise_rad is not None:
            q = q + self.layout.noise_rad
        self.data.qpos[self.arm_qpos] = q
        self.data.act[self.setpoint_act] = q
        for name, value in self._gripper.rest_q.items():
            joint = self.model.joint(self._gripper.prefix + name)
            self.data.qpos[joint.qposadr[0]] = value
        self.command_opening(1.0)
        mujoco.mj_forward(self.model, self.data)
        self._poses_fresh = True

    def step(self, n_physics: int) -> None:
        """Advance by physics steps under the present controls."""
        mujoco.mj_step(self.model, self.data, nstep=n_physics)
        self._poses_fresh = False

    def refresh(self) -> None:
        """Bring poses up to date with the joints; after a step MuJoCo's lag by one physics step."""
        if not self._poses_fresh:
            mujoco.mj_kinematics(self.model, self.data)
            mujoco.mj_comPos(self.model, self.data)
            mujoco.mj_camlight(self.model, self.data)
            self._poses_fresh = True

    def T_base_tool(self) -> SE3:
        """Pose of the tool."""
        self.refresh()
        site = self._tool_site
        return SE3(self.data.site_xmat[site].reshape(3, 3), self.data.site_xpos[site])

    def T_base_body(self, name: str) -> SE3:
        """Pose of a body by name; cubes are named as their entities."""
        self.refresh()
        body = self.model.body(name).id
        return SE3(self.data.xmat[body].reshape(3, 3), self.data.xpos[body])

    def opening(self) -> float:
        """Gripper opening in [0, 1]."""
        opening = self.arm.opening_of_q(float(self.data.qpos[self._gripper_qpos]))
        return min(max(opening, 0.0), 1.0)

    def command_opening(self, opening: float) -> None:
        """Ask the gripper for an opening in [0, 1]."""
        q = self.arm.q_of_opening(min(max(opening, 0.0), 1.0))
        self.data.ctrl[self._gripper_ctrl] = q * np.array(self._gripper.signs)

    def grasped(self, cube: str) -> bool:
        """Whether both finger pads touch a cube."""
        return all(self._touch(pads, self._cube_geoms[cube]) for pads in self._pads)

    def touching(self, cube: str, other: str) -> bool:
        """Whether two cubes touch."""
        return self._touch(self._cube_geoms[cube], self._cube_geoms[other])

    def lifted(self, cube: str) -> bool:
        """Whether a cube's centre is well above the table."""
        return bool(self.T_base_body(cube).p[2] > TABLE_HEIGHT_M + _LIFTED_M)

    def success(self) -> bool:
        """Whether the task is done, as robosuite judges it."""
        return self.task.success(self)

    def _touch(self, geoms: frozenset[int], others: frozenset[int]) -> bool:
        return any(
            (a in geoms and b in others) or (b in geoms and a in others)
            for a, b in self.data.contact.geom.tolist()
        )


def _lift_done(world: TaskWorld) -> bool:
    return world.lifted("red_cube")


def _stack_done(world: TaskWorld) -> bool:
    return (
        not world.grasped("red_cube")
        and world.lifted("red_cube")
        and world.touching("red_cube", "green_cube")
    )


LIFT = Task(
    name="Lift",
    instruction="lift the red cube",
    cubes=(
        TaskCube(
            name="red_cube", colour="red", body="cube_main", half_min_m=0.020, half_max_m=0.022
        ),
    ),
    spread_m=0.03,
    success=_lift_done,
)
STACK = Task(
    name="Stack",
    instruction="put the red cube on the green cube",
    cubes=(
        TaskCube(
            name="red_cube", colour="red", body="cubeA_main", half_min_m=0.02, half_max_m=0.02
        ),
        TaskCube(
            name="green_cube", colour="green", body="cubeB_main", half_min_m=0.025, half_max_m=0.025
        ),
    ),
    spread_m=0.08,
    success=_stack_done,
)
TASKS: Mapping[str, Task] = {"lift": LIFT, "stack": STACK}
"""robosuite's tasks by the name that suites use."""


def _task_arm(name: str, rest_q_rad: tuple[float, ...]) -> ArmSpec:
    """An arm over the lower table, with robosuite's rest position as its home."""
    arm = ARMS[name]
    cartesian = arm.limits.cartesian
    lower = cartesian.workspace_lower_m + np.array([0.0, 0.0, TABLE_HEIGHT_M])
    limits = replace(arm.limits, cartesian=replace(cartesian, workspace_lower_m=lower))
    return replace(arm, limits=limits, home_q_rad=rest_q_rad)


TASK_ARMS: Mapping[str, ArmSpec] = {
    arm.name: arm
    for arm in (
        _task_arm("panda", (0.0, np.pi / 16, 0.0, -5 * np.pi / 6, 0.0, np.pi - 0.2, np.pi / 4)),
        _task_arm("ur5e", (-0.470, -1.735, 2.480, -2.275, -1.590, -1.991)),
    )
}
"""Arms that a task can have."""
_ROBOSUITE_NAMES = {"panda": "Panda", "ur5e": "UR5e"}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Gripper:
    """The gripper of a task's arm.

    Attributes:
        prefix: Of its names in the model.
        from_robosuite: Whether it is robosuite's, or that of `sim.arms`.
        signs: Controls of its actuators per position of the lead joint.
        pads: Geoms of the left and of the right finger between which a thing is held.
        rest_q: Positions of its joints at the start, where they are not zero.
    """

    prefix: str
    from_robosuite: bool
    signs: tuple[float, ...]
    pads: tuple[str, str]
    rest_q: Mapping[str, float]


_GRIPPERS: Mapping[str, _Gripper] = {
    "panda": _Gripper(
        prefix=_ROBOSUITE_GRIPPER,
        from_robosuite=True,
        signs=(1.0, -1.0),
        pads=("finger1_pad_collision", "finger2_pad_collision"),
        rest_q={"finger_joint1": 0.020833, "finger_joint2": -0.020833},
    ),
    "ur5e": _Gripper(
        prefix="gripper/",
        from_robosuite=False,
        signs=(1.0,),
        pads=("left_tip", "right_tip"),
        rest_q={},
    ),
}


def task_cell(task: Task) -> Cell[TaskWorld, TaskLayout]:
    """The cell of a task; its default layout has every cube in the middle of its range."""
    middle = [_P_BASE_TABLE + np.array([0.0, 0.08 * i, 0.0]) for i in range(len(task.cubes))]
    cubes = tuple(
        _placed(
            cube,
            np.full(3, cube.half_min_m),
            SE3.from_translation(p + np.array([0.0, 0.0, cube.half_min_m])),
        )
        for cube, p in zip(task.cubes, middle, strict=True)
    )
    return Cell(
        arms=TASK_ARMS,
        build=lambda arm, layout: TaskWorld(task, arm, layout),
        layout=TaskLayout(cubes=cubes),
        cameras=(FRONT_CAMERA, WRIST_CAMERA),
    )


def task_robot(
    task: Task,
    arm: str = "panda",
    *,
    layout: TaskLayout | None = None,
    camera_size_px: tuple[int, int] = (128, 128),
) -> CellRobot[TaskWorld, TaskLayout]:
    """The robot of a task's cell; not connected yet.

    Raises:
        UnknownNameError: There is no such arm.
    """
    return CellRobot(task_cell(task), arm, layout=layout, camera_size_px=camera_size_px)


def task_scene(world: TaskWorld, stamp_s: float | None = None) -> Scene:
    """The scene as the simulator knows it.

    Args:
        world: Whose state to read.
        stamp_s: Time to put on it; None takes the physics time since reset.
    """
    stamp = float(world.data.time) if stamp_s is None else stamp_s
    table = Entity(
        name=TABLE,
        label=TABLE,
        T_base_entity=SE3.from_translation(_P_BASE_TABLE - [0.0, 0.0, 0.5 * _TABLE_EXTENTS_M[2]]),
        extents_m=_TABLE_EXTENTS_M,
        stamp_s=stamp,
        movable=False,
    )
    entities = [table, *(_cube_entity(world, item, stamp) for item in world.layout.cubes)]
    return Scene(
        stamp_s=stamp,
        entities={entity.name: entity for entity in entities},
        opening={DEFAULT_ARM: world.opening()},
    )


def _cube_entity(world: TaskWorld, item: ObjectPlacement, stamp_s: float) -> Entity:
    T_base_cube = world.T_base_body(item.name)
    if T_base_cube.R[2, 2] > 1.0 - 1e-4:
        T, extents = SE3.from_yaw(T_base_cube.yaw_rad(), T_base_cube.p), item.extents_m
    else:
        signs = np.stack(np.meshgrid([-0.5, 0.5], [-0.5, 0.5], [-0.5, 0.5]), axis=-1)
        T, extents = upright_box(T_base_cube @ (signs.reshape(-1, 3) * item.extents_m))
    return Entity(
        name=item.name,
        label=item.label,
        colour=item.colour,
        T_base_entity=T,
        extents_m=extents,
        stamp_s=stamp_s,
        held_by=DEFAULT_ARM if world.grasped(item.name) else None,
    )


@cache
def _robosuite_xml(task: str, robot: str) -> str:
    """Model of one of robosuite's environments."""
    with _quiet_robosuite():
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
def _quiet_robosuite() -> Iterator[None]:
    """Keep robosuite's advice off the terminal and its draws out of numpy's global generator."""
    threshold = logging.root.manager.disable
    state = np.random.get_state()  # noqa: NPY002
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(threshold)
        np.random.set_state(state)  # noqa: NPY002


def _build(task: Task, arm: ArmSpec, layout: TaskLayout) -> mujoco.MjSpec:
    gripper = _GRIPPERS[arm.name]
    spec = mujoco.MjSpec.from_string(_robosuite_xml(task.name, _ROBOSUITE_NAMES[arm.name]))
    for name in _MARKERS:
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
        if body.name.startswith((_ARM, gripper.prefix)):
            body.gravcomp = 1.0
    for cube, item in zip(task.cubes, layout.cubes, strict=True):
        body = spec.body(cube.body)
        body.name = item.name
        place(body, item.T_base_object)
        for geom in body.geoms:
            geom.size = 0.5 * item.extents_m
    for geom in spec.geoms:
        # robosuite draws group 1 and collides group 0.
        geom.group = VISUAL_GROUP if geom.group == 1 else COLLISION_GROUP
        if geom.contype and geom.parent.name.startswith((_ARM, gripper.prefix)):
            geom.contype, geom.conaffinity = ROBOT_BIT, WORLD_BIT
    # ... and lets only the latter have mass.
    spec.compiler.inertiagrouprange = [COLLISION_GROUP, COLLISION_GROUP]
    hand = spec.body(_ARM + HAND_BODY)
    tool = hand.add_site(name=TOOL_SITE, group=5)
    tool.pos, tool.quat = arm.T_hand_tool.p.tolist(), arm.T_hand_tool.wxyz().tolist()
    T_base_front = SE3.from_translation((0.0, 0.0, TABLE_HEIGHT_M)) @ T_BASE_FRONT
    _add_camera(spec.worldbody, FRONT_CAMERA, T_base_front, FRONT_FOVY_DEG)
    _add_camera(hand, WRIST_CAMERA, arm.T_hand_camera, WRIST_FOVY_DEG)
    add_fast_visuals(spec)
    return spec


def _move_base_to_origin(spec: mujoco.MjSpec) -> None:
    world = spec.worldbody
    p_world_base = np.array(spec.body(f"{_ARM}base").pos)
    for element in (*world.bodies, *world.geoms, *world.sites, *world.cameras, *world.lights):
        if element.parent is world or element.parent.name == world.name:
            element.pos = np.array(element.pos) - p_world_base


def _replace_motors(spec: mujoco.MjSpec, arm: ArmSpec) -> None:
    for actuator in [actuator for actuator in spec.actuators if actuator.name.startswith(_ARM)]:
        spec.delete(actuator)
    add_servos(spec, arm, prefix=_ARM)


def _replace_gripper(spec: mujoco.MjSpec, arm: ArmSpec, gripper: _Gripper) -> None:
    old = [*spec.actuators, *spec.sensors, *spec.tendons]
    for element in [element for element in old if element.name.startswith(_ROBOSUITE_GRIPPER)]:
        spec.delete(element)
    hand = spec.body(_ARM + HAND_BODY)
    for body in [body for body in hand.bodies if body.name.startswith(_ROBOSUITE_GRIPPER)]:
        spec.delete(body)
    for mesh in [mesh for mesh in spec.meshes if mesh.name.startswith(_ROBOSUITE_GRIPPER)]:
        spec.delete(mesh)
    spec.attach(arm.build_gripper(), prefix=gripper.prefix, frame=hand.add_frame())


def _add_camera(body: mujoco.MjsBody, name: str, T_body_camera: SE3, fovy_deg: float) -> None:
    # MuJoCo's cameras look along -z with +y up; optical frames along +z with +y down.
    T = T_body_camera @ SE3.from_rotvec((np.pi, 0.0, 0.0))
    body.add_camera(name=name, pos=T.p.tolist(), quat=T.wxyz().tolist(), fovy=fovy_deg)
