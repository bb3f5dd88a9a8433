"""Follows a learned scheduler, which reads the words by itself: no grammar stands before it.

The upper level of a hierarchical policy, as in *Hi Robot: Open-Ended Instruction Following with
Hierarchical Vision-Language-Action Models* (Shi et al., 2025), with a network small enough to be
asked at every step. What it says is checked as any plan, gives way to the next best where it is
refused, and is not followed at all where nothing is likely enough. A run is judged by what the
network said would hold at its end.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import NoReturn

import numpy as np

from robot_skills.core.errors import InstructionError, PlanningError, RefusedError
from robot_skills.core.next_call import Glimpses, NextCallPredictor, with_attempt
from robot_skills.core.plan import Literal, Milestone, Plan, SkillCall
from robot_skills.core.scene import Scene
from robot_skills.scheduler.executive import Executive
from robot_skills.scheduler.moments import Moments
from robot_skills.scheduler.runs import Run
from robot_skills.scheduler.stepping import History, SequencingConfig, Steps
from robot_skills.scheduler.words.language import Understanding
from robot_skills.scheduler.words.tokens import shown
from robot_skills.scheduler.world_model import GroundCall, State, WorldModel
from robot_skills.skills.card import SkillCard

_MEANS = frozenset({"hand_empty", "holding"})
"""What is brought about on the way to everything else; nobody wishes for it to have been so."""
_LISTED = 2
"""Candidates that a refusal names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LearnedConfig:
    """When a learned scheduler is followed.

    Attributes:
        sure_from: Probability of what comes next below which no plan is made.
        considered_from: Probability below which something is not done even where all that is
            likelier is refused.
        max_characters: Longest instruction.
        stepping: How long it goes on trying.
    """

    sure_from: float = 0.3
    considered_from: float = 0.02
    max_characters: int = 500
    stepping: SequencingConfig = field(default_factory=SequencingConfig)

    def __post_init__(self) -> None:
        if not 0.0 <= self.considered_from <= self.sure_from < 1.0 or self.max_characters < 1:
            raise ValueError("Needs 0 <= considered_from <= sure_from < 1 and max_characters >= 1.")


def nothing_seen(_scene: Scene) -> Glimpses:
    """No pictures of anything."""
    return {}


class LearnedScheduling:
    """A `Planner` and a `Strategy` that follow a learned scheduler.

    As a planner it foresees the calls up to the end, each doing what its card says; an instruction
    whose calls it does not know is refused before anything moves.

    Args:
        predictor: Predicts what comes next.
        cards: The skills, for example a `SkillLibrary`.
        config: When it is followed.
        glimpses: What the things of a scene look like now.
        read: What the rules make of an instruction, to report where that is something else;
            `LanguageParser.parse`. Nobody is asked when None.
    """

    name = "learned"

    def __init__(
        self,
        predictor: NextCallPredictor,
        cards: Iterable[SkillCard],
        config: LearnedConfig | None = None,
        glimpses: Callable[[Scene], Glimpses] = nothing_seen,
        read: Callable[[str, Scene], Understanding] | None = None,
    ) -> None:
        self._config = config or LearnedConfig()
        self._predictor, self._cards = predictor, tuple(cards)
        self._glimpses, self._read = glimpses, read

    @property
    def config(self) -> SequencingConfig:
        """How long it goes on trying."""
        return self._config.stepping

    def plan(self, instruction: str, scene: Scene) -> Plan:
        """Foresee the calls for an instruction.

        Raises:
            InstructionError: It is empty or too long, or the network does not know what is meant.
            PlanningError: The network comes to no end.
        """
        text = instruction.strip()
        if not text:
            raise InstructionError("The instruction is empty: say what to do.")
        if len(text) > self._config.max_characters:
            raise InstructionError(
                f"The instruction has {len(text)} characters, at most "
                f"{self._config.max_characters} are read."
            )
        moments = self._moments(text, scene)
        walk = _Walk(moments, self._predictor, self._config)
        calls = list(walk.to_the_end(lambda _: True))
        goal, milestones = promised(moments.model, moments.start, calls)
        return Plan(
            instruction=instruction,
            goal=goal,
            calls=tuple(call.call for call in calls),
            planner=self.name,
            wording=self._conflicts(text, scene, moments.model, walk.state),
            milestones=milestones,
        )

    def replan(self, plan: Plan, scene: Scene) -> Plan:
        """Foresee the calls for what is left of a plan."""
        return replace(plan, calls=tuple(self.foreseen(plan, scene)))

    def carry_out(self, executive: Executive, run: Run) -> NoReturn:
        """Make calls until the run is over. Raises `Ended`."""
        Steps(self, executive, run).go()

    def ranked_now(
        self, run: Run, cards: Iterable[SkillCard], history: History
    ) -> list[SkillCall | None]:
        """What could come next in a run, most likely first; None stands for being done.

        Raises:
            InstructionError: Nothing is likely enough.
        """
        moments = Moments(cards, run.plan.instruction, run.scene, self._glimpses(run.scene))
        walk = _Walk(moments, self._predictor, self._config, history)
        likely = [
            None if call is None else call.call
            for call, share in walk.ranked()
            if share >= self._config.considered_from
        ]
        if not likely:
            raise InstructionError("The learned scheduler holds nothing for likely.")
        return likely

    def foreseen(
        self, rest: Plan, scene: Scene, first: SkillCall | None = None, history: History = ()
    ) -> Iterator[SkillCall]:
        """Calls up to the goal, each doing what its card says; they end where none is known.

        Args:
            rest: What is left of the instruction.
            scene: The latest look.
            first: The call to begin with; the most likely one when None.
            history: What was done before.
        """
        moments = self._moments(rest.instruction, scene)
        walk = _Walk(moments, self._predictor, self._config, history)
        if first is not None:
            yield walk.make(moments.calls[str(first)]).call

        def reached(state: State) -> bool:
            return not moments.model.unmet(state, rest.goal)

        with suppress(RefusedError):
            yield from (call.call for call in walk.to_the_end(reached))

    def _moments(self, instruction: str, scene: Scene) -> Moments:
        return Moments(self._cards, instruction, scene, self._glimpses(scene))

    def _conflicts(
        self, instruction: str, scene: Scene, model: WorldModel, end: State
    ) -> tuple[str, ...]:
        """What the rules read in the words and the network will not bring about."""
        if self._read is None:
            return ()
        try:
            understood = self._read(instruction, scene)
        except RefusedError:
            return ()
        missing = model.unmet(end, understood.goal)
        return tuple(f"the rules read {literal}, which would not hold" for literal in missing)


class _Walk:
    """Goes from state to state, each call doing what its card says."""

    def __init__(
        self,
        moments: Moments,
        predictor: NextCallPredictor,
        config: LearnedConfig,
        history: History = (),
    ) -> None:
        self.state = moments.start
        self._moments, self._predictor, self._config = moments, predictor, config
        self._history = history

    def ranked(self) -> list[tuple[GroundCall | None, float]]:
        """What could come next and how likely it is, likeliest first; None stands for the end.

        Raises:
            InstructionError: That nothing is known is likelier than anything else.
        """
        moment = self._moments.at(self.state, self._history)
        shares = np.exp(self._predictor.scores(moment))
        *known, unknown = shares
        choices = [*self._moments.calls.values(), None]
        order = np.argsort(-np.asarray(known), kind="stable")
        if unknown > known[order[0]]:
            raise self._not_known(f"not knowing it has the probability {unknown:.2f}")
        return [(choices[i], float(known[i])) for i in order]

    def to_the_end(self, may_end: Callable[[State], bool]) -> Iterator[GroundCall]:
        """Make what is likeliest of what is possible, again and again, until it is the end.

        Args:
            may_end: Whether the end may come in a state.

        Raises:
            InstructionError: Nothing is likely enough.
            PlanningError: There is no end.
        """
        model = self._moments.model
        for _ in range(self._config.stepping.max_foreseen):
            ranking = self.ranked()
            possible = (
                (call, share)
                for call, share in ranking
                if (
                    may_end(self.state)
                    if call is None
                    else not model.unmet(self.state, call.preconditions)
                )
            )
            call, share = next(possible, (None, 0.0))
            if share < self._config.sure_from:
                listed = ", ".join(
                    f"{call.call if call else 'the end'} {share:.2f}"
                    for call, share in ranking[:_LISTED]
                )
                raise self._not_known(f"likeliest are {listed}")
            if call is None:
                return
            yield self.make(call)
        raise PlanningError(
            f"No plan: the learned scheduler comes to no end within "
            f"{self._config.stepping.max_foreseen} calls."
        )

    def make(self, call: GroundCall) -> GroundCall:
        """Go on behind a call that does what its card says."""
        self.state = self._moments.model.apply(self.state, call.effects)
        self._history = with_attempt(self._history, call.call, ok=True)
        return call

    def _not_known(self, why: str) -> InstructionError:
        text = shown(self._moments.instruction)
        return InstructionError(
            f"The learned scheduler does not know what comes next for {text}: {why}."
        )


def promised(
    model: WorldModel, state: State, calls: Sequence[GroundCall]
) -> tuple[tuple[Literal, ...], tuple[Milestone, ...]]:
    """What calls are for, by their own effects: what holds at the end, and what held on the way.

    An effect that a later call needs is a means, and no milestone; so is what the hand holds.
    """
    states = [state]
    for call in calls:
        states.append(model.apply(states[-1], call.effects))
    goal: list[Literal] = []
    milestones: list[Milestone] = []
    for i, call in enumerate(calls):
        if not call.effects:
            milestones.append(call.call)
        needed = {need for later in calls[i + 1 :] for need in later.preconditions}
        for effect in call.effects:
            if effect.negated or effect.predicate == "hand_empty":
                continue
            if model.holds(states[-1], effect):
                goal.append(effect)
            elif effect.predicate not in _MEANS and not _is_means(effect, needed):
                milestones.append((effect,))
    return tuple(dict.fromkeys(goal)), tuple(milestones)


def _is_means(effect: Literal, needed: set[Literal]) -> bool:
    """Whether later calls need an effect, or what follows from it."""
    opens = effect.predicate == "open"
    follows = [replace(effect, predicate=name) for name in ("accepts",) if opens]
    return any(literal in needed for literal in (effect, *follows))
