"""From scenes, words and history to the situations that a sequencer chooses from."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from robot_skills.core.plan import Literal, Plan, SkillCall
from robot_skills.core.scene import Scene
from robot_skills.core.sequencer import LastCall, Option, Situation
from robot_skills.scheduler.expected import possible_changes
from robot_skills.scheduler.world_model import (
    GroundCall,
    State,
    WorldModel,
    card_predicates,
    ground_calls,
)
from robot_skills.skills.card import SkillCard


@dataclass(frozen=True, kw_only=True, slots=True)
class _Wishes:
    """What is left of an instruction: what comes next, and what comes after that."""

    wanted: tuple[Literal, ...]
    later: tuple[Literal, ...]
    asked: SkillCall | None

    @classmethod
    def of(cls, rest: Plan) -> "_Wishes":
        first, *others = *rest.milestones, rest.goal
        later = [literal for step in others if not isinstance(step, SkillCall) for literal in step]
        asked = first if isinstance(first, SkillCall) else None
        wanted = () if isinstance(first, SkillCall) else first
        return cls(wanted=wanted, later=tuple(dict.fromkeys(later)), asked=asked)


class Situations:
    """The situations that come about in one scene, as it is and as calls would change it.

    Args:
        cards: The skills, for example a `SkillLibrary`.
        scene: The latest look; its geometry is taken as it was seen.

    Attributes:
        model: Of the scene.
        start: What holds in it.
        calls: Every call of the skills with entities of the scene.
    """

    def __init__(self, cards: Iterable[SkillCard], scene: Scene) -> None:
        cards = tuple(cards)
        self.model = WorldModel(scene, card_predicates(cards))
        self.start = self.model.initial()
        self.calls = tuple(ground_calls(cards, self.model))
        self._on_request = frozenset(card.name for card in cards if card.on_request)

    def at(self, state: State, rest: Plan, last: LastCall | None) -> Situation:
        """The situation in a state.

        Args:
            state: What holds.
            rest: What is left of the instruction: its goal and the milestones that lie ahead.
            last: What was just done.

        Raises:
            UnknownNameError: The goal names a thing that is not in the scene.
        """
        wishes = _Wishes.of(rest)
        # What only moves the arm has no effects; it is done when it is asked for.
        calls = [call for call in self.calls if call.effects or call.call == wishes.asked]
        spoken_of = {_positive(literal) for call in calls for literal in call.preconditions}
        spoken_of |= {_positive(literal) for literal in (*wishes.wanted, *wishes.later)}
        return Situation(
            scene=self.model.scene,
            options=tuple(self._option(state, call, spoken_of) for call in calls),
            facts=frozenset(x for x in spoken_of if self.model.holds(state, x)),
            wanted=wishes.wanted,
            later=wishes.later,
            asked=wishes.asked,
            last=last,
        )

    def _option(self, state: State, call: GroundCall, spoken_of: set[Literal]) -> Option:
        after = self.model.apply(state, call.effects)
        changed = [x for x in possible_changes(state, after) if x in spoken_of]
        now = {x: self.model.holds(state, x) for x in changed}
        then = {x: self.model.holds(after, x) for x in changed}
        return Option(
            call=call.call,
            needs=call.preconditions,
            brings=tuple(x for x in changed if then[x] and not now[x]),
            ends=tuple(x for x in changed if now[x] and not then[x]),
            on_request=call.call.skill in self._on_request,
        )


def _positive(literal: Literal) -> Literal:
    return replace(literal, negated=False) if literal.negated else literal
