"""Verbs that no list has: the nearest known verb by sentence embeddings, or none.

An unknown verb is compared with the verbs of every act, with those of the skill cards, and with
many verbs for things that no skill does. Only when a verb that means something here is the nearest
of all, and near enough, is it taken for that one; a threshold alone would let "melt" pass for
"pick up".
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np

from robot_skills.core.policy import TextEncoder
from robot_skills.scheduler.words import lexicon as words
from robot_skills.scheduler.words.lexicon import Act
from robot_skills.skills.card import SkillCard

_ACTS = (Act.PICK, Act.PLACE, Act.TAKE_OUT, Act.OPEN, Act.CLOSE)
_LONGEST = 2
"""Words of the longest verbs that others are compared with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenWordingConfig:
    """When an unknown verb counts as understood.

    Attributes:
        similarity: Least cosine similarity to the nearest verb.
        margin: How much nearer it has to be than to any verb that means something else.
    """

    similarity: float = 0.45
    margin: float = 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownVerb:
    """A verb with a meaning: an act, a skill with a verb form of its own, or neither."""

    text: str
    act: Act | None = None
    skill: str = ""

    @property
    def foreign(self) -> bool:
        return self.act is None and not self.skill


class OpenWording:
    """Finds the known verb that an unknown one stands for.

    Args:
        cards: Skills whose verb forms count as known.
        encoder: Sentence embeddings.
        config: When a verb counts as understood.
    """

    def __init__(
        self,
        cards: Iterable[SkillCard],
        encoder: TextEncoder,
        config: OpenWordingConfig | None = None,
    ) -> None:
        self._encoder = encoder
        self._config = config or OpenWordingConfig()
        self._verbs = _known_verbs(cards)
        self._embeddings: np.ndarray | None = None

    def nearest(self, said: str, acts: Collection[Act]) -> tuple[KnownVerb, float] | None:
        """The verb that `said` stands for, with its similarity; None when there is none.

        Args:
            said: Verb with its particle, for example ``"tuck away"``.
            acts: What the rest of the clause leaves possible.
        """
        if self._embeddings is None:
            self._embeddings = self._encoder.encode([verb.text for verb in self._verbs])
        scores = self._embeddings @ self._encoder.encode([said])[0]
        possible = [i for i, v in enumerate(self._verbs) if v.act in acts or v.skill]
        if not possible:
            return None
        best = max(possible, key=lambda i: float(scores[i]))
        foreign = max(float(scores[i]) for i, v in enumerate(self._verbs) if v.foreign)
        score = float(scores[best])
        if score < self._config.similarity or score < foreign + self._config.margin:
            return None
        return self._verbs[best], score


def card_verbs(card: SkillCard) -> tuple[str, ...]:
    """The words of a card's verb forms that are not slots: "press {button}" gives "press"."""
    forms = [[word for word in form.split() if not word.startswith("{")] for form in card.verbs]
    return tuple(" ".join(form) for form in forms if form)


def _known_verbs(cards: Iterable[SkillCard]) -> list[KnownVerb]:
    known = {
        text: KnownVerb(text=text, act=act)
        for act in _ACTS
        for text in words.VERBS[act]
        if len(text.split()) <= _LONGEST
    }
    for card in cards:
        for text in card_verbs(card):
            if card.parameters and text.split()[0] not in {k.split()[0] for k in known}:
                known[text] = KnownVerb(text=text, skill=card.name)
    for text in sorted(words.FOREIGN_VERBS):
        known.setdefault(text, KnownVerb(text=text))
    return list(known.values())
