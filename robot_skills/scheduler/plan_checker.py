"""The gate between planners and robots: accepts a plan, or says everything that is wrong with it.

Pure: whatever made the plan (rules, a language model, a person) is judged on the same scene and
cards, by carrying the cards' effects through the symbolic model.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from robot_skills.core.errors import PlanningError, RefusedError, RobotSkillsError
from robot_skills.core.plan import Literal, Plan, SkillCall, Specification
from robot_skills.core.predicates import PREDICATES, arity
from robot_skills.core.scene import Scene
from robot_skills.scheduler.temporal.planning import begun, foreseen
from robot_skills.scheduler.temporal.reader import parse_formula, refuse_unknown
from robot_skills.scheduler.world_model import (
    State,
    WorldModel,
    card_predicates,
    ground_call,
    why_not_fits,
    why_not_pushed,
)
from robot_skills.skills.card import SkillCard

CallRule = Callable[[SkillCall, Scene], str | None]
"""Judges one call; answers with the reason to refuse it, for example a forbidden region."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckerConfig:
    """What every plan has to respect.

    Attributes:
        max_calls: Longest plan that is accepted.
        rules: Further rules of the cell, asked about every call.
    """

    max_calls: int = 40
    rules: tuple[CallRule, ...] = ()

    def __post_init__(self) -> None:
        if self.max_calls < 1:
            raise ValueError("A plan checker needs max_calls of at least 1.")


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanVerdict:
    """Whether a plan may run.

    Attributes:
        reasons: One line per thing that is wrong.
        call: The first call that cannot be made; None where each can.
    """

    reasons: tuple[str, ...] = ()
    call: SkillCall | None = None

    @property
    def accepted(self) -> bool:
        return not self.reasons


class PlanRefusedError(PlanningError):
    """A planner's plan does not stand up to the checker.

    Attributes:
        call: The first call that cannot be made; None where each can.
    """

    def __init__(self, verdict: PlanVerdict) -> None:
        super().__init__(f"The plan is refused: {'; '.join(verdict.reasons)}.")
        self.call = verdict.call


class PlanChecker:
    """Checks plans against skills and scene.

    Args:
        cards: The skills, for example a `SkillLibrary`.
        config: Limits and rules.
    """

    def __init__(self, cards: Iterable[SkillCard], config: CheckerConfig | None = None) -> None:
        self._cards = {card.name: card for card in cards}
        self._config = config or CheckerConfig()

    def check(self, plan: Plan, scene: Scene) -> PlanVerdict:
        """Judge a plan for a scene. Never raises for what a plan says."""
        verdict = self._form(plan, scene)
        return self._execution(plan, scene) if verdict.accepted else verdict

    def _form(self, plan: Plan, scene: Scene) -> PlanVerdict:
        """What is wrong without looking at what the calls do."""
        reasons = []
        wrong: SkillCall | None = None
        if len(plan.calls) > self._config.max_calls:
            reasons.append(f"{len(plan.calls)} calls, at most {self._config.max_calls} are allowed")
        for i, call in enumerate(plan.calls[: self._config.max_calls], start=1):
            problems = self.problems(call, scene)
            wrong = wrong or (call if problems else None)
            reasons += [f"call {i}, {call}: {problem}" for problem in problems]
        steps = [step for step in plan.milestones if not isinstance(step, SkillCall)]
        for literal in (*plan.goal, *(literal for step in steps for literal in step)):
            reasons += _literal_problems(literal, scene)
        if plan.specification is not None and not plan.specification.rest:
            reasons += self._specification_problems(plan.specification, scene)
        return PlanVerdict(reasons=tuple(reasons), call=wrong)

    def _specification_problems(self, specification: Specification, scene: Scene) -> list[str]:
        """What of a specification cannot be read, or names what is not there."""
        reasons = []
        for part in specification.parts:
            try:
                refuse_unknown(parse_formula(part), scene, self._cards.values())
            except RefusedError as error:
                reasons.append(str(error))
        return reasons

    def problems(self, call: SkillCall, scene: Scene) -> list[str]:
        """What is wrong with one call, whatever comes before it."""
        card = self._cards.get(call.skill)
        if card is None:
            known = ", ".join(sorted(self._cards)) or "none"
            return [f"there is no skill {call.skill!r} (available: {known})"]
        try:
            card.check_args(call.args, scene)
        except RobotSkillsError as error:
            return [str(error)]
        verdicts = (rule(call, scene) for rule in self._config.rules)
        return [verdict for verdict in verdicts if verdict is not None]

    def _execution(self, plan: Plan, scene: Scene) -> PlanVerdict:
        """What goes wrong when the calls do what their cards say."""
        model = WorldModel(scene, card_predicates(self._cards.values()))
        state = model.initial()
        ahead = list(plan.milestones)
        try:
            progress = begun(plan.specification or Specification(parts=()), model, state)
            if progress.violated:
                return PlanVerdict(reasons=(f"{'; '.join(progress.violated)} is violated already",))
            _pass(ahead, model, state)
            for i, call in enumerate(plan.calls, start=1):
                grounded = ground_call(self._cards[call.skill], call.args)
                missing = model.unmet(state, grounded.preconditions)
                if missing:
                    why = ", ".join(_describe(literal, scene) for literal in missing)
                    reason = f"call {i}, {call}: {why} would not hold before it"
                    return PlanVerdict(reasons=(reason,), call=call)
                state, progress = foreseen(progress, model, state, grounded)
                if progress.violated:
                    reason = f"call {i}, {call}: it would violate {'; '.join(progress.violated)}"
                    return PlanVerdict(reasons=(reason,), call=call)
                if ahead and ahead[0] == call:
                    ahead.pop(0)
                _pass(ahead, model, state)
            reasons = self._end(plan, model, state, ahead)
            reasons += [f"{part} would not have come about" for part in progress.pending]
            return PlanVerdict(reasons=tuple(reasons))
        except RobotSkillsError as error:
            return PlanVerdict(reasons=(str(error),))

    def _end(self, plan: Plan, model: WorldModel, state: State, ahead: Sequence) -> list[str]:
        reasons = [
            f"{literal} would not hold at the end" for literal in model.unmet(state, plan.goal)
        ]
        if ahead:
            step = ahead[0]
            text = str(step) if isinstance(step, SkillCall) else " and ".join(map(str, step))
            reasons.append(f"{text} would not come about on the way")
        return reasons


def _pass(ahead: list, model: WorldModel, state: State) -> None:
    """Drop the milestones that hold now; calls are dropped when they are made."""
    while ahead and not isinstance(ahead[0], SkillCall) and not model.unmet(state, ahead[0]):
        ahead.pop(0)


def _literal_problems(literal: Literal, scene: Scene) -> list[str]:
    """What is wrong with a literal that somebody else may have made up."""
    if literal.predicate not in PREDICATES:
        known = ", ".join(sorted(PREDICATES))
        return [f"goal {literal}: there is no predicate {literal.predicate!r} (available: {known})"]
    least, most = arity(literal.predicate)
    if not least <= len(literal.args) <= most:
        return [f"goal {literal}: {literal.predicate} takes {least} things"]
    return [f"goal {literal}: there is no {arg!r}" for arg in literal.args if arg not in scene]


def _describe(literal: Literal, scene: Scene) -> str:
    if literal.predicate == "fits" and not literal.negated:
        return f"{literal} ({why_not_fits(scene, *literal.args)})"
    if literal.predicate == "way_free" and not literal.negated:
        return f"{literal} ({why_not_pushed(scene, *literal.args)})"
    return str(literal)
