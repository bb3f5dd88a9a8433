"""One skill, tried again and again until it succeeds in truth.

What a failed attempt has let go of, or has left crooked in the hand, is put back where it was at
the start, as a feeder would do, and is taken from there again. That, and the ways home, take their
time; nothing is skipped.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from robot_skills.app.gating import gate_here
from robot_skills.app.trials import loaded_policy
from robot_skills.app.wiring import load_predictors
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.events import EventKind, EventList
from robot_skills.core.plan import SkillCall
from robot_skills.core.policy import SuccessPredictor
from robot_skills.core.predicates import unmet
from robot_skills.core.types import DEFAULT_ARM
from robot_skills.skills.conditions import check_preconditions
from robot_skills.skills.giving_up import GivingUp
from robot_skills.skills.library import SkillLibrary
from robot_skills.skills.runner import SkillContext, run_skill
from sim.demonstrate import AttemptFailed, move_to, prepare
from sim.disturbances import put
from sim.mishaps import Blur, Mishap, MishapKind, draw_mishap, happen
from sim.robot import CONTROL_PERIOD_S, SimRobot
from sim.scenarios import Scenario, draw_scenario
from sim.truth import truth_scene

MOST_ATTEMPTS = 8
"""Of one task; it has failed then."""
_SETTLED_S = 0.6
_NOTHING = Mishap(kind=MishapKind.NONE, tick=0, strength=0.0)
_GRASPS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """How hard the attempts are.

    Attributes:
        name: Of the setting.
        skill: That is tried.
        mishap: What befalls an attempt.
        strength: How badly, in [0, 1].
        chance: How often; whether and when is drawn anew for every attempt, and it is over with it.
    """

    name: str
    skill: str
    mishap: MishapKind = MishapKind.NONE
    strength: float = 0.0
    chance: float = 1.0


SETTINGS = {
    setting.name: setting
    for setting in (
        Setting(
            name="insert, gripper sticks",
            skill="insert",
            mishap=MishapKind.STUCK,
            chance=0.5,
        ),
        Setting(
            name="grasp, things seen off",
            skill="grasp",
            mishap=MishapKind.BLURRED,
            strength=1.0,
        ),
        Setting(name="insert", skill="insert"),
        Setting(name="grasp", skill="grasp"),
        Setting(name="place", skill="place"),
    )
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """One attempt, as it is written down.

    Attributes:
        success: In truth.
        duration_s: Until it was over, the way home included.
        motion_s: Of it, the motion without the way home.
        broken_off: Whether it was ended because success had become unlikely.
        reason: Why it ended.
        asked_s: When the predictor was asked, from the start of the motion.
        likely: What it said.
        again_s: From its end until the next attempt began; 0 for the last one.
    """

    success: bool
    duration_s: float
    motion_s: float
    broken_off: bool
    reason: str
    asked_s: list[float]
    likely: list[float]
    again_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One task, as it is written down.

    Attributes:
        setting: Name of the setting.
        seed: Of all tasks of its kind.
        index: Number of the task.
        rule: Whether there was a rule that ends attempts early.
        success: Whether an attempt succeeded.
        makespan_s: Simulated time until then, or until nobody tried any more.
        attempts: That were made.
    """

    setting: str
    seed: int
    index: int
    rule: bool
    success: bool
    makespan_s: float
    attempts: list[Tried]


def makespan_trial(setting: Setting, seed: int, rule: GivingUp | None, index: int) -> Row | None:
    """Try until an attempt succeeds; None where the start could not be brought about.

    Args:
        setting: How hard it is.
        seed: Task i depends on ``(seed, i)`` and the setting alone.
        rule: When attempts end early; None for never.
        index: Number of the task.
    """
    rng = np.random.default_rng((seed, index))
    scenario = draw_scenario(setting.skill, rng)
    cell = SimRobot(layout=scenario.layout)
    cell.connect()
    try:
        prepare(cell, scenario, rng)
        held = scenario.held is not None
        move_to(cell, cell.home(DEFAULT_ARM), 0.0 if held else scenario.opening)
        return _Task(setting, scenario, cell, rule, seed, index).run()
    except AttemptFailed:
        return None
    finally:
        cell.close()


class _Task:
    """One task that has been set up."""

    def __init__(
        self,
        setting: Setting,
        scenario: Scenario,
        cell: SimRobot,
        rule: GivingUp | None,
        seed: int,
        index: int,
    ) -> None:
        self._setting, self._scenario, self._cell = setting, scenario, cell
        self._rule, self._seed, self._index = rule, seed, index
        self._attempts: list[Tried] = []
        self._events = EventList()
        self._robot = gate_here(cell, self._events)

    def run(self) -> Row:
        clock = self._cell.clock
        start_s = clock.now_s()
        while len(self._attempts) < MOST_ATTEMPTS:
            self._attempts.append(self._attempt(len(self._attempts)))
            if self._attempts[-1].success:
                break
            end_s = clock.now_s()
            if not self._ready_again(len(self._attempts)):
                break
            self._attempts[-1] = replace(self._attempts[-1], again_s=clock.now_s() - end_s)
        return Row(
            setting=self._setting.name,
            seed=self._seed,
            index=self._index,
            rule=self._rule is not None,
            success=self._attempts[-1].success,
            makespan_s=clock.now_s() - start_s,
            attempts=self._attempts,
        )

    def _attempt(self, number: int) -> Tried:
        """One attempt at the skill."""
        call = SkillCall(skill=self._setting.skill, args=self._scenario.args)
        rng = np.random.default_rng((self._seed, self._index, number, 2))
        mishap = self._mishap(rng)
        events = self._events.events
        first, start_s = len(events), self._cell.clock.now_s()
        with _gripper_restored(self._cell), self._happening(mishap, rng):
            result, _ = run_skill(call, self._context(number, mishap))
        duration_s = self._cell.clock.now_s() - start_s
        self._cell.clock.sleep_until(self._cell.clock.now_s() + _SETTLED_S)
        chunks = [event for event in events[first:] if event.kind is EventKind.CHUNK]
        asked = [event for event in chunks if "likely" in event.data]
        skills = [event for event in chunks if event.data["skill"] == call.skill]
        begun_s = skills[0].stamp_s if skills else start_s
        return Tried(
            success=not unmet(truth_scene(self._cell.world), self._scenario.effects),
            duration_s=duration_s,
            motion_s=(skills[-1].stamp_s - begun_s) if skills else duration_s,
            broken_off=bool(skills) and skills[-1].data["verdict"] == "unlikely",
            reason=f"{result.outcome.value}: {result.reason}",
            asked_s=[round(event.stamp_s - begun_s, 3) for event in asked],
            likely=[round(float(event.data["likely"]), 4) for event in asked],
        )

    def _ready_again(self, number: int) -> bool:
        """Bring about what another attempt needs; whether that went well."""
        thing = self._scenario.held
        cell = self._cell
        if thing is None:
            return True
        for grasp in range(_GRASPS):
            if self._can_begin():
                return True
            item = next(item for item in self._scenario.layout.objects if item.name == thing)
            put(cell.world, thing, item.T_base_object)
            call = SkillCall(skill="grasp", args={"object": thing})
            run_skill(call, self._context(_GRASPS * number + grasp, _NOTHING))
        return self._can_begin()

    def _can_begin(self) -> bool:
        """Whether the thing is in the hand as it has to be: a peg that has tilted does not fit."""
        card = _library()[self._setting.skill]
        return check_preconditions(card, self._scenario.args, truth_scene(self._cell.world)).ok

    def _mishap(self, rng: np.random.Generator) -> Mishap:
        """What befalls an attempt."""
        setting = self._setting
        tick = draw_mishap(setting.skill, rng).tick
        kind = setting.mishap if rng.random() < setting.chance else MishapKind.NONE
        return Mishap(kind=kind, tick=tick, strength=setting.strength)

    @contextmanager
    def _happening(self, mishap: Mishap, rng: np.random.Generator) -> Iterator[None]:
        """Let a mishap befall the world at its time."""
        cell, args = self._cell, self._scenario.args
        into = args.get("socket", args.get("target"))
        due_s, waiting = cell.clock.now_s() + mishap.tick * CONTROL_PERIOD_S, [mishap]

        def step(robot: SimRobot) -> None:
            if waiting and robot.clock.now_s() >= due_s:
                happen(waiting.pop(), robot.world, args["object"], into, rng)

        cell.on_step.append(step)
        try:
            yield
        finally:
            cell.on_step.remove(step)

    def _context(self, number: int, mishap: Mishap) -> SkillContext:
        """What an attempt runs with; what it sees is wrong in the same way all along."""
        cell, scenario = self._cell, self._scenario
        rng = np.random.default_rng((self._seed, self._index, number, 1))
        blur = Blur(mishap, scenario.args["object"], rng, scenario.args.get("socket"))
        return SkillContext(
            robot=self._robot,
            library=_library(),
            look=lambda: blur.believed(truth_scene(cell.world, cell.clock.now_s())),
            events=self._events,
            seed=1000 * self._index + number,
            predictors=_predictors(),
            giving_up={} if self._rule is None else {self._setting.skill: self._rule},
        )


@contextmanager
def _gripper_restored(cell: SimRobot) -> Iterator[None]:
    """The gripper does as it is told again afterwards, whatever befell it."""
    model, actuator = cell.world.model, cell.world.gripper_ctrl
    limited = int(model.actuator_ctrllimited[actuator])
    least_most = model.actuator_ctrlrange[actuator].copy()
    try:
        yield
    finally:
        model.actuator_ctrllimited[actuator] = limited
        model.actuator_ctrlrange[actuator] = least_most


@cache
def _library() -> SkillLibrary:
    """Cards and policies, loaded once per process."""
    return SkillLibrary.load(zoo_dir(), loaded_policy)


@cache
def _predictors() -> dict[str, SuccessPredictor]:
    return load_predictors(_library())
