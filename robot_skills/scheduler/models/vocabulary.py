"""What a model may speak of: the names of one scene and of the skills, and nothing else.

Names of things come from perception, and with open vocabularies from whatever somebody has written
on a thing. Towards a model each thing has a plain name, so that no name is ever more than that.
"""

import re
from collections.abc import Iterable

from robot_skills.core.plan import Literal, SkillCall
from robot_skills.core.predicates import PREDICATES, arity
from robot_skills.core.scene import Scene
from robot_skills.scheduler.models.chat import Json
from robot_skills.skills.card import Parameter, ParameterType, SkillCard

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")


class Vocabulary:
    """Names of things, by type, and the skills that can be called with them.

    Args:
        scene: The things.
        cards: The skills, for example a `SkillLibrary`.
    """

    def __init__(self, scene: Scene, cards: Iterable[SkillCard]) -> None:
        self.scene = scene
        self._spoken = _plain_names(scene)
        self._meant = {spoken: name for name, spoken in self._spoken.items()}
        self.predicates = {name: arity(name)[0] for name in PREDICATES}
        self.cards = tuple(card for card in cards if self._callable(card))

    @property
    def names(self) -> tuple[str, ...]:
        """Plain names of all things."""
        return tuple(self._meant)

    def spoken(self, name: str) -> str:
        """The plain name of a thing; words that name none are as they are."""
        return self._spoken.get(name, name)

    def meant(self, spoken: str) -> str:
        """The thing of a plain name; words that name none are as they are."""
        return self._meant.get(spoken, spoken)

    def values(self, parameter: Parameter) -> tuple[str, ...]:
        """What may be given for an argument: words, or plain names of things of its type."""
        if parameter.type is ParameterType.WORD:
            return parameter.choices
        return self.of_type(parameter.type)

    def of_type(self, kind: ParameterType) -> tuple[str, ...]:
        """Plain names of the things of a type."""
        return tuple(self._spoken[e.name] for e in self.scene if kind.admits(e))

    def plainly(self, text: str) -> str:
        """A text of ours with plain names in place of others."""
        odd = [name for name, spoken in self._spoken.items() if name != spoken]
        for name in sorted(odd, key=len, reverse=True):
            text = text.replace(name, self._spoken[name])
        return text

    def literal_text(self, literal: Literal) -> str:
        """A literal with plain names, as ``not on(red_cube, table)``."""
        args = tuple(map(self.spoken, literal.args))
        return str(Literal(predicate=literal.predicate, args=args, negated=literal.negated))

    def literal_json(self, literal: Literal) -> dict[str, Json]:
        """A literal as a model says it."""
        args: list[Json] = [self.spoken(arg) for arg in literal.args]
        return {"predicate": literal.predicate, "args": args, "not": literal.negated}

    def call_json(self, call: SkillCall) -> dict[str, Json]:
        """A call as a model says it, less what it expects."""
        args: dict[str, Json] = {name: self.spoken(value) for name, value in call.args.items()}
        return {"skill": call.skill, "args": args}

    def _callable(self, card: SkillCard) -> bool:
        """Whether there is something for each of its arguments."""
        return all(self.values(parameter) for parameter in card.parameters)


def _plain_names(scene: Scene) -> dict[str, str]:
    """A plain name for each thing: its own where that is one."""
    spoken = {name: name for name in scene.entities if _PLAIN.fullmatch(name)}
    number = 0
    for name in scene.entities:
        while name not in spoken:
            number += 1
            candidate = f"thing_{number}"
            if candidate not in scene.entities:
                spoken[name] = candidate
    return {name: spoken[name] for name in scene.entities}
