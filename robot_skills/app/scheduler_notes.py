"""Takes down what is right at which moment, for a learned scheduler to learn from."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from policies.learned_scheduler.encoding import encode
from policies.learned_scheduler.samples import Sample
from robot_skills.app.learned_deciding import vocabulary_of
from robot_skills.core.next_call import Glimpses, with_attempt
from robot_skills.core.plan import SkillCall
from robot_skills.core.scene import Scene
from robot_skills.core.sequencer import LastCall
from robot_skills.scheduler.moments import Moments
from robot_skills.scheduler.world_model import State
from robot_skills.skills.card import SkillCard

Cards = tuple[SkillCard, ...]
History = tuple[LastCall, ...]


class Notes:
    """Takes down what is right at the moments of one request.

    Args:
        cards: The skills.
        wordings: Of the instruction.
        renamed: Label and colour of things that are called otherwise than they are.

    Attributes:
        samples: What was taken down.
    """

    def __init__(
        self,
        cards: Cards,
        wordings: tuple[str, ...],
        renamed: Mapping[str, tuple[str, str]] | None = None,
    ) -> None:
        self.samples: list[Sample] = []
        self._cards, self._wordings, self._renamed = cards, wordings, renamed or {}
        self._vocabulary = vocabulary_of(cards)

    def foreseen(self, scene: Scene, calls: Iterable[SkillCall]) -> None:
        """The plan from a scene on, as if nothing went wrong; the first call is left out."""
        moments = self.moments(scene)
        state, history = moments.start, ()
        for i, call in enumerate((*calls, None)):
            if i > 0:
                self._note(moments, state, history, call)
            if call is not None:
                state = moments.model.apply(state, moments.calls[str(call)].effects)
                history = with_attempt(history, call, ok=True)

    def seen(
        self,
        scene: Scene,
        history: History,
        call: SkillCall | None,
        glimpses: Glimpses | None = None,
    ) -> None:
        """What is right in a scene, of which there may be pictures; None is the end."""
        moments = self.moments(scene, glimpses)
        self._note(moments, moments.start, history, call)

    def unknown(self, scene: Scene) -> None:
        """Nothing can be done about the words in a scene."""
        moments = self.moments(scene)
        self._note(moments, moments.start, (), None, known=False)

    def moments(self, scene: Scene, glimpses: Glimpses | None = None) -> Moments:
        """The moments of a scene, in which things are called as the words call them."""
        for name, (label, colour) in self._renamed.items():
            if name in scene:
                scene = scene.with_entity(replace(scene[name], label=label, colour=colour))
        return Moments(self._cards, self._wordings[0], scene, glimpses)

    def _note(
        self,
        moments: Moments,
        state: State,
        history: History,
        call: SkillCall | None,
        known: bool = True,
    ) -> None:
        moment = moments.at(state, history)
        end = len(moment.options) + (not known)
        place = end if call is None else moment.options.index(call)
        kinds = ["" if e.name in self._renamed else e.name for e in moment.scene]
        self.samples.append(
            Sample(
                moment=encode(moment, self._vocabulary),
                place=place,
                wordings=self._wordings,
                kinds=tuple(kinds),
            )
        )
