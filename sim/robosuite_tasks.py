"""robosuite's Lift, Stack, PickPlaceCan and NutAssemblySquare behind the robot contract.

Model, start distribution and success criterion are robosuite's own (Zhu et al., *robosuite: a
modular simulation framework and benchmark for robot learning*, 2020); what differs in the model is
listed in `sim.robosuite_model`. Positions are in the arm's base frame, so what robosuite puts on a
table of 0.8 m is at `TABLE_HEIGHT_M` here.

A model is built once and serves every start: sizes and poses are set in it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import mujoco
import numpy as np

from robot_skills.core.errors import RefusedError, unknown_name
from robot_skills.core.scene import TABLE, Entity, Scene
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import DEFAULT_ARM
from sim.arms import ARMS, TOOL_SITE, ArmSpec, find_servos
from sim.objects import CUBE, ObjectPlacement
from sim.robosuite_model import ARM_PREFIX, GRIPPERS, build_model, resize_box
from sim.robot import Cell, CellRobot
from sim.truth import upright_box
from sim.world import FILM_CAMERA, FRONT_CAMERA, WRIST_CAMERA

_PEDESTAL_M = 0.912
"""Height of the arm's base over robosuite's floor."""
TABLE_HEIGHT_M = 0.8 - _PEDESTAL_M
"""Of Lift's and Stack's table top in the base frame."""
PEG_TABLE_HEIGHT_M = 0.82 - _PEDESTAL_M
"""Of NutAssembly's table top."""
BIN_HEIGHT_M = 0.8 - _PEDESTAL_M
"""Of the middle of PickPlace's bin floors; things stand `_BIN_FLOOR_M` above it."""
_BIN_FLOOR_M = 0.02
_NOISE_RAD = 0.02
_LIFTED_M = 0.04
_PLACEMENT_TRIES = 5000
CAMERAS = (FRONT_CAMERA, WRIST_CAMERA)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TaskThing:
    """One of a task's free objects.

    Attributes:
        name: Entity name.
        label: Kind of thing.
        colour: Colour word, or ``""``.
        body: robosuite's name of its body.
        p_body_box: Centre of its upright box in the body's frame, (3,).
        resizable: Whether it is a box whose size is drawn anew for every start.
    """

    name: str
    label: str
    colour: str
    body: str
    p_body_box: Array = field(default_factory=lambda: np.zeros(3))
    resizable: bool = False


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Task:
    """One of robosuite's tasks.

    Attributes:
        name: robosuite's name.
        instruction: The task in words.
        things: Its free objects.
        left_out: Bodies of robosuite's model that the task has no use for.
        p_base_surface: Middle of the surface that things start on, (3,).
        surface_m: Full sizes of what that surface belongs to, (3,).
        T_base_front: Optical frame of the front camera.
        T_base_film: Optical frame of the camera for people.
        draw: Draws where the things start, from robosuite's distribution.
        success: Whether the task is done, as robosuite judges it.
    """

    name: str
    instruction: str
    things: tuple[TaskThing, ...]
    left_out: tuple[str, ...] = ()
    p_base_surface: Array
    surface_m: Array
    T_base_front: SE3
    T_base_film: SE3
    draw: Callable[[np.random.Generator], tuple[ObjectPlacement, ...]]
    success: "Callable[[TaskWorld], bool]"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TaskLayout:
    """How an episode starts.

    Attributes:
        things: Sizes and poses; a pose is that of the thing's body.
        noise_rad: Added to the arm's rest position, (n,); None adds nothing.
    """

    things: tuple[ObjectPlacement, ...]
    noise_rad: Array | None = None


def draw_layout(task: Task, arm: str, rng: np.random.Generator) -> TaskLayout:
    """Draw a start from robosuite's distribution.

    Raises:
        UnknownNameError: There is no such arm.
    """
    if arm not in TASK_ARMS:
        raise unknown_name("arm", arm, TASK_ARMS)
    things = task.draw(rng)
    noise = _NOISE_RAD * rng.standard_normal(len(TASK_ARMS[arm].joints))
    return TaskLayout(things=things, noise_rad=noise)


def _free_place(
    rng: np.random.Generator,
    lower_m: Array,
    upper_m: Array,
    radius_m: float,
    others: Sequence[tuple[Array, float]],
) -> Array:
    """A place (2,) between two corners whose circle touches none of the `others` (place, radius).

    Raises:
        RefusedError: There is no room.
    """
    for _ in range(_PLACEMENT_TRIES):
        place = rng.uniform(lower_m, upper_m)
        if all(np.linalg.norm(place - other) > radius_m + radius for other, radius in others):
            return place
    raise RefusedError(f"{len(others) + 1} things do not fit between {lower_m} and {upper_m} m.")


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
        self._gripper = gripper = GRIPPERS[arm]
        self.model: mujoco.MjModel = build_model(
            task.name,
            self.arm,
            names={thing.body: thing.name for thing in task.things},
            left_out=task.left_out,
            cameras={FRONT_CAMERA: task.T_base_front, FILM_CAMERA: task.T_base_film},
        ).compile()
        self.data = mujoco.MjData(self.model)
        model = self.model
        self.servos = find_servos(model, self.arm, ARM_PREFIX, "")
        lead = gripper.prefix + self.arm.gripper_joint.removeprefix("gripper/")
        self._gripper_qpos = int(model.joint(lead).qposadr[0])
        self._gripper_ctrl = np.array(
            [i for i in range(model.nu) if model.actuator(i).name.startswith(gripper.prefix)]
        )
        self._tool_site: int = model.site(TOOL_SITE).id
        self._grip_site: int = model.site(gripper.grip_site).id
        self._pads = tuple(
            frozenset([model.geom(gripper.prefix + name).id]) for name in gripper.pads
        )
        self._body = {thing.name: model.body(thing.name).id for thing in task.things}
        self._geoms = {
            name: frozenset(i for i in range(model.ngeom) if model.geom_bodyid[i] == body)
            for name, body in self._body.items()
        }
        self._poses_fresh = False
        self.start(layout)

    def start(self, layout: TaskLayout) -> None:
        """Begin an episode at another layout of the same task."""
        self.layout = layout
        for thing, item in zip(self.task.things, layout.things, strict=True):
            if thing.resizable:
                body = self._body[thing.name]
                resize_box(self.model, self.data, body, item.extents_m, item.mass_kg)
        self.reset()

    def reset(self) -> None:
        """Back to the start of the episode."""
        mujoco.mj_resetData(self.model, self.data)
        q = np.array(self.arm.home_q_rad)
        if self.layout.noise_rad is not None:
            q = q + self.layout.noise_rad
        self.data.qpos[self.servos.qpos] = q
        self.data.act[self.servos.setpoint_act] = q
        for name, value in self._gripper.rest_q.items():
            joint = self.model.joint(self._gripper.prefix + name)
            self.data.qpos[joint.qposadr[0]] = value
        for item in self.layout.things:
            adr = self.model.jnt_qposadr[self.model.body_jntadr[self._body[item.name]]]
            self.data.qpos[adr : adr + 3] = item.T_base_object.p
            self.data.qpos[adr + 3 : adr + 7] = item.T_base_object.wxyz()
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
        """Pose of a thing's body, by the name of its entity."""
        self.refresh()
        body = self._body[name]
        return SE3(self.data.xmat[body].reshape(3, 3), self.data.xpos[body])

    def opening(self) -> float:
        """Gripper opening in [0, 1]."""
        opening = self.arm.opening_of_q(float(self.data.qpos[self._gripper_qpos]))
        return min(max(opening, 0.0), 1.0)

    def command_opening(self, opening: float) -> None:
        """Ask the gripper for an opening in [0, 1]."""
        q = self.arm.q_of_opening(min(max(opening, 0.0), 1.0))
        self.data.ctrl[self._gripper_ctrl] = q * np.array(self._gripper.signs)

    def grasped(self, thing: str) -> bool:
        """Whether both finger pads touch a thing."""
        return all(self._touch(pads, self._geoms[thing]) for pads in self._pads)

    def touching(self, thing: str, other: str) -> bool:
        """Whether two things touch."""
        return self._touch(self._geoms[thing], self._geoms[other])

    def lifted(self, thing: str) -> bool:
        """Whether a thing's centre is well above the table."""
        return bool(self.T_base_body(thing).p[2] > self.task.p_base_surface[2] + _LIFTED_M)

    def let_go(self, thing: str) -> bool:
        """Whether the hand has left a thing, as robosuite's reach reward has it."""
        p_base_thing = self.T_base_body(thing).p
        distance = float(np.linalg.norm(self.data.site_xpos[self._grip_site] - p_base_thing))
        return 1.0 - np.tanh(10.0 * distance) < 0.6

    def success(self) -> bool:
        """Whether the task is done, as robosuite judges it."""
        return self.task.success(self)

    def _touch(self, geoms: frozenset[int], others: frozenset[int]) -> bool:
        return any(
            (a in geoms and b in others) or (b in geoms and a in others)
            for a, b in self.data.contact.geom.tolist()
        )


# Lift and Stack: cubes on a table.

_P_BASE_TABLE = np.array([0.56, 0.0, TABLE_HEIGHT_M])
_TABLE_M = np.array([0.8, 0.8, 0.05])
_CUBE_DROP_M = 0.01
# robosuite's "agentview".
_T_BASE_FRONT = SE3.look_at((1.06, 0.0, 0.44), (0.51, 0.0, -0.11))
_T_BASE_FILM = SE3.look_at((1.25, -0.80, 0.62), (0.46, 0.02, 0.04))


@dataclass(frozen=True, kw_only=True, slots=True)
class _CubeRange:
    """A cube and the half sides that are drawn for it, each axis by itself."""

    thing: TaskThing
    half_min_m: float
    half_max_m: float


def _draw_cubes(
    cubes: tuple[_CubeRange, ...], spread_m: float, rng: np.random.Generator
) -> tuple[ObjectPlacement, ...]:
    middle = _P_BASE_TABLE[:2]
    placed: list[ObjectPlacement] = []
    taken: list[tuple[Array, float]] = []
    for cube in cubes:
        half_m = rng.uniform(cube.half_min_m, cube.half_max_m, 3)
        radius_m = float(np.linalg.norm(half_m[:2]))
        place = _free_place(rng, middle - spread_m, middle + spread_m, radius_m, taken)
        taken.append((place, radius_m))
        p = np.array([*place, TABLE_HEIGHT_M + _CUBE_DROP_M + half_m[2]])
        T_base_cube = SE3.from_yaw(rng.uniform(0.0, 2.0 * np.pi), p)
        mass_kg = 1000.0 * float(np.prod(2.0 * half_m))
        placed.append(_placed(cube.thing, 2.0 * half_m, mass_kg, T_base_cube))
    return tuple(placed)


def _placed(
    thing: TaskThing, extents_m: Array, mass_kg: float, T_base_body: SE3
) -> ObjectPlacement:
    return ObjectPlacement(
        name=thing.name,
        label=thing.label,
        colour=thing.colour,
        rgb=np.ones(3),
        extents_m=extents_m,
        mass_kg=mass_kg,
        T_base_object=T_base_body,
    )


def _cube(colour: str, body: str) -> TaskThing:
    return TaskThing(name=f"{colour}_{CUBE}", label=CUBE, colour=colour, body=body, resizable=True)


def _lift_done(world: TaskWorld) -> bool:
    return world.lifted("red_cube")


def _stack_done(world: TaskWorld) -> bool:
    return (
        not world.grasped("red_cube")
        and world.lifted("red_cube")
        and world.touching("red_cube", "green_cube")
    )


_LIFT_CUBE = _cube("red", "cube_main")
_UPPER_CUBE, _LOWER_CUBE = _cube("red", "cubeA_main"), _cube("green", "cubeB_main")

LIFT = Task(
    name="Lift",
    instruction="lift the red cube",
    things=(_LIFT_CUBE,),
    p_base_surface=_P_BASE_TABLE,
    surface_m=_TABLE_M,
    T_base_front=_T_BASE_FRONT,
    T_base_film=_T_BASE_FILM,
    draw=partial(
        _draw_cubes, (_CubeRange(thing=_LIFT_CUBE, half_min_m=0.020, half_max_m=0.022),), 0.03
    ),
    success=_lift_done,
)
STACK = Task(
    name="Stack",
    instruction="put the red cube on the green cube",
    things=(_UPPER_CUBE, _LOWER_CUBE),
    p_base_surface=_P_BASE_TABLE,
    surface_m=_TABLE_M,
    T_base_front=_T_BASE_FRONT,
    T_base_film=_T_BASE_FILM,
    draw=partial(
        _draw_cubes,
        (
            _CubeRange(thing=_UPPER_CUBE, half_min_m=0.02, half_max_m=0.02),
            _CubeRange(thing=_LOWER_CUBE, half_min_m=0.025, half_max_m=0.025),
        ),
        0.08,
    ),
    success=_stack_done,
)

# PickPlaceCan: from one bin into a compartment of the other.

_P_BASE_BIN = np.array([0.6, -0.15, BIN_HEIGHT_M + _BIN_FLOOR_M])
_BIN_M = np.array([0.4, 0.5, 0.04])
_BIN_SPREAD_M = np.array([0.145, 0.195])
_BIN_RADII_M = (0.025, 0.03, 0.04, 0.025)
"""robosuite's radii of milk, bread, cereal and can; it places all four, then removes three."""
_CAN_DROP_M = 0.06
CAN_M = np.array([0.05, 0.05, 0.08])
_CAN_KG = 0.016
COMPARTMENT_LOWER_M = np.array([0.6, 0.38, BIN_HEIGHT_M])
COMPARTMENT_UPPER_M = np.array([0.795, 0.625, BIN_HEIGHT_M + 0.1])
"""Where a can counts as delivered."""
COMPARTMENT_FLOOR_M = BIN_HEIGHT_M + _BIN_FLOOR_M
BIN_WALL_M = 0.08
"""Height of the bins' walls above their floors."""

_CAN = TaskThing(name="can", label="can", colour="", body="Can_main")


def _draw_can(rng: np.random.Generator) -> tuple[ObjectPlacement, ...]:
    middle = _P_BASE_BIN[:2]
    taken: list[tuple[Array, float]] = []
    yaw_rad = 0.0
    for radius_m in _BIN_RADII_M:
        room_m = _BIN_SPREAD_M - radius_m
        place = _free_place(rng, middle - room_m, middle + room_m, radius_m, taken)
        taken.append((place, radius_m))
        yaw_rad = rng.uniform(0.0, 2.0 * np.pi)
    T_base_can = SE3.from_yaw(yaw_rad, (*taken[-1][0], BIN_HEIGHT_M + _CAN_DROP_M))
    return (_placed(_CAN, CAN_M, _CAN_KG, T_base_can),)


def _can_done(world: TaskWorld) -> bool:
    p = world.T_base_body("can").p
    inside = np.all(p > COMPARTMENT_LOWER_M) and np.all(p < COMPARTMENT_UPPER_M)
    return bool(inside) and world.let_go("can")


CAN = Task(
    name="PickPlaceCan",
    instruction="put the can into its compartment of the dark bin",
    things=(_CAN,),
    left_out=(
        *(f"{name}_main" for name in ("Milk", "Bread", "Cereal")),
        *(f"Visual{name}_main" for name in ("Milk", "Bread", "Cereal", "Can")),
    ),
    p_base_surface=_P_BASE_BIN,
    surface_m=_BIN_M,
    T_base_front=SE3.look_at((1.45, 0.11, 0.80), (0.57, 0.11, -0.08)),
    T_base_film=SE3.look_at((1.55, -0.75, 0.85), (0.48, 0.12, -0.02)),
    draw=_draw_can,
    success=_can_done,
)

# NutAssemblySquare: a nut with a handle, onto the square peg.

_P_BASE_PEG_TABLE = np.array([0.56, 0.0, PEG_TABLE_HEIGHT_M])
_NUT_X_M, _NUT_Y_M = (-0.115, -0.11), (0.11, 0.225)
_NUT_DROP_M = 0.07
_NUT_KG = 0.0316
NUT_M = np.array([0.123, 0.0875, 0.02])
HANDLE_M = np.array([0.0355, 0.03175, 0.02])
"""Free part of the nut's handle."""
P_NUT_HANDLE = np.array([0.0615, 0.0, 0.0])
"""Its middle, from the middle of the hole."""
P_BASE_PEG = np.array([0.79, 0.1, PEG_TABLE_HEIGHT_M])
"""Foot of the square peg."""
PEG_HEIGHT_M = 0.13
_ON_PEG_M = 0.03
_DOWN_M = 0.05

_NUT = TaskThing(
    name="nut",
    label="nut",
    colour="brass",
    body="SquareNut_main",
    p_body_box=np.array([0.01775, 0.0, 0.0]),
)


def _draw_nut(rng: np.random.Generator) -> tuple[ObjectPlacement, ...]:
    offset = np.array([rng.uniform(*_NUT_X_M), rng.uniform(*_NUT_Y_M), _NUT_DROP_M])
    T_base_nut = SE3.from_yaw(rng.uniform(0.0, 2.0 * np.pi), _P_BASE_PEG_TABLE + offset)
    return (_placed(_NUT, NUT_M, _NUT_KG, T_base_nut),)


def _nut_done(world: TaskWorld) -> bool:
    p_peg_nut = world.T_base_body("nut").p - P_BASE_PEG
    around = bool(np.all(np.abs(p_peg_nut[:2]) < _ON_PEG_M)) and bool(p_peg_nut[2] < _DOWN_M)
    return around and world.let_go("nut")


SQUARE = Task(
    name="NutAssemblySquare",
    instruction="put the square nut onto the square peg",
    things=(_NUT,),
    left_out=("RoundNut_main",),
    p_base_surface=_P_BASE_PEG_TABLE,
    surface_m=_TABLE_M,
    T_base_front=SE3.look_at((1.16, 0.08, 0.50), (0.56, 0.08, -0.07)),
    T_base_film=_T_BASE_FILM,
    draw=_draw_nut,
    success=_nut_done,
)

TASKS: Mapping[str, Task] = {"lift": LIFT, "stack": STACK, "can": CAN, "square": SQUARE}
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


def task_cell(task: Task) -> Cell[TaskWorld, TaskLayout]:
    """The cell of a task; its default layout is one of robosuite's, without noise in the arm."""
    return Cell(
        arms=TASK_ARMS,
        build=lambda arm, layout: TaskWorld(task, arm, layout),
        layout=TaskLayout(things=task.draw(np.random.default_rng(0))),
        cameras=CAMERAS,
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
    surface_m = world.task.surface_m
    table = Entity(
        name=TABLE,
        label=TABLE,
        T_base_entity=SE3.from_translation(
            world.task.p_base_surface - [0.0, 0.0, 0.5 * surface_m[2]]
        ),
        extents_m=surface_m,
        stamp_s=stamp,
        movable=False,
    )
    things = [
        _entity(world, thing, item, stamp)
        for thing, item in zip(world.task.things, world.layout.things, strict=True)
    ]
    return Scene(
        stamp_s=stamp,
        entities={entity.name: entity for entity in [table, *things]},
        opening={DEFAULT_ARM: world.opening()},
    )


def _entity(world: TaskWorld, thing: TaskThing, item: ObjectPlacement, stamp_s: float) -> Entity:
    T_base_box = world.T_base_body(item.name) @ SE3.from_translation(thing.p_body_box)
    if T_base_box.R[2, 2] > 1.0 - 1e-4:
        T, extents = SE3.from_yaw(T_base_box.yaw_rad(), T_base_box.p), item.extents_m
    else:
        signs = np.stack(np.meshgrid([-0.5, 0.5], [-0.5, 0.5], [-0.5, 0.5]), axis=-1)
        T, extents = upright_box(T_base_box @ (signs.reshape(-1, 3) * item.extents_m))
    return Entity(
        name=item.name,
        label=item.label,
        colour=item.colour,
        T_base_entity=T,
        extents_m=extents,
        stamp_s=stamp_s,
        held_by=DEFAULT_ARM if world.grasped(item.name) else None,
    )
