"""The simulated cells as gymnasium environments, registered by `sim.gym`.

Action, 7 numbers in [-1, 1], held for one control step of 50 ms:

=====  ==========================================================================
0-2    motion of the tool along its own axes, times `MOTION_M` per step
3-5    rotation vector of the tool about its own axes, times `TURN_RAD` per step
6      gripper: -1 closed, 1 open
=====  ==========================================================================

The motion starts from where the tool was last sent, so a small action is not lost to sag; the place
it is sent to stays inside the arm's workspace and within reach of where the tool really is.

Observation, a dict:

===================  =============================================================================
``joint_position``   [rad], (n,)
``joint_velocity``   [rad/s], (n,)
``tool``             position [m] and first two rotation columns in the base frame, (9,)
``opening``          of the gripper, 1 = open, (1,)
``entities``         a row per name in `CellEnv.slots`, (k, 15): present, position and two rotation
                     columns of the box in the base frame, its sizes [m], joint value [m], held
``<camera>_rgb``     uint8, (H, W, 3), per camera that was asked for
``<camera>_depth``   [m], 0 = no reading, (H, W)
===================  =============================================================================

The reward is 1 when the goal holds in the simulator's truth, which ends the episode, else 0.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import RefusedError, unknown_name
from robot_skills.core.plan import Literal
from robot_skills.core.policy import pose_to_vector
from robot_skills.core.predicates import unmet
from robot_skills.core.scene import Entity, Scene
from robot_skills.core.se3 import SE3
from robot_skills.core.types import DEFAULT_ARM, Observation, single_arm_chunk
from sim.fixtures import BOX, BUTTON, DRAWER
from sim.layout import DrawerStart, random_layout
from sim.objects import OBJECT_NAMES
from sim.render import Quality, RgbdRenderer
from sim.robosuite_tasks import LIFT, STACK, Task, draw_layout, task_cell, task_scene
from sim.robot import CONTROL_PERIOD_S, TABLETOP, Cell, CellRobot, World
from sim.truth import truth_scene
from sim.world import FRONT_CAMERA

MOTION_M = 0.05
"""Largest motion per step and axis: 1 m/s."""
TURN_RAD = 0.125
"""Largest turn per step and axis: 2.5 rad/s."""
ENTITY_WIDTH = 1 + 9 + 3 + 1 + 1
_PICTURE_PX = (640, 480)


@dataclass(frozen=True, kw_only=True, slots=True)
class Suite[WorldT: World, LayoutT]:
    """What makes an environment out of a cell.

    Attributes:
        cell: The cell.
        draw: A random start for an arm.
        scene: What the simulator knows.
        success: Whether the goal holds.
        slots: Entity names, one row of ``entities`` each.
    """

    cell: Cell[WorldT, LayoutT]
    draw: Callable[[str, np.random.Generator], LayoutT]
    scene: Callable[[WorldT], Scene]
    success: Callable[[WorldT, Scene], bool]
    slots: tuple[str, ...]


class CellEnv[WorldT: World, LayoutT](gymnasium.Env[dict[str, NDArray[Any]], NDArray[Any]]):
    """One simulated cell; spaces and reward as the top of this file says.

    ``reset`` draws a new start from its seed; ``options={"layout": ...}`` sets one.

    Args:
        suite: Cell, starts and goal.
        arm: Which arm.
        cameras: Cameras to observe.
        camera_size_px: Width and height of their frames.
        render_mode: ``"rgb_array"`` for pictures of the front camera, or None.

    Attributes:
        robot: The cell's robot, for whoever wants the contract beneath.
        slots: Entity of each row of ``entities``.

    Raises:
        UnknownNameError: No such arm, camera or render mode.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": round(1.0 / CONTROL_PERIOD_S)}  # noqa: RUF012

    def __init__(
        self,
        suite: Suite[WorldT, LayoutT],
        *,
        arm: str = "panda",
        cameras: Sequence[str] = (),
        camera_size_px: tuple[int, int] = (128, 128),
        render_mode: str | None = None,
    ) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise unknown_name("render mode", str(render_mode), self.metadata["render_modes"])
        for camera in cameras:
            if camera not in suite.cell.cameras:
                raise unknown_name("camera", camera, suite.cell.cameras)
        self.render_mode = render_mode
        self.robot = CellRobot(suite.cell, arm, camera_size_px=camera_size_px)
        self.slots = suite.slots
        self._suite = suite
        self._arm = arm
        self._cameras = tuple(cameras)
        self._limits = self.robot.arms[DEFAULT_ARM].cartesian
        self._picture: RgbdRenderer | None = None
        self._T_base_goal: SE3 | None = None
        joints = len(self.robot.arms[DEFAULT_ARM].joint.lower_rad)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (7,), np.float32)
        self.observation_space = _observation_space(
            joints, len(suite.slots), self._cameras, camera_size_px
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, NDArray], dict[str, Any]]:
        """Start an episode; the same seed starts the same one."""
        super().reset(seed=seed)
        layout = (options or {}).get("layout")
        if layout is None:
            layout = self._suite.draw(self._arm, self.np_random)
        self.robot.connect()
        self._close_picture()
        self.robot.reset(layout)
        seen = self.robot.observe(self._cameras)
        self._T_base_goal = seen.arms[DEFAULT_ARM].T_base_tool
        scene = self._suite.scene(self.robot.world)
        return self._observation(seen, scene), {"success": self._success(scene)}

    def step(self, action: NDArray) -> tuple[dict[str, NDArray], float, bool, bool, dict[str, Any]]:
        """One control step.

        Raises:
            RefusedError: The action has another shape or is not finite, or nothing was reset.
        """
        action = np.asarray(action, dtype=np.float64)
        if action.shape != (7,) or not np.isfinite(action).all():
            raise RefusedError(f"An action is 7 finite numbers, got {action!r}.")
        if self._T_base_goal is None:
            raise RefusedError("The environment needs reset() before its first step().")
        action = np.clip(action, -1.0, 1.0)
        motion = SE3.from_rotvec(TURN_RAD * action[3:6], MOTION_M * action[:3])
        self._T_base_goal = self._within_reach(self._T_base_goal @ motion)
        due_s = self.robot.clock.now_s() + CONTROL_PERIOD_S
        opening = np.array([0.5 * (action[6] + 1.0)])
        pose = self._T_base_goal.matrix()[None]
        self.robot.command(single_arm_chunk(np.array([due_s]), pose, opening))
        self.robot.clock.sleep_until(due_s)
        seen = self.robot.observe(self._cameras)
        scene = self._suite.scene(self.robot.world)
        done = self._success(scene)
        return self._observation(seen, scene), float(done), done, False, {"success": done}

    def render(self) -> NDArray[np.uint8] | None:  # type: ignore[override]
        """A picture for people, or None without a render mode.

        Raises:
            MissingDependencyError: No OpenGL.
        """
        if self.render_mode is None:
            return None
        world = self.robot.world
        if self._picture is None:
            self._picture = RgbdRenderer(world.model, *_PICTURE_PX, Quality.PICTURE)
        world.T_base_tool()
        return self._picture.render(world.data, FRONT_CAMERA).rgb

    def close(self) -> None:
        """Release the renderers. Safe to call twice."""
        self._close_picture()
        self.robot.close()

    def _close_picture(self) -> None:
        if self._picture is not None:
            self._picture.close()
            self._picture = None

    def _success(self, scene: Scene) -> bool:
        return bool(self._suite.success(self.robot.world, scene))

    def _within_reach(self, T_base_goal: SE3) -> SE3:
        limits = self._limits
        T_base_tool = self.robot.world.T_base_tool()
        ahead = T_base_goal.p - T_base_tool.p
        distance = float(np.linalg.norm(ahead))
        p = T_base_goal.p
        if distance > limits.jump_m:
            p = T_base_tool.p + ahead * (limits.jump_m / distance)
        R = T_base_goal.R
        if T_base_tool.distance_to(T_base_goal)[1] > limits.jump_rad:
            R = T_base_tool.R
        return SE3(R, np.clip(p, limits.workspace_lower_m, limits.workspace_upper_m))

    def _observation(self, seen: Observation, scene: Scene) -> dict[str, NDArray]:
        arm = seen.arms[DEFAULT_ARM]
        out: dict[str, NDArray] = {
            "joint_position": arm.q_rad.astype(np.float32),
            "joint_velocity": arm.dq_rad_s.astype(np.float32),
            "tool": pose_to_vector(arm.T_base_tool.matrix()).astype(np.float32),
            "opening": np.array([arm.opening], dtype=np.float32),
            "entities": np.stack([_row(scene.entities.get(name)) for name in self.slots]),
        }
        for name, frame in seen.cameras.items():
            out[f"{name}_rgb"] = frame.rgb
            out[f"{name}_depth"] = frame.depth_m
        return out


def tabletop(
    *,
    arm: str = "panda",
    objects: Sequence[str] = (),
    count: int | None = None,
    drawer: DrawerStart | str = DrawerStart.ANY,
    box: bool = True,
    button: bool | None = None,
    goal: Sequence[Literal] = (),
    cameras: Sequence[str] = (),
    camera_size_px: tuple[int, int] = (128, 128),
    render_mode: str | None = None,
) -> CellEnv:
    """The tabletop cell with random layouts.

    Args:
        arm: ``"panda"`` or ``"ur5e"``.
        objects: Names that must be present, besides those that the goal is about.
        count: Number of free objects; None draws it.
        drawer: How the drawer starts: any, closed, ajar, open or absent.
        box: Whether the box is there.
        button: Whether the button is there; None leaves it to chance.
        goal: What has to hold; without a goal the reward stays 0.
        cameras: Cameras to observe.
        camera_size_px: Width and height of their frames.
        render_mode: ``"rgb_array"`` or None.

    Raises:
        UnknownNameError: A name that does not exist.
    """
    try:
        drawer = DrawerStart(drawer)
    except ValueError:
        raise unknown_name("drawer start", str(drawer), [d.value for d in DrawerStart]) from None
    about = [name for literal in goal for name in literal.args if name in OBJECT_NAMES]
    wanted = tuple(dict.fromkeys([*objects, *about]))
    goal = tuple(goal)
    suite = Suite(
        cell=TABLETOP,
        draw=lambda _, rng: random_layout(
            rng, with_objects=wanted, count=count, drawer=drawer, box=box, button=button
        ),
        scene=truth_scene,
        success=lambda _, scene: bool(goal) and not unmet(scene, goal),
        slots=(*OBJECT_NAMES, DRAWER, BOX, BUTTON),
    )
    return CellEnv(
        suite, arm=arm, cameras=cameras, camera_size_px=camera_size_px, render_mode=render_mode
    )


def lift(
    *,
    arm: str = "panda",
    cameras: Sequence[str] = (),
    camera_size_px: tuple[int, int] = (128, 128),
    render_mode: str | None = None,
) -> CellEnv:
    """robosuite's Lift. Arguments and errors as in `tabletop`."""
    return CellEnv(
        _task_suite(LIFT),
        arm=arm,
        cameras=cameras,
        camera_size_px=camera_size_px,
        render_mode=render_mode,
    )


def stack(
    *,
    arm: str = "panda",
    cameras: Sequence[str] = (),
    camera_size_px: tuple[int, int] = (128, 128),
    render_mode: str | None = None,
) -> CellEnv:
    """robosuite's Stack. Arguments and errors as in `tabletop`."""
    return CellEnv(
        _task_suite(STACK),
        arm=arm,
        cameras=cameras,
        camera_size_px=camera_size_px,
        render_mode=render_mode,
    )


def _task_suite(task: Task) -> Suite:
    return Suite(
        cell=task_cell(task),
        draw=lambda arm, rng: draw_layout(task, arm, rng),
        scene=task_scene,
        success=lambda world, _: world.success(),
        slots=tuple(thing.name for thing in task.things),
    )


def _observation_space(
    joints: int, entities: int, cameras: Sequence[str], camera_size_px: tuple[int, int]
) -> gymnasium.spaces.Dict:
    def box(*shape: int, low: float = -np.inf, high: float = np.inf) -> gymnasium.spaces.Box:
        return gymnasium.spaces.Box(low, high, shape, np.float32)

    width, height = camera_size_px
    spaces: Mapping[str, gymnasium.Space] = {
        "joint_position": box(joints),
        "joint_velocity": box(joints),
        "tool": box(9),
        "opening": box(1, low=0.0, high=1.0),
        "entities": box(entities, ENTITY_WIDTH),
    }
    for name in cameras:
        rgb = gymnasium.spaces.Box(0, 255, (height, width, 3), np.uint8)
        depth = box(height, width, low=0.0)
        spaces = {**spaces, f"{name}_rgb": rgb, f"{name}_depth": depth}
    return gymnasium.spaces.Dict(dict(spaces))


def _row(entity: Entity | None) -> NDArray[np.float32]:
    row = np.zeros(ENTITY_WIDTH, dtype=np.float32)
    if entity is not None:
        joint = entity.articulation
        row[0] = 1.0
        row[1:10] = pose_to_vector(entity.T_base_entity.matrix())
        row[10:13] = entity.extents_m
        row[13] = 0.0 if joint is None else joint.value_m
        row[14] = entity.held_by is not None
    return row
