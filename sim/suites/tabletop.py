"""Whole tasks of the tabletop, from the first look to the last: what a task-centric policy learns.

The policy is told the instruction and sees the tool and the things that the words name, in their
order, with two slots each, so that it needs no eyes of its own: everything it is shown is true. It
answers with tool poses for the whole task; no scheduler, no skills, nothing between it and the arm
that could know what comes next. The world, the experts and the arm are those of the skills.

State: `core.policy.state_names` of `SLOTS` entities. Action: `core.policy.ACTION_NAMES`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.binding import Anchor, AnchorSpec, bind
from robot_skills.core.errors import RefusedError
from robot_skills.core.policy import (
    ACTION_NAMES,
    EntityToken,
    encode_action,
    encode_tokens,
    state_names,
    vector_to_pose,
)
from robot_skills.core.predicates import unmet
from robot_skills.core.scene import Entity, Scene
from robot_skills.core.se3 import SE3
from robot_skills.core.types import DEFAULT_ARM, ArmState
from sim.arms import PANDA
from sim.dataset import Demonstration, Optics
from sim.demonstrate import CONTROL_HZ, AttemptFailed, Disturbance, tick
from sim.experts import MotionStyle, make_expert
from sim.experts.motion import Mover
from sim.render import Quality, RgbdRenderer
from sim.robot import SimRobot
from sim.scenarios import tokens_of
from sim.suites.record import CameraLog, Rows
from sim.suites.suite import STATE, Recording, Sensed, TaskSpec
from sim.suites.table import checked_action
from sim.tabletop.milestones import Milestones
from sim.tabletop.tasks import TRAINING_TASKS, Instance
from sim.truth import truth_scene
from sim.world import CAMERAS

NAMED = 4
"""Things that the words of a task may name."""
SLOTS = 2 * NAMED
"""What a thing is, and where it is acted on besides: a drawer's handle and its inside."""
STATE_NAMES = state_names(SLOTS)
MAX_STEPS = 1600
_PERIOD_S = 1.0 / CONTROL_HZ
_LOOK_STEPS = 8
"""Steps between two looks at where things are."""
_SETTLE_S = 0.5
_MAX_TICKS = 400
"""Of one skill, or of one way home."""
_TAIL_TICKS = 10
_ARRIVED = 2e-3
_FINE_M = {"insert": 0.01, "press": 0.02, "push": 0.02, "open": 0.02, "close": 0.02}
"""Size of disturbances where it differs from what is usual."""
_FILM_PX = (640, 480)
_FILM_CAMERA = "front"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Slot:
    """A token as it was at the last look, and where it is in the tool while it is held."""

    token: EntityToken
    T_tool_anchor: SE3 | None

    def at(self, T_base_tool: SE3) -> EntityToken:
        if self.T_tool_anchor is None:
            return self.token
        return EntityToken(
            T_base_anchor=T_base_tool @ self.T_tool_anchor,
            extents_m=self.token.extents_m,
            value=self.token.value,
        )


class TabletopTask:
    """`sim.suites.SuiteTask`: one of the training tasks, or whatever instance is begun.

    Args:
        recording: Which pictures to take.
        arm: Name of a simulated arm.
    """

    def __init__(self, recording: Recording, arm: str = PANDA.name) -> None:
        self._recording, self._arm = recording, arm
        self._log = CameraLog()
        self._robot: SimRobot | None = None
        self._instance: Instance | None = None
        self._film: RgbdRenderer | None = None
        self._way = Milestones(())
        self._slots: list[_Slot | None] = []
        self._steps = 0

    @property
    def instruction(self) -> str:
        return "" if self._instance is None else self._instance.instruction

    @property
    def max_steps(self) -> int:
        return MAX_STEPS

    def reset(self, seed: int) -> Sensed:
        return self.begin(_drawn(np.random.default_rng(seed)))

    def begin(self, instance: Instance) -> Sensed:
        """Start an episode of one instance."""
        self.close()
        robot = SimRobot(
            self._arm, layout=instance.layout, camera_size_px=self._recording.camera_px
        )
        robot.connect()
        robot.clock.sleep_until(_SETTLE_S)
        self._robot, self._instance = robot, instance
        self._way = Milestones(instance.on_the_way)
        self._steps = 0
        return self._sensed()

    def step(self, action: NDArray[np.float32]) -> Sensed:
        """Raises: RefusedError: The action is not ten finite numbers, or nothing was reset."""
        numbers = checked_action(action, ACTION_NAMES)
        pose = vector_to_pose(numbers[:9])
        tick(self.robot, SE3.from_matrix(pose), float(np.clip(numbers[9], 0.0, 1.0)))
        self._steps += 1
        self._way.look(self.truth)
        return self._sensed()

    def succeeded(self) -> bool:
        """Whether the goal holds, and all that was to hold on the way has held."""
        assert self._instance is not None
        return not self._way.ahead and not unmet(self.truth(), self._instance.goal)

    @property
    def robot(self) -> SimRobot:
        """Raises: RefusedError: No episode was started."""
        if self._robot is None:
            raise RefusedError("The task needs reset() before anything else.")
        return self._robot

    @property
    def arm_state(self) -> ArmState:
        """Of the only arm."""
        return self.robot.observe().arms[DEFAULT_ARM]

    def truth(self) -> Scene:
        """The scene as the simulator knows it."""
        return truth_scene(self.robot.world)

    def frame(self) -> NDArray[np.uint8]:
        """A picture for people."""
        world = self.robot.world
        if self._film is None:
            self._film = RgbdRenderer(world.model, *_FILM_PX, Quality.FILM)
        return self._film.render(world.data, _FILM_CAMERA).rgb

    @property
    def optics(self) -> Mapping[str, Optics]:
        """What is known of the cameras that have taken pictures."""
        return self._log.optics

    def close(self) -> None:
        """Release the world and what draws it. Safe to call twice."""
        if self._film is not None:
            self._film.close()
            self._film = None
        if self._robot is not None:
            self._robot.close()
            self._robot = None

    def _sensed(self) -> Sensed:
        assert self._instance is not None
        observation = self.robot.observe(self._recording.cameras)
        state = observation.arms[DEFAULT_ARM]
        tool = state.T_base_tool
        scene = self.truth() if self._steps % _LOOK_STEPS == 0 else None
        if scene is not None:
            self._slots = named_tokens(scene, self._instance.named, tool)
        tokens = [None if slot is None else slot.at(tool) for slot in self._slots]
        table_height_m = self._instance.layout.table_height_m
        row = encode_tokens(tool.matrix(), state.opening, table_height_m, tokens)
        sensed: dict[str, NDArray] = {STATE: row}
        for name, frame in observation.cameras.items():
            sensed |= self._log.named(name, frame.rgb, frame.depth_m, frame.K, frame.T_base_camera)
        return sensed


def named_tokens(scene: Scene, named: tuple[str, ...], T_base_tool: SE3) -> list[_Slot | None]:
    """What is in each slot: two for every thing that the words name.

    Raises:
        RefusedError: The words name too many things.
    """
    if len(named) > NAMED:
        raise RefusedError(f"A task may name {NAMED} things, this one names {', '.join(named)}.")
    moved = next((name for name in named if scene[name].movable), None)
    slots: list[_Slot | None] = []
    for name in named:
        slots += [
            _slot(scene, name, anchor, moved, T_base_tool) for anchor in _anchors(scene[name])
        ]
    return [*slots, *[None] * (SLOTS - len(slots))]


def _anchors(entity: Entity) -> tuple[Anchor | None, Anchor | None]:
    """What matters of a thing whatever is done with it."""
    if entity.articulation is not None:
        hinged = entity.articulation.hinge_entity is not None
        return Anchor.HANDLE, Anchor.HINGE if hinged else Anchor.ACCESS
    if entity.control is not None:
        return Anchor.PRESS, None
    if entity.painted:
        return Anchor.TOP, None
    return (Anchor.ACCESS if entity.cavity is not None else Anchor.BOX), None


def _slot(
    scene: Scene, name: str, anchor: Anchor | None, moved: str | None, T_base_tool: SE3
) -> _Slot | None:
    """A thing's anchor; nothing where it has none now, as a shut drawer has no inside."""
    if anchor is None:
        return None
    specs = [AnchorSpec(entity=name, anchor=anchor)]
    if anchor is Anchor.ACCESS and moved is not None:
        # What is to go inside decides where there is room.
        specs.insert(0, AnchorSpec(entity=moved, anchor=Anchor.BOX))
    try:
        bound = bind(specs, scene, T_base_tool)
    except RefusedError:
        return None
    return _Slot(token=bound.tokens[-1], T_tool_anchor=bound.T_tool_anchors[-1])


def _drawn(rng: np.random.Generator) -> Instance:
    return TRAINING_TASKS[int(rng.integers(len(TRAINING_TASKS)))].draw(rng)


def _demonstrate(seed: tuple[int, int], recording: Recording) -> Demonstration:
    """One whole task, shown skill by skill, with the way home in between.

    Raises:
        AttemptFailed: An expert took too long, or the goal does not hold.
    """
    rng = np.random.default_rng(seed)
    task = TabletopTask(recording)
    try:
        return _Showing(task, task.begin(_drawn(rng)), rng).show()
    finally:
        task.close()


class _Showing:
    """One demonstration.

    Args:
        task: Begun.
        sensed: Its first observation.
        rng: Draws style and disturbances.
    """

    def __init__(self, task: TabletopTask, sensed: Sensed, rng: np.random.Generator) -> None:
        self._task, self._sensed, self._rng = task, sensed, rng
        self._rows = Rows(STATE_NAMES, ACTION_NAMES)
        self._style = MotionStyle.draw(rng)
        self._opening = 1.0

    def show(self) -> Demonstration:
        task = self._task
        instance = task._instance
        assert instance is not None
        for i, (skill, *args) in enumerate(instance.shown):
            if i > 0:
                self._go_home()
            self._show_skill(skill, args, last=i == len(instance.shown) - 1)
        if not task.succeeded():
            raise AttemptFailed("not so: the goal")
        return self._rows.demonstration(task.instruction, task.optics)

    def _show_skill(self, skill: str, args: list[str], *, last: bool) -> None:
        task, rng = self._task, self._rng
        state = task.arm_state
        specs = [
            AnchorSpec(entity=name, anchor=Anchor(anchor))
            for name, anchor in tokens_of(skill, *args)
        ]
        try:
            binding = bind(specs, task.truth(), state.T_base_tool)
        except RefusedError as refusal:
            raise AttemptFailed(f"nothing to act on: {type(refusal).__name__}") from refusal
        tokens = binding.tokens_at(state.T_base_tool)
        expert = make_expert(skill, tokens, state.T_base_tool, self._style, _PERIOD_S)
        disturbance = Disturbance(rng, largest_m=_FINE_M.get(skill, 0.03))
        done_ticks = 0
        for _ in range(_MAX_TICKS):
            push = disturbance.step() if done_ticks == 0 else None
            if push is None:
                state = task.arm_state
                step = expert.act(state.T_base_tool, state.opening)
                target, self._opening = step.T_base_tool, step.opening
                done_ticks += step.done
            else:
                target = expert.displace(*push)
            self._step(target, skill, valid=push is None, done=last and done_ticks > 0)
            if done_ticks > _TAIL_TICKS:
                return
        raise AttemptFailed("the expert took too long")

    def _go_home(self) -> None:
        home = self._task.robot.home(DEFAULT_ARM)
        mover = Mover(self._task.arm_state.T_base_tool, self._style, _PERIOD_S)
        for _ in range(_MAX_TICKS):
            target = mover.towards(home)
            self._step(target, "home", valid=True, done=False)
            if max(target.distance_to(home)) < _ARRIVED:
                return
        raise AttemptFailed("the way home took too long")

    def _step(self, target: SE3, phase: str, *, valid: bool, done: bool) -> None:
        action = encode_action(target, self._opening)
        self._rows.add(self._sensed, action, valid=valid, done=done, phase=phase)
        self._sensed = self._task.step(action)


TASKS: Mapping[str, TaskSpec] = {
    "training": TaskSpec(
        name="tabletop:training",
        robot=PANDA.name,
        fps=CONTROL_HZ,
        state_names=STATE_NAMES,
        action_names=ACTION_NAMES,
        cameras=CAMERAS,
        open=TabletopTask,
        demonstrate=_demonstrate,
    )
}
"""The training tasks of the tabletop, all in one."""
