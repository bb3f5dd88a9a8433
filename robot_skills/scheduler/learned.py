"""Follows a learned scheduler, which reads the words by itself, and holds it to what rules read.

The upper level of a hierarchical policy, as in *Hi Robot: Open-Ended Instruction Following with
Hierarchical Vision-Language-Action Models* (Shi et al., 2025), with a network small enough to be
asked at every step. Rules have the last word: what they refuse is refused, and where they read the
words, a run is judged by what they read, and no call is made that does not serve it. Where they do
not understand the grammar, a run is judged by what the network said would hold at its end.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import NoReturn

from robot_skills.core.errors import InstructionError, PlanningError, RefusedError
from robot_skills.core.next_call import Glimpses, NextCallPredictor, with_attempt
from robot_skills.core.plan import Literal, Milestone, Plan, SkillCall
from robot_skills.core.scene import Scene
from robot_skills.scheduler.aims import Aim
from robot_skills.scheduler.executive import Executive
from robot_skills.scheduler.moments import Moments
from robot_skills.scheduler.runs import Run
from robot_skills.scheduler.stepping import History, SequencingConfig, Steps
from robot_skills.scheduler.symbolic import SymbolicPlanner
from robot_skills.scheduler.walks import FreeWalk, HeldWalk
from robot_skills.scheduler.words.language import Understanding
from robot_skills.scheduler.words.tokens import shown
from robot_skills.scheduler.world_model import GroundCall, State, WorldModel
from robot_skills.skills.card import SkillCard

_MEANS = frozenset({"hand_empty", "holding"})
"""What is brought about on the way to everything else; nobody wishes for it to have been so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LearnedConfig:
    """When a learned scheduler is followed.

    Attributes:
        sure_from: Probability of what comes next below which no plan is made for words that only
            the network understands.
        considered_from: Probability, among what may come next, below which something is not done
            even where all that is likelier is refused.
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
    whose calls it does not know, or that rules refuse, is refused before anything moves.

    Args:
        predictor: Predicts what comes next.
        cards: The skills, for example a `SkillLibrary`.
        config: When it is followed.
        glimpses: What the things of a scene look like now.
        rules: What it is held to for an instruction, `LanguageParser.binding`; to nothing when
            None.
    """

    name = "learned"

    def __init__(
        self,
        predictor: NextCallPredictor,
        cards: Iterable[SkillCard],
        config: LearnedConfig | None = None,
        glimpses: Callable[[Scene], Glimpses] = nothing_seen,
        rules: Callable[[str, Scene], Understanding | None] | None = None,
    ) -> None:
        self._config = config or LearnedConfig()
        self._predictor, self._cards = predictor, tuple(cards)
        self._glimpses, self._rules = glimpses, rules
        self._search = SymbolicPlanner(self._cards)

    @property
    def config(self) -> SequencingConfig:
        """How long it goes on trying."""
        return self._config.stepping

    def plan(self, instruction: str, scene: Scene) -> Plan:
        """Foresee the calls for an instruction.

        Raises:
            InstructionError: It is empty or too long, rules refuse it, or the network does not know
                what is meant.
            UnknownNameError: Rules miss what it names, or a skill for it.
            PlanningError: The network comes to no end, or not to the one that the rules read.
        """
        text = instruction.strip()
        if not text:
            raise InstructionError("The instruction is empty: say what to do.")
        if len(text) > self._config.max_characters:
            raise InstructionError(
                f"The instruction has {len(text)} characters, at most "
                f"{self._config.max_characters} are read."
            )
        understood = None if self._rules is None else self._rules(text, scene)
        if understood is None:
            return self._planned_alone(instruction, scene)
        plan = Plan(
            instruction=instruction,
            goal=understood.goal,
            calls=(),
            planner=self.name,
            wording=understood.wording,
            milestones=understood.milestones,
            specification=understood.specification,
        )
        try:
            return replace(plan, calls=tuple(self._walked(plan, scene)))
        except PlanningError:
            # Where there is no way at all, what is missing for one is worth more to know.
            self._search.plan(scene, plan.goal, plan.milestones, plan.specification)
            raise

    def _planned_alone(self, instruction: str, scene: Scene) -> Plan:
        """A plan for words that only the network understands."""
        moments = self._moments(instruction.strip(), scene)
        walk = FreeWalk(moments, self._predictor, self._config.sure_from)
        calls = list(walk.to_the_end(self._config.stepping.max_foreseen))
        if not calls:
            raise InstructionError(
                f"The learned scheduler would do nothing for {shown(instruction)}, and nobody else "
                "can tell whether that is right. Say it in plainer words."
            )
        goal, milestones = promised(moments.model, moments.start, calls)
        return Plan(
            instruction=instruction,
            goal=goal,
            calls=tuple(call.call for call in calls),
            planner=self.name,
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

        What was foreseen comes before all else, as long as it leads to the end from here.

        Raises:
            InstructionError: Nothing that the plan allows is likely enough.
        """
        moments = Moments(cards, run.plan.instruction, run.scene, self._glimpses(run.scene))
        aim = Aim.of(run.rest(), moments.model)
        if aim.reached:
            return [None]
        walk = HeldWalk(moments, self._predictor, self._config.considered_from)
        likely: list[SkillCall | None] = [call.call for call in walk.ranked(aim, history)]
        if not likely:
            raise InstructionError("The learned scheduler holds nothing for likely that may be.")
        ahead = [moments.calls[str(call)] for call in run.calls if str(call) in moments.calls]
        if ahead and ahead[0].call in likely and aim.is_reached_by(ahead):
            # What was foreseen goes round in no circles; one call after the other may.
            first = ahead[0].call
            return [first, *(call for call in likely if call != first)]
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
        with suppress(RefusedError):
            yield from self._walked(rest, scene, first, history)

    def _walked(
        self, plan: Plan, scene: Scene, first: SkillCall | None = None, history: History = ()
    ) -> Iterator[SkillCall]:
        """Calls up to what a plan is for. Raises as `plan` does."""
        moments = self._moments(plan.instruction.strip(), scene)
        aim = Aim.of(plan, moments.model)
        walk = HeldWalk(moments, self._predictor, self._config.considered_from)
        if first is not None:
            yield first
            aim = aim.behind(moments.calls[str(first)])
            history = with_attempt(history, first, ok=True)
        most = self._config.stepping.max_foreseen
        yield from (call.call for call in walk.to_the_end(aim, history, most))

    def _moments(self, instruction: str, scene: Scene) -> Moments:
        return Moments(self._cards, instruction, scene, self._glimpses(scene))


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
