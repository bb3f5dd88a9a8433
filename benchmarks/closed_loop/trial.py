"""One run of a long task during which somebody may meddle, and how it is judged."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from robot_skills.app.options import SceneSource
from robot_skills.app.trials import loaded_policy
from robot_skills.app.wiring import Cell, CellConfig, simulated_cell
from robot_skills.core.errors import RefusedError
from robot_skills.core.events import Event, EventKind, EventList
from robot_skills.core.plan import SkillCall
from robot_skills.scheduler.closed_loop import ClosedLoop
from robot_skills.scheduler.critic import goal_unmet
from robot_skills.scheduler.executive import Strategy
from robot_skills.scheduler.open_loop import OpenLoop
from robot_skills.scheduler.runs import RunResult
from robot_skills.skills.runner import HOME
from sim.disturbances import ChangeKind, Disturbance, disturb, draw_disturbance
from sim.robot import SimRobot
from sim.tabletop.long_horizon import LONG_TASKS
from sim.tabletop.tasks import Instance

FIRST_SEED = 1_800_000
"""Scenes from here on were never used to choose anything."""
CLOSED, OPEN = "closed", "open"
STRATEGIES: Mapping[str, type[Strategy]] = {CLOSED: ClosedLoop, OPEN: OpenLoop}
_QUICK_S = 60.0
"""A run whose thing was taken away for good ends in this time, or it is not right."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One trial, as it is written down.

    Attributes:
        task: Name of the task.
        kind: What somebody did.
        strategy: Who decided what comes after a call.
        index: Number of the trial; both strategies get the same scene and the same change.
        thing: What it was done to; empty where nothing was done.
        during: Call at whose time it was done.
        happened: Whether it came about before the run was over.
        alternative: Whether another thing of the same kind would do as well.
        right: The goal holds in truth; or the thing is gone for good, there is no other, and the
            run ended in time with the reason that it is.
        reached: The goal holds in truth.
        believed: The run says that the goal holds.
        reason: Why it ended.
        calls: Attempts at skills.
        replans: Plans after the first.
        false_replans: Of them, those made although all that the call before had promised was true.
        sim_s: Simulated time.
        after_s: Of it, time after the change; None where it did not happen.
    """

    task: str
    kind: str
    strategy: str
    index: int
    thing: str
    during: str
    happened: bool
    alternative: bool
    right: bool
    reached: bool
    believed: bool
    reason: str
    calls: int
    replans: int
    false_replans: int
    sim_s: float
    after_s: float | None


def closed_loop_trial(
    number: int, kind: ChangeKind, strategy: str, scene: SceneSource, index: int
) -> Row:
    """Carry out one instance of a task while somebody meddles.

    Args:
        number: Of the task in `LONG_TASKS`.
        kind: What somebody does.
        strategy: Who decides, a key of `STRATEGIES`.
        scene: Where scenes come from.
        index: Number of the trial.
    """
    task = LONG_TASKS[number]
    rng = np.random.default_rng((FIRST_SEED, number, index))
    instance = task.draw(rng)
    change = draw_disturbance(kind, task.things(instance), task.calls, rng)
    watch = _Bystander(change, rng)
    events = EventList()
    config = CellConfig(scene=scene, seed=index, layout=instance.layout)
    with simulated_cell(
        config, (events, watch), policy_loader=loaded_policy, strategy=STRATEGIES[strategy]()
    ) as cell:
        watch.watch(cell)
        result, reason = _run(cell, instance)
        reached = task.reached(instance, cell.truth())
        sim_s = cell.sim.clock.now_s()
    after_s = None if watch.done_s is None else sim_s - watch.done_s
    alternative = bool(task.alternatives(instance, change.thing))
    believed = result is not None and result.success
    gone = kind is ChangeKind.REMOVED and after_s is not None and not alternative
    quick = after_s is not None and after_s <= _QUICK_S
    right = reached
    if gone and not reached:
        right = not believed and quick and says_gone(reason, change.thing)
    return Row(
        task=task.task.name,
        kind=kind.value,
        strategy=strategy,
        index=index,
        thing="" if kind is ChangeKind.NONE else change.thing,
        during=watch.during,
        happened=watch.done_s is not None,
        alternative=alternative,
        right=right,
        reached=reached,
        believed=believed,
        reason=reason,
        calls=len(events.of_kind(EventKind.SKILL_START)),
        replans=len(events.of_kind(EventKind.REPLAN)),
        false_replans=watch.false_replans,
        sim_s=sim_s,
        after_s=after_s,
    )


def _run(cell: Cell, instance: Instance) -> tuple[RunResult | None, str]:
    try:
        result = cell.run(instance.instruction)
    except RefusedError as refusal:
        return None, f"refused: {refusal}"
    return result, result.reason


def says_gone(reason: str, thing: str) -> bool:
    """Whether a reason says that this thing is not there any more."""
    named = thing in reason or thing.replace("_", " ") in reason
    return named and any(word in reason for word in ("is gone", "not in the scene", "Nothing"))


class _Bystander:
    """Hears what the robot does, meddles once, and notes new plans that nothing called for."""

    def __init__(self, change: Disturbance, rng: np.random.Generator) -> None:
        self._change, self._rng = change, rng
        self._calls = -1
        self._due_s: float | None = None
        self._last: SkillCall | None = None
        self._cell: Cell | None = None
        self.during = ""
        self.done_s: float | None = None
        self.false_replans = 0

    def watch(self, cell: Cell) -> None:
        """Begin to listen to a cell."""
        self._cell = cell
        cell.sim.on_step.append(self._step)

    def emit(self, event: Event) -> None:
        """Hear a decision."""
        match event.kind:
            case EventKind.SKILL_START if event.data["skill"] != HOME:
                self._calls += 1
                if self._calls == self._change.call:
                    self.during = f"{event.data['skill']}({', '.join(event.data['args'].values())})"
                    self._due_s = event.stamp_s + self._change.delay_s
            case EventKind.SKILL_END:
                self._last = SkillCall(skill=event.data["skill"], args=event.data["args"])
            case EventKind.REPLAN:
                self.false_replans += self._nothing_called_for_it()

    def _step(self, robot: SimRobot) -> None:
        if self._change.kind is ChangeKind.NONE or self.done_s is not None:
            return
        if self._due_s is not None and robot.clock.now_s() >= self._due_s:
            self.done_s = robot.clock.now_s()
            disturb(robot.world, self._change, self._rng)

    def _nothing_called_for_it(self) -> bool:
        """Whether all that the call before has promised is true."""
        if self._cell is None or self._last is None:
            return False
        card = self._cell.executive.cards[self._last.skill]
        return not goal_unmet(self._cell.truth(), card.effects(self._last.args))
