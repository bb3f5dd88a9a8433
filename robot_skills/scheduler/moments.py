"""From scenes, words and history to the moments that a learned scheduler predicts from."""

from collections.abc import Iterable

from robot_skills.core.next_call import Glimpses, Moment
from robot_skills.core.plan import Literal
from robot_skills.core.scene import Scene
from robot_skills.core.sequencer import LastCall
from robot_skills.scheduler.world_model import (
    State,
    WorldModel,
    card_predicates,
    ground_calls,
)
from robot_skills.skills.card import SkillCard

_MOVED_BY = frozenset({"on", "in", "inserted", "holding", "open", "closed"})
"""What says where the first of its things is."""


class Moments:
    """The moments that come about in one scene, as it is and as calls would change it.

    Args:
        cards: The skills, for example a `SkillLibrary`.
        instruction: The words.
        scene: The latest look.
        glimpses: What entities look like.

    Attributes:
        instruction: The words.
        model: Of the scene.
        start: What holds in it.
        calls: Every call of the skills with entities of the scene, by what it is in words.
    """

    def __init__(
        self,
        cards: Iterable[SkillCard],
        instruction: str,
        scene: Scene,
        glimpses: Glimpses | None = None,
    ) -> None:
        cards = tuple(cards)
        self.instruction, self._glimpses = instruction, glimpses or {}
        self.model = WorldModel(scene, card_predicates(cards))
        self.start = self.model.initial()
        self.calls = {str(call.call): call for call in ground_calls(cards, self.model)}

    def at(self, state: State, history: tuple[LastCall, ...]) -> Moment:
        """The moment in a state.

        Args:
            state: What holds.
            history: What was done so far, oldest first.
        """
        changed = {args[0] for predicate, args in state ^ self.start if predicate in _MOVED_BY}
        return Moment(
            instruction=self.instruction,
            scene=self.model.scene,
            facts=frozenset(Literal(predicate=name, args=args) for name, args in state),
            options=tuple(call.call for call in self.calls.values()),
            history=history,
            glimpses=self._glimpses,
            displaced=frozenset(changed),
        )
