"""Asks a learned sequencer for the next call, again and again, until it says that all is done.

The upper level of *Multi-Stage Cable Routing through Hierarchical Imitation Learning* (Luo et al.,
2023): what comes next, another attempt among it, is predicted from what is wanted, what is seen and
what was just done. What is predicted passes the same checks as any plan; what they refuse gives way
to the next best.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NoReturn

import numpy as np

from robot_skills.core.errors import RefusedError
from robot_skills.core.events import EventKind
from robot_skills.core.plan import Milestone, Plan, SkillCall, SkillResult, Specification
from robot_skills.core.scene import Scene
from robot_skills.core.sequencer import LastCall, Sequencer
from robot_skills.scheduler.critic import goal_unmet
from robot_skills.scheduler.executive import Executive
from robot_skills.scheduler.language import Understanding
from robot_skills.scheduler.runs import Ended, Run, end_for_good, summary, unmet_text
from robot_skills.scheduler.situations import Situations
from robot_skills.scheduler.temporal.planning import begun, foreseen
from robot_skills.scheduler.world_model import State, WorldModel
from robot_skills.skills.card import SkillCard

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class SequencingConfig:
    """How long it goes on trying.

    Attributes:
        max_repeats: Most attempts at one call while the same is missing.
        max_foreseen: Most calls that are foreseen.
    """

    max_repeats: int = 5
    max_foreseen: int = 30

    def __post_init__(self) -> None:
        if min(self.max_repeats, self.max_foreseen) < 1:
            raise ValueError("Sequencing needs max_repeats >= 1 and max_foreseen >= 1.")


class Sequencing:
    """A `Planner` and a `Strategy` that follow a learned sequencer.

    As a planner it foresees the calls that the sequencer will ask for if each does what its card
    says; so an instruction that it is not up to is refused before anything moves.

    Args:
        sequencer: Predicts what comes next.
        read: What an instruction asks for in a scene; `LanguageParser.parse`.
        cards: The skills, for example a `SkillLibrary`.
        config: How long it goes on trying.
    """

    name = "sequencer"

    def __init__(
        self,
        sequencer: Sequencer,
        read: Callable[[str, Scene], Understanding],
        cards: Iterable[SkillCard],
        config: SequencingConfig | None = None,
    ) -> None:
        self.config = config or SequencingConfig()
        self._sequencer = sequencer
        self._read = read
        self._cards = tuple(cards)

    def plan(self, instruction: str, scene: Scene) -> Plan:
        """Foresee the calls for an instruction. Raises as `robot_skills.core.plan.Planner` says."""
        understood = self._read(instruction, scene)
        plan = Plan(
            instruction=instruction,
            goal=understood.goal,
            calls=(),
            planner=self.name,
            wording=understood.wording,
            milestones=understood.milestones,
            specification=understood.specification,
        )
        return self.replan(plan, scene)

    def replan(self, plan: Plan, scene: Scene) -> Plan:
        """Foresee the calls for what is left of a plan, from another scene."""
        return replace(plan, calls=tuple(self.foreseen(plan, scene)))

    def carry_out(self, executive: Executive, run: Run) -> NoReturn:
        """Make calls until the run is over. Raises `Ended`."""
        _Steps(self, executive, run).go()

    def ranked(
        self, situations: Situations, state: State, rest: Plan, last: LastCall | None
    ) -> list[SkillCall | None]:
        """What could come next, most likely first; None stands for being done."""
        situation = situations.at(state, rest, last)
        order = np.argsort(-self._sequencer.scores(situation), kind="stable")
        choices = [*(option.call for option in situation.options), None]
        return [choices[i] for i in order]

    def foreseen(
        self, rest: Plan, scene: Scene, first: SkillCall | None = None
    ) -> Iterator[SkillCall]:
        """Calls up to the goal, each doing what its card says; they end where none is possible.

        Args:
            rest: What is left of the instruction.
            scene: The latest look.
            first: The call to begin with; the most likely one when None.
        """
        situations = Situations(self._cards, scene)
        model, state, last = situations.model, situations.start, None
        grounded = {str(call.call): call for call in situations.calls}
        progress = begun(rest.specification or Specification(parts=()), model, state)

        def possible(call: SkillCall | None) -> bool:
            if call is None:
                reached = not rest.milestones and not model.unmet(state, rest.goal)
                return reached and progress.accepted
            if model.unmet(state, grounded[str(call)].preconditions):
                return False
            return not foreseen(progress, model, state, grounded[str(call)])[1].violated

        rest = replace(rest, milestones=_ahead(rest.milestones, model, state))
        for i in range(self.config.max_foreseen):
            call = first if i == 0 else None
            if call is None:
                ranking = self.ranked(situations, state, rest, last)
                call = next(filter(possible, ranking), None)
            if call is None:
                return
            yield call
            state, progress = foreseen(progress, model, state, grounded[str(call)])
            left = rest.milestones[1:] if rest.milestones[:1] == (call,) else rest.milestones
            rest = replace(rest, milestones=_ahead(left, model, state))
            last = LastCall(call=call, ok=True)


class _Steps:
    """One run."""

    def __init__(self, sequencing: Sequencing, executive: Executive, run: Run) -> None:
        self._sequencing, self._executive, self._run = sequencing, executive, run
        self._last: LastCall | None = None
        self._results: list[SkillResult] = []
        self._place = 0
        self._problem = ""
        self._attempts: Counter[tuple[str, str]] = Counter()

    def go(self) -> NoReturn:
        executive, run = self._executive, self._run
        while True:
            executive.end_when_stopped()
            run.pass_milestones()
            call = self._next()
            if call is None:
                # Where this look does not show the goal any more, the sequencer is asked again.
                executive.finish(run)
                continue
            self._refuse_to_go_round_in_circles(call)
            again = self._last is not None and self._last.failures > 0 and self._last.call == call
            if again:
                of = self._sequencing.config.max_repeats
                made = len(self._results)
                executive.retry(call, self._results[-1], self._problem, attempt=made + 1, of=of)
            else:
                self._follow(call)
            self._attempt(call, again)

    def _next(self) -> SkillCall | None:
        """The most likely call that may be made now; None when all is done."""
        run = self._run
        try:
            situations = Situations(self._executive.cards.values(), run.scene)
            ranking = self._sequencing.ranked(situations, situations.start, run.rest(), self._last)
        except RefusedError as error:
            raise Ended(f"nobody can say what comes next: {error}") from None
        refusals = []
        for call in ranking:
            refusal = self._refusal(call)
            if not refusal:
                return call
            refusals.append(refusal)
            _log.info("%s comes next, but is refused: %s", call or "the end", refusal)
        raise Ended(f"no call can be made now: {refusals[0]}")

    def _refusal(self, call: SkillCall | None) -> str:
        """Why a call, or the end, may not come now; empty when it may."""
        run = self._run
        if call is None:
            return self._missing()
        try:
            alone = replace(run.plan, calls=(call,), goal=(), milestones=(), specification=None)
            self._executive.accept(alone, run.scene)
        except RefusedError as error:
            return str(error)
        return run.monitor.refusal(call, run.scene)

    def _missing(self) -> str:
        """What is not yet as it is wanted, in words."""
        run = self._run
        unmet = goal_unmet(run.scene, run.plan.goal)
        return unmet_text(unmet, run.milestones, run.monitor.progress.pending)

    def _refuse_to_go_round_in_circles(self, call: SkillCall) -> None:
        most = self._sequencing.config.max_repeats
        missing = self._missing()
        made = self._attempts[str(call), missing]
        if made >= most:
            raise Ended(f"no progress: after {made} attempts at {call} still {missing}")
        self._attempts[str(call), missing] += 1

    def _follow(self, call: SkillCall) -> None:
        """Foresee anew and tell everybody, when the call is not the one that was foreseen."""
        executive, run = self._executive, self._run
        if run.calls[:1] == [call]:
            return
        number = len(run.plans)
        reason = f"{call} comes next" + (f": {self._problem}" if self._problem else "")
        executive.emit(EventKind.REPLAN, reason=reason, number=number)
        rest = run.rest()
        calls = tuple(self._sequencing.foreseen(rest, run.scene, call))
        run.follow(replace(rest, calls=calls))
        executive.announce(run.plan, number)

    def _attempt(self, call: SkillCall, again: bool) -> None:
        """Make one attempt and keep in mind what became of it."""
        run = self._run
        result, self._problem = self._executive.attempt(run, call)
        if again:
            del run.skills[self._place]
        self._results = [*self._results, result] if again else [result]
        self._place = len(run.skills)
        run.skills.append(summary(call, self._results))
        failures = 0 if result.ok else len(self._results)
        self._last = LastCall(call=call, ok=result.ok, failures=failures)
        end_for_good(run, call, result)
        if result.ok:
            run.made(call)


def _ahead(
    milestones: tuple[Milestone, ...], model: WorldModel, state: State
) -> tuple[Milestone, ...]:
    """Milestones without those at the front that hold."""
    while (
        milestones
        and not isinstance(milestones[0], SkillCall)
        and not model.unmet(state, milestones[0])
    ):
        milestones = milestones[1:]
    return milestones
