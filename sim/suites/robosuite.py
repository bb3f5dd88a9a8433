"""robosuite's Lift, Stack, PickPlaceCan and NutAssemblySquare as suite tasks with our experts.

Observation and action are those of the learned skills (`core.policy.STATE_NAMES`, `ACTION_NAMES`):
tool pose and opening, the height of the surface, and two tokens; the action is where the tool shall
be one period later. A token's anchor follows its thing; which of a cube's equal sides is its +x is
settled once, at the start, by the hand that comes to grip it:

=======  ========================================  ==============================================
task     token 0                                   token 1
=======  ========================================  ==============================================
lift     cube: centre, the side nearest the hand   –
stack    upper cube, as above                      top of the lower cube, the side nearest token 0
can      can: centre, +x away from the robot       drop point over the compartment's floor, same
square   handle: its middle, +x towards the hole   where the handle is once the nut is on the peg
=======  ========================================  ==============================================

An episode starts half a second after robosuite's, when things have come to rest from the height
that it drops them from.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import RefusedError
from robot_skills.core.policy import (
    ACTION_NAMES,
    STATE_NAMES,
    EntityToken,
    PolicyInput,
    encode_action,
    encode_state,
    vector_to_pose,
)
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import DEFAULT_ARM, Observation, single_arm_chunk
from sim import robosuite_tasks
from sim.dataset import Demonstration, Optics
from sim.demonstrate import AttemptFailed, Disturbance
from sim.experts.transfer import Phase, Situation, TransferExpert, TransferStyle
from sim.render import Quality, RgbdRenderer
from sim.robosuite_tasks import (
    BIN_WALL_M,
    CAMERAS,
    COMPARTMENT_FLOOR_M,
    COMPARTMENT_LOWER_M,
    COMPARTMENT_UPPER_M,
    HANDLE_M,
    P_BASE_PEG,
    P_NUT_HANDLE,
    PEG_HEIGHT_M,
    Task,
    TaskLayout,
    TaskWorld,
    draw_layout,
    task_robot,
)
from sim.robot import CONTROL_PERIOD_S, CellRobot
from sim.suites.record import CameraLog, Rows
from sim.suites.suite import STATE, Recording, Sensed, TaskSpec
from sim.world import FILM_CAMERA

ARM = "panda"
_FPS = round(1.0 / CONTROL_PERIOD_S)
_SETTLE_TICKS = 10
_TAIL_TICKS = 10
"""Ticks recorded after the work is done, from which the termination head learns to stop."""
_GENTLE = 0.2
"""Share of a push while the work is delicate."""
_PICTURE_PX = (640, 480)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Anchor:
    """A token that is yet to be read off.

    Attributes:
        body: Thing that it moves with, or None.
        T_body_anchor: Its frame in the thing's body, or in the base.
        extents_m: Sizes, (3,).
        value: As in `EntityToken`.
    """

    body: str | None
    T_body_anchor: SE3
    extents_m: Array
    value: float = 0.0

    def at(self, world: TaskWorld) -> EntityToken:
        T = self.T_body_anchor
        if self.body is not None:
            T = world.T_base_body(self.body) @ T
        return EntityToken(T_base_anchor=T, extents_m=self.extents_m, value=self.value)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Skill:
    """What makes a suite task out of one of robosuite's.

    Attributes:
        task: robosuite's task.
        anchors: Tokens of an episode that is about to start.
        style: How the expert does it.
        max_steps: Steps after which an episode has failed.
    """

    task: Task
    anchors: Callable[[TaskWorld], tuple[_Anchor, ...]]
    style: TransferStyle
    max_steps: int


class RobosuiteTask:
    """`SuiteTask` of one of robosuite's tasks, on a model that is built once.

    Args:
        skill: Which task.
        recording: Which pictures to take.

    Raises:
        UnknownNameError: There is no such camera.
    """

    def __init__(self, skill: _Skill, recording: Recording) -> None:
        self._skill = skill
        self._recording = recording
        self._robot = task_robot(skill.task, ARM, camera_size_px=recording.camera_px)
        self._limits = self._robot.arms[DEFAULT_ARM].cartesian
        self._anchors: tuple[_Anchor, ...] = ()
        self._log = CameraLog()
        self._picture: RgbdRenderer | None = None

    @property
    def instruction(self) -> str:
        return self._skill.task.instruction

    @property
    def max_steps(self) -> int:
        return self._skill.max_steps

    @property
    def world(self) -> TaskWorld:
        """The simulated world, for truth."""
        return self._robot.world

    @property
    def robot(self) -> CellRobot[TaskWorld, TaskLayout]:
        """The arm, for whoever commands it instead of calling `step`."""
        return self._robot

    def reset(self, seed: int) -> Sensed:
        """Start episode `seed`."""
        return self.begin(np.random.default_rng(seed))

    def begin(self, rng: np.random.Generator) -> Sensed:
        """Start an episode that is drawn from a generator."""
        self.settle(rng)
        return self._sense()

    def settle(self, rng: np.random.Generator) -> None:
        """Draw a start and wait until things have come to rest, without taking pictures."""
        self._robot.connect()
        self.world.start(draw_layout(self._skill.task, ARM, rng))
        self._robot.reset()
        self._robot.clock.sleep_until(_SETTLE_TICKS * CONTROL_PERIOD_S)
        self._anchors = self._skill.anchors(self.world)

    def step(self, action: NDArray[np.float32]) -> Sensed:
        """Go towards one tool pose and opening for one period.

        Raises:
            RefusedError: The action has another shape or is not finite, or nothing was reset.
        """
        row = np.asarray(action, dtype=np.float64)
        if row.shape != (len(ACTION_NAMES),) or not np.isfinite(row).all():
            raise RefusedError(f"An action is {len(ACTION_NAMES)} finite numbers, got {row!r}.")
        if not self._anchors:
            raise RefusedError("The task needs reset() before its first step().")
        pose = vector_to_pose(row[:9])
        limits = self._limits
        np.clip(pose[:3, 3], limits.workspace_lower_m, limits.workspace_upper_m, out=pose[:3, 3])
        due_s = self._robot.clock.now_s() + CONTROL_PERIOD_S
        # Twice, because the robot brakes on its way to a last waypoint, and this one is not.
        stamps_s = np.array([due_s, due_s + CONTROL_PERIOD_S])
        opening = np.repeat(np.clip(row[9:], 0.0, 1.0), 2)
        self._robot.command(single_arm_chunk(stamps_s, np.stack([pose, pose]), opening))
        self._robot.clock.sleep_until(due_s)
        return self._sense()

    def succeeded(self) -> bool:
        """Whether the task is done, as robosuite judges it."""
        return self.world.success()

    def situation(self) -> Situation:
        """What the expert sees."""
        world, tokens = self.world, self._tokens()
        return Situation(
            T_base_tool=world.T_base_tool(),
            opening=world.opening(),
            thing=tokens[0],
            place=tokens[1] if len(tokens) > 1 else None,
            held=world.grasped(self._skill.task.things[0].name),
        )

    def frame(self) -> NDArray[np.uint8]:
        """A picture for people, (H, W, 3)."""
        world = self.world
        if self._picture is None:
            self._picture = RgbdRenderer(world.model, *_PICTURE_PX, Quality.FILM)
        world.refresh()
        return self._picture.render(world.data, FILM_CAMERA).rgb

    def close(self) -> None:
        """Release the renderers. Safe to call twice."""
        if self._picture is not None:
            self._picture.close()
            self._picture = None
        self._robot.close()

    def _tokens(self) -> tuple[EntityToken, ...]:
        return tuple(anchor.at(self.world) for anchor in self._anchors)

    @property
    def optics(self) -> Mapping[str, Optics]:
        """What is known of the cameras that have taken pictures."""
        return self._log.optics

    def state(self, seen: Observation) -> NDArray[np.float32]:
        """The state that policies see and datasets hold, (S,)."""
        arm = seen.arms[DEFAULT_ARM]
        return encode_state(
            PolicyInput(
                T_base_tool=arm.T_base_tool.matrix()[None],
                opening=np.array([arm.opening]),
                tokens=self._tokens(),
                table_height_m=float(self._skill.task.p_base_surface[2]),
            )
        )

    def _sense(self) -> Sensed:
        seen = self._robot.observe(self._recording.cameras)
        sensed: dict[str, NDArray] = {STATE: self.state(seen)}
        for name, frame in seen.cameras.items():
            sensed |= self._log.named(name, frame.rgb, frame.depth_m, frame.K, frame.T_base_camera)
        return sensed


def demonstrate(skill: _Skill, seed: tuple[int, int], recording: Recording) -> Demonstration:
    """One demonstration under pushes.

    Args:
        skill: Which task.
        seed: Decides everything: the start and the pushes.
        recording: Which pictures to take.

    Raises:
        AttemptFailed: The expert took too long.
    """
    rng = np.random.default_rng(seed)
    task = _open_once(skill, recording)
    rows = Rows(STATE_NAMES, ACTION_NAMES)
    sensed = task.begin(rng)
    expert = TransferExpert(task.world.T_base_tool(), skill.style, CONTROL_PERIOD_S)
    disturbance = Disturbance(rng)
    opening, done_ticks = 1.0, 0
    for _ in range(skill.max_steps):
        done = task.succeeded() and expert.phase in (Phase.LIFT, Phase.RISE)
        push = None if done_ticks else disturbance.step()
        if push is None:
            step = expert.act(task.situation())
            target, opening = step.T_base_tool, step.opening
        else:
            gentle = _GENTLE if expert.delicate else 1.0
            target = expert.displace(gentle * push[0], gentle * push[1])
        action = encode_action(target, opening)
        rows.add(sensed, action, valid=push is None, done=done, phase=str(expert.phase))
        sensed = task.step(action)
        done_ticks = done_ticks + 1 if done else 0
        if done_ticks > _TAIL_TICKS:
            return rows.demonstration(task.instruction, task.optics)
    raise AttemptFailed(f"the expert took too long ({expert.phase})")


@cache
def _open_once(skill: _Skill, recording: Recording) -> RobosuiteTask:
    """The task for demonstrations, which share one model per process."""
    return RobosuiteTask(skill, recording)


_QUARTERS = tuple(SE3.from_yaw(quarter * np.pi / 2) for quarter in range(4))


def _quarters(world: TaskWorld, index: int) -> list[_Anchor]:
    """The four ways to name the sides of a cube."""
    item = world.layout.things[index]
    size_x, size_y, size_z = item.extents_m
    sizes = (np.array([size_x, size_y, size_z]), np.array([size_y, size_x, size_z]))
    return [
        _Anchor(body=item.name, T_body_anchor=turn, extents_m=sizes[quarter % 2])
        for quarter, turn in enumerate(_QUARTERS)
    ]


def _along(x_base: Array, world: TaskWorld) -> Callable[[_Anchor], float]:
    """How far an anchor's +x points along a direction."""
    return lambda anchor: float(anchor.at(world).T_base_anchor.R[:, 0] @ x_base)


def _lift_anchors(world: TaskWorld) -> tuple[_Anchor, ...]:
    x_tool = world.T_base_tool().R[:, 0]
    return (max(_quarters(world, 0), key=_along(x_tool, world)),)


def _stack_anchors(world: TaskWorld) -> tuple[_Anchor, ...]:
    x_tool = world.T_base_tool().R[:, 0]
    upper = sorted(_quarters(world, 0), key=_along(x_tool, world), reverse=True)
    room_m = [_finger_room_m(world, anchor) for anchor in upper]
    # The way nearest the hand, or across it where the other cube leaves no room for a finger.
    chosen = upper[0] if room_m[0] > _FINGER_ROOM_M or room_m[0] >= room_m[1] else upper[1]
    x_upper = chosen.at(world).T_base_anchor.R[:, 0]
    lower = max(_quarters(world, 1), key=_along(x_upper, world))
    T_body_top = SE3.from_translation((0.0, 0.0, 0.5 * lower.extents_m[2])) @ lower.T_body_anchor
    top = replace(lower, T_body_anchor=T_body_top, extents_m=lower.extents_m * [1.0, 1.0, 0.0])
    return chosen, top


_WIDE = 0.85
"""Opening on the way to a cube, so that the fingers do not need more room than they must."""
_FINGER_INNER_M = 0.5 * _WIDE * 0.08
_FINGER_ROOM_M = 0.006
_FINGERS = np.array(
    [
        (x, side * (_FINGER_INNER_M + y), 0.0)
        for side in (-1.0, 1.0)
        for x in (-0.011, 0.0, 0.011)
        for y in (0.0, 0.014, 0.028)
    ]
)
"""Where the open fingers come down, in the frame of the cube between them, (n, 3)."""


def _finger_room_m(world: TaskWorld, anchor: _Anchor) -> float:
    """Distance between the lower cube and the fingers that come down beside the upper one."""
    lower = world.layout.things[1]
    points = anchor.at(world).T_base_anchor @ _FINGERS
    local = world.T_base_body(lower.name).inverse() @ points
    outside = np.maximum(np.abs(local[:, :2]) - 0.5 * lower.extents_m[:2], 0.0)
    return float(np.linalg.norm(outside, axis=-1).min())


_P_BASE_DROP = np.array([0.655, 0.435, COMPARTMENT_FLOOR_M])
"""Where a can is dropped: the arm does not reach the middle of its compartment from above."""


def _outwards(p: Array) -> SE3:
    """Frame at a point of the base frame with +x away from the robot."""
    return SE3.from_yaw(float(np.arctan2(p[1], p[0])), p)


def _can_anchors(world: TaskWorld) -> tuple[_Anchor, ...]:
    (item,) = world.layout.things
    T_base_can = world.T_base_body(item.name)
    can = _Anchor(
        body=item.name,
        T_body_anchor=T_base_can.inverse() @ _outwards(T_base_can.p),
        extents_m=item.extents_m,
    )
    size_m = COMPARTMENT_UPPER_M - COMPARTMENT_LOWER_M
    drop = _Anchor(
        body=None,
        T_body_anchor=_outwards(_P_BASE_DROP),
        extents_m=np.array([size_m[0], size_m[1], BIN_WALL_M]),
    )
    return can, drop


def _square_anchors(world: TaskWorld) -> tuple[_Anchor, ...]:
    (item,) = world.layout.things
    half_turn = SE3.from_yaw(np.pi, P_NUT_HANDLE)
    handle = _Anchor(body=item.name, T_body_anchor=half_turn, extents_m=HANDLE_M)
    # Handle towards the robot: the other three ways round are out of reach.
    p_base_handle = P_BASE_PEG - P_NUT_HANDLE + [0.0, 0.0, 0.5 * HANDLE_M[2]]
    peg = _Anchor(
        body=None,
        T_body_anchor=SE3.from_translation(p_base_handle),
        extents_m=np.array([0.032, 0.032, PEG_HEIGHT_M]),
    )
    return handle, peg


_SKILLS: Mapping[str, _Skill] = {
    "lift": _Skill(
        task=robosuite_tasks.TASKS["lift"],
        anchors=_lift_anchors,
        style=TransferStyle(wide=_WIDE),
        max_steps=100,
    ),
    "stack": _Skill(
        task=robosuite_tasks.TASKS["stack"],
        anchors=_stack_anchors,
        # The palm passes over the other cube, which is the higher one.
        style=TransferStyle(
            wide=_WIDE,
            grip_above_m=0.008,
            carry_m=0.06,
            release_m=0.022,
            free_m=0.003,
            funnel_m=0.03,
        ),
        max_steps=160,
    ),
    "can": _Skill(
        task=robosuite_tasks.TASKS["can"],
        anchors=_can_anchors,
        style=TransferStyle(grip_above_m=0.018, carry_m=0.07, release_m=0.08, funnel_m=0.06),
        max_steps=220,
    ),
    "square": _Skill(
        task=robosuite_tasks.TASKS["square"],
        anchors=_square_anchors,
        style=TransferStyle(
            grip_above_m=0.006,
            carry_m=0.15,
            release_m=0.01,
            free_m=0.003,
            funnel_m=0.004,
            funnel_rad=0.1,
            rise_m=0.06,
            yaw_from_rad=np.deg2rad(-150.0),
        ),
        max_steps=280,
    ),
}


def _spec(name: str, skill: _Skill) -> TaskSpec:
    return TaskSpec(
        name=f"robosuite:{name}",
        robot=ARM,
        fps=_FPS,
        state_names=STATE_NAMES,
        action_names=ACTION_NAMES,
        cameras=CAMERAS,
        open=partial(RobosuiteTask, skill),
        demonstrate=partial(demonstrate, skill),
    )


TASKS: Mapping[str, TaskSpec] = {name: _spec(name, skill) for name, skill in _SKILLS.items()}
"""robosuite's tasks by name."""
