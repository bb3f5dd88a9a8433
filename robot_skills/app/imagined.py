"""Runs in an imagined tabletop, whose skills fail at random: what sequencers learn from."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from policies.sequencer.training import Choice
from robot_skills.core.errors import RefusedError
from robot_skills.core.events import EventList
from robot_skills.core.plan import Outcome, Plan, Planner, SkillCall, SkillResult
from robot_skills.core.scene import Scene
from robot_skills.core.sequencer import LastCall
from robot_skills.scheduler.closed_loop import ClosedLoop
from robot_skills.scheduler.critic import goal_unmet
from robot_skills.scheduler.executive import Executive, ExecutiveConfig, Strategy
from robot_skills.scheduler.runs import Run, RunResult
from robot_skills.scheduler.situations import Situations
from robot_skills.scheduler.temporal.monitor import Monitor
from robot_skills.skills.card import SkillCard
from robot_skills.skills.conditions import check_preconditions
from sim.imagined import fulfilled, gone_wrong, imagined_scene
from sim.tabletop.tasks import Instance, Task

_CALL_S = 5.0
"""A call is imagined to take so long."""
_PATIENT = ExecutiveConfig(max_replans=20)
"""Whoever shows how to recover goes on for longer than a robot would."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Step:
    """One attempt at a call.

    Attributes:
        scene: As seen before it.
        call: What was attempted.
        ok: Whether it succeeded.
    """

    scene: Scene
    call: SkillCall
    ok: bool


class ImaginedCell:
    """Carries out calls in a scene that nothing moves but they.

    Args:
        scene: How it begins.
        cards: The skills.
        failing: How often an attempt goes wrong.
        rng: Of what goes wrong, and how.

    Attributes:
        scene: As it is now.
        steps: Every attempt.
    """

    def __init__(
        self, scene: Scene, cards: Iterable[SkillCard], failing: float, rng: np.random.Generator
    ) -> None:
        self.scene = scene
        self.steps: list[Step] = []
        self._cards = {card.name: card for card in cards}
        self._failing = failing
        self._rng = rng

    def now_s(self) -> float:
        """Time since the start."""
        return _CALL_S * len(self.steps)

    def look(self) -> Scene:
        """The scene as it is now."""
        return self.scene

    def run(self, call: SkillCall, scene: Scene, attempt: int) -> tuple[SkillResult, Scene]:
        """Make one attempt; a `SkillRunner`."""
        reason = self._attempt(call)
        self.steps.append(Step(scene=scene, call=call, ok=not reason))
        outcome = Outcome.FAILED if reason else Outcome.SUCCESS
        result = SkillResult(call=call, outcome=outcome, reason=reason, duration_s=_CALL_S)
        return result, self.scene

    def _attempt(self, call: SkillCall) -> str:
        """What is wrong afterwards; empty when nothing is."""
        card = self._cards[call.skill]
        check = check_preconditions(card, call.args, self.scene)
        if not check.ok:
            return f"cannot start: {check.reason}"
        effects = card.effects(call.args)
        wrong = self._rng.random() < self._failing
        try:
            after = fulfilled(self.scene, effects)
        except RefusedError as error:
            return str(error)
        self.scene = gone_wrong(self.scene, effects, self._rng) if wrong else after
        unmet = goal_unmet(self.scene, effects)
        return ", ".join(f"{literal} does not hold" for literal in unmet)


def imagine(
    instance: Instance,
    cards: Iterable[SkillCard],
    planner: Planner,
    strategy: Strategy,
    failing: float,
    rng: np.random.Generator,
    config: ExecutiveConfig | None = None,
) -> tuple[RunResult, ImaginedCell]:
    """Carry out an instruction in imagination.

    Args:
        instance: The instruction and its scene.
        cards: The skills.
        planner: Makes the plans.
        strategy: Goes on from them.
        failing: How often an attempt goes wrong.
        rng: Of what goes wrong, and how.
        config: How long it goes on trying.

    Raises:
        RefusedError: The instruction is refused.
    """
    cards = tuple(cards)
    cell = ImaginedCell(imagined_scene(instance.layout), cards, failing, rng)
    executive = Executive(
        strategy=strategy,
        planner=planner,
        cards=cards,
        run=cell.run,
        look=cell.look,
        now_s=cell.now_s,
        events=EventList(),
        config=config,
    )
    return executive.run(instance.instruction), cell


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Shown:
    """What a run shows that came to its goal.

    Attributes:
        choices: What was done next, and in which situation; at last, to be done.
        failures: Attempts that went wrong on the way.
    """

    choices: tuple[Choice, ...]
    failures: int


def demonstrated(
    task: Task,
    cards: Iterable[SkillCard],
    planner: Planner,
    failing: float,
    rng: np.random.Generator,
) -> Shown | None:
    """What a run of a task shows; None where it missed its goal.

    Args:
        task: Whose words and scenes are drawn.
        cards: The skills.
        planner: Shows what to do, and how to recover.
        failing: How often an attempt goes wrong.
        rng: Of everything.
    """
    cards = tuple(cards)
    instance = task.draw(rng)
    try:
        result, cell = imagine(instance, cards, planner, ClosedLoop(), failing, rng, _PATIENT)
    except RefusedError:
        # Some scenes leave no way, for example for a hand that pushes.
        return None
    if not result.success:
        return None
    failures = sum(not step.ok for step in cell.steps)
    return Shown(choices=_choices(result, cell.steps, cards), failures=failures)


def _choices(
    result: RunResult, steps: Iterable[Step], cards: tuple[SkillCard, ...]
) -> tuple[Choice, ...]:
    monitor = Monitor.of(None, {card.name: card for card in cards})
    run = Run(plan=result.plans[0], scene=result.scene, plan_ms=0.0, monitor=monitor)
    last: LastCall | None = None
    choices = []
    for step in steps:
        run.scene = step.scene
        run.pass_milestones()
        choices.append(_choice(run, step.call, last, cards))
        if step.ok and run.milestones[:1] == [step.call]:
            run.milestones.pop(0)
        again = last is not None and last.call == step.call
        failures = 1 + (last.failures if last is not None and again else 0)
        last = LastCall(call=step.call, ok=step.ok, failures=0 if step.ok else failures)
    run.scene = result.scene
    run.pass_milestones()
    return (*choices, _choice(run, None, last, cards))


def _choice(
    run: Run, call: SkillCall | None, last: LastCall | None, cards: tuple[SkillCard, ...]
) -> Choice:
    """What was done, a call or, for None, the end, and in which situation."""
    situations = Situations(cards, run.scene)
    rest: Plan = replace(run.plan, calls=(), milestones=tuple(run.milestones))
    situation = situations.at(situations.start, rest, last)
    calls = [option.call for option in situation.options]
    return Choice.of(situation, len(calls) if call is None else calls.index(call))
