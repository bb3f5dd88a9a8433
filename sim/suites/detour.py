"""Around a post, on either side: a world to measure whether a policy keeps both ways.

The tool starts in front of a post and has to come to a goal behind it, at one height, with a closed
hand. Start, goal and post scatter evenly to both sides, every second demonstration goes left, and
nothing at the start tells which: whoever averages the two ways runs into the post.

State and action, in base axes [m]; the height, which never changes, is left out:

===========  ====================================================================================
``tool.*``   where the tool is, seen from the post
``goal.*``   where the goal is, seen from the tool
``to.*``     action: where the tool is to be one step of 50 ms later, seen from the post
===========  ====================================================================================

The action is a place and not a motion, so that a chunk is a piece of one path: two ways stay far
apart in it, and what went wrong in one step is not carried into the next.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import mujoco
import numpy as np
from numpy.typing import NDArray

from robot_skills.core.se3 import SE3, Array
from sim.arms import PANDA
from sim.dataset import Demonstration, Optics
from sim.demonstrate import AttemptFailed, Disturbance
from sim.experts.motion import pointing_down
from sim.parts import COLLISION_GROUP, DRAWN_GROUP, OBJECT_FRICTION, WORLD_BIT
from sim.placements import Layout
from sim.suites.record import Rows
from sim.suites.suite import STATE, Recording, Sensed, TaskSpec
from sim.suites.table import FPS, TABLE_RGB, PandaTable, TableStart, add_show_camera, checked_action
from sim.world import CAMERAS, build_world

STATE_NAMES = ("tool.x", "tool.y", "goal.x", "goal.y")
ACTION_NAMES = ("to.x", "to.y")
ARRIVED_M = 0.015
"""The goal is reached within this distance."""
MAX_STEPS = 120

_POST, _GOAL, _START = "post", "goal", "start"
_POST_RADIUS_M = 0.030
_POST_HEIGHT_M = 0.075
"""Fingers meet the post, the palm passes above it: what counts is a narrow thing's way."""
_TOOL_Z_M = 0.055
_OPENING = 0.0
_R_BASE_TOOL = pointing_down(np.array([1.0, 0.0, 0.0]))
_P_POST = np.array([0.48, 0.0])
_POST_SPREAD_M = np.array([0.015, 0.03])
_WAY_M = 0.15
"""From the post to the middles of the start and the goal region."""
_SPREAD_M = np.array([0.015, 0.012])
_STEP_LIMIT_M = 0.024
_MAX_TICKS = 100
_TAIL_TICKS = 8
_PUSH_M = 0.012
_FORGET = 0.88
"""Share of a push that is still there one step later."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Places:
    """Where things are in one episode, (2,) each, in the base frame."""

    p_post: Array
    p_start: Array
    p_goal: Array


class DetourTask:
    """`sim.suites.SuiteTask`: bring the tool around the post to the goal.

    Args:
        recording: Which pictures to take.
    """

    def __init__(self, recording: Recording) -> None:
        self._table = PandaTable(_model, (_POST,), recording)
        self._places: _Places | None = None
        self._side: str | None = None
        self._p_before = np.zeros(2)

    @property
    def instruction(self) -> str:
        return "go around the post to the goal"

    @property
    def max_steps(self) -> int:
        return MAX_STEPS

    def reset(self, seed: int) -> Sensed:
        return self.begin(np.random.default_rng(seed))

    def begin(self, rng: np.random.Generator) -> Sensed:
        """Start an episode that `rng` draws."""
        places = _draw_places(rng)
        start = TableStart(
            T_base_tool=SE3(_R_BASE_TOOL, np.array([*places.p_start, _TOOL_Z_M])),
            opening=_OPENING,
            placed={
                _POST: SE3.from_translation((*places.p_post, 0.0)),
                _GOAL: SE3.from_translation((*places.p_goal, 0.0)),
                _START: SE3.from_translation((*places.p_start, 0.0)),
            },
        )
        self._places, self._side = places, None
        self._table.begin(start)
        self._p_before = self.tool_from_post()
        return self._sensed()

    def step(self, action: NDArray[np.float32]) -> Sensed:
        """Raises: RefusedError: The action is not two finite numbers, or nothing was reset."""
        to = checked_action(action, ACTION_NAMES)
        p_now = self._table.p_goal
        move = self._placed().p_post + to - p_now[:2]
        distance = float(np.linalg.norm(move))
        if distance > _STEP_LIMIT_M:
            move = move * (_STEP_LIMIT_M / distance)
        p = np.array([*(p_now[:2] + move), _TOOL_Z_M])
        self._table.send(p, _R_BASE_TOOL, _OPENING)
        self._note_side()
        return self._sensed()

    def succeeded(self) -> bool:
        """Whether the tool is at the goal and never touched the post."""
        away = float(np.linalg.norm(self.tool_from_post() - self.goal_from_post()))
        return away <= ARRIVED_M and not self.touched_post()

    def touched_post(self) -> bool:
        """Whether any part of the robot has touched the post."""
        return _POST in self._table.world.touches

    def side(self) -> str | None:
        """Which way the post was passed, looking from start to goal, or None so far.

        Returns:
            ``"left"``, ``"right"`` or None.
        """
        return self._side

    def tool_from_post(self) -> Array:
        """Where the tool is, seen from the post, (2,) [m]."""
        return self._table.world.T_base_tool().p[:2] - self._placed().p_post

    def goal_from_post(self) -> Array:
        """Where the goal is, seen from the post, (2,) [m]."""
        return self._placed().p_goal - self._placed().p_post

    def frame(self) -> NDArray[np.uint8]:
        return self._table.frame()

    @property
    def optics(self) -> Mapping[str, Optics]:
        """What is known of the cameras that have taken pictures."""
        return self._table.optics

    def close(self) -> None:
        self._table.close()

    def _placed(self) -> _Places:
        # The world is asked first, because it refuses what comes before the first reset.
        _ = self._table.world
        assert self._places is not None
        return self._places

    def _note_side(self) -> None:
        p = self.tool_from_post()
        if self._side is None and self._p_before[0] < 0.0 <= p[0]:
            share = self._p_before[0] / (self._p_before[0] - p[0])
            aside = self._p_before[1] + share * (p[1] - self._p_before[1])
            self._side = "left" if aside > 0.0 else "right"
        self._p_before = p

    def _sensed(self) -> Sensed:
        p = self.tool_from_post()
        row = np.array([*p, *(self.goal_from_post() - p)], dtype=np.float32)
        return {STATE: row, **self._table.pictures()}


class DetourExpert:
    """Follows one smooth path past one side of the post, from wherever it is pushed to.

    The path is a half wave aside on the straight line from start to goal, which leaves the line at
    once: a policy that looks again after a few steps can see which way it has chosen.

    Args:
        p_start: Where the tool starts, seen from the post, (2,) [m].
        p_goal: Where it is to end.
        left: Which way to go.
        rng: Draws how wide, how skewed and how fast.
    """

    def __init__(self, p_start: Array, p_goal: Array, left: bool, rng: np.random.Generator) -> None:
        self._p_start, self._p_goal = p_start, p_goal
        self._aside_m = (1.0 if left else -1.0) * rng.uniform(0.085, 0.110)
        self._skew = rng.uniform(-0.12, 0.12)
        self._sharpness = rng.uniform(0.75, 1.0)
        self._ticks = int(rng.integers(36, 48))
        self._tick = 0
        self._offset = np.zeros(2)

    @property
    def arrived(self) -> bool:
        """Whether the path has been followed to its end."""
        return self._tick >= self._ticks

    def act(self) -> Array:
        """Where to be next, seen from the post, (2,)."""
        self._tick += 1
        self._offset = _FORGET * self._offset
        return self._at(min(1.0, self._tick / self._ticks)) + self._offset

    def displace(self, offset_m: Array) -> Array:
        """Be pushed off the way; the path is taken up again bit by bit."""
        self._offset = self._offset + offset_m
        return self._at(min(1.0, self._tick / self._ticks)) + self._offset

    def _at(self, time: float) -> Array:
        # Starts and stops with some speed taken off, not at rest: no tick is without motion.
        along = time + 0.5 * (time * time * (3.0 - 2.0 * time) - time)
        wave = np.sin(np.pi * (along + self._skew * along * (1.0 - along)))
        aside = self._aside_m * max(wave, 0.0) ** self._sharpness
        # Seen from the post, so that a slanting line does not narrow the way past it.
        line = self._p_start + along * (self._p_goal - self._p_start)
        return line + np.array([0.0, aside - wave * line[1]])


@lru_cache(maxsize=1)
def _model() -> mujoco.MjModel:
    spec = build_world(PANDA, Layout(table_rgb=TABLE_RGB))
    add_show_camera(spec)
    post = spec.worldbody.add_body(name=_POST, mocap=True)
    post.add_geom(
        type=mujoco.mjtGeom.mjGEOM_CYLINDER,
        size=[_POST_RADIUS_M, 0.5 * _POST_HEIGHT_M, 0.0],
        pos=[0.0, 0.0, 0.5 * _POST_HEIGHT_M],
        group=COLLISION_GROUP,
        contype=WORLD_BIT,
        conaffinity=WORLD_BIT,
        friction=list(OBJECT_FRICTION),
    )
    stripes = 3
    for i in range(stripes):
        height = _POST_HEIGHT_M / stripes
        _draw_disc(
            post,
            radius_m=_POST_RADIUS_M,
            low_m=i * height,
            height_m=height,
            rgba=(0.85, 0.16, 0.10, 1.0) if i % 2 == 0 else (0.95, 0.95, 0.93, 1.0),
        )
    _draw_disc(post, radius_m=0.045, low_m=0.0, height_m=0.008, rgba=(0.16, 0.16, 0.17, 1.0))
    goal = spec.worldbody.add_body(name=_GOAL, mocap=True)
    for i, (radius, green) in enumerate(((0.030, 0.62), (0.020, 0.95), (ARRIVED_M, 0.62))):
        rgba = (0.10, green, 0.25, 1.0) if green < 0.9 else (0.95, 0.95, 0.93, 1.0)
        _draw_disc(goal, radius_m=radius, low_m=0.0, height_m=0.001 * (i + 1), rgba=rgba)
    start = spec.worldbody.add_body(name=_START, mocap=True)
    _draw_disc(start, radius_m=0.020, low_m=0.0, height_m=0.001, rgba=(0.15, 0.35, 0.80, 1.0))
    return spec.compile()


def _draw_disc(
    body: mujoco.MjsBody,
    *,
    radius_m: float,
    low_m: float,
    height_m: float,
    rgba: tuple[float, float, float, float],
) -> None:
    """Add a cylinder that is seen only."""
    body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_CYLINDER,
        size=[radius_m, 0.5 * height_m, 0.0],
        pos=[0.0, 0.0, low_m + 0.5 * height_m],
        rgba=list(rgba),
        group=DRAWN_GROUP,
        contype=0,
        conaffinity=0,
    )


def _draw_places(rng: np.random.Generator) -> _Places:
    p_post = _P_POST + rng.uniform(-_POST_SPREAD_M, _POST_SPREAD_M)
    way = np.array([_WAY_M, 0.0])
    return _Places(
        p_post=p_post,
        p_start=p_post - way + rng.uniform(-_SPREAD_M, _SPREAD_M),
        p_goal=p_post + way + rng.uniform(-_SPREAD_M, _SPREAD_M),
    )


def goes_left(seed: tuple[int, int]) -> bool:
    """Which way the demonstration of a seed goes: one of any two neighbours goes left."""
    return sum(seed) % 2 == 0


def _demonstrate(seed: tuple[int, int], recording: Recording) -> Demonstration:
    """One way around the post.

    Raises:
        AttemptFailed: The post was touched, or the goal not reached.
    """
    rng = np.random.default_rng(seed)
    task = DetourTask(recording)
    try:
        return _record(task, task.begin(rng), goes_left(seed), rng)
    finally:
        task.close()


def _record(
    task: DetourTask, sensed: Sensed, left: bool, rng: np.random.Generator
) -> Demonstration:
    expert = DetourExpert(task.tool_from_post(), task.goal_from_post(), left, rng)
    disturbance = Disturbance(rng, largest_m=_PUSH_M)
    rows = Rows(STATE_NAMES, ACTION_NAMES)
    done_ticks = 0
    for _ in range(_MAX_TICKS):
        push = disturbance.step() if not expert.arrived else None
        target = expert.act() if push is None else expert.displace(push[0][:2])
        done = expert.arrived and task.succeeded()
        phase = "hold" if done else ("around on the left" if left else "around on the right")
        action = target.astype(np.float32)
        rows.add(sensed, action, valid=push is None, done=done, phase=phase)
        sensed = task.step(action)
        done_ticks += done
        if done_ticks > _TAIL_TICKS:
            if not task.succeeded():
                raise AttemptFailed("not so: at the goal")
            return rows.demonstration(task.instruction, task.optics)
        if task.touched_post():
            raise AttemptFailed("touched the post")
    raise AttemptFailed("the expert took too long")


TASKS: Mapping[str, TaskSpec] = {
    "post": TaskSpec(
        name="detour:post",
        robot=PANDA.name,
        fps=FPS,
        state_names=STATE_NAMES,
        action_names=ACTION_NAMES,
        cameras=CAMERAS,
        open=DetourTask,
        demonstrate=_demonstrate,
    )
}
"""Around a post."""
