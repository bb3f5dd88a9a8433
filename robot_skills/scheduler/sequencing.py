"""Asks a learned sequencer for the next call, again and again, until it says that all is done.

The upper level of *Multi-Stage Cable Routing through Hierarchical Imitation Learning* (Luo et al.,
2023): what comes next, another attempt among it, is predicted from what is wanted, what is seen and
what was just done. What is predicted passes the same checks as any plan; what they refuse gives way
to the next best.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import NoReturn

import numpy as np

from robot_skills.core.plan import Milestone, Plan, SkillCall, Specification
from robot_skills.core.scene import Scene
from robot_skills.core.sequencer import LastCall, Sequencer
from robot_skills.scheduler.executive import Executive
from robot_skills.scheduler.runs import Run
from robot_skills.scheduler.situations import Situations
from robot_skills.scheduler.stepping import History, SequencingConfig, Steps
from robot_skills.scheduler.temporal.planning import begun, foreseen
from robot_skills.scheduler.words.language import Understanding
from robot_skills.scheduler.world_model import State, WorldModel
from robot_skills.skills.card import SkillCard


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
        Steps(self, executive, run).go()

    def ranked_now(
        self, run: Run, cards: Iterable[SkillCard], history: History
    ) -> list[SkillCall | None]:
        """What could come next in a run, most likely first; None stands for being done."""
        situations = Situations(cards, run.scene)
        return self.ranked(situations, situations.start, run.rest(), _last(history))

    def ranked(
        self, situations: Situations, state: State, rest: Plan, last: LastCall | None
    ) -> list[SkillCall | None]:
        """What could come next, most likely first; None stands for being done."""
        situation = situations.at(state, rest, last)
        order = np.argsort(-self._sequencer.scores(situation), kind="stable")
        choices = [*(option.call for option in situation.options), None]
        return [choices[i] for i in order]

    def foreseen(
        self, rest: Plan, scene: Scene, first: SkillCall | None = None, history: History = ()
    ) -> Iterator[SkillCall]:
        """Calls up to the goal, each doing what its card says; they end where none is possible.

        Args:
            rest: What is left of the instruction.
            scene: The latest look.
            first: The call to begin with; the most likely one when None.
            history: What was done before.
        """
        situations = Situations(self._cards, scene)
        model, state, last = situations.model, situations.start, _last(history)
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


def _last(history: History) -> LastCall | None:
    return history[-1] if history else None


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
