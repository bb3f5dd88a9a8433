"""What a skill did against what it should have done, as facts of two scenes, and as foreseen."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from robot_skills.core.errors import RefusedError
from robot_skills.core.plan import Literal, SkillCall
from robot_skills.core.predicates import PASSING, holds
from robot_skills.core.scene import Scene
from robot_skills.scheduler.world_model import Atom, State, WorldModel, card_predicates, ground_call
from robot_skills.skills.card import SkillCard

_BY_THE_WAY = PASSING | {"beside"}
"""Predicates that change with every motion nearby: no harm, and nobody asked for them."""
DOUBTED_BELOW = 0.25
"""Predicted probability of success below which effects that are seen to hold are a surprise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Criticism:
    """How a scene differs from the expected one.

    Attributes:
        missing: Effects of the call that did not come about.
        surprises: Facts that changed without being meant to, and effects that came about although
            hardly anybody would have thought so, each as a short sentence.
        likely: Probability of success as predicted when the motion ended; None where nothing
            predicts it.
    """

    missing: tuple[Literal, ...] = ()
    surprises: tuple[str, ...] = ()
    likely: float | None = None

    def __str__(self) -> str:
        missing = [f"{literal} did not come about" for literal in self.missing]
        foreseen = []
        if missing and self.likely is not None:
            foreseen = [f"success had been foreseen with {self.likely:.2f}"]
        return "; ".join([*missing, *foreseen, *self.surprises])


class SecondOpinion(Protocol):
    """Somebody else who looks at what a call has come to, a language model that sees for example.

    It can cast doubt on a success; a failure stays one whatever it says.
    """

    def doubt(self, call: SkillCall, before: Scene, after: Scene) -> str:
        """Why the call may not have done what it should; empty where nothing speaks against it."""
        ...


class Critic:
    """Compares looks before and after a call.

    Args:
        cards: The skills, for example a `SkillLibrary`.
    """

    def __init__(self, cards: Iterable[SkillCard]) -> None:
        self._cards = {card.name: card for card in cards}
        self._predicates = card_predicates(self._cards.values())

    def judge(
        self, call: SkillCall, before: Scene, after: Scene, likely: float | None = None
    ) -> Criticism:
        """What of the call's effects is missing, and what else changed.

        Args:
            call: What was tried.
            before: The scene before.
            after: The scene afterwards.
            likely: Predicted probability of success when the motion ended, where it is known.
        """
        try:
            effects = ground_call(self._cards[call.skill], call.args).effects
        except (KeyError, RefusedError):
            return Criticism(likely=likely)
        model = WorldModel(before, self._predicates)
        expected = model.apply(model.initial(), effects)
        found = WorldModel(after, self._predicates).initial()
        missing = tuple(literal for literal in effects if not _holds(after, literal))
        direct = {(literal.predicate, literal.args) for literal in effects}
        surprises = list(_surprises(expected, found, direct, before, after))
        if not missing and likely is not None and likely < DOUBTED_BELOW:
            surprises.append(
                f"the effects hold, though success was foreseen with {likely:.2f} only"
            )
        return Criticism(missing=missing, surprises=tuple(surprises), likely=likely)


def goal_unmet(scene: Scene, goal: Iterable[Literal]) -> tuple[Literal, ...]:
    """The literals of a goal that do not hold; what is gone from the scene holds nothing."""
    return tuple(literal for literal in goal if not _holds(scene, literal))


def _holds(scene: Scene, literal: Literal) -> bool:
    try:
        return holds(scene, literal)
    except RefusedError:
        return False


def _surprises(
    expected: State, found: State, direct: set[Atom], before: Scene, after: Scene
) -> Iterable[str]:
    lost = sorted(set(before.entities) - set(after.entities))
    yield from (f"{name} is no longer seen" for name in lost)
    new = sorted(set(after.entities) - set(before.entities))
    yield from (f"{name} was not seen before" for name in new)
    lasting = {fact for fact in expected ^ found if fact[0] not in _BY_THE_WAY}
    for predicate, args in sorted(lasting & expected - direct):
        if not set(args) & set(lost):
            yield f"{predicate}({', '.join(args)}) no longer holds"
    for predicate, args in sorted(lasting & found - direct):
        if not set(args) & set(new):
            yield f"{predicate}({', '.join(args)}) holds now"
