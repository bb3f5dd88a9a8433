"""What a learned scheduler learns from: requests carried out in imagination, by a teacher.

The teacher is told what a request asks for and does not read its words. Skills fail at random, and
the closed loop shows how to recover. What it foresees is learned from besides what then happens.
"""

from dataclasses import replace

import numpy as np

from policies.learned_scheduler.samples import Sample
from robot_skills.app.imagined import ImaginedCell
from robot_skills.app.scheduler_notes import Cards, History, Notes
from robot_skills.core.errors import PlanningError, RefusedError
from robot_skills.core.events import EventList
from robot_skills.core.next_call import NextCallPredictor, with_attempt
from robot_skills.core.plan import Literal, Milestone, Plan, SkillCall
from robot_skills.core.predicates import PASSING
from robot_skills.core.scene import Scene
from robot_skills.scheduler.closed_loop import ClosedLoop
from robot_skills.scheduler.executive import Executive, ExecutiveConfig
from robot_skills.scheduler.moments import Moments
from robot_skills.scheduler.runs import Run
from robot_skills.scheduler.symbolic import SymbolicPlanner
from robot_skills.scheduler.temporal.monitor import Monitor
from sim.imagined import imagined_scene
from sim.tabletop.requests import Request

_PATIENT = ExecutiveConfig(max_replans=20)
"""Whoever shows how to recover goes on for longer than a robot would."""
_OVERRIDDEN = PASSING | {"holding", "open", "closed", "turned_on", "turned_off"}
"""What one wish may end that another was for."""

_MOST = 25
"""Attempts of a learned scheduler that are relabelled."""


class Teacher:
    """A `Planner` that is told what is wished for, and fulfils wishes in their order.

    Args:
        cards: The skills.
        steps: What is to hold, or to be done, one after the other.
    """

    name = "teacher"

    def __init__(self, cards: Cards, steps: tuple[Milestone, ...]) -> None:
        self._search = SymbolicPlanner(cards)
        self._cards, self._steps = cards, steps

    def plan(self, instruction: str, scene: Scene) -> Plan:
        """Raises `PlanningError` when there is no way, or wishes contradict each other."""
        calls = self._search.plan(scene, (), self._steps)
        moments = Moments(self._cards, instruction, scene)
        state = moments.start
        for call in calls:
            state = moments.model.apply(state, moments.calls[str(call)].effects)
        wished = [
            literal for step in self._steps if not isinstance(step, SkillCall) for literal in step
        ]
        undone = moments.model.unmet(state, wished)
        if any(literal.predicate not in _OVERRIDDEN for literal in undone):
            raise PlanningError("The wishes contradict each other.")
        goal = tuple(dict.fromkeys(literal for literal in wished if literal not in undone))
        return Plan(
            instruction=instruction,
            goal=goal,
            calls=calls,
            planner=self.name,
            milestones=self._steps,
        )

    def replan(self, plan: Plan, scene: Scene) -> Plan:
        """Raises as `plan` does."""
        return replace(plan, calls=self._search.plan(scene, plan.goal, plan.milestones))


def lesson(
    request: Request, cards: Cards, failing: float, rng: np.random.Generator
) -> list[Sample]:
    """What is right at every moment of a request; nothing where no way leads to its end.

    Args:
        request: What is asked for.
        cards: The skills.
        failing: How often an attempt goes wrong.
        rng: Of what goes wrong, and how.
    """
    notes = Notes(cards, request.wordings, request.renamed)
    scene = imagined_scene(request.layout)
    if request.foreign:
        entities = {name: e for name, e in scene.entities.items() if name != request.missing}
        notes.unknown(replace(scene, entities=entities))
        return notes.samples
    teacher = Teacher(cards, steps_of(request, cards))
    cell = ImaginedCell(scene, cards, failing, rng)
    executive = Executive(
        strategy=ClosedLoop(),
        planner=teacher,
        cards=cards,
        run=cell.run,
        look=cell.look,
        now_s=cell.now_s,
        events=EventList(),
        config=_PATIENT,
    )
    try:
        result = executive.run(request.wordings[0])
    except RefusedError:
        return []
    if not result.success:
        return []
    history: History = ()
    notes.foreseen(scene, result.plans[0].calls)
    for step in cell.steps:
        notes.seen(step.scene, history, step.call)
        history = with_attempt(history, step.call, step.ok)
    notes.seen(result.scene, history, None)
    return notes.samples


def steps_of(request: Request, cards: Cards) -> tuple[Milestone, ...]:
    """Wishes of a request as what is to hold, or to be done, in order."""
    parameters = {card.name: [parameter.name for parameter in card.parameters] for card in cards}

    def step(fact: tuple[str, ...], is_call: bool) -> Milestone:
        head, *args = fact
        if is_call:
            return SkillCall(skill=head, args=dict(zip(parameters[head], args, strict=True)))
        return (Literal(predicate=head, args=tuple(args)),)

    return tuple(step(*wish) for wish in zip(request.wishes, request.calls, strict=True))


def relabelled(
    request: Request,
    cards: Cards,
    predictor: NextCallPredictor,
    failing: float,
    rng: np.random.Generator,
) -> list[Sample]:
    """What would have been right where a learned scheduler comes to by itself.

    It carries the request out, and the teacher says at every moment what it should have done, as in
    *A Reduction of Imitation Learning and Structured Prediction to No-Regret Online Learning* (Ross
    et al., 2011).

    Args:
        request: What is asked for.
        cards: The skills.
        predictor: Who carries it out.
        failing: How often an attempt goes wrong.
        rng: Of what goes wrong, and how.
    """
    if request.foreign:
        return []
    notes = Notes(cards, request.wordings, request.renamed)
    teacher = Teacher(cards, steps_of(request, cards))
    cell = ImaginedCell(imagined_scene(request.layout), cards, failing, rng)
    history: History = ()
    try:
        plan = teacher.plan(request.wordings[0], cell.scene)
        run = Run(plan=plan, scene=cell.scene, plan_ms=0.0, monitor=Monitor.of(None, {}))
        for attempt in range(_MOST):
            run.scene = cell.scene
            run.pass_milestones()
            right = next(iter(teacher.replan(run.rest(), run.scene).calls), None)
            notes.seen(run.scene, history, right)
            if right is None:
                break
            call = _likeliest(predictor, notes.moments(run.scene), history) or right
            result, _ = cell.run(call, run.scene, attempt)
            history = with_attempt(history, call, result.ok)
            if result.ok and run.milestones[:1] == [call]:
                run.milestones.pop(0)
    except RefusedError:
        # From where it has come to there is no way any more; what was right until then counts.
        return notes.samples
    return notes.samples


def _likeliest(
    predictor: NextCallPredictor, moments: Moments, history: History
) -> SkillCall | None:
    """The likeliest call that can be made; None where the end, or not knowing, is likelier."""
    scores = predictor.scores(moments.at(moments.start, history))
    best = int(scores.argmax())
    if best >= len(moments.calls):
        return None
    for i in np.argsort(-scores[: len(moments.calls)], kind="stable"):
        call = list(moments.calls.values())[i]
        if not moments.model.unmet(moments.start, call.preconditions):
            return call.call
    return None
