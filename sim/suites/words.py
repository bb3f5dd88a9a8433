"""Five things, three verbs, one sentence: a world to measure whether words are understood.

The same things always lie on the table, so nothing but the sentence tells which one is meant.

State, 33 numbers; action, 5 numbers per step of 50 ms:

==============  ==================================================================================
``tool.*``      position in the base frame [m], yaw [rad], opening in [0, 1]
``THING.x y z``  centre less the tool's position, base axes [m]
``THING.sin``   sine and cosine of its yaw about the tool, times its symmetry (4 for a cube)
``THING.moved`` how far it lies from where it stood at the start, along the table [m]
``move.*``      motion of the commanded tool pose: base axes [m], turn about the vertical [rad]
``opening``     of the gripper, 1 = open
==============  ==================================================================================

Places are relative to the tool and motions are steps, because then what to do near a thing does not
depend on where on the table it lies, and the numbers of a chunk shrink to zero as the tool arrives:
noise of a hundredth of their range is a fraction of a millimetre. ``moved`` is what a tracker
knows, and without it no single moment tells how far a thing has been pushed already. Sizes never
change and are left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial

import mujoco
import numpy as np
from numpy.typing import NDArray

from robot_skills.core.se3 import SE3, Array
from sim.arms import PANDA
from sim.dataset import Demonstration, Optics
from sim.demonstrate import AttemptFailed, Disturbance
from sim.experts.motion import pointing_down
from sim.objects import COLOURS, CUBE, HOUSEHOLD, ObjectPlacement
from sim.placements import Layout
from sim.robot import CONTROL_PERIOD_S
from sim.suites.phrases import Verb, Wording, say
from sim.suites.record import Rows
from sim.suites.suite import STATE, Recording, Sensed, TaskSpec
from sim.suites.table import (
    FINGERTIP_M,
    FPS,
    TABLE_RGB,
    PandaTable,
    TableStart,
    TableWorld,
    add_show_camera,
    checked_action,
)
from sim.suites.verbs import VERB_EXPERTS, Hand, Style, Thing
from sim.world import CAMERAS, build_world

_CUBE_M = 0.044
_TIN_M = np.array([0.054, 0.054, 0.044])
"""The can is a squat one: what is tall topples, and stands in the way of the palm."""
_TABLE_FRICTION = 0.4
"""Low enough that a thing pushed below its middle slides rather than topples."""


def _cube(colour: str) -> ObjectPlacement:
    return ObjectPlacement(
        name=f"{colour}_{CUBE}",
        label=CUBE,
        colour=colour,
        rgb=np.array(COLOURS[colour]),
        extents_m=np.full(3, _CUBE_M),
        mass_kg=0.09,
        T_base_object=SE3.identity(),
    )


def _household(name: str, extents_m: Array) -> ObjectPlacement:
    return ObjectPlacement(
        name=name,
        label=name,
        colour="",
        rgb=np.ones(3),
        extents_m=extents_m,
        mass_kg=0.09,
        T_base_object=SE3.identity(),
    )


_ITEMS = (
    _cube("red"),
    _cube("green"),
    _cube("blue"),
    _household("can", _TIN_M),
    _household("bread", HOUSEHOLD["bread"].extents_m),
)
THINGS: tuple[str, ...] = tuple(item.name for item in _ITEMS)
"""What lies on the table."""
SYMMETRY: Mapping[str, int] = {
    "red_cube": 4,
    "green_cube": 4,
    "blue_cube": 4,
    "bread": 2,
}
"""Turns into which a full one falls that look the same; a thing without yaw is left out."""
_EXTENTS_M: Mapping[str, Array] = {item.name: item.extents_m for item in _ITEMS}

_TOOL_NAMES = ("tool.x", "tool.y", "tool.z", "tool.yaw", "tool.opening")


def _thing_names(name: str) -> tuple[str, ...]:
    place = (f"{name}.x", f"{name}.y", f"{name}.z")
    yaw = (f"{name}.sin", f"{name}.cos") if name in SYMMETRY else ()
    return (*place, *yaw, f"{name}.moved")


STATE_NAMES: tuple[str, ...] = (*_TOOL_NAMES, *(n for name in THINGS for n in _thing_names(name)))
ACTION_NAMES = ("move.x", "move.y", "move.z", "move.yaw", "opening")

_FREE_LOWER_M = np.array([0.38, -0.31])
_FREE_UPPER_M = np.array([0.63, 0.31])
_REACH_M = 0.68
_ASIDE_M = 0.095
"""Two things are at least this far apart across the direction of pushing ..."""
_AHEAD_M = 0.19
"""... or this far along it, so that the open hand and a pushed thing find room."""
_YAW_RAD = np.deg2rad(40.0)
"""Largest yaw of a thing: farther round, the hand would have two ways to take a cube."""
_TOOL_LOWER = np.array([0.42, -0.14, 0.15])
_TOOL_UPPER = np.array([0.52, 0.14, 0.21])
_TOOL_YAW_RAD = 0.15
_OPENING = (0.35, 0.60)
"""Half open at the start: wide open and closed are signs of something done."""
_MOVE_LIMIT_M = 0.025
_TURN_LIMIT_RAD = 0.12
_YAW_LIMIT_RAD = 1.1
MAX_STEPS = 160
_MAX_TICKS = 150
_TAIL_TICKS = 10
_PUSH_M, _PUSH_RAD = 0.025, 0.15
"""Largest push off the way that a demonstration recovers from."""
_NOISE = np.array([0.0025, 0.0025, 0.0015, 0.015, 0.0])
"""Largest deviation of what is carried out from what is recorded as right, per step: the data then
shows the answers to small errors everywhere (DART: Laskey et al., 2017)."""

LIFTED_M = 0.05
PUSHED_M = 0.06
"""What a lift and a push need at least."""
_CLEAR_M = 0.04
_CLOSED = 0.2
_ON_TOP_M = 0.008
_STAYS_M = 0.03
_BYSTANDER_M = 0.03
_UPRIGHT = 0.9


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Command:
    """What one episode asks for."""

    verb: Verb
    target: str
    instruction: str


class WordsTask:
    """`sim.suites.SuiteTask`: do what the sentence says to the thing that it names.

    Args:
        recording: Which pictures to take.
        wording: Which sentences are said.
    """

    def __init__(self, recording: Recording, wording: Wording = Wording.TRAINING) -> None:
        self._table = PandaTable(_model, THINGS, recording)
        self._wording = wording
        self._command = _Command(verb=Verb.PICK, target=THINGS[0], instruction="")
        self._yaw_goal = 0.0
        self._p_start: dict[str, Array] = {}
        self._was_pressed = False
        self._was_lifted = False

    @property
    def instruction(self) -> str:
        return self._command.instruction

    @property
    def verb(self) -> Verb:
        """What the sentence asks for."""
        return self._command.verb

    @property
    def target(self) -> str:
        """The thing that the sentence names."""
        return self._command.target

    @property
    def max_steps(self) -> int:
        return MAX_STEPS

    def reset(self, seed: int) -> Sensed:
        return self.begin(np.random.default_rng(seed))

    def begin(
        self, rng: np.random.Generator, verb: Verb | None = None, target: str | None = None
    ) -> Sensed:
        """Start an episode.

        Args:
            rng: Draws the sentence and the scene.
            verb: What to ask for, instead of the one drawn; the scene stays the same.
            target: What to ask it of, instead of the one drawn.
        """
        drawn_verb = tuple(Verb)[int(rng.integers(len(Verb)))]
        drawn_target = THINGS[int(rng.integers(len(THINGS)))]
        start = _draw_start(rng)
        verb, target = verb or drawn_verb, target or drawn_target
        sentence = say(rng, verb, target, self._wording)
        self._command = _Command(verb=verb, target=target, instruction=sentence)
        world = self._table.begin(start)
        self._yaw_goal = _tool_yaw(start.T_base_tool)
        self._p_start = {name: world.T_base_body(name).p.copy() for name in THINGS}
        self._was_pressed = self._was_lifted = False
        return self._sensed()

    def step(self, action: NDArray[np.float32]) -> Sensed:
        """Raises: RefusedError: The action is not five finite numbers, or nothing was reset."""
        values = checked_action(action, ACTION_NAMES)
        move = values[:3]
        distance = float(np.linalg.norm(move))
        if distance > _MOVE_LIMIT_M:
            move = move * (_MOVE_LIMIT_M / distance)
        turn = float(np.clip(values[3], -_TURN_LIMIT_RAD, _TURN_LIMIT_RAD))
        yaw = float(np.clip(self._yaw_goal + turn, -_YAW_LIMIT_RAD, _YAW_LIMIT_RAD))
        opening = float(np.clip(values[4], 0.0, 1.0))
        self._table.send(self._table.p_goal + move, _pointing(yaw), opening)
        self._yaw_goal = yaw
        self._watch()
        return self._sensed()

    def succeeded(self) -> bool:
        """Whether the thing meant has been dealt with as asked, and the others left in peace."""
        if any(self._disturbed(name) for name in THINGS if name != self.target):
            return False
        world, target = self._table.world, self.target
        match self.verb:
            case Verb.PICK:
                return target in world.touching and self._height_m(target) >= LIFTED_M
            case Verb.TOUCH:
                tip_m = world.T_base_tool().p[2] - FINGERTIP_M
                away = tip_m - self._top_m(target) >= _CLEAR_M
                return self._was_pressed and away and self._moved_m(target) <= _STAYS_M
            case Verb.PUSH:
                T = world.T_base_body(target)
                ahead_m = float(T.p[0] - self._p_start[target][0])
                upright = T.R[2, 2] >= _UPRIGHT
                return ahead_m >= PUSHED_M and upright and not self._was_lifted

    def acted_on(self) -> str | None:
        """The first thing that the hand touched, or None so far."""
        touches = self._table.world.touches
        return touches[0] if touches else None

    def frame(self) -> NDArray[np.uint8]:
        return self._table.frame()

    @property
    def optics(self) -> Mapping[str, Optics]:
        """What is known of the cameras that have taken pictures."""
        return self._table.optics

    def close(self) -> None:
        self._table.close()

    # For the expert.

    def hand(self) -> Hand:
        """The hand, where it was last sent."""
        opening = self._table.world.opening()
        return Hand(p=self._table.p_goal, yaw_rad=self._yaw_goal, opening=opening)

    def thing(self) -> Thing:
        """The thing meant, as it is."""
        T = self._table.world.T_base_body(self.target)
        return Thing(
            p=T.p,
            yaw_rad=_nearest_turn(T.yaw_rad(), SYMMETRY.get(self.target)),
            extents_m=_EXTENTS_M[self.target],
            moved_m=self._moved_m(self.target),
        )

    # What happens.

    def _watch(self) -> None:
        world, target = self._table.world, self.target
        self._was_lifted |= self._height_m(target) > _STAYS_M
        if target in world.touching and world.opening() < _CLOSED:
            p_tool = world.T_base_tool().p
            tip_m = float(p_tool[2]) - FINGERTIP_M
            aside_m = float(np.linalg.norm(p_tool[:2] - world.T_base_body(target).p[:2]))
            on_top = abs(tip_m - self._top_m(target)) < _ON_TOP_M
            over = aside_m < 0.5 * float(np.hypot(*_EXTENTS_M[target][:2]))
            self._was_pressed |= on_top and over

    def _moved_m(self, name: str) -> float:
        p = self._table.world.T_base_body(name).p
        return float(np.linalg.norm(p[:2] - self._p_start[name][:2]))

    def _height_m(self, name: str) -> float:
        """How far a thing is above where it stood."""
        return float(self._table.world.T_base_body(name).p[2] - self._p_start[name][2])

    def _top_m(self, name: str) -> float:
        return float(self._table.world.T_base_body(name).p[2] + 0.5 * _EXTENTS_M[name][2])

    def _disturbed(self, name: str) -> bool:
        p = self._table.world.T_base_body(name).p
        return float(np.linalg.norm(p - self._p_start[name])) > _BYSTANDER_M

    def _sensed(self) -> Sensed:
        state = _state(self._table.world, self._p_start)
        return {STATE: state, **self._table.pictures()}


def _state(world: TableWorld, p_start: Mapping[str, Array]) -> NDArray[np.float32]:
    tool = world.T_base_tool()
    yaw = _tool_yaw(tool)
    row = [*tool.p, yaw, world.opening()]
    for name in THINGS:
        T = world.T_base_body(name)
        row += (T.p - tool.p).tolist()
        if name in SYMMETRY:
            angle = SYMMETRY[name] * (T.yaw_rad() - yaw)
            row += [np.sin(angle), np.cos(angle)]
        row.append(float(np.linalg.norm(T.p[:2] - p_start[name][:2])))
    return np.array(row, dtype=np.float32)


def _pointing(yaw_rad: float) -> Array:
    return pointing_down(np.array([np.cos(yaw_rad), np.sin(yaw_rad), 0.0]))


def _tool_yaw(T_base_tool: SE3) -> float:
    return float(np.arctan2(T_base_tool.R[1, 0], T_base_tool.R[0, 0]))


def _nearest_turn(yaw_rad: float, symmetry: int | None) -> float:
    """The turn nearest to zero that looks the same as `yaw_rad`."""
    if symmetry is None:
        return 0.0
    period = 2.0 * np.pi / symmetry
    return float((yaw_rad + 0.5 * period) % period - 0.5 * period)


@lru_cache(maxsize=1)
def _model() -> mujoco.MjModel:
    spec = build_world(PANDA, Layout(objects=_ITEMS, table_rgb=TABLE_RGB))
    add_show_camera(spec)
    _flatten_can(spec)
    for geom in spec.geoms:
        if not geom.name.startswith("arm/"):
            geom.friction[0] = _TABLE_FRICTION
    return spec.compile()


def _flatten_can(spec: mujoco.MjSpec) -> None:
    """Make the can as squat as its hull; that is taken from its sizes, its looks are not."""
    model = HOUSEHOLD["can"]
    scale = _TIN_M / model.extents_m
    geom = spec.geom("can_mesh")
    geom.pos = (-scale * model.centre_m).tolist()
    spec.mesh(geom.meshname).scale = (scale * spec.mesh(geom.meshname).scale).tolist()


def _draw_start(rng: np.random.Generator) -> TableStart:
    places = _draw_places(rng)
    free = {
        item.name: SE3.from_yaw(
            rng.uniform(-_YAW_RAD, _YAW_RAD), (*place, 0.5 * float(item.extents_m[2]) + 0.0003)
        )
        for item, place in zip(_ITEMS, places, strict=True)
    }
    p_tool = rng.uniform(_TOOL_LOWER, _TOOL_UPPER)
    yaw = rng.uniform(-_TOOL_YAW_RAD, _TOOL_YAW_RAD)
    return TableStart(
        T_base_tool=SE3(_pointing(yaw), p_tool), opening=rng.uniform(*_OPENING), free=free
    )


def _draw_places(rng: np.random.Generator) -> Array:
    """Middles of the things on the table, (n, 2), with room for the hand around each."""
    while True:
        places = rng.uniform(_FREE_LOWER_M, _FREE_UPPER_M, (len(THINGS), 2))
        apart = np.abs(places[:, None] - places[None])
        free = (apart[..., 0] >= _AHEAD_M) | (apart[..., 1] >= _ASIDE_M)
        np.fill_diagonal(free, True)
        if free.all() and np.all(np.linalg.norm(places, axis=-1) <= _REACH_M):
            return places


def _demonstrate(
    seed: tuple[int, int], recording: Recording, wording: Wording = Wording.TRAINING
) -> Demonstration:
    """What the expert does about the sentence of one seed.

    Raises:
        AttemptFailed: The expert took too long, or did not do what was asked.
    """
    rng = np.random.default_rng(seed)
    task = WordsTask(recording, wording)
    try:
        return _record(task, task.begin(rng), rng)
    finally:
        task.close()


def _record(task: WordsTask, sensed: Sensed, rng: np.random.Generator) -> Demonstration:
    expert = VERB_EXPERTS[task.verb](Style.draw(rng), CONTROL_PERIOD_S)
    disturbance = Disturbance(rng, largest_m=_PUSH_M, largest_rad=_PUSH_RAD)
    noise = rng.uniform(0.0, 1.0) * _NOISE
    rows = Rows(STATE_NAMES, ACTION_NAMES)
    opening, phase, done_ticks = task.hand().opening, "approach", 0
    for _ in range(_MAX_TICKS):
        push = disturbance.step() if done_ticks == 0 else None
        if push is None:
            step = expert.act(task.hand(), task.thing())
            opening, phase = step.opening, step.phase
            done_ticks += step.done or done_ticks > 0
            action = np.array([*step.move_m, step.turn_rad, opening])
        else:
            # What the gripper does and how far the work has come stay as they were.
            action = np.array([*push[0], push[1][2], opening])
        label = action.astype(np.float32)
        rows.add(sensed, label, valid=push is None, done=done_ticks > 0, phase=phase)
        sensed = task.step((action + noise * rng.normal(size=len(noise))).astype(np.float32))
        if done_ticks > _TAIL_TICKS:
            if not task.succeeded():
                raise AttemptFailed(f"not so: {task.verb.value} {task.target}")
            return rows.demonstration(task.instruction, task.optics)
    raise AttemptFailed("the expert took too long")


def _spec(name: str, wording: Wording) -> TaskSpec:
    return TaskSpec(
        name=f"words:{name}",
        robot=PANDA.name,
        fps=FPS,
        state_names=STATE_NAMES,
        action_names=ACTION_NAMES,
        cameras=CAMERAS,
        open=partial(WordsTask, wording=wording),
        demonstrate=partial(_demonstrate, wording=wording),
    )


TASKS: Mapping[str, TaskSpec] = {
    "tabletop": _spec("tabletop", Wording.TRAINING),
    "unseen": _spec("unseen", Wording.UNSEEN),
    "fresh": _spec("fresh", Wording.FRESH),
}
"""The world with the training phrasings, and with two sets kept for tests."""
