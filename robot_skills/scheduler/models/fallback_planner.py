"""A model first, the rules where there is none, and the operator where neither knows."""

import logging
from collections.abc import Callable
from dataclasses import replace

from robot_skills.core.errors import MissingSkillError, PlanningError, RefusedError
from robot_skills.core.plan import Plan, Planner
from robot_skills.core.scene import Scene
from robot_skills.scheduler.models.errors import (
    AskStoppedError,
    ExchangeError,
    ModelError,
    NeedsOperatorError,
    UnrepairedPlanError,
    one_line,
)
from robot_skills.scheduler.models.model_planner import Check, ModelPlanner
from robot_skills.scheduler.plan_checker import PlanRefusedError

_log = logging.getLogger(__name__)

Ask = Callable[[str], str | None]
"""Asks the operator a question; answers with None where nobody is there or wants to say more."""

_ANSWER = 500


def nobody(_question: str) -> None:
    """An operator who is not there."""
    return None


class FallbackPlanner:
    """A `Planner` that goes on where a model's endpoint is down, or the model is no help.

    Rules take over when there is no usable answer or the model cannot mend its plan; what they plan
    passes the same checker, so that nothing comes in by this way that was refused by the other.
    The operator is asked when the model has a question, and when rules refuse as well.

    Args:
        model: Is asked first.
        rules: Plans instead.
        check: Accepts plans of either, as `PlanChecker.check` does.
        ask: Asks the operator.
        max_questions: How often, for one plan.
    """

    def __init__(
        self,
        model: ModelPlanner,
        rules: Planner,
        check: Check,
        ask: Ask = nobody,
        max_questions: int = 2,
    ) -> None:
        if max_questions < 0:
            raise ValueError("Questions to the operator cannot be fewer than none.")
        self.model, self._rules, self._check = model, rules, check
        self._ask, self._max_questions = ask, max_questions

    @property
    def name(self) -> str:
        return self.model.name

    def plan(self, instruction: str, scene: Scene) -> Plan:
        """Plan for an instruction.

        Raises:
            RefusedError: Neither model nor rules have a plan; says why not, of both.
        """
        return self.ways(instruction, scene)[0]

    def replan(self, plan: Plan, scene: Scene) -> Plan:
        """Plan for the same goal from another scene. Raises as `plan` does."""
        return self.ways(plan.instruction, scene, plan)[0]

    def ways(
        self, instruction: str, scene: Scene, rest: Plan | None = None, count: int | None = None
    ) -> list[Plan]:
        """Several ways to the same goal, the best first; one where rules plan.

        Args:
            instruction: The operator's words.
            scene: As seen now.
            rest: What is left of the plan that was followed until now; its goal stays.
            count: How many ways to ask a model for; None for one.

        Raises:
            RefusedError: As `plan` says.
        """
        words, dialogue = instruction, ()
        for left in range(self._max_questions, -1, -1):
            try:
                plans = self.model.alternatives(words, scene, rest, dialogue, count)
                said = [f"asked: {question} answered: {answer}" for question, answer in dialogue]
                return [replace(plan, wording=(*plan.wording, *said)) for plan in plans]
            except NeedsOperatorError as error:
                reason: RefusedError = error
                answer = self._answer(error.question, left)
                if answer is not None:
                    dialogue = (*dialogue, (error.question, answer))
                    continue
            except (AskStoppedError, ExchangeError):
                # Neither is a fault of the model that somebody should cover up.
                raise
            except (ModelError, UnrepairedPlanError) as error:
                reason = error
            try:
                return [self._by_rules(words, scene, rest, reason)]
            except RefusedError as error:
                refusal = _of_both(reason, error)
            # The goal of a run that has begun stays, whatever words there are for it.
            again = None if rest else self._answer(f"{refusal} What is to be done instead?", left)
            if again is None:
                raise refusal
            words, dialogue = again, ()
        raise PlanningError("The operator was asked often enough. Say the whole task in one go.")

    def _by_rules(self, words: str, scene: Scene, rest: Plan | None, reason: RefusedError) -> Plan:
        """A plan of the rules that the checker accepts. Raises `RefusedError`."""
        _log.warning("Rules plan instead of a model: %s", reason)
        if rest is None:
            plan = self._rules.plan(words, scene)
        else:
            plan = replace(self._rules.replan(rest, scene), planner=self._rules.name)
        verdict = self._check(plan, scene)
        if not verdict.accepted:
            raise PlanRefusedError(verdict)
        wording = (*plan.wording, f"planned by {self._rules.name}: {reason}")
        return replace(plan, wording=tuple(dict.fromkeys(wording)))

    def _answer(self, question: str, left: int) -> str | None:
        """What the operator says; None when there is nobody, nothing, or it was asked enough."""
        answer = self._ask(question) if left else None
        return one_line(answer or "", _ANSWER) or None


def _of_both(model: RefusedError, rules: RefusedError) -> PlanningError:
    """One refusal that tells both reasons, and what would have to be taught where rules know it."""
    message = f"{model} Rules have no plan either: {rules}"
    if isinstance(rules, MissingSkillError):
        return MissingSkillError(
            message, verb=rules.verb, parameters=rules.parameters, effects=rules.effects
        )
    return PlanningError(message)
