"""Watches at run time whether what is seen and what is called satisfies a specification."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from robot_skills.core.plan import SkillCall, Specification
from robot_skills.core.scene import Scene
from robot_skills.scheduler.critic import goal_unmet
from robot_skills.scheduler.temporal.planning import foreseen
from robot_skills.scheduler.temporal.progress import Progress
from robot_skills.scheduler.temporal.trace import Position
from robot_skills.scheduler.world_model import WorldModel, card_predicates, ground_call
from robot_skills.skills.card import SkillCard


@dataclass(frozen=True, kw_only=True, slots=True)
class Monitor:
    """Where a specification stands after what was seen and called so far.

    Attributes:
        progress: Of the specification.
        cards: The skills by name.
    """

    progress: Progress
    cards: Mapping[str, SkillCard]

    @classmethod
    def of(cls, specification: Specification | None, cards: Mapping[str, SkillCard]) -> "Monitor":
        """A monitor that has seen nothing yet; without a specification all satisfies it.

        Raises:
            InstructionError: The specification cannot be read.
            UnknownNameError: It names a predicate that does not exist.
        """
        progress = Progress.of(specification or Specification(parts=()))
        return cls(progress=progress, cards=cards)

    def saw(self, scene: Scene) -> "Monitor":
        """Behind a look."""
        return replace(self, progress=self.progress.seen(Position(scene=scene).true))

    def began(self, call: SkillCall, scene: Scene) -> "Monitor":
        """Behind the beginning of a call in the scene that was seen latest.

        A call whose preconditions do not hold never begins, and is no part of the trace.
        """
        if not self.progress.automata:
            return self
        if goal_unmet(scene, self.cards[call.skill].preconditions(call.args)):
            return self
        return replace(self, progress=self.progress.called(Position(scene=scene).true, call))

    def refusal(self, call: SkillCall, scene: Scene) -> str:
        """Why a call may not be made now, foreseen from its effects; empty when it may."""
        if self.progress.violated:
            return self.violation
        if not self.progress.automata:
            return ""
        model = WorldModel(scene, card_predicates(self.cards.values()))
        grounded = ground_call(self.cards[call.skill], call.args)
        _, after = foreseen(self.progress, model, model.initial(), grounded)
        if not after.violated:
            return ""
        return f"{call} would violate {'; '.join(after.violated)}"

    @property
    def violation(self) -> str:
        """What is violated for good, in words; empty when nothing is."""
        violated = self.progress.violated
        return f"{'; '.join(violated)} is violated" if violated else ""

    @property
    def rest(self) -> Specification | None:
        """The specification with what is left of it; None when there is none."""
        return self.progress.specification() if self.progress.automata else None
