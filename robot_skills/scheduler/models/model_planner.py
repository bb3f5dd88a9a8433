"""Plans by a language model: what it says is checked, and comes back to it until it is right.

Nothing that a model answers reaches a robot by itself. An answer is read as names of skills, things
and predicates that there are, judged by the same checker as any plan, and refused with reasons.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import (
    InstructionError,
    PerceptionError,
    PlanningError,
    RefusedError,
)
from robot_skills.core.plan import Plan, SkillCall
from robot_skills.core.scene import Scene
from robot_skills.scheduler.models.answers import Answer, AnswerKind, Step, read_answer
from robot_skills.scheduler.models.chat import ChatModel, ChatRequest, Message, Picture
from robot_skills.scheduler.models.errors import (
    AnswerFormatError,
    ImpossibleError,
    NeedsOperatorError,
    NoPicturesError,
    UnrepairedPlanError,
    one_line,
)
from robot_skills.scheduler.models.expectations import broken_expectations
from robot_skills.scheduler.models.pictures import encoded
from robot_skills.scheduler.models.prompt import Task, first_messages, repair_messages
from robot_skills.scheduler.models.restrictions import restrictions
from robot_skills.scheduler.models.schema import answer_schema
from robot_skills.scheduler.models.vocabulary import Vocabulary
from robot_skills.scheduler.plan_checker import PlanChecker, PlanVerdict
from robot_skills.scheduler.symbolic import SymbolicPlanner
from robot_skills.skills.card import SkillCard

Pictures = Callable[[], Mapping[str, NDArray[np.uint8]]]
"""What cameras see now, by name: RGB, (height, width, 3)."""

Check = Callable[[Plan, Scene], PlanVerdict]
"""Judges a plan for a scene, as `PlanChecker.check` does."""

_SAID = 20_000
"""So much of an answer that was refused is shown to the model again ..."""
_REASON = 600
"""... and so much of each reason."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelPlannerConfig:
    """How a model is asked.

    Attributes:
        model: Its name at the endpoint.
        temperature: Of sampling; None takes the model's own.
        max_tokens: Longest answer.
        max_repairs: How often a refused answer may be mended.
        max_steps: Longest plan.
        picture_px: Longest side of pictures that the model sees.
    """

    model: str
    temperature: float | None = 0.0
    max_tokens: int = 2000
    max_repairs: int = 2
    max_steps: int = 40
    picture_px: int = 512

    def __post_init__(self) -> None:
        if self.max_repairs < 0 or min(self.max_steps, self.picture_px, self.max_tokens) < 1:
            raise ValueError(
                "A model needs repairs >= 0, and answers, steps and pictures of at least 1."
            )


class ModelPlanner:
    """A `Planner` that asks a language model, or one that sees as well.

    Args:
        chat: Answers.
        cards: The skills, for example a `SkillLibrary`.
        config: How it is asked.
        check: Accepts plans; a `PlanChecker` without rules of a cell when None.
        pictures: What the cameras show; a model that only reads when None.
    """

    def __init__(
        self,
        chat: ChatModel,
        cards: Iterable[SkillCard],
        config: ModelPlannerConfig,
        check: Check | None = None,
        pictures: Pictures | None = None,
    ) -> None:
        self.name = "llm" if pictures is None else "vlm"
        self.repairs = 0
        self._chat, self._config, self._pictures = chat, config, pictures
        self._cards = tuple(cards)
        self._check = check or PlanChecker(self._cards).check
        self._search = SymbolicPlanner(self._cards)
        self._followed: tuple[SkillCall, ...] = ()
        self._done: tuple[SkillCall, ...] = ()

    def plan(self, instruction: str, scene: Scene) -> Plan:
        """Plan for an instruction. Raises as `answered` does."""
        return self.answered(instruction, scene)

    def replan(self, plan: Plan, scene: Scene) -> Plan:
        """Plan for what is left of a plan. Raises as `answered` does."""
        return self.answered(plan.instruction, scene, plan)

    def answered(
        self,
        instruction: str,
        scene: Scene,
        rest: Plan | None = None,
        dialogue: tuple[tuple[str, str], ...] = (),
    ) -> Plan:
        """Plan with what the operator has answered to the model's questions.

        Args:
            instruction: The operator's words.
            scene: As seen now.
            rest: What is left of the plan that was followed until now; its goal stays.
            dialogue: Questions and answers so far.

        Raises:
            InstructionError: There are no words.
            ModelError: The model gives no usable answer.
            NeedsOperatorError: It asks something.
            ImpossibleError: It says that it cannot be done.
            UnrepairedPlanError: What it plans does not stand up to the checker.
        """
        return self.alternatives(instruction, scene, rest, dialogue)[0]

    def alternatives(
        self,
        instruction: str,
        scene: Scene,
        rest: Plan | None = None,
        dialogue: tuple[tuple[str, str], ...] = (),
        count: int | None = None,
    ) -> list[Plan]:
        """Several ways to the same goal from one request, the best first; at least one.

        Those that do not stand up to the checker are left out as long as any does.

        Args:
            instruction: The operator's words.
            scene: As seen now.
            rest: What is left of the plan that was followed until now; its goal stays.
            dialogue: Questions and answers so far.
            count: How many to ask for; None for one.

        Raises:
            RefusedError: As `answered` says.
        """
        if not instruction.strip():
            raise InstructionError("The instruction is empty. Say what is to be done.")
        task = self._task(instruction, rest, dialogue)
        vocabulary = Vocabulary(scene, self._cards)
        schema = answer_schema(vocabulary, self._config.max_steps, count)
        messages = first_messages(task, vocabulary, count)
        reasons: Sequence[str] = ()
        for attempt in range(self._config.max_repairs + 1):
            reply = self._chat.ask(self._request(messages, schema))
            self.repairs += attempt > 0
            try:
                answer = read_answer(reply, schema, vocabulary)
                accepted, reasons = self._judged(answer, task, scene)
            except AnswerFormatError as error:
                accepted, reasons = [], [str(error)]
            reasons = [one_line(vocabulary.plainly(reason), _REASON) for reason in reasons]
            if accepted:
                # Of several, nobody knows here which will be followed.
                self._followed = accepted[0].calls if len(accepted) == 1 else ()
                return accepted
            messages = (*messages, *repair_messages(reply.text[:_SAID], reasons))
        raise UnrepairedPlanError(
            f"The model {self._config.model} found no plan that stands up to the check, after "
            f"{self._config.max_repairs} repairs: {'; '.join(reasons)}"
        )

    def _request(self, messages: tuple[Message, ...], schema: dict) -> ChatRequest:
        config = self._config
        return ChatRequest(
            messages=messages,
            schema=schema,
            model=config.model,
            temperature=config.temperature,
            max_tokens=config.max_tokens,
        )

    def _task(
        self, instruction: str, rest: Plan | None, dialogue: tuple[tuple[str, str], ...]
    ) -> Task:
        """What is asked for, with what was done since the last plan."""
        if rest is None:
            self._followed, self._done = (), ()
        else:
            made = len(self._followed) - len(rest.calls)
            if made > 0 and self._followed[made:] == rest.calls:
                self._done += self._followed[:made]
            self._followed = rest.calls
        return Task(
            instruction=instruction,
            dialogue=dialogue,
            plan=rest,
            done=self._done,
            pictures=self._shown(),
        )

    def _shown(self) -> dict[str, Picture]:
        """What the cameras show now, as the model sees it. Raises `NoPicturesError`."""
        try:
            pictures = {} if self._pictures is None else self._pictures()
        except PerceptionError as error:
            raise NoPicturesError(
                f"The model cannot be shown what the cameras see: {error} Look at the cameras, or "
                "use the planner 'llm'."
            ) from error
        return {name: encoded(rgb, self._config.picture_px) for name, rgb in pictures.items()}

    def _judged(
        self, answer: Answer, task: Task, scene: Scene
    ) -> tuple[list[Plan], tuple[str, ...]]:
        """The plans of an answer that may run, and what is wrong with the others.

        Raises:
            NeedsOperatorError: The answer is a question.
            ImpossibleError: The answer is that it cannot be done.
        """
        if answer.kind is AnswerKind.ASK:
            raise NeedsOperatorError(answer.say)
        if answer.kind is AnswerKind.IMPOSSIBLE:
            raise ImpossibleError(f"The model {self._config.model} says: {answer.say}")
        accepted: list[Plan] = []
        reasons: list[str] = []
        for steps in answer.plans or ((),):
            try:
                plan = self._plan(answer, steps, task, scene)
            except RefusedError as error:
                reasons.append(str(error))
                continue
            problems = self._check(plan, scene).reasons
            problems = problems or broken_expectations(steps, scene, self._cards)
            if not problems and plan not in accepted:
                accepted.append(plan)
            reasons += problems
        return accepted, tuple(dict.fromkeys(reasons))

    def _plan(self, answer: Answer, steps: tuple[Step, ...], task: Task, scene: Scene) -> Plan:
        """A plan of an answer, whose steps are searched for where there are none.

        Raises:
            PlanningError: No sequence of skills reaches the goal.
        """
        calls = tuple(step.call for step in steps)
        if task.plan is not None:
            plan = replace(task.plan, calls=calls, planner=self.name)
        else:
            plan = Plan(
                instruction=task.instruction,
                goal=answer.goal,
                calls=calls,
                planner=self.name,
                # Calls without a goal are made for their own sake.
                milestones=answer.on_the_way if answer.goal else (*answer.on_the_way, *calls),
                specification=restrictions(answer.never, answer.untouched),
            )
        if calls:
            return plan
        if not plan.goal and not plan.milestones:
            raise PlanningError("Neither goal nor steps are left.")
        found = self._search.plan(scene, plan.goal, plan.milestones, plan.specification)
        return replace(plan, calls=found)
